"""`import retreat_research` is fast because it loads nothing heavy; every public name is reached when asked for."""

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import retreat_research as rr

HEAVY = ["pandas", "scipy", "statsmodels", "lifelines", "seaborn", "matplotlib", "pandera", "numpy"]


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, retreat_research; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", rr.__all__)
def test_public_name_resolves(name):
    assert not isinstance(getattr(rr, name), ModuleType)


def test_a_submodule_does_not_take_the_place_of_the_name_it_holds():
    code = "import retreat_research.products, retreat_research as rr; print(callable(rr.products))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_dir_lists_the_public_names_before_they_are_loaded():
    code = "import retreat_research as rr; print(sorted(set(rr.__all__) - set(dir(rr))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_dir_lists_nothing_that_is_imported_for_own_use():
    shown = {name for name in dir(rr) if not name.startswith("__")}
    assert shown == {*rr._PUBLIC, "studies"}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonesuch'"):
        rr.nonesuch  # noqa: B018


def test_type_checkers_see_the_same_names_from_the_same_modules():
    tree = ast.parse(Path(rr.__file__).read_text(encoding="utf-8"))
    (block,) = [n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    seen = {alias.asname: statement.module for statement in block.body for alias in statement.names}
    assert seen == rr._PUBLIC
