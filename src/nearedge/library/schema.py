"""What a library holds: variables, their meaning, and the checks every library passes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.environments import LabelScheme
from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra import EnergyGrid

if TYPE_CHECKING:
    import xarray

SCHEMA_VERSION = 1

LIBRARY_AXIS = EnergyGrid(-5.0, 25.0, 301)
"""Energies of a library, relative to its zero, unless it brings its own: wide and fine enough to be
shifted, broadened and normalised afterwards."""

LIBRARY_STEP_EV = 0.1


_WIDEST_EV = 10_000.0


def library_axis(start_eV: float, stop_eV: float) -> EnergyGrid:
    """Energies of a library with a window of its own, in steps of 0.1 eV or a little less.

    Raises
    ------
    UsageError
        If the window is empty, narrower than 1 eV or wider than an edge is ever measured.

    Examples
    --------
    >>> library_axis(-10.0, 50.0)
    EnergyGrid(start_eV=-10.0, stop_eV=50.0, points=601)
    """
    if not 1.0 <= stop_eV - start_eV <= _WIDEST_EV:
        raise UsageError(
            f"an energy window from {start_eV:g} to {stop_eV:g} eV: give 1 to {_WIDEST_EV:g} eV, "
            f"the lower end first"
        )
    steps = math.ceil(round((stop_eV - start_eV) / LIBRARY_STEP_EV, 6))
    return EnergyGrid(float(start_eV), float(stop_eV), steps + 1)


# Names are stored once, as the attribute `labels` of an integer variable: a library of ten
# million sites then needs bytes, not strings, for each of them.
CODED = ("environment", "absorber", "edge", "structure_id", "trajectory_id")

SITE_VARIABLES: dict[str, str] = {
    "intensity": "absorption cross-section per absorbing atom, on one scale for the library",
    "environment": "class of the site under the label scheme",
    "coordination": "number of neighbours of the chosen elements within the cutoff",
    "absorber": "element of the absorbing atom",
    "edge": "absorption edge",
    "structure_id": "the structure that the site stands in",
    "trajectory_id": "the trajectory that the structure descends from",
    "snapshot_id": "number of the structure in its trajectory, from 0",
    "atom_index": "index of the absorbing atom in its structure, from 0",
    "temperature_K": "temperature of the dynamics; NaN where there is none",
    "core_level_shift_eV": "edge energy of the site relative to the mean of its structure; NaN "
    "where the source does not tell it. The shift is kept in the spectrum.",
}

OPTIONAL: dict[str, str] = {
    "space_group": "space group of the crystal that the structure is of, without its disorder",
    "defect": "kind of defect that the structure has",
}
"""Further coded variables, there where a library knows them; an empty name is unknown."""

CATEGORIES = ("absorber", "edge", *OPTIONAL)
"""Coded variables that say what a spectrum is of."""

TARGET = "target"
"""Further variable of a library whose scheme has a continuous target, with the attributes
``quantity`` and ``units``."""

_REAL = (TARGET, "intensity", "temperature_K", "core_level_shift_eV")

ATTRIBUTES = (
    "schema_version",
    "label_scheme",
    "engine",
    "engine_version",
    "engine_settings",
    "engine_settings_hash",
    "energy_zero",
    "native_broadening",
    "licence",
    "recipe",
)


def coded(values: Sequence[str] | np.ndarray, labels: Sequence[str] | None = None):
    """Integer codes (n,) of names, and the names they stand for in order of first appearance.

    Examples
    --------
    >>> codes, labels = coded(["b", "a", "b"])
    >>> codes.tolist(), labels
    ([0, 1, 0], ('b', 'a'))
    """
    labels = tuple(dict.fromkeys(map(str, values))) if labels is None else tuple(labels)
    position = {label: code for code, label in enumerate(labels)}
    return np.array([position[str(value)] for value in values], dtype=np.int32), labels


def names(library: xarray.Dataset, variable: str) -> np.ndarray:
    """Names (site,) of an integer-coded variable, such as ``"environment"``.

    Of one of `OPTIONAL` that the library lacks all are empty.
    """
    if variable in OPTIONAL and variable not in library:
        return np.full(library.sizes["site"], "")
    labels = np.array(library[variable].attrs["labels"], dtype=str)
    return labels[codes(library, variable)]


def absorber_and_edge(library: xarray.Dataset) -> tuple[str, str]:
    """What a library is of, as in ("Fe", "K")."""
    absorber, edge = (str(library[name].attrs["labels"][0]) for name in ("absorber", "edge"))
    return absorber, edge


def codes(library: xarray.Dataset, variable: str) -> np.ndarray:
    """Integer codes (site,) of a coded variable, each with a name.

    Raises
    ------
    NearedgeError
        If a code has no name.
    """
    values = library[variable].values
    count = len(library[variable].attrs["labels"])
    if len(values) and not (values.min() >= 0 and values.max() < count):
        raise NearedgeError(
            f"the library's {variable!r} has the codes {values.min()} to {values.max()} but "
            f"{count} names; build or import it again"
        )
    return values


def check_library(library: xarray.Dataset, where: str) -> xarray.Dataset:
    """Return the library unchanged if it is one, and say what is wrong if it is not.

    Raises
    ------
    NearedgeError
        For another schema version, a missing variable or attribute, wrong dimensions or kinds of
        number, an energy axis that does not increase, codes without names, or a label scheme that
        is none. The sites' values are not looked at: opening ten million must stay quick.
    """
    version = library.attrs.get("schema_version")
    if version != SCHEMA_VERSION:
        raise NearedgeError(
            f"{where}: library schema {version!r}, this version of nearedge reads "
            f"{SCHEMA_VERSION}; build or import the library again"
        )
    for attribute in ATTRIBUTES:
        if attribute not in library.attrs:
            raise _broken(where, f"the attribute {attribute!r} is missing")
    if "energy" not in library.coords:
        raise _broken(where, "the coordinate 'energy' is missing")
    for variable in SITE_VARIABLES:
        if variable not in library:
            raise _broken(where, f"the variable {variable!r} is missing")
        expected = ("site", "energy") if variable == "intensity" else ("site",)
        if library[variable].dims != expected:
            raise _broken(
                where, f"{variable!r} has dimensions {library[variable].dims}, not {expected}"
            )
    has_target = {TARGET} if TARGET in library else set()
    if has_target and library[TARGET].dims != ("site",):
        raise _broken(where, f"{TARGET!r} has dimensions {library[TARGET].dims}, not ('site',)")
    energy_eV = library["energy"].values
    if len(energy_eV) < 2 or not np.all(np.diff(energy_eV) > 0):
        raise _broken(where, "the energies do not increase")
    optional = [variable for variable in OPTIONAL if variable in library]
    for variable in optional:
        if library[variable].dims != ("site",):
            raise _broken(
                where, f"{variable!r} has dimensions {library[variable].dims}, not ('site',)"
            )
    for variable in (*SITE_VARIABLES, *optional, *has_target):
        if library[variable].dtype.kind not in ("f" if variable in _REAL else "iu"):
            raise _broken(where, f"{variable!r} is of the kind {library[variable].dtype}")
    for variable in (*CODED, *optional):
        labels = library[variable].attrs.get("labels")
        if not isinstance(labels, list | tuple) or len(set(map(str, labels))) != len(labels):
            raise _broken(where, f"{variable!r} has no attribute 'labels' naming its codes")
    try:
        scheme = LabelScheme.from_dict(library.attrs["label_scheme"])
    except NearedgeError as error:
        raise _broken(where, str(error)) from error
    if tuple(library["environment"].attrs["labels"]) != scheme.labels:
        raise _broken(where, "the labels of 'environment' are not those of its label scheme")
    if bool(has_target) != (scheme.target is not None):
        raise _broken(where, "its label scheme and its variables disagree about a target")
    return library


def _broken(where: str, problem: str) -> NearedgeError:
    return NearedgeError(f"{where}: not a nearedge library: {problem}; build or import it again")


def site_dataset(
    columns: Mapping[str, Any], attributes: Mapping[str, Any], axis: EnergyGrid = LIBRARY_AXIS
) -> xarray.Dataset:
    """Assemble the dataset of a library from plain columns.

    Parameters
    ----------
    columns
        One entry for each of `SITE_VARIABLES`: ``intensity`` (site, energy) on `axis`, the others
        (site,); the coded ones as names. Those of `OPTIONAL` where one is known, and ``target``
        where the scheme has one.
    attributes
        One entry for each of `ATTRIBUTES` but the version.
    axis
        Energies of the library.
    """
    import xarray

    scheme = LabelScheme.from_dict(attributes["label_scheme"])
    variables = {}
    known = {name: text for name, text in OPTIONAL.items() if any(columns.get(name, ()))}
    for name, description in (SITE_VARIABLES | known).items():
        attrs: dict[str, Any] = {"description": description}
        values = columns[name]
        if name in CODED or name in OPTIONAL:
            values, labels = coded(values, scheme.labels if name == "environment" else None)
            attrs["labels"] = list(labels)
        kind = _KINDS.get(name, np.int32)
        dims = ("site", "energy") if name == "intensity" else ("site",)
        variables[name] = (dims, np.asarray(values, dtype=kind), attrs)
    if scheme.target is not None:
        attrs = {
            "description": "what the regressor learns in place of the coordination number",
            "quantity": scheme.target.quantity,
            "units": scheme.target.unit,
        }
        variables[TARGET] = ("site", np.asarray(columns[TARGET], dtype=np.float32), attrs)
    energy = ("energy", axis.energy_eV, {"units": "eV"})
    return xarray.Dataset(
        variables,
        coords={"energy": energy},
        attrs={"schema_version": SCHEMA_VERSION, **attributes},
    )


_KINDS = {
    "intensity": np.float32,
    "temperature_K": np.float32,
    "core_level_shift_eV": np.float32,
    "environment": np.int16,
    "coordination": np.int16,
}
