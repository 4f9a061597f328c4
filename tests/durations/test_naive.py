import pickle
from dataclasses import FrozenInstanceError

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.durations.checks.naive import LIFELINES, _of_turnbull

INF = np.inf
TIMES = ["midpoint", "right endpoint", "last visit"]
COLUMNS = ["times", "estimator", "cycles", "median_left", "median", "lower", "upper", "mean_26", "se_log", "se_ratio"]
COLUMNS = [*COLUMNS, "difference"]


def visited(gap, patients=150, each=4, median=8.0, last=36, seed=0):
    """Log-normal durations with an offset of the patient, seen every `gap` weeks until `last`."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), each)
    own = 0.26 * rng.normal(size=patients)[patient]
    t = median * np.exp(own + 0.23 * rng.normal(size=patient.size))
    before = np.minimum(np.floor(t / gap) * gap, last)
    return rr.Cycles(before, np.where(before < last, before + gap, INF), patient=patient)


def with_silent(cycles, silent=60):
    """The same cycles and some without response."""
    frame = pd.concat([cycles.frame, pd.DataFrame({"responder": False, "patient": -1}, index=range(silent))])
    frame = frame.drop(columns="censoring").reset_index(drop=True)
    return rr.Cycles(frame["lower"], frame["upper"], data=frame)


def rows(bias):
    return bias.table.set_index(["times", "estimator"])


def product_limit(weeks, lost):
    """Kaplan and Meier's curve, one time after the other: times, and the share with effect after each."""
    times, share, out = np.unique(weeks), 1.0, []
    for t in times:
        share *= 1 - (weeks[lost] == t).sum() / (weeks >= t).sum()
        out.append(share)
    return times, np.array(out)


@pytest.fixture(scope="module")
def bias():
    return rr.naive_bias(with_silent(visited(4)))


# against our own AFT and a naive product-limit estimate


@pytest.mark.parametrize("family", LIFELINES)
def test_naive_analyses_by_other_means(family):
    cycles = visited(4)
    table = rows(rr.naive_bias(cycles, family=family))
    lost = np.isfinite(cycles.upper)
    end = np.where(lost, cycles.upper, cycles.lower)
    for times, weeks in zip(TIMES, ((cycles.lower + end) / 2, end, cycles.lower), strict=True):
        kept = weeks > 0
        exact = rr.Cycles(weeks[kept], np.where(lost, weeks, INF)[kept])
        fit = rr.AFT(family=family).fit(exact)
        median, row = fit.quantile(0.5).iloc[0], table.loc[(times, "AFT")]
        assert row["cycles"] == kept.sum()
        # lifelines' log-logistic stops 1.4e-4 below the maximum, which is a distance of 0.017 standard errors
        close = 0.02 * median["se"] / median["estimate"]
        ours = median[["estimate", "lower", "upper"]]
        np.testing.assert_allclose(row[["median", "lower", "upper"]].astype(float), ours, rtol=close)
        assert row["se_log"] == pytest.approx(median["se"] / median["estimate"], rel=1e-3)
        assert row["mean_26"] == pytest.approx(fit.rmst(26)["estimate"].item(), rel=close)

        at, share = product_limit(weeks, lost)
        row = table.loc[(times, "Kaplan-Meier")]
        assert row["median"] == at[share <= 0.5][0]
        grid = (np.arange(260_000) + 0.5) / 10_000
        curve = np.append(1.0, share)[np.searchsorted(at, grid, side="right")]
        assert row["mean_26"] == pytest.approx(curve.mean() * 26, abs=1e-3)


