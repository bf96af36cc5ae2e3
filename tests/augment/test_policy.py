"""Policies draw views for each recording, and plain functions are views too."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from sslts.augment import (
    Augmenter,
    Compose,
    CutMix,
    Jitter,
    RandAugment,
    Rescale,
    Reverse,
    Scale,
    Smooth,
    SomeOf,
    TimeWarp,
    Tracks,
    apply_view,
)


@pytest.fixture
def tracks():
    g = torch.Generator().manual_seed(0)
    return Tracks(torch.randn(200, 1, 60, generator=g), torch.zeros(200, 60).long(), torch.ones(200, 60).bool())


def test_n_changes_are_drawn_for_each_recording(tracks):
    view = RandAugment(n=1, magnitude=10, warp=None, mix=None, changes=(Jitter(), Scale()))
    x = view(tracks, torch.Generator().manual_seed(0)).x
    before, after = (signal - signal.mean(-1, keepdim=True) for signal in (tracks.x, x))
    factor = (before * after).sum(-1, keepdim=True) / before.square().sum(-1, keepdim=True)
    scaled = (after - factor * before).std(-1).flatten() < 1e-4  # no noise was added
    assert 0.35 < scaled.float().mean() < 0.65


def test_no_change_is_drawn_for_n_zero(tracks):
    x = RandAugment(n=0, warp=None, mix=None)(tracks, torch.Generator().manual_seed(0)).x
    torch.testing.assert_close(x, tracks.x)


def test_mixing_follows(tracks):
    target = torch.arange(200)[:, None].expand(200, 60)
    view = RandAugment(mix=CutMix(p=1.0))(tracks.replace(target=target), torch.Generator().manual_seed(0))
    assert (view.target != target).any()


def test_time_is_warped_first_and_the_target_moves_along(tracks):
    ramp = torch.arange(60.0).expand(200, 1, 60)
    moving = tracks.replace(x=ramp, target=torch.cat([ramp, 59 - ramp], 1) / 59)
    view = RandAugment(n=0, mix=None)(moving, torch.Generator().manual_seed(0))
    torch.testing.assert_close((59 * view.target[:, 0])[view.valid], view.x[:, 0][view.valid], atol=1e-2, rtol=0)
    assert 0.35 < ((view.x - ramp).abs() > 0.1).any(-1).float().mean() < 0.65  # every second recording


def test_a_plain_function_changes_values(tracks):
    assert torch.equal(apply_view(lambda x: -x, tracks, torch.Generator()).x, -tracks.x)
    composed = Compose((lambda x: -x, lambda x: x + 1))
    assert torch.equal(composed(tracks, torch.Generator()).x, 1 - tracks.x)


def test_none_is_the_identity(tracks):
    assert apply_view(None, tracks, torch.Generator()) is tracks


@pytest.mark.parametrize(
    "view", [lambda x: x[..., 1:], lambda x: x.double(), lambda x: x.numpy(), lambda x: x[:, [0, 0]]]
)
def test_a_view_that_changes_shape_or_type_is_refused(view, tracks):
    with pytest.raises(ValueError, match="it must keep shape and type"):
        apply_view(view, tracks, torch.Generator())


class TestSomeOf:
    steps = (lambda x: x + 1, lambda x: x + 10, lambda x: x + 100)

    def draw(self, tracks, n):
        change = SomeOf(self.steps, n=n)(tracks, torch.Generator().manual_seed(0)).x - tracks.x
        return change[:, 0, 0].round().int()

    def test_each_recording_gets_n_of_the_views(self, tracks):
        assert set(self.draw(tracks, 1).tolist()) == {1, 10, 100}
        assert set(self.draw(tracks, 2).tolist()) == {11, 101, 110}
        assert set(self.draw(tracks, 3).tolist()) == {111}

    def test_n_may_be_a_range(self, tracks):
        assert set(self.draw(tracks, (0, 1)).tolist()) == {0, 1, 10, 100}

    def test_labels_and_probabilities_move_with_the_recordings_that_are_drawn(self, tracks):
        ramp = torch.arange(60.0).expand(200, 1, 60)
        for target in (ramp[:, 0].long(), torch.stack([ramp[:, 0], 60 - ramp[:, 0]], 1)):
            view = SomeOf((Reverse(p=1.0), TimeWarp(), None))(
                tracks.replace(x=ramp, target=target), torch.Generator().manual_seed(0)
            )
            moved = view.target if target.ndim == 2 else view.target[:, 0]
            assert ((view.x[:, 0] - moved).abs()[view.valid] <= 0.51).all()
            assert (view.x[:, 0, 0] > 30).any()
            assert (view.x[:, 0, 0] < 30).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rescale(2.0, 1.0), "low=2.0 is above high=1.0"),
        (lambda: Rescale(0.0, 1.0), "low=0.0 is not a factor of a length; give a number above 0"),
        (lambda: CutMix(low=0.9, high=0.1), "low=0.9 is above high=0.1"),
        (lambda: SomeOf((Jitter(),), n=(2, 1)), r"n=\(2, 1\) must be"),
        (lambda: SomeOf((Jitter(),), n=-1), "n=-1 must be"),
        (lambda: RandAugment(n=-1), "n=-1; give a whole number"),
        (lambda: RandAugment(changes=(abs,)), r"changes\[0\]=.* is not a ValueAugmenter"),
        (lambda: Smooth(width=0), "width=0; give a whole number"),
    ],
)
def test_an_invalid_parameter_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


class Wrong(Augmenter):
    def __init__(self, change):
        self.change = change

    def __call__(self, tracks, generator):
        return self.change(tracks)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tracks: None, "returned NoneType, not Tracks"),
        (lambda tracks: tracks.x, "returned Tensor, not Tracks"),
        (lambda tracks: tracks.replace(valid=tracks.valid[:, :-1]), r"turned valid of shape \(2, 8\) into \(2, 7\)"),
    ],
)
def test_an_augmenter_that_returns_invalid_tracks_is_named(change, message):
    tracks = Tracks(torch.zeros(2, 1, 8), torch.zeros(2, 8).long(), torch.ones(2, 8).bool())
    with pytest.raises(ValueError, match=message):
        apply_view(Wrong(change), tracks, torch.Generator())


@pytest.mark.parametrize("n", [2, np.int64(2), (2, 2), [2, 2]])
def test_the_number_of_steps_has_several_forms(n, tracks):
    seen = SomeOf((Jitter(), Scale()), n=n)(tracks, torch.Generator().manual_seed(0))
    wanted = SomeOf((Jitter(), Scale()), n=2)(tracks, torch.Generator().manual_seed(0))
    assert torch.equal(seen.x, wanted.x)


def test_a_crop_after_another_move_uses_the_moved_recordings():
    """Recordings that fill a fifth of their windows are at the other end after `Reverse`."""
    valid = torch.zeros(64, 100).bool()
    valid[:, :20] = True
    tracks = Tracks(torch.randn(64, 1, 100) * valid[:, None], torch.where(valid, 1, -1), valid)
    turned = Reverse(p=1.0)(tracks, torch.Generator())
    wanted = Rescale(1.5, 2.0)(turned, torch.Generator().manual_seed(1))
    found = Compose((Reverse(p=1.0), Rescale(1.5, 2.0)))(tracks, torch.Generator().manual_seed(0))
    for view in (wanted, found):
        assert (view.valid.sum(1) >= 20).all()
        assert torch.equal(view.target == 1, view.valid)


def test_a_sample_that_a_view_makes_invalid_is_unlabeled():
    @dataclass(frozen=True)
    class Half(Augmenter):
        def __call__(self, tracks, generator):
            valid = tracks.valid.clone()
            valid[:, ::2] = False
            return tracks.replace(valid=valid)

    tracks = Tracks(torch.randn(1, 1, 4), torch.tensor([[0, 1, 0, 1]]), torch.ones(1, 4).bool())
    assert apply_view(Half(), tracks, torch.Generator()).target.tolist() == [[-1, 1, -1, 1]]
    soft = tracks.replace(target=torch.full((1, 2, 4), 0.5))
    assert torch.equal(apply_view(Half(), soft, torch.Generator()).target, soft.target)
