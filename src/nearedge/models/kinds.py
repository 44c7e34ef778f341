"""What every trained model can be asked, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float, Shaped


class Classifier(ABC):
    """Gives the probabilities of environments, or the fractions of a sample's sites in each.

    Attributes
    ----------
    classes
        Label of every output.
    """

    classes: Shaped[np.ndarray, " class"]

    @abstractmethod
    def predict_proba(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> Float[np.ndarray, "spectrum class"]:
        """Probabilities or fractions, each row of which sums to 1."""

    @abstractmethod
    def representation(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> Float[np.ndarray, "spectrum node"]:
        """What the last step of the model sees of a spectrum."""

    def predict(self, x: Float[np.ndarray, "spectrum feature"]) -> Shaped[np.ndarray, " spectrum"]:
        """Label of highest probability."""
        return self.classes[self.predict_proba(x).argmax(axis=1)]


class Regressor(ABC):
    """Gives average coordination numbers, or averages of a library's target.

    Attributes
    ----------
    unit
        What counts as much in these numbers as one neighbour in a coordination number.
    """

    unit: float = 1.0

    @abstractmethod
    def predict(self, x: Float[np.ndarray, "spectrum feature"]) -> Float[np.ndarray, " spectrum"]:
        """Average coordination number of every spectrum."""

    def predict_with_spread(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> tuple[Float[np.ndarray, " spectrum"], Float[np.ndarray, " spectrum"] | None]:
        """`predict`, and about n**-0.5 for a spectrum that averages n sites, if the model knows."""
        return self.predict(x), None
