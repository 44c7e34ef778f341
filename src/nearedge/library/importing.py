"""Importing spectra that exist already, with the structure they belong to."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.engines import SiteSpectrum, describe_site, without_noise
from nearedge.environments import LabelScheme, SiteLabels, label_sites, scheme_for
from nearedge.errors import EngineError, NearedgeError, UsageError
from nearedge.library.axis import structure_on_axis
from nearedge.library.columns import add_structure, joined, settings_hash
from nearedge.library.recipe import EDGES
from nearedge.library.replace import alone_at
from nearedge.library.schema import CODED, LIBRARY_AXIS, OPTIONAL, library_axis, names, site_dataset
from nearedge.library.store import open_library, open_structures, reading, write_library
from nearedge.spectra import EnergyGrid, Spectrum, read_spectra
from nearedge.structures import read_structures

if TYPE_CHECKING:
    import xarray
    from ase import Atoms


def import_library(
    structure_path: str | os.PathLike[str],
    spectra_paths: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    absorber: str,
    scheme: str | None = None,
    window_eV: tuple[float, float] | None = None,
    edge: str = "K",
    trajectory: str | None = None,
    snapshot: int = 0,
    append: bool = False,
) -> xarray.Dataset:
    """Make a library of one structure and the spectra of its absorbers, or add them to one.

    Parameters
    ----------
    structure_path
        One structure, in any format that `nearedge.structures.read_structures` knows.
    spectra_paths
        One table whose columns are the absorbers in structure order, or one file per absorber
        in that order.
    out
        The library; it must not exist unless `append` is given.
    absorber
        Element whose spectra these are.
    scheme
        Name or path of the label scheme; the built-in one for the absorber if not given.
    window_eV
        First and last energy of the library; -5 to 25 eV if not given, or what it has already.
    edge
        Absorption edge.
    trajectory, snapshot
        What the structure belongs to: a name, by default the structure file's, and a number.
    append
        Add to an existing library with the same scheme, kind of files and energy zero.

    Returns
    -------
    xarray.Dataset
        The library as written.

    Raises
    ------
    NearedgeError
        If the number of spectra is not that of the absorbers, a site has no class, a spectrum is
        too narrow or negative, or the structure is in the library already.
    """
    out = Path(out)
    check_edge(edge)
    label_scheme = scheme_for(absorber, scheme)
    _refuse_unless_appending(out, append)
    structure = _one_structure(structure_path)
    structure.info["trajectory_id"] = trajectory or Path(structure_path).stem
    structure.info["snapshot_id"] = snapshot
    structure.info["structure_id"] = f"{structure.info['trajectory_id']}/{snapshot}"
    labels = label_sites(structure, label_scheme)
    _require_classes(labels, label_scheme, structure_path)
    spectra = _read_all(spectra_paths)
    if len(spectra) != len(labels.atom_index):
        raise NearedgeError(
            f"{structure_path} has {len(labels.atom_index)} {absorber} atoms, the spectra files "
            f"hold {len(spectra)} spectra ({', '.join(map(str, spectra_paths[:3]))}); give one "
            f"column or file for each {absorber} atom, in structure order"
        )
    with alone_at(out):
        _refuse_unless_appending(out, append)
        axis = LIBRARY_AXIS if window_eV is None else library_axis(*window_eV)
        if append and out.exists():
            axis = _axis_of(out, window_eV)
        intensity, shift, problems = structure_on_axis(on_one_zero(spectra), axis=axis)
        if problems:
            row, reason = next(iter(problems.items()))
            raise NearedgeError(
                f"{spectra[row].source}, spectrum {spectra[row].scan}, of "
                f"{describe_site(structure, int(labels.atom_index[row]))}: {reason}"
            )
        if spectra[0].axis == "relative":
            shift = np.full(len(spectra), np.nan)
        columns: dict[str, list[Any]] = {}
        add_structure(columns, structure, labels, range(len(spectra)), intensity, shift, edge)
        attributes = imported_attributes(
            spectra[0].axis == "relative",
            {spectrum.format for spectrum in spectra},
            f"{Path(structure_path).name} and {', '.join(Path(p).name for p in spectra_paths[:3])}"
            f"{' ...' if len(spectra_paths) > 3 else ''}",
            label_scheme,
        )
        structures = [structure]
        if append and out.exists():
            existing, structures = _existing(out, structure, attributes)
            for name in columns:
                coded = name in CODED or name in OPTIONAL
                values = names(existing, name) if coded else existing[name].values
                columns[name].insert(0, values)
            attributes = {k: v for k, v in existing.attrs.items() if k != "schema_version"} | {
                "recipe": f"{existing.attrs['recipe']}; {attributes['recipe']}"
            }
        library = site_dataset(joined(columns), attributes, axis)
        write_library(out, library, structures)
    return library


def _refuse_unless_appending(out: Path, append: bool) -> None:
    if out.exists() and not append:
        raise UsageError(f"{out}: exists; choose another --out, or --append to add to it")


def check_edge(edge: str) -> None:
    """Refuse an edge that no engine and no table names.

    Raises
    ------
    UsageError
        With the known edges.
    """
    if edge not in EDGES:
        raise UsageError(f"--edge {edge}: give one of {', '.join(EDGES)}")


def imported_attributes(
    relative: bool, formats: Collection[str], files: str, scheme: LabelScheme
) -> dict[str, Any]:
    """Attributes of a library of imported spectra.

    Parameters
    ----------
    relative
        Whether the spectra came with a zero of their own.
    formats
        Of the spectra's files.
    files
        What was read, in words.
    scheme
        Labels the sites.
    """
    settings = {"formats": ", ".join(sorted(formats))}
    return {
        "label_scheme": scheme.to_dict(),
        "engine": f"imported ({settings['formats']})",
        "engine_version": "unknown",
        "engine_settings": settings,
        "engine_settings_hash": settings_hash(settings),
        "energy_zero": "zero of the imported spectra"
        if relative
        else "mean edge energy of the structure's sites",
        "native_broadening": "unknown",
        "licence": "as the imported files",
        "recipe": f"imported from {files}",
    }


def _axis_of(out: Path, window_eV: tuple[float, float] | None) -> EnergyGrid:
    """Energies of an existing library, which further spectra must cover."""
    with reading(out):
        energy_eV = open_library(out)["energy"].values
    axis = EnergyGrid(float(energy_eV[0]), float(energy_eV[-1]), len(energy_eV))
    if window_eV is not None and window_eV != (axis.start_eV, axis.stop_eV):
        raise UsageError(
            f"{out}: has the energies {axis.start_eV:g} to {axis.stop_eV:g} eV; leave --window out"
        )
    return axis


def _one_structure(path: str | os.PathLike[str]) -> Atoms:
    structures = read_structures(path)
    if len(structures) != 1:
        raise NearedgeError(
            f"{path}: holds {len(structures)} structures, spectra belong to one; split the file "
            f"and import each with its own --snapshot and --append"
        )
    return structures[0]


def _require_classes(labels: SiteLabels, scheme: LabelScheme, path: str | os.PathLike[str]) -> None:
    if labels.reasons:
        site, reason = next(iter(labels.reasons.items()))
        raise NearedgeError(
            f"{path}: atom {site} has no class ({reason}); give a --scheme that has one for it"
        )


def _read_all(paths: Sequence[str | os.PathLike[str]]) -> list[Spectrum]:
    spectra = [spectrum for path in paths for spectrum in read_spectra(Path(path))]
    if len({spectrum.axis for spectrum in spectra}) > 1:
        raise NearedgeError(
            f"{paths[0]}: some spectra have absolute energies and some relative ones; give one kind"
        )
    return spectra


def on_one_zero(spectra: Sequence[Spectrum]) -> list[SiteSpectrum]:
    """Spectra of one structure on one energy scale; a relative axis has its edge at zero.

    Raises
    ------
    NearedgeError
        If absolute energies come without a Fermi level, or a spectrum is negative.
    """
    sites = []
    for spectrum in spectra:
        where = f"{spectrum.source}, spectrum {spectrum.scan}"
        edge_energy_eV = 0.0 if spectrum.axis == "relative" else spectrum.edge_energy_eV
        if edge_energy_eV is None:
            raise NearedgeError(
                f"{where}: absolute energies ({spectrum.energy_eV[0]:.0f} eV ...) without a Fermi "
                f"level; subtract one energy zero from all spectra of the structure, then import"
            )
        intensity = without_noise(spectrum.intensity)
        try:
            sites.append(SiteSpectrum(spectrum.energy_eV, intensity, edge_energy_eV))
        except EngineError as error:
            raise NearedgeError(f"{where}: {error}") from error
    return sites


def _existing(
    out: Path, structure: Atoms, attributes: dict[str, Any]
) -> tuple[xarray.Dataset, list[Atoms]]:
    """Read the library at `out`, if the new spectra belong to it, and its structures with theirs.

    One library holds the spectra of one engine on one energy scale.
    """
    with reading(out):
        existing = open_library(out).load()
    for attribute, what in _MUST_AGREE.items():
        if existing.attrs[attribute] != attributes[attribute]:
            raise UsageError(
                f"{out}: {what} {_short(existing.attrs[attribute])}, not "
                f"{_short(attributes[attribute])}; import into another --out"
            )
    if structure.info["structure_id"] in existing["structure_id"].attrs["labels"]:
        raise NearedgeError(
            f"{out}: holds {structure.info['structure_id']!r} already; give another --trajectory "
            f"or --snapshot"
        )
    return existing, [*open_structures(out), structure]


_MUST_AGREE = {
    "label_scheme": "was labelled with the scheme",
    "engine": "holds spectra of the engine",
    "engine_version": "holds spectra of the engine version",
    "engine_settings": "holds spectra of an engine with the settings",
    "energy_zero": "has the energy zero",
}


def _short(value: Any) -> str:
    return repr(value.get("name", value) if isinstance(value, dict) else value)
