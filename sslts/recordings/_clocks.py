"""Checks of the times that recordings come with: missing samples and a wrong sampling rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

import numpy as np
import pandas as pd

from sslts._notices import shorten, warn

RATE_TOLERANCE = 0.02  # relative; real clocks are rounded and run slightly fast or slow


def warn_of_gaps(index: pd.MultiIndex, name: str) -> None:
    """Warn if integer times of a Panel, on the index (instance, time), skip samples within a recording.

    Splitting a Panel by rows, as scikit-learn's splitters do, causes such gaps.
    """
    times = index.get_level_values(-1).to_numpy()
    if times.dtype.kind not in "iu":
        return
    recording = np.asarray(index.droplevel(-1).factorize()[0])
    order = np.lexsort((times, recording))
    step, same = np.diff(times[order]), np.diff(recording[order]) == 0
    if same.any() and len(np.unique(step[same])) > 1:
        at = order[1:][same & (step != np.median(step[same]))][0]
        warn(
            f"{name}: recording {recording[at]} lacks samples before time {times[at]}; the remaining samples are "
            "treated as consecutive. If a splitter cut the Panel by rows, pass it a list of recordings instead. If the "
            "recording has gaps, add the missing times with NaN and fill them with FillGaps."
        )


def warn_of_uneven_times(times: Sequence[pd.Index | None], name: str) -> None:
    """Warn about the first recording whose times skip samples, repeat or run backwards.

    Times are dates, durations, periods, or numbers other than the default index.
    """
    for i, index in enumerate(times):
        if i and index is times[i - 1]:
            continue  # a table has one clock for all its recordings
        steps = _measure_steps(index)
        if steps is None or len(steps) < 2:
            continue
        odd = np.flatnonzero((steps <= 0) | (steps > 1.5 * np.median(steps)))
        if len(odd):
            at = int(odd[0]) + 1
            assert index is not None
            problem = "is not later than" if steps[at - 1] <= 0 else "leaves a gap after"
            who = name if len(times) == 1 and name == "chunk" else f"{name}: recording {i}"
            warn(
                f"{who} has uneven times: sample {at} ({index[at]}) {problem} the sample before it. "
                "Its rows are treated as evenly spaced. Sort the recording, cut it there, or insert the missing times "
                "with NaN and fill them with FillGaps."
            )
            return


def _measure_steps(index: pd.Index | None) -> np.ndarray | None:
    """Return the distances between times; None if the index is no clock, or is known to be even."""
    if index is None or (isinstance(index, pd.RangeIndex) and index.step > 0):
        return None
    if isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)):
        return None if index.freq is not None and index.freq.n > 0 else np.diff(index.asi8)
    if isinstance(index, pd.PeriodIndex):
        return np.diff(index.asi8)
    if isinstance(index, pd.MultiIndex) or not isinstance(index.dtype, np.dtype) or index.dtype.kind not in "iuf":
        return None
    return np.diff(index.to_numpy().astype(np.float64))


def _measure_seconds(index: pd.Index | None) -> np.ndarray | None:
    """Return the seconds between times; None if they have no unit."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if not isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) or len(index) < 2:
        return None
    return np.asarray(index[1:] - index[:-1], dtype="timedelta64[ns]") / np.timedelta64(1, "s")


def warn_of_other_rate(times: Sequence[pd.Index | None] | None, sampling_rate: float | None, name: str) -> None:
    """Warn about the first recording whose time stamps disagree with ``sampling_rate``, or with those of the first.

    Only dates, durations and periods are compared, because plain numbers have no unit.
    """
    if times is None:
        return
    if sampling_rate is None:
        _warn_of_different_rates(times, name)
        return
    wanted = float(sampling_rate)
    for i, index in enumerate(times):
        step = None if i and index is times[i - 1] else _measure_seconds(index)
        if step is None:
            continue
        # A gap distorts the mean, rounding to whole milliseconds distorts the median: one match is enough.
        rates = [1 / seconds for seconds in (float(step.mean()), float(np.median(step))) if seconds > 0]
        if rates and not any(math.isclose(rate, wanted, rel_tol=RATE_TOLERANCE) for rate in rates):
            who = name if len(times) == 1 and name == "chunk" else f"{name}: recording {i}"
            warn(
                f"{who} has times {1 / rates[-1]:g} s apart, {rates[-1]:g} samples per second, but "
                f"sampling_rate={wanted:g}: its times and durations in seconds will be wrong. Pass the "
                "sampling rate of the recordings, or resample them."
            )
            return


