"""CutMix replaces signal, target and validity of a stretch together."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from sslts.augment import CutMix, Tracks


def make_rows(batch=6, length=100, n_classes=6):
    row = torch.arange(batch)
    x = row.float()[:, None, None].expand(batch, 2, length).contiguous()
    return Tracks(x, row[:, None].expand(batch, length), (row % 2 == 0)[:, None].expand(batch, length).clone())


@given(st.integers(0, 1000))
def test_everything_comes_from_the_same_recording(seed):
    mixed = CutMix(p=1.0)(make_rows(), torch.Generator().manual_seed(seed))
    source = mixed.x[:, 0].long()
    assert torch.equal(source, mixed.x[:, 1].long())
    assert torch.equal(source, mixed.target)
    assert torch.equal(source % 2 == 0, mixed.valid)


def test_probabilities_are_mixed_like_labels():
    tracks = make_rows()
    proba = torch.nn.functional.one_hot(tracks.target, 6).movedim(-1, 1).float()
    mixed = CutMix(p=1.0)(tracks.replace(target=proba), torch.Generator().manual_seed(0))
    assert torch.equal(mixed.target.argmax(1), mixed.x[:, 0].long())


def test_one_stretch_of_the_stated_length():
    mixed = CutMix(p=1.0, low=0.3, high=0.3)(make_rows(), torch.Generator().manual_seed(0))
    foreign = mixed.x[:, 0] != torch.arange(6)[:, None]
    assert ((foreign.sum(1) - 30).abs() <= 1).all()
    assert (foreign.int().diff(dim=1).abs().sum(1) <= 2).all()


def test_probability_zero_is_the_identity():
    assert torch.equal(CutMix(p=0.0)(make_rows(), torch.Generator()).x, make_rows().x)
