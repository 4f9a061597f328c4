"""What only an oracle is shown, and the oracle itself."""

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.products import PRODUCTS
from retreat_research.simulation.block import run_block
from retreat_research.strategies import Foreknown, Seen

from .test_twin import ABO, EVERYTHING, HARSH, RIMA

RIMA_UNITS = PRODUCTS[RIMA].label_units["cervical dystonia"]


def foretold(world, n, **decision):
    """The history of an oracle that decides the same always, with what it was told beforehand."""
    told = []

    class Oracle(rr.Strategy):
        oracle = True

        def decide(self, seen, memory):
            told.append(pd.DataFrame({"who": seen.preference, "week": seen.week, "foretold": seen.next_duration}))
            return rr.Decision(**{"earliest": 8.0, "latest": 20.0, "units": seen.label_units, **decision})

    cohort = rr.draw_cohort(n, world=world, seed=5)
    out = rr.simulate(cohort, Oracle(), years=8, seed=3, history=True)
    told = pd.concat(told)
    told["patient"] = told["who"].map(pd.Series(cohort.patient, index=cohort.preference))
    told = told[told["week"] < told["patient"].map(out.patients.set_index("patient")["weeks_observed"])]
    return out.sessions.merge(told.drop_duplicates(), on=["patient", "week"], how="left", validate="one_to_one")


def test_next_duration_is_what_the_history_says():
    """Of every session with the label dose, with neutralised doses, failed techniques, lots and non-response."""
    both = foretold(EVERYTHING.replace(adjunct_support=0.0), 300)
    np.testing.assert_array_equal(both["foretold"], both["duration_weeks"])
    assert both["titre_before"].gt(1).any()
    assert both["duration_weeks"].eq(0).any()
    assert both["potency"].ne(1).any()


def test_next_duration_is_of_the_product_last_given():
    world = HARSH.replace(median_weeks={ABO: 13.0, RIMA: 9.0})
    both = foretold(world, 100, units=RIMA_UNITS, product=RIMA)
    later = both[both["week"] > 0]
    np.testing.assert_array_equal(later["foretold"], later["duration_weeks"])
    assert (both["foretold"] != both["duration_weeks"])[both["week"] == 0].any()  # that of the cohort's product


def test_others_are_never_shown_it():
    shown = set()

    class Spy(rr.OnWaning):
        def decide(self, seen, memory):
            shown.add(type(seen))
            return super().decide(seen, memory)

    rr.simulate(rr.draw_cohort(20, indication="glabellar"), Spy(), years=1)
    assert shown == {Seen}


def test_what_an_oracle_sees_of_some_patients_is_theirs():
    class Spy(rr.Foresight):
        def decide(self, seen, memory):
            some = seen.at(np.array([-1, 0]))
            assert type(some) is Foreknown
            np.testing.assert_array_equal(some.next_duration, seen.next_duration[[-1, 0]])
            with pytest.raises(ValueError, match="read-only"):
                seen.next_duration[0] = 1.0
            return super().decide(seen, memory)

    run_block(rr.draw_cohort(5, indication="glabellar"), Spy(), 20.0, 1)


def test_it_is_labelled_in_the_notes():
    cohort = rr.draw_cohort(20, indication="glabellar")
    assert any("oracle" in note for note in rr.simulate(cohort, rr.Foresight(), years=1).notes)
    assert not any("oracle" in note for note in rr.simulate(cohort, rr.OnWaning(), years=1).notes)


@pytest.mark.parametrize("wait", [0.0, 2.5])
@pytest.mark.parametrize("indication", ["glabellar", "cervical dystonia"])
def test_treatment_on_request_is_foresight_where_waning_is_noticed_exactly(wait, indication):
    """With everything else as it is: non-response, antibodies, dropout, within-patient SD."""
    delay = max(wait, 1e-9)
    world = rr.World.default(indication).replace(delay_weeks=delay, delay_sd=0.0, rater_sd=0.0)
    cohort = rr.draw_cohort(300, world=world, seed=2)
    asked = rr.simulate(cohort, rr.OnWaning(1, 520), years=10, seed=4).patients
    known = rr.simulate(cohort, rr.Foresight(wait=delay, shortest=1, longest=520), years=10, seed=4).patients
    pd.testing.assert_frame_equal(asked, known, rtol=1e-9, check_exact=False)


def test_nothing_gives_more_benefit_for_the_same_wait():
    cohort = rr.draw_cohort(300, indication="glabellar", seed=2)
    known = rr.simulate(cohort, rr.Foresight(), years=10).summary().set_index("outcome")["value"]
    asked = rr.simulate(cohort, rr.OnWaning(1, 52), years=10).summary().set_index("outcome")["value"]
    assert known["time_in_benefit"] > asked["time_in_benefit"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"wait": -1}, "`wait` must be a number of weeks of at least 0"),
        ({"wait": np.nan}, "`wait` must be a number"),
        ({"shortest": 0}, "`shortest` must be a positive number of weeks"),
        ({"shortest": 60}, "`shortest` must be at most `longest`"),
    ],
)
def test_impossible_oracles_are_refused(values, message):
    with pytest.raises(rr.InputError, match=message):
        rr.Foresight(**values)
