"""Points come out in increasing energy, and every change is noted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearedge.errors import NearedgeError
from nearedge.spectra.points import clean_points

ENERGY_EV = np.linspace(520.0, 560.0, 81)


def clean(energy_eV: np.ndarray, **kwargs):
    values = np.stack([np.sin(energy_eV), energy_eV], axis=1)
    return clean_points(energy_eV, values, "a.dat", **kwargs)


def test_an_increasing_scan_stays_as_it_is():
    [scan] = clean(ENERGY_EV)
    np.testing.assert_array_equal(scan.energy_eV, ENERGY_EV)
    np.testing.assert_array_equal(scan.values[:, 1], ENERGY_EV)
    assert scan.notes == ()


@pytest.mark.parametrize("repeats", [1, 2, 5])
@pytest.mark.parametrize("way", ["again", "back and forth"])
def test_sweeps_are_scans_of_their_own(repeats, way):
    sweeps = [ENERGY_EV if way == "again" or not i % 2 else ENERGY_EV[::-1] for i in range(repeats)]
    scans = clean(np.concatenate(sweeps))
    assert len(scans) == repeats
    for position, scan in enumerate(scans):
        # The turning point belongs to one of the sweeps it separates, or is averaged.
        assert scan.energy_eV.size >= ENERGY_EV.size - 1
        np.testing.assert_allclose(scan.values[:, 0], np.sin(scan.energy_eV))
        reversed_ = way == "back and forth" and position % 2
        assert ("decreasing energies were reversed" in scan.notes) == bool(reversed_)


def test_an_interrupted_last_scan_is_left_out_and_named():
    scans = clean(np.concatenate([ENERGY_EV, ENERGY_EV, ENERGY_EV[:30]]), lines=np.arange(192) + 9)
    assert len(scans) == 2
    assert scans[0].notes == ("the last scan, from line 171, was interrupted and is left out",)


def test_parts_that_are_no_scans_are_refused_with_their_place():
    pieces = np.concatenate([ENERGY_EV[40:], ENERGY_EV[:40]])
    with pytest.raises(NearedgeError, match=r"a.dat, point 42: energy 520 follows 560"):
        clean(pieces)
    with pytest.raises(NearedgeError, match=r"a.dat, line 142: energy 520 follows 560"):
        clean(pieces, lines=np.arange(81) + 101)


def test_exact_repeats_are_averaged_in_every_column():
    energy_eV = np.repeat(ENERGY_EV, 2)
    values = np.arange(2.0 * 162).reshape(162, 2)
    [scan] = clean_points(energy_eV, values, "a.dat")
    np.testing.assert_array_equal(scan.energy_eV, ENERGY_EV)
    np.testing.assert_array_equal(scan.values, (values[::2] + values[1::2]) / 2)
    assert scan.notes == ("81 repeated energies were averaged",)


@given(st.lists(st.integers(1, 39), max_size=10, unique=True), st.booleans())
def test_small_back_steps_are_sorted_whichever_way_the_scan_goes(pairs, down):
    energy_eV = ENERGY_EV.copy()
    for place in np.array(pairs, dtype=int) * 2:
        energy_eV[[place, place + 1]] = energy_eV[[place + 1, place]]
    if down:
        energy_eV = energy_eV[::-1]
    [scan] = clean(energy_eV)
    np.testing.assert_array_equal(scan.energy_eV, ENERGY_EV)
    np.testing.assert_array_equal(scan.values[:, 0], np.sin(ENERGY_EV))


def test_energies_in_no_order_are_refused():
    shuffled = 520.0 + np.random.default_rng(1).permutation(np.linspace(0.0, 0.9, 60))
    with pytest.raises(NearedgeError, match=r"no jitter|lie below an earlier one"):
        clean(shuffled)


@given(st.lists(st.floats(500.0, 600.0), min_size=1, max_size=60))
def test_whatever_the_order_the_result_increases_or_is_refused(energies):
    try:
        scans = clean(np.array(energies))
    except NearedgeError as error:
        assert str(error).startswith("a.dat")  # noqa: PT017
        return
    for scan in scans:
        assert (np.diff(scan.energy_eV) > 0).all()
        assert len(scan.values) == scan.energy_eV.size
