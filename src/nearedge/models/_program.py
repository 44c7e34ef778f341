"""The program that trains a pack: many epochs of Adam on shuffled mini-batches, compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from nearedge.models.packed import LOSSES, pack_loss, pack_outputs, split_targets

# Adam as in Keras, which the paper's settings belong to.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


# A network's layers: JAX arrays inside the program, NumPy arrays between runs.
_Network = tuple[tuple[Any, Any], ...]


class State(NamedTuple):
    """All that training goes on from, of one model or (with a leading model axis) of a pack.

    Attributes
    ----------
    parameters, first, second
        Weights and biases, and Adam's running means of gradients and of their squares.
    step, epoch
        Steps and epochs done.
    best, best_loss, waited
        Parameters of least validation loss, that loss, and the epochs since then.
    """

    parameters: _Network
    first: _Network
    second: _Network
    step: Any
    epoch: Any
    best: _Network
    best_loss: Any
    waited: Any


def _batch(examples, index):
    """Inputs and targets of each model's rows (model, batch)."""
    x, targets = examples
    models, batch = index.shape
    rows = index.reshape(-1)
    if x.ndim == 3:
        rows = (index + x.shape[1] * jnp.arange(models, dtype=index.dtype)[:, None]).reshape(-1)
        x, targets = x.reshape(-1, x.shape[-1]), targets.reshape(-1, targets.shape[-1])
    width = x.shape[1]

    # Row by row, because XLA splits a gather of wide rows over threads, and their meeting costs
    # more than the copying.
    def copy_row(k, copied):
        row = lax.dynamic_slice(x, (rows[k], jnp.int32(0)), (1, width))
        return lax.dynamic_update_slice(copied, row, (k, 0))

    copied = lax.fori_loop(0, models * batch, copy_row, jnp.zeros((models * batch, width), x.dtype))
    return (
        copied.reshape(models, batch, width),
        targets.at[rows].get(mode="promise_in_bounds").reshape(models, batch, -1),
    )


def _per_model(values, like):
    return values.reshape(-1, *(1,) * (like.ndim - 1))


def _where(mask, when_true, when_false):
    return jax.tree.map(lambda a, b: jnp.where(_per_model(mask, a), a, b), when_true, when_false)


def _adam(parameters, first, second, gradients, step, learning_rate):
    time = step.astype(learning_rate.dtype)
    rate = learning_rate * jnp.sqrt(1 - BETA_2**time) / (1 - BETA_1**time)
    first = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, first, gradients)
    second = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, second, gradients)
    parameters = jax.tree.map(
        lambda p, m, v: p - _per_model(rate, p) * m / (jnp.sqrt(v) + EPSILON),
        parameters,
        first,
        second,
    )
    return parameters, first, second


def _evaluate(layers, x, targets, loss):
    outputs = pack_outputs(layers, x)
    expected, weight = split_targets(targets)
    total = weight.sum(axis=1)
    figures = {"loss": (weight * LOSSES[loss](outputs, expected)).sum(axis=1) / total}
    if loss == "cross-entropy":
        right = jnp.argmax(outputs, axis=1) == jnp.argmax(expected, axis=1)
        figures["accuracy"] = (weight * right).sum(axis=1) / total
    return figures


@partial(jax.jit, static_argnames=("loss", "stop_early"))
def run_epochs(
    state: State,
    examples: tuple[Array, Array],
    evaluated: Mapping[str, tuple[Array, Array]],
    orders: Int[Array, "epoch step model batch"],
    epochs: Int[Array, ""],
    steps: Int[Array, ""],
    learning_rate: Float[Array, ""],
    shrink: Float[Array, ""],
    patience: Int[Array, ""],
    *,
    loss: str,
    stop_early: bool,
) -> tuple[State, dict[str, Float[Array, "epoch model"]]]:
    """Train every model of a pack for some epochs.

    Numbers of epochs, steps per epoch and examples in use are arguments of the compiled program,
    not part of it, so that runs of other lengths do not compile again.

    Parameters
    ----------
    state
        Where to go on from.
    examples, evaluated
        Inputs, and targets with the sample weight as last column, each with or without a model
        axis; `evaluated` sets are measured after every epoch.
    orders
        Rows of the examples in the order of use.
    epochs, steps
        How many of the orders' epochs, and of their steps, to run.
    learning_rate, shrink, patience
        Adam's rate, lambda / m of `pack_loss`, and the epochs a model may go on without a lower
        loss on the evaluated set "validation" where `stop_early`.

    Returns
    -------
    (State, dict)
        The history has one value per epoch and model, NaN where a model was not trained.
    """
    shape = orders.shape[0], orders.shape[2]
    gradient = jax.grad(pack_loss, has_aux=True)

    def one_step(i, carry):
        order, parameters, first, second, step, total = carry
        gradients, data_loss = gradient(parameters, *_batch(examples, order[i]), shrink, loss)
        step = step + 1
        adam = _adam(parameters, first, second, gradients, step, learning_rate)
        return order, *adam, step, total + data_loss

    def one_epoch(carry):
        number, old, history = carry
        _, *adam, step, total = lax.fori_loop(
            0, steps, one_step, (orders[number], *old[:4], jnp.zeros_like(old.best_loss))
        )
        new = old._replace(
            parameters=adam[0], first=adam[1], second=adam[2], step=step, epoch=old.epoch + 1
        )
        figures = {"train_loss": total / steps}
        for name, (inputs, expected) in evaluated.items():
            for figure, value in _evaluate(new.parameters, inputs, expected, loss).items():
                figures[f"{name}_{figure}"] = value
        if stop_early:
            stopped = old.waited >= patience
            better = figures["validation_loss"] < new.best_loss
            new = new._replace(
                best=_where(better, new.parameters, new.best),
                best_loss=jnp.where(better, figures["validation_loss"], new.best_loss),
                waited=jnp.where(better, 0, new.waited + 1),
            )
            # A stopped model is frozen, so that it ends the same whatever it is packed with.
            new = _where(stopped, old, new)
            figures = {key: jnp.where(stopped, jnp.nan, value) for key, value in figures.items()}
        history = {key: values.at[number].set(figures[key]) for key, values in history.items()}
        return number + 1, new, history

    def unfinished(carry):
        number, current, _ = carry
        running = jnp.any(current.waited < patience) if stop_early else True
        return (number < epochs) & running

    kinds = ("loss", "accuracy") if loss == "cross-entropy" else ("loss",)
    keys = ["train_loss", *(f"{name}_{kind}" for name in evaluated for kind in kinds)]
    history = {key: jnp.full(shape, jnp.nan, state.best_loss.dtype) for key in keys}
    _, state, history = lax.while_loop(unfinished, one_epoch, (jnp.int32(0), state, history))
    return state, history
