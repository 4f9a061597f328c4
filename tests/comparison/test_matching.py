"""Matched fixed arms: exact, their errors true, their parts adding up, and no crash where there is none."""

from dataclasses import dataclass

import numpy as np
import pytest

import retreat_research as rr
from retreat_research.comparison import evaluate
from retreat_research.comparison.arms import Arms
from retreat_research.comparison.matching import BENEFIT, match

WORLD = rr.World.default("glabellar")
COHORT = rr.draw_cohort(2000, world=WORLD, seed=1)
STRATEGIES = {
    "fixed 13": rr.Fixed(13), "booked": rr.Stepped(step=4), "stepped": rr.Stepped(early=True), "waning": rr.OnWaning()
}  # fmt: skip
SEEDS = 60
TOLERANCE = 4 / np.sqrt(2 * (SEEDS - 1))  # of an SD over SEEDS values, relative


@pytest.fixture(scope="module")
def found():
    return evaluate(STRATEGIES, COHORT, years=6, split=True, equal_benefit=True)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_matched_arm_spends_as_much(found, name):
    arm = rr.simulate(COHORT, STRATEGIES[name], years=6).patients
    for equal, column in (("antigen", "antigen_equivalents"), ("mean interval", "session_equivalents")):
        row = found.gains.loc[(name, equal)]
        fixed = rr.simulate(COHORT, rr.Fixed(row["matched_weeks"]), years=6).patients
        assert fixed[column].sum() / arm[column].sum() == pytest.approx(1, rel=1e-7)
        shares = [p["weeks_in_benefit"].sum() / p["weeks_observed"].sum() for p in (arm, fixed)]
        assert row["gain"] == pytest.approx(shares[0] - shares[1], abs=1e-9)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_arm_of_equal_benefit_gives_as_much(found, name):
    arm = rr.simulate(COHORT, STRATEGIES[name], years=6).patients
    row = found.equal_benefit.loc[name]
    fixed = rr.simulate(COHORT, rr.Fixed(row["matched_weeks"]), years=6).patients
    assert fixed["weeks_in_benefit"].sum() / arm["weeks_in_benefit"].sum() == pytest.approx(1, abs=3e-5)
    spent = [365.25 / 7 * p["antigen_equivalents"].sum() / p["weeks_observed"].sum() for p in (arm, fixed)]
    assert row["antigen"] == pytest.approx(spent[0] - spent[1], rel=1e-5, abs=1e-12)
    failed = [p["failure_week"].notna().mean() for p in (arm, fixed)]
    assert row["failure"] == pytest.approx(failed[0] - failed[1], abs=1e-12)


def test_a_fixed_arm_gains_nothing_over_itself(found):
    row = found.gains.loc[("fixed 13", "antigen")]
    assert row["matched_weeks"] == pytest.approx(13, rel=1e-9)
    for part in ("gain", "stepping", "request", "mcse"):
        assert row[part] == pytest.approx(0, abs=1e-9)
    again = found.equal_benefit.loc["fixed 13"]
    assert again["matched_weeks"] == pytest.approx(13, abs=0.02)
    assert again["sessions"] == pytest.approx(0, abs=0.01)


def test_the_parts_of_a_gain_add_up(found):
    gains = found.gains
    np.testing.assert_allclose(gains["stepping"] + gains["request"], gains["gain"], atol=1e-12)
    booked = gains.loc["booked"]
    assert (booked["request"] == 0).all()
    assert (booked["request_mcse"] == 0).all()
    assert (booked["stepping_mcse"] == booked["mcse"]).all()
    waning = gains.loc["waning"]  # booked it is a visit a year
    np.testing.assert_allclose(waning["stepping"], 0, atol=1e-9)
    assert (gains.loc["stepped", "request"] > 10 * gains.loc["stepped", "request_mcse"]).all()


