"""What a strategy changes for its own patients, and what it is filled in with before they are treated."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.simulation.identity import scenario_of
from retreat_research.simulation.trajectory import trajectory

COHORT = rr.draw_cohort(60, indication="glabellar", seed=5)


@dataclass(frozen=True)
class Cared(rr.Strategy):
    """Fixed interval; what it changes; the label dose, filled in."""

    changed: tuple[tuple[str, float], ...] = ()
    units: float | None = None

    def decide(self, seen, memory):
        assert self.units is not None
        return rr.Decision.at(12.0, units=self.units, adjunct=True)

    def prepared(self, world):
        return self if self.units is not None else replace(self, units=1.5 * world.label_units)

    def changes(self):
        return dict(self.changed)


def test_a_change_is_that_of_the_world():
    for change in ({"no_show": 0.4}, {"adjunct_lengthening": 1.3}, {"return_jitter": 2.0}):
        mine = rr.simulate(COHORT, Cared(tuple(change.items())), years=4, history=True)
        world = COHORT.world.replace(**change)
        there = rr.simulate(rr.draw_cohort(60, world=world, seed=5), Cared(), years=4, history=True)
        pd.testing.assert_frame_equal(mine.sessions, there.sessions, check_exact=True)
        assert not mine.patients.equals(rr.simulate(COHORT, Cared(), years=4).patients)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dropout_per_year": 0.0}, "care cannot change 'dropout_per_year'; `changes` may name no_show"),
        ({"no_shows": 0.1}, "care cannot change 'no_shows'; did you mean no_show"),
        ({"no_show": 2.0}, "`no_show` must be"),
        ([("no_show", 0.1)], "`changes` must return a dictionary, not list"),
    ],
)
def test_care_cannot_change_everything(changes, message, tmp_path):
    class Mine(rr.OnWaning):
        def changes(self):
            return changes

    with pytest.raises(rr.InputError, match=message):
        rr.simulate(COHORT, Mine(), years=1, store=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()  # refused before any work


def test_what_is_prepared_must_be_a_strategy():
    class Mine(rr.OnWaning):
        def prepared(self, world):
            return world

    with pytest.raises(rr.InputError, match="`prepared` must return a strategy, not World"):
        rr.simulate(COHORT, Mine(), years=1)


def test_the_result_has_the_strategy_as_it_was_given():
    out = rr.simulate(COHORT, Cared(), years=2, history=True)
    assert out.strategy == Cared()
    assert (out.sessions["units"] == 30).all()
    again = rr.simulate(COHORT, Cared().prepared(COHORT.world), years=2, history=True)
    pd.testing.assert_frame_equal(out.sessions, again.sessions, check_exact=True)


def test_scenarios_differ_by_what_is_changed_and_filled_in():
    class ByNumber(rr.OnWaning):
        share = 0.1

        def changes(self):
            return {"no_show": self.share}

    first = scenario_of(COHORT, ByNumber(), 5.0, 1)
    ByNumber.share = 0.2
    assert scenario_of(COHORT, ByNumber(), 5.0, 1)["rule"] != first["rule"]
    arms = [Cared(), Cared((("no_show", 0.1),)), Cared((("no_show", 0.2),)), Cared(units=30.0), Cared(units=31.0)]
    assert len({scenario_of(COHORT, arm, 5.0, 1)["rule"] for arm in arms}) == len(arms)
    other = rr.draw_cohort(60, world=COHORT.world.replace(label_units=21.0), seed=5)  # fills in another dose
    assert scenario_of(COHORT, Cared(), 5.0, 1)["world"] != scenario_of(other, Cared(), 5.0, 1)["world"]


def test_a_store_keeps_them_apart(tmp_path):
    for share in (0.0, 0.3):
        out = rr.simulate(COHORT, Cared((("no_show", share),)), years=4, store=tmp_path / "runs")
        plain = rr.simulate(COHORT, Cared((("no_show", share),)), years=4)
        pd.testing.assert_frame_equal(out.patients, plain.patients, check_exact=True)


def test_a_trajectory_lives_in_the_changed_world():
    care = Cared((("adjunct_support", 0.1), ("adjunct_lengthening", 1.4), ("no_show", 0.3)))
    out = rr.simulate(COHORT, care, years=3, history=True)
    one = trajectory(out, 7)
    mine = out.sessions[out.sessions["patient"] == 7].reset_index(drop=True)
    pd.testing.assert_frame_equal(one.visits[mine.columns], mine, check_exact=True)
    assert one.world.response.adjunct_support == 0.1
    world = COHORT.world.replace(**care.changes())
    there = trajectory(rr.simulate(rr.draw_cohort(60, world=world, seed=5), Cared(), years=3), 7)
    np.testing.assert_array_equal(one.course["effect"], there.course["effect"])
    assert one.course["effect"].iloc[5 * 7 : 60 * 7].min() >= 0.1 - 1e-12  # the support is always there
