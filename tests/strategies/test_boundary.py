"""The boundary: nothing latent can be reached from what a strategy is shown, and others' patients do not matter.

Every named strategy and every combinator is run in a world with everything in it; what the engine hands to `decide` is
recorded there, so strategies around others are seen as they are.
"""

import gc
import inspect
import types

import numpy as np
import pytest

import retreat_research as rr
from retreat_research.simulation import asking
from retreat_research.simulation.outcomes import HISTORY, TOTALS
from retreat_research.simulation.state import IMMUNE, OBSERVED, PATIENT
from retreat_research.strategies import Memory, Seen, combining
from retreat_research.strategies.parsing import named_strategies
from retreat_research.strategies.seen import SEEN_ARRAYS

ABO, RIMA = "abobotulinumtoxinA", "rimabotulinumtoxinB"
WORLD = rr.World.default("cervical dystonia", ABO).replace(
    induction_rate=0.3, booster=1.0, missed_check=0.2, no_show=0.1, dropout_per_year=0.2, test_every=2,
    non_response=0.15, return_jitter=0.9, lot_sd=0.1, visit_every=3.3,
)  # fmt: skip
#: Arguments of the named strategies that cannot do without, and of each combinator.
NEEDS = {"Fixed": (12,)}
COMBINED = {
    "within": lambda s: s.within(10, 20),
    "booked": lambda s: s.booked(),
    "confirm": lambda s: s.confirm(2),
    "escalate_dose": lambda s: s.escalate_dose(),
    "lowest_effective_dose": lambda s: s.lowest_effective_dose(),
    "halt_if": lambda s: s.halt_if("tested positive", 26),
    "switch_if": lambda s: s.switch_if("tested positive", RIMA),
    "touch_up": lambda s: s.touch_up(0.3),
    "with_adherence": lambda s: s.with_adherence(no_show=0.2),
    "with_adjunct": lambda s: s.with_adjunct(1.2, 4),
}


class Turning(rr.Strategy):
    """A user's own, with memory of each kind."""

    def initial_memory(self):
        return {"turn": 0, "late": False, "what": "x", "pair": (12.0, 16.0)}

    def decide(self, seen, memory):
        gap = np.where(memory.turn % 2 == 0, memory.pair[:, 0], memory.pair[:, 1])
        late = memory.late | (seen.past_upper[:, -1:] < 10).any(axis=1)
        new = {"turn": memory.turn + 1, "late": late, "what": np.where(late, "late", "x"), "pair": memory.pair[:, ::-1]}
        return rr.Decision(gap / 2, gap, units=np.where(late, 1.1, 1) * seen.label_units), new


def strategies():
    found = {"user's own": Turning()}
    for name, kind in named_strategies().items():
        try:
            found[name] = kind(*NEEDS.get(name, ()))
        except TypeError:  # needs arguments that say what it is, such as the rules of a ladder
            continue
    for name, combine in COMBINED.items():
        if hasattr(combining.Combining, name):
            try:
                found[name] = combine(rr.Stepped(early=True))
            except NotImplementedError:
                continue
    return found


ALL = strategies()


def test_every_combinator_is_among_them():
    methods = {n for n, f in inspect.getmembers(combining.Combining, inspect.isfunction) if not n.startswith("_")}
    assert methods <= set(COMBINED)


def recorded(strategy, monkeypatch, n=40, years=4):
    """What the engine handed to `decide`: (seen, memory) and the strategy that was asked, at every visit."""
    calls, was = [], asking.Asking._called

    def called(self, method, *arguments):
        answer = was(self, method, *arguments)
        if arguments:
            calls.append((self, *arguments, answer))
        return answer

    monkeypatch.setattr(asking.Asking, "_called", called)
    cohort = rr.draw_cohort(n, world=WORLD, seed=5)
    out = rr.simulate(cohort, strategy, years=years, seed=3, history=True)
    monkeypatch.undo()
    return cohort, out, calls


