"""The files that pw.x and xspectra.x read.

Keywords and units: PW/Doc/INPUT_PW and XSpectra/Doc/INPUT_XSPECTRA of Quantum ESPRESSO.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nearedge.engines.xspectra_pseudo import CORE_FILE, core_hole_file, plain_file
from nearedge.errors import EngineError

if TYPE_CHECKING:
    from ase import Atoms

PREFIX = "pwscf"
SAVE = "out"
"""Where pw.x leaves its results, below the folder of a run."""

POLARISATIONS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
"""Cartesian; their mean is the isotropic average of a dipole spectrum in any crystal."""

# Names that nearedge writes itself, without the index of a species.
OWN_NAMES = frozenset(
    (
        *("ibrav", "celldm", "a", "b", "c", "cosab", "cosac", "cosbc", "nat", "ntyp"),
        *("tot_charge", "ecutwfc", "occupations", "smearing", "degauss"),
        *("conv_thr", "electron_maxstep"),
    )
)


def supercell(structure: Atoms, image_distance_A: float) -> Atoms:
    """Repeat a structure until an atom is that far from its periodic images.

    The first atoms of the result are those of the structure, in its order.

    Raises
    ------
    EngineError
        If the structure has no cell.

    Examples
    --------
    >>> from ase import Atoms
    >>> len(supercell(Atoms("O", cell=[4.0, 5.0, 9.0]), 9.0))
    6
    """
    if structure.cell.rank < 3:
        raise EngineError("the structure has no cell, which pw.x needs; put it into a box")
    heights_A = 1 / np.linalg.norm(structure.cell.reciprocal(), axis=1)
    # Rounding must not add a whole repeat.
    return structure.repeat(np.ceil(image_distance_A / heights_A - 1e-6).astype(int).tolist())


def mesh(structure: Atoms, length_A: float) -> tuple[int, int, int]:
    """k-points along each cell vector, so that their number times its length is that long.

    Examples
    --------
    >>> from ase import Atoms
    >>> mesh(Atoms("O", cell=[4.0, 5.0, 9.0]), 9.0)
    (3, 2, 1)
    """
    first, second, third = np.ceil(length_A / structure.cell.lengths() - 1e-6).astype(int).tolist()
    return max(first, 1), max(second, 1), max(third, 1)


def pw_input(
    structure: Atoms,
    hole: int | None,
    kpoints: Sequence[int],
    system: Mapping[str, str],
    electrons: Mapping[str, str],
) -> str:
    """Input of a self-consistent run of pw.x, in angstrom.

    Parameters
    ----------
    structure
        The supercell.
    hole
        The atom with a core hole, a species of its own, which comes first; the electron is taken
        out of the cell (``tot_charge = 1``). None for the ground state.
    kpoints
        Mesh with its origin in the zone's centre.
    system, electrons
        Further keywords of these namelists. An element in parentheses stands for the numbers of
        its species: ``starting_magnetization(Fe)``.

    Raises
    ------
    EngineError
        If a keyword names an element that the structure does not hold.

    Examples
    --------
    >>> from ase.build import bulk
    >>> text = pw_input(bulk("MgO", "rocksalt", a=4.2), 1, (2, 2, 2), {}, {})
    >>> [line for line in text.splitlines() if line.startswith("O")]
    ['O1 15.999 O.star1s.UPF', 'O1 2.100000000000 0.000000000000 0.000000000000']
    """
    symbols = structure.get_chemical_symbols()
    labels, places = list(symbols), structure.positions
    species = {element: (element, plain_file(element)) for element in dict.fromkeys(symbols)}
    if hole is not None:
        element = symbols[hole]
        labels[hole] = f"{element}1"
        species = {labels[hole]: (element, core_hole_file(element)), **species}
        # The absorber may have been the only atom of its element.
        species = {label: entry for label, entry in species.items() if label in labels}
    elements = [element for element, _ in species.values()]
    system = {
        "ibrav": "0",
        "nat": str(len(structure)),
        "ntyp": str(len(species)),
        "tot_charge": "0.0" if hole is None else "1.0",
        **_by_species(system, elements),
    }
    control = {
        "calculation": "'scf'",
        "prefix": f"'{PREFIX}'",
        "outdir": f"'./{SAVE}'",
        "pseudo_dir": "'..'",
    }
    from ase.data import atomic_masses, atomic_numbers

    parts = [
        *(
            namelist(name, keywords)
            for name, keywords in (
                ("control", control),
                ("system", system),
                ("electrons", _by_species(electrons, elements)),
            )
        ),
        "CELL_PARAMETERS angstrom",
        *(_numbers(row) for row in structure.cell.array),
        "ATOMIC_SPECIES",
        *(
            f"{label} {atomic_masses[atomic_numbers[element]]:.3f} {file}"
            for label, (element, file) in species.items()
        ),
        "ATOMIC_POSITIONS angstrom",
        *(f"{label} {_numbers(row)}" for label, row in zip(labels, places, strict=True)),
        "K_POINTS automatic",
        f"{' '.join(map(str, kpoints))} 0 0 0",
    ]
    return "\n".join(parts) + "\n"


def xspectra_input(
    polarisation: Sequence[float],
    zero_eV: float,
    kpoints: Sequence[int],
    broaden_eV: float,
    iterations: int,
    window_eV: tuple[float, float],
    points: int,
) -> str:
    """Input of xspectra.x for the first species of the run in the same folder.

    Occupied states are cut at the zero. The steps of that integral are wider than the program's
    own: the run takes a third of the time, and 1e-5 of the highest peak changes (Li2O, O K).

    Parameters
    ----------
    polarisation
        Cartesian direction.
    zero_eV
        Energy among the run's eigenvalues below which states are occupied.
    kpoints
        Mesh of the final states.
    broaden_eV
        Half width at half maximum of the Lorentzian.
    iterations
        At most, of the Lanczos recursion.
    window_eV, points
        Ends of the spectrum relative to the zero, and its points.

    Examples
    --------
    >>> text = xspectra_input((1.0, 0.0, 0.0), 2.5, (2, 2, 2), 0.3, 99, (-9.0, 9.0), 19)
    >>> [line for line in text.splitlines() if "xe0" in line]
    ['  xe0 = 2.5000000000']
    """
    start_eV, stop_eV = window_eV
    lists = {
        "input_xspectra": {
            "calculation": "'xanes_dipole'",
            "edge": "'K'",
            "prefix": f"'{PREFIX}'",
            "outdir": f"'./{SAVE}'",
            "xiabs": "1",
            "xcoordcrys": ".false.",
            **{f"xepsilon({i})": f"{value:.1f}" for i, value in enumerate(polarisation, start=1)},
            "xe0": f"{zero_eV:.10f}",
            "xniter": str(iterations),
            "xcheck_conv": str(min(50, iterations)),
            "xerror": "0.001",
        },
        "plot": {
            "xnepoint": str(points),
            "xemin": f"{start_eV:g}",
            "xemax": f"{stop_eV:g}",
            "xgamma": f"{broaden_eV:g}",
            "terminator": ".true.",
            "cut_occ_states": ".true.",
        },
        "pseudos": {"filecore": f"'../{CORE_FILE}'"},
        "cut_occ": {"cut_desmooth": "0.1", "cut_stepl": "0.05", "cut_stepu": "0.05"},
    }
    parts = [namelist(name, keywords) for name, keywords in lists.items()]
    return "\n".join([*parts, f"{' '.join(map(str, kpoints))} 0 0 0"]) + "\n"


def namelist(name: str, keywords: Mapping[str, str]) -> str:
    """A Fortran namelist.

    Examples
    --------
    >>> print(namelist("plot", {"xgamma": "0.3"}))
    &plot
      xgamma = 0.3
    /
    """
    return "\n".join([f"&{name}", *(f"  {key} = {value}" for key, value in keywords.items()), "/"])


def _by_species(keywords: Mapping[str, str], elements: Sequence[str]) -> dict[str, str]:
    """Replace an element in parentheses by the numbers of its species, counted from 1."""
    found: dict[str, str] = {}
    for key, value in keywords.items():
        named = re.fullmatch(r"(\w+)\(([A-Za-z]+)\)", key)
        if named is None:
            found[key] = value
            continue
        name, element = named.groups()
        if element not in elements:
            raise EngineError(f"{key}: the structure holds no {element}; leave it out")
        for number, other in enumerate(elements, start=1):
            if other == element:
                found[f"{name}({number})"] = value
    return found


def _numbers(row: np.ndarray) -> str:
    return " ".join(f"{value:.12f}" for value in row)
