"""Finished parts in a folder: the same tables, resumed after a kill, and nothing believed that is not whole."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pytest

import retreat_research as rr
from retreat_research.simulation import parallel, run
from retreat_research.simulation.identity import digest_of
from retreat_research.simulation.known import SOURCES
from retreat_research.simulation.unfinished import unfinished_name
from retreat_research.strategies import Strategy

WORLD = rr.World.default("cervical dystonia", "abobotulinumtoxinA").replace(induction_rate=0.3, dropout_per_year=0.1)
COHORT = rr.draw_cohort(3000, world=WORLD, seed=2)
STRATEGY = rr.Stepped(early=True)


@pytest.fixture(scope="module")
def plain():
    return rr.simulate(COHORT, STRATEGY, years=4, seed=4, history=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished store; tests that change it copy it first."""
    store = tmp_path_factory.mktemp("store") / "simulations"
    rr.simulate(COHORT, STRATEGY, years=4, seed=4, history=True, store=store)
    return store


@pytest.fixture
def copied(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def again(store, cohort=COHORT, **changes):
    return rr.simulate(cohort, STRATEGY, **{"years": 4, "seed": 4, "history": True, **changes}, store=store)


def same(a, b):
    pd.testing.assert_frame_equal(a.patients, b.patients, check_exact=True)
    pd.testing.assert_frame_equal(a.sessions, b.sessions, check_exact=True)
    pd.testing.assert_frame_equal(a.summary(), b.summary(), check_exact=True)
    assert (a.products, a.notes, a.complete) == (b.products, b.notes, b.complete)


@pytest.fixture
def ran(monkeypatch):
    """Positions of the parts that are simulated, not read."""
    starts, real = [], parallel.run_part

    def spy(job, patients, start, *rest):
        starts.append(start)
        return real(job, patients, start, *rest)

    monkeypatch.setattr(parallel, "run_part", spy)
    return starts


def test_what_is_stored_is_what_would_be_in_memory(plain, folder, ran):
    same(again(folder), plain)
    assert ran == []


@pytest.mark.parametrize("how", [{"workers": 2, "block": 500}, {"block": 1777}])
def test_blocks_and_threads_change_no_bit_of_a_store(plain, tmp_path, monkeypatch, how):
    monkeypatch.setattr(run, "VISITS_OF_A_PART_WITH_HISTORY", 6000)  # parts of about 300 patients
    same(again(tmp_path, **how), plain)
    assert len(list(tmp_path.glob("history/*/*.parquet"))) > 8


def test_a_stored_part_is_used_whatever_the_block(plain, folder, ran):
    same(again(folder, block=123, workers=2), plain)
    assert ran == []


def test_patients_in_any_order_are_read_in_order(plain, tmp_path):
    order = np.random.default_rng(0).permutation(len(COHORT))
    same(again(tmp_path, COHORT[order]), plain)


def test_other_programs_read_the_folder(plain, folder):
    table = ds.dataset(folder / "history", partitioning="hive").to_table(columns=["units", "product", "scenario"])
    assert table.num_rows == len(plain.sessions)
    frame = table.to_pandas()
    assert frame["units"].sum() == pytest.approx(plain.sessions["units"].sum(), rel=1e-12)
    assert set(frame["product"]) == {"abobotulinumtoxinA"}
    assert len(set(frame["scenario"])) == 1


def test_stored_names_the_folders(folder):
    out = again(folder)
    assert set(out.stored) == {"patients", "history"}
    assert all(any(path.glob("part-*.parquet")) for path in out.stored.values())
    assert rr.simulate(COHORT[:5], STRATEGY, years=1).stored == {}


def test_without_tables_the_sums_are_stored(plain, tmp_path, ran):
    first = again(tmp_path, history=False, patients=False)
    assert first.patients is None
    assert first.sessions is None
    assert not list(tmp_path.glob("*/*/*.parquet"))
    ran.clear()
    pd.testing.assert_frame_equal(
        again(tmp_path, history=False, patients=False).summary(), plain.summary(), check_exact=True
    )
    assert ran == []


def test_a_table_that_was_not_kept_is_made_and_the_others_stay(plain, tmp_path, ran):
    again(tmp_path, history=False)
    ran.clear()
    same(again(tmp_path, history=True), plain)
    assert ran != []
    ran.clear()
    again(tmp_path, history=False)
    again(tmp_path, patients=False)
    assert ran == []


def test_enough_patients_share_their_parts_with_a_longer_run(plain, tmp_path, ran):
    early = again(tmp_path, until_mcse=0.01)
    n = len(early.cohort)
    assert n < 3000
    same(early, rr.simulate(COHORT[:n], STRATEGY, years=4, seed=4, history=True))
    done = len(ran)
    same(again(tmp_path), plain)
    assert ran[done] == n


# --- what is not whole ------------------------------------------------------------------------------------------------


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def spoil_sums(path):
    content = json.loads(path.read_text())
    content["moments"]["products"] = content["moments"]["products"][:-1]
    path.write_text(json.dumps(content))


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("pattern", "spoil"),
    [
        ("history/*/part-000000001024.parquet", cut),
        ("history/*/part-000000001024.parquet", flip),
        ("patients/*/part-000000001024.parquet", Path.unlink),
        ("parts/*/part-000000001024.json", cut),
        ("parts/*/part-000000001024.json", lambda path: path.write_text("[]")),
        ("parts/*/part-000000001024.json", spoil_sums),
        ("parts/*/part-000000001024.json", lambda path: edit(path, moments=None)),
        ("parts/*/part-000000001024.json", lambda path: edit(path, sessions=1)),
        ("parts/*/part-000000001024.json", lambda path: edit(path, sessions=float("inf"))),
        ("parts/*/part-000000001024.json", lambda path: edit(path, products=["zzz"])),
        ("parts/*/part-000000001024.json", lambda path: edit(path, files=[])),
        ("parts/*/part-000000001024.json", lambda path: path.write_text("[" * 100_000)),
        ("parts/*/part-000000001024.json", Path.unlink),
    ],
)
def test_a_damaged_part_is_done_again(plain, copied, ran, pattern, spoil):
    (path,) = copied.glob(pattern)
    spoil(path)
    same(again(copied), plain)
    assert ran == [1024]
    ran.clear()
    same(again(copied), plain)
    assert ran == []


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, '{"part": true}', '{"part": 1e30}', '{"part": 0}'])
def test_a_lost_description_of_the_scenario_is_written_again(plain, copied, ran, content):
    (path,) = copied.glob("parts/*/scenario.json")
    before = json.loads(path.read_text())
    path.write_text(content)
    same(again(copied), plain)
    assert json.loads(path.read_text()) == before
    assert ran == []


