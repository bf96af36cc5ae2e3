"""Views that change values keep time and labels, and do not depend on the unit of the signal."""

import pytest
import torch

from sslts.augment import (
    AddOther,
    BaselineDrift,
    ChannelDropout,
    CutOut,
    FrequencyMask,
    Jitter,
    MagnitudeWarp,
    MainsNoise,
    RandAugment,
    RandomFilter,
    Scale,
    SignFlip,
    SineNoise,
    Smooth,
    StretchNoise,
    Tracks,
    ValueAugmenter,
)

CLASSES = [
    AddOther,
    BaselineDrift,
    CutOut,
    FrequencyMask,
    Jitter,
    MagnitudeWarp,
    MainsNoise,
    RandomFilter,
    Scale,
    SineNoise,
    Smooth,
    StretchNoise,
]
RARE = [ChannelDropout, SignFlip]  # these views leave many recordings unchanged


def make_signals(batch=64, channels=2, length=400):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(batch, channels, length, generator=g)
    valid = torch.ones(batch, length).bool()
    valid[:, -50:] = False
    return Tracks(x * valid[:, None], torch.zeros(batch, length).long(), valid)


@pytest.mark.parametrize("cls", CLASSES + RARE)
class TestEveryValueAugmenter:
    def test_changes_the_signal_and_nothing_else(self, cls):
        tracks = make_signals()
        changed = cls(magnitude=10)(tracks, torch.Generator().manual_seed(1))
        assert (changed.x != tracks.x).flatten(1).any(1).float().mean() > (0.3 if cls in RARE else 0.8)
        assert changed.target is tracks.target
        assert changed.valid is tracks.valid
        assert changed.x.shape == tracks.x.shape

    def test_magnitude_zero_is_the_identity(self, cls):
        tracks = make_signals()
        torch.testing.assert_close(cls(magnitude=0)(tracks, torch.Generator()).x, tracks.x)

    def test_probability_zero_is_the_identity(self, cls):
        tracks = make_signals()
        torch.testing.assert_close(cls(magnitude=10, p=0.0)(tracks, torch.Generator()).x, tracks.x)

    def test_strength_zero_is_the_identity_and_nothing_is_changed_in_place(self, cls):
        """On an accelerator all rows are changed, because selecting rows would wait for the device."""
        if not issubclass(cls, ValueAugmenter):
            return
        x = make_signals().x
        before = x.clone()
        same = cls().change(x, torch.zeros(len(x), 1, 1), torch.Generator().manual_seed(0))
        torch.testing.assert_close(same, before)
        cls().change(x, torch.ones(len(x), 1, 1), torch.Generator().manual_seed(0))
        assert torch.equal(x, before)

    def test_padding_stays_zero(self, cls):
        changed = cls(magnitude=10)(make_signals(), torch.Generator().manual_seed(1))
        assert (changed.x[..., -50:] == 0).all()

    def test_the_unit_does_not_matter(self, cls):
        tracks = make_signals()
        small = cls(magnitude=10)(tracks, torch.Generator().manual_seed(1)).x
        large = cls(magnitude=10)(tracks.replace(x=tracks.x * 1000), torch.Generator().manual_seed(1)).x
        torch.testing.assert_close(small * 1000, large, rtol=1e-3, atol=1e-1)

    def test_a_constant_signal_stays_finite(self, cls):
        tracks = Tracks(torch.full((2, 1, 30), 7.0), torch.zeros(2, 30).long(), torch.ones(2, 30).bool())
        assert cls(magnitude=10)(tracks, torch.Generator().manual_seed(1)).x.isfinite().all()

    def test_the_generator_decides(self, cls):
        a, b, c = (cls(magnitude=10)(make_signals(), torch.Generator().manual_seed(s)).x for s in (0, 0, 1))
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_a_stronger_magnitude_changes_more():
    tracks = make_signals()
    change = [
        (RandAugment(magnitude=m, warp=None, mix=None)(tracks, torch.Generator().manual_seed(0)).x - tracks.x).norm()
        for m in (1, 3, 9)
    ]
    assert change[0] < change[1] < change[2]


def make_uses(noise=0.0, length=400):
    """Return recordings of a meter: zero most of the time, a faint use, a strong use."""
    x = torch.zeros(64, 1, length)
    x[..., 50:90], x[..., 200:260] = 3.0, 100.0
    x += noise * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    return Tracks(x, torch.zeros(64, length).long(), torch.ones(64, length).bool())


