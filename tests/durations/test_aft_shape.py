"""Gamma and generalised gamma AFT: published fits, a naive second implementation, known truth, what has no fit."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

import retreat_research as rr
from retreat_research.durations.checks.residuals import log_likelihood_of_curves

INF = np.inf
shaped = pytest.mark.parametrize("family", ["gamma", "gengamma"])


def drawn(rng, q, n):
    """Prentice's z by definition."""
    return rng.normal(size=n) if q == 0 else np.log(q * q * rng.gamma(1 / q**2, size=n)) / q


def data_of(seed=0, n=90, q=0.6, sigma=0.4):
    """Every kind of row; three cycles for each patient."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "patient": np.arange(n) // 3})
    t = np.exp(2.4 + 0.2 * frame["x"] + sigma * drawn(rng, q, n)).to_numpy()
    kind = rng.choice(4, n, p=[0.2, 0.5, 0.1, 0.2])
    lower = np.select([kind == 0, kind == 2], [t, 0], t * rng.uniform(0.4, 0.95, n))
    upper = np.select([kind == 0, kind == 3], [t, INF], t * rng.uniform(1.05, 1.6, n))
    return rr.Cycles(lower, upper, data=frame), rng.choice([0.5, 1, 2], n)


# against flexsurv


@pytest.mark.parametrize(
    ("data", "formula", "order"),
    [("golden", "product + log(dose) + age_c55", [0, 3, 4, 5, 1, 2]), ("bcos", "treatment", [0, 3, 1, 2])],
)
def test_published(request, published, data, formula, order):
    """flexsurv's optimiser stops some 1e-4 standard errors before the maximum, and differences its Hessian."""
    rows = published.loc[({"golden": "golden_cycles"}.get(data, data), "generalised gamma AFT")].iloc[order]
    fit = rr.AFT(formula, family="gengamma").fit(request.getfixturevalue(data))
    theirs = rows["estimate"].to_numpy()
    assert fit.params.index[-2:].tolist() == ["log(scale)", "Q"]
    assert fit.llf == pytest.approx(rows["loglik"].iloc[0], abs=6e-8)
    assert log_likelihood_of_curves(fit, theirs) < log_likelihood_of_curves(fit, fit.estimate)
    assert (np.abs(fit.params.to_numpy() - theirs) < 1e-4 * fit.bse.to_numpy()).all()
    np.testing.assert_allclose(fit.bse, rows["se"], rtol=2e-5)


def test_nested_members(golden):
    """The maximum over Q is above those of the families within; between Weibull and log-normal it tells them apart."""
    top = rr.AFT("product", family="gengamma").fit(golden)
    for family in ("weibull", "lognormal", "gamma", "exponential"):
        assert rr.AFT("product", family=family).fit(golden).llf < top.llf
    assert rr.AFT("product", family="exponential").fit(golden).llf < rr.AFT("product", family="gamma").fit(golden).llf


# against naive second implementations


def naive_rows(theta, family, x, lower, upper):
    """Log-likelihoods by scipy's gamma distribution."""
    k = x.shape[1]
    if family == "gamma":
        shape, scale = np.exp(theta[k]), np.exp(x @ theta[:k] - theta[k])
        law, to = stats.gamma(shape, scale=scale), lambda t: t
        log_density = law.logpdf
    else:
        sigma, q = np.exp(theta[k]), theta[k + 1]
        law = stats.gamma(1 / q**2)

        def to(t):
            return np.exp(q * (np.log(t) - x @ theta[:k]) / sigma) / q**2

        def log_density(t):
            w = (np.log(t) - x @ theta[:k]) / sigma
            const = np.log(abs(q)) - np.log(q**2) / q**2 - special.gammaln(1 / q**2)
            return const + (q * w - np.exp(q * w)) / q**2 - np.log(sigma) - np.log(t)

    with np.errstate(all="ignore"):
        below, above = law.cdf(to(lower)), law.cdf(to(upper))
        if family == "gengamma" and theta[-1] < 0:
            below, above = 1 - below, 1 - above
        above = np.where(np.isinf(upper), 1, above)
        below = np.where(lower == 0, 0, below)
        return np.where(lower == upper, log_density(np.maximum(lower, 1e-9)), np.log(above - below))


