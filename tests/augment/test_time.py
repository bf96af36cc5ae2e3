"""Views that move time also move labels, reproducibly."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import make_tracks

from sslts.augment import Compose, Rescale, Reverse, Shift, TimeAugmenter, TimeWarp, WindowWarp

AUGMENTERS = [
    Shift(0.3),
    Rescale(0.5, 2.0),
    Reverse(0.5),
    TimeWarp(10),
    WindowWarp(10, share=0.3),
    Compose((Rescale(), Shift(), Reverse())),
    Compose((TimeWarp(), WindowWarp(), Rescale())),
]


def make_ramp(length=200, batch=16):
    """Return tracks whose label is a step function of the signal, so that label and signal can be compared."""
    tracks = make_tracks(batch=batch, length=length)
    position = tracks.x[:, 1:]
    return tracks.replace(x=position, target=(position[:, 0] >= 100).long())


@pytest.mark.parametrize("augmenter", AUGMENTERS, ids=repr)
class TestEveryTimeAugmenter:
    def test_labels_move_with_time(self, augmenter):
        moved = augmenter(make_ramp(), torch.Generator().manual_seed(1))
        position = moved.x[:, 0]
        clear = moved.valid & ((position - 99.5).abs() > 0.5)
        assert torch.equal(moved.target[clear], (position[clear] >= 100).long())
        assert clear.any()

    def test_probabilities_move_with_time(self, augmenter):
        tracks = make_ramp()
        proba = torch.stack([tracks.x[:, 0], 199 - tracks.x[:, 0]], 1) / 199
        moved = augmenter(tracks.replace(target=proba), torch.Generator().manual_seed(1))
        torch.testing.assert_close((moved.target[:, 0] * 199)[moved.valid], moved.x[:, 0][moved.valid])

    def test_the_generator_decides(self, augmenter):
        a, b, c = (augmenter(make_ramp(), torch.Generator().manual_seed(s)).x for s in (0, 0, 1))
        assert torch.equal(a, b)
        assert not torch.equal(a, c)

    def test_the_global_random_state_is_not_used(self, augmenter):
        before = torch.get_rng_state()
        augmenter(make_ramp(), torch.Generator().manual_seed(0))
        assert torch.equal(before, torch.get_rng_state())


def test_rescale_makes_patterns_longer_by_its_factor():
    moved = Rescale(2.0, 2.0)(make_ramp(), torch.Generator().manual_seed(0))
    step = moved.x[:, 0].diff(dim=1)
    torch.testing.assert_close(step, torch.full_like(step, 0.5), atol=1e-3, rtol=0)
    assert moved.valid.all()


def test_rescale_pads_when_it_makes_patterns_shorter():
    moved = Rescale(0.5, 0.5)(make_ramp(), torch.Generator().manual_seed(0))
    assert ((moved.valid.sum(1) - 100).abs() <= 1).all()


@pytest.mark.parametrize("view", [Rescale(0.8, 1.25), Compose((Rescale(0.8, 1.25), Reverse(0.0)))])
@pytest.mark.parametrize("first", [0, 400, 1900])
def test_rescale_crops_a_short_recording_and_not_the_padding_around_it(view, first):
    tracks = make_ramp(length=2000, batch=64)
    valid = torch.zeros_like(tracks.valid)
    valid[:, first : first + 100] = True
    moved = view(tracks.replace(valid=valid), torch.Generator().manual_seed(0))
    assert (moved.valid.sum(1) >= 75).all()  # 0.8 of 100 samples, minus the ends
    assert (moved.x[:, 0][moved.valid] >= first).all()


def test_a_composition_resamples_once():
    """Two moves that cancel out return the exact signal; two interpolations would not."""

    @dataclass(frozen=True)
    class Move(TimeAugmenter):
        by: float = 0.0

        def locate(self, position, length, generator):
            return position + self.by

    tracks = make_ramp()
    moved = Compose((Move(0.5), Move(-0.5)))(tracks, torch.Generator())
    assert torch.equal(moved.x, tracks.x)


def test_a_composition_applies_its_steps_in_order():
    """Shift and then reverse differs from reverse and then shift."""

    class Fixed(Shift):
        def locate(self, position, length, generator):
            return position + 50

    tracks, g = make_ramp(batch=1), torch.Generator()
    fused = Compose((Fixed(), Reverse(1.0)))(tracks, g)
    stepwise = Reverse(1.0)(Fixed()(tracks, g), g)
    assert torch.equal(fused.x, stepwise.x)
    assert not torch.equal(fused.x, Fixed()(Reverse(1.0)(tracks, g), g).x)


@pytest.mark.parametrize("augmenter", [Shift(p=0), Rescale(p=0), Reverse(p=0), TimeWarp(p=0), WindowWarp(p=0)])
def test_with_probability_zero_nothing_moves(augmenter):
    moved = augmenter(make_ramp(), torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved.x, make_ramp().x, atol=1e-3, rtol=0)
    assert moved.valid.all()


@pytest.mark.parametrize("augmenter", [TimeWarp(magnitude=0), WindowWarp(magnitude=0)])
def test_with_magnitude_zero_nothing_moves(augmenter):
    moved = augmenter(make_ramp(), torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved.x, make_ramp().x, atol=1e-3, rtol=0)


@given(magnitude=st.floats(0, 10), n_knots=st.integers(2, 40), length=st.integers(2, 300), seed=st.integers(0, 99))
def test_a_time_warp_keeps_the_order_and_its_rate_between_half_and_double(magnitude, n_knots, length, seed):
    position = torch.arange(length, dtype=torch.float32).expand(4, length)
    source = TimeWarp(magnitude, n_knots=n_knots).locate(position, length, torch.Generator().manual_seed(seed))
    rate = source.diff(dim=1)
    limit = 2 ** (magnitude / 10)
    assert (rate >= 1 / limit - 1e-3).all()
    assert (rate <= limit + 1e-3).all()


def test_a_time_warp_bends_differently_in_different_places():
    position = torch.arange(200, dtype=torch.float32).expand(4, 200)
    rate = TimeWarp(10).locate(position, 200, torch.Generator().manual_seed(0)).diff(dim=1)
    assert (rate.std(1) > 0.1).all()


def test_a_time_warp_continues_outside_of_the_window():
    """In a composition, another view may need positions beyond the ends."""
    position = torch.tensor([[-10.0, 0.0, 199.0, 209.0]])
    source = TimeWarp().locate(position, 200, torch.Generator().manual_seed(0))[0]
    assert source[1] - source[0] == pytest.approx(10, abs=1e-3)
    assert source[3] - source[2] == pytest.approx(10, abs=1e-3)


@given(magnitude=st.floats(0, 10), share=st.floats(0.05, 1), seed=st.integers(0, 99))
def test_a_window_warp_changes_the_rate_on_one_stretch_only(magnitude, share, seed):
    position = torch.arange(200, dtype=torch.float32).expand(4, 200)
    warp = WindowWarp(magnitude, share=share)
    rate = warp.locate(position, 200, torch.Generator().manual_seed(seed)).diff(dim=1)
    changed = (rate - 1).abs() > 1e-3
    assert (changed.sum(1) <= share * 200 + 2).all()
    assert (rate >= 0.5 - 1e-3).all()
    assert (rate <= 2 + 1e-3).all()


@pytest.mark.parametrize("cls", [Shift, Rescale, Reverse, TimeWarp, WindowWarp])
def test_recordings_are_moved_with_probability_p_alone_and_in_a_composition(cls):
    tracks = make_ramp(batch=400)
    for view in (cls(p=0.3), Compose((cls(p=0.3),))):
        same = (view(tracks, torch.Generator().manual_seed(0)).x == tracks.x).flatten(1).all(1)
        assert 0.6 < same.float().mean() < 0.8
