"""The sweep: whether a gain survives what is contested and what nobody knows (DESIGN §8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..cohort import Cohort
from ..errors import must
from ..evidence import Frozen
from ..simulation.changing import prepared
from ..strategies import Strategy
from ..world import World
from .evaluate import check_strategies, evaluate
from .parallel import over

#: SD of ln duration within a patient: EVIDENCE, not known: "sweep 0.10 to 0.35".
WITHIN_SDS = (0.10, 0.23, 0.35)
#: How the interval acts on the immune response (EVIDENCE, contested): the prior's scale of `booster`, recall that does
#: not depend on the gap, and the slowest recall of its prior.
KERNELS: Mapping[str, Mapping[str, float]] = Frozen(
    {
        "short gaps raise the risk": Frozen({"booster": 1.5}),
        "the gap does not matter": Frozen({"booster": 0.0, "rest_floor": 1.0}),
        "recall grows with the gap": Frozen({"booster": 0.0, "rest_floor": 0.1, "rest_days": 300.0}),
    }
)
PATIENTS = 2000
_SURE = 2.0  # Monte Carlo standard errors


@dataclass(frozen=True, eq=False)
class Sweep:
    """Gains in the worlds of the sweep.

    Attributes
    ----------
    table : pandas.DataFrame
        Columns ``world``, ``kernel``, ``within_sd``, ``strategy``, ``equal``, ``matched_weeks``, ``gain``, ``mcse``.
    base : pandas.DataFrame
        The same of the world that was swept around, with as many patients.
    """

    table: pd.DataFrame
    base: pd.DataFrame

    def conclusions(self) -> pd.DataFrame:
        """Whether each strategy's conclusion, the sign of its gain at equal exposure, survives.

        Returns
        -------
        pandas.DataFrame
            Index ``strategy``: ``gain`` and ``mcse`` in the base, ``smallest`` and ``largest`` gain in the sweep,
            ``survives`` (no world shows the other sign by more than 2 MCSE, and the base a sign at all), ``worlds``
            and ``contrary`` (names of those worlds).
        """
        rows = {}
        for name, own in self.table.groupby("strategy", sort=False):
            base = self.base[self.base["strategy"] == name].iloc[0]
            known = own.dropna(subset=["gain"])
            against = known[known["gain"] * np.sign(base["gain"]) < -_SURE * known["mcse"]]
            clear = bool(abs(base["gain"]) > _SURE * base["mcse"])
            rows[name] = {
                "gain": base["gain"],
                "mcse": base["mcse"],
                "smallest": known["gain"].min(),
                "largest": known["gain"].max(),
                "survives": clear and len(known) > 0 and against.empty,
                "worlds": len(known),
                "contrary": tuple(against["world"]),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("strategy")

    def sentence(self, strategy: str) -> str:
        """The conclusion about one strategy in words, computed from the table."""
        found = self.conclusions()
        must(strategy in found.index, f"no strategy is called {strategy!r}; there are {', '.join(found.index)}")
        row = found.loc[strategy]
        if not np.isfinite(row["gain"]) or row["worlds"] == 0:
            return f"{strategy}: no fixed interval spends as much, so there is no gain to sweep."
        gained = f"{_points(row['gain'])} points (MCSE {100 * row['mcse']:.1f})"
        smallest, largest = _points(row["smallest"]), _points(row["largest"])
        reach = f"from {smallest} to {largest} points in {row['worlds']} worlds that differ"
        kernels = (self.table["kernel"] != "").any()
        about = "in the interval kernel and the within-patient SD" if kernels else "in the within-patient SD"
        if abs(row["gain"]) <= _SURE * row["mcse"]:
            return f"{strategy}: {gained}, not distinguishable from none; {reach} {about}."
        sign = "gain" if row["gain"] > 0 else "loss"
        if row["survives"]:
            return f"{strategy}: the {sign} of {gained} keeps its sign; {reach} {about}."
        where = "; ".join(row["contrary"])
        return (
            f"{strategy}: the {sign} of {gained} does not survive; {reach} {about}, with the other sign where {where}."
        )


def _points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f}"  # + 0.0: no negative zero


def sweep_worlds(world: World) -> dict[str, World]:
    """The worlds of the sweep by name; without a published antigen load the kernel has nothing to act on."""
    known = bool(np.isfinite(world.immunity.ng_per_unit.get(world.product, np.nan)))
    kernels = KERNELS if known else {"": Frozen({})}
    return {
        f"{kernel}, within SD {sd:.2f}" if kernel else f"within SD {sd:.2f}": world.replace(within_sd=sd, **changes)
        for kernel, changes in kernels.items()
        for sd in WITHIN_SDS
    }


def swept_gains(
    strategies: Mapping[str, Strategy],
    cohort: Cohort,
    *,
    years: float = 10,
    seed: int = 1,
    workers: int | None = None,
    progress: bool = False,
) -> Sweep:
    """Gains at equal exposure in the base world and those of the sweep, in up to 2,000 of the patients, same luck.

    Parameters
    ----------
    strategies : mapping of str to Strategy
        Prepared with the cohort's world, and the same in every other.
    cohort : Cohort
    years, seed, workers, progress
        As in `compare`.
    """
    check_strategies(strategies)
    ready = {name: prepared(strategy, cohort.world) for name, strategy in strategies.items()}
    worlds = {"": cohort.world, **sweep_worlds(cohort.world)}
    few = cohort[:PATIENTS]

    def gains(world: World) -> pd.DataFrame:
        found = evaluate(ready, replace(few, world=world), years=years, seed=seed, equal=("antigen",)).gains
        return found[["matched_weeks", "gain", "mcse"]].reset_index()

    rows: list[pd.DataFrame] = []
    with tqdm(total=len(worlds), desc="sweeping", unit="world", disable=not progress) as bar:
        for (name, world), table in zip(worlds.items(), over(gains, worlds.values(), workers, bar.update), strict=True):
            kernel, _, _ = name.rpartition(", within SD ")
            about: dict[str, Any] = {"world": name, "kernel": kernel, "within_sd": world.response.within_sd}
            rows.append(table.assign(**about)[[*about, *table.columns]])
    return Sweep(pd.concat(rows[1:], ignore_index=True), rows[0])
