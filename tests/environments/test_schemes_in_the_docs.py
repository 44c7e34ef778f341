"""The page on label schemes: its example loads, and its list of polyhedra is the code's."""

from __future__ import annotations

import re
from pathlib import Path

from nearedge.environments import POLYHEDRA, load_scheme

_PAGE = (Path(__file__).parents[2] / "docs" / "label-schemes.md").read_text()


def test_the_example_is_a_scheme(tmp_path):
    [text] = re.findall(r"```toml\n(.*?)```", _PAGE, re.DOTALL)
    (tmp_path / "scheme.toml").write_text(text)
    scheme = load_scheme(tmp_path / "scheme.toml")
    assert scheme.cutoffs_A == {"O": 2.6, "F": 2.5}
    assert scheme.labels == ("tetrahedral", "other four", "five", "six", "Fe-Fe pair")


def test_every_polyhedron_is_listed_with_its_number_of_neighbours():
    [listed] = re.findall(r"There are: (.*?)\.\n", _PAGE, re.DOTALL)
    found = {}
    for group in " ".join(listed.split()).split("; "):
        names, number = re.fullmatch(r"(.*) \((\d)(?: neighbours)?\)", group).groups()
        found |= dict.fromkeys(names.split(", "), int(number))
    assert found == POLYHEDRA
