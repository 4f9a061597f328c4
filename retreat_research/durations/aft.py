"""Accelerated failure time models: ln T = xβ + σz, fitted to intervals by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..cycles import Cycles
from ..errors import FitError, must
from .aft_result import AFTResult
from .design import Design, design_of, must_be_independent
from .families import Family, family_named
from .likelihood import Sample, sample_of
from .newton import CERTAIN, NO_SCALE, Peak, climb
from .observed import Observed, must_have_events, observe
from .result import LOG_SCALE, describe_censoring

COVARIANCES = ("observed", "cluster", "sandwich")


@dataclass(frozen=True)
class AFT:
    """An accelerated failure time model, ln T = xβ + σz.

    Parameters
    ----------
    formula : str
        Right-hand side over the columns of ``cycles.frame``, as formulaic and R read it: factors, interactions,
        splines such as ``bs(age, df=4)``, transforms such as ``log(units)``.
    family : {"lognormal", "weibull", "exponential", "loglogistic"}
        Distribution of T: z is normal, smallest extreme value (exponential: with σ = 1) or logistic.
    cov : {"observed", "cluster", "sandwich"}
        Covariance from the observed information; or one that allows the cycles of a patient to be alike: ``cluster``
        equals R's ``survreg`` with ``cluster()``, ``sandwich`` is the same with two slips of R put right (see Notes).
        For results rather than comparison with R, use ``sandwich``.
    small_sample : bool
        Multiply the sandwich by G/(G − 1), G the number of patients.

    Notes
    -----
    The log-likelihood is Σ_i w_i log P(lower_i < T ≤ upper_i | x_i), an exact row giving the log density of T. It is
    maximised in (β/σ, 1/σ), where it is concave [1]_, by Newton's method. Equivalent in R:
    ``survreg(Surv(lower, upper, type = "interval2") ~ formula + cluster(patient), weights, dist = family)``, with NA
    for a lower bound of 0; ``cluster()`` has no small-sample factor.

    ``cov="cluster"`` equals R always, ``cov="sandwich"`` if all weights are 1 and no row is interval-censored.
    Otherwise R (survival 3.5-3, and its later sources) makes two slips: ``residuals.survreg`` has the derivative in
    log σ of interval-censored rows with the wrong sign, so that its scores do not sum to 0 at the maximum, and
    ``survreg`` leaves the weights out of the scores. Put both right in R and it gives the numbers of
    ``cov="sandwich"``. Robust standard errors are off by some per cent for the first, by a factor for the second.

    References
    ----------
    .. [1] Burridge J (1981). A note on maximum likelihood estimation for regression models using grouped data.
       J R Stat Soc B 43:41-45. doi:10.1111/j.2517-6161.1981.tb01147.x

    Examples
    --------
    >>> cycles = Cycles([8, 12, 4, 12, 10], [12, float("inf"), 8, 16, 12])
    >>> fit = AFT(family="weibull").fit(cycles)
    >>> fit.params.round(3)
    Intercept     2.491
    log(scale)   -1.553
    Name: estimate, dtype: float64
    >>> fit.quantile(0.5).round(2)
         p  estimate    se  lower  upper
    0  0.5     11.17  1.34   8.83  14.14
    """

    formula: str = "1"
    family: str = "lognormal"
    cov: str = "observed"
    small_sample: bool = False

    def __post_init__(self) -> None:
        family_named(self.family)
        must(self.cov in COVARIANCES, f"`cov` must be one of {', '.join(COVARIANCES)}, not {self.cov!r}")
        must(
            not self.small_sample or self.cov != "observed",
            "`small_sample` is a factor of the sandwich",
            'give cov="sandwich" or cov="cluster" as well',
        )

    def fit(self, cycles: Cycles, weights: ArrayLike | None = None, entry: ArrayLike | None = None) -> AFTResult:
        """Fit to the cycles with a response.

        Parameters
        ----------
        cycles : Cycles
        weights : array_like of float, shape (len(cycles),), optional
            How often each row counts; a row of weight 0 is left out.
        entry : array_like of float, shape (len(cycles),), weeks, optional
            Left truncation: a cycle is in the data only because its effect outlasted this week. 0 is no truncation.

        Returns
        -------
        AFTResult

        Raises
        ------
        InputError
            If the formula does not suit the cycles: a column that is missing, not finite or collinear.
        FitError
            If the likelihood has no maximum: no loss of effect was seen, or not in every part of the model.
        """
        data = observe(cycles, weights, entry)
        frame = cycles.frame
        must_have_events(data)
        design, matrix = design_of(self.formula, frame, data.rows)
        censoring = describe_censoring(frame["censoring"].to_numpy()[data.rows])
        return self._fit_rows(data, design, matrix, censoring, cycles.endpoint)

    def _fit_rows(
        self,
        data: Observed,
        design: Design,
        matrix: np.ndarray,
        censoring: tuple[tuple[str, int], ...],
        endpoint: Any,
    ) -> AFTResult:
        """Fit to rows whose design is known."""
        must_have_events(data)
        groups = data.labels.size
        must(
            self.cov != "cluster" or not data.entry.any(),
            'cov="cluster" is what R\'s survreg gives, and survreg has no left truncation',
            'use cov="sandwich"',
        )
        if self.cov != "observed" and groups < 2:
            raise FitError(f'cov="{self.cov}" needs at least two patients: use cov="observed", or add patients')
        found = maximise(family_named(self.family), data, matrix, design.names)
        covariance = np.linalg.inv(found.information)
        scores = np.array([np.bincount(found.patient, part, groups) for part in found.scores]).T
        if self.cov != "observed":
            factor = groups / (groups - 1) if self.small_sample else 1.0
            meat = scores
            if self.cov == "cluster":
                meat = np.array([np.bincount(found.patient, part, groups) for part in found.scores_in_r()]).T
            covariance = factor * covariance @ (meat.T @ meat) @ covariance
        return AFTResult(
            model=self,
            design=design,
            names=(*design.names, *(() if family_named(self.family).fixed_scale else (LOG_SCALE,))),
            estimate=found.estimate,
            covariance=(covariance + covariance.T) / 2,
            information=found.information,
            scores=scores,
            llf=found.llf,
            data=data,
            x=matrix,
            censoring=censoring,
            endpoint=endpoint,
        )


class Maximum(NamedTuple):
    """The maximum in β and log σ; of β alone where the family fixes σ. p parameters."""

    estimate: np.ndarray  # (p,)
    information: np.ndarray  # (p, p)
    scores: np.ndarray  # (p, n'), weighted, of each row; entries are rows of their own
    patient: np.ndarray  # (n',) whose they are
    llf: float
    interval: np.ndarray  # (n',) bool, whether the row is interval-censored
    weight: np.ndarray  # (n',)
    fixed_scale: bool

    def scores_in_r(self) -> np.ndarray:
        """(p, n'): with the two slips of R, see `AFT`."""
        scores = self.scores / self.weight
        if not self.fixed_scale:
            scores[-1, self.interval] *= -1
        return scores


def maximise(family: Family, data: Observed, matrix: np.ndarray, names: tuple[str, ...]) -> Maximum:
    """Find the maximum on orthogonal columns around a least-squares start."""
    truncated = np.flatnonzero(data.entry > 0)
    row = np.concatenate([np.arange(data.rows.size), truncated])
    weight = np.concatenate([data.weight, -data.weight[truncated]])
    sample = sample_of(
        np.concatenate([data.lower, data.entry[truncated]]),
        np.concatenate([data.upper, np.full(truncated.size, np.inf)]),
    )
    row, weight = row[sample.order], weight[sample.order]
    matrix = matrix[row]
    n, k = matrix.shape
    q, r = np.linalg.qr(matrix)
    must_be_independent(names, r)
    q, r = np.ascontiguousarray(q.T) * np.sqrt(n), r / np.sqrt(n)
    middle = _middle(sample)
    start = q @ middle / n
    scale = float(np.sqrt(np.mean((middle - start @ q) ** 2))) / family.sd
    scale = scale if scale > 1e-6 else 1.0
    if family.fixed_scale:
        scale = 1.0
    start -= scale * family.mean * q.mean(axis=1)
    peak = climb(family, sample.shifted(start @ q), q, weight, 1 / scale)
    if peak.flat is not None:
        raise FitError(_no_maximum(peak, q, r, names, scale))

    p = len(peak.information)
    delta, tau = peak.theta[:-1], peak.theta[-1]
    inverse = np.linalg.inv(r)
    jacobian = np.zeros((k + 1, k + 1))  # of (β, log σ) in (δ, τ)
    jacobian[:k, :k] = inverse / tau
    jacobian[:k, k] = -inverse @ delta / tau**2
    jacobian[k, k] = -1 / tau
    back = np.linalg.inv(jacobian[:p, :p])
    information = back.T @ peak.information @ back
    return Maximum(
        np.append(inverse @ (start + delta / tau), -np.log(tau))[:p],
        (information + information.T) / 2,
        back.T @ peak.scores()[:p],
        data.patient[row],
        peak.llf,
        (np.arange(n) >= sample.ends[0]) & (np.arange(n) < sample.ends[1]),
        weight,
        family.fixed_scale,
    )


def _middle(sample: Sample) -> np.ndarray:
    """A ln duration for each row to start from: the interval's middle, or its finite end."""
    low = np.where(np.isfinite(sample.low), sample.low, sample.high)
    high = np.where(np.isfinite(sample.high), sample.high, sample.low)
    return (low + high) / 2


def _no_maximum(peak: Peak, q: np.ndarray, r: np.ndarray, names: tuple[str, ...], scale: float) -> str:
    """Name what runs away along the flat direction; `scale` is σ at the start."""
    assert peak.flat is not None
    moves = np.linalg.solve(r, peak.flat[:-1] - peak.theta[:-1] * peak.flat[-1] / peak.theta[-1])
    size = np.abs(moves) * np.sqrt(np.mean((r.T @ q) ** 2, axis=1))
    if abs(peak.llf) < CERTAIN * np.abs(peak.weight).mean() or size.max() < 0.1 * scale * abs(peak.flat[-1]):
        return NO_SCALE
    runaway = [name for name, part in zip(names, size, strict=True) if part > 0.1 * size.max()]
    return (
        f"no finite estimate for {', '.join(runaway)}: there no cycle lost its effect, or every one had lost it by its "
        "first assessment; merge levels, or leave those cycles out"
    )
