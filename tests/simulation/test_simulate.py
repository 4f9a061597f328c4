"""The simulator against a naive twin, against known truth, and however it is run."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import retreat_research as rr
from retreat_research.response import non_response_probability
from retreat_research.strategies import Strategy

WORLD = rr.World.default("glabellar")
#: A world in which immunity, missed checks, no-shows and non-response all happen often.
HARSH = rr.World.default("cervical dystonia", "abobotulinumtoxinA").replace(
    induction_rate=0.3,
    booster=1.0,
    missed_check=0.2,
    no_show=0.1,
    dropout_per_year=0.1,
    test_every=2,
    non_response=0.15,
)
ONA, ABO = "onabotulinumtoxinA", "abobotulinumtoxinA"
CERTAIN = {
    "between_sd": 0,
    "within_sd": 0,
    "non_response": 0,
    "dropout_per_year": 0,
    "induction_rate": 0,
    "rater_sd": 0,
}


class Switching(Strategy):
    """Uses everything a decision can say: doses, products, a visit without injection, windows."""

    def decide(self, seen, memory):
        third = seen.session % 3 == 2
        return rr.Decision(
            earliest=np.where(third, 8.0, 10.0),
            latest=np.where(seen.effect_at_return, 20.0, 16.0),
            units=np.where(third & (seen.gap_weeks > 12), 0.0, np.where(seen.responded, 400.0, 600.0)),
            product=np.where(seen.last_test == 1, "rimabotulinumtoxinB", "abobotulinumtoxinA"),
        )


# --- however it is run ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", [Switching(), rr.Stepped(early=True, on_waning="back"), rr.OnWaning()])
def test_results_do_not_depend_on_blocks(strategy):
    cohort = rr.draw_cohort(2500, world=HARSH, seed=2)
    whole = rr.simulate(cohort, strategy, years=6, seed=4, history=True)
    for block in (1, 333, 1000, 1777, 4096):
        part = cohort[:40] if block == 1 else cohort
        other = rr.simulate(part, strategy, years=6, seed=4, history=True, block=block)
        n = len(part)
        pd.testing.assert_frame_equal(other.patients, whole.patients[:n], check_exact=True)
        sessions = whole.sessions[whole.sessions["patient"] < n].reset_index(drop=True)
        pd.testing.assert_frame_equal(other.sessions, sessions, check_exact=True)


def test_a_patient_replayed_alone_is_the_same():
    cohort = rr.draw_cohort(300, world=HARSH, seed=2)
    whole = rr.simulate(cohort, Switching(), years=6, seed=4).patients
    alone = rr.simulate(cohort[[217]], Switching(), years=6, seed=4).patients
    pd.testing.assert_frame_equal(alone, whole[217:218].reset_index(drop=True), check_exact=True)


def test_patients_in_another_order_are_the_same_patients():
    cohort = rr.draw_cohort(200, world=HARSH, seed=2)
    order = np.random.default_rng(0).permutation(200)
    a = rr.simulate(cohort, Switching(), years=6, seed=4).patients
    b = rr.simulate(cohort[order], Switching(), years=6, seed=4).patients
    pd.testing.assert_frame_equal(a, b.sort_values("patient", ignore_index=True), check_exact=True)


def test_the_history_adds_up_to_the_totals():
    out = rr.simulate(rr.draw_cohort(300, world=HARSH, seed=2), Switching(), years=6, seed=4, history=True)
    given = out.sessions[out.sessions["units"] > 0].groupby("patient")
    np.testing.assert_allclose(given["units"].sum(), out.patients["units"])
    np.testing.assert_array_equal(given.size(), out.patients["sessions"])
    gaps = out.sessions.groupby("patient")["gap_weeks"].sum().to_numpy()
    assert (gaps >= out.patients["weeks_observed"]).all()
    assert (out.sessions["units"] == 0).any()


# --- known truth ------------------------------------------------------------------------------------------------------


def test_without_spread_and_with_a_gap_within_the_duration_benefit_is_everything():
    cohort = rr.draw_cohort(20, world=WORLD.replace(**CERTAIN), seed=1)
    for weeks in (8, 12, 17):
        patients = rr.simulate(cohort, rr.Fixed(weeks), years=10).patients
        np.testing.assert_allclose(patients["weeks_in_benefit"], patients["weeks_observed"], rtol=1e-12)


def test_a_fixed_arm_equals_the_lognormal_mean():
    """Σ min(T, g)/Σ g = E min(T, g)/g; spreads small enough that no effect outlasts the next one."""
    world = WORLD.replace(**{**CERTAIN, "between_sd": 0.15, "within_sd": 0.1})
    cohort = rr.draw_cohort(20_000, world=world, seed=6)
    g, n = 16.0, 20
    patients = rr.simulate(cohort, rr.Fixed(g), years=n * g * 7 / 365.25).patients
    law = stats.lognorm(np.hypot(0.15, 0.1), scale=17)
    truth = integrate.quad(law.sf, 0, g)[0] / g
    share = patients["weeks_in_benefit"] / patients["weeks_observed"]
    assert abs(share.mean() - truth) < 4 * share.std() / np.sqrt(len(share))
    np.testing.assert_allclose(patients["session_equivalents"], n)


def test_on_waning_without_delay_and_limits_waits_for_nothing():
    world = WORLD.replace(**{**CERTAIN, "between_sd": 0.3, "within_sd": 0.2, "delay_weeks": 0})
    patients = rr.simulate(rr.draw_cohort(200, world=world, seed=1), rr.OnWaning(0.01, 520), years=10).patients
    np.testing.assert_allclose(patients["weeks_waiting"], 0, atol=1e-9)


def test_without_immunity_there_are_no_antibodies_but_false_positives():
    world = WORLD.replace(induction_rate=0, test_every=1, specificity=0.9, dropout_per_year=0)
    out = rr.simulate(rr.draw_cohort(5000, world=world, seed=1), rr.Fixed(12), years=1, history=True)
    assert (out.sessions["titre_before"] == 0).all()
    assert out.patients["positive_week"].isna().all()
    assert not out.patients["failure_immune"].any()
    tests = out.patients["sessions"].iloc[0] - 1
    truth = 1 - 0.9**tests
    found = out.patients["tested_positive_week"].notna().mean()
    assert abs(found - truth) < 4 * np.sqrt(truth * (1 - truth) / 5000)


def test_units_of_antigen_do_not_matter():
    """Twice the ng per unit with twice L50 and λ/2^γ changes antigen only, which doubles."""
    im = WORLD.immunity
    scaled = WORLD.replace(
        ng_per_unit={name: 2 * load for name, load in im.ng_per_unit.items()},
        half_antigen_ng=2 * im.half_antigen_ng,
        induction_rate=0.5 / 2**im.induction_power,
    )
    a = rr.simulate(rr.draw_cohort(500, world=WORLD.replace(induction_rate=0.5)), rr.Fixed(10)).patients
    b = rr.simulate(rr.draw_cohort(500, world=scaled), rr.Fixed(10)).patients
    np.testing.assert_allclose(b["antigen_ng"], 2 * a["antigen_ng"])
    np.testing.assert_allclose(b["weeks_in_benefit"], a["weeks_in_benefit"], rtol=1e-9)
    assert a["positive_week"].notna().sum() > 50
    assert a["positive_week"].notna().equals(b["positive_week"].notna())


def test_non_response_occurs_as_often_as_promised():
    world = WORLD.replace(induction_rate=0, dropout_per_year=0, non_response=0.12)
    cohort = rr.draw_cohort(4000, world=world, seed=8)
    sessions = rr.simulate(cohort, rr.Fixed(12), years=5, history=True).sessions
    share = (sessions["duration_weeks"] == 0).groupby(sessions["patient"]).mean()
    assert abs(share.mean() - 0.12) < 4 * share.std() / np.sqrt(len(share))
    assert non_response_probability(world.response, np.zeros(1))[0] < 0.12


def test_a_product_without_a_published_load_has_no_antigen_but_a_note():
    world = rr.World.default("glabellar", "daxibotulinumtoxinA")
    out = rr.simulate(rr.draw_cohort(50, world=world), rr.Fixed(12), years=3)
    assert out.patients["antigen_ng"].isna().all()
    assert "antigen is NaN" in out.notes[0]
    known = world.replace(ng_per_unit={**world.immunity.ng_per_unit, "daxibotulinumtoxinA": 0.0045})
    assert rr.simulate(rr.draw_cohort(50, world=known), rr.Fixed(12), years=3).notes == ()


class EverySecondVisit(Strategy):
    """Injects at every second of visits 12 weeks apart."""

    def decide(self, seen, memory):
        now = memory.turn == 0
        return rr.Decision.at(12.0, units=np.where(now, 20.0, 0.0)), {"turn": 1 - memory.turn}

    def initial_memory(self):
        return {"turn": 0}


class Recorder(EverySecondVisit):
    def __init__(self):
        self.shown = []

    def decide(self, seen, memory):
        self.shown.append(seen)
        return super().decide(seen, memory)


def test_visits_without_injection_end_no_cycle():
    """Sessions 24 weeks apart with a look in between are sessions 24 weeks apart."""
    world = WORLD.replace(**{**CERTAIN, "delay_sd": 0.0})
    cohort = rr.draw_cohort(5, world=world, seed=1)
    columns = ("sessions", "session_equivalents", "unit_equivalents", "antigen_equivalents", "weeks_in_benefit")
    for years in (0.4, 0.8, 10):  # all end in the second half of a cycle
        looked = rr.simulate(cohort, EverySecondVisit(), years=years).patients
        fixed = rr.simulate(cohort, rr.Fixed(24), years=years).patients
        for column in columns:
            np.testing.assert_allclose(looked[column], fixed[column], rtol=1e-12)
    spy = Recorder()
    rr.simulate(cohort, spy, years=2)
    shown = {float(seen.week[0]): seen for seen in spy.shown if len(seen) == 5}  # the last time each was asked
    second, third = shown[12.0], shown[24.0]  # T = 17: effect at week 12, lost and noticed at 18 when back at 24
    assert (second.gap_weeks[0], second.lower[0], second.upper[0], second.session[0]) == (12, 12, np.inf, 1)
    assert (third.gap_weeks[0], third.lower[0], third.session[0]) == (24, 12, 1)
    assert third.waned_weeks[0] == pytest.approx(18)
    assert third.upper[0] == pytest.approx(18)


def test_a_switch_counts_the_other_products_own_label_dose():
    """20 U of ona and 50 U of abo are one label dose each: medians 17 and 22 weeks."""

    class Switch(Strategy):
        def decide(self, seen, memory):
            return rr.Decision.at(30.0, units=50.0, product="abobotulinumtoxinA")

    world = WORLD.replace(**CERTAIN)
    out = rr.simulate(rr.draw_cohort(3, world=world), Switch(), years=3, history=True)
    np.testing.assert_allclose(out.sessions["duration_weeks"], 22)
    assert out.products == ("abobotulinumtoxinA",)


def test_a_switch_to_a_product_the_world_does_not_know_is_refused():
    switch = strategy_that(lambda seen: rr.Decision.at(12, product="rimabotulinumtoxinB"))
    with pytest.raises(rr.InputError, match="bad: this world knows no duration or no label dose of rima"):
        rr.simulate(rr.draw_cohort(3, world=WORLD), switch, years=1)


class Watching(Strategy):
    """After a look at week 12 injects only once waning is noticed, at the latest 40 weeks later."""

    def decide(self, seen, memory):
        wait = (seen.session > 0) & np.isnan(seen.waned_weeks)
        return rr.Decision(np.where(wait, 1.0, 12.0), np.where(wait, 40.0, 12.0), units=np.where(wait, 0.0, 20.0))


def test_a_look_in_between_does_not_make_waning_go_unnoticed():
    """T = 11.5 and a delay of a week: lost before the look at week 12, noticed at 12.5."""
    certain = WORLD.replace(**CERTAIN, delay_sd=0.0, median_weeks={"onabotulinumtoxinA": 11.5})
    out = rr.simulate(rr.draw_cohort(3, world=certain), Watching(), years=1, history=True)
    first = out.sessions[out.sessions["patient"] == 0]
    np.testing.assert_allclose(first["gap_weeks"].iloc[:3], [12, 1, 12])  # 12.5, but not before a week has passed
    np.testing.assert_allclose(first["waned_weeks"].iloc[1], 12.5)


def test_an_effect_that_a_subject_never_feels_is_missed_when_it_should_have_come():
    """0.7 U of 20 give a peak of 0.43, above the threshold of 0.2, below the subject's of 0.5."""
    world = WORLD.replace(**CERTAIN, delay_sd=0.0, subject_shift=0.3)

    class Little(Strategy):
        def decide(self, seen, memory):
            return rr.Decision(1.0, 26.0, units=0.7)

    out = rr.simulate(rr.draw_cohort(3, world=world), Little(), years=1, history=True)
    assert (out.sessions["duration_weeks"] > 0).all()
    np.testing.assert_allclose(out.sessions["gap_weeks"], world.observation.check_week + world.behaviour.delay_weeks)


