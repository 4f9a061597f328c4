import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.errors import real_numbers, whole_number


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_of_python_and_numpy(value):
    found = whole_number(value, "knots", 0, 5)
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize("value", [True, np.True_, 3.0, "3", None, [3], -1, 6, np.array([1, 2])])
def test_what_is_not_a_whole_number(value):
    with pytest.raises(rr.InputError, match=r"^`knots` must be a whole number from 0 to 5; ask for fewer$"):
        whole_number(value, "knots", 0, 5, "ask for fewer")


def test_without_an_end():
    with pytest.raises(rr.InputError, match=r"^`resamples` must be a whole number, 2 or more$"):
        whole_number(1, "resamples", 2)


@pytest.mark.parametrize(
    "values",
    [
        [8, 0.5, None],
        ["8", "0.5", None],
        [decimal.Decimal(8), 0.5, pd.NA],
        pd.Series([8, 0.5, None], dtype="Float64"),
        np.array([8, 0.5, np.nan], dtype="float32"),
    ],
)
def test_real_numbers(values):
    found = real_numbers(values, "lower")
    assert found.dtype == float
    np.testing.assert_array_equal(found, [8, 0.5, np.nan])


@pytest.mark.parametrize("bad", ["x", 1j, 10**400, object(), [1]])
def test_what_is_not_a_number_is_named_by_its_row(bad):
    values = np.empty(3, dtype=object)
    values[:] = [1.0, bad, 2.0]
    with pytest.raises(rr.InputError, match=r"^`lower` must be numbers \(row 1\)$"):
        real_numbers(values, "lower")


@pytest.mark.parametrize("bad", ["x", {1, 2}, 1j])
def test_a_single_value_has_no_row(bad):
    with pytest.raises(rr.InputError, match=r"^`rate` must be a number$"):
        real_numbers(bad, "rate")


def test_lists_of_different_lengths():
    with pytest.raises(rr.InputError, match="`lower` must be numbers, not lists of them"):
        real_numbers([[1], [2, 3]], "lower")


@pytest.mark.parametrize(
    "values",
    [
        pd.to_timedelta([7, 8], unit="D"),
        [datetime.timedelta(weeks=1), 8],
        pd.date_range("2020-01-01", periods=2),
        [pd.Timestamp("2020-01-01"), pd.NaT],
        np.array([1, 2], dtype="timedelta64[W]"),
    ],
)
def test_times_have_no_unit(values):
    with pytest.raises(rr.InputError, match=r"weeks as numbers: divide by pandas\.Timedelta\(weeks=1\)"):
        real_numbers(values, "lower")
