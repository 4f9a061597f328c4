"""The search: constraints, racing, resuming, and an honest value of the winner."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.comparison import judging, racing
from retreat_research.comparison.aims import limits_of, objective_of
from retreat_research.comparison.outcomes import Estimate

COHORT = rr.draw_cohort(1500, indication="glabellar", seed=6)
FAMILY = rr.Family(rr.Stepped, start=(8.0, 16.0), step=(1.0, 6.0), hold=(1, 3), on_waning=["hold", "back"], early=True)


def test_the_winner_keeps_the_constraints_and_is_an_ordinary_strategy():
    found = rr.optimise(FAMILY, "time_in_benefit", "antigen <= 0.7", 25, cohort=COHORT, years=4)
    assert isinstance(found.best, rr.Stepped)
    value = rr.compare({"s": found.best}, COHORT, years=4, sweep=False).table().loc["s"]
    assert value["antigen"] <= 0.7 + value["antigen_mcse"]
    assert {"finished", "dropped", "infeasible"} == set(found.trials["state"])
    assert (found.trials.loc[found.trials["state"] == "dropped", "patients"] <= len(COHORT)).all()
    table = found.table()
    assert table["strategy"].iloc[0] == found.best
    assert table["keeps"].equals(table["antigen"] <= 0.7)
    assert table["antigen_mcse"].between(0, 0.02).all()
    assert found.bound.time_in_benefit == pytest.approx(table["fresh"].iloc[0], rel=1e-12)
    assert found.bound.left > 0
    ax = found.plot()
    assert ax.get_ylabel() == "time in benefit"
    plt.close(ax.figure)


def test_the_optimum_of_a_family_where_it_is_known():
    """Time in benefit falls with a fixed interval: the shortest is best."""
    found = rr.optimise(rr.Family(rr.Fixed, weeks=[10, 14, 18, 22]), budget=12, cohort=COHORT, years=4)
    assert found.best == rr.Fixed(10)


def test_a_search_that_was_stopped_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    whole = rr.optimise(FAMILY, "value at 0.5", "sessions <= 4", 14, cohort=COHORT, years=3)
    run, count = racing.Race.run, []

    def breaking(self, family, parameters):
        count.append(1)
        if len(count) == 8:
            raise KeyboardInterrupt
        return run(self, family, parameters)

    monkeypatch.setattr(racing.Race, "run", breaking)
    with pytest.raises(KeyboardInterrupt):
        rr.optimise(FAMILY, "value at 0.5", "sessions <= 4", 14, cohort=COHORT, years=3, store=tmp_path)
    (path,) = tmp_path.glob("search_*.jsonl")
    path.write_text(path.read_text()[:-20])  # the last line was cut off
    again = rr.optimise(FAMILY, "value at 0.5", "sessions <= 4", 14, cohort=COHORT, years=3, store=tmp_path)
    assert again.best == whole.best
    assert again.trials.equals(whole.trials)
    assert len(count) == 8 + 14 - 6


@dataclass(frozen=True)
class Toss(rr.Strategy):
    """8 or 30 weeks by a hash of the patient's preference, which is evenly spread: all `k` are equally good."""

    k: int = 1

    def decide(self, seen, memory):
        return rr.Decision.at(np.where(seen.preference * self.k * 97.31 % 1 < 0.5, 8.0, 30.0))


def test_the_reported_value_is_unbiased_where_all_candidates_are_equal():
    """Winner's curse: the value by which the winner was chosen flatters her, the reported one does not."""
    truth = rr.simulate(rr.draw_cohort(100_000, world=COHORT.world, seed=99), Toss(5), years=2, seed=99).summary()
    truth = truth.set_index("outcome").loc["time_in_benefit", "value"]
    equals, aim = [Toss(k) for k in range(50, 450, 50)], objective_of("time_in_benefit")
    unseen = pd.DataFrame({"value": np.zeros(8)})
    winners = [judging.judged(equals, unseen, aim, (), COHORT[:200], 2, seed)[0].iloc[0] for seed in range(40)]
    error = 1 / np.sqrt(len(winners))
    assert abs(np.mean([(one["fresh"] - truth) / one["mcse"] for one in winners])) < 4 * error
    assert np.mean([(one["ranking"] - truth) / one["mcse"] for one in winners]) > 4 * error


