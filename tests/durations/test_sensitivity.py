import pickle
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.durations.retreatment.sensitivity_result import RetreatmentSensitivity, _crossings

INF = np.inf
ARMS = {"arm": ["a", "b"]}


@cache
def cycles_of(patients=60, cycles=3, ratio=1.25, seed=1):
    """Visits every 2 weeks; returns while effective that have nothing to do with the effect."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(patients), cycles)
    arm = np.where(who % 2 == 0, "a", "b")
    own = 0.2 * rng.normal(size=patients)[who]
    t = np.exp(2.4 + np.log(ratio) * (arm == "b") + own + 0.25 * rng.normal(size=who.size))
    week = 24 * rng.weibull(2, size=who.size)
    lost = np.ceil(t / 2) * 2
    early = week < t
    frame = pd.DataFrame({"arm": arm, "censoring": np.where(early, "retreated", "interval")})
    return rr.Cycles(np.where(early, week, lost - 2), np.where(early, INF, lost), patient=who, data=frame)


@cache
def found(model, **options):
    return rr.retreatment_sensitivity(model, cycles_of(), newdata=ARMS, **options)


MIXED = rr.MixedAFT("arm", nodes=7)


@pytest.mark.parametrize(("model", "imputations"), [(rr.AFT("arm"), 60), (MIXED, 30)])
def test_at_1_it_is_the_fit_itself(model, imputations):
    """But for what the draws differ by, whose standard error is known, and what the normal approximation leaves out."""
    result = rr.retreatment_sensitivity(model, cycles_of(), (1, 2), ARMS, imputations, seed=3)
    at_1 = result.pooled["median"][0, :, 0]
    log_se = result.pooled["median"][1, 0, 0] / at_1[0]
    noise = np.sqrt(result.missing[0] / (1 + 1 / imputations) / imputations) * log_se
    np.testing.assert_array_less(np.abs(np.log(at_1 / result.direct)), 4 * noise)
    fit = model.fit(cycles_of()).quantile(0.5, ARMS)
    np.testing.assert_allclose(result.direct, fit["estimate"])
    direct = fit["se"] / fit["estimate"]  # the pooled error is that of the fit, up to the noise in a variance
    between = result.missing[0] * np.sqrt(2 / (imputations - 1))  # standard error of the variance between, of the total
    ratio = result.pooled["median"][1, :, 0] / at_1 / direct
    np.testing.assert_array_less(np.abs(ratio**2 - 1), 4 * between)


def test_at_0_effect_ends_where_it_was_last_seen():
    cycles = cycles_of()
    ended = np.isinf(cycles.upper)
    exact = rr.Cycles(cycles.lower, np.where(ended, cycles.lower, cycles.upper), data=cycles.frame[["arm", "patient"]])
    for model in (rr.AFT("arm"), MIXED):
        fit = model.fit(exact)
        at_0 = rr.retreatment_sensitivity(model, cycles, (0, 1), ARMS, imputations=2)
        direct = fit.quantile(0.5, ARMS)
        median, contrast = at_0.medians.query("delta == 0"), at_0.contrasts.query("delta == 0")
        np.testing.assert_allclose(median[["estimate", "se"]], direct[["estimate", "se"]], rtol=1e-6)
        np.testing.assert_allclose(median[["lower", "upper"]], direct[["lower", "upper"]], rtol=1e-6)
        there = fit.contrast(ARMS)
        columns = ["difference", "difference_se", "difference_lower", "ratio", "ratio_se", "ratio_upper"]
        np.testing.assert_allclose(contrast[columns], there[columns], rtol=1e-6)


def test_against_a_naive_imputation():
    """Inverse normal by rejection: draw durations until they are long enough, refit, average."""
    cycles, model, deltas = cycles_of(), rr.AFT("arm"), (0.5, 1, 2)
    fit, rng = model.fit(cycles), np.random.default_rng(8)
    ended, x = np.flatnonzero(np.isinf(cycles.upper)), (cycles.frame["arm"] == "b").to_numpy(dtype=float)
    logs = []
    for _ in range(40):
        intercept, slope, log_scale = rng.multivariate_normal(fit.estimate, fit.covariance)
        lower, upper = np.tile(cycles.lower, (3, 1)), np.tile(cycles.upper, (3, 1))
        for row in ended:
            t = 0.0
            while t <= cycles.lower[row]:
                t = np.exp(intercept + slope * x[row] + np.exp(log_scale) * rng.normal())
            lower[:, row] = upper[:, row] = cycles.lower[row] + np.array(deltas) * (t - cycles.lower[row])
        again = [model.fit(rr.Cycles(lo, up, data=cycles.frame[["arm"]])) for lo, up in zip(lower, upper, strict=True)]
        logs.append([np.log(part.quantile(0.5, ARMS)["estimate"]) for part in again])
    logs = np.array(logs)  # (imputations, deltas, rows)
    result = rr.retreatment_sensitivity(model, cycles, deltas, ARMS, imputations=40)
    mcse = np.sqrt(2) * logs.std(axis=0, ddof=1) / np.sqrt(40)
    assert (np.abs(np.log(result.pooled["median"][0].T) - logs.mean(axis=0)) < 4 * mcse).all()


def test_rubins_rules_by_hand():
    estimates = np.array([[[[2.0, np.nan, np.nan]]], [[[2.2, np.nan, np.nan]]], [[[2.5, np.nan, np.nan]]]])
    errors = np.full((3, 1, 1, 3), 0.3)
    result = RetreatmentSensitivity.pool(
        estimates=estimates, errors=errors, direct=np.zeros((1, 3)), model=None, deltas=(1.0,),
        variables=pd.DataFrame(index=[0]), retreated=1, cycles=3, seed=1, endpoint=None,
    )  # fmt: skip
    mean, between = 6.7 / 3, np.var([2, 2.2, 2.5], ddof=1) * 4 / 3
    total = 0.09 + between
    from scipy.stats import t

    reach = t.ppf(0.975, 2 * (1 + 0.09 / between) ** 2) * np.sqrt(total)
    expected = np.exp(mean) * np.array([1, np.sqrt(total), np.exp(-reach), np.exp(reach)])
    np.testing.assert_allclose(result.pooled["median"][:, 0, 0], expected)
    assert result.missing[0] == pytest.approx(between / total)


@pytest.mark.parametrize("model", [rr.AFT("arm", cov="sandwich"), MIXED])
def test_medians_rise_with_delta_and_seeds_repeat(model):
    result = found(model, imputations=4)
    assert (np.diff(result.pooled["median"][0], axis=1) > 0).all()
    again = rr.retreatment_sensitivity(model, cycles_of(), newdata=ARMS, imputations=4)
    pd.testing.assert_frame_equal(again.medians, result.medians)
    other = rr.retreatment_sensitivity(model, cycles_of(), newdata=ARMS, imputations=4, seed=2)
    assert not np.allclose(other.pooled["median"], result.pooled["median"])
    part = rr.retreatment_sensitivity(model, cycles_of(), (1, 0.5), ARMS, imputations=4)  # the same draws
    same = result.medians["delta"].isin([0.5, 1])
    np.testing.assert_array_equal(part.medians["estimate"], result.medians.loc[same, "estimate"])


def test_a_fit_keeps_its_weights_and_entries():
    cycles = cycles_of()
    weights = np.where(cycles.patient % 3 == 0, 2.0, 1.0)
    entry = np.minimum(cycles.lower, 1.0)
    fit = rr.AFT("arm").fit(cycles, weights, entry)
    result = rr.retreatment_sensitivity(fit, cycles, (0, 1), ARMS, imputations=2)
    ended = np.isinf(cycles.upper)
    exact = rr.Cycles(cycles.lower, np.where(ended, cycles.lower, cycles.upper), data=cycles.frame[["arm", "patient"]])
    again = rr.AFT("arm").fit(exact, weights, entry).quantile(0.5, ARMS)
    np.testing.assert_allclose(result.medians.query("delta == 0")["estimate"], again["estimate"])


def test_a_random_slope():
    frame = cycles_of().frame
    frame["cycle"] = frame.groupby("patient").cumcount().astype(float)
    cycles = rr.Cycles(frame["lower"], frame["upper"], data=frame)
    model = rr.MixedAFT("cycle", slope="cycle", nodes=5)
    result = rr.retreatment_sensitivity(model, cycles, (0.5, 1), {"cycle": [0.0, 2.0]}, imputations=2)
    assert (np.diff(result.pooled["median"][0], axis=1) > 0).all()


# what the result says


def test_tipping_points():
    deltas = np.array([0, 0.5, 1, 2])
    assert _crossings(deltas, np.array([-1.0, -0.5, 0.5, 1])) == pytest.approx((0.75, np.nan), nan_ok=True)
    assert _crossings(deltas, np.array([3.0, 1, 1, -1])) == pytest.approx((np.nan, 1.5), nan_ok=True)
    assert _crossings(deltas, np.array([-1.0, 1, 1, 0])) == pytest.approx((0.25, 2))


def test_tipping_points_are_where_the_tables_say():
    result = found(rr.AFT("arm"), imputations=4)
    table = result.tipping.set_index("quantity")
    assert list(table.index) == ["median", "median", "difference", "ratio"]
    ratio = result.contrasts
    excludes = (ratio["ratio_lower"] > 1) | (ratio["ratio_upper"] < 1)
    row = table.loc["ratio"]
    at_1 = excludes[ratio["delta"] == 1].item()
    assert row["at_1"] == ("excludes no difference" if at_1 else "includes no difference")
    for column, side in (("below", ratio["delta"] < 1), ("above", ratio["delta"] > 1)):
        assert np.isnan(row[column]) == (excludes[side] == at_1).all()
    first = result.medians[result.medians["arm"] == "a"].set_index("delta")
    low = table.iloc[0]["below"]
    assert np.interp(low, first.index, first["estimate"]) == pytest.approx(first.loc[1, "lower"], rel=1e-2)
    said = str(result)
    assert f"{result.retreated} of {result.cycles} cycles" in said
    assert f"{first.loc[1, 'estimate']:.1f} weeks" in said
    assert f"at δ = {low:.2f}" in said
    assert "arm b against arm a" in said
    assert "<table" in result._repr_html_()
    assert pickle.loads(pickle.dumps(result)).tipping.equals(result.tipping)


def test_none_in_the_range_is_said():
    result = rr.retreatment_sensitivity(rr.AFT("arm"), cycles_of(), (0.99, 1, 1.01), ARMS, imputations=2)
    assert result.tipping[["below", "above"]].isna().all(axis=None)
    assert "at every δ from 0.99 to 1.01" in str(result)


def test_remainders_drawn_apart_are_said():
    for model, warns in ((rr.AFT("arm", cov="sandwich"), True), (rr.AFT("arm"), False)):
        said = str(rr.retreatment_sensitivity(model, cycles_of(), (0.99, 1), ARMS, imputations=2))
        assert ("these intervals are too narrow: use MixedAFT" in said) == warns


@pytest.mark.parametrize(("of", "lines"), [("median", 2), ("ratio", 1), ("difference", 1)])
def test_plot(of, lines):
    fig, ax = plt.subplots()
    assert found(rr.AFT("arm"), imputations=4).plot(ax, of=of) is ax
    curves = [line for line in ax.get_lines() if len(line.get_xdata()) > 2]
    assert len(curves) == lines
    assert len(ax.collections) == lines
    assert "δ" in ax.get_xlabel()
    plt.close(fig)


def test_one_row_has_no_contrast():
    cycles = cycles_of()
    result = rr.retreatment_sensitivity(rr.AFT(), cycles, (0.5, 1), imputations=2)
    assert len(result.medians) == 2
    assert "The median is" in str(result)
    with pytest.raises(rr.InputError, match="there is no contrast"):
        _ = result.contrasts
    with pytest.raises(rr.InputError, match="`of` must be one of median"):
        result.plot(of="ratio")


# bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"deltas": (0, 2)}, "must have 1 among them"),
        ({"deltas": (1,)}, "two different numbers or more"),
        ({"deltas": (-1, 1)}, r"none negative \(row 0\)"),
        ({"deltas": (1, INF)}, r"`deltas` must be finite, and none negative \(row 1\)"),
        ({"deltas": (1, 1.0)}, "two different numbers or more"),
        ({"deltas": None}, "`deltas` must be"),
        ({"newdata": {"arm": []}}, "`newdata` has no row"),
        ({"deltas": ("x", 1)}, "must be numbers"),
        ({"imputations": 1}, "`imputations`"),
        ({"newdata": None}, "`newdata` is needed"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(rr.InputError, match=message):
        rr.retreatment_sensitivity(rr.AFT("arm"), cycles_of(), **{"newdata": ARMS, **options})


def test_a_variable_called_delta():
    frame = cycles_of().frame
    cycles = rr.Cycles(frame["lower"], frame["upper"], data=frame.assign(delta=frame["arm"]))
    with pytest.raises(rr.InputError, match="has a column delta of its own"):
        rr.retreatment_sensitivity(rr.AFT("delta"), cycles, newdata={"delta": ["a", "b"]})


def test_bad_fits_and_cycles():
    cycles = cycles_of()
    with pytest.raises(rr.InputError, match="must be an AFT or a MixedAFT"):
        rr.retreatment_sensitivity(rr.Turnbull(), cycles)
    with pytest.raises(rr.InputError, match="not those of the fit"):
        rr.retreatment_sensitivity(rr.AFT().fit(cycles), cycles[list(range(9))])
    with pytest.raises(rr.FitError, match="no remainder to vary"):
        rr.retreatment_sensitivity(rr.AFT(), rr.Cycles([8, 12, 4, 9], [12, INF, 8, 14]))
    frame = pd.DataFrame({"censoring": ["interval", "retreated", "interval", "interval"]})
    at_once = rr.Cycles([8, 0, 4, 12], [12, INF, 8, 16], data=frame)
    with pytest.raises(rr.InputError, match=r"would last 0 weeks \(row 1\)"):
        rr.retreatment_sensitivity(rr.AFT(), at_once)
