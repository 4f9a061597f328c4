"""Is a fitted duration model believable, and is its maximum one? A table of checks, and figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...errors import FitError, RetreatError, whole_number
from ...streams import checked_seed
from ..observed import Observed
from ..serial import Writable
from .bootstrap import must_draw_what_it_fits, one_row_each, resampled, with_progress
from .limits import LOOK, Check, distances, influence, misspecification, normal_effects, numerics
from .residuals import CoxSnell, cox_snell, cumulative_hazards, distance_from_normal, quantile_residuals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..result import DurationResult


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Diagnosis(Writable):
    """Checks of a fit; made by ``fit.diagnose``.

    Attributes
    ----------
    fit : DurationResult
    checks : tuple of Check
        See `table`.
    cox_snell : CoxSnell
        Cumulative hazards at the ends of the rows' intervals, and their Turnbull estimate.
    residuals : float array (nobs,)
        Randomised quantile residuals, standard normal if the model is right.
    random_effects : float array or None
        Empirical-Bayes means as normal scores: in units of their own standard deviation under the model, of patients
        whose cycles say something about them. None without random effects, or where they do not vary.
    distance : float array (n_patients,)
        About twice the log-likelihood's fall if the patient had been left out.
    change : float array (n_patients, p)
        About how the estimates would change then; NaN for a parameter on its boundary.
    seed : int
    """

    fit: DurationResult
    checks: tuple[Check, ...]
    cox_snell: CoxSnell
    residuals: np.ndarray
    random_effects: np.ndarray | None
    distance: np.ndarray
    change: np.ndarray
    seed: int

    @property
    def table(self) -> pd.DataFrame:
        """One row per check: value, limit, verdict ("ok", "look", or none where there is no limit), and why."""
        return pd.DataFrame(self.checks).set_index("check")

    @property
    def influence(self) -> pd.DataFrame:
        """One row per patient, the most influential first.

        Columns: ``position`` (in order of appearance, from 0), ``patient`` (her label), ``cycles``, ``distance``, and
        for each parameter ``change_…``, about how its estimate would change if she were left out.
        """
        counts = np.bincount(self.fit.data.patient, minlength=self.fit.n_patients)
        table = pd.DataFrame(
            {"patient": self.fit.data.labels, "cycles": counts, "distance": self.distance},
        ).rename_axis("position")
        changes = pd.DataFrame(self.change, columns=[f"change_{name}" for name in self.fit.names])
        return table.join(changes).sort_values("distance", ascending=False, kind="stable").reset_index()

    def plot(self, axes: Any = None) -> np.ndarray:
        """Draw four figures: Cox–Snell, quantile residuals, random effects (or residuals by fitted median), influence.

        Parameters
        ----------
        axes : array of matplotlib.axes.Axes, 4 of them, optional

        Returns
        -------
        numpy array of matplotlib.axes.Axes
        """
        from .figures import four

        return four(self, axes)

    def plot_cox_snell(self, ax: Axes | None = None) -> Axes:
        """Turnbull's estimate of the Cox–Snell residuals, beside the unit exponential distribution."""
        from .figures import cox_snell_curve

        return cox_snell_curve(self, ax)

    def plot_residuals(self, ax: Axes | None = None) -> Axes:
        """Normal Q–Q plot of the randomised quantile residuals."""
        from .figures import residuals_qq

        return residuals_qq(self, ax)

    def plot_fitted(self, ax: Axes | None = None) -> Axes:
        """Randomised quantile residuals by fitted median, with their running mean."""
        from .figures import residuals_by_median

        return residuals_by_median(self, ax)

    def plot_random_effects(self, ax: Axes | None = None) -> Axes:
        """Normal Q–Q plot of the empirical-Bayes means."""
        from .figures import random_effects_qq

        return random_effects_qq(self, ax)

    def plot_influence(self, ax: Axes | None = None) -> Axes:
        """Each patient's influence, by position."""
        from .figures import influence_by_position

        return influence_by_position(self, ax)

    def __repr__(self) -> str:
        table = self.table[["value", "limit", "verdict"]]
        return f"<diagnosis of {self._line()}>\n{table.to_string(float_format='{:.4g}'.format)}"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>Diagnosis of {escape(self._line())}</p>" + self.table.to_html(float_format="{:.4g}".format)

    def _line(self) -> str:
        model = self.fit.model
        looks = sum(check.verdict == LOOK for check in self.checks)
        return f"{type(model).__name__} {self.fit.family} {model.formula!r}: {looks} of {len(self.checks)} to look at"


def diagnose(fit: DurationResult, seed: int, resamples: int, progress: bool) -> Diagnosis:
    """Check a fit; see ``DurationResult.diagnose``."""
    data, seed, resamples = fit.data, checked_seed(seed), whole_number(resamples, "resamples", 0)
    streams = np.random.SeedSequence(seed).spawn(1 + resamples)
    curve, residuals, found = _distances(fit, data, streams[0])
    scores = _random_effects(fit)
    free = np.isfinite(np.diag(fit.information))
    inverse = np.linalg.inv(fit.information[np.ix_(free, free)])
    step = fit.scores[:, free] @ inverse
    distance = (step * fit.scores[:, free]).sum(axis=1)
    change = np.full(fit.scores.shape, np.nan)
    change[:, free] = -step
    checks = [
        *distances(fit, found, _reference(fit, streams[1:], progress) if resamples else None, resamples),
        *([] if scores is None else [normal_effects(scores)]),
        influence(distance, int(free.sum())),
        *misspecification(fit, distance, inverse, free),
        *numerics(fit, inverse, free),
    ]
    return Diagnosis(
        fit=fit,
        checks=tuple(checks),
        cox_snell=curve,
        residuals=residuals,
        random_effects=scores,
        distance=distance,
        change=change,
        seed=seed,
    )


def _distances(
    fit: DurationResult, data: Observed, stream: np.random.SeedSequence
) -> tuple[CoxSnell, np.ndarray, tuple[float, float]]:
    lower, upper = cumulative_hazards(fit)
    curve = cox_snell(lower, upper, data.weight)
    residuals = quantile_residuals(lower, upper, np.random.default_rng(stream))
    return curve, residuals, (curve.distance, distance_from_normal(residuals, data.weight))


def _reference(fit: DurationResult, streams: list[np.random.SeedSequence], progress: bool) -> np.ndarray:
    """The two distances in cycles that the model draws and is refitted to, (resamples that could be fitted, 2)."""
    must_draw_what_it_fits(fit)
    data, at = one_row_each(fit.data)
    found = []
    for stream in with_progress(streams, "diagnose", progress):
        draw, randomise = stream.spawn(2)
        try:
            again = resampled(fit, data, at, np.random.default_rng(draw))
        except RetreatError as error:
            failed = error
            continue
        found.append(_distances(again, again.data, randomise)[2])
    if not found:
        raise FitError(f"none of {len(streams)} resamples could be fitted: {failed}")
    return np.array(found)


def _random_effects(fit: DurationResult) -> np.ndarray | None:
    """Normal scores of the empirical-Bayes means, if the model has random effects that vary."""
    scores = getattr(fit, "_effect_scores", None)
    return None if scores is None else scores()
