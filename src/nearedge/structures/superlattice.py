"""Cells of many lattice points of the face-centred cubic lattice, as nearly cubic as possible."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

FCC_PRIMITIVE = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])


def nearly_cubic_cell(
    points: int,
) -> tuple[Float[np.ndarray, "3 3"], Int[np.ndarray, "{points} 3"]]:
    """Find the most nearly cubic superlattice of fcc with `points` points in its cell.

    Most nearly cubic is the one whose three shortest independent vectors have the smallest sum
    of squares; of several, the first in the order of their Hermite normal forms.

    Returns
    -------
    cell
        Those vectors, right-handed, for a lattice constant of 1.
    repeats
        Coordinates of the lattice points in the cell along the primitive vectors.

    Examples
    --------
    >>> cell, repeats = nearly_cubic_cell(4)
    >>> (cell @ cell.T).tolist(), len(repeats)
    ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], 4)
    """
    from ase.geometry.minkowski_reduction import minkowski_reduce

    # Every superlattice has one Hermite normal form, so listing those lists them all.
    forms = np.array(
        [
            [[a, d, e], [0, b, f], [0, 0, points // (a * b)]]
            for a in _divisors(points)
            for b in _divisors(points // a)
            for d in range(b)
            for e in range(points // (a * b))
            for f in range(points // (a * b))
        ]
    )
    # In units of half a lattice constant all vectors are whole numbers, and ties are exact.
    squares = _reduced_squares(forms @ np.rint(2 * FCC_PRIMITIVE).astype(int))
    form = forms[np.argmin(squares)]
    cell = np.asarray(minkowski_reduce(form @ FCC_PRIMITIVE)[0])
    if np.linalg.det(cell) < 0:
        cell = -cell
    return cell, np.array(list(np.ndindex(*np.diag(form))))


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def _reduced_squares(bases: Int[np.ndarray, "lattice 3 3"]) -> Int[np.ndarray, " lattice"]:
    """Sum of the squared lengths of the three shortest independent vectors of each lattice.

    All lattices go through the same steps at once: each vector is shortened by those shorter
    than it, until none changes any more. Then the basis is Minkowski-reduced (Nguyen and Stehlé,
    ACM Transactions on Algorithms 5, 46 (2009)), and has those vectors.
    """
    neighbours = np.array(list(np.ndindex(3, 3))) - 1
    before = None
    while True:
        squares = (bases**2).sum(axis=2)
        total = squares.sum(axis=1)
        if before is not None and (total == before).all():
            return total
        before = total
        bases = np.take_along_axis(bases, np.argsort(squares, axis=1)[:, :, None], axis=1)
        for longer, shorter in ((1, 0), (2, 0), (2, 1)):
            along = (bases[:, longer] * bases[:, shorter]).sum(axis=1)
            times = np.rint(along / (bases[:, shorter] ** 2).sum(axis=1)).astype(int)
            bases[:, longer] -= times[:, None] * bases[:, shorter]
        candidates = bases[:, 2, None] + neighbours @ bases[:, :2]
        shortest = (candidates**2).sum(axis=2).argmin(axis=1)
        bases[:, 2] = candidates[np.arange(len(bases)), shortest]
