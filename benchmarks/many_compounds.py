"""One shared model or separate ones, on materials left out: the tables of docs/many-compounds.md.

    python benchmarks/many_compounds.py examples/many-compounds/*.zarr.zip

Folds are of whole materials over all libraries: what is left out of one is left out of all. Of
those in training, a library has as many as the table says, drawn at random; its companions have all
of theirs. Single sites are asked about. Medians and ranges over seeds.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from nearedge.library import open_library
from nearedge.mixtures import Sites, group_folds, load_sites
from nearedge.models.method import DEFAULT, Method, fit_classifier, fit_samples
from nearedge.models.sharing import Sharing
from nearedge.studies.scores import accuracy, macro_f1

SEEDS = range(5)
FOLDS = 5
EFFORT = 0.1  # Share of the mixtures that the regressor learns from.
TRAINING = (3, None)
METHOD = DEFAULT.within((-5.0, 25.0))
SHARED = {
    "shared, no vectors": (),
    "shared, vectors of absorbers": ("absorber", "edge"),
    "and of space groups": ("absorber", "edge", "space_group"),
}
VARIANTS = ("separate", *SHARED)


def libraries(paths: list[str]) -> dict[str, Sites]:
    """Sites of every library by its absorber."""
    found = {}
    for path in paths:
        sites = load_sites(open_library(path).load(), METHOD.grid, "trajectory")
        found[str(sites.names["absorber"][0])] = sites
    return found


def material_folds(sites: dict[str, Sites], seed: int) -> list[set[str]]:
    """Materials that are left out together."""
    names = np.concatenate([one.names["trajectory_id"] for one in sites.values()])
    labels = np.concatenate([np.array(one.labels)[one.environment] for one in sites.values()])
    materials, group = np.unique(names, return_inverse=True)
    _, classes = np.unique(labels, return_inverse=True)
    return [
        set(materials[np.unique(group[left_out])])
        for _, left_out in group_folds(group, FOLDS, seed, classes=classes)
    ]


def few(sites: Sites, rows: np.ndarray, count: int | None, seed: int) -> np.ndarray:
    """Rows of some materials, one of every environment among them where that is possible."""
    if count is None:
        return rows
    rng = np.random.default_rng(seed)
    materials = rng.permutation(np.unique(sites.names["trajectory_id"][rows])).tolist()
    first = []
    for code in np.unique(sites.environment[rows]):
        held = set(sites.names["trajectory_id"][rows[sites.environment[rows] == code]])
        if not held & set(first):
            first.append(next(name for name in materials if name in held))
    chosen = [*first, *(name for name in materials if name not in first)][:count]
    return rows[np.isin(sites.names["trajectory_id"][rows], chosen)]


def answers(method: Method, train: Sites, test: Sites, seed: int):
    """Labels and numbers of test sites."""
    everything = np.arange(len(train.group))
    classifier = fit_classifier(method, train, everything)
    regressor, _ = fit_samples(method, train, everything, seed, EFFORT)
    return classifier.predict(test.intensity), regressor.predict(test.intensity)


def one_seed(sites: dict[str, Sites], seed: int) -> list[dict]:
    """Scores of every library, number of materials and variant."""
    said = defaultdict(list)
    for left_out in material_folds(sites, seed):
        for absorber, own in sites.items():
            names = own.names["trajectory_id"]
            test = np.flatnonzero(np.isin(names, sorted(left_out)))
            everything = np.flatnonzero(~np.isin(names, sorted(left_out)))
            if not len(test):
                continue
            others = tuple(
                one.part(np.flatnonzero(~np.isin(one.names["trajectory_id"], sorted(left_out))))
                for other, one in sites.items()
                if other != absorber
            )
            true = np.array(own.labels)[own.environment[test]]
            for count in TRAINING:
                train = own.part(few(own, everything, count, seed))
                for variant in VARIANTS:
                    method = METHOD
                    if variant != "separate":
                        method = replace(METHOD, sharing=Sharing(others, SHARED[variant], seed))
                    labels, numbers = answers(method, train, own.part(test), seed)
                    said[absorber, count, variant].append(
                        (labels, true, numbers, own.coordination[test])
                    )
    rows = []
    for (absorber, count, variant), parts in said.items():
        labels, true, numbers, counted = (np.concatenate(part) for part in zip(*parts, strict=True))
        rows.append(
            {
                "seed": seed,
                "absorber": absorber,
                "materials": count,
                "variant": variant,
                "accuracy": accuracy(labels, true),
                "macro_f1": macro_f1(labels, true),
                "mse": float(np.mean((numbers - counted) ** 2)),
                "constant_mse": float(np.var(counted)),
            }
        )
    return rows


def unseen_absorber(sites: dict[str, Sites], seed: int) -> list[dict]:
    """A metal of which no library is there, asked about with the vector of the unknown."""
    metals = {name: one for name, one in sites.items() if name != "O"}
    rows = []
    for absorber, own in metals.items():
        others = [one for name, one in metals.items() if name != absorber]
        materials = sorted(set(own.names["trajectory_id"]))
        kept = [
            one.part(np.flatnonzero(~np.isin(one.names["trajectory_id"], materials)))
            for one in others
        ]
        true = np.array(own.labels)[own.environment]
        for variant, kinds in list(SHARED.items())[:2]:
            sharing = Sharing(tuple(kept[1:]), kinds, seed)
            everything = np.arange(len(kept[0].group))
            settings = METHOD.near_edge(METHOD.classifier)
            classifier = sharing.classifier(kept[0], everything, settings, {"edge": "K"})
            labels = classifier.predict(own.intensity)
            rows.append(
                {
                    "seed": seed,
                    "absorber": absorber,
                    "variant": variant,
                    "accuracy": accuracy(labels, true),
                    "macro_f1": macro_f1(labels, true),
                    "majority": float(max(np.mean(true == label) for label in set(true))),
                }
            )
    return rows


def table(rows: list[dict], value: str, digits: int) -> str:
    """Markdown: a row for every library and number of materials, a column for every variant."""
    lines = [
        "| absorber | oxides in training | " + " | ".join(VARIANTS) + " |",
        "|---|---|" + "---|" * len(VARIANTS),
    ]
    keys = dict.fromkeys((row["absorber"], row["materials"]) for row in rows)
    for absorber, count in keys:
        cells = []
        for variant in VARIANTS:
            seen = [
                row[value]
                for row in rows
                if (row["absorber"], row["materials"], row["variant"]) == (absorber, count, variant)
            ]
            low, high = min(seen), max(seen)
            cells.append(f"{np.median(seen):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})")
        lines.append(f"| {absorber} | {count or 'all'} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def unseen_table(rows: list[dict]) -> str:
    """Markdown: accuracy on each metal by models that have never seen it."""
    lines = ["| absorber | commonest class | no vectors | vectors |", "|---|---|---|---|"]
    for absorber in dict.fromkeys(row["absorber"] for row in rows):
        own = [row for row in rows if row["absorber"] == absorber]
        cells = [f"{own[0]['majority']:.2f}"]
        for variant in dict.fromkeys(row["variant"] for row in own):
            seen = [row["accuracy"] for row in own if row["variant"] == variant]
            cells.append(f"{np.median(seen):.2f} ({min(seen):.2f} to {max(seen):.2f})")
        lines.append(f"| {absorber} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    sites = libraries(sys.argv[1:])
    kept = Path("results/many_compounds.json")
    kept.parent.mkdir(exist_ok=True)
    rows, unseen = [], []
    for seed in SEEDS:
        rows += one_seed(sites, seed)
        unseen += unseen_absorber(sites, seed)
        kept.write_text(json.dumps({"rows": rows, "unseen": unseen}, indent=1))
        print(f"seed {seed} done", file=sys.stderr, flush=True)
    for value, digits in (("accuracy", 2), ("macro_f1", 2), ("mse", 2)):
        print(f"\n{value}\n\n{table(rows, value, digits)}")
    print(f"\nan absorber that no library has\n\n{unseen_table(unseen)}")


if __name__ == "__main__":
    main()
