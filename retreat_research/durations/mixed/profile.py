"""The profile likelihood of the standard deviation between patients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from ..families import family_named
from ..quadrature import adaptive_rule
from .climb import Summit, free_ways, look, settle
from .parameters import phi_of

if TYPE_CHECKING:
    from .result import MixedAFTResult

PRECISE = 1e-4  # of the limits, relative
GROWTH, MOST_GROWTHS = 1.5, 60  # of the SD while its upper limit is looked for
LEAST = 1e-3  # of σ: where the search for an upper limit begins if the estimate is 0


def sd_interval(fit: MixedAFTResult, level: float) -> tuple[float, float]:
    """All SDs that a likelihood-ratio test at 1 − `level` would not reject; see `MixedAFTResult.sd_interval`."""
    panel, k, family = fit._panel(), fit.x.shape[1], family_named(fit.family)
    rule, reach = adaptive_rule(fit.nodes, 1), float(ndtri((1 + level) / 2))
    at = [phi_of(fit.estimate, k, family)]  # the last place, from which the next is near

    def distance(sd: float) -> float:
        """How far the log-likelihood falls if the SD is `sd`, in standard errors of a normal one, minus `reach`."""
        phi = at[0].copy()
        phi[k + 1] = sd * phi[k]
        ways = free_ways(panel)[:, :-1]
        if not family.fixed_scale:
            ways[k + 1, k] = sd  # the loading is SD/σ, so it moves with 1/σ
        centre, found = look(panel, phi, None, rule)
        summit = settle(panel, Summit(phi, ways, centre, found, fit.nodes, float(phi[k])), fit.nodes, doubling=False)
        at[0] = summit.phi
        return float(np.sqrt(max(2 * (fit.llf - summit.found.value), 0.0))) - reach

    lower = 0.0
    if fit.sd > 0 and distance(0.0) > 0:
        lower = float(brentq(distance, 0.0, fit.sd, rtol=PRECISE, xtol=PRECISE * fit.sd))
    begin = max(fit.sd, LEAST * fit.scale)
    end = begin * GROWTH
    for _ in range(MOST_GROWTHS):
        if distance(end) > 0:
            break
        begin, end = end, end * GROWTH
    return lower, float(brentq(distance, begin, end, rtol=PRECISE, xtol=PRECISE * end))
