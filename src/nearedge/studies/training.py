"""Training the model that predictions are made with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.library import library_info, open_library
from nearedge.mixtures import load_sites
from nearedge.models import save_model
from nearedge.models.method import DEFAULT, fit_classifier, fit_regressor
from nearedge.studies.assessment import assess_library

if TYPE_CHECKING:
    import xarray


def train_model(
    library_path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Assess nearedge's method on a library, train it on all sites, and save the model.

    Parameters
    ----------
    library_path
        A labelled library.
    out
        Folder of the model; a model that stands there is replaced when the new one is complete.
    seed
        Of folds, mixtures and training.
    progress
        Called with (what, done, in all).

    Returns
    -------
    dict
        What is saved beside the weights: grid, classes, library, held-out figures, versions.
    """
    library = open_library(library_path).load()
    assessment = assess_library(library, seed=seed, progress=progress)
    sites = load_sites(library, DEFAULT.grid)
    everything = np.arange(len(sites.group))
    classifier = fit_classifier(DEFAULT, sites, everything, seed)
    regressor = fit_regressor(DEFAULT, sites, everything, seed)
    summary = library_info(library_path)
    info = {
        "absorber": library["absorber"].attrs["labels"][0],
        "edge": library["edge"].attrs["labels"][0],
        "grid": asdict(DEFAULT.grid),
        "classes": list(sites.labels),
        "library": {
            key: summary[key]
            for key in (
                "sites",
                "structures",
                "trajectories",
                "engine",
                "engine_version",
                "classes",
                "mean_coordination",
                "energy_zero",
                "licence",
            )
        }
        | {"hash": library_hash(library)},
        "reference": {
            "energy_eV": library["energy"].values.astype(float).round(6).tolist(),
            "intensity": [
                float(f"{value:.5g}") for value in library["intensity"].values.mean(axis=0)
            ],
        },
        "held_out": assessment,
        "versions": {name: version(name) for name in ("nearedge", "numba", "numpy")},
        "seed": seed,
    }
    estimators = {"classifier": classifier, "regressor": regressor}
    save_model(out, estimators, info, _card(info))
    return info


def library_hash(library: xarray.Dataset) -> str:
    """Short hash of the spectra and labels of a library.

    Two libraries with the same hash train the same model.
    """
    content = hashlib.sha256()
    for name in ("energy", "intensity", "environment", "coordination", "atom_index"):
        content.update(np.ascontiguousarray(library[name].values).tobytes())
    return content.hexdigest()[:16]


def _card(info: dict[str, Any]) -> str:
    """What a user should know before trusting the model."""
    library, held_out = info["library"], info["held_out"]
    classifier = held_out["classifier"]["held_out"]
    regressor = held_out["regressor"]["held_out"]
    classes = "\n".join(f"| {label} | {count} |" for label, count in library["classes"].items())
    grid = info["grid"]
    return f"""# Model card

Reads the environment of {info["absorber"]} sites and their average coordination number from
{info["absorber"]} {info["edge"]}-edge spectra.

## Trained on

{library["sites"]} sites in {library["structures"]} structures of {library["trajectories"]}
independent trajectories; spectra from {library["engine"]} ({library["engine_version"]}).
Licence of the library: {library["licence"]}. Hash: `{library["hash"]}`.

| environment | sites |
|---|---|
{classes}

Energies are relative to: {library["energy_zero"]}. The model looks at {grid["points"]} points from
{grid["start_eV"]} to {grid["stop_eV"]} eV.

## What holds on unseen sites

{held_out["folds"]}-fold cross-validation over whole groups (by {held_out["group_by"]}), seed
{held_out["seed"]}:

| | nearedge | the paper's network |
|---|---|---|
| accuracy on single sites | {classifier["sites_test"]:.3f} | \
{classifier["baselines"]["paper"]:.3f} |
| macro-F1 on single sites | {classifier["macro_f1"]:.3f} | |
| accuracy on mixtures of one class | {classifier["mixtures_test"]:.3f} | |
| mean squared error of the average coordination number | {regressor["mse_test"]:.4f} | \
{regressor["baselines"]["paper"]:.4f} |
| the same of the constant training mean | {regressor["constant_mse_test"]:.4f} | |

## Limits

The model knows one compound and one engine. Spectra of another compound, another edge or another
code get an answer too, and nothing here says that it is right. Probabilities are not calibrated.
"""
