import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

import retreat_research as rr
from retreat_research.durations.families import FAMILIES
from retreat_research.durations.mixed import likelihood
from retreat_research.durations.mixed.parameters import phi_of
from retreat_research.durations.mixed.result import natural_panel
from retreat_research.durations.quadrature import adaptive_rule

from . import naive_mixed as naive

INF = np.inf
AS_PUBLISHED = {"lognormal": "lognormal", "weibull": "Weibull", "loglogistic": "loglogistic"}
families = pytest.mark.parametrize("family", AS_PUBLISHED)


def clustered(seed=0, patients=25, sd=0.4, sigma=0.3, slope_sd=0.0, most=6, kinds=(0.15, 0.55, 0.1, 0.2)):
    """Cycles of `patients` with a random intercept and slope in `z`; exact, interval-, left- and right-censored."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), rng.integers(1, most + 1, patients))
    n = patient.size
    x, z = rng.normal(size=n), rng.uniform(-1, 2, size=n)
    own, slope = rng.normal(scale=sd, size=patients)[patient], rng.normal(scale=slope_sd, size=patients)[patient]
    t = np.exp(2.4 + 0.2 * x + own + slope * z + sigma * rng.normal(size=n))
    kind = rng.choice(4, n, p=kinds)
    lower = np.select([kind == 0, kind == 2], [t, 0], t * rng.uniform(0.4, 0.95, n))
    upper = np.select([kind == 0, kind == 3], [t, INF], t * rng.uniform(1.05, 1.6, n))
    return pd.DataFrame({"patient": patient, "x": x, "z": z}), lower, upper


def one_by_one(frame, lower, upper, z=None):
    """The patients as `naive_mixed` takes them, in order of appearance."""
    x, out = np.column_stack([np.ones(len(frame)), frame["x"]]), []
    for who in frame["patient"].unique():
        rows = (frame["patient"] == who).to_numpy()
        out.append({"x": x[rows], "lower": lower[rows], "upper": upper[rows]})
        if z is not None:
            out[-1]["z"] = frame[z].to_numpy()[rows]
    return out


# against published numbers and R


@families
def test_golden_cycles(golden, published, family):
    rows = published.loc[("golden_cycles", f"{AS_PUBLISHED[family]} AFT + N(0,sb^2) random intercept(id)")]
    fit = rr.MixedAFT("product + log(dose) + age_c55", family=family, nodes=51).fit(golden)
    assert fit.params.index.tolist() == ["Intercept", "product", "log(dose)", "age_c55", "log(scale)", "log(sd)"]
    assert fit.llf == pytest.approx(rows["loglik"].iloc[0], abs=1e-6)
    np.testing.assert_allclose(fit.params, rows["estimate"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(fit.bse, rows["se"], rtol=0, atol=1e-6)
    usual = rr.MixedAFT("product + log(dose) + age_c55", family=family).fit(golden)
    assert usual.llf == pytest.approx(fit.llf, abs=1e-4)
    assert ((usual.params - fit.params).abs() < 1e-3 * fit.bse).all()
    np.testing.assert_allclose(usual.bse, fit.bse, rtol=1e-3)


@families
def test_laplace_is_one_node(golden, published, family, monkeypatch):
    """tramME maximises Laplace's approximation, which is the rule with one node; climbed here without its gradient."""
    fit = rr.MixedAFT("product + log(dose) + age_c55", family=family).fit(golden)
    monkeypatch.setattr(likelihood, "CLOSE", 1e-8)  # with one node the mode itself is needed
    k, rule = 4, adaptive_rule(1, 1)
    panel = natural_panel(family, fit.data, fit.x, None)

    def loss(moved):
        phi = phi_of(fit.estimate + moved * fit.bse.to_numpy(), k, FAMILIES[family])
        return -likelihood.evaluate(panel, phi, likelihood.centre_of(panel, phi), rule).value

    found = optimize.minimize(loss, np.zeros(6), method="Powell", options={"xtol": 1e-4, "ftol": 1e-10})
    row = published.loc[("golden_cycles", f"{family} Laplace loglik")].iloc[0]
    assert -found.fun == pytest.approx(row["estimate"], abs=1e-5)


@pytest.fixture(scope="module")
def lme4():
    return json.loads((Path(__file__).parent.parent / "reference" / "lme4.json").read_text())


