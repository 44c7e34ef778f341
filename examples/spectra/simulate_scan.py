"""Write scan.xdi: how a beamline would measure sample.dat, an average over a calculated cell.

Oxygens of a cell that is in no library (1.51 Fe neighbours on average), seen with a resolution of
0.3 eV by drain current over a background, in counts with Poisson noise:

    python examples/spectra/simulate_scan.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nearedge.spectra import broaden

HERE = Path(__file__).parent
ZERO_eV = 529.4
HEADER = """# XDI/1.0 nearedge
# Element.symbol: O
# Element.edge: K
# Column.1: energy eV
# Column.2: i0
# Column.3: tey
# Sample.name: Li3FeO3.5 (simulated, not measured)
# Scan.start_time: 2026-11-25T12:00:00
# ///
# simulate_scan.py made this file from sample.dat
# ---
# energy i0 tey
"""


def main() -> None:
    """Simulate and write."""
    random = np.random.default_rng(7)
    energy_eV, cross_section = np.loadtxt(HERE / "sample.dat").T
    cross_section = broaden(energy_eV, cross_section, 0.3)
    scan_eV = np.concatenate(
        [np.arange(-20.0, -5.0, 0.25), np.arange(-5.0, 15.0, 0.1), np.arange(15.0, 40.0, 0.25)]
    )
    above = np.interp(scan_eV, energy_eV, cross_section / cross_section.mean(), left=0.0)
    i0 = random.poisson(2e6 * (1 - 0.002 * (scan_eV - scan_eV[0])))
    drain = random.poisson(0.05 * i0 * (above + 1.4 - 0.004 * scan_eV))
    rows = [
        f"{energy:.2f} {monitor} {current}\n"
        for energy, monitor, current in zip(ZERO_eV + scan_eV, i0, drain, strict=True)
    ]
    (HERE / "scan.xdi").write_text(HEADER + "".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
