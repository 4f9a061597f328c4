"""Delta-method predictions against closed forms and against differences of refitted functions."""

import numpy as np
import pytest
from scipy import integrate, special

from retreat_research.durations.families import FAMILIES
from retreat_research.durations.predictions import log_quantile, log_rmst, survival_scale

LOCATION = np.array([-3.0, 1.0, 2.5, 9.0])
WEEKS = np.array([0.01, 4.0, 12.0, 26.0, 1e4])
families = pytest.mark.parametrize("name", FAMILIES)
scales = pytest.mark.parametrize("scale", [0.005, 0.1, 0.35, 0.9, 2.5])


def rmst(name, location, scale, weeks):
    """∫_0^τ S dt in closed form, for the log-logistic by Simpson's rule on a fine grid."""
    z = (np.log(weeks) - location) / scale
    if name == "lognormal":
        before = np.exp(location + scale**2 / 2 + special.log_ndtr(z - scale))
        return before + weeks * special.ndtr(-z)
    if name == "weibull":
        hazard = np.exp(np.minimum(z, 700))
        whole = np.exp(location) * special.gamma(1 + scale)
        return whole * special.gammainc(1 + scale, hazard) + weeks * np.exp(-hazard)
    if z <= -45:
        return weeks
    grid = np.linspace(-45, z, 400_001)
    start = np.exp(location - 45 * scale)
    return start + integrate.simpson(scale * np.exp(location + scale * grid + special.log_expit(-grid)), x=grid)


@families
@scales
def test_rmst_against_closed_forms(name, scale):
    found = np.exp(log_rmst(FAMILIES[name], LOCATION, scale, WEEKS).value)
    expected = [[rmst(name, location, scale, week) for week in WEEKS] for location in LOCATION]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@families
@scales
@pytest.mark.parametrize("curve", [survival_scale, log_quantile, log_rmst])
def test_gradients(name, scale, curve):
    family, h = FAMILIES[name], 1e-5
    at = np.array([0.1, 0.5, 0.99]) if curve is log_quantile else WEEKS

    def value(d_location=0.0, d_log_scale=0.0):
        return curve(family, LOCATION + d_location, scale * np.exp(d_log_scale), at).value

    found = curve(family, LOCATION, scale, at)
    close = {"rtol": 1e-6, "atol": 1e-6 * max(1, 1e-2 / scale)}
    np.testing.assert_allclose(found.by_location, (value(h) - value(-h)) / (2 * h), **close)
    np.testing.assert_allclose(found.by_log_scale, (value(0, h) - value(0, -h)) / (2 * h), **close)
