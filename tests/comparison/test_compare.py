"""What `compare` gives: tables, contrasts, the frontier, and errors."""

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.comparison import OUTCOMES, gains_in
from retreat_research.comparison.arms import Arm
from retreat_research.comparison.outcomes import COST, paired

WORLD = rr.World.default("glabellar")
COHORT = rr.draw_cohort(2000, world=WORLD, seed=1)
STRATEGIES = {"fixed 12": rr.Fixed(12), "stepped": rr.Stepped(early=True), "on waning": rr.OnWaning()}
COSTS = rr.Costs(session=100, unit={"onabotulinumtoxinA": 5})


def compared(strategies, cohort=COHORT, **rest):
    return rr.compare(strategies, cohort, sweep=False, **rest)


@pytest.fixture(scope="module")
def result():
    return compared(STRATEGIES, years=6, seed=1, costs=COSTS)


def naive(out, preference):
    """Every outcome of docs/comparison.md, patient by patient in plain Python."""
    sums = dict.fromkeys(
        ["weeks", "benefit", "waiting", "sessions", "units", "antigen", "positive", "tested", "failure", "immune",
         "positive_free", "failure_free", "responsive", "satisfied"], 0.0
    )  # fmt: skip
    for row, w in zip(out.patients.to_dict("records"), preference, strict=True):
        weeks = row["weeks_observed"]
        positive, failure = (None if np.isnan(row[k]) else row[k] for k in ("positive_week", "failure_week"))
        until = [weeks if week is None else min(week, weeks) for week in (positive, failure)]
        sums["weeks"] += weeks
        sums["benefit"] += row["weeks_in_benefit"]
        sums["waiting"] += row["weeks_waiting"]
        sums["sessions"] += row["session_equivalents"]
        sums["units"] += row["unit_equivalents"]
        sums["antigen"] += row["antigen_equivalents"]
        sums["positive"] += positive is not None
        sums["tested"] += not np.isnan(row["tested_positive_week"])
        sums["failure"] += failure is not None
        sums["immune"] += bool(row["failure_immune"])
        sums["positive_free"] += until[0]
        sums["failure_free"] += until[1]
        sums["responsive"] += min(until)
        sums["satisfied"] += (1 - w) * row["weeks_in_benefit"] + w * min(until)
    n, year, weeks, sessions = len(out.patients), 365.25 / 7, sums["weeks"], sums["sessions"]
    other = sums["failure"] - sums["immune"]
    return {
        "time_in_benefit": sums["benefit"] / weeks,
        "weeks_waiting": sums["waiting"] / weeks * year,
        "sessions": sessions / weeks * year,
        "units": sums["units"] / weeks * year,
        "antigen": sums["antigen"] / weeks * year,
        "mean_interval": weeks / sessions,
        "benefit_per_session": sums["benefit"] / sessions,
        "units_per_session": sums["units"] / sessions,
        "antigen_per_session": sums["antigen"] / sessions,
        "antibodies": sums["positive"] / n,
        "tested_positive": sums["tested"] / n,
        "failure": sums["failure"] / n,
        "immune_failure": sums["immune"] / n,
        "other_failure": other / n,
        "antibodies_rate": 100 * sums["positive"] / (sums["positive_free"] / year),
        "failure_rate": 100 * sums["failure"] / (sums["failure_free"] / year),
        "immune_failure_rate": 100 * sums["immune"] / (sums["failure_free"] / year),
        "other_failure_rate": 100 * other / (sums["failure_free"] / year),
        "years_to_antibodies": sums["positive_free"] / n / year,
        "years_to_failure": sums["failure_free"] / n / year,
        "responsiveness": sums["responsive"] / weeks,
        "satisfaction": sums["satisfied"] / weeks,
        "cost": (100 * sessions + 5 * sums["units"]) / weeks * year,
    }


@pytest.mark.parametrize("name", STRATEGIES)
def test_values_are_those_of_a_naive_second_way(result, name):
    row = result.table().loc[name]
    expected = naive(result.simulations[name], COHORT.preference)
    assert set(expected) == {o.name for o in (*OUTCOMES, COST)}
    for outcome, value in expected.items():
        assert row[outcome] == pytest.approx(value, rel=1e-10), outcome


