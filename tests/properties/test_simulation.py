"""What every simulation must obey, whatever the world and the strategy."""

from dataclasses import dataclass

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import retreat_research as rr
from retreat_research.strategies import Strategy

#: Not shrunk: each example is a simulation.
QUICK = settings(max_examples=20, deadline=None, phases=(Phase.reuse, Phase.generate))
ABO, ONA, RIMA = "abobotulinumtoxinA", "onabotulinumtoxinA", "rimabotulinumtoxinB"
LABEL = {ABO: 500.0, ONA: 236.0, RIMA: 5000.0}
WORLD = rr.World.default("cervical dystonia", ABO).replace(
    ng_per_unit={ABO: 2.69 / 500, ONA: 0.9 / 100, RIMA: 0.011}, induction_rate=0.4, missed_visit=0.1
)


def up_to(most):
    """Null, or something that matters."""
    return st.one_of(st.just(0.0), st.floats(most / 100, most))


worlds = st.fixed_dictionaries({}, optional={
    "non_response": up_to(0.5),
    "dropout_per_year": up_to(0.4),
    "booster": up_to(3.0),
    "rater_sd": up_to(0.3),
    "missed_check": up_to(0.5),
    "visit_every": st.floats(1, 8),
    "subject_shift": st.floats(-0.1, 0.2),
    "investigator_shift": st.floats(-0.1, 0.2),
    "adjunct_lengthening": st.floats(1, 2),
    "adjunct_support": up_to(0.09),
    "technique_failure": up_to(0.5),
    "lot_sd": up_to(0.5),
    "no_show": up_to(0.5),
    "return_jitter": up_to(3.0),
    "trauma_risk": st.floats(0.3, 3),
    "trauma": st.floats(0, 1),
    "test_every": st.integers(0, 3),
}).map(lambda options: WORLD.replace(**options))  # fmt: skip


@dataclass(frozen=True)
class Turns(Strategy):
    """Visits in turn: (earliest, wait, share of the label dose, product, adjunct), the same for everyone."""

    visits: tuple[tuple[float, float, float, str, bool], ...]

    def initial_memory(self):
        return {"turn": 0.0}

    def decide(self, seen, memory):
        turn = (memory.turn % len(self.visits)).astype(int)
        earliest, wait, share, product, adjunct = (np.array(column)[turn] for column in zip(*self.visits, strict=True))
        label = np.array([LABEL[name] for name in product.tolist()])
        decision = rr.Decision(earliest, earliest + wait, units=share * label, product=product, adjunct=adjunct)
        return decision, {"turn": memory.turn + 1}


visits = st.tuples(
    st.floats(1, 20),
    st.one_of(st.just(0.0), st.floats(0, 20)),
    st.sampled_from([0.0, 0.3, 0.5, 1.0, 1.0, 1.5]),
    st.sampled_from([ABO, ABO, ONA, RIMA]),
    st.booleans(),
)
turns = st.lists(visits, min_size=1, max_size=5).map(lambda each: Turns(tuple(each)))
seeds = st.integers(0, 2**63)


def simulated(world, strategy, seed, years=2.0, n=10):
    return rr.simulate(rr.draw_cohort(n, world=world, seed=seed), strategy, years=years, seed=seed, history=True)


@QUICK
@given(worlds, turns, seeds)
def test_totals_are_the_sums_of_what_happened(world, strategy, seed):
    out = simulated(world, strategy, seed)
    totals, given_ = out.patients.set_index("patient"), out.sessions[out.sessions["units"] > 0]
    sums = given_.groupby("patient")[["units", "antigen_ng"]].sum().reindex(totals.index, fill_value=0)
    np.testing.assert_allclose(totals["units"], sums["units"])
    np.testing.assert_allclose(totals["antigen_ng"], sums["antigen_ng"])
    np.testing.assert_array_equal(
        totals["sessions"], given_.groupby("patient").size().reindex(totals.index, fill_value=0)
    )
    # every cycle but the last, which follow-up cuts, counts whole
    assert (totals["session_equivalents"] <= totals["sessions"] * (1 + 1e-12)).all()
    cycle = (~given_["touch_up"]).groupby(given_["patient"]).cumsum()
    last = given_[cycle == cycle.groupby(given_["patient"]).transform("max")].groupby("patient")
    for name, amount in (
        ("session", last.size()),
        ("unit", last["units"].sum()),
        ("antigen", last["antigen_ng"].sum()),
    ):
        column = {"session": "sessions", "unit": "units", "antigen": "antigen_ng"}[name]
        cut = totals[column] - totals[f"{name}_equivalents"]
        whole = amount.reindex(totals.index, fill_value=0)
        assert (cut >= -1e-9 * (1 + whole)).all()
        assert (cut <= whole + 1e-9 * (1 + whole)).all()


