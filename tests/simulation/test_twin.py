"""The engine against the naive twin: every total and every visit of every patient, and on average with other luck."""

import math

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.products import INDICATIONS
from retreat_research.simulation.outcomes import HISTORY, TOTALS
from retreat_research.strategies import Strategy

from . import twin

ABO, ONA, RIMA = "abobotulinumtoxinA", "onabotulinumtoxinA", "rimabotulinumtoxinB"
LOADS = {ABO: 2.69 / 500, ONA: 0.9 / 100, RIMA: 0.011}

GLABELLAR = rr.World.default("glabellar")
#: Immunity, missed checks, no-shows, non-response and dropout all happen often.
HARSH = rr.World.default("cervical dystonia", ABO).replace(
    induction_rate=0.3,
    booster=1.0,
    missed_check=0.2,
    no_show=0.1,
    dropout_per_year=0.1,
    test_every=2,
    non_response=0.15,
    ng_per_unit=LOADS,
)
#: Every option of docs/simulation.md at once.
EVERYTHING = HARSH.replace(
    complexing={ABO: 1.3, RIMA: 0.8},
    susceptible_share=0.7,
    dose_risk=0.4,
    protein_risk=1.5,
    volume_risk=1.2,
    trauma_risk=2.0,
    infection_risk=3.0,
    prior_exposure_risk=1.7,
    adjunct_lengthening=1.25,
    adjunct_support=0.08,
    investigator_shift=0.06,
    subject_shift=-0.05,
    visit_every=3.3,
    visit_jitter=1.1,
    missed_visit=0.2,
    sensitivity=0.9,
    specificity=0.93,
    ceiling_titre=4.0,
    return_jitter=0.9,
    technique_failure=0.1,
    technique_loss=0.7,
    storage_failure=0.1,
    storage_loss=0.4,
    lot_sd=0.15,
    lot_weeks=10.7,
    dilution=2.5,
    trauma=0.2,
    infection=0.15,
    prior_exposure=0.3,
)
#: Other sides of some of them: a subject who notices early, an adjunct that only supports, potency that is all lost.
OPPOSITE = EVERYTHING.replace(
    subject_shift=0.12,
    investigator_shift=-0.07,
    adjunct_lengthening=1.0,
    technique_loss=1.0,
    visit_every=0.0,
    visit_jitter=0.0,
    return_jitter=0.0,
    touch_up_weeks=2.5,
    dose_risk=0.0,
    protein_risk=0.6,
)

# --- strategies, each written twice -----------------------------------------------------------------------------------


def naive_window(earliest, latest):
    """`Fixed` and `OnWaning`."""
    return lambda seen, memory: {"earliest": earliest, "latest": latest}


def naive_stepped(start=12.0, step=2.0, hold=2, on_waning="hold", early=False, longest=26.0):
    """`Stepped`, from its documentation."""

    def decide(seen, memory):
        gap, settled, raised = memory.get("gap", start), memory.get("settled", False), memory.get("raised", False)
        units = seen["units"]
        lasted = seen["effect_at_return"] and np.isnan(seen["waned_weeks"])
        if seen["session"] > 0 and lasted and not settled and seen["session"] >= hold:
            gap = min(gap + step, longest)
        elif seen["session"] > 0 and not lasted and (seen["responded"] or not seen["assessed"]):
            settled = True
            if on_waning == "back":
                gap = max(gap - step, start)
            if on_waning == "dose" and not raised:
                units, raised = 1.1 * units, True
        memory.update(gap=gap, settled=settled, raised=raised)
        return {"earliest": min(start, gap) if early else gap, "latest": gap, "units": units}

    return decide


class Busy(Strategy):
    """Uses everything a decision can say.

    By turns: a main session with an early return, a touch-up two weeks later by half, sometimes a second one, a look
    without injection, a changed dose, an adjunct; type B while the last test was positive, and the other type-A product
    after a year and a half.
    """

    def initial_memory(self):
        return {"turn": 0.0}

    def decide(self, seen, memory):
        turn, doubtful = memory.turn, ~seen.effect_at_return
        follow_up, look = turn % 5 == 1, turn % 5 == 3
        again = (turn % 5 == 2) & doubtful
        positive, late = seen.last_test == 1, seen.week > 80
        main = np.where(positive, RIMA, np.where(late, ONA, ABO))
        product = np.where(follow_up | again, seen.product, main)
        label = np.where(product == RIMA, 5000.0, np.where(product == ONA, 236.0, 500.0))
        dose = label * (np.where(seen.peak_gain > 0.9, 0.8, 1.1) + 0.03 * np.nan_to_num(seen.last_reading))
        dose = np.where(follow_up, 0.5 * seen.units, np.where(again, 0.3 * seen.units, dose))
        soon = turn % 5 == 0
        short = (turn % 5 == 1) & doubtful
        decision = rr.Decision(
            earliest=np.where(soon, 2.05, np.where(short, 0.85, np.where(seen.cumulative_units > 3000, 9.1, 7.3))),
            latest=np.where(soon, 2.05, np.where(short, 0.85, np.where(seen.preference > 0.5, 24.2, 15.4))),
            units=np.where(look, 0.0, dose),
            product=product,
            adjunct=(turn % 3 == 1) | (turn % 11 == 5),
        )
        return decision, {"turn": turn + 1}


