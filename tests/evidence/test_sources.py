"""Every number of the model names a row, a paper, or says that it is assumed; and what it names exists.

A source is a text of parts with a semicolon between them. A part may name rows (`durations.csv D071`), papers
(`doi:10.…`, `PMID …`, `PMC…`) or say "assumed" or "by definition". A DOI in the part of a row must be that row's.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import retreat_research as rr
from retreat_research.evidence import KEYS, TABLES, parameters
from retreat_research.immunity import Immunity
from retreat_research.products import PRODUCTS
from retreat_research.response import Response
from retreat_research.world import Behaviour, Observation
from retreat_research.world.medians import MEDIANS

PACKAGE = Path(rr.__file__).parent
ROW = re.compile(rf"\b({'|'.join(TABLES)})\.csv\s+")
DOI = re.compile(r"doi:\s*(\S+?)(?=[;,)]*(?:\s|$))")
PAPER = re.compile(r"\bdoi:\s*10\.\d{4,9}/\S+|\bPMID \d{6,8}\b|\bPMC\d{6,8}\b")
OWN_WORD = re.compile(r"\bassumed\b|\bby definition\b", re.IGNORECASE)


def rows_of(name: str) -> dict[str, str]:
    """Key → DOI or PMID of each row."""
    table = rr.evidence(name)
    keys = table[list(KEYS[name])].astype(str).agg("/".join, axis=1)
    papers = table["doi_or_pmid"] if "doi_or_pmid" in table else table["source"]
    return dict(zip(keys, papers.fillna("").astype(str), strict=True))


ROWS = {name: rows_of(name) for name in TABLES}


def cited(part: str) -> list[tuple[str, str | None]]:
    """(table, key) of every row that a part names; None for a key that is in no row."""
    found = []
    for match in ROW.finditer(part):
        rest = part[match.end() :]
        fitting = [key for key in ROWS[match[1]] if rest.startswith(key) and not re.match(r"\w", rest[len(key) :])]
        found.append((match[1], max(fitting, key=len, default=None)))
    return found


def problems(source: str) -> list[str]:
    """What is wrong with a source; nothing if all it names exists and it names something."""
    found, named = [], bool(OWN_WORD.search(source) or PAPER.search(source))
    for part in source.split(";"):
        rows = cited(part)
        found += [f"no such row in {table}.csv: {part.strip()}" for table, key in rows if key is None]
        found += [f"no table of that name: {part.strip()}"] * (part.count(".csv") > len(rows))
        named |= any(key is not None for _, key in rows)
        for doi in DOI.findall(part):
            if not re.fullmatch(r"10\.\d{4,9}/\S+", doi):
                found.append(f"not a DOI: {doi}")
            elif rows and not any(key and doi.lower() in ROWS[table][key].lower() for table, key in rows):
                found.append(f"{doi} is not the paper of that row: {part.strip()}")
    return found if named or found else [f"names no row, no paper, and is not assumed: {source!r}"]


def prior_problems(source: str) -> list[str]:
    """A prior is sourced by a part of its own, or with the value if that is assumed."""
    own = [part.strip() for part in source.split(";") if part.strip().startswith("prior")]
    return (
        [] if source.startswith("assumed") or any(not problems(part) for part in own) else ["the prior has no source"]
    )


SPECS = (Response(median_weeks={"onabotulinumtoxinA": 17.0}), Immunity(), Observation(), Behaviour())
#: Number → (source, has a prior).
NUMBERS = {
    **{
        f"{type(spec).__name__}.{p.label}": (p.source, p.prior is not None)
        for spec in SPECS
        for p in parameters(spec)
        if p.value == p.value  # NaN is no number: not published
    },
    **{
        f"median of {product}, {indication}": (known.source, known.prior is not None)
        for indication, medians in MEDIANS.items()
        for product, known in medians.items()
    },
    **{
        f"{kind} of {name}": (source, False)
        for name, p in PRODUCTS.items()
        for kind, source, value in (
            ("load", p.load_source, p.ng_per_unit),
            ("complex", p.complex_source, p.complex_ng_per_unit),
            *((f"dose, {i}", p.dose_sources[i], p.label_units[i]) for i in p.label_units),
        )
        if value == value
    },
}


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_says_where_it_comes_from(name):
    source, has_prior = NUMBERS[name]
    assert problems(source) == []
    if has_prior:
        assert prior_problems(source) == []


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
def test_every_field_is_a_parameter(spec):
    assert all("source" in f.metadata for f in fields(spec))
    for number in parameters(spec):
        assert number.unit.strip()
        assert number.meaning.strip()


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "names no row, no paper, and is not assumed"),
        ("a reachable region", "names no row"),
        ("see the label", "names no row"),
        ("unassumed", "names no row"),
        ("durations.csv D999", "no such row in durations.csv"),
        ("durations.csv D07", "no such row in durations.csv"),
        ("durations.csv D0711", "no such row in durations.csv"),
        ("assumed; durations.csv D999: 125 days", "no such row"),  # assumed does not excuse it
        ("tests.csv MDA type A", "no such row in tests.csv"),  # half a key
        ("medians.csv M001", "no table of that name"),
        ("doi:10.1x/abc", "not a DOI"),
        ("doi:10.1111", "not a DOI"),
        ("durations.csv D071: doi:10.1111/j.1524-4725.2012.02582.x", "not the paper of that row"),
    ],
)
def test_a_bad_source_is_found(source, problem):
    assert any(problem in found for found in problems(source))


@pytest.mark.parametrize(
    "source",
    [
        "assumed",
        "assumed: no effect",
        "by definition",
        "durations.csv D071",
        "durations.csv D071: 125 days; durations.csv D074",
        "durations.csv D071: doi:10.1097/DSS.0000000000000757",
        "tests.csv MDA type A/titre band of complete failure",
        "products.csv Botox (current)/clostridial_complex_protein",
        "doi:10.1371/journal.pcbi.1002418",
        "PMID 23106853",
    ],
)
def test_a_good_source_passes(source):
    assert problems(source) == []


def test_a_prior_needs_a_source_of_its_own_unless_the_value_is_assumed():
    assert prior_problems("durations.csv D071")
    assert prior_problems("durations.csv D071; prior: durations.csv D999")
    assert prior_problems("durations.csv D071; priority 1 assumed") == []  # begins as a prior's part does
    assert prior_problems("durations.csv D071; prior assumed: 5 to 15%") == []
    assert prior_problems("assumed: a reachable region") == []


# Constants in the code.

MODULES = sorted(
    path.relative_to(PACKAGE).as_posix()
    for part in (
        "response.py",
        "response_curve.py",
        "immunity.py",
        "exposure",
        "cohort.py",
        "products.py",
        "streams.py",
        "world",
        "evidence",
        "simulation/outcomes.py",
        "simulation/session.py",
    )
    for path in ([PACKAGE / part] if part.endswith(".py") else (PACKAGE / part).rglob("*.py"))
)
#: Tables whose entries each carry a source, checked above.
TABLES_IN_CODE = {("products.py", "_TABLE"), ("world/medians.py", "MEDIANS")}
#: What a comment may call an algorithm by, if its module names the paper.
ALGORITHMS = {"AS 241": "doi:10.2307/2347330", "Philox": "doi:10.1145/2063384.2063405"}


def constants(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Names and statements that give a module or a class a number with a decimal point, outside `parameter`.

    0.0 and 1.0 are nothing and everything, and need no source.
    """
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for statement in (s for body in bodies for s in body if isinstance(s, ast.Assign | ast.AnnAssign)):
        value = statement.value
        if isinstance(value, ast.Call) and ast.unparse(value.func) in ("parameter", "TypeVar"):
            continue
        if value is not None and any(_telling(n) for n in ast.walk(value)):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            yield ast.unparse(target), statement


