"""Run the replicates of a simulation study in blocks: in parallel, with progress, and so that a stopped run goes on.

A block is some replicates of one scenario; its result is one small file, moved into place when it is complete. A file
carries a digest of what made it (scenario, methods, seed, the source of the models and versions of numpy and scipy) in
the name of its folder, so nothing that another version computed is taken for a result of this one.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy

from ..cycles import CENSORING
from ..simulation.known import source_digest
from .drawing import draw
from .methods import METHODS, Estimate
from .scenarios import Scenario

BLOCK = 25  # replicates: some seconds of work, so little is lost when a run is stopped
SOURCES = (
    "cycles.py",
    "streams.py",
    "durations",
    *(f"studies/{name}.py" for name in ("scenarios", "truth", "drawing", "methods", "runner")),
)  # what decides about a result
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Block:
    """Replicates [start, stop) of a scenario."""

    scenario: Scenario
    methods: tuple[str, ...]
    seed: int
    start: int
    stop: int


class Outcome(NamedTuple):
    """What the replicates of a block gave, in order."""

    estimates: (
        np.ndarray
    )  # (replicates, quantities, 4): `Estimate`s in the order of `quantities`, NaN where there is none
    censoring: np.ndarray  # (replicates, len(CENSORING)): cycles
    failures: list[tuple[int, str, str]]  # (replicate, method, reason)


def quantities(methods: Sequence[str]) -> list[tuple[str, str]]:
    """(method, estimand) in the order of `Outcome.estimates`."""
    return [(name, estimand) for name in methods for estimand in METHODS[name].estimands]


def run_block(block: Block) -> Outcome:
    """Draw and fit every replicate of a block. A failed fit, of whatever kind, is an outcome that is counted."""
    order = quantities(block.methods)
    n = block.stop - block.start
    estimates = np.full((n, len(order), len(Estimate._fields)), np.nan)
    censoring = np.zeros((n, len(CENSORING)), dtype=np.int64)
    failures = []
    for i, replicate in enumerate(range(block.start, block.stop)):
        drawn = draw(block.scenario, block.seed, replicate)
        kinds = drawn.cycles.frame["censoring"].value_counts()
        censoring[i] = [kinds.get(kind, 0) for kind in CENSORING]
        for name in block.methods:
            try:
                found = METHODS[name].fit(drawn)
            except Exception as error:
                failures.append((replicate, name, f"{type(error).__name__}: {error}"))
                continue
            for j, (method, estimand) in enumerate(order):
                if method == name:
                    estimates[i, j] = found[estimand]
    return Outcome(estimates, censoring, failures)


def run_blocks(
    scenarios: Sequence[Scenario],
    methods: tuple[str, ...],
    seed: int,
    replicates: int,
    folder: Path,
    *,
    workers: int,
    progress: bool,
) -> Iterator[tuple[Scenario, Outcome]]:
    """Run what is not yet in `folder`; then give each scenario's outcome, replicates in order."""
    ends = [(start, min(start + BLOCK, replicates)) for start in range(0, replicates, BLOCK)]
    # The first replicates of every scenario come first: a run that was stopped can be summed up with fewer of them.
    blocks = [Block(s, methods, seed, start, stop) for start, stop in ends for s in scenarios]
    paths = dict(zip(blocks, _paths(blocks, folder), strict=True))
    _run_missing([(block, path) for block, path in paths.items() if not path.exists()], blocks, workers, progress)
    for scenario in scenarios:
        parts = [_load(path) for block, path in paths.items() if block.scenario == scenario]
        yield (
            scenario,
            Outcome(
                np.concatenate([part.estimates for part in parts]),
                np.concatenate([part.censoring for part in parts]),
                [failure for part in parts for failure in part.failures],
            ),
        )


def _run_missing(jobs: list[tuple[Block, Path]], blocks: list[Block], workers: int, progress: bool) -> None:
    from tqdm import tqdm

    total = sum(block.stop - block.start for block in blocks)
    left = sum(block.stop - block.start for block, _ in jobs)
    with tqdm(total=total, initial=total - left, unit="replicate", disable=not progress) as bar:
        for block in _finished(jobs, workers):
            bar.update(block.stop - block.start)


def _finished(jobs: list[tuple[Block, Path]], workers: int) -> Iterable[Block]:
    """Each block as it is done, in processes of their own: threads of linear algebra could change last digits."""
    if not jobs:
        return
    with (
        _one_thread(),
        ProcessPoolExecutor(min(workers, len(jobs)), get_context("spawn"), initializer=_start_worker) as pool,
    ):
        tasks = [pool.submit(_run_and_save, block, path) for block, path in jobs]
        try:
            for task in as_completed(tasks):
                yield task.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes started in this block use one thread each for linear algebra: they share the cores already."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker() -> None:
    """Ctrl-C ends a worker at once and without a traceback: its block is not in place until it is complete."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _run_and_save(block: Block, path: Path) -> Block:
    _save(run_block(block), path)
    return block


def _save(outcome: Outcome, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = BytesIO()
    np.savez_compressed(
        content,
        estimates=outcome.estimates,
        censoring=outcome.censoring,
        failures=np.array(json.dumps(outcome.failures)),
    )
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(content.getvalue())
    part.replace(path)


def _load(path: Path) -> Outcome:
    with np.load(path) as file:
        failures = [tuple(failure) for failure in json.loads(str(file["failures"]))]
        return Outcome(file["estimates"], file["censoring"], failures)


def _paths(blocks: list[Block], folder: Path) -> list[Path]:
    source = source_digest(SOURCES)
    return [folder / _folder_name(block, source) / f"{block.start:06d}-{block.stop:06d}.npz" for block in blocks]


def _folder_name(block: Block, source: str) -> str:
    made_of = [asdict(block.scenario), block.methods, block.seed, source, np.__version__, scipy.__version__]
    digest = sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:12]
    readable = re.sub(r"[^a-z0-9]+", "-", block.scenario.name.lower()).strip("-")
    return f"{readable[:60]}-{digest}"
