"""One GPAW calculation for all absorbing atoms of a structure: ``python run.py FOLDER``.

Runs under the Python of the GPAW environment, as a program of its own, and knows nothing of
nearedge. Reads ``job.json`` in the folder and writes ``states.npz``; says on standard output what
it does, and ends with code 1 and one line after ``ERROR:`` if it fails.
"""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

_PROJECTOR_NAME = "xas"
_HARTREE_EV = 27.211386245988


def main(folder: Path) -> None:
    """Compute the job of a folder."""
    # Before GPAW is imported, which reads it once.
    _find_setups()
    from ase import Atoms

    job = json.loads((folder / "job.json").read_text())
    started = time.process_time()
    atoms = Atoms(
        numbers=job["numbers"], positions=job["positions_A"], cell=job["cell_A"], pbc=job["pbc"]
    )
    calculator = converge(atoms, job, folder)
    say(f"converged in {calculator.scf.niter} iterations", started)
    result: dict[str, Any] = unoccupied_states(atoms, calculator, job)
    say(f"states at {len(result['weights'])} k-points and spins", started)
    result["seconds"] = np.array(time.process_time() - started)
    result["iterations"] = np.array(calculator.scf.niter)
    # Renamed when complete: what has the name can be used.
    with open(folder / "states.tmp", "wb") as file:
        np.savez(file, **result)
    os.replace(folder / "states.tmp", folder / "states.npz")


def say(what: str, started: float) -> None:
    """Progress for the log."""
    print(f"{time.process_time() - started:8.1f} s  {what}", flush=True)


def _find_setups() -> None:
    """Setups made by ``make gpaw``, then those of the package gpaw-data."""
    from importlib.util import find_spec

    places = [str(Path(sys.prefix) / "setups")]
    data = find_spec("gpaw_data")
    if data is not None and data.origin:
        places.append(str(Path(data.origin).with_name("setups")))
    if os.environ.get("GPAW_SETUP_PATH"):
        places.insert(0, os.environ["GPAW_SETUP_PATH"])
    os.environ["GPAW_SETUP_PATH"] = os.pathsep.join(places)


def parameters(job: dict[str, Any], k_points: Any) -> dict[str, Any]:
    """Arguments of a calculator on the given k-points."""
    setups = {element: f":d,{value}" for element, value in job["hubbard_eV"].items()}
    setups[job["absorber"]] = _PROJECTOR_NAME + setups.get(job["absorber"], "")
    return {
        "mode": "lcao",
        "basis": job["basis"],
        "h": job["grid_spacing_A"],
        "xc": job["functional"],
        "setups": setups,
        "kpts": k_points,
        "occupations": {"name": "fermi-dirac", "width": job["smearing_eV"]},
    }


def mesh_counts(job: dict[str, Any], length_A: float) -> tuple[int, ...]:
    """Along each direction enough k-points for planes that repeat within `length_A`."""
    spacing = 1.0 / np.linalg.norm(np.linalg.inv(np.array(job["cell_A"])), axis=0)
    return tuple(
        max(1, int(np.ceil(length_A / s - 1e-9))) if periodic else 1
        for s, periodic in zip(spacing, job["pbc"], strict=True)
    )


def mesh(job: dict[str, Any], length_A: float) -> np.ndarray:
    """Half of a Monkhorst-Pack mesh (x, y, z, weight); time reversal gives the other half."""
    counts = mesh_counts(job, length_A)
    axes = [(np.arange(n) + 0.5) / n - 0.5 for n in counts]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    kept: dict[tuple[float, ...], float] = {}
    for point in points:
        opposite = tuple(np.round(-point, 9) + 0.0)
        if opposite in kept:
            kept[opposite] += 1.0
        else:
            kept[tuple(np.round(point, 9) + 0.0)] = 1.0
    weights = np.array(list(kept.values()))
    return np.column_stack([np.array(list(kept)), weights / weights.sum()])


