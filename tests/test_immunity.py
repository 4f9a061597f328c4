"""The closed form between sessions, exposures, neutralisation, and what the engine makes of them."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import retreat_research as rr
from retreat_research import InputError
from retreat_research.immunity import Immunity, decayed, effective_share, first_hazard, first_output, recalled
from retreat_research.strategies import Strategy

IMMUNITY = Immunity()


def naive_strength(p, ng):
    return ng**p.antigen_hill / (ng**p.antigen_hill + p.half_antigen_ng**p.antigen_hill)


def naive_recall(p, m, short, long, titre, days, ng, k):
    """DESIGN §6, as it reads."""
    g = naive_strength(p, ng)
    r = p.rest_floor + (1 - p.rest_floor) * (1 - np.exp(-days / p.rest_days))
    d = p.recall_output * k * m * g * r / (1 + titre / p.feedback_titre)
    return m + p.memory_gain * g * (1 - m), short + d, long + p.long_lived_share * d


# --- between sessions -------------------------------------------------------------------------------------------------


def solved(p, state, weeks):
    """(short, long, titre) after `weeks`, by integrating the equations numerically."""
    a, ds, dl = (np.log(2) * 7 / getattr(p, f"{name}_half_life_days") for name in ("titre", "short", "long"))
    solution = solve_ivp(
        lambda t, y: [-ds * y[0], -dl * y[1], a * (y[0] + y[1] - y[2])],
        (0, weeks),
        state,
        method="DOP853",
        rtol=1e-12,
        atol=1e-30,
    )
    return solution.y[:, -1]


#: Half-lives (days) of circulating antibody and of both plasma outputs; near: just above the 0.1% that are refused.
NEAR = st.floats(1.00101, 1.01)
HALF_LIVES = st.one_of(
    st.tuples(st.floats(7, 40), st.floats(60, 240), st.floats(300, 1000)),
    st.tuples(st.floats(7, 40), NEAR, st.floats(300, 1000)).map(lambda h: (h[0], h[0] * h[1], h[2])),
    st.tuples(st.floats(7, 40), st.floats(60, 240), NEAR).map(lambda h: (h[0], h[1], h[0] / h[2])),
    st.tuples(st.floats(7, 40), NEAR, NEAR).map(lambda h: (h[0], h[0] * h[1], h[0] * h[2])),
)
SCHEDULE = st.lists(st.tuples(st.floats(1 / 7, 60), st.floats(0.05, 10), st.floats(0.05, 20)), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    half_lives=HALF_LIVES,
    schedule=SCHEDULE,
    start=st.tuples(st.floats(0.01, 30), st.floats(0, 10), st.floats(0, 20)),
    memory=st.floats(0.05, 1),
    shape=st.tuples(st.floats(0.5, 2.5), st.floats(1, 30), st.floats(0.1, 1), st.floats(30, 300)),
)
def test_the_closed_form_solves_the_equations_on_random_schedules(half_lives, schedule, start, memory, shape):
    """Against scipy's solve_ivp to 1e-8 relative, exposures included, half-lives that nearly coincide included."""
    titre_days, short_days, long_days = half_lives
    hill, feedback, floor, rest = shape
    p = Immunity(
        titre_half_life_days=titre_days,
        short_half_life_days=short_days,
        long_half_life_days=long_days,
        antigen_hill=hill,
        feedback_titre=feedback,
        rest_floor=floor,
        rest_days=rest,
    )
    ours, reference, expected_memory = start, np.array(start), memory
    for weeks, ng, gain in schedule:
        short, long, titre = decayed(p.kinetics(), *ours, weeks)
        reference = solved(p, reference, weeks)
        np.testing.assert_allclose([short, long, titre], reference, rtol=1e-8)
        after = recalled(p.kinetics(), memory, short, long, titre, 7 * weeks, ng, gain)
        expected = naive_recall(p, expected_memory, *reference, 7 * weeks, ng, gain)
        np.testing.assert_allclose(after, expected, rtol=1e-8)
        memory, ours = after[0], (after[1], after[2], titre)
        expected_memory, reference = expected[0], np.array([expected[1], expected[2], reference[2]])


@pytest.mark.parametrize("weeks", [1 / 7, 12.0, 400.0])
@pytest.mark.parametrize("away", [1.00101, 1 / 1.00101, 1.002])
def test_little_is_lost_where_half_lives_nearly_coincide(away, weeks):
    """Against a·u·e^(−au)·(1 − e^(−x))/x, x = (d − a)u, which has no small difference in it."""
    p = Immunity(short_half_life_days=21.0 * away)
    a, x = p.rate("titre"), (p.rate("short") - p.rate("titre")) * weeks
    exact = a * weeks * np.exp(-a * weeks) * -np.expm1(-x) / x
    assert decayed(p.kinetics(), 1.0, 0.0, 0.0, weeks)[2] == pytest.approx(exact, rel=1e-10)


