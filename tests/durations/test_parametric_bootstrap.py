import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import retreat_research as rr
from retreat_research.durations.checks.bootstrap import independent_weeks, observe_like, one_row_each
from retreat_research.durations.observed import observe

INF = np.inf


def observed(lower, upper, weights=None, entry=None):
    return observe(rr.Cycles(lower, upper), weights, entry)


def like(lower, upper, weeks, seed=0, **more):
    found = observe_like(observed(lower, upper, **more), np.asarray(weeks, dtype=float), np.random.default_rng(seed))
    return list(zip(found.lower.tolist(), found.upper.tolist(), strict=True))


# the observation scheme, case by case


def test_planned_visits_are_everyones():
    """With all bounds at weeks 4, 8 and 16, new durations are seen there and nowhere else, until follow-up ends."""
    lower, upper = [0, 4, 8, 8, 4] * 6, [4, 8, 16, INF, INF] * 6
    data = observed(lower, upper)
    weeks = np.tile([1.0, 5.0, 12.0, 20.0, 7.0], 6)
    found = observe_like(data, weeks, np.random.default_rng(0))
    assert set(found.lower) <= {0, 4, 8, 16}
    assert set(found.upper) <= {4, 8, 16, INF}
    assert ((found.lower < weeks) & (weeks <= found.upper)).all()
    ended = np.isinf(np.array(upper))
    assert (found.lower[ended] <= np.array(lower)[ended]).all()  # followed no longer than before
    assert [(low, up) for low, up in zip(found.lower[:2], found.upper[:2], strict=True)] == [(0, 4), (4, 8)]


def test_an_interval_row_keeps_its_visits():
    rows = like([8.0] * 6, [12.0] * 6, [9, 12, 12.5, 3, 4, 100])
    assert rows == [(8, 12), (8, 12), (12, 16), (0, 4), (0, 4), (96, 100)]
    assert like([5.0] * 3, [8.0] * 3, [1.5, 2.5, 4]) == [(0, 2), (2, 5), (2, 5)]


def test_a_left_censored_row_keeps_its_first_visit():
    rows = like([0.0, 0, 0, 8], [6.0, 6, 6, 12], [2, 6, 11, 9])
    assert rows == [(0, 6), (0, 6), (10, 14), (8, 12)]


def test_a_right_censored_row_keeps_its_last_visit():
    rows = like([16.0, 16, 16, 16, 8], [INF, INF, INF, INF, 12], [17, 16, 9, 3, 9])
    assert rows == [(16, INF), (12, 16), (8, 12), (0, 4), (8, 12)]


def test_exact_rows_stay_exact_and_censored_ones_are_seen_as_they_are():
    rows = like([10.0, 12, 9, 20], [10.0, 12, INF, INF], [3.3, 7.7, 5.5, 30])
    assert rows == [(3.3, 3.3), (7.7, 7.7), (5.5, 5.5), (20, INF)]


def test_current_status_keeps_its_one_visit():
    rows = like([0.0, 0, 9, 9], [7.0, 7, INF, INF], [5, 8, 5, 20])
    assert rows == [(0, 7), (7, INF), (0, 9), (9, INF)]


def test_follow_up_of_events_is_drawn_beyond_their_upper_bound():
    """One row ends at 20 and one at 28; an event seen at 12 could have ended at either, one seen at 24 only at 28."""
    lower, upper = [8.0] * 400 + [20.0, 20, 28], [12.0] * 400 + [24, INF, INF]
    for seed in range(10):
        rows = like(lower, upper, [1000.0] * 403, seed)
        assert all(high == INF for _, high in rows)
        assert {low for low, _ in rows[:400]} == {20, 28}
        assert [low for low, _ in rows[400:]] == [28, 20, 28]


def test_share_of_the_drawn_follow_up_is_kaplan_meiers():
    """Kaplan-Meier of follow-up (20 twice, 30 once, censored at 12 in n rows) says 2/3 end at 20."""
    n = 3000
    rows = like([8.0] * n + [20.0, 20, 32], [12.0] * n + [INF] * 3, [1000.0] * (n + 3))
    share = np.mean([low == 20 for low, _ in rows[:n]])
    assert abs(share - 2 / 3) < 4 * np.sqrt(2 / 9 / n)


def test_follow_up_does_not_end_where_it_never_did():
    assert like([8.0, 20], [12.0, 24], [1000.0, 1001.0]) == [(996, 1000), (1000, 1004)]


def test_left_truncation_is_kept():
    assert like([8.0, 8], [12.0, 12], [7, 11], entry=[5.0, 5.0]) == [(5, 8), (8, 12)]


