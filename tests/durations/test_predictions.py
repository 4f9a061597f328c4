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
    shorter = (medians[:, 1] <= medians[:, 0]).mean()
    assert table["p"].item() == pytest.approx(2 * min(shorter, 1 - shorter))


def test_draws_of_another_model_are_refused(fits):
    with pytest.raises(rr.InputError, match=r"`draws` must be of shape \(draws, 3\)"):
        fits["lognormal"].survival(12, {"product": 0}, draws=np.zeros((10, 4)))


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
