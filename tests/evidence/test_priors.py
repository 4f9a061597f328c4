"""Priors: inverse distribution functions, and what cannot be one."""

import numpy as np
import pytest
from scipy import stats

from retreat_research import InputError
from retreat_research.evidence import Beta, HalfNormal, LogNormal, Normal, Uniform

U = np.array([2.0**-33, 1e-6, 0.01, 0.3, 0.5, 0.8, 0.999, 1 - 2.0**-33])
CASES = [
    (LogNormal(5, 0.7), stats.lognorm(0.7, scale=5)),
    (LogNormal(0.013, 0.8), stats.lognorm(0.8, scale=0.013)),
    (Normal(-2, 3), stats.norm(-2, 3)),
    (Normal(0.6, 0.4, lower=0, upper=1.3), stats.truncnorm(-1.5, 1.75, 0.6, 0.4)),
    (Normal(0, 1, lower=0.5), stats.truncnorm(0.5, np.inf)),
    (HalfNormal(1.5), stats.halfnorm(0, 1.5)),
    (Beta(2, 3), stats.beta(2, 3)),
    (Uniform(60, 240), stats.uniform(60, 180)),
]


@pytest.mark.parametrize(("prior", "reference"), CASES, ids=lambda case: str(case)[:30])
def test_quantiles_invert_the_distribution_function(prior, reference):
    np.testing.assert_allclose(reference.cdf(prior.quantile(U)), U, rtol=0, atol=1e-15)
    assert (np.diff(prior.quantile(U)) > 0).all()


def test_a_range_is_the_central_95_percent():
    prior = LogNormal.within(15, 19, median=17)
    low, middle, high = prior.quantile([0.025, 0.5, 0.975])
    assert middle == pytest.approx(17)
    assert high / low == pytest.approx(19 / 15)


def test_quantiles_keep_the_shape():
    assert Uniform(0, 1).quantile(np.full((2, 3), 0.5)).shape == (2, 3)
    assert Beta(2, 3).quantile(0.5).shape == ()


@pytest.mark.parametrize("u", ["half", [0.5, None, 1j]])
def test_a_probability_is_a_number(u):
    with pytest.raises(InputError, match="`u` must be"):
        Uniform(0, 1).quantile(u)


@pytest.mark.parametrize("u", [0, 1, -0.1, float("nan"), [0.5, 2]])
def test_what_is_no_probability_is_refused(u):
    for prior, _ in CASES:
        with pytest.raises(InputError, match="`u` must lie between 0 and 1"):
            prior.quantile(u)


@pytest.mark.parametrize(
    ("kind", "arguments", "named"),
    [
        (LogNormal, (0, 1), "median"),
        (LogNormal, (float("inf"), 1), "median"),
        (LogNormal, (1, 0), "sd"),
        (LogNormal, (1, float("nan")), "sd"),
        (LogNormal.within, (2, 1, 1), "lower"),
        (LogNormal.within, (0, 1, 1), "lower"),
        (LogNormal, ("5", 1), "median"),
        (LogNormal, (1, True), "sd"),
        (LogNormal, (10**400, 1), "median"),
        (LogNormal.within, (1, None, 1), "upper"),
        (Normal, (None, 1), "mean"),
        (Normal, (0, 1, "a"), "lower"),
        (Normal, (0, 1, 0, float("nan")), "upper"),
        (Uniform, (0, [1]), "upper"),
        (Normal, (float("nan"), 1), "mean"),
        (Normal, (0, -1), "sd"),
        (Normal, (0, 1, 2, 2), "lower"),
        (HalfNormal, (0,), "sd"),
        (Beta, (0, 1), "a"),
        (Beta, (1, float("inf")), "b"),
        (Uniform, (1, 1), "lower"),
        (Uniform, (0, float("inf")), "upper"),
    ],
)
def test_what_cannot_be_a_prior_is_refused(kind, arguments, named):
    with pytest.raises(InputError, match=f"`{named}`"):
        kind(*arguments)
