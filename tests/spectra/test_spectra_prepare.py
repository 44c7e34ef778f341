"""From what a detector gave to absorption above the edge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra import read_spectra
from nearedge.spectra.background import edge_step, find_edge, fit_background
from nearedge.spectra.prepare import PREPARATION_STEPS, prepare

ENERGY_EV = np.arange(505.0, 575.0, 0.1)
EDGE = (
    0.5
    + np.arctan(6 * (ENERGY_EV - 531.0)) / np.pi
    + 0.8 * np.exp(-((ENERGY_EV - 533.0) ** 2))
    + 0.3 * np.exp(-(((ENERGY_EV - 541.0) / 3) ** 2))
)


def _steps(prepared) -> dict:
    return {step["step"]: step for step in prepared.steps(0)}


@settings(deadline=None, max_examples=30)
@given(
    scale=st.floats(1e-3, 1e6),
    offset=st.floats(0.2, 5.0),
    slope=st.floats(-0.02, 0.02),
)
def test_scale_and_a_linear_background_do_not_matter(scale: float, offset: float, slope: float):
    plain = prepare(ENERGY_EV, (3.0 * EDGE + 0.2)[None], "O", "K").intensity
    line = offset + slope * (ENERGY_EV - ENERGY_EV[0])
    found = prepare(ENERGY_EV, scale * (3.0 * EDGE + line)[None], "O", "K").intensity
    # An edge that is 1 high already is left as it is, to within a tenth.
    np.testing.assert_allclose(found / found.mean(), plain / plain.mean(), atol=1e-6)


@pytest.mark.parametrize("form", ["victoreen", "power law"])
def test_a_background_of_its_own_form_is_subtracted_exactly(form: str) -> None:
    x = ENERGY_EV / 530.0
    under = {"victoreen": 4 * x**-3 - 1.5 * x**-4, "power law": 3 * x**-3.2}[form]
    step = np.where(ENERGY_EV > 531.0, 1.0, 0.0)
    where = find_edge(ENERGY_EV, under + step, "O", "K")
    region = where.pre_edge(ENERGY_EV)
    fitted = fit_background(ENERGY_EV, under + step, region, form, 556.0)
    np.testing.assert_allclose(fitted.values, under, rtol=1e-6)
    height, _ = edge_step(ENERGY_EV, under + step - fitted.values, where)
    assert height == pytest.approx(1.0, abs=1e-6)


def test_a_stated_uncertainty_of_the_background_is_how_far_it_scatters() -> None:
    random = np.random.default_rng(3)
    rows = 2.0 + 0.5 * np.where(ENERGY_EV > 531.0, 1.0, 0.0) + random.normal(0, 0.02, (400, 700))
    where = find_edge(ENERGY_EV, rows.mean(axis=0), "O", "K")
    fitted = fit_background(ENERGY_EV, rows, where.pre_edge(ENERGY_EV), "line", 556.0)
    at = int(np.abs(ENERGY_EV - 556.0).argmin())
    scatter = (fitted.values[:, at] - 2.0).std()
    assert np.median(fitted.uncertainty) == pytest.approx(scatter, rel=0.15)


def test_a_background_is_not_subtracted_twice_nor_an_edge_normalised_twice() -> None:
    once = prepare(ENERGY_EV, (7.0 * EDGE + 3.0 - 0.002 * ENERGY_EV)[None], "O", "K")
    again = prepare(once.energy_eV, once.intensity, "O", "K")
    np.testing.assert_array_equal(again.intensity, once.intensity)
    assert "already" in _steps(again)["background"]["reason"]
    assert "already" in _steps(again)["normalisation"]["reason"]


def test_what_a_file_calls_normalised_is_left_as_it_is() -> None:
    given_rows = (2.0 * EDGE + 1.0)[None]
    found = prepare(ENERGY_EV, given_rows, "O", "K", normalised=True)
    np.testing.assert_array_equal(found.intensity, given_rows)


@pytest.mark.parametrize("name", PREPARATION_STEPS)
def test_every_step_can_be_left_out(name: str) -> None:
    short = ENERGY_EV > 524.0
    raw = (5.0 * EDGE + 2.0)[None, short]
    raw[0, 400] += 9.0
    arguments = (ENERGY_EV[short], raw, "O", "K")
    assert set(_steps(prepare(*arguments))) == set(PREPARATION_STEPS)
    # Zeros continue a spectrum only where nothing is left of the background.
    gone = {name, "extension"} if name == "background" else {name}
    assert set(_steps(prepare(*arguments, skip=[name]))) == set(PREPARATION_STEPS) - gone


def test_an_unknown_step_or_background_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'background'"):
        prepare(ENERGY_EV, EDGE[None], "O", "K", skip=["backgruond"])
    with pytest.raises(UsageError, match="did you mean 'line'"):
        prepare(ENERGY_EV, EDGE[None], "O", "K", background="lines")


def test_a_pre_edge_too_noisy_for_a_slope_gets_a_constant() -> None:
    near = ENERGY_EV > 526.0
    random = np.random.default_rng(0)
    noisy = EDGE[near] + 4.0 + random.normal(0, 0.05, near.sum())
    step = _steps(prepare(ENERGY_EV[near], noisy[None], "O", "K"))["background"]
    assert step["form"] == "constant"
    assert "too noisy" in step["reason"]


def test_a_flat_scan_has_no_edge() -> None:
    with pytest.raises(NearedgeError, match="nothing rises"):
        prepare(ENERGY_EV, np.full((1, ENERGY_EV.size), 3.0), "O", "K")


def test_an_empty_spectrum_of_a_stack_is_marked_and_the_others_prepared() -> None:
    rows = np.stack([EDGE, np.full(ENERGY_EV.size, 0.2), EDGE]) + 2.0
    assert prepare(ENERGY_EV, rows, "O", "K").rises.tolist() == [True, False, True]


def test_an_energy_loss_spectrum_is_prepared_as_its_maker_did(shared_data) -> None:
    """The folder holds the raw spectrum, and the same with its background removed."""
    [raw] = read_spectra(shared_data / "eels_O_K" / "Extracted_Spectrum_1.msa")
    [removed] = read_spectra(shared_data / "eels_O_K" / "oxygen_edge.msa")
    found = prepare(raw.energy_eV, raw.intensity[None], "O", "K", electron_loss=True)
    assert _steps(found)["background"]["form"] == "power law"
    near = (found.energy_eV > 513.0) & (found.energy_eV < 560.0)
    theirs = np.interp(found.energy_eV[near], removed.energy_eV, removed.intensity)
    mine = found.intensity[0, near] * found.edge_step[0]
    assert np.abs(mine - theirs).max() < 0.03 * found.edge_step[0]


def test_the_edge_step_of_iron_oxide_is_that_of_xraylarch(shared_data) -> None:
    """xraylarch 2026.3.1 finds 1.2931 at 7125.6 eV with a line and a parabola from 25 eV on."""
    scan = np.loadtxt(shared_data / "athena" / "fe2o3_rt1.xmu")
    found = prepare(scan[:, 0].copy(), scan[:, 1].copy()[None], "Fe", "K")
    assert found.edge_step[0] == pytest.approx(1.2931, rel=0.02)
    assert found.edge.steepest_eV == pytest.approx(7125.6, abs=0.5)


def test_the_edge_step_does_not_hang_on_the_form_of_the_background(shared_data) -> None:
    scan = np.loadtxt(shared_data / "athena" / "fe2o3_rt1.xmu")
    steps = [
        prepare(scan[:, 0].copy(), scan[:, 1].copy()[None], "Fe", "K", background=form).edge_step[0]
        for form in ("line", "victoreen", "power law")
    ]
    np.testing.assert_allclose(steps, np.mean(steps), rtol=0.02)


def test_a_normalised_iron_oxide_is_zero_before_and_one_after_the_edge(shared_data) -> None:
    scan = np.loadtxt(shared_data / "athena" / "fe2o3_rt1.xmu")
    found = prepare(scan[:, 0].copy(), scan[:, 1].copy()[None], "Fe", "K")
    energy_eV, mu = found.energy_eV, found.intensity[0]
    assert np.abs(mu[(energy_eV > 6980) & (energy_eV < 7100)]).max() < 0.01
    # Just above the edge the oscillations average out.
    assert mu[(energy_eV > 7150) & (energy_eV < 7300)].mean() == pytest.approx(1.0, abs=0.05)
