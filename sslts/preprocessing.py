"""Transformers that keep the length of recordings, and the normalisation that estimators apply themselves.

The transformers are ordinary scikit-learn ones; they take every container that the estimators take, and return the same
kind (a Panel container comes back as an array if its recordings are equally long, else as a list).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy import ndimage, signal
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions

from sslts.recordings import Recordings, as_recordings, check_channel_names
from sslts.segments import expand_ranges, find_runs

__all__ = [
    "ButterworthFilter",
    "FillGaps",
    "NormalizedRecordings",
    "RecordingStandardizer",
    "measure_moments",
    "standardize_locally",
]

STRETCH = 1 << 20  # values that are normalised together in a pass over a recording
SAMPLES_TOGETHER = 2**18  # that are filtered at once: 2 MiB


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
            before = min(self.width, start)
            end = min(stop + self.width, int(self.recordings.lengths[i]))
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
    size = max(2 * (width // 2) + 1, 3)
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


class _LengthKeeping(TransformerMixin, BaseEstimator):
    """Base of transformers that map each recording by itself; subclasses define ``_map(x)`` on (C, T)."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}
    _takes_missing: ClassVar[bool] = False
    _keeps_location: ClassVar[bool] = False  # so that float32 may not hold what comes out, if not what came in

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Check the parameters and the input; nothing is learnt from other recordings.

        Parameters
        ----------
        X : array-like
            Any container of recordings, see `sslts.recordings.as_recordings`.
        y : ignored

        Returns
        -------
        self
        """
        self._validate_params()
        recordings = as_recordings(X)
        recordings.check_finite(missing=self._takes_missing)
        self.n_channels_, self.channel_names_ = recordings.n_channels, recordings.channel_names
        flat = recordings.container == "array" and len(recordings.sources[0].shape) == 1
        self.n_features_in_ = int(recordings.lengths[0]) if flat else recordings.n_channels
        return self

    def transform(self, X: Any) -> Any:
        """Return the recordings, each mapped by itself, of unchanged length.

        Parameters
        ----------
        X : array-like
            Any container of recordings.

        Returns
        -------
        ndarray or list of ndarray
            An array for an array, a list for a list; for a Panel container ``(n, C, T)`` if the lengths are equal,
            else a list of ``(C, T_i)``. Nested lists of numbers, equally long, are an array, as in scikit-learn. They
            are float32; of a transformer that leaves signals where they are, float64 if the input is of a type that
            float32 can't hold exactly, so that a large offset takes nothing away.

        Raises
        ------
        ValueError
            If values are missing or infinite, or the number of channels differs from that seen in ``fit``.
        """
        self._validate_params()
        recordings = as_recordings(X)
        recordings.check_finite(missing=self._takes_missing)
        recordings.check_channels(getattr(self, "n_channels_", recordings.n_channels), type(self).__name__)
        names = getattr(self, "channel_names_", None)
        check_channel_names(recordings.channel_names, names, "X", f"what {type(self).__name__} was fitted on")
        out = []
        for x, source in zip(self._map_each(recordings), recordings.sources, strict=True):
            flat = recordings.container != "panel" and len(source.shape) == 1
            out.append(x[0] if flat else x)
        return np.stack(out) if _is_table(X) and recordings.has_equal_lengths() else recordings.pack(out)

    def _map_each(self, recordings: Recordings) -> Iterator[np.ndarray]:
        for i in range(len(recordings)):
            x = recordings.read(i, missing=self._takes_missing, exact=True)
            yield self._map_named(x, i).astype(x.dtype if self._keeps_location else np.float32)

    def _map_named(self, x: np.ndarray, i: int) -> np.ndarray:  # noqa: ARG002 (for errors that name the recording)
        return self._map(x)

    def _map(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self._takes_missing
        tags.requires_fit = False  # nothing is learnt, and recordings of any length are taken
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = ["float64", "float32"] if self._keeps_location else ["float32"]
        return tags


def _is_table(X: Any) -> bool:
    return isinstance(X, (list, tuple)) and all(isinstance(x, (list, tuple)) for x in X)


class RecordingStandardizer(_LengthKeeping):
    """Give each channel of each recording mean 0 and standard deviation 1.

    ``StandardScaler`` on ``(n, T)`` scales each time index by itself, over recordings; this scales each recording by
    itself, over time. A constant channel becomes zero.

    Examples
    --------
    >>> import numpy as np
    >>> RecordingStandardizer().fit_transform(np.array([[1.0, 3.0], [10.0, 30.0]]))
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    def _map(self, x: np.ndarray) -> np.ndarray:
        center, scale = measure_moments([x])
        return (x - center[:, None]) / scale[:, None]


