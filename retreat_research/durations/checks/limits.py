"""The lines of a diagnosis' table: a value, what it should be at most, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .residuals import distance_from_normal, log_likelihood_of_curves

if TYPE_CHECKING:
    from ..result import DurationResult

#: Over √n: what the largest distance of n independent residuals exceeds in 5% of samples, if nothing is estimated.
KOLMOGOROV = 1.358
AT_MAXIMUM = 1e-3  # standard errors
CONDITION = (
    30.0  # Belsley, Kuh, Welsch (1980), doi:10.1002/0471725153: above it, estimates depend on each other strongly
)
SAME_INFORMATION = 1e-3  # relative: standard errors are then right to 0.05%
NODES_MOVE = 1e-4  # the log-likelihood, as in `MixedAFT`
STEP = 3e-3  # of a standard error: errors of second differences are about 1e-6
OK, LOOK, NONE = "ok", "look", ""


class Check(NamedTuple):
    """One line of the table."""

    check: str
    value: float
    limit: str
    verdict: str  # "ok", "look", or "" where there is no limit
    why: str  # the limit


def distances(
    fit: DurationResult, found: tuple[float, float], reference: np.ndarray | None, resamples: int
) -> list[Check]:
    names = "Cox–Snell residuals: distance from exponential", "quantile residuals: distance from normal"
    if reference is not None:
        p = (1 + (reference >= found).sum(axis=0)) / (1 + len(reference))
        failed = resamples - len(reference)
        why = f"share of {len(reference)} samples of the fitted model, refitted, that are as far"
        why += f" ({failed} more could not be refitted)" if failed else ""
        return [
            Check(name, value, f"p = {tail:.3g}", LOOK if tail < 0.05 else OK, why)
            for name, value, tail in zip(names, found, p, strict=True)
        ]
    limit = KOLMOGOROV / np.sqrt(fit.n_patients)
    why = (
        "Kolmogorov's 5% point for as many independent residuals as there are patients: rough, as cycles of a patient "
        "are alike, parameters are estimated and bounds are intervals; resamples= gives a p-value"
    )
    return [
        Check(name, value, f"{limit:.3g}", OK if value <= limit else LOOK, why)
        for name, value in zip(names, found, strict=True)
    ]


def normal_effects(scores: np.ndarray) -> Check:
    limit, value = KOLMOGOROV / np.sqrt(scores.size), distance_from_normal(scores)
    return Check(
        "random effects: distance from normal",
        value,
        f"{limit:.3g}",
        OK if value <= limit else LOOK,
        "Kolmogorov's 5% point, rough; empirical-Bayes means lean towards what the model assumes",
    )


def influence(distance: np.ndarray, p: int) -> Check:
    from scipy.stats import chi2

    limit = float(chi2.median(p))
    return Check(
        "influence: largest displacement by one patient",
        float(distance.max()),
        f"{limit:.3g}",
        OK if distance.max() <= limit else LOOK,
        f"median of χ² with {p} degrees of freedom: without her the estimates would leave their 50% confidence region",
    )


def misspecification(fit: DurationResult, distance: np.ndarray, inverse: np.ndarray, free: np.ndarray) -> list[Check]:
    names = "outer product of scores over information: mean", "outer product of scores over information: largest"
    if (fit.data.weight != 1).any():
        why = "with weights, the scores of single cycles are not known"
        return [Check(name, np.nan, "", NONE, why) for name in names]
    scores, p = fit.scores[:, free], int(free.sum())
    root = np.linalg.cholesky(inverse)
    largest = float(np.linalg.eigvalsh(root.T @ (scores.T @ scores) @ root)[-1])
    mean = float(distance.sum()) / p
    robust = getattr(fit.model, "cov", "observed") != "observed"
    cure = "this fit's sandwich allows for that" if robust else "a sandwich or a random effect is needed"
    reach = 1.96 * float(distance.std(ddof=1)) * np.sqrt(distance.size) / p if distance.size > 1 else np.inf
    return [
        Check(names[0], mean, f"{max(1 - reach, 0):.3g} to {1 + reach:.3g}", OK if abs(mean - 1) <= reach else LOOK,
              "1 if the model is right and patients are independent; 1.96 standard errors of its sampling. Above: "
              f"standard errors of the model are too small; {cure}"),
        Check(names[1], largest, "", NONE,
              "sandwich over model variance of the estimate for which it is largest; above 1 by chance as well"),
    ]  # fmt: skip


def numerics(fit: DurationResult, inverse: np.ndarray, free: np.ndarray) -> list[Check]:
    information = fit.information[np.ix_(free, free)]
    total = fit.scores[:, free].sum(axis=0)
    gradient = float(np.sqrt(total @ inverse @ total))
    size = np.sqrt(np.diag(information))
    values = np.linalg.eigvalsh(information / np.outer(size, size))
    condition = float(np.sqrt(values[-1] / values[0])) if values[0] > 0 else np.inf
    checks = [
        Check("gradient at the maximum", gradient, f"{AT_MAXIMUM:g}", OK if gradient <= AT_MAXIMUM else LOOK,
              "√(s′I⁻¹s): no combination of estimates is further from the maximum, in standard errors"),
        Check("condition of the scaled information", condition, f"{CONDITION:g}",
              OK if condition <= CONDITION else LOOK,
              "√ of the ratio of its eigenvalues: above 30 some estimates depend on each other strongly (centre them)"),
    ]  # fmt: skip
    differenced = _differenced_information(fit, free)
    if differenced is not None:
        root = np.linalg.cholesky(inverse)
        value = float(np.abs(root.T @ (differenced - information) @ root).max())
        checks.append(
            Check("information against differences", value, f"{SAME_INFORMATION:g}",
                  OK if value <= SAME_INFORMATION else LOOK,
                  "largest relative difference: standard errors are right to half of it")
        )  # fmt: skip
    moved = getattr(fit, "node_doubling", None)
    if moved is not None:
        verdict = OK if abs(moved) <= NODES_MOVE else LOOK
        checks.append(
            Check("log-likelihood when nodes are doubled", moved, f"{NODES_MOVE:g}", verdict,
                  "how much it moves: the integral over random effects is that exact")
        )  # fmt: skip
    return checks


def _differenced_information(fit: DurationResult, free: np.ndarray) -> np.ndarray | None:
    """Minus the Hessian by differences: of the model's gradient if it has one, else of what its curves say of rows."""
    steps = STEP / np.sqrt(np.diag(fit.information)[free])
    at = np.flatnonzero(free)

    def moved(*parts: tuple[int, float]) -> np.ndarray:
        theta = fit.estimate.copy()
        for i, h in parts:
            theta[at[i]] += h
        return theta

    gradient = getattr(fit, "_gradient", None)
    if gradient is not None:
        rows = [(gradient(moved((i, h))) - gradient(moved((i, -h))))[free] / (2 * h) for i, h in enumerate(steps)]
        return -(np.array(rows) + np.array(rows).T) / 2
    if hasattr(fit, "patients"):
        return None  # rows of a patient are not independent
    found = np.empty((steps.size, steps.size))
    for i, h in enumerate(steps):
        for j, g in enumerate(steps[: i + 1]):
            corners = [
                s * t * log_likelihood_of_curves(fit, moved((i, s * h), (j, t * g))) for s in (1, -1) for t in (1, -1)
            ]
            found[i, j] = found[j, i] = -sum(corners) / (4 * h * g)
    return found
