"""What a fit says: parameters, misfit, world, figure."""

import numpy as np
import pandas as pd
import pytest

from retreat_research import InputError, World, evidence
from retreat_research.calibration import fit_curves

from . import naive

ONA = "median_weeks, onabotulinumtoxinA, glabellar lines"


def test_every_parameter_says_what_it_is(fit):
    params = fit.params
    assert list(params.columns) == [
        "value",
        "se",
        "lower",
        "upper",
        "default",
        "difference",
        "from_data",
        "unit",
        "source",
    ]
    fitted = params[params["se"].notna()]
    assert len(fitted) == len(fit.problem.unknowns) == 24
    assert ((fitted["lower"] < fitted["value"]) & (fitted["value"] < fitted["upper"])).all()
    assert (params["source"] != "").all()
    assert (fitted["unit"] != "").all()
    assert ((fitted["from_data"] > 0) & (fitted["from_data"] < 1)).all()


def test_the_default_column_is_the_default_worlds(fit):
    response = World.default("glabellar").response
    for name in ("curve_hill", "dose_half", "onset_weeks", "onset_sd", "non_response"):
        assert fit.params.loc[name, "default"] == getattr(response, name)
    assert fit.params.loc[ONA, "default"] == response.median_weeks["onabotulinumtoxinA"]
    assert fit.params.loc["total_sd", "default"] == np.hypot(response.between_sd, response.within_sd)


def test_a_difference_from_the_default_is_in_standard_errors_on_the_scale_of_the_fit(fit):
    row = fit.params.loc[ONA]
    log_se = np.log(row["upper"] / row["lower"]) / (2 * 1.959964)
    assert row["difference"] == pytest.approx(np.log(row["value"] / row["default"]) / log_se, rel=1e-6)
    assert row["se"] == pytest.approx(log_se * row["value"], rel=1e-6)


def test_every_datum_is_beside_its_prediction(fit):
    misfit = fit.misfit()
    assert len(misfit) == len(fit.problem.data)
    used = misfit[(misfit["use"] == "fitted") & (misfit["bound"] == "")]
    share = used["fitted"] / 100
    expected = (used["observed"] / 100 - share) / np.sqrt(share * (1 - share) / used["n"])
    assert used["residual"].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-12)
    assert misfit.loc[misfit["use"] == "predicted", "residual"].isna().all()
    published = evidence("curves")["number"].to_numpy()[used["row"]]
    assert used["observed"].to_numpy() == pytest.approx(published, rel=1e-12)


def test_a_bound_that_holds_has_no_residual(fit):
    bound = fit.misfit().query("bound != ''")
    holds = np.where(
        bound["bound"] == "at least", bound["fitted"] >= bound["observed"], bound["fitted"] <= bound["observed"]
    )
    assert (bound["residual"].to_numpy() == 0).tolist() == holds.tolist()


def test_arms_add_up_to_the_whole_with_the_worst_first(fit):
    arms = fit.by_arm()
    assert arms["chi2"].sum() == pytest.approx(fit.chi2)
    assert arms["data"].sum() == fit.nobs
    assert arms["ratio"].is_monotonic_decreasing
    worst, misfit = arms.iloc[0], fit.misfit()
    own = misfit[(misfit["study"] == worst["study"]) & (misfit["arm"] == worst["arm"])]
    assert worst["worst_residual"] in own["residual"].tolist()


def test_what_the_data_say_is_ordered_and_names_its_parameters(fit):
    directions = fit.identifiability()
    assert len(directions) == sum(not u.name.startswith("study") for u in fit.problem.unknowns)
    assert directions["information"].is_monotonic_decreasing
    assert directions["parameters"].str.len().min() > 0
    assert "curve_hill" in directions["parameters"].iloc[-1]  # percentages at one level cannot tell its steepness
    assert 1 <= fit.condition < 1e6


