import json
import pickle
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retreat_research as rr
from retreat_research.durations.formula_json import must_be_plain
from retreat_research.durations.frailty.model import GammaFrailty
from retreat_research.durations.serial import decoded, encoded

FORMULAS = [
    "1",
    "product * flag",
    "bs(age, df=4) + product",
    "cr(age, df=4) - 1",
    "bs(age, df=5, degree=2):product",
    "center(age) + scale(units)",
    "standardize(age)",
    "poly(age, 2)",
    "log(units) + np.sqrt(age) + I(age**2) + {age / 10}",
    "C(units)",
    "C(product, contr.treatment('B'))",
    "C(product, contr.sum)",
    "C(product, contr.helmert) + C(grade, contr.poly)",
    "C(product, contr.custom([[1, 0], [0, 1], [-1, -1]]))",
    "grade * age",
    "log(`my column`) + Q('age')",
    "product:age",
]


@pytest.fixture(scope="module")
def cycles():
    rng = np.random.default_rng(0)
    n = 200
    frame = pd.DataFrame(
        {
            "age": rng.uniform(20, 80, n),
            "product": rng.choice(["A", "B", "C"], n),
            "units": rng.choice([20.0, 50.0], n),
            "flag": rng.choice([True, False], n),
            "grade": pd.Categorical(
                rng.choice(["mild", "marked", "none"], n), ["none", "mild", "marked"], ordered=True
            ),
        }
    )
    frame["my column"] = frame["age"] + 1
    t = np.exp(2.4 + 0.3 * rng.normal(size=n) + 0.3 * rng.normal(size=40)[np.arange(n) // 5])
    upper = np.where(rng.random(n) < 0.2, np.inf, np.floor(t) + 1)
    return rr.Cycles(np.floor(t), upper, patient=[f"p{i // 5}" for i in range(n)], data=frame, endpoint="80% lost")


def same(one, other, newdata=None):
    for kind in ("marginal", "conditional"):
        for ask in (
            lambda fit, kind=kind: fit.survival([0, 4, 12, np.inf], newdata, kind=kind),
            lambda fit, kind=kind: fit.quantile([0.1, 0.5], newdata, kind=kind),
            lambda fit, kind=kind: fit.rmst(26, newdata, kind=kind),
        ):
            pd.testing.assert_frame_equal(ask(one), ask(other), check_exact=True)


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_come_back(cycles, formula):
    fit = rr.AFT(formula, family="weibull").fit(cycles)
    text = fit.to_json()
    newdata = cycles.frame.iloc[[3, 5, 8]] if fit.design.variables else None
    again = rr.fit_from_json(text)
    same(again, fit, newdata)
    same(pickle.loads(pickle.dumps(fit)), fit, newdata)
    assert again.to_json() == text
    assert repr(again) == repr(fit)
    assert again.model == fit.model
    pd.testing.assert_frame_equal(again.summary_frame(), fit.summary_frame(), check_exact=True)


@pytest.mark.parametrize(
    "model",
    [
        rr.AFT("age", cov="sandwich", small_sample=True),
        rr.AFT("age", family="exponential"),
        rr.AFT("age", family="gengamma"),
        rr.AFT("age", family="flexible"),
        rr.MixedAFT("age", nodes=5),
        rr.MixedAFT("age", slope="age", nodes=5),
        GammaFrailty("age"),
        GammaFrailty("product", baseline="spline"),
    ],
    ids=lambda model: f"{type(model).__name__} {getattr(model, 'family', '')} {getattr(model, 'baseline', '')}",
)
def test_models_come_back(cycles, model):
    fit = model.fit(cycles)
    again = rr.fit_from_json(fit.to_json())
    same(again, fit, {"age": [30, 60], "product": ["A", "B"]})
    same(pickle.loads(pickle.dumps(fit)), fit, {"age": [30, 60], "product": ["A", "B"]})
    assert type(again) is type(fit)
    for name, mine, theirs in zip(fit.data._fields, again.data, fit.data, strict=True):
        np.testing.assert_array_equal(mine, theirs, err_msg=name)
    if hasattr(fit, "patients"):
        pd.testing.assert_frame_equal(again.patients, fit.patients, check_exact=True)
    if hasattr(fit, "personal"):
        own = (f.personal("p3", {"age": 40}).quantile(0.5) for f in (fit, again))
        np.testing.assert_array_equal(*own)
    with pytest.raises(ValueError, match="read-only"):
        again.estimate[0] = 0


def test_turnbull_comes_back(cycles):
    for fit in (rr.Turnbull().fit(cycles), rr.Turnbull(by="product").fit(cycles)):
        again = rr.fit_from_json(fit.to_json())
        assert again.to_json() == fit.to_json()
        pd.testing.assert_frame_equal(again.summary_frame(), fit.summary_frame(), check_exact=True)
        assert repr(again) == repr(fit) == repr(pickle.loads(pickle.dumps(fit)))


def test_two_parts_come_back():
    rng = np.random.default_rng(1)
    n = 200
    frame = pd.DataFrame({"dose": rng.choice([1.0, 2.0], n), "responder": rng.random(n) < 0.8})
    t = np.exp(2.4 + 0.3 * rng.normal(size=n))
    cycles = rr.Cycles(np.floor(t), np.floor(t) + 1, patient=np.arange(n) // 4, data=frame)
    fit = rr.TwoPart(response="dose", duration=rr.AFT("dose", cov="sandwich")).fit(cycles)
    again = rr.fit_from_json(fit.to_json())
    asked = (f.survival([4, 12], {"dose": [1, 2]}) for f in (fit, again))
    pd.testing.assert_frame_equal(*asked, check_exact=True)


def test_joint_model_comes_back(golden):
    ended = np.isinf(golden.upper) & (np.arange(len(golden)) % 2 == 0)
    fit = rr.JointRetreatment("product").fit(golden, retreated=np.where(ended, golden.lower + 1, np.nan))
    again = rr.fit_from_json(fit.to_json())
    same(again, fit, {"product": [0, 1]})
    pd.testing.assert_frame_equal(again.patients, fit.patients, check_exact=True)


def test_endpoints_and_files(cycles, tmp_path):
    loss = rr.LossOfBenefit("TWSTRS", loss=0.8, response=8, better="lower", peak_by=4)
    bounds = cycles.lower, cycles.upper
    path = tmp_path / "fit.json"
    text = rr.AFT().fit(rr.Cycles(*bounds, endpoint=loss)).to_json(path)
    assert path.read_text(encoding="utf-8") == text
    assert rr.fit_from_json(path).endpoint == rr.fit_from_json(str(path)).endpoint == loss

    @dataclass
    class Own:
        level: int

    own = rr.AFT().fit(rr.Cycles(*bounds, endpoint=Own(3)))
    assert rr.fit_from_json(own.to_json()).endpoint == str(Own(3))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda parts: st.lists(parts) | st.tuples(parts) | st.dictionaries(st.text() | st.integers(), parts),
        max_leaves=8,
    )
)
@settings(max_examples=100, deadline=None)
def test_values_come_back(value):
    text = json.dumps(encoded(value), allow_nan=False)
    again = decoded(json.loads(text))
    assert repr(again) == repr(value)


@pytest.mark.parametrize("dtype", ["float64", "int64", "bool", "<U3", "object", "float32"])
def test_arrays_come_back(dtype):
    values = ["a", None, 2.5, "c"] if dtype == "object" else np.arange(4).astype(dtype)
    array = np.array(values, dtype=dtype).reshape(2, 2)
    again = decoded(json.loads(json.dumps(encoded(array))))
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)
    wild = np.array([np.nan, np.inf, -np.inf, 5e-324, 0.1 + 0.2, -0.0])
    assert decoded(json.loads(json.dumps(encoded(wild), allow_nan=False))).tobytes() == wild.tobytes()


