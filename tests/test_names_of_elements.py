"""The code is of no compound: elements are named by recipes, studies, tables and tests alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "nearedge"
# Tables with an entry for each of many elements: edges, colours of atoms, pseudopotentials.
TABLES = {"spectra/edges.py", "web/components.py", "engines/xspectra_pseudo.py"}
SYMBOLS, WORDS = {"O", "Fe", "Li"}, re.compile(r"oxygen|iron\b|lithium|li3feo", re.IGNORECASE)
# The library and the model of the package, by their files.
EMBEDDED = {"data/__init__.py"}
FILES = sorted(
    path
    for path in SOURCE.rglob("*.py")
    if path.relative_to(SOURCE).as_posix() not in TABLES | EMBEDDED
    and path.relative_to(SOURCE).parts[0] != "studies"
)


def docstrings(tree: ast.AST) -> set[int]:
    """Ids of the constants that document something, with their examples."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = {
        id(statement.value)
        for node in ast.walk(tree)
        if isinstance(node, kinds)
        for statement in node.body
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    }
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_code_names_no_element_of_the_first_compound(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documents = docstrings(tree)
    named = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in documents and (node.value in SYMBOLS or WORDS.search(node.value)):
                named.append((node.lineno, node.value))
        elif isinstance(node, ast.Name) and WORDS.search(node.id):
            named.append((node.lineno, node.id))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and WORDS.search(node.name):
            named.append((node.lineno, node.name))
    assert named == []
