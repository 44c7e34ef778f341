"""Which energies decided: integrated gradients of a model's answer, up to rounding.

Only NumPy is imported here, like everything that prediction needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from nearedge.errors import UsageError
from nearedge.models.ensemble import Ensemble
from nearedge.models.expansion import (
    KernelClassifier,
    KernelRegressor,
    number_slopes,
    pair_slopes,
)
from nearedge.models.kinds import Classifier, Regressor
from nearedge.models.network import Parameters, outputs, softmax
from nearedge.models.store import Model
from nearedge.spectra import EnergyGrid, resample

# Over a piece of the line on which no logit moves by more than the step, a probability is smooth
# enough for this many Gauss-Legendre points to integrate it to rounding: its nearest pole lies a
# distance of pi from the real axis.
_NODES = 8
_LOGIT_STEP = 2.0
# An expansion is smooth all along the line; this many pieces leave rounding errors only.
_PIECES = 16


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each energy contributed to one answer, compared with the answer to a baseline.

    Attributes
    ----------
    contribution
        (feature,) in the unit of the output; sums to ``output - baseline_output``.
    output, baseline_output
        The answer to the spectrum, and to the baseline.
    """

    contribution: Float[np.ndarray, " feature"]
    output: float
    baseline_output: float


def integrated_gradients(
    model: Classifier | Regressor,
    x: Float[np.ndarray, " feature"],
    baseline: Float[np.ndarray, " feature"],
    output: int = 0,
) -> Attribution:
    """Share the difference between the answers to two spectra out to the energies.

    The gradient of the answer is integrated along the straight line between the two spectra as
    they are after normalisation. A network is piecewise linear along that line, and its kinks are
    found exactly; an expansion is smooth. The contributions sum to the difference up to rounding.

    Parameters
    ----------
    model
        Networks or an expansion; their answer is explained: a probability, or a coordination
        number.
    x, baseline
        Intensities on the model's grid; shape (feature,).
    output
        Position of the class; 0 for a regressor.

    Raises
    ------
    UsageError
        If there is no such output.
    NearedgeError
        If a spectrum does not suit the model: see `Preprocessing.check`.

    References
    ----------
    M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks", ICML 2017,
    equation 1; the sum is their axiom of completeness (proposition 1).

    Examples
    --------
    >>> from nearedge.models import RegressorEnsemble, fit_preprocessing
    >>> preprocessing = fit_preprocessing(np.array([[0.0, 1.0], [2.0, 3.0]]))
    >>> layers = ((np.array([[[2.0, -1.0]]]), np.zeros((1, 1))),)
    >>> found = integrated_gradients(
    ...     RegressorEnsemble(layers, preprocessing), np.array([4.0, 3.0]), np.array([1.0, 1.0])
    ... )
    >>> found.contribution, found.output - found.baseline_output
    (array([ 6., -2.]), 4.0)
    """
    count = len(model.classes) if isinstance(model, Classifier) else 1
    if not 0 <= output < count:
        raise UsageError(f"output {output} of a model with {count}; count from 0")
    ends = np.stack([baseline, x]).astype(np.float64)
    if isinstance(model, Ensemble):
        return _of_networks(model, ends, output)
    if isinstance(model, KernelRegressor) or (
        isinstance(model, KernelClassifier) and model.link != "simplex"
    ):
        return _of_expansion(model, ends, output)
    raise UsageError(f"a {type(model).__name__} has no gradient here")


def _of_expansion(
    model: KernelClassifier | KernelRegressor, ends: Float[np.ndarray, "2 feature"], output: int
) -> Attribution:
    expansion = model.expansion
    expansion.preprocessing.check(ends)
    start, stop = expansion.preprocessing.normalised(ends)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    pieces = np.arange(_PIECES)[:, None]
    places = ((pieces + (nodes + 1) / 2) / _PIECES).ravel()
    line = start + places[:, None] * (stop - start)
    is_classifier = isinstance(model, KernelClassifier)
    if is_classifier:
        one, probability = np.eye(len(model.classes))[output], model.predict_proba(line)
        by_output = probability[:, [output]] * (one - probability)
        if model.link == "pairs":
            by_output = pair_slopes(by_output, expansion.outputs(line))
    elif len(expansion.bias) > 2:
        by_output = number_slopes(expansion.outputs(line))
    else:
        by_output = np.tile(np.eye(len(expansion.bias))[output], (len(line), 1))
    shares = np.tile(weights, _PIECES) / (2 * _PIECES)
    contribution = (shares @ expansion.slope(line, by_output)) * (stop - start)
    before, after = model.predict_proba(ends)[:, output] if is_classifier else model.predict(ends)
    return Attribution(contribution, float(after), float(before))