class TestNoise:
    """Noise in proportion to the strong parts of a quiet signal would hide its faint parts."""

    @pytest.mark.parametrize("cls", [BaselineDrift, Jitter, MainsNoise, SineNoise, StretchNoise])
    def test_a_meter_that_mostly_reads_zero_gets_none(self, cls):
        tracks = make_uses()
        changed = cls(magnitude=10)(tracks, torch.Generator().manual_seed(1)).x
        torch.testing.assert_close(changed, tracks.x, rtol=0, atol=1e-4)

    @pytest.mark.parametrize("deviation", [0.1, 1.0])
    def test_a_quiet_signal_gets_about_ten_typical_deviations_at_most(self, deviation):
        tracks = make_uses(noise=deviation)
        changed = RandAugment(n=1, magnitude=10, warp=None, mix=None, changes=(SineNoise(),))(
            tracks, torch.Generator().manual_seed(1)
        )
        assert 4 * deviation < (changed.x - tracks.x).abs().max() < 10 * deviation  # a sine: about half of ten

    def test_an_ordinary_signal_gets_at_most_a_standard_deviation(self):
        tracks = make_sine(5)
        noise = SineNoise(magnitude=10)(tracks, torch.Generator().manual_seed(1)).x - tracks.x
        assert 0.48 < noise.abs().max() / tracks.x.std() < 0.51

    @pytest.mark.parametrize("period", [3, 5, 8, 50])
    def test_a_periodic_signal_of_a_long_window_is_ordinary(self, period):
        tracks = make_sine(4000 / period, length=4000)
        noise = Jitter(magnitude=10)(tracks, torch.Generator().manual_seed(1)).x - tracks.x
        assert noise.std() > 0.25 * tracks.x.std()

    @pytest.mark.parametrize("n_valid", [30, 400])
    def test_padding_does_not_count(self, n_valid):
        tracks = make_sine(5)
        tracks.valid[:, n_valid:] = False
        tracks = tracks.replace(x=tracks.x * tracks.valid[:, None])
        noise = Jitter(magnitude=10)(tracks, torch.Generator().manual_seed(1)).x - tracks.x
        assert noise[..., :n_valid].std() > 0.1 * tracks.x[..., :n_valid].std()


def make_sine(cycles, length=400):
    x = torch.sin(2 * torch.pi * cycles * torch.arange(length) / length).expand(64, 1, length)
    return Tracks(x.clone(), torch.zeros(64, length).long(), torch.ones(64, length).bool())


def test_mains_noise_has_its_frequency_and_harmonics_below_half_the_sampling_rate():
    tracks = make_signals()
    noise = (
        MainsNoise(magnitude=10, frequency=0.2, n_harmonics=3)(tracks, torch.Generator().manual_seed(0)).x - tracks.x
    )
    power = torch.fft.rfft(noise[..., :350]).abs().mean((0, 1))
    assert set(power.topk(2).indices.tolist()) == {70, 140}


def test_the_frequency_of_the_mains_is_a_ratio():
    with pytest.raises(ValueError, match="frequency=50; give a number from 0 to below 0.5"):
        MainsNoise(frequency=50)


def test_a_frequency_mask_removes_a_band():
    x = FrequencyMask(magnitude=10, share=0.5)(make_sine(50), torch.Generator().manual_seed(0)).x
    size = x.std(-1).flatten()
    assert (size < 1e-3).any()
    assert (size > 0.7).any()


