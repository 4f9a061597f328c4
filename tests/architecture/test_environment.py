"""pyproject.toml, the locks and environment.yml name the same things in the same ranges."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import retreat_research

ROOT = Path(__file__).parents[2]
PYTHONS = ["3.11", "3.12", "3.13"]
CONDA_NAMES = {"matplotlib": "matplotlib-base"}  # conda's `matplotlib` adds Qt
CONDA_ONLY = {"python", "pip"}

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
DIRECT = [
    Requirement(line)
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in group
]
BUILD = [Requirement(line) for line in PYPROJECT["build-system"]["requires"]]


def locked(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Every entry of a lock with its hashes."""
    logical = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    lines = [line for line in logical if line.strip() and not line.lstrip().startswith("#")]
    return [(Requirement(line.split(" --hash=")[0].strip()), re.findall(r"--hash=(\S+)", line)) for line in lines]


def version_on(entries: list[tuple[Requirement, list[str]]], name: str, python: str) -> str:
    """The one version locked for `name` on `python`."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    found = [
        next(iter(entry.specifier)).version
        for entry, _ in entries
        if canonicalize_name(entry.name) == canonicalize_name(name)
        and (entry.marker is None or Marker(str(entry.marker)).evaluate(environment))
    ]
    assert len(found) == 1, f"{name} is locked {len(found)} times for Python {python}"
    return found[0]


@pytest.mark.parametrize("lock", ["requirements.lock", "setuptools.lock"])
def test_every_entry_of_a_lock_is_pinned_and_hashed(lock):
    entries = locked(lock)
    assert entries
    for entry, hashes in entries:
        assert [pin.operator for pin in entry.specifier] == ["=="], entry
        assert entry.url is None, entry
        assert hashes, f"{entry} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), entry


@pytest.mark.parametrize("lock", ["requirements.lock", "setuptools.lock"])
def test_a_lock_carries_no_address_and_no_option(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert [line for line in text.splitlines() if line.startswith("-")] == []


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("requirement", DIRECT, ids=str)
def test_what_pyproject_asks_for_is_locked_inside_its_range(requirement, python):
    version = version_on(locked("requirements.lock"), requirement.name, python)
    assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


def test_setuptools_has_its_own_lock():
    """autograd-gamma is built from source without isolation, so setuptools must be there before."""
    (build,) = BUILD
    assert build.specifier.contains(version_on(locked("setuptools.lock"), "setuptools", "3.11"))
    assert "setuptools" not in [entry.name for entry, _ in locked("requirements.lock")]
    assert version_on(locked("requirements.lock"), "autograd-gamma", "3.11")


def test_python_versions_are_the_same_everywhere():
    supported = SpecifierSet(PROJECT["requires-python"])
    assert [f"3.{minor}" for minor in range(5, 30) if supported.contains(f"3.{minor}")] == PYTHONS


def test_conda_environment_asks_for_the_same_in_the_same_ranges():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    conda = {name: SpecifierSet(bounds) for name, _, bounds in (d.partition(" ") for d in environment["dependencies"])}
    wanted = {CONDA_NAMES.get(r.name, r.name): r.specifier for r in [*DIRECT, *BUILD]}
    assert conda.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert {name: bounds for name, bounds in conda.items() if name not in CONDA_ONLY} == wanted


def test_the_citation_names_this_version():
    assert (
        yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == retreat_research.__version__
    )


def test_files_beside_the_modules_are_installed_with_them():
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["retreat_research"]
    package = ROOT / "retreat_research"
    beside = [p for p in package.rglob("*") if p.is_file() and p.suffix != ".py" and "__pycache__" not in p.parts]
    installed = {path for pattern in patterns for path in package.glob(pattern)}
    assert [path.relative_to(package).as_posix() for path in beside if path not in installed] == []
