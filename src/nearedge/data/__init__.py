"""Where the embedded library and the pretrained model lie; their cards stand beside them."""

from __future__ import annotations

from pathlib import Path

DEFAULT_MODEL = "default"

_HERE = Path(__file__).parent


def embedded_library() -> Path:
    """Path of the library that the package ships.

    Examples
    --------
    >>> embedded_library().name
    'li3feo35-feff.zarr.zip'
    """
    return _HERE / "li3feo35-feff.zarr.zip"


def model_folder(name: str) -> Path:
    """Folder of a model: the one in the package for ``"default"``, else the path itself.

    Examples
    --------
    >>> model_folder("default").name, model_folder("my/model").name
    ('model', 'model')
    """
    return _HERE / "model" if name == DEFAULT_MODEL else Path(name)
