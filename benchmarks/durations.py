"""Seconds to fit durations: this package, R's survreg, npsurv and lme4, and lifelines, side by side on one core.

    python benchmarks/durations.py [aft] [shapes] [turnbull] [mixed] [bootstrap] [frailty]

Without names, all of them. Times are medians of 5 after a warm-up, formula included. R is timed inside R by
system.time, and left out if `Rscript` is not found; its data are the same, through a CSV file. lifelines is run once;
so is npsurv on jittered visits, and both on fewer rows where they would take minutes.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

import retreat_research as rr  # noqa: E402

RUNS, ROWS, FEW = 5, 100_000, 10_000
VERY_FEW = 1_000  # what lifelines' NPMLE does on jittered visits in reasonable time

R_AFT = """
suppressMessages(library(survival)); d <- read.csv("{csv}", stringsAsFactors = TRUE)
d$lower[d$lower == 0] <- NA; d$upper[is.infinite(d$upper)] <- NA
fit <- function() survreg(Surv(lower, upper, type = "interval2") ~ log(units) + product, d, dist = "{family}")
invisible(fit()); cat(median(replicate({runs}, system.time(fit())[["elapsed"]])), format(fit()$loglik[2], digits = 15))
"""
R_NPMLE = """
suppressMessages(library(npsurv)); d <- read.csv("{csv}")
fit <- function() npsurv(cbind(d$lower, d$upper))
t <- median(replicate({runs}, system.time(f <<- fit())[["elapsed"]])); cat(t, format(f$ll, digits = 15))
"""
R_LMER = """
suppressMessages(library(lme4)); d <- read.csv("{csv}", stringsAsFactors = TRUE)
fit <- function() lmer(log(lower) ~ log(units) + product + (1 | patient), d, REML = FALSE)
invisible(fit()); t <- median(replicate({runs}, system.time(f <<- fit())[["elapsed"]]))
cat(t, format(as.numeric(logLik(f)) - sum(log(d$lower)), digits = 15))
"""


def visits(ln_t: np.ndarray, rng: np.random.Generator, jitter: float) -> tuple[np.ndarray, np.ndarray]:
    """Visits every 4 weeks, moved by up to `jitter` weeks each; a fifth leaves at a random visit."""
    gaps = 4 + rng.uniform(-jitter, jitter, (ln_t.size, 15)) if jitter else np.full((ln_t.size, 15), 4.0)
    week = np.column_stack([np.zeros(ln_t.size), np.cumsum(gaps, axis=1), np.full(ln_t.size, np.inf)])
    after = (week < np.exp(ln_t)[:, None]).sum(axis=1)
    last = np.where(rng.random(ln_t.size) < 0.2, rng.integers(1, 16, ln_t.size), 15)
    row = np.arange(ln_t.size)
    return week[row, np.minimum(after - 1, last)], np.where(after <= last, week[row, after], np.inf)


def cycles(n: int, family: str, jitter: float) -> rr.Cycles:
    """n interval-censored cycles with two covariates."""
    rng = np.random.default_rng(20240229)
    data = pd.DataFrame({"units": rng.choice([50.0, 100.0], n), "product": rng.choice(["a", "b"], n)})
    z = rng.normal(size=n) if family == "lognormal" else np.log(rng.exponential(size=n))
    ln_t = 2.3 + 0.1 * np.log(data["units"] / 50) + 0.15 * (data["product"] == "b") + 0.35 * z
    lower, upper = visits(ln_t.to_numpy(), rng, jitter)
    return rr.Cycles(lower, upper, patient=np.arange(n) // 10, data=data)


def repeated(patients: int, each: int, jitter: float | None) -> rr.Cycles:
    """Cycles of patients who differ (SD 0.26) more than their own cycles do (0.23); exact if `jitter` is None."""
    rng = np.random.default_rng(20240229)
    n, who = patients * each, np.repeat(np.arange(patients), each)
    data = pd.DataFrame({"units": rng.choice([50.0, 100.0], n), "product": rng.choice(["a", "b"], n)})
    ln_t = 2.3 + 0.1 * np.log(data["units"] / 50) + 0.15 * (data["product"] == "b")
    ln_t = ln_t.to_numpy() + 0.26 * rng.normal(size=patients)[who] + 0.23 * rng.normal(size=n)
    lower, upper = (np.exp(ln_t), np.exp(ln_t)) if jitter is None else visits(ln_t, rng, jitter)
    return rr.Cycles(lower, upper, patient=who, data=data)


def seconds(run: Callable[[], object], runs: int = RUNS) -> float:
    """Median wall time of `runs` runs after a warm-up."""
    walls = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        run()
        walls.append(time.perf_counter() - start)
    return statistics.median(walls[1:])


def once(run: Callable[[], object]) -> float:
    """Wall time of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def in_r(script: str, data: rr.Cycles, runs: int = RUNS, **fields: str) -> tuple[float, float]:
    """Seconds and log-likelihood from R; NaN without R."""
    if shutil.which("Rscript") is None:
        return np.nan, np.nan
    with tempfile.TemporaryDirectory() as folder:
        csv, file = Path(folder) / "data.csv", Path(folder) / "run.R"
        data.frame[["patient", "lower", "upper", "units", "product"]].to_csv(csv, index=False, na_rep="NA")
        csv.write_text(csv.read_text().replace("inf", "Inf"))
        file.write_text(script.format(csv=csv, runs=runs, **fields))
        out = subprocess.run(["Rscript", str(file)], capture_output=True, text=True, check=True).stdout.split()
    return float(out[0]), float(out[1])


