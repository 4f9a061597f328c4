"""Figures of one patient and of a cohort: what is drawn is what was simulated."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research import plots
from retreat_research.cohort import WEEKS_PER_YEAR
from retreat_research.plots.over_time import benefit_by_year, over_time
from retreat_research.simulation.trajectory import trajectory
from retreat_research.strategies import Strategy

mpl.use("Agg")
ABO, RIMA = "abobotulinumtoxinA", "rimabotulinumtoxinB"
DYSTONIA = rr.World.default("cervical dystonia", ABO)
#: Antibodies and loss of response are common, and some patients leave.
HARSH = DYSTONIA.replace(induction_rate=0.3, non_response=0.15, dropout_per_year=0.1)


class Various(Strategy):
    """Sessions with an adjunct, touch-ups, visits without injection, and type B after two years."""

    def initial_memory(self):
        return {"turn": 0.0}

    def decide(self, seen, memory):
        turn = memory.turn % 4
        product = np.where((seen.week > 104) & (turn == 0) | (seen.product == RIMA), RIMA, ABO)
        label = np.where(product == RIMA, 5000.0, 500.0)
        units = np.select([turn == 1, turn == 3], [0.4 * label, 0.0], label)
        reason = np.where(turn == 3, "halt", np.where(turn == 1, "escalate", "hold"))
        weeks = np.where(turn == 0, 2.0, 10.0)
        decision = rr.Decision.at(weeks, units=units, product=product, adjunct=turn == 0, reason=reason)
        return decision, {"turn": memory.turn + 1}


@pytest.fixture(autouse=True)
def look():
    with plots.theme():
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def harsh():
    return rr.simulate(rr.draw_cohort(400, world=HARSH, seed=3), rr.Stepped(on_waning="back"), history=True)


@pytest.fixture(scope="module")
def various():
    world = HARSH.replace(adjunct_support=0.1, ng_per_unit={ABO: 2.69 / 500, RIMA: 0.011})
    return rr.simulate(rr.draw_cohort(300, world=world, seed=3), Various(), years=5, history=True)


def line(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# --- one patient ------------------------------------------------------------------------------------------------------


def test_patient_who_loses_her_response(harsh):
    shortened = harsh.sessions.loc[harsh.sessions["reason"] == "shorten", "patient"]
    own = harsh.patients["failure_immune"] & harsh.patients["dropout_week"].isna()
    lost = harsh.patients[own & harsh.patients["patient"].isin(shortened)].iloc[0]
    one = trajectory(harsh, int(lost["patient"]))
    axes = plots.plot_patient(harsh, one.patient)
    benefit, interval, dose, antigen, titre, memory = axes
    np.testing.assert_allclose(benefit.lines[0].get_xdata(), one.course["week"] / WEEKS_PER_YEAR)
    np.testing.assert_allclose(benefit.lines[0].get_ydata(), 100 * one.course["effect"])
    silent = one.visits[one.visits["duration_weeks"] == 0]
    np.testing.assert_allclose(line(benefit, "no response").get_xdata(), silent["week"] / WEEKS_PER_YEAR)
    waned = one.visits["waned_week"].dropna()
    waned = waned[waned < one.end_week]
    np.testing.assert_allclose(line(benefit, "waning noticed").get_xdata(), waned / WEEKS_PER_YEAR)
    assert legend(benefit) == ["without benefit", "session", "no response", "waning noticed"]
    assert "two without response, under antibodies" in texts(benefit)
    assert "threshold\n(80% lost)" in texts(benefit)
    assert f"in benefit {lost['weeks_in_benefit'] / one.end_week:.0%} of the time" in benefit.get_title(loc="left")
    assert set(legend(interval)) == set(one.visits["reason"])
    assert {"start", "shorten"} <= set(legend(interval))
    for reason, own in one.visits.groupby("reason"):
        np.testing.assert_allclose(line(interval, reason).get_ydata(), own["gap_weeks"])
    assert dose.get_ylabel() == "dose\n(units)"
    assert legend(dose) == [ABO]
    tops = [path[1] for path in dose.collections[0].get_segments()]
    np.testing.assert_allclose(tops, np.column_stack([one.visits["week"] / WEEKS_PER_YEAR, one.visits["units"]]))
    assert antigen.lines[0].get_ydata()[-1] == pytest.approx(lost["antigen_ng"])
    drawn = titre.lines[0].get_ydata()
    seen = one.course["titre_A"] > 0.03
    assert seen.any()
    np.testing.assert_allclose(drawn[seen], one.course["titre_A"][seen])
    assert texts(titre) == ["nothing responds", "half a dose lost", "detectable"]
    assert titre.get_yscale() == "log"
    np.testing.assert_allclose(memory.lines[0].get_ydata(), one.course["memory_A"])
    assert memory.get_xlabel() == "years since the first session"
    assert all(ax.get_xlim() == (0, 10) for ax in axes)


def test_patient_without_antibodies_who_drops_out():
    world = DYSTONIA.replace(susceptible_share=0, non_response=0, dropout_per_year=0.5)
    cohort = rr.draw_cohort(60, world=world, seed=1)
    axes = plots.plot_patient(rr.simulate(cohort[[1]], rr.Fixed(12)))
    assert "no antibodies" in texts(axes[4])
    assert not any("without response" in text for text in texts(axes[0]))
    assert "dropped out" in texts(axes[0])
    away = axes[5].patches[0]
    assert away.get_x() == pytest.approx(cohort.dropout_week[1] / WEEKS_PER_YEAR)
    assert away.get_x() + away.get_width() == 10


def test_two_products_touch_ups_and_adjuncts(various):
    i = int(various.sessions.loc[various.sessions["product"] == RIMA, "patient"].iloc[0])
    one = trajectory(various, i)
    figure, axes = plt.subplots(6, sharex=True)
    assert plots.plot_patient(one, axes=axes) is axes
    _, interval, dose, antigen, titre, memory = axes
    assert axes[0].figure is figure
    assert dose.get_ylabel() == "dose\n(label doses)"
    assert [text for text in legend(dose) if text != "touch-up"] == [ABO, RIMA, "adjunct"]
    assert set(legend(interval)) == {"hold", "escalate", "halt"}
    assert legend(titre) == ["type A", "type B"]
    np.testing.assert_allclose(memory.lines[1].get_ydata(), one.course["memory_B"])
    touched = one.visits[one.visits["touch_up"] & (one.visits["product"] == ABO)]
    np.testing.assert_allclose(line(dose, "touch-up").get_ydata(), touched["label_doses"])
    assert antigen.lines[0].get_ydata()[-1] == pytest.approx(one.totals["antigen_ng"])


def test_product_without_an_antigen_load():
    world = DYSTONIA.replace(ng_per_unit={ABO: np.nan})
    out = rr.simulate(rr.draw_cohort(20, world=world), rr.Fixed(12), history=True)
    assert texts(plots.plot_patient(out, 0)[3]) == ["no antigen load is published for a product used"]
    _, _, antigen, antibodies, loss, _ = plots.plot_cohort(out).ravel()
    for ax in (antigen, antibodies):
        assert texts(ax) == ["not simulated: no antigen load\nis published for a product used"]
        assert len(ax.lines) == 0
    assert len(loss.lines) == 1


def test_mistakes_with_a_patient(harsh):
    with pytest.raises(rr.InputError, match="`patient` is not in the cohort"):
        plots.plot_patient(harsh, 400)
    with pytest.raises(rr.InputError, match="`patient` is not the one of the trajectory"):
        plots.plot_patient(trajectory(harsh, 3), 4)
    with pytest.raises(rr.InputError, match="`axes` must be 6 axes, not 2"):
        plots.plot_patient(harsh, 3, axes=plt.subplots(2)[1])


# --- a cohort over time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["harsh", "various"])
def test_benefit_by_year_adds_up(name, request):
    out = request.getfixturevalue(name)
    table = benefit_by_year(out)
    followed = [
        out.patients["weeks_observed"].clip(y * WEEKS_PER_YEAR, (y + 1) * WEEKS_PER_YEAR) - y * WEEKS_PER_YEAR
        for y in table["year"]
    ]
    total = sum(share * weeks.sum() for share, weeks in zip(table["estimate"], followed, strict=True))
    assert total == pytest.approx(out.patients["weeks_in_benefit"].sum(), rel=1e-12)
    assert table["n"].tolist() == [(weeks > 0).sum() for weeks in followed]


def test_error_of_benefit_by_year_is_that_of_other_patients():
    """Between independent cohorts the estimate varies as the Monte Carlo error says."""
    tables = [
        benefit_by_year(rr.simulate(rr.draw_cohort(150, world=HARSH, seed=s), rr.Fixed(12), years=2, history=True))
        for s in range(40)
    ]
    for year in range(2):
        estimates = np.array([table["estimate"][year] for table in tables])
        expected = np.sqrt(np.mean([table["mcse"][year] ** 2 for table in tables]))
        # SD of an SD of 40 is about 1/√78 of it
        assert abs(estimates.std(ddof=1) / expected - 1) < 4 / np.sqrt(78)


def test_time_above_the_threshold_of_one_patient_at_a_time(various):
    """From histories all at once, and from the trajectories."""
    shares = [trajectory(various, i) for i in range(40)]
    whole = rr.simulate(various.cohort[:40], various.strategy, years=5, history=True)
    for year, estimate in benefit_by_year(whole)[["year", "estimate"]].itertuples(index=False):
        above = followed = sessions = 0.0
        for one in shares:
            own = one.course[one.course["week"].between(year * WEEKS_PER_YEAR, (year + 1) * WEEKS_PER_YEAR)]
            above += (own["effect"] > HARSH.response.threshold).sum() / 7
            followed += len(own) / 7
            sessions += one.visits["week"].between((year - 0.1) * WEEKS_PER_YEAR, (year + 1) * WEEKS_PER_YEAR).sum()
        assert above / followed == pytest.approx(estimate, abs=sessions / 7 / followed)  # a day of onset each


def test_without_dropout_curves_are_plain_means():
    world = HARSH.replace(dropout_per_year=0)
    out = rr.simulate(rr.draw_cohort(200, world=world, seed=2), rr.OnWaning(8, 30), years=6, history=True)
    table, visits = over_time(out, 13), out.sessions
    assert (table["followed"] == 200).all()
    for row in table.itertuples():
        assert row.positive == pytest.approx((out.patients["positive_week"] <= row.week).mean())
        assert row.failure == pytest.approx((out.patients["failure_week"] <= row.week).mean())
        immune = out.patients["failure_immune"] & (out.patients["failure_week"] <= row.week)
        assert row.failure_immune == pytest.approx(immune.mean())
        assert row.antigen_ng == pytest.approx(visits.loc[visits["week"] <= row.week, "antigen_ng"].sum() / 200)
        now = visits[(visits["week"] <= row.week) & (visits["week"] + visits["gap_weeks"] > row.week)]
        expected = np.quantile(now["gap_weeks"], [0.25, 0.5, 0.75])
        np.testing.assert_allclose([row.lower_quartile, row.median, row.upper_quartile], expected)
    assert 0 < table["failure_immune"].iloc[-1] < table["failure"].iloc[-1]


def test_dropout_censors():
    """The same patients, with and without dropout: the curves agree within Monte Carlo error."""
    stay, leave = (
        rr.simulate(rr.draw_cohort(2000, world=HARSH.replace(dropout_per_year=d), seed=2), rr.Fixed(12), history=True)
        for d in (0.0, 0.2)
    )
    last = over_time(leave, 26).iloc[-1]
    assert last["followed"] < 500
    expected = over_time(stay, 26).iloc[-1]
    for column in ("positive", "failure", "failure_immune"):
        p = expected[column]
        error = np.sqrt(p * (1 - p) / last["followed"])  # the larger of the two by far; luck is shared
        assert abs(last[column] - p) < 4 * error
        assert p - (leave.patients["failure_week"].notna().mean() if column == "failure" else 0) > 0.03
    assert last["antigen_ng"] == pytest.approx(expected["antigen_ng"], rel=1e-12)


def test_interval_is_between_main_sessions(various):
    """Every fourth visit is a touch-up and every fourth without injection; sessions are 2 + 10 and 10 + 10 weeks."""
    table = over_time(various)
    assert set(table["median"].dropna()) <= {12.0, 20.0}
    assert table.loc[table["week"] == 5, "median"].item() == 12.0
    assert table.loc[table["week"] == 25, "median"].item() == 20.0


def test_cohort_figure_draws_the_tables(harsh):
    fixed = rr.simulate(harsh.cohort, rr.Fixed(12), history=True)
    axes = plots.plot_cohort({"stepped": harsh, "12 weeks": fixed})
    assert axes.shape == (2, 3)
    benefit, interval, antigen, antibodies, loss, key = axes.ravel()
    for i, out in enumerate((harsh, fixed)):
        table, by_year = over_time(out), benefit_by_year(out)
        np.testing.assert_allclose(benefit.containers[i].lines[0].get_ydata().astype(float), 100 * by_year["estimate"])
        np.testing.assert_allclose(interval.lines[i].get_ydata(), table["median"])
        np.testing.assert_allclose(antigen.lines[i].get_ydata(), table["antigen_ng"])
        np.testing.assert_allclose(antibodies.lines[i].get_ydata(), 100 * table["positive"])
        np.testing.assert_allclose(loss.lines[2 * i].get_ydata(), 100 * table["failure"])
        np.testing.assert_allclose(loss.lines[2 * i + 1].get_ydata(), 100 * table["failure_immune"])
    assert legend(key) == ["stepped", "12 weeks"]
    assert key.texts[0].get_text().startswith("400 synthetic patients, cervical dystonia")
    assert {ax.get_xlabel() for ax in axes.ravel()[:5]} == {"years since the first session"}
    assert antibodies.get_ylabel() == "titre ever above 0.4 mU/mL (%)"
    looks = {(line.get_color(), line.get_linestyle()) for line in antigen.lines}
    assert len(looks) == 2


def test_one_cohort_is_named_by_its_strategy(harsh):
    key = plots.plot_cohort(harsh)[1, 2]
    assert "".join(legend(key)).replace("\n", " ").startswith("Stepped(start=12.0,")


def test_a_cohort_read_from_a_store(tmp_path, harsh):
    stored = rr.simulate(harsh.cohort, harsh.strategy, history=True, store=tmp_path)
    pd.testing.assert_frame_equal(over_time(stored), over_time(harsh), check_exact=True)


def test_mistakes_with_a_cohort(harsh):
    cohort = harsh.cohort[:10]
    with pytest.raises(rr.InputError, match="keeps no visits; simulate with `history=True`"):
        plots.plot_cohort(rr.simulate(cohort, rr.Fixed(12)))
    with pytest.raises(rr.InputError, match="keeps no table of patients"):
        plots.plot_cohort(rr.simulate(cohort, rr.Fixed(12), history=True, patients=False))
    with pytest.raises(rr.InputError, match="`results` must be a Simulation or a dict of them by name"):
        plots.plot_cohort({})
    with pytest.raises(rr.InputError, match="must come from simulate, not DataFrame"):
        plots.plot_cohort({"a": harsh.patients})
    with pytest.raises(rr.InputError, match="`axes` must be 6 axes, not 1"):
        plots.plot_cohort(harsh, axes=plt.subplots()[1])