@given(seed=st.integers(0, 100_000))
@settings(max_examples=40, deadline=None)
def test_a_new_interval_holds_its_duration(seed):
    rng = np.random.default_rng(seed)
    n = 60
    t = rng.lognormal(2.4, 0.5, n)
    kind = rng.choice(4, n, p=rng.dirichlet(np.ones(4)))
    lower = np.select([kind == 0, kind == 2], [t, 0], t * rng.uniform(0.3, 0.99, n))
    upper = np.select([kind == 0, kind == 3], [t, INF], t * rng.uniform(1.01, 2, n))
    entry = np.where(rng.random(n) < 0.3, lower * rng.random(n), 0.0)
    data = observed(lower, upper, entry=entry)
    weeks = entry + rng.lognormal(2.4, 0.8, n)
    found = observe_like(data, weeks, rng)
    exact = found.lower == found.upper
    assert (found.lower[exact] == weeks[exact]).all()
    assert ((found.lower < weeks) & (weeks <= found.upper * (1 + 1e-12)))[~exact].all()
    assert (found.lower >= entry).all()
    seen = np.isinf(data.upper) & np.isfinite(found.upper)
    assert (found.upper[seen] <= data.lower[seen]).all()  # nothing is seen after follow-up


# weights and draws


def test_weights_are_written_out_as_patients():
    cycles = rr.Cycles([4, 8, 12], [8, 12, 16], patient=["a", "a", "b"])
    data, at = one_row_each(observe(cycles, [2, 2, 3]))
    assert at.tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert data.weight.tolist() == [1] * 7
    own = pd.Series(at).groupby(data.patient).apply(sorted).tolist()
    assert sorted(own) == [[0, 1], [0, 1], [2], [2], [2]]
    assert data.labels[data.patient].tolist() == ["a"] * 4 + ["b"] * 3
    with pytest.raises(rr.InputError, match=r"`weights` must be whole numbers .*\(row 1\)"):
        one_row_each(observe(cycles, [1, 0.5, 1]))


@pytest.mark.parametrize("family", ["lognormal", "weibull"])
def test_drawn_durations_follow_the_fitted_curve(golden, family):
    fit = rr.AFT("product", family=family).fit(golden)
    rng = np.random.default_rng(3)
    x, entry = np.tile(fit.x[:1], (4000, 1)), np.repeat([0.0, 10.0], 2000)
    weeks = independent_weeks(fit, x, entry, rng)

    def survival(t):
        return np.exp(fit._curves(fit.estimate, x[: t.size], np.log(t)[:, None], "marginal")[0][:, 0])

    assert stats.kstest(1 - survival(weeks[:2000]), "uniform").pvalue > 1e-4
    late = survival(weeks[2000:]) / survival(np.array([10.0]))
    assert (weeks[2000:] > 10).all()
    assert stats.kstest(late, "uniform").pvalue > 1e-4


# known truth: the model's own estimates


@pytest.mark.parametrize("family", ["lognormal", "weibull"])
def test_draws_centre_on_the_estimate_and_spread_as_its_standard_error(golden, family):
    fit = rr.AFT("product + log(dose) + age_c55", family=family).fit(golden)
    resamples = 300
    table = fit.bootstrap(resamples, seed=4).summary_frame()
    assert (table["bias"].abs() <= 4 * table["bias_mcse"]).all()
    assert (np.log(table["sd"] / table["se"]).abs() <= 4 / np.sqrt(2 * resamples)).all()


def test_mixed_draws_centre_on_the_estimate_and_spread_as_its_standard_error(golden):
    """Also that patients are drawn: the SD between them comes back, which cycles drawn alone would not give."""
    fit = rr.MixedAFT("product", nodes=5).fit(golden)
    resamples = 60
    table = fit.bootstrap(resamples, seed=4).summary_frame()
    assert (table["bias"].abs() <= 4 * table["bias_mcse"]).all()
    assert (np.log(table["sd"] / table["se"]).abs() <= 4 / np.sqrt(2 * resamples)).all()


def test_draws_give_intervals_for_predictions(golden):
    fit = rr.AFT("product").fit(golden)
    draws, newdata = fit.bootstrap(300, seed=1), {"product": [0, 1]}
    own, delta = fit.quantile(0.5, newdata, draws=draws), fit.quantile(0.5, newdata)
    by_hand = [np.exp(draws.frame["Intercept"] + x * draws.frame["product"]) for x in (0, 1)]  # log-normal medians
    np.testing.assert_allclose(own["lower"], [np.quantile(part, 0.025) for part in by_hand], rtol=1e-9)
    np.testing.assert_allclose(own["se"], [np.std(part, ddof=1) for part in by_hand], rtol=1e-9)
    assert (np.log(own["se"] / delta["se"]).abs() <= 4 / np.sqrt(600)).all()
    for ask in (
        lambda: fit.survival([8, 12], newdata, draws=draws),
        lambda: fit.rmst(26, newdata, draws=draws),
        lambda: fit.hazard(12, newdata, draws=draws),
        lambda: fit.contrast(newdata, draws=draws),
    ):
        assert np.isfinite(ask().select_dtypes("number")).all(axis=None)


