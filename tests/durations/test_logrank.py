import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

import retreat_research as rr
from retreat_research.durations.nonparametric.logrank import SCORES, pooled_scores
from retreat_research.durations.observed import observe

INF = np.inf
TITLES = {
    "sun": "two-sample logrank, Sun scores, permutation asymptotic",
    "finkelstein": "two-sample logrank, Finkelstein scores, permutation asymptotic",
    "wilcoxon": "WMW scores permutation asymptotic",
}


def draw(seed, patients, cycles=1, groups=2, shift=0.0, grid=2.0):
    """Cycles with a group per patient ("arm") and one that changes within patients ("dose")."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), cycles)
    arm = (np.arange(patients) % groups)[patient]
    dose = np.tile(np.arange(cycles) % 2, patients)
    t = np.exp(2.4 + shift * dose + 0.3 * rng.normal(size=patients)[patient] + 0.3 * rng.normal(size=patient.size))
    lower = np.floor(t / grid) * grid
    upper = np.where(rng.random(t.size) < 0.15, INF, lower + grid)
    return rr.Cycles(lower, upper, patient=patient, data=pd.DataFrame({"arm": arm, "dose": dose}))


def slow_scores(cycles, scores):
    """One row at a time: the mean over its intervals of the published score of each, weighted by their masses."""
    fit = rr.Turnbull().fit(cycles)
    before = 1 - np.concatenate([[0], np.cumsum(fit.mass)[:-1]])
    after = np.append(before[1:], 0)
    hazard = np.exp(-np.cumsum(fit.mass / before))
    found = []
    for lower, upper in zip(cycles.lower, cycles.upper, strict=True):
        inside = (fit.left >= lower) & (fit.right <= upper)
        first, last = np.flatnonzero(inside)[[0, -1]]
        if scores == "wilcoxon":
            g = lambda s, _: s * s - s  # noqa: E731
        elif scores == "sun":
            g = lambda s, h: s * np.log(h) if s > 1e-12 else 0.0  # noqa: E731
        else:
            g = lambda s, _: s * np.log(s) if s > 1e-12 else 0.0  # noqa: E731
        begin = g(before[first], 1.0 if first == 0 else hazard[first - 1])
        found.append((begin - g(after[last], hazard[last])) / (before[first] - after[last]))
    return np.array(found)


@pytest.mark.parametrize("scores", SCORES)
def test_breast_cosmesis_as_published(bcos, published, scores):
    rows = published.loc[("bcos", TITLES[scores])].set_index("parameter")["estimate"]
    test = rr.logrank(bcos, "treatment", scores)
    assert test.groups == ("Rad", "RadChem")
    assert test.z == pytest.approx(rows["Z"], abs=5.1e-5)
    assert test.pvalue == pytest.approx(rows["p"], rel=1e-3)
    assert test.score[1] == pytest.approx(rows["score_stat_RadChem"], abs=5.1e-7)
    assert test.statistic == pytest.approx(test.z**2)
    assert (test.permutations, test.df) == (0, 1)


def test_score_form_of_finkelsteins_test_as_published(bcos, published):
    """The proportional-hazards score test, its information by differences: our scores are its gradient."""
    rows = published.loc[("bcos", "score-form Finkelstein logrank")].set_index("parameter")["estimate"]
    fit = rr.Turnbull().fit(bcos)
    start = np.searchsorted(fit.left, bcos.lower)
    end = np.searchsorted(fit.right, bcos.upper, side="right")
    z = (bcos.frame["treatment"] == "RadChem").to_numpy(dtype=float)

    def llf(theta):  # β, then ln(−ln S) at the inner ends
        s = np.concatenate([[1.0], np.exp(-np.exp(theta[1:])), [0.0]])
        s = s[:, None] ** np.exp(theta[0] * z)
        row = np.arange(z.size)
        return np.log(s[start, row] - s[end, row]).sum()

    theta = np.append(0.0, np.log(-np.log(1 - np.cumsum(fit.mass)[:-1])))
    step, k = 1e-4, theta.size
    corner = lambda i, j: llf(theta + step * (i + j))  # noqa: E731
    unit = np.eye(k)
    information = -np.array(
        [[(corner(a, b) - corner(a, -b) - corner(-a, b) + corner(-a, -b)) / (4 * step**2) for b in unit] for a in unit]
    )
    score = rr.logrank(bcos, "treatment", "finkelstein").score[1]
    assert score == pytest.approx((llf(theta + step * unit[0]) - llf(theta - step * unit[0])) / (2 * step), rel=1e-5)
    statistic = score**2 * np.linalg.inv(information)[0, 0]
    assert statistic == pytest.approx(rows["chi2"], rel=1e-3)
    assert chi2.sf(statistic, 1) == pytest.approx(rows["p"], rel=5e-3)


@pytest.mark.parametrize("scores", SCORES)
@pytest.mark.parametrize("grid", [2.0, 0.01])
def test_scores_agree_with_one_row_at_a_time_and_sum_to_zero(scores, grid):
    cycles = draw(3, 60, grid=grid)
    found = pooled_scores(observe(cycles, None), scores)
    np.testing.assert_allclose(found, slow_scores(cycles, scores), rtol=1e-8, atol=1e-8)
    assert found.sum() == pytest.approx(0, abs=1e-8)


def every_labelling(labels, blocks):
    """All different labellings that permute inside blocks."""
    per_block = []
    for block in np.unique(blocks):
        rows = np.flatnonzero(blocks == block)
        per_block.append([(rows, choice) for choice in set(itertools.permutations(labels[rows]))])
    for choice in itertools.product(*per_block):
        made = labels.copy()
        for rows, values in choice:
            made[rows] = values
        yield made


@pytest.mark.parametrize("groups", [2, 3])
def test_moments_are_those_of_all_permutations_of_patients(groups):
    cycles = draw(5, 7, cycles=2, groups=groups)
    test = rr.logrank(cycles, "arm")
    score = np.bincount(cycles.patient, slow_scores(cycles, "sun"))
    labels = cycles.frame["arm"].to_numpy()[::2]
    sums = np.array(
        [[score[made == g].sum() for g in range(groups)] for made in every_labelling(labels, np.zeros(7, dtype=int))]
    )
    np.testing.assert_allclose(test.expected, sums.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(test.covariance, np.cov(sums.T, bias=True), atol=1e-9)
    off = sums - sums.mean(axis=0)
    distance = np.einsum("bg,gh,bh->b", off, np.linalg.pinv(np.cov(sums.T, bias=True)), off)
    exact = np.mean(distance >= test.statistic * (1 - 1e-9))
    assert test.permutations == 9_999  # 7 patients are too few for the normal approximation
    assert test.pvalue == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9_999) + 1e-4)
    assert test.df == groups - 1


def test_moments_are_those_of_all_permutations_inside_patients():
    cycles = draw(6, 5, cycles=4, shift=0.4)
    test = rr.logrank(cycles, "dose", within="patient", permutations=20_000, seed=3)
    score = slow_scores(cycles, "sun")
    labels = cycles.frame["dose"].to_numpy()
    sums = np.array([[score[made == g].sum() for g in (0, 1)] for made in every_labelling(labels, cycles.patient)])
    assert len(sums) == 6**5
    np.testing.assert_allclose(test.expected, sums.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(test.covariance, np.cov(sums.T, bias=True), atol=1e-9)
    off = np.abs(sums[:, 0] - sums[:, 0].mean())
    exact = np.mean(off >= off[0] * (1 - 1e-9))
    assert test.pvalue == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4)


def test_effect_that_lasts_longer_has_a_negative_score():
    test = rr.logrank(draw(1, 100, cycles=2, shift=0.5), "dose", within="patient")
    assert test.score[1] < 0 < test.score[0]
    assert test.z > 3
    assert test.pvalue == pytest.approx(chi2.sf(test.statistic, 1), rel=1e-10)


def test_monte_carlo_agrees_with_chi_squared_in_large_samples():
    cycles = draw(11, 120, cycles=3, groups=3)
    wide = rr.logrank(cycles, "arm")
    drawn = rr.logrank(cycles, "arm", permutations=20_000, seed=5)
    assert (wide.df, wide.permutations, drawn.permutations) == (2, 0, 20_000)
    p = wide.pvalue
    assert drawn.pvalue == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 20_000) + 0.01)  # and the approximation
    assert drawn.pvalue == rr.logrank(cycles, "arm", permutations=20_000, seed=5).pvalue
    assert np.isnan(wide.z)


@pytest.mark.parametrize(("by", "within"), [("arm", None), ("dose", "patient")])
def test_under_no_difference_the_level_is_right_though_cycles_are_alike(by, within):
    n = 250
    p = np.array([rr.logrank(draw(1000 + s, 30, cycles=4), by, within=within).pvalue for s in range(n)])
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / n))
    assert np.mean(p < 0.5) == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / n))


def test_labels_that_vary_within_a_patient_are_named_by_row():
    data = pd.DataFrame({"dose": [1, 2, 1, 1, 2]})
    cycles = rr.Cycles([4, 8, 4, 8, 8], [8, 12, 8, 12, 16], patient=list("aabbb"), data=data)
    with pytest.raises(rr.InputError, match=r"`by` varies within a patient \(rows 1, 4\); use within="):
        rr.logrank(cycles, "dose")


def test_only_cycles_with_a_response_are_compared():
    data = pd.DataFrame({"responder": [True, False, True, True], "arm": [0, 1, 1, 0]})
    cycles = rr.Cycles([4, np.nan, 8, 4], [8, np.nan, 12, 12], patient=list("aabc"), data=data)
    test = rr.logrank(cycles, "arm")
    assert test.rows.tolist() == [0, 2, 3]
    assert test.table()["patients"].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ({"by": "nothing"}, rr.InputError, "there is no column 'nothing'"),
        ({"by": "gap"}, rr.InputError, r"'gap' is missing \(row 2\)"),
        ({"by": "one"}, rr.InputError, "`by` makes 1 group"),
        ({"by": "arm", "scores": "sum"}, rr.InputError, "`scores` must be one of sun"),
        ({"by": "arm", "within": "arm"}, rr.InputError, "`within` must be None"),
        ({"by": "arm", "within": "patient"}, rr.InputError, "no patient has cycles in two groups"),
        ({"by": "arm", "permutations": 0}, rr.InputError, "`permutations` must be a whole number, 1 or more"),
        ({"by": "arm", "permutations": 1.5}, rr.InputError, "`permutations` must be a whole number, 1 or more"),
        ({"by": "arm", "permutations": "x"}, rr.InputError, "`permutations` must be a whole number, 1 or more"),
        ({"by": None}, rr.InputError, "`by` must be the name of a column"),
        ({"by": 3}, rr.InputError, "`by` must be the name of a column"),
        ({"by": [["arm"]]}, rr.InputError, "`by` must be the name of a column"),
        ({"by": ["arm", "arm"]}, rr.InputError, "`by` names 'arm' twice"),
        ({"by": "lists"}, rr.InputError, "a group must be one text or number"),
        ({"by": "arm", "seed": "x"}, rr.InputError, "`seed` must be a whole number"),
    ],
)
def test_bad_requests(call, error, message):
    data = pd.DataFrame({"arm": [0, 0, 1, 1], "one": 1, "gap": [1, 2, np.nan, 1], "lists": [[1]] * 4})
    cycles = rr.Cycles([4, 8, 4, 8], [8, 12, 8, INF], patient=[0, 0, 1, 1], data=data)
    with pytest.raises(error, match=message):
        rr.logrank(cycles, **call)


def test_intervals_without_order_cannot_be_compared():
    data = pd.DataFrame({"arm": [0, 0, 1]})
    with pytest.raises(rr.FitError, match="say nothing of an order"):
        rr.logrank(rr.Cycles([4, 8, 3], [INF] * 3, data=data), "arm")
    data = pd.DataFrame({"arm": [0, 1, 0, 1]})
    cycles = rr.Cycles([4, 4, 8, 8], [8, 8, 12, 12], patient=[0, 0, 1, 1], data=data)
    with pytest.raises(rr.FitError, match="no permutation changes"):
        rr.logrank(cycles, "arm", within="patient")


def test_the_result_prints_pickles_and_comes_back_from_json(bcos):
    test = rr.logrank(bcos, ["treatment"])
    assert "Z = -2.6684" in repr(test)
    assert "Sun's scores" in test.method
    assert "whole patients" in test.method
    assert "<table" in test._repr_html_()
    assert test.table().loc["Rad", "cycles"] == 46
    for again in (pickle.loads(pickle.dumps(test)), rr.fit_from_json(test.to_json())):
        pd.testing.assert_frame_equal(again.table(), test.table())
        assert again.pvalue == test.pvalue
    with pytest.raises(ValueError, match="read-only"):
        test.scores[0] = 1
