import itertools
import math
import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

import retreat_research as rr
from retreat_research.durations.frailty.likelihood import independent, sample_of, with_frailty
from retreat_research.durations.frailty.nodes import STEP
from retreat_research.durations.observed import observe
from retreat_research.durations.splines import natural_spline

INF = np.inf
ANY_KNOTS = np.array([0.0, 1.0])


def draw(patients, cycles, theta, seed=0, visit=2.0):
    """Weibull cycles, visits every `visit` weeks until a last one at random; x of each row, and the exact weeks."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), cycles)
    u = rng.gamma(1 / theta, theta, patients) if theta else np.ones(patients)
    x = rng.normal(size=patient.size)
    t = 14 * (rng.exponential(size=x.size) / u[patient] / np.exp(0.3 * x)) ** (1 / 3)
    last = np.floor(rng.uniform(10, 40, x.size) / visit) * visit
    before = np.floor(t / visit) * visit
    seen = before + visit <= last
    return np.where(seen, before, last), np.where(seen, before + visit, INF), patient, x, t


def cycles_of(lower, upper, patient, x):
    return rr.Cycles(lower, upper, patient=patient, data=pd.DataFrame({"x": x}))


def all_kinds(seed=3, patients=40, cycles=5):
    """Exact, interval-, left- and right-censored rows; patient 0 has none that ended within an interval."""
    lower, upper, patient, x, t = draw(patients, cycles, 0.5, seed)
    kind = np.random.default_rng(seed).choice(3, t.size, p=[0.2, 0.65, 0.15])
    kind[patient == 0] = 0
    lower, upper = np.select([kind == 0, kind == 2], [t, 0], lower), np.select([kind == 0, kind == 2], [t, 20], upper)
    return lower, upper, patient, x


# against published rows


def test_golden_cycles(golden, published):
    """The row has time in units of 12 weeks: ln λ in weeks is ln λ − γ ln 12."""
    rows = published.loc[("golden_cycles", "Weibull PH shared gamma frailty, time/12")].set_index("parameter")
    fit = rr.GammaFrailty("product + log(dose) + age_c55").fit(golden)
    assert fit.llf == pytest.approx(rows["loglik"].iloc[0], abs=1e-6)
    names = {"product": "product", "log(dose)": "log_dose", "age_c55": "age_c55", "log(gamma)": "log_gamma"}
    names["log(theta)"] = "log_theta"
    for ours, theirs in names.items():
        assert fit.params[ours] == pytest.approx(rows["estimate"][theirs], abs=1e-6)
        assert fit.bse[ours] == pytest.approx(rows["se"][theirs], abs=1e-6)
    gamma, turn = math.exp(fit.params["log(gamma)"]), np.zeros(6)
    turn[0], turn[4] = 1, math.log(12) * gamma
    assert fit.params["Intercept"] + math.log(12) * gamma == pytest.approx(rows["estimate"]["log_lambda"], abs=2e-6)
    assert math.sqrt(turn @ fit.covariance @ turn) == pytest.approx(rows["se"]["log_lambda"], abs=1e-6)
    assert fit.names == ("Intercept", "product", "log(dose)", "age_c55", "log(gamma)", "log(theta)")
    assert fit.node_doubling < 1e-6


def test_royston_parmar(bcos, published):
    rows = published.loc[("bcos", "Royston-Parmar hazard scale k=1, knots log(4,15,60)")].set_index("parameter")
    fit = rr.GammaFrailty("treatment", baseline="spline", knots=[4, 15, 60], frailty=False).fit(bcos)
    assert fit.llf == pytest.approx(rows["loglik"].iloc[0], abs=5e-6)
    order = ["gamma0", "RadChem", "gamma1", "gamma2"]
    np.testing.assert_allclose(fit.params, rows["estimate"][order], atol=5.1e-6)  # half of the last printed digit
    np.testing.assert_allclose(fit.bse, rows["se"][order], rtol=5e-5)  # flexsurv differences the log-likelihood twice


def test_without_frailty_weibull_is_the_accelerated_failure_time_model(golden):
    formula = "product + log(dose)"
    fit = rr.GammaFrailty(formula, frailty=False).fit(golden)
    aft = rr.AFT(formula, family="weibull").fit(golden)
    assert fit.llf == pytest.approx(aft.llf, abs=1e-8)
    np.testing.assert_allclose(fit.params[:3], -aft.params[:3] / aft.scale, rtol=1e-6)
    assert fit.params["log(gamma)"] == pytest.approx(-aft.params["log(scale)"], rel=1e-6)
    assert fit.bse["log(gamma)"] == pytest.approx(aft.bse["log(scale)"], rel=1e-6)
    line = rr.GammaFrailty(formula, baseline="spline", knots=0, frailty=False).fit(golden)
    assert line.llf == pytest.approx(aft.llf, abs=1e-8)


# against naive second implementations


def closed_form(theta, lower, upper, patient, x):
    """Exact and right-censored rows: −(1/θ + d) ln(1 + θ ΣH) + Σ ln h + Σ_{j<d} ln(1 + jθ), patient by patient."""
    intercept, beta, log_gamma, log_theta = theta
    gamma, variance, total = math.exp(log_gamma), math.exp(log_theta), 0.0
    for who in np.unique(patient):
        hazard, events = 0.0, 0
        for row in np.flatnonzero(patient == who):
            own = math.exp(intercept + beta * x[row] + gamma * math.log(lower[row]))
            hazard += own
            if lower[row] == upper[row]:
                total += math.log(own * gamma / lower[row]) + math.log1p(events * variance)
                events += 1
        total -= (1 / variance + events) * math.log1p(variance * hazard)
    return total


def test_closed_form_without_intervals():
    _, upper, patient, x, t = draw(40, 4, 0.6)
    seen = np.isfinite(upper)
    lower, upper = np.where(seen, t, 10.0), np.where(seen, t, INF)
    fit = rr.GammaFrailty("x").fit(cycles_of(lower, upper, patient, x))
    assert fit.nodes == 1
    naive = optimize.minimize(
        lambda theta: -closed_form(theta, lower, upper, patient, x), [-8, 0, 1, -1], options={"gtol": 1e-6}
    )
    assert fit.llf == pytest.approx(-naive.fun, abs=1e-7)
    np.testing.assert_allclose(fit.params, naive.x, atol=1e-4)
    assert fit.llf == pytest.approx(closed_form(fit.estimate, lower, upper, patient, x), abs=1e-9)
    hessian = differences(lambda a: differences(lambda b: closed_form(b, lower, upper, patient, x), a), fit.estimate)
    np.testing.assert_allclose(fit.information, -hessian, rtol=1e-4, atol=1e-3)


def differences(function, at, h=1e-4):
    steps = h * np.eye(at.size)
    return np.stack([(np.asarray(function(at + s)) - function(at - s)) / (2 * h) for s in steps], axis=-1)


def quad_of(a, b, exact, theta):
    """ln ∫ g(u) Π_j [e^(−uA) − e^(−uB)] du by scipy, the exact rows giving u e^(−uA), and E u and SD u."""

    def log_f(eta):
        u, out = math.exp(eta), stats.gamma.logpdf(math.exp(eta), 1 / theta, scale=theta) + eta
        for low, high, sharp in zip(a, b, exact, strict=True):
            out -= u * low
            if sharp:
                out += eta
            elif math.isfinite(high):
                out += math.log(-math.expm1(-u * (high - low)))
        return out

    top = optimize.minimize_scalar(lambda eta: -log_f(eta), bounds=(-40, 5), method="bounded").x
    peak = log_f(top)
    width = 1 / math.sqrt(-(log_f(top + 1e-3) - 2 * peak + log_f(top - 1e-3)) / 1e-6)
    cuts = top + width * np.array([-150, -40, -12, -5, -2, 0, 2, 5, 12])

    def moment(k):
        return sum(
            integrate.quad(lambda eta: math.exp(log_f(eta) - peak + k * eta), *ends, epsabs=0, epsrel=1e-10)[0]
            for ends in itertools.pairwise(cuts)
        )

    mass, mean, square = moment(0), moment(1), moment(2)
    mean, square = mean / mass, square / mass
    return peak + math.log(mass), mean, math.sqrt(max(square - mean**2, 0))


def one_patient(n, theta, seed, kinds=True):
    """A patient of n cycles: her rows, and A and B at c = (−8, 0.3, 3)."""
    rng = np.random.default_rng(seed)
    u = rng.gamma(1 / theta, theta)
    x = rng.normal(size=n)
    t = np.maximum((rng.exponential(size=n) / max(u, 1e-3) / np.exp(-8 + 0.3 * x)) ** (1 / 3), 0.05)
    kind = rng.choice(4, n, p=[0.6, 0.15, 0.15, 0.1]) if kinds else np.zeros(n, dtype=int)
    lower = np.select([kind == 0, kind == 2], [t * rng.uniform(0.7, 0.99, n), 0], t)
    upper = np.select([kind == 0, kind == 1, kind == 2], [t * rng.uniform(1.01, 1.4, n), INF, t * 1.5], t)
    with np.errstate(divide="ignore"):
        scale = np.exp(-8 + 0.3 * x)
        return lower, upper, x, scale * lower**3, scale * upper**3


@pytest.mark.parametrize("theta", [1e-4, 0.05, 0.8, 5.0])
@pytest.mark.parametrize("n", [1, 5, 20, 30])
def test_integral_against_scipy(n, theta):
    lower, upper, x, a, b = one_patient(n, theta, seed=n)
    upper[0], b[0] = (upper[0], b[0]) if n > 1 else (1.05 * lower[0], 1.05**3 * a[0])  # an interval, not closed
    data = observe(rr.Cycles(lower, upper, patient=np.zeros(n)), None)
    sample = sample_of(data, np.ones(1), np.column_stack([np.ones(n), x]), ANY_KNOTS)
    found = with_frailty(sample, np.array([-8, 0.3, 3.0]), math.log(theta))
    exact = lower == upper
    density = np.log(3 * a[exact] / lower[exact]).sum()
    value, mean, sd = quad_of(a, b, exact, theta)
    assert found.llf == pytest.approx(value + density, abs=1e-7)
    assert found.mean[0] == pytest.approx(mean, rel=1e-6)
    assert found.sd[0] == pytest.approx(sd, rel=1e-5)


@pytest.mark.parametrize("shape", ["left", "two scales"])
def test_integrals_with_a_kink_in_their_left_tail(shape):
    """Left-censored late, and θ = 5: the integrand falls as u^0.2 before it falls as u^1.2 or u^2.2."""
    upper = np.array([60.0]) if shape == "left" else np.array([60.0, 9.0, 400.0])
    data = observe(rr.Cycles(0 * upper, upper, patient=np.zeros(upper.size)), None)
    sample = sample_of(data, np.ones(1), np.ones((upper.size, 1)), ANY_KNOTS)
    found = with_frailty(sample, np.array([-8, 3.0]), math.log(5))
    value = quad_of(0 * upper, math.exp(-8) * upper**3, upper < 0, 5.0)[0]
    assert found.llf == pytest.approx(value, abs=1e-8)


def expansion(a, b, theta):
    """Inclusion–exclusion: the product of differences multiplied out, each term Laplace's (1 + θs)^(−1/θ)."""
    s, sign = np.zeros(1), np.ones(1)
    for low, high in zip(a, b, strict=True):
        s, sign = np.concatenate([s + low, s + high]), np.concatenate([sign, -sign])
    total = sign @ (1 + theta * s) ** (-1 / theta)
    return math.log(total) if total > 0 else -INF


