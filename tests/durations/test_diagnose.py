import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import retreat_research as rr
from retreat_research.durations.checks.bootstrap import one_row_each
from retreat_research.durations.checks.residuals import (
    cox_snell,
    cumulative_hazards,
    distance_from_normal,
    log_likelihood_of_curves,
    quantile_residuals,
)
from retreat_research.durations.frailty.model import GammaFrailty

INF = np.inf
FORMULA = "product + log(dose) + age_c55"


@pytest.fixture(scope="module")
def fit(golden):
    return rr.AFT(FORMULA).fit(golden)


@pytest.fixture(scope="module")
def mixed(golden):
    return rr.MixedAFT(FORMULA, nodes=5).fit(golden)


@pytest.fixture(scope="module")
def mixed_sample():
    """Exact, interval-, left- and right-censored and truncated rows with unequal weights."""
    rng = np.random.default_rng(2)
    n = 200
    t = np.exp(2.4 + 0.3 * rng.normal(size=n))
    kind = rng.choice(4, n)
    lower = np.select([kind == 0, kind == 2], [t, 0], t * rng.uniform(0.4, 0.95, n))
    upper = np.select([kind == 0, kind == 3], [t, INF], t * rng.uniform(1.05, 1.6, n))
    entry = np.where(rng.random(n) < 0.3, 0.5 * lower, 0.0)
    return rr.Cycles(lower, upper), rng.choice([1.0, 2.0], n), entry


# residuals


@pytest.mark.parametrize("family", ["lognormal", "weibull", "exponential", "loglogistic"])
def test_log_likelihood_from_curves_is_the_fits(mixed_sample, family):
    fit = rr.AFT(family=family).fit(*mixed_sample)
    assert log_likelihood_of_curves(fit, fit.estimate) == pytest.approx(fit.llf, rel=1e-11)


def test_cumulative_hazards_by_definition(mixed_sample):
    fit = rr.AFT(family="weibull").fit(*mixed_sample)
    location, scale = fit.params["Intercept"], fit.scale

    def hazard(weeks):
        return (weeks / np.exp(location)) ** (1 / scale)

    lower, upper = cumulative_hazards(fit)
    np.testing.assert_allclose(lower, hazard(fit.data.lower) - hazard(fit.data.entry), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(upper, hazard(fit.data.upper) - hazard(fit.data.entry), rtol=1e-9)


def test_cox_snell_distance_is_kaplan_meiers_without_intervals():
    rng = np.random.default_rng(0)
    time, end = rng.exponential(size=300), rng.exponential(2, 300)
    seen = time <= end
    lower, upper = np.minimum(time, end), np.where(seen, time, INF)
    found = cox_snell(lower, upper, np.ones(300))
    order = np.argsort(lower)
    survival = np.cumprod(np.where(seen[order], 1 - 1 / np.arange(300, 0, -1), 1.0))
    events = lower[order][seen[order]]
    after = survival[seen[order]]
    before = np.append(1.0, after[:-1])
    naive = max(np.abs(after - np.exp(-events)).max(), np.abs(before - np.exp(-events)).max())
    assert found.distance <= naive + 1e-9
    assert found.distance >= np.abs(after - np.exp(-events)).max() - 1e-9


def test_residuals_of_the_true_model_are_exponential_and_normal():
    """Known truth, visits every 4 weeks and follow-up that ends: distances under Kolmogorov's 0.1% point."""
    rng = np.random.default_rng(5)
    n = 2000
    t, end = np.exp(2.4 + 0.35 * rng.normal(size=n)), rng.choice([16.0, 24, 32], n)
    lower = np.minimum(4 * np.floor(t / 4), end)
    upper = np.where(lower < end, lower + 4, INF)
    right = rr.AFT().fit(rr.Cycles(lower, upper))
    wrong = rr.AFT(family="exponential").fit(rr.Cycles(lower, upper))
    limit = stats.kstwobign.ppf(0.999) / np.sqrt(n)
    for fit, holds in ((right, True), (wrong, False)):
        bounds = cumulative_hazards(fit)
        assert (cox_snell(*bounds, np.ones(n)).distance < limit) == holds
        residuals = quantile_residuals(*bounds, np.random.default_rng(1))
        assert (distance_from_normal(residuals) < limit) == holds
        assert distance_from_normal(residuals) == pytest.approx(stats.kstest(residuals, "norm").statistic, rel=1e-12)


def test_exact_quantile_residuals_are_standardised_residuals():
    rng = np.random.default_rng(0)
    t = np.exp(2 + 0.3 * rng.normal(size=50))
    fit = rr.AFT().fit(rr.Cycles(t, t))
    expected = (np.log(t) - fit.params["Intercept"]) / fit.scale
    np.testing.assert_allclose(quantile_residuals(*cumulative_hazards(fit), rng), expected, atol=1e-8)


# influence


@pytest.mark.parametrize("which", ["fit", "mixed"])
def test_one_step_influence_is_close_to_leaving_patients_out(which, request):
    fit = request.getfixturevalue(which)
    found = fit.diagnose()
    influence = found.influence
    assert influence["distance"].is_monotonic_decreasing
    assert influence["cycles"].sum() == fit.nobs
    positions = [*influence["position"].head(4), *influence["position"].sample(4, random_state=1)]
    data, at = one_row_each(fit.data)
    exact, about = [], []
    for position in positions:
        kept = data.patient != position
        rest = data._replace(**{name: getattr(data, name)[kept] for name in data._fields[:5]})
        codes, labels = pd.factorize(data.patient[kept])
        rest = rest._replace(patient=codes, labels=labels)
        exact.append((fit._refit(rest, at[kept]).estimate - fit.estimate) / fit.bse.to_numpy())
        about.append(found.change[position] / fit.bse.to_numpy())
    np.testing.assert_allclose(about, exact, atol=0.15 * np.abs(exact).max())
    assert np.abs(exact).max() > 0.2


def test_influence_finds_a_planted_patient(golden):
    upper, lower = golden.upper, golden.lower
    odd = golden.patient == golden.patient[0]
    lower[odd], upper[odd] = 60.0, 64.0
    planted = rr.Cycles(lower, upper, data=golden.frame.drop(columns=["lower", "upper"]))
    found = rr.AFT(FORMULA).fit(planted).diagnose()
    assert found.influence["patient"].iloc[0] == golden.patient[0]
    assert found.influence["position"].iloc[0] == 0
    assert found.table.loc["influence: largest displacement by one patient", "verdict"] == "look"


# misspecification and numerics


def check(fit, name, **more):
    return fit.diagnose(**more).table.loc[name]


SCORES = "outer product of scores over information: mean"


def test_scores_show_cycles_that_are_alike(golden, fit, mixed):
    """Golden cycles are clustered: the AFT's observed covariance is too small, the mixed model's is not."""
    assert check(fit, SCORES)["verdict"] == "look"
    assert check(mixed, SCORES)["verdict"] == "ok"
    largest = check(fit, "outer product of scores over information: largest")
    observed, sandwich = (rr.AFT(FORMULA, cov=cov).fit(golden).cov_params() for cov in ("observed", "sandwich"))
    ratio = np.linalg.eigvals(np.linalg.inv(observed) @ sandwich).real
    assert largest["value"] == pytest.approx(ratio.max(), rel=1e-8)
    assert check(fit, SCORES)["value"] == pytest.approx(ratio.mean(), rel=1e-8)


def test_scores_of_independent_cycles_are_within_their_limit_as_often_as_they_say():
    rng = np.random.default_rng(8)
    inside = []
    for _ in range(60):
        t = np.exp(2.4 + 0.3 * rng.normal(size=150))
        row = check(rr.AFT().fit(rr.Cycles(np.floor(t), np.floor(t) + 1)), SCORES)
        inside.append(row["verdict"] == "ok")
    assert np.mean(inside) >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / 60)


