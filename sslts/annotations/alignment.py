"""Reordering of labels that are on a pandas index, so that they match the recordings and samples of ``X``.

`align_labels` uses the index of ``X``, `order_labels` any index that the caller passes, and `sort_times` only the index
of the labels. Labels are moved, but neither read nor checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import warn
from sslts.recordings import is_clock


def align_labels(y: Any, X: Any, argument: str = "y") -> Any:
    """Return one array of labels per recording of `X` if both are on a multi-index; else return `y` unchanged.

    Use it if `X` is a pandas Panel or a prediction in that form; see `follow_index` for any container of recordings.

    Parameters
    ----------
    y : array-like
        Labels; a Series, or a DataFrame with one column, on the index ``(instance, time)`` is reordered.
    X : array-like
        Recordings; only a pandas object on a multi-index gives an order.
    argument : str, default="y"
        Name of `y` in error messages.

    Returns
    -------
    list of ndarray, or ``y``

    Raises
    ------
    ValueError
        If `y` has several columns, lacks a label for an instance or a time of `X`, or has several labels for one row.

    Examples
    --------
    >>> index = pd.MultiIndex.from_product([["b", "a"], [0, 1]])
    >>> X, y = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]}, index), pd.Series([0, 1, 2, 3], index)
    >>> [labels.tolist() for labels in align_labels(y[::-1], X)]
    [[0, 1], [2, 3]]
    """
    index = getattr(X, "index", None)
    if not isinstance(index, pd.MultiIndex) or not isinstance(getattr(y, "index", None), pd.MultiIndex):
        return y
    y = _get_single_column(y, argument)
    if y.index.nlevels != index.nlevels:
        raise ValueError(
            f"{argument} has an index of {y.index.nlevels} levels, X of {index.nlevels}; give both the same index."
        )
    return _split_instances(order_labels(y, index, argument))


def order_labels(y: Any, index: pd.Index, argument: str = "y") -> Any:
    """Return the rows of a pandas object of labels in the order of `index`.

    Parameters
    ----------
    y : Series or DataFrame
        Labels, on their own index.
    index : Index
        Index of the samples or of the recordings; each entry selects one row of `y`.
    argument : str, default="y"
        Name of `y` in error messages.

    Returns
    -------
    Series or DataFrame

    Raises
    ------
    ValueError
        If `y` has no row, or several rows, for an entry of `index`.

    Examples
    --------
    >>> order_labels(pd.Series([0, 1, 2], ["a", "b", "c"]), pd.Index(["c", "a", "b"])).tolist()
    [2, 0, 1]
    """
    if y.index.equals(index):
        return y
    if not y.index.is_unique:
        raise ValueError(
            f"{argument} has several labels for {_get_first(y.index, y.index.duplicated())}; give one label for each."
        )
    at = y.index.get_indexer(index)
    if (at < 0).any():
        missing = _get_first(index, at < 0)
        if isinstance(missing, tuple) and missing[0] not in y.index.get_level_values(0):
            raise ValueError(
                f"{argument} has no labels for instance {missing[0]!r} of X; mark unlabeled samples with -1."
            )
        raise ValueError(
            f"{argument} has no label at {missing}, where X has a sample: give a label for each row of X, on the "
            "same index; mark unlabeled samples with -1."
        )
    return y.iloc[at]


def _get_first(index: pd.Index, chosen: np.ndarray) -> Any:
    """Return the first chosen entry, converted to Python's types for messages."""
    return index[chosen][:1].tolist()[0]


def sort_times(labels: Any) -> Any:
    """Return labels on an index ``(instance, time)`` sorted by time within each instance; other labels unchanged.

    Instances stay in the order in which they first appear.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([("b", 1), ("a", 0), ("b", 0)])
    >>> sort_times(pd.Series([1, 2, 0], index)).tolist()
    [0, 1, 2]
    """
    index = getattr(labels, "index", None)
    if not isinstance(index, pd.MultiIndex):
        return labels
    instance, time = index.droplevel(-1).factorize()[0], index.get_level_values(-1).factorize(sort=True)[0]
    order = np.lexsort((time, instance))
    return labels if (np.diff(order) == 1).all() else labels.iloc[order]


def _get_single_column(labels: pd.Series | pd.DataFrame, argument: str) -> pd.Series:
    """Return labels as a Series; raise ValueError if a DataFrame has several columns."""
    if isinstance(labels, pd.Series):
        return labels
    if labels.shape[1] != 1:
        raise ValueError(f"{argument} has {labels.shape[1]} columns; give one column of labels, or a Series.")
    return labels.iloc[:, 0]


def _split_instances(labels: pd.Series) -> list[np.ndarray]:
    """Return one array per instance, in the order in which the instances first appear."""
    return [part.to_numpy() for _, part in _group_instances(labels)]


def _group_instances(labels: pd.Series) -> list[tuple[Any, pd.Series]]:
    """Return the name and the labels of each instance, in the order in which the instances first appear."""
    assert isinstance(labels.index, pd.MultiIndex)
    groups = labels.groupby(labels.index.droplevel(-1), sort=False, dropna=False)
    return [(name, part.set_axis(part.index.get_level_values(-1))) for name, part in groups]


