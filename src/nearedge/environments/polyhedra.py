"""Coordination polyhedra: which ideal one the neighbours of a site resemble most.

Source: continuous shape measures, M. Pinsky and D. Avnir, Inorg. Chem. 37, 5575 (1998).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations

import numpy as np
from jaxtyping import Float, Int

_TETRAHEDRON: list[list[float]] = [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
_OCTAHEDRON: list[list[float]] = [
    [1, 0, 0],
    [-1, 0, 0],
    [0, 1, 0],
    [0, -1, 0],
    [0, 0, 1],
    [0, 0, -1],
]
# Half the height of a prism or antiprism whose edges are all equal, the base having radius 1.
_PRISM = np.sqrt(3) / 2
_ANTIPRISM = 2**-0.75


def _ring(count: int, height: float = 0.0, turned: float = 0.0) -> list[list[float]]:
    angles = 2 * np.pi * (np.arange(count) + turned) / count
    return [[float(np.cos(a)), float(np.sin(a)), height] for a in angles]


_APEX = [0.0, 0.0, 1.0]
_FOOT = [0.0, 0.0, -1.0]

# Directions of the neighbours as seen from the absorber; all neighbours at one distance. "Vacant"
# ones keep the angles of the polyhedron that lacks neighbours.
_IDEAL: dict[str, list[list[float]]] = {
    "linear": [_APEX, _FOOT],
    "bent": _TETRAHEDRON[:2],
    "trigonal plane": _ring(3),
    "trigonal pyramid": _TETRAHEDRON[:3],
    "T shape": _OCTAHEDRON[:3],
    "tetrahedron": _TETRAHEDRON,
    "square plane": _ring(4),
    "seesaw": [*_OCTAHEDRON[:3], _APEX],
    "trigonal bipyramid": [*_ring(3), _APEX, _FOOT],
    "square pyramid": [*_ring(4), _APEX],
    "octahedron": _OCTAHEDRON,
    "trigonal prism": [*_ring(3, _PRISM), *_ring(3, -_PRISM)],
    "pentagonal bipyramid": [*_ring(5), _APEX, _FOOT],
    "cube": [*_TETRAHEDRON, *[[-x, -y, -z] for x, y, z in _TETRAHEDRON]],
    "square antiprism": [*_ring(4, _ANTIPRISM), *_ring(4, -_ANTIPRISM, turned=0.5)],
}

POLYHEDRA: dict[str, int] = {name: len(points) for name, points in _IDEAL.items()}
"""Number of neighbours of every polyhedron that a scheme can name."""


def shape_measures(vectors_A: Float[np.ndarray, "neighbour 3"]) -> dict[str, float]:
    """Measure how far the neighbours of a site are from every ideal polyhedron of their number.

    The measure is 100 times the smallest sum of squared distances between the atoms (the absorber
    is one of them) and those of the ideal polyhedron, over all rotations, sizes and assignments,
    relative to the sum of squares of the atoms' own distances from their centre. It is 0 for the
    ideal polyhedron and below 100; 33.3 separates tetrahedron and square plane.

    Parameters
    ----------
    vectors_A
        (neighbour, 3) from the absorber to each neighbour, in ångström.

    Returns
    -------
    dict
        Measure by the name of the polyhedron, the nearest first; empty for a number of neighbours
        without polyhedra (fewer than 2, more than 8).

    Notes
    -----
    M. Pinsky and D. Avnir, Inorg. Chem. 37, 5575 (1998). The best rotation is that of Kabsch (Acta
    Cryst. A 32, 922 (1976)): the sum of singular values of the matrix of products.

    Examples
    --------
    >>> square = np.array([[2.0, 0, 0], [0, 2.0, 0], [-2.0, 0, 0], [0, -2.0, 0]])
    >>> {name: round(value, 1) for name, value in shape_measures(square).items()}
    {'square plane': 0.0, 'seesaw': 19.0, 'tetrahedron': 33.3}
    """
    count = len(vectors_A)
    found = {
        name: _measure(np.asarray(vectors_A, dtype=float), name)
        for name, size in POLYHEDRA.items()
        if size == count
    }
    return dict(sorted(found.items(), key=lambda item: item[1]))


def nearest_polyhedron(vectors_A: Float[np.ndarray, "neighbour 3"]) -> str | None:
    """Name the polyhedron with the smallest shape measure, or None where there is none.

    Examples
    --------
    >>> nearest_polyhedron(np.array([[2.0, 0, 0], [-1.9, 0.1, 0]]))
    'linear'
    """
    return next(iter(shape_measures(vectors_A)), None)


def _measure(vectors_A: Float[np.ndarray, "neighbour 3"], name: str) -> float:
    atoms = _around_centre(vectors_A)
    ideal, assignments = _ideal(name)
    # Products of every atom with the vertex assigned to it; the absorber, last, stays the centre.
    paired = np.einsum("jx,kjy->kxy", atoms[:-1], ideal[:-1][assignments])
    paired += np.outer(atoms[-1], ideal[-1])
    # Reflections need no ban: every polyhedron here is its own mirror image.
    best = np.linalg.svd(paired, compute_uv=False).sum(axis=1).max()
    measure = 1.0 - best**2 / (np.sum(atoms**2) * np.sum(ideal**2))
    return 100.0 * max(0.0, float(measure))


@lru_cache
def _ideal(name: str) -> tuple[np.ndarray, Int[np.ndarray, "assignment neighbour"]]:
    """Points of a polyhedron, and the assignments that its own symmetry does not repeat."""
    vertices = np.array(_IDEAL[name], dtype=float)
    vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    count = len(vertices)
    every = np.array(list(permutations(range(count))))
    # A permutation that leaves all angles as they are is a symmetry.
    angles = vertices @ vertices.T
    moved = angles[every[:, :, None], every[:, None, :]]
    symmetries = every[np.isclose(moved, angles, atol=1e-9).all(axis=(1, 2))]
    place = count ** np.arange(count)[::-1]
    same = np.min([symmetry[every] @ place for symmetry in symmetries], axis=0)
    _, first = np.unique(same, return_index=True)
    return _around_centre(vertices), every[first]


def _around_centre(vectors: Float[np.ndarray, "neighbour 3"]) -> Float[np.ndarray, "atom 3"]:
    """Add the absorber as the last atom, and move the centre of all atoms to the origin."""
    atoms = np.concatenate([vectors, np.zeros((1, 3))])
    return atoms - atoms.mean(axis=0)
