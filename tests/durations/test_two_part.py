import json
import pickle
from dataclasses import FrozenInstanceError
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, logit

import retreat_research as rr
from retreat_research.durations.two_part.model import _influence

NAN, INF = np.nan, np.inf
ARMS = {"arm": ["a", "b"]}


def cohort(seed=0, patients=120, each=4, shared=0.0, mean=0.6):
    """Cycles seen every 4 weeks up to week 24. `shared` is how much patients who respond more respond for longer."""
    rng = np.random.default_rng(seed)
    n = patients * each
    patient = np.repeat(np.arange(patients), each)
    arm = np.where(patient % 2, "b", "a")
    own = rng.normal(size=patients)[patient]
    x = rng.normal(size=n).round(2)
    responder = rng.uniform(size=n) < expit(mean + 0.5 * (arm == "b") + 0.3 * x + own)
    t = np.exp(2.4 + 0.2 * (arm == "b") + shared * own + 0.25 * rng.normal(size=n))
    before = np.minimum(np.floor(t / 4) * 4, 24)
    data = pd.DataFrame({"arm": arm, "x": x, "responder": responder})
    lower = np.where(responder, before, NAN)
    upper = np.where(responder, np.where(before < 24, before + 4, INF), NAN)
    return rr.Cycles(lower, upper, patient=patient, data=data)


def of(responder, patient=None, **columns):
    """Cycles with this response, and durations that every AFT can fit."""
    n = len(responder)
    data = pd.DataFrame({"responder": pd.array(responder, dtype="boolean"), **columns})
    yes = data["responder"].fillna(False).to_numpy(dtype=bool)
    lower = np.where(yes, np.resize([4.0, 8, 6, 12], n), NAN)
    return rr.Cycles(lower, lower + 4, patient=patient, data=data)


@pytest.fixture(scope="module")
def fit():
    return rr.TwoPart("arm", rr.AFT("arm", cov="sandwich")).fit(cohort(shared=0.3))


# the response part: against R, statsmodels and a naive second implementation


def naive_equations(gamma, x, y, patient, alpha, weight):
    """Scores of each patient and the bread, with matrices as Liang and Zeger write them."""
    scores, bread = [], 0
    for who in np.unique(patient):
        rows = patient == who
        p = expit(x[rows] @ gamma)
        d = x[rows] * (p * (1 - p))[:, None]
        root = np.diag(np.sqrt(p * (1 - p) / weight[rows]))
        r = np.full((rows.sum(),) * 2, alpha)
        np.fill_diagonal(r, 1.0)
        inverse = np.linalg.inv(root @ r @ root)
        scores.append(d.T @ inverse @ (y[rows] - p))
        bread = bread + d.T @ inverse @ d
    return np.array(scores), bread


def naive_gee(x, y, patient, alpha, weight=None):
    """Estimate and sandwich at a given correlation."""
    weight = np.ones(len(y)) if weight is None else weight
    gamma = np.zeros(x.shape[1])
    for _ in range(50):
        scores, bread = naive_equations(gamma, x, y, patient, alpha, weight)
        gamma = gamma + np.linalg.solve(bread, scores.sum(axis=0))
    scores, bread = naive_equations(gamma, x, y, patient, alpha, weight)
    influence = np.linalg.solve(bread, scores.T)
    return gamma, influence @ influence.T


@pytest.fixture(scope="module")
def geepack():
    reference = json.loads((Path(__file__).parent.parent / "reference" / "geepack.json").read_text())
    data = pd.DataFrame(reference["data"])
    return of(data["responder"] == 1, **data.drop(columns="responder")), reference


def test_weighted_response_equals_geepack(geepack):
    cycles, reference = geepack
    fit = rr.TwoPart("product + x").fit(cycles, cycles.frame["weight"])
    assert fit.response.index.tolist() == ["Intercept", "product[T.b]", "product[T.c]", "x"]
    np.testing.assert_allclose(fit.response["estimate"], reference["weighted"]["estimate"], rtol=1e-7)
    np.testing.assert_allclose(fit.responding.covariance, reference["weighted"]["covariance"], rtol=1e-6)


