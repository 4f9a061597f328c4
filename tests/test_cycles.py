import numpy as np
import pandas as pd
import pytest

import retreat_research as rr

INF, NAN = np.inf, np.nan
BOUNDS = [8, 12, 0], [12, INF, 4]


def with_data(**columns):
    return rr.Cycles(*BOUNDS, data=pd.DataFrame(columns))


# patients


@pytest.mark.parametrize(
    "patient", [[None, "a", "b"], [NAN, "a", "b"], [pd.NA, "a", "b"], pd.array([None, 1, 2], dtype="Int64")]
)
def test_a_missing_patient_is_found_both_ways(patient):
    for made in (lambda: rr.Cycles(*BOUNDS, patient=patient), lambda: with_data(patient=patient)):
        with pytest.raises(rr.InputError, match=r"`patient` is missing \(row 0\)"):
            made()


@pytest.mark.parametrize("patient", [[("a", 1), ("b", 2), "c"], [["a"], ["b", "c"], "d"]])
def test_a_patient_is_one_text_or_number(patient):
    for made in (lambda: rr.Cycles(*BOUNDS, patient=patient), lambda: with_data(patient=patient)):
        with pytest.raises(rr.InputError, match=r"`patient` must be one text or number .*\(rows 0, 1\); join several"):
            made()


@pytest.mark.parametrize("patient", ["abc", 5, np.zeros((3, 2))])
def test_one_for_each_row(patient):
    with pytest.raises(rr.InputError, match="`patient` must be one for each row"):
        rr.Cycles(*BOUNDS, patient=patient)


def test_labels_stay_as_they_are():
    assert rr.Cycles(*BOUNDS, patient=[1, "1", 2]).patient.tolist() == [1, "1", 2]
    own = pd.Series([7, 8, 9], index=[5, 6, 7])
    assert rr.Cycles(*BOUNDS, patient=own).patient.tolist() == [7, 8, 9]
    assert rr.Cycles(*BOUNDS, patient=pd.Categorical(["x", "y", "x"])).patient.tolist() == ["x", "y", "x"]


# bounds, data and responders


@pytest.mark.parametrize("end", ["lower", "upper"])
def test_bounds_are_weeks_as_numbers(end):
    times = {"lower": [0, 0], "upper": [9, 9], end: pd.to_timedelta([7, 8], unit="D")}
    with pytest.raises(rr.InputError, match=rf"`{end}` must be numbers \(rows 0, 1\); weeks as numbers: divide"):
        rr.Cycles(**times)


def test_data_must_be_a_table_with_one_column_of_a_name():
    with pytest.raises(rr.InputError, match=r"`data` must be a pandas\.DataFrame, not list"):
        rr.Cycles(*BOUNDS, data=[1, 2, 3])
    twice = pd.DataFrame([[True, True]] * 3, columns=["responder", "responder"])
    with pytest.raises(rr.InputError, match="`data` has more than one column responder"):
        rr.Cycles(*BOUNDS, data=twice)


@pytest.mark.parametrize("answers", [["yes", "no", True], [1, 2, 0], [0.5, 0.5, 1]])
def test_responders_are_true_or_false(answers):
    with pytest.raises(rr.InputError, match=r"`responder` must be True, False or missing \(row"):
        with_data(responder=answers)


@pytest.mark.parametrize("answers", [[True, False, None], [1.0, 0.0, NAN], pd.array([1, 0, None], dtype="boolean")])
def test_responders_may_be_missing(answers):
    assert with_data(responder=answers).frame["responder"].tolist() == [True, False, pd.NA]


# what is said of the end


@pytest.mark.parametrize(
    ("censoring", "bounds", "wrong"),
    [
        ("exact", (3, 3), [(2, 3), (3, INF)]),
        ("interval", (2, 3), [(3, 3), (3, INF)]),
        ("interval", (0, 3), [(0, INF)]),  # as records have it
        ("left", (0, 3), [(2, 3), (0, INF)]),
        ("retreated", (3, INF), [(2, 3)]),
        ("follow-up", (0, INF), [(3, 3)]),
    ],
)
def test_censoring_must_agree_with_the_bounds(censoring, bounds, wrong):
    data = pd.DataFrame({"censoring": ["interval", censoring]})

    def made(lower, upper):
        return rr.Cycles([1, lower], [2, upper], data=data)

    assert made(*bounds).frame["censoring"].tolist() == ["interval", censoring]
    for one in wrong:
        with pytest.raises(rr.InputError, match=rf"`censoring` {censoring} needs .*\(row 1\); correct it, or leave"):
            made(*one)


@pytest.mark.parametrize("censoring", ["non-response", "unassessed"])
def test_a_cycle_with_a_duration_had_a_response(censoring):
    with pytest.raises(rr.InputError, match=rf"`censoring` {censoring} needs .*`responder`.* \(rows 0, 1, 2\)"):
        with_data(censoring=[censoring] * 3)


@pytest.mark.parametrize("censoring", ["lost", None, ["left"]])
def test_unknown_censoring(censoring):
    with pytest.raises(rr.InputError, match=r"`censoring` must be one of exact, .*\(row 1\)"):
        with_data(censoring=["interval", censoring, "left"])


# rows


@pytest.mark.parametrize(
    "rows", [[0, 2], [True, False, True], np.array([0, -1]), slice(None, None, 2), pd.Series([True, False, True])]
)
def test_rows(rows):
    cycles = rr.Cycles(*BOUNDS, patient=["a", "b", "c"], endpoint="e")
    assert cycles[rows].patient.tolist() == ["a", "c"]
    assert cycles[rows].endpoint == "e"
    assert len(cycles[[]]) == 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (0, "give a mask of True and False, a slice or a list of positions"),
        ("s", "give a mask"),
        (None, "give a mask"),
        ([1.5], "give a mask"),
        (slice("a", "b"), "give a mask"),
        (np.ones((3, 3), dtype=bool), "give a mask"),
        ([True, False], "the mask has 2 entries for 3 cycles"),
        ([3], "there are 3 cycles, at positions from 0 to 2"),
    ],
)
def test_bad_rows(rows, message):
    with pytest.raises(rr.InputError, match=message):
        rr.Cycles(*BOUNDS)[rows]
