"""Transformers that keep the length of recordings.

They are ordinary scikit-learn ones; they take every container that the estimators take, and return the same kind (a
Panel container comes back as an array if its recordings are equally long, else as a list). The normalisation that
estimators apply themselves, whose names are found here too, is in ``normalization.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy import signal
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions

from sslts._notices import warn
from sslts._runs import expand_ranges, find_runs
from sslts.recordings import (
    Channels,
    NormalizedRecordings,
    Recordings,
    measure_moments,
    read_signals,
    standardize_locally,
)

__all__ = [
    "ButterworthFilter",
    "FillGaps",
    "NormalizedRecordings",
    "RecordingStandardizer",
    "measure_moments",
    "standardize_locally",
]

_SAMPLES_TOGETHER = 2**18  # that are filtered at once: 2 MiB


class LengthKeeping(TransformerMixin, BaseEstimator):
    """Base of transformers that map each recording by itself; subclasses define ``_map(x)`` on (C, T).

    Examples
    --------
    >>> class Centred(LengthKeeping):
    ...     def _map(self, x):
    ...         return x - x.mean(-1, keepdims=True)
    >>> Centred().fit_transform(np.array([[1.0, 3.0]])).tolist()
    [[-1.0, 1.0]]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}
    _takes_missing: ClassVar[bool] = False
    _keeps_location: ClassVar[bool] = False  # so that float32 may not hold what comes out, if not what came in

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Check the parameters and the input; nothing is learnt from other recordings.

        Parameters
        ----------
        X : array-like
            Recordings, in any container that a segmenter takes.
        y : ignored

        Returns
        -------
        self
        """
        self._validate_params()
        recordings = read_signals(X, missing=self._takes_missing)
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
        fitted = (
            Channels(self.n_channels_, self.channel_names_, type(self).__name__)
            if hasattr(self, "n_channels_")
            else None
        )
        recordings = read_signals(X, fitted=fitted, missing=self._takes_missing)
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


class RecordingStandardizer(LengthKeeping):
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


class FillGaps(LengthKeeping):
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

    Gaps of more than one sample become unlabeled:

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
            warn(
                f"X: {missing:.0%} of recording {i} is missing, so most of what comes out is invented. Times that are "
                "on no grid leave such gaps where a table is put on one: take means, as with resample(...).mean()."
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


class ButterworthFilter(LengthKeeping):
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
        size = max(_SAMPLES_TOGETHER // (recordings.n_channels * int(recordings.lengths.max())), 1)
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
