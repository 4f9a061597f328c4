"""Patient-sessions per second of the simulator, one core, against a plain Python loop of the same world.

    python benchmarks/throughput.py

The loop is the naive twin of tests/simulation; its outcomes are checked against the engine's before it is timed.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import retreat_research as rr  # noqa: E402

RUNS, PATIENTS, TWIN_PATIENTS, YEARS = 9, 65_536, 60, 10
STRATEGIES = {"fixed 12": rr.Fixed(12), "stepped +2": rr.Stepped(), "on waning": rr.OnWaning()}


def naive_twin():
    """The per-patient loop of the tests."""
    path = Path(__file__).parent.parent / "tests" / "simulation" / "test_simulate.py"
    spec = importlib.util.spec_from_file_location("twin", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.twin


def timed(run) -> tuple[float, float]:
    """Median and least wall seconds of `RUNS` runs after a warm-up."""
    run()
    walls = []
    for _ in range(RUNS):
        wall = time.perf_counter()
        run()
        walls.append(time.perf_counter() - wall)
    return statistics.median(walls), min(walls)


def main() -> None:
    """Print a Markdown table."""
    cohort = rr.draw_cohort(PATIENTS, indication="glabellar", seed=1)
    print("| what | patient-sessions | median s | least s | million/s, median | million/s, best |")
    print("|---|---|---|---|---|---|")
    rates = {}
    for history in (False, True):
        for name, strategy in STRATEGIES.items():
            part = cohort[: PATIENTS // 8] if history else cohort

            def run(part=part, strategy=strategy, history=history):
                return rr.simulate(part, strategy, years=YEARS, seed=1, history=history)

            sessions = run().patients["sessions"].sum()
            wall, least = timed(run)
            label = name + (", with history" if history else "")
            rates[label] = sessions / wall
            print(f"| {label} | {sessions:,.0f} | {wall:.3f} | {least:.3f} | {sessions / wall / 1e6:.2f} | "
                  f"{sessions / least / 1e6:.2f} |")  # fmt: skip
    twin, few = naive_twin(), cohort[:TWIN_PATIENTS]
    rows = [twin(few, i, (12, 12), YEARS, 1) for i in range(TWIN_PATIENTS)]
    sessions = sum(row["sessions"] for row in rows)
    ours = rr.simulate(few, rr.Fixed(12), years=YEARS, seed=1).patients
    assert abs(sum(r["weeks_in_benefit"] for r in rows) - ours["weeks_in_benefit"].sum()) < 1e-6
    wall, least = timed(lambda: [twin(few, i, (12, 12), YEARS, 1) for i in range(TWIN_PATIENTS)])
    print(f"| fixed 12, Python loop | {sessions:,.0f} | {wall:.3f} | {least:.3f} | {sessions / wall / 1e6:.5f} | "
          f"{sessions / least / 1e6:.5f} |")  # fmt: skip
    print(f"\nfixed 12, engine over Python loop: {rates['fixed 12'] / (sessions / wall):,.0f} times")


if __name__ == "__main__":
    main()
