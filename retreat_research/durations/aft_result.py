"""What a fitted accelerated failure time model knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .families import family_named
from .observed import Observed
from .result import LOG_SCALE, DurationResult

if TYPE_CHECKING:
    from .aft import AFT


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class AFTResult(DurationResult):
    """A fitted accelerated failure time model; made by `AFT.fit`. `params` are β and log σ."""

    title: ClassVar[str] = "Accelerated failure time"
    model: AFT

    @property
    def scale(self) -> float:
        """σ, the scale of ln T."""
        return float(np.exp(self.params.get(LOG_SCALE, 0.0)))

    def _curves(
        self, theta: np.ndarray, x: np.ndarray, log_weeks: np.ndarray, kind: str
    ) -> tuple[np.ndarray, np.ndarray]:
        family, k = family_named(self.family), x.shape[1]
        log_scale = 0.0 if family.fixed_scale else theta[k]
        z = (log_weeks - (x @ theta[:k])[:, None]) / np.exp(log_scale)
        with np.errstate(over="ignore", invalid="ignore"):  # far above the bulk, and at weeks 0 and inf
            return family.log_survival(z), family.log_density(z) - log_scale

    def _refit(self, data: Observed, at: np.ndarray) -> AFTResult:
        return self.model._fit_rows(data, self.design, self.x[at], (), self.endpoint)

    def _facts(self) -> dict[str, str]:
        covariance = self.model.cov + (", G/(G − 1)" if self.model.small_sample else "")
        return {"Covariance:": covariance, "Scale:": f"{self.scale:.5f}"}
