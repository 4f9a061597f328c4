"""`simulate` however it is run: blocks, threads, sums only, enough patients, Ctrl-C, and arguments that cannot be."""

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.comparison import gains_in
from retreat_research.simulation import OUTCOMES, memory, parallel, parts, run, stopping
from retreat_research.simulation.parallel import CHECKED
from retreat_research.strategies import Strategy

HARSH = rr.World.default("cervical dystonia", "abobotulinumtoxinA").replace(
    induction_rate=0.3, missed_check=0.2, no_show=0.1, dropout_per_year=0.1, test_every=2, non_response=0.15
)
COHORT = rr.draw_cohort(4500, world=HARSH, seed=2)
STRATEGY = rr.Stepped(early=True, on_waning="back")


def same(a, b):
    pd.testing.assert_frame_equal(a.patients, b.patients, check_exact=True)
    pd.testing.assert_frame_equal(a.summary(), b.summary(), check_exact=True)
    assert (a.products, a.notes, a.complete) == (b.products, b.notes, b.complete)


@pytest.fixture(scope="module")
def whole():
    return rr.simulate(COHORT, STRATEGY, years=5, seed=4, history=True)


@pytest.mark.parametrize("how", [{"block": 1000}, {"block": 1777}, {"block": 4096}, {"workers": 2, "block": 700}])
def test_blocks_and_threads_change_no_bit(whole, how):
    other = rr.simulate(COHORT, STRATEGY, years=5, seed=4, history=True, **how)
    same(whole, other)
    pd.testing.assert_frame_equal(whole.sessions, other.sessions, check_exact=True)


def test_threads_that_start_together_do_not_compile_together():
    """numba warns of a ufunc that two threads compile at once; in a process of its own, where nothing is compiled."""
    code = "import retreat_research as rr; cohort = rr.draw_cohort(600, indication='glabellar'); "
    code += "rr.simulate(cohort, rr.Fixed(12), years=1, workers=4, block=50)"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_one_patient_alone_is_the_same(whole):
    for i in (0, 255, 256, 4499):
        alone = rr.simulate(COHORT[[i]], STRATEGY, years=5, seed=4, workers=2).patients
        pd.testing.assert_frame_equal(alone, whole.patients[i : i + 1].reset_index(drop=True), check_exact=True)


@pytest.mark.parametrize("how", [{}, {"workers": 2}, {"block": 333}])
def test_sums_alone_are_those_of_the_table(whole, how):
    sums = rr.simulate(COHORT, STRATEGY, years=5, seed=4, patients=False, **how)
    assert sums.patients is None
    assert sums.sessions is None
    assert sums.moments == whole.moments
    pd.testing.assert_frame_equal(sums.summary(), whole.summary(), check_exact=True)
    assert "time_in_benefit" in sums._repr_html_()


def test_visits_without_a_table_of_patients(whole):
    visits = rr.simulate(COHORT[:300], STRATEGY, years=5, seed=4, patients=False, history=True)
    assert visits.patients is None
    first = whole.sessions[whole.sessions["patient"] < 300]
    pd.testing.assert_frame_equal(visits.sessions, first, check_exact=True)


def test_the_summary_has_every_outcome(whole):
    table = whole.summary()
    assert table.columns.tolist() == ["outcome", "value", "mcse", "n"]
    assert table["outcome"].tolist() == [outcome.name for outcome in OUTCOMES]
    assert (table["n"] == 4500).all()


def test_any_order_of_patients_gives_the_same_table_and_sums(whole):
    order = np.random.default_rng(0).permutation(len(COHORT))
    other = rr.simulate(COHORT[order], STRATEGY, years=5, seed=4, history=True, workers=2, block=600)
    same(whole, other)
    pd.testing.assert_frame_equal(whole.sessions, other.sessions, check_exact=True)


# --- enough patients --------------------------------------------------------------------------------------------------


def test_it_stops_at_the_first_checkpoint_that_is_good_enough():
    cohort = rr.draw_cohort(10_000, world=HARSH, seed=2)
    wanted = {"time_in_benefit": 0.0045, "antibodies": 0.0075}
    out = rr.simulate(cohort, STRATEGY, years=3, until_mcse=wanted)
    n = len(out.cohort)
    sizes = stopping.checkpoints(10_000)
    assert n in sizes[1:-1]

    def met(size):
        table = rr.simulate(cohort[:size], STRATEGY, years=3).summary().set_index("outcome")["mcse"]
        return all(table[name] <= error for name, error in wanted.items())

    assert met(n)
    assert not met(sizes[sizes.index(n) - 1])
    assert out.complete
    assert out.notes == ()


