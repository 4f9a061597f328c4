import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import retreat_research as rr
from retreat_research.durations.nonparametric.bootstrap import _carried, _cells
from retreat_research.durations.nonparametric.intervals import endpoint_codes, innermost_of
from retreat_research.durations.nonparametric.npmle import maximise

INF = np.inf


def clinic(seed, patients=40, cycles=3, jitter=0.0):
    """Visits every 4 weeks, or with gaps moved by up to `jitter` weeks; cycles of a patient are alike."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), cycles)
    t = np.exp(2.5 + 0.3 * rng.normal(size=patients)[patient] + 0.2 * rng.normal(size=patient.size))
    week = np.cumsum(4 + rng.uniform(-jitter, jitter, (patient.size, 12)), axis=1)
    week = np.column_stack([np.zeros(patient.size), week, np.full(patient.size, INF)])
    after, row = (week < t[:, None]).sum(axis=1), np.arange(patient.size)
    last = np.where(rng.random(patient.size) < 0.2, rng.integers(1, 12, patient.size), 12)
    upper = np.where(after <= last, week[row, after], INF)
    return rr.Cycles(week[row, np.minimum(after - 1, last)], upper, patient=[f"p{who}" for who in patient])


def resampled(fit, seed, b, m):
    """Resample b as rows repeated, drawn anew from its address."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(b,))))
    rows = [np.flatnonzero(fit.data.patient == who) for who in rng.integers(fit.patients, size=m)]
    rows = np.concatenate(rows)
    return rr.Cycles(fit.data.lower[rows], fit.data.upper[rows])


def by_hand(fit, seed, resamples, m, rate, weeks):
    """The limits of S(t) from fits of the repeated rows, without anything carried over."""
    fits = [rr.Turnbull().fit(resampled(fit, seed, b, m)) for b in range(resamples)]
    high = np.array([one.survival(weeks)["survival"] for one in fits])
    low = np.array([one.survival(weeks)["survival_low"] for one in fits])
    here, scale = fit.survival(weeks), (m / fit.patients) ** rate
    lower = here["survival_low"] + scale * (np.quantile(low, 0.025, axis=0) - here["survival_low"])
    upper = here["survival"] + scale * (np.quantile(high, 0.975, axis=0) - here["survival"])
    return lower, upper, scale * high.std(axis=0, ddof=1), fits


@pytest.mark.parametrize("jitter", [0.0, 1.0])
@pytest.mark.parametrize("m", [40, 15])
def test_equals_separate_fits_of_the_repeated_rows(jitter, m):
    fit = rr.Turnbull().fit(clinic(3, jitter=jitter))
    weeks = np.array([0.0, 6.0, 8.0, 12.0, 13.7, 16.0, 40.0])
    lower, upper, se, fits = by_hand(fit, 5, 60, m, 1 / 3, weeks)
    found = fit.bootstrap(60, seed=5, m=m)
    assert found.resamples == 60
    table = found.survival(weeks)
    np.testing.assert_allclose(table["estimate"], fit.survival(weeks)["survival"], atol=1e-12)
    np.testing.assert_allclose(table["lower"], lower, atol=1e-7)
    np.testing.assert_allclose(table["upper"], upper, atol=1e-7)
    np.testing.assert_allclose(table["se"], se, atol=1e-7)
    if m == 40:
        right = np.array([one.quantile([0.3, 0.5]) for one in fits])
        np.testing.assert_allclose(found.quantile([0.3, 0.5])["se"], right.std(axis=0, ddof=1), atol=1e-9)


def test_quantile_limits_are_percentiles_of_the_resampled_quantiles():
    fit = rr.Turnbull().fit(clinic(8, jitter=1.0))
    found = fit.bootstrap(400, seed=2)
    parts = zip(*(np.split(a, found.first[1:]) for a in (found.left, found.right, found.mass)), strict=True)
    held = np.array(
        [(left[i], right[i]) for left, right, mass in parts for i in [np.searchsorted(np.cumsum(mass), 0.5)]]
    )
    table = found.quantile(0.5).iloc[0]
    assert table["estimate"] == fit.quantile(0.5)
    # between the order statistics that np.quantile interpolates
    assert np.quantile(held[:, 0], 0.02) <= table["lower"] <= np.quantile(held[:, 0], 0.03)
    assert np.quantile(held[:, 1], 0.97) <= table["upper"] <= np.quantile(held[:, 1], 0.98)


def test_on_a_grid_a_quantile_is_known_up_to_the_visits_around_it():
    fit = rr.Turnbull().fit(clinic(1, patients=200))  # S(8) = 0.88 and S(12) = 0.52 but for chance
    table = fit.bootstrap(100, seed=1).quantile(0.35).iloc[0]
    assert (table["lower"], table["estimate"], table["upper"]) == (8, 12, 12)


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=40, deadline=None)
def test_carried_masses_leave_no_row_without_and_reach_the_same_maximum(seed, ties):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    lower = rng.exponential(10, n) * (rng.random(n) < 0.8)
    upper = np.where(rng.random(n) < 0.2, INF, lower + rng.exponential(8, n) * (rng.random(n) < 0.7))
    if ties:
        lower, upper = np.floor(lower / 3) * 3, np.ceil(upper / 3) * 3
    upper = np.where(upper == 0, 3.0, upper)
    codes, cell = _cells(endpoint_codes(lower, upper))
    whole = innermost_of(codes)
    mass = maximise(whole, np.bincount(cell).astype(float)).mass
    weight = np.bincount(cell, rng.integers(0, 3, n), codes.opening.size)
    rows = np.flatnonzero(weight)
    if rows.size == 0:
        return
    part = codes.of(rows)
    inner = innermost_of(part)
    start = _carried(whole.closing[mass > 0], mass[mass > 0], part, inner)
    assert start.sum() == pytest.approx(1)
    sums = np.append(0, np.cumsum(start))
    assert (sums[inner.last + 1] - sums[inner.first] > 0).all()
    warm, cold = maximise(inner, weight[rows], start), maximise(inner, weight[rows])
    assert warm.llf == pytest.approx(cold.llf, rel=1e-8, abs=1e-8)


