"""What a visit needs of a world, laid out for compiled functions."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..immunity import SEROTYPES
from ..products import PRODUCTS
from ..world import World
from .state import Records


class Physics(NamedTuple):
    """The parameters of one world that a visit needs, under their own names; levels are shares of the full benefit."""

    within_sd: float
    dose_half: float
    amplitude_half: float
    threshold: float
    curve_hill: float
    touch_up_weeks: float
    adjunct_lengthening: float
    adjunct_support: float
    failure_titre: float
    dose_risk: float
    protein_risk: float
    volume_ratio: float  # volume_risk^(log2 dilution)
    trauma_risk: float
    infection_risk: float
    prior_exposure_risk: float
    risky: bool  # one of these is not null
    check_week: float
    log_check_week: float
    rater_sd: float
    missed_check: float
    visit_every: float
    visit_jitter: float
    missed_visit: float
    investigator_level: float
    subject_level: float
    test_every: int
    detection_titre: float
    ceiling_titre: float
    assay_sd: float
    sensitivity: float
    specificity: float
    no_show: float
    no_show_weeks: float
    return_jitter: float
    technique_failure: float
    technique_loss: float
    storage_failure: float
    storage_loss: float
    lot_sd: float
    lot_weeks: float
    trauma: float
    infection: float


#: What the world says of each product, at the product's code.
PRODUCT = np.dtype(
    [
        ("log_median", np.float64),  # ln weeks of the label dose; -inf: none known
        ("label_units", np.float64),  # NaN: none known
        ("antigen_per_unit", np.float64),  # ng, φ included; NaN: none published
        ("protein_per_unit", np.float64),  # ng of complexing protein
        ("serotype", np.int64),  # -1: none
        ("used", np.bool_),  # injected so far
        ("known_antigen", np.float64),  # the last antigen, ng, and its power γ
        ("antigen_power", np.float64),
    ],
    align=True,
)


def product_table(world: World) -> Records:
    """What the world says of each product: its own label dose for its own product, the label's for the others."""
    load, phi = world.immunity.ng_per_unit, world.immunity.complexing
    label = {name: p.label_units.get(world.indication, np.nan) for name, p in PRODUCTS.items()}
    label |= {world.product: world.label_units, "placebo": 1.0}
    table = np.zeros(len(PRODUCTS), dtype=PRODUCT)
    table["log_median"] = [world.response.log_median(name) for name in PRODUCTS]
    table["label_units"] = [label[name] for name in PRODUCTS]
    table["antigen_per_unit"] = [load.get(name, np.nan) * phi.get(name, 1.0) for name in PRODUCTS]
    table["protein_per_unit"] = np.nan_to_num([p.complex_ng_per_unit for p in PRODUCTS.values()])
    table["serotype"] = [SEROTYPES.index(p.serotype) if p.serotype in SEROTYPES else -1 for p in PRODUCTS.values()]
    return table


def physics_of(world: World) -> Physics:
    """The parameters that a visit needs, wherever they live."""
    parts = (world.response, world.immunity, world.observation, world.behaviour)
    immunity, behaviour = world.immunity, world.behaviour
    ratios = (immunity.protein_risk, immunity.volume_risk, immunity.trauma_risk, immunity.infection_risk,
              immunity.prior_exposure_risk)  # fmt: skip
    derived = {
        "risky": immunity.dose_risk != 0 or any(ratio != 1 for ratio in ratios),
        "log_check_week": math.log(world.observation.check_week),
        "volume_ratio": immunity.volume_risk ** math.log2(behaviour.dilution),
        "investigator_level": world.response.threshold + world.observation.investigator_shift,
        "subject_level": world.response.threshold + world.observation.subject_shift,
    }
    values = {name: getattr(part, name) for part in parts for name in Physics._fields if hasattr(part, name)}
    values = {name: float(value) for name, value in {**values, **derived}.items()}
    return Physics(**{**values, "risky": bool(values["risky"]), "test_every": int(world.observation.test_every)})


def record(values: NamedTuple) -> np.void:
    """A named tuple of numbers as a record, which compiled functions pass as one pointer."""
    fields = [(n, type(v)) for n, v in zip(values._fields, values, strict=True)]
    return np.array([tuple(values)], dtype=np.dtype(fields, align=True))[0]