def difference(function, at, h):
    steps = np.diag(h * np.ones(at.size))
    rough = np.stack([(function(at + s) - function(at - s)) / (2 * h) for s in steps], axis=-1)
    fine = np.stack([(function(at + s / 2) - function(at - s / 2)) / h for s in steps], axis=-1)
    return (4 * fine - rough) / 3


@shaped
@pytest.mark.parametrize("q", [-0.8, 0.6])
def test_naive_maximum_information_and_sandwich(family, q):
    cycles, weight = data_of(q=q)
    x = np.column_stack([np.ones(90), cycles.frame["x"]])
    lower, upper = cycles.lower, cycles.upper

    def rows(theta):
        return naive_rows(theta, family, x, lower, upper)

    fit = rr.AFT("x", family=family).fit(cycles, weight)
    at = fit.params.to_numpy()
    assert fit.llf == pytest.approx(weight @ rows(at), rel=1e-11)
    start = [2.4, 0.2, 1.5] if family == "gamma" else [2.4, 0.2, -1, q]
    found = optimize.minimize(
        lambda t: -weight @ rows(t),
        start,
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4000},
    )
    assert fit.llf == pytest.approx(-found.fun, rel=1e-10)
    np.testing.assert_allclose(at, found.x, atol=2e-5)

    scores = weight[:, None] * difference(rows, at, 1e-3)
    hessian = -difference(lambda t: difference(lambda s: weight @ rows(s), t, 2e-3), at, 2e-3)
    np.testing.assert_allclose(fit.information, hessian, rtol=1e-6, atol=1e-6 * np.abs(hessian).max())
    covariance = np.linalg.inv(hessian)
    meat = sum(np.outer(s, s) for s in (scores[3 * g : 3 * g + 3].sum(axis=0) for g in range(30)))
    sandwich = rr.AFT("x", family=family, cov="sandwich").fit(cycles, weight)
    np.testing.assert_allclose(sandwich.scores, [scores[3 * g : 3 * g + 3].sum(axis=0) for g in range(30)], atol=1e-6)
    np.testing.assert_allclose(sandwich.cov_params(), covariance @ meat @ covariance, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("q", [-1.0, 0.0, 1.0])
def test_information_through_q_zero(q):
    """At fits near Q = 0 too the information is the derivative of the scores."""
    cycles, _ = data_of(3, n=300, q=q)
    fit = rr.AFT("x", family="gengamma").fit(cycles)
    at, h = fit.estimate, 1e-2
    hessian = -difference(lambda t: difference(lambda s: np.array(log_likelihood_of_curves(fit, s)), t, h), at, h)
    size = np.sqrt(np.diag(hessian))
    np.testing.assert_allclose(fit.information / np.outer(size, size), hessian / np.outer(size, size), atol=2e-6)
    assert np.abs(fit.scores.sum(axis=0) / size).max() < 1e-5


@shaped
def test_late_entry(family):
    """P(lower < T ≤ upper)/P(T > entry) by definition."""
    cycles, weight = data_of(1, n=120)
    entry = np.where(np.arange(120) % 2, 0.8 * cycles.lower, 0.0)
    fit = rr.AFT("x", family=family, cov="sandwich").fit(cycles, weight, entry)
    x = np.column_stack([np.ones(120), cycles.frame["x"]])

    def rows(theta):
        late = naive_rows(theta, family, x, entry, np.full(120, INF))
        return naive_rows(theta, family, x, cycles.lower, cycles.upper) - np.where(entry > 0, late, 0)

    at = fit.params.to_numpy()
    assert fit.llf == pytest.approx(weight @ rows(at), rel=1e-10)
    scores = weight[:, None] * difference(rows, at, 1e-3)
    assert np.abs(scores.sum(axis=0)).max() < 1e-5 * np.sqrt(np.diag(fit.information)).max()
    hessian = -difference(lambda t: difference(lambda s: weight @ rows(s), t, 2e-3), at, 2e-3)
    np.testing.assert_allclose(fit.information, hessian, rtol=1e-5, atol=1e-6 * np.abs(hessian).max())


# against known truth


@pytest.mark.parametrize("q", [-0.5, 0.8])
def test_bias_and_coverage(q):
    """ADEMP in short. Aim: intervals of a shape that is estimated hold what they say. Data: 400 generalised gamma
    durations seen every 2 weeks until a last visit. Estimands: β, log σ, Q and the median. Measures: bias of the
    estimates, and coverage, to 4 Monte Carlo standard errors."""
    runs, n, truth = 40, 400, np.array([2.5, 0.2, np.log(0.4), q])
    rng = np.random.default_rng(20240229)
    median = np.exp(2.5 + 0.4 * np.median(drawn(rng, q, 4_000_001)))
    estimates, inside = [], []
    for _ in range(runs):
        x = rng.normal(size=n)
        t = np.exp(truth[0] + truth[1] * x + np.exp(truth[2]) * drawn(rng, q, n))
        last, before = np.floor(rng.uniform(8, 40, n) / 2) * 2, np.floor(t / 2) * 2
        seen = before + 2 <= last
        cycles = rr.Cycles(np.where(seen, before, last), np.where(seen, before + 2, INF), data=pd.DataFrame({"x": x}))
        fit = rr.AFT("x", family="gengamma").fit(cycles)
        estimates.append(fit.params.to_numpy())
        half = fit.quantile(0.5, {"x": 0.0}).iloc[0]
        covered = np.abs(estimates[-1] - truth) <= stats.norm.ppf(0.975) * fit.bse.to_numpy()
        inside.append([*covered, half["lower"] <= median <= half["upper"]])
    # the estimate of Q, and with it of μ and σ, is skewed in 400 durations: the median of the estimates is compared
    centre, spread = np.median(estimates, axis=0), np.std(estimates, axis=0, ddof=1)
    assert (np.abs(centre - truth) <= 4 * 1.2533 * spread / np.sqrt(runs)).all()
    coverage = np.mean(inside, axis=0)
    assert (np.abs(coverage - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / runs)).all()


# properties


@shaped
@pytest.mark.parametrize("factor", [1e-4, 7.0, 1e4])
def test_times_scaled_shift_the_intercept_alone(family, factor):
    cycles, _ = data_of(5)
    fit = rr.AFT("x", family=family).fit(cycles)
    scaled = rr.AFT("x", family=family).fit(
        rr.Cycles(cycles.lower * factor, cycles.upper * factor, data=cycles.frame[["x"]])
    )
    shift = np.log(factor) * (fit.params.index == "Intercept")
    np.testing.assert_allclose(scaled.params, fit.params + shift, atol=1e-5 * fit.bse.max())
    np.testing.assert_allclose(scaled.bse, fit.bse, rtol=1e-5)


@shaped
def test_weights_are_duplicates(family):
    cycles, _ = data_of(6)
    count = np.random.default_rng(0).integers(0, 3, 90)
    rows = np.repeat(np.arange(90), count)
    weighted = rr.AFT("x", family=family, cov="sandwich").fit(cycles, count)
    repeated = rr.AFT("x", family=family, cov="sandwich").fit(
        rr.Cycles(cycles.lower[rows], cycles.upper[rows], data=cycles.frame[["x", "patient"]].iloc[rows])
    )
    np.testing.assert_allclose(repeated.params, weighted.params, atol=1e-5)
    np.testing.assert_allclose(repeated.bse, weighted.bse, rtol=1e-5)


@pytest.mark.parametrize("scale", [0.005, 2.5])
@shaped
def test_extreme_scales(family, scale):
    rng = np.random.default_rng(1)
    t = np.exp(2.5 + scale * drawn(rng, scale if family == "gamma" else 0.3, 400))
    fit = rr.AFT(family=family).fit(rr.Cycles(t * np.exp(-0.1 * scale), t * np.exp(0.1 * scale)))
    name, true = ("log(scale)", np.log(scale)) if family == "gengamma" else ("log(shape)", -2 * np.log(scale))
    assert abs(fit.params[name] - true) <= 4 * fit.bse[name]
    survival = fit.survival(fit.quantile([0.1, 0.5, 0.9])["estimate"])["estimate"]
    np.testing.assert_allclose(survival, [0.9, 0.5, 0.1], rtol=1e-8)
    assert 0 < fit.rmst(26)["estimate"].item() < 26


@shaped
def test_pickles_prints_and_round_trips_through_json(golden, family):
    fit = rr.AFT("product", family=family, cov="sandwich").fit(golden)
    again = pickle.loads(pickle.dumps(fit))
    for other in (again, rr.fit_from_json(again.to_json())):
        pd.testing.assert_frame_equal(other.quantile(0.5, {"product": 1}), fit.quantile(0.5, {"product": 1}))
    text = fit.summary().as_text()
    assert fit.names[-1] in text
    assert ("Scale:" in text) == (family == "gengamma")


# what cannot be fitted


def test_a_power_law_has_no_q():
    """Pareto durations: the log-likelihood rises with −Q for ever."""
    t = 4 * np.exp(np.random.default_rng(0).exponential(0.5, 400))
    with pytest.raises(
        rr.FitError, match=r"no finite estimate for Q: the log-likelihood still rises below -12; .* another"
    ):
        rr.AFT(family="gengamma").fit(rr.Cycles(t, t))


def test_two_visits_do_not_tell_three_parameters():
    """Lost by week 8, between 8 and 12, or later: two shares, which many Q fit exactly."""
    lower, upper = np.repeat([0.0, 8.0, 12.0], 20), np.repeat([8.0, 12.0, INF], 20)
    with pytest.raises(rr.FitError, match=r"do not tell the shape Q|still rises"):
        rr.AFT(family="gengamma").fit(rr.Cycles(lower, upper))


def test_exact_durations_fitted_exactly():
    x = np.linspace(-1, 1, 30)
    t = np.exp(2 + 0.1 * x)
    cycles = rr.Cycles(t, t, data=pd.DataFrame({"x": x}))
    with pytest.raises(rr.FitError, match="the scale goes to 0"):
        rr.AFT("x", family="gengamma").fit(cycles)
    with pytest.raises(rr.FitError, match=r"no finite estimate for log\(shape\): the log-likelihood still rises above"):
        rr.AFT("x", family="gamma").fit(cycles)


@pytest.mark.parametrize(
    ("lower", "upper", "entry", "runs_away"),
    [
        ([4] * 6, [8] * 6, None, "the scale goes to 0"),
        ([0, 0, 0, 5, 5, 6], [4, 5, 6, INF, INF, INF], None, "the scale grows without bound"),
        ([4, 8, 6, 7], [8, 12, 9, INF], [4, 8, 6, 7], "the scale goes to 0"),
    ],
)
@pytest.mark.parametrize("family", ["gamma", "gengamma", "lognormal"])
def test_a_scale_that_runs_away_is_said_to(family, lower, upper, entry, runs_away):
    with pytest.raises(rr.FitError, match=runs_away):
        rr.AFT(family=family).fit(rr.Cycles(lower, upper), entry=entry)


def test_losses_that_may_all_have_come_at_entry():
    cycles = rr.Cycles([4, 8, 6, 7], [8, 12, 9, INF])
    with pytest.raises(
        rr.FitError, match="no finite estimate for Intercept: all losses of effect may have come direct"
    ):
        rr.AFT(family="exponential").fit(cycles, entry=[4, 8, 6, 7])


@shaped
def test_a_level_without_event_is_named(family):
    cycles, _ = data_of(2)
    arm = np.arange(90) % 2
    censored = rr.Cycles(0.9 * cycles.lower, np.where(arm == 1, INF, cycles.upper), data=pd.DataFrame({"arm": arm}))
    with pytest.raises(rr.FitError, match="no finite estimate for arm: there no cycle lost its effect"):
        rr.AFT("arm", family=family).fit(censored)


@shaped
def test_survreg_has_no_such_family(golden, family):
    with pytest.raises(rr.InputError, match=f"survreg has no {family}"):
        rr.AFT(family=family, cov="cluster").fit(golden)
