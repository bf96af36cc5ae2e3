"""Augmenters that mix recordings of a batch."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator

from sslts.augment._draws import draw_mask, draw_stretch, draw_uniform
from sslts.augment.tracks import Augmenter, Tracks
from sslts.augment.value import _standardize
from sslts.recipes import bounded, check_order


@dataclass(frozen=True)
class CutMix(Augmenter):
    """View that replaces one stretch of a recording by the same stretch of another recording of the batch.

    Signal, target and validity are replaced together. Source: Yun et al. 2019; for semi-supervised segmentation,
    French et al. 2020.

    Parameters
    ----------
    p : float
        Probability that a recording is changed.
    low, high : float
        Range of the length of the stretch, as a share of the window.

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

    p: float = bounded(0.5, most=1)
    low: float = bounded(0.1, most=1)
    high: float = bounded(0.5, most=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_order(self, "low", "high")

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        batch, _, length = tracks.x.shape
        share = draw_uniform(self.low, self.high, (batch,), tracks.x, generator)
        share = share * draw_mask(self.p, (batch,), tracks.x, generator)
        mask = draw_stretch(length, share, generator)
        return tracks.map_tensors(lambda tensor: tensor.roll(1, 0)).where(mask, tracks)


@dataclass(frozen=True)
class AddOther(Augmenter):
    """View that adds another recording of the batch at a low gain and keeps the labels.

    The noise of one recording is added to another, so the noise need not be white and its kind need not be known. A
    batch of one recording is left unchanged.

    Source: for sounds, the background noise of Salamon & Bello 2017, "Deep convolutional neural networks and data
    augmentation for environmental sound classification".

    Parameters
    ----------
    magnitude : float
        From 0 (no change) to 10 (the added recording has at most half a standard deviation).
    p : float
        Probability that a recording is changed.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> tracks = Tracks(torch.randn(8, 1, 500), torch.zeros(8, 500).long(), torch.ones(8, 500).bool())
    >>> seen = AddOther(magnitude=10)(tracks, torch.Generator().manual_seed(0))
    >>> bool((seen.x - tracks.x).std() < 0.5), torch.equal(seen.target, tracks.target)
    (True, True)
    """

    magnitude: float = bounded(5.0)
    p: float = bounded(1.0, most=1)

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        x, batch = tracks.x, len(tracks.x)
        if batch == 1:
            return tracks
        strength = draw_uniform(0, self.magnitude / 20, (batch, 1, 1), x, generator)
        strength = strength * draw_mask(self.p, (batch, 1, 1), x, generator)
        standard, _, scale, valid = _standardize(tracks)
        other = standard.roll(-1, 0)  # CutMix rolls by +1, so the two views take different recordings
        return tracks.replace(x=x + strength * scale * other * valid)
