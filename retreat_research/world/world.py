"""The world a cohort lives in: response, immunity, observation and behaviour, each number with its source."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from math import exp, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import InputError, must
from ..evidence import described
from ..immunity import Immunity
from ..products import INDICATIONS, PRODUCTS, nearest, product
from ..response import Response
from .behaviour import Behaviour
from .medians import MEDIAN_WEEKS
from .observation import Observation

if TYPE_CHECKING:
    from ..durations import AFTResult, MixedAFTResult

#: Share of the variance of ln duration between patients, where only the total is known: 0.26² / (0.26² + 0.23²).
BETWEEN_SHARE = 0.56


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
        for name in ("investigator_shift", "subject_shift"):
            must(
                self.response.adjunct_support < self.response.threshold + getattr(self.observation, name) < 1,
                f"`threshold` plus `{name}` must be above `adjunct_support` and below 1",
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
