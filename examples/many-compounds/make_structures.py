"""Write the oxides of docs/many-compounds.md, and the recipes of the four libraries made of them.

Every crystal is written twice or three times, its atoms displaced at random by 0.05 Å along each
axis and its cell stretched at random by about 1 %, so that no two sites have one spectrum.
Coordinates are those of the literature that is named; where they are rounded, the displacements are
larger than what is lost. The tests compare the bond-valence sums of all of them with the charges.
Run it in this folder:

    python make_structures.py
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.spacegroup import crystal

DISPLACEMENT_A = 0.05
STRAIN = 0.01


def cell_of(a: float, b: float, c: float, beta: float = 90.0) -> list[float]:
    """Lengths and angles of an orthogonal or monoclinic cell."""
    return [a, b, c, 90, beta, 90]


def built(elements: str, places: list, group: int, cell: list, setting: int = 1) -> Atoms:
    """Crystal in its conventional cell; its array "spacegroup_kinds" tells the kinds of sites."""
    return crystal(elements.split(), places, spacegroup=group, cellpar=cell, setting=setting)


def hexagonal(a: float, c: float) -> list[float]:
    """Lengths and angles of a hexagonal cell."""
    return [a, a, c, 90, 90, 120]


def spinel(elements: str, a: float, u: float) -> Atoms:
    """Spinel of a tetrahedral, an octahedral element and oxygen, origin at the inversion centre."""
    places = [(1 / 8, 1 / 8, 1 / 8), (1 / 2, 1 / 2, 1 / 2), (u, u, u)]
    return built(elements, places, 227, [a, a, a, 90, 90, 90], setting=2)


def rutile(elements: str, a: float, c: float, x: float) -> Atoms:
    """Rutile of a metal and oxygen."""
    return built(elements, [(0, 0, 0), (x, x, 0)], 136, cell_of(a, a, c)).repeat((1, 1, 2))


def perovskite(elements: str, cell: list, first: tuple, one: tuple, two: tuple) -> Atoms:
    """Orthorhombic perovskite, Pnma: the large atom (x, z), oxygen (x, z) and oxygen (x, y, z)."""
    places = [(first[0], 1 / 4, first[1]), (0, 0, 1 / 2), (one[0], 1 / 4, one[1]), two]
    return built(elements, places, 62, cell)


def layered_perovskite(elements: str, a: float, c: float, large: float, apex: float) -> Atoms:
    """Crystal of the K2NiF4 type."""
    places = [(0, 0, large), (0, 0, 0), (0, 1 / 2, 0), (0, 0, apex)]
    return built(elements, places, 139, cell_of(a, a, c))


def zircon(elements: str, a: float, c: float, y: float, z: float) -> Atoms:
    """Crystal of the zircon type, origin at the inversion centre."""
    places = [(0, 3 / 4, 1 / 8), (0, 1 / 4, 3 / 8), (0, y, z)]
    return built(elements, places, 141, cell_of(a, a, c), setting=2)


def corundum(elements: str, a: float, c: float, z: float, x: float) -> Atoms:
    """Corundum of a metal and oxygen."""
    return built(elements, [(0, 0, z), (x, 0, 1 / 4)], 167, hexagonal(a, c))


CRYSTALS = {
    # --- iron; more of it in ../iron-oxides
    # Y. Tsujimoto et al., Nature 450, 1062 (2007): iron in squares of oxygen.
    "strontium-iron-dioxide": built(
        "Sr Fe O", [(0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0)], 123, cell_of(3.991, 3.991, 3.475)
    ).repeat(2),
    # M. Isobe et al., Acta Cryst. C 46, 1917 (1990).
    "lutetium-ferrite": built(
        "Lu Fe O O",
        [(0, 0, 0), (0, 0, 0.2150), (0, 0, 0.2926), (0, 0, 0.1281)],
        166,
        hexagonal(3.4406, 25.280),
    ).repeat((2, 2, 1)),
    # K. Kato et al., Z. Krist. 141, 314 (1975), ytterbium at the centre of its places.
    "ytterbium-ferrite": built(
        "Yb Fe O O",
        [(0, 0, 0), (0, 0, 0.2151), (0, 0, 0.2926), (0, 0, 0.1292)],
        166,
        hexagonal(3.455, 25.054),
    ).repeat((2, 2, 1)),
    # A. A. Colville, Acta Cryst. B 26, 1469 (1970), cell; coordinates as refined since by others,
    # e.g. G. J. Redhammer et al., Am. Mineral. 89, 405 (2004).
    "brownmillerite": built(
        "Ca Fe Fe O O O",
        [
            (0.4808, 0.1079, 0.0234),
            (0, 0, 0),
            (0.9467, 1 / 4, 0.9336),
            (0.2635, 0.9844, 0.2361),
            (0.0233, 0.1404, 0.0719),
            (0.5984, 1 / 4, 0.8751),
        ],
        62,
        cell_of(5.429, 14.771, 5.599),
    ),
    # X. Obradors et al., J. Solid State Chem. 56, 171 (1985).
    "barium-ferrite": built(
        "Ba Fe Fe Fe Fe Fe O O O O O",
        [
            (2 / 3, 1 / 3, 1 / 4),
            (0, 0, 0),
            (0, 0, 1 / 4),
            (1 / 3, 2 / 3, 0.0271),
            (1 / 3, 2 / 3, 0.1908),
            (0.1689, 0.3377, -0.1081),
            (0, 0, 0.1508),
            (1 / 3, 2 / 3, -0.0546),
            (0.1819, 0.3638, 1 / 4),
            (0.1563, 0.3126, 0.0523),
            (0.5026, 1.0052, 0.1494),
        ],
        194,
        hexagonal(5.893, 23.194),
    ),
    # M. Marezio, P. D. Dernier, Mater. Res. Bull. 6, 23 (1971), rounded.
    "lanthanum-ferrite": perovskite(
        "La Fe O O",
        cell_of(5.563, 7.862, 5.553),
        (0.029, -0.007),
        (0.487, 0.073),
        (0.281, 0.039, 0.719),
    ),
    # D. E. Cox et al., Phys. Rev. 132, 1547 (1963), the ordered form.
    "lithium-ferrite": built(
        "Fe Li O",
        [(0, 3 / 4, 1 / 8), (0, 1 / 4, 3 / 8), (0, 3 / 4, 0.365)],
        141,
        cell_of(4.057, 4.057, 8.759),
        setting=2,
    ).repeat((2, 2, 1)),
    # --- manganese
    # R. W. G. Wyckoff, Crystal Structures 1 (1963).
    "manganosite": built("Mn O", [(0, 0, 0), (0.5, 0.5, 0.5)], 225, [4.445] * 3 + [90] * 3),
    # W. H. Baur, Acta Cryst. B 32, 2200 (1976).
    "pyrolusite": rutile("Mn O", 4.404, 2.877, 0.3046),
    # S. Geller, Acta Cryst. B 27, 821 (1971), the cubic form.
    "manganese-sesquioxide": built(
        "Mn Mn O",
        [(0, 0, 0), (0.2847, 0, 1 / 4), (0.1285, 0.1471, 0.9162)],
        206,
        [9.4146] * 3 + [90] * 3,
    ),
    # D. Jarosch, Mineral. Petrol. 37, 15 (1987).
    "hausmannite": built(
        "Mn Mn O",
        [(0, 3 / 4, 1 / 8), (0, 0, 1 / 2), (0, 0.4722, 0.2592)],
        141,
        cell_of(5.765, 5.765, 9.442),
        setting=2,
    ),
    # S. Åsbrink et al., Phys. Rev. B 60, 12651 (1999), rounded.
    "hetaerolite": built(
        "Zn Mn O",
        [(0, 3 / 4, 1 / 8), (0, 0, 1 / 2), (0, 0.477, 0.259)],
        141,
        cell_of(5.720, 5.720, 9.245),
        setting=2,
    ),
    # J. Rodríguez-Carvajal et al., Phys. Rev. B 57, R3189 (1998).
    "lanthanum-manganite": perovskite(
        "La Mn O O",
        cell_of(5.7473, 7.6929, 5.5367),
        (0.0490, -0.0078),
        (0.4874, 0.0745),
        (0.3066, 0.0384, 0.7256),
    ),
    # K. R. Poeppelmeier et al., J. Solid State Chem. 45, 71 (1982), rounded.
    "calcium-manganite": perovskite(
        "Ca Mn O O",
        cell_of(5.279, 7.448, 5.264),
        (0.034, -0.006),
        (0.490, 0.066),
        (0.287, 0.034, 0.711),
    ),
    # K. Kidoh et al., Acta Cryst. B 40, 92 (1984).
    "pyrophanite": built(
        "Mn Ti O",
        [(0, 0, 0.3600), (0, 0, 0.1476), (0.3189, 0.0310, 0.2439)],
        148,
        hexagonal(5.139, 14.283),
    ),
    # A. Boulineau et al., Solid State Ionics 180, 1652 (2010).
    "lithium-manganate": built(
        "Li Li Li Mn O O",
        [
            (0, 1 / 2, 0),
            (0, 0, 1 / 2),
            (0, 0.6606, 1 / 2),
            (0, 0.1671, 0),
            (0.2189, 0, 0.2273),
            (0.2540, 0.3212, 0.2233),
        ],
        12,
        cell_of(4.937, 8.532, 5.030, 109.46),
    ),
    # J. C. Bouloux et al., J. Solid State Chem. 38, 34 (1981), rounded.
    "strontium-manganate": layered_perovskite("Sr Mn O O", 3.787, 12.496, 0.3556, 0.155),
    # W. I. F. David et al., J. Solid State Chem. 67, 316 (1987).
    "lithium-manganese-spinel": spinel("Li Mn O", 8.245, 0.263),
    # W. L. Roth, J. Phys. (Paris) 25, 507 (1964), without inversion.
    "galaxite": spinel("Mn Al O", 8.242, 0.265),
    # J. M. Hastings, L. M. Corliss, Phys. Rev. 126, 556 (1962).
    "manganese-chromite": spinel("Mn Cr O", 8.437, 0.2642),
    # J. M. Hastings, L. M. Corliss, Phys. Rev. 104, 328 (1956), without inversion.
    "jacobsite": spinel("Mn Fe O", 8.50, 0.2602),
    # B. B. van Aken et al., Acta Cryst. C 57, 230 (2001).
    "yttrium-manganite": built(
        "Y Y Mn O O O O",
        [
            (0, 0, 0.2743),
            (1 / 3, 2 / 3, 0.2330),
            (0.3352, 0, 0),
            (0.3083, 0, 0.1627),
            (0.6413, 0, 0.3363),
            (0, 0, 0.4744),
            (1 / 3, 2 / 3, 0.0169),
        ],
        185,
        hexagonal(6.1387, 11.4071),
    ),
    # J. A. Alonso et al., J. Phys.: Condens. Matter 9, 8515 (1997), rounded.
    "yttrium-dimanganite": built(
        "Y Mn Mn O O O O",
        [
            (0.139, 0.172, 0),
            (0, 1 / 2, 0.256),
            (0.410, 0.350, 1 / 2),
            (0, 0, 0.271),
            (0.162, 0.446, 0),
            (0.153, 0.435, 1 / 2),
            (0.397, 0.208, 0.245),
        ],
        55,
        cell_of(7.27, 8.47, 5.67),
    ),
    # --- vanadium
    # J. M. Longo, P. Kierkegaard, Acta Chem. Scand. 24, 420 (1970).
    "vanadium-dioxide": built(
        "V O O",
        [(0.2395, 0.9789, 0.0265), (0.1062, 0.2119, 0.2086), (0.4005, 0.7026, 0.2988)],
        14,
        cell_of(5.7517, 4.5378, 5.3825, 122.65),
    ),
    # D. B. McWhan et al., Phys. Rev. B 10, 490 (1974).
    "hot-vanadium-dioxide": rutile("V O", 4.5546, 2.8514, 0.3001),
    # W. R. Robinson, Acta Cryst. B 31, 1153 (1975).
    "karelianite": corundum("V O", 4.9515, 14.003, 0.3463, 0.3116),
    # M. J. Rey et al., J. Solid State Chem. 86, 101 (1990), both.
    "strontium-vanadate": built(
        "Sr V O", [(0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0)], 221, [3.8425] * 3 + [90] * 3
    ).repeat(2),
    "layered-strontium-vanadate": layered_perovskite("Sr V O O", 3.837, 12.569, 0.3548, 0.158),
    # P. Bordet et al., J. Solid State Chem. 106, 253 (1993), rounded.
    "lanthanum-vanadate": perovskite(
        "La V O O",
        cell_of(5.553, 7.849, 5.555),
        (0.029, -0.005),
        (0.488, 0.071),
        (0.284, 0.039, 0.716),
    ),
    # W. Rüdorff, B. Reuter, Z. anorg. Chem. 253, 194 (1947), cell; oxygen as in other spinels of V.
    "magnesium-vanadium-spinel": spinel("Mg V O", 8.42, 0.260),
    # R. Plumier, M. Sougi, Solid State Commun. 64, 53 (1987), rounded.
    "manganese-vanadium-spinel": spinel("Mn V O", 8.52, 0.263),
    # B. C. Chakoumakos et al., J. Solid State Chem. 113, 159 (1994); the oxygen of the scandium
    # and lutetium compounds put where vanadium is as far as in the yttrium compound.
    "yttrium-vanadate": zircon("Y V O", 7.118, 6.289, 0.4346, 0.2024),
    "lutetium-vanadate": zircon("Lu V O", 7.026, 6.233, 0.4364, 0.2012),
    "scandium-vanadate": zircon("Sc V O", 6.780, 6.135, 0.4422, 0.1985),
    # E. E. Sauerbrei et al., Acta Cryst. B 29, 2304 (1973), rounded.
    "nickel-vanadate": built(
        "Ni Ni V O O O",
        [
            (0, 0, 0),
            (1 / 4, 0.130, 1 / 4),
            (0, 0.376, 0.120),
            (0, 0.248, 0.231),
            (0, 0.001, 0.244),
            (0.266, 0.119, 0.000),
        ],
        64,
        cell_of(5.931, 11.374, 8.235),
    ),
    # R. Enjalbert, J. Galy, Acta Cryst. C 42, 1467 (1986).
    "shcherbinaite": built(
        "V O O O",
        [
            (0.1012, 1 / 4, 0.8917),
            (0.1043, 1 / 4, 0.531),
            (0.9311, 1 / 4, 0.003),
            (1 / 4, 1 / 4, 0.001),
        ],
        59,
        cell_of(11.512, 3.564, 4.368),
        setting=2,
    ).repeat((1, 2, 2)),
    # H. G. von Schnering et al., Z. Krist. 213, 246 (1998), rounded.
    "sodium-vanadium-oxide": built(
        "Na V O O O",
        [
            (1 / 4, 3 / 4, 0.859),
            (0.0979, 1 / 4, 0.608),
            (1 / 4, 1 / 4, 0.481),
            (0.573, 1 / 4, 0.488),
            (0.1145, 1 / 4, 0.942),
        ],
        59,
        cell_of(11.311, 3.610, 4.800),
        setting=2,
    ).repeat((1, 2, 2)),
}

# Three snapshots instead of two where five neighbours are, which is rare.
OFTEN = {
    "lutetium-ferrite",
    "ytterbium-ferrite",
    "barium-ferrite",
    "yttrium-manganite",
    "yttrium-dimanganite",
    "shcherbinaite",
    "sodium-vanadium-oxide",
}

OXYGEN = {
    "hematite",
    "wustite",
    "magnetite",
    "strontium-ferrate",
    "iron-phosphate",
    "delafossite",
    "sodium-ferrite",
    "zinc-ferrite",
    "lanthanum-ferrite",
    "strontium-iron-dioxide",
    "brownmillerite",
    "manganosite",
    "pyrolusite",
    "hausmannite",
    "calcium-manganite",
    "lithium-manganate",
    "manganese-sesquioxide",
    "lithium-manganese-spinel",
    "strontium-manganate",
    "vanadium-dioxide",
    "karelianite",
    "strontium-vanadate",
    "layered-strontium-vanadate",
    "magnesium-vanadium-spinel",
    "yttrium-vanadate",
    "shcherbinaite",
    "sodium-vanadium-oxide",
}

RECIPE = """# {absorber} K edge of {count} oxides, by make_structures.py: docs/many-compounds.md.

