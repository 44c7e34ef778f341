"""Atoms are shown only where they are those that the model knows a site by."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from nearedge.web.nearest import _around

CELL = Atoms(
    "OFeLi", [[0.0, 0.0, 0.0], [1.9, 0.0, 0.0], [0.0, -2.1, 0.0]], cell=[9, 9, 9], pbc=True
)


def _site(**changed) -> dict:
    around = [{"element": "Fe", "distance_A": 1.9}, {"element": "Li", "distance_A": 2.1}]
    return {"atom": 0, "element": "O", "neighbours": around} | changed


def test_a_site_comes_first_and_at_zero_with_its_bonds() -> None:
    cluster = _around(CELL, _site())
    assert cluster is not None
    assert cluster["symbols"] == ["O", "Fe", "Li"]
    np.testing.assert_allclose(cluster["positions_A"], CELL.positions)
    assert cluster["bonds"] == [[0, 1], [0, 2]]


def test_atoms_are_found_over_the_walls_of_the_cell() -> None:
    moved = CELL.copy()
    moved.positions += 8.5
    moved.wrap()
    cluster = _around(moved, _site())
    assert cluster is not None
    np.testing.assert_allclose(cluster["positions_A"], CELL.positions, atol=1e-3)


@pytest.mark.parametrize(
    "changed",
    [
        {"neighbours": [{"element": "Fe", "distance_A": 1.8}]},
        {"neighbours": [{"element": "Li", "distance_A": 1.9}]},
        {"element": "Fe"},
        {"atom": 7},
    ],
)
def test_a_structure_of_the_same_name_that_is_another_is_not_shown(changed: dict) -> None:
    assert _around(CELL, _site(**changed)) is None
