"""Shape measures: published values between ideal polyhedra, and what they must not depend on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nearedge.environments import POLYHEDRA, nearest_polyhedron, shape_measures

DIAGONAL = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
SQUARE = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])
OCTAHEDRON = np.concatenate([SQUARE, [[0, 0, 1], [0, 0, -1]]])
CUBE = np.concatenate([DIAGONAL, -DIAGONAL])
TRIANGLE = np.array([[1, 0], [-0.5, np.sqrt(0.75)], [-0.5, -np.sqrt(0.75)]])
BIPYRAMID = np.concatenate([np.insert(TRIANGLE, 2, 0, axis=1), [[0, 0, 1], [0, 0, -1]]])


@pytest.mark.parametrize(
    ("vectors", "measures"),
    [
        # S. Alvarez et al., Coord. Chem. Rev. 249, 1693 (2005): 33.33 between tetrahedron and
        # square, 16.74 between octahedron and trigonal prism, 10.99 between cube and antiprism.
        (DIAGONAL, {"tetrahedron": 0.0, "square plane": 33.33}),
        (SQUARE, {"square plane": 0.0, "tetrahedron": 33.33}),
        (OCTAHEDRON, {"octahedron": 0.0, "trigonal prism": 16.74}),
        (CUBE, {"cube": 0.0, "square antiprism": 10.99}),
        (BIPYRAMID, {"trigonal bipyramid": 0.0, "square pyramid": 7.34}),
    ],
)
def test_ideal_polyhedra_have_their_published_measures(vectors, measures):
    found = shape_measures(vectors * 2.0)
    for name, value in measures.items():
        assert found[name] == pytest.approx(value, abs=0.01)
    assert nearest_polyhedron(vectors * 2.0) == next(iter(measures))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**31), count=st.integers(2, 6))
def test_measures_depend_neither_on_rotation_nor_on_size_nor_on_order(seed, count):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 3)) + 0.1
    turned = 1.7 * Rotation.random(random_state=seed).apply(vectors)[rng.permutation(count)]
    before, after = shape_measures(vectors), shape_measures(turned)
    assert set(before) == {name for name, size in POLYHEDRA.items() if size == count}
    for name, value in before.items():
        assert 0 <= value < 100
        assert after[name] == pytest.approx(value, abs=1e-6)


def test_a_distorted_site_is_still_named():
    rng = np.random.default_rng(0)
    for vectors, name in ((DIAGONAL, "tetrahedron"), (OCTAHEDRON, "octahedron")):
        bonds = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) * 2.0
        for _ in range(20):
            assert nearest_polyhedron(bonds + rng.normal(scale=0.07, size=bonds.shape)) == name


def test_numbers_without_polyhedra_have_no_nearest_one():
    assert nearest_polyhedron(np.zeros((0, 3))) is None
    assert shape_measures(np.eye(3)[:1]) == {}
    assert shape_measures(np.random.default_rng(0).normal(size=(9, 3))) == {}