licence = "CC0-1.0"
window_eV = [-5, 25]

[engine]
name = "feff"
edge = "K"
# Self-consistent potentials, 12 s of one core a site. New densities are mixed in slowly: with the
# default of 0.3 more of such sites fail to converge.
[engine.settings]
scf_mixing = 0.1
fms_radius_A = 3.6

[scheme]
name = "{absorber} in oxides of vanadium, manganese and iron"
absorber = "{absorber}"

[scheme.neighbours]
elements = [{neighbours}]
cutoff_A = 2.6
"""
CLASS = """
[[scheme.classes]]
label = "{count} {word}"
coordination = {count}
"""
FILE = """
[[files]]
path = "structures/{name}.extxyz"
trajectory = "{name}"
space_group = "{group}"
sites = {sites}
"""


def iron_oxides() -> dict[str, Atoms]:
    """Crystals of the other example."""
    path = Path(__file__).resolve().parent.parent / "iron-oxides" / "make_structures.py"
    spec = importlib.util.spec_from_file_location("iron_oxides", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CRYSTALS


def all_crystals() -> dict[str, Atoms]:
    """Every perfect crystal by its name."""
    return iron_oxides() | CRYSTALS


def kinds(perfect: Atoms, element: str) -> list[int]:
    """First atom of every kind of sites of an element."""
    mine = np.flatnonzero(perfect.symbols == element)
    _, first = np.unique(perfect.arrays["spacegroup_kinds"][mine], return_index=True)
    return sorted(int(mine[index]) for index in first)


def snapshots(perfect: Atoms, count: int, seed: int) -> list[Atoms]:
    """Copies with displaced atoms and stretched cells."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        frame = Atoms(perfect.symbols, perfect.positions, cell=perfect.cell, pbc=True)
        frame.set_cell(frame.cell * (1 + rng.normal(scale=STRAIN)), scale_atoms=True)
        frame.positions += rng.normal(scale=DISPLACEMENT_A, size=frame.positions.shape)
        frames.append(frame)
    return frames