def test_inclusion_exclusion_agrees_at_3_cycles_and_is_nonsense_at_20():
    for n in (3, 20):
        x = np.random.default_rng(8).normal(size=n)
        lower, upper = np.full(n, 12.0), np.full(n, 14.0)
        a, b = (np.exp(-8 + 0.3 * x) * week**3 for week in (12, 14))
        data = observe(rr.Cycles(lower, upper, patient=np.zeros(n)), None)
        sample = sample_of(data, np.ones(1), np.column_stack([np.ones(n), x]), ANY_KNOTS)
        ours = with_frailty(sample, np.array([-8, 0.3, 3.0]), math.log(0.5)).llf
        assert ours == pytest.approx(quad_of(a, b, a < 0, 0.5)[0], abs=1e-7)
        assert (abs(ours - expansion(a, b, 0.5)) < 1e-8) == (n == 3)
        assert n == 3 or abs(ours - expansion(a, b, 0.5)) > 1


@pytest.mark.parametrize("knots", [None, [3, 9, 14, 30]])
@pytest.mark.parametrize("log_theta", [-6.0, -0.7, 1.5])
def test_gradient_and_information_against_differences(knots, log_theta):
    lower, upper, patient, x = all_kinds()
    data, inner = observe(rr.Cycles(lower, upper, patient=patient), None), 0 if knots is None else 2
    weight = np.random.default_rng(1).choice([1.0, 2.0, 0.5], data.labels.size)
    data = data._replace(weight=weight[data.patient])
    sample = sample_of(data, weight, np.column_stack([np.ones(x.size), x]), np.log([1, 2] if knots is None else knots))
    at = np.array([-7.5, 0.2, 2.7, *[0.1, -0.05][:inner], log_theta])

    def look(theta):
        return with_frailty(sample, theta[:-1], theta[-1], STEP / 2)

    found = look(at)
    np.testing.assert_allclose(found.scores.sum(axis=0), differences(lambda a: look(a).llf, at, 1e-5), rtol=1e-5,
                               atol=2e-5)  # fmt: skip
    slopes = differences(lambda a: look(a).scores.sum(axis=0), at, 1e-5)
    np.testing.assert_allclose(found.hessian, slopes, rtol=1e-5, atol=1e-4)

    alone, first = independent(sample, at[:-1])
    slopes = differences(lambda c: independent(sample, c)[0].scores.sum(axis=0), at[:-1], 1e-5)
    np.testing.assert_allclose(alone.hessian, slopes, rtol=1e-5, atol=1e-4)
    at_zero = [(with_frailty(sample, at[:-1], math.log(theta)).llf - alone.llf) / theta for theta in (1e-5, 2e-5)]
    assert 2 * at_zero[0] - at_zero[1] == pytest.approx(first.sum(), rel=1e-3)


