"""How closely an engine's spectra follow reference spectra of other sites, by aggregate figures.

Usage::

    python benchmarks/engine_agreement.py REFERENCE LIBRARY [LIBRARY ...]

Both are libraries; REFERENCE, say OCEAN's, is imported with `nearedge library import`. For each
LIBRARY: support vectors and ridge on its own spectra by atom (7 random folds, median over seeds),
and support vectors trained on it and scored on the reference after one shift and one stretch,
which match the mean spectra without looking at labels. Sites of a dimer are left out.
"""

from __future__ import annotations

import sys

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from nearedge.library import names, open_library

SEEDS = 20
GRID_EV = np.arange(-3.0, 13.01, 0.1)
SHIFTS_EV = np.arange(-6.0, 6.01, 0.125)
STRETCHES = np.arange(0.85, 1.081, 0.025)


def classifier():
    return make_pipeline(StandardScaler(with_std=False), SVC(C=10.0))


def ridge():
    return make_pipeline(StandardScaler(with_std=False), RidgeCV(np.logspace(-2, 3, 11)))


def on_grid(energy_eV, intensity, shift_eV=0.0, stretch=1.0):
    """Spectra (site, GRID_EV) of mean 1, their energies stretched and then shifted."""
    there = (GRID_EV - shift_eV) / stretch
    values = np.array([np.interp(there, energy_eV, one) for one in intensity])
    return values / values.mean(axis=1, keepdims=True)


def load(path):
    library = open_library(path)
    environment = np.array(names(library, "environment"))
    kept = environment != "O-O dimer"
    return (
        library["energy"].values,
        library["intensity"].values[kept],
        environment[kept],
        library["coordination"].values[kept],
    )


def own_figures(spectra, environment, coordination):
    """Accuracy and R2 on the engine's own spectra, sites held out at random."""
    accuracy, r2 = [], []
    for seed in range(SEEDS):
        folds = KFold(7, shuffle=True, random_state=seed)
        found = cross_val_predict(classifier(), spectra, environment, cv=folds)
        accuracy.append(np.mean(found == environment))
        r2.append(
            r2_score(coordination, cross_val_predict(ridge(), spectra, coordination, cv=folds))
        )
    return np.median(accuracy), np.median(r2)


def common_axis(energy_eV, intensity, reference):
    """Correlation of the mean spectra, and the one shift and one stretch that make it largest."""
    mean = intensity.mean(axis=0, keepdims=True)
    return max(
        (np.corrcoef(on_grid(energy_eV, mean, c, k)[0], reference.mean(axis=0))[0, 1], c, k)
        for c in SHIFTS_EV
        for k in STRETCHES
    )


def main(reference_path, *paths):
    energy_eV, intensity, environment, coordination = load(reference_path)
    reference = on_grid(energy_eV, intensity)
    accuracy, r2 = own_figures(reference, environment, coordination)
    print(f"{reference_path}: own accuracy {accuracy:.3f}, ridge R2 {r2:.3f}")
    for path in paths:
        energy_eV, intensity, labels, numbers = load(path)
        accuracy, r2 = own_figures(on_grid(energy_eV, intensity), labels, numbers)
        correlation, shift_eV, stretch = common_axis(energy_eV, intensity, reference)
        fitted = classifier().fit(on_grid(energy_eV, intensity, shift_eV, stretch), labels)
        transfer = np.mean(fitted.predict(reference) == environment)
        print(
            f"{path}: own accuracy {accuracy:.3f}, ridge R2 {r2:.3f}; on the reference "
            f"{transfer:.3f} after {shift_eV:+.2f} eV and a stretch of {stretch:.3f} "
            f"(correlation of the means {correlation:.3f})"
        )


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
