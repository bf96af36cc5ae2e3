"""What the times say that recordings come with: samples that are missing, and another rate than was named."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from sslts._notices import warn

RATE_TOLERANCE = 0.02  # clocks are rounded, and run a little fast or slow


def warn_of_gaps(index: pd.MultiIndex, name: str) -> None:
    """Warn of a recording that lacks samples, by times that are counted: who splits tables by rows tears them.

    Parameters
    ----------
    index : pandas.MultiIndex
        Instance and time, of a Panel.
    name : str
        What the warning calls the argument.

    Examples
    --------
    >>> warn_of_gaps(pd.MultiIndex.from_product([["a", "b"], [0, 1, 2]]), "X")
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
            f"{name}: recording {recording[at]} lacks samples before time {times[at]}; those that are left are taken "
            "as neighbours. A splitter that cuts tables by rows does this to a Panel: pass it a list of recordings. "
            "Of a recording that has gaps, give every time, with NaN, to FillGaps."
        )


def warn_of_uneven_times(times: Sequence[pd.Index | None], name: str) -> None:
    """Warn of the first recording that lacks samples, or whose clock runs backwards, by the times of its rows.

    Parameters
    ----------
    times : sequence of pandas.Index or None
        The index of each recording.
    name : str
        What the warning calls the argument.

    Examples
    --------
    >>> warn_of_uneven_times([pd.date_range("2026-01-01", periods=4, freq="4ms"), None], "X")
    """
    for i, index in enumerate(times):
        if not isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) or index.freq is not None or len(index) < 3:
            continue
        step = np.diff(index.asi8)
        odd = np.flatnonzero((step <= 0) | (step > 1.5 * np.median(step)))
        if len(odd):
            at = int(odd[0]) + 1
            what = "does not come after" if step[at - 1] <= 0 else "does not follow at once on"
            warn(
                f"{name}: recording {i} is on times of which one {what} the one before (sample {at}, {index[at]}); its "
                "rows are taken as neighbours, evenly spaced. Sort it, cut it there, or put it on a grid, with NaN "
                "where a sample is missing, for FillGaps."
            )
            return


def warn_of_other_rate(times: Sequence[pd.Index | None] | None, sampling_rate: float | None, name: str) -> None:
    """Warn of the first recording whose clock has another rate than ``sampling_rate``: seconds would be wrong.

    Parameters
    ----------
    times : sequence of pandas.Index or None, or None
        The index of each recording; only clocks and durations are looked at, as numbers have no unit.
    sampling_rate : float or None
        Samples per second, as it was named; None is not compared.
    name : str
        What the warning calls the argument.

    Examples
    --------
    >>> warn_of_other_rate([pd.date_range("2026-01-01", periods=4, freq="4ms")], 250, "X")
    """
    if times is None or sampling_rate is None:
        return
    for i, index in enumerate(times):
        if not isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) or len(index) < 2:
            continue
        step = np.asarray(index[1:] - index[:-1], dtype="timedelta64[ns]") / np.timedelta64(1, "s")
        # A gap moves the mean, and rounding to whole milliseconds the median: of both, the one that agrees better.
        rates = [1 / seconds for seconds in (float(step.mean()), float(np.median(step))) if seconds > 0]
        if rates and not any(math.isclose(rate, sampling_rate, rel_tol=RATE_TOLERANCE) for rate in rates):
            warn(
                f"{name}: recording {i} is on times {1 / rates[-1]:g} s apart, {rates[-1]:g} samples a second, and "
                f"sampling_rate={sampling_rate:g}, so its times and durations in seconds will be wrong. Pass the rate "
                "of the recordings, or resample them."
            )
            return


def check_sampling_rate(sampling_rate: float | None) -> float:
    """Give the samples per unit of time: `sampling_rate`, or 1 where there is none.

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
