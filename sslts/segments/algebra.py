"""Functions that merge, filter, clip or shift the segments of a table. They return a new table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.annotations import check_rows, read_table
from sslts.recordings import to_samples
from sslts.segments._keys import add_seconds, holds_words, read_rows, select_keys


def merge_segments(segments: pd.DataFrame, max_gap: float = 0, *, sampling_rate: float | None = None) -> pd.DataFrame:
    """Return the table with close segments of the same label joined.

    Parameters
    ----------
    segments : pandas.DataFrame, or a table of polars or Arrow
        Table of segments, in the form of `labels_to_segments`.
    max_gap : int, default=0
        Largest number of samples between two segments that are joined. 0: only segments that touch are joined. Segments
        are never joined across a segment of another label.
    sampling_rate : float or None, default=None
        Samples per second; `max_gap` is then in seconds. None: in samples.

    Returns
    -------
    pandas.DataFrame
        Sorted by recording and start. ``score`` is the mean score of the joined segments, weighted by their lengths.

    Raises
    ------
    ValueError
        If a row is not a valid segment or overlaps another row; the message names the row. If `max_gap` is negative.

    Examples
    --------
    >>> from sslts.segments import labels_to_segments, merge_segments
    >>> merge_segments(labels_to_segments([0, 1, 1, 0, 1, 0, 0, 0, 1]), max_gap=1)[["start", "end", "length"]]
       start  end  length
    0      1    5       4
    1      8    9       1
    """
    if max_gap < 0:
        raise ValueError(f"max_gap={shorten(max_gap)}; give a number of samples, 0 or more.")
    max_gap = to_samples(max_gap, sampling_rate, "max_gap", edge="most")
    table = _sort_segments(segments)
    recording, start, end, label = read_rows(table)
    apart = np.ones(len(table), dtype=bool)
    apart[1:] = (recording[1:] != recording[:-1]) | (label[1:] != label[:-1]) | (start[1:] - end[:-1] > max_gap)
    group = np.cumsum(apart) - 1
    merged = table[apart].copy()
    merged["end"] = end[np.append(np.flatnonzero(apart)[1:], len(table)) - 1] if len(table) else end
    if "score" in table:
        weight = (end - start).astype(np.float64)
        total = np.bincount(group, weights=weight * table["score"].to_numpy(dtype=np.float64))
        merged["score"] = total / np.bincount(group, weights=weight) if len(table) else merged["score"]
    return _update_lengths(merged, table, start[apart])


def filter_segments(
    segments: pd.DataFrame,
    *,
    min_length: float | None = None,
    max_length: float | None = None,
    min_score: float | None = None,
    labels: Any = None,
    recordings: Any = None,
    sampling_rate: float | None = None,
) -> pd.DataFrame:
    """Return the segments that meet all given conditions.

    Parameters
    ----------
    segments : pandas.DataFrame, or a table of polars or Arrow
        Table of segments, in the form of `labels_to_segments`.
    min_length, max_length : int, default=None
        Least and largest length, in samples.
    min_score : float, default=None
        Least score. Segments without a score are dropped.
    labels, recordings : int or str, or a sequence or set of them, default=None
        Labels and recordings to keep: numbers, or words and names if the table holds these.
    sampling_rate : float or None, default=None
        Samples per second; `min_length` and `max_length` are then in seconds. None: in samples.

    Returns
    -------
    pandas.DataFrame
        With rows numbered from 0.

    Raises
    ------
    ValueError
        If a row is not a valid segment; the message names the row. If `min_score` is given and `segments` has no column
        ``score``.

    Examples
    --------
    >>> from sslts.segments import filter_segments, labels_to_segments
    >>> filter_segments(labels_to_segments([0, 1, 1, 0, 2, 0, 1]), min_length=2)["start"].tolist()
    [1]
    >>> filter_segments(labels_to_segments([0, 1, 1, 0, 2, 0, 1]), min_length=0.2, sampling_rate=10)["start"].tolist()
    [1]
    """
    segments = read_table(segments)
    recording, start, end, label = read_rows(segments)
    keep = np.ones(len(segments), dtype=bool)
    if min_length is not None:
        keep &= end - start >= to_samples(min_length, sampling_rate, "min_length", edge="least")
    if max_length is not None:
        keep &= end - start <= to_samples(max_length, sampling_rate, "max_length", edge="most")
    if min_score is not None:
        if "score" not in segments:
            raise ValueError(
                f"segments has no column 'score' for min_score={min_score!r}; add the column, or omit min_score."
            )
        keep &= segments["score"].to_numpy(dtype=np.float64) >= min_score
    if labels is not None:
        keep &= select_keys(segments["label"], label, labels)
    if recordings is not None:
        keep &= select_keys(segments["recording"], recording, recordings)
    return segments[keep].reset_index(drop=True)


def clip_segments(
    segments: pd.DataFrame, start: float, end: float, *, sampling_rate: float | None = None
) -> pd.DataFrame:
    """Return the parts of segments that lie in a stretch of time.

    Parameters
    ----------
    segments : pandas.DataFrame, or a table of polars or Arrow
        Table of segments, in the form of `labels_to_segments`.
    start, end : int
        The stretch ``[start, end)``, in samples, the same for all recordings.
    sampling_rate : float or None, default=None
        Samples per second; `start` and `end` are then in seconds. None: in samples.

    Returns
    -------
    pandas.DataFrame
        Positions still count from the first sample of the recording; call `shift_segments` with ``-start`` to count
        from the start of the stretch.

    Raises
    ------
    ValueError
        If a row is not a valid segment, or `end` is before `start`.

    Examples
    --------
    >>> from sslts.segments import clip_segments, labels_to_segments
    >>> clip_segments(labels_to_segments([1, 1, 1, 0, 1, 1]), 1, 5)[["start", "end", "length"]]
       start  end  length
    0      1    3       2
    1      4    5       1
    """
    if end < start:
        raise ValueError(f"end={shorten(end)} is before start={shorten(start)}; give an end at or after start.")
    start, end = to_samples(start, sampling_rate, "start"), to_samples(end, sampling_rate, "end")
    segments = read_table(segments)
    _, first, last, _ = read_rows(segments)
    keep = np.maximum(first, start) < np.minimum(last, end)
    clipped = segments[keep].reset_index(drop=True)
    clipped["start"], clipped["end"] = first[keep].clip(min=start), last[keep].clip(max=end)
    return _update_lengths(clipped, segments, first[keep])


def shift_segments(segments: pd.DataFrame, offset: int | Sequence[int] | Mapping[Any, int]) -> pd.DataFrame:
    """Return the segments moved in time.

    Parameters
    ----------
    segments : pandas.DataFrame, or a table of polars or Arrow
        Table of segments, in the form of `labels_to_segments`.
    offset : int, sequence of int, or dict
        Number of samples to add: one number for all recordings, a sequence with one number per recording, or a
        dictionary from recording, by number or name, to number.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ValueError
        If a row is not a valid segment or would start before sample 0; the message names the row. If `offset` is not a
        whole number or has no entry for a recording.

    Examples
    --------
    >>> from sslts.segments import labels_to_segments, shift_segments
    >>> shift_segments(labels_to_segments([[0, 1], [1, 0]]), [10, 20])[["recording", "start", "end"]]
       recording  start  end
    0          0     11   12
    1          1     20   21
    """
    segments = read_table(segments)
    recording, start, end, _ = read_rows(segments)
    keys = segments["recording"].tolist() if holds_words(segments["recording"]) else recording.tolist()
    step = _list_offsets(keys, offset)
    early = np.flatnonzero(start + step < 0)
    if early.size:
        row = early[0]
        raise ValueError(
            f"segments row {segments.index[row]} would start at sample {start[row] + step[row]}, before sample 0; give "
            "a larger offset, or clip the segments first."
        )
    moved = segments.copy()
    moved["start"], moved["end"] = start + step, end + step
    return _update_lengths(moved, segments, start)


def _list_offsets(recording: list[Any], offset: int | Sequence[int] | Mapping[Any, int]) -> np.ndarray:
    """Return the offset of each segment, in samples."""
    if isinstance(offset, int | float | np.number):
        offsets = dict.fromkeys(recording, offset)
    else:
        offsets = dict(offset) if isinstance(offset, Mapping) else dict(enumerate(offset))
    missing = sorted(set(recording) - set(offsets))
    if missing:
        raise ValueError(f"offset has no entry for recording {missing[0]}; give one offset per recording.")
    for i in sorted(set(recording)):
        if not float(offsets[i]).is_integer():  # also catches NaN
            raise ValueError(f"offset={shorten(offsets[i])} for recording {i}; give a whole number of samples.")
    return np.array([offsets[i] for i in recording], dtype=np.int64)


def _sort_segments(segments: pd.DataFrame) -> pd.DataFrame:
    """Return the rows sorted by recording and start; raise if a row is not a valid segment or overlaps another row."""
    segments = read_table(segments)
    columns = read_rows(segments)
    recording, start, _, _ = columns
    check_rows(segments, columns)
    return segments.iloc[np.lexsort((start, recording))].reset_index(drop=True)


def _update_lengths(table: pd.DataFrame, source: pd.DataFrame, start: np.ndarray) -> pd.DataFrame:
    """Return the table with lengths computed from starts and ends, and with times if the source table has times.

    ``start`` holds the first samples that ``start_clock`` belongs to.
    """
    table = table.reset_index(drop=True)
    table["length"] = table["end"] - table["start"]
    if {"start_time", "end_time", "duration"} <= set(source.columns) and len(source):
        length = (source["end"] - source["start"]).to_numpy()
        longest = length.argmax()
        rate = length[longest] / source["duration"].to_numpy()[longest]
        for name, time in (("start", "start_time"), ("end", "end_time"), ("length", "duration")):
            table[time] = table[name] / rate
        if {"start_clock", "end_clock"} <= set(source.columns):
            clock = table["start_clock"]
            table["start_clock"] = add_seconds(clock, (table["start"].to_numpy() - start) / rate)
            table["end_clock"] = add_seconds(clock, (table["end"].to_numpy() - start) / rate)
    return table
