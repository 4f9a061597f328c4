"""A formula as it was used in a fit, in what JSON has. What a formula may say is checked before it can be run."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

from ..errors import InputError, must

#: Of numpy, in formulas; the other functions are those that formulaic knows.
NUMPY = frozenset(
    ("abs", "cbrt", "ceil", "clip", "cos", "cosh", "exp", "exp2", "expm1", "floor", "hypot", "log", "log10", "log1p",
     "log2", "maximum", "minimum", "power", "round", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh", "where")
)  # fmt: skip
BARRED = ("np", "contr", "hashed")  # modules, and the one function that calls what it is given
LARGEST_POWER = 10
LARGEST_NUMBER = 2**31  # so that no arithmetic of a formula's own numbers takes long
NODES = (
    ast.Expression, ast.Call, ast.keyword, ast.Name, ast.Attribute, ast.Constant, ast.Load, ast.List, ast.Tuple,
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip

Coder = Callable[[Any], Any]


def formula_to_json(spec: Any, encoded: Coder) -> dict[str, Any]:
    """Terms, the columns that they make, and the state of transforms and codings."""
    return {
        "terms": [
            {
                "factors": [_factor_to_json(factor) for factor in part.term.factors],
                "scoped": [
                    {"factors": [[f.factor.expr, f.reduced] for f in scoped.factors], "scale": encoded(scoped.scale)}
                    for scoped in part.scoped_terms
                ],
                "columns": list(part.columns),
            }
            for part in spec.structure
        ],
        "transforms": encoded(spec.transform_state),
        "codings": [
            [expression, kind.value, [[key, _coding_to_json(part, encoded)] for key, part in state.items()]]
            for expression, (kind, state) in spec.encoder_state.items()
        ],
        "full_rank": spec.ensure_full_rank,
    }


def formula_from_json(content: dict[str, Any], decoded: Coder) -> Any:
    """The inverse of `formula_to_json`: a formulaic ``ModelSpec``."""
    from formulaic import ModelSpec
    from formulaic.formula import SimpleFormula
    from formulaic.materializers.types import EvaluatedFactor, ScopedFactor, ScopedTerm
    from formulaic.model_spec import EncodedTermStructure
    from formulaic.parser.types import Factor, Term

    structure = []
    for part in content["terms"]:
        factors = {factor["expr"]: _factor_from_json(factor) for factor in part["factors"]}
        scoped = [
            ScopedTerm(
                [ScopedFactor(EvaluatedFactor(factors[name], None), bool(reduced)) for name, reduced in one["factors"]],
                scale=decoded(one["scale"]),
            )
            for one in part["scoped"]
        ]
        structure.append(EncodedTermStructure(Term(factors.values()), scoped, list(part["columns"])))
    return ModelSpec(
        formula=SimpleFormula([part.term for part in structure], _ordering="none"),
        materializer="pandas",
        materializer_params={},
        ensure_full_rank=bool(content["full_rank"]),
        na_action="ignore",
        output="pandas",
        structure=structure,
        transform_state=decoded(content["transforms"]),
        encoder_state={
            expression: (Factor.Kind(kind), {key: _coding_from_json(value, decoded) for key, value in state})
            for expression, kind, state in content["codings"]
        },
    )


def _factor_to_json(factor: Any) -> dict[str, str]:
    if factor.eval_method.value == "python":
        must_be_plain(factor.expr)
    return {"expr": factor.expr, "method": factor.eval_method.value, "kind": factor.kind.value}


def _factor_from_json(factor: dict[str, str]) -> Any:
    from formulaic.parser.types import Factor

    must(
        factor["method"] in ("literal", "lookup", "python"),
        f"the formula has an unknown kind of factor {factor['expr']!r}",
    )
    if factor["method"] == "python":
        must_be_plain(factor["expr"])
    return Factor(factor["expr"], eval_method=factor["method"], kind=factor["kind"])


def must_be_plain(expression: str) -> None:
    """Raise `InputError` unless `expression` is arithmetic and calls of the functions that formulas are made of."""
    from formulaic.transforms import TRANSFORMS

    hint = f"{expression!r} says more; make it a column of the cycles' data before fitting"
    try:
        tree = ast.parse(re.sub(r"`[^`]*`", "column", expression), mode="eval")
    except (SyntaxError, ValueError):
        raise InputError(f"the formula has a part that cannot be read: {expression!r}") from None
    for node in ast.walk(tree):
        allowed = isinstance(node, NODES)
        if isinstance(node, ast.Name):
            allowed = not node.id.startswith("_")
        elif isinstance(node, ast.Attribute):
            allowed = isinstance(node.value, ast.Name) and _is_known(node.value.id, node.attr)
        elif isinstance(node, ast.Call):
            named = isinstance(node.func, ast.Name) and node.func.id in TRANSFORMS and node.func.id not in BARRED
            allowed = named or isinstance(node.func, ast.Attribute)
            if isinstance(node.func, ast.Attribute) and node.func.attr == "power":
                allowed = len(node.args) == 2 and not node.keywords and _is_small_power(*node.args)
        elif isinstance(node, ast.BinOp):
            allowed = _is_quick(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, int):
            allowed = node.value < LARGEST_NUMBER
        must(allowed, "a file holds formulas of columns, arithmetic (powers to 10) and the usual functions alone", hint)


def _is_quick(node: ast.BinOp) -> bool:
    """Whether the size of what comes out is bounded: 9**9**9 alone would never end."""
    if isinstance(node.op, ast.Pow):
        return _is_small_power(node.left, node.right)
    repeats = isinstance(node.op, ast.Mult) and (_is_sequence(node.left) or _is_sequence(node.right))
    return not isinstance(node.op, ast.LShift) and not repeats


def _is_small_power(base: ast.expr, exponent: ast.expr) -> bool:
    """Whether the exponent is a small number, and the base holds no other power."""
    if isinstance(exponent, ast.UnaryOp) and isinstance(exponent.op, ast.USub):
        exponent = exponent.operand
    small = isinstance(exponent, ast.Constant) and isinstance(exponent.value, int | float)
    nested = any(
        isinstance(node, ast.Pow) or (isinstance(node, ast.Attribute) and node.attr == "power")
        for node in ast.walk(base)
    )
    return small and exponent.value <= LARGEST_POWER and not nested  # type: ignore[attr-defined]


def _is_sequence(node: ast.expr) -> bool:
    """Whether a number times this repeats it."""
    if isinstance(node, ast.BinOp):
        return _is_sequence(node.left) or _is_sequence(node.right)
    if isinstance(node, ast.BoolOp):
        return any(_is_sequence(part) for part in node.values)
    return isinstance(node, ast.List | ast.Tuple) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def _is_known(module: str, name: str) -> bool:
    from formulaic.transforms import ContrastsRegistry

    if module == "contr":
        return not name.startswith("_") and name in vars(ContrastsRegistry)
    return module == "np" and name in NUMPY


def _coding_to_json(value: Any, encoded: Coder) -> Any:
    """The state of a factor's coding; contrasts by the name of their class and what it holds."""
    from formulaic.transforms.contrasts import ContrastsState
    from formulaic.utils.sentinels import UNSET

    if not isinstance(value, ContrastsState):
        return encoded(value)
    held = {name: None if part is UNSET else [encoded(part)] for name, part in vars(value.contrasts).items()}
    return {"contrasts": type(value.contrasts).__name__, "held": held, "levels": encoded(list(value.levels))}


def _coding_from_json(value: Any, decoded: Coder) -> Any:
    from formulaic.transforms import contrasts
    from formulaic.utils.sentinels import UNSET

    if not (isinstance(value, dict) and "contrasts" in value):
        return decoded(value)
    cls = getattr(contrasts, value["contrasts"], None)
    known = isinstance(cls, type) and issubclass(cls, contrasts.Contrasts)
    must(known, f"the formula has contrasts {value['contrasts']!r}, which this version of formulaic does not have")
    assert cls is not None
    coding = cls.__new__(cls)
    vars(coding).update({name: UNSET if part is None else decoded(part[0]) for name, part in value["held"].items()})
    return contrasts.ContrastsState(coding, decoded(value["levels"]))
