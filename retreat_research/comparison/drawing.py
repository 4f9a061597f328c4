"""Strategies in many worlds drawn from what is believed of the world."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
from tqdm import tqdm

from ..cohort import Cohort, draw_cohort
from ..errors import InputError, RetreatError, must, rows_text, whole_number
from ..simulation.changing import prepared
from ..simulation.identity import digest_of
from ..simulation.known import SOURCES, source_digest
from ..simulation.unfinished import unfinished_name
from ..strategies import Strategy
from ..world import World
from ..world.numbers import numbers
from .costs import Costs
from .evaluate import check_strategies, evaluate
from .groups import in_use
from .parallel import over
from .uncertainty import Uncertainty

FEWEST_DRAWS = 2


def uncertain(
    strategies: Mapping[str, Strategy],
    cohort: Cohort,
    draws: int | pd.DataFrame | Sequence[World],
    *,
    years: float = 10,
    seed: int = 1,
    costs: Costs | None = None,
    store: str | Path | None = None,
    workers: int | None = None,
    progress: bool = False,
) -> Uncertainty:
    """Evaluate strategies in worlds drawn from priors, or in any worlds given.

    Parameters
    ----------
    strategies : mapping of str to Strategy
        Prepared with the cohort's world, and the same in every world: a clinic knows its prior, not the truth.
    cohort : Cohort
        Its world is the one whose priors are drawn from; every world gets a cohort of its size, of new patients:
        those of a subgroup are not chosen again.
    draws : int, pandas.DataFrame or sequence of World
        So many draws from the priors; or a table of draws from anywhere, one column for each number (`World.at`); or
        the worlds themselves, of the same indication, product and label dose.
    years, seed, costs, workers, progress
        As in `compare`. World k has its own luck, a hash of (`seed`, k).
    store : str or Path, optional
        A folder with a small file for each finished world: the same call goes on from there.

    Returns
    -------
    Uncertainty

    Raises
    ------
    InputError
        If the draws are none, or are impossible, or the store cannot be written.
    """
    check_strategies(strategies)
    ready = {name: prepared(strategy, cohort.world) for name, strategy in strategies.items()}
    worlds, parameters = worlds_of(cohort.world, draws, seed)
    kept = in_use(parameters.columns, cohort.world, ready)
    folder = None if store is None else _folder(store)
    about = {
        "strategies": {name: digest_of(strategy) for name, strategy in ready.items()},
        "patients": len(cohort), "years": float(years), "costs": digest_of(costs),
        "source": source_digest((*SOURCES, "comparison")), "numpy": np.__version__, "numba": numba.__version__,
    }  # fmt: skip

    def one(k: int) -> dict[str, Any]:
        own = int.from_bytes(sha256(f"{seed} {k}".encode()).digest()[:8], "big")
        path = None
        if folder is not None:
            told = json.dumps({**about, "seed": own, "world": digest_of(worlds[k])}, sort_keys=True)
            path = folder / f"world_{sha256(told.encode()).hexdigest()[:24]}.json"
            if (found := _kept(path, list(ready))) is not None:
                return found
        drawn = draw_cohort(len(cohort), world=worlds[k], seed=own)
        try:
            evaluation = evaluate(ready, drawn, years=years, seed=own, costs=costs, equal=("antigen",))
        except RetreatError as error:
            raise InputError(f"draw {k}: {error}") from None
        gains = evaluation.gains[["matched_weeks", "gain", "mcse"]].reset_index()
        tables = {"values": evaluation.values, "mcse": evaluation.mcse, "gains": gains}
        found = {name: json.loads(one.to_json(orient="split", double_precision=15)) for name, one in tables.items()}
        if path is not None:
            _keep(path, found)
        return found

    with tqdm(total=len(worlds), desc="drawn worlds", unit="world", disable=not progress) as bar:
        results = list(over(one, range(len(worlds)), workers, bar.update))
    tables = {name: pd.concat([_table(found[name]) for found in results], keys=range(len(worlds)), names=["draw"])
              for name in ("values", "mcse", "gains")}  # fmt: skip
    gains = tables["gains"].reset_index(level=0).reset_index(drop=True)
    values, mcse = (tables[name].rename_axis(["draw", "strategy"]).astype(float) for name in ("values", "mcse"))
    gains = gains.astype(dict.fromkeys(("matched_weeks", "gain", "mcse"), float))
    oracles = tuple(name for name, strategy in ready.items() if strategy.oracle)
    return Uncertainty(parameters[kept], values, mcse, gains, oracles)


def worlds_of(
    world: World, draws: int | pd.DataFrame | Sequence[World], seed: int
) -> tuple[Sequence[World], pd.DataFrame]:
    """The worlds, and the numbers in which they differ, indexed by ``draw``."""
    if isinstance(draws, pd.DataFrame):
        table = draws.reset_index(drop=True).rename_axis("draw")
    elif isinstance(draws, Sequence) and not isinstance(draws, str):
        must(all(isinstance(one, World) for one in draws), "`draws` must be a number, a table or worlds")
        must(len(draws) >= FEWEST_DRAWS, f"`draws` must be at least {FEWEST_DRAWS} worlds")
        same = (world.indication, world.product, world.label_units)
        other = [k for k, one in enumerate(draws) if (one.indication, one.product, one.label_units) != same]
        must(not other, f"`draws` must have the cohort's indication, product and label dose ({rows_text(other)})")
        described = [{number.label: number.value for _, number in numbers(one)} for one in draws]
        other = [k for k, one in enumerate(described) if one.keys() != described[0].keys()]
        must(not other, f"`draws` must be worlds with numbers of the same products ({rows_text(other)})")
        table = pd.DataFrame(described, dtype=float).rename_axis("draw")
        return draws, table.loc[:, _varies(table)]
    else:
        table = world.draw_table(whole_number(draws, "draws", FEWEST_DRAWS), seed)
    must(len(table) >= FEWEST_DRAWS, f"`draws` must have at least {FEWEST_DRAWS} rows")
    return world.at(table), table


def _varies(table: pd.DataFrame) -> pd.Series:
    return ((table != table.iloc[0]) & ~(table.isna() & table.iloc[0].isna())).any()


def _folder(store: str | Path) -> Path:
    folder = Path(store)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"`store` cannot be written: {error.strerror}") from None
    return folder


def _keep(path: Path, found: dict[str, Any]) -> None:
    """Whole or not at all, also where two processes write the same."""
    part = path.with_name(unfinished_name(f".{path.name}"))
    try:
        part.write_text(json.dumps({"sha256": _sum(found), "found": found}), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise InputError(f"`store` cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _kept(path: Path, names: list[str]) -> dict[str, Any] | None:
    """What was kept, or None if there is nothing or it is damaged."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads(path.read_text(encoding="utf-8"))
        found: dict[str, Any] = content["found"]
        if content["sha256"] == _sum(found) and found["values"]["index"] == names:
            return found
    return None


def _sum(found: dict[str, Any]) -> str:
    return sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def _table(split: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(split["data"], split["index"], split["columns"])