# --- mistakes ---------------------------------------------------------------------------------------------------------


def strategy_that(decision):
    class Bad(Strategy):
        def decide(self, seen, memory):
            return decision(seen)

        def __str__(self):
            return "bad"

    return Bad()


def nan_in_the_second(seen):
    value = np.full(len(seen), 12.0)
    value[1] = np.nan
    return rr.Decision.at(value)


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        (lambda seen: 12, "bad must return a Decision, not int"),
        (lambda seen: rr.Decision.at(np.full(3, 12.0)), r"bad: `earliest` has shape \(3,\), not \(10,\)"),
        (nan_in_the_second, r"bad: `earliest` must be finite \(row 1\)"),
        (lambda seen: rr.Decision(12, 11), r"bad: `latest` must not be before `earliest`"),
        (lambda seen: rr.Decision(0, 12), "bad: `earliest` must be positive"),
        (lambda seen: rr.Decision.at(12, units=-1), "bad: `units` must not be negative"),
        (
            lambda seen: rr.Decision.at(12, product="onabotulinum"),
            "bad: unknown product; did you mean onabotulinumtoxinA",
        ),
        (lambda seen: (rr.Decision.at(12), {"x": 1}), "bad: the new memory must have nothing"),
        (
            lambda seen: rr.Decision.at(12, product=np.where(np.arange(len(seen)) == 3, ABO, ONA)),
            r"bad: `product` changes without `units` \(row 3\)",
        ),
    ],
)
def test_a_bad_decision_names_strategy_field_and_rows(decision, message):
    with pytest.raises(rr.InputError, match=message):
        rr.simulate(rr.draw_cohort(10, world=WORLD), strategy_that(decision), years=1)


