"""`retreat-research compare`: a whole comparison from one file."""

import json
from pathlib import Path

import pandas as pd
import pytest

from retreat_research.cli import main

FOLDER = Path(__file__).parents[1] / "data" / "strategies"


def run(*arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code


def test_a_report_with_tables_comes_from_one_file(tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ("compare", "--strategies", FOLDER / "ladder.json", "--out", out, "--patients", 200, "--years", 3)
    assert run(*arguments, "--draws", 3, "--workers", 2) == 0
    assert "report" in capsys.readouterr().out
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "treat and extend, as a protocol" in page
    assert json.loads((out / "manifest.json").read_text())["arguments"]["patients"] == 200
    value = pd.read_csv(out / "value_glabellar-lines.csv")
    assert value["preference"].tolist() == [0, 0.5, 1]
    assert len(list((out / "work").glob("world_*.json"))) == 3


def test_a_bad_file_gives_its_lines_and_writes_nothing(tmp_path, capsys):
    path, out = tmp_path / "bad.toml", tmp_path / "out"
    path.write_text('indication = "glabellar"\n[[strategy]]\nname = "a"\nrule = "Fixed(0)"\n')
    assert run("compare", "--strategies", path, "--out", out) == 1
    assert "line 4: `weeks` must be a positive number of weeks" in capsys.readouterr().err
    assert not out.exists()
