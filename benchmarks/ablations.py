"""What each ingredient of nearedge's method brings, on whole trajectories left out.

Usage::

    python benchmarks/ablations.py OUT.json [LIBRARY]

Every variant is trained once per fold of validation trajectories. Finished figures stand in
OUT.json and are not computed again; delete a line there to repeat it. At the end the tables of
docs/accuracy.md are printed. Trajectories set aside for the end are not looked at.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from threadpoolctl import threadpool_limits

from nearedge.data import embedded_library
from nearedge.library import names, open_library
from nearedge.mixtures import (
    Sites,
    class_fractions,
    classifier_mixtures,
    group_folds,
    load_sites,
    regressor_mixtures,
    varied_mixtures,
)
from nearedge.models import SpectrumClassifier, SpectrumRegressor
from nearedge.models.augmentation import Augmentation
from nearedge.models.composition import fractions_by_library, fractions_by_means
from nearedge.models.kernel import fit_kernel_classifier
from nearedge.models.method import fit_classifier, fit_samples
from nearedge.models.preprocessing import unit_mean
from nearedge.spectra import broaden
from nearedge.studies.near_edge import OXYGEN as DEFAULT

SET_ASIDE = ("cell-06", "delithiated-30", "peroxide-28", "cool-peroxide-32", "iron-rich-47")
SEEDS = (0,)
FOLDS = 5
# Of every validation trajectory: averages of 20 to 70 of its sites, as they come, and in
# proportions of any kind. As many are drawn over the trajectories of a fold.
ASKED = 100
NETWORK: dict[str, Any] = {
    "hidden": (64, 32),
    "ensemble": 8,
    "normalise": "area",
    "learning_rate": 0.003,
}
AUGMENTATION = Augmentation(share=0.5, broadening_eV=1.0, noise=0.03)
NEAR = slice(0, 66)
Rows = np.ndarray
ClassifierVariant = Callable[[Sites, Rows, np.ndarray, int], np.ndarray]
NumberVariant = Callable[[Sites, Rows, np.ndarray, int], np.ndarray]


def kernel(change: Callable[[np.ndarray, int], np.ndarray] | None = None, **settings: Any):
    """The chosen classifier with other settings, or of changed spectra beside the sites."""
    chosen = replace(DEFAULT.near_edge(DEFAULT.classifier), **settings)

    def answer(sites: Sites, train: Rows, asked: np.ndarray, seed: int) -> np.ndarray:
        x, codes = sites.intensity[train], sites.environment[train]
        if change is not None:
            x, codes = np.concatenate([x, change(x, seed)]), np.concatenate([codes, codes])
        classes = np.array(sites.labels)
        return fit_kernel_classifier(x, codes, classes, chosen).predict_proba(asked).argmax(axis=1)

    return answer


def of(represent: Callable[[np.ndarray], np.ndarray]):
    """The chosen classifier on another representation, which is not normalised any more."""
    inner = kernel(normalise="none")

    def answer(sites: Sites, train: Rows, asked: np.ndarray, seed: int) -> np.ndarray:
        seen = replace(sites, intensity=represent(near(sites.intensity)))
        return inner(seen, train, represent(near(asked)), seed)

    return answer


def near(intensity: np.ndarray) -> np.ndarray:
    """Area-normalised near edge, zero elsewhere: zeros all alike are no information."""
    values = np.zeros_like(intensity)
    values[:, NEAR] = unit_mean(intensity[:, NEAR])
    return values


def networks(natural: bool, points: slice):
    """Networks, from mixtures with classes balanced or as frequent as they are."""

    def answer(sites: Sites, train: Rows, asked: np.ndarray, seed: int) -> np.ndarray:
        environment, count, sizes = sites.environment, 4800, (1, 4)
        if natural:
            parts = [
                classifier_mixtures(
                    sites.intensity, environment, max(1, round(count * share)), seed, sizes, own
                )
                for code in np.unique(environment[train])
                for own in [train[environment[train] == code]]
                for share in [len(own) / len(train)]
            ]
            x = np.concatenate([part.intensity for part in parts])
            target = np.concatenate([part.target for part in parts])
        else:
            drawn = classifier_mixtures(sites.intensity, environment, count, seed, sizes, train)
            x, target = drawn.intensity, drawn.target
        x = AUGMENTATION.apply(x, DEFAULT.grid, seed)[:, points]
        trained = SpectrumClassifier(
            **NETWORK, epochs=60, batch_size=64, penalty=100.0, random_state=seed
        )
        return trained.fit(x, target).predict(asked[:, points])

    return answer


def support_vectors(points: slice):
    """The strongest of the classical baselines."""

    def answer(sites: Sites, train: Rows, asked: np.ndarray, seed: int) -> np.ndarray:
        model = make_pipeline(StandardScaler(), SVC(C=10.0))
        model.fit(unit_mean(sites.intensity[train][:, points]), sites.environment[train])
        return model.predict(unit_mean(asked[:, points]))

    return answer


def shifted(x: np.ndarray, seed: int) -> np.ndarray:
    """Spectra moved along the axis by 0.1 eV, up or down."""
    sign = np.random.default_rng(seed).choice([-0.1, 0.1], size=len(x))
    energy_eV = DEFAULT.grid.energy_eV
    moved = [np.interp(energy_eV - by, energy_eV, one) for by, one in zip(sign, x, strict=True)]
    return np.stack(moved)


CLASSIFIERS: dict[str, ClassifierVariant] = {
    "support vectors, -5 to 25 eV": support_vectors(slice(None)),
    "support vectors, -5 to 8 eV": support_vectors(NEAR),
    "kernel, -5 to 25 eV": kernel(window=None),
    "kernel, -5 to 12 eV": kernel(window=(0, 86)),
    "kernel, -5 to 8 eV (chosen)": kernel(),
    "kernel, -5 to 6 eV": kernel(window=(0, 56)),
    "half the width squared": kernel(width=1.0),
    "twice the width squared": kernel(width=4.0),
    "a third of the prior variance": kernel(radial=100.0),
    "three times the prior variance": kernel(radial=1000.0),
    "with broadened, noisy copies": kernel(lambda x, seed: DEFAULT.change(x, seed)),
    "with copies shifted by 0.1 eV": kernel(shifted),
    "first derivative": of(lambda x: np.gradient(broaden(DEFAULT.grid.energy_eV, x, 0.5), axis=1)),
    "running sums": of(lambda x: np.cumsum(x, axis=1)),
    "square root of intensities": of(lambda x: np.sqrt(np.maximum(x, 0))),
    "networks, classes balanced, -5 to 25 eV": networks(False, slice(None)),
    "networks, classes as frequent as they are, -5 to 25 eV": networks(True, slice(None)),
    "networks, classes as frequent as they are, -5 to 8 eV": networks(True, NEAR),
}


def method(**changes: Any):
    """The chosen regressor with changes."""
    chosen = replace(DEFAULT, **changes)

    def answer(sites: Sites, train: Rows, asked: np.ndarray, seed: int) -> np.ndarray:
        return fit_samples(chosen, sites, train, seed)[0].predict(asked)

    return answer


def one_reading(number: int):
    """The chosen regressor as if every sample were any (0), or usual (1)."""

    def answer(sites: Sites, train: Rows, asked: np.ndarray, seed: int) -> np.ndarray:
        regressor, _ = fit_samples(DEFAULT, sites, train, seed)
        return regressor.expansion.outputs(asked)[:, 2 * number]

    return answer


def vectors(sites: Sites, train: Rows, asked: np.ndarray, seed: int) -> np.ndarray:
    """Support vectors on mixtures over all trajectories, as the baseline in `nearedge assess`."""
    drawn = regressor_mixtures(sites.intensity, sites.coordination, 2000, seed, (20, 70), train)
    model = make_pipeline(StandardScaler(), SVR(C=0.1, epsilon=0.02, gamma=0.002))
    return model.fit(unit_mean(drawn.intensity), drawn.target).predict(unit_mean(asked))


def ridge(sites: Sites, train: Rows, asked: np.ndarray, seed: int) -> np.ndarray:
    """Ridge on single sites; averages of spectra have the average of the answers."""
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 5, 11)))
    model.fit(unit_mean(sites.intensity[train]), sites.coordination[train])
    return model.predict(unit_mean(asked))


def number_networks(sites: Sites, train: Rows, asked: np.ndarray, seed: int) -> np.ndarray:
    """The former regressor: networks on mixtures over all trajectories."""
    drawn = regressor_mixtures(sites.intensity, sites.coordination, 6000, seed, (1, 70), train)
    trained = SpectrumRegressor(
        **NETWORK, epochs=200, batch_size=256, penalty=1000.0, random_state=seed
    )
    x = AUGMENTATION.apply(drawn.intensity, DEFAULT.grid, seed)
    return trained.fit(x, drawn.target).predict(asked)


def constant(sites: Sites, train: Rows, asked: np.ndarray, seed: int) -> np.ndarray:
    """The mean of the training sites."""
    return np.full(len(asked), sites.coordination[train].mean())


NUMBERS: dict[str, NumberVariant] = {
    "constant training mean": constant,
    "ridge on single sites": ridge,
    "support vectors on mixtures over all trajectories": vectors,
    "linear part alone": method(mixed=replace(DEFAULT.mixed, radial=1e-6)),
    "Gaussians alone": method(mixed=replace(DEFAULT.mixed, linear=0.0)),
    "both (chosen)": method(),
    "Gaussians on the near edge": method(mixed=DEFAULT.near_edge(DEFAULT.mixed)),
    "three times the Gaussians": method(mixed=replace(DEFAULT.mixed, radial=0.9)),
    "twice the width squared": method(mixed=replace(DEFAULT.mixed, width=2.0)),
    "half the width squared": method(mixed=replace(DEFAULT.mixed, width=0.5)),
    "a third of the noise": method(mixed=replace(DEFAULT.mixed, noise=0.3)),
    "without mixtures of any composition": method(varied=1),
    "without mixtures over all trajectories": method(across=1),
    "read as any sample": one_reading(0),
    "read as a usual sample": one_reading(1),
    "networks": number_networks,
}


def chosen_fractions(sites: Sites, train: Rows, asked: np.ndarray, seed: int) -> np.ndarray:
    """The chosen reader of fractions."""
    _, model = fit_samples(DEFAULT, sites, train, seed)
    fractions = np.zeros((len(asked), len(sites.labels)))
    columns = [sites.labels.index(str(label)) for label in model.classes]
    fractions[:, columns] = model.predict_proba(asked)
    return fractions


FRACTIONS: dict[str, NumberVariant] = {
    "training mean": lambda sites, train, asked, seed: np.tile(
        np.bincount(sites.environment[train], minlength=len(sites.labels)) / len(train),
        (len(asked), 1),
    ),
    "linear combination of class means": lambda sites, train, asked, seed: fractions_by_means(
        asked, sites, train
    ),
    "non-negative least squares on library spectra": (
        lambda sites, train, asked, seed: fractions_by_library(asked, sites, train)
    ),
    "kernel (chosen)": chosen_fractions,
}


class Validation:
    """Validation trajectories of a library, and what is asked about each."""

    def __init__(self, path: str) -> None:
        library = open_library(path).load()
        trajectory = np.array(names(library, "trajectory_id"))
        self.sites = load_sites(
            library.isel(site=np.flatnonzero(~np.isin(trajectory, SET_ASIDE))),
            DEFAULT.grid,
            "trajectory",
        )
        group, classes = self.sites.group, self.sites.environment
        self.folds = group_folds(group, FOLDS, 0, classes=classes)

    def asked(self, fold: int) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Single sites and mixtures of a fold: spectra, coordination numbers, fractions."""
        sites, whole = self.sites, self.folds[fold][1]
        own = sites.group[whole]
        pools = {int(one): whole[own == one] for one in np.unique(own)}
        spectra, numbers, classes = sites.intensity, sites.coordination, sites.environment
        drawn = {
            "one trajectory": [
                regressor_mixtures(spectra, numbers, ASKED, seed, (20, 70), pool)
                for seed, pool in pools.items()
            ],
            "several": [
                regressor_mixtures(spectra, numbers, ASKED * len(pools), fold, (20, 70), whole)
            ],
            "any proportions": [
                varied_mixtures(spectra, classes, ASKED, seed, (20, 70), pool)
                for seed, pool in pools.items()
            ],
        }
        of_class = np.eye(len(sites.labels))
        found = {"single": (spectra[whole], numbers[whole], of_class[classes[whole]])}
        for name, parts in drawn.items():
            averaged = [
                (np.where(part.members < 0, 0.0, numbers[part.members]) * part.weights).sum(axis=1)
                for part in parts
            ]
            shares = [class_fractions(part, classes, len(sites.labels)) for part in parts]
            found[name] = (
                np.concatenate([part.intensity for part in parts]),
                np.concatenate(averaged),
                np.concatenate(shares),
            )
        return found


