"""Write the iron oxides of docs/your-compound.md from published lattice parameters.

Each crystal is written twice, its atoms displaced at random from their places: by 0.05 Å along each
axis, without correlation, so that bond lengths scatter by 0.07 Å, as they do in oxides at room
temperature (mean squares of 0.005 Å^2 in extended fine structure). Run it in this folder:

    python make_structures.py
"""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.spacegroup import crystal

DISPLACEMENT_A = 0.05
SNAPSHOTS = 2


def spinel(a: float, u: float, tetrahedral: str, octahedral: str, anion: str = "O") -> Atoms:
    """Spinel, origin at the inversion centre; u is the anion's coordinate (ideal: 0.25)."""
    return crystal(
        [tetrahedral, octahedral, anion],
        [(1 / 8, 1 / 8, 1 / 8), (1 / 2, 1 / 2, 1 / 2), (u, u, u)],
        spacegroup=227,
        setting=2,
        cellpar=[a, a, a, 90, 90, 90],
        primitive_cell=True,
    )


def with_half_of(structure: Atoms, element: str, other: str) -> Atoms:
    """Replace two of the four octahedral ions of an inverse spinel's primitive cell."""
    octahedral = [atom.index for atom in structure if atom.symbol == element][-4:]
    structure.symbols[octahedral[2:]] = other
    return structure


def hexagonal(elements: str, places: list, spacegroup: int, a: float, c: float) -> Atoms:
    """Crystal of a trigonal space group in hexagonal axes."""
    return crystal(elements.split(), places, spacegroup=spacegroup, cellpar=[a, a, c, 90, 90, 120])


CRYSTALS = {
    # M. E. Fleet, Acta Cryst. B 37, 917 (1981).
    "magnetite": spinel(8.3941, 0.2549, "Fe", "Fe"),
    # R. L. Blake et al., Am. Mineral. 51, 123 (1966).
    "hematite": hexagonal("Fe O", [(0, 0, 0.3553), (0.3059, 0, 0.25)], 167, 5.038, 13.772),
    # C. A. McCammon, L. Liu, Phys. Chem. Minerals 10, 106 (1984): a = 3.856 + 0.478 x, here x = 1.
    "wustite": crystal(
        ["Fe", "O"], [(0, 0, 0), (0.5, 0.5, 0.5)], spacegroup=225, cellpar=[4.334] * 3 + [90] * 3
    ),
    # S. Geller, M. A. Gilleo, J. Phys. Chem. Solids 3, 30 (1957).
    "yttrium-iron-garnet": crystal(
        ["Y", "Fe", "Fe", "O"],
        [(1 / 8, 0, 1 / 4), (0, 0, 0), (3 / 8, 0, 1 / 4), (-0.0274, 0.0572, 0.1495)],
        spacegroup=230,
        cellpar=[12.376] * 3 + [90] * 3,
        primitive_cell=True,
    ),
    # B. A. Wechsler, C. T. Prewitt, Am. Mineral. 69, 176 (1984).
    "ilmenite": hexagonal(
        "Fe Ti O",
        [(0, 0, 0.35537), (0, 0, 0.14640), (0.31743, 0.02332, 0.24506)],
        148,
        5.0884,
        14.0855,
    ),
    # J. B. MacChesney, R. C. Sherwood, J. F. Potter, J. Chem. Phys. 43, 1907 (1965).
    "strontium-ferrate": crystal(
        ["Sr", "Fe", "O"],
        [(0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0)],
        spacegroup=221,
        cellpar=[3.850] * 3 + [90] * 3,
    ).repeat(2),
    # H. N. Ng, C. Calvo, Can. J. Chem. 53, 2064 (1975).
    "iron-phosphate": hexagonal(
        "Fe P O O",
        [
            (0.4577, 0, 1 / 3),
            (0.4560, 0, 5 / 6),
            (0.4182, 0.3224, 0.3969),
            (0.4083, 0.2637, 0.8793),
        ],
        152,
        5.036,
        11.255,
    ),
    # R. J. Hill, Am. Mineral. 69, 937 (1984); without the inversion of 16 % that he found.
    "hercynite": spinel(8.1558, 0.2633, "Fe", "Al"),
    # J. M. Hastings, L. M. Corliss, Rev. Mod. Phys. 25, 114 (1953): u = 0.381 and 0.385 counted
    # from a tetrahedral site, 1/8 less here. Ni and Fe are ordered on the octahedral sites.
    "nickel-ferrite": with_half_of(spinel(8.34, 0.256, "Fe", "Fe"), "Fe", "Ni"),
    "zinc-ferrite": spinel(8.44, 0.260, "Zn", "Fe"),
    # C. T. Prewitt, R. D. Shannon, D. B. Rogers, Inorg. Chem. 10, 719 (1971).
    "delafossite": hexagonal(
        "Cu Fe O", [(0, 0, 0), (0, 0, 0.5), (0, 0, 0.1066)], 166, 3.0351, 17.156
    ),
    # Y. Takeda et al., Mater. Res. Bull. 29, 659 (1994); the oxygen's z = 0.234 rounded.
    "sodium-ferrite": hexagonal(
        "Na Fe O", [(0, 0, 0), (0, 0, 0.5), (0, 0, 0.234)], 166, 3.025, 16.09
    ),
    # F. Bosi, U. Hålenius, H. Skogby, Am. Mineral. 94, 181 (2009), rounded; Ti and Fe are ordered
    # on the octahedral sites.
    "ulvospinel": with_half_of(spinel(8.53, 0.261, "Fe", "Fe"), "Fe", "Ti"),
}


def main() -> None:
    """Write the files."""
    folder = Path(__file__).parent / "structures"
    folder.mkdir(exist_ok=True)
    for number, (name, perfect) in enumerate(CRYSTALS.items()):
        rng = np.random.default_rng(number)
        frames = []
        for _ in range(SNAPSHOTS):
            frame = Atoms(perfect.symbols, perfect.positions, cell=perfect.cell, pbc=True)
            frame.positions += rng.normal(scale=DISPLACEMENT_A, size=frame.positions.shape)
            frames.append(frame)
        ase.io.write(
            folder / f"{name}.extxyz", frames, format="extxyz", columns=["symbols", "positions"]
        )


if __name__ == "__main__":
    main()
