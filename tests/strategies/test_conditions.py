"""Conditions in words, against a naive reading patient by patient."""

import math
import pickle

import numpy as np
import pytest

import retreat_research as rr
from retreat_research.strategies import Past, Seen
from retreat_research.strategies.conditions import PHRASES, condition
from retreat_research.strategies.seen import SEEN_ARRAYS

nan = math.nan


def seen_of(patients):
    """`Seen` of patients given as dicts; what is not said is unknown."""
    unknown = {name: nan for name in SEEN_ARRAYS} | {
        "session": 3, "week": 36.0, "gap_weeks": 12.0, "units": 20.0, "label_units": 20.0, "assessed": True,
        "responded": True, "effect_at_return": False, "last_test": -1, "preference": 0.3,
    }  # fmt: skip
    rows = [unknown | patient for patient in patients]
    past = Past(np.arange(len(rows)))
    for k in range(3):
        earlier = [row.get("past", (0.0, 0.0, 0.0))[k] for row in rows]
        past = past.and_now(np.array(earlier), np.full(len(rows), np.inf), np.full(len(rows), 20.0))
    return Seen(
        **{name: np.array([row[name] for row in rows]) for name in SEEN_ARRAYS},
        _products=(np.array(["onabotulinumtoxinA"]), np.zeros(len(rows), dtype=int)),
        _past=past,
    )


def at_random(rng, n):
    """Patients with everything in every combination."""
    patients = []
    for _ in range(n):
        session = int(rng.integers(0, 5))
        upper = rng.choice([nan, 6.0, 10.0, 11.0, np.inf])
        patients.append({
            "session": session,
            "week": float(rng.choice([0.0, 36.0, 60.0, 200.0])),
            "gap_weeks": nan if session == 0 else float(rng.choice([8.0, 12.0, 20.0])),
            "units": float(rng.choice([20.0, 30.0, 29.9])),
            "assessed": session > 0 and bool(rng.random() < 0.7),
            "responded": session > 0 and bool(rng.random() < 0.5),
            "effect_at_return": session > 0 and bool(rng.random() < 0.5),
            "waned_weeks": float(rng.choice([nan, 9.0])),
            "upper": float(upper),
            "last_test": int(rng.integers(-1, 2)),
            "last_test_week": float(rng.choice([nan, 16.0, 24.0, 28.0, 48.0])),
            "last_reading": float(rng.choice([nan, 0.0, 0.9, 1.0, 5.0])),
            "preference": float(rng.choice([0.0, 0.49, 0.5, 1.0])),
            "past": tuple(rng.choice([nan, 0.0, 4.0, 10.0, 11.0], 3)),
        })  # fmt: skip
    return patients


def lasted(p):
    return p["session"] > 0 and p["effect_at_return"] and math.isnan(p["waned_weeks"])


def waned(p):
    return p["session"] > 0 and not lasted(p) and (p["responded"] or not p["assessed"])


#: A second reading of each phrase with a number of 10 (or 1.5 doses, 1 mU/mL, 2 sessions or years).
NAIVE = {
    "always": lambda p: True,
    "lasted to the visit": lasted,
    "waned before the visit": waned,
    "waned before week 10": lambda p: waned(p) and p["upper"] <= 10,
    "responded": lambda p: p["session"] > 0 and p["responded"],
    "no response": lambda p: p["session"] > 0 and p["assessed"] and not p["responded"],
    "not assessed": lambda p: p["session"] > 0 and not p["assessed"],
    "shorter than before": lambda p: waned(p) and any(p["upper"] < known for known in p["past"][:2]),
    "tested positive": lambda p: p["last_test"] == 1 and p["last_test_week"] >= p["week"] - p["gap_weeks"],
    "titre of at least 1 mU/mL": lambda p: p["last_reading"] >= 1,
    "interval of at least 12 weeks": lambda p: p["gap_weeks"] >= 12,
    "interval below 12 weeks": lambda p: p["gap_weeks"] < 12,
    "dose of at least 1.5 label doses": lambda p: p["units"] >= 30,
    "after 2 sessions": lambda p: p["session"] >= 2,
    "after 60 weeks": lambda p: p["week"] >= 60,
    "after 2 years": lambda p: p["week"] >= 2 * 365.25 / 7,
    "prefers smoothness": lambda p: p["preference"] < 0.5,
    "prefers responsiveness": lambda p: p["preference"] >= 0.5,
}
PATIENTS = at_random(np.random.default_rng(1), 600)


def test_every_phrase_has_a_second_reading():
    texts = list(NAIVE)
    assert [condition(text).holds.phrases[0].text for text in texts] == list(PHRASES)


