"""Labels on an index: put in the order of their recordings and samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from sslts.recordings import Recordings


def align_labels(y: Any, X: Any, argument: str = "y") -> Any:
    """Return labels on a ``pd-multiindex`` in the order of the recordings; other labels as they are.

    Parameters
    ----------
    y : array-like
        Labels; a Series, or a DataFrame of one column, on ``(instance, time)`` is put in order.
    X : array-like
        The recordings; what is no DataFrame on a multi-index has no order of its own.
    argument : str, default="y"
        What error messages call `y`.

    Returns
    -------
    list of ndarray, or ``y``

    Raises
    ------
    ValueError
        If ``y`` lacks labels for an instance or a time of ``X``, has several for one, or has several columns.

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
    y = _take_column(y, argument)
    if y.index.nlevels != index.nlevels:
        raise ValueError(f"{argument} is on an index of {y.index.nlevels} levels, X of {index.nlevels}; give the same.")
    return _split_instances(order_labels(y, index, argument))


def order_labels(y: Any, index: pd.Index, argument: str = "y") -> Any:
    """Return labels in the order of an index.

    Parameters
    ----------
    y : Series or DataFrame
        Labels, on an index of their own.
    index : Index
        Of the samples, or recordings, one row of labels for each.
    argument : str, default="y"
        What error messages call `y`.

    Returns
    -------
    Series or DataFrame

    Raises
    ------
    ValueError
        If ``y`` lacks a label that the index asks for, or has several for one.

    Examples
    --------
    >>> order_labels(pd.Series([0, 1, 2], ["a", "b", "c"]), pd.Index(["c", "a", "b"])).tolist()
    [2, 0, 1]
    """
    if y.index.equals(index):
        return y
    if not y.index.is_unique:
        raise ValueError(
            f"{argument} has several labels for {_take_first(y.index, y.index.duplicated())}; give one for each."
        )
    at = y.index.get_indexer(index)
    if (at < 0).any():
        missing = _take_first(index, at < 0)
        if isinstance(missing, tuple) and missing[0] not in y.index.get_level_values(0):
            raise ValueError(
                f"{argument} has no labels for instance {missing[0]!r} of X; mark unlabeled samples with -1."
            )
        raise ValueError(
            f"{argument} has no label at {missing}, where X has a sample: give a label for each row of X, on the "
            "same index; mark unlabeled samples with -1."
        )
    return y.iloc[at]


def _take_first(index: pd.Index, chosen: np.ndarray) -> Any:
    """Return the first chosen entry, of Python's own types, as messages show it."""
    return index[chosen][:1].tolist()[0]


def sort_times(labels: Any) -> Any:
    """Return labels on an index ``(instance, time)`` with the times of each instance in order; others as they are.

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


def _take_column(labels: pd.Series | pd.DataFrame, argument: str) -> pd.Series:
    if isinstance(labels, pd.Series):
        return labels
    if labels.shape[1] != 1:
        raise ValueError(f"{argument} has {labels.shape[1]} columns; give one column of labels, or a Series.")
    return labels.iloc[:, 0]


def _split_instances(labels: pd.Series) -> list[np.ndarray]:
    assert isinstance(labels.index, pd.MultiIndex)
    instance = labels.index.droplevel(-1)
    return [part.to_numpy() for _, part in labels.groupby(instance, sort=False, dropna=False)]


def _order_items(items: list[Any], recordings: Recordings, name: str) -> Iterator[Any]:
    """Yield labels, those on an index in the order of their recording's; an index that merely counts may differ."""
    for i, (item, times) in enumerate(zip(items, recordings.times or (), strict=True)):
        own = getattr(item, "index", None)
        if isinstance(own, pd.Index) and times is not None and _are_names(own, times):
            item = order_labels(item, times, f"{name}[{i}] (recording {i})")
        yield item


def _are_names(own: pd.Index, times: pd.Index) -> bool:
    """Return whether the index of labels tells which samples of a recording they are for."""
    if len(own) != len(times) or len(own) == 1:  # one label for all, or what will be refused by its length
        return False
    return not (is_default_index(own) or is_default_index(times)) or bool(own.isin(times).all())


def is_default_index(index: pd.Index) -> bool:
    """Return whether an index is the one that pandas gives to what is passed without.

    Examples
    --------
    >>> is_default_index(pd.RangeIndex(3)), is_default_index(pd.RangeIndex(3)[::-1])
    (True, False)
    """
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def _order_instances(y: pd.Series | pd.DataFrame, instances: pd.Index | None, name: str) -> pd.Series | pd.DataFrame:
    """Return labels on the names of recordings, a row for each, in their order; those without names as they are."""
    if instances is None or len(y) != len(instances) or is_default_index(y.index) or is_default_index(instances):
        return y
    return order_labels(y, instances, name)
