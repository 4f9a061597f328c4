"""Likelihood-ratio tests, and what the statistic is under the null when a variance is on its boundary."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from ..errors import must


@dataclass(frozen=True)
class LikelihoodRatio:
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
    statistic = max(statistic, 0.0)
    at_zero = float(statistic <= 0) if low == 0 else float(chi2.sf(statistic, low))
    p = 0.5 * at_zero + 0.5 * float(chi2.sf(statistic, low + 1))
    names = ("½χ²₀ + ½χ²₁", "½χ²₁ + ½χ²₂")
    return LikelihoodRatio(statistic, p, names[low], hypothesis)
