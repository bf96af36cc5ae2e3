"""Tables of events, as sktime has them, and labels of time steps; right at gaps, label 0, the first and last step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts._runs import find_runs
from sslts.annotations import check_labels, is_default_index
from sslts.segments import labels_to_segments, segments_to_labels


def events_to_labels(events: Any, n_samples: int, *, fill: int = -1) -> np.ndarray:
    """Write a table of events as one label for each time step.

    Parameters
    ----------
    events : DataFrame
        Columns ``ilocs``, left-closed intervals of positions, and ``labels``, whole numbers >= -1. A Series of labels
        indexed by intervals is accepted too.
    n_samples : int
        Time steps of the series.
    fill : int, default=-1
        Label of what no event covers: -1 for unlabeled, or the background.

    Returns
    -------
    ndarray of int64, shape (n_samples,)

    Raises
    ------
    ValueError
        If a column is missing, intervals are not left-closed, overlap, or lie outside the series, or labels are not
        whole numbers; the message names the row.

    Examples
    --------
    >>> import pandas as pd
    >>> intervals = pd.IntervalIndex.from_tuples([(0, 2), (3, 5)], closed="left")
    >>> events_to_labels(pd.DataFrame({"ilocs": intervals, "labels": [0, 1]}), 5).tolist()
    [0, 0, -1, 1, 1]
    """
    table = _as_table(events)
    return _paint_events(table, np.zeros(len(table), dtype=np.int64), [n_samples], fill)[0]


def _paint_events(table: pd.DataFrame, recording: np.ndarray, lengths: Sequence[int], fill: int) -> list[np.ndarray]:
    """Write events, each of the recording that is named by its number, as labels of time steps."""
    intervals = pd.IntervalIndex(table["ilocs"].array)
    segments = pd.DataFrame(
        {
            "recording": recording,
            "start": intervals.left.to_numpy(),
            "end": intervals.right.to_numpy(),
            "label": table["labels"].to_numpy(),
        },
        index=pd.Index(table.index.tolist(), tupleize_cols=False),  # whose names are readable in errors
    )
    return segments_to_labels(segments, lengths, fill=fill)


def _as_table(events: Any) -> pd.DataFrame:
    """Return columns ``ilocs``, left-closed intervals, and ``labels``."""
    if isinstance(events, pd.Series) and isinstance(events.index, pd.IntervalIndex):
        events = pd.DataFrame({"ilocs": events.index, "labels": events.to_numpy()})
    missing = [name for name in ("ilocs", "labels") if name not in events.columns]
    if missing:
        raise ValueError(f"y has the columns {list(events.columns)}, no {missing[0]!r}; give ilocs and labels.")
    if not len(events):
        return events.assign(ilocs=pd.IntervalIndex.from_breaks([0], closed="left"))
    if not isinstance(events["ilocs"].dtype, pd.IntervalDtype):
        strange = [type(value).__name__ for value in events["ilocs"] if not isinstance(value, pd.Interval)]
        if strange:
            raise ValueError(f"y['ilocs'] holds {strange[0]}; give pandas intervals, closed on the left.")
        events = events.assign(ilocs=pd.arrays.IntervalArray(list(events["ilocs"])))
    if events["ilocs"].dtype.subtype.kind not in "iuf":
        raise ValueError(
            f"y['ilocs'] holds intervals of {events['ilocs'].dtype.subtype}; ilocs are positions, counted from 0: find "
            "those of times with X.index.get_indexer."
        )
    if events["ilocs"].dtype.closed != "left":
        raise ValueError(f"y['ilocs'] is closed on the {events['ilocs'].dtype.closed}; give intervals closed='left'.")
    return events


def labels_to_events(labels: Any, index: pd.Index | None = None) -> pd.DataFrame:
    """List the runs of equal labels as a table of events; -1 is no event.

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
        Columns ``ilocs``, left-closed intervals, and ``labels``, int64.

    Raises
    ------
    ValueError
        If there are several series and ``index`` names no instances.

    Examples
    --------
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
            raise ValueError(f"labels has {len(recordings)} recordings; pass the index of the Panel they belong to.")
        return events
    ids = [instance for instance, _, _ in _iterate_instances(index)]
    recording = table["recording"].to_numpy()
    number = table.groupby("recording").cumcount().to_numpy()
    names = [index.names[0], "event"]
    events.index = pd.MultiIndex.from_arrays([pd.Index(ids)[recording], number], names=names)
    return events


