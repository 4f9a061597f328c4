"""The parametric bootstrap: what the estimates would have been in other cycles from the fitted model, seen alike."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...errors import FitError, RetreatError, must, must_all, whole_number
from ...streams import checked_seed
from ..observed import Observed
from ..serial import Writable

if TYPE_CHECKING:
    from ..result import DurationResult

ON_GRID = 1e-9  # of a visit interval: visits this close to the end of follow-up are made
MOST_PLANNED, ROWS_TO_A_VISIT = 20, 5  # different weeks up to which visits count as planned, the same for all
FINEST = 1e-15  # visits closer than this share of a duration cannot be told apart: it is known exactly
LONGEST = 700.0  # ln weeks, up and down: e^709 is the largest number, e^−708 the least that is exact
HALVINGS = 50  # of a bracket in ln t: far below what a visit grid can tell


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class BootstrapDraws(Writable):
    """Estimates from resampled cycles; made by ``fit.bootstrap``. An array wherever one is asked for, as in ``draws=``.

    Attributes
    ----------
    names : tuple of str, p
    draws : float array (resamples that could be fitted, p)
    estimate, se : float array (p,)
        Of the fit that was resampled.
    resamples : int
        How many were drawn.
    failures : tuple of (str, int)
        Why the others could not be fitted, and how many.
    seed : int
    """

    names: tuple[str, ...]
    draws: np.ndarray
    estimate: np.ndarray
    se: np.ndarray
    resamples: int
    failures: tuple[tuple[str, int], ...]
    seed: int

    def __post_init__(self) -> None:
        self.draws.setflags(write=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.draws, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.draws)

    @property
    def frame(self) -> pd.DataFrame:
        """One row per resample, one column per parameter."""
        return pd.DataFrame(self.draws, columns=list(self.names), copy=True)

    @property
    def failed(self) -> int:
        """Resamples that could not be fitted."""
        return self.resamples - len(self.draws)

    def summary_frame(self) -> pd.DataFrame:
        """One row per parameter: estimate, its bias (mean of the draws less the estimate) with Monte Carlo standard
        error, the fit's standard error, the draws' standard deviation, their 2.5 and 97.5 percentiles, and how many are
        on the parameter's boundary (such as no variation between patients): these count in the percentiles alone."""
        inside = self.frame.where(np.isfinite(self.draws))
        lower, upper = np.quantile(self.draws, [0.025, 0.975], axis=0, method="inverted_cdf")
        return pd.DataFrame(
            {
                "estimate": self.estimate,
                "bias": (inside.mean() - self.estimate).where(np.isfinite(self.estimate)),
                "bias_mcse": inside.std() / np.sqrt(inside.count()),
                "se": self.se,
                "sd": inside.std(),
                "lower": lower,
                "upper": upper,
                "on_boundary": len(self.draws) - inside.count(),
            },
            index=list(self.names),
        )

    def __repr__(self) -> str:
        return f"<parametric bootstrap: {self._line()}>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>Parametric bootstrap: {escape(self._line())}</p>" + self.summary_frame().to_html(
            float_format="{:.4f}".format
        )

    def _line(self) -> str:
        why = "; ".join(f"{count} × {reason}" for reason, count in self.failures)
        return f"{len(self)} of {self.resamples} resamples fitted, seed {self.seed}" + (f" ({why})" if why else "")


def parametric_bootstrap(fit: DurationResult, resamples: int, seed: int, progress: bool) -> BootstrapDraws:
    """Draw, observe and refit; see ``DurationResult.bootstrap``."""
    resamples = whole_number(resamples, "resamples", 2)
    seed = checked_seed(seed)
    must_draw_what_it_fits(fit)
    data, at = one_row_each(fit.data)
    kept, failures = [], Counter[str]()
    for stream in with_progress(np.random.SeedSequence(seed).spawn(resamples), "bootstrap", progress):
        try:
            kept.append(resampled(fit, data, at, np.random.default_rng(stream)).estimate)
        except RetreatError as error:
            failures[str(error)] += 1
    if len(kept) < 2:
        reason = failures.most_common(1)[0][0]
        raise FitError(f"{resamples - len(kept)} of {resamples} resamples could not be fitted: {reason}")
    se = np.sqrt(np.diag(fit.covariance))
    return BootstrapDraws(
        names=fit.names,
        draws=np.array(kept),
        estimate=fit.estimate,
        se=se,
        resamples=resamples,
        failures=tuple(failures.most_common()),
        seed=seed,
    )


