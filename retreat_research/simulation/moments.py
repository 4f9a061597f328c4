"""Exact sums over patients: the same numbers in any order, in blocks of any size, on any number of machines.

Every product of two of a patient's outcomes is cut once into a multiple of 2**6 and a rest rounded to 2**-34. Both
parts are added without a rounding error: 4,096 of them fit into the 53 bits of a double, and sums of those are Python
integers. Addition is then associative, which floating point is not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compiled import compiled
from ..errors import InputError, must
from .outcomes import NEED_ANTIGEN, TOTALS, Outcome

#: What is summed: each patient counts 1 under "", a column of weeks that ends in ``_week`` 1 if it is known.
QUANTITIES = ("", *(name for name in TOTALS.names or () if name != "patient"))
_PLACE = {name: place for place, name in enumerate(QUANTITIES)}
#: Powers of two that bring typical values near 2**9, where both parts of a product are well used.
_SCALES = {
    "sessions": 2.0**4, "session_equivalents": 2.0**4, "units": 2.0**-3, "unit_equivalents": 2.0**-3,
    "antigen_ng": 2.0**6, "antigen_equivalents": 2.0**6,
}  # fmt: skip
_SCALE = np.array([_SCALES.get(name, 1.0) for name in QUANTITIES])
_LARGEST = 2.0**23  # of a scaled value
_LOWER = np.tril_indices(len(QUANTITIES))
_AT_ONCE = 4096
_COARSE, _FINE = 2.0**6, 2.0**-34
# Adding and subtracting 1.5 · 2**52 quanta rounds to a multiple of the quantum.
_TO_COARSE, _TO_FINE = 1.5 * 2.0**52 * _COARSE, 1.5 * 2.0**52 * _FINE
_FINE_IN_COARSE = round(_COARSE / _FINE)
_ROUNDING = Fraction(2) ** -51  # of a product, relative: less spread than that is none


@dataclass(frozen=True)
class Moments:
    """Sums of patients' outcomes and of all products of two.

    Attributes
    ----------
    n : int
        Patients.
    products : tuple of int
        Σ of products in units of 2**-34 of the scaled values, the lower triangle of `QUANTITIES` × `QUANTITIES` row by
        row.
    unknown : tuple of int
        Patients whose value is not a number, for each of `QUANTITIES`; they count as 0 in the sums.

    Examples
    --------
    >>> totals = np.zeros(3, dtype=TOTALS)
    >>> totals["weeks_observed"] = [10.0, 20.5, 30.0]
    >>> first, rest = Moments.of(totals[:1]), Moments.of(totals[1:])
    >>> (first + rest).total("weeks_observed"), first + rest == Moments.of(totals)
    (60.5, True)
    """

    n: int = 0
    products: tuple[int, ...] = (0,) * (len(QUANTITIES) * (len(QUANTITIES) + 1) // 2)
    unknown: tuple[int, ...] = (0,) * len(QUANTITIES)

    @classmethod
    def of(cls, totals: Any) -> Moments:
        """The sums over some patients.

        Parameters
        ----------
        totals : array of `TOTALS`, or a data frame with these columns
        """
        n = len(totals)
        columns = {name: np.asarray(totals[name]) for name in QUANTITIES[1:]}
        found = cls()
        for start in range(0, n, _AT_ONCE):
            stop = min(start + _AT_ONCE, n)
            found += cls._of_few({name: column[start:stop] for name, column in columns.items()}, stop - start)
        return found

    @classmethod
    def _of_few(cls, columns: Mapping[str, NDArray[Any]], n: int) -> Moments:
        values = np.empty((n, len(QUANTITIES)))
        values[:, 0] = 1.0
        for name, column in columns.items():
            values[:, _PLACE[name]] = column == column if name.endswith("_week") else column  # NaN differs from itself
        coarse, fine = np.zeros((2, len(QUANTITIES), len(QUANTITIES)))
        unknown = np.zeros(len(QUANTITIES), dtype=np.int64)
        must(
            _add_products(values, _SCALE, coarse, fine, unknown) <= _LARGEST,
            "outcomes are too large to be summed exactly",
            "a patient's units must stay below 67 million, and antigen below 130,000 ng",
        )
        high, low = (coarse[_LOWER] / _COARSE).astype(np.int64), (fine[_LOWER] / _FINE).astype(np.int64)
        products = tuple(h * _FINE_IN_COARSE + f for h, f in zip(high.tolist(), low.tolist(), strict=True))
        return cls(n, products, tuple(unknown.tolist()))

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.n + other.n,
            tuple(a + b for a, b in zip(self.products, other.products, strict=True)),
            tuple(a + b for a, b in zip(self.unknown, other.unknown, strict=True)),
        )

    def product(self, a: str, b: str = "") -> Fraction:
        """Σ a·b over patients, of two of `QUANTITIES`; with one name Σ a."""
        i, j = sorted((_place(a), _place(b)))
        return Fraction(self.products[j * (j + 1) // 2 + i]) * Fraction(_FINE) / Fraction(_SCALE[i] * _SCALE[j])

    def total(self, name: str) -> float:
        """Σ over patients; NaN if a patient's is not known."""
        return math.nan if self.unknown[_place(name)] else float(self.product(name))

    def estimate(self, outcome: Outcome) -> tuple[float, float]:
        """Value of an outcome and its Monte Carlo standard error, as `outcomes.estimate` finds them from patients.

        Returns
        -------
        value, mcse : float
            NaN where a patient's value is not known, and the error of one patient.

        Notes
        -----
        With R = Σy/Σx the contributions u = (y − R x)/mean(x) sum to 0, so SD(u)²/n is
        (Σy² − 2 R Σxy + R² Σx²) / (n (n − 1) mean(x)²): nothing else of the patients is needed.
        """
        y, x = outcome.numerator, outcome.denominator
        unknown = self.unknown[_place(y)] or self.unknown[_place(x)]
        if outcome.name in NEED_ANTIGEN:
            unknown = unknown or self.unknown[_place("antigen_ng")]
        below = self.product(x)
        if unknown or below == 0:
            return math.nan, math.nan
        ratio = self.product(y) / below
        value = float(outcome.scale * ratio)
        if self.n < 2:
            return value, math.nan
        ups, cross, downs = self.product(y, y), ratio * self.product(x, y), ratio**2 * self.product(x, x)
        spread = ups - 2 * cross + downs
        cut = self.n * Fraction(_FINE) * (1 / _SCALE[_place(y)] + ratio / _SCALE[_place(x)]) ** 2
        if spread <= _ROUNDING * (ups + 2 * cross + downs) + cut:
            return value, 0.0
        variance = spread * self.n / ((self.n - 1) * below**2)
        return value, abs(outcome.scale) * math.sqrt(variance)

    def as_json(self) -> dict[str, Any]:
        """Integers only, so nothing is lost."""
        return {"n": self.n, "products": list(self.products), "unknown": list(self.unknown)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Moments:
        """What `as_json` wrote.

        Raises
        ------
        InputError
            If it is not that.
        """
        n, products, unknown = (content.get(name) for name in ("n", "products", "unknown"))
        if not (_whole([n]) and _whole(products, len(cls.products)) and _whole(unknown, len(QUANTITIES))):
            raise InputError("these are not the sums of a simulation")
        return cls(content["n"], tuple(content["products"]), tuple(content["unknown"]))


def _place(name: str) -> int:
    must(name in _PLACE, f"nothing is summed under the name {name!r}")
    return _PLACE[name]


def _whole(values: Sequence[Any] | None, size: int = 1) -> bool:
    return isinstance(values, list) and len(values) == size and all(type(value) is int for value in values)


@compiled(nogil=True)
def _add_products(values, scale, coarse, fine, unknown):  # type: ignore[no-untyped-def]
    """Add the products of each row's values to `coarse` and `fine`, exactly; the lower triangle counts.

    `values` are scaled in place, `unknown` counts those that are not numbers; the largest is returned.
    """
    largest = 0.0
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            value = values[i, j] * scale[j]
            if math.isnan(value):
                value = 0.0
                unknown[j] += 1
            values[i, j] = value
            largest = max(largest, abs(value))
        for j in range(values.shape[1]):
            for k in range(j + 1):
                product = values[i, j] * values[i, k]
                high = (product + _TO_COARSE) - _TO_COARSE
                coarse[j, k] += high
                fine[j, k] += ((product - high) + _TO_FINE) - _TO_FINE
    return largest
