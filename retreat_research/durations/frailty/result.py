"""What a fitted gamma-frailty model knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy.special import gammainc, gammaincinv, ndtri

from ...errors import must
from ..likelihood_ratio import LikelihoodRatio, chi_square_mixture
from ..observed import Observed
from ..result import DurationResult
from ..splines import spline_at, spline_inverse
from .likelihood import independent, sample_of, with_frailty

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .model import GammaFrailty

TOLD = 1e-6  # of θ: a patient's cycles that take away less say nothing about her
LOG_GAMMA, LOG_THETA = "log(gamma)", "log(theta)"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GammaFrailtyResult(DurationResult):
    """A fitted gamma-frailty model; made by `GammaFrailty.fit`.

    Attributes
    ----------
    log_knots : float array (b + 1,), ln weeks
        Of the baseline's b coefficients; two for Weibull's, where they do not matter.
    level : bool
        Whether the baseline is held level somewhere, where the unrestricted maximum would let H0 fall: fewer knots are
        enough then.
    frailty_mean, frailty_sd : float array (n_patients,)
        See `patients`.
    nodes : int
        The most nodes that a patient's integral took.
    step : float
        Between them.
    node_doubling : float
        How much the log-likelihood moves when they are doubled.
    llf_independent : float
        The log-likelihood without frailty.
    """

    title: ClassVar[str] = "Proportional hazards"
    ratio: ClassVar[str] = "hazard_ratio"
    model: GammaFrailty
    log_knots: np.ndarray
    level: bool
    frailty_mean: np.ndarray
    frailty_sd: np.ndarray
    nodes: int
    step: float
    node_doubling: float
    llf_independent: float

    def __post_init__(self) -> None:
        super().__post_init__()
        for array in (self.log_knots, self.frailty_mean, self.frailty_sd):
            array.setflags(write=False)

    @property
    def effects(self) -> int:
        """How many random effects a patient has: 0 without frailty."""
        return int(self.model.frailty)

    @property
    def family(self) -> str:
        """The baseline, and the frailty if there is one."""
        return f"{self.model.baseline} baseline" + (", gamma frailty" if self.model.frailty else "")

    @property
    def theta(self) -> float:
        """θ, the variance of the frailty; 0 without one."""
        return float(np.exp(self.params.get(LOG_THETA, -np.inf)))

    @property
    def knots(self) -> np.ndarray:
        """The spline's knots, weeks; none for Weibull's baseline."""
        return np.exp(self.log_knots) if self.model.baseline == "spline" else np.zeros(0)

    @property
    def boundary(self) -> tuple[str, ...]:
        """The parameters on their boundary, which have no standard error."""
        return (LOG_THETA,) if self.model.frailty and self.theta == 0 else ()

    @property
    def patients(self) -> pd.DataFrame:
        """Empirical-Bayes mean and SD of each patient's frailty, and her number of cycles, by patient.

        Above 1: her effect is lost sooner. All are 1, and the SD is 0, where θ is 0.
        """
        return pd.DataFrame(
            {
                "cycles": np.bincount(self.data.patient, minlength=self.n_patients),
                "mean": self.frailty_mean,
                "sd": self.frailty_sd,
            },
            index=pd.Index(self.data.labels, name="patient"),
        )

    def plot_patients(self, ax: Axes | None = None) -> Axes:
        """Draw each patient's frailty with its 95% interval, the smallest (longest durations) first.

        Intervals are of the gamma distribution with the posterior's mean and SD.
        """
        from ..figures import caterpillar

        must(self.theta > 0, "there is no frailty to draw: θ is 0")
        mean, rate = self.frailty_mean, self.frailty_mean / self.frailty_sd**2
        lower, upper = (gammaincinv(mean * rate, p) / rate for p in (0.025, 0.975))
        return caterpillar(mean, lower, upper, "Patient's frailty (hazard ratio)", ax)

    def lr_test(self) -> LikelihoodRatio:
        """Likelihood-ratio test of no frailty, θ = 0, knowing that it is on the boundary."""
        must(self.model.frailty, "there is no frailty to test", "fit GammaFrailty with frailty=True")
        return chi_square_mixture(2 * (self.llf - self.llf_independent), 0, "no variation between patients")

    def _split(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """β, the baseline's coefficients and θ."""
        k, b = len(self.design.names), self.log_knots.size - 1
        baseline = parameters[k : k + b]
        if self.model.baseline == "weibull":
            baseline = np.exp(baseline)
        return parameters[:k], baseline, float(np.exp(parameters[k + b])) if self.model.frailty else 0.0

    def _curves(
        self, theta: np.ndarray, x: np.ndarray, log_weeks: np.ndarray, kind: str
    ) -> tuple[np.ndarray, np.ndarray]:
        beta, baseline, variance = self._split(theta)
        s, slope = spline_at(baseline, self.log_knots, log_weeks)
        with np.errstate(
            over="ignore", invalid="ignore", divide="ignore"
        ):  # far above the bulk, and at weeks 0 and inf
            log_hazard = s + (x @ beta)[:, None]
            hazard = np.exp(log_hazard)
            if kind == "conditional" or variance == 0:
                return -hazard, log_hazard + np.log(slope) - hazard
            grown = np.log1p(variance * hazard)
            return -grown / variance, log_hazard + np.log(slope) - (1 + 1 / variance) * grown

    def _gradient(self, theta: np.ndarray) -> np.ndarray:
        """Of the log-likelihood, (p,); NaN for what is on its boundary."""
        k = self.x.shape[1]
        beta, baseline, variance = self._split(theta)
        weight = np.zeros(self.n_patients)
        weight[self.data.patient] = self.data.weight
        sample, c = sample_of(self.data, weight, self.x, self.log_knots), np.append(beta, baseline)
        gradient = np.full(theta.size, np.nan)
        found = with_frailty(sample, c, float(np.log(variance)), self.step) if variance else independent(sample, c)[0]
        gradient[: found.scores.shape[1]] = found.scores.sum(axis=0)
        if self.model.baseline == "weibull":
            gradient[k] *= baseline[0]
        return gradient

    def _simulate(self, rng: np.random.Generator, at: np.ndarray, patient: np.ndarray) -> np.ndarray:
        beta, baseline, variance = self._split(self.estimate)
        number = patient.max() + 1
        frailty = rng.gamma(1 / variance, variance, number) if variance else np.ones(number)
        with np.errstate(divide="ignore"):
            target = np.log(rng.exponential(size=at.size)) - np.log(frailty[patient]) - self.x[at] @ beta
        return np.exp(spline_inverse(baseline, self.log_knots, target))

    def _effect_scores(self) -> np.ndarray | None:
        """Normal scores of the frailties' means, taken for gamma with mean 1; None if θ is 0.

        With a cumulative hazard of h a patient's frailty has mean (1/θ + events)/(1/θ + h) and variance mean/(1/θ + h),
        so that over patients alike the variance of the mean is θ − 1/(1/θ + h) = θ − SD²/mean.
        """
        if self.theta == 0:
            return None
        spread = self.theta - self.frailty_sd**2 / self.frailty_mean
        told = spread > TOLD * self.theta
        spread = spread[told]
        return ndtri(gammainc(1 / spread, self.frailty_mean[told] / spread)) if told.any() else None

    def _refit(self, data: Observed, at: np.ndarray) -> GammaFrailtyResult:
        return self.model._fit_rows(data, self.design, self.x[at], self.log_knots, (), self.endpoint)

    def _facts(self) -> dict[str, str]:
        facts = {"Covariance:": self.model.cov}
        if self.model.baseline == "spline":
            facts["Knots:"] = ", ".join(f"{week:.3g}" for week in self.knots) + " weeks"
        if self.model.frailty:
            facts |= {"Theta:": f"{self.theta:.5f}", "Nodes:": str(self.nodes)}
        if self.level:
            facts["Baseline:"] = "held level somewhere"
        return facts | ({"On its boundary:": LOG_THETA} if self.boundary else {})
