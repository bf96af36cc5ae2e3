"""Conversions between sktime's tables of events and labels of time steps.

Gaps between events, label 0, and the first and the last time step are converted without loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts._runs import find_runs
from sslts.annotations import Annotations, check_labels, find_words, is_default_index
from sslts.segments import labels_to_segments, segments_to_labels


def events_to_labels(events: Any, n_samples: int, *, fill: int = -1) -> np.ndarray:
    """Return one label per time step from a table of events.

    Parameters
    ----------
    events : DataFrame
        Columns ``ilocs``, left-closed intervals of positions, and ``labels``, integers >= -1. A Series of labels on an
        index of intervals is accepted too.
    n_samples : int
        Number of time steps of the series.
    fill : int, default=-1
        Label of time steps without an event: -1 for unlabeled, or the background.

    Returns
    -------
    ndarray of int64, shape (n_samples,)
        Labels of the time steps.

    Raises
    ------
    ValueError
        If a column is missing, an interval is not left-closed, overlaps another or lies outside the series, or a label
        is not an integer. The message names the row.

    Examples
    --------
    >>> import pandas as pd
    >>> from sslts.adapters.sktime import events_to_labels
    >>> intervals = pd.IntervalIndex.from_tuples([(0, 2), (3, 5)], closed="left")
    >>> events_to_labels(pd.DataFrame({"ilocs": intervals, "labels": [0, 1]}), 5).tolist()
    [0, 0, -1, 1, 1]
    """
    table = _check_events(events)
    return _convert_events(table, np.zeros(len(table), dtype=np.int64), [n_samples], fill)[0]


def _convert_events(table: pd.DataFrame, recording: np.ndarray, lengths: Sequence[int], fill: int) -> list[np.ndarray]:
    """Return labels of time steps from events and the number of each event's recording."""
    intervals = pd.IntervalIndex(table["ilocs"].array)
    segments = pd.DataFrame(
        {
            "recording": recording,
            "start": intervals.left.to_numpy(),
            "end": intervals.right.to_numpy(),
            "label": table["labels"].to_numpy(),
        },
        index=pd.Index(table.index.tolist(), tupleize_cols=False),  # row names that error messages can show
    )
    return segments_to_labels(segments, lengths, fill=fill)


def _check_events(events: Any) -> pd.DataFrame:
    """Return the table of events, checked; raise ValueError for missing columns or wrong intervals."""
    if isinstance(events, pd.Series) and isinstance(events.index, pd.IntervalIndex):
        events = pd.DataFrame({"ilocs": events.index, "labels": events.to_numpy()})
    missing = [name for name in ("ilocs", "labels") if name not in events.columns]
    if missing:
        raise ValueError(f"y has the columns {list(events.columns)}, no {missing[0]!r}; give ilocs and labels.")
    if not len(events):
        return events.assign(ilocs=pd.IntervalIndex.from_breaks([0], closed="left"))
    if not isinstance(events["ilocs"].dtype, pd.IntervalDtype):
        wrong = [type(value).__name__ for value in events["ilocs"] if not isinstance(value, pd.Interval)]
        if wrong:
            raise ValueError(f"y['ilocs'] holds {wrong[0]}; give pandas intervals, closed on the left.")
        events = events.assign(ilocs=pd.arrays.IntervalArray(list(events["ilocs"])))
    if events["ilocs"].dtype.subtype.kind not in "iuf":
        raise ValueError(
            f"y['ilocs'] holds intervals of {events['ilocs'].dtype.subtype}; ilocs are positions counted from 0. "
            "Convert times to positions with X.index.get_indexer."
        )
    if events["ilocs"].dtype.closed != "left":
        raise ValueError(f"y['ilocs'] is closed on the {events['ilocs'].dtype.closed}; give intervals closed='left'.")
    return events


def labels_to_events(labels: Any, index: pd.Index | None = None) -> pd.DataFrame:
    """Return a table of events, one event per run of equal labels; unlabeled runs (-1) give no event.

    Parameters
    ----------
    labels : array-like of int, shape (T,), or sequence of (T_i,)
        Labels of one series, or of each instance of a Panel.
    index : Index or None, default=None
        Index of the series or Panel (``pd-multiindex``) that the labels belong to. A table of a Panel has the index
        (instance, number of the event). None: one series.

    Returns
    -------
    DataFrame
        Columns ``ilocs``, left-closed intervals of positions, and ``labels``, int64.

    Raises
    ------
    ValueError
        If ``labels`` has several series and ``index`` is not the index of a Panel.

    Examples
    --------
    >>> from sslts.adapters.sktime import labels_to_events
    >>> labels_to_events([0, 0, -1, 1])
        ilocs  labels
    0  [0, 2)       0
    1  [3, 4)       1
    """
    recordings = check_labels(labels)
    table = labels_to_segments(recordings, background=None)
    intervals = pd.IntervalIndex.from_arrays(table["start"], table["end"], closed="left")
    events = pd.DataFrame({"ilocs": intervals, "labels": table["label"].to_numpy()})
    if not isinstance(index, pd.MultiIndex):
        if len(recordings) > 1:
            raise ValueError(f"labels has {len(recordings)} recordings; pass the index of their Panel.")
        return events
    ids = [instance for instance, _, _ in _iterate_instances(index)]
    recording = table["recording"].to_numpy()
    number = table.groupby("recording").cumcount().to_numpy()
    names = [index.names[0], "event"]
    events.index = pd.MultiIndex.from_arrays([pd.Index(ids)[recording], number], names=names)
    return events


