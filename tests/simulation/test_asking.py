"""What a strategy may return, and what it is told when it returns something else."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.simulation import block
from retreat_research.simulation.session import visit
from retreat_research.strategies import REASONS

COHORT = rr.draw_cohort(20, indication="glabellar", seed=1)
ONA = "onabotulinumtoxinA"


def strategy(decide, memory=None):
    """A strategy called "mine"."""

    class Mine(rr.Strategy):
        def decide(self, seen, memory):
            return decide(seen, memory)

        def initial_memory(self):
            return {} if memory is None else memory

        def __str__(self):
            return "mine"

    return Mine()


def run(decide, memory=None, cohort=COHORT, **options):
    return rr.simulate(cohort, strategy(decide, memory), **{"years": 2, **options})


def refused(decide, message, memory=None, **options):
    with pytest.raises(rr.InputError, match="^mine: " + message):
        run(decide, memory, **options)


def third(seen, bad, good=12.0):
    """`bad` for the patient of row 3, as an object."""
    values = np.full(len(seen), good, dtype=object)
    values[3] = bad
    return values


# --- numbers ----------------------------------------------------------------------------------------------------------

NO_NUMBERS = [
    (np.timedelta64(12, "W"), "must be numbers, not time differences: divide by numpy.timedelta64"),
    (np.datetime64("2020-01-01"), "must be numbers, not dates"),
    (pd.Timedelta(weeks=12), "must be numbers"),
    (12 + 3j, "must be numbers, not complex"),
    (True, "must be numbers, not True or False"),
    (np.True_, "must be numbers, not True or False"),
    ("12", "must be numbers, not texts"),
    (b"12", "must be numbers, not texts"),
    (None, "must be finite"),
    (pd.NaT, "must be numbers"),
    ({}, "must be numbers"),
    (np.nan, "must be finite"),
    (10**400, "must be finite"),
    (Decimal("1e999"), "must be finite"),
]


@pytest.mark.parametrize(("value", "message"), NO_NUMBERS, ids=lambda value: repr(value)[:40])
@pytest.mark.parametrize("field", ["earliest", "latest", "units"])
def test_what_is_no_number_is_refused_with_its_rows(field, value, message):
    def told(**values):
        return rr.Decision(**{"earliest": 12.0, "latest": 12.5, **values})

    if field != "units" or value is not None:  # None: as last time
        refused(lambda seen, memory: told(**{field: value}), f"`{field}` {message}")
    one = f"`{field}` {message.split(',')[0]} .*row 3\\)"
    refused(lambda seen, memory: told(**{field: third(seen, value)}), one)
    if isinstance(value, np.generic | complex | str | bytes):
        every = f"`{field}` {message.split(',')[0]}.*rows 0, 1, .* and 10 more"
        refused(lambda seen, memory: told(**{field: np.full(len(seen), value)}), every)


def test_masked_and_ragged_values_are_refused():
    def masked(seen, mask):
        return np.ma.masked_array(np.full(len(seen), 12), mask=mask)

    refused(
        lambda seen, memory: rr.Decision.at(masked(seen, np.arange(20) == 4)), r"`earliest` must be finite \(row 4\)"
    )
    refused(lambda seen, memory: rr.Decision.at(np.ma.masked), "`earliest` must be finite")
    assert run(lambda seen, memory: rr.Decision.at(masked(seen, False))).patients["sessions"].max() == 9
    refused(lambda seen, memory: rr.Decision.at([[1, 2], [3]]), "`earliest` must be numbers, one for each patient")
    refused(lambda seen, memory: rr.Decision.at(np.full((20, 1), 12.0)), r"`earliest` has shape \(20, 1\), not \(20,\)")


@pytest.mark.parametrize(
    "twelve",
    [
        12,
        np.float64(12),
        np.float32(12),
        Decimal(12),
        Fraction(12),
        lambda n: [12] * n,
        lambda n: np.full(n, 12, dtype=np.int8),
        lambda n: np.full(n, 12, dtype=np.uint64),
        lambda n: np.full(n, 12, dtype=">f8"),
        lambda n: np.full(2 * n, 12.0)[::2],
        lambda n: np.full(n, Decimal(12), dtype=object),
        lambda n: pd.Series(np.full(n, 12.0)),
        lambda n: pd.Series(np.full(n, 12), dtype="Int64"),
    ],
)
def test_numbers_of_any_kind_are_numbers(twelve):
    def decide(seen, memory):
        weeks = twelve(len(seen)) if callable(twelve) else twelve
        return rr.Decision(weeks, weeks, units=weeks)

    expected = run(lambda seen, memory: rr.Decision.at(12.0, units=12.0)).patients
    pd.testing.assert_frame_equal(run(decide).patients, expected, check_exact=True)


def test_the_kernel_is_compiled_once_whatever_kind_of_array_comes_back():
    def decide(seen, memory):
        return rr.Decision(seen.label_units, memory.later, units=seen.label_units), {"later": memory.later + 1.0}

    run(lambda seen, memory: rr.Decision(12.0, np.full(len(seen), 14.0), units=20.0, product=ONA))
    before = len(visit.signatures)
    run(decide, {"later": 21.0})
    run(lambda seen, memory: rr.Decision(12.0, 13.0, product=seen.product), cohort=COHORT[:1])
    rr.simulate(rr.draw_cohort(300, indication="glabellar"), rr.Fixed(12), years=40)  # packed
    assert len(visit.signatures) == before


# --- the other fields -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"product": "onabotulinum"}, r"unknown product; did you mean onabotulinumtoxinA\?"),
        ({"product": ""}, "unknown product$"),
        ({"product": 1}, "`product` must be names of products"),
        ({"product": b"placebo"}, "`product` must be names of products"),
        ({"product": [["a"], ["b", "c"]]}, "`product` must be names of products, one for each patient"),
        ({"reason": "because"}, "`reason` must be one of start, extend"),
        ({"reason": 99}, "`reason` must be one of start"),
        ({"reason": 1.0}, "`reason` must be one of start"),
        ({"reason": True}, "`reason` must be one of start"),
        ({"adjunct": 1}, "`adjunct` must be True or False"),
        ({"adjunct": "yes"}, "`adjunct` must be True or False"),
        ({"adjunct": [True]}, r"`adjunct` has shape \(1,\), not \(20,\)"),
    ],
)
def test_products_reasons_and_adjuncts_of_the_wrong_kind(values, message):
    refused(lambda seen, memory: rr.Decision.at(12, units=20, **values), message)


@pytest.mark.parametrize(
    ("field", "good", "bad", "message"),
    [
        ("product", ONA, "onabotulinum", r"unknown product \(row 3\); did you mean onabotulinumtoxinA"),
        ("product", ONA, None, r"`product` must be names of products \(row 3\)"),
        ("product", ONA, "rimabotulinumtoxinB", r"this world knows no duration .* of rima\w+B \(row 3\); see"),
        ("reason", "hold", "because", r"`reason` must be one of .*halt \(row 3\)"),
        ("reason", "hold", None, r"`reason` must be one of .*halt \(row 3\)"),
        ("adjunct", True, 1, r"`adjunct` must be True or False \(row 3\)"),
        ("adjunct", True, None, r"`adjunct` must be True or False \(row 3\)"),
    ],
)
def test_rows_of_a_wrong_product_reason_or_adjunct(field, good, bad, message):
    refused(lambda seen, memory: rr.Decision.at(12, units=20, **{field: third(seen, bad, good)}), message)
    masked = np.ma.masked_array(np.full(20, good), mask=np.arange(20) == 3)
    refused(lambda seen, memory: rr.Decision.at(12, units=20, **{field: masked}), rf"`{field}` must be .*\(row 3\)")


@pytest.mark.parametrize("bad", [-1, len(REASONS)])
def test_rows_of_a_reason_that_is_no_position(bad):
    refused(
        lambda seen, memory: rr.Decision.at(12, reason=third(seen, bad, 2).astype(int)), r"`reason` must .*\(row 3\)"
    )


def test_rows_are_those_of_the_whole_cohort():
    cohort = rr.draw_cohort(1000, indication="glabellar", seed=1)
    odd = cohort.preference[[700, 900]]
    refused(
        lambda seen, memory: rr.Decision.at(np.where(np.isin(seen.preference, odd), np.nan, 12.0)),
        r"`earliest` must be finite \(rows 700, 900\)",
        cohort=cohort,
    )


# --- windows ----------------------------------------------------------------------------------------------------------


def test_nobody_comes_back_within_a_day():
    def decide(seen, memory):
        return rr.Decision.at(np.where(np.arange(len(seen)) == 3, 1e-9, 12.0))

    refused(decide, r"`latest` must be at least a day \(row 3\); times are in weeks: 1/7 or more")
    with pytest.raises(rr.InputError, match="at least a day"):
        rr.simulate(COHORT, rr.Fixed(0.14))
    assert run(lambda seen, memory: rr.Decision.at(1 / 7), years=0.1).patients["sessions"].max() == 37
    assert run(lambda seen, memory: rr.Decision(1e-9, 40)).patients["sessions"].min() >= 1


def test_visits_without_end_are_refused(monkeypatch):
    monkeypatch.setattr(block, "MAX_VISITS", 5)
    message = r"`earliest` and `latest` make more than 5 visits \(rows? .*\); make them longer, or `years` shorter"
    refused(lambda seen, memory: rr.Decision.at(12.0), message)


# --- row by row -------------------------------------------------------------------------------------------------------

LUCK = np.random.default_rng(1)


@pytest.mark.parametrize(
    "weeks",
    [
        lambda seen: 12.0 if len(seen) > 15 else 13.0,
        lambda seen: 12.0 if len(seen) > 5 else 13.0,
        lambda seen: 12.0 if len(seen) > 1 else 13.0,
        lambda seen: 12 + seen.preference.mean(),
        lambda seen: 12 + seen.preference[0],
        lambda seen: 12 + np.arange(len(seen)) / len(seen),
        lambda seen: 12 + np.arange(len(seen)),
        lambda seen: 12 + np.sort(seen.preference),
        lambda seen: 12 + LUCK.random(),
    ],
)
def test_other_patients_must_not_matter(weeks):
    message = "of a patient depends on the other patients, on their number or order, or on chance"
    refused(lambda seen, memory: rr.Decision.at(weeks(seen)), "`earliest` " + message)
    refused(lambda seen, memory: (rr.Decision.at(12.0), {"a": weeks(seen)}), "memory `a` " + message, {"a": 1.0})


def test_a_rule_that_says_it_looks_at_nothing_must_not_look():
    @dataclass(frozen=True)
    class Blind(rr.Strategy):
        looks = False
        what: str

        def decide(self, seen, memory):
            return rr.Decision(12.0, 13.0 + np.nan_to_num(getattr(seen, self.what)))

    for what in ("session", "preference"):
        with pytest.raises(rr.InputError, match="`latest` is not the same for everyone at every visit, though `looks`"):
            rr.simulate(COHORT, Blind(what), years=2)
    assert rr.simulate(COHORT, Blind("label_units"), years=2).patients["sessions"].max() > 3


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ([1, 2], "return a dictionary, not list"),
        ({1: 1.0}, "have texts as names"),
        ({"a": [1, 2]}, "give one number for all, or a tuple of them, as `a`, not list"),
        ({"a": np.zeros(20)}, "give one number for all, or a tuple of them, as `a`, not ndarray"),
        ({"a": np.timedelta64(1, "W")}, "give one number for all, or a tuple of them, as `a`, not timedelta64"),
        ({"a": None}, "give one number for all, or a tuple of them, as `a`, not NoneType"),
        *(({name: 1.0}, f"not use the name `{name}`") for name in ("items", "keys", "get", "at", "update", "__dict__")),
    ],
)
def test_memory_that_cannot_start(start, message):
    refused(lambda seen, memory: rr.Decision.at(12), "`initial_memory` must " + message, start)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (lambda memory: {}, "the new memory must have a, as at the start"),
        (lambda memory: {"a": memory.a, "b": 1}, "the new memory must have a, as at the start"),
        (lambda memory: [memory.a], "the new memory must have a, as at the start"),
        (lambda memory: {"a": memory.a[:3]}, r"memory `a` has shape \(3,\), not \(20,\)"),
        (lambda memory: {"a": [[1], [1, 2]]}, "memory `a` must be numbers, texts, or True and False, one for each"),
        (lambda memory: {"a": None}, "memory `a` must be numbers, texts, or True and False"),
        (lambda memory: {"a": np.ma.masked_less(np.arange(20), 1)}, r"memory `a` must not be masked \(row 0\)"),
    ],
)
def test_memory_that_cannot_be_kept(new, message):
    refused(lambda seen, memory: (rr.Decision.at(12), new(memory)), message, {"a": 1.0})


def test_memory_may_change_its_kind():
    def decide(seen, memory):
        weeks = np.where(memory.a == "long", 20.0, 10.0)
        return rr.Decision.at(weeks), {"a": np.where(memory.a == "long", "short", "long"), "b": 1, "c": [2] * len(seen)}

    assert run(decide, {"a": "x", "b": 0.0, "c": True}).patients["sessions"].max() == 8  # at 0, 10, 30, 40, … weeks


def in_place(seen, memory):
    memory.a += 1


def by_item(seen, memory):
    memory["a"] = memory.a + 1


def by_name(seen, memory):
    memory.a = memory["a"] + 1


def by_update(seen, memory):
    memory.update(a=memory.a + 1)


def what_was_seen(seen, memory):
    seen.units[:] = 5.0


@pytest.mark.parametrize("change", [in_place, by_item, by_name, by_update, what_was_seen])
def test_nothing_is_changed_in_place(change):
    def decide(seen, memory):
        change(seen, memory)
        return rr.Decision.at(12), memory

    with pytest.raises(rr.InputError, match=r"^mine must not change what it is shown or remembers; make a new array"):
        run(decide, {"a": 1.0})


# --- what it raises itself --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("no"), AssertionError("no"), rr.InputError("no")])
def test_its_own_errors_come_through_unchanged(error):
    def decide(seen, memory):
        raise error

    with pytest.raises(type(error)) as caught:
        run(decide)
    assert caught.value is error


def test_stop_iteration_is_named():
    with pytest.raises(RuntimeError, match=r"^mine raised StopIteration$"):
        run(lambda seen, memory: next(iter(())))
