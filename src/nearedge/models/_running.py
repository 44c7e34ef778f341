"""Run packs: fill them, feed the compiled program chunk by chunk, watch it, take the models out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event

import jax
import numpy as np
from jaxtyping import Float, Int

from nearedge.errors import NearedgeError
from nearedge.models._program import State, run_epochs
from nearedge.models.examples import padded_size
from nearedge.models.network import Architecture, Parameters
from nearedge.models.packed import crop, pad
from nearedge.models.settings import TrainingSettings

# Shuffled orders are sent to the program in chunks of about this many rows, and 64 epochs at most:
# large enough to cost nothing, small enough for a smooth progress bar.
_ROWS_PER_CHUNK, _EPOCHS_PER_CHUNK = 2**21, 64


@dataclass(frozen=True)
class Model:
    """What sets one model of a run apart from the others."""

    architecture: Architecture
    seed: int
    start: State


@dataclass(eq=False)
class Pack:
    """Models that one program trains, and how far they are."""

    chosen: list[int]
    models: list[Model]
    state: State
    examples: tuple[np.ndarray, np.ndarray]
    evaluated: dict[str, tuple[np.ndarray, np.ndarray]]
    epochs: Int[np.ndarray, " model"]
    history: list[dict[str, np.ndarray]] = field(default_factory=list)


def make_pack(
    chosen: list[int],
    models: Sequence[Model],
    sets: Mapping[str, tuple[np.ndarray, np.ndarray]],
    dtype: type,
) -> Pack:
    """Stack the chosen models, padded to the widest, with their share of the data.

    `sets` maps "train" and the names of evaluated sets to prepared inputs and targets.
    """
    members = [models[index] for index in chosen]
    widths = np.max([member.architecture.widths for member in members], axis=0).tolist()

    def stack(*leaves):
        stacked = np.stack(leaves)
        return stacked.astype(np.int32 if stacked.dtype.kind == "i" else dtype)

    def share(values):
        return values[chosen] if values.ndim == 3 else values

    padded = [_each_network(member.start, lambda net: pad(net, widths)) for member in members]
    shares = {name: (share(x), share(targets)) for name, (x, targets) in sets.items()}
    epochs = np.array([int(member.start.epoch) for member in members])
    examples = shares.pop("train")
    return Pack(chosen, members, jax.tree.map(stack, *padded), examples, shares, epochs)


def _each_network(state: State, change: Callable[[Parameters], Parameters]) -> State:
    networks = ("parameters", "first", "second", "best")
    return state._replace(**{name: change(getattr(state, name)) for name in networks})


def run(
    packs: Sequence[Pack],
    settings: TrainingSettings,
    count: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Train packs to the end on `count` examples; their `state` and `history` hold the result.

    One thread serves each pack, since JAX runs what one thread sends it one after the other.
    """
    events: SimpleQueue[tuple[int, int | None]] = SimpleQueue()
    stop = Event()

    def serve(number: int) -> None:
        try:
            for done in _chunks(packs[number], settings, count):
                events.put((number, done))
                if stop.is_set():
                    break
        finally:
            events.put((number, None))

    done, told = dict.fromkeys(range(len(packs)), 0), 0
    with ThreadPoolExecutor(cores()) as executor:
        served = [executor.submit(serve, number) for number in range(len(packs))]
        try:
            running = len(packs)
            while running:
                number, epochs = events.get()
                if epochs is None:
                    running -= 1
                    if served[number].exception() is not None:
                        stop.set()
                    continue
                done[number] = epochs
                if progress is not None and min(done.values()) > told:
                    told = min(done.values())
                    progress(told, settings.epochs)
        except BaseException:
            stop.set()
            raise
    for one in served:
        one.result()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _chunks(pack: Pack, settings: TrainingSettings, count: int) -> Iterator[int]:
    """Train a pack chunk by chunk; yields the epochs done."""
    batch = min(settings.batch_size, count)
    steps, slots = count // batch, padded_size(count) // batch
    rows = slots * batch * len(pack.models)
    chunk = max(1, min(_EPOCHS_PER_CHUNK, _ROWS_PER_CHUNK // rows))
    begun, patience = pack.epochs, settings.patience
    dtype = np.dtype(settings.precision).type

    def send(first: int) -> tuple[State, dict[str, jax.Array]]:
        epochs = min(chunk, settings.epochs - first)
        orders = np.zeros((chunk, slots, len(pack.models), batch), np.int32)
        for place, model in enumerate(pack.models):
            for row in range(epochs):
                # Seeded by the number of the epoch, so that a run can be continued.
                key = [model.seed, 1, int(begun[place]) + first + row]
                order = np.random.default_rng(key).permutation(count)[: steps * batch]
                orders[row, :steps, place] = order.reshape(steps, batch)
        # Set for this thread and not globally: float64 must not leak into the caller's own JAX.
        with jax.enable_x64(settings.precision == "float64"):
            pack.state, history = run_epochs(
                pack.state,
                pack.examples,
                pack.evaluated,
                orders,
                np.int32(epochs),
                np.int32(steps),
                dtype(settings.learning_rate),
                dtype(settings.penalty / count),
                np.int32(patience or 0),
                loss=settings.loss,
                stop_early=patience is not None,
            )
        return pack.state, history

    def settle(state: State, history: Mapping[str, jax.Array]) -> bool:
        """Wait for a chunk and check it; return whether early stopping has ended every model."""
        values = {key: np.asarray(value) for key, value in history.items()}
        epochs = np.asarray(state.epoch)
        _check_finite(pack, values, epochs, settings)
        pack.history.append(values)
        pack.epochs = epochs
        return patience is not None and bool((np.asarray(state.waited) >= patience).all())

    # JAX returns before a program has ended. While one chunk runs, the next is shuffled and sent
    # after it, and only then is the first waited for: the core is never idle.
    running = send(0)
    for first in range(chunk, settings.epochs, chunk):
        after = send(first)
        if settle(*running):
            break
        yield first
        running = after
    else:
        settle(*running)
    yield settings.epochs


def _check_finite(
    pack: Pack,
    values: Mapping[str, np.ndarray],
    epochs: Int[np.ndarray, " model"],
    settings: TrainingSettings,
) -> None:
    for place, (model, before) in enumerate(zip(pack.models, pack.epochs, strict=True)):
        ran = int(epochs[place] - before)
        for key, value in values.items():
            bad = np.flatnonzero(~np.isfinite(value[:ran, place]))
            if bad.size:
                raise NearedgeError(
                    f"model {pack.chosen[place]} ({model.architecture}, seed {model.seed}) "
                    f"diverged in epoch {int(before) + int(bad[0]) + 1}: its {key} is "
                    f"{value[bad[0], place]}; lower the learning rate of "
                    f"{settings.learning_rate:g}"
                )


def joined_history(packs: Sequence[Pack]) -> dict[str, Float[np.ndarray, "epoch model"]]:
    """Histories of all packs in the order of the models, up to the last epoch that any ran."""
    models = sum(len(pack.chosen) for pack in packs)
    ran = max(
        int(after - model.start.epoch)
        for pack in packs
        for after, model in zip(pack.epochs, pack.models, strict=True)
    )
    joined = {}
    for key in packs[0].history[0]:
        joined[key] = np.full((ran, models), np.nan)
        for pack in packs:
            values = np.concatenate([part[key] for part in pack.history])[:ran]
            joined[key][: len(values), pack.chosen] = values
    return joined


def final_states(packs: Sequence[Pack]) -> tuple[State, ...]:
    """State of every model, cropped to its own architecture, in the order of the models."""
    states: dict[int, State] = {}
    for pack in packs:
        stacked = jax.device_get(pack.state)
        for place, (index, model) in enumerate(zip(pack.chosen, pack.models, strict=True)):
            one = jax.tree.map(lambda leaf, place=place: leaf[place].copy(), stacked)
            architecture = model.architecture
            states[index] = _each_network(one, lambda net, a=architecture: crop(net, a))
    return tuple(states[index] for index in sorted(states))
