"""Personal predictions: what is asked for wrongly, and what is beyond the range of numbers."""

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr

INF = np.inf


def cycles_of(patient):
    rng = np.random.default_rng(0)
    own, x = np.repeat(rng.normal(scale=0.3, size=30), 4), rng.normal(size=120)
    t = np.exp(2.4 + 0.2 * x + own + 0.25 * rng.normal(size=120))
    lower = np.floor(t / 4) * 4
    data = pd.DataFrame({"x": x, "flat": 1.0, "patient": pd.Series(np.repeat(np.arange(30), 4)).map(patient)})
    return rr.Cycles(lower, lower + 4, data=data)


@pytest.fixture(scope="module")
def fit():
    return rr.MixedAFT("x", family="weibull").fit(cycles_of(lambda i: f"SECRET{i}"))


@pytest.mark.parametrize("bad", ["x", None, pd.Timestamp(2024, 1, 1), {0.5}, 1j, [0.1, [0.2]]])
def test_what_is_asked_must_be_numbers(fit, bad):
    own = fit.personal("SECRET1", {"x": 0.0})
    for method, name in (("survival", "weeks"), ("density", "weeks"), ("quantile", "p"), ("interval", "level")):
        with pytest.raises(rr.InputError, match=f"`{name}` must"):
            getattr(own, method)(bad)
    with pytest.raises(rr.InputError, match="`level` must"):
        fit.sd_interval(bad)


@pytest.mark.parametrize(
    "who", [[1, 2], ["SECRET1"], ("SECRET1",), np.array(["SECRET1"]), pd.DataFrame({"x": [1]}), None, "nobody"]
)
def test_who_must_be_one_patient(fit, who):
    with pytest.raises(rr.InputError, match="no such patient in the fit; give her label"):
        fit.personal(who, {"x": 0.0})


def test_newdata_is_one_row_of_the_kind_of_the_fit(fit):
    with pytest.raises(rr.InputError, match="`newdata` must have one row, not 0"):
        fit.personal("SECRET1", {"x": []})
    with pytest.raises(rr.InputError, match="x must be numbers in the newdata"):
        fit.personal("SECRET1", {"x": "0"})


def test_draws(fit):
    draws = np.tile(fit.estimate, (6, 1))
    at_no_spread, p = draws.copy(), fit.names.index("log(sd)")
    at_no_spread[2, p] = -INF
    assert 0 < fit.personal("SECRET1", {"x": 0.0}, draws=at_no_spread).median < INF
    for bad, column in ((np.nan, 0), (INF, p), (-INF, 0)):
        wrong = draws.copy()
        wrong[[1, 4], column] = bad
        with pytest.raises(rr.InputError, match=r"`draws` must be numbers \(rows 1, 4\)"):
            fit.personal("SECRET1", {"x": 0.0}, draws=wrong)
    for column in (p, fit.names.index("log(scale)")):
        absurd = draws.copy()
        absurd[3, column] = 800
        with pytest.raises(rr.InputError, match=r"cannot differ more than 1000 times|beyond the range of numbers"):
            fit.personal("SECRET1", {"x": 0.0}, draws=absurd)


@pytest.mark.parametrize(("x", "median"), [(1e10, INF), (-1e10, 0.0)])
def test_far_beyond_the_data(fit, x, median):
    own = fit.personal("SECRET1", {"x": x * np.sign(fit.params["x"])})
    assert own.median == median
    assert own.survival([0, 12, INF]) == pytest.approx([1, float(median > 0), 0], abs=1e-12)


@pytest.mark.parametrize(
    ("slope", "message"),
    [
        ("", "`slope` must be the name of a covariate"),
        (3, "`slope` must be the name of a covariate"),
        ("nope", "`slope` names nope, which the cycles do not have"),
        ("x +", r"`slope` '0 \+ x \+' cannot be read"),
        ("flat", "`slope` flat does not vary within patients"),
    ],
)
def test_errors_about_the_slope_name_it(slope, message):
    with pytest.raises(rr.InputError, match=message):
        rr.MixedAFT("x", slope=slope).fit(cycles_of(str))