# what is not a fit


@pytest.fixture(scope="module")
def text(cycles):
    return rr.AFT("age").fit(cycles).to_json()


def test_damaged_text(text, tmp_path):
    with pytest.raises(rr.InputError, match="the text is not JSON"):
        rr.fit_from_json(text[: len(text) // 2])
    changed = text.replace('"llf": -', '"llf": -1', 1)
    assert changed != text
    with pytest.raises(rr.InputError, match="the fit is damaged: its content does not agree with its checksum"):
        rr.fit_from_json(changed)
    for other in ("{}", '{"format": "else"}', "{}  "):
        with pytest.raises(rr.InputError, match="not a fit that `to_json` wrote"):
            rr.fit_from_json(other)
    with pytest.raises(rr.InputError, match=r"there is no file gone\.json"):
        rr.fit_from_json(tmp_path / "gone.json")
    (tmp_path / "fit.pickle").write_bytes(b"\x80\x04\x95\xff")
    with pytest.raises(rr.InputError, match=r"fit\.pickle is not text"):
        rr.fit_from_json(tmp_path / "fit.pickle")


def forged(text, change):
    """`text` with its content changed and the checksum put right."""
    from retreat_research.durations.serial import _hash

    body = json.loads(text)
    change(body)
    body["sha256"] = _hash(body["fit"])
    return json.dumps(body)


def test_later_versions(text):
    with pytest.raises(rr.InputError, match=r"in version 2 of the format, and this package reads version 1"):
        rr.fit_from_json(forged(text, lambda body: body.update(version=2)))
    for name in ("durations.aft_result:Later", "durations.later:AFTResult", "durations.serial:Path", "os:PathLike",
                 "durations.aft_result:dataclass", "../x:y"):  # fmt: skip
        with pytest.raises(rr.InputError, match=r"the fit (needs|names a class) "):
            rr.fit_from_json(forged(text, lambda body, name=name: body["fit"].update({"class": name})))
    with pytest.raises(rr.InputError, match="unknown part 'set'"):
        rr.fit_from_json(forged(text, lambda body: body["fit"]["fields"].update(llf={"set": [1]})))
    with pytest.raises(rr.InputError, match="the fit cannot be read: TypeError"):
        rr.fit_from_json(forged(text, lambda body: body["fit"]["fields"].pop("llf")))


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("llf", "x", "float"),
        ("llf", True, "float"),
        ("names", ["a"], r"tuple\[str, \.\.\.\]"),
        ("names", {"tuple": [1]}, r"tuple\[str, \.\.\.\]"),
        ("censoring", {"tuple": [{"tuple": ["interval", "many"]}]}, r"tuple\[tuple\[str, int\], \.\.\.\]"),
        ("estimate", [1.0], r"np\.ndarray"),
        ("estimate", {"array": ["a"], "dtype": "<U1", "shape": [1]}, r"np\.ndarray"),
        ("design", None, "Design"),
        ("model", 5, "AFT"),
    ],
)
def test_fields_must_be_of_their_kind(text, name, value, kind):
    with pytest.raises(rr.InputError, match=f"^the fit cannot be read: `{name}` of AFTResult is not {kind}$"):
        rr.fit_from_json(forged(text, lambda body: body["fit"]["fields"].update({name: value})))