@QUICK
@given(worlds, turns, seeds)
def test_weeks_are_weeks_of_follow_up(world, strategy, seed):
    out = simulated(world, strategy, seed)
    totals, seen = out.patients, out.sessions
    assert (totals["weeks_in_benefit"] >= 0).all()
    assert (totals["weeks_waiting"] >= 0).all()
    assert (totals["weeks_in_benefit"] + totals["weeks_waiting"] <= totals["weeks_observed"] + 1e-9).all()
    assert (seen["gap_weeks"] >= 1 / 7).all()
    within = seen.merge(totals[["patient", "weeks_observed"]])
    assert (within["week"] < within["weeks_observed"]).all()
    nexts = (seen["week"] + seen["gap_weeks"]).groupby(seen["patient"]).shift()
    later = nexts.notna()
    np.testing.assert_allclose(seen.loc[later, "week"], nexts[later])
    for column in ("positive_week", "tested_positive_week", "failure_week", "first_response_week", "dropout_week"):
        known = totals[column].dropna()
        assert (known <= totals.loc[known.index, "weeks_observed"]).all()


@QUICK
@given(worlds, turns, seeds)
def test_what_is_seen_is_possible(world, strategy, seed):
    seen = simulated(world, strategy, seed).sessions
    known = seen["lower"].notna()
    assert (known == seen["upper"].notna()).all()
    assert (seen.loc[known, "lower"] >= 0).all()
    assert (seen.loc[known, "lower"] < seen.loc[known, "upper"]).all()
    treated = (seen["session"] > 0) | (seen["units"] > 0)
    assert (known | (seen["assessed"] & ~seen["responded"]) | ~treated).all()
    assert not seen.loc[~treated, ["responded", "assessed", "effect_at_return"]].any(axis=None)
    assert not (seen["responded"] & ~seen["assessed"]).any()
    assert (seen["titre_before"] >= 0).all()
    assert (seen["duration_weeks"] >= 0).all()
    assert seen["peak_effect"].between(0, 1 + world.response.amplitude_half).all()
    assert seen["memory"].between(0, 1).all()
    noticed = seen["waned_weeks"].dropna()
    assert (seen.loc[noticed.index, "upper"].isna() | (seen.loc[noticed.index, "upper"] <= noticed + 1e-12)).all()


@QUICK
@given(worlds, turns, seeds)
def test_the_future_does_not_change_the_past(world, strategy, seed):
    """The visits of the first year are the same when follow-up goes on."""
    short, long = (simulated(world, strategy, seed, years).sessions for years in (1.0, 2.5))
    both = short.merge(long, on=["patient", "week"], suffixes=("", "_long"))
    assert len(both) == len(short)
    for column in short.columns.drop(["patient", "week"]):
        np.testing.assert_array_equal(both[column], both[f"{column}_long"])


@QUICK
@given(worlds, turns, seeds)
def test_what_is_null_changes_nothing(world, strategy, seed):
    """Risks of factor 1, losses of nothing and lots without spread, however often they occur."""
    null = world.replace(
        trauma=0.0, trauma_risk=1.0, technique_failure=0.0, storage_failure=0.0, lot_sd=0.0, prior_exposure=0.0
    )
    other = null.replace(
        trauma=0.5, infection=0.5, prior_exposure=0.5, technique_failure=0.5, technique_loss=0.0, storage_failure=0.5,
        storage_loss=0.0, lot_weeks=1.0, dilution=4.0,
    )  # fmt: skip
    a, b = (simulated(w, strategy, seed).sessions for w in (null, other))
    for column in a:
        np.testing.assert_array_equal(a[column], b[column])


@QUICK
@given(st.floats(2, 12), worlds, seeds)
def test_a_pause_forgets_no_memory_and_makes_no_titre_of_its_own(gap, world, seed):
    """Four sessions, then visits without injection: from the second on the titre only falls."""
    visits = ((gap, 0.0, 1.0, ABO, False),) * 4 + ((13.0, 0.0, 0.0, ABO, False),) * 60
    seen = simulated(world.replace(dropout_per_year=0.0, return_jitter=0.0, no_show=0.0), Turns(visits), seed).sessions
    for _, patient in seen.groupby("patient"):
        titre = patient["titre_before"].to_numpy()[5:]
        assert (np.diff(titre) <= 0).all()
        assert patient["memory"].iloc[3:].nunique() == 1
