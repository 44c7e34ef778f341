"""Which energies decided: integrated gradients of a model's answer, up to rounding.

Only NumPy is imported here, like everything that prediction needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
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
from nearedge.models.line import Line, Sweep, Weigh, gradients, lines
from nearedge.models.network import Parameters, outputs, softmax
from nearedge.models.store import Model
from nearedge.spectra import EnergyGrid, resample

# Over a piece of the line on which no logit moves by more than the step, a probability is smooth
# enough for this many Gauss-Legendre points to integrate it to rounding: its nearest pole lies a
# distance of pi from the real axis.
_NODES = 8
_LOGIT_STEP = 2.0
# An expansion is smooth all along the line. The fewest points after which the contributions sum to
# the difference to within less than what is told of them are enough: the sum errs as much as the
# worst of them, or more. Mixtures take the first number, single sites the second.
_NODE_COUNTS = (12, 40, 128)
_COMPLETE = 1e-6


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
    found exactly, so that the contributions sum to the difference up to rounding. An expansion is
    smooth, and they sum to it to within 1e-6.

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
    [found] = integrated_gradients_of(model, x[None], baseline, [output])
    return found


def integrated_gradients_of(
    model: Classifier | Regressor,
    x: Float[np.ndarray, "spectrum feature"],
    baseline: Float[np.ndarray, " feature"],
    outputs: Sequence[int],
) -> list[Attribution]:
    """`integrated_gradients` of several spectra, each for an output of its own."""
    count = len(model.classes) if isinstance(model, Classifier) else 1
    for output in outputs:
        if not 0 <= output < count:
            raise UsageError(f"output {output} of a model with {count}; count from 0")
    spectra, start = x.astype(np.float64), baseline.astype(np.float64)
    if isinstance(model, Ensemble):
        return [
            _of_networks(model, np.stack([start, spectrum]), output)
            for spectrum, output in zip(spectra, outputs, strict=True)
        ]
    if isinstance(model, KernelRegressor) or (
        isinstance(model, KernelClassifier) and model.link != "simplex"
    ):
        return _of_expansion(model, start, spectra, outputs)
    raise UsageError(f"a {type(model).__name__} has no gradient here")


def _of_expansion(
    model: KernelClassifier | KernelRegressor,
    start: Float[np.ndarray, " feature"],
    stops: Float[np.ndarray, "spectrum feature"],
    outputs: Sequence[int],
) -> list[Attribution]:
    expansion = model.expansion
    every = np.concatenate([start[None], stops])
    expansion.preprocessing.check(every)
    every = expansion.preprocessing.normalised(every)
    start, stops = every[0], every[1:]
    followed = [
        _followed(model, line, output)
        for line, output in zip(lines(expansion, start, stops), outputs, strict=True)
    ]
    contributions = gradients(expansion, [sweep for sweep, _ in followed]) * (stops - start)
    return [
        Attribution(contribution, float(answers[1]), float(answers[0]))
        for contribution, (_, answers) in zip(contributions, followed, strict=True)
    ]


def _followed(
    model: KernelClassifier | KernelRegressor, line: Line, output: int
) -> tuple[Sweep, Float[np.ndarray, " 2"]]:
    """Mean gradient along a line, by as few points as are enough, and the answers at its ends."""
    weigh, sweep, answers = _weigher(model, output), None, np.zeros(2)
    for count in _NODE_COUNTS:
        sweep = line.sweep(*_rule(count), weigh)
        at_ends = sweep.values[[0, -1]]
        if isinstance(model, KernelClassifier):
            answers = model.probabilities(at_ends)[:, output]
        else:
            answers = model.numbers(at_ends)[0]
        if abs(sweep.rise - (answers[1] - answers[0])) <= _COMPLETE:
            break
    assert sweep is not None
    return sweep, answers


def _weigher(model: KernelClassifier | KernelRegressor, output: int) -> Weigh:
    """Gradient of an answer with respect to the expansion's outputs."""
    if isinstance(model, KernelClassifier):
        one = np.eye(len(model.classes))[output]

        def of_probability(values: np.ndarray) -> np.ndarray:
            probability = model.probabilities(values)
            by_logit = probability[:, [output]] * (one - probability)
            return pair_slopes(by_logit, values) if model.link == "pairs" else by_logit

        return of_probability
    if len(model.expansion.bias) > 2:
        return lambda values: number_slopes(values, model.differ)
    return lambda values: np.tile(np.eye(values.shape[1])[0], (len(values), 1))


@lru_cache(maxsize=len(_NODE_COUNTS))
def _rule(
    count: int,
) -> tuple[Float[np.ndarray, " place"], Float[np.ndarray, " place"]]:
    """Gauss-Legendre points between 0 and 1 with their weights, and the ends, which count 0."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return np.pad((nodes + 1) / 2, 1, constant_values=(0, 1)), np.pad(weights / 2, 1)


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


@lru_cache(maxsize=4)
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
    starts = np.append(0, np.flatnonzero(np.diff(np.sign(found.contribution)) != 0) + 1)
    stops = np.append(starts[1:], energy_eV.size)
    sums = np.add.reduceat(found.contribution, starts).round(5)
    return [
        {
            "from_eV": round(float(energy_eV[starts[place]]), 4),
            "to_eV": round(float(energy_eV[stops[place] - 1]), 4),
            "contribution": float(sums[place]),
        }
        for place in np.argsort(-np.abs(sums), kind="stable")[:most]
    ]


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
