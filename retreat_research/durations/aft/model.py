"""Accelerated failure time models: ln T = xβ + σz, fitted to intervals by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...cycles import Cycles
from ...errors import FitError, must, whole_number
from ..design import Design, design_of
from ..families import FAMILIES, SHAPED, Family, Shaped
from ..observed import Observed, must_have_events, observe
from ..result import describe_censoring
from ..splines import MOST_KNOTS
from .flexible import Flexible, maximise_flexible
from .maximum import Maximum, maximise
from .result import AFTResult
from .shape import maximise_shape

COVARIANCES = ("observed", "cluster", "sandwich")
FLEXIBLE = "flexible"


@dataclass(frozen=True)
class AFT:
    """An accelerated failure time model, ln T = xβ + σz, or ln H(t|x) = s(ln t − xβ).

    Parameters
    ----------
    formula : str
        Right-hand side over the columns of ``cycles.frame``, as formulaic and R read it: factors, interactions,
        splines such as ``bs(age, df=4)``, transforms such as ``log(units)``.
    family : {"lognormal", "weibull", "exponential", "loglogistic", "gamma", "gengamma", "flexible"}
        Distribution of T: z is normal, smallest extreme value (exponential: with σ = 1) or logistic; or T is gamma,
        generalised gamma, or has a cumulative hazard that is a spline (see Notes).
    cov : {"observed", "cluster", "sandwich"}
        Covariance from the observed information; or one that allows the cycles of a patient to be alike: ``cluster``
        equals R's ``survreg`` with ``cluster()``, ``sandwich`` is the same with two slips of R put right (see Notes).
        For results rather than comparison with R, use ``sandwich``.
    small_sample : bool
        Multiply the sandwich by G/(G − 1), G the number of patients.
    knots : int
        Inner knots of ``family="flexible"``. 0 is the Weibull model.

    Notes
    -----
    The log-likelihood is Σ_i w_i log P(lower_i < T ≤ upper_i | x_i), an exact row giving the log density of T. It is
    maximised in (β/σ, 1/σ), where it is concave [1]_, by Newton's method. Equivalent in R:
    ``survreg(Surv(lower, upper, type = "interval2") ~ formula + cluster(patient), weights, dist = family)``, with NA
    for a lower bound of 0; ``cluster()`` has no small-sample factor. A cycle known only since its `entry` is divided by
    P(T > entry); the log-likelihood is then not concave everywhere.

    ``gengamma`` is Prentice's generalised gamma [2]_: with μ = xβ, w = (ln T − μ)/σ and γ = Q⁻², γ exp(Qw) has a gamma
    distribution of shape γ; Q = 1 is Weibull, Q = 0 log-normal, Q = σ gamma. ``params`` has log σ as "log(scale)", and
    Q; in R ``flexsurv::flexsurvreg(dist = "gengamma")`` has the same parameters. ``gamma`` is Q = σ: exp(xβ) is
    the mean of T and 1/σ² its shape, "log(shape)"; in R ``flexsurvreg(dist = "gamma")`` has "shape", and
    "rate" = shape·exp(−xβ). Both are found along the maxima at fixed shapes. Where the log-likelihood rises with Q
    without end, an error says so.

    ``flexible`` is ln H(t|x) = s(ln t − (x − x̄)β), s a natural cubic spline [3]_, so that exp(β) are time ratios
    without a family being assumed. The knots are at quantiles, evenly from 5% to 95%, of Turnbull's estimate of the
    times t·exp(−(x − x̄)β) with β of a Weibull fit. "gamma0" is the level of s, in place of the intercept, whose column
    is dropped; "gamma1" and on multiply the basis of Royston and Parmar as in R's ``flexsurvspline``. s must rise: if
    it would fall somewhere at the maximum it is held level there, the summary says where (``fit.law.held``), and
    standard errors take that as given.

    ``cov="cluster"`` equals R always, ``cov="sandwich"`` if all weights are 1 and no row is interval-censored.
    Otherwise R (survival 3.5-3, and its later sources) makes two slips: ``residuals.survreg`` has the derivative in
    log σ of interval-censored rows with the wrong sign, so that its scores do not sum to 0 at the maximum, and
    ``survreg`` leaves the weights out of the scores. Put both right in R and it gives the numbers of
    ``cov="sandwich"``. Robust standard errors are off by some per cent for the first, by a factor for the second.

    References
    ----------
    .. [1] Burridge J (1981). A note on maximum likelihood estimation for regression models using grouped data.
       J R Stat Soc B 43:41-45. doi:10.1111/j.2517-6161.1981.tb01147.x
    .. [2] Prentice RL (1974). A log gamma model and its maximum likelihood estimation. Biometrika 61:539-544.
       doi:10.1093/biomet/61.3.539
    .. [3] Crowther MJ, Royston P, Clements M (2023). A flexible parametric accelerated failure time model and the
       extension to time-dependent acceleration factors. Biostatistics 24:811-831. doi:10.1093/biostatistics/kxac009

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
    knots: int = 2

    def __post_init__(self) -> None:
        known = (*FAMILIES, *SHAPED, FLEXIBLE)
        must(
            isinstance(self.family, str) and self.family in known,
            f"`family` must be one of {', '.join(known)}, not {self.family!r}",
        )
        object.__setattr__(self, "knots", whole_number(self.knots, "knots", 0, MOST_KNOTS))
        must(
            isinstance(self.cov, str) and self.cov in COVARIANCES,
            f"`cov` must be one of {', '.join(COVARIANCES)}, not {self.cov!r}",
        )
        must(isinstance(self.small_sample, bool), "`small_sample` must be True or False")
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
        like: Family | Shaped | Flexible | None = None,
    ) -> AFTResult:
        """Fit to rows whose design is known, with the knots of `like`, if it has any."""
        must_have_events(data)
        groups = data.labels.size
        must(
            self.cov != "cluster" or (self.family in FAMILIES and not data.entry.any()),
            f'cov="cluster" is what R\'s survreg gives, and survreg has no '
            f"{'left truncation' if self.family in FAMILIES else self.family}",
            'use cov="sandwich"',
        )
        if self.cov != "observed" and groups < 2:
            raise FitError(f'cov="{self.cov}" needs at least two patients: use cov="observed", or add patients')
        if self.family == FLEXIBLE:
            design, matrix = design.without_intercept(matrix)
        found, law, covariance = self._maximum(data, matrix, design.names, like)
        scores = np.array([np.bincount(found.patient, part, groups) for part in found.scores]).T
        if self.cov != "observed":
            factor = groups / (groups - 1) if self.small_sample else 1.0
            meat = scores
            if self.cov == "cluster":
                meat = np.array([np.bincount(found.patient, part, groups) for part in found.scores_in_r()]).T
            influence = meat @ covariance
            covariance = factor * influence.T @ influence
        return AFTResult(
            model=self,
            design=design,
            names=(*design.names, *found.extra),
            estimate=found.estimate,
            covariance=(covariance + covariance.T) / 2,
            information=found.information,
            scores=scores,
            llf=found.llf,
            data=data,
            x=matrix,
            censoring=censoring,
            endpoint=endpoint,
            law=law,
        )

    def _maximum(
        self,
        data: Observed,
        matrix: np.ndarray,
        names: tuple[str, ...],
        like: Family | Shaped | Flexible | None,
    ) -> tuple[Maximum, Family | Shaped | Flexible, np.ndarray]:
        """The maximum, whose distribution it is of, and the covariance if all cycles were independent."""
        if self.family == FLEXIBLE:
            return maximise_flexible(self.knots, data, matrix, names, like if isinstance(like, Flexible) else None)
        if self.family in SHAPED:
            found, shaped = maximise_shape(SHAPED[self.family], data, matrix, names), SHAPED[self.family]
            return found, shaped, np.linalg.inv(found.information)
        family = FAMILIES[self.family]
        found = maximise(family, data, matrix, names)
        return found, family, np.linalg.inv(found.information)
