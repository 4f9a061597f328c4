"""Each strategy on sequences worked out by hand."""

import numpy as np
import pytest

import retreat_research as rr
from retreat_research.strategies import REASONS, Memory, Past, Seen
from retreat_research.strategies.seen import SEEN_ARRAYS


def visit(session, *, lasted=True, responded=True, assessed=True, units=20.0, waned=np.nan):
    """One patient at a visit."""
    arrays = {name: np.array([np.nan]) for name in SEEN_ARRAYS}
    arrays |= {
        "session": np.array([session]),
        "units": np.array([units]),
        "effect_at_return": np.array([lasted]),
        "responded": np.array([responded]),
        "assessed": np.array([assessed]),
        "waned_weeks": np.array([waned]),
    }
    return Seen(
        **arrays,
        _products=(np.array(["onabotulinumtoxinA"]), np.array([0])),
        _past=Past(np.array([0])),
    )


def run(strategy, visits):
    """(earliest, latest, units, reason) of each decision."""
    memory = Memory({k: np.array([v]) for k, v in strategy.initial_memory().items()})
    told = []
    for seen in visits:
        decision, memory = strategy.decide(seen, memory)
        memory = Memory(memory)
        units = seen.units if decision.units is None else decision.units
        reason = REASONS[np.ravel(decision.reason)[0]]
        told.append((*(np.ravel(x)[0] for x in (decision.earliest, decision.latest, units)), reason))
    return told


def gaps(strategy, visits):
    return [float(latest) for _, latest, _, _ in run(strategy, visits)]


LASTS = [visit(k) for k in range(12)]


def test_two_sessions_at_the_start_then_steps_to_the_longest():
    assert gaps(rr.Stepped(), LASTS[:6]) == [12, 12, 14, 16, 18, 20]
    assert gaps(rr.Stepped(step=4, hold=3, longest=21), LASTS[:7]) == [12, 12, 12, 16, 20, 21, 21]


@pytest.mark.parametrize("failed", [{"lasted": False}, {"waned": 13.0}])
def test_the_first_waning_ends_the_extension_for_good(failed):
    visits = [*LASTS[:4], visit(4, **failed), visit(5), visit(6, **failed)]
    assert gaps(rr.Stepped(), visits) == [12, 12, 14, 16, 16, 16, 16]
    assert [reason for *_, reason in run(rr.Stepped(), visits)] == [
        "start", "hold", "extend", "extend", "hold", "hold", "hold",
    ]  # fmt: skip


def test_stepping_back_goes_on_while_the_effect_does_not_last_but_not_below_the_start():
    fails = [visit(k, lasted=False) for k in range(4, 9)]
    assert gaps(rr.Stepped(on_waning="back"), [*LASTS[:4], *fails[:2], visit(6), *fails[3:]]) == [
        12, 12, 14, 16, 14, 12, 12, 12, 12,
    ]  # fmt: skip


def test_the_dose_is_raised_once():
    visits = [*LASTS[:3], visit(3, lasted=False), visit(4, lasted=False, units=22.0)]
    told = run(rr.Stepped(on_waning="dose"), visits)
    assert [float(units) for _, _, units, _ in told] == pytest.approx([20, 20, 20, 22, 22])
    assert told[3][3] == "escalate"
    assert told[4][3] == "hold"


def test_a_cycle_without_response_changes_nothing():
    visits = [*LASTS[:4], visit(4, lasted=False, responded=False), visit(5)]
    assert gaps(rr.Stepped(), visits) == [12, 12, 14, 16, 16, 18]


def test_early_return_opens_the_window_from_the_start():
    told = run(rr.Stepped(early=True), LASTS[:5])
    assert [(float(a), float(b)) for a, b, _, _ in told] == [(12, 12), (12, 12), (12, 14), (12, 16), (12, 18)]


