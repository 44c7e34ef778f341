"""The sweeps of figures 3 and 4: widths, numbers of examples, learning rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from nearedge.mixtures import Examples, Sites, held_out_examples, pooled_examples
from nearedge.studies.extent import Extent, scaled_settings
from nearedge.studies.paper import SETTINGS, Network, PaperRun, train_networks
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
