"""No strategy exceeds the bound, and where everything is known the bound is reached."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retreat_research as rr
from retreat_research.comparison.bound import bound, potential

CALM = {"dropout_per_year": 0, "induction_rate": 0}
WORLD = rr.World.default("glabellar")


@dataclass(frozen=True)
class Mixed(rr.Strategy):
    """Sessions with looks without injection, small doses, touch-ups and an adjunct in between."""

    weeks: float = 9
    touch_up: bool = True

    def initial_memory(self):
        return {"turn": 0}

    def decide(self, seen, memory):
        turn = memory.turn % 3
        share = np.where(turn == 0, 1.0, np.where((turn == 1) & self.touch_up, 0.4, 0.0))
        gap = np.where(turn == 0, 2.0, self.weeks)
        decision = rr.Decision(np.minimum(gap, 4), gap, units=share * seen.label_units, adjunct=turn == 0)
        return decision, {"turn": memory.turn + 1}


def durations_of(cohort, visits, years=12, seed=1):
    """What the simulator itself makes of each visit's luck, (n, visits): from sessions every four weeks."""
    out = rr.simulate(cohort, rr.Fixed(4), years=years, seed=seed, history=True).sessions
    return np.array([rows["duration_weeks"].to_numpy()[:visits] for _, rows in out.groupby("patient")])


def test_potential_durations_are_those_of_the_simulator():
    cohort = rr.draw_cohort(50, world=WORLD.replace(**CALM), seed=3)
    expected = durations_of(cohort, 20, years=2, seed=5)
    found = potential(cohort, 5, WORLD.median_weeks, WORLD.response.within_sd, 20)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert (found == 0).any()


@pytest.mark.parametrize("seed", range(4))
def test_the_best_of_all_allocations_is_below_and_near(seed):
    """Brute force: every way to give three patients this total of sessions, each with her first ones."""
    cohort = rr.draw_cohort(3, world=WORLD.replace(**CALM), seed=seed)
    out = rr.simulate(cohort, rr.Fixed(20), years=2, seed=1)
    weeks, total = 2 * 365.25 / 7, int(out.patients["sessions"].sum())
    durations = durations_of(cohort, total, years=3)
    gains = np.minimum(np.cumsum(np.column_stack([np.zeros(3), durations]), axis=1), weeks)
    best = max(
        sum(gains[i, n] for i, n in enumerate(split))
        for split in product(range(total + 1), repeat=3)
        if sum(split) == total
    )
    found = bound(out).bound * 3 * weeks
    assert best <= found + 1e-9
    assert found - best <= durations.max() + 1e-9  # the envelope closes at most one gap of a patient


def test_the_envelope_is_that_of_a_linear_programme():
    """A second way: shares of every number of sessions of every patient, by scipy's solver."""
    from scipy.optimize import linprog

    cohort = rr.draw_cohort(15, world=WORLD.replace(**CALM, non_response=0.3), seed=2)
    out = rr.simulate(cohort, rr.Fixed(17), years=3, seed=1)
    weeks, total, most = 3 * 365.25 / 7, int(out.patients["sessions"].sum()), 35
    durations = durations_of(cohort, most, years=4)
    gains = np.minimum(np.cumsum(np.column_stack([np.zeros(15), durations]), axis=1), weeks)
    one_each = np.kron(np.eye(15), np.ones(most + 1))
    spent = np.tile(np.arange(most + 1.0), 15)[None]
    best = linprog(-gains.ravel(), A_ub=spent, b_ub=[total], A_eq=one_each, b_eq=np.ones(15))
    assert bound(out).bound == pytest.approx(-best.fun / (15 * weeks), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    strategy=st.sampled_from([
        rr.Fixed(7), rr.Fixed(30), rr.OnWaning(6, 40), rr.Stepped(early=True, on_waning="dose"), Mixed(),
        Mixed(14, False),
        rr.Foresight(), rr.OnWaning(12).with_adjunct(1.5),
    ]),
    between=st.sampled_from([0.0, 0.3, 0.8]),
    within=st.sampled_from([0.0, 0.2, 0.6]),
    silent=st.sampled_from([0.0, 0.1, 0.5]),
    care=st.sampled_from([
        {}, {"lot_sd": 0.3, "lot_weeks": 20}, {"adjunct_lengthening": 1.4, "adjunct_support": 0.1}, CALM,
    ]),
    seed=st.integers(0, 1000),
)  # fmt: skip
def test_no_strategy_exceeds_it(strategy, between, within, silent, care, seed):
    world = WORLD.replace(between_sd=between, within_sd=within, non_response=silent, **care)
    out = rr.simulate(rr.draw_cohort(12, world=world, seed=seed), strategy, years=3, seed=seed)
    found = bound(out)
    assert found.time_in_benefit <= found.bound + 1e-12
    assert found.bound <= 1 + 1e-12
    assert found.left == pytest.approx(found.bound - found.time_in_benefit)


def test_blank_visits_let_the_best_luck_be_chosen():
    """With b visits without injection the bound is that of the N best of N + b."""
    short = rr.draw_cohort(1, world=WORLD.replace(**CALM, median_weeks={"onabotulinumtoxinA": 2.0}), seed=2)
    out = rr.simulate(short, Mixed(10, touch_up=False), years=1, seed=1, history=True)
    injected, blank = int((out.sessions["units"] > 0).sum()), int((out.sessions["units"] == 0).sum())
    assert blank > 0
    found = bound(out)
    durations = potential(short, 1, 2.0, WORLD.response.within_sd, injected + blank)[0]
    best = np.sort(durations)[-injected:].sum() / (365.25 / 7)
    assert found.blank == blank
    assert found.sessions == injected
    assert found.bound == pytest.approx(best, rel=1e-9)


def test_where_everything_is_known_the_bound_is_reached():
    """SDs 0: gaps longer than T give T a session, and nobody can have more."""
    world = WORLD.replace(between_sd=0, within_sd=0, non_response=0, **CALM)
    weeks = 2 * world.median_weeks
    years = 2.75 * weeks * 7 / 365.25
    found = bound(rr.simulate(rr.draw_cohort(40, world=world), rr.Fixed(weeks), years=years))
    assert found.time_in_benefit == pytest.approx(3 / 5.5, abs=1e-9)
    assert found.left == pytest.approx(0, abs=1e-9)
    assert found.mcse == pytest.approx(0, abs=1e-9)


def test_foresight_is_near_it():
    """Without immunity and without dropout an oracle that comes at each loss wastes little."""
    cohort = rr.draw_cohort(400, world=WORLD.replace(**CALM, non_response=0, delay_weeks=1e-6), seed=4)
    found = bound(rr.simulate(cohort, rr.Foresight(), years=6))
    assert 0 <= found.left < 0.03


def test_it_is_not_changed_by_the_order_of_patients():
    cohort = rr.draw_cohort(60, world=WORLD, seed=4)
    a, b = (bound(rr.simulate(c, rr.Fixed(14), years=3)) for c in (cohort, cohort[np.arange(60)[::-1]]))
    assert a.bound == pytest.approx(b.bound, rel=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bound(rr.Fixed(12)), "`out` must come from simulate"),
        (lambda: bound(rr.simulate(rr.draw_cohort(5, world=WORLD), rr.Fixed(12), years=1, patients=False)),
         "`out` has no table of patients"),
    ],
)  # fmt: skip
def test_bad_input(make, message):
    with pytest.raises(rr.InputError, match=message):
        make()
