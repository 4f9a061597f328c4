"""Exact sums: independent of order and blocks, and the same outcomes as from the table of patients."""

import json
import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.simulation import OUTCOMES, Moments
from retreat_research.simulation.moments import QUANTITIES
from retreat_research.simulation.outcomes import TOTALS, estimate

COHORT = rr.draw_cohort(5000, indication="cervical dystonia", seed=3)


@pytest.fixture(scope="module")
def patients():
    return rr.simulate(COHORT, rr.Stepped(), years=8, seed=2).patients


@pytest.mark.parametrize("indication", ["glabellar", "cervical dystonia", "axillary"])
@pytest.mark.parametrize("strategy", [rr.Fixed(9), rr.OnWaning()])
def test_outcomes_and_errors_are_those_of_the_table(indication, strategy):
    table = rr.simulate(rr.draw_cohort(3000, indication=indication, seed=5), strategy, years=6).patients
    moments = Moments.of(table)
    assert moments.n == 3000
    for outcome in OUTCOMES:
        expected = estimate(outcome, table)
        assert moments.estimate(outcome) == pytest.approx((expected.value, expected.mcse), rel=1e-9), outcome.name


def test_blocks_and_order_change_no_bit(patients):
    whole = Moments.of(patients)
    rng = np.random.default_rng(1)
    assert Moments.of(patients.iloc[rng.permutation(len(patients))]) == whole
    for size in (1, 999, 1777, 4096):
        few = patients if size > 1 else patients[:300]
        parts = [Moments.of(few[start : start + size]) for start in range(0, len(few), size)]
        rng.shuffle(parts)
        assert sum(parts, Moments()) == (whole if size > 1 else Moments.of(patients[:300]))


def test_sums_of_floats_would_depend_on_the_order(patients):
    """What the exact sums are for: the plain ones differ in the last digits."""
    values = patients["weeks_in_benefit"].to_numpy()
    sums = {np.cumsum(np.random.default_rng(seed).permutation(values))[-1] for seed in range(5)}
    assert len(sums) > 1


def test_sums_are_right_to_the_last_digit_that_is_kept(patients):
    """Against fractions, which do not round: a product is off by at most half of 2**-34 and half a unit of 53 bits."""
    few = patients[:500]
    moments = Moments.of(few)
    for a, b in (("weeks_observed", "weeks_in_benefit"), ("units", "units"), ("antigen_ng", "sessions")):
        exact = sum(Fraction(float(x)) * Fraction(float(y)) for x, y in zip(few[a], few[b], strict=True))
        scale = {"units": 2**6, "antigen_ng": 2**-10}.get(a, 1)
        largest = float((few[a] * few[b]).max())
        assert abs(moments.product(a, b) - exact) <= 500 * (scale * 2.0**-35 + largest * 2.0**-53)


def test_every_quantity_is_summed(patients):
    moments = Moments.of(patients)
    for name in QUANTITIES[1:]:
        column = patients[name].notna() if name.endswith("_week") else patients[name]
        assert moments.total(name) == pytest.approx(column.sum(), rel=1e-12)
    assert moments.total("") == len(patients)


def test_what_nobody_has_differs_from_what_nobody_knows():
    world = rr.World.default("glabellar", "daxibotulinumtoxinA")
    out = rr.simulate(rr.draw_cohort(200, world=world), rr.Fixed(12), years=3, patients=False)
    table = out.summary().set_index("outcome")[["value", "mcse"]]
    assert table.loc[["antigen", "antibodies", "tested_positive", "immune_failure"]].isna().all(axis=None)
    assert table.loc[["time_in_benefit", "sessions", "failure"]].notna().all(axis=None)
    assert "antigen is NaN" in out.notes[0]


def test_without_any_spread_the_error_is_none():
    world = rr.World.default("glabellar").replace(dropout_per_year=0)
    moments = Moments.of(rr.simulate(rr.draw_cohort(300, world=world), rr.Fixed(12), years=5).patients)
    found = {outcome.name: moments.estimate(outcome) for outcome in OUTCOMES}
    assert found["mean_interval"] == (pytest.approx(12, rel=1e-12), 0.0)
    assert found["units"][1] == 0.0
    assert found["time_in_benefit"][1] > 0


def test_one_patient_has_a_value_and_no_error(patients):
    value, error = Moments.of(patients[:1]).estimate(OUTCOMES[0])
    assert value == pytest.approx(patients["weeks_in_benefit"][0] / patients["weeks_observed"][0], rel=1e-12)
    assert math.isnan(error)


def test_json_keeps_every_digit(patients):
    moments = Moments.of(patients)
    assert Moments.from_json(json.loads(json.dumps(moments.as_json()))) == moments


@pytest.mark.parametrize(
    "spoil", [{"n": 1.5}, {"products": [1, 2]}, {"products": None}, {"unknown": [True] * len(QUANTITIES)}]
)
def test_other_json_is_refused(spoil):
    with pytest.raises(rr.InputError, match="not the sums of a simulation"):
        Moments.from_json({**Moments().as_json(), **spoil})


@pytest.mark.parametrize("value", [1e9, np.inf])
def test_what_is_too_large_to_sum_exactly_is_refused(value):
    totals = np.zeros(3, dtype=TOTALS)
    totals["units"][1] = value
    with pytest.raises(rr.InputError, match="too large to be summed exactly"):
        Moments.of(totals)


def test_an_unknown_name_is_refused():
    with pytest.raises(rr.InputError, match="nothing is summed under the name 'patient'"):
        Moments.of(pd.DataFrame(np.zeros(2, dtype=TOTALS))).total("patient")