def converge(atoms: Any, job: dict[str, Any], folder: Path) -> Any:
    """Self-consistent density."""
    from gpaw import MixerSum
    from gpaw.old.calculator import GPAW
    from grid import use_matrix_products

    atoms.set_initial_magnetic_moments(job["magnetic_moments"])
    counts = mesh_counts(job, job["scf_mesh_length_A"])
    calculator = GPAW(
        txt=str(folder / "gpaw.txt"),
        # Half of the mesh: the other follows by time reversal.
        symmetry={"point_group": False},
        nbands="nao",
        mixer=MixerSum(job["mixing"], 5, 50.0),
        maxiter=job["max_iterations"],
        convergence={"density": job["density_tolerance"], "energy": float("inf")},
        **parameters(job, counts),
    )
    calculator.initialize(atoms)
    calculator.set_positions(atoms)
    use_matrix_products(calculator)
    calculator.calculate(atoms, properties=["energy"], system_changes=[])
    return calculator


def unoccupied_states(atoms: Any, converged: Any, job: dict[str, Any]) -> dict[str, np.ndarray]:
    """Projections of all states on the absorbers, at k-points of their own in one fixed density."""
    from gpaw.old.calculator import GPAW
    from gpaw.utilities import unpack_density, unpack_hermitian
    from gpaw.utilities.partition import AtomPartition
    from grid import Blocks
    from scipy.linalg import eigh

    points = mesh(job, job["mesh_length_A"])
    calculator = GPAW(txt=None, symmetry="off", nbands="nao", **parameters(job, points[:, :3]))
    calculator.initialize(atoms)
    wfs = calculator.wfs
    ranks = wfs.gd.get_ranks_from_positions(calculator.spos_ac)
    wfs.set_positions(calculator.spos_ac, AtomPartition(wfs.gd.comm, ranks, name="gd"))
    hamiltonian = converged.hamiltonian
    inside = [
        np.array([unpack_hermitian(dh_p) for dh_p in hamiltonian.dH_asp[atom]])
        for atom in range(len(atoms))
    ]
    for atom, symbol in enumerate(atoms.symbols):
        if symbol in job["hubbard_states_eV"]:
            # The correction is linear in U: this puts another U in the place of the density's.
            setup = converged.wfs.setups[atom]
            d_sii = unpack_density(converged.density.D_asp[atom])
            _, of_density = setup.hubbard_u.calculate(setup, d_sii)
            ratio = job["hubbard_states_eV"][symbol] / job["hubbard_eV"][symbol]
            inside[atom] += (ratio - 1.0) * of_density
    absorbers = [i for i, z in enumerate(job["numbers"]) if z == job["absorber_number"]]
    spins = converged.wfs.nspins
    energies, projections, weights = [], [], []
    for q, (*k_c, weight) in enumerate(points):
        real = wfs.dtype is float
        blocks = Blocks(wfs.basis_functions, wfs.gd, None if real else np.array(k_c))
        for spin in range(spins):
            matrix = blocks.potential_matrix(hamiltonian.vt_sG[spin]) + wfs.T_qMM[q]
            for atom in range(len(atoms)):
                p_Mi = wfs.P_aqMi[atom][q]
                matrix += p_Mi @ inside[atom][spin] @ p_Mi.conj().T
            energy, vectors = eigh(matrix, wfs.S_qMM[q], check_finite=False, overwrite_a=True)
            coefficients = vectors.T.conj()
            projections.append([coefficients @ wfs.P_aqMi[atom][q] for atom in absorbers])
            energies.append(energy)
            # Each spin holds one 1s electron; without spin, one state stands for two.
            weights.append(weight * (1.0 if spins == 2 else 2.0))
    setup = converged.wfs.setups[absorbers[0]]
    return {
        "energy_eV": np.array(energies) * _HARTREE_EV,
        "projection": np.array(projections).astype(np.complex64),
        "weights": np.array(weights),
        "spin": np.array([s for _ in points for s in range(spins)]),
        "absorbers": np.array(absorbers),
        "fermi_eV": np.array(
            fermi_level(np.array(energies), np.array(weights), converged.wfs.nvalence) * _HARTREE_EV
        ),
        "core_potential_eV": core_potentials_eV(converged, absorbers),
        "dipole_bohr": dipole_integrals(setup),
        "hole_eV": hole_matrix(setup, job["hole_radius_A"]) * _HARTREE_EV,
        "magnetic_moments": converged.get_magnetic_moments()
        if spins == 2
        else np.zeros(len(atoms)),
    }


