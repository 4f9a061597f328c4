"""Ask a strategy: what it is shown, what it must return, and whether it treats every patient by herself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, must
from ..products import PRODUCTS
from ..strategies import Decision, Memory, Past, Seen, Strategy
from ..strategies.base import SOONEST_WEEKS
from ..strategies.seen import Foreknown
from .deciding import Reading
from .session import Given, Shown
from .state import Records

PRODUCT_NAMES = np.array(list(PRODUCTS))
PRODUCT_NAMES.flags.writeable = False
#: What `observing.show` copies, in its order.
SHOWN = (
    "week", "gap_weeks", "units", "lower", "upper", "waned_weeks", "peak_gain", "cumulative_units", "last_test_week",
    "last_reading", "preference",
)  # fmt: skip
SHOWN_WHOLE = ("session", "last_test", "product")
SHOWN_FLAGS = ("responded", "assessed", "effect_at_return")


class Asking:
    """One strategy and the world it works in; rows of an error are those of the whole cohort."""

    def __init__(
        self, strategy: Strategy, table: Records, label_units: float, *, first_row: int, reasons: bool, check: bool
    ) -> None:
        self.strategy, self.name = strategy, str(strategy)
        self.table, self.label_units = table, label_units
        self.first_row, self.reasons, self.check = first_row, reasons, check
        self._first_answer: dict[str, Any] = {}

    def __call__(
        self,
        shown: Shown,
        past: Past,
        position: NDArray[np.int64],
        memory: Memory,
        foretold: NDArray[np.float64] | None = None,
    ) -> tuple[Given, Memory]:
        """The decision for each patient, and the new memory; `foretold` is for an oracle."""
        seen = self._seen(shown, past, foretold)
        given, remembered = self._answer(seen, memory, position)
        if self.check:
            self._must_be_row_wise(seen, memory, given, remembered, position)
            if not self.strategy.is_looking():
                self._must_be_blind(given, position)
        return given, remembered

    def memory(self, n: int) -> Memory:
        """The memory of n patients before their first session."""
        start = self._called(self.strategy.initial_memory)
        of = f"{self.name}: `initial_memory` must"
        must(isinstance(start, Mapping), f"{of} return a dictionary, not {type(start).__name__}")
        for key, value in start.items():
            must(isinstance(key, str), f"{of} have texts as names")
            must(not hasattr(Memory, key), f"{of} not use the name `{key}`", "a dictionary has its own; choose another")
            many = isinstance(value, tuple) and len(value) > 0
            plain = many or isinstance(value, bool | int | float | str | np.generic)
            plain = plain and np.asarray(value).dtype.kind in "biufU" and np.ndim(value) == int(many)
            must(plain, f"{of} give one number for all, or a tuple of them, as `{key}`, not {type(value).__name__}")
        return Memory({key: np.full((n, *np.shape(value)), value) for key, value in start.items()})

    def _seen(self, shown: Shown, past: Past, foretold: NDArray[np.float64] | None) -> Seen:
        for part in shown:
            part.flags.writeable = False
        arrays: dict[str, Any] = dict(
            zip((*SHOWN, *SHOWN_WHOLE, *SHOWN_FLAGS), (a for part in shown for a in part), strict=True)
        )
        codes = arrays.pop("product")
        arrays |= {
            "label_units": np.full(len(arrays["week"]), self.label_units),
            "_products": (PRODUCT_NAMES, codes),
            "_past": past,
        }
        return Seen(**arrays) if foretold is None else Foreknown(**arrays, next_duration=foretold)

    def _answer(self, seen: Seen, memory: Memory, position: NDArray[np.int64]) -> tuple[Given, Memory]:
        """What the strategy says, as arrays."""
        reading = Reading(self.name, self.first_row, position)
        decision: Any = self._called(self.strategy.decide, seen, memory)
        if isinstance(decision, tuple):
            must(len(decision) == 2, f"{self.name} must return a Decision or (Decision, memory)")
            decision, remembered = decision
            memory = self._remembered(remembered, memory, reading)
        told = isinstance(decision, Decision)
        must(told, f"{self.name} must return a Decision, not {type(decision).__name__}")
        return self._given(decision, seen, reading), memory

    def _called(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Call the strategy; what it raises comes through, but for what would mislead."""
        try:
            return method(*arguments)
        except StopIteration as error:  # inside a generator it would pass for its end
            raise RuntimeError(f"{self.name} raised StopIteration") from error
        except ValueError as error:
            if "read-only" not in str(error):
                raise
            hint = "make a new array, and return the new memory beside the decision"
            raise InputError(f"{self.name} must not change what it is shown or remembers; {hint}") from error

    def _remembered(self, remembered: Any, memory: Memory, reading: Reading) -> Memory:
        must(
            isinstance(remembered, Mapping) and set(remembered) == set(memory),
            f"{self.name}: the new memory must have {', '.join(memory) or 'nothing'}, as at the start",
        )
        n, arrays = reading.position.size, {}
        for key, values in remembered.items():
            what, wanted = f"memory `{key}`", "numbers, texts, or True and False"
            array, missing = reading.array(values, what, wanted, each=memory[key].shape[1:])
            must(array.dtype.kind in "biufU", f"{self.name}: {what} must be {wanted}")
            reading.every(~missing, f"{what} must not be masked")
            arrays[key] = array if array.ndim == memory[key].ndim else np.full((n, *array.shape), array)
        return Memory(arrays)

    def _given(self, decision: Decision, seen: Seen, reading: Reading) -> Given:
        n = len(seen)
        earliest = reading.numbers(decision.earliest, "`earliest`")
        latest = earliest if decision.latest is decision.earliest else reading.numbers(decision.latest, "`latest`")
        reading.every(earliest > 0, "`earliest` must be positive")
        if latest is not earliest:
            reading.every(earliest <= latest, "`latest` must not be before `earliest`")
        reading.every(latest >= SOONEST_WEEKS, "`latest` must be at least a day", "times are in weeks: 1/7 or more")
        units = seen.units if decision.units is None else reading.numbers(decision.units, "`units`")
        if units is not seen.units:
            reading.every(units >= 0, "`units` must not be negative")
        product = seen._products[1]
        if decision.product is not None:
            product = reading.codes(decision.product, "`product`", self.table)
            if decision.units is None:
                reading.every(product == seen._products[1], "`product` changes without `units`")
        adjunct = np.zeros(n, dtype=bool) if decision.adjunct is None else reading.flags(decision.adjunct, "`adjunct`")
        reason = reading.reasons(decision.reason, "`reason`") if self.reasons else np.zeros(n, dtype=np.int8)
        return Given(*(_read_only(values) for values in (units, product, adjunct, earliest, latest, reason)))

    def _must_be_row_wise(
        self, seen: Seen, memory: Memory, given: Given, remembered: Memory, position: NDArray[np.int64]
    ) -> None:
        """Ask again: the patients in another order, every second one only, and the first and the last alone."""
        n = len(seen)
        for rows in (np.arange(n)[::-1], np.arange(0, n, 2), np.array([0]), np.array([n - 1])):
            again, again_remembered = self._answer(seen.at(rows), memory.at(rows), position[rows])
            pairs = {f"`{name}`": (getattr(given, name)[rows], getattr(again, name)) for name in Given._fields}
            pairs |= {f"memory `{k}`": (remembered[k][rows], again_remembered[k]) for k in remembered}
            for what, (first, second) in pairs.items():
                same = (first == second) | ((first != first) & (second != second))
                Reading(self.name, self.first_row, position[rows]).every(
                    same.reshape(len(rows), -1).all(axis=1),
                    f"{what} of a patient depends on the other patients, on their number or order, or on chance",
                    "a strategy decides for each patient by herself",
                )

    def _must_be_blind(self, given: Given, position: NDArray[np.int64]) -> None:
        """What says that it looks at nothing decides the same for everyone, always."""
        reading = Reading(self.name, self.first_row, position)
        for name in Given._fields:
            values = getattr(given, name)
            reading.every(
                values == self._first_answer.setdefault(name, values[0]),
                f"`{name}` is not the same for everyone at every visit, though `looks` is False",
                "leave `looks` out",
            )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A contiguous view that cannot be written to: the kernel is compiled anew for each other kind of array."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
