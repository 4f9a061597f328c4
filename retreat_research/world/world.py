"""The world a cohort lives in: response, immunity, observation and behaviour, each number with its source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from html import escape
from math import exp
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import InputError, must, number, whole_number
from ..evidence import Frozen, LogNormal, Prior
from ..immunity import Immunity
from ..products import INDICATIONS, PRODUCTS, nearest
from ..products import product as product_named
from ..response import Response
from ..streams import checked_seed
from .behaviour import Behaviour
from .medians import MEDIAN_WEEKS
from .numbers import PARTS, SET_HERE, at_quantiles, changes, drawn, numbers
from .observation import Observation

if TYPE_CHECKING:
    from ..durations import AFTResult, MixedAFTResult

#: Share of the variance of ln duration between patients where only the total is known: assumed 0.26²/(0.26² + 0.23²).
BETWEEN_SHARE = 0.56

#: What a label dose can be at all, units of any product: assumed, far beyond every label.
LABEL_UNITS = (1e-3, 1e6)
KINDS: Mapping[str, Any] = dict(zip(PARTS, (Response, Immunity, Observation, Behaviour), strict=True))
SHOWN_CHANGES = 5


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything a synthetic cohort obeys: four sub-models, each number with its unit, prior and source.

    A world stays as it is, its mappings too: `replace` gives another one.

    Attributes
    ----------
    indication : str
        One of `INDICATIONS`; the beginning of one is completed.
    product : str
        What a cohort is treated with unless a strategy switches.
    label_units : float, units of `product`
        The dose that counts as one: effective doses are shares of it.
    response, immunity, observation, behaviour
        The four sub-models; `describe` lists their numbers.
    priors : mapping of str to Prior or None
        What `draws` draws other than by default: by parameter, ``"within_sd"``, or by parameter and product,
        ``"median_weeks[onabotulinumtoxinA]"``. None: the number is not drawn.

    Raises
    ------
    InputError
        Naming a number that is none, or far beyond what it can be: an SD of logarithms above 10, a half-life of less
        than an hour or more than 1,000 years; the error says the bounds.

    Examples
    --------
    >>> world = World.default("glabellar").replace(within_sd=0.1)
    >>> world.response.within_sd
    0.1
    >>> [round(w.response.between_sd, 3) for w in world.draws(3, seed=1)]
    [0.408, 0.304, 0.28]
    """

    indication: str
    product: str
    label_units: float
    response: Response
    immunity: Immunity = field(default_factory=Immunity)
    observation: Observation = field(default_factory=Observation)
    behaviour: Behaviour = field(default_factory=Behaviour)
    priors: Mapping[str, Prior | None] = Frozen({})

    def __post_init__(self) -> None:
        product_named(self.product)
        must(isinstance(self.priors, Mapping), "`priors` must be a mapping of names to priors")
        for part, kind in KINDS.items():
            must(isinstance(getattr(self, part), kind), f"`{part}` must be of class {kind.__name__}")
        kept = {
            "indication": indication_named(self.indication),
            "label_units": number(self.label_units, "label_units", *LABEL_UNITS),
            "priors": Frozen(self.priors),
        }
        for name, value in kept.items():
            object.__setattr__(self, name, value)
        must(
            self.product in self.response.median_weeks,
            f"`median_weeks` has no entry for the product of this world, {self.product}",
        )
        for name in ("investigator_shift", "subject_shift"):
            must(
                self.response.adjunct_support < self.response.threshold + getattr(self.observation, name) < 1,
                f"`threshold` plus `{name}` must be above `adjunct_support` and below 1",
            )
        for by_product in (self.response.median_weeks, self.immunity.ng_per_unit, self.immunity.complexing):
            for name in by_product:
                product_named(name)
        known = {label for _, number in numbers(self) for label in (number.name, number.label)}
        known |= {f.name for part in PARTS for f in fields(getattr(self, part))}  # also those of no product at all
        for name, prior in self.priors.items():
            if name not in known:  # the search for the nearest name takes longer than all the rest
                raise InputError(f"`priors`: {_unknown(name, known)}")
            must(prior is None or isinstance(prior, Prior), f"`priors` of {name} must be a Prior or None")
            covered = [number.label for _, number in numbers(self) if number.name == name]
            must(
                prior is None or len(covered) < 2,
                f"`priors` of {name} would give {len(covered)} products the same prior",
                f"name each: {', '.join(covered)}",
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
        product_named(product)
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

        Notes
        -----
        `draws` then takes the median from the fit's estimate and standard error; the SDs and the share without response
        stay as they are, and everything else follows its prior.
        """
        from ..durations import AFTResult, MixedAFTResult

        must(isinstance(fit, AFTResult | MixedAFTResult), "`fit` must be a fitted model, of AFT or MixedAFT")
        must(fit.family == "lognormal", "a world needs a log-normal model", f"this one is {fit.family}")
        must(getattr(fit, "slope", None) is None, "a world needs a model without a random slope")
        between_sd = float(getattr(fit, "sd", 0.0))
        total = float(np.hypot(between_sd, fit.scale))
        if between_share is None:
            between_share = (between_sd / total) ** 2 if hasattr(fit, "sd") else BETWEEN_SHARE
        between_share = number(between_share, "between_share", 0, 1)
        table = newdata is None or isinstance(newdata, pd.DataFrame)
        must(table, "`newdata` must be a DataFrame", 'for example pandas.DataFrame({"units": [20]})')
        must(newdata is None or len(newdata) == 1, "`newdata` must have one row")
        product_named(product)
        fitted = fit.quantile(0.5, newdata).iloc[0]
        median, relative_error = float(fitted["estimate"]), float(fitted["se"] / fitted["estimate"])
        endpoint_loss = getattr(fit.endpoint, "loss", None)
        threshold = 1 - endpoint_loss if endpoint_loss is not None and 0 < endpoint_loss < 1 else 0.2
        return cls(
            indication=indication_named(indication),
            product=product,
            label_units=number(units, "units", *LABEL_UNITS),
            response=Response(
                median_weeks={product: median},
                between_sd=total * float(np.sqrt(between_share)),
                within_sd=total * float(np.sqrt(1 - between_share)),
                non_response=non_response,
                threshold=threshold,
            ),
            priors={
                "median_weeks": LogNormal(median, relative_error) if relative_error > 0 else None,
                **dict.fromkeys(("between_sd", "within_sd", "non_response")),
            },
        )

    def replace(self, **changes: Any) -> World:
        """A copy with numbers changed, each named wherever it lives: ``world.replace(within_sd=0.1, no_show=0)``.

        What is set keeps its value in `draws`; name it in `priors` to have it drawn:
        ``world.replace(median_weeks={"onabotulinumtoxinA": 15}, priors={"median_weeks": LogNormal(15, 0.1)})``.
        """
        own = {f.name for f in fields(self)}
        left = {name: value for name, value in changes.items() if name not in own}
        names = {part: [f.name for f in fields(getattr(self, part))] for part in PARTS}
        known = [name for part in PARTS for name in names[part]]
        unknown = sorted(set(left) - set(known))
        if unknown:
            raise InputError("; ".join(_unknown(name, known) for name in unknown))
        kept = {name: prior for name, prior in self.priors.items() if name.split("[")[0] not in left}
        mine = {name: value for name, value in changes.items() if name in own}
        priors = changes.get("priors", {})
        must(isinstance(priors, Mapping), "`priors` must be a mapping of names to priors")
        mine["priors"] = {**kept, **dict.fromkeys(left), **priors}
        for part in PARTS:
            set_here = {name: left[name] for name in names[part] if name in left}
            if set_here and isinstance(whole := mine.get(part, getattr(self, part)), KINDS[part]):
                mine[part] = replace(whole, **set_here)
        return replace(self, **mine)

    def draws(self, n: int, seed: int = 1) -> tuple[World, ...]:
        """Worlds drawn from the priors; a number without a prior keeps its value.

        Parameters
        ----------
        n : int, at least 1
        seed : int in [0, 2**64)

        Returns
        -------
        tuple of World, length n

        Notes
        -----
        Each number is drawn by inversion from a uniform addressed by (seed, draw, its name): draw 3 of ten is draw 3 of
        a thousand, and a new parameter, or another prior for one, does not change the draws of the others. The priors
        are independent; `describe` lists them.
        """
        return self.at(self.draw_table(n, seed))

    def draw_table(self, n: int, seed: int = 1) -> pd.DataFrame:
        """What `draws` draws: the numbers themselves.

        Parameters
        ----------
        n, seed
            As in `draws`.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``draw``, one column for each number with a prior, named as in `priors`:
            ``within_sd``, ``median_weeks[onabotulinumtoxinA]``.
        """
        return drawn(self, whole_number(n, "n", 1), checked_seed(seed))

    def quantiles(self, table: pd.DataFrame) -> pd.DataFrame:
        """Numbers at given quantiles of their priors.

        Parameters
        ----------
        table : pandas.DataFrame of float in (0, 1)
            One column for each number that is wanted; each must have a prior.

        Returns
        -------
        pandas.DataFrame of the same shape

        Examples
        --------
        >>> World.default("glabellar").quantiles(pd.DataFrame({"within_sd": [0.1, 0.9]})).round(3)["within_sd"].tolist()
        [0.125, 0.325]
        """
        _must_be_table(table)
        return at_quantiles(self, table)

    def at(self, table: pd.DataFrame) -> tuple[World, ...]:
        """This world with the numbers of each row of a table, wherever it comes from: a posterior, a design,
        `draw_table`.

        Parameters
        ----------
        table : pandas.DataFrame
            One column for each number that is set, named as in `draw_table`; every other keeps its value.

        Returns
        -------
        tuple of World, one for each row

        Raises
        ------
        InputError
            If a column is no number of this world, or values are not finite or impossible; all rows with one are named.

        Examples
        --------
        >>> table = pd.DataFrame({"within_sd": [0.1, 0.2], "median_weeks[onabotulinumtoxinA]": [15, 18]})
        >>> [round(w.median_weeks, 6) for w in World.default("glabellar").at(table)]
        [15.0, 18.0]
        """
        _must_be_table(table)
        worlds, refused = [], []
        for row, change in enumerate(changes(self, table)):
            try:
                parts = {part: replace(getattr(self, part), **given) for part, given in change.items() if given}
                worlds.append(replace(self, **parts))
            except InputError as error:  # numbers that are possible, but not together
                refused.append((row, str(error)))
        must(not refused, "; ".join(f"{problem} (row {row})" for row, problem in refused[:SHOWN_CHANGES]))
        return tuple(worlds)

    def describe(self) -> pd.DataFrame:
        """Every number of the world.

        Returns
        -------
        pandas.DataFrame
            One row each: ``part``, ``parameter``, ``product`` ("" where it is the same for all), ``value``, ``unit``,
            ``prior`` ("" where it is not drawn), ``meaning``, ``source`` (of the default; "set in this world" for
            another value).
        """
        return pd.DataFrame(
            [
                {
                    "part": part,
                    "parameter": number.name,
                    "product": number.product,
                    "value": float(number.value),
                    "unit": number.unit,
                    "prior": str(number.prior or ""),
                    "meaning": number.meaning,
                    "source": number.source,
                }
                for part, number in numbers(self)
            ]
        )

    def __repr__(self) -> str:
        usual = PRODUCTS[self.product].label_units.get(self.indication)
        label = f"label dose {self.label_units:g} U" + ("" if self.label_units == usual else " (set in this world)")
        changes = [f"{n.label} = {n.value:g}" for _, n in numbers(self) if n.source == SET_HERE]
        more = len(changes) - SHOWN_CHANGES
        shown = [*changes[:SHOWN_CHANGES], *([f"{more} more numbers set"] if more > 0 else [])]
        return f"<World: {', '.join([self.indication, self.product, label, *shown])}>"

    def _repr_html_(self) -> str:
        table = self.describe()
        table["value"] = ["not published" if np.isnan(v) else f"{v:.4g}" for v in table["value"]]
        title = f"World: {self.indication}, {self.product}, label dose {self.label_units:g} U"
        return f"<p>{escape(title)}</p>" + table.to_html(index=False, border=0, justify="left")

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
    must(isinstance(name, str), "`indication` must be a name", f"known are {', '.join(INDICATIONS)}")
    text = name.strip().lower()
    found = [i for i in INDICATIONS if i == text] or [i for i in INDICATIONS if text and i.startswith(text)]
    if len(found) != 1:
        raise InputError(f"unknown indication{nearest(name, INDICATIONS)}; known are {', '.join(INDICATIONS)}")
    return found[0]


def _unknown(name: str, known: Iterable[str]) -> str:
    return f"no parameter is called `{name}`{nearest(name, known).replace(';', ',')}"


def _must_be_table(table: object) -> None:
    must(isinstance(table, pd.DataFrame), "the numbers of worlds must be a DataFrame", "one column for each number")
