"""What no parameter of a world can be; every bound is tried on both sides."""

import math
import random
from collections import ChainMap

import numpy as np
import pytest

import retreat_research as rr
from retreat_research.evidence import Uniform, parameters
from retreat_research.immunity import Immunity
from retreat_research.response import Response
from retreat_research.world import Behaviour, Observation
from retreat_research.world.numbers import numbers

ONA = "onabotulinumtoxinA"
NAN, INF = math.nan, math.inf
WORLD = rr.World.default("glabellar")


def response(**given):
    return Response(**{"median_weeks": {ONA: 17.0}, **given})


PROBABILITY = {"bad": (-0.001, 1.001, NAN), "good": (0, 1)}
SD = {"bad": (-0.001, 10.1, NAN, INF), "good": (0, 10)}
NOT_NEGATIVE = {"bad": (-0.001, 1.7e308, NAN, INF), "good": (0, 5e-324)}
POSITIVE = {"bad": (0, -1, 1e-300, 1e300, NAN, INF), "good": (1e-3, 100)}
STEEPNESS = {"bad": (0, -1, 1e-3, 100, NAN, INF), "good": (0.5, 10)}
DAYS = {"bad": (0, -1, 0.041, 365_251, NAN, INF), "good": (1 / 24, 365_250)}  # an hour to 1,000 years
BOUNDS = {
    response: {
        "between_sd": SD,
        "within_sd": SD,
        "dose_half": POSITIVE,
        "amplitude_half": POSITIVE,
        "curve_hill": STEEPNESS,
        "onset_weeks": POSITIVE,
        "onset_sd": SD,
        "touch_up_weeks": NOT_NEGATIVE,
        "adjunct_lengthening": {"bad": (0.999, 1e300, NAN, INF), "good": (1, 2)},
        "adjunct_support": {"bad": (-0.001, 0.2, NAN), "good": (0, 0.199)},
        "threshold": {"bad": (0, 1, NAN), "good": (0.001, 0.999)},
        "non_response": {"bad": (-0.001, 1, NAN), "good": (0, 5e-324, 0.9999)},
        "non_response_icc": {"bad": (-0.001, 1, NAN), "good": (0, 5e-324, 0.9999)},
        "median_weeks": {
            "bad": ({}, 15, None, {ONA: 0}, {ONA: 1e300}, {ONA: NAN}, {ONA: INF}, {ONA: "x"}),
            "good": ({ONA: 1e-3},),
        },
    },
    Immunity: {
        "ng_per_unit": {"bad": (3, {ONA: -0.001}, {ONA: 11}, {ONA: INF}, {ONA: None}), "good": ({ONA: 0}, {ONA: NAN})},
        "complexing": {
            "bad": (3, {ONA: -0.001}, {ONA: 101}, {ONA: NAN}, {ONA: INF}),
            "good": ({}, {ONA: 0}, {ONA: 1.65}),
        },
        "susceptible_share": PROBABILITY,
        "frailty_sd": SD,
        "recall_sd": SD,
        "induction_rate": NOT_NEGATIVE,
        "induction_power": NOT_NEGATIVE,
        "memory_probability": PROBABILITY,
        "primary_output": NOT_NEGATIVE,
        "recall_output": NOT_NEGATIVE,
        "half_antigen_ng": POSITIVE,
        "antigen_hill": STEEPNESS,
        "first_memory": PROBABILITY,
        "memory_gain": PROBABILITY,
        "long_lived_share": NOT_NEGATIVE,
        "feedback_titre": POSITIVE,
        "rest_floor": PROBABILITY,
        "rest_days": DAYS,
        "booster": NOT_NEGATIVE,
        "booster_days": DAYS,
        "dose_risk": NOT_NEGATIVE,
        "protein_risk": POSITIVE,
        "volume_risk": POSITIVE,
        "trauma_risk": POSITIVE,
        "infection_risk": POSITIVE,
        "prior_exposure_risk": POSITIVE,
        "titre_half_life_days": DAYS,
        "short_half_life_days": {"bad": (*DAYS["bad"], 21, 21.02), "good": (21.03, 1)},
        "long_half_life_days": {"bad": (*DAYS["bad"], 21, 20.98), "good": (20.97, 1)},
        "half_titre": POSITIVE,
        "neutralisation_hill": STEEPNESS,
        "failure_titre": POSITIVE,
    },
    Observation: {
        "check_week": POSITIVE,
        "rater_sd": SD,
        "missed_check": PROBABILITY,
        "visit_every": {"bad": (-0.001, 5e-324, 0.14, 1e300, NAN, INF), "good": (0, 1 / 7, 52)},
        "visit_jitter": {"bad": (-0.001, NAN, INF, 0.5), "good": (0,)},  # there are no further visits to move
        "missed_visit": PROBABILITY,
        "test_every": {"bad": (-1, 2.5, NAN, True, 2**63), "good": (0, 1)},
        "detection_titre": {"bad": (0, -1, 1e-300, NAN, 10, INF), "good": (1e-6, 9.99)},
        "ceiling_titre": {"bad": (0.4, 0, 1e300, NAN, INF), "good": (0.41,)},
        "sensitivity": PROBABILITY,
        "assay_sd": SD,
        "specificity": PROBABILITY,
    },
    Behaviour: {
        "delay_weeks": NOT_NEGATIVE,
        "delay_sd": SD,
        "no_show": PROBABILITY,
        "no_show_weeks": NOT_NEGATIVE,
        "return_jitter": NOT_NEGATIVE,
        "technique_failure": PROBABILITY,
        "technique_loss": PROBABILITY,
        "storage_failure": PROBABILITY,
        "storage_loss": PROBABILITY,
        "lot_sd": SD,
        "lot_weeks": POSITIVE,
        "dilution": POSITIVE,
        "trauma": PROBABILITY,
        "infection": PROBABILITY,
        "prior_exposure": PROBABILITY,
        "dropout_per_year": NOT_NEGATIVE,
    },
}
#: Bounds that only the whole world knows, below.
ELSEWHERE = {"investigator_shift", "subject_shift"}
OF_PRODUCTS = {"median_weeks", "ng_per_unit", "complexing"}