def test_a_channel_is_dropped_whole_and_one_always_stays():
    tracks = make_signals(channels=3)
    x = ChannelDropout(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x[..., :350]
    dropped = x.std(-1) < 1e-3
    same = torch.isclose(x, tracks.x[..., :350], atol=1e-4).all(-1)
    assert (dropped | same).all()
    assert dropped.any()
    assert not dropped.all(1).any()


def test_a_sign_flip_turns_the_signal_around_its_mean():
    tracks = make_sine(5)
    tracks = tracks.replace(x=tracks.x + 3)
    x = SignFlip(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x
    turned = torch.isclose(x, 6 - tracks.x, atol=1e-4).all(-1)
    same = torch.isclose(x, tracks.x, atol=1e-4).all(-1)
    assert (turned | same).all()
    assert 0.2 < turned.float().mean() < 0.8


@pytest.mark.parametrize("cls", [RandomFilter, Smooth])
def test_padding_does_not_leak_into_the_signal(cls):
    tracks = make_signals()
    far = tracks.replace(x=tracks.x + 1000 * tracks.valid[:, None])
    seen = cls(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x
    moved = cls(magnitude=10)(far, torch.Generator().manual_seed(0)).x
    torch.testing.assert_close(moved, seen + 1000 * tracks.valid[:, None], atol=1e-2, rtol=1e-3)


class TestRandomFilter:
    def make(self, x):
        return Tracks(x, torch.zeros(len(x), x.shape[-1]).long(), torch.ones(len(x), x.shape[-1]).bool())

    def test_it_is_a_convolution_with_a_kernel_of_at_most_a_64th_of_the_window(self):
        impulse = torch.zeros(64, 1, 1280)
        impulse[..., 640] = 1
        seen = RandomFilter(magnitude=10)(self.make(impulse), torch.Generator().manual_seed(0)).x
        answer = (seen - seen.median(-1, keepdim=True).values).abs() > 1e-4
        reach = (torch.arange(1280) - 640).abs() * answer[:, 0]
        assert reach.max() <= 10
        assert reach.amax(1).unique().numel() > 4  # short ones and long ones
        assert answer.sum(-1).max() <= 6

    def test_it_is_linear_and_commutes_with_shifts(self):
        x = torch.randn(1, 1, 640, generator=torch.Generator().manual_seed(0)).expand(16, 1, 640)
        view = RandomFilter(magnitude=10)
        seen = view(self.make(x), torch.Generator().manual_seed(0)).x
        later = view(self.make(x.roll(20, -1)), torch.Generator().manual_seed(0)).x
        torch.testing.assert_close(later[..., 40:-40], seen.roll(20, -1)[..., 40:-40], atol=0.02, rtol=0.02)

    @pytest.mark.parametrize("cycles", [1, 20, 150])
    def test_the_standard_deviation_stays(self, cycles):
        tracks = make_sine(cycles)
        ratio = RandomFilter(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x.std(-1) / tracks.x.std(-1)
        assert (ratio < 1.02).all()
        assert (ratio > 0.98).float().mean() > 0.9

    def test_no_pattern_is_turned_upside_down(self):
        tracks = make_sine(3)
        seen = RandomFilter(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x
        assert ((seen * tracks.x).mean(-1) > 0).all()

    def test_frequencies_get_different_gains(self):
        tracks = self.make(torch.randn(64, 1, 1280, generator=torch.Generator().manual_seed(0)))
        seen = RandomFilter(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x
        gain = torch.fft.rfft(seen).abs()[:, 0, 1:] / torch.fft.rfft(tracks.x).abs()[:, 0, 1:]
        assert (gain.std(-1) > 0.1).float().mean() > 0.5


def test_another_recording_is_added_at_a_low_gain():
    x = torch.randn(8, 2, 400, generator=torch.Generator().manual_seed(0))
    x = (x - x.mean(-1, keepdim=True)) / x.std(-1, correction=0, keepdim=True)
    tracks = Tracks(x, torch.zeros(8, 400).long(), torch.ones(8, 400).bool())
    change = AddOther(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x - x
    other = x.roll(-1, 0)
    gain = (change * other).sum((1, 2)) / other.square().sum((1, 2))
    torch.testing.assert_close(change, gain[:, None, None] * other, atol=1e-4, rtol=0)
    assert ((gain > 0) & (gain < 0.5)).all()
    alone = Tracks(x[:1], tracks.target[:1], tracks.valid[:1])
    torch.testing.assert_close(AddOther(magnitude=10)(alone, torch.Generator()).x, x[:1])


@pytest.mark.parametrize("width", [1, 2, 5, 6, 1000])
def test_smoothing_is_a_moving_average_of_the_samples_that_exist(width):
    x = torch.randn(3, 2, 40, generator=torch.Generator().manual_seed(0))
    seen = Smooth(width=width).change(x, torch.ones(3, 1, 1), torch.Generator())
    for t in range(40):
        wanted = x[..., max(t - width // 2, 0) : t + (width - 1) // 2 + 1].mean(-1)
        torch.testing.assert_close(seen[..., t], wanted)


def test_noise_on_a_stretch_is_white():
    x = torch.zeros(200, 1, 500)
    seen = StretchNoise().change(x, torch.ones(200, 1, 1), torch.Generator().manual_seed(0))[:, 0]
    assert seen[seen != 0].std().item() == pytest.approx(1, abs=0.02)
    share = (seen != 0).float().mean(1)
    assert share.max() <= 0.202
    assert share.mean().item() == pytest.approx(0.1, abs=0.01)
    assert all(len(row[row != 0].unique()) == (row != 0).sum() for row in seen)  # no value repeats


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_on_an_accelerator():
    tracks = make_signals()
    there = Tracks(tracks.x.cuda(), tracks.target.cuda(), tracks.valid.cuda())
    seen = RandAugment(magnitude=10)(there, torch.Generator("cuda").manual_seed(0))
    assert seen.x.isfinite().all()
    assert (seen.x != there.x).flatten(1).any(1).all()
    torch.testing.assert_close(RandAugment(n=0, warp=None, mix=None)(there, torch.Generator("cuda")).x, there.x)
