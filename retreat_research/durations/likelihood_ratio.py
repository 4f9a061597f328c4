"""Likelihood-ratio tests, and what the statistic is under the null when a variance is on its boundary."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FitError, RetreatError, must, whole_number
from ..streams import checked_seed
from .serial import Writable

if TYPE_CHECKING:
    from .result import DurationResult

SAME = (
    2e-6  # statistics closer than this are the same: a fit on its boundary has the log-likelihood of the smaller model
)
SPANNED = 1e-9  # of a column's length: what is left of it beside the columns it combines


@dataclass(frozen=True)
class LikelihoodRatio(Writable):
    """A likelihood-ratio test.

    Attributes
    ----------
    statistic : float
        Twice the difference of the log-likelihoods.
    p : float
    null : str
        The statistic's distribution under the null hypothesis.
    hypothesis : str
        The null hypothesis.
    """

    statistic: float
    p: float
    null: str
    hypothesis: str

    def __repr__(self) -> str:
        return f"<likelihood-ratio test of {self.hypothesis}: {self.statistic:.4f}, p = {self.p:.4g} ({self.null})>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self)[1:-1])}</p>"


def chi_square_mixture(statistic: float, low: int, hypothesis: str) -> LikelihoodRatio:
    """Half χ² with `low` and half χ² with `low + 1` degrees of freedom, as when one variance may be 0.

    Notes
    -----
    ``low = 0``: a random intercept. ``low = 1``: a random slope that is correlated with the intercept [1]_.

    References
    ----------
    .. [1] Self SG, Liang KY (1987). Asymptotic properties of maximum likelihood estimators and likelihood ratio tests
       under nonstandard conditions. J Am Stat Assoc 82:605-610. doi:10.1080/01621459.1987.10478472
    """
    from scipy.stats import chi2

    must(low in (0, 1), "`low` must be 0 or 1")
    statistic = statistic if statistic > SAME else 0.0
    at_zero = float(statistic <= 0) if low == 0 else float(chi2.sf(statistic, low))
    p = 0.5 * at_zero + 0.5 * float(chi2.sf(statistic, low + 1))
    names = ("½χ²₀ + ½χ²₁", "½χ²₁ + ½χ²₂")
    return LikelihoodRatio(statistic, p, names[low], hypothesis)


def likelihood_ratio(
    larger: DurationResult, smaller: DurationResult, resamples: int = 0, seed: int = 1, progress: bool = False
) -> LikelihoodRatio:
    """Test a smaller model against a larger one that contains it, both fitted to the same cycles.

    Parameters
    ----------
    larger, smaller : DurationResult
    resamples : int
        Draw so many sets of cycles (none, or 19 or more) from the smaller fit, seen as the cycles were (see
        ``fit.bootstrap``), and fit both models to each: then nothing about the statistic's distribution is assumed.
        199 give p-values down to 0.005.
    seed : int in [0, 2**64)
    progress : bool

    Returns
    -------
    LikelihoodRatio

    Raises
    ------
    InputError
        If the fits are not of the same cycles, or the distribution under the null is not known and `resamples` is 0.
    FitError
        If most resamples cannot be fitted.

    Notes
    -----
    Known are: models that differ in covariates alone (χ²); a random intercept, a frailty or the habits of a joint
    model, or none (½χ²₀ + ½χ²₁); a random slope beside an intercept or none (½χ²₁ + ½χ²₂). A random slope and intercept
    against neither, families that contain each other, splines with other knots and everything else need `resamples`:
    that one contains the other is then for you to know. The p-value is (1 + draws at least as large)/(1 + draws).

    Examples
    --------
    >>> from retreat_research import AFT, Cycles, MixedAFT
    >>> cycles = Cycles([8, 12, 12, 4, 4, 8], [12, 16, 16, 8, 8, 10], patient=["a", "a", "a", "b", "b", "b"])
    >>> likelihood_ratio(MixedAFT().fit(cycles), AFT().fit(cycles)).null
    '½χ²₀ + ½χ²₁'
    """
    from .result import DurationResult

    for name, fit in (("larger", larger), ("smaller", smaller)):
        model = isinstance(fit, DurationResult)
        must(model, f"`{name}` must be a fit of the durations with parameters, not {type(fit).__name__}")
    resamples = whole_number(resamples, "resamples", 0)
    must(resamples == 0 or resamples >= 19, "`resamples` must be 19 or more")
    alike = larger.likelihood_of == smaller.likelihood_of
    must(alike, f"one log-likelihood is of {larger.likelihood_of}, the other of {smaller.likelihood_of}")
    same = all(np.array_equal(a, b) for a, b in zip(larger.data, smaller.data, strict=True))
    must(same, "the two fits are not of the same cycles", "fit both to the same rr.Cycles, with the same weights")
    fewer = larger.estimate.size > smaller.estimate.size
    must(fewer, "`larger` must have more parameters than `smaller`", "the first fit is the one that contains the other")
    statistic = 2 * (larger.llf - smaller.llf)
    statistic = statistic if statistic > SAME else 0.0
    if resamples:
        return _resampled(statistic, larger, smaller, resamples, seed, progress)
    known = _known(statistic, larger, smaller)
    must(known is not None, "how the statistic of these two models is distributed is not known", "give resamples=199")
    assert known is not None
    return known


def _known(statistic: float, larger: DurationResult, smaller: DurationResult) -> LikelihoodRatio | None:
    """The test, if the smaller model is known to lie within the larger one and how the statistic is distributed."""
    from scipy.stats import chi2

    returns = [getattr(fit.model, "retreatment", None) for fit in (larger, smaller)]  # of a joint model
    if not (_shape(larger) == _shape(smaller) and returns[0] == returns[1] and _spans(larger.x, smaller.x)):
        return None
    extra = [name for name in larger.names if name not in smaller.names]
    covariates = larger.x.shape[1] - smaller.x.shape[1]
    others = larger.estimate.size - smaller.estimate.size - covariates
    if others == 0 and type(larger) is type(smaller) and _same_effects(larger, smaller):
        p = float(chi2.sf(statistic, covariates))
        return LikelihoodRatio(statistic, p, f"χ² with {covariates} df", f"no effect of {', '.join(extra)}")
    if covariates == 0 and larger.effects == smaller.effects + 1 and others in (1, 2):
        hypothesis = "no variation between patients" if smaller.effects == 0 else f"no {', '.join(extra)}"
        return chi_square_mixture(statistic, others - 1, "no random slope" if others == 2 else hypothesis)
    return None


def _spans(larger: np.ndarray, smaller: np.ndarray) -> bool:
    """Whether the columns of `smaller` (n, j) are combinations of those of `larger` (n, k)."""
    left = smaller - larger @ np.linalg.lstsq(larger, smaller, rcond=None)[0]
    return bool((np.linalg.norm(left, axis=0) <= SPANNED * np.linalg.norm(smaller, axis=0)).all())


def _shape(fit: DurationResult) -> tuple[str, tuple[float, ...]]:
    """The family or baseline, and a spline's knots: one with other knots is another model."""
    knots = getattr(fit, "knots", getattr(getattr(fit, "law", None), "knots", ()))
    return getattr(fit.model, "baseline", fit.family), tuple(knots)


