"""A library in numbers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from nearedge.library.schema import TARGET, codes
from nearedge.library.store import open_library, reading


def library_info(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Sites, structures, trajectories, classes and provenance of a library.

    Returns
    -------
    dict
        Plain values, ready for JSON: ``sites``, ``structures``, ``trajectories``, ``engine``,
        ``classes`` (label: number of sites), ``mean_coordination``, ``target`` where the scheme
        has one (``quantity``, ``units``, ``mean``), ``temperatures_K`` and the attributes of the
        store.

    Raises
    ------
    NearedgeError
        If there is no library at `path`, or it is damaged.
    """
    library = open_library(path)
    labels = library["environment"].attrs["labels"]
    with reading(path):
        counts = np.bincount(codes(library, "environment"), minlength=len(labels))
        temperatures = _distinct(library["temperature_K"].values)
        mean_coordination = float(library["coordination"].values.mean())
        target = {}
        if TARGET in library:
            attrs = library[TARGET].attrs
            mean = round(float(library[TARGET].values.mean()), 4)
            target = {"target": {k: attrs[k] for k in ("quantity", "units")} | {"mean": mean}}
    return {
        "path": str(path),
        "sites": library.sizes["site"],
        "structures": len(library["structure_id"].attrs["labels"]),
        "trajectories": len(library["trajectory_id"].attrs["labels"]),
        "engine": library.attrs["engine"],
        "engine_version": library.attrs["engine_version"],
        "engine_settings": library.attrs["engine_settings"],
        "classes": {label: int(n) for label, n in zip(labels, counts, strict=True)},
        "mean_coordination": mean_coordination,
        **target,
        "temperatures_K": temperatures.tolist(),
        "energy_eV": [float(library["energy"][0]), float(library["energy"][-1])],
        "energy_zero": library.attrs["energy_zero"],
        "native_broadening": library.attrs["native_broadening"],
        "label_scheme": library.attrs["label_scheme"]["name"],
        "licence": library.attrs["licence"],
    }


def _distinct(values: np.ndarray) -> np.ndarray:
    """Finite values that occur, sorted.

    Sites of a structure stand together and share their temperature: without the repetitions there
    is little left to sort.
    """
    values = values[np.isfinite(values)]
    return np.unique(values[np.flatnonzero(np.diff(values, prepend=np.nan))]).astype(float)
