import math
import pickle
import re
from dataclasses import FrozenInstanceError

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

import retreat_research as rr
from retreat_research.durations import newton
from retreat_research.durations.families import FAMILIES

INF = np.inf
families = pytest.mark.parametrize("family", FAMILIES)
with_scale = pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if not family.fixed_scale])
AS_PUBLISHED = {"lognormal": "lognormal", "weibull": "Weibull", "loglogistic": "loglogistic"}


def compare(fit, rows):
    """Published rows: log-likelihood to 1e-9, estimates and standard errors to 1e-6 relative."""
    assert fit.llf == pytest.approx(rows["loglik"].iloc[0], rel=1e-9)
    np.testing.assert_allclose(fit.params, rows["estimate"], rtol=1e-6)
    np.testing.assert_allclose(fit.bse, rows["se"], rtol=1e-6)


# against R


@pytest.mark.parametrize("family", AS_PUBLISHED)
@pytest.mark.parametrize(("cov", "suffix"), [("observed", "AFT"), ("cluster", "AFT cluster(id) robust SE")])
def test_golden_cycles(golden, published, family, cov, suffix):
    fit = rr.AFT("product + log(dose) + age_c55", family=family, cov=cov).fit(golden)
    compare(fit, published.loc[("golden_cycles", f"{AS_PUBLISHED[family]} {suffix}")])
    assert fit.params.index.tolist() == ["Intercept", "product", "log(dose)", "age_c55", "log(scale)"]
    assert (fit.nobs, fit.n_patients) == (884, 150)


@pytest.mark.parametrize(
    ("data", "formula", "family"),
    [("IR_diabetes", "gender", family) for family in AS_PUBLISHED]
    + [("miceData", "grp", family) for family in ("lognormal", "weibull")],
)
def test_lifelines_data(lifelines_cycles, published, data, formula, family):
    fit = rr.AFT(formula, family=family).fit(lifelines_cycles[data])
    compare(fit, published.loc[(data, f"{AS_PUBLISHED[family]} AFT")])


FITS = [(part, i) for part, n in (("mixed", 32), ("one_sided", 8)) for i in range(n)]


@pytest.mark.parametrize(("part", "i"), FITS)
def test_equals_survreg(survreg, part, i):
    data, fitted = pd.DataFrame(survreg[part]["data"]), survreg[part]["fits"][i]
    cycles = rr.Cycles(data["lower"], data["upper"].astype(float), data=data.drop(columns=["lower", "upper"]))
    formula = fitted["formula"].removeprefix("~ ").replace("x^2", "x**2")
    weights = data["weight"] if fitted["weighted"] else None

    def fit(cov):
        return rr.AFT(formula, family=fitted["family"], cov=cov).fit(cycles, weights)

    names = [name.replace("x^2", "x ** 2") for name in np.atleast_1d(fitted["names"])]
    names = [re.sub(r"product(\w)", r"product[T.\1]", name).replace("(Intercept)", "Intercept") for name in names]
    ours = fit("observed").params
    assert ours.index.tolist() == names
    close = {"rtol": 1e-6, "atol": 1e-9}
    assert fit("observed").llf == pytest.approx(fitted["loglik"], rel=1e-10)
    np.testing.assert_allclose(ours, fitted["estimate"], **close)
    np.testing.assert_allclose(fit("observed").cov_params(), fitted["covariance"], **close)
    np.testing.assert_allclose(fit("cluster").bse, fitted["robust"], **close)
    np.testing.assert_allclose(fit("sandwich").bse, fitted["sandwich"], **close)
    for as_in_r, put_right in [fitted["ds"]] if fitted["ds"] else []:
        assert abs(put_right) < 1e-6
        # R's scores do not sum to 0: see tests/reference/README.md
        assert abs(as_in_r) > 1 or part == "one_sided"
    if part == "mixed":
        return
    if not fitted["weighted"]:
        np.testing.assert_allclose(fit("sandwich").bse, fitted["robust"], **close)


# against naive second implementations


