"""A model on disk is read back bit for bit, or refused with one clear line."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from nearedge.errors import NearedgeError, UsageError
from nearedge.models import (
    Architecture,
    ClassifierEnsemble,
    RegressorEnsemble,
    SpectrumClassifier,
    SpectrumRegressor,
    cached_model,
    fit_preprocessing,
    initial_parameters,
    load_model,
    save_model,
)

SPECTRA = np.random.default_rng(0).uniform(0.5, 2.0, size=(40, 7))
INFO = {"grid": {"start_eV": -1.2, "stop_eV": 11.5, "points": 70}, "library": "abc", "figure": 0.74}


def _ensemble(kind, outputs, *classes, dtype=np.float32):
    drawn = [initial_parameters(Architecture(7, (4, 3), outputs), seed) for seed in range(3)]
    layers = tuple(
        tuple(
            np.stack([layer[part] for layer in layer_of_members]).astype(dtype) for part in (0, 1)
        )
        for layer_of_members in zip(*drawn, strict=True)
    )
    return kind(layers, fit_preprocessing(SPECTRA, "area", "cumulative"), *classes)


PAIR = {
    "classifier": _ensemble(ClassifierEnsemble, 2, np.array(["0 Fe", "O-O dimer"])),
    "regressor": _ensemble(RegressorEnsemble, 1),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", PAIR, INFO, "# Card\n")
    return tmp_path / "model"


def test_a_round_trip_changes_no_bit(folder):
    model = load_model(folder)
    np.testing.assert_array_equal(
        model.classifier.member_probabilities(SPECTRA),
        PAIR["classifier"].member_probabilities(SPECTRA),
    )
    np.testing.assert_array_equal(
        model.regressor.predict_members(SPECTRA), PAIR["regressor"].predict_members(SPECTRA)
    )
    assert model.classifier.classes.tolist() == ["0 Fe", "O-O dimer"]
    assert model.classifier.architecture == Architecture(7, (4, 3), 2)
    assert model.info == INFO


def test_fitted_estimators_are_saved_as_they_are(tmp_path):
    numbers = SPECTRA[:, 0]
    pair = {
        "classifier": SpectrumClassifier(epochs=2, ensemble=2).fit(SPECTRA, numbers > 1),
        "regressor": SpectrumRegressor(hidden=(), epochs=2, ensemble=2).fit(SPECTRA, numbers),
    }
    save_model(tmp_path / "model", pair, INFO, "# Card\n")
    model = load_model(tmp_path / "model")
    np.testing.assert_array_equal(
        model.classifier.predict_proba(SPECTRA), pair["classifier"].predict_proba(SPECTRA)
    )
    np.testing.assert_array_equal(
        model.classifier.predict(SPECTRA), pair["classifier"].predict(SPECTRA)
    )
    np.testing.assert_array_equal(
        model.regressor.predict(SPECTRA), pair["regressor"].predict(SPECTRA)
    )


def test_the_folder_holds_numbers_a_readable_description_and_the_card(folder):
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["card.md", "model.json", "model.safetensors"]
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert description["classifier"]["architecture"] == [7, 4, 3, 2]
    assert description["classifier"]["classes"] == ["0 Fe", "O-O dimer"]
    assert (folder / "card.md").read_text(encoding="utf-8") == "# Card\n"


def test_saving_again_replaces_the_model_and_leaves_nothing_else(folder):
    save_model(folder, PAIR, {"seed": 2}, "# New card\n")
    assert load_model(folder).info == {"seed": 2}
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_model_is_read_once_until_it_is_written_again(folder, monkeypatch):
    first = cached_model(str(folder))
    monkeypatch.chdir(folder.parent)
    assert cached_model(folder.name) is first
    save_model(folder, PAIR, INFO | {"figure": 0.75}, "# Card\n")
    assert cached_model(folder.name).info["figure"] == 0.75
    assert first.info == INFO


def test_a_failure_while_writing_leaves_the_old_model(folder, monkeypatch):
    def full_disk(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(NearedgeError, match=r"cannot write .* No space left"):
        save_model(folder, PAIR, {"seed": 2}, "# New card\n")
    assert load_model(folder).info == INFO
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_failure_while_moving_in_puts_the_old_model_back(folder, monkeypatch):
    rename = Path.rename

    def refuse(self, target):
        if self.name == "new":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(NearedgeError, match="cannot write"):
        save_model(folder, PAIR, {"seed": 2}, "# New card\n")
    assert load_model(folder).info == INFO


def test_a_folder_that_is_no_model_is_never_replaced(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(NearedgeError, match="is not a model"):
        save_model(tmp_path, PAIR, INFO, "# Card\n")
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("info", [{"figure": float("nan")}, {"array": np.zeros(2)}])
def test_a_description_that_is_not_json_is_refused_and_nothing_written(tmp_path, info):
    with pytest.raises(NearedgeError, match="JSON"):
        save_model(tmp_path / "model", PAIR, info, "# Card\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "pair",
    [
        {"classifier": PAIR["classifier"]},
        {"classifier": PAIR["regressor"], "regressor": PAIR["classifier"]},
        {"classifier": SpectrumClassifier(), "regressor": PAIR["regressor"]},
    ],
)
def test_a_model_needs_both_estimators_fitted(tmp_path, pair):
    with pytest.raises(UsageError, match="needs a fitted 'classifier' and a fitted 'regressor'"):
        save_model(tmp_path / "model", pair, INFO, "# Card\n")


def _rewrite(folder, change):
    description = json.loads((folder / "model.json").read_text())
    change(description)
    (folder / "model.json").write_text(json.dumps(description))


def _flip_a_byte(folder):
    numbers = bytearray((folder / "model.safetensors").read_bytes())
    numbers[-1] ^= 1
    (folder / "model.safetensors").write_bytes(bytes(numbers))


def _drop_a_tensor(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("regressor.layer1.bias")
    save_file(tensors, folder / "model.safetensors")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    _rewrite(folder, lambda described: described.update(sha256=digest))


def _truncate(name):
    def change(folder):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_truncate("model.safetensors"), "model.safetensors is damaged"),
        (_truncate("model.json"), "model.json is damaged"),
        (_flip_a_byte, "model.safetensors is damaged"),
        (_drop_a_tensor, "regressor.layer1.bias"),
        (lambda f: (f / "model.json").write_bytes(b"\xff\xfe\x00"), "model.json is damaged"),
        (lambda f: (f / "model.json").write_text("[]"), "does not describe a nearedge model"),
        (lambda f: (f / "model.json").unlink(), "No such file"),
        (lambda f: (f / "model.safetensors").unlink(), "No such file"),
        (lambda f: _rewrite(f, lambda d: d.update(format_version=99)), "format version 99"),
        (lambda f: _rewrite(f, lambda d: d.pop("regressor")), "lacks 'regressor'"),
        (lambda f: _rewrite(f, lambda d: d.pop("info")), "lacks 'info'"),
        (lambda f: _rewrite(f, lambda d: d["classifier"].pop("classes")), "classes"),
        (lambda f: _rewrite(f, lambda d: d["classifier"].update(classes=["a"])), "1 classes for 2"),
        (lambda f: _rewrite(f, lambda d: d["regressor"].update(members=2)), "shape"),
        (lambda f: _rewrite(f, lambda d: d["regressor"].update(architecture=[])), "damaged"),
        (lambda f: _rewrite(f, lambda d: d["regressor"].update(normalise="max")), "normalise"),
    ],
)
def test_a_damaged_model_is_refused_in_one_line(folder, damage, message):
    damage(folder)
    with pytest.raises(NearedgeError, match=message) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_missing_folder_is_one_clear_line(tmp_path):
    with pytest.raises(NearedgeError, match=r"cannot read the model .*nowhere: No such file"):
        load_model(tmp_path / "nowhere")


def test_loading_and_predicting_import_neither_numba_nor_scikit_learn(folder):
    code = f"""
import sys
import numpy as np
from nearedge.models import load_model
model = load_model({str(folder)!r})
spectra = np.full((2, 7), 1.5)
model.classifier.predict(spectra), model.regressor.predict_members(spectra)
print([name for name in ("numba", "sklearn", "scipy") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
