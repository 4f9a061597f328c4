"""The curve of effect, the dose, and non-response."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from retreat_research import InputError
from retreat_research.response import (
    Response,
    amplitude,
    below_support,
    duration_factor,
    effect,
    effect_of,
    lasting,
    non_response_probability,
    onset_share_of,
    shortening,
    shortening_of,
)

RESPONSE = Response(median_weeks={"onabotulinumtoxinA": 17.0})


@pytest.mark.parametrize("threshold", [0.2, 0.5])
@pytest.mark.parametrize("dose", [0.1, 0.5, 1.0, 2.0])
def test_the_effect_crosses_the_threshold_when_the_duration_says(dose, threshold):
    response = Response(median_weeks={"onabotulinumtoxinA": 17.0}, threshold=threshold)
    peak = amplitude(dose, response.amplitude_half)
    own = 17.0 * duration_factor(dose, response.dose_half)
    duration = own * shortening(peak, threshold, response.curve_hill)

    def above(weeks):
        return effect(np.log(weeks), peak, np.log(own), 1.0, threshold, response.curve_hill) - threshold

    if peak <= threshold:
        assert duration == 0
    else:
        assert optimize.brentq(above, 4, 60) == pytest.approx(duration, abs=1e-6)


@pytest.mark.parametrize("support", [0.0, 0.1])
@pytest.mark.parametrize("level", [0.15, 0.2, 0.5])
@pytest.mark.parametrize("dose", [0.5, 1.0, 2.0])
def test_the_benefit_crosses_any_level_when_the_closed_form_says(dose, level, support):
    """With an adjunct too: 1 − (1 − effect)(1 − support)."""
    theta, hill = RESPONSE.threshold, RESPONSE.curve_hill
    peak = amplitude(dose, RESPONSE.amplitude_half)
    lasts = 17.0 * lasting(peak, below_support(level, support), theta, hill)

    def above(weeks):
        value = effect(np.log(weeks), peak, np.log(17.0), 1.0, theta, hill)
        return 1 - (1 - value) * (1 - support) - level

    assert optimize.brentq(above, 1, 90, xtol=1e-12) == pytest.approx(lasts, rel=1e-10)
    assert lasting(0.15, 0.2, theta, hill) == 0


def test_one_curve_gives_every_endpoints_duration():
    """T80/T50 = 4^(1/h): DESIGN §6, ln 4/ln(T80/T50) = h."""
    weeks = np.linspace(1, 80, 200_001)
    value = effect_of(np.log(weeks), 1.0, np.log(17.0), 1.0, RESPONSE.threshold, RESPONSE.curve_hill)
    t80, t50 = (weeks[np.argmax(value <= left)] for left in (0.2, 0.5))
    assert np.log(4) / np.log(t80 / t50) == pytest.approx(RESPONSE.curve_hill, abs=1e-3)


def test_the_label_dose_is_neutral():
    assert duration_factor(1.0, RESPONSE.dose_half) == 1
    assert amplitude(1.0, RESPONSE.amplitude_half) == 1
    assert shortening(1.0, RESPONSE.threshold, RESPONSE.curve_hill) == pytest.approx(1, abs=1e-15)
    assert shortening_of(np.array([1.0, 0.1]), 0.2, 3.0).tolist() == pytest.approx([1, 0])


def test_above_the_label_dose_duration_grows_about_0_16_per_ln_dose():
    """EVIDENCE, contested: 0.10 to 0.20 in wrinkles; the design says about 0.16."""
    slope = np.log(duration_factor(2.0, RESPONSE.dose_half)) / np.log(2)
    assert 0.10 < slope < 0.20


def test_the_onset_factor_is_dropped_only_where_it_is_one():
    weeks = np.array([0.5, 5.0, 11.24, 11.26, 40.0])
    naive = (1 - np.exp(-weeks / 0.3)) / (1 + 4 * (weeks / 17.0) ** 3)
    risen = onset_share_of(weeks, 0.3)
    found = effect_of(np.log(weeks), 1.0, np.log(17.0), risen, RESPONSE.threshold, RESPONSE.curve_hill)
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
        {"adjunct_lengthening": 0.9},
        {"adjunct_support": 0.2},
        {"median_weeks": {}},
        {"median_weeks": {"onabotulinumtoxinA": 0}},
    ],
)
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        Response(**{"median_weeks": {"onabotulinumtoxinA": 17.0}, **bad})
