"""The named rules on sequences worked out by hand."""

import copy
import pickle
import sys
import types
from itertools import pairwise

import numpy as np
import pytest

import retreat_research as rr
from retreat_research.simulation.identity import digest_of
from retreat_research.strategies.label_minimum import SHORTEST

L, W, S, U = "lasted", "waned", "silent", "unassessed"


def test_treat_and_extend_goes_up_and_down_for_ever(told):
    assert told(rr.TreatAndExtend(up=4, down=2), [L, L, W, L, W, W]) == [12, 16, 20, 18, 22, 20, 18]
    assert told(rr.TreatAndExtend(shortest=10), [W, W, W, S, U]) == [12, 10, 10, 10, 10, 10]
    assert told(rr.TreatAndExtend(longest=15), [L, L, L]) == [12, 14, 15, 15]


def test_treat_and_extend_says_why(told):
    assert told(rr.TreatAndExtend(), [L, W, W, S], "reason") == ["start", "extend", "shorten", "hold", "hold"]


def test_midpoint_halves_until_it_is_close_and_looks_again_below(told):
    """12 lasts → (12+26)/2 = 19; fails → (12+19)/2 = 15.5; lasts → 17.25; fails → 16.375; lasts: within 1, kept."""
    seen = [L, W, L, W, L, L]
    assert told(rr.Midpoint(), seen) == [12, 19, 15.5, 17.25, 16.375, 16.375, 16.375]
    # What lasted once lasts no more: halfway between the shortest and what failed.
    assert told(rr.Midpoint(), [*seen, W])[-1] == (12 + 16.375) / 2
    assert told(rr.Midpoint(), [S, U])[1] == 12


def test_midpoint_ends_at_the_shortest_when_nothing_lasts(told):
    found = told(rr.Midpoint(), [W] * 12)
    assert found[-1] == 12
    assert all(later <= earlier for earlier, later in pairwise(found))


def test_conservative_waits_at_sixteen_and_goes_back_by_a_step(told):
    assert told(rr.Conservative(), [L] * 9) == [12, 12, 14, 16, 16, 18, 20, 22, 24, 26]
    assert told(rr.Conservative(), [L, L, L, L, L, W, L, L, L]) == [12, 12, 14, 16, 16, 18, 16, 16, 18, 20]
    assert told(rr.Conservative(), [W, W, S]) == [12, 12, 12, 12]


def test_early_return_opens_the_window_from_the_start(patient):
    for rule in (rr.TreatAndExtend(early=True), rr.Midpoint(early=True), rr.Conservative(early=True, hold=1)):
        one = patient(rule)
        one.visit()
        later = one.visit(L)
        assert later["earliest"] == 12
        assert later["latest"] > 12


@pytest.mark.parametrize("indication", list(SHORTEST))
def test_the_label_minimum_is_that_of_the_evidence(indication):
    table = rr.evidence("protocols").set_index("rule_id")
    for weeks, source in SHORTEST[indication].values():
        row = table.loc[source.split()[1]]
        assert weeks == float(row["value"]) * (4 if row["unit"] == "months" else 1)
    inco = rr.LabelMinimum().prepared(rr.World.default(indication, "incobotulinumtoxinA"))
    assert inco.weeks == {"glabellar lines": 12, "cervical dystonia": 10}[indication]
    assert rr.LabelMinimum().prepared(rr.World.default(indication)).weeks == 12
    assert rr.LabelMinimum(10).prepared(rr.World.default(indication)) == rr.LabelMinimum(10)


