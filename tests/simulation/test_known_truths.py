"""Known truths of title 4, with dropout and rater error off."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import retreat_research as rr
from retreat_research.products import INDICATIONS
from retreat_research.simulation.outcomes import standard_error
from retreat_research.strategies.parsing import named_strategies

QUIET = {"dropout_per_year": 0.0, "rater_sd": 0.0}
#: No antibodies at all.
NO_IMMUNITY = {"induction_rate": 0.0}
CYCLES = 30


@dataclass(frozen=True)
class Alternating(rr.Strategy):
    """A user's own: short and long gaps by turns."""

    short: float = 8.0
    long: float = 18.0

    def initial_memory(self):
        return {"turn": 0}

    def decide(self, seen, memory):
        gap = np.where(memory.turn % 2 == 0, self.short, self.long)
        return rr.Decision.at(gap), {"turn": memory.turn + 1}


def booked_strategies():
    """Every booked rule there is, and one of a user's own."""
    found = {
        "alternating": Alternating(),
        "stepped": rr.Stepped(),
        "stepped back": rr.Stepped(9, 3, on_waning="back"),
    }
    for name, make in {
        "extend 2/2": lambda kind: kind(2, 2),
        "extend 4/2": lambda kind: kind(4, 2),
        "extend 4/4": lambda kind: kind(4, 4),
    }.items():
        kind = named_strategies().get("TreatAndExtend")
        if kind is not None:
            found[name] = make(kind)
    for name in ("Midpoint", "Personal"):
        kind = named_strategies().get(name)
        if kind is not None:
            found[name.lower()] = kind()
    return found


def completed(strategy, world, n=1500, cycles=CYCLES, seed=3):
    """(weeks in benefit, weeks) of the first `cycles` cycles of each patient, (n,) each; the rest never happened."""
    cohort = rr.draw_cohort(n, world=world, seed=5)
    out = rr.simulate(cohort, strategy, years=cycles * 40 / 52, seed=seed, history=True).sessions
    number = out.groupby("patient").cumcount()
    assert (number.groupby(out["patient"]).max() >= cycles).all()
    assert (out["earliest"] == out["latest"]).all()
    first = out[number < cycles]
    # as in the engine, an effect that outlasts that of the next session goes on
    ends = (first["week"] + first["duration_weeks"]).groupby(first["patient"]).cummax()
    benefit = np.clip(ends - first["week"], 0, first["gap_weeks"])
    return (values.groupby(first["patient"]).sum().to_numpy() for values in (benefit, first["gap_weeks"]))


@pytest.fixture(scope="module")
def same_for_all():
    """Patients do not differ; without carried effects a cycle's benefit is min(T, g)."""
    return rr.World.default("glabellar").replace(**QUIET, **NO_IMMUNITY, between_sd=0.0, non_response=0.0)


@pytest.mark.parametrize("weeks", [8.0, 12.0, 17.0])
def test_a_fixed_interval_gives_what_the_log_normal_says(same_for_all, weeks):
    """E min(T, g) = m e^(s²/2) Φ((ln g/m − s²)/s) + g (1 − Φ((ln g/m)/s)): a plain log-normal integral."""
    m, s = np.exp(same_for_all.response.log_median("onabotulinumtoxinA")), same_for_all.response.within_sd
    a = np.log(weeks / m) / s
    truth = (m * np.exp(s**2 / 2) * norm.cdf(a - s) + weeks * norm.sf(a)) / weeks
    cohort = rr.draw_cohort(2000, world=same_for_all, seed=5)
    out = rr.simulate(cohort, rr.Fixed(weeks), years=10, seed=3, history=True).sessions
    out = out[out.groupby("patient").cumcount() < 20]
    alone = np.minimum(out["duration_weeks"], weeks).groupby(out["patient"]).sum() / (20 * weeks)
    assert abs(alone.mean() - truth) < 4 * standard_error(alone.to_numpy())


@pytest.mark.parametrize("name", booked_strategies())
def test_a_booked_rule_does_not_beat_the_fixed_interval_of_equal_mean_gap(same_for_all, name):
    """E min(T, g) is concave in g; one-sided, 4 MCSE; ratio of totals over the same number of completed cycles."""
    strategy = booked_strategies()[name]
    benefit, weeks = completed(strategy, same_for_all)
    gap = weeks.sum() / (CYCLES * weeks.size)
    theirs, same_weeks = completed(rr.Fixed(float(gap)), same_for_all)
    assert same_weeks.sum() == pytest.approx(weeks.sum())
    mine = benefit.sum() / weeks.sum()
    fixed = theirs.sum() / same_weeks.sum()
    error = standard_error((benefit - mine * weeks - theirs + fixed * same_weeks) / weeks.mean())
    assert mine - fixed < 4 * error
    if name == "alternating":
        assert mine < fixed - 4 * error  # and this one loses by it


