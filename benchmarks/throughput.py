"""Patient-sessions per second of the simulator and of its peers: the same default world, one core, one run.

    python benchmarks/throughput.py [--quick] [--repeats 7] [--peers-python PATH]

The peers are in `benchmarks/peers/`: a C program of the same arithmetic (the floor; gcc, or what CC names), base R
vectorised over patients (Rscript), a plain Python loop, simpy, and starsim at weekly steps; and the naive twin of
`tests/simulation`. What is not there is left out, and said. simpy and starsim are no dependencies of this project; they
need an interpreter of their own:

    python -m venv peers-venv
    peers-venv/bin/pip install simpy starsim
    python benchmarks/throughput.py --peers-python peers-venv/bin/python      # or RETREAT_PEERS_PYTHON=...

Before anything is timed, all peers are checked against the engine in two default worlds: C, which has the same draws,
to 1e-9 for each patient, with what is seen; the others, which have their own, to 4 Monte Carlo standard errors of each
mean. Times are of the sessions alone: not of drawing traits, not of starting an interpreter. Repeats are interleaved,
so that a noisy minute hits all alike; rates are those of the median. "Only what is needed" leaves out the ratings and
intervals that a strategy does not look at; the engine cannot know that of a user's.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from peers.commands import C_COLUMNS, Peer, few_of, peers  # noqa: E402
from peers.exchange import summary, write_world  # noqa: E402

import retreat_research as rr  # noqa: E402
from retreat_research.strategies import Strategy  # noqa: E402

YEARS, SEED, WORLDS, TWINS = 10, 1, ("glabellar", "cervical dystonia"), 60
CORES = sorted(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Bisect(Strategy):
    """A user's own strategy in plain NumPy: halve what is left between too short and too long."""

    def initial_memory(self) -> dict[str, float]:
        return {"lo": 10.0, "hi": 26.0}

    def decide(self, seen, memory):
        first, lasted = seen.session == 0, seen.effect_at_return
        lo = np.where(~first & lasted, seen.gap_weeks, memory.lo)
        hi = np.where(~first & ~lasted, seen.gap_weeks, memory.hi)
        return rr.Decision.at((lo + hi) / 2), {"lo": lo, "hi": hi}


STRATEGIES = {"fixed": rr.Fixed(12), "stepped": rr.Stepped(), "waning": rr.OnWaning(), "bisect": Bisect()}
HEADINGS = {
    "fixed": "`Fixed(12)`",
    "stepped": "`Stepped()`",
    "waning": "`OnWaning()`",
    "bisect": "a user's own, NumPy",
}


@dataclass
class Timed:
    """One cell of the table: a way to run and a strategy."""

    what: str
    strategy: str
    run: Callable[[], float]  # → seconds
    sessions: int
    cores: int = 1
    seconds: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Once more."""
        os.sched_setaffinity(0, CORES[: self.cores])
        gc.collect()
        self.seconds.append(self.run())

    @property
    def rate(self) -> float:
        """Million patient-sessions a second at the median."""
        return self.sessions / statistics.median(self.seconds) / 1e6

    def __str__(self) -> str:
        low, high = (self.sessions / s / 1e6 for s in (max(self.seconds), min(self.seconds)))
        digits = 1 if self.rate >= 1 else 3
        return f"{self.rate:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


# --- do they agree? ---------------------------------------------------------------------------------------------------


def of_engine(cohort: rr.Cohort) -> dict[str, pd.DataFrame]:
    """The totals of each patient under each strategy, and sums of what was seen of her."""
    found = {}
    for name, strategy in STRATEGIES.items():
        out = rr.simulate(cohort, strategy, years=YEARS, seed=SEED, history=True)
        seen = out.sessions[["responded", "effect_at_return", "lower", "upper"]].replace(np.inf, np.nan)
        found[name] = out.patients.set_index("patient").join(seen.astype(float).groupby(out.sessions["patient"]).sum())
    return found


def agree_exactly(peer: Peer, world: Path, found: dict[str, pd.DataFrame]) -> str:
    """How far any patient's totals are from the engine's; at most 1e-9."""
    worst, file = 0.0, world.with_suffix(".bin")
    columns = list(C_COLUMNS if peer.observe == "all" else C_COLUMNS[:-4])
    for name, patients in found.items():
        peer.run(world, name, len(patients), SEED, str(file))
        theirs = np.fromfile(file).reshape(len(patients), len(C_COLUMNS))[:, : len(columns)]
        ours = patients[columns].to_numpy(dtype=float)
        assert (np.isnan(ours) == np.isnan(theirs)).all(), f"{peer.name}, {name}: other events"
        worst = max(worst, float(np.nanmax(np.abs(ours - theirs) / np.maximum(1, np.abs(ours)))))
    assert worst < 1e-9, f"{peer.name}: differs by {worst:.1e}"
    return f"{worst:.0e} for each patient"


def agree_on_average(peer: Peer, world: Path, found: dict[str, pd.DataFrame]) -> str:
    """How far a mean is from the engine's, in Monte Carlo standard errors; at most 4."""
    worst = 0.0
    for name in peer.strategies:
        ours = summary(found[name])
        n, *_, theirs = peer.run(world, name, min(peer.patients, len(found[name])), SEED + 1)
        for outcome, (mean, sd) in theirs.items():
            error = np.hypot(sd / np.sqrt(n), ours[outcome][1] / np.sqrt(len(found[name])))
            off = abs(mean - ours[outcome][0]) / error
            assert off < 4, f"{peer.name}, {name}: {outcome} is {mean:.5g}, the engine's {ours[outcome][0]:.5g}"
            worst = max(worst, float(off))
    return f"{worst:.1f} standard errors"


