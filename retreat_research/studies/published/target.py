"""A published figure that the default world can be asked for, and the design that imitates its analysis."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from ...errors import must
from ...evidence import evidence
from ...evidence.tables import KEYS
from .antibodies import WEEKS_PER_MONTH
from .arm import Arm, Course
from .statistics import Estimate

#: Unit of the source: axis on which it is shown, and factor.
UNITS = {
    "percent": ("percent", 1.0),
    "day": ("weeks", 1 / 7),
    "week": ("weeks", 1.0),
    "month": ("weeks", WEEKS_PER_MONTH),
    "antibody month": ("months", 1.0),
    "antibody day": ("months", 1 / 7 / WEEKS_PER_MONTH),
    "antibody year": ("months", 12.0),
}
LEVEL = 0.95
ROUNDING = 1e-9  # of sums of shares


class Analysis(Protocol):
    """What a study does with its patients: a sample of the eligible ones, and a statistic of it."""

    def statistic(self, sample: NDArray[np.float64]) -> Estimate:
        """The reported number."""
        ...

    def sample(self, course: Course) -> NDArray[np.float64]:
        """One row per eligible patient."""
        ...


@dataclass(frozen=True, kw_only=True)
class Target:
    """A published figure.

    Parameters
    ----------
    name, group : str
    table : str
        Of `rr.evidence`.
    rows : tuple of str
        What names its rows there, see `evidence.tables.KEYS`.
    published : float
        As published, in `unit`.
    unit : str
        A key of `UNITS`.
    n : int, optional
        Of the patients that the figure is about; None where it is not published.
    arm : Arm
    analysis : Analysis
    ci : (float, float), optional
        Published 95% interval, in `unit`; the published range where there is no `n`.
    sd : float, optional
        Published SD of what a mean is of, in `unit`.
    at_least : bool
        The figure is a lower bound.
    informs : str
        Constants of the default world that were chosen with this figure in sight, where their sources do not name its
        row, and why; see `in_sight`.
    assumed : str
        What the design takes to be so beyond what the row says.
    reason : str
        Why the world may miss it, as far as the tables tell; shown if it does.
    """

    name: str
    group: str
    table: str
    rows: tuple[str, ...]
    published: float
    unit: str
    n: int | None
    arm: Arm
    analysis: Analysis
    ci: tuple[float, float] | None = None
    sd: float | None = None
    at_least: bool = False
    informs: str = ""
    assumed: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        must(self.unit in UNITS, f"`unit` must be one of {', '.join(UNITS)}")
        must(self.n is None or self.n > 0, "`n` must be positive")
        must(self.n is not None or self.ci is not None, "a figure without `n` needs its published range, `ci`")

    @property
    def axis(self) -> str:
        """``percent``, ``weeks`` (of effect) or ``months`` (of antibodies)."""
        return UNITS[self.unit][0]

    @property
    def value(self) -> float:
        """The published figure on its axis."""
        return self.published * UNITS[self.unit][1]

    @property
    def counted(self) -> bool:
        """Whether the figure is a share of a known number of patients, and so a count."""
        return self.axis == "percent" and self.n is not None and not self.at_least

    @property
    def compared(self) -> float:
        """The figure before it was rounded, where that is known: 98% of 45 patients are 44, 97.8%."""
        if self.n is None or not self.counted:
            return self.value
        return 100 * round(self.published * self.n / 100) / self.n

    @property
    def tolerance(self) -> float:
        """How exactly the figure is known on its axis, apart from sampling.

        A count and a lower bound are exact; anything else is known to half a unit of its last digit, and a median on
        visits to the days that a visit may be off.
        """
        if self.counted or self.at_least:
            return ROUNDING
        digits = -int(Decimal(str(self.published)).as_tuple().exponent)
        half_a_unit = 0.5 * 10.0**-digits * UNITS[self.unit][1]
        return max(half_a_unit, float(getattr(self.analysis, "resolution", 0.0)))

    def interval(self) -> tuple[float, float]:
        """95% interval of the published figure on its axis.

        Returns
        -------
        (float, float)
            The published one; for a percentage of n patients Clopper and Pearson's; for a mean with an SD Student's;
            otherwise NaN: a median says nothing without its curve.
        """
        scale = UNITS[self.unit][1]
        if self.ci is not None:
            return scale * self.ci[0], scale * self.ci[1]
        if self.n is None or self.at_least:
            return np.nan, np.nan
        if self.sd is not None:
            reach = float(stats.t.ppf((1 + LEVEL) / 2, self.n - 1)) * self.sd / float(np.sqrt(self.n))
            return scale * (self.published - reach), scale * (self.published + reach)
        if self.axis == "percent":
            found = stats.binomtest(round(self.published * self.n / 100), self.n).proportion_ci(LEVEL, "exact")
            return 100 * float(found.low), 100 * float(found.high)
        return np.nan, np.nan

    def in_sight(self) -> str:
        """The constants of the default world that were chosen with this figure in sight, "" for none.

        Notes
        -----
        A source that names the row has seen it, also where it says "assumed" and what the row would have asked for.
        `informs` adds what no source names: figures that a cited row was derived from, and the same patients' answers
        to the same question at another time or by another rater.
        """
        constants = self.arm.world().describe()
        names = "|".join(re.escape(row) for row in self.rows)
        cited = constants["source"].str.contains(rf"(?<![\w-])(?:{names})(?![\w-])", regex=True)
        return ", ".join([*constants["parameter"][cited], *filter(None, [self.informs])])

    def evidence_rows(self) -> pd.DataFrame:
        """The rows it rests on, every column as text; an error names a row that is not in the table."""
        table = evidence(self.table)
        text = table.map(lambda cell: f"{cell:g}" if isinstance(cell, float) else str(cell))
        keys = text[list(KEYS[self.table])].agg("/".join, axis=1)
        missing = [row for row in self.rows if row not in set(keys)]
        must(not missing, f"{self.name}: not in the table {self.table}: {', '.join(missing)}")
        return text[keys.isin(self.rows)]
