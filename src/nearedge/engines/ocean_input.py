"""The files that OCEAN reads: ``ocean.in`` and one ``photon`` file per polarisation.

Keywords and units are those of the user's guide (DOC/OceanDoc.tex) and of the table of names in
Common/parseJSON.pl, both in github.com/times-software/OCEAN. OCEAN 3 translates these names to its
new ones by that table, and older versions know no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nearedge.errors import EngineError, NearedgeError
from nearedge.spectra import tabulated_edge_eV

if TYPE_CHECKING:
    from ase import Atoms

OPERATORS = ("dipole", "quad")

# Polarisation and direction of the photon, orthogonal to each other.
_PHOTONS = (("1 0 0", "0 0 1"), ("0 1 0", "1 0 0"), ("0 0 1", "0 1 0"))

PHOTONS = len(_PHOTONS)
"""Number of polarisations in a run."""


class CoreLevel(NamedTuple):
    """Initial state of an edge: principal and angular quantum number, and OCEAN's word for it."""

    n: int
    l: int  # noqa: E741 (its name in OCEAN and in physics)
    label: str


_LEVELS = {"K": CoreLevel(1, 0, "1s"), "L3": CoreLevel(2, 1, "2p")}


def core_level(edge: str) -> CoreLevel:
    """Initial state of an edge.

    Raises
    ------
    EngineError
        For an edge without tabulated energies, which the photon files need.

    Examples
    --------
    >>> core_level("K").label
    '1s'
    """
    if edge not in _LEVELS:
        raise EngineError(f"no edge {edge!r}; give one of {', '.join(_LEVELS)}")
    return _LEVELS[edge]


def index_of_its_element(structure: Atoms, site: int) -> int:
    """Count a site as OCEAN does: from 1, among the atoms of its element, in structure order.

    Examples
    --------
    >>> from ase import Atoms
    >>> index_of_its_element(Atoms("OLiOLi"), 2)
    2
    """
    numbers = structure.numbers
    return int(np.count_nonzero(numbers[: site + 1] == numbers[site]))


def ocean_input(
    structure: Atoms, edges: Sequence[tuple[int, int, int]], keywords: Mapping[str, str]
) -> str:
    """Text of ``ocean.in``: the structure, the edges to run, and the other keywords as given.

    Lengths are in bohr (``acell`` is 1, ``rprim`` holds the cell vectors in rows). Atoms stay in
    structure order, each element being one type.

    Parameters
    ----------
    structure
        With a cell; OCEAN repeats it in all directions.
    edges
        Per edge three numbers: the atom, counted from 1, or minus an atomic number for all atoms
        of that element; the principal and the angular quantum number (Common/edges.pl).
    keywords
        Further keywords and their values.

    Raises
    ------
    EngineError
        If the structure has no cell.

    Examples
    --------
    >>> from ase.build import bulk
    >>> text = ocean_input(bulk("MgO", "rocksalt", a=4.2), [(-8, 1, 0)], {"dft": "qe"})
    >>> print(text.splitlines()[0])
    dft { qe }
    """
    from ase.units import Bohr

    if structure.cell.rank < 3:
        raise EngineError("the structure has no cell, which OCEAN needs; put it into a box")
    znucl = list(dict.fromkeys(structure.numbers.tolist()))
    typat = [znucl.index(number) + 1 for number in structure.numbers]
    cards = {
        **keywords,
        "acell": "1 1 1",
        "rprim": _rows(structure.cell.array / Bohr),
        "ntypat": str(len(znucl)),
        "znucl": " ".join(map(str, znucl)),
        "natom": str(len(structure)),
        "typat": _rows(np.array(typat)[:, None]),
        "xred": _rows(structure.get_scaled_positions(wrap=False)),
        "nedges": str(len(edges)),
        "edges": _rows(np.array(edges)),
    }
    return "".join(f"{name} {{ {value} }}\n" for name, value in cards.items())


OWN_KEYWORDS = frozenset(
    (
        *("acell", "rprim", "ntypat", "znucl", "natom", "typat", "xred", "nedges", "edges"),
        *("xangst", "xbohr", "coord"),
    )
)
"""What `ocean_input` writes from the structure, and what would contradict it."""


def photon_files(element: str, edge: str, operator: str) -> dict[str, str]:
    """Contents of the photon files by name: light polarised along x, y and z.

    A file holds the operator, the polarisation, the direction of the photon and its energy in eV
    (examples in github.com/times-software/OCEAN, and Common/photon.pl). Three directions average
    the dipole part of any crystal exactly, a quadrupole part only roughly.

    Raises
    ------
    EngineError
        If the edge's energy is not in the table.

    Examples
    --------
    >>> print(photon_files("O", "K", "dipole")["photon1"])
    dipole
    cartesian 1 0 0
    end
    cartesian 0 0 1
    end
    543.1
    <BLANKLINE>
    """
    energy_eV = edge_eV(element, edge)
    return {
        f"photon{number}": f"{operator}\ncartesian {polarisation}\nend\n"
        f"cartesian {direction}\nend\n{energy_eV:.1f}\n"
        for number, (polarisation, direction) in enumerate(_PHOTONS, start=1)
    }


def edge_eV(element: str, edge: str) -> float:
    """Tabulated energy of the edge in eV; EngineError if there is none.

    Examples
    --------
    >>> edge_eV("Fe", "K")
    7112.0
    """
    try:
        return tabulated_edge_eV(element, edge)
    except NearedgeError as error:
        raise EngineError(str(error)) from error


def _rows(values: np.ndarray) -> str:
    form = "d" if np.issubdtype(values.dtype, np.integer) else ".12f"
    rows = (" ".join(format(value, form) for value in row) for row in values)
    return "\n" + "\n".join(f"  {row}" for row in rows) + "\n"
