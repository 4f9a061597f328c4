"""What a fitted joint model of duration and retreatment knows."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from ..design import Design
from ..families import family_named
from ..likelihood_ratio import LikelihoodRatio
from ..normal_mixture import over_patients
from ..predictions import WIDTH
from ..result import DurationResult

if TYPE_CHECKING:
    from statsmodels.iolib.summary2 import Summary

    from .joint import JointRetreatment

TAKEN_OVER = 0.5  # of the variance between patients of ln T that durations alone show: see `JointRetreatment`


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class JointResult(DurationResult):
    """A fitted joint model; made by `JointRetreatment.fit`.

    `params` are β, ``log(scale)`` (log σ), ``log(sd)`` (log σ_b), α with names that begin with "retreatment",
    ``retreatment log(shape)`` (log κ), ``gamma``, and with habits ``retreatment sd``. Predictions are of the duration
    T; a cycle's hazard of retreatment is in the parameters alone. `llf` is of durations and retreatments together. The
    residuals of `diagnose` take censoring for uninformative, and so can look off where γ is not 0.

    Attributes
    ----------
    hazard_design : Design
        The formula of the hazard of retreatment.
    retreated : float array (nobs,), weeks
        When a cycle was retreated while effective, NaN where it was not.
    llf_unrelated : float
        The largest log-likelihood with γ = 0.
    unit_mean, unit_square : float array (n_patients,)
        Posterior mean of b_i/σ_b and of its square at the estimate.
    sd_alone : float
        σ_b of `MixedAFT`, for comparison.
    nodes, places : int
        Quadrature nodes for the patient's effect and within an interval, after doubling.
    node_doubling : float
        How much the log-likelihood moves when they are doubled once more.
    """

    title: ClassVar[str] = "Joint model of duration and retreatment while effective"
    likelihood_of: ClassVar[str] = "durations and retreatments"
    _draws_nothing: ClassVar[str] = (
        "the joint model cannot draw cycles like those fitted: when those that were retreated would have been seen "
        "next is not known; use the intervals of the delta method"
    )
    model: JointRetreatment
    hazard_design: Design
    retreated: np.ndarray
    llf_unrelated: float
    unit_mean: np.ndarray
    unit_square: np.ndarray
    sd_alone: float
    nodes: int
    places: int
    node_doubling: float

    def __post_init__(self) -> None:
        super().__post_init__()
        for array in (self.retreated, self.unit_mean, self.unit_square):
            array.setflags(write=False)

    @property
    def effects(self) -> int:
        """How many independent random effects a patient has: 2 with habits."""
        return 1 + self.model.habits

    @property
    def scale(self) -> float:
        """σ, the scale of ln T given the patient."""
        return float(np.exp(self._split(self.estimate)[1]))

    @property
    def sd(self) -> float:
        """σ_b, the SD of ln T between patients."""
        return float(self._split(self.estimate)[2])

    @property
    def patients(self) -> pd.DataFrame:
        """Indexed by patient: cycles, retreated (cycles retreated while effective), ``mean`` and ``sd`` of b_i.

        Empirical Bayes: given her durations and her retreatments, at the estimated parameters.
        """
        groups, who = self.n_patients, self.data.patient
        return pd.DataFrame(
            {
                "cycles": np.bincount(who, minlength=groups),
                "retreated": np.bincount(who[np.isfinite(self.retreated)], minlength=groups),
                "mean": self.sd * self.unit_mean,
                "sd": self.sd * np.sqrt(np.maximum(self.unit_square - self.unit_mean**2, 0.0)),
            },
            index=pd.Index(self.data.labels, name="patient"),
        )

    def association(self) -> Association:
        """Whether retreatment while effective depends on how long the patient's effect usually lasts."""
        at = self.names.index("gamma")
        gamma, se = float(self.estimate[at]), float(np.sqrt(self.covariance[at, at]))
        return Association(
            gamma=gamma,
            se=se,
            statistic=2 * (self.llf - self.llf_unrelated),
            retreated=int(np.isfinite(self.retreated).sum()),
            cycles=self.nobs,
            patients=int(np.unique(self.data.patient[np.isfinite(self.retreated)]).size),
            sd=self.sd,
            sd_alone=self.sd_alone,
            habits=self.model.habits,
        )

    def summary(self) -> Summary:
        """The fit as statsmodels prints one, and what stands in the way of reading γ."""
        text, caution = super().summary(), self.association().caution
        if caution:
            text.add_text(caution)
        return text

    def _effect_scores(self) -> np.ndarray:
        """Empirical-Bayes means in units of their own standard deviation under the model, (n_patients,)."""
        return self.unit_mean / np.sqrt(np.maximum(1 - self.unit_square + self.unit_mean**2, 1e-12))

    def _split(self, theta: np.ndarray) -> tuple[np.ndarray, float, float]:
        """β, log σ and σ_b."""
        k, fixed = len(self.design.names), family_named(self.family).fixed_scale
        return theta[:k], 0.0 if fixed else theta[k], float(np.exp(theta[k + (not fixed)]))

    def _curves(
        self, theta: np.ndarray, x: np.ndarray, log_weeks: np.ndarray, kind: str
    ) -> tuple[np.ndarray, np.ndarray]:
        family = family_named(self.family)
        beta, log_scale, sd = self._split(theta)
        location, scale = (x @ beta)[:, None], float(np.exp(log_scale))
        if kind == "conditional":
            with np.errstate(all="ignore"):  # far above the bulk, and at weeks 0 and inf
                z = (log_weeks - location) / scale
                return family.log_survival(z), family.log_density(z) - log_scale
        return over_patients(family, log_weeks, location, scale, np.full((len(x), 1), sd))

    def _facts(self) -> dict[str, str]:
        return {
            "Retreatment:": self.model.retreatment,
            "Scale:": f"{self.scale:.5f}",
            "SD between:": f"{self.sd:.5f} (alone {self.sd_alone:.5f})",
            "Nodes:": f"{self.nodes} ({self.places} within intervals)",
            "γ = 0:": f"p = {self.association().likelihood_ratio.p:.4g}",
        }


