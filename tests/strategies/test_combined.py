"""The combinators on sequences worked out by hand, and over simulated cohorts."""

import pickle

import numpy as np
import pytest

import retreat_research as rr
from retreat_research.products import PRODUCTS

L, W, S = "lasted", "waned", "silent"
RIMA = "rimabotulinumtoxinB"
COHORT = rr.draw_cohort(600, indication="cervical", seed=2)


def visits(rule, years=6):
    return rr.simulate(COHORT, rule, years=years, history=True).sessions


def test_within_clips_both_ends(patient):
    one = patient(rr.OnWaning(5, 60).within(10, 26)).visit()
    assert (one["earliest"], one["latest"]) == (10, 26)


def test_booked_closes_the_window(patient):
    one = patient(rr.OnWaning(5, 60).booked()).visit()
    assert (one["earliest"], one["latest"]) == (60, 60)


def test_confirm_acts_only_on_what_is_called_for_again(told):
    rule = rr.TreatAndExtend(shortest=8).confirm(2)
    assert told(rule, [L, L, L, W, L, L, W, W]) == [12, 12, 14, 14, 14, 14, 16, 16, 14]
    assert told(rule, [L, L], "reason") == ["start", "hold", "extend"]


def test_the_dose_rises_before_the_interval_is_shortened(told):
    rule = rr.TreatAndExtend(shortest=8).escalate_dose(0.5, cap=2)
    assert told(rule, [W, W, W, S, L], "units") == [20, 30, 40, 40, 40, 40]
    assert told(rule, [W, W, W, S, L]) == [12, 12, 12, 10, 10, 12]
    assert told(rule, [W], "reason")[1] == "escalate"


def test_the_lowest_dose_that_worked_is_kept(told):
    rule = rr.Fixed(12).lowest_effective_dose(by=0.25, floor=0.5, hold=2)
    assert told(rule, [L, L, L, L, W, L, L], "units") == [20, 20, 15, 15, 10, 15, 15, 15]
    assert told(rule, [L] * 8, "units")[-1] == 10
    assert told(rule, [W, W], "units") == [20, 20, 20]
    assert told(rule, [L, L, S], "units")[-1] == 20


def test_a_holiday_and_then_as_before(told):
    rule = rr.TreatAndExtend().halt_if("waned before the visit", weeks=30)
    assert told(rule, [L, W, L, L]) == [12, 14, 30, 14, 16]
    assert told(rule, [L, W, L, L], "units") == [20, 20, 0, 20, 20]
    assert told(rule, [L, W, L], "reason") == ["start", "extend", "halt", "hold"]


def test_a_strategy_may_halt_everyone_at_once():
    found = visits(rr.Fixed(12).halt_if("always", weeks=40))
    second = found.groupby("patient").nth(1)
    assert (second["units"] == 0).all()
    assert (second["gap_weeks"] == 40).all()
    result = rr.compare({"holidays": rr.Fixed(12).halt_if("always", weeks=40)}, COHORT[:200], years=6, sweep=False)
    assert np.isfinite(result.table().loc["holidays", "time_in_benefit"])


def test_a_switch_is_for_good_and_scales_doses(told, patient):
    rule = rr.Fixed(12).escalate_dose(0.5).switch_if("no response, 2 times in a row", RIMA, units=5000)
    assert told(rule, [S, S, L, W], "product") == ["onabotulinumtoxinA"] * 2 + [RIMA] * 3
    assert told(rule, [S, S, L, W], "units") == [20, 20, 5000, 5000, 7500]
    assert told(rule, [S, S], "reason")[-1] == "switch"


def test_the_new_products_label_dose_is_filled_in():
    ready = rr.Fixed(12).switch_if("tested positive", RIMA).prepared(COHORT.world)
    assert ready.units == PRODUCTS[RIMA].label_units["cervical dystonia"]
    with pytest.raises(rr.InputError, match="no label dose for glabellar lines"):
        rr.Fixed(12).switch_if("tested positive", RIMA).prepared(rr.World.default("glabellar"))


