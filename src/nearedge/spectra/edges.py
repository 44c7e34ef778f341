"""Tabulated absorption edges, to tell which edge an absolute spectrum shows.

Electron binding energies in eV of the elements in their natural forms: X-Ray Data Booklet (Lawrence
Berkeley National Laboratory, LBNL/PUB-490, 3rd edition, 2009), table 1-1, compiled by G. P.
Williams. They are relative to the Fermi level for metals, to the valence-band top for
semiconductors, and to the vacuum for rare gases, N2, O2, F2 and Cl2; oxides therefore show the
oxygen K edge some 13 eV below its tabulated 543.1 eV.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError
from nearedge.spectra.axis import check_axis

# fmt: off
_EDGES_EV = {
    "K": {
        "Li": 54.7, "Be": 111.5, "B": 188.0, "C": 284.2, "N": 409.9, "O": 543.1, "F": 696.7,
        "Ne": 870.2, "Na": 1070.8, "Mg": 1303.0, "Al": 1559.6, "Si": 1839.0, "P": 2145.5,
        "S": 2472.0, "Cl": 2822.4, "Ar": 3205.9, "K": 3608.4, "Ca": 4038.5, "Sc": 4492.0,
        "Ti": 4966.0, "V": 5465.0, "Cr": 5989.0, "Mn": 6539.0, "Fe": 7112.0, "Co": 7709.0,
        "Ni": 8333.0, "Cu": 8979.0, "Zn": 9659.0, "Ga": 10367.0, "Ge": 11103.0, "As": 11867.0,
        "Se": 12658.0, "Br": 13474.0, "Kr": 14326.0,
    },
    "L3": {
        "Sc": 398.7, "Ti": 453.8, "V": 512.1, "Cr": 574.1, "Mn": 638.7, "Fe": 706.8, "Co": 778.1,
        "Ni": 852.7, "Cu": 932.7, "Zn": 1021.8,
    },
}
# fmt: on

# Natural widths in eV of the levels above: M. O. Krause, J. H. Oliver, J. Phys. Chem. Ref. Data 8,
# 329 (1979); of elements before neon O. Keski-Rahkonen, M. O. Krause, At. Data Nucl. Data Tables
# 14, 139 (1974).
# fmt: off
_WIDTHS_EV = {
    "K": {
        "Li": 0.04, "Be": 0.05, "B": 0.06, "C": 0.09, "N": 0.12, "O": 0.16, "F": 0.21, "Ne": 0.24,
        "Na": 0.30, "Mg": 0.36, "Al": 0.42, "Si": 0.48, "P": 0.53, "S": 0.59, "Cl": 0.64,
        "Ar": 0.68, "K": 0.74, "Ca": 0.81, "Sc": 0.86, "Ti": 0.94, "V": 1.01, "Cr": 1.08,
        "Mn": 1.16, "Fe": 1.25, "Co": 1.33, "Ni": 1.44, "Cu": 1.55, "Zn": 1.67, "Ga": 1.82,
        "Ge": 1.96, "As": 2.14, "Se": 2.33, "Br": 2.52, "Kr": 2.75,
    },
    "L3": {
        "Sc": 0.19, "Ti": 0.22, "V": 0.24, "Cr": 0.27, "Mn": 0.32, "Fe": 0.36, "Co": 0.43,
        "Ni": 0.48, "Cu": 0.56, "Zn": 0.65,
    },
}
# fmt: on

# What a monochromator adds: a soft X-ray grating 0.1 to 0.5 eV, a silicon (111) crystal 0.14 per
# thousand of the energy.
_GRATING_EV = 0.3
_CRYSTAL = 1.4e-4
# Of an edge that is not in the tables.
_UNKNOWN_FWHM_EV = 1.0

# Symbols, hydrogen to lawrencium, which a header may name as the absorber.
# fmt: off
ELEMENTS = frozenset(
    {
        "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P",
        "S", "Cl", "Ar", "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn",
        "Ga", "Ge", "As", "Se", "Br", "Kr", "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru",
        "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe", "Cs", "Ba", "La", "Ce",
        "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf",
        "Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn",
        "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm",
        "Md", "No", "Lr",
    }
)
# fmt: on

# Oxidation raises an edge by less than 10 eV; measuring from the vacuum (O2, N2, F2) puts the
# tabulated value up to 15 eV above the edge of a solid, and calibrations are off by a few eV.
_EDGE_ABOVE_TABLE_EV = 10.0
_EDGE_BELOW_TABLE_EV = 20.0


def tabulated_edge_eV(element: str, edge: str) -> float:
    """Look up an absorption edge.

    Parameters
    ----------
    element
        Chemical symbol: Li to Kr for the K edge, Sc to Zn for L3.
    edge
        ``"K"`` or ``"L3"``.

    Returns
    -------
    float
        Binding energy of the core level in eV.

    Raises
    ------
    NearedgeError
        If the edge is not in the table.

    Examples
    --------
    >>> tabulated_edge_eV("Fe", "K")
    7112.0
    """
    if edge not in _EDGES_EV:
        raise NearedgeError(f"no table of {edge} edges; there are {', '.join(_EDGES_EV)}")
    if element not in _EDGES_EV[edge]:
        known = list(_EDGES_EV[edge])
        raise NearedgeError(
            f"no {edge} edge of {element!r} in the table, which goes from {known[0]} to {known[-1]}"
        )
    return _EDGES_EV[edge][element]


def typical_fwhm_eV(element: str, edge: str) -> float:
    """Full width that a measurement has where nothing better is known, to 0.1 eV.

    The core level's natural width and that of a monochromator, added up; 1 eV for an edge that is
    not in the tables.

    Examples
    --------
    >>> typical_fwhm_eV("O", "K"), typical_fwhm_eV("Fe", "K")
    (0.5, 2.2)
    """
    if element not in _WIDTHS_EV.get(edge, {}):
        return _UNKNOWN_FWHM_EV
    monochromator_eV = max(_GRATING_EV, _CRYSTAL * _EDGES_EV[edge][element])
    return round(_WIDTHS_EV[edge][element] + monochromator_eV, 1)


def is_near_edge(energy_eV: Float[np.ndarray, " energy"], element: str, edge: str) -> bool:
    """Tell whether absolute energies can show an edge.

    They can if they start at most 10 eV above its tabulated energy and end at most 20 eV below it,
    the range in which chemical shifts and references put the edge of a solid.

    Parameters
    ----------
    energy_eV
        Increasing absolute energies.
    element, edge
        As for `tabulated_edge_eV`.

    Returns
    -------
    bool
        Whether the edge may lie within the energies.

    Raises
    ------
    NearedgeError
        If the edge is not in the table, or the energies do not increase.

    Examples
    --------
    >>> is_near_edge(np.linspace(525.0, 560.0, 351), "O", "K")
    True
    >>> is_near_edge(np.linspace(7080.0, 7200.0, 241), "O", "K")
    False
    """
    check_axis(energy_eV, "edge")
    tabulated_eV = tabulated_edge_eV(element, edge)
    return bool(
        energy_eV[0] <= tabulated_eV + _EDGE_ABOVE_TABLE_EV
        and energy_eV[-1] >= tabulated_eV - _EDGE_BELOW_TABLE_EV
    )
