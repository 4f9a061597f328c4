"""Survival, quantiles, restricted means, hazards and contrasts of fitted durations, with intervals.

A model says one thing, its curves: log S and the log density of ln T at any parameters. Everything else follows here:
quantiles by bisection, restricted means by quadrature, and intervals by the delta method with differenced gradients, or
from draws of the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from ..errors import must, must_all, real_numbers
from .asked import must_be_free, numbers, one_number

if TYPE_CHECKING:
    from .design import Design

WIDTH = ndtri(0.975)  # half a 95% interval, in standard errors
KINDS = ("marginal", "conditional")
PREDICTED = ("estimate", "se", "lower", "upper")
CONTRAST = (*(part + end for part in ("difference", "ratio") for end in ("", "_se", "_lower", "_upper")), "p")
SPREADS, CORRELATIONS = ("log(sd)", "log(sd slope)", "log(theta)"), ("atanh(corr)",)  # −inf and ±inf on boundaries
STEP = 1e-3  # of a standard error: differences of smooth curves, good to about 1e-9
TAIL = 1e-13  # while this share has lost effect, the mean is what S = 1 makes of it
FIRST = -30.0  # so it is in e^−30 of the median: a mean gains at most 1e-13 of it from there
LAST = -60.0  # log S from which on the mean is what S = 0 makes of it, heavy tails included
WIDENINGS = 330  # of what is searched in ln t, each to three times as much: 9 do for real covariates
PANELS, NODES = 32, 16  # Gauss–Legendre in ln t

NewData: TypeAlias = "pd.DataFrame | Mapping[str, Any] | None"
Value: TypeAlias = "Callable[[np.ndarray], np.ndarray]"


class Predictions:
    """What can be asked of a fit. The fit has ``design``, ``estimate``, ``covariance`` and `_curves`."""

    design: Design
    estimate: np.ndarray
    covariance: np.ndarray

    def _curves(
        self, theta: np.ndarray, x: np.ndarray, log_weeks: np.ndarray, kind: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """log S(t) and the log density of ln T, both (rows, m), at parameters `theta`.

        `x` is (rows, k) from `_rows`, `log_weeks` broadcasts to (rows, m).
        """
        raise NotImplementedError

    def _rows(self, newdata: NewData) -> tuple[np.ndarray, pd.DataFrame]:
        """The rows of the design for `newdata`, and the variables they were made from."""
        return self.design.matrix(newdata)

    def survival(
        self, weeks: ArrayLike, newdata: NewData = None, kind: str = "marginal", draws: ArrayLike | None = None
    ) -> pd.DataFrame:
        """The probability that effect lasts longer than `weeks`, for each row of `newdata`.

        Parameters
        ----------
        weeks : array_like of float, weeks
        newdata : DataFrame or dict, optional
            The formula's variables; may be left out if there are none.
        kind : {"marginal", "conditional"}
            Over patients, or for a patient whose random effects are 0 (frailty 1). The same without random effects.
        draws : array_like of float, shape (draws, p), optional
            Draws of the parameters, such as ``fit.bootstrap()`` gives; intervals are then their percentiles.

        Returns
        -------
        pandas.DataFrame
            The variables, ``weeks``, ``estimate``, ``se``, ``lower`` and ``upper`` (95%). The delta method's interval
            is symmetric in ln(−ln S).
        """
        weeks = numbers(weeks, "weeks")
        must_all(weeks >= 0, "`weeks` must be numbers that are not negative")
        with np.errstate(divide="ignore"):
            log_weeks = np.log(weeks)[None, :]

        def value(theta: np.ndarray, x: np.ndarray) -> np.ndarray:
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.log(-self._curves(theta, x, log_weeks, kind)[0])

        def back(value: np.ndarray) -> np.ndarray:
            return np.exp(-np.exp(value))

        def rate(value: np.ndarray) -> np.ndarray:
            return np.exp(value - np.exp(value))

        return self._predict(value, "weeks", weeks, newdata, kind, draws, back, rate)

    def quantile(
        self, p: ArrayLike, newdata: NewData = None, kind: str = "marginal", draws: ArrayLike | None = None
    ) -> pd.DataFrame:
        """The weeks by which a share `p` of cycles has lost effect, for each row of `newdata`.

        Parameters
        ----------
        p : array_like of float, in (0, 1)
        newdata, kind, draws
            As for `survival`.

        Returns
        -------
        pandas.DataFrame
            The variables, ``p``, ``estimate``, ``se``, ``lower`` and ``upper`` (weeks; 95%, symmetric in ln t).
        """
        p = numbers(p, "p")
        must_all((p > 0) & (p < 1), "`p` must lie between 0 and 1")

        def value(theta: np.ndarray, x: np.ndarray) -> np.ndarray:
            return self._log_quantile(theta, x, p, kind)

        def gradient(x: np.ndarray) -> np.ndarray:
            at = value(self.estimate, x)
            slope = -np.exp(np.subtract(*self._curves(self.estimate, x, at, kind)[::-1]))  # of log S in ln t
            moved = _differences(lambda theta: self._curves(theta, x, at, kind)[0], self.estimate, self._steps())
            return -moved / slope[..., None]

        return self._predict(value, "p", p, newdata, kind, draws, np.exp, np.exp, gradient)

    def rmst(
        self, weeks: ArrayLike, newdata: NewData = None, kind: str = "marginal", draws: ArrayLike | None = None
    ) -> pd.DataFrame:
        """The mean duration restricted to the first `weeks`, for each row of `newdata`.

        Parameters
        ----------
        weeks : array_like of float, weeks
        newdata, kind, draws
            As for `survival`.

        Returns
        -------
        pandas.DataFrame
            The variables, ``weeks``, ``estimate``, ``se``, ``lower`` and ``upper`` (weeks; 95%, symmetric in the
            logarithm).
        """
        weeks = numbers(weeks, "weeks")
        must_all((weeks > 0) & np.isfinite(weeks), "`weeks` must be positive numbers")

        def value(theta: np.ndarray, x: np.ndarray) -> np.ndarray:
            return self._log_rmst(theta, x, weeks, kind)

        return self._predict(value, "weeks", weeks, newdata, kind, draws, np.exp, np.exp)

    def hazard(
        self, weeks: ArrayLike, newdata: NewData = None, kind: str = "marginal", draws: ArrayLike | None = None
    ) -> pd.DataFrame:
        """The rate, per week, at which effect that has lasted until `weeks` is lost, for each row of `newdata`.

        Parameters
        ----------
        weeks : array_like of float, weeks
        newdata, kind, draws
            As for `survival`. The marginal hazard is that of cycles drawn from all patients: it falls behind the
            conditional one, as cycles of patients with short durations are the first to end.

        Returns
        -------
        pandas.DataFrame
            The variables, ``weeks``, ``estimate``, ``se``, ``lower`` and ``upper`` (per week; 95%, symmetric in the
            logarithm).
        """
        weeks = numbers(weeks, "weeks")
        must_all((weeks > 0) & np.isfinite(weeks), "`weeks` must be positive numbers")
        log_weeks = np.log(weeks)[None, :]

        def value(theta: np.ndarray, x: np.ndarray) -> np.ndarray:
            log_survival, log_density = self._curves(theta, x, log_weeks, kind)
            gone = np.isneginf(log_survival)  # beyond the range of numbers
            return np.where(gone, np.inf, log_density - log_survival - log_weeks)

        return self._predict(value, "weeks", weeks, newdata, kind, draws, np.exp, np.exp)

    def contrast(
        self,
        newdata: NewData,
        of: str = "median",
        weeks: float = 26.0,
        kind: str = "marginal",
        draws: ArrayLike | None = None,
    ) -> pd.DataFrame:
        """Each row of `newdata` against the first: difference and ratio of medians or restricted means.

        Parameters
        ----------
        newdata : DataFrame or dict
            The formula's variables, two rows or more.
        of : {"median", "rmst"}
        weeks : float, weeks
            What a mean is restricted to.
        kind, draws
            As for `survival`.

        Returns
        -------
        pandas.DataFrame
            A row for each row of `newdata` after the first: the variables, ``difference`` (weeks) and ``ratio``, each
            with ``_se``, ``_lower`` and ``_upper`` (95%; the ratio's is symmetric in its logarithm), and ``p`` of no
            difference (of the log ratio, or from draws (1 + those on the far side of 1)/(1 + all), doubled).
        """
        must(isinstance(of, str) and of in ("median", "rmst"), f"`of` must be median or rmst, not {of!r}")
        weeks = one_number(weeks, "weeks")
        must(0 < weeks < np.inf, "`weeks` must be a positive number")
        _must_be_a_kind(kind)
        x, variables = self._rows(newdata)
        must_be_free(variables, CONTRAST)
        must(len(x) > 1, "`newdata` must have two rows or more: each is compared with the first")

        def value(theta: np.ndarray) -> np.ndarray:
            if of == "median":
                return self._log_quantile(theta, x, np.array([0.5]), kind)[:, 0]
            return self._log_rmst(theta, x, np.array([weeks]), kind)[:, 0]

        with np.errstate(all="ignore"):  # what is beyond the range of numbers is 0 or inf
            logs = value(self.estimate)
            found, log_ratio = np.exp(logs), logs[1:] - logs[0]
            must_all(np.isfinite(found), f"`newdata` has rows whose {of} is beyond the range of numbers")
            difference = found[1:] - found[0]
            if draws is None:
                gradient = _differences(value, self.estimate, self._steps())
                se_log = _errors(gradient[1:] - gradient[0], self.covariance)
                se = _errors(found[1:, None] * gradient[1:] - found[0] * gradient[0], self.covariance)
                ends = np.array([[-WIDTH], [WIDTH]])
                low, high = difference + ends * se
                ratio_low, ratio_high = np.exp(log_ratio + ends * se_log)
                p = 2 * ndtr(-np.abs(log_ratio / se_log))
            else:
                drawn = np.array([value(theta) for theta in self._checked(draws)])
                moved = drawn[:, 1:] - drawn[:, :1]
                apart = np.exp(drawn[:, 1:]) - np.exp(drawn[:, :1])
                se, (low, high) = _spread(apart)
                se_log, log_ends = _spread(moved)
                ratio_low, ratio_high = np.exp(log_ends)
                beyond = np.minimum((moved <= 0).sum(axis=0), (moved >= 0).sum(axis=0))
                p = np.minimum(1, 2 * (1 + beyond) / (1 + len(moved)))
        table = variables.iloc[1:].reset_index(drop=True)
        return table.assign(
            difference=difference,
            difference_se=se,
            difference_lower=low,
            difference_upper=high,
            ratio=np.exp(log_ratio),
            ratio_se=np.exp(log_ratio) * se_log,
            ratio_lower=ratio_low,
            ratio_upper=ratio_high,
            p=p,
        )

    def _predict(
        self,
        value: Callable[[np.ndarray, np.ndarray], np.ndarray],
        name: str,
        at: np.ndarray,
        newdata: NewData,
        kind: str,
        draws: ArrayLike | None,
        back: Value,
        rate: Value,
        gradient: Value | None = None,
    ) -> pd.DataFrame:
        """`value` where its interval is symmetric, taken `back`; `rate` is the size of back's derivative."""
        _must_be_a_kind(kind)
        x, variables = self._rows(newdata)
        must_be_free(variables, (name, *PREDICTED))
        if len(x) * at.size == 0:
            return variables.iloc[:0].assign(**dict.fromkeys((name, *PREDICTED), np.zeros(0)))
        with np.errstate(all="ignore"):  # what is beyond the range of numbers is 0 or inf
            found = value(self.estimate, x)
            known = np.isfinite(found)  # at week 0 and inf nothing is uncertain
            estimate = back(found)
            if draws is None:
                slopes = (
                    _differences(lambda theta: value(theta, x), self.estimate, self._steps())
                    if gradient is None
                    else gradient(x)
                )
                reach = np.where(known, _errors(np.where(known[..., None], slopes, 0.0), self.covariance), 0.0)
                reach = np.where(np.isnan(reach), np.inf, reach)  # the curve is too far off to be differenced
                se = np.where(np.isinf(reach), np.inf, np.where(known, rate(found) * reach, 0.0))
                ends = np.sort([back(found - WIDTH * reach), back(found + WIDTH * reach)], axis=0)
            else:
                drawn = np.array([back(value(theta, x)) for theta in self._checked(draws)])
                se, ends = _spread(drawn)
        table = variables.loc[variables.index.repeat(at.size)].reset_index(drop=True)
        return table.assign(
            **{name: np.tile(at, len(x))},
            estimate=estimate.ravel(),
            se=se.ravel(),
            lower=ends[0].ravel(),
            upper=ends[1].ravel(),
        )

    def _names(self) -> tuple[str, ...]:
        """Of `estimate`."""
        raise NotImplementedError

    def _checked(self, draws: ArrayLike) -> np.ndarray:
        """`draws` as an array; what is on its boundary may be infinite, as ``fit.bootstrap()`` gives it."""
        array = real_numbers(draws, "draws")
        p = self.estimate.size
        must(array.ndim == 2 and array.shape[1] == p and len(array) > 1, f"`draws` must be of shape (draws, {p})")
        spread, corr = ([name in edges for name in self._names()] for edges in (SPREADS, CORRELATIONS))
        usable = np.isfinite(array) | (spread & (array == -np.inf)) | (corr & np.isinf(array))
        must_all(usable.all(axis=1), "`draws` must be numbers", "leave out the draws that are not")
        return array

    def _steps(self) -> np.ndarray:
        se = np.sqrt(np.diag(self.covariance))
        return np.where(se > 0, STEP * np.where(se > 0, se, 1.0), 1e-6)

    def _log_quantile(
        self, theta: np.ndarray, x: np.ndarray, p: np.ndarray, kind: str, halvings: int = 60
    ) -> np.ndarray:
        """ln t at which S = 1 − p, (rows, len(p))."""
        return self._log_time(theta, x, np.log1p(-p), kind, halvings)

    def _log_time(
        self, theta: np.ndarray, x: np.ndarray, log_survival: np.ndarray, kind: str, halvings: int
    ) -> np.ndarray:
        """ln t at which log S is each of `log_survival` (m,), (rows, m), by bisection."""
        target = log_survival[None, :]
        low = np.full((len(x), target.size), -1.0)
        high = np.full((len(x), target.size), 4.0)
        for _ in range(WIDENINGS):
            above = self._curves(theta, x, high, kind)[0] > target
            below = self._curves(theta, x, low, kind)[0] < target
            if not (above | below).any():
                break
            width = high - low
            low, high = np.where(below, low - 2 * width, low), np.where(above, high + 2 * width, high)
        for _ in range(halvings):
            middle = (low + high) / 2
            lasts = self._curves(theta, x, middle, kind)[0] > target
            low, high = np.where(lasts, middle, low), np.where(lasts, high, middle)
        return (low + high) / 2

    def _log_rmst(self, theta: np.ndarray, x: np.ndarray, weeks: np.ndarray, kind: str) -> np.ndarray:
        """ln ∫_0^τ S dt, (rows, len(weeks)): S is 1 below the bulk, and the bulk has panels in ln t."""
        ends = np.array([-TAIL, -np.log(2), LAST])
        bulk = self._log_time(theta, x, ends, kind, halvings=12)  # its ends need no precision
        end = np.log(weeks)[None, :]
        begin = np.minimum(np.maximum(bulk[:, :1], bulk[:, 1:2] + FIRST), end)
        stop = np.minimum(bulk[:, 2:], end)
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        width = (stop - begin)[..., None] / PANELS
        places = (np.arange(PANELS)[:, None] + (nodes + 1) / 2).ravel()
        log_t = begin[..., None] + width * places
        flat = log_t.reshape(len(x), -1)
        survival = np.exp(self._curves(theta, x, flat, kind)[0]).reshape(log_t.shape)
        inside = (survival * np.exp(log_t) * np.tile(weights / 2, PANELS) * width).sum(axis=-1)
        return np.log(np.exp(begin) + inside)


def _must_be_a_kind(kind: str) -> None:
    must(isinstance(kind, str) and kind in KINDS, f"`kind` must be one of {', '.join(KINDS)}, not {kind!r}")


def _spread(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviation over the first axis, and the 2.5% and 97.5% points; inf if draws are."""
    known = ~np.isnan(drawn).reshape(len(drawn), -1).any(axis=1)
    must_all(known, "`draws` must be parameters at which this can be predicted", "leave out the draws that are not")
    se, ends = drawn.std(axis=0, ddof=1), np.quantile(drawn, [0.025, 0.975], axis=0)
    if np.isfinite(drawn).all():
        return se, ends
    nearest = np.quantile(drawn, [0.025, 0.975], axis=0, method="nearest")  # none lies between a number and inf
    return np.where(np.isnan(se), np.inf, se), np.where(np.isnan(ends), nearest, ends)


def _differences(value: Value, theta: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Central differences of `value` along each parameter, stacked on the last axis."""
    moves = np.diag(steps)
    with np.errstate(invalid="ignore"):
        parts = [(value(theta + d) - value(theta - d)) / (2 * h) for d, h in zip(moves, steps, strict=True)]
    return np.stack(parts, axis=-1)


def _errors(gradient: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Standard errors of what has these gradients (…, p); a direction without uncertainty has none."""
    return np.sqrt(np.maximum(((gradient @ np.nan_to_num(covariance)) * gradient).sum(axis=-1), 0.0))
