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

#: Tokens of TOML and of JSON; what lies between them is of no interest.
_TOML = re.compile(
    r"""#[^\n]*|"{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[\[\]{},=.\n]|[^\s\[\]{},=.#"']+""",
    re.DOTALL,
)
_JSON = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


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
        must(path.suffix.lower() in (".toml", ".json"), f"{path.name} must be a TOML or a JSON file")
        try:
            text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        except OSError as error:
            raise InputError(f"{path.name} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            line = path.read_bytes()[: error.start].count(b"\n") + 1
            raise InputError(f"{path.name}, line {line}: not UTF-8") from None
        must(bool(text.strip()), f"{path.name} says nothing")
        toml = path.suffix.lower() == ".toml"
        try:
            content = tomllib.loads(text) if toml else json.loads(text)
            must(isinstance(content, dict) and bool(content), f"{path.name} says nothing")
            found = list(_toml_lines(text) if toml else _json_lines(text))
            json.dumps(content, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError:
            raise InputError(f"{path.name} has an escape such as \\ud800 that is half a character") from None
        except RecursionError:
            raise InputError(f"{path.name} is nested too deeply") from None
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path.name}: {_with_line(str(error), text)}") from None
        lines: dict[Place, int] = {}
        for place, line in found:
            must(place not in lines, f"{path.name}, line {line}: `{place[-1]}` is given twice")
            lines[place] = line
        return cls(path, content, lines)

    def line(self, place: Place) -> int:
        """The line of a place, or of what first lies in it, or of what it lies in."""
        while place:
            within = [line for key, line in self.lines.items() if key[: len(place)] == place]
            if within:
                return min(within)
            place = place[:-1]
        return 1

    def wrong(self, place: Place, text: str) -> None:
        """Remember a problem."""
        self.problems.append((self.line(place), text))

    def must_be_right(self) -> None:
        """Raise one error with every problem, in the order of lines."""
        if self.problems:
            listed = [f"  line {line}: {text}" for line, text in sorted(self.problems, key=lambda found: found[0])]
            count = "1 problem" if len(listed) == 1 else f"{len(listed)} problems"
            raise InputError("\n".join([f"{self.path.name} has {count}:", *listed]))


def _with_line(message: str, text: str) -> str:
    """The first line of a parser's message, with the line of the file it means."""
    first = re.sub(r"\(at line (\d+), column \d+\)", r"(line \1)", message.split("\n")[0])
    return first.replace("(at end of document)", f"(line {text.rstrip().count(chr(10)) + 1}, the last)")


def _tokens(kind: re.Pattern[str], text: str) -> Iterator[tuple[str, int]]:
    """Each token with its line."""
    line, before = 1, 0
    for token in kind.finditer(text):
        line += text.count("\n", before, token.start())
        before = token.start()
        if not token[0].startswith("#"):
            yield token[0], line


def _toml_lines(text: str) -> list[tuple[Place, int]]:
    """Place and line of each key and entry of a TOML file that `tomllib` has read."""
    return _Toml([*_tokens(_TOML, text), ("\n", 0)]).found


class _Toml:
    """Goes through the tokens of a file, of which it is known that it is right."""

    def __init__(self, tokens: list[tuple[str, int]]) -> None:
        self.tokens, self.at = tokens, 0
        self.found: list[tuple[Place, int]] = []
        table: Place = ()
        counts: dict[Place, int] = {}
        while self.at < len(tokens):
            mark, line = tokens[self.at]
            if mark == "[":
                table = self.header(counts)
                self.found.append((table, line))
            elif mark == "\n":
                self.at += 1
            else:
                self.pair(table)

    def header(self, counts: dict[Place, int]) -> Place:
        """[table] or [[table]]: its place, of which `counts` keeps how many there were."""
        many = self.tokens[self.at + 1][0] == "["
        self.at += 1 + many
        names = self.names("]")
        self.at += 1 + many
        table: Place = ()
        for i, name in enumerate(names):
            table = (*table, name)
            if many and i == len(names) - 1:
                counts[table] = counts.get(table, -1) + 1
            if table in counts:
                table = (*table, counts[table])
        return table

    def names(self, end: str) -> list[str]:
        """The parts of a dotted key, up to `end`."""
        found = []
        while (mark := self.tokens[self.at][0]) != end:
            if mark != ".":
                found.append(tomllib.loads(f"name = {mark}")["name"] if mark[0] in "\"'" else mark)
            self.at += 1
        return found

    def pair(self, place: Place) -> None:
        """key = value"""
        line = self.tokens[self.at][1]
        place = (*place, *self.names("="))
        self.at += 1
        self.found.append((place, line))
        self.value(place)

    def value(self, place: Place) -> None:
        """A list, an inline table, or anything else."""
        opening = self.tokens[self.at][0]
        if opening not in ("[", "{"):
            while self.tokens[self.at][0] not in ("\n", ",", "]", "}"):
                self.at += 1
            return
        self.at += 1
        entry = 0
        while (token := self.tokens[self.at])[0] not in ("]", "}"):
            if token[0] in (",", "\n"):
                self.at += 1
            elif opening == "{":
                self.pair(place)
            else:
                self.found.append(((*place, entry), token[1]))
                self.value((*place, entry))
                entry += 1
        self.at += 1


def _json_lines(text: str) -> Iterator[tuple[Place, int]]:
    """Place and line of each key and entry of a JSON file that `json` has read."""
    place: list[str | int] = []
    kinds: list[str] = []  # of what is open: "[", "{" without a key yet, ":" with one
    key = ""
    for mark, line in _tokens(_JSON, text):
        if mark in ("]", "}"):
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
            if mark in ("[", "{"):
                kinds.append(mark)
                place += [0] if mark == "[" else []
            elif mark.startswith('"'):
                key = json.loads(mark, strict=False)
