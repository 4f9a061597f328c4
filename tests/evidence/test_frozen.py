"""A mapping that stays as it is."""

import copy
import math
import pickle

import numpy as np
import pytest

from retreat_research.evidence import Frozen

GIVEN = {"a": 1.0, "b": math.nan}


def test_it_is_a_copy_that_nothing_changes():
    given = dict(GIVEN)
    kept = Frozen(given)
    given["a"] = 2.0
    assert kept["a"] == 1.0
    with pytest.raises(TypeError):
        kept["a"] = 3.0
    with pytest.raises(TypeError):
        del kept["a"]
    assert {**kept, "c": 4.0}.keys() == {"a", "b", "c"}


@pytest.mark.parametrize(
    "other", [Frozen({"b": float("nan"), "a": 1}), {"b": np.float64("nan"), "a": 1.0}, Frozen(Frozen(GIVEN))]
)
def test_order_and_which_nan_it_is_do_not_matter(other):
    assert Frozen(GIVEN) == other
    assert hash(Frozen(GIVEN)) == hash(Frozen(other))
    assert pickle.dumps(Frozen(GIVEN)) == pickle.dumps(Frozen({name: float(other[name]) for name in other}))


@pytest.mark.parametrize("other", [{"a": 1.0}, {"a": 1.0, "b": 2.0}, [("a", 1.0)], None])
def test_others_differ(other):
    assert Frozen(GIVEN) != other


@pytest.mark.parametrize("passed_on", [lambda m: pickle.loads(pickle.dumps(m)), copy.copy, copy.deepcopy])
def test_it_is_the_same_elsewhere(passed_on):
    there = passed_on(Frozen(GIVEN))
    assert there == Frozen(GIVEN)
    assert hash(there) == hash(Frozen(GIVEN))
    assert (type(there), list(there)) == (Frozen, ["a", "b"])


def test_it_shows_as_a_dict():
    assert repr(Frozen(GIVEN)) == repr(GIVEN)
