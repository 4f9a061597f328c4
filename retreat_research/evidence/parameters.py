"""Where each number comes from: a model parameter carries its unit, its meaning, its source and its prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from ..errors import must
from .priors import Prior

ASSUMED = "assumed"


def parameter(
    default: Any = MISSING,
    *,
    unit: str,
    meaning: str,
    source: str | Mapping[str, str],
    prior: Prior | Mapping[str, Prior] | None = None,
) -> Any:
    """A dataclass field that says what it is.

    Parameters
    ----------
    default : optional
        A mapping for a parameter that each product has its own value of.
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
    """
    known = prior.values() if isinstance(prior, Mapping) else [] if prior is None else [prior]
    must(all(isinstance(p, Prior) for p in known), "`prior` must be a Prior", "see retreat_research.evidence.priors")
    metadata = {"unit": unit, "meaning": meaning, "source": source, "prior": prior}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: dict(default), metadata=metadata)
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
    prior : Prior, optional
    """

    name: str
    product: str
    value: float
    default: float
    unit: str
    meaning: str
    source: str
    prior: Prior | None

    @property
    def label(self) -> str:
        """Its name, with the product if it has one: ``within_sd``, ``median_weeks[onabotulinumtoxinA]``."""
        return f"{self.name}[{self.product}]" if self.product else self.name


def parameters(spec: Any) -> list[Parameter]:
    """Every number of a dataclass instance that was declared with `parameter`, in order."""
    found = []
    for f in fields(spec):
        if "source" not in f.metadata:
            continue
        value, prior = getattr(spec, f.name), f.metadata["prior"]
        about = {key: f.metadata[key] for key in ("unit", "meaning")}
        source = f.metadata["source"]
        default: Any = f.default_factory() if f.default_factory is not MISSING else f.default
        if not isinstance(value, Mapping):
            default = float("nan") if default is MISSING else default
            found.append(Parameter(f.name, "", value, default, **about, source=source, prior=prior))
            continue
        defaults = default if isinstance(default, Mapping) else {}
        priors = prior if isinstance(prior, Mapping) else {}
        for product, number in value.items():
            usual = defaults.get(product, float("nan"))
            own = source.get(product, "") if isinstance(source, Mapping) else source
            found.append(Parameter(f.name, product, number, usual, **about, source=own, prior=priors.get(product)))
    return found
