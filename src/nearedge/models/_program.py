"""The program that trains a model: many epochs of Adam on shuffled mini-batches, compiled by Numba.

One call trains one model for some epochs and holds no Python object, so that as many models train
side by side as there are cores. A step on a network of this size is a few thousand cycles, in which
everything stays in the first-level cache; hence no array is made and nothing is copied in it, not
even the batch.

All arrays are flat. The nodes of every layer are padded to whole registers. A padded node's
weights and bias are zero, so it stays at zero, where the slope of ReLU is taken as zero, and
nothing ever moves its weights in or out: it needs no mask. Batches are padded to whole registers
with examples of weight zero.

All compiled functions stand in this one file, because Numba compiles them anew when their own file
has changed and not when another has.
"""

from __future__ import annotations

import math

import numpy as np

from nearedge.models._registers import (
    compiled,
    filled,
    floor,
    flush_denormals,
    greater,
    greatest,
    load,
    minus,
    multiply_add,
    over,
    part,
    plus,
    power_of_two,
    prefetch,
    restore_denormals,
    spread,
    sqrt,
    store,
    times,
    total,
    transpose,
    wait,
    where_positive,
)
from nearedge.models._state import LANES

# Adam as in Keras, which the paper's settings belong to.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7

#: Added to the outputs of padding, so that softmax gives them nothing.
_NOTHING = -1e30

#: ln 2 in a part of few digits, whose multiples are exact, and the rest.
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.121944400546905827679e-4

_LINE = 64  # bytes in a line of the cache
_LINEAR, _RELU, _SLOPE = 0, 1, 2


@part
def _dense(x, rows, stride, begin, weights, at, into, out, bias, answer, to, kind, gate):
    """Multiply rows of `x` by a layer's weights: `answer` (row, out) from place `to` on.

    Row r of the `into` inputs starts at `begin + rows[r] * stride` of `x`. What follows is the
    `kind`: nothing, ReLU, or zero where what stands in `x` from `gate` on is not positive.
    """
    for column in range(0, out, LANES):
        for row in range(0, rows.size, LANES):
            x0, x1, x2, x3 = (
                begin + rows[row] * stride,
                begin + rows[row + 1] * stride,
                begin + rows[row + 2] * stride,
                begin + rows[row + 3] * stride,
            )
            x4, x5, x6, x7 = (
                begin + rows[row + 4] * stride,
                begin + rows[row + 5] * stride,
                begin + rows[row + 6] * stride,
                begin + rows[row + 7] * stride,
            )
            a0 = load(weights, at + into * out + column) if bias else filled(weights, 0.0)
            a1 = a2 = a3 = a4 = a5 = a6 = a7 = a0
            for node in range(into):
                w = load(weights, at + node * out + column)
                a0 = multiply_add(spread(x, x0 + node), w, a0)
                a1 = multiply_add(spread(x, x1 + node), w, a1)
                a2 = multiply_add(spread(x, x2 + node), w, a2)
                a3 = multiply_add(spread(x, x3 + node), w, a3)
                wait()
                a4 = multiply_add(spread(x, x4 + node), w, a4)
                a5 = multiply_add(spread(x, x5 + node), w, a5)
                a6 = multiply_add(spread(x, x6 + node), w, a6)
                a7 = multiply_add(spread(x, x7 + node), w, a7)
            place = row * out + column
            if kind == _RELU:
                a0, a1 = where_positive(a0, a0), where_positive(a1, a1)
                a2, a3 = where_positive(a2, a2), where_positive(a3, a3)
                a4, a5 = where_positive(a4, a4), where_positive(a5, a5)
                a6, a7 = where_positive(a6, a6), where_positive(a7, a7)
            elif kind == _SLOPE:
                g = gate + place
                a0 = where_positive(load(x, g), a0)
                a1 = where_positive(load(x, g + out), a1)
                a2 = where_positive(load(x, g + 2 * out), a2)
                a3 = where_positive(load(x, g + 3 * out), a3)
                a4 = where_positive(load(x, g + 4 * out), a4)
                a5 = where_positive(load(x, g + 5 * out), a5)
                a6 = where_positive(load(x, g + 6 * out), a6)
                a7 = where_positive(load(x, g + 7 * out), a7)
            place += to
            store(answer, place, a0)
            store(answer, place + out, a1)
            store(answer, place + 2 * out, a2)
            store(answer, place + 3 * out, a3)
            store(answer, place + 4 * out, a4)
            store(answer, place + 5 * out, a5)
            store(answer, place + 6 * out, a6)
            store(answer, place + 7 * out, a7)