def test_scores_and_weights_are_by_patient():
    lower, upper, patient, x = all_kinds(patients=12)
    cycles = cycles_of(lower, upper, patient, x)
    weights = np.random.default_rng(2).choice([1, 2, 3], 12)[patient]
    fit = rr.GammaFrailty("x").fit(cycles, weights)
    copies = [(row, (who, copy)) for row, who in enumerate(patient) for copy in range(weights[row])]
    rows, whose = [row for row, _ in copies], [f"{who} {copy}" for _, (who, copy) in copies]
    written_out = rr.GammaFrailty("x").fit(cycles_of(lower[rows], upper[rows], np.array(whose), x[rows]))
    assert fit.llf == pytest.approx(written_out.llf, abs=1e-8)
    np.testing.assert_allclose(fit.params, written_out.params, atol=1e-6)
    np.testing.assert_allclose(fit.bse, written_out.bse, rtol=1e-6)
    one = np.array(whose) == "3 0"
    np.testing.assert_allclose(
        fit.scores[3], weights[patient == 3][0] * written_out.scores[written_out.data.patient[one][0]], atol=1e-5
    )
    np.testing.assert_allclose(fit.scores.sum(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(fit._gradient(fit.estimate), fit.scores.sum(axis=0), atol=1e-6)
    robust = rr.GammaFrailty("x", cov="sandwich")
    copies_robust = robust.fit(cycles_of(lower[rows], upper[rows], np.array(whose), x[rows]))
    np.testing.assert_allclose(robust.fit(cycles, weights).bse, copies_robust.bse, rtol=1e-5)
    bread, own = np.linalg.inv(copies_robust.information), copies_robust.scores
    np.testing.assert_allclose(copies_robust.covariance, bread @ (own.T @ own) @ bread, rtol=1e-8)


def test_patients_and_curves_against_scipy():
    lower, upper, patient, x = all_kinds()
    fit = rr.GammaFrailty("x").fit(cycles_of(lower, upper, patient, x))
    gamma = math.exp(fit.params["log(gamma)"])
    for who in (0, 7, 23):
        rows = patient == who
        scale = np.exp(fit.params["Intercept"] + fit.params["x"] * x[rows])
        a, b = scale * lower[rows] ** gamma, scale * upper[rows] ** gamma
        _, mean, sd = quad_of(a, b, lower[rows] == upper[rows], fit.theta)
        assert fit.patients.loc[who, "mean"] == pytest.approx(mean, rel=1e-6)
        assert fit.patients.loc[who, "sd"] == pytest.approx(sd, rel=1e-5)
    assert fit.patients["cycles"].tolist() == [5] * 40

    hazard = math.exp(fit.params["Intercept"] + fit.params["x"]) * 12**gamma
    law = stats.gamma(1 / fit.theta, scale=fit.theta)
    over_patients = law.expect(lambda u: np.exp(-u * hazard), epsabs=1e-12)
    assert fit.survival(12, {"x": 1})["estimate"].item() == pytest.approx(over_patients, abs=1e-8)
    assert fit.survival(12, {"x": 1}, kind="conditional")["estimate"].item() == pytest.approx(math.exp(-hazard))
    rate = law.expect(lambda u: u * np.exp(-u * hazard), epsabs=1e-12) * hazard * gamma / 12 / over_patients
    assert fit.hazard(12, {"x": 1})["estimate"].item() == pytest.approx(rate, rel=1e-7)
    ratio = fit.hazard([6, 12], {"x": [1, 0]}, kind="conditional")["estimate"].to_numpy().reshape(2, 2)
    np.testing.assert_allclose(ratio[0] / ratio[1], math.exp(fit.params["x"]))
    assert fit.summary_frame().loc["x", "hazard_ratio"] == pytest.approx(math.exp(fit.params["x"]))


# the boundary


def test_no_frailty_is_reported_on_the_boundary():
    lower, upper, patient, x, _ = draw(60, 2, 0)
    cycles = cycles_of(lower, upper, patient, x)
    fit, alone = rr.GammaFrailty("x").fit(cycles), rr.GammaFrailty("x", frailty=False).fit(cycles)
    assert fit.theta == 0
    assert fit.params["log(theta)"] == -INF
    assert math.isnan(fit.bse["log(theta)"])
    assert fit.boundary == ("log(theta)",)
    assert fit.llf == alone.llf
    np.testing.assert_allclose(fit.params[:3], alone.params)
    np.testing.assert_allclose(fit.bse[:3], alone.bse)
    assert fit.lr_test().p == 1
    assert (fit.patients["mean"] == 1).all()
    assert (fit.patients["sd"] == 0).all()
    for kind in ("marginal", "conditional"):
        ours, theirs = (f.quantile([0.1, 0.5], {"x": 0.5}, kind=kind) for f in (fit, alone))
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-6)
    assert "boundary" in str(fit.summary())
    assert alone.theta == 0
    assert alone.boundary == ()
    with pytest.raises(rr.InputError, match="no frailty to test"):
        alone.lr_test()


def test_likelihood_ratio_test_halves_the_tail(golden):
    fit = rr.GammaFrailty("product").fit(golden)
    alone = rr.GammaFrailty("product", frailty=False).fit(golden)
    test = fit.lr_test()
    assert test.statistic == pytest.approx(2 * (fit.llf - alone.llf))
    assert test.p == pytest.approx(stats.chi2.sf(test.statistic, 1) / 2)


# the spline


def test_baseline_stays_rising_where_the_maximum_would_let_it_fall():
    rng = np.random.default_rng(1)
    patient = np.repeat(np.arange(60), 5)
    e = rng.exponential(size=300) / rng.gamma(2, 0.5, 60)[patient]
    t = np.where(e < 0.4, 4 + 5 * e, 30 + 8 * (e - 0.4))  # no losses from 6 to 30 weeks
    lower = np.floor(t / 2) * 2
    cycles = rr.Cycles(lower, lower + 2, patient=patient)
    fit = rr.GammaFrailty(baseline="spline", knots=3).fit(cycles)
    assert fit.level
    assert "held level" in str(fit.summary())
    weeks = np.exp(np.linspace(np.log(1), np.log(80), 4001))
    assert (fit.hazard(weeks, kind="conditional")["estimate"] > 0).all()

    sample = sample_of(fit.data, np.ones(60), fit.x, fit.log_knots)
    grid = np.linspace(*fit.log_knots[[0, -1]], 400)
    rise = natural_spline(grid, fit.log_knots).slope

    def value_and_gradient(theta):
        with np.errstate(all="ignore"):
            found = with_frailty(sample, theta[:-1], theta[-1])
        return -found.llf, -found.scores.sum(axis=0)

    naive = optimize.minimize(
        value_and_gradient,
        fit.estimate + np.array([0, 0.05, 0, 0, 0, 0]),
        jac=True,
        method="SLSQP",
        constraints={"type": "ineq", "fun": lambda theta: theta[1:-1] @ rise},
        options={"maxiter": 300, "ftol": 1e-7},
    )
    assert naive.success
    assert -naive.fun - 0.1 < fit.llf < -naive.fun + 1e-3  # held at slightly more than 0
    where = np.argmin(fit.estimate[1:-1] @ rise)
    held = np.concatenate([[0], rise[:, where], [0]])
    assert held @ fit.covariance @ held < 1e-3 * held @ np.linalg.inv(fit.information) @ held
    assert (fit.bse > 0).all()


def test_spline_nests_weibull_and_finds_another_shape(golden):
    formula = "product + log(dose) + age_c55"
    weibull, spline = (rr.GammaFrailty(formula, baseline=b).fit(golden) for b in ("weibull", "spline"))
    assert spline.llf > weibull.llf
    assert not spline.level
    assert spline.names[-4:] == ("gamma1", "gamma2", "gamma3", "log(theta)")
    assert len(spline.knots) == 4
    assert len(weibull.knots) == 0
    given = rr.GammaFrailty(formula, baseline="spline", knots=spline.knots).fit(golden)
    np.testing.assert_allclose(given.params, spline.params, rtol=1e-10)


# against known truth


def test_bias_and_coverage():
    """ADEMP in short. Aim: estimates and intervals hold what they say. Data: Weibull cycles with a gamma frailty,
    visits every 2 weeks. Estimands: all parameters. Measures: bias and coverage, to 4 Monte Carlo standard errors."""
    theta, runs = 0.5, 120
    truth = np.array([-3 * math.log(14), 0.3, math.log(3), math.log(theta)])
    fits = []
    for run in range(runs):
        lower, upper, patient, x, _ = draw(150, 4, theta, seed=1000 + run)
        fits.append(rr.GammaFrailty("x").fit(cycles_of(lower, upper, patient, x)))
    estimates = np.array([fit.estimate for fit in fits])
    errors = estimates - truth
    assert (np.abs(errors.mean(axis=0)) <= 4 * errors.std(axis=0, ddof=1) / math.sqrt(runs)).all()
    inside = np.abs(errors) <= stats.norm.ppf(0.975) * np.array([fit.bse for fit in fits])
    assert (np.abs(inside.mean(axis=0) - 0.95) <= 4 * math.sqrt(0.95 * 0.05 / runs)).all()


@pytest.mark.parametrize("baseline", ["weibull", "spline"])
def test_simulated_durations_follow_the_curves_and_share_the_frailty(baseline):
    lower, upper, patient, x, _ = draw(50, 4, 0.8)
    fit = rr.GammaFrailty("x", baseline=baseline).fit(cycles_of(lower, upper, patient, x))
    rng, n = np.random.default_rng(4), 20_000
    at = rng.integers(0, x.size, n)
    weeks = fit._simulate(rng, at, np.repeat(np.arange(n // 2), 2))
    place = np.exp(fit._curves(fit.estimate, fit.x[at], np.log(weeks)[:, None], "marginal")[0])[:, 0]
    assert abs(place.mean() - 0.5) < 4 * place.std() / math.sqrt(n / 2)
    assert stats.kstest(place[::2], "uniform").pvalue > 1e-4
    tau = stats.kendalltau(place[::2], place[1::2]).statistic  # of Clayton's copula: θ/(θ + 2)
    assert abs(tau - fit.theta / (fit.theta + 2)) < 4 * math.sqrt(2 / (9 * n / 2) * 2)


# properties


@given(seed=st.integers(0, 1000), factor=st.sampled_from([1e-4, 7.0, 1e4]))
@settings(max_examples=6, deadline=None)
def test_times_scaled_shift_the_intercept_alone(seed, factor):
    lower, upper, patient, x, _ = draw(40, 4, 0.5, seed)
    fit, scaled = (
        rr.GammaFrailty("x", baseline="spline", knots=1).fit(cycles_of(lower * f, upper * f, patient, x))
        for f in (1, factor)
    )
    assert scaled.llf == pytest.approx(fit.llf, abs=1e-6)
    assert scaled.params["x"] == pytest.approx(fit.params["x"], abs=1e-5)
    assert scaled.quantile(0.5, {"x": 0})["estimate"].item() == pytest.approx(
        factor * fit.quantile(0.5, {"x": 0})["estimate"].item(), rel=1e-5
    )


def test_current_status_and_strong_frailty():
    """One visit per cycle: every row left- or right-censored."""
    _, _, patient, x, t = draw(200, 4, 5.0)
    visit = np.random.default_rng(3).uniform(4, 30, t.size)
    fit = rr.GammaFrailty("x").fit(
        cycles_of(np.where(t > visit, visit, 0), np.where(t > visit, INF, visit), patient, x)
    )
    assert fit.node_doubling < 1e-4
    assert abs(fit.params["log(theta)"] - math.log(5)) < 4 * fit.bse["log(theta)"]


# results and errors


def test_summary_plot_pickle(golden):
    fit = rr.GammaFrailty("product", baseline="spline").fit(golden)
    text = str(fit.summary())
    assert "spline baseline, gamma frailty" in text
    assert "Knots:" in text
    assert "Theta:" in text
    assert "hazard_ratio" in fit._repr_html_()
    assert fit.plot().get_xlabel().startswith("Hazard ratio")
    plt.close("all")
    fit.plot(newdata={"product": [0, 1]}, kind="conditional")
    plt.close("all")
    ax = fit.plot_patients()
    assert ax.get_ylabel().startswith("Patient's frailty")
    np.testing.assert_allclose(np.sort(fit.patients["mean"]), ax.lines[0].get_ydata())
    plt.close("all")
    again = pickle.loads(pickle.dumps(fit))
    pd.testing.assert_series_equal(again.params, fit.params)
    with pytest.raises(ValueError, match="read-only"):
        fit.frailty_mean[0] = 1
    assert hash(rr.GammaFrailty(baseline="spline", knots=[4, 10])) == hash(
        rr.GammaFrailty(baseline="spline", knots=(4, 10))
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"baseline": "cox"}, "`baseline` must be one of weibull, spline"),
        ({"cov": "cluster"}, "`cov` must be one of observed, sandwich"),
        ({"knots": 3}, "`knots` are for a spline"),
        ({"baseline": "spline", "knots": -1}, "`knots` must be a whole number from 0 to 50; or give"),
        ({"baseline": "spline", "knots": True}, "`knots` must be a whole number from 0 to 50; or give"),
        ({"baseline": "spline", "knots": [4]}, "2 to 52 increasing positive weeks"),
        ({"baseline": "spline", "knots": [4, 3]}, "2 to 52 increasing positive weeks"),
        ({"baseline": "spline", "knots": [0, 3]}, "2 to 52 increasing positive weeks"),
        ({"baseline": "spline", "knots": [1, np.inf]}, "2 to 52 increasing positive weeks"),
        ({"baseline": "spline", "knots": ["a", "b"]}, "`knots` must be numbers"),
        ({"frailty": "x"}, "`frailty` must be True or False"),
        ({"frailty": None}, "`frailty` must be True or False"),
    ],
)
def test_bad_specifications(arguments, message):
    with pytest.raises(rr.InputError, match=message):
        rr.GammaFrailty(**arguments)


def test_data_that_cannot_be_fitted():
    lower, upper, patient, x, t = draw(30, 3, 0.5)
    cycles = cycles_of(lower, upper, patient, x)
    with pytest.raises(rr.FitError, match=r"no patient has two cycles.*frailty=False"):
        rr.GammaFrailty().fit(rr.Cycles(lower, upper))
    with pytest.raises(rr.InputError, match=r"same for all cycles of a patient \(row"):
        rr.GammaFrailty().fit(cycles, np.arange(1, 91))
    with pytest.raises(rr.FitError, match="all 90 are right-censored"):
        rr.GammaFrailty().fit(rr.Cycles(lower, np.full(90, INF), patient=patient))
    with pytest.raises(rr.FitError, match="lost its effect before its first assessment"):
        rr.GammaFrailty().fit(rr.Cycles(np.zeros(90), t, patient=patient))
    with pytest.raises(rr.InputError, match="collinear"):
        rr.GammaFrailty("x + y").fit(rr.Cycles(lower, upper, patient, pd.DataFrame({"x": x, "y": 2 * x})))
    own = np.exp(2.5 + np.random.default_rng(1).normal(0, 1.5, 30))[patient] * np.linspace(0.98, 1.02, 90)
    with pytest.raises(rr.FitError, match="variance of the frailty grows without bound"):
        rr.GammaFrailty().fit(rr.Cycles(own, own, patient=patient))
