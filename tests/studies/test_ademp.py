"""Simulation studies: the same bytes in any order, nothing lost when stopped, failures counted, and a short study."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import retreat_research as rr
from retreat_research.cli import app
from retreat_research.errors import FitError, InputError
from retreat_research.report import fill_validation
from retreat_research.report.validation_sentences import why
from retreat_research.studies import METHODS, SCENARIOS, Scenario, SimulationStudy, factorial, scenarios_named, truths
from retreat_research.studies import runner as runner_module
from retreat_research.studies.methods import Estimate, Method
from retreat_research.studies.runner import Block, quantities, run_block

SHORT = (
    Scenario(name="short", patients=60, cycles=4),
    Scenario(name="short, on waning", patients=60, cycles=4, returns="waning"),
)
STUDY = SimulationStudy(scenarios=SHORT, replicates=24, seed=4)
SMALL_BLOCK = 12


@pytest.fixture(scope="module", autouse=True)
def small_blocks():
    """Two blocks a scenario; and whoever edits the sources while the tests run does not make them start anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner_module, "BLOCK", SMALL_BLOCK)
        patch.setattr(runner_module, "source_digest", lambda names: "as it was")
        yield


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return folder, STUDY.run(folder, workers=2)


def blocks_of(folder):
    return sorted((folder / "work").rglob("*.npz"))


def test_rr_studies_is_the_module():
    assert rr.studies.SimulationStudy is SimulationStudy


def test_a_short_study_meets_the_truth(ran):
    """Bias within 4 Monte Carlo standard errors of 0 and coverage of nominal, where the model is right."""
    table = ran[1].performance
    sound = table[(table["scenario"] == "short") & table["method"].isin(["AFT", "MixedAFT"])]
    assert (sound["convergence"] == 1).all()
    exact = ["intercept", "effect", "median, arm 0", "median, arm 1", "RMST, arm 0", "RMST, arm 1"]
    for row in sound[sound["estimand"].isin([*exact, "log SD within", "conditional median"])].to_dict("records"):
        assert abs(row["bias"]) < 4 * row["bias mcse"], row
        assert abs(row["relative error of model SE"]) < 4 * row["relative error of model SE mcse"], row
        assert row["coverage"] > 0.95 - 4 * np.sqrt(0.95 * 0.05 / STUDY.replicates), row
    for row in sound[sound["estimand"].str.startswith("personal")].to_dict("records"):
        assert abs(row["bias"]) < 4 * row["bias mcse"], row


def test_a_short_study_finds_what_is_wrong(ran):
    """Cycles cut because waning was noticed: every regression overrates the median."""
    bias = ran[1].measure("bias")
    wrong = bias[(bias["scenario"] == "short, on waning") & (bias["estimand"] == "median, arm 0")]
    assert set(wrong["method"]) == set(METHODS)
    assert (wrong["value"] > 4 * wrong["mcse"]).all()
    coverage = ran[1].coverage()
    failed = set(coverage.loc[coverage["fails"], "scenario"])
    assert "short, on waning" in failed


def test_order_workers_and_resuming_change_no_byte(ran, tmp_path, monkeypatch):
    folder, result = ran
    kept = {path.relative_to(folder): path.read_bytes() for path in blocks_of(folder)}
    assert len(kept) == 4
    for path in list(kept)[1::2]:  # a run that was stopped half way, its scenarios declared in another order
        (folder / path).unlink()
    untouched = {path: path.stat().st_mtime_ns for path in blocks_of(folder)}
    monkeypatch.setattr(runner_module, "_finished", _in_this_process)
    again = replace(STUDY, scenarios=SHORT[::-1]).run(folder)
    assert {path.relative_to(folder) for path in blocks_of(folder)} == set(kept)
    assert {path: path.stat().st_mtime_ns for path in untouched} == untouched
    key = ["scenario", "method", "estimand"]
    pd.testing.assert_frame_equal(
        again.performance.sort_values(key, ignore_index=True), result.performance.sort_values(key, ignore_index=True)
    )
    for path, content in kept.items():
        (tmp_path / "a.npz").write_bytes(content)
        with np.load(tmp_path / "a.npz") as before, np.load(folder / path) as after:
            for name in before.files:
                assert before[name].tobytes() == after[name].tobytes()


