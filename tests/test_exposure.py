"""Exposure by session and by patient, from plans, records and simulations."""

import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retreat_research as rr
from retreat_research.strategies import Decision, Strategy

ONA, ABO, RIMA, DAXI = "onabotulinumtoxinA", "abobotulinumtoxinA", "rimabotulinumtoxinB", "daxibotulinumtoxinA"
SYNTHETIC = Path(__file__).parents[1] / "data" / "synthetic"
PLAN = {"product": ONA, "units": 20, "week": [0, 12, 24]}


def plan(**changes):
    return {**PLAN, **changes}


def flagged(frame, name):
    return frame.index[frame[name].fillna(False).astype(bool)].tolist()


def test_arithmetic_by_hand():
    """Field et al.: 0.90 ng/100 U of ona, 2.69 ng/500 U of abo; complex protein 5 ng/100 U and 4.35 ng/500 U."""
    schedule = {
        "patient": ["a", "a", "a", "b"],
        "week": [0, 12, 30, 0],
        "product": [ONA, ABO, ONA, ABO],
        "units": [20, 50, 40, 100],
        "indication": "glabellar lines",
    }
    frame = rr.exposure(pd.DataFrame(schedule))
    assert frame["session"].tolist() == [0, 1, 2, 0]
    assert frame["serotype"].tolist() == ["A"] * 4
    expected = {
        "label_doses": [1, 1, 2, 2],
        "gap_weeks": [np.nan, 12, 18, np.nan],
        "antigen_ng": [0.18, 0.269, 0.36, 0.538],
        "complex_protein_ng": [1.0, 0.435, 2.0, 0.87],
        "cumulative_units": [20, 50, 60, 100],  # of the product
        "cumulative_antigen_ng": [0.18, 0.449, 0.809, 0.538],  # of the serotype
    }
    for name, values in expected.items():
        np.testing.assert_allclose(frame[name], values, rtol=1e-12, err_msg=name)
    flags = {name: flagged(frame, name) for name in ("first", "switched", "above_label")}
    assert flags == {"first": [0, 3], "switched": [1, 2], "above_label": [2, 3]}


def test_serotypes_and_unknown_loads():
    schedule = plan(product=[ONA, RIMA, ONA, DAXI, ONA], units=[20, 5000, 20, 40, 20], week=[0, 12, 24, 36, 48])
    frame = rr.exposure(schedule)
    assert frame["serotype"].tolist() == ["A", "B", "A", "A", "A"]
    np.testing.assert_allclose(frame["antigen_ng"], [0.18, np.nan, 0.18, np.nan, 0.18])
    np.testing.assert_allclose(frame["cumulative_antigen_ng"], [0.18, np.nan, 0.36, np.nan, np.nan])
    assert flagged(frame, "load_unknown") == [1, 3]
    assert frame["note"].str.contains("no antigen load").tolist() == frame["load_unknown"].tolist()

    loads = {ONA: 0.01, RIMA: 0.002, DAXI: 0.005}
    world = rr.World.default("glabellar").replace(ng_per_unit=loads, complexing={ONA: 2.0})
    frame = rr.exposure(schedule, world=world)
    np.testing.assert_allclose(frame["antigen_ng"], [0.4, 10, 0.4, 0.2, 0.4])
    np.testing.assert_allclose(frame["cumulative_antigen_ng"], [0.4, 10, 0.8, 1.0, 1.4])


def test_label_doses_need_an_indication():
    assert rr.exposure(PLAN)["label_doses"].isna().all()
    unsaid = rr.exposure(plan(units=500))
    assert unsaid["above_label"].isna().all()
    assert set(unsaid["note"]) == {"no label dose without an indication or a world"}
    daxi = rr.exposure(plan(product=DAXI))
    assert daxi["note"][0].split("; ") == ["no antigen load is published for this product", unsaid["note"][0]]
    world = rr.World.default("cervical")
    assert rr.exposure(plan(units=118), world=world)["label_doses"].tolist() == [0.5] * 3
    assert rr.exposure(plan(units=100), world=world.replace(label_units=50.0))["label_doses"].tolist() == [2] * 3
    here = rr.exposure(plan(indication="crow's feet"), world=world)  # the row's own comes first
    assert here["label_doses"].to_numpy() == pytest.approx(20 / 24)
    unknown = rr.exposure(plan(indication=["glabellar lines", "bruxism", None]))
    np.testing.assert_allclose(unknown["label_doses"], [1, np.nan, np.nan])
    assert unknown["note"].ne("").tolist() == [False, True, True]
    assert unknown["above_label"].tolist() == [False, pd.NA, pd.NA]
    assert rr.exposure(plan(product=DAXI), world=rr.World.default("spasticity"))["above_label"].isna().all()


