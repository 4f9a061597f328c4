"""`retreat-research simulate` as a user meets it."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pyarrow.dataset as ds
import pytest

import retreat_research as rr
from retreat_research.cli import EMBEDDED
from retreat_research.products import INDICATIONS
from retreat_research.report.output import must_be_ours
from retreat_research.report.simulation import FILES
from retreat_research.strategies.parsing import named_strategies, parse_strategy

COMMAND = [sys.executable, "-c", "from retreat_research.cli import main; main()", "simulate"]


def run(*arguments, timeout=120):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, check=False
    )


def test_it_writes_what_python_gives(tmp_path):
    out = tmp_path / "out"
    arguments = (
        *("--indication", "glabellar", "--indication", "cervical", "--strategy", "Stepped(step=4)"),
        *("--patients", 300, "--years", 2, "--seed", 3, "--history", "--out", out),
    )
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"summary: {out / 'summary.csv'}"
    assert "Warning" not in done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["data", "manifest.json", "summary.csv"]
    table = pd.read_csv(out / "summary.csv")
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["arguments"]["strategy"] == [str(rr.Stepped(step=4))]
    for name, scenario in zip(("glabellar lines", "cervical dystonia"), manifest["scenarios"], strict=True):
        expected = rr.simulate(
            rr.draw_cohort(300, indication=name, seed=3), rr.Stepped(step=4), years=2, seed=3, history=True
        )
        rows = table[table["indication"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows[["outcome", "value", "mcse", "n"]], expected.summary(), rtol=1e-12)
        assert scenario["indication"] == name
        patients = ds.dataset(out / scenario["files"]["patients"]).to_table().to_pandas()
        pd.testing.assert_frame_equal(patients, expected.patients, check_exact=True)
        assert ds.dataset(out / scenario["files"]["history"]).count_rows() == len(expected.sessions)
    before = {path: path.stat().st_mtime_ns for path in out.glob("data/*/*/*")}
    assert run(*arguments).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in out.glob("data/*/*/*")} == before


def test_without_choices_it_runs_every_indication(tmp_path):
    done = run("--patients", 20, "--years", 1, "--no-patients", "--until-mcse", "0.5", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "summary.csv")
    assert list(dict.fromkeys(table["indication"])) == list(INDICATIONS)
    assert set(table["strategy"]) == {str(rr.Fixed(12)), str(rr.Stepped())}
    assert not list(tmp_path.glob("data/*/*/*.parquet"))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--indication", "wrinkles"], 1, "unknown indication"),
        (["--strategy", "Steped()"], 1, "unknown strategy `Steped`; did you mean Stepped?"),
        (["--strategy", "__import__('os').system('true')"], 1, "unknown strategy `__import__`"),
        (["--until-mcse", "benefit=small"], 1, "must look like time_in_benefit=0.001"),
        (["--until-mcse", "antigens=1"], 1, "did you mean antigen?"),
        (["--years", "0"], 1, "`years` must be a positive number"),
        (["--patients", "0"], 2, "--patients"),
        (["--scheduler", "nonsense://x:1"], 1, "no Dask scheduler answers at nonsense://x:1"),
    ],
)
def test_mistakes_give_a_message_and_a_status(tmp_path, arguments, status, message):
    done = run(*arguments, "--out", tmp_path / "out")
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_data_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "trial.csv").write_text("precious")
    done = run("--indication", "glabellar", "--patients", 20, "--years", 1, "--out", tmp_path)
    assert done.returncode == 1
    assert "holds something else than simulations" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["trial.csv"]


@pytest.mark.parametrize("manifest", [None, "{}", "[]", "x"])
def test_a_summary_of_something_else_is_left_alone(tmp_path, manifest):
    (tmp_path / "summary.csv").write_text("precious")
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(rr.InputError, match="of something else; give a new or empty folder"):
        must_be_ours(tmp_path, FILES)
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_not_ours_is_refused_before_any_work(tmp_path):
    (tmp_path / "summary.csv").write_text("precious")
    done = run("--indication", "glabellar", "--patients", 20, "--years", 1, "--out", tmp_path)
    assert done.returncode == 1
    assert "holds a summary.csv of something else" in done.stderr
    assert (tmp_path / "summary.csv").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["summary.csv"]


def test_the_embedded_records_are_no_place_for_results():
    before = sorted(EMBEDDED.iterdir())
    done = run("--indication", "glabellar", "--patients", 20, "--years", 1, "--out", EMBEDDED)
    assert done.returncode == 1
    assert "must not be the folder of the embedded records" in done.stderr
    assert sorted(EMBEDDED.iterdir()) == before


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_keeps_finished_parts_and_the_same_command_goes_on(tmp_path):
    arguments = ["--indication", "glabellar", "--strategy", "Fixed(12)", "--patients", "6000", "--years", "3",
                 "--workers", "1"]  # fmt: skip
    slow = "import retreat_research.simulation.parallel as p, time; r = p.run_block; "
    slow += "p.run_block = lambda *a, **k: (time.sleep(0.3), r(*a, **k))[1]; "
    command = [sys.executable, "-c", slow + COMMAND[2], *COMMAND[3:], *arguments, "--out", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as job:
        until = time.monotonic() + 60
        while len(list(tmp_path.glob("data/parts/*/part-*.json"))) < 2:
            assert time.monotonic() < until
            assert job.poll() is None
            time.sleep(0.02)
        job.send_signal(signal.SIGINT)
        _, told = job.communicate(timeout=60)
    assert job.returncode == 130
    assert f"stopped; finished blocks are kept in {tmp_path / 'data'}, and the same command goes on from there" in told
    assert "Traceback" not in told
    assert not (tmp_path / "summary.csv").exists()
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.glob("data/*/*/part-*")}
    assert run(*arguments, "--out", tmp_path).returncode == 0
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob("data/*/*/part-*")}
    assert finished.items() < after.items()
    table = pd.read_csv(tmp_path / "summary.csv")[["outcome", "value", "mcse", "n"]]
    expected = rr.simulate(rr.draw_cohort(6000, indication="glabellar"), rr.Fixed(12), years=3).summary()
    pd.testing.assert_frame_equal(table, expected, rtol=1e-12)


def test_a_cluster_by_its_address(tmp_path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as cluster:
        done = run("--indication", "glabellar", "--strategy", "Fixed(12)", "--patients", 600, "--years", 2,
                   "--scheduler", cluster.scheduler_address, "--out", tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    table = pd.read_csv(tmp_path / "summary.csv")[["outcome", "value", "mcse", "n"]]
    expected = rr.simulate(rr.draw_cohort(600, indication="glabellar"), rr.Fixed(12), years=2).summary()
    pd.testing.assert_frame_equal(table, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", [rr.Fixed(8.5), rr.Stepped(step=3, early=True, on_waning="dose"), rr.OnWaning(10, 30)])
def test_a_strategy_is_read_back_from_its_text(kind):
    assert parse_strategy(str(kind)) == kind
    assert type(kind).__name__ in named_strategies()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Fixed(", "the strategy cannot be read"),
        ("Fixed", "a strategy must be one call"),
        ("Fixed()", "`Fixed` takes weeks"),
        ("Fixed(1, 2)", "`Fixed` takes weeks"),
        ("Fixed(x)", "`weeks` must be a number, a text in quotes"),
        ("Fixed(12, weeks=13)", "`weeks` is given twice"),
        ("Stepped(steps=2)", "did you mean step?"),
        ("Stepped(**{})", "`Stepped` has no argument `**`"),
        ("Stepped(step='two')", "`step` must be a positive number of weeks"),
        ("Strategy()", "unknown strategy `Strategy`"),
    ],
)
def test_a_strategy_that_cannot_be_read_is_explained(text, message):
    with pytest.raises(rr.InputError) as error:
        parse_strategy(text)
    assert message in str(error.value)
