"""The closed form between sessions, exposures, and neutralisation."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from retreat_research import InputError
from retreat_research.immunity import ImmuneState, Immunity, decayed, effective_share, exposed

IMMUNITY = Immunity()


def state(**arrays):
    return ImmuneState(**{name: np.array([value], dtype=float) for name, value in arrays.items()})


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
        now = state(memory=0.2, short=3.0, long=1.0, titre=2.0, exposed_week=0.0)
        y, last = np.array([3.0, 1.0, 2.0]), 0.0
        for week in weeks:
            solved = solve_ivp(
                lambda t, y: [-ds * y[0], -dl * y[1], a * (y[0] + y[1] - y[2])],
                (last, week),
                y,
                method="DOP853",
                rtol=1e-12,
                atol=1e-14,
            )
            before = decayed(IMMUNITY, now, np.array([week]))
            y = solved.y[:, -1]
            np.testing.assert_allclose([before.short[0], before.long[0], before.titre[0]], y, rtol=1e-8)
            ng = rng.uniform(0.1, 4)
            now = exposed(
                IMMUNITY, before, np.array([week]), np.array([ng]), np.ones(1), np.ones(1), np.ones(1), np.ones(1)
            )
            m, short, long = naive_exposure(
                IMMUNITY, before.memory[0], y[0], y[1], y[2], 7 * (week - last), ng, 1, 1, 1, 1
            )
            np.testing.assert_allclose([now.memory[0], now.short[0], now.long[0]], [m, short, long], rtol=1e-8)
            y, last = np.array([short, long, y[2]]), week


def test_exposure_agrees_with_the_equations_row_by_row():
    rng = np.random.default_rng(2)
    n = 4000
    p = Immunity(induction_rate=0.5, booster=1.5)
    first = rng.random(n) < 0.3
    before = ImmuneState(
        memory=np.where(first | (rng.random(n) < 0.5), 0.0, rng.random(n)),
        short=rng.random(n) * 5,
        long=rng.random(n),
        titre=rng.random(n) * 20,
        exposed_week=np.where(first, np.nan, rng.uniform(0, 50, n)),
    )
    week, ng = np.full(n, 60.0), rng.choice([0.18, 0.9, 5.0], n)
    s, k, u, q = rng.lognormal(size=n), rng.lognormal(size=n), rng.random(n), rng.random(n)
    after = exposed(p, before, week, ng, s, k, u, q)
    induced = 0
    for i in range(n):
        days = None if first[i] else 7 * (60.0 - before.exposed_week[i])
        expected = naive_exposure(
            p, before.memory[i], before.short[i], before.long[i], before.titre[i], days, ng[i], s[i], k[i], u[i], q[i]
        )
        np.testing.assert_allclose([after.memory[i], after.short[i], after.long[i]], expected, rtol=1e-12)
        induced += before.memory[i] == 0 and after.short[i] > before.short[i]
    assert induced > 100
    assert (after.exposed_week == 60.0).all()


def test_half_a_dose_is_neutralised_at_a50():
    share = effective_share(IMMUNITY, np.array([0.0, IMMUNITY.half_titre, 10.0]))
    assert share == pytest.approx([1, 0.5, 1 / 101])


def test_half_lives_that_coincide_are_refused():
    with pytest.raises(InputError, match="must differ by more than"):
        Immunity(short_half_life_days=21.0)


@pytest.mark.parametrize("bad", [{"susceptible_share": 1.2}, {"half_titre": 0}, {"ng_per_unit": {"x": -1.0}}])
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        Immunity(**bad)
