"""Where each number comes from: a model parameter carries its unit, its meaning and its source."""

from __future__ import annotations

from dataclasses import MISSING, Field, field, fields
from typing import Any

ASSUMED = "assumed"


def parameter(default: Any = MISSING, *, unit: str, meaning: str, source: str, prior: str = "") -> Any:
    """A dataclass field that says what it is.

    Parameters
    ----------
    default : optional
    unit : str
        "1" for a pure number.
    meaning : str
    source : str
        A paper, DOI or row of the evidence tables, or a text that starts with "assumed".
    prior : str
        The range it is believed to lie in, as a distribution, "" where none is stated.
    """
    metadata = {"unit": unit, "meaning": meaning, "source": source, "prior": prior}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


def described(spec: Any) -> list[dict[str, Any]]:
    """One dict per parameter of a dataclass instance: parameter, value, unit, prior, meaning, source."""
    return [
        {
            "parameter": f.name,
            "value": getattr(spec, f.name),
            "unit": f.metadata["unit"],
            "prior": f.metadata["prior"],
            "meaning": f.metadata["meaning"],
            "source": f.metadata["source"],
        }
        for f in fields(spec)
        if _is_parameter(f)
    ]


def _is_parameter(f: Field[Any]) -> bool:
    return "source" in f.metadata