def _align_items(items: list[Any], times: Sequence[pd.Index | None] | None, name: str) -> Iterator[Any]:
    """Yield the labels of each recording without an index, in the order of its times."""
    warned = False
    for i, item in enumerate(items):
        own = getattr(item, "index", None)
        if not isinstance(own, pd.Index):
            yield item
            continue
        if len(own) > 1:  # one label for all samples has no order
            wanted = None if times is None else times[i]
            place = f"{name}[{i}] (recording {i})"
            if _tells_order(own, wanted):
                assert wanted is not None
                item = order_labels(item, wanted, place)
            else:
                warned = warned or _warn_of_lost_order(own, place, "its recording")
        yield item.to_numpy()


def follow_order(labels: Any, wanted: pd.Index | None, argument: str, of: str) -> Any:
    """Return pandas labels in the order of an index, if their own index says which label belongs to which entry.

    Labels go by position if one of the two indices is the default index and they do not name the same entries, or if
    their lengths differ. A warning says so if the labels' own index is not in order.

    Parameters
    ----------
    labels : Series or DataFrame
        Labels, on their own index.
    wanted : Index or None
        Index of the samples or of the recordings; None if they have no index.
    argument, of : str
        Names, in messages, of the labels and of the object with the index ``wanted``.

    Raises
    ------
    ValueError
        If a label is missing, or given twice.

    Examples
    --------
    >>> follow_order(pd.Series([1, 2], [5, 4]), pd.Index([4, 5]), "y", "X").tolist()
    [2, 1]
    """
    if _tells_order(labels.index, wanted):
        assert wanted is not None
        return order_labels(labels, wanted, argument)
    _warn_of_lost_order(labels.index, argument, of)
    return labels


def _tells_order(own: pd.Index, wanted: pd.Index | None) -> bool:
    """Return whether the index of labels tells to which entries of another index they belong."""
    if wanted is None or len(own) != len(wanted):
        return False
    if own.equals(wanted) or not (is_default_index(own) or is_default_index(wanted)):
        return True
    return bool(own.isin(wanted).all())


def check_same_rows(y: Any, X: Any) -> None:
    """Raise ValueError if tables of recordings and labels have their rows in different orders.

    Splitters and searches take rows of both by position.

    Parameters
    ----------
    y, X : object
        Labels and recordings; only pandas objects with a row for each recording are compared.

    Examples
    --------
    >>> check_same_rows(pd.Series([0, 1], [0, 1]), pd.DataFrame([[0.0], [1.0]], [1, 0]))
    Traceback (most recent call last):
    ...
    ValueError: y has its rows in another order than X, and splits take rows by position; pass y.loc[X.index].
    """
    if not all(isinstance(one, (pd.Series, pd.DataFrame)) for one in (y, X)):
        return
    own, wanted = y.index, X.index
    if isinstance(own, pd.MultiIndex) or isinstance(wanted, pd.MultiIndex) or len(own) != len(wanted):
        return
    if own.equals(wanted):
        return
    if own.isin(wanted).all():
        raise ValueError(
            "y has its rows in another order than X, and splits take rows by position; pass y.loc[X.index]."
        )
    if not (is_default_index(own) or is_default_index(wanted)):
        raise ValueError("y has another index than X, and splits take rows by position; give both the same index.")


def _warn_of_lost_order(own: pd.Index, argument: str, of: str) -> bool:
    """Warn if labels go by position although their own index is not in order; return whether it is so."""
    if isinstance(own, pd.MultiIndex) or len(own) < 2 or own.is_monotonic_increasing or not own.is_unique:
        return False
    warn(
        f"{argument} has an index that is not in order, and {of} has no such index to follow: labels are taken by "
        "position. If that is right, pass them without the index, as an array."
    )
    return True


def is_default_index(index: pd.Index) -> bool:
    """Return whether this is pandas' default index, ``RangeIndex(0, n)``.

    Examples
    --------
    >>> is_default_index(pd.RangeIndex(3)), is_default_index(pd.RangeIndex(3)[::-1])
    (True, False)
    """
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def _list_rows(y: pd.Series | pd.DataFrame, times: pd.Index | None) -> list[Any]:
    """Return the labels of each row of a table; with the columns as index if these tell an order of samples."""
    values = y.to_numpy()
    if isinstance(y, pd.Series) or len(y.columns) < 2 or _goes_by_position(y.columns, times):
        return list(values)
    return [pd.Series(row, y.columns) for row in values]


def _goes_by_position(columns: pd.Index, times: pd.Index | None) -> bool:
    """Return whether columns name no sample of the recordings: they are the same, or texts that say something else."""
    if times is not None:
        return columns.equals(times) or not (columns.isin(times).any() or _counts(columns))
    return not _counts(columns)


def _counts(index: pd.Index) -> bool:
    """Return whether an index holds numbers or times, which have an order."""
    return is_clock(index) or (isinstance(index.dtype, np.dtype) and index.dtype.kind in "iuf")
