"""Augmenters that change values. All are the identity at strength zero.

A strength is ``magnitude / 10`` times a random number in [0, 1] for each recording of the batch. Amounts are in units
of the standard deviation of each channel in the window, so that they mean the same whatever the signal's unit.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from sslts.augment._draws import draw_chance, draw_stretch, draw_uniform
from sslts.augment.tracks import Augmenter, Tracks
from sslts.recipes import Bounds


@dataclass(frozen=True)
class ValueAugmenter(Augmenter):
    """A view that changes the signal alone.

    Parameters
    ----------
    magnitude : float
        From 0 (no change) to 10 (strongest).
    p : float
        Probability with which a recording of the batch is changed.

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

    magnitude: float = 5.0
    p: float = 1.0

    @abstractmethod
    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:
        """Return changed signals.

        Parameters
        ----------
        x : Tensor, shape (B, C, T)
            Signals of the recordings to be changed, each channel of mean 0 and standard deviation 1; padding is 0.
        strength : Tensor, shape (B, 1, 1)
            From 0 (identity) to 1.
        generator : torch.Generator
        """

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        strengths = _draw_strengths((self,), tracks.x, generator) * (self.magnitude / 10)
        return _change_values(tracks, (self,), strengths, generator)


def _draw_strengths(steps: Sequence[ValueAugmenter], x: Tensor, generator: Generator) -> Tensor:
    """Return a random number in [0, 1] for each step and recording (S, B), zero with probability ``1 - p``.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Jitter, Scale
    >>> strengths = _draw_strengths((Jitter(), Scale(p=0.0)), torch.zeros(3, 1, 50), torch.Generator().manual_seed(0))
    >>> (strengths > 0).tolist()
    [[True, True, True], [False, False, False]]
    """
    strengths = torch.rand((len(steps), len(x)), dtype=torch.float32, generator=generator, device=x.device)
    for k, step in enumerate(steps):
        if step.p < 1:
            strengths[k] *= draw_chance(step.p, (len(x),), x, generator)
    return strengths


def _change_values(tracks: Tracks, steps: Sequence[ValueAugmenter], strengths: Tensor, generator: Generator) -> Tracks:
    """Apply steps with their strengths (S, B) to the signals in units of their standard deviation.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Smooth, Tracks
    >>> tracks = Tracks(torch.tensor([[[1.0, 3.0]], [[1.0, 3.0]]]), torch.zeros(2, 2).long(), torch.ones(2, 2).bool())
    >>> _change_values(tracks, (Smooth(width=3),), torch.tensor([[0.0, 1.0]]), torch.Generator()).x.tolist()
    [[[1.0, 3.0]], [[2.0, 2.0]]]
    """
    x, center, scale, valid = _standardize(tracks)
    x = _change_rows(x, steps, strengths, generator)
    return tracks.replace(x=(x * scale).add_(center).mul_(valid))


def _standardize(tracks: Tracks) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the signals with mean 0 and standard deviation 1, both as they were (B, C, 1), and 0 at padding, else 1.

    Padding is 0 in the signals, and has no say in mean and standard deviation.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> valid = torch.tensor([[True, True, False]])
    >>> tracks = Tracks(torch.tensor([[[-5.0, -1.0, 0.0]]]), torch.zeros(1, 3).long(), valid)
    >>> [part.flatten().tolist() for part in _standardize(tracks)]
    [[-1.0, 1.0, 0.0], [-3.0], [2.0], [1.0, 1.0, 0.0]]
    """
    x, valid = tracks.x, tracks.valid[:, None].to(tracks.x.dtype)
    count = valid.sum(-1, keepdim=True).clamp(min=1)
    center = (x * valid).sum(-1, keepdim=True) / count
    centred = (x - center).mul_(valid)
    scale = (centred.square().sum(-1, keepdim=True) / count).sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    return centred.div_(scale), center, scale, valid


def _change_rows(x: Tensor, steps: Sequence[ValueAugmenter], strengths: Tensor, generator: Generator) -> Tensor:
    """Apply each step to the recordings of which its strength is not zero."""
    if x.device.type != "cpu":  # an accelerator would wait until they are counted; strength zero changes nothing
        for step, strength in zip(steps, strengths, strict=True):
            x = step.change(x, strength[:, None, None], generator)
        return x
    drawn = strengths > 0
    rows, counts = drawn.nonzero()[:, 1], drawn.count_nonzero(1).tolist()
    parts = strengths[drawn][:, None, None].split(counts), rows.split(counts)
    for step, strength, chosen in zip(steps, *parts, strict=True):
        if len(chosen):
            x = x.index_copy(0, chosen, step.change(x.index_select(0, chosen), strength, generator))
    return x


def _draw_curve(size: Tensor, x: Tensor, n_knots: int, generator: Generator) -> Tensor:
    """Return smooth random curves, (B, C, T), of about ``size``: interpolated normal numbers at ``n_knots``."""
    knots = size * torch.randn((*x.shape[:2], n_knots), dtype=torch.float32, generator=generator, device=x.device)
    return F.interpolate(knots, size=x.shape[-1], mode="linear", align_corners=True)


def _draw_noise(size: Tensor, shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.randn(shape, dtype=torch.float32, generator=generator, device=size.device).mul_(size)


@dataclass(frozen=True)
class Jitter(ValueAugmenter):
    """Add white noise, of at most half a standard deviation.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> tracks = Tracks(torch.rand(2, 1, 50), torch.zeros(2, 50).long(), torch.ones(2, 50).bool())
    >>> torch.equal(Jitter(magnitude=0)(tracks, torch.Generator()).x.round(decimals=4), tracks.x.round(decimals=4))
    True
    """

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        return _draw_noise(0.5 * strength, x.shape, generator).add_(x)


@dataclass(frozen=True)
class Scale(ValueAugmenter):
    """Multiply the signal by a factor between 1/2 and 2, one for each channel.

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
    """Multiply the signal by a smooth random curve around 1.

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

    n_knots: int = 12

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        return x * _draw_curve(0.5 * strength, x, self.n_knots, generator).exp_()


@dataclass(frozen=True)
class BaselineDrift(ValueAugmenter):
    """Add a smooth random curve, of about one standard deviation at most.

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

    n_knots: int = 12

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        return x + _draw_curve(strength, x, self.n_knots, generator)


