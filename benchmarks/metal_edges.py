"""Nearedge beside tuned forests and boosting on K edges of metals, materials left out.

    python benchmarks/metal_edges.py examples/many-compounds/{V,Mn,Fe}.zarr.zip

Each library by itself, and all together: then forests and boosting are trained on the sites of all
(once more with the absorber told, in a column for each), and so is nearedge's shared method. The
folds are the same for all; baselines are tuned inside the training part. Medians over seeds.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from many_compounds import METHOD, libraries, material_folds

from nearedge.mixtures import Sites
from nearedge.models.baselines import classifier_baselines
from nearedge.models.method import fit_classifier
from nearedge.models.sharing import Sharing
from nearedge.studies.classical import held_out_classifier
from nearedge.studies.scores import accuracy, macro_f1

SEEDS = range(3)
ASKED = ("random forest", "gradient boosting")
_TOLD = 3  # Weight of the absorber's columns beside those of the spectrum.


def baselines(
    sites: Sites, train: np.ndarray, test: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """Labels of the test sites by every forest and boosting."""
    question = held_out_classifier(sites, train, test, seed)
    said = {}
    for name, baseline in classifier_baselines().items():
        if not name.startswith(ASKED):
            continue
        model = baseline.tuned(question.tuning_x, question.tuning_y, question.folds)
        codes = model.fit(question.x, question.y).predict(question.asked)
        said[name] = np.array(sites.labels)[codes]
    return said


def told(sites: Sites, absorbers: list[str]) -> Sites:
    """Spectra divided by their means, with a column for every absorber behind them."""
    mean = sites.intensity.mean(axis=1, keepdims=True)
    columns = np.array(
        [[float(name == one) for one in absorbers] for name in sites.names["absorber"]]
    )
    return replace(sites, intensity=np.hstack([sites.intensity / mean, _TOLD * columns]))


def one_seed(sites: dict[str, Sites], seed: int) -> list[dict]:
    """Scores of every library, and of all."""
    said, true = defaultdict(list), defaultdict(list)
    for left_out in material_folds(sites, seed):
        kept, asked = {}, {}
        for absorber, own in sites.items():
            out = np.isin(own.names["trajectory_id"], sorted(left_out))
            kept[absorber], asked[absorber] = np.flatnonzero(~out), np.flatnonzero(out)
        first, *others = sites
        joined = Sharing(tuple(sites[name] for name in others)).join(
            sites[first], np.arange(len(sites[first].group))
        )
        out = np.isin(joined.names["trajectory_id"], sorted(left_out))
        everywhere = {
            name: baselines(spectra, np.flatnonzero(~out), np.flatnonzero(out), seed)
            for name, spectra in (("", joined), (", absorber told", told(joined, list(sites))))
        }
        for absorber, own in sites.items():
            train, test = kept[absorber], asked[absorber]
            if not len(test):
                continue
            labels = np.array(own.labels)[own.environment[test]]
            true[absorber].append(labels)
            alone = fit_classifier(METHOD, own, train).predict(own.intensity[test])
            said[absorber, "nearedge, separate"].append(alone)
            companions = tuple(sites[name].part(kept[name]) for name in sites if name != absorber)
            for name, kinds in (("", ()), (", vectors", ("absorber", "edge"))):
                shared = replace(METHOD, sharing=Sharing(companions, kinds, seed))
                part = own.part(train)
                fitted = fit_classifier(shared, part, np.arange(len(train)))
                said[absorber, f"nearedge, shared{name}"].append(
                    fitted.predict(own.intensity[test])
                )
            for name, codes in baselines(own, train, test, seed).items():
                said[absorber, f"{name}, separate"].append(codes)
            mine = joined.names["absorber"][out] == absorber
            for how, answers in everywhere.items():
                for name, found in answers.items():
                    said[absorber, f"{name}, shared{how}"].append(found[mine])
    rows = []
    methods = dict.fromkeys(method for _, method in said)
    for method in methods:
        for absorber in (*sites, "all"):
            names = list(sites) if absorber == "all" else [absorber]
            found = np.concatenate([part for name in names for part in said[name, method]])
            right = np.concatenate([part for name in names for part in true[name]])
            rows.append(
                {
                    "seed": seed,
                    "absorber": absorber,
                    "method": method,
                    "accuracy": accuracy(found, right),
                    "macro_f1": macro_f1(found, right),
                }
            )
    return rows


def main() -> None:
    """Measure and print."""
    sites = libraries(sys.argv[1:])
    rows: list[dict] = []
    for seed in SEEDS:
        rows += one_seed(sites, seed)
        Path("results").mkdir(exist_ok=True)
        Path("results/metal_edges.json").write_text(json.dumps(rows, indent=1))
        print(f"seed {seed} done", file=sys.stderr, flush=True)
    absorbers = (*sites, "all")
    print("| method | " + " | ".join(absorbers) + " |\n|---|" + "---|" * len(absorbers))
    for method in dict.fromkeys(row["method"] for row in rows):
        cells = []
        for absorber in absorbers:
            seen = [
                row["macro_f1"]
                for row in rows
                if (row["method"], row["absorber"]) == (method, absorber)
            ]
            cells.append(f"{np.median(seen):.2f} ({min(seen):.2f} to {max(seen):.2f})")
        print(f"| {method} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