def test_fewer_replicates_use_what_is_there_and_other_seeds_do_not(ran, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a process was started")

    monkeypatch.setattr(runner_module, "ProcessPoolExecutor", refuse)
    fewer = replace(STUDY, replicates=SMALL_BLOCK).run(ran[0])
    assert fewer.performance.loc[0, "bias mcse"] > 0
    with pytest.raises(AssertionError, match="a process was started"):
        replace(STUDY, replicates=SMALL_BLOCK, seed=5).run(ran[0])
    changed = (replace(SHORT[0], every=3.0),)
    with pytest.raises(AssertionError, match="a process was started"):
        replace(STUDY, replicates=SMALL_BLOCK, scenarios=changed).run(ran[0])


def fragile(drawn):
    if drawn.offset[0] > 0:
        raise FitError(f"row {len(drawn.cycles)} is odd")
    if drawn.offset[1] > 0:
        raise ZeroDivisionError("1.5e-3 is not enough")
    return {"intercept": Estimate(1.0, 0.1, 0.8, 1.2)}


def test_failures_of_any_kind_are_counted_with_their_reason(monkeypatch, tmp_path):
    monkeypatch.setitem(METHODS, "fragile", Method("fragile", "fails", ("intercept",), fragile))
    outcome = run_block(Block(SHORT[0], ("fragile", "Turnbull"), 1, 0, 16))
    failed = {replicate for replicate, method, _ in outcome.failures if method == "fragile"}
    assert 0 < len(failed) < 16
    column = quantities(("fragile", "Turnbull")).index(("fragile", "intercept"))
    missing = np.isnan(outcome.estimates[:, column, 0])
    assert set(np.flatnonzero(missing)) == failed
    assert np.isfinite(outcome.estimates[:, column + 1 :, 0]).all()  # the other method is not touched

    monkeypatch.setattr(runner_module, "_finished", _in_this_process)
    study = SimulationStudy(scenarios=SHORT[:1], methods=("fragile", "Turnbull"), replicates=16)
    result = study.run(tmp_path)
    assert set(result.failures["reason"]) == {"FitError: row # is odd", "ZeroDivisionError: # is not enough"}
    assert result.failures["replicates"].sum() == len(failed)
    assert set(result.failures["first"]) <= failed
    row = result.performance.set_index(["method", "estimand"]).loc["fragile", "intercept"]
    assert row["convergence"] == pytest.approx(1 - len(failed) / 16)
    out = tmp_path / "out"
    out.mkdir()
    fill_validation(result, out)
    assert f"{len(failed)} of 32 fits failed" in (out / "summary.md").read_text(encoding="utf-8")


def _in_this_process(jobs, workers):
    for block, path in jobs:
        yield runner_module._run_and_save(block, path)


def test_what_is_written(ran, tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        fill_validation(ran[1], folder, arguments={"command": "validate"})
    names = sorted(path.name for path in folders[0].iterdir())
    assert [name for name in names if name.endswith(".png")] == ["bias.png", "coverage.png", "standard_errors.png"]
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name
    performance = pd.read_csv(folders[0] / "performance.csv")
    assert len(performance) == 2 * len(quantities(STUDY.methods))
    true = performance.loc[performance["estimand"] == "RMST, arm 0", "truth"]
    assert true.to_numpy() == pytest.approx(truths(SHORT[0])["RMST, arm 0"], rel=1e-5)
    manifest = json.loads((folders[0] / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["seed"], manifest["replicates"]) == (4, STUDY.replicates)
    assert manifest["arguments"] == {"command": "validate"}
    summary = (folders[0] / "summary.md").read_text(encoding="utf-8")
    for heading in ("Aims", "Data-generating mechanisms", "Estimands", "Methods", "Performance measures", "Findings"):
        assert f"## {heading}" in summary
    coverage = ran[1].coverage()
    failed = coverage[coverage["fails"] & (coverage["method"] == "MixedAFT")]
    own = len(coverage[coverage["method"] == "MixedAFT"])
    assert f"**MixedAFT**: {len(failed)} of {own} coverages fail" in summary
    assert "None of 192 fits failed." in summary


def test_why_a_coverage_fails():
    row = {
        "nominal": 0.95, "coverage": 0.80, "bias_eliminated": 0.94, "relative_se_error": -0.01, "standard_bias": 0.8,
        "estimated": 1.0, "with_interval": 1.0,
    }  # fmt: skip
    assert why(pd.Series(row)) == "bias +0.80 empirical SE"
    small = row | {"bias_eliminated": 0.81, "relative_se_error": -0.2}
    assert why(pd.Series(small)) == "model SE 20% too small"
    assert why(pd.Series(small | {"coverage": 0.99, "bias_eliminated": 0.99})) == (
        "neither bias +0.80 empirical SE nor model SE 20% too small is enough"
    )
    assert why(pd.Series(row | {"with_interval": 0.4, "bias_eliminated": 0.4})) == "60% without interval"
    assert why(pd.Series(row | {"bias_eliminated": np.nan})) == "too narrow"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"scenarios": ()}, "needs a scenario"),
        ({"scenarios": (SHORT[0], SHORT[0])}, "must differ in `name`"),
        ({"methods": ("magic",)}, "unknown methods: magic"),
        ({"replicates": 1}, "`replicates` must be"),
        ({"seed": -1}, "`seed` must be"),
    ],
)
def test_a_study_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        SimulationStudy(**wrong)