def cases(side):
    return [
        pytest.param(make, name, value, id=f"{name}={value}")
        for make, bounds in BOUNDS.items()
        for name, bound in bounds.items()
        for value in bound[side]
    ]


def test_every_parameter_has_its_bounds_here():
    tried = {name for bounds in BOUNDS.values() for name in bounds} | ELSEWHERE
    specs = (WORLD.response, WORLD.immunity, WORLD.observation, WORLD.behaviour)
    assert tried == {number.name for spec in specs for number in parameters(spec)}


@pytest.mark.parametrize(("make", "name", "value"), cases("bad"))
def test_what_cannot_be_is_refused_by_name(make, name, value):
    with pytest.raises(rr.InputError, match=rf"`{name}[`\[]"):
        make(**{name: value})


@pytest.mark.parametrize(("make", "name", "value"), cases("good"))
def test_what_can_be_is_taken(make, name, value):
    assert getattr(make(**{name: value}), name) == value


@pytest.mark.parametrize("bad", [True, None, "0.1", [0.1, 0.2], {}, 1 + 2j, 10**400, np.array(0.1)], ids=repr)
def test_what_is_no_number_is_refused_by_name(bad):
    """In every sub-model, as all use the same check."""
    for make, bounds in BOUNDS.items():
        for name in bounds:
            if name not in OF_PRODUCTS:
                with pytest.raises(rr.InputError, match=f"`{name}` must be a"):
                    make(**{name: bad})
            elif not isinstance(bad, dict):
                with pytest.raises(rr.InputError, match=rf"`{name}\[{ONA}\]` must be a number from"):
                    make(**{name: {ONA: bad}})


# Worlds at their limits


def ends(number):
    return [int(end) if isinstance(number.default, int) else end for end in (number.least, number.most)]


def at(number, value):
    """The argument of `replace` that gives a number a value, for every product that has one."""
    if not number.product:
        return {number.name: value}
    part = next(p for p in (WORLD.response, WORLD.immunity) if hasattr(p, number.name))
    return {number.name: dict.fromkeys(getattr(part, number.name), value)}


def all_finite(world):
    out = rr.simulate(rr.draw_cohort(32, world=world), rr.Stepped(), years=2, history=True)
    history = out.sessions[["titre_before", "duration_weeks", "peak_effect", "gap_weeks", "memory", "short", "long"]]
    patients = out.patients[["units", "weeks_observed", "weeks_in_benefit", "weeks_waiting"]]
    curve = rr.response_curve([1, 20, 1e4], ONA, [0, 1, 9], world=world)["effect"]
    return all(np.isfinite(table).all() and (table >= 0).all() for table in map(np.asarray, (history, patients, curve)))


