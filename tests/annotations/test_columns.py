"""Channels that are no signal are warned of in a fit: columns of labels, and of times."""

import warnings

import numpy as np
import pandas as pd
import pytest
from small import TINY

from sslts import SupervisedSegmenter
from sslts.annotations import as_label_runs, warn_of_columns
from sslts.datasets import make_recordings
from sslts.recordings import as_recordings

X, Y = make_recordings(4, n_samples=200, segment_length=20, random_state=0)
LABELS = {
    "the labels": lambda y: y,
    "as floats": lambda y: y.astype(float),
    "other numbers": lambda y: np.where(y == 1, -7, 3),
    "one class": lambda y: (y == 1) * 1.0,
}
CLOCKS = {
    "counter": np.arange(200),
    "seconds": np.arange(200) / 360,
    "rounded": np.round(np.arange(200) / 360, 2),
    "epoch": 1.75e9 + np.arange(200) / 100,
    "jitter": np.arange(200) + np.random.default_rng(0).uniform(0, 0.3, 200),
    "gap": np.r_[np.arange(100), np.arange(500, 600)],
}


def look(signals, labels=Y):
    recordings = as_recordings(signals)
    warn_of_columns(recordings, as_label_runs(labels, recordings))


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("unlabeled", [False, True])
def test_a_column_of_labels(kind, unlabeled):
    labels = np.where(np.arange(200) < 120, Y, -1) if unlabeled else Y
    frames = [pd.DataFrame({"acc": x, "event": LABELS[kind](y)}) for x, y in zip(X, Y, strict=True)]
    with pytest.warns(UserWarning, match=r"X: channel 'event' has one value for each class.*drop\(columns='event'\)"):
        SupervisedSegmenter(network=TINY, max_steps=1).fit(frames, labels)
    with pytest.warns(UserWarning, match=r"channel 1 has one value.*np\.delete\(X, 1, axis=1\)"):
        look(np.stack([X, [LABELS[kind](y) for y in Y]], axis=1), labels)


@pytest.mark.parametrize("kind", CLOCKS)
def test_a_column_of_times(kind):
    frames = [pd.DataFrame({"time": CLOCKS[kind], "acc": x}) for x in X]
    with pytest.warns(UserWarning, match=r"X: channel 'time' rises evenly.*drop\(columns='time'\)"):
        SupervisedSegmenter(network=TINY, max_steps=1).fit(frames, Y)


def test_a_column_of_dates_is_refused_with_a_fix():
    frames = [pd.DataFrame({"when": pd.date_range("2026", periods=200, freq="s"), "acc": x}) for x in X]
    with pytest.raises(TypeError, match=r"recording 0 has the column 'when' of times; .*table\.set_index\('when'\)"):
        as_recordings(frames)


@pytest.mark.parametrize(
    "other",
    [
        np.zeros_like(X),
        np.cumsum(np.abs(X), axis=1),
        np.repeat([[0.0, 1.0]], 100, axis=1).repeat(4, axis=0),
        np.where(Y == 1, 5, X),
        X + np.arange(200),
        np.round(X),
    ],
    ids=["constant", "sum", "step", "labels in part", "drift", "rounded"],
)
def test_signals_are_not_suspected(other):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        look(np.stack([X, other], axis=1))
        look(X)


def test_few_labels_tell_nothing():
    labels = np.full_like(Y, -1)
    labels[0, :2] = [0, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        look(np.stack([X, np.arange(800).reshape(4, 200) % 2], axis=1), labels)