def test_the_world_has_what_was_fitted_and_keeps_the_rest(fit):
    base = World.default("glabellar")
    world, value = fit.world(), fit.params["value"]
    for name in ("curve_hill", "dose_half", "onset_weeks", "onset_sd", "non_response"):
        assert getattr(world.response, name) == value[name]
    assert world.response.median_weeks["onabotulinumtoxinA"] == value[ONA]
    assert world.response.median_weeks["daxibotulinumtoxinA"] == base.response.median_weeks["daxibotulinumtoxinA"]
    assert np.hypot(world.response.between_sd, world.response.within_sd) == pytest.approx(value["total_sd"])
    ratio = world.response.between_sd / world.response.within_sd
    assert ratio == pytest.approx(base.response.between_sd / base.response.within_sd)
    assert (world.immunity, world.observation, world.behaviour) == (base.immunity, base.observation, base.behaviour)


def test_a_world_takes_the_medians_of_its_own_indication(fit):
    world = fit.world(World.default("cervical", "rimabotulinumtoxinB"))
    assert world.median_weeks == pytest.approx(
        fit.params.loc["median_weeks, rimabotulinumtoxinB, cervical dystonia", "value"]
    )
    assert world.response.median_weeks["onabotulinumtoxinA"] == 13.0


def test_a_world_with_another_threshold_is_refused(fit):
    with pytest.raises(InputError, match=r"those of the threshold 0\.2"):
        fit.world(World.default("glabellar").replace(threshold=0.5))


def test_the_default_world_is_not_changed(fit):
    before = World.default("glabellar").response
    fit.world()
    assert World.default("glabellar").response == before
    assert before.onset_weeks != fit.params.loc["onset_weeks", "value"]


@pytest.fixture(scope="module")
def small():
    return naive.table(np.random.default_rng(8), 300, naive.TRUTH)


def test_a_parameter_can_be_held(small):
    fit = fit_curves(small, fixed={"curve_hill": 2.5, "threshold": 0.3})
    assert fit.params.loc["curve_hill", "value"] == 2.5
    assert fit.params.loc["curve_hill", "source"] == "fixed: by the caller"
    assert fit.params.loc["curve_hill", "default"] == 3.0
    assert np.isnan(fit.params.loc["curve_hill", "se"])
    assert "curve_hill" not in fit.defaults


def test_holding_the_response_at_the_default_fits_worse(small):
    fit = fit_curves(small)
    held = fit_curves(small, fixed=fit.defaults)
    assert held.chi2 > fit.chi2
    assert held.params.loc[list(fit.defaults), "value"].to_dict() == fit.defaults


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"curve_hil": 3.0}, "no parameter is called `curve_hil`; did you mean curve_hill"),
        ({"curve_hill": np.nan}, "must be a number"),
    ],
)
def test_what_cannot_be_held_is_refused(small, fixed, message):
    with pytest.raises(InputError, match=message):
        fit_curves(small, fixed=fixed)


def test_parameters_of_which_the_table_says_nothing_stay_at_the_default(small):
    fit = fit_curves(small[small["week"] > 4])
    assert "onset_weeks" not in [unknown.name for unknown in fit.problem.unknowns]
    assert fit.params.loc["onset_weeks", "source"] == "fixed: the default world's"
    assert fit.world().response.onset_weeks == World.default("glabellar").response.onset_weeks


def test_the_summary_and_the_page_hold_every_fitted_parameter(fit):
    text, page = str(fit.summary()), fit._repr_html_()
    for unknown in fit.problem.unknowns:
        assert unknown.name in text
        assert unknown.name.replace("&", "&amp;") in page
    assert "Joseph 2021 JDD abo dose escalation, placebo" in text
    assert repr(fit).startswith("<CurveFit: 58 data of 10 studies, 24 parameters")


def test_the_figure_has_a_panel_for_each_study_with_its_misfit(fit):
    import matplotlib.pyplot as plt

    figure = fit.plot()
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    data = fit.problem.data
    studies = set(data.loc[data["kind"] != "onset", "study"]) | {"cumulative onset"}
    assert {title.split("\n")[0] for title in titles} == studies
    assert all("χ² per datum" in title or "not fitted" in title for title in titles)
    points = sum(len(line.get_xdata()) == 1 for ax in figure.axes for line in ax.get_lines())
    points += sum(len(ax.containers) for ax in figure.axes)
    assert points >= len(data)
    plt.close(figure)


def test_results_do_not_depend_on_the_order_of_rows(small):
    fit, other = fit_curves(small), fit_curves(small.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(fit.params.sort_index(), other.params.sort_index(), rtol=1e-4)