def classifier_figures(data: Validation, variant: ClassifierVariant, seed: int) -> dict[str, float]:
    """Accuracy on single sites, as they are and broad and noisy."""
    sites, right, broad = data.sites, [], []
    for fold, (train, test) in enumerate(data.folds):
        x = sites.intensity[test]
        changed = DEFAULT.change(x, 100 + fold)
        codes = variant(sites, train, np.concatenate([x, changed]), seed)
        right.append(codes[: len(test)] == sites.environment[test])
        broad.append(codes[len(test) :] == sites.environment[test])
    return {
        "accuracy": float(np.concatenate(right).mean()),
        "broad": float(np.concatenate(broad).mean()),
    }


def number_figures(data: Validation, variant: NumberVariant, seed: int) -> dict[str, float]:
    """Mean squared errors of coordination numbers, and how steep answers follow the truth."""
    squares: dict[str, list[float]] = {}
    slopes = []
    for fold, (train, _) in enumerate(data.folds):
        asked = data.asked(fold)
        every = variant(data.sites, train, np.concatenate([x for x, _, _ in asked.values()]), seed)
        for name, (x, number, _) in asked.items():
            answers, every = every[: len(x)], every[len(x) :]
            squares.setdefault(name, []).append(float(np.mean((answers - number) ** 2)))
            if name == "any proportions":
                slopes.append(float(np.polyfit(number, answers, 1)[0]))
    return {name: float(np.mean(own)) for name, own in squares.items()} | {
        "slope": float(np.mean(slopes))
    }


