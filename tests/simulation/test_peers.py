"""The engine against the base-R twin of `benchmarks/peers/`, through the numbers that it wrote."""

import json
from pathlib import Path

import numpy as np
import pytest

import retreat_research as rr
from retreat_research.simulation.outcomes import POSITIVE_TITRE

PAGE = json.loads((Path(__file__).parent.parent / "reference" / "world.json").read_text())
OF_THE_PRODUCT = ("label_units", "median_weeks", "ng_per_unit")
OF_THE_RUN = ("horizon_weeks", "weeks_per_year", "positive_titre")
STRATEGIES = {"fixed": rr.Fixed(12), "stepped": rr.Stepped()}
PATIENTS = 20_000


def world_of(entry):
    """The world that the twin simulated, whatever the defaults are now."""
    numbers, product = entry["numbers"], entry["product"]
    assert numbers["positive_titre"] == POSITIVE_TITRE
    mine = {name: value for name, value in numbers.items() if name not in (*OF_THE_PRODUCT, *OF_THE_RUN)}
    return rr.World.default(entry["indication"], product).replace(
        label_units=numbers["label_units"],
        median_weeks={product: numbers["median_weeks"]},
        ng_per_unit={product: numbers["ng_per_unit"]},
        complexing={product: 1.0},
        **mine | {"test_every": int(mine["test_every"])},
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("entry", PAGE["worlds"], ids=lambda entry: entry["indication"])
def test_base_r_agrees_on_average(entry, strategy):
    years = entry["numbers"]["horizon_weeks"] / entry["numbers"]["weeks_per_year"]
    cohort = rr.draw_cohort(PATIENTS, world=world_of(entry), seed=3)
    patients = rr.simulate(cohort, STRATEGIES[strategy], years=years, seed=4).patients
    happened = {"positive": "positive_week", "tested": "tested_positive_week", "failure": "failure_week"}
    for name, (mean, sd) in entry[strategy].items():
        ours = patients[happened[name]].notna() if name in happened else patients[name]
        error = np.hypot(ours.std() / np.sqrt(PATIENTS), sd / np.sqrt(PAGE["patients"]))
        assert 0 < error < 0.1 * mean, name
        assert abs(ours.mean() - mean) < 4 * error, name