def test_shrinkage_is_nearer_to_the_truth_than_what_it_shrinks():
    """Eight candidates whose true values differ as much as the errors of their differences."""
    rng = np.random.default_rng(1)
    raw, shrunk, scaled = [], [], []
    for _ in range(400):
        truth = rng.normal(0.8, 0.1, 8)
        people = rng.normal(0, 1, 200)  # shared by all
        contributions = people + rng.normal(0, 1.4, (8, 200))
        contributions -= contributions.mean(axis=1, keepdims=True)
        luck = rng.normal(0, 1 / np.sqrt(200)) + rng.normal(0, 1.4 / np.sqrt(200), 8)
        found = [Estimate(t + x, c) for t, x, c in zip(truth, luck, contributions, strict=True)]
        value, mcse = judging.shrunken(found)
        raw.append((luck**2).mean())
        shrunk.append(((value - truth) ** 2).mean())
        scaled.append((value - truth) / mcse)
    gained = np.array(raw) - shrunk
    assert gained.mean() > 4 * gained.std() / np.sqrt(len(gained))
    assert np.std(scaled) == pytest.approx(1, abs=0.12)


def test_shrinkage_of_equals_and_of_one():
    one = Estimate(0.5, np.array([1.0, -1.0, 0.5, -0.5]))
    assert judging.shrunken([one])[0] == [0.5]
    value, mcse = judging.shrunken([one, one, one], [one, one, one])
    assert value.tolist() == [0.5] * 3
    assert mcse == pytest.approx(np.std([*one.influence] * 2, ddof=1) / np.sqrt(8))


def test_a_limit_surely_broken_is_not_hidden_by_a_larger_excess_that_may_be_chance():
    few = COHORT[:600]
    units = rr.simulate(few, rr.OnWaning(10), years=4).summary().set_index("outcome").loc["units"]
    limits = ["time_in_benefit >= 0.99", f"units <= {units['value'] - units['mcse'] / 2:.6f}"]
    family = rr.Family(rr.OnWaning, floor=[10, 12])
    for texts in (limits, limits[::-1]):
        race = racing.Race(objective_of("sessions"), limits_of(texts), few, 4, 1)
        row = race.run(family, {"floor": 10})
        assert row["state"] == "infeasible"
        assert row["reason"].startswith("time_in_benefit >= 0.99, but it is 0.8")


def test_choices_can_be_anything_and_ranges_end_at_their_last_step():
    family = rr.Family(lambda base, spare: base or rr.Fixed(20), base=[rr.Fixed(10), None], spare=(1.0, 6.0, 2.0))
    found = rr.optimise(family, budget=12, cohort=COHORT[:300], years=2)
    assert found.best == rr.Fixed(10)
    assert set(found.trials["spare"]) <= {1.0, 3.0, 5.0}
    weeks = rr.optimise(rr.Family(rr.Fixed, weeks=(8, 16)), budget=3, cohort=COHORT[:200], years=1).trials["weeks"]
    assert (weeks % 1 > 0).all()  # any number between


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rr.Family(rr.Stepped, stepp=(1, 2)), "no parameter `stepp`; did you mean step"),
        (lambda: rr.Family(rr.Stepped, step=(2, 2)), "`step`: low must be below high"),
        (lambda: rr.Family(rr.Stepped, on_waning=[]), "`on_waning` has no choices"),
        (lambda: rr.Family(rr.Stepped, step=2), "nothing is left to search"),
        (lambda: rr.optimise(FAMILY, budget=3, cohort=COHORT[[1, 5, 7]], years=2), "`cohort` must be as drawn"),
        (lambda: rr.Family(rr.Fixed, weeks=(1, 2, 5)), "`weeks`: the step must be positive and at most high - low"),
        (lambda: limits_of("antigen < 3"), "must read like 'antigen <= 0.8'"),
        (lambda: limits_of(["antigenn <= 3"]), "did you mean antigen"),
        (lambda: objective_of("value at 2"), "a preference must be from 0"),
        (lambda: objective_of("benefits"), "no outcome is called 'benefits'"),
        (lambda: rr.optimise(FAMILY, constraints="antigen <= 0.01", budget=3, cohort=COHORT, years=2),
         "no candidate keeps the constraints antigen <= 0.01; the nearest must have antigen <= 0.01, but it is"),
        (lambda: rr.optimise(rr.Family(rr.Stepped, start=(30.0, 40.0)), budget=3, cohort=COHORT, years=2),
         "no candidate is possible"),
    ],
)  # fmt: skip
def test_bad_input(make, message):
    with pytest.raises(rr.InputError, match=message):
        make()


def test_the_bound_is_above_every_strategy():
    few = COHORT[:400]
    rules = {"fixed": rr.Fixed(14), "waning": rr.OnWaning(10), "personal": rr.Personal(), "foresight": rr.Foresight(),
             "stepped": rr.Stepped(early=True)}  # fmt: skip
    table = rr.compare(rules, few, years=5, sweep=False).bound()
    assert (table["left"] >= 0).all()
    assert (table["bound"] <= 1).all()
