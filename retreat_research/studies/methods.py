"""The methods that a simulation study compares: a drawn data set in, estimates of estimands out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from ..cycles import Cycles
from ..durations import AFT, AFTResult, MixedAFT, MixedAFTResult, Turnbull
from .drawing import Drawn
from .truth import RMST_WEEKS, content

ARMS = pd.DataFrame({"arm": [0, 1]})
PERSONAL = 2  # predictions for the first patient of each arm: patients are alike, and each costs as much as a fit


class Estimate(NamedTuple):
    """One estimate with its standard error and 95% interval, NaN where the method gives none."""

    estimate: float
    se: float = np.nan
    lower: float = np.nan
    upper: float = np.nan


Estimates: TypeAlias = dict[str, Estimate]


@dataclass(frozen=True)
class Method:
    """A way of estimating.

    Attributes
    ----------
    name, meaning : str
    estimands : tuple of str
        What `fit` returns: names of `ESTIMANDS`.
    fit : function of Drawn
        Raises where it fails; the runner counts it.
    """

    name: str
    meaning: str
    estimands: tuple[str, ...]
    fit: Callable[[Drawn], Estimates]


def turnbull(drawn: Drawn) -> Estimates:
    """Turnbull's median of each arm: the week at which its curve is at most ½."""
    arm = drawn.cycles.frame["arm"].to_numpy()
    return {f"median, arm {a}": Estimate(Turnbull().fit(drawn.cycles[arm == a]).quantile(0.5)) for a in (0, 1)}


def aft(drawn: Drawn) -> Estimates:
    """The log-normal AFT with a covariance clustered by patient."""
    return _aft(drawn.cycles)


def midpoint(drawn: Drawn) -> Estimates:
    """The same with every interval replaced by its middle, as if the loss had been seen there."""
    frame = drawn.cycles.frame
    middle = (frame["lower"] + frame["upper"]).to_numpy() / 2
    known = np.isfinite(middle)
    lower, upper = (np.where(known, middle, frame[end].to_numpy()) for end in ("lower", "upper"))
    return _aft(Cycles(lower, upper, data=frame.drop(columns="censoring")))


def mixed(drawn: Drawn) -> Estimates:
    """The log-normal AFT with a normal random intercept for each patient."""
    fit = MixedAFT("arm").fit(drawn.cycles)
    found = _of_fit(fit)
    conditional = fit.quantile(0.5, ARMS[:1], kind="conditional")
    found["conditional median"] = _row(conditional, 0)
    found["log SD within"] = _parameter(fit, "log(scale)")
    found["log SD between"] = _parameter(fit, "log(sd)")
    found["SD between"] = Estimate(fit.sd, fit.sd * fit.bse["log(sd)"], *fit.sd_interval())
    return found | _personal(fit, drawn)


_PARAMETERS = ("intercept", "effect")
_MARGINAL = ("median, arm 0", "median, arm 1", "RMST, arm 0", "RMST, arm 1")
_DECLARED = (
    Method("Turnbull", "rr.Turnbull, arm by arm, without intervals", ("median, arm 0", "median, arm 1"), turnbull),
    Method(
        "midpoint AFT",
        'naive comparator: middles of the intervals taken as exact, rr.AFT("arm", cov="sandwich")',
        (*_PARAMETERS, "log SD total", *_MARGINAL),
        midpoint,
    ),
    Method("AFT", 'rr.AFT("arm", cov="sandwich")', (*_PARAMETERS, "log SD total", *_MARGINAL), aft),
    Method(
        "MixedAFT",
        'rr.MixedAFT("arm"); the interval of SD between is by profile likelihood',
        (
            *_PARAMETERS,
            "log SD within",
            "log SD between",
            "SD between",
            *_MARGINAL,
            "conditional median",
            "personal 80%",
            "personal 95%",
        ),
        mixed,
    ),
)
METHODS = {method.name: method for method in _DECLARED}


def _aft(cycles: Cycles) -> Estimates:
    fit = AFT("arm", cov="sandwich").fit(cycles)
    return _of_fit(fit) | {"log SD total": _parameter(fit, "log(scale)")}


def _of_fit(fit: AFTResult | MixedAFTResult) -> Estimates:
    """What all regressions have: coefficients, marginal medians and restricted means."""
    found = {"intercept": _parameter(fit, "Intercept"), "effect": _parameter(fit, "arm")}
    medians, means = fit.quantile(0.5, ARMS), fit.rmst(RMST_WEEKS, ARMS)
    for a in (0, 1):
        found[f"median, arm {a}"] = _row(medians, a)
        found[f"RMST, arm {a}"] = _row(means, a)
    return found


def _row(table: pd.DataFrame, row: int) -> Estimate:
    return Estimate(*table[["estimate", "se", "lower", "upper"]].to_numpy()[row])


def _parameter(fit: AFTResult | MixedAFTResult, name: str) -> Estimate:
    return Estimate(fit.params[name], fit.bse[name], *fit.conf_int().loc[name])


def _personal(fit: MixedAFTResult, drawn: Drawn) -> Estimates:
    """Mean content, given the true b, of the intervals for the next cycle of the first patients.

    A patient none of whose cycles was assessed is not in the fit; her history is then empty.
    """
    who = np.arange(min(PERSONAL, drawn.scenario.patients))
    levels = (0.80, 0.95)
    ends = np.empty((len(levels), 2, who.size))
    for i in who:
        history = i if i in fit.data.labels else drawn.cycles[drawn.cycles.patient == i]
        distribution = fit.personal(history, {"arm": [drawn.arm[i]]})
        ends[:, :, i] = [distribution.interval(level) for level in levels]
    location = drawn.scenario.intercept + drawn.scenario.effect * drawn.arm[who]
    inside = content(drawn.scenario, location, drawn.offset[who], ends[:, 0], ends[:, 1])
    return {f"personal {level:.0%}": Estimate(share) for level, share in zip(levels, inside.mean(axis=1), strict=True)}
