"""The closed form between sessions, exposures, and neutralisation."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from retreat_research import InputError
from retreat_research.immunity import Immunity, decayed, effective_share, exposed

IMMUNITY = Immunity()
KINETICS = IMMUNITY.kinetics()


def naive_exposure(p, m, short, long, titre, days, ng, s, k, u, q):
    """DESIGN §6, one patient, as it reads; `days` is None at the first exposure."""
    g = ng**p.antigen_hill / (ng**p.antigen_hill + p.half_antigen_ng**p.antigen_hill)
    b = 1 if days is None else 1 + p.booster * np.exp(-((days / p.booster_days) ** 2))
    r = 1 if days is None else p.rest_floor + (1 - p.rest_floor) * (1 - np.exp(-days / p.rest_days))
    if m == 0:
        if u < 1 - np.exp(-p.induction_rate * s * ng**p.induction_power * b):
            short += p.primary_output * k * g
            if q < p.memory_probability:
                m = p.first_memory
    else:
        d = p.recall_output * k * m * g * r / (1 + titre / p.feedback_titre)
        short, long, m = short + d, long + p.long_lived_share * d, m + p.memory_gain * g * (1 - m)
    return m, short, long


def test_the_closed_form_solves_the_equations_on_random_schedules():
    """Against scipy's solve_ivp to 1e-8 relative, exposures included."""
    rng = np.random.default_rng(1)
    a, ds, dl = (IMMUNITY.rate(name) for name in ("titre", "short", "long"))
    for _ in range(10):
        weeks = np.cumsum(rng.uniform(2, 40, size=6))
        memory, y, last = 0.2, np.array([3.0, 1.0, 2.0]), 0.0
        ours = (3.0, 1.0, 2.0)
        for week in weeks:
            solved = solve_ivp(
                lambda t, y: [-ds * y[0], -dl * y[1], a * (y[0] + y[1] - y[2])],
                (last, week),
                y,
                method="DOP853",
                rtol=1e-12,
                atol=1e-14,
            )
            short, long, titre = decayed(KINETICS, *ours, week - last)
            y = solved.y[:, -1]
            np.testing.assert_allclose([short, long, titre], y, rtol=1e-8)
            ng, days = rng.uniform(0.1, 4), 7 * (week - last)
            after = exposed(KINETICS, memory, short, long, titre, days, ng, 1.0, 1.0, 0.9, 0.9)
            expected = naive_exposure(IMMUNITY, memory, y[0], y[1], y[2], days, ng, 1, 1, 0.9, 0.9)
            np.testing.assert_allclose(after, expected, rtol=1e-8)
            memory, *y[:2] = expected
            ours, last = (after[1], after[2], titre), week


def test_exposure_agrees_with_the_equations():
    rng = np.random.default_rng(2)
    p = Immunity(induction_rate=0.5, booster=1.5)
    induced = 0
    for _ in range(4000):
        first = rng.random() < 0.3
        memory = 0.0 if first or rng.random() < 0.5 else rng.random()
        short, long, titre = rng.random() * 5, rng.random(), rng.random() * 20
        days, ng = rng.uniform(1, 400), rng.choice([0.18, 0.9, 5.0])
        luck = (ng, rng.lognormal(), rng.lognormal(), rng.random(), rng.random())
        after = exposed(p.kinetics(), memory, short, long, titre, np.inf if first else days, *luck)
        expected = naive_exposure(p, memory, short, long, titre, None if first else days, *luck)
        np.testing.assert_allclose(after, expected, rtol=1e-12)
        induced += memory == 0 and after[1] > short
    assert induced > 100


def test_half_a_dose_is_neutralised_at_a50():
    share = [effective_share(a, IMMUNITY.half_titre, IMMUNITY.neutralisation_hill) for a in (0.0, 1.0, 10.0)]
    assert share == pytest.approx([1, 0.5, 1 / 101])


def test_half_lives_that_coincide_are_refused():
    with pytest.raises(InputError, match="must differ by more than"):
        Immunity(short_half_life_days=21.0)


@pytest.mark.parametrize("bad", [{"susceptible_share": 1.2}, {"half_titre": 0}, {"ng_per_unit": {"x": -1.0}}])
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        Immunity(**bad)
