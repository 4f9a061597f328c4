"""What a search aims at: an outcome or a value, and the limits it must keep."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, must
from ..products import nearest
from .arms import Arm
from .outcomes import OUTCOMES, Estimate

#: Of which more is better; of all others less.
MORE = ("time_in_benefit", "responsiveness", "satisfaction", "benefit_per_session", "mean_interval",
        "years_to_antibodies", "years_to_failure")  # fmt: skip
_NAMES = tuple(outcome.name for outcome in OUTCOMES)
_LIMIT = re.compile(r"\s*(\w+)\s*(<=|>=)\s*(-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*")
_VALUE = re.compile(r"value at (\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Objective:
    """An outcome, with a sign that makes more of it better, or the value at a preference weight.

    Attributes
    ----------
    name : str
    sign : int
    weight : float or None
        Of ``responsiveness`` beside ``time_in_benefit``.
    """

    name: str
    sign: int
    weight: float | None = None

    def estimate(self, arm: Arm) -> Estimate:
        """What is aimed at, larger is better, with each patient's contribution."""
        if self.weight is None:
            found = arm.estimate(self.name)
            return Estimate(self.sign * found.value, self.sign * found.influence)
        benefit, responsive = arm.estimate("time_in_benefit"), arm.estimate("responsiveness")
        w = self.weight
        return Estimate(
            (1 - w) * benefit.value + w * responsive.value, (1 - w) * benefit.influence + w * responsive.influence
        )


@dataclass(frozen=True)
class Limit:
    """An outcome that must be at most, or at least, something."""

    name: str
    relation: str
    bound: float

    def excess(self, arm: Arm) -> Estimate:
        """By how much it is broken; negative where it is kept."""
        sign = 1 if self.relation == "<=" else -1
        found = arm.estimate(self.name)
        return Estimate(sign * (found.value - self.bound), sign * found.influence)

    def __str__(self) -> str:
        return f"{self.name} {self.relation} {self.bound:g}"


def objective_of(text: str) -> Objective:
    """An objective from the name of an outcome, or "value at 0.5"."""
    must(isinstance(text, str), "`objective` must be the name of an outcome, or a value such as 'value at 0.5'")
    found = _VALUE.fullmatch(text.strip())
    if found:
        weight = float(found[1])
        must(weight <= 1, "`objective`: a preference must be from 0 (smooth) to 1 (long-term responsiveness)")
        return Objective(text.strip(), 1, weight)
    must(text in _NAMES, f"no outcome is called {text!r}{nearest(text, _NAMES)}", f"there are {', '.join(_NAMES)}")
    return Objective(text, 1 if text in MORE else -1)


def limits_of(texts: str | Sequence[str] | None) -> tuple[Limit, ...]:
    """Constraints such as "antigen <= 0.8" or ["sessions <= 3.5", "antibodies <= 0.02"]."""
    if texts is None:
        return ()
    found = []
    for text in [texts] if isinstance(texts, str) else texts:
        match = _LIMIT.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise InputError(f"a constraint must read like 'antigen <= 0.8', not {text!r}")
        name, relation, bound = match.groups()
        must(name in _NAMES, f"no outcome is called {name!r}{nearest(name, _NAMES)}", f"there are {', '.join(_NAMES)}")
        found.append(Limit(name, relation, float(bound)))
    return tuple(found)


def is_worse(a: Estimate, b: Estimate, errors: float) -> bool:
    """Whether a lies below b by more than so many Monte Carlo errors of their paired difference."""
    influence = a.influence - b.influence
    mcse = float(np.std(influence, ddof=1) / np.sqrt(influence.size))
    return bool(a.value - b.value < -errors * mcse)
