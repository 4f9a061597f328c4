"""The command line as a user meets it: messages, statuses, no tracebacks, nothing half-written."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.report import whole_folder

ROOT = Path(__file__).parent.parent
CLINIC = ROOT / "data" / "synthetic"
COMMAND = [sys.executable, "-c", "from retreat_research.cli import main; main()"]
ENVIRONMENT = {**os.environ, "MPLBACKEND": "Agg"}


def run(*arguments, timeout=120):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT, check=False
    )


@pytest.fixture
def clinic(tmp_path):
    """A small copy of the clinic to spoil."""
    folder = tmp_path / "clinic"
    folder.mkdir()
    sessions = pd.read_csv(CLINIC / "sessions.csv", dtype=str)
    few = sessions["patient"].drop_duplicates()[:12]
    for name in ("sessions", "assessments"):
        table = pd.read_csv(CLINIC / f"{name}.csv", dtype=str)
        table[table["patient"].isin(few)].to_csv(folder / f"{name}.csv", index=False)
    return folder


def change(clinic, name, edit):
    path = clinic / f"{name}.csv"
    edit(pd.read_csv(path, dtype=str)).to_csv(path, index=False)


def test_study_writes_the_report_and_says_where(clinic, tmp_path):
    done = run("study", "--records", clinic, "--out", tmp_path / "out", "--patients", 50, "--years", 2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"report: {tmp_path / 'out' / 'report.html'}"
    assert (tmp_path / "out" / "report.html").exists()
    assert "simulating" in done.stderr
    assert "Warning" not in done.stderr


def test_check_lists_every_bad_cell_and_fails(clinic):
    assert run("check", clinic).returncode == 0
    change(clinic, "sessions", lambda t: t.assign(units=["-5", "x", *t["units"][2:]]))
    done = run("check", clinic)
    assert done.returncode == 1
    assert "sessions,2,units,negative dose" in done.stdout
    assert "sessions,3,units,not a number" in done.stdout
    assert "2 problems" in done.stderr


def no_events(table):
    return table[table["value"].notna()].assign(value="0").groupby("patient").head(3)


def never_better(table):
    return table.assign(value="3")


SPOILED = {
    "unknown product": ("sessions", lambda t: t.assign(product="botulin"), "unknown product"),
    "missing column": ("sessions", lambda t: t.drop(columns="product"), "product"),
    "no rows": ("assessments", lambda t: t[:0], "assessments"),
    "all non-responders": ("assessments", never_better, "has a response, so there is no duration"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_spoiled_records_give_a_message_and_no_report(clinic, tmp_path, name):
    table, edit, message = SPOILED[name]
    change(clinic, table, edit)
    done = run("study", "--records", clinic, "--out", tmp_path / "out", "--patients", 50, "--years", 1)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["study", "--records", "/no/such/place", "--out", "{out}"], 1, "there is no file or folder"),
        (["study", "--endpoint", "__import__('os')", "--out", "{out}"], 1, "endpoint"),
        (["study", "--endpoint", 'LossOfBenefit("XYZ", response=1, better="lower")', "--out", "{out}"], 1, "XYZ"),
        (["study", "--out", "{file}/below"], 1, "cannot write to"),
        (["study", "--out", "{file}"], 1, "cannot write to"),
        (["study", "--years", "0", "--out", "{out}"], 1, "`years` must be a number from 0.5"),
        (["study", "--patients", "x", "--out", "{out}"], 2, "Usage"),
        (["study"], 2, "--out"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_mistakes_give_a_message_and_a_status(tmp_path, arguments, status, message):
    (tmp_path / "file").write_text("")
    places = {"out": tmp_path / "out", "file": tmp_path / "file"}
    done = run(*(a.format(**places) if "{out}" in a or "{file}" in a else a for a in arguments))
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_an_interrupted_study_leaves_an_older_report_whole(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.html").write_text("old")
    with subprocess.Popen(
        [*COMMAND, "study", "--out", str(out), "--years", "40"], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as job:
        seen = ""
        while "estimating durations" not in seen:
            line = job.stderr.readline()
            assert line, seen  # its end: the command died before it came so far
            seen += line
        time.sleep(3)
        job.send_signal(signal.SIGINT)
        _, rest = job.communicate(timeout=60)
    assert job.returncode == 130
    assert "stopped; nothing was written" in rest
    assert "Traceback" not in rest
    assert [p.name for p in out.iterdir()] == ["report.html"]
    assert (out / "report.html").read_text() == "old"


def test_every_command_explains_itself():
    for command in ([], ["study"], ["check"], ["synthetic"]):
        done = run(*command, "--help")
        assert done.returncode == 0
        assert "Usage" in done.stdout
    assert run("--version").stdout.strip() == rr.__version__


@pytest.mark.parametrize("module", ["retreat_research", "retreat_research.cli"])
def test_it_runs_as_a_module(module):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", module, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == rr.__version__


def test_help_says_which_draws_are_accepted():
    assert "0 for none, or 40 or more" in " ".join(run("predict", "--help").stdout.split())
    with pytest.raises(rr.InputError, match="`draws` must be 0, or 40 and more"):
        rr.studies.predictions(draws=39)


def test_what_a_killed_command_left_is_removed_at_the_next_run(tmp_path):
    code = "import os, signal, sys; from retreat_research.report import whole_folder\n"
    code += "with whole_folder(sys.argv[1]): os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".unfinished.")
    with whole_folder(tmp_path) as folder:
        assert not left.exists()
        with whole_folder(tmp_path):  # of a process that is alive
            assert folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_spreadsheet_from_europe_is_read(clinic):
    """Semicolons, decimal comma and a byte-order mark."""
    for name in ("sessions", "assessments"):
        path = clinic / f"{name}.csv"
        pd.read_csv(path).to_csv(path, index=False, sep=";", decimal=",", encoding="utf-8-sig")
    assert run("check", clinic).returncode == 0
    shutil.copy(clinic / "sessions.csv", clinic / "copy.csv")
