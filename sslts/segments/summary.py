"""How many segments there are, how long they last and how often they come: per recording, or per period."""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import warn
from sslts._runs import expand_ranges
from sslts.recordings import check_sampling_rate
from sslts.segments.counts import _LEAST_VARIANCE, CountCalibration, _bound_counts
from sslts.segments.tables import _check_rows, _read_columns

_KEYS = ("recording", "period", "label")


def summarize(
    segments: pd.DataFrame,
    lengths: Sequence[int],
    *,
    period: float | None = None,
    by: Sequence[str] = _KEYS,
    labels: Sequence[int] | None = None,
    sampling_rate: float | None = None,
    calibration: Mapping[int, CountCalibration] | None = None,
    level: float = 0.9,
) -> pd.DataFrame:
    """Count and measure segments.

    Parameters
    ----------
    segments : pandas.DataFrame
        As `labels_to_segments` or a segmenter's ``predict_segments`` gives.
    lengths : sequence of int of length n
        Samples of each recording.
    period : float or None, default=None
        Cut each recording into periods this long: seconds with `sampling_rate`, else samples. The last one may be
        shorter. None: one period, the whole recording.
    by : sequence of {"recording", "period", "label"}, default=all
        What rows are for; what is not named is pooled. ``by=("label",)`` gives a row for each label.
    labels : sequence of int, default=None
        The labels to count; those without a segment get rows of zeros. None: those in `segments`.
    sampling_rate : float or None, default=None
        Samples per second. With it, lengths and intervals are in seconds, else in samples.
    calibration : dict of int to CountCalibration, default=None
        For each label that is counted, what its scores mean; see `sslts.calibration.calibrate_counts`. None: scores are
        taken as probabilities, and segments as right or wrong by themselves.
    level : float, default=0.9
        Share of the cases that the interval of the count should cover. A calibration on n labeled recordings backs at
        most ``n / (n + 1)``: 0.9 needs nine, 0.95 needs nineteen.

    Returns
    -------
    pandas.DataFrame
        The columns in `by`; then ``time`` (samples or seconds looked at), ``count``, ``total_length``,
        ``mean_length``, ``std_length``, ``occupancy`` (share of the time), ``mean_interval`` and ``std_interval``
        (between the starts of neighbours of one label in a recording), ``expected_count``, ``count_low`` and
        ``count_high``. What can not be known is nan: the mean of nothing, the spread of one, expectations without
        scores. Nothing to count gives an empty table.

    Raises
    ------
    ValueError
        If a row is no segment, overlaps another or lies outside its recording (the message names it), if `period` is
        no number or shorter than a sample, or another argument is out of range.

    Warns
    -----
    UserWarning
        If `level` is more than the recordings of `calibration` back, or `by` pools recordings that are calibrated: the
        interval then covers less often than it says.

    Notes
    -----
    A segment over the edge of a period is counted once, in the period where it starts, with its whole length in
    ``mean_length``; ``total_length`` and ``occupancy`` share it among the periods. An interval belongs to the later of
    its two segments.

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
    rate = check_sampling_rate(sampling_rate)
    _check_clock(segments, sampling_rate, period)
    sizes = np.asarray(lengths, dtype=np.int64)
    columns = _read_columns(segments)
    _check_rows(segments, columns, sizes)
    wanted = np.unique(columns[3] if labels is None else np.asarray(labels, dtype=np.int64))
    _check_options(by, level, wanted, calibration)
    if calibration is not None and "recording" not in by and sizes.size > 1:
        _warn_of_pooling(sizes.size)
    edges = _find_edges(period, rate, sizes)
    order = np.lexsort((columns[1], columns[0]))
    recording, start, end, label = (column[order] for column in columns)
    rows = _list_rows(sizes, edges, wanted)
    length, interval = (end - start) / rate, _find_intervals(recording, start, label) / rate
    score = segments["score"].to_numpy(dtype=np.float64)[order] if "score" in segments else np.full(order.size, np.nan)
    curves = {int(k): CountCalibration() if calibration is None else calibration[int(k)] for k in wanted}
    counted = pd.DataFrame(
        {"recording": recording, "period": _find_period(start, edges), "label": label, "length": length}
    )
    counted = counted.assign(interval=interval, **_estimate(score, label, curves))
    shared = _share_lengths(recording, start, end, label, edges, rate)
    known = [table[table["label"].isin(wanted)] for table in (counted, shared)]
    return _gather(
        rows, *known, by=list(by), rate=rate, reach={k: c.count_deviations(level) for k, c in curves.items()}
    )


def _check_clock(segments: pd.DataFrame, sampling_rate: float | None, period: float | None) -> None:
    """Compare the sampling rate with that of the table, if it has times."""
    if not {"end", "end_time"} <= set(segments.columns) or len(segments) == 0:
        return
    end, time = (segments[name].to_numpy(dtype=np.float64) for name in ("end", "end_time"))
    own = float(np.median(end / time)) if (time > 0).all() else np.nan  # of a table on a clock of its own: nothing
    if not np.allclose(end, own * time, rtol=1e-6, atol=1e-3):
        return
    if sampling_rate is None and period is not None:
        warn(
            f"segments are at {own:g} samples a second, and sampling_rate is None: period={period!r} is in samples. "
            f"Pass sampling_rate={own:g} for seconds."
        )
    if sampling_rate is not None and not math.isclose(own, sampling_rate, rel_tol=1e-6):
        raise ValueError(
            f"sampling_rate={sampling_rate!r}, but segments are at {own:g} samples a second, by their end and "
            "end_time; pass that."
        )


def _check_options(
    by: Sequence[str], level: float, wanted: np.ndarray, calibration: Mapping[int, CountCalibration] | None
) -> None:
    unknown = [name for name in by if name not in _KEYS]
    if isinstance(by, str) or unknown:
        raise ValueError(f"by={by!r}; give a sequence of {_KEYS}.")
    if not 0 < level < 1:
        raise ValueError(f"level={level!r}; give a share above 0 and below 1.")
    missing = sorted(set(wanted.tolist()) - set(calibration)) if calibration is not None else []
    if missing:
        raise ValueError(f"calibration has no entry for label {missing[0]}; it has {sorted(calibration or {})}.")
    backed = [len(calibration[k].residuals) for k in wanted.tolist()] if calibration is not None else []
    _warn_of_level(level, min(filter(None, backed), default=None))


def _warn_of_level(level: float, n: int | None) -> None:
    """Warn if the residuals of n recordings can't back the level; None: a normal distribution is taken."""
    if n is not None and level > n / (n + 1):
        needed = math.ceil(round(level / (1 - level), 6))
        warn(
            f"level={level!r} is more than {n} labeled recordings back, at most {n / (n + 1):.3g}: the interval of "
            "the count reaches as far as the worst of them, and covers less often than it says. Calibrate on at least "
            f"{needed} recordings, or give a lower level."
        )


