"""A TOML or JSON file with the line of everything in it, so that an error can name it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError, must

Place = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=""")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
#: What can hold brackets that are none: a text or a comment.
_TEXTS = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*')


@dataclass
class Document:
    """What a file says, and what is wrong with it.

    Attributes
    ----------
    path : Path
    content : dict
    lines : dict of place to int
        Line of each key, by its place, such as ("strategy", 0, "name").
    problems : list of (line, text)
    """

    path: Path
    content: dict[str, Any]
    lines: dict[Place, int]
    problems: list[tuple[int, str]] = field(default_factory=list)

    @classmethod
    def read(cls, path: str | Path) -> Document:
        """Read a file.

        Raises
        ------
        InputError
            If it cannot be read, is neither TOML nor JSON, or says nothing.
        """
        path = Path(path)
        must(path.suffix in (".toml", ".json"), f"{path.name} must be a TOML or a JSON file")
        try:
            text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        except OSError as error:
            raise InputError(f"{path.name} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            line = path.read_bytes()[: error.start].count(b"\n") + 1
            raise InputError(f"{path.name}, line {line}: not UTF-8") from None
        try:
            content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path.name}: {_first(str(error))}") from None
        must(isinstance(content, dict) and bool(content), f"{path.name} says nothing")
        find = _toml_lines if path.suffix == ".toml" else _json_lines
        return cls(path, content, dict(find(text)))

    def line(self, place: Place) -> int:
        """The line of a place, or of what it lies in."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def wrong(self, place: Place, text: str) -> None:
        """Remember a problem."""
        self.problems.append((self.line(place), text))

    def must_be_right(self) -> None:
        """Raise one error with every problem, in the order of lines."""
        if self.problems:
            listed = [f"  line {line}: {text}" for line, text in sorted(self.problems, key=lambda found: found[0])]
            count = "1 problem" if len(listed) == 1 else f"{len(listed)} problems"
            raise InputError("\n".join([f"{self.path.name} has {count}:", *listed]))


def _first(text: str) -> str:
    return re.sub(r"\(at line (\d+), column \d+\)", r"(line \1)", text.split("\n")[0])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON whose keys are all different, as those of TOML are."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice in one object")
    return found


def _toml_lines(text: str) -> Iterator[tuple[Place, int]]:
    """Place and line of each key of a TOML file that `tomllib` has read."""
    table: Place = ()
    counts: dict[Place, int] = {}
    depth, open_text = 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        inside = depth > 0 or bool(open_text)
        if not inside and (header := _HEADER.match(line)):
            table = ()
            parts = _names(header[2])
            for i, name in enumerate(parts):
                table = (*table, name)
                if header[1] == "[[" and i == len(parts) - 1:
                    counts[table] = counts.get(table, -1) + 1
                    for below in [key for key in counts if key[: len(table)] == table and key != table]:
                        del counts[below]
                if table in counts:
                    table = (*table, counts[table])
            yield table, number
            continue
        if not inside and (key := _KEY.match(line)):
            place: Place = table
            for name in _names(key[1]):
                place = (*place, name)
            yield place, number
        open_text, depth = _after(line, open_text, depth)


def _after(line: str, open_text: str, depth: int) -> tuple[str, int]:
    """Which multi-line text, and how many brackets, are open at the end of a line."""
    while True:
        if open_text:
            end = line.find(open_text)
            if end < 0:
                return open_text, depth
            line, open_text = line[end + 3 :], ""
        begins = [(at, mark) for mark in ('"' * 3, "'" * 3) if (at := line.find(mark)) >= 0]
        if not begins:
            break
        at, mark = min(begins)
        depth += _brackets(line[:at])
        line, open_text = line[at + 3 :], mark
    return "", max(depth + _brackets(line), 0)


def _brackets(line: str) -> int:
    plain = _TEXTS.sub("", line)
    return sum(plain.count(mark) for mark in "[{") - sum(plain.count(mark) for mark in "]}")


def _names(dotted: str) -> list[str]:
    return [name.strip().strip("\"'") for name in re.findall(r"""\s*("[^"]*"|'[^']*'|[^.\s]+)\s*""", dotted)]


def _json_lines(text: str) -> Iterator[tuple[Place, int]]:
    """Place and line of each key and entry of a JSON file that `json` has read."""
    place: list[str | int] = []
    kinds: list[str] = []  # of what is open: "[", "{" without a key yet, ":" with one
    key = ""
    for token in _TOKEN.finditer(text):
        mark, line = token[0], text.count("\n", 0, token.start()) + 1
        if mark in "]}":
            if kinds.pop() != "{":
                place.pop()
        elif mark == "," and kinds[-1] == "[":
            place[-1] = int(place[-1]) + 1
        elif mark == ",":
            place.pop()
            kinds[-1] = "{"
        elif mark == ":":
            place.append(key)
            kinds[-1] = ":"
            yield tuple(place), line
        else:
            if kinds and kinds[-1] == "[":
                yield tuple(place), line
            if mark in "[{":
                kinds.append(mark)
                place += [0] if mark == "[" else []
            elif mark.startswith('"'):
                key = json.loads(mark)
