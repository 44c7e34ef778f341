"""Sweeps: the paper's (widths, numbers of examples, learning rates), averaged spectra, groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from nearedge.mixtures import Examples, Sites, held_out_examples, pooled_examples
from nearedge.models.method import fit_classifier
from nearedge.studies.extent import Extent, scaled_settings
from nearedge.studies.held_out import Split
from nearedge.studies.near_edge import OXYGEN
from nearedge.studies.paper import COUNTS, SETTINGS, Network, PaperRun, train_networks
from nearedge.studies.scores import accuracy

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done, in all)."""


def hidden_sweep(
    runs: dict[str, list[PaperRun]], sites: Sites, size: Extent, progress: Progress
) -> dict[str, np.ndarray]:
    """Accuracy (seed, width) by part, for every width of figure 3a, all trained side by side."""
    both = runs["pooled"] + runs["held_out"]
    examples = [run.examples for run in both for _ in size.hidden]
    networks = train_networks(
        examples,
        "classifier",
        len(sites.labels),
        [seed for _ in runs for seed in size.seeds for _ in size.hidden],
        hidden=[nodes for _ in both for nodes in size.hidden],
        settings=scaled_settings("classifier", size),
        progress=lambda done, total: progress("hidden nodes", done, total),
    )
    return _sweep_accuracy(examples, networks, sites, len(size.seeds), len(size.hidden))


def examples_sweep(sites: Sites, size: Extent, progress: Progress) -> dict[str, np.ndarray]:
    """Accuracy (seed, number) by part, for every number of mixtures of figure 3b."""
    columns = []
    for number, count in enumerate(size.examples):
        scaled = max(50, round(count * size.effort))
        examples = [
            make(sites, "classifier", scaled, seed)
            for make in (pooled_examples, held_out_examples)
            for seed in size.seeds
        ]
        networks = train_networks(
            examples,
            "classifier",
            len(sites.labels),
            size.seeds * 2,
            settings=scaled_settings("classifier", size),
        )
        columns.append(_sweep_accuracy(examples, networks, sites, len(size.seeds), 1))
        progress("numbers of examples", number + 1, len(size.examples))
    return {part: np.concatenate([c[part] for c in columns], axis=1) for part in columns[0]}


def _sweep_accuracy(
    examples: Sequence[Examples],
    networks: Sequence[Network],
    sites: Sites,
    seeds: int,
    settings: int,
) -> dict[str, np.ndarray]:
    """Accuracy (seed, setting): of the pooled parts, and on raw sites of unseen groups."""
    rows: dict[str, list[float]] = {}
    for example, network in zip(examples, networks, strict=True):
        if example.sites:
            test = example.sites["test"]
            scores = {"held-out": (network.codes(sites.intensity[test]), sites.environment[test])}
        else:
            scores = {
                part: (network.codes(mixtures.intensity), mixtures.target)
                for part, mixtures in example.mixtures.items()
            }
        for part, (predicted, true) in scores.items():
            rows.setdefault(part, []).append(accuracy(predicted, true))
    return {part: np.reshape(values, (seeds, settings)) for part, values in rows.items()}


def averaged_sweep(sites: Sites, size: Extent, progress: Progress) -> dict[str, np.ndarray]:
    """Accuracy (seed, number) by part, for mixtures of exactly so many raw spectra of one class.

    Every network is trained and asked on mixtures of the same number; "held-out averages" are
    mixtures of unseen groups, "held-out sites" the single sites that they are averaged from.
    """
    count = round(COUNTS["classifier"] * size.effort)
    examples = [
        make(sites, "classifier", count, seed, (number, number))
        for make in (pooled_examples, held_out_examples)
        for seed in size.seeds
        for number in size.averaged
    ]
    networks = train_networks(
        examples,
        "classifier",
        len(sites.labels),
        [seed for _ in range(2) for seed in size.seeds for _ in size.averaged],
        settings=scaled_settings("classifier", size),
        progress=lambda done, total: progress("averaged spectra", done, total),
    )
    shape = (len(size.seeds), len(size.averaged))
    parts = _sweep_accuracy(examples, networks, sites, *shape)
    half = len(examples) // 2
    mixed = [
        accuracy(network.codes(test.intensity), test.target)
        for example, network in zip(examples[half:], networks[half:], strict=True)
        for test in [example.mixtures["test"]]
    ]
    singles = parts.pop("held-out")
    return {
        **parts,
        "held-out averages": np.reshape(mixed, shape),
        "held-out sites": singles,
    }