def fermi_level(energies: np.ndarray, weights: np.ndarray, electrons: float) -> float:
    """Middle between the last filled and the first empty state of all runs (run, state)."""
    flat = energies.ravel()
    order = np.argsort(flat)
    filled = np.cumsum(np.repeat(weights, energies.shape[1])[order])
    last = int(np.searchsorted(filled, electrons - 1e-6))
    return 0.5 * float(flat[order[last]] + flat[order[last + 1]])


def dipole_integrals(setup: Any) -> np.ndarray:
    """<1s| x, y, z |partial wave> in bohr, (3, partial wave)."""
    from gpaw.xas import dipole_matrix_elements

    return dipole_matrix_elements(setup)[:, 0]


def core_potentials_eV(calculator: Any, absorbers: list[int]) -> np.ndarray:
    """Electrostatic energy of a 1s electron on each absorber, up to one constant.

    PAW: the smooth potential at the compensation charge of a test electron, plus, inside the
    sphere, the true density's potential at the 1s density minus the smooth one's at that charge.
    """
    smooth = calculator.get_atomic_electrostatic_potentials()
    result = []
    for atom in absorbers:
        setup = calculator.wfs.setups[atom]
        correction = setup.xc_correction
        rgd = correction.rgd
        r, dr = rgd.r_g, rgd.dr_g
        core = setup.data.phicorehole_g[: len(r)] ** 2
        test = setup.ghat_l[0].map(r)
        core, test = (f / np.dot(f * r**2, dr) for f in (core, test))
        y00 = 1 / np.sqrt(4 * np.pi)
        d_p = calculator.density.D_asp[atom].sum(axis=0)
        spherical = np.inner(d_p, correction.B_pqL[:, :, 0].T)
        charge = np.dot(setup.Delta_pL[:, 0], d_p) / y00
        true = spherical @ correction.n_qg * y00
        compensated = spherical @ correction.nt_qg * y00 + charge * test / (4 * np.pi)
        inside = np.dot(
            core * potential(true, r, dr) - test * potential(compensated, r, dr), r**2 * dr
        )
        result.append(smooth[atom] + inside * _HARTREE_EV)
    return np.array(result)


def potential(density: np.ndarray, r: np.ndarray, dr: np.ndarray) -> np.ndarray:
    """Coulomb potential in hartree of a spherical density (electrons per bohr^3)."""
    inner = np.cumsum(density * r**2 * dr)
    shell = density * r * dr
    outer = shell[::-1].cumsum()[::-1] - shell
    return 4 * np.pi * (inner / np.maximum(r, 1e-12) + outer)


def hole_matrix(setup: Any, radius_A: float) -> np.ndarray:
    """Energy of a valence electron in the field of a screened 1s hole, between partial waves.

    The electron that screens the hole sits on a shell of the given radius, so that nothing of the
    hole is felt outside; in hartree, (partial wave, partial wave). No hole for radius 0.
    """
    from ase.units import Bohr

    data = setup.data
    count = len(setup.rgd.r_g)
    r, dr = setup.rgd.r_g, setup.rgd.dr_g
    core = data.phicorehole_g[:count] ** 2 / (4 * np.pi)
    waves = [
        (phi[:count], momentum, m)
        for phi, momentum in zip(data.phi_jg, setup.l_j, strict=True)
        for m in range(2 * momentum + 1)
    ]
    matrix = np.zeros((len(waves), len(waves)))
    if radius_A == 0:
        return matrix
    field = 1 / np.maximum(r, radius_A / Bohr) - potential(core, r, dr)
    field[r > radius_A / Bohr] = 0.0
    for i, (one, l1, m1) in enumerate(waves):
        for j, (other, l2, m2) in enumerate(waves):
            if (l1, m1) == (l2, m2):
                matrix[i, j] = np.dot(one * other * field * r**2, dr)
    return matrix


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Exception as error:
        print(f"ERROR: {type(error).__name__}: {error}", flush=True)
        sys.exit(1)
