"""Parts of a simulation: one after the other, in threads, or on a Dask cluster; the results are the same."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..cohort import Cohort
from ..errors import InputError, RetreatError, must
from ..strategies import Strategy
from ..strategies.base import is_ours
from .block import Block, run_block
from .known import source_digest
from .moments import Moments
from .store import Store

CHECKED = 256  # patients of the first block, on whom the strategy is checked
BARELY_AHEAD = 2  # parts begun for each worker: enough to keep it busy, few enough to hold in memory


Places = Iterable[tuple[int, int]]  # patients from … to … of the cohort


@dataclass(frozen=True, eq=False)
class Job:
    """What every part of one simulation has in common.

    Attributes
    ----------
    strategy : Strategy
    horizon : float, weeks
    seed : int
    block : int
        Patients at a time.
    kinds : tuple of str
        What is kept of each patient, of "patients" and "history".
    sums : bool
        Add up the outcomes.
    store : Store or None
        Where that goes; without it, it comes back with the results.
    source : str
        Of the package, so that all workers run the same.
    """

    strategy: Strategy
    horizon: float
    seed: int
    block: int
    kinds: tuple[str, ...]
    sums: bool
    store: Store | None
    source: str


@dataclass(frozen=True, eq=False)
class Part:
    """What happened to the patients from position `start` to `stop` of the cohort."""

    start: int
    stop: int
    sessions: int
    moments: Moments | None
    products: frozenset[str]
    tables: dict[str, NDArray[np.void]]


Parts = Generator[Part, None, None]


_compiling, _compiled = threading.Lock(), threading.Event()


class Stopped(Exception):
    """Asked to stop between two blocks."""


def run_part(job: Job, patients: Cohort, start: int, stopped: Callable[[], bool] = lambda: False) -> Part:
    """Run some patients block by block.

    Parameters
    ----------
    job : Job
    patients : Cohort
    start : int
        Position of the first of them in the whole cohort.
    stopped : callable
        Asked before each block.
    """
    must(
        job.source == source_digest(),
        "a worker runs another version of retreat_research",
        "install the same one on every machine",
    )
    tables: dict[str, list[NDArray[np.void]]] = {kind: [] for kind in job.kinds}
    moments, sessions = Moments() if job.sums else None, 0
    used: set[str] = set()
    first = min(CHECKED, job.block) if start == 0 else job.block
    ends = [*range(first, len(patients), job.block), len(patients)]
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        if stopped():
            raise Stopped
        block = _run_block(job, patients[begin:end], start + begin)
        sessions += int(block.totals["sessions"].sum())
        used |= block.products
        if moments is not None:
            moments += Moments.of(block.totals)
        for kind, rows in {"patients": block.totals, "history": block.history}.items():
            if kind in tables and rows is not None:
                tables[kind].append(rows)
    stop, products = start + len(patients), frozenset(used)
    if job.store is None:
        whole = {kind: blocks[0] if len(blocks) == 1 else np.concatenate(blocks) for kind, blocks in tables.items()}
        return Part(start, stop, sessions, moments, products, whole)
    assert moments is not None
    job.store.save(start, stop, sessions=sessions, moments=moments, products=products, tables=tables)
    return Part(start, stop, sessions, moments, products, {})


def _run_block(job: Job, patients: Cohort, first_row: int) -> Block:
    """Run a block; the first of this process alone, for numba warns of ufuncs that two threads compile at once."""
    with nullcontext() if _compiled.is_set() else _compiling:
        block = run_block(
            patients, job.strategy, job.horizon, job.seed, history="history" in job.kinds, first_row=first_row,
            check=first_row == 0 and not is_ours(job.strategy),
        )  # fmt: skip
    _compiled.set()
    return block


class Runner(Protocol):
    """Runs parts; gives them in order as they are finished."""

    def __call__(self, job: Job, cohort: Cohort, parts: Places) -> Parts: ...


def one_by_one(job: Job, cohort: Cohort, parts: Places) -> Parts:
    """In this thread."""
    for start, stop in parts:
        yield run_part(job, cohort[start:stop], start)


def in_threads(job: Job, cohort: Cohort, parts: Places, *, workers: int) -> Parts:
    """In threads; the compiled kernel lets them run side by side."""
    stop_now = threading.Event()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="simulate")
    waiting: deque[Any] = deque()
    left = iter(parts)
    try:
        while True:
            while len(waiting) < BARELY_AHEAD * workers and (place := next(left, None)) is not None:
                start, stop = place
                waiting.append(pool.submit(run_part, job, cohort[start:stop], start, stop_now.is_set))
            if not waiting:
                return
            part = waiting[0].result()
            waiting.popleft()
            yield part
    finally:
        stop_now.set()
        pool.shutdown(cancel_futures=True)


def on_cluster(job: Job, cohort: Cohort, parts: Places, *, client: Any) -> Parts:
    """On the workers of a Dask client; what a worker had begun when it died is run again by another."""
    from distributed.scheduler import KilledWorker

    waiting: deque[Any] = deque()
    left = iter(parts)
    try:
        while True:
            while len(waiting) < BARELY_AHEAD * threads_of(client) and (place := next(left, None)) is not None:
                start, stop = place
                waiting.append(client.submit(run_part, job, cohort[start:stop], start, pure=False))
            if not waiting:
                return
            try:
                part = waiting[0].result()
            except KilledWorker:
                raise RetreatError(
                    "a part of the simulation ended every worker that tried it; probably they have too little memory"
                ) from None
            except CancelledError:
                raise RetreatError("the Dask cluster was closed before the simulation was finished") from None
            _must_be_here(job, part)
            waiting.popleft().release()
            yield part
    finally:
        with suppress(Exception):  # the cluster may be gone
            client.cancel(list(waiting))


def _must_be_here(job: Job, part: Part) -> None:
    if job.store is not None and job.store.load(part.start, part.stop, ()) is None:
        raise InputError(
            f"what the workers write to {job.store.folder} is not seen here; `store` must be on a shared disk"
        )


def threads_of(client: Any) -> int:
    """Threads of all workers there are now, at least 1."""
    return max(1, sum(client.nthreads().values()))


def runner_of(workers: int | None, client: Any) -> Runner:
    """How to run, after the arguments of `simulate`."""
    if client is not None:
        must(workers is None, "give `workers` or `client`, not both", "the client's cluster has its own workers")
        ready = all(hasattr(client, name) for name in ("submit", "nthreads", "cancel"))
        must(ready and not getattr(client, "asynchronous", False), "`client` must be a dask.distributed.Client")
        must(getattr(client, "status", "") not in ("closing", "closed"), "`client` is closed", "make a new one")
        return partial(on_cluster, client=client)
    if workers is None or workers == 1:
        return one_by_one
    return partial(in_threads, workers=workers)
