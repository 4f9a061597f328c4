"""The flexible AFT: Weibull without knots, a naive second implementation, known truth, and splines that would fall."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import retreat_research as rr
from retreat_research.durations.checks.residuals import log_likelihood_of_curves
from retreat_research.durations.splines import spline_at

INF = np.inf


def data_of(seed=0, n=300, apart=0.5):
    """Every kind of row, of a mixture of short and long durations; three cycles for each patient."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": 3 + rng.normal(size=n), "patient": np.arange(n) // 3})
    own = rng.choice([-apart, apart], n) + 0.25 * rng.normal(size=n)
    t = np.exp(1.1 + 0.3 * frame["x"] + own).to_numpy()
    kind = rng.choice(4, n, p=[0.3, 0.4, 0.1, 0.2])
    lower = np.select([kind == 0, kind == 2], [t, 0], t * rng.uniform(0.5, 0.95, n))
    upper = np.select([kind == 0, kind == 3], [t, INF], t * rng.uniform(1.05, 1.6, n))
    return rr.Cycles(lower, upper, data=frame), rng.choice([0.5, 1, 2], n)


@pytest.mark.parametrize("late", [False, True])
def test_without_inner_knots_it_is_weibull(golden, late):
    entry = 0.5 * golden.lower if late else None
    flexible = rr.AFT("product + age", family="flexible", knots=0, cov="sandwich").fit(golden, entry=entry)
    weibull = rr.AFT("product + age", family="weibull", cov="sandwich").fit(golden, entry=entry)
    assert flexible.llf == pytest.approx(weibull.llf, rel=1e-12)
    np.testing.assert_allclose(flexible.params[:2], weibull.params[1:3], rtol=1e-7)
    np.testing.assert_allclose(flexible.bse[:2], weibull.bse[1:3], rtol=1e-6)
    assert flexible.params["gamma1"] == pytest.approx(1 / weibull.scale, rel=1e-7)
    newdata = pd.DataFrame({"product": [0, 1], "age": [40, 60]})
    for method, where in (("survival", [0, 8, 16, INF]), ("quantile", [0.1, 0.5]), ("rmst", 26), ("hazard", 12)):
        ours, theirs = getattr(flexible, method)(where, newdata), getattr(weibull, method)(where, newdata)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-12)


# against a naive second implementation


def naive_rows(theta, fit, lower, upper, x):
    """Log-likelihood of each row: the basis of Royston and Parmar written out, one row at a time."""
    k, knots = x.shape[1], fit.law.knots
    first, last = knots[0], knots[-1]
    beta, level, coefficients = theta[:k], theta[k], theta[k + 1 :]

    def cube(u):
        return max(u, 0.0) ** 3

    def spline(y):
        value, slope = level + coefficients[0] * y, coefficients[0]
        for c, knot in zip(coefficients[1:], knots[1:-1], strict=True):
            share = (last - knot) / (last - first)
            value += c * (cube(y - knot) - share * cube(y - first) - (1 - share) * cube(y - last))
            slope += 3 * c * (
                max(y - knot, 0) ** 2 - share * max(y - first, 0) ** 2 - (1 - share) * max(y - last, 0) ** 2
            )  # fmt: skip
        return value, slope

    out = []
    for low, high, own in zip(lower.tolist(), upper.tolist(), (x - np.array(fit.law.centre)) @ beta, strict=True):
        if low == high:
            value, slope = spline(np.log(low) - own)
            out.append(value - np.exp(value) + np.log(slope) - np.log(low) if slope > 0 else -1e9)
            continue
        above = 1.0 if low == 0 else np.exp(-np.exp(spline(np.log(low) - own)[0]))
        below = 0.0 if np.isinf(high) else np.exp(-np.exp(spline(np.log(high) - own)[0]))
        out.append(np.log(max(above - below, 1e-300)))
    return np.array(out)


def difference(function, at, steps):
    return np.stack([(function(at + d) - function(at - d)) / (2 * d.sum()) for d in np.diag(steps)], axis=-1)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("knots", [1, 3])
