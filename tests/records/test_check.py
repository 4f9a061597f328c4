"""Every kind of bad cell, each named by table, row and column, none by its content."""

import pandas as pd
import pytest

from retreat_research import InputError, RecordsError, check_records, read_records

CASES = [
    # table, old text, new text, (row, column, problem)
    ("sessions", "PX-7731,2022-06-06", ",2022-06-06", (3, "patient", "missing")),
    ("sessions", "PX-7731,2022-06-06", "PX-7731,", (3, "date", "missing")),
    ("sessions", "2022-06-06", "06.06.2022", (3, "date", "not a date in the form YYYY-MM-DD")),
    ("sessions", "2022-06-06", "6/6/2022", (3, "date", "not a date in the form YYYY-MM-DD")),
    ("sessions", "2022-06-06", "2023-13-05", (3, "date", "no such date in the years 1900 to 2200")),
    ("sessions", "2022-06-06", "2022-02-30", (3, "date", "no such date in the years 1900 to 2200")),
    ("sessions", "onabotulinumtoxinA,24", ",24", (3, "product", "missing")),
    (
        "sessions",
        "onabotulinumtoxinA,24",
        "OnabotulinumtoxinA,24",
        (3, "product", "unknown product; did you mean onabotulinumtoxinA?"),
    ),
    (
        "sessions",
        "onabotulinumtoxinA,24",
        "onabotulinum,24",
        (3, "product", "unknown product; did you mean onabotulinumtoxinA?"),
    ),
    (
        "sessions",
        "onabotulinumtoxinA,24",
        "Dysport,24",
        (3, "product", "unknown product; did you mean abobotulinumtoxinA?"),
    ),
    (
        "sessions",
        "onabotulinumtoxinA,24",
        "saline,24",
        (3, "product", "unknown product; rr.products() lists the names"),
    ),
    ("sessions", "A,24", "A,", (3, "units", "missing")),
    ("sessions", "A,24", "A,24 U", (3, "units", "not a number")),
    ("sessions", "A,24", 'A,"24,5"', (3, "units", "not a number")),
    ("sessions", "A,24", "A,-24", (3, "units", "negative dose")),
    ("sessions", "A,24", "A,0", (3, "units", "a product must have more than 0 units")),
    ("sessions", "onabotulinumtoxinA,24", "placebo,24", (3, "units", "placebo must have 0 units")),
    ("sessions", "24,glabellar lines", "24,", (3, "indication", "missing")),
    (
        "sessions",
        "24,glabellar lines",
        "24,glabellar line",
        (3, "indication", "unknown indication; did you mean glabellar lines?"),
    ),
    ("sessions", "2022-05-02", "2022-01-10", (2, "waned_date", "date reversed: not after its session")),
    ("sessions", "2022-05-02", "2021-05-02", (2, "waned_date", "date reversed: not after its session")),
    ("sessions", "2022-05-02", "2022-06-07", (2, "waned_date", "date reversed: after the next session")),
    ("sessions", "2022-05-02", "02.05.2022", (2, "waned_date", "not a date in the form YYYY-MM-DD")),
    (
        "sessions",
        "PX-7731,2022-06-06",
        "PX-7731,2022-01-10",
        (3, "date", "duplicate key (patient, date, indication): same as row 2"),
    ),
    ("assessments", "PX-0042,2022-05-31", ",2022-05-31", (8, "patient", "missing")),
    ("assessments", "PX-0042,2022-05-31", "PX-4444,2022-05-31", (8, "patient", "this patient has no session")),
    ("assessments", "2022-05-31", "", (8, "date", "missing")),
    ("assessments", "2022-05-31", "31.05.2022", (8, "date", "not a date in the form YYYY-MM-DD")),
    (
        "assessments",
        "2022-01-25",
        "2021-06-01",
        (6, "date", "assessment before the first session (a baseline may be 26 weeks old)"),
    ),
    (
        "assessments",
        "2022-05-31",
        "2022-03-01",
        (8, "date", "duplicate key (patient, date, scale, rater): same as row 7"),
    ),
    ("assessments", "TWSTRS,investigator,44", ",investigator,44", (8, "scale", "missing")),
    ("assessments", "TWSTRS,investigator,44", "TWSTRS,,44", (8, "rater", "missing")),
    ("assessments", "TWSTRS,investigator,44", "TWSTRS,nurse,44", (8, "rater", "must be investigator or subject")),
    ("assessments", "investigator,44", "investigator,mild", (8, "value", "not a number")),
    ("assessments", "investigator,44", "investigator,88", (8, "value", "value outside the scale (TWSTRS: 0 to 87)")),
    ("assessments", "investigator,3\n", "investigator,4\n", (2, "value", "value outside the scale (FWS: 0, 1, 2, 3)")),
    (
        "assessments",
        "investigator,3\n",
        "investigator,2.5\n",
        (2, "value", "value outside the scale (FWS: 0, 1, 2, 3)"),
    ),
    ("antibodies", "PX-0042,2022-07-01", "PX-4444,2022-07-01", (3, "patient", "this patient has no session")),
    ("antibodies", "2022-07-01", "2022-05-31", (3, "date", "duplicate key (patient, date, assay): same as row 2")),
    ("antibodies", "0.2", "-0.2", (2, "titre", "negative titre")),
    ("antibodies", "0.2", "<0.4", (2, "titre", "not a number")),
    ("antibodies", "0.2,0", "0.2,2", (2, "positive", "must be 0 or 1")),
    ("antibodies", "0.2,0", "0.2,no", (2, "positive", "not a number")),
    ("antibodies", "0.2,0", "0.2,", (2, "positive", "missing")),
    ("antibodies", "MHDA,0.2", ",0.2", (2, "assay", "missing")),
]


