"""Simulated scenarios on paper: one table of outcomes and a manifest that says where the Parquet files are."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from .. import __version__
from ..simulation import OUTCOMES, Simulation

FILES = ("summary.csv", "manifest.json")
PACKAGES = ("numpy", "numba", "scipy", "pandas", "pyarrow")


def fill_simulations(
    results: Sequence[Simulation], folder: Path, *, out: Path, arguments: Mapping[str, Any] | None = None
) -> None:
    """Write ``summary.csv`` and ``manifest.json`` into an existing folder.

    Parameters
    ----------
    results : sequence of Simulation
    folder : Path
    out : Path
        Where the folder will be; paths of Parquet files are told from there.
    arguments : mapping, optional
        What the command was called with, for the manifest.
    """
    labels = {outcome.name: outcome.label for outcome in OUTCOMES}
    tables = []
    for result in results:
        table = result.summary()
        table.insert(0, "indication", result.cohort.world.indication)
        table.insert(1, "strategy", str(result.strategy))
        table.insert(3, "label", table["outcome"].map(labels))
        tables.append(table)
    text = pd.concat(tables, ignore_index=True).to_csv(index=False, lineterminator="\n")
    (folder / "summary.csv").write_text(text, encoding="utf-8")
    manifest = {
        "retreat_research": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "arguments": dict(arguments or {}),
        "scenarios": [_told(result, out) for result in results],
    }
    content = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / "manifest.json").write_text(content + "\n", encoding="utf-8")


def _told(result: Simulation, out: Path) -> dict[str, Any]:
    return {
        "indication": result.cohort.world.indication,
        "product": result.cohort.world.product,
        "strategy": str(result.strategy),
        "patients": len(result.cohort),
        "years": result.years,
        "seed": result.seed,
        "notes": list(result.notes),
        "files": {kind: path.relative_to(out).as_posix() for kind, path in result.stored.items()},
    }
