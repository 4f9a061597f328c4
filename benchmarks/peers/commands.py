"""How each peer is started, in a process of its own that prints its own seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .exchange import printed

HERE = Path(__file__).parent
C_COLUMNS = (
    "sessions", "session_equivalents", "units", "unit_equivalents", "antigen_ng", "antigen_equivalents",
    "weeks_observed", "weeks_in_benefit", "weeks_waiting", "positive_week", "tested_positive_week", "failure_week",
    "failure_immune", "dropout_week", "responded", "effect_at_return", "lower", "upper",
)  # fmt: skip


@dataclass(frozen=True)
class Peer:
    """One way to simulate the same world.

    Attributes
    ----------
    name : str
    command : tuple of str
        Comes before the world's file.
    strategies : tuple of str
        Those it knows.
    patients : int
        As many as take about a second, or as the engine is given.
    observe : str or None
        "all" or "needed" for peers that can leave out what is seen.
    """

    name: str
    command: tuple[str, ...]
    strategies: tuple[str, ...]
    patients: int
    observe: str | None = None

    def run(self, world: Path, strategy: str, patients: int, seed: int, *more: str):
        """(patients, sessions, seconds, {outcome: (mean, sd)}) of one run."""
        observe = () if self.observe is None else (self.observe,)
        command = (*self.command, str(world), strategy, *observe, str(patients), str(seed), *more)
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{self.name} failed:\n{done.stderr[-2000:]}")
        return printed(done.stdout)


def few_of(patients: int) -> int:
    """Patients for peers that take one after another."""
    return max(patients // 26, 500)


def peers(folder: Path, python: str | None, patients: int) -> tuple[list[Peer], list[str]]:
    """The peers that can run here, C first, and notes on the others.

    Parameters
    ----------
    folder : Path
        For the compiled programs.
    python : str, optional
        An interpreter with simpy and starsim.
    patients : int
        For the fast ones.
    """
    found, notes, both = [], [], ("fixed", "stepped")
    few = few_of(patients)
    compiler, rscript = os.environ.get("CC", "gcc"), shutil.which("Rscript")
    if shutil.which(compiler):
        for name, flags in (("C", ("-march=native",)), ("C for any x86-64", ())):
            program = folder / f"world{len(flags)}"
            subprocess.run([compiler, "-O3", *flags, "-o", program, HERE / "world.c", "-lm"], check=True)
            every = ("fixed", "stepped", "waning", "bisect")
            found.append(Peer(name, (str(program),), every, patients, "all"))
            if flags:
                found.append(Peer("C, only what is needed", (str(program),), every, patients, "needed"))
    else:
        notes.append(f"no C: there is no {compiler}")
    if rscript:
        found.append(Peer("base R", (rscript, str(HERE / "world.R")), both, patients, "all"))
        found.append(
            Peer("base R, only what is needed", (rscript, str(HERE / "world.R")), ("fixed",), patients, "needed")
        )
    else:
        notes.append("no R: there is no Rscript")
    found.append(Peer("Python loop", (sys.executable, str(HERE / "loop.py")), both, few))
    for module, name, n in (("simpy", "simpy", few), ("starsim", "starsim, weekly steps", patients)):
        if python and not subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
            found.append(Peer(name, (python, str(HERE / f"with_{module}.py")), both, n))
        else:
            notes.append(f"no {module}: give --peers-python an interpreter that has it")
    return found, notes
