"""Predictions against closed forms, and their intervals against gradients taken another way."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

import retreat_research as rr

INF = np.inf
LOCATION = np.array([-3.0, 1.0, 2.5, 9.0])
WEEKS = np.array([0.01, 4.0, 12.0, 26.0, 1e4])
NAMES = ("lognormal", "weibull", "exponential", "loglogistic", "gamma", "gengamma", "flexible")
families = pytest.mark.parametrize("name", NAMES)
few = pytest.mark.parametrize("name", ["lognormal", "exponential", "gengamma", "flexible"])
scales = pytest.mark.parametrize("scale", [0.005, 0.35, 2.5])
SHAPE = -0.4  # of gengamma


@pytest.fixture(scope="module")
def fits(golden):
    """A fit of each family with one covariate, and the sandwich."""
    return {name: rr.AFT("product", family=name, cov="sandwich").fit(golden) for name in NAMES}


def extra_at(name, scale):
    """The parameters besides β at which the scale of ln T is about `scale`."""
    return {
        "exponential": [],
        "gamma": [-2 * np.log(scale)],
        "gengamma": [np.log(scale), SHAPE],
    }.get(name, [np.log(scale)])


def at(fits, name, location, scale):
    """The fit of `name`, moved to this location, a slope of 1 and this scale."""
    return replace(fits[name], estimate=np.array([location, 1.0, *extra_at(name, scale)]))


def rmst(name, location, scale, weeks):
    """∫_0^τ S dt in closed form, for the log-logistic and the generalised gamma by Simpson's rule on a fine grid."""
    z = (np.log(weeks) - location) / scale
    if name == "lognormal":
        return np.exp(location + scale**2 / 2 + special.log_ndtr(z - scale)) + weeks * special.ndtr(-z)
    if name == "weibull":
        hazard = np.exp(np.minimum(z, 700))
        return np.exp(location) * special.gamma(1 + scale) * special.gammainc(1 + scale, hazard) + weeks * np.exp(
            -hazard
        )
    if name == "exponential":
        return -np.exp(location) * np.expm1(-weeks / np.exp(location))
    if name == "gamma":
        shape = scale**-2.0
        x = shape * weeks / np.exp(location)
        return np.exp(location) * special.gammainc(shape + 1, x) + weeks * special.gammaincc(shape, x)
    low = -45.0 if name == "loglogistic" else -12.0  # F there is below 1e-18
    if z <= low:
        return weeks
    grid = np.linspace(low, min(z, 400), 100_001)
    if name == "loglogistic":
        survival = special.log_expit(-grid)
    else:
        with np.errstate(divide="ignore"):
            survival = np.log(special.gammainc(SHAPE**-2, SHAPE**-2 * np.exp(SHAPE * grid)))
    start = np.exp(location + low * scale)
    return start + integrate.simpson(scale * np.exp(location + scale * grid + survival), x=grid)


@pytest.mark.parametrize("name", NAMES[:-1])
@scales
def test_rmst_against_closed_forms(fits, name, scale):
    for location in LOCATION:
        found = at(fits, name, location, scale).rmst(WEEKS, {"product": 0})["estimate"]
        scale_used = 1.0 if name == "exponential" else scale
        np.testing.assert_allclose(found, [rmst(name, location, scale_used, week) for week in WEEKS], rtol=1e-9)


@families
def test_rmst_is_the_area_under_survival(fits, name):
    weeks = np.linspace(0, 26, 20_001)
    area = integrate.simpson(fits[name].survival(weeks, {"product": 1})["estimate"], x=weeks)
    assert fits[name].rmst(26, {"product": 1})["estimate"].item() == pytest.approx(area, rel=1e-7)


@families
@scales
def test_quantiles_and_survival_are_each_others_inverse(fits, name, scale):
    if name == "flexible":
        fit = replace(fits[name], estimate=fits[name].estimate * np.append(1.0, np.full(4, 0.35 / scale)))
    else:
        fit = at(fits, name, 2.5, scale)
    p = np.array([1e-6, 0.1, 0.5, 0.9, 0.999])
    weeks = fit.quantile(p, {"product": 0})["estimate"].to_numpy()
    assert (np.diff(weeks) > 0).all()
    np.testing.assert_allclose(1 - fit.survival(weeks, {"product": 0})["estimate"], p, rtol=1e-8)