def recipe(absorber: str, crystals: dict[str, Atoms]) -> str:
    """Recipe of the library of one absorber."""
    oxygen = absorber == "O"
    neighbours, word = (["V", "Mn", "Fe"], "M") if oxygen else (["O"], "O")
    chosen = {
        name: perfect
        for name, perfect in crystals.items()
        if (name in OXYGEN if oxygen else absorber in perfect.symbols)
    }
    text = RECIPE.format(
        absorber=absorber,
        count=len(chosen),
        neighbours=", ".join(f'"{element}"' for element in neighbours),
    )
    for count in (1, 2, 3, 4, 6) if oxygen else (4, 5, 6):
        text += CLASS.format(count=count, word=word)
    for name, perfect in chosen.items():
        group = perfect.info["spacegroup"].symbol
        text += FILE.format(name=name, group=group, sites=kinds(perfect, absorber))
        # They have so many kinds of sites that one snapshot of each is enough.
        text += "snapshots = [0]\n" if absorber in ("Fe", "O") else ""
    return text


def main() -> None:
    """Write the files."""
    here = Path(__file__).resolve().parent
    (here / "structures").mkdir(exist_ok=True)
    crystals = all_crystals()
    for number, (name, perfect) in enumerate(crystals.items()):
        ase.io.write(
            here / "structures" / f"{name}.extxyz",
            snapshots(perfect, 3 if name in OFTEN else 2, number),
            format="extxyz",
            columns=["symbols", "positions"],
        )
    for absorber in ("Fe", "Mn", "V", "O"):
        (here / f"{absorber}.toml").write_text(recipe(absorber, crystals), encoding="utf-8")


if __name__ == "__main__":
    main()