def test_what_a_killed_run_left_half_written_is_removed(copied):
    (path,) = copied.glob("history/*/part-000000001024.parquet")
    name = unfinished_name(f".{path.name}")
    left = path.rename(path.with_name(name.replace(f"-{os.getpid()}-", "-99999999-")))  # no system has so many
    again(copied)
    assert not left.exists()
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".")] == []


def test_parts_that_vanish_are_missed(copied):
    out = again(copied)
    for path in copied.glob("history/*/*.parquet"):
        path.unlink()
    with pytest.raises(rr.InputError, match="parts are gone from"):
        out.sessions  # noqa: B018


@pytest.mark.parametrize("spoil", [cut, flip, lambda path: path.write_bytes(b"x" * 100)])
def test_a_part_that_is_damaged_after_the_run_is_named(plain, copied, spoil):
    out = again(copied)
    (path,) = copied.glob("history/*/part-000000001024.parquet")
    spoil(path)
    with pytest.raises(rr.InputError, match=r"part-000000001024\.parquet was damaged .*; simulate again to restore it"):
        out.sessions  # noqa: B018
    same(again(copied), plain)


# --- several at once --------------------------------------------------------------------------------------------------


def test_what_another_process_writes_now_is_left_alone(copied):
    (folder,) = copied.glob("history/*")
    now, old, elsewhere = (folder / unfinished_name(f".part-{i:012d}.parquet") for i in range(3))
    elsewhere = elsewhere.with_name(elsewhere.name.replace(".parquet.", ".parquet.another_"))
    for path in (now, old, elsewhere):
        path.touch()
    os.utime(old, (time.time() - 4000,) * 2)
    again(copied)
    assert [path.exists() for path in (now, old, elsewhere)] == [True, False, True]


