"""Newton's method for a concave log-likelihood of rows in (δ, τ), with z = τ·r − δ·x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import FitError
from .families import Family
from .likelihood import Sample, Terms, row_terms

STEPS = 100  # 5 to 8 are usual
HALVINGS = 40
DECREMENT = 1e-12  # of the log-likelihood, per unit of mean weight: within 1e-6 standard errors, before the last step
STEEPEST = 1e8  # times the starting 1/σ, or its inverse: the scale is going to 0 or to infinity
FLAT = 1e-6  # information per unit of mean weight about a change of z by at most 1; one event gives about 0.1 to 1
LEAST = 1e-3  # share of the other rows' information, where the curvature is not that of a maximum
NO_SCALE = (
    "the scale goes to 0: the model can hold every duration exactly, or one duration lies in all the intervals that it "
    "treats alike; narrower intervals, more cycles or fewer covariates are needed"
)
NO_ORDER = (
    "the scale grows without bound: losses of effect do not become more frequent with time in these cycles; "
    "check the bounds, or use fewer covariates"
)
CERTAIN = 1e-6  # per unit of mean weight: a log-likelihood this close to 0 is sure of every interval


@dataclass(frozen=True, eq=False)
class Peak:
    """Where the log-likelihood is largest.

    Attributes
    ----------
    theta : float array (k + 1,)
        δ and τ.
    information : float array (k + 1, k + 1)
        Minus the Hessian, of the δ alone where τ is fixed: (k, k).
    llf : float
    terms : Terms
        Of each row, in the sample's order; one step before θ, which moves them by less than 1e-6.
    x : float array (k, n)
    weight : float array (n,)
    flat : float array (k + 1,) or None
        A direction in which the log-likelihood rises for ever, if there is one: then there is no maximum.
    """

    theta: np.ndarray
    information: np.ndarray
    llf: float
    terms: Terms
    x: np.ndarray
    weight: np.ndarray
    flat: np.ndarray | None

    def scores(self) -> np.ndarray:
        """Weighted gradient of each row, (k + 1, n)."""
        return np.vstack([self.x * self.terms.eta, self.terms.tau]) * self.weight


def climb(family: Family, sample: Sample, x: np.ndarray, weight: np.ndarray, tau: float) -> Peak:
    """Maximise Σ w_i log-likelihood_i over δ and τ, starting at δ = 0 and `tau`; τ stays where the family fixes it.

    Parameters
    ----------
    x : float array (k, n)
        One row per column of the design: orthogonal, with mean square 1.
    weight : float array (n,)
        Negative for what is divided out, the chance of having outlasted an entry: the log-likelihood is then not
        concave everywhere, and where it is not, steps go uphill by the size of the curvature.
    tau : float
        A start of the order of 1/σ.

    Raises
    ------
    FitError
        If the maximum is not reached.
    """
    unit = float(np.abs(weight).mean())
    theta = np.append(np.zeros(x.shape[0]), tau)
    free = theta.size - family.fixed_scale
    terms, value = _evaluate(family, sample, x, weight, theta)
    while not np.isfinite(value) and theta[-1] > 1e-6 * tau:
        theta[-1] /= 2
        terms, value = _evaluate(family, sample, x, weight, theta)
    for _ in range(STEPS):
        gradient, information = (part[:free] for part in _derivatives(terms, x, weight))
        information = information[:, :free]
        try:
            step = np.linalg.solve(_concave(information, terms, x, weight), gradient)
        except np.linalg.LinAlgError:
            break
        decrement = float(gradient @ step)
        step = np.append(step, np.zeros(theta.size - free))
        if decrement <= DECREMENT * unit:
            flat = _flat(information, sample, x, unit)
            return Peak(theta + step, information, value + decrement / 2, terms, x, weight, flat)
        shrink = -step[-1] / theta[-1]
        length = 0.9 / shrink if shrink > 0.9 else 1.0  # τ stays positive
        for _ in range(HALVINGS):
            tried = theta + length * step
            terms, there = _evaluate(family, sample, x, weight, tried)
            if there >= value + 1e-4 * length * decrement - 1e-13 * abs(value):
                break
            length /= 2
        else:
            break
        theta, value = tried, there
        if not tau / STEEPEST < theta[-1] < tau * STEEPEST:
            break
    if not family.fixed_scale:
        if theta[-1] <= tau / STEEPEST:
            raise FitError(NO_ORDER)
        if theta[-1] >= tau * STEEPEST or abs(value) < CERTAIN * unit:
            raise FitError(NO_SCALE)
    known = np.isfinite(information).all() and (weight.min() > 0 or np.linalg.eigvalsh(information)[0] > 0)
    flat = _flat(information, sample, x, unit) if known else None
    if flat is None:
        raise FitError("the fit did not converge: try fewer covariates or another family")
    return Peak(theta, information, value, terms, x, weight, flat)


def _evaluate(
    family: Family, sample: Sample, x: np.ndarray, weight: np.ndarray, theta: np.ndarray
) -> tuple[Terms, float]:
    with np.errstate(all="ignore"):  # a step too far gives −inf or NaN, which is never accepted
        terms = row_terms(family, sample, theta[:-1] @ x, theta[-1])
        return terms, float(weight @ terms.llf)


def _derivatives(terms: Terms, x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and minus the Hessian in (δ, τ)."""
    k = x.shape[0]
    gradient = np.append(x @ (weight * terms.eta), weight @ terms.tau)
    information = np.empty((k + 1, k + 1))
    information[:k, :k] = -(x * (weight * terms.eta_eta)) @ x.T
    information[k, :k] = information[:k, k] = -x @ (weight * terms.eta_tau)
    information[k, k] = -(weight @ terms.tau_tau)
    return gradient, information


def _concave(information: np.ndarray, terms: Terms, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """`information` if it is positive definite; else with its curvatures, per those of the other rows, made so."""
    if weight.min() > 0:
        return information
    others = _derivatives(terms, x, np.maximum(weight, 0.0))[1]
    root = np.linalg.cholesky(others[: len(information), : len(information)])
    share, axes = np.linalg.eigh(np.linalg.solve(root, np.linalg.solve(root, information).T))
    if share[0] > 0:
        return information
    back = root @ axes
    return back * np.maximum(np.abs(share), LEAST) @ back.T


def _flat(information: np.ndarray, sample: Sample, x: np.ndarray, unit: float) -> np.ndarray | None:
    """The direction of least information, if there is none to speak of for its size."""
    least = np.zeros(x.shape[0] + 1)
    least[: len(information)] = np.linalg.eigh(information)[1][:, 0]
    change = max(np.abs(_change(bound, least, x)).max() for bound in (sample.low, sample.high))
    part = least[: len(information)]
    return None if part @ information @ part > FLAT * unit * change**2 else least


def _change(r: np.ndarray, direction: np.ndarray, x: np.ndarray) -> np.ndarray:
    """How much z of each row changes along `direction`; 0 where the bound is infinite."""
    return np.where(np.isfinite(r), r, 0.0) * direction[-1] - direction[:-1] @ x