def test_exchangeable_response_equals_geepack_at_its_correlation(geepack):
    """A naive implementation equals geepack at geepack's correlation, and ours at ours; in between lies no choice."""
    cycles, reference = geepack
    frame, r = cycles.frame, reference["exchangeable"]
    x = np.column_stack([np.ones(len(frame)), frame["product"] == "b", frame["product"] == "c", frame["x"]]).astype(
        float
    )
    y, patient = frame["responder"].to_numpy(dtype=float), frame["patient"].to_numpy()
    theirs, their_covariance = naive_gee(x, y, patient, r["alpha"])
    np.testing.assert_allclose(theirs, r["estimate"], rtol=1e-6)
    np.testing.assert_allclose(their_covariance, r["covariance"], rtol=1e-5)

    fit = rr.TwoPart("product + x").fit(cycles)
    naive, covariance = naive_gee(x, y, patient, fit.responding.correlation)
    np.testing.assert_allclose(fit.responding.estimate, naive, rtol=1e-7)
    np.testing.assert_allclose(fit.responding.covariance, covariance, rtol=1e-6)
    se = np.sqrt(np.diag(r["covariance"]))
    assert (np.abs(fit.responding.estimate - r["estimate"]) < 0.01 * se).all()  # as the docstring says


def test_one_cycle_per_patient_is_logistic_regression():
    from statsmodels.api import Logit

    cycles = cohort(each=1, patients=300)
    frame = cycles.frame
    fit = rr.TwoPart("arm + x").fit(cycles)
    x = np.column_stack([np.ones(300), frame["arm"] == "b", frame["x"]]).astype(float)
    other = Logit(frame["responder"].to_numpy(dtype=float), x).fit(disp=0, cov_type="HC0")
    np.testing.assert_allclose(fit.response["estimate"], other.params, rtol=1e-6)
    np.testing.assert_allclose(fit.response["se"], other.bse, rtol=1e-6)
    assert fit.responding.correlation == 0


def test_without_covariates_in_closed_form():
    cycles = cohort()
    fit = rr.TwoPart().fit(cycles)
    responder = cycles.frame["responder"].to_numpy(dtype=float)
    share = responder.mean()
    totals = (responder - share).reshape(-1, 4).sum(axis=1)
    se_logit = np.sqrt((totals**2).sum()) / responder.size / (share * (1 - share))
    assert fit.response["estimate"].item() == pytest.approx(logit(share), rel=1e-9)
    assert fit.response["se"].item() == pytest.approx(se_logit, rel=1e-8)
    probability = fit.response_probability()
    assert probability["estimate"].item() == pytest.approx(share, rel=1e-10)
    ends = expit(logit(share) + stats.norm.ppf([0.025, 0.975]) * se_logit)
    np.testing.assert_allclose(probability[["lower", "upper"]].iloc[0], ends, rtol=1e-6)

    alone = rr.AFT(cov="sandwich").fit(cycles)
    weeks = [0, 4, 10, 30]
    np.testing.assert_allclose(fit.benefit(weeks)["estimate"], share * alone.survival(weeks)["estimate"], rtol=1e-9)
    assert fit.rmst(26)["estimate"].item() == pytest.approx(share * alone.rmst(26)["estimate"].item(), rel=1e-9)
    assert fit.median()["estimate"].item() == pytest.approx(
        alone.quantile(1 - 0.5 / share)["estimate"].item(), rel=1e-9
    )


# the two parts together


@pytest.mark.parametrize("model", [rr.AFT("arm + x", "weibull", "sandwich"), rr.MixedAFT("arm", cov="sandwich")])
@pytest.mark.parametrize("kind", ["marginal", "conditional"])
def test_benefit_is_the_product(model, kind):
    cycles = cohort(shared=0.2)
    fit = rr.TwoPart("arm * x", model).fit(cycles)
    alone = model.fit(cycles)
    newdata = pd.DataFrame({"arm": ["a", "b", "b"], "x": [0.0, 1, -2]})
    odds = fit.response["estimate"].to_numpy()
    p = expit(np.array([[1, 0, 0, 0], [1, 1, 1, 1], [1, 1, -2, -2]]) @ odds)
    expected = np.repeat(p, 2) * alone.survival([5, 15], newdata, kind)["estimate"]
    table = fit.benefit([5, 15], newdata, kind)
    assert table.columns.tolist() == ["arm", "x", "weeks", "estimate", "se", "lower", "upper"]
    np.testing.assert_allclose(table["estimate"], expected, rtol=1e-9)
    medians = fit.median(newdata, kind)
    for row in medians.dropna(subset="estimate").itertuples():
        at = fit.benefit(row.estimate, {"arm": row.arm, "x": row.x}, kind)
        assert at["estimate"].item() == pytest.approx(0.5, rel=1e-9)
    gain = fit.contrast(newdata, "rmst", kind=kind)
    weeks = fit.rmst(26, newdata, kind)["estimate"].to_numpy()
    np.testing.assert_allclose(gain["difference"], weeks[1:] - weeks[0], rtol=1e-9)


