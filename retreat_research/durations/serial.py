"""Fitted models as JSON text: every number comes back as it was, and nothing in a file is ever run.

A file holds the fields of the package's own classes. The formula is held as terms with the state of their transforms
(levels, knots, means), and only expressions of the functions that formulas are made of are written or read.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, must
from .families import FAMILIES, SHAPED, Family, Shaped
from .formula_json import formula_from_json, formula_to_json

FORMAT, VERSION = "retreat_research fit", 1
PACKAGES = ("durations", "records")  # whose classes a file may name
LAWS: dict[str, Family | Shaped] = {**FAMILIES, **SHAPED}
NUMBERS = "biuf"  # kinds of arrays written as plain numbers
WIDEST = 1_000_000  # bytes of an array's element: a longer text is no label
#: What the annotations of fields mean; the names of classes mean those classes.
KINDS: dict[str, Any] = {
    "Any": object, "By": (str, list, tuple), "None": type(None), "bool": bool, "str": str, "int": int,
    "float": (float, int), "np.ndarray": np.ndarray,
}  # fmt: skip


class Writable:
    """A result that can be written as JSON text."""

    def to_json(self, path: str | Path | None = None) -> str:
        """The fit as JSON text, written to `path` if there is one; ``rr.fit_from_json`` reads it back.

        All numbers come back as they were, and so do all predictions. Intervals and patients' labels are part of the
        fit: treat the text like the records.

        Raises
        ------
        InputError
            If the formula holds more than columns, arithmetic and the usual functions, labels are neither text nor
            numbers, or `path` cannot be written to.
        """
        must(path is None or isinstance(path, str | Path), f"`path` must be a path, not {type(path).__name__}")
        content, ours = encoded(self), import_module("retreat_research").__version__
        body = {"format": FORMAT, "version": VERSION, "written_by": ours, "sha256": _hash(content), "fit": content}
        text = json.dumps(body, allow_nan=False, ensure_ascii=False)
        if path is not None:
            try:
                Path(path).write_text(text, encoding="utf-8")
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or error
                raise InputError(f"the fit cannot be written to `path`: {why}") from None
        return text


def fit_from_json(source: str | Path) -> Any:
    """Read a fit that ``fit.to_json`` wrote.

    Parameters
    ----------
    source : str or pathlib.Path
        The text, or a path to it.

    Returns
    -------
    The fit, of the class that it had: its estimates and predictions are the same to the last digit.

    Raises
    ------
    InputError
        If the text is not such a fit, is damaged, or was written by a later version.

    Notes
    -----
    The text holds the intervals and the labels of the patients: treat it like the records that it came from. Reading it
    runs no code, wherever it came from. Another version of formulaic may code factors differently; the columns' names
    are checked at each prediction. An endpoint of a class outside this package comes back as its text.

    Examples
    --------
    >>> from retreat_research import AFT, Cycles
    >>> fit = AFT().fit(Cycles([8, 12, 4, 12, 10], [12, float("inf"), 8, 16, 12]))
    >>> fit_from_json(fit.to_json()).llf == fit.llf
    True
    """
    must(isinstance(source, str | Path), f"`source` must be a text or a path, not {type(source).__name__}")
    given = isinstance(source, str) and source.lstrip("\ufeff \t\r\n").startswith("{")
    text = str(source).lstrip("\ufeff") if given else _read(Path(source))
    try:
        return _fit_of(text)
    except RecursionError:
        raise InputError("the text is not a fit that `to_json` wrote: its parts lie too deep in each other") from None


def _fit_of(text: str) -> Any:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise InputError(f"the text is not JSON: {error}") from None
    must(isinstance(body, dict) and body.get("format") == FORMAT, "the text is not a fit that `to_json` wrote")
    must(
        body.get("version") == VERSION,
        f"the fit is in version {body.get('version')!r} of the format, and this package reads version {VERSION}",
        f"it was written by retreat_research {body.get('written_by')}",
    )
    must(
        "fit" in body and body.get("sha256") == _hash(body["fit"]),
        "the fit is damaged: its content does not agree with its checksum",
        "write it again from the fit",
    )
    try:
        return decoded(body["fit"])
    except InputError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ImportError, SyntaxError, ArithmeticError) as error:
        raise InputError(f"the fit cannot be read: {type(error).__name__}: {error}") from None


def _read(path: Path) -> str:
    try:
        found = path.is_file()
    except (OSError, ValueError):  # too long for a name, or with a character that none can have
        found = False
    name = path.name if len(path.name) <= 80 else "of that name"
    must(found, f"there is no file {name}", "give the text that `to_json` wrote, or a path to it")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name} is not text") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}") from None


def _hash(content: Any) -> str:
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def encoded(value: Any) -> Any:
    """`value` in what JSON has: numbers, text, lists and objects with one tag that says what they were."""
    from formulaic import ModelSpec

    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.generic):
        return encoded(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else {"float": str(value)}
    if isinstance(value, list):
        return [encoded(part) for part in value]
    if isinstance(value, np.ndarray):
        return _encoded_array(value)
    if isinstance(value, ModelSpec):
        return {"formula": formula_to_json(value, encoded)}
    if isinstance(value, Family | Shaped):
        must(
            LAWS.get(value.name) == value,
            f"the family {value.name!r} is not one of the package's and cannot be written",
        )
        return {"family": value.name}
    if isinstance(value, dict):
        return {"dict": [[encoded(key), encoded(part)] for key, part in value.items()]}
    if _is_ours(type(value)):
        fields = getattr(value, "_fields", None) or [f.name for f in dataclasses.fields(value) if f.init]
        parts = {name: encoded(_plain_endpoint(name, getattr(value, name))) for name in fields}
        return {"class": f"{_module(type(value))}:{type(value).__name__}", "fields": parts}
    if isinstance(value, tuple):
        return {"tuple": [encoded(part) for part in value]}
    raise InputError(
        f"a {type(value).__name__} cannot be written as JSON; make levels and patients' labels text or numbers"
    )


def decoded(value: Any) -> Any:
    """The inverse of `encoded`."""
    if isinstance(value, list):
        return [decoded(part) for part in value]
    if not isinstance(value, dict):
        return value
    if "class" in value:
        fields = {name: decoded(part) for name, part in value["fields"].items()}
        return _made(_class_named(value["class"]), fields)
    if "array" in value:
        return _decoded_array(value)
    ((tag, content),) = value.items()
    if tag == "float":
        return float(content)
    if tag == "tuple":
        return tuple(decoded(part) for part in content)
    if tag == "dict":
        return {decoded(key): decoded(part) for key, part in content}
    if tag == "family":
        must(content in LAWS, f"the fit needs the family {content!r}, which this version does not have")
        return LAWS[content]
    if tag == "formula":
        return formula_from_json(content, decoded)
    raise InputError(f"the fit has an unknown part {tag!r}: it is written by a later version, or damaged")


def _made(cls: type, fields: dict[str, Any]) -> Any:
    """An object of `cls`, if each of the `fields` is of the kind that it is annotated with."""
    own = {f.name: f.type for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else cls.__annotations__
    for name, value in fields.items():
        must(name in own, f"the fit cannot be read: {cls.__name__} has no `{name}`")
        kind = str(getattr(own[name], "__forward_arg__", own[name]))
        known = _is_a(value, ast.parse(kind, mode="eval").body, labels=name == "labels")
        must(known, f"the fit cannot be read: `{name}` of {cls.__name__} is not {kind}")
    return cls(**fields)


def _is_a(value: Any, kind: ast.expr, labels: bool = False) -> bool:
    """Whether `value` is of an annotated `kind`; arrays that do not hold `labels` hold numbers."""
    if isinstance(kind, ast.BinOp):
        return _is_a(value, kind.left, labels) or _is_a(value, kind.right, labels)
    if isinstance(kind, ast.Subscript):
        if ast.unparse(kind.value) != "tuple":
            return True
        parts = kind.slice.elts if isinstance(kind.slice, ast.Tuple) else [kind.slice]
        if ast.unparse(parts[-1]) == "...":
            return isinstance(value, tuple) and all(_is_a(part, parts[0]) for part in value)
        fits = isinstance(value, tuple) and len(value) == len(parts)
        return fits and all(_is_a(part, own) for part, own in zip(value, parts, strict=True))
    name = ast.unparse(kind)
    if name not in KINDS:
        return name in [cls.__name__ for cls in type(value).__mro__]
    if isinstance(value, np.ndarray) and name == "np.ndarray":
        return labels or value.dtype.kind in NUMBERS
    return isinstance(value, KINDS[name]) and not (isinstance(value, bool) and name in ("int", "float"))


def _encoded_array(array: np.ndarray) -> dict[str, Any]:
    must(
        array.dtype.kind in NUMBERS + "OU",
        f"an array of {array.dtype} cannot be written as JSON; make patients' labels text or numbers",
    )
    values = array.ravel().tolist()
    if array.dtype.kind == "f":
        values = [number if np.isfinite(number) else str(number) for number in values]
    elif array.dtype.kind == "O":
        values = [encoded(part) for part in values]
    return {"array": values, "dtype": array.dtype.str, "shape": list(array.shape)}


def _decoded_array(value: dict[str, Any]) -> np.ndarray:
    dtype, values = np.dtype(value["dtype"]), value["array"]
    must(dtype.kind in NUMBERS + "OU" and dtype.itemsize <= WIDEST, f"the fit has an array of {dtype}")
    if dtype.kind == "O":
        array = np.empty(len(values), dtype=object)
        array[:] = [decoded(part) for part in values]
    else:
        array = np.array([float(number) for number in values] if dtype.kind == "f" else values, dtype=dtype)
    array = array.reshape(value["shape"])
    array.setflags(write=False)
    return array


def _plain_endpoint(name: str, value: Any) -> Any:
    """A user's own endpoint becomes what it says of itself."""
    known = value is None or isinstance(value, str) or _is_ours(type(value))
    return str(value) if name == "endpoint" and not known else value


def _module(cls: type) -> str:
    return cls.__module__.removeprefix("retreat_research.")


def _is_ours(cls: type) -> bool:
    """A dataclass or NamedTuple of the packages whose classes a file may name."""
    holds_fields = dataclasses.is_dataclass(cls) or (issubclass(cls, tuple) and hasattr(cls, "_fields"))
    return holds_fields and cls.__module__.startswith("retreat_research.") and _module(cls).split(".")[0] in PACKAGES


def _class_named(text: str) -> type:
    module, _, name = text.partition(":")
    must(re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", module) is not None, f"the fit names a class {text!r} that cannot be")
    cls = None
    if module.split(".")[0] in PACKAGES:
        try:
            cls = getattr(import_module(f"retreat_research.{module}"), name, None)
        except ImportError:
            cls = None
    must(
        isinstance(cls, type) and _is_ours(cls) and _module(cls) == module,
        f"the fit needs {text!r}, which this version of retreat_research does not have",
    )
    assert isinstance(cls, type)
    return cls
