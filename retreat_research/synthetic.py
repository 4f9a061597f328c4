"""A small clinic with known truth: cohorts treated in the simulator and recorded as a clinic would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .cohort import Cohort, draw_cohort
from .errors import must
from .records import SCALES
from .records.tables import schemas
from .response import duration_factor, effect_of, onset_share_of, shortening_of
from .simulation import simulate, whole
from .strategies import Fixed, OnWaning, Stepped, Strategy
from .streams import Purpose, checked_seed, normals, uniforms
from .world import World

Floats = NDArray[np.float64]

SEED = 20261123
YEARS = 5
FIRST_DAY = pd.Timestamp("2020-01-06")
ENROLMENT_DAYS = 2 * 365
LAST_DAY = FIRST_DAY + pd.DateOffset(years=YEARS)
DAYS = 7

#: What each injector does; patients are assigned at random, so that strategies are not confounded with patients.
INJECTORS: dict[str, Strategy] = {
    "injector 1": Fixed(12),
    "injector 2": Stepped(early=True),
    "injector 3": OnWaning(floor=12, ceiling=40),
}


@dataclass(frozen=True)
class Group:
    """Patients of one indication treated with one product at one dose."""

    indication: str
    product: str
    units: float
    patients: int


GROUPS = (
    Group("glabellar lines", "onabotulinumtoxinA", 20, 80),
    Group("glabellar lines", "onabotulinumtoxinA", 40, 30),
    Group("glabellar lines", "abobotulinumtoxinA", 50, 50),
    Group("glabellar lines", "daxibotulinumtoxinA", 40, 20),
    Group("cervical dystonia", "onabotulinumtoxinA", 150, 25),
    Group("cervical dystonia", "onabotulinumtoxinA", 236, 45),
    Group("cervical dystonia", "abobotulinumtoxinA", 500, 30),
    Group("cervical dystonia", "rimabotulinumtoxinB", 5000, 20),
)


@dataclass(frozen=True)
class Rating:
    """How a scale reads the effect: severity = baseline − benefit · effect + error, rounded and kept in range."""

    scale: str
    raters: tuple[str, ...]
    baseline: float  # points, mean over patients
    baseline_sd: float  # points
    lowest: float  # points, no patient starts below
    benefit: float  # points of the full effect of the label dose


RATINGS = {
    "glabellar lines": Rating("FWS", ("investigator", "subject"), 2.9, 0.1, 2.6, 2.0),
    "cervical dystonia": Rating("TWSTRS", ("investigator",), 46.0, 8.0, 28.0, 20.0),
}
CHECK_DAYS = 21
VISIT_DAYS = 28
JITTER_DAYS = 4
MISSED = 0.15


def synthetic_clinic(seed: int = SEED) -> dict[str, pd.DataFrame]:
    """Records of about 300 synthetic patients over five years, and the truth behind them.

    Parameters
    ----------
    seed : int in [0, 2**64)

    Returns
    -------
    dict of str to pandas.DataFrame
        ``sessions``, ``assessments``, ``antibodies`` as `read_records` reads them, and ``truth``: one row per patient
        with her traits and her own median duration (weeks) at her dose.
    """
    parts = [_group(group, number, checked_seed(seed)) for number, group in enumerate(GROUPS)]
    tables = {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}
    keys = {"sessions": ["patient", "date"], "assessments": ["patient", "date", "scale", "rater"]}
    return {
        name: table.sort_values(keys.get(name, ["patient"]), kind="stable", ignore_index=True)
        for name, table in tables.items()
    }


def _group(group: Group, number: int, seed: int) -> dict[str, pd.DataFrame]:
    world = World.default(group.indication, group.product)
    factor = duration_factor(group.units / world.label_units, world.response.dose_half)
    medians = {name: weeks * factor for name, weeks in world.response.median_weeks.items()}
    world = world.replace(label_units=group.units, median_weeks=medians)
    first = sum(g.patients for g in GROUPS[:number])
    cohort = draw_cohort(first + group.patients, world=world, seed=seed)[first:]
    enrolled, injector, _, _ = uniforms(seed, Purpose.CLINIC, cohort.patient)
    chosen = (injector * len(INJECTORS)).astype(int)
    start = FIRST_DAY + pd.to_timedelta((enrolled * ENROLMENT_DAYS).astype(int), unit="D")

    who = pd.DataFrame(
        {
            "patient": cohort.patient,
            "name": [f"S{1 + i:03d}" for i in cohort.patient],
            "start": start,
            "injector": np.array(list(INJECTORS))[chosen],
        }
    ).set_index("patient")
    history = pd.concat(
        [
            whole(simulate(cohort[chosen == k], strategy, years=YEARS, seed=seed, history=True)).sessions
            for k, strategy in enumerate(INJECTORS.values())
            if (chosen == k).any()
        ],
        ignore_index=True,
    )
    history["day"] = np.rint(history["week"] * DAYS).astype(int)
    history["date"] = history["patient"].map(who["start"]) + pd.to_timedelta(history["day"], unit="D")
    history = history[history["date"] <= LAST_DAY].reset_index(drop=True)
    return {
        "sessions": _sessions(history, group, who),
        "assessments": _assessments(history, cohort, group, who, seed),
        "antibodies": _antibodies(history, world, who, seed),
        "truth": _truth(cohort, group, who),
    }


def _sessions(history: pd.DataFrame, group: Group, who: pd.DataFrame) -> pd.DataFrame:
    date = history["date"]
    days = np.ceil(history["waned_weeks"] * DAYS)
    waned = (date + pd.to_timedelta(days.fillna(0).astype(int), unit="D")).where(days.notna())
    following = date.groupby(history["patient"]).shift(-1)
    told = waned.notna() & following.notna() & (waned <= following)
    sites = 5 if group.indication == "glabellar lines" else 8
    return pd.DataFrame(
        {
            "patient": history["patient"].map(who["name"]),
            "date": date.dt.strftime("%Y-%m-%d"),
            "product": history["product"],
            "lot": [f"{group.product[:4].upper()}-{d.year % 100}{d.quarter}" for d in date],
            "units": [f"{u:g}" for u in history["units"]],
            "sites": sites,
            "indication": group.indication,
            "injector": history["patient"].map(who["injector"]),
            "waned_date": waned.where(told).dt.strftime("%Y-%m-%d"),
        }
    )


def _assessments(history: pd.DataFrame, cohort: Cohort, group: Group, who: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Every rater at every visit: before the first session, after 3, 8, 12, … weeks, and on the next session's day."""
    rating, scale = RATINGS[group.indication], SCALES[RATINGS[group.indication].scale]
    severity, *_ = uniforms(seed, Purpose.NON_RESPONSE_TRAIT, cohort.patient, 1)
    baseline = np.maximum(rating.baseline + rating.baseline_sd * normals(severity), rating.lowest)
    response = cohort.world.response
    rows = []
    for patient, own in history.groupby("patient", sort=True):
        trait = int(np.flatnonzero(cohort.patient == patient)[0])
        last = int(min((LAST_DAY - who["start"][patient]).days, cohort.dropout_week[trait] * DAYS))
        days = np.array(list(_visit_days(own["day"].to_numpy(), last, int(patient), seed)))
        peaks = own["peak_effect"].to_numpy()
        with np.errstate(divide="ignore"):
            reach = shortening_of(peaks, response.threshold, response.curve_hill)
            log_own = np.log(own["duration_weeks"].to_numpy() / np.maximum(reach, 1e-300))
        true = np.zeros(days.size)
        for day, peak, curve in zip(own["day"], peaks, log_own, strict=True):
            after = days > day
            weeks = (days[after] - day) / DAYS
            risen = onset_share_of(weeks, cohort.onset[trait])
            value = effect_of(np.log(weeks), peak, curve, risen, response.threshold, response.curve_hill)
            true[after] = np.maximum(true[after], value)
        for r, rater in enumerate(rating.raters):
            luck = uniforms(seed, Purpose.VISIT, np.array([patient]), days)[2 + r]
            noise = cohort.world.observation.rater_sd * normals(luck)
            value = np.clip(np.rint(baseline[trait] - rating.benefit * (true + noise)), scale.minimum, scale.maximum)
            dates = who["start"][patient] + pd.to_timedelta(days, unit="D")
            rows.append(
                pd.DataFrame(
                    {
                        "patient": who["name"][patient],
                        "date": dates.strftime("%Y-%m-%d"),
                        "scale": rating.scale,
                        "rater": rater,
                        "value": value.astype(int),
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def _visit_days(sessions: NDArray[np.int64], last: int, patient: int, seed: int) -> Iterator[int]:
    """Days of assessment since enrolment, each session's day included: it is rated before the injection."""
    for session, following in zip(sessions, [*sessions[1:], last + 1], strict=True):
        yield int(session)
        planned = np.array([session + CHECK_DAYS, *range(session + 2 * VISIT_DAYS, following, VISIT_DAYS)])
        jitter, missed, _, _ = uniforms(seed, Purpose.VISIT, np.array([patient]), planned)
        days = planned + np.rint((2 * jitter - 1) * JITTER_DAYS).astype(int)
        yield from (int(d) for d in days[(missed >= MISSED) & (days < following)])


def _antibodies(history: pd.DataFrame, world: World, who: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A test before every n-th session, none where the model knows no antigen load."""
    observation = world.observation
    asked = history["antigen_ng"].notna() & (history["session"] > 0)
    asked &= history["session"] % observation.test_every == 0
    tests = history[asked]
    noise, false, _, _ = uniforms(seed, Purpose.ASSAY, tests["patient"].to_numpy(), tests["session"].to_numpy())
    noise = normals(noise)
    reading = tests["titre_before"].to_numpy() * np.exp(observation.assay_sd * noise)
    measured = reading >= observation.detection_titre
    return pd.DataFrame(
        {
            "patient": tests["patient"].map(who["name"]),
            "date": tests["date"].dt.strftime("%Y-%m-%d"),
            "assay": "hemidiaphragm",
            "titre": [f"{x:.2f}" if m else "" for x, m in zip(reading, measured, strict=True)],
            "positive": (measured | (false >= observation.specificity)).astype(int),
        }
    )


def _truth(cohort: Cohort, group: Group, who: pd.DataFrame) -> pd.DataFrame:
    median = np.exp(cohort.world.response.log_median(group.product) + cohort.log_offset)
    numbers = {
        "median_weeks": median,
        "log_offset": cohort.log_offset,
        "frailty": cohort.frailty,
        "recall_gain": cohort.recall_gain,
        "onset_weeks": cohort.onset,
        "delay_weeks": cohort.delay,
        "non_response": cohort.non_response,
        "preference": cohort.preference,
    }
    return pd.DataFrame(
        {
            "patient": who["name"].to_numpy(),
            "indication": group.indication,
            "product": group.product,
            "units": [f"{group.units:g}"] * len(cohort),
            "susceptible": cohort.susceptible.astype(int),
            **{name: [f"{x:.6g}" for x in values] for name, values in numbers.items()},
        }
    )


_TRUTH_COLUMNS = {
    "patient": "as in the other tables",
    "indication": "what is treated",
    "product": "product",
    "units": "dose, in the product's own units",
    "susceptible": "1: can form antibodies",
    "median_weeks": "the patient's own median duration at her dose, weeks, at 20% of the full effect",
    "log_offset": "her offset of ln duration from the median over patients, ln weeks",
    "frailty": "her hazard of a first immune response, relative to the mean over patients",
    "recall_gain": "her gain of an immune response, relative to the median over patients",
    "onset_weeks": "time constant of onset, weeks",
    "delay_weeks": "from loss of effect to noticing it, weeks",
    "non_response": "probability that a cycle gives no response",
    "preference": "0 smooth effect, 1 long-term responsiveness",
}
_KINDS = {"number": "number", "date": "date", "text": "string"}
_TITLE = "A synthetic clinic: repeated botulinum-toxin treatment with known truth"


def write_clinic(path: str | Path, seed: int = SEED) -> Path:
    """Write the clinic, a ``datapackage.json`` (Frictionless) that describes every column, and a ``README.md``.

    Parameters
    ----------
    path : str or Path
        A folder; made if need be. Files of the same names are replaced.
    seed : int in [0, 2**64)

    Returns
    -------
    Path
        The folder.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        must(False, f"cannot write to {folder}: {error.strerror}")
    tables = synthetic_clinic(seed)
    for name, table in tables.items():
        (folder / f"{name}.csv").write_text(table.to_csv(index=False, lineterminator="\n"), encoding="utf-8")
    package = json.dumps(_datapackage(tables), indent=2, ensure_ascii=False) + "\n"
    (folder / "datapackage.json").write_text(package, encoding="utf-8")
    (folder / "README.md").write_text(_readme(tables, seed), encoding="utf-8")
    return folder


def _described_columns(name: str, table: pd.DataFrame) -> list[dict[str, str]]:
    if name == "truth":
        numeric = set(table.columns) - {"patient", "indication", "product"}
        return [
            {"name": c, "type": "number" if c in numeric else "string", "description": text}
            for c, text in _TRUTH_COLUMNS.items()
        ]
    columns = schemas()[name].columns
    return [
        {"name": c, "type": _KINDS[columns[c].metadata["kind"]], "description": columns[c].description} for c in table
    ]


def _datapackage(tables: dict[str, pd.DataFrame]) -> dict[str, object]:
    return {
        "name": "synthetic-clinic",
        "title": _TITLE,
        "licenses": [{"name": "MIT"}],
        "resources": [
            {
                "name": name,
                "path": f"{name}.csv",
                "format": "csv",
                "encoding": "utf-8",
                "schema": {"fields": _described_columns(name, table), "missingValues": [""]},
            }
            for name, table in tables.items()
        ],
    }


def _readme(tables: dict[str, pd.DataFrame], seed: int) -> str:
    groups = "\n".join(f"| {g.indication} | {g.product} | {g.units:g} | {g.patients} |" for g in GROUPS)
    columns = "\n".join(
        f"\n## `{name}.csv` ({len(table)} rows)\n\n"
        + "\n".join(f"- `{c['name']}`: {c['description']}" for c in _described_columns(name, table))
        for name, table in tables.items()
    )
    injectors = "\n".join(f"- {name}: `{strategy}`" for name, strategy in INJECTORS.items())
    return f"""# {_TITLE}

Nobody in these files exists. They were written by

    retreat-research synthetic --seed {seed} --out data/synthetic

from the simulator of this project: {sum(g.patients for g in GROUPS)} patients, enrolled over the first two of {YEARS}
years, treated by three injectors who follow different strategies,

{injectors}

rated before every injection and 3, 8, 12, … weeks after it (up to {JITTER_DAYS} days off, {MISSED:.0%} missed)
on the Facial Wrinkle Scale by investigator and subject, or on TWSTRS. `truth.csv` is what no clinic knows.

| indication | product | units | patients |
|---|---|---|---|
{groups}

Estimates from these ratings need not equal `median_weeks`: one noisy baseline rating serves all cycles, a rating error
at any visit can end an effect on paper, grades are not shares of an effect, and injectors 2 and 3 treat when waning is
noticed, so that what ends a cycle has to do with its effect. Without rating error and early return they agree
(`tests/test_synthetic.py`).

Do not estimate durations of real products from these records: the simulator's assumptions went in, and come out again.
{columns}
"""
