"""A parameter says what it is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from retreat_research import InputError
from retreat_research.evidence import Uniform, parameter, parameters


@dataclass(frozen=True)
class Spec:
    plain: float = parameter(2.0, unit="weeks", meaning="a time", source="assumed", prior=Uniform(1, 3))
    by_product: Mapping[str, float] = parameter(
        {"a": 1.0, "b": 2.0},
        unit="1",
        meaning="a factor",
        source={"a": "assumed: a"},
        prior={"b": Uniform(0, 1)},
    )
    other: int = 3


def test_a_mapping_is_one_number_for_each_product():
    plain, a, b, c = parameters(Spec(by_product={"a": 1.0, "b": 5.0, "c": 7.0}))
    assert (plain.label, plain.value, plain.default, plain.prior) == ("plain", 2.0, 2.0, Uniform(1, 3))
    assert (a.label, a.value, a.source, a.prior) == ("by_product[a]", 1.0, "assumed: a", None)
    assert (b.value, b.default, b.source, b.prior) == (5.0, 2.0, "", Uniform(0, 1))
    assert c.value == 7.0
    assert np.isnan(c.default)


def test_defaults_are_not_shared():
    one = Spec()
    one.by_product["a"] = 99.0
    assert Spec().by_product["a"] == 1.0


@pytest.mark.parametrize("prior", ["0 to 1", {"a": "LogN(0, 1)"}, 0.5])
def test_a_prior_is_a_distribution(prior):
    with pytest.raises(InputError, match="`prior` must be a Prior"):
        parameter(1.0, unit="1", meaning="m", source="assumed", prior=prior)