NUMBERS = {number.name: number for _, number in numbers(WORLD)}
#: Bounds that another number narrows: tried above.
NARROWED = {
    "adjunct_support",
    "visit_jitter",
    "investigator_shift",
    "subject_shift",
    "detection_titre",
    "ceiling_titre",
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_world_at_its_limits_stays_finite(name):
    """Alone, and where everybody forms antibodies; a warning of overflow would be an error too."""
    number = NUMBERS[name]
    assert -INF < number.least < number.most < INF
    immune = WORLD.replace(susceptible_share=1.0, induction_rate=5.0, memory_probability=1.0)
    tried = 0
    for end in ends(number):
        for world in (WORLD, immune):
            try:
                changed = world.replace(**at(number, end))
            except rr.InputError:
                assert name in NARROWED
                continue
            tried += 1
            assert all_finite(changed)
    assert tried == 4 or name in NARROWED


def test_worlds_with_many_numbers_at_their_limits_stay_finite():
    """Half-lives aside, which must differ, and loads, which the simulator may refuse to sum."""
    rng = random.Random(1)
    left_out = NARROWED | {"threshold", "ng_per_unit", "short_half_life_days", "long_half_life_days"}
    free = [number for name, number in NUMBERS.items() if name not in left_out]
    assert len(free) > 60
    for _ in range(150):
        changes = [at(number, rng.choice(ends(number))) for number in rng.sample(free, 20)]
        assert all_finite(WORLD.replace(**dict(ChainMap(*changes))))


@pytest.mark.parametrize("every", [1.0, 4.0])
def test_jitter_keeps_further_visits_in_order(every):
    assert Observation(visit_every=every, visit_jitter=0.49 * every).visit_jitter > 0
    with pytest.raises(rr.InputError, match="`visit_jitter` must be less than half of `visit_every`"):
        Observation(visit_every=every, visit_jitter=0.5 * every)


@pytest.mark.parametrize("name", ["investigator_shift", "subject_shift"])
@pytest.mark.parametrize(("support", "bad", "good"), [(0.0, (-0.2, 0.8), (-0.19, 0.79)), (0.1, (-0.1,), (-0.09,))])
def test_a_raters_threshold_lies_between_the_adjuncts_support_and_the_full_benefit(name, support, bad, good):
    for shift in bad:
        with pytest.raises(rr.InputError, match=f"`threshold` plus `{name}`"):
            WORLD.replace(adjunct_support=support, **{name: shift})
    for shift in good:
        WORLD.replace(adjunct_support=support, **{name: shift})


@pytest.mark.parametrize("units", [0, -1, 1e-300, 1e300, NAN, INF, "20", True, None])
def test_a_label_dose_is_a_dose(units):
    with pytest.raises(rr.InputError, match="`label_units` must be a number from"):
        WORLD.replace(label_units=units)


def test_a_world_knows_its_product_and_its_duration():
    with pytest.raises(rr.InputError, match="unknown product; did you mean onabotulinumtoxinA"):
        WORLD.replace(product="onabotulinumtoxin")
    with pytest.raises(rr.InputError, match="`median_weeks` has no entry for the product of this world, rimabotul"):
        WORLD.replace(product="rimabotulinumtoxinB")


@pytest.mark.parametrize("name", ["median_weeks", "ng_per_unit", "complexing"])
def test_a_number_of_an_unknown_product_is_refused(name):
    with pytest.raises(rr.InputError, match="unknown product; did you mean abobotulinumtoxinA"):
        WORLD.replace(**{name: {ONA: 1.0, "abobotulinumtoxin": 1.0}})


def test_priors_are_of_parameters_and_are_distributions():
    with pytest.raises(rr.InputError, match="no parameter is called `witin_sd`, did you mean within_sd"):
        WORLD.replace(priors={"witin_sd": Uniform(0, 1)})
    with pytest.raises(rr.InputError, match=r"no parameter is called `median_weeks\[rima"):
        WORLD.replace(priors={"median_weeks[rimabotulinumtoxinB]": Uniform(1, 2)})
    with pytest.raises(rr.InputError, match="`priors` of within_sd must be a Prior or None"):
        WORLD.replace(priors={"within_sd": "0.1 to 0.3"})
    with pytest.raises(rr.InputError, match="no parameter is called `3`"):
        WORLD.replace(priors={3: None})
    for whole in (None, 3, [Uniform(0, 1)]):
        with pytest.raises(rr.InputError, match="`priors` must be a mapping"):
            WORLD.replace(priors=whole)
