"""What a fitted accelerated failure time model knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from ..errors import must, must_all
from .design import Design
from .families import family_named
from .predictions import Curve, log_quantile, log_rmst, survival_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from statsmodels.iolib.summary2 import Summary

    from .aft import AFT

LOG_SCALE = "log(scale)"
WIDTH = ndtri(0.975)  # half a 95% interval, in standard errors

NewData: TypeAlias = "pd.DataFrame | Mapping[str, Any] | None"


@dataclass(frozen=True, eq=False, repr=False)
class AFTResult:
    """A fitted accelerated failure time model; made by `AFT.fit`.

    Attributes
    ----------
    model : AFT
        The specification.
    design : Design
        The formula as it was used.
    estimate : float array (k + 1,)
        β and log σ; see `params`.
    covariance : float array (k + 1, k + 1)
        See `cov_params`.
    llf : float
        The log-likelihood of the durations in weeks, as R's ``survreg`` counts it.
    nobs, n_patients : int
        Cycles fitted (those with a response and a positive weight), and how many patients they belong to.
    censoring : tuple of (str, int)
        How many of them ended how; the words are those of `Cycles`.
    endpoint : object
        What "loss of effect" means here, from the cycles.
    """

    model: AFT
    design: Design
    estimate: np.ndarray
    covariance: np.ndarray
    llf: float
    nobs: int
    n_patients: int
    censoring: tuple[tuple[str, int], ...]
    endpoint: Any

    def __post_init__(self) -> None:
        self.estimate.setflags(write=False)
        self.covariance.setflags(write=False)

    @property
    def family(self) -> str:
        """Distribution of T: "lognormal", "weibull" or "loglogistic"."""
        return self.model.family

    @property
    def scale(self) -> float:
        """σ, the scale of ln T."""
        return float(np.exp(self.estimate[-1]))

    @property
    def params(self) -> pd.Series:
        """β by name, and log(scale)."""
        return pd.Series(self.estimate, index=self._names, name="estimate", copy=True)

    @property
    def bse(self) -> pd.Series:
        """Standard errors."""
        return pd.Series(np.sqrt(np.diag(self.covariance)), index=self._names, name="se")

    def cov_params(self) -> pd.DataFrame:
        """Covariance of `params`, of the kind that the model asked for."""
        return pd.DataFrame(self.covariance, index=self._names, columns=self._names, copy=True)

    @property
    def tvalues(self) -> pd.Series:
        """Estimates over standard errors, normal if the parameter is 0."""
        return (self.params / self.bse).rename("z")

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values of `tvalues`."""
        return (2 * ndtr(-self.tvalues.abs())).rename("p")

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Normal (1 − alpha) intervals of `params`: lower, upper."""
        must(0 < alpha < 1, "`alpha` must lie between 0 and 1")
        reach = ndtri(1 - alpha / 2) * self.bse
        return pd.DataFrame({"lower": self.params - reach, "upper": self.params + reach})

    @property
    def aic(self) -> float:
        """Akaike's criterion, −2 llf + 2 × parameters."""
        return -2 * self.llf + 2 * self.estimate.size

    @property
    def bic(self) -> float:
        """Schwarz's criterion, −2 llf + ln(nobs) × parameters."""
        return -2 * self.llf + float(np.log(self.nobs)) * self.estimate.size

    @property
    def converged(self) -> bool:
        """True: a fit that does not converge raises `FitError`."""
        return True

    def survival(self, weeks: ArrayLike, newdata: NewData = None) -> pd.DataFrame:
        """The probability that effect lasts longer than `weeks`, for each row of `newdata`.

        Parameters
        ----------
        weeks : array_like of float, weeks
        newdata : DataFrame or dict, optional
            The formula's variables; may be left out if there are none.

        Returns
        -------
        pandas.DataFrame
            The variables, ``weeks``, ``estimate``, ``se``, ``lower`` and ``upper`` (95%). The interval is symmetric in
            z = (ln t − xβ)/σ: on the complementary log-log scale for Weibull, the logit for log-logistic.
        """
        weeks = np.atleast_1d(np.asarray(weeks, dtype=float))
        must_all(weeks >= 0, "`weeks` must be numbers that are not negative")
        family = family_named(self.family)

        def back(z: np.ndarray) -> np.ndarray:
            return np.exp(family.log_survival(z))

        def rate(z: np.ndarray) -> np.ndarray:
            return np.exp(family.log_density(z))

        return self._predict(survival_scale, "weeks", weeks, newdata, back, rate)

    def quantile(self, p: ArrayLike, newdata: NewData = None) -> pd.DataFrame:
        """The weeks by which a share `p` of cycles has lost effect, for each row of `newdata`.

        Parameters
        ----------
        p : array_like of float, in (0, 1)
        newdata : DataFrame or dict, optional
            The formula's variables; may be left out if there are none.

        Returns
        -------
        pandas.DataFrame
            The variables, ``p``, ``estimate``, ``se``, ``lower`` and ``upper`` (weeks; 95%, symmetric in ln t).
        """
        p = np.atleast_1d(np.asarray(p, dtype=float))
        must_all((p > 0) & (p < 1), "`p` must lie between 0 and 1")
        return self._predict(log_quantile, "p", p, newdata, np.exp, np.exp)

    def rmst(self, weeks: ArrayLike, newdata: NewData = None) -> pd.DataFrame:
        """The mean duration restricted to the first `weeks`, for each row of `newdata`.

        Parameters
        ----------
        weeks : array_like of float, weeks
        newdata : DataFrame or dict, optional
            The formula's variables; may be left out if there are none.

        Returns
        -------
        pandas.DataFrame
            The variables, ``weeks``, ``estimate``, ``se``, ``lower`` and ``upper`` (weeks; 95%, symmetric in the
            logarithm).
        """
        weeks = np.atleast_1d(np.asarray(weeks, dtype=float))
        must_all((weeks > 0) & np.isfinite(weeks), "`weeks` must be positive numbers")
        return self._predict(log_rmst, "weeks", weeks, newdata, np.exp, np.exp)

    def _predict(
        self,
        method: Callable[..., Curve],
        name: str,
        at: np.ndarray,
        newdata: NewData,
        back: Callable[[np.ndarray], np.ndarray],
        rate: Callable[[np.ndarray], np.ndarray],
    ) -> pd.DataFrame:
        """Delta method on the curve's own scale, taken `back`; `rate` is the size of back's derivative."""
        x, variables = self.design.matrix(newdata)
        curve = method(family_named(self.family), x @ self.estimate[:-1], self.scale, at)
        gradient = np.concatenate(
            [curve.by_location[..., None] * x[:, None, :], curve.by_log_scale[..., None]], axis=-1
        ).reshape(-1, self.estimate.size)
        value = curve.value.ravel()
        with np.errstate(invalid="ignore", over="ignore"):  # at week 0 and inf, where nothing is uncertain
            variance = ((gradient @ self.covariance) * gradient).sum(axis=1)
            reach = np.where(np.isfinite(value), np.sqrt(variance), 0.0)
            se = np.where(np.isfinite(value), rate(value) * reach, 0.0)
            estimate = back(value)
            ends = np.sort([back(value - WIDTH * reach), back(value + WIDTH * reach)], axis=0)
        table = variables.loc[variables.index.repeat(at.size)].reset_index(drop=True)
        return table.assign(
            **{name: np.tile(at, len(x))},
            estimate=estimate,
            se=se,
            lower=ends[0],
            upper=ends[1],
        )

    def summary_frame(self) -> pd.DataFrame:
        """One row per parameter: estimate, se, z, p, lower, upper, and time_ratio = exp(β)."""
        table = pd.concat([self.params, self.bse, self.tvalues, self.pvalues, self.conf_int()], axis=1)
        ratio = np.append(np.exp(self.estimate[:-1]), np.nan)
        return table.assign(time_ratio=ratio)

    def summary(self) -> Summary:
        """The fit as statsmodels prints one: ``print(fit.summary())``, ``fit.summary().as_html()``."""
        from statsmodels.iolib.summary2 import Summary

        covariance = self.model.cov + (", G/(G − 1)" if self.model.small_sample else "")
        text = Summary()
        text.add_title(f"Accelerated failure time: {self.family}")
        text.add_dict(
            {
                "Formula:": self.model.formula,
                "Covariance:": covariance,
                "Cycles:": str(self.nobs),
                "Patients:": str(self.n_patients),
                "Log-likelihood:": f"{self.llf:.4f}",
                "AIC:": f"{self.aic:.2f}",
                "BIC:": f"{self.bic:.2f}",
                "Scale:": f"{self.scale:.5f}",
            }
        )
        text.add_df(self.summary_frame().drop(columns="time_ratio"), float_format="%.5f")
        text.add_text(f"Cycles ended: {', '.join(f'{count} {kind}' for kind, count in self.censoring)}.")
        if self.endpoint is not None:
            text.add_text(f"Loss of effect: {self.endpoint}.")
        return text

    def plot(self, ax: Axes | None = None, newdata: NewData = None) -> Axes:
        """Draw survival curves with 95% bands for each row of `newdata`, or without it the time ratios exp(β).

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        newdata : DataFrame or dict, optional
            The formula's variables. Without it, and without variables in the formula, there is one curve.

        Returns
        -------
        matplotlib.axes.Axes
        """
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        return self._plot_ratios(ax) if newdata is None and self.design.variables else self._plot_curves(ax, newdata)

    def _plot_curves(self, ax: Axes, newdata: NewData) -> Axes:
        longest = float(self.quantile(0.99, newdata)["estimate"].max())
        weeks = np.linspace(0, longest, 200)
        curves = self.survival(weeks, newdata)
        _, variables = self.design.matrix(newdata)
        for i in range(len(variables)):
            curve = curves.iloc[i * weeks.size : (i + 1) * weeks.size]
            label = ", ".join(f"{name} {variables[name].iloc[i]}" for name in variables)
            (line,) = ax.plot(weeks, curve["estimate"], label=label or None)
            ax.fill_between(weeks, curve["lower"], curve["upper"], color=line.get_color(), alpha=0.2, linewidth=0)
        if self.design.variables:
            ax.legend(frameon=False)
        ax.set(xlabel="Weeks since treatment", ylabel="Share with effect", ylim=(0, 1.02))
        ax.set_xlim(left=0)
        return ax

    def _plot_ratios(self, ax: Axes) -> Axes:
        table = self.summary_frame().drop(index=[LOG_SCALE, "Intercept"], errors="ignore")
        ratio, lower, upper = np.exp(table[["estimate", "lower", "upper"]].to_numpy().T)
        place = np.arange(len(table))
        ax.errorbar(ratio, place, xerr=[ratio - lower, upper - ratio], fmt="o", capsize=3)
        ax.axvline(1, color="0.6", linewidth=1, zorder=0)
        ax.set_yticks(place, table.index)
        ax.set(xlabel="Time ratio, exp(β), with 95% interval")
        ax.invert_yaxis()
        return ax

    @property
    def _names(self) -> list[str]:
        return [*self.design.names, LOG_SCALE]

    def __repr__(self) -> str:
        return f"<AFT: {self._line()}>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>AFT: {escape(self._line())}</p>" + self.summary_frame().to_html(float_format="{:.4f}".format)

    def _line(self) -> str:
        ended = ", ".join(f"{count} {kind}" for kind, count in self.censoring)
        return (
            f"{self.family} {self.model.formula!r}, {self.nobs} cycles of {self.n_patients} patients ({ended}), "
            f"log-likelihood {self.llf:.4f}; {self.endpoint}"
        )
