"""The combinators against plain Python, patient by patient, and in every order."""

import itertools
import math
from copy import deepcopy

import numpy as np
import pytest

import retreat_research as rr

RIMA, INCO, ONA = "rimabotulinumtoxinB", "incobotulinumtoxinA", "onabotulinumtoxinA"
WORLD = rr.World.default("cervical dystonia").replace(
    missed_check=0.2, no_show=0.1, no_show_weeks=4.0, return_jitter=0.9, non_response=0.15
)
COHORT = rr.draw_cohort(300, world=WORLD, seed=5)
LABEL = WORLD.label_units
ORDER = ("earliest", "latest", "units", "product")


def visits(rule, cohort=COHORT):
    return rr.simulate(cohort, rule, years=6, seed=3, history=True).sessions


class Rule:
    """Treat and extend, +2/-2 from 12 weeks, 8 to 26; `see` is None at first, else what was seen of the cycle."""

    gap = 12.0

    def decide(self, see):
        before, kind = self.gap, "hold"
        if see and see["lasted"]:
            self.gap = min(self.gap + 2, 26.0)
        elif see and see["waned"]:
            self.gap = max(self.gap - 2, 8.0)
        if see:
            kind = "extend" if self.gap > before else "shorten" if self.gap < before else "hold"
        return [self.gap, self.gap, see["units"] if see else LABEL, see["product"] if see else ONA,
                kind if see else "start"]  # fmt: skip

    def ask(self, see):
        """(decision, how to undo it)."""
        before = deepcopy(self.__dict__)
        return self.decide(see), lambda: (self.__dict__.clear(), self.__dict__.update(before))


class Confirm(Rule):
    def __init__(self, rule, times):
        self.rule, self.times, self.called, self.window = rule, times, [], None

    def decide(self, see):
        told, undo = self.rule.ask(see)
        self.called = [*self.called, told[4]]
        if told[4] in ("start", "hold"):
            self.called = []
        elif len(self.called) < self.times or set(self.called[-self.times :]) != {told[4]}:
            undo()
            return [*self.window, see["units"], see["product"], "hold"]
        self.called, self.window = [], told[:2]
        return told


class Escalate(Rule):
    def __init__(self, rule, by, cap):
        self.rule, self.by, self.cap, self.window = rule, by, cap, None

    def decide(self, see):
        told, undo = self.rule.ask(see)
        if see and see["fresh"] and see["waned"] and told[2] > 0 and see["units"] < self.cap * LABEL - 1e-6:
            if told[4] == "shorten":
                undo()
                told[:2] = self.window
            told[2], told[4] = min(see["units"] + self.by * LABEL, self.cap * LABEL), "escalate"
        self.window = told[:2]
        return told


class Lowest(Rule):
    def __init__(self, rule, by, floor, hold):
        self.rule, self.by, self.floor, self.hold = rule, by, floor, hold
        self.streak, self.worked, self.found = 0, None, False

    def decide(self, see):
        told = self.rule.decide(see)
        if not see:
            return told
        fails = False
        if see["fresh"]:
            self.streak = self.streak + 1 if see["lasted"] else 0 if see["waned"] else self.streak
            fails = self.worked is not None and not self.found and (see["waned"] or see["silent"])
        self.found = self.found or fails
        if told[2] == 0:
            return told
        if self.found:
            told[2] = self.worked
            told[4] = "escalate" if fails else told[4]
        elif see["fresh"] and see["lasted"] and self.streak >= self.hold and told[2] > self.floor * LABEL + 1e-6:
            self.worked, self.streak = told[2], 0
            told[2] = max(told[2] - self.by * LABEL, self.floor * LABEL)
        return told


class Halt(Rule):
    def __init__(self, rule, holds, times, weeks):
        self.rule, self.holds, self.times, self.weeks = rule, holds, times, weeks
        self.row, self.window, self.away = 0, None, False

    def decide(self, see):
        if self.away:
            self.away = False
            return [*self.window, see["units"], see["product"], "hold"]
        if see and see["fresh"]:
            self.row = self.row + 1 if self.holds(see) else 0
            if self.row >= self.times:
                self.row, self.away = 0, True
                return [self.weeks, self.weeks, 0.0, see["product"], "halt"]
        told = self.rule.decide(see)
        self.window = told[:2]
        return told


class Switch(Rule):
    def __init__(self, rule, holds, usual, product):
        self.rule, self.holds, self.usual, self.product, self.done = rule, holds, usual, product, False

    def decide(self, see):
        ratio = self.usual / LABEL
        told = self.rule.decide({**see, "units": see["units"] / ratio} if self.done else see)
        now = not self.done and see is not None and see["fresh"] and self.holds(see)
        self.done = self.done or now
        if self.done:
            told[2], told[3] = told[2] * ratio, self.product
            told[4] = "switch" if now else told[4]
        return told


