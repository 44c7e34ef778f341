"""One entry point: from sampled spectra to answers that say how far to trust them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from nearedge.errors import UsageError
from nearedge.models.expansion import read_samples
from nearedge.models.store import Model
from nearedge.uncertainty._saving import from_attachment
from nearedge.uncertainty.calibration import DEFAULT_COVERAGE, Calibration, CoverageKind
from nearedge.uncertainty.novelty import NOVELTY_LEVEL
from nearedge.uncertainty.reasons import Correction, Reason, explain


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers to n spectra; what needs calibration is None where the model carries none.

    Attributes
    ----------
    probabilities
        Of the environments in the order of the model's classes, calibrated if the model is; shape
        (n, class). NaN, as all numbers, for a spectrum whose mean intensity is not positive.
    in_set
        Which environments the prediction set of a spectrum holds; shape (n, class).
    mean, low, high
        Average coordination number and the ends of its interval; shape (n,).
    composition, composition_low, composition_high
        Fraction of sites in each environment, which sum to 1, and the ends of their intervals;
        shape (n, class). None for a model without a reader of them.
    p_value
        Of the hypothesis that the spectrum is of the library's kind; shape (n,).
    novel
        Whether it is not: p-values up to 0.05; shape (n,).
    reasons
        In words, for every novel spectrum; empty for the others.
    corrections
        What would make a novel spectrum like the library's, and what it would then be read as;
        None where nothing does.
    coverage
        That sets and intervals are made for.
    coverage_kind
        ``"conformal"``: proven for a spectrum of a new trajectory; ``"empirical"``: calibrated in
        the same way on too few independent trajectories, of all sites or of a class, for a proof.
    """

    probabilities: Float[np.ndarray, "n class"]
    mean: Float[np.ndarray, " n"]
    in_set: Bool[np.ndarray, "n class"] | None = None
    low: Float[np.ndarray, " n"] | None = None
    high: Float[np.ndarray, " n"] | None = None
    composition: Float[np.ndarray, "n class"] | None = None
    composition_low: Float[np.ndarray, "n class"] | None = None
    composition_high: Float[np.ndarray, "n class"] | None = None
    p_value: Float[np.ndarray, " n"] | None = None
    novel: Bool[np.ndarray, " n"] | None = None
    reasons: tuple[str, ...] | None = None
    corrections: tuple[Correction | None, ...] | None = None
    coverage: float | None = None
    coverage_kind: CoverageKind | None = None


