"""Pictures beside the tables of `retreat-research simulate`."""

import json
import os
import subprocess
import sys

import matplotlib as mpl
import pytest

import retreat_research as rr
from retreat_research.report.pictures import write_pictures

mpl.use("Agg")
COMMAND = [sys.executable, "-c", "from retreat_research.cli import main; main()", "simulate"]
ENVIRONMENT = {**os.environ, "MPLBACKEND": "Agg"}


def run(*arguments):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT
    )


def test_files_and_their_names(tmp_path):
    scenarios = [("glabellar", rr.Stepped()), ("glabellar", rr.Stepped(step=4)), ("crow's feet", rr.Fixed(12))]
    results = [
        rr.simulate(rr.draw_cohort(30, indication=name), strategy, years=1, history=True)
        for name, strategy in scenarios
    ]
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
        assert write_pictures(results, folder, patients=(3,)) == [
            "cohort_glabellar-lines.png",
            "cohort_crows-feet.png",
            "patients_glabellar-lines_stepped.png",
            "patients_glabellar-lines_stepped_2.png",
            "patients_crows-feet_fixed.png",
        ]
    names = sorted(path.name for path in folders[0].iterdir())
    assert len(names) == 5
    assert all((folders[0] / name).read_bytes() == (folders[1] / name).read_bytes() for name in names)


def test_without_patients_only_cohorts_are_drawn(tmp_path):
    out = rr.simulate(rr.draw_cohort(30, indication="glabellar"), rr.Fixed(12), years=1, history=True)
    assert write_pictures([out], tmp_path) == ["cohort_glabellar-lines.png"]
    assert mpl.pyplot.get_fignums() == []


def test_the_command_draws(tmp_path):
    done = run(
        *("--indication", "cervical", "--strategy", "Fixed(12)", "--patients", 200, "--years", 2, "--history"),
        *("--figures", "--patient", 7, "--patient", 3, "--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    names = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert names == ["cohort_cervical-dystonia.png", "patients_cervical-dystonia_fixed.png"]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["arguments"]["patient"] == [7, 3]
    assert manifest["arguments"]["figures"] is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--figures"], "--figures needs --history"),
        (["--figures", "--history", "--no-patients"], "cannot go with --no-patients"),
        (["--patient", 3], "--patient needs --figures"),
        (["--figures", "--history", "--patients", 5, "--patient", 5], "--patient must be from 0 to 4"),
    ],
)
def test_mistakes_are_found_before_any_work(tmp_path, arguments, message):
    done = run(*arguments, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert message in done.stderr
    assert not (tmp_path / "out").exists()