def naive_busy(seen, memory):
    """`Busy`, for one patient."""
    turn = memory.get("turn", 0)
    memory["turn"] = turn + 1
    phase, doubtful = turn % 5, not seen["effect_at_return"]
    joins = phase == 1 or (phase == 2 and doubtful)
    if joins:
        product = seen["product"]
    elif seen["last_test"] == 1:
        product = RIMA
    else:
        product = ONA if seen["week"] > 80 else ABO
    if joins:
        units = (0.5 if phase == 1 else 0.3) * seen["units"]
    elif phase == 3:
        units = 0.0
    else:
        reading = 0.0 if math.isnan(seen["last_reading"]) else seen["last_reading"]
        factor = (0.8 if seen["peak_gain"] > 0.9 else 1.1) + 0.03 * reading
        units = {RIMA: 5000.0, ONA: 236.0, ABO: 500.0}[product] * factor
    if phase == 0:
        window = (2.05, 2.05)
    elif phase == 1 and doubtful:
        window = (0.85, 0.85)
    else:
        window = (
            9.1 if seen["cumulative_units"] > 3000 else 7.3,
            24.2 if seen["preference"] > 0.5 else 15.4,
        )
    return {
        "earliest": window[0],
        "latest": window[1],
        "units": units,
        "product": product,
        "adjunct": turn % 3 == 1 or turn % 11 == 5,
    }


class Late(Strategy):
    """A look, a placebo, a look; then type A, now and then half as much 2 weeks later; after 90 weeks only looks."""

    def initial_memory(self):
        return {"turn": 0.0}

    def decide(self, seen, memory):
        turn = memory.turn
        half = (turn > 3) & (turn % 3 == 0)
        units = np.where((turn == 0) | (turn == 2) | (seen.week > 90), 0.0, np.where(turn == 1, 1.0, 500.0))
        return rr.Decision(
            earliest=np.where(turn % 3 == 2, 2.0, 9.0),
            latest=np.where(turn % 3 == 2, 2.0, 30.0),
            units=np.where(half, units / 2, units),
            product=np.where(turn == 1, "placebo", ABO),
        ), {"turn": turn + 1}


def naive_late(seen, memory):
    """`Late`, for one patient."""
    turn = memory.get("turn", 0)
    memory["turn"] = turn + 1
    units = 0.0 if turn in (0, 2) or seen["week"] > 90 else 1.0 if turn == 1 else 500.0
    return {
        "earliest": 2.0 if turn % 3 == 2 else 9.0,
        "latest": 2.0 if turn % 3 == 2 else 30.0,
        "units": units / 2 if turn > 3 and turn % 3 == 0 else units,
        "product": "placebo" if turn == 1 else ABO,
    }


STRATEGIES = {
    "fixed": (rr.Fixed(11), naive_window(11.0, 11.0)),
    "on waning": (rr.OnWaning(9, 40), naive_window(9.0, 40.0)),
    "stepped": (rr.Stepped(), naive_stepped()),
    "stepped back": (rr.Stepped(9, 3, on_waning="back"), naive_stepped(9.0, 3.0, on_waning="back")),
    "stepped dose": (rr.Stepped(10, on_waning="dose"), naive_stepped(10.0, on_waning="dose")),
    "stepped early": (rr.Stepped(8, early=True), naive_stepped(8.0, early=True)),
    "late": (Late(), naive_late),
    "busy": (Busy(), naive_busy),
}

# --- patient by patient -----------------------------------------------------------------------------------------------


def agree(world, name, n=40, years=6):
    """The engine's frames, after comparing them with the twin's to 1e-10."""
    strategy, naive = STRATEGIES[name]
    found = rr.simulate(rr.draw_cohort(n, world=world, seed=5), strategy, years=years, seed=2**35 + 9, history=True)
    twins = [twin.follow(world, 5, i, naive, years=years, seed=2**35 + 9) for i in range(n)]
    totals = pd.DataFrame([totals for totals, _ in twins])
    visits = pd.DataFrame([visit for _, visits in twins for visit in visits])
    same(found.patients, totals)
    assert len(found.sessions) == len(visits)
    same(found.sessions, visits)
    return found.patients, found.sessions


