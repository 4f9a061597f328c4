"""What the equations of response and immunity must obey, whatever their parameters."""

import math

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retreat_research.immunity import Immunity, decayed, effective_share, first_hazard, first_output, recalled, strength
from retreat_research.response import amplitude, duration_factor, effect, lasting, onset_share

QUICK = settings(max_examples=60, deadline=None)

doses = st.floats(1e-4, 20)
halves = st.floats(0.01, 2)
thresholds = st.floats(0.05, 0.8)
hills = st.floats(0.5, 5)
outputs = st.floats(0, 100)
weeks = st.floats(1 / 7, 200)
kinetics = st.builds(
    Immunity,
    titre_half_life_days=st.floats(7, 40),
    short_half_life_days=st.floats(60, 240),
    long_half_life_days=st.floats(300, 1000),
    antigen_hill=st.floats(0.5, 3),
    half_antigen_ng=st.floats(0.1, 10),
    induction_rate=st.floats(0, 2),
    rest_floor=st.floats(0, 1),
    rest_days=st.floats(20, 400),
    feedback_titre=st.floats(1, 50),
    memory_gain=st.floats(0, 1),
    booster=st.floats(0, 4),
).map(Immunity.kinetics)


@QUICK
@given(st.floats(0, 100), st.floats(0, 100), st.floats(0.01, 50), hills)
def test_more_antigen_never_lowers_the_strength_of_a_response(a, b, half, hill):
    less, more = sorted((a, b))
    assert 0 <= strength(less, half, hill) <= strength(more, half, hill) <= 1


@QUICK
@given(doses, doses, halves, halves, thresholds, hills)
def test_more_dose_never_lowers_peak_or_duration(a, b, dose_half, amplitude_half, threshold, hill):
    less, more = sorted((a, b))
    peaks = [amplitude(r, amplitude_half) for r in (less, more)]
    assert 0 <= peaks[0] <= peaks[1] <= 1 + amplitude_half
    lasts = [
        duration_factor(r, dose_half) * lasting(peak, threshold, threshold, hill)
        for r, peak in zip((less, more), peaks, strict=True)
    ]
    assert 0 <= lasts[0] <= lasts[1] * (1 + 1e-12)


@QUICK
@given(doses, halves, thresholds, thresholds, thresholds, hills)
def test_a_lower_level_is_kept_for_longer(dose, half, threshold, a, b, hill):
    low, high = sorted((a, b))
    peak = amplitude(dose, half)
    assert lasting(peak, high, threshold, hill) <= lasting(peak, low, threshold, hill) * (1 + 1e-12)
    assert (lasting(peak, high, threshold, hill) == 0) == (peak <= high)


@QUICK
@given(doses, halves, thresholds, hills, st.floats(2, 40), st.floats(0.05, 1), weeks, weeks)
def test_the_effect_lies_between_nothing_and_its_peak_and_falls_once_risen(
    dose, half, threshold, hill, own, onset, a, b
):
    peak = amplitude(dose, half)
    values = [effect(math.log(t), peak, math.log(own), onset_share(t, onset), threshold, hill) for t in sorted((a, b))]
    assert all(0 <= value <= peak for value in values)
    if min(a, b) > 25 * onset:
        assert values[1] <= values[0]


@QUICK
@given(doses, halves, thresholds, st.floats(0.05, 0.9), hills, st.floats(2, 40))
def test_the_effect_is_at_its_level_when_it_has_lasted(dose, half, threshold, level, hill, own):
    """The closed form of the time above a level inverts the curve."""
    peak = amplitude(dose, half)
    assume(peak > level * 1.001)
    lasts = own * lasting(peak, level, threshold, hill)
    assert math.isclose(effect(math.log(lasts), peak, math.log(own), 1.0, threshold, hill), level, rel_tol=1e-9)


@QUICK
@given(outputs, outputs, st.floats(0.1, 10), hills)
def test_more_antibody_never_leaves_more_of_a_dose(a, b, half, hill):
    less, more = sorted((a, b))
    assert 0 <= effective_share(more, half, hill) <= effective_share(less, half, hill) <= 1


@QUICK
@given(kinetics, outputs, outputs, outputs, weeks, weeks)
def test_titre_is_never_negative_and_two_pauses_are_one(p, short, long, titre, first, second):
    between = decayed(p, short, long, titre, first)
    assert min(between) >= 0
    np.testing.assert_allclose(decayed(p, *between, second), decayed(p, short, long, titre, first + second), rtol=1e-9)


@QUICK
@given(kinetics, outputs, outputs, outputs)
def test_in_a_pause_the_titre_peaks_once_and_never_rises_again(p, short, long, titre):
    course = np.array([decayed(p, short, long, titre, week)[2] for week in np.linspace(0, 300, 400)])
    rises = np.diff(course) > 1e-12 * course.max()
    assert not (np.diff(rises.astype(int)) > 0).any()
    assert course.max() <= max(titre, short + long) * (1 + 1e-12)


@QUICK
@given(kinetics, st.floats(0, 1), outputs, outputs, outputs, st.floats(1, 1000), st.floats(0.001, 50), st.floats(0, 50))
def test_a_recall_never_takes_anything_away_and_grows_with_antigen(p, memory, short, long, titre, days, ng, gain):
    after = recalled(p, memory, short, long, titre, days, ng, gain)
    assert memory <= after[0] <= 1
    assert after[1] >= short
    assert after[2] >= long
    more = recalled(p, memory, short, long, titre, days, 2 * ng, gain)
    assert all(a <= b * (1 + 1e-12) for a, b in zip(after, more, strict=True))
    assert 0 <= first_output(p, ng, gain) <= first_output(p, 2 * ng, gain)


@QUICK
@given(kinetics, st.floats(1, 1000), st.floats(1, 1000), st.floats(0.001, 50), st.floats(0, 20))
def test_the_hazard_is_largest_right_after_an_exposure_and_never_below_the_rested_one(p, a, b, power, frailty):
    rested = first_hazard(p, math.nan, power, frailty)
    soon, late = (first_hazard(p, days, power, frailty) for days in sorted((a, b)))
    assert 0 <= rested <= late <= soon <= rested * (1 + p.booster) * (1 + 1e-12)


@QUICK
@given(kinetics, st.floats(0.01, 1), outputs, outputs, st.floats(1, 1000), st.floats(1, 1000), st.floats(0.001, 50))
def test_a_recall_grows_with_rest_and_shrinks_with_titre(p, memory, a, b, early, late, ng):
    def recall(titre, days):
        return recalled(p, memory, 0.0, 0.0, titre, days, ng, 1.0)[1]

    less, more = sorted((a, b))
    early, late = sorted((early, late))
    assert recall(more, early) <= recall(less, early)
    assert recall(less, early) <= recall(less, late) * (1 + 1e-12)
