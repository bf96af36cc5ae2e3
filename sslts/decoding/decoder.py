"""What a decoder is: a recipe whose ``start()`` returns what decodes one recording.

``push(proba)`` takes probabilities ``(t, K)`` and returns the labels that are final, ``flush()`` the rest. Offline is
one push and a flush, so that a stream and a file agree.

A decoder may offer two more methods: ``for_segments(statistics)`` returns a decoder adapted to what the labels showed
(classes, background, lengths, transitions), and ``decode_many(probas)`` decodes several recordings at once. It may
state a ``latency``: how many samples after a sample its label is final, None if there is no bound.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sslts.annotations import SegmentStatistics
from sslts.recipes import Recipe

_GROUP_SAMPLES = 1 << 20  # samples that are decoded together
_ROUNDING = 1e-9  # by what part seconds times a sampling rate may miss a whole number of samples, as 0.07 * 100 does


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
        """Return the class indices that were still open, int64."""

    def get_state(self) -> dict[str, np.ndarray]:
        """Return what is remembered of the samples seen, as arrays of numbers."""
        raise NotImplementedError(f"{type(self).__name__} has no get_state, so a stream that it decodes has none.")

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on, in a new decoding, from what `get_state` returned."""
        raise NotImplementedError(f"{type(self).__name__} has no set_state, so a stream that it decodes has none.")


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
        """Samples after which a label is final; None if that may take until the end."""
        return None

    def __call__(self, proba: np.ndarray) -> np.ndarray:
        """Return class indices (T,), int64, of a whole recording's probabilities (T, K)."""
        return decode(self, proba)


def decode(decoder: Any, proba: np.ndarray) -> np.ndarray:
    """Return class indices (T,), int64, of probabilities (T, K).

    Parameters
    ----------
    decoder : Decoder
        Or anything whose ``start()`` has ``push`` and ``flush``.
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
    """Raise if probabilities are not those of the classes that a decoder was adapted to.

    Parameters
    ----------
    proba : ndarray of shape (t, K)
    n_classes : int

    Raises
    ------
    ValueError
        If `proba` is no table, or has not one column for each class.

    Examples
    --------
    >>> _check_proba(np.ones((5, 3)), 2)
    Traceback (most recent call last):
    ...
    ValueError: proba has 3 columns, the decoder was adapted to 2 classes; give one column for each.
    """
    shape = np.shape(proba)
    if len(shape) != 2:
        raise ValueError(f"proba has shape {shape}; give (T, K), the probability of each class.")
    if shape[1] != n_classes:
        raise ValueError(
            f"proba has {shape[1]} columns, the decoder was adapted to {n_classes} classes; give one column for each."
        )


def prepare_decoder(decoder: Any, statistics: SegmentStatistics) -> Any:
    """Return the decoder, adapted to what the labels showed if it offers that.

    Parameters
    ----------
    decoder : Decoder
    statistics : SegmentStatistics
        A fitted segmenter's ``statistics_``, or what `measure_segments` returns.

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
    """Decode recordings as their probabilities come, several at once where the decoder can.

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
    """Yield recordings in groups of about `_GROUP_SAMPLES`."""
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


def _gather_similar(lengths: Sequence[int], limit: int, rows: Sequence[int] | None = None) -> Iterator[list[int]]:
    """Yield the numbers of recordings in batches of similar length, the longest first.

    Parameters
    ----------
    lengths : sequence of int
    limit : int
        Most samples of a batch whose rows are all as long as its longest. One recording may have more.
    rows : sequence of int, default=None
        How many rows each recording takes. None: one.

    Examples
    --------
    >>> from sslts.decoding.decoder import _gather_similar
    >>> list(_gather_similar([2, 90, 3, 4], limit=8))
    [[1], [3, 2], [0]]
    """
    counts = [1] * len(lengths) if rows is None else rows
    batch: list[int] = []
    filled = 0
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (filled + counts[i]) * lengths[batch[0]] > limit:
            yield batch
            batch, filled = [], 0
        batch.append(i)
        filled += counts[i]
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
        """There is nothing to remember."""


@dataclass(frozen=True)
class Argmax(Decoder):
    """The most probable class of each sample, by itself.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.decoding import Argmax
    >>> Argmax()(np.array([[0.9, 0.1], [0.2, 0.8]]))
    array([0, 1])
    """

    @property
    def latency(self) -> int:
        """A label is final at once."""
        return 0

    def start(self) -> Decoding:  # noqa: D102
        return _ArgmaxDecoding()