def test_fixed_and_on_waning():
    seen, memory = LASTS[0], Memory()
    assert (rr.Fixed(14).decide(seen, memory).earliest, rr.Fixed(14).decide(seen, memory).latest) == (14, 14)
    decision = rr.OnWaning(10, 40).decide(seen, memory)
    assert (decision.earliest, decision.latest) == (10, 40)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rr.Fixed(0), "`weeks` must be a positive number of weeks"),
        (lambda: rr.Fixed("12"), "`weeks` must be a positive number of weeks"),
        (lambda: rr.OnWaning(20, 10), "`floor` must be at most `ceiling`"),
        (lambda: rr.Stepped(start=30), "`start` must be at most `longest`"),
        (lambda: rr.Stepped(hold=0), "`hold` must be a whole number"),
        (lambda: rr.Stepped(on_waning="panic"), "`on_waning` must be one of hold, back, dose"),
    ],
)
def test_impossible_strategies_are_refused(make, message):
    with pytest.raises(rr.InputError, match=message):
        make()


def test_what_is_seen_is_read_only_and_never_changes():
    week = np.array([3.0])
    alone = np.array([0])
    seen = Seen(
        **{name: week for name in SEEN_ARRAYS},
        _products=(np.array(["a"]), alone),
        _past=Past(alone).and_now(week, week, week),
    )
    for name in SEEN_ARRAYS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(seen, name)[0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        seen.past_lower[0, 0] = 1.0

    shown, copies = [], []

    class Keeper(rr.OnWaning):
        def decide(self, seen, memory):
            shown.append(seen)
            copies.append({name: np.array(getattr(seen, name)) for name in (*SEEN_ARRAYS, "past_upper", "past_units")})
            return super().decide(seen, memory)

    rr.simulate(rr.draw_cohort(30, indication="glabellar"), Keeper(), years=3)
    assert len(shown) > 5
    for seen, copy in zip(shown, copies, strict=True):
        for name, values in copy.items():
            np.testing.assert_array_equal(getattr(seen, name), values)


def test_the_past_is_shared_and_yet_stays_as_it_was():
    rows = np.array([0, 1, 2])
    start = Past(rows)
    one = start.and_now(*np.arange(9.0).reshape(3, 3))
    two = one.and_now(*np.arange(10.0, 19).reshape(3, 3))
    other = one.and_now(*np.arange(20.0, 29).reshape(3, 3))  # from the same visit, in another way
    assert two._last[2] is one._last  # nothing is copied at a visit
    assert [past.table(0).shape for past in (start, one, two, other)] == [(3, 0), (3, 1), (3, 2), (3, 2)]
    np.testing.assert_array_equal(two.at(np.array([2, 0])).table(2), [[8, 18], [6, 16]])
    np.testing.assert_array_equal(other.table(1), [[3, 23], [4, 24], [5, 25]])


def test_the_past_keeps_a_copy():
    now = np.array([1.0])
    past = Past(np.array([0])).and_now(now, now, now)
    now[0] = 5.0
    assert past.table(0) == [[1.0]]


def test_memory_is_read_only_and_gives_a_dictionary_to_change():
    values = np.array([1.0, 2.0])
    memory = Memory({"gap": values})
    for change in (
        lambda: memory.gap.__setitem__(0, 5.0),
        lambda: memory.__setitem__("gap", values),
        lambda: memory.__delitem__("gap"),
        lambda: memory.__ior__({"gap": values}),
        lambda: setattr(memory, "gap", values),
        lambda: delattr(memory, "gap"),
        lambda: memory.update(gap=values),
        lambda: memory.pop("gap"),
        lambda: memory.setdefault("other", values),
        memory.popitem,
        memory.clear,
    ):
        with pytest.raises(ValueError, match="read-only"):
            change()
    assert memory.at(np.array([1])).gap == [2.0]
    with pytest.raises(ValueError, match="read-only"):
        memory.at(np.array([1])).gap[0] = 5.0
    assert type(memory | {"gap": 1}) is dict
    values[0] = 7.0  # hers still
