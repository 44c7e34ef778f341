"""Calibration as plain arrays and values that travel with a model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from nearedge.errors import NearedgeError
from nearedge.models.store import Attachment
from nearedge.spectra import EnergyGrid
from nearedge.uncertainty.calibration import Calibration, Statements
from nearedge.uncertainty.detector import Detector, Ellipsoid
from nearedge.uncertainty.groups import GroupCurve
from nearedge.uncertainty.intervals import Distance, Intervals
from nearedge.uncertainty.novelty import Novelty
from nearedge.uncertainty.probabilities import Scaling
from nearedge.uncertainty.sets import Sets

_VERSION = 1
_ELLIPSOIDS = ("shape", "inner", "representation")


def to_attachment(calibration: Calibration) -> Attachment:
    """Arrays and values to be saved with the model; curves are thinned, never to lower p-values."""
    said, detector = calibration.statements, calibration.detector
    sets, novelty = said.sets, said.novelty
    own = {str(code): curve for code, curve in enumerate(sets.curves) if curve is not None}
    intervals = {"coordination_": said.intervals} | {
        f"fraction{code}_": one for code, one in enumerate(said.fractions)
    }
    curves = (
        {"pooled": sets.pooled}
        | {f"class{code}": curve for code, curve in own.items()}
        | {
            f"{name}{part}": curve
            for name, one in intervals.items()
            for part, curve in enumerate(one.curves)
        }
        | {f"tail{number}": curve for number, curve in enumerate(novelty.tails)}
        | {f"novelty{number}": curve for number, curve in enumerate(novelty.curves)}
    )
    numbers = {"offset": said.scaling.offset, "reference": calibration.distance.reference}
    for name, curve in curves.items():
        small = curve.thinned()
        numbers |= {f"{name}.scores": small.scores, f"{name}.p_values": small.p_values}
    numbers |= {f"{name}.edges": one.edges for name, one in intervals.items()}
    for name in _ELLIPSOIDS:
        ellipsoid: Ellipsoid = getattr(detector, name)
        numbers |= {f"{name}.mean": ellipsoid.mean, f"{name}.directions": ellipsoid.directions}
    description = {
        "version": _VERSION,
        "group_by": said.group_by,
        "groups": said.groups,
        "sharpness": said.scaling.sharpness,
        "own_curves": list(own),
        "typical_distance": calibration.distance.typical,
        "intervals": {name: [one.floor, one.slope] for name, one in intervals.items()},
        "tails": len(novelty.tails),
        "kinds": len(novelty.curves),
        "grid": asdict(detector.grid),
        "rest": {name: getattr(detector, name).rest for name in _ELLIPSOIDS},
        "beyond": {name: curve.beyond for name, curve in curves.items()},
    }
    return Attachment(numbers, description)


def from_attachment(attachment: Attachment) -> Calibration:
    """Undo `to_attachment`.

    Raises
    ------
    NearedgeError
        If the calibration is damaged or of another version.
    """
    numbers, values = attachment.numbers, attachment.description
    if values.get("version") != _VERSION:
        raise NearedgeError(
            f"the model's calibration has version {values.get('version')}, and this nearedge reads "
            f"version {_VERSION}; train the model again"
        )
    try:
        return _calibration(numbers, values)
    except (KeyError, TypeError, ValueError) as error:
        raise NearedgeError(
            f"the model's calibration is damaged: {error}; train the model again"
        ) from None


def _calibration(numbers: dict[str, np.ndarray], values: dict[str, Any]) -> Calibration:
    def curve(name: str) -> GroupCurve:
        beyond = values["beyond"][name]
        return GroupCurve(numbers[f"{name}.scores"], numbers[f"{name}.p_values"], beyond)

    def intervals(name: str) -> Intervals:
        floor, slope = values["intervals"][name]
        edges = numbers[f"{name}.edges"]
        curves = tuple(curve(f"{name}{part}") for part in range(len(edges) + 1))
        return Intervals(floor, slope, edges, curves)

    def ellipsoid(name: str) -> Ellipsoid:
        return Ellipsoid(
            numbers[f"{name}.mean"], numbers[f"{name}.directions"], values["rest"][name]
        )

    classes, own = len(numbers["offset"]), values["own_curves"]
    shape, inner, representation = (ellipsoid(name) for name in _ELLIPSOIDS)
    said = Statements(
        Scaling(values["sharpness"], numbers["offset"]),
        Sets(
            tuple(curve(f"class{c}") if str(c) in own else None for c in range(classes)),
            curve("pooled"),
        ),
        intervals("coordination_"),
        tuple(intervals(f"fraction{code}_") for code in range(classes)),
        Novelty(
            tuple(curve(f"tail{number}") for number in range(values["tails"])),
            tuple(curve(f"novelty{number}") for number in range(values["kinds"])),
        ),
        values["group_by"],
        values["groups"],
    )
    distance = Distance(numbers["reference"], values["typical_distance"])
    return Calibration(
        said, distance, Detector(EnergyGrid(**values["grid"]), shape, inner, representation)
    )
