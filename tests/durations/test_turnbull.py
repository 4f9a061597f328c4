import pickle
import warnings
from dataclasses import FrozenInstanceError

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import retreat_research as rr

INF = np.inf


def numbers(values):
    return np.array([INF if v is None else v for v in values], dtype=float)


def test_golden_cycles(golden, published):
    fit = rr.Turnbull().fit(golden)
    rows = published.loc[("golden_cycles", "NPMLE pooled (29 masses in golden/fit_R.out)")]
    assert fit.llf == pytest.approx(rows["loglik"].iloc[0], rel=1e-11)
    assert fit.kkt_gap <= 1e-8 * 884
    assert len(fit.intervals) == 29
    names = [f"({row.left:g},{row.right:g}]" for row in fit.intervals.itertuples()]
    found = dict(zip(names, fit.mass, strict=True))
    for row in rows.itertuples():
        assert found[row.parameter] == pytest.approx(row.estimate, abs=1e-8)


@pytest.mark.parametrize("group", ["ce", "ge"])
def test_mice(lifelines_cycles, published, group):
    cycles = lifelines_cycles["miceData"]
    fit = rr.Turnbull().fit(cycles[(cycles.frame["grp"] == group).to_numpy()])
    rows = published.loc[("miceData", f"NPMLE {group}")]
    assert fit.llf == pytest.approx(rows["loglik"].iloc[0], rel=1e-10)
    for row in rows.itertuples():
        left = float(row.parameter.strip("(])").split(",")[0])
        mass = fit.intervals.set_index("left").loc[left, "mass"]
        assert mass == pytest.approx(row.estimate, abs=1e-6)


def test_zinsmeister_stress_case(published):
    """The data that therneau/survival's tests/turnbull.R makes; mass where plain EM hardly gets."""
    lower = np.concatenate(
        [np.zeros(100), np.ones(200), [100, 200, 210, 220], np.full(100, 365.0), np.full(5, 366.0), np.arange(731, 742)]
    )
    upper = np.concatenate(
        [
            3.0 * np.arange(1, 101), 10.0 + np.arange(1, 101), np.repeat([365.0, 366.0], [60, 40]),
            [INF, 500, INF, 450], np.full(90, 730.0), np.full(10, INF), [528, 571, 691, 730, 731],
            [INF], np.arange(1095, 1100), [INF, 1400, 1200, 772, 1461],
        ]
    )  # fmt: skip
    fit = rr.Turnbull().fit(rr.Cycles(lower, upper))
    expected = published.loc["turnbull_zinsmeister"]["estimate"]
    assert len(fit.mass) == 4
    np.testing.assert_allclose(fit.mass, expected, atol=5.1e-5)
    assert [left < at < right for left, right, at in zip(fit.left, fit.right, (2, 365.5, 408, 756.5), strict=True)]


@pytest.mark.parametrize("case", ["jittered", "grid", "current_status", "mixed"])
def test_equals_npsurv(npsurv, case):
    data = npsurv["cases"][case]
    fit = rr.Turnbull().fit(rr.Cycles(numbers(data["lower"]), numbers(data["upper"])))
    assert fit.llf == pytest.approx(data["loglik"], rel=1e-10)
    theirs = pd.DataFrame({"left": data["left"], "right": numbers(data["right"]), "theirs": data["mass"]})
    both = fit.intervals.merge(theirs, on=["left", "right"], how="outer").fillna(0.0)
    np.testing.assert_allclose(both["mass"], both["theirs"], atol=1e-6)


def test_exact_and_right_censored_rows_give_kaplan_meier():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifelines import KaplanMeierFitter
    rng = np.random.default_rng(4)
    t = np.ceil(rng.exponential(12, 200))
    seen = rng.random(200) < 0.7
    weight = rng.choice([0.0, 1.0, 2.0], 200)
    fit = rr.Turnbull().fit(rr.Cycles(t, np.where(seen, t, INF)), weights=weight)
    kept = weight > 0
    km = KaplanMeierFitter().fit(t[kept], seen[kept], weights=weight[kept]).survival_function_["KM_estimate"]
    events = km.index[km.diff().fillna(0) < 0]
    np.testing.assert_allclose(fit.survival(events)["survival"], km[events], rtol=1e-9)
    assert fit.nobs == kept.sum()


def test_all_right_censored_puts_the_mass_after_the_last_bound():
    fit = rr.Turnbull().fit(rr.Cycles([8, 12, 3], [INF] * 3))
    assert fit.intervals.to_numpy().tolist() == [[12, INF, 1]]
    assert fit.quantile(0.5) == INF
    assert fit.survival(100)["survival"].item() == 1
    assert fit.llf == 0


