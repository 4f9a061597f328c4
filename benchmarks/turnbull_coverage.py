"""Coverage of the 95% intervals of Turnbull's estimate that come from resampling patients.

    python benchmarks/turnbull_coverage.py [--replicates 500] [--resamples 200]

Aims: how often the pointwise intervals for S(t) and the median cover the truth, all patients resampled or only m of n.
Data: 200 patients with 3 cycles each, ln T = ln 13 + b + e, b and e normal with SD 0.26 and 0.23; visits every 4 weeks,
on the grid or each gap moved by up to 1 week; a fifth of the cycles is left at a random visit.
Estimands: S(8), S(12), S(16), the median. On the grid the median is known up to the interval between two visits.
Methods: `TurnbullResult.bootstrap` with m = 200 and 50, at rate 1/3 on jittered visits and 1/2 on the grid.
Measures: coverage, with its Monte Carlo standard error, and the mean width. Seed r for replicate r.
"""

from __future__ import annotations

import argparse
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from durations import visits  # noqa: E402
from scipy.special import ndtr  # noqa: E402
from tqdm.auto import tqdm  # noqa: E402

import retreat_research as rr  # noqa: E402

PATIENTS, CYCLES = 200, 3
MEDIAN, BETWEEN, WITHIN = 13.0, 0.26, 0.23
WEEKS = np.array([8.0, 12.0, 16.0])
DESIGNS = {"visit grid": (0.0, 1 / 2), "jittered visits": (1.0, 1 / 3)}  # weeks of jitter, rate
SIZES = (200, 50)


def draw(seed: int, jitter: float) -> rr.Cycles:
    """One set of data."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(PATIENTS), CYCLES)
    own = rng.normal(0, BETWEEN, PATIENTS)[patient]
    ln_t = np.log(MEDIAN) + own + rng.normal(0, WITHIN, patient.size)
    return rr.Cycles(*visits(ln_t, rng, jitter), patient=patient)


def intervals(seed: int, jitter: float, rate: float, m: int, resamples: int) -> pd.DataFrame:
    """Lower and upper limits of every estimand in one set of data, with the truth."""
    fit = rr.Turnbull().fit(draw(seed, jitter))
    found = fit.bootstrap(resamples, seed=seed, m=m, rate=rate)
    limits = pd.concat([found.survival(WEEKS), found.quantile(0.5)])[["lower", "upper"]]
    truth = [*ndtr(np.log(MEDIAN / WEEKS) / np.hypot(BETWEEN, WITHIN)), MEDIAN]
    return limits.assign(estimand=[*(f"S({week:g})" for week in WEEKS), "median"], truth=truth)


def coverage(limits: pd.DataFrame) -> pd.DataFrame:
    """Coverage, its Monte Carlo standard error and the mean width, by estimand."""
    covered = (limits["lower"] <= limits["truth"]) & (limits["truth"] <= limits["upper"])
    share = covered.groupby(limits["estimand"]).mean()
    error = np.sqrt(share * (1 - share) / (len(limits) / share.size))
    width = (limits["upper"] - limits["lower"]).groupby(limits["estimand"]).mean()
    return pd.DataFrame({"coverage": share, "mcse": error, "width": width}).reset_index()


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=500)
    parser.add_argument("--resamples", type=int, default=200)
    arguments = parser.parse_args()
    print("| visits | m | estimand | coverage | MC SE | mean width |\n|---|---|---|---|---|---|")
    for design, (jitter, rate) in DESIGNS.items():
        for m in SIZES:
            replicates = tqdm(range(arguments.replicates), desc=f"{design}, m = {m}")
            limits = pd.concat([intervals(r, jitter, rate, m, arguments.resamples) for r in replicates])
            for row in coverage(limits).itertuples():
                shown = f"{row.coverage:.3f} | {row.mcse:.3f} | {row.width:.3f}"
                print(f"| {design} | {m} | {row.estimand} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
