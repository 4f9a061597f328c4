"""Paired contrasts, the frontier and the matched arm."""

import numpy as np
import pytest

import retreat_research as rr
from retreat_research.comparison import OUTCOMES, sweep
from retreat_research.comparison.outcomes import estimate, paired

WORLD = rr.World.default("glabellar")
COHORT = rr.draw_cohort(3000, world=WORLD, seed=1)
STRATEGIES = {"fixed 12": rr.Fixed(12), "stepped": rr.Stepped(early=True), "on waning": rr.OnWaning()}


@pytest.fixture(scope="module")
def result():
    return rr.compare(STRATEGIES, COHORT, years=6, seed=1)


def test_values_are_ratios_of_totals(result):
    patients = result.simulations["stepped"].patients
    row = result.table().loc["stepped"]
    assert row["time_in_benefit"] == patients["weeks_in_benefit"].sum() / patients["weeks_observed"].sum()
    assert row["mean_interval"] == patients["weeks_observed"].sum() / patients["session_equivalents"].sum()
    assert row["antibodies"] == patients["positive_week"].notna().mean()
    assert row["sessions"] == pytest.approx(365.25 / 7 / row["mean_interval"])


def test_errors_agree_with_a_bootstrap_over_patients(result):
    """A second, naive way to the same numbers: resample patients, recompute the paired difference."""
    rng = np.random.default_rng(0)
    a, b = (result.simulations[name].patients for name in ("stepped", "fixed 12"))
    contrast = result.contrast("stepped", "fixed 12")
    draws = 400
    resampled = {
        o.name: [] for o in OUTCOMES if o.name in ("time_in_benefit", "sessions", "antibodies", "mean_interval")
    }
    outcomes = {o.name: o for o in OUTCOMES}
    for _ in range(draws):
        rows = rng.integers(0, len(a), len(a))
        for name, values in resampled.items():
            o = outcomes[name]
            values.append(estimate(o, a.iloc[rows]).value - estimate(o, b.iloc[rows]).value)
    for name, values in resampled.items():
        # the SD of an SD of `draws` normal values is about 1/√(2·draws) of it
        assert np.std(values) == pytest.approx(contrast.loc[name, "mcse"], rel=4 / np.sqrt(2 * draws))


def test_pairing_saves_variance(result):
    """EVIDENCE for CRN: the same patients with the same luck under both strategies."""
    assert result.contrast("stepped", "fixed 12").loc["time_in_benefit", "variance_reduction"] > 4


def test_paired_error_is_right_over_repeated_seeds():
    """The reported error is the SD of the difference over independent cohorts."""
    differences, errors = [], []
    for seed in range(60):
        cohort = rr.draw_cohort(300, world=WORLD, seed=seed)
        a, b = (rr.simulate(cohort, s, years=3, seed=seed).patients for s in (rr.Fixed(12), rr.OnWaning()))
        found = paired(estimate(OUTCOMES[0], a), estimate(OUTCOMES[0], b))
        differences.append(found["difference"])
        errors.append(found["mcse"])
    assert np.std(differences, ddof=1) == pytest.approx(np.mean(errors), rel=4 / np.sqrt(2 * 59))


def test_the_matched_arm_spends_as_much(result):
    matched = result.matched()
    for name in ("stepped", "on waning"):
        arm = result.simulations[name].patients
        for equal, column in (("antigen", "antigen_equivalents"), ("mean interval", "session_equivalents")):
            weeks = matched.loc[(name, equal), "matched_weeks"]
            fixed = rr.simulate(COHORT, rr.Fixed(weeks), years=6, seed=1).patients
            assert fixed[column].sum() / arm[column].sum() == pytest.approx(1, rel=1e-7)


def test_a_fixed_arm_gains_nothing_over_itself(result):
    row = result.matched().loc[("fixed 12", "antigen")]
    assert row["matched_weeks"] == pytest.approx(12, rel=1e-9)
    assert row["gain"] == pytest.approx(0, abs=1e-9)


def test_the_error_of_a_gain_includes_that_of_the_match():
    """Over independent cohorts the gain scatters as its error says, g* estimated anew each time."""
    gains, errors = [], []
    for seed in range(60):
        cohort = rr.draw_cohort(200, world=WORLD, seed=seed)
        found = rr.compare(
            {"s": rr.Stepped(step=4)}, cohort, years=4, seed=seed, frontier=(10, 13, 16, 19, 22)
        ).matched()
        gains.append(found["gain"].iloc[0])
        errors.append(found["mcse"].iloc[0])
    assert np.std(gains, ddof=1) == pytest.approx(np.mean(errors), rel=4 / np.sqrt(2 * 59))


def test_booked_visits_do_not_beat_the_fixed_interval_where_nobody_differs():
    """DESIGN truth: E min(T, g) is concave in g, so without lasting differences stepping cannot win."""
    world = WORLD.replace(
        between_sd=0, within_sd=0.15, non_response=0, induction_rate=0, dropout_per_year=0, rater_sd=0
    )
    cohort = rr.draw_cohort(3000, world=world, seed=4)
    row = rr.compare({"s": rr.Stepped(step=4)}, cohort, years=10, seed=4).matched().iloc[0]
    assert row["gain"] < 4 * row["mcse"]


def test_no_match_is_said_not_made_up():
    found = rr.compare({"yearly": rr.Fixed(60)}, COHORT[:50], years=3).matched()
    assert found["matched_weeks"].isna().all()
    assert found["gain"].isna().all()


def test_without_a_load_units_are_matched_and_antibodies_unknown():
    world = rr.World.default("glabellar", "daxibotulinumtoxinA")
    found = rr.compare({"s": rr.Stepped()}, rr.draw_cohort(100, world=world), years=3)
    assert found.matched().index.get_level_values("equal").tolist() == ["units", "mean interval"]
    assert found.table()[["antigen", "antibodies", "immune_failure"]].isna().all(axis=None)
    assert found.table()["time_in_benefit"].notna().all()
    assert len(found.notes) == 1


def test_a_sweep_has_every_world_and_strategy():
    table = sweep(
        {"s": rr.Stepped(), "w": rr.OnWaning()}, {"a": WORLD, "b": WORLD.replace(within_sd=0.1)}, patients=100
    )
    assert len(table) == 2 * 2 * 2
    assert table.groupby("world")["strategy"].nunique().eq(2).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rr.compare({}, COHORT), "`strategies` is empty"),
        (lambda: rr.compare(STRATEGIES, COHORT, frontier=(12, 14)), "`frontier` needs at least 4"),
    ],
)
def test_impossible_comparisons_are_refused(call, message):
    with pytest.raises(rr.InputError, match=message):
        call()


def test_an_unknown_name_is_refused(result):
    with pytest.raises(rr.InputError, match="no strategy is called 'x'; there are fixed 12, stepped"):
        result.contrast("x", "fixed 12")


def test_the_picture_shows_every_strategy(result):
    import matplotlib.pyplot as plt

    ax = result.plot()
    texts = {t.get_text() for t in ax.get_legend().get_texts()}
    assert texts == {"fixed intervals", *STRATEGIES}
    assert ax.get_xlabel() == "sessions per year"
    plt.close(ax.figure)