def _telling(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is float and node.value not in (0.0, 1.0)


def comment_on(statement: ast.stmt, code: str) -> str:
    """The comments above a statement, or above the run of lines that it stands in, and beside it."""
    lines = code.splitlines()
    own = [line for line in lines[statement.lineno - 1 : statement.end_lineno] if "#" in line]
    above = []
    for line in reversed(lines[: statement.lineno - 1]):
        if not line.strip():
            break
        above.append(line)
    said = [line.split("#", 1)[1].lstrip(":") for line in [*reversed(above), *own] if "#" in line]
    return " ".join(text.strip() for text in said)


def unsourced(code: str, path: str = "planted.py") -> list[str]:
    """Constants of a module whose comment names no source, or one that does not exist."""
    found = []
    for name, statement in constants(ast.parse(code)):
        if (path, name) in TABLES_IN_CODE:
            continue
        comment = comment_on(statement, code)
        by_algorithm = any(known in comment and doi in code for known, doi in ALGORITHMS.items())
        if not by_algorithm and problems(comment):
            found.append(f"{path}, line {statement.lineno}, {name}: {problems(comment)[0]}")
    return found


@pytest.mark.parametrize("path", MODULES)
def test_every_constant_says_where_it_comes_from(path):
    assert unsourced((PACKAGE / path).read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    "code",
    [
        "HALF_LIFE = 21.0",
        "#: Days.\nHALF_LIFE = 21.0",
        "HALF_LIFE: float = 21.0  # days",
        "#: durations.csv D999.\nMEDIAN = 17.0",
        "#: Assumed.\n\nHALF_LIFE = 21.0",  # a comment with a blank line below it is about something else
        "_T = (1, 2.5)",
        "class A:\n    x: float = 0.4",
        "#: As Philox has it.\n_UNIT = 0.5",  # no paper in the module
    ],
)
def test_a_planted_constant_is_found(code):
    assert len(unsourced(code)) == 1


@pytest.mark.parametrize(
    "code",
    [
        "#: durations.csv D071: 125 days.\nMEDIAN = 17.9",
        "HALF_LIFE = 21.0  # assumed",
        "# Assumed, all of them.\n_A = 1.5\n_B = (2.5,)",
        "class A:\n    x: float = parameter(0.4, unit='1', meaning='m', source='assumed')",
        "LINES = 300\nNAME = 'x'\nNOTHING = (0.0, 1.0)",
        "def f():\n    y = 0.5",
        "'''doi:10.1145/2063384.2063405'''\n# Philox\n_UNIT = 0.5",
    ],
)
def test_a_sourced_constant_passes(code):
    assert unsourced(code) == []
