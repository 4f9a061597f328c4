"""Endpoints check themselves and say what they are."""

import dataclasses
import math

import pytest

from retreat_research import InputError
from retreat_research.records import BackToBaseline, LossOfBenefit, LossOfLevel


def test_the_text_is_the_call():
    text = 'LossOfBenefit("TWSTRS", loss=0.8, response=8, better="lower", peak_by=4)'
    assert str(LossOfBenefit("TWSTRS", loss=0.8, response=8, better="lower", peak_by=4)) == text
    assert (
        str(BackToBaseline("FWS", rater="subject"))
        == 'BackToBaseline("FWS", peak_by=6, better="lower", rater="subject")'
    )
    assert (
        str(LossOfLevel("FWS", at_most=1, raters="both")) == 'LossOfLevel("FWS", at_most=1, raters="both", peak_by=6)'
    )


def test_a_registered_scale_fills_in():
    assert LossOfBenefit("JRS") == LossOfBenefit("JRS", response=2, better="lower")
    assert BackToBaseline("FWS").better == "lower"


def test_the_baseline_of_each_cycle_is_labelled():
    assert "biased" in str(LossOfBenefit("TWSTRS", baseline="cycle"))
    assert "biased" in str(BackToBaseline("FWS", baseline="cycle"))
    assert "biased" not in str(BackToBaseline("FWS"))


def test_an_endpoint_is_frozen_and_hashable():
    endpoint = BackToBaseline("FWS")
    with pytest.raises(dataclasses.FrozenInstanceError):
        endpoint.peak_by = 3
    assert {endpoint: 1}[BackToBaseline("FWS")] == 1


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (LossOfBenefit, {"scale": ""}, "`scale` must be the name"),
        (LossOfBenefit, {"scale": 3}, "`scale` must be the name"),
        (LossOfBenefit, {"scale": "VAS"}, "`better` must be given .* registered are FWS, TWSTRS"),
        (LossOfBenefit, {"scale": "VAS", "better": "lower"}, "`response` must be given"),
        (LossOfBenefit, {"better": "higher"}, "`better` contradicts the scale TWSTRS"),
        (LossOfBenefit, {"better": "up"}, "`better` must be one of lower, higher"),
        (LossOfBenefit, {"loss": 0}, "`loss` must be above 0 and at most 1"),
        (LossOfBenefit, {"loss": 80}, "`loss` must be above 0 and at most 1"),
        (LossOfBenefit, {"loss": True}, "`loss` must be above 0 and at most 1"),
        (LossOfBenefit, {"response": 0}, "`response` must be a positive number"),
        (LossOfBenefit, {"response": math.nan}, "`response` must be a positive number"),
        (LossOfBenefit, {"peak_by": 0}, "`peak_by` must be a positive number of weeks"),
        (LossOfBenefit, {"peak_by": math.inf}, "`peak_by` must be a positive number of weeks"),
        (LossOfBenefit, {"rater": "nurse"}, "`rater` must be one of investigator, subject"),
        (LossOfBenefit, {"rater": "both"}, "`rater` must be one of investigator, subject"),
        (LossOfBenefit, {"baseline": "last"}, "`baseline` must be one of first, cycle"),
        (BackToBaseline, {"scale": "VAS"}, "`better` must be given"),
        (BackToBaseline, {"peak_by": "4"}, "`peak_by` must be a positive number of weeks"),
        (LossOfLevel, {"scale": "FWS", "at_most": None}, "`at_most` must be a number"),
        (LossOfLevel, {"scale": "FWS", "at_most": 3}, "`at_most` must be at least 0 and below 3, as FWS is"),
        (LossOfLevel, {"scale": "HDSS", "at_most": 0}, "`at_most` must be at least 1 and below 4, as HDSS is"),
        (LossOfLevel, {"scale": "FWS", "at_most": 1, "raters": "all"}, "`raters` must be one of both, either"),
        (LossOfLevel, {"scale": "FWS", "at_most": 1, "raters": ["both"]}, "`raters` must be one of both, either"),
    ],
)
def test_values_out_of_range(kind, arguments, message):
    with pytest.raises(InputError, match=message):
        kind(**{"scale": "TWSTRS", **arguments})
