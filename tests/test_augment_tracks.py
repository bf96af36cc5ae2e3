"""Signal, target and validity move together."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sslts.augment import Tracks


def make_tracks(n_classes=3, batch=2, length=30, seed=0):
    """Return tracks whose signal says which label and which position a sample has."""
    g = torch.Generator().manual_seed(seed)
    target = torch.randint(0, n_classes, (batch, length), generator=g)
    x = torch.stack([target.float(), torch.arange(length).float().expand(batch, length)], 1)
    return Tracks(x, target, torch.ones(batch, length).bool())


@given(st.integers(-40, 40))
def test_moving_by_whole_samples_moves_everything(by):
    tracks = make_tracks()
    moved = tracks.resample(torch.arange(30).float().expand(2, 30) + by)
    valid = moved.valid
    assert valid.sum() == 2 * max(30 - abs(by), 0)
    assert torch.equal(moved.x[:, 0][valid].long(), moved.target[valid])
    assert (moved.target[~valid] == -1).all()
    assert (moved.x.movedim(1, -1)[~valid] == 0).all()


@given(st.floats(0.3, 3.0), st.floats(-20, 20))
def test_labels_never_mix(factor, offset):
    tracks = make_tracks()
    three = tracks.replace(target=torch.where(tracks.target > 1, 3, 0))
    moved = three.resample((torch.arange(50).float() * factor + offset).expand(2, 50))
    assert set(moved.target.unique().tolist()) <= {-1, 0, 3}  # linear interpolation would invent 1 and 2


@given(st.floats(0.3, 3.0), st.floats(-20, 20))
def test_probabilities_stay_probabilities(factor, offset):
    tracks = make_tracks()
    proba = torch.rand(2, 4, 30).softmax(1)
    moved = tracks.replace(target=proba).resample((torch.arange(50).float() * factor + offset).expand(2, 50))
    torch.testing.assert_close(moved.target.sum(1), torch.ones(2, 50))


def test_probabilities_and_signals_are_interpolated_linearly():
    x = torch.tensor([[[0.0, 10.0, 30.0]]])
    tracks = Tracks(x, x.clone(), torch.ones(1, 3).bool())
    moved = tracks.resample(torch.tensor([[0.25, 1.5]]))
    assert moved.x.tolist() == moved.target.tolist() == [[[2.5, 20.0]]]


def test_padding_stays_padding():
    tracks = make_tracks().replace(valid=torch.arange(30).expand(2, 30) < 20)
    moved = tracks.resample(torch.arange(30).float().expand(2, 30) + 5)
    assert moved.valid.sum(1).tolist() == [15, 15]


@pytest.mark.parametrize("length", [1, 2])
def test_the_shortest_tracks(length):
    tracks = make_tracks(length=length)
    moved = tracks.resample(torch.zeros(2, length))
    assert torch.equal(moved.target, tracks.target[:, :1].expand(2, length))
