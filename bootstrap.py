#!/usr/bin/env python3
"""Set up retreat_research in .venv beside this file, then run a command in it.

    python3 bootstrap.py study [options]     the main job on the embedded records; its report is in out/study
    python3 bootstrap.py test [options]      the tests, doctests and notebooks, with pytest's options
    python3 bootstrap.py lab [options]       JupyterLab on notebooks/
    python3 bootstrap.py COMMAND [options]   any other command of retreat-research, such as check, fit or compare

The first run takes a few minutes to install what the locks name; later ones start at once.
"""
# Standard library only. No syntax newer than Python 3.6, so that an old Python can be refused in one line.

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "retreat-research.stamp"
LOCKS = ("setuptools.lock", "requirements.lock")
CLI = "import sys; sys.argv[0] = 'retreat-research'; from retreat_research.cli import main; sys.exit(main())"


def main(arguments: list) -> int:
    check_version()
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(__doc__)
        return 0
    python = str(conda_python() or venv_python())
    name, options = arguments[0], arguments[1:]
    if name == "test":
        os.chdir(ROOT)
        return become([python, "-m", "pytest", *options])
    if name == "lab":
        return become([python, "-m", "jupyterlab", str(ROOT / "notebooks"), *options])
    if name == "study" and not any(option.split("=")[0] == "--out" for option in options):
        options = ["--out", str(ROOT / "out" / "study"), *options]
    return become([python, "-P", "-c", CLI, name, *options])


def check_version() -> None:
    """Refuse a Python that the locks were not made for, and name one on PATH that works."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    advice = "install one of them and run this command with it"
    for minor in range(OLDEST[1], NEWEST[1] + 1):
        name = f"python3.{minor}"
        if shutil.which(name) and subprocess.call([name, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            advice = f"run {name} bootstrap.py instead"
    sys.exit("retreat_research needs Python 3.11 to 3.13; this is {}.{}: {}".format(*sys.version_info[:2], advice))


def conda_python():
    """The active conda environment's Python if everything in pyproject.toml is there, else None."""
    prefix = os.environ.get("CONDA_PREFIX")
    if not prefix or Path(prefix).resolve() != Path(sys.prefix).resolve():
        return None
    lacking = [requirement for requirement in requirements() if not is_met(requirement)]
    if lacking:
        say(f"the active conda environment lacks {', '.join(lacking)}: using .venv instead")
        return None
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return sys.executable


def requirements() -> list:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]


def is_met(requirement: str) -> bool:
    """Whether an installed version lies in the range of `name>=lower,<upper`; not for anything more involved."""
    from importlib import metadata

    name, bounds = re.match(r"([\w.-]+)(.*)", requirement).groups()
    try:
        found = numbers(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False
    for bound in filter(None, bounds.replace(" ", "").split(",")):
        limit = re.fullmatch(r"(>=|<)([\d.]+)", bound)
        if limit is None or (found < numbers(limit[2])) != (limit[1] == "<"):
            return False
    return True


def numbers(version: str) -> tuple:
    return (*map(int, re.findall(r"\d+", version)), 0, 0, 0)[:4]


def venv_python() -> Path:
    """The Python of .venv, made and filled first if it is not what this checkout and the locks ask for."""
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    home = f"{sys.version}\n{sys.base_prefix}\n{ROOT}\n"  # a .venv works only with this Python and in this place
    inputs = b"".join((ROOT / name).read_bytes() for name in (*LOCKS, "pyproject.toml"))
    wanted = home + hashlib.sha256(inputs).hexdigest()
    found = STAMP.read_text(encoding="utf-8") if STAMP.exists() and python.exists() else ""
    if found == wanted:
        return python
    STAMP.unlink(missing_ok=True)  # an interrupted set-up leaves none, and the next run starts afresh
    if not found.startswith(home):
        try:
            import ensurepip  # noqa: F401
            import venv  # noqa: F401
        except ImportError:
            sys.exit("Python's venv is missing; on Debian or Ubuntu: sudo apt install python3-venv")
        say("setting up .venv: once, a few minutes")
        subprocess.check_call([sys.executable, "-m", "venv", "--clear", str(VENV)])
    else:
        say("bringing .venv up to date")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
    for lock in LOCKS:
        subprocess.check_call([*pip, "--no-build-isolation", "--require-hashes", "-r", str(ROOT / lock)])
    subprocess.check_call([*pip, "--no-build-isolation", "--no-deps", "-e", str(ROOT)])
    STAMP.write_text(wanted, encoding="utf-8")
    return python


def become(command: list) -> int:
    """Let the command take this process's place, so that signals and exit status are its own."""
    if os.name == "nt":  # where exec would hand the console back at once
        return subprocess.call(command)
    sys.stderr.flush()
    os.execv(command[0], command)


def say(text: str) -> None:
    sys.stderr.write(f"bootstrap: {text}\n")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError:
        sys.exit("bootstrap: the set-up failed, see above; mend the cause and run the same command again")
    except KeyboardInterrupt:
        sys.stderr.write("bootstrap: interrupted\n")
        sys.exit(130)
