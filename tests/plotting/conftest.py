"""Fixtures that the tests of the displays share."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from sslts import FixMatchSegmenter
from sslts.datasets import make_recordings
from sslts.networks import UNet


@pytest.fixture(autouse=True)
def close_figures():
    with mpl.rc_context({"backend": "Agg"}):
        yield
    plt.close("all")


@pytest.fixture(scope="session")
def fast():
    """Return parameters of a fast segmenter that finds segments of every class."""
    return {"max_steps": 8, "batch_size": 4, "lr": 1e-2, "network": UNet(width=8, depth=2), "random_state": 0}


@pytest.fixture(scope="session")
def partly():
    """Return recordings, labels of the first half of them, and all labels."""
    X, y = make_recordings(6, n_samples=400, n_classes=3, random_state=0)
    few = y.copy()
    few[3:] = -1
    return X, few, y


@pytest.fixture(scope="session")
def fitted(partly, fast):
    """Return a fitted segmenter, recordings and all labels."""
    X, few, y = partly
    return FixMatchSegmenter(**fast, sampling_rate=50).fit(X, few), X, y


@pytest.fixture
def draw():
    """Return a function that renders a display and returns it."""

    def render(display):
        display.figure_.canvas.draw()
        return display

    return render
