"""Endpoints: what counts as response, and what as loss of effect."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass, fields
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from ..errors import must
from .outcomes import TIE, earliest, gains, in_window, outcome, peak
from .scales import SCALES
from .tables import RATERS

#: The smallest gain that `BackToBaseline` calls a response, points.
ONE_GRADE = 1.0

BIASED = "  # biased: residual effect hides response"


@dataclass(frozen=True, repr=False)
class Endpoint(ABC):
    """A scale, and the rule that says for each cycle whether there was a response and when it was lost."""

    scale: str

    @property
    @abstractmethod
    def needs(self) -> tuple[str, ...]:
        """The raters without whom nothing is known."""

    @abstractmethod
    def judge(self, visits: pd.DataFrame, baseline: pd.DataFrame) -> pd.DataFrame:
        """Response and loss of each cycle.

        Parameters
        ----------
        visits : pandas.DataFrame
            One row per visit after a session: ``cycle`` (row of `baseline`), ``weeks`` since its session, and the
            ratings ``investigator`` and ``subject`` (NaN: no information).
        baseline : pandas.DataFrame, n rows
            The ratings before treatment of each cycle, ``investigator`` and ``subject``.

        Returns
        -------
        pandas.DataFrame, n rows
            baseline, peak_gain, peak_week, responder (missing: not assessed), lower, upper.
        """

    def __str__(self) -> str:
        shown = [json.dumps(self.scale, ensure_ascii=False)]
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if field.name not in ("rater", "baseline") or value != field.default:
                shown.append(f"{field.name}={_literal(value)}")
        biased = BIASED if getattr(self, "baseline", "first") == "cycle" else ""
        return f"{type(self).__name__}({', '.join(shown)}){biased}"

    __repr__ = __str__


@dataclass(frozen=True, repr=False)
class LossOfBenefit(Endpoint):
    """Effect is lost when a stated share of the peak benefit is lost.

    Parameters
    ----------
    scale : str
        As in the records.
    loss : float in (0, 1]
        The share of the peak gain whose loss ends the effect.
    response : float, points, optional
        The smallest peak gain of a responder; default: the scale's.
    better : {"lower", "higher"}, optional
        The direction of improvement; default: the scale's.
    peak_by : float, weeks
        The peak is sought in (0, `peak_by`] weeks after the session.
    rater : {"investigator", "subject"}
        Whose ratings count.
    baseline : {"first", "cycle"}
        The last assessment at or before the patient's first session, or before each cycle's own. The second is
        biased: what is left of the last effect hides the response to the next.

    Raises
    ------
    InputError
        If a value is out of its range, or the scale is not registered and its direction or response not given.

    Notes
    -----
    With gain g(t) = baseline − value (lower is better), the peak is the earliest assessment with the largest gain in
    the window, and effect is lost at the first later assessment with g(t) ≤ (1 − loss)·g(peak); a tie, to a relative
    1e-9, is a loss. The loss lies in (L, R]: R is that assessment and L the last one before it; if the effect is never
    seen lost, L is the last assessment of the cycle and R infinite. Missing ratings are no information.

    Examples
    --------
    >>> LossOfBenefit("TWSTRS", response=8)
    LossOfBenefit("TWSTRS", loss=0.8, response=8, better="lower", peak_by=4)
    """

    _: KW_ONLY
    loss: float = 0.8
    response: float = None  # type: ignore[assignment]  # filled from the scale
    better: str = None  # type: ignore[assignment]  # filled from the scale
    peak_by: float = 4.0  # weeks; benefit in dystonia is rated at week 4 (doi:10.1212/WNL.0000000000208091)
    rater: str = "investigator"
    baseline: str = "first"

    def __post_init__(self) -> None:
        _check_gain(self)
        if self.response is None:
            must(self.scale in SCALES, "`response` must be given for a scale that is not registered")
            object.__setattr__(self, "response", SCALES[self.scale].response)
        must(_number(self.loss) and 0 < self.loss <= 1, "`loss` must be above 0 and at most 1")
        must(_number(self.response) and self.response > 0, "`response` must be a positive number of points")

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.rater,)

    def judge(self, visits: pd.DataFrame, baseline: pd.DataFrame) -> pd.DataFrame:
        before = baseline[self.rater].to_numpy()
        known = gains(visits, self.rater, before, self.better)
        peak_gain, peak_week = peak(known, self.peak_by, len(before))
        start = np.where(peak_gain >= self.response * (1 - TIE), peak_week, np.nan)
        lost = known["gain"].to_numpy() <= (1 - self.loss + TIE) * peak_gain[known["cycle"]]
        return outcome(known, before, peak_gain, peak_week, start, lost)


@dataclass(frozen=True, repr=False)
class BackToBaseline(Endpoint):
    """Effect is lost when nothing is left of the improvement.

    Parameters
    ----------
    scale : str
        As in the records.
    peak_by : float, weeks
        A responder gains at least one grade (one point) in (0, `peak_by`] weeks after the session. The default covers
        a visit at day 30 (4.3 weeks) and two weeks of delay.
    better, rater, baseline
        As for `LossOfBenefit`.

    Raises
    ------
    InputError
        If a value is out of its range, or the scale is not registered and its direction not given.

    Notes
    -----
    Effect is lost at the first assessment without gain that is later than the earliest one with a response. L and R as
    for `LossOfBenefit`.

    Examples
    --------
    >>> BackToBaseline("FWS")
    BackToBaseline("FWS", peak_by=6, better="lower")
    """

    _: KW_ONLY
    peak_by: float = 6.0
    better: str = None  # type: ignore[assignment]  # filled from the scale
    rater: str = "investigator"
    baseline: str = "first"

    def __post_init__(self) -> None:
        _check_gain(self)

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.rater,)

    def judge(self, visits: pd.DataFrame, baseline: pd.DataFrame) -> pd.DataFrame:
        before = baseline[self.rater].to_numpy()
        known = gains(visits, self.rater, before, self.better)
        peak_gain, peak_week = peak(known, self.peak_by, len(before))
        gain = known["gain"].to_numpy()
        start = earliest(known, in_window(known, self.peak_by) & (gain >= ONE_GRADE * (1 - TIE)), len(before))
        return outcome(known, before, peak_gain, peak_week, start, gain <= ONE_GRADE * TIE)


@dataclass(frozen=True, repr=False)
class LossOfLevel(Endpoint):
    """Effect is lost when the rating rises above a level.

    Parameters
    ----------
    scale : str
        As in the records; lower is better.
    at_most : float, points
        There is effect while the rating is at or under this level.
    raters : {"investigator", "subject", "both", "either"}
        Whose rating must be at the level: with ``"both"`` there is effect while both are, with ``"either"`` while one
        is.
    peak_by : float, weeks
        A responder reaches the level in (0, `peak_by`] weeks after the session.

    Raises
    ------
    InputError
        If a value is out of its range, or higher is better on this scale.

    Notes
    -----
    Effect is lost at the first assessment above the level that is later than the earliest one with a response. L and R
    as for `LossOfBenefit`. ``peak_week`` is the earliest response or, without one, the earliest assessment in the
    window; there is no ``peak_gain``. Where one of two raters is missing, the other may still decide: one above the
    level is a loss for ``"both"``, one at it is effect for ``"either"``; otherwise the visit is no information.

    Examples
    --------
    >>> LossOfLevel("FWS", at_most=1, raters="both")
    LossOfLevel("FWS", at_most=1, raters="both", peak_by=6)
    """

    _: KW_ONLY
    at_most: float
    raters: str = "investigator"
    peak_by: float = 6.0

    def __post_init__(self) -> None:
        _check_common(self)
        _one_of("raters", self.raters, ("both", "either", *RATERS))
        must(_number(self.at_most), "`at_most` must be a number of points")
        scale = SCALES.get(self.scale)
        if scale is not None:
            must(scale.better == "lower", f"`LossOfLevel` needs a scale on which lower is better, unlike {self.scale}")
            inside = scale.minimum <= self.at_most < scale.maximum
            must(
                inside, f"`at_most` must be at least {scale.minimum:g} and below {scale.maximum:g}, as {self.scale} is"
            )

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.raters,) if self.raters in RATERS else RATERS

    def judge(self, visits: pd.DataFrame, baseline: pd.DataFrame) -> pd.DataFrame:
        n = len(baseline)
        before = baseline[self.raters].to_numpy() if self.raters in RATERS else np.full(n, np.nan)
        known = visits[["cycle", "weeks"]].assign(effect=self._effect(visits)).dropna(subset="effect")
        effect, window = known["effect"].to_numpy(), in_window(known, self.peak_by)
        seen, start = earliest(known, window, n), earliest(known, window & (effect == 1), n)
        return outcome(known, before, np.full(n, np.nan), np.where(np.isnan(start), seen, start), start, effect == 0)

    def _effect(self, visits: pd.DataFrame) -> np.ndarray:
        """1 effect, 0 none, NaN unknown (three-valued logic)."""
        level = self.at_most + TIE * abs(self.at_most)
        ratings = [visits[rater].to_numpy() for rater in self.needs]
        effects = [np.where(np.isnan(rating), np.nan, rating <= level) for rating in ratings]
        if len(effects) == 1:
            return effects[0]
        a, b = effects
        if self.raters == "both":
            return np.where((a == 0) | (b == 0), 0.0, a * b)
        return np.where((a == 1) | (b == 1), 1.0, a + b)


def _check_common(endpoint: Any) -> None:
    must(isinstance(endpoint.scale, str) and bool(endpoint.scale.strip()), "`scale` must be the name of a scale")
    must(_number(endpoint.peak_by) and endpoint.peak_by > 0, "`peak_by` must be a positive number of weeks")


def _check_gain(endpoint: LossOfBenefit | BackToBaseline) -> None:
    _check_common(endpoint)
    _one_of("rater", endpoint.rater, RATERS)
    _one_of("baseline", endpoint.baseline, ("first", "cycle"))
    scale = SCALES.get(endpoint.scale)
    if endpoint.better is None:
        known = ", ".join(SCALES)
        must(scale is not None, "`better` must be given for a scale that is not registered", f"registered are {known}")
        object.__setattr__(endpoint, "better", scale.better if scale else "")
    _one_of("better", endpoint.better, ("lower", "higher"))
    must(scale is None or endpoint.better == scale.better, f"`better` contradicts the scale {endpoint.scale}")


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    must(isinstance(value, str) and value in allowed, f"`{name}` must be one of {', '.join(allowed)}")


def _number(value: Any) -> bool:
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and bool(np.isfinite(float(value)))
    except OverflowError:
        return False


def _literal(value: Any) -> str:
    """A value as Python writes it, whole numbers without a point."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(int(value)) if float(value).is_integer() else repr(float(value))