def describe_different_rates(times: Sequence[pd.Index | None]) -> str | None:
    """Return which recording has times that are not as far apart as those of the first with a clock; None if none has.

    Only dates, durations and periods are compared.

    Examples
    --------
    >>> describe_different_rates([pd.date_range("2026", periods=3, freq=freq) for freq in ("1s", "2s")])
    'recording 1 has times 2 s apart, recording 0 1 s'
    """
    first: tuple[int, tuple[float, float]] | None = None
    for i, index in enumerate(times):
        seconds = None if i and index is times[i - 1] else _measure_seconds(index)
        if seconds is None:
            continue
        steps = float(np.median(seconds)), float(seconds.mean())
        if min(steps) <= 0:
            continue
        first = first or (i, steps)
        # A gap distorts the mean, rounding to whole milliseconds distorts the median: one match is enough.
        pairs = zip(steps, first[1], strict=True)
        if not any(math.isclose(one, other, rel_tol=RATE_TOLERANCE) for one, other in pairs):
            return f"recording {i} has times {steps[0]:g} s apart, recording {first[0]} {first[1][0]:g} s"
    return None


def _warn_of_different_rates(times: Sequence[pd.Index | None], name: str) -> None:
    """Warn about the first recording whose time stamps are not as far apart as those of the recordings before it."""
    found = describe_different_rates(times)
    if found is not None:
        warn(
            f"{name}: {found}, but recordings have one sampling rate: their samples are taken as equally far apart. "
            "Resample them first, such as recording.resample('100ms').mean()."
        )


def check_sampling_rate(sampling_rate: float | None) -> float:
    """Return the samples per unit of time: `sampling_rate`, or 1 if it is None.

    Parameters
    ----------
    sampling_rate : float or None
        Samples per second.

    Returns
    -------
    float
        `sampling_rate`, or 1.0 for None.

    Raises
    ------
    ValueError
        If `sampling_rate` is not a positive, finite number.

    Examples
    --------
    >>> from sslts.recordings import check_sampling_rate
    >>> check_sampling_rate(None), check_sampling_rate(250)
    (1.0, 250.0)
    """
    if sampling_rate is None:
        return 1.0
    known = isinstance(sampling_rate, (Real, np.number)) and not isinstance(sampling_rate, bool)
    if not known or not 0 < float(sampling_rate) < np.inf:
        raise ValueError(
            f"sampling_rate={shorten(sampling_rate)}; give samples per second, a positive number, or None."
        )
    return float(sampling_rate)


_ROUNDING = 1e-9  # relative; 0.3 s at 100 samples per second are 30 samples, not 30.000000000000004


def to_samples(value: float, sampling_rate: float | None, name: str, *, edge: str = "none") -> float:
    """Return a length in samples, from seconds if there is a sampling rate.

    Parameters
    ----------
    value : float
        Samples, or seconds with `sampling_rate`.
    sampling_rate : float or None
        Samples per second.
    name : str
        Name of the argument, for the warning that samples are not whole: the length may be in seconds.
    edge : {"none", "least", "most"}, default="none"
        How seconds become whole samples: rounded; rounded up, for a least length; rounded down, for a largest length.

    Raises
    ------
    ValueError
        If `sampling_rate` is not a positive number.

    Examples
    --------
    >>> from sslts.recordings import to_samples
    >>> to_samples(0.3, 100, "min_length", edge="least"), to_samples(3, None, "min_length")
    (30, 3)
    """
    rate = check_sampling_rate(sampling_rate)
    if sampling_rate is None:
        if math.isfinite(value) and value != round(value):
            warn(
                f"{name}={float(value):g} is not a whole number of samples. If it is in seconds, pass sampling_rate "
                "too."
            )
        return value
    scaled = float(value) * rate
    if not math.isfinite(scaled):
        return scaled
    if edge == "least":
        return math.ceil(scaled - abs(scaled) * _ROUNDING)
    return math.floor(scaled + abs(scaled) * _ROUNDING) if edge == "most" else round(scaled)