def test_threads_that_store_the_same_at_once_agree(plain, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        for out in pool.map(lambda block: again(tmp_path / "store", block=block), [500, 600, 700, 800]):
            same(out, plain)
    assert not list(tmp_path.glob("store/**/.*"))


def test_processes_that_store_the_same_at_once_agree(plain, tmp_path):
    """Of different sizes of parts, as with and without a cluster."""
    code = """if True:
        import sys
        import retreat_research as rr
        from retreat_research.simulation import run
        run.VISITS_OF_A_PART_WITH_HISTORY = int(sys.argv[2])
        world = rr.World.default("cervical dystonia", "abobotulinumtoxinA")
        world = world.replace(induction_rate=0.3, dropout_per_year=0.1)
        cohort = rr.draw_cohort(3000, world=world, seed=2)
        out = rr.simulate(cohort, rr.Stepped(early=True), years=4, seed=4, history=True, store=sys.argv[1], block=100)
        print(out.patients["units"].sum(), len(out.patients), len(out.sessions))"""
    jobs = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path / "store", size], stdout=subprocess.PIPE, text=True)
        for size in ("6000", "9000")
    ]
    told = [job.communicate(timeout=120)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0]
    assert told == [f"{plain.patients['units'].sum()} {len(plain.patients)} {len(plain.sessions)}\n"] * 2
    same(again(tmp_path / "store"), plain)


# --- other arguments --------------------------------------------------------------------------------------------------


class Own(Strategy):
    """A user's strategy."""

    def __init__(self, weeks):
        self.weeks = weeks

    def decide(self, seen, memory):
        return rr.Decision.at(self.weeks)


@pytest.mark.parametrize(
    "changed",
    [
        lambda store: again(store, COHORT[:2999]),
        lambda store: again(store, COHORT[::-1]),
        lambda store: again(store, rr.draw_cohort(3000, world=WORLD, seed=3)),
        lambda store: again(store, rr.draw_cohort(3000, world=WORLD.replace(within_sd=0.2), seed=2)),
        lambda store: again(store, years=4.1),
        lambda store: again(store, seed=5),
        lambda store: rr.simulate(COHORT, rr.Stepped(early=True, step=3), years=4, seed=4, history=True, store=store),
        lambda store: rr.simulate(COHORT, Own(12.0), years=4, seed=4, history=True, store=store),
    ],
)
def test_other_arguments_have_a_place_of_their_own(plain, copied, ran, changed):
    changed(copied)
    assert ran != []
    assert len(list(copied.glob("parts/*"))) == 2
    ran.clear()
    same(again(copied), plain)
    assert ran == []


def test_a_strategy_is_known_by_its_code_and_its_values():
    def made(code):
        names = {"Strategy": Strategy, "rr": rr, "__name__": "user"}
        exec(code, names)
        return names["S"]

    code = "class S(Strategy):\n    def decide(self, seen, memory):\n        return rr.Decision.at({})"
    assert digest_of(made(code.format(12))()) == digest_of(made(code.format(12))())
    assert digest_of(made(code.format(12))()) != digest_of(made(code.format(13))())
    assert digest_of(Own(12)) == digest_of(Own(12))
    assert digest_of(Own(12)) != digest_of(Own(13))
    assert digest_of(Own(np.arange(3))) != digest_of(Own(np.arange(4)))
    assert digest_of(Own(lambda seen: 1)) != digest_of(Own(lambda seen: 2))


