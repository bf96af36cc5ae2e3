"""Augmenters that mix recordings of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from sslts.augment.tracks import Augmenter, Tracks, draw_stretch, draw_uniform
from sslts.augment.value import ValueAugmenter


@dataclass(frozen=True)
class CutMix(Augmenter):
    """Replace a stretch by the same stretch of another recording of the batch.

    Signal, target and validity are replaced together. Source: Yun et al. 2019; for semi-supervised segmentation
    French et al. 2020.

    Parameters
    ----------
    p : float
        Probability with which a recording receives a stretch.
    low, high : float
        Range of the stretch's length, as a share of the window.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> x = torch.tensor([[[0.0] * 8], [[1.0] * 8]])
    >>> tracks = Tracks(x, x[:, 0].long(), torch.ones(2, 8).bool())
    >>> mixed = CutMix(p=1.0, low=0.5, high=0.5)(tracks, torch.Generator().manual_seed(0))
    >>> mixed.x.mean().item(), torch.equal(mixed.x[:, 0].long(), mixed.target)
    (0.5, True)
    """

    p: float = 0.5
    low: float = 0.1
    high: float = 0.5

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        batch, _, length = tracks.x.shape
        share = draw_uniform(self.low, self.high, (batch,), tracks.x, generator)
        share = torch.where(draw_uniform(0, 1, (batch,), tracks.x, generator) < self.p, share, 0.0)
        mask = draw_stretch(length, share, generator)
        wide = mask[:, None]
        return Tracks(
            torch.where(wide, tracks.x.roll(1, 0), tracks.x),
            torch.where(mask if tracks.target.ndim == 2 else wide, tracks.target.roll(1, 0), tracks.target),
            torch.where(mask, tracks.valid.roll(1, 0), tracks.valid),
        )


@dataclass(frozen=True)
class AddOther(ValueAugmenter):
    """Add another recording of the batch, of at most half a standard deviation; labels stay.

    What one recording has of its own becomes noise in another, so noise need not be white, nor known. In a batch of one
    there is no other, and nothing changes.

    Source: for sounds, the background noise of Salamon & Bello 2017, "Deep convolutional neural networks and data
    augmentation for environmental sound classification".

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> tracks = Tracks(torch.randn(8, 1, 500), torch.zeros(8, 500).long(), torch.ones(8, 500).bool())
    >>> seen = AddOther(magnitude=10)(tracks, torch.Generator().manual_seed(0))
    >>> bool((seen.x - tracks.x).std() < 0.5), torch.equal(seen.target, tracks.target)
    (True, True)
    """

    def change(self, x: Tensor, strength: Tensor, generator: Generator) -> Tensor:  # noqa: ARG002, D102
        return x if len(x) == 1 else x + 0.5 * strength * x.roll(-1, 0)  # another one than CutMix takes from
