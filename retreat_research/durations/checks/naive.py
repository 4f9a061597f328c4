"""What an analysis that takes visits for the weeks of loss gives, beside one that knows they are not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ...cycles import Cycles
from ...errors import FitError, must, rows_text
from ..aft.model import AFT
from ..aft.result import AFTResult
from ..families import Family, family_named
from ..groups import groups_of
from ..nonparametric.turnbull import Turnbull, TurnbullResult
from ..predictions import WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEAN_WEEKS = 26.0  # half a year
#: lifelines' model of each family, and its names for the location of ln T and for ln scale, with the latter's sign
LIFELINES = {
    "lognormal": ("LogNormalAFTFitter", "mu_", "sigma_", 1),
    "weibull": ("WeibullAFTFitter", "lambda_", "rho_", -1),
    "loglogistic": ("LogLogisticAFTFitter", "alpha_", "beta_", -1),
}
INTERVAL, AS_ZERO = "interval", "midpoint, non-response as 0"
KAPLAN_MEIER, INDEPENDENT = "Kaplan-Meier", "AFT, cycles as independent"


def naive_bias(cycles: Cycles, by: str | None = None, family: str = "lognormal") -> NaiveBias:
    """Set naive analyses beside Turnbull's estimate and the interval-censored AFT, on the same responding cycles.

    Parameters
    ----------
    cycles : Cycles
    by : str, optional
        A column of ``cycles.frame``: each of its values is analysed by itself.
    family : {"lognormal", "weibull", "loglogistic"}
        Of all AFTs: those that lifelines has too.

    Returns
    -------
    NaiveBias

    Raises
    ------
    InputError
        If there is no column `by`, or it has missing values.
    FitError
        If the durations cannot be fitted (of a group, whose rows are named).

    Notes
    -----
    The loss of effect in (lower, upper] weeks is taken to happen at the *midpoint*, at the *right endpoint* (the visit
    that found it) or at the *last visit* with effect; cycles without loss are right-censored at their last visit. These
    times go to lifelines' Kaplan-Meier estimate and AFT without covariates. Kaplan-Meier intervals of the median are
    those at which the pointwise interval crosses one half; its standard error of ln median is their width over 2 ×
    1.96, unless they have none (on a visit grid). An AFT has no place for a time of 0, so the cycles lost before the
    first visit are left out of the last visit's.

    Two mistakes more: the AFT with the model's standard errors, as if the cycles of a patient were independent, and,
    where some cycles do not respond, those as durations of 0. Mean durations are restricted to 26 weeks; a
    nonparametric curve that ends earlier stays where it ends, and in the intervals where Turnbull's is not unique loss
    is spread evenly.

    References
    ----------
    .. [1] Rücker G, Messerer D (1988). Remission duration: an example of interval-censored observations. Stat Med
       7:1139-1145. doi:10.1002/sim.4780071106
    .. [2] Lindsey JC, Ryan LM (1998). Methods for interval-censored data. Stat Med 17:219-238.
       doi:10.1002/(SICI)1097-0258(19980130)17:2<219::AID-SIM735>3.0.CO;2-O

    Examples
    --------
    >>> cycles = Cycles([8, 12, 4, 12, 10, 8, 0], [12, 16, 8, float("inf"), 16, 14, 6])
    >>> bias = naive_bias(cycles)
    >>> table = bias.table.set_index(["times", "estimator"])
    >>> table["median"].round(1).xs("AFT", level="estimator").to_dict()
    {'interval': 9.7, 'midpoint': 9.4, 'right endpoint': 11.9, 'last visit': 8.8}
    """
    must(isinstance(cycles, Cycles), f"`cycles` must be Cycles, not {type(cycles).__name__}", "see rr.Cycles")
    must(
        isinstance(family, str) and family in LIFELINES,
        f"`family` must be one of {', '.join(LIFELINES)}, not {family!r}",
        "lifelines has no other",
    )
    groups = [_group(*part, family) for part in _parts(cycles, by)]
    table = pd.concat([group.table.assign(group=group.name) for group in groups], ignore_index=True)
    table = table.drop(columns="group") if by is None else table[["group", *table.columns.drop("group")]]
    return NaiveBias(table, by, family, cycles.endpoint, tuple(groups))


ONE_PATIENT = "the cycles are of one patient, and standard errors need two or more"


class Group(NamedTuple):
    """One group's analyses."""

    name: str
    table: pd.DataFrame
    turnbull: TurnbullResult
    aft: AFTResult
    steps: Mapping[str, tuple[np.ndarray, np.ndarray]]  # Kaplan-Meier by times: weeks, share with effect from then