def data_of(seed=0, n=90):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "arm": rng.choice(["a", "b"], n), "patient": np.arange(n) // 3})
    own = rng.normal(scale=0.2, size=n)[frame["patient"]]
    t = np.exp(2.4 + 0.2 * frame["x"] + 0.3 * (frame["arm"] == "b") + own + 0.3 * rng.normal(size=n)).to_numpy()
    kind = rng.choice(4, n, p=[0.2, 0.5, 0.1, 0.2])
    lower = np.select([kind == 0, kind == 2], [t, 0], t * rng.uniform(0.4, 0.95, n))
    upper = np.select([kind == 0, kind == 3], [t, INF], t * rng.uniform(1.05, 1.6, n))
    return frame, lower, upper, rng.choice([0.5, 1, 2], n)


def normal(z):
    return math.erfc(-z / math.sqrt(2)) / 2, -z * z / 2 - math.log(2 * math.pi) / 2


def smallest_extreme(z):
    return 1 - math.exp(-math.exp(min(z, 50))), z - math.exp(min(z, 50))


def logistic(z):
    below = 1 / (1 + math.exp(-z))
    return below, math.log(below) + math.log1p(-below)


#: F and log f, by definition
NAIVE = {"lognormal": normal, "weibull": smallest_extreme, "exponential": smallest_extreme, "loglogistic": logistic}


def naive_terms(theta, family, x, lower, upper):
    """Log-likelihood of each row, one row at a time."""
    k, out = x.shape[1], []
    sigma = math.exp(theta[k]) if theta.size > k else 1.0
    for mean, low, high in zip((x @ theta[:k]).tolist(), lower.tolist(), upper.tolist(), strict=True):
        if low == high:
            out.append(NAIVE[family]((math.log(low) - mean) / sigma)[1] - math.log(sigma) - math.log(low))
            continue
        below = 0.0 if low == 0 else NAIVE[family]((math.log(low) - mean) / sigma)[0]
        above = 1.0 if math.isinf(high) else NAIVE[family]((math.log(high) - mean) / sigma)[0]
        out.append(math.log(max(above - below, 1e-300)))
    return np.array(out)


def difference(function, at, h=1e-4):
    """Central differences of `function` along every parameter, stacked on the last axis."""
    steps = h * np.eye(at.size)
    return np.stack([(function(at + step) - function(at - step)) / (2 * h) for step in steps], axis=-1)


@families
def test_naive_maximum_information_and_sandwich(family):
    frame, lower, upper, weight = data_of()
    cycles = rr.Cycles(lower, upper, data=frame)
    x = np.column_stack([np.ones(90), frame["x"], frame["arm"] == "b"])

    def loss(theta):
        return -weight @ naive_terms(theta, family, x, lower, upper)

    start = [2.3, 0, 0] if FAMILIES[family].fixed_scale else [2.3, 0, 0, -1]
    found = optimize.minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-11,
                                                                                   "maxiter": 4000})  # fmt: skip
    fit = rr.AFT("x + arm", family=family).fit(cycles, weight)
    assert fit.llf == pytest.approx(-found.fun, rel=1e-11)
    np.testing.assert_allclose(fit.params, found.x, atol=1e-6)

    at = fit.params.to_numpy()
    scores = weight[:, None] * difference(lambda t: naive_terms(t, family, x, lower, upper), at)
    np.testing.assert_allclose(scores.sum(axis=0), 0, atol=2e-5)
    hessian = difference(lambda t: difference(loss, t), at)
    covariance = np.linalg.inv(hessian)
    np.testing.assert_allclose(fit.cov_params(), covariance, rtol=1e-4, atol=1e-8)
    meat = sum(np.outer(s, s) for s in (scores[3 * g : 3 * g + 3].sum(axis=0) for g in range(30)))
    cluster = rr.AFT("x + arm", family=family, cov="sandwich").fit(cycles, weight)
    np.testing.assert_allclose(cluster.cov_params(), covariance @ meat @ covariance, rtol=1e-4, atol=1e-8)
    small = rr.AFT("x + arm", family=family, cov="sandwich", small_sample=True).fit(cycles, weight)
    np.testing.assert_allclose(small.cov_params(), 30 / 29 * cluster.cov_params(), rtol=1e-12)