def test_scenarios_by_name():
    assert scenarios_named(["Weibull", "base"]) == (SCENARIOS[0], *[s for s in SCENARIOS if s.name == "Weibull"])
    with pytest.raises(InputError, match="unknown scenario: weekly; the declared ones are: base"):
        scenarios_named(["weekly"])
    assert len(scenarios_named([factorial()[7].name], factorial())) == 1


COMMAND = [sys.executable, "-c", "from retreat_research.cli import main; main()", "validate"]
ENVIRONMENT = {**os.environ, "MPLBACKEND": "Agg"}


@pytest.mark.skipif(sys.platform == "win32", reason="sends Ctrl-C to a process group as a terminal does")
def test_the_command_stopped_by_ctrl_c_goes_on_where_it_was(tmp_path):
    out = tmp_path / "out"
    arguments = [*COMMAND, "--out", str(out), "--scenario", "30 patients × 2", "--workers", "1"]
    running = subprocess.Popen(
        [*arguments, "--replicates", "1000"], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not blocks_of(out) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert f"stopped; finished blocks are kept in {out / 'work'}" in said
    assert "Traceback" not in said
    assert not (out / "summary.md").exists()
    first = blocks_of(out)[0]
    with np.load(first) as block:
        assert np.isfinite(block["estimates"][..., 0]).any()
    before = first.stat().st_mtime_ns
    done = subprocess.run(
        [*arguments, "--replicates", "25"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"summary: {out / 'summary.md'}"
    assert "Warning" not in done.stderr
    assert first.stat().st_mtime_ns == before
    assert "30 patients × 2" in (out / "summary.md").read_text(encoding="utf-8")


def test_the_command_names_the_scenarios_it_knows(tmp_path):
    done = CliRunner().invoke(app, ["validate", "--out", str(tmp_path / "out"), "--scenario", "nonesuch"])
    assert isinstance(done.exception, InputError)
    assert str(done.exception).startswith("unknown scenario: nonesuch; the declared ones are: base; ")
    assert not (tmp_path / "out").exists()
