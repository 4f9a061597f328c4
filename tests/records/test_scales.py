"""Scales are data that must agree with itself and with the endpoints and indications."""

import pytest

from retreat_research.products import INDICATIONS
from retreat_research.records import SCALES, parse_endpoint


@pytest.mark.parametrize("scale", SCALES.values(), ids=list(SCALES))
def test_a_scale_agrees_with_itself(scale):
    assert scale.minimum < scale.maximum
    assert 0 < scale.response <= scale.maximum - scale.minimum
    assert scale.better in ("lower", "higher")
    assert scale.source
    assert set(scale.indications) <= set(INDICATIONS)
    if scale.grades:
        assert (scale.grades[0], scale.grades[-1]) == (scale.minimum, scale.maximum)
        assert list(scale.grades) == sorted(set(scale.grades))


@pytest.mark.parametrize("scale", SCALES.values(), ids=list(SCALES))
def test_the_usual_endpoint_can_be_read_and_is_on_the_scale(scale):
    assert parse_endpoint(scale.endpoint).scale == scale.name
