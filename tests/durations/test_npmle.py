import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retreat_research.durations.nonparametric.intervals import innermost_intervals
from retreat_research.durations.nonparametric.npmle import PROMISE, maximise
from retreat_research.errors import FitError


def incidence(inner):
    j = np.arange(inner.left.size)
    return ((inner.first[:, None] <= j) & (j <= inner.last[:, None])).astype(float)


def em(inner, weight, steps):
    """Turnbull's self-consistency on a dense 0/1 matrix."""
    covers = incidence(inner)
    mass = np.full(inner.left.size, 1 / inner.left.size)
    for _ in range(steps):
        mass = mass * (covers.T @ (weight / (covers @ mass))) / weight.sum()
    return mass


def draw(seed, n, kinds, ties, scale=1.0):
    """Exact, interval-, left- and right-censored rows in proportions `kinds`, on a grid of `ties` weeks."""
    rng = np.random.default_rng(seed)
    t = np.exp(2.6 + 0.4 * rng.standard_normal(n))
    kind = rng.choice(4, n, p=np.array(kinds) / sum(kinds))
    share, width = rng.random(n), rng.exponential(3, n) + 0.1
    lower = np.select([kind == 0, kind == 1, kind == 2], [t, np.maximum(t - share * width, 0), 0 * t], share * t)
    upper = np.select([kind == 0, kind == 1, kind == 2], [t, t + (1 - share) * width, t * (1 + share)], np.inf)
    if ties:
        lower, upper = np.floor(lower / ties) * ties, np.ceil(upper / ties) * ties
        lower = np.where(kind == 0, upper, lower)
    return lower * scale, upper * scale, rng


CASES = [
    (seed, n, kinds, ties)
    for seed, (n, kinds) in enumerate(
        [
            (1, (1, 1, 1, 1)),
            (2, (0, 1, 0, 0)),
            (7, (0, 1, 1, 1)),
            (40, (1, 0, 0, 1)),
            (60, (0, 0, 1, 1)),
            (90, (1, 1, 1, 1)),
            (150, (0, 1, 0, 1)),
            (200, (1, 2, 1, 1)),
        ]
    )
    for ties in (0, 1, 4)
]


@pytest.mark.parametrize(("seed", "n", "kinds", "ties"), CASES)
def test_reaches_the_likelihood_of_plain_em(seed, n, kinds, ties):
    lower, upper, rng = draw(seed, n, kinds, ties)
    weight = rng.choice([0.5, 1.0, 3.0], n)
    inner = innermost_intervals(lower, upper)
    best = maximise(inner, weight)
    covers = incidence(inner)
    slow = weight @ np.log(covers @ em(inner, weight, 3000))
    assert best.llf == pytest.approx(weight @ np.log(covers @ best.mass), rel=1e-12)
    assert best.llf >= slow - 1e-9 * weight.sum()
    assert best.llf <= slow + 1e-3 * weight.sum()
    assert best.mass.sum() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_the_certificate_holds_when_computed_anew(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.choice([1, 2, 3, 5, 10, 30, 100, 300]))
    kinds = rng.random(4) * (rng.random(4) < 0.6) + 1e-9
    lower, upper, _ = draw(seed, n, kinds, rng.choice([0, 0.5, 2, 4]), 10.0 ** rng.integers(-4, 5))
    weight = np.exp(rng.choice([0, 1, 2]) * rng.standard_normal(n))
    inner = innermost_intervals(lower, upper)
    best = maximise(inner, weight)
    covers = incidence(inner)
    gap = (covers.T @ (weight / (covers @ best.mass))).max() - weight.sum()
    assert gap <= PROMISE * weight.sum()
    assert best.kkt_gap == pytest.approx(max(gap, 0), abs=1e-10 * weight.sum())


@given(st.integers(0, 10_000), st.integers(2, 60))
@settings(max_examples=30, deadline=None)
def test_weights_are_duplicates_and_order_and_scale_do_not_matter(seed, n):
    lower, upper, rng = draw(seed, n, (1, 2, 1, 1), 2)
    count = rng.integers(1, 4, n)
    best = maximise(innermost_intervals(lower, upper), count.astype(float))
    order = rng.permutation(count.sum())
    many = [np.repeat(bound, count)[order] * 8.0 for bound in (lower, upper)]
    inner = innermost_intervals(*many)
    again = maximise(inner, np.ones(count.sum()))
    assert again.llf == pytest.approx(best.llf, rel=1e-9, abs=1e-9)


def test_tiny_weights_beyond_any_certificate_are_an_error_and_not_a_guess():
    lower, upper, rng = draw(663, 300, (1, 1, 1, 1), 0)
    weight = np.exp(10 * rng.standard_normal(300))
    with pytest.raises(FitError, match="could not be certified"):
        maximise(innermost_intervals(lower, upper), weight)


def test_many_exact_times_go_through_the_sparse_solver():
    lower, upper, _ = draw(1, 6000, (1, 0, 1, 1), 0)
    best = maximise(innermost_intervals(lower, upper), np.ones(6000))
    assert np.count_nonzero(best.mass) > 1500
    assert best.kkt_gap <= PROMISE * 6000


@pytest.mark.parametrize("seed", range(40))
def test_times_from_a_thousandth_to_a_hundred_thousand_and_weights_over_five_orders(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.choice([2, 10, 50, 300]))
    lower, upper, _ = draw(seed, n, rng.random(4) + 1e-9, rng.choice([0, 4]))
    spread = lambda weeks: np.where(np.isfinite(weeks) & (weeks > 0), 10 ** (np.minimum(weeks, 40) / 5 - 3), weeks)  # noqa: E731
    weight = 10 ** (5 * rng.random(n))
    inner = innermost_intervals(spread(lower), spread(upper))
    best = maximise(inner, weight)
    covers = incidence(inner)
    gap = (covers.T @ (weight / (covers @ best.mass))).max() - weight.sum()
    assert gap <= PROMISE * weight.sum()


@pytest.mark.parametrize("case", ["left-censored", "ties", "one"])
def test_degenerate_rows(case):
    lower, upper = {
        "left-censored": (np.zeros(50), np.arange(1.0, 51)),
        "ties": (np.repeat([4.0, 8.0], [900, 100]), np.repeat([8.0, 12.0], [900, 100])),
        "one": (np.array([3.0]), np.array([5.0])),
    }[case]
    best = maximise(innermost_intervals(lower, upper), np.ones(lower.size))
    expected = {"left-censored": [1], "ties": [0.9, 0.1], "one": [1]}[case]
    np.testing.assert_allclose(best.mass[best.mass > 0], expected, rtol=1e-12)
    assert best.kkt_gap <= PROMISE * lower.size


def test_a_warm_start_reaches_the_same_maximum():
    lower, upper, rng = draw(5, 150, (0, 1, 1, 1), 0)
    inner = innermost_intervals(lower, upper)
    start = rng.random(inner.left.size)
    warm, cold = maximise(inner, np.ones(150), start / start.sum()), maximise(inner, np.ones(150))
    assert warm.llf == pytest.approx(cold.llf, rel=1e-9)
    np.testing.assert_allclose(incidence(inner) @ warm.mass, incidence(inner) @ cold.mass, atol=1e-7)
