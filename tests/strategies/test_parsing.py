"""Strategies from text: what is written is read back, and nothing is run."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retreat_research as rr
from retreat_research.strategies.conditions import condition
from retreat_research.strategies.parsing import named_strategies, parse_strategy

WEEKS = st.sampled_from([8, 12, 12.5, 16.0])
LONGER = st.sampled_from([20, 26.0, 52])
CONDITIONS = st.sampled_from(["tested positive", "no response again", "waned before week 9.5 and after 1 year"])
NAMED = st.one_of(
    st.builds(rr.Fixed, WEEKS),
    st.builds(rr.OnWaning, WEEKS, LONGER),
    st.builds(rr.Stepped, WEEKS, step=WEEKS, early=st.booleans(), on_waning=st.sampled_from(["hold", "back", "dose"])),
    st.builds(rr.TreatAndExtend, WEEKS, WEEKS),
    st.builds(rr.Personal, st.sampled_from([0.2, 0.5])),
    st.builds(
        rr.Ladder, WEEKS, st.just((("no response", "hold"), ("lasted to the visit", "extend by 2 weeks"))), WEEKS
    ),
    st.just(rr.Midpoint()),
    st.just(rr.Conservative()),
    st.just(rr.LabelMinimum()),
)
ADDITIONS = st.lists(
    st.one_of(
        st.tuples(st.just("within"), st.tuples(WEEKS, LONGER)),
        st.tuples(st.just("halt_if"), st.tuples(CONDITIONS, LONGER)),
        st.tuples(st.just("booked"), st.just(())),
        st.tuples(st.just("with_adjunct"), st.tuples(st.sampled_from([1.1, 2]), WEEKS)),
        st.tuples(st.just("with_adherence"), st.tuples(st.sampled_from([0.1, 0.5]))),
        st.tuples(st.just("switch_if"), st.tuples(CONDITIONS, st.just("rimabotulinumtoxinB"), st.none() | LONGER)),
    ),
    max_size=4,
)


@settings(max_examples=200, deadline=None)
@given(NAMED, ADDITIONS)
def test_what_is_written_is_read_back(rule, additions):
    for method, arguments in additions:
        rule = getattr(rule, method)(*arguments)
    again = parse_strategy(str(rule))
    assert again == rule
    assert str(again) == str(rule)
    assert hash(again) == hash(rule)


@pytest.mark.parametrize(
    "name", ["booked", "confirm(2)", "escalate_dose()", "lowest_effective_dose()", "touch_up(0.3)"]
)
def test_every_other_combinator_is_read_back(name):
    text = f"Stepped(step=2).{name}" + ("" if name.endswith(")") else "()")
    rule = parse_strategy(text)
    assert parse_strategy(str(rule)) == rule


def test_positions_names_and_lines_make_no_difference():
    one = parse_strategy('Stepped(step=2)\n  .within(10, 26)\n  .halt_if("tested positive", weeks=26)')
    assert one == parse_strategy("Stepped(12, 2).within(longest=26, shortest=10).halt_if('tested positive', 26)")
    assert one == rr.Stepped(12, 2).within(10, 26).halt_if(condition("tested positive"), 26)


def test_all_public_strategies_can_be_named():
    assert set(named_strategies()) >= {
        "Conservative", "Fixed", "LabelMinimum", "Ladder", "Midpoint", "OnWaning", "Personal", "Stepped",
        "TreatAndExtend",
    }  # fmt: skip


@pytest.mark.parametrize("make", ["Fixed({})", "Stepped(step={})", "OnWaning({0}, {0})", "TreatAndExtend({})",
                                  "Fixed(12).within({0}, {0})", "Fixed(12).halt_if('always', {})",
                                  "Fixed(12).switch_if('always', 'rimabotulinumtoxinB', {})",
                                  "Fixed(12).escalate_dose({})", "Fixed(12).confirm({0}.0)",
                                  "Ladder({}, (('always', 'hold'),))"])  # fmt: skip
@pytest.mark.parametrize("value", ["1" + 400 * "0", "-1", "1e999", "'12'", "[12]", "None", "{1: 2}"])
def test_values_that_are_none_are_refused(make, value):
    if make.startswith("Fixed(12).switch_if") and value == "None":
        return  # the label dose
    with pytest.raises(rr.InputError):
        parse_strategy(make.format(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Steped()", r"unknown strategy `Steped`; did you mean Stepped\?; there are Conservative, Fixed"),
        ("Stepped(stp=2)", r"`Stepped` has no argument `stp`; did you mean step\?"),
        ("Stepped().halt_iff('x', 2)", r"no strategy has `.halt_iff`; did you mean halt_if\?; there are within"),
        ("Stepped().halt_if('tested positve', 2)", "did you mean tested positive"),
        ("Stepped().halt_if('tested positive', 2, 3)", "`halt_if` takes condition, weeks"),
        ("Stepped().halt_if('tested positive', weeks=2, weeks=3)", "`weeks` is given twice"),
        ("Stepped(12, start=13)", "`start` is given twice"),
        ("Stepped().decide(1, 2)", "no strategy has `.decide`"),
        ("Stepped().__class__()", "no strategy has `.__class__`"),
        ("Stepped()._rule()", "no strategy has `._rule`"),
        ("Stepped().within", "must be one call"),
        ("Fixed(open('x'))", "`weeks` must be a number, a text"),
        ("Fixed(12).within(*[1, 2])", "`shortest` must be a number, a text"),
        ("Fixed(12) + Fixed(13)", "must be one call"),
        ("rr.Fixed(12)", "must be one call"),
        ("Fixed(12).booked(1)", "`booked` takes"),
        ("Fixed(12); Fixed(13)", "cannot be read"),
        ("Fixed(12)" + ".booked()" * 3000, "cannot be read"),
        ("\0", "cannot be read"),
        ("", "cannot be read"),
        (12, "must be a text"),
    ],
)
def test_what_cannot_be_read(text, message):
    with pytest.raises(rr.InputError, match=message):
        parse_strategy(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="FixedStp()=.,'\"12[]{}:*-+ \n\\withnoresp", max_size=60))
def test_any_text_is_read_or_refused(text):
    for start in ("", "Fixed(", "Fixed(12).", "Fixed(12).halt_if('"):
        try:
            rule = parse_strategy(start + text)
        except rr.InputError:  # nothing else may come
            continue
        assert parse_strategy(str(rule)) == rule
