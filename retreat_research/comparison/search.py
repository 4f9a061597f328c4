"""`optimise`: the best member of a family of strategies, found by racing and judged on fresh patients."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from tqdm import tqdm

from ..cohort import Cohort
from ..errors import InputError, RetreatError, must, whole_number
from ..strategies import Strategy
from ..streams import checked_seed
from .aims import Limit, limits_of, objective_of
from .bound import Bound, bound
from .family import Family
from .judging import judged
from .racing import Race
from .resuming import Notes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FINALISTS = 8


@dataclass(frozen=True, eq=False)
class Search:
    """What a search has found.

    Attributes
    ----------
    best : Strategy
        The winner, an ordinary strategy.
    trials : pandas.DataFrame
        Every candidate: its parameters, ``patients`` it was looked at in, ``value``, ``mcse``, ``state`` (finished,
        dropped, infeasible, impossible) and ``reason``.
    objective : str
    constraints : tuple of str
    bound : Bound
        How much is left: the winner's time in benefit on the cohort that reports, and what no strategy with as many
        sessions can exceed.
    """

    best: Strategy
    trials: pd.DataFrame
    objective: str
    constraints: tuple[str, ...]
    bound: Bound
    _final: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """The finalists on fresh patients, the best first.

        Returns
        -------
        pandas.DataFrame
            ``strategy``; ``search`` (value in the search, which flatters the best); ``ranking`` (on a first fresh
            cohort, by which they are ordered, those that keep the constraints there first); ``fresh`` with ``mcse`` (on
            a second one, which had no say in the choice and so is unbiased); ``shrunk`` with ``shrunk_mcse`` (both
            fresh cohorts together, drawn to the mean of the finalists as far as their differences are noise);
            ``optimism``, by how much ``search`` is better than ``fresh``; each constrained outcome on the second cohort
            with ``_mcse``; ``keeps``, whether every constraint holds there. Values are those of the objective's name,
            so less of some is better.
        """
        return self._final.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Value of each candidate in the order in which they were tried."""
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
        for state, marker, colour in (
            ("finished", "o", "#0072B2"),
            ("dropped", "x", "0.55"),
            ("infeasible", "v", "#D55E00"),
        ):
            rows = self.trials[self.trials["state"] == state]
            if len(rows):
                ax.scatter(rows.index, rows["value"], marker=marker, color=colour, s=26, label=state)
        first = self._final.iloc[0]
        ax.axhline(first["fresh"], color="black", lw=1, ls="--", label="winner on fresh patients")
        ax.set(xlabel="candidate, in the order tried", ylabel=self.objective.replace("_", " "))
        ax.legend(fontsize=8, frameon=False)
        return ax

    def __repr__(self) -> str:
        first = self._final.iloc[0]
        value = f"{self.objective} {first['fresh']:.4g} (MCSE {first['mcse']:.2g}) on fresh patients"
        broken = "" if first["keeps"] else f", who break {' or '.join(self.constraints)}"
        return f"<Search: {self.best}, {value}{broken}>"

    def _repr_html_(self) -> str:
        return f"<p>{repr(self)[1:-1]}</p>" + self._final.to_html(index=False, border=0, float_format="{:.4g}".format)


def optimise(
    family: Family,
    objective: str = "time_in_benefit",
    constraints: str | Sequence[str] | None = None,
    budget: int = 100,
    *,
    cohort: Cohort,
    years: float = 10,
    seed: int = 1,
    store: str | Path | None = None,
    progress: bool = False,
) -> Search:
    """Search a family of strategies.

    Parameters
    ----------
    family : Family
    objective : str
        An outcome of `compare`, made large or small as its nature is, or "value at 0.5": the value at that preference.
    constraints : str or sequence of str, optional
        Such as "antigen <= 0.8"; what a candidate breaks by more than its Monte Carlo error is infeasible.
    budget : int, at least 1
        Candidates.
    cohort : Cohort
        Candidates race on growing parts of it: 512 patients, 1,024, …, all.
    years, seed
        As in `compare`.
    store : str or Path, optional
        A folder in which finished candidates are noted: a search that was stopped goes on when it is called again with
        the same arguments, and ends as if it had not been stopped.
    progress : bool
        Show a bar of candidates.

    Returns
    -------
    Search

    Raises
    ------
    InputError
        If a name is unknown, or no candidate keeps the constraints; the message says how near the best came.

    Notes
    -----
    Candidates come from optuna's tree-structured Parzen estimator, seeded. All have the same luck, so each is compared
    with the best so far by paired differences, and dropped as soon as it is worse by 4.8 Monte Carlo errors. The value
    of a winner flatters it (winner's curse), so the eight best are ranked again on a fresh cohort with fresh luck, and
    what is reported comes from a second one.
    """
    must(isinstance(family, Family), "`family` must be a Family, such as Family(Stepped, step=(1.0, 6.0))")
    must(isinstance(cohort, Cohort), f"`cohort` must come from draw_cohort, not {type(cohort).__name__}")
    drawn = isinstance(cohort._address, range)
    must(drawn, "`cohort` must be as drawn, or a slice of it", "a selection of patients cannot be drawn anew")
    aim, limits = objective_of(objective), limits_of(constraints)
    budget, seed = whole_number(budget, "budget", 1), checked_seed(seed)
    optuna = _optuna()
    sampler = optuna.samplers.TPESampler(seed=seed % 2**32)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    notes = Notes.of(store, family, cohort, years, seed, aim, limits)
    race = Race(aim, limits, cohort, years, seed)
    rows, proposed = [], []
    for _ in tqdm(range(budget), desc="searching", unit="candidate", disable=not progress):
        trial = study.ask()
        parameters = family.suggested(trial)
        key = json.dumps(parameters, sort_keys=True, default=str)
        row = notes.found.get(key)
        if row is None:
            row = race.run(family, parameters)
            notes.add(key, row)
        race.remember(family, parameters, row)
        study.tell(trial, row["score"])
        rows.append({**parameters, **row, "key": key})
        proposed.append(parameters)
    trials = pd.DataFrame(rows).rename_axis("candidate")
    finished = trials[trials["state"] == "finished"].drop_duplicates("key")
    if finished.empty:
        raise InputError(_why_none(trials, limits))
    leading = finished.sort_values("score", ascending=False, kind="stable").head(FINALISTS)
    strategies = [family.made(proposed[k]) for k in leading.index]
    final, winner = judged(strategies, leading, aim, limits, cohort, years, seed)
    return Search(
        winner.strategy,
        trials.drop(columns=["score", "excess", "key"]).assign(value=aim.sign * trials["value"]),
        objective,
        tuple(map(str, limits)),
        bound(winner),
        final,
    )


def _why_none(trials: pd.DataFrame, limits: Sequence[Limit]) -> str:
    impossible = trials[trials["state"] == "impossible"]
    if len(impossible) == len(trials):
        return f"no candidate is possible: {impossible['reason'].iloc[0]}"
    nearest = trials[trials["state"] == "infeasible"].sort_values("excess", kind="stable").iloc[0]
    texts = " and ".join(map(str, limits))
    return f"no candidate keeps the constraints {texts}; the nearest must have {nearest['reason']}"


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise RetreatError("a search needs optuna: install retreat-research with its extra `study`") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
