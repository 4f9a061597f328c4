"""The report: whole or not there, self-contained, the same twice, without identifiers."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.report import whole_folder
from retreat_research.report.sentences import _survives, findings, limits, model_sentence

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def result():
    return rr.Study(records=rr.read_records(ROOT / "data" / "synthetic"), patients=200, years=3, seed=2).run()


@pytest.fixture(scope="module")
def report(result, tmp_path_factory):
    return rr.write_report(
        result, tmp_path_factory.mktemp("out"), arguments={"seed": 2}, inputs=[ROOT / "data/synthetic"]
    )


def test_everything_is_there(report):
    names = {p.name for p in report.parent.iterdir()}
    tables = {
        "quality",
        "response",
        "durations",
        "fit",
        "world",
        "strategies",
        "contrasts",
        "matched",
        "frontier",
        "sweep",
    }
    figures = {f"{n}.{kind}" for n in ("durations", "frontier", "gains", "antibodies") for kind in ("png", "svg")}
    assert names == {"report.html", "manifest.json"} | {f"{t}.csv" for t in tables} | figures
    for table in tables:
        assert len(pd.read_csv(report.parent / f"{table}.csv")) > 0


def test_the_page_needs_nothing_else(report):
    page = report.read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(sources) == 4
    assert all(s.startswith("data:image/png;base64,") for s in sources)
    assert not re.findall(r"(?:url\(|@import|<script|<link)", page)
    assert page.count("For research and teaching only") == 1
    assert all(re.findall(r'<img [^>]*alt="([^"]+)"', page))


def test_the_same_study_writes_the_same_bytes(result, report, tmp_path):
    again = rr.write_report(result, tmp_path, arguments={"seed": 2}, inputs=[ROOT / "data/synthetic"])
    for path in report.parent.iterdir():
        assert (again.parent / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_manifest_says_how_to_repeat_it(report):
    manifest = json.loads((report.parent / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["seed"] == 2
    assert set(manifest["inputs_sha256"]) >= {"sessions.csv", "assessments.csv"}
    assert manifest["packages"]["numpy"]
    assert str(ROOT) not in json.dumps(manifest)


def test_no_identifier_leaves_the_records(result, report):
    patients = set(result.study.records.patients["patient"].astype(str))
    for path in report.parent.iterdir():
        if path.suffix in {".html", ".csv", ".json"}:
            text = re.sub(r"base64,[^\"]*", "", path.read_text(encoding="utf-8"))
            assert not patients & set(re.findall(r"\bS\d{3}\b", text)), path.name


def test_sentences_follow_the_numbers(result):
    said = findings(result)
    row = result.durations.table.loc[result.arm]
    assert f"{row['median']:.1f} weeks" in said[0]
    varied = result.durations.retreatment.medians.set_index(["arm", "delta"])["estimate"][result.arm]
    assert f"its median would be {varied[0.5]:.1f} weeks; if it were twice that, {varied[2]:.1f}" in said[1]
    assert varied[0.5] < varied[1] < varied[2]
    matched = result.comparison.matched()
    for name in ("stepped +2, booked", "on waning"):
        gain = matched.loc[name].iloc[0]
        sentence = next(s for s in said if s.startswith(name))
        assert f"{100 * gain['gain']:+.1f} points" in sentence
        swept = result.sweep.query("strategy == @name and equal == 'antigen'")["gain"]
        assert f"{100 * swept.min():+.1f} to {100 * swept.max():+.1f} over the worlds" in sentence
    fit = result.durations.fit
    assert any(f"{fit.sd:.2f} between patients and {fit.scale:.2f} within" in s for s in limits(result))
    assert f"{fit.sd:.2f} between patients" in model_sentence(result)
    assert any("positive by error with probability 1%, each time" in s for s in limits(result))


def swept(gains, mcse=0.001):
    worlds = [f"w{i}" for i in range(len(gains))]
    return pd.DataFrame({"world": worlds, "strategy": "s", "equal": "antigen", "gain": gains, "mcse": mcse})


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ([0.01, 0.02], "a gain in all: s"),
        ([-0.01, -0.02], "a loss in all: s"),
        ([0.01, -0.02], "both signs: s"),
        ([0.01, 0.0001], "not clear in all: s"),
        ([0.01, float("nan")], "not clear in all: s"),
    ],
)
def test_the_verdict_over_worlds_says_which_kind(gains, verdict):
    arm = SimpleNamespace(strategy=rr.Stepped())
    result = SimpleNamespace(sweep=swept(gains), comparison=SimpleNamespace(simulations={"s": arm}))
    assert verdict in _survives(result)


# --- the folder is whole or not there ---------------------------------------------------------------------------------


def test_a_failure_leaves_an_older_report_as_it_was(tmp_path):
    (tmp_path / "report.html").write_text("old")

    def fail():
        with whole_folder(tmp_path) as folder:
            (folder / "report.html").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "old"


def test_a_failure_leaves_no_folder_that_was_not_there(tmp_path):
    def fail():
        with whole_folder(tmp_path / "new") as folder:
            (folder / "a").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not (tmp_path / "new").exists()


def test_a_move_that_fails_puts_the_old_files_back(tmp_path, monkeypatch):
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "a.csv").write_text("old")
    plain, moves = Path.replace, []

    def sometimes(self, target):
        moves.append(self)
        if len(moves) == 4:
            raise OSError(28, "No space left on device")
        return plain(self, target)

    def write():
        with whole_folder(tmp_path) as folder:
            for name in ("a.csv", "b.csv", "report.html"):
                (folder / name).write_text("new")
            monkeypatch.setattr(Path, "replace", sometimes)

    with pytest.raises(rr.InputError, match="No space left"):
        write()
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"report.html": "old", "a.csv": "old"}


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "a.csv").mkdir()
    (tmp_path / "report.html").write_text("old")

    def write():
        with whole_folder(tmp_path) as folder:
            (folder / "a.csv").write_text("new")

    with pytest.raises(rr.InputError, match=r"a\.csv is a folder there"):
        write()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "report.html"]


def test_an_empty_folder_of_the_users_stays(tmp_path):
    with pytest.raises(RuntimeError), whole_folder(tmp_path):
        raise RuntimeError
    assert tmp_path.exists()


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with whole_folder(tmp_path) as folder:
        (folder / "report.html").write_text("new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.txt", "report.html"]


def test_a_folder_inside_a_file_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(rr.InputError, match="cannot write to"), whole_folder(tmp_path / "file" / "out"):
        pytest.fail("work began")
