"""What a fit to published curves says, and where it does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import must
from ..world import World
from .fitting import Peak, Problem, residuals
from .identified import condition, directions
from .parameters import Unknown, constants, median_name, total_sd
from .predicted import Layout, predicted

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from statsmodels.iolib.summary2 import Summary

WIDTH = 1.959963984540054  # of a 95% interval, standard errors
#: Parameters of the model of the response, beside the medians; the others describe raters, endpoints and trials.
RESPONSE = ("total_sd", "curve_hill", "dose_half", "onset_weeks", "onset_sd", "non_response")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class CurveFit:
    """A fitted response; made by `fit_curves`.

    Attributes
    ----------
    uses : pandas.DataFrame
        Every row of the table with ``use`` (fitted, predicted, left out) and ``why``.
    problem : Problem
        Data and unknowns.
    peak : Peak
        The maximum, on the scales of the fit.
    held : mapping of str to float
        What the caller held fixed.
    """

    uses: pd.DataFrame
    problem: Problem
    peak: Peak
    held: Mapping[str, float]

    @property
    def converged(self) -> bool:
        """True: a fit that does not converge raises."""
        return True

    @property
    def nobs(self) -> int:
        """Data in the likelihood: shares and bounds."""
        return int((self.problem.data["kind"] != "mean").sum())

    @property
    def studies(self) -> int:
        """Studies with data in the likelihood."""
        data = self.problem.data
        return int(data.loc[data["kind"] != "mean", "study"].nunique())

    @property
    def overdispersion(self) -> float:
        """φ: Pearson's χ² per degree of freedom, at least 1. Standard errors contain √φ."""
        return self.peak.overdispersion

    @property
    def defaults(self) -> dict[str, float]:
        """The default world's values of the parameters of the response that were fitted."""
        return {
            unknown.name: unknown.default
            for unknown in self.problem.unknowns
            if unknown.name in RESPONSE or unknown.name.startswith("median_weeks")
        }

    @cached_property
    def params(self) -> pd.DataFrame:
        """Every parameter, fitted or not.

        Returns
        -------
        pandas.DataFrame
            Indexed by parameter: ``value``, ``se``, ``lower``, ``upper`` (95%, symmetric on the scale of the fit),
            ``default`` (of the default world), ``difference`` (value less default, in standard errors on that scale),
            ``from_data`` (the share of the prior's variance that the data took away: 0 for a parameter that
            only the prior knows), ``unit``, ``source`` (of the prior, or why it is fixed).
        """
        rows = [self._row(j, unknown) for j, unknown in enumerate(self.problem.unknowns)]
        free = {row["parameter"] for row in rows}
        default = constants(self.problem.data)
        for name, value in self.problem.constants.items():
            if name not in free and (name in self.held or not name.startswith("study")):
                source = "fixed: by the caller" if name in self.held else "fixed: the default world's"
                rows.append({"parameter": name, "value": value, "default": default.get(name), "source": source})
        columns = ["value", "se", "lower", "upper", "default", "difference", "from_data", "unit", "source"]
        table = pd.DataFrame(rows).set_index("parameter").reindex(columns=columns)
        return table.assign(unit=table["unit"].fillna(""))

    def _row(self, j: int, unknown: Unknown) -> dict[str, object]:
        inner, se = float(self.peak.inner[j]), float(np.sqrt(self.peak.covariance[j, j]))
        value, lower, upper = (float(end) for end in unknown.outer(inner + WIDTH * se * np.array([0, -1, 1])))
        rate = {"log": value, "logit": value * (1 - value), "identity": 1.0}[unknown.scale]
        known = np.isfinite(unknown.default)
        return {
            "parameter": unknown.name,
            "value": value,
            "se": se * rate,
            "lower": lower,
            "upper": upper,
            "default": unknown.default,
            "difference": (inner - unknown.inner(unknown.default)) / se if known else np.nan,
            "from_data": 1 - float(self._posterior[j, j]) / unknown.spread**2,
            "unit": unknown.unit,
            "source": unknown.source,
        }

    @cached_property
    def _posterior(self) -> np.ndarray:
        return np.linalg.inv(self.peak.information / self.overdispersion + np.diag(self.problem.spread**-2))

    def identifiability(self) -> pd.DataFrame:
        """What the data say about which combination of parameters, from most to least.

        Returns
        -------
        pandas.DataFrame
            One row for each direction (eigenvector): ``information`` of the data in units of the prior's (1: as much as
            the prior; below, the prior decides), and the ``parameters`` that make it up, with their weights. Effects of
            studies are integrated out; distances are in SDs of the priors.
        """
        return directions(self.problem, self.peak)

    @property
    def condition(self) -> float:
        """Condition number of the information about all parameters but the studies' effects, priors included.

        Of the matrix with unit diagonal; without the priors see `identifiability`.
        """
        return condition(self.problem, self.peak)

    @cached_property
    def _share(self) -> np.ndarray:
        return self.predict(self.problem.data)

    def predict(self, data: pd.DataFrame) -> np.ndarray:
        """Shares (m,) that the fit predicts for data with the columns of ``problem.data``."""
        return predicted(Layout.of(data), self.problem.values(self.peak.inner[None]))[0]

    def misfit(self) -> pd.DataFrame:
        """Every datum beside its prediction.

        Returns
        -------
        pandas.DataFrame
            ``row`` (of the table), ``study``, ``arm``, ``quantity``, ``week``, ``n``, ``observed`` and ``fitted`` (%;
            of means: of the arm's maximum), ``residual`` (binomial standard errors; 0 for a bound that holds, NaN for a
            mean), ``bound`` ("", "at least", "at most"), ``use``.
        """
        data = self.problem.data
        return pd.DataFrame(
            {
                **{name: data[name] for name in ("row", "study", "arm", "quantity", "week", "n")},
                "observed": 100 * data["share"],
                "fitted": 100 * self._share,
                "residual": residuals(data, self._share),
                "bound": data["bound"].map({0: "", 1: "at least", -1: "at most"}),
                "use": np.where(data["kind"] == "mean", "predicted", "fitted"),
            }
        )

    def by_arm(self) -> pd.DataFrame:
        """How well each arm is fitted, the worst first.

        Returns
        -------
        pandas.DataFrame
            ``study``, ``arm``, ``data``, ``chi2`` (sum of squared residuals), ``ratio`` (χ² per datum; about 1 is
            chance, less where parameters follow the arm), ``worst_week``, ``worst_quantity``, ``worst_residual``.
        """
        rows = []
        used = self.misfit().query("use == 'fitted'")
        for (study, arm), own in used.groupby(["study", "arm"], sort=False):
            worst = own.loc[own["residual"].abs().idxmax()]
            chi2 = float((own["residual"] ** 2).sum())
            rows.append(
                {
                    "study": study,
                    "arm": arm,
                    "data": len(own),
                    "chi2": chi2,
                    "ratio": chi2 / len(own),
                    "worst_week": worst["week"],
                    "worst_quantity": worst["quantity"],
                    "worst_residual": worst["residual"],
                }
            )
        return pd.DataFrame(rows).sort_values("ratio", ascending=False, ignore_index=True)

    @property
    def chi2(self) -> float:
        """Pearson's χ² over all data in the likelihood."""
        return float(np.nansum(self.misfit()["residual"] ** 2))

    def world(self, base: World | None = None) -> World:
        """A world with the fitted parameters of the response.

        Parameters
        ----------
        base : World, optional
            The default of glabellar lines without one. Its indication says which medians are taken; between- and
            within-patient SD keep their ratio; what was not fitted stays.

        Raises
        ------
        InputError
            If its threshold is not that of the fit.
        """
        base = World.default("glabellar") if base is None else base
        response = base.response
        threshold = self.problem.constants["threshold"]
        must(
            response.threshold == threshold,
            f"the fitted durations are those of the threshold {threshold:g}, not of this world's",
        )
        value = {unknown.name: float(self.params.loc[unknown.name, "value"]) for unknown in self.problem.unknowns}
        changes = {name: value[name] for name in RESPONSE if name in value and name != "total_sd"}
        if "total_sd" in value:
            times = value["total_sd"] / total_sd(base)
            changes |= {name: times * getattr(response, name) for name in ("between_sd", "within_sd")}
        medians = {
            product: value.get(median_name(base.indication, product), weeks)
            for product, weeks in response.median_weeks.items()
        }
        return base.replace(**changes, median_weeks=medians)

    def plot(self) -> Figure:
        """Small multiples: what was published with 95% intervals, the fitted curves, and the misfit of each panel."""
        from .figure import draw_curves

        return draw_curves(self)

    def summary(self) -> Summary:
        """The fit as statsmodels prints one: ``print(fit.summary())``, ``fit.summary().as_html()``."""
        from statsmodels.iolib.summary2 import Summary

        text = Summary()
        text.add_title("Response curve fitted to published percentages")
        text.add_dict(
            {
                "Data:": str(self.nobs),
                "Parameters:": str(len(self.problem.unknowns)),
                "Chi-square:": f"{self.chi2:.1f}",
                "Overdispersion:": f"{self.overdispersion:.2f}",
                "Log-likelihood:": f"{self.peak.llf:.2f}",
                "Steps:": str(self.peak.steps),
                "Condition:": f"{self.condition:.0f}",
                "Converged:": "yes",
            }
        )
        shown = self.params.drop(columns=["unit", "source"]).loc[[unknown.name for unknown in self.problem.unknowns]]
        text.add_df(shown.map(lambda value: "" if np.isnan(value) else f"{value:.3f}"))
        worst = self.by_arm().iloc[0]
        text.add_text(
            f"Worst arm: {worst['study']}, {worst['arm']}: chi-square {worst['chi2']:.1f} of {worst['data']} data."
        )
        text.add_text("from_data: share of the prior's variance that the data took away.")
        return text

    def __repr__(self) -> str:
        return f"<CurveFit: {self._line()}>"

    def _repr_html_(self) -> str:
        from html import escape

        table = self.params.to_html(float_format="{:.3f}".format, na_rep="")
        return f"<p>CurveFit: {escape(self._line())}</p>" + table

    def _line(self) -> str:
        return (
            f"{self.nobs} data of {self.studies} studies, {len(self.problem.unknowns)} parameters, "
            f"chi-square {self.chi2:.1f}, overdispersion {self.overdispersion:.2f}"
        )
