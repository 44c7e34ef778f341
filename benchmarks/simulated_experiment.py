"""How often simulated measurements of unseen trajectories lie inside their intervals, and why.

From every trajectory in turn, which the model at hand never saw, mixtures are drawn, broadened,
put on a beamline's scale, set on a background, counted with Poisson noise, and predicted. The same
is asked with the true shift given, which tells what the alignment adds to error and width:

    python benchmarks/simulated_experiment.py [library] [experiments per trajectory]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from held_out_models import held_out_models

from nearedge.data import embedded_library
from nearedge.library import open_library
from nearedge.predict import predict
from nearedge.spectra import Spectrum, simulated_scan

OUT = Path("results/simulated_experiment.json")
EACH = 60


def experiment(library, rows: np.ndarray, random: np.random.Generator):
    """One measurement of one trajectory: true coordination number, true shift, spectrum."""
    trajectory = library["trajectory_id"].values[rows]
    rows = rows[trajectory == random.choice(np.unique(trajectory))]
    energy_eV, intensity = (library[name].values.astype(float) for name in ("energy", "intensity"))
    scan = simulated_scan(energy_eV, intensity, rows, random)
    truth = float(library["coordination"].values[scan.drawn].astype(float).mean())
    signal = scan.counts / scan.i0
    measured = Spectrum(scan.energy_eV, signal, "absolute", "simulated", "1", "table", raw=True)
    return truth, -scan.zero_eV, measured


def main() -> None:
    """Measure, print and write."""
    path = sys.argv[1] if len(sys.argv) > 1 else embedded_library()
    each = int(sys.argv[2]) if len(sys.argv) > 2 else EACH
    library = open_library(path).load()
    rows = []
    for number, held in enumerate(held_out_models(path)):
        random = np.random.default_rng(number)
        for _ in range(each):
            truth, shift, measured = experiment(library, held.rows, random)
            found = predict([measured], held.model)[0]
            given = predict([measured], held.model, shift_eV=shift)[0]
            row = {"fold": number, "truth": truth, "shift_eV": shift, "status": found.status}
            for name, answer in (("found", found), ("given", given)):
                if answer.status == "ok":
                    low, high = answer.coordination["interval"]
                    mean = answer.coordination["mean"]
                    row[name] = {"mean": mean, "low": low, "high": high}
            if found.alignment:
                row["aligned_eV"] = found.alignment["shift_eV"]
                row["uncertainty_eV"] = found.alignment["uncertainty_eV"]
            rows.append(row)
        print(number, summary([r for r in rows if r["fold"] == number]), flush=True)
    print("all", summary(rows))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"summary": summary(rows), "experiments": rows}, indent=1) + "\n")


def summary(rows: list[dict]) -> dict[str, float]:
    """Share answered, coverage, widths and errors, with the shift found and with it given."""
    out: dict[str, float] = {"answered": round(np.mean([r["status"] == "ok" for r in rows]), 3)}
    for name in ("found", "given"):
        ok = [(r["truth"], r[name]) for r in rows if name in r]
        error = np.array([a["mean"] - t for t, a in ok])
        out |= {
            f"{name}: coverage": float(np.mean([a["low"] <= t <= a["high"] for t, a in ok])),
            f"{name}: mean half width": float(np.mean([(a["high"] - a["low"]) / 2 for _, a in ok])),
            f"{name}: 90 % of errors": float(np.quantile(np.abs(error), 0.9)),
            f"{name}: bias": float(error.mean()),
        }
    off = [
        (r["aligned_eV"] - r["shift_eV"], r["uncertainty_eV"]) for r in rows if "aligned_eV" in r
    ]
    error_eV, stated_eV = np.array(off).T
    out |= {
        "shift error, RMS in eV": float(np.sqrt((error_eV**2).mean())),
        "shift uncertainty, mean in eV": float(stated_eV.mean()),
        "shifts within 1.645 uncertainties": float((abs(error_eV) <= 1.645 * stated_eV).mean()),
    }
    return {key: round(value, 3) for key, value in out.items()}


if __name__ == "__main__":
    main()
