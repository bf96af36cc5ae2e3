"""Change tables of segments: merge, filter, clip, shift. The table that is given stays as it is."""

from collections.abc import Mapping, Sequence, Set

import numpy as np
import pandas as pd

from sslts.segments.tables import _check_rows, _read_columns


def merge_segments(segments: pd.DataFrame, max_gap: int = 0) -> pd.DataFrame:
    """Join segments of one label that follow one another closely in a recording.

    Parameters
    ----------
    segments : pandas.DataFrame
        As `labels_to_segments` gives.
    max_gap : int, default=0
        Largest number of samples between two segments that are joined; 0 joins those that touch. A gap that holds a
        segment of another label is never bridged.

    Returns
    -------
    pandas.DataFrame
        By recording and start. ``score`` is the mean of the joined ones, weighted by their lengths.

    Raises
    ------
    ValueError
        If a row is no segment or overlaps another; the message names it. If `max_gap` is negative.

    Examples
    --------
    >>> from sslts.segments import labels_to_segments, merge_segments
    >>> merge_segments(labels_to_segments([0, 1, 1, 0, 1, 0, 0, 0, 1]), max_gap=1)[["start", "end", "length"]]
       start  end  length
    0      1    5       4
    1      8    9       1
    """
    if max_gap < 0:
        raise ValueError(f"max_gap={max_gap!r}; give a number of samples, 0 or more.")
    table = _sort(segments)
    recording, start, end, label = _read_columns(table)
    apart = np.ones(len(table), dtype=bool)
    apart[1:] = (recording[1:] != recording[:-1]) | (label[1:] != label[:-1]) | (start[1:] - end[:-1] > max_gap)
    group = np.cumsum(apart) - 1
    merged = table[apart].copy()
    merged["end"] = end[np.append(np.flatnonzero(apart)[1:], len(table)) - 1] if len(table) else end
    if "score" in table:
        weight = (end - start).astype(np.float64)
        total = np.bincount(group, weights=weight * table["score"].to_numpy(dtype=np.float64))
        merged["score"] = total / np.bincount(group, weights=weight) if len(table) else merged["score"]
    return _measure(merged, table)


def filter_segments(
    segments: pd.DataFrame,
    *,
    min_length: int | None = None,
    max_length: int | None = None,
    min_score: float | None = None,
    labels: int | Sequence[int] | Set[int] | None = None,
    recordings: int | Sequence[int] | Set[int] | None = None,
) -> pd.DataFrame:
    """Keep the segments that meet all conditions that are given.

    Parameters
    ----------
    segments : pandas.DataFrame
        As `labels_to_segments` gives.
    min_length, max_length : int, default=None
        Least and largest length, in samples.
    min_score : float, default=None
        Least score. A segment without a score is not kept.
    labels, recordings : int, sequence of int or set of int, default=None
        Labels and recordings to keep.

    Returns
    -------
    pandas.DataFrame
        With the rows numbered anew.

    Raises
    ------
    ValueError
        If a row is no segment; the message names it. If there is no column ``score`` for `min_score`.

    Examples
    --------
    >>> from sslts.segments import filter_segments, labels_to_segments
    >>> filter_segments(labels_to_segments([0, 1, 1, 0, 2, 0, 1]), min_length=2)["start"].tolist()
    [1]
    """
    recording, start, end, label = _read_columns(segments)
    keep = np.ones(len(segments), dtype=bool)
    if min_length is not None:
        keep &= end - start >= min_length
    if max_length is not None:
        keep &= end - start <= max_length
    if min_score is not None:
        if "score" not in segments:
            raise ValueError(f"segments has no column 'score' for min_score={min_score!r}; add it, or drop min_score.")
        keep &= segments["score"].to_numpy(dtype=np.float64) >= min_score
    if labels is not None:
        keep &= np.isin(label, list(labels) if isinstance(labels, Set) else labels)
    if recordings is not None:
        keep &= np.isin(recording, list(recordings) if isinstance(recordings, Set) else recordings)
    return segments[keep].reset_index(drop=True)