def test_naive_maximum_information_and_sandwich(knots, late):
    cycles, weight = data_of(n=150)
    entry = np.where(np.arange(150) % 3 == 0, 0.7 * cycles.lower, 0.0) if late else np.zeros(150)
    fit = rr.AFT("x", family="flexible", knots=knots).fit(cycles, weight, entry)
    x = cycles.frame[["x"]].to_numpy()

    def rows(theta):
        truncated = np.where(entry > 0, naive_rows(theta, fit, entry, np.full(150, INF), x), 0.0)
        return naive_rows(theta, fit, cycles.lower, cycles.upper, x) - truncated

    at, size = fit.params.to_numpy(), np.sqrt(np.diag(fit.information))
    steps = 1e-3 / size
    assert fit.llf == pytest.approx(weight @ rows(at), rel=1e-11)
    assert fit.law.held == ()
    scores = weight[:, None] * difference(rows, at, steps)
    assert np.abs(scores.sum(axis=0) / size).max() < 1e-5
    hessian = -difference(lambda t: difference(lambda s: weight @ rows(s), t, 5 * steps), at, 5 * steps)
    unit = np.sqrt(np.outer(np.diag(hessian), np.diag(hessian)))
    np.testing.assert_allclose(fit.information / unit, hessian / unit, atol=2e-5)
    np.testing.assert_allclose(np.linalg.inv(fit.information), fit.covariance, rtol=1e-6, atol=1e-12)
    groups = [scores[3 * g : 3 * g + 3].sum(axis=0) for g in range(50)]
    np.testing.assert_allclose(fit.scores / size, groups / size, atol=1e-5)
    sandwich = rr.AFT("x", family="flexible", knots=knots, cov="sandwich").fit(cycles, weight, entry)
    meat = sum(np.outer(s, s) for s in fit.scores)
    np.testing.assert_allclose(sandwich.covariance, fit.covariance @ meat @ fit.covariance, rtol=1e-8)
    if knots == 1:  # from afar, without gradients
        start = np.append([0.2], [-fit.params["gamma1"] * 2, *fit.params[2:].to_numpy() * [1, 0]])
        found = optimize.minimize(
            lambda t: -weight @ rows(t), start, method="Nelder-Mead",
            options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000, "adaptive": True},
        )  # fmt: skip
        assert -found.fun == pytest.approx(fit.llf, abs=1e-6)


def test_knots_are_quantiles_of_residual_times():
    """Without covariates and censoring: of the durations themselves."""
    t = np.exp(np.random.default_rng(0).normal(2, 0.5, 2000))
    fit = rr.AFT(family="flexible", knots=3).fit(rr.Cycles(t, t))
    np.testing.assert_allclose(np.exp(fit.law.knots), np.quantile(t, np.linspace(0.05, 0.95, 5)), rtol=0.01)
    x = np.random.default_rng(1).normal(size=2000)
    moved = rr.AFT("x", family="flexible", knots=3).fit(
        rr.Cycles(t * np.exp(0.5 * x), t * np.exp(0.5 * x), data=pd.DataFrame({"x": x}))
    )
    shift = 0.5 * x.mean()
    np.testing.assert_allclose(np.array(moved.law.knots) - shift, fit.law.knots, atol=0.05)


# against known truth


def test_bias_and_coverage_where_no_family_is_right():
    """ADEMP in short. Aim: time ratios and medians without a family. Data: half of the cycles short, half long, seen
    every 2 weeks until a last visit; the covariate multiplies all. Estimands: β and the median at x = 0. Method: 3
    knots. Measures: bias of β and coverage of both, to 4 Monte Carlo standard errors. A Weibull fit is much worse."""
    runs, n, beta = 60, 400, 0.3
    rng = np.random.default_rng(20240229)
    mixture = stats.norm(1.9, 0.3), stats.norm(2.9, 0.3)
    median = np.exp(optimize.brentq(lambda y: sum(part.cdf(y) for part in mixture) / 2 - 0.5, 1, 4))
    estimates, inside, missed = [], [], []
    for _ in range(runs):
        x = rng.normal(size=n)
        t = np.exp(beta * x + np.where(rng.random(n) < 0.5, 1.9, 2.9) + 0.3 * rng.normal(size=n))
        last, before = np.floor(rng.uniform(10, 60, n) / 2) * 2, np.floor(t / 2) * 2
        seen = before + 2 <= last
        cycles = rr.Cycles(np.where(seen, before, last), np.where(seen, before + 2, INF), data=pd.DataFrame({"x": x}))
        fit = rr.AFT("x", family="flexible", knots=3).fit(cycles)
        half = fit.quantile(0.5, {"x": 0.0}).iloc[0]
        estimates.append(fit.params["x"])
        reach = stats.norm.ppf(0.975) * fit.bse["x"]
        inside.append([abs(estimates[-1] - beta) <= reach, half["lower"] <= median <= half["upper"]])
        weibull = rr.AFT("x", family="weibull").fit(cycles)
        missed.append(weibull.llf < fit.llf - 5)
    assert abs(np.mean(estimates) - beta) <= 4 * np.std(estimates, ddof=1) / np.sqrt(runs)
    assert (np.abs(np.mean(inside, axis=0) - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / runs)).all()
    assert np.mean(missed) > 0.9


