"""Training the model that predictions are made with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.errors import NearedgeError
from nearedge.library import library_info, open_library, open_structures
from nearedge.library.schema import absorber_and_edge
from nearedge.mixtures import load_sites
from nearedge.models import save_model
from nearedge.models.bands import class_bands
from nearedge.models.known_sites import sites_attachment
from nearedge.models.method import fit_classifier, fit_samples
from nearedge.models.pretraining import WORTHS, pretraining_of
from nearedge.models.sharing import TOLD
from nearedge.spectra import alignment_reference
from nearedge.studies.assessment import assess_library, method_for
from nearedge.studies.reach import ask_left_out, fit_reach
from nearedge.studies.scores import r2_in_words
from nearedge.studies.together import companions_in_words, model_names, sharing_with
from nearedge.uncertainty import (
    DEFAULT_COVERAGE,
    NOVELTY_LEVEL,
    FoldModels,
    calibrate,
    fit_statements,
    to_attachment,
)

if TYPE_CHECKING:
    import xarray

# Fewer cannot tell how the energy zeros of unseen structures scatter.
_FEW_TRAJECTORIES = 3


def train_model(
    library_path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    pretrained: str | None = None,
    companions: Sequence[str | os.PathLike[str]] = (),
    categories: tuple[str, ...] = TOLD,
    seed: int = 0,
    window_eV: tuple[float, float] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Assess nearedge's method on a library, train it on all sites, and save the model.

    What holds on unseen sites is measured as in `nearedge.studies.assess`, without the baselines
    that must be tuned: a model says nothing of them.

    Parameters
    ----------
    library_path
        A labelled library.
    out
        Folder of the model; a model that stands there is replaced when the new one is complete.
    pretrained
        Folder of a model, or ``"default"``, to continue from; None to train from scratch.
    companions
        Other libraries to train on together with this one, see `nearedge.models.sharing`.
    categories
        What gets vectors then: some of ``absorber``, ``edge``, ``space_group`` and ``defect``.
    seed
        Of folds, mixtures and training.
    window_eV
        First and last energy that the model looks at; the method's own if not given.
    progress
        Called with (what, done, in all).

    Returns
    -------
    dict
        What is saved beside the weights: grid, classes, library, held-out figures, versions.
    """
    library = open_library(library_path).load()
    method = method_for(library, window_eV, pretrained)
    if companions:
        method = sharing_with(method, companions, seed, categories)
    folds: list[tuple[tuple[np.ndarray, np.ndarray], FoldModels]] = []
    assessment = assess_library(
        library,
        method,
        seed=seed,
        progress=progress,
        tuned=False,
        observe=lambda rows, models: folds.append((rows, models)),
    )
    sites = load_sites(library, method.grid)
    if method.pretraining is not None:
        sites = method.pretraining.widen(sites)
    everything = np.arange(len(sites.group))
    classifier = fit_classifier(method, sites, everything)
    if len(classifier.classes) != len(sites.labels):
        raise NearedgeError(
            f"the classifier knows {', '.join(map(str, classifier.classes))}, and its calibration "
            f"is for {', '.join(sites.labels)}; train without what has no sites"
        )
    regressor, composition = fit_samples(method, sites, everything, seed)
    calibration = calibrate(method, sites, assessment.known, classifier, seed)
    spectra = library["energy"].values.astype(float), library["intensity"].values.astype(float)
    zeros = _zeros(library)
    reference = alignment_reference(*spectra, zeros, seed)
    reference["reach"] = fit_reach(
        [
            ask_left_out(
                method,
                sites,
                spectra,
                zeros,
                rows,
                models.regressor,
                fit_statements(assessment.known.without_fold(fold)).intervals,
                reference["scatter_eV"] or 0.0,
                seed + fold,
            )
            for fold, (rows, models) in enumerate(folds)
        ]
    )
    summary = library_info(library_path)
    absorber, edge = absorber_and_edge(library)
    info = {
        "absorber": absorber,
        "edge": edge,
        "grid": asdict(method.grid),
        "classes": list(sites.labels),
        "label_scheme": library.attrs["label_scheme"],
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
        | {
            "hash": library_hash(library),
            # Of what the regressor learns, which a scheme may have replaced.
            "mean_coordination": float(sites.coordination.mean()),
        },
        "reference": reference,
        "bands": class_bands(sites.intensity, sites.environment, sites.labels),
        "trained_broadening_eV": method.augmentation.broadening_eV if method.augmentation else 0,
        "held_out": assessment.figures,
        "versions": {name: version(name) for name in ("nearedge", "numpy", "scipy")},
        "coverage_kind": calibration.statements.coverage_kind(DEFAULT_COVERAGE),
        "seed": seed,
    }
    if method.pretraining is not None:
        alignment = method.pretraining.align(method.grid, sites, everything)
        info["pretraining"] = method.pretraining.described | {
            "alignment": alignment.to_dict(),
            "finishing_sites": len(everything),
        }
    embedding = None
    if method.sharing is not None:
        joined = method.sharing.join(sites, everything)
        learned = method.sharing.embedding(joined, method.near_edge(method.classifier))
        embedding = learned.to_attachment()
        info["shared_with"] = companions_in_words(companions)
    training = pretraining_of(
        sites,
        method.grid,
        {key: info["library"][key] for key in ("engine", "engine_version", "sites", "hash")},
    )
    estimators = {
        "classifier": classifier,
        "regressor": regressor,
        "composition": composition,
    }
    known = sites_attachment(library, open_structures(library_path), method.grid)
    save_model(
        out,
        estimators,
        info,
        _card(info),
        to_attachment(calibration),
        known,
        training.to_attachment(),
        embedding,
    )
    return info


