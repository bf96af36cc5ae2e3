"""Batches are gathered right, and the average follows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sslts.preprocessing import NormalizedRecordings
from sslts.recordings import as_recordings
from sslts.training import AveragedModule, WindowDataset, seed_torch


def make_dataset(X, labels, window_length=10, n_unlabeled=4):
    return WindowDataset(
        NormalizedRecordings(as_recordings(X), None, 0),
        labels,
        window_length=window_length,
        batch_size=4,
        n_unlabeled=n_unlabeled,
        n_classes=2,
        device=torch.device("cpu"),
        seed=0,
    )


@settings(max_examples=30)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 3), st.integers(1, 20), st.data())
def test_windows_are_what_slicing_gives(lengths, n_channels, window_length, data):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n_channels, t)).astype(np.float32) for t in lengths]
    labels = [rng.integers(-1, 2, t) for t in lengths]
    labels[0][0] = 1
    dataset = make_dataset(X, labels, window_length)
    i = data.draw(st.integers(0, len(X) - 1))
    start = data.draw(st.integers(0, max(lengths[i] - window_length, 0)))
    window = dataset.gather(np.array([i]), np.array([start]))
    size = min(window_length, lengths[i] - start)
    np.testing.assert_array_equal(window.x[0, :, :size], X[i][:, start : start + size])
    np.testing.assert_array_equal(window.target[0, :size], labels[i][start : start + size])
    assert window.valid[0].tolist() == [True] * size + [False] * (window_length - size)
    assert (window.x[0, :, size:] == 0).all()
    assert (window.target[0, size:] == -1).all()


def test_an_unlabelled_batch_carries_no_label():
    batch = make_dataset([np.zeros(30)], [np.zeros(30, dtype=int)]).draw()
    assert (batch.unlabeled.target == -1).all()
    assert (len(batch), len(batch.unlabeled.x)) == (4, 4)


def test_without_unlabelled_windows_only_labelled_recordings_are_held():
    X = [np.full(30, i, dtype=float) for i in range(5)]
    labels = [np.full(30, -1)] * 3 + [np.zeros(30, dtype=int)] + [np.full(30, -1)]
    dataset = make_dataset(X, labels, n_unlabeled=0)
    assert len(dataset.x) == 30
    assert (dataset.draw().labeled.x == 3).all()
    assert len(dataset.draw().unlabeled.x) == 0


def test_the_average_warms_up_and_includes_batch_statistics():
    module = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.BatchNorm1d(1))
    averaged = AveragedModule(module, decay=0.99)
    wanted = None
    for step in range(20):
        module[0].weight.data.fill_(float(step))
        module[1].running_mean.fill_(float(step))
        averaged.update_parameters(module)
        decay = min(0.99, (1 + step) / (10 + step))
        wanted = float(step) if step == 0 else wanted * decay + step * (1 - decay)
    assert averaged.module[0].weight.item() == pytest.approx(wanted)
    assert averaged.module[1].running_mean.item() == pytest.approx(wanted)
    assert not averaged.train().module[1].training


def test_seeding_restores_the_global_state():
    before = torch.get_rng_state()
    with seed_torch(3):
        first = torch.rand(1)
    with seed_torch(3):
        assert torch.rand(1) == first
    assert torch.equal(before, torch.get_rng_state())
