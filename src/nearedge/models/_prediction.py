"""Answers of an ensemble for very many spectra, by the compiled program on all cores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from nearedge.compute import cores
from nearedge.models._program import cross_entropy, forward, places, softmax_of
from nearedge.models._registers import compiled, filled, load, minus, plus, store, times, total
from nearedge.models._state import LANES, flatten, padded
from nearedge.models.network import Architecture, Parameters
from nearedge.models.preprocessing import Preprocessing

# Rows that go through the network together: enough to fill registers, few enough for the cache.
_ROWS = 32


@compiled
def _answer(
    x, first, end, area, cumulative, mean, factor, widths, nodes, members, classify, answers
):
    """Fill rows of `answers`, which holds zeros; returns the first unusable row, or -1."""
    features, width = mean.size, widths[-1]
    whole = features - features % LANES
    layout, size = places(widths, _ROWS)
    _, _, work_at, _ = layout
    work = np.empty(size, x.dtype)
    inputs = np.zeros(_ROWS * widths[0], x.dtype)
    own, share = np.arange(_ROWS), np.ones(_ROWS, x.dtype)
    none = np.zeros(_ROWS * width, x.dtype)
    softmax = softmax_of(work, width, nodes)
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
            part = x.dtype.type(features / summed) if area else x.dtype.type(1)
            place = row * widths[0]
            if cumulative:
                running = x.dtype.type(0)
                for point in range(features):
                    running += x[at + point] * part
                    inputs[place + point] = (running - mean[point]) * factor[point]
            else:
                parts = filled(x, part)
                for point in range(0, whole, LANES):
                    value = minus(times(load(x, at + point), parts), load(mean, point))
                    store(inputs, place + point, times(value, load(factor, point)))
                for point in range(whole, features):
                    value = x[at + point] * part
                    inputs[place + point] = (value - mean[point]) * factor[point]
        for member in range(len(members)):
            forward(inputs, own, own, layout, members[member], work)
            if classify:
                cross_entropy(work, work_at[-1], width, softmax, none, own, share, 1.0, False)
            for row in range(min(_ROWS, end - begin)):
                for node in range(nodes):
                    answer = work[work_at[-1] + row * width + node]
                    answers[begin + row, node] += answer * share_of_one
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
        preprocessing.representation == "cumulative",
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
