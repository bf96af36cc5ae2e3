"""A recording read in pieces gives what one pass gives, whatever it is read beside."""

import numpy as np
import pytest
import torch
from conftest import TINY
from hypothesis import given, settings
from hypothesis import strategies as st

import sslts.prediction
from sslts import SupervisedSegmenter
from sslts.networks import UNet


@pytest.fixture(scope="module")
def fitted(labeled):
    X, y = labeled
    network = UNet(width=4, depth=2, stem_stride=2)
    return SupervisedSegmenter(max_steps=20, network=network, precision="float32", random_state=0).fit(X, y)


@settings(max_examples=20)
@given(length=st.integers(1, 4000), samples=st.integers(8, 1500))
def test_pieces_give_one_pass(fitted, length, samples):
    x = np.random.default_rng(length).normal(size=(1, length)).cumsum(-1)
    whole = fitted.predict_proba(x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sslts.prediction, "PREDICT_SAMPLES", samples)
        np.testing.assert_allclose(fitted.predict_proba(x), whole, atol=1e-5)


def test_recordings_are_grouped_by_length_and_come_back_in_place(fitted):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=n) for n in (50, 70, 50, 3000, 70, 1)]
    for x, proba in zip(X, fitted.predict_proba(X), strict=True):
        np.testing.assert_allclose(proba, fitted.predict_proba(x[None])[0], atol=1e-5)


def test_a_network_without_stride_reads_each_recording_at_once(labeled, monkeypatch):
    monkeypatch.setattr(sslts.prediction, "PREDICT_SAMPLES", 100)
    X, y = labeled
    seen = []

    class Look(torch.nn.Conv1d):
        def forward(self, x):
            seen.append(x.shape[-1])
            return super().forward(x)

    fitted = SupervisedSegmenter(max_steps=1, network=lambda c, k: Look(c, k, 3, padding=1)).fit(X, y)
    seen.clear()
    fitted.predict(X)
    assert set(seen) == {600}


def test_the_teachers_batch_statistics_are_those_it_averaged(labeled):
    """Prediction never depends on what else is in the batch."""
    X, y = labeled
    fitted = SupervisedSegmenter(max_steps=5, network=TINY, precision="float32", random_state=0).fit(X, y)
    np.testing.assert_allclose(fitted.predict_proba(X)[3:4], fitted.predict_proba(X[3:4]), atol=1e-5)
