"""Turnbull's estimate of the survival curve: no model, only intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..cycles import Cycles
from ..errors import must_all
from .intervals import innermost_intervals
from .npmle import maximise
from .observed import observe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SAME = 1e-12  # probabilities closer than this are the same: sums of masses are rounded


@dataclass(frozen=True)
class Turnbull:
    """The nonparametric maximum-likelihood estimate for durations in (lower, upper].

    Takes left-, right- and interval-censored and exact rows. Exact and right-censored rows alone give Kaplan-Meier.

    Notes
    -----
    Maximises Σ_i w_i log P(lower_i < T ≤ upper_i), an exact row giving P(T = t). The mass lies in the innermost
    intervals [1]_; where inside them the data cannot say. Every fit is certified: the log-likelihood is within
    ``kkt_gap`` of its maximum, at most 1e-8 of the sum of weights, or `FitError` is raised.

    Intervals are half-open, as visits make them: neighbours share no week, and an exact time equal to a lower bound is
    outside. Equivalent in R: ``npsurv::npsurv(cbind(lower, upper))``, and to the precision of its EM
    ``survival::survfit(Surv(lower, upper, type = "interval2") ~ 1)``, which draws each mass at the middle. Closed
    intervals, as lifelines has them, give another estimate on visit grids.

    References
    ----------
    .. [1] Turnbull BW (1976). The empirical distribution function with arbitrarily grouped, censored and truncated
       data. J R Stat Soc B 38:290-295. doi:10.1111/j.2517-6161.1976.tb01597.x

    Examples
    --------
    >>> cycles = Cycles([8, 12, 0, 12], [12, float("inf"), 10, 16])
    >>> fit = Turnbull().fit(cycles)
    >>> fit.intervals.round(3)
       left  right  mass
    0   8.0   10.0   0.5
    1  12.0   16.0   0.5
    >>> fit.quantile(0.5)
    10.0
    """

    def fit(self, cycles: Cycles, weights: ArrayLike | None = None) -> TurnbullResult:
        """Estimate from the cycles with a response.

        Parameters
        ----------
        cycles : Cycles
        weights : array_like of float, shape (len(cycles),), optional
            How often each row counts; a row of weight 0 is left out.

        Returns
        -------
        TurnbullResult

        Raises
        ------
        FitError
            If there is no cycle with a response, or the maximum cannot be certified.
        """
        data = observe(cycles, weights)
        inner = innermost_intervals(data.lower, data.upper)
        best = maximise(inner, data.weight)
        has_mass = best.mass > 0
        arrays = inner.left[has_mass], inner.right[has_mass], best.mass[has_mass]
        for array in arrays:
            array.setflags(write=False)
        return TurnbullResult(*arrays, best.llf, data.rows.size, best.kkt_gap, cycles.endpoint)


@dataclass(frozen=True, eq=False, repr=False)
class TurnbullResult:
    """Turnbull's estimate; made by `Turnbull.fit`.

    Attributes
    ----------
    left, right : float array (k,), weeks
        The innermost intervals that have mass, in order: open on the left unless ``left == right``.
    mass : float array (k,)
        Their probabilities.
    llf : float
        The log-likelihood.
    nobs : int
        Rows fitted: cycles with a response and a positive weight.
    kkt_gap : float
        The log-likelihood is at most this much below its maximum.
    endpoint : object
        What "loss of effect" means here, from the cycles.
    """

    left: np.ndarray
    right: np.ndarray
    mass: np.ndarray
    llf: float
    nobs: int
    kkt_gap: float
    endpoint: Any

    @property
    def converged(self) -> bool:
        """True: a fit that cannot be certified raises `FitError`."""
        return True

    @property
    def intervals(self) -> pd.DataFrame:
        """The innermost intervals with mass: left, right (weeks) and mass, k rows."""
        return pd.DataFrame({"left": self.left, "right": self.right, "mass": self.mass})

    def survival(self, weeks: ArrayLike) -> pd.DataFrame:
        """The probability that effect lasts longer than `weeks`.

        Parameters
        ----------
        weeks : array_like of float, weeks

        Returns
        -------
        pandas.DataFrame
            ``weeks``, ``survival`` with each interval's mass at its right end, and ``survival_low`` with it at the
            left end. They differ inside an interval with mass: the estimate is any curve between them.
        """
        weeks = np.atleast_1d(np.asarray(weeks, dtype=float))
        must_all(weeks >= 0, "`weeks` must be numbers that are not negative")
        remaining = np.append(np.cumsum(self.mass[::-1])[::-1], 0.0)
        remaining[0] = 1.0
        ended = np.searchsorted(self.right, weeks, side="right")
        begun = np.searchsorted(self.left, weeks, side="left")
        at = np.minimum(begun, self.left.size - 1)
        begun += (self.left[at] == weeks) & (self.right[at] == weeks) & (begun < self.left.size)
        return pd.DataFrame({"weeks": weeks, "survival": remaining[ended], "survival_low": remaining[begun]})

    def quantile(self, p: ArrayLike) -> Any:
        """The week by which a share `p` of cycles has lost effect.

        Parameters
        ----------
        p : float or array_like of float, in (0, 1)

        Returns
        -------
        float or float array of the shape of `p`, weeks
            The first week at which ``survival`` is at most 1 − p, inf where that is never reached. Where in its
            innermost interval the event lies the data cannot say: the right end is given.
        """
        p = np.asarray(p, dtype=float)
        must_all((p > 0) & (p < 1), "`p` must lie between 0 and 1")
        weeks = self.right[self._holding(p)]
        return float(weeks) if p.ndim == 0 else weeks

    def _holding(self, p: np.ndarray) -> np.ndarray:
        """Which interval holds the quantile."""
        at = np.searchsorted(np.cumsum(self.mass), p - SAME)
        return np.minimum(at, self.mass.size - 1)

    def summary_frame(self) -> pd.DataFrame:
        """`intervals` with the survival after each of them."""
        return self.intervals.assign(survival=self.survival(self.right)["survival"])

    def plot(self, ax: Axes | None = None, **line: Any) -> Axes:
        """Draw the curve, with the regions shaded in which the estimate is not unique.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        **line : passed to `Axes.step`, for instance ``label`` or ``color``

        Returns
        -------
        matplotlib.axes.Axes
        """
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        finite = np.concatenate([self.left, self.right[np.isfinite(self.right)]])
        end = finite.max() * (1.0 if np.isfinite(self.right[-1]) else 1.1)
        right = np.minimum(self.right, end)
        after = self.survival(self.right)["survival"].to_numpy()
        still = np.where(np.isfinite(self.right), after, self.mass)
        (curve,) = ax.step(np.concatenate([[0.0], right]), np.concatenate([[1.0], still]), where="post", **line)
        ax.bar(
            self.left,
            self.mass,
            right - self.left,
            after,
            align="edge",
            color=curve.get_color(),
            alpha=0.25,
            linewidth=0,
        )
        ax.set(xlabel="Weeks since treatment", ylabel="Share with effect", ylim=(0, 1.02))
        ax.set_xlim(left=0)
        return ax

    def __repr__(self) -> str:
        return f"<Turnbull: {self._line()}>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>Turnbull: {escape(self._line())}</p>" + self.summary_frame().to_html(index=False)

    def _line(self) -> str:
        median = self._holding(np.array(0.5))
        return (
            f"{self.nobs} cycles, median in ({self.left[median]:g}, {self.right[median]:g}] weeks, "
            f"log-likelihood {self.llf:.4f}, KKT gap {self.kkt_gap:.1e}; {self.endpoint}"
        )
