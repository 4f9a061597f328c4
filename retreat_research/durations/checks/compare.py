"""Several models of the same cycles side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...errors import must
from ..design import table_of
from ..observed import Observed
from ..predictions import NewData
from ..result import DurationResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class FitComparison:
    """Fits of the same cycles side by side; made by `compare_fits`.

    Attributes
    ----------
    fits : dict of str to DurationResult
    newdata : pandas.DataFrame or None
        What medians are given for.
    """

    fits: Mapping[str, DurationResult]
    newdata: pd.DataFrame | None
    _medians: pd.DataFrame | None

    @property
    def table(self) -> pd.DataFrame:
        """One row per fit, smallest AIC first: model, family, formula, parameters, llf, aic, delta_aic, bic, delta_bic,
        converged; and where there are medians, ``median_i`` with its interval, i a row of `newdata`."""
        rows = {
            name: {
                "model": type(fit.model).__name__,
                "family": fit.family,
                "formula": fit.model.formula,
                "parameters": fit.estimate.size,
                "llf": fit.llf,
                "aic": fit.aic,
                "bic": fit.bic,
                "converged": fit.converged,
            }
            for name, fit in self.fits.items()
        }
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("fit")
        for criterion in ("aic", "bic"):
            where = list(table.columns).index(criterion) + 1
            table.insert(where, f"delta_{criterion}", table[criterion] - table[criterion].min())
        if self._medians is not None:
            for i, part in self._medians.groupby("newdata"):
                part = part.set_index("fit")
                columns = {f"median_{i}": "estimate", f"median_{i}_lower": "lower", f"median_{i}_upper": "upper"}
                table = table.assign(**{new: part[old] for new, old in columns.items()})
        return table.sort_values("aic", kind="stable")

    @property
    def medians(self) -> pd.DataFrame:
        """Marginal medians in weeks, a row per fit and row of `newdata`: fit, newdata (row), row (in words), estimate,
        se, lower, upper (95%)."""
        must(
            self._medians is not None,
            "there are no medians: the formulas read variables",
            "give compare_fits(fits, newdata=…) with rows to predict",
        )
        assert self._medians is not None
        return self._medians.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the medians with their intervals, fits side by side."""
        from ..figures import medians

        return medians(self.medians, ax)

    def plot_ratios(self, ax: Axes | None = None) -> Axes:
        """Draw the ratios exp(β) with their intervals, fits side by side."""
        from ..figures import forest

        return forest(self.fits, ax)

    def __repr__(self) -> str:
        shown = self.table.drop(columns="formula").to_string(float_format="{:.2f}".format)
        return f"<{self._line()}>\n{shown}"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self._line())}</p>" + self.table.to_html(float_format="{:.2f}".format)

    def _line(self) -> str:
        fit = next(iter(self.fits.values()))
        return f"{len(self.fits)} fits of {fit.nobs} cycles of {fit.n_patients} patients; {fit.endpoint}"


def compare_fits(fits: Mapping[str, DurationResult], newdata: NewData = None) -> FitComparison:
    """Put fits of the same cycles side by side: log-likelihood, AIC, BIC and medians.

    Parameters
    ----------
    fits : dict of str to DurationResult
        Fits by name, two or more: families, formulas, with and without random effects.
    newdata : DataFrame or dict, optional
        Rows to give marginal medians for, with the variables of all formulas. May be left out if formulas have none;
        with variables there are then no medians.

    Returns
    -------
    FitComparison
        ``table``, ``medians``, ``plot()``.

    Raises
    ------
    InputError
        If the fits are not of the same cycles, weights, entries and endpoint.

    Notes
    -----
    AIC = −2 llf + 2p and BIC = −2 llf + p ln(cycles) [1]_. All log-likelihoods are of durations in weeks, so that
    families compare. Both count a variance on its boundary as a parameter like others, which counts against random
    effects; to test one, use the likelihood-ratio test that knows the boundary.

    References
    ----------
    .. [1] Burnham KP, Anderson DR (2004). Multimodel inference: understanding AIC and BIC in model selection. Sociol
       Methods Res 33:261-304. doi:10.1177/0049124104268644

    Examples
    --------
    >>> from retreat_research import AFT, Cycles, compare_fits
    >>> cycles = Cycles([8, 12, 4, 12, 10, 6, 8], [12, 16, 8, float("inf"), 12, 10, 12])
    >>> found = compare_fits({family: AFT(family=family).fit(cycles) for family in ("lognormal", "weibull")})
    >>> found.table["delta_aic"].round(2).to_dict()
    {'weibull': 0.0, 'lognormal': 0.18}
    """
    must(isinstance(fits, Mapping) and len(fits) > 1, "`fits` must be a dict of two fits or more, by name")
    for name, fit in fits.items():
        must(
            isinstance(fit, DurationResult),
            f"{name!r} is not a fit with a likelihood and parameters but {type(fit).__name__}",
            "Turnbull's estimate has no AIC: draw it beside them with plot()",
        )
    for (first, one), (second, other) in pairwise(fits.items()):
        _must_be_comparable(first, one, second, other)
    table = None if newdata is None else table_of(newdata)
    medians = None
    if table is not None or not any(fit.design.variables for fit in fits.values()):
        medians = pd.concat([_medians(name, fit, table) for name, fit in fits.items()], ignore_index=True)
        medians["row"] = _in_words(fits, table)[medians["newdata"]]
    return FitComparison(dict(fits), table, medians)


def _must_be_comparable(first: str, one: DurationResult, second: str, other: DurationResult) -> None:
    """Raise `InputError` unless the fits are of the same cycles."""
    must(
        one.likelihood_of == other.likelihood_of,
        f"the log-likelihood of {first!r} is of {one.likelihood_of}, that of {second!r} of {other.likelihood_of}",
        "compare joint models with each other",
    )
    counts = f"{first!r} has {one.nobs} cycles, {second!r} {other.nobs}"
    must(
        one.nobs == other.nobs,
        f"fits of different cycles cannot be compared: {counts}",
        "fit all to the cycles without missing covariates",
    )
    for what, mine, theirs in zip(Observed._fields, one.data, other.data, strict=True):
        must(
            np.array_equal(mine, theirs),
            f"fits of different cycles cannot be compared: {first!r} and {second!r} differ in `{what}`",
        )
    must(
        str(one.endpoint) == str(other.endpoint),
        f"durations to different endpoints cannot be compared: {first!r} to {one.endpoint}, "
        f"{second!r} to {other.endpoint}",
    )


def _medians(name: str, fit: DurationResult, newdata: pd.DataFrame | None) -> pd.DataFrame:
    table = fit.quantile(0.5, newdata)[["estimate", "se", "lower", "upper"]]
    table.insert(0, "fit", name)
    table.insert(1, "newdata", np.arange(len(table)))
    return table


def _in_words(fits: Mapping[str, DurationResult], newdata: pd.DataFrame | None) -> np.ndarray:
    """What sets each row of `newdata` apart, as far as the formulas read it."""
    if newdata is None:
        return np.array(["all cycles"], dtype=object)
    read = {name for fit in fits.values() for name in fit.design.variables}
    columns = [name for name in newdata if name in read]
    columns = [name for name in columns if len(newdata[name].unique()) > 1] or columns
    return np.array(
        [", ".join(f"{name} {newdata[name].iloc[i]}" for name in columns) for i in range(len(newdata))], dtype=object
    )
