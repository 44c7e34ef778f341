"""Labels of a library computed again, under another scheme, from the structures it carries."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nearedge.environments import label_sites, load_scheme
from nearedge.errors import NearedgeError, UsageError
from nearedge.library.replace import alone_at, refuse_existing
from nearedge.library.schema import (
    CODED,
    OPTIONAL,
    SITE_VARIABLES,
    TARGET,
    names,
    site_dataset,
)
from nearedge.library.store import open_library, open_structures, reading, write_library
from nearedge.spectra import EnergyGrid


@dataclass(frozen=True)
class RelabelReport:
    """What a relabelling did.

    Attributes
    ----------
    sites
        Sites in the new library.
    changed
        How many of them have another label than before.
    left_out
        Name of each site that has no class under the new scheme, and why.
    """

    sites: int
    changed: int
    left_out: Mapping[str, str]


def relabel_library(
    path: str | os.PathLike[str], scheme: str | os.PathLike[str], out: str | os.PathLike[str]
) -> RelabelReport:
    """Write a library again with labels, counts and targets of another scheme.

    Spectra and structures stay as they are; sites without a class under the new scheme are left
    out.

    Parameters
    ----------
    path
        A library.
    scheme
        Name or path of a label scheme.
    out
        Where the new library goes; nothing may stand there.

    Raises
    ------
    UsageError
        If something stands at `out`, or the scheme is for another absorber.
    NearedgeError
        If no site has a class under the scheme, or the library is damaged.
    """
    refuse_existing(Path(out))
    label_scheme = load_scheme(scheme)
    with reading(path):
        library = open_library(path).load()
    others = set(names(library, "absorber")) - {label_scheme.absorber}
    if others:
        raise UsageError(
            f"{path}: holds {', '.join(sorted(others))} sites, the scheme {label_scheme.name!r} "
            f"labels {label_scheme.absorber}; give a scheme for the absorber of the library"
        )
    columns = {v: names(library, v) if v in CODED else library[v].values for v in SITE_VARIABLES}
    columns |= {v: names(library, v) for v in OPTIONAL}
    before = columns["environment"].copy()
    columns["environment"] = np.array([""] * len(before), dtype=object)
    columns[TARGET] = np.full(len(before), np.nan)
    structures = open_structures(path)
    left_out: dict[str, str] = {}
    of_structure = library["structure_id"].values
    for code, structure in enumerate(structures):
        rows = np.flatnonzero(of_structure == code)
        labels = label_sites(structure, label_scheme)
        atoms = columns["atom_index"][rows]
        places = np.searchsorted(labels.atom_index, atoms)
        columns["environment"][rows] = labels.environment[places]
        columns["coordination"][rows] = labels.coordination[places]
        if labels.target is not None:
            columns[TARGET][rows] = labels.target[places]
        name = structure.info["structure_id"]
        left_out |= {
            f"{name}, atom {atom}": labels.reasons[atom]
            for atom in atoms.tolist()
            if atom in labels.reasons
        }
    kept = columns["environment"] != ""
    if not kept.any():
        site, reason = next(iter(left_out.items()))
        raise NearedgeError(
            f"{path}: no site has a class under the scheme {label_scheme.name!r}; the first, "
            f"{site}: {reason}"
        )
    energy_eV = library["energy"].values
    attributes = {k: v for k, v in library.attrs.items() if k != "schema_version"}
    new = site_dataset(
        {name: values[kept] for name, values in columns.items()},
        attributes
        | {
            "label_scheme": label_scheme.to_dict(),
            "recipe": f"{attributes['recipe'].rstrip()}\n# relabelled: {label_scheme.name}\n",
        },
        EnergyGrid(float(energy_eV[0]), float(energy_eV[-1]), len(energy_eV)),
    )
    with alone_at(Path(out)):
        refuse_existing(Path(out))
        write_library(out, new, structures)
    changed = int(np.sum(columns["environment"][kept] != before[kept]))
    return RelabelReport(int(kept.sum()), changed, left_out)
