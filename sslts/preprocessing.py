"""Scikit-learn transformers that keep the length of recordings.

The transformers accept every container of recordings that the estimators accept, and return the same kind of container,
with its index, its clock and its names, so that labels on an index keep their order in a pipeline. `LengthKeeping` is
the base class of custom transformers. The functions that estimators use for normalization are available here too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import signal
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sslts._notices import warn
from sslts._runs import expand_ranges, find_runs
from sslts.features import WindowStatistics
from sslts.recordings import (
    Channels,
    NormalizedRecordings,
    Recordings,
    as_recordings,
    find_padding,
    measure_moments,
    read_signals,
    return_channels,
    return_signals,
    standardize_locally,
)

__all__ = [
    "ButterworthFilter",
    "FillGaps",
    "LengthKeeping",
    "NormalizedRecordings",
    "PositiveNumber",
    "RecordingStandardizer",
    "WindowFeatures",
    "measure_moments",
    "standardize_locally",
]

_SAMPLES_TOGETHER = 2**18  # samples filtered in one call: 2 MiB of float64


class PositiveNumber(Interval):
    """Constraint of a parameter that is a positive, finite number of any type, such as a fraction.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from sslts.preprocessing import PositiveNumber
    >>> PositiveNumber().is_satisfied_by(Fraction(30000, 1001)), PositiveNumber().is_satisfied_by(0)
    (True, False)
    """

    def __init__(self) -> None:
        super().__init__(Real, 0, None, closed="neither")

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is a positive number; True is none."""
        return not isinstance(val, bool) and bool(super().is_satisfied_by(val))

    def __contains__(self, value: Any) -> bool:
        return super().__contains__(float(value))


