"""Augmenters that move time: each says from which position every output sample comes."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from sslts.augment.tracks import Augmenter, Tracks, draw_uniform


class TimeAugmenter(Augmenter):
    """A view that moves time; signal, target and validity move together."""

    @abstractmethod
    def locate(self, position: Tensor, length: int, generator: Generator) -> Tensor:
        """Return where the samples at ``position`` come from.

        Parameters
        ----------
        position : Tensor, float, shape (B, T)
            Positions in the output, in samples.
        length : int
            Samples of the input.
        generator : torch.Generator

        Returns
        -------
        Tensor, float, shape (B, T)
            Positions in the input. A composition feeds them to the augmenter before it.
        """

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        length = tracks.x.shape[-1]
        return tracks.resample(self.locate(make_grid(tracks), length, generator))


def make_grid(tracks: Tracks) -> Tensor:
    """Return the positions ``0 ... T - 1`` of each row, float32 of shape (B, T)."""
    batch, _, length = tracks.x.shape
    return torch.arange(length, dtype=torch.float32, device=tracks.x.device).expand(batch, length)


@dataclass(frozen=True)
class Shift(TimeAugmenter):
    """Move the signal by a random number of whole samples.

    Parameters
    ----------
    share : float
        The largest shift, as a share of the window.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> tracks = Tracks(torch.rand(2, 1, 50), torch.zeros(2, 50).long(), torch.ones(2, 50).bool())
    >>> Shift(0.2)(tracks, torch.Generator().manual_seed(0)).x.shape
    torch.Size([2, 1, 50])
    """

    share: float = 0.1

    def locate(self, position: Tensor, length: int, generator: Generator) -> Tensor:  # noqa: D102
        reach = self.share * length
        return position + draw_uniform(-reach, reach, (len(position), 1), position, generator).round()


@dataclass(frozen=True)
class Rescale(TimeAugmenter):
    """Stretch or squeeze time by a random factor, and crop at a random place.

    Parameters
    ----------
    low, high : float
        Range of the factor by which patterns become longer; drawn log-uniformly.

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

    def locate(self, position: Tensor, length: int, generator: Generator) -> Tensor:  # noqa: D102
        column = (len(position), 1)
        factor = draw_uniform(math.log(self.low), math.log(self.high), column, position, generator).exp()
        # The output covers length / factor samples of the input; it starts where it fits, or overhangs where it cannot.
        offset = (length - 1) * (1 - 1 / factor) * draw_uniform(0, 1, column, position, generator)
        return offset + position / factor


@dataclass(frozen=True)
class Reverse(TimeAugmenter):
    """Play the signal backwards, with probability ``p``; only for patterns that have no direction.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> tracks = Tracks(torch.arange(3.0).reshape(1, 1, 3), torch.zeros(1, 3).long(), torch.ones(1, 3).bool())
    >>> Reverse(p=1.0)(tracks, torch.Generator().manual_seed(0)).x.tolist()
    [[[2.0, 1.0, 0.0]]]
    """

    p: float = 0.5

    def locate(self, position: Tensor, length: int, generator: Generator) -> Tensor:  # noqa: D102
        turned = draw_uniform(0, 1, (len(position), 1), position, generator) < self.p
        return torch.where(turned, length - 1 - position, position)
