"""Ladders against the rules they write out, and against a naive reading of the protocol, decision by decision."""

import pickle

import numpy as np
import pytest

import retreat_research as rr
from retreat_research.strategies.actions import PHRASES, actions
from retreat_research.strategies.parsing import parse_strategy

COHORT = rr.draw_cohort(400, indication="cervical", seed=4)
HARD = rr.draw_cohort(
    300, world=COHORT.world.replace(susceptible_share=0.6, test_every=2, non_response=0.3, dropout_per_year=0), seed=2
)
EXTEND = ("lasted to the visit", "extend by 2 weeks, at most 26 weeks")
SHORTEN = ("waned before the visit", "shorten by 2 weeks, at least 12 weeks")


def sessions(rule, cohort=HARD):
    return rr.simulate(cohort, rule, years=8, seed=3, history=True).sessions


@pytest.mark.parametrize(
    ("ladder", "same"),
    [
        (rr.Ladder(12, (EXTEND, SHORTEN)), rr.TreatAndExtend(2, 2)),
        (
            rr.Ladder(12, (("tested positive", "halt for 26 weeks"), EXTEND, SHORTEN)),
            rr.TreatAndExtend(2, 2).halt_if("tested positive", 26),
        ),
        (
            rr.Ladder(12, (("no response again", "halt for 20 weeks"), EXTEND, SHORTEN), early_from=12),
            rr.TreatAndExtend(2, 2, early=True).halt_if("no response, 2 times in a row", 20),
        ),
        (rr.Ladder(14, (("always", "hold"),)), rr.Fixed(14)),
        (
            rr.Ladder(12, (("no response again", "switch to rimabotulinumtoxinB at 9000 units"),)),
            rr.Fixed(12).switch_if("no response again", "rimabotulinumtoxinB", 9000),
        ),
        (
            rr.Ladder(
                12, (("waned before the visit", "raise the dose by 25% of the label dose, at most 2 label doses"),)
            ),
            rr.Fixed(12).escalate_dose(0.25, cap=2.0),
        ),
    ],
)
def test_a_ladder_is_the_rule_it_writes_out(ladder, same):
    a, b = sessions(ladder), sessions(same)
    assert len(a) > 2000
    assert a.drop(columns="reason").equals(b.drop(columns="reason"))
    assert set(a["reason"]) - {"start"} == set(b["reason"]) - {"start"}


# -- a naive reading of a protocol, in plain Python, one patient at a time --

CONDITIONS = {
    "lasted to the visit": lambda s, k, u: s == "lasted",
    "waned before the visit": lambda s, k, u: s in ("waned", "unassessed"),
    "no response": lambda s, k, u: s == "silent",
    "not no response": lambda s, k, u: s != "silent",
    "after 4 sessions": lambda s, k, u: k >= 4,
    "dose of at least 1.2 label doses": lambda s, k, u: u >= 1.2 - 1e-9,
    "lasted to the visit and after 3 sessions": lambda s, k, u: s == "lasted" and k >= 3,
}
ACTIONS = {
    "hold": lambda p: None,
    "extend by 2 weeks, at most 20 weeks": lambda p: p.update(gap=max(p["gap"], min(p["gap"] + 2, 20))),
    "extend by 3 weeks": lambda p: p.update(gap=max(p["gap"], min(p["gap"] + 3, 52))),
    "shorten by 2 weeks, at least 8 weeks": lambda p: p.update(gap=min(p["gap"], max(p["gap"] - 2, 8))),
    "return to 13 weeks": lambda p: p.update(gap=13),
    "raise the dose by 10%, at most 1.5 label doses": lambda p: p.update(
        dose=max(p["dose"], min(p["dose"] + 0.1, 1.5))
    ),
    "lower the dose by 10%, at least 0.8 label doses": lambda p: p.update(
        dose=min(p["dose"], max(p["dose"] - 0.1, 0.8))
    ),
    "halt for 30 weeks": lambda p: p.update(halt=30),
    "switch to abobotulinumtoxinA at 50 units": lambda p: p.update(product="abobotulinumtoxinA", label=50.0),
}


def by_hand(rules, visits):
    """(weeks to the next visit, units, product) at each visit."""
    now = {"gap": 12.0, "dose": 1.0, "label": 20.0, "product": "onabotulinumtoxinA"}
    counts, given, halted, sessions_ = [0] * len(rules), [], False, 0
    for k, seen in enumerate(["", *visits]):
        now["halt"] = 0
        if k > 0 and not halted:
            chosen = None
            for i, (when, times, _) in enumerate(rules):
                counts[i] = counts[i] + 1 if CONDITIONS[when](seen, sessions_, now["dose"]) else 0
                if chosen is None and counts[i] >= times:
                    chosen, counts[i] = i, 0
            for then in rules[chosen][2] if chosen is not None else ():
                ACTIONS[then](now)
        halted = now["halt"] > 0
        sessions_ += not halted
        units = 0.0 if halted else now["dose"] * now["label"]
        given.append((now["halt"] or now["gap"], units, now["product"]))
    return given


