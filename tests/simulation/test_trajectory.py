"""One patient's course between visits: against the engine's own numbers, the naive twin, and an integrator."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp

import retreat_research as rr
from retreat_research.simulation.trajectory import trajectory

from . import twin
from .test_twin import EVERYTHING, GLABELLAR, HARSH, RIMA, STRATEGIES

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
SEED = 2**35 + 9


def simulated(world, name, n=60, years=6, **options):
    return rr.simulate(rr.draw_cohort(n, world=world, seed=5), STRATEGIES[name][0], years=years, seed=SEED, **options)


def every(world, name, n=25, years=6):
    out = simulated(world, name, n, years)
    return [trajectory(out, i) for i in range(n)]


def test_one_patient_replayed_is_the_patient_of_the_cohort():
    whole = simulated(EVERYTHING, "busy", history=True)
    without = simulated(EVERYTHING, "busy")
    for i in (0, 17, 59):
        one = trajectory(without, i)
        expected = whole.sessions[whole.sessions["patient"] == i].reset_index(drop=True)
        pd.testing.assert_frame_equal(one.visits[expected.columns], expected, check_exact=True)
        assert one.totals.equals(without.patients.iloc[i].rename(0))
        assert one.end_week == one.totals["weeks_observed"]


def test_the_course_covers_follow_up_day_by_day_or_otherwise():
    out = simulated(HARSH, "fixed")
    one = trajectory(out, 3)
    course = one.course
    np.testing.assert_allclose(np.diff(course["week"]), 1 / 7)
    assert one.end_week - 1 / 7 <= course["week"].iloc[-1] < one.end_week
    weekly = trajectory(out, 3, step_days=7).course
    pd.testing.assert_frame_equal(weekly, course.iloc[::7].reset_index(drop=True), rtol=1e-12)


@pytest.mark.parametrize(("world", "name"), [(HARSH, "fixed"), (EVERYTHING, "busy"), (EVERYTHING, "late")])
def test_titre_at_each_visit_is_the_engines(world, name):
    """Just before the visit, so that the closed form of the gap is used and not the visit's own record."""
    seen = 0
    for one in every(world, name):
        for serotype in "AB":
            own = one.visits[(one.visits["serotype"] == serotype) & (one.visits["week"] > 1e-9)]
            before = one.at(np.nextafter(own["week"], 0))
            np.testing.assert_allclose(before[f"titre_{serotype}"], own["titre_before"], **CLOSE)
            after = one.at(own["week"])
            for state in ("memory", "short", "long"):
                np.testing.assert_array_equal(after[f"{state}_{serotype}"], own[state])
            seen += (own["titre_before"] > 0).sum()
    assert seen > 30


def test_both_serotypes_go_on_after_a_switch():
    """What was met before keeps falling while the other type is given."""
    switched = 0
    for one in every(EVERYTHING, "busy", n=40):
        visits = one.visits
        if not (visits["product"] == RIMA).any() or not (visits["titre_before"] > 0).any():
            continue
        first = visits.loc[visits["product"] == RIMA, "week"].iloc[0]
        assert (one.at(np.linspace(0, first, 9)[:-1])[["titre_B", "memory_B", "short_B", "long_B"]] == 0).all(axis=None)
        back = visits.loc[(visits["week"] > first) & (visits["serotype"] == "A"), "week"]
        until = back.iloc[0] if len(back) else one.end_week
        between = one.at(np.linspace(first, np.nextafter(until, 0), 5))
        assert np.ptp(between["memory_A"]) == 0
        assert (np.diff(between["short_A"]) < 0).all() or (between["short_A"] == 0).all()
        switched += between["titre_A"].iloc[0] > 0
    assert switched > 3


