"""How often spectra that the model cannot know get no answer, and how often unseen ones do.

    python benchmarks/foreign_spectra.py [library] [folder of measured files]

Foreign are: spectra of other elements and edges, as they are in their files and with their edge
moved onto the library's; oxygen of other compounds; noise and flat lines; spectra of unseen
trajectories whose relative axis is shifted by 3 to 8 eV. Models are those that never saw the
trajectory in question (`held_out_models`); files are shown to the model in the package. Sites and
mixtures of unseen trajectories tell how often the alarm is false.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from held_out_models import held_out_models

from nearedge.data import embedded_library, model_folder
from nearedge.errors import NearedgeError
from nearedge.library import open_library
from nearedge.models import Model, load_model
from nearedge.predict import predict
from nearedge.spectra import Spectrum, broaden, read_spectra

OUT = Path("results/foreign_spectra.json")
FILES = {
    "other elements": (
        "xdi/good", "athena", "columns", "cross_code_anatase_Ti_K", "ocean/iron_K_2photons",
        "ocean/silicon_4sites", "ocean/LiF_F_K", "xspectra",
    ),
    "oxygen of other compounds": (
        "eels_O_K", "ocean/hematite_new", "ocean/rutile_O_K_3pol", "feff/CoO_wurtzite_O_K",
    ),
}  # fmt: skip
MADE = 100
AXIS_eV = np.linspace(-12.0, 35.0, 471)


def spectra_in(folder: Path) -> list[Spectrum]:
    """All spectra of all files that can be read."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                found += [
                    replace(s, source=str(path.relative_to(folder))) for s in read_spectra(path)
                ]
            except NearedgeError:
                continue
    return found


def moved(spectrum: Spectrum, edge_eV: float) -> Spectrum | None:
    """A spectrum on a relative axis, with its steepest rise at that of the library."""
    smooth_eV = np.arange(spectrum.energy_eV[0], spectrum.energy_eV[-1], 0.1)
    if smooth_eV.size < 100:
        return None
    values = np.interp(smooth_eV, spectrum.energy_eV, spectrum.intensity)
    steepest = smooth_eV[np.gradient(broaden(smooth_eV, values, 1.0)).argmax()]
    energy_eV = spectrum.energy_eV - steepest + edge_eV
    within = (energy_eV > AXIS_eV[0]) & (energy_eV < AXIS_eV[-1])
    if within.sum() < 20:
        return None
    below = values[smooth_eV < steepest - 3.0]
    floor = float(np.median(below)) if below.size else 0.0
    placed = np.interp(AXIS_eV, energy_eV, spectrum.intensity) - min(floor, 0.9 * values.max())
    return Spectrum(AXIS_eV, placed, "relative", spectrum.source, spectrum.scan, "moved")