def richardson(function, theta, steps):
    """Gradient by central differences extrapolated from two steps: another order, and steps a hundred times larger."""

    def central(h):
        return np.stack([(function(theta + d) - function(theta - d)) / (2 * np.linalg.norm(d)) for d in np.diag(h)], -1)

    return (4 * central(steps / 2) - central(steps)) / 3


def values_at(fit, method, at, column="estimate"):
    """A prediction as a function of the parameters, through the public methods alone."""
    newdata = pd.DataFrame({"product": [0, 1]})
    return lambda theta: getattr(replace(fit, estimate=theta), method)(at, newdata)[column].to_numpy()


@few
@pytest.mark.parametrize(
    ("method", "at"),
    [
        ("survival", [4.0, 12.0, 26.0]),
        ("quantile", [0.1, 0.5, 0.9]),
        ("rmst", [12.0, 26.0]),
        ("hazard", [4.0, 12.0, 26.0]),
    ],
)
def test_standard_errors_are_those_of_the_delta_method(fits, name, method, at):
    fit, value = fits[name], values_at(fits[name], method, at)
    gradient = richardson(value, fit.estimate, 0.05 * fit.bse.to_numpy())
    se = np.sqrt(np.einsum("ij,jk,ik->i", gradient, fit.covariance, gradient))
    table = getattr(fit, method)(at, {"product": [0, 1]})
    np.testing.assert_allclose(table["se"], se, rtol=2e-5)
    reach = stats.norm.ppf(0.975) * se / table["estimate"]
    if method == "survival":
        reach /= -np.log(table["estimate"])  # symmetric in ln(−ln S)
        lower = table["estimate"] ** np.exp(reach)
    else:
        lower = table["estimate"] * np.exp(-reach)
    np.testing.assert_allclose(table["lower"], lower, rtol=2e-5)
    assert (table["lower"] < table["estimate"]).all()
    assert (table["estimate"] < table["upper"]).all()


@families
def test_hazard_is_the_slope_of_the_cumulative_hazard(fits, name):
    weeks, h = np.array([5.0, 8.0, 20.0]), 1e-5
    cumulative = [-np.log(fits[name].survival(weeks * (1 + e), {"product": 1})["estimate"]) for e in (h, -h)]
    expected = (cumulative[0] - cumulative[1]) / (2 * h * weeks)
    np.testing.assert_allclose(fits[name].hazard(weeks, {"product": 1})["estimate"], expected, rtol=1e-6)


@families
@scales
def test_at_week_zero_and_infinity_nothing_is_uncertain(fits, name, scale):
    fit = fits[name] if name == "flexible" else at(fits, name, 2.5, scale)
    table = fit.survival([0, INF], {"product": 0})
    assert table["estimate"].tolist() == [1, 0]
    assert table["se"].tolist() == [0, 0]
    assert table[["lower", "upper"]].to_numpy().tolist() == [[1, 1], [0, 0]]


@few
@pytest.mark.parametrize("of", ["median", "rmst"])
def test_contrasts(fits, name, of):
    """Of an AFT model the ratio of medians is exp(β), with the standard error of β."""
    fit, newdata = fits[name], pd.DataFrame({"product": [0.0, 1.0, 0.5]})
    table = fit.contrast(newdata, of=of, weeks=20.0)
    assert table["product"].tolist() == [1, 0.5]

    def value(theta):
        moved = replace(fit, estimate=theta)
        single = moved.quantile(0.5, newdata) if of == "median" else moved.rmst(20.0, newdata)
        return single["estimate"].to_numpy()

    here = value(fit.estimate)
    gradient = richardson(value, fit.estimate, 0.05 * fit.bse.to_numpy())
    np.testing.assert_allclose(table["difference"], here[1:] - here[0], rtol=1e-8)
    np.testing.assert_allclose(table["ratio"], here[1:] / here[0], rtol=1e-8)
    change = gradient[1:] - gradient[0]
    se = np.sqrt(np.einsum("ij,jk,ik->i", change, fit.covariance, change))
    np.testing.assert_allclose(table["difference_se"], se, rtol=1e-4)
    reach = stats.norm.ppf(0.975) * se
    np.testing.assert_allclose(table["difference_lower"], table["difference"] - reach, rtol=1e-3)
    np.testing.assert_allclose(table["difference_upper"], table["difference"] + reach, rtol=1e-3)
    change = gradient[1:] / here[1:, None] - gradient[0] / here[0]
    se_log = np.sqrt(np.einsum("ij,jk,ik->i", change, fit.covariance, change))
    np.testing.assert_allclose(table["ratio_se"], table["ratio"] * se_log, rtol=1e-4)
    np.testing.assert_allclose(table["p"], 2 * stats.norm.sf(np.abs(np.log(table["ratio"])) / se_log), rtol=1e-2)
    if of == "median":
        beta, se_beta = fit.params["product"], fit.bse["product"]
        limits = np.exp(beta + stats.norm.ppf([0.025, 0.975]) * se_beta)
        np.testing.assert_allclose(
            table.loc[0, ["ratio", "ratio_lower", "ratio_upper"]], [np.exp(beta), *limits], rtol=1e-6
        )


