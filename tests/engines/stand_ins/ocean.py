"""Takes OCEAN's place.

Reads ocean.in and the photon files by OCEAN's rules and writes, in OCEAN's layout, a spectrum whose
peak tells where the atom is and whose height tells the polarisation. The name of the folder it
stands in says in which way it fails; in a folder called "replay" it writes instead the recorded
files of the folder "recorded" beside it, the last one for polarisations that were not recorded.
"""

import pathlib
import re
import shutil
import subprocess
import sys


def main():
    mode = pathlib.Path(__file__).parent.name
    words = re.sub(r"[#*!\\].*", " ", pathlib.Path(sys.argv[1]).read_text())
    card = {k.lower(): v.split() for k, v in re.findall(r"(\S+)\s*\{([^}]*)\}", words)}
    print("Welcome to OCEAN", flush=True)
    symbols = {3: "Li", 8: "O_", 12: "Mg", 26: "Fe"}
    numbers = [int(card["znucl"][int(t) - 1]) for t in card["typat"]]
    xred = [tuple(map(float, card["xred"][3 * i : 3 * i + 3])) for i in range(len(numbers))]
    rprim = [tuple(map(float, card["rprim"][3 * i : 3 * i + 3])) for i in range(3)]
    position = [[sum(x[k] * rprim[k][c] for k in range(3)) for c in range(3)] for x in xred]
    for i, one in enumerate(position):
        for other in position[:i]:
            if sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) < 1.0:
                print("ATOMS OVERLAP")
                sys.exit(1)
    if mode == "crash":
        print("######\nDFT stage failed: convergence NOT achieved\n######")
        sys.exit(7)
    if mode == "full":
        print("cannot write: No space left on device")
        sys.exit(1)
    if mode == "hang":
        child = subprocess.Popen(["sleep", "600"])
        pathlib.Path("child.pid").write_text(str(child.pid))
        child.wait()
    out = pathlib.Path("CNBSE")
    out.mkdir()
    sites = []
    for k in range(0, len(card["edges"]), 3):
        atom, n, angular = map(int, card["edges"][k : k + 3])
        chosen = [i for i, z in enumerate(numbers) if z == -atom] if atom < 0 else [atom - 1]
        sites += [(i, n, angular) for i in chosen]
    points, start, stop = map(float, card["cnbse.spect_range"])
    grid = [start + j * (stop - start) / (points - 1) for j in range(int(points))]
    raw = {i: xred[i][0] + 2 * xred[i][1] + 3 * xred[i][2] for i, _, _ in sites}
    mean = sum(raw.values()) / len(raw)
    photons = sorted(pathlib.Path().glob("photon*"))
    if mode == "nothing":
        sites = []
    for i, n, angular in sites:
        index = numbers[: i + 1].count(numbers[i])
        el = symbols[numbers[i]]
        shift = raw[i] - mean if card["core_offset"] == ["true"] else 0.0
        if card["core_offset"] == ["true"] and mode != "no shift":
            (out / f"cls.z{el}{index:04d}_n{n:02d}l{angular:02d}").write_text(f"{shift}\n")
        for p, photon in enumerate(photons, 1):
            if mode == "partial" and index == 2 and p == 3:
                continue
            stem = f"absspct_{el}.{index:04d}_{n}{'spd'[angular]}"
            if mode == "replay":
                recorded = sorted(pathlib.Path(__file__).with_name("recorded").glob(f"{stem}_*"))
                shutil.copy(recorded[min(p, len(recorded)) - 1], out / f"{stem}_{p:02d}")
                continue
            lines = [
                "#   iter=  100   gam= 0.36749324E-02   kpref= 0.1E-03",
                "#   Energy           Spect        Spect(0)            SPKK         SPKK(0)",
            ]
            height = 0.0 if photon.read_text().split()[0] != "dipole" else float(p)
            for e in grid[: len(grid) // 2] if mode == "cut off" and p == 2 else grid:
                y = height / ((e - 3.0 - raw[i] - shift) ** 2 + 1.0)
                lines.append(f"{e:.8E}  {y:.8E}  {y:.8E}  0.0  0.0")
            (out / f"{stem}_{p:02d}").write_text("\n".join(lines) + "\n")
    print("Ocean is done")


if __name__ == "__main__":
    main()
