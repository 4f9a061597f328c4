"""Text that tells a value, and the code it brings along, from every other; the same in every process."""

from __future__ import annotations

import copyreg
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import is_dataclass
from enum import Enum
from functools import cached_property
from hashlib import sha256
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    GenericAlias,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)  # fmt: skip
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from ..errors import InputError
from ..strategies import Strategy
from .known import (
    PACKAGE,
    all_names,
    content_of,
    global_names,
    imported_by,
    is_generated,
    is_held_by_attributes,
    is_installed,
    name_of,
    public_names,
)  # fmt: skip

#: Entries of a class that say nothing of what it does, or that differ from process to process.
_NO_MATTER = frozenset({
    "__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__annotations__", "__annotate__",
    "__annotate_func__", "__annotations_cache__", "__conditional_annotations__", "__firstlineno__",
    "__static_attributes__", "__abstractmethods__", "_abc_impl", "__dataclass_fields__", "__dataclass_params__",
    "__match_args__", "__orig_bases__", "__parameters__", "__slotnames__",
})  # fmt: skip
_MADE_BY_DATACLASS = frozenset({
    "__init__", "__repr__", "__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__setattr__", "__delattr__",
    "__getstate__", "__setstate__", "__replace__",
})  # fmt: skip
_RANDOM = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented), range)
_IN_BYTES = "?bBhHiIlLqQnNpPefdFDmMSU"  # characters of types whose bytes are the value: no padding, no pointers
_IN_C = (
    MethodDescriptorType, ClassMethodDescriptorType, WrapperDescriptorType, GetSetDescriptorType, MemberDescriptorType,
)  # fmt: skip
_CHANGES = "changes when it is used"


def told(value: Any) -> str:
    """Text that differs when the value, or code that it brings along, differs.

    Of a user's classes everything is told: functions with what they close over, their defaults and the global
    names and modules they use, and so on to the end; of the standard library and of installed packages the name and
    the version.

    Raises
    ------
    InputError
        If something cannot be told from others of its kind, such as a random generator or an open file.
    """
    own = isinstance(value, Strategy)
    home = {kind.__module__.partition(".")[0] for kind in type(value).__mro__ if own and issubclass(kind, Strategy)}
    return _Teller(frozenset(home), {}, []).tell(value)