# late entry


def naive_late(theta, family, x, lower, upper, entry):
    """P(lower < T ≤ upper)/P(T > entry), each by definition."""
    late = naive_terms(theta, family, x, entry, np.full(entry.size, INF))
    return naive_terms(theta, family, x, lower, upper) - np.where(entry > 0, late, 0.0)


@families
def test_late_entry_by_definition(family):
    frame, lower, upper, weight = data_of(1)
    entry = lower * np.array([0.0, 0.6, 1.0])[np.arange(90) % 3]
    x = np.column_stack([np.ones(90), frame["x"], frame["arm"] == "b"])

    def rows(theta):
        return naive_late(theta, family, x, lower, upper, entry)

    fit = rr.AFT("x + arm", family=family, cov="sandwich").fit(rr.Cycles(lower, upper, data=frame), weight, entry)
    at = fit.params.to_numpy()
    assert fit.llf == pytest.approx(weight @ rows(at), rel=1e-10)
    start = [2.3, 0, 0] if FAMILIES[family].fixed_scale else [2.3, 0, 0, -1]
    found = optimize.minimize(lambda t: -weight @ rows(t), start, method="Nelder-Mead",
                              options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4000})  # fmt: skip
    np.testing.assert_allclose(at, found.x, atol=2e-6)
    hessian = -difference(lambda t: difference(lambda s: weight @ rows(s), t), at)
    np.testing.assert_allclose(fit.information, hessian, rtol=1e-4, atol=1e-4 * np.abs(hessian).max())
    scores = weight[:, None] * difference(rows, at)
    np.testing.assert_allclose(fit.scores, [scores[3 * g : 3 * g + 3].sum(axis=0) for g in range(30)], atol=1e-4)
    meat = sum(np.outer(s, s) for s in fit.scores)
    inverse = np.linalg.inv(fit.information)
    np.testing.assert_allclose(fit.cov_params(), inverse @ meat @ inverse, rtol=1e-9)


def test_late_entry_of_an_exponential_is_time_at_risk():
    rng = np.random.default_rng(0)
    entry = rng.uniform(0, 10, 60)
    t = entry + rng.exponential(8, 60)
    seen = rng.random(60) < 0.7
    fit = rr.AFT(family="exponential").fit(rr.Cycles(t, np.where(seen, t, INF)), entry=entry)
    assert fit.params["Intercept"] == pytest.approx(np.log((t - entry).sum() / seen.sum()), rel=1e-7)
    assert fit.bse["Intercept"] == pytest.approx(seen.sum() ** -0.5, rel=1e-7)


@families
def test_a_cycle_lost_to_sight_where_it_entered_says_nothing(family):
    frame, lower, upper, _ = data_of(2)
    cycles = rr.Cycles(np.append(lower, [9.0, 30.0]), np.append(upper, [INF, INF]), data=pd.concat([frame, frame[:2]]))
    entry = np.append(0.5 * lower, [9.0, 30.0])
    fit = rr.AFT("x", family=family).fit(cycles, entry=entry)
    without = rr.AFT("x", family=family).fit(rr.Cycles(lower, upper, data=frame), entry=entry[:90])
    assert fit.llf == pytest.approx(without.llf, rel=1e-12)
    np.testing.assert_allclose(fit.params, without.params, atol=1e-6 * without.bse.max())
    np.testing.assert_allclose(fit.bse, without.bse, rtol=1e-5)


