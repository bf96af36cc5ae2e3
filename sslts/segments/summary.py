"""Counts, lengths and intervals of segments, per recording or per period."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import warn
from sslts._runs import expand_ranges
from sslts.annotations import check_rows, read_columns, read_table
from sslts.recordings import Recordings, check_sampling_rate
from sslts.segments._clock import Period, Timeline, make_timeline
from sslts.segments._keys import number_keys
from sslts.segments.counts import _LEAST_VARIANCE, CountCalibration, _bound_counts

_KEYS = ("recording", "period", "label")


def summarize(
    segments: pd.DataFrame,
    lengths: Sequence[int] | Recordings,
    *,
    period: Period | None = None,
    by: Sequence[str] = _KEYS,
    labels: Sequence[Any] | None = None,
    sampling_rate: float | None = None,
    calibration: Mapping[Any, CountCalibration] | None = None,
    level: float = 0.9,
) -> pd.DataFrame:
    """Return counts, lengths and intervals of segments.

    Parameters
    ----------
    segments : pandas.DataFrame, or a table of polars or Arrow
        Table of segments, from `labels_to_segments` or from ``predict_segments`` of a segmenter.
    lengths : sequence of int of length n, or Recordings
        Number of samples of each recording, or the recordings themselves, with their names, sampling rate and clock.
    period : float, str, pandas.Timedelta, pandas offset or None, default=None
        Length of the periods into which each recording is cut: seconds with `sampling_rate`, else samples. The last
        period of a recording may be shorter. A text such as "1h" or "1D" goes by the clock of the `Recordings`: periods
        count from midnight, in the time zone of the first recording, and ``period`` holds the time at which each
        begins. None: each recording is one period.
    by : sequence of {"recording", "period", "label"}, default=all
        Columns that identify a row of the result; segments are pooled over the other columns. ``by=("label",)`` returns
        one row per label.
    labels : sequence of int or str, default=None
        Labels to count; labels without a segment have rows of zeros. None: the labels in `segments`.
    sampling_rate : float or None, default=None
        Samples per second. With it, lengths and intervals are in seconds, else in samples. None: that of the
        `Recordings`.
    calibration : dict of int or str to CountCalibration, default=None
        Calibration of each label that is counted, from `sslts.calibration.calibrate_counts`. It gives expected counts
        and their intervals. None: no expected counts, because the scores of a network are not probabilities.
    level : float, default=0.9
        Share of the cases that the interval of the count should cover. A calibration on n labeled recordings supports
        at most ``n / (n + 1)``: 0.9 needs nine recordings, 0.95 needs nineteen.

    Returns
    -------
    pandas.DataFrame
        The columns in `by`; then ``time`` (length of the recordings, in samples or seconds), ``count``,
        ``total_length``, ``mean_length``, ``std_length``, ``occupancy`` (share of the time), ``mean_interval`` and
        ``std_interval`` (between the starts of successive segments of one label in a recording). With `calibration`
        also ``expected_count``, ``count_low`` and ``count_high``; by the clock also ``rate_per_hour``, the count over
        the recorded ``time``. NaN where undefined: mean of no segment, spread of one, expected counts without scores,
        limits over several recordings from a calibration on fewer than 50. Without labels to count, the table is empty.

    Raises
    ------
    ValueError
        If a row is not a valid segment, overlaps another row or lies outside its recording (the message names the row),
        if `period` is not a number or shorter than a sample, or if another argument is out of range.

    Warns
    -----
    UserWarning
        If `level` is higher than the recordings of `calibration` support: the interval is then too narrow.

    Notes
    -----
    A segment that crosses the end of a period is counted once, in the period in which it starts, and has its whole
    length in ``mean_length``; ``total_length`` and ``occupancy`` divide it among the periods. An interval between two
    segments belongs to the later segment.

    Examples
    --------
    >>> from sslts.segments import labels_to_segments, summarize
    >>> table = labels_to_segments([[0, 1, 1, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0]])
    >>> summarize(table, [8, 8], period=6)[["recording", "period", "label", "count", "total_length", "mean_length"]]
       recording  period  label  count  total_length  mean_length
    0          0       0      1      2           3.0          2.5
    1          0       1      1      0           2.0          NaN
    2          1       0      1      0           0.0          NaN
    3          1       1      1      0           0.0          NaN
    """
    segments = read_table(segments)
    if isinstance(lengths, Recordings) and sampling_rate is None:
        sampling_rate = lengths.sampling_rate
    rate = check_sampling_rate(sampling_rate)
    _compare_rates(segments, sampling_rate, period)
    sizes = np.asarray(lengths.lengths if isinstance(lengths, Recordings) else lengths, dtype=np.int64)
    segments, words = number_keys(segments, lengths, labels)
    columns = read_columns(segments)
    check_rows(segments, columns, sizes)
    if words is not None:
        labels = range(len(words) if labels is None else len(set(labels)))
        calibration = _number_calibration(calibration, words[: len(labels)])
    wanted = np.unique(columns[3] if labels is None else np.asarray(labels, dtype=np.int64))
    _check_options(by, level, wanted, calibration)
    axis = make_timeline(period, sampling_rate, sizes, lengths)
    order = np.lexsort((columns[1], columns[0]))
    recording, start, end, label = (column[order] for column in columns)
    start, end = start + axis.offset[recording], end + axis.offset[recording]
    rows = _list_rows(sizes, axis, wanted)
    counted = pd.DataFrame({"recording": recording, "period": axis.find_period(start), "label": label})
    counted["length"] = (end - start) / rate
    counted["interval"] = _find_intervals(recording, start, label) / rate
    shared = _split_lengths(recording, start, end, label, axis, rate)
    measured = [table[table["label"].isin(wanted)] for table in (counted, shared)]
    summary = _build_summary(rows, *measured, by=list(by), rate=rate)
    if calibration is not None:
        score = (
            segments["score"].to_numpy(dtype=np.float64)[order] if "score" in segments else np.full(order.size, np.nan)
        )
        curves = {int(k): calibration[int(k)] for k in wanted}
        weighed = counted.assign(**_weigh_scores(score, label, curves))
        summary = summary.join(_estimate_counts(rows, weighed, by=list(by), curves=curves, level=level))
    if axis.begins is not None:
        summary["rate_per_hour"] = 3600 * summary["count"] / summary["time"].where(summary["time"] > 0)
    found = summary.reset_index()[[*by, *summary.columns]]
    return _name_keys(found, words, lengths, axis)


def _number_calibration(
    calibration: Mapping[Any, CountCalibration] | None, words: list[Any]
) -> dict[int, CountCalibration] | None:
    """Return the calibration of words, by their numbers."""
    if calibration is None:
        return None
    missing = [word for word in words if word not in calibration]
    if missing:
        raise ValueError(
            f"calibration has no entry for label {missing[0]!r}, only for {list(calibration)}; give one entry per "
            "counted label."
        )
    return {number: calibration[word] for number, word in enumerate(words)}


def _name_keys(table: pd.DataFrame, words: Any, lengths: Any, axis: Timeline) -> pd.DataFrame:
    """Return the summary with names of recordings, words and the times at which periods begin, where known."""
    if "recording" in table and isinstance(lengths, Recordings) and lengths.names is not None:
        table = table.assign(recording=[lengths.names[i] for i in table["recording"]])
    if "label" in table and words is not None:
        table = table.assign(label=[words[k] for k in table["label"]])
    if "period" in table and axis.begins is not None:
        table = table.assign(period=axis.begins[table["period"].to_numpy(dtype=np.int64)])
    return table


def _compare_rates(segments: pd.DataFrame, sampling_rate: float | None, period: Period | None) -> None:
    """Raise or warn if the sampling rate differs from the rate of the times in the table."""
    if not {"end", "end_time"} <= set(segments.columns) or len(segments) == 0:
        return
    end, time = (segments[name].to_numpy(dtype=np.float64) for name in ("end", "end_time"))
    found = float(np.median(end / time)) if (time > 0).all() else np.nan
    if not np.allclose(end, found * time, rtol=1e-6, atol=1e-3):  # the times do not count from sample 0
        return
    if sampling_rate is None and period is not None:
        warn(
            f"segments have {found:g} samples per second, but sampling_rate is None, so period={period!r} is in "
            f"samples. Pass sampling_rate={found:g} if it is in seconds."
        )
    if sampling_rate is not None and not math.isclose(found, sampling_rate, rel_tol=1e-6):
        raise ValueError(
            f"sampling_rate={sampling_rate!r}, but the columns end and end_time of segments give {found:g} samples per "
            f"second; pass sampling_rate={found:g}."
        )


def _check_options(
    by: Sequence[str], level: float, wanted: np.ndarray, calibration: Mapping[int, CountCalibration] | None
) -> None:
    """Raise if an option is out of range or a calibration is missing; warn if the level is too high."""
    unknown = [name for name in by if name not in _KEYS]
    if isinstance(by, str) or unknown:
        raise ValueError(f"by={by!r}; give a sequence of names from {_KEYS}.")
    if not 0 < level < 1:
        raise ValueError(f"level={level!r}; give a share above 0 and below 1.")
    missing = sorted(set(wanted.tolist()) - set(calibration)) if calibration is not None else []
    if missing:
        raise ValueError(
            f"calibration has no entry for label {missing[0]}, only for {sorted(calibration or {})}; give one "
            "entry per counted label."
        )
    residuals = [len(calibration[k].residuals) for k in wanted.tolist()] if calibration is not None else []
    _warn_of_level(level, min(filter(None, residuals), default=None))


def _warn_of_level(level: float, n: int | None) -> None:
    """Warn if the residuals of n recordings do not support the level; n is None for a normal distribution."""
    if n is not None and level > n / (n + 1):
        needed = math.ceil(round(level / (1 - level), 6))
        warn(
            f"level={level!r} is more than a calibration on {n} labeled recordings supports, at most "
            f"{n / (n + 1):.3g}: the interval of the count is as wide as the greatest error in them, and too narrow. "
            f"Calibrate on at least {needed} recordings, or give a lower level."
        )


def _list_rows(sizes: np.ndarray, axis: Timeline, labels: np.ndarray) -> pd.DataFrame:
    """Return one row per recording, period and label, with the number of samples of the recording in the period."""
    first = axis.find_period(axis.offset)
    n_periods = axis.find_period(axis.offset + np.maximum(sizes - 1, 0)) - first + 1
    recording = np.repeat(np.arange(sizes.size), n_periods)
    period = expand_ranges(first, n_periods)
    begin, end = axis.offset[recording], (axis.offset + sizes)[recording]
    time = np.minimum(axis.edges[period + 1], end) - np.maximum(axis.edges[period], begin)
    k = labels.size
    table = {"recording": np.repeat(recording, k), "period": np.repeat(period, k), "label": np.tile(labels, len(time))}
    return pd.DataFrame({**table, "time": np.repeat(time, k)})


def _find_intervals(recording: np.ndarray, start: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return the distance from the start of the previous segment of the same label and recording; NaN for the first."""
    interval = np.full(start.size, np.nan)
    by_label = np.lexsort((start, label, recording))
    before, after = by_label[:-1], by_label[1:]
    same = (recording[before] == recording[after]) & (label[before] == label[after])
    interval[after[same]] = (start[after] - start[before])[same]
    return interval


