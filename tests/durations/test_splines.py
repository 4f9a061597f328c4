import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retreat_research as rr
from retreat_research.durations.observed import observe
from retreat_research.durations.splines import (
    knots_from_data,
    natural_spline,
    slopes_to_hold,
    slowest,
    spline_at,
    spline_inverse,
)

KNOTS = np.array([0.5, 1.2, 1.9, 3.0])


def royston_parmar(x, knots):
    """Equation 8 of Royston and Parmar (2002), one x and one function at a time."""
    first, last, row = knots[0], knots[-1], [x]
    for knot in knots[1:-1]:
        share = (last - knot) / (last - first)
        cubes = [max(x - k, 0) ** 3 for k in (knot, first, last)]
        row.append(cubes[0] - share * cubes[1] - (1 - share) * cubes[2])
    return row


def test_basis_is_that_of_royston_and_parmar():
    x = np.linspace(-2, 6, 33).reshape(3, 11)
    basis = natural_spline(x, KNOTS)
    naive = np.array([[royston_parmar(value, KNOTS) for value in row] for row in x])
    np.testing.assert_allclose(np.moveaxis(basis.value, 0, -1), naive, atol=1e-12)
    h = 1e-4
    below, above = natural_spline(x - h, KNOTS), natural_spline(x + h, KNOTS)
    np.testing.assert_allclose(basis.slope, (above.value - below.value) / (2 * h), atol=1e-6)
    np.testing.assert_allclose(basis.bend, (above.slope - below.slope) / (2 * h), atol=1e-3)


def test_straight_lines_outside_and_without_inner_knots():
    far = natural_spline(np.array([-1e6, KNOTS[0], KNOTS[-1], 1e6]), KNOTS)
    np.testing.assert_allclose(far.bend, 0, atol=1e-12)
    np.testing.assert_allclose(far.slope[:, 2], far.slope[:, 3])
    assert natural_spline(np.array([7.0]), np.array([0.0, 1.0])).value.tolist() == [[7.0]]


rising = st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(np.array)


@given(coefficients=rising)
@settings(max_examples=60, deadline=None)
def test_where_it_rises_least(coefficients):
    grid = natural_spline(np.linspace(KNOTS[0], KNOTS[-1], 3001), KNOTS)
    slope = coefficients @ grid.slope
    least = (coefficients @ natural_spline(slowest(coefficients, KNOTS), KNOTS).slope).min()
    bend = np.abs(coefficients @ grid.bend).max()
    assert least <= slope.min() + 1e-9
    assert least >= slope.min() - 1e-3 * bend - 1e-9
    held = (coefficients @ slopes_to_hold(KNOTS)).min()
    assert held <= least + 1e-9  # enough for rising everywhere
    assert held >= least - bend * 1.1 / 64 - 1e-9  # and hardly more than that


@given(coefficients=rising)
@settings(max_examples=40, deadline=None)
def test_inverse_and_infinite_places(coefficients):
    least = (coefficients @ natural_spline(slowest(coefficients, KNOTS), KNOTS).slope).min()
    coefficients = coefficients + np.array([max(0.1 - least, 0), 0, 0])
    x = np.linspace(-4, 8, 25).reshape(5, 5)
    value, slope = spline_at(coefficients, KNOTS, x)
    assert (slope > 0).all()
    np.testing.assert_allclose(value, np.tensordot(coefficients, natural_spline(x, KNOTS).value, axes=1), atol=1e-9)
    np.testing.assert_allclose(spline_inverse(coefficients, KNOTS, value), x, atol=1e-9)
    ends = spline_at(coefficients, KNOTS, np.array([-np.inf, np.inf]))[0]
    assert ends.tolist() == [-np.inf, np.inf]


def test_knots_at_quantiles_of_turnbulls_estimate():
    weeks = np.arange(1.0, 101.0)
    exact = knots_from_data(observe(rr.Cycles(weeks, weeks), None), 1)
    np.testing.assert_allclose(np.exp(exact), [5, 50, 95], atol=1)
    # half the mass in (0, 4], half in the innermost interval (8, 12]
    halves = observe(rr.Cycles([0, 4, 8], [4, 12, np.inf]), np.array([2, 2, 1e-6]))
    np.testing.assert_allclose(np.exp(knots_from_data(halves, 0)), [0.4, 11.6], rtol=1e-6)
    visits = observe(rr.Cycles([0, 0, 4, 4, 12], [4, 4, 12, 12, np.inf]), None)
    assert np.all(np.diff(knots_from_data(visits, 5)) > 0)


def test_too_few_values_for_the_knots():
    with pytest.raises(rr.InputError, match="too few values for 3 inner knots; ask for fewer"):
        knots_from_data(observe(rr.Cycles([4, 4, 4, 8], [4, 4, 4, 8]), None), 3)
