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


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "3", None, 2**48 + 1, 2**49])
def test_a_cohort_has_patients_that_can_be_told_apart(n):
    with pytest.raises(
        rr.InputError, match="`n` must be a whole number from 1 to 281474976710656; a patient's address"
    ):
        rr.draw_cohort(n, world=WORLD)


def test_the_largest_cohort_costs_nothing_until_it_is_drawn():
    cohort = rr.draw_cohort(2**48, world=WORLD)
    assert len(cohort) == 2**48
    html = cohort._repr_html_()
    assert f"Cohort: {2**48} patients, glabellar lines, onabotulinumtoxinA, seed 1; the first 5 of them" in html
    assert html.count("<tr") == 1 + 5
    assert "the first 2 of them" in rr.draw_cohort(2, world=WORLD)._repr_html_()


def test_a_hazard_beyond_all_time_means_never():
    for hazard in (0, 5e-324, 2e-308):
        assert (rr.draw_cohort(50, world=WORLD.replace(dropout_per_year=hazard)).dropout_week > 1e300).all()


def test_world_or_indication_not_both():
    for arguments in ({}, {"world": WORLD, "indication": "glabellar"}):
        with pytest.raises(rr.InputError, match="either `world` or `indication`"):
            rr.draw_cohort(3, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"indication": 3}, "`indication` must be a name"), ({"world": 3}, "`world` must be a World"),
     ({"world": "glabellar"}, "`world` must be a World; for example")],
)  # fmt: skip
def test_what_is_neither_is_refused(arguments, message):
    with pytest.raises(rr.InputError, match=message):
        rr.draw_cohort(10, **arguments)


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
