"""What moves time moves labels along, reproducibly."""

import pytest
import torch
from test_augment_tracks import make_tracks

from sslts.augment import Compose, Rescale, Reverse, Shift

AUGMENTERS = [Shift(0.3), Rescale(0.5, 2.0), Reverse(0.5), Compose((Rescale(), Shift(), Reverse()))]


def make_ramp(length=200, batch=16):
    """Return tracks whose label is a step of the signal's value, so that they can be compared after any move."""
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


def test_a_composition_resamples_once():
    """Two moves that cancel out give the signal back exactly, which two interpolations would not."""

    class Half(Shift):
        def locate(self, position, length, generator):
            return position + self.share

    tracks = make_ramp()
    moved = Compose((Half(0.5), Half(-0.5)))(tracks, torch.Generator())
    assert torch.equal(moved.x, tracks.x)


def test_a_composition_applies_its_steps_in_order():
    """Shifting, then reversing, is not reversing, then shifting."""

    class Fixed(Shift):
        def locate(self, position, length, generator):
            return position + 50

    tracks, g = make_ramp(batch=1), torch.Generator()
    fused = Compose((Fixed(), Reverse(1.0)))(tracks, g)
    stepwise = Reverse(1.0)(Fixed()(tracks, g), g)
    assert torch.equal(fused.x, stepwise.x)
    assert not torch.equal(fused.x, Fixed()(Reverse(1.0)(tracks, g), g).x)