@pytest.mark.parametrize(("mean", "scale", "spread"), [(1, 0.5, 0.1), (-2, 1.5, 0.5)])
def test_late_entry_where_the_likelihood_is_not_concave(mean, scale, spread, monkeypatch):
    """Weibull durations known only because they outlasted most others."""
    indefinite = []

    def spied(information, *rest):
        indefinite.append(np.linalg.eigvalsh(information)[0] <= 0)
        return concave(information, *rest)

    concave = newton._concave
    monkeypatch.setattr(newton, "_concave", spied)
    rng = np.random.default_rng(0)
    entry = np.exp(rng.normal(3, spread, 300))
    law = stats.gumbel_l(mean, scale)
    t = np.exp(law.isf(rng.random(300) * law.sf(np.log(entry))))
    fit = rr.AFT(family="weibull").fit(rr.Cycles(t, t), entry=entry)
    assert any(indefinite)

    def loss(theta):
        trial = stats.gumbel_l(theta[0], np.exp(theta[1]))
        return -(trial.logpdf(np.log(t)) - np.log(t) - trial.logsf(np.log(entry))).sum()

    found = optimize.minimize(
        loss, [mean, np.log(scale)], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10}
    )
    assert fit.llf == pytest.approx(-found.fun, rel=1e-9)
    np.testing.assert_allclose(fit.params, found.x, atol=1e-4 * fit.bse.max())


def test_late_entry_left_out_is_biased_and_put_in_is_not():
    """ADEMP in short. Aim: `entry` corrects for cycles that are known only if they last. Data: log-normal durations,
    seen if longer than a random week, then every 2 weeks. Estimands: β, log σ. Measures: bias and coverage, to 4 Monte
    Carlo standard errors."""
    runs, n, truth = 100, 400, np.array([2.5, 0.2, np.log(0.4)])
    rng = np.random.default_rng(20240229)
    right, wrong, inside = [], [], []
    for _ in range(runs):
        arm, entry = rng.integers(0, 2, n), 2 * rng.integers(0, 7, n).astype(float)
        t = np.exp(truth[0] + truth[1] * arm + 0.4 * rng.normal(size=n))
        before = np.floor(t / 2) * 2
        kept = before >= entry
        cycles = rr.Cycles(before[kept], before[kept] + 2, data=pd.DataFrame({"arm": arm[kept]}))
        fit = rr.AFT("arm").fit(cycles, entry=entry[kept])
        right.append(fit.params.to_numpy())
        wrong.append(rr.AFT("arm").fit(cycles).params.to_numpy())
        inside.append(np.abs(right[-1] - truth) <= stats.norm.ppf(0.975) * fit.bse.to_numpy())
    error = np.std(right, axis=0, ddof=1) / np.sqrt(runs)
    assert (np.abs(np.mean(right, axis=0) - truth) <= 4 * error).all()
    assert abs(np.mean(wrong, axis=0)[0] - truth[0]) > 10 * error[0]
    assert (np.abs(np.mean(inside, axis=0) - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / runs)).all()


def test_bad_entries():
    frame, lower, upper, _ = data_of()
    cycles = rr.Cycles(lower, upper, data=frame)
    with pytest.raises(rr.InputError, match=r"`entry` must not be after `lower` \(row"):
        rr.AFT().fit(cycles, entry=lower + 1)
    with pytest.raises(rr.InputError, match="survreg has no left truncation"):
        rr.AFT(cov="cluster").fit(cycles, entry=lower)
    with pytest.raises(rr.InputError, match=r"`entry` has shape \(3,\), not \(90,\)"):
        rr.AFT().fit(cycles, entry=[1, 2, 3])


# against known truth


def test_bias_and_coverage_on_clustered_cycles():
    """ADEMP in short. Aim: the clustered intervals hold what they say. Data: log-normal durations with a patient's own
    offset, seen at visits until a last one at random; marginally a log-normal AFT. Estimands: β and log σ. Method: AFT
    with cov="sandwich". Measures: bias and coverage, to 4 Monte Carlo standard errors."""
    patients, cycles_each, runs = 200, 3, 300
    truth = np.array([2.5, 0.2, np.log(np.hypot(0.26, 0.23))])
    rng = np.random.default_rng(20240229)
    estimates, inside = [], []
    patient = np.repeat(np.arange(patients), cycles_each)
    for _ in range(runs):
        arm = rng.integers(0, 2, patients)[patient]
        ln_t = truth[0] + truth[1] * arm + rng.normal(0, 0.26, patients)[patient] + rng.normal(0, 0.23, patient.size)
        gap, t = rng.choice([2.0, 4.0], patient.size), np.exp(ln_t)
        last_visit = np.floor(rng.uniform(8, 40, patient.size) / gap) * gap
        before = np.floor(t / gap) * gap
        seen = before + gap <= last_visit
        cycles = rr.Cycles(
            np.where(seen, before, last_visit),
            np.where(seen, before + gap, INF),
            patient=patient,
            data=pd.DataFrame({"arm": arm}),
        )
        fit = rr.AFT("arm", cov="sandwich").fit(cycles)
        reach = stats.norm.ppf(0.975) * fit.bse.to_numpy()
        estimates.append(fit.params.to_numpy())
        inside.append(np.abs(estimates[-1] - truth) <= reach)
    bias = np.mean(estimates, axis=0) - truth
    assert (np.abs(bias) <= 4 * np.std(estimates, axis=0, ddof=1) / np.sqrt(runs)).all()
    coverage = np.mean(inside, axis=0)
    assert (np.abs(coverage - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / runs)).all()


