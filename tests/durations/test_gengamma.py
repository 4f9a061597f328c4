"""The generalised gamma distribution against scipy and against integrals of its density."""

import pickle

import numpy as np
import pytest
from scipy import stats

from retreat_research.durations import gengamma
from retreat_research.durations.families import SHAPED, gamma_at, gengamma_at

Z = np.array([-60.0, -37, -20, -9, -8.1, -7.9, -5, -2, -0.5, 0, 0.5, 2, 5, 7.9, 8.1, 9, 20, 37, 60])
Q = [0.0, 1e-8, 1e-4, 0.01, 0.07, 0.0999, 0.1001, 0.2, 0.5, 1.0, 2.0, 5.0]
shapes = pytest.mark.parametrize("q", [*Q, *(-q for q in Q[1:])])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)


def log_upper(q, z):
    """log ∫_z^∞ f by Gauss-Legendre rules on panels a fraction of the density's decay wide."""
    start = gengamma.log_density(q, np.array(z))
    width = 0.5 / (1 + abs(float(gengamma.score(q, np.array(z)))))
    total, left = 0.0, z
    for _ in range(400):
        places = left + width * (NODES + 1) / 2
        with np.errstate(over="ignore"):
            part = width / 2 * float(WEIGHTS @ np.exp(gengamma.log_density(q, places) - start))
        total, left = total + part, left + width
        if part < 1e-17 * total:
            break
        width = min(1.3 * width, 0.5)
    return float(start) + np.log(total)


@shapes
def test_upper_tail_is_the_integral_of_the_density(q):
    z = Z[(Z > -3) & (q * Z < 6)]
    expected = [log_upper(q, value) for value in z]
    np.testing.assert_allclose(gengamma.log_survival(q, z), expected, rtol=2e-13, atol=2e-14)
    np.testing.assert_allclose(gengamma.log_distribution(-q, -z), expected, rtol=2e-13, atol=2e-14)


@shapes
def test_both_tails_are_one_together(q):
    z = Z[np.abs(q * Z) < 6]
    total = np.exp(gengamma.log_survival(q, z)) + np.exp(gengamma.log_distribution(q, z))
    np.testing.assert_allclose(total, 1, rtol=1e-14)


@pytest.mark.parametrize(("q", "other"), [(0.0, stats.norm), (1.0, stats.gumbel_l), (-1.0, stats.gumbel_r)])
def test_known_members(q, other):
    z = Z[(np.abs(Z) < 21) & (q * Z < 6)]
    np.testing.assert_allclose(gengamma.log_density(q, z), other.logpdf(z), rtol=1e-13)
    np.testing.assert_allclose(gengamma.log_survival(q, z), other.logsf(z), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(gengamma.log_distribution(q, z), other.logcdf(z), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(gengamma.moments(q), [other.mean(), other.std()], atol=1e-14)


@pytest.mark.parametrize("centre", [0.0, gengamma.SMALL, -gengamma.SMALL, 1e-3, 0.3])
@pytest.mark.parametrize("function", [gengamma.log_density, gengamma.log_survival, gengamma.log_distribution])
def test_smooth_in_q(function, centre):
    """Where formulas change, and elsewhere: sixth differences over steps of 1e-3 are nothing but rounding."""
    z = np.array([-7.9, -6.0, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0, 7.9])
    binomial = np.array([1, -6, 15, -20, 15, -6, 1])
    values = np.array([function(centre + 1e-3 * j, z) for j in range(-3, 4)])
    assert (np.abs(binomial @ values) <= 64 * 2e-15 * (1 + np.abs(values).max(axis=0))).all()


@shapes
def test_score_and_curvature_are_derivatives(q):
    h = 1e-5
    z = Z[(np.abs(Z) < 9) & (q * Z < 4)]
    close = {"rtol": 1e-6, "atol": 1e-7}
    density = gengamma.log_density
    np.testing.assert_allclose(gengamma.score(q, z), (density(q, z + h) - density(q, z - h)) / (2 * h), **close)
    slope = (gengamma.score(q, z + h) - gengamma.score(q, z - h)) / (2 * h)
    np.testing.assert_allclose(gengamma.curvature(q, z), slope, **close)


@shapes
def test_quantiles(q):
    p = np.array([1e-12, 0.01, 0.5, 0.9, 1 - 1e-9])
    z = gengamma.quantile(q, p)
    np.testing.assert_allclose(np.exp(gengamma.log_distribution(q, z[:3])), p[:3], rtol=1e-11)
    np.testing.assert_allclose(np.exp(gengamma.log_survival(q, z[2:])), 1 - p[2:], rtol=1e-11)


@pytest.mark.parametrize("log_shape", [-3.0, 0.0, 2.0, 4.0, 4.7, 10.0])
def test_gamma_has_mean_one(log_shape):
    family, shape = gamma_at(log_shape), np.exp(log_shape)
    other = stats.gamma(shape, scale=1 / shape)
    p = np.array([0.001, 0.2, 0.5, 0.9, 0.9999])
    t = other.ppf(p)
    z = np.log(t)
    np.testing.assert_allclose(family.log_survival(z), other.logsf(t), rtol=1e-9)
    np.testing.assert_allclose(family.log_density(z), other.logpdf(t) + z, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(family.quantile(p), z, rtol=1e-9, atol=1e-12)
    h = 1e-6
    np.testing.assert_allclose(
        family.score(z), (family.log_density(z + h) - family.log_density(z - h)) / (2 * h), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        family.curvature(z), (family.score(z + h) - family.score(z - h)) / (2 * h), rtol=1e-6, atol=1e-6
    )
    sample = np.log(other.ppf((np.arange(200_000) + 0.5) / 200_000))
    np.testing.assert_allclose([family.mean, family.sd], [sample.mean(), sample.std()], rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("q", [-2.0, -0.05, 0.0, 0.3, 3.0])
def test_between(q):
    family = gengamma_at(q)
    a = np.array([-30.0, -3, -1, 0, 1, 2])
    found = family.between(a, a + 0.7)
    expected = np.exp(family.log_survival(a)) - np.exp(family.log_survival(a + 0.7))
    lower = np.exp(family.log_distribution(a + 0.7)) - np.exp(family.log_distribution(a))
    expected = np.where(a < 0, lower, expected)
    seen = expected > 1e-290
    np.testing.assert_allclose(np.exp(found.log_probability[seen]), expected[seen], rtol=1e-11)
    np.testing.assert_allclose(found.density_a[seen], np.exp(family.log_density(a[seen])) / expected[seen], rtol=1e-11)
    assert np.isfinite(found.log_probability).all()


@pytest.mark.parametrize("name", SHAPED)
def test_pickles(name):
    family = pickle.loads(pickle.dumps(SHAPED[name].at(0.3)))
    np.testing.assert_array_equal(family.log_survival(Z[5:12]), SHAPED[name].at(0.3).log_survival(Z[5:12]))
    assert pickle.loads(pickle.dumps(SHAPED[name])) == SHAPED[name]


@pytest.mark.parametrize("q", [-3.0, -0.05, 0.0, 0.05, 3.0])
def test_at_infinity(q):
    z = np.array([-np.inf, np.inf])
    assert gengamma.log_survival(q, z).tolist() == [0, -np.inf]
    with np.errstate(invalid="ignore"):
        assert gengamma.log_density(q, z).tolist() == [-np.inf, -np.inf]
