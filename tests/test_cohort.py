"""Cohorts and worlds."""

import numpy as np
import pytest
from scipy import stats

import retreat_research as rr

WORLD = rr.World.default("glabellar")


def test_a_patient_is_the_same_in_every_cohort():
    few, many = rr.draw_cohort(10, world=WORLD, seed=3), rr.draw_cohort(5000, world=WORLD, seed=3)
    assert few.frame.equals(many[:10].frame)
    assert many[[7]].frame.iloc[0].equals(few[7].frame.iloc[0])


def test_traits_follow_the_world():
    n = 100_000
    cohort = rr.draw_cohort(n, world=WORLD, seed=3)
    assert stats.kstest(cohort.log_offset / WORLD.response.between_sd, "norm").pvalue > 1e-4
    share = WORLD.immunity.susceptible_share
    assert abs(cohort.susceptible.mean() - share) < 4 * np.sqrt(share * (1 - share) / n)
    for values, mean in ((cohort.frailty, 1.0), (cohort.non_response, WORLD.response.non_response)):
        assert abs(values.mean() - mean) < 4 * values.std() / np.sqrt(n)
    rate = WORLD.behaviour.dropout_per_year * 7 / 365.25
    assert stats.kstest(cohort.dropout_week, "expon", args=(0, 1 / rate)).pvalue > 1e-4


def test_traits_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        rr.draw_cohort(3, world=WORLD).log_offset[0] = 1


@pytest.mark.parametrize("n", [0, -1, 2.5, True])
def test_a_cohort_needs_patients(n):
    with pytest.raises(rr.InputError, match="`n` must be"):
        rr.draw_cohort(n, world=WORLD)


def test_world_or_indication_not_both():
    for arguments in ({}, {"world": WORLD, "indication": "glabellar"}):
        with pytest.raises(rr.InputError, match="either `world` or `indication`"):
            rr.draw_cohort(3, **arguments)


def test_replace_finds_a_parameter_wherever_it_lives():
    world = WORLD.replace(within_sd=0.1, booster=2.0, no_show=0.1, test_every=0, label_units=30)
    assert (world.response.within_sd, world.immunity.booster, world.label_units) == (0.1, 2.0, 30)
    assert (world.behaviour.no_show, world.observation.test_every) == (0.1, 0)
    with pytest.raises(rr.InputError, match="no parameter is called `witin_sd`, did you mean within_sd"):
        WORLD.replace(witin_sd=0.1)


@pytest.mark.parametrize("name", ["glabellar", "Cervical dystonia", "axillary"])
def test_indications_are_found_by_their_beginning(name):
    assert rr.World.default(name).indication.startswith(name.lower())


@pytest.mark.parametrize("name", ["", "gla bellar", "toe"])
def test_an_unknown_indication_is_refused(name):
    with pytest.raises(rr.InputError, match="unknown indication"):
        rr.World.default(name)


def test_a_world_without_a_default_says_which_there_are():
    with pytest.raises(rr.InputError, match="no default world for rimabotulinumtoxinB in glabellar lines"):
        rr.World.default("glabellar", "rimabotulinumtoxinB")