def test_how_many_sessions_are_above_the_label_is_not_known_without_one():
    areas = ["glabellar lines", "glabellar lines", "glabellar lines", None]
    schedule = plan(units=40, patient=["a", "a", "b", "b"], week=[0, 12, 0, 12], indication=areas)
    assert rr.exposure_summary(schedule)["above_label"].tolist() == [2, pd.NA]


def test_touch_ups_join_their_main_session():
    weeks, units = [0, 2, 3, 6, 18, 20, 22, 30], [20, 5, 5, 5, 20, 20, 10, 20]
    frame = rr.exposure(plan(week=weeks, units=units, indication="glabellar lines"))
    assert flagged(frame, "touch_up") == [1, 2, 6]  # week 6 is too late, 20 U at week 20 not fewer
    np.testing.assert_allclose(frame["main_gap_weeks"], [np.nan, 2, 3, 6, 12, 2, 2, 10])
    assert flagged(frame, "booster") == [1, 2, 3, 5, 6]
    assert flagged(frame, "short_gap") == [3, 5, 7]
    assert flagged(frame, "above_label") == [1, 2, 6]
    other = rr.exposure(plan(week=[0, 2], units=[20, 5], product=[ONA, ABO]))
    assert (flagged(other, "touch_up"), flagged(other, "booster")) == ([], [1])
    world = rr.World.default("glabellar").replace(touch_up_weeks=1.0)
    assert flagged(rr.exposure(plan(week=weeks, units=units), world=world), "touch_up") == []


@pytest.mark.parametrize("start", np.arange(1, 200, 13) / 7)
def test_days_are_whole_in_weeks(start):
    """3 weeks are 21 days, and 12 weeks 84, wherever the patient's clock stands."""
    frame = rr.exposure(plan(week=start + np.array([0, 21, 105, 127, 210]) / 7, units=[20, 5, 20, 5, 20]))
    assert flagged(frame, "touch_up") == [1]
    assert flagged(frame, "short_gap") == [3, 4]  # 22 and 83 days
    frame = rr.exposure(plan(week=start + np.array([0, 84, 167]) / 7))
    assert flagged(frame, "short_gap") == [2]


def test_every_flag_has_a_rule_with_a_source():
    frame = rr.exposure(PLAN)
    assert list(frame.attrs["rules"]) == frame.select_dtypes([bool, "boolean"]).columns.tolist()
    protocols = rr.evidence("protocols").set_index("rule_id")
    assert protocols.loc["BOOSTER", "doi_or_pmid"] in frame.attrs["rules"]["booster"]
    assert protocols.loc["MIN_INT_CD", "source"] in frame.attrs["rules"]["short_gap"]


def naive(schedule):
    """The same in plain loops, as the definitions read."""
    rows = []
    for _, own in schedule.groupby("patient", sort=False):
        before = []
        main = None
        for row in own[own["units"] > 0].itertuples():
            touch_up = main is not None and (
                row.product == main.product and row.units < main.units and row.week - main.week <= 3
            )
            rows.append(
                {
                    "patient": row.patient,
                    "session": len(before),
                    "gap_weeks": row.week - before[-1].week if before else np.nan,
                    "main_gap_weeks": row.week - main.week if before else np.nan,
                    "cumulative_units": row.units + sum(b.units for b in before if b.product == row.product),
                    "touch_up": touch_up,
                    "switched": bool(before) and before[-1].product != row.product,
                }
            )
            before.append(row)
            main = main if touch_up else row
    return pd.DataFrame(rows)


