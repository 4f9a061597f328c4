"""What a comparison says in sentences: computed from its tables, never written beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..plots.gained import exposure_rows, moving

if TYPE_CHECKING:
    from ..comparison import Comparison

CLEAR = 2.0  # Monte Carlo standard errors
PICKED = 3.0  # the same for the largest of many differences
SMALLEST = 0.0005  # of time in benefit; below this a difference is rounding
WEIGHTS = {0.0: "benefit now alone", 0.5: "benefit now and later response alike", 1.0: "lasting response alone"}
NOT_TOLD = "cannot be told apart from it"


def answer(result: Comparison) -> list[str]:
    """What each strategy gains over the fixed interval of equal exposure, and what it is made of."""
    rows = _gains(result)
    if rows.empty:
        return ["Only fixed intervals were compared: there is no gain over a fixed interval to speak of."]
    return [_overview(result, rows), *(_gain(result, name, row) for name, row in rows.iterrows())]


def at_equal_benefit(result: Comparison) -> list[str]:
    """What each strategy saves, at the same time in benefit."""
    table = result.equal_benefit()
    if table is None:
        return []
    said = []
    for name, row in table.loc[[name for name in moving(result) if name in table.index]].iterrows():
        if np.isnan(row["matched_weeks"]):
            said.append(f"{quoted(result, name)}: no fixed interval between 4 and 52 weeks gives as much benefit.")
            continue
        changes = [
            _more_or_fewer(row[key], row[f"{key}_mcse"], *words)
            for key, words in _SAVED.items()
            if key in row and not np.isnan(row[key])
        ]
        clear = [change for change in changes if change]
        said.append(
            f"{quoted(result, name)} against a session every {row['matched_weeks']:.1f} weeks, which gives the same "
            f"time in benefit: {listed(clear) if clear else 'no difference that can be told'}."
        )
    return said


_SAVED = {
    "antigen": (1.0, "{} ng {} antigen per year", "more", "less"),
    "sessions": (1.0, "{} {} sessions per year", "more", "fewer"),
    "antibodies": (100.0, "{} {} of 100 patients with antibodies", "more", "fewer"),
    "failure": (100.0, "{} {} of 100 patients with two non-responses in a row", "more", "fewer"),
}


def for_whom(result: Comparison) -> list[str]:
    """In which groups of patients the gain differs most."""
    table = result.subgroups()
    if table is None or table.empty:
        return []
    said = []
    for name in _followable(result):
        own = table[(table["strategy"] == name) & table["gain"].notna() & ~table["few"]]
        for kind, words in (("observed", "what a clinic can see"), ("true", "what only the simulation knows")):
            rows = own[own["kind"] == kind]
            if rows["trait"].duplicated().any():
                said.append(_widest(result, name, rows, words))
    return said


def how_sure(result: Comparison) -> list[str]:
    """Monte Carlo error, the interval over drawn worlds, and in how many each strategy is best."""
    rows = _gains(result)
    errors = 100 * rows["mcse"].dropna()
    said = []
    if len(errors):
        low, high = f"{errors.min():.2f}", f"{errors.max():.2f}"
        span = f"is {low}" if low == high else f"is {low} to {high}"
        said.append(
            f"With {len(result.cohort):,} synthetic patients the Monte Carlo error of a gain {span} points. A "
            "difference "
            f"within {CLEAR:g} such errors, or {100 * SMALLEST:g} points, is not called one."
        )
    if result.uncertainty is None:
        said.append(
            "No worlds were drawn from the priors (`draws`), so how far the gains depend on numbers that are not well "
            "known is shown by the sweep alone."
        )
        return said
    said += [_over_draws(result, name) for name in rows.index]
    said += _best(result)
    said += _dominated(result)
    return [sentence for sentence in said if sentence]


def what_would_change(result: Comparison, sobol: pd.DataFrame | None = None) -> list[str]:
    """The sweep's verdicts, what better knowledge would be worth, and which numbers the gain hangs on."""
    said = []
    if result.sweep is not None:
        said += [result.sweep.sentence(name) for name in moving(result)]
    if result.uncertainty is not None:
        said += _information(result)
    if sobol is not None:
        said += _variance(result, sobol)
    return said