def test_errors_agree_with_a_bootstrap_over_patients(result):
    """A second, naive way to the same numbers: resample patients, recompute the paired difference."""
    rng = np.random.default_rng(0)
    contrast = result.contrast("stepped", "fixed 12")
    outs = [result.simulations[name] for name in ("stepped", "fixed 12")]
    names = ("time_in_benefit", "sessions", "antibodies", "mean_interval", "failure_rate", "satisfaction")
    draws, n = 400, len(COHORT)
    resampled = {name: [] for name in names}
    arms = [Arm(out, COSTS) for out in outs]
    for _ in range(draws):
        times = np.bincount(rng.integers(0, n, n), minlength=n).astype(float)
        for name in names:
            resampled[name].append(arms[0].estimate(name, times).value - arms[1].estimate(name, times).value)
    for name, values in resampled.items():
        # the SD of an SD of `draws` normal values is about 1/√(2·draws) of it
        assert np.std(values) == pytest.approx(contrast.loc[name, "mcse"], rel=4 / np.sqrt(2 * draws)), name


def test_errors_of_the_table_are_those_of_one_arm(result):
    patients = result.simulations["on waning"].patients
    failed = patients["failure_week"].notna()
    expected = np.sqrt(failed.mean() * (1 - failed.mean()) / (len(failed) - 1))
    assert result.table().loc["on waning", "failure_mcse"] == pytest.approx(expected)


def test_pairing_saves_variance(result):
    """EVIDENCE for CRN: the same patients with the same luck under both strategies."""
    assert result.contrast("stepped", "fixed 12").loc["time_in_benefit", "variance_reduction"] > 4


def test_the_kinds_of_failure_add_up(result):
    table = result.table()
    for suffix in ("", "_rate"):
        total = table[f"immune_failure{suffix}"] + table[f"other_failure{suffix}"]
        np.testing.assert_allclose(total, table[f"failure{suffix}"])


def test_where_nothing_varies_the_contrast_is_exact():
    """Two fixed intervals without dropout: the sessions of both are certain, and so is their difference."""
    cohort = rr.draw_cohort(50, world=WORLD.replace(dropout_per_year=0), seed=1)
    found = compared({"a": rr.Fixed(12), "b": rr.Fixed(16)}, cohort, years=3).contrast("a", "b").loc["mean_interval"]
    assert found["difference"] == pytest.approx(-4)
    assert found["mcse"] == 0
    assert found["lower"] == found["upper"] == found["difference"]
    assert np.isnan(found["variance_reduction"])


def test_an_arm_against_itself_saves_all_variance(result):
    found = result.contrast("stepped", "stepped")
    assert (found["difference"] == 0).all()
    assert found.loc["time_in_benefit", "variance_reduction"] == np.inf


def test_paired_error_is_right_over_repeated_seeds():
    """The reported error is the SD of the difference over independent cohorts."""
    differences, errors = [], []
    for seed in range(60):
        cohort = rr.draw_cohort(200, world=WORLD, seed=seed)
        a, b = (Arm(rr.simulate(cohort, s, years=3, seed=seed)) for s in (rr.Fixed(12), rr.OnWaning()))
        found = paired(a.estimate("time_in_benefit"), b.estimate("time_in_benefit"))
        differences.append(found["difference"])
        errors.append(found["mcse"])
    assert np.std(differences, ddof=1) == pytest.approx(np.mean(errors), rel=4 / np.sqrt(2 * 59))


def test_the_frontier_is_the_fixed_arms(result):
    line = result.frontier()
    assert line.index.tolist() == list(range(8, 27, 2))
    assert line.loc[12.0, "time_in_benefit"] == result.table().loc["fixed 12", "time_in_benefit"]
    np.testing.assert_allclose(line["mean_interval"], line.index)


def test_oracles_are_labelled():
    class Knowing(rr.Fixed):
        oracle = True

    table = compared({"a": rr.Fixed(12), "b": Knowing(13)}, COHORT[:50], years=2).table()
    assert table["oracle"].tolist() == [False, True]