def same(found, expected):
    """Every column of `expected`: the potency where something was injected, the curve once there is one."""
    for column in expected:
        mine, theirs = found[column].to_numpy(), expected[column].to_numpy()
        if column == "product":
            np.testing.assert_array_equal(mine, theirs)
            continue
        means_something = np.ones(len(mine), dtype=bool)
        if column in ("potency", "log_own"):
            means_something = expected["units"].to_numpy() > 0
        if column == "log_own":
            means_something |= expected["session"].to_numpy() > 0
        mine, theirs = mine[means_something].astype(float), theirs[means_something].astype(float)
        close = 5e-9 if column == "peak_gain" else 1e-10  # an onset of 20 time constants counts as complete
        np.testing.assert_allclose(mine, theirs, rtol=close, atol=close, err_msg=column)


def test_the_twin_knows_everything_that_is_counted_and_recorded():
    totals, visits = twin.follow(GLABELLAR, 1, 0, naive_window(12.0, 12.0), years=1, seed=1)
    assert set(totals) == set(TOTALS.names)
    assert set(visits[0]) == set(HISTORY.names) - {"reason"}


@pytest.mark.parametrize("indication", INDICATIONS)
def test_default_worlds_agree_patient_by_patient(indication):
    patients, visits = agree(rr.World.default(indication), "on waning", n=25)
    assert patients["weeks_in_benefit"].gt(0).all()
    assert visits["waned_weeks"].notna().any()


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "busy"])
@pytest.mark.parametrize("world", [GLABELLAR, HARSH, EVERYTHING], ids=["glabellar", "harsh", "everything"])
def test_strategies_agree_patient_by_patient(world, name):
    agree(world, name, n=25)


@pytest.mark.parametrize("world", [HARSH, EVERYTHING, OPPOSITE], ids=["harsh", "everything", "opposite"])
def test_a_busy_strategy_agrees_patient_by_patient(world):
    """And what it is there for happens."""
    patients, visits = agree(world, "busy", n=80)
    assert {ABO, ONA, RIMA} == set(visits["product"])
    assert (visits["units"] == 0).sum() > 100
    assert visits["touch_up"].sum() > (0 if world is OPPOSITE else 100)
    assert visits["adjunct"].sum() > 100
    assert (visits.loc[visits["product"] == RIMA, "titre_before"] > 0).any()
    assert (visits["titre_before"] > world.immunity.failure_titre).any()
    for column in ("positive_week", "tested_positive_week", "failure_week", "dropout_week"):
        assert patients[column].notna().any()
    assert patients["failure_immune"].any()
    if world is not HARSH:
        assert visits["potency"].nunique() > 30


def test_a_product_without_a_load_agrees_patient_by_patient():
    """Antigen is not a number, and type B leaves no trace."""
    patients, visits = agree(HARSH.replace(ng_per_unit={ABO: LOADS[ABO], ONA: LOADS[ONA]}), "busy")
    assert patients["antigen_ng"].isna().any()
    assert (visits.loc[visits["product"] == RIMA, "titre_before"] == 0).all()


# --- on average, with other luck --------------------------------------------------------------------------------------

COMPARED = ("sessions", "units", "antigen_ng", "antigen_equivalents", "weeks_in_benefit", "weeks_waiting")


@pytest.mark.parametrize("name", ["stepped early", "busy"])
def test_engine_and_twin_agree_on_average(name):
    """Within 4 Monte Carlo standard errors of the difference of two independent runs.

    Nobody drops out, for power; and lots do not differ, because all patients share them: errors over patients know
    nothing of the lots' luck.
    """
    strategy, naive = STRATEGIES[name]
    world = EVERYTHING.replace(dropout_per_year=0.0, lot_sd=0.0)
    engine = rr.simulate(rr.draw_cohort(4000, world=world, seed=77), strategy, years=3, seed=78).patients
    twins = pd.DataFrame([twin.follow(world, 1, i, naive, years=3, seed=2)[0] for i in range(600)])
    for column in (*COMPARED, "positive_week", "tested_positive_week", "failure_week", "failure_immune"):
        a, b = (frame[column].notna() if column.endswith("_week") else frame[column] for frame in (engine, twins))
        a, b = (np.asarray(values, dtype=float) for values in (a, b))
        error = np.hypot(a.std() / np.sqrt(a.size), b.std() / np.sqrt(b.size))
        assert abs(a.mean() - b.mean()) < 4 * error, column