def _iterate_instances(index: pd.Index) -> Iterator[tuple[Any, int, int]]:
    """Yield ``(instance, start, stop)``, the rows of each instance of a Panel; a series is one instance named None.

    Raise ValueError if the rows of an instance are not contiguous.
    """
    if not isinstance(index, pd.MultiIndex):
        yield None, 0, len(index)
        return
    starts, ends, codes = find_runs(np.asarray(index.codes[0]))
    if len(np.unique(codes)) < len(codes):
        again = index.levels[0][codes[np.flatnonzero(pd.Series(codes).duplicated())[0]]]
        raise ValueError(f"X: the rows of instance {again!r} are not contiguous; sort X by its index.")
    for code, start, stop in zip(codes, starts, ends, strict=True):
        yield index.levels[0][code], int(start), int(stop)


def _split_instances(X: pd.DataFrame) -> list[pd.DataFrame]:
    """Return one table per instance of a Panel, indexed by time, in order of appearance; a series is one instance."""
    if not isinstance(X.index, pd.MultiIndex):
        return [X]
    return [X.iloc[start:stop].droplevel(0) for _, start, stop in _iterate_instances(X.index)]


def _read_labels(y: Any, index: pd.Index) -> list[np.ndarray]:
    """Return the labels of each instance from events or labels ``y``, for the index of a series or Panel ``X``.

    For a Panel, the first level of the index of ``y`` names the instances, or ``y`` has one entry per instance.
    An instance that ``y`` does not name is unlabeled. Raise ValueError if an entry is missing or the index differs.
    """
    if isinstance(y, Annotations):
        y = y.to_labels()
        y = y[0] if len(y) == 1 and not isinstance(index, pd.MultiIndex) else y
    if find_words(y) is not None and not _is_events(y):
        raise ValueError(
            "y holds words, but sktime's detectors label with integers; number the words, or fit the segmenter itself."
        )
    instances = list(_iterate_instances(index))
    entries: Any
    if not isinstance(index, pd.MultiIndex):
        return [_read_instance(y, index, "y")]
    if isinstance(y, (pd.Series, pd.DataFrame)):
        entries = y if _is_events(y) else _split_labels(y, instances)
    elif isinstance(y, np.ndarray) and y.ndim == 1 and len(y) == len(index):  # the instances, concatenated
        entries = [y[start:stop] for _, start, stop in instances]
    else:
        entries = list(y)
        if len(entries) != len(instances):
            raise ValueError(f"X has {len(instances)} instances, y has {len(entries)}; pass one entry per instance.")
        if all(map(_is_events, entries)):
            entries = pd.concat(map(_check_events, entries), keys=[instance for instance, _, _ in instances])
    if _is_events(entries):
        if len(instances) > 1 and len(entries) > 1 and is_default_index(entries.index):
            raise ValueError(
                "y does not name the instance of X of each event: the rows of y only have numbers. Make the instances "
                "the first level of the index of y, as in labels_to_events(labels, X.index), or pass a list of tables."
            )
        lengths = [stop - start for _, start, stop in instances]
        return _convert_events(_check_events(entries), _find_instances(entries, instances), lengths, fill=-1)
    return [
        _read_instance(entry, index[start:stop].droplevel(0), f"y of instance {instance!r}")
        for entry, (instance, start, stop) in zip(entries, instances, strict=True)
    ]


def _find_instances(y: pd.Series | pd.DataFrame, instances: Sequence[tuple[Any, int, int]]) -> np.ndarray:
    """Return the position of each row's instance, named by the first level of the index of ``y``."""
    level = y.index.get_level_values(0)
    at = pd.Index([instance for instance, _, _ in instances]).get_indexer(level)
    if (at < 0).any():
        raise ValueError(
            f"y names instance {level[at < 0][0]!r}, but X does not; use names from the first level of X's index."
        )
    return at


def _split_labels(y: pd.Series | pd.DataFrame, instances: Sequence[tuple[Any, int, int]]) -> list[Any]:
    """Return the labels of each instance, named by the first level of the index of ``y``; -1 for other instances."""
    numbers = _find_instances(y, instances)
    parts: dict[Any, Any] = {}
    for number, part in y.groupby(numbers, sort=False):
        parts[number] = part.droplevel(0) if isinstance(y.index, pd.MultiIndex) else part.to_numpy()
    return [parts.get(number, np.array([-1])) for number in range(len(instances))]


def _is_events(y: Any) -> bool:
    """Return whether ``y`` is a table of events or a Series of labels indexed by intervals."""
    is_table = isinstance(y, pd.DataFrame) and "ilocs" in y.columns
    return is_table or (isinstance(y, pd.Series) and isinstance(y.index, pd.IntervalIndex))


def _read_instance(y: Any, index: pd.Index, name: str) -> Any:
    """Return the labels of one instance, whose time steps have this index."""
    if _is_events(y):
        return events_to_labels(y, len(index))
    if isinstance(y, (pd.Series, pd.DataFrame)):
        if len(y) > 1 and not y.index.equals(index):
            raise ValueError(
                f"{name} has a different index than X; pass events, labels on the index of X, or an array."
            )
        return y.to_numpy()
    return y
