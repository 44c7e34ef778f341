"""Where the embedded library and the pretrained model lie; their cards stand beside them."""

from __future__ import annotations

from pathlib import Path

DEFAULT_MODEL = "default"

_HERE = Path(__file__).parent


def embedded_library(engine: str = "gpaw") -> Path:
    """Path of a library that the package ships.

    Parameters
    ----------
    engine
        ``"gpaw"``, which the model in the package is trained on, or ``"feff"``.

    Examples
    --------
    >>> embedded_library().name
    'li3feo35-gpaw.zarr.zip'
    """
    return _HERE / f"li3feo35-{engine}.zarr.zip"


def model_folder(name: str) -> Path:
    """Folder of a model: the one in the package for ``"default"``, else the path itself.

    Examples
    --------
    >>> model_folder("default").name, model_folder("my/model").name
    ('model', 'model')
    """
    return _HERE / "model" if name == DEFAULT_MODEL else Path(name)