# properties


@families
@given(seed=st.integers(0, 10_000), factor=st.sampled_from([1e-4, 0.1, 7.0, 1e4]))
@settings(max_examples=15, deadline=None)
def test_times_scaled_shift_the_intercept_alone(family, seed, factor):
    frame, lower, upper, _ = data_of(seed)
    model = rr.AFT("x + arm", family=family, cov="sandwich")
    fit = model.fit(rr.Cycles(lower, upper, data=frame))
    scaled = model.fit(rr.Cycles(lower * factor, upper * factor, data=frame))
    shift = np.log(factor) * (fit.params.index == "Intercept")
    np.testing.assert_allclose(scaled.params, fit.params + shift, atol=1e-6)
    np.testing.assert_allclose(scaled.bse, fit.bse, rtol=1e-6)
    exact = np.count_nonzero(lower == upper)
    assert scaled.llf == pytest.approx(fit.llf - exact * np.log(factor), rel=1e-9)


@families
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_weights_are_duplicates_and_order_does_not_matter(family, seed):
    frame, lower, upper, _ = data_of(seed)
    rng = np.random.default_rng(seed)
    count = rng.integers(0, 3, 90)
    rows = rng.permutation(np.repeat(np.arange(90), count))
    model = rr.AFT("x", family=family, cov="sandwich")
    weighted = model.fit(rr.Cycles(lower, upper, data=frame), count)
    repeated = model.fit(rr.Cycles(lower[rows], upper[rows], data=frame.iloc[rows]))
    np.testing.assert_allclose(repeated.params, weighted.params, atol=1e-6)
    se = weighted.bse.to_numpy()  # in units of which an element near 0 is compared
    np.testing.assert_allclose(
        repeated.cov_params() / np.outer(se, se), weighted.cov_params() / np.outer(se, se), atol=1e-5
    )
    assert repeated.llf == pytest.approx(weighted.llf, rel=1e-10)
    assert weighted.nobs == np.count_nonzero(count)


@families
@given(seed=st.integers(0, 10_000), a=st.floats(-5, 5), b=st.sampled_from([1e-6, 0.5, 1e6]))
@settings(max_examples=15, deadline=None)
def test_a_covariate_moved_and_scaled_is_the_same_model(family, seed, a, b):
    frame, lower, upper, _ = data_of(seed)
    fit = rr.AFT("x", family=family).fit(rr.Cycles(lower, upper, data=frame))
    moved = rr.AFT("x", family=family).fit(rr.Cycles(lower, upper, data=frame.assign(x=a + b * frame["x"])))
    # a + b x is rounded to |a| eps, which moves x by |a| eps/b: about so much, in SDs of x, for each of the rows.
    rounding = len(frame) * abs(a) * np.finfo(float).eps / b
    assert moved.llf == pytest.approx(fit.llf, abs=1e-10 * abs(fit.llf) + rounding)
    assert moved.params["x"] * b == pytest.approx(fit.params["x"], rel=1e-5, abs=1e-7)
    assert moved.scale == pytest.approx(fit.scale, rel=1e-6)