def fraction_figures(data: Validation, variant: NumberVariant, seed: int) -> dict[str, float]:
    """Root mean squared errors of fractions."""
    squares: dict[str, list[float]] = {}
    for fold, (train, _) in enumerate(data.folds):
        # Non-negative least squares takes 0.1 s for a spectrum.
        asked = {
            name: tuple(values[::4] for values in own)
            for name, own in data.asked(fold).items()
            if name != "single"
        }
        every = variant(data.sites, train, np.concatenate([x for x, _, _ in asked.values()]), seed)
        for name, (x, _, fractions) in asked.items():
            off, every = every[: len(x)] - fractions, every[len(x) :]
            squares.setdefault(name, []).append(float(np.mean(off**2)))
    return {name: float(np.mean(own) ** 0.5) for name, own in squares.items()}


def by_trajectories(data: Validation, seed: int) -> dict[str, dict[str, float]]:
    """Accuracy and error of mixtures against the number of trajectories trained on."""
    sites, found = data.sites, {}
    for count in (1, 2, 4, 8, 11):
        right, squares = [], []
        for fold, (train, test) in enumerate(data.folds):
            rng = np.random.default_rng([seed, fold])
            used = rng.permutation(np.unique(sites.group[train]))[:count]
            part = train[np.isin(sites.group[train], used)]
            answers = fit_classifier(DEFAULT, sites, part).predict(sites.intensity[test])
            right.append(answers == np.array(sites.labels)[sites.environment[test]])
            x, number, _ = data.asked(fold)["one trajectory"]
            off = fit_samples(DEFAULT, sites, part, seed)[0].predict(x) - number
            squares.append(np.mean(off**2))
        found[str(count)] = {
            "accuracy": float(np.concatenate(right).mean()),
            "one trajectory": float(np.mean(squares)),
        }
    return found


