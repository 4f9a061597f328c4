"""200 worlds × 10,000 patients × 8 strategies × 10 years, and what pairing saves.

    python benchmarks/comparison.py [--worlds 200] [--patients 10000] [--workers 2]

The eight strategies are those of `data/strategies/guideline.toml`. Each world is drawn from the priors; in each the
fixed interval of equal antigen is simulated for every strategy, with its Monte Carlo error. The variance-reduction
factor is the variance of a difference had the two arms been independent, over that of the paired difference.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import retreat_research as rr
from retreat_research.comparison.drawing import uncertain

PLAN = Path(__file__).resolve().parents[1] / "data" / "strategies" / "guideline.toml"
OUTCOMES = ["time_in_benefit", "weeks_waiting", "sessions", "antigen", "antibodies", "failure", "responsiveness"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    rules = rr.read_plan(PLAN).strategies
    cohort = rr.draw_cohort(given.patients, indication="glabellar", seed=1)
    ready = {name: rule.prepared(cohort.world) for name, rule in rules.items()}
    uncertain(ready, cohort[:200], 2)  # compiles
    start = time.perf_counter()
    uncertain(ready, cohort, given.worlds, workers=given.workers, progress=True)
    seconds = time.perf_counter() - start
    print(f"{given.worlds} worlds, {given.patients:,} patients, {len(ready)} strategies, 10 years")
    print(f"{given.workers} threads: {seconds:.0f} s, {seconds / given.worlds:.2f} s a world")
    result = rr.compare({**ready, "fixed 16": rr.Fixed(16)}, cohort, sweep=False)
    names = [name for name in result.strategies if name != "fixed 12"]
    print(f"\n| variance reduction against fixed 12 | {' | '.join(OUTCOMES)} |")
    print(f"|---|{'---|' * len(OUTCOMES)}")
    for name in names:
        factors = result.contrast(name, "fixed 12").loc[OUTCOMES, "variance_reduction"]
        print(f"| {name} | {' | '.join(f'{factor:.1f}' for factor in factors)} |")


if __name__ == "__main__":
    main()
