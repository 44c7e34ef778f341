"""How a network is trained; the paper's settings."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nearedge.errors import UsageError

_CHOICES = {
    "loss": ("cross-entropy", "mean squared error"),
    "precision": ("float32", "float64"),
}


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    Attributes
    ----------
    loss
        ``"cross-entropy"`` (classifier) or ``"mean squared error"`` (regressor).
    epochs
        Passes over the examples, at most.
    batch_size
        Examples per step of Adam; all of them where there are fewer. The last, incomplete batch of
        an epoch is left out. The examples are shuffled anew every epoch, so it is never the same.
    learning_rate
        Of Adam, which has b1 = 0.9, b2 = 0.999 and epsilon = 1e-7, as in Keras.
    penalty
        L2 parameter lambda: lambda / (2 m) times the sum of squared weights is added to the loss, m
        being the number of training examples. Biases are not penalised.
    patience
        Stop a model after this many epochs without a lower validation loss, and return its
        parameters of lowest validation loss. None: train all epochs.
    precision
        ``"float32"`` or ``"float64"``.

    Raises
    ------
    UsageError
        If a value is impossible.

    Examples
    --------
    >>> TrainingSettings("cross-entropy", epochs=0, batch_size=32, learning_rate=0.01)
    Traceback (most recent call last):
    nearedge.errors.UsageError: epochs is 0; give 1 or more
    """

    loss: str
    epochs: int
    batch_size: int
    learning_rate: float
    penalty: float = 0.1
    patience: int | None = None
    precision: str = "float32"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise UsageError(f"no {name} is called {value!r}; choose {' or '.join(choices)}")
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}; give 1 or more")
        if not 0 < self.learning_rate < math.inf:
            raise UsageError(f"learning_rate is {self.learning_rate}; give a positive number")
        if not 0 <= self.penalty < math.inf:
            raise UsageError(f"penalty is {self.penalty}; give 0 or a positive number")


#: The paper's settings for the classifier.
PAPER_CLASSIFIER = TrainingSettings("cross-entropy", epochs=1500, batch_size=32, learning_rate=0.01)
#: The paper's settings for the regressor.
PAPER_REGRESSOR = TrainingSettings(
    "mean squared error", epochs=400, batch_size=256, learning_rate=0.001
)
