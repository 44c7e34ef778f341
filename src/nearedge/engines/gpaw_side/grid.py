"""What costs GPAW most of its time with a localised basis, done as matrix products.

Runs under the Python of the GPAW environment (see `run.py`), where nearedge is not installed.
GPAW walks through the grid function by function; here the grid is cut into blocks, and the values
of all functions in a block are one matrix. Nothing is left out: eigenvalues agree to 1e-6 hartree
(single precision of the basis functions; sums are in double precision).
"""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import numpy as np

# About 700 points: large enough for fast matrix products, small enough that most functions are
# zero throughout most blocks.
_BLOCK = (8, 9, 9)
_ZERO = 1e-7


class Blocks:
    """Basis functions of one k-point on the grid.

    Parameters
    ----------
    functions
        GPAW's ``BasisFunctions`` with positions set.
    descriptor
        The coarse grid.
    k_c
        k-point in units of the reciprocal cell, or None for real functions at Γ.
    """

    def __init__(self, functions: Any, descriptor: Any, k_c: np.ndarray | None) -> None:
        points = tuple(int(n) for n in descriptor.n_c)
        size = [_divisor(n, wanted) for n, wanted in zip(points, _BLOCK, strict=True)]
        counts = [n // s for n, s in zip(points, size, strict=True)]
        number = np.arange(np.prod(points)).reshape(
            counts[0], size[0], counts[1], size[1], counts[2], size[2]
        )
        self.points = number.transpose(0, 2, 4, 1, 3, 5).reshape(np.prod(counts), -1)
        block_of, place_of = np.empty(number.size, int), np.empty(number.size, int)
        for block, points_of in enumerate(self.points):
            block_of[points_of] = block
            place_of[points_of] = np.arange(len(points_of))
        self.real = k_c is None
        self.dtype = np.float32 if k_c is None else np.complex64
        self.volume = descriptor.dv
        self.count = functions.Mmax
        values = np.zeros((len(self.points), self.count, self.points.shape[1]), self.dtype)
        for first, sphere in zip(functions.M_a, functions.sphere_a, strict=True):
            for value_gm, runs, start, cell in zip(
                sphere.A_wgm, sphere.G_wb, sphere.M_w, sphere.sdisp_wc, strict=True
            ):
                inside = np.concatenate(
                    [np.arange(a, b) for a, b in zip(runs[::2], runs[1::2], strict=True)]
                )
                phase = 1.0 if k_c is None else np.exp(2j * np.pi * np.dot(k_c, cell))
                for m in range(value_gm.shape[1]):
                    values[block_of[inside], first + start + m, place_of[inside]] += (
                        phase * value_gm[:, m]
                    )
        self.present = [np.flatnonzero(np.abs(v).max(axis=1) > _ZERO) for v in values]
        self.values = [v[here] for v, here in zip(values, self.present, strict=True)]

    def potential_matrix(self, potential: np.ndarray) -> np.ndarray:
        """Matrix elements (function, function) of a potential on the grid, in hartree."""
        total = np.zeros((self.count, self.count), float if self.real else complex)
        v = potential.ravel().astype(np.float32)
        for here, phi, points in zip(self.present, self.values, self.points, strict=True):
            total[np.ix_(here, here)] += (phi.conj() * v[points]) @ phi.T
        return total * self.volume

    def add_density(
        self, coefficients: np.ndarray, occupations: np.ndarray, density: np.ndarray
    ) -> None:
        """Add the density of the states (state, function) to an array on the grid."""
        occupied = occupations > 1e-10
        weighted = coefficients[occupied] * np.sqrt(occupations[occupied])[:, None]
        weighted = weighted.astype(self.dtype)
        flat = density.reshape(-1)
        for here, phi, points in zip(self.present, self.values, self.points, strict=True):
            psi = weighted[:, here] @ phi
            flat[points] += (psi.real**2 + psi.imag**2).sum(axis=0)


def _divisor(n: int, wanted: int) -> int:
    return max(d for d in range(1, wanted + 3) if n % d == 0)


class AngularGGA:
    """GPAW's ``GGARadialExpansion`` with all angular points in one call of libxc."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel

    def __call__(
        self, rgd: Any, d_sLq: np.ndarray, n_qg: np.ndarray, core_sg: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Energy in one atom's sphere, and its derivative by the density matrix (s, q, L)."""
        from gpaw.sphere.lebedev import Y_nL, weight_n
        from gpaw.xc.pawcorrection import rnablaY_nLv

        density = np.dot(d_sLq, n_qg)
        density[:, 0] += core_sg
        slope = np.empty_like(density)
        slope[..., 0] = density[..., 1] - density[..., 0]
        slope[..., -1] = density[..., -1] - density[..., -2]
        slope[..., 1:-1] = 0.5 * (density[..., 2:] - density[..., :-2])
        slope /= rgd.dr_g
        spins, angular, _ = d_sLq.shape
        points, length = len(weight_n), density.shape[-1]
        y, nabla_y = Y_nL[:, :angular], rnablaY_nLv[:, :angular]
        n, a = np.matmul(y, density), np.matmul(y, slope)
        b = np.matmul(nabla_y.transpose(2, 0, 1)[:, None], density[None])
        sigma = np.empty((2 * spins - 1, points, length))
        sigma[::2] = (b**2).sum(axis=0)
        if spins == 2:
            sigma[1] = (b[:, 0] * b[:, 1]).sum(axis=0)
        sigma[..., 1:] /= rgd.r_g[1:] ** 2
        sigma[..., 0] = sigma[..., 1]
        sigma[::2] += a**2
        if spins == 2:
            sigma[1] += a[0] * a[1]
        energy = np.empty(points * length)
        by_n = np.zeros((spins, points * length))
        by_sigma = np.zeros((2 * spins - 1, points * length))
        self.kernel.calculate(
            energy,
            np.ascontiguousarray(n.reshape(spins, -1)),
            by_n,
            np.ascontiguousarray(sigma.reshape(2 * spins - 1, -1)),
            by_sigma,
        )
        by_n = by_n.reshape(n.shape)
        by_sigma = by_sigma.reshape(sigma.shape)
        divergence = _derivative2(-2 * rgd.dv_g * by_sigma[::2] * a, rgd.dr_g)
        if spins == 2:
            divergence -= _derivative2(rgd.dv_g * by_sigma[1] * a[::-1], rgd.dr_g)
        divergence[..., 1:] /= rgd.dv_g[1:]
        divergence[..., 0] = divergence[..., 1]
        local = np.dot((by_n + divergence) * rgd.dv_g, n_qg.T) * weight_n[:, None]
        result = np.einsum("snq,nL->sqL", local, y, optimize=True)
        by_sigma = by_sigma * rgd.dr_g
        tangential = by_sigma[::2] * b
        if spins == 2:
            tangential += 0.5 * by_sigma[1] * b[:, ::-1]
        weighted = nabla_y * weight_n[:, None, None]
        result += (8 * np.pi) * np.einsum(
            "nLv,vsnq->sqL", weighted, np.dot(tangential, n_qg.T), optimize=True
        )
        total = np.dot(weight_n, rgd.integrate(energy.reshape(points, length)))
        return float(total), result


def _derivative2(values: np.ndarray, dr_g: np.ndarray) -> np.ndarray:
    """``RadialGridDescriptor.derivative2`` along the last axis."""
    c = values / dr_g
    result = np.empty_like(c)
    result[..., 1:-1] = 0.5 * (c[..., 2:] - c[..., :-2])
    result[..., 0] = 0.5 * c[..., 1] + c[..., 0]
    result[..., -2] = c[..., -1] - 0.5 * c[..., -3]
    result[..., -1] = -c[..., -1] - 0.5 * c[..., -2]
    return result


def use_matrix_products(calculator: Any) -> None:
    """Make an initialised calculator use `Blocks` and `AngularGGA` in its iterations."""
    from gpaw.xc.lda import calculate_paw_correction
    from scipy.linalg import eigh

    wfs = calculator.wfs
    k_points = {kpt.q: None if wfs.dtype is float else wfs.kd.ibzk_qc[kpt.q] for kpt in wfs.kpt_u}
    blocks = {q: Blocks(wfs.basis_functions, wfs.gd, k_c) for q, k_c in k_points.items()}

    def iterate(hamiltonian: Any, wfs: Any, occ: Any = None) -> None:
        for kpt in wfs.kpt_u:
            matrix = blocks[kpt.q].potential_matrix(hamiltonian.vt_sG[kpt.s])
            wfs.atomic_correction.calculate_hamiltonian(kpt, hamiltonian.dH_asp, matrix, 1.0)
            matrix += wfs.T_qMM[kpt.q]
            states = wfs.bd.mynbands
            energies, vectors = eigh(matrix, wfs.S_qMM[kpt.q], check_finite=False, overwrite_a=True)
            kpt.eps_n = energies[:states].copy()
            # GPAW keeps the complex conjugate.
            kpt.C_nM = np.ascontiguousarray(vectors.T[:states].conj())
            wfs.atomic_correction.calculate_projections(wfs, kpt)
        wfs.set_orthonormalized(True)

    def add_density(nt_sG: np.ndarray, kpt: Any, f_n: np.ndarray) -> None:
        blocks[kpt.q].add_density(kpt.C_nM.conj(), f_n, nt_sG[kpt.s])

    expansion = AngularGGA(calculator.hamiltonian.xc.kernel)

    def paw_correction(
        setup: Any, D_sp: Any, dEdD_sp: Any = None, addcoredensity: bool = True, a: Any = None
    ) -> float:
        return calculate_paw_correction(expansion, setup, D_sp, dEdD_sp, addcoredensity, a)

    wfs.eigensolver.iterate = iterate
    wfs.add_to_density_from_k_point_with_occupation = add_density
    calculator.hamiltonian.xc.calculate_paw_correction = paw_correction
