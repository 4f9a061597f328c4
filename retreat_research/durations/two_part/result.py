"""What a fitted two-part model knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, log_expit, ndtr

from ...errors import must_all
from ..asked import must_be_free, numbers
from ..predictions import PREDICTED, WIDTH, NewData, Predictions
from ..result import DurationResult
from ..serial import Writable
from .response import ResponsePart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from statsmodels.iolib.summary2 import Summary

    from .model import TwoPart

RARE = 1e-6  # of responses end before, or last beyond, the weeks that are searched for the limits of a quantile
WEEKS = (1e-300, 1e300)  # what is beyond is 0 and inf
GRID = 200  # weeks looked at, three times, each time between two neighbours of the last: limits are good to 1e-6


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TwoPartResult(Predictions, Writable):
    """A fitted two-part model; made by `TwoPart.fit`.

    All that is predicted is of a cycle of which it is not known whether it responds; one without response is in benefit
    for 0 weeks. ``kind="conditional"`` concerns the durations alone: responding is always over patients.

    Attributes
    ----------
    model : TwoPart
        The specification.
    responding : ResponsePart
        The fitted response part, with its design, counts and working correlation; see `response` for a table.
    duration : DurationResult
        The fit of the durations of cycles with a response.
    estimate : float array (k + p,)
        The response's coefficients (log odds), then the duration's parameters.
    covariance : float array (k + p, k + p)
        Clustered by patient in the response part; see `TwoPart` on what stands between the parts.
    """

    model: TwoPart
    responding: ResponsePart
    duration: DurationResult
    estimate: np.ndarray
    covariance: np.ndarray

    def __post_init__(self) -> None:
        for array in (self.estimate, self.covariance, *self.responding[1:4], self.responding.labels):
            array.setflags(write=False)

    @property
    def response(self) -> pd.DataFrame:
        """The response part: estimate (log odds), se (clustered), z, p, lower, upper and ``odds_ratio``, k rows."""
        estimate = self.responding.estimate
        se = np.sqrt(np.diag(self.responding.covariance))
        return pd.DataFrame(
            {
                "estimate": estimate,
                "se": se,
                "z": estimate / se,
                "p": 2 * ndtr(-np.abs(estimate / se)),
                "lower": estimate - WIDTH * se,
                "upper": estimate + WIDTH * se,
                "odds_ratio": np.exp(estimate),
            },
            index=list(self.responding.design.names),
        )

    def _names(self) -> tuple[str, ...]:
        return (*self.responding.design.names, *self.duration.names)

    def _rows(self, newdata: NewData) -> tuple[np.ndarray, pd.DataFrame]:
        """Both designs side by side."""
        x, one = self.responding.design.matrix(newdata)
        z, other = self.duration._rows(newdata)
        return np.hstack([x, z]), one.join(other[[name for name in other if name not in one]])

    def _curves(
        self, theta: np.ndarray, x: np.ndarray, log_weeks: np.ndarray, kind: str
    ) -> tuple[np.ndarray, np.ndarray]:
        k = self.responding.estimate.size
        log_survival, log_density = self.duration._curves(theta[k:], x[:, k:], log_weeks, kind)
        log_response = log_expit(x[:, :k] @ theta[:k])[:, None]
        return log_response + log_survival, log_response + log_density

    def benefit(
        self, weeks: ArrayLike, newdata: NewData = None, kind: str = "marginal", draws: ArrayLike | None = None
    ) -> pd.DataFrame:
        """The probability that a cycle is in benefit at `weeks`: that it responds, and for longer than that.

        Parameters
        ----------
        weeks : array_like of float, weeks
        newdata : DataFrame or dict, optional
            The variables of both formulas; may be left out if there are none.
        kind : {"marginal", "conditional"}
            The durations over patients, or for a patient whose random effects are 0.
        draws : array_like of float, shape (draws, k + p), optional
            Draws of `estimate`; intervals are then their percentiles.

        Returns
        -------
        pandas.DataFrame
            The variables, ``weeks``, ``estimate``, ``se``, ``lower`` and ``upper`` (95%; the delta method's interval is
            symmetric in the logit). At week 0 it is the probability of responding.
        """
        weeks = numbers(weeks, "weeks")
        must_all(weeks >= 0, "`weeks` must be numbers that are not negative")
        with np.errstate(divide="ignore"):
            log_weeks = np.log(weeks)[None, :]

        def logit(theta: np.ndarray, x: np.ndarray) -> np.ndarray:
            log_benefit = self._curves(theta, x, log_weeks, kind)[0]
            return log_benefit - np.log(-np.expm1(log_benefit))

        return self._predict(logit, "weeks", weeks, newdata, kind, draws, expit, _expit_rate)

    survival = benefit  # what the figures of durations ask for

    def response_probability(self, newdata: NewData = None, draws: ArrayLike | None = None) -> pd.DataFrame:
        """The probability of responding, for each row of `newdata`: `benefit` at week 0."""
        return self.benefit(0, newdata, draws=draws).drop(columns="weeks")

    def median(self, newdata: NewData = None, kind: str = "marginal", draws: ArrayLike | None = None) -> pd.DataFrame:
        """The unconditional median: from when on at most half of all cycles are in benefit; see `quantile`."""
        return self.quantile(0.5, newdata, kind, draws)

    def quantile(
        self, p: ArrayLike, newdata: NewData = None, kind: str = "marginal", draws: ArrayLike | None = None
    ) -> pd.DataFrame:
        """The first week after onset at which the probability of being in benefit is at most 1 − p.

        Parameters
        ----------
        p : array_like of float, in (0, 1)
        newdata, kind, draws
            As for `benefit`.

        Returns
        -------
        pandas.DataFrame
            The variables, ``p``, ``estimate``, ``lower`` and ``upper`` (weeks) and ``reading``, which says them in
            words. NaN is "none": fewer than 1 − p respond. The limits are where those of `benefit` cross 1 − p [1]_, so
            there can be a lower limit of none (it may be that too few respond), an upper limit beside an estimate of
            none, and an upper limit of inf.

        References
        ----------
        .. [1] Brookmeyer R, Crowley J (1982). A confidence interval for the median survival time. Biometrics 38:29-41.
           doi:10.2307/2530286
        """
        p = numbers(p, "p")
        must_all((p > 0) & (p < 1), "`p` must lie between 0 and 1")
        x, variables = self._rows(newdata)
        must_be_free(variables, ("p", *PREDICTED, "reading"))
        with np.errstate(over="ignore"):  # inf is beyond the range of numbers
            estimate = np.exp(self._log_quantile(self.estimate, x, p, kind))
        limits = np.array(
            [
                [self._crossing(variables.iloc[[i]], share, kind, draws) for share in 1 - p]
                for i in range(len(variables))
            ]
        ).reshape(len(x), p.size, 2)
        table = variables.loc[variables.index.repeat(p.size)].reset_index(drop=True)
        table = table.assign(
            p=np.tile(p, len(x)),
            estimate=estimate.ravel(),
            lower=limits[..., 0].ravel(),
            upper=limits[..., 1].ravel(),
        )
        said = [_reading(*row) for row in table[["estimate", "lower", "upper"]].itertuples(index=False)]
        return table.assign(reading=said)

    def contrast(
        self,
        newdata: NewData,
        of: str = "median",
        weeks: float = 26.0,
        kind: str = "marginal",
        draws: ArrayLike | None = None,
    ) -> pd.DataFrame:
        """Each row of `newdata` against the first: unconditional medians, or weeks in benefit during the first `weeks`.

        See `Predictions.contrast`. ``of="rmst"`` always exists; ``of="median"`` is an error where fewer than half
        respond.
        """
        if of == "median":
            x, _ = self._rows(newdata)
            exists = np.isfinite(self._log_quantile(self.estimate, x, np.array([0.5]), kind)[:, 0])
            must_all(exists, "`newdata` has rows without a median, since fewer than half respond", 'use of="rmst"')
        return super().contrast(newdata, of, weeks, kind, draws)

    def _crossing(self, row: pd.DataFrame, share: float, kind: str, draws: ArrayLike | None) -> tuple[float, float]:
        """Where the lower and the upper limit of `benefit` first are at most `share`."""
        begin, end = np.clip(self.duration.quantile([RARE, 1 - RARE], row, kind)["estimate"], *WEEKS)
        start = np.append(0.0, np.geomspace(begin, end, GRID))

        def first(limit: str) -> float:
            weeks = start
            for _ in range(3):
                low = np.flatnonzero(self.benefit(weeks, row, kind, draws)[limit].to_numpy() <= share)
                if not low.size:
                    return np.inf
                if low[0] == 0:
                    return np.nan
                weeks = np.linspace(weeks[low[0] - 1], weeks[low[0]], GRID)
            return float(weeks[-1]) if weeks[-1] > WEEKS[0] else 0.0

        return first("lower"), first("upper")

    def _log_quantile(
        self, theta: np.ndarray, x: np.ndarray, p: np.ndarray, kind: str, halvings: int = 60
    ) -> np.ndarray:
        """ln t at which p(x)·S(t | x) = 1 − p; NaN where p(x) is less."""
        k = self.responding.estimate.size
        with np.errstate(divide="ignore"):
            lasting = (1 - p) / expit(x[:, :k] @ theta[:k])[:, None]
        found = np.full(lasting.shape, np.nan)
        for i, j in np.argwhere(lasting < 1):
            at = np.array([1 - lasting[i, j]])
            found[i, j] = self.duration._log_quantile(theta[k:], x[i : i + 1, k:], at, kind, halvings)[0, 0]
        return found

    def _log_rmst(self, theta: np.ndarray, x: np.ndarray, weeks: np.ndarray, kind: str) -> np.ndarray:
        """ln of the expected weeks in benefit during the first `weeks`: p(x) times the mean of those who respond."""
        k = self.responding.estimate.size
        return log_expit(x[:, :k] @ theta[:k])[:, None] + self.duration._log_rmst(theta[k:], x[:, k:], weeks, kind)

    def summary_frame(self) -> pd.DataFrame:
        """Both parts, indexed by part and parameter; ``ratio`` is the odds ratio or the time ratio (hazard ratio)."""
        parts = {
            "response": self.response.rename(columns={"odds_ratio": "ratio"}),
            "duration": self.duration.summary_frame().rename(columns={self.duration.ratio: "ratio"}),
        }
        return pd.concat(parts, names=["part", "parameter"])

    def summary(self) -> Summary:
        """Both parts as statsmodels prints a fit."""
        from statsmodels.iolib.summary2 import Summary

        part, text = self.responding, Summary()
        text.add_title(f"Two-part: response, and {self.duration.title[0].lower()}{self.duration.title[1:]}")
        text.add_dict(
            {
                "Response:": self.model.response,
                "Duration:": f"{self.duration.family} {self.duration.model.formula}",
                "Cycles assessed:": str(part.assessed),
                "Responders:": str(part.responders),
                "Not assessed:": str(part.unassessed),
                "Patients:": str(part.labels.size),
                "Working corr.:": f"{part.correlation:.4f}",
                "Log-lik. duration:": f"{self.duration.llf:.4f}",
            }
        )
        text.add_df(self.response.drop(columns="odds_ratio"), float_format="%.5f")
        text.add_df(self.duration.summary_frame().drop(columns=self.duration.ratio), float_format="%.5f")
        text.add_text("First the response (log odds, clustered by patient), then the durations of responders.")
        if self.duration.endpoint is not None:
            text.add_text(f"Loss of effect: {self.duration.endpoint}.")
        return text

    def plot(self, ax: Axes | None = None, newdata: NewData = None, kind: str = "marginal") -> Axes:
        """Draw the probability of being in benefit with 95% bands, a curve for each row of `newdata`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        newdata : DataFrame or dict, optional
            The variables of both formulas; may be left out if there are none.
        kind : {"marginal", "conditional"}

        Returns
        -------
        matplotlib.axes.Axes
        """
        from ..figures import curves

        ax = curves(self, newdata, ax, kind=kind)
        ax.axhline(0.5, color="0.6", linewidth=1, zorder=0)
        ax.set(ylabel="Share of all cycles in benefit")
        return ax

    def __repr__(self) -> str:
        return f"<TwoPart: {self._line()}>"

    def _repr_html_(self) -> str:
        from html import escape

        table = self.summary_frame().to_html(float_format="{:.4f}".format)
        return f"<p>TwoPart: {escape(self._line())}</p>" + table

    def _line(self) -> str:
        part = self.responding
        return (
            f"response {self.model.response!r}, {part.responders} of {part.assessed} cycles of {part.labels.size} "
            f"patients respond ({part.unassessed} not assessed); duration {self.duration!r}"
        )


def _expit_rate(value: np.ndarray) -> Any:
    return expit(value) * expit(-value)


def _reading(estimate: float, lower: float, upper: float) -> str:
    def weeks(value: float) -> str:
        return "none" if np.isnan(value) else "no limit" if np.isinf(value) else f"{value:.1f}"

    if np.isnan(upper):
        return "none"
    return f"{weeks(estimate)}{'' if np.isnan(estimate) else ' weeks'} ({weeks(lower)} to {weeks(upper)})"
