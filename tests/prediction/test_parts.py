"""Prediction in pieces equals prediction in one pass."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import TINY

from sslts import SupervisedSegmenter
from sslts.decoding import Argmax, DurationViterbi, Hysteresis
from sslts.networks import UNet
from sslts.prediction import parts
from sslts.recordings import sources


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
        patch.setattr(parts, "_PREDICT_SAMPLES", samples)
        np.testing.assert_allclose(fitted.predict_proba(x), whole, atol=1e-5)


DECODERS = {"argmax": Argmax(), "hysteresis": Hysteresis(min_length=9, min_gap=5), "durations": DurationViterbi()}


@settings(max_examples=8)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=4), st.integers(8, 1500), st.sampled_from(list(DECODERS)))
def test_labels_and_segments_of_pieces_equal_one_pass(fitted, lengths, samples, decoder):
    X = [np.random.default_rng(i).normal(size=n).cumsum() for i, n in enumerate(lengths)]
    fitted.set_params(decoder=DECODERS[decoder])
    whole, segments = fitted.predict(X), fitted.predict_segments(X)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_PREDICT_SAMPLES", samples)
        for found, wanted in zip(fitted.predict(X), whole, strict=True):
            np.testing.assert_array_equal(found, wanted)
        pd.testing.assert_frame_equal(fitted.predict_segments(X), segments, atol=1e-5)


class Endless:
    """A recording whose samples are computed when they are read."""

    def __init__(self, length):
        self.shape, self.longest = (length,), 0

    def __getitem__(self, key):
        t = np.arange(*key.indices(self.shape[0]))
        self.longest = max(self.longest, len(t))
        return np.sin(t / 7) + np.sin(t / 90)


def test_a_long_recording_is_never_held_in_memory(fitted, monkeypatch):
    monkeypatch.setattr(parts, "_PREDICT_SAMPLES", 2048)
    monkeypatch.setattr(sources, "_READ_SAMPLES", 4096)
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
    assert long < short + 350_000  # less than one byte per additional sample, with the table of segments


def test_recordings_are_grouped_by_length_and_returned_in_order(fitted):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=n) for n in (50, 70, 50, 3000, 70, 1)]
    for x, proba in zip(X, fitted.predict_proba(X), strict=True):
        np.testing.assert_allclose(proba, fitted.predict_proba(x[None])[0], atol=1e-5)


def count_passes(net, monkeypatch):
    seen, ask = [], type(net).answer
    monkeypatch.setattr(type(net), "answer", lambda self, x, *more: seen.append(tuple(x.shape)) or ask(self, x, *more))
    return seen


def test_recordings_of_similar_length_share_a_pass(fitted, monkeypatch):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=n).cumsum() for n in (97, 104, 100, 90, 98, 700)]
    alone = [fitted.predict_proba(x[None])[0] for x in X]
    seen = count_passes(fitted.net_, monkeypatch)
    for found, wanted in zip(fitted.predict_proba(X), alone, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert seen == [(1, 1, 96), (4, 1, 104), (1, 1, 704)]


def test_the_last_pieces_of_long_recordings_have_few_lengths(fitted, monkeypatch):
    monkeypatch.setattr(parts, "_PREDICT_SAMPLES", 512)
    rng = np.random.default_rng(0)
    X = [rng.normal(size=n).cumsum() for n in range(1500, 1600, 9)]
    seen = count_passes(fitted.net_, monkeypatch)
    fitted.predict_proba(X)
    assert len({length for _, _, length in seen}) <= 6


def test_a_network_without_lengths_gets_no_lengths(labeled, monkeypatch):
    X, y = labeled
    fitted = SupervisedSegmenter(
        max_steps=1, network=lambda c, k: torch.nn.Conv1d(c, k, 3, padding=1), precision="float32"
    ).fit(X, y)
    ragged = [X[0, :49], X[1, :21], X[2, :49]]
    alone = [fitted.predict_proba(x[None])[0] for x in ragged]
    seen = count_passes(fitted.net_, monkeypatch)
    for found, wanted in zip(fitted.predict_proba(ragged), alone, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert seen == [(1, 1, 21), (2, 1, 49)]


def test_changed_weights_change_the_next_prediction(labeled):
    X, y = labeled
    fitted = SupervisedSegmenter(max_steps=5, network=TINY, precision="float32", random_state=0).fit(X, y)
    other = SupervisedSegmenter(max_steps=5, network=TINY, precision="float32", random_state=1).fit(X, y)
    before, wanted = fitted.predict_proba(X), other.predict_proba(X)
    fitted.net_.teacher_.load_state_dict(other.net_.teacher_.state_dict())
    np.testing.assert_allclose(fitted.predict_proba(X), wanted, atol=1e-6)
    assert np.abs(before - wanted).max() > 1e-3


def test_predictions_come_from_the_averaged_network(fitted):
    x = np.random.default_rng(0).normal(size=(2, 333)).astype(np.float32)
    fitted.set_params(decoder=Argmax())
    seen = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    wanted = fitted.net_.ask_teacher(torch.from_numpy(seen[:, None])).transpose(1, 2)
    np.testing.assert_allclose(fitted.predict_proba(x), wanted, atol=1e-5)


def test_a_network_without_stride_reads_each_recording_in_one_piece(labeled, monkeypatch):
    monkeypatch.setattr(parts, "_PREDICT_SAMPLES", 100)
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


def test_predictions_do_not_depend_on_the_batch(labeled):
    """The teacher uses its averaged BatchNorm statistics."""
    X, y = labeled
    fitted = SupervisedSegmenter(max_steps=5, network=TINY, precision="float32", random_state=0).fit(X, y)
    np.testing.assert_allclose(fitted.predict_proba(X)[3:4], fitted.predict_proba(X[3:4]), atol=1e-5)


def test_a_network_that_returns_nan_raises(labeled):
    X, y = labeled
    segmenter = SupervisedSegmenter(network=TINY, max_steps=2, batch_size=2, random_state=0).fit(X, y)
    with torch.no_grad():
        next(segmenter.net_.teacher_.module.parameters())[0] = float("nan")
    for ask in (segmenter.predict, segmenter.predict_proba, segmenter.predict_segments):
        with pytest.raises(FloatingPointError, match="network returns NaN"):
            ask(X)