def parts_of(fitted):
    """log σ, log σ_b and, with a slope, log σ_slope and atanh ρ of an lmer fit."""
    covariance = np.array(fitted["covariance_random"])
    sd = np.sqrt(np.diag(covariance))
    correlation = [np.arctanh(covariance[0, 1] / sd.prod())] if len(sd) == 2 else []
    return np.log([fitted["sigma"], *sd]).tolist() + correlation


@pytest.mark.parametrize(("name", "slope"), [("intercept", None), ("slope", "cycle")])
def test_equals_lmer_when_nothing_is_censored(lme4, name, slope):
    data, fitted = pd.DataFrame(lme4[name]["data"]), lme4[name]["fit"]
    t = data["t"].to_numpy()
    fit = rr.MixedAFT("x + product", slope=slope).fit(rr.Cycles(t, t, data=data))
    assert fit.llf + np.log(t).sum() == pytest.approx(fitted["loglik"], abs=1e-6)
    np.testing.assert_allclose(fit.params, fitted["fixed"] + parts_of(fitted), rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.inv(fit.information[:4, :4]), fitted["vcov_fixed"], rtol=1e-5, atol=1e-9)

    x = np.column_stack([np.ones(len(data)), data["x"], data["product"] == "b", data["product"] == "c"])
    z = None if slope is None else data["cycle"].to_numpy()
    observed = -naive.hessian(
        lambda theta: naive.gaussian_log_likelihood(theta, x, t, data["patient"].to_numpy(), z), fit.estimate
    )
    np.testing.assert_allclose(fit.information, observed, rtol=1e-4, atol=1e-4 * observed.max())
    np.testing.assert_allclose(fit.bse, np.sqrt(np.diag(np.linalg.inv(observed))), rtol=1e-4)
    assert (fit.bse.to_numpy()[:4] > np.sqrt(np.diag(fitted["vcov_fixed"]))).all()  # R takes the variances as known

    order = fit.patients.index.astype(str)
    modes = pd.DataFrame(fitted["modes"], index=fitted["patient"]).loc[order]
    sd = pd.DataFrame(fitted["sd"], index=fitted["patient"]).loc[order]
    np.testing.assert_allclose(fit.patients["mean"], modes[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(fit.patients["sd"], sd[0], rtol=1e-4)


def test_equals_lmer_on_the_boundary(lme4):
    data, fitted = pd.DataFrame(lme4["singular"]["data"]), lme4["singular"]["fit"]
    t = data["t"].to_numpy()
    assert fitted["singular"]
    cycles = rr.Cycles(t, t, data=data)
    fit, without = rr.MixedAFT("x + product").fit(cycles), rr.AFT("x + product").fit(cycles)
    assert fit.llf + np.log(t).sum() == pytest.approx(fitted["loglik"], abs=1e-6)
    assert fit.llf == pytest.approx(without.llf, abs=1e-8)
    assert fit.sd < 1e-4
    np.testing.assert_allclose(fit.params.iloc[:5], without.params, rtol=0, atol=1e-5)
    np.testing.assert_allclose(fit.bse.iloc[:5], without.bse, rtol=1e-4)


@pytest.mark.parametrize("name", ["intercept", "singular"])
def test_profile_interval_equals_lmers(lme4, name):
    data, fitted = pd.DataFrame(lme4[name]["data"]), lme4[name]["fit"]
    t = data["t"].to_numpy()
    fit = rr.MixedAFT("x + product").fit(rr.Cycles(t, t, data=data))
    np.testing.assert_allclose(fit.sd_interval(), fitted["profile"][0], rtol=1e-4, atol=1e-4)


@families
def test_profile_interval_holds_what_a_test_does_not_reject(family):
    """At its ends the naive log-likelihood, climbed at that SD by Nelder-Mead, has fallen by half of 3.84."""
    frame, lower, upper = clustered(seed=3, patients=12)
    fit = rr.MixedAFT("x", family=family).fit(rr.Cycles(lower, upper, data=frame))
    patients = one_by_one(frame, lower, upper)
    for level in (0.95, 0.5):
        for end in fit.sd_interval(level):
            if end == 0:
                continue

            def loss(theta, end=end):
                return -naive.log_likelihood(np.append(theta, np.log(end)), patients, family)

            found = optimize.minimize(
                loss, fit.estimate[:-1], method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-6}
            )
            assert fit.llf + found.fun == pytest.approx(stats.chi2.ppf(level, 1) / 2, abs=1e-3)


def test_profile_interval_is_for_one_random_effect():
    frame, lower, upper = clustered(seed=1, slope_sd=0.2)
    cycles = rr.Cycles(lower, upper, data=frame)
    with pytest.raises(rr.InputError, match="a random intercept alone"):
        rr.MixedAFT("z", slope="z").fit(cycles).sd_interval()
    with pytest.raises(rr.InputError, match="`level` must lie between 0 and 1"):
        rr.MixedAFT().fit(cycles).sd_interval(95)


# against the naive second implementation


@families
def test_naive_rule_is_exact(family):
    theta = np.array([2.4, 0.2, np.log(0.3), np.log(0.5)])
    for patient in one_by_one(*clustered(seed=4, patients=4)):
        adaptive = naive.adaptive_log_likelihood(theta, patient, family)
        assert naive.posterior(theta, patient, family)[0] == pytest.approx(adaptive, abs=1e-10)


def agrees(fit, patients, family):
    """Likelihood, gradient, information and random effects at the estimate, by other integrals."""
    at = fit.estimate.copy()

    def each(theta):
        return np.array([naive.posterior(theta, patient, family)[0] for patient in patients])

    assert fit.llf == pytest.approx(each(at).sum(), abs=1e-6)
    scores = naive.gradient(each, at)
    np.testing.assert_allclose(fit.scores, scores, rtol=0, atol=1e-5)
    np.testing.assert_allclose(scores.sum(axis=0), 0, atol=1e-4)
    information = -naive.hessian(lambda theta: each(theta).sum(), at)
    np.testing.assert_allclose(fit.information, information, rtol=0, atol=1e-4 * information.max())
    np.testing.assert_allclose(fit.cov_params(), np.linalg.inv(information), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(fit.differenced_information(), fit.information, rtol=0, atol=1e-4 * information.max())
    table = fit.patients
    intercepts = [naive.mean_and_sd(at, patient, family) for patient in patients]
    np.testing.assert_allclose(table[["mean", "sd"]], intercepts, rtol=0, atol=1e-5)
    assert table["cycles"].tolist() == [len(patient["lower"]) for patient in patients]


@families
def test_naive_random_intercept(family):
    frame, lower, upper = clustered(seed=4, patients=12)
    patients = one_by_one(frame, lower, upper)
    fit = rr.MixedAFT("x", family=family, nodes=60).fit(rr.Cycles(lower, upper, data=frame))
    agrees(fit, patients, family)

    weeks, x = np.array([3.0, 8.0, 12.0, 30.0]), np.array([1.0, 0.7])
    for who in (0, 5):
        own = fit.personal(who, {"x": 0.7})
        by_hand = [naive.next_survival(fit.estimate, patients[who], family, x, week) for week in weeks]
        np.testing.assert_allclose(own.survival(weeks), by_hand, rtol=0, atol=1e-6)
        again = fit.personal(rr.Cycles(lower, upper, data=frame)[(frame["patient"] == who).to_numpy()], {"x": 0.7})
        np.testing.assert_allclose(again.survival(weeks), by_hand, rtol=0, atol=1e-6)
    new = {"x": np.array([[1.0, -1.0], [1.0, 0.0]]), "lower": np.array([20.0, 0.0]), "upper": np.array([INF, 9.0])}
    stranger = rr.Cycles(new["lower"], new["upper"], patient=["new", "new"], data=pd.DataFrame({"x": [-1.0, 0.0]}))
    by_hand = [naive.next_survival(fit.estimate, new, family, x, week) for week in weeks]
    np.testing.assert_allclose(fit.personal(stranger, {"x": 0.7}).survival(weeks), by_hand, rtol=0, atol=1e-6)
    anyone = [naive.next_survival(fit.estimate, naive.no_history(2), family, x, week) for week in weeks]
    np.testing.assert_allclose(fit.survival(weeks, {"x": 0.7})["estimate"], anyone, rtol=0, atol=1e-6)


@families
def test_naive_random_slope(family):
    frame, lower, upper = clustered(seed=7, patients=8, sigma=0.4, slope_sd=0.35, most=8)
    patients = one_by_one(frame, lower, upper, z="z")
    fit = rr.MixedAFT("x", family=family, slope="z", nodes=45).fit(rr.Cycles(lower, upper, data=frame))
    assert fit.params.index.tolist()[2:] == ["log(scale)", "log(sd)", "log(sd slope)", "atanh(corr)"]
    agrees(fit, patients, family)
    slopes = [naive.mean_and_sd(fit.estimate, patient, family, which=1) for patient in patients]
    np.testing.assert_allclose(fit.patients[["slope_mean", "slope_sd"]], slopes, rtol=0, atol=1e-5)

    weeks, x = np.array([3.0, 8.0, 12.0, 30.0]), np.array([1.0, 0.7])
    for who in (0, 5):
        own = fit.personal(who, {"x": 0.7, "z": 1.5})
        by_hand = [naive.next_survival(fit.estimate, patients[who], family, x, week, z=1.5) for week in weeks]
        np.testing.assert_allclose(own.survival(weeks), by_hand, rtol=0, atol=1e-6)
    nobody = naive.no_history(2, slope=True)
    anyone = [naive.next_survival(fit.estimate, nobody, family, x, week, z=1.5) for week in weeks]
    np.testing.assert_allclose(fit.survival(weeks, {"x": 0.7, "z": 1.5})["estimate"], anyone, rtol=0, atol=1e-6)


# properties


@families
@given(seed=st.integers(0, 10_000), factor=st.sampled_from([1e-4, 0.1, 7.0, 1e4]))
@settings(max_examples=5, deadline=None)
def test_times_scaled_shift_the_intercept_alone(family, seed, factor):
    frame, lower, upper = clustered(seed)
    model = rr.MixedAFT("x", family=family)
    fit = model.fit(rr.Cycles(lower, upper, data=frame))
    scaled = model.fit(rr.Cycles(lower * factor, upper * factor, data=frame))
    exact = np.count_nonzero(lower == upper)
    np.testing.assert_allclose(scaled.params, fit.params + np.array([np.log(factor), 0, 0, 0]), atol=1e-5)
    np.testing.assert_allclose(scaled.bse, fit.bse, rtol=1e-4)
    assert scaled.llf == pytest.approx(fit.llf - exact * np.log(factor), abs=1e-6)
    np.testing.assert_allclose(scaled.patients["mean"], fit.patients["mean"], atol=1e-5)


@families
@given(seed=st.integers(0, 10_000))
@settings(max_examples=5, deadline=None)
def test_order_and_names_do_not_matter(family, seed):
    frame, lower, upper = clustered(seed)
    rng = np.random.default_rng(seed)
    rows, names = rng.permutation(len(frame)), rng.permutation(1000)
    model = rr.MixedAFT("x", family=family)
    fit = model.fit(rr.Cycles(lower, upper, data=frame))
    named = frame.assign(patient=[f"p{names[who]}" for who in frame["patient"]])
    again = model.fit(rr.Cycles(lower[rows], upper[rows], data=named.iloc[rows]))
    assert again.llf == pytest.approx(fit.llf, abs=1e-7)
    np.testing.assert_allclose(again.params, fit.params, atol=1e-5)
    np.testing.assert_allclose(again.bse, fit.bse, rtol=1e-4)
    means = fit.patients["mean"].rename(index=lambda who: f"p{names[who]}")
    np.testing.assert_allclose(again.patients["mean"].loc[means.index], means, atol=1e-5)


@families
@given(seed=st.integers(0, 10_000))
@settings(max_examples=5, deadline=None)
def test_weights_of_patients_are_duplicates(family, seed):
    frame, lower, upper = clustered(seed)
    count = np.random.default_rng(seed).integers(0, 3, 25)[frame["patient"]]
    rows = np.concatenate([np.flatnonzero(count >= 1), np.flatnonzero(count == 2)])
    again = frame.iloc[rows].copy()
    again.iloc[np.count_nonzero(count >= 1) :, 0] += 1000  # the same patients once more, under other names
    for cov in ("observed", "sandwich"):
        model = rr.MixedAFT("x", family=family, cov=cov)
        weighted = model.fit(rr.Cycles(lower, upper, data=frame), count)
        repeated = model.fit(rr.Cycles(lower[rows], upper[rows], data=again))
        assert weighted.llf == pytest.approx(repeated.llf, abs=1e-6)
        np.testing.assert_allclose(weighted.params, repeated.params, atol=1e-5)
        np.testing.assert_allclose(weighted.bse, repeated.bse, rtol=1e-4)


@families
def test_rows_that_say_nothing_change_nothing(family):
    frame, lower, upper = clustered(3)
    fit = rr.MixedAFT("x", family=family).fit(rr.Cycles(lower, upper, data=frame))
    more = pd.concat([frame, frame.iloc[:2], frame.iloc[:1].assign(patient=99)], ignore_index=True)
    model = rr.MixedAFT("x", family=family)
    again = model.fit(rr.Cycles(np.append(lower, [0, 0, 0]), np.append(upper, [INF, INF, INF]), data=more))
    assert again.llf == pytest.approx(fit.llf, abs=1e-8)
    np.testing.assert_allclose(again.params, fit.params, atol=1e-6)
    np.testing.assert_allclose(again.bse, fit.bse, rtol=1e-5)
    assert again.patients.loc[99].tolist() == pytest.approx([1, 0, fit.sd], abs=1e-6)


@families
def test_a_slopes_origin_and_unit_do_not_matter(family):
    frame, lower, upper = clustered(seed=7, patients=12, sigma=0.4, slope_sd=0.35, most=8)
    moved = frame.assign(z=20 + 10 * frame["z"])
    fit = rr.MixedAFT("x", family=family, slope="z", nodes=60).fit(rr.Cycles(lower, upper, data=frame))
    again = rr.MixedAFT("x", family=family, slope="z", nodes=60).fit(rr.Cycles(lower, upper, data=moved))
    assert again.llf == pytest.approx(fit.llf, abs=1e-6)
    np.testing.assert_allclose(again.params.iloc[:3], fit.params.iloc[:3], atol=1e-5)
    assert again.params["log(sd slope)"] == pytest.approx(fit.params["log(sd slope)"] - np.log(10), abs=1e-5)
    np.testing.assert_allclose(again.patients["slope_mean"], fit.patients["slope_mean"] / 10, atol=1e-6)
    weeks, at = [5, 15, 40], {"x": 0.3, "z": 1.2}
    np.testing.assert_allclose(
        again.survival(weeks, {"x": 0.3, "z": 32.0})[["estimate", "se"]],
        fit.survival(weeks, at)[["estimate", "se"]],
        rtol=1e-4,
    )


# quadrature


@families
def test_doubling_the_nodes_is_reported_and_true(family):
    frame, lower, upper = clustered(9, patients=40)
    cycles = rr.Cycles(lower, upper, data=frame)
    fit, sure = rr.MixedAFT("x", family=family).fit(cycles), rr.MixedAFT("x", family=family, nodes=60).fit(cycles)
    assert fit.nodes >= 15
    assert fit.node_doubling < 1e-4
    assert abs(fit.llf - sure.llf) <= 2 * fit.node_doubling + 1e-8
    assert ((fit.params - sure.params).abs() < 1e-2 * sure.bse).all()


@families
@pytest.mark.parametrize("nodes", [15, 31, 60])
def test_any_number_of_nodes_fits_a_slope(family, nodes):
    frame, lower, upper = clustered(seed=7, patients=12, slope_sd=0.3, most=8)
    fit = rr.MixedAFT("x", family=family, slope="z", nodes=nodes).fit(rr.Cycles(lower, upper, data=frame))
    assert fit.nodes >= nodes
    assert fit.node_doubling < 1e-4


# where variance components are hard


@pytest.mark.parametrize("family", [*AS_PUBLISHED, "exponential"])
def test_no_variation_between_patients(family):
    frame, lower, upper = clustered(10, patients=40, sd=0.0)
    cycles = rr.Cycles(lower, upper, data=frame)
    fit, without = rr.MixedAFT("x", family=family).fit(cycles), rr.AFT("x", family=family).fit(cycles)
    assert fit.boundary == ("log(sd)",)
    assert (fit.sd, fit.icc) == (0, 0)
    assert fit.llf == pytest.approx(without.llf, abs=1e-8)
    np.testing.assert_allclose(fit.params[without.params.index], without.params, atol=1e-5)
    np.testing.assert_allclose(fit.bse[without.params.index], without.bse, rtol=1e-4)
    assert np.isnan(fit.bse["log(sd)"])
    assert fit.lr_test().statistic == pytest.approx(0, abs=1e-8)
    assert fit.lr_test().p == 1
    assert (fit.patients[["mean", "sd"]] == 0).all(axis=None)
    curves = [fit.survival([5, 12], {"x": 0}, kind=kind)[["estimate", "se"]] for kind in ("marginal", "conditional")]
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-6)
    np.testing.assert_allclose(curves[0], without.survival([5, 12], {"x": 0})[["estimate", "se"]], rtol=1e-4)
    assert fit.personal(0, {"x": 0}).survival(12) == pytest.approx(curves[0]["estimate"].iloc[1], rel=1e-8)


@families
def test_one_cycle_each_or_one_patient(family):
    rng = np.random.default_rng(0)
    t = np.exp(rng.normal(2.4, 0.4, 60))
    with pytest.raises(rr.FitError, match="no patient has two cycles with a duration"):
        rr.MixedAFT(family=family).fit(rr.Cycles(t * 0.8, t * 1.2))
    with pytest.raises(rr.FitError, match="a mixed model needs at least two patients"):
        rr.MixedAFT(family=family).fit(rr.Cycles(t * 0.8, t * 1.2, patient=np.zeros(60)))


def test_two_cycles_of_one_patient_are_next_to_nothing():
    rng = np.random.default_rng(0)
    t = np.exp(rng.normal(2.4, 0.4, 60))
    fit = rr.MixedAFT().fit(rr.Cycles(t * 0.8, t * 1.2, patient=np.append(np.arange(59), 0)))
    assert fit.bse["log(sd)"] > 1 or fit.boundary
    assert fit.lr_test().p > 0.1


@families
def test_many_cycles_of_one_patient(family):
    frame, lower, upper = clustered(2, patients=15)
    rng = np.random.default_rng(1)
    t = np.exp(rng.normal(3, 0.3, 300))
    more = pd.concat([frame, pd.DataFrame({"patient": 99, "x": rng.normal(size=300)})], ignore_index=True)
    fit = rr.MixedAFT("x", family=family).fit(
        rr.Cycles(np.append(lower, t * 0.9), np.append(upper, t * 1.1), data=more)
    )
    own = {"x": np.column_stack([np.ones(300), more["x"].iloc[-300:]]), "lower": t * 0.9, "upper": t * 1.1}
    np.testing.assert_allclose(
        fit.patients.loc[99, ["mean", "sd"]], naive.mean_and_sd(fit.estimate, own, family), atol=1e-5
    )


@families
@pytest.mark.parametrize("kind", ["right", "left", "exact"])
def test_patients_of_whom_all_cycles_end_alike(family, kind):
    frame, lower, upper = clustered(3)
    third = (frame["patient"] % 3 == 0).to_numpy()
    middle = np.where(np.isinf(upper), lower + 1, (lower + upper) / 2)
    lower = np.where(third, {"right": middle, "left": 0, "exact": middle}[kind], lower)
    upper = np.where(third, {"right": INF, "left": middle, "exact": middle}[kind], upper)
    fit = rr.MixedAFT("x", family=family).fit(rr.Cycles(lower, upper, data=frame))
    patients = one_by_one(frame, lower, upper)
    assert fit.llf == pytest.approx(naive.log_likelihood(fit.estimate, patients, family), abs=1e-4)
    np.testing.assert_allclose(fit.scores.sum(axis=0) @ fit.cov_params() @ fit.scores.sum(axis=0), 0, atol=1e-6)


@families
def test_times_from_a_thousandth_to_a_hundred_thousand(family):
    rng = np.random.default_rng(5)
    own = rng.uniform(np.log(1e-3), np.log(1e5), 20)
    patient = np.arange(100) % 20
    t = np.exp(own[patient] + 0.3 * rng.normal(size=100))
    frame = pd.DataFrame({"patient": patient, "x": 0.0})
    fit = rr.MixedAFT(family=family).fit(rr.Cycles(t * 0.9, t * 1.1, data=frame))
    assert fit.sd == pytest.approx(own.std(), rel=0.05)
    patients = [{**patient, "x": patient["x"][:, :1]} for patient in one_by_one(frame, t * 0.9, t * 1.1)]
    assert fit.llf == pytest.approx(naive.log_likelihood(fit.estimate, patients, family), abs=1e-4)


@families
@pytest.mark.parametrize("times", [2, 20])
def test_curves_over_patients_who_differ_much(family, times):
    """The mixture over patients is steep where σ is small beside σ_b: too few nodes make steps of it."""
    rng = np.random.default_rng(5)
    patient = np.arange(120) % 20
    ln_t = 2.5 + 0.2 * times * rng.normal(size=20)[patient] + 0.2 * rng.normal(size=120)
    t = np.exp(ln_t)
    fit = rr.MixedAFT(family=family).fit(rr.Cycles(t * 0.95, t * 1.05, patient=patient))
    weeks = np.exp(np.linspace(ln_t.min(), ln_t.max(), 25))
    nobody, one = naive.no_history(1), np.ones(1)
    by_hand = [naive.next_survival(fit.estimate, nobody, family, one, week) for week in weeks]
    np.testing.assert_allclose(fit.survival(weeks)["estimate"], by_hand, rtol=0, atol=1e-6)
    unseen = rr.Cycles([np.nan], [np.nan], patient=["new"], data=pd.DataFrame({"responder": [False]}))
    np.testing.assert_allclose(fit.personal(unseen).survival(weeks), by_hand, rtol=0, atol=1e-6)
    own = {"x": np.ones((6, 1)), "lower": t[patient == 3] * 0.95, "upper": t[patient == 3] * 1.05}
    hers = [naive.next_survival(fit.estimate, own, family, one, week) for week in weeks]
    np.testing.assert_allclose(fit.personal(3).survival(weeks), hers, rtol=0, atol=1e-6)


@families
def test_patients_alike_within_far_apart_between(family):
    rng = np.random.default_rng(0)
    patient = np.arange(100) % 20
    t = np.exp(rng.normal(2, 0.5, 20)[patient] + 1e-4 * rng.normal(size=100))
    fit = rr.MixedAFT(family=family).fit(rr.Cycles(t, t, patient=patient))
    assert 4e-5 < fit.scale < 1.6e-4
    assert np.isfinite([*fit.bse, fit.llf]).all()
    assert fit.lr_test().p < 1e-50


@families
def test_no_variation_within_patients(family):
    t = np.exp(np.random.default_rng(0).normal(2, 0.5, 20))[np.arange(100) % 20]
    with pytest.raises(rr.FitError):
        rr.MixedAFT(family=family).fit(rr.Cycles(t, t, patient=np.arange(100) % 20))
    with pytest.raises(rr.FitError):
        rr.MixedAFT(family=family).fit(rr.Cycles(t * 0.9, t * 1.1, patient=np.arange(100) % 20))


# against known truth


def visits(rng, patients, cycles_each, sd, family, sigma=0.25):
    """Durations seen at visits every 2 or 4 weeks until a last one at random."""
    patient = np.repeat(np.arange(patients), cycles_each)
    arm = rng.integers(0, 2, patient.size)
    z = {
        "lognormal": rng.normal(size=patient.size),
        "weibull": np.log(rng.exponential(size=patient.size)),
        "loglogistic": rng.logistic(size=patient.size),
    }[family]
    own = rng.normal(0, sd, patients)
    t = np.exp(2.5 + 0.2 * arm + own[patient] + sigma * z)
    gap = rng.choice([2.0, 4.0], patient.size)
    last_visit = np.floor(rng.uniform(8, 40, patient.size) / gap) * gap
    before = np.floor(t / gap) * gap
    seen = before + gap <= last_visit
    cycles = rr.Cycles(
        np.where(seen, before, last_visit),
        np.where(seen, before + gap, INF),
        patient=patient,
        data=pd.DataFrame({"arm": arm}),
    )
    return cycles, own


@families
def test_bias_and_coverage(family):
    """ADEMP in short. Aim: estimates and intervals hold what they say. Data: 100 patients with 4 cycles each at visits.
    Estimands: β, log σ, log σ_b, the marginal median. Method: MixedAFT. Measures: bias and coverage, to 4 Monte Carlo
    standard errors; for the SDs bias up to a tenth of a standard error, maximum likelihood being biased."""
    runs, sd, sigma = 60, 0.3, 0.25
    truth = np.array([2.5, 0.2, np.log(sigma), np.log(sd)])
    nobody = naive.no_history(2)
    rng = np.random.default_rng(20240229)
    estimates, inside, median = [], [], []
    for _ in range(runs):
        fit = rr.MixedAFT("arm", family=family).fit(visits(rng, 100, 4, sd, family, sigma)[0])
        estimates.append(fit.params.to_numpy())
        inside.append(np.abs(estimates[-1] - truth) <= stats.norm.ppf(0.975) * fit.bse.to_numpy())
        median.append(fit.quantile(0.5, {"arm": 1}).iloc[0])
    bias, spread = np.mean(estimates, axis=0) - truth, np.std(estimates, axis=0, ddof=1)
    assert (np.abs(bias) <= 4 * spread / np.sqrt(runs) + np.array([0, 0, 0.1, 0.1]) * spread).all()
    four = 4 * np.sqrt(0.95 * 0.05 / runs)
    assert (np.abs(np.mean(inside, axis=0) - 0.95) <= four).all()
    median = pd.DataFrame(median)
    covered = [
        naive.next_survival(truth, nobody, family, np.array([1.0, 1.0]), row.lower) > 0.5
        and naive.next_survival(truth, nobody, family, np.array([1.0, 1.0]), row.upper) < 0.5
        for row in median.itertuples()
    ]
    assert abs(np.mean(covered) - 0.95) <= four


def test_personal_predictions_are_calibrated():
    """The next cycle falls below a patient's own predicted quantiles as often as they say, in and out of the fit."""
    rng = np.random.default_rng(7)
    below = []
    for _ in range(3):
        cycles, own = visits(rng, 200, 6, 0.35, "lognormal")
        old = cycles[cycles.patient < 150]
        fit = rr.MixedAFT("arm").fit(old)
        for who in range(100, 200):
            history = cycles[cycles.patient == who]
            ahead = fit.personal(who if who < 150 else history, {"arm": 0})
            below.append(1 - ahead.survival(np.exp(2.5 + own[who] + 0.25 * rng.normal())))
    below = np.array(below)
    for p in (0.1, 0.5, 0.9):
        assert np.mean(below < p) == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / below.size))
    assert np.mean(below) == pytest.approx(0.5, abs=4 / np.sqrt(12 * below.size))


