"""The world a cohort lives in: response, immunity, observation and behaviour, each number with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from math import exp, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .errors import InputError, must
from .evidence import ASSUMED, described, parameter
from .immunity import Immunity
from .products import INDICATIONS, PRODUCTS, nearest, product
from .response import Response

if TYPE_CHECKING:
    from .durations import AFTResult, MixedAFTResult

#: Median true duration (weeks, before any visit grid) of the label dose, by indication and product.
#: Sourced are glabellar lines (EVIDENCE, priors to start from), cervical dystonia with ona (kinetics.csv
#: duration_ona_CD, 95 d, doi:10.1186/1471-2377-14-91) and hyperhidrosis (D123); crow's feet lies below its published
#: 125 d (D071) because visits lengthen a published median; the rest is assumed.
MEDIAN_WEEKS: Mapping[str, Mapping[str, float]] = {
    "glabellar lines": {
        "onabotulinumtoxinA": 17.0,
        "abobotulinumtoxinA": 22.0,
        "incobotulinumtoxinA": 17.0,
        "daxibotulinumtoxinA": 22.0,
        "letibotulinumtoxinA": 17.0,
        "prabotulinumtoxinA": 17.0,
        "relabotulinumtoxinA": 22.0,
    },
    "crow's feet": {"onabotulinumtoxinA": 16.0},
    "forehead lines": {"onabotulinumtoxinA": 16.0},
    "cervical dystonia": {
        "onabotulinumtoxinA": 13.0,
        "abobotulinumtoxinA": 13.0,
        "incobotulinumtoxinA": 13.0,
        "daxibotulinumtoxinA": 20.0,
        "rimabotulinumtoxinB": 13.0,
    },
    "blepharospasm": {"onabotulinumtoxinA": 12.0, "incobotulinumtoxinA": 12.0},
    "spasticity": {"onabotulinumtoxinA": 13.0, "abobotulinumtoxinA": 13.0, "incobotulinumtoxinA": 13.0},
    "axillary hyperhidrosis": {"onabotulinumtoxinA": 18.0},
}

#: Share of the variance of ln duration between patients, where only the total is known: 0.26² / (0.26² + 0.23²).
BETWEEN_SHARE = 0.56


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What the clinic can see of the effect and of the antibodies, and how well."""

    check_week: float = parameter(
        4.0, unit="weeks", meaning="check of the response after each session", source="peak at week 4 (EVIDENCE)"
    )
    rater_sd: float = parameter(
        0.15,
        unit="share of full benefit",
        meaning="rater error",
        source="EVIDENCE priors: 0.30 grade, of a full benefit of two grades",
        prior="0.10 to 0.21",
    )
    missed_check: float = parameter(0.0, unit="probability", meaning="the check does not take place", source=ASSUMED)
    test_every: int = parameter(
        4, unit="sessions", meaning="an antibody test before every n-th session; 0: never", source=ASSUMED
    )
    detection_titre: float = parameter(
        0.4, unit="mU/mL", meaning="limit of detection of the assay", source="EVIDENCE priors: HDA"
    )
    assay_sd: float = parameter(0.3, unit="ln mU/mL", meaning="noise of the assay", source=ASSUMED)
    specificity: float = parameter(
        0.99, unit="probability", meaning="negative without any antibody", source=f"{ASSUMED}; tests.csv: 100% of 23"
    )

    def __post_init__(self) -> None:
        must(isfinite(self.check_week) and self.check_week > 0, "`check_week` must be positive")
        must(self.detection_titre > 0, "`detection_titre` must be positive")
        must(self.rater_sd >= 0 and self.assay_sd >= 0, "`rater_sd` and `assay_sd` must not be negative")
        for name in ("missed_check", "specificity"):
            must(0 <= getattr(self, name) <= 1, f"`{name}` must be between 0 and 1")
        must(self.test_every >= 0, "`test_every` must not be negative")


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What patients do: notice waning, stay away, leave."""

    delay_weeks: float = parameter(
        1.0, unit="weeks", meaning="median delay from loss of effect to noticing it", source=ASSUMED
    )
    delay_sd: float = parameter(0.5, unit="ln weeks", meaning="SD of ln delay between patients", source=ASSUMED)
    no_show: float = parameter(0.0, unit="probability", meaning="a booked visit is missed", source=ASSUMED)
    no_show_weeks: float = parameter(
        2.0, unit="weeks", meaning="a missed visit takes place this much later", source=ASSUMED
    )
    dropout_per_year: float = parameter(
        0.05, unit="per year", meaning="hazard of leaving, in calendar time", source=ASSUMED, prior="0 to 0.15"
    )

    def __post_init__(self) -> None:
        for name in ("delay_weeks", "delay_sd", "no_show_weeks", "dropout_per_year"):
            must(isfinite(getattr(self, name)) and getattr(self, name) >= 0, f"`{name}` must not be negative")
        must(0 <= self.no_show <= 1, "`no_show` must be between 0 and 1")


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything a synthetic cohort obeys.

    Attributes
    ----------
    indication : str
    product : str
        What a cohort is treated with unless a strategy switches.
    label_units : float, units of `product`
        The dose that counts as one: effective doses are shares of it.
    response, immunity, observation, behaviour
        The four sub-models.

    Examples
    --------
    >>> World.default("glabellar").replace(within_sd=0.1).response.within_sd
    0.1
    """

    indication: str
    product: str
    label_units: float
    response: Response
    immunity: Immunity = field(default_factory=Immunity)
    observation: Observation = field(default_factory=Observation)
    behaviour: Behaviour = field(default_factory=Behaviour)

    def __post_init__(self) -> None:
        product(self.product)
        must(isfinite(self.label_units) and self.label_units > 0, "`label_units` must be positive")
        must(
            self.product in self.response.median_weeks,
            f"`median_weeks` has no entry for the product of this world, {self.product}",
        )

    @classmethod
    def default(cls, indication: str, product: str = "onabotulinumtoxinA") -> World:
        """The default world of an indication.

        Parameters
        ----------
        indication : str
            One of `INDICATIONS`, or the beginning of one ("glabellar").
        product : str, optional
        """
        indication = indication_named(indication)
        medians = MEDIAN_WEEKS[indication]
        must(
            product in medians,
            f"no default world for {product} in {indication}",
            f"there is one for {', '.join(medians)}",
        )
        units = PRODUCTS[product].label_units.get(indication)
        must(units is not None, f"{product} has no label dose for {indication}")
        return cls(
            indication=indication,
            product=product,
            label_units=float(units or 0),
            response=Response(median_weeks=medians),
        )

    @classmethod
    def from_fit(
        cls,
        fit: AFTResult | MixedAFTResult,
        newdata: pd.DataFrame | None = None,
        *,
        indication: str,
        product: str,
        units: float,
        non_response: float,
        between_share: float | None = None,
    ) -> World:
        """The default world with its durations taken from a fitted log-normal model.

        Parameters
        ----------
        fit : MixedAFTResult or AFTResult, family ``lognormal``
        newdata : pandas.DataFrame, one row, optional
            The arm the cohort is treated as; not needed for a fit without covariates.
        indication, product : str
        units : float
            The dose of that arm; it counts as one.
        non_response : float
            Share of cycles without response.
        between_share : float in [0, 1], optional
            Share of the variance of ln duration that is between patients. A mixed model has estimated it, and that is
            taken; an AFT gives only the total, and 0.56 of it, an assumption, is taken.
        """
        must(fit.family == "lognormal", "a world needs a log-normal model", f"this one is {fit.family}")
        must(getattr(fit, "slope", None) is None, "a world needs a model without a random slope")
        between_sd = float(getattr(fit, "sd", 0.0))
        total = float(np.hypot(between_sd, fit.scale))
        if between_share is None:
            between_share = (between_sd / total) ** 2 if hasattr(fit, "sd") else BETWEEN_SHARE
        must(0 <= between_share <= 1, "`between_share` must be between 0 and 1")
        must(newdata is None or len(newdata) == 1, "`newdata` must have one row")
        median = float(fit.quantile(0.5, newdata)["estimate"].iloc[0])
        endpoint_loss = getattr(fit.endpoint, "loss", None)
        threshold = 1 - endpoint_loss if endpoint_loss is not None and 0 < endpoint_loss < 1 else 0.2
        return cls(
            indication=indication_named(indication),
            product=product,
            label_units=units,
            response=Response(
                median_weeks={product: median},
                between_sd=total * float(np.sqrt(between_share)),
                within_sd=total * float(np.sqrt(1 - between_share)),
                non_response=non_response,
                threshold=threshold,
            ),
        )

    def replace(self, **changes: Any) -> World:
        """A copy with parameters changed, each named wherever it lives: ``world.replace(within_sd=0.1, no_show=0)``."""
        world, known = self, []
        own = {f.name for f in fields(self)}
        world = replace(world, **{k: v for k, v in changes.items() if k in own})
        left = {k: v for k, v in changes.items() if k not in own}
        for part in ("response", "immunity", "observation", "behaviour"):
            names = [f.name for f in fields(getattr(world, part))]
            known += names
            mine = {k: left.pop(k) for k in names if k in left}
            if mine:
                world = replace(world, **{part: replace(getattr(world, part), **mine)})
        if left:
            raise InputError(
                "; ".join(f"no parameter is called `{k}`{nearest(k, known).replace(';', ',')}" for k in sorted(left))
            )
        return world

    def describe(self) -> pd.DataFrame:
        """Every parameter: part, parameter, value, unit, prior, meaning, source."""
        rows = [
            {"part": part, **row}
            for part in ("response", "immunity", "observation", "behaviour")
            for row in described(getattr(self, part))
        ]
        return pd.DataFrame(rows)

    @property
    def median_weeks(self) -> float:
        """Median duration of the label dose of this world's product, weeks."""
        return exp(self.response.log_median(self.product))


def indication_named(name: str) -> str:
    """The indication of that name or beginning.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    text = name.strip().lower()
    found = [i for i in INDICATIONS if i == text] or [i for i in INDICATIONS if text and i.startswith(text)]
    if len(found) != 1:
        raise InputError(f"unknown indication{nearest(name, INDICATIONS)}; known are {', '.join(INDICATIONS)}")
    return found[0]