@pytest.mark.parametrize("how", [{}, {"workers": 2, "block": 300}, {"block": 1777, "patients": False}])
def test_the_result_is_that_of_a_cohort_of_this_size(how):
    cohort = rr.draw_cohort(10_000, world=HARSH, seed=2)
    out = rr.simulate(cohort, STRATEGY, years=3, until_mcse=0.006, **how)
    plain = rr.simulate(cohort[: len(out.cohort)], STRATEGY, years=3)
    assert 1024 <= len(out.cohort) < 5000
    pd.testing.assert_frame_equal(out.summary(), plain.summary(), check_exact=True)
    if how.get("patients", True):
        same(out, plain)


def test_too_few_patients_are_said():
    out = rr.simulate(COHORT[:1500], STRATEGY, years=2, until_mcse={"time_in_benefit": 1e-5, "sessions": 10})
    assert len(out.cohort) == 1500
    assert out.complete
    assert len(out.notes) == 1
    assert "All 1,500 patients were not enough" in out.notes[0]
    assert "time_in_benefit has 0.0" in out.notes[0]
    assert "where 1e-05 was asked for" in out.notes[0]
    assert "sessions" not in out.notes[0]


def test_a_share_that_nobody_has_yet_is_not_taken_for_certain():
    """As if two of four more patients had had it: √2/n among n without any."""
    world = rr.World.default("glabellar").replace(induction_rate=0.0)
    cohort = rr.draw_cohort(3000, world=world)
    out = rr.simulate(cohort, rr.Fixed(20), years=1, until_mcse={"antibodies": np.sqrt(2) / 1100})
    assert len(out.cohort) == 1536
    assert out.summary().set_index("outcome").loc["antibodies", "mcse"] == 0


@pytest.mark.parametrize("wanted", [np.float32(0.5), np.float64(0.5), np.int64(1), {"sessions": np.float32(9)}])
def test_numbers_of_numpy_are_numbers(wanted):
    assert len(rr.simulate(COHORT[:2000], rr.Fixed(12), years=np.float32(1), until_mcse=wanted).cohort) == 1024


def test_checkpoints_grow_by_at_most_a_half():
    sizes = stopping.checkpoints(100_000)
    assert sizes[:5] == [1024, 1536, 2048, 3072, 4096]
    assert sizes[-1] == 100_000
    assert all(a < b <= 1.5 * a for a, b in pairwise(sizes))
    assert stopping.checkpoints(1024) == [1024]
    assert stopping.checkpoints(7) == [7]


# --- large ------------------------------------------------------------------------------------------------------------


def test_a_table_that_cannot_fit_is_refused_before_any_work():
    for how, hint in (({}, "`patients=False`"), ({"history": True}, "`store`")):
        with pytest.raises(rr.InputError, match=hint):
            rr.simulate(rr.draw_cohort(10**9, world=HARSH), STRATEGY, **how)