@part
def _adam(network, place, gradient, rate):
    """Move eight parameters; rows of `network` are parameters, means, means of squares."""
    parameters, first, second = network
    mean = load(first, place)
    mean = multiply_add(filled(mean, 1 - BETA_1), minus(gradient, mean), mean)
    square = load(second, place)
    square = multiply_add(
        filled(mean, 1 - BETA_2), minus(times(gradient, gradient), square), square
    )
    store(first, place, mean)
    store(second, place, square)
    step = over(times(rate, mean), plus(sqrt(square), filled(mean, EPSILON)))
    store(parameters, place, minus(load(parameters, place), step))


@part
def _learn(x, rows, stride, begin, slopes, start, network, at, into, out, shrink, rate):
    """Add up a layer's gradient over the rows, eight by eight weights at a time, and step."""
    weights = network[0]
    rate = filled(weights, rate)
    pull = filled(weights, shrink)
    for column in range(0, out, LANES):
        for node in range(0, into, LANES):
            place = at + node * out + column
            a0, a1 = times(pull, load(weights, place)), times(pull, load(weights, place + out))
            a2, a3 = (
                times(pull, load(weights, place + 2 * out)),
                times(pull, load(weights, place + 3 * out)),
            )
            a4, a5 = (
                times(pull, load(weights, place + 4 * out)),
                times(pull, load(weights, place + 5 * out)),
            )
            a6, a7 = (
                times(pull, load(weights, place + 6 * out)),
                times(pull, load(weights, place + 7 * out)),
            )
            for row in range(rows.size):
                at_x = begin + rows[row] * stride + node
                slope = load(slopes, start + row * out + column)
                a0 = multiply_add(spread(x, at_x), slope, a0)
                a1 = multiply_add(spread(x, at_x + 1), slope, a1)
                a2 = multiply_add(spread(x, at_x + 2), slope, a2)
                a3 = multiply_add(spread(x, at_x + 3), slope, a3)
                wait()
                a4 = multiply_add(spread(x, at_x + 4), slope, a4)
                a5 = multiply_add(spread(x, at_x + 5), slope, a5)
                a6 = multiply_add(spread(x, at_x + 6), slope, a6)
                a7 = multiply_add(spread(x, at_x + 7), slope, a7)
            _adam(network, place, a0, rate)
            _adam(network, place + out, a1, rate)
            _adam(network, place + 2 * out, a2, rate)
            _adam(network, place + 3 * out, a3, rate)
            _adam(network, place + 4 * out, a4, rate)
            _adam(network, place + 5 * out, a5, rate)
            _adam(network, place + 6 * out, a6, rate)
            _adam(network, place + 7 * out, a7, rate)
        # Biases are not penalised.
        gradient = filled(weights, 0.0)
        for row in range(rows.size):
            gradient = plus(gradient, load(slopes, start + row * out + column))
        _adam(network, at + into * out + column, gradient, rate)