def groups_sweep(
    splits: Sequence[Split], paper_sites: Sites, size: Extent, progress: Progress
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Accuracy on the single sites of the test part for growing shares of the training groups.

    The subsets of a seed are nested, and its test part stays the same.

    Parameters
    ----------
    splits
        One per seed, on the grid of nearedge's method.
    paper_sites
        The same sites on the paper's grid.

    Returns
    -------
    (number of groups, accuracy)
        Accuracy (seed, number) of "nearedge" and of "paper", the paper's network.
    """
    orders = [_shuffled(np.unique(split.sites.group[split.train]), split.seed) for split in splits]
    numbers = subset_sizes(min(len(order) for order in orders), size.subsets)
    parts = [
        replace(split, train=split.train[np.isin(split.sites.group[split.train], order[:number])])
        for split, order in zip(splits, orders, strict=True)
        for number in numbers
    ]
    networks = train_networks(
        [replace(part, sites=paper_sites).examples("classifier") for part in parts],
        "classifier",
        len(paper_sites.labels),
        [part.seed for part in parts],
        settings=scaled_settings("classifier", size),
        progress=lambda done, total: progress("training groups, the paper's network", done, total),
    )
    own, paper = [], []
    for done, (part, network) in enumerate(zip(parts, networks, strict=True), start=1):
        sites, test = part.sites, part.test
        classifier = fit_classifier(OXYGEN, sites, part.train)
        true = sites.environment[test]
        own.append(
            accuracy(classifier.predict(sites.intensity[test]), np.array(sites.labels)[true])
        )
        paper.append(accuracy(network.codes(paper_sites.intensity[test]), true))
        progress("training groups", done, len(parts))
    shape = (len(splits), len(numbers))
    return numbers, {"nearedge": np.reshape(own, shape), "paper": np.reshape(paper, shape)}


def subset_sizes(total: int, most: int) -> np.ndarray:
    """Sizes of nested subsets: from a sixteenth up to all, evenly on a logarithmic axis.

    Examples
    --------
    >>> subset_sizes(7, 6).tolist(), subset_sizes(60, 6).tolist()
    ([1, 2, 3, 5, 7], [3, 5, 10, 18, 33, 60])
    """
    return np.unique(np.rint(np.geomspace(max(1, total // 16), total, most)).astype(int))


def _shuffled(groups: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, 1]).permutation(groups)


def learning_curves(
    runs: dict[str, list[PaperRun]], size: Extent, progress: Progress
) -> dict[float, dict[str, np.ndarray]]:
    """Mean squared error (seed, epoch) by part, at every learning rate of figures 4a and 4b."""
    both = runs["pooled"] + runs["held_out"]
    curves = {}
    for rate in size.learning_rates:
        networks = [run.network for run in both]
        if rate != SETTINGS["regressor"].learning_rate:
            networks = train_networks(
                [run.examples for run in both],
                "regressor",
                1,
                size.seeds * 2,
                settings=replace(scaled_settings("regressor", size), learning_rate=rate),
                follow=True,
                progress=lambda done, total: progress("learning rates", done, total),
            )
        half = len(size.seeds)
        parts = {
            part: np.stack([n.history[part] for n in networks[:half]])
            for part in ("train", "validation", "test")
        }
        parts["held-out"] = np.stack([n.history["test"] for n in networks[half:]])
        curves[rate] = parts
    return curves
