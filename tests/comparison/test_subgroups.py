"""For whom, and when: subgroups and quarters of a year."""

import numpy as np
import pytest

import retreat_research as rr
from retreat_research.comparison.evaluate import evaluate

COHORT = rr.draw_cohort(1200, indication="glabellar", seed=3)
STRATEGIES = {"stepped": rr.Stepped(early=True), "waning": rr.OnWaning()}


@pytest.fixture(scope="module")
def result():
    return rr.compare(STRATEGIES, COHORT, years=4, seed=3, sweep=False)


@pytest.fixture(scope="module")
def table(result):
    return result.subgroups()


def test_all_patients_together_are_the_overall_gain(result, table):
    for name in STRATEGIES:
        row = table[(table["kind"] == "all") & (table["strategy"] == name)].iloc[0]
        overall = result.matched().loc[(name, "antigen")]
        assert row["gain"] == pytest.approx(overall["gain"], abs=1e-12)
        assert row["mcse"] == pytest.approx(overall["mcse"], rel=1e-9)
        assert row["antigen"] == pytest.approx(result.table().loc[name, "antigen"])


def test_a_group_is_its_patients_against_the_same_interval(result, table):
    weeks = result.matched().loc[("waning", "antigen"), "matched_weeks"]
    arms = [rr.simulate(COHORT, rule, years=4, seed=3).patients for rule in (rr.OnWaning(), rr.Fixed(weeks))]
    offset = COHORT.log_offset
    long = offset > np.sort(offset)[2 * len(offset) // 3 - 1]
    shares = [arm["weeks_in_benefit"][long].sum() / arm["weeks_observed"][long].sum() for arm in arms]
    rows = table[(table["trait"] == "typical duration") & (table["strategy"] == "waning")].set_index("group")
    assert rows["patients"].sum() == len(COHORT)
    assert rows.loc["long", "patients"] == long.sum()
    assert rows.loc["long", "gain"] == pytest.approx(shares[0] - shares[1], abs=1e-9)
    assert rows.loc["long", "time_in_benefit"] == pytest.approx(shares[0])
    assert rows.loc["short", "gain"] > rows.loc["long", "gain"]


def test_traits_and_flags(table):
    assert set(table["kind"]) == {"all", "true", "observed"}
    assert {"can form antibodies", "typical duration", "response at the first check", "preference"} <= set(
        table["trait"]
    )
    assert (table["few"] == (table["patients"] < 30)).all()
    observed = table[(table["trait"] == "effect still there at week 12") & (table["strategy"] == "waning")]
    back = (COHORT.dropout_week > 12).sum()
    assert observed["patients"].sum() == back
    assert table[["time_in_benefit", "gain", "mcse", "antigen", "antibodies"]].notna().all(axis=None)


def test_errors_in_groups_are_true():
    gains, errors = [], []
    for seed in range(40):
        cohort = rr.draw_cohort(200, indication="glabellar", seed=seed)
        found = rr.compare({"s": rr.Stepped(step=4, early=True)}, cohort, years=2, seed=seed, sweep=False).subgroups()
        row = found[found["group"] == "short"].iloc[0]
        gains.append(row["gain"])
        errors.append(row["mcse"])
    assert np.std(gains, ddof=1) == pytest.approx(np.mean(errors), rel=4 / np.sqrt(2 * 39))


def test_quarters_add_up_to_the_whole(result):
    """Weighted by weeks followed, differences by quarter are the difference overall."""
    quarters = result.over_time("stepped", "waning", patients=300)
    assert len(quarters) == 16
    assert quarters["n"].is_monotonic_decreasing
    weeks = np.array(
        [np.clip(np.minimum(COHORT[:300].dropout_week, 4 * 365.25 / 7), lo, lo + 365.25 / 28).sum() - 300 * lo
         for lo in quarters["year"] * 365.25 / 7]
    )  # fmt: skip
    overall = evaluate(STRATEGIES, COHORT[:300], years=4, seed=3).values["time_in_benefit"]
    for column, name in (("strategy", "stepped"), ("reference", "waning")):
        assert np.average(quarters[column], weights=weeks) == pytest.approx(overall[name], rel=1e-9)
    np.testing.assert_allclose(quarters["difference"], quarters["strategy"] - quarters["reference"])
