"""The search: constraints, racing, resuming, and an honest value of the winner."""

import numpy as np
import pytest

import retreat_research as rr
from retreat_research.comparison import search
from retreat_research.comparison.aims import limits_of, objective_of

COHORT = rr.draw_cohort(1500, indication="glabellar", seed=6)
FAMILY = rr.Family(rr.Stepped, start=(8.0, 16.0), step=(1.0, 6.0), hold=(1, 3), on_waning=["hold", "back"], early=True)


def test_the_winner_keeps_the_constraints_and_is_an_ordinary_strategy():
    found = rr.optimise(FAMILY, "time_in_benefit", "antigen <= 0.7", 25, cohort=COHORT, years=4)
    assert isinstance(found.best, rr.Stepped)
    value = rr.compare({"s": found.best}, COHORT, years=4, sweep=False).table().loc["s"]
    assert value["antigen"] <= 0.7 + value["antigen_mcse"]
    assert {"finished", "dropped", "infeasible"} == set(found.trials["state"])
    assert (found.trials.loc[found.trials["state"] == "dropped", "patients"] <= len(COHORT)).all()
    ranking = found.table()["ranking"]
    assert (ranking.diff().dropna() <= 0).all()
    assert found.plot().get_ylabel() == "time in benefit"


def test_the_optimum_of_a_family_where_it_is_known():
    """Time in benefit falls with a fixed interval: the shortest is best."""
    found = rr.optimise(rr.Family(rr.Fixed, weeks=[10, 14, 18, 22]), budget=12, cohort=COHORT, years=4)
    assert found.best == rr.Fixed(10)


def test_a_search_that_was_stopped_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    whole = rr.optimise(FAMILY, "value at 0.5", "sessions <= 4", 14, cohort=COHORT, years=3)
    run, count = search._Race.run, []

    def breaking(self, family, parameters):
        count.append(1)
        if len(count) == 8:
            raise KeyboardInterrupt
        return run(self, family, parameters)

    monkeypatch.setattr(search._Race, "run", breaking)
    with pytest.raises(KeyboardInterrupt):
        rr.optimise(FAMILY, "value at 0.5", "sessions <= 4", 14, cohort=COHORT, years=3, store=tmp_path)
    (path,) = tmp_path.glob("search_*.jsonl")
    path.write_text(path.read_text()[:-20])  # the last line was cut off
    again = rr.optimise(FAMILY, "value at 0.5", "sessions <= 4", 14, cohort=COHORT, years=3, store=tmp_path)
    assert again.best == whole.best
    assert again.trials.equals(whole.trials)
    assert len(count) == 8 + 14 - 6


def test_the_reported_value_is_unbiased_where_all_candidates_are_equal():
    """Winner's curse: choices that make no difference; search values of the best flatter, fresh ones do not."""

    world = COHORT.world.replace(between_sd=0.4)
    truth = rr.simulate(rr.draw_cohort(40_000, world=world, seed=99), rr.Fixed(14), years=2, seed=99).summary()
    truth = truth.set_index("outcome").loc["time_in_benefit", "value"]
    off = []
    for seed in range(25):
        cohort = rr.draw_cohort(300, world=world, seed=seed)
        found = rr.optimise(
            rr.Family(rr.Fixed, weeks=(13.99, 14.01)), budget=4, cohort=cohort, years=2, seed=seed
        ).table().iloc[0]  # fmt: skip
        off.append((found["fresh"] - truth) / found["mcse"])
    assert abs(np.mean(off)) < 4 / np.sqrt(len(off))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rr.Family(rr.Stepped, stepp=(1, 2)), "no parameter `stepp`; did you mean step"),
        (lambda: rr.Family(rr.Stepped, step=(2, 2)), "`step`: low must be below high"),
        (lambda: rr.Family(rr.Stepped, on_waning=[]), "`on_waning` has no choices"),
        (lambda: rr.Family(rr.Stepped, step=2), "nothing is left to search"),
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