def test_all_left_censored_and_one_row():
    assert rr.Turnbull().fit(rr.Cycles([0, 0], [4, 9])).intervals.to_numpy().tolist() == [[0, 4, 1]]
    assert rr.Turnbull().fit(rr.Cycles([7], [7])).intervals.to_numpy().tolist() == [[7, 7, 1]]


def test_survival_inside_a_region_has_two_values_and_one_at_its_ends():
    fit = rr.Turnbull().fit(rr.Cycles([8, 10, 14], [12, 10, INF]))
    assert fit.intervals["left"].tolist() == [8 if len(fit.mass) == 3 else 10, 14]
    table = fit.survival([0, 9.99, 10, 14, 15])
    assert table["survival"].round(9).tolist() == [1, 1, 0.333333333, 0.333333333, 0.333333333]
    assert table["survival_low"].round(9).tolist() == [1, 1, 0.333333333, 0.333333333, 0]


def test_quantile_is_the_first_week_at_which_survival_has_fallen():
    fit = rr.Turnbull().fit(rr.Cycles([4, 8, 12, 16], [8, 12, 16, INF]))
    assert fit.quantile(0.5) == 12
    np.testing.assert_array_equal(fit.quantile([0.25, 0.26, 0.75, 0.76]), [8, 12, 16, INF])
    for p in (0.1, 0.25, 0.5, 0.7):
        week = fit.quantile(p)
        assert fit.survival(week)["survival"].item() <= 1 - p + 1e-12
        assert fit.survival(week - 1e-6)["survival"].item() > 1 - p


def test_only_cycles_with_a_response_count():
    data = pd.DataFrame({"responder": [True, False, True, pd.NA]})
    fit = rr.Turnbull().fit(rr.Cycles([8, np.nan, 8, np.nan], [12, np.nan, 12, np.nan], data=data))
    assert fit.nobs == 2


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([1, 2], rr.InputError, r"`weights` has shape \(2,\)"),
        ([1, -1, 1], rr.InputError, r"`weights` must be finite and not negative \(row 1\)"),
        ([1, np.nan, 1], rr.InputError, r"row 1"),
        ([0, 0, 0], rr.FitError, "no duration to fit"),
    ],
)
def test_bad_weights(weights, error, message):
    with pytest.raises(error, match=message):
        rr.Turnbull().fit(rr.Cycles([8, 12, 3], [12, INF, 4]), weights=weights)


def test_bad_requests():
    fit = rr.Turnbull().fit(rr.Cycles([8, 12], [12, INF]))
    for p in (0, 1, np.nan, [0.5, 2]):
        with pytest.raises(rr.InputError, match="`p` must lie between 0 and 1"):
            fit.quantile(p)
    with pytest.raises(rr.InputError, match="`weeks` must be numbers"):
        fit.survival([-1, np.nan])
    with pytest.raises(rr.InputError, match="must be Cycles"):
        rr.Turnbull().fit([1, 2])
    with pytest.raises(rr.FitError, match="no duration to fit"):
        rr.Turnbull().fit(rr.Cycles([], []))


def test_the_result_is_frozen_and_pickles(golden):
    fit = rr.Turnbull().fit(golden)
    with pytest.raises(FrozenInstanceError):
        fit.llf = 0
    with pytest.raises(ValueError, match="read-only"):
        fit.mass[0] = 1
    again = pickle.loads(pickle.dumps(fit))
    pd.testing.assert_frame_equal(again.intervals, fit.intervals)
    assert fit.converged
    assert "884 cycles" in repr(fit)
    assert "<table" in fit._repr_html_()
    assert fit.summary_frame()["survival"].iloc[-1] == 0


def test_plot_draws_the_curve_and_shades_the_regions(golden):
    fit = rr.Turnbull().fit(golden)
    _, ax = plt.subplots()
    assert fit.plot(ax, label="all") is ax
    weeks, level = ax.lines[0].get_data()
    np.testing.assert_allclose(level[1:], fit.survival(fit.right)["survival"])
    assert weeks[1:].tolist() == fit.right.tolist()
    shaded = [(p.get_x(), p.get_width(), p.get_height()) for p in ax.patches]
    np.testing.assert_allclose(shaded, np.column_stack([fit.left, fit.right - fit.left, fit.mass]))
    plt.close("all")
    open_end = rr.Turnbull().fit(rr.Cycles([8, 12], [12, INF])).plot()
    assert np.isfinite(open_end.lines[0].get_xdata()).all()
    plt.close("all")
