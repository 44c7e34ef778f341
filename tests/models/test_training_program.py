"""Training does what it says: loss, Adam, shuffling, packing, stopping, continuing."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from nearedge.errors import NearedgeError, UsageError
from nearedge.models import (
    PAPER_CLASSIFIER,
    PAPER_REGRESSOR,
    Architecture,
    Examples,
    TrainingSettings,
    _running,
    fresh_state,
    initial_parameters,
    outputs,
    softmax,
    train,
)

# Forty-nine examples in batches of 16: three steps an epoch, and one example left over.
RNG = np.random.default_rng(0)
X = RNG.normal(size=(49, 5))
CODES = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
NUMBERS = X[:, 0] - 0.5 * X[:, 1]
WEIGHT = RNG.uniform(0.5, 2.0, 49)
CLASSIFIER = Architecture(5, (4, 3), 3)
REGRESSOR = Architecture(5, (4, 3), 1)
SETTINGS = TrainingSettings(
    "cross-entropy", epochs=34, batch_size=16, learning_rate=0.01, precision="float64"
)
CASES = {
    "classifier": (CLASSIFIER, SETTINGS, Examples(X, CODES, WEIGHT)),
    "regressor": (
        REGRESSOR,
        replace(SETTINGS, loss="mean squared error"),
        Examples(X, NUMBERS, WEIGHT),
    ),
}
both = pytest.mark.parametrize("case", CASES)


def _flat(parameters):
    return np.concatenate([np.concatenate([w.ravel(), b.ravel()]) for w, b in parameters])


def _close(one, other, atol):
    np.testing.assert_allclose(_flat(one), _flat(other), rtol=0, atol=atol)


def _one_hot(codes, classes=3):
    return np.eye(classes)[codes]


def _unflat(values, like):
    layers = []
    for weight, bias in like:
        w, b, values = np.split(values, [weight.size, weight.size + bias.size])
        layers.append((w.reshape(weight.shape), b))
    return tuple(layers)


@both
def test_the_gradient_of_the_loss_agrees_with_finite_differences(case):
    architecture, settings, examples = CASES[case]
    one_step = replace(settings, epochs=1, batch_size=49, penalty=3.0)
    own = initial_parameters(architecture, seed=3)
    point, width = _flat(own) + 0.05, 1e-6
    steps = width * np.concatenate([np.zeros((1, point.size)), np.eye(point.size)])
    points = [*(point + steps), *(point - steps)]
    starts = [fresh_state(_unflat(values, own)) for values in points]
    trained = train(architecture, examples, one_step, seeds=[0] * len(points), start=starts)
    penalties = [sum((w**2).sum() for w, _ in state.parameters) for state in starts]
    # The mean over the one mini-batch, before its step.
    losses = trained.history["train_loss"][0] + 3.0 / (2 * 49) * np.array(penalties)
    up, down = losses[1 : len(steps)], losses[len(steps) + 1 :]
    # After one step, Adam's mean of gradients is a tenth of the gradient.
    gradient = _flat(trained.states[0].first) / (1 - 0.9)
    np.testing.assert_allclose(gradient, (up - down) / (2 * width), rtol=0, atol=1e-8)


def _mixed(value):
    """SplitMix64's finaliser, in Python's whole numbers."""
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
    return value ^ value >> 31


def _shuffled(count, seed, epoch):
    bits, order = _mixed(_mixed(seed) + epoch), list(range(count))
    for left in range(count - 1, 0, -1):
        bits = (bits + 0x9E3779B97F4A7C15) % 2**64
        chosen = (_mixed(bits) >> 32) * (left + 1) >> 32
        order[left], order[chosen] = order[chosen], order[left]
    return np.array(order)


def _train_in_numpy(architecture, examples, settings, seed, steps):
    """The same algorithm written from its description, one example per row."""
    m = len(examples.x)
    weight = examples.weight / examples.weight.mean()
    layers = [[w.T.copy(), b.copy()] for w, b in initial_parameters(architecture, seed)]
    mean = [[np.zeros_like(a) for a in layer] for layer in layers]
    square = [[np.zeros_like(a) for a in layer] for layer in layers]
    step = epoch = 0
    while True:
        order = _shuffled(m, seed, epoch)
        for first in range(0, m - settings.batch_size + 1, settings.batch_size):
            if step == steps:
                return tuple((w.T, b) for w, b in layers)
            rows = order[first : first + settings.batch_size]
            activations = [examples.x[rows]]
            for index, (w, b) in enumerate(layers):
                z = activations[-1] @ w + b
                activations.append(np.maximum(z, 0) if index < len(layers) - 1 else z)
            if settings.loss == "cross-entropy":
                slope = softmax(activations[-1]) - _one_hot(examples.y[rows], architecture.outputs)
            else:
                slope = 2 * (activations[-1] - examples.y[rows, None])
            slope *= weight[rows, None] / settings.batch_size
            gradients = []
            for index in range(len(layers) - 1, -1, -1):
                w = layers[index][0]
                penalty = settings.penalty / m * w
                gradients.insert(0, (activations[index].T @ slope + penalty, slope.sum(0)))
                slope = (slope @ w.T) * (activations[index] > 0)
            step += 1
            for at, layer in enumerate(layers):
                for place in (0, 1):
                    g = gradients[at][place]
                    mean[at][place] = 0.9 * mean[at][place] + 0.1 * g
                    square[at][place] = 0.999 * square[at][place] + 0.001 * g**2
                    rate = settings.learning_rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                    layer[place] = layer[place] - rate * mean[at][place] / (
                        np.sqrt(square[at][place]) + 1e-7
                    )
        epoch += 1


@both
def test_a_hundred_steps_equal_an_independent_numpy_training(case):
    architecture, settings, examples = CASES[case]
    trained = train(architecture, examples, replace(settings, epochs=33), seeds=[7])
    expected = _train_in_numpy(architecture, examples, settings, seed=7, steps=99)
    _close(trained.parameters[0], expected, 1e-11)
    longer = train(architecture, examples, replace(settings, epochs=34), seeds=[7])
    expected = _train_in_numpy(architecture, examples, settings, seed=7, steps=102)
    _close(longer.parameters[0], expected, 1e-11)


def test_layers_and_batches_of_any_size_equal_the_numpy_training():
    architecture = Architecture(11, (17, 9), 10)
    rng = np.random.default_rng(2)
    examples = Examples(rng.normal(size=(61, 11)), rng.integers(0, 10, 61), rng.uniform(1, 2, 61))
    settings = replace(SETTINGS, batch_size=13, epochs=25)
    trained = train(architecture, examples, settings, seeds=[3])
    _close(trained.parameters[0], _train_in_numpy(architecture, examples, settings, 3, 100), 1e-11)


def test_every_order_of_the_examples_is_equally_likely():
    counts = Counter(tuple(_shuffled(4, seed=5, epoch=epoch)) for epoch in range(2400))
    # Chi squared with 23 degrees of freedom exceeds 49.7 once in a thousand times.
    assert sum((counts[order] - 100) ** 2 / 100 for order in permutations(range(4))) < 49.7


@both
def test_a_model_ends_with_the_same_bits_alone_and_with_others(case):
    architecture, settings, examples = CASES[case]
    widths = [(4, 3), (9, 7), (2, 2), (4, 3), (6, 5), (16, 14), (8, 6), (4, 3), (3, 1), (4, 3)]
    mixed = [replace(architecture, hidden=hidden) for hidden in widths]
    together = train(mixed, examples, settings, seeds=list(range(10)))
    alone = train(architecture, examples, settings, seeds=[7])
    np.testing.assert_array_equal(_flat(together.parameters[7]), _flat(alone.parameters[0]))


def _widened(parameters, widths):
    return tuple(
        (
            np.pad(weight, ((0, out - weight.shape[0]), (0, into - weight.shape[1]))),
            np.pad(bias, (0, out - bias.shape[0])),
        )
        for (weight, bias), into, out in zip(parameters, widths[:-1], widths[1:], strict=True)
    )


def test_nodes_without_any_weights_change_nothing_and_stay_so():
    architecture, settings, examples = CASES["classifier"]
    own = initial_parameters(architecture, seed=7)
    wide = _widened(own, (5, 8, 6, 3))
    trained = train(
        [architecture, Architecture(5, (8, 6), 3)],
        examples,
        settings,
        seeds=[7, 7],
        start=[fresh_state(own), fresh_state(wide)],
    )
    narrow, padded = trained.parameters
    np.testing.assert_array_equal(_flat(_widened(narrow, (5, 8, 6, 3))), _flat(padded))


def test_models_of_different_depth_train_in_one_call():
    depths = [(4, 3), (), (4, 3), ()]
    models = [Architecture(5, hidden, 3) for hidden in depths]
    trained = train(models, Examples(X, CODES), replace(SETTINGS, epochs=3), seeds=[1, 2, 3, 4])
    assert [len(layers) for layers in trained.parameters] == [3, 1, 3, 1]
    assert trained.history["train_loss"].shape == (3, 4)


def test_the_same_call_gives_the_same_bits():
    settings = replace(SETTINGS, precision="float32")
    one, two = (
        train(CLASSIFIER, Examples(X, CODES), settings, seeds=list(range(9))) for _ in range(2)
    )
    for first, second in zip(one.parameters, two.parameters, strict=True):
        np.testing.assert_array_equal(_flat(first), _flat(second))
    np.testing.assert_array_equal(one.history["train_loss"], two.history["train_loss"])
    assert _flat(one.parameters[0]).dtype == np.float32


def test_each_seed_has_its_own_weights_and_order():
    start = fresh_state(initial_parameters(CLASSIFIER, seed=0))
    settings = replace(SETTINGS, epochs=1)
    trained = train(CLASSIFIER, Examples(X, CODES), settings, seeds=[1, 2], start=[start, start])
    assert np.abs(_flat(trained.parameters[0]) - _flat(trained.parameters[1])).max() > 1e-6
    assert (
        initial_parameters(CLASSIFIER, 1)[0][0] != initial_parameters(CLASSIFIER, 2)[0][0]
    ).all()


@both
def test_models_with_their_own_data_equal_models_trained_on_it_alone(case):
    architecture, settings, examples = CASES[case]
    other = Examples(examples.x[::-1] * 0.9, examples.y[::-1].copy(), examples.weight)
    stacked = Examples(
        np.stack([examples.x, other.x]),
        np.stack([examples.y, other.y]),
        np.stack([WEIGHT, WEIGHT]),
    )
    trained = train(
        architecture, stacked, settings, seeds=[7, 7], validation=stacked, monitor={"x": examples}
    )
    alone = train(architecture, other, settings, seeds=[7], validation=other)
    _close(trained.parameters[1], alone.parameters[0], 1e-9)
    for key in ("train_loss", "validation_loss"):
        np.testing.assert_allclose(trained.history[key][:, 1], alone.history[key][:, 0], rtol=1e-9)


def test_a_run_continued_equals_a_run_in_one_piece():
    examples = Examples(X, CODES)
    parts = replace(SETTINGS, epochs=60), replace(SETTINGS, epochs=40)
    whole = train(CLASSIFIER, examples, replace(SETTINGS, epochs=100), seeds=[4, 5])
    first = train(CLASSIFIER, examples, parts[0], seeds=[4, 5])
    second = train(CLASSIFIER, examples, parts[1], seeds=[4, 5], start=first.states)
    for one, other in zip(whole.parameters, second.parameters, strict=True):
        np.testing.assert_array_equal(_flat(one), _flat(other))
    joined = np.concatenate([first.history["train_loss"], second.history["train_loss"]])
    np.testing.assert_array_equal(whole.history["train_loss"], joined)
    assert second.epochs.tolist() == [100, 100]


def test_soft_targets_of_certainty_equal_class_codes():
    codes, soft = (
        train(CLASSIFIER, Examples(X, y), SETTINGS, seeds=[0]) for y in (CODES, _one_hot(CODES))
    )
    np.testing.assert_array_equal(_flat(codes.parameters[0]), _flat(soft.parameters[0]))


def test_an_example_of_weight_zero_has_no_influence():
    weight = np.where(np.arange(49) < 30, 1.0, 0.0)
    spoiled = np.where(weight > 0, CODES, 2 - CODES)
    one, two = (
        train(CLASSIFIER, Examples(X, y, weight), SETTINGS, seeds=[0]) for y in (CODES, spoiled)
    )
    np.testing.assert_array_equal(_flat(one.parameters[0]), _flat(two.parameters[0]))


@both
def test_the_history_holds_the_losses_of_the_final_weights(case):
    architecture, settings, examples = CASES[case]
    held = Examples(X[:20] + 0.1, examples.y[:20], WEIGHT[:20])
    trained = train(architecture, examples, settings, [0], validation=held, monitor={"test": held})
    answers = outputs(trained.parameters[0], held.x)
    if case == "classifier":
        losses = -np.log(softmax(answers)[np.arange(20), held.y])
        accuracy = np.average(answers.argmax(1) == held.y, weights=held.weight)
        assert trained.history["test_accuracy"][-1, 0] == pytest.approx(accuracy, abs=1e-12)
    else:
        losses = (answers[:, 0] - held.y) ** 2
        assert set(trained.history) == {"train_loss", "validation_loss", "test_loss"}
    expected = np.average(losses, weights=held.weight)
    assert trained.history["validation_loss"][-1, 0] == pytest.approx(expected, rel=1e-9)
    np.testing.assert_array_equal(trained.history["validation_loss"], trained.history["test_loss"])


def test_early_stopping_returns_the_weights_of_lowest_validation_loss():
    noise = np.random.default_rng(5).integers(0, 3, 49)
    examples, held = Examples(X, noise), Examples(X + 1.0, noise[::-1].copy())
    settings = replace(SETTINGS, epochs=300, learning_rate=0.05, patience=10)
    trained = train(CLASSIFIER, examples, settings, seeds=[0, 1, 2], validation=held)
    loss = trained.history["validation_loss"]
    for model, parameters in enumerate(trained.parameters):
        epochs = trained.epochs[model]
        best = int(np.nanargmin(loss[:, model]))
        assert epochs == best + 11 < 300
        assert np.isnan(loss[epochs:, model]).all()
        assert np.isfinite(loss[:epochs, model]).all()
        shorter = train(
            CLASSIFIER, examples, replace(settings, epochs=best + 1, patience=None), seeds=[model]
        )
        _close(parameters, shorter.parameters[0], 1e-9)
    assert len(set(trained.epochs)) > 1


def test_early_stopping_does_not_depend_on_what_a_model_is_packed_with():
    noise = np.random.default_rng(5).integers(0, 3, 49)
    examples, held = Examples(X, noise), Examples(X + 1.0, noise[::-1].copy())
    settings = replace(SETTINGS, epochs=300, learning_rate=0.05, patience=10)
    together = train(CLASSIFIER, examples, settings, seeds=[0, 1, 2], validation=held)
    alone = train(CLASSIFIER, examples, settings, seeds=[1], validation=held)
    assert together.epochs[1] == alone.epochs[0]
    _close(together.parameters[1], alone.parameters[0], 1e-8)


@pytest.mark.parametrize("paper", [PAPER_CLASSIFIER, PAPER_REGRESSOR], ids=lambda s: s.loss)
def test_the_penalty_as_a_bare_factor_collapses_the_network(paper):
    x = np.random.default_rng(1).normal(size=(320, 5))
    signal = x[:, :4].sum(axis=1) / 2
    # Six classes, or numbers that vary as little as the averages over many sites do.
    y, width = (
        (np.searchsorted([-1.0, -0.43, 0.0, 0.43, 1.0], signal), 6)
        if paper is PAPER_CLASSIFIER
        else (0.15 * signal, 1)
    )
    settings = replace(paper, epochs=120, batch_size=32, learning_rate=0.01)

    def spread_of_answers(penalty):
        trained = train(
            Architecture(5, (8, 6), width), Examples(x, y), replace(settings, penalty=penalty), [0]
        )
        return float(outputs(trained.parameters[0], x).std(axis=0).max())

    # A bare factor 0.1 is what lambda = 0.1 times 2 m would be.
    assert spread_of_answers(0.1 * 2 * len(x)) < 1e-3
    assert spread_of_answers(0.1) > 0.1


@pytest.mark.parametrize("where", ["inputs", "targets", "weights"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_refused_before_training(where, value):
    x, y, weight = X.copy(), NUMBERS.copy(), WEIGHT.copy()
    {"inputs": x[:, 2], "targets": y, "weights": weight}[where][11] = value
    with pytest.raises(NearedgeError, match=rf"train {where} hold .* index \(11"):
        train(REGRESSOR, Examples(x, y, weight), CASES["regressor"][1], seeds=[0])


def test_a_validation_value_too_large_for_the_precision_is_refused():
    held = Examples(np.where(X[3, 2] == X, 1e39, X), NUMBERS)
    settings = replace(CASES["regressor"][1], precision="float32")
    with pytest.raises(NearedgeError, match=r"validation inputs .* float32.*\(3, 2\)"):
        train(REGRESSOR, Examples(X, NUMBERS), settings, seeds=[0], validation=held)


def test_a_diverging_run_names_model_epoch_and_remedy():
    settings = replace(CASES["regressor"][1], learning_rate=1e30, precision="float32")
    with pytest.raises(
        NearedgeError,
        match=r"model 0 \(5-4-3-1, seed 8\) diverged in epoch 1: .*lower the learning",
    ):
        train(REGRESSOR, Examples(X, NUMBERS), settings, seeds=[8])


def test_progress_counts_up_to_all_epochs():
    calls = []
    settings = replace(SETTINGS, epochs=150)
    train(CLASSIFIER, Examples(X, CODES), settings, [0], progress=lambda *now: calls.append(now))
    assert calls == sorted(set(calls))
    assert len(calls) > 1
    assert calls[-1] == (150, 150)


def test_an_error_in_the_progress_callback_ends_the_run():
    def cancel(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(CLASSIFIER, Examples(X, CODES), SETTINGS, seeds=list(range(9)), progress=cancel)


def _interrupted(settings, kept, monkeypatch, **more):
    """Train with a checkpoint, and go on from there with what it held after everyone's first turn.

    Until that is put aside, no model takes a second turn.
    """
    monkeypatch.setattr(_running, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    aside, halfway, take_turn = kept.with_suffix(".halfway"), Event(), _running.Run.take_turn

    def wait_for_all(run):
        if run.done:
            assert halfway.wait(timeout=120)
        take_turn(run)

    def put_aside(done, epochs):
        if not halfway.is_set():
            shutil.copy(kept, aside)
            halfway.set()

    monkeypatch.setattr(_running.Run, "take_turn", wait_for_all)
    trained = train(CLASSIFIER, Examples(X, CODES), settings, progress=put_aside, **more)
    aside.replace(kept)
    return trained


@pytest.mark.parametrize("patience", [None, 120])
def test_a_killed_run_goes_on_from_its_checkpoint_to_the_same_bits(tmp_path, monkeypatch, patience):
    settings = replace(SETTINGS, epochs=200, precision="float32", patience=patience)
    arguments = {
        "seeds": [4, 5, 6],
        "checkpoint": tmp_path / "run",
        "validation": Examples(X + 1.0, CODES[::-1].copy()),
    }
    whole = _interrupted(settings, tmp_path / "run", monkeypatch, **arguments)
    told = []
    resumed = train(
        CLASSIFIER,
        Examples(X, CODES),
        settings,
        progress=lambda done, epochs: told.append(done),
        **arguments,
    )
    # The first report may be the last: they come by the clock.
    assert 64 < told[0] <= told[-1] == 200
    for one, other in zip(whole.states, resumed.states, strict=True):
        for part in ("parameters", "first", "second", "best"):
            np.testing.assert_array_equal(_flat(getattr(one, part)), _flat(getattr(other, part)))
    for figure, values in whole.history.items():
        np.testing.assert_array_equal(values, resumed.history[figure])
    assert whole.epochs.tolist() == resumed.epochs.tolist()


def test_a_run_that_is_interrupted_leaves_a_checkpoint_and_a_finished_one_is_not_repeated(tmp_path):
    def cancel(done, epochs):
        raise KeyboardInterrupt

    settings = replace(SETTINGS, epochs=100)
    arguments = CLASSIFIER, Examples(X, CODES), settings
    with pytest.raises(KeyboardInterrupt):
        train(*arguments, seeds=[4], progress=cancel, checkpoint=tmp_path / "run")
    assert (tmp_path / "run").exists()
    finished = train(*arguments, seeds=[4], checkpoint=tmp_path / "run")
    told = []
    again = train(
        *arguments, seeds=[4], checkpoint=tmp_path / "run", progress=lambda *now: told.append(now)
    )
    assert told == []
    np.testing.assert_array_equal(_flat(finished.parameters[0]), _flat(again.parameters[0]))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_checkpoint_of_another_run_is_refused_and_kept(tmp_path):
    path = tmp_path / "run"
    train(CLASSIFIER, Examples(X, CODES), SETTINGS, seeds=[4], checkpoint=path)
    before = path.read_bytes()
    for examples, settings, seeds in (
        (Examples(X + 1e-9, CODES), SETTINGS, [4]),
        (Examples(X, CODES), replace(SETTINGS, penalty=0.2), [4]),
        (Examples(X, CODES), SETTINGS, [5]),
        (Examples(X, CODES), SETTINGS, [4, 4]),
    ):
        with pytest.raises(UsageError, match="keeps another run"):
            train(CLASSIFIER, examples, settings, seeds=seeds, checkpoint=path)
    assert path.read_bytes() == before


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "run").write_bytes(b"no checkpoint")
    with pytest.raises(NearedgeError, match="is no checkpoint of a training"):
        train(CLASSIFIER, Examples(X, CODES), SETTINGS, seeds=[4], checkpoint=tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": []}, "one or more seeds"),
        ({"seeds": [-1]}, "none negative"),
        ({"architectures": [CLASSIFIER]}, "one architecture for all"),
        ({"architectures": [CLASSIFIER, REGRESSOR]}, "same numbers of inputs and outputs"),
        ({"examples": Examples(X[:, :4], CODES)}, r"give \(example, 5\)"),
        ({"examples": Examples(X, CODES[:7])}, "one target per example"),
        ({"examples": Examples(X, CODES + 1)}, "give codes from 0 to 2"),
        ({"examples": Examples(X, NUMBERS)}, "class codes"),
        ({"examples": Examples(X, CODES, -WEIGHT)}, "must not be negative"),
        ({"examples": Examples(X, CODES, 0 * WEIGHT)}, "not all of them zero"),
        ({"examples": Examples(np.stack([X] * 3), np.stack([CODES] * 3))}, "3 models"),
        ({"settings": replace(SETTINGS, patience=3)}, "needs validation"),
        ({"monitor": {"train": Examples(X, CODES)}}, "not names for monitored sets"),
        ({"start": [fresh_state(initial_parameters(REGRESSOR, 0))] * 2}, "states to start from"),
        ({"start": [fresh_state(initial_parameters(CLASSIFIER, 0))]}, "states to start from"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(change, message):
    arguments = {
        "architectures": CLASSIFIER,
        "examples": Examples(X, CODES),
        "settings": SETTINGS,
        "seeds": [0, 1],
    }
    with pytest.raises(UsageError, match=message):
        train(**{**arguments, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"loss": "hinge"},
        {"precision": "float16"},
        {"epochs": 0},
        {"batch_size": 0},
        {"patience": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"penalty": -1.0},
    ],
)
def test_impossible_settings_are_refused(change):
    with pytest.raises(UsageError, match=next(iter(change))):
        replace(SETTINGS, **change)


def test_a_network_learns_the_environments_of_real_spectra(shared_data: Path):
    from nearedge.environments import label_sites, load_scheme
    from nearedge.models import fit_preprocessing
    from nearedge.structures import read_structures

    folder = shared_data / "li3feo35_ocean_0K"
    energy_eV, *spectra = np.loadtxt(folder / "O_K_spectra.dat").T
    sampled = [np.interp(np.linspace(-1.2, 11.5, 70), energy_eV, one) for one in spectra]
    structure = read_structures(folder / "POSCAR")[0]
    labels = label_sites(structure, load_scheme("li3feo35_oxygen")).environment
    classes, codes = np.unique(labels, return_inverse=True)
    preprocessing = fit_preprocessing(np.array(sampled), "area")
    inputs = preprocessing.inputs(np.array(sampled))
    settings = replace(PAPER_CLASSIFIER, epochs=600)
    trained = train(
        Architecture(70, (8, 6), len(classes)), Examples(inputs, codes), settings, seeds=[0, 1]
    )
    for parameters in trained.parameters:
        assert np.mean(outputs(parameters, inputs).argmax(1) == codes) > 0.95
