"""What a sample is made of: the fraction of sites in each environment, read from its spectrum."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from nearedge.mixtures import Sites
from nearedge.models.ensemble import ClassifierEnsemble
from nearedge.models.examples import Examples
from nearedge.models.network import Architecture
from nearedge.models.preprocessing import fit_preprocessing, unit_mean
from nearedge.models.settings import TrainingSettings


def train_composition(
    intensity: Float[np.ndarray, "mixture energy"],
    fractions: Float[np.ndarray, "mixture class"],
    classes: tuple[str, ...],
    settings: TrainingSettings,
    seed: int,
    hidden: tuple[int, ...] = (64, 32),
    members: int = 8,
) -> ClassifierEnsemble:
    """Train networks whose softmax outputs are fractions, on mixtures of known composition.

    The loss is the cross-entropy with the fractions, least where the two agree (it differs from
    their Kullback-Leibler divergence by a constant).

    Parameters
    ----------
    intensity, fractions
        Mixtures, not normalised, and the shares of their classes.
    classes
        Label of every column of `fractions`.
    settings, hidden, members
        Of the training and the networks.
    seed
        Of weights and shuffling.
    """
    from nearedge.models.training import train

    preprocessing = fit_preprocessing(intensity, "area")
    seeds = np.random.default_rng([seed, 11]).integers(2**31 - 1, size=members).tolist()
    trained = train(
        Architecture(intensity.shape[1], hidden, len(classes)),
        Examples(preprocessing.inputs(intensity), fractions),
        settings,
        seeds,
    )
    layers = tuple(
        (np.stack([weight for weight, _ in layer]), np.stack([bias for _, bias in layer]))
        for layer in zip(*trained.parameters, strict=True)
    )
    return ClassifierEnsemble(layers, preprocessing, np.array(classes))


def fractions_by_means(
    intensity: Float[np.ndarray, "mixture energy"],
    sites: Sites,
    index: Int[np.ndarray, " site"],
) -> Float[np.ndarray, "mixture class"]:
    """Linear combination fitting: the non-negative mix of class means that fits a spectrum best.

    The custom of beamlines, with the mean spectra of the library's classes as references.

    Parameters
    ----------
    intensity
        Spectra to be resolved.
    sites, index
        Library, and the rows of it that references are made of. A class without a row gets 0.
    """
    held = np.unique(sites.environment[index])
    means = [sites.intensity[index][sites.environment[index] == code].mean(axis=0) for code in held]
    shares = np.zeros((len(intensity), len(sites.labels)))
    shares[:, held] = _non_negative(intensity, np.stack(means))
    return shares / shares.sum(axis=1, keepdims=True)


def fractions_by_library(
    intensity: Float[np.ndarray, "mixture energy"],
    sites: Sites,
    index: Int[np.ndarray, " site"],
) -> Float[np.ndarray, "mixture class"]:
    """Non-negative least squares on the library's single spectra, weights summed by class.

    Arguments as `fractions_by_means`.
    """
    weights = _non_negative(intensity, sites.intensity[index])
    one_hot = np.eye(len(sites.labels))[sites.environment[index]]
    shares = weights @ one_hot
    return shares / shares.sum(axis=1, keepdims=True)


def _non_negative(
    intensity: Float[np.ndarray, "mixture energy"], references: Float[np.ndarray, "n energy"]
) -> Float[np.ndarray, "mixture n"]:
    from scipy.optimize import nnls

    # The weights of un-normalised references are shares of sites, up to the spectrum's own scale.
    scale = references.mean()
    return np.stack([nnls(references.T / scale, row)[0] for row in unit_mean(intensity)])