@part
def exponential(x, factors):
    """Raise e to numbers that are not positive: powers of two times Taylor's series of the rest."""
    # Below this the result is no normal number, and zero here.
    least = filled(x, -87.0 if factors.itemsize == 4 else -708.0)
    one, bounded = filled(x, 1.0), greater(x, least)
    powers = floor(multiply_add(bounded, filled(x, 1 / math.log(2)), filled(x, 0.5)))
    rest = multiply_add(powers, filled(x, -_LN2_HIGH), bounded)
    rest = multiply_add(powers, filled(x, -_LN2_LOW), rest)
    series = one
    for term in range(factors.size):
        series = multiply_add(series, times(rest, spread(factors, term)), one)
    return where_positive(minus(x, least), times(series, power_of_two(powers)))


@part
def series_of(like):
    """Make the ratios of neighbours in Taylor's series of e, in an array's precision."""
    terms = 7 if like.itemsize == 4 else 13
    factors = np.empty(terms, like.dtype)
    for term in range(terms):
        factors[term] = 1 / (terms - term)
    return factors


@part
def _softmax_of(like, width, nodes):
    """Make what softmax needs: what to add so that padding gets nothing, and e's series."""
    padding = np.zeros(width, like.dtype)
    padding[nodes:] = _NOTHING
    return padding, series_of(like)


@part
def _cross_entropy(outputs, start, width, softmax, targets, rows, weight, scale):
    """Put the slope of the loss in the place of the outputs; returns the weighted sum of losses."""
    padding, factors = softmax
    summed = 0.0
    for row in range(rows.size):
        place, at = start + row * width, rows[row] * width
        peak = plus(load(outputs, place), load(padding, 0))
        for column in range(LANES, width, LANES):
            peak = greater(peak, plus(load(outputs, place + column), load(padding, column)))
        top = filled(outputs, greatest(peak))
        powers = wanted = filled(outputs, 0.0)
        for column in range(0, width, LANES):
            below = minus(plus(load(outputs, place + column), load(padding, column)), top)
            wanted = multiply_add(load(targets, at + column), below, wanted)
            power = exponential(below, factors)
            powers = plus(powers, power)
            store(outputs, place + column, power)
        denominator = total(powers)
        share = filled(outputs, weight[row] * scale)
        factor = over(share, filled(outputs, denominator))
        for column in range(0, width, LANES):
            wished = times(load(targets, at + column), share)
            found = times(load(outputs, place + column), factor)
            store(outputs, place + column, minus(found, wished))
        summed += weight[row] * (math.log(denominator) - total(wanted))
    return summed


@part
def _squared_error(outputs, start, width, nodes, targets, rows, weight, scale):
    """As `_cross_entropy`, for the mean over outputs of the squared error."""
    summed = 0.0
    for row in range(rows.size):
        place, at = start + row * width, rows[row] * width
        squares = 0.0
        for column in range(0, width, LANES):
            error = minus(load(outputs, place + column), load(targets, at + column))
            squares += total(times(error, error))
            factor = filled(outputs, weight[row] * scale * 2 / nodes)
            store(outputs, place + column, times(error, factor))
        summed += weight[row] * squares / nodes
    return summed


@part
def _right_answers(outputs, start, width, nodes, targets, rows, weight):
    """Weight of the rows whose greatest output is that of their greatest target."""
    right = 0.0
    for row in range(rows.size):
        place, at = start + row * width, rows[row] * width
        found = wanted = 0
        for node in range(1, nodes):
            if outputs[place + node] > outputs[place + found]:
                found = node
            if targets[at + node] > targets[at + wanted]:
                wanted = node
        if found == wanted:
            right += weight[row]
    return right


