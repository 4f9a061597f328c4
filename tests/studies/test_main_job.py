"""The main job on the embedded records and on the real trial."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.studies import STRATEGIES, estimate_durations
from retreat_research.studies.durations import arm_names, response_table

ROOT = Path(__file__).parent.parent.parent
TRIAL = Path(os.environ.get("RETREAT_CDYSTONIA", ROOT.parent / "shared" / "data" / "cdystonia.csv"))
needs_trial = pytest.mark.skipif(
    not TRIAL.exists(), reason="the real trial carries no licence and is not in the project"
)
MAPPING = ROOT / "data" / "mappings" / "cdystonia.toml"


@pytest.fixture(scope="module")
def embedded():
    return rr.read_records(ROOT / "data" / "synthetic")


@pytest.fixture(scope="module")
def result(embedded):
    return rr.Study(records=embedded, patients=300, years=4, seed=2).run()


@needs_trial
@pytest.mark.parametrize(("loss", "medians"), [(0.8, (10.06, 14.30, 12.45)), (0.5, (6.46, 8.45, 8.68))])
def test_the_trial_gives_the_known_responders_and_medians(loss, medians):
    """Responders and Weibull medians per arm that the issue states."""
    endpoint = rr.LossOfBenefit("TWSTRS", loss=loss, response=8, better="lower", peak_by=4)
    found = estimate_durations(rr.read_records(TRIAL, mapping=MAPPING).cycles(endpoint))
    arms = ["placebo 0 U", "rimabotulinumtoxinB 5,000 U", "rimabotulinumtoxinB 10,000 U"]
    assert found.response.loc[arms, "responders"].tolist() == [15, 27, 28]
    assert found.response.loc[arms, "patients"].tolist() == [36, 36, 37]
    assert found.response.loc[arms, "assessed"].tolist() == [35, 36, 37]
    np.testing.assert_allclose(found.table.loc[arms, "weibull_median"], medians, atol=0.01)


@needs_trial
def test_the_trial_runs_to_the_end_with_units_matched():
    study = rr.Study(records=rr.read_records(TRIAL, mapping=MAPPING), patients=100, years=3)
    result = study.run()
    assert result.world.product == "rimabotulinumtoxinB"
    assert set(result.comparison.matched().index.get_level_values("equal")) == {"units", "mean interval"}
    assert any("antigen is NaN" in note for note in result.notes)


def test_the_cohort_follows_the_fit(result):
    arm = pd.DataFrame({"arm": [result.arm]})
    fit, world = result.durations.fit, result.world
    assert world.median_weeks == pytest.approx(fit.quantile(0.5, arm)["estimate"].iloc[0])
    assert world.response.between_sd == pytest.approx(fit.sd)
    assert world.response.within_sd == pytest.approx(fit.scale)
    assumed = rr.World.from_fit(
        result.durations.marginal, arm, indication="glabellar", product=world.product, units=20, non_response=0.1
    )
    total = result.durations.marginal.scale
    assert assumed.response.between_sd**2 / total**2 == pytest.approx(0.56)
    assert np.hypot(assumed.response.between_sd, assumed.response.within_sd) == pytest.approx(total)
    assert world.response.non_response == result.durations.response.loc[result.arm, "non_response"]
    counts = result.durations.response.loc[result.arm]
    assert counts["responders"] == result.durations.response["responders"].max()


def test_every_strategy_is_compared_and_swept(result):
    assert list(result.comparison.table().index) == list(STRATEGIES)
    assert result.sweep["world"].nunique() == 10
    swept = result.sweep.set_index(["world", "strategy", "equal"])["matched_weeks"]
    assert swept.notna().all()


def test_the_same_study_gives_the_same_numbers(embedded, result):
    again = rr.Study(records=embedded, patients=300, years=4, seed=2).run()
    pd.testing.assert_frame_equal(again.comparison.table(), result.comparison.table(), check_exact=True)
    pd.testing.assert_frame_equal(again.sweep, result.sweep, check_exact=True)
    pd.testing.assert_frame_equal(again.durations.table, result.durations.table, check_exact=True)


def some_cycles(lower, upper, arms, **columns):
    product = ["onabotulinumtoxinA"] * len(lower)
    data = pd.DataFrame({"product": product, "units": arms, "indication": "glabellar lines", **columns})
    return rr.Cycles(lower, upper, patient=columns.pop("patient", None), data=data)


def test_an_arm_without_an_event_is_named_and_left_out_of_the_fit():
    cycles = some_cycles([6, 10, 14, 12, 12], [8, 12, 18, np.inf, np.inf], [20, 20, 20, 40, 40])
    found = estimate_durations(cycles)
    assert list(found.table.index) == ["onabotulinumtoxinA 20 U"]
    assert list(found.turnbull) == ["onabotulinumtoxinA 20 U", "onabotulinumtoxinA 40 U"]
    assert any("40 U: no cycle ended in loss of effect" in note for note in found.notes)


def test_nothing_but_censored_cycles_is_an_error():
    with pytest.raises(rr.FitError, match="no cycle ended in loss of effect"):
        estimate_durations(some_cycles([12, 12], [np.inf, np.inf], [20, 20]))


def test_nothing_but_non_responders_is_an_error():
    cycles = some_cycles([np.nan] * 2, [np.nan] * 2, [20, 20], responder=[False, False])
    with pytest.raises(rr.FitError, match="none of the 2 assessed cycles has a response"):
        estimate_durations(cycles)


def test_cycles_nobody_assessed_are_an_error():
    cycles = some_cycles([np.nan] * 2, [np.nan] * 2, [20, 20], responder=[None, None])
    with pytest.raises(rr.FitError, match="none of the 2 cycles has both a baseline and an assessment"):
        estimate_durations(cycles)


def test_one_patient_is_an_error():
    with pytest.raises(rr.FitError, match="only one patient"):
        estimate_durations(some_cycles([6, 10, 14], [8, 12, 18], [20, 20, 20], patient=["a"] * 3))


def test_doses_of_the_same_digits_are_different_arms():
    frame = pd.DataFrame({"product": "onabotulinumtoxinA", "units": [1234567.0, 1234567.5, 2.5, 20.0]})
    frame["indication"] = "glabellar lines"
    assert arm_names(frame).nunique() == 4


def test_two_indications_are_different_arms():
    frame = pd.DataFrame({"product": "placebo", "units": 0.0, "indication": ["crow's feet", "forehead lines"]})
    assert arm_names(frame).tolist() == ["placebo 0 U, crow's feet", "placebo 0 U, forehead lines"]


def test_non_response_intervals_are_wider_when_patients_repeat_themselves():
    """Twenty patients who always or never respond are twenty observations, not two hundred."""
    responder = np.repeat(np.arange(20) < 12, 10)
    frame = pd.DataFrame({"arm": "a", "patient": np.repeat(np.arange(20), 10), "responder": responder})
    frame["responder"], frame["censoring"] = frame["responder"].astype("boolean"), "interval"
    from statsmodels.stats.proportion import proportion_confint

    def interval(table):
        return tuple(response_table(table).loc["a", ["lower", "upper"]])

    assert interval(frame) == pytest.approx(proportion_confint(0.4 * 19, 19, method="wilson"))  # G/(G − 1) of 20
    alone = frame.assign(patient=np.arange(200))
    assert interval(alone) == pytest.approx(proportion_confint(0.4 * 199, 199, method="wilson"))
    everyone = frame.assign(responder=True)
    assert interval(everyone) == pytest.approx(proportion_confint(0, 20, method="wilson"))
    one = frame.assign(patient=1)
    assert interval(one) == pytest.approx(proportion_confint(0.4, 1, method="wilson"))


@pytest.mark.parametrize("bad", [{"patients": 1}, {"years": 0}, {"seed": -1}])
def test_impossible_studies_are_refused(embedded, bad):
    with pytest.raises(rr.InputError, match=next(iter(bad))):
        rr.Study(records=embedded, **bad)
