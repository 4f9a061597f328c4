"""Simulated arms and what is measured of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..cohort import Cohort
from ..simulation import Simulation, simulate, whole
from ..strategies import Fixed, Strategy
from .costs import Costs
from .outcomes import OF_ONE_PRODUCT, UNKNOWN_WITHOUT_ANTIGEN, Estimate, Outcome, outcome_of

Floats = NDArray[np.float64]


class Arm:
    """One simulated arm, measured.

    Parameters
    ----------
    out : Simulation
        With patients.
    costs : Costs, optional

    Notes
    -----
    Units of several products do not add up, so their outcomes are NaN where more than one was used. Where an antigen
    load is not published, what hangs on antibodies is NaN. A failure ends the time at risk of both kinds of failure, so
    the rates of the two kinds add up.

    Examples
    --------
    >>> from retreat_research import Fixed, draw_cohort, simulate
    >>> from retreat_research.comparison import OUTCOMES
    >>> arm = Arm(simulate(draw_cohort(200, indication="glabellar"), Fixed(12), years=3))
    >>> round(arm.value("mean_interval"), 6)
    12.0
    >>> arm.values(OUTCOMES).shape, arm.influences(OUTCOMES).shape
    ((22,), (22, 200))
    """

    def __init__(self, out: Simulation, costs: Costs | None = None) -> None:
        self.out, self.costs = out, costs
        table = out.patients
        self._columns: dict[str, Floats] = {name: table[name].to_numpy() for name in table.columns if name != "patient"}

    @property
    def n(self) -> int:
        """Patients."""
        return len(self.out.cohort)

    @cached_property
    def antigen_known(self) -> bool:
        """The antigen of every patient is known."""
        return not np.isnan(self._columns["antigen_ng"].sum())

    def estimate(self, outcome: Outcome | str, rows: Floats | None = None) -> Estimate:
        """Value of an outcome and each patient's contribution, of shape (n,).

        Parameters
        ----------
        outcome : Outcome or str
            Or its name.
        rows : array of 0 and 1, shape (n,), optional
            The value of a subgroup; the contributions are to the error of that value, and their mean over all n is 0.
        """
        which = outcome_of(outcome)
        if self._is_unknown(which):
            return Estimate(np.nan, np.full(self.n, np.nan))
        y = self._top(which)
        x = self._column(which.denominator) if which.denominator else np.ones(self.n)
        if rows is not None:
            y, x = y * rows, x * rows
        below = x.sum()
        if not below > 0:
            return Estimate(np.nan, np.full(self.n, np.nan))
        ratio = y.sum() / below
        return Estimate(float(which.scale * ratio), which.scale * (y - ratio * x) / (below / self.n))

    def value(self, outcome: Outcome | str) -> float:
        """Value of an outcome."""
        which = outcome_of(outcome)
        if self._is_unknown(which):
            return np.nan
        below = self._column(which.denominator).sum() if which.denominator else self.n
        return float(which.scale * (self._top(which).sum() / below)) if below > 0 else np.nan

    def values(self, outcomes: Sequence[Outcome]) -> Floats:
        """Values of outcomes, shape (k,)."""
        return np.array([self.value(outcome) for outcome in outcomes])

    def influences(self, outcomes: Sequence[Outcome]) -> Floats:
        """Contributions of patients, shape (k, n)."""
        return np.array([self.estimate(outcome).influence for outcome in outcomes])

    def same_course(self, other: Arm) -> bool:
        """No patient's course differs in anything that is counted."""
        return all(np.array_equal(mine, other._columns[name], equal_nan=True) for name, mine in self._columns.items())

    def _is_unknown(self, outcome: Outcome) -> bool:
        if outcome.name in OF_ONE_PRODUCT:
            return len(self.out.products) > 1
        if outcome.name == "cost":
            return self.costs is None or self.costs.price(self.out.products) is None
        return outcome.name in UNKNOWN_WITHOUT_ANTIGEN and not self.antigen_known

    def _top(self, outcome: Outcome) -> Floats:
        column = self._column(outcome.numerator)
        return (~np.isnan(column)).astype(float) if outcome.numerator.endswith("_week") else column

    def _column(self, name: str) -> Floats:
        column = self._columns.get(name)
        if column is None:
            return self._derived[name]
        return column

    @cached_property
    def _derived(self) -> dict[str, Floats]:
        known, observed = self._columns, self._columns["weeks_observed"]
        positive_free = np.fmin(known["positive_week"], observed)
        failure_free = np.fmin(known["failure_week"], observed)
        responsive, w = np.minimum(positive_free, failure_free), self.out.cohort.preference
        derived = {
            "positive_free": positive_free,
            "failure_free": failure_free,
            "failure_other": (~np.isnan(known["failure_week"]) & ~known["failure_immune"].astype(bool)).astype(float),
            "weeks_responsive": responsive,
            "weeks_satisfied": (1 - w) * known["weeks_in_benefit"] + w * responsive,
        }
        price = None if self.costs is None else self.costs.price(self.out.products)
        if self.costs is not None and price is not None:
            derived["cost_equivalents"] = (
                self.costs.session * known["session_equivalents"] + price * known["unit_equivalents"]
            )
        return derived


class Arms:
    """Arms of one cohort with the same luck; fixed intervals are simulated once.

    Parameters
    ----------
    cohort : Cohort
    years : float
    seed : int
    costs : Costs, optional
    """

    def __init__(self, cohort: Cohort, *, years: float, seed: int, costs: Costs | None = None) -> None:
        self.cohort, self.years, self.seed, self.costs = cohort, years, seed, costs
        self._fixed: dict[float, Arm] = {}

    def of(self, strategy: Strategy) -> Arm:
        """The arm of a strategy."""
        if type(strategy) is Fixed:
            return self.fixed(strategy.weeks)
        return self._simulated(strategy)

    def fixed(self, weeks: float) -> Arm:
        """The arm of a fixed interval; those closer than a nanoweek, which differ by rounding only, are one."""
        key = round(float(weeks), 9)
        if key not in self._fixed:
            self._fixed[key] = self._simulated(Fixed(key))
        return self._fixed[key]

    def _simulated(self, strategy: Strategy) -> Arm:
        return Arm(whole(simulate(self.cohort, strategy, years=self.years, seed=self.seed)), self.costs)