@pytest.mark.parametrize("family", ["lognormal", "weibull", "loglogistic", "exponential"])
def test_information_against_differences(mixed_sample, family):
    row = check(rr.AFT(family=family).fit(*mixed_sample), "information against differences")
    assert row["value"] < 1e-5
    assert row["verdict"] == "ok"


def test_wrong_information_is_seen(fit):
    from dataclasses import replace

    wrong = replace(fit, information=fit.information * 1.01)
    assert check(wrong, "information against differences")["verdict"] == "look"
    moved = replace(fit, scores=fit.scores + 0.01)
    assert check(moved, "gradient at the maximum")["verdict"] == "look"


def test_condition_names_estimates_that_depend_on_each_other(golden, fit):
    assert check(fit, "condition of the scaled information")["verdict"] == "ok"
    far = golden.frame.assign(far=golden.frame["age_c55"] + 1e4)
    row = check(
        rr.AFT("far").fit(rr.Cycles(golden.lower, golden.upper, data=far.drop(columns=["lower", "upper"]))),
        "condition of the scaled information",
    )
    assert row["verdict"] == "look"
    assert row["value"] > 100


def test_mixed_model_has_its_own_checks(mixed):
    found = mixed.diagnose()
    table = found.table
    assert abs(table.loc["log-likelihood when nodes are doubled", "value"]) < 1e-4
    assert table.loc["random effects: distance from normal", "verdict"] == "ok"
    assert table.loc["information against differences", "value"] < 1e-3
    assert found.random_effects.size == mixed.n_patients
    assert 0.8 < found.random_effects.std() < 1.2


def test_weights_have_no_scores_of_single_cycles(mixed_sample):
    cycles, weights, entry = mixed_sample
    row = check(rr.AFT().fit(cycles, weights, entry), SCORES)
    assert np.isnan(row["value"])
    assert row["verdict"] == ""
    assert "weights" in row["why"]


# the reference by resampling


def test_resamples_give_p_values(golden, fit):
    names = [name for name in fit.diagnose().table.index if "distance from" in name]
    right = fit.diagnose(resamples=39).table.loc[names]
    wrong = rr.AFT(FORMULA, family="weibull").fit(golden).diagnose(resamples=39).table.loc[names]
    assert right["limit"].str.match(r"p = (0\.\d+|1)$").all()
    assert (right["verdict"] == "ok").all()
    assert (wrong["limit"] == "p = 0.025").all()
    assert (wrong["verdict"] == "look").all()