def test_titre_between_visits_solves_its_equation():
    one = next(one for one in every(HARSH, "fixed") if one.visits["long"].max() > 0)
    visit = one.visits[one.visits["long"] > 0].iloc[0]
    im = one.world.immunity
    a, ds, dl = (
        math.log(2) * 7 / h for h in (im.titre_half_life_days, im.short_half_life_days, im.long_half_life_days)
    )
    weeks = np.linspace(visit["week"], visit["week"] + visit["gap_weeks"] - 1e-6, 7)
    solved = solve_ivp(
        lambda _, y: [a * (y[1] + y[2] - y[0]), -ds * y[1], -dl * y[2]],
        (weeks[0], weeks[-1]), visit[["titre_before", "short", "long"]].to_numpy(dtype=float), t_eval=weeks,
        rtol=1e-11, atol=1e-12, method="DOP853",
    )  # fmt: skip
    found = one.at(weeks)[["titre_A", "short_A", "long_A"]]
    np.testing.assert_allclose(found.to_numpy().T, solved.y, rtol=1e-8)


@pytest.mark.parametrize(("world", "name"), [(GLABELLAR, "on waning"), (HARSH, "stepped early"), (EVERYTHING, "busy")])
def test_the_benefit_crosses_the_threshold_where_the_engine_says(world, name):
    """Where the onset is over and no other session comes before."""
    theta, tested = world.response.threshold, 0
    for one in every(world, name):
        following = one.visits["week"].shift(-1, fill_value=one.end_week)
        ends = one.visits["until_week"]
        ripe = (ends < np.minimum(following, one.end_week)) & (ends > one.visits["week"])
        ripe &= ends - one.visits["open_week"] > 25 * one._onset
        at = ends[ripe].to_numpy()
        np.testing.assert_allclose(one.at(at)["effect"], theta, **CLOSE)
        assert (one.at(at * (1 - 1e-6))["effect"] > theta).all()
        tested += at.size
    assert tested > 20


@pytest.mark.parametrize(("world", "name"), [(HARSH, "stepped"), (EVERYTHING, "busy"), (EVERYTHING, "late")])
def test_time_above_the_threshold_is_the_time_in_benefit(world, name):
    """But for the days of onset, which the engine does not take off."""
    for one in every(world, name):
        back = (one.visits["week"] + one.visits["gap_weeks"]).clip(upper=one.end_week)
        counted = (np.minimum(one.visits["until_week"], back) - one.visits["week"]).clip(lower=0)
        assert counted.sum() == pytest.approx(one.totals["weeks_in_benefit"], abs=1e-9)
        above = (one.course["effect"] > world.response.threshold).sum() / 7
        onset = -one._onset * math.log1p(-world.response.threshold)
        longest = one.visits["cycle"].max() + 1 + len(one.visits)
        assert counted.sum() - longest * (onset + 1) < above < counted.sum() + longest / 7


@pytest.mark.parametrize(("world", "name"), [(HARSH, "stepped early"), (EVERYTHING, "busy")])
def test_the_twins_benefit(world, name):
    """The larger of the open and the running curve, as the twin has them, but for what is left of earlier ones.

    That is seen in the first weeks of a cycle, and below the threshold.
    """
    strategy, naive = STRATEGIES[name]
    out = rr.simulate(rr.draw_cohort(12, world=world, seed=5), strategy, years=4, seed=SEED)
    compared = 0
    for i in range(12):
        one, who = trajectory(out, i), twin.traits(world, 5, i)
        _, visits = twin.follow(world, 5, i, naive, years=4, seed=SEED)
        curves, opened, running, points = {}, None, None, []
        for visit, end in zip(visits, [*(v["week"] for v in visits[1:]), one.end_week], strict=True):
            if visit["units"] > 0:
                opened = opened if visit["touch_up"] else visit["week"]
                curves[opened] = visit
                if running is None or lasts_until(curves, opened) >= lasts_until(curves, running):
                    running = opened
            for week in np.linspace(visit["week"], end, 7)[1:-1]:
                seen = [twins_benefit(world.response, who, week - at, curves[at]) for at in {opened, running} - {None}]
                points.append((week, max(seen, default=0.0), opened is not None and week - opened > 3))
        week, expected, settled = np.array(points).T
        found = one.at(week)["effect"].to_numpy()
        assert (found > expected - 1e-10).all()
        felt, settled = expected > world.response.threshold, settled > 0
        np.testing.assert_array_equal(found[settled] > world.response.threshold, felt[settled])
        felt &= settled
        np.testing.assert_allclose(found[felt], expected[felt], rtol=1e-8)  # the engine's onset ends at 1 - 2e-9
        compared += felt.sum()
    assert compared > 200


