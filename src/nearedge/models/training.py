"""Train many models side by side: an ensemble, a sweep over widths, several splits.

One compiled program (see `_program`) trains models of any widths and depths, on all cores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from nearedge.errors import UsageError
from nearedge.models._running import Run, epochs_of, joined_history, run_all
from nearedge.models._state import State, same_widths
from nearedge.models.examples import Examples, prepare
from nearedge.models.network import Architecture, Parameters, initial_parameters
from nearedge.models.settings import TrainingSettings


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
    zero = tuple((np.zeros_like(weight), np.zeros_like(bias)) for weight, bias in parameters)
    none = np.int64(0)
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
    checkpoint: Path | None = None,
) -> Trained:
    """Train one model per seed, all side by side.

    The result is the same, bit for bit, every time on one machine. A model's initial weights and
    shuffling depend on its own seed alone: trained by itself or with others it ends the same.

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
        Called with the epochs done by every model and the epochs in all, several times a second.
    checkpoint
        A file in which the run is kept every ten seconds and at its end. Where it exists, the same
        call goes on from it, and ends with the bits of a run in one piece.

    Returns
    -------
    Trained

    Raises
    ------
    UsageError
        If arguments do not fit together, or the checkpoint is one of another run.
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
    for name, part in ready.items():
        if part.weight.ndim == 2 and len(part.weight) != len(models):
            raise UsageError(
                f"{name} examples are given for {len(part.weight)} models, but there are "
                f"{len(models)} seeds"
            )
    if start is None:
        start = [fresh_state(initial_parameters(a, s)) for a, s in zip(models, seeds, strict=True)]
    runs = [
        Run(
            architecture,
            int(seed),
            state,
            {name: part.of(number) for name, part in ready.items()},
            settings,
            number,
        )
        for number, (architecture, seed, state) in enumerate(zip(models, seeds, start, strict=True))
    ]
    run_all(runs, progress, checkpoint)
    states = tuple(run.state() for run in runs)
    return Trained(
        tuple(s.parameters if settings.patience is None else s.best for s in states),
        epochs_of(runs),
        joined_history(runs),
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
        same = len(start) == len(architectures) and all(
            same_widths(state, a) for state, a in zip(start, architectures, strict=True)
        )
        if not same:
            raise UsageError(
                "the states to start from do not have the architectures "
                f"{', '.join(str(architecture) for architecture in architectures)}"
            )
    return tuple(architectures)
