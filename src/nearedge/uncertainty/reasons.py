"""Why a spectrum counts as novel, in words that a user can act on, and what would help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from nearedge.models.ensemble import ClassifierEnsemble
from nearedge.uncertainty.calibration import Calibration
from nearedge.uncertainty.detector import COMPONENTS
from nearedge.uncertainty.novelty import NOVELTY_LEVEL

# The intensity below the edge is looked at from the start of the grid over this width. Edges of
# the library's sites scatter by less than what is left up to zero.
_BELOW_EDGE_eV = 2.0
# A shift below this is within the scatter of the library's own sites.
_LEAST_SHIFT_eV = 0.5


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
        The changed spectrum on the model's grid, to be asked about again; shape (energy,).
    """

    kind: Literal["shift", "background"]
    amount: float
    p_value: float
    intensity: Float[np.ndarray, " energy"]


@dataclass(frozen=True, eq=False)
class Reason:
    """Words for a user, and a correction if there is one."""

    words: str
    correction: Correction | None = None


def explain(
    intensity: Float[np.ndarray, " energy"],
    scores: Float[np.ndarray, " component"],
    calibration: Calibration,
    classifier: ClassifierEnsemble,
) -> Reason:
    """Say why one novel spectrum is not of the library's kind.

    Corrections are tried in turn: a shift, then taking off the intensity below the edge. The first
    one after which the spectrum is no longer novel names the reason. Without one, a spectrum that
    is unusual above all in being smooth is broader than the library's, and any other one is like
    no spectrum of it.

    Parameters
    ----------
    intensity
        One spectrum, with a positive mean.
    scores
        Of it, by the calibration's detector.
    calibration, classifier
        Of the model.
    """
    shift = _shift(intensity, calibration, classifier)
    if shift is not None:
        words = f"shifted by about {-shift.amount:+.1f} eV against the library"
        return Reason(words, shift)
    background = _background(intensity, calibration, classifier)
    if background is not None:
        words = (
            "intensity outside the pre-edge range: a background of about "
            f"{background.amount:.0%} of the mean intensity"
        )
        return Reason(words, background)
    shares = calibration.statements.novelty.shares(scores[None])[0]
    if COMPONENTS[int(shares.argmin())] == "smoothness":
        return Reason("broader than anything in the library")
    below, usual = _below_edge(intensity, calibration)
    if below > usual + 0.2 or below < -0.05:
        return Reason(
            f"intensity outside the pre-edge range: {below:.0%} of the mean intensity, where the "
            f"library has {usual:.0%}"
        )
    return Reason("no spectrum of the library is similar")


def _p_value(
    intensity: np.ndarray, calibration: Calibration, classifier: ClassifierEnsemble
) -> float:
    if intensity.mean() <= 0:
        return 0.0
    scores = calibration.detector.scores(intensity[None], classifier)
    return float(calibration.statements.novelty.p_value(scores)[0])


def _shift(
    intensity: np.ndarray, calibration: Calibration, classifier: ClassifierEnsemble
) -> Correction | None:
    detector = calibration.detector
    away = detector.shifted_distances(intensity[None])[0]
    amount = float(detector.shifts_eV[away.argmin()])
    if abs(amount) < _LEAST_SHIFT_eV:
        return None
    energy_eV = detector.grid.energy_eV
    moved = np.interp(energy_eV - amount, energy_eV, intensity)
    p_value = _p_value(moved, calibration, classifier)
    return Correction("shift", amount, p_value, moved) if p_value > NOVELTY_LEVEL else None


def _background(
    intensity: np.ndarray, calibration: Calibration, classifier: ClassifierEnsemble
) -> Correction | None:
    below, usual = _below_edge(intensity, calibration)
    amount = (below - usual) / (1.0 - usual)
    if abs(amount) < 0.02 or amount >= 1.0:
        return None
    changed = intensity - amount * intensity.mean()
    p_value = _p_value(changed, calibration, classifier)
    return Correction("background", amount, p_value, changed) if p_value > NOVELTY_LEVEL else None


def _below_edge(intensity: np.ndarray, calibration: Calibration) -> tuple[float, float]:
    """Mean intensity at the start of the grid as a share of the overall mean; here, and usually."""
    grid = calibration.detector.grid
    points = max(1, round(_BELOW_EDGE_eV / grid.step_eV))
    own = float(intensity[:points].mean() / intensity.mean())
    return own, float(calibration.detector.shape.mean[:points].mean())