def _weigh_scores(
    score: np.ndarray, label: np.ndarray, curves: Mapping[int, CountCalibration]
) -> dict[str, np.ndarray]:
    """Return the contribution of each segment to the expected count, and to the variance of the count."""
    expected, variance = np.full(score.size, np.nan), np.full(score.size, np.nan)
    for k, curve in curves.items():
        chosen = label == k
        expected[chosen], variance[chosen] = curve.weigh(score[chosen])
    return {"expected": expected, "variance": variance}


def _split_lengths(
    recording: np.ndarray, start: np.ndarray, end: np.ndarray, label: np.ndarray, axis: Timeline, rate: float
) -> pd.DataFrame:
    """Return one row per segment and period that it overlaps, with the length of the segment inside the period."""
    first, last = axis.find_period(start), axis.find_period(end - 1)
    segment = np.repeat(np.arange(start.size), last - first + 1)
    period = expand_ranges(first, last - first + 1)
    inside = np.minimum(end[segment], axis.edges[period + 1]) - np.maximum(start[segment], axis.edges[period])
    return pd.DataFrame(
        {"recording": recording[segment], "period": period, "label": label[segment], "inside": inside / rate}
    )


def _build_summary(
    rows: pd.DataFrame, counted: pd.DataFrame, shared: pd.DataFrame, *, by: list[str], rate: float
) -> pd.DataFrame:
    """Return counts, lengths and intervals, whose means and standard deviations are over all pooled segments."""
    rows, counted, shared = (table.assign(all=0) for table in (rows, counted, shared))
    keys = by or ["all"]
    each = [*keys, *(["label"] if "label" not in keys else [])]
    time = rows.groupby(each)["time"].sum().groupby(keys).max() / rate
    same = counted.groupby(keys)
    total_length = shared.groupby(keys)["inside"].sum().reindex(time.index, fill_value=0.0).astype(np.float64)
    return pd.DataFrame(
        {
            "time": time,
            "count": same.size().reindex(time.index, fill_value=0).astype(np.int64),
            "total_length": total_length,
            "mean_length": same["length"].mean().reindex(time.index),
            "std_length": same["length"].std().reindex(time.index),
            "occupancy": total_length / time.where(time > 0),
            "mean_interval": same["interval"].mean().reindex(time.index),
            "std_interval": same["interval"].std().reindex(time.index),
        }
    )


