"""Augmenters that change values; at strength zero they change nothing.

The strength is ``magnitude / 10`` times a random number in [0, 1], drawn for each recording of the batch. Amounts are
in standard deviations of each channel in the window, so they do not depend on the unit of the signal. Noise also stays
below ten times the typical deviation: a meter that reads exactly zero most of the time has none.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from sslts.augment._draws import draw_mask, draw_stretch, draw_uniform
from sslts.augment.tracks import Augmenter, Tracks
from sslts.recipes import bounded

_MOST_NOISE = 10.0  # typical deviations
_N_SAMPLES = 512  # of a window, for the typical deviation
_TURN, _GOLDEN = 65536, 40503  # their ratio is the golden section
_MAD = 0.6745  # median absolute deviation of the standard normal distribution


@dataclass(frozen=True)
class ValueAugmenter(Augmenter):
    """Base class of views that change values and neither time nor labels.

    Parameters
    ----------
    magnitude : float
        From 0 (no change) to 10 (strongest).
    p : float
        Probability that a recording is changed.

    Attributes
    ----------
    adds_noise : bool
        Whether the view adds something in proportion to its strength; False unless a subclass says so. The strength is
        then smaller in channels that mostly keep one value.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import torch
    >>> from sslts.augment import Tracks, ValueAugmenter
    >>> @dataclass(frozen=True)
    ... class Clip(ValueAugmenter):
    ...     def change(self, x, strength, generator):
    ...         return torch.where(strength > 0, x.clamp(-1, 1), x)
    >>> tracks = Tracks(torch.randn(4, 1, 100), torch.zeros(4, 100).long(), torch.ones(4, 100).bool())
    >>> bool(Clip()(tracks, torch.Generator().manual_seed(0)).x.std() < tracks.x.std())
    True
    """

    magnitude: float = bounded(5.0)
    p: float = bounded(1.0, most=1)
    adds_noise: ClassVar[bool] = False

    @abstractmethod
    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:
        """Return changed signals.

        Parameters
        ----------
        x : Tensor, shape (B, C, T)
            Signals of the recordings to change; each channel has mean 0 and standard deviation 1, and padding is 0.
        strength : Tensor, shape (B, 1, 1), or (B, C, 1) if the view adds noise
            From 0 (no change) to 1.
        generator : torch.Generator
        """

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        strengths = _draw_strengths((self,), tracks.x, generator) * (self.magnitude / 10)
        return _change_values(tracks, (self,), strengths, generator)


def _draw_strengths(steps: Sequence[ValueAugmenter], x: Tensor, generator: Generator) -> Tensor:
    """Return a random number in [0, 1] for each step and recording (S, B), or zero with probability ``1 - p``."""
    strengths = torch.rand((len(steps), len(x)), dtype=torch.float32, generator=generator, device=x.device)
    for k, step in enumerate(steps):
        if step.p < 1:
            strengths[k] *= draw_mask(step.p, (len(x),), x, generator)
    return strengths


def _change_values(tracks: Tracks, steps: Sequence[ValueAugmenter], strengths: Tensor, generator: Generator) -> Tracks:
    """Return tracks after all steps, applied with strengths (S, B) to the standardized signals."""
    x, center, scale, valid = _standardize(tracks)
    x = _change_rows(x, steps, strengths, _measure_amounts(steps, strengths, x, valid), generator)
    return tracks.replace(x=(x * scale).add_(center).mul_(valid))


def _standardize(tracks: Tracks) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the standardized signals, their mean and standard deviation (B, C, 1), and the validity (B, 1, T), 0 or 1.

    Padding does not influence the mean and the standard deviation, and stays 0.
    """
    x, valid = tracks.x, tracks.valid[:, None].to(tracks.x.dtype)
    count = valid.sum(-1, keepdim=True).clamp(min=1)
    center = (x * valid).sum(-1, keepdim=True) / count
    centered = (x - center).mul_(valid)
    scale = (centered.square().sum(-1, keepdim=True) / count).sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    return centered.div_(scale), center, scale, valid


