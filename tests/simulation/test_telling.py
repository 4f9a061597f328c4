"""A strategy is known by its values and by all the code it brings: one that decides otherwise never has its results."""

import collections
import enum
import functools
import pickle
import subprocess
import sys
import threading
import types
from dataclasses import dataclass

import numba
import numpy as np
import pandas as pd
import pytest
import scipy.stats

import retreat_research as rr
from retreat_research.simulation.identity import digest_of

COHORT = rr.draw_cohort(20, indication="glabellar")
STEP = 1


class Plain(rr.Strategy):
    """Holds something."""

    shared = 0
    table = {"a": 1}  # noqa: RUF012

    def __init__(self, held=None):
        object.__setattr__(self, "held", held)

    def decide(self, seen, memory):
        return rr.Decision.at(12.0)


def helper():
    return STEP


class Global(rr.Strategy):
    def decide(self, seen, memory):
        return rr.Decision.at(12.0 + helper())


def closure(step):
    class Own(rr.Strategy):
        def decide(self, seen, memory):
            return rr.Decision.at(12.0 + step)

    return Own()


def closure_of_a_closure(step):
    def inner():
        return step

    return Plain(lambda: inner())


def default(step):
    class Own(rr.Strategy):
        def decide(self, seen, memory, step=step):
            return rr.Decision.at(12.0 + step)

    return Own()


def keyword_default(step):
    class Own(rr.Strategy):
        def decide(self, seen, memory, *, step=step):
            return rr.Decision.at(12.0 + step)

    return Own()


def a_property(step):
    class Own(rr.Strategy):
        @property
        def gap(self):
            return 12.0 + step

        def decide(self, seen, memory):
            return rr.Decision.at(self.gap)

    return Own()


def a_cached_property(step):
    class Own(rr.Strategy):
        @functools.cached_property
        def gap(self):
            return 12.0 + step

        def decide(self, seen, memory):
            return rr.Decision.at(self.gap)

    return Own()


def a_static_method(step):
    class Own(rr.Strategy):
        @staticmethod
        def gap():
            return 12.0 + step

        def decide(self, seen, memory):
            return rr.Decision.at(self.gap())

    return Own()


def an_attribute_of_a_base(step):
    class Base(rr.Strategy):
        gap = 12.0 + step

    class Own(Base):
        def decide(self, seen, memory):
            return rr.Decision.at(self.gap)

    return Own()


def a_field(step):
    @dataclass(frozen=True)
    class Own(rr.Strategy):
        weeks: float

        def decide(self, seen, memory):
            return rr.Decision.at(self.weeks)

    return Own(12.0 + step)


def typed_in(step, text="12.0 + STEP", **names):
    """A cell of a notebook: no file, and a global value."""
    names |= {"rr": rr, "STEP": step, "__name__": "__main__"}
    code = "class Own(rr.Strategy):\n    def decide(self, seen, memory):\n"
    exec(f"{code}        return rr.Decision.at({text})", names)
    return names["Own"]()


def own_module(step):
    module = types.ModuleType("helpers_of_a_user")
    exec(f"STEP = {step}\nLOCK = __import__('threading').Lock()\ndef gap():\n    return 12.0 + STEP", vars(module))
    return typed_in(0, "helpers.gap()", helpers=module)


def global_value(step):
    global STEP
    STEP = step
    return Global()


def class_attribute(step):
    Plain.shared = step
    return Plain()


def class_dict(step):
    Plain.table["a"] = step
    return Plain()


def shadowing(step):
    own = Plain()
    object.__setattr__(own, "shared", step)
    return own


def frame(step):
    table = pd.DataFrame({"x": np.arange(100.0)})
    table.loc[50, "x"] = step
    return Plain(table)


def compiled(step):
    @numba.njit
    def gap(x):
        return x + step

    return Plain(gap)


def cached(step):
    @functools.lru_cache
    def gap(x):
        return x + step

    return Plain(gap)


def wrapped(step):
    @functools.wraps(np.mean)  # takes over its `__module__`
    def gap(x):
        return x + step

    return Plain(gap)


def bound(step):
    class Holder:
        __slots__ = ("step",)

        def gap(self):
            return self.step

    holder = Holder()
    holder.step = step
    return Plain(holder.gap)


class Colour(enum.Enum):
    RED = 1
    BLUE = 9


class Numbers(list):
    pass


class Whole(int):
    pass


def loop(step):
    own = Plain(step)
    object.__setattr__(own, "me", own)
    return own


