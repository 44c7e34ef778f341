"""Answers of an ensemble for very many spectra, by the compiled program on all cores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from nearedge.compute import cores
from nearedge.models._program import exponential, forward, places, series_of
from nearedge.models._registers import (
    compiled,
    filled,
    greater,
    load,
    minus,
    over,
    part,
    plus,
    store,
    times,
    total,
    transpose,
)
from nearedge.models._state import LANES, flatten, padded
from nearedge.models.network import Architecture, Parameters
from nearedge.models.preprocessing import Preprocessing

# Rows that go through the network together: enough to fill registers, few enough for the cache.
_ROWS = 32


@part
def _turned(source, at, width, target):
    """Put the outputs of eight spectra node by node, so that a register holds one of all eight."""
    for column in range(0, width, LANES):
        transpose(source, at + column, width, target, column * LANES, LANES)


@part
def _softmax(outputs, nodes, factors):
    """Turn outputs (node, spectrum) of eight spectra into probabilities."""
    peak = load(outputs, 0)
    for node in range(1, nodes):
        peak = greater(peak, load(outputs, node * LANES))
    summed = filled(outputs, 0.0)
    for node in range(nodes):
        power = exponential(minus(load(outputs, node * LANES), peak), factors)
        summed = plus(summed, power)
        store(outputs, node * LANES, power)
    share = over(filled(outputs, 1.0), summed)
    for node in range(nodes):
        store(outputs, node * LANES, times(load(outputs, node * LANES), share))


@compiled
def _answer(
    x, first, end, area, cumulative, mean, factor, widths, nodes, members, classify, answers
):
    """Fill rows of `answers`, which holds zeros; returns the first unusable row, or -1.

    `cumulative` is True or None.
    """
    features, width = mean.size, widths[-1]
    whole = features - features % LANES
    layout, size = places(widths, _ROWS)
    _, _, work_at, _ = layout
    work = np.empty(size, x.dtype)
    inputs = np.zeros(_ROWS * widths[0], x.dtype)
    own = np.arange(_ROWS)
    turned = np.empty(width * LANES, x.dtype)
    factors = series_of(work)
    unusable, share_of_one = -1, x.dtype.type(1 / len(members))
    for begin in range(first, end, _ROWS):
        for row in range(_ROWS):
            at = min(begin + row, end - 1) * features
            sums = filled(x, 0.0)
            for point in range(0, whole, LANES):
                sums = plus(sums, load(x, at + point))
            summed = total(sums)
            for point in range(whole, features):
                summed += x[at + point]
            if unusable < 0 and (not np.isfinite(summed) or (area and summed <= 0)):
                unusable = begin + row
            per_mean = x.dtype.type(features / summed) if area else x.dtype.type(1)
            place, source = row * widths[0], x
            if cumulative is not None:
                running = x.dtype.type(0)
                for point in range(features):
                    running += x[at + point]
                    inputs[place + point] = running
                source, at = inputs, place
            shares = filled(x, per_mean)
            for point in range(0, whole, LANES):
                value = minus(times(load(source, at + point), shares), load(mean, point))
                store(inputs, place + point, times(value, load(factor, point)))
            for point in range(whole, features):
                value = source[at + point] * per_mean
                inputs[place + point] = (value - mean[point]) * factor[point]
        for member in range(len(members)):
            forward(inputs, own, own, layout, members[member], work)
            for row in range(0, min(_ROWS, end - begin), LANES):
                _turned(work, work_at[-1] + row * width, width, turned)
                if classify:
                    _softmax(turned, nodes, factors)
                for lane in range(min(LANES, end - begin - row)):
                    for node in range(nodes):
                        answer = turned[node * LANES + lane] * share_of_one
                        answers[begin + row + lane, node] += answer
    return unusable


def mean_answers(
    members: tuple[Parameters, ...],
    architecture: Architecture,
    preprocessing: Preprocessing,
    x: Float[np.ndarray, "spectrum feature"],
    *,
    classify: bool,
) -> Float[np.ndarray, "spectrum output"]:
    """Answers averaged over members: probabilities of classes, or outputs.

    Raises
    ------
    UsageError, NearedgeError
        As `Preprocessing.check`.
    """
    x = np.ascontiguousarray(x)
    preprocessing.check(x[:0])
    dtype = x.dtype.type
    answers = np.zeros((len(x), architecture.outputs), dtype)
    arguments = (
        preprocessing.normalise == "area",
        # Numba leaves out what depends on an argument that is None, and the rest is a fifth faster.
        True if preprocessing.representation == "cumulative" else None,
        preprocessing.mean.astype(dtype),
        (1 / preprocessing.scale).astype(dtype),
        np.array([padded(width) for width in architecture.widths]),
        architecture.outputs,
        np.stack([flatten(member, dtype) for member in members]),
        classify,
        answers,
    )
    edges = np.linspace(0, len(x), cores() + 1).astype(np.int64)
    with ThreadPoolExecutor(cores()) as executor:
        parts = [
            executor.submit(_answer, x.ravel(), first, end, *arguments)
            for first, end in pairwise(edges)
        ]
    if any(part.result() >= 0 for part in parts):
        # It says which spectrum, and refuses none whose sum alone is out of range.
        preprocessing.check(x)
    return answers
