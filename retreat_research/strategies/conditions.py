"""What can be seen of a patient, in the words of a protocol: "waned before the visit", "tested positive"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .seen import Bools, Seen


@dataclass(frozen=True)
class Condition:
    """Something that is seen of a patient at a visit, so many cycles in a row.

    Attributes
    ----------
    text : str
        As it was written, or the name of the user's function.
    holds : callable
        Seen → bool array (n,): whether it holds of the cycle that ended with this visit.
    times : int
        Cycles in a row for which it must hold before anything is done.
    """

    text: str
    holds: Callable[[Seen], Bools]
    times: int = 1

    def __str__(self) -> str:
        return self.text


def condition(rule: str | Condition | Callable[[Seen], Bools]) -> Condition:
    """A condition from its text, or from a function of what is seen."""
    raise NotImplementedError
