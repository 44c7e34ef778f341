"""Run models side by side: one thread per core, each training one model after the other in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event

import numpy as np
from jaxtyping import Float, Int

from nearedge.compute import cores
from nearedge.errors import NearedgeError
from nearedge.models import _checkpoint
from nearedge.models._program import run_epochs
from nearedge.models._state import State, flatten, padded, unflatten
from nearedge.models.examples import Prepared
from nearedge.models.network import Architecture
from nearedge.models.settings import TrainingSettings

# A model's turn takes about as many multiplications, and 64 epochs at most: long enough to cost
# nothing, short enough for a smooth progress bar.
_MULTIPLICATIONS_PER_TURN, _EPOCHS_PER_TURN = 2e9, 64

_SECONDS_BETWEEN_CHECKPOINTS = 10.0


class Run:
    """One model, its data, and how far it is."""

    def __init__(
        self,
        architecture: Architecture,
        seed: int,
        start: State,
        sets: Mapping[str, Prepared],
        settings: TrainingSettings,
        number: int,
    ) -> None:
        self.name = f"model {number} ({architecture}, seed {seed})"
        dtype = np.dtype(settings.precision).type
        self.architecture, self.seed, self.settings = architecture, seed, settings
        self.examples = sets["train"]
        names = [name for name in sets if name != "train"]
        held = [sets[name] for name in names] or [
            Prepared(*(part[:0] for part in self.examples)),
        ]
        # One set is taken as it is: models share it, without a copy each.
        self.held = (
            held[0]
            if len(held) == 1
            else Prepared(*(np.concatenate(parts) for parts in zip(*held, strict=True)))
        )
        self.ends = np.cumsum([len(sets[name].weight) for name in names], dtype=np.int64)
        kinds = ("loss", "accuracy") if settings.loss == "cross-entropy" else ("loss",)
        self.figures = ["train_loss", *(f"{name}_{kind}" for name in names for kind in kinds)]
        self.network = tuple(
            flatten(part, dtype) for part in (start.parameters, start.first, start.second)
        )
        self.best = flatten(start.best, dtype)
        self.counts = np.array([start.step, start.epoch, start.waited], np.int64)
        self.best_loss = np.array([start.best_loss], np.float64)
        self.history = np.full((settings.epochs, len(self.figures)), np.nan)
        self.before = int(start.epoch)

    @property
    def done(self) -> int:
        """Epochs run here."""
        return int(self.counts[1]) - self.before

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or early stopping has ended the model."""
        patience = self.settings.patience
        return self.done >= self.settings.epochs or (
            patience is not None and int(self.counts[2]) >= patience
        )

    def take_turn(self) -> None:
        """Train for some epochs.

        Raises
        ------
        NearedgeError
            If the model diverges.
        """
        settings, count = self.settings, len(self.examples.weight)
        cost = 3.0 * count * self.network[0].size
        epochs = int(min(_EPOCHS_PER_TURN, max(1, _MULTIPLICATIONS_PER_TURN // cost)))
        first = self.done
        part = self.history[first : first + epochs]
        ran = run_epochs(
            np.array([padded(width) for width in self.architecture.widths]),
            self.architecture.outputs,
            self.network,
            self.best,
            self.counts,
            self.best_loss,
            *self.examples,
            tuple(self.held),
            self.ends,
            self.seed,
            min(settings.batch_size, count),
            settings.learning_rate,
            settings.penalty / count,
            settings.patience or 0,
            settings.loss == "cross-entropy",
            part,
        )
        bad = np.argwhere(~np.isfinite(part[:ran]))
        if bad.size:
            epoch, figure = bad[0]
            raise NearedgeError(
                f"{self.name} diverged in epoch "
                f"{self.before + first + epoch + 1}: its {self.figures[figure]} is "
                f"{part[epoch, figure]}; lower the learning rate of {settings.learning_rate:g}"
            )

    def state(self) -> State:
        """Return what to go on from."""
        parameters, first, second, best = (
            unflatten(flat, self.architecture) for flat in (*self.network, self.best)
        )
        step, epoch, waited = self.counts
        return State(parameters, first, second, step, epoch, best, self.best_loss[0], waited)

    def snapshot(self) -> _checkpoint.Snapshot:
        """Copy all that training changes."""
        return {
            "network": np.stack([*self.network, self.best]),
            "counts": self.counts.copy(),
            "best_loss": self.best_loss.copy(),
            "history": self.history[: self.done].copy(),
        }

    def resume(self, snapshot: _checkpoint.Snapshot) -> None:
        """Go on from a snapshot."""
        for target, values in zip((*self.network, self.best), snapshot["network"], strict=True):
            target[:] = values
        self.counts[:], self.best_loss[:] = snapshot["counts"], snapshot["best_loss"]
        self.history[: self.done] = snapshot["history"]


class Keeper:
    """Keeps a run on disk, or does not where there is no path."""

    def __init__(self, runs: Sequence[Run], path: Path | None) -> None:
        self.path, self.runs, self.word = path, runs, ""
        if path is None:
            return
        arrays = [
            array
            for run in runs
            for array in (*run.examples, *run.held, *run.network, run.best, run.counts)
        ]
        about = [(str(run.architecture), run.seed, run.ends.tolist()) for run in runs]
        self.word = _checkpoint.fingerprint(f"{runs[0].settings} {about}", arrays)
        for run, snapshot in zip(runs, _checkpoint.load(path, self.word), strict=False):
            run.resume(snapshot)
        self.snapshots = [run.snapshot() for run in runs]
        self.saved = time.monotonic()

    def note(self, number: int) -> None:
        """Take a snapshot of a model between two turns."""
        if self.path is not None:
            self.snapshots[number] = self.runs[number].snapshot()

    def save(self, *, now: bool = False) -> None:
        """Write the snapshots if the last time is long enough ago."""
        if self.path is None:
            return
        if now or time.monotonic() - self.saved > _SECONDS_BETWEEN_CHECKPOINTS:
            _checkpoint.save(self.path, self.word, self.snapshots)
            self.saved = time.monotonic()


def run_all(
    runs: Sequence[Run], progress: Callable[[int, int], None] | None, checkpoint: Path | None
) -> None:
    """Train all models to the end; they hold the result."""
    keeper = Keeper(runs, checkpoint)
    waiting: SimpleQueue[int] = SimpleQueue()
    events: SimpleQueue[tuple[int, int] | None] = SimpleQueue()
    stop = Event()
    for number, one in enumerate(runs):
        if not one.finished:
            waiting.put(number)

    def serve() -> None:
        try:
            while not stop.is_set():
                try:
                    number = waiting.get_nowait()
                except Empty:
                    return
                runs[number].take_turn()
                keeper.note(number)
                finished = runs[number].finished
                events.put((number, runs[0].settings.epochs if finished else runs[number].done))
                if not finished:
                    waiting.put(number)
        except BaseException:
            stop.set()
            raise
        finally:
            events.put(None)

    epochs = runs[0].settings.epochs
    done = [epochs if one.finished else one.done for one in runs]
    told, running = min(done), min(cores(), len(runs))
    try:
        with ThreadPoolExecutor(running) as executor:
            served = [executor.submit(serve) for _ in range(running)]
            try:
                while running:
                    event = events.get()
                    if event is None:
                        running -= 1
                        continue
                    done[event[0]] = event[1]
                    keeper.save()
                    if progress is not None and min(done) > told:
                        told = min(done)
                        progress(told, epochs)
            except BaseException:
                stop.set()
                raise
    finally:
        keeper.save(now=True)
    for one in served:
        one.result()


def joined_history(runs: Sequence[Run]) -> dict[str, Float[np.ndarray, "epoch model"]]:
    """Histories of all models, up to the last epoch that any ran."""
    ran = max(run.done for run in runs)
    return {
        figure: np.stack([run.history[:ran, column] for run in runs], axis=1)
        for column, figure in enumerate(runs[0].figures)
    }


def epochs_of(runs: Sequence[Run]) -> Int[np.ndarray, " model"]:
    """Epochs that each model has been trained in all."""
    return np.array([int(run.counts[1]) for run in runs])
