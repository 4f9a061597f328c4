"""Lines of TOML and JSON files: a writer that knows the line of everything it writes says what they are."""

import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retreat_research as rr
from retreat_research.strategies.document import Document, _json_lines, _toml_lines

#: Names and texts that look like something else.
NAMES = ["a", "b-c", "strategy", "1", "true", "a b", "a.b", "[x]", "#", "=", "é", 'q"', "'", "a\\"]
TEXTS = [
    "",
    "x",
    "[[a]]",
    "# no",
    "a = 1",
    '"',
    "'",
    "\\",
    '"""',
    "'''",
    "{",
    "]",
    ",",
    "é\u2028",
    "\t",
    "two\nlines\n[a]",
]
LEAVES = st.one_of(st.sampled_from(TEXTS), st.integers(-9, 9), st.booleans(), st.just(1.5))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=15,
)
FILES = st.dictionaries(st.sampled_from(NAMES), TREES, min_size=1, max_size=4)


class Writer:
    """Writes a tree with gaps and comments of all kinds and notes on which line each place begins."""

    def __init__(self, draw, gaps):
        self.draw, self.gaps = draw, gaps
        self.text, self.lines = "", {}

    def add(self, text):
        self.text += text

    def here(self, place):
        assert place not in self.lines
        self.lines[place] = self.text.count("\n") + 1

    def gap(self):
        self.add(self.draw(self.gaps))


class Json(Writer):
    def value(self, tree, place):
        if isinstance(tree, dict):
            self.add("{")
            for i, (name, below) in enumerate(tree.items()):
                self.add("," if i else "")
                self.gap()
                key = json.dumps(name, ensure_ascii=self.draw(st.booleans()))
                self.add(key)
                self.gap()
                self.here((*place, name))
                self.add(":")
                self.gap()
                self.value(below, (*place, name))
                self.gap()
            self.add("}")
        elif isinstance(tree, list):
            self.add("[")
            for i, below in enumerate(tree):
                self.add("," if i else "")
                self.gap()
                self.here((*place, i))
                self.value(below, (*place, i))
                self.gap()
            self.add("]")
        else:
            self.add(json.dumps(tree, ensure_ascii=self.draw(st.booleans())))


@settings(max_examples=150, deadline=None)
@given(FILES, st.data())
def test_lines_of_json(tree, data):
    written = Json(data.draw, st.sampled_from(["", " ", "\n", "\r\n", "\n\n\t"]))
    written.value(tree, ())
    assert json.loads(written.text) == tree
    assert dict(_json_lines(written.text)) == written.lines


class Toml(Writer):
    comments = st.sampled_from(["", "  ", " # [[a]]", " # a = '''", ' # """ [', "\t# it's"])

    def key(self, name):
        plain = name.replace("-", "").isalnum() and name.isascii()
        styles = ["basic", *(["bare"] if plain else []), *(["literal"] if "'" not in name else [])]
        style = self.draw(st.sampled_from(styles))
        basic = json.dumps(name, ensure_ascii=self.draw(st.booleans()))
        return {"bare": name, "literal": f"'{name}'", "basic": basic}[style]

    def string(self, text, multi):
        styles = ["basic"]
        if "'" not in text and "\n" not in text:
            styles.append("literal")
        if multi and "'''" not in text and not text.endswith("'"):
            styles.append("multi-literal")
        if multi:
            styles.append("multi")
        style = self.draw(st.sampled_from(styles))
        if style == "literal":
            return f"'{text}'"
        if style == "multi-literal":
            first = (
                "\n" if text.startswith("\n") or self.draw(st.booleans()) else ""
            )  # the first line break is left out
            return f"'''{first}{text}'''"
        if style == "multi":
            escaped = text.replace("\\", "\\\\").replace('"""', '\\"""')
            escaped = escaped[:-1] + '\\"' if escaped.endswith('"') and not escaped.endswith('\\"') else escaped
            return f'"""\n{escaped}"""'
        return json.dumps(text)

    def value(self, tree, place, inline=False):
        if isinstance(tree, dict):
            self.add("{")
            for i, (name, below) in enumerate(tree.items()):
                self.add(", " if i else " ")
                self.here((*place, name))
                self.add(self.key(name) + " = ")
                self.value(below, (*place, name), inline=True)
            self.add(" }")
        elif isinstance(tree, list):
            self.add("[")
            for i, below in enumerate(tree):
                self.add(", " if i else "")
                self.newline(inline)
                self.here((*place, i))
                self.value(below, (*place, i), inline)
            if tree and self.draw(st.booleans()):
                self.add(",")
            self.newline(inline)
            self.add("]")
        elif isinstance(tree, str):
            self.add(self.string(tree, multi=not inline or self.draw(st.booleans())))
        else:
            self.add(json.dumps(tree))

    def newline(self, inline):
        if not inline and self.draw(st.booleans()):
            self.add(self.draw(self.comments) + "\n")

    def file(self, tree):
        tables = [name for name, below in tree.items() if isinstance(below, dict) and self.draw(st.booleans())]
        listed = [
            name
            for name, below in tree.items()
            if isinstance(below, list) and below and all(isinstance(one, dict) for one in below)
        ]
        lists = [name for name in listed if self.draw(st.booleans())]
        self.pairs({name: below for name, below in tree.items() if name not in (*tables, *lists)}, ())
        for name in tables:
            self.here((name,))
            self.add(f" [ {self.key(name)} ]{self.draw(self.comments)}\n")
            self.pairs(tree[name], (name,))
        for name in lists:
            for i, below in enumerate(tree[name]):
                self.here((name, i))
                self.add(f"[[{self.key(name)}]]{self.draw(self.comments)}\n")
                self.pairs(below, (name, i))

    def pairs(self, tree, place):
        for name, below in tree.items():
            self.gap()
            self.here((*place, name))
            self.add(f"{self.key(name)} = ")
            self.value(below, (*place, name))
            self.add(self.draw(self.comments) + "\n")