def _measure_amounts(steps: Sequence[ValueAugmenter], strengths: Tensor, x: Tensor, valid: Tensor) -> list[Tensor]:
    """Return the strength of each step, (B, 1, 1), or (B, C, 1) of a step that adds noise to standardized signals."""
    amounts = list(strengths[..., None, None])
    if not any(step.adds_noise for step in steps):
        return amounts
    limit = _limit_noise(x, valid)
    return [amount * limit if step.adds_noise else amount for step, amount in zip(steps, amounts, strict=True)]


def _limit_noise(x: Tensor, valid: Tensor) -> Tensor:
    """Return the factor (B, C, 1), from 0 to 1, of noise that is added to standardized signals.

    A signal that mostly keeps one value has small differences that matter, and a large standard deviation.
    """
    places = torch.arange(min(length := x.shape[-1], _N_SAMPLES), device=x.device)
    if length > _N_SAMPLES:  # spread unevenly, so that no period of a signal coincides with them
        places = places * _GOLDEN % _TURN * length // _TURN
    seen = x[..., places].masked_fill(valid[..., places] == 0, math.nan)
    typical = (seen - seen.nanmedian(-1, keepdim=True).values).abs().nanmedian(-1, keepdim=True).values / _MAD
    return (typical * _MOST_NOISE).nan_to_num(0).clamp(max=1)


def _change_rows(
    x: Tensor, steps: Sequence[ValueAugmenter], strengths: Tensor, amounts: Sequence[Tensor], generator: Generator
) -> Tensor:
    """Return the signals after each step, applied by its amount to the recordings with a strength above zero."""
    if x.device.type != "cpu":  # selecting rows would wait for the device, and strength zero changes nothing anyway
        for step, amount in zip(steps, amounts, strict=True):
            x = step.change(x, amount, generator)
        return x
    drawn = strengths > 0
    rows = drawn.nonzero()[:, 1].split(drawn.count_nonzero(1).tolist())
    for step, amount, chosen in zip(steps, amounts, rows, strict=True):
        if len(chosen):
            x = x.index_copy(0, chosen, step.change(x[chosen], amount[chosen], generator))
    return x


def _draw_curve(size: Tensor, x: Tensor, n_knots: int, generator: Generator) -> Tensor:
    """Return smooth random curves (B, C, T): normal numbers of standard deviation ``size`` at knots, interpolated."""
    knots = size * torch.randn((*x.shape[:2], n_knots), dtype=torch.float32, generator=generator, device=x.device)
    return F.interpolate(knots, size=x.shape[-1], mode="linear", align_corners=True)