# the result


def test_seed_decides(fit):
    one, again, other = fit.diagnose(seed=3), fit.diagnose(seed=3), fit.diagnose(seed=4)
    np.testing.assert_array_equal(one.residuals, again.residuals)
    assert not np.array_equal(one.residuals, other.residuals)


def test_prints_name_positions_and_not_patients():
    rng = np.random.default_rng(1)
    t = np.exp(2.4 + 0.3 * rng.normal(size=60))
    cycles = rr.Cycles(np.floor(t), np.floor(t) + 1, patient=[f"Ada{i // 3}" for i in range(60)])
    found = rr.AFT().fit(cycles).diagnose()
    assert found.influence["patient"].str.startswith("Ada").all()
    for text in (repr(found), found._repr_html_(), found.table.to_string()):
        assert "Ada" not in text
    found.plot()
    figure = plt.gcf()
    texts = [text.get_text() for ax in figure.axes for text in (*ax.texts, *ax.get_xticklabels())]
    assert texts
    assert not any("Ada" in text for text in texts)
    plt.close("all")


def test_prints_and_pickles(fit):
    found = fit.diagnose()
    again = pickle.loads(pickle.dumps(found))
    pd.testing.assert_frame_equal(again.table, found.table)
    assert "1 of 8 to look at" in repr(found)
    assert "<table" in found._repr_html_()
    assert found.table["why"].str.len().gt(20).all()


def test_figures(fit, mixed):
    for found, third in ((fit.diagnose(), "Residuals by fitted median"), (mixed.diagnose(), "Random effects")):
        axes = found.plot()
        assert axes.shape == (2, 2)
        assert axes[1, 0].get_title().startswith(third)
        plt.close("all")
    found = mixed.diagnose()
    _, ax = plt.subplots()
    for draw in (found.plot_cox_snell, found.plot_residuals, found.plot_fitted, found.plot_random_effects,
                 found.plot_influence):  # fmt: skip
        assert draw(ax) is ax
        assert ax.get_xlabel()
        assert ax.get_ylabel()
    _, given = plt.subplots(1, 4)
    found.plot(given)
    assert all(ax.get_title() for ax in given)
    with pytest.raises(rr.InputError, match="`axes` must be 4 axes, not 3"):
        found.plot(given[:3])
    with pytest.raises(rr.InputError, match="no random effects"):
        fit.diagnose().plot_random_effects(ax)
    plt.close("all")


def test_caterpillars(golden, mixed):
    hazards = GammaFrailty("product").fit(golden)
    for fit, ratio in ((mixed, np.exp(mixed.patients["mean"])), (hazards, hazards.patients["mean"])):
        _, ax = plt.subplots()
        assert fit.plot_patients(ax) is ax
        (line,) = (line for line in ax.lines if line.get_marker() == "o")
        np.testing.assert_array_equal(line.get_ydata(), np.sort(ratio))
        (bars,) = ax.collections
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        assert ((ends[:, 0] < line.get_ydata()) & (line.get_ydata() < ends[:, 1])).all()
        assert ends.min() > 0
    plt.close("all")


def test_forest_of_several_fits(golden, fit, mixed):
    from retreat_research.durations.figures import forest

    _, ax = plt.subplots()
    forest({"alone": fit, "patients": mixed}, ax)
    places = [part.lines[0].get_xdata() for part in ax.containers]
    np.testing.assert_allclose(places[0], np.exp(fit.params[["product", "log(dose)", "age_c55"]]))
    np.testing.assert_allclose(places[1], np.exp(mixed.params[["product", "log(dose)", "age_c55"]]))
    hazards = GammaFrailty("product").fit(golden)
    with pytest.raises(rr.InputError, match="hazard ratio and a time ratio cannot stand side by side"):
        forest({"times": fit, "hazards": hazards}, ax)
    plt.close("all")


@pytest.mark.parametrize("resamples", [-1, 2.5, "x", None, True])
def test_bad_resamples(fit, resamples):
    with pytest.raises(rr.InputError, match="`resamples` must be a whole number, 0 or more"):
        fit.diagnose(resamples=resamples)


def test_a_sandwich_that_is_in_use_is_not_asked_for(golden, fit):
    name = "outer product of scores over information: mean"
    assert fit.diagnose().table.loc[name, "why"].endswith("a sandwich or a random effect is needed")
    robust = rr.AFT("product", cov="sandwich").fit(golden)
    assert robust.diagnose().table.loc[name, "why"].endswith("this fit's sandwich allows for that")


def test_diagnoses_come_back_from_json(fit, mixed):
    for found in (fit.diagnose(), mixed.diagnose()):
        again = rr.fit_from_json(found.to_json())
        pd.testing.assert_frame_equal(again.table, found.table, check_exact=True)
        pd.testing.assert_frame_equal(again.influence, found.influence, check_exact=True)
        np.testing.assert_array_equal(again.residuals, found.residuals)
