"""`compare`: strategies side by side on the same patients with the same luck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from tqdm import tqdm

from ..cohort import Cohort, draw_cohort
from ..errors import InputError, must
from ..simulation import Simulation, simulate, whole
from ..strategies import Fixed, Strategy
from ..world import World
from .matching import ANTIGEN, FRONTIER_WEEKS, INTERVAL, UNITS, Matching, arm_row, frontier_table, gain, match
from .outcomes import OUTCOMES, estimate, paired

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Comparison:
    """Simulated strategies, the fixed frontier, and for each strategy the fixed arms of equal exposure.

    Attributes
    ----------
    simulations : dict of str to Simulation
    fixed : dict of float to Simulation
        The fixed frontier, by weeks.
    cohort : Cohort
    years : float
    seed : int
    notes : tuple of str
        What a reader must know.
    """

    simulations: Mapping[str, Simulation]
    fixed: Mapping[float, Simulation]
    cohort: Cohort
    years: float
    seed: int
    notes: tuple[str, ...]
    _matched: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row per strategy: every outcome of `OUTCOMES`, each with its Monte Carlo standard error (``_mcse``)."""
        rows = {name: arm_row(arm.patients) for name, arm in self.simulations.items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("strategy")

    def contrast(self, strategy: str, reference: str) -> pd.DataFrame:
        """Paired differences, `strategy` minus `reference`.

        Returns
        -------
        pandas.DataFrame
            One row per outcome: both values, ``difference``, ``mcse``, ``lower``, ``upper`` (95%) and
            ``variance_reduction``, the factor by which pairing cut the variance.
        """
        arms = [self._arm(name) for name in (strategy, reference)]
        rows = {}
        for outcome in OUTCOMES:
            a, b = (estimate(outcome, arm.patients) for arm in arms)
            rows[outcome.name] = {"strategy": a.value, "reference": b.value, **paired(a, b)}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("outcome")

    def frontier(self) -> pd.DataFrame:
        """The fixed frontier: one row per interval in weeks, every outcome with its Monte Carlo standard error."""
        return frontier_table(self.fixed)

    def matched(self) -> pd.DataFrame:
        """Each strategy against the fixed interval that spends as much.

        Returns
        -------
        pandas.DataFrame
            Indexed by strategy and by what is made equal (``antigen``, or ``units`` where no antigen load is
            published; ``mean interval``): ``matched_weeks`` (g*; NaN: none between 4 and 52 weeks),
            ``time_in_benefit`` of the fixed arm, ``gain`` of the strategy over it, and ``mcse`` of the gain, with
            that of g* in it.
        """
        return self._matched.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Time in benefit against sessions per year: the fixed frontier as a line, each strategy as a point."""
        from .figure import draw_frontier

        return draw_frontier(self, ax)

    def _arm(self, name: str) -> Simulation:
        if name not in self.simulations:
            raise InputError(f"no strategy is called {name!r}; there are {', '.join(self.simulations)}")
        return self.simulations[name]

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.simulations)}: {len(self.cohort)} patients, {self.years:g} years>"

    def _repr_html_(self) -> str:
        columns = ["time_in_benefit", "weeks_waiting", "sessions", "mean_interval", "units", "antigen", "antibodies"]
        return self.table()[columns]._repr_html_()


def compare(
    strategies: Mapping[str, Strategy],
    cohort: Cohort,
    *,
    years: float = 10,
    seed: int = 1,
    frontier: Sequence[float] = FRONTIER_WEEKS,
    progress: bool = False,
) -> Comparison:
    """Simulate strategies on one cohort and put each beside the fixed intervals of equal exposure.

    Parameters
    ----------
    strategies : mapping of str to Strategy
    cohort : Cohort
    years : float
    seed : int in [0, 2**64)
    frontier : sequence of float, weeks
        Fixed intervals of the frontier, at least 4 of them.
    progress : bool
        Show a bar, one step per simulated arm.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> from retreat_research import Fixed, Stepped
    >>> cohort = draw_cohort(200, indication="glabellar")
    >>> result = compare({"fixed 12": Fixed(12), "stepped": Stepped()}, cohort, years=3)
    >>> bool(result.contrast("stepped", "fixed 12").loc["sessions", "difference"] < 0)
    True
    """
    must(len(strategies) > 0, "`strategies` is empty")
    must(len(frontier) >= 4, "`frontier` needs at least 4 intervals")
    arms: dict[float, Simulation] = {}

    with tqdm(total=len(strategies) + len(frontier), desc="simulating", unit="arm", disable=not progress) as bar:

        def fixed(weeks: float) -> Simulation:
            if weeks not in arms:
                arms[weeks] = whole(simulate(cohort, Fixed(weeks), years=years, seed=seed))
            return arms[weeks]

        simulations = {}
        for name, strategy in strategies.items():
            simulations[name] = whole(simulate(cohort, strategy, years=years, seed=seed))
            bar.update()
        line = {}
        for weeks in frontier:
            line[float(weeks)] = fixed(float(weeks))
            bar.update()
        rows = []
        for name, arm in simulations.items():
            for matching in _matchings(arm):
                found = match(arm, matching, fixed)
                rows.append({"strategy": name, "equal": matching.name, **gain(arm, found, fixed)})

    notes = tuple(dict.fromkeys(note for arm in simulations.values() for note in arm.notes))
    return Comparison(
        simulations, line, cohort, years, seed, notes, pd.DataFrame(rows).set_index(["strategy", "equal"])
    )


def _matchings(arm: Simulation) -> list[Matching]:
    """Antigen; units where its load is not published, if they are of one product; and the mean interval."""
    if not arm.patients["antigen_ng"].isna().any():
        return [ANTIGEN, INTERVAL]
    return [UNITS, INTERVAL] if len(arm.products) == 1 else [INTERVAL]


def sweep(
    strategies: Mapping[str, Strategy],
    worlds: Mapping[str, World],
    *,
    patients: int,
    years: float = 10,
    seed: int = 1,
    progress: bool = False,
) -> pd.DataFrame:
    """The gain over the fixed interval of equal exposure in each of several worlds.

    Parameters
    ----------
    strategies : mapping of str to Strategy
    worlds : mapping of str to World
    patients : int
        Drawn anew in each world, with the same luck.
    years, seed, progress
        As in `compare`.

    Returns
    -------
    pandas.DataFrame
        Columns ``world``, ``strategy``, ``equal``, ``matched_weeks``, ``time_in_benefit``, ``gain``, ``mcse``.
    """
    tables = []
    for name, world in tqdm(worlds.items(), desc="sweeping", unit="world", disable=not progress):
        result = compare(strategies, draw_cohort(patients, world=world, seed=seed), years=years, seed=seed)
        tables.append(result.matched().reset_index().assign(world=name))
    table = pd.concat(tables, ignore_index=True)
    return table[["world", *(c for c in table if c != "world")]]
