"""Conversion of labels to tables of segments and back, and counts of segments."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sslts._notices import shorten, warn
from sslts._runs import expand_ranges, find_runs
from sslts.annotations import (
    Annotations,
    check_labels,
    check_rows,
    count_touching,
    name_columns,
    name_labels,
    number_columns,
    number_recordings,
    number_words,
    read_columns,
    read_table,
    read_words,
)
from sslts.recordings import Recordings, check_sampling_rate, read_array
from sslts.segments._keys import add_seconds, holds_words, number_column


def labels_to_segments(
    labels: Any,
    *,
    background: int | None = 0,
    proba: Any = None,
    classes: ArrayLike | None = None,
    sampling_rate: float | None = None,
) -> pd.DataFrame:
    """Return the table of the segments of labeled recordings.

    Parameters
    ----------
    labels : array of shape (n, T) or (T,), list or object array of (T_i,), pandas.Series, or Annotations
        One integer label or word per sample; a one-dimensional array is one recording. See `check_labels`.
        Segments that touch stay apart in `Annotations`.
    background : int or None, default=0
        The class that does not form segments. None: every class forms segments. -1 never forms segments.
    proba : array of shape (n, T, K), list of (T_i, K), or None, default=None
        Probability of each class at each sample; for one recording, ``(T, K)`` is accepted too.
    classes : array-like of int of shape (K,), default=None
        Class of each column of `proba`, words if the labels are words. None: 0 to K - 1.
    sampling_rate : float, default=None
        Samples per second.

    Returns
    -------
    pandas.DataFrame
        One row per segment, sorted by recording and start. Columns: ``recording, start, end, length, label`` (int64;
        start, end and length in samples, the end is exclusive) and ``score`` (float64), the mean probability of the
        label inside the segment, NaN without `proba`. With `sampling_rate` also ``start_time, end_time, duration``
        (float64, seconds).

    Raises
    ------
    ValueError
        If `labels` contains invalid labels, if `proba` has the wrong shape or no column for a label, or if
        `sampling_rate` is not above 0.

    Examples
    --------
    >>> from sslts.segments import labels_to_segments
    >>> labels_to_segments([[0, 1, 1, 0, 2], [2, 2, 2, -1, 1]]).drop(columns="score")
       recording  start  end  length  label
    0          0      1    3       2      1
    1          0      4    5       1      2
    2          1      0    3       3      2
    3          1      4    5       1      1
    """
    rate = check_sampling_rate(sampling_rate)
    if proba is None:
        labels, words = read_words(labels, name="labels")
    else:
        labels, classes, words = number_columns(labels, classes, name="labels", of="proba")
    recordings = check_labels(labels)
    offsets = np.cumsum([0, *map(len, recordings)])
    flat = np.concatenate([np.empty(0, dtype=np.int64), *recordings])
    touching = labels.list_touching() if isinstance(labels, Annotations) else offsets[:0]
    starts, ends, values = find_runs(flat, breaks=np.concatenate([offsets[:-1], touching]))
    keep = (values >= 0) & (True if background is None else values != background)
    score = np.full(values.size, np.nan)
    if proba is not None and flat.size:
        own = _pick_probabilities(recordings, proba, classes, values[keep])
        score = np.add.reduceat(own, starts) / (ends - starts)
    recording = np.searchsorted(offsets, starts, side="right")[keep] - 1
    start, end = starts[keep] - offsets[recording], ends[keep] - offsets[recording]
    table = make_table(recording, start, end, values[keep], score[keep], None if sampling_rate is None else rate)
    if words is None or isinstance(labels, Annotations):
        return table
    return table.assign(label=name_labels(table["label"].to_numpy(), words))


def make_table(
    recording: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    label: np.ndarray,
    score: np.ndarray,
    sampling_rate: float | None,
) -> pd.DataFrame:
    """Return the table of n segments from its columns, in the form of `labels_to_segments`.

    Parameters
    ----------
    recording, start, end, label : ndarray of int of shape (n,)
    score : ndarray of float of shape (n,)
    sampling_rate : float or None
        Samples per second. None: no columns of times.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.segments import make_table
    >>> one = np.array([1])
    >>> make_table(one, one, 3 * one, one, 0.5 * one, 2.0).to_dict("records")[0]["duration"]
    1.0
    """
    table = {"recording": recording, "start": start, "end": end, "length": end - start, "label": label, "score": score}
    if sampling_rate is not None:
        rate = float(sampling_rate)
        table |= {"start_time": start / rate, "end_time": end / rate, "duration": (end - start) / rate}
    return pd.DataFrame(table)


def name_segments(table: pd.DataFrame, recordings: Recordings, class_names: Mapping[int, str] | None) -> pd.DataFrame:
    """Return a table of segments with names of recordings, words and clock times, where they are known.

    Parameters
    ----------
    table : pandas.DataFrame
        Segments in the form of `labels_to_segments`.
    recordings : Recordings
        The recordings, perhaps with names, a sampling rate and times of their first samples.
    class_names : mapping of int to str, or None
        The word of each label.

    Examples
    --------
    >>> from sslts import Recordings
    >>> from sslts.segments import labels_to_segments, name_segments
    >>> recordings = Recordings.from_arrays([[0.0] * 3], names=["a"], sampling_rate=2, starts=["2026-01-31 12:00"])
    >>> found = name_segments(labels_to_segments([[0, 1, 1]]), recordings, {1: "walk"})
    >>> found[["recording", "label", "start_clock"]].values.tolist()
    [['a', 'walk', Timestamp('2026-01-31 12:00:00.500000')]]
    """
    number = table["recording"].to_numpy()
    named = table if class_names is None else table.assign(label=name_labels(table["label"].to_numpy(), class_names))
    if recordings.names is not None:
        named = named.assign(recording=[recordings.names[i] for i in number])
    starts, rate = recordings.starts, recordings.sampling_rate
    if starts is None or rate is None:
        return named
    clocks = pd.Series([pd.NaT if starts[i] is None else starts[i] for i in number], index=table.index, dtype="object")
    for name in ("start", "end"):
        named = named.assign(**{f"{name}_clock": add_seconds(clocks, table[name].to_numpy() / rate)})
    return named


def number_segments(table: pd.DataFrame, recordings: Recordings, class_names: Mapping[int, str] | None) -> pd.DataFrame:
    """Return a table of segments with numbers in place of names and words: the inverse of `name_segments`.

    Raises
    ------
    ValueError
        If a row names an unknown recording or has an unknown word; the message names the row.

    Examples
    --------
    >>> from sslts import Recordings
    >>> from sslts.segments import number_segments
    >>> recordings = Recordings.from_arrays([[0.0] * 3, [0.0] * 5], names=["a", "b"])
    >>> table = pd.DataFrame({"recording": ["b"], "start": [0], "end": [2], "label": ["walk"]})
    >>> number_segments(table, recordings, {1: "walk"}).values.tolist()
    [[1, 0, 2, 1]]
    """
    found = number_words(table, class_names or None).astype({"label": int})
    if recordings.names is None or pd.api.types.is_integer_dtype(table["recording"]):
        return found
    return number_recordings(found, recordings.names, argument="table")


def _pick_probabilities(
    recordings: list[np.ndarray], proba: Any, classes: ArrayLike | None, wanted: np.ndarray
) -> np.ndarray:
    """Return the probability of the label of each sample, recordings joined; 0 if the label has no column."""
    if len(recordings) == 1 and len(proba) and np.ndim(proba[0]) == 1:
        proba = [proba]
    if len(proba) != len(recordings):
        raise ValueError(
            f"proba has {len(proba)} recordings, but labels has {len(recordings)}; give one (T, K) array per recording."
        )
    probabilities = [read_array(one, f"proba[{i}]") for i, one in enumerate(proba)]
    if probabilities[0].ndim != 2:
        raise ValueError(f"proba[0] has shape {probabilities[0].shape}; give a (T, K) array per recording.")
    ids = name_columns(classes, probabilities[0].shape[1], "proba")
    missing = np.setdiff1d(wanted, ids)
    if missing.size:
        raise ValueError(f"label {missing[0]} has no column in proba; pass classes= to name the columns.")
    order = np.argsort(ids)
    picked = []
    for i, (one, table) in enumerate(zip(recordings, probabilities, strict=True)):
        if table.shape != (one.size, ids.size):
            raise ValueError(
                f"proba[{i}] has shape {table.shape}; give shape {(one.size, ids.size)}, to match labels[{i}]."
            )
        at = order[np.searchsorted(ids, one, sorter=order).clip(max=ids.size - 1)]
        picked.append(np.where(ids[at] == one, table[np.arange(one.size), at], 0.0))
    return np.concatenate(picked, dtype=np.float64)


def segments_to_labels(
    segments: pd.DataFrame, lengths: Sequence[int], *, fill: int = 0, overlap: int | None = None
) -> list[np.ndarray]:
    """Return one label per sample from a table of segments.

    This is the inverse of `labels_to_segments` for labels without -1, if `fill` is its `background`.

    Parameters
    ----------
    segments : pandas.DataFrame, or a table of polars or Arrow
        Table with columns ``recording, start, end, label`` of whole numbers, in any order of rows; other columns are
        ignored.
    lengths : sequence of int of length n
        Number of samples of each recording.
    fill : int, default=0
        Label of the samples outside all segments: the background, or -1 for unlabeled.
    overlap : int or None, default=None
        Label of the samples that segments of different labels share; -1 leaves these samples unlabeled. None: segments
        that share samples raise an error.

    Returns
    -------
    list of ndarray of int64 of shape (T_i,)
        One array per recording.

    Raises
    ------
    ValueError
        If a column is missing, or a segment names an unknown recording, is empty, lies outside its recording, overlaps
        another segment without `overlap`, or has a label below -1. The message names the row.

    Examples
    --------
    >>> import pandas as pd
    >>> from sslts.segments import segments_to_labels
    >>> table = pd.DataFrame({"recording": [0, 1], "start": [1, 0], "end": [3, 2], "label": [1, 2]})
    >>> [labels.tolist() for labels in segments_to_labels(table, [4, 2])]
    [[0, 1, 1, 0], [2, 2]]

    A segment inside another segment:

    >>> table = pd.DataFrame({"recording": [0, 0], "start": [0, 2], "end": [6, 4], "label": [1, 2]})
    >>> segments_to_labels(table, [8], overlap=-1)[0].tolist()
    [1, 1, -1, -1, 1, 1, 0, 0]
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    if sizes.ndim != 1 or (sizes < 0).any():
        raise ValueError(f"lengths={shorten(lengths)}; give one number of samples (>= 0) per recording.")
    segments = read_table(segments)
    columns = read_columns(segments)
    check_rows(segments, columns, sizes, apart=overlap is None, fix="pass overlap=-1")
    if joined := count_touching(columns):
        warn(
            f"segments: {joined} rows touch the row before, which has the same label; labels per sample show them as "
            "one segment. To keep them apart, pass sslts.Annotations.from_table(segments, X) to fit and to metrics."
        )
    recording, start, end, label = columns
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    flat = np.full(offsets[-1], fill, dtype=np.int64)
    inside, written = expand_ranges(start + offsets[recording], end - start), np.repeat(label, end - start)
    flat[inside] = written
    if overlap is not None:
        flat[inside[flat[inside] != written]] = overlap  # a later segment has overwritten these samples
    return [flat[begin:stop] for begin, stop in pairwise(offsets)]