def _draw_noise(size: Tensor, shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.randn(shape, dtype=torch.float32, generator=generator, device=size.device).mul_(size)


@dataclass(frozen=True)
class Jitter(ValueAugmenter):
    """View that adds white noise of at most half a standard deviation.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> tracks = Tracks(torch.rand(2, 1, 50), torch.zeros(2, 50).long(), torch.ones(2, 50).bool())
    >>> torch.equal(Jitter(magnitude=0)(tracks, torch.Generator()).x.round(decimals=4), tracks.x.round(decimals=4))
    True
    """

    adds_noise: ClassVar[bool] = True

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        return _draw_noise(0.5 * strength, x.shape, generator).add_(x)


@dataclass(frozen=True)
class Scale(ValueAugmenter):
    """View that multiplies each channel by a random factor between 1/2 and 2.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, Scale
    >>> x = torch.sin(torch.arange(100.0)).expand(8, 1, 100)
    >>> tracks = Tracks(x, torch.zeros(8, 100).long(), torch.ones(8, 100).bool())
    >>> seen = Scale(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x
    >>> ratio = seen.std(-1) / tracks.x.std(-1)
    >>> bool((ratio > 0.49).all() and (ratio < 2.01).all())
    True
    """

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        exponent = draw_uniform(-1, 1, (*x.shape[:2], 1), x, generator)
        return x * torch.exp(math.log(2) * strength * exponent)


@dataclass(frozen=True)
class MagnitudeWarp(ValueAugmenter):
    """View that multiplies the signal by a smooth random curve around 1.

    Source: Um et al. 2017, "Data augmentation of wearable sensor data".

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, MagnitudeWarp
    >>> x = torch.sin(torch.arange(100.0)).expand(8, 1, 100)
    >>> tracks = Tracks(x, torch.zeros(8, 100).long(), torch.ones(8, 100).bool())
    >>> seen = MagnitudeWarp(n_knots=4)(tracks, torch.Generator().manual_seed(0)).x
    >>> bool((seen.sign() == tracks.x.sign()).float().mean() > 0.9)
    True
    """

    n_knots: int = bounded(12, 1, whole=True)

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        return x * _draw_curve(0.5 * strength, x, self.n_knots, generator).exp_()


@dataclass(frozen=True)
class BaselineDrift(ValueAugmenter):
    """View that adds a smooth random curve of about one standard deviation at most.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, BaselineDrift
    >>> x = torch.sin(torch.arange(100.0)).expand(8, 1, 100)
    >>> tracks = Tracks(x, torch.zeros(8, 100).long(), torch.ones(8, 100).bool())
    >>> seen = BaselineDrift(n_knots=3)(tracks, torch.Generator().manual_seed(0)).x
    >>> drift = seen - tracks.x
    >>> bool(drift.diff(dim=-1).abs().max() < 0.2 < drift.abs().max())
    True
    """

    n_knots: int = bounded(12, 1, whole=True)
    adds_noise: ClassVar[bool] = True

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        return x + _draw_curve(strength, x, self.n_knots, generator)


@dataclass(frozen=True)
class SineNoise(ValueAugmenter):
    """View that adds a sine with a random phase and a random frequency up to a quarter of the sampling rate.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, SineNoise
    >>> x = torch.sin(torch.arange(100.0)).expand(8, 1, 100)
    >>> tracks = Tracks(x, torch.zeros(8, 100).long(), torch.ones(8, 100).bool())
    >>> seen = SineNoise(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x
    >>> bool((seen - tracks.x).abs().max() < 0.51 * tracks.x.std())
    True
    """

    adds_noise: ClassVar[bool] = True

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        length = x.shape[-1]
        column = (len(x), 1, 1)
        cycles = draw_uniform(0, math.log(max(length / 4, 2)), column, x, generator).exp()
        phase = draw_uniform(0, 2 * math.pi, column, x, generator)
        t = torch.arange(length, dtype=torch.float32, device=x.device)
        wave = t.mul(cycles * (2 * math.pi / length)).add_(phase).sin_()
        return wave.mul(0.5 * strength).add(x)


@dataclass(frozen=True)
class StretchNoise(ValueAugmenter):
    """View that adds strong white noise to one stretch, of at most a fifth of the window.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, StretchNoise
    >>> x = torch.sin(torch.arange(100.0)).expand(8, 1, 100)
    >>> tracks = Tracks(x, torch.zeros(8, 100).long(), torch.ones(8, 100).bool())
    >>> seen = StretchNoise()(tracks, torch.Generator().manual_seed(0)).x
    >>> bool(((seen - tracks.x).abs() > 1e-5).sum(-1).max() <= 21)
    True
    """

    adds_noise: ClassVar[bool] = True

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        length, longest = x.shape[-1], math.ceil(0.2 * x.shape[-1])
        inside = draw_stretch(length, draw_uniform(0, 0.2, (len(x),), x, generator), generator)[:, None]
        # The noise repeats, but a stretch is shorter than its period.
        noise = _draw_noise(strength, (*x.shape[:2], longest), generator).repeat(1, 1, 6)
        return noise[..., :length].mul(inside).add_(x)


@dataclass(frozen=True)
class CutOut(ValueAugmenter):
    """View that sets one stretch, of at most a twentieth of the window, to the mean (DeVries & Taylor 2017).

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, CutOut
    >>> x = torch.sin(torch.arange(100.0)).expand(8, 1, 100)
    >>> tracks = Tracks(x, torch.zeros(8, 100).long(), torch.ones(8, 100).bool())
    >>> seen = CutOut(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x
    >>> bool(((seen - tracks.x).abs() > 1e-5).sum(-1).max() <= 6)
    True
    """

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        return x * ~draw_stretch(x.shape[-1], 0.05 * strength.flatten(), generator)[:, None]


@dataclass(frozen=True)
class Smooth(ValueAugmenter):
    """View that mixes the signal with its moving average over ``width`` samples.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, Smooth
    >>> tracks = Tracks(torch.rand(8, 1, 100), torch.zeros(8, 100).long(), torch.ones(8, 100).bool())
    >>> seen = Smooth()(tracks, torch.Generator().manual_seed(0)).x
    >>> bool(seen.std() < tracks.x.std())
    True
    """

    width: int = bounded(5, 1, whole=True)

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: ARG002, D102
        length, before, after = x.shape[-1], self.width // 2, (self.width - 1) // 2
        total = x.clone()  # a sum of slices is five times faster than torch's pooling
        for k in range(1, min(before, length - 1) + 1):
            total[..., k:] += x[..., :-k]
        for k in range(1, min(after, length - 1) + 1):
            total[..., :-k] += x[..., k:]
        t = torch.arange(length, device=x.device)
        count = t.clamp(max=before) + t.flip(0).clamp_(max=after) + 1
        return torch.lerp(x, total.div_(count), strength)


@dataclass(frozen=True)
class RandomFilter(ValueAugmenter):
    """View that convolves the signal with a short random kernel, as if another sensor had recorded it.

    The kernel is a 1 in the middle plus ``n_taps`` random numbers. The random numbers are evenly spread over a length
    that is drawn log-uniformly from 3 samples to a 64th of the window. Their absolute values sum to the strength, so
    that no frequency changes its sign. All channels share one kernel. The standard deviation is restored, unless the
    kernel removes more than three quarters of it.

    Source: Xu et al. 2021, "Robust and generalizable visual representation learning via random convolutions"; for
    sounds, Nam et al. 2022, "FilterAugment".

    Parameters
    ----------
    magnitude, p : float
        See `ValueAugmenter`.
    n_taps : int
        Number of random numbers in the kernel.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> tracks = Tracks(torch.randn(8, 1, 500), torch.zeros(8, 500).long(), torch.ones(8, 500).bool())
    >>> seen = RandomFilter(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x
    >>> torch.allclose(seen.std(-1), tracks.x.std(-1), rtol=0.1), torch.allclose(seen, tracks.x, atol=0.1)
    (True, False)
    """

    n_taps: int = bounded(5, 1, whole=True)

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        batch, length = len(x), x.shape[-1]
        taps = torch.randn((self.n_taps, batch, 1, 1), dtype=torch.float32, generator=generator, device=x.device)
        taps = taps * (strength / taps.abs().sum(0))
        longest = max(length / 64, 3.0)
        size = draw_uniform(math.log(3), math.log(longest), (batch, 1, 1), x, generator).exp()
        t = torch.arange(length, device=x.device)
        filtered = x
        for k in range(self.n_taps):
            place = (k + 0.5) / self.n_taps - 0.5
            source = (t + (place * size).round().long()).clamp(0, length - 1)
            filtered = filtered + taps[k] * x.gather(2, source.expand_as(x))
        before, after = (signal.square().mean(-1, keepdim=True).sqrt() for signal in (x, filtered))
        return filtered * (before / torch.maximum(after, before / 4).clamp(min=1e-12))


@dataclass(frozen=True)
class MainsNoise(ValueAugmenter):
    """View that adds mains hum: a sine of known frequency with harmonics, of at most half a standard deviation.

    Parameters
    ----------
    magnitude, p : float
        See `ValueAugmenter`.
    frequency : float
        Cycles per sample: mains frequency over sampling rate, such as 50 Hz / 250 Hz.
    n_harmonics : int
        Number of sines; sines at or above half the sampling rate are left out.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, MainsNoise
    >>> tracks = Tracks(torch.rand(8, 1, 100), torch.zeros(8, 100).long(), torch.ones(8, 100).bool())
    >>> seen = MainsNoise(frequency=50 / 250)(tracks, torch.Generator().manual_seed(0)).x
    >>> spectrum = torch.fft.rfft(seen - tracks.x).abs().mean((0, 1))
    >>> int(spectrum.argmax())  # 20 cycles in 100 samples
    20
    """

    frequency: float = bounded(0.2, most=0.5, included=False)
    n_harmonics: int = bounded(2, 1, whole=True)
    adds_noise: ClassVar[bool] = True

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        t = torch.arange(x.shape[-1], dtype=torch.float32, device=x.device)
        hum = torch.zeros_like(x[:, :1])
        for k in range(1, self.n_harmonics + 1):
            if k * self.frequency < 0.5:
                phase = draw_uniform(0, 2 * math.pi, (len(x), 1, 1), x, generator)
                hum = hum + torch.sin(2 * math.pi * k * self.frequency * t + phase) / k
        return x + 0.5 * strength * hum


@dataclass(frozen=True)
class FrequencyMask(ValueAugmenter):
    """View that removes a random band of frequencies, of at most ``share`` of the spectrum.

    The band is removed in the whole window. Source: Park et al. 2019, "SpecAugment".

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, FrequencyMask
    >>> tracks = Tracks(torch.rand(8, 1, 100), torch.zeros(8, 100).long(), torch.ones(8, 100).bool())
    >>> seen = FrequencyMask(magnitude=10, share=0.5)(tracks, torch.Generator().manual_seed(0)).x
    >>> power = torch.fft.rfft(seen - seen.mean(-1, keepdim=True)).abs()
    >>> bool((power[..., 1:] < 1e-4).any())
    True
    """

    share: float = bounded(0.2, most=1)

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        spectrum = torch.fft.rfft(x)
        band = draw_stretch(spectrum.shape[-1], self.share * strength.flatten(), generator)
        return torch.fft.irfft(spectrum * ~band[:, None], n=x.shape[-1])


@dataclass(frozen=True)
class ChannelDropout(ValueAugmenter):
    """View that sets random channels to their mean, each with a probability of at most 1/2; one channel always stays.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, ChannelDropout
    >>> tracks = Tracks(torch.rand(8, 3, 100), torch.zeros(8, 100).long(), torch.ones(8, 100).bool())
    >>> seen = ChannelDropout(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x
    >>> constant = seen.std(-1) < 1e-5
    >>> bool(constant.any()), bool(constant.all(1).any())
    (True, False)
    """

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        luck = torch.rand((*x.shape[:2], 1), dtype=torch.float32, generator=generator, device=x.device)
        return x * ((luck >= 0.5 * strength) | (luck == luck.amax(1, keepdim=True)))


@dataclass(frozen=True)
class SignFlip(ValueAugmenter):
    """View that flips the sign of the signal, with probability up to the strength; for signals without a polarity.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, SignFlip
    >>> x = torch.sin(torch.arange(100.0)).expand(8, 1, 100)
    >>> tracks = Tracks(x, torch.zeros(8, 100).long(), torch.ones(8, 100).bool())
    >>> seen = SignFlip(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x
    >>> centered = tracks.x - tracks.x.mean(-1, keepdim=True)
    >>> turned = ((seen - seen.mean(-1, keepdim=True)) * centered).sum(-1) < 0
    >>> bool(turned.any()), bool(turned.all())
    (True, False)
    """

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        luck = torch.rand((len(x), 1, 1), dtype=torch.float32, generator=generator, device=x.device)
        return torch.where(luck < strength, -x, x)
