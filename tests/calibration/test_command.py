"""`retreat-research calibrate`: a whole folder of what was found."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

ENVIRONMENT = {**os.environ, "MPLBACKEND": "Agg"}
COMMAND = [sys.executable, "-c", "from retreat_research.cli import main; main()", "calibrate"]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrate") / "out"
    run = subprocess.run(
        [*COMMAND, "--out", str(folder)], capture_output=True, text=True, env=ENVIRONMENT, timeout=300, check=False
    )
    return folder, run


def test_it_writes_the_whole_folder_and_says_where(done):
    folder, run = done
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == f"summary: {folder / 'summary.md'}"
    assert "Warning" not in run.stderr
    names = {path.name for path in folder.iterdir()}
    assert names == {"params.csv", "misfit.csv", "arms.csv", "rows.csv", "curves.png", "summary.md", "manifest.json"}


def test_the_tables_are_those_of_the_fit(done, fit):
    folder, _ = done
    params = pd.read_csv(folder / "params.csv", index_col="parameter")
    assert params["value"].to_numpy() == pytest.approx(fit.params["value"].to_numpy(dtype=float), rel=1e-5)
    assert len(pd.read_csv(folder / "misfit.csv")) == len(fit.misfit())
    assert len(pd.read_csv(folder / "rows.csv")) == len(fit.uses)
    arms = pd.read_csv(folder / "arms.csv")
    assert arms["chi2"].to_numpy() == pytest.approx(fit.by_arm()["chi2"].to_numpy(), rel=1e-4, abs=1e-5)
    assert arms["chi2_default"].sum() > arms["chi2"].sum()


def test_the_summary_names_the_misfits(done, fit):
    folder, _ = done
    text = (folder / "summary.md").read_text(encoding="utf-8")
    for row in fit.by_arm().query("ratio >= 2").itertuples():
        assert f"- {row.study}, {row.arm}: χ² {row.chi2:.1f}" in text
    assert "curves.png" in text


def test_the_manifest_names_versions_and_the_hash_of_the_table(done):
    folder, _ = done
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert len(manifest["inputs_sha256"]["curves.csv"]) == 64
    assert manifest["arguments"] == {"command": "calibrate"}
    assert "scipy" in manifest["packages"]


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("x")
    run = subprocess.run(
        [*COMMAND, "--out", str(tmp_path / "file" / "out")], capture_output=True, text=True, env=ENVIRONMENT,
        timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert "cannot write to" in run.stderr
    assert "fitting" not in run.stderr