def count_segments(
    segments: pd.DataFrame, *, n_recordings: int | None = None, labels: Sequence[int] | None = None
) -> pd.DataFrame:
    """Return the number of segments of each label in each recording.

    Parameters
    ----------
    segments : pandas.DataFrame, or a table of polars or Arrow
        Table with columns ``recording`` and ``label``, in the form of `labels_to_segments`.
    n_recordings : int, default=None
        Number of recordings; recordings without a segment have a row of zeros. None: only recordings with a segment.
    labels : sequence of int, default=None
        Labels to count, in this order; labels without a segment have a column of zeros. None: the labels in `segments`.

    Returns
    -------
    pandas.DataFrame
        int64 counts; the index is ``recording``, the columns are the labels (named ``label``).

    Raises
    ------
    ValueError
        If `segments` has a recording number of `n_recordings` or more.

    Examples
    --------
    >>> from sslts.segments import count_segments, labels_to_segments
    >>> count_segments(labels_to_segments([[0, 1, 0, 1], [0, 0, 0, 0]]), n_recordings=2, labels=[1, 2])
    label      1  2
    recording
    0          2  0
    1          0  0
    """
    segments = read_table(segments)
    named = holds_words(segments["recording"])
    if named and n_recordings is not None:
        raise ValueError(f"n_recordings={n_recordings}, but segments names its recordings; pass them to summarize.")
    if n_recordings is not None and len(segments):
        last = segments["recording"].max()
        if last >= n_recordings:
            raise ValueError(
                f"n_recordings={n_recordings}, but segments has recording {last}, numbered from 0; give "
                f"n_recordings={last + 1} or more."
            )
    rows, row = number_column(segments["recording"])
    columns, column = number_column(segments["label"])
    counts = np.bincount(row * columns.size + column, minlength=rows.size * columns.size)
    table = pd.DataFrame(counts.reshape(rows.size, columns.size).astype(np.int64), index=rows, columns=columns)
    if n_recordings is not None:
        table = table.reindex(index=np.arange(n_recordings), fill_value=0)
    if labels is not None:
        words = any(isinstance(label, str) for label in labels)
        table = table.reindex(columns=list(labels) if words else np.asarray(labels, dtype=np.int64), fill_value=0)
    return table.rename_axis(index="recording", columns="label")
