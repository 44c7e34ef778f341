"""One shift and one stretch between the spectra of two engines."""

from __future__ import annotations

import numpy as np
import pytest

from nearedge.errors import NearedgeError
from nearedge.spectra import EnergyGrid
from nearedge.spectra.between_engines import EngineAlignment, align_engines

GRID = EnergyGrid(-5.0, 25.0, 151)


def sites(seed: int, count: int = 60) -> np.ndarray:
    """Spectra with an edge and two peaks that move and grow from site to site."""
    rng = np.random.default_rng(seed)
    at = rng.normal(2.5, 0.5, (count, 1))
    height = rng.uniform(0.5, 2.0, (count, 1))
    energy_eV = GRID.energy_eV
    edge = 1 / (1 + np.exp(-(energy_eV - at)))
    peaks = height * np.exp(-((energy_eV - at) ** 2)) + np.exp(-(((energy_eV - at - 5) / 1.5) ** 2))
    return edge + peaks


@pytest.mark.parametrize(("shift_eV", "stretch"), [(3.0, 1.0), (-2.0, 0.95), (0.7, 1.15)])
def test_shift_and_stretch_are_found_from_other_sites_without_labels(shift_eV, stretch) -> None:
    new = EngineAlignment(shift_eV, stretch).moved(GRID.energy_eV, sites(1), GRID)
    found = align_engines(GRID.energy_eV, sites(0), new)
    assert found.shift_eV == pytest.approx(shift_eV, abs=0.35)
    assert found.stretch == pytest.approx(stretch, abs=0.06)


def test_an_engine_agrees_with_itself() -> None:
    found = align_engines(GRID.energy_eV, sites(0), sites(0))
    assert (found.shift_eV, found.stretch) == pytest.approx((0.0, 1.0), abs=1e-6)
    assert found.distance == pytest.approx(0.0, abs=1e-6)


def test_weights_take_spectra_out_of_the_comparison() -> None:
    strange = np.exp(-((GRID.energy_eV - np.full((40, 1), 12.0)) ** 2))
    new = EngineAlignment(1.0, 1.0).moved(GRID.energy_eV, sites(1), GRID)
    both = np.concatenate([sites(0), strange])
    weighted = align_engines(GRID.energy_eV, both, new, weight=np.repeat([1.0, 0.0], [60, 40]))
    assert weighted == align_engines(GRID.energy_eV, sites(0), new)


def test_ends_are_held_beyond_what_is_known() -> None:
    rising = np.broadcast_to(GRID.energy_eV, (2, 151)) + 6.0
    moved = EngineAlignment(2.0, 1.0).moved(GRID.energy_eV, rising, GRID)
    np.testing.assert_allclose(moved[:, :9], 1.0, atol=0.06)
    np.testing.assert_allclose(moved[:, 20:], rising[:, 20:] - 2.0)


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(NearedgeError, match="60 and 0"):
        align_engines(GRID.energy_eV, sites(0), sites(1)[:0])
    dark = sites(1)
    dark[3] = 0.0
    with pytest.raises(NearedgeError, match="spectrum 3 has no intensity"):
        align_engines(GRID.energy_eV, sites(0), dark)
