"""What is committed names no registry and no machine, holds no real trial, and is small."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LARGEST_KB = 1500
REGISTRY = re.compile(
    r"pypi\.(?:org|python)|pythonhosted\.|anaconda\.(?:org|com)|cran\.r-project|npmjs\.|(?:extra-)?index-url|find-links"
)
MACHINE = re.compile(
    r"(?<![\w.)/-])/(?:work|tmp|home|root|opt|Users)/[\w.]|(?<![\w])[A-Z]:\\\\?Users|file:///", flags=re.MULTILINE
)
REAL_TRIAL = re.compile(r"cdystonia.*\.(?:csv|tsv|sav|sas7bdat|parquet|feather|rda|rds|xlsx?)$", flags=re.IGNORECASE)


def committed() -> list[Path]:
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    )
    paths = [ROOT / name for name in done.stdout.decode().split("\0") if name]
    if not paths:
        pytest.skip("not a git checkout")
    return [path for path in paths if path.is_file()]


def matches(pattern: re.Pattern) -> list[str]:
    found = []
    for path in committed():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        if path != Path(__file__):
            found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in pattern.finditer(text)]
    return found


def test_no_registry_is_named():
    assert matches(REGISTRY) == []


def test_no_machine_path_is_named():
    assert matches(MACHINE) == []


def test_the_real_trial_is_not_here():
    assert [path.name for path in committed() if REAL_TRIAL.search(path.name)] == []


def test_files_are_small():
    sizes = {path.relative_to(ROOT).as_posix(): path.stat().st_size / 1024 for path in committed()}
    assert {name: round(size) for name, size in sizes.items() if size > LARGEST_KB} == {}


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (REGISTRY, "--extra-index-url"),
        (REGISTRY, "https://files.pythonhosted.org/packages"),
        (MACHINE, "read from /work/main/data"),
        (MACHINE, '"/tmp/report.html"'),
        (MACHINE, "/home/ann/clinic"),
        (MACHINE, r'"C:\\Users\\ann"'),
        (REAL_TRIAL, "data/cdystonia_long.csv"),
    ],
)
def test_a_planted_offence_is_found(pattern, text):
    assert pattern.search(text)


@pytest.mark.parametrize("text", ["doi.org/10.1000/work/1", "../tmp/x", "a/work/b", "</work/>", "patients/home/visit"])
def test_other_paths_pass(text):
    assert not MACHINE.search(text)