class _Teller:
    """Tells values, depth first.

    Parameters
    ----------
    home : frozenset of str
        Top-level packages that are told in full even if they are installed.
    path : dict of int to int
        What is being told now, by identity, and how deep.
    trail : list of str
        Where it is found, for an error.
    """

    def __init__(self, home: frozenset[str], path: dict[int, int], trail: list[str]):
        self.home, self.path, self.trail = home, path, trail
        self.code: dict[int, tuple[Any, str]] = {}  # finished code; held, so that an identity stays its own

    def tell(self, value: Any, names: frozenset[str] = frozenset()) -> str:
        """`value` and everything in it, an ancestor by its depth; `names` are those that a module is asked for."""
        if type(value) in _PLAIN:
            return repr(value)
        if id(value) in self.path:
            return f"^{self.path[id(value)]}"
        if id(value) in self.code:
            return self.code[id(value)][1]
        self.path[id(value)] = len(self.path)
        try:
            text = self._module(value, names) if isinstance(value, ModuleType) else self._told(value)
        finally:
            del self.path[id(value)]
        if isinstance(value, type | FunctionType):
            text = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            self.code[id(value)] = value, text
        return text

    def _told(self, value: Any) -> str:
        if type(value) in _CONTAINERS:
            return _CONTAINERS[type(value)](self, value)
        for kinds, tell in _KINDS:
            if isinstance(value, kinds):
                return tell(self, value)
        for inside in ("py_func", "__wrapped__"):  # numba, functools.lru_cache
            if callable(value) and isinstance(getattr(value, inside, None), FunctionType):
                options = getattr(value, "targetoptions", None)
                return f"{type(value).__qualname__} {self.tell([getattr(value, inside), options])}"
        return self._object(value)

    # --- code ---------------------------------------------------------------------------------------------------------

    def _function(self, value: FunctionType) -> str:
        module = value.__globals__.get("__name__", "")  # `__module__` may be another's, by functools.wraps
        held = [content_of(cell) for cell in value.__closure__ or ()]
        with self._at(value.__name__):
            if self._is_known(module):
                return f"function {name_of(module, value.__qualname__)} {self.tell(held)}"
            names = all_names(value.__code__)
            known = value.__globals__
            used = {name: known[name] for name in sorted(global_names(value.__code__)) if name in known}
            modules = {module.__name__: module for module in imported_by(value)}
            brought = [value.__defaults__, value.__kwdefaults__, held, vars(value)]
            return f"function {self.tell([value.__code__, *brought])} {self._named(used | modules, names)}"

    def _code(self, value: CodeType) -> str:
        parts = [
            value.co_code, value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars, value.co_flags,
            value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount, value.co_exceptiontable,
        ]  # fmt: skip
        return f"{value.co_name} {parts} {self.tell(value.co_consts)}"

    def _module(self, value: ModuleType, names: frozenset[str]) -> str:
        """A module by its name, one's own also by what code that knows `names` can reach in it."""
        if value.__name__ == PACKAGE.name:
            return f"module {public_names(value, names)}"
        if self._is_known(value.__name__):
            return f"module {name_of(value.__name__, '')}"
        reached = {name: held for name, held in sorted(vars(value).items()) if name in names}
        return f"module {value.__name__} {self._named(reached, names)}"

    def _class(self, value: type) -> str:
        if self._is_known(value.__module__):
            return f"class {name_of(value.__module__, value.__qualname__)}"
        with self._at(value.__qualname__):
            entries = {
                name: held
                for name, held in sorted(vars(value).items())
                if name not in _NO_MATTER
                and not isinstance(held, MemberDescriptorType | GetSetDescriptorType)
                and not (is_dataclass(value) and name in _MADE_BY_DATACLASS and is_generated(held))
            }
            bases = self.tell([type(value), *value.__bases__])
            return f"class {value.__module__}.{value.__qualname__} {bases} {self._named(entries)}"

    def _built_in(self, value: Any) -> str:
        owner = value.__self__
        of = "" if owner is None or isinstance(owner, ModuleType) else self.tell(owner)
        return f"built-in {value.__module__}.{value.__qualname__} {of}"

    def _ufunc(self, value: np.ufunc) -> str:
        import scipy.special

        for module in (np, scipy.special):
            if getattr(module, value.__name__, None) is value:
                return f"ufunc {value.__name__}"
        self._refuse(value, "hides the function in it")

    # --- data ---------------------------------------------------------------------------------------------------------

    def _array(self, value: np.ndarray[Any, Any]) -> str:
        start = f"array {self._kind_and_own(value)} {value.dtype!r} {value.shape}"
        if isinstance(value, np.ma.MaskedArray):
            return f"{start} {self.tell([np.asarray(value.data), np.ma.getmaskarray(value), value.fill_value])}"
        plain = np.asarray(value)
        if plain.dtype.names:
            return f"{start} {self.tell([plain[name] for name in plain.dtype.names])}"
        if plain.dtype.char in _IN_BYTES:
            return f"{start} {sha256(np.ascontiguousarray(plain).tobytes()).hexdigest()}"
        return f"{start} {self.tell(plain.ravel().tolist())}"

    def _table(self, value: pd.DataFrame) -> str:
        columns = [self._column(value.iloc[:, place]) for place in range(value.shape[1])]
        return f"table {self.tell([type(value), value.columns, value.index, value.attrs])} {columns}"

    def _series(self, value: pd.Series[Any]) -> str:
        return f"series {self.tell([type(value), value.name, value.index, value.attrs])} {self._column(value)}"

    def _index(self, value: pd.Index[Any]) -> str:
        if isinstance(value, pd.MultiIndex):
            rows = [value.get_level_values(place) for place in range(value.nlevels)]
            return f"index {self.tell([list(value.names), rows])}"
        return f"index {type(value).__qualname__} {self.tell(value.name)} {self._column(value)}"

    def _column(self, value: pd.Series[Any] | pd.Index[Any]) -> str:
        if isinstance(value.dtype, pd.CategoricalDtype):
            return f"{value.dtype.ordered} {self.tell([value.array.codes, value.dtype.categories])}"
        if isinstance(value.dtype, np.dtype):
            return self.tell(np.asarray(value))
        return self.tell([value.dtype, *value])

    def _mapping(self, value: Mapping[Any, Any]) -> str:
        """In its order: code that goes through it may stop at the first that fits."""
        pairs = (f"{self.tell(key)}: {self.tell(held)}" for key, held in value.items())
        return f"{type(value).__name__}{{{', '.join(pairs)}}}"

    def _sequence(self, value: Any) -> str:
        return f"{type(value).__name__}[{', '.join(repr(v) if type(v) in _PLAIN else self.tell(v) for v in value)}]"

    def _set(self, value: Any) -> str:
        """Each by itself: sets come in another order in every process."""
        each = sorted(_Teller(self.home, dict(self.path), self.trail).tell(held) for held in value)
        return f"{type(value).__name__}({', '.join(each)})"

    def _random(self, value: Any) -> str:
        if value is np.random.mtrand._rand:  # NumPy's own, which every distribution of scipy has
            return "numpy.random"
        self._refuse(value, _CHANGES)

    def _object(self, value: Any) -> str:
        known = self._is_known(type(value).__module__)
        if known and isinstance(value, Iterator):
            self._refuse(value, _CHANGES)
        own = self._kind_and_own(value)
        if not known:
            return f"object {own} {self._inherited(value)}"
        if is_held_by_attributes(value):
            return f"object {own}"
        try:
            way = copyreg.dispatch_table.get(type(value))
            reduced = way(value) if way else value.__reduce_ex__(4)
        except Exception:
            self._refuse(value, "does not say what is in it")
        if isinstance(reduced, str):
            return f"object {self.tell(type(value))} {getattr(value, '__module__', '')} {reduced}"
        return f"object {self.tell([list(part) if isinstance(part, Iterator) else part for part in reduced])}"

    def _inherited(self, value: Any) -> str:
        """What an object of a user's class holds because it is also a list, a number or the like."""
        for kind, plain in _INHERITED.items():
            if isinstance(value, kind):
                return self.tell(plain(value))
        return ""

    def _kind_and_own(self, value: Any) -> str:
        """The type, and what `__dict__` and `__slots__` hold, without cached properties."""
        kind = type(value)
        held = dict(getattr(value, "__dict__", {}))
        for base in kind.__mro__:
            for name, slot in vars(base).items():
                if isinstance(slot, MemberDescriptorType):
                    with suppress(AttributeError):
                        held[name] = slot.__get__(value)
        cached = {
            name for base in kind.__mro__ for name, held in vars(base).items() if isinstance(held, cached_property)
        }
        with self._at(kind.__qualname__):
            return f"{self.tell(kind)} {self._named({name: held[name] for name in sorted(held) if name not in cached})}"

    def _named(self, values: Mapping[str, Any], names: frozenset[str] = frozenset()) -> str:
        found = []
        for name, value in values.items():
            with self._at(name):
                found.append(f"{name}: {self.tell(value, names)}")
        return f"<{', '.join(found)}>"

    # --- names --------------------------------------------------------------------------------------------------------

    def _is_known(self, module: Any) -> bool:
        """Of the standard library, of an installed package or of this one: name and version are enough."""
        if not isinstance(module, str):  # C says something else there
            return True
        top = module.partition(".")[0]
        return top == PACKAGE.name or (top not in self.home and is_installed(module))

    @contextmanager
    def _at(self, name: str) -> Iterator[None]:
        self.trail.append(name)
        try:
            yield
        finally:
            self.trail.pop()

    def _refuse(self, value: Any, why: str) -> NoReturn:
        raise InputError(
            f"{' → '.join(self.trail) or 'it'} has a {type(value).__name__}, which {why}, so it cannot be told from "
            "others; simulate without `store`, or keep numbers, texts, arrays, tables and functions instead"
        )


