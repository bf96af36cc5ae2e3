"""Views of a batch: augmenters that move time, change values or mix recordings.

An augmenter is an immutable recipe. It is called with `Tracks` and a ``torch.Generator``, and works on the whole batch
at once, on the device of the batch.
"""

from sslts.augment.mix import AddOther, CutMix
from sslts.augment.plugins import NumpyFunction, SktimeTransformer, ValueFunction
from sslts.augment.policy import Compose, RandAugment, SomeOf, apply_view
from sslts.augment.time import Rescale, Reverse, Shift, TimeAugmenter, TimeWarp, WindowWarp
from sslts.augment.tracks import Augmenter, Tracks
from sslts.augment.value import (
    BaselineDrift,
    ChannelDropout,
    CutOut,
    FrequencyMask,
    Jitter,
    MagnitudeWarp,
    MainsNoise,
    RandomFilter,
    Scale,
    SignFlip,
    SineNoise,
    Smooth,
    StretchNoise,
    ValueAugmenter,
)

__all__ = [
    "AddOther",
    "Augmenter",
    "BaselineDrift",
    "ChannelDropout",
    "Compose",
    "CutMix",
    "CutOut",
    "FrequencyMask",
    "Jitter",
    "MagnitudeWarp",
    "MainsNoise",
    "NumpyFunction",
    "RandAugment",
    "RandomFilter",
    "Rescale",
    "Reverse",
    "Scale",
    "Shift",
    "SignFlip",
    "SineNoise",
    "SktimeTransformer",
    "Smooth",
    "SomeOf",
    "StretchNoise",
    "TimeAugmenter",
    "TimeWarp",
    "Tracks",
    "ValueAugmenter",
    "ValueFunction",
    "WindowWarp",
    "apply_view",
]