@dataclass(frozen=True, eq=False, repr=False)
class NaiveBias:
    """Naive analyses beside the proper ones; made by `naive_bias`.

    Attributes
    ----------
    table : pandas.DataFrame
        One row for each group and analysis: ``group`` (if there is `by`), ``times`` and ``estimator``, ``cycles`` used,
        ``median`` (weeks) with ``lower`` and ``upper`` (95%), ``mean_26`` (weeks), ``se_log`` (standard error of ln
        median), ``se_ratio`` (to that of the interval-censored AFT, clustered by patient) and ``difference`` (of the
        median to that AFT's, weeks). Turnbull's median is only known to lie in (``median_left``, ``median``], so it has
        no difference. NaN where the analysis gives no such number: Turnbull's estimate has no standard error by itself.
    by : str or None
    family : str
    endpoint : object
        What "loss of effect" means here, from the cycles.
    groups : tuple of Group
        The fits behind the table, for `plot`.
    """

    table: pd.DataFrame
    by: str | None
    family: str
    endpoint: Any
    groups: tuple[Group, ...]

    @property
    def sentence(self) -> str:
        """How far off the naive medians are, in words; a line for each group."""
        return "\n".join(_sentence(group) for group in self.groups)

    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> Any:
        """Draw Kaplan-Meier curves of the naive times over Turnbull's estimate and the AFT, one panel for each group.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or a sequence of as many as there are groups, optional

        Returns
        -------
        matplotlib.axes.Axes, or an array of them if there are several groups
        """
        import matplotlib.pyplot as plt

        n = len(self.groups)
        beside = ax is None and n > 1
        if beside:
            ax = plt.subplots(1, n, sharex=True, sharey=True, figsize=(4 * n, 4.5), layout="constrained")[1]
        elif ax is None:
            ax = plt.gca()
        panels = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        must(panels.size == n, f"`ax` has {panels.size} axes for {n} groups", "give one for each group, or none")
        for panel, group in zip(panels, self.groups, strict=True):
            _draw(panel, group)
        if beside:
            lines = panels[0].get_legend_handles_labels()
            panels[0].figure.legend(*lines, loc="outside lower center", ncols=3, frameon=False)
        else:
            panels[0].legend(frameon=False, fontsize="small")
        for panel in panels[1:]:
            panel.set(ylabel="")
        return panels[0] if n == 1 else panels

    def __repr__(self) -> str:
        return f"<NaiveBias: {self.family}; {self.endpoint}\n{self.sentence}>"

    def _repr_html_(self) -> str:
        from html import escape

        table = self.table.to_html(index=False, float_format="{:.2f}".format, na_rep="")
        return f"<p>{escape(self.sentence)}</p>".replace("\n", "<br>") + table


def _parts(cycles: Cycles, by: str | None) -> Iterator[tuple[str, str, Cycles]]:
    """Each group's name, what errors call it, and its cycles."""
    if by is None:
        yield "", "", cycles
        return
    must(isinstance(by, str), "`by` must be the name of a column")
    groups = groups_of(cycles, by, np.arange(len(cycles)))
    for i, level in enumerate(groups.labels):
        rows = np.flatnonzero(groups.code == i)
        yield f"{by} {level}", f"one value of {by} ({rows_text(rows)}): ", cycles[rows]


