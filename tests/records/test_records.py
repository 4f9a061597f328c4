"""Records protect what they hold and say how good it is."""

import pandas as pd
import pytest

from retreat_research import BackToBaseline, InputError, Records, read_records


@pytest.fixture
def records(clinic):
    return read_records(clinic())


def test_tables_are_copies(records):
    for table in ("sessions", "assessments", "antibodies", "patients"):
        copy = getattr(records, table)
        copy["patient"] = "someone else"
        assert "someone else" not in set(getattr(records, table)["patient"])
    for name in ("sessions", "notes"):
        with pytest.raises(AttributeError):
            setattr(records, name, None)


def test_quality(records):
    quality = records.quality().set_index("item")["count"]
    assert quality.to_dict() == {
        "patients": 2,
        "patients without any assessment": 0,
        "patients without a baseline": 0,
        "sessions": 4,
        "sessions without lot": 2,
        "sessions without sites": 2,
        "sessions without injector": 1,
        "sessions with a reported waning": 1,
        "assessments": 8,
        "assessments by investigator": 7,
        "assessments by subject": 1,
        "assessments without a value": 1,
        "antibody tests": 2,
        "weeks from first session to last record, median": 21.2,
        "weeks from first session to last record, longest": 21.4,
    }


def test_it_shows_itself(records):
    assert repr(records) == "<Records: 2 patients, 4 sessions, 8 assessments (FWS, TWSTRS)>"
    assert "4 sessions" in records._repr_html_()
    assert "PX-7731" not in repr(records) + records._repr_html_()


def frames(**changes):
    sessions = {
        "patient": [7, 7, 3],
        "week": [12.0, 0, 0],
        "product": "placebo",
        "units": 0,
        "indication": "crow's feet",
    }
    ratings = {"patient": [7, 7, 3], "week": [0, 4, 0], "scale": "FWS", "rater": "investigator", "value": [3.0, 1, 2]}
    return pd.DataFrame({**sessions, **changes.get("sessions", {})}), pd.DataFrame(
        {**ratings, **changes.get("ratings", {})}
    )


def test_frames_are_put_in_order_and_patients_named_by_texts():
    records = Records(*frames())
    assert records.sessions[["patient", "session", "week"]].to_numpy().tolist() == [
        ["7", 0, 0],
        ["7", 1, 12],
        ["3", 0, 0],
    ]
    assert records.cycles(BackToBaseline("FWS")).patient.tolist() == ["7", "7", "3"]


@pytest.mark.parametrize("dtype", ["category", "string", object])
def test_any_kind_of_identifier(dtype):
    sessions, ratings = (frame.astype({"patient": str}).astype({"patient": dtype}) for frame in frames())
    assert len(Records(sessions, ratings).cycles(BackToBaseline("FWS"))) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sessions": {"patient": [7, None, 3]}}, r"`sessions` has no patient \(row 1\)"),
        ({"ratings": {"patient": [7, 7, 9]}}, r"`assessments` of a patient without a session \(row 2\)"),
        ({"ratings": {"week": [0, 0, 0]}}, r"two values of one scale and rater at one time \(row 1\)"),
    ],
)
def test_frames_that_cannot_be_records(changes, message):
    with pytest.raises(InputError, match=message):
        Records(*frames(**changes))


def test_a_frame_with_text_for_numbers():
    with pytest.raises(InputError, match="must be numbers"):
        Records(*frames(ratings={"value": ["mild", "none", "mild"]}))


def test_a_frame_without_a_column():
    sessions, ratings = frames()
    with pytest.raises(InputError, match="`sessions` has no column units"):
        Records(sessions.drop(columns="units"), ratings)
