"""Normalization: what a network sees of a recording.

Three values say how: `WholeRecording`, `Local` and `AsGiven`. What is read at a sample never depends on where the
reading starts or stops.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import ndimage

from sslts.recordings.recordings import Recordings

_STRETCH = 1 << 20  # values that are normalized together in a pass over a recording
Moments = tuple[np.ndarray, np.ndarray]


class Normalization(ABC):
    """Base class of normalizations.

    Attributes
    ----------
    margin : int
        Samples on each side that influence a normalized sample.
    measures : bool
        Whether location and scale of the whole recording are needed.
    plain : bool
        Whether the network sees the values as they are, so that their squares have to fit into float32.

    Examples
    --------
    >>> choose_normalization("local", window_length=100).margin
    50
    """

    margin: int = 0
    measures: ClassVar[bool] = False
    plain: ClassVar[bool] = False

    @abstractmethod
    def apply(self, x: np.ndarray, moments: Moments | None = None) -> np.ndarray:
        """Return the signal (C, t) as the network sees it, float32; `moments` are location and scale, (C,) each."""


@dataclass(frozen=True)
class WholeRecording(Normalization):
    """Mean 0 and standard deviation 1 of each channel of each recording.

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
class Local(Normalization):
    """Mean 0 and standard deviation 1 over a sliding stretch around each sample.

    Parameters
    ----------
    width : int
        Samples of the stretch: ``width // 2`` on each side of its middle, but at least one.

    Examples
    --------
    >>> Local(width=3).apply(np.array([[1.0, 1.0, 1.0]]))
    array([[0., 0., 0.]], dtype=float32)
    """

    width: int

    @property
    def margin(self) -> int:  # type: ignore[override]
        """Samples on each side that influence a normalized sample."""
        return _find_margin(self.width)

    def apply(self, x: np.ndarray, moments: Moments | None = None) -> np.ndarray:  # noqa: ARG002, D102
        return standardize_locally(x, self.width)


@dataclass(frozen=True)
class AsGiven(Normalization):
    """The values as they are.

    Examples
    --------
    >>> AsGiven().apply(np.array([[1.0, 3.0]]))
    array([[1., 3.]], dtype=float32)
    """

    plain: ClassVar[bool] = True

    def apply(self, x: np.ndarray, moments: Moments | None = None) -> np.ndarray:  # noqa: ARG002, D102
        return x.astype(np.float32, copy=False)


def choose_normalization(name: str | None, window_length: int) -> Normalization:
    """Return the normalization that a segmenter's parameter names.

    Parameters
    ----------
    name : {"recording", "local"} or None
    window_length : int
        Samples of the sliding stretch of ``"local"``.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> choose_normalization("recording", window_length=64), choose_normalization(None, window_length=64)
    (WholeRecording(), AsGiven())
    """
    known = {"recording": WholeRecording(), "local": Local(window_length), None: AsGiven()}
    if name not in known:
        raise ValueError(f'normalization={name!r} is unknown; pass "recording", "local" or None.')
    return known[name]


