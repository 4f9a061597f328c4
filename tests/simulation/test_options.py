"""Each option of the simulator alone, against a truth known in closed form."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

import retreat_research as rr
from retreat_research.strategies import Strategy

ONA, ABO, INCO = "onabotulinumtoxinA", "abobotulinumtoxinA", "incobotulinumtoxinA"
MEDIAN, LABEL = 17.0, 20.0
#: Nothing is left to chance: T is 17 weeks for everyone, waning is noticed a week later.
CERTAIN = rr.World.default("glabellar").replace(
    between_sd=0,
    within_sd=0,
    non_response=0,
    dropout_per_year=0,
    induction_rate=0,
    rater_sd=0,
    delay_sd=0,
    onset_sd=0,
    test_every=0,
)
#: Patients and cycles differ; all respond, nobody leaves, and no rating errs.
VARIED = CERTAIN.replace(between_sd=0.26, within_sd=0.23)
#: Everyone alike has a titre far above every limit from the second session on.
IMMUNE = CERTAIN.replace(
    induction_rate=1e6, primary_output=1e4, susceptible_share=1, frailty_sd=0, recall_sd=0, assay_sd=0, test_every=1
)
N = 20_000


@dataclass(frozen=True)
class Script(Strategy):
    """The same for everyone: the keywords of the decision at each visit; the last repeats."""

    visits: tuple[dict, ...]

    def initial_memory(self):
        return {"turn": 0.0}

    def decide(self, seen, memory):
        turn = np.minimum(memory.turn, len(self.visits) - 1).astype(int)
        return rr.Decision(
            **{name: np.array([visit[name] for visit in self.visits])[turn] for name in self.visits[0]}
        ), {"turn": memory.turn + 1}


def script(*visits):
    """(gap, units) or (gap, units, adjunct) or (gap, units, adjunct, product) of each visit."""
    full = [(*visit, *(False, ONA)[len(visit) - 2 :]) for visit in visits]
    return Script(
        tuple(
            {"earliest": g, "latest": g, "units": u, "adjunct": adjunct, "product": product}
            for g, u, adjunct, product in full
        )
    )


@dataclass(frozen=True)
class Tells(Strategy):
    """Comes back after `weeks` or a little later; `latest` gives away what was seen."""

    what: str
    weeks: float = 60.0

    def decide(self, seen, memory):
        return rr.Decision(self.weeks, self.weeks + 1 + np.nan_to_num(getattr(seen, self.what).astype(float), nan=-1.0))


def run(world, strategy, weeks, n=200, seed=3):
    """Totals, and the history with each column of shape (n, visits)."""
    out = rr.simulate(
        rr.draw_cohort(n, world=world, seed=2), strategy, years=weeks * 7 / 365.25, seed=seed, history=True
    )
    visits = out.sessions.groupby("patient").size()
    assert visits.nunique() == 1
    return out.patients, {name: out.sessions[name].to_numpy().reshape(n, -1) for name in out.sessions}


def told(world, what, n=N, visits=2, weeks=60.0):
    """What was seen at each visit, shape (n, visits)."""
    latest = run(world, Tells(what, weeks), weeks * (visits - 1) + visits + 20, n)[1]["latest"]
    return latest[:, :visits] - weeks - 1


def duration(r, level=0.2, threshold=0.2):
    """Weeks that r label doses stay above a level of effect, from DESIGN §6."""
    peak = 1.05 * r / (r + 0.05)
    reach = max((peak / level - 1) / (1 / threshold - 1), 0) ** (1 / 3)
    return MEDIAN * r / (r + 0.25) * 1.25 * reach


def within_4_errors(happened, truth):
    """The share of `happened` is `truth`."""
    error = np.sqrt(truth * (1 - truth) / np.size(happened))
    assert truth > 10 * error  # or the test could not fail
    assert abs(np.mean(happened) - truth) < 4 * error


def mean_within_4_errors(values, truth):
    """The mean of independent `values` is `truth`."""
    assert abs(np.mean(values) - truth) < 4 * np.std(values) / np.sqrt(np.size(values))


# --- touch-ups --------------------------------------------------------------------------------------------------------


def test_half_a_dose_as_a_touch_up_counts_as_one_and_a_half():
    patients, seen = run(CERTAIN, script((2.0, 20), (38.0, 10)), 40)
    assert seen["touch_up"].tolist() == [[False, True]] * 200
    np.testing.assert_allclose(seen["duration_weeks"], [[duration(1), duration(1.5)]] * 200, rtol=1e-12)
    np.testing.assert_allclose(seen["peak_effect"][:, 1], 1.05 * 1.5 / 1.55, rtol=1e-12)
    np.testing.assert_allclose(patients["weeks_in_benefit"], duration(1.5))  # from the main session on
    np.testing.assert_allclose(seen["waned_weeks"][:, 1], duration(1.5) + 1)  # as are the weeks that are seen
    np.testing.assert_allclose(seen["upper"][:, 1], duration(1.5) + 1)
    assert (patients["sessions"] == 2).all()
    assert (patients["units"] == 30).all()
    np.testing.assert_allclose(patients["antigen_ng"], 30 * 0.009)


@pytest.mark.parametrize(
    ("weeks", "sessions"),
    [
        (1, 0.5),  # the gap is taken to end at the visit after follow-up: the main session alone, half of 2 weeks
        (10, 2 * 10 / 20),
        (19.9, 2 * 19.9 / 20),
        (21, 2 + 0.5),
        (30, 2 + 2 * 10 / 20),
        (39.9, 2 + 2 * 19.9 / 20),
    ],
)
def test_the_exposure_of_a_touch_up_belongs_to_its_cycle(weeks, sessions):
    """Whole when the next main session comes; by the share of the cycle inside follow-up before."""
    patients, _ = run(CERTAIN, script((2.0, 20), (18.0, 10), (2.0, 20), (18.0, 10)), weeks, 5)
    np.testing.assert_allclose(patients["session_equivalents"], sessions)
    np.testing.assert_allclose(patients["antigen_equivalents"], 0.009 * patients["unit_equivalents"])


def test_a_touch_up_shares_the_luck_of_its_main_session():
    """T grows by the same factor in every patient and cycle, and non-responders stay so."""
    world = VARIED.replace(non_response=0.2)
    seen = run(world, script(*((2.0, 20), (30.0, 10)) * 4), 4 * 32, 2000)[1]["duration_weeks"]
    main, joined = seen[:, ::2], seen[:, 1::2]
    np.testing.assert_array_equal(main == 0, joined == 0)
    assert 0.1 < (main == 0).mean() < 0.3
    np.testing.assert_allclose(joined, main * duration(1.5) / duration(1), rtol=1e-12)
    assert np.unique(main).size > 5000


@pytest.mark.parametrize(
    ("visits", "joins"),
    [
        (((3.0, 20), (30.0, 19.9)), True),
        (((3.01, 20), (30.0, 10)), False),  # too late
        (((2.0, 20), (30.0, 20)), False),  # not fewer units
        (((2.0, 20), (30.0, 10, False, INCO)), False),  # another product
    ],
)
def test_what_is_a_touch_up_and_what_a_session(visits, joins):
    seen = run(CERTAIN, script(*visits), 30)[1]
    assert (seen["touch_up"][:, 1] == joins).all()
    expected = duration(1 + visits[1][1] / 20 if joins else visits[1][1] / 20)
    np.testing.assert_allclose(seen["duration_weeks"][:, 1], expected)


def test_a_touch_up_at_the_last_moment_is_one_whenever_the_session_was():
    """3 weeks later is 3 weeks later, though 5.3 + 3 − 5.3 is more than 3 in floating point."""
    seen = run(CERTAIN, script((5.3, 20), *((3.0, 20), (5.3, 10)) * 20), 160, 5)[1]
    assert seen["touch_up"][:, 2::2].all()


def test_two_touch_ups_add_up():
    seen = run(CERTAIN, script((1.0, 20), (1.0, 10), (30.0, 5)), 30)[1]
    assert seen["touch_up"].tolist() == [[False, True, True]] * 200
    np.testing.assert_allclose(seen["duration_weeks"][:, 2], duration(1.75), rtol=1e-12)


def test_a_touch_up_counts_as_far_as_it_is_not_neutralised():
    """The first session raises the titre within two weeks; above the failure titre the touch-up adds nothing."""
    visits = script((2.0, 20), (30.0, 10))
    titre = run(IMMUNE, visits, 3)[1]["titre_before"][:, 1]
    assert (titre > 100).all()
    for change, counts in (
        ({"half_titre": 1e9, "failure_titre": 1e9}, 0.5),
        ({"half_titre": titre[0], "failure_titre": 1e9}, 0.25),
        ({"half_titre": 1e9, "failure_titre": titre[0] - 1}, 0.0),
        ({"half_titre": 1e9, "failure_titre": titre[0] + 1}, 0.5),
    ):
        seen = run(IMMUNE.replace(**change), visits, 3)[1]
        np.testing.assert_allclose(seen["duration_weeks"][:, 1], duration(1 + counts), rtol=1e-12)


def test_the_same_again_never_means_the_same_as_the_touch_up():
    class Again(Strategy):
        def initial_memory(self):
            return {"turn": 0.0}

        def decide(self, seen, memory):
            second = memory.turn % 2 == 1
            units = np.where(second, 8.0, seen.units)
            return rr.Decision.at(np.where(second, 15.0, 2.0), units=units), {"turn": memory.turn + 1}

    seen = run(CERTAIN, Again(), 60, 5)[1]["units"]
    assert seen.tolist() == [[20, 8] * (seen.shape[1] // 2) + [20] * (seen.shape[1] % 2)] * 5


# --- adjuncts ---------------------------------------------------------------------------------------------------------


def test_an_adjunct_lengthens_every_duration_by_its_factor():
    factor = 1.3
    world = VARIED.replace(adjunct_lengthening=factor)
    without, with_it = (run(world, script((30.0, 20, adjunct)), 300)[1] for adjunct in (False, True))
    np.testing.assert_allclose(with_it["duration_weeks"], factor * without["duration_weeks"], rtol=1e-12)
    assert with_it["adjunct"].all()
    assert not without["adjunct"].any()


def test_an_adjunct_given_with_a_touch_up_acts_on_the_whole_cycle():
    world = CERTAIN.replace(adjunct_lengthening=1.2)
    patients, seen = run(world, script((2.0, 20), (38.0, 10, True)), 40)
    np.testing.assert_allclose(seen["duration_weeks"][:, 1], 1.2 * duration(1.5), rtol=1e-12)
    np.testing.assert_allclose(patients["weeks_in_benefit"], 1.2 * duration(1.5), rtol=1e-12)
    np.testing.assert_allclose(seen["waned_weeks"][:, 1], 1.2 * duration(1.5) + 1, rtol=1e-12)


def test_support_lowers_the_level_that_the_effect_must_keep():
    """1 − (1 − effect)(1 − s) is above θ while the effect is above (θ − s)/(1 − s)."""
    world = CERTAIN.replace(adjunct_support=0.1)
    without, with_it = (run(world, script((60.0, 20, adjunct)), 60)[0] for adjunct in (False, True))
    np.testing.assert_allclose(without["weeks_in_benefit"], duration(1), rtol=1e-12)
    np.testing.assert_allclose(with_it["weeks_in_benefit"], duration(1, (0.2 - 0.1) / 0.9), rtol=1e-12)


def test_the_rater_sees_the_benefit_with_the_support():
    @dataclass(frozen=True)
    class Supported(Tells):
        def decide(self, seen, memory):
            decision = super().decide(seen, memory)
            return rr.Decision(decision.earliest, decision.latest, adjunct=True)

    support, n = 0.15, 50
    latest = run(CERTAIN.replace(adjunct_support=support), Supported("peak_gain"), 90, n)[1]["latest"]
    effect = (1 - np.exp(-4 / 0.3)) / (1 + (4 / MEDIAN) ** 3 * 4)
    np.testing.assert_allclose(latest[:, 1] - 61, 1 - (1 - effect) * (1 - support), rtol=1e-8)  # onset: within e^−20


# --- delivery ---------------------------------------------------------------------------------------------------------


def test_deliveries_fail_as_often_as_said_and_cost_potency_but_no_antigen():
    world = CERTAIN.replace(technique_failure=0.2, technique_loss=0.5, storage_failure=0.3, storage_loss=0.4)
    patients, seen = run(world, rr.Fixed(40), 400, 2000)
    potency = seen["potency"]
    for left, share in ((0.3, 0.06), (0.5, 0.14), (0.6, 0.24), (1.0, 0.56)):
        within_4_errors(np.isclose(potency, left), share)
    np.testing.assert_allclose(patients["antigen_ng"], seen["antigen_ng"].shape[1] * LABEL * 0.009)
    expected = np.select(
        [np.isclose(potency, left) for left in (0.3, 0.5, 0.6)], [duration(r) for r in (0.3, 0.5, 0.6)]
    )
    np.testing.assert_allclose(seen["duration_weeks"], np.where(potency == 1, duration(1), expected), rtol=1e-10)


def test_a_session_beside_its_target_is_a_session_without_response():
    world = CERTAIN.replace(technique_failure=0.25)
    patients, seen = run(world, rr.Fixed(20), 20, N)
    within_4_errors(seen["duration_weeks"] == 0, 0.25)
    assert (patients["sessions"] == 1).all()
    assert not patients["failure_immune"].any()


def test_lots_are_the_same_for_all_patients_and_change_when_they_should():
    world = CERTAIN.replace(lot_sd=0.2, lot_weeks=10.0)
    seen = run(world, rr.Fixed(4), 400, 50)[1]
    potency, lot = seen["potency"], seen["week"][0] // 10
    assert (potency == potency[0]).all()
    np.testing.assert_array_equal(np.diff(potency[0]) != 0, np.diff(lot) != 0)


def test_lots_of_different_products_differ():
    world = CERTAIN.replace(lot_sd=0.2)
    ona, abo = (
        run(world, script((10.0, units, False, product)), 100, 5)[1] for units, product in ((20, ONA), (50, ABO))
    )
    assert (ona["potency"] != abo["potency"]).all()


def test_potency_of_lots_has_mean_1_and_the_spread_it_says():
    """Patients who return when they like meet lots that change all the time: each her own."""
    world = CERTAIN.replace(lot_sd=0.2, lot_weeks=1e-5, return_jitter=5.0)
    potency = run(world, rr.Fixed(10), 4.9, 5000)[1]["potency"]
    assert (potency == potency[0]).all()  # on the first day there is one lot
    potency = np.concatenate(
        [run(world, script((10.0, 20), (40.0, 20)), 15.1, 5000, seed)[1]["potency"][:, 1] for seed in (3, 4)]
    )
    assert np.unique(potency).size > 0.98 * potency.size
    mean_within_4_errors(potency, 1.0)
    assert stats.kstest((np.log(potency) + 0.02) / 0.2, "norm").pvalue > 1e-4


# --- risks of a first response: how often they are there --------------------------------------------------------------


@pytest.mark.parametrize(("risk", "share"), [("trauma", 0.3), ("infection", 0.1), ("prior_exposure", 0.2)])
def test_risks_are_there_as_often_as_said(risk, share):
    """With a hazard of 1e-8 that the risk multiplies by 1e12, those with a response are those with the risk."""
    world = IMMUNE.replace(induction_rate=1e-8, **{f"{risk}_risk": 1e12, risk: share})
    within_4_errors(run(world, rr.Fixed(12), 13, N)[1]["titre_before"][:, 1] > 0, share)


def test_prior_exposure_is_the_patients_own_and_the_others_are_the_sessions():
    """The same patients under another seed of the simulation."""
    for risk, same in (("prior_exposure", True), ("trauma", False), ("infection", False)):
        world = IMMUNE.replace(induction_rate=1e-8, **{f"{risk}_risk": 1e12, risk: 0.3})
        a, b = (run(world, rr.Fixed(12), 13, 500, seed)[1]["titre_before"][:, 1] > 0 for seed in (3, 4))
        assert (a == b).all() == same


# --- further visits, raters and subjects ------------------------------------------------------------------------------


def lost_in(world, weeks=60.0, n=2000):
    """(lower, upper, true duration) of first cycles that run out before the next, all with a response."""
    seen = run(world, rr.Fixed(weeks), 2 * weeks, n)[1]
    lower, upper, true = (seen[name][:, 0] for name in ("lower", "upper", "duration_weeks"))
    keep = true > 4.5
    assert keep.mean() > 0.99
    return lower[keep], upper[keep], true[keep]


@pytest.mark.parametrize("options", [
    {"visit_every": 4.0},
    {"visit_every": 4.0, "visit_jitter": 1.5},
    {"visit_every": 4.0, "missed_visit": 0.5},
    {"visit_every": 3.0, "visit_jitter": 1.0, "missed_visit": 0.3, "missed_check": 0.3},
])  # fmt: skip
def test_further_visits_tighten_the_interval_and_hold_the_truth(options):
    lower, upper, true = lost_in(VARIED.replace(**options))
    assert (lower < true).all()
    assert (true <= upper).all()
    plain_lower, plain_upper, _ = lost_in(VARIED)
    assert (upper <= plain_upper).all()
    assert (upper - lower).mean() < 0.5 * (plain_upper - plain_lower).mean()
    if "missed_visit" not in options:
        assert (upper - lower <= options["visit_every"] + 2 * options.get("visit_jitter", 0.0) + 1e-9).all()
        # the patient notices the loss a week after it, a visit may come first
        assert ((upper < true + 1 - 1e-9).any()) & np.isclose(upper, true + 1).any()


def test_further_visits_without_jitter_lie_on_their_grid_and_with_it_within_its_bounds():
    for jitter in (0.0, 1.5):
        lower, _, _ = lost_in(VARIED.replace(visit_every=4.0, visit_jitter=jitter))
        away = lower - 4 * np.round(lower / 4)
        assert np.abs(away).max() <= jitter + 1e-12
        if jitter:
            assert stats.kstest(away[(lower > 6) & (lower < 10)], stats.uniform(-1.5, 3.0).cdf).pvalue > 1e-4


def test_further_visits_are_missed_as_often_as_said():
    """Everyone has effect from week 8 to 12 and nobody later than 17: the last visit with it is at 16, 12, 8, …"""
    lower, _, _ = lost_in(CERTAIN.replace(visit_every=4.0, missed_visit=0.3), n=N)
    for visit, share in ((16, 0.7), (12, 0.3 * 0.7), (8, 0.09 * 0.7), (4, 0.027)):
        within_4_errors(lower == visit, share)


@pytest.mark.parametrize("shift", [-0.1, 0.1])
def test_the_subjects_threshold_changes_what_she_notices_and_no_rating(shift):
    world = VARIED.replace(rater_sd=0.15)
    plain, shifted = (run(w, rr.Fixed(19), 190) for w in (world, world.replace(subject_shift=shift)))
    for name in ("duration_weeks", "peak_effect", "responded", "assessed", "effect_at_return"):
        np.testing.assert_array_equal(plain[1][name], shifted[1][name])
    np.testing.assert_allclose(plain[0]["weeks_in_benefit"], shifted[0]["weeks_in_benefit"])
    waned = run(CERTAIN.replace(subject_shift=shift), rr.Fixed(40), 40)[1]["waned_weeks"]
    np.testing.assert_allclose(waned, duration(1, 0.2 + shift) + 1, rtol=1e-12)
    gaps = run(CERTAIN.replace(subject_shift=shift), rr.OnWaning(4, 60), 100)[1]["gap_weeks"]
    np.testing.assert_allclose(gaps, duration(1, 0.2 + shift) + 1, rtol=1e-12)


def test_the_investigators_threshold_changes_ratings_only():
    """And a rating shows effect if it is above θ plus the shift."""
    world = VARIED.replace(rater_sd=0.15)
    cohort, stricter = (rr.draw_cohort(200, world=w, seed=2) for w in (world, world.replace(investigator_shift=0.2)))
    plain, strict = (
        rr.simulate(group, rr.OnWaning(9, 19), years=4, history=True).sessions for group in (cohort, stricter)
    )
    for name in ("duration_weeks", "waned_weeks", "gap_weeks", "peak_effect", "assessed"):
        np.testing.assert_array_equal(plain[name], strict[name])
    assert (plain["effect_at_return"] & ~strict["effect_at_return"]).mean() > 0.05
    assert not (strict["effect_at_return"] & ~plain["effect_at_return"]).any()
    effect = 1 / (1 + 4 * (10 / MEDIAN) ** 3)  # at week 10, onset over
    for level, rated in ((effect - 1e-6, True), (effect + 1e-6, False)):
        seen = run(CERTAIN.replace(investigator_shift=level - 0.2), rr.Fixed(10), 10, 5)[1]
        assert (seen["effect_at_return"] == rated).all()


def test_checks_are_missed_as_often_as_said():
    seen = run(CERTAIN.replace(missed_check=0.2), rr.Fixed(20), 20, N)[1]
    within_4_errors(~seen["assessed"], 0.2)
    np.testing.assert_array_equal(seen["assessed"], seen["responded"])


# --- antibody tests ---------------------------------------------------------------------------------------------------


def test_without_antibody_tests_are_positive_as_often_as_they_are_not_specific():
    world = CERTAIN.replace(susceptible_share=0, test_every=1, specificity=0.9, sensitivity=0.5)
    patients, seen = run(world, rr.Fixed(12), 13, N)
    within_4_errors(patients["tested_positive_week"] == 12, 0.1)
    assert (seen["titre_before"] == 0).all()


def test_with_much_antibody_tests_are_positive_as_often_as_they_are_sensitive():
    world = IMMUNE.replace(specificity=1.0, sensitivity=0.8)
    patients, seen = run(world, rr.Fixed(12), 13, N)
    assert (seen["titre_before"][:, 1] > 100).all()
    within_4_errors(patients["tested_positive_week"] == 12, 0.8)
    both = run(world.replace(specificity=0.9), rr.Fixed(12), 13, N)[0]
    within_4_errors(both["tested_positive_week"] == 12, 0.8 + 0.2 * 0.1)


def test_readings_end_at_the_ceiling_and_begin_at_the_limit_of_detection():
    world = IMMUNE.replace(specificity=0.9, sensitivity=0.8, ceiling_titre=7.0, detection_titre=0.5)
    reading = told(world, "last_reading", visits=3)
    assert (reading[:, :2] == -1).all()  # before the first test, which is seen at the visit after it
    values, counts = np.unique(np.round(reading[:, 2], 9), return_counts=True)
    assert values.tolist() == [0, 0.5, 7]
    for count, share in zip(counts, (0.2 * 0.9, 0.2 * 0.1, 0.8), strict=True):
        within_4_errors(np.arange(N) < count, share)


def test_readings_scatter_as_the_assay_does():
    world = IMMUNE.replace(assay_sd=0.3, ceiling_titre=1e9, specificity=1.0)
    seen = run(world, Tells("last_reading"), 190, 5000)[1]
    error = np.log(seen["latest"][:, 2] - 61) - np.log(seen["titre_before"][:, 1])
    assert stats.kstest(error / 0.3, "norm").pvalue > 1e-4


def test_tests_come_before_every_nth_session():
    week = told(CERTAIN.replace(test_every=3), "last_test_week", n=5, visits=8, weeks=20.0)
    assert week[0].round(9).tolist() == [-1, -1, -1, -1, 60, 60, 60, 120]


# --- attendance and dropout -------------------------------------------------------------------------------------------


def test_returns_are_jittered_within_their_bounds():
    gaps = run(CERTAIN.replace(return_jitter=2.0), rr.Fixed(12), 9, N)[1]["gap_weeks"]
    assert stats.kstest(gaps.ravel(), stats.uniform(10, 4).cdf).pvalue > 1e-4
    soon = run(CERTAIN.replace(return_jitter=2.0), script((1.0, 20)), 0.1, N)[1]["gap_weeks"]
    assert soon.min() == 1 / 7
    within_4_errors(soon == 1 / 7, (2 - 1 + 1 / 7) / 4)


def test_no_shows_come_later_as_often_as_said():
    gaps = run(CERTAIN.replace(no_show=0.15, no_show_weeks=3.0), rr.Fixed(12), 12, N)[1]["gap_weeks"]
    within_4_errors(gaps == 15, 0.15)
    assert set(np.unique(gaps)) == {12, 15}


def test_dropout_is_calendar_time_whatever_the_strategy():
    world = VARIED.replace(dropout_per_year=0.1)
    cohort = rr.draw_cohort(N, world=world, seed=2)
    strategies = (rr.Fixed(8), rr.OnWaning(12, 52), script((2.0, 20), (20.0, 10)))
    weeks = [rr.simulate(cohort, strategy, years=5).patients["dropout_week"] for strategy in strategies]
    for other in weeks[1:]:
        np.testing.assert_array_equal(weeks[0], other)
    within_4_errors(weeks[0].notna(), 1 - np.exp(-0.5))
