"""Processor time per site of FEFF10, of nearedge's use of it, and of GPAW, in one run.

    python benchmarks/engines.py [--structure cell-01/1] [--sites 4]

Oxygen K edge of one structure of the embedded library. The straightforward run is FEFF with
self-consistency within 4.0 Å, full multiple scattering within 5.0 Å and its own energy grid up to
k = 3.7; it and the engine `feff` compute the same sites, spread over the structure. GPAW computes
all of the structure's oxygens at once, with the settings of the embedded library. Times are those
of all processes that take part, on all cores. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nearedge.data import embedded_library
from nearedge.engines import engine_from_settings
from nearedge.engines.feff import Feff
from nearedge.errors import EngineError
from nearedge.library import load_recipe, open_structures

_STRAIGHTFORWARD = Feff(scf_radius_A=4.0, scf_mixing=0.2)
_RECIPE = Path(__file__).parents[1] / "examples" / "recipes" / "li3feo35-gpaw.toml"
_ALL_STAGES = """
import sys
import feff10
stages = feff10.Stage.default_pipeline()
config = feff10.FeffConfig.from_file(sys.argv[1], sys.argv[1] + "/feff.inp", stages, 3600.0)
feff10.FeffPipeline(config).run()
"""


def straightforward(structure: Any, site: int, folder: Path) -> None:
    """FEFF as its manual describes it: one input, all of its stages, its own energy grid."""
    lines = _STRAIGHTFORWARD.input_text(structure, site, "K").splitlines()
    kept = [line for line in lines if not line.lower().startswith(("egrid", "e_grid"))]
    kept = ["XANES 3.7" if line.startswith("XANES") else line for line in kept]
    (folder / "feff.inp").write_text("\n".join(kept))
    words = [sys.executable, "-c", _ALL_STAGES, str(folder)]
    subprocess.run(
        words, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    if not (folder / "xmu.dat").exists():
        raise EngineError(f"FEFF wrote no spectrum of atom {site}")


def core_seconds(work: Callable[[Path], Any]) -> float:
    """Processor time of a piece of work, with that of the programs it starts."""
    before = sum(os.times()[:4])
    with tempfile.TemporaryDirectory() as name:
        work(Path(name))
    return sum(os.times()[:4]) - before


def compute(engine: Any, structure: Any, sites: list[int]) -> Callable[[Path], None]:
    """A call of an engine that fails where a site fails."""

    def work(folder: Path) -> None:
        for result in engine.compute(structure, sites, "K", folder).values():
            if isinstance(result, EngineError):
                raise result

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description="Processor time per site of the engines.")
    parser.add_argument("--structure", default="cell-01/1")
    parser.add_argument("--sites", type=int, default=4)
    arguments = parser.parse_args()
    structure = next(
        s
        for s in open_structures(embedded_library())
        if s.info["structure_id"] == arguments.structure
    )
    oxygens = np.flatnonzero(structure.symbols == "O").tolist()
    chosen = oxygens[:: max(1, len(oxygens) // arguments.sites)][: arguments.sites]
    gpaw = engine_from_settings("gpaw", load_recipe(_RECIPE).engine.settings)
    seconds = {
        "straightforward FEFF": [
            core_seconds(lambda folder, s=s: straightforward(structure, s, folder)) for s in chosen
        ],
        "feff": [core_seconds(compute(Feff(), structure, [s])) for s in chosen],
    }
    per_site = {name: float(np.mean(times)) for name, times in seconds.items()}
    per_site["gpaw"] = core_seconds(compute(gpaw, structure, oxygens)) / len(oxygens)
    print(
        json.dumps(
            {
                "structure": arguments.structure,
                "atoms": len(structure),
                "sites": {name: len(chosen) for name in seconds} | {"gpaw": len(oxygens)},
                "core_seconds_per_site": {k: round(v, 2) for k, v in per_site.items()},
                "core_seconds_of_each_site": {
                    name: [round(s, 1) for s in times] for name, times in seconds.items()
                },
                "times_faster_than_straightforward": {
                    k: round(per_site["straightforward FEFF"] / v, 1) for k, v in per_site.items()
                },
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
