"""Stretches that look alike have near features; the features follow the network, not the order of stretches."""

import numpy as np
import pytest
from torch import nn

from sslts import SupervisedSegmenter
from sslts.networks import UNet


@pytest.fixture(scope="module")
def waves():
    """Return recordings of slow and of fast waves, and a network that tells them apart."""
    rng = np.random.default_rng(0)
    t = np.arange(400)
    X = np.stack([np.sin(t * (0.1 if i % 2 else 0.9)) + rng.normal(0, 0.1, 400) for i in range(8)])
    y = np.repeat(np.arange(8) % 2, 400).reshape(8, 400)
    network = UNet(width=4, depth=2)
    return X, SupervisedSegmenter(network=network, max_steps=20, batch_size=4, random_state=0).fit(X, y)


def embed(segmenter, X, *stretches):
    return segmenter.embed(X, *np.array(stretches).T)


def test_like_stretches_are_near(waves):
    X, segmenter = waves
    slow, other, fast = embed(segmenter, X, (1, 50, 150), (3, 200, 300), (2, 50, 150))
    assert np.linalg.norm(slow - other) < np.linalg.norm(slow - fast)


def test_order_and_company_do_not_matter(waves):
    X, segmenter = waves
    stretches = [(1, 50, 150), (0, 0, 100), (3, 200, 300), (0, 300, 400)]
    together = embed(segmenter, X, *stretches)
    backwards = embed(segmenter, X, *stretches[::-1])[::-1]
    np.testing.assert_allclose(together, backwards, rtol=1e-4, atol=1e-4)


def test_stretches_of_other_lengths_are_read_in_one_length(waves):
    X, segmenter = waves
    found = embed(segmenter, [X[0], X[1][:30]], (0, 0, 100), (0, 100, 190), (1, 0, 30))
    assert found.shape == (3, found.shape[1])
    assert np.isfinite(found).all()


def test_members_are_joined(waves):
    X, segmenter = waves
    pair = SupervisedSegmenter(network=UNet(width=4, depth=2, members=2), max_steps=2, random_state=0)
    pair.fit(X, np.repeat(np.arange(8) % 2, 400).reshape(8, 400))
    assert embed(pair, X, (0, 0, 100)).shape[1] == 2 * embed(segmenter, X, (0, 0, 100)).shape[1]


def test_a_custom_network_without_encode_has_no_features():
    class Plain(nn.Module):
        stride, receptive_field = 1, 5

        def __init__(self, n_channels, n_classes):
            super().__init__()
            self.layer = nn.Conv1d(n_channels, n_classes, 5, padding=2)

        def forward(self, x):
            return self.layer(x)

    X = np.random.default_rng(0).normal(size=(4, 200))
    y = (X > 0).astype(int)
    segmenter = SupervisedSegmenter(network=Plain, max_steps=2, random_state=0).fit(X, y)
    assert embed(segmenter, X, (0, 0, 100)) is None
