"""The decision log: what it says was seen is what the strategy was shown, to the last bit."""

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.simulation.decisions import SEEN_FIRST

from .test_twin import EVERYTHING, STRATEGIES, Busy, Late

SHOWN = ("session", "week", *SEEN_FIRST)
DECIDED = ("units", "product", "earliest", "latest", "adjunct")


def spied(kind, n, **options):
    """The simulation by a strategy of this class, and what it was shown and decided, one row a patient and visit."""
    rows = []

    class Spy(kind):
        def decide(self, seen, memory):
            decision, memory = super().decide(seen, memory)
            shown = {name: getattr(seen, name) for name in SHOWN}
            decided = {name: np.broadcast_to(getattr(decision, name), len(seen))
                       for name in DECIDED if getattr(decision, name) is not None}  # fmt: skip
            rows.append(pd.DataFrame({"who": seen.preference, **shown, **decided}))
            return decision, memory

    cohort = rr.draw_cohort(n, world=EVERYTHING, seed=5)
    out = rr.simulate(cohort, Spy(), seed=3, history=True, **options)
    told = pd.concat(rows)
    patients = pd.Series(cohort.patient, index=cohort.preference)
    told["patient"] = told.pop("who").map(patients)
    return out, told.drop_duplicates().sort_values(["patient", "week"], ignore_index=True)


@pytest.mark.parametrize("kind", [Busy, Late])
def test_the_log_says_what_was_shown_and_decided(kind):
    """The runtime check asks more often, and also about patients whose follow-up has ended, who are left out."""
    out, told = spied(kind, 60, years=5)
    log = out.decisions
    ends = told["patient"].map(out.patients.set_index("patient")["weeks_observed"])
    told = told[told["week"] < ends].reset_index(drop=True)
    assert len(log) == len(told) == len(out.sessions)
    for name in told:
        np.testing.assert_array_equal(log[name], told[name], err_msg=name)
    assert log["effect_at_return"].any()
    if kind is Busy:
        assert {-1, 0, 1} == set(log["last_test"])
        assert log["peak_gain"].notna().any()


def test_the_first_visit_shows_nothing():
    log = rr.simulate(rr.draw_cohort(9, world=EVERYTHING), Busy(), years=2, history=True).decisions
    first = log[log["week"] == 0]
    assert len(first) == 9
    assert (first["last_test"] == -1).all()
    assert not first[["responded", "assessed", "effect_at_return"]].to_numpy().any()
    nothing = first[["gap_weeks", "lower", "upper", "waned_weeks", "peak_gain", "last_test_week", "last_reading"]]
    assert nothing.isna().all(axis=None)


def test_the_log_from_a_store_is_the_same(tmp_path):
    cohort = rr.draw_cohort(40, world=EVERYTHING)
    stepped = STRATEGIES["stepped back"][0]
    plain = rr.simulate(cohort, stepped, years=4, history=True)
    stored = rr.simulate(cohort, stepped, years=4, history=True, store=tmp_path / "runs", block=7)
    pd.testing.assert_frame_equal(stored.decisions, plain.decisions, check_exact=True)
    assert {"extend", "shorten"} <= set(plain.decisions["reason"])
    assert rr.simulate(cohort, stepped, years=1).decisions is None


def test_a_strategy_that_looks_at_nothing_has_a_log_too():
    out = rr.simulate(rr.draw_cohort(30, world=EVERYTHING), rr.Fixed(11), years=4, history=True)
    log = out.decisions
    assert (log["earliest"] == 11).all()
    later = log[log["week"] > 0]
    before = out.sessions.groupby("patient").shift().loc[later.index]
    np.testing.assert_array_equal(later["lower"], before["lower"])
    np.testing.assert_array_equal(later["gap_weeks"], before["gap_weeks"])  # every visit is a main session
