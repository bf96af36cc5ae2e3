"""Augmenters that mix recordings of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator

from sslts.augment.tracks import Augmenter, Tracks, draw_stretch, draw_uniform


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