def train_together(
    library_paths: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    categories: tuple[str, ...] = TOLD,
    seed: int = 0,
    window_eV: tuple[float, float] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, dict[str, Any]]:
    """Train one shared model of several libraries, and save it as it answers for each of them.

    Parameters
    ----------
    library_paths
        Labelled libraries, each of another absorber or edge.
    out
        Folder of the models, one for each absorber and edge.
    categories, seed, window_eV, progress
        As of `train_model`.

    Returns
    -------
    dict
        What `train_model` returns, by the name of the model's folder.

    Raises
    ------
    UsageError
        If two libraries are of the same absorber and edge.
    """
    names = model_names(library_paths)
    return {
        name: train_model(
            path,
            Path(out) / name,
            companions=[other for other in library_paths if other != path],
            categories=categories,
            seed=seed,
            window_eV=window_eV,
            progress=progress,
        )
        for name, path in names.items()
    }


def _zeros(library: xarray.Dataset) -> np.ndarray:
    """What shares an energy zero and a starting cell: trajectories, or structures if few."""
    trajectory = library["trajectory_id"].values.astype(int)
    if np.unique(trajectory).size >= _FEW_TRAJECTORIES:
        return trajectory
    return library["structure_id"].values.astype(int)


_COVERAGE_WORDS = {
    "conformal": "made to hold for a new trajectory that is like the library's, see\n"
    "docs/uncertainty.md",
    "empirical": "calibrated on too few independent trajectories for a proof, in all or of an\n"
    "environment",
}


def library_hash(library: xarray.Dataset) -> str:
    """Short hash of the spectra of a library and of the codes of their labels.

    It tells spectra and labels apart, not all that training depends on: trajectories, a target and
    the names of the labels are not in it.
    """
    content = hashlib.sha256()
    for name in ("energy", "intensity", "environment", "coordination", "atom_index"):
        content.update(np.ascontiguousarray(library[name].values).tobytes())
    return content.hexdigest()[:16]


