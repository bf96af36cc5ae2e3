"""Weights and soft labels of stretches and samples are those of the arrays that were given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.annotations import LabelDetails, LabelRuns, SampleWeights, SoftLabels, share_classes, weigh_classes

LENGTHS = (5, 1, 9)


def make(seed, n_classes=3):
    """Return labels, weights, soft labels, and the details that hold the latter two."""
    rng = np.random.default_rng(seed)
    labels = [rng.integers(-1, n_classes, size=size) for size in LENGTHS]
    labels[0][0] = 0
    weights = [rng.integers(1, 9, size=size) / 8 for size in LENGTHS]
    soft = [rng.dirichlet(np.ones(n_classes), size=size) for size in LENGTHS]
    runs = LabelRuns.from_labels(labels)
    return (
        labels,
        weights,
        soft,
        LabelDetails(SampleWeights(weights, 1.0), SoftLabels(soft, runs, np.arange(n_classes))),
    )


@given(seed=st.integers(0, 2**16), start=st.tuples(*(st.integers(0, size - 1) for size in LENGTHS)))
def test_a_stretch(seed, start):
    _, weights, soft, details = make(seed)
    found = details.cut(np.arange(3), np.array(start), 7)
    for i, first in enumerate(start):
        size = min(7, LENGTHS[i] - first)
        np.testing.assert_allclose(found["weight"][i, :size], weights[i][first : first + size])
        np.testing.assert_allclose(found["soft"][i, :, :size], soft[i][first : first + size].T, rtol=1e-5)
        assert not found["weight"][i, size:].any()
        assert not found["soft"][i, :, size:].any()


@given(seed=st.integers(0, 2**16))
def test_samples(seed):
    _, weights, soft, details = make(seed)
    rng = np.random.default_rng(seed)
    kept = [np.sort(rng.choice(size, rng.integers(1, size + 1), replace=False)) for size in LENGTHS]
    found = details.pick(np.repeat(np.arange(3), [len(one) for one in kept]), np.concatenate(kept))
    np.testing.assert_allclose(found["weight"], np.concatenate([w[at] for w, at in zip(weights, kept, strict=True)]))
    np.testing.assert_allclose(found["soft"], np.concatenate([s[at] for s, at in zip(soft, kept, strict=True)]), 1e-5)


@given(seed=st.integers(0, 2**16), kept=st.lists(st.integers(0, 2), min_size=1, max_size=4))
def test_a_selection(seed, kept):
    details = make(seed)[-1]
    chosen, zeros = details.select(np.array(kept)), np.zeros(len(kept), dtype=int)
    for name, values in chosen.cut(np.arange(len(kept)), zeros, 9).items():
        np.testing.assert_array_equal(values, details.cut(np.array(kept), zeros, 9)[name])


def test_probabilities_of_some_classes_sum_to_one_again():
    details = make(0)[-1].encode(np.array([0, 2]))
    np.testing.assert_allclose(details.soft.read(0, 0, 5).sum(1), 1, rtol=1e-6)
    assert details.soft.read(0, 0, 5).shape == (5, 2)


@given(seed=st.integers(0, 2**16))
def test_a_sample_counts_as_much_as_its_weight(seed):
    labels, weights, _, details = make(seed)
    flat, weight = np.concatenate(labels), np.concatenate(weights)
    wanted = [weight[flat == k].sum() for k in range(3)] / weight[flat >= 0].sum()
    np.testing.assert_allclose(share_classes(LabelRuns.from_labels(labels), 3, details.weights), wanted)


def test_a_class_without_samples_has_the_weight_one():
    np.testing.assert_allclose(weigh_classes("balanced", np.array([0.8, 0.2, 0.0]), np.arange(3)), [0.625, 2.5, 1.0])


def test_balanced_weights_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.utils.class_weight")
    labels, weights, _, details = make(3)
    flat, weight = np.concatenate(labels), np.concatenate(weights)
    known = flat >= 0
    wanted = sklearn.compute_class_weight("balanced", classes=np.arange(3), y=flat[known], sample_weight=weight[known])
    shares = share_classes(LabelRuns.from_labels(labels), 3, details.weights)
    np.testing.assert_allclose(weigh_classes("balanced", shares, np.arange(3)), wanted, rtol=1e-6)