def edited(text, old, new):
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.mark.parametrize(("table", "old", "new", "expected"), CASES)
def test_a_bad_cell(clinic, text, table, old, new, expected):
    problems = check_records(clinic(**{table: edited(text[table], old, new)}))
    assert list(problems) == ["table", "row", "column", "problem"]
    assert [tuple(row) for row in problems.to_numpy()] == [(table, *expected)]


@pytest.mark.parametrize(("table", "old", "new", "expected"), CASES)
def test_no_identifier_in_any_message(clinic, text, table, old, new, expected):
    with pytest.raises(RecordsError) as caught:
        read_records(clinic(**{table: edited(text[table], old, new)}))
    error = caught.value
    assert f"{table}, row {expected[0]}, {expected[1]}: {expected[2]}" in str(error)
    shown = str(error) + repr(error) + error.problems.to_csv()
    for secret in ("7731", "0042", "4444", "PX", "saline", "nurse", "mild", "24 U", "Dysport", "06.06.2022", "<0.4"):
        assert secret not in shown
    assert error.__cause__ is None
    assert error.__context__ is None


def test_a_clean_clinic_has_no_problems(clinic):
    problems = check_records(clinic())
    assert problems.empty
    assert list(problems) == ["table", "row", "column", "problem"]


def test_every_problem_is_listed_and_twenty_are_shown(clinic, text):
    header = text["assessments"].splitlines()[0]
    many = "\n".join([header, *("PX-7731,2022-02-30,FWS,investigator,nine" for _ in range(30))])
    sessions = edited(text["sessions"], "A,24", "A,-24")
    with pytest.raises(RecordsError, match="61 problems") as caught:
        read_records(clinic(sessions=sessions, assessments=many))
    assert len(caught.value.problems) == 61
    assert len(str(caught.value).splitlines()) == 22
    assert "and 41 more" in str(caught.value)
    problems = caught.value.problems
    assert problems["table"].tolist() == ["sessions"] + ["assessments"] * 60
    assert problems["row"].tolist() == [3, *(row for row in range(2, 32) for _ in range(2))]


def test_one_cell_can_spoil_others_without_hiding_them(clinic, text):
    sessions = edited(text["sessions"], "2022-02-01", "01.02.2022")
    assessments = edited(text["assessments"], "investigator,44", "investigator,88")
    problems = check_records(clinic(sessions=sessions, assessments=assessments))
    assert ("sessions", 4, "date") in set(problems[["table", "row", "column"]].itertuples(index=False, name=None))
    assert ("assessments", 8, "value") in set(problems[["table", "row", "column"]].itertuples(index=False, name=None))


def test_what_is_allowed(clinic, text):
    assessments = (
        text["assessments"] + "PX-0042,2099-01-01,TWSTRS,investigator,44\nPX-0042,2022-03-01,VAS,subject,1e6\n"
    )
    sessions = text["sessions"] + "PX-0042,2022-05-31,incobotulinumtoxinA,50,blepharospasm,,,,\n"
    assert check_records(clinic(sessions=sessions, assessments=assessments)).empty
    assert check_records(clinic(antibodies=None)).empty


@pytest.mark.parametrize("days", [182, 183])
def test_the_oldest_baseline(clinic, text, days):
    date = (pd.Timestamp("2022-02-01") - pd.Timedelta(days=days)).date()
    problems = check_records(clinic(assessments=edited(text["assessments"], "2022-01-25", str(date))))
    assert len(problems) == (days > 26 * 7)


LONG_CASES = [
    ("PX-7731,4,high", ",4,high", (3, "who", "missing")),
    ("PX-7731,4,high", "PX-7731,,high", (3, "wk", "missing")),
    ("PX-7731,4,high", "PX-7731,four,high", (3, "wk", "not a number")),
    ("PX-7731,4,high", "PX-7731,4,", (3, "arm", "missing")),
    ("PX-7731,4,high", "PX-7731,4,none", (3, "arm", "not the same in all rows of this patient")),
    ("high,25,,", "high,99,,", (3, "twstrs", "value outside the scale (TWSTRS: 0 to 87)")),
    ("39,40,50", "39,100,50", (4, "own", "value outside the scale (TWSTRS: 0 to 87)")),
    ("39,40,50", "39,forty,50", (4, "own", "not a number")),
    ("PX-7731,8,high", "PX-7731,4,high", (4, "wk", "duplicate key (patient, week): same as row 3")),
    ("PX-7731,8,high", "PX-7731,2,high", (4, "wk", "date reversed: before the week of this patient's row above")),
    ("PX-0042,-1", "PX-0042,-27", (5, "wk", "assessment before the first session (a baseline may be 26 weeks old)")),
    ("39,40,50", "39,40,51", (4, "age", "not the same in all rows of this patient")),
]


@pytest.mark.parametrize(("old", "new", "expected"), LONG_CASES)
def test_a_bad_cell_of_a_long_file(long_file, text, old, new, expected):
    paths = long_file(edited(text["long"], old, new))
    problems = check_records(*paths)
    assert [tuple(row) for row in problems.to_numpy()] == [("assessments", *expected)]
    with pytest.raises(RecordsError) as caught:
        read_records(*paths)
    assert "7731" not in str(caught.value)
    assert "0042" not in str(caught.value)


def test_a_treatment_the_mapping_does_not_name(long_file, text):
    paths = long_file(edited(text["long"], "PX-0042,4,none", "PX-0042,4,nothing"))
    with pytest.raises(
        InputError, match=r"`arm` holds what `treatments` in long.toml does not name \(row 6\)"
    ) as caught:
        check_records(*paths)
    assert not isinstance(caught.value, RecordsError)
    assert "nothing" not in str(caught.value)