def test_available_memory_is_that_of_the_system():
    there = memory.available_bytes()
    assert there is None or 10**8 < there < 10**14


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="measures the memory of a POSIX process")
def test_sums_of_a_hundred_million_patients_start_at_once_and_stay_flat():
    """Ctrl-C after two seconds of work; memory did not grow with the cohort."""
    code = """if True:
        import os, resource, signal, threading, time
        import retreat_research as rr
        cohort = rr.draw_cohort(10**8, indication="glabellar")
        rr.simulate(cohort[:5000], rr.Fixed(26), years=0.5, patients=False)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT)).start()
        out = rr.simulate(cohort, rr.Fixed(26), years=0.5, patients=False)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(len(out.cohort), out.complete, grown)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    patients, complete, grown_kb = done.stdout.split()
    assert 10_000 < int(patients) < 10**8
    assert complete == "False"
    assert int(grown_kb) < 40_000  # the addresses alone would be 800 MB


@pytest.mark.parametrize("stored", [False, True])
def test_the_largest_cohort_starts_at_once_and_stops_early(tmp_path, stored):
    """Neither its parts nor its patients are gone through beforehand."""
    cohort = rr.draw_cohort(2**40, world=HARSH, seed=2)
    store = tmp_path / "store" if stored else None
    how = {"years": 1, "until_mcse": 0.02, "patients": False, "store": store}
    out = rr.simulate(cohort, STRATEGY, workers=2, block=300, **how)
    pd.testing.assert_frame_equal(
        out.summary(), rr.simulate(cohort[: len(out.cohort)], STRATEGY, years=1).summary(), check_exact=True
    )
    assert len(out.cohort) < 5000


@pytest.mark.parametrize(("size", "looks"), [(300, [4500]), (300, [1024, 1536, 4500]), (10**30, [7])])
def test_parts_cover_everyone_once_and_end_at_each_look(size, looks):
    places = list(parts.cuts(0, size, looks))
    assert [part[0] for part in places] == [0, *(stop for _, stop in places[:-1])]
    assert {stop for _, stop in places} == {*range(size, min(looks[-1], size * 100), size), *looks}
    staged = [list(stage) for stage in parts.stages(size, looks, looks)]
    assert [part for stage in staged for part in stage] == places
    assert [stage[-1][1] for stage in staged] == looks


# --- stopped ----------------------------------------------------------------------------------------------------------


class Interrupting(Strategy):
    """Every 12 weeks; presses Ctrl-C when it has been asked so often, whichever thread it is in."""

    def __init__(self, after):
        self.after, self.asked = after, 0

    def decide(self, seen, memory):
        self.asked += 1
        if self.asked == self.after:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
        return rr.Decision.at(12.0)

    def __str__(self):
        return "interrupting"


@pytest.mark.parametrize("how", [{}, {"workers": 2}, {"patients": False}, {"history": True, "workers": 2}])
def test_ctrl_c_returns_what_is_finished_and_marks_it(how):
    out = rr.simulate(COHORT, Interrupting(300), years=5, block=250, **how)
    n = len(out.cohort)
    assert not out.complete
    assert 0 < n < 4500
    assert "incomplete" in repr(out)
    assert out.notes[-1].startswith(f"Stopped after {n:,} of 4,500 patients")
    plain = rr.simulate(COHORT[:n], rr.Fixed(12), years=5, history=True)
    pd.testing.assert_frame_equal(out.summary(), plain.summary(), check_exact=True)
    if how.get("history"):
        pd.testing.assert_frame_equal(
            out.sessions.drop(columns="reason"), plain.sessions.drop(columns="reason"), check_exact=True
        )
    if how.get("patients", True):
        pd.testing.assert_frame_equal(out.patients, plain.patients, check_exact=True)
    assert not [t for t in threading.enumerate() if t.name.startswith("simulate")]


def test_ctrl_c_before_anything_is_finished_is_ctrl_c():
    with pytest.raises(KeyboardInterrupt):
        rr.simulate(COHORT, Interrupting(2), years=5)


def test_a_comparison_does_not_go_on_with_half_an_arm(monkeypatch):
    monkeypatch.setattr(run, "BLOCK", 250)
    with pytest.raises(KeyboardInterrupt):
        rr.compare({"a": Interrupting(300)}, COHORT, years=5)
    with pytest.raises(KeyboardInterrupt):
        gains_in({"harsh": HARSH}, {"a": Interrupting(300)}, patients=4500, years=5)


def test_an_error_in_a_thread_is_raised_and_leaves_no_thread():
    class Bad(Strategy):
        def decide(self, seen, memory):
            return rr.Decision.at(np.where(seen.session > 3, np.nan, 12.0))

        def __str__(self):
            return "bad"

    with pytest.raises(rr.InputError, match=r"bad: `earliest` must be finite"):
        rr.simulate(COHORT, Bad(), years=5, workers=2, block=300)
    assert not [t for t in threading.enumerate() if t.name.startswith("simulate")]


class Raising(Strategy):
    def __init__(self, error):
        self.error = error

    def decide(self, seen, memory):
        if seen.session.max() > 1:
            raise self.error
        return rr.Decision.at(12.0)

    def __str__(self):
        return "raising"


@pytest.mark.parametrize("error", [ValueError("mine"), OSError("mine"), KeyError("mine")], ids=repr)
@pytest.mark.parametrize("how", [{}, {"workers": 2}])
def test_an_error_of_the_strategy_comes_out_as_it_is(error, how):
    with pytest.raises(type(error)) as raised:
        rr.simulate(COHORT[:600], Raising(error), years=2, block=300, **how)
    assert raised.value is error


@pytest.mark.parametrize("how", [{}, {"workers": 2}])
def test_stop_iteration_of_the_strategy_is_not_taken_for_an_end(how):
    with pytest.raises(RuntimeError, match="raising raised StopIteration"):
        rr.simulate(COHORT[:600], Raising(StopIteration()), years=2, block=300, **how)


# --- checked ----------------------------------------------------------------------------------------------------------


def test_the_strategy_is_checked_on_the_first_patients_only(monkeypatch):
    calls, real = [], parallel.run_block

    def spy(cohort, *arguments, **rest):
        calls.append((len(cohort), rest["check"]))
        return real(cohort, *arguments, **rest)

    class Mine(rr.Fixed):
        """A user's: what is of this package is not checked again."""

    monkeypatch.setattr(parallel, "run_block", spy)
    rr.simulate(COHORT, rr.Fixed(12), years=1, block=2000)
    assert [check for _, check in calls] == [False] * 4
    calls.clear()
    rr.simulate(COHORT, Mine(12), years=1, block=2000)
    assert calls[0] == (CHECKED, True)
    assert [size for size, _ in calls] == [CHECKED, 2000 - CHECKED, 2000, 500]
    assert [check for _, check in calls[1:]] == [False] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"years": 0}, "`years` must be a positive number"),
        ({"years": float("nan")}, "`years` must be"),
        ({"years": float("inf")}, "`years` must be"),
        ({"years": "ten"}, "`years` must be"),
        ({"years": 10**400}, "`years` must be"),
        ({"years": 2 + 1j}, "`years` must be"),
        ({"history": "no"}, "`history` must be True or False"),
        ({"patients": 0}, "`patients` must be True or False"),
        ({"progress": None}, "`progress` must be True or False"),
        ({"years": True}, "`years` must be"),
        ({"block": 0}, "`block` must be a whole number, 1 or more"),
        ({"block": 2.5}, "`block` must be"),
        ({"workers": 0}, "`workers` must be a whole number from 1"),
        ({"workers": 10**6}, "`workers` must be a whole number from 1"),
        ({"seed": -1}, "`seed`"),
        ({"client": 3}, "`client` must be a dask"),
        ({"client": 3, "workers": 2}, "give `workers` or `client`, not both"),
        ({"until_mcse": {"time_in_benefits": 0.1}}, "did you mean time_in_benefit?"),
        ({"until_mcse": {"antigen": -1}}, "`until_mcse` of antigen must be a positive number"),
        ({"until_mcse": 0}, "`until_mcse` of time_in_benefit must be a positive number"),
        ({"until_mcse": {"antigen": "small"}}, "`until_mcse` of antigen must be a positive number"),
        ({"until_mcse": {}}, "`until_mcse` is empty"),
        ({"until_mcse": {3: 0.1}}, "`until_mcse` has no outcome 3"),
        ({"until_mcse": 10**400}, "`until_mcse` of time_in_benefit must be a positive number"),
        ({"until_mcse": np.True_}, "`until_mcse` of time_in_benefit must be a positive number"),
    ],
)
def test_impossible_arguments_are_refused(arguments, message):
    with pytest.raises(rr.InputError) as error:
        rr.simulate(COHORT[:10], rr.Fixed(12), **arguments)
    assert message in str(error.value)


def test_an_outcome_without_a_value_is_refused_as_a_target():
    world = rr.World.default("glabellar", "daxibotulinumtoxinA")
    with pytest.raises(rr.InputError, match="`until_mcse` of antigen can never be reached"):
        rr.simulate(rr.draw_cohort(20, world=world), rr.Fixed(12), years=1, until_mcse={"antigen": 0.1})


def test_no_patients_are_refused():
    with pytest.raises(rr.InputError, match="`cohort` has no patients"):
        rr.simulate(COHORT[:0], rr.Fixed(12))
    with pytest.raises(rr.InputError, match="`cohort` must come from draw_cohort, not DataFrame"):
        rr.simulate(COHORT[:3].frame, rr.Fixed(12))


def test_progress_counts_patient_sessions(capsys):
    out = rr.simulate(COHORT, rr.Fixed(12), years=1, block=500, progress=True)
    shown = capsys.readouterr().err
    assert "sessions" in shown
    assert f"{out.patients['sessions'].sum() / 1000:.1f}k/{out.patients['sessions'].sum() / 1000:.1f}k" in shown