class TouchUp(Rule):
    def __init__(self, rule, p, weeks):
        self.rule, self.p, self.weeks, self.window, self.look = rule, p, weeks, None, False

    def decide(self, see):
        if self.look:
            self.look = False
            give = self.p * see["units"] if see["gap"] <= 3 and not see["effect"] else 0.0
            return [*(max(w - see["gap"], 1 / 7) for w in self.window), give, see["product"], "hold"]
        told = self.rule.decide(see)
        self.window, self.look = told[:2], told[2] > 0 and told[1] > self.weeks
        return [self.weeks, self.weeks, *told[2:]] if self.look else told


def seen_of(line, main, given, counted, gap):
    """What was seen of the cycle at the visit after `line`."""
    lasted = line.effect_at_return and math.isnan(line.waned_weeks)
    return {
        "units": main, "product": line.product, "effect": line.effect_at_return, "lasted": lasted, "gap": gap,
        "waned": not lasted and (line.responded or not line.assessed), "silent": line.assessed and not line.responded,
        "fresh": given > counted,
    }  # fmt: skip


def replayed(make, found):
    """Decisions of the twin at every visit of the history."""
    told = []
    for _, lines in found.groupby("patient"):
        rule, see, main, given, counted, gap = make(), None, LABEL, 0, 0, 0.0
        for line in lines.itertuples():
            told.append(rule.decide(see))
            counted = given
            given += line.units > 0
            opens = line.units > 0 and not line.touch_up
            main = line.units if opens else main
            gap = line.gap_weeks if opens else gap + line.gap_weeks
            see = seen_of(line, main, given, counted, gap)
    return told


def waned(seen):
    return seen.waned


def silent(seen):
    return seen.assessed & ~seen.responded & (seen.session > 0)