def test_half_lives_that_coincide_are_refused():
    with pytest.raises(InputError, match="must differ by more than"):
        Immunity(short_half_life_days=21.0)
    with pytest.raises(InputError, match="`long_half_life_days` and `titre_half_life_days`"):
        Immunity(long_half_life_days=21.02)


# --- exposures --------------------------------------------------------------------------------------------------------


def test_exposures_agree_with_the_equations():
    rng = np.random.default_rng(2)
    p = Immunity(induction_rate=0.5, booster=1.5)
    for _ in range(500):
        ng, days, k, s = rng.choice([0.18, 0.9, 5.0]), rng.uniform(1, 400), rng.lognormal(), rng.lognormal()
        power = ng**p.induction_power
        b = 1 + p.booster * np.exp(-((days / p.booster_days) ** 2))
        assert first_hazard(p.kinetics(), days, power, s) == pytest.approx(0.5 * s * power * b, rel=1e-12)
        assert first_hazard(p.kinetics(), np.nan, power, s) == pytest.approx(0.5 * s * power, rel=1e-12)
        assert first_output(p.kinetics(), ng, k) == pytest.approx(
            p.primary_output * k * naive_strength(p, ng), rel=1e-12
        )
        state = (rng.random(), 5 * rng.random(), rng.random(), 20 * rng.random(), days, ng, k)
        np.testing.assert_allclose(recalled(p.kinetics(), *state), naive_recall(p, *state), rtol=1e-12)


def recall(p, days, titre=0.0, memory=0.4, ng=1.0):
    """What an exposure of a primed patient adds to the short-lived output."""
    return recalled(p.kinetics(), memory, 0.0, 0.0, titre, days, ng, 1.0)[1]


@pytest.mark.parametrize("pause", [30.0, 180.0, 1000.0])
def test_a_recall_after_a_pause_is_larger_as_the_kernel_says(pause):
    """R(τ)/R(14 days), whatever the dose and the memory."""
    floor, tau = IMMUNITY.rest_floor, IMMUNITY.rest_days
    ratio = (1 - (1 - floor) * np.exp(-pause / tau)) / (1 - (1 - floor) * np.exp(-14 / tau))
    assert ratio > 1
    for memory, ng in ((0.2, 0.2), (0.9, 5.0)):
        found = recall(IMMUNITY, pause, memory=memory, ng=ng) / recall(IMMUNITY, 14.0, memory=memory, ng=ng)
        assert found == pytest.approx(ratio, rel=1e-12)


def test_a_recall_that_needs_no_rest_does_not_know_the_pause():
    flat = Immunity(rest_floor=1.0)
    assert recall(flat, 1.0) == recall(flat, 1000.0)


def test_feedback_halves_a_recall_at_its_titre():
    assert recall(IMMUNITY, 90, titre=IMMUNITY.feedback_titre) == pytest.approx(recall(IMMUNITY, 90) / 2, rel=1e-12)


def test_half_a_dose_is_neutralised_at_a50():
    share = [effective_share(a, IMMUNITY.half_titre, IMMUNITY.neutralisation_hill) for a in (0.0, 1.0, 10.0)]
    assert share == pytest.approx([1, 0.5, 1 / 101])


# --- in the engine ----------------------------------------------------------------------------------------------------

ABO, RIMA = "abobotulinumtoxinA", "rimabotulinumtoxinB"
#: Everyone susceptible and alike; no luck but that of a first response, and no dropout.
ALIKE = rr.World.default("cervical dystonia", ABO).replace(
    susceptible_share=1.0,
    frailty_sd=0.0,
    recall_sd=0.0,
    dropout_per_year=0.0,
    no_show=0.0,
    ng_per_unit={ABO: 2.69 / 500, RIMA: 0.011},
)
#: Antigen of the label dose, ng; and the rate that gives a first response at one in ten label doses.
LABEL_NG = 2.69
RATE = 0.1 / LABEL_NG**ALIKE.immunity.induction_power
N = 20_000