CASES = [
    closure, closure_of_a_closure, default, keyword_default, a_property, a_cached_property, a_static_method, a_field,
    an_attribute_of_a_base, typed_in, own_module, global_value, class_attribute, class_dict, shadowing, frame, compiled,
    cached, wrapped, bound, loop,
]  # fmt: skip
VALUES = {
    "function": lambda step: lambda: step,
    "partial": lambda step: functools.partial(helper, step),
    "vectorised": lambda step: np.vectorize(lambda x: x + step),
    "objects in a table": lambda step: pd.DataFrame({"x": ["a", step, np.append(np.zeros(5000), step)]}),
    "labels of rows": lambda step: pd.DataFrame({"x": [1, 2]}, index=[step, 2]),
    "labels of columns": lambda step: pd.DataFrame({f"x{step}": [1, 2]}),
    "categories": lambda step: pd.Series(pd.Categorical([str(step), "2"])),
    "times": lambda step: pd.Series(pd.to_datetime([f"2020-01-0{step}"]).tz_localize("UTC")),
    "levels": lambda step: pd.Series([1], index=pd.MultiIndex.from_tuples([(1, step)])),
    "objects in an array": lambda step: np.array([1, "a", [step]], dtype=object),
    "a long array": lambda step: np.append(np.zeros(5000), step),
    "records": lambda step: np.array([(1, step)], dtype=[("a", "i4"), ("b", "O")]),
    "a mask": lambda step: np.ma.masked_array([1.0, 2.0], mask=[step == 1, False]),
    "a type of numbers": lambda step: np.zeros(1, dtype="f4" if step == 1 else "i4"),
    "a set": lambda step: {step, 2, "a", "b"},
    "an order": lambda step: {"a": 1, "b": 2} if step == 1 else {"b": 2, "a": 1},
    "a factory": lambda step: collections.defaultdict(list if step == 1 else dict),
    "a list of one's own": lambda step: Numbers([step]),
    "a number of one's own": Whole,
    "a member": Colour,
    "a distribution": lambda step: scipy.stats.norm(0, step),
    "a strategy": lambda step: rr.Stepped(step=step),
}


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_what_can_decide_otherwise_is_another_strategy(make):
    one, other, again = digest_of(make(1)), digest_of(make(9)), digest_of(make(1))
    assert one == again
    assert one != other


@pytest.mark.parametrize("name", VALUES)
def test_what_a_strategy_holds_is_told_to_the_end(name):
    one, other, again = (digest_of(Plain(VALUES[name](step))) for step in (1, 9, 1))
    assert one == again
    assert one != other


@pytest.mark.parametrize("make", [closure, default, a_property, typed_in, global_value, class_dict, frame])
def test_a_store_never_gives_the_results_of_another(make, tmp_path):
    places = set()
    for step in (1, 9, 1):
        out = rr.simulate(COHORT, make(step), years=2, store=tmp_path)
        places.add(out.stored["patients"])
        assert out.patients.equals(rr.simulate(COHORT, make(step), years=2).patients)
    assert len(places) == 2


def test_a_strategy_is_the_same_after_pickling_and_in_another_process(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\nimport pandas as pd\nimport retreat_research as rr\n"
        "WEEKS, NAMES = np.arange(3.0), {'a', 'b', 'c', 'd'}\n"
        "class Mine(rr.Strategy):\n"
        "    def __init__(self):\n"
        "        object.__setattr__(self, 'table', pd.DataFrame({'x': [{'p', 'q', 'r'}, 'b']}))\n"
        "    def decide(self, seen, memory):\n"
        "        return rr.Decision.at(12 + WEEKS[seen.product[0] in {'u', 'v', 'w', 'x'}] + len(NAMES))\n"
    )
    code = "from retreat_research.simulation.identity import digest_of; import mine, pickle\n"
    code += "own = mine.Mine(); print(digest_of(own), digest_of(pickle.loads(pickle.dumps(own))))"
    told = set()
    for number in "12":
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path,
            env={"PYTHONHASHSEED": number, "PYTHONPATH": str(tmp_path)},
        )  # fmt: skip
        told |= set(done.stdout.split())
    assert len(told) == 1
    assert digest_of(pickle.loads(pickle.dumps(Plain(3)))) == digest_of(Plain(3))


def test_an_attribute_is_not_a_global_of_the_same_name():
    one, other = (typed_in(step, "seen.STEP * 0 + 12") for step in (1, 9))
    assert digest_of(one) == digest_of(other)


def test_what_cannot_be_told_from_others_is_refused(tmp_path):
    with (tmp_path / "file").open("w") as file:
        for held in (
            np.random.default_rng(1), np.random.default_rng(1).normal, file, threading.Lock(), iter([1]),
            (i for i in [1]), np.frompyfunc(lambda x: x, 1, 1), {"a": [threading.Lock()]},
        ):  # fmt: skip
            with pytest.raises(rr.InputError, match=r"Plain → held has a .* cannot be told from others"):
                rr.simulate(COHORT, Plain(held), years=1, store=tmp_path / "store")
    rng = np.random.default_rng(1)
    with pytest.raises(rr.InputError, match="decide → rng has a Generator, which changes when it is used"):
        digest_of(typed_in(1, "12 + rng.random()", rng=rng))
    deep = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(rr.InputError, match="Plain is nested too deep"):
        digest_of(Plain(deep))