@pytest.mark.parametrize("indication", INDICATIONS)
def test_without_spread_a_fixed_gap_within_the_duration_is_benefit_all_the_time(indication):
    world = rr.World.default(indication)
    world = world.replace(**QUIET, **NO_IMMUNITY, between_sd=0.0, within_sd=0.0, non_response=0.0)
    weeks = float(np.exp(world.response.log_median(world.product)))
    cohort = rr.draw_cohort(50, world=world)
    for gap in (weeks * (1 - 1e-12), 0.7 * weeks):
        out = rr.simulate(cohort, rr.Fixed(gap), years=10)
        np.testing.assert_allclose(out.patients["weeks_in_benefit"], out.patients["weeks_observed"], rtol=1e-12)
        assert out.summary().set_index("outcome").loc["time_in_benefit", "value"] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("within_sd", [0.0, 0.23])
def test_waning_noticed_exactly_is_as_good_as_foresight(within_sd):
    world = rr.World.default("glabellar").replace(**QUIET, within_sd=within_sd, delay_weeks=1e-9, delay_sd=0.0)
    cohort = rr.draw_cohort(400, world=world)
    asked = rr.simulate(cohort, rr.OnWaning(1, 520), years=10, history=True)
    known = rr.simulate(cohort, rr.Foresight(0, 1, 520), years=10, history=True)
    pd.testing.assert_frame_equal(asked.patients, known.patients, rtol=1e-6, atol=1e-6, check_exact=False)
    np.testing.assert_allclose(asked.sessions["gap_weeks"], known.sessions["gap_weeks"], atol=1e-8)


@pytest.mark.parametrize("specificity", [1.0, 0.9])
def test_without_immunity_nothing_is_positive_but_by_the_tests_own_error(specificity):
    world = rr.World.default("cervical dystonia").replace(**QUIET, **NO_IMMUNITY, specificity=specificity, test_every=3)
    out = rr.simulate(rr.draw_cohort(500, world=world), rr.Stepped(), years=10, history=True)
    assert (out.sessions[["titre_before", "memory", "short", "long"]] == 0).all(axis=None)
    assert out.patients["positive_week"].isna().all()
    assert not out.patients["failure_immune"].any()
    assert out.patients["failure_week"].notna().any()  # there are failures, by chance
    tests = out.sessions[(out.sessions["session"] > 0) & (out.sessions["session"] % 3 == 0)]
    assert (tests["last_test_week"] == tests["week"]).all()
    k, share = len(tests), 1 - specificity
    assert abs((tests["last_test"] == 1).sum() - share * k) <= 4 * np.sqrt(share * specificity * k)
    assert k > 3000
    assert out.decisions["last_test"].isin([-1, 0, 1]).all()


def test_antigen_doubled_with_its_scale_changes_nothing_else():
    """The model knows antigen only by ng/L50 and λ·ng^γ. To rounding: λ/2^γ·(2 ng)^γ is not λ·ng^γ to the last bit."""
    world = rr.World.default("cervical dystonia").replace(induction_rate=0.1, booster=1.0, test_every=2)
    im, ona = world.immunity, "onabotulinumtoxinA"
    doubled = world.replace(
        ng_per_unit={**im.ng_per_unit, ona: 2 * im.ng_per_unit[ona]},
        half_antigen_ng=2 * im.half_antigen_ng,
        induction_rate=im.induction_rate / 2**im.induction_power,
    )
    for strategy in (rr.Stepped(on_waning="dose"), rr.OnWaning(8, 40)):
        once, twice = (
            rr.simulate(rr.draw_cohort(600, world=w, seed=2), strategy, years=10, history=True)
            for w in (world, doubled)
        )
        assert once.patients["failure_immune"].any()
        for a, b in ((once.patients, twice.patients), (once.sessions, twice.sessions)):
            antigen = [column for column in a if column.startswith("antigen")]
            np.testing.assert_array_equal(b[antigen], 2 * a[antigen])
            pd.testing.assert_frame_equal(b.drop(columns=antigen), a.drop(columns=antigen), rtol=1e-12, atol=1e-12)