@families
def test_rows_that_say_nothing_change_nothing(family):
    frame, lower, upper, _ = data_of()
    fit = rr.AFT("x", family=family, cov="sandwich").fit(rr.Cycles(lower, upper, data=frame))
    more = pd.concat([frame, frame.iloc[:2]], ignore_index=True)
    again = rr.AFT("x", family=family, cov="sandwich").fit(
        rr.Cycles(np.append(lower, [0, 0]), np.append(upper, [INF, INF]), data=more)
    )
    np.testing.assert_allclose(again.bse, fit.bse, rtol=1e-9)
    assert (again.nobs, fit.nobs) == (92, 90)


@families
def test_an_outlier_and_wild_times_still_converge(family):
    rng = np.random.default_rng(3)
    t = np.exp(rng.normal(0, 0.05, 500)) * 12
    lower, upper = np.append(t * 0.99, [1e-3, 1e5]), np.append(t * 1.01, [1.1e-3, 1.1e5])
    fit = rr.AFT(family=family).fit(rr.Cycles(lower, upper))
    assert np.isfinite([*fit.params, *fit.bse, fit.llf]).all()


@families
def test_bounds_far_away_say_nothing(family):
    rng = np.random.default_rng(3)
    t = 12 * np.exp(rng.normal(0, 0.01, 200))
    lower, upper = t * rng.uniform(0.98, 1, 200), t * rng.uniform(1, 1.02, 200)
    fit = rr.AFT(family=family).fit(rr.Cycles(lower, upper))
    wide = rr.Cycles(np.append(lower, [0, 1e-7, 1e-7]), np.append(upper, [1e9, 1e9, INF]))
    again = rr.AFT(family=family).fit(wide)
    np.testing.assert_allclose(again.params, fit.params, rtol=1e-7)
    np.testing.assert_allclose(again.bse, fit.bse, rtol=1e-7)


# what cannot be fitted


def fitted(formula="1", family="lognormal", cov="observed", lower=None, upper=None, patient=None):
    frame, low, high, _ = data_of()
    lower, upper = low if lower is None else lower, high if upper is None else upper
    frame = frame if patient is None else frame.assign(patient=patient)
    frame = frame if len(lower) == 90 else frame.iloc[: len(lower)]
    return rr.AFT(formula, family=family, cov=cov).fit(rr.Cycles(lower, upper, data=frame))


def test_no_event():
    with pytest.raises(rr.FitError, match="no cycle ended in loss of effect: all 90 are right-censored"):
        fitted(upper=np.full(90, INF))
    with pytest.raises(rr.FitError, match="every one of the 90 cycles had lost its effect before"):
        fitted(lower=np.zeros(90), upper=np.full(90, 4.0))


def test_separated_groups_are_named_and_not_a_scale():
    """All lost before week 4 in one arm, none in the other: the log-likelihood goes to 0, and σ is fixed."""
    arm = np.arange(40) % 2
    cycles = rr.Cycles(np.where(arm, 4.0, 0.0), np.where(arm, INF, 4.0), data=pd.DataFrame({"arm": arm}))
    with pytest.raises(rr.FitError, match="no finite estimate for Intercept, arm"):
        rr.AFT("arm", family="exponential").fit(cycles)


@families
def test_a_level_without_event_is_named(family):
    frame, lower, upper, _ = data_of()
    censored = np.where(frame["arm"] == "b", INF, upper)
    with pytest.raises(rr.FitError, match=r"no finite estimate for arm\[T.b\]: there no cycle lost its effect"):
        fitted("arm + x", family, lower=lower * 0.9, upper=censored)


@with_scale
@pytest.mark.parametrize("n", [1, 3])
def test_intervals_with_a_duration_in_common_have_no_scale(family, n):
    with pytest.raises(rr.FitError, match=r"the scale goes to 0: .* one duration lies in all the intervals"):
        fitted(family=family, lower=[8.0, 9, 7][:n], upper=[12.0, 13, 14][:n])


