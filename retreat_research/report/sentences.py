"""The report's sentences: computed from the numbers, never written beforehand."""

from __future__ import annotations

import numpy as np

from ..strategies import Fixed
from ..studies import StudyResult

CLEAR = 2.0  # Monte Carlo standard errors


def findings(result: StudyResult) -> list[str]:
    """What came out, most important first."""
    row = result.durations.table.loc[result.arm]
    counts = result.durations.response
    retreated, responders = int(counts["retreated"].sum()), int(counts["responders"].sum())
    found = [
        f"In {result.arm}, the effect lasted a median of {row['median']:.1f} weeks "
        f"(95% interval {row['median_lower']:.1f} to {row['median_upper']:.1f}) in cycles with a response, under "
        f"{result.cycles.endpoint}.",
        f"{retreated} of {responders} responding cycles were retreated while still effective: their end was not seen, "
        "and if the early return had to do with the effect, the estimates are off.",
    ]
    found += [_gain(result, name) for name in _moving(result)]
    found.append(_survives(result))
    return found


def _moving(result: StudyResult) -> list[str]:
    return [name for name, arm in result.comparison.simulations.items() if not isinstance(arm.strategy, Fixed)]


def _gain(result: StudyResult, name: str) -> str:
    matched = result.comparison.matched().loc[name].iloc[0]
    basis = result.comparison.matched().loc[name].index[0]
    if np.isnan(matched["matched_weeks"]):
        return f"{name}: no fixed interval between 4 and 52 weeks spends as much {basis}."
    points, error = 100 * matched["gain"], 100 * matched["mcse"]
    verdict = (
        "no clear difference"
        if abs(points) < CLEAR * error
        else ("more" if points > 0 else "less") + " time in benefit"
    )
    return (
        f"{name}: {points:+.1f} points (Monte Carlo error {error:.2f}) against the fixed interval of equal {basis}, "
        f"{matched['matched_weeks']:.1f} weeks: {verdict}."
    )


def _survives(result: StudyResult) -> str:
    """Whether the sign of each gain holds in every world of the sweep."""
    table = result.sweep[result.sweep["equal"].isin(["antigen", "units"])]
    firm: list[str] = []
    other: list[str] = []
    for name, rows in table.groupby("strategy", sort=False):
        up = (rows["gain"] > CLEAR * rows["mcse"]).all()
        down = (rows["gain"] < -CLEAR * rows["mcse"]).all()
        (firm if up or down else other).append(f"{name} ({'gain' if up else 'loss'})" if up or down else str(name))
    worlds = table["world"].nunique()
    return (
        f"Across {worlds} worlds that differ in what the data cannot tell, the sign holds for: "
        f"{', '.join(firm) or 'none'}; it does not for: {', '.join(other) or 'none'}."
    )


def limits(result: StudyResult) -> list[str]:
    """What a reader must not conclude."""
    return [
        *result.notes,
        "The synthetic patients follow the fitted durations; how much of the variance lies within a patient is not "
        "known from these data, and every comparison of schedules depends on it.",
        "Immunity is an assumed mechanism, not a calibrated one. Whether short gaps raise the risk per session is "
        "contested; what longer intervals surely do is reduce the number of exposures.",
        "± is Monte Carlo error: it shrinks with more synthetic patients; the uncertainty in the sweep does not.",
    ]