# Of the classifiers and fractions, what depends on the seed.
RANDOM = {name for name in CLASSIFIERS if "networks" in name or "copies" in name}
TABLES = {
    "classifier": (CLASSIFIERS, classifier_figures),
    "numbers": (NUMBERS, number_figures),
    "fractions": (FRACTIONS, fraction_figures),
}


def main(out: str, library: str | None = None) -> None:
    """Compute what is missing, and print all."""
    path = Path(out)
    done: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    data = Validation(library or str(embedded_library()))

    def keep(name: str, compute: Callable[[], Any]) -> None:
        if name not in done:
            done[name] = compute()
            path.write_text(json.dumps(done, indent=1))
            print(name, done[name], file=sys.stderr, flush=True)

    with threadpool_limits(1):
        for table, (variants, figures) in TABLES.items():
            for name, variant in variants.items():
                for seed in SEEDS if table == "numbers" or name in RANDOM else SEEDS[:1]:
                    keep(
                        f"{table}/{name}/{seed}", lambda f=figures, v=variant, s=seed: f(data, v, s)
                    )
        for seed in SEEDS:
            keep(f"trajectories/{seed}", lambda s=seed: by_trajectories(data, s))
    for table, (variants, _) in TABLES.items():
        columns = list(done[f"{table}/{next(iter(variants))}/{SEEDS[0]}"])
        print(f"\n| {table} | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
        for name in variants:
            runs = [run for seed in SEEDS if (run := done.get(f"{table}/{name}/{seed}"))]
            cells = [" ".join(f"{run[column]:.4f}" for run in runs) for column in columns]
            print(f"| {name} | {' | '.join(cells)} |")
    print("\n| trajectories | accuracy | one trajectory |\n|---|---|---|")
    for count in done[f"trajectories/{SEEDS[0]}"]:
        runs = [done[f"trajectories/{seed}"][count] for seed in SEEDS]
        cells = [" ".join(f"{run[column]:.4f}" for run in runs) for column in runs[0]]
        print(f"| {count} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