@pytest.mark.parametrize("name", ["lognormal", "flexible"])
def test_intervals_from_draws_are_percentiles(fits, name):
    fit = fits[name]
    draws = np.random.default_rng(0).multivariate_normal(fit.estimate, fit.covariance * 0.01, 25)
    newdata = pd.DataFrame({"product": [0, 1]})
    for method, where in (("survival", 12.0), ("quantile", 0.5), ("rmst", 26.0), ("hazard", 12.0)):
        drawn = np.array([values_at(fit, method, where)(theta) for theta in draws])
        table = getattr(fit, method)(where, newdata, draws=draws)
        np.testing.assert_allclose(table["estimate"], values_at(fit, method, where)(fit.estimate), rtol=1e-12)
        np.testing.assert_allclose(table["se"], drawn.std(axis=0, ddof=1), rtol=1e-7)
        np.testing.assert_allclose(table["lower"], np.quantile(drawn, 0.025, axis=0), rtol=1e-8)
        np.testing.assert_allclose(table["upper"], np.quantile(drawn, 0.975, axis=0), rtol=1e-8)
    medians = np.array([values_at(fit, "quantile", 0.5)(theta) for theta in draws])
    table = fit.contrast(newdata, draws=draws)
    np.testing.assert_allclose(
        table[["difference_lower", "difference_upper"]].to_numpy()[0],
        np.quantile(medians[:, 1] - medians[:, 0], [0.025, 0.975]),
        rtol=1e-7,
    )
    shorter = (medians[:, 1] <= medians[:, 0]).sum()
    assert table["p"].item() == pytest.approx(2 * (1 + min(shorter, len(medians) - shorter)) / (1 + len(medians)))


def test_draws_of_another_model_are_refused(fits):
    with pytest.raises(rr.InputError, match=r"`draws` must be of shape \(draws, 3\)"):
        fits["lognormal"].survival(12, {"product": 0}, draws=np.zeros((10, 4)))


@pytest.mark.parametrize("bad", [np.nan, INF, -INF])
def test_draws_that_are_no_numbers_are_named(fits, bad):
    fit = fits["lognormal"]
    draws = np.tile(fit.estimate, (9, 1))
    draws[[2, 5], 1] = bad
    message = r"`draws` must be numbers \(rows 2, 5\)"
    with pytest.raises(rr.InputError, match=message):
        fit.rmst(12, {"product": 0}, draws=draws)
    with pytest.raises(rr.InputError, match=message):
        fit.contrast({"product": [0, 1]}, draws=draws)


@pytest.mark.parametrize("name", ["lognormal", "gengamma", "flexible"])
@pytest.mark.parametrize("absurd", [800.0, -800.0])
def test_absurd_draws_give_wide_intervals_or_an_error(fits, name, absurd):
    fit = fits[name]
    for j in range(fit.estimate.size):
        draws = np.tile(fit.estimate, (9, 1))
        draws[3, j] = absurd
        for method, where in (("survival", 12.0), ("quantile", 0.5), ("rmst", 26.0), ("hazard", 12.0)):
            try:
                table = getattr(fit, method)(where, {"product": 1}, draws=draws)
            except rr.InputError as error:
                assert "at which this can be predicted (row 3)" in str(error)  # noqa: PT017
                continue
            assert not table.isna().any(axis=None)
            assert (table["lower"] <= table["upper"]).all()


@families
@pytest.mark.parametrize("far", [1e5, -1e5, 1e10, -1e10])
def test_far_beyond_the_data_limits_are_0_or_inf(fits, name, far):
    """Where the location is that many standard errors off, the interval of ln t is still that of β."""
    fit = fits[name]
    for method, where in (("survival", [0, 12.0, INF]), ("quantile", [0.01, 0.5]), ("rmst", 26.0), ("hazard", 12.0)):
        table = getattr(fit, method)(where, {"product": far})
        assert not table.isna().any(axis=None), method
        assert (table["lower"] <= table["estimate"]).all()
        assert (table["estimate"] <= table["upper"]).all()
    longer = far * fit.params["product"] > 0
    assert fit.quantile(0.5, {"product": far})["estimate"].item() == (INF if longer else 0)
    pair = {"product": [0.0, far]}
    if longer:
        with pytest.raises(rr.InputError, match=r"whose median is beyond the range of numbers \(row 1\)"):
            fit.contrast(pair)
    else:
        assert fit.contrast(pair)["ratio"].item() == 0