class LengthKeeping(TransformerMixin, BaseEstimator):
    """Base class of transformers that map each recording separately and keep its length.

    A subclass defines ``_map(x)``, which receives one recording of shape (C, T) and returns an array of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.preprocessing import LengthKeeping
    >>> class Center(LengthKeeping):
    ...     def _map(self, x):
    ...         return x - x.mean(-1, keepdims=True)
    >>> Center().fit_transform(np.array([[1.0, 3.0]])).tolist()
    [[-1.0, 1.0]]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}
    _accepts_missing: ClassVar[bool] = False
    _keeps_dtype: ClassVar[bool] = False  # True if the output keeps a large offset, which float32 would round

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Check the parameters and the input; nothing is learned from the recordings.

        Parameters
        ----------
        X : array-like
            Recordings, in any container that a segmenter accepts.
        y : ignored

        Returns
        -------
        self
        """
        self._validate_params()
        recordings = self._read_signals(X, None)
        self.n_channels_, self.channel_names_ = recordings.n_channels, recordings.channel_names
        flat = recordings.container == "array" and len(recordings.sources[0].shape) == 1
        self.n_features_in_ = int(recordings.lengths[0]) if flat else recordings.n_channels
        return self

    def transform(self, X: Any) -> Any:
        """Return the transformed recordings, with unchanged lengths.

        Parameters
        ----------
        X : array-like
            Recordings, in any container that a segmenter accepts.

        Returns
        -------
        ndarray, list, DataFrame, Series, DataArray or Recordings
            The kind of container that was passed, with its index, clock and names: a data frame for a data frame, a
            list of Series for a list of Series, a Panel for a Panel. Other arrays, such as tensors and zarr arrays,
            become NumPy arrays; equally long nested lists of numbers give an array, as in scikit-learn. There is no
            ``set_output``: to get a data frame, pass a data frame. The output is float32.
            Transformers that keep the offset of signals return float64 if float32 can't represent the input's type
            exactly, so that a large offset costs no precision.

        Raises
        ------
        ValueError
            If values are missing or infinite, or the channels differ from the channels in ``fit``.
        """
        self._validate_params()
        fitted = (
            Channels(self.n_channels_, self.channel_names_, type(self).__name__)
            if hasattr(self, "n_channels_")
            else None
        )
        recordings = self._read_signals(X, fitted)
        return self._return(list(self._map_each(recordings)), recordings, X)

    def _return(self, arrays: list[np.ndarray], recordings: Recordings, X: Any) -> Any:
        """Return the transformed recordings (C, T_i) in the kind of container that was passed."""
        out = []
        for x, source in zip(arrays, recordings.sources, strict=True):
            flat = recordings.container != "panel" and len(source.shape) == 1
            out.append(x[0] if flat else x)
        return return_signals(out, recordings, X)

    def _read_signals(self, X: Any, fitted: Channels | None) -> Recordings:
        rate = getattr(self, "sampling_rate", None)
        return read_signals(X, fitted=fitted, sampling_rate=rate, missing=self._accepts_missing)

    def _map_each(self, recordings: Recordings) -> Iterator[np.ndarray]:
        for i in range(len(recordings)):
            x = recordings.read(i, missing=self._accepts_missing, exact=True, relative=not self._keeps_dtype)
            if not self._accepts_missing:
                recordings.warn_of_code(x, i, 0)
            if self._keeps_dtype:
                recordings.warn_of_rounding(i)
            yield self._map_recording(x, i).astype(x.dtype if self._keeps_dtype else np.float32)

    def _map_recording(self, x: np.ndarray, i: int) -> np.ndarray:  # noqa: ARG002 (`i` is for error messages)
        return self._map(x)

    def _map(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self._accepts_missing
        tags.requires_fit = False  # nothing is learned in fit
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = ["float64", "float32"] if self._keeps_dtype else ["float32"]
        return tags


class RecordingStandardizer(LengthKeeping):
    """Scale each channel of each recording to mean 0 and standard deviation 1.

    Scikit-learn's ``StandardScaler`` scales each time index over the recordings. This transformer scales each recording
    over time. A channel whose values are all equal becomes zero.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.preprocessing import RecordingStandardizer
    >>> RecordingStandardizer().fit_transform(np.array([[1.0, 3.0], [10.0, 30.0]]))
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    def _map(self, x: np.ndarray) -> np.ndarray:
        center, scale = measure_moments([x])
        return (x - center[:, None]) / scale[:, None]


class FillGaps(LengthKeeping):
    """Fill gaps in recordings: NaN, infinite, masked and missing values, and numbers that mean "no value".

    A gap is a run of these values in one channel.

    Parameters
    ----------
    method : {"linear", "hold"}, default="linear"
        ``"linear"`` interpolates between the values on both sides of the gap, ``"hold"`` repeats the last value before
        the gap. With both methods, a gap at the start of a recording gets the first value after the gap, and a gap at
        the end gets the last value before the gap.
    max_length : int or None, default=None
        Length in samples of the longest gap to fill; longer gaps become NaN. None: all gaps are filled.
    missing : float, sequence of float or None, default=None
        Numbers that a logger writes where it has no value, such as 999999 or -9999; they are filled like NaN.

    Raises
    ------
    ValueError
        If `missing` is not numeric; in ``transform``, if a channel of a recording has no finite value and
        ``max_length`` is None.

    Notes
    -----
    An array whose rows are padded with NaN at their ends is not a recording with gaps: pass a list without the padding;
    a warning shows how.

    A line through a long gap is not signal. Fill long gaps so that the recording can be used, and label them ``-1`` so
    that nothing is learned from them: see the example.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.preprocessing import FillGaps
    >>> nan = np.nan
    >>> X = np.array([[0.0, nan, 2.0, nan, nan, nan, 6.0]])
    >>> FillGaps().fit_transform(X)
    array([[0., 1., 2., 3., 4., 5., 6.]])
    >>> FillGaps(method="hold", max_length=1).fit_transform(X)
    array([[ 0.,  0.,  2., nan, nan, nan,  6.]])

    Fill the numbers that a logger writes instead of a value:

    >>> FillGaps(missing=[-9999, 999999]).fit_transform([[0, -9999, 2, 999999, 4]])
    array([[0., 1., 2., 3., 4.]])

    Label gaps of more than one sample -1:

    >>> y = np.array([[0, 0, 1, 1, 1, 1, 0]])
    >>> too_long = np.isnan(FillGaps(max_length=1).fit_transform(X))
    >>> np.where(too_long, -1, y)
    array([[ 0,  0,  1, -1, -1, -1,  0]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "method": [StrOptions({"linear", "hold"})],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "missing": [Real, "array-like", None],
    }
    _accepts_missing: ClassVar[bool] = True
    _keeps_dtype: ClassVar[bool] = True

    def __init__(
        self, *, method: str = "linear", max_length: int | None = None, missing: float | ArrayLike | None = None
    ) -> None:
        self.method = method
        self.max_length = max_length
        self.missing = missing

    def _read_signals(self, X: Any, fitted: Channels | None) -> Recordings:
        if self.missing is None:
            return super()._read_signals(X, fitted)
        try:
            codes = np.atleast_1d(np.asarray(self.missing, dtype=np.float64)).ravel()
        except (TypeError, ValueError):
            raise ValueError(f"missing={self.missing!r}; give a number, a list of numbers, or None.") from None
        return super()._read_signals(replace(as_recordings(X), missing=tuple(codes.tolist())), fitted)

    def _map_each(self, recordings: Recordings) -> Iterator[np.ndarray]:
        if self.max_length is None:
            _warn_of_padding(recordings)
        return super()._map_each(recordings)

    def _map_recording(self, x: np.ndarray, i: int) -> np.ndarray:
        out, present = np.array(x), np.isfinite(x)
        missing = 1 - present.mean()
        if missing > 0.5 and self.max_length is None:
            warn(
                f"X: {missing:.0%} of recording {i} is missing, so most filled values are guesses. If a time grid left "
                "these gaps between irregular times, average instead, as with resample(...).mean()."
            )
        for c, (channel, known) in enumerate(zip(x, present, strict=True)):
            if known.all():
                continue
            out[c] = _fill_channel(channel, known, self.method) if known.any() else np.nan
            if self.max_length is None and not known.any():
                raise ValueError(
                    f"X: channel {c} of recording {i} has no finite value to fill from; drop the channel. (The "
                    f"recording has shape {x.shape}; time is the last axis.)"
                )
            if self.max_length is not None:
                starts, ends, values = find_runs(known)
                stay = ~values & (ends - starts > self.max_length)
                out[c, expand_ranges(starts[stay], (ends - starts)[stay])] = np.nan
        return out


def _warn_of_padding(recordings: Recordings) -> None:
    """Warn if an array looks padded: NaN only at the ends of rows, which are of different lengths."""
    if recordings.container != "array" or recordings.is_lazy(0):
        return
    found = []
    for i in range(len(recordings)):
        values = np.atleast_2d(recordings.get(i))
        if values.dtype.kind != "f":
            return
        kept = find_padding(values)
        if kept is None and np.isnan(values).any():
            return
        found.append(kept)
    padded = [i for i, kept in enumerate(found) if kept is not None]
    if len({found[i] for i in padded}) > 1:
        warn(
            f"{recordings.name}: recording {padded[0]}, like {len(padded) - 1} others, has NaN values at its ends "
            "only, so it looks padded, and the filled values are no signal. "
            f"{recordings.hint_padding(*(found[padded[0]] or (0, 0)))}"
        )


def _fill_channel(channel: np.ndarray, known: np.ndarray, method: str) -> np.ndarray:
    """Return the channel with its unknown samples filled."""
    at = np.flatnonzero(known)
    if method == "linear":
        return np.interp(np.arange(len(channel)), at, channel[at])
    before = np.maximum.accumulate(np.where(known, np.arange(len(channel)), at[0]))
    return channel[before]


class ButterworthFilter(LengthKeeping):
    """Filter each channel forward and backward with a Butterworth filter (zero phase).

    Parameters
    ----------
    low : float or None, default=None
        Cutoff in Hz below which frequencies are removed. None: low frequencies are kept.
    high : float or None, default=None
        Cutoff in Hz above which frequencies are removed. None: high frequencies are kept.
    sampling_rate : float, default=1.0
        Samples per second.
    order : int, default=5
        Order of the filter in each direction.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.preprocessing import ButterworthFilter
    >>> x = np.sin(np.arange(500) / 5) + 10
    >>> y = ButterworthFilter(low=0.5, sampling_rate=100).fit_transform(x[None])
    >>> bool(abs(y.mean()) < 0.1)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "low": [PositiveNumber(), None],
        "high": [PositiveNumber(), None],
        "sampling_rate": [PositiveNumber()],
        "order": [Interval(Integral, 1, 20, closed="both")],
    }

    _keeps_dtype: ClassVar[bool] = True

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
            Recordings, in any container that a segmenter accepts.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a cutoff is not below half the sampling rate, or ``low`` is not below ``high``.
        """
        self._validate_params()
        nyquist = self.sampling_rate / 2
        for name in ("low", "high"):
            value = getattr(self, name)
            if value is not None and value >= nyquist:
                raise ValueError(
                    f"{name}={value} Hz; give a cutoff below half of sampling_rate={self.sampling_rate} Hz."
                )
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low={self.low} is not below high={self.high}; give low < high.")
        return super().fit(X, y)

    def _map_each(self, recordings: Recordings) -> Iterator[np.ndarray]:
        """Yield the filtered recordings; neighbors of equal length are filtered in one call, with equal results."""
        size = max(_SAMPLES_TOGETHER // (recordings.n_channels * int(recordings.lengths.max())), 1)
        starts, ends, _ = find_runs(recordings.lengths, breaks=np.arange(0, len(recordings), size))
        for start, end in zip(starts, ends, strict=True):
            parts = [recordings.read(i, exact=True) for i in range(start, end)]
            for i, x in zip(range(start, end), parts, strict=True):
                recordings.warn_of_code(x, i, 0)
                recordings.warn_of_rounding(i)
            for x, mapped in zip(parts, self._map(np.stack(parts)), strict=True):
                yield mapped.astype(x.dtype)

    def _map(self, x: np.ndarray) -> np.ndarray:
        if self.low is None and self.high is None:
            return x
        sections = _design_filter(self.low, self.high, self.sampling_rate, self.order)
        padding = min(3 * (2 * len(sections) + 1), x.shape[-1] - 1)
        return signal.sosfiltfilt(sections, x.astype(np.float64), axis=-1, padlen=padding)


@lru_cache(maxsize=8)  # designing a filter takes longer than filtering a short recording
def _design_filter(low: float | None, high: float | None, sampling_rate: float, order: int) -> np.ndarray:
    """Return the second-order sections of a Butterworth filter."""
    edges = [float(edge) for edge in (low, high) if edge is not None]
    kind = "bandpass" if len(edges) == 2 else "highpass" if high is None else "lowpass"
    rate = float(sampling_rate)
    return signal.butter(order, edges if len(edges) == 2 else edges[0], kind, fs=rate, output="sos")


class WindowFeatures(LengthKeeping):
    """Describe each sample by statistics of the windows before, after and around it, at several scales.

    The features of `sslts.WindowFeatureSegmenter` as channels, for any other segmenter or classifier: level, slope,
    curvature, spread, range and roughness of each channel at each scale, and a few statistics of all channels. They
    have the units of the signal: put a `RecordingStandardizer` before this transformer if recordings differ in location
    and scale.

    Parameters
    ----------
    scales : sequence of int, default=(1, 2, 4, 8, 16, 32, 64)
        Samples of the windows on each side of a sample, 1 or more, in increasing order.

    Notes
    -----
    A feature depends on at most ``max(scales) + 1`` samples on each side. At the ends of a recording, the first and
    last value are repeated. The features of a long recording need much memory: a segmenter that reads a stretch at a
    time, such as `sslts.WindowFeatureSegmenter`, does not hold them.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.preprocessing import WindowFeatures
    >>> X = np.repeat([[0.0, 1.0]], 50, axis=1)
    >>> features = WindowFeatures(scales=(4, 16)).fit(X)
    >>> features.transform(X).shape
    (1, 46, 100)
    >>> features.get_feature_names_out()[:3].tolist()
    ['value', 'step', 'level before 4']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"scales": ["array-like"]}

    def __init__(self, *, scales: Sequence[int] = (1, 2, 4, 8, 16, 32, 64)) -> None:
        self.scales = scales

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and the input; nothing is learned from the recordings.

        Parameters
        ----------
        X : array-like
            Recordings, in any container that a segmenter accepts.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `scales` are not whole numbers of 1 or more, in increasing order.
        """
        WindowStatistics(self.scales)
        return super().fit(X, y)

    def transform(self, X: Any) -> Any:
        """Return the features of each sample, as channels of recordings of unchanged lengths.

        Parameters
        ----------
        X : array-like
            Recordings, in any container that a segmenter accepts.

        Returns
        -------
        ndarray of float32, shape (n, F, T), list, DataFrame, Series or Recordings
            An array for an array. Tables of pandas with one row per sample, Panels, and `Recordings` keep their index
            and clock; their columns are named by `get_feature_names_out`.

        Raises
        ------
        ValueError
            If values are missing or infinite, or the channels differ from the channels in ``fit``.
        """
        return super().transform(X)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the features.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the channels. None: the names in ``fit``, if there were any.

        Returns
        -------
        ndarray of object, shape (F,)

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the transformer is not fitted.
        ValueError
            If `input_features` has another number of channels.
        """
        check_is_fitted(self, "n_channels_")
        given = self.channel_names_ if input_features is None else tuple(input_features)
        if given is not None and len(given) != self.n_channels_:
            raise ValueError(
                f"input_features has {len(given)} names; give one for each of {self.n_channels_} channels."
            )
        names = WindowStatistics(self.scales).list_names(self.n_channels_ if given is None else given)
        return np.array(names, dtype=object)

    def _map(self, x: np.ndarray) -> np.ndarray:
        return WindowStatistics(self.scales)(x)

    def _return(self, arrays: list[np.ndarray], recordings: Recordings, X: Any) -> Any:
        named = WindowStatistics(self.scales).list_names(recordings.channel_names or recordings.n_channels)
        return return_channels(arrays, named, recordings, X)