def test_random_schedules_agree_with_plain_loops():
    rng = np.random.default_rng(5)
    n = 3000
    schedule = pd.DataFrame(
        {
            "week": rng.permutation(n) / 14,  # half days
            "patient": rng.integers(0, 40, n).astype(str),
            "product": rng.choice([ONA, ABO, RIMA], n, p=[0.8, 0.1, 0.1]),
            "units": rng.choice([0, 5, 20, 40], n),
        }
    ).sort_values("week")
    frame = rr.exposure(schedule)
    expected = naive(schedule)
    assert expected["touch_up"].sum() > 100
    pd.testing.assert_frame_equal(frame[expected.columns], expected, check_dtype=False)


def test_patients_do_not_depend_on_each_other():
    together = pd.DataFrame({"patient": [7, 3, 7, 3], "week": [0, 1, 12, 2], "product": ONA, "units": [20, 20, 40, 5]})
    frame = rr.exposure(together)
    assert frame["patient"].tolist() == [7, 7, 3, 3]
    for who in (7, 3):
        alone = rr.exposure(together[together["patient"] == who])
        assert alone.equals(frame[frame["patient"] == who].reset_index(drop=True))


def test_visits_without_injection_are_no_sessions():
    frame = rr.exposure(plan(units=[20, 0, 20], product=[ONA, None, ONA]))
    assert frame["week"].tolist() == [0, 24]
    assert frame["gap_weeks"].tolist()[1:] == [24]
    assert len(rr.exposure(plan(units=0, product="placebo"))) == 0
    before = rr.exposure(plan(units=[0, 20, 20], week=[-2, 0, 12]))
    assert before["week"].tolist() == [0, 12]


def test_shapes_of_a_schedule():
    table = pd.DataFrame(PLAN)
    expected = rr.exposure(table)
    assert rr.exposure(PLAN).equals(expected)
    assert rr.exposure(table.to_dict("records")).equals(expected)
    assert rr.exposure({"product": ONA, "units": 20, "week": 0}).equals(expected[:1])
    assert rr.exposure(table.astype({"product": "category"}).set_index("week", drop=False)).equals(expected)


DAY = datetime.date(2021, 1, 4)
DATES = [DAY + datetime.timedelta(days=days) for days in (0, 84, 168)]


@pytest.mark.parametrize(
    "dates",
    [
        DATES,
        [str(day) for day in DATES],
        [f"{day} 14:30" for day in DATES],
        pd.to_datetime(pd.Series(DATES)),
        pd.to_datetime(pd.Series(DATES)).dt.tz_localize("Europe/Paris"),
        np.array(DATES, dtype="datetime64[D]"),
    ],
)
def test_dates_are_weeks_since_the_first_session(dates):
    frame = rr.exposure({"product": ONA, "units": 20, "date": dates})
    assert frame["week"].tolist() == [0, 12, 24]
    assert frame["date"].dt.date.tolist() == DATES
    assert frame.drop(columns="date").equals(rr.exposure(PLAN))
    visit_first = rr.exposure({"product": ONA, "units": [0, 20, 20], "date": dates})
    assert visit_first["week"].tolist() == [0, 12]


def test_weeks_and_dates_must_agree():
    assert rr.exposure(plan(week=[3, 15, 27], date=DATES))["week"].tolist() == [3, 15, 27]
    with pytest.raises(rr.InputError, match=r"`week` and `date` disagree \(row 1\); give one of them"):
        rr.exposure(plan(week=[0, 13, 24], date=DATES))
    assert rr.exposure(plan(date=[None] * 3)).equals(rr.exposure(PLAN))


