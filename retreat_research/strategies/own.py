"""`@strategy`: a user's own function of what was seen."""

from __future__ import annotations

import copyreg
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, overload

from ..errors import must
from .base import Strategy
from .seen import Decision, Memory, Seen

Function = Callable[..., Decision | tuple[Decision, Mapping[str, object]]]


@dataclass(frozen=True, repr=False)
class Own(Strategy):
    """A user's function as a strategy; see `strategy`."""

    function: Function
    memory: tuple[tuple[str, Any], ...] = ()
    takes_memory: bool = field(default=False)

    def initial_memory(self) -> dict[str, object]:
        return dict(self.memory)

    def decide(self, seen: Seen, memory: Memory) -> Decision | tuple[Decision, Mapping[str, object]]:
        return self.function(seen, memory) if self.takes_memory else self.function(seen)

    def describe(self) -> str:
        text = " ".join((inspect.getdoc(self.function) or "").split("\n\n")[0].split())
        return f"{text or self.function.__name__.replace('_', ' ')} (Of the user's own making.)"

    def __str__(self) -> str:
        return self.function.__name__

    def __repr__(self) -> str:
        return f"<strategy {self.function.__name__}>"


def _pickled(own: Own) -> tuple[Any, ...]:
    """By name where the decorated name stands for this strategy: the function cannot be found under it any more."""
    module, name = own.function.__module__, own.function.__qualname__
    if module != "__main__" and _found(module, name) is own:
        return _found, (module, name)
    return type(own), (own.function, own.memory, own.takes_memory)


# Not `__reduce__`: a class with one is told apart by what it returns (`simulation/telling.py`), here a name, and a
# function that was rewritten would find the results of the old one in a store.
copyreg.pickle(Own, _pickled)


def _found(module: str, name: str) -> Any:
    """What stands under a dotted name, or None."""
    if module not in sys.modules:
        __import__(module)
    held: Any = sys.modules[module]
    for part in name.split("."):
        held = getattr(held, part, None)
    return held


@overload
def strategy(function: Function) -> Own: ...
@overload
def strategy(function: None = None, *, memory: Mapping[str, Any] | None = None) -> Callable[[Function], Own]: ...
def strategy(
    function: Function | None = None, *, memory: Mapping[str, Any] | None = None
) -> Own | Callable[[Function], Own]:
    """Make a strategy of a function of what was seen.

    Parameters
    ----------
    function : callable
        ``seen`` → `Decision`, or with memory ``(seen, memory)`` → `Decision` or (`Decision`, new memory). `seen` is a
        `Seen`: arrays of shape (n,), one entry a patient; each patient must be decided for by herself.
    memory : mapping of str to number, bool, text or tuple of numbers, optional
        What is remembered of each patient, and its value before the first session.

    Returns
    -------
    Strategy
        Named after the function; its docstring is what `describe` says.

    Examples
    --------
    >>> import numpy as np
    >>> import retreat_research as rr
    >>> @rr.strategy
    ... def by_preference(seen):
    ...     "Twelve weeks for those who want a smooth effect, eighteen for the others."
    ...     return rr.Decision.at(np.where(seen.preference < 0.5, 12, 18))
    >>> @rr.strategy(memory={"lo": 10.0, "hi": 26.0})
    ... def bisect(seen, memory):
    ...     first, lasted = seen.session == 0, seen.effect_at_return
    ...     lo = np.where(~first & lasted, seen.gap_weeks, memory.lo)
    ...     hi = np.where(~first & ~lasted, seen.gap_weeks, memory.hi)
    ...     return rr.Decision.at((lo + hi) / 2), {"lo": lo, "hi": hi}
    >>> cohort = rr.draw_cohort(500, indication="glabellar")
    >>> for rule in (by_preference, bisect.within(12, 20)):
    ...     print(rule, rr.simulate(cohort, rule, years=5).summary().loc[0, "value"].round(3))
    by_preference 0.838
    bisect.within(shortest=12, longest=20) 0.808
    """
    must(memory is None or isinstance(memory, Mapping), "`memory` must map names to values before the first session")
    kept = tuple((name, tuple(v) if isinstance(v, list) else v) for name, v in (memory or {}).items())

    def made(function: Function) -> Own:
        must(callable(function) and hasattr(function, "__name__"), "a strategy must be made of a function of `seen`")
        taken = inspect.signature(function).parameters.values()
        plain = [p for p in taken if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
        wanted = "(seen, memory)" if kept else "(seen) or (seen, memory)"
        must(len(plain) in ((2,) if kept else (1, 2)), f"`{function.__name__}` must be a function of {wanted}")
        return Own(function, kept, len(plain) == 2)

    return made if function is None else made(function)