def _continued(info: dict[str, Any]) -> str:
    """What the model was continued from; empty for one that was trained from scratch."""
    if "pretraining" not in info:
        return ""
    before, alignment = info["pretraining"], info["pretraining"]["alignment"]
    return f"""
Continued from a model of {before["sites"]} sites from {before["engine"]}
({before["engine_version"]}; library `{before["hash"]}`), which count as {WORTHS[0]:g} to
{WORTHS[-1]:g} sites beside the {before["finishing_sites"]} above. Their energies were stretched by
{alignment["stretch"]:.3f} and moved by {alignment["shift_eV"]:+.1f} eV, one stretch and one shift
for the engine, fitted on the sites above.
"""


def _with_range(figures: dict[str, Any], name: str) -> str:
    low, high = figures["ranges"][name]
    return f"{figures['calibrated'][name]:.3f} ({low:.3f} to {high:.3f})"


def _known(info: dict[str, Any]) -> str:
    """Where the model's spectra come from, in one sentence."""
    if "shared_with" in info:
        return "The model knows the compounds of the libraries above, and spectra of their engine."
    engines = info["library"]["engine"]
    if "pretraining" in info:
        engines += f", and of {info['pretraining']['engine']} on its axis"
    return f"The model knows the structures above, and spectra of {engines}."


def _shared(info: dict[str, Any]) -> str:
    """What the model was trained on beside its own library; empty for one that was not."""
    if "shared_with" not in info:
        return ""
    others = "; ".join(
        f"{one['sites']} sites of {one['absorber']} ({one['edge']} edge)"
        for one in info["shared_with"]
    )
    return f"""
Trained together with {others}, told apart by learned vectors. Materials that a fold held out were
held out of these, too.
"""


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
{_continued(info)}{_shared(info)}
Energies are relative to: {library["energy_zero"]}. The model looks at {grid["points"]} points from
{grid["start_eV"]} to {grid["stop_eV"]} eV.

## What holds on unseen sites

{held_out["folds"]}-fold cross-validation over whole groups (by {held_out["group_by"]}), seed
{held_out["seed"]}, with 95 % intervals by bootstrap over groups:

| | nearedge | the paper's network |
|---|---|---|
| accuracy on single sites | {_with_range(classifier, "accuracy")} | \
{classifier["baselines"]["paper"]:.3f} |
| macro-F1 on single sites | {_with_range(classifier, "macro_f1")} | |
| accuracy on mixtures of one class | {classifier["mixtures_test"]:.3f} | |
| mean squared error of the average coordination number | {regressor["mse_test"]:.4f} | \
{regressor["baselines"]["paper"]:.4f} |
| the same of the constant training mean | {regressor["constant_mse_test"]:.4f} | |
| R2 of the average coordination number | {r2_in_words(regressor)} | |

## How far the answers can be trusted

Measured on the groups that the calibration at hand had not used, in the same folds. Coverage is
{info["coverage_kind"]}: {_COVERAGE_WORDS[info["coverage_kind"]]}.

| | wanted | measured |
|---|---|---|
| prediction sets that hold the environment | {DEFAULT_COVERAGE} | {classifier["coverage"]:.3f} |
| environments in a set, mean | | {classifier["mean_set_size"]:.2f} |
| intervals that hold the coordination number, averages of 20 to 70 sites | \
{DEFAULT_COVERAGE} | {regressor["interval_coverage"]:.3f} |
| false alarms of the novelty test, single sites | {NOVELTY_LEVEL} at most | \
{classifier["false_alarms"]["single sites"]:.3f} |
| log loss of probabilities, before and after calibration | | \
{classifier["log_loss"]["raw"]:.2f}, {classifier["log_loss"]["calibrated"]:.2f} |

## Limits

{_known(info)}
Spectra that are like none of its library are flagged as novel; a spectrum of another compound or
engine that happens to look alike is not, and averages over many sites look more alike than single
ones. Probabilities and sets speak of single sites; averages over sites of one environment are told
apart as the third row says. Of a sample, ask the average coordination number and the fractions of
environments.
"""
