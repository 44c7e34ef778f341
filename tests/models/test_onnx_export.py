"""An exported model answers in ONNX Runtime as it does here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nearedge.data import model_folder
from nearedge.errors import NearedgeError
from nearedge.models import (
    Architecture,
    ClassifierEnsemble,
    KernelRegressor,
    KernelSettings,
    RegressorEnsemble,
    export_onnx,
    fit_preprocessing,
    initial_parameters,
    load_model,
)
from nearedge.models.kernel import fit_kernel_classifier, fit_kernel_regression
from nearedge.models.pairwise import PairwiseSettings, fit_pairwise_classifier

RNG = np.random.default_rng(0)
# Intensities far from 1, on a rising background: running sums then lose digits soonest.
SPECTRA = (1e-4 * (5 + np.linspace(0, 3, 151) + RNG.normal(0, 0.05, (60, 151)))).astype(np.float32)


def run(path: Path, spectra: np.ndarray) -> dict[str, np.ndarray]:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"intensity": spectra}), strict=True))


def layers(hidden: tuple[int, ...], outputs: int, members: int = 3) -> Any:
    drawn = [initial_parameters(Architecture(151, hidden, outputs), s) for s in range(members)]
    return tuple(
        (np.stack([w for w, _ in layer]), np.stack([b for _, b in layer]) + 0.1)
        for layer in zip(*drawn, strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [(), (8, 6)])
@pytest.mark.parametrize("normalise", ["none", "area"])
@pytest.mark.parametrize("representation", ["intensity", "cumulative"])
def test_every_preprocessing_and_depth_agrees_to_1e_5(
    tmp_path: Path, hidden: tuple[int, ...], normalise: str, representation: str
) -> None:
    preprocessing = fit_preprocessing(SPECTRA.astype(float), normalise, representation)
    classifier = ClassifierEnsemble(layers(hidden, 3), preprocessing, np.array(["a", "b", "c"]))
    regressor = RegressorEnsemble(layers(hidden, 1), preprocessing)
    for name, ensemble, expected in (
        ("probabilities", classifier, classifier.predict_proba(SPECTRA.astype(float))),
        ("coordination", regressor, regressor.predict(SPECTRA.astype(float))),
    ):
        export_onnx(ensemble, tmp_path / f"{name}.onnx")
        answers = run(tmp_path / f"{name}.onnx", SPECTRA)
        assert list(answers) == [name]
        assert np.ptp(expected) > 0.1
        np.testing.assert_allclose(answers[name], expected, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_expansions_agree_to_1e_5(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    spectra = SPECTRA.astype(float)
    kernel = KernelSettings(window=(10, 70), radial=10.0, linear=1.0)
    classes = np.array(["a", "b", "c"])
    codes = rng.integers(3, size=len(spectra))
    target = np.eye(3)[codes]
    classifier = fit_kernel_classifier(spectra, codes, classes, kernel)
    ones = np.ones(len(spectra))
    regressor = KernelRegressor(fit_kernel_regression(spectra, target[:, :1], ones, kernel))
    twice = fit_kernel_regression(spectra, target[:, :2], ones, kernel, target[:, 0] > 0)
    reconciled = KernelRegressor(twice.only([0, 1, 2]))
    in_units = replace(reconciled, unit=0.2)
    assert np.abs(in_units.predict(spectra) - reconciled.predict(spectra)).max() > 1e-3
    vectors = fit_pairwise_classifier(
        spectra, codes, classes, PairwiseSettings((10, 70)), [np.ones(len(spectra))]
    )
    for name, model, expected in (
        ("probabilities", classifier, classifier.predict_proba(spectra)),
        ("probabilities", vectors, vectors.predict_proba(spectra)),
        ("coordination", regressor, regressor.predict(spectra)),
        ("coordination", reconciled, reconciled.predict(spectra)),
        ("coordination", in_units, in_units.predict(spectra)),
    ):
        export_onnx(model, tmp_path / f"{name}.onnx")
        answers = run(tmp_path / f"{name}.onnx", SPECTRA)
        assert np.ptp(expected) > 0.1
        np.testing.assert_allclose(answers[name], expected, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_the_model_of_the_package_is_one_file_with_labels_and_grid(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = load_model(model_folder("default"))
    path = tmp_path / "model.onnx"
    export_onnx(model, path)
    points = model.info["grid"]["points"]
    spectra = SPECTRA[:, np.linspace(0, 150, points).astype(int)]
    answers = run(path, spectra)
    for name, expected in (
        ("probabilities", model.classifier.predict_proba(spectra.astype(float))),
        ("coordination", model.regressor.predict(spectra.astype(float))),
    ):
        np.testing.assert_allclose(answers[name], expected, atol=1e-5, rtol=0)
    metadata = {entry.key: json.loads(entry.value) for entry in onnx.load(path).metadata_props}
    assert metadata == {"classes": model.classifier.classes.tolist(), "grid": model.info["grid"]}


def test_without_the_extra_the_message_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(NearedgeError, match=r"nearedge\[onnx\]"):
        export_onnx(RegressorEnsemble(layers((), 1), fit_preprocessing(SPECTRA)), tmp_path / "x")
