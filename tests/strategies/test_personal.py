"""`Personal` against numerical integration one patient at a time, against MixedAFT, and where the truth is known."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

import retreat_research as rr
from retreat_research.strategies import Memory
from retreat_research.strategies.predictive import log_share, normal_cdf, normal_density


def naive(history, p, median, between, within):
    """The quantile by integration over b; history: (lower, upper] in weeks."""
    m = math.log(median)

    def likelihood(b):
        out = norm.pdf(b, 0, between)
        for lower, upper in history:
            high = 1.0 if math.isinf(upper) else norm.cdf((math.log(upper) - m - b) / within)
            low = 0.0 if lower == 0 else norm.cdf((math.log(lower) - m - b) / within)
            out *= high - low
        return out

    reach = 7 * between
    grid = np.linspace(-reach, reach, 2001)
    weights = np.array([likelihood(b) for b in grid])
    peak, scale = grid[weights.argmax()], weights.max()
    points = sorted({min(max(-reach, peak + k * within), reach) for k in (-3, -1, 0, 1, 3)})
    total = quad(lambda b: likelihood(b) / scale, -reach, reach, points=points, limit=400)[0]

    def below(t):
        inside = quad(
            lambda b: likelihood(b) / scale * norm.cdf((t - m - b) / within), -reach, reach, points=points, limit=400
        )
        return inside[0] / total - p

    return math.exp(brentq(below, m - 3, m + 3, xtol=1e-9))


@pytest.mark.parametrize("p", [0.2, 0.5])
@pytest.mark.parametrize(
    "history",
    [
        [],
        [(12, math.inf)],
        [(4, 9.5), (4, 11.0)],
        [(14, math.inf), (12, 18), (0, 30), (16, math.inf)],
        [(4, 5.0)] * 6,
        [(26, math.inf)] * 8,
    ],
)
def test_the_gap_is_the_quantile_of_the_predictive_distribution(history, p, patient):
    rule = rr.Personal(p, shortest=0.5, longest=200, median_weeks=17, between_sd=0.26, within_sd=0.23)
    one = patient(rule)
    gap = one.visit()["latest"]
    for lower, upper in history:
        gap = one.visit("waned", lower=float(lower), upper=float(upper))["latest"]
    assert gap == pytest.approx(naive(history, p, 17, 0.26, 0.23), rel=2e-6)


def test_it_agrees_with_the_mixed_model():
    """`MixedAFTResult.personal` is the same distribution."""
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(80), 5)
    t = np.exp(math.log(15) + rng.normal(0, 0.3, 80)[who] + rng.normal(0, 0.2, who.size))
    lower, upper = np.floor(t / 2) * 2, np.floor(t / 2) * 2 + 2
    fit = rr.MixedAFT(family="lognormal").fit(rr.Cycles(lower, upper, patient=who))
    rule = rr.Personal.from_fit(fit, quantile=0.4, shortest=1, longest=100)
    nodes = Memory({k: np.full((80, *np.shape(v)), v) for k, v in rule.initial_memory().items()})
    from retreat_research.strategies.predictive import quantiles, weigh

    weights = nodes.log_weight.copy()
    for cycle in range(5):
        weigh(weights, lower.reshape(80, 5)[:, cycle], upper.reshape(80, 5)[:, cycle], rule._nodes, rule._sd)
    found = np.exp(quantiles(weights, rule._nodes, rule._sd, 0.4, np.full(80, 2.7)))
    for person in (0, 7, 41):
        wanted = float(np.ravel(fit.personal(person).quantile(0.4))[0])
        assert found[person] == pytest.approx(wanted, rel=1e-4)


def test_a_non_response_and_a_visit_without_injection_tell_nothing(patient):
    rule = rr.Personal(median_weeks=17, between_sd=0.26, within_sd=0.23)
    one = patient(rule)
    first = one.visit()["latest"]
    assert one.visit("silent", lower=np.nan, upper=np.nan)["latest"] == first
    learnt = one.visit("waned", lower=4.0, upper=8.0)["latest"]
    assert learnt < first
    one.session -= 1  # the same cycle is shown again
    assert one.visit("waned", lower=4.0, upper=8.0)["latest"] == learnt


@pytest.mark.parametrize("sd", [0.0, 0.01, 0.05])
def test_known_truth_where_nothing_varies_within_a_patient(sd):
    """Issue truth (c): at session 20 the next gap is within 1% of T in at least 99% of patients."""
    world = rr.World.default("glabellar").replace(
        within_sd=0, delay_weeks=0, delay_sd=0, rater_sd=0, non_response=0, susceptible_share=0, dropout_per_year=0
    )
    cohort = rr.draw_cohort(600, world=world, seed=3)
    rule = rr.Personal(0.5, shortest=1, longest=520, within_sd=sd)
    visits = rr.simulate(cohort, rule, years=30, seed=3, history=True).sessions
    at = visits[visits["session"] == 20]
    assert len(at) > 500
    near = np.abs(at["gap_weeks"] / at["duration_weeks"] - 1) < 0.01
    assert near.mean() >= 0.99


def test_the_table_of_the_normal_distribution():
    z = np.linspace(-9.5, 9.5, 4001)
    assert max(abs(normal_cdf(x) - norm.cdf(x)) for x in z) < 3e-11
    assert max(abs(normal_density(x) - norm.pdf(x)) for x in z) < 1e-5
    for low, high in [(-np.inf, -30), (20, 21), (-0.1, 0.2), (-50, -40), (3, np.inf), (38, np.inf), (-np.inf, np.inf)]:
        if low > 0:
            wanted = norm.logsf(low) + np.log1p(-np.exp(norm.logsf(high) - norm.logsf(low)))
        else:
            wanted = norm.logcdf(high) + np.log1p(-np.exp(norm.logcdf(low) - norm.logcdf(high)))
        assert log_share(float(low), float(high)) == pytest.approx(wanted, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rr.Personal(0), "`quantile` must lie between 0 and 1"),
        (lambda: rr.Personal(shortest=30), "`shortest` must be at most `longest`"),
        (lambda: rr.Personal(within_sd=-1), "`within_sd` must be a number from 0 to 10"),
        (lambda: rr.Personal().initial_memory(), "`Personal` has no prior yet"),
        (lambda: rr.Personal.from_fit(3), "`fit` must be a log-normal MixedAFT"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(rr.InputError, match=message):
        make()


@pytest.mark.parametrize(("between", "within"), [(0.0, 0.2), (0.26, 0.0), (0.0, 0.0), (2.0, 0.05)])
def test_extreme_spreads_give_finite_gaps(between, within):
    cohort = rr.draw_cohort(50, indication="glabellar")
    rule = rr.Personal(between_sd=between, within_sd=within)
    gaps = rr.simulate(cohort, rule, years=4, history=True).sessions["latest"]
    assert gaps.between(8, 26).all()


def test_the_share_that_ends_before_the_visit_is_the_quantile():
    """Where nothing is in the way; a noticed week as the end of (check, noticed] would be far from it."""
    world = rr.World.default("glabellar").replace(rater_sd=0, non_response=0, susceptible_share=0, dropout_per_year=0)
    cohort = rr.draw_cohort(1500, world=world, seed=2)

    def off(rule, session):
        visits = rr.simulate(cohort, rule, years=8, seed=2, history=True).sessions
        at = visits[visits["session"] == session]
        return (at["duration_weeks"] <= at["latest"]).mean() - 0.5

    rule = rr.Personal(0.5, shortest=1, longest=200)
    assert abs(off(rule, 0)) < 4 * 0.5 / np.sqrt(len(cohort))  # the prior alone: nothing learnt yet
    naive_rule = rr.Personal(0.5, shortest=1, longest=200, delay_weeks=1e6)
    for session in (5, 12):
        assert abs(off(rule, session)) < 0.5 * abs(off(naive_rule, session))
