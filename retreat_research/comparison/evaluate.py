"""`evaluate`: every strategy and its matched fixed arms in one world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..cohort import Cohort, draw_cohort
from ..errors import must
from ..simulation.outcomes import standard_error
from ..strategies import Fixed, Strategy
from ..world import World
from .arms import Arm, Arms
from .costs import Costs
from .matching import BENEFIT, INTERVAL, Match, exposure_matching, match
from .outcomes import outcomes_with

EQUAL = ("antigen", "mean interval")
#: Compared at equal benefit.
SPENT = ("antigen", "sessions", "antibodies", "failure")
_BENEFIT = "time_in_benefit"
_GAIN = ("matched_weeks", "time_in_benefit", "gain", "mcse", "stepping", "stepping_mcse", "request", "request_mcse")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What strategies come to in one world.

    Attributes
    ----------
    values : pandas.DataFrame
        Index ``strategy``; one column for each outcome.
    mcse : pandas.DataFrame
        Their Monte Carlo standard errors, in the same shape.
    gains : pandas.DataFrame
        Index ``strategy`` and ``equal`` (``antigen``, or ``units`` where no load is published; ``mean interval``):
        ``matched_weeks`` (g*; NaN: no match), ``time_in_benefit`` of the fixed arm, ``gain`` over it and ``mcse``;
        ``stepping``, ``stepping_mcse``, ``request``, ``request_mcse`` (NaN without `split`).
    equal_benefit : pandas.DataFrame or None
        Index ``strategy``: ``matched_weeks``, and the strategy minus the fixed arm of the same time in benefit in
        ``antigen``, ``sessions``, ``antibodies`` and ``failure``, each with ``_mcse``.
    notes : tuple of str
        What a reader must know, such as that there is no match.
    """

    values: pd.DataFrame
    mcse: pd.DataFrame
    gains: pd.DataFrame
    equal_benefit: pd.DataFrame | None
    notes: tuple[str, ...]


def evaluate(
    strategies: Mapping[str, Strategy],
    cohort: Cohort,
    *,
    years: float = 10,
    seed: int = 1,
    costs: Costs | None = None,
    equal: Sequence[str] = EQUAL,
    split: bool = False,
    equal_benefit: bool = False,
) -> Evaluation:
    """Simulate strategies on one cohort, with the fixed arms that match them.

    Parameters
    ----------
    strategies : mapping of str to Strategy
    cohort : Cohort
    years : float
    seed : int in [0, 2**64)
    costs : Costs, optional
    equal : sequence of {"antigen", "mean interval"}
        Gains at equal what.
    split : bool
        Simulate each strategy with its windows closed too, for the parts of the gain.
    equal_benefit : bool
        Also find the fixed interval of the same time in benefit.

    Returns
    -------
    Evaluation

    Notes
    -----
    It keeps nothing between calls, so several can run in threads.

    Examples
    --------
    >>> from retreat_research import Fixed, Stepped, draw_cohort
    >>> cohort = draw_cohort(500, indication="glabellar")
    >>> found = evaluate({"fixed 12": Fixed(12), "stepped": Stepped(early=True)}, cohort, years=4)
    >>> bool(found.gains.loc[("stepped", "antigen"), "gain"] > 0)
    True
    """
    check_strategies(strategies)
    must(len(equal) > 0 and set(equal) <= set(EQUAL), f"`equal` must be of {', '.join(EQUAL)}")
    arms = Arms(cohort, years=years, seed=seed, costs=costs)
    return evaluated({name: arms.of(strategy) for name, strategy in strategies.items()}, arms,
                     equal=equal, split=split, equal_benefit=equal_benefit)  # fmt: skip


def evaluated(
    simulated: Mapping[str, Arm], arms: Arms, *, equal: Sequence[str], split: bool, equal_benefit: bool
) -> Evaluation:
    """`evaluate`, of arms that are simulated already."""
    outcomes = outcomes_with(arms.costs)
    names = [outcome.name for outcome in outcomes]
    index = pd.Index(list(simulated), name="strategy")
    estimates = [[arm.estimate(outcome) for outcome in outcomes] for arm in simulated.values()]
    values = pd.DataFrame([[one.value for one in row] for row in estimates], index, names)
    mcse = pd.DataFrame([[one.mcse for one in row] for row in estimates], index, names)
    notes: list[str] = [note for arm in simulated.values() for note in arm.out.notes]
    rows, keys = [], []
    for name, arm in simulated.items():
        if arms.costs is not None and np.isnan(arm.value("cost")):
            notes.append(f"{name}: cost is not known, as the totals do not keep apart units that differ in price.")
        booked = _booked(arm, arms) if split else None
        for what in equal:
            key, row, note = _gain_row(name, arm, booked, what, arms)
            keys.append((name, key))
            rows.append(row)
            notes += note
    gains = pd.DataFrame(rows, pd.MultiIndex.from_tuples(keys, names=["strategy", "equal"]), _GAIN, dtype=float)
    at_benefit = None
    if equal_benefit:
        at_benefit, more = _at_equal_benefit(simulated, arms)
        notes += more
    return Evaluation(values, mcse, gains, at_benefit, tuple(dict.fromkeys(notes)))


