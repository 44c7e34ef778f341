"""Record what xraylarch reads from the files of ../shared/data, as values to compare with.

Run with the interpreter of an environment that has xraylarch (2.4 GB, never one of the project's):

    python tests/spectra/recorded/read_with_larch.py DATA_FOLDER > tests/spectra/recorded/larch.json

xraylarch keeps Athena's energy shift beside the energies; it is added here, as Athena does when it
shows them; of records that share a label it keeps the last. Absorption that a file does not store
is worked out here from the columns that xraylarch read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

XDI = [
    "xdi/good/Co_co_metal_rt.xdi",
    "xdi/good/Fe_Fe2O3_rt_01.xdi",
    "xdi/good/Fe_Fe_Foil_rt_2016Foils.xdi",
    "xdi/good/Mn_MnO2_rt_01.xdi",
    "xdi/good/Ni_NiS_rt_02.xdi",
    "xdi/bad/bad_00.xdi",
    "athena/feo_rt1.xdi",
]
PROJECTS = ["athena/Fe.prj", "athena/FeO.prj", "athena/NiO.prj"]
# File, and the columns of energy, signal and, if the signal is a ratio, its denominator, from 0.
COLUMNS = {
    "athena/fe2o3_rt1.xmu": (0, 1, None),
    "columns/AT11 Glass_Toner FeEXAFS.e": (0, 1, None),
    "columns/Andradite_pt1_01.dat": (0, 4, 1),
    "columns/Andradite_pt2_01.dat": (0, 4, 1),
}
SAMPLES = 9


def samples(energy: np.ndarray, mu: np.ndarray) -> dict[str, object]:
    chosen = np.unique(np.linspace(0, len(energy) - 1, SAMPLES).astype(int))
    return {
        "points": len(energy),
        "index": chosen.tolist(),
        "energy_eV": [float(energy[i]) for i in chosen],
        "intensity": [float(mu[i]) for i in chosen],
        "intensity_sum": float(np.sum(mu)),
    }


def main(folder: Path) -> None:
    import larch
    from larch.io import read_ascii, read_athena, read_xdi

    recorded: dict[str, list[dict[str, object]]] = {}
    for name in XDI:
        group = read_xdi(str(folder / name))
        mu = getattr(group, "mutrans", None)
        if mu is None:
            mu = -np.log(group.itrans / group.i0)
        recorded[name] = [samples(group.energy, mu)]
    for name in PROJECTS:
        project = read_athena(str(folder / name), do_bkg=False, do_fft=False, use_hashkey=True)
        groups = [item for item in vars(project).values() if hasattr(item, "athena_params")]
        recorded[name] = [
            {
                "label": group.label.strip(),
                **samples(group.energy + float(group.athena_params.bkg.eshift), group.mu),
            }
            for group in groups
        ]
    for name, (energy, numerator, denominator) in COLUMNS.items():
        rows = read_ascii(str(folder / name)).data
        mu = rows[numerator] if denominator is None else rows[numerator] / rows[denominator]
        recorded[name] = [samples(rows[energy], mu)]
    lines = [f"  {json.dumps(name)}: {json.dumps(values)}" for name, values in recorded.items()]
    print(f'{{"program": "xraylarch {larch.__version__}",\n "files": {{')
    print(",\n".join(lines) + "\n}}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
