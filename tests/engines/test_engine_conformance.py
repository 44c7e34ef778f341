"""Every engine keeps to the interface, and the checks notice each way of not doing so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from nearedge.engines import SiteSpectrum, describe_site, engine_names
from nearedge.engines.conformance import CHECKS, Case, failures
from nearedge.engines.feff import Feff
from nearedge.engines.gpaw import Gpaw
from nearedge.engines.ocean import Ocean
from nearedge.engines.xspectra import XSpectra
from nearedge.errors import EngineError


def overlapping() -> Atoms:
    structure = bulk("MgO", "rocksalt", a=4.21, cubic=True)
    structure.positions[0] = structure.positions[1] + [0.3, 0.0, 0.0]
    return structure


def toy_case(name: str) -> Case:
    plugin = import_module("nearedge_toy_engine")
    engine = {"toy": plugin.Toy, "toy-structure": plugin.ToyStructure}[name]()
    return Case(
        engine,
        bulk("MgO", "rocksalt", a=4.21) + Atoms("O", [[1.1, 1.2, 1.3]]),
        sites=(2, 1),
        broken_structure=overlapping(),
        broken_site=1,
        words="ATOMS OVERLAP",
    )


def feff_case() -> Case:
    radii = {"scf_radius_A": 2.2, "fms_radius_A": 2.2, "cluster_radius_A": 2.2, "lmax": 1}
    return Case(
        Feff(**radii),
        Atoms("OMgO", [[0.0, 0.0, -1.75], [0.0, 0.0, 0.0], [0.0, 0.0, 1.95]]),
        sites=(2, 0),
        broken_structure=overlapping(),
        broken_site=1,
        words="TWO ATOMS VERY CLOSE TOGETHER",
    )


def ocean_case(stand_in: Callable[..., Ocean]) -> Case:
    return replace(toy_case("toy"), engine=stand_in())


def lithium_oxide() -> Atoms:
    """Two formula units of Li2O, lattice constant 4.62 Å, one oxygen out of its place."""
    primitive = 2.31 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    one = Atoms(
        "OLi2",
        scaled_positions=[[0, 0, 0], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]],
        cell=primitive,
        pbc=True,
    )
    structure = one.repeat((2, 1, 1))
    structure.positions[0] += [0.15, 0.05, 0.0]
    return structure


def xspectra_case(engine: XSpectra) -> Case:
    broken = lithium_oxide()
    broken.positions[1] = broken.positions[0]
    return Case(
        engine,
        lithium_oxide(),
        sites=(3, 0),
        broken_structure=broken,
        broken_site=0,
        words="overlap!",
    )


def quick_xspectra() -> XSpectra:
    """Far from converged, but with all steps."""
    return XSpectra(
        image_distance_A=2.0, ecut_Ry=40.0, kpoint_length_A=3.0, xanes_kpoint_length_A=3.0
    )


def gpaw_case() -> Case:
    """Li2O with two kinds of oxygen, on a coarse grid."""
    settings = {"grid_spacing_A": 0.3, "mesh_length_A": 6.0}
    cell = {"cell": [4.4, 4.5, 4.6], "pbc": True}
    structure = Atoms(
        "OLi2O", [[0, 0, 0], [1.2, 1.2, 1.1], [-1.2, 1.2, 1.2], [2.4, 0.3, 2.3]], **cell
    )
    return Case(
        Gpaw(**settings),
        structure,
        sites=(3, 0),
        broken_structure=structure,
        broken_site=3,
        broken_engine=Gpaw(**settings, max_iterations=2),
        words="Did not converge!",
    )


# Engines that need a program which is not installed are tried with a stand-in for it.
CASES: dict[str, Callable[[pytest.FixtureRequest], Case]] = {
    "toy": lambda request: toy_case("toy"),
    "toy-structure": lambda request: toy_case("toy-structure"),
    "feff": lambda request: feff_case(),
    "ocean stand-in": lambda request: ocean_case(request.getfixturevalue("ocean_stand_in")),
    "xspectra stand-in": lambda request: xspectra_case(
        request.getfixturevalue("xspectra_stand_in")()
    ),
    "xspectra": lambda request: (
        request.getfixturevalue("quantum_espresso") or xspectra_case(quick_xspectra())
    ),
    "gpaw": lambda request: request.getfixturevalue("gpaw") or gpaw_case(),
}
SLOW = {"feff", "gpaw", "xspectra"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in CASES],
)
def test_engine_conforms(name, tmp_path, request):
    assert failures(CASES[name](request), tmp_path / "conformance") == []


def test_every_engine_is_tried():
    assert set(engine_names()) <= {name.split()[0] for name in CASES}


@dataclass
class Scripted:
    """An engine that conforms; each test spoils one thing."""

    name: str = "scripted"
    per: str = "site"
    native_broadening: str = "none"
    zero_eV: None = None
    notes: dict = field(default_factory=dict)

    def version(self):
        return "1"

    def settings(self):
        return {"depth": 1}

    def spectrum(self, structure, site):
        energy_eV = np.arange(500.0, 600.0, 0.5)
        return SiteSpectrum(energy_eV, np.full(energy_eV.shape, site + 1.0), 530.0)

    def compute(self, structure, sites, edge, folder):
        if structure.get_distance(0, 1) < 0.5:
            [site] = sites
            return {site: EngineError(f"{describe_site(structure, site)}: PROGRAM STOPPED; fix it")}
        return {site: self.spectrum(structure, site) for site in sites}


def scripted_case(engine) -> Case:
    return Case(
        engine,
        bulk("MgO", "rocksalt", a=4.21),
        sites=(1, 0),
        broken_structure=overlapping(),
        broken_site=1,
        words="PROGRAM STOPPED",
    )


def spectrum(energy_eV, intensity, edge_energy_eV=530.0):
    """A spectrum that its own checks never saw, as an engine can make by changing it later."""
    made = SiteSpectrum(np.arange(2.0), np.ones(2), edge_energy_eV)
    object.__setattr__(made, "energy_eV", np.asarray(energy_eV, dtype=float))
    object.__setattr__(made, "intensity", np.asarray(intensity, dtype=float))
    return made


class SortsItsSites(Scripted):
    def compute(self, structure, sites, edge, folder):
        return super().compute(structure, sorted(sites), edge, folder)


class LosesASite(Scripted):
    def compute(self, structure, sites, edge, folder):
        return super().compute(structure, sites[:1], edge, folder)


class RaisesKeyError(Scripted):
    def compute(self, structure, sites, edge, folder):
        raise KeyError("what?")


class SwapsItsSpectra(Scripted):
    def compute(self, structure, sites, edge, folder):
        results = super().compute(structure, sites, edge, folder)
        return dict(zip(results, list(super().compute(structure, sorted(sites), edge, folder)
                                      .values()), strict=True))  # fmt: skip


class RollsDice(Scripted):
    def spectrum(self, structure, site):
        self.notes["runs"] = self.notes.get("runs", 0) + 1
        good = super().spectrum(structure, site)
        return SiteSpectrum(good.energy_eV, good.intensity + 1e-9 * self.notes["runs"], 530.0)


class MovesItsZero(Scripted):
    def spectrum(self, structure, site):
        self.notes["runs"] = self.notes.get("runs", 0) + 1
        good = super().spectrum(structure, site)
        return SiteSpectrum(good.energy_eV, good.intensity, 530.0 + self.notes["runs"])


class ComputesTheFirstAtom(Scripted):
    def spectrum(self, structure, site):
        return super().spectrum(structure, 0)


class MovesAnAtom(Scripted):
    def spectrum(self, structure, site):
        structure.positions[0] += 1e-6
        return super().spectrum(structure, site)


class ScalesTheCell(Scripted):
    def spectrum(self, structure, site):
        structure.set_cell(structure.cell.array * 1.01)
        return super().spectrum(structure, site)


class OpensTheCell(Scripted):
    def spectrum(self, structure, site):
        structure.pbc = False
        return super().spectrum(structure, site)


class WritesIntoInfo(Scripted):
    def spectrum(self, structure, site):
        structure.info["absorber"] = site
        return super().spectrum(structure, site)


class TagsTheAbsorber(Scripted):
    def spectrum(self, structure, site):
        structure.set_tags([1] * len(structure))
        return super().spectrum(structure, site)


class LeavesItsCalculator(Scripted):
    def spectrum(self, structure, site):
        from ase.calculators.emt import EMT

        structure.calc = EMT()
        return super().spectrum(structure, site)


class RunsBackwards(Scripted):
    def spectrum(self, structure, site):
        return spectrum(np.arange(600.0, 500.0, -0.5), np.full(200, site + 1.0))


class CountsInHartree(Scripted):
    def spectrum(self, structure, site):
        return spectrum(np.arange(500.0, 600.0, 0.5) / 27.2, np.full(200, site + 1.0), 530 / 27.2)


class CountsInKeV(Scripted):
    def spectrum(self, structure, site):
        return spectrum(np.arange(0.5, 0.6, 0.0005), np.full(200, site + 1.0), 0.53)


class CountsInMeV(Scripted):
    def spectrum(self, structure, site):
        return spectrum(np.arange(5e5, 6e5, 5e2), np.full(200, site + 1.0), 5.3e5)


class GivesNaN(Scripted):
    def spectrum(self, structure, site):
        return spectrum(np.arange(500.0, 600.0, 0.5), np.full(200, np.nan))


class GivesLessThanNothing(Scripted):
    def spectrum(self, structure, site):
        return spectrum(np.arange(500.0, 600.0, 0.5), np.linspace(-1, site + 1, 200))


class GivesNothing(Scripted):
    def spectrum(self, structure, site):
        return spectrum(np.arange(500.0, 600.0, 0.5), np.zeros(200))


class LosesAnIntensity(Scripted):
    def spectrum(self, structure, site):
        return spectrum(np.arange(500.0, 600.0, 0.5), np.full(199, site + 1.0))


class RaisesItsFailure(Scripted):
    def compute(self, structure, sites, edge, folder):
        results = super().compute(structure, sites, edge, folder)
        for result in results.values():
            if isinstance(result, EngineError):
                raise result
        return results


class HidesItsFailure(Scripted):
    def compute(self, structure, sites, edge, folder):
        return {site: self.spectrum(structure, site) for site in sites}


class _Reworded(Scripted):
    message = ""

    def compute(self, structure, sites, edge, folder):
        results = super().compute(structure, sites, edge, folder)
        return {
            site: EngineError(self.message) if isinstance(result, EngineError) else result
            for site, result in results.items()
        }


class SaysNothing(_Reworded):
    message = "Mg4O4, atom 1 (O): failed"


class NamesNoSite(_Reworded):
    message = "Mg4O4: PROGRAM STOPPED"


class NamesNoStructure(_Reworded):
    message = "atom 1 (O): PROGRAM STOPPED"


class TellsAStory(_Reworded):
    message = "Mg4O4, atom 1 (O): PROGRAM STOPPED\nbecause"


class KeepsArraysInSettings(Scripted):
    def settings(self):
        return {"weights": np.ones(3)}


class SettingsHoldInfinity(Scripted):
    def settings(self):
        return {"radius_A": float("inf")}


class SettingsHoldTuples(Scripted):
    def settings(self):
        return {"kpoints": (1, 1, 1)}


class HasNoVersion(Scripted):
    def version(self):
        return ""


class ShoutsItsName(Scripted):
    def __init__(self):
        super().__init__(name="My Engine")


class RunsPerAtom(Scripted):
    def __init__(self):
        super().__init__(per="atom")


class HoldsALambda(Scripted):
    def __init__(self):
        super().__init__(notes={"f": lambda: None})


SPOILED = {
    "computes_every_site_in_order": (SortsItsSites, LosesASite, RaisesKeyError),
    "same_site_same_spectrum": (SwapsItsSpectra, RollsDice, MovesItsZero),
    "different_sites_different_spectra": (ComputesTheFirstAtom,),
    "structure_is_untouched": (
        MovesAnAtom,
        ScalesTheCell,
        OpensTheCell,
        WritesIntoInfo,
        TagsTheAbsorber,
        LeavesItsCalculator,
    ),
    "energies_increase_in_eV": (RunsBackwards, CountsInHartree, CountsInKeV, CountsInMeV),
    "intensities_are_cross_sections": (
        GivesNaN,
        GivesLessThanNothing,
        GivesNothing,
        LosesAnIntensity,
    ),
    "failure_is_returned_in_the_programs_words": (
        RaisesItsFailure,
        HidesItsFailure,
        SaysNothing,
        NamesNoSite,
        NamesNoStructure,
        TellsAStory,
    ),
    "settings_are_json": (KeepsArraysInSettings, SettingsHoldInfinity, SettingsHoldTuples),
    "tells_name_version_and_broadening": (HasNoVersion, ShoutsItsName, RunsPerAtom),
    "travels_to_a_worker": (HoldsALambda,),
}


def test_scripted_engine_conforms_before_it_is_spoiled(tmp_path):
    found = failures(scripted_case(Scripted()), tmp_path)
    # A class of a test module cannot be pickled by its name.
    assert [f for f in found if not f.startswith("travels_to_a_worker")] == []


@pytest.mark.parametrize(
    ("check", "engine"),
    [(check, engine) for check, engines in SPOILED.items() for engine in engines],
)
def test_check_notices_an_engine_that(check, engine, tmp_path):
    found = failures(scripted_case(engine()), tmp_path)
    assert any(f.startswith(f"{check}: ") for f in found), found


def test_every_check_has_an_engine_that_fails_it():
    assert set(SPOILED) == {check.__name__ for check in CHECKS}


def test_case_with_one_site_proves_nothing(tmp_path):
    case = toy_case("toy")
    alone = Case(case.engine, case.structure, (1,), case.broken_structure, 1, case.words)
    assert "at least two sites" in " ".join(failures(alone, tmp_path))


def test_structure_with_trajectory_is_named_by_it(tmp_path):
    case = toy_case("toy")
    case.broken_structure.info |= {"trajectory_id": "cell-07", "snapshot_id": 3}
    assert failures(case, tmp_path) == []
