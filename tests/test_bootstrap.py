"""bootstrap.py decides what to install, when, and what to run; the installing itself is done by .ci/run."""

import ast
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = ["bootstrap.py", "requirements.lock", "setuptools.lock", "pyproject.toml"]


class Became(Exception):
    """The command that took the process's place."""


class Checkout:
    """A copy of the checkout whose set-up steps are written down instead of done."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir(parents=True)
        for name in FILES:
            shutil.copy(ROOT / name, folder)
        self.folder, self.monkeypatch = folder, monkeypatch
        self.steps: list[list[str]] = []
        self.interrupt_at = ""

    def run(self, *arguments: str) -> tuple[list[list[str]], list[str]]:
        """Set-up steps and command of `python3 bootstrap.py *arguments`."""
        spec = importlib.util.spec_from_file_location("bootstrap_copy", self.folder / "bootstrap.py")
        bootstrap = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(bootstrap)
        self.steps = []
        self.monkeypatch.setattr(bootstrap.subprocess, "check_call", self._step)
        self.monkeypatch.setattr(bootstrap, "become", self._become)
        try:
            bootstrap.main(list(arguments))
        except Became as command:
            return self.steps, list(command.args)
        raise AssertionError("no command was run")

    def _step(self, command: list[str]) -> None:
        self.steps.append(command)
        if self.interrupt_at and self.interrupt_at in " ".join(command):
            raise KeyboardInterrupt
        if "venv" in command:
            shutil.rmtree(self.folder / ".venv", ignore_errors=True)
            self.python.parent.mkdir(parents=True)
            self.python.touch()

    def _become(self, command: list[str]) -> None:
        raise Became(*command)

    @property
    def python(self) -> Path:
        return self.folder / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.chdir(tmp_path)
    return Checkout(tmp_path / "a check out", monkeypatch)


def kinds(steps: list[list[str]]) -> list[str]:
    return ["venv" if "venv" in step else Path(step[-1]).name for step in steps]


def test_first_run_installs_from_the_locks_in_order(checkout):
    steps, command = checkout.run("study")
    assert kinds(steps) == ["venv", "setuptools.lock", "requirements.lock", checkout.folder.name]
    assert all("--require-hashes" in step for step in steps[1:3])
    assert all("--no-build-isolation" in step for step in steps[2:])
    assert "--no-deps" in steps[3]
    assert command[0] == str(checkout.python)


def test_second_run_installs_nothing(checkout):
    checkout.run("study")
    steps, _ = checkout.run("study")
    assert steps == []


@pytest.mark.parametrize("name", FILES[1:])
def test_a_changed_lock_is_installed_into_the_same_venv(checkout, name):
    checkout.run("study")
    (checkout.folder / name).write_text((checkout.folder / name).read_text() + "\n# changed\n")
    steps, _ = checkout.run("study")
    assert kinds(steps) == ["setuptools.lock", "requirements.lock", checkout.folder.name]


@pytest.mark.parametrize("step", ["-m venv", "setuptools.lock", "requirements.lock", " -e "])
def test_an_interrupted_set_up_starts_afresh(checkout, step):
    checkout.interrupt_at = step
    with pytest.raises(KeyboardInterrupt):
        checkout.run("study")
    checkout.interrupt_at = ""
    steps, _ = checkout.run("study")
    assert kinds(steps)[0] == "venv"
    assert len(steps) == 4


def test_an_interrupted_update_starts_afresh(checkout):
    checkout.run("study")
    (checkout.folder / "requirements.lock").write_text("")
    checkout.interrupt_at = "requirements.lock"
    with pytest.raises(KeyboardInterrupt):
        checkout.run("study")
    checkout.interrupt_at = ""
    assert kinds(checkout.run("study")[0])[0] == "venv"


def test_a_moved_checkout_is_set_up_afresh(checkout):
    checkout.run("study")
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))
    assert kinds(checkout.run("study")[0])[0] == "venv"


def test_another_python_is_set_up_afresh(checkout, monkeypatch):
    checkout.run("study")
    monkeypatch.setattr(sys, "version", "3.13.99 (another build)")
    assert kinds(checkout.run("study")[0])[0] == "venv"


def test_a_venv_without_its_python_is_set_up_afresh(checkout):
    checkout.run("study")
    checkout.python.unlink()
    assert kinds(checkout.run("study")[0])[0] == "venv"


def test_study_writes_into_the_checkout_unless_told_where(checkout):
    out = str(checkout.folder / "out" / "study")
    assert checkout.run("study", "--patients", "500")[1][-5:] == ["study", "--out", out, "--patients", "500"]
    assert checkout.run("study", "--out", "here")[1][-3:] == ["study", "--out", "here"]
    assert checkout.run("study", "--out=here")[1][-2:] == ["study", "--out=here"]


def test_test_runs_pytest_in_the_checkout(checkout):
    _, command = checkout.run("test", "-k", "records")
    assert command[1:] == ["-m", "pytest", "-k", "records"]
    assert Path.cwd() == checkout.folder


def test_lab_opens_the_notebooks(checkout):
    _, command = checkout.run("lab", "--no-browser")
    assert command[1:] == ["-m", "jupyterlab", str(checkout.folder / "notebooks"), "--no-browser"]


def test_other_commands_are_passed_on_where_the_user_stands(checkout, tmp_path):
    _, command = checkout.run("check", "clinic/", "--mapping", "trial.toml")
    assert command[-4:] == ["check", "clinic/", "--mapping", "trial.toml"]
    assert Path.cwd() == tmp_path


def test_the_commands_of_retreat_research_are_called_as_installed(checkout):
    code = checkout.run("study")[1][3]
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["retreat-research"]
    module, function = entry.split(":")
    assert f"from {module} import {function}" in code
    ast.parse(code)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_usage_needs_no_set_up(tmp_path, arguments):
    shutil.copy(ROOT / "bootstrap.py", tmp_path)
    done = run(tmp_path / "bootstrap.py", *arguments)
    assert done.returncode == 0
    assert all(f"bootstrap.py {command}" in done.stdout for command in ("study", "test", "lab"))
    assert [path.name for path in tmp_path.iterdir()] == ["bootstrap.py"]


def run(script: Path, *arguments: str, python: str = sys.executable, **environment: str) -> subprocess.CompletedProcess:
    kept = {name: value for name, value in os.environ.items() if name != "CONDA_PREFIX"}
    command = [python, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**kept, **environment})


def test_an_old_python_can_read_it():
    ast.parse((ROOT / "bootstrap.py").read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 6), (3, 10), (3, 14), (4, 0)])
def test_a_python_out_of_range_is_refused_in_one_line(checkout, monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit) as refusal:
        checkout.run("study")
    message = str(refusal.value)
    assert message.startswith(f"retreat_research needs Python 3.11 to 3.13; this is {version[0]}.{version[1]}: ")
    assert "\n" not in message
    assert checkout.steps == []


@pytest.mark.skipif(os.name == "nt", reason="the stand-in interpreters are shell scripts")
def test_the_refusal_names_a_python_that_works(checkout, monkeypatch, tmp_path):
    for name, status in [("python3.11", 0), ("python3.12", 0), ("python3.13", 1)]:
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(sys, "version_info", (3, 14, 0, "final", 0))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"this is 3\.14: run python3\.12 bootstrap\.py instead$"):
        checkout.run("study")


def test_real_pythons_out_of_range_are_refused_in_one_line():
    found = [name for minor in (6, 7, 8, 9, 10, 14) if works(name := f"python3.{minor}")]
    if not found:
        pytest.skip("no Python out of range on PATH")
    for name in found:
        done = run(ROOT / "bootstrap.py", "study", python=name)
        assert done.returncode == 1
        refusal = rf"retreat_research needs Python 3\.11 to 3\.13; this is {re.escape(name[6:])}: .*\n"
        assert re.fullmatch(refusal, done.stderr)


def works(python: str) -> bool:
    return bool(shutil.which(python)) and subprocess.run([python, "-c", ""], capture_output=True).returncode == 0


def test_the_range_is_that_of_pyproject():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"] == ">=3.11,<3.14"
    assert "OLDEST, NEWEST = (3, 11), (3, 13)" in (ROOT / "bootstrap.py").read_text()


def test_missing_venv_is_said_in_one_line(tmp_path):
    checkout, stand_in = tmp_path / "checkout", tmp_path / "stand-in"
    checkout.mkdir()
    stand_in.mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, checkout)
    (stand_in / "ensurepip.py").write_text("raise ImportError('as on Debian without python3-venv')\n")
    done = run(checkout / "bootstrap.py", "study", PYTHONPATH=str(stand_in))
    assert done.returncode == 1
    assert done.stderr == "Python's venv is missing; on Debian or Ubuntu: sudo apt install python3-venv\n"
    assert not (checkout / ".venv").exists()


@pytest.fixture
def slow_venv(tmp_path):
    """A checkout, and a stand-in for `python -m venv` that fails or takes long, as an environment."""
    checkout, stand_in = tmp_path / "checkout", tmp_path / "stand-in"
    checkout.mkdir()
    stand_in.mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, checkout)
    (stand_in / "venv.py").write_text(
        "import os, sys, time\n"
        "if __name__ == '__main__':\n"
        "    print('started', flush=True)\n"
        "    sys.exit('no space left') if 'FAIL' in os.environ else time.sleep(60)\n"
    )
    return checkout, {"PYTHONPATH": str(stand_in)}


def test_a_failed_set_up_ends_without_a_traceback(slow_venv):
    checkout, environment = slow_venv
    done = run(checkout / "bootstrap.py", "study", FAIL="yes", **environment)
    assert done.returncode == 1
    assert "no space left" in done.stderr
    assert "the set-up failed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_control_c_ends_the_set_up_with_130_and_no_traceback_of_ours(slow_venv):
    checkout, environment = slow_venv
    kept = {name: value for name, value in os.environ.items() if name != "CONDA_PREFIX"}
    command = [sys.executable, str(checkout / "bootstrap.py"), "study"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env={**kept, **environment}, **pipes) as process:
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert errors.endswith("bootstrap: interrupted\n")
    assert not (checkout / ".venv" / "retreat-research.stamp").exists()


def test_a_whole_conda_environment_is_used_as_it_is(checkout, monkeypatch):
    monkeypatch.setenv("CONDA_PREFIX", sys.prefix)
    monkeypatch.setenv("PYTHONPATH", "")
    steps, command = checkout.run("study")
    assert steps == []
    assert command[0] == sys.executable
    assert os.environ["PYTHONPATH"] == str(checkout.folder)


@pytest.mark.parametrize("requirement", ["nonesuch-package>=1", "numpy>=99", "numpy<1", "numpy[extra]>=1"])
def test_a_conda_environment_that_lacks_something_is_left_alone(checkout, monkeypatch, capsys, requirement):
    monkeypatch.setenv("CONDA_PREFIX", sys.prefix)
    project = checkout.folder / "pyproject.toml"
    project.write_text(project.read_text().replace('"numpy>=2.0"', f'"{requirement}"'))
    steps, command = checkout.run("study")
    assert kinds(steps)[0] == "venv"
    assert command[0] == str(checkout.python)
    first = capsys.readouterr().err.splitlines()[0]
    assert first == f"bootstrap: the active conda environment lacks {requirement}: using .venv instead"


def test_a_conda_environment_that_is_not_the_one_running_is_ignored(checkout, monkeypatch, tmp_path):
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path))
    assert checkout.run("study")[1][0] == str(checkout.python)
