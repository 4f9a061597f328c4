"""A hundred million patient-sessions to Parquet, read back and summarised: time, memory and disk.

    python benchmarks/scale.py FOLDER [--part 20] [--workers 2]

`--part 20` does a twentieth. The folder is made, and may be deleted afterwards. Peak memory is that of this process and
of the largest of its children, as the system counts it.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.dataset as ds

import retreat_research as rr

PATIENT_SESSIONS, YEARS = 100_000_000, 10
LIMIT_GB = 4.0


def peak_gb() -> float:
    """Largest resident set so far, of this process and of its largest child."""
    usage = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage) * 1024 / 1e9


def visits_by_year(folder: Path) -> list[int]:
    """Visits in each year of follow-up, one batch of the Parquet files after the other."""
    counts = [0] * YEARS
    for batch in ds.dataset(folder, format="parquet").to_batches(columns=["week"]):
        year = pc.floor(pc.divide(batch["week"], 365.25 / 7))
        for entry in pc.value_counts(year).to_pylist():
            counts[int(entry["values"])] += entry["counts"]
    return counts


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--part", type=float, default=1.0, help="do one n-th of it")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    strategy, world = rr.Stepped(), rr.World.default("glabellar")
    pilot = rr.simulate(rr.draw_cohort(5000, world=world), strategy, years=YEARS)
    per_patient = pilot.patients["sessions"].mean()
    cohort = rr.draw_cohort(round(1.01 * PATIENT_SESSIONS / given.part / per_patient), world=world)
    steps: list[tuple[str, float, float]] = []

    def timed(name, work):
        start = time.perf_counter()
        found = work()
        steps.append((name, time.perf_counter() - start, peak_gb()))
        return found

    def simulate():
        return rr.simulate(cohort, strategy, years=YEARS, history=True, store=given.folder, workers=given.workers)

    out = timed("simulate, write Parquet", simulate)
    summary = timed("summary of outcomes", out.summary)
    again = timed("the same call again: verify and sum up", simulate)
    assert again.moments == out.moments
    counts = timed("visits by year, streamed from Parquet", lambda: visits_by_year(out.stored["history"]))
    sessions = out.moments.total("sessions")
    size = sum(path.stat().st_size for path in given.folder.rglob("*.parquet")) / 1e9
    print(
        f"{len(cohort):,} patients, {sessions:,.0f} patient-sessions, {sum(counts):,} visits, {size:.1f} GB of Parquet"
    )
    print(f"{given.workers} threads\n")
    print("| step | seconds | million sessions/s | peak GB so far |\n|---|---|---|---|")
    for name, seconds, peak in steps:
        print(f"| {name} | {seconds:.1f} | {sessions / seconds / 1e6:.2f} | {peak:.2f} |")
    print(f"\n{summary.head(3).to_string(index=False)}")
    if peak_gb() > LIMIT_GB:
        raise SystemExit(f"more than {LIMIT_GB:g} GB")


if __name__ == "__main__":
    main()
