"""The report's sentences: computed from the numbers, never written beforehand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..durations import MixedAFTResult
from ..strategies import Fixed
from ..studies import StudyResult

CLEAR = 2.0  # Monte Carlo standard errors
SMALLEST = 0.0005  # of time in benefit; below this a difference is rounding


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
        f"and if the early return had to do with the effect, the estimates are off.{_if_returns_matter(result)}"
        if retreated
        else f"None of the {responders} responding cycles was retreated while still effective.",
    ]
    found += [
        f"Placebo too has {counts.loc[arm, 'responders']:.0f} responses in {counts.loc[arm, 'assessed']:.0f} assessed "
        f"cycles, and these last a median of {row['median']:.1f} weeks: that much is noise."
        for arm, row in result.durations.table.iterrows()
        if str(arm).startswith("placebo ")
    ]
    found += [_disagreement(result)] if _disagreement(result) else []
    found += [_gain(result, name) for name in _moving(result)]
    found.append(_survives(result))
    return found


def model_sentence(result: StudyResult) -> str:
    """Which model the medians and means are from, to end a sentence."""
    fit = result.durations.fit
    if not isinstance(fit, MixedAFTResult):
        return "from the log-normal AFT named here"
    return (
        f"from a log-normal mixed model, in which patients differ (SD of ln duration {fit.sd:.2f} between patients, "
        f"{fit.scale:.2f} within a patient)"
    )


def _if_returns_matter(result: StudyResult) -> str:
    """How far off the median would be, to follow the sentence that says that it may be."""
    varied = result.durations.retreatment
    if varied is None:
        return ""
    medians = varied.medians
    own = medians[medians["arm"] == result.arm] if "arm" in medians else medians
    half, expected, twice = own.set_index("delta")["estimate"].loc[[0.5, 1.0, 2.0]]
    return (
        f" If what was not seen of those cycles were half of what the log-normal AFT expects, its median would be "
        f"{half:.1f} weeks; if it were twice that, {twice:.1f}; as expected, {expected:.1f}."
    )


def _disagreement(result: StudyResult) -> str:
    """A warning where the distribution-free median lies outside the interval of the log-normal one."""
    row = result.durations.table.loc[result.arm]
    if row["median_lower"] <= row["turnbull_median"] <= row["median_upper"]:
        return ""
    median = row["turnbull_median"]
    said = "is not reached" if np.isinf(median) else f"is {median:.1f} weeks"
    return (
        f"Turnbull's median, which assumes no shape, {said}, outside that interval: the log-normal shape, early return "
        "that depends on the effect, or rating error is at work, and the durations should be read with that in mind."
    )


def _moving(result: StudyResult) -> list[str]:
    return [name for name, arm in result.comparison.simulations.items() if not isinstance(arm.strategy, Fixed)]


def _exposure(table: pd.DataFrame) -> pd.DataFrame:
    """The rows matched on exposure: antigen, else units, else the mean interval."""
    kinds = table["equal"].unique()
    return table[table["equal"] == next(kind for kind in ("antigen", "units", "mean interval") if kind in kinds)]


def _gain(result: StudyResult, name: str) -> str:
    row = _exposure(result.comparison.matched().loc[name].reset_index()).iloc[0]
    basis = row["equal"]
    if np.isnan(row["matched_weeks"]):
        return f"{name}: no fixed interval between 4 and 52 weeks has as much {basis}."
    points, error = 100 * row["gain"], 100 * row["mcse"]
    swept = 100 * _exposure(result.sweep[result.sweep["strategy"] == name])["gain"]
    return (
        f"{name}: {points:+.1f} points of time in benefit (Monte Carlo error {error:.2f}) against the fixed interval "
        f"of equal {basis}, {row['matched_weeks']:.1f} weeks; {swept.min():+.1f} to {swept.max():+.1f} over the worlds "
        "that the data cannot tell apart."
    )


def _survives(result: StudyResult) -> str:
    """Whether the sign of each gain holds in every world of the sweep."""
    groups: dict[str, list[str]] = {"a gain in all": [], "a loss in all": [], "both signs": [], "not clear in all": []}
    for name in _moving(result):
        rows = _exposure(result.sweep[result.sweep["strategy"] == name])
        margin = np.maximum(CLEAR * rows["mcse"], SMALLEST)
        up, down = rows["gain"] > margin, rows["gain"] < -margin
        kind = (
            "a gain in all" if up.all() else "a loss in all" if down.all()
            else "both signs" if up.any() and down.any() else "not clear in all"
        )  # fmt: skip
        groups[kind].append(name)
    said = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in groups.items() if names)
    return (
        f"In {result.sweep['world'].nunique()} worlds that the data cannot tell apart, against the fixed interval of "
        f"equal exposure: {said}. (Clear: more than twice the Monte Carlo error and {100 * SMALLEST:g} points.)"
    )


def limits(result: StudyResult) -> list[str]:
    """What a reader must not conclude."""
    return [
        *result.notes,
        "The synthetic patients follow the fitted durations; how much of the variance within a patient is biology is "
        "not known from these data, and every comparison of schedules depends on it.",
        "Immunity is an assumed mechanism, not a calibrated one. Whether short gaps raise the risk per session is "
        "contested; what longer intervals surely do is reduce the number of exposures.",
        "Weeks in benefit count from the day of the session: the days of onset are not taken off. Two non-responses "
        "in a row are mostly chance, and fewer sessions give fewer chances of them; only those at neutralising titres "
        "are immune.",
        f"An antibody test is positive by error with probability {1 - result.world.observation.specificity:.0%}, each "
        "time: the share ever tested positive grows with the number of tests, antibodies or not.",
        "± is Monte Carlo error: it shrinks with more synthetic patients; the uncertainty in the sweep does not.",
    ]