def clip_segments(segments: pd.DataFrame, start: int, end: int) -> pd.DataFrame:
    """Keep what lies in a stretch of time; a segment that reaches over its edge is cut there.

    Parameters
    ----------
    segments : pandas.DataFrame
        As `labels_to_segments` gives.
    start, end : int
        The stretch ``[start, end)``, in samples, the same for all recordings.

    Returns
    -------
    pandas.DataFrame
        Positions still count from the recording's first sample; `shift_segments` by ``-start`` changes that.

    Raises
    ------
    ValueError
        If a row is no segment, or `end` lies before `start`.

    Examples
    --------
    >>> from sslts.segments import clip_segments, labels_to_segments
    >>> clip_segments(labels_to_segments([1, 1, 1, 0, 1, 1]), 1, 5)[["start", "end", "length"]]
       start  end  length
    0      1    3       2
    1      4    5       1
    """
    if end < start:
        raise ValueError(f"end={end!r} lies before start={start!r}; give a stretch [start, end).")
    _, first, last, _ = _read_columns(segments)
    keep = np.maximum(first, start) < np.minimum(last, end)
    clipped = segments[keep].reset_index(drop=True)
    clipped["start"], clipped["end"] = first[keep].clip(min=start), last[keep].clip(max=end)
    return _measure(clipped, segments)


def shift_segments(segments: pd.DataFrame, offset: int | Sequence[int] | Mapping[int, int]) -> pd.DataFrame:
    """Move segments in time.

    Parameters
    ----------
    segments : pandas.DataFrame
        As `labels_to_segments` gives.
    offset : int, sequence of int, or dict
        Samples to add; one number for all, one for each recording, or by recording.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ValueError
        If a row is no segment, or would begin before sample 0; the message names it. If `offset` is no whole number,
        or lacks a recording.

    Examples
    --------
    >>> from sslts.segments import labels_to_segments, shift_segments
    >>> shift_segments(labels_to_segments([[0, 1], [1, 0]]), [10, 20])[["recording", "start", "end"]]
       recording  start  end
    0          0     11   12
    1          1     20   21
    """
    recording, start, end, _ = _read_columns(segments)
    step = _find_steps(recording, offset)
    early = np.flatnonzero(start + step < 0)
    if early.size:
        row = early[0]
        raise ValueError(
            f"segments row {segments.index[row]} would begin at sample {start[row] + step[row]}, before 0."
        )
    moved = segments.copy()
    moved["start"], moved["end"] = start + step, end + step
    return _measure(moved, segments)


def _find_steps(recording: np.ndarray, offset: int | Sequence[int] | Mapping[int, int]) -> np.ndarray:
    """Return by how many samples each segment moves."""
    if isinstance(offset, int | float | np.number):
        by = dict.fromkeys(recording.tolist(), offset)
    else:
        by = dict(offset) if isinstance(offset, Mapping) else dict(enumerate(offset))
    missing = sorted(set(recording.tolist()) - set(by))
    if missing:
        raise ValueError(f"offset has no entry for recording {missing[0]}; give one for each recording.")
    for i in np.unique(recording).tolist():
        if not float(by[i]).is_integer():  # NaN is none either
            raise ValueError(f"offset={by[i]!r} for recording {i}; give a whole number of samples.")
    return np.array([by[i] for i in recording.tolist()], dtype=np.int64)


def _sort(segments: pd.DataFrame) -> pd.DataFrame:
    """Return the rows by recording and start; raise if one is no segment or overlaps another."""
    columns = _read_columns(segments)
    recording, start, _, _ = columns
    _check_rows(segments, columns)
    return segments.iloc[np.lexsort((start, recording))].reset_index(drop=True)


def _measure(table: pd.DataFrame, source: pd.DataFrame) -> pd.DataFrame:
    """Make lengths, and times where the source has them, agree with starts and ends."""
    table = table.reset_index(drop=True)
    table["length"] = table["end"] - table["start"]
    if {"start_time", "end_time", "duration"} <= set(source.columns) and len(source):
        length = (source["end"] - source["start"]).to_numpy()
        longest = length.argmax()
        rate = length[longest] / source["duration"].to_numpy()[longest]
        for name, time in (("start", "start_time"), ("end", "end_time"), ("length", "duration")):
            table[time] = table[name] / rate
    return table