@dataclass(frozen=True)
class SineNoise(ValueAugmenter):
    """Add a sine of random frequency (log-uniform up to a quarter of the sampling rate) and phase.

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
    """Add strong white noise on one stretch, at most a fifth of the window.

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

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        length, longest = x.shape[-1], math.ceil(0.2 * x.shape[-1])
        inside = draw_stretch(length, draw_uniform(0, 0.2, (len(x),), x, generator), generator)[:, None]
        # No stretch is long enough to meet the same noise twice.
        noise = _draw_noise(strength, (*x.shape[:2], longest), generator).repeat(1, 1, 6)
        return noise[..., :length].mul(inside).add_(x)


@dataclass(frozen=True)
class CutOut(ValueAugmenter):
    """Set one stretch to the mean, at most a twentieth of the window (DeVries & Taylor 2017).

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
    """Mix the signal with its moving average over ``width`` samples.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, Smooth
    >>> tracks = Tracks(torch.rand(8, 1, 100), torch.zeros(8, 100).long(), torch.ones(8, 100).bool())
    >>> seen = Smooth()(tracks, torch.Generator().manual_seed(0)).x
    >>> bool(seen.std() < tracks.x.std())
    True
    """

    width: int = 5

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: ARG002, D102
        length, before, after = x.shape[-1], self.width // 2, (self.width - 1) // 2
        total = x.clone()  # in slices, as torch's pooling takes five times longer
        for k in range(1, min(before, length - 1) + 1):
            total[..., k:] += x[..., :-k]
        for k in range(1, min(after, length - 1) + 1):
            total[..., :-k] += x[..., k:]
        t = torch.arange(length, device=x.device)
        count = t.clamp(max=before) + t.flip(0).clamp_(max=after) + 1
        return torch.lerp(x, total.div_(count), strength)


@dataclass(frozen=True)
class RandomFilter(ValueAugmenter):
    """Convolve the signal with a short random kernel: as if another sensor had recorded it.

    The kernel is one at its middle plus ``n_taps`` random numbers, evenly spread over a length drawn log-uniformly from
    3 samples to a 64th of the window, whose absolute values sum to the strength, so that no frequency is turned upside
    down; it is the same for all channels. The standard deviation stays, unless the kernel takes away more than three
    quarters of it.

    Source: Xu et al. 2021, "Robust and generalizable visual representation learning via random convolutions"; for
    sounds, Nam et al. 2022, "FilterAugment".

    Parameters
    ----------
    magnitude, p : float
        As of every change of values.
    n_taps : int
        Random numbers in the kernel.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> tracks = Tracks(torch.randn(8, 1, 500), torch.zeros(8, 500).long(), torch.ones(8, 500).bool())
    >>> seen = RandomFilter(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x
    >>> torch.allclose(seen.std(-1), tracks.x.std(-1), rtol=0.1), torch.allclose(seen, tracks.x, atol=0.1)
    (True, False)
    """

    n_taps: int = 5

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
    """Add a hum of known frequency with its first harmonics, of at most half a standard deviation.

    Parameters
    ----------
    magnitude, p : float
        As of every change of values.
    frequency : float
        Cycles a sample: of the mains over the sampling rate, as 50 Hz / 250 Hz.
    n_harmonics : int
        Sines in all; those above half the sampling rate are left out.

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

    frequency: float = 0.2
    n_harmonics: int = 2

    _bounds: ClassVar[Mapping[str, Bounds]] = {**ValueAugmenter._bounds, "frequency": Bounds(0, 0.5, included=False)}

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
    """Remove a band of frequencies, at most ``share`` of all.

    Source: Park et al. 2019, "SpecAugment", for the band; here it is removed over the whole window.

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

    share: float = 0.2

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        spectrum = torch.fft.rfft(x)
        band = draw_stretch(spectrum.shape[-1], self.share * strength.flatten(), generator)
        return torch.fft.irfft(spectrum * ~band[:, None], n=x.shape[-1])


@dataclass(frozen=True)
class ChannelDropout(ValueAugmenter):
    """Set channels to their mean, each with a probability of at most one half; one channel always stays.

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
    """Turn the signal upside down, with a probability of at most one; for signals without a polarity.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, SignFlip
    >>> x = torch.sin(torch.arange(100.0)).expand(8, 1, 100)
    >>> tracks = Tracks(x, torch.zeros(8, 100).long(), torch.ones(8, 100).bool())
    >>> seen = SignFlip(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x
    >>> centred = tracks.x - tracks.x.mean(-1, keepdim=True)
    >>> turned = ((seen - seen.mean(-1, keepdim=True)) * centred).sum(-1) < 0
    >>> bool(turned.any()), bool(turned.all())
    (True, False)
    """

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        luck = torch.rand((len(x), 1, 1), dtype=torch.float32, generator=generator, device=x.device)
        return torch.where(luck < strength, -x, x)
