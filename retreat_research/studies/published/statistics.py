"""What a published study reports of its patients: a share, a mean, a median, a Kaplan–Meier median."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ONE_SIGMA = 0.6826894921370859  # content of ±1 standard error


class Estimate(NamedTuple):
    """A number and its standard error."""

    value: float
    se: float


def share(sample: Floats) -> Estimate:
    """Percent of ones among zeros and ones, shape (n,)."""
    p = float(sample.mean())
    return Estimate(100 * p, 100 * float(np.sqrt(p * (1 - p) / sample.size)))


def mean(sample: Floats) -> Estimate:
    """Mean of values, shape (n,)."""
    return Estimate(
        float(sample.mean()), float(sample.std(ddof=1) / np.sqrt(sample.size)) if sample.size > 1 else np.nan
    )


def median(sample: Floats) -> Estimate:
    """Median of values, shape (n,); half the distance of the order statistics one standard error to both sides."""
    reach = 0.5 / np.sqrt(sample.size)
    low, middle, high = np.quantile(sample, np.clip([0.5 - reach, 0.5, 0.5 + reach], 0, 1))
    return Estimate(float(middle), float((high - low) / 2))


def kaplan_meier_median(sample: Floats) -> Estimate:
    """First week at which the Kaplan–Meier curve is at most ½, inf if there is none, as lifelines has it.

    Parameters
    ----------
    sample : float array (n, 2)
        Week of loss or of the last visit, and 1 for a loss.

    Notes
    -----
    The standard error is half the width of the interval that inverts the log–log interval of the curve (Brookmeyer
    and Crowley 1982, doi:10.2307/2530286), at the level of ±1 standard error.
    """
    from lifelines import KaplanMeierFitter
    from lifelines.utils import median_survival_times

    curve = KaplanMeierFitter(alpha=1 - ONE_SIGMA).fit(sample[:, 0], sample[:, 1])
    low, high = np.ravel(median_survival_times(curve.confidence_interval_).to_numpy(dtype=float))
    return Estimate(float(curve.median_survival_time_), float((high - low) / 2))


class Share:
    """An analysis that reports `share` of its sample."""

    def statistic(self, sample: Floats) -> Estimate:
        """The reported number."""
        return share(sample)


class Mean:
    """An analysis that reports the `mean` of its sample."""

    def statistic(self, sample: Floats) -> Estimate:
        """The reported number."""
        return mean(sample)


class Median:
    """An analysis that reports the `median` of its sample."""

    def statistic(self, sample: Floats) -> Estimate:
        """The reported number."""
        return median(sample)


class KaplanMeierMedian:
    """An analysis that reports the `kaplan_meier_median` of its sample."""

    def statistic(self, sample: Floats) -> Estimate:
        """The reported number."""
        return kaplan_meier_median(sample)
