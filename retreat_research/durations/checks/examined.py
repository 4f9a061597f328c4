"""What a fitted duration model can be asked about itself: to be checked, and to be refitted to what it draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np

from ...errors import InputError

if TYPE_CHECKING:
    from ..observed import Observed
    from ..result import DurationResult
    from .bootstrap import BootstrapDraws
    from .diagnose import Diagnosis


class Examined:
    """The part of `DurationResult` that diagnoses and resamples. A model overrides the methods with an underscore."""

    _draws_nothing: ClassVar[str] = ""  # why a model cannot draw cycles like those fitted, if it cannot

    def bootstrap(self, resamples: int = 200, seed: int = 1, progress: bool = False) -> BootstrapDraws:
        """Parametric bootstrap: refit durations that the fitted model draws, observed as the fitted cycles were.

        Parameters
        ----------
        resamples : int
            200 give a standard error to 5%; intervals from percentiles need 1,000.
        seed : int in [0, 2**64)
        progress : bool
            Show a bar.

        Returns
        -------
        BootstrapDraws
            Draws of the parameters, (resamples, p), for the ``draws=`` of `survival`, `quantile`, `rmst`, `hazard` and
            `contrast`. Resamples that cannot be fitted are counted and left out.

        Raises
        ------
        InputError
            If weights are not whole numbers, or the model is fitted with ``cov="sandwich"`` or ``"cluster"`` to
            patients with several cycles: it would draw them independent.
        FitError
            If fewer than two resamples can be fitted.

        Notes
        -----
        Covariates, patients and weights stay; random effects are drawn anew. How new durations are observed is
        described at ``retreat_research.durations.checks.bootstrap.observe_like``. Intervals from the draws hold if
        the model is right, as those of the delta method do, but need no quadratic log-likelihood [1]_.

        References
        ----------
        .. [1] Davison AC, Hinkley DV (1997). Bootstrap Methods and their Application. Cambridge University Press,
           chapters 2 and 5. doi:10.1017/CBO9780511802843

        Examples
        --------
        >>> from retreat_research import AFT, Cycles
        >>> lower = [8, 12, 4, 12, 10, 6, 8, 16, 8, 14, 10, 6]
        >>> fit = AFT().fit(Cycles(lower, [12, 16, 8, float("inf"), 12, 10, 12, 20, 10, 16, 14, 8]))
        >>> fit.bootstrap(20, seed=1)
        <parametric bootstrap: 20 of 20 resamples fitted, seed 1>
        >>> fit.quantile(0.5, draws=fit.bootstrap(20, seed=1)).columns.tolist()
        ['p', 'estimate', 'se', 'lower', 'upper']
        """
        from .bootstrap import parametric_bootstrap

        return parametric_bootstrap(self._fit, resamples, seed, progress)

    def diagnose(self, seed: int = 1, resamples: int = 0, progress: bool = False) -> Diagnosis:
        """Check the fit: residuals, random effects, influence, misspecification, and whether the maximum is one.

        Parameters
        ----------
        seed : int in [0, 2**64)
            Of the randomised residuals and the resamples.
        resamples : int
            Judge the residuals' distances by so many refits of durations drawn from the fitted model, as `bootstrap`
            draws them: 199 give p-values. Without, by Kolmogorov's limit, which is rough here.
        progress : bool
            Show a bar.

        Returns
        -------
        Diagnosis
            ``table``, ``influence``, and ``plot()``.

        Notes
        -----
        Cox–Snell residuals are the cumulative hazards (H(L), H(R)], over patients: unit exponential if the model is
        right, and as censored as the durations, so they are judged by their own Turnbull estimate, where it is unique.
        That takes the end of a cycle as independent of the patient: where patients with short durations are retreated
        early, which a mixed or joint model allows for, the residuals are far from exponential though the model is
        right. Randomised quantile residuals draw one place inside each interval. Influence is one-step: without
        patient i the estimates would be about θ − I⁻¹s_i, s_i her score, and twice the log-likelihood would fall by
        about s_i′I⁻¹s_i [1]_. Under the model and with independent patients Σ s_i s_i′ estimates I [2]_.

        References
        ----------
        .. [1] Cook RD (1986). Assessment of local influence. J R Stat Soc B 48:133-169.
           doi:10.1111/j.2517-6161.1986.tb01398.x
        .. [2] White H (1982). Maximum likelihood estimation of misspecified models. Econometrica 50:1-25.
           doi:10.2307/1912526

        Examples
        --------
        >>> from retreat_research import AFT, Cycles
        >>> fit = AFT().fit(Cycles([8, 12, 4, 12, 10, 6, 8], [12, 16, 8, float("inf"), 12, 10, 12]))
        >>> fit.diagnose().table.loc["gradient at the maximum", "verdict"]
        'ok'
        """
        from .diagnose import diagnose

        return diagnose(self._fit, seed, resamples, progress)

    def _fitted_rows(self) -> np.ndarray:
        """The fitted rows as `_curves` takes them."""
        return self._fit.x

    def _simulate(self, rng: np.random.Generator, at: np.ndarray, patient: np.ndarray) -> np.ndarray:
        """A new duration, in weeks, for each of the fitted rows at the positions `at`, which belong to `patient`.

        Rows are independent here: a model with random effects draws them for each patient.
        """
        from .bootstrap import independent_weeks

        return independent_weeks(self._fit, self._fitted_rows()[at], self._fit.data.entry[at], rng)

    def _refit(self, data: Observed, at: np.ndarray) -> DurationResult:
        """The same model fitted to `data`, whose rows have the covariates of the fitted rows at the positions `at`."""
        raise InputError(f"{type(self._fit.model).__name__} has no parametric bootstrap")

    @property
    def _fit(self) -> DurationResult:
        return cast("DurationResult", self)