def test_fields_that_are_not_known(text):
    with pytest.raises(rr.InputError, match="AFTResult has no `more`"):
        rr.fit_from_json(forged(text, lambda body: body["fit"]["fields"].update(more=1)))


@pytest.mark.parametrize("source", [None, 5, b"{}", ["{}"]])
def test_what_is_neither_text_nor_path(source):
    with pytest.raises(rr.InputError, match="`source` must be a text or a path, not"):
        rr.fit_from_json(source)


def test_what_is_no_file(cycles, tmp_path):
    for source in ("x" * 5000, "a\0b", "", str(tmp_path)):
        with pytest.raises(rr.InputError, match="there is no file"):
            rr.fit_from_json(source)
    fit = rr.AFT().fit(cycles)
    for path in (tmp_path / "gone" / "fit.json", str(tmp_path), "a\0b"):
        with pytest.raises(rr.InputError, match="the fit cannot be written to `path`: "):
            fit.to_json(path)
    with pytest.raises(rr.InputError, match="`path` must be a path, not int"):
        fit.to_json(5)


def test_a_byte_order_mark_is_passed_over(text, tmp_path):
    (tmp_path / "fit.json").write_text(text, encoding="utf-8-sig")
    assert rr.fit_from_json(tmp_path / "fit.json").to_json() == rr.fit_from_json("\ufeff" + text).to_json() == text


def test_parts_too_deep_in_each_other(text):
    deep = 1
    for _ in range(600):
        deep = [deep]
    planted = forged(text, lambda body: body["fit"]["fields"].update(endpoint=deep))
    with pytest.raises(rr.InputError, match="its parts lie too deep in each other"):
        rr.fit_from_json('{"a":' * 100_000)
    with suppress(rr.InputError):  # how deep is too deep depends on the version of Python
        assert rr.fit_from_json(planted).endpoint == deep


SAYS_MORE = [
    "9**9**9",
    "age**99",
    "(age**9)**9",
    "2**age",
    "np.power(age, 9**9)",
    "np.power(np.power(age, 9), 9)",
    "np.power(99999999999, 2)",
    "1 << 99999",
    "'a' * 99999",
    "([1] + [2]) * 99999",
    "__import__('os').getcwd()",
    "open('x')",
    "(lambda: 1)()",
    "age.fillna(0)",
    "np.load('x')",
    "np.random.rand(3)",
    "[x for x in (1, 2)]",
    "hashed('1', levels=2, hash_func=eval)",
    "age[0]",
    "f'{age}'",
    "contr.mro()",
    "bs.__globals__",
    "a :=",
]


@pytest.mark.parametrize("expression", SAYS_MORE)
def test_formulas_that_say_more_are_neither_written_nor_read(cycles, text, expression):
    with pytest.raises(rr.InputError):
        must_be_plain(expression)

    def plant(body):
        spec = body["fit"]["fields"]["design"]["fields"]["spec"]["formula"]
        spec["terms"][1]["factors"] = [{"expr": expression, "method": "python", "kind": "unknown"}]

    with pytest.raises(rr.InputError, match=r"the formula has a part|a file holds formulas"):
        rr.fit_from_json(forged(text, plant))


@pytest.mark.parametrize(
    "expression", ["age**2", "age**-1", "age**0.5", "np.power(age, 3)", "(product == 'A') * age", "age / 10 * 3 - -age"]
)
def test_plain_arithmetic_may_be_written(expression):
    must_be_plain(expression)


def test_what_cannot_be_written(cycles):
    fit = rr.AFT("age.abs()").fit(cycles)
    with pytest.raises(rr.InputError, match=r"a file holds formulas .*'age.abs\(\)' says more; make it a column"):
        fit.to_json()
    days = rr.Cycles(cycles.lower, cycles.upper, patient=pd.date_range("2020-01-01", periods=200))
    with pytest.raises(rr.InputError, match="cannot be written as JSON"):
        rr.AFT().fit(days).to_json()
