"""The predicted percentages against patients simulated one by one, and what must hold of any curve."""

import numpy as np
import pandas as pd
import pytest

from retreat_research.calibration import parameters, predicted
from retreat_research.calibration.predicted import Layout

from . import naive

PATIENTS = 100_000


def of_row(fit, row):
    """The parameters of one datum as `naive` takes them."""
    value = {name: float(v) for name, v in fit.params["value"].items()}
    placebo = row.dose == 0
    return {
        **{name: value[name] for name in naive.TRUTH if name in value},
        "median": np.nan if placebo else value[parameters.median_name(row.indication, row.product)],
        "study": value.get(f"study, {row.study}", 0.0),
        "level": 0.2 if row.level == "threshold" else value[f"level, {row.level}"],
        "rater_sd": value.get(f"rater_sd, {row.rater}"),
        "non_response": value[f"non_response, {row.endpoint}" if row.endpoint else "non_response"],
    }


def test_every_published_percentage_is_predicted_as_simulated_patients_say(fit):
    rng = np.random.default_rng(20261125)
    shares = fit.predict(fit.problem.data)
    off = []
    for share, row in zip(shares, fit.problem.data.itertuples(), strict=True):
        p = of_row(fit, row)
        if row.kind == "onset":
            seen = naive.onset_weeks(rng, PATIENTS, row.dose, p) <= row.week
        elif row.kind == "rating":
            seen = naive.ratings(rng, PATIENTS, [row.week], row.dose, p)[:, 0]
            if not np.isnan(row.given_week):
                both = naive.ratings(rng, PATIENTS, [row.given_week, row.week], row.dose, p)
                seen = both[both[:, 0], 1]
        else:
            effect = naive.effect(rng, PATIENTS, [row.week, predicted.PEAK_WEEK], row.dose, p)
            ratio = effect[:, 0].mean() / effect[:, 1].mean()
            error = np.std(effect[:, 0] - ratio * effect[:, 1]) / effect[:, 1].mean() / np.sqrt(PATIENTS)
            off.append(0.0 if row.week == predicted.PEAK_WEEK else (ratio - share) / error)
            continue
        off.append((seen.mean() - share) / np.sqrt(share * (1 - share) / seen.size))
    assert len(off) == len(fit.problem.data)
    assert np.abs(off).max() < 4


def test_the_integrals_do_not_depend_on_the_nodes(fit, monkeypatch):
    coarse = fit.predict(fit.problem.data)
    monkeypatch.setattr(predicted, "FINE", predicted._grid(8.0, 0.05))
    monkeypatch.setattr(predicted, "COARSE", predicted._grid(7.0, 0.1))
    assert np.abs(fit.predict(fit.problem.data) - coarse).max() < 1e-5


def test_many_parameter_vectors_are_one_at_a_time(fit):
    problem, layout = fit.problem, Layout.of(fit.problem.data)
    inner = problem.centre + 0.3 * problem.spread * np.random.default_rng(1).standard_normal((3, problem.centre.size))
    together = predicted.predicted(layout, problem.values(inner))
    apart = [predicted.predicted(layout, problem.values(one[None]))[0] for one in inner]
    assert together.tolist() == np.array(apart).tolist()


def curve(fit, arm, weeks, study="Joseph 2021 JDD abo dose escalation"):
    data = fit.problem.data
    row = data[(data["study"] == study) & (data["arm"] == arm) & (data["kind"] == "rating")].iloc[0]
    return fit.predict(pd.DataFrame([row.to_dict()] * len(weeks)).assign(week=weeks))


WEEKS = np.linspace(0.05, 60, 240)


def test_a_curve_rises_and_falls_once_between_the_noise_and_the_responders(fit):
    share, noise = curve(fit, "abo 50U", WEEKS), curve(fit, "placebo", WEEKS)
    peak = share.argmax()
    assert 0 < peak < WEEKS.size - 1
    assert (np.diff(share[: peak + 1]) > -1e-4).all()
    assert (np.diff(share[peak:]) < 1e-4).all()
    assert (share > noise).all()
    assert (share < 1 - fit.params.loc["non_response", "value"] * (1 - noise)).all()


def test_placebo_is_noise_in_every_week(fit):
    assert curve(fit, "placebo", WEEKS) == pytest.approx(curve(fit, "placebo", np.array([4.0]))[0], rel=1e-14)


def test_a_larger_dose_lasts_longer(fit):
    late = WEEKS > 4
    assert (curve(fit, "abo 125U", WEEKS)[late] >= curve(fit, "abo 50U", WEEKS)[late]).all()


def test_the_week_from_which_the_onset_is_over_leaves_no_step(fit):
    before, after = curve(fit, "abo 50U", np.array([parameters.LATE_WEEK - 1e-9, parameters.LATE_WEEK]))
    assert after == pytest.approx(before, abs=1e-4)


def test_onset_accumulates_from_nothing(fit):
    data = fit.problem.data
    row = data[data["kind"] == "onset"].iloc[0].to_dict()
    share = fit.predict(pd.DataFrame([row] * 100).assign(week=np.linspace(1e-6, 4, 100)))
    assert share[0] < 1e-5
    assert (np.diff(share) > 0).all()