@dataclass(frozen=True)
class Timetable(Strategy):
    """The same for everyone: (gap, units, product) of each visit; the last repeats."""

    visits: tuple[tuple[float, float, str], ...]

    def initial_memory(self):
        return {"turn": 0.0}

    def decide(self, seen, memory):
        gaps, units, products = (
            np.array(column)[np.minimum(memory.turn, len(self.visits) - 1).astype(int)]
            for column in zip(*self.visits, strict=True)
        )
        return rr.Decision.at(gaps, units=units, product=products), {"turn": memory.turn + 1}


def visits_of(world, strategy, n, weeks, seed=3):
    """The history, each column of shape (n, visits)."""
    out = rr.simulate(
        rr.draw_cohort(n, world=world, seed=2), strategy, years=weeks * 7 / 365.25, seed=seed, history=True
    )
    return {name: out.sessions[name].to_numpy().reshape(n, -1) for name in out.sessions}


def within_4_errors(happened, truth):
    error = np.sqrt(truth * (1 - truth) / happened.size)
    assert abs(happened.mean() - truth) < 4 * error
    assert truth > 10 * error  # or the test could not fail


def test_a_first_response_is_as_frequent_as_its_hazard():
    titre = visits_of(ALIKE.replace(induction_rate=RATE), rr.Fixed(12), N, 12.1)["titre_before"]
    assert (titre[:, 0] == 0).all()
    within_4_errors(titre[:, 1] > 0, 1 - np.exp(-0.1))


def test_a_first_response_leaves_memory_as_often_as_said():
    """The others' is transient: no long-lived output, no recall."""
    seen = visits_of(ALIKE.replace(induction_rate=1e6, memory_probability=0.54), rr.Fixed(12), N, 1)
    within_4_errors(seen["memory"][:, 0] > 0, 0.54)
    assert set(np.unique(seen["memory"])) == {0, ALIKE.immunity.first_memory}
    assert (seen["short"] > 0).all()
    assert (seen["long"] == 0).all()