def cannot_tell(result: Comparison) -> list[str]:
    """What a reader must not conclude."""
    world = result.cohort.world
    oracles = [quoted(result, name) for name, strategy in result.strategies.items() if strategy.oracle]
    said = list(result.notes)
    if oracles:
        verb = "uses" if len(oracles) == 1 else "use"
        said.append(
            f"{listed(oracles)} {verb} what no clinic can see: a mark of what perfect knowledge would give, not "
            "a way to "
            "treat."
        )
    return [
        *said,
        f"How much a patient's own durations vary from cycle to cycle (here {world.response.within_sd:g} on the log "
        "scale) is reported by no study, and what watching a patient can gain depends on it.",
        "Immunity is an assumed mechanism, not a calibrated one. Whether short gaps raise the risk per session is "
        "contested; what longer intervals surely do is reduce the number of exposures.",
        "Patients come back as the world says: they notice waning and call. Where they do not, return on request gives "
        "less.",
        f"An antibody test is positive by error with probability {1 - world.observation.specificity:.0%}, each time: "
        "the share ever tested positive grows with the number of tests, antibodies or not.",
        "± is Monte Carlo error: it shrinks with more synthetic patients; what comes from not knowing the world does "
        "not.",
    ]


# --- words ------------------------------------------------------------------------------------------------------------


def quoted(result: Comparison, name: object) -> str:
    """A strategy's name as it stands in a sentence."""
    strategy = result.strategies[str(name)]
    return f"“{name}”{' (oracle)' if strategy.oracle else ''}"


