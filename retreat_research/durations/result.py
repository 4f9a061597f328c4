"""What every fitted duration model knows: estimates, their uncertainty, and how it prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from ..errors import must
from .asked import one_number
from .checks.examined import Examined
from .design import Design
from .observed import Observed
from .predictions import NewData, Predictions
from .serial import Writable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from statsmodels.iolib.summary2 import Summary

LOG_SCALE = "log(scale)"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DurationResult(Examined, Predictions, Writable):
    """A fitted duration model; made by a model's ``fit``.

    Attributes
    ----------
    model : object
        The specification.
    design : Design
        The formula as it was used.
    names : tuple of str, p
        Of the parameters; the regression coefficients come first, k of them.
    estimate : float array (p,)
        See `params`.
    covariance : float array (p, p)
        See `cov_params`.
    information : float array (p, p)
        Minus the Hessian of the log-likelihood at the estimate; a parameter on its boundary has rows of NaN.
    scores : float array (n_patients, p)
        The gradient of each patient's log-likelihood at the estimate, weights included; the columns sum to 0.
    llf : float
        The log-likelihood of the durations in weeks, as R's ``survreg`` counts it.
    data : Observed
        The cycles fitted: those with a response and a positive weight.
    x : float array (nobs, k)
        Their rows of the design.
    censoring : tuple of (str, int)
        How many of them ended how; the words are those of `Cycles`.
    endpoint : object
        What "loss of effect" means here, from the cycles.
    """

    title: ClassVar[str] = "Duration model"
    ratio: ClassVar[str] = "time_ratio"  # what exp(β) is
    likelihood_of: ClassVar[str] = "durations"  # log-likelihoods of different things cannot be compared

    model: Any
    design: Design
    names: tuple[str, ...]
    estimate: np.ndarray
    covariance: np.ndarray
    information: np.ndarray
    scores: np.ndarray
    llf: float
    data: Observed
    x: np.ndarray
    censoring: tuple[tuple[str, int], ...]
    endpoint: Any

    def __post_init__(self) -> None:
        for array in (self.estimate, self.covariance, self.information, self.scores, self.x):
            array.setflags(write=False)

    @property
    def family(self) -> str:
        """Distribution of a duration."""
        return str(self.model.family)

    @property
    def effects(self) -> int:
        """How many random effects a patient has."""
        return 0

    @property
    def nobs(self) -> int:
        """Cycles fitted."""
        return int(self.data.lower.size)

    @property
    def n_patients(self) -> int:
        """Patients they belong to."""
        return int(self.data.labels.size)

    @property
    def params(self) -> pd.Series:
        """The estimates by name, β first."""
        return pd.Series(self.estimate, index=list(self.names), name="estimate", copy=True)

    @property
    def bse(self) -> pd.Series:
        """Standard errors."""
        return pd.Series(np.sqrt(np.diag(self.covariance)), index=list(self.names), name="se")

    def cov_params(self) -> pd.DataFrame:
        """Covariance of `params`, of the kind that the model asked for."""
        return pd.DataFrame(self.covariance, index=list(self.names), columns=list(self.names), copy=True)

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
        alpha = one_number(alpha, "alpha")
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

    def summary_frame(self) -> pd.DataFrame:
        """One row per parameter: estimate, se, z, p, lower, upper, and the time ratio (or hazard ratio) exp(β).

        Only coefficients have z, p and a ratio: that a scale or a variance is 1 is no hypothesis, and whether a
        variance is 0 is for ``lr_test``.
        """
        table = pd.concat([self.params, self.bse, self.tvalues, self.pvalues, self.conf_int()], axis=1)
        coefficient = np.arange(self.estimate.size) < len(self.design.names)
        table.loc[~coefficient, ["z", "p"]] = np.nan
        return table.assign(**{self.ratio: np.exp(np.where(coefficient, self.estimate, np.nan))})

    def summary(self) -> Summary:
        """The fit as statsmodels prints one: ``print(fit.summary())``, ``fit.summary().as_html()``."""
        from statsmodels.iolib.summary2 import Summary

        text = Summary()
        text.add_title(f"{self.title}: {self.family}")
        text.add_dict(
            {
                "Formula:": self.model.formula,
                **self._facts(),
                "Cycles:": str(self.nobs),
                "Patients:": str(self.n_patients),
                "Log-likelihood:": f"{self.llf:.4f}",
                "AIC:": f"{self.aic:.2f}",
                "BIC:": f"{self.bic:.2f}",
            }
        )
        text.add_df(self.summary_frame().map(lambda value: "" if np.isnan(value) else f"{value:.5f}"))
        text.add_text(f"Cycles ended: {', '.join(f'{count} {kind}' for kind, count in self.censoring)}.")
        if self.endpoint is not None:
            text.add_text(f"Loss of effect: {self.endpoint}.")
        return text

    def _names(self) -> tuple[str, ...]:
        return self.names

    def _facts(self) -> dict[str, str]:
        """What else the head of the summary says."""
        return {}

    def plot(self, ax: Axes | None = None, newdata: NewData = None, kind: str = "marginal") -> Axes:
        """Draw survival curves with 95% bands for each row of `newdata`, or without it the ratios exp(β).

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        newdata : DataFrame or dict, optional
            The formula's variables. Without it, and without variables in the formula, there is one curve.
        kind : {"marginal", "conditional"}

        Returns
        -------
        matplotlib.axes.Axes
        """
        from .figures import curves, forest

        return forest(self, ax) if newdata is None and self.design.variables else curves(self, newdata, ax, kind=kind)

    def __repr__(self) -> str:
        return f"<{type(self.model).__name__}: {self._line()}>"

    def _repr_html_(self) -> str:
        from html import escape

        table = self.summary_frame().to_html(float_format="{:.4f}".format, na_rep="")
        return f"<p>{type(self.model).__name__}: {escape(self._line())}</p>" + table

    def _line(self) -> str:
        ended = ", ".join(f"{count} {kind}" for kind, count in self.censoring)
        return (
            f"{self.family} {self.model.formula!r}, {self.nobs} cycles of {self.n_patients} patients ({ended}), "
            f"log-likelihood {self.llf:.4f}; {self.endpoint}"
        )


def meat_of(scores: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The middle of a sandwich, (p, p), from the weighted `scores` (g, p) of patients who count `weight` (g,) times."""
    return (scores / weight[:, None]).T @ scores


def describe_censoring(kind: np.ndarray) -> tuple[tuple[str, int], ...]:
    """How many cycles ended how, in the order of `CENSORING`, without what does not occur."""
    from ..cycles import CENSORING

    counts = pd.Categorical(kind, categories=list(CENSORING)).value_counts()
    return tuple((str(name), int(count)) for name, count in counts.items() if count)
