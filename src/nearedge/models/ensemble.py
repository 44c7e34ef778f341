"""Trained networks with their preprocessing: all that is saved, and all that prediction needs.

Only NumPy is imported here, so that a prediction does not wait for the compiled program to load;
very many spectra are what that is for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from nearedge.models.kinds import Classifier, Regressor
from nearedge.models.network import Architecture, Parameters, outputs, softmax
from nearedge.models.preprocessing import Preprocessing

# Multiplications in one product of weights and spectra. Beyond this OpenBLAS shares the product out
# to threads, and on products this small their meeting costs many times the work itself.
_PRODUCT = 2**18

# From here on the compiled program is worth the second that it takes to load: it answers for a
# million spectra on two cores in the time that NumPy needs for a tenth of them on one.
_MANY = 200_000


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Members trained alike from different seeds, whose answers are averaged.

    Attributes
    ----------
    parameters
        Layers with a leading member axis: weights (member, out, in), biases (member, out).
    preprocessing
        From sampled intensities to inputs, the same for all members.
    """

    parameters: Parameters
    preprocessing: Preprocessing

    @property
    def architecture(self) -> Architecture:
        """Widths of a member's layers."""
        widths = [weight.shape[1] for weight, _ in self.parameters]
        inputs = self.parameters[0][0].shape[2]
        return Architecture(inputs, tuple(widths[:-1]), widths[-1])

    def members(self) -> tuple[Parameters, ...]:
        """Layers of every member by itself."""
        count = len(self.parameters[0][0])
        return tuple(
            tuple((weight[index], bias[index]) for weight, bias in self.parameters)
            for index in range(count)
        )

    def member_outputs(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> Float[np.ndarray, "member spectrum output"]:
        """Outputs of every member, in the precision of `x`.

        Raises
        ------
        NearedgeError
            If spectra have another number of points than the training spectra, or hold values that
            are not finite.
        """
        # All at once, so that a message counts spectra from the first and not within a block.
        self.preprocessing.check(x)
        widest = max(weight[0].size for weight, _ in self.parameters)
        size = max(32, min(512, _PRODUCT // widest))
        blocks = [
            outputs(self.parameters, self.preprocessing.inputs(x[first : first + size]))
            for first in range(0, max(1, len(x)), size)
        ]
        return np.concatenate(blocks, axis=1)

    def _mean_of_many(
        self, x: Float[np.ndarray, "spectrum feature"], *, classify: bool
    ) -> Float[np.ndarray, "spectrum output"] | None:
        """Answers averaged over members where the compiled program is worth loading."""
        if len(x) < _MANY or x.dtype not in (np.float32, np.float64):
            return None
        from nearedge.models._prediction import mean_answers

        return mean_answers(
            self.members(), self.architecture, self.preprocessing, x, classify=classify
        )


@dataclass(frozen=True, eq=False)
class ClassifierEnsemble(Ensemble, Classifier):
    """Networks that give the probabilities of environments.

    Attributes
    ----------
    classes
        Label of every output.
    """

    classes: Shaped[np.ndarray, " class"]

    def representation(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> Float[np.ndarray, "spectrum node"]:
        """Activations of the last hidden layer, the nodes of all members side by side.

        Networks without a hidden layer give their inputs.
        """
        self.preprocessing.check(x)
        inputs = self.preprocessing.inputs(x)
        if len(self.parameters) == 1:
            return inputs
        hidden = np.maximum(outputs(self.parameters[:-1], inputs), 0.0)
        return np.concatenate(list(hidden), axis=1)

    def member_probabilities(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> Float[np.ndarray, "member spectrum class"]:
        """Probabilities by every member."""
        return softmax(self.member_outputs(x))

    def predict_proba(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> Float[np.ndarray, "spectrum class"]:
        """Probabilities, averaged over members."""
        many = self._mean_of_many(x, classify=True)
        return self.member_probabilities(x).mean(axis=0) if many is None else many


@dataclass(frozen=True, eq=False)
class RegressorEnsemble(Ensemble, Regressor):
    """Networks that give coordination numbers."""

    def predict_members(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> Float[np.ndarray, "member spectrum"]:
        """Coordination numbers by every member."""
        return self.member_outputs(x)[..., 0]

    def predict(self, x: Float[np.ndarray, "spectrum feature"]) -> Float[np.ndarray, " spectrum"]:
        """Coordination numbers, averaged over members."""
        many = self._mean_of_many(x, classify=False)
        return self.predict_members(x).mean(axis=0) if many is None else many[:, 0]