def aft_rows() -> list[list[object]]:
    """AFT against survreg and lifelines."""
    from lifelines import LogNormalAFTFitter, WeibullAFTFitter

    rows: list[list[object]] = []
    for family, fitter in (("lognormal", LogNormalAFTFitter), ("weibull", WeibullAFTFitter)):
        data, model = cycles(ROWS, family, 1.0), rr.AFT("log(units) + product", family=family)
        ours, (theirs, llf) = seconds(lambda d=data, m=model: m.fit(d)), in_r(R_AFT, data, family=family)
        if np.isfinite(llf):
            assert abs(model.fit(data).llf / llf - 1) < 1e-8
        rows.append([f"AFT {family}", f"{ROWS:,}", ours, "R survreg", theirs, theirs / ours])

        table = data.frame[["lower", "upper"]].assign(
            log_units=np.log(data.frame["units"]), b=(data.frame["product"] == "b") * 1.0
        )
        table["lower"] = table["lower"].clip(lower=1e-6)  # lifelines' log-normal fails on a lower bound of 0
        theirs = once(lambda f=fitter, t=table: f().fit_interval_censoring(t, "lower", "upper"))
        rows.append([f"AFT {family}", f"{ROWS:,}", ours, "lifelines", theirs, theirs / ours])
    return rows


def shape_rows() -> list[list[object]]:
    """The families with a shape, and the flexible AFT."""
    data = cycles(ROWS, "lognormal", 1.0)
    return [
        [f"AFT {family}", f"{ROWS:,}", seconds(lambda m=model: m.fit(data)), *NONE]
        for family in ("gamma", "gengamma", "flexible")
        for model in [rr.AFT("log(units) + product", family=family)]
    ]


def turnbull_rows() -> list[list[object]]:
    """Turnbull's estimate against npsurv, and against lifelines on few rows."""
    from lifelines.fitters.npmle import npmle

    rows: list[list[object]] = []
    for kind, jitter in (("jittered visits", 1.0), ("visit grid", 0.0)):
        data = cycles(ROWS, "lognormal", jitter)
        fit, ours = rr.Turnbull().fit(data), seconds(lambda d=data: rr.Turnbull().fit(d))
        label = f"Turnbull, {kind} (KKT gap {fit.kkt_gap / ROWS:.0e} of n)"
        if jitter == 0:
            theirs, llf = in_r(R_NPMLE, data)
            rows.append([label, f"{ROWS:,}", ours, "R npsurv", theirs, theirs / ours])
        else:
            rows.append([label, f"{ROWS:,}", ours, "R npsurv", np.nan, np.nan])
            few = cycles(FEW, "lognormal", jitter)
            ours, (theirs, llf) = seconds(lambda d=few: rr.Turnbull().fit(d)), in_r(R_NPMLE, few, runs=1)
            rows.append([f"Turnbull, {kind}", f"{FEW:,}", ours, "R npsurv", theirs, theirs / ours])
            if np.isfinite(llf):
                assert rr.Turnbull().fit(few).llf >= llf - 1e-6 * FEW
        n = VERY_FEW if jitter else FEW
        few = cycles(n, "lognormal", jitter)
        ours = seconds(lambda d=few: rr.Turnbull().fit(d))
        theirs = once(lambda d=few: npmle(d.lower, d.upper))
        rows.append([f"Turnbull, {kind}", f"{n:,}", ours, "lifelines NPMLE", theirs, theirs / ours])
    return rows


