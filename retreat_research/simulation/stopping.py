"""When there are enough patients: the rule behind `until_mcse`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError, must
from ..products import nearest
from .moments import Moments
from .outcomes import OUTCOMES, Outcome

FIRST_CHECKPOINT = 1024  # patients: errors of fewer are themselves uncertain by more than 2%
_BY_NAME = {outcome.name: outcome for outcome in OUTCOMES}


def targets_of(until_mcse: float | Mapping[str, float] | None) -> dict[Outcome, float]:
    """The outcomes of `until_mcse` and the error asked for; a number alone is for the first of `OUTCOMES`."""
    if until_mcse is None:
        return {}
    wanted = until_mcse if isinstance(until_mcse, Mapping) else {OUTCOMES[0].name: until_mcse}
    must(len(wanted) > 0, "`until_mcse` is empty")
    for name, error in wanted.items():
        must(
            isinstance(name, str) and name in _BY_NAME,
            f"`until_mcse` has no outcome {name!r}{nearest(name, _BY_NAME) if isinstance(name, str) else ''}",
            f"there are {', '.join(_BY_NAME)}",
        )
        must(is_positive(error), f"`until_mcse` of {name} must be a positive number")
    return {_BY_NAME[name]: float(error) for name, error in wanted.items()}


def is_positive(value: Any) -> bool:
    """A number of Python or NumPy above 0 that is finite as a float."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    try:
        return number and 0 < float(value) < math.inf
    except OverflowError:  # a whole number with more than 308 digits
        return False


def parse_targets(texts: Sequence[str]) -> dict[str, float]:
    """`until_mcse` from text: ``NAME=ERROR``, or ``ERROR`` alone for the first of `OUTCOMES`.

    Examples
    --------
    >>> parse_targets(["0.001", "antibodies=0.002"])
    {'time_in_benefit': 0.001, 'antibodies': 0.002}
    """
    found = {}
    for text in texts:
        name, _, error = text.rpartition("=")
        try:
            found[name.strip() or OUTCOMES[0].name] = float(error)
        except ValueError:
            raise InputError("`until_mcse` must look like time_in_benefit=0.001") from None
    targets_of(found)
    return found


def checkpoints(n: int) -> list[int]:
    """Numbers of patients at which the errors are looked at, the last n: 1024, 1536, 2048, 3072, 4096, …"""
    found, power = [], FIRST_CHECKPOINT
    while power < n:
        found += [power, 3 * power // 2]
        power *= 2
    return [*(size for size in found if size < n), n]


def unmet(targets: Mapping[Outcome, float], moments: Moments) -> dict[str, tuple[float, float]]:
    """The errors that are still too large, beside what was asked for.

    References
    ----------
    Agresti and Coull, "Approximate is better than exact for interval estimation of binomial proportions", American
    Statistician 52 (1998) 119, doi:10.1080/00031305.1998.10480550.

    Raises
    ------
    InputError
        If an outcome has no value, so that more patients would not help.
    """
    found: dict[str, tuple[float, float]] = {}
    for outcome, wanted in targets.items():
        value, mcse = moments.estimate(outcome)
        if math.isnan(value):
            raise InputError(f"`until_mcse` of {outcome.name} can never be reached: it has no value here")
        if outcome.denominator == "":
            # Agresti and Coull: as if two more patients had had the event and two had not. The plain error of a share
            # is too small just when few had it, and a rule that stops then stops too early.
            events = value / outcome.scale * moments.n
            p = (events + 2) / (moments.n + 4)
            mcse = abs(outcome.scale) * math.sqrt(p * (1 - p) / (moments.n + 4))
        if not mcse <= wanted:
            found[outcome.name] = (mcse, wanted)
    return found


def unmet_note(left: Mapping[str, tuple[float, float]], n: int) -> str:
    """What a reader must know if the patients were not enough."""
    told: list[Any] = [f"{name} has {mcse:.2g} where {wanted:g} was asked for" for name, (mcse, wanted) in left.items()]
    return f"All {n:,} patients were not enough for `until_mcse`: {', '.join(told)}."
