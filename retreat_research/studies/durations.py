"""How long does the effect last, arm by arm: counts, non-response, and every estimate side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..cycles import Cycles
from ..durations import (
    AFT,
    AFTResult,
    MixedAFT,
    MixedAFTResult,
    RetreatmentSensitivity,
    Turnbull,
    TurnbullResult,
    retreatment_sensitivity,
)
from ..errors import FitError

RMST_WEEKS = 26.0
ROBUST = "sandwich"
DELTAS = (0.5, 1.0, 2.0)
IMPUTATIONS = 10  # their noise is a tenth of the medians' standard errors, and they take a second


@dataclass(frozen=True, eq=False)
class DurationReport:
    """Estimates by arm (product and dose).

    Attributes
    ----------
    response : pandas.DataFrame
        Indexed by arm: patients, cycles, assessed, responders, ``non_response`` with ``lower`` and ``upper``
        (95%, clustered by patient), retreated (cycles ended while still effective).
    table : pandas.DataFrame
        Indexed by arm: Turnbull's median, the median and the restricted mean to 26 weeks (weeks) of `fit`, and the
        medians of `marginal` and of the arm's own Weibull, each with ``_lower`` and ``_upper`` (95%).
    turnbull : dict of str to TurnbullResult
    fit : MixedAFTResult or AFTResult
        Log-normal, arms as a factor, with a random intercept for each patient; where the data cannot tell variation
        within and between patients apart, `marginal`.
    marginal : AFTResult
        The same without the random intercept, covariance a sandwich clustered by patient.
    retreatment : RetreatmentSensitivity or None
        The medians of `marginal`, by arm, if the unseen remainder of cycles retreated while still effective were half
        or twice what it expects; None if there are no such cycles.
    notes : tuple of str
    """

    response: pd.DataFrame
    table: pd.DataFrame
    turnbull: Mapping[str, TurnbullResult]
    fit: MixedAFTResult | AFTResult
    marginal: AFTResult
    retreatment: RetreatmentSensitivity | None
    notes: tuple[str, ...]


def arm_names(frame: pd.DataFrame) -> pd.Series:
    """One name per product and dose, such as ``onabotulinumtoxinA 20 U``, and indication if there are several."""
    names = frame["product"].astype(str) + " " + frame["units"].map(lambda u: f"{u:,.12g} U")
    several = len(frame["indication"].unique()) > 1
    return names + ", " + frame["indication"].astype(str) if several else names


def estimate_durations(cycles: Cycles) -> DurationReport:
    """Estimate durations by arm.

    Parameters
    ----------
    cycles : Cycles
        With ``product`` and ``units``. Product × dose is a factor, so placebo (0 units) has its own level.

    Returns
    -------
    DurationReport

    Raises
    ------
    FitError
        If no arm has a cycle that ended in loss of effect.
    """
    frame = cycles.frame
    frame["arm"] = arm_names(frame)
    response = response_table(frame)
    with_arm = Cycles(frame["lower"].to_numpy(), frame["upper"].to_numpy(), data=frame, endpoint=cycles.endpoint)
    durations = with_arm.responding
    own = durations.frame
    turnbull, fitted, notes = {}, [], []
    for arm in response.index:
        rows = (own["arm"] == arm).to_numpy()
        if not rows.any():
            notes.append(f"{arm}: no response, so no duration.")
            continue
        turnbull[arm] = Turnbull().fit(durations[rows])
        if np.isfinite(own["upper"][rows]).any():
            fitted.append(arm)
        else:
            notes.append(f"{arm}: no cycle ended in loss of effect; only Turnbull's estimate is given.")
    if not fitted:
        raise FitError(_nothing_to_estimate(frame))
    part = durations[own["arm"].isin(fitted).to_numpy()]
    if len(part.frame["patient"].unique()) < 2:
        raise FitError("only one patient has a cycle that ended in loss of effect: that says nothing about patients")
    formula = "0 + arm" if len(fitted) > 1 else "1"
    marginal = AFT(formula, family="lognormal", cov=ROBUST).fit(part)
    fit: MixedAFTResult | AFTResult = marginal
    try:
        mixed = MixedAFT(formula, family="lognormal").fit(part)
        fit = marginal if mixed.boundary else mixed
        if mixed.boundary:
            notes.append("The mixed model finds no variation between patients: the model without it is used.")
    except FitError as error:
        notes.append(f"No mixed model of the durations ({error}).")
    rows = [_row(arm, part, fit, marginal, turnbull[arm], notes) for arm in fitted]
    varied = _if_returns_matter(marginal, part, fitted, notes)
    return DurationReport(response, pd.DataFrame(rows).set_index("arm"), turnbull, fit, marginal, varied, tuple(notes))


def _if_returns_matter(
    marginal: AFTResult, part: Cycles, arms: list[str], notes: list[str]
) -> RetreatmentSensitivity | None:
    if not (part.frame["censoring"] == "retreated").any():
        return None
    newdata = pd.DataFrame({"arm": arms})
    try:
        return retreatment_sensitivity(marginal, part, DELTAS, newdata, IMPUTATIONS)
    except FitError as error:
        notes.append(f"It could not be tried how the medians depend on early returns ({error}).")
        return None


def _row(
    arm: str,
    part: Cycles,
    fit: MixedAFTResult | AFTResult,
    marginal: AFTResult,
    turnbull: TurnbullResult,
    notes: list[str],
) -> dict[str, object]:
    newdata = pd.DataFrame({"arm": [arm]})
    row: dict[str, object] = {"arm": arm, "turnbull_median": float(turnbull.quantile(0.5))}
    own = part[(part.frame["arm"] == arm).to_numpy()]
    estimates = {
        "median": fit.quantile(0.5, newdata),
        "rmst": fit.rmst(RMST_WEEKS, newdata),
        "marginal_median": marginal.quantile(0.5, newdata),
    }
    try:
        estimates["weibull_median"] = AFT("1", family="weibull", cov=ROBUST).fit(own).quantile(0.5)
    except FitError as error:
        notes.append(f"{arm}: no Weibull fit ({error}).")
    for name, table in estimates.items():
        row[name], row[f"{name}_lower"], row[f"{name}_upper"] = table[["estimate", "lower", "upper"]].iloc[0]
    return row


def _nothing_to_estimate(frame: pd.DataFrame) -> str:
    """Why no cycle ended in loss of effect, and what to do."""
    unassessed = int(frame["responder"].isna().sum())
    responders = int(frame["responder"].sum())
    if unassessed == len(frame):
        return (
            f"none of the {len(frame)} cycles has both a baseline and an assessment in the peak window, so no response "
            "can be seen; check the endpoint and the dates"
        )
    if not responders:
        return (
            f"none of the {len(frame) - unassessed} assessed cycles has a response, so there is no duration; "
            "check the endpoint"
        )
    return (
        f"no cycle ended in loss of effect: all {responders} with a response are right-censored, so durations cannot "
        "be estimated; check the endpoint, or wait for longer follow-up"
    )


def response_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Counts by arm and the share of assessed cycles without response.

    Notes
    -----
    The interval is Wilson's with the effective sample size n/deff, deff the patient-clustered variance (times
    G/(G − 1), G patients) over the binomial one, at least 1: Dean and Pagano 2015, doi:10.1093/jssam/smv024. Where all
    or no cycles respond, or of one patient, deff cannot be estimated and every patient counts once.
    """
    from statsmodels.stats.proportion import proportion_confint

    rows = {}
    for arm, group in frame.groupby("arm", sort=True):
        assessed = group[group["responder"].notna()]
        silent = (~assessed["responder"].astype(bool)).astype(float)
        n, share = len(assessed), float(silent.mean()) if len(assessed) else np.nan
        residual = (silent - share).groupby(assessed["patient"]).sum()
        clusters = len(residual)
        size = float(clusters)
        if clusters > 1 and 0 < share < 1:
            clustered = float((residual**2).sum()) / n**2 * clusters / (clusters - 1)
            size = n / max(clustered / (share * (1 - share) / n), 1.0)
        low, high = proportion_confint(share * size, size, method="wilson") if n else (np.nan, np.nan)
        rows[arm] = {
            "patients": group["patient"].nunique(),
            "cycles": len(group),
            "assessed": n,
            "responders": int(assessed["responder"].sum()),
            "non_response": share,
            "lower": low,
            "upper": high,
            "retreated": int((group["censoring"] == "retreated").sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")
