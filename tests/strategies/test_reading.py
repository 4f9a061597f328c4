"""Protocols in words and in files: conditions, actions, ladders, and errors that name the line."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retreat_research as rr
from retreat_research.strategies.conditions import PHRASES, condition
from retreat_research.strategies.document import _json_lines, _toml_lines
from retreat_research.strategies.parsing import parse_strategy

FOLDER = Path(__file__).parents[2] / "data" / "strategies"
COHORT = rr.draw_cohort(400, indication="cervical", seed=4)


@pytest.mark.parametrize("phrase", PHRASES)
def test_every_phrase_is_understood_and_can_be_negated(phrase):
    text = phrase.replace("N", "10")
    assert condition(text) == condition(f"  {text} ")
    assert phrase == "always" or condition(f"not {text}").holds.phrases[0].negated or phrase.startswith("not")


def test_conditions_on_a_simulated_cohort():
    """Each phrase against what the decision log says, patient by patient."""
    texts = ("lasted to the visit", "waned before the visit", "no response", "waned before week 8", "tested positive")
    answers = []

    class Spy(rr.Fixed):
        looks = True

        def decide(self, now, memory):
            answers.append({text: condition(text).holds(now) for text in texts})
            return super().decide(now, memory)

    cohort = rr.draw_cohort(60, world=COHORT.world.replace(dropout_per_year=0, test_every=2, specificity=0.7), seed=1)
    log = rr.simulate(cohort, Spy(12), years=4, history=True).decisions
    asked = answers[::5]  # the first answer at each visit; four are checks
    found = dict.fromkeys(texts, 0)
    for k, visit in enumerate(dict(list(log.groupby(log.groupby("patient").cumcount()))).values()):
        for i, row in enumerate(visit.itertuples()):
            lasted = k > 0 and row.effect_at_return and np.isnan(row.waned_weeks)
            waned = k > 0 and not lasted and (row.responded or not row.assessed)
            wanted = {
                "lasted to the visit": lasted,
                "waned before the visit": waned,
                "no response": k > 0 and row.assessed and not row.responded,
                "waned before week 8": waned and row.upper <= 8,
                "tested positive": row.last_test == 1 and row.last_test_week == row.week - 12,
            }
            for text, value in wanted.items():
                assert asked[k][text][i] == value, (text, k, i)
                found[text] += value
    assert min(found.values()) > 3


def test_a_ladder_written_out_is_the_built_in_rule():
    ladder = rr.Ladder(
        12,
        (
            ("waned before the visit", "shorten by 2 weeks, at least 12 weeks"),
            ("lasted to the visit", "extend by 4 weeks, at most 26 weeks"),
        ),
    )
    a, b = (rr.simulate(COHORT, rule, years=6, history=True).sessions for rule in (ladder, rr.TreatAndExtend(4, 2)))
    assert a.equals(b)


def test_a_ladder_by_hand(told):
    rule = rr.Ladder(
        12,
        (
            ("no response, 2 times in a row", "halt for 20 weeks"),
            ("waned before the visit", "raise the dose by 50%, at most 1.5 label doses and shorten by 1 weeks"),
            ("lasted to the visit, 2 times in a row", "extend by 2 weeks"),
        ),
    )
    assert told(rule, ["waned", "waned", "lasted", "lasted", "silent", "silent", "lasted"]) == [
        12, 11, 10, 10, 12, 12, 20, 12,
    ]  # fmt: skip
    assert told(rule, ["waned", "waned", "silent", "silent"], "units") == [20, 30, 30, 30, 0]


@pytest.mark.parametrize("name", ["guideline.toml", "protocol.toml", "ladder.json"])
def test_the_examples_are_read(name):
    plan = rr.read_plan(FOLDER / name)
    for strategy in plan.strategies.values():
        assert parse_strategy(str(strategy)) == strategy


BAD = """
indication = "glabella"
patients = 0
preferences = [0, 2]
[world]
within_sdd = 2
[[strategy]]
name = "a"
rule = "Steped(step=2)"
[[strategy]]
name = "a"
start = "3 months"
foo = 1
[[strategy.rule]]
when = "waned befor the visit"
then = "hold"
[[strategy.rule]]
when = "always"
then = "halt for 0 weeks"
[[strategy.rule]]
when = "no response"
then = "hold"
[[strategy]]
name = "b"
start = "12 weeks"
[[strategy.rule]]
when = "lasted to the visit"
then = "extend by 2 weeks, at most 8 weeks"
"""


def test_every_problem_is_listed_with_its_line(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xef\xbb\xbf" + BAD.replace("\n", "\r\n").encode())
    with pytest.raises(rr.InputError) as error:
        rr.read_plan(path)
    text = str(error.value)
    lines = {int(line.split("line ")[1].split(":")[0]) for line in text.splitlines()[1:]}
    assert lines == {3, 4, 6, 9, 11, 12, 13, 15, 19, 21, 28}
    assert "did you mean Stepped" in text
    assert "two strategies are called 'a'; the other is in line 8" in text
    assert "never reached: the one in line 18 always holds" in text


def test_json_names_lines_too(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"strategy": [\n {"name": "a", "rule": "Fixed(12)"},\n {"name": "a",\n  "rule": "Fixd(12)"}]}')
    with pytest.raises(rr.InputError, match=r"line 3: two strategies(.|\n)*line 4: unknown strategy"):
        rr.read_strategies(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.toml", b"a = [1,", r"a\.toml: .*line 1|end of document"),
        ("a.toml", b"\xff\xfe", "line 1: not UTF-8"),
        ("a.toml", b"", "says nothing"),
        ("a.json", b"[1]", "says nothing"),
        ("a.json", b'{"a": 1, "a": 2}', "given twice"),
        ("a.txt", b"x", "must be a TOML or a JSON file"),
        ("a.toml", b"strategy = 3", "there is no strategy"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(rr.InputError, match=message):
        rr.read_strategies(tmp_path / name)


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet="abc=[]{}\"'#\n.,: 12strategyrulewhenthenname", max_size=120), st.sampled_from(["toml", "json"])
)
def test_any_text_is_read_or_refused(tmp_path_factory, text, kind):
    path = tmp_path_factory.mktemp("any") / f"a.{kind}"
    path.write_text(text, encoding="utf-8")
    with suppress(rr.InputError):  # nothing else may come
        rr.read_strategies(path)


def test_lines_of_nested_files():
    json = '{\n "a": [1,\n  {"b": {}, "c":\n   []}],\n "d": 2}'
    assert dict(_json_lines(json)) == {
        ("a",): 2, ("a", 0): 2, ("a", 1): 3, ("a", 1, "b"): 3, ("a", 1, "c"): 3, ("d",): 5,
    }  # fmt: skip
    toml = 'x = """\n[[a]]\n"""\n[[a]]\nb = [1, # ]\n 2]\n[[a.c]]\n"d" = 1\n[[a]]\n[[a.c]]\ne.f = 1\n'
    assert dict(_toml_lines(toml)) == {
        ("x",): 1, ("a", 0): 4, ("a", 0, "b"): 5, ("a", 0, "b", 0): 5, ("a", 0, "b", 1): 6, ("a", 0, "c", 0): 7,
        ("a", 0, "c", 0, "d"): 8, ("a", 1): 9, ("a", 1, "c", 0): 10, ("a", 1, "c", 0, "e", "f"): 11,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Stepped().widthin(1, 2)", "no strategy has `.widthin`"),
        ("Stepped().within(1)", "`within` takes shortest, longest"),
        ("Fixed(12).halt_if(__import__('os'), 3)", "`condition` must be"),
        ("Fixed(12)._rule", "must be one call"),
        ("Fixed(12)._rule()", "no strategy has `._rule`"),
    ],
)
def test_chains_that_cannot_be_read(text, message):
    with pytest.raises(rr.InputError, match=message):
        parse_strategy(text)
