"""Where each number comes from: a model parameter carries its unit, meaning, source, prior and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from math import inf, nan
from numbers import Real
from typing import Any

from ..errors import must, number, whole_number
from .frozen import Frozen
from .priors import Prior

ASSUMED = "assumed"


def parameter(
    default: Any = MISSING,
    *,
    unit: str,
    meaning: str,
    source: str | Mapping[str, str],
    prior: Prior | Mapping[str, Prior] | None = None,
    least: float = -inf,
    most: float = inf,
    by_product: bool = False,
    or_nan: bool = False,
) -> Any:
    """A dataclass field that says what it is.

    Parameters
    ----------
    default : optional
        A mapping for a parameter that each product has its own value of; an int where only whole numbers will do.
    unit : str
        "1" for a pure number.
    meaning : str
    source : str, or mapping of product to str
        Parts with a semicolon between them. A part names a row (``durations.csv D071``: the table and its key, see
        `tables.KEYS`), a paper (``doi:…``, ``PMID …``, ``PMC…``), or starts with "assumed"; where the prior comes from
        somewhere else, one says so: "prior: kinetics.csv duration_ona_CD", "prior assumed". `tests/evidence` looks
        every one of them up. A mapping, where each product has its own.
    prior : Prior, or mapping of product to Prior, optional
        What it is believed to be; without one it is not drawn.
    least, most : float, optional
        What it can be at all, both ends included: far beyond what anyone believes, but such that nothing overflows.
    by_product : bool
        Each product has its own value.
    or_nan : bool
        NaN, for a number that is not known, is taken too.
    """
    known = prior.values() if isinstance(prior, Mapping) else [] if prior is None else [prior]
    must(all(isinstance(p, Prior) for p in known), "`prior` must be a Prior", "see retreat_research.evidence.priors")
    metadata = {"unit": unit, "meaning": meaning, "source": source, "prior": prior, "least": least, "most": most}
    metadata |= {"by_product": by_product, "or_nan": or_nan}
    if isinstance(default, Mapping):
        default = Frozen(default)
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Parameter:
    """One number of a specification.

    Attributes
    ----------
    name : str
    product : str
        "" where the parameter is the same for all products.
    value, default : float
        `default` is NaN where there is none.
    unit, meaning, source : str
    least, most : float
        What the value can be at all.
    prior : Prior, optional
    """

    name: str
    product: str
    value: float
    default: float
    unit: str
    meaning: str
    source: str
    least: float
    most: float
    prior: Prior | None

    @property
    def label(self) -> str:
        """Its name, with the product if it has one: ``within_sd``, ``median_weeks[onabotulinumtoxinA]``."""
        return f"{self.name}[{self.product}]" if self.product else self.name


def keep_possible(spec: Any) -> None:
    """Keep every number of a dataclass instance as a plain float or int, and every mapping as a read-only copy.

    Raises
    ------
    InputError
        Naming a parameter that is not a number, or not between its bounds.
    """
    for f in fields(spec):
        if "source" in f.metadata:
            object.__setattr__(spec, f.name, _possible(getattr(spec, f.name), f))


def _possible(value: Any, f: Any) -> Any:
    least, most = f.metadata["least"], f.metadata["most"]
    if f.metadata["by_product"]:
        must(isinstance(value, Mapping), f"`{f.name}` must be a mapping of products to numbers")
        return Frozen({product: _of_product(each, product, f) for product, each in value.items()})
    return (whole_number if isinstance(f.default, int) else number)(value, f.name, least, most)


def _of_product(value: Any, product: str, f: Any) -> float:
    if f.metadata["or_nan"] and isinstance(value, Real) and value != value:
        return nan
    return number(value, f"{f.name}[{product}]", f.metadata["least"], f.metadata["most"])


def parameters(spec: Any) -> list[Parameter]:
    """Every number of a dataclass instance that was declared with `parameter`, in order."""
    found = []
    for f in fields(spec):
        if "source" not in f.metadata:
            continue
        value, prior = getattr(spec, f.name), f.metadata["prior"]
        about = {key: f.metadata[key] for key in ("unit", "meaning", "least", "most")}
        source = f.metadata["source"]
        default: Any = f.default
        if not isinstance(value, Mapping):
            default = nan if default is MISSING else default
            found.append(Parameter(f.name, "", value, default, **about, source=source, prior=prior))
            continue
        defaults = default if isinstance(default, Mapping) else {}
        priors = prior if isinstance(prior, Mapping) else {}
        for product, one in value.items():
            usual = defaults.get(product, nan)
            own = source.get(product, "") if isinstance(source, Mapping) else source
            found.append(Parameter(f.name, product, one, usual, **about, source=own, prior=priors.get(product)))
    return found