# properties


def test_a_covariate_moved_and_scaled_is_the_same_model():
    cycles, _ = data_of(1)
    fit = rr.AFT("x", family="flexible").fit(cycles)
    frame = cycles.frame[["x"]].assign(x=lambda f: 40 - 2 * f["x"])
    moved = rr.AFT("x", family="flexible").fit(rr.Cycles(cycles.lower, cycles.upper, data=frame))
    assert moved.llf == pytest.approx(fit.llf, rel=1e-10)
    np.testing.assert_allclose(moved.params, fit.params * np.array([-0.5, 1, 1, 1, 1]), rtol=1e-5)
    np.testing.assert_allclose(moved.bse, fit.bse * np.array([0.5, 1, 1, 1, 1]), rtol=1e-5)


@pytest.mark.parametrize("factor", [1e-3, 100.0])
def test_times_scaled_scale_the_quantiles(factor):
    cycles, _ = data_of(2)
    fit = rr.AFT("x", family="flexible").fit(cycles)
    scaled = rr.AFT("x", family="flexible").fit(
        rr.Cycles(factor * cycles.lower, factor * cycles.upper, data=cycles.frame[["x"]])
    )
    assert scaled.params["x"] == pytest.approx(fit.params["x"], rel=1e-6)
    p = [0.1, 0.5, 0.9]
    ours, theirs = scaled.quantile(p, {"x": 3.0}), fit.quantile(p, {"x": 3.0})
    np.testing.assert_allclose(ours[["estimate", "se"]], factor * theirs[["estimate", "se"]], rtol=1e-5)


def test_weights_are_duplicates():
    cycles, _ = data_of(3)
    count = np.random.default_rng(0).integers(0, 3, 300)
    rows = np.repeat(np.arange(300), count)
    weighted = rr.AFT("x", family="flexible", cov="sandwich").fit(cycles, count)
    again = rr.Cycles(cycles.lower[rows], cycles.upper[rows], data=cycles.frame[["x", "patient"]].iloc[rows])
    repeated = rr.AFT("x", family="flexible", cov="sandwich").fit(again)
    np.testing.assert_allclose(repeated.params, weighted.params, rtol=1e-5)
    np.testing.assert_allclose(repeated.bse, weighted.bse, rtol=1e-5)


# splines that would fall


def plateau(seed=0, n=60):
    """No loss between weeks 8 and 16, known from visits there: s would fall between the knots."""
    rng = np.random.default_rng(seed)
    short = rng.random(n) < 0.5
    t = np.where(short, rng.uniform(5, 8, n), rng.uniform(16, 18, n))
    return rr.Cycles(np.where(short, t, 16.0), np.where(short, t, 18.0))


