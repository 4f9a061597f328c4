"""Sobol indices of the gain, by groups of parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from ..cohort import Cohort
from ..errors import InputError, must, whole_number
from ..simulation.changing import prepared
from ..strategies import Strategy
from ..world import World
from .evaluate import check_strategies, evaluate
from .groups import grouped, in_use
from .parallel import over

Floats = NDArray[np.float64]
PATIENTS = 1000
_INSIDE = 1e-6  # quantiles of 0 and 1 are moved so far in


def sobol(
    strategies: Mapping[str, Strategy],
    cohort: Cohort,
    *,
    years: float = 10,
    seed: int = 1,
    n: int = 64,
    groups: Mapping[str, list[str]] | None = None,
    patients: int = PATIENTS,
    workers: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """How much of the variance of the gain at equal exposure comes from each group of parameters.

    Parameters
    ----------
    strategies : mapping of str to Strategy
        Prepared with the cohort's world, and the same in every other.
    cohort : Cohort
    years, seed, workers, progress
        As in `compare`.
    n : int, a power of 2
        Size of the design: n (groups + 2) worlds are evaluated.
    groups : mapping of str to list of str, optional
        Labels of parameters by group; by default those of `groups.GROUPS` that matter here.
    patients : int
        At most, in each world.

    Returns
    -------
    pandas.DataFrame
        ``strategy``, ``group``, ``first`` and ``total`` (shares of variance), with half-widths of their 95% intervals,
        ``first_conf`` and ``total_conf``.

    Notes
    -----
    Designs and estimators of SALib (Saltelli 2010, doi:10.1016/j.cpc.2009.09.018), pushed through the priors. All
    worlds share one seed, so the gain is a deterministic function of the parameters and Monte Carlo noise is no
    variance of its own. Gains that do not exist (no match) are taken as the mean.
    """
    check_strategies(strategies)
    world, few = cohort.world, cohort[: whole_number(patients, "patients", 1)]
    ready = {name: prepared(strategy, world) for name, strategy in strategies.items()}
    labels = in_use(world.draw_table(1).columns, world, ready)
    by_group = grouped(labels) if groups is None else dict(groups)
    chosen = [label for members in by_group.values() for label in members]

    def gains(one: World) -> list[float]:
        found = evaluate(ready, replace(few, world=one), years=years, seed=seed, equal=("antigen",))
        return found.gains["gain"].tolist()

    def evaluated(design: Floats) -> Floats:
        inside = np.clip(design, _INSIDE, 1 - _INSIDE)
        worlds = world.at(world.quantiles(pd.DataFrame(inside, columns=chosen)))
        with tqdm(total=len(worlds), desc="Sobol design", unit="world", disable=not progress) as bar:
            return np.array(list(over(gains, worlds, workers, bar.update)))

    tables = indices(evaluated, by_group, n=n, seed=seed)
    return pd.concat(
        [table.assign(strategy=name) for name, table in zip(strategies, tables, strict=True)], ignore_index=True
    )[["strategy", "group", "first", "first_conf", "total", "total_conf"]]


def indices(
    function: Callable[[Floats], Floats], groups: Mapping[str, list[str]], *, n: int, seed: int = 1
) -> list[pd.DataFrame]:
    """First and total indices of each output of a function of uniforms.

    Parameters
    ----------
    function : callable
        Uniforms (rows, parameters) → outputs (rows, k).
    groups : mapping of str to list of str
        Parameters by group, in the order of the columns.
    n : int, a power of 2
    seed : int

    Returns
    -------
    list of pandas.DataFrame, one for each output
        ``group``, ``first``, ``first_conf``, ``total``, ``total_conf``.
    """
    n = whole_number(n, "n", 2)
    must(n & (n - 1) == 0, "`n` must be a power of 2", "Sobol sequences are balanced only then")
    must(len(groups) > 1, "Sobol indices need two groups of parameters at least")
    try:
        from SALib.analyze.sobol import analyze
        from SALib.sample.sobol import sample
    except ImportError:
        raise InputError("Sobol indices need SALib: install retreat-research with its extra `study`") from None
    names = [label for members in groups.values() for label in members]
    must(all(len(members) > 0 for members in groups.values()), "`groups` has one without parameters")
    must(len(set(names)) == len(names), "`groups` has a parameter twice")
    problem: dict[str, Any] = {
        "num_vars": len(names),
        "names": names,
        "bounds": [[0.0, 1.0]] * len(names),
        "groups": [group for group, members in groups.items() for _ in members],
    }
    seed = seed % 2**32
    outputs = function(sample(problem, n, calc_second_order=False, seed=seed))
    tables = []
    for output in outputs.T:
        filled = np.where(np.isfinite(output), output, np.nanmean(output) if np.isfinite(output).any() else 0.0)
        if np.ptp(filled) == 0:  # nothing varies, so nothing explains
            nothing = np.zeros(len(groups))
            found: dict[str, Any] = dict.fromkeys(("S1", "S1_conf", "ST", "ST_conf"), nothing)
        else:
            found = analyze(problem, filled, calc_second_order=False, seed=seed, print_to_console=False)
        tables.append(
            pd.DataFrame(
                {
                    "group": list(groups),
                    "first": found["S1"],
                    "first_conf": found["S1_conf"],
                    "total": found["ST"],
                    "total_conf": found["ST_conf"],
                }
            )
        )
    return tables
