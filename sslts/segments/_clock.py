"""Recordings and periods on one axis of samples: periods of each recording, or of the clock."""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sslts.recordings import Recordings

Period = float | str | pd.Timedelta | pd.offsets.BaseOffset


class Timeline(NamedTuple):
    """Positions of recordings, and edges of periods, on one axis of samples.

    Attributes
    ----------
    offset : ndarray of int, shape (n,)
        First sample of each recording on the axis.
    edges : ndarray of int, shape (P + 1,)
        First sample of each period, and the end of the last one.
    begins : pandas.DatetimeIndex or None
        Time on the clock at which each period begins; None for periods that are counted in each recording.
    """

    offset: np.ndarray
    edges: np.ndarray
    begins: pd.DatetimeIndex | None = None

    def find_period(self, sample: np.ndarray) -> np.ndarray:
        """Return the number of the period in which each sample of the axis lies."""
        return np.searchsorted(self.edges, sample, side="right") - 1


def make_timeline(period: Period | None, sampling_rate: float | None, sizes: np.ndarray, lengths: Any) -> Timeline:
    """Return the axis for a period: a number counts in each recording, "1h" goes by the clock.

    Parameters
    ----------
    period : float, str, Timedelta, offset or None
        Length of the periods. None: each recording is one period.
    sampling_rate : float or None
        Samples per second; None: a period is a number of samples.
    sizes : ndarray of int, shape (n,)
        Number of samples of each recording.
    lengths : sequence of int, or Recordings
        The argument of the user, which may know the clock.

    Raises
    ------
    ValueError
        If the period is out of range, or the clock is needed and not known.
    """
    if isinstance(period, str | pd.Timedelta | pd.offsets.BaseOffset):
        return _follow_clock(period, sampling_rate, sizes, lengths)
    return Timeline(np.zeros(len(sizes), dtype=np.int64), _find_edges(period, sampling_rate or 1.0, sizes))


def _find_edges(period: float | None, rate: float, sizes: np.ndarray) -> np.ndarray:
    """Return the first sample of each period of the longest recording, and the end of its last period.

    Each edge is rounded separately, so that periods of a fractional number of samples do not drift.
    """
    longest = max(int(sizes.max(initial=1)), 1)
    if period is None:
        return np.array([0, longest])
    if isinstance(period, bool) or not isinstance(period, Real):
        raise ValueError(
            f"period={period!r} is not a number; give seconds with sampling_rate, else samples, or a text such as "
            "'1h' for hours of the clock."
        )
    step = period * rate if np.isfinite(period) else 0.0
    if step < 1:
        raise ValueError(f"period={period!r} is shorter than a sample; give seconds with sampling_rate, else samples.")
    step = min(step, float(longest))  # a longer period has the same effect as the longest recording
    return np.ceil(np.arange(np.ceil(longest / step) + 1) * step - 1e-6).astype(np.int64)


def _follow_clock(
    period: str | pd.Timedelta | pd.offsets.BaseOffset, rate: float | None, sizes: np.ndarray, lengths: Any
) -> Timeline:
    """Return the axis of the clock; a day of a change to summer time has 23 hours."""
    starts = _read_starts(period, lengths)
    if rate is None:
        raise ValueError(f"period={period!r} goes by the clock, but sampling_rate is None; give samples per second.")
    try:
        frequency = pd.tseries.frequencies.to_offset(period)
    except ValueError as error:
        raise ValueError(f"period={period!r} is no period of the clock; give a text such as '1h' or '1D'.") from error
    if starts[0] + frequency < starts[0] + pd.Timedelta(1 / rate, unit="s"):
        raise ValueError(f"period={period!r} is shorter than a sample; give a longer period.")
    ends = [start + pd.Timedelta(size / rate, unit="s") for start, size in zip(starts, sizes.tolist(), strict=True)]
    first, last = min(starts), max(ends)
    begins = _list_edges(first, last, frequency, period)
    seconds = (begins - begins[0]) / pd.Timedelta(1, unit="s")
    offset = np.array([(start - begins[0]) / pd.Timedelta(1, unit="s") for start in starts]) * rate
    edges = np.ceil(seconds.to_numpy(dtype=np.float64) * rate - 1e-6).astype(np.int64)
    return Timeline(np.round(offset).astype(np.int64), edges, begins[:-1])


def _list_edges(first: pd.Timestamp, last: pd.Timestamp, frequency: Any, period: Any) -> pd.DatetimeIndex:
    """Return the edges of the periods from the period of ``first`` to the end of the period of ``last``."""
    begin = frequency.rollback(first.tz_localize(None).normalize())  # periods count from midnight of the first day
    if isinstance(frequency, pd.offsets.Tick) and not isinstance(frequency, pd.offsets.Day):
        begin = _localize(pd.DatetimeIndex([begin]), first)[0]
        edges = pd.date_range(begin, last + frequency, freq=frequency)
    else:  # days have no fixed length
        edges = _localize(pd.date_range(begin, last.tz_localize(None) + 2 * frequency, freq=frequency), first)
    if len(edges) < 2:
        raise ValueError(f"period={period!r} gives no period from {first} to {last}; give a shorter period.")
    after, until = (
        edges.searchsorted(pd.DatetimeIndex([first]), side="right"),
        edges.searchsorted(pd.DatetimeIndex([last])),
    )
    return edges[int(after[0]) - 1 : int(until[0]) + 1]


def _localize(times: pd.DatetimeIndex, like: pd.Timestamp) -> pd.DatetimeIndex:
    """Return times in the zone of another time; a midnight that the clock skips or shows twice is the first moment."""
    if like.tz is None:
        return times
    return times.tz_localize(like.tz, ambiguous=np.ones(len(times), dtype=bool), nonexistent="shift_forward")


def _read_starts(period: Any, lengths: Any) -> list[pd.Timestamp]:
    """Return the time of the first sample of each recording; raise ValueError if one is not known."""
    what = f"period={period!r} goes by the clock"
    fix = "pass Recordings.from_arrays(X, sampling_rate=..., starts=...) in place of lengths, or a period in seconds"
    if not isinstance(lengths, Recordings) or lengths.starts is None:
        raise ValueError(f"{what}, which is not known; {fix}.")
    missing = [i for i, start in enumerate(lengths.starts) if start is None]
    if missing:
        raise ValueError(f"{what}, but recording {missing[0]} has no start; {fix}.")
    starts = [start for start in lengths.starts if start is not None]
    aware = {start.tz is not None for start in starts}
    if len(aware) > 1:
        raise ValueError(f"{what}, but some starts have a time zone and others do not; {fix}.")
    zone = starts[0].tz
    return [start if zone is None else start.tz_convert(zone) for start in starts]
