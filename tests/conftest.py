"""Small data and fast estimators that several test files share."""

import numpy as np
import pytest
import torch
from hypothesis import settings

from sslts import FixMatchSegmenter, SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.networks import UNet

settings.register_profile("sslts", deadline=None)  # a busy machine is no failure
settings.load_profile("sslts")

TINY = UNet(width=8, depth=2)
SEGMENTERS = {"fixmatch": FixMatchSegmenter, "supervised": SupervisedSegmenter}


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Tiny networks are fastest on one thread, and tests may run beside one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def labeled():
    """Return 12 recordings of 600 samples with all their labels."""
    return make_recordings(12, n_samples=600, segment_length=24, random_state=0)


@pytest.fixture
def partly(labeled):
    """Return the same with labels for the first four."""
    X, y = labeled
    y = y.copy()
    y[4:] = -1
    return X, y


@pytest.fixture(params=list(SEGMENTERS))
def make_segmenter(request):
    """Return a function that makes a fast segmenter of each kind."""

    def make(**params):
        fast = {"max_steps": 4, "batch_size": 4, "network": TINY, "random_state": 0}
        return SEGMENTERS[request.param](**{**fast, **params})

    return make


def as_ragged(X):
    """Return recordings of different lengths."""
    return [x[..., : 600 - 37 * (i % 5)] for i, x in enumerate(np.asarray(X))]
