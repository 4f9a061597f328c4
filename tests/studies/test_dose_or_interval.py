"""Dose or interval: the reactions by hand, and what the study must show whatever the numbers are."""

import numpy as np
import pytest

import retreat_research as rr
from retreat_research.comparison import evaluate
from retreat_research.studies.dose_or_interval import (
    DOSE_HALF_QUANTILES,
    MEASURED,
    AfterWaning,
    DoseOrInterval,
    reactions,
)


@pytest.fixture(scope="module")
def found():
    return DoseOrInterval("glabellar", patients=1500, years=6).run()


def test_holding_is_stepped_that_keeps_the_longest_rhythm():
    cohort = rr.draw_cohort(200, indication="glabellar")
    mine, stepped = (rr.simulate(cohort, s, years=8, history=True) for s in (AfterWaning(), rr.Stepped()))
    np.testing.assert_array_equal(mine.sessions["week"], stepped.sessions["week"])
    np.testing.assert_array_equal(mine.sessions["units"], stepped.sessions["units"])


def test_reactions_row_by_row_from_the_decision_log():
    """The naive way, from what the log says was seen."""
    cohort = rr.draw_cohort(150, indication="glabellar", seed=2)
    log = rr.simulate(cohort, AfterWaning(back=True, raise_by=0.2), years=8, history=True).decisions
    for _, visits in log.groupby("patient"):
        gap, units, settled = 12.0, 20.0, False
        for v in visits.itertuples():
            waned = not (v.effect_at_return and np.isnan(v.waned_weeks)) and (v.responded or not v.assessed)
            if v.session > 0 and waned:
                settled = True
                gap, units = max(gap - 2, 8), min(1.2 * units, 30)
            elif v.session > 1 and v.effect_at_return and np.isnan(v.waned_weeks) and not settled:
                gap = min(gap + 2, 26)
            assert (v.earliest, v.latest) == (gap, gap)
            assert v.units == pytest.approx(units)
    assert {"start", "extend", "hold", "escalate", "shorten"} == set(log["reason"])
    assert log["latest"].min() == 8
    assert log["units"].max() == 30


def test_the_table_against_simulations_and_the_evaluation(found):
    table = found.table()
    assert list(table.index.unique("dose_response")) == list(DOSE_HALF_QUANTILES)
    assert list(table.index.unique("reaction")) == list(reactions())
    half = float(table.loc[("duration grows much", "hold"), "dose_half"])
    assert half == pytest.approx(0.25 * np.exp(0.5 * 1.2815515655))  # LogNormal(0.25, 0.5) at 0.9
    world = rr.World.default("glabellar").replace(dose_half=half)
    cohort = rr.draw_cohort(1500, world=world)
    known = evaluate({"shorten": reactions()["shorten"]}, cohort, years=6)
    row = table.loc[("duration grows much", "shorten")]
    for name in MEASURED:
        assert row[name] == pytest.approx(known.values.loc["shorten", name], rel=1e-12)
    assert row["gain"] == pytest.approx(known.gains.loc[("shorten", "antigen"), "gain"], rel=1e-12)
    assert row["gain_mcse"] == pytest.approx(known.gains.loc[("shorten", "antigen"), "mcse"], rel=1e-12)


def test_what_must_be_so(found):
    """More dose costs antigen; a shorter interval costs sessions; both add benefit, dose most where it lengthens."""
    table = found.table()
    for _, rows in table.groupby(level="dose_response"):
        rows = rows.droplevel(0)
        assert (rows.loc["hold", [f"more_{name}" for name in MEASURED]] == 0).all()
        assert rows.loc["shorten", "more_sessions"] > 4 * rows.loc["shorten", "more_sessions_mcse"]
        for share in ("10%", "20%", "50%"):
            alone = rows.loc[f"dose +{share}"]
            assert alone["more_units"] > 4 * alone["more_units_mcse"]
            assert rows.loc[f"dose +{share} and shorten", "more_time_in_benefit"] > 0
    much, little = (
        table.loc[(name, "dose +50%")] for name in ("duration grows much", "duration grows little with dose")
    )
    assert much["more_time_in_benefit"] > little["more_time_in_benefit"]
    answer = found.answer()
    assert set(answer["better"]) <= {"dose", "interval", "neither"}
    assert "gain" in found._repr_html_()
    assert "1,500 patients" in repr(found)


def test_every_product_and_indication_with_a_default_world():
    every = DoseOrInterval.every(patients=50)
    assert len(every) == len({(study.indication, study.product) for study in every}) >= 4
    assert all(study.run().table()["time_in_benefit"].notna().all() for study in every[:1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"indication": "hiccups"}, "hiccups|indication"),
        ({"indication": "glabellar", "product": "rimabotulinumtoxinB"}, "no default world"),
        ({"indication": "glabellar", "patients": 1}, "`patients`"),
        ({"indication": "glabellar", "years": 0}, "`years` must be a positive number"),
    ],
)
def test_impossible_studies_are_refused(arguments, message):
    with pytest.raises(rr.InputError, match=message):
        DoseOrInterval(**arguments)
