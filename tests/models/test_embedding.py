"""Vectors of categories: learned by their gradient, known or unknown, saved."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from nearedge.models.embedding import (
    UNKNOWN,
    Embedding,
    from_attachment,
    known_names,
    learn_embedding,
    likelihood,
    with_dropped,
)
from nearedge.models.expansion import gaussians


def made_up(seed: int = 0, rows: int = 40):
    """Spectra of three absorbers: two behave alike, the third the other way round."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(scale=0.4, size=(rows, 3))
    absorber = np.array(["Fe", "Mn", "O"])[np.arange(rows) % 3]
    sign = np.where(absorber == "O", -1.0, 1.0)
    target = np.tanh(4 * inputs[:, :1]) * sign[:, None]
    return inputs, np.concatenate([target, -target], axis=1), {"absorber": absorber}


def test_the_gradient_is_that_of_finite_differences() -> None:
    inputs, target, categories = made_up(rows=12)
    categories["space_group"] = np.array(["R-3c", "Fm-3m", UNKNOWN] * 4)
    names = known_names(categories)
    sizes = {kind: len(known) for kind, known in names.items()}
    codes = {
        kind: np.array([known.index(name) for name in categories[kind]])
        for kind, known in names.items()
    }
    packed = np.random.default_rng(1).normal(scale=0.7, size=2 + 2 * sum(sizes.values()))
    near, centred = gaussians(inputs, inputs), target - target.mean(axis=0)

    def value(at: np.ndarray) -> float:
        return likelihood(at, near, centred, codes, sizes)[0]

    _, gradient = likelihood(packed, near, centred, codes, sizes)
    np.testing.assert_allclose(gradient, approx_fprime(packed, value, 1e-6), rtol=1e-3, atol=1e-4)


def test_what_behaves_alike_comes_close_together() -> None:
    inputs, target, categories = made_up(rows=90)
    embedding = learn_embedding(inputs, target, categories, seed=0)
    iron, manganese, oxygen = embedding.of({"absorber": np.array(["Fe", "Mn", "O"])})
    assert np.linalg.norm(iron - manganese) < 0.5 * np.linalg.norm(iron - oxygen)
    assert np.linalg.norm(iron - oxygen) > 1


def test_the_unknown_has_a_vector_of_its_own_that_is_learned() -> None:
    inputs, target, categories = made_up(rows=90)
    dropped = with_dropped(categories, seed=0)
    assert UNKNOWN in dropped["absorber"]
    learned = learn_embedding(inputs, target, dropped, seed=0)
    first, second = (
        embedding.of({"absorber": np.array([UNKNOWN, "Co"])})
        for embedding in (learned, learn_embedding(inputs, target, categories, seed=0))
    )
    # An absorber that no library had is an unknown one.
    np.testing.assert_array_equal(first[0], first[1])
    # Nothing dropped, nothing learned: then the prior's mean is most likely.
    np.testing.assert_allclose(second[0], 0, atol=1e-3)
    assert np.linalg.norm(first[0]) > 0.01


def test_a_kind_that_tells_nothing_apart_has_no_vectors() -> None:
    assert known_names({"edge": np.array(["K", "K", UNKNOWN])}) == {}
    empty = learn_embedding(np.zeros((2, 1)), np.eye(2), {"edge": np.array(["K", "K"])}, seed=0)
    assert empty.names == {}


def test_the_same_seed_gives_the_same_vectors() -> None:
    inputs, target, categories = made_up()
    one, other = (learn_embedding(inputs, target, categories, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.vectors["absorber"], other.vectors["absorber"])


def test_vectors_are_kept_with_a_model() -> None:
    embedding = Embedding(
        {"absorber": ("", "Fe"), "edge": ("", "K", "L3")},
        {"absorber": np.array([[0.0, 1.0], [2.0, 3.0]]), "edge": np.arange(6.0).reshape(3, 2)},
    )
    again = from_attachment(embedding.to_attachment())
    assert again.names == embedding.names
    asked = {"absorber": np.array(["Fe"]), "edge": np.array(["L3"])}
    np.testing.assert_array_equal(again.of(asked), embedding.of(asked))
    with pytest.raises(KeyError):
        from_attachment(type(embedding.to_attachment())({}, {"names": {"absorber": ["", "Fe"]}}))
