"""A Spectrum is always valid; an axis is classified by its numbers or refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from nearedge.errors import NearedgeError
from nearedge.spectra import Spectrum
from nearedge.spectra.axis import guess_axis

ENERGY_EV = np.linspace(528.0, 548.0, 21)


def make(
    energy_eV: np.ndarray = ENERGY_EV,
    intensity: np.ndarray | None = None,
    axis: Any = "absolute",
    **more: Any,
) -> Spectrum:
    intensity = np.linspace(1.0, 2.0, len(energy_eV)) if intensity is None else intensity
    return Spectrum(energy_eV, intensity, axis, "a.dat", "2", "two-column", **more)


def test_arrays_are_float64_copies_that_cannot_be_changed():
    energy_eV = ENERGY_EV.astype(np.float32)
    spectrum = make(energy_eV)
    energy_eV[:] = 0
    assert spectrum.energy_eV.dtype == np.float64
    assert spectrum.energy_eV[0] == 528.0
    with pytest.raises(ValueError, match="read-only"):
        spectrum.intensity[0] = 5.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energy_eV": np.linspace(0.0, 1.0, 9), "intensity": np.ones(9)}, "only 9 points"),
        ({"intensity": np.where(ENERGY_EV == 530.0, np.nan, 1.0)}, "530 eV is NaN or infinite"),
        ({"energy_eV": np.where(ENERGY_EV == 530.0, np.inf, ENERGY_EV)}, "NaN or infinity"),
        ({"energy_eV": ENERGY_EV[::-1]}, "do not increase after point 1"),
        ({"energy_eV": np.repeat(ENERGY_EV, 2)}, "do not increase after point 1"),
        ({"edge_energy_eV": float("nan")}, "edge energy is nan"),
    ],
)
def test_an_invalid_spectrum_is_refused_by_name(change, message):
    with pytest.raises(NearedgeError, match=message) as caught:
        make(**change)
    assert str(caught.value).startswith("a.dat, spectrum 2: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intensity": np.ones(20)}, "21 energies but intensities of shape"),
        ({"energy_eV": ENERGY_EV[None], "intensity": np.ones((1, 21))}, "one row"),
        ({"axis": "keV"}, "axis must be relative or absolute"),
    ],
)
def test_what_contradicts_the_annotations_is_refused_without_a_type_checker_too(change, message):
    # Where the tests run under jaxtyping's import hook, its TypeError comes first.
    with pytest.raises((NearedgeError, TypeError), match=f"{message}|Type-check error"):
        make(**change)


def test_energies_relative_to_the_edge_lead_back_to_the_absolute_ones():
    spectrum = make(edge_energy_eV=531.0)
    relative = spectrum.relative_to_edge()
    assert relative.axis == "relative"
    assert relative.energy_eV[3] == 0.0
    np.testing.assert_array_equal(relative.energy_eV + relative.edge_energy_eV, ENERGY_EV)
    assert relative.relative_to_edge() is relative


def test_absolute_energies_without_an_edge_are_not_guessed_relative():
    with pytest.raises(NearedgeError, match="no edge energy is known"):
        make().relative_to_edge()


@pytest.mark.parametrize(
    ("start_eV", "stop_eV", "points", "axis"),
    [
        (-40.7, 68.0, 1200, "relative"),
        (-59.0, 5.0, 100, "relative"),
        (0.0, 12.0, 100, "relative"),
        (5.0, 30.0, 100, "relative"),
        (-0.5, 0.5, 10, "relative"),
        (50.0, 80.0, 100, "absolute"),  # Li K
        (280.0, 310.0, 100, "absolute"),
        (4849.0, 4911.0, 1000, "absolute"),
        (88_000.0, 88_200.0, 100, "absolute"),
    ],
)
def test_axis_is_told_by_its_numbers(start_eV, stop_eV, points, axis):
    assert guess_axis(np.linspace(start_eV, stop_eV, points), "a.dat") == axis


@pytest.mark.parametrize(
    ("start_keV", "stop_keV", "points"),
    [(0.52, 0.58, 300), (4.9, 6.2, 700), (7.0, 8.1, 500), (0.5, 12.0, 20_000), (87.8, 89.0, 300)],
)
def test_energies_in_keV_are_never_taken_for_eV(start_keV, stop_keV, points):
    with pytest.raises(NearedgeError, match=r"scan\.dat: .* keV, multiply the column by 1000"):
        guess_axis(np.linspace(start_keV, stop_keV, points), "scan.dat")


@pytest.mark.parametrize(("start_eV", "stop_eV"), [(-50.0, -20.0), (-500.0, 100.0)])
def test_an_axis_far_from_its_zero_is_refused(start_eV, stop_eV):
    with pytest.raises(NearedgeError, match="neither absolute nor"):
        guess_axis(np.linspace(start_eV, stop_eV, 100), "a.dat")


def test_importing_spectra_loads_nothing_heavier_than_numpy():
    heavy = "{'jax', 'scipy', 'sklearn', 'pandas', 'matplotlib', 'ase', 'xarray'}"
    program = f"import sys, nearedge.spectra; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
