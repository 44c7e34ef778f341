"""Train many models side by side: an ensemble, a sweep over widths, several splits.

Models are packed (see `packed`) and every pack is trained by one compiled program. There are as
many packs as cores can serve, and they run at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import jax
import numpy as np
from jaxtyping import Float, Int

from nearedge.errors import UsageError
from nearedge.models._program import State
from nearedge.models._running import Model, cores, final_states, joined_history, make_pack, run
from nearedge.models.examples import Examples, prepare
from nearedge.models.network import Architecture, Parameters, initial_parameters
from nearedge.models.settings import TrainingSettings

# A smaller pack takes nearly as long as this one, since the cost of a step is then its number of
# operations.
_MODELS_PER_CORE = 4


@dataclass(frozen=True, eq=False)
class Trained:
    """Models after training.

    Attributes
    ----------
    parameters
        Weights and biases of every model; with `patience`, those of lowest validation loss.
    epochs
        Epochs that each model has been trained, those before `start` included; shape (model,).
    history
        Per epoch of this run and model, NaN where early stopping had ended a model: "train_loss",
        the running mean over the epoch's mini-batches (without the penalty); and for "validation"
        and every monitored set, after the epoch, "<name>_loss" and for classifiers
        "<name>_accuracy"; each of shape (epoch, model).
    states
        What to give as `start` to go on training.
    """

    parameters: tuple[Parameters, ...]
    epochs: Int[np.ndarray, " model"]
    history: dict[str, Float[np.ndarray, "epoch model"]]
    states: tuple[State, ...]


def fresh_state(parameters: Parameters) -> State:
    """Start from given weights and biases, with Adam and the epoch count at their beginning.

    Examples
    --------
    >>> state = fresh_state(initial_parameters(Architecture(70, (8, 6), 6), seed=0))
    >>> int(state.epoch), float(state.best_loss)
    (0, inf)
    """
    zero = jax.tree.map(np.zeros_like, parameters)
    none = np.int32(0)
    return State(parameters, zero, zero, none, none, parameters, np.float64(np.inf), none)


def train(
    architectures: Architecture | Sequence[Architecture],
    examples: Examples,
    settings: TrainingSettings,
    seeds: Sequence[int],
    *,
    validation: Examples | None = None,
    monitor: Mapping[str, Examples] | None = None,
    start: Sequence[State] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """Train one model per seed, all side by side.

    The result is the same, bit for bit, every time on one machine. A model's initial weights and
    shuffling depend on its own seed alone: trained by itself or packed with others it ends the
    same, but for rounding.

    Parameters
    ----------
    architectures
        One for all models or one each; they must agree in inputs and outputs.
    examples
        Common to all models, or with a leading model axis.
    settings
        Common to all models.
    seeds
        One per model, not negative.
    validation
        Measured after every epoch, and what `patience` looks at.
    monitor
        Further sets to measure after every epoch, by name.
    start
        States of an earlier run, or `fresh_state` of given parameters. 60 epochs and 40 more from
        their states give what 100 epochs give.
    progress
        Called with the epochs done and the epochs in all, several times a second.

    Returns
    -------
    Trained

    Raises
    ------
    UsageError
        If arguments do not fit together.
    NearedgeError
        If data are not finite, or a model diverges.

    References
    ----------
    D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015; the step is
    that of the remark at the end of section 2.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(64, 3))
    >>> examples = Examples(x, (x[:, 0] > 0).astype(int))
    >>> settings = TrainingSettings("cross-entropy", epochs=40, batch_size=16, learning_rate=0.01)
    >>> trained = train(Architecture(3, (4,), 2), examples, settings, seeds=[0, 1])
    >>> trained.history["train_loss"].shape
    (40, 2)
    >>> bool((trained.history["train_loss"][-1] < trained.history["train_loss"][0]).all())
    True
    """
    models = _models(architectures, seeds, start)
    dtype = np.dtype(settings.precision).type
    inputs, outputs = models[0].inputs, models[0].outputs
    evaluated = {**({"validation": validation} if validation else {}), **(monitor or {})}
    if settings.patience is not None and validation is None:
        raise UsageError("early stopping (patience) needs validation examples")
    if "train" in evaluated or (monitor and "validation" in monitor):
        raise UsageError('"train" and "validation" are not names for monitored sets')
    ready = {
        name: prepare(part, inputs, outputs, settings.loss, dtype, name)
        for name, part in {"train": examples, **evaluated}.items()
    }
    for name, (x, _) in ready.items():
        if x.ndim == 3 and len(x) != len(models):
            raise UsageError(
                f"{name} examples are given for {len(x)} models, but there are {len(models)} seeds"
            )
    if start is None:
        start = [fresh_state(initial_parameters(a, s)) for a, s in zip(models, seeds, strict=True)]
    members = [Model(a, int(s), state) for a, s, state in zip(models, seeds, start, strict=True)]
    packs = [make_pack(chosen, members, ready, dtype) for chosen in _split(models)]
    run(packs, settings, examples.x.shape[-2], progress)
    states = final_states(packs)
    return Trained(
        tuple(s.parameters if settings.patience is None else s.best for s in states),
        np.array([int(state.epoch) for state in states]),
        joined_history(packs),
        states,
    )


def _models(
    architectures: Architecture | Sequence[Architecture],
    seeds: Sequence[int],
    start: Sequence[State] | None,
) -> tuple[Architecture, ...]:
    """One architecture per seed, checked against each other and the states to start from."""
    if isinstance(architectures, Architecture):
        architectures = [architectures] * len(seeds)
    if not seeds or len(architectures) != len(seeds) or min(seeds) < 0:
        raise UsageError(
            f"{len(architectures)} architectures and seeds {list(seeds)}: give one or more seeds, "
            "none negative, and one architecture for all or one for each"
        )
    ends = {(architecture.inputs, architecture.outputs) for architecture in architectures}
    if len(ends) > 1:
        raise UsageError(
            "models trained together need the same numbers of inputs and outputs, but these are "
            f"{', '.join(str(architecture) for architecture in architectures)}"
        )
    if start is not None:
        found = [[weight.shape[::-1] for weight, _ in state.parameters] for state in start]
        if found != [list(pairwise(a.widths)) for a in architectures]:
            raise UsageError(
                "the states to start from do not have the architectures "
                f"{', '.join(str(architecture) for architecture in architectures)}"
            )
    return tuple(architectures)


def _split(models: Sequence[Architecture]) -> list[list[int]]:
    """Share the models out to packs: equal depth within a pack, similar widths, equal numbers."""
    packs = []
    for depth in sorted({len(model.hidden) for model in models}):
        alike = [index for index, model in enumerate(models) if len(model.hidden) == depth]
        alike.sort(key=lambda index: models[index].hidden)
        parts = min(cores(), -(-len(alike) // _MODELS_PER_CORE))
        packs += [part.tolist() for part in np.array_split(alike, parts)]
    return packs
