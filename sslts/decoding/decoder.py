"""The interface of a decoder: a recipe whose ``start()`` returns the decoding of one recording.

``push(proba)`` takes probabilities ``(t, K)`` and returns the labels that are final; ``flush()`` returns the rest. A
file is decoded with one push and one flush, so that a stream and a file give the same labels.

A decoder may offer two more methods: ``for_segments(statistics)`` returns a decoder adapted to the statistics of the
labels (classes, background, lengths, transitions), and ``decode_many(probas)`` decodes several recordings at once. It
may have a ``latency``: the number of later samples after which a label is final, None if there is no bound.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sslts.annotations import SegmentStatistics
from sslts.recipes import Recipe

_GROUP_SAMPLES = 1 << 13  # samples that are decoded together
_ROUNDING = 1e-9  # relative rounding error of seconds times a sampling rate: 0.07 * 100 is not exactly 7


class Decoding(ABC):
    """The decoding of one recording.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.decoding import Argmax
    >>> decoding = Argmax().start()
    >>> decoding.push(np.array([[0.9, 0.1]])).tolist(), decoding.flush().tolist()
    ([0], [])
    """

    @abstractmethod
    def push(self, proba: np.ndarray) -> np.ndarray:
        """Take probabilities (t, K); return the class indices that became final, int64."""

    @abstractmethod
    def flush(self) -> np.ndarray:
        """Return the remaining class indices at the end of the recording, int64."""

    def get_state(self) -> dict[str, np.ndarray]:
        """Return the memory of the samples seen so far, as arrays of numbers."""
        raise NotImplementedError(f"{type(self).__name__} has no get_state, so its streams can't be saved; define it.")

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue, in a new decoding, from the state that `get_state` returned; raise ValueError if it is damaged."""
        raise NotImplementedError(f"{type(self).__name__} has no set_state, so its streams can't continue; define it.")


class Decoder(Recipe, ABC):
    """Base class of decoders.

    Examples
    --------
    >>> from sslts.decoding import Decoder, Hysteresis
    >>> isinstance(Hysteresis(), Decoder), Hysteresis(min_length=5).replace(min_length=9).latency
    (True, 18)
    """

    @abstractmethod
    def start(self) -> Decoding:
        """Return a new decoding."""

    @property
    def latency(self) -> int | None:
        """Number of later samples after which a label is final; None if a label may stay open until the end."""
        return None

    def __call__(self, proba: np.ndarray) -> np.ndarray:
        """Return the class indices (T,), int64, of a whole recording from its probabilities (T, K)."""
        return decode(self, proba)


def decode(decoder: Any, proba: np.ndarray) -> np.ndarray:
    """Return the class indices (T,), int64, of a whole recording from its probabilities (T, K).

    Parameters
    ----------
    decoder : Decoder
        A decoder, or any object whose ``start()`` returns an object with ``push`` and ``flush``.
    proba : ndarray of shape (T, K)

    Returns
    -------
    ndarray of int64, shape (T,)

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.decoding import Argmax, decode
    >>> decode(Argmax(), np.array([[0.9, 0.1], [0.2, 0.8]]))
    array([0, 1])
    """
    decoding = decoder.start()
    return np.concatenate([decoding.push(proba), decoding.flush()])


def _check_proba(proba: np.ndarray, n_classes: int) -> None:
    """Raise ValueError if probabilities are not a table (t, K) with one column per class of the decoder."""
    shape = np.shape(proba)
    if len(shape) != 2:
        raise ValueError(f"proba has shape {shape}; give (T, K), one probability per sample and class.")
    if shape[1] != n_classes:
        raise ValueError(
            f"proba has {shape[1]} columns, but the decoder was adapted to {n_classes} classes; give one column per "
            "class."
        )


def prepare_decoder(decoder: Any, statistics: SegmentStatistics) -> Any:
    """Return the decoder adapted to the statistics of the labels, or the same decoder if it can't be adapted.

    Parameters
    ----------
    decoder : Decoder
    statistics : SegmentStatistics
        ``statistics_`` of a fitted segmenter, or the result of `measure_segments`.

    Returns
    -------
    Decoder

    Examples
    --------
    >>> from sslts.decoding import Hysteresis, prepare_decoder
    >>> from sslts.annotations import measure_segments
    >>> statistics = measure_segments([[5, 5, 7, 7, 5]], background=5)
    >>> prepare_decoder(Hysteresis(), statistics).statistics.classes
    (5, 7)
    """
    adapt = getattr(decoder, "for_segments", None)
    return decoder if adapt is None else adapt(statistics)


def decode_recordings(
    decoder: Any, probas: Iterable[tuple[int, np.ndarray]]
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield the class indices of recordings, in the order of their probabilities.

    Recordings are decoded in groups if the decoder has ``decode_many``.

    Parameters
    ----------
    decoder : Decoder
    probas : iterable of (int, ndarray of shape (T_i, K))
        Number and probabilities of each recording.

    Yields
    ------
    i : int
    proba : ndarray of shape (T_i, K)
    indices : ndarray of int64, shape (T_i,)

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.decoding import Argmax, decode_recordings
    >>> [(i, found.tolist()) for i, _, found in decode_recordings(Argmax(), [(3, np.eye(2))])]
    [(3, [0, 1])]
    """
    decode_many = getattr(decoder, "decode_many", None)
    if decode_many is None:
        yield from ((i, proba, decode(decoder, proba)) for i, proba in probas)
        return
    for group in _gather(probas):
        found = decode_many([proba for _, proba in group])
        yield from ((i, proba, indices) for (i, proba), indices in zip(group, found, strict=True))


def _gather(probas: Iterable[tuple[int, np.ndarray]]) -> Iterator[list[tuple[int, np.ndarray]]]:
    """Yield recordings in groups of about `_GROUP_SAMPLES` samples."""
    group: list[tuple[int, np.ndarray]] = []
    size = 0
    for i, proba in probas:
        group.append((i, proba))
        size += len(proba)
        if size >= _GROUP_SAMPLES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _gather_similar(lengths: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Yield the numbers of recordings in batches of similar length, the longest recordings first.

    A batch has at most ``limit`` samples when all its rows are padded to the longest; a single recording may have more.
    """
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > limit:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


class _ArgmaxDecoding(Decoding):
    def push(self, proba: np.ndarray) -> np.ndarray:
        return proba.argmax(-1).astype(np.int64)

    def flush(self) -> np.ndarray:
        return np.empty(0, dtype=np.int64)

    def get_state(self) -> dict[str, np.ndarray]:
        return {}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Do nothing: this decoding has no memory."""


@dataclass(frozen=True)
class Argmax(Decoder):
    """The most probable class of each sample, without regard to its neighbors.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.decoding import Argmax
    >>> Argmax()(np.array([[0.9, 0.1], [0.2, 0.8]]))
    array([0, 1])
    """

    @property
    def latency(self) -> int:
        """Number of later samples after which a label is final: 0."""
        return 0

    def start(self) -> Decoding:  # noqa: D102
        return _ArgmaxDecoding()