def _same_effects(larger: DurationResult, smaller: DurationResult) -> bool:
    one, other = getattr(larger, "slope", None), getattr(smaller, "slope", None)
    same = one is other if one is None or other is None else np.array_equal(one, other)
    return larger.effects == smaller.effects and same


def _resampled(
    statistic: float, larger: DurationResult, smaller: DurationResult, resamples: int, seed: int, progress: bool
) -> LikelihoodRatio:
    from .checks.bootstrap import must_draw_what_it_fits, observe_like, one_row_each, with_progress

    must_draw_what_it_fits(smaller)
    data, at = one_row_each(smaller.data)
    drawn, failures = [], Counter[str]()
    for stream in with_progress(np.random.SeedSequence(checked_seed(seed)).spawn(resamples), "null", progress):
        rng = np.random.default_rng(stream)
        try:
            seen = observe_like(data, smaller._simulate(rng, at, data.patient), rng)
            drawn.append(2 * (larger._refit(seen, at).llf - smaller._refit(seen, at).llf))
        except RetreatError as error:
            failures[str(error)] += 1
    if len(drawn) < resamples / 2:
        raise FitError(f"{resamples - len(drawn)} of {resamples} resamples could not be fitted: {max(failures)}")
    p = (1 + int(np.sum(np.array(drawn) >= statistic - SAME))) / (1 + len(drawn))
    failed = f", {resamples - len(drawn)} more could not be fitted" if failures else ""
    hypothesis = f"{_named(smaller)} within {_named(larger)}"
    return LikelihoodRatio(statistic, p, f"{len(drawn)} resamples{failed}", hypothesis)


def _named(fit: DurationResult) -> str:
    return f"{type(fit.model).__name__} {fit.family} {fit.model.formula!r}"
