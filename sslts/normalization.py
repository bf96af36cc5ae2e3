"""The normalisation that estimators apply themselves: what a network sees of a recording, read in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from scipy import ndimage

from sslts.recordings import Recordings

STRETCH = 1 << 20  # values that are normalised together in a pass over a recording


class NormalizedRecordings:
    """Recordings as the network sees them.

    What is read at a sample does not depend on where the reading starts or stops.

    Parameters
    ----------
    recordings : Recordings
    normalization : {"recording", "local"} or None
        ``"recording"``: mean 0 and standard deviation 1 of each channel of each recording. ``"local"``: the same over
        a sliding stretch around each sample. None: as given.
    width : int
        Samples of the sliding stretch: ``width // 2`` to either side of its middle, but at least one.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.recordings import as_recordings
    >>> seen = NormalizedRecordings(as_recordings(np.array([[1.0, 3.0]])), "recording", width=0)
    >>> seen.read(0)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(self, recordings: Recordings, normalization: str | None, width: int) -> None:
        self.recordings, self.normalization, self.width = recordings, normalization, width
        self._moments = np.full(
            (2, len(recordings) if normalization == "recording" else 0, recordings.n_channels), np.nan
        )

    def read(self, i: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return samples ``start:stop`` of recording ``i``: float32, shape ``(C, stop - start)``."""
        stop = int(self.recordings.lengths[i]) if stop is None else stop
        if self.normalization == "recording":
            if np.isnan(self._moments[0, i, 0]):
                self._moments[:, i] = measure_moments(self.recordings.read_through(i))
            center, scale = self._moments[:, i, :, None]
            return ((self.recordings.read(i, start, stop, exact=True) - center) / scale).astype(np.float32)
        if self.normalization == "local":
            reach = find_reach(self.width)
            before = min(reach, start)
            end = min(stop + reach, int(self.recordings.lengths[i]))
            x = self.recordings.read(i, start - before, end, exact=True)
            return standardize_locally(x, self.width)[:, before : before + stop - start]
        return self.recordings.read(i, start, stop, plain=True)

    def read_through(self, i: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield recording ``i`` in stretches, each with its first sample; `read` needs many times what it returns."""
        length, size = int(self.recordings.lengths[i]), max(STRETCH // self.recordings.n_channels, 1)
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
        rounding = find_rounding(part)
        first = part[:, 0].astype(np.float64)
        mean = first + (part - first[:, None]).mean(-1)  # of a constant, that constant exactly
        total = count + part.shape[-1]
        moved = mean - center
        squares = squares + ((part - mean[:, None]) ** 2).sum(-1) + moved**2 * (count * part.shape[-1] / total)
        center, count = center + moved * (part.shape[-1] / total), total
    scale = np.sqrt(squares / count)
    return center, np.where(scale > rounding * np.abs(center), scale, np.inf)


def find_rounding(x: np.ndarray) -> float:
    """Return how close, in parts of their size, two values may be and be different by rounding alone.

    Examples
    --------
    >>> import numpy as np
    >>> find_rounding(np.ones(1, dtype=np.float32)), find_rounding(np.ones(1))
    (1e-07, 1e-14)
    """
    return 1e-14 if x.dtype == np.float64 else 1e-7


def find_reach(width: int) -> int:
    """Return how many samples to either side of one have a say in what `standardize_locally` makes of it.

    Examples
    --------
    >>> find_reach(10), find_reach(1)
    (5, 1)
    """
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
    least = 10 * find_rounding(x)
    size = 2 * find_reach(width) + 1
    low, high = (
        extreme(x, size, axis=-1, mode="nearest") for extreme in (ndimage.minimum_filter1d, ndimage.maximum_filter1d)
    )
    varies = (high - low).astype(np.float64) > least * np.maximum(np.abs(low), np.abs(high))
    moved, variance = center_locally(x, size)
    return np.where(varies, moved / np.sqrt(np.where(varies, variance, 1.0)), 0.0).astype(np.float32)


def center_locally(x: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (C, T) less the mean of the ``size`` samples around each sample, and their variance; ``size`` is odd.

    A window is the end of one block of ``size`` samples and the beginning of the next (van Herk 1992). Sums start anew
    with each block, and are of differences from its last value: so that no sample has a say, not even by its rounding,
    where it is not in the window. At the ends, windows are cut.

    Examples
    --------
    >>> import numpy as np
    >>> moved, variance = center_locally(np.array([[1e30, 1.0, 2.0, 3.0, 4.0]]), 3)
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
