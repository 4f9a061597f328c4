"""Who responds: a marginal logistic model of responding, by generalised estimating equations clustered by patient."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit

from ...cycles import Cycles
from ...errors import FitError
from ..design import PATIENT, Design, design_of, listed, must_be_independent, names_text
from ..observed import Observed, weight_of_patients

STEPS = 60  # of the equations; 5 are usual
SOLVED = 1e-10  # length of the equations per cycle, on columns of mean square 1: estimates are good to about 1e-9
SUSPECT = 1e-4  # a fitted probability this near 0 or 1: with separation all that it concerns are nearer still
STILL = 1e-6  # of the largest coefficient that runs away: below it is rounding


class ResponsePart(NamedTuple):
    """A fitted response model with k coefficients."""

    design: Design
    estimate: np.ndarray  # (k,) log odds
    covariance: np.ndarray  # (k, k) sandwich over patients
    influence: np.ndarray  # (g, k) of each patient on the estimate; their outer products sum to the covariance
    correlation: float  # exchangeable, between responses of a patient; 0 if none has two cycles, or cycles have weights
    labels: np.ndarray  # (g,) the patients
    assessed: int  # cycles fitted
    responders: int  # among them
    unassessed: int  # cycles of positive weight that were left out: it is not known whether they responded


def fit_response(
    formula: str, cycles: Cycles, weight: np.ndarray, of_patients: bool = False, small_sample: bool = False
) -> ResponsePart:
    """Fit to the assessed cycles of positive weight; `weight` is (len(cycles),).

    It counts the cycles of a patient, or if `of_patients`, patients who are alike and independent. `small_sample`
    multiplies the covariance by g/(g − 1).
    """
    frame = cycles.frame
    known = frame["responder"].notna().to_numpy()
    rows = np.flatnonzero(known & (weight > 0))
    response = frame["responder"].iloc[rows].to_numpy(dtype=float)
    patient, labels = pd.factorize(cycles.patient[rows])
    _must_vary(response, labels.size)
    design, x = design_of(formula, frame, rows, "response")
    n = rows.size
    q, r = np.linalg.qr(x)
    must_be_independent(design.names, r)
    q, r = q * np.sqrt(n), r / np.sqrt(n)
    delta, correlation = _solve(q, response, patient, weight[rows])
    fitted = expit(q @ delta)
    if not (np.isfinite(delta).all() and np.minimum(fitted, 1 - fitted).min() > SUSPECT):
        separating = _separating(q, response)
        if separating is not None:
            direction, apart = separating
            raise FitError(_separation(design, frame.iloc[rows], response, apart, np.linalg.solve(r, direction)))
    if not np.isfinite(delta).all():
        raise FitError("the estimating equations of the response did not converge: use fewer covariates")
    influence = np.linalg.solve(r, _influence(q, response, patient, weight[rows], fitted, correlation))
    if of_patients:
        alike = Observed(rows, response, response, weight[rows], np.zeros(n), patient, np.asarray(labels))
        influence = influence / np.sqrt(weight_of_patients(alike))
    if small_sample:
        influence = influence * np.sqrt(labels.size / (labels.size - 1))
    return ResponsePart(
        design,
        np.linalg.solve(r, delta),
        influence @ influence.T,
        influence.T,
        correlation,
        np.asarray(labels),
        n,
        int(response.sum()),
        int(np.count_nonzero(~known & (weight > 0))),
    )


def must_have_duration(design: Design, cycles: Cycles, weight: ArrayLike) -> None:
    """Raise `FitError` if a level of a factor in the duration's `design` has assessed cycles but no responder."""
    frame = cycles.frame[np.asarray(weight) > 0]
    for name in design.variables:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            ever = frame[frame["responder"].notna()].groupby(frame[name].astype(object))["responder"].any()
            silent = [level for level, some in ever.items() if not some]
            if silent:
                raise FitError(
                    f"no cycle {_with(name, silent)} responds, so there is no duration for it; merge levels, "
                    "or leave those cycles out"
                )


def _must_vary(response: np.ndarray, patients: int) -> None:
    n, some = response.size, int(response.sum())
    if n == 0:
        raise FitError("no cycle was assessed for a response; check the endpoint")
    if some == 0:
        raise FitError(f"none of the {n} assessed cycles responds; check the endpoint")
    if some == n:
        raise FitError(f"all {n} assessed cycles respond, so there is nothing to model; fit the duration alone")
    if patients < 2:
        raise FitError("all assessed cycles are of one patient, which says nothing about patients; add patients")