def test_covariance_equals_a_bootstrap_of_patients():
    """Also between the parts: patients who respond more often respond for longer. To 4 Monte Carlo standard errors of
    the bootstrap's covariances, in units of standard errors."""
    cycles = cohort(3, patients=120, each=10, shared=0.5)
    model = rr.TwoPart("1", rr.AFT(cov="sandwich"))
    fit = model.fit(cycles)
    rng, draws, drawn = np.random.default_rng(1), 100, []
    for _ in range(draws):
        rows = (10 * rng.integers(0, 120, 120)[:, None] + np.arange(10)).ravel()
        part = cycles.frame.iloc[rows].assign(patient=np.repeat(np.arange(120), 10))
        drawn.append(model.fit(rr.Cycles(part["lower"], part["upper"], data=part)).estimate)
    se = np.sqrt(np.diag(fit.covariance))
    ours = fit.covariance / np.outer(se, se)
    naive = np.cov(np.array(drawn).T) / np.outer(se, se)
    error = np.sqrt((1 + ours**2) / draws)  # of a covariance of standard normal variables
    assert (np.abs(naive - ours) <= 4 * error).all()
    assert ours[0, 1] > 4 * error[0, 1]  # so that without it the test would fail

    from_draws, delta = fit.benefit([6, 12], draws=drawn), fit.benefit([6, 12])
    np.testing.assert_allclose(from_draws["estimate"], delta["estimate"])
    assert (np.abs(from_draws["se"] / delta["se"] - 1) <= 4 / np.sqrt(2 * draws)).all()


def test_other_covariances_leave_the_parts_apart():
    cycles = cohort(shared=0.3)
    for model in (rr.AFT("arm"), rr.MixedAFT("arm"), rr.AFT("arm", cov="cluster")):
        fit = rr.TwoPart("arm", model).fit(cycles)
        assert not fit.covariance[:2, 2:].any()
        np.testing.assert_array_equal(fit.covariance[2:, 2:], fit.duration.covariance)