def _estimate_counts(
    rows: pd.DataFrame,
    weighed: pd.DataFrame,
    *,
    by: list[str],
    curves: Mapping[int, CountCalibration],
    level: float,
) -> pd.DataFrame:
    """Return expected counts and the limits of their intervals; the errors of different labels are independent."""
    rows, weighed = rows.assign(all=0), weighed.assign(all=0)
    keys = by or ["all"]
    each = [*keys, *(["label"] if "label" not in keys else [])]
    parts = [*each, *(["recording"] if "recording" not in each else [])]
    cells = rows.groupby(parts)[["time"]].sum()
    sums = _sum_all(weighed.groupby(parts)[["expected", "variance"]])  # NaN if a segment has no score
    cells = cells.join(sums.reindex(cells.index, fill_value=0.0))
    cells["variance"] += _LEAST_VARIANCE
    cells["deviation"] = np.sqrt(cells["variance"])
    pooled = cells.groupby(each)
    sums = _sum_all(pooled[["expected", "variance", "deviation"]]).assign(several=pooled.size() > 1, spread=0.0)
    label = sums.index.get_level_values("label")
    for k, curve in curves.items():
        own = sums[label == k]
        widths = curve.bound_errors(level, *(own[name].to_numpy() for name in ("variance", "deviation", "several")))
        sums.loc[label == k, "spread"] = np.square(widths)
    total = _sum_all(sums.groupby(keys)[["expected", "spread"]])
    low, high = _bound_counts(total["expected"].to_numpy(), total["spread"].to_numpy())
    table = {"expected_count": total["expected"].astype(np.float64), "count_low": low, "count_high": high}
    return pd.DataFrame(table, index=total.index)


def _sum_all(groups: Any) -> pd.DataFrame:
    """Return the sums of grouped columns; NaN for a group that contains a NaN."""
    return groups.sum().where(groups.count().eq(groups.size(), axis=0))