def reachable(*roots):
    """Everything that can be reached without leaving for code: attributes, containers, bases of arrays, closures."""
    found, todo = {}, list(roots)
    while todo:
        item = todo.pop()
        if id(item) in found or isinstance(item, type | types.ModuleType | types.BuiltinFunctionType | str | bytes):
            continue
        found[id(item)] = item
        if isinstance(item, types.FunctionType):
            todo += [cell.cell_contents for cell in item.__closure__ or ()]
        elif isinstance(item, types.MethodType):
            todo += [item.__self__, item.__func__]
        else:
            todo += gc.get_referents(item)
        if isinstance(item, np.ndarray):
            todo.append(item.base)
            if item.dtype == object:
                todo += item.ravel().tolist()
        elif isinstance(item, memoryview):
            todo.append(item.obj)
        elif isinstance(item, Seen | Memory):
            todo += [getattr(item, name) for name in dir(item) if not name.startswith("__")]
    return list(found.values())


@pytest.mark.parametrize("name", ALL)
def test_nothing_latent_can_be_reached(name, monkeypatch):
    cohort, out, calls = recorded(ALL[name], monkeypatch)
    assert len(calls) > 15
    hidden = [getattr(cohort, trait) for trait in cohort.trait_names() if trait != "preference"]
    hidden = [np.unique(values) for values in hidden if values.dtype == float]
    hidden += [np.unique(out.sessions[c]) for c in ("log_own", "duration_weeks", "titre_before", "potency", "memory")]
    secret = np.unique(np.concatenate([v[np.isfinite(v) & (v != 0) & (v != 1)] for v in hidden if v.size > 3]))
    assert secret.size > 300
    records = {dtype.names for dtype in (PATIENT, IMMUNE, OBSERVED, TOTALS, HISTORY)}
    for asked, seen, memory, _ in calls[:: max(1, len(calls) // 12)]:
        assert ALL[name].oracle or type(seen) is Seen
        for item in reachable(seen, memory):
            assert item is not asked
            assert item is not cohort
            assert not isinstance(item, np.void | rr.Cohort | rr.World)
            if not isinstance(item, np.ndarray):
                continue
            assert item.dtype.names not in records
            assert not item.flags.writeable
            if item.dtype == float and not ALL[name].oracle:
                assert not np.isin(item, secret).any()


def test_the_walk_would_find_it(monkeypatch):
    """A record behind a view, a cohort in a closure, and an array that can be written to."""
    rows = np.zeros(5, dtype=PATIENT)
    assert any(isinstance(x, np.ndarray) and x.dtype == PATIENT for x in reachable(rows["week"]))
    cohort = rr.draw_cohort(5, indication="glabellar")
    assert cohort in reachable(lambda: cohort)
    assert any(isinstance(x, np.ndarray) and x.flags.writeable for x in reachable({"a": [np.zeros(3)[1:]]}))


@pytest.mark.parametrize("name", ALL)
def test_permuting_or_subsetting_patients_permutes_or_subsets_decisions(name, monkeypatch):
    """With what was seen in a real run, and by the naive way: each answer as arrays, row by row."""
    _, _, calls = recorded(ALL[name], monkeypatch)
    luck = np.random.default_rng(1)
    for asked, seen, memory, _ in calls[:: max(1, len(calls) // 15)]:
        n = len(seen)
        whole = answer(asked, seen, memory)
        for rows in (luck.permutation(n), luck.choice(n, n // 2, replace=False), np.array([n // 2]), np.repeat(0, 3)):
            some = answer(asked, seen.at(rows), memory.at(rows))
            assert some.keys() == whole.keys()
            for key in whole:
                np.testing.assert_array_equal(some[key], whole[key][rows], err_msg=key)


def answer(asked, seen, memory):
    given, remembered = asked._answer(seen, memory, np.arange(len(seen)))
    return {**given._asdict(), **remembered}


def test_what_is_written_behind_an_array_is_refused_and_a_returned_memory_is_a_copy():
    mine = []

    class Keeps(rr.Strategy):
        def initial_memory(self):
            return {"a": 12.0}

        def decide(self, seen, memory):
            for array in (seen.week, seen.past_lower, memory.a, seen._past._rows, seen._products[0]):
                while array is not None:
                    with pytest.raises(ValueError, match="read-only"):
                        array[:1] = array[:1]
                    array = array.base
            for array in mine:
                array[:] = 99.0  # what was returned before is no longer looked at
            mine.append(np.array(memory.a))
            return rr.Decision.at(memory.a), {"a": mine[-1]}

    out = rr.simulate(rr.draw_cohort(20, indication="glabellar"), Keeps(), years=2, history=True)
    assert (out.sessions["latest"] == 12).all()


def cheat_by_number(seen, state):
    return len(seen) / 100


def cheat_by_mean(seen, state):
    return np.nan_to_num(seen.peak_gain).mean()


def cheat_by_order(seen, state):
    return np.sort(seen.preference)


def cheat_by_counter(seen, state):
    state.append(1)
    return len(state) / 10


def cheat_by_chance(seen, state):
    return np.random.default_rng().random(len(seen))


def cheat_by_rank(seen, state):
    return np.argsort(np.argsort(seen.week + seen.preference)) / 10


def cheat_by_neighbour(seen, state):
    return np.roll(seen.preference, 1)


CHEATS = [cheat_by_number, cheat_by_mean, cheat_by_order, cheat_by_counter, cheat_by_chance, cheat_by_rank,
          cheat_by_neighbour]  # fmt: skip


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize("where", ["decision", "memory"])
def test_who_looks_at_other_patients_is_caught(cheat, where):
    state = []

    class Cheat(rr.Strategy):
        def initial_memory(self):
            return {"pair": (0.0, 1.0)}

        def decide(self, seen, memory):
            more = np.broadcast_to(cheat(seen, state), len(seen))
            if where == "decision":
                return rr.Decision.at(12 + more), memory
            return rr.Decision.at(12.0), {"pair": np.column_stack([memory.pair[:, 0], more])}

    with pytest.raises(rr.InputError, match="depends on the other patients, on their number or order, or on chance"):
        rr.simulate(rr.draw_cohort(60, indication="glabellar"), Cheat(), years=3)


@pytest.mark.parametrize(
    ("start", "new", "message"),
    [
        ((), None, "give one number for all, or a tuple of them, as `a`, not tuple"),
        ((1.0, "x", None), None, "give one number for all, or a tuple of them"),
        (((1, 2), (3, 4)), None, "give one number for all, or a tuple of them"),
        ((1.0, 2.0), lambda a: a[:3], r"memory `a` has shape \(3, 2\), not \(20, 2\)"),
        ((1.0, 2.0), lambda a: a[:, 0], r"memory `a` has shape \(20,\), not \(20, 2\)"),
        ((1.0, 2.0), lambda a: 5.0, r"memory `a` has shape \(\), not \(20, 2\)"),
        ((1.0, 2.0), lambda a: np.ma.masked_array(a, np.arange(40).reshape(20, 2) == 7), r"not be masked \(row 3\)"),
        ((1.0, 2.0), lambda a: np.ma.masked_array([1.0, 2.0], [True, False]), "memory `a` must not be masked$"),
        ((1.0, 2.0), lambda a: a.astype(object), "must be numbers, texts, or True and False"),
    ],
)
def test_vectors_of_memory_that_cannot_be(start, new, message):
    class Mine(rr.Strategy):
        def initial_memory(self):
            return {"a": start}

        def decide(self, seen, memory):
            return rr.Decision.at(12.0), {"a": new(memory.a)}

    with pytest.raises(rr.InputError, match=message):
        rr.simulate(rr.draw_cohort(20, indication="glabellar"), Mine(), years=1)


def test_one_vector_may_stand_for_all_and_its_rows_follow_their_patients():
    class Mine(rr.Strategy):
        def initial_memory(self):
            return {"a": (0.0, 0.0, 0.0), "b": (1, 2)}

        def decide(self, seen, memory):
            assert memory.a.shape == (len(seen), 3)
            first = seen.session == 0
            assert (first | (memory.a[:, 1] == seen.preference)).all()
            told = np.column_stack([seen.session, seen.preference, seen.week])
            return rr.Decision.at(12.0), {"a": told, "b": np.array([3, 4])}

    rr.simulate(rr.draw_cohort(400, world=WORLD), Mine(), years=8)  # packed several times


def test_the_names_of_what_is_seen_are_those_of_the_documentation():
    documented = inspect.getdoc(Seen).split("Attributes")[1]
    assert all(name in documented for name in SEEN_ARRAYS)
