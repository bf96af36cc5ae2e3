"""Batches hold the sliced windows, whether recordings are in memory or read from files."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sslts.annotations import LabelRuns
from sslts.recordings import NormalizedRecordings, as_recordings
from sslts.training import WindowDataset


class Lazy:
    """A recording that counts the samples that are read."""

    def __init__(self, x):
        self.x, self.shape, self.read = x, x.shape, 0

    def __getitem__(self, key):
        part = self.x[key]
        self.read += part.shape[-1]
        return part


def make_dataset(X, labels, window_length=10, n_unlabeled=4, normalization=None, **others):
    return WindowDataset(
        NormalizedRecordings(as_recordings(X), normalization, window_length),
        LabelRuns.from_labels(labels),
        window_length=window_length,
        batch_size=4,
        n_unlabeled=n_unlabeled,
        n_classes=2,
        device=torch.device("cpu"),
        seed=0,
        **others,
    )


def make_data(lengths, n_channels):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n_channels, t)).astype(np.float32) for t in lengths]
    labels = [rng.integers(-1, 2, t) for t in lengths]
    labels[0][0] = 1
    return X, labels


LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=6)


@settings(max_examples=30)
@given(LENGTHS, st.integers(1, 3), st.integers(1, 20), st.booleans(), st.data())
def test_windows_equal_slices(lengths, n_channels, window_length, lazy, data):
    X, labels = make_data(lengths, n_channels)
    dataset = make_dataset([Lazy(x) for x in X] if lazy else X, labels, window_length)
    assert dataset.holds != lazy
    i = data.draw(st.integers(0, len(X) - 1))
    start = data.draw(st.integers(0, max(lengths[i] - window_length, 0)))
    window = dataset.gather(np.array([i]), np.array([start]))
    size = min(window_length, lengths[i] - start)
    np.testing.assert_array_equal(window.x[0, :, :size], X[i][:, start : start + size])
    np.testing.assert_array_equal(window.target[0, :size], labels[i][start : start + size])
    assert window.valid[0].tolist() == [True] * size + [False] * (window_length - size)
    assert (window.x[0, :, size:] == 0).all()
    assert (window.target[0, size:] == -1).all()


@settings(max_examples=20)
@given(LENGTHS, st.sampled_from(["recording", "local", None]), st.integers(0, 3))
def test_read_recordings_give_the_same_batches_as_held_recordings(lengths, normalization, n_unlabeled):
    X, labels = make_data(lengths, 2)
    held, read = (
        list(make_dataset(given, labels, n_unlabeled=n_unlabeled, normalization=normalization).iterate(0, 3))
        for given in (X, [Lazy(x) for x in X])
    )
    assert len(held) == len(read) == 3
    for one, other in zip(held, read, strict=True):
        for tracks, others in ((one.labeled, other.labeled), (one.unlabeled, other.unlabeled)):
            torch.testing.assert_close(tracks.x, others.x, rtol=1e-6, atol=1e-6)
            assert torch.equal(tracks.target, others.target)
            assert torch.equal(tracks.valid, others.valid)


def test_a_batch_depends_only_on_the_step():
    dataset = make_dataset(*make_data([30, 20], 1))
    later = [batch.labeled.x for batch in dataset.iterate(2, 4)]
    for x, batch in zip(later, list(dataset.iterate(0, 4))[2:], strict=True):
        assert torch.equal(x, batch.labeled.x)
    assert not torch.equal(*later)


@pytest.mark.parametrize("normalization", ["local", None])
def test_only_the_windows_of_a_batch_are_read(normalization):
    X = [Lazy(np.random.default_rng(i).normal(size=100_000)) for i in range(50)]
    dataset = make_dataset(X, [np.zeros(100_000, dtype=int), *[np.full(100_000, -1)] * 49], normalization=normalization)
    assert len(list(dataset.iterate(0, 5))) == 5
    width = 30 if normalization else 10
    assert 0 < sum(x.read for x in X) <= 5 * 8 * width + 50  # plus one sample per recording, for its dtype


def test_recordings_too_large_for_the_device_are_read_by_windows(monkeypatch):
    monkeypatch.setattr("sslts.training.batches._find_memory", lambda device: 2 * 4 * 49)
    X, labels = make_data([30, 20], 1)
    assert not make_dataset(X, labels).holds
    monkeypatch.setattr("sslts.training.batches._find_memory", lambda device: 2 * 4 * 50)
    assert make_dataset(X, labels).holds


def test_an_error_while_reading_ahead_is_raised():
    X, labels = make_data([30, 20], 1)
    X[1][0, 3] = np.nan
    with pytest.raises(ValueError, match="recording 1, at samples .*, has 1 NaN and 0 infinite values"):
        list(make_dataset([Lazy(x) for x in X], labels).iterate(0, 50))


def test_an_unlabeled_batch_carries_no_label():
    (batch,) = make_dataset([np.zeros(30)], [np.zeros(30, dtype=int)]).iterate(0, 1)
    assert (batch.unlabeled.target == -1).all()
    assert (len(batch), len(batch.unlabeled.x)) == (4, 4)


def test_without_unlabeled_windows_only_labeled_recordings_are_held():
    X = [np.full(30, i, dtype=float) for i in range(5)]
    labels = [np.full(30, -1)] * 3 + [np.zeros(30, dtype=int)] + [np.full(30, -1)]
    dataset = make_dataset(X, labels, n_unlabeled=0)
    assert len(dataset.windows.x) == 30
    assert (dataset.draw(0).labeled.x == 3).all()
    assert len(dataset.draw(1).unlabeled.x) == 0


def test_a_pool_teaches_recordings_without_labels():
    pool = make_dataset([np.full(20, 7.0)], [np.ones(20, dtype=int)], n_unlabeled=0)
    batch = make_dataset([np.zeros(30)], [np.full(30, -1)], others={"old": pool}, taught_by="old").draw(0)
    assert (batch.labeled.x == 7).all()
    assert (batch.labeled.target == 1).all()
    assert (batch.unlabeled.x == 0).all()
    assert batch.others == {}


def test_a_batch_unpacks_as_skorch_expects():
    dataset = make_dataset([np.arange(30.0)], [np.zeros(30, dtype=int)])
    (batch,) = dataset.iterate(0, 1)
    x, target = batch
    assert x is batch.labeled.x
    assert target is batch.labeled.target