def answer(
    model: Model,
    intensity: Float[np.ndarray, "n energy"],
    coverage: float = DEFAULT_COVERAGE,
    *,
    with_reasons: bool = True,
) -> Answers:
    """Answer with probabilities, prediction sets, intervals, and a test for novelty.

    Parameters
    ----------
    model
        From `nearedge.models.load_model`.
    intensity
        Spectra on the model's energy grid, not normalised.
    coverage
        Wanted of sets and intervals, between 0 and 1.
    with_reasons
        Whether to look for the reasons of novel spectra, about 1 ms for each; without them
        `reasons` and `corrections` are None.

    Returns
    -------
    Answers

    Raises
    ------
    UsageError
        If the coverage is not between 0 and 1.
    NearedgeError
        If spectra have another number of points than the grid, or hold values that are not finite.

    Examples
    --------
    >>> from nearedge.data import model_folder
    >>> from nearedge.models import load_model
    >>> model = load_model(model_folder("default"))
    >>> answers = answer(model, np.abs(np.sin(np.arange(302.0))).reshape(2, 151))
    >>> answers.probabilities.shape, answers.mean.shape
    ((2, 6), (2,))
    """
    if not 0.0 < coverage < 1.0:
        raise UsageError(f"a coverage of {coverage} is not possible; give one between 0 and 1")
    usable = intensity.mean(axis=1) > 0
    # A spectrum that cannot be normalised must not take the answers of the others with it.
    stand_in = np.where(usable[:, None], intensity, 1.0)
    # Networks are trained in single precision, and answer twice as fast in it.
    single = stand_in.astype(np.float32)
    calibration = None if model.calibration is None else from_attachment(model.calibration)
    if model.composition is None:
        (mean, spread), composition = model.regressor.predict_with_spread(single), None
    else:
        (mean, spread), composition = read_samples(model.regressor, model.composition, single)
    least = least_number(model)
    mean = np.maximum(mean.astype(np.float64), least)
    mean[~usable] = np.nan
    probabilities = _probabilities(model, calibration, single)
    probabilities[~usable] = np.nan
    if composition is not None:
        composition = composition.astype(np.float64)
        composition /= composition.sum(axis=1, keepdims=True)
        composition[~usable] = np.nan
    if calibration is None:
        return Answers(probabilities, mean, composition=composition)
    said = calibration.statements
    distance = calibration.distance.of(stand_in) if spread is None else spread.astype(np.float64)
    half = said.intervals.half_width(distance, coverage)
    low = high = None
    if composition is not None:
        widths = [one.half_width(distance, coverage) for one in said.fractions]
        low = np.clip(composition - np.stack(widths, axis=1), 0.0, 1.0)
        high = np.clip(composition + np.stack(widths, axis=1), 0.0, 1.0)
    in_set = np.zeros(probabilities.shape, bool)
    in_set[usable] = said.sets.members(probabilities[usable], coverage)
    scores, p_value = _novelty(model, calibration, stand_in, usable)
    reasons = (
        _reasons(model, calibration, stand_in, usable, scores, p_value) if with_reasons else None
    )
    return Answers(
        probabilities=probabilities,
        in_set=in_set,
        mean=mean,
        low=np.maximum(mean - half, least),
        high=mean + half,
        composition=composition,
        composition_low=low,
        composition_high=high,
        p_value=p_value,
        novel=p_value <= NOVELTY_LEVEL,
        reasons=None if reasons is None else tuple(reason.words for reason in reasons),
        corrections=None if reasons is None else tuple(one.correction for one in reasons),
        coverage=coverage,
        coverage_kind=said.coverage_kind(coverage),
    )


def least_number(model: Model) -> float:
    """Least value of what the regressor reads: no coordination number or distance is negative.

    Examples
    --------
    >>> from nearedge.data import model_folder
    >>> from nearedge.models import load_model
    >>> least_number(load_model(model_folder("default")))
    0.0
    """
    target = (model.info.get("label_scheme") or {}).get("target") or {}
    return -np.inf if target.get("quantity") == "oxidation state" else 0.0


def _probabilities(
    model: Model, calibration: Calibration | None, intensity: np.ndarray
) -> np.ndarray:
    probabilities = model.classifier.predict_proba(intensity).astype(np.float64)
    return (
        probabilities
        if calibration is None
        else calibration.statements.scaling.apply(probabilities)
    )


def _novelty(
    model: Model, calibration: Calibration, intensity: np.ndarray, usable: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the detector, and their p-values."""
    novelty = calibration.statements.novelty
    scores = calibration.detector.scores(intensity, model.classifier)
    p_value = novelty.p_value(scores)
    p_value[~usable] = max(curve.beyond for curve in novelty.curves)
    return scores, p_value


def _reasons(
    model: Model,
    calibration: Calibration,
    intensity: np.ndarray,
    usable: np.ndarray,
    scores: np.ndarray,
    p_value: np.ndarray,
) -> list[Reason]:
    """Reasons for the novel spectra, empty ones for the others."""
    reasons = [Reason("")] * len(p_value)
    for row in np.flatnonzero(~usable).tolist():
        reasons[row] = Reason("its mean intensity is not positive")
    novel = np.flatnonzero(usable & (p_value <= NOVELTY_LEVEL))
    found = explain(intensity[novel], scores[novel], calibration, model) if novel.size else []
    for row, reason in zip(novel.tolist(), found, strict=True):
        reasons[row] = reason
    return reasons
