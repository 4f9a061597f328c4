"""The cache of machine code knows of every compiled module."""

import shutil
import subprocess
import sys
from pathlib import Path

import retreat_research
from retreat_research.compiled import MODULES

FOLDER = Path(retreat_research.__file__).parent


def test_no_compiled_module_is_missing():
    users = {
        path.relative_to(FOLDER).as_posix()
        for path in FOLDER.rglob("*.py")
        if "import compiled\n" in path.read_text(encoding="utf-8")
    }
    assert users <= set(MODULES)
    assert all((FOLDER / name).is_file() for name in MODULES)


def test_nobody_compiles_past_it():
    for path in FOLDER.rglob("*.py"):
        if path.name != "compiled.py":
            assert "njit" not in path.read_text(encoding="utf-8"), path


def test_a_change_of_another_module_is_noticed(tmp_path):
    """`first_hazard` lives in immunity.py and is compiled into `session.visit`."""
    shutil.copytree(FOLDER, tmp_path / "retreat_research", ignore=shutil.ignore_patterns("__pycache__"))
    script = (
        "import retreat_research as rr; "
        "world = rr.World.default('glabellar').replace(susceptible_share=1.0, induction_rate=0.5); "
        "out = rr.simulate(rr.draw_cohort(50, world=world), rr.Fixed(12), years=1); "
        "print(out.patients['positive_week'].notna().sum())"
    )

    def positive() -> int:
        run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        return int(run.stdout)

    assert positive() > 5
    immunity = tmp_path / "retreat_research" / "immunity.py"
    text = immunity.read_text(encoding="utf-8")
    changed = text.replace("hazard = p.induction_rate * frailty", "hazard = 0 * p.induction_rate * frailty")
    assert changed != text
    immunity.write_text(changed, encoding="utf-8")
    assert positive() == 0