def test_units_of_several_products_are_not_added():
    @rr.strategy
    def switching(seen):
        product = np.where(seen.session < 2, "onabotulinumtoxinA", "incobotulinumtoxinA")
        return rr.Decision.at(12, units=20.0, product=product)

    table = compared({"switch": switching}, COHORT[:50], years=2, costs=rr.Costs(100, 5)).table()
    assert table[["units", "units_per_session", "cost"]].isna().all(axis=None)
    assert table["antigen"].notna().all()
    free = compared({"switch": switching}, COHORT[:50], years=2, costs=rr.Costs(100)).table()
    np.testing.assert_allclose(free["cost"], 100 * free["sessions"])


def test_without_a_load_units_are_matched_and_antibodies_unknown():
    world = rr.World.default("glabellar", "daxibotulinumtoxinA")
    found = compared({"s": rr.Stepped()}, rr.draw_cohort(100, world=world), years=3)
    assert found.matched().index.get_level_values("equal").tolist() == ["units", "mean interval"]
    assert found.table()[["antigen", "antibodies", "immune_failure", "responsiveness"]].isna().all(axis=None)
    assert found.table()["time_in_benefit"].notna().all()
    assert len(found.notes) == 1


def test_gains_in_worlds_have_every_world_and_strategy():
    table = gains_in(
        {"a": WORLD, "b": WORLD.replace(within_sd=0.1)}, {"s": rr.Stepped(), "w": rr.OnWaning()}, patients=100, years=3
    )
    assert len(table) == 2 * 2 * 2
    assert table.groupby("world")["strategy"].nunique().eq(2).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compared({}), "`strategies` is empty"),
        (lambda: compared([rr.Fixed(12)]), "`strategies` must be a dict of strategies by name"),
        (lambda: compared({12: rr.Fixed(12)}), "the names of `strategies` must be texts"),
        (lambda: compared({" ": rr.Fixed(12)}), "the names of `strategies` must be texts"),
        (lambda: compared({"a": 12}), "strategies such as .*, but 'a' is int"),
        (lambda: compared(STRATEGIES, WORLD), "`cohort` must come from draw_cohort, not World"),
        (lambda: compared(STRATEGIES, frontier=(12, 14)), "`frontier` needs at least 4"),
        (lambda: compared(STRATEGIES, costs=5), "`costs` must be Costs"),
        (lambda: compared(STRATEGIES, COHORT[:9], years=1, costs=rr.Costs(1, {})), "no price of a unit of ona"),
        (lambda: rr.Costs(-1), "`session` must be a number from 0"),
        (lambda: rr.Costs(1, {"botox": 2}), "`unit` names no known product 'botox'"),
        (lambda: rr.Costs(1, {"onabotulinumtoxinA": np.nan}), "`unit of onabotulinumtoxinA` must be a number"),
    ],
)
def test_impossible_comparisons_are_refused(call, message):
    with pytest.raises(rr.InputError, match=message):
        call()


def test_an_unknown_name_is_refused(result):
    for call in (result.contrast, result.over_time):
        with pytest.raises(rr.InputError, match="no strategy is called 'x'; there are fixed 12, stepped"):
            call("x", "fixed 12")


def test_a_notebook_shows_the_notes():
    shown = compared({"yearly <b>": rr.Fixed(60)}, COHORT[:50], years=3)._repr_html_()
    assert "yearly &lt;b&gt;: no fixed interval between 4 and 52 weeks has the same antigen." in shown


def test_the_picture_shows_every_strategy(result):
    import matplotlib.pyplot as plt

    ax = result.plot()
    texts = {t.get_text() for t in ax.get_legend().get_texts()}
    assert {"fixed intervals", *STRATEGIES} <= texts
    plt.close(ax.figure)


def test_costs_travel():
    import pickle

    assert pickle.loads(pickle.dumps(COSTS)) == COSTS


def test_frames_are_copies(result):
    result.matched()["gain"] = 0
    pd.testing.assert_frame_equal(result.matched(), result._evaluation.gains)
    assert (result.matched().loc["on waning", "gain"] > 0).all()