# --- what is timed ----------------------------------------------------------------------------------------------------


def engine(cohort: rr.Cohort, fewer: int) -> list[Timed]:
    """Every way to run the engine; with history on `fewer` patients."""
    found = []

    def add(what: str, cohort: rr.Cohort, cores: int = 1, **options) -> None:
        for name, strategy in STRATEGIES.items():

            def run(strategy=strategy) -> float:
                start = time.perf_counter()
                rr.simulate(cohort, strategy, years=YEARS, seed=SEED, **options)
                return time.perf_counter() - start

            sessions = int(rr.simulate(cohort, strategy, years=YEARS, seed=SEED).patients["sessions"].sum())
            found.append(Timed(what, name, run, sessions, cores))
            found[-1].measure()  # a warm-up
            found[-1].seconds.clear()

    add("engine", cohort)
    add("engine, sums only (`patients=False`)", cohort, patients=False)
    add("engine, with history", cohort[:fewer], history=True)
    add("engine, two threads (`workers=2`)", cohort, min(2, len(CORES)), workers=2)
    return found


def twin(cohort: rr.Cohort, patients: int = TWINS) -> list[Timed]:
    """The naive twin of the tests, with the engine's draws."""
    path = Path(__file__).parent.parent / "tests" / "simulation" / "twin.py"
    spec = importlib.util.spec_from_file_location("twin", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["twin"] = module
    spec.loader.exec_module(module)

    def follow(i: int) -> dict:
        every_12 = {"earliest": 12.0, "latest": 12.0}
        return module.follow(cohort.world, cohort.seed, i, lambda *_: every_12, years=YEARS, seed=SEED)[0]

    ours = rr.simulate(cohort[:patients], STRATEGIES["fixed"], years=YEARS, seed=SEED).patients
    rows = [follow(i) for i in range(patients)]
    for column in ("sessions", "weeks_in_benefit", "antigen_equivalents"):
        np.testing.assert_allclose([row[column] for row in rows], ours[column], rtol=1e-10, atol=1e-10)

    def run() -> float:
        start = time.perf_counter()
        for i in range(patients):
            follow(i)
        return time.perf_counter() - start

    return [Timed("naive twin of the tests", "fixed", run, int(ours["sessions"].sum()))]


def of_peer(peer: Peer, world: Path, strategy: str) -> Timed:
    """One peer and strategy."""
    sessions = peer.run(world, strategy, peer.patients, SEED)[1]
    return Timed(peer.name, strategy, lambda: peer.run(world, strategy, peer.patients, SEED)[2], sessions)


def first_calls(folder: Path) -> tuple[float, float]:
    """Seconds of a process's first `draw_cohort` and `simulate`, with an empty and with a filled cache of numba."""
    code = (
        "import time, retreat_research as rr; rr.simulate; start = time.perf_counter();"
        "rr.simulate(rr.draw_cohort(100, indication='glabellar'), rr.Stepped(), years=10, history=True);"
        "print(time.perf_counter() - start)"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "numba")}
    empty, filled = (
        float(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout)
        for _ in range(2)
    )
    return empty, filled