def test_touch_ups_go_to_those_without_effect(told):
    rule = rr.Fixed(12).touch_up(0.3, weeks=2)
    assert told(rule, [L, L, W, L]) == [2, 10, 2, 10, 2]
    assert told(rule, [L, L, W, L], "units") == [20, 0, 20, 6, 20]
    found = visits(rr.Fixed(12).touch_up(0.3))
    label = COHORT.world.label_units
    assert set(found["units"].round(6)) == {0.0, round(0.3 * label, 6), label}
    assert found.loc[found["units"] == 0.3 * label, "touch_up"].all()
    main = found[found["units"] == label]
    assert np.allclose(main.groupby("patient")["week"].diff().dropna(), 12)


def test_care_changes_the_world_for_its_patients():
    away = visits(rr.Fixed(12).with_adherence(no_show=0.5, no_show_weeks=3))
    assert set(away["gap_weeks"]) == {12.0, 15.0}
    longer, plain = visits(rr.Fixed(12).with_adjunct(1.5)), visits(rr.Fixed(12))
    assert longer["adjunct"].all()
    first, second = (v.loc[v["week"] == 0, "duration_weeks"].to_numpy() for v in (plain, longer))
    assert np.allclose(second, 1.5 * first)
    assert first.max() > 0
    assert not visits(rr.Fixed(12).with_adjunct(1.5, weeks=13))["adjunct"].any()


CHAIN = rr.Stepped(early=True).within(10, 20).confirm(2).halt_if("tested positive", 26).escalate_dose().touch_up(0.2)


def test_a_chain_is_an_ordinary_strategy():
    from retreat_research.strategies.parsing import parse_strategy

    assert pickle.loads(pickle.dumps(CHAIN)) == CHAIN
    assert parse_strategy(str(CHAIN)) == CHAIN
    assert CHAIN.describe().count(".") > 4
    whole = rr.simulate(COHORT, CHAIN, years=5).patients
    some = rr.simulate(COHORT[100:150], CHAIN, years=5, block=7).patients
    assert some.equals(whole.iloc[100:150].reset_index(drop=True))


def test_the_same_combinator_twice_keeps_two_memories(told):
    rule = rr.Fixed(12).halt_if("waned before the visit", 30).halt_if("no response", 50)
    assert told(rule, [W, L, S, L, L]) == [12, 30, 12, 50, 12, 12]


def test_an_oracle_stays_one():
    assert rr.Foresight().within(10, 20).oracle
    assert not rr.Fixed(12).booked().is_looking()
    assert rr.Stepped().booked().is_looking()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rr.Fixed(12).within(20, 10), "`shortest` must be at most `longest`"),
        (lambda: rr.Fixed(12).confirm(0), "`times` must be a whole number"),
        (lambda: rr.Personal().within(8, 20).confirm(2), "weighs all it has seen"),
        (lambda: rr.Fixed(12).escalate_dose(0), "`by` must be positive"),
        (lambda: rr.Fixed(12).escalate_dose(0.1, cap=0.5), "`cap` must be at least 1"),
        (lambda: rr.Fixed(12).lowest_effective_dose(floor=0), "`floor` must be above 0"),
        (lambda: rr.Fixed(12).halt_if("always", 0), "`weeks` must be a positive number"),
        (lambda: rr.Fixed(12).halt_if("felt bad", 3), "unknown condition 'felt bad'"),
        (lambda: rr.Fixed(12).switch_if("always", "botox"), "unknown product"),
        (lambda: rr.Fixed(12).touch_up(1.0), "`p` must lie between 0 and 1"),
        (lambda: rr.Fixed(12).touch_up(0.3, weeks=5), "`weeks` must be at most 3"),
        (lambda: rr.Fixed(12).with_adherence(), "needs one of no_show"),
        (lambda: rr.Fixed(12).with_adherence(no_show=2), "`no_show` must be a number from 0 to 1"),
        (lambda: rr.Fixed(12).with_adjunct(0.5), "`effect` must be a number from 1"),
    ],
)
def test_impossible_combinations_are_refused(make, message):
    with pytest.raises(rr.InputError, match=message):
        make()
