"""The bootstrap over patients of Turnbull's estimate: pointwise intervals for the curve and its quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ...errors import must, real_numbers, whole_number
from ..serial import Writable
from .intervals import Codes, Innermost, endpoint_codes, innermost_of
from .npmle import maximise
from .turnbull import SAME, TurnbullResult, holding

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = (0.025, 0.975)


@dataclass(frozen=True, eq=False, repr=False)
class TurnbullBootstrap(Writable):
    """Turnbull's estimate with pointwise 95% intervals; made by `TurnbullResult.bootstrap`.

    Attributes
    ----------
    fit : TurnbullResult
        The estimate from all patients.
    left, right, mass : float array (k,)
        The intervals with mass of every resample, one resample after the other.
    first : int array (resamples,)
        Where in them each resample begins.
    m : int
        Patients in each resample.
    rate : float
        Estimates are taken to vary as patients ** −rate.
    seed : int
    """

    fit: TurnbullResult
    left: np.ndarray
    right: np.ndarray
    mass: np.ndarray
    first: np.ndarray
    m: int
    rate: float
    seed: int

    @property
    def resamples(self) -> int:
        """How many resamples were fitted."""
        return self.first.size

    @property
    def scale(self) -> float:
        """What the deviations of the resamples from the estimate are multiplied by: (m/patients) ** rate."""
        return float((self.m / self.fit.patients) ** self.rate)

    def survival(self, weeks: ArrayLike) -> pd.DataFrame:
        """The probability that effect lasts longer than `weeks`, with 95% intervals.

        Parameters
        ----------
        weeks : array_like of float, weeks

        Returns
        -------
        pandas.DataFrame
            ``weeks``, ``estimate`` (each interval's mass at its right end), ``se``, ``lower`` and ``upper``. Inside an
            interval with mass the curve is not known: ``lower`` is for the mass at the left ends, ``upper`` for the
            mass at the right ends.
        """
        estimate = self.fit.survival(weeks)
        at = estimate["weeks"].to_numpy()
        high, low = np.empty((2, at.size, self.resamples))
        for i, week in enumerate(at):
            high[i] = self._still(self.right > week)
            low[i] = self._still((self.left > week) | ((self.left == week) & (self.right > week)))
        return pd.DataFrame(
            {
                "weeks": at,
                "estimate": estimate["survival"],
                "se": self.scale * high.std(axis=1, ddof=1),
                "lower": self._limit(estimate["survival_low"].to_numpy(), low, LEVELS[0]),
                "upper": self._limit(estimate["survival"].to_numpy(), high, LEVELS[1]),
            }
        )

    def quantile(self, p: ArrayLike) -> pd.DataFrame:
        """The week by which a share `p` of cycles has lost effect, with 95% intervals.

        Parameters
        ----------
        p : array_like of float, in (0, 1)

        Returns
        -------
        pandas.DataFrame
            ``p``, ``estimate`` (as `TurnbullResult.quantile`), ``se``, ``lower`` and ``upper`` (weeks). The limits are
            the weeks at which those of `survival` fall to 1 − p; with as many patients in each resample as in the data
            that is the percentile interval. ``se`` is NaN if a resample never falls that far.
        """
        p = np.atleast_1d(real_numbers(p, "p"))
        must(p.ndim == 1, f"`p` must be one-dimensional, not of shape {p.shape}")
        estimate = self.fit.quantile(p)
        parts = zip(np.split(self.right, self.first[1:]), np.split(self.mass, self.first[1:]), strict=True)
        drawn = np.array([right[holding(mass, p)] for right, mass in parts])
        known = np.isfinite(drawn).all(axis=0)
        spread = np.where(known, np.where(known, drawn, 0.0).std(axis=0, ddof=1), np.nan)
        return pd.DataFrame(
            {
                "p": p,
                "estimate": estimate,
                "se": self.scale * spread,
                "lower": [self._falls_to(1 - share, self.left, self.fit.left, LEVELS[0]) for share in p],
                "upper": [self._falls_to(1 - share, self.right, self.fit.right, LEVELS[1]) for share in p],
            }
        )

    def plot(self, ax: Axes | None = None, **line: object) -> Axes:
        """Draw the estimate with its intervals; `TurnbullResult.plot` with ``intervals=self``."""
        return self.fit.plot(ax, intervals=self, **line)

    def band(self, weeks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper limits of the curve just after `weeks`, for drawing."""
        lower = [self._after(week, self.left, self.fit.left, LEVELS[0]) for week in weeks]
        upper = [self._after(week, self.right, self.fit.right, LEVELS[1]) for week in weeks]
        return np.array(lower), np.array(upper)

    def _still(self, ahead: np.ndarray) -> np.ndarray:
        """For each resample, the mass that is `ahead`."""
        return np.add.reduceat(np.where(ahead, self.mass, 0.0), self.first)

    def _limit(self, estimate: np.ndarray, drawn: np.ndarray, level: float) -> np.ndarray:
        return np.clip(estimate + self.scale * (np.quantile(drawn, level, axis=-1) - estimate), 0, 1)

    def _after(self, week: float, ends: np.ndarray, ends_of_fit: np.ndarray, level: float) -> float:
        """The limit just after `week`, with each mass at the left or at the right `ends`."""
        here = self.fit.mass[ends_of_fit > week].sum()
        return float(self._limit(here, self._still(ends > week), level))

    def _falls_to(self, share: float, ends: np.ndarray, ends_of_fit: np.ndarray, level: float) -> float:
        """The first week after which the limit is at most `share`: by bisection, since it only falls."""
        weeks = np.union1d(ends, ends_of_fit)
        below, above = -1, weeks.size - 1  # after the last of them no mass is left
        while above - below > 1:
            middle = (below + above) // 2
            falls = self._after(weeks[middle], ends, ends_of_fit, level) <= share + SAME
            below, above = (below, middle) if falls else (middle, above)
        return float(weeks[above])

    def __repr__(self) -> str:
        return f"<Turnbull, bootstrap: {self._line()}>"

    def _repr_html_(self) -> str:
        from html import escape

        quartiles = self.quantile([0.25, 0.5, 0.75]).to_html(index=False)
        return f"<p>Turnbull, bootstrap: {escape(self._line())}</p>{quartiles}"

    def _line(self) -> str:
        median = self.quantile(0.5).iloc[0]
        return (
            f"median {median['estimate']:g} weeks, 95% interval {median['lower']:g} to {median['upper']:g}, from "
            f"{self.resamples} resamples of {self.m} of {self.fit.patients} patients; {self.fit.endpoint}"
        )


def bootstrap_patients(
    fit: TurnbullResult,
    resamples: int,
    seed: int,
    m: int | None,
    rate: float,
    progress: bool,
    stream: tuple[int, ...] = (),
) -> TurnbullBootstrap:
    """See `TurnbullResult.bootstrap`; `stream` keeps the random numbers of several fits apart."""
    from tqdm import tqdm

    from ...streams import checked_seed

    patients = fit.patients
    seed = checked_seed(seed)
    must(patients >= 2, f"there are too few patients to resample: {patients}")
    resamples = whole_number(resamples, "resamples", 2)
    m = patients if m is None else whole_number(m, "m", 1, patients, "there are no more patients than that")
    exponent = real_numbers(rate, "rate")
    must(
        exponent.ndim == 0 and bool(0 < exponent < 1),
        "`rate` must lie between 0 and 1",
        "1/3 for continuous visit times, 1/2 for a visit grid",
    )

    data = fit.data
    codes, cell = _cells(endpoint_codes(data.lower, data.upper))
    whole = innermost_of(codes)
    support = np.searchsorted(whole.right, fit.right)
    found: list[tuple[np.ndarray, ...]] = []
    for b in tqdm(range(resamples), desc="resampling patients", unit="resample", disable=not progress):
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(*stream, b))))
        times = np.bincount(rng.integers(patients, size=m), minlength=patients)
        weight = np.bincount(cell, data.weight * times[data.patient], codes.opening.size)
        drawn = np.flatnonzero(weight)
        part = codes.of(drawn)
        inner = innermost_of(part)
        mass = maximise(inner, weight[drawn], _carried(whole.closing[support], fit.mass, part, inner)).mass
        positive = mass > 0
        found.append((inner.left[positive], inner.right[positive], mass[positive]))
    left, right, mass = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    first = np.cumsum([0, *(arrays[0].size for arrays in found[:-1])])
    for array in (left, right, mass, first):
        array.setflags(write=False)
    return TurnbullBootstrap(fit, left, right, mass, first, m, rate, seed)


def _cells(codes: Codes) -> tuple[Codes, np.ndarray]:
    """The different rows among the coded ones, and which of them each row is: few on a visit grid."""
    nodes = 2 * codes.weeks.size + 1
    key, cell = np.unique(codes.opening * nodes + codes.closing, return_inverse=True)
    return codes._replace(opening=key // nodes, closing=key % nodes), cell


def _carried(closing: np.ndarray, mass: np.ndarray, part: Codes, inner: Innermost) -> np.ndarray:
    """Masses of the whole as masses of a part, so that no row of the part is left without.

    `closing` codes where the intervals of the whole end. Rows of the part that cover one of them also cover the last
    innermost interval of the part that starts before the part's next closing: no row closes in between, and all of them
    opened before. Where no row of the part closes later, no row is concerned.
    """
    closes = np.zeros(2 * part.weeks.size + 1, dtype=bool)
    closes[part.closing] = True
    ends = np.flatnonzero(closes)
    following = np.searchsorted(ends, closing)
    kept = following < ends.size
    place = np.searchsorted(inner.opening, ends[following[kept]], side="right") - 1
    carried = np.bincount(place, mass[kept], inner.left.size)
    return carried / carried.sum()
