import pickle

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
    table["seen"] = table["x"] > 0
    table["answer"] = (table["x"] > 0.5).astype(object)
    table["centre"] = pd.Categorical(np.tile([10, 20, 30], 10))
    table["band"] = pd.cut(table["x"], [-9, 0, 9])
    table["label"] = pd.array(table["product"], dtype="string")
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
        ("", "`formula` is empty; write '1' for no covariates"),
        (" ", "`formula` is empty"),
        (".", "'.' cannot stand for all columns; name them"),
        ("x + .", "'.' cannot stand for all columns; name them"),
        ("C(units, contr.treatment('x'))", r"cannot be evaluated on the cycles: ValueError; check its functions"),
        ("log(product)", r"cannot be evaluated on the cycles: `log\(product\)`: TypeError; check its functions"),
        ("bs(nope)", "`bs\\(nope\\)`: name 'nope' is not defined"),
        ("C(product, levels=['a'])", "the cycles have levels that the formula leaves out"),
        ("I(x * 1e300)", r"I\(x \* 1e\+300\) is too large a number in the cycles \(row"),
        ("I(x * 1j)", "is a complex number in the cycles"),
        ("when", "when is a date or time in the cycles; give weeks as a number"),
        ("C(since)", "since is a date or time in the cycles"),
        ("month", "month is a date or time in the cycles"),
        ("turned", "turned must be numbers, text, or True and False, and of one kind, in the cycles"),
        ("mixed", "mixed must be numbers, text, or True and False, and of one kind"),
        ("lists", "lists must be numbers, text, or True and False, and of one kind"),
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
    since = pd.Series(pd.to_timedelta(np.arange(60), unit="D"))
    frame = frame.assign(
        when=pd.Timestamp(2024, 1, 1) + since,
        since=since,
        month=pd.period_range("2024-01", periods=60, freq="M"),
        turned=frame["x"] * 1j,
        mixed=[1, "a"] * 30,
        lists=[[1]] * 60,
    )
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
        ({"x": 1, "product": "z"}, r"levels that the fit did not see: product \(row 0\)"),
        ({"x": [1, 2, 3], "product": ["z", "a", "y"]}, r"did not see: product \(rows 0, 2\)"),
        ({"x": 1, "product": 1}, "product must be text in the newdata, as it was in the fit, not numbers"),
        ({"x": 1, "product": [True]}, "product must be text in the newdata, as it was in the fit, not True or False"),
        ({"x": "40", "product": "a"}, "x must be numbers in the newdata, as it was in the fit, not text"),
        ({"x": True, "product": "a"}, "x must be numbers in the newdata, as it was in the fit, not True or False"),
        ({"x": pd.Timedelta(weeks=1), "product": "a"}, "x must be numbers .* not dates or times"),
        ({"x": 1j, "product": "a"}, "x must be numbers .* not other things"),
        ({"x": [1, 2], "product": [["a"], ["b"]]}, "product must be text .* not other things"),
        ({"x": 10**400, "product": "a"}, "x is too large a number in the newdata"),
        ({"x": 1e200, "product": "a"}, r"x is too large a number in the newdata \(row 0\)"),
        ({"x": [1, 2], "product": ["a"]}, "cannot be made a table: give each column one value, or a list of values"),
        ({"x": {1}, "product": "a"}, "cannot be made a table"),
        ({"x": np.ones((2, 2)), "product": "a"}, "cannot be made a table"),
        (pd.DataFrame([[1, 2, "a"]], columns=["x", "x", "product"]), "must have one column of each name"),
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


@pytest.mark.parametrize(
    ("formula", "same", "other"),
    [
        ("C(units)", [{"units": [50, 100]}, {"units": pd.array([50, 100], dtype="Int64")}], {"units": [True, False]}),
        ("x", [{"x": pd.Series([1, 2.5], dtype=object)}, {"x": pd.Categorical([1, 2.5])}], {"x": ["1", "2"]}),
        ("seen", [{"seen": [True, False]}, {"seen": pd.array([True, False], dtype="boolean")}], {"seen": [1, 0]}),
        ("answer", [{"answer": [True, False]}, {"answer": pd.Categorical([True, False])}], {"answer": ["yes", "no"]}),
        ("centre", [{"centre": [10, 20]}, {"centre": pd.Categorical([10, 20])}], {"centre": ["10", "20"]}),
        ("label", [{"label": ["a", "b"]}, {"label": pd.Categorical(["a", "b"], ["b", "a", "z"])}], {"label": [1, 2]}),
        ("band", [{"band": [pd.Interval(-9, 0), pd.Interval(0, 9)]}], {"band": [-1.0, 1.0]}),
    ],
)
def test_newdata_must_be_of_the_kind_of_the_fit(frame, formula, same, other):
    design, _ = columns(formula, frame)
    found = [design.matrix(newdata)[0] for newdata in same]
    assert found[0].shape == (2, len(design.names))
    assert not np.array_equal(found[0][0], found[0][1])
    for matrix in found[1:]:
        np.testing.assert_array_equal(matrix, found[0])
    with pytest.raises(rr.InputError, match="in the newdata, as it was in the fit"):
        design.matrix(other)
    name = design.variables[0]
    assert design.matrix({name: []})[0].shape == (0, len(design.names))
    assert pickle.loads(pickle.dumps(design)).kinds == design.kinds


def test_the_kind_survives_json(golden):
    fit = rr.fit_from_json(rr.AFT("C(product)").fit(golden).to_json())
    assert fit.quantile(0.5, {"product": [1]}).shape == (1, 6)
    with pytest.raises(rr.InputError, match="product must be numbers in the newdata"):
        fit.quantile(0.5, {"product": [True]})


def test_no_message_names_a_patient(frame):
    frame["patient"] = [f"SECRET{i}" for i in range(15)] * 2
    design, matrix = columns("patient + C(patient)", frame)
    with pytest.raises(rr.InputError, match=r"collinear: patient follows from patient; drop") as error:
        must_be_independent(design.names, triangle(matrix))
    assert "SECRET" not in str(error.value)
    with pytest.raises(rr.InputError, match=r"did not see: patient \(row 1\);") as error:
        design.matrix({"patient": ["SECRET1", "SECRET99"]})
    assert "SECRET" not in str(error.value)


def test_long_lists_of_names_are_cut():
    one = np.ones(40)
    names = tuple(f"x{i}" for i in range(30))
    with pytest.raises(rr.InputError, match=r"x5 follows from x0; and 24 more; drop") as error:
        must_be_independent(names, triangle(np.tile(one[:, None], 30)))
    assert len(str(error.value)) < 200


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