@settings(max_examples=300, deadline=None)
@given(FILES, st.data())
def test_lines_of_toml(tree, data):
    written = Toml(data.draw, st.sampled_from(["", "\n", "  ", "# [a]\n", "\t# '''\n"]))
    written.file(tree)
    assert tomllib.loads(written.text) == tree
    assert dict(_toml_lines(written.text)) == written.lines


def test_tables_within_tables_and_dotted_keys():
    text = "[[a]]\nb.c = 1\n[a.d]\ne = 2\n[[a.f]]\ng = 3\n[[a.f]]\n[[a]]\n[[a.f]]\n'g' = 4\n"
    text += '[h . "i.j"]\nk = {l.m = [\n1]}'
    tomllib.loads(text)
    assert dict(_toml_lines(text)) == {
        ("a", 0): 1, ("a", 0, "b", "c"): 2, ("a", 0, "d"): 3, ("a", 0, "d", "e"): 4, ("a", 0, "f", 0): 5,
        ("a", 0, "f", 0, "g"): 6, ("a", 0, "f", 1): 7, ("a", 1): 8, ("a", 1, "f", 0): 9, ("a", 1, "f", 0, "g"): 10,
        ("h", "i.j"): 11, ("h", "i.j", "k"): 12, ("h", "i.j", "k", "l", "m"): 12, ("h", "i.j", "k", "l", "m", 0): 13,
    }  # fmt: skip


def test_quotes_at_the_end_of_a_text_of_several_lines():
    text = "g = [\"\"\"x\"\"\"\", \"b]\", '''y'''', 'c]']\nh = 2"
    assert tomllib.loads(text)["g"] == ['x"', "b]", "y'", "c]"]
    assert len(dict(_toml_lines(text))) == 6
    text = 'a = """x"""""\nb = """"""\nc = \'\'\'y\'\'\'\'\'\nd = """\\"""" # """\ne = 1'
    assert set(tomllib.loads(text)) == set("abcde")
    assert dict(_toml_lines(text)) == {("a",): 1, ("b",): 2, ("c",): 3, ("d",): 4, ("e",): 5}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.toml", "a = 1\nb = [1,\n\n", r"^a\.toml: .* \(line 2, the last\)$"),
        ("a.toml", "a = 1\r\nb == 2\r\n", r"^a\.toml: .* \(line 2\)$"),
        ("a.toml", "a = 1\na = 2", r"^a\.toml: .*\(line 2, the last\)$"),
        ("a.toml", "# nothing\n", "a.toml says nothing"),
        ("a.toml", "\ufeff\n", "a.toml says nothing"),
        ("a.toml", "a = " + "[" * 100_000, "nested too deeply"),
        ("a.json", "\n", "a.json says nothing"),
        ("a.json", "{}", "a.json says nothing"),
        ("a.json", "3", "a.json says nothing"),
        ("a.json", '{"a": 1,\n"b" 2}', "a.json: .* line 2"),
        ("a.json", '{"a":\n{"b": 1,\n"c": 1, "b": 2}}', "a.json, line 3: `b` is given twice"),
        ("a.json", '{"a": [1, {"b": 1, "b": [2]}]}', "a.json, line 1: `b` is given twice"),
        ("a.json", '{"a": "\\ud800"}', "half a character"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", '{"a": ' + "1" * 5000 + "}", "a.json: "),
        ("a", "a = 1", "must be a TOML or a JSON file"),
    ],
)
def test_files_that_are_none(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content.encode())
    with pytest.raises(rr.InputError, match=message):
        Document.read(tmp_path / name)


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"a = 1\n# M\xfcller\n")
    with pytest.raises(rr.InputError, match=r"a\.toml, line 2: not UTF-8"):
        Document.read(tmp_path / "a.toml")
    with pytest.raises(rr.InputError, match=r"b\.toml cannot be read: No such file"):
        Document.read(tmp_path / "b.toml")
    (tmp_path / "c.toml").mkdir()
    with pytest.raises(rr.InputError, match=r"c\.toml cannot be read"):
        Document.read(tmp_path / "c.toml")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(["toml", "JSON"]))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content, kind):
    path = tmp_path_factory.mktemp("any") / f"a.{kind}"
    path.write_bytes(content)
    try:
        document = Document.read(path)
    except rr.InputError as error:
        assert str(error).startswith("a.")  # noqa: PT017
    else:
        assert document.content
