"""From probabilities to labels.

A decoder is a recipe; ``start()`` returns what decodes one recording: ``push(proba)`` takes probabilities ``(t, K)``
and returns the labels that are final, ``flush()`` the rest. Offline is one push and a flush.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from sslts.recipes import Recipe


class Decoding(ABC):
    """The decoding of one recording."""

    @abstractmethod
    def push(self, proba: np.ndarray) -> np.ndarray:
        """Take probabilities (t, K); return the class indices that became final, int64."""

    @abstractmethod
    def flush(self) -> np.ndarray:
        """Return the class indices that were still open."""


class Decoder(Recipe, ABC):
    """Base class of decoders."""

    @abstractmethod
    def start(self) -> Decoding:
        """Return a new decoding."""

    def __call__(self, proba: np.ndarray) -> np.ndarray:
        """Return class indices (T,), int64, of a whole recording's probabilities (T, K)."""
        return decode(self, proba)


def decode(decoder: Decoder, proba: np.ndarray) -> np.ndarray:
    """Return class indices (T,), int64, of probabilities (T, K); of anything that has ``start``.

    Examples
    --------
    >>> decode(Argmax(), np.array([[0.9, 0.1], [0.2, 0.8]]))
    array([0, 1])
    """
    decoding = decoder.start()
    return np.concatenate([decoding.push(proba), decoding.flush()])


class _ArgmaxDecoding(Decoding):
    def push(self, proba: np.ndarray) -> np.ndarray:
        return proba.argmax(-1).astype(np.int64)

    def flush(self) -> np.ndarray:
        return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Argmax(Decoder):
    """The most probable class of each sample, by itself.

    Examples
    --------
    >>> import numpy as np
    >>> Argmax()(np.array([[0.9, 0.1], [0.2, 0.8]]))
    array([0, 1])
    """

    def start(self) -> Decoding:  # noqa: D102
        return _ArgmaxDecoding()
