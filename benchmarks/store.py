"""A library of ten million spectra: how long it takes to open, to describe, and to read.

    python benchmarks/store.py [--sites 10000000] [--folder DIR]

The spectra are the embedded ones on the paper's 70 points, repeated with 1 % noise, so that
compression finds no repetitions. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray
import zarr  # noqa: F401  imported here, so that opening is measured without it

from nearedge.data import embedded_library
from nearedge.library import library_info, open_library, shuffled_blocks
from nearedge.library.schema import SITE_VARIABLES
from nearedge.spectra import PAPER_GRID, resample

_PORTION = 409600


def tile(path: Path, sites: int) -> None:
    """Write a library of `sites` sites, portion by portion."""
    source = open_library(embedded_library()).load()
    spectra = resample(
        source["energy"].values.astype(float), source["intensity"].values.astype(float), PAPER_GRID
    )
    count = source.sizes["site"]
    copies = -(-sites // count)
    labels = {
        name: [
            f"{label}-{copy}" for copy in range(copies) for label in source[name].attrs["labels"]
        ]
        for name in ("structure_id", "trajectory_id")
    }
    rng = np.random.default_rng(0)
    for begin in range(0, sites, _PORTION):
        row = np.arange(begin, min(begin + _PORTION, sites))
        old, copy = row % count, row // count
        noise = 1.0 + 0.01 * rng.standard_normal((len(row), PAPER_GRID.points), dtype=np.float32)
        variables = {}
        for name in SITE_VARIABLES:
            attrs = dict(source[name].attrs)
            if name == "intensity":
                variables[name] = (("site", "energy"), spectra[old].astype("f4") * noise, attrs)
                continue
            values = source[name].values[old]
            if name in labels:
                per_copy = len(source[name].attrs["labels"])
                values = (values + copy * per_copy).astype(np.int32)
                attrs["labels"] = labels[name]
            variables[name] = ("site", values, attrs)
        part = xarray.Dataset(
            variables,
            coords={"energy": ("energy", PAPER_GRID.energy_eV, {"units": "eV"})},
            attrs=source.attrs,
        )
        if begin == 0:
            chunks = {name: {"chunks": (_PORTION,)} for name in SITE_VARIABLES}
            chunks["intensity"] = {"chunks": (4096, PAPER_GRID.points)}
            part.to_zarr(path, mode="w", zarr_format=2, consolidated=True, encoding=chunks)
        else:
            part.drop_vars("energy").to_zarr(path, append_dim="site", zarr_format=2)


def measure(path: Path) -> dict[str, float]:
    """Seconds to open and to describe; spectra a second of one core, read and shuffled."""
    begin = time.perf_counter()
    library = open_library(path)
    opened = time.perf_counter() - begin
    begin = time.perf_counter()
    info = library_info(path)
    described = time.perf_counter() - begin
    begin, used = time.perf_counter(), time.process_time()
    rows, total = 0, 0.0
    for block in shuffled_blocks(library, seed=0):
        rows += len(block.site)
        total += float(block.intensity[:, 0].sum())
    wall, core = time.perf_counter() - begin, time.process_time() - used
    assert rows == info["sites"]
    assert np.isfinite(total)
    return {
        "sites": rows,
        "bytes_on_disk": sum(f.stat().st_size for f in path.rglob("*") if f.is_file()),
        "open_seconds": round(opened, 3),
        "info_seconds": round(described, 3),
        "spectra_per_core_second": round(rows / core),
        "spectra_per_second": round(rows / wall),
        "peak_memory_MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=10_000_000)
    parser.add_argument(
        "--folder", type=Path, help="keep the library here, and use it if it is there"
    )
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure), indent=2))
        return
    with tempfile.TemporaryDirectory() as scratch:
        path = (arguments.folder or Path(scratch)) / "tiled.zarr"
        if not path.exists():
            tile(path, arguments.sites)
        # Measured in a process of its own: making the library needs more memory than reading it.
        subprocess.run([sys.executable, __file__, "--measure", str(path)], check=True)


if __name__ == "__main__":
    main()
