"""Parameters of the world in groups that a reader can name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..evidence import Frozen
from ..products import PRODUCTS
from ..strategies import Strategy
from ..world import World

#: Group → the parameters in it; every number with a prior is in one.
GROUPS: Mapping[str, tuple[str, ...]] = Frozen(
    {
        "median duration": ("median_weeks",),
        "spread between patients": ("between_sd",),
        "spread within patients": ("within_sd",),
        "dose response": ("dose_half", "amplitude_half", "curve_hill"),
        "non-response": ("non_response", "non_response_icc"),
        "antigen load": ("complexing",),
        "first immune response": (
            "susceptible_share", "frailty_sd", "induction_rate", "induction_power", "memory_probability",
            "primary_output", "first_memory",
        ),
        "recall and decay": (
            "recall_sd", "recall_output", "half_antigen_ng", "antigen_hill", "memory_gain", "long_lived_share",
            "feedback_titre", "short_half_life_days", "long_half_life_days", "half_titre",
        ),
        "interval kernel": ("booster", "rest_floor", "rest_days"),
        "risk factors": (
            "dose_risk", "protein_risk", "volume_risk", "trauma_risk", "infection_risk", "prior_exposure_risk",
        ),
        "observation": ("rater_sd", "sensitivity", "specificity"),
        "dropout": ("dropout_per_year",),
    }
)  # fmt: skip
OTHER = "other"


def group_of(label: str) -> str:
    """The group of a parameter, by its label such as "median_weeks[onabotulinumtoxinA]"."""
    name = label.split("[")[0]
    return next((group for group, names in GROUPS.items() if name in names), OTHER)


def grouped(labels: Iterable[str]) -> dict[str, list[str]]:
    """Labels by group, in the order of `GROUPS`."""
    found: dict[str, list[str]] = {group: [] for group in (*GROUPS, OTHER)}
    for label in labels:
        found[group_of(label)].append(label)
    return {group: members for group, members in found.items() if members}


def in_use(labels: Iterable[str], world: World, strategies: Mapping[str, Strategy]) -> list[str]:
    """Without the numbers of products that are neither the world's nor named by a strategy."""
    texts = " ".join(map(str, strategies.values()))
    used = {world.product, *(name for name in PRODUCTS if name in texts)}
    return [label for label in labels if "[" not in label or label.split("[")[1].rstrip("]") in used]
