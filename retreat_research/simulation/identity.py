"""What decides about the results of a simulation, as one digest: the same digest, the same results."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import numba
import numpy as np

from ..cohort import Cohort
from ..errors import InputError
from ..strategies import Strategy
from .known import source_digest
from .telling import told

_AT_ONCE = 65_536


def scenario_of(cohort: Cohort, strategy: Strategy, years: float, seed: int) -> dict[str, Any]:
    """The arguments that decide about results, for a reader and for a digest; "strategy" is for the reader only."""
    return {
        "strategy": re.sub(r" at 0x[0-9a-fA-F]+", "", str(strategy)),  # a place in memory says nothing of what it is
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

    Nothing is remembered: a global value or an attribute of a class may be another at the next call.

    Raises
    ------
    InputError
        If it holds something that cannot be told from others, such as a random generator, or is nested too deep.
    """
    try:
        return sha256(told(value).encode("utf-8", "surrogatepass")).hexdigest()
    except RecursionError:
        raise InputError(f"{type(value).__name__} is nested too deep to be told from others") from None


def addresses_digest(cohort: Cohort) -> str:
    """A hash of the patients' addresses, in their order; never of the whole cohort at once, and of a range at once."""
    if isinstance(cohort._address, range):
        return sha256(repr(cohort._address).encode()).hexdigest()
    found = sha256()
    for start in range(0, len(cohort), _AT_ONCE):
        found.update(np.ascontiguousarray(cohort[start : start + _AT_ONCE].patient, dtype="<i8").tobytes())
    return found.hexdigest()
