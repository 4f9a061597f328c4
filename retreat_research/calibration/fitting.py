"""Maximum penalised quasi-likelihood of published percentages, and what its estimates are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import log_ndtr, xlogy

from ..errors import FitError
from .parameters import Unknown
from .predicted import Layout, predicted, rated

STEP = 1e-4  # of central differences, in SDs of the prior: derivatives are good to about 1e-8
STEPS = 200  # of Fisher scoring; 10 to 30 are usual
HALVINGS = 30
DECREMENT = 1e-9  # of the objective: the estimates are then within 1e-4 standard errors
SETTLED = 1e-6  # relative change of the overdispersion
ROUNDS = 50


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be fitted: data, unknowns, and the values of everything else."""

    data: pd.DataFrame
    unknowns: tuple[Unknown, ...]
    constants: Mapping[str, float]

    @property
    def centre(self) -> np.ndarray:
        """Prior means on the scales of the fit, (p,)."""
        return np.array([unknown.inner(unknown.centre) for unknown in self.unknowns])

    @property
    def spread(self) -> np.ndarray:
        """Prior SDs on the scales of the fit, (p,)."""
        return np.array([unknown.spread for unknown in self.unknowns])

    def values(self, inner: np.ndarray) -> dict[str, np.ndarray]:
        """Every parameter in its own unit, (k,), from vectors on the scales of the fit, (k, p)."""
        found = {name: np.full(len(inner), value) for name, value in self.constants.items()}
        return found | {unknown.name: unknown.outer(inner[:, j]) for j, unknown in enumerate(self.unknowns)}


@dataclass(frozen=True, eq=False)
class Peak:
    """Where the penalised quasi-likelihood is largest.

    Attributes
    ----------
    inner : float array (p,)
        On the scales of the fit.
    covariance : float array (p, p)
        H⁻¹ (J/φ + P) H⁻¹, H = I/φ + P.
    information : float array (p, p)
        I, of the data as if independent binomials.
    llf : float
        Log-likelihood of the data as independent binomials.
    overdispersion : float
        φ.
    gradient : float array (p,)
        Of the objective, there.
    steps : int
    """

    inner: np.ndarray
    covariance: np.ndarray
    information: np.ndarray
    llf: float
    overdispersion: float
    gradient: np.ndarray
    steps: int


def climb(problem: Problem) -> Peak:
    """Maximise ℓ(θ)/φ − ½ (θ − m)'P(θ − m) by Fisher scoring, φ being the overdispersion at the maximum, at least 1.

    Notes
    -----
    ℓ is the sum of binomial log-likelihoods of all data, weeks of one arm as if they were independent; of a bound it is
    ln Φ of its distance in binomial standard errors. Weeks of one arm are of the same patients, so ℓ is a composite
    likelihood [1]_: unbiased, but its curvature I is not the variance J of its score. J comes from the model, which
    says how the ratings of a patient hang together (`within_arm`). φ is Pearson's χ² over the number of shares less the
    effective number of parameters, tr(H⁻¹ I/φ).

    References
    ----------
    .. [1] Varin C, Reid N, Firth D (2011). An overview of composite likelihood methods. Statistica Sinica 21:5-42.

    Raises
    ------
    FitError
        If the maximum is not reached.
    """
    layout = Layout.of(problem.data)
    inner, phi, steps = problem.centre, 1.0, 0
    for _ in range(ROUNDS):
        inner, more = _scored(problem, layout, inner, phi)
        steps += more
        share, slope = _linearised(problem, layout, inner)
        information = _information(problem, share, slope)
        settled = max(1.0, _dispersion(problem, share, information, phi))
        if abs(settled - phi) < SETTLED * phi:
            break
        phi = settled
    else:
        raise FitError("the overdispersion does not settle: hold a parameter fixed")
    penalty = np.diag(problem.spread**-2)
    bread = np.linalg.inv(information / phi + penalty)
    meat = slope.T @ _score_variance(problem, layout, inner, share) @ slope / phi + penalty
    llf = float(_terms(problem, share)[0].sum())
    gradient = slope.T @ _terms(problem, share)[1] / phi - (inner - problem.centre) / problem.spread**2
    return Peak(inner, bread @ meat @ bread, information, llf, phi, gradient, steps)


def _scored(problem: Problem, layout: Layout, inner: np.ndarray, phi: float) -> tuple[np.ndarray, int]:
    """Fisher scoring with step halving at a fixed overdispersion."""

    def objective(at: np.ndarray) -> float:
        share = predicted(layout, problem.values(at[None]))[0]
        penalty = ((at - problem.centre) / problem.spread) ** 2
        return float(_terms(problem, share)[0].sum() / phi - penalty.sum() / 2)

    value = objective(inner)
    for count in range(STEPS):
        share, slope = _linearised(problem, layout, inner)
        pull = (inner - problem.centre) / problem.spread**2
        gradient = slope.T @ _terms(problem, share)[1] / phi - pull
        curvature = _information(problem, share, slope) / phi + np.diag(problem.spread**-2)
        step = np.linalg.solve(curvature, gradient)
        decrement = float(gradient @ step)
        if decrement < DECREMENT:
            return inner + step, count
        length = min(1.0, 1 / float(np.abs(step / problem.spread).max()))  # no further than the prior reaches
        for _ in range(HALVINGS):
            tried = inner + length * step
            there = objective(tried)
            if there > value + 1e-4 * length * decrement:
                break
            length /= 2
        else:
            break
        inner, value = tried, there
    raise FitError("the fit did not converge: hold a parameter fixed, or leave out the rows of a quantity")