def test_a_resample_depends_on_the_seed_and_its_number_only():
    fit = rr.Turnbull().fit(clinic(4))
    few, many, other = fit.bootstrap(20, seed=9), fit.bootstrap(50, seed=9), fit.bootstrap(20, seed=10)
    np.testing.assert_array_equal(many.mass[: many.first[20]], few.mass)
    assert not np.array_equal(few.mass, other.mass)


def test_weights_count_rows_and_patients_are_resampled_whole():
    cycles = clinic(6)
    frame = cycles.frame
    twice = rr.Cycles(*np.repeat([frame["lower"], frame["upper"]], 2, axis=1), patient=np.repeat(frame["patient"], 2))
    one = rr.Turnbull().fit(cycles, weights=np.full(len(cycles), 2.0)).bootstrap(50, seed=3).survival([8, 12])
    two = rr.Turnbull().fit(twice).bootstrap(50, seed=3).survival([8, 12])
    pd.testing.assert_frame_equal(one, two, rtol=1e-7)


def test_the_standard_error_on_a_grid_is_that_of_a_binomial():
    """Visits at week 8 only: S(8) is a proportion."""
    n, seen = 400, 130
    lower = np.where(np.arange(n) < seen, 0.0, 8.0)
    fit = rr.Turnbull().fit(rr.Cycles(lower, np.where(lower == 0, 8.0, INF)))
    table = fit.bootstrap(2000, seed=1).survival(8).iloc[0]
    share = 1 - seen / n
    error = np.sqrt(share * (1 - share) / n)
    assert table["se"] == pytest.approx(error, rel=4 / np.sqrt(2 * 2000))
    drawn = np.sqrt(0.025 * 0.975 / 2000) / stats.norm.pdf(1.96)  # Monte Carlo error of a limit, in standard errors
    rough = (4 * np.sqrt(2) * drawn + 1 / n / error) / (2 * 1.96)  # a share moves by 1/n
    assert table["upper"] - table["lower"] == pytest.approx(2 * 1.96 * error, rel=rough)


def test_all_right_censored_has_no_upper_limit():
    table = rr.Turnbull().fit(rr.Cycles([8, 12, 3], [INF] * 3)).bootstrap(20, seed=1).quantile(0.5).iloc[0]
    assert table["estimate"] == table["upper"] == INF
    assert table["lower"] <= 12
    assert np.isnan(table["se"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"m": 0}, "`m` must be a whole number from 1 to 40"),
        ({"m": 41}, "`m` must be a whole number from 1 to 40"),
        ({"rate": 1.0, "m": 5}, "`rate` must lie between 0 and 1"),
        ({"resamples": 1}, "`resamples` must be a whole number, 2 or more"),
        ({"seed": -1}, "`seed` must be a whole number"),
        ({"m": 1.5}, "`m` must be a whole number from 1 to 40"),
        ({"m": True}, "`m` must be a whole number from 1 to 40"),
        ({"m": "x"}, "`m` must be a whole number from 1 to 40"),
        ({"resamples": "x"}, "`resamples` must be a whole number, 2 or more"),
        ({"resamples": 2.5}, "`resamples` must be a whole number, 2 or more"),
        ({"rate": "x"}, "`rate` must be a number"),
        ({"rate": None}, "`rate` must lie between 0 and 1"),
    ],
)
def test_bad_requests(call, message):
    with pytest.raises(rr.InputError, match=message):
        rr.Turnbull().fit(clinic(1)).bootstrap(**call)


def test_one_patient_cannot_be_resampled():
    with pytest.raises(rr.InputError, match="too few patients"):
        rr.Turnbull().fit(rr.Cycles([4, 8], [8, 12], patient=[1, 1])).bootstrap()
    with pytest.raises(rr.InputError, match="`p` must lie"):
        rr.Turnbull().fit(clinic(1)).bootstrap(5).quantile(1.5)


def test_the_result_prints_pickles_and_comes_back_from_json(capsys):
    found = rr.Turnbull().fit(clinic(2)).bootstrap(10, progress=True)
    assert "10/10" in capsys.readouterr().err
    assert "10 resamples of 40 of 40 patients" in repr(found)
    assert "<table" in found._repr_html_()
    for again in (pickle.loads(pickle.dumps(found)), rr.fit_from_json(found.to_json())):
        pd.testing.assert_frame_equal(again.survival([4, 12]), found.survival([4, 12]))
    with pytest.raises(ValueError, match="read-only"):
        found.mass[0] = 1


def test_plot_draws_the_limits_of_survival():
    found = rr.Turnbull().fit(clinic(2)).bootstrap(50)
    _, ax = plt.subplots()
    assert found.plot(ax) is ax
    curve, lower, upper = (line.get_data() for line in ax.lines)
    inside = np.array([9.0, 13.0, 17.0])  # between the visits
    table = found.survival(inside)
    for (weeks, level), name in ((lower, "lower"), (upper, "upper")):
        np.testing.assert_allclose(level[np.searchsorted(weeks, inside, side="right") - 1], table[name], atol=1e-12)
    assert curve[0][0] == 0
    assert "95% limits" in ax.get_title(loc="right")
    plt.close("all")