def noise(random: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Spectra that are none."""
    step = 0.5 + np.arctan(2 * AXIS_eV) / np.pi
    for _ in range(MADE):
        yield "noise", np.abs(random.normal(size=AXIS_eV.size))
        yield "noise", random.poisson(random.uniform(2, 50), AXIS_eV.size).astype(float)
        yield "noise", np.abs(np.cumsum(random.normal(size=AXIS_eV.size)))
        sharpness = random.uniform(0.1, 5)
        yield "a step and nothing else", 0.5 + np.arctan(sharpness * AXIS_eV) / np.pi
        yield (
            "a step and nothing else",
            step + random.uniform(0.01, 0.3) * random.normal(size=step.size),
        )
        slope = random.uniform(-0.02, 0.02)
        flat = 1.0 + slope * AXIS_eV
        yield "flat lines", flat
        yield "flat lines", flat + random.uniform(0.001, 0.1) * random.normal(size=flat.size)


def unseen(
    library, rows: np.ndarray, random: np.random.Generator
) -> Iterator[tuple[str, np.ndarray, int]]:
    """Sites and mixtures of a trajectory that the model never saw: kind, spectrum, members."""
    sites = library["intensity"].values[rows].astype(float)
    for site in sites:
        yield "single sites", site, 1
    for kind, least, most in (("averages of 2 to 19", 2, 20), ("averages of 20 to 70", 20, 71)):
        for _ in range(MADE):
            drawn = random.integers(len(sites), size=random.integers(least, most))
            yield kind, sites[drawn].mean(axis=0), len(drawn)


class Tally:
    """Counts of answers by kind."""

    def __init__(self) -> None:
        self.answered: dict[str, list[bool]] = {}
        self.examples: dict[str, dict[str, int]] = {}

    def add(self, kind: str, model: Model, spectra: list[Spectrum]) -> None:
        """Ask, and count what is answered."""
        for answer in predict(spectra, model):
            self.answered.setdefault(kind, []).append(answer.status == "ok")
            reason = answer.message if answer.status != "ok" else f"ANSWERED {answer.file}"
            said = self.examples.setdefault(kind, {})
            said[reason[:160]] = said.get(reason[:160], 0) + 1

    def rows(self) -> dict[str, tuple[int, float]]:
        """Spectra of each kind, and the share that got no answer."""
        return {k: (len(v), round(1 - float(np.mean(v)), 4)) for k, v in self.answered.items()}


def relative(energy_eV: np.ndarray, rows: list[np.ndarray], kind: str) -> list[Spectrum]:
    """Spectra on a relative axis."""
    return [
        Spectrum(energy_eV, row, "relative", kind, str(number), "made")
        for number, row in enumerate(rows)
    ]


def of_files(tally: Tally, model: Model, data: Path) -> None:
    """Files as they are, and with their edge moved."""
    mean = np.array(model.info["reference"]["intensity"], float)
    at_eV = np.array(model.info["reference"]["energy_eV"], float)
    edge_eV = float(at_eV[np.gradient(broaden(at_eV, mean, 1.0)).argmax()])
    for kind, folders in FILES.items():
        spectra = [s for folder in folders for s in spectra_in(data / folder)]
        tally.add(f"{kind}, as they are", model, spectra)
        tally.add(
            f"{kind}, edge moved",
            model,
            [m for s in spectra if (m := moved(s, edge_eV)) is not None],
        )


def of_library(tally: Tally, path: str) -> None:
    """Unseen trajectories, as they are, shifted, and broadened."""
    library = open_library(path).load()
    energy_eV = library["energy"].values.astype(float)
    for number, held in enumerate(held_out_models(path)):
        random = np.random.default_rng(number)
        by_kind: dict[str, list[np.ndarray]] = {}
        for kind, spectrum, _ in unseen(library, held.rows, random):
            by_kind.setdefault(kind, []).append(spectrum)
        wide_eV = np.concatenate(
            [
                energy_eV[0] - np.arange(10, 0, -0.1),
                energy_eV,
                energy_eV[-1] + np.arange(0.1, 10, 0.1),
            ]
        )
        for kind, rows in by_kind.items():
            tally.add(f"unseen trajectories, {kind}", held.model, relative(energy_eV, rows, kind))
            for low, high in ((3, 4), (4, 6), (6, 8)):
                far = [
                    Spectrum(
                        wide_eV + random.choice([-1, 1]) * random.uniform(low, high),
                        np.interp(wide_eV, energy_eV, row), "relative", kind, "", "shifted",
                    )
                    for row in rows[::3]
                ]  # fmt: skip
                tally.add(f"shifted by {low} to {high} eV, {kind}", held.model, far)
            wide = [broaden(energy_eV, row, random.uniform(3.0, 6.0)) for row in rows[::3]]
            tally.add(
                f"broadened by 3 to 6 eV, {kind}", held.model, relative(energy_eV, wide, kind)
            )


def main() -> None:
    """Measure, print and write."""
    path = sys.argv[1] if len(sys.argv) > 1 else str(embedded_library())
    model, tally = load_model(model_folder("default")), Tally()
    made: dict[str, list[np.ndarray]] = {}
    for kind, row in noise(np.random.default_rng(0)):
        made.setdefault(kind, []).append(row)
    for kind, rows in made.items():
        tally.add(kind, model, relative(AXIS_eV, rows, kind))
    if len(sys.argv) > 2:
        of_files(tally, model, Path(sys.argv[2]))
    if path != "-":
        of_library(tally, path)
    print("| spectra | how many | without an answer |\n|---|---|---|")
    for kind, (count, share) in tally.rows().items():
        print(f"| {kind} | {count} | {100 * share:.1f} % |")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"rows": tally.rows(), "said": tally.examples}, indent=1) + "\n")


if __name__ == "__main__":
    main()
