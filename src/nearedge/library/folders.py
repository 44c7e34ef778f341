"""Importing a folder with one sub-folder per site, each with a structure and a spectrum."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nearedge.environments import label_sites, scheme_for
from nearedge.errors import NearedgeError, UsageError
from nearedge.library.axis import structure_on_axis
from nearedge.library.columns import add_structure, joined
from nearedge.library.importing import check_edge, imported_attributes, on_one_zero
from nearedge.library.replace import alone_at, refuse_existing
from nearedge.library.schema import LIBRARY_AXIS, library_axis, site_dataset
from nearedge.library.store import write_library
from nearedge.spectra import EnergyGrid, Spectrum, read_spectra
from nearedge.structures import read_structures

if TYPE_CHECKING:
    from ase import Atoms

Progress = Callable[[str, int, int], None]

_HOLES = {
    "material": r"(?P<material>[^/]+?)",
    "site": r"(?P<site>\d+)",
    "number": r"(?P<number>\d+)",
    "absorber": r"(?P<absorber>[A-Z][a-z]?)",
}
# Positions in files of two programs differ in the last digits that each writes.
_SAME_A = 1e-3


@dataclass(frozen=True)
class ImportReport:
    """What an import of a folder did.

    Attributes
    ----------
    sites, structures, materials
        In the library.
    other_absorbers
        Folders that are of other absorbers, by their names.
    left_out
        Folder of each site without a class or a usable spectrum, and why.
    """

    sites: int
    structures: int
    materials: int
    other_absorbers: int
    left_out: Mapping[str, str]


class _Found(NamedTuple):
    """A folder of a site: its path below the whole, and what its name says."""

    folder: str
    material: str
    site: int


def import_folder(
    folder: str | os.PathLike[str],
    pattern: str,
    out: str | os.PathLike[str],
    *,
    absorber: str,
    scheme: str | None = None,
    edge: str = "K",
    window_eV: tuple[float, float] | None = None,
    structure_name: str = "POSCAR",
    spectrum_name: str = "xmu.dat",
    progress: Progress | None = None,
) -> ImportReport:
    """Make a library of a folder that has one sub-folder per site.

    Parameters
    ----------
    folder
        Searched as deep as it goes for folders with a spectrum.
    pattern
        What their paths below `folder` look like: ``{material}`` stands for what must not be split
        between training and test, ``{site}`` for the index of the absorbing atom counted from 0 or
        ``{number}`` for the same counted from 1, ``{absorber}`` for its element where the name has
        one, and ``*`` for anything else, as in ``"{material}/*-{site}-{absorber}"``.
    out
        Where the library goes; nothing may stand there.
    absorber
        Element whose sites are imported.
    scheme
        Name or path of the label scheme; the built-in one for the absorber if not given.
    edge
        Absorption edge.
    window_eV
        First and last energy of the library; -5 to 25 eV if not given.
    structure_name, spectrum_name
        Names of the two files in every sub-folder.
    progress
        Called with (what, done, in all) after every material.

    Returns
    -------
    ImportReport
        Sites without a class or a usable spectrum are left out and listed.

    Raises
    ------
    UsageError
        If the pattern, or anything else given, does not fit.
    NearedgeError
        If the index of any site is not that of an absorber, two folders are of one site, or no
        site can be used.
    """
    check_edge(edge)
    label_scheme = scheme_for(absorber, scheme)
    axis = LIBRARY_AXIS if window_eV is None else library_axis(*window_eV)
    refuse_existing(Path(out))
    found, others = _sites(Path(folder), pattern, absorber, spectrum_name)
    materials = _structures(Path(folder), found, structure_name, progress)
    _check_indices(materials, absorber, pattern, len(found))
    columns: dict[str, list[Any]] = {}
    structures: list[Atoms] = []
    left_out: dict[str, str] = {}
    kinds: dict[str, str] = {}
    formats: set[str] = set()
    done = 0
    for of_material in materials.values():
        for structure, sites in of_material:
            labels = label_sites(structure, label_scheme)
            done += len(sites)
            usable = []
            for site in sites:
                reason = labels.reasons.get(site.site)
                if reason:
                    left_out[site.folder] = reason
                    continue
                spectrum = _spectrum(Path(folder) / site.folder / spectrum_name)
                if isinstance(spectrum, str):
                    left_out[site.folder] = spectrum
                    continue
                usable.append((site, spectrum))
                kinds.setdefault(spectrum.axis, site.folder)
                formats.add(spectrum.format)
            if not usable:
                continue
            rows, intensity, shift, problems = _on_axis(usable, labels.atom_index, axis)
            left_out |= problems
            if rows:
                add_structure(columns, structure, labels, rows, intensity, shift, edge)
                structures.append(structure)
        if progress is not None:
            progress("spectra", done, len(found))
    if len(kinds) > 1:
        raise NearedgeError(
            f"{folder}: the spectrum of {kinds['relative']} has relative energies, that of "
            f"{kinds['absolute']} absolute ones; import each kind into a library of its own"
        )
    if not structures:
        where, reason = next(iter(left_out.items()))
        raise NearedgeError(f"{folder}: no site can be used; the first, {where}: {reason}")
    attributes = imported_attributes(
        "relative" in kinds, formats, f"a folder of {len(found)} sites ({pattern})", label_scheme
    )
    library = site_dataset(joined(columns), attributes, axis)
    with alone_at(Path(out)):
        refuse_existing(Path(out))
        write_library(out, library, structures)
    return ImportReport(
        sites=library.sizes["site"],
        structures=len(structures),
        materials=len(library["trajectory_id"].attrs["labels"]),
        other_absorbers=others,
        left_out=left_out,
    )


def _sites(
    folder: Path, pattern: str, absorber: str, spectrum_name: str
) -> tuple[list[_Found], int]:
    """Folders with a spectrum of the absorber, sorted, and the number of those of others."""
    shape = _regular_expression(pattern)
    if not folder.is_dir():
        raise UsageError(f"--folder {folder}: no folder there; check the path")
    found, others, strange = [], 0, []
    for path, below, files in os.walk(folder):
        below.sort()
        if spectrum_name not in files:
            continue
        name = Path(path).relative_to(folder).as_posix()
        match = shape.fullmatch(name)
        if match is None:
            strange.append(name)
            continue
        parts = match.groupdict()
        if parts.get("absorber", absorber) != absorber:
            others += 1
            continue
        site = int(parts["site"]) if "site" in parts else int(parts["number"]) - 1
        found.append(_Found(name, parts["material"], site))
    if strange:
        raise UsageError(
            f"--pattern {pattern!r} does not fit {len(strange)} folders with a {spectrum_name}, "
            f"the first is {strange[0]!r}; correct it, or put other folders elsewhere"
        )
    if not found:
        raise UsageError(
            f"--folder {folder}: no {spectrum_name} of {absorber} in any folder below"
            f"{f' ({others} of other absorbers)' if others else ''}; check the names"
        )
    return found, others


def _regular_expression(pattern: str) -> re.Pattern[str]:
    shape, used = "", []
    for part in re.split(r"(\{[^{}]*\}|\*)", pattern.strip("/")):
        name = part[1:-1] if part.startswith("{") else ""
        if part == "*":
            shape += "[^/]*?"
        elif name in _HOLES and name not in used:
            shape += _HOLES[name]
            used.append(name)
        elif name:
            raise UsageError(
                f"--pattern {pattern!r}: {part} is unknown or there twice; there are "
                f"{', '.join(f'{{{hole}}}' for hole in _HOLES)} and *"
            )
        else:
            shape += re.escape(part)
    if "material" not in used or ("site" in used) == ("number" in used):
        raise UsageError(
            f"--pattern {pattern!r}: needs {{material}}, and {{site}} (the atom's index from 0) or "
            f"{{number}} (the same from 1)"
        )
    return re.compile(shape)


def _structures(
    folder: Path, found: Sequence[_Found], structure_name: str, progress: Progress | None
) -> dict[str, list[tuple[Atoms, list[_Found]]]]:
    """Distinct structures of every material, each with its sites; the same text is read once."""
    materials: dict[str, list[tuple[Atoms, list[_Found]]]] = defaultdict(list)
    seen: dict[tuple[str, bytes], int] = {}
    for done, site in enumerate(found, start=1):
        path = folder / site.folder / structure_name
        try:
            text = path.read_bytes()
        except OSError as error:
            raise NearedgeError(
                f"{path}: cannot be read ({error.strerror}); every site needs its structure"
            ) from error
        known = materials[site.material]
        key = (site.material, text)
        if key not in seen:
            seen[key] = _place(known, path, site.material)
        known[seen[key]][1].append(site)
        if progress is not None and (done == len(found) or done % 100 == 0):
            progress("structures", done, len(found))
    return materials


def _place(known: list[tuple[Atoms, list[_Found]]], path: Path, material: str) -> int:
    """Where a structure stands among those of its material; a new one is added."""
    structures = read_structures(path)
    if len(structures) != 1:
        raise NearedgeError(f"{path}: holds {len(structures)} structures, a site has one")
    [structure] = structures
    for place, (other, _) in enumerate(known):
        if (
            np.array_equal(other.numbers, structure.numbers)
            and np.allclose(other.cell.array, structure.cell.array, atol=_SAME_A)
            and np.allclose(other.positions, structure.positions, atol=_SAME_A)
        ):
            return place
    number = len(known)
    structure.info = {
        "trajectory_id": material,
        "snapshot_id": number,
        "structure_id": f"{material}/{number}",
    }
    known.append((structure, []))
    return number


def _check_indices(
    materials: Mapping[str, Sequence[tuple[Atoms, list[_Found]]]],
    absorber: str,
    pattern: str,
    total: int,
) -> None:
    """Refuse everything if a single folder's index is not that of an absorber."""
    wrong: list[str] = []
    fits_moved = {-1: True, 1: True}
    for of_material in materials.values():
        for structure, sites in of_material:
            symbols = structure.get_chemical_symbols()
            taken: dict[int, str] = {}
            for site in sites:
                for move in fits_moved:
                    fits_moved[move] &= _element(symbols, site.site + move) == absorber
                element = _element(symbols, site.site)
                if element != absorber:
                    wrong.append(f"{site.folder}: atom {site.site} (from 0) is {element}")
                if site.site in taken:
                    raise NearedgeError(
                        f"{site.folder} and {taken[site.site]} are of one site, atom {site.site} "
                        f"(from 0) of one structure; keep one of them"
                    )
                taken[site.site] = site.folder
    if wrong:
        other = "{number}" if "{site}" in pattern else "{site}"
        fits = fits_moved[-1 if "{site}" in pattern else 1]
        raise NearedgeError(
            f"the index in the folder's name is not that of {absorber} for {len(wrong)} of {total} "
            f"sites: {'; '.join(wrong[:3])}; nothing is imported: "
            + (f"all would fit with {other} in the pattern" if fits else "correct the pattern")
        )