@pytest.mark.parametrize("seed", range(60))
def test_ladders_against_a_naive_reading(seed, patient):
    rng = np.random.default_rng(seed)
    visits = rng.choice(["lasted", "waned", "silent", "unassessed"], 25, p=[0.45, 0.25, 0.2, 0.1]).tolist()
    while True:
        rules = [
            (
                str(rng.choice(list(CONDITIONS))),
                int(rng.integers(1, 4)),
                tuple(map(str, rng.choice(list(ACTIONS), rng.integers(1, 3), replace=False))),
            )
            for _ in range(rng.integers(1, 5))
        ]
        written = tuple(
            (when if times == 1 else f"{when}, {times} times in a row", " and ".join(then))
            for when, times, then in rules
        )
        try:
            ladder = rr.Ladder(12, written)
        except rr.InputError:  # it is impossible, as another test shows
            continue
        break
    one = patient(ladder)
    told = [one.visit(seen) for seen in ["", *visits]]
    wanted = by_hand(rules, visits)
    assert [t["latest"] for t in told] == [weeks for weeks, _, _ in wanted]
    injected = [units > 0 for _, units, _ in wanted]
    assert [t["product"] for t, yes in zip(told, injected, strict=True) if yes] == [
        product for _, units, product in wanted if units > 0
    ]
    assert [t["units"] for t in told] == pytest.approx([units for _, units, _ in wanted])
    assert [t["reason"] == "halt" for t in told] == [units == 0 for _, units, _ in wanted]
    assert told[0]["reason"] == "start"


def test_after_a_switch_doses_still_count_in_label_doses(told):
    rule = rr.Ladder(
        12,
        (
            ("no response", "switch to rimabotulinumtoxinB at 5000 units"),
            ("waned before the visit and not dose of at least 1.5 label doses", "raise the dose by 50%"),
            ("waned before the visit", "shorten by 2 weeks"),
        ),
    )
    visits = ["silent", "waned", "waned", "lasted"]
    assert told(rule, visits, "units") == [20, 5000, 7500, 7500, 7500]
    assert told(rule, visits, "reason") == ["start", "switch", "escalate", "shorten", "hold"]
    assert told(rule, ["silent", "silent"], "reason") == ["start", "switch", "hold"]  # there is nothing to switch to


def test_what_goes_with_a_halt_is_given_after_it():
    rule = rr.Ladder(
        12,
        (
            (
                "no response",
                "halt for 20 weeks and switch to rimabotulinumtoxinB at 5000 units and raise the dose by 50%",
            ),
        ),
    )
    visits = sessions(rule)
    halts = visits["units"] == 0
    assert halts.sum() > 100
    assert (visits.loc[halts, "gap_weeks"] == 20).all()
    assert (visits.loc[halts, "reason"] == "halt").all()
    after = halts.groupby(visits["patient"]).shift(1, fill_value=False)
    assert (visits.loc[after, "product"] == "rimabotulinumtoxinB").all()
    first = after & (visits.groupby("patient")["units"].transform(lambda u: (u == 0).cumsum()) == 1)
    assert (visits.loc[first, "units"] == 7500).all()


def test_the_reason_is_that_of_the_first_thing_that_changes(told):
    rule = rr.Ladder(
        12,
        (
            ("waned before the visit", "raise the dose by 10%, at most 1.1 label doses and extend by 1 week"),
            ("lasted to the visit", "hold and shorten by 1 week"),
        ),
    )
    assert told(rule, ["waned", "waned", "lasted"], "reason") == ["start", "escalate", "extend", "shorten"]


def test_on_request_windows_open_from_then_on(patient):
    one = patient(rr.Ladder(10, (("lasted to the visit", "extend by 4 weeks"),), early_from=12))
    told = [one.visit(seen) for seen in ("", "lasted", "lasted")]
    assert [(t["earliest"], t["latest"]) for t in told] == [(10, 10), (12, 14), (12, 18)]


def test_a_label_dose_that_is_not_known_is_asked_for():
    rule = rr.Ladder(12, (("no response", "switch to rimabotulinumtoxinB"),))
    ready = rule.prepared(COHORT.world)
    assert ready.doses == (("rimabotulinumtoxinB", 5000.0),) or ready.doses[0][1] > 0
    assert ready.prepared(COHORT.world) is ready
    assert rule.prepared(rr.World.default("cervical")) == ready
    with pytest.raises(rr.InputError, match=r"no label dose for glabellar lines; say it: switch to … at N units"):
        rule.prepared(rr.World.default("glabellar"))


