"""What no clinic can see, for an oracle only: how long the label dose would last if it were injected now."""

from __future__ import annotations

import math

import numpy as np

from ..compiled import compiled
from ..immunity import decayed, effective_share
from ..response import amplitude, duration_factor, lasting
from ..streams import Purpose, lanes, normal
from .responding import delivered

_RESPONSE = np.uint64(Purpose.RESPONSE)


@compiled(nogil=True)
def foretell(physics, kinetics, products, seed, number, who, rows, immune):  # type: ignore[no-untyped-def]
    """Weeks, shape (n,), that a main session of the label dose of each patient's last product would last.

    With her titre now and the luck of visit `number`: the `duration_weeks` of the history if that is what is injected,
    to the last bit. Without an adjunct; 0: no response.
    """
    weeks = np.zeros(rows.size)
    for i in range(rows.size):
        row = rows[i]
        product, titre = products[row.product], 0.0
        if product.serotype >= 0:
            state = immune[i, product.serotype]
            if state.short + state.long + state.titre > 0:
                _, _, titre = decayed(kinetics, state.short, state.long, state.titre, row.week - state.exposed_week)
        noise, silent, _, _ = lanes(seed, _RESPONSE, who[i], number)
        if silent < row.non_response or titre > physics.failure_titre:
            continue
        potency = delivered(physics, seed, who[i], number, row.week, row.product)
        dose = product.label_units * potency / product.label_units  # rounded as in `session.visit`
        dose *= effective_share(titre, kinetics.half_titre, kinetics.neutralisation_hill)
        log_own, top = product.log_median + row.log_offset + physics.within_sd * normal(noise), 1.0
        if dose != 1:
            top = amplitude(dose, physics.amplitude_half)
            log_own += math.log(duration_factor(dose, physics.dose_half))
        weeks[i] = math.exp(log_own) * lasting(top, physics.threshold, physics.threshold, physics.curve_hill)
    return weeks
