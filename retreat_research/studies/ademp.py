"""A simulation study in ADEMP form: aims, data-generating mechanisms, estimands, methods, performance measures."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..cycles import CENSORING
from ..errors import InputError, must
from ..streams import checked_seed
from .measures import MEASURES, content_measures, measures
from .methods import METHODS
from .runner import Outcome, quantities, run_blocks
from .scenarios import SCENARIOS, Scenario
from .truth import ESTIMANDS, truths

NOMINAL = 0.95
KEYS = ("scenario", "method", "estimand", "truth")
FLAG = 3.0  # Monte Carlo standard errors from the nominal coverage


@dataclass(frozen=True, kw_only=True)
class SimulationStudy:
    """How well durations are estimated when the truth is known.

    Parameters
    ----------
    scenarios : tuple of Scenario
        Data-generating mechanisms; without them the 24 declared ones. Their truths follow from them, see `truths`.
    methods : tuple of str
        Of `METHODS`.
    replicates : int
        Of each scenario. 1,000 give coverage with a Monte Carlo standard error of 0.7 percentage points.
    seed : int in [0, 2**64)

    Notes
    -----
    The data of a replicate depend on the seed, the scenario and the number of the replicate alone, so more replicates
    add to those there are, and order and workers change nothing.

    References
    ----------
    Morris TP, White IR, Crowther MJ (2019). Using simulation studies to evaluate statistical methods. Stat Med
    38:2074-2102. doi:10.1002/sim.8086

    Examples
    --------
    >>> study = SimulationStudy(scenarios=(Scenario(name="weekly", every=1.0),), methods=("AFT",), replicates=200)
    >>> result = study.run("validation", workers=4)  # doctest: +SKIP
    """

    scenarios: tuple[Scenario, ...] = SCENARIOS
    methods: tuple[str, ...] = tuple(METHODS)
    replicates: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        names = [scenario.name for scenario in self.scenarios]
        must(len(names) > 0 and len(self.methods) > 0, "a study needs a scenario and a method")
        must(len(set(names)) == len(names), "scenarios must differ in `name`")
        unknown = [name for name in self.methods if name not in METHODS]
        must(not unknown, f"unknown methods: {', '.join(unknown)}", f"known are {', '.join(METHODS)}")
        must(
            isinstance(self.replicates, int) and self.replicates >= 2, "`replicates` must be a whole number, 2 or more"
        )
        checked_seed(self.seed)

    def run(self, folder: str | Path, *, workers: int | None = None, progress: bool = False) -> SimulationStudyResult:
        """Run every replicate, or what is left of them.

        Parameters
        ----------
        folder : str or Path
            Finished blocks of replicates are kept in its subfolder ``work``; a run that was stopped goes on from
            there. It may be deleted afterwards.
        workers : int, optional
            Processes; by default one for each core. They are started afresh, so a script that calls this needs
            ``if __name__ == "__main__":``.
        progress : bool

        Returns
        -------
        SimulationStudyResult
        """
        cores = os.cpu_count() or 1
        workers = cores if workers is None else workers
        must(isinstance(workers, int) and 1 <= workers <= 1024, "`workers` must be a whole number from 1 to 1,024")
        rows, counts, failed = [], [], []
        outcomes = run_blocks(
            self.scenarios,
            self.methods,
            self.seed,
            self.replicates,
            Path(folder) / "work",
            workers=workers,
            progress=progress,
        )
        for scenario, outcome in outcomes:
            rows.append(_performance(scenario, self.methods, outcome))
            cycles = outcome.censoring.sum(axis=0)
            per_set = outcome.censoring.sum(axis=1).mean()
            counts.append({"scenario": scenario.name, "cycles": per_set, **_shares(cycles)})
            failed.extend(_failures(scenario, outcome))
        columns = ["scenario", "method", "replicates", "first", "reason"]
        return SimulationStudyResult(
            self,
            pd.concat(rows, ignore_index=True),
            pd.DataFrame(counts),
            pd.DataFrame(failed, columns=columns),
        )


@dataclass(frozen=True, eq=False)
class SimulationStudyResult:
    """How the methods did; made by `SimulationStudy.run`.

    Attributes
    ----------
    study : SimulationStudy
    performance : pandas.DataFrame
        One row per scenario, method and estimand: the ``truth``, and of each measure of `MEASURES` its value and its
        Monte Carlo standard error, such as ``bias`` and ``bias mcse``; NaN where it is not defined.
    data : pandas.DataFrame
        One row per scenario: mean number of cycles, and the share of cycles by how they ended.
    failures : pandas.DataFrame
        One row per scenario, method and reason (numbers in it shown as #): how many replicates, and the first.
    """

    study: SimulationStudy
    performance: pd.DataFrame
    data: pd.DataFrame
    failures: pd.DataFrame

    def measure(self, name: str) -> pd.DataFrame:
        """One measure where it is defined: scenario, method, estimand, truth, value and mcse."""
        must(name in MEASURES, f"`name` must be one of {', '.join(MEASURES)}, not {name!r}")
        table = self.performance[[*KEYS, name, f"{name} mcse"]].set_axis([*KEYS, "value", "mcse"], axis=1)
        return table.dropna(subset="value").reset_index(drop=True)

    def coverage(self) -> pd.DataFrame:
        """Coverage of every interval, and where and why it fails.

        Returns
        -------
        pandas.DataFrame
            ``nominal``, ``coverage``, ``mcse``, ``fails``: whether it is further from nominal than 3 Monte Carlo
            standard errors, those it would have if it were nominal; and ``bias_eliminated``, ``relative_se_error``
            (of the model SE), ``standard_bias`` (bias over empirical SE), and the shares ``estimated`` and
            ``with_interval``, which say why.
        """
        table = self.performance
        content = np.array([ESTIMANDS[name].content for name in table["estimand"]], dtype=float)
        nominal = np.where(np.isnan(content), NOMINAL, content)
        expected = np.sqrt(nominal * (1 - nominal) / (self.study.replicates * table["estimated"]))
        expected = expected.where(np.isnan(content), table["coverage mcse"])
        return (
            table[list(KEYS[:-1])]
            .assign(
                nominal=nominal,
                coverage=table["coverage"],
                mcse=table["coverage mcse"],
                fails=(table["coverage"] - nominal).abs() > FLAG * expected,
                bias_eliminated=table["bias-eliminated coverage"],
                relative_se_error=table["relative error of model SE"],
                standard_bias=table["bias"] / table["empirical SE"],
                estimated=table["estimated"],
                with_interval=table["with interval"],
            )
            .dropna(subset="coverage")
            .reset_index(drop=True)
        )

    def __repr__(self) -> str:
        table = self.coverage()
        return (
            f"<SimulationStudyResult: {len(self.study.scenarios)} scenarios × {self.study.replicates} replicates, "
            f"{int(table['fails'].sum())} of {len(table)} coverages off by more than {FLAG:g} MCSE>"
        )


def scenarios_named(names: list[str], among: tuple[Scenario, ...] = SCENARIOS) -> tuple[Scenario, ...]:
    """The scenarios of these names, in the order declared."""
    unknown = sorted(set(names) - {scenario.name for scenario in among})
    if unknown:
        shown = "; ".join(scenario.name for scenario in among[: len(SCENARIOS)])
        raise InputError(f"unknown scenario: {'; '.join(unknown)}; the declared ones are: {shown}")
    return tuple(scenario for scenario in among if scenario.name in names)


def _performance(scenario: Scenario, methods: tuple[str, ...], outcome: Outcome) -> pd.DataFrame:
    true = truths(scenario)
    n = len(outcome.estimates)
    converged = {name: np.ones(n, dtype=bool) for name in methods}
    for replicate, method, _ in outcome.failures:
        converged[method][replicate] = False
    rows = []
    for j, (method, name) in enumerate(quantities(methods)):
        estimand, (estimate, se, lower, upper) = ESTIMANDS[name], outcome.estimates[:, j].T
        table = (
            measures(estimate, se, lower, upper, converged[method], true[name])
            if estimand.content is None
            else content_measures(estimate, converged[method], estimand.content)
        )
        row = {"scenario": scenario.name, "method": method, "estimand": name, "truth": true[name]}
        for measure, (value, mcse) in zip(table.index, table.to_numpy(), strict=True):
            row |= {measure: value, f"{measure} mcse": mcse}
        rows.append(row)
    return pd.DataFrame(rows)


def _shares(cycles: np.ndarray) -> dict[str, Any]:
    shares = cycles / cycles.sum()
    return {kind: share for kind, share in zip(CENSORING, shares, strict=True) if kind not in ("exact", "non-response")}


def _failures(scenario: Scenario, outcome: Outcome) -> list[tuple[str, str, int, int, str]]:
    reasons = [(method, re.sub(r"\d[\d.,]*(?:e[+-]?\d+)?", "#", reason)) for _, method, reason in outcome.failures]
    first: dict[tuple[str, str], int] = {}
    for (replicate, _, _), reason in zip(outcome.failures, reasons, strict=True):
        first.setdefault(reason, replicate)
    return [
        (scenario.name, method, count, first[method, reason], reason)
        for (method, reason), count in Counter(reasons).items()
    ]
