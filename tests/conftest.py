"""Small data and fast estimators that several test files share."""

import numpy as np
import pytest
import torch
from hypothesis import settings

from sslts import FixMatchSegmenter, MeanTeacherSegmenter, PseudoLabelSegmenter, SupervisedSegmenter
from sslts.augment import Tracks
from sslts.datasets import make_recordings
from sslts.networks import UNet
from sslts.training import Batch, Step

settings.register_profile("sslts", deadline=None)  # a busy machine is no failure
settings.load_profile("sslts")

TINY = UNet(width=4, depth=1)
SEGMENTERS = {
    "fixmatch": FixMatchSegmenter,
    "mean_teacher": MeanTeacherSegmenter,
    "pseudo_label": PseudoLabelSegmenter,
    "supervised": SupervisedSegmenter,
}


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
        fast = {"max_steps": 3, "batch_size": 2, "network": TINY, "random_state": 0}
        return SEGMENTERS[request.param](**{**fast, **params})

    return make


def as_ragged(X):
    """Return recordings of different lengths."""
    return [x[..., : 600 - 37 * (i % 5)] for i, x in enumerate(np.asarray(X))]


@pytest.fixture
def batch():
    g = torch.Generator().manual_seed(0)
    labels = torch.randint(-1, 3, (2, 20), generator=g)
    valid = torch.ones(4, 20).bool()
    valid[0, 15:] = False
    return Batch(
        Tracks(torch.randn(2, 1, 20, generator=g), labels, torch.ones(2, 20).bool()),
        Tracks(torch.randn(4, 1, 20, generator=g), torch.full((4, 20), -1), valid),
    )


class Models:
    """A student and a teacher, and what they were asked."""

    def __init__(self):
        torch.manual_seed(0)
        self.network, self.average = torch.nn.Conv1d(1, 3, 3, padding=1), torch.nn.Conv1d(1, 3, 3, padding=1)
        self.passes = []

    def student(self, *views):
        self.passes.append("student")
        return self.network(torch.cat(views)).split([len(view) for view in views])

    @torch.no_grad()
    def teacher(self, x):
        self.passes.append("teacher")
        return (3 * self.average(x)).softmax(1)

    def at(self, progress):
        return Step(self.student, self.teacher, torch.Generator(), progress)


@pytest.fixture
def models():
    return Models()