def test_areas_of_one_day_are_one_session():
    areas = {
        "product": ONA,
        "week": [0, 0, 2, 12, 12],
        "units": [20, 24, 5, 20, 24],
        "indication": ["glabellar lines", "crow's feet", "crow's feet", "glabellar lines", "forehead lines"],
    }
    frame = rr.exposure(areas)
    assert frame["indication"].tolist() == [
        "glabellar lines + crow's feet", "crow's feet", "glabellar lines + forehead lines"
    ]  # fmt: skip
    np.testing.assert_allclose(frame["units"], [44, 5, 44])
    np.testing.assert_allclose(frame["label_doses"], [1, 5 / 24, 1.1])
    np.testing.assert_allclose(frame["antigen_ng"], np.array([44, 5, 44]) * 0.009)
    assert (flagged(frame, "touch_up"), flagged(frame, "above_label")) == ([1], [1, 2])
    new_area = rr.exposure({**areas, "indication": ["glabellar lines", "crow's feet", *["forehead lines"] * 2, "x"]})
    assert flagged(new_area, "touch_up") == []  # week 2 treats what had not been treated
    with pytest.raises(rr.InputError, match=r"two sessions of one patient and area at one time \(row 1\)"):
        rr.exposure({**areas, "indication": ["glabellar lines"] * 4 + ["crow's feet"]})
    with pytest.raises(rr.InputError, match=r"two products at one time: their units do not add up \(row 4\)"):
        rr.exposure({**areas, "product": [ONA] * 4 + [ABO]})


def test_recorded_schedules():
    records = rr.read_records(SYNTHETIC)
    frame = rr.exposure(records)
    sessions = records.sessions
    assert frame[["patient", "week", "product", "units"]].equals(sessions[["patient", "week", "product", "units"]])
    per_unit = sessions["product"].map(rr.products()["ng_per_unit"])
    np.testing.assert_allclose(frame["antigen_ng"], sessions["units"] * per_unit, rtol=1e-12)
    assert rr.exposure(sessions).equals(frame)
    assert rr.exposure(sessions.drop(columns="week")).equals(frame)
    assert not frame["short_gap"].any()  # every injector of that clinic keeps to 12 weeks
    one = rr.exposure(sessions[sessions["patient"] == "S010"])
    assert one.equals(frame[frame["patient"] == "S010"].reset_index(drop=True))


class TouchUp(Strategy):
    """Label dose every 12 weeks, a quarter of it two weeks later, and now and then a visit without injection."""

    def decide(self, seen, memory):
        due = memory["step"] % 3
        units = np.choose(due.astype(int), [seen.label_units, seen.label_units / 4, np.zeros(len(seen))])
        wait = np.choose(due.astype(int), [2.0, 4.0, 6.0])
        return Decision(wait, wait, units=units), {"step": memory["step"] + 1}

    def initial_memory(self):
        return {"step": 0.0}


@pytest.mark.parametrize("strategy", [rr.Fixed(10), rr.Stepped(early=True), TouchUp()])
def test_simulated_schedules_have_the_simulators_antigen(strategy):
    world = rr.World.default("glabellar").replace(complexing={ONA: 1.5})
    out = rr.simulate(rr.draw_cohort(60, world=world), strategy, years=3, history=True)
    frame = rr.exposure(out)
    given = out.sessions[out.sessions["units"] > 0].reset_index(drop=True)
    np.testing.assert_allclose(frame["antigen_ng"], given["antigen_ng"], rtol=1e-12)
    assert frame["session"].tolist() == given["session"].tolist()
    np.testing.assert_allclose(frame["label_doses"], given["units"] / 20)
    summary = rr.exposure_summary(out)
    assert summary["patient"].tolist() == out.patients["patient"].tolist()
    assert summary["sessions"].tolist() == out.patients["sessions"].tolist()
    np.testing.assert_allclose(summary["antigen_ng"], out.patients["antigen_ng"], rtol=1e-9)
    np.testing.assert_allclose(summary[f"units_{ONA}"], out.patients["units"], rtol=1e-9)
    last = frame.groupby("patient")["cumulative_antigen_ng"].last()
    np.testing.assert_allclose(last, out.patients["antigen_ng"], rtol=1e-9)


def test_the_simulator_calls_the_same_sessions_touch_ups():
    out = rr.simulate(rr.draw_cohort(20, indication="glabellar"), TouchUp(), years=2, history=True)
    given = out.sessions[out.sessions["units"] > 0]
    assert given["touch_up"].any()
    assert rr.exposure(out)["touch_up"].tolist() == given["touch_up"].tolist()