@with_scale
def test_exact_durations_fitted_exactly(family):
    frame, *_ = data_of()
    t = np.exp(2 + 0.1 * frame["x"]).to_numpy()
    with pytest.raises(rr.FitError, match="the scale goes to 0: the model can hold every duration exactly"):
        fitted("x", family, lower=t, upper=t)


def test_losses_that_do_not_come_with_time_have_no_scale():
    """Current status with the effect lost at the early looks and there at the late one."""
    with pytest.raises(rr.FitError, match="the scale grows without bound"):
        fitted(family="loglogistic", lower=[0.0, 0, 0, 9000], upper=[6000.0, 6600, 227, INF])


def test_one_patient_has_no_cluster_covariance():
    with pytest.raises(rr.FitError, match='cov="sandwich" needs at least two patients'):
        fitted(cov="sandwich", patient="p")
    fitted(cov="observed", patient="p")


def test_nothing_to_fit():
    with pytest.raises(rr.FitError, match="there is no duration to fit: none of the 0 cycles"):
        rr.AFT().fit(rr.Cycles([], []))


def test_collinear_terms():
    with pytest.raises(rr.InputError, match=r"columns are collinear: I\(x \+ 1\) follows from Intercept, x"):
        fitted("x + I(x + 1)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"family": "gauss"}, "`family` must be one of"),
        ({"cov": "robust"}, "`cov` must be one of observed, cluster, sandwich"),
        ({"small_sample": True}, "`small_sample` is a factor of the sandwich"),
    ],
)
def test_bad_specification(options, message):
    with pytest.raises(rr.InputError, match=message):
        rr.AFT(**options)


# the result


def test_result_has_the_usual_names(golden):
    fit = rr.AFT("product", cov="sandwich").fit(golden)
    assert fit.aic == pytest.approx(-2 * fit.llf + 6)
    assert fit.bic == pytest.approx(-2 * fit.llf + 3 * np.log(884))
    assert fit.scale == pytest.approx(np.exp(fit.params["log(scale)"]))
    np.testing.assert_allclose(np.sqrt(np.diag(fit.cov_params())), fit.bse)
    np.testing.assert_allclose(fit.tvalues, fit.params / fit.bse)
    np.testing.assert_allclose(fit.pvalues, 2 * stats.norm.sf(np.abs(fit.tvalues)))
    np.testing.assert_allclose(fit.conf_int(0.1)["upper"], fit.params + stats.norm.ppf(0.95) * fit.bse)
    assert dict(fit.censoring) == {"interval": 658, "left": 1, "follow-up": 225}
    assert fit.converged
    assert fit.family == "lognormal"
    text = fit.summary().as_text()
    assert "log(scale)" in text
    assert "658 interval" in text
    assert "<table" in fit.summary().as_html()
    assert "884 cycles of 150 patients" in repr(fit)
    assert "<table" in fit._repr_html_()
    assert fit.summary_frame().loc["product", "time_ratio"] == pytest.approx(np.exp(fit.params["product"]))


def test_result_is_frozen_and_pickles(golden):
    fit = rr.AFT("bs(age, df=4) + product", family="weibull", cov="sandwich").fit(golden)
    with pytest.raises(FrozenInstanceError):
        fit.llf = 0
    with pytest.raises(ValueError, match="read-only"):
        fit.estimate[0] = 0
    params = fit.params
    params.iloc[0] = 99
    assert fit.params.iloc[0] != 99
    again = pickle.loads(pickle.dumps(fit))
    newdata = {"age": [40, 60], "product": 1}
    pd.testing.assert_frame_equal(again.quantile(0.5, newdata), fit.quantile(0.5, newdata))
    assert len(pickle.dumps(fit)) < 200_000


