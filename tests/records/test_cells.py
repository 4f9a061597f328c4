"""Text into numbers and dates, strictly."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retreat_research.records.cells import dates, numbers, with_decimal_points, written_as_date


def column(*cells):
    return pd.Series(list(cells), dtype=object, index=range(2, 2 + len(cells)))


@pytest.mark.parametrize("cell", ["1", "-1", "+1.5", "1.", ".5", "1e3", "2.5E-2", "007"])
def test_numbers(cell):
    assert numbers(column(cell)).tolist() == [float(cell)]


@pytest.mark.parametrize(
    "cell", ["1,5", "1 000", "1_000", "inf", "nan", "1e999", "0x1", "one", "٣", "1.2.3", "", "-", "e5"]
)
def test_not_numbers(cell):
    assert numbers(column(cell)).isna().all()


@pytest.mark.parametrize(
    ("cell", "written", "date"),
    [
        ("2023-02-28", True, "2023-02-28"),
        ("2024-02-29", True, "2024-02-29"),
        ("2023-02-29", True, None),
        ("2023-13-05", True, None),
        ("0023-01-05", True, None),
        ("2500-01-05", True, None),
        ("05.01.2023", False, None),
        ("05/01/2023", False, None),
        ("2023-1-5", False, None),
        ("20230105", False, None),
        ("2023-01-05T10:00", False, None),
        ("44931", False, None),
    ],
)
def test_dates(cell, written, date):
    assert written_as_date(column(cell)).tolist() == [written]
    assert dates(column(cell)).equals(pd.Series([pd.Timestamp(date) if date else pd.NaT], index=[2]))


def test_empty_cells_keep_their_rows():
    text = column(None, "3", None)
    assert numbers(text).index.tolist() == [2, 3, 4]
    assert np.array_equal(numbers(text), [np.nan, 3, np.nan], equal_nan=True)
    assert dates(column(None, None)).isna().all()


def test_decimal_commas_and_no_points():
    assert with_decimal_points(column("12,5", None, "3")).tolist() == ["12.5", None, "3"]
    assert numbers(with_decimal_points(column("12.5", "1.250"))).isna().all()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_back(value):
    assert numbers(column(repr(value))).tolist() == [value]


@given(st.text(max_size=12))
def test_no_text_breaks_reading(cell):
    numbers(column(cell))
    dates(column(cell))