@part
def _mixed(value):
    """Scramble 64 bits; the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@part
def shuffle(order, seed, epoch):
    """Fill `order` with the shuffled numbers of the examples.

    The stream of random bits, SplitMix64, depends on seed and number of the epoch alone, so that a
    run can be continued. Fisher and Yates's shuffle takes a place below n as n times 32 random bits
    over 2^32; of fewer than a million examples none is favoured by more than n / 2^32.
    """
    bits = _mixed(_mixed(np.uint64(seed)) + np.uint64(epoch))
    for place in range(order.size):
        order[place] = place
    for left in range(order.size - 1, 0, -1):
        bits += np.uint64(0x9E3779B97F4A7C15)
        chosen = np.int64(((_mixed(bits) >> np.uint64(32)) * np.uint64(left + 1)) >> np.uint64(32))
        order[left], order[chosen] = order[chosen], order[left]


@part
def places(widths, rows):
    """Lay out the weights of all layers, and the work on some rows; and how much work there is.

    The layout is: widths, places of each layer's weights, of each layer's activations, and of two
    buffers for slopes and one for transposed weights.
    """
    layers = widths.size - 1
    weights_at = np.zeros(layers, np.int64)
    work_at = np.zeros(layers + 1, np.int64)
    for layer in range(1, layers):
        weights_at[layer] = weights_at[layer - 1] + (widths[layer - 1] + 1) * widths[layer]
        work_at[layer + 1] = work_at[layer] + rows * widths[layer]
    widest = widths[1:].max()
    one = work_at[layers] + rows * widths[layers]
    other, turned = one + rows * widest, one + 2 * rows * widest
    return (widths, weights_at, work_at, (one, other, turned)), turned + widest * widest


@part
def forward(x, rows, own, layout, weights, work):
    """Fill `work` with the activations of all layers for rows of `x`."""
    widths, weights_at, work_at, _ = layout
    last = widths.size - 2
    for layer in range(last + 1):
        into, out = widths[layer], widths[layer + 1]
        at, to = weights_at[layer], work_at[layer + 1]
        kind = _RELU if layer < last else _LINEAR
        if layer == 0:
            _dense(x, rows, into, 0, weights, at, into, out, True, work, to, kind, 0)
        else:
            begin = work_at[layer]
            _dense(work, own, into, begin, weights, at, into, out, True, work, to, kind, 0)


@part
def _backward(x, rows, own, layout, network, work, shrink, rate):
    """Lead slopes back from the outputs' place, each past a layer before its weights move."""
    widths, weights_at, work_at, (one, other, turned) = layout
    weights = network[0]
    slopes = work_at[widths.size - 1]
    for layer in range(widths.size - 2, -1, -1):
        into, out, at = widths[layer], widths[layer + 1], weights_at[layer]
        if layer == 0:
            _learn(x, rows, into, 0, work, slopes, network, at, into, out, shrink, rate)
        else:
            for node in range(0, into, LANES):
                for column in range(0, out, LANES):
                    source, target = at + node * out + column, turned + column * into + node
                    transpose(weights, source, out, work, target, into)
            begin = work_at[layer]
            _dense(work, own, out, slopes, work, turned, out, into, False, work, one, _SLOPE, begin)
            _learn(work, own, into, begin, work, slopes, network, at, into, out, shrink, rate)
            slopes, one, other = one, other, one


@part
def _evaluate(held, begin, end, rows, own, share, layout, nodes, weights, work, classify, softmax):
    """Mean loss and share of right answers over some rows of the evaluated sets."""
    x, targets, weight = held
    widths, _, work_at, _ = layout
    outputs, width = work_at[widths.size - 1], widths[-1]
    loss, right, heft = 0.0, 0.0, 0.0
    for first in range(begin, end, rows.size):
        for row in range(rows.size):
            inside = first + row < end
            rows[row] = first + row if inside else first
            share[row] = weight[first + row] if inside else 0
            heft += share[row]
        forward(x, rows, own, layout, weights, work)
        if classify:
            right += _right_answers(work, outputs, width, nodes, targets, rows, share)
            loss += _cross_entropy(work, outputs, width, softmax, targets, rows, share, 0.0)
        else:
            loss += _squared_error(work, outputs, width, nodes, targets, rows, share, 0.0)
    return loss / heft, right / heft