def must_draw_what_it_fits(fit: DurationResult) -> None:
    """Raise `InputError` if the model cannot draw, or does not believe in what it would draw."""
    must(not fit._draws_nothing, fit._draws_nothing)
    robust = getattr(fit.model, "cov", "observed") in ("cluster", "sandwich")
    must(
        not robust or fit.n_patients == fit.nobs or hasattr(fit, "patients"),
        f'cov="{getattr(fit.model, "cov", "")}" allows the cycles of a patient to be alike, and this model would draw '
        "them independent",
        'use MixedAFT, which draws patients; or cov="observed", if cycles are independent',
    )


def resampled(fit: DurationResult, data: Observed, at: np.ndarray, rng: np.random.Generator) -> Any:
    """The fit to durations drawn from the fitted model; `data` and `at` are from `one_row_each`."""
    return fit._refit(observe_like(data, fit._simulate(rng, at, data.patient), rng), at)


def with_progress(steps: list[Any], name: str, progress: bool) -> Any:
    """`steps`, with a bar if `progress`."""
    from tqdm import tqdm

    return tqdm(steps, desc=name, unit="fit", disable=not progress)


def one_row_each(data: Observed) -> tuple[Observed, np.ndarray]:
    """Write out weights: a row that counts for three becomes a row of three patients.

    Returns
    -------
    Observed
        With weights of 1.
    int array
        Which row of `data` each is.

    Raises
    ------
    InputError
        If a weight is not a whole number: then how many cycles there were is not known.
    """
    must_all(
        data.weight == np.round(data.weight),
        "`weights` must be whole numbers for a parametric bootstrap: the cycles that a row counts for are drawn",
    )
    count = data.weight.astype(int)
    at = np.repeat(np.arange(count.size), count)
    copy = np.arange(at.size) - np.repeat(np.cumsum(count) - count, count)
    patient, own = np.unique(np.column_stack([copy, data.patient[at]]), axis=0, return_inverse=True)
    return (
        Observed(
            data.rows[at],
            data.lower[at],
            data.upper[at],
            np.ones(at.size),
            data.entry[at],
            own.ravel(),
            data.labels[patient[:, 1]],
        ),
        at,
    )