def test_a_spline_that_would_fall_is_held_level():
    fit = rr.AFT(family="flexible", knots=4).fit(plateau())
    assert fit.law.held
    assert all(7 < week < 17 for week in fit.law.held)
    weeks = np.linspace(1, 40, 4001)
    curve = fit.survival(weeks)
    assert (np.diff(curve["estimate"]) <= 0).all()
    assert np.isfinite(curve).all().all()
    assert "Held level near (weeks)" in fit.summary().as_text()
    # no other rising spline with these knots is better
    rng, best = np.random.default_rng(0), -INF
    places = np.linspace(fit.law.knots[0], fit.law.knots[-1], 2000)
    root = np.linalg.cholesky(np.linalg.inv(fit.information + 1e-6 * np.diag(np.diag(fit.information))))
    for _ in range(3000):
        tried = fit.estimate + root @ rng.normal(size=fit.estimate.size) * 10 ** rng.uniform(-3, 0)
        if (spline_at(tried[1:], np.array(fit.law.knots), places)[1] > 0).all():
            with np.errstate(all="ignore"):
                best = max(best, log_likelihood_of_curves(fit, tried))
    assert -INF < best < fit.llf + 1e-3


# the result and what cannot be fitted


def test_the_spline_takes_the_intercepts_place(golden):
    fit = rr.AFT("product + age_c55", family="flexible", cov="sandwich").fit(golden)
    assert fit.params.index.tolist() == ["product", "age_c55", "gamma0", "gamma1", "gamma2", "gamma3"]
    assert fit.summary_frame()["time_ratio"].notna().tolist() == [True, True, False, False, False, False]
    assert "Knots (weeks)" in fit.summary().as_text()
    newdata = {"product": [0, 1], "age_c55": 0}
    for other in (pickle.loads(pickle.dumps(fit)), rr.fit_from_json(fit.to_json())):
        pd.testing.assert_frame_equal(other.rmst(26, newdata), fit.rmst(26, newdata))
    alone = rr.AFT(family="flexible").fit(golden)
    assert alone.quantile(0.5).columns.tolist() == ["p", "estimate", "se", "lower", "upper"]


def test_a_full_set_of_levels_repeats_the_spline(golden):
    with pytest.raises(rr.InputError, match="columns are collinear"):
        rr.AFT("0 + C(product)", family="flexible").fit(golden)


def test_too_few_values_for_the_knots():
    lower = np.repeat([4.0, 8.0], 20)
    with pytest.raises(rr.InputError, match="the durations take too few values for 3 inner knots"):
        rr.AFT(family="flexible", knots=3).fit(rr.Cycles(lower, lower))


def test_three_visits_do_not_tell_four_coefficients():
    lower = np.repeat([0.0, 4.0, 8.0, 12.0], [10, 30, 40, 20])
    cycles = rr.Cycles(lower, np.where(lower == 12, INF, lower + 4))
    with pytest.raises(rr.FitError, match="few visits tell the knots apart: try fewer `knots`"):
        rr.AFT(family="flexible").fit(cycles)
    assert np.isfinite(rr.AFT(family="flexible", knots=1).fit(cycles).bse).all()


@pytest.mark.parametrize("knots", [-1, 1.5, True, "x", 1_000_000])
def test_bad_knots(knots):
    with pytest.raises(rr.InputError, match="`knots` must be a whole number from 0 to 50"):
        rr.AFT(family="flexible", knots=knots)


def test_numbers_of_numpy_are_numbers():
    assert rr.AFT(family="flexible", knots=np.int64(1)) == rr.AFT(family="flexible", knots=1)


def test_too_few_values_for_the_knots_are_a_sentence():
    cycles = rr.Cycles([4] * 9 + [8], [4] * 9 + [8])
    with pytest.raises(rr.InputError, match=r"^the durations take too few values for 5 inner knots; ask for fewer$"):
        rr.AFT(family="flexible", knots=5).fit(cycles)


def test_bootstrap_without_covariates(golden):
    assert len(rr.AFT(family="flexible").fit(golden).bootstrap(2)) == 2


def test_survreg_has_no_such_family(golden):
    with pytest.raises(rr.InputError, match="survreg has no flexible"):
        rr.AFT(family="flexible", cov="cluster").fit(golden)


def test_no_event_is_named(golden):
    with pytest.raises(rr.FitError, match="no finite estimate for product: there no cycle lost its effect"):
        rr.AFT("product", family="flexible").fit(
            rr.Cycles(
                0.9 * golden.lower,
                np.where(golden.frame["product"] == 1, INF, golden.upper),
                data=golden.frame[["product"]],
            )
        )
