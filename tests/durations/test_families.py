import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import retreat_research as rr
from retreat_research.durations.families import FAMILIES, Family, family_named
from retreat_research.errors import InputError

SCIPY = {
    "lognormal": stats.norm,
    "weibull": stats.gumbel_l,
    "exponential": stats.gumbel_l,
    "loglogistic": stats.logistic,
}
Z = np.linspace(-6, 6, 49)
families = pytest.mark.parametrize("name", FAMILIES)


@families
def test_agrees_with_scipy(name):
    family, other = FAMILIES[name], SCIPY[name]
    z = Z[Z < 5] if other is stats.gumbel_l else Z
    np.testing.assert_allclose(family.log_density(z), other.logpdf(z), rtol=1e-12)
    np.testing.assert_allclose(family.log_survival(z), other.logsf(z), rtol=1e-12)
    np.testing.assert_allclose(family.log_distribution(z), other.logcdf(z), rtol=1e-11)
    p = np.array([1e-12, 0.01, 0.5, 0.9])
    np.testing.assert_allclose(family.quantile(p), other.ppf(p), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose([family.mean, family.sd], [other.mean(), other.std()], atol=1e-12)


@families
def test_score_and_curvature_are_derivatives(name):
    family, h = FAMILIES[name], 1e-5
    z = Z[Z < 4]
    np.testing.assert_allclose(
        family.score(z), (family.log_density(z + h) - family.log_density(z - h)) / (2 * h), rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(
        family.curvature(z), (family.score(z + h) - family.score(z - h)) / (2 * h), rtol=1e-6, atol=1e-8
    )
    assert (family.curvature(z) <= 0).all()


@families
@pytest.mark.parametrize("width", [1e-6, 0.1, 1.0, 5.0])
def test_between(name, width):
    family, other = FAMILIES[name], SCIPY[name]
    a = Z[Z < 3] if other is stats.gumbel_l else Z
    b = a + width
    found = family.between(a, b)
    tail_below, tail_above = other.cdf(b) - other.cdf(a), other.sf(a) - other.sf(b)
    p = np.where(a + b > 0, tail_above, tail_below)
    np.testing.assert_allclose(np.exp(found.log_probability), p, rtol=1e-12 + 1e-14 / width)
    # a density that is nothing beside the other one is added to it, so absolute accuracy is enough
    np.testing.assert_allclose(found.density_a, other.pdf(a) / p, rtol=1e-11 + 1e-14 / width, atol=1e-14)
    np.testing.assert_allclose(found.density_b, other.pdf(b) / p, rtol=1e-11 + 1e-14 / width, atol=1e-14)
    np.testing.assert_allclose(found.score_a, family.score(a), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.score_b, family.score(b), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["lognormal", "loglogistic"])
def test_far_tails_keep_their_digits(name):
    """log P(60 < Z ≤ 61) by its leading terms, and the same mirrored."""
    family = FAMILIES[name]
    expected = family.log_survival(np.array([60.0])) + np.log1p(
        -np.exp(family.log_survival(np.array([61.0])) - family.log_survival(np.array([60.0])))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        up = family.between(np.array([60.0]), np.array([61.0]))
        down = family.between(np.array([-61.0]), np.array([-60.0]))
    np.testing.assert_allclose(up.log_probability, expected, rtol=1e-13)
    np.testing.assert_allclose(down.log_probability, expected, rtol=1e-13)
    np.testing.assert_allclose(up.density_a, down.density_b, rtol=1e-12)
    assert np.isfinite([*up, *down]).all()


def test_weibull_far_below_keeps_its_digits():
    found = FAMILIES["weibull"].between(np.array([-300.0]), np.array([-299.0]))
    np.testing.assert_allclose(found.log_probability, -299 + np.log(-np.expm1(-1.0)), rtol=1e-14)


@families
def test_pickles(name):
    assert pickle.loads(pickle.dumps(FAMILIES[name])) == FAMILIES[name]


def test_unknown_family():
    with pytest.raises(
        InputError, match="`family` must be one of lognormal, weibull, exponential, loglogistic, not 'gauss'"
    ):
        family_named("gauss")


@families
@pytest.mark.parametrize("width", [1e-3, 1.0, 5.0])
def test_between_from_tails_is_the_fast_one(name, width):
    fast, slow = FAMILIES[name], replace(FAMILIES[name], interval=None)
    a = np.concatenate([Z[Z < 3], [-40.0]])
    with np.errstate(divide="ignore", invalid="ignore"):
        found = zip(fast.between(a, a + width), slow.between(a, a + width), strict=True)
    for one, other in found:
        np.testing.assert_allclose(one, other, rtol=1e-11 + 1e-14 / width, atol=1e-14)


# a family in a few lines: the largest extreme value, so that T is Fréchet


def largest_log_density(z):
    return -z - np.exp(-z)


def largest_log_survival(z):
    return np.log(-np.expm1(-np.exp(-z)))


def largest_log_distribution(z):
    return -np.exp(-z)


def largest_score(z):
    return np.expm1(-z)


def largest_curvature(z):
    return -np.exp(-z)


def largest_quantile(p):
    return -np.log(-np.log(p))


FRECHET = Family("frechet", largest_log_density, largest_log_survival, largest_log_distribution, largest_score,
                 largest_curvature, largest_quantile, mean=np.euler_gamma, sd=np.pi / np.sqrt(6))  # fmt: skip


def test_a_new_family_is_one_entry(monkeypatch, golden):
    """1/T is then Weibull, so the fit to reciprocal intervals must be its mirror image."""
    monkeypatch.setitem(FAMILIES, "frechet", FRECHET)
    fit = rr.AFT("product", family="frechet", cov="sandwich").fit(golden)
    with np.errstate(divide="ignore"):
        mirrored = rr.Cycles(1 / golden.upper, 1 / golden.lower, patient=golden.patient, data=golden.frame[["product"]])
    mirror = rr.AFT("product", family="weibull", cov="sandwich").fit(mirrored)
    assert fit.llf == pytest.approx(mirror.llf, rel=1e-10)
    np.testing.assert_allclose(fit.params, mirror.params * [-1, -1, 1], rtol=1e-6)
    np.testing.assert_allclose(fit.bse, mirror.bse, rtol=1e-6)
    assert fit.quantile(0.5, {"product": 1})["estimate"].item() == pytest.approx(
        1 / mirror.quantile(0.5, {"product": 1})["estimate"].item(), rel=1e-6
    )
    assert pickle.loads(pickle.dumps(fit)).llf == fit.llf