@families
def test_predictions_agree_with_each_other(golden, family):
    fit = rr.AFT("product", family=family).fit(golden)
    newdata = pd.DataFrame({"product": [0, 1], "unused": ["u", "v"]})
    quantiles = fit.quantile([0.25, 0.5], newdata)
    assert quantiles.columns.tolist() == ["product", "p", "estimate", "se", "lower", "upper"]
    assert quantiles[["product", "p"]].to_numpy().tolist() == [[0, 0.25], [0, 0.5], [1, 0.25], [1, 0.5]]
    for row in quantiles.itertuples():
        survival = fit.survival(row.estimate, {"product": row.product})
        assert survival["estimate"].item() == pytest.approx(1 - row.p, rel=1e-10)
        assert row.lower < row.estimate < row.upper
        # the curve's band at the median is the median's interval turned by its slope
        step = fit.survival(row.estimate * np.array([1 - 1e-6, 1 + 1e-6]), {"product": row.product})["estimate"]
        slope = np.diff(step)[0] / (2e-6 * row.estimate)
        assert survival["se"].item() == pytest.approx(-slope * row.se, rel=1e-5)
    curve = fit.survival([0, 5, 30, INF], newdata)
    assert curve["estimate"].iloc[[0, 3]].tolist() == [1, 0]
    assert curve["se"].iloc[[0, 3]].tolist() == [0, 0]
    assert ((curve["lower"] <= curve["estimate"]) & (curve["estimate"] <= curve["upper"])).all()
    assert fit.rmst(26, newdata)["estimate"].between(0, 26).all()


def test_intercept_only_needs_no_newdata(golden):
    fit = rr.AFT().fit(golden)
    assert fit.quantile(0.5).columns.tolist() == ["p", "estimate", "se", "lower", "upper"]
    assert fit.quantile(0.5)["estimate"].item() == pytest.approx(np.exp(fit.params["Intercept"]))


@pytest.mark.parametrize(
    ("method", "at", "message"),
    [
        ("quantile", 1.0, "`p` must lie between 0 and 1"),
        ("survival", -1, "`weeks` must be numbers that are not negative"),
        ("rmst", 0, "`weeks` must be positive"),
        ("rmst", INF, "`weeks` must be positive"),
    ],
)
def test_bad_requests(golden, method, at, message):
    fit = rr.AFT().fit(golden)
    with pytest.raises(rr.InputError, match=message):
        getattr(fit, method)(at)


def test_plots(golden):
    fit = rr.AFT("product + age_c55").fit(golden)
    _, ax = plt.subplots()
    assert fit.plot(ax) is ax
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["product", "age_c55"]
    plt.close("all")
    curves = fit.plot(newdata={"product": [0, 1], "age_c55": 0})
    assert [text.get_text() for text in curves.get_legend().get_texts()] == [
        "product 0, age_c55 0",
        "product 1, age_c55 0",
    ]
    plt.close("all")
    assert len(rr.AFT().fit(golden).plot().lines) == 1
    plt.close("all")


@pytest.mark.parametrize("name", ["weights", "entry"])
@pytest.mark.parametrize("values", [["x", 1, 1], [1j, 1, 1], [object(), 1, 1], pd.to_timedelta([7, 7, 7], unit="D")])
def test_weights_and_entries_are_numbers(name, values):
    with pytest.raises(rr.InputError, match=rf"`{name}` must be numbers \(row"):
        rr.AFT().fit(rr.Cycles([4, 8, 6], [8, 12, INF]), **{name: values})


@pytest.mark.parametrize("weight", [1e-300, 1e-7, 1e7, 1e300])
def test_weights_that_leave_no_digits(weight):
    with pytest.raises(rr.InputError, match=r"`weights` must be 0 or from 1e-06 to 1e\+06 \(row 1\); divide all by"):
        rr.AFT().fit(rr.Cycles([4, 8, 6], [8, 12, INF]), weights=[0, weight, 1])


@pytest.mark.parametrize(
    "model",
    [rr.AFT(), rr.AFT(family="gamma"), rr.AFT(family="flexible"), rr.GammaFrailty(), rr.MixedAFT()],
    ids=lambda model: f"{type(model).__name__} {getattr(model, 'family', '')}",
)
def test_estimates_do_not_depend_on_the_size_of_weights(model, golden):
    one = model.fit(golden)
    for weight in (1e-6, 1e3):
        other = model.fit(golden, weights=np.full(len(golden), weight))
        np.testing.assert_allclose(other.estimate, one.estimate, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(np.sqrt(weight) * other.bse, one.bse, rtol=1e-3)
