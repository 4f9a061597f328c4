"""What a δ-sensitivity analysis of retreatment found."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ...errors import must
from ..aft.model import AFT
from ..figures import STYLES, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUANTITIES = ("median", "difference", "ratio")
LABELS = {"median": "Median, weeks", "difference": "Difference of medians, weeks", "ratio": "Ratio of medians"}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class RetreatmentSensitivity:
    """Medians and contrasts over δ; made by `retreatment_sensitivity`.

    Attributes
    ----------
    model : object
        What was fitted.
    deltas : tuple of float
    variables : pandas.DataFrame
        The rows of `newdata`.
    pooled : dict of str to float array (4, rows, deltas)
        Of "median" (weeks), and with several rows "difference" (weeks) and "ratio" of medians to the first row:
        estimate, se, lower and upper (95%).
    direct : float array (rows,), weeks
        The medians without imputation, to check δ = 1 against.
    missing : float array (deltas,)
        Share of the variance of the first row's log median that is between imputations.
    retreated, cycles : int
        Cycles retreated while still effective, and all that were fitted.
    imputations, seed : int
    endpoint : object
        What "loss of effect" means here.
    """

    model: Any
    deltas: tuple[float, ...]
    variables: pd.DataFrame
    pooled: dict[str, np.ndarray]
    direct: np.ndarray
    missing: np.ndarray
    retreated: int
    cycles: int
    imputations: int
    seed: int
    endpoint: Any

    @classmethod
    def pool(cls, *, estimates: np.ndarray, errors: np.ndarray, direct: np.ndarray, **rest: Any) -> Self:
        """Combine estimates and standard errors, (imputations, deltas, rows, 3), by Rubin's rules.

        The last axis is log median, difference and log ratio.
        """
        m = len(estimates)
        mean, within, between = estimates.mean(axis=0), (errors**2).mean(axis=0), estimates.var(axis=0, ddof=1)
        between = (1 + 1 / m) * between
        se = np.sqrt(within + between)
        with np.errstate(divide="ignore", invalid="ignore"):
            freedom = (m - 1) * (1 + within / between) ** 2
            reach = stdtrit(np.minimum(freedom, 1e9), 0.975) * se  # no variance between imputations: normal
        pooled = {}
        for i, name in enumerate(QUANTITIES[: 3 if estimates.shape[2] > 1 else 1]):
            low, middle, high = mean[..., i] - reach[..., i], mean[..., i], mean[..., i] + reach[..., i]
            if name != "difference":
                low, middle, high = np.exp(low), np.exp(middle), np.exp(high)
            spread = se[..., i] * (1.0 if name == "difference" else middle)
            pooled[name] = np.stack([part.T for part in (middle, spread, low, high)])
            pooled[name].setflags(write=False)
        return cls(
            pooled=pooled,
            direct=np.exp(direct[:, 0]),
            missing=(between / (within + between))[:, 0, 0],
            imputations=m,
            **rest,
        )

    @property
    def medians(self) -> pd.DataFrame:
        """One row per row of `newdata` and δ: the variables, delta, estimate, se, lower and upper (weeks; 95%)."""
        return self._table(["median"], 0)

    @property
    def contrasts(self) -> pd.DataFrame:
        """One row per later row of `newdata` and δ: the variables, delta, then difference (weeks) and ratio of medians
        to the first row, each with ``_se``, ``_lower`` and ``_upper`` (95%)."""
        must(len(self.variables) > 1, "there is no contrast: `newdata` has one row")
        return self._table(["difference", "ratio"], 1)

    @property
    def tipping(self) -> pd.DataFrame:
        """Where a conclusion changes, as δ moves away from 1.

        Returns
        -------
        pandas.DataFrame
            The variables, ``quantity``, ``at_1`` (what holds at δ = 1), and the δ nearest to 1 at which it no longer
            does, ``below`` 1 and ``above`` 1, interpolated between `deltas`; NaN: at none of them. Of a median: its
            estimate lies within the interval at δ = 1. Of a difference or ratio: its interval excludes, or includes, no
            difference.
        """
        rows = []
        for quantity, values in self.pooled.items():
            for i in range(quantity != "median", len(self.variables)):
                at_1, margin = self._margin(quantity, values[:, i])
                below, above = _crossings(np.array(self.deltas), margin)
                own = self.variables.iloc[i].to_dict()
                rows.append({**own, "quantity": quantity, "at_1": at_1, "below": below, "above": above})
        return pd.DataFrame(rows)

    def plot(self, ax: Axes | None = None, of: str = "median") -> Axes:
        """Draw a quantity over δ with its 95% band, one line for each row of `newdata`, and its tipping points.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        of : {"median", "difference", "ratio"}

        Returns
        -------
        matplotlib.axes.Axes
        """
        must(isinstance(of, str) and of in self.pooled, f"`of` must be one of {', '.join(self.pooled)}, not {of!r}")
        ax = axes(ax)
        first = int(of != "median")
        tips = self.tipping[self.tipping["quantity"] == of].reset_index(drop=True)
        for i in range(first, len(self.variables)):
            estimate, _, lower, upper = self.pooled[of][:, i]
            (line,) = ax.plot(self.deltas, estimate, STYLES[(i - first) % len(STYLES)], label=self._label(i) or None)
            ax.fill_between(self.deltas, lower, upper, color=line.get_color(), alpha=0.15, linewidth=0)
            for tip in tips.loc[i - first, ["below", "above"]].dropna():
                y = np.interp(tip, self.deltas, estimate)
                ax.plot(tip, y, "o", color=line.get_color(), markerfacecolor="white", zorder=3)
                side = 1 if (i - first) % 2 else -1  # above and below the curve by turns, or labels meet
                ax.annotate(
                    f"{tip:.2f}",
                    (tip, y),
                    xytext=(-6 * side, 9 * side),
                    textcoords="offset points",
                    color=line.get_color(),
                    ha="right" if side > 0 else "left",
                    va="center",
                )
        ax.axvline(1, color="0.6", linewidth=1, zorder=0)
        if first:
            ax.axhline(float(of == "ratio"), color="0.6", linewidth=1, linestyle=":", zorder=0)
        ax.set(xlabel="δ: unseen remainder, times what the model expects", ylabel=LABELS[of])
        if len(self.variables) - first > 1:
            ax.legend(frameon=False)
        return ax

    def __str__(self) -> str:
        said = [
            f"{self.retreated} of {self.cycles} cycles were retreated while still effective; how much longer effect "
            "would have lasted is unseen."
        ]
        one, ends = self.deltas.index(1.0), (0, len(self.deltas) - 1)
        for i in range(len(self.variables)):
            estimate, _, lower, upper = self.pooled["median"][:, i]
            label = self._label(i)
            moves = [f"{estimate[at]:.1f} {_times(self.deltas[at])}" for at in ends if at != one]
            said.append(
                f"{label + ': the' if label else 'The'} median is {estimate[one]:.1f} weeks (95% interval "
                f"{lower[one]:.1f} to {upper[one]:.1f}) if that is what the model expects, {' and '.join(moves)}; "
                f"{self._tip('median', i, 'it leaves that interval', 'it stays within that interval')}."
            )
        for i in range(1, len(self.variables)):
            estimate, _, lower, upper = self.pooled["ratio"][:, i]
            excludes = self._margin("ratio", self.pooled["ratio"][:, i])[0] == "excludes no difference"
            said.append(
                f"{self._label(i)} against {self._label(0)}: the ratio of medians is {estimate[one]:.2f} "
                f"({lower[one]:.2f} to {upper[one]:.2f}); that interval {'excludes' if excludes else 'includes'} 1, "
                f"and {self._tip('ratio', i, 'no longer does', 'does so')}."
            )
        if isinstance(self.model, AFT) and self.model.cov != "observed":
            said.append("Where patients have several cycles, these intervals are too narrow: use MixedAFT.")
        return " ".join(said)

    def __repr__(self) -> str:
        return (
            f"<δ-sensitivity of {type(self.model).__name__}: {self.retreated} of {self.cycles} cycles retreated while "
            f"effective, {self.imputations} imputations, seed {self.seed}; {self.endpoint}>"
        )

    def _repr_html_(self) -> str:
        table = self.medians if len(self.variables) < 2 else self.contrasts
        return f"<p>{escape(str(self))}</p>{table.to_html(index=False, float_format='{:.3f}'.format)}"

    def _table(self, quantities: list[str], first: int) -> pd.DataFrame:
        rows = self.variables.iloc[first:]
        table = rows.loc[rows.index.repeat(len(self.deltas))].reset_index(drop=True)
        table = table.assign(delta=np.tile(self.deltas, len(rows)))
        for name in quantities:
            estimate, se, lower, upper = self.pooled[name][:, first:].reshape(4, -1)
            if name == "median":
                return table.assign(estimate=estimate, se=se, lower=lower, upper=upper)
            own = {name: estimate, f"{name}_se": se, f"{name}_lower": lower, f"{name}_upper": upper}
            table = table.assign(**own)
        return table

    def _margin(self, quantity: str, values: np.ndarray) -> tuple[str, np.ndarray]:
        """What holds at δ = 1, and by how much it does at each δ, positive where it does."""
        estimate, _, lower, upper = values if quantity == "difference" else np.log(values)
        one = self.deltas.index(1.0)
        if quantity == "median":
            return "within its interval", np.minimum(estimate - lower[one], upper[one] - estimate)
        margin = np.maximum(lower, -upper)
        return ("excludes no difference", margin) if margin[one] > 0 else ("includes no difference", -margin)

    def _tip(self, quantity: str, row: int, changes: str, stays: str) -> str:
        table = self.tipping
        at = table[table["quantity"] == quantity].iloc[row - (quantity != "median")][["below", "above"]].dropna()
        if at.empty:
            return f"{stays} at every δ from {self.deltas[0]:g} to {self.deltas[-1]:g}"
        return f"{changes} at δ = {' and '.join(f'{delta:.2f}' for delta in at)}"

    def _label(self, row: int) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.variables.iloc[row].items())


def _times(delta: float) -> str:
    return "if it is none" if delta == 0 else f"if it is {delta:g} times that"


def _crossings(deltas: np.ndarray, margin: np.ndarray) -> tuple[float, float]:
    """The δ nearest to 1, below and above, at which `margin` falls to 0; NaN if it does not."""
    one = int(np.flatnonzero(deltas == 1.0)[0])
    found = []
    for step, stop in ((-1, -1), (1, deltas.size)):
        at = next((i for i in range(one, stop, step) if margin[i] <= 0), None)
        if at is None or at == one:
            found.append(float("nan"))
            continue
        before = at - step
        share = margin[before] / (margin[before] - margin[at])
        found.append(float(deltas[before] + share * (deltas[at] - deltas[before])))
    return found[0], found[1]