def independent_weeks(fit: DurationResult, x: np.ndarray, entry: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A duration for each row of `x` (n, k), independent of the others and longer than `entry`, (n,) weeks."""

    def log_survival(log_weeks: np.ndarray) -> np.ndarray:
        return fit._curves(fit.estimate, x, log_weeks[:, None], "marginal")[0][:, 0]

    with np.errstate(divide="ignore"):
        target = np.log(rng.uniform(size=len(x))) + log_survival(np.log(entry))
    low, high = np.full(len(x), -1.0), np.full(len(x), 4.0)
    for _ in range(12):  # up to ±10,000 in ln t, as for quantiles
        above, below = log_survival(high) > target, log_survival(low) < target
        if not (above | below).any():
            break
        width = high - low
        low, high = np.where(below, low - 2 * width, low), np.where(above, high + 2 * width, high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        lasts = log_survival(middle) > target
        low, high = np.where(lasts, middle, low), np.where(lasts, high, middle)
    return np.exp(np.clip((low + high) / 2, -LONGEST, LONGEST))


def observe_like(data: Observed, weeks: np.ndarray, rng: np.random.Generator) -> Observed:
    """Observe new durations as the rows of `data` were observed.

    Parameters
    ----------
    data : Observed, n rows
    weeks : float array (n,)
        A new duration for each row, longer than its entry.
    rng : numpy.random.Generator

    Returns
    -------
    Observed
        `data` with other bounds.

    Notes
    -----
    If all bounds are among a few weeks (at most 20, five rows to each, no duration exact, and more than one visit to a
    row), these are the planned visits of every row. Otherwise all that is known of a row's visits is its interval, and
    the rest is an assumption, the same for all models:

    - interval-censored rows: visits are apart by the width of the interval, and its ends are two of them;
    - left-censored rows: the first visit is at the upper bound, and later ones are apart by the width of an interval
      drawn from the interval-censored and exact rows;
    - right-censored rows: the last visit is at the lower bound, and earlier ones are apart by such a width;
    - exact rows are watched without a gap and stay exact; where a width drawn from them is 0, so does that row;
    - with neither interval-censored nor exact rows (current status), a row has the one visit that it had;
    - follow-up ends where a right-censored row ended. For the others it is drawn from the Kaplan–Meier estimate of
      follow-up (in which they are censored at their upper bounds) beyond their upper bound, and never ends if that
      estimate does not come down to 0.

    A visit that was missed counts as one that was not planned. New durations do not move a row's visits, so that
    inspection stays independent of duration, as the likelihood has it.
    """
    censored, left = np.isinf(data.upper), (data.lower == 0) & np.isfinite(data.upper)
    between = ~censored & ~left
    planned = np.unique(np.concatenate([data.lower, data.upper[~censored]]))
    few = planned.size <= min(MOST_PLANNED, weeks.size / ROWS_TO_A_VISIT)
    if few and between.any() and not (data.lower == data.upper).any():
        return _at_planned_visits(data, weeks, planned, _follow_up(data, rng))
    spacing = np.full(weeks.size, np.inf)
    spacing[between] = (data.upper - data.lower)[between]
    if between.any():
        share = data.weight[between] / data.weight[between].sum()
        spacing[~between] = rng.choice(spacing[between], np.count_nonzero(~between), p=share)
    visit = np.where(left, data.upper, data.lower)
    end = _follow_up(data, rng)

    once, always = np.isinf(spacing), np.maximum(weeks, visit) * FINEST >= spacing
    step = np.where(once | always, 1.0, spacing)
    before = np.ceil((weeks - visit) / step) - 1
    before += visit + (before + 1) * step <= 0  # beside a late visit, a very early loss is rounded to week 0
    lower, upper = visit + before * step, visit + (before + 1) * step
    with np.errstate(invalid="ignore", over="ignore"):
        last = visit + np.floor((end - visit) / step + ON_GRID) * step
    late = weeks > visit
    lower = np.select([always, once], [weeks, np.where(late, visit, 0.0)], lower)
    upper = np.select([always, once], [weeks, np.where(late, np.inf, visit)], upper)
    last = np.select([always, once], [end, visit], last)
    early = (lower <= 0) | (left & ~late)
    lower, upper = np.where(early, 0.0, lower), np.where(left & ~late, visit, upper)
    unseen = upper > last * (1 + ON_GRID)
    lower, upper = np.where(unseen, last, lower), np.where(unseen, np.inf, upper)
    return data._replace(lower=np.maximum(lower, data.entry), upper=upper)


def _at_planned_visits(data: Observed, weeks: np.ndarray, planned: np.ndarray, end: np.ndarray) -> Observed:
    """`planned` (m,) holds everyone's visits in order, and 0 where a row was left-censored; `end` (n,) of follow-up."""
    planned = planned[planned > 0]
    visits = np.concatenate([[0.0], planned, [np.inf]])
    after = np.searchsorted(visits, weeks, side="left")
    last = visits[np.searchsorted(planned, end, side="right")]
    seen = visits[after] <= last
    lower, upper = np.where(seen, visits[after - 1], last), np.where(seen, visits[after], np.inf)
    return data._replace(lower=np.maximum(lower, data.entry), upper=upper)


def _follow_up(data: Observed, rng: np.random.Generator) -> np.ndarray:
    """When each row's follow-up ends, (n,) weeks: its lower bound if it is right-censored, else drawn."""
    ended = np.isinf(data.upper)
    end = np.where(ended, data.lower, data.upper)
    if not ended.any():
        return np.full(end.size, np.inf)
    times, place = np.unique(end, return_inverse=True)
    place = place.ravel()
    leaving = np.bincount(place, data.weight)
    risk = np.cumsum(leaving[::-1])[::-1]
    after = np.cumprod(1 - np.bincount(place, data.weight * ended) / risk)
    after[after < ON_GRID] = 0.0  # rounding of the last step, at which all end
    level = rng.uniform(size=end.size) * np.append(1.0, after)[place]
    drawn = np.append(times, np.inf)[np.searchsorted(-after, -level, side="left")]
    return np.where(ended, end, drawn)