def _warn_of_pooling(n: int) -> None:
    """Warn that what errs alike in n recordings, as the curve itself, does not average out in their sum."""
    warn(
        f"the interval of a count over {n} recordings is as if their errors were independent; what all have in common, "
        "as an error of the calibration itself, is not in it, so it covers less often than it says. A row for each "
        "recording, by=('recording', ...), is not concerned."
    )


def _find_edges(period: float | None, rate: float, sizes: np.ndarray) -> np.ndarray:
    """Return the first sample of each period, and the one behind the last, of the longest recording.

    A period that is no whole number of samples does not drift: its edges are rounded, each by itself.
    """
    longest = max(int(sizes.max(initial=1)), 1)
    if period is None:
        return np.array([0, longest])
    if isinstance(period, bool) or not isinstance(period, Real):
        raise ValueError(
            f"period={period!r} is no number; give seconds with sampling_rate, else samples. Of a pandas Timedelta, "
            "seconds are period.total_seconds()."
        )
    step = period * rate if np.isfinite(period) else 0.0
    if step < 1:
        raise ValueError(f"period={period!r} is shorter than a sample; give seconds with sampling_rate, else samples.")
    step = min(step, float(longest))  # what is longer than all recordings is one period, however long
    return np.ceil(np.arange(np.ceil(longest / step) + 1) * step - 1e-6).astype(np.int64)