@pytest.mark.parametrize("text", NAIVE)
def test_phrases_against_a_naive_reading(text):
    wanted = [bool(NAIVE[text](patient)) for patient in PATIENTS]
    shown = seen_of(PATIENTS)
    assert condition(text).holds(shown).tolist() == wanted
    assert text == "always" or 5 < sum(wanted) < 595  # both happen
    if text != "always":
        assert condition(f"not {text}").holds(shown).tolist() == [not one for one in wanted]


@pytest.mark.parametrize("seed", range(5))
def test_joined_phrases_hold_together(seed):
    rng, shown = np.random.default_rng(seed), seen_of(PATIENTS)
    tried = 0
    while tried < 20:
        texts = [str(text) for text in rng.choice(list(NAIVE), 3, replace=False)]
        denied = [bool(no) and text != "always" for no, text in zip(rng.random(3) < 0.4, texts, strict=True)]
        wanted = [all(bool(NAIVE[t](p)) != no for t, no in zip(texts, denied, strict=True)) for p in PATIENTS]
        text = " and ".join(f"not {t}" if no else t for t, no in zip(texts, denied, strict=True))
        try:
            found = condition(text).holds(shown).tolist()
        except rr.InputError:  # two of them exclude each other, see below
            continue
        assert found == wanted
        tried += 1


def test_what_is_called_impossible_never_happens():
    """`responded` comes with `assessed` only, as in a clinic."""
    possible = [p for p in PATIENTS if p["assessed"] or not p["responded"]]
    refused = 0
    for one in NAIVE:
        for other in NAIVE:
            try:
                condition(f"{one} and {other}")
            except rr.InputError:
                refused += 1
                assert not any(NAIVE[one](p) and NAIVE[other](p) for p in possible), (one, other)
    assert refused == 2 * 10


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("no response", 1),
        ("no response again", 2),
        ("no response, 2 times in a row", 2),
        ("no response 3 cycles in a row", 3),
        ("no response and not tested positive, 4 sessions in a row", 4),
    ],
)
def test_how_often_in_a_row(text, times):
    assert condition(text).times == times
    assert all(phrase.text in PHRASES for phrase in condition(text).holds.phrases)


@pytest.mark.parametrize("text", ["after 1 session", "after 1 year", "interval of at least 1 week", "after 1 weeks"])
def test_one_may_be_in_the_singular(text):
    assert condition(text).holds.phrases[0].numbers == (1.0,)


def test_a_condition_is_read_back_compared_and_pickled():
    one = condition("  not  tested positive\n and waned before week 9.5, 2 times in a row ")
    assert str(one) == "not tested positive and waned before week 9.5, 2 times in a row"
    assert condition(str(one)) == one == pickle.loads(pickle.dumps(one))
    assert hash(condition(str(one))) == hash(one)
    assert one != condition("not tested positive and waned before week 9.5")
    assert condition(one) is one


def test_a_test_at_the_last_session_is_new_whatever_the_rounding():
    pairs = [(a / 10, 12 + b / 10) for a in range(1, 99) for b in range(99)]
    last, gap = next((last, gap) for last, gap in pairs if (last + gap) - gap > last)
    now = {"last_test": 1, "week": last + gap, "gap_weeks": gap}
    shown = seen_of([now | {"last_test_week": last}, now | {"last_test_week": last - 0.01}])
    assert condition("tested positive").holds(shown).tolist() == [True, False]


def test_a_function_is_a_condition():
    def old_hand(seen):
        return seen.session > 2

    one = condition(old_hand)
    assert (str(one), one.times) == ("old_hand", 1)
    assert one.holds(seen_of([{"session": 2}, {"session": 3}])).tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("waned befor the visit", "did you mean waned before the visit"),
        ("interval of at least 12 months", r"did you mean interval of at least N weeks\?; known are: always; lasted"),
        ("no response and", "unknown condition 'no response and'"),
        ("waned before week 0", "'waned before week 0': the number must be above 0"),
        ("always, 0 times in a row", "it must hold at least once"),
        ("always, " + "9" * 5000 + " times in a row", "unknown condition 'always, 9+…'"),
        ("after " + "9" * 5000 + " weeks", "unknown condition"),
        ("tested positive and not tested positive", "can never hold"),
        ("not always", "can never hold"),
        ("", "must say something"),
        (None, "must be a text or a function"),
        (3, "must be a text or a function"),
    ],
)
def test_what_is_no_condition(text, message):
    with pytest.raises(rr.InputError, match=message):
        condition(text)
