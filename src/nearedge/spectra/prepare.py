"""From what a detector gave to absorption above the edge, one visible step after the other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from nearedge.errors import UsageError, did_you_mean
from nearedge.spectra.background import BACKGROUNDS, Edge, edge_step, find_edge, fit_background
from nearedge.spectra.glitches import without_glitches

PREPARATION_STEPS = ("glitches", "background", "normalisation", "extension")
"""Names of the steps in the order in which they are taken; each can be skipped."""

# A pre-edge within this share of the edge step is one whose background was already subtracted, and
# an edge step this close to 1 one that was already normalised.
_SUBTRACTED = 0.02
_NORMALISED = 0.1
# A background whose continuation under the edge is less sure than this share of the edge step does
# more harm than a constant. 25 eV above the onset lies the end of what a model looks at.
_UNSURE = 0.1
_RANGE_EV = 25.0
# Below the edge there is nothing once the background is gone, so that zeros may be added there.
_EXTEND_TO_EV = 12.0
_EMPTY = 0.1
# Far above the edge a spectrum is so smooth that its last value may be held a little longer, where
# it would else just not reach as far as a model looks.
_END_EV = 32.0
_HOLD_EV = 2.0
_SAYS_NORMALISED = "the file says that it is normalised"


@dataclass(frozen=True, eq=False)
class Prepared:
    """Measured spectra after preparation, and what was done to them.

    Attributes
    ----------
    energy_eV
        Absolute energies: those of the measurement, and those by which it was extended.
    intensity
        Absorption above the edge; 1 is the height of the edge where it was normalised.
    typical
        The spectrum on which decisions were made, prepared like the others.
    edge
        Where the edge lies in it.
    glitches
        Points of the measurement that were replaced.
    measured_energy_eV
        Energies of the measurement.
    common_steps
        Name and parameters of every step that was the same for all spectra of the batch.
    edge_step
        Height of the edge of each spectrum in the units of the file; None where it is not known.
    rises
        Whether each spectrum rises at the edge; one that does not is left without normalisation.
    """

    energy_eV: Float[np.ndarray, " energy"]
    intensity: Float[np.ndarray, "spectrum energy"]
    typical: Float[np.ndarray, " energy"]
    edge: Edge
    glitches: Bool[np.ndarray, "spectrum measured"]
    measured_energy_eV: Float[np.ndarray, " measured"]
    common_steps: tuple[dict[str, Any], ...]
    edge_step: Float[np.ndarray, " spectrum"] | None
    rises: Bool[np.ndarray, " spectrum"]

    def steps(self, row: int) -> list[dict[str, Any]]:
        """Every step that was taken with one spectrum: its name and its parameters."""
        steps = []
        for step in self.common_steps:
            if step["step"] == "glitches":
                replaced = self.measured_energy_eV[self.glitches[row]]
                steps.append(step | {"replaced_eV": [round(float(e), 4) for e in replaced]})
            elif step["step"] == "normalisation" and self.edge_step is not None:
                steps.append(step | {"edge_step": float(f"{self.edge_step[row]:.6g}")})
            else:
                steps.append(dict(step))
        return steps


def check_steps(skip: Collection[str]) -> None:
    """Refuse names that are no steps.

    Raises
    ------
    UsageError
        If there is no such step.

    Examples
    --------
    >>> check_steps(["glitches"])
    >>> check_steps(["glitch"])
    Traceback (most recent call last):
    nearedge.errors.UsageError: no step of preparation is called 'glitch'; did you mean 'glitches'?
    """
    for name in skip:
        if name not in PREPARATION_STEPS:
            raise UsageError(
                f"no step of preparation is called {name!r}{did_you_mean(name, PREPARATION_STEPS)}"
            )


def check_background(background: str | None) -> None:
    """Refuse what is no form of a background.

    Raises
    ------
    UsageError
        If there is no such form.

    Examples
    --------
    >>> check_background("line")
    >>> check_background("lines")
    Traceback (most recent call last):
    nearedge.errors.UsageError: no background is called 'lines'; did you mean 'line'?
    """
    if background is not None and background not in BACKGROUNDS:
        raise UsageError(
            f"no background is called {background!r}{did_you_mean(background, BACKGROUNDS)}"
        )


def prepare(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "spectrum energy"],
    element: str,
    edge: str,
    *,
    skip: Collection[str] = (),
    background: str | None = None,
    electron_loss: bool = False,
    normalised: bool = False,
    typical: Float[np.ndarray, " energy"] | None = None,
) -> Prepared:
    """Prepare measured spectra that share one energy axis.

    Glitches are replaced by the line between their neighbours; a background is fitted below the
    edge and subtracted; the height of the edge is divided by; and where the measurement starts late
    or ends early, zeros are added below the edge, and its last value is held for 2 eV. What the
    spectra are decides: a background is not subtracted twice, nor is an edge normalised twice.
    Nothing is ever deconvolved.

    Where the edge lies, and which form of background is sure enough, is decided once for all;
    coefficients and heights are each spectrum's own.

    Parameters
    ----------
    energy_eV
        Increasing absolute energies.
    intensity
        As measured: absorption, counts, or already normalised.
    element, edge
        Which edge was measured.
    skip
        Steps to leave out, from `PREPARATION_STEPS`.
    background
        One of `nearedge.spectra.background.BACKGROUNDS`; None for a power law where electrons were
        counted and else a line, or a constant where the pre-edge is too short or too noisy for
        either.
    electron_loss
        Whether the spectra are electron energy losses.
    normalised
        Whether whoever made the file says that they are normalised: then only glitches are removed
        and the start is extended.
    typical
        The spectrum that decisions are made on, for a batch that is part of a larger one; None for
        the mean of these.

    Returns
    -------
    Prepared
        The spectra and what was done.

    Raises
    ------
    UsageError
        If there is no such step or background.
    NearedgeError
        If no edge rises where it should, or a background that was asked for cannot be fitted.

    Examples
    --------
    >>> energy_eV = np.linspace(510.0, 570.0, 601)
    >>> edge = 0.5 + np.arctan(4 * (energy_eV - 531.0)) / np.pi
    >>> prepared = prepare(energy_eV, (5.0 * edge - 0.01 * energy_eV + 9.0)[None], "O", "K")
    >>> [step["step"] for step in prepared.steps(0)]
    ['glitches', 'background', 'normalisation']
    >>> bool(abs(prepared.intensity[0] - edge).max() < 0.05)
    True
    """
    check_steps(skip)
    check_background(background)
    steps: list[dict[str, Any]] = []
    found = np.zeros(intensity.shape, dtype=bool)
    values = np.asarray(intensity, dtype=np.float64)
    if "glitches" not in skip:
        values, found = without_glitches(energy_eV, values)
        steps.append({"step": "glitches"})
    chosen = values.mean(axis=0) if typical is None else without_glitches(energy_eV, typical)[0]
    where = find_edge(energy_eV, chosen, element, edge)
    # The typical spectrum goes first along with the others, and every decision is made on it.
    values = np.concatenate([chosen[None], values])
    if "background" not in skip:
        values, step = _subtract(energy_eV, values, where, background, electron_loss, normalised)
        steps.append(step)
    height = None
    if "normalisation" not in skip:
        values, height, step = _normalise(energy_eV, values, where, normalised)
        steps.append(step)
    extended_eV, extended = energy_eV, values
    if "extension" not in skip:
        extended_eV, extended, step = _extend(energy_eV, values, where)
        if extended_eV.size > energy_eV.size:
            steps.append(step)
    rises = np.ones(len(values), dtype=bool) if height is None else height > 0
    return Prepared(
        energy_eV=extended_eV,
        intensity=extended[1:],
        typical=extended[0],
        edge=where,
        glitches=found,
        measured_energy_eV=energy_eV,
        common_steps=tuple(steps),
        edge_step=None if height is None else height[1:],
        rises=rises[1:],
    )


def _subtract(
    energy_eV: Float[np.ndarray, " energy"],
    values: Float[np.ndarray, "spectrum energy"],
    where: Edge,
    form: str | None,
    electron_loss: bool,
    normalised: bool,
) -> tuple[Float[np.ndarray, "spectrum energy"], dict[str, Any]]:
    if normalised and form is None:
        return values, {"step": "background", "form": None, "reason": _SAYS_NORMALISED}
    region = where.pre_edge(energy_eV)
    if region is None:
        reason = "no points far enough below the edge"
        return values, {"step": "background", "form": None, "reason": reason}
    at_eV = where.onset_eV + _RANGE_EV
    pre = values[:, region].mean(axis=-1)
    measured = edge_step(energy_eV, values[:1] - pre[0], where)
    step = np.ptp(values[0]) if measured is None else abs(measured[0][0])
    window = [round(float(energy_eV[region][end]), 3) for end in (0, -1)]
    level = fit_background(energy_eV, values[:1], region, "line", at_eV).values[:, region]
    if form is None and np.abs(level).max() <= _SUBTRACTED * step:
        reason = "already subtracted: the pre-edge lies at zero"
        return values, {"step": "background", "form": None, "reason": reason}
    if form is not None:
        fitted = fit_background(energy_eV, values, region, form, at_eV)
        reason = "asked for"
    else:
        counted = electron_loss and bool((values[:, region] > 0).all())
        natural = "power law" if counted else "line"
        fitted = fit_background(energy_eV, values, region, natural, at_eV)
        reason = "electron energy loss" if counted else "measured absorption"
        if np.median(fitted.uncertainty[1:]) > _UNSURE * step:
            fitted = fit_background(energy_eV, values, region, "constant", at_eV)
            reason = f"the pre-edge is too short or too noisy for a {natural}"
    done = {"step": "background", "form": fitted.form, "window_eV": window, "reason": reason}
    return values - fitted.values, done


def _normalise(
    energy_eV: Float[np.ndarray, " energy"],
    values: Float[np.ndarray, "spectrum energy"],
    where: Edge,
    normalised: bool,
) -> tuple[
    Float[np.ndarray, "spectrum energy"], Float[np.ndarray, " spectrum"] | None, dict[str, Any]
]:
    measured = edge_step(energy_eV, values, where)
    if measured is None:
        reason = "no points far enough above the edge"
        return values, None, {"step": "normalisation", "degree": None, "reason": reason}
    height, degree = measured
    if normalised:
        return values, height, {"step": "normalisation", "degree": None, "reason": _SAYS_NORMALISED}
    if abs(height[0] - 1) <= _NORMALISED:
        reason = "already normalised: the edge is 1 high"
        return values, height, {"step": "normalisation", "degree": None, "reason": reason}
    done = {"step": "normalisation", "degree": degree, "at_eV": round(where.steepest_eV, 3)}
    return values / np.where(height > 0, height, 1.0)[:, None], height, done


def _extend(
    energy_eV: Float[np.ndarray, " energy"],
    values: Float[np.ndarray, "spectrum energy"],
    where: Edge,
) -> tuple[Float[np.ndarray, " extended"], Float[np.ndarray, "spectrum extended"], dict[str, Any]]:
    """Add zeros below a measurement that starts late at zero, and a little above one that ends."""
    step_eV = float(np.median(np.diff(energy_eV)))
    first, last = float(energy_eV[0]), float(energy_eV[-1])
    done: dict[str, Any] = {"step": "extension"}
    below, above = np.zeros(0), np.zeros(0)
    if abs(np.median(values[0, :3])) <= _EMPTY * np.ptp(values[0]):
        count = max(0, int(np.ceil((first - where.onset_eV + _EXTEND_TO_EV) / step_eV)))
        below = first - step_eV * np.arange(count, 0, -1)
    if last < where.onset_eV + _END_EV:
        above = last + step_eV * np.arange(1, int(_HOLD_EV / step_eV) + 1)
    if below.size:
        done["zeros_from_eV"] = round(float(below[0]), 3)
    if above.size:
        done["last_value_held_to_eV"] = round(float(above[-1]), 3)
    zeros = np.zeros((len(values), below.size))
    held = np.repeat(values[:, -1:], above.size, axis=1)
    energies = np.concatenate([below, energy_eV, above])
    return energies, np.concatenate([zeros, values, held], axis=1), done