def test_the_reference_is_the_clustered_aft(golden):
    table = rows(rr.naive_bias(golden, family="weibull"))
    fit = rr.AFT(family="weibull", cov="sandwich").fit(golden)
    alone = rr.AFT(family="weibull").fit(golden)
    ours = table.loc[("interval", "AFT")]
    median = fit.quantile(0.5).iloc[0]
    assert ours["median"] == median["estimate"]
    assert ours["se_log"] == pytest.approx(median["se"] / median["estimate"])
    assert (ours["se_ratio"], ours["difference"]) == (1, 0)
    independent = table.loc[("interval", "AFT, cycles as independent")]
    assert independent["se_ratio"] == pytest.approx(alone.quantile(0.5)["se"].item() / median["se"])
    region = rr.Turnbull().fit(golden).intervals.set_index("right")["left"]
    turnbull = table.loc[("interval", "Turnbull")]
    assert turnbull["median"] == rr.Turnbull().fit(golden).quantile(0.5)
    assert turnbull["median_left"] == region[turnbull["median"]]
    assert np.isnan(turnbull["difference"])  # a region is not a number
    others = table.drop(index=("interval", "Turnbull"))
    np.testing.assert_allclose(others["difference"], others["median"] - ours["median"])


def test_turnbull_mean_spreads_loss_evenly():
    """An interval that ends before week 26, one across it, an exact time, and mass that is never lost."""
    cycles = rr.Cycles([4, 10, 24, 40, 12], [8, 10, 32, INF, 18])
    fit = rr.Turnbull().fit(cycles)
    assert fit.intervals["left"].tolist() == [4, 10, 12, 24, 40]
    means = {4: 6, 10: 10, 12: 15, 24: 0.25 * 25 + 0.75 * 26, 40: 26}
    expected = sum(mass * means[int(left)] for left, mass in zip(fit.left, fit.mass, strict=True))
    assert _of_turnbull(fit)["mean_26"] == pytest.approx(expected, rel=1e-12)


def test_non_response_as_zero(bias):
    table = rows(bias)
    row, cycles = table.loc[("midpoint, non-response as 0", "Kaplan-Meier")], visited(4)
    lost = np.isfinite(cycles.upper)
    weeks = np.where(lost, (cycles.lower + cycles.upper) / 2, cycles.lower)
    at, share = product_limit(np.append(weeks, np.zeros(60)), np.append(lost, np.ones(60, dtype=bool)))
    assert row["median"] == at[share <= 0.5][0]
    assert row["cycles"] == 660
    assert row["mean_26"] == pytest.approx(table.loc[("midpoint", "Kaplan-Meier"), "mean_26"] * 600 / 660)
    assert "60 cycles without response as durations of 0 move the midpoint's Kaplan-Meier median" in bias.sentence
    assert "midpoint, non-response as 0" not in rr.naive_bias(visited(4)).table["times"].tolist()


# against known truth


def test_bias_grows_with_the_time_between_visits():
    """Median 8 weeks, visits every 1, 4 and 6 weeks, 10,000 cycles: the AFT is within 4 of its standard errors of the
    truth; the midpoint is further off at each longer gap, beyond 4 at 6 weeks; the right endpoint is too long and the
    last visit too short by more than a third of a gap. Ignoring patients makes intervals too narrow."""
    off = {}
    for gap in (1, 4, 6):
        table = rows(rr.naive_bias(visited(gap, patients=2500)))
        ours = table.loc[("interval", "AFT")]
        error = 4 * ours["median"] * ours["se_log"]
        assert abs(ours["median"] - 8) <= error
        off[gap] = table["median"].xs("AFT", level="estimator")[TIMES] - 8
        assert off[gap]["right endpoint"] > gap / 3 > error
        if gap < 6:  # with 6 weeks a quarter of the cycles is lost before the first visit, and left out
            assert off[gap]["last visit"] < -gap / 3
        # a design effect of 1 + 3 ICC, with ICC = 0.26²/(0.26² + 0.23²)
        expected = (1 + 3 * 0.26**2 / (0.26**2 + 0.23**2)) ** -0.5
        if gap == 1:
            independent = table.loc[("interval", "AFT, cycles as independent"), "se_ratio"]
            assert abs(independent - expected) <= 4 * expected / np.sqrt(2 * 2500)
    # the same luck at all gaps: what differs between them is the visits
    assert abs(off[1]["midpoint"]) < abs(off[4]["midpoint"]) < abs(off[6]["midpoint"])
    assert abs(off[6]["midpoint"]) > error


# options and bad input


def test_left_censored_cycles_have_no_last_visit():
    cycles = visited(6)
    table = rows(rr.naive_bias(cycles))
    at_zero = (cycles.lower == 0).sum()
    assert at_zero > 0
    assert table.loc[("last visit", "AFT"), "cycles"] == len(cycles) - at_zero
    assert table.loc[("last visit", "Kaplan-Meier"), "cycles"] == len(cycles)


