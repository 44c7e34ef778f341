"""Time the import of a folder of 5,000 sites; print and write JSON.

The folder is made first: 250 shaken rocksalt crystals of 20 iron and 20 oxygen atoms, each site in
a folder of its own with the crystal's POSCAR and an invented xmu.dat. Run it on an idle machine:

    python benchmarks/import_folder.py [sites]
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ase.build import bulk

from nearedge.library import import_folder

SITES = 5000
SITES_PER_MATERIAL = 20
SCHEME = """name = "iron"
absorber = "Fe"
[neighbours]
elements = ["O"]
cutoff_A = 2.6
[[classes]]
label = "6 O"
coordination = 6
"""
OUT = Path("results/bench_import_folder.json")


def xmu(rng: np.random.Generator) -> str:
    """A spectrum laid out as FEFF writes it, 120 rows as in data sets of near edges."""
    energy_eV = np.concatenate([np.arange(-10.0, 0.0, 1.0), np.arange(0.0, 44.0, 0.4)])
    edge_eV = 7120.0 + rng.normal(scale=0.3)
    k = np.sign(energy_eV) * np.sqrt(np.abs(energy_eV) / 3.81)
    mu = 0.5 + np.arctan(energy_eV) / np.pi + rng.random() * np.exp(-((energy_eV - 8) ** 2) / 20)
    head = "#  Mu=-1.0E+01eV kf=2.0\n#  xsedge+ 50, used to normalize mu           1.0E-03\n"
    names = "#  omega    e    k    mu    mu0     chi     @#\n"
    rows = zip(edge_eV + energy_eV, energy_eV, k, mu, mu, 0 * mu, strict=True)
    return head + names + "\n".join(" ".join(f"{x:.8E}" for x in row) for row in rows) + "\n"


def write_tree(root: Path, sites: int) -> None:
    rng = np.random.default_rng(0)
    for material in range(sites // SITES_PER_MATERIAL):
        crystal = bulk("FeO", "rocksalt", a=4.33, cubic=True).repeat((5, 1, 1))
        crystal.positions += rng.normal(scale=0.03, size=crystal.positions.shape)
        crystal.write(root / "POSCAR", format="vasp", sort=False)
        poscar = (root / "POSCAR").read_text()
        for site in np.flatnonzero(crystal.symbols == "Fe"):
            folder = root / "tree" / f"material-{material:04d}" / f"site-{site:03d}-Fe"
            folder.mkdir(parents=True)
            (folder / "POSCAR").write_text(poscar)
            (folder / "xmu.dat").write_text(xmu(rng))


def main() -> None:
    sites = int(sys.argv[1]) if len(sys.argv) > 1 else SITES
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_tree(root, sites)
        (root / "scheme.toml").write_text(SCHEME)
        started, cpu = time.perf_counter(), time.process_time()
        report = import_folder(
            root / "tree",
            "{material}/site-{site}-{absorber}",
            root / "lib.zarr",
            absorber="Fe",
            scheme=str(root / "scheme.toml"),
        )
        result = {
            "sites": report.sites,
            "materials": report.materials,
            "seconds": round(time.perf_counter() - started, 1),
            "processor_seconds": round(time.process_time() - cpu, 1),
            "peak_MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