def test_huge_and_tiny_weeks():
    weeks = np.exp(np.linspace(-0.5, 0.5, 20))
    plain = rr.AFT().fit(rr.Cycles(weeks, 2 * weeks))
    for unit in (1e300, 1e-300):
        fit = rr.AFT().fit(rr.Cycles(weeks * unit, 2 * weeks * unit))
        np.testing.assert_allclose(
            fit.quantile([0.01, 0.99])["estimate"] / unit, plain.quantile([0.01, 0.99])["estimate"], rtol=1e-6
        )
    assert rr.AFT().fit(rr.Cycles(weeks * 1e307, 2 * weeks * 1e307)).quantile(1 - 1e-15)["upper"].item() == INF


@families
def test_no_rows_and_no_places_give_empty_tables(fits, name):
    fit = fits[name]
    for method in ("survival", "quantile", "rmst", "hazard"):
        full = getattr(fit, method)(0.5, {"product": [0, 1]})
        for table in (getattr(fit, method)(0.5, {"product": []}), getattr(fit, method)([], {"product": [0, 1]})):
            assert table.columns.tolist() == full.columns.tolist()
            assert len(table) == 0


def test_a_variable_called_like_a_column_of_the_table(golden):
    frame = golden.frame.assign(**dict.fromkeys(("weeks", "p", "se", "ratio"), golden.frame["product"]))
    cycles = rr.Cycles(frame["lower"], frame["upper"], data=frame)
    for name, methods in {
        "weeks": ("survival", "rmst", "hazard"),
        "p": ("quantile",),
        "se": ("survival", "quantile"),
    }.items():
        fit = rr.AFT(name).fit(cycles)
        for method in methods:
            with pytest.raises(rr.InputError, match=f"has a column {name} of its own, .*; rename the variable"):
                getattr(fit, method)(0.5, {name: [0, 1]})
    assert rr.AFT("weeks").fit(cycles).quantile(0.5, {"weeks": [0, 1]})["weeks"].tolist() == [0, 1]
    for name in ("ratio", "p"):
        with pytest.raises(rr.InputError, match=f"has a column {name} of its own"):
            rr.AFT(name).fit(cycles).contrast({name: [0, 1]})


@pytest.mark.parametrize("bad", ["x", None, pd.Timestamp(2024, 1, 1), [[0.1, 0.2]], {0.5}, 1j, ["x"], [0.1, [0.2]]])
def test_what_is_asked_must_be_numbers(fits, bad):
    fit = fits["lognormal"]
    for method, name in (("survival", "weeks"), ("quantile", "p"), ("rmst", "weeks"), ("hazard", "weeks")):
        with pytest.raises(rr.InputError, match=f"`{name}` must"):
            getattr(fit, method)(bad, {"product": 0})
    with pytest.raises(rr.InputError, match="`weeks` must"):
        fit.contrast({"product": [0, 1]}, of="rmst", weeks=bad)
    with pytest.raises(rr.InputError, match="`alpha` must"):
        fit.conf_int(bad)


@pytest.mark.parametrize(
    ("request_it", "message"),
    [
        (lambda fit: fit.survival(12, {"product": 0}, kind="mean"), "`kind` must be one of marginal, conditional"),
        (lambda fit: fit.hazard(0, {"product": 0}), "`weeks` must be positive"),
        (lambda fit: fit.contrast({"product": 1}), "`newdata` must have two rows or more"),
        (lambda fit: fit.contrast({"product": [0, 1]}, of="mean"), "`of` must be median or rmst, not 'mean'"),
        (lambda fit: fit.contrast({"product": [0, 1]}, of="rmst", weeks=-1), "`weeks` must be a positive number"),
        (lambda fit: fit.contrast({"product": [0, 1]}, kind="mean"), "`kind` must be one of marginal, conditional"),
    ],
)
def test_bad_requests(fits, request_it, message):
    with pytest.raises(rr.InputError, match=message):
        request_it(fits["weibull"])
