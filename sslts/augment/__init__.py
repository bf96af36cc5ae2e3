"""Views of a batch: what moves time, what changes values, what mixes recordings.

An augmenter is an immutable recipe, called with `Tracks` and a ``torch.Generator``; it works on the whole batch at
once, on the device of its tensors.
"""

from sslts.augment.mix import CutMix
from sslts.augment.policy import Compose, RandAugment, apply_view
from sslts.augment.time import Rescale, Reverse, Shift, TimeAugmenter, TimeWarp, WindowWarp
from sslts.augment.tracks import Augmenter, Tracks
from sslts.augment.value import (
    BaselineDrift,
    CutOut,
    Jitter,
    MagnitudeWarp,
    Scale,
    SineNoise,
    Smooth,
    StretchNoise,
    ValueAugmenter,
)

__all__ = [
    "Augmenter",
    "BaselineDrift",
    "Compose",
    "CutMix",
    "CutOut",
    "Jitter",
    "MagnitudeWarp",
    "RandAugment",
    "Rescale",
    "Reverse",
    "Scale",
    "Shift",
    "SineNoise",
    "Smooth",
    "StretchNoise",
    "TimeAugmenter",
    "TimeWarp",
    "Tracks",
    "ValueAugmenter",
    "WindowWarp",
    "apply_view",
]