class NormalizedRecordings:
    """Recordings as the network sees them.

    Parameters
    ----------
    recordings : Recordings
    normalization : Normalization, {"recording", "local"} or None
        ``"recording"``: mean 0 and standard deviation 1 of each channel of each recording. ``"local"``: the same over
        a sliding stretch around each sample. None: the values as they are.
    width : int, default=0
        Samples of the sliding stretch of ``"local"``: ``width // 2`` on each side of its middle, but at least one.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.recordings import NormalizedRecordings, as_recordings
    >>> seen = NormalizedRecordings(as_recordings(np.array([[1.0, 3.0]])), "recording")
    >>> seen.read(0)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(self, recordings: Recordings, normalization: Normalization | str | None, width: int = 0) -> None:
        if not isinstance(normalization, Normalization):
            normalization = choose_normalization(normalization, width)
        self.recordings, self.normalization = recordings, normalization
        self._moments: dict[int, Moments] = {}

    def read(self, i: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return samples ``start:stop`` of recording ``i``: float32, shape ``(C, stop - start)``."""
        how, length = self.normalization, int(self.recordings.lengths[i])
        stop = length if stop is None else stop
        before, end = min(how.margin, start), min(stop + how.margin, length)
        x = self.recordings.read(i, start - before, end, exact=not how.plain, plain=how.plain)
        return how.apply(x, self._measure(i) if how.measures else None)[:, before : before + stop - start]

    def _measure(self, i: int) -> Moments:
        if i not in self._moments:
            self._moments[i] = measure_moments(self.recordings.read_through(i))
        return self._moments[i]

    def read_through(self, i: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield recording ``i`` in stretches, each with its first sample; `read` needs many times what it returns."""
        length, size = int(self.recordings.lengths[i]), max(_STRETCH // self.recordings.n_channels, 1)
        for start in range(0, length, size):
            yield start, self.read(i, start, min(start + size, length))


def measure_moments(parts: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return location and scale of each channel, (C,), of a recording that comes in stretches (C, t).

    A channel whose standard deviation is within its values' rounding is constant, and has an infinite scale, so that
    it becomes zeros. Sums of squares are joined as by Chan, Golub & LeVeque 1979.

    Examples
    --------
    >>> import numpy as np
    >>> center, scale = measure_moments([np.array([[1.0, 3.0]]), np.array([[5.0, 7.0]])])
    >>> center.tolist(), (scale**2).round(6).tolist()
    ([4.0], [5.0])
    """
    count, center, squares, rounding = 0, np.zeros(1), np.zeros(1), 0.0
    for part in parts:
        rounding = _find_rounding(part)
        first = part[:, 0].astype(np.float64)
        mean = first + (part - first[:, None]).mean(-1)  # of a constant, that constant exactly
        total = count + part.shape[-1]
        moved = mean - center
        squares = squares + ((part - mean[:, None]) ** 2).sum(-1) + moved**2 * (count * part.shape[-1] / total)
        center, count = center + moved * (part.shape[-1] / total), total
    scale = np.sqrt(squares / count)
    return center, np.where(scale > rounding * np.abs(center), scale, np.inf)


def _find_rounding(x: np.ndarray) -> float:
    """Return how close, in parts of their size, two values may be and be different by rounding alone.

    Examples
    --------
    >>> import numpy as np
    >>> _find_rounding(np.ones(1, dtype=np.float32)), _find_rounding(np.ones(1))
    (1e-07, 1e-14)
    """
    return 1e-14 if x.dtype == np.float64 else 1e-7


def _find_margin(width: int) -> int:
    """Return how many samples on each side influence a locally standardized sample."""
    return max(width // 2, 1)


def standardize_locally(x: np.ndarray, width: int) -> np.ndarray:
    """Subtract the mean and divide by the standard deviation of a stretch around each sample.

    At the ends the stretch is cut, not padded. A stretch without variance gives zeros.

    Parameters
    ----------
    x : ndarray, shape (C, T)
    width : int
        Samples of the stretch: ``width // 2`` to either side of its middle, but at least one, so that 10 takes 11.

    Returns
    -------
    ndarray of float32, shape (C, T)

    Examples
    --------
    >>> import numpy as np
    >>> standardize_locally(np.array([[1.0, 1.0, 1.0, 1.0]]), 3)
    array([[0., 0., 0., 0.]], dtype=float32)
    """
    least = 10 * _find_rounding(x)
    size = 2 * _find_margin(width) + 1
    low, high = (
        extreme(x, size, axis=-1, mode="nearest") for extreme in (ndimage.minimum_filter1d, ndimage.maximum_filter1d)
    )
    varies = (high - low).astype(np.float64) > least * np.maximum(np.abs(low), np.abs(high))
    moved, variance = _center_locally(x, size)
    return np.where(varies, moved / np.sqrt(np.where(varies, variance, 1.0)), 0.0).astype(np.float32)


def _center_locally(x: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (C, T) less the mean of the ``size`` samples around each sample, and their variance; ``size`` is odd.

    A window is the end of one block of ``size`` samples and the beginning of the next (van Herk 1992). Sums start anew
    with each block, and are of differences from its last value: so that no sample has a say, not even by its rounding,
    where it is not in the window. At the ends, windows are cut.

    Examples
    --------
    >>> import numpy as np
    >>> moved, variance = _center_locally(np.array([[1e30, 1.0, 2.0, 3.0, 4.0]]), 3)
    >>> moved[0, 2:].tolist(), variance[0, 2:].round(3).tolist()
    ([0.0, 0.0, 0.5], [0.667, 0.667, 0.25])
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
    """Return the sum (C, n * size) of what follows in each block (C, n, size) and what the next one has before."""
    total = np.empty(ends.shape)
    np.cumsum(ends[..., ::-1], axis=-1, out=total[..., ::-1])
    total[:, :-1, 1:] += np.cumsum(begins[..., :-1], axis=-1)
    return total.reshape(len(total), -1)