class FillGaps(_LengthKeeping):
    """Fill what sensors dropped: NaN, infinite, masked and missing values.

    A gap is a run of such values in one channel.

    Parameters
    ----------
    method : {"linear", "hold"}, default="linear"
        ``"linear"`` joins the values beside the gap by a line, ``"hold"`` repeats the last value before it. At a
        recording's start the first value is repeated backwards, at its end the last one forwards, with both.
    max_length : int or None, default=None
        Gaps of more samples stay, as NaN; None fills all.

    Raises
    ------
    ValueError
        In ``transform``, if a channel of a recording has no value to fill from and ``max_length`` is None.

    Notes
    -----
    A line through a long gap is no signal. Fill it, so that the recording can be used, and label it ``-1``, so that
    nothing is learnt from it: see the example.

    Examples
    --------
    >>> import numpy as np
    >>> nan = np.nan
    >>> X = np.array([[0.0, nan, 2.0, nan, nan, nan, 6.0]])
    >>> FillGaps().fit_transform(X)
    array([[0., 1., 2., 3., 4., 5., 6.]])
    >>> FillGaps(method="hold", max_length=1).fit_transform(X)
    array([[ 0.,  0.,  2., nan, nan, nan,  6.]])

    Gaps of more than one sample become unlabelled:

    >>> y = np.array([[0, 0, 1, 1, 1, 1, 0]])
    >>> too_long = np.isnan(FillGaps(max_length=1).fit_transform(X))
    >>> np.where(too_long, -1, y)
    array([[ 0,  0,  1, -1, -1, -1,  0]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "method": [StrOptions({"linear", "hold"})],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
    }
    _takes_missing: ClassVar[bool] = True
    _keeps_location: ClassVar[bool] = True

    def __init__(self, *, method: str = "linear", max_length: int | None = None) -> None:
        self.method = method
        self.max_length = max_length

    def _map_named(self, x: np.ndarray, i: int) -> np.ndarray:
        out, present = np.array(x), np.isfinite(x)
        missing = 1 - present.mean()
        if missing > 0.5 and self.max_length is None:
            warnings.warn(
                f"X: {missing:.0%} of recording {i} is missing, so most of what comes out is invented. Times that are "
                "on no grid leave such gaps where a table is put on one: take means, as with resample(...).mean().",
                stacklevel=5,
            )
        for c, (channel, known) in enumerate(zip(x, present, strict=True)):
            if known.all():
                continue
            out[c] = _fill(channel, known, self.method) if known.any() else np.nan
            if self.max_length is None and not known.any():
                raise ValueError(
                    f"X: channel {c} of recording {i} has no value to fill from; drop it. (The recording has shape "
                    f"{x.shape}; time is the last axis.)"
                )
            if self.max_length is not None:
                starts, ends, values = find_runs(known)
                stay = ~values & (ends - starts > self.max_length)
                out[c, expand_ranges(starts[stay], (ends - starts)[stay])] = np.nan
        return out


def _fill(channel: np.ndarray, known: np.ndarray, method: str) -> np.ndarray:
    at = np.flatnonzero(known)
    if method == "linear":
        return np.interp(np.arange(len(channel)), at, channel[at])
    before = np.maximum.accumulate(np.where(known, np.arange(len(channel)), at[0]))
    return channel[before]


class ButterworthFilter(_LengthKeeping):
    """Filter each channel forwards and backwards with a Butterworth filter, so that nothing moves in time.

    Parameters
    ----------
    low : float or None, default=None
        Frequencies below are removed, in Hz; None keeps them.
    high : float or None, default=None
        Frequencies above are removed, in Hz; None keeps them.
    sampling_rate : float, default=1.0
        Samples per second.
    order : int, default=5
        Order of the filter for one direction.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.sin(np.arange(500) / 5) + 10
    >>> y = ButterworthFilter(low=0.5, sampling_rate=100).fit_transform(x[None])
    >>> bool(abs(y.mean()) < 0.1)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "low": [Interval(Real, 0, None, closed="neither"), None],
        "high": [Interval(Real, 0, None, closed="neither"), None],
        "sampling_rate": [Interval(Real, 0, None, closed="neither")],
        "order": [Interval(Integral, 1, 20, closed="both")],
    }

    _keeps_location: ClassVar[bool] = True

    def __init__(
        self, *, low: float | None = None, high: float | None = None, sampling_rate: float = 1.0, order: int = 5
    ) -> None:
        self.low = low
        self.high = high
        self.sampling_rate = sampling_rate
        self.order = order

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and the input.

        Parameters
        ----------
        X : array-like
            Any container of recordings.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a frequency is not below half the sampling rate, or ``low`` not below ``high``.
        """
        self._validate_params()
        nyquist = self.sampling_rate / 2
        for name in ("low", "high"):
            value = getattr(self, name)
            if value is not None and value >= nyquist:
                raise ValueError(f"{name}={value} Hz must be below half of sampling_rate={self.sampling_rate} Hz.")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low={self.low} must be below high={self.high}.")
        return super().fit(X, y)

    def _map_each(self, recordings: Recordings) -> Iterator[np.ndarray]:
        """Map neighbours of equal length together, which gives the same numbers as one by one."""
        size = max(SAMPLES_TOGETHER // (recordings.n_channels * int(recordings.lengths.max())), 1)
        starts, ends, _ = find_runs(recordings.lengths, breaks=np.arange(0, len(recordings), size))
        for start, end in zip(starts, ends, strict=True):
            parts = [recordings.read(i, exact=True) for i in range(start, end)]
            for x, mapped in zip(parts, self._map(np.stack(parts)), strict=True):
                yield mapped.astype(x.dtype)

    def _map(self, x: np.ndarray) -> np.ndarray:
        if self.low is None and self.high is None:
            return x
        sections = _design_filter(self.low, self.high, self.sampling_rate, self.order)
        padding = min(3 * (2 * len(sections) + 1), x.shape[-1] - 1)
        return signal.sosfiltfilt(sections, x.astype(np.float64), axis=-1, padlen=padding)


@lru_cache(maxsize=8)  # to design it takes longer than to filter a short recording
def _design_filter(low: float | None, high: float | None, sampling_rate: float, order: int) -> np.ndarray:
    """Return the second-order sections of a Butterworth filter."""
    edges = [edge for edge in (low, high) if edge is not None]
    kind = "bandpass" if len(edges) == 2 else "highpass" if high is None else "lowpass"
    return signal.butter(order, edges if len(edges) == 2 else edges[0], kind, fs=sampling_rate, output="sos")


NORMALIZATIONS = [StrOptions({"recording", "local"}), None]
