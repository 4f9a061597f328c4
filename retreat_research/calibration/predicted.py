"""The percentages that the model predicts: integrals over patients, for many parameter vectors at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from ..response import amplitude, duration_factor, effect_of, onset_share_of
from .parameters import LATE_WEEK, median_name
from .quantities import ANCHOR, PEAK_WEEK

Values = Mapping[str, np.ndarray]


def _grid(reach: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the standard normal: the trapezoidal rule, which converges geometrically here."""
    nodes = np.arange(-round(reach / step), round(reach / step) + 1) * step
    weights = np.exp(-(nodes**2) / 2)
    return nodes, weights / weights.sum()


FINE, COARSE = _grid(6.0, 0.25), _grid(5.0, 0.5)


@dataclass(frozen=True, eq=False)
class Layout:
    """The data as arrays, one entry per datum, and which values each needs."""

    week: np.ndarray
    given_week: np.ndarray
    dose: np.ndarray
    kind: np.ndarray
    medians: tuple[str, ...]
    studies: tuple[str, ...]
    levels: tuple[str, ...]
    raters: tuple[str, ...]
    failures: tuple[str, ...]

    @classmethod
    def of(cls, data: pd.DataFrame) -> Layout:
        """The layout of the data of `read_curves`."""
        dose = data["dose"].to_numpy(dtype=float)
        return cls(
            week=data["week"].to_numpy(dtype=float),
            given_week=data["given_week"].to_numpy(dtype=float),
            dose=dose,
            kind=data["kind"].to_numpy(dtype=object),
            medians=tuple(
                median_name(i, p) if r > 0 else ""
                for i, p, r in zip(data["indication"], data["product"], dose, strict=True)
            ),
            studies=tuple(f"study, {study}" for study in data["study"]),
            levels=tuple(ANCHOR if level == ANCHOR else f"level, {level}" for level in data["level"]),
            raters=tuple(f"rater_sd, {rater}" for rater in data["rater"]),
            failures=tuple(f"non_response, {end}" if end else "non_response" for end in data["endpoint"]),
        )

    def rows(self, rows: np.ndarray, week: np.ndarray | None = None) -> Layout:
        """Some of the data, at other weeks if given."""

        def some(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(names[row] for row in rows)

        return Layout(
            (self.week[rows] if week is None else week), self.given_week[rows], self.dose[rows], self.kind[rows],
            some(self.medians), some(self.studies), some(self.levels), some(self.raters),
            some(self.failures),
        )  # fmt: skip


def predicted(layout: Layout, values: Values) -> np.ndarray:
    """The share that the model predicts for each datum.

    Parameters
    ----------
    layout : Layout, m data
    values : mapping of str to float array (k,)
        Every parameter, in its own unit; k vectors of them.

    Returns
    -------
    float array (k, m)

    Notes
    -----
    A rating above level y in week t: (1 − ν) E Φ((effect(t) − y)/s) + ν Φ(−y/s), the mean over ln T ~ N(ln median +
    study + ln g(r)/g(1), total SD²) and ln onset ~ N(ln onset, onset SD²), ν non-response, s the rater's SD. Given
    one in week t₀: the share of both over that of t₀, the raters' errors being independent. Onset by week t:
    1 − e^(−κt) (1 − (1 − ν) Φ(ln(t/(−onset·ln(1 − θ/peak)))/onset SD)), κ false onsets per week, θ the threshold. A
    mean: E effect(t)/E effect(peak week).
    """
    vectors = len(next(iter(values.values())))
    share = np.empty((vectors, layout.week.size))
    onset, rating, mean = (np.flatnonzero(layout.kind == kind) for kind in ("onset", "rating", "mean"))
    given = rating[~np.isnan(layout.given_week[rating])]
    plain = np.setdiff1d(rating, given)
    if onset.size:
        share[:, onset] = _noticed(layout.rows(onset), values)
    for late in (False, True):
        rows = plain[(layout.week[plain] >= LATE_WEEK) == late]
        if rows.size:
            own = layout.rows(rows)
            above, nothing, weights = rated(own, values, late)
            share[:, rows] = _mixed(own, above @ weights, nothing, values)
    if given.size:
        own = layout.rows(given)
        above, nothing, weights = rated(own, values, False)
        before = rated(layout.rows(given, layout.given_week[given]), values, False)[0]
        twice = _mixed(own, (above * before) @ weights, nothing**2, values)
        share[:, given] = twice / _mixed(own, before @ weights, nothing, values)
    if mean.size:
        weights = _over(False)[2]
        there = effects(layout.rows(mean), values, False) @ weights
        share[:, mean] = there / (effects(layout.rows(mean, np.full(mean.size, PEAK_WEEK)), values, False) @ weights)
    return share


def rated(layout: Layout, values: Values, late: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chance of a rating above the level at each node (k, m, nodes), without response (k, m), and the weights."""
    level = _each(layout.levels, values)
    error = _each(layout.raters, values)
    above = ndtr((effects(layout, values, late) - level[..., None]) / error[..., None])
    return above, ndtr(-level / error), _over(late)[2]


def effects(layout: Layout, values: Values, late: bool) -> np.ndarray:
    """Effect (k, m, nodes) of a patient who responds; `late`: the onset is over."""
    duration, speed, _ = _over(late)
    k = len(values["threshold"])
    log_own = np.zeros((k, layout.week.size))
    peak = np.zeros((k, layout.week.size))
    for row, (median, study, dose) in enumerate(zip(layout.medians, layout.studies, layout.dose, strict=True)):
        if dose > 0:
            peak[:, row] = amplitude.py_func(dose, values["amplitude_half"])
            log_own[:, row] = (
                np.log(values[median] * duration_factor.py_func(dose, values["dose_half"])) + values[study]
            )
    own = log_own[..., None] + values["total_sd"][:, None, None] * duration
    week = layout.week[:, None]
    if late:
        risen = np.ones_like(own)
    else:
        onset = values["onset_weeks"][:, None, None] * np.exp(values["onset_sd"][:, None, None] * speed)
        risen = onset_share_of(week, onset)
    threshold, hill = values["threshold"][:, None, None], values["curve_hill"][:, None, None]
    return effect_of(np.log(week), peak[..., None], own, risen, threshold, hill)


def _over(late: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes of ln duration and of ln onset, and their weights; of ln duration alone when `late`."""
    if late:
        return FINE[0], np.zeros(1), FINE[1]
    duration, speed = np.meshgrid(COARSE[0], COARSE[0], indexing="ij")
    return duration.ravel(), speed.ravel(), np.outer(COARSE[1], COARSE[1]).ravel()


def _mixed(layout: Layout, responding: np.ndarray, nothing: np.ndarray, values: Values) -> np.ndarray:
    none = _each(layout.failures, values)
    return (1 - none) * responding + none * nothing


def _noticed(layout: Layout, values: Values) -> np.ndarray:
    peak = np.array([amplitude.py_func(dose, values["amplitude_half"]) for dose in layout.dose]).T
    reached = np.full(peak.shape, -np.inf)
    enough = peak > values["threshold"][:, None]
    share = np.broadcast_to(values["threshold"][:, None], peak.shape)[enough] / peak[enough]
    reached[enough] = -np.log(-np.log1p(-share))
    standard = (np.log(layout.week / values["onset_weeks"][:, None]) + reached) / values["onset_sd"][:, None]
    truly = (1 - values["non_response"][:, None]) * ndtr(standard)
    return 1 - np.exp(-values["false_onset"][:, None] * layout.week) * (1 - truly)


def _each(names: tuple[str, ...], values: Values) -> np.ndarray:
    return np.stack([values[name] for name in names], axis=1)
