"""A parameter says what it is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from retreat_research import InputError
from retreat_research.evidence import Frozen, Uniform, keep_possible, parameter, parameters


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


def test_a_default_cannot_be_changed():
    with pytest.raises(TypeError):
        Spec().by_product["a"] = 99.0
    assert Spec().by_product["a"] == 1.0


@dataclass(frozen=True)
class Bounded:
    weeks: float = parameter(2.0, unit="weeks", meaning="a time", source="assumed", least=0, most=10)
    sessions: int = parameter(4, unit="1", meaning="a count", source="assumed", least=1, most=9)
    load: Mapping[str, float] = parameter(
        {"a": 1.0}, unit="ng", meaning="a load", source="assumed", least=0, most=5, by_product=True, or_nan=True
    )

    def __post_init__(self):
        keep_possible(self)


def test_numbers_are_kept_as_plain_ones_and_mappings_as_copies():
    load = {"a": np.float32(0.5), "b": np.nan, "c": 0}
    spec = Bounded(weeks=np.int64(3), sessions=np.int8(2), load=load)
    load["a"] = 4.0
    assert (type(spec.weeks), type(spec.sessions), type(spec.load)) == (float, int, Frozen)
    assert spec == Bounded(weeks=3.0, sessions=2, load={"a": 0.5, "b": float("nan"), "c": 0.0})
    assert [(number.least, number.most) for number in parameters(spec)] == [(0, 10), (1, 9), *[(0, 5)] * 3]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"weeks": -0.1}, "`weeks` must be a number from 0 to 10"),
        ({"weeks": {"a": 1.0}}, "`weeks` must be a number from 0 to 10"),
        ({"weeks": np.nan}, "`weeks` must be a number from 0 to 10"),
        ({"sessions": 2.0}, "`sessions` must be a whole number from 1 to 9"),
        ({"load": 3.0}, "`load` must be a mapping of products to numbers"),
        ({"load": {"a": 1.0, "b": 6.0}}, r"`load\[b\]` must be a number from 0 to 5"),
        ({"load": {"a": None}}, r"`load\[a\]` must be a number from 0 to 5"),
    ],
)
def test_what_cannot_be_is_named(bad, message):
    with pytest.raises(InputError, match=message):
        Bounded(**bad)


@pytest.mark.parametrize("prior", ["0 to 1", {"a": "LogN(0, 1)"}, 0.5])
def test_a_prior_is_a_distribution(prior):
    with pytest.raises(InputError, match="`prior` must be a Prior"):
        parameter(1.0, unit="1", meaning="m", source="assumed", prior=prior)
