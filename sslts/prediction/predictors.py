"""What predicts: an object that maps normalized signals to probabilities, such as a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from sslts.training import SegmentationNet


class Predictor(ABC):
    """Base class of objects that map normalized signals to probabilities.

    A probability depends on at most `reach` samples on each side, and on its position relative to multiples of
    `stride`. So signals that are cut at multiples of the stride, with `reach` more samples on each side, get the
    probabilities of the whole.

    Attributes
    ----------
    stride : int or None
        Signals may be cut at multiples of the stride; None if cuts are not possible.
    reach : int or None
        Number of samples on each side that influence a probability; None if unknown.
    takes_lengths : bool
        Whether signals of different lengths can be answered together.
    most_samples : int
        Largest number of samples to answer together.
    """

    stride: int | None
    reach: int | None
    takes_lengths: bool = False
    most_samples: int = 1 << 17

    @abstractmethod
    def answer(self, signals: Sequence[np.ndarray], length: int | None = None) -> list[np.ndarray]:
        """Return the probabilities (T_i, K), float32, of each signal (C, T_i).

        With ``length``, signals may be filled up to this number of samples.
        """

    @abstractmethod
    def list_weights(self) -> Iterator[np.ndarray]:
        """Yield arrays that are equal only if the predictions are equal, for fingerprints."""

    def explain_nan(self) -> str:
        """Return the message of the error for probabilities that are NaN."""
        return "The fitted model returns probabilities that are NaN; check its parameters, and fit again."


class NetPredictor(Predictor):
    """A fitted net, which predicts with its averaged weights.

    Parameters
    ----------
    net : SegmentationNet
        Its network may have ``stride`` and ``receptive_field``.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.networks import UNet
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> segmenter = SupervisedSegmenter(network=UNet(width=4, depth=1), max_steps=1, random_state=0).fit(X, y)
    >>> predictor = NetPredictor(segmenter.net_)
    >>> [proba.shape for proba in predictor.answer([np.zeros((1, 100), dtype=np.float32)])]
    [(100, 2)]
    """

    def __init__(self, net: SegmentationNet) -> None:
        self.net = net
        module = net.teacher_.module
        self.stride, self.reach = getattr(module, "stride", None), getattr(module, "receptive_field", None)
        self.takes_lengths = net.takes_lengths

    def answer(self, signals: Sequence[np.ndarray], length: int | None = None) -> list[np.ndarray]:  # noqa: D102
        lengths = [x.shape[-1] for x in signals]
        length = length or max(lengths)
        x = np.zeros((len(signals), len(signals[0]), length), dtype=np.float32)
        for row, signal in zip(x, signals, strict=True):
            row[:, : signal.shape[-1]] = signal
        differ = any(known != length for known in lengths)
        proba = self.net.answer(torch.as_tensor(x, device=self.net.device), lengths if differ else None)
        found = proba.transpose(1, 2).contiguous().cpu().numpy()
        return [one[:known] for one, known in zip(found, lengths, strict=True)]

    def list_weights(self) -> Iterator[np.ndarray]:  # noqa: D102
        for value in self.net.teacher_.module.state_dict().values():
            yield value.cpu().float().numpy()

    def explain_nan(self) -> str:  # noqa: D102
        return (
            "The fitted network returns NaN: one of its weights or buffers is not finite, or its activations "
            "overflow. Check net_.teacher_.module.state_dict(), and fit again with a lower lr."
        )


def as_predictor(value: Predictor | SegmentationNet) -> Predictor:
    """Return a predictor; a fitted net becomes a `NetPredictor`."""
    return value if isinstance(value, Predictor) else NetPredictor(value)