def _find_period(sample: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.searchsorted(edges, sample, side="right") - 1


def _list_rows(sizes: np.ndarray, edges: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Return a row for each recording, period and label, with the samples of the period."""
    n_periods = _find_period(np.maximum(sizes - 1, 0), edges) + 1
    recording = np.repeat(np.arange(sizes.size), n_periods)
    period = expand_ranges(np.zeros(sizes.size, dtype=np.int64), n_periods)
    time = np.minimum(edges[period + 1], sizes[recording]) - edges[period]
    k = labels.size
    table = {"recording": np.repeat(recording, k), "period": np.repeat(period, k), "label": np.tile(labels, len(time))}
    return pd.DataFrame({**table, "time": np.repeat(time, k)})


def _find_intervals(recording: np.ndarray, start: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return how long after the one of its label before it in its recording each segment begins; nan for the first."""
    interval = np.full(start.size, np.nan)
    by_label = np.lexsort((start, label, recording))
    before, after = by_label[:-1], by_label[1:]
    same = (recording[before] == recording[after]) & (label[before] == label[after])
    interval[after[same]] = (start[after] - start[before])[same]
    return interval


def _estimate(score: np.ndarray, label: np.ndarray, curves: Mapping[int, CountCalibration]) -> dict[str, np.ndarray]:
    """Return what each segment adds to the expected count, and to its variance."""
    expected, variance = np.full(score.size, np.nan), np.full(score.size, np.nan)
    for k, curve in curves.items():
        mine = label == k
        expected[mine], variance[mine] = curve.weigh(score[mine])
    return {"expected": expected, "variance": variance}


def _share_lengths(
    recording: np.ndarray, start: np.ndarray, end: np.ndarray, label: np.ndarray, edges: np.ndarray, rate: float
) -> pd.DataFrame:
    """Return a row for each period that a segment reaches into, with how much of it lies there."""
    first, last = _find_period(start, edges), _find_period(end - 1, edges)
    which = np.repeat(np.arange(start.size), last - first + 1)
    period = expand_ranges(first, last - first + 1)
    inside = np.minimum(end[which], edges[period + 1]) - np.maximum(start[which], edges[period])
    return pd.DataFrame(
        {"recording": recording[which], "period": period, "label": label[which], "inside": inside / rate}
    )


def _gather(
    rows: pd.DataFrame,
    counted: pd.DataFrame,
    shared: pd.DataFrame,
    *,
    by: list[str],
    rate: float,
    reach: Mapping[int, float],
) -> pd.DataFrame:
    """Return the table: sums over what is pooled, means and spreads over the segments themselves."""
    rows, counted, shared = (table.assign(all=0) for table in (rows, counted, shared))
    keys = by or ["all"]
    each = [*keys, *(["label"] if "label" not in keys else [])]
    cells = rows.groupby(each)[["time"]].sum()
    groups = counted.groupby(each)
    cells["count"] = groups.size().reindex(cells.index, fill_value=0)
    cells["total_length"] = shared.groupby(each)["inside"].sum().reindex(cells.index, fill_value=0.0)
    scores = _sum_all(groups[["expected", "variance"]])  # nan of a segment without a score stays
    cells = cells.join(scores.reindex(cells.index, fill_value=0.0))
    width = cells.index.get_level_values("label").map(reach).to_numpy(dtype=np.float64)
    cells["spread"] = width**2 * (cells["variance"] + _LEAST_VARIANCE)
    pooled = cells.groupby(keys)
    sums = pooled[["count", "total_length"]].sum()
    uncertain = _sum_all(pooled[["expected", "spread"]])
    time = pooled["time"].max() / rate
    same = counted.groupby(keys)
    low, high = _bound_counts(uncertain["expected"].to_numpy(), uncertain["spread"].to_numpy())
    table = pd.DataFrame(
        {
            "time": time,
            "count": sums["count"].astype(np.int64),
            "total_length": sums["total_length"].astype(np.float64),
            "mean_length": same["length"].mean().reindex(sums.index),
            "std_length": same["length"].std().reindex(sums.index),
            "occupancy": sums["total_length"] / time.where(time > 0),
            "mean_interval": same["interval"].mean().reindex(sums.index),
            "std_interval": same["interval"].std().reindex(sums.index),
            "expected_count": uncertain["expected"].astype(np.float64),
            "count_low": low,
            "count_high": high,
        }
    )
    return table.reset_index()[[*by, *table.columns]]


def _sum_all(groups: Any) -> pd.DataFrame:
    """Return the sums of grouped columns, nan where a value is."""
    return groups.sum().where(groups.count().eq(groups.size(), axis=0))