@compiled
def run_epochs(
    widths,
    nodes,
    network,
    best,
    counts,
    best_loss,
    x,
    targets,
    weight,
    held,
    ends,
    seed,
    batch,
    learning_rate,
    shrink,
    patience,
    classify,
    history,
):
    """Train one model for some epochs, or until early stopping ends it.

    Parameters
    ----------
    widths
        Of the layers, padded to whole registers; shape (layer,).
    nodes
        Outputs that are no padding.
    network, best
        (parameters, first, second): flat arrays of the parameters, layer by layer the weights
        (in, out) and then the biases, and of Adam's running means of gradients and of their
        squares; and the parameters of least validation loss. Changed in place.
    counts, best_loss
        Steps, epochs, and epochs since the least validation loss; and that loss, of shape (1,).
        Changed in place.
    x, targets, weight
        Flat arrays of the examples: inputs and targets padded as the layers are, and the sample
        weight.
    held, ends
        The same three arrays of all sets to be evaluated after every epoch, one set after the
        other, and where each ends. The first is what `patience` looks at.
    seed
        Of the shuffling.
    batch, learning_rate, shrink
        Examples per step; Adam's rate; lambda / m, m being the number of examples. Taken as a bare
        factor, lambda = 0.1 makes the penalty outweigh the loss and the network collapses: all
        weights shrink to zero and every spectrum gets the same answer.
    patience
        Epochs to go on without a lower loss; 0: do not stop early.
    classify
        Whether the loss is cross-entropy; else it is the mean squared error.
    history
        Filled, a row per epoch: mean loss of the mini-batches; loss, and for cross-entropy
        accuracy, of every set.

    Returns
    -------
    int
        Epochs run.
    """
    before = flush_denormals()
    parameters, count = network[0], weight.size
    layers, size = widths.size - 1, -(-batch // LANES) * LANES
    layout, needed = places(widths, size)
    work = np.empty(needed, parameters.dtype)
    own, rows, share = np.arange(size), np.zeros(size, np.int64), np.zeros(size, parameters.dtype)
    order, width = np.empty(count, np.int64), widths[0]
    outputs, last = layout[2][layers], widths[layers]
    line, steps, scale = _LINE // x.itemsize, count // batch, 1 / batch
    softmax = _softmax_of(parameters, last, nodes)

    ran = 0
    while ran < len(history) and (patience == 0 or counts[2] < patience):
        shuffle(order, seed, counts[1])
        power_1, power_2 = BETA_1 ** counts[0], BETA_2 ** counts[0]
        loss = 0.0
        for step in range(steps):
            for row in range(batch):
                rows[row] = order[step * batch + row]
                share[row] = weight[rows[row]]
            for row in range(batch, size):
                rows[row], share[row] = rows[0], 0
            for row in range((step + 1) * batch, min((step + 2) * batch, count)):
                for number in range(0, width, line):
                    prefetch(x, order[row] * width + number)
            forward(x, rows, own, layout, parameters, work)
            if classify:
                loss += _cross_entropy(work, outputs, last, softmax, targets, rows, share, scale)
            else:
                loss += _squared_error(work, outputs, last, nodes, targets, rows, share, scale)
            power_1, power_2 = power_1 * BETA_1, power_2 * BETA_2
            rate = learning_rate * math.sqrt(1 - power_2) / (1 - power_1)
            _backward(x, rows, own, layout, network, work, shrink, rate)
        counts[0] += steps
        counts[1] += 1
        history[ran, 0] = loss / (steps * batch)
        begin, column = 0, 1
        for end in ends:
            held_loss, right = _evaluate(
                held,
                begin,
                end,
                rows,
                own,
                share,
                layout,
                nodes,
                parameters,
                work,
                classify,
                softmax,
            )
            history[ran, column] = held_loss
            column += 1
            if classify:
                history[ran, column] = right
                column += 1
            begin = end
        if patience:
            counts[2] += 1
            if history[ran, 1] < best_loss[0]:
                best_loss[0], counts[2] = history[ran, 1], 0
                best[:] = parameters
        ran += 1
    restore_denormals(before)
    return ran