def test_weighted_fit_spreads_as_the_rows_written_out(golden):
    weights = np.where(np.arange(len(golden)) % 2, 3, 1)
    fit = rr.AFT("product").fit(golden, weights)
    table = fit.bootstrap(150, seed=2).summary_frame()
    assert (np.log(table["sd"] / table["se"]).abs() <= 4 / np.sqrt(300)).all()


def test_seed_decides_and_more_resamples_go_on(golden):
    fit = rr.AFT("product").fit(golden)
    one, again, other, more = (fit.bootstrap(n, seed=s) for n, s in ((5, 1), (5, 1), (5, 2), (8, 1)))
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(more.draws[:5], one)
    assert not np.isin(one.draws, other.draws).any()
    assert one.draws.shape == (5, 3)
    assert np.asarray(one, dtype=np.float32).dtype == np.float32
    with pytest.raises(FrozenInstanceError):
        one.seed = 2
    with pytest.raises(ValueError, match="read-only"):
        one.draws[0] = 0
    assert "5 of 5 resamples fitted, seed 1" in repr(pickle.loads(pickle.dumps(one)))
    assert "<table" in one._repr_html_()


def test_failures_are_counted_with_their_reasons():
    fit = rr.AFT().fit(rr.Cycles([0, 0, 6, 9, 12], [5, 8, 9, INF, INF]))
    draws = fit.bootstrap(60, seed=1)
    assert draws.failed > 0
    assert draws.failed == 60 - len(draws) == sum(count for _, count in draws.failures)
    assert draws.failures[0][0] in repr(draws)


def test_draws_on_a_boundary_count_in_predictions_and_are_named():
    """Independent cycles: no variation between patients is estimated, and in about half of the resamples."""
    rng = np.random.default_rng(1)
    t = np.exp(2.4 + 0.3 * rng.normal(size=200))
    fit = rr.MixedAFT(nodes=5).fit(rr.Cycles(np.floor(t), np.floor(t) + 1, patient=np.arange(200) // 4))
    assert fit.sd == 0
    draws = fit.bootstrap(20, seed=1)
    table = draws.summary_frame()
    assert 0 < table.loc["log(sd)", "on_boundary"] < 20
    assert np.isneginf(table.loc["log(sd)", "lower"])
    assert table.loc["log(sd)", ["bias", "se"]].isna().all()
    assert (table.drop("log(sd)")["on_boundary"] == 0).all()
    assert np.isfinite(fit.quantile(0.5, draws=draws)).all(axis=None)


def test_what_cannot_be_drawn(golden):
    with pytest.raises(rr.InputError, match='cov="sandwich" allows the cycles of a patient to be alike'):
        rr.AFT(cov="sandwich").fit(golden).bootstrap()
    alone = rr.Cycles(golden.lower, golden.upper)
    assert len(rr.AFT(cov="sandwich").fit(alone).bootstrap(3)) == 3
    fit = rr.AFT().fit(golden)
    for resamples in (1, 2.5, "x", None, True):
        with pytest.raises(rr.InputError, match="`resamples` must be a whole number, 2 or more"):
            fit.bootstrap(resamples)
    with pytest.raises(rr.InputError, match="`seed` must be a whole number"):
        fit.bootstrap(3, seed=-1)


@pytest.mark.parametrize("exact", [True, False])
def test_durations_of_any_size_are_observed(exact):
    """Without a warning: beside a visit of 1e300 weeks, visits a week apart cannot be told from one."""
    lower = np.array([1e-300, 1e-100, 1, 5, 1e100, 1e300, 3, 4])
    cycles = rr.Cycles(lower, np.where(np.arange(8) % 3 == 0, lower, 2 * lower) if exact else 2 * lower)
    assert len(rr.AFT().fit(cycles).bootstrap(10)) == 10


def test_draws_come_back_from_json(golden):
    draws = rr.AFT("product").fit(golden).bootstrap(3)
    again = rr.fit_from_json(draws.to_json())
    assert repr(again) == repr(draws)
    pd.testing.assert_frame_equal(again.frame, draws.frame, check_exact=True)
    pd.testing.assert_frame_equal(again.summary_frame(), draws.summary_frame(), check_exact=True)