_CONTAINERS: dict[type, Callable[[_Teller, Any], str]] = {
    dict: _Teller._mapping,
    MappingProxyType: _Teller._mapping,
    list: _Teller._sequence,
    tuple: _Teller._sequence,
    set: _Teller._set,
    frozenset: _Teller._set,
}
_KINDS: tuple[tuple[Any, Callable[[_Teller, Any], str]], ...] = (
    (_RANDOM, _Teller._random),
    (np.ndarray, _Teller._array),
    (np.void, lambda teller, value: teller.tell(np.asarray(value))),
    (np.generic, lambda _, value: f"{value.dtype!r} {value!r}"),
    (pd.DataFrame, _Teller._table),
    (pd.Series, _Teller._series),
    (pd.Index, _Teller._index),
    (Enum, lambda teller, value: f"{teller.tell(type(value))} {value.name} {teller.tell(value.value)}"),
    (type, _Teller._class),
    (FunctionType, _Teller._function),
    (CodeType, _Teller._code),
    (MethodType, lambda teller, value: f"method {teller.tell([value.__func__, value.__self__])}"),
    (BuiltinFunctionType, _Teller._built_in),
    (MethodWrapperType, lambda teller, value: f"method {value.__name__} {teller.tell(value.__self__)}"),
    (_IN_C, lambda teller, value: f"method {value.__name__} {teller.tell(value.__objclass__)}"),
    (GenericAlias, lambda teller, value: f"alias {teller.tell([value.__origin__, value.__args__])}"),
    (property, lambda teller, value: f"property {teller.tell([value.fget, value.fset, value.fdel])}"),
    ((staticmethod, classmethod), lambda teller, value: f"{type(value).__name__} {teller.tell(value.__func__)}"),
    (cached_property, lambda teller, value: f"cached {teller.tell(value.func)}"),
    (np.ufunc, _Teller._ufunc),
    (PurePath, lambda _, value: f"{type(value).__name__} {str(value)!r}"),
)
_INHERITED: dict[type, Callable[[Any], Any]] = {
    dict: dict,
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    deque: list,
    str: str.__str__,
    bytes: bytes,
    bytearray: bytes,
    int: int.__int__,
    float: float.__float__,
}