def _group(name: str, called: str, cycles: Cycles, family: str) -> Group:
    """All analyses of one group."""
    own = cycles.responding
    if pd.unique(own.patient).size == 1:
        raise FitError(called + ONE_PATIENT)
    try:
        turnbull = Turnbull().fit(own)
        ours = AFT(family=family, cov="sandwich").fit(own)
        independent = AFT(family=family).fit(own)
    except FitError as error:
        raise FitError(f"{called}{error}") from None
    rows = [_of_turnbull(turnbull), _of_aft(ours, "AFT"), _of_aft(independent, INDEPENDENT)]
    steps = {}
    lost = np.isfinite(own.upper)
    for times, weeks in _imputed(own).items():
        row, steps[times] = _kaplan_meier(times, weeks, lost)
        rows += [row, _lifelines_aft(times, weeks, lost, family)]
    silent = int((cycles.frame["responder"] == False).sum())  # noqa: E712
    if silent:
        weeks = np.append(_imputed(own)["midpoint"], np.zeros(silent))
        row, _ = _kaplan_meier(AS_ZERO, weeks, np.append(lost, np.ones(silent, dtype=bool)))
        rows.append(row)
    table = pd.DataFrame(rows)
    reference = table.iloc[1]
    table = table.assign(
        se_ratio=table["se_log"] / reference["se_log"], difference=table["median"] - reference["median"]
    )
    table.insert(table.columns.get_loc("median"), "median_left", np.nan)
    table.loc[0, ["median_left", "difference"]] = turnbull.left[turnbull.right == table.loc[0, "median"]][0], np.nan
    return Group(name, table, turnbull, ours, steps)


def _imputed(cycles: Cycles) -> dict[str, np.ndarray]:
    """Weeks of loss as naive analyses have them; of censoring where there was no loss."""
    lower, upper = cycles.lower, np.where(np.isinf(cycles.upper), cycles.lower, cycles.upper)
    return {"midpoint": (lower + upper) / 2, "right endpoint": upper, "last visit": lower}


def _row(times: str, estimator: str, cycles: int, numbers: tuple[float, float, float, float, float]) -> dict[str, Any]:
    names = ("median", "lower", "upper", "mean_26", "se_log")
    return {"times": times, "estimator": estimator, "cycles": cycles, **dict(zip(names, numbers, strict=True))}


def _of_turnbull(fit: TurnbullResult) -> dict[str, Any]:
    left, right = np.minimum(fit.left, MEAN_WEEKS), np.minimum(fit.right, MEAN_WEEKS)
    width = fit.right - fit.left
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where((width > 0) & np.isfinite(width), (right - left) / width, fit.right <= MEAN_WEEKS)
    mean = fit.mass @ (share * (left + right) / 2 + (1 - share) * MEAN_WEEKS)  # a share of each mass is lost by week 26
    return _row(INTERVAL, "Turnbull", fit.nobs, (float(fit.quantile(0.5)), np.nan, np.nan, float(mean), np.nan))


def _of_aft(fit: AFTResult, estimator: str) -> dict[str, Any]:
    median = fit.quantile(0.5).iloc[0]
    mean = float(fit.rmst(MEAN_WEEKS)["estimate"].iloc[0])
    numbers = (median["estimate"], median["lower"], median["upper"], mean, median["se"] / median["estimate"])
    return _row(INTERVAL, estimator, fit.nobs, numbers)


def _kaplan_meier(
    times: str, weeks: np.ndarray, lost: np.ndarray
) -> tuple[dict[str, Any], tuple[np.ndarray, np.ndarray]]:
    with warnings.catch_warnings():  # lifelines calls what pandas and NumPy warn of
        warnings.simplefilter("ignore")
        from lifelines import KaplanMeierFitter
        from lifelines.utils import median_survival_times

        fit = KaplanMeierFitter().fit(weeks, lost)
        low, high = median_survival_times(fit.confidence_interval_).to_numpy().ravel()
    at, share = fit.survival_function_.index.to_numpy(dtype=float), fit.survival_function_.to_numpy().ravel()
    before = at < MEAN_WEEKS
    mean = float(share[before] @ np.diff(np.append(at[before], MEAN_WEEKS)))
    se = np.log(high / low) / (2 * WIDTH) if 0 < low < high < np.inf else np.nan
    median = float(fit.median_survival_time_)
    return _row(times, KAPLAN_MEIER, weeks.size, (median, low, high, mean, se)), (at, share)