def _of_networks(
    ensemble: Ensemble, ends: Float[np.ndarray, "2 feature"], output: int
) -> Attribution:
    preprocessing = ensemble.preprocessing
    preprocessing.check(ends)
    answers = ensemble.member_outputs(ends)
    is_classifier = isinstance(ensemble, Classifier)
    if is_classifier:
        answers = softmax(answers)
    start, stop = preprocessing.inputs(ends)
    slopes = [
        _mean_slope(member, start, stop, output, is_classifier) for member in ensemble.members()
    ]
    change = np.diff(preprocessing.normalised(ends), axis=0)[0]
    contribution = preprocessing.pull_back(np.mean(slopes, axis=0)) * change
    before, after = answers[:, :, output].mean(axis=0)
    return Attribution(contribution, float(after), float(before))


def library_mean(model: Model) -> Float[np.ndarray, " feature"]:
    """Mean spectrum of the library that a model was trained on, on the model's grid."""
    reference = model.info["reference"]
    return resample(
        np.array(reference["energy_eV"], dtype=float),
        np.array(reference["intensity"], dtype=float),
        EnergyGrid(**model.info["grid"]),
    )


def deciding_ranges(
    found: Attribution, energy_eV: Float[np.ndarray, " feature"], most: int = 5
) -> list[dict[str, Any]]:
    """Sum contributions over ranges of energy in which they have one sign.

    Parameters
    ----------
    found
        From `integrated_gradients`.
    energy_eV
        Of the features.
    most
        How many ranges to name; those that contribute most.

    Returns
    -------
    list of dict
        ``from_eV``, ``to_eV`` and ``contribution``, the largest first.

    Examples
    --------
    >>> found = Attribution(np.array([0.1, 0.2, -0.4, 0.05]), 0.45, 0.5)
    >>> deciding_ranges(found, np.arange(4.0), most=2)[0]
    {'from_eV': 2.0, 'to_eV': 2.0, 'contribution': -0.4}
    """
    ends = np.flatnonzero(np.diff(np.sign(found.contribution)) != 0) + 1
    starts, stops = np.append(0, ends), np.append(ends, energy_eV.size)
    ranges = [
        {
            "from_eV": round(float(energy_eV[start]), 4),
            "to_eV": round(float(energy_eV[stop - 1]), 4),
            "contribution": round(float(found.contribution[start:stop].sum()), 5),
        }
        for start, stop in zip(starts, stops, strict=True)
    ]
    return sorted(ranges, key=lambda one: -abs(one["contribution"]))[:most]


def _mean_slope(
    parameters: Parameters,
    start: Float[np.ndarray, " feature"],
    stop: Float[np.ndarray, " feature"],
    output: int,
    is_classifier: bool,
) -> Float[np.ndarray, " feature"]:
    """Mean over the line of the gradient of one output with respect to the inputs."""
    kinks = _kinks(parameters, start, stop)
    if is_classifier:
        kinks = _finer(kinks, outputs(parameters, start + kinks[:, None] * (stop - start)))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    width = np.diff(kinks)
    places = (kinks[:-1, None] + width[:, None] * (nodes + 1) / 2).ravel()
    share = (width[:, None] * weights / 2).ravel()
    activation = start[:, None] + (stop - start)[:, None] * places
    active = []
    for weight, bias in parameters[:-1]:
        activation = weight @ activation + bias[:, None]
        active.append(activation > 0)
        activation = np.maximum(activation, 0)
    weight, bias = parameters[-1]
    logits = weight @ activation + bias[:, None]
    slope = np.zeros_like(logits)
    slope[output] = 1.0
    if is_classifier:
        probability = softmax(logits.T).T
        slope = probability[output] * (slope - probability)
    slope *= share
    for (weight, _), on in zip(reversed(parameters[1:]), reversed(active), strict=True):
        slope = (weight.T @ slope) * on
    return parameters[0][0].T @ slope.sum(axis=1)


def _kinks(
    parameters: Parameters,
    start: Float[np.ndarray, " feature"],
    stop: Float[np.ndarray, " feature"],
) -> Float[np.ndarray, " kink"]:
    """Places on the line, from 0 to 1 with both ends, between which the network is linear."""
    places = np.array([0.0, 1.0])
    for depth in range(len(parameters) - 1):
        activation = start[:, None] + (stop - start)[:, None] * places
        for weight, bias in parameters[:depth]:
            activation = np.maximum(weight @ activation + bias[:, None], 0)
        weight, bias = parameters[depth]
        value = weight @ activation + bias[:, None]
        left, right = value[:, :-1], value[:, 1:]
        node, piece = np.nonzero(left * right < 0)
        part = left[node, piece] / (left[node, piece] - right[node, piece])
        places = np.unique(
            np.concatenate([places, places[piece] + part * (places[piece + 1] - places[piece])])
        )
    return places


def _finer(
    places: Float[np.ndarray, " kink"], logits: Float[np.ndarray, "kink class"]
) -> Float[np.ndarray, " place"]:
    """Divide the pieces between kinks so that logits move little over each."""
    moves = np.abs(np.diff(logits, axis=0)).max(axis=1)
    parts = np.maximum(1, np.ceil(moves / _LOGIT_STEP)).astype(int)
    steps = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    starts = np.repeat(places[:-1], parts) + np.repeat(np.diff(places) / parts, parts) * steps
    return np.append(starts, places[-1])