def gains_in(
    worlds: Mapping[str, World],
    strategies: Mapping[str, Strategy],
    *,
    patients: int,
    years: float = 10,
    seed: int = 1,
    equal: Sequence[str] = EQUAL,
    progress: bool = False,
) -> pd.DataFrame:
    """The gains of `evaluate` in each of several worlds.

    Parameters
    ----------
    worlds : mapping of str to World
    strategies : mapping of str to Strategy
    patients : int
        Drawn anew in each world, with the same luck.
    years, seed, equal
        As in `evaluate`.
    progress : bool
        Show a bar, one step per world.

    Returns
    -------
    pandas.DataFrame
        Columns ``world``, ``strategy``, ``equal``, and those of `Evaluation.gains`.
    """
    tables = []
    for name, world in tqdm(worlds.items(), desc="sweeping", unit="world", disable=not progress):
        cohort = draw_cohort(patients, world=world, seed=seed)
        found = evaluate(strategies, cohort, years=years, seed=seed, equal=equal)
        tables.append(found.gains.reset_index().assign(world=name))
    table = pd.concat(tables, ignore_index=True)
    return table[["world", *(column for column in table if column != "world")]]


def check_strategies(strategies: Mapping[str, Strategy]) -> None:
    """Names are texts, values strategies, and there is one at least."""
    must(isinstance(strategies, Mapping), "`strategies` must be a dict of strategies by name")
    must(len(strategies) > 0, "`strategies` is empty")
    for name, strategy in strategies.items():
        must(isinstance(name, str) and name.strip() != "", "the names of `strategies` must be texts that are not empty")
        must(
            isinstance(strategy, Strategy),
            f"`strategies` must hold strategies such as Fixed(12), but {name!r} is {type(strategy).__name__}",
        )


def exposure_match(arm: Arm, arms: Arms) -> Match | None:
    """The fixed arm of equal antigen, or of equal units where no load is published."""
    matching = exposure_matching(arm)
    return None if matching is None else match(arm, matching, arms)


def _booked(arm: Arm, arms: Arms) -> Arm:
    """The same strategy with every window closed; the arm itself if nobody fares differently.

    Whether a strategy ever opens a window is not asked but tried: a rule can do so in rare states only.
    """
    strategy = arm.out.strategy
    if type(strategy) is Fixed:
        return arm
    closed = arms.of(strategy.booked())
    return arm if closed.same_course(arm) else closed


def _gain_row(
    name: str, arm: Arm, booked: Arm | None, what: str, arms: Arms
) -> tuple[str, dict[str, float], list[str]]:
    """What is made equal, the row of `Evaluation.gains`, and notes."""
    matching = INTERVAL if what == "mean interval" else exposure_matching(arm)
    if matching is None:
        return what, {}, [
            f"{name}: no fixed interval has equal exposure, for antigen is not known and its units are not those of "
            "the cohort's product alone."
        ]  # fmt: skip
    found = match(arm, matching, arms)
    if found is None:
        return matching.name, {}, [f"{name}: no fixed interval between 4 and 52 weeks has the same {matching.name}."]
    gain = found.difference(_BENEFIT)
    row = {
        "matched_weeks": found.weeks,
        "time_in_benefit": found.fixed.value(_BENEFIT),
        "gain": gain.value,
        "mcse": gain.mcse,
    }
    if booked is None:
        return matching.name, row, []
    notes = []
    found = found if booked is arm else match(booked, matching, arms)
    if found is None:
        notes.append(f"{name}, booked: no fixed interval between 4 and 52 weeks has the same {matching.name}.")
    else:
        stepping = found.difference(_BENEFIT)
        row |= {
            "stepping": stepping.value,
            "stepping_mcse": stepping.mcse,
            "request": gain.value - stepping.value,
            "request_mcse": standard_error(gain.influence - stepping.influence),
        }
    return matching.name, row, notes


def _at_equal_benefit(simulated: Mapping[str, Arm], arms: Arms) -> tuple[pd.DataFrame, list[str]]:
    rows, notes = {}, []
    for name, arm in simulated.items():
        found, row = match(arm, BENEFIT, arms), dict[str, float]()
        if found is None:
            notes.append(f"{name}: no fixed interval between 4 and 52 weeks gives the same time in benefit.")
        else:
            row["matched_weeks"] = found.weeks
            for outcome in SPENT:
                difference = found.difference(outcome)
                row |= {outcome: difference.value, f"{outcome}_mcse": difference.mcse}
        rows[name] = row
    columns = ["matched_weeks", *(column for outcome in SPENT for column in (outcome, f"{outcome}_mcse"))]
    index = pd.Index(list(rows), name="strategy")
    return pd.DataFrame(list(rows.values()), index, columns, dtype=float), notes
