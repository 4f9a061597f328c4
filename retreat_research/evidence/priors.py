"""Priors: what a parameter is believed to be, as a distribution that is drawn by inversion.

A value with a range, "17 (15 to 19)", is a `LogNormal` with that median and the range as its central 95%; a range alone
is a `Uniform` on it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import inf, log

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtr, ndtri

from ..errors import must, must_all, number, real_numbers

Floats = NDArray[np.float64]


class Prior(ABC):
    """A distribution of one number."""

    def quantile(self, u: ArrayLike) -> Floats:
        """The inverse of the distribution function.

        Parameters
        ----------
        u : array_like of float, each in (0, 1)

        Returns
        -------
        float array of the same shape
        """
        u = real_numbers(u, "u")
        must_all(np.ravel((u > 0) & (u < 1)), "`u` must lie between 0 and 1")
        return self._quantile(u)

    @abstractmethod
    def _quantile(self, u: Floats) -> Floats: ...


@dataclass(frozen=True)
class LogNormal(Prior):
    """ln X ~ N(ln `median`, `sd`²).

    Examples
    --------
    >>> print(LogNormal(5, 0.7), "and", LogNormal(1, 0.4))
    LogN(ln 5, 0.7) and LogN(0, 0.4)
    """

    median: float
    sd: float

    def __post_init__(self) -> None:
        _positive(median=self.median, sd=self.sd)

    @classmethod
    def within(cls, lower: float, upper: float, median: float) -> LogNormal:
        """The one with that median whose central 95% is as wide, in ln, as `lower` to `upper`.

        Examples
        --------
        >>> LogNormal.within(15, 19, median=17).quantile([0.025, 0.975]).round(1).tolist()
        [15.1, 19.1]
        """
        _positive(lower=lower, upper=upper)
        must(lower < upper, "`lower` must be positive and less than `upper`")
        return cls(median, log(upper / lower) / (2 * float(ndtri(0.975))))

    def _quantile(self, u: Floats) -> Floats:
        return self.median * np.exp(self.sd * ndtri(u))

    def __str__(self) -> str:
        centre = "0" if self.median == 1 else f"ln {self.median:g}"
        return f"LogN({centre}, {self.sd:.2g})"


@dataclass(frozen=True)
class Normal(Prior):
    """N(`mean`, `sd`²), cut to [`lower`, `upper`].

    Examples
    --------
    >>> print(Normal(0.6, 0.4, lower=0, upper=1.3))
    N(0.6, 0.4) on [0, 1.3]
    """

    mean: float
    sd: float
    lower: float = -inf
    upper: float = inf

    def __post_init__(self) -> None:
        number(self.mean, "mean")
        _positive(sd=self.sd)
        for name in ("lower", "upper"):
            if getattr(self, name) not in (-inf, inf):
                number(getattr(self, name), name)
        must(self.lower < self.upper, "`lower` must be less than `upper`")

    def _quantile(self, u: Floats) -> Floats:
        least, most = ndtr((self.lower - self.mean) / self.sd), ndtr((self.upper - self.mean) / self.sd)
        return np.clip(self.mean + self.sd * ndtri(least + u * (most - least)), self.lower, self.upper)

    def __str__(self) -> str:
        cut = "" if self.lower == -inf and self.upper == inf else f" on [{self.lower:g}, {self.upper:g}]"
        return f"N({self.mean:g}, {self.sd:g}){cut}"


@dataclass(frozen=True)
class HalfNormal(Prior):
    """|X|, X ~ N(0, `sd`²).

    Examples
    --------
    >>> print(HalfNormal(1.5))
    half-normal(1.5)
    """

    sd: float

    def __post_init__(self) -> None:
        _positive(sd=self.sd)

    def _quantile(self, u: Floats) -> Floats:
        return self.sd * ndtri((1 + u) / 2)

    def __str__(self) -> str:
        return f"half-normal({self.sd:g})"


@dataclass(frozen=True)
class Beta(Prior):
    """Beta with shapes `a` and `b`, mean a/(a + b).

    Examples
    --------
    >>> print(Beta(2, 3))
    Beta(2, 3)
    """

    a: float
    b: float

    def __post_init__(self) -> None:
        _positive(a=self.a, b=self.b)

    def _quantile(self, u: Floats) -> Floats:
        return betaincinv(self.a, self.b, u)

    def __str__(self) -> str:
        return f"Beta({self.a:g}, {self.b:g})"


@dataclass(frozen=True)
class Uniform(Prior):
    """Uniform on [`lower`, `upper`].

    Examples
    --------
    >>> print(Uniform(0.3, 1.2))
    U(0.3, 1.2)
    """

    lower: float
    upper: float

    def __post_init__(self) -> None:
        number(self.lower, "lower")
        number(self.upper, "upper")
        must(self.lower < self.upper, "`lower` must be less than `upper`")

    def _quantile(self, u: Floats) -> Floats:
        return self.lower + u * (self.upper - self.lower)

    def __str__(self) -> str:
        return f"U({self.lower:g}, {self.upper:g})"


def _positive(**numbers: float) -> None:
    for name, value in numbers.items():
        must(number(value, name) > 0, f"`{name}` must be positive")
