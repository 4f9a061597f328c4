"""Turnbull's estimates of several groups, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ...errors import real_numbers
from ..serial import Writable
from .bootstrap import TurnbullBootstrap, bootstrap_patients
from .turnbull import TurnbullResult, holding

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Of = TypeVar("Of")


@dataclass(frozen=True, eq=False, repr=False)
class _Grouped(Writable):
    by: tuple[str, ...]
    labels: tuple[Any, ...]

    def _stacked(self, parts: tuple[Of, ...], table: Callable[[Of], pd.DataFrame]) -> pd.DataFrame:
        """The tables of all groups below each other, the groups' columns first."""
        tables = []
        for label, part in zip(self.labels, parts, strict=True):
            values = (label,) if len(self.by) == 1 else label
            below = table(part)
            for place, (name, value) in enumerate(zip(self.by, values, strict=True)):
                below.insert(place, name, [value] * len(below))
            tables.append(below)
        return pd.concat(tables, ignore_index=True)

    def _names(self) -> list[str]:
        several = len(self.by) > 1
        return [", ".join(map(str, label)) if several else str(label) for label in self.labels]


@dataclass(frozen=True, eq=False, repr=False)
class TurnbullGroups(_Grouped):
    """Turnbull's estimate for each group; made by `Turnbull.fit` with ``by``.

    ``groups[label]`` is the `TurnbullResult` of a group; a label is a tuple if there are several columns. Tables hold
    all groups, their columns first.

    Attributes
    ----------
    by : tuple of str
        The columns.
    labels : tuple
        The groups, in order.
    fits : tuple of TurnbullResult
    """

    fits: tuple[TurnbullResult, ...]

    def __getitem__(self, label: Any) -> TurnbullResult:
        return dict(zip(self.labels, self.fits, strict=True))[label]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def intervals(self) -> pd.DataFrame:
        """The innermost intervals with mass: the group, left, right (weeks) and mass."""
        return self._stacked(self.fits, lambda fit: fit.intervals)

    def table(self) -> pd.DataFrame:
        """One row for each group: patients, cycles, where the median lies (weeks), log-likelihood and its KKT gap."""
        return self._stacked(self.fits, _row)

    def survival(self, weeks: ArrayLike) -> pd.DataFrame:
        """`TurnbullResult.survival` of each group."""
        return self._stacked(self.fits, lambda fit: fit.survival(weeks))

    def quantile(self, p: ArrayLike) -> pd.DataFrame:
        """`TurnbullResult.quantile` of each group: ``p`` and ``estimate`` (weeks)."""
        p = np.atleast_1d(real_numbers(p, "p"))
        return self._stacked(self.fits, lambda fit: pd.DataFrame({"p": p, "estimate": fit.quantile(p)}))

    def summary_frame(self) -> pd.DataFrame:
        """`intervals` with the survival after each of them."""
        return self._stacked(self.fits, lambda fit: fit.summary_frame())

    def bootstrap(
        self, resamples: int = 1000, seed: int = 1, m: int | None = None, rate: float = 1 / 3, progress: bool = False
    ) -> TurnbullGroupsBootstrap:
        """`TurnbullResult.bootstrap` of each group, its own patients resampled; `m` patients in each."""
        parts = tuple(
            bootstrap_patients(fit, resamples, seed, m, rate, progress, (group,)) for group, fit in enumerate(self.fits)
        )
        return TurnbullGroupsBootstrap(self.by, self.labels, parts)

    def plot(self, ax: Axes | None = None, intervals: TurnbullGroupsBootstrap | None = None, **line: Any) -> Axes:
        """Draw the curves of all groups with a legend; see `TurnbullResult.plot`."""
        import matplotlib.pyplot as plt

        from ..figures import STYLES
        from .figure import LIMITS, NOTE

        ax = plt.gca() if ax is None else ax
        bands = (None,) * len(self) if intervals is None else intervals.parts
        for i, (name, fit, band) in enumerate(zip(self._names(), self.fits, bands, strict=True)):
            fit.plot(ax, band, **{"label": name, "linestyle": STYLES[i % len(STYLES)], **line})
        ax.legend(title=", ".join(self.by), frameon=False)
        ax.set_title(NOTE if intervals is None else f"{NOTE}; {LIMITS}", loc="right", fontsize="small")
        return ax

    def __repr__(self) -> str:
        return f"<Turnbull by {', '.join(self.by)}: {len(self)} groups>"

    def _repr_html_(self) -> str:
        return self.table().to_html(index=False)


@dataclass(frozen=True, eq=False, repr=False)
class TurnbullGroupsBootstrap(_Grouped):
    """Turnbull's estimate for each group with pointwise 95% intervals; made by `TurnbullGroups.bootstrap`.

    Attributes
    ----------
    by, labels : tuple
        As those of `TurnbullGroups`.
    parts : tuple of TurnbullBootstrap
    """

    parts: tuple[TurnbullBootstrap, ...]

    def __getitem__(self, label: Any) -> TurnbullBootstrap:
        return dict(zip(self.labels, self.parts, strict=True))[label]

    def survival(self, weeks: ArrayLike) -> pd.DataFrame:
        """`TurnbullBootstrap.survival` of each group."""
        return self._stacked(self.parts, lambda part: part.survival(weeks))

    def quantile(self, p: ArrayLike) -> pd.DataFrame:
        """`TurnbullBootstrap.quantile` of each group."""
        return self._stacked(self.parts, lambda part: part.quantile(p))

    def plot(self, ax: Axes | None = None, **line: Any) -> Axes:
        """`TurnbullGroups.plot` with ``intervals=self``."""
        fits = tuple(part.fit for part in self.parts)
        return TurnbullGroups(self.by, self.labels, fits).plot(ax, self, **line)

    def __repr__(self) -> str:
        return f"<Turnbull by {', '.join(self.by)}, bootstrap: {len(self.parts)} groups>"

    def _repr_html_(self) -> str:
        return self.quantile([0.25, 0.5, 0.75]).to_html(index=False)


def _row(fit: TurnbullResult) -> pd.DataFrame:
    median = holding(fit.mass, np.array(0.5))
    return pd.DataFrame(
        {
            "patients": [fit.patients],
            "cycles": fit.nobs,
            "median_left": fit.left[median],
            "median_right": fit.right[median],
            "llf": fit.llf,
            "kkt_gap": fit.kkt_gap,
        }
    )
