"""The paper's networks, many of them at a time: splits, seeds, widths, numbers of examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from nearedge.mixtures import PARTS, Examples
from nearedge.models.examples import Examples as TrainingExamples
from nearedge.models.network import Architecture, Parameters, outputs
from nearedge.models.settings import PAPER_CLASSIFIER, PAPER_REGRESSOR, TrainingSettings
from nearedge.models.training import train
from nearedge.spectra import PAPER_GRID, normalise

HIDDEN = (8, 6)
SETTINGS = {"classifier": PAPER_CLASSIFIER, "regressor": PAPER_REGRESSOR}
COUNTS = {"classifier": 8000, "regressor": 10000}
"""Number of mixtures in the paper."""


@dataclass(frozen=True, eq=False)
class Network:
    """One trained network of the paper, with the input scaling of its training part.

    Attributes
    ----------
    history
        Loss of the training part and of the other parts after every epoch, by part.
    """

    parameters: Parameters
    mean: Float[np.ndarray, " energy"]
    spread: Float[np.ndarray, " energy"]
    history: dict[str, Float[np.ndarray, " epoch"]]

    def outputs(
        self, intensity: Float[np.ndarray, "example energy"]
    ) -> Float[np.ndarray, "example output"]:
        """Logits, or coordination numbers, of un-normalised spectra on the paper's grid."""
        return outputs(self.parameters, self._inputs(intensity))

    def codes(self, intensity: Float[np.ndarray, "example energy"]) -> Int[np.ndarray, " example"]:
        """Most probable class of each spectrum."""
        return self.outputs(intensity).argmax(axis=1)

    def _inputs(self, intensity: np.ndarray) -> np.ndarray:
        return (_area_normalised(intensity) - self.mean) / self.spread


@dataclass(frozen=True, eq=False)
class PaperRun:
    """The paper's network on one seed in one protocol.

    Attributes
    ----------
    examples
        What it was trained and scored on.
    network
        The trained network.
    """

    examples: Examples
    network: Network


def train_networks(
    examples: Sequence[Examples],
    task: str,
    outputs: int,
    seeds: Sequence[int],
    *,
    hidden: Sequence[tuple[int, ...]] | None = None,
    settings: TrainingSettings | None = None,
    follow: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Network]:
    """Train one network per entry of `examples`, side by side in one program.

    Parameters
    ----------
    examples
        From one protocol or several; all with equally many mixtures.
    task
        ``"classifier"`` or ``"regressor"``.
    outputs
        Number of classes, or 1.
    seeds
        One for the weights and shuffling of each network.
    hidden
        Hidden layers of each network, by default the paper's 8 and 6 nodes.
    settings
        By default the paper's for the task.
    follow
        Measure validation and test loss after every epoch.
    """
    scaled = [_scaled(example) for example in examples]
    parts = {
        part: TrainingExamples(
            np.stack([inputs[part] for inputs, _, _ in scaled]),
            np.stack([example.mixtures[part].target for example in examples]),
        )
        for part in (PARTS if follow else ("train",))
    }
    widths = hidden or [HIDDEN] * len(examples)
    trained = train(
        [Architecture(PAPER_GRID.points, nodes, outputs) for nodes in widths],
        parts["train"],
        settings or SETTINGS[task],
        seeds,
        validation=parts["validation"] if follow else None,
        monitor={"test": parts["test"]} if follow else None,
        progress=progress,
    )
    histories = {part: trained.history.get(f"{part}_loss") for part in PARTS}
    return [
        Network(
            trained.parameters[number],
            mean,
            spread,
            {part: h[:, number] for part, h in histories.items() if h is not None},
        )
        for number, (_, mean, spread) in enumerate(scaled)
    ]


def _area_normalised(intensity: np.ndarray) -> np.ndarray:
    return normalise(PAPER_GRID.energy_eV, intensity, "area")


def _scaled(example: Examples) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Inputs of every part, scaled by mean and standard deviation of the training part."""
    inputs = {part: _area_normalised(m.intensity) for part, m in example.mixtures.items()}
    mean, spread = inputs["train"].mean(axis=0), inputs["train"].std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    return {part: (x - mean) / spread for part, x in inputs.items()}, mean, spread
