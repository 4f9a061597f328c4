"""The fit finds what is true, and says how sure it may be."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri, xlogy

from retreat_research import FitError
from retreat_research.calibration import fit_curves, fitting
from retreat_research.calibration.fitting import Problem, climb
from retreat_research.calibration.parameters import constants, unknowns
from retreat_research.calibration.predicted import Layout, predicted
from retreat_research.calibration.reading import read_curves

from . import naive

REPLICATES = 100
WEAKLY_KNOWN = {"median": 15.0, "onset_weeks": 0.6, "onset_sd": 0.4, "non_response": 0.06, "false_onset": 0.4}
CALLED = {
    "median": "median_weeks, onabotulinumtoxinA, glabellar lines",
    "rater_sd": "rater_sd, investigator",
    "study": "study, Trial",
}


def the_problem(table):
    data, _ = read_curves(table)
    return Problem(data, unknowns(data), constants(data))


def a_problem():
    """The design of `naive`, without numbers that matter."""
    return the_problem(naive.table(np.random.default_rng(0), 300, naive.TRUTH))


def true_inner(problem, truth):
    named = {CALLED.get(name, name): value for name, value in truth.items()}
    return np.array([unknown.inner(named[unknown.name]) for unknown in problem.unknowns])


def exactly(problem, inner):
    """The same data with the shares that the model predicts: no chance in them."""
    share = predicted(Layout.of(problem.data), problem.values(inner[None]))[0]
    return replace(problem, data=problem.data.assign(share=share, n=1e7))


def test_known_truth_is_recovered_with_honest_intervals():
    """Patients simulated one by one; what only the prior knows is drawn from it, so its z scores are standard too."""
    rng, design = np.random.default_rng(7), a_problem()
    z = []
    for _ in range(REPLICATES):
        inner = design.centre + design.spread * rng.standard_normal(design.centre.size)
        drawn = {u.name: float(u.outer(value)) for u, value in zip(design.unknowns, inner, strict=True)}
        truth = {name: drawn.get(CALLED.get(name, name), value) for name, value in naive.TRUTH.items()} | WEAKLY_KNOWN
        problem = the_problem(naive.table(rng, 300, truth))
        peak = climb(problem)
        z.append((peak.inner - true_inner(problem, truth)) / np.sqrt(np.diag(peak.covariance)))
    z = np.array(z)
    assert z.shape == (REPLICATES, 10)
    assert np.abs(z.mean(axis=0) / z.std(axis=0, ddof=1) * np.sqrt(REPLICATES)).max() < 4
    covered = (np.abs(z) < -ndtri(0.025)).mean(axis=0)
    assert covered.min() > 0.95 - 4 * np.sqrt(0.95 * 0.05 / REPLICATES)
    assert z.std(axis=0, ddof=1).min() > 1 - 4 / np.sqrt(2 * REPLICATES)


def test_data_without_chance_give_the_truth_back():
    problem = a_problem()
    truth = true_inner(problem, naive.TRUTH)
    peak = climb(exactly(problem, truth))
    assert peak.overdispersion == 1
    assert np.abs((peak.inner - truth) / np.sqrt(np.diag(peak.covariance))).max() < 0.05  # the priors' pull


def loglikelihood(problem, inner):
    share = predicted(Layout.of(problem.data), problem.values(inner[None]))[0]
    seen, n = problem.data["share"].to_numpy(), problem.data["n"].to_numpy()
    return float((n * (xlogy(seen, share) + xlogy(1 - seen, 1 - share))).sum())


def test_the_gradient_is_nought_at_the_maximum(fit):
    scaled = fit.peak.gradient * np.sqrt(np.diag(fit.peak.covariance))
    assert np.abs(scaled).max() < 1e-3  # within a thousandth of a standard error


def test_the_maximum_is_one_of_the_objective_as_written_down():
    """Against binomial log-likelihood and penalty written out here, along every axis."""
    problem = a_problem()
    peak = climb(problem)
    phi = peak.overdispersion

    def objective(inner):
        return loglikelihood(problem, inner) / phi - (((inner - problem.centre) / problem.spread) ** 2).sum() / 2

    top = objective(peak.inner)
    for j, se in enumerate(np.sqrt(np.diag(peak.covariance))):
        for step in (-0.1, 0.1):
            moved = peak.inner.copy()
            moved[j] += step * se
            assert objective(moved) < top
    assert peak.llf == pytest.approx(loglikelihood(problem, peak.inner), rel=1e-12)


def test_the_information_is_the_curvature_where_there_is_no_chance():
    """Expected and observed information agree for data that are exactly as predicted."""
    problem = a_problem()
    truth = true_inner(problem, naive.TRUTH)
    problem = replace(exactly(problem, truth), data=exactly(problem, truth).data.assign(n=300.0))
    share, slope = fitting._linearised(problem, Layout.of(problem.data), truth)
    information = fitting._information(problem, share, slope)
    h, p = 3e-3 * problem.spread, truth.size
    found = np.empty((p, p))
    for i in range(p):
        for j in range(p):
            ei, ej = np.eye(p)[i] * h[i], np.eye(p)[j] * h[j]
            found[i, j] = -sum(
                si * sj * loglikelihood(problem, truth + si * ei + sj * ej) for si in (1, -1) for sj in (1, -1)
            ) / (4 * h[i] * h[j])
    scale = np.sqrt(np.outer(np.diag(information), np.diag(information)))
    assert np.abs((found - information) / scale).max() < 1e-3


def test_ratings_of_an_arm_hang_together_as_those_of_simulated_patients():
    problem = a_problem()
    truth = true_inner(problem, naive.TRUTH)
    layout = Layout.of(problem.data)
    share = predicted(layout, problem.values(truth[None]))[0]
    covariance = fitting.within_arm(problem, layout, truth, share) * 300
    n, rng = 200_000, np.random.default_rng(3)
    for arm, dose in naive.ARMS.items():
        own = np.flatnonzero((problem.data["arm"] == arm) & (problem.data["kind"] == "rating"))
        seen = naive.ratings(rng, n, naive.WEEKS, dose, naive.TRUTH).astype(float)
        centred = seen - share[own]
        products = centred[:, :, None] * centred[:, None, :]
        error = products.std(axis=0) / np.sqrt(n)
        assert (np.abs(products.mean(axis=0) - covariance[np.ix_(own, own)]) < 4 * error).all()
        days = np.flatnonzero((problem.data["arm"] == arm) & (problem.data["kind"] == "onset"))
        first = naive.onset_weeks(rng, n, dose, naive.TRUTH)[:, None] <= problem.data["week"].to_numpy()[days]
        centred = first - share[days]
        products = centred[:, :, None] * centred[:, None, :]
        error = products.std(axis=0) / np.sqrt(n)
        assert (np.abs(products.mean(axis=0) - covariance[np.ix_(days, days)]) < 4 * error).all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_fit_does_not_depend_on_where_it_starts(fit, seed):
    problem, rng = fit.problem, np.random.default_rng(seed)
    start = problem.centre + 0.7 * problem.spread * rng.standard_normal(problem.centre.size)
    found, _ = fitting._scored(problem, Layout.of(problem.data), start, fit.overdispersion)
    assert np.abs((found - fit.peak.inner) / np.sqrt(np.diag(fit.peak.covariance))).max() < 1e-2


def test_more_patients_narrow_what_the_data_know_and_not_what_they_do_not():
    rng = np.random.default_rng(4)
    few, many = (climb(the_problem(naive.table(rng, n, naive.TRUTH))) for n in (100, 10_000))
    names = [unknown.name for unknown in a_problem().unknowns]
    ratio = dict(zip(names, np.sqrt(np.diag(many.covariance) / np.diag(few.covariance)), strict=True))
    assert ratio["non_response"] < 0.2
    assert ratio["onset_weeks"] < 0.2
    assert ratio["study, Trial"] > 0.9  # one trial cannot tell its own effect from the product's


def test_a_bound_pulls_only_when_it_is_broken():
    table = naive.table(np.random.default_rng(5), 300, naive.TRUTH)
    lower = {"study": "Trial", "arm": "ona 20U", "week": 14.0, "n": 300}
    lower["quantity"] = "pct >=1-grade (investigator), published as a lower bound"
    free, held, broken = (
        fit_curves(extra).params.loc[CALLED["median"], "value"]
        for extra in (table, _with(table, {**lower, "value": 10.0}), _with(table, {**lower, "value": 90.0}))
    )
    assert held == pytest.approx(free, rel=1e-4)
    assert broken > 1.02 * free


def _with(table, row):
    return table._append(row, ignore_index=True)


def test_a_fit_that_does_not_converge_says_so(monkeypatch):
    monkeypatch.setattr(fitting, "STEPS", 1)
    with pytest.raises(FitError, match="the fit did not converge"):
        climb(a_problem())
