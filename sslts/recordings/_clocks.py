"""Checks of the times that recordings come with: missing samples and a wrong sampling rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from sslts._notices import warn

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
    """Warn about the first recording whose time stamps skip samples, repeat or run backwards."""
    for i, index in enumerate(times):
        if not isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) or index.freq is not None or len(index) < 3:
            continue
        step = np.diff(index.asi8)
        odd = np.flatnonzero((step <= 0) | (step > 1.5 * np.median(step)))
        if len(odd):
            at = int(odd[0]) + 1
            problem = "is not later than" if step[at - 1] <= 0 else "leaves a gap after"
            warn(
                f"{name}: recording {i} has uneven times: sample {at} ({index[at]}) {problem} the sample before it. "
                "Its rows are treated as evenly spaced. Sort the recording, cut it there, or insert the missing times "
                "with NaN and fill them with FillGaps."
            )
            return


def warn_of_other_rate(times: Sequence[pd.Index | None] | None, sampling_rate: float | None, name: str) -> None:
    """Warn about the first recording whose time stamps disagree with ``sampling_rate``.

    Only time stamps and durations are compared, because plain numbers have no unit.
    """
    if times is None or sampling_rate is None:
        return
    for i, index in enumerate(times):
        if not isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) or len(index) < 2:
            continue
        step = np.asarray(index[1:] - index[:-1], dtype="timedelta64[ns]") / np.timedelta64(1, "s")
        # A gap distorts the mean, rounding to whole milliseconds distorts the median: one match is enough.
        rates = [1 / seconds for seconds in (float(step.mean()), float(np.median(step))) if seconds > 0]
        if rates and not any(math.isclose(rate, sampling_rate, rel_tol=RATE_TOLERANCE) for rate in rates):
            warn(
                f"{name}: recording {i} has times {1 / rates[-1]:g} s apart, {rates[-1]:g} samples per second, but "
                f"sampling_rate={sampling_rate:g}: its times and durations in seconds will be wrong. Pass the "
                "sampling rate of the recordings, or resample them."
            )
            return


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
    if not 0 < sampling_rate < np.inf:
        raise ValueError(f"sampling_rate={sampling_rate!r}; give samples per second, a positive number, or None.")
    return float(sampling_rate)