def test_summary_by_hand():
    schedule = {
        "patient": ["a"] * 5 + ["b", "c", "d", "d"],
        "week": [0, 2, 12, 26, 27, 0, 0, 0, 10],
        "product": [ONA] * 5 + [ABO, ONA, ONA, ABO],
        "units": [20, 5, 20, 40, 10, 50, 0, 20, 50],
        "indication": "glabellar lines",
    }
    summary = rr.exposure_summary(schedule).set_index("patient")
    a, b, c, d = (summary.loc[who] for who in "abcd")
    year = 365.25 / 7
    assert a[["sessions", "touch_ups", "first_week", "last_week", "booster", "short_gap"]].tolist() == [
        5,
        2,
        0,
        27,
        2,
        0,
    ]
    assert (a["mean_gap_weeks"], a["shortest_gap_weeks"], a["units_" + ONA], a["units_" + ABO]) == (13, 1, 95, 0)
    assert a["antigen_ng"] == pytest.approx(95 * 0.009)
    assert a["antigen_ng_per_year"] == pytest.approx(45 * 0.009 / 26 * year)  # up to the last main session
    assert (b["sessions"], b["antigen_ng"]) == (1, pytest.approx(0.269))
    assert b[["mean_gap_weeks", "shortest_gap_weeks", "antigen_ng_per_year"]].isna().all()
    assert (c["sessions"], c["antigen_ng"], c["units_" + ONA]) == (0, 0, 0)
    assert c[["first_week", "last_week", "mean_gap_weeks", "antigen_ng_per_year"]].isna().all()
    assert d[["short_gap", "switched", "units_" + ONA, "units_" + ABO]].tolist() == [1, 1, 20, 50]


@pytest.mark.parametrize("sessions", [2, 5, 40])
def test_antigen_per_year_does_not_depend_on_how_many_sessions_there_are(sessions):
    summary = rr.exposure_summary(plan(week=12 * np.arange(sessions)))
    assert summary["antigen_ng_per_year"].tolist() == pytest.approx([0.18 * 365.25 / 84])
    assert "patient" not in summary


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"units": [20], "week": [0]}, "`units` without a column product"),
        (plan(product=[ONA, None, ""]), r"^`units` without a product \(rows 1, 2\)"),
        (plan(product=[ONA, "onabotulinum", ONA]), r"unknown product \(row 1\); did you mean onabotulinumtoxinA\?"),
        (plan(product=[ONA, "Dysport", ONA]), r"unknown product \(row 1\); did you mean abobotulinumtoxinA\?"),
        (plan(product=[ONA, 3, ONA]), r"unknown product \(row 1\)"),
        (plan(units=[20, -5, -1]), r"^`units` must not be negative \(rows 1, 2\)$"),
        (plan(week=[-5, 0, 12]), r"^`week` must not be negative \(row 0\)$"),
        (plan(week=[-5, 7, 19], date=DATES), r"^`week` must not be negative \(row 0\)$"),
        (plan(units=[True, False, True]), r"^`units` must be numbers, not True or False \(rows 0, 1, 2\)$"),
        (plan(units=[20, True, np.True_]), r"^`units` must be numbers, not True or False \(row"),
        (plan(week=[False, 12, 24]), r"^`week` must be numbers, not True or False \(row 0\)$"),
        (plan(units=[20, np.nan, np.inf]), r"^`units` must be a finite number \(rows 1, 2\)$"),
        (plan(units=[20, "many", "20 U"]), r"^`units` must be numbers \(rows 1, 2\)$"),
        (plan(week=[0, np.nan, np.inf]), r"^`week` must be a finite number \(rows 1, 2\)$"),
        (plan(week=[0, "x", 24]), r"^`week` must be numbers \(row 1\)$"),
        (plan(week=[0, 24, 12]), r"^`week` goes back within a patient; sort by week \(row 2\)$"),
        (plan(week=[0, 12, 12]), r"^two sessions of one patient at one time \(row 2\)$"),
        (plan(patient=["a", None, "a"]), r"^`patient` is missing \(row 1\)$"),
        (plan(patient=[["a"], ["b"], ["c"]]), "^`patient` must be one value for each row$"),
        (plan(units=[20, 20]), "one value for each session"),
        (plan(week=[]), "`schedule` has no rows"),
        ({}, "`schedule` has no column units"),
        ([], "`schedule` has no rows"),
        ({"product": ONA, "units": 20}, "neither a column week nor date"),
        ({"product": ONA, "week": 0}, "no column units"),
        ({"product": ONA, "units": 20, "date": ["2021-02-30", 5, None]}, r"`date` must be a date \(rows 0, 1, 2\)"),
        ({"product": ONA, "units": 20, "date": [1, 2]}, r"`date` must be a date \(rows 0, 1\)"),
        (pd.DataFrame([[ONA, 20, 0, 1]], columns=["product", "units", "week", "week"]), "more than one column week"),
        (20, "`schedule` must be a table of sessions"),
        (None, "`schedule` must be a table of sessions"),
        ("plan.csv", "`schedule` must be a table of sessions"),
    ],
)
@pytest.mark.parametrize("verb", [rr.exposure, rr.exposure_summary])
def test_bad_schedules(verb, schedule, message):
    with pytest.raises(rr.InputError, match=message):
        verb(schedule)


