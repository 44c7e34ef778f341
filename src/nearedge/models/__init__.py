"""Models: kernel expansions, networks, scikit-learn estimators, baselines, saving."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nearedge.models.baselines import classifier_baselines, regressor_baselines
    from nearedge.models.ensemble import ClassifierEnsemble, RegressorEnsemble
    from nearedge.models.estimators import SpectrumClassifier, SpectrumRegressor
    from nearedge.models.examples import Examples
    from nearedge.models.exchange import export_onnx
    from nearedge.models.expansion import KernelClassifier, KernelRegressor
    from nearedge.models.kernel import KernelSettings
    from nearedge.models.kernel_estimators import (
        KernelSpectrumClassifier,
        KernelSpectrumRegressor,
    )
    from nearedge.models.kinds import Classifier, Regressor
    from nearedge.models.network import Architecture, initial_parameters, outputs, softmax
    from nearedge.models.preprocessing import Preprocessing, fit_preprocessing, unit_mean
    from nearedge.models.settings import PAPER_CLASSIFIER, PAPER_REGRESSOR, TrainingSettings
    from nearedge.models.store import Attachment, Model, cached_model, load_model, save_model
    from nearedge.models.training import Trained, fresh_state, train

_MODULE_OF = {
    "PAPER_CLASSIFIER": "settings",
    "PAPER_REGRESSOR": "settings",
    "Architecture": "network",
    "Attachment": "store",
    "Classifier": "kinds",
    "ClassifierEnsemble": "ensemble",
    "Examples": "examples",
    "KernelClassifier": "expansion",
    "KernelRegressor": "expansion",
    "KernelSettings": "kernel",
    "KernelSpectrumClassifier": "kernel_estimators",
    "KernelSpectrumRegressor": "kernel_estimators",
    "Model": "store",
    "Preprocessing": "preprocessing",
    "Regressor": "kinds",
    "RegressorEnsemble": "ensemble",
    "SpectrumClassifier": "estimators",
    "SpectrumRegressor": "estimators",
    "Trained": "training",
    "TrainingSettings": "settings",
    "cached_model": "store",
    "classifier_baselines": "baselines",
    "export_onnx": "exchange",
    "fit_preprocessing": "preprocessing",
    "fresh_state": "training",
    "initial_parameters": "network",
    "load_model": "store",
    "outputs": "network",
    "regressor_baselines": "baselines",
    "save_model": "store",
    "softmax": "network",
    "train": "training",
    "unit_mean": "preprocessing",
}

__all__ = [
    "PAPER_CLASSIFIER",
    "PAPER_REGRESSOR",
    "Architecture",
    "Attachment",
    "Classifier",
    "ClassifierEnsemble",
    "Examples",
    "KernelClassifier",
    "KernelRegressor",
    "KernelSettings",
    "KernelSpectrumClassifier",
    "KernelSpectrumRegressor",
    "Model",
    "Preprocessing",
    "Regressor",
    "RegressorEnsemble",
    "SpectrumClassifier",
    "SpectrumRegressor",
    "Trained",
    "TrainingSettings",
    "cached_model",
    "classifier_baselines",
    "export_onnx",
    "fit_preprocessing",
    "fresh_state",
    "initial_parameters",
    "load_model",
    "outputs",
    "regressor_baselines",
    "save_model",
    "softmax",
    "train",
    "unit_mean",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