def test_a_protocol_is_described_in_numbered_steps():
    text = rr.Ladder(12, (EXTEND, SHORTEN), early_from=12).describe()
    assert text == (
        "Starts at 12 weeks. At each visit the first rule that holds decides: "
        "1. If lasted to the visit: extend by 2 weeks, at most 26 weeks. "
        "2. If waned before the visit: shorten by 2 weeks, at least 12 weeks. "
        "The patient may come when she notices waning, from 12 weeks on."
    )
    assert rr.Ladder(12, (EXTEND,)).describe().endswith("Visits are booked.")


def test_a_ladder_is_compared_pickled_and_read_back():
    one = rr.Ladder(12, [list(EXTEND), list(SHORTEN)], early_from=12)
    assert one == rr.Ladder(12, (EXTEND, SHORTEN), early_from=12) == pickle.loads(pickle.dumps(one))
    assert hash(one) == hash(pickle.loads(pickle.dumps(one)))
    assert parse_strategy(str(one)) == one
    assert one != rr.Ladder(12, (SHORTEN, EXTEND), early_from=12)


@pytest.mark.parametrize("phrase", PHRASES)
def test_every_action_is_understood_long_and_short(phrase):
    short = phrase.split("[")[0].replace("N", "2")
    long = phrase.replace("[", "").replace("]", "").replace("N", "2")
    for text in (short, long, f"  {long.replace(' ', '  ')}"):
        assert actions(text)[0].text == phrase


@pytest.mark.parametrize(
    ("start", "rules", "message"),
    [
        (12, (("always", "hold"), EXTEND), "rule 2: this rule is never reached: the one in rule 1 always holds"),
        (12, (EXTEND, SHORTEN, EXTEND), "rule 3: this rule is never reached: the one in rule 1 holds first"),
        (12, (("no response", "hold"), ("no response again", "hold")), "rule 2: this rule is never reached"),
        (12, (("no response", "hold"), ("tested positive and no response", "hold")), "rule 2: this rule is never"),
        (12, (("always", "extend by 2 weeks, at most 8 weeks"),), "rule 1: it .* no interval is ever below 8"),
        (12, (("always", "extend by 2 weeks, at most 12 weeks"),), "no interval is ever below 12"),
        (12, (("always", "shorten by 2 weeks, at least 12 weeks"),), "no interval is ever above 12"),
        (12, (("always", "raise the dose by 5%, at most 1 label dose"),), "no dose is ever below 1"),
        (12, (("always", "lower the dose by 5%, at least 1.2 label doses"),), "no dose is ever above 1.2"),
        (12, (("always", "halt for 0 weeks"),), "'halt for 0 weeks' does nothing, or something impossible"),
        (12, (("always", "halt for 0.5 weeks"),), "must be at least a week"),
        (12, (("always", "return to 0.1 weeks"),), "must be at least a week"),
        (12, (("always", "shorten by 1 week, at least 0.1 weeks"),), "must be at least a week"),
        (12, (("always", "extend by 3 months"),), r"did you mean extend by N weeks\?"),
        (12, (("always", "switch to Dysport"),), "unknown product 'Dysport'; did you mean abobotulinumtoxinA"),
        (12, (("always", "switch to placebo"),), "unknown product 'placebo'; known are ona"),
        (12, (("always", "switch to rimabotulinumtoxinB at 0 units"),), "gives no dose"),
        (12, (("always", ""),), "an action must be a text"),
        (12, (("always", "extend by " + "9" * 4400 + " weeks"),), "unknown action"),
        (0.5, (EXTEND,), "`start` must be at least a week"),
        ("12", (EXTEND,), "`start` must be a positive number of weeks"),
        (10**400, (EXTEND,), "`start` must be a positive number of weeks"),
        (12, (), "`rules` must be pairs"),
        (12, (5,), "`rules` must be pairs"),
        (12, "always", "`rules` must be pairs"),
    ],
)
def test_impossible_protocols_are_refused(start, rules, message):
    with pytest.raises(rr.InputError, match=message):
        rr.Ladder(start, rules)


@pytest.mark.parametrize(
    "rules",
    [
        # the interval can be shorter than the start first
        (
            ("waned before the visit", "shorten by 2 weeks, at least 8 weeks"),
            (EXTEND[0], "extend by 2 weeks, at most 12 weeks"),
        ),
        (("no response", "return to 6 weeks"), (EXTEND[0], "extend by 2 weeks, at most 10 weeks")),
        # after the first has acted its count begins anew, and so the second can be met
        (("no response again", "halt for 8 weeks"), ("no response, 3 times in a row", "hold")),
        (("tested positive and no response", "hold"), ("no response", "hold")),
    ],
)
def test_what_looks_impossible_and_is_not(rules):
    assert rr.Ladder(12, rules).rules == rules


def test_doses_are_numbers():
    with pytest.raises(rr.InputError, match="the dose of rimabotulinumtoxinB"):
        rr.Ladder(12, (("no response", "switch to rimabotulinumtoxinB"),), doses=(("rimabotulinumtoxinB", "b"),))