@pytest.mark.parametrize(
    ("option", "log2_ratio"),
    [
        ({"dose_risk": 0.5}, 0.5),  # at twice the label dose
        ({"protein_risk": 2.0}, 8.70 / 5),  # at twice the label dose: 8.70 ng of complexing protein
        ({"volume_risk": 2.0, "dilution": 2.0}, 1.0),
        ({"volume_risk": 2.0, "dilution": 0.5}, -1.0),
        ({"volume_risk": 2.0}, 0.0),
        ({"trauma_risk": 2.0, "trauma": 1.0}, 1.0),
        ({"trauma_risk": 2.0}, 0.0),
        ({"infection_risk": 2.0, "infection": 1.0}, 1.0),
        ({"prior_exposure_risk": 2.0, "prior_exposure": 1.0}, 1.0),
        ({"trauma_risk": 2.0, "trauma": 1.0, "infection_risk": 2.0, "infection": 1.0}, 2.0),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_risk_factors_multiply_the_hazard(option, log2_ratio):
    """A first response at twice the label dose: 1 − exp(−λ (2 L)^γ · hazard ratio)."""
    world = ALIKE.replace(induction_rate=RATE, **option)
    titre = visits_of(world, Timetable(((12.0, 1000.0, ABO),)), N, 12.1)["titre_before"]
    within_4_errors(titre[:, 1] > 0, 1 - np.exp(-0.1 * 2**ALIKE.immunity.induction_power * 2**log2_ratio))


@pytest.mark.parametrize("booster", [0.0, 4.0])
@pytest.mark.parametrize("gap", [2.0, 3.0, 8.0])
def test_the_booster_kernel_acts_on_a_second_exposure(gap, booster):
    world = ALIKE.replace(induction_rate=RATE, booster=booster)
    titre = visits_of(world, rr.Fixed(gap), N, 2 * gap + 0.1)["titre_before"]
    kernel = 1 + booster * np.exp(-((7 * gap / 21) ** 2))
    within_4_errors(titre[titre[:, 1] == 0, 2] > 0, 1 - np.exp(-0.1 * kernel))


def test_complexing_proteins_count_as_load():
    scaled = ALIKE.replace(induction_rate=RATE, ng_per_unit={ABO: 3 * 2.69 / 500})
    complexed = ALIKE.replace(induction_rate=RATE, ng_per_unit={ABO: 2.69 / 500}, complexing={ABO: 3.0})
    a, b = (visits_of(world, rr.Fixed(12), 500, 200) for world in (scaled, complexed))
    for name in ("antigen_ng", "titre_before", "duration_weeks"):
        np.testing.assert_allclose(a[name], b[name], rtol=1e-12)
    assert (a["titre_before"] > 0).any()
    np.testing.assert_allclose(a["antigen_ng"], 3 * LABEL_NG)


def test_serotypes_do_not_know_of_each_other():
    """A and B in turn give each the titres that it has when the other's visits pass without injection."""
    world = ALIKE.replace(induction_rate=0.5)
    both, only_a, only_b = (
        visits_of(world, Timetable(((6.0, a, ABO), (5.0, b, RIMA)) * 15), 200, 160)
        for a, b in ((500.0, 5000.0), (500.0, 0.0), (0.0, 5000.0))
    )
    a, b = both["titre_before"][:, ::2], both["titre_before"][:, 1::2]
    np.testing.assert_allclose(a, only_a["titre_before"][:, ::2], rtol=1e-12)
    np.testing.assert_allclose(b, only_b["titre_before"][:, 1::2], rtol=1e-12)
    assert (a > 1).any()
    assert (b > 1).any()


def test_titre_falls_and_memory_stays_in_a_pause():
    """Two years of visits without injection after a year of treatment; then the recall is at once."""
    world = ALIKE.replace(induction_rate=5.0, memory_probability=1.0)
    timetable = ((12.0, 500.0, ABO),) * 5 + ((26.0, 0.0, ABO),) * 4 + ((4.0, 500.0, ABO),)
    seen = visits_of(world, Timetable(timetable), 50, 12 * 5 + 26 * 4 + 4.1)
    titre, memory = seen["titre_before"], seen["memory"]
    assert (np.diff(titre[:, 6:10]) < 0).all()
    assert (memory[:, 4:9] == memory[:, 4:5]).all()
    assert (memory[:, 4] > world.immunity.first_memory).all()
    assert (memory[:, 9] > memory[:, 8]).all()
    assert (titre[:, 10] > titre[:, 9]).all()


def test_a_transient_response_is_forgotten():
    """Without memory the long-lived output stays nothing and the short-lived one decays by its half-life."""
    world = ALIKE.replace(induction_rate=5.0, memory_probability=0.0, short_half_life_days=91.0)
    timetable = ((13.0, 500.0, ABO),) + ((13.0, 0.0, ABO),) * 8
    seen = visits_of(world, Timetable(timetable), 50, 13 * 8 + 0.1)
    induced = seen["short"][:, 0] > 0
    assert induced.sum() > 40
    assert (seen["memory"] == 0).all()
    assert (seen["long"] == 0).all()
    expected = seen["short"][:, :1] * 0.5 ** np.arange(9)
    np.testing.assert_allclose(seen["short"], expected, rtol=1e-12)


def test_nothing_responds_above_the_failure_titre():
    """And a world that is the same but for neutralisation lets the same injections respond."""
    world = ALIKE.replace(
        induction_rate=1.0, memory_probability=1.0, recall_output=15.0, non_response=0.0, half_titre=1e9
    )
    titre, duration = (visits_of(world, rr.Fixed(8), 200, 150)[name] for name in ("titre_before", "duration_weeks"))
    assert (titre > 10).sum() > 500
    assert ((titre <= 10) & (titre > 5)).sum() > 20
    np.testing.assert_array_equal(duration == 0, titre > 10)
    other = visits_of(world.replace(failure_titre=1e9), rr.Fixed(8), 200, 150)
    np.testing.assert_allclose(other["titre_before"], titre)
    assert (other["duration_weeks"] > 0).all()


def test_a_neutralised_dose_shortens_the_effect_as_the_equations_say():
    world = ALIKE.replace(induction_rate=5.0, memory_probability=1.0, non_response=0.0, between_sd=0.0, within_sd=0.0)
    seen = visits_of(world, rr.Fixed(8), 200, 150)
    r = 1 / (1 + (seen["titre_before"] / world.immunity.half_titre) ** world.immunity.neutralisation_hill)
    model = world.response
    peak = (1 + model.amplitude_half) * r / (r + model.amplitude_half)
    own = 13.0 * r / (r + model.dose_half) * (1 + model.dose_half)
    reach = np.maximum((peak / model.threshold - 1) / (1 / model.threshold - 1), 0) ** (1 / model.curve_hill)
    expected = np.where(seen["titre_before"] > 10, 0, own * reach)
    np.testing.assert_allclose(seen["duration_weeks"], expected, rtol=1e-10, atol=1e-12)
    partly = (r < 0.9) & (expected > 0)
    assert partly.sum() > 50


@pytest.mark.parametrize("bad", [{"susceptible_share": 1.2}, {"half_titre": 0}, {"ng_per_unit": {"x": -1.0}}])
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        Immunity(**bad)
