"""Proportional hazards with a gamma frailty: cycles of a patient share what multiplies her hazard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...cycles import Cycles
from ...errors import FitError, must, real_numbers, whole_number
from ..aft.maximum import maximise
from ..design import Design, design_of
from ..families import WEIBULL
from ..observed import Observed, must_have_events, observe, weight_of_patients
from ..result import describe_censoring, meat_of
from ..splines import MOST_KNOTS, inverse_where_held, knots_from_data
from .climb import climb
from .likelihood import sample_of
from .result import LOG_GAMMA, LOG_THETA, GammaFrailtyResult

BASELINES = ("weibull", "spline")
COVARIANCES = ("observed", "sandwich")
#: Inner knots: with the two outer ones the four that Harrell (2015, section 2.4.6) finds enough for most sets of data.
INNER = 2
ONE_SLOPE = np.array([0.0, 1.0])  # any two knots make ln H0 a straight line in ln t, which is Weibull's


@dataclass(frozen=True)
class GammaFrailty:
    """Proportional hazards with a gamma frailty u, of mean 1 and variance θ, shared by the cycles of a patient.

    S_ij(t | u_i) = exp(−u_i H0(t) exp(x_ij β)): rows are interval-, left- or right-censored or exact.

    Parameters
    ----------
    formula : str
        Right-hand side over the columns of ``cycles.frame``, as for `AFT`. Its intercept is ln λ.
    baseline : {"weibull", "spline"}
        ln H0(t) = ln λ + γ ln t, t in weeks; or ln λ + s(ln t) with s a natural cubic spline that rises everywhere.
    knots : int or sequence of float, weeks, optional
        Of the spline: how many inner ones beside the two outer ones, at quantiles of Turnbull's estimate from 5% to
        95%; or all of them, the outer two included. 2 without.
    frailty : bool
        Without it θ is 0: plain proportional hazards, cycles independent.
    cov : {"observed", "sandwich"}
        Covariance from the observed information, or the sandwich over patients.

    Notes
    -----
    A patient's likelihood is ∫ Π_j [S_ij(lower | u) − S_ij(upper | u)] g(u) du, an exact row giving the density. It is
    summed over nodes in ln u by a double-exponential rule placed for each patient [1]_, whose step is halved until the
    log-likelihood moves by less than 1e-4. Nothing is subtracted, as the expansion of the product does, which loses
    all digits at 20 cycles. Patients whose rows are all exact or right-censored have the closed form. The observed
    information is by Louis' identity.

    Parameters are β, ``log(gamma)`` or the spline's ``gamma1``, ``gamma2``, … in the basis of Royston and Parmar [2]_,
    and ``log(theta)``. A variance of 0 is reported as log θ = −inf, with no standard error. Where the spline's maximum
    would let H0 fall, it is held level there (``fit.level``), and standard errors take that as given.

    Without frailty the spline equals R's ``flexsurv::flexsurvspline(scale = "hazard")`` at the same knots, and
    Weibull's baseline is ``AFT(family="weibull")`` with γ = 1/σ and log hazard ratios −β/σ. On exact and right-censored
    durations it is R's ``parfm::parfm(dist = "weibull", frailty = "gamma")``.

    References
    ----------
    .. [1] Trefethen LN, Weideman JAC (2014). The exponentially convergent trapezoidal rule. SIAM Rev 56:385-458.
       doi:10.1137/130932132
    .. [2] Royston P, Parmar MKB (2002). Flexible parametric proportional-hazards and proportional-odds models for
       censored survival data. Stat Med 21:2175-2197. doi:10.1002/sim.1203

    Examples
    --------
    >>> cycles = Cycles([8, 12, 12, 4, 4, 8], [12, 16, 16, 8, 8, 10], patient=["a", "a", "a", "b", "b", "b"])
    >>> fit = GammaFrailty().fit(cycles)
    >>> round(fit.theta, 2), fit.lr_test().null
    (1.71, '½χ²₀ + ½χ²₁')
    """

    formula: str = "1"
    baseline: str = "weibull"
    knots: Any = None
    frailty: bool = True
    cov: str = "observed"

    def __post_init__(self) -> None:
        must(
            isinstance(self.baseline, str) and self.baseline in BASELINES,
            f"`baseline` must be one of {', '.join(BASELINES)}, not {self.baseline!r}",
        )
        must(
            isinstance(self.cov, str) and self.cov in COVARIANCES,
            f"`cov` must be one of {', '.join(COVARIANCES)}, not {self.cov!r}",
        )
        must(
            self.knots is None or self.baseline == "spline",
            "`knots` are for a spline",
            'give baseline="spline" as well',
        )
        must(isinstance(self.frailty, bool), "`frailty` must be True or False")
        if self.knots is not None:
            object.__setattr__(self, "knots", _number_or_places(self.knots))

    def fit(self, cycles: Cycles, weights: ArrayLike | None = None) -> GammaFrailtyResult:
        """Fit to the cycles with a response.

        Parameters
        ----------
        cycles : Cycles
        weights : array_like of float, shape (len(cycles),), optional
            How often each patient counts: the same for all her cycles; a row of weight 0 is left out.

        Returns
        -------
        GammaFrailtyResult

        Raises
        ------
        InputError
            If the formula does not suit the cycles, or weights differ within a patient.
        FitError
            If the likelihood has no maximum, or there is no patient with two cycles, so that patients cannot be told
            apart from their cycles.
        """
        data = observe(cycles, weights)
        must_have_events(data)
        design, x = design_of(self.formula, cycles.frame, data.rows)
        censoring = describe_censoring(cycles.frame["censoring"].to_numpy()[data.rows])
        return self._fit_rows(data, design, x, self._knots(data), censoring, cycles.endpoint)

    def _knots(self, data: Observed) -> np.ndarray:
        """In ln weeks."""
        if self.baseline == "weibull":
            return ONE_SLOPE
        if isinstance(self.knots, tuple):
            return np.log(self.knots)
        return knots_from_data(data, INNER if self.knots is None else self.knots)

    def _fit_rows(
        self,
        data: Observed,
        design: Design,
        x: np.ndarray,
        knots: np.ndarray,
        censoring: tuple[tuple[str, int], ...],
        endpoint: Any,
    ) -> GammaFrailtyResult:
        """Fit to rows whose design and knots are known."""
        must_have_events(data)
        weight = weight_of_patients(data)
        if self.frailty:
            _must_repeat(data)
        weibull = maximise(WEIBULL, data, x, design.names).estimate
        k, b = x.shape[1], knots.size - 1
        start = np.concatenate([-weibull[:k], [1.0], np.zeros(b - 1)]) / np.exp(weibull[k])
        summit = climb(sample := sample_of(data, weight, x, knots), knots, start, self.frailty)

        theta, q = summit.theta.copy(), len(summit.information)
        names = tuple(f"gamma{j + 1}" for j in range(b))
        turn = np.ones(q)  # of what was estimated in what is reported
        if self.baseline == "weibull":
            names, turn[k], theta[k] = (LOG_GAMMA,), theta[k], np.log(theta[k])
        information, covariance = np.full((2, theta.size, theta.size), np.nan)
        information[:q, :q] = summit.information * np.outer(turn, turn)
        covariance[:q, :q] = inverse_where_held(information[:q, :q], summit.held)
        scores = np.full((data.labels.size, theta.size), np.nan)
        scores[sample.order, :q] = summit.terms.scores * turn
        if self.cov == "sandwich":
            covariance[:q, :q] = covariance[:q, :q] @ meat_of(scores[:, :q], weight) @ covariance[:q, :q]
        mean, sd = np.empty((2, data.labels.size))
        mean[sample.order], sd[sample.order] = summit.terms.mean, summit.terms.sd
        return GammaFrailtyResult(
            model=self,
            design=design,
            names=(*design.names, *names, *((LOG_THETA,) if self.frailty else ())),
            estimate=theta,
            covariance=(covariance + covariance.T) / 2,
            information=information,
            scores=scores,
            llf=summit.terms.llf,
            data=data,
            x=x,
            censoring=censoring,
            endpoint=endpoint,
            log_knots=knots,
            level=len(summit.held) > 0,
            frailty_mean=mean,
            frailty_sd=sd,
            nodes=summit.terms.nodes,
            step=summit.step,
            node_doubling=summit.node_doubling,
            llf_independent=summit.llf_independent,
        )


def _number_or_places(knots: Any) -> int | tuple[float, ...]:
    """How many inner knots, or all of them; a list would not hash, nor stay as it is."""
    if np.ndim(knots) == 0:
        return whole_number(knots, "knots", 0, MOST_KNOTS, "or give two or more increasing positive weeks")
    weeks = real_numbers(knots, "knots")
    rising = weeks.ndim == 1 and bool((weeks > 0).all() and np.isfinite(weeks).all() and (np.diff(weeks) > 0).all())
    must(
        rising and 2 <= weeks.size <= MOST_KNOTS + 2,
        f"`knots` must be a number of inner knots, or 2 to {MOST_KNOTS + 2} increasing positive weeks",
    )
    return tuple(weeks.tolist())


def _must_repeat(data: Observed) -> None:
    says_something = (data.lower > 0) | np.isfinite(data.upper)
    if np.bincount(data.patient[says_something]).max() < 2:
        raise FitError(
            "no patient has two cycles with a duration, so a frailty cannot be told from the shape of the baseline; "
            "use GammaFrailty(frailty=False)"
        )