def test_groups(golden):
    both = rr.naive_bias(golden, by="product")
    assert both.table.columns.tolist() == ["group", *COLUMNS]
    for level in (0, 1):
        alone = rr.naive_bias(golden[(golden.frame["product"] == level).to_numpy()])
        part = both.table[both.table["group"] == f"product {level}"].drop(columns="group").reset_index(drop=True)
        pd.testing.assert_frame_equal(part, alone.table)
    first, second = both.sentence.split("\n")
    assert first.startswith("product 0: The median is ")
    assert second.startswith("product 1: The median is ")


def test_what_lifelines_cannot_fit_is_said_to_be_unknown(monkeypatch):
    from lifelines import WeibullAFTFitter
    from lifelines.exceptions import ConvergenceError

    def fail(*_, **__):
        raise ConvergenceError("no")

    monkeypatch.setattr(WeibullAFTFitter, "fit", fail)
    bias = rr.naive_bias(visited(4), family="weibull")
    naive = rows(bias).xs("AFT", level="estimator").drop(index="interval")
    assert naive[["median", "se_log", "difference"]].isna().all(axis=None)
    assert "unknown, it does not converge (midpoint)" in bias.sentence


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rr.naive_bias([1]), rr.InputError, "`cycles` must be Cycles"),
        (
            lambda: rr.naive_bias(visited(4), family="gamma"),
            rr.InputError,
            "`family` must be one of lognormal, weibull",
        ),
        (lambda: rr.naive_bias(visited(4), by="arm"), rr.InputError, "`by`: there is no column 'arm'"),
        (
            lambda: rr.naive_bias(rr.Cycles([4, 8], [8, 12], data=pd.DataFrame({"arm": ["a", None]})), by="arm"),
            rr.InputError,
            r"`by`: 'arm' is missing \(row 1\)",
        ),
        (lambda: rr.naive_bias(visited(4), family=[]), rr.InputError, "`family` must be one of lognormal, weibull"),
        (lambda: rr.naive_bias(visited(4), by=["arm"]), rr.InputError, "`by` must be the name of a column"),
        (
            lambda: rr.naive_bias(rr.Cycles([4, 8, 6], [8, 12, INF], patient=["a"] * 3)),
            rr.FitError,
            "^the cycles are of one patient, and standard errors need two or more$",
        ),
        (
            lambda: rr.naive_bias(rr.Cycles([4, 8], [INF, INF], data=pd.DataFrame({"arm": ["a", "a"]})), by="arm"),
            rr.FitError,
            r"one value of arm \(rows 0, 1\): no cycle ended in loss of effect",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


# the result


def test_a_median_that_stays_is_not_said_to_move():
    sentence = rr.naive_bias(with_silent(visited(4), 1)).sentence
    assert sentence.endswith("1 cycles without response as durations of 0 leave the midpoint's Kaplan-Meier median at "
                             "10.0 weeks.")  # fmt: skip


def test_result(bias):
    assert bias.table.columns.tolist() == COLUMNS
    assert len(bias.table) == 10
    ours = bias.table.iloc[1]
    assert f"The median is {ours['median']:.1f} weeks" in bias.sentence
    off = rows(bias)["difference"][("right endpoint", "AFT")]
    assert off > 0.05
    assert f"{off:+.1f} weeks (right endpoint)" in bias.sentence
    assert bias.sentence in repr(bias)
    assert "<table" in bias._repr_html_()
    with pytest.raises(FrozenInstanceError):
        bias.family = "weibull"
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(bias)).table, bias.table)


def test_plot(bias, golden):
    _, ax = plt.subplots()
    assert bias.plot(ax) is ax
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[2:] == [f"Kaplan-Meier, {times}" for times in TIMES]
    both = rr.naive_bias(golden, by="product")
    panels = both.plot()
    assert [panel.get_title() for panel in panels] == ["product 0", "product 1"]
    with pytest.raises(rr.InputError, match="`ax` has 1 axes for 2 groups"):
        both.plot(ax)
    plt.close("all")