def _iterate_instances(index: pd.Index) -> Iterator[tuple[Any, int, int]]:
    """Yield ``(instance, start, stop)``: the rows of each instance of a Panel; a series is one, called None.

    Raises
    ------
    ValueError
        If the rows of an instance are not together.

    Examples
    --------
    >>> import pandas as pd
    >>> list(_iterate_instances(pd.MultiIndex.from_tuples([("b", 0), ("b", 1), ("a", 0)])))
    [('b', 0, 2), ('a', 2, 3)]
    """
    if not isinstance(index, pd.MultiIndex):
        yield None, 0, len(index)
        return
    starts, ends, codes = find_runs(np.asarray(index.codes[0]))
    if len(np.unique(codes)) < len(codes):
        again = index.levels[0][codes[np.flatnonzero(pd.Series(codes).duplicated())[0]]]
        raise ValueError(f"X: the rows of instance {again!r} are not together; sort X by its index.")
    for code, start, stop in zip(codes, starts, ends, strict=True):
        yield index.levels[0][code], int(start), int(stop)


def _split_instances(X: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the time steps of each instance of a Panel, in order of appearance, on their times; of a series, itself.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([("b", 0), ("b", 1), ("a", 0)])
    >>> [part.index.tolist() for part in _split_instances(pd.DataFrame({"x": [1.0, 2.0, 3.0]}, index))]
    [[0, 1], [0]]
    """
    if not isinstance(X.index, pd.MultiIndex):
        return [X]
    return [X.iloc[start:stop].droplevel(0) for _, start, stop in _iterate_instances(X.index)]


def _read_labels(y: Any, index: pd.Index) -> list[np.ndarray]:
    """Read what sktime's users call ``y`` as labels of time steps, one array for each instance.

    Parameters
    ----------
    y : DataFrame, Series, array-like, or sequence of these
        Events or labels; for a Panel with the instances as first level of the index, or one entry for each instance.
    index : Index
        Of the series or Panel ``X``.

    Returns
    -------
    list of array-like of shape (T_i,)

    Raises
    ------
    ValueError
        If an instance has no entry, or ``y`` has another index than ``X``.

    Examples
    --------
    >>> import pandas as pd
    >>> [labels.tolist() for labels in _read_labels(pd.Series([0, 1, 1]), pd.RangeIndex(3))]
    [[0, 1, 1]]
    """
    instances = list(_iterate_instances(index))
    entries: Any
    if not isinstance(index, pd.MultiIndex):
        return [_read_one(y, index, "y")]
    if isinstance(y, (pd.Series, pd.DataFrame)):
        entries = y if _is_events(y) else _split(y, instances)
    elif isinstance(y, np.ndarray) and y.ndim == 1 and len(y) == len(index):  # of all time steps, end to end
        entries = [y[start:stop] for _, start, stop in instances]
    else:
        entries = list(y)
        if len(entries) != len(instances):
            raise ValueError(
                f"X has {len(instances)} instances, y has {len(entries)}; pass one entry for each instance."
            )
        if all(map(_is_events, entries)):
            entries = pd.concat(map(_as_table, entries), keys=[instance for instance, _, _ in instances])
    if _is_events(entries):
        if len(instances) > 1 and len(entries) > 1 and is_default_index(entries.index):
            raise ValueError(
                "y does not say to which instance of X each event belongs: its rows are numbered. Give its index the "
                "instances as first level, as labels_to_events(labels, X.index) does, or pass a list of tables."
            )
        lengths = [stop - start for _, start, stop in instances]
        return _paint_events(_as_table(entries), _find_instances(entries, instances), lengths, fill=-1)
    return [
        _read_one(entry, index[start:stop].droplevel(0), f"y of instance {instance!r}")
        for entry, (instance, start, stop) in zip(entries, instances, strict=True)
    ]


def _find_instances(y: pd.Series | pd.DataFrame, instances: Sequence[tuple[Any, int, int]]) -> np.ndarray:
    """Return the number of the instance that each row of ``y`` names on the first level of its index."""
    level = y.index.get_level_values(0)
    at = pd.Index([instance for instance, _, _ in instances]).get_indexer(level)
    if (at < 0).any():
        raise ValueError(f"y names instance {level[at < 0][0]!r}, which X has not; use the first level of X's index.")
    return at


def _split(y: pd.Series | pd.DataFrame, instances: Sequence[tuple[Any, int, int]]) -> list[Any]:
    """Return the labels of each instance, by the first level of the index of ``y``."""
    numbers = _find_instances(y, instances)
    parts: dict[Any, Any] = {}
    for number, part in y.groupby(numbers, sort=False):
        parts[number] = part.droplevel(0) if isinstance(y.index, pd.MultiIndex) else part.to_numpy()
    return [parts.get(number, np.array([-1])) for number in range(len(instances))]


def _is_events(y: Any) -> bool:
    is_table = isinstance(y, pd.DataFrame) and "ilocs" in y.columns
    return is_table or (isinstance(y, pd.Series) and isinstance(y.index, pd.IntervalIndex))


def _read_one(y: Any, index: pd.Index, name: str) -> Any:
    if _is_events(y):
        return events_to_labels(y, len(index))
    if isinstance(y, (pd.Series, pd.DataFrame)):
        if len(y) > 1 and not y.index.equals(index):
            raise ValueError(f"{name} has another index than X; pass events, labels on the index of X, or an array.")
        return y.to_numpy()
    return y
