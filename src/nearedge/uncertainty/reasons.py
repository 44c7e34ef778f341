"""Why a spectrum counts as novel, in words that a user can act on, and what would help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from nearedge.models.store import Model
from nearedge.uncertainty.calibration import Calibration
from nearedge.uncertainty.detector import COMPONENTS
from nearedge.uncertainty.novelty import NOVELTY_LEVEL

# The intensity below the edge is looked at from the start of the grid over this width. Edges of
# the library's sites scatter by less than what is left up to zero.
_BELOW_EDGE_eV = 2.0
# A shift below this is within the scatter of the library's own sites.
_LEAST_SHIFT_eV = 0.5
_MUCH_BELOW_EDGE = 0.2


@dataclass(frozen=True, eq=False)
class Correction:
    """A change that makes a novel spectrum one of the library's kind.

    Attributes
    ----------
    kind
        ``"shift"`` along the energy axis, or ``"background"`` to be taken off.
    amount
        eV to add to the energies, or intensity to subtract, as a share of the mean intensity.
    p_value
        Of novelty, after the change.
    intensity
        The changed spectrum on the model's grid; shape (energy,).
    probabilities, mean
        What it is read as: probabilities of the environments (class,), and the average
        coordination number.
    """

    kind: Literal["shift", "background"]
    amount: float
    p_value: float
    intensity: Float[np.ndarray, " energy"]
    probabilities: Float[np.ndarray, " class"]
    mean: float


@dataclass(frozen=True, eq=False)
class Reason:
    """Words for a user, and a correction if there is one."""

    words: str
    correction: Correction | None = None


def explain(
    intensity: Float[np.ndarray, " energy"],
    scores: Float[np.ndarray, " component"],
    calibration: Calibration,
    model: Model,
) -> Reason:
    """Say why one novel spectrum is not of the library's kind.

    Corrections are tried in turn: a shift, then taking off the intensity below the edge. The first
    one after which the spectrum is no longer novel names the reason. Without one, the intensity
    below the edge is looked at; then a spectrum that is unusual above all in being smooth is
    broader than the library's, and any other one is like no spectrum of it.

    Parameters
    ----------
    intensity
        One spectrum, with a positive mean.
    scores
        Of it, by the calibration's detector.
    calibration, model
        Which it is novel to.
    """
    shift = _shift(intensity, calibration, model)
    if shift is not None:
        words = f"shifted by about {-shift.amount:+.1f} eV against the library"
        return Reason(words, shift)
    background = _background(intensity, calibration, model)
    if background is not None:
        words = (
            "intensity outside the pre-edge range: a background of about "
            f"{background.amount:.0%} of the mean intensity"
        )
        return Reason(words, background)
    below, usual = _below_edge(intensity, calibration)
    if below > usual + _MUCH_BELOW_EDGE or below < -0.05:
        return Reason(
            f"intensity outside the pre-edge range: {below:.0%} of the mean intensity, where the "
            f"library has {usual:.0%}"
        )
    # Scores beyond all of the library's tie; what tells most about the cause is named.
    shares = calibration.statements.novelty.shares(scores[None])[0]
    if shares[COMPONENTS.index("smoothness")] <= shares.min():
        return Reason("broader than anything in the library")
    return Reason("no spectrum of the library is similar")


def _correction(
    kind: Literal["shift", "background"],
    amount: float,
    changed: np.ndarray,
    calibration: Calibration,
    model: Model,
) -> Correction | None:
    """A change with its effect on the answer; None if the spectrum is novel all the same."""
    if changed.mean() <= 0:
        return None
    spectra = changed[None]
    scores = calibration.detector.scores(spectra, model.classifier)
    p_value = float(calibration.statements.novelty.p_value(scores)[0])
    if p_value <= NOVELTY_LEVEL:
        return None
    probabilities = model.classifier.predict_proba(spectra).astype(np.float64)
    calibrated = calibration.statements.scaling.apply(probabilities)[0]
    mean = float(model.regressor.predict(spectra)[0])
    return Correction(kind, amount, p_value, changed, calibrated, mean)


def _shift(intensity: np.ndarray, calibration: Calibration, model: Model) -> Correction | None:
    detector = calibration.detector
    away = detector.shifted_distances(intensity[None])[0]
    amount = float(detector.shifts_eV[away.argmin()])
    if abs(amount) < _LEAST_SHIFT_eV:
        return None
    moved = _moved(intensity, amount, calibration)
    return _correction("shift", amount, moved, calibration, model)


def _moved(
    intensity: np.ndarray, amount_eV: float, calibration: Calibration
) -> Float[np.ndarray, " energy"]:
    """A spectrum moved along its grid.

    What the grid did not show is taken from the library's mean, on the scale of the rest, so that
    it speaks neither for nor against the shift.
    """
    energy_eV, mean = calibration.detector.grid.energy_eV, calibration.detector.shape.mean
    at_eV = energy_eV - amount_eV
    known = (at_eV >= energy_eV[0] - 1e-9) & (at_eV <= energy_eV[-1] + 1e-9)
    moved = np.interp(at_eV, energy_eV, intensity)
    return np.where(known, moved, mean * moved[known].mean() / mean[known].mean())


def _background(intensity: np.ndarray, calibration: Calibration, model: Model) -> Correction | None:
    below, usual = _below_edge(intensity, calibration)
    amount = (below - usual) / (1.0 - usual)
    if abs(amount) < 0.02 or amount >= 1.0:
        return None
    changed = intensity - amount * intensity.mean()
    return _correction("background", amount, changed, calibration, model)


def _below_edge(intensity: np.ndarray, calibration: Calibration) -> tuple[float, float]:
    """Mean intensity at the start of the grid as a share of the overall mean; here, and usually."""
    grid = calibration.detector.grid
    points = max(1, round(_BELOW_EDGE_eV / grid.step_eV))
    own = float(intensity[:points].mean() / intensity.mean())
    return own, float(calibration.detector.shape.mean[:points].mean())
