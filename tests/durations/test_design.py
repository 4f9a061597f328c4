import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.durations.design import design_of, must_be_independent


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "x": rng.normal(size=30).round(2),
            "units": np.tile([0.0, 50, 100], 10),
            "product": np.tile(["a", "b", "c", "b", "a"], 6),
            "doses": pd.array(np.tile([1, 2, 3], 10), dtype="Int64"),
        }
    )
    table["arm"] = pd.Categorical(table["product"], categories=["a", "b", "c", "d"])
    return table


def columns(formula, frame, rows=None):
    return design_of(formula, frame, np.arange(len(frame)) if rows is None else rows)


@pytest.mark.parametrize(
    ("formula", "names", "variables"),
    [
        ("1", ("Intercept",), ()),
        ("x + product", ("Intercept", "x", "product[T.b]", "product[T.c]"), ("x", "product")),
        ("0 + arm", ("arm[a]", "arm[b]", "arm[c]"), ("arm",)),
        ("log(units + 1):x", ("Intercept", "log(units + 1):x"), ("x", "units")),
        ("bs(x, df=3)", ("Intercept", *(f"bs(x, df=3)[{i}]" for i in (1, 2, 3))), ("x",)),
        ("doses", ("Intercept", "doses"), ("doses",)),
    ],
)
def test_names_and_variables(frame, formula, names, variables):
    design, matrix = columns(formula, frame)
    assert design.names == names
    assert design.variables == variables
    assert matrix.shape == (30, len(names))
    again, _ = design.matrix(frame if variables else None)
    np.testing.assert_array_equal(again if variables else np.repeat(again, 30, axis=0), matrix)


def test_a_spline_keeps_its_knots(frame):
    design, matrix = columns("bs(x, df=4)", frame)
    part, _ = design.matrix(frame.iloc[[3, 8]])
    np.testing.assert_allclose(part, matrix[[3, 8]], rtol=1e-12)


def test_an_argument_called_like_a_column_is_not_read(frame):
    design, _ = columns("bs(x, df=3)", frame.assign(df=np.nan))
    assert design.variables == ("x",)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("x + nope", r"`formula` names nope, which the cycles do not have; their columns are x, units"),
        ("y ~ x", "must be the right-hand side alone"),
        ("x +", r"`formula` 'x \+' cannot be read"),
        ("log(", "cannot be read"),
        ("x | product", "must have one part"),
        ("0", "has no term"),
        (
            "log(units)",
            r"log\(units\) is not a finite number in the cycles \(rows 0, 3, 6.* and .* more\); the log of 0",
        ),
        (3, "must be text"),
    ],
)
def test_bad_formulas(frame, formula, message):
    frame = pd.concat([frame] * 2, ignore_index=True)
    with pytest.raises(rr.InputError, match=message):
        columns(formula, frame)


def test_missing_values_are_named_by_the_row_of_the_cycles(frame):
    frame.loc[[4, 7], "x"] = np.nan
    frame.loc[9, "product"] = None
    rows = np.arange(2, 30)
    with pytest.raises(rr.InputError, match=r"x is missing in the cycles \(rows 4, 7\)"):
        columns("x", frame, rows)
    with pytest.raises(rr.InputError, match=r"product is missing in the cycles \(row 9\)"):
        columns("product", frame, rows)
    columns("x", frame, np.delete(np.arange(30), [4, 7]))


@pytest.mark.parametrize(
    ("newdata", "message"),
    [
        (None, "`newdata` is needed: the formula reads x, product"),
        ({"x": 1}, "`newdata` has no column product"),
        ({"x": 1, "product": "z"}, "levels that the fit did not see: 'z'"),
        ({"x": [1, np.nan], "product": ["a", "b"]}, r"x is missing in the newdata \(row 1\)"),
        ({"x": np.inf, "product": "a"}, r"x is not a finite number in the newdata \(row 0\)"),
        ([1, 2], "`newdata` must be a DataFrame or a dict"),
    ],
)
def test_bad_newdata(frame, newdata, message):
    design, _ = columns("x + product", frame)
    with pytest.raises(rr.InputError, match=message):
        design.matrix(newdata)


def test_newdata_of_single_values_is_one_row(frame):
    design, _ = columns("x + product", frame)
    matrix, variables = design.matrix({"x": 2, "product": "b"})
    assert matrix.tolist() == [[1, 2, 1, 0]]
    assert variables.to_dict("records") == [{"x": 2, "product": "b"}]


def triangle(matrix):
    return np.linalg.qr(matrix)[1]


def test_collinear_columns_are_named():
    rng = np.random.default_rng(1)
    one, x, y = np.ones(20), rng.normal(size=20), 1e6 * rng.normal(size=20)
    must_be_independent(("1", "x", "y"), triangle(np.column_stack([one, x, y])))
    with pytest.raises(rr.InputError, match="collinear: z follows from 1, x; drop"):
        must_be_independent(("1", "x", "y", "z"), triangle(np.column_stack([one, x, y, 3 * x - one])))
    with pytest.raises(rr.InputError, match="nil: 0 in every row"):
        must_be_independent(("1", "nil"), triangle(np.column_stack([one, 0 * one])))
    with pytest.raises(rr.InputError, match="collinear"):
        must_be_independent(("1", "x", "y"), triangle(np.column_stack([one, x, y])[:2]))
