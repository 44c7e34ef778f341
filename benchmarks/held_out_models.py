"""Models that never saw one part of a library: what is measured with them holds on new samples.

The folds, and all that is fitted in them, are those of `nearedge assess`: each model is trained on
whole trajectories, calibrated on the answers of the other folds, and aligned with its own training
sites; how far the shift's uncertainty reaches is found on the other folds. They are kept in
``results/held_out_models``, by library and method.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nearedge.library import open_library
from nearedge.mixtures import Sites, group_folds, load_sites
from nearedge.models import Model, load_model, save_model
from nearedge.spectra import alignment_reference
from nearedge.studies.near_edge import OXYGEN
from nearedge.studies.reach import ask_left_out, fit_reach
from nearedge.studies.training import library_hash
from nearedge.uncertainty import answer_out_of_fold, calibrate, fit_statements, to_attachment

FOLDER = Path("results/held_out_models")
FOLDS, SEED = 10, 0


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A model, and the sites of the library that it never saw."""

    model: Model
    rows: np.ndarray


def held_out_models(library_path: str) -> Iterator[HeldOut]:
    """Train them, or take them from the folder."""
    library = open_library(library_path).load()
    sites = load_sites(library, OXYGEN.grid)
    folds = group_folds(
        sites.group, min(FOLDS, np.unique(sites.group).size), SEED, classes=sites.environment
    )
    method = hashlib.sha256(repr(OXYGEN).encode()).hexdigest()[:8]
    kept = FOLDER / f"{library_hash(library)}-{method}"
    if not (kept / "complete").exists():
        _train(library, sites, folds, kept)
    for number, (_, left_out) in enumerate(folds):
        yield HeldOut(load_model(kept / f"fold{number}"), left_out)


def _train(library, sites: Sites, folds, kept: Path) -> None:
    trained = {}
    known = answer_out_of_fold(
        OXYGEN,
        sites,
        SEED,
        folds=folds,
        observe=trained.__setitem__,
        progress=lambda what, done, total: print(f"{what} {done} of {total}", flush=True),
    )
    spectra = library["energy"].values.astype(float), library["intensity"].values.astype(float)
    trajectory = library["trajectory_id"].values.astype(int)
    references = [
        alignment_reference(spectra[0], spectra[1][train], trajectory[train]) for train, _ in folds
    ]
    aligned = [
        ask_left_out(
            OXYGEN,
            sites,
            spectra,
            trajectory,
            rows,
            trained[number].regressor,
            fit_statements(known.without_fold(number)).intervals,
            references[number]["scatter_eV"],
            SEED + number,
        )
        for number, rows in enumerate(folds)
    ]
    for number, (train, left_out) in enumerate(folds):
        own, models = sites.part(train), trained[number]
        reach = fit_reach([one for other, one in enumerate(aligned) if other != number])
        calibration = calibrate(
            OXYGEN, own, known.without_fold(number), models.classifier, SEED + number
        )
        info = {
            "absorber": library["absorber"].attrs["labels"][0],
            "edge": library["edge"].attrs["labels"][0],
            "grid": asdict(OXYGEN.grid),
            "classes": list(sites.labels),
            "label_scheme": library.attrs["label_scheme"],
            "reference": references[number] | {"reach": reach},
            "left_out": left_out.tolist(),
        }
        estimators = {
            "classifier": models.classifier,
            "regressor": models.regressor,
            "composition": models.composition,
        }
        save_model(kept / f"fold{number}", estimators, info, "", to_attachment(calibration))
    (kept / "complete").write_text(json.dumps({"folds": len(folds), "seed": SEED}) + "\n")
