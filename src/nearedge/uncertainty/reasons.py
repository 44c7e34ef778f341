"""Why a spectrum counts as novel, in words that a user can act on, and what would help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

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
    intensity: Float[np.ndarray, "n energy"],
    scores: Float[np.ndarray, "n component"],
    calibration: Calibration,
    model: Model,
) -> list[Reason]:
    """Say why each of some novel spectra is not of the library's kind.

    Corrections are tried in turn: a shift, then taking off the intensity below the edge. The first
    one after which the spectrum is no longer novel names the reason. Without one, the intensity
    below the edge is looked at; then a spectrum that is unusual above all in being smooth is
    broader than the library's, and any other one is like no spectrum of it.

    Parameters
    ----------
    intensity
        Novel spectra with positive means.
    scores
        Of them, by the calibration's detector.
    calibration, model
        Which they are novel to.
    """
    reasons: dict[int, Reason] = {}
    for find, words in ((_shifts, _shift_words), (_backgrounds, _background_words)):
        left = np.array([row for row in range(len(intensity)) if row not in reasons], dtype=int)
        found = find(intensity[left], calibration, model)
        for row, correction in zip(left.tolist(), found, strict=True):
            if correction is not None:
                reasons[row] = Reason(words(correction), correction)
    below, usual = _below_edge(intensity, calibration)
    # Scores beyond all of the library's tie; what tells most about the cause is named.
    shares = calibration.statements.novelty.shares(scores)
    smooth = shares[:, COMPONENTS.index("smoothness")] <= shares.min(axis=1)
    for row in range(len(intensity)):
        if row in reasons:
            continue
        if below[row] > usual + _MUCH_BELOW_EDGE or below[row] < -0.05:
            reasons[row] = Reason(
                f"intensity outside the pre-edge range: {below[row]:.0%} of the mean intensity, "
                f"where the library has {usual:.0%}"
            )
        elif smooth[row]:
            reasons[row] = Reason("broader than anything in the library")
        else:
            reasons[row] = Reason("no spectrum of the library is similar")
    return [reasons[row] for row in range(len(intensity))]


def _shift_words(found: Correction) -> str:
    return f"shifted by about {-found.amount:+.1f} eV against the library"


def _background_words(found: Correction) -> str:
    share = f"a background of about {found.amount:.0%} of the mean intensity"
    return f"intensity outside the pre-edge range: {share}"


def _corrections(
    kind: Literal["shift", "background"],
    amount: Float[np.ndarray, " n"],
    changed: Float[np.ndarray, "n energy"],
    worth: Bool[np.ndarray, " n"],
    calibration: Calibration,
    model: Model,
) -> list[Correction | None]:
    """Changes with their effect on the answers; None where one is not worth it or does not help."""
    found: list[Correction | None] = [None] * len(changed)
    tried = np.flatnonzero(worth & (changed.mean(axis=1) > 0))
    if not tried.size:
        return found
    scores = calibration.detector.scores(changed[tried], model.classifier)
    p_value = calibration.statements.novelty.p_value(scores)
    helped = tried[p_value > NOVELTY_LEVEL]
    if not helped.size:
        return found
    probabilities = model.classifier.predict_proba(changed[helped]).astype(np.float64)
    calibrated = calibration.statements.scaling.apply(probabilities)
    mean = model.regressor.predict(changed[helped])
    p_helped = p_value[p_value > NOVELTY_LEVEL]
    for place, row in enumerate(helped.tolist()):
        found[row] = Correction(
            kind,
            float(amount[row]),
            float(p_helped[place]),
            changed[row],
            calibrated[place],
            float(mean[place]),
        )
    return found


def _shifts(
    intensity: Float[np.ndarray, "n energy"], calibration: Calibration, model: Model
) -> list[Correction | None]:
    detector = calibration.detector
    amount = detector.shifts_eV[detector.shifted_distances(intensity).argmin(axis=1)]
    moved = np.array(
        [_moved(*row, calibration) for row in zip(intensity, amount.tolist(), strict=True)]
    ).reshape(intensity.shape)
    worth = np.abs(amount) >= _LEAST_SHIFT_eV
    return _corrections("shift", amount, moved, worth, calibration, model)


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


def _backgrounds(
    intensity: Float[np.ndarray, "n energy"], calibration: Calibration, model: Model
) -> list[Correction | None]:
    below, usual = _below_edge(intensity, calibration)
    amount = (below - usual) / (1.0 - usual)
    changed = intensity - (amount * intensity.mean(axis=1))[:, None]
    worth = (np.abs(amount) >= 0.02) & (amount < 1.0)
    return _corrections("background", amount, changed, worth, calibration, model)


def _below_edge(
    intensity: Float[np.ndarray, "n energy"], calibration: Calibration
) -> tuple[Float[np.ndarray, " n"], float]:
    """Mean intensity at the start of the grid as a share of the overall mean; here, and usually."""
    grid = calibration.detector.grid
    points = max(1, round(_BELOW_EDGE_eV / grid.step_eV))
    own = intensity[:, :points].mean(axis=1) / intensity.mean(axis=1)
    return own, float(calibration.detector.shape.mean[:points].mean())
