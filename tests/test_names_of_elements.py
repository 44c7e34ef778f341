"""The code is of no compound: elements are named by recipes, studies, tables and tests alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "nearedge"
# The library and the model of the package, by their files; and the inputs of ld1.x, by element.
EMBEDDED = {"data/__init__.py", "engines/xspectra_pseudo.py"}
# A table of fewer elements is of some compound.
TABLE = 10
WORDS = re.compile(r"oxygen|(?<!env)iron\b|lithium|ferrite|li3feo", re.IGNORECASE)
# By themselves, or in a text: "O K", but neither "O-O" nor "{Fe = 4.0}" and "such as 'Fe'", which
# show how to write something.
SYMBOLS = re.compile(r"(?<![\w'{.-])(?:O|Fe|Li)(?![\w'=-]| =)")
FILES = [
    path.relative_to(SOURCE).as_posix()
    for path in sorted(SOURCE.rglob("*"))
    if path.suffix in {".py", ".js", ".css", ".html"}
    and path.relative_to(SOURCE).parts[0] != "studies"
]


def unread(tree: ast.AST) -> set[int]:
    """Ids of the constants that document something with their examples, or stand in a table."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, kinds):
            found |= {
                id(statement.value)
                for statement in node.body
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            }
        elements = {ast.Dict: "keys", ast.Set: "elts"}.get(type(node))
        if elements and len(inside := getattr(node, elements)) >= TABLE:
            found |= {id(one) for one in inside}
    return found


def named(text: str) -> Iterator[tuple[int, str]]:
    """Lines of Python that name an element of the first compound, and how."""
    tree = ast.parse(text)
    passed = unread(tree)
    for node in ast.walk(tree):
        text = getattr(node, "value", None) if id(node) not in passed else None
        if isinstance(text, str) and (SYMBOLS.search(text) or WORDS.search(text)):
            yield getattr(node, "lineno", 0), text
        # Names of variables, attributes, functions, classes, arguments and imports.
        for field in ("id", "attr", "name", "arg"):
            word = getattr(node, field, None)
            if isinstance(word, str) and WORDS.search(word):
                yield getattr(node, "lineno", 0), word


@pytest.mark.parametrize("path", FILES)
def test_code_names_no_element_of_the_first_compound(path: str) -> None:
    text = (SOURCE / path).read_text(encoding="utf-8")
    if not path.endswith(".py"):
        assert not re.search(r"""["'](?:O|Fe|Li)["']|oxygen|lithium""", text)
        return
    said = list(named(text))
    if path in EMBEDDED:
        # Their tables, but no word.
        said = [(line, word) for line, word in said if not SYMBOLS.search(word)]
        said = [(line, word) for line, word in said if not word.startswith("li3feo35-")]
    assert said == []


@pytest.mark.parametrize(
    "line",
    [
        "COLOURS = {'O': 'red', 'Fe': 'brown', 'other': 'grey'}",
        "_OXYGEN_RADIUS = 1.35",
        "def iron(): pass",
        "def answer(lithium): pass",
        "WIDTH = 'O K: 0.2 eV'",
        "if absorber == 'Fe': pass",
    ],
)
def test_what_would_be_found(line: str) -> None:
    assert list(named(line))


@pytest.mark.parametrize("line", ["read(os.environ)", "'give {Fe = 4.0}'", "'FOUND'"])
def test_what_would_not(line: str) -> None:
    assert not list(named(line))
