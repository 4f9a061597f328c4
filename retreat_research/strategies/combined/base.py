"""What all strategies around another one share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import must
from ..base import Strategy
from ..conditions import Condition
from ..seen import REASONS, Bools, Decision, Floats, Memory, Seen

if TYPE_CHECKING:
    from ...world import World

_RULE = "rule."  # before the names of the inner rule's memory
_CODES = {reason: code for code, reason in enumerate(REASONS)}
_UNKNOWN = -1  # no reason at all: `simulate` refuses it


class Filled(NamedTuple):
    """A decision with every field an array of shape (n,), `reason` as positions in `REASONS`."""

    earliest: Floats
    latest: Floats
    units: Floats
    product: NDArray[np.str_]
    reason: NDArray[np.int64]
    adjunct: Bools

    def changed(self, **changes: Any) -> Decision:
        """The decision with other fields."""
        return Decision(**{**self._asdict(), **changes})


@dataclass(frozen=True)
class Around(Strategy):
    """A strategy that follows `rule` but for one thing.

    The rule's memory lies beside its own under names that begin with ``rule.``, so that nothing can clash however often
    it is wrapped.

    Attributes
    ----------
    rule : Strategy
    method : str, of the class
        The combinator that makes it.
    """

    rule: Strategy
    method: ClassVar[str]

    @property
    def oracle(self) -> bool:  # type: ignore[override]
        """As the rule."""
        return self.rule.oracle

    @property
    def weighs(self) -> bool:  # type: ignore[override]
        """As the rule."""
        return self.rule.weighs

    def prepared(self, world: World) -> Strategy:
        return replace(self, rule=self.rule.prepared(world))

    def changes(self) -> Mapping[str, float]:
        return self.rule.changes()

    def own_memory(self) -> dict[str, object]:
        """What it remembers itself."""
        return {}

    def initial_memory(self) -> dict[str, object]:
        return {**self.own_memory(), **{_RULE + name: v for name, v in self.rule.initial_memory().items()}}

    def asked(self, seen: Seen, memory: Memory) -> tuple[Filled, Memory]:
        """The rule's decision and its new memory."""
        inner = Memory({name[len(_RULE) :]: v for name, v in memory.items() if name.startswith(_RULE)})
        answer = self.rule.decide(seen, inner)
        decision, new = answer if isinstance(answer, tuple) else (answer, inner)
        return filled(decision, seen), Memory({name: _of_all(new[name], inner[name]) for name in inner})

    def remembered(self, new: Memory, memory: Memory, moves: Bools | None = None, **own: Any) -> dict[str, object]:
        """The memory to return: the rule's new one, where it `moves` on, beside its own."""
        inner = {}
        for name, values in new.items():
            old = memory[_RULE + name]
            where = moves if moves is None or old.ndim == 1 else moves[:, None]
            inner[_RULE + name] = values if where is None else np.where(where, values, old)
        return {**own, **inner}

    def __str__(self) -> str:
        given = [f for f in fields(self) if f.name != "rule" and f.metadata.get("shown", True)]
        shown = ", ".join(f"{f.name}={_as_written(getattr(self, f.name))}" for f in given)
        return f"{self.rule}.{self.method}({shown})"


class Windows(Around):
    """Around a rule without looking at what is seen: it looks if the rule does."""

    def is_looking(self) -> bool:
        return self.rule.is_looking()


def filled(decision: Decision, seen: Seen) -> Filled:
    """A decision with what it leaves out, and one value for all, spelled out."""
    n = len(seen)

    def numbers(values: Any, what: str) -> Floats:
        array = np.asarray(values)
        must(array.shape in ((), (n,)), f"`{what}` of a decision has shape {array.shape}, not {(n,)}")
        must(array.dtype.kind in "iufO", f"`{what}` of a decision must be numbers")
        return np.broadcast_to(array.astype(float), n)

    reason = np.asarray("hold" if decision.reason is None else decision.reason)
    if reason.dtype.kind not in "iu":
        texts, where = np.unique(reason, return_inverse=True)
        reason = np.array([_CODES.get(str(text), _UNKNOWN) for text in texts])[where].reshape(reason.shape)
    return Filled(
        numbers(decision.earliest, "earliest"),
        numbers(decision.latest, "latest"),
        units=seen.units if decision.units is None else numbers(decision.units, "units"),
        product=seen.product if decision.product is None else np.broadcast_to(np.asarray(decision.product), n),
        reason=np.broadcast_to(reason, n),
        adjunct=np.broadcast_to(np.asarray(False if decision.adjunct is None else decision.adjunct), n),
    )


def counted(condition: Condition, seen: Seen, memory: Memory) -> tuple[Bools, NDArray[np.int64]]:
    """Whether a condition is met now, and for how many cycles in a row it has held.

    It is looked at when a cycle with an injection has ended since the last time, of which ``memory.sessions`` and
    ``memory.streak`` know; once it has been met, counting begins anew.
    """
    ended = seen.session > memory.sessions
    streak = np.where(ended, np.where(condition.holds(seen), memory.streak + 1, 0), memory.streak)
    met = ended & (streak >= condition.times)
    return met, np.where(met, 0, streak)


def _of_all(values: Any, like: NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(values)
    return array if array.ndim == like.ndim else np.broadcast_to(array, like.shape)


def _as_written(value: Any) -> str:
    return repr(str(value)) if isinstance(value, Condition) else repr(value)
