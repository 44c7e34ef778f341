"""How many sites of an expensive engine finish a model that a cheap engine pretrained.

``python -m nearedge.studies.transfer LIBRARY --out DIR`` does the study of docs/transfer.md.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from threadpoolctl import threadpool_limits

from nearedge.errors import UsageError
from nearedge.library import open_library
from nearedge.mixtures import Sites, group_folds, load_sites
from nearedge.models.method import fit_classifier
from nearedge.models.pretraining import Pretraining
from nearedge.spectra.between_engines import COMPARED_EV
from nearedge.studies.continuing import pretraining_sites
from nearedge.studies.near_edge import OXYGEN
from nearedge.studies.scores import accuracy

if TYPE_CHECKING:
    import xarray

COUNTS = (0, 5, 10, 20, 40)
_FOLDS = 7
_SEEDS = 20
PRETRAINED = "pretrained"
ALONE = "same machine from scratch"
VECTORS = "support vectors from scratch"
SCRATCH = "nearedge from scratch"
_METHODS = (PRETRAINED, ALONE, VECTORS, SCRATCH)


def transfer_study(
    library: xarray.Dataset,
    pretraining: Pretraining,
    *,
    counts: Sequence[int] = COUNTS,
    seeds: int = _SEEDS,
    folds: int = _FOLDS,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Finish a pretrained model with few sites and score it on sites of unseen groups.

    Every seed makes its own folds. Each fold trains on the first so many groups of its shuffled
    training part, and in the end on all of it. The alignment is fitted on these finishing sites
    alone; without any, on all spectra of the library without their labels.

    Parameters
    ----------
    library
        Of the expensive engine.
    pretraining
        Sites of the cheap one.
    counts
        Finishing sites.
    seeds, folds
        How often all sites are answered, and in how many folds.
    progress
        Called with (what, done, in all).

    Returns
    -------
    dict
        ``accuracy``: for each method and number of finishing sites ("all" for the whole training
        part) the accuracies of all seeds; ``unlabelled_alignment``, ``alignments`` of the whole
        training parts, ``sites``, ``folds``, ``seeds`` and ``pretraining``.

    Raises
    ------
    UsageError
        If a number of finishing sites is more than a fold's training part holds.
    """
    sites = pretraining.widen(load_sites(library, OXYGEN.grid))
    true = np.array(sites.labels)[sites.environment]
    unlabelled = pretraining.align_unlabelled(OXYGEN.grid, sites.intensity)
    found: dict[str, dict[str, list[float]]] = {method: {} for method in _METHODS}
    alignments = []
    nothing = np.arange(0)
    if 0 in counts:
        zero = pretraining.classifier(OXYGEN.grid, sites, nothing, unlabelled)
        found[PRETRAINED]["0"] = [accuracy(zero.predict(sites.intensity), true)]
    for seed in range(seeds):
        said: dict[tuple[str, str], np.ndarray] = {}
        splits = group_folds(sites.group, folds, seed, classes=sites.environment)
        for fold, (train, test) in enumerate(splits):
            shuffled = np.random.default_rng((seed, fold)).permutation(train)
            parts = {str(count): shuffled[:count] for count in counts if count} | {"all": train}
            for count, index in parts.items():
                if count != "all" and len(index) < int(count):
                    raise UsageError(
                        f"{count} finishing sites, but a fold trains on {len(train)}; give fewer"
                    )
                for method, predicted in _answers(sites, pretraining, index, test).items():
                    said.setdefault((method, count), np.empty_like(true))[test] = predicted
            alignments.append(pretraining.align(OXYGEN.grid, sites, train))
        for (method, count), labels in said.items():
            found[method].setdefault(count, []).append(accuracy(labels, true))
        if progress is not None:
            progress("seeds", seed + 1, seeds)
    return {
        "accuracy": found,
        "unlabelled_alignment": unlabelled.to_dict(),
        "alignments": {
            name: [min(values), float(np.median(values)), max(values)]
            for name in ("shift_eV", "stretch")
            for values in [[getattr(one, name) for one in alignments]]
        },
        "sites": len(true),
        "folds": folds,
        "seeds": seeds,
        "pretraining": pretraining.described,
    }


def _answers(
    sites: Sites,
    pretraining: Pretraining,
    index: Int[np.ndarray, " trained"],
    test: Int[np.ndarray, " test"],
) -> dict[str, Shaped[np.ndarray, " test"]]:
    """Labels of the test part by every method, trained on the same few sites."""
    labels, asked = np.array(sites.labels)[sites.environment[index]], sites.intensity[test]
    # On data this small, threads wait for each other longer than they work.
    with threadpool_limits(1):
        continued = fit_classifier(replace(OXYGEN, pretraining=pretraining), sites, index)
        answers = {PRETRAINED: continued.predict(asked)}
        if len(np.unique(labels)) < 2:
            return answers | {method: np.full(len(test), labels[0]) for method in _METHODS[1:]}
        return answers | {
            ALONE: pretraining.without(OXYGEN.grid, sites, index).predict(asked),
            SCRATCH: fit_classifier(OXYGEN, sites, index).predict(asked),
            VECTORS: _support_vectors(sites.intensity[index], labels, asked),
        }


def _support_vectors(
    x: Float[np.ndarray, "trained grid"],
    labels: Shaped[np.ndarray, " trained"],
    asked: Float[np.ndarray, "test grid"],
) -> Shaped[np.ndarray, " test"]:
    """The strongest known classifier from scratch: normalised by the area of the window."""
    from sklearn.svm import SVC

    first, stop = np.searchsorted(OXYGEN.grid.energy_eV, COMPARED_EV)

    def window(spectra: np.ndarray) -> np.ndarray:
        part = spectra[:, first : stop + 1]
        return part / part.mean(axis=1, keepdims=True)

    centre = window(x).mean(axis=0)
    machine = SVC(C=10.0).fit(window(x) - centre, labels)
    return machine.predict(window(asked) - centre)


def write_study(results: dict[str, Any], out: str | os.PathLike[str]) -> Path:
    """Write ``transfer.json`` and ``transfer.png`` into a folder, and return the figure's path."""
    from nearedge.studies._figure_transfer import figure_transfer

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "transfer.json").write_text(json.dumps(results, indent=2) + "\n")
    figure_transfer(results["accuracy"], results["seeds"]).savefig(folder / "transfer.png")
    return folder / "transfer.png"


def main(words: Sequence[str] | None = None) -> None:
    """Do the study from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", help="labelled library of the engine to finish with")
    parser.add_argument("--from", dest="model", default="default", help="pretrained model")
    parser.add_argument("--out", default="results/transfer", help="folder for results")
    parser.add_argument("--seeds", type=int, default=_SEEDS)
    given = parser.parse_args(words)
    results = transfer_study(
        open_library(given.library).load(),
        pretraining_sites(given.model),
        seeds=given.seeds,
        progress=lambda what, done, whole: print(f"{what} {done}/{whole}", flush=True),
    )
    for method, by_count in results["accuracy"].items():
        for count, values in by_count.items():
            middle = np.median(values)
            print(f"{method}, {count}: {middle:.3f} ({min(values):.3f} to {max(values):.3f})")
    print(f"Results and figure: {write_study(results, given.out)}")


if __name__ == "__main__":
    main()