def lasts_until(curves, opened):
    return opened + curves[opened]["duration_weeks"]


def twins_benefit(r, who, t, visit):
    peak, own = visit["peak_effect"], math.exp(visit["log_own"])
    half = own * (r.threshold / (1 - r.threshold)) ** (1 / r.curve_hill)
    effect = peak * (1 - math.exp(-t / who["onset"])) / (1 + (t / half) ** r.curve_hill) if half and peak else 0.0
    return 1 - (1 - effect) * (1 - r.adjunct_support) if visit["adjunct"] else effect


def test_retreatment_while_the_effect_lasts_does_not_lower_it():
    world = GLABELLAR.replace(within_sd=0, non_response=0)
    out = rr.simulate(rr.draw_cohort(1, world=world, seed=1), rr.Fixed(6), years=1)
    one = trajectory(out)
    before, after = (one.at(6 * np.arange(1, 5) + shift)["effect"].to_numpy() for shift in (-1e-9, 0.05))
    assert (before > 0.5).all()
    assert (after > 0.98 * before).all()


def test_an_adjunct_supports_its_own_cycle_only():
    world = GLABELLAR.replace(adjunct_support=0.1, non_response=0)

    class Once(rr.Strategy):
        def decide(self, seen, memory):
            return rr.Decision.at(40.0, adjunct=seen.session == 0)

    one = trajectory(rr.simulate(rr.draw_cohort(1, world=world, seed=1), Once(), years=1.5))
    assert one.at([0.0, 39.9])["effect"].min() > 0.1 - 1e-12
    assert one.at([40.0, 78.0])["effect"].max() < 0.1


def test_products_and_doses_of_visits():
    one = next(one for one in every(EVERYTHING, "late") if len(one.visits) > 8)
    assert one.visits["serotype"].iloc[1] == ""
    assert one.visits["cycle"].iloc[0] == -1
    assert one.visits["label_doses"].iloc[4] == 500 / 500
    main = one.visits[(one.visits["units"] > 0) & ~one.visits["touch_up"]]
    assert main["cycle"].tolist() == list(range(len(main)))
    assert (main["open_week"] == main["week"]).all()


@pytest.mark.parametrize(
    ("patient", "options", "message"),
    [
        (None, {}, "`patient` is needed, as there are several"),
        (60, {}, "`patient` is not in the cohort"),
        (-1, {}, "`patient` must be a whole number, 0 or more"),
        (1.0, {}, "`patient` must be a whole number"),
        (1, {"step_days": 0}, "`step_days` must be one number, 0.01 or more"),
        (1, {"step_days": np.nan}, "`step_days` must be one number"),
        (1, {"step_days": [1, 2]}, "`step_days` must be one number"),
    ],
)
def test_mistakes(patient, options, message):
    with pytest.raises(rr.InputError, match=message):
        trajectory(simulated(HARSH, "fixed"), patient, **options)


def test_patients_are_named_by_address():
    out = rr.simulate(rr.draw_cohort(60, world=HARSH, seed=5)[[40, 7]], rr.Fixed(11), years=6, seed=SEED)
    assert trajectory(out, 7).visits.equals(trajectory(simulated(HARSH, "fixed"), 7).visits)
    with pytest.raises(rr.InputError, match="not in the cohort"):
        trajectory(out, 1)


def test_weeks_outside_follow_up_are_refused():
    one = trajectory(simulated(HARSH, "fixed"), 1)
    with pytest.raises(rr.InputError, match=r"`weeks` must be inside follow-up \(rows 0, 2\)"):
        one.at([-1, 2, 1e4])
    with pytest.raises(rr.InputError, match="`out` must come from simulate, not DataFrame"):
        trajectory(one.visits, 1)