@pytest.mark.parametrize(
    ("duration", "same"),
    [
        (rr.MixedAFT(cov="sandwich"), rr.AFT(cov="sandwich")),
        (rr.GammaFrailty(cov="sandwich"), rr.AFT(family="weibull", cov="sandwich")),
    ],
)
def test_on_the_boundary_it_is_the_model_without_patients(duration, same):
    """The estimates that are left, and their covariance with the responses', are those of the smaller model."""
    frame = cohort(2, patients=60, each=3).frame
    lasts = 10 * np.random.default_rng(2).weibull(3, len(frame))  # durations of a patient are not alike
    frame["lower"] = np.where(frame["responder"], np.floor(lasts / 2) * 2, NAN)
    frame["upper"] = frame["lower"] + 2
    cycles = rr.Cycles(frame["lower"], frame["upper"], data=frame.drop(columns="censoring"))
    fit, other = rr.TwoPart("arm + x", duration).fit(cycles), rr.TwoPart("arm + x", same).fit(cycles)
    assert fit.duration.boundary
    across = other.covariance[:3, 3:] / np.sqrt(np.outer(*np.split(np.diag(other.covariance), [3])))
    assert np.abs(across).max() > 0.05  # so that without it the test would fail
    newdata, columns = {"arm": "b", "x": 0.5}, ["estimate", "se", "lower", "upper"]
    table, expected = fit.benefit([6, 12], newdata)[columns], other.benefit([6, 12], newdata)[columns]
    np.testing.assert_allclose(table, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("duration", "patients"),
    [
        (rr.AFT("arm + x", "weibull", "sandwich"), 120),
        (rr.AFT("arm + x + np.sin(x)", cov="sandwich"), 4),  # fewer than parameters
        (rr.MixedAFT("arm", cov="sandwich"), 120),
    ],
)
def test_influence_is_the_scores_through_the_information(duration, patients):
    cycles = cohort(1, patients=patients, each=480 // patients, shared=0.3)
    fit = duration.fit(cycles, np.full(len(cycles), 2.0))
    count = 2.0 if isinstance(duration, rr.MixedAFT) else 1.0
    expected = fit.scores @ np.linalg.inv(fit.information) / np.sqrt(count)
    se = fit.bse.to_numpy()
    np.testing.assert_allclose(_influence(fit) / se, expected / se, atol=1e-6)


def test_influence_where_a_spline_is_held_level():
    """The covariance of cov="observed" is the bread, which is no inverse of the information there."""
    rng = np.random.default_rng(1)
    patient = np.repeat(np.arange(60), 5)
    e = rng.exponential(size=300) / rng.gamma(2, 0.5, 60)[patient]
    t = np.where(e < 0.4, 4 + 5 * e, 30 + 8 * (e - 0.4))  # no losses from 6 to 30 weeks
    cycles = rr.Cycles(np.floor(t / 2) * 2, np.floor(t / 2) * 2 + 2, patient=patient)
    fit = rr.GammaFrailty(baseline="spline", knots=3, cov="sandwich").fit(cycles)
    assert fit.level
    expected = fit.scores @ rr.GammaFrailty(baseline="spline", knots=3).fit(cycles).covariance
    se = fit.bse.to_numpy()
    np.testing.assert_allclose(_influence(fit) / se, expected / se, atol=1e-6)


def test_small_sample_is_a_factor_of_all():
    cycles = cohort(1, patients=20, each=2, shared=0.3)
    plain = rr.TwoPart("arm", rr.AFT("arm", cov="sandwich")).fit(cycles)
    fit = rr.TwoPart("arm", rr.AFT("arm", cov="sandwich", small_sample=True)).fit(cycles)
    responders = fit.duration.n_patients
    assert responders < 20
    roots = np.sqrt(np.repeat([20 / 19, responders / (responders - 1)], [2, 3]))
    np.testing.assert_allclose(fit.covariance, plain.covariance * np.outer(roots, roots), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(fit.response["se"], np.sqrt(np.diag(fit.covariance))[:2])


def test_bias_and_coverage():
    """ADEMP in short. Aim: benefit, the unconditional median and weeks in benefit are unbiased and their intervals hold
    what they say. Data: patients' response probabilities are beta, log-durations have an offset of the patient; visits
    every 2 weeks. Estimands: as said. Method: TwoPart with AFT, cov="sandwich". Measures: bias and coverage, to 4 Monte
    Carlo standard errors."""
    patients, each, runs = 100, 3, 100
    chance, location, scale = 0.75, 2.5, np.hypot(0.26, 0.23)
    lasts = stats.norm(location, scale)
    grid = np.linspace(0.0005, 25.9995, 26_000)
    truth = np.array(
        [
            chance * lasts.sf(np.log(10)),
            np.exp(lasts.ppf(1 - 0.5 / chance)),
            chance * lasts.sf(np.log(grid)).sum() * 0.001,
        ]
    )
    rng = np.random.default_rng(20240229)
    patient = np.repeat(np.arange(patients), each)
    found = []
    for _ in range(runs):
        responder = rng.uniform(size=patient.size) < rng.beta(3, 1, patients)[patient]
        t = np.exp(location + 0.26 * rng.normal(size=patients)[patient] + 0.23 * rng.normal(size=patient.size))
        before = np.where(responder, np.minimum(np.floor(t / 2) * 2, 20), NAN)
        after = np.where(before < 20, before + 2, INF)
        cycles = rr.Cycles(before, after, patient=patient, data=pd.DataFrame({"responder": responder}))
        fit = rr.TwoPart().fit(cycles)
        columns = ["estimate", "lower", "upper"]
        found.append([fit.benefit(10)[columns], fit.median()[columns], fit.rmst(26)[columns]])
    estimate, lower, upper = np.array(found)[:, :, 0].transpose(2, 0, 1)
    assert (np.abs(estimate.mean(axis=0) - truth) <= 4 * estimate.std(axis=0, ddof=1) / np.sqrt(runs)).all()
    coverage = ((lower <= truth) & (truth <= upper)).mean(axis=0)
    assert (np.abs(coverage - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / runs)).all()


# the unconditional median


@pytest.mark.parametrize(
    ("mean", "expected"),
    [(-3.0, "none"), (-0.2, "none (none to X)"), (0.0, "X weeks (none to X)"), (2.0, "X weeks (X to X)")],
)
def test_median_that_may_not_exist(mean, expected):
    fit = rr.TwoPart().fit(cohort(1, mean=mean))
    row = fit.median().iloc[0]
    assert pd.Series([row["reading"]]).str.replace(r"\d+\.\d", "X", regex=True).item() == expected
    probability = fit.response_probability().iloc[0]
    assert np.isnan(row["estimate"]) == (probability["estimate"] < 0.5)
    assert np.isnan(row["lower"]) == (probability["lower"] < 0.5)
    assert np.isnan(row["upper"]) == (probability["upper"] < 0.5)
    for limit in ("lower", "upper"):
        if np.isfinite(row[limit]):
            assert fit.benefit(row[limit])[limit].item() == pytest.approx(0.5, abs=1e-6)


def test_upper_limit_that_is_never_reached():
    """Two events among 22 responders: the band stays wide."""
    lower = np.r_[2, 12, np.full(20, 12.0), np.full(3, NAN)]
    upper = np.r_[4, 16, np.full(20, INF), np.full(3, NAN)]
    fit = rr.TwoPart().fit(rr.Cycles(lower, upper, data=pd.DataFrame({"responder": ~np.isnan(lower)})))
    row = fit.median().iloc[0]
    assert np.isfinite(row["lower"])
    assert row["upper"] == INF
    assert row["reading"].endswith("to no limit)")


def test_medians_from_draws_are_percentiles(fit):
    rng = np.random.default_rng(0)
    draws = rng.multivariate_normal(fit.estimate, fit.covariance, 100)
    x, _ = fit._rows(ARMS)
    medians = [np.exp(fit._log_quantile(theta, x, np.array([0.5]), "marginal"))[:, 0] for theta in draws]
    percentiles = np.nanquantile(np.where(np.isnan(medians), 0, medians), [0.025, 0.975], axis=0)
    table = fit.median(ARMS, draws=draws)
    between = np.sort(np.where(np.isnan(medians), 0, medians), axis=0)
    for i in range(2):
        for limit, value in zip(("lower", "upper"), percentiles[:, i], strict=True):
            gap = np.diff(between[:, i]).max()
            assert table[limit].iloc[i] == pytest.approx(value, abs=gap)


def test_contrast_of_medians_that_do_not_exist():
    fit = rr.TwoPart("arm", rr.AFT("arm")).fit(cohort(1, mean=-1.5))
    with pytest.raises(rr.InputError, match=r'rows without a median, since fewer than half respond .* use of="rmst"'):
        fit.contrast(ARMS)
    assert fit.contrast(ARMS, "rmst")["ratio"].item() > 1


# properties


@given(seed=st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_weights_are_duplicates_and_order_does_not_matter(seed):
    cycles = cohort(seed)
    rng = np.random.default_rng(seed)
    count = rng.integers(0, 3, len(cycles))
    model = rr.TwoPart("arm + x", rr.AFT("arm", cov="sandwich"))
    weighted = model.fit(cycles, count)
    rows = rng.permutation(np.repeat(np.arange(len(cycles)), count))
    frame = cycles.frame.iloc[rows]
    # duplicates with weights that differ, so that their working correlation is independence too
    twice = np.where(np.arange(len(rows)) % 2, 1.0, 1.0 + 1e-13)
    repeated = model.fit(rr.Cycles(frame["lower"], frame["upper"], data=frame), twice)
    np.testing.assert_allclose(repeated.estimate, weighted.estimate, atol=1e-6)
    se = np.sqrt(np.diag(weighted.covariance))
    np.testing.assert_allclose(
        repeated.covariance / np.outer(se, se), weighted.covariance / np.outer(se, se), atol=1e-5
    )


def uneven():
    """Patients with one to four cycles, whose responses are alike."""
    cycles = cohort(2, shared=0.3)
    return cycles[np.random.default_rng(2).uniform(size=len(cycles)) < 0.7]


@pytest.mark.parametrize("weight", [0.5, 2.0, 100.0])
def test_equal_weights_change_no_response(weight):
    """By definition of a clustered sandwich, and against the equations with the weights in them."""
    cycles = uneven()
    frame, weights = cycles.frame, np.full(len(cycles), weight)
    model = rr.TwoPart("arm + x", rr.AFT("arm", cov="sandwich"))
    fit, weighted = model.fit(cycles), model.fit(cycles, weights)
    assert fit.responding.correlation > 0.05
    np.testing.assert_allclose(weighted.estimate, fit.estimate, rtol=1e-6)
    np.testing.assert_allclose(weighted.covariance, fit.covariance, rtol=1e-6, atol=1e-12)
    x = np.column_stack([np.ones(len(frame)), frame["arm"] == "b", frame["x"]]).astype(float)
    y = frame["responder"].to_numpy(dtype=float)
    naive = naive_gee(x, y, frame["patient"].to_numpy(), fit.responding.correlation, weights)
    np.testing.assert_allclose(weighted.responding.estimate, naive[0], rtol=1e-6)
    np.testing.assert_allclose(weighted.responding.covariance, naive[1], rtol=1e-5)


@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_weight_0_leaves_out(weight):
    cycles = uneven()
    model = rr.TwoPart("arm + x", rr.AFT("arm", cov="sandwich"))
    part = np.arange(len(cycles)) % 7 < 5
    fit, without = model.fit(cycles, weight * part), model.fit(cycles[part])
    np.testing.assert_allclose(fit.estimate, without.estimate, rtol=1e-6)
    np.testing.assert_allclose(fit.covariance, without.covariance, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("duration", [rr.MixedAFT(cov="sandwich"), rr.GammaFrailty(cov="sandwich"), rr.MixedAFT()])
def test_weights_of_patients_are_duplicated_patients(duration):
    """Where durations count patients, so do responses; the working correlation is independence where weights differ."""
    cycles, rng = uneven(), np.random.default_rng(4)
    who = cycles.patient.astype(int)
    count = rng.integers(0, 3, 120)
    model = rr.TwoPart("arm + x", duration)
    weighted = model.fit(cycles, count[who])
    frame = cycles.frame
    copies = pd.concat([frame[count[who] > copy].assign(copy=copy) for copy in range(2)])
    copies["patient"] = copies["patient"].astype(int) + 120 * copies["copy"]
    nearly = 1 + 1e-13 * (copies["patient"] % 2)  # weights that differ
    repeated = model.fit(rr.Cycles(copies["lower"], copies["upper"], data=copies), nearly)
    np.testing.assert_allclose(repeated.estimate, weighted.estimate, atol=1e-5)
    se = np.sqrt(np.diag(weighted.covariance))
    ours, theirs = weighted.covariance / np.outer(se, se), repeated.covariance / np.outer(se, se)
    np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_weights_within_a_patient_are_not_of_patients():
    cycles = cohort()
    response = cycles.frame["responder"].to_numpy(dtype=bool)
    with pytest.raises(rr.InputError, match="response part: `weights` must be the same for all cycles of a patient"):
        rr.TwoPart("arm", rr.MixedAFT("arm")).fit(cycles, np.where(response, 1.0, 2.0))


def test_unassessed_cycles_are_counted_and_left_out():
    cycles = cohort()
    frame = cycles.frame
    unknown = np.arange(len(frame)) % 7 == 0
    frame.loc[unknown, ["responder", "lower", "upper"]] = [pd.NA, NAN, NAN]
    some = rr.Cycles(frame["lower"], frame["upper"], data=frame.drop(columns="censoring"))
    fit = rr.TwoPart("arm").fit(some)
    without = rr.TwoPart("arm").fit(cycles[~unknown])
    assert (fit.responding.unassessed, fit.responding.assessed) == (unknown.sum(), (~unknown).sum())
    np.testing.assert_array_equal(fit.estimate, without.estimate)


# what cannot be fitted

TEN = [True, False, True, True, False, True, False, True, True, False]


@pytest.mark.parametrize(
    ("responder", "message"),
    [
        (
            [True] * 10,
            "response part: all 10 assessed cycles respond, so there is nothing to model; fit the",
        ),
        ([False] * 10, "response part: none of the 10 assessed cycles responds"),
        ([None] * 10, "response part: no cycle was assessed"),
    ],
)
def test_no_variation(responder, message):
    with pytest.raises(rr.FitError, match=message):
        rr.TwoPart().fit(of(responder))


def test_one_patient():
    with pytest.raises(rr.FitError, match="response part: all assessed cycles are of one patient"):
        rr.TwoPart().fit(of(TEN, patient=["p"] * 10))


@pytest.mark.parametrize(
    ("formula", "silent", "loud", "message"),
    [
        ("arm", "a", None, "response part: no cycle with arm a responds, so the odds have no finite estimate"),
        ("arm + x", "c", None, "no cycle with arm c responds"),
        ("0 + arm", None, "b", "every cycle with arm b responds"),
        ("C(number) + x", "a", None, "response part: no cycle with number 1 responds,"),
        ("arm", "a", "c", "no cycle with arm a responds, every cycle with arm c responds"),
    ],
)
def test_separation_names_the_level(formula, silent, loud, message):
    frame = cohort(patients=90).frame
    frame["arm"] = np.array(["a", "b", "c"])[np.arange(len(frame)) % 3]
    frame["number"] = frame["arm"].map({"a": 1, "b": 2, "c": 3})
    responder = frame["responder"].mask(frame["arm"] == silent, False).mask(frame["arm"] == loud, True)
    cycles = of(responder, patient=frame["patient"], **frame[["arm", "number", "x"]])
    with pytest.raises(rr.FitError, match=message):
        rr.TwoPart(formula).fit(cycles)


def test_separation_names_no_patient():
    frame = cohort(patients=30).frame
    who = np.array([f"SECRET{i}" for i in frame["patient"]])
    responder = frame["responder"].mask(frame["patient"] < 2, False).mask(frame["patient"] == 2, True)
    for model, message in (
        (rr.TwoPart("patient"), r"no cycle of \d+ patients responds, every cycle of \d+ patients responds"),
        (rr.TwoPart("1", rr.AFT("patient")), r"no cycle of \d+ patients responds, so there is no duration"),
    ):
        with pytest.raises(rr.FitError, match=message) as error:
            model.fit(of(responder, patient=who))
        assert "SECRET" not in str(error.value)


def test_separation_of_a_cell_names_its_columns():
    a, b = np.resize(["p", "q"], 120), np.resize(["u", "u", "v", "v", "w", "w"], 120)
    responder = (np.random.default_rng(0).uniform(size=120) < 0.5) & ~((a == "p") & (b == "v"))
    with pytest.raises(rr.FitError, match=r"response part: b\[T.v\], a\[T.q\]:b\[T.v\] can tell"):
        rr.TwoPart("a * b").fit(of(responder, a=a, b=b))
    rr.TwoPart("a + b").fit(of(responder, a=a, b=b))


def test_separation_along_a_number_names_the_column():
    x = np.linspace(-1, 1, 40)
    with pytest.raises(rr.FitError, match="response part: x can tell cycles that all respond from cycles that do not"):
        rr.TwoPart("x").fit(of(x > 0.1, x=x))


def test_extreme_odds_are_not_separation():
    x = np.r_[np.linspace(-1, 1, 40), 60.0]
    fit = rr.TwoPart("x").fit(of(np.r_[np.resize(TEN, 20), np.resize([True, True, False], 20), True], x=x))
    assert np.isfinite(fit.response["se"]).all()


def test_level_without_duration():
    frame = cohort(patients=90).frame
    responder = frame["responder"].mask(frame["arm"] == "a", False)
    cycles = of(responder, patient=frame["patient"], arm=frame["arm"], x=frame["x"])
    with pytest.raises(
        rr.FitError, match="duration part: no cycle with arm a responds, so there is no duration for it"
    ):
        rr.TwoPart("x", rr.AFT("arm")).fit(cycles)


def test_duration_that_cannot_be_fitted():
    cycles = of(TEN)
    frame = cycles.frame.assign(upper=INF).drop(columns="censoring")
    with pytest.raises(rr.FitError, match="duration part: no cycle ended in loss of effect"):
        rr.TwoPart().fit(rr.Cycles(frame["lower"], frame["upper"], data=frame))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fit: fit.benefit(4, {"arm": "z"}), "`newdata` has levels that the fit did not see"),
        (lambda fit: fit.benefit(4, {"x": 1}), "`newdata` has no column arm"),
        (lambda fit: fit.benefit(4), "`newdata` is needed"),
        (lambda fit: fit.benefit(-1, ARMS), "`weeks` must be numbers that are not negative"),
        (lambda fit: fit.quantile(1, ARMS), "`p` must lie between 0 and 1"),
        (lambda fit: fit.benefit(4, ARMS, "both"), "`kind` must be one of"),
        (lambda fit: fit.benefit([[1, 2]], ARMS), "`weeks` must be one number or a list"),
        (lambda fit: fit.quantile("x", ARMS), "`p` must be"),
        (lambda fit: fit.quantile(0.5, {"arm": 1}), "arm must be text in the newdata"),
        (lambda fit: fit.benefit(4, ARMS, draws=np.full((9, 5), NAN)), r"`draws` must be numbers \(rows 0, 1"),
        (lambda fit: rr.TwoPart("").fit(cohort()), "response part: `response` is empty"),
        (lambda fit: rr.TwoPart("I(x * 1e-300)").fit(cohort()), "0 in every row that tells anything, or too small"),
        (lambda fit: rr.TwoPart("1", "lognormal"), "`duration` must be a model"),
        (lambda fit: rr.TwoPart().fit([1, 2]), "`cycles` must be Cycles"),
        (lambda fit: rr.TwoPart("arm + C(arm)").fit(cohort()), "response part: columns are collinear"),
        (lambda fit: rr.TwoPart().fit(cohort(), [1.0]), r"`weights` has shape \(1,\)"),
    ],
)
def test_bad_requests(fit, call, message):
    with pytest.raises(rr.InputError, match=message):
        call(fit)


# the result


def test_result(fit):
    assert fit.response.columns.tolist() == ["estimate", "se", "z", "p", "lower", "upper", "odds_ratio"]
    frame = fit.summary_frame()
    assert frame.index.tolist() == [
        ("response", "Intercept"),
        ("response", "arm[T.b]"),
        ("duration", "Intercept"),
        ("duration", "arm[T.b]"),
        ("duration", "log(scale)"),
    ]
    np.testing.assert_allclose(frame["se"], np.sqrt(np.diag(fit.covariance)))
    text = fit.summary().as_text()
    assert "Not assessed:" in text
    assert "log(scale)" in text
    assert "<table" in fit.summary().as_html()
    assert "<table" in fit._repr_html_()
    assert f"{fit.responding.responders} of 480 cycles of 120 patients respond (0 not assessed)" in repr(fit)
    with pytest.raises(FrozenInstanceError):
        fit.duration = None
    with pytest.raises(ValueError, match="read-only"):
        fit.estimate[0] = 0
    for again in (pickle.loads(pickle.dumps(fit)), rr.fit_from_json(fit.to_json())):
        pd.testing.assert_frame_equal(again.median(ARMS), fit.median(ARMS))
        pd.testing.assert_frame_equal(again.summary_frame(), fit.summary_frame())


def test_plot(fit):
    _, ax = plt.subplots()
    assert fit.plot(ax, ARMS) is ax
    assert ax.get_ylabel() == "Share of all cycles in benefit"
    curve = ax.lines[0].get_ydata()
    assert curve[0] == pytest.approx(fit.response_probability(ARMS)["estimate"].iloc[0])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["arm a", "arm b"]
    plt.close("all")


def test_empty_tables(fit):
    full = fit.quantile([0.4, 0.5], ARMS)
    for table in (fit.quantile(0.5, {"arm": []}), fit.quantile([], ARMS), fit.quantile([], {"arm": []})):
        assert table.columns.tolist() == full.columns.tolist()
        assert len(table) == 0
    assert len(fit.benefit([], ARMS)) == len(fit.rmst(12, {"arm": []})) == 0


@pytest.mark.parametrize("far", [1e5, -1e5, 1e10, -1e10])
def test_far_beyond_the_data(far):
    fit = rr.TwoPart("arm", rr.AFT("x", cov="sandwich")).fit(cohort())
    table = fit.quantile([1e-300, 0.4, 0.9], {"arm": "b", "x": far})
    assert np.isnan(table["estimate"].iloc[0])  # fewer than all but a share of 1e-300 respond
    assert table["reading"].iloc[0] == "none"
    assert table["estimate"].iloc[2] == (INF if far * fit.duration.params["x"] > 0 else 0)
    assert (table["lower"].iloc[2] <= table["estimate"].iloc[2]) & (table["estimate"].iloc[2] <= table["upper"].iloc[2])


def test_a_variable_called_reading():
    frame = cohort().frame.rename(columns={"x": "reading"})
    fit = rr.TwoPart("reading").fit(rr.Cycles(frame["lower"], frame["upper"], data=frame))
    with pytest.raises(rr.InputError, match="has a column reading of its own"):
        fit.median({"reading": 0.0})
