"""What decides about the results of a simulation, as one digest: the same digest, the same results."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any

import numba
import numpy as np

from ..cohort import Cohort
from ..errors import InputError
from ..strategies import Strategy

PACKAGE = Path(__file__).resolve().parent.parent
#: Everything that a simulation runs through.
SOURCES = (
    "cohort.py", "immunity.py", "products.py", "response.py", "streams.py", "evidence", "simulation", "strategies",
    "world",
)  # fmt: skip
_AT_ONCE = 65_536


def scenario_of(cohort: Cohort, strategy: Strategy, years: float, seed: int) -> dict[str, Any]:
    """The arguments that decide about results, for a reader and for `digest_of`."""
    return {
        "strategy": _without_addresses(str(strategy)),
        "indication": cohort.world.indication,
        "product": cohort.world.product,
        "patients": len(cohort),
        "years": float(years),
        "seed": seed,
        "cohort_seed": cohort.seed,
        "addresses": addresses_digest(cohort),
        "world": digest_of(cohort.world),
        "rule": digest_of(strategy),
        "source": source_digest(),
        "numpy": np.__version__,
        "numba": numba.__version__,
    }


def digest_of(value: Any) -> str:
    """A hash of a value and of the code behind it, the same in every process.

    Code that other modules hold, such as a function that a strategy calls, is not seen.

    Raises
    ------
    InputError
        If the value refers to itself, so that there is no end to it.
    """
    try:
        return sha256(_told(value).encode()).hexdigest()
    except RecursionError:
        raise InputError(f"{type(value).__name__} refers to itself and cannot be told from others") from None


def addresses_digest(cohort: Cohort) -> str:
    """A hash of the patients' addresses, in their order; never of the whole cohort at once."""
    found = sha256()
    for start in range(0, len(cohort), _AT_ONCE):
        found.update(np.ascontiguousarray(cohort[start : start + _AT_ONCE].patient, dtype="<i8").tobytes())
    return found.hexdigest()


@cache
def source_digest() -> str:
    """A hash of the modules that a simulation runs through."""
    found = sha256()
    for name in SOURCES:
        top = PACKAGE / name
        for path in sorted(top.rglob("*.py")) if top.is_dir() else [top]:
            found.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def _told(value: Any) -> str:
    """Text that differs when the value, or code that it brings along, differs."""
    if isinstance(value, np.ndarray):
        return f"array {value.dtype.str} {value.shape} {sha256(np.ascontiguousarray(value).tobytes()).hexdigest()}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(sorted(f'{_told(k)}: {_told(v)}' for k, v in value.items()))}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_told, value))}]"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(_told, value)))}}}"
    if isinstance(value, MethodType):
        return f"{_told(value.__func__)} of {_told(value.__self__)}"
    if isinstance(value, FunctionType):
        bound = [cell.cell_contents for cell in value.__closure__ or ()]
        return f"{value.__qualname__} {_code_of(value)} {_told([value.__defaults__, value.__kwdefaults__, bound])}"
    if isinstance(value, CodeType):
        return f"{value.co_code.hex()} {value.co_names} {_told(value.co_consts)}"
    if isinstance(value, type):
        return " ".join(f"{kind.__module__}.{kind.__qualname__} {_code_of(kind)}" for kind in value.__mro__)
    if is_dataclass(value) or type(value).__repr__ is object.__repr__:
        named = {f.name: getattr(value, f.name) for f in fields(value)} if is_dataclass(value) else {}
        own = {name: held for name, held in vars(value).items() if not hasattr(type(value), name)}  # no cached property
        return f"{_told(type(value))} {_told({**own, **named})}"
    return _without_addresses(repr(value))


def _without_addresses(text: str) -> str:
    """An object's place in memory says nothing of what it is."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


@cache
def _code_of(thing: Any) -> str:
    """Source text, if a file holds it, and compiled code; nothing for what the package itself brings."""
    if (getattr(thing, "__module__", None) or "").startswith(f"{__package__.split('.')[0]}."):
        return ""  # `source_digest` has it
    source = ""
    with suppress(OSError, TypeError):
        source = inspect.getsource(thing)
    codes = [getattr(part, "__code__", None) for part in (thing, *vars(thing).values())]
    return f"{source} {_told([code for code in codes if code is not None])}"
