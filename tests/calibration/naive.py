"""The published percentages once more, by simulating patients: nothing of the package's equations is used."""

import numpy as np
import pandas as pd


def ratings(rng, n, weeks, dose, p):
    """Rated above the level or not, (n, weeks): one patient after one session, seen in several weeks.

    `p` holds median (weeks), study, total_sd, curve_hill, dose_half, amplitude_half, threshold, onset_weeks, onset_sd,
    non_response, level and rater_sd.
    """
    benefit = effect(rng, n, weeks, dose, p)
    able = rng.random(n) >= p["non_response"]
    noise = p["rater_sd"] * rng.standard_normal((n, len(weeks)))
    return benefit * able[:, None] + noise > p["level"]


def effect(rng, n, weeks, dose, p):
    """The effect itself of patients who respond, (n, weeks)."""
    if dose == 0:
        return np.zeros((n, len(weeks)))
    weeks = np.asarray(weeks, dtype=float)
    longer = dose * (1 + p["dose_half"]) / (dose + p["dose_half"])
    lasting = p["median"] * longer * np.exp(p["study"] + p["total_sd"] * rng.standard_normal(n))
    half = lasting * (p["threshold"] / (1 - p["threshold"])) ** (1 / p["curve_hill"])
    onset = p["onset_weeks"] * np.exp(p["onset_sd"] * rng.standard_normal(n))
    peak = (1 + p["amplitude_half"]) * dose / (dose + p["amplitude_half"])
    return peak * (1 - np.exp(-weeks / onset[:, None])) / (1 + (weeks / half[:, None]) ** p["curve_hill"])


def onset_weeks(rng, n, dose, p):
    """The week in which each patient notices a change, true or false; inf if never (n,)."""
    false = rng.exponential(1 / p["false_onset"], n) if p["false_onset"] > 0 else np.full(n, np.inf)
    if dose == 0:
        return false
    constant = p["onset_weeks"] * np.exp(p["onset_sd"] * rng.standard_normal(n))
    peak = (1 + p["amplitude_half"]) * dose / (dose + p["amplitude_half"])
    reached = constant * -np.log(1 - p["threshold"] / peak)
    return np.minimum(false, np.where(rng.random(n) < p["non_response"], np.inf, reached))


TRUTH = {
    "median": 15.0, "study": 0.0, "total_sd": 0.3, "curve_hill": 3.0, "dose_half": 0.25, "amplitude_half": 0.05,
    "threshold": 0.2, "onset_weeks": 0.6, "onset_sd": 0.4, "non_response": 0.06, "level": 0.2, "rater_sd": 0.14,
    "false_onset": 0.4,
}  # fmt: skip
ARMS = {"placebo": 0.0, "ona 20U": 1.0, "ona 60U": 3.0}
WEEKS = (4, 10, 14, 18, 24)
DAYS = (1, 2, 3, 4)


def table(rng, n, p, study="Trial"):
    """A table of curves of one simulated trial of three arms, n patients each."""
    rows = []
    for arm, dose in ARMS.items():
        seen = ratings(rng, n, WEEKS, dose, p).mean(axis=0)
        rows += [(study, arm, week, "pct >=1-grade", 100 * share, n) for week, share in zip(WEEKS, seen, strict=True)]
        first = onset_weeks(rng, n, dose, p)
        for day in DAYS if dose else DAYS[:1]:
            rows.append((study, arm, day / 7, "pct subject-reported onset", 100 * (first <= day / 7).mean(), n))
    return pd.DataFrame(rows, columns=["study", "arm", "week", "quantity", "value", "n"])