def _element(symbols: Sequence[str], index: int) -> str:
    return symbols[index] if 0 <= index < len(symbols) else "no atom"


def _spectrum(path: Path) -> Spectrum | str:
    """Spectrum of a site, or why there is none to use."""
    try:
        spectra = read_spectra(path)
    except NearedgeError as error:
        return str(error)
    if len(spectra) != 1:
        return f"{path.name} holds {len(spectra)} spectra, a site has one"
    try:
        on_one_zero(spectra)
    except NearedgeError as error:
        return str(error)
    return spectra[0]


def _on_axis(
    usable: Sequence[tuple[_Found, Spectrum]], atom_index: np.ndarray, axis: EnergyGrid
) -> tuple[list[int], np.ndarray, np.ndarray, dict[str, str]]:
    """Rows among the labelled sites, intensities and shifts, and the problems by folder."""
    spectra = on_one_zero([spectrum for _, spectrum in usable])
    intensity, shift, problems = structure_on_axis(spectra, axis=axis)
    good = [place for place in range(len(usable)) if place not in problems]
    rows = np.searchsorted(atom_index, [usable[place][0].site for place in good]).tolist()
    if usable[0][1].axis == "relative":
        shift = np.full(len(shift), np.nan)
    by_folder = {usable[place][0].folder: why for place, why in problems.items()}
    return rows, intensity[good], shift[good], by_folder
