"""The unknowns of the fit: their scales, priors and starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import log

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from ..errors import InputError, must
from ..evidence import ASSUMED
from ..products import nearest
from ..world import World
from .quantities import ANCHOR, GLABELLA

#: Rows from this week on say how long the effect lasts: the onset, a matter of days, is over.
LATE_WEEK = 8.0
#: Rows up to this week say how fast it comes.
EARLY_WEEK = 2.0

#: SD of a study's effect on ln duration.
STUDY_SD = 0.12

WEAK = f"{ASSUMED}: a prior with SD 1 on this scale"


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """A parameter to estimate.

    Attributes
    ----------
    name, unit : str
    scale : {"log", "logit", "identity"}
        On which it is estimated and normal a priori.
    centre : float
        Of the prior, in its own unit; the fit starts there.
    spread : float
        SD of the prior on its scale.
    source : str
        Of the prior.
    default : float
        The default world's value; NaN where it has none.
    """

    name: str
    unit: str
    scale: str
    centre: float
    spread: float = 1.0
    source: str = WEAK
    default: float = np.nan

    def inner(self, value: float) -> float:
        """On the scale of the fit."""
        return log(value) if self.scale == "log" else float(logit(value)) if self.scale == "logit" else value

    def outer(self, value: np.ndarray) -> np.ndarray:
        """In its own unit."""
        return np.exp(value) if self.scale == "log" else expit(value) if self.scale == "logit" else value


@cache
def default_world(indication: str = GLABELLA) -> World:
    """The default world of an indication: where the fit starts and what it is compared with."""
    return World.default(indication)


def total_sd(world: World) -> float:
    """SD of ln duration over patients and cycles; one session each cannot tell the two apart."""
    return float(np.hypot(world.response.between_sd, world.response.within_sd))


def median_name(indication: str, product: str) -> str:
    """The name of a median's parameter."""
    return f"median_weeks, {product}, {indication}"


def unknowns(data: pd.DataFrame) -> tuple[Unknown, ...]:
    """The parameters that the rows of `data` (see `read_curves`) speak of.

    A parameter has a prior from the published range where there is one, taken as 95% of a normal distribution on the
    scale of the fit, and otherwise one with SD 1, which says next to nothing.
    """
    fitted = data[data["kind"] != "mean"]
    rating, onset = fitted[fitted["kind"] == "rating"], fitted[fitted["kind"] == "onset"]
    late = rating[(rating["week"] >= LATE_WEEK) & (rating["dose"] > 0)]
    return (*_durations(late), *_early(fitted, onset), *_responses(fitted, rating), *_studies(late))


def _durations(late: pd.DataFrame) -> Iterator[Unknown]:
    if late.empty:
        return
    world = default_world()
    response = world.response
    for indication, product in dict.fromkeys(zip(late["indication"], late["product"], strict=True)):
        weeks = default_world(indication).response.median_weeks[product]
        yield _positive(median_name(indication, product), "weeks", weeks)
    yield _positive(
        "total_sd", "ln weeks", total_sd(world), (0.18, 0.53), f"{ASSUMED}: between 0.15 to 0.40, within 0.10 to 0.35"
    )
    yield _positive(
        "curve_hill", "1", response.curve_hill, (2.5, 4), f"{ASSUMED}: 2.5 to 4, ln 4/ln(T80/T50) in three BotB arms"
    )
    if late.groupby(["indication", "product"])["dose"].nunique().gt(1).any():
        yield _positive(
            "dose_half", "label doses", response.dose_half, (0.08, 0.60),
            f"{ASSUMED}: exponent 0.05 to 0.30 from the label dose to its double; durations.csv D149: 0.10 to 0.20",
        )  # fmt: skip


def _early(fitted: pd.DataFrame, onset: pd.DataFrame) -> Iterator[Unknown]:
    response = default_world().response
    if ((fitted["week"] <= EARLY_WEEK) & (fitted["dose"] > 0)).any():
        yield _positive("onset_weeks", "weeks", response.onset_weeks)
    if (onset["dose"] > 0).any():
        yield _positive("onset_sd", "ln weeks", response.onset_sd)
    if (onset["dose"] == 0).any():
        source = "durations.csv D084: placebo's median 15 days is 0.3 per week; SD 1 assumed"
        yield Unknown(name="false_onset", unit="per week", scale="log", centre=0.3, source=source)


def _responses(fitted: pd.DataFrame, rating: pd.DataFrame) -> Iterator[Unknown]:
    world = default_world()
    none = world.response.non_response
    if ((fitted["dose"] > 0) & (fitted["endpoint"] == "")).any():
        yield Unknown(name="non_response", unit="probability", scale="logit", centre=none, default=none)
    for endpoint in _names(rating["endpoint"]):
        if endpoint:
            name = f"non_response, {endpoint}"
            yield Unknown(name=name, unit="probability", scale="logit", centre=none, default=none)
    for level in _names(rating["level"]):
        if level != ANCHOR:
            yield Unknown(name=f"level, {level}", unit="share of full benefit", scale="logit", centre=0.5)
    for rater in _names(rating["rater"]):
        name, unit, error = f"rater_sd, {rater}", "share of full benefit", world.observation.rater_sd
        if rater == "investigator":
            yield _positive(name, unit, error, (0.10, 0.21), "durations.csv D173: 0.20 to 0.42 grade, of two")
        else:
            yield _positive(name, unit, error)


def _studies(late: pd.DataFrame) -> Iterator[Unknown]:
    source = f"{ASSUMED}: SD 0.12 between studies"
    for study in _names(late["study"]):
        yield Unknown(
            name=f"study, {study}", unit="ln weeks", scale="identity", centre=0.0, spread=STUDY_SD, source=source
        )


def _names(column: pd.Series) -> list[str]:
    return list(dict.fromkeys(column))


def _positive(
    name: str, unit: str, default: float, within: tuple[float, float] | None = None, source: str = WEAK
) -> Unknown:
    """A positive parameter about its default, with 95% as wide, in ln, as `within`."""
    spread = 1.0 if within is None else log(within[1] / within[0]) / (2 * 1.96)
    return Unknown(name=name, unit=unit, scale="log", centre=default, spread=spread, source=source, default=default)


def constants(data: pd.DataFrame) -> dict[str, float]:
    """The default world's value of everything that a prediction of `data` needs."""
    world = default_world()
    response = world.response
    values = {
        "threshold": response.threshold,
        "amplitude_half": response.amplitude_half,
        "total_sd": total_sd(world),
        "curve_hill": response.curve_hill,
        "dose_half": response.dose_half,
        "onset_weeks": response.onset_weeks,
        "onset_sd": response.onset_sd,
        "false_onset": 0.0,
        "non_response": response.non_response,
    }
    treated = data[data["dose"] > 0]
    for indication, product in zip(treated["indication"], treated["product"], strict=True):
        values[median_name(indication, product)] = default_world(indication).response.median_weeks[product]
    return values | {f"study, {study}": 0.0 for study in data["study"]}


def must_be_known(fixed: Mapping[str, float], known: set[str]) -> None:
    """Raise unless what is to be fixed is a parameter with a finite value."""
    for name, value in fixed.items():
        if name not in known:
            raise InputError(f"no parameter is called `{name}`{nearest(name, sorted(known))}")
        must(bool(np.isfinite(value)), f"`{name}` must be a number")