@dataclass(frozen=True, kw_only=True)
class Association:
    """How retreatment while effective depends on how long a patient's effect usually lasts.

    Attributes
    ----------
    gamma, se : float
        Change of the log hazard of retreatment while effective per between-patient SD of ln T.
    statistic : float
        Likelihood ratio of γ = 0.
    retreated, cycles, patients : int
        Cycles retreated while effective, of how many, and the patients they belong to.
    sd, sd_alone : float
        Between patients of ln T, in the joint model and in `MixedAFT`.
    habits : bool
        Whether returns may differ between patients for reasons of their own.
    """

    gamma: float
    se: float
    statistic: float
    retreated: int
    cycles: int
    patients: int
    sd: float
    sd_alone: float
    habits: bool

    @property
    def taken_over(self) -> bool:
        """Whether the shared effect describes returns rather than durations, so that γ is no finding.

        It is if the joint model leaves less than half of the variance between patients that durations alone show.
        """
        return self.sd**2 < TAKEN_OVER * self.sd_alone**2

    @property
    def caution(self) -> str:
        """What stands in the way of reading γ; nothing, with habits and an effect that describes durations."""
        if self.taken_over:
            remedy = "Put what sets returns into `retreatment`" + ("" if self.habits else ", or use habits=True")
            return (
                "Warning: gamma is no finding here. The shared effect describes when patients return and no longer how "
                f"long effect lasts: between patients, the SD of ln T is {self.sd:.3f}, and {self.sd_alone:.3f} from "
                f"durations alone. {remedy}."
            )
        if self.habits:
            return ""
        return (
            "Without habits=True, patients who return sooner or later for reasons of their own can bring about such a "
            "gamma and p-value."
        )

    @property
    def wald_p(self) -> float:
        """Of γ = 0, from γ over its standard error."""
        from scipy.special import ndtr

        return float(2 * ndtr(-abs(self.gamma / self.se)))

    @property
    def likelihood_ratio(self) -> LikelihoodRatio:
        """The test of γ = 0; γ has no boundary there."""
        from scipy.stats import chi2

        statistic = max(self.statistic, 0.0)
        return LikelihoodRatio(statistic, float(chi2.sf(statistic, 1)), "χ²₁", "γ = 0")

    def frame(self) -> pd.DataFrame:
        """One row: gamma, se, lower, upper (95%), hazard_ratio (per SD), wald_p, lr, lr_p, the counts, sd and
        sd_alone."""
        return pd.DataFrame(
            {
                "gamma": [self.gamma],
                "se": [self.se],
                "lower": [self.gamma - WIDTH * self.se],
                "upper": [self.gamma + WIDTH * self.se],
                "hazard_ratio": [float(np.exp(self.gamma))],
                "wald_p": [self.wald_p],
                "lr": [self.likelihood_ratio.statistic],
                "lr_p": [self.likelihood_ratio.p],
                "retreated": [self.retreated],
                "cycles": [self.cycles],
                "patients": [self.patients],
                "sd": [self.sd],
                "sd_alone": [self.sd_alone],
            }
        )

    def __str__(self) -> str:
        counts = (
            f"{self.retreated} of {self.cycles} cycles, of {self.patients} patients, were retreated while still "
            "effective"
        )
        if self.taken_over:
            return f"{counts}. {self.caution}"
        low, high = np.exp(self.gamma - WIDTH * self.se), np.exp(self.gamma + WIDTH * self.se)
        clear = self.likelihood_ratio.p < 0.05
        way = "more" if self.gamma > 0 else "less"
        said = (
            f"patients whose effect lasts longer return {way} often while it lasts"
            if clear
            else "whether returns have to do with how long a patient's effect lasts is not clear"
        )
        said = (
            f"{counts}; {said}: hazard ratio {np.exp(self.gamma):.2f} per between-patient SD (95% interval {low:.2f} "
            f"to {high:.2f}; likelihood-ratio p = {self.likelihood_ratio.p:.2g}). Returns because waning was noticed "
            "within a cycle are not of this kind: see retreatment_sensitivity."
        )
        return f"{said} {self.caution}" if clear and self.caution else said

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>{self.frame().to_html(index=False, float_format='{:.4g}'.format)}"
