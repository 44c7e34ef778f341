"""Ask a model about spectra whose place on its axis is not quite known."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from nearedge.models.attribution import (
    Attribution,
    deciding_ranges,
    integrated_gradients_of,
    library_mean,
)
from nearedge.models.nearest import nearest_sites
from nearedge.spectra import EnergyGrid
from nearedge.spectra.perturb import broader, shifted, with_background
from nearedge.uncertainty.answers import Answers, answer, least_number
from nearedge.uncertainty.novelty import NOVELTY_LEVEL

if TYPE_CHECKING:
    from nearedge.models import Model

SHIFT_EV = 0.5
BROADENING = 0.2
BACKGROUND = 0.1

_Averaged = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]


def average_answers(
    model: Model,
    intensity: Float[np.ndarray, "node n energy"],
    stretch: float | Float[np.ndarray, " n"] = 1.0,
) -> Answers:
    """Answer spectra that may be any of several, all alike probable: the same at several shifts.

    Probabilities, coordination numbers, fractions and p-values are averaged. The half widths of
    intervals are averaged, and the standard deviation of the numbers over the nodes is added in
    squares, as many times as training found to be needed (`nearedge.studies.reach`), or as a
    normal distribution asks. An environment is in the set if it is in the sets of more nodes than
    the coverage leaves to chance. Why a spectrum is novel is told of the middle node.

    Parameters
    ----------
    model
        A trained model.
    intensity
        Spectra on its grid, for every node.
    stretch
        How much wider the distribution is than its nodes are spread; of all, or of each.
    """
    if len(intensity) == 1:
        return answer(model, intensity[0])
    count, n, points = intensity.shape
    every = answer(model, intensity.reshape(count * n, points), with_reasons=False)

    def nodes(values: np.ndarray) -> np.ndarray:
        return values.reshape(count, n, *values.shape[1:])

    def averaged(values: np.ndarray, low: np.ndarray | None, high: np.ndarray | None) -> _Averaged:
        at_nodes = nodes(values)
        mean, spread = at_nodes.mean(axis=0), at_nodes.std(axis=0)
        if low is None or high is None or every.coverage is None:
            return mean, None, None
        normal = NormalDist().inv_cdf((1 + every.coverage) / 2)
        reach = model.info["reference"].get("reach", normal) * (stretch * spread.T).T
        below = np.hypot((at_nodes - nodes(low)).mean(axis=0), reach)
        above = np.hypot((nodes(high) - at_nodes).mean(axis=0), reach)
        return mean, mean - below, mean + above

    mean, low, high = averaged(every.mean, every.low, every.high)
    fractions: _Averaged | tuple[None, None, None] = None, None, None
    if every.composition is not None:
        fractions = averaged(every.composition, every.composition_low, every.composition_high)
    composition, composition_low, composition_high = fractions
    in_set = None
    if every.in_set is not None and every.coverage is not None:
        in_set = nodes(every.in_set).mean(axis=0) > 1 - every.coverage
    p_value = None if every.p_value is None else nodes(every.p_value).mean(axis=0)
    novel = None if p_value is None else p_value <= NOVELTY_LEVEL
    reasons, corrections = [""] * n, [None] * n
    rows = np.flatnonzero(novel) if novel is not None else np.zeros(0, int)
    if rows.size:
        why = answer(model, intensity[count // 2, rows])
        for row, reason, correction in zip(
            rows.tolist(), why.reasons or (), why.corrections or (), strict=False
        ):
            reasons[row], corrections[row] = reason, correction
    return replace(
        every,
        probabilities=nodes(every.probabilities).mean(axis=0),
        in_set=in_set,
        mean=mean,
        low=None if low is None else np.maximum(low, least_number(model)),
        high=high,
        composition=composition,
        composition_low=None if composition_low is None else np.maximum(composition_low, 0.0),
        composition_high=None if composition_high is None else np.minimum(composition_high, 1.0),
        p_value=p_value,
        novel=novel,
        reasons=None if novel is None else tuple(reasons),
        corrections=None if novel is None else tuple(corrections),
    )


def why(model: Model, intensity: Float[np.ndarray, "n energy"]) -> list[dict[str, Any]]:
    """Say of every spectrum which energies decided, and which sites of the library are nearest.

    Parameters
    ----------
    model
        A trained model.
    intensity
        Spectra on its grid, with positive means.

    Returns
    -------
    list of dict
        ``environment`` and ``coordination``, each with the model's answer, that to the library's
        mean spectrum, and the ``energies`` that made the difference; ``nearest``, see
        `nearedge.models.nearest.nearest_sites`.
    """
    labels = [str(label) for label in model.classifier.classes]
    energy_eV, mean = EnergyGrid(**model.info["grid"]).energy_eV, library_mean(model)
    best = model.classifier.predict_proba(intensity).argmax(axis=1).tolist()
    nearest = nearest_sites(model, intensity)

    def decided(found: Attribution) -> dict[str, Any]:
        return {
            "of_library_mean": found.baseline_output,
            "energies": deciding_ranges(found, energy_eV),
        }

    environments = integrated_gradients_of(model.classifier, intensity, mean, best)
    numbers = integrated_gradients_of(model.regressor, intensity, mean, [0] * len(intensity))
    return [
        {
            "environment": {
                "label": labels[code],
                "probability": environment.output,
                **decided(environment),
            },
            "coordination": {"mean": number.output, **decided(number)},
            "nearest": None if nearest is None else nearest[row],
        }
        for row, (code, environment, number) in enumerate(
            zip(best, environments, numbers, strict=True)
        )
    ]


def sensitivities(
    model: Model,
    grid: EnergyGrid,
    intensity: Float[np.ndarray, "n energy"],
    fwhm_eV: float,
) -> list[dict[str, Any]]:
    """How the answer to each spectrum changes with shift, broadening and background.

    All changed spectra are asked in one call. A measurement is never sharpened: the answer at less
    broadening is continued from that at more, in proportion to the squared width.

    Parameters
    ----------
    model, grid
        A trained model and its grid.
    intensity
        Spectra on the grid.
    fwhm_eV
        Gaussian full width that the spectra have.

    Returns
    -------
    list of dict
        For every spectrum ``shift_eV``, ``broadening`` and ``background``, each with the answer at
        either change, and ``fwhm_eV``, the width of which a share was added.
    """
    changed = {
        ("shift_eV", "-0.5"): shifted(grid, intensity, -SHIFT_EV),
        ("shift_eV", "+0.5"): shifted(grid, intensity, SHIFT_EV),
        ("broadening", "+20%"): broader(grid, intensity, fwhm_eV, BROADENING),
        ("background", "-10%"): with_background(grid, intensity, -BACKGROUND),
        ("background", "+10%"): with_background(grid, intensity, BACKGROUND),
    }
    n = len(intensity)
    every = answer(model, np.concatenate([intensity, *changed.values()]), with_reasons=False)
    probabilities = every.probabilities.reshape(len(changed) + 1, n, -1)
    means = every.mean.reshape(len(changed) + 1, n)
    answers = {
        place: (probabilities[index], means[index]) for index, place in enumerate(changed, start=1)
    }
    less = ((1 - BROADENING) ** 2 - 1) / ((1 + BROADENING) ** 2 - 1)
    more_p, more_mean = answers[("broadening", "+20%")]
    answers[("broadening", "-20%")] = (
        probabilities[0] + less * (more_p - probabilities[0]),
        means[0] + less * (more_mean - means[0]),
    )
    labels = [str(label) for label in model.classifier.classes]
    rows: list[dict[str, Any]] = [
        {"shift_eV": {}, "broadening": {}, "background": {}, "fwhm_eV": round(fwhm_eV, 3)}
        for _ in range(n)
    ]
    for (what, by), (p, mean) in sorted(answers.items(), reverse=True):
        for row, best, coordination in zip(rows, p.argmax(axis=1), mean, strict=True):
            row[what][by] = {"label": labels[int(best)], "coordination": float(coordination)}
    return rows
