"""`simulate`: a strategy on a cohort over years, in parts that can run anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..cohort import WEEKS_PER_YEAR, Cohort
from ..errors import must, whole_number
from ..products import PRODUCTS
from ..strategies import Strategy
from ..streams import checked_seed
from .changing import changed, prepared
from .identity import scenario_of
from .known import source_digest
from .memory import must_fit, visits_of
from .moments import Moments
from .outcomes import TOTALS, columns_of
from .parallel import CHECKED, Job, Part, runner_of, threads_of
from .parts import cuts, finished_parts, stages
from .result import Kept, Simulation, in_order
from .stopping import checkpoints, is_positive, targets_of, unmet, unmet_note
from .store import SPELLED, Store

BLOCK = 8192
#: Visits of one part that is stored or sent to a cluster: 1 to 5 seconds of work, and files of 100 to 200 MB.
VISITS_OF_A_PART = 10_000_000
VISITS_OF_A_PART_WITH_HISTORY = 1_500_000
MOST_WORKERS = 1024


def simulate(
    cohort: Cohort,
    strategy: Strategy,
    *,
    years: float = 10,
    seed: int = 1,
    history: bool = False,
    patients: bool = True,
    store: str | Path | None = None,
    until_mcse: float | Mapping[str, float] | None = None,
    workers: int | None = None,
    client: Any = None,
    block: int | None = None,
    progress: bool = False,
) -> Simulation:
    """Treat a cohort by a strategy.

    Parameters
    ----------
    cohort : Cohort
    strategy : Strategy
    years : float
        Follow-up; a patient's ends earlier when she drops out.
    seed : int in [0, 2**64)
        The same seed gives two strategies the same luck, patient by patient and session by session.
    history : bool
        Keep every visit.
    patients : bool
        Keep a table of patients, about 120 bytes each; without it only exact sums are kept, and memory does not grow
        with the cohort.
    store : str or Path, optional
        A folder for the tables, as Parquet files by scenario. A run that was stopped or killed goes on from its
        finished parts when it is called with the same arguments again; several scenarios can share a folder.
    until_mcse : float or mapping of outcome to float, optional
        Stop as soon as these outcomes have a Monte Carlo standard error this small; a number alone is for time in
        benefit. Looked at after 1,024, 1,536, 2,048, 3,072, … patients, so the result is that of a cohort of this size.
    workers : int, optional
        Threads; by default one.
    client : dask.distributed.Client, optional
        Run on the workers of this client instead.
    block : int, optional
        Patients at a time.
    progress : bool
        Show a bar of finished patient-sessions.

    Returns
    -------
    Simulation
        The same, bit for bit, whatever `workers`, `client`, `block` and `store` are. After Ctrl-C that of the
        patients finished so far, with ``complete`` False.

    Raises
    ------
    InputError
        Among others when the strategy returns something that is not a decision for each patient, when the tables do not
        fit into memory, or when `store` cannot be written.
    KeyboardInterrupt
        If Ctrl-C comes before any patient is finished.

    Examples
    --------
    >>> from retreat_research import Fixed, draw_cohort
    >>> out = simulate(draw_cohort(100, indication="glabellar"), Fixed(12), years=2)
    >>> float(out.patients["sessions"].max())
    9.0
    """
    must(isinstance(cohort, Cohort), f"`cohort` must come from draw_cohort, not {type(cohort).__name__}")
    n = len(cohort)
    must(n > 0, "`cohort` has no patients")
    must(
        isinstance(strategy, Strategy),
        f"`strategy` must be a strategy such as Fixed(12), not {type(strategy).__name__}",
    )
    must(is_positive(years), "`years` must be a positive number")
    years = float(years)
    for name, flag in {"history": history, "patients": patients, "progress": progress}.items():
        must(isinstance(flag, bool | np.bool_), f"`{name}` must be True or False")
    block = BLOCK if block is None else whole_number(block, "block", 1)
    workers = None if workers is None else whole_number(workers, "workers", 1, MOST_WORKERS)
    seed, targets, runner = checked_seed(seed), targets_of(until_mcse), runner_of(workers, client)
    ready = prepared(strategy, cohort.world)
    changed(cohort.world, ready)  # refused before any work
    kinds = (*["patients"] * bool(patients), *["history"] * bool(history))
    if store is None:
        must_fit(n, years, totals=bool(patients), history=bool(history))
    _keep_memory()

    size = block if store is None and client is None else _part_size(n, years, bool(history), client)
    place = None if store is None else Store.open(store, scenario_of(cohort, strategy, years, seed), size)
    job = Job(
        ready, years * WEEKS_PER_YEAR, seed, block, kinds,
        sums=bool(targets) or not patients or place is not None, store=place, source=source_digest(),
    )  # fmt: skip
    looks = checkpoints(n) if targets or place is not None else [n]
    size = size if place is None else place.part
    collected, left = _Collected(n, kinds if place is None else ()), dict[str, tuple[float, float]]()
    complete = True
    try:
        coming = finished_parts(job, cohort, runner, stages(size, looks, looks if targets else [n]))
        with closing(coming), _bar(n, progress) as show:
            for part in coming:
                collected.add(part)
                show(collected.sessions, collected.patients)
                if targets and part.stop in looks:
                    left = unmet(targets, collected.moments)
                    if not left:
                        break
    except KeyboardInterrupt:
        if collected.patients == 0:
            raise
        complete = False
    done = collected.patients
    notes = _notes(collected, ready)
    if not complete:
        notes += (f"Stopped after {done:,} of {n:,} patients: the results are those of the first {done:,}.",)
    elif left:
        notes += (unmet_note(left, n),)
    kept = Kept(
        patients=collected.patients_frame() if "patients" in collected.kinds else None,
        sessions=collected.sessions_frame() if "history" in collected.kinds else None,
        moments=collected.moments if job.sums else None,
        store=place,
        parts=tuple(takewhile(lambda part: part[1] <= done, cuts(0, size, looks))),
        kinds=kinds,
    )
    products = tuple(name for name in PRODUCTS if name in collected.products)
    whole = cohort if done == n else cohort[:done]
    return Simulation(strategy, whole, float(years), seed, products, notes, complete, kept)


class _Collected:
    """What has come in so far, part after part."""

    def __init__(self, n: int, kinds: tuple[str, ...]) -> None:
        self.kinds = kinds
        self.patients, self.sessions = 0, 0
        self.moments, self.products = Moments(), frozenset[str]()
        names = TOTALS.names if "patients" in kinds else ()
        self._columns = {name: np.empty(n, dtype=TOTALS[name]) for name in names or ()}
        self._visits: dict[int, NDArray[np.void]] = {}

    def add(self, part: Part) -> None:
        """Take the next part in; all or nothing, wherever Ctrl-C strikes: what counts is `patients`, set last."""
        for name, column in self._columns.items():
            column[part.start : part.stop] = part.tables["patients"][name]
        if "history" in self.kinds:
            self._visits[part.start] = part.tables["history"]
        moments = self.moments if part.moments is None else self.moments + part.moments
        sessions, products = self.sessions + part.sessions, self.products | part.products
        self.moments, self.sessions, self.products, self.patients = moments, sessions, products, part.stop

    def antigen_unknown(self) -> bool:
        """The antigen of some patient is not known."""
        if self.moments.n:
            return bool(np.isnan(self.moments.total("antigen_ng")))
        return bool(np.isnan(self._columns["antigen_ng"][: self.patients]).any())

    def patients_frame(self) -> pd.DataFrame:
        """One row per patient."""
        return in_order(
            pd.DataFrame({k: v[: self.patients] for k, v in self._columns.items()}, copy=False), ["patient"]
        )

    def sessions_frame(self) -> pd.DataFrame:
        """One row per visit."""
        rows = [visits for start, visits in sorted(self._visits.items()) if start < self.patients]
        columns = columns_of(rows)
        columns |= {name: np.array(texts, dtype=object)[columns[name]] for name, texts in SPELLED.items()}
        return in_order(pd.DataFrame(columns, copy=False), ["patient", "week"])


def _part_size(n: int, years: float, history: bool, client: Any) -> int:
    """Patients of one part: some seconds of work, and enough parts for every worker of a client."""
    size = int((VISITS_OF_A_PART_WITH_HISTORY if history else VISITS_OF_A_PART) / visits_of(years))
    if client is not None:
        size = min(size, max(CHECKED, -(-n // (2 * threads_of(client)))))
    return max(size, 1)


@contextmanager
def _bar(n: int, wanted: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar of patient-sessions; how many there will be is estimated from the patients that are finished."""
    from tqdm import tqdm

    with tqdm(desc="simulating", unit=" sessions", unit_scale=True, disable=not wanted) as bar:

        def show(sessions: int, patients: int) -> None:
            bar.total = round(sessions * n / patients)
            bar.update(sessions - bar.n)

        yield show


def _keep_memory() -> None:
    """Make glibc keep freed memory up to 62 MB for the next array instead of handing it back and faulting it in again.

    Freeing a large block raises its thresholds for mapping and trimming (mallopt(3), "dynamic mmap threshold"); the
    block itself is never touched. Worth a tenth to a quarter of the running time, and nothing elsewhere.
    """
    np.empty(31 * 2**20, dtype=np.uint8)


def _notes(collected: _Collected, strategy: Strategy) -> tuple[str, ...]:
    notes = []
    if collected.antigen_unknown():
        notes.append(
            "No antigen load is published for a product used: antigen is NaN and immunity to it is not simulated. "
            "Set one with `world.replace(ng_per_unit={...})`."
        )
    if len(collected.products) > 1:
        notes.append("Several products were used: their units are not interchangeable and must not be added.")
    if strategy.oracle:
        notes.append(f"{strategy} is an oracle: it uses what no clinic can see.")
    return tuple(notes)
