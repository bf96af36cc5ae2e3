"""Normalization of recordings before a network sees them.

`WholeRecording`, `TrainingSet`, `Local` and `AsGiven` are the four normalizations. A normalized sample never depends on
where a reading starts or stops.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import ndimage

from sslts.recordings.recordings import Recordings

_STRETCH = 1 << 20  # values that are normalized at a time in a pass over a recording
_LONG = 1 << 14  # samples of a reading that is long enough to tell a code from a signal; windows are shorter
_MOST_MEASURED = 256  # recordings
Moments = tuple[np.ndarray, np.ndarray]


class Normalization(ABC):
    """Base class of normalizations.

    Attributes
    ----------
    margin : int
        Number of samples on each side that influence a normalized sample.
    measures : bool
        Whether `apply` needs location and scale of the whole recording.
    absolute : bool
        Whether a constant that is added to a recording changes its normalized samples.
    plain : bool
        Whether the network sees the values without normalization, so that their squares must fit into float32.

    Examples
    --------
    >>> choose_normalization("local", window_length=100).margin
    50
    """

    margin: int = 0
    measures: ClassVar[bool] = False
    absolute: ClassVar[bool] = False
    plain: ClassVar[bool] = False

    @abstractmethod
    def apply(self, x: np.ndarray, moments: Moments | None = None) -> np.ndarray:
        """Return the normalized signal (C, t), float32; `moments` are location and scale of the channels, (C,) each."""


@dataclass(frozen=True)
class WholeRecording(Normalization):
    """Normalization of each channel of a recording to mean 0 and standard deviation 1.

    Examples
    --------
    >>> WholeRecording().apply(np.array([[1.0, 3.0]]), moments=(np.array([2.0]), np.array([1.0])))
    array([[-1.,  1.]], dtype=float32)
    """

    measures: ClassVar[bool] = True

    def apply(self, x: np.ndarray, moments: Moments | None = None) -> np.ndarray:  # noqa: D102
        assert moments is not None
        location, scale = moments
        return ((x - location[:, None]) / scale[:, None]).astype(np.float32)


@dataclass(frozen=True)
class TrainingSet(Normalization):
    """Normalization of each channel by one location and one scale, the same for all recordings.

    The recordings of the fit have mean 0 and standard deviation 1 together, so that differences between recordings
    stay.

    Parameters
    ----------
    location, scale : tuple of float, one per channel

    Examples
    --------
    >>> TrainingSet(location=(2.0,), scale=(4.0,)).apply(np.array([[2.0, 10.0]]))
    array([[0., 2.]], dtype=float32)
    """

    location: tuple[float, ...]
    scale: tuple[float, ...]
    absolute: ClassVar[bool] = True

    def apply(self, x: np.ndarray, moments: Moments | None = None) -> np.ndarray:  # noqa: ARG002, D102
        return ((x - np.array(self.location)[:, None]) / np.array(self.scale)[:, None]).astype(np.float32)


@dataclass(frozen=True)
class Local(Normalization):
    """Normalization to mean 0 and standard deviation 1 over a sliding window around each sample.

    Parameters
    ----------
    width : int
        Samples of the window: ``width // 2`` on each side of the sample, but at least one.

    Examples
    --------
    >>> Local(width=3).apply(np.array([[1.0, 1.0, 1.0]]))
    array([[0., 0., 0.]], dtype=float32)
    """

    width: int

    @property
    def margin(self) -> int:  # type: ignore[override]
        """Number of samples on each side that influence a normalized sample."""
        return _find_margin(self.width)

    def apply(self, x: np.ndarray, moments: Moments | None = None) -> np.ndarray:  # noqa: ARG002, D102
        return standardize_locally(x, self.width)


@dataclass(frozen=True)
class AsGiven(Normalization):
    """No normalization; values are only converted to float32.

    Examples
    --------
    >>> AsGiven().apply(np.array([[1.0, 3.0]]))
    array([[1., 3.]], dtype=float32)
    """

    absolute: ClassVar[bool] = True
    plain: ClassVar[bool] = True

    def apply(self, x: np.ndarray, moments: Moments | None = None) -> np.ndarray:  # noqa: ARG002, D102
        return x.astype(np.float32, copy=False)


def choose_normalization(name: str | None, window_length: int, moments: Moments | None = None) -> Normalization:
    """Return the normalization that the parameter ``normalization`` of a segmenter names.

    Parameters
    ----------
    name : {"recording", "training", "local"} or None
        `WholeRecording`, `TrainingSet`, `Local` or `AsGiven`.
    window_length : int
        Samples of the sliding window of ``"local"``.
    moments : (location, scale), ndarrays of shape (C,), or None
        Location and scale of the channels for ``"training"``.

    Raises
    ------
    ValueError
        If the name is unknown, or the moments are missing.

    Examples
    --------
    >>> choose_normalization("recording", window_length=64), choose_normalization(None, window_length=64)
    (WholeRecording(), AsGiven())
    """
    if name == "training":
        if moments is None:
            raise ValueError('normalization="training" needs the location and scale of the channels: pass moments.')
        location, scale = moments
        return TrainingSet(tuple(location.tolist()), tuple(scale.tolist()))
    known = {"recording": WholeRecording(), "local": Local(window_length), None: AsGiven()}
    if name not in known:
        raise ValueError(f'normalization={name!r} is unknown; pass "recording", "training", "local" or None.')
    return known[name]


class NormalizedRecordings:
    """Recordings that are normalized when they are read.

    Parameters
    ----------
    recordings : Recordings
    normalization : Normalization, {"recording", "local"} or None
        ``"recording"``: mean 0 and standard deviation 1 of each channel of each recording. ``"local"``: the same over
        a sliding window around each sample. None: no normalization.
    width : int, default=0
        Samples of the sliding window of ``"local"``: ``width // 2`` on each side of the sample, but at least one.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.recordings import NormalizedRecordings, as_recordings
    >>> seen = NormalizedRecordings(as_recordings(np.array([[1.0, 3.0]])), "recording")
    >>> seen.read(0)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(self, recordings: Recordings, normalization: Normalization | str | None, width: int = 0) -> None:
        if normalization == "local" and not width:
            raise ValueError('width=0; normalization="local" needs the samples of its window: pass width.')
        if not isinstance(normalization, Normalization):
            normalization = choose_normalization(normalization, width)
        self.recordings, self.normalization = recordings, normalization
        self._moments: dict[int, Moments] = {}

    def read(self, i: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return samples ``start:stop`` of recording ``i``: float32, shape ``(C, stop - start)``."""
        how, length = self.normalization, int(self.recordings.lengths[i])
        stop = length if stop is None else stop
        before, end = min(how.margin, start), min(stop + how.margin, length)
        x = self.recordings.read(
            i, start - before, end, exact=not how.plain, plain=how.plain, relative=not how.absolute
        )
        if not how.measures and end - start + before >= min(length, _LONG):
            self.recordings.warn_of_code(x, i, start - before)
        return how.apply(x, self._get_moments(i) if how.measures else None)[:, before : before + stop - start]

    def _get_moments(self, i: int) -> Moments:
        """Return location and scale of the channels of recording ``i``, measured once."""
        if i not in self._moments:
            self._moments[i] = measure_moments(self.recordings.read_through(i))
        return self._moments[i]

    def read_through(self, i: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the start and the normalized values of each stretch of recording ``i``.

        One stretch at a time saves memory: `read` needs many times the memory of its result.
        """
        length, size = int(self.recordings.lengths[i]), max(_STRETCH // self.recordings.n_channels, 1)
        for start in range(0, length, size):
            yield start, self.read(i, start, min(start + size, length))


def measure_moments(parts: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return location and scale of the channels, (C,) each, of a recording that is given in stretches (C, t).

    A channel is constant if all its values are equal. Its scale is then infinite, so that it is normalized to zeros.
    Sums of squares are combined as in Chan, Golub & LeVeque 1979.

    Examples
    --------
    >>> import numpy as np
    >>> center, scale = measure_moments([np.array([[1.0, 3.0]]), np.array([[5.0, 7.0]])])
    >>> center.tolist(), (scale**2).round(6).tolist()
    ([4.0], [5.0])
    """
    count, center, squares = 0, np.zeros(1), np.zeros(1)
    low, high = np.full(1, np.inf), np.full(1, -np.inf)
    for part in parts:
        low, high = np.minimum(low, part.min(-1)), np.maximum(high, part.max(-1))
        first = part[:, 0].astype(np.float64)
        mean = first + (part - first[:, None]).mean(-1)  # exact for a constant channel
        total = count + part.shape[-1]
        moved = mean - center
        squares = squares + ((part - mean[:, None]) ** 2).sum(-1) + moved**2 * (count * part.shape[-1] / total)
        center, count = center + moved * (part.shape[-1] / total), total
    scale = np.sqrt(squares / count)
    return center, np.where((high > low) & (scale > 0), scale, np.inf)


def measure_training_set(recordings: Recordings) -> Moments:
    """Return location and scale of the channels, (C,) each, of all recordings together, or of 256 of them.

    The scale of a channel that is constant is 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.recordings import as_recordings
    >>> location, scale = measure_training_set(as_recordings(np.array([[1.0, 3.0], [5.0, 7.0]])))
    >>> location.tolist(), (scale**2).round(6).tolist()
    ([4.0], [5.0])
    """
    chosen = np.unique(np.linspace(0, len(recordings) - 1, _MOST_MEASURED).astype(int)).tolist()
    location, scale = measure_moments(part for i in chosen for part in recordings.read_through(i, relative=False))
    return location, np.where(np.isfinite(scale), scale, 1.0)


def _find_margin(width: int) -> int:
    """Return the number of samples on each side that influence a locally standardized sample."""
    return max(width // 2, 1)


def standardize_locally(x: np.ndarray, width: int) -> np.ndarray:
    """Return the signal with mean 0 and standard deviation 1 over a sliding window around each sample.

    At the ends of the signal the window is cut, not padded. A window of equal values gives zeros.

    Parameters
    ----------
    x : ndarray, shape (C, T)
    width : int
        Samples of the window: ``width // 2`` on each side of the sample, but at least one, so that 10 means 11.

    Returns
    -------
    ndarray of float32, shape (C, T)

    Examples
    --------
    >>> import numpy as np
    >>> standardize_locally(np.array([[1.0, 1.0, 1.0, 1.0]]), 3)
    array([[0., 0., 0., 0.]], dtype=float32)
    """
    size = 2 * _find_margin(width) + 1
    low, high = (
        extreme(x, size, axis=-1, mode="nearest") for extreme in (ndimage.minimum_filter1d, ndimage.maximum_filter1d)
    )
    centered, variance = _center_locally(x, size)
    varies = (high > low) & (variance > 0)
    return np.where(varies, centered / np.sqrt(np.where(varies, variance, 1.0)), 0.0).astype(np.float32)


def _center_locally(x: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ``x`` (C, T) minus its mean over windows of ``size`` samples, and its variance over them; ``size`` is odd.

    Each window consists of the end of one block of ``size`` samples and the beginning of the next block (van Herk
    1992). Sums start anew in each block and add differences from the last value of the block, so that a sample never
    influences a window that does not contain it, not even by rounding. Windows are cut at the ends of the signal.
    """
    channels, length = x.shape
    half, n_blocks = size // 2, -(-(length + size - 1) // size)
    padding = half, n_blocks * size - half - length
    blocks = np.pad(x.astype(np.float64), ((0, 0), padding), mode="edge").reshape(channels, n_blocks, size)
    valid = np.pad(np.ones(length), padding).reshape(n_blocks, size)
    origin = blocks[..., -1:]
    ends, begins = (blocks - origin) * valid, (blocks[:, 1:] - origin[:, :-1]) * valid[1:]

    first = np.arange(length) - half
    count = np.minimum(first + size, length) - np.maximum(first, 0)
    mean = _sum_windows(ends, begins)[:, :length] / count
    variance = _sum_windows(ends**2, begins**2)[:, :length] / count - mean**2
    return x - np.repeat(origin[..., 0], size, axis=-1)[:, :length] - mean, variance


def _sum_windows(ends: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Return, for each sample (C, n * size), the sum of its block from there on and of the next block before there.

    ``ends`` (C, n, size) holds the values of the blocks, ``begins`` (C, n - 1, size) the values of their next blocks.
    """
    total = np.empty(ends.shape)
    np.cumsum(ends[..., ::-1], axis=-1, out=total[..., ::-1])
    total[:, :-1, 1:] += np.cumsum(begins[..., :-1], axis=-1)
    return total.reshape(len(total), -1)