def test_each_unknown_product_gets_its_own_hint():
    with pytest.raises(rr.InputError) as caught:
        rr.exposure(plan(product=["Botox", "xyz", "Dysport"]))
    hints = [line.partition("; ")[::2] for line in str(caught.value).split("\n  ")[1:]]
    assert sorted((rows, hint.split(",")[0]) for rows, hint in hints) == [
        ("unknown product (row 0)", f"did you mean {ONA}?"),
        ("unknown product (row 1)", f"known are {ONA}"),
        ("unknown product (row 2)", f"did you mean {ABO}?"),
    ]


def test_all_problems_are_told_at_once_and_nobody_is_named():
    schedule = pd.DataFrame(
        {
            "patient": ["Ann", "Ann", "Bob", "Bob"],
            "week": [0, np.nan, 12, 0],
            "product": [ONA, ABO, "secret", ONA],
            "units": [-20, 50, 20, 20],
        },
        index=[10, 11, 12, 13],
    )
    with pytest.raises(rr.InputError) as caught:
        rr.exposure(schedule)
    lines = str(caught.value).split("\n  ")
    assert lines[0] == "the schedule has 4 problems:"
    assert [line.split(")")[0] for line in lines[1:]] == [
        "`units` must not be negative (row 0",
        "unknown product (row 2",
        "`week` must be a finite number (row 1",
        "`week` goes back within a patient; sort by week (row 3",
    ]
    assert not any(word in str(caught.value) for word in ("Ann", "Bob", "secret", "-20"))


CELLS = st.sampled_from(
    [0, 20, -1, np.nan, np.inf, None, pd.NA, pd.NaT, "", "7731", "2020-01-01", "2020-13-01", DAY, pd.Timestamp(DAY),
     [1], (1, 2), 1j, True, 10**400, datetime.timedelta(3), np.datetime64("2021-01-01"), ONA, "glabellar lines"]
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_the_cells_is_taken_or_refused(data):
    columns = {"patient": ["a"] * 3, "week": [0, 12, 24], "date": [*DATES], "product": [ONA] * 3, "units": [20] * 3}
    columns["indication"] = ["crow's feet"] * 3
    columns.pop(data.draw(st.sampled_from(["week", "date", "indication", "patient"])))
    for _ in range(data.draw(st.integers(1, 3))):
        columns[data.draw(st.sampled_from([*columns]))][data.draw(st.integers(0, 2))] = data.draw(CELLS)
    schedule = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})
    said = ""
    try:
        assert len(rr.exposure(schedule)) <= 3
        assert rr.exposure_summary(schedule)["sessions"].sum() <= 3
    except rr.InputError as error:
        said = str(error)
    assert "7731" not in said


def test_a_simulation_needs_its_history():
    out = rr.simulate(rr.draw_cohort(2, indication="glabellar"), rr.Fixed(12), years=1)
    with pytest.raises(rr.InputError, match="this simulation kept no sessions; simulate with history=True"):
        rr.exposure(out)


@pytest.mark.parametrize("verb", [rr.exposure, rr.exposure_summary])
def test_the_world_must_be_one(verb):
    with pytest.raises(rr.InputError, match="`world` must be a World"):
        verb(PLAN, world="glabellar")