# --- the page ---------------------------------------------------------------------------------------------------------


def table(timed: list[Timed]) -> None:
    """Million patient-sessions a second: one row for each way to run, one column for each strategy."""
    print("\n| million patient-sessions a second: median (least to most) |", " | ".join(HEADINGS.values()), "|")
    print("|---" * (1 + len(HEADINGS)) + "|")
    cells = {(t.what, t.strategy): str(t) for t in timed}
    for what in dict.fromkeys(t.what for t in timed):
        print(f"| {what} |", " | ".join(cells.get((what, name), "") for name in HEADINGS), "|")


def ratios(timed: list[Timed]) -> None:
    """The engine against the fastest peer and the floor, two threads against one."""
    rate = {(t.what, t.strategy): t.rate for t in timed}
    programs = {t.what for t in timed if not t.what.startswith(("engine", "C"))}
    print("\n| ratio |", " | ".join(HEADINGS.values()), "|")
    print("|---" * (1 + len(HEADINGS)) + "|")

    def row(what: str, ratio: Callable[[str], float | None], suffix: str = "") -> None:
        found = [ratio(name) for name in HEADINGS]
        print(f"| {what} |", " | ".join("" if r is None else f"{r:.2f}{suffix}" for r in found), "|")

    def over(above: str, below: str) -> Callable[[str], float | None]:
        return lambda s: rate[above, s] / rate[below, s] if (above, s) in rate and (below, s) in rate else None

    def over_fastest(whole: bool) -> Callable[[str], float | None]:
        def ratio(s: str) -> float | None:
            all_of_them = [rate[p, s] for p in programs if (p, s) in rate and ("needed" in p) <= (not whole)]
            return rate["engine", s] / max(all_of_them) if all_of_them else None

        return ratio

    row("engine / fastest peer other than C", over_fastest(whole=True))
    row("the same, peers may leave out what is not needed", over_fastest(whole=False))
    row("engine / C", over("engine", "C"))
    row("engine, sums only / C", over("engine, sums only (`patients=False`)", "C"))
    row("engine / C, only what is needed", over("engine", "C, only what is needed"))
    row("two threads / one", over("engine, two threads (`workers=2`)", "engine"))


def main() -> None:
    """Check, measure, print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one or two minutes instead of some ten")
    parser.add_argument("--repeats", type=int, default=None, help="interleaved repeats (7; quick: 3)")
    parser.add_argument("--peers-python", default=os.environ.get("RETREAT_PEERS_PYTHON"), metavar="PATH")
    asked = parser.parse_args()
    patients, repeats = (16_384, 3) if asked.quick else (131_072, 7)
    os.sched_setaffinity(0, CORES[:1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found, notes = peers(folder, asked.peers_python, patients)
        for indication in reversed(WORLDS):
            world = rr.World.default(indication)
            file = write_world(world, YEARS, folder / f"{indication.replace(' ', '_')}.json")
            ours = of_engine(rr.draw_cohort(patients // 4, world=world, seed=SEED))
            for peer in found:
                agree = agree_exactly if peer.name.startswith("C") else agree_on_average
                print(
                    f"{indication}, {peer.name}: agrees within {agree(peer, file, ours)}", file=sys.stderr, flush=True
                )
        cohort = rr.draw_cohort(patients, world=world, seed=SEED)
        timed = engine(cohort, patients // 4) + twin(cohort)
        timed += [of_peer(peer, file, strategy) for peer in found for strategy in peer.strategies]
        for repeat in range(asked.repeats or repeats):
            for one in timed:
                one.measure()
            print(f"repeat {repeat + 1} done", file=sys.stderr, flush=True)
        print(
            f"{patients:,} patients (with history a quarter; loop and simpy {few_of(patients):,}; twin {TWINS}), "
            f"{YEARS} years, {WORLDS[0]}, {asked.repeats or repeats} interleaved repeats."
        )
        table(timed)
        ratios(timed)
        empty, filled = first_calls(folder)
        print(f"\nFirst call of a process: {empty:.1f} s with an empty cache, {filled:.2f} s with a filled one.")
        print("\n".join(["", *notes]))


if __name__ == "__main__":
    main()
