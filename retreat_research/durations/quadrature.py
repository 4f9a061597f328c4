"""Rules for integrals over random effects."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np


class Rule(NamedTuple):
    """Nodes for adaptive quadrature: ∫ f(u) du ≈ |R| Σ_q exp(log_weight_q) f(m + R node_q).

    With m the mode of f and R Rᵀ the inverse of its curvature there, the rule with one node is Laplace's approximation.
    """

    node: np.ndarray  # (q, d)
    log_weight: np.ndarray  # (q,)


@lru_cache(maxsize=32)
def adaptive_rule(nodes: int, dimension: int) -> Rule:
    """The product rule with `nodes` nodes along each of `dimension` axes."""
    at, weight = np.polynomial.hermite.hermgauss(nodes)
    log_weight = np.log(weight) + at**2 + 0.5 * np.log(2)
    at = at * np.sqrt(2)
    grids = np.meshgrid(*[np.arange(nodes)] * dimension, indexing="ij")
    index = np.stack([grid.ravel() for grid in grids], axis=-1)
    rule = Rule(at[index], log_weight[index].sum(axis=1))
    for array in rule:
        array.setflags(write=False)
    return rule


def even_rule(step: float, reach: float) -> Rule:
    """The trapezium rule in one dimension with nodes `step` apart up to `reach`, in roots of the inverse curvature.

    For a smooth function that vanishes at both ends its error falls faster than any power of `step`; it is the rule for
    what is steeper in u than the posterior, such as a short duration's distribution over patients who differ much.
    """
    node = np.arange(-np.ceil(reach / step), np.ceil(reach / step) + 1) * step
    return Rule(node[:, None], np.full(node.size, np.log(step)))
