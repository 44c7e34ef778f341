"""Crystals from CIF files, definite ones only."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearedge.errors import NearedgeError

if TYPE_CHECKING:
    from ase import Atoms

# Current and superseded names of the same items in the core CIF dictionary, as ASE spells them.
_OPERATIONS = (
    "_space_group_symop_operation_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
)
_GROUP_NAMES = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m")
_GROUP_NUMBERS = (
    "_space_group_it_number",
    "_space_group.it_number",
    "_symmetry_int_tables_number",
)
_FULL_OCCUPANCY = 1e-3
_SAME_FRACTION = 5e-3


def read_cif(file: Path) -> list[Atoms]:
    """Read every crystal of a CIF file, all sites of the cell written out.

    The file's own symmetry operations are used, whatever the space group is called; only where
    there are none does its name decide.

    Parameters
    ----------
    file
        One file, of one or more data blocks; blocks without sites are passed over.

    Returns
    -------
    list of ase.Atoms
        Periodic in all directions, with ``info["space_group"]`` where the file names it.

    Raises
    ------
    NearedgeError
        If a site is partly occupied, the symmetry is not stated, or the sites contradict the
        formula. Whatever ASE raises on a damaged file passes through.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from ase.build import bulk
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "magnesia.cif")
    ...     bulk("MgO", "rocksalt", a=4.2).write(file)
    ...     [crystal] = read_cif(file)
    >>> crystal.get_chemical_formula(), crystal.info
    ('MgO', {'space_group': 'P 1'})
    """
    from ase.io.cif import parse_cif

    structures = []
    with file.open("rb") as stream, warnings.catch_warnings():
        # ASE warns of much that is harmless, and of rows of a table that it leaves out.
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message="Wrong number")
        for block in parse_cif(stream):
            if block.has_structure():
                _refuse_partial_occupancy(file, block)
                structure = _all_sites(file, block)
                _refuse_contradiction(file, block, structure)
                structures.append(structure)
    return structures


def _all_sites(file: Path, block: Any) -> Atoms:
    from ase import Atoms
    from ase.spacegroup import crystal
    from ase.spacegroup.spacegroup import spacegroup_from_data

    if block.get_cell().rank < 3:
        raise NearedgeError(
            f"{file}: lengths or angles of the cell are missing; add all of _cell_length_a, _b, _c "
            f"and _cell_angle_alpha, _beta, _gamma"
        )
    operations = _first(block, _OPERATIONS)
    name, number = _first(block, _GROUP_NAMES), _first(block, _GROUP_NUMBERS)
    if operations:
        listed = [operations] if isinstance(operations, str) else operations
        # ASE knows groups by number only; with operations given, the number changes nothing.
        group: Any = spacegroup_from_data(
            no=1, setting=1, sitesym=listed, subtrans=[(0.0, 0.0, 0.0)]
        )
    elif name or number:
        group = block.get_spacegroup(subtrans_included=True)
    else:
        raise NearedgeError(
            f"{file}: states neither symmetry operations nor a space group; add "
            f"_space_group_name_H-M_alt ('P 1' if every site of the cell is listed)"
        )
    sites = crystal(
        block.get_unsymmetrized_structure(), spacegroup=group, onduplicates="error", pbc=True
    )
    structure = Atoms(sites.numbers, positions=sites.positions, cell=sites.cell, pbc=True)
    if name:
        structure.info["space_group"] = str(name)
    return structure


def _refuse_partial_occupancy(file: Path, block: Any) -> None:
    occupancies = block.get("_atom_site_occupancy") or []
    labels = block.get("_atom_site_label") or block.get_symbols()
    partial = [
        f"{label} ({occupancy:g})"
        for label, occupancy in zip(labels, occupancies, strict=True)
        if isinstance(occupancy, int | float) and abs(occupancy - 1.0) > _FULL_OCCUPANCY
    ]
    if partial:
        more = f" and {len(partial) - 3} more" if len(partial) > 3 else ""
        raise NearedgeError(
            f"{file}: sites that are not fully occupied: {', '.join(partial[:3])}{more}; a "
            f"structure needs definite atoms, so give an ordered cell with every site full or empty"
        )


def _refuse_contradiction(file: Path, block: Any, structure: Atoms) -> None:
    """Compare sites and formula: a table that was cut short leaves no other trace."""
    formula = str(block.get("_chemical_formula_sum", "")).strip()
    if not re.fullmatch(r"(?:[A-Z][a-z]?\s*\d*\.?\d*\s*)+", formula):
        return
    stated: Counter[str] = Counter()
    for element, count in re.findall(r"([A-Z][a-z]?)\s*(\d*\.?\d*)", formula):
        # In millionths, since a formula may have decimals.
        stated["H" if element == "D" else element] += round(float(count or 1) * 1e6)
    found = Counter(structure.get_chemical_symbols())
    if any(
        abs(stated[element] / stated.total() - found[element] / found.total()) > _SAME_FRACTION
        for element in stated | found
    ):
        raise NearedgeError(
            f"{file}: its formula is {' '.join(formula.split())}, but its sites make "
            f"{structure.get_chemical_formula()}; a site is missing or wrong (truncated file?), "
            f"complete the sites or correct the formula"
        )


def _first(block: Any, keys: Iterable[str]) -> Any:
    """Return the first value that is stated; CIF writes ? and . for those that are not."""
    return next((block[key] for key in keys if block.get(key) not in (None, "", "?", ".")), None)
