"""A module imports from the lines below its own only; names on one line do not import each other (DESIGN §3)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import retreat_research

PACKAGE = "retreat_research"
FOLDER = Path(__file__).parents[2] / PACKAGE
LINES = [
    ["cli"],
    ["report"],
    ["plots"],
    ["studies"],
    ["planning", "monitoring", "emulation"],
    ["synthetic", "calibration"],
    ["comparison"],
    ["simulation"],
    ["strategies"],
    ["cohort", "exposure", "response_curve"],
    ["world"],
    ["records", "durations", "response", "immunity"],
    ["cycles", "products", "evidence", "streams"],
    ["errors", "compiled"],
]
MODULES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.py"))
EXEMPT = {"__init__.py", "__main__.py"}  # the package itself shows all names
DEPTH = {name: depth for depth, line in enumerate(LINES) for name in line}


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node, those inside functions too, but not the body of `if TYPE_CHECKING`."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test).split(".")[-1] == "TYPE_CHECKING":
            for node in child.orelse:
                yield from statements(node)
        else:
            yield from statements(child)


def imported(node: ast.AST, package: list[str]) -> list[str]:
    """Dotted names that one statement imports, in a module that lies in `package`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = package[: len(package) - node.level + 1] if node.level else []
    source = ".".join([*base, *filter(None, [node.module])])
    if source != PACKAGE:
        return [source]
    # From the package itself comes a submodule, a public name (which lives in one) or the version (which is nobody's).
    return [f"{PACKAGE}.{retreat_research._PUBLIC.get(a.name, a.name)}" for a in node.names if a.name != "__version__"]


def violations(code: str, path: str) -> list[str]:
    """What the module at `path` (relative to the package) imports against the order."""
    parts = Path(path).with_suffix("").parts
    own = parts[0]
    if own not in DEPTH:
        return [f"{path}: `{own}` stands on no line of DESIGN §3"]
    found = []
    for node in statements(ast.parse(code)):
        for name in imported(node, [PACKAGE, *parts[:-1]]):
            root, _, rest = name.partition(".")
            other = rest.split(".")[0]
            if root != PACKAGE or other == own:
                continue
            if DEPTH.get(other, -1) <= DEPTH[own]:
                found.append(f"{path}, line {node.lineno}: `{own}` may not import `{other or PACKAGE}`")
    return found


@pytest.mark.parametrize("path", [path for path in MODULES if path not in EXEMPT])
def test_imports_point_downwards(path):
    assert violations((FOLDER / path).read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    ("path", "code", "other"),
    [
        ("cycles.py", "from .records import read_records", "records"),
        ("cycles.py", "from . import records", "records"),
        ("cycles.py", "from .products import products", "products"),  # the same line
        ("durations/aft.py", "from ..records.read import read_records", "records"),
        ("durations/aft.py", "from .. import comparison", "comparison"),
        ("durations/__init__.py", "from ..plots import curve", "plots"),
        ("durations/aft.py", "import retreat_research.plots.curve", "plots"),
        ("durations/aft.py", "from retreat_research import compare", "comparison"),  # a public name
        ("durations/aft.py", "import numpy, retreat_research", "retreat_research"),
        ("errors.py", "def f():\n    from .cycles import Cycles", "cycles"),
        ("errors.py", "class A:\n    def f(self):\n        if self:\n            from .cycles import Cycles", "cycles"),
        ("errors.py", "if TYPE_CHECKING:\n    pass\nelse:\n    from .cycles import Cycles", "cycles"),
    ],
)
def test_a_planted_violation_is_found(path, code, other):
    (message,) = violations(code, path)
    assert message.startswith(path)
    assert message.endswith(f"may not import `{other}`")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("records/read.py", "from .tables import check\nfrom ..errors import must\nfrom ..cycles import Cycles"),
        ("records/__init__.py", "from .read import read_records\nfrom . import tables"),
        ("cli.py", "from . import records, __version__\nfrom .report import write_report\nimport sys"),
        ("durations/aft.py", "from retreat_research import Cycles\nfrom retreat_research.errors import must"),
        ("cycles.py", "import typing\nif typing.TYPE_CHECKING:\n    from .records import Records"),
    ],
)
def test_imports_from_below_pass(path, code):
    assert violations(code, path) == []


def test_a_module_on_no_line_is_found():
    assert violations("", "utils/helpers.py") == ["utils/helpers.py: `utils` stands on no line of DESIGN §3"]
