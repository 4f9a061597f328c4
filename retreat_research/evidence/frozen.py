"""A mapping that stays as it is: numbers and priors of a specification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import nan
from types import MappingProxyType
from typing import Any, TypeVar

V = TypeVar("V")


class Frozen(Mapping[str, V]):
    """A read-only copy of a mapping, which can be hashed, pickled and compared: two missing numbers (NaN) are the same.

    The order of its keys is for showing; it makes no difference, and a pickle has them sorted.

    Examples
    --------
    >>> given = {"a": 1.0, "b": float("nan")}
    >>> kept = Frozen(given)
    >>> given["a"] = 2.0
    >>> kept["a"], kept == Frozen({"b": float("nan"), "a": 1.0})
    (1.0, True)
    """

    __slots__ = ("_held",)

    def __init__(self, given: Mapping[str, V]) -> None:
        # One NaN for all: Python holds two NaN for equal only if they are the same object.
        held: dict[str, Any] = {
            key: nan if isinstance(value, float) and value != value else value for key, value in given.items()
        }
        self._held = MappingProxyType(held)

    def __getitem__(self, key: str) -> V:
        return self._held[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __eq__(self, other: object) -> bool:
        return dict(self._held) == dict(Frozen(other)._held) if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._held.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        # In an order of its own, so that equal mappings are also stored alike (`simulation/telling.py`).
        return type(self), (dict(sorted(self._held.items(), key=lambda item: str(item[0]))),)

    def __repr__(self) -> str:
        return repr(dict(self._held))
