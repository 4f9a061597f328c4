"""Endpoints as text, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retreat_research import InputError
from retreat_research.records import BackToBaseline, LossOfBenefit, LossOfLevel, parse_endpoint

positive = st.floats(min_value=1e-6, max_value=1e6)
raters = st.sampled_from(["investigator", "subject"])
names = st.text(min_size=1, max_size=12).filter(str.strip)
common = {"peak_by": positive, "better": st.sampled_from(["lower", "higher"]), "rater": raters}
common["baseline"] = st.sampled_from(["first", "cycle"])
share = st.floats(min_value=0, max_value=1, exclude_min=True)
unregistered = names.map(lambda name: f"{name} (mine)")
endpoints = st.one_of(
    st.builds(LossOfBenefit, unregistered, loss=share, response=positive, **common),
    st.builds(BackToBaseline, unregistered, **common),
    st.builds(
        LossOfLevel,
        unregistered,
        at_most=st.floats(allow_nan=False, allow_infinity=False),
        raters=st.sampled_from(["both", "either", "investigator", "subject"]),
        peak_by=positive,
    ),
)


@given(endpoints)
def test_text_is_read_back(endpoint):
    assert parse_endpoint(str(endpoint)) == endpoint
    assert repr(endpoint) == str(endpoint)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ('LossOfBenefit("TWSTRS")', LossOfBenefit("TWSTRS", loss=0.8, response=8, better="lower", peak_by=4)),
        (" BackToBaseline ( scale = 'FWS' ) ", BackToBaseline("FWS")),
        ("LossOfLevel('FWS', at_most=+1, raters='both')", LossOfLevel("FWS", at_most=1, raters="both")),
    ],
)
def test_what_a_user_may_write(text, endpoint):
    assert parse_endpoint(text) == endpoint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read; write for example LossOfBenefit"),
        ("LossOfBenefit(", "cannot be read"),
        ("LossOfBenefit('TWSTRS'); x", "cannot be read"),
        ("\0", "cannot be read"),
        ("(" * 5000, "cannot be read"),
        ("LossOfBenefit", "must be one call"),
        ("rr.LossOfBenefit('TWSTRS')", "must be one call"),
        ("LossOfBenefits('TWSTRS')", "unknown endpoint `LossOfBenefits`; did you mean LossOfBenefit?"),
        ("__import__('os')", "unknown endpoint `__import__`; there are"),
        ("LossOfBenefit(__import__('os'))", "`scale` must be a number or a text in quotes"),
        ("LossOfBenefit(TWSTRS)", "`scale` must be a number or a text in quotes"),
        ("LossOfBenefit('TWSTRS', 0.8)", "takes the scale first and everything else by name"),
        ("LossOfBenefit(loss=0.8)", "needs a scale"),
        ("LossOfBenefit('TWSTRS', scale='FWS')", "`scale` is given twice"),
        ("LossOfBenefit('TWSTRS', respond=8)", "no argument `respond`; did you mean response?"),
        ("LossOfBenefit('TWSTRS', **{'loss': 1})", r"no argument `\*\*`"),
        ("LossOfBenefit(*['TWSTRS'])", "`scale` must be a number or a text in quotes"),
        ("LossOfLevel('FWS')", "needs `at_most`"),
        ("LossOfBenefit('TWSTRS', loss='most')", "`loss` must be above 0"),
        (3, "must be a text"),
    ],
)
def test_text_that_is_no_endpoint(text, message):
    with pytest.raises(InputError, match=message):
        parse_endpoint(text)


@given(st.text(max_size=40))
def test_no_text_breaks_parsing(text):
    with pytest.raises(InputError):
        parse_endpoint(text)
