"""A comparison made by hand, with the columns of the real one: what a page and its figures are given."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

import retreat_research as rr
from retreat_research.comparison import OUTCOMES

LONG = "a <b>bold</b> name & one that goes on for much longer than any line of a page on a telephone"
STRATEGIES = {
    "fixed 12": rr.Fixed(12),
    "booked, +2": rr.Stepped(),
    "early": rr.Stepped(early=True),
    LONG: rr.OnWaning(12, 52),
    "seer": rr.Foresight(1.0),
}
WORLDS = ("short gaps, SD 0.10", "none, SD 0.23", "rest, SD 0.35")
SMALL = rr.draw_cohort(60, indication="glabellar", seed=1)


def gain(value, error=0.001, stepping=np.nan, stepping_error=0.001, request=None, request_error=0.001, weeks=14.0):
    """One row of `matched`."""
    return {
        "matched_weeks": weeks if np.isfinite(value) else np.nan,
        "time_in_benefit": 0.8 if np.isfinite(value) else np.nan,
        "gain": value,
        "mcse": error if np.isfinite(value) else np.nan,
        "stepping": stepping,
        "stepping_mcse": stepping_error,
        "request": value - stepping if request is None else request,
        "request_mcse": request_error,
    }


GAINS = {
    "fixed 12": gain(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "booked, +2": gain(0.006, stepping=0.006, request=0.0, request_error=0.0),
    "early": gain(0.051, stepping=0.001, request=0.05),
    LONG: gain(-0.004, stepping=0.0, stepping_error=0.0),
    "seer": gain(np.nan),
}


@dataclass
class Made:
    gains: dict[str, dict[str, float]]
    strategies: dict[str, Any]
    equal: str
    sweep: Any
    uncertainty: Any
    cohort: Any = SMALL
    years: float = 2
    seed: int = 1
    notes: tuple[str, ...] = ("A note that came with the comparison.",)
    costs: Any = None

    def matched(self):
        rows = [
            {"strategy": name, "equal": equal, **row}
            for name, row in self.gains.items()
            for equal in (self.equal, "mean interval")
        ]
        return pd.DataFrame(rows).set_index(["strategy", "equal"])

    def _arm(self, benefit, sessions):
        values = {"time_in_benefit": benefit, "sessions": sessions, "antigen": sessions * 0.2}
        if self.equal != "antigen":
            values |= dict.fromkeys(("antigen", "antibodies", "immune_failure"), np.nan)
        row = {}
        for outcome in OUTCOMES:
            row[outcome.name], row[f"{outcome.name}_mcse"] = values.get(outcome.name, 0.1), 0.002
        return row

    def table(self):
        rows = {name: self._arm(0.8 + np.nan_to_num(row["gain"]), 3.7) for name, row in self.gains.items()}
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("strategy")
        return table.assign(oracle=[self.strategies[name].oracle for name in table.index])

    def frontier(self):
        rows = {weeks: self._arm(1 - 0.015 * weeks, 52.18 / weeks) for weeks in range(8, 27, 6)}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("weeks")

    def equal_benefit(self):
        table = pd.DataFrame(index=pd.Index(list(self.gains), name="strategy"))
        table["matched_weeks"] = [13.0, 13.0, 13.0, np.nan, 13.0][: len(table)]
        for name, value in (("antigen", -0.2), ("sessions", -0.5), ("antibodies", 0.02), ("failure", 0.001)):
            table[name], table[f"{name}_mcse"] = value, 0.001
        return table

    def subgroups(self):
        rows = [
            {"trait": trait, "kind": kind, "group": group, "patients": 20, "few": few, "strategy": name,
             "time_in_benefit": 0.8, "gain": row["gain"] + step, "mcse": 0.001, "antigen": 0.7, "antibodies": 0.1}
            for name, row in self.gains.items()
            for trait, kind, group, step, few in (
                ("all", "all", "all", 0.0, False),
                ("typical duration", "true", "short", 0.01, False),
                ("typical duration", "true", "long", -0.01, False),
                ("typical duration", "true", "odd", 0.5, True),
                ("preference", "observed", "smooth effect", 0.001, False),
                ("preference", "observed", "long-term responsiveness", 0.0, False),
            )
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def over_time(self, strategy, reference, patients=2000):
        year = np.arange(0, self.years, 0.25)
        return pd.DataFrame({"year": year, "difference": 0.01 * np.sin(year), "mcse": 0.002})


def made(gains=None, draws=True, sweep=True, equal="antigen"):
    """A comparison with these rows of `matched`, by strategy."""
    rows = GAINS if gains is None else gains
    strategies = {name: STRATEGIES.get(name, rr.Stepped(step=3)) for name in rows}
    result = Made(rows, strategies, equal, None, None)
    if sweep:
        result.sweep = _swept(result)
    if draws:
        result.uncertainty = _uncertain(result)
    return result


def _swept(result):
    table = pd.concat([
        result.matched().reset_index().assign(world=world, gain=lambda t, k=k: t["gain"] + 0.003 * k)
        for k, world in enumerate(WORLDS)
    ])  # fmt: skip
    conclusions = table[table["equal"] == result.equal].groupby("strategy", sort=False)[["gain", "mcse"]].first()
    return SimpleNamespace(
        table=table,
        conclusions=lambda: conclusions.assign(survives=True, contrary=""),
        sentence=lambda name: f"The sweep on “{name}”.",
    )


def _uncertain(result):
    names = list(result.gains)
    draws = pd.concat([
        result.matched().reset_index().assign(draw=k, gain=lambda t, k=k: t["gain"] + 0.004 * (k - 2)) for k in range(4)
    ])  # fmt: skip
    index = pd.MultiIndex.from_product([names, ["time_in_benefit", "gain"]], names=["strategy", "outcome"])
    mean = [row["gain"] for row in result.gains.values() for _ in range(2)]
    intervals = pd.DataFrame({"mean": mean, "lower": -0.01, "upper": 0.06, "parameter_sd": 0.02, "mcse": 0.001}, index)
    weights = np.linspace(0, 1, 11)
    shares = pd.DataFrame(0.0, pd.Index(weights, name="weight"), names)
    shares[names[0]], shares[names[-1]] = 0.25 + 0.5 * weights, 0.75 - 0.5 * weights
    pareto = pd.DataFrame(
        {"on_front": [i != 1 for i in range(len(names))], "dominated_by": ["" if i != 1 else names[0] for i in
        range(len(names))],
         "probability": 0.5}, pd.Index(names, name="strategy"),
    )  # fmt: skip
    information = pd.DataFrame(
        [
            {"group": group, "weight": weight, "value": value * (weight < 1), "se": 0.0001}
            for weight in (0.0, 0.5, 1.0)
            for group, value in (("everything", 0.012), ("durations", 0.008), ("immunity", 0.0))
        ]
    )
    return SimpleNamespace(
        parameters=pd.DataFrame({"within_sd": np.linspace(0.1, 0.3, 4)}, pd.Index(range(4), name="draw")),
        gains=draws,
        intervals=lambda level=0.95: intervals,
        acceptability=lambda weights=None: shares,
        pareto=lambda objectives=None: pareto,
        information=lambda weights=(0, 0.5, 1): information,
    )


SOBOL = pd.DataFrame(
    [
        {"strategy": "early", "group": group, "first": first, "first_conf": 0.05, "total": total, "total_conf": 0.05}
        for group, first, total in (("immunity", -0.01, 0.1), ("durations", 0.6, 0.7), ("behaviour", 0.2, 0.25))
    ]
)
TORNADO = pd.DataFrame(
    [
        {
            "parameter": name,
            "low": low,
            "high": high,
            "gain_low": a,
            "gain_high": b,
            "mcse_low": 0.001,
            "mcse_high": 0.001,
        }
        for name, low, high, a, b in (("within_sd", 0.1, 0.35, 0.012, -0.002), ("delay", 0.0, 2.0, 0.006, 0.004))
    ]
)