TE = rr.TreatAndExtend(shortest=8)
CASES = {
    "confirm": (TE.confirm(2), lambda: Confirm(Rule(), 2)),
    "escalate": (TE.escalate_dose(0.3, cap=1.5), lambda: Escalate(Rule(), 0.3, 1.5)),
    "lowest": (TE.lowest_effective_dose(0.2, 0.5, 2), lambda: Lowest(Rule(), 0.2, 0.5, 2)),
    "halt": (TE.halt_if(silent, 26), lambda: Halt(Rule(), lambda s: s["silent"], 1, 26.0)),
    "switch": (
        TE.escalate_dose(0.3, cap=1.5).switch_if(silent, RIMA),
        lambda: Switch(Escalate(Rule(), 0.3, 1.5), lambda s: s["silent"], 5000.0, RIMA),
    ),
    "touch_up": (TE.touch_up(0.3), lambda: TouchUp(Rule(), 0.3, 2.0)),
    "halt, escalate": (
        TE.halt_if("waned before the visit, 2 times in a row", 20).escalate_dose(0.3, cap=1.5),
        lambda: Escalate(Halt(Rule(), lambda s: s["waned"], 2, 20.0), 0.3, 1.5),
    ),
    "halt, lowest": (
        TE.halt_if(waned, 20).lowest_effective_dose(0.2, 0.5, 2),
        lambda: Lowest(Halt(Rule(), lambda s: s["waned"], 1, 20.0), 0.2, 0.5, 2),
    ),
    "confirm, halt": (
        TE.confirm(2).halt_if(silent, 26),
        lambda: Halt(Confirm(Rule(), 2), lambda s: s["silent"], 1, 26.0),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_visit_is_as_the_plain_twin_says(name):
    rule, make = CASES[name]
    found = visits(rule)
    told = replayed(make, found)
    for column, values in zip((*ORDER, "reason"), zip(*told, strict=True), strict=True):
        shown = found[column].to_numpy()
        same = np.isclose(shown.astype(float), values) if column in ORDER[:3] else shown == np.array(values)
        assert same.all(), (column, np.flatnonzero(~same)[:5])
    assert len({reason for *_, reason in told}) > 2


@pytest.mark.parametrize("first", [2, 4])
def test_a_second_switch_gives_the_usual_dose_of_its_product(first):
    rule = rr.Fixed(12).switch_if(f"after {first} sessions", RIMA).switch_if(f"after {6 - first} sessions", INCO)
    found = visits(rule)
    assert {INCO} <= set(found["product"]) <= {ONA, RIMA, INCO}
    assert found.groupby("product")["units"].agg(["min", "max"]).isin([236.0, 120.0, 5000.0]).all(axis=None)
    assert (found.loc[found["product"] == INCO, "units"] == 120).all()


def test_a_dose_that_was_raised_stays_raised_over_two_switches():
    rule = (
        rr.Fixed(12)
        .escalate_dose(0.5, cap=1.5)
        .switch_if("after 8 sessions", RIMA)
        .switch_if("after 16 sessions", INCO)
    )
    found = visits(rule)
    usual = found["product"].map({ONA: LABEL, RIMA: 5000.0, INCO: 120.0})
    assert set((found["units"] / usual).round(9)) == {1.0, 1.5}
    rises = (found["units"] / usual).groupby(found["patient"]).diff().dropna()
    assert (rises > -1e-9).all()


def test_a_holiday_is_no_cycle_for_the_dose():
    found = visits(rr.Fixed(12).halt_if("lasted to the visit, 2 times in a row", 26).escalate_dose(0.2))
    by = found.groupby("patient")
    back = by["units"].shift(1) == 0
    assert back.sum() > 100
    assert np.allclose(found.loc[back, "units"], by["units"].shift(2)[back])


def test_the_dose_that_worked_is_given_again_after_a_holiday(told):
    rule = rr.Fixed(12).halt_if("waned before the visit", 30).lowest_effective_dose(by=0.25, hold=2)
    assert told(rule, ["lasted", "lasted", "waned", "waned", "lasted"], "units") == [20, 20, 15, 0, 20, 20]


def test_a_rule_that_raises_the_dose_still_may(told):
    rule = rr.TreatAndExtend(shortest=8).escalate_dose(0.5, cap=2).lowest_effective_dose()
    assert told(rule, ["waned"] * 3, "units") == [20, 30, 40, 40]


@pytest.mark.parametrize("care", [{"no_show": 0.3, "no_show_weeks": 4.0}, {"jitter": 0.9}, {}])
def test_a_late_look_is_no_session_of_its_own(care):
    rule = rr.Fixed(12).touch_up(0.3, weeks=3)
    found = visits(rule.with_adherence(**care) if care else rule)
    main = found[(found["units"] > 0) & ~found["touch_up"]]
    assert (main["units"] == LABEL).all()
    assert np.allclose(found.loc[found["touch_up"], "units"], 0.3 * LABEL)


def test_a_look_must_be_in_time_for_a_touch_up():
    world = WORLD.replace(touch_up_weeks=1.0)
    with pytest.raises(rr.InputError, match="must come within 1; see `touch_up_weeks`"):
        visits(rr.Fixed(12).touch_up(0.3), rr.draw_cohort(10, world=world, seed=1))
    found = visits(rr.Fixed(12).touch_up(0.3, weeks=2), rr.draw_cohort(
        200, world=WORLD.replace(touch_up_weeks=2.1), seed=1))  # fmt: skip
    assert set(found["units"].round(6)) == {0.0, round(0.3 * LABEL, 6), LABEL}


AFTER = {
    "within": lambda s: s.within(10, 26), "booked": lambda s: s.booked(), "confirm": lambda s: s.confirm(2),
    "escalate_dose": lambda s: s.escalate_dose(), "lowest_effective_dose": lambda s: s.lowest_effective_dose(),
    "halt_if": lambda s: s.halt_if("always", 26), "switch_if": lambda s: s.switch_if("always", RIMA),
    "touch_up": lambda s: s.touch_up(0.2), "with_adjunct": lambda s: s.with_adjunct(1.2),
}  # fmt: skip


@pytest.mark.parametrize("method", AFTER)
def test_nothing_but_adherence_follows_touch_ups(method):
    for rule in (rr.Fixed(12).touch_up(0.3), rr.Fixed(12).touch_up(0.3).with_adherence(no_show=0.1)):
        with pytest.raises(rr.InputError, match="`touch_up` must come last"):
            AFTER[method](rule)


@pytest.mark.parametrize("method", ["escalate_dose", "lowest_effective_dose"])
def test_dose_rules_come_before_another_product(method):
    with pytest.raises(rr.InputError, match="must come before `switch_if`"):
        AFTER[method](rr.Fixed(12).switch_if("always", RIMA).within(10, 20))


@pytest.mark.parametrize(("one", "two"), list(itertools.permutations(AFTER, 2)))
def test_any_two_run_or_are_refused_with_a_hint(one, two):
    rule = AFTER[one](rr.Stepped(early=True))
    if one == "touch_up" or (one == "switch_if" and "dose" in two):
        with pytest.raises(rr.InputError, match="must come"):
            AFTER[two](rule)
        return
    rule = AFTER[two](rule)
    out = rr.simulate(COHORT[:40], rule, years=3, history=True)
    dose = out.sessions["units"] / out.sessions["product"].map({ONA: LABEL, RIMA: 5000.0})
    assert dose.max() <= 2 + 1e-9


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (rr.Decision.at(12, reason="extnd"), "`reason` must be one of start"),
        (rr.Decision.at(12, units="236"), "`units` of a decision must be numbers"),
        (rr.Decision.at(np.ones(3)), r"has shape \(3,\)"),
    ],
)
def test_a_wrapper_hides_no_mistake_of_the_rule(told, message):
    def own(seen):
        return told

    with pytest.raises(rr.InputError, match=message):
        visits(rr.strategy(own).within(8, 20))
