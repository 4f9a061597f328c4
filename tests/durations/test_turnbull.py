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


@pytest.mark.parametrize("group", ["Rad", "RadChem", "pooled"])
def test_breast_cosmesis(bcos, published, group):
    fit = rr.Turnbull().fit(bcos) if group == "pooled" else rr.Turnbull(by="treatment").fit(bcos)[group]
    rows = published.loc[("bcos", f"Turnbull NPMLE {group}")]
    assert fit.llf == pytest.approx(rows["loglik"].iloc[0], rel=1e-10)
    found = {f"({row.left:g},{row.right:g}]": row.mass for row in fit.intervals.itertuples()}
    assert group == "pooled" or len(found) == len(rows)  # of the pooled masses only two are written down
    for row in rows.itertuples():
        assert found[row.parameter] == pytest.approx(row.estimate, abs=1e-8)


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


def two_way():
    rng = np.random.default_rng(2)
    n = 120
    data = pd.DataFrame(
        {
            "dose": rng.choice([20, 50], n),
            "site": pd.Categorical(rng.choice(["face", "neck"], n), categories=["neck", "face", "arm"]),
        }
    )
    lower = np.floor(rng.gamma(8, 1.5, n) / 4) * 4
    return rr.Cycles(lower, np.where(rng.random(n) < 0.2, INF, lower + 4), patient=np.arange(n) // 3, data=data)


def test_groups_are_fitted_one_by_one():
    cycles = two_way()
    weight = np.random.default_rng(3).choice([0.0, 1.0, 2.0], len(cycles))
    groups = rr.Turnbull(by=["dose", "site"]).fit(cycles, weights=weight)
    assert groups.labels == ((20, "neck"), (20, "face"), (50, "neck"), (50, "face"))  # categories in their order
    assert list(groups) == list(groups.labels)
    assert len(groups) == 4
    for dose, site in groups:
        rows = ((cycles.frame["dose"] == dose) & (cycles.frame["site"] == site)).to_numpy()
        alone, fit = rr.Turnbull().fit(cycles[rows], weights=weight[rows]), groups[dose, site]
        pd.testing.assert_frame_equal(fit.intervals, alone.intervals)
        assert (fit.nobs, fit.patients, fit.llf) == (alone.nobs, alone.patients, alone.llf)
        part = groups.survival([8, 12]).query("dose == @dose and site == @site")
        np.testing.assert_array_equal(part["survival"], alone.survival([8, 12])["survival"])
        part = groups.quantile(0.5).query("dose == @dose and site == @site")
        assert part["estimate"].item() == alone.quantile(0.5)
    table = groups.table()
    assert table["cycles"].sum() == np.count_nonzero(weight)
    assert table.columns[:2].tolist() == ["dose", "site"]
    assert len(groups.intervals) == len(groups.summary_frame()) == sum(len(fit.mass) for fit in groups.fits)


def test_groups_resample_their_own_patients():
    groups = rr.Turnbull(by="dose").fit(two_way())
    found = groups.bootstrap(60, seed=4)
    table = found.survival([8, 12])
    assert table["dose"].tolist() == [20, 20, 50, 50]
    pd.testing.assert_frame_equal(table.iloc[2:, 1:].reset_index(drop=True), found[50].survival([8, 12]))
    assert found.quantile(0.5)["dose"].tolist() == [20, 50]
    assert "<table" in found._repr_html_()
    assert "2 groups" in repr(found)
    first, second = found.parts
    assert not np.array_equal(first.first, second.first)  # other random numbers for each


def test_groups_print_pickle_and_come_back_from_json():
    groups = rr.Turnbull(by="dose").fit(two_way())
    assert repr(groups) == "<Turnbull by dose: 2 groups>"
    assert "<table" in groups._repr_html_()
    for again in (pickle.loads(pickle.dumps(groups)), rr.fit_from_json(groups.to_json())):
        pd.testing.assert_frame_equal(again.table(), groups.table())


def test_groups_are_drawn_with_a_legend_and_as_far_as_the_longest():
    groups = rr.Turnbull(by="dose").fit(
        rr.Cycles([4, 4, 8, 40], [8, 8, 12, 44], data=pd.DataFrame({"dose": [20, 20, 50, 50]}))
    )
    _, ax = plt.subplots()
    assert groups.plot(ax) is ax
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["20", "50"]
    assert ax.get_legend().get_title().get_text() == "dose"
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()
    assert ax.get_xlim()[0] == 0
    assert ax.get_xlim()[1] >= 44
    groups.bootstrap(10).plot(plt.subplots()[1])
    plt.close("all")


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("nothing", "there is no column 'nothing'; the columns are"),
        ([], "`by` names no column"),
        ("gap", r"'gap' is missing \(row 2\)"),
    ],
)
def test_bad_groups(by, message):
    data = pd.DataFrame({"gap": [1, 2, np.nan]})
    with pytest.raises(rr.InputError, match=message):
        rr.Turnbull(by=by).fit(rr.Cycles([4, 8, 4], [8, 12, 8], data=data))


def test_a_hundred_thousand_different_intervals_take_under_a_second():
    import time

    rng = np.random.default_rng(1)
    t = np.exp(2.5 + 0.35 * rng.normal(size=100_000))
    lower = np.maximum(t - 4 * rng.random(t.size), 0)
    cycles = rr.Cycles(lower, np.where(rng.random(t.size) < 0.2, INF, lower + 4.0 + 1e-3 * rng.random(t.size)))
    begun = time.process_time()
    fit = rr.Turnbull().fit(cycles)
    assert time.process_time() - begun < 1
    assert fit.kkt_gap <= 1e-8 * t.size


@pytest.mark.parametrize("bad", ["x", ["x"], 1j])
def test_what_is_asked_must_be_numbers(bad):
    fit = rr.Turnbull().fit(rr.Cycles([8, 12, 3], [12, INF, 4]))
    for ask in (fit.survival, fit.quantile, fit.bootstrap(2).survival, fit.bootstrap(2).quantile):
        with pytest.raises(rr.InputError, match=r"must be (a number|numbers)"):
            ask(bad)


def test_what_is_asked_is_a_list():
    fit = rr.Turnbull().fit(rr.Cycles([8, 12, 3], [12, INF, 4]))
    for ask in (fit.survival, fit.bootstrap(2).survival, fit.bootstrap(2).quantile):
        with pytest.raises(rr.InputError, match=r"must be one-dimensional, not of shape \(2, 2\)"):
            ask(np.full((2, 2), 0.5))
        assert len(ask([])) == 0
    assert fit.quantile([]).shape == (0,)


@pytest.mark.parametrize("name", ["p", "weeks", "estimate", "left", "cycles"])
def test_groups_must_not_have_the_name_of_a_result(name):
    cycles = rr.Cycles([4, 8, 4], [8, 12, 8], data=pd.DataFrame({name: [0, 1, 1], "arm": 1}))
    with pytest.raises(rr.InputError, match=f"`by`: results have a column {name} of their own; rename it"):
        rr.Turnbull(by=["arm", name]).fit(cycles)


def test_all_columns_of_results_are_guarded(golden):
    from retreat_research.durations.nonparametric.turnbull import COLUMNS

    fit = rr.Turnbull(by="product").fit(golden)
    found = fit.bootstrap(2)
    tables = [fit.intervals, fit.table(), fit.survival(4), fit.quantile(0.5), fit.summary_frame(), found.survival(4)]
    assert {name for table in [*tables, found.quantile(0.5)] for name in table} == {"product", *COLUMNS}
