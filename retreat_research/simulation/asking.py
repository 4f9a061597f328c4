"""Ask a strategy: what it is shown, what it must return, and whether it treats every patient by herself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import must, rows_text
from ..products import PRODUCTS, nearest
from ..strategies import REASONS, Decision, Memory, Past, Seen, Strategy
from .session import Given, Shown
from .state import Records

PRODUCT_NAMES = np.array(list(PRODUCTS))
CODES = {name: code for code, name in enumerate(PRODUCTS)}
#: What `observing.show` copies, in its order.
SHOWN = (
    "week", "gap_weeks", "units", "lower", "upper", "waned_weeks", "peak_gain", "cumulative_units", "last_test_week",
    "last_reading", "preference",
)  # fmt: skip
SHOWN_WHOLE = ("session", "last_test", "product")
SHOWN_FLAGS = ("responded", "assessed", "effect_at_return")
_REASON_CODES = {reason: code for code, reason in enumerate(REASONS)}


class Asking:
    """One strategy and the world it works in; rows of an error are those of the whole cohort."""

    def __init__(
        self, strategy: Strategy, table: Records, label_units: float, *, first_row: int, reasons: bool, check: bool
    ) -> None:
        self.strategy, self.name = strategy, str(strategy)
        self.table, self.label_units = table, label_units
        self.first_row, self.reasons, self.check = first_row, reasons, check

    def __call__(self, shown: Shown, past: Past, position: NDArray[np.int64], memory: Memory) -> tuple[Given, Memory]:
        """The decision for each patient, and the new memory."""
        seen = self._seen(shown, past)
        decision, remembered = self._asked(seen, memory)
        given = self._given(decision, seen, position)
        if self.check:
            self._must_be_row_wise(seen, memory, given, remembered, position)
        return given, remembered

    def _seen(self, shown: Shown, past: Past) -> Seen:
        arrays: dict[str, Any] = dict(
            zip((*SHOWN, *SHOWN_WHOLE, *SHOWN_FLAGS), (a for part in shown for a in part), strict=True)
        )
        codes = arrays.pop("product")
        return Seen(
            **arrays,
            label_units=np.full(len(arrays["week"]), self.label_units),
            _products=(PRODUCT_NAMES, codes),
            _past=past,
        )

    def _asked(self, seen: Seen, memory: Memory) -> tuple[Decision, Memory]:
        decision: object = self.strategy.decide(seen, memory)
        if isinstance(decision, tuple):
            must(len(decision) == 2, f"{self.name} must return a Decision or (Decision, memory)")
            decision, remembered = decision
            must(
                isinstance(remembered, Mapping) and set(remembered) == set(memory),
                f"{self.name}: the new memory must have {', '.join(memory) or 'nothing'}, as at the start",
            )
            n = len(seen)
            for key, values in remembered.items():
                must(
                    np.shape(values) in ((), (n,)),
                    f"{self.name}: memory `{key}` has shape {np.shape(values)}, not ({n},)",
                )
            memory = Memory({k: np.asarray(v) if np.shape(v) else np.full(n, v) for k, v in remembered.items()})
        if not isinstance(decision, Decision):
            must(False, f"{self.name} must return a Decision, not {type(decision).__name__}")
        assert isinstance(decision, Decision)
        return decision, memory

    def _given(self, decision: Decision, seen: Seen, position: NDArray[np.int64]) -> Given:
        """`decision` as arrays; an error names the strategy, the field and the rows."""
        n = len(seen)

        def every(ok: NDArray[np.bool_], message: str) -> None:
            if not ok.all():
                where = f" ({rows_text(self.first_row + position[~ok])})" if ok.shape == (n,) else ""
                must(False, f"{self.name}: {message}{where}")

        def numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
            array = np.asarray(values, dtype=float)
            must(array.shape in ((), (n,)), f"{self.name}: `{name}` has shape {array.shape}, not ({n},)")
            every(np.isfinite(array), f"`{name}` must be finite")
            return np.full(n, array) if array.shape == () else np.ascontiguousarray(array)

        earliest = numbers(decision.earliest, "earliest")
        latest = earliest if decision.latest is decision.earliest else numbers(decision.latest, "latest")
        every(earliest > 0, "`earliest` must be positive")
        if latest is not earliest:
            every(earliest <= latest, "`latest` must not be before `earliest`")
        units = seen.units if decision.units is None else numbers(decision.units, "units")
        if units is not seen.units:
            every(units >= 0, "`units` must not be negative")
        product = seen._products[1]
        if decision.product is not None:
            product = self._codes(decision.product, n)
            if decision.units is None:
                every(product == seen._products[1], "`product` changes without `units`")
        adjunct = np.zeros(n, dtype=bool)
        if decision.adjunct is not None:
            adjunct = np.asarray(decision.adjunct)
            must(adjunct.dtype == bool, f"{self.name}: `adjunct` must be True or False")
            must(adjunct.shape in ((), (n,)), f"{self.name}: `adjunct` has shape {adjunct.shape}, not ({n},)")
            adjunct = np.array(np.broadcast_to(adjunct, (n,)))
        return Given(
            units,
            product,
            adjunct,
            earliest,
            latest,
            self._reasons(decision.reason, n) if self.reasons else np.zeros(n, dtype=np.int8),
        )

    def _reasons(self, reason: ArrayLike | None, n: int) -> NDArray[np.int8]:
        array = np.asarray("hold" if reason is None else reason)
        must(array.shape in ((), (n,)), f"{self.name}: `reason` has shape {array.shape}, not ({n},)")
        if array.dtype.kind in "iu":
            known = bool(((array >= 0) & (array < len(REASONS))).all())
            codes = array
        else:
            texts, where = np.unique(array.astype(str), return_inverse=True)
            known = set(texts.tolist()) <= set(REASONS)
            codes = np.array([_REASON_CODES.get(text, 0) for text in texts.tolist()])[where].reshape(array.shape)
        must(known, f"{self.name}: `reason` must be one of {', '.join(REASONS)}")
        return np.array(np.broadcast_to(codes, (n,)), dtype=np.int8)

    def _codes(self, names: ArrayLike, n: int) -> NDArray[np.int64]:
        array = np.asarray(names, dtype=str)
        must(array.shape in ((), (n,)), f"{self.name}: `product` has shape {array.shape}, not ({n},)")
        found, inverse = np.unique(array, return_inverse=True)
        codes = []
        for name in found.tolist():
            must(name in CODES, f"{self.name}: unknown product{nearest(name, CODES)}")
            codes.append(CODES[name])
            known = np.isfinite(self.table["log_median"][codes[-1]]) and np.isfinite(
                self.table["label_units"][codes[-1]]
            )
            must(
                bool(known) or name == "placebo",
                f"{self.name}: this world knows no duration or no label dose of {name}",
                "see `median_weeks`",
            )
        return np.ascontiguousarray(
            np.broadcast_to(np.array(codes, dtype=np.int64)[inverse.reshape(array.shape)], (n,))
        )

    def _must_be_row_wise(
        self, seen: Seen, memory: Memory, given: Given, remembered: Memory, position: NDArray[np.int64]
    ) -> None:
        """Ask again about the patients in another order, and about every second one only."""
        n = len(seen)
        for rows in (np.arange(n)[::-1], np.arange(0, n, 2)):
            decision, again_remembered = self._asked(seen.at(rows), memory.at(rows))
            again = self._given(decision, seen.at(rows), position[rows])
            pairs = {f"`{name}`": (getattr(given, name)[rows], getattr(again, name)) for name in Given._fields}
            pairs |= {f"memory `{k}`": (remembered[k][rows], again_remembered[k]) for k in remembered}
            for what, (first, second) in pairs.items():
                same = (first == second) | ((first != first) & (second != second))
                if not same.all():
                    must(
                        False,
                        f"{self.name}: {what} of a patient depends on the other patients, on their order or on chance "
                        f"({rows_text(self.first_row + np.sort(position[rows][~same]))})",
                        "a strategy decides for each patient by herself",
                    )