def _solve(q: np.ndarray, response: np.ndarray, patient: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, float]:
    """The coefficients, NaN if there is no solution, and the working correlation.

    Case weights that differ are counts of cycles. statsmodels' exchangeable correlation takes the weight of row i for
    that of patient i, so such cycles are worked on as independent: the sandwich holds for any working correlation.
    """
    from statsmodels.genmod.cov_struct import Exchangeable, Independence
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_estimating_equations import GEE

    weighted = bool(np.ptp(weight))
    repeated = np.bincount(patient).max() > 1 and not weighted
    working = Exchangeable() if repeated else Independence()
    case = weight if weighted else None
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # what they say of is checked by the caller
        warnings.simplefilter("ignore")
        model = GEE(response, q, patient, family=Binomial(), cov_struct=working, weights=case)
        try:
            found = model.fit(maxiter=STEPS, ctol=SOLVED * response.size * (weight.mean() if weighted else 1.0))
        except (np.linalg.LinAlgError, ValueError, ZeroDivisionError):
            found = None
    if found is None or not found.converged:
        return np.full(q.shape[1], np.nan), np.nan
    return np.asarray(found.params, dtype=float), float(working.dep_params) if repeated else 0.0


def _influence(
    q: np.ndarray, response: np.ndarray, patient: np.ndarray, weight: np.ndarray, fitted: np.ndarray, correlation: float
) -> np.ndarray:
    """Each patient's influence (k, g): (Σ D'V⁻¹D)⁻¹ D'V⁻¹(y − p), where V = W^-½ A^½ R A^½ W^-½, R exchangeable."""
    counts = np.bincount(patient)
    spread, often = np.sqrt(fitted * (1 - fitted)), np.sqrt(weight)
    root = q * (spread * often)[:, None]
    residual = (response - fitted) / spread * often
    together = correlation / (1 + (counts - 1) * correlation)

    def over_patients(values: np.ndarray) -> np.ndarray:
        return np.array([np.bincount(patient, column, counts.size) for column in values.T])

    sums, sum_residual = over_patients(root), np.bincount(patient, residual, counts.size)
    bread = root.T @ root - (sums * together) @ sums.T
    scores = over_patients(root * residual[:, None]) - sums * (together * sum_residual)
    return np.linalg.solve(bread, scores)


def _separating(q: np.ndarray, response: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """A direction (k,) with xβ ≥ 0 for all who respond and ≤ 0 for all others, and where it is not 0 (n,), if any.

    Then, and only then, there is no finite estimate of a logistic model [1]_. The linear programme makes xβ at least 1
    in size for as many cycles as can be.

    .. [1] Albert A, Anderson JA (1984). On the existence of maximum likelihood estimates in logistic regression models.
       Biometrika 71:1-10. doi:10.1093/biomet/71.1.1
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, eye_array, hstack

    signed, which = np.unique(np.where(response[:, None] == 1, q, -q), axis=0, return_inverse=True)
    m, k = signed.shape
    sizes = np.append(np.zeros(k), -np.ones(m))
    limits = [(None, None)] * k + [(0, 1)] * m
    found = linprog(sizes, A_ub=hstack([csr_array(-signed), eye_array(m)]), b_ub=np.zeros(m), bounds=limits)
    apart = found.x[k:] > 0.5 if found.success else np.zeros(m, dtype=bool)
    return (found.x[:k], apart[which.ravel()]) if apart.any() else None


def _separation(design: Design, frame: pd.DataFrame, response: np.ndarray, apart: np.ndarray, beta: np.ndarray) -> str:
    """Name the levels at which all or none respond, or else the columns whose coefficients run away."""
    problems = []
    for name in design.variables:
        column = frame[name].astype(object).reset_index(drop=True)
        levels = column.groupby(column).groups
        if len(levels) > len(design.names):
            continue  # a number, not a factor
        for share, whose in ((0, "no cycle"), (1, "every cycle")):
            alike = [level for level, rows in levels.items() if apart[rows].all() and response[rows].mean() == share]
            problems += [f"{whose} {_with(name, alike)} responds"] if alike else []
    if problems:
        return f"{', '.join(problems)}, so the odds have no finite estimate; merge levels, or leave those cycles out"
    size = np.abs(beta) / np.abs(beta).max()
    columns = [name for name, part in zip(design.names, size, strict=True) if part > STILL and name != "Intercept"]
    return (
        f"{names_text(columns)} can tell cycles that all respond from cycles that do not, so the odds have no finite "
        "estimate; merge levels, or drop a term"
    )


def _with(name: str, levels: list[Any]) -> str:
    """A factor's levels, or of patients how many, as their labels are private."""
    if name == PATIENT:
        return f"of {len(levels)} patients" if len(levels) > 1 else "of one patient"
    return f"with {name} {listed([str(level) for level in levels])}"
