"""nearedge's method, continued from a pretrained model."""

from __future__ import annotations

from dataclasses import replace

from nearedge.data import model_folder
from nearedge.errors import NearedgeError
from nearedge.models import load_model
from nearedge.models.method import Method
from nearedge.models.pretraining import Pretraining, from_attachment


def continuing(model: str, method: Method) -> Method:
    """Let a method train on the sites of a pretrained model, too.

    Parameters
    ----------
    model
        Folder of a model, or ``"default"``.
    method
        To be continued.

    Raises
    ------
    NearedgeError
        If the model cannot be read, or does not hold the sites that it was trained on.
    """
    return replace(method, pretraining=pretraining_sites(model))


def pretraining_sites(model: str) -> Pretraining:
    """The sites that a model was trained on; errors as of `continuing`."""
    loaded = load_model(model_folder(model))
    if loaded.training is not None:
        found = from_attachment(loaded.training, loaded.sites)
        if found.names:
            return found
        raise NearedgeError(
            f"the model {model} does not say which atoms it was trained on, so that none of them "
            "could be held out; train it again with this version of nearedge"
        )
    raise NearedgeError(
        f"the model {model} does not hold the sites that it was trained on, without which training "
        "cannot go on from it; train it again with this version of nearedge"
    )