def test_the_test_of_no_variation_knows_the_boundary():
    """Under the null the p-value is 1 about half the time, and small as often as it says."""
    rng = np.random.default_rng(3)
    runs = 200
    tests = [rr.MixedAFT().fit(visits(rng, 60, 5, 0.0, "lognormal")[0]).lr_test() for _ in range(runs)]
    p = np.array([test.p for test in tests])
    assert set(p[p > 0.5]) == {1.0}
    assert np.mean(p == 1) == pytest.approx(0.53, abs=4 * 0.5 / np.sqrt(runs))  # a little over half with 60 patients
    for level in (0.05, 0.1, 0.25):
        assert np.mean(p <= level) == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / runs))
    naive_chi_square = stats.chi2.sf([test.statistic for test in tests], 1)
    assert np.mean(naive_chi_square <= 0.25) < 0.25 - 2 * np.sqrt(0.25 * 0.75 / runs)  # what ignores the boundary


# what cannot be fitted


@pytest.mark.parametrize(
    ("options", "weights", "message"),
    [
        ({"family": "gumbel"}, None, "`family` must be one of"),
        ({"nodes": 2}, None, "`nodes` must be a whole number from 3 to 60"),
        ({"nodes": True}, None, "`nodes` must be a whole number from 3 to 60"),
        ({"nodes": "x"}, None, "`nodes` must be a whole number from 3 to 60"),
        ({"cov": "cluster"}, None, "`cov` must be one of"),
        ({"slope": "own"}, None, "`slope` own does not vary within patients"),
        ({"slope": "absent"}, None, "names absent, which the cycles do not have"),
        ({"formula": "x + twice"}, None, "columns are collinear: twice follows from x"),
        ({}, "by cycle", r"`weights` must be the same for all cycles of a patient \(rows? .* differ\)"),
    ],
)
def test_bad_input(options, weights, message):
    frame, lower, upper = clustered(0)
    frame = frame.assign(own=frame["patient"] % 3, twice=2 * frame["x"])
    weights = None if weights is None else np.arange(len(frame)) + 1
    with pytest.raises(rr.InputError, match=message):
        rr.MixedAFT(**options).fit(rr.Cycles(lower, upper, data=frame), weights)


def test_pickles():
    frame, lower, upper = clustered(0)
    fit = rr.MixedAFT("x").fit(rr.Cycles(lower, upper, data=frame))
    again = pickle.loads(pickle.dumps(fit))
    assert again.llf == fit.llf
    pd.testing.assert_frame_equal(again.patients, fit.patients)
    assert again.personal(0, {"x": 0}).median == fit.personal(0, {"x": 0}).median


def test_numbers_of_numpy_are_numbers():
    assert rr.MixedAFT(nodes=np.int64(7)) == rr.MixedAFT(nodes=7)


def test_durations_of_absurd_size_are_said_to_be():
    rng = np.random.default_rng(0)
    lower = np.append(np.floor(np.exp(2.4 + 0.4 * rng.normal(size=60)) / 4) * 4, [1e30, 1e30])
    upper = np.append(np.where(rng.random(60) < 0.2, np.inf, lower[:60] + 4), [2e30, np.inf])
    cycles = rr.Cycles(lower, upper, patient=np.append(np.arange(60) // 3, [99, 99]))
    with pytest.raises(
        rr.FitError, match="did not converge: the likelihood cannot be evaluated near durations of such"
    ):
        rr.MixedAFT(family="exponential").fit(cycles)
