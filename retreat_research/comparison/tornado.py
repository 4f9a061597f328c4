"""One parameter at a time: how far the gain moves across each prior."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..cohort import Cohort
from ..errors import whole_number
from ..simulation.changing import prepared
from ..strategies import Strategy
from ..world import World
from .evaluate import check_strategies, evaluate
from .groups import in_use
from .parallel import over

#: Quantiles of the priors: the central 80%, by convention.
ENDS = (0.1, 0.9)
PATIENTS = 2000


def tornado(
    strategy: Strategy,
    cohort: Cohort,
    *,
    years: float = 10,
    seed: int = 1,
    patients: int = PATIENTS,
    workers: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """The gain at equal exposure with each parameter at the 10% and the 90% quantile of its prior, the rest as it is.

    Parameters
    ----------
    strategy : Strategy
        Prepared with the cohort's world, and the same in every other.
    cohort : Cohort
    years, seed, workers, progress
        As in `compare`.
    patients : int
        At most; of the same cohort, with the same luck everywhere.

    Returns
    -------
    pandas.DataFrame
        ``parameter``, ``low`` and ``high`` (its values), ``gain_low``, ``gain_high``, ``mcse_low``, ``mcse_high``; the
        parameter that moves the gain most comes first.
    """
    check_strategies({"strategy": strategy})
    world, few = cohort.world, cohort[: whole_number(patients, "patients", 1)]
    ready = {"strategy": prepared(strategy, world)}
    labels = in_use(world.draw_table(1).columns, world, ready)
    ends = world.quantiles(pd.DataFrame({label: ENDS for label in labels}))
    worlds = list(chain.from_iterable(world.at(ends[[label]]) for label in labels))

    def gain(one: World) -> tuple[float, float]:
        row = evaluate(ready, replace(few, world=one), years=years, seed=seed, equal=("antigen",)).gains.iloc[0]
        return float(row["gain"]), float(row["mcse"])

    with tqdm(total=len(worlds), desc="one at a time", unit="world", disable=not progress) as bar:
        found = np.array(list(over(gain, worlds, workers, bar.update))).reshape(len(labels), 2, 2)
    table = pd.DataFrame(
        {
            "parameter": labels,
            "low": [ends[label].iloc[0] for label in labels],
            "high": [ends[label].iloc[1] for label in labels],
            "gain_low": found[:, 0, 0],
            "gain_high": found[:, 1, 0],
            "mcse_low": found[:, 0, 1],
            "mcse_high": found[:, 1, 1],
        }
    )
    moves = (table["gain_high"] - table["gain_low"]).abs()
    return table.loc[moves.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)
