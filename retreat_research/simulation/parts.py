"""The parts of a cohort, in order and one after the other: those in the store are read, the others run."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from itertools import pairwise

from ..cohort import Cohort
from .parallel import Job, Part, Runner
from .store import Receipt


def finished_parts(
    job: Job, cohort: Cohort, run: Runner, stages: Iterable[Iterator[tuple[int, int]]]
) -> Generator[Part, None, None]:
    """Every part in order, from the store or run now; nothing of a stage is begun before the last one is passed."""
    for stage in stages:
        seen: deque[tuple[tuple[int, int], Receipt | None]] = deque()  # by the runner, which is ahead
        found: deque[tuple[int, int]] = deque()  # for the runner
        running = run(job, cohort, _missing(job, stage, seen, found))
        try:
            while True:
                if seen:
                    part, receipt = seen.popleft()
                elif (following := next(stage, None)) is not None:
                    part, receipt = following, _receipt(job, following)
                    if receipt is None:
                        found.append(part)
                else:
                    break
                if receipt is None:
                    yield next(running)
                else:
                    yield Part(*part, receipt.sessions, receipt.moments, receipt.products, {})
        finally:
            running.close()


def _missing(
    job: Job,
    stage: Iterator[tuple[int, int]],
    seen: deque[tuple[tuple[int, int], Receipt | None]],
    found: deque[tuple[int, int]],
) -> Iterator[tuple[int, int]]:
    """Parts to run: those that were `found`, then those that come next; what is passed on the way goes to `seen`."""
    while True:
        if found:
            yield found.popleft()
        elif (part := next(stage, None)) is not None:
            receipt = _receipt(job, part)
            seen.append((part, receipt))
            if receipt is None:
                yield part
        else:
            return


def _receipt(job: Job, part: tuple[int, int]) -> Receipt | None:
    return None if job.store is None else job.store.load(*part, job.kinds)


def stages(size: int, looks: list[int], stops: list[int]) -> Iterator[Iterator[tuple[int, int]]]:
    """The parts up to each stop."""
    return (
        cuts(begin, size, [*(look for look in looks if begin < look < end), end])
        for begin, end in pairwise([0, *stops])
    )


def cuts(begin: int, size: int, looks: list[int]) -> Iterator[tuple[int, int]]:
    """Patients from … to …, cut at every multiple of `size` and at each look; never listed,
    as a cohort may have more parts than fit into memory."""
    for look in looks:
        while begin < look:
            stop = min((begin // size + 1) * size, look)
            yield begin, stop
            begin = stop
