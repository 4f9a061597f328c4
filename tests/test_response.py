"""The curve of effect, the dose, and non-response."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from retreat_research import InputError
from retreat_research.response import (
    Response,
    amplitude,
    duration_factor,
    effect,
    non_response_probability,
    onset_share,
    shortening,
)

RESPONSE = Response(median_weeks={"onabotulinumtoxinA": 17.0})


@pytest.mark.parametrize("threshold", [0.2, 0.5])
@pytest.mark.parametrize("dose", [0.1, 0.5, 1.0, 2.0])
def test_the_effect_crosses_the_threshold_when_the_duration_says(dose, threshold):
    response = Response(median_weeks={"onabotulinumtoxinA": 17.0}, threshold=threshold)
    peak = amplitude(response, np.array([dose]))
    own = 17.0 * duration_factor(response, np.array([dose]))
    duration = own * shortening(response, peak)

    def above(weeks):
        return effect(response, np.array([weeks]), peak, np.log(own), 1.0)[0] - threshold

    if peak[0] <= threshold:
        assert duration[0] == 0
    else:
        assert optimize.brentq(above, 4, 60) == pytest.approx(duration[0], abs=1e-6)


def test_one_curve_gives_every_endpoints_duration():
    """T80/T50 = 4^(1/h): DESIGN §6, ln 4/ln(T80/T50) = h."""
    weeks = np.linspace(1, 80, 200_001)
    own = np.full_like(weeks, np.log(17.0))
    value = effect(RESPONSE, weeks, np.ones_like(weeks), own, 1.0)
    t80, t50 = (weeks[np.argmax(value <= left)] for left in (0.2, 0.5))
    assert np.log(4) / np.log(t80 / t50) == pytest.approx(RESPONSE.curve_hill, abs=1e-3)


def test_the_label_dose_is_neutral():
    one = np.ones(1)
    assert duration_factor(RESPONSE, one)[0] == 1
    assert amplitude(RESPONSE, one)[0] == 1
    assert shortening(RESPONSE, one)[0] == pytest.approx(1, abs=1e-15)


def test_above_the_label_dose_duration_grows_about_0_16_per_ln_dose():
    """EVIDENCE, contested: 0.10 to 0.20 in wrinkles; the design says about 0.16."""
    slope = np.log(duration_factor(RESPONSE, np.array([2.0]))[0]) / np.log(2)
    assert 0.10 < slope < 0.20


def test_the_onset_factor_is_dropped_only_where_it_is_one():
    weeks = np.array([0.5, 5.0, 11.24, 11.26, 40.0])
    naive = (1 - np.exp(-weeks / 0.3)) / (1 + 4 * (weeks / 17.0) ** 3)
    risen = onset_share(weeks, np.full(5, 0.3))
    assert (risen[:2] < 1).all()
    assert (risen[3:] == 1).all()
    found = effect(RESPONSE, weeks, np.ones(5), np.full(5, np.log(17.0)), risen)
    np.testing.assert_allclose(found, naive, rtol=1e-14)


@pytest.mark.parametrize(("p", "icc"), [(0.1, 0.5), (0.05, 0.2), (0.4, 0.9), (0.0, 0.5), (0.3, 0.0)])
def test_non_response_has_the_mean_it_promises(p, icc):
    response = Response(median_weeks={"onabotulinumtoxinA": 17.0}, non_response=p, non_response_icc=icc)

    def integrand(z):
        return stats.norm.pdf(z) * non_response_probability(response, np.array([z]))[0]

    assert integrate.quad(integrand, -9, 9, epsabs=1e-10)[0] == pytest.approx(p, abs=1e-6)


@pytest.mark.parametrize(
    "bad",
    [
        {"between_sd": -1},
        {"threshold": 0},
        {"threshold": 1},
        {"non_response": 1},
        {"curve_hill": float("nan")},
        {"median_weeks": {}},
        {"median_weeks": {"onabotulinumtoxinA": 0}},
    ],
)
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        Response(**{"median_weeks": {"onabotulinumtoxinA": 17.0}, **bad})
