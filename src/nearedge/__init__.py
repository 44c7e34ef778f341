"""nearedge reads the local environment of an atom from its X-ray near-edge spectrum.

Importing the package is cheap: everything below is loaded when it is first used.

Examples
--------
>>> import nearedge
>>> nearedge.__version__.count(".")
2
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nearedge.library import import_library, open_library, open_structures
    from nearedge.models import load_model
    from nearedge.predict import predict_files
    from nearedge.spectra import read_spectra
    from nearedge.structures import read_structures

__version__ = "0.1.0"

_HOMES = {
    "import_library": "library",
    "load_model": "models",
    "open_library": "library",
    "open_structures": "library",
    "predict_files": "predict",
    "read_spectra": "spectra",
    "read_structures": "structures",
}

__all__ = [
    "__version__",
    "import_library",
    "load_model",
    "open_library",
    "open_structures",
    "predict_files",
    "read_spectra",
    "read_structures",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"nearedge.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