def mixed_rows() -> list[list[object]]:
    """MixedAFT, with its nodes doubled as a check and without, and against lme4 where nothing is censored."""
    from retreat_research.durations.mixed import model as module

    climb = module.climb
    model = rr.MixedAFT("log(units) + product")
    exact = repeated(1_000, 10, None)
    ours, (theirs, llf) = seconds(lambda: model.fit(exact)), in_r(R_LMER, exact)
    if np.isfinite(llf):
        assert abs(model.fit(exact).llf / llf - 1) < 1e-8
    rows: list[list[object]] = []
    rows.append(["MixedAFT, 1,000 × 10 exact durations", "10,000", ours, "R lme4", theirs, theirs / ours])
    for patients in (1_000, 10_000):
        data = repeated(patients, 10, 1.0)
        fit = model.fit(data)
        for doubling in (False, True):
            module.climb = lambda *a, d=doubling: climb(*a, doubling=d)
            took = seconds(lambda d=data: model.fit(d))
            what = f"doubled to {2 * fit.nodes} as a check" if doubling else "without doubling"
            rows.append([f"MixedAFT, {patients:,} × 10, {fit.nodes} nodes, {what}", f"{10 * patients:,}", took, *NONE])
    module.climb = climb
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    rows[-1][0] = f"{rows[-1][0]}; peak memory of the process {used:.2f} GB"
    slope = rr.MixedAFT("log(units) + product", slope="units")
    data = repeated(300, 10, 1.0)
    rows.append(["MixedAFT with a random slope, 300 × 10, 15² nodes", "3,000", seconds(lambda: slope.fit(data)), *NONE])
    return rows


def frailty_rows() -> list[list[object]]:
    """GammaFrailty."""
    data = repeated(1_000, 10, 1.0)
    return [
        [f"GammaFrailty, {baseline}, 1,000 × 10", "10,000", seconds(lambda m=model: m.fit(data)), *NONE]
        for baseline in ("weibull", "spline")
        for model in [rr.GammaFrailty("log(units) + product", baseline=baseline)]
    ]


def bootstrap_rows() -> list[list[object]]:
    """Turnbull's estimate on resampled patients."""
    rows: list[list[object]] = []
    for kind, jitter in (("visit grid", 0.0), ("jittered visits", 1.0)):
        fit = rr.Turnbull().fit(repeated(1_000, 10, jitter))
        took = once(lambda f=fit: f.bootstrap(resamples=1000, seed=1))
        rows.append([f"patient bootstrap of Turnbull, {kind}, 1,000 × 10, 1,000 resamples", "10,000", took, *NONE])
    return rows


NONE = ("none", np.nan, np.nan)
PARTS = {
    "aft": aft_rows,
    "shapes": shape_rows,
    "turnbull": turnbull_rows,
    "mixed": mixed_rows,
    "bootstrap": bootstrap_rows,
    "frailty": frailty_rows,
}


def main(names: list[str]) -> None:
    """Print a Markdown table."""
    print("| what | rows | seconds | peer | its seconds | ratio |\n|---|---|---|---|---|---|")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in names or PARTS:
            for what, n, ours, peer, theirs, ratio in PARTS[part]():
                peers = f"{peer} | {theirs:.3f} | {ratio:,.1f}" if np.isfinite(theirs) else f"{peer} | | "
                print(f"| {what} | {n} | {ours:.4f} | {peers} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
