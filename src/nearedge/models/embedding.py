"""Learned vectors of categories: what a spectrum is of, told to the Gaussians beside the spectrum.

Why they are learned by the marginal likelihood: decision 0130.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from nearedge.models.expansion import gaussians
from nearedge.models.store import Attachment

UNKNOWN = ""
"""Name of a category that nobody tells."""

_COMPONENTS = 2
# Standard deviation of a vector's components before anything is seen: two kinds are then alike to
# exp(-4) on average, and nothing keeps them from being alike, or strangers.
_SPREAD = 1.0
_ITERATIONS = 200
# Not twice, once known and once unknown: two rows that are alike in all but that would tell that it
# does not matter what a spectrum is of.
_DROPPED = 0.25
# Logarithms of the variances of signal and noise that the search starts from.
_START = (0.0, -2.0)
# Bounds of both: beyond them the likelihood is flat and the matrix singular.
_BOUNDS = (-7.0, 5.0)


@dataclass(frozen=True, eq=False)
class Embedding:
    """Vectors of categories, kind by kind.

    Attributes
    ----------
    names
        Known names of every kind, such as ``"absorber"``; the first is `UNKNOWN`.
    vectors
        A vector for each of them; shape (name, component).
    """

    names: dict[str, tuple[str, ...]]
    vectors: dict[str, Float[np.ndarray, "name component"]]

    def of(self, categories: Mapping[str, Shaped[np.ndarray, " row"]]) -> np.ndarray:
        """Vectors (row, component) of some spectra, those of all kinds one after the other.

        A name that is not known, or a kind that is not given, has the vector of `UNKNOWN`.

        Examples
        --------
        >>> vectors = {"absorber": np.array([[0.0, 0.0], [1.0, 2.0]])}
        >>> embedding = Embedding({"absorber": ("", "Fe")}, vectors)
        >>> embedding.of({"absorber": np.array(["Fe", "Co"])})
        array([[1., 2.],
               [0., 0.]])
        """
        rows = len(next(iter(categories.values())))
        blank = np.full(rows, UNKNOWN)
        return np.concatenate(
            [
                self.vectors[kind][codes_of(categories.get(kind, blank), names)]
                for kind, names in self.names.items()
            ],
            axis=1,
        )

    def to_attachment(self) -> Attachment:
        """Arrays and values to be saved with a model."""
        return Attachment(
            dict(self.vectors), {"names": {kind: list(n) for kind, n in self.names.items()}}
        )


def from_attachment(attachment: Attachment) -> Embedding:
    """Restore what `Embedding.to_attachment` gave."""
    names = {kind: tuple(known) for kind, known in attachment.description["names"].items()}
    return Embedding(names, {kind: attachment.numbers[kind] for kind in names})


def codes_of(values: Shaped[np.ndarray, " row"], names: tuple[str, ...]) -> Int[np.ndarray, " row"]:
    """Positions of names; 0, that of the unknown, for those that are not there."""
    place = {name: code for code, name in enumerate(names)}
    return np.array([place.get(str(value), 0) for value in values], dtype=np.int64)


def with_dropped(
    categories: Mapping[str, Shaped[np.ndarray, " row"]], seed: int
) -> dict[str, Shaped[np.ndarray, " row"]]:
    """Categories of which each is dropped with a chance of one in four.

    That is what the vectors of the unknown are learned from.

    Examples
    --------
    >>> with_dropped({"absorber": np.array(["Fe", "O", "Fe", "O"])}, seed=0)["absorber"].tolist()
    ['Fe', 'O', '', '']
    """
    rng = np.random.default_rng(seed)
    return {
        kind: np.where(rng.random(len(names)) < _DROPPED, UNKNOWN, names)
        for kind, names in categories.items()
    }


def learn_embedding(
    inputs: Float[np.ndarray, "row point"],
    target: Float[np.ndarray, "row output"],
    categories: Mapping[str, Shaped[np.ndarray, " row"]],
    seed: int,
) -> Embedding:
    """Learn the vectors that make the targets most likely.

    The targets are taken for draws of a Gaussian process whose covariance is a Gaussian of the
    spectra times one of the vectors, plus noise. Its marginal likelihood is least where categories
    that tell nothing about each other are far apart, and those that behave alike close together.

    Parameters
    ----------
    inputs
        What the Gaussians see of the spectra.
    target
        Numbers to be told from them, each column about as large as the others.
    categories
        Names of every kind, some of them `UNKNOWN`. Kinds with fewer than two known names are left
        out: there is nothing to tell apart.
    seed
        Of the vectors that the search starts from.

    References
    ----------
    C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning" (2006),
    equations 2.30 and 5.9; E. V. Bonilla, K. M. A. Chai and C. K. I. Williams, "Multi-task Gaussian
    process prediction", NIPS 2007, for kernels of tasks.
    """
    from scipy.optimize import minimize

    names = known_names(categories)
    if not names:
        return Embedding({}, {})
    codes = {kind: codes_of(categories[kind], known) for kind, known in names.items()}
    near, centred = gaussians(inputs, inputs), target - target.mean(axis=0)
    rng = np.random.default_rng(seed)
    sizes = {kind: len(known) for kind, known in names.items()}
    start = np.concatenate(
        [_START, rng.normal(scale=0.5 * _SPREAD, size=_COMPONENTS * sum(sizes.values()))]
    )
    found = minimize(
        likelihood,
        start,
        args=(near, centred, codes, sizes),
        jac=True,
        method="L-BFGS-B",
        bounds=[_BOUNDS] * len(_START) + [(None, None)] * (len(start) - len(_START)),
        options={"maxiter": _ITERATIONS},
    )
    return Embedding(names, _tables(found.x, sizes))


def known_names(
    categories: Mapping[str, Shaped[np.ndarray, " row"]],
) -> dict[str, tuple[str, ...]]:
    """Names of every kind that tells rows apart, `UNKNOWN` first."""
    known = {
        kind: tuple(sorted({str(value) for value in values} - {UNKNOWN}))
        for kind, values in categories.items()
    }
    return {kind: (UNKNOWN, *found) for kind, found in known.items() if len(found) > 1}


def likelihood(
    packed: Float[np.ndarray, " parameter"],
    near: Float[np.ndarray, "row row"],
    target: Float[np.ndarray, "row output"],
    codes: Mapping[str, Int[np.ndarray, " row"]],
    sizes: Mapping[str, int],
) -> tuple[float, Float[np.ndarray, " parameter"]]:
    """Negative logarithm of the likelihood times the vectors' prior, and its gradient.

    Parameters
    ----------
    packed
        Logarithms of the variances of signal and noise, then the tables of vectors.
    near
        Gaussians of the spectra.
    target
        Of mean 0.
    codes, sizes
        Positions of the rows' names in the table of every kind, and the length of that table.
    """
    from scipy.linalg import cho_factor, cho_solve

    signal, noise = np.exp(packed[:2])
    tables = _tables(packed, sizes)
    vectors = np.concatenate([tables[kind][codes[kind]] for kind in codes], axis=1)
    shared = signal * near * gaussians(vectors, vectors)
    covariance = shared + noise * np.eye(len(near))
    factor = cho_factor(covariance, lower=True)
    solved = cho_solve(factor, target)
    inverse = cho_solve(factor, np.eye(len(near)))
    outputs = target.shape[1]
    value = 0.5 * (target * solved).sum() + outputs * np.log(np.diag(factor[0])).sum()
    value += np.square(packed[2:]).sum() / (2 * _SPREAD**2)
    # By the covariance; and by the squared distances of vectors, which lower it.
    by_covariance = 0.5 * (outputs * inverse - solved @ solved.T)
    by_distance = -by_covariance * shared
    by_vectors = 4 * (by_distance.sum(axis=1, keepdims=True) * vectors - by_distance @ vectors)
    gradient = [
        np.array([(by_covariance * shared).sum(), noise * np.trace(by_covariance)]),
    ]
    # A table is looked up: what a row asks for is added up in the entry that it looked at.
    for place, (kind, of_row) in enumerate(codes.items()):
        by_table = np.zeros((sizes[kind], _COMPONENTS))
        columns = slice(place * _COMPONENTS, (place + 1) * _COMPONENTS)
        np.add.at(by_table, of_row, by_vectors[:, columns])
        gradient.append((by_table + tables[kind] / _SPREAD**2).ravel())
    return float(value), np.concatenate(gradient)


def _tables(
    packed: Float[np.ndarray, " parameter"], sizes: Mapping[str, int]
) -> dict[str, Float[np.ndarray, "name component"]]:
    ends = len(_START) + np.cumsum([size * _COMPONENTS for size in sizes.values()])
    parts = np.split(packed[len(_START) : int(ends[-1])], ends[:-1] - len(_START))
    return {kind: part.reshape(-1, _COMPONENTS) for kind, part in zip(sizes, parts, strict=True)}