def test_the_errors_of_gains_and_parts_are_true():
    """Over independent cohorts they scatter as their errors say, g* found anew each time."""
    rows, spent = [], []
    for seed in range(SEEDS):
        cohort = rr.draw_cohort(200, world=WORLD, seed=seed)
        one = evaluate({"s": rr.Stepped(step=4, early=True)}, cohort, years=4, seed=seed, equal=("antigen",),
                       split=True, equal_benefit=True)  # fmt: skip
        rows.append(one.gains.iloc[0])
        spent.append(one.equal_benefit.iloc[0])
    for table, value, error in [
        (rows, "gain", "mcse"), (rows, "stepping", "stepping_mcse"), (rows, "request", "request_mcse"),
        (spent, "antigen", "antigen_mcse"), (spent, "sessions", "sessions_mcse"), (spent, "failure", "failure_mcse"),
    ]:  # fmt: skip
        values, errors = ([row[column] for row in table] for column in (value, error))
        assert np.std(values, ddof=1) == pytest.approx(np.mean(errors), rel=TOLERANCE), value


def test_booked_visits_do_not_beat_the_fixed_interval_where_nobody_differs():
    """DESIGN truth: E min(T, g) is concave in g, so without lasting differences stepping cannot win."""
    world = WORLD.replace(
        between_sd=0, within_sd=0.15, non_response=0, induction_rate=0, dropout_per_year=0, rater_sd=0
    )
    cohort = rr.draw_cohort(2000, world=world, seed=4)
    row = evaluate({"s": rr.Stepped(step=4)}, cohort, seed=4, equal=("antigen",)).gains.iloc[0]
    assert row["gain"] < 4 * row["mcse"]


@dataclass(frozen=True)
class Once(rr.Strategy):
    """Halts everyone after the first session."""

    def decide(self, seen, memory):
        return rr.Decision.at(26, units=np.where(seen.session == 0, seen.label_units, 0))


@dataclass(frozen=True)
class Never(rr.Strategy):
    """Injects nobody."""

    def decide(self, seen, memory):
        return rr.Decision.at(26, units=0)


@pytest.mark.parametrize("strategy", [Once(), Never(), rr.Fixed(60)])
def test_no_match_is_said_not_made_up(strategy):
    found = evaluate({"s": strategy}, COHORT[:100], years=4, split=True, equal_benefit=True)
    assert found.gains.isna().all(axis=None)
    assert found.equal_benefit.isna().all(axis=None)
    assert "s: no fixed interval between 4 and 52 weeks has the same antigen." in found.notes
    assert "s: no fixed interval between 4 and 52 weeks gives the same time in benefit." in found.notes
    assert found.values["sessions"].notna().all()


def test_placebo_has_no_antigen_to_match():
    @rr.strategy
    def placebo(seen):
        return rr.Decision.at(12, units=1, product="placebo")

    found = evaluate({"placebo": placebo}, COHORT[:100], years=2)
    assert np.isnan(found.gains.loc[("placebo", "antigen"), "gain"])
    assert found.gains.loc[("placebo", "mean interval"), "gain"] < 0


def test_more_benefit_than_any_fixed_interval_has_no_match():
    world = WORLD.replace(between_sd=0.6)
    found = evaluate({"best": rr.OnWaning(1, 30)}, rr.draw_cohort(500, world=world), years=4, equal_benefit=True)
    best = rr.simulate(rr.draw_cohort(500, world=world), rr.Fixed(4), years=4).patients
    share = best["weeks_in_benefit"].sum() / best["weeks_observed"].sum()
    is_above = found.values.loc["best", "time_in_benefit"] > share
    assert np.isnan(found.equal_benefit.loc["best", "matched_weeks"]) == is_above


def test_equal_benefit_is_the_longest_interval_that_gives_as_much():
    arms = Arms(COHORT[:500], years=6, seed=1)
    found = match(arms.of(rr.Stepped(early=True)), BENEFIT, arms)
    longer = [arms.fixed(weeks).value("time_in_benefit") for weeks in np.arange(np.ceil(found.weeks) + 1, 52, 3)]
    assert max(longer) < found.strategy.value("time_in_benefit")


def test_threads_give_the_same():
    from concurrent.futures import ThreadPoolExecutor

    cohorts = [rr.draw_cohort(200, world=WORLD, seed=seed) for seed in range(4)]

    def run(cohort):
        return evaluate(STRATEGIES, cohort, years=3).gains

    with ThreadPoolExecutor(2) as pool:
        for one, other in zip(pool.map(run, cohorts), map(run, cohorts), strict=True):
            assert one.equals(other)