def _lifelines_aft(times: str, weeks: np.ndarray, lost: np.ndarray, family: str) -> dict[str, Any]:
    """lifelines' AFT without covariates; NaN where it does not converge."""
    name, location_name, scale_name, sign = LIFELINES[family]
    kept = weeks > 0
    data = pd.DataFrame({"weeks": weeks[kept], "lost": lost[kept]}).value_counts().rename("count").reset_index()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifelines
        from lifelines.exceptions import ConvergenceError

        try:
            fit = getattr(lifelines, name)().fit(data, "weeks", "lost", formula="1", weights_col="count")
        except ConvergenceError:
            return _row(times, "AFT", int(kept.sum()), (np.nan,) * 5)
    parameters = [(location_name, "Intercept"), (scale_name, "Intercept")]
    location, log_scale = fit.params_[parameters]
    known = family_named(family)
    assert isinstance(known, Family)
    scale, middle = np.exp(sign * log_scale), float(known.quantile(np.array(0.5)))
    log_median = location + middle * scale
    gradient = np.array([1.0, sign * middle * scale])
    se = float(np.sqrt(gradient @ fit.variance_matrix_.loc[parameters, parameters].to_numpy() @ gradient))
    low, median, high = np.exp(log_median + np.array([-WIDTH, 0, WIDTH]) * se)
    return _row(times, "AFT", int(kept.sum()), (median, low, high, _restricted_mean(known, location, scale), se))


def _restricted_mean(family: Family, location: float, scale: float) -> float:
    from scipy.integrate import quad

    def lasting(weeks: float) -> float:
        return float(np.exp(family.log_survival(np.array((np.log(weeks) - location) / scale))))

    return float(quad(lasting, 0, MEAN_WEEKS)[0])


def _sentence(group: Group) -> str:
    table = group.table.set_index(["times", "estimator"])
    ours = table.loc[(INTERVAL, "AFT")]
    off = [f"{_weeks(table['difference'][(times, 'AFT')])} ({times})" for times in group.steps]
    medians = [f"{table['median'][(times, KAPLAN_MEIER)]:.1f} ({times})" for times in group.steps]
    fit = group.turnbull
    holds = np.searchsorted(fit.right, fit.quantile(0.5))
    text = (
        f"{group.name + ': ' if group.name else ''}The median is {ours['median']:.1f} weeks (95% {ours['lower']:.1f} "
        f"to {ours['upper']:.1f}; interval-censored AFT, {int(ours['cycles'])} cycles). The same AFT on naive times is "
        f"off by {', '.join(off)}. Turnbull's median lies in ({fit.left[holds]:.1f}, {fit.right[holds]:.1f}] weeks, "
        f"where Kaplan-Meier gives {', '.join(medians)}. With cycles as independent the standard error is "
        f"{table['se_ratio'][(INTERVAL, INDEPENDENT)]:.2f} of the clustered one."
    )
    if (AS_ZERO, KAPLAN_MEIER) in table.index:
        zero, middle = table.loc[(AS_ZERO, KAPLAN_MEIER)], table.loc[("midpoint", KAPLAN_MEIER)]
        before, after = f"{middle['median']:.1f}", f"{zero['median']:.1f}"
        verb, weeks = ("leave", f"at {before}") if before == after else ("move", f"from {before} to {after}")
        text += (
            f" {int(zero['cycles'] - middle['cycles'])} cycles without response as durations of 0 {verb} the "
            f"midpoint's Kaplan-Meier median {weeks} weeks."
        )
    return text


def _weeks(difference: float) -> str:
    """A signed number of weeks in words."""
    return "unknown, it does not converge" if np.isnan(difference) else f"{round(difference, 1) + 0.0:+.1f} weeks"


def _draw(ax: Axes, group: Group) -> None:
    """One panel: what holds in black and grey, what is naive in colour and broken lines."""
    group.turnbull.plot(ax, color="0.45", linewidth=1.5, label="Turnbull (shaded: not unique)")
    end = ax.get_xlim()[1]
    weeks = np.linspace(0, end, 200)
    ax.plot(weeks, group.aft.survival(weeks)["estimate"], color="black", label="AFT, interval-censored")
    styles = zip(("C0", "C1", "C2"), ((0, (5, 2)), (0, (1, 1)), (0, (5, 1, 1, 1))), strict=True)
    for (times, (at, share)), (colour, style) in zip(group.steps.items(), styles, strict=True):
        ax.step(at, share, where="post", color=colour, linestyle=style, label=f"Kaplan-Meier, {times}")
    ax.set_xlim(0, end)
    ax.set_title("", loc="right")  # the legend says what is shaded
    ax.set_title(group.name)
