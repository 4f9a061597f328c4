"""The distribution of one patient's next duration."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ...errors import must, must_all, real_numbers
from ..asked import one_number
from ..families import family_named

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class PersonalDistribution:
    """The next duration of one patient: a mixture over what her random effects may be, given her history.

    Attributes
    ----------
    family : str
        The distribution of a duration given the random effects.
    weight, location, scale : float array (m,)
        ln T is location + scale · z with probability weight.
    endpoint : object
        What "loss of effect" means here.
    """

    family: str
    weight: np.ndarray
    location: np.ndarray
    scale: np.ndarray
    endpoint: Any

    def __post_init__(self) -> None:
        for array in (self.weight, self.location, self.scale):
            array.setflags(write=False)

    def survival(self, weeks: ArrayLike) -> Any:
        """The probability that effect still holds at `weeks`; a float, or an array of the shape of `weeks`."""
        weeks = real_numbers(weeks, "weeks")
        must_all(weeks >= 0, "`weeks` must be numbers that are not negative")
        with np.errstate(divide="ignore"):
            lasts = self._lasting(np.log(weeks))
        return float(lasts) if weeks.ndim == 0 else lasts

    def density(self, weeks: ArrayLike) -> Any:
        """The density at `weeks`, per week; a float, or an array of the shape of `weeks`."""
        weeks = real_numbers(weeks, "weeks")
        must_all((weeks > 0) & np.isfinite(weeks), "`weeks` must be positive numbers")
        log_weeks = np.log(weeks)
        with np.errstate(over="ignore"):
            rate = (np.exp(family_named(self.family).log_density(self._z(log_weeks))) / self.scale) @ self.weight
        found = rate / weeks
        return float(found) if weeks.ndim == 0 else found

    def quantile(self, p: ArrayLike) -> Any:
        """The week by which the effect is lost with probability `p`; a float, or an array of the shape of `p`."""
        p = real_numbers(p, "p")
        must_all((p > 0) & (p < 1), "`p` must lie between 0 and 1")
        z = family_named(self.family).quantile(p.reshape(-1))
        own = self.location + self.scale * z[:, None]
        low, high = own.min(axis=1), own.max(axis=1)
        for _ in range(60):
            middle = (low + high) / 2
            lasts = self._lasting(middle) > 1 - p.reshape(-1)
            low, high = np.where(lasts, middle, low), np.where(lasts, high, middle)
        with np.errstate(over="ignore"):  # inf is beyond the range of numbers
            found = np.exp((low + high) / 2).reshape(p.shape)
        return float(found) if p.ndim == 0 else found

    @property
    def median(self) -> float:
        """Weeks."""
        return float(self.quantile(0.5))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The weeks between which the next duration lies with probability `level`, the same beyond either end."""
        level = one_number(level, "level")
        must(0 < level < 1, "`level` must lie between 0 and 1")
        low, high = self.quantile([(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def plot(self, ax: Axes | None = None, **line: Any) -> Axes:
        """Draw the probability that effect still holds, with the median and the 80% interval marked."""
        from ..figures import axes, share_with_effect

        ax = axes(ax)
        weeks = np.linspace(0, self.quantile(0.995), 200)
        (curve,) = ax.plot(weeks, self.survival(weeks), **line)
        low, high = self.interval(0.8)
        ax.axvspan(low, high, color=curve.get_color(), alpha=0.12, linewidth=0)
        ax.plot([self.median] * 2, [0, 0.5], ":", color=curve.get_color())
        share_with_effect(ax)
        ax.set_ylabel("Probability that effect still holds")
        ax.set_xlabel("Weeks since treatment (band: 80% interval; dotted: median)")
        return ax

    def _lasting(self, log_weeks: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.exp(family_named(self.family).log_survival(self._z(log_weeks))) @ self.weight

    def _z(self, log_weeks: np.ndarray) -> np.ndarray:
        return (log_weeks[..., None] - self.location) / self.scale

    def __repr__(self) -> str:
        low, high = self.interval(0.8)
        return f"<next duration: median {self.median:.1f} weeks, 80% interval {low:.1f} to {high:.1f}; {self.endpoint}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self)[1:-1])}</p>"
