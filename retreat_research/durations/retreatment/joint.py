"""Joint model of how long effect lasts and of retreatment while it lasts, which share the patient's effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import block_diag

from ...cycles import Cycles
from ...errors import FitError, InputError, must, must_all
from ..aft.maximum import maximise
from ..design import design_of
from ..families import FAMILIES, WEIBULL, Family, family_named
from ..mixed.model import MixedAFT
from ..mixed.parameters import names_of
from ..observed import Observed, must_have_events, observe
from ..result import describe_censoring
from .climb import climb
from .likelihood import joint_of
from .result import JointResult

LOG_SHAPE, GAMMA, OMEGA = "retreatment log(shape)", "gamma", "retreatment sd"
START_OF_OMEGA, ITS_SE = 0.7, 0.3  # a start: patients' hazards of return a factor of 2 apart
PLACES = 8  # of the integral within an interval, to begin with; enough for (8, 12] weeks and σ = 0.3


@dataclass(frozen=True)
class JointRetreatment:
    """A mixed AFT of durations, and a hazard of retreatment while effective that depends on the same patient effect.

    ln T_ij = x_ij β + b_i + σ z_ij with b_i ~ N(0, σ_b²), and retreatment while effective comes at week t with hazard
    κ t^(κ−1) exp(w_ij α + γ b_i/σ_b).

    Parameters
    ----------
    formula : str
        Right-hand side for ln T, as for `AFT`.
    family : {"lognormal", "weibull", "exponential", "loglogistic"}
        Distribution of T given the patient.
    retreatment : str
        Right-hand side for the log hazard of retreatment while effective.
    habits : bool
        Patients also differ in how soon they return whatever their effect: the log hazard has another normal effect of
        the patient, independent of b_i, with SD ω (``retreatment sd``; its sign means nothing). Slower.
    nodes : int
        Quadrature nodes along each axis to begin with. They, and the places at which the integral within an interval is
        taken, are doubled until the log-likelihood moves by less than 1e-4.

    Notes
    -----
    Retreatment while effective censors the duration. `MixedAFT` takes that for uninformative given the covariates and
    the patient's other cycles. Here patients may also return the later (γ < 0) or the earlier (γ > 0) the longer their
    effect usually lasts: γ is the change of the log hazard per between-patient SD of ln T. Given the patient's effect,
    duration T and retreatment C are independent, and a patient's likelihood is the integral over N(0, σ_b²) of the
    product of

    - ∫ f_T(t) S_C(t) dt over (L, R] for a loss seen in (L, R]: only until the loss was she at risk of a retreatment
      while effective; L = 0 if it was lost before the first assessment;
    - f_T(t) S_C(t) for a loss at week t;
    - S_T(L) f_C(c) for a retreatment at week c, effect last seen at L. L = c if she was assessed at her return; if not,
      the chance of return is taken not to have changed with a loss that nobody had seen;
    - S_T(L) S_C(L) for effect still seen at L when the records end.

    **What the shared effect takes up.** Without `habits`, whatever sets patients' returns apart and is not in
    `retreatment` (an injector's schedule, say) is put down to b_i. If it outweighs the durations, b_i describes returns
    and no longer durations: σ_b falls below that of `MixedAFT`, γ is large, and the fit may fail. Put what sets returns
    into `retreatment`, give ``habits=True``, and compare ``fit.sd`` with ``fit.sd_alone``. In 200 simulated data sets
    (60 patients with 4 cycles; γ from −1.5 to 0.8) without such habits ``sd/sd_alone`` was 0.87 to 1.42. With habits of
    SD 2 in the log hazard, γ = 0, σ_b = 0.2 and σ = 0.3 it was below 0.71, half of the variance, in half of the fits:
    `association` then warns. But γ = 0 was rejected at 5% in all of them, and in 81% with SD 1. So without
    ``habits=True`` a small p-value of γ does not say that returns have to do with durations.

    Assumptions: the weeks of the visits say nothing about T beyond what was seen at them, nor do returns after a loss;
    and T and C depend on each other through the patient alone. **A return because waning was noticed within the cycle
    is not of that kind.** No such data can tell it from an uninformative return; see `retreatment_sensitivity`.

    With γ = 0 and durations that are exact or right-censored, this is the log-likelihood of `MixedAFT` plus that of a
    Weibull regression of C. With intervals the two stay tied even then, because how long a patient was at risk within
    (L, R] is not known. The log-likelihood, AIC and BIC are those of (T, C) and cannot be compared with those of
    `MixedAFT`.

    Shared-parameter models of this kind are those of [1]_ and [2]_. In R, ``frailtypack::frailtyPenal`` fits a joint
    frailty model, of recurrent exact or interval-censored events and one terminal event for each patient; none fits one
    censoring time for each of many interval-censored cycles.

    References
    ----------
    .. [1] Huang X, Wolfe RA (2002). A frailty model for informative censoring. Biometrics 58:510-520.
       doi:10.1111/j.0006-341X.2002.00510.x
    .. [2] Liu L, Wolfe RA, Huang X (2004). Shared frailty models for recurrent events and a terminal event. Biometrics
       60:747-756. doi:10.1111/j.0006-341X.2004.00225.x

    Examples
    --------
    >>> lower = [8, 10, 12, 12, 14, 16, 4, 8, 4, 8, 7, 6]
    >>> upper = [12, np.inf, 16, np.inf, 18, 20, 8, 12, 8, np.inf, 9, np.inf]
    >>> nan = np.nan
    >>> week = [nan, 10, nan, 12, nan, nan, nan, nan, nan, 8, nan, nan]  # of the retreatments while effective
    >>> cycles = Cycles(lower, upper, patient=list("aabbbbccddee"))
    >>> fit = JointRetreatment().fit(cycles, retreated=week)
    >>> fit.association().retreated
    3
    """

    formula: str = "1"
    family: str = "lognormal"
    retreatment: str = "1"
    habits: bool = False
    nodes: int = 15

    def __post_init__(self) -> None:
        known = [name for name, family in FAMILIES.items() if isinstance(family, Family)]
        must(self.family in known, f"`family` must be one of {', '.join(known)}, not {self.family!r}")
        must(isinstance(self.habits, bool), "`habits` must be True or False")
        must(isinstance(self.nodes, int) and 3 <= self.nodes <= 60, "`nodes` must be a whole number from 3 to 60")

    def fit(self, cycles: Cycles, retreated: ArrayLike | None = None) -> JointResult:
        """Fit to the cycles with a response.

        Parameters
        ----------
        cycles : Cycles
        retreated : array_like of float, shape (len(cycles),), weeks since the session, optional
            When the patient was retreated while effective, NaN where she was not. Without it, the column ``next_weeks``
            of the cycles whose ``censoring`` is "retreated", as `Records.cycles` gives it.

        Returns
        -------
        JointResult

        Raises
        ------
        InputError
            If the weeks of retreatment are missing or impossible, or a formula does not suit the cycles.
        FitError
            If no cycle was retreated while effective, patients do not differ, or the likelihood has no maximum.
        """
        data = observe(cycles, None)
        must_have_events(data)
        frame = cycles.frame
        family = family_named(self.family)
        week = _weeks_of_retreatment(cycles, data, retreated)
        design, x = design_of(self.formula, frame, data.rows)
        hazard_design, w = design_of(self.retreatment, frame, data.rows, "retreatment")
        alone = MixedAFT(self.formula, self.family, nodes=self.nodes).fit(cycles)
        if alone.boundary:
            raise FitError(
                "the SD between patients is 0: the durations of a patient are not alike, so retreatment cannot depend "
                "on what she is like; use rr.AFT, and rr.retreatment_sensitivity for returns that depend on the cycle"
            )
        hazard, hazard_covariance = _weibull_alone(data, week, w, hazard_design.names)
        joint = joint_of(family, data.lower, data.upper, week, x, w, data.patient, self.nodes, 1 + self.habits)
        gamma = np.diag([1 / np.isfinite(week).sum()])
        habits = np.diag([ITS_SE**2] * self.habits)
        start = np.concatenate([alone.estimate, hazard, [0.0], [START_OF_OMEGA] * self.habits])
        spread = block_diag(alone.covariance, hazard_covariance, gamma, habits)[: start.size, : start.size]
        summit = climb(joint, start, spread, self.nodes, PLACES)
        hazard_names = (
            *(f"retreatment {name}" for name in hazard_design.names),
            LOG_SHAPE,
            GAMMA,
            *[OMEGA] * self.habits,
        )
        return JointResult(
            model=self,
            design=design,
            names=(*design.names, *names_of(family, 1), *hazard_names),
            estimate=summit.theta,
            covariance=np.linalg.inv(summit.information),
            information=summit.information,
            scores=summit.found.scores,
            llf=summit.found.llf,
            data=data,
            x=x,
            censoring=describe_censoring(frame["censoring"].to_numpy()[data.rows]),
            endpoint=cycles.endpoint,
            hazard_design=hazard_design,
            retreated=week,
            llf_unrelated=summit.llf_unrelated,
            unit_mean=summit.found.mean[:, 0],
            unit_square=summit.found.square[:, 0],
            sd_alone=alone.sd,
            nodes=summit.nodes,
            places=summit.places,
            node_doubling=summit.moved,
        )


def _weeks_of_retreatment(cycles: Cycles, data: Observed, retreated: ArrayLike | None) -> np.ndarray:
    """(n,) weeks of retreatment while effective of the rows that are fitted, NaN where there was none."""
    n, frame = len(cycles), cycles.frame
    if retreated is None:
        ended = (frame["censoring"] == "retreated").to_numpy()
        must(
            not ended.any() or "next_weeks" in frame,
            "the cycles have no column `next_weeks`, the weeks from a session to the next",
            "give it, or `retreated=`: the week of retreatment of cycles retreated while effective, NaN for the others",
        )
        week = np.where(ended, frame.get("next_weeks", np.nan), np.nan)
        must_all(~ended | np.isfinite(week), "`next_weeks` is missing though the cycle ended in retreatment")
    else:
        try:
            week = np.asarray(retreated, dtype=float)
        except (TypeError, ValueError):
            raise InputError("`retreated` must be weeks, NaN where a cycle did not end in retreatment") from None
        must(week.shape == (n,), f"`retreated` has shape {week.shape}, not ({n},): one per cycle")
        must_all(~np.isinf(week), "`retreated` must not be infinite", "NaN says that there was no retreatment")
    came = ~np.isnan(week)
    at = np.zeros(n, dtype=bool)
    at[data.rows] = np.isinf(data.upper)
    must_all(~came | at, "the cycle was retreated while effective, so it needs a response and `upper` inf")
    must_all(~came | ((week > 0) & (week >= cycles.lower)), "retreatment must come after week 0 and not before `lower`")
    if not came.any():
        raise FitError(
            "no cycle was retreated while effective, so there is no such return to model: use rr.MixedAFT "
            "(`censoring` says which cycles were, or `retreated=` does)"
        )
    return week[data.rows]


def _weibull_alone(
    data: Observed, week: np.ndarray, w: np.ndarray, names: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """α and log κ of the hazard without the patient's effect, each cycle at risk until its loss was seen; a start."""
    came = np.isfinite(week)
    last = np.where(came, week, np.where(np.isfinite(data.upper), data.upper, data.lower))
    risk = data._replace(lower=last, upper=np.where(came, last, np.inf))
    try:
        found = maximise(WEIBULL, risk, w, names)
    except FitError as error:
        raise FitError(f"the hazard of the {came.sum()} retreatments while effective: {error}") from None
    beta, scale = found.estimate[:-1], np.exp(found.estimate[-1])
    jacobian = np.zeros((beta.size + 1, beta.size + 1))  # of (−β/σ, −log σ)
    jacobian[:-1, :-1] = -np.eye(beta.size) / scale
    jacobian[:-1, -1] = beta / scale
    jacobian[-1, -1] = -1.0
    covariance = jacobian @ np.linalg.inv(found.information) @ jacobian.T
    return np.append(-beta / scale, -np.log(scale)), covariance