def _linearised(problem: Problem, layout: Layout, inner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predicted shares (m,) and their derivatives (m, p)."""
    p = inner.size
    step = STEP * problem.spread
    moved = np.vstack([np.zeros(p), np.diag(step), -np.diag(step)])
    share = predicted(layout, problem.values(inner + moved))
    return share[0], ((share[1 : p + 1] - share[p + 1 :]) / (2 * step[:, None])).T


def _terms(problem: Problem, share: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-likelihood of each datum, its derivative in the predicted share, and the expected information about it.

    A bound's information is its observed one. Means carry none.
    """
    data = problem.data
    seen, n, bound = data["share"].to_numpy(), data["n"].to_numpy(), data["bound"].to_numpy()
    mean = data["kind"].to_numpy() == "mean"
    share = np.where(mean, 0.5, share)
    variance = share * (1 - share)
    value = n * (xlogy(seen, share) + xlogy(1 - seen, 1 - share))
    slope = n * (seen - share) / variance
    weight = n / variance
    beyond = bound != 0
    if beyond.any():
        error = np.sqrt(seen * (1 - seen) / n)[beyond]
        z = (bound * (share - seen))[beyond] / error
        log_share = log_ndtr(z)
        mills = np.exp(-(z**2) / 2 - log_share) / np.sqrt(2 * np.pi)
        value[beyond] = log_share
        slope[beyond] = bound[beyond] * mills / error
        weight[beyond] = mills * (mills + z) / error**2
    return tuple(np.where(mean, 0.0, part) for part in (value, slope, weight))  # type: ignore[return-value]


def _information(problem: Problem, share: np.ndarray, slope: np.ndarray) -> np.ndarray:
    return slope.T @ (_terms(problem, share)[2][:, None] * slope)


def _dispersion(problem: Problem, share: np.ndarray, information: np.ndarray, phi: float) -> float:
    residual = residuals(problem.data, share)
    exact = ((problem.data["bound"] == 0) & (problem.data["kind"] != "mean")).to_numpy()
    posterior = np.linalg.inv(information / phi + np.diag(problem.spread**-2))
    left = exact.sum() - float(np.trace(posterior @ information) / phi)
    return float((residual[exact] ** 2).sum() / left) if left > 1 else 1.0


def residuals(data: pd.DataFrame, share: np.ndarray) -> np.ndarray:
    """Observed less predicted in binomial standard errors, (m,); 0 for a bound that holds, NaN for a mean."""
    seen, n, bound = data["share"].to_numpy(), data["n"].to_numpy(), data["bound"].to_numpy()
    mean = data["kind"].to_numpy() == "mean"
    z = (seen - share) / np.sqrt(np.where(mean, np.nan, share * (1 - share) / n))
    return np.where(bound * (share - seen) > 0, 0.0, z)


def _score_variance(problem: Problem, layout: Layout, inner: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Variance (m, m) of the derivatives of the log-likelihood in the predicted shares."""
    weight = _terms(problem, share)[2]
    together = within_arm(problem, layout, inner, share)
    exact = (problem.data["bound"] == 0).to_numpy()
    return np.where(exact[:, None] & exact, weight[:, None] * together * weight, np.diag(weight))


def within_arm(problem: Problem, layout: Layout, inner: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Covariance (m, m) of the observed shares that the model implies.

    Notes
    -----
    Ratings of one arm are of the same patients, whose durations, onsets and non-response they share: the covariance is
    (E[p_a p_b] − E p_a E p_b)/n; who responds to the stricter of two endpoints responds to the other. Onsets by
    successive days are nested: (p_a − p_a p_b)/n for the earlier day a. Those of different kinds, and shares given an
    earlier one, count as independent of the others.
    """
    data, values = problem.data, problem.values(inner[None])
    n = data["n"].to_numpy()
    covariance = np.diag(share * (1 - share) / n)
    for _, rows in data.groupby(["study", "arm"]).indices.items():
        kind, given = layout.kind[rows], ~np.isnan(layout.given_week[rows])
        rating, onset = rows[(kind == "rating") & ~given], rows[kind == "onset"]
        if rating.size > 1:
            above, nothing, weights = rated(layout.rows(rating), values, False)
            none = np.array([values[layout.failures[row]][0] for row in rating])
            both, neither = 1 - np.maximum.outer(none, none), np.minimum.outer(none, none)
            mean, nothing = above[0] @ weights, nothing[0]
            one = np.where(np.less_equal.outer(none, none), np.outer(mean, nothing), np.outer(nothing, mean))
            joint = both * ((above[0] * weights) @ above[0].T) + (1 - both - neither) * one
            joint += neither * np.outer(nothing, nothing)
            _fill(covariance, rating, (joint - np.outer(share[rating], share[rating])) / _patients(n[rating]))
        if onset.size > 1:
            first = np.minimum.outer(share[onset], share[onset])
            _fill(covariance, onset, (first - np.outer(share[onset], share[onset])) / _patients(n[onset]))
    return covariance


def _patients(n: np.ndarray) -> np.ndarray:
    return np.maximum.outer(n, n)


def _fill(covariance: np.ndarray, rows: np.ndarray, block: np.ndarray) -> None:
    """Put the off-diagonal of `block` in place."""
    apart = ~np.eye(rows.size, dtype=bool)
    covariance[np.ix_(rows, rows)] = np.where(apart, block, covariance[np.ix_(rows, rows)])
