"""Files that a spreadsheet may write, and what is said of those that cannot be read."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retreat_research import InputError, RecordsError
from retreat_research.records.files import read_text_table

GOOD = "patient,value\nPX-7731,1.5\nPX-0042,\n"


@pytest.fixture
def table(tmp_path):
    def read(content):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_text_table(path)

    return read


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.encode("utf-8-sig"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.replace("value", '"value"').replace("1.5", ' "1.5"'.strip()),
        GOOD.replace("\n", ",,\n"),
        "patient, value\n PX-7731 , 1.5\nPX-0042,NA\n",
        "patient,value\nPX-7731,1.5\nPX-0042\n",
    ],
    ids=["plain", "BOM", "CRLF", "CR", "quotes", "empty columns", "spaces", "short row"],
)
def test_files_that_say_the_same(table, content):
    cells = table(content).cells
    assert cells.to_dict("split") == {
        "index": [2, 3],
        "columns": ["patient", "value"],
        "data": [["PX-7731", "1.5"], ["PX-0042", None]],
    }


def test_rows_are_numbered_as_a_spreadsheet_shows_them(table):
    cells = table('\npatient,value\n\nPX-7731,"two\nlines"\n,\nPX-0042,3\n').cells
    assert cells.index.tolist() == [4, 6]


def test_semicolons_mean_decimal_commas(table):
    text = table(GOOD.replace(",", ";").replace("1.5", "1,5"))
    assert text.decimal_comma
    assert text.cells["value"].tolist() == ["1,5", None]
    assert text.notes == ["table.csv: read with semicolons and decimal commas"]
    assert table(GOOD).notes == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "table.csv is empty"),
        (" \n\n", "table.csv is empty"),
        (",,,\n,,\n", "table.csv is empty"),
        (b"\xef\xbb\xbf", "table.csv is empty"),
        ("patient,value\n", "no rows below its header"),
        ("patient,value\n,\n", "no rows below its header"),
        (GOOD.encode("utf-16"), "is UTF-16, not UTF-8"),
        (GOOD.encode("utf-16-le"), "is not a text file"),
        (
            GOOD.replace("0042", "Zoë").encode("latin-1"),
            r"is not UTF-8 \(line 3; Latin-1, perhaps\); in the spreadsheet",
        ),
        (b"PK\x03\x04rest", "is a workbook, not CSV"),
        (GOOD.replace(",", "\t"), "is separated by tabs"),
        ("patient;value,unit\nPX-7731;1,2\n", "commas and semicolons in its header"),
        ("patient,value\nPX-7731,1,5\nPX-0042,2\n", r"more cells than columns \(row 2\)"),
        ("patient,value\nPX-7731,1\nPX-0042,2,2\nPX-0042,2,2\n", r"more cells than columns \(rows 3, 4\)"),
        ('patient,value\nPX-7731,"1\nPX-0042,2\n', "not well-formed CSV near line 3; look for a stray quote"),
        ("patient,,value\nPX-7731,1,1\n", r"a column without a name \(column 2\)"),
        ("patient,value,value\nPX-7731,1,1\n", r"two columns of one name \(columns 2, 3\)"),
    ],
)
def test_files_that_cannot_be_read(table, content, message):
    with pytest.raises(InputError, match=message) as caught:
        table(content)
    assert not isinstance(caught.value, RecordsError)
    assert "7731" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_path_that_is_no_file(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_text_table(tmp_path / "none.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_text_table(tmp_path)


def test_a_missing_column_and_the_nearest_header(table):
    with pytest.raises(InputError, match=r"has no column `value`; did you mean Value\?") as caught:
        table("patient,Value\nPX-7731,1\n").require(["patient", "value"])
    assert "`patient`" not in str(caught.value)
    with pytest.raises(InputError, match="has no columns `date`, `value`; names are matched exactly"):
        table("patient,x\nPX-7731,1\n").require(["patient", "date", "value"])


def test_a_file_without_a_header_shows_no_patient(table):
    with pytest.raises(InputError, match="its first row must hold the names of the columns") as caught:
        table("patient-7731,1\npatient-7732,2\n").require(["patient", "value"])
    assert "773" not in str(caught.value)


@settings(max_examples=300)
@given(content=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_no_content_breaks_reading(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        assert len(read_text_table(path).cells) > 0
