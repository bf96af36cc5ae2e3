"""Fixtures that several test files share."""

import pytest
import torch
from hypothesis import settings
from labeling_server import serve_label_studio
from small import SEGMENTERS, TINY, Models
from worker_processes import start_workers

from sslts.augment import Tracks
from sslts.datasets import make_recordings
from sslts.training import Batch, SegmentationNet

settings.register_profile("sslts", deadline=None, max_examples=30)  # a busy machine is slow
settings.load_profile("sslts")


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Run on one thread: tiny networks are fastest so, and several tests may run at once."""
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
    """Return the same recordings, with labels for the first four only."""
    X, y = labeled
    y = y.copy()
    y[4:] = -1
    return X, y


# Two methods stand for all in the fast suite: one with unlabeled windows, and one without.
@pytest.fixture(
    params=[
        name if name in ("fixmatch", "supervised") else pytest.param(name, marks=pytest.mark.slow)
        for name in SEGMENTERS
    ]
)
def make_segmenter(request):
    """Return a function that makes a fast segmenter of each kind."""

    def make(**params):
        fast = {"max_steps": 3, "batch_size": 2, "network": TINY, "random_state": 0, "normalization": "recording"}
        return SEGMENTERS[request.param](**{**fast, **params})

    return make


@pytest.fixture
def no_training(monkeypatch):
    """Fail if training begins."""

    def refuse(*args, **kwargs):
        raise AssertionError("training began")

    monkeypatch.setattr(SegmentationNet, "train_step", refuse)


@pytest.fixture
def no_pictures(monkeypatch):
    """Leave the pictures of reports empty: drawing takes most of the time of a report."""
    monkeypatch.setattr("sslts.report._page.draw_svg", lambda figure: "<svg></svg>")


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


@pytest.fixture
def models():
    return Models()


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory):
    """Start Label Studio; tests that ask for it are marked ``server``."""
    with serve_label_studio(tmp_path_factory.mktemp("label_studio")) as server:
        yield server


@pytest.fixture(scope="session")
def workers():
    """Start two worker processes of dask, and return a client; tests that ask for it are marked ``cluster``."""
    pytest.importorskip("distributed")
    with start_workers(2) as client:
        yield client
