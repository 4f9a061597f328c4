"""`compare`: strategies side by side on the same patients with the same luck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..cohort import Cohort
from ..errors import InputError, must, number
from ..simulation import Simulation
from ..strategies import Strategy
from .arms import Arm, Arms
from .costs import Costs
from .evaluate import EQUAL, Evaluation, check_strategies, evaluated
from .matching import FRONTIER_WEEKS
from .outcomes import outcomes_with, paired
from .over_time import difference_over_time
from .subgroups import subgroups_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = (
    "time_in_benefit",
    "responsiveness",
    "weeks_waiting",
    "sessions",
    "mean_interval",
    "units",
    "antigen",
    "antibodies",
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Simulated strategies, the fixed frontier, and for each strategy the fixed arms of equal exposure and benefit.

    Attributes
    ----------
    strategies : dict of str to Strategy
        As prepared with the cohort's world.
    simulations : dict of str to Simulation
    fixed : dict of float to Simulation
        The fixed frontier, by weeks.
    cohort : Cohort
    years : float
    seed : int
    costs : Costs or None
    sweep : Sweep or None
        The gains in worlds that differ in what is contested or unknown.
    uncertainty : Uncertainty or None
        With `draws`: what comes from not knowing the world.
    notes : tuple of str
        What a reader must know.
    """

    strategies: Mapping[str, Strategy]
    simulations: Mapping[str, Simulation]
    fixed: Mapping[float, Simulation]
    cohort: Cohort
    years: float
    seed: int
    costs: Costs | None
    sweep: Any
    uncertainty: Any
    notes: tuple[str, ...]
    _evaluation: Evaluation = field(repr=False)
    _measured: Mapping[str, Arm] = field(repr=False)
    _arms: Arms = field(repr=False)

    def table(self) -> pd.DataFrame:
        """One row per strategy.

        Returns
        -------
        pandas.DataFrame
            Every outcome, each followed by its Monte Carlo standard error (``_mcse``), and ``oracle``: the strategy
            uses what no clinic can see.
        """
        table = _with_errors(self._evaluation.values, self._evaluation.mcse)
        return table.assign(oracle=[bool(strategy.oracle) for strategy in self.strategies.values()])

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
        for outcome in outcomes_with(self.costs):
            a, b = (arm.estimate(outcome) for arm in arms)
            rows[outcome.name] = {"strategy": a.value, "reference": b.value, **paired(a, b)}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("outcome")

    def frontier(self) -> pd.DataFrame:
        """The fixed frontier: one row per interval in weeks, every outcome with its Monte Carlo standard error."""
        outcomes = outcomes_with(self.costs)
        names = [outcome.name for outcome in outcomes]
        found = [[self._arms.fixed(weeks).estimate(outcome) for outcome in outcomes] for weeks in self.fixed]
        index = pd.Index(list(self.fixed), name="weeks")
        values = pd.DataFrame([[one.value for one in row] for row in found], index, names)
        return _with_errors(values, pd.DataFrame([[one.mcse for one in row] for row in found], index, names))

    def matched(self) -> pd.DataFrame:
        """Each strategy against the fixed interval that spends as much.

        Returns
        -------
        pandas.DataFrame
            Indexed by strategy and by what is made equal (``antigen``, or ``units`` where no antigen load is
            published; ``mean interval``): ``matched_weeks`` (g*; NaN: none between 4 and 52 weeks),
            ``time_in_benefit`` of the fixed arm, ``gain`` of the strategy over it, and ``mcse`` of the gain, with
            that of g* in it; and the two parts of the gain, ``stepping`` (of the same strategy with every visit booked,
            over its own fixed interval) and ``request`` (the rest), each with ``_mcse``.
        """
        return self._evaluation.gains.copy()

    def equal_benefit(self) -> pd.DataFrame:
        """Each strategy against the longest fixed interval that gives as much time in benefit.

        Returns
        -------
        pandas.DataFrame
            Index ``strategy``: ``matched_weeks`` (NaN: none between 4 and 52 weeks), and strategy minus fixed arm in
            ``antigen`` and ``sessions`` (per year), ``antibodies`` and ``failure`` (shares of patients), each with
            ``_mcse``, that of g* in it.
        """
        assert self._evaluation.equal_benefit is not None  # `compare` asks for it
        return self._evaluation.equal_benefit.copy()

    def value(self, preferences: Sequence[float] = (0.0, 0.5, 1.0)) -> pd.DataFrame:
        """What each strategy is worth: (1 − w)·``time_in_benefit`` + w·``responsiveness``.

        Parameters
        ----------
        preferences : sequence of float in [0, 1]
            w: 0 smooth effect, 1 long-term responsiveness.

        Returns
        -------
        pandas.DataFrame
            Index ``preference``, one column for each strategy.
        """
        table = self.table()
        weights = [number(weight, "preferences", 0, 1) for weight in preferences]
        rows = [(1 - w) * table["time_in_benefit"] + w * table["responsiveness"] for w in weights]
        return pd.DataFrame(rows, pd.Index(weights, name="preference"))

    def subgroups(self) -> pd.DataFrame:
        """The gain at equal exposure in subgroups; see `subgroups.subgroups_table`."""
        return subgroups_table(self._measured, self._arms)

    def over_time(self, strategy: str, reference: str, patients: int = 2000) -> pd.DataFrame:
        """Paired difference in the share of time in benefit by quarter of a year, `strategy` minus `reference`.

        The first `patients` are simulated again with their history; see `over_time.difference_over_time`.
        """
        a, b = (self._arm(name).out.strategy for name in (strategy, reference))
        return difference_over_time(a, b, self.cohort[:patients], years=self.years, seed=self.seed)

    def sobol(self, n: int = 64, **rest: Any) -> pd.DataFrame:
        """Sobol indices of the gain at equal antigen; see `sobol.sobol`."""
        from .sobol import sobol

        return sobol(self.strategies, self.cohort, years=self.years, seed=self.seed, n=n, **rest)

    def tornado(self, strategy: str, **rest: Any) -> pd.DataFrame:
        """The gain at equal antigen at the ends of each parameter's prior; see `tornado.tornado`."""
        from .tornado import tornado

        self._arm(strategy)
        return tornado(self.strategies[strategy], self.cohort, years=self.years, seed=self.seed, **rest)

    def bound(self) -> pd.DataFrame:
        """How much is left: what no strategy with these sessions can exceed; see `bound.bound`.

        Returns
        -------
        pandas.DataFrame
            Index ``strategy``: ``time_in_benefit``, ``bound`` and ``left``, the difference.
        """
        from .bound import bound

        found = {name: bound(out) for name, out in self.simulations.items()}
        columns = ["time_in_benefit", "bound", "left"]
        rows = [[getattr(one, column) for column in columns] for one in found.values()]
        return pd.DataFrame(rows, pd.Index(list(found), name="strategy"), columns)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Time in benefit against antigen per year (sessions, where no load is published).

        The fixed frontier is a line, each strategy a point with a line to the fixed interval of equal exposure.
        """
        from .figure import draw_frontier

        return draw_frontier(self, ax)

    def report(self, out: str | Path) -> Path:
        """Write everything as one self-contained page with its tables and figures, into the folder `out`."""
        # Reports lie above comparisons, which must not know them (DESIGN §3). A result that writes its own report is
        # what people look for, so the one line that reaches up is this, when it is called, and by name.
        written: Path = import_module("...report.comparison", __name__).write_comparison(self, out)
        return written

    def _arm(self, name: str) -> Arm:
        if name not in self._measured:
            raise InputError(f"no strategy is called {name!r}; there are {', '.join(self._measured)}")
        return self._measured[name]

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.simulations)}: {len(self.cohort)} patients, {self.years:g} years>"

    def _repr_html_(self) -> str:
        table, gains = self.table(), self._evaluation.gains
        shown = table[list(_SHOWN)].assign(oracle=np.where(table["oracle"], "oracle", ""))
        exposure = gains[gains.index.get_level_values("equal") != "mean interval"].droplevel("equal")
        shown = shown.join(exposure[["matched_weeks", "gain", "mcse"]])
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        title = f"<p>{escape(repr(self)[1:-1])}; gain over the fixed interval of equal exposure</p>"
        return title + shown.to_html(border=0, float_format="{:.4g}".format, na_rep="") + f"<ul>{notes}</ul>"


def compare(
    strategies: Mapping[str, Strategy],
    cohort: Cohort,
    *,
    years: float = 10,
    seed: int = 1,
    frontier: Sequence[float] = FRONTIER_WEEKS,
    costs: Costs | None = None,
    draws: Any = None,
    sweep: bool = True,
    store: str | Path | None = None,
    workers: int | None = None,
    progress: bool = False,
) -> Comparison:
    """Simulate strategies on one cohort and put each beside the fixed intervals of equal exposure.

    Parameters
    ----------
    strategies : mapping of str to Strategy
        Prepared with the cohort's world, and so in every other world too: a clinic knows its prior, not the truth.
    cohort : Cohort
    years : float
    seed : int in [0, 2**64)
    frontier : sequence of float, weeks
        Fixed intervals of the frontier, at least 4 of them.
    costs : Costs, optional
        Adds the outcome ``cost``.
    draws : int or pandas.DataFrame, optional
        Worlds drawn from the priors, or a table of draws; see `uncertainty.uncertain`.
    sweep : bool
        Also evaluate in the worlds that differ in what is contested or unknown; see `sweeping`.
    store : str or Path, optional
        A folder for the evaluations of draws; a run that was stopped goes on from there.
    workers : int, optional
        Threads for the worlds.
    progress : bool
        Show a bar.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If a name is no text, a value no strategy, or the frontier too short.

    Examples
    --------
    >>> from retreat_research import Fixed, Stepped, draw_cohort
    >>> cohort = draw_cohort(200, indication="glabellar")
    >>> result = compare({"fixed 12": Fixed(12), "stepped": Stepped()}, cohort, years=3, sweep=False)
    >>> bool(result.contrast("stepped", "fixed 12").loc["sessions", "difference"] < 0)
    True
    """
    check_strategies(strategies)
    must(isinstance(cohort, Cohort), f"`cohort` must come from draw_cohort, not {type(cohort).__name__}")
    must(len(frontier) >= 4, "`frontier` needs at least 4 intervals")
    must(costs is None or isinstance(costs, Costs), "`costs` must be Costs(session=…, unit=…)")
    ready = {name: strategy.prepared(cohort.world) for name, strategy in strategies.items()}
    arms = Arms(cohort, years=years, seed=seed, costs=costs)
    measured = {}
    with tqdm(total=len(ready) + len(frontier), desc="simulating", unit="arm", disable=not progress) as bar:
        for name, strategy in ready.items():
            measured[name] = arms.of(strategy)
            bar.update()
        line = {}
        for weeks in sorted(map(float, frontier)):
            line[weeks] = arms.fixed(weeks).out
            bar.update()
    evaluation = evaluated(measured, arms, equal=EQUAL, split=True, equal_benefit=True)
    rest: dict[str, Any] = {"years": years, "seed": seed, "workers": workers, "progress": progress}
    swept = drawn = None
    if sweep:
        from .sweeping import swept_gains

        swept = swept_gains(ready, cohort, **rest)
    if draws is not None:
        from .drawing import uncertain

        drawn = uncertain(ready, cohort, draws, costs=costs, store=store, **rest)
    simulations = {name: arm.out for name, arm in measured.items()}
    return Comparison(
        ready, simulations, line, cohort, years, seed, costs, swept, drawn, evaluation.notes, evaluation, measured, arms
    )


def _with_errors(values: pd.DataFrame, mcse: pd.DataFrame) -> pd.DataFrame:
    """Each column followed by its error."""
    table = values.join(mcse.add_suffix("_mcse"))
    return table[[column for name in values for column in (name, f"{name}_mcse")]]