def test_every_rule_explains_itself():
    for rule in (rr.Fixed(12), rr.Stepped(), rr.OnWaning(), rr.TreatAndExtend(), rr.Midpoint(), rr.Conservative(),
                 rr.Personal(), rr.LabelMinimum(), rr.Foresight()):  # fmt: skip
        text = rule.describe()
        assert len(text) > 25
        assert text.endswith((".", ".)"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rr.TreatAndExtend(up=0), "`up` must be a positive number of weeks"),
        (lambda: rr.TreatAndExtend(start=8), "`start` must lie from `shortest` to `longest`"),
        (lambda: rr.Midpoint(closest=-1), "`closest` must be"),
        (lambda: rr.Conservative(durable=0), "`durable` must be a whole number"),
        (lambda: rr.Conservative(usual=30), "`usual` must lie from `start` to `longest`"),
        (lambda: rr.LabelMinimum(-3), "`weeks` must be"),
    ],
)
def test_impossible_rules_are_refused(make, message):
    with pytest.raises(rr.InputError, match=message):
        make()


# --- a user's own ---------------------------------------------------------------------------------------------------


@rr.strategy
def plain(seen):
    """Twelve weeks for all."""
    return rr.Decision.at(12)


@rr.strategy(memory={"gap": 10.0, "pair": [1.0, 2.0]})
def growing(seen, memory):
    return rr.Decision.at(memory.gap), {"gap": memory.gap + 1, "pair": memory.pair}


COHORT = rr.draw_cohort(300, indication="glabellar")


def test_a_function_is_a_strategy(told):
    assert str(plain) == "plain"
    assert plain.describe().startswith("Twelve weeks for all.")
    assert rr.simulate(COHORT, plain, years=3).patients.equals(rr.simulate(COHORT, rr.Fixed(12), years=3).patients)
    gaps = rr.simulate(COHORT, growing, years=3, history=True).sessions.groupby("patient")["gap_weeks"].first()
    assert (gaps == 10).all()


def clinic_rules(monkeypatch, weeks):
    """A module of the user's, with one rule."""
    module = types.ModuleType("clinic_rules")
    exec(
        f"import retreat_research as rr\n@rr.strategy\ndef mine(seen):\n    return rr.Decision.at({weeks})\n",
        module.__dict__,
    )
    monkeypatch.setitem(sys.modules, "clinic_rules", module)
    return module


def test_a_rewritten_function_of_a_module_is_another_rule(monkeypatch):
    old, same, new = (digest_of(clinic_rules(monkeypatch, weeks).mine.within(3, 50)) for weeks in (12, 12, 20))
    assert old == same
    assert old != new


def test_a_decorated_function_can_be_pickled(monkeypatch):
    module = clinic_rules(monkeypatch, 13)
    assert copy.deepcopy(module.mine) is module.mine
    assert pickle.loads(pickle.dumps(module.mine)) is module.mine
    assert pickle.loads(pickle.dumps(module.mine.within(3, 5))) == module.mine.within(3, 5)


def test_two_functions_of_one_name_do_not_share_a_store(tmp_path):
    def made(weeks):
        @rr.strategy
        def same(seen):
            return rr.Decision.at(weeks)

        return same

    a, b = (rr.simulate(COHORT, made(w), years=3, store=tmp_path).patients["sessions"].mean() for w in (12, 20))
    assert a > b


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rr.strategy(lambda: None), r"must be a function of \(seen\) or \(seen, memory\)"),
        (lambda: rr.strategy(memory={"a": 1})(lambda seen: None), r"must be a function of \(seen, memory\)"),
        (lambda: rr.strategy(memory=[1]), "`memory` must map names to values"),
        (lambda: rr.strategy(3), "must be made of a function"),
    ],
)
def test_what_is_no_such_function_is_refused(make, message):
    with pytest.raises(rr.InputError, match=message):
        make()


def test_a_function_that_looks_at_other_patients_is_caught():
    @rr.strategy
    def cheater(seen):
        return rr.Decision.at(np.full(len(seen), 12 + np.mean(seen.week) / 1000))

    with pytest.raises(rr.InputError, match="depends on the other patients"):
        rr.simulate(COHORT, cheater, years=3)
    with pytest.raises(rr.InputError, match="depends on the other patients"):
        rr.simulate(COHORT, cheater.within(2, 50), years=3)
