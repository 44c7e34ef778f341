"""One entry point: from sampled spectra to answers that say how far to trust them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from nearedge.errors import UsageError
from nearedge.models.store import Model
from nearedge.uncertainty.calibration import DEFAULT_COVERAGE, CoverageKind, from_attachment


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers to n spectra; what needs calibration is None where the model carries none.

    Attributes
    ----------
    probabilities
        Of the environments in the order of the model's classes, calibrated if the model is; shape
        (n, class).
    in_set
        Which environments the prediction set of a spectrum holds; shape (n, class).
    mean, low, high
        Average coordination number and the ends of its interval; shape (n,).
    p_value
        Of the hypothesis that the spectrum is like the library's; shape (n,).
    coverage
        That sets and intervals are made for.
    coverage_kind
        ``"conformal"``: proven for a spectrum of a new trajectory; ``"empirical"``: calibrated in
        the same way on too few independent trajectories for a proof.
    """

    probabilities: Float[np.ndarray, "n class"]
    in_set: Bool[np.ndarray, "n class"] | None
    mean: Float[np.ndarray, " n"]
    low: Float[np.ndarray, " n"] | None
    high: Float[np.ndarray, " n"] | None
    p_value: Float[np.ndarray, " n"] | None
    coverage: float | None
    coverage_kind: CoverageKind | None


def answer(
    model: Model, intensity: Float[np.ndarray, "n energy"], coverage: float = DEFAULT_COVERAGE
) -> Answers:
    """Answer with probabilities, prediction sets and intervals.

    Parameters
    ----------
    model
        From `nearedge.models.load_model`.
    intensity
        Spectra on the model's energy grid, not normalised.
    coverage
        Wanted of sets and intervals, between 0 and 1.

    Returns
    -------
    Answers

    Raises
    ------
    UsageError
        If the coverage is not between 0 and 1.
    NearedgeError
        If spectra have another number of points than the grid, are not finite, or have no positive
        mean.

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
    probabilities = model.classifier.predict_proba(intensity).astype(np.float64)
    mean = model.regressor.predict(intensity).astype(np.float64)
    if model.calibration is None:
        return Answers(probabilities, None, mean, None, None, None, None, None)
    calibration = from_attachment(model.calibration)
    probabilities = calibration.scaling.apply(probabilities)
    half = calibration.intervals.half_width(calibration.distance.of(intensity), coverage)
    return Answers(
        probabilities=probabilities,
        in_set=calibration.sets.members(probabilities, coverage),
        mean=mean,
        # No coordination number is negative; a mean that is stays inside its interval.
        low=np.maximum(mean - half, np.minimum(mean, 0.0)),
        high=mean + half,
        p_value=None,
        coverage=coverage,
        coverage_kind=calibration.coverage_kind(coverage),
    )
