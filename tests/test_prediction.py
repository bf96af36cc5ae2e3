"""A recording read in pieces gives what one pass gives, whatever it is read beside."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import TINY
from hypothesis import given, settings
from hypothesis import strategies as st

import sslts.prediction
from sslts import SupervisedSegmenter
from sslts.decoding import Argmax, DurationViterbi, Hysteresis
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


DECODERS = {"argmax": Argmax(), "hysteresis": Hysteresis(min_length=9, min_gap=5), "durations": DurationViterbi()}


@settings(max_examples=20)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=4), st.integers(8, 1500), st.sampled_from(list(DECODERS)))
def test_labels_and_segments_of_pieces_are_those_of_one_pass(fitted, lengths, samples, decoder):
    X = [np.random.default_rng(i).normal(size=n).cumsum() for i, n in enumerate(lengths)]
    fitted.set_params(decoder=DECODERS[decoder])
    whole, segments = fitted.predict(X), fitted.predict_segments(X)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sslts.prediction, "PREDICT_SAMPLES", samples)
        for found, wanted in zip(fitted.predict(X), whole, strict=True):
            np.testing.assert_array_equal(found, wanted)
        pd.testing.assert_frame_equal(fitted.predict_segments(X), segments, atol=1e-5)


class Endless:
    """A recording that is made when it is read."""

    def __init__(self, length):
        self.shape, self.longest = (length,), 0

    def __getitem__(self, key):
        t = np.arange(*key.indices(self.shape[0]))
        self.longest = max(self.longest, len(t))
        return np.sin(t / 7) + np.sin(t / 90)


def test_a_long_recording_is_never_held(fitted, monkeypatch):
    monkeypatch.setattr(sslts.prediction, "PREDICT_SAMPLES", 2048)
    monkeypatch.setattr(sslts.recordings, "READ_SAMPLES", 4096)
    fitted.set_params(decoder=Argmax())

    def measure(length):
        x = Endless(length)
        tracemalloc.start()
        fitted.predict_segments([x])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return x.longest, peak

    (read, short), (read_long, long) = measure(50_000), measure(400_000)
    assert read == read_long <= 4096
    assert long < short + 350_000  # less than a byte for each sample more; their table of segments is part of it


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