def test_a_digest_is_the_same_in_every_process():
    """Sets and dicts come in another order there."""
    code = (
        "import retreat_research as rr\n"
        "from retreat_research.simulation.identity import digest_of\n"
        "print(digest_of([rr.World.default('glabellar'), rr.Stepped(), set('abcdefgh'), {1: 'x', 'y': 2}]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    here = digest_of([rr.World.default("glabellar"), rr.Stepped(), set("abcdefgh"), {1: "x", "y": 2}])
    assert done.stdout.strip() == here


def test_every_module_that_a_simulation_runs_through_decides_about_its_place():
    code = (
        "import sys, retreat_research.simulation; print(*(n for n in sys.modules if n.startswith('retreat_research.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[1] for name in done.stdout.split() if "." in name}
    assert loaded - {"errors", "compiled"} == {name.removesuffix(".py") for name in SOURCES}


# --- where nothing can be written -------------------------------------------------------------------------------------


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(rr.InputError, match="holds something else than simulations; give `store` a new"):
        again(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_store_of_another_version_is_left_alone(copied):
    (copied / "retreat-research.json").write_text('{"format": 99}')
    with pytest.raises(rr.InputError, match="was not written by this version"):
        again(copied)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(rr.InputError, match="it is a file"):
        again(tmp_path / "file")
    with pytest.raises(rr.InputError, match=r"cannot write to .*below: Not a directory"):
        again(tmp_path / "file" / "below")
    with pytest.raises(rr.InputError, match="the folder of `store` has no name"):
        again(" ")


@pytest.mark.parametrize(
    ("store", "message"),
    [
        (3, "`store` must be a path, not int"),
        (b"store", "`store` must be a path, not bytes"),
        ("a\0b", "has a character that no folder can have"),
        ("x" * 5000, "cannot write to .*: File name too long"),
    ],
)
def test_what_is_no_folder_is_refused(store, message):
    with pytest.raises(rr.InputError, match=message):
        again(store)


def test_a_relative_folder_stays_where_it_was(plain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = again("store")
    monkeypatch.chdir("/")
    same(out, plain)
    assert out.stored["patients"].is_relative_to(tmp_path)


class Renamed(Strategy):
    """Its text is another each time, as that of a set in another process."""

    def decide(self, seen, memory):
        return rr.Decision.at(12.0)

    def __str__(self):
        return f"renamed {time.perf_counter_ns()}"


def test_a_strategy_is_not_known_by_its_text(tmp_path, ran):
    for _ in range(2):
        rr.simulate(COHORT[:50], Renamed(), years=1, store=tmp_path)
    assert ran == [0]


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="limits the size of files as POSIX does")
def test_a_full_disk_is_an_error_and_leaves_no_half_file(tmp_path):
    code = """if True:
        import resource, sys
        import retreat_research as rr
        cohort = rr.draw_cohort(20, indication="glabellar")
        rr.simulate(cohort, rr.Fixed(12), years=1)  # compiled and cached before the disk is full
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            rr.simulate(rr.draw_cohort(3000, indication="glabellar"), rr.Fixed(12), years=4, store=sys.argv[1])
        except rr.InputError as error:
            print(error)"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "s"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"cannot write to {tmp_path / 's'}: ")
    assert "File too large" in done.stdout
    assert list((tmp_path / "s").glob("*/*/*.parquet")) == []
    assert list((tmp_path / "s").glob("*/*/.*")) == []


# --- killed -----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="sends a POSIX signal")
def test_a_killed_run_goes_on_and_equals_one_that_was_not(plain, tmp_path, monkeypatch, ran):
    monkeypatch.setattr(run, "VISITS_OF_A_PART_WITH_HISTORY", 6000)
    code = """if True:
        import sys
        import retreat_research as rr
        from retreat_research.simulation import run
        run.VISITS_OF_A_PART_WITH_HISTORY = 6000
        world = rr.World.default("cervical dystonia", "abobotulinumtoxinA")
        world = world.replace(induction_rate=0.3, dropout_per_year=0.1)
        cohort = rr.draw_cohort(3000, world=world, seed=2)
        rr.simulate(cohort, rr.Stepped(early=True), years=4, seed=4, history=True, store=sys.argv[1], block=100)"""
    with subprocess.Popen([sys.executable, "-c", code, tmp_path]) as job:
        until = time.monotonic() + 60
        while len(list(tmp_path.glob("parts/*/part-*.json"))) < 3:
            assert time.monotonic() < until
            assert job.poll() is None
            time.sleep(0.005)
        job.kill()
    finished = len(list(tmp_path.glob("parts/*/part-*.json")))
    out = again(tmp_path)
    assert 3 <= finished < len(out._kept.parts)
    assert len(ran) == len(out._kept.parts) - finished
    same(out, plain)


class Interrupting(Strategy):
    """`STRATEGY`'s rhythm; presses Ctrl-C once the third part is under way."""

    def __init__(self, marker):
        self.marker = marker

    def decide(self, seen, memory):
        if self.marker.exists() and len(list(self.marker.parent.glob("store/parts/*/part-*.json"))) == 2:
            self.marker.unlink()
            os.kill(os.getpid(), signal.SIGINT)
        return rr.Decision.at(12.0)

    def __str__(self):
        return "interrupting"


def test_ctrl_c_leaves_finished_parts_valid(tmp_path, ran):
    marker = tmp_path / "marker"
    marker.touch()
    strategy, store = Interrupting(marker), tmp_path / "store"
    out = rr.simulate(COHORT, strategy, years=4, store=store)
    assert not out.complete
    assert len(out.patients) == len(out.cohort) == 1536
    assert out.patients.equals(rr.simulate(COHORT[:1536], rr.Fixed(12), years=4).patients)
    ran.clear()
    whole = rr.simulate(COHORT, strategy, years=4, store=store)
    assert whole.complete
    assert ran[0] == 1536
    assert whole.patients.equals(rr.simulate(COHORT, rr.Fixed(12), years=4).patients)