def listed(items: Sequence[str]) -> str:
    """A, B and C."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def is_clear(value: float, error: float, errors: float = CLEAR) -> bool:
    """Whether a difference in shares of time is more than Monte Carlo error and rounding."""
    return bool(abs(value) > max(errors * error, SMALLEST))


def points(value: float) -> str:
    """A difference in percentage points, without sign."""
    size = abs(100 * value)
    return f"{size:.1f}" if size >= 0.095 else f"{size:.2f}"


def plus_minus(value: float, digits: int = 1) -> str:
    """A difference in percentage points with its sign."""
    return f"{100 * value:+.{digits}f}".replace("-", "−")


def signed(value: float) -> str:
    """A gain or loss in percentage points as a noun."""
    return f"a gain of {points(value)} points" if value >= 0 else f"a loss of {points(value)} points"


def _gains(result: Comparison) -> pd.DataFrame:
    """The rows of `matched` at equal exposure, of the strategies that are not fixed intervals, in their order."""
    rows = exposure_rows(result.matched().reset_index()).set_index("strategy")
    return rows.loc[[name for name in moving(result) if name in rows.index]]


def _followable(result: Comparison) -> list[str]:
    return [name for name in moving(result) if not result.strategies[name].oracle]


def _equal(rows: pd.DataFrame) -> str:
    kinds = list(dict.fromkeys(rows["equal"]))
    return str(kinds[0]) if len(kinds) == 1 else "exposure"


def _overview(result: Comparison, rows: pd.DataFrame) -> str:
    groups: dict[str, list[str]] = {"gain": [], "lose": [], "same": [], "none": []}
    for name, row in rows.iterrows():
        kind = (
            "none" if np.isnan(row["gain"]) else "same" if not is_clear(row["gain"], row["mcse"])
            else "gain" if row["gain"] > 0 else "lose"
        )  # fmt: skip
        groups[kind].append(quoted(result, name))
    parts = []
    if names := groups["gain"]:
        parts.append(f"{listed(names)} {'gains' if len(names) == 1 else 'gain'} time in benefit")
    if names := groups["lose"]:
        parts.append(f"{listed(names)} {'loses' if len(names) == 1 else 'lose'} time in benefit")
    if names := groups["same"]:
        parts.append(f"{listed(names)} {NOT_TOLD}")
    if names := groups["none"]:
        parts.append(f"for {listed(names)} there is none between 4 and 52 weeks")
    return f"Against the fixed interval of equal {_equal(rows)}: {'; '.join(parts)}."


def _gain(result: Comparison, name: object, row: pd.Series) -> str:
    who, basis = quoted(result, name), row["equal"]
    if np.isnan(row["gain"]):
        return (
            f"{who}: no fixed interval between 4 and 52 weeks has as much {basis}, so there is nothing fair to hold it "
            "against."
        )
    own = row["time_in_benefit"] + row["gain"]
    shown = f"{100 * own:.1f}% against {100 * row['time_in_benefit']:.1f}%"
    against = f"the fixed interval of equal {basis}, {row['matched_weeks']:.1f} weeks"
    error = f"Monte Carlo error {100 * row['mcse']:.2f}"
    if not is_clear(row["gain"], row["mcse"]):
        difference = f"a difference of {plus_minus(row['gain'], 2)} points"
        head = f"{who} cannot be told apart from {against}: {shown}, {difference} ({error})."
    elif row["gain"] > 0:
        head = f"{who} gains {points(row['gain'])} points of time in benefit over {against}: {shown} ({error})."
    else:
        head = f"{who} loses {points(row['gain'])} points of time in benefit to {against}: {shown} ({error})."
    return head if result.strategies[str(name)].oracle else head + _split(row)


def _split(row: pd.Series) -> str:
    """What stepping gives and what return on request gives, to follow the sentence on the gain."""
    if "stepping" not in row or np.isnan(row["stepping"]):
        return ""
    nothing = {part: max(abs(row[part]), row[f"{part}_mcse"]) < 1e-9 for part in ("stepping", "request")}
    if all(nothing.values()):
        return ""
    if nothing["request"]:
        return " Every visit is booked, so all of that is from stepping." if is_clear(row["gain"], row["mcse"]) else ""
    if nothing["stepping"]:
        return " Booked, it would be a fixed interval, so all of that is from return on request."
    return (
        f" Of that, {_part('stepping', row['stepping'], row['stepping_mcse'])}, and "
        f"{_part('return on request', row['request'], row['request_mcse'])}."
    )


def _part(what: str, value: float, error: float) -> str:
    if not is_clear(value, error):
        return f"{what} makes no difference that can be told ({plus_minus(value, 2)} ± {100 * error:.2f} points)"
    return f"{what} {'gains' if value > 0 else 'loses'} {points(value)} points"


def _more_or_fewer(value: float, error: float, scale: float, what: str, more: str, fewer: str) -> str:
    if not abs(value) > CLEAR * error:
        return ""
    return what.format(f"{abs(scale * value):.2g}", more if value > 0 else fewer)


def _widest(result: Comparison, name: str, rows: pd.DataFrame, by: str) -> str:
    """The two groups of one trait that differ by the most Monte Carlo errors."""
    widest, found = 0.0, None
    for trait, groups in rows.groupby("trait", sort=False):
        low, high = groups.loc[groups["gain"].idxmin()], groups.loc[groups["gain"].idxmax()]
        error = max(float(np.hypot(low["mcse"], high["mcse"])), SMALLEST / PICKED)
        if (high["gain"] - low["gain"]) / error > widest:
            widest, found = (high["gain"] - low["gain"]) / error, (trait, low, high)
    if found is None or widest <= PICKED:
        return f"By {by}, the gain of {quoted(result, name)} cannot be told apart between groups."
    trait, low, high = found
    return (
        f"By {by}, the gain of {quoted(result, name)} differs most with “{trait}”: {signed(high['gain'])} for "
        f"“{high['group']}” and {signed(low['gain'])} for “{low['group']}”."
    )


# --- drawn worlds -----------------------------------------------------------------------------------------------------


def _over_draws(result: Comparison, name: object) -> str:
    intervals = result.uncertainty.intervals()
    if (name, "gain") not in intervals.index or np.isnan(intervals.loc[(name, "gain"), "mean"]):
        return ""
    row = intervals.loc[(name, "gain")]
    drawn = exposure_rows(result.uncertainty.gains)
    gains = drawn.loc[drawn["strategy"] == name, "gain"]
    matched = gains.dropna()
    unmatched = len(gains) - len(matched)
    without = f" ({unmatched} more {'has' if unmatched == 1 else 'have'} no match)" if unmatched else ""
    return (
        f"Over {len(gains)} worlds drawn from the priors {quoted(result, name)} has {signed(row['mean'])} on average; "
        f"95% interval {plus_minus(row['lower'])} to {plus_minus(row['upper'])}, most of it from the world's numbers "
        f"(SD {100 * row['parameter_sd']:.1f} points). It is a gain in {(matched > 0).sum()} of "
        f"{len(matched)}{without}."
        if row["parameter_sd"] > row["mcse"]
        else f"Over {len(gains)} worlds drawn from the priors {quoted(result, name)} has {signed(row['mean'])} on "
        f"average; 95% interval {plus_minus(row['lower'])} to {plus_minus(row['upper'])}, no more than Monte "
        "Carlo error "
        f"explains. It is a gain in {(matched > 0).sum()} of {len(matched)}{without}."
    )


def _best(result: Comparison) -> list[str]:
    table = result.uncertainty.acceptability()
    table = table.loc[:, table.notna().all()]
    if table.shape[1] < 2:
        return []
    said = []
    for weight, words in WEIGHTS.items():
        row = table.iloc[int(np.abs(table.index.to_numpy(dtype=float) - weight).argmin())]
        first, *rest = row[row >= 0.05].sort_values(ascending=False, kind="stable").items()
        others = listed([f"{quoted(result, n)} in {p:.0%}" for n, p in rest]) if rest else ""
        said.append(
            f"For a patient who wants {words}, {quoted(result, first[0])} is best in {first[1]:.0%} of the drawn worlds"
            + (f", {others}." if others else ".")
        )
    return said


def _dominated(result: Comparison) -> list[str]:
    """Strategies that one which a clinic can follow makes superfluous: that an oracle does better says nothing."""
    table = result.uncertainty.pareto()
    said = []
    for name, by in table.loc[~table["on_front"].astype(bool), "dominated_by"].items():
        names = [by] if isinstance(by, str) else list(by)
        better = [quoted(result, one) for one in names if one and not result.strategies[one].oracle]
        if better:
            said.append(
                f"{quoted(result, name)} is dominated: {listed(better)} {'is' if len(better) == 1 else 'are'} at least "
                "as good in every objective and better in one."
            )
    return said


def _information(result: Comparison) -> list[str]:
    table = result.uncertainty.information(tuple(WEIGHTS))
    said = []
    for weight, words in WEIGHTS.items():
        rows = table[np.isclose(table["weight"], weight)].set_index("group")
        if "everything" not in rows.index:
            continue
        whole = rows.loc["everything"]
        if not is_clear(whole["value"], whole["se"]):
            said.append(f"For {words}, knowing the world exactly would not change which strategy is best.")
            continue
        groups = rows.drop(index="everything").sort_values("value", ascending=False, kind="stable")
        top = [
            f"{group} ({points(row['value'])})"
            for group, row in groups.head(2).iterrows()
            if is_clear(row["value"], row["se"])
        ]
        if groups["value"].max() > whole["value"]:  # a part cannot be worth more than the whole
            top, nothing = [], "; there are too few draws to say which numbers matter most"
        else:
            nothing = "; no group of numbers alone would change the choice"
        tail = f"; most by {listed(top)}" if top else nothing
        said.append(
            f"For {words}, knowing the world exactly before choosing would be worth {points(whole['value'])} "
            f"points{tail}."
        )
    return said


def _variance(result: Comparison, table: pd.DataFrame) -> list[str]:
    said = []
    for name, rows in table.groupby("strategy", sort=False):
        top = rows.sort_values("total", ascending=False, kind="stable").iloc[0]
        said.append(
            f"Of the variance of the gain of {quoted(result, name)} over the priors, {top['group']} accounts for most: "
            f"{max(top['first'], 0):.0%} alone, {min(max(top['total'], 0), 1):.0%} with what it does together "
            "with others."
        )
    return said
