"""Figures of a comparison: what is drawn is what the tables say, labelled, and told apart without colour."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import retreat_research as rr
from retreat_research import plots
from retreat_research.cohort import WEEKS_PER_YEAR
from retreat_research.plots.gained import exposure_rows
from retreat_research.strategies import Strategy

from .report.made_comparison import GAINS, LONG, SOBOL, TORNADO, made

mpl.use("Agg")


class HalfOnce(Strategy):
    """The second session at half the dose."""

    def decide(self, seen, memory):
        return rr.Decision.at(12, units=np.where(seen.session == 1, 0.5, 1) * seen.label_units)


@pytest.fixture(autouse=True)
def look():
    with plots.theme():
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def result():
    return made()


@pytest.fixture(scope="module")
def histories():
    world = rr.World.default("cervical dystonia").replace(dropout_per_year=0.1)
    cohort = rr.draw_cohort(80, world=world, seed=3)
    rules = {"fixed": rr.Fixed(12), "back": rr.Stepped(on_waning="back")}
    return {name: rr.simulate(cohort, rule, years=4, history=True) for name, rule in rules.items()}


def legend(ax):
    return [text.get_text().replace("\n", " ") for text in ax.get_legend().get_texts()]


def at_points(container):
    return np.column_stack([container.lines[0].get_xdata(), container.lines[0].get_ydata()]).astype(float)


def test_frontier_goes_straight_to_the_matched_arm(result):
    ax = plots.frontier(result)
    table, matched = result.table(), result.matched().xs("antigen", level="equal")
    assert ax.get_xlabel() == "antigen per year (ng)"
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 100 * result.frontier()["time_in_benefit"])
    for container, (name, row) in zip(ax.containers, table.iterrows(), strict=True):
        np.testing.assert_allclose(
            at_points(container)[0], [float(row["antigen"]), 100 * float(row["time_in_benefit"])]
        )
        if np.isfinite(matched.loc[name, "gain"]):
            ends = [[100 * float(matched.loc[name, "time_in_benefit"]), 100 * float(row["time_in_benefit"])]]
            drawn = [np.asarray(line.get_ydata(), dtype=float) for line in ax.lines]
            assert any(np.allclose([values], ends) for values in drawn if values.size == 2)
    assert legend(ax)[-1] == "seer (oracle)"
    assert plots.frontier(made(equal="units")).get_xlabel() == "sessions per year"


def test_gains_with_their_parts_and_the_range_of_the_sweep(result):
    ax = plots.gains(result)
    names = [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()]
    assert names == ["booked, +2", "early", LONG, "seer (oracle)"]
    assert set(legend(ax)) == {"in all", "of it stepping", "of it return on request", "in all, worlds of the sweep"}
    early = GAINS["early"]
    drawn = [at_points(container)[0] for container in ax.containers]
    for part in ("gain", "stepping", "request"):
        assert any(np.isclose(x, 100 * early[part]) and round(y) == 1 for x, y in drawn)
    swept = exposure_rows(result.sweep.table).query("strategy == 'early'")["gain"]
    ranges = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 5]
    assert any(np.allclose(x, [100 * swept.min(), 100 * swept.max()]) for x in ranges)
    assert "no fixed interval matches" in [text.get_text() for text in ax.texts]
    assert "equal antigen (percentage points)" in ax.get_xlabel()


def test_the_key_of_gains_whose_first_has_no_match():
    ax = plots.gains(made({"seer": GAINS["seer"], "early": GAINS["early"]}, draws=False, sweep=False))
    assert legend(ax) == ["in all", "of it stepping", "of it return on request"]
    assert plots.gains(made({"seer": GAINS["seer"]}, draws=False, sweep=False)).get_legend() is None


def test_difference_over_time(result):
    axes = plots.difference_over_time(result)
    assert axes.shape == (4,)
    table = result.over_time("early", "fixed 12")
    np.testing.assert_allclose(axes[1].lines[1].get_ydata(), 100 * table["difference"])
    np.testing.assert_allclose(axes[1].lines[1].get_xdata(), table["year"] + 0.125)
    assert axes[0].figure.get_suptitle().startswith("minus fixed 12; 60 synthetic patients")
    with pytest.raises(rr.InputError, match="no strategy to compare"):
        plots.difference_over_time(result, "nobody")
    with pytest.raises(rr.InputError, match="`axes` must be 4 axes, not 2"):
        plots.difference_over_time(result, axes=plt.subplots(2)[1])


def test_subgroups(result):
    ax = plots.subgroups(result, "early")
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["smooth effect (n = 20)", "long-term responsiveness (n = 20)", "short (n = 20)", "long (n = 20)"]
    assert legend(ax) == ["all patients", "what a clinic can see", "what only the simulation knows"]
    drawn = [at_points(container)[0, 0] for container in ax.containers]
    np.testing.assert_allclose(drawn, [5.2, 5.1, 6.1, 4.1])


def test_acceptability(result):
    ax = plots.acceptability(result)
    table = result.uncertainty.acceptability()
    for line, name in zip(ax.lines, table, strict=True):
        np.testing.assert_allclose(line.get_ydata(), 100 * table[name])
    assert len({(line.get_marker(), line.get_linestyle()) for line in ax.lines}) == len(ax.lines)
    assert "% of 4" in ax.get_ylabel()


def test_tornado_and_sobol():
    ax = plots.tornado(TORNADO, most=1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["within_sd"]
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [1.2, -0.2])
    assert {text.get_text() for text in ax.texts} == {"0.1", "0.35"}
    assert "1 with less effect left out" in ax.get_title(loc="left")
    bars = plots.sobol(SOBOL)
    assert [label.get_text() for label in bars.get_yticklabels()] == ["durations", "behaviour", "immunity"]
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches], [0.6, 0.2, -0.01, 0.7, 0.25, 0.1])


def test_intervals_of_single_patients(histories):
    axes = plots.intervals(histories, patients=2)
    assert axes.shape == (2,)
    assert {*axes[0].lines[-1].get_ydata()[:-1]} == {12.0}
    out = histories["back"]
    longest = out.patients.sort_values("weeks_observed", ascending=False, kind="stable")["patient"].iloc[:2]
    own = out.sessions[out.sessions["patient"] == min(longest)]
    np.testing.assert_allclose(axes[1].lines[0].get_ydata()[:-1], own["gap_weeks"])
    assert axes[0].get_ylabel() == "interval (weeks)"
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert axes[0].get_ylim()[1] > out.sessions["gap_weeks"].quantile(0.75)


def test_decisions_of_patients(histories):
    out = histories["back"]
    axes = plots.decision_log(out, [1, 5])
    for ax, patient in zip(axes, (1, 5), strict=True):
        log = out.decisions[out.decisions["patient"] == patient]
        gaps = out.sessions.loc[log.index, "gap_weeks"].to_numpy()
        labels = {line.get_label(): line for line in ax.lines}
        assert set(log["reason"]) <= set(labels)
        for reason in set(log["reason"]):
            now = (log["reason"] == reason).to_numpy()
            np.testing.assert_allclose(labels[reason].get_ydata(), gaps[now])
            np.testing.assert_allclose(labels[reason].get_xdata(), log["week"][now] / WEEKS_PER_YEAR)
        silent = log["assessed"] & ~log["responded"]
        assert ("no response" in labels) == silent.any()
        assert len(ax.collections[0].get_segments()) == len(log)
    with pytest.raises(rr.InputError, match="`patients` must be in the cohort"):
        plots.decision_log(out, [80])
    bare = rr.simulate(out.cohort[:3], rr.Fixed(12), years=1)
    with pytest.raises(rr.InputError, match="keeps no visits; simulate with `history=True`"):
        plots.decision_log(bare, [0])


def test_a_dose_other_than_the_labels_is_written(histories):
    out = rr.simulate(histories["back"].cohort[:2], HalfOnce(), years=2, history=True)
    assert [text.get_text() for text in plots.decision_log(out, [0])[0].texts] == ["0.5×"]