@pytest.mark.parametrize("arguments", [{"years": 0}, {"years": float("nan")}, {"block": 0}, {"seed": -1}])
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(rr.InputError, match=next(iter(arguments))):
        rr.simulate(rr.draw_cohort(10, world=WORLD), rr.Fixed(12), **arguments)


def test_a_strategy_that_is_none_is_refused():
    with pytest.raises(rr.InputError, match="must be a strategy such as"):
        rr.simulate(rr.draw_cohort(10, world=WORLD), 12)


@pytest.mark.parametrize("strategy", [rr.Fixed(11), rr.OnWaning(9, 40)])
def test_what_nobody_looks_at_changes_nothing(strategy):
    """With history everything that the clinic would see is worked out, without it only what the outcomes need."""
    world = HARSH.replace(visit_every=4.0, lot_sd=0.1, return_jitter=1.0)
    cohort = rr.draw_cohort(600, world=world, seed=3)
    assert not strategy.is_looking()
    blind = rr.simulate(cohort, strategy, years=6, seed=4).patients
    pd.testing.assert_frame_equal(
        blind, rr.simulate(cohort, strategy, years=6, seed=4, history=True).patients, check_exact=True
    )


def test_a_rule_that_inherits_from_a_blind_one_may_look():
    class Longer(rr.Fixed):
        def decide(self, seen, memory):
            return rr.Decision.at(np.where(seen.effect_at_return, 20.0, self.weeks))

    class Counting(rr.Fixed):
        def initial_memory(self):
            return {"turn": 0}

    assert Longer(12).is_looking()
    assert Counting(12).is_looking()
    cohort = rr.draw_cohort(300, world=WORLD, seed=3)
    longer = rr.simulate(cohort, Longer(12), years=5).patients
    assert longer["sessions"].sum() < rr.simulate(cohort, rr.Fixed(12), years=5).patients["sessions"].sum()
