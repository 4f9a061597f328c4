"""What a fitted accelerated failure time model knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..families import Family, Shaped
from ..observed import Observed
from ..result import LOG_SCALE, DurationResult
from .flexible import Flexible

if TYPE_CHECKING:
    from .model import AFT


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class AFTResult(DurationResult):
    """A fitted accelerated failure time model; made by `AFT.fit`. `params` are β and what the family has besides.

    Attributes
    ----------
    law : Family, Shaped or Flexible
        The distribution; of a flexible model its knots.
    """

    title: ClassVar[str] = "Accelerated failure time"
    model: AFT
    law: Family | Shaped | Flexible

    @property
    def scale(self) -> float:
        """σ, the scale of ln T; 1 where the family has none."""
        return float(np.exp(self.params.get(LOG_SCALE, 0.0)))

    def _curves(
        self, theta: np.ndarray, x: np.ndarray, log_weeks: np.ndarray, kind: str
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.law.curves(theta, x, log_weeks)

    def _refit(self, data: Observed, at: np.ndarray) -> AFTResult:
        return self.model._fit_rows(data, self.design, self.x[at], (), self.endpoint, self.law)

    def _facts(self) -> dict[str, str]:
        facts = {"Covariance:": self.model.cov + (", G/(G − 1)" if self.model.small_sample else "")}
        if LOG_SCALE in self.names:
            facts["Scale:"] = f"{self.scale:.5f}"
        if isinstance(self.law, Flexible):
            facts["Knots (weeks):"] = ", ".join(f"{week:.2f}" for week in np.exp(self.law.knots))
            if self.law.held:
                facts["Held level near (weeks):"] = ", ".join(f"{week:.2f}" for week in self.law.held)
        return facts
