"""Augmenters that move time: each returns the input position of every output sample."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from sslts.augment._draws import draw_mask, draw_uniform, find_valid_span
from sslts.augment.tracks import Augmenter, Tracks
from sslts.recipes import bounded, check_order


class TimeAugmenter(Augmenter):
    """Base class of views that move time; signal, target and validity move together.

    A subclass may have a field ``p``, the probability that a recording is moved; without it, every recording is moved.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import torch
    >>> from sslts.augment import TimeAugmenter, Tracks
    >>> @dataclass(frozen=True)
    ... class Later(TimeAugmenter):
    ...     def locate(self, position, length, generator):
    ...         return position - 1
    >>> tracks = Tracks(torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[0, 1, 1]]), torch.ones(1, 3).bool())
    >>> Later()(tracks, torch.Generator()).target.tolist()
    [[-1, 0, 1]]
    """

    p: float = 1.0

    @abstractmethod
    def locate(self, position: Tensor, length: int, generator: Generator) -> Tensor:
        """Return the input positions of the output samples at ``position``.

        Parameters
        ----------
        position : Tensor, float, shape (B, T)
            Positions in the output, in samples.
        length : int
            Number of samples of the input.
        generator : torch.Generator

        Returns
        -------
        Tensor, float, shape (B, T)
            Positions in the input. A composition passes them to the augmenter before it.
        """

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        def move(part: Tracks) -> Tracks:
            return part.resample(self.locate_in(part, _make_grid(part), generator))

        return tracks.change_rows(draw_mask(self.p, (len(tracks.x),), tracks.x, generator), move)

    def locate_in(self, tracks: Tracks, position: Tensor, generator: Generator) -> Tensor:
        """Return `locate` for the length of ``tracks``; override it in a view that reads more than the length."""
        return self.locate(position, tracks.x.shape[-1], generator)

    @classmethod
    def looks_at_tracks(cls) -> bool:
        """Return whether this view overrides `locate_in`, and so reads more of the tracks than their length."""
        return cls.locate_in is not TimeAugmenter.locate_in

    def locate_some(self, tracks: Tracks, position: Tensor, generator: Generator) -> Tensor:
        """Return `locate_in` for recordings drawn with probability ``p``, and ``position`` for all others."""
        moved = draw_mask(self.p, (len(position), 1), position, generator)
        return torch.where(moved, self.locate_in(tracks, position, generator), position)


def _make_grid(tracks: Tracks) -> Tensor:
    """Return the positions ``0 ... T - 1`` of each row, float32 of shape (B, T)."""
    batch, _, length = tracks.x.shape
    return torch.arange(length, dtype=torch.float32, device=tracks.x.device).expand(batch, length)


@dataclass(frozen=True)
class Shift(TimeAugmenter):
    """View that moves the signal by a random number of whole samples.

    Parameters
    ----------
    share : float
        Largest shift, as a share of the window.
    p : float
        Probability that a recording is moved.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> tracks = Tracks(torch.rand(2, 1, 50), torch.zeros(2, 50).long(), torch.ones(2, 50).bool())
    >>> Shift(0.2)(tracks, torch.Generator().manual_seed(0)).x.shape
    torch.Size([2, 1, 50])
    """

    share: float = bounded(0.1, most=1)
    p: float = bounded(1.0, most=1)

    def locate(self, position: Tensor, length: int, generator: Generator) -> Tensor:  # noqa: D102
        reach = self.share * length
        return position + draw_uniform(-reach, reach, (len(position), 1), position, generator).round()


@dataclass(frozen=True)
class Rescale(TimeAugmenter):
    """View that stretches or squeezes time by a random factor, and crops at a random place of the valid samples.

    Parameters
    ----------
    low, high : float
        Range of the factor, drawn log-uniformly; patterns become longer by it.
    p : float
        Probability that a recording is rescaled.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> tracks = Tracks(torch.rand(2, 1, 50), torch.zeros(2, 50).long(), torch.ones(2, 50).bool())
    >>> Rescale(1.0, 2.0)(tracks, torch.Generator().manual_seed(0)).valid.all().item()
    True
    """

    low: float = 0.8
    high: float = 1.25
    p: float = bounded(1.0, most=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("low", "high"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise ValueError(f"Rescale: {name}={value!r} is not a factor of a length; give a number above 0.")
        check_order(self, "low", "high")

    def locate_in(self, tracks: Tracks, position: Tensor, generator: Generator) -> Tensor:  # noqa: D102
        # A recording may be shorter than the window: most crops of the whole window would then be padding.
        first, length = find_valid_span(tracks.valid)
        return first + self.locate(position - first, length, generator)

    def locate(self, position: Tensor, length: int | Tensor, generator: Generator) -> Tensor:  # noqa: D102
        column = (len(position), 1)
        factor = draw_uniform(math.log(self.low), math.log(self.high), column, position, generator).exp()
        # The output covers length / factor samples of the input: it starts at a random place inside the input, or
        # before it if the output covers more samples than the input has.
        offset = (length - 1) * (1 - 1 / factor) * draw_uniform(0, 1, column, position, generator)
        return offset + position / factor


@dataclass(frozen=True)
class Reverse(TimeAugmenter):
    """View that reverses time; only for patterns without a direction.

    Parameters
    ----------
    p : float
        Probability that a recording is reversed.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> tracks = Tracks(torch.arange(3.0).reshape(1, 1, 3), torch.zeros(1, 3).long(), torch.ones(1, 3).bool())
    >>> Reverse(p=1.0)(tracks, torch.Generator().manual_seed(0)).x.tolist()
    [[[2.0, 1.0, 0.0]]]
    """

    p: float = bounded(0.5, most=1)

    def locate(self, position: Tensor, length: int, generator: Generator) -> Tensor:  # noqa: ARG002, D102
        return length - 1 - position


@dataclass(frozen=True)
class TimeWarp(TimeAugmenter):
    """View that makes time run faster and slower, by a smooth random rate.

    The rate is interpolated between ``n_knots`` random rates, and one random sample of the window keeps its position.
    Source: Um et al. 2017, "Data augmentation of wearable sensor data".

    Parameters
    ----------
    magnitude : float
        From 0 (no change) to 10 (rate between 1/2 and 2).
    p : float
        Probability that a recording is warped.
    n_knots : int
        Number of random rates in a window: few rates bend long stretches, many rates change single patterns.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> tracks = Tracks(torch.rand(2, 1, 50), torch.zeros(2, 50).long(), torch.ones(2, 50).bool())
    >>> TimeWarp(magnitude=10)(tracks, torch.Generator().manual_seed(0)).x.shape
    torch.Size([2, 1, 50])
    """

    magnitude: float = bounded(5.0)
    p: float = bounded(1.0, most=1)
    n_knots: int = bounded(64, 1, whole=True)

    def locate(self, position: Tensor, length: int, generator: Generator) -> Tensor:  # noqa: D102
        reach = math.log(2) * self.magnitude / 10
        knots = draw_uniform(-reach, reach, (len(position), 1, self.n_knots), position, generator)
        rate = F.interpolate(knots, size=length, mode="linear", align_corners=True)[:, 0].exp_()
        source = rate.cumsum(1)
        fixed = draw_uniform(0, length, (len(position), 1), position, generator).long().clamp_(max=length - 1)
        return _interpolate_map(source, position) - source.gather(1, fixed) + fixed


def _interpolate_map(source: Tensor, position: Tensor) -> Tensor:
    """Return the time map ``source`` (B, T) at ``position`` (B, N): linear between samples, with rate 1 outside."""
    last = source.shape[-1] - 1
    inside = position.clamp(0, last)
    low = inside.floor().clamp_(max=max(last - 1, 0))
    left = low.long()
    found = torch.lerp(source.gather(1, left), source.gather(1, left + min(last, 1)), inside - low)
    return found.add_(position - inside)


@dataclass(frozen=True)
class WindowWarp(TimeAugmenter):
    """View that makes one stretch of the window longer or shorter; the rest of the window moves along.

    Source: Le Guennec et al. 2016, "Data augmentation for time series classification using convolutional neural
    networks".

    Parameters
    ----------
    magnitude : float
        From 0 (no change) to 10 (factor between 1/2 and 2).
    p : float
        Probability that a recording is warped.
    share : float
        Length of the stretch, as a share of the window.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> tracks = Tracks(torch.rand(2, 1, 50), torch.zeros(2, 50).long(), torch.ones(2, 50).bool())
    >>> WindowWarp(share=0.3)(tracks, torch.Generator().manual_seed(0)).x.shape
    torch.Size([2, 1, 50])
    """

    magnitude: float = bounded(5.0)
    p: float = bounded(1.0, most=1)
    share: float = bounded(0.1, most=1)

    def locate(self, position: Tensor, length: int, generator: Generator) -> Tensor:  # noqa: D102
        column = (len(position), 1)
        reach = math.log(2) * self.magnitude / 10
        factor = draw_uniform(-reach, reach, column, position, generator).exp()
        size = self.share * length
        start = draw_uniform(0, length - size, column, position, generator)
        slack = size * (1 - 1 / factor)  # input samples that the longer stretch pushes out, at both ends together
        passed = ((position - start) / max(size, 1.0)).clamp(0, 1)
        return position + slack * (draw_uniform(0, 1, column, position, generator) - passed)
