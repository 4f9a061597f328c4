"""A family of strategies: a kind and the room of its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from math import floor
from typing import Any

from ..errors import InputError, must
from ..evidence import Frozen
from ..products import nearest
from ..strategies import Strategy


class Family:
    """A strategy with parameters to be chosen.

    Parameters
    ----------
    kind : class of strategy, or callable that returns one
    **space
        For each parameter that is searched ``(low, high)``, any number between or, if the class says that it is an
        ``int``, any whole one; ``(low, high, step)``, from `low` in steps, whole numbers if all three are; or a list of
        choices, of whatever kind. Anything else is kept as it is.

    Examples
    --------
    >>> from retreat_research import Stepped
    >>> family = Family(Stepped, start=(8.0, 16.0), step=(1.0, 6.0), on_waning=["hold", "back"], early=True)
    >>> print(family.made({"start": 10.0, "step": 2.0, "on_waning": "back"}))
    Stepped(start=10.0, step=2.0, hold=2, on_waning='back', early=True, longest=26.0)
    """

    def __init__(self, kind: Callable[..., Strategy], **space: Any) -> None:
        must(callable(kind), "`kind` must be a class of strategy, or a function that returns one")
        parameters = inspect.signature(kind).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            for name in space:
                must(name in parameters, f"{_name(kind)} has no parameter `{name}`{nearest(name, parameters)}")
        self.kind = kind
        self.space = Frozen({name: room for name, room in space.items() if isinstance(room, tuple | list)})
        self.fixed = Frozen({name: value for name, value in space.items() if name not in self.space})
        must(len(self.space) > 0, "nothing is left to search: give a parameter a range (low, high) or a list")
        self._counted = {name for name in self.space if _is_counted(self.space[name], parameters.get(name))}
        for name, room in self.space.items():
            if isinstance(room, list):
                must(len(room) > 0, f"`{name}` has no choices")
                continue
            numbers = len(room) in (2, 3) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in room)
            must(numbers, f"`{name}` must be (low, high), (low, high, step) or a list of choices")
            must(room[0] < room[1], f"`{name}`: low must be below high")
            inside = len(room) == 2 or 0 < room[2] <= room[1] - room[0]
            must(inside, f"`{name}`: the step must be positive and at most high - low")

    def suggested(self, trial: Any) -> dict[str, Any]:
        """Parameters that optuna proposes."""
        found = {}
        for name, room in self.space.items():
            if isinstance(room, list):  # by position: optuna keeps numbers and texts only
                found[name] = room[trial.suggest_categorical(name, tuple(range(len(room))))]
            elif name in self._counted:
                step = room[2] if len(room) == 3 else 1
                found[name] = trial.suggest_int(name, room[0], room[0] + (room[1] - room[0]) // step * step, step=step)
            else:
                low, high, step = float(room[0]), float(room[1]), float(room[2]) if len(room) == 3 else None
                if step is not None:
                    high = low + floor((high - low) / step + 1e-9) * step  # the last step that is inside
                found[name] = trial.suggest_float(name, low, high, step=step)
        return found

    def made(self, parameters: Mapping[str, Any]) -> Strategy:
        """The member with these parameters.

        Raises
        ------
        InputError
            If the strategy refuses them.
        """
        strategy = self.kind(**self.fixed, **parameters)
        if not isinstance(strategy, Strategy):
            raise InputError(f"{_name(self.kind)} must return a strategy, not {type(strategy).__name__}")
        return strategy

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={room!r}" for name, room in {**self.space, **self.fixed}.items())
        return f"Family({_name(self.kind)}, {shown})"


def _is_counted(room: Any, parameter: inspect.Parameter | None) -> bool:
    """Whether a range is of whole numbers."""
    if isinstance(room, list) or not all(isinstance(value, int) for value in room):
        return False
    return len(room) == 3 or (parameter is not None and parameter.annotation in (int, "int"))


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", type(kind).__name__)
