"""Files into records: what is in them afterwards, and which paths cannot be read."""

import numpy as np
import pandas as pd
import pytest

from retreat_research import BackToBaseline, InputError, LossOfBenefit, RecordsError, check_records, read_records


def test_a_folder(clinic):
    records = read_records(clinic())
    sessions, ratings, tests = records.sessions, records.assessments, records.antibodies
    assert sessions["patient"].tolist() == ["PX-7731"] * 2 + ["PX-0042"] * 2
    assert sessions["session"].tolist() == [0, 1, 0, 1]
    assert sessions["week"].tolist() == [0, 21, 0, 17]
    assert sessions["waned_week"].tolist()[0] == 16
    assert sessions["date"].tolist()[1] == pd.Timestamp("2022-06-06")
    assert sessions["units"].tolist() == [20, 24, 120, 150]
    assert sessions.loc[2, ["lot", "sites", "injector"]].isna().all()
    assert ratings.loc[ratings["patient"] == "PX-0042", "week"].tolist() == [-1, 4, 17, 150 / 7]
    assert ratings["value"].isna().tolist() == [False] * 7 + [True]
    assert tests["positive"].tolist() == [False, True]
    assert tests["titre"].isna().tolist() == [False, True]
    assert records.notes == ()
    frame = records.cycles(BackToBaseline("FWS")).frame
    assert frame["censoring"].tolist() == ["retreated", "unassessed"]
    assert frame["waning_overruled"].tolist() == [True, False]  # reported at week 16, still better at week 21


def test_a_folder_without_the_optional_parts(clinic, text, tmp_path):
    sessions = pd.read_csv(pd.io.common.StringIO(text["sessions"]))[
        ["patient", "date", "product", "units", "indication"]
    ]
    ratings = pd.read_csv(pd.io.common.StringIO(text["assessments"]))
    ratings = ratings[ratings["rater"] == "investigator"].drop(columns="rater")
    clinic(sessions=sessions.to_csv(index=False), assessments=ratings.to_csv(index=False), antibodies=None)
    (tmp_path / "antibodies.csv").unlink(missing_ok=True)
    records = read_records(tmp_path)
    assert records.antibodies is None
    assert set(records.assessments["rater"]) == {"investigator"}
    assert records.sessions["lot"].isna().all()


def european(content):
    """As a European spreadsheet writes it."""
    return content.replace(",", ";").replace("45.25", "45,25").replace("0.2;", "0,2;")


def test_semicolons_and_decimal_commas_are_read_the_same(clinic, text):
    plain = read_records(clinic())
    names = ("sessions", "assessments", "antibodies")
    records = read_records(clinic(**{name: european(text[name]) for name in names}))
    for table in names:
        pd.testing.assert_frame_equal(getattr(records, table), getattr(plain, table))
    assert records.notes == tuple(f"{name}.csv: read with semicolons and decimal commas" for name in names)


def test_a_point_among_semicolons_is_not_a_number(clinic, text):
    problems = check_records(clinic(assessments=text["assessments"].replace(",", ";")))
    problem = "not a number (in a file with semicolons, decimals have a comma)"
    assert [tuple(row) for row in problems.to_numpy()] == [("assessments", 6, "value", problem)]


def test_a_long_file(long_file):
    records = read_records(*long_file())
    assert records.sessions["product"].tolist() == ["rimabotulinumtoxinB", "placebo"]
    assert records.sessions["units"].tolist() == [10000, 0]
    assert records.sessions["week"].tolist() == [0, 0]
    assert records.sessions["date"].isna().all()
    assert records.patients["age"].tolist() == [50, 61]
    assert records.patients["sex"].tolist() == ["F", "M"]
    by_subject = records.assessments[records.assessments["rater"] == "subject"]
    assert np.array_equal(by_subject["value"], [41, np.nan, 40, 50, 47], equal_nan=True)
    frame = records.cycles(LossOfBenefit("TWSTRS")).frame
    assert frame[["patient", "lower", "upper", "age", "sex"]].to_numpy().tolist()[0] == ["PX-7731", 4, 8, 50, "F"]
    assert frame["censoring"].tolist() == ["interval", "non-response"]
    assert "one session per patient" in records.notes[0]


def test_a_long_file_with_semicolons(long_file, text):
    content = text["long"].replace(",", ";").replace("40;41", "40,5;41").replace("50;F", "50,5;F")
    records = read_records(*long_file(content))
    assert records.assessments["value"].tolist()[0] == 40.5
    assert records.patients["age"].tolist() == [50.5, 61]
    assert "semicolons" in records.notes[1]


def test_what_was_assumed_is_noted(clinic, text):
    sessions = text["sessions"].replace("lot", "lott").replace("cervical dystonia", "chronic migraine")
    assessments = text["assessments"].replace("FWS", "twstrs")
    notes = read_records(clinic(sessions=sessions, assessments=assessments)).notes
    assert notes == (
        "sessions.csv: columns not used: number 6",
        "sessions for an indication that is not known here (rows 4, 5)",
        "assessments on a scale that is not registered, so not checked for range (rows 2, 3, 4, 5); "
        "did you mean TWSTRS?",
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"sessions": None}, "has no sessions.csv"),
        ({"assessments": None}, "has no assessments.csv"),
        ({"sessions": ""}, "sessions.csv is empty"),
        ({"assessments": "patient,date,scale,value\n"}, "assessments.csv has no rows below its header"),
        ({"sessions": "patient,date,product,unit,indication\na,b,c,d,e\n"}, "no column `units`; did you mean unit?"),
        ({"assessments": "patient,date,scale\na,b,c\n"}, "assessments.csv has no column `value`"),
        ({"antibodies": "patient,date,assay\na,b,c\n"}, "antibodies.csv has no columns `titre`, `positive`"),
    ],
)
def test_folders_that_cannot_be_read(clinic, files, message):
    with pytest.raises(InputError, match=message) as caught:
        read_records(clinic(**files))
    assert not isinstance(caught.value, RecordsError)


@pytest.mark.parametrize("verb", [read_records, check_records])
def test_paths_that_cannot_be_read(clinic, long_file, tmp_path, verb):
    folder, (path, mapping) = clinic(), long_file()
    with pytest.raises(InputError, match="there is no file or folder"):
        verb(tmp_path / "none")
    with pytest.raises(InputError, match="is one file; give `mapping`"):
        verb(path)
    with pytest.raises(InputError, match="is a folder, which needs no mapping"):
        verb(folder, mapping)
    with pytest.raises(InputError, match=r"there is no file .*none\.toml"):
        verb(path, tmp_path / "none.toml")
    with pytest.raises(InputError, match="`path` must be a path"):
        verb(3)
    with pytest.raises(InputError, match="`mapping` must be a path"):
        verb(path, {"patient": "who"})
    with pytest.raises(InputError, match=r"`path`|there is no"):
        verb("a\0b")
