"""What is known by its name, and what code reaches: helpers of `telling`."""

from __future__ import annotations

import dis
import os
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

PACKAGE = Path(__file__).resolve().parent.parent
#: Everything that a simulation runs through.
SOURCES = (
    "cohort.py", "immunity.py", "products.py", "response.py", "streams.py", "evidence", "simulation", "strategies",
    "world",
)  # fmt: skip
_STANDARD = tuple(os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib"))


@cache
def source_digest(names: tuple[str, ...] = SOURCES) -> str:
    """A hash of modules and folders of this package, as they were when first asked for: by default all that a
    simulation runs through."""
    found = sha256()
    for name in names:
        top = PACKAGE / name
        for path in sorted(top.rglob("*.py")) if top.is_dir() else [top]:
            found.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def is_installed(name: str) -> bool:
    """Whether a module is of the standard library or of an installed package."""
    if name == "__main__":  # whatever started it, such as a notebook's kernel
        return False
    module = sys.modules.get(name) or sys.modules.get(name.partition(".")[0])
    file = getattr(module, "__file__", None)
    if file is None:  # built in, or typed in
        return name.partition(".")[0] in sys.stdlib_module_names
    real = os.path.realpath(file)
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(real).parts) or real.startswith(_STANDARD)


def name_of(module: Any, name: str) -> str:
    """A name that differs when the code behind it does: with the version, or the digest of this package."""
    top, _, rest = str(module).partition(".")
    if top != PACKAGE.name:
        return f"{module}.{name} {getattr(sys.modules.get(top), '__version__', '')}"
    inside = rest.partition(".")[0]
    simulated = inside in SOURCES or f"{inside}.py" in SOURCES  # `scenario_of` has it
    return f"{module}.{name} {'' if simulated else source_digest(('.',))}"


def public_names(package: ModuleType, names: frozenset[str]) -> list[str]:
    """What code that knows `names` can reach of this package, each as `name_of` has it."""
    public = vars(package)["_PUBLIC"]
    reached = [name for name in names if name in public or isinstance(vars(package).get(name), ModuleType)]
    return [name_of(f"{package.__name__}.{public.get(name, name)}", name) for name in sorted(reached)]


def global_names(code: CodeType) -> set[str]:
    """Global names that code uses, functions inside it included; attributes of the same names are not."""
    return {
        step.argval
        for part in parts_of(code)
        for step in dis.get_instructions(part)
        if step.opname.startswith("LOAD_") and ("GLOBAL" in step.opname or step.opname.endswith("NAME"))
    }


def all_names(code: CodeType) -> frozenset[str]:
    """Global names and names of attributes that code uses."""
    return frozenset(name for part in parts_of(code) for name in part.co_names)


def parts_of(code: CodeType) -> Iterator[CodeType]:
    """Code, and that of functions inside it."""
    yield code
    for held in code.co_consts:
        if isinstance(held, CodeType):
            yield from parts_of(held)


def imported_by(function: FunctionType) -> list[ModuleType]:
    """Modules that a function imports when it runs."""
    found = []
    package = function.__globals__.get("__package__") or ""
    for part in parts_of(function.__code__):
        steps = list(dis.get_instructions(part))
        for place, step in enumerate(steps):
            if step.opname != "IMPORT_NAME":
                continue
            level = next((s.argval for s in reversed(steps[max(place - 4, 0) : place]) if type(s.argval) is int), 0)
            try:
                module = import_module(resolve_name("." * level + step.argval, package))
            except ImportError:  # it will fail there too, or be caught
                continue
            found.append(module)
    return found


def content_of(cell: Any) -> Any:
    """What a function closes over; empty before it is set."""
    try:
        return cell.cell_contents
    except ValueError:
        return "empty"


def is_generated(value: Any) -> bool:
    """A function that `dataclass` wrote."""
    return not isinstance(value, FunctionType) or value.__code__.co_filename == "<string>"


def is_held_by_attributes(value: Any) -> bool:
    """An object without a way of its own to be copied and pickled: its attributes are all there is."""
    kind = type(value)
    return (
        hasattr(value, "__dict__")
        and kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__reduce__ is object.__reduce__
        and getattr(kind, "__getstate__", None) is getattr(object, "__getstate__", None)
    )
