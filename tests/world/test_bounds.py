"""What no parameter of a world can be; every bound is tried on both sides."""

import math

import pytest

import retreat_research as rr
from retreat_research.evidence import Uniform, parameters
from retreat_research.immunity import Immunity
from retreat_research.response import Response
from retreat_research.world import Behaviour, Observation

ONA = "onabotulinumtoxinA"
NAN, INF = math.nan, math.inf
WORLD = rr.World.default("glabellar")


def response(**given):
    return Response(**{"median_weeks": {ONA: 17.0}, **given})


PROBABILITY = {"bad": (-0.001, 1.001, NAN), "good": (0, 1)}
BELOW_ONE = {"bad": (-0.001, 1, NAN), "good": (0, 0.999)}
POSITIVE = {"bad": (0, -1, NAN, INF), "good": (1e-6,)}
NOT_NEGATIVE = {"bad": (-0.001, NAN, INF), "good": (0,)}
BOUNDS = {
    response: {
        "between_sd": NOT_NEGATIVE,
        "within_sd": NOT_NEGATIVE,
        "dose_half": POSITIVE,
        "amplitude_half": POSITIVE,
        "curve_hill": POSITIVE,
        "onset_weeks": POSITIVE,
        "onset_sd": NOT_NEGATIVE,
        "touch_up_weeks": NOT_NEGATIVE,
        "adjunct_lengthening": {"bad": (0.999, NAN, INF), "good": (1, 2)},
        "adjunct_support": {"bad": (-0.001, 0.2, NAN), "good": (0, 0.199)},
        "threshold": {"bad": (0, 1, NAN), "good": (0.001, 0.999)},
        "non_response": BELOW_ONE,
        "non_response_icc": BELOW_ONE,
        "median_weeks": {"bad": ({}, {ONA: 0}, {ONA: NAN}, {ONA: INF}), "good": ({ONA: 1e-6},)},
    },
    Immunity: {
        "ng_per_unit": {"bad": ({ONA: -0.001}, {ONA: INF}), "good": ({ONA: 0}, {ONA: NAN})},
        "complexing": {"bad": ({ONA: -0.001}, {ONA: NAN}, {ONA: INF}), "good": ({}, {ONA: 0}, {ONA: 1.65})},
        "susceptible_share": PROBABILITY,
        "frailty_sd": NOT_NEGATIVE,
        "recall_sd": NOT_NEGATIVE,
        "induction_rate": NOT_NEGATIVE,
        "induction_power": NOT_NEGATIVE,
        "memory_probability": PROBABILITY,
        "primary_output": NOT_NEGATIVE,
        "recall_output": NOT_NEGATIVE,
        "half_antigen_ng": POSITIVE,
        "antigen_hill": POSITIVE,
        "first_memory": PROBABILITY,
        "memory_gain": PROBABILITY,
        "long_lived_share": NOT_NEGATIVE,
        "feedback_titre": POSITIVE,
        "rest_floor": PROBABILITY,
        "rest_days": POSITIVE,
        "booster": NOT_NEGATIVE,
        "booster_days": POSITIVE,
        "dose_risk": NOT_NEGATIVE,
        "protein_risk": POSITIVE,
        "volume_risk": POSITIVE,
        "trauma_risk": POSITIVE,
        "infection_risk": POSITIVE,
        "prior_exposure_risk": POSITIVE,
        "titre_half_life_days": POSITIVE,
        "short_half_life_days": {"bad": (*POSITIVE["bad"], 21, 21.02), "good": (21.03, 1)},
        "long_half_life_days": {"bad": (*POSITIVE["bad"], 21, 20.98), "good": (20.97, 1)},
        "half_titre": POSITIVE,
        "neutralisation_hill": POSITIVE,
        "failure_titre": POSITIVE,
    },
    Observation: {
        "check_week": POSITIVE,
        "rater_sd": NOT_NEGATIVE,
        "missed_check": PROBABILITY,
        "visit_every": NOT_NEGATIVE,
        "visit_jitter": {"bad": (-0.001, NAN, INF, 0.5), "good": (0,)},  # there are no further visits to move
        "missed_visit": PROBABILITY,
        "test_every": {"bad": (-1, 2.5, NAN, True), "good": (0, 1)},
        "detection_titre": {"bad": (0, -1, NAN, 10, INF), "good": (1e-6, 9.99)},
        "ceiling_titre": {"bad": (0.4, 0, NAN), "good": (0.41,)},
        "sensitivity": PROBABILITY,
        "assay_sd": NOT_NEGATIVE,
        "specificity": PROBABILITY,
    },
    Behaviour: {
        "delay_weeks": NOT_NEGATIVE,
        "delay_sd": NOT_NEGATIVE,
        "no_show": PROBABILITY,
        "no_show_weeks": NOT_NEGATIVE,
        "return_jitter": NOT_NEGATIVE,
        "technique_failure": PROBABILITY,
        "technique_loss": PROBABILITY,
        "storage_failure": PROBABILITY,
        "storage_loss": PROBABILITY,
        "lot_sd": NOT_NEGATIVE,
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
    with pytest.raises(rr.InputError, match=f"`{name}`"):
        make(**{name: value})


@pytest.mark.parametrize(("make", "name", "value"), cases("good"))
def test_what_can_be_is_taken(make, name, value):
    assert getattr(make(**{name: value}), name) == value or value != value


@pytest.mark.parametrize("every", [1.0, 4.0])
def test_jitter_keeps_further_visits_in_order(every):
    assert Observation(visit_every=every, visit_jitter=0.49 * every).visit_jitter > 0
    with pytest.raises(rr.InputError, match="`visit_jitter` must be less than half of `visit_every`"):
        Observation(visit_every=every, visit_jitter=0.5 * every)


@pytest.mark.parametrize("name", ["investigator_shift", "subject_shift"])
@pytest.mark.parametrize(("support", "bad", "good"), [(0.0, (-0.2, 0.8, NAN), (-0.19, 0.79)), (0.1, (-0.1,), (-0.09,))])
def test_a_raters_threshold_lies_between_the_adjuncts_support_and_the_full_benefit(name, support, bad, good):
    for shift in bad:
        with pytest.raises(rr.InputError, match=f"`threshold` plus `{name}`"):
            WORLD.replace(adjunct_support=support, **{name: shift})
    for shift in good:
        WORLD.replace(adjunct_support=support, **{name: shift})


@pytest.mark.parametrize("units", [0, -1, NAN, INF])
def test_a_label_dose_is_a_dose(units):
    with pytest.raises(rr.InputError, match="`label_units` must be positive"):
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
