import numpy as np
import pytest
from scipy import stats

from retreat_research.durations.families import FAMILIES
from retreat_research.durations.likelihood import NARROW, row_terms, sample_of

INF = np.inf
SCIPY = {
    "lognormal": stats.norm,
    "weibull": stats.gumbel_l,
    "exponential": stats.gumbel_l,
    "loglogistic": stats.logistic,
}
LOWER = np.array([8.0, 0.0, 12.0, 5.0, 0.0, 9.0, 0.001, 3.0])
UPPER = np.array([12.0, 4.0, INF, 5.0, INF, 9.0 * (1 + 1e-9), 1e5, INF])
ETA = np.array([0.3, -0.2, 0.1, 0.5, 0.0, -0.4, 0.2, 0.0])
families = pytest.mark.parametrize("name", FAMILIES)


def sample_and_eta():
    sample = sample_of(LOWER, UPPER)
    return sample, ETA[sample.order]


def test_sorts_exact_interval_left_right_and_drops_rows_that_say_nothing():
    sample, _ = sample_and_eta()
    assert sample.order.tolist() == [3, 5, 0, 6, 1, 2, 7]
    assert sample.ends.tolist() == [2, 4, 5]
    assert sample.offset[:3].tolist() == pytest.approx([-np.log(5), np.log(1e-9), 0], rel=1e-6)


@families
def test_values_are_those_of_the_definition(name):
    z = SCIPY[name]
    sample, eta = sample_and_eta()
    tau = 2.5
    terms = row_terms(FAMILIES[name], sample.shifted(np.full(7, 2.0)), eta, tau)
    for row, e, value in zip(sample.order, eta, terms.llf, strict=True):
        with np.errstate(divide="ignore"):
            a, b = tau * (np.log([LOWER[row], UPPER[row]]) - 2) - e
        if LOWER[row] == UPPER[row]:
            expected = z.logpdf(a) + np.log(tau) - np.log(LOWER[row])
        elif UPPER[row] < LOWER[row] * (1 + 2 * NARROW):
            expected = z.logpdf(a) + np.log(tau) + np.log(np.log(UPPER[row] / LOWER[row]))
        else:
            expected = np.log(z.cdf(b) - z.cdf(a)) if a < 0 else np.log(z.sf(a) - z.sf(b))
        assert value == pytest.approx(expected, rel=1e-7)


@families
def test_derivatives(name):
    family = FAMILIES[name]
    sample, eta = sample_and_eta()
    sample, tau, h = sample.shifted(np.full(7, 2.0)), 0.8, 1e-5

    def at(d_eta=0.0, d_tau=0.0):
        return row_terms(family, sample, eta + d_eta, tau + d_tau)

    terms = at()
    close = {"rtol": 2e-6, "atol": 1e-7}
    np.testing.assert_allclose(terms.eta, (at(h).llf - at(-h).llf) / (2 * h), **close)
    np.testing.assert_allclose(terms.tau, (at(0, h).llf - at(0, -h).llf) / (2 * h), **close)
    np.testing.assert_allclose(terms.eta_eta, (at(h).eta - at(-h).eta) / (2 * h), **close)
    np.testing.assert_allclose(terms.eta_tau, (at(h).tau - at(-h).tau) / (2 * h), **close)
    np.testing.assert_allclose(terms.tau_tau, (at(0, h).tau - at(0, -h).tau) / (2 * h), **close)


@families
def test_every_row_is_concave(name):
    rng = np.random.default_rng(0)
    lower = np.exp(rng.normal(2, 1, 400)) * (rng.random(400) > 0.2)
    upper = np.where(rng.random(400) < 0.2, INF, lower + rng.exponential(5, 400) * (rng.random(400) > 0.2))
    keep = (upper > 0) & ~((lower == 0) & np.isinf(upper))
    sample = sample_of(lower[keep], upper[keep])
    terms = row_terms(FAMILIES[name], sample, rng.normal(2, 1, sample.order.size), 1.3)
    determinant = terms.eta_eta * terms.tau_tau - terms.eta_tau**2
    size = np.abs(terms.eta_eta * terms.tau_tau)
    assert (terms.eta_eta <= 1e-12).all()
    assert (terms.tau_tau <= 1e-12 * (1 + np.abs(terms.tau_tau))).all()
    assert (determinant >= -1e-7 * (1 + size)).all()


@families
def test_a_narrow_interval_is_its_density_times_its_width(name):
    """Just below and just above the width at which the formula changes."""
    t, eta = np.array([10.0]), np.array([0.3])
    below, above = (
        row_terms(FAMILIES[name], sample_of(t, t * np.exp(width)), eta, 1.5).llf - np.log(width)
        for width in (0.5 * NARROW, 2 * NARROW)
    )
    np.testing.assert_allclose(below, above, rtol=1e-6)
