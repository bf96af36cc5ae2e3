"""Labels of samples: their accepted forms, and the runs of equal ones."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sslts.values import as_real


def find_runs(labels: ArrayLike, *, breaks: ArrayLike = ()) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the runs of equal values in one array of labels.

    Parameters
    ----------
    labels : array-like of shape (T,)
        Labels, one per sample. Every value is as good as another here, -1 too.
    breaks : array-like of int, default=()
        Samples at which a new run starts even between equal labels, such as the first samples of recordings that
        were joined end to end.

    Returns
    -------
    starts, ends : ndarray of int64 of shape (n_runs,)
        The run is ``labels[start:end]``. Runs come in order, without gaps.
    values : ndarray of shape (n_runs,)
        The label of each run, in the dtype of `labels`.

    Raises
    ------
    ValueError
        If `labels` is not one-dimensional.

    Examples
    --------
    >>> from sslts.segments import find_runs
    >>> starts, ends, values = find_runs([0, 0, 3, 3, 3, -1])
    >>> starts.tolist(), ends.tolist(), values.tolist()
    ([0, 2, 5], [2, 5, 6], [0, 3, -1])
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ValueError(f"labels has shape {array.shape}; find_runs reads one recording: give a (T,) array.")
    fresh = np.zeros(array.size, dtype=bool)
    fresh[:1] = True
    fresh[1:] = array[1:] != array[:-1]
    at = np.asarray(breaks, dtype=np.int64)
    fresh[at[at < array.size]] = True  # an empty recording at the end starts after the last sample
    starts = np.flatnonzero(fresh).astype(np.int64, copy=False)
    ends = np.append(starts[1:], array.size)[: starts.size]
    return starts, ends, array[starts]


def expand_ranges(starts: ArrayLike, lengths: ArrayLike) -> np.ndarray:
    """Write out many ranges as one array of indices.

    Parameters
    ----------
    starts : array-like of int of shape (n,)
        First index of each range.
    lengths : array-like of int of shape (n,)
        Number of indices in each range, 0 or more.

    Returns
    -------
    ndarray of int64 of shape (sum(lengths),)
        ``start, start + 1, ..., start + length - 1`` of each range, one range after another.

    Examples
    --------
    >>> from sslts.segments import expand_ranges
    >>> expand_ranges([5, 0, 9], [2, 0, 3]).tolist()
    [5, 6, 9, 10, 11]
    """
    starts, lengths = np.asarray(starts, dtype=np.int64), np.asarray(lengths, dtype=np.int64)
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)


def check_labels(
    labels: Any, *, argument: str = "labels", unlabelled: bool = True, single: bool = False
) -> list[np.ndarray]:
    """Turn labels in any accepted form into a list, one integer array per recording.

    Parameters
    ----------
    labels : array of shape (n, T) or (T,), list or object array of (T_i,), or pandas.Series
        Integers, or floats with whole values. A one-dimensional array, or a flat list of numbers, is one recording. A
        Series on a multi-index ``(instance, time)`` is cut by instance, in order of appearance.
    argument : str, default="labels"
        What error messages call `labels`.
    unlabelled : bool, default=True
        Whether -1 is allowed.
    single : bool, default=False
        Whether a number among arrays, one label for the whole of a recording, is taken as an array of one.

    Returns
    -------
    list of ndarray of int64 of shape (T_i,)
        They may share memory with `labels`; do not write into them.

    Raises
    ------
    ValueError
        If a label is not a whole number, is below -1, or is -1 though `unlabelled` is false, or a recording is not
        one-dimensional. The message names the argument, the recording and the sample.

    Examples
    --------
    >>> from sslts.segments import check_labels
    >>> [recording.tolist() for recording in check_labels([[0, 1, 1], [2.0, -1.0]])]
    [[0, 1, 1], [2, -1]]
    """
    lowest = -1 if unlabelled else 0
    return [
        check_integers(one, f"{argument}[{i}]", lowest, squeeze=single)
        for i, one in enumerate(_recordings(labels, argument))
    ]


def _recordings(labels: Any, argument: str) -> list[Any]:
    """Cut labels into recordings, without looking at the values."""
    if isinstance(labels, pd.Series | pd.DataFrame) and isinstance(labels.index, pd.MultiIndex):
        return _split_instances(_take_column(labels, argument))
    if not isinstance(labels, list | tuple):
        array = np.asarray(labels)
        if array.ndim == 3 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim not in (1, 2):
            raise ValueError(
                f"{argument} has shape {array.shape}; give an (n, T) array, a list of (T_i,) arrays, or one (T,) array."
            )
        if array.ndim == 2 or array.dtype != object:
            return list(np.atleast_2d(array))
        labels = array
    return [labels] if len(labels) and is_flat(labels) else list(labels)


def is_flat(labels: Any) -> bool:
    """Return whether labels are plain numbers in a row, ``(n,)`` or ``(T,)``, or none at all.

    Examples
    --------
    >>> is_flat([0, 1]), is_flat([0, [1, 1]]), is_flat(np.zeros((2, 2)))
    (True, False, False)
    """
    if isinstance(labels, list | tuple) or (isinstance(labels, np.ndarray) and labels.dtype == object):
        return getattr(labels, "ndim", 1) == 1 and all(np.ndim(one) == 0 for one in labels)
    return np.ndim(labels) == 1 and not isinstance(getattr(labels, "index", None), pd.MultiIndex)


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
                f"{argument} has no labels for instance {missing[0]!r} of X; mark unlabelled samples with -1."
            )
        raise ValueError(
            f"{argument} has no label at {missing}, where X has a sample: give a label for each row of X, on the "
            "same index; mark unlabelled samples with -1."
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


def check_integers(values: Any, place: str, lowest: int = -1, *, squeeze: bool = False) -> np.ndarray:
    """Give the labels of one recording as int64, or say where they are not labels.

    Parameters
    ----------
    values : array-like of shape (T,)
        Integers, booleans, or floats with whole values.
    place : str
        What error messages call them.
    lowest : int, default=-1
        The least label that is allowed.
    squeeze : bool, default=False
        Whether axes of length 1 are dropped, and a single value is an array of one.

    Returns
    -------
    ndarray of int64 of shape (T,)

    Raises
    ------
    ValueError
        If a value is not a whole number or below `lowest`.

    Examples
    --------
    >>> from sslts.segments import check_integers
    >>> check_integers([1.0, -1.0], "y[0]")
    array([ 1, -1])
    """
    try:
        array = np.asarray(as_real(values, place))
    except (TypeError, ValueError):
        raise ValueError(f"{place} is not numeric; give one integer label per sample.") from None
    if squeeze:
        array = np.atleast_1d(np.squeeze(array))
    if array.ndim != 1:
        raise ValueError(f"{place} has shape {array.shape}; give one label per sample: a (T,) array.")
    if array.dtype.kind == "f" or array.dtype == np.uint64:
        whole = np.isfinite(array) & (array == np.round(array))
        broken = np.flatnonzero(~whole | (array >= 2**63) | (array < -(2.0**63)))
        if broken.size:
            found, at = array[broken[0]], broken[0]
            missing = ", a missing or masked value" if np.isnan(found) else ""
            raise ValueError(f"{place} holds {found} at sample {at}{missing}; labels are integers (-1 = unlabelled).")
    array = array.astype(np.int64, copy=False)
    if array.size and array.min() < lowest:
        at = int(np.argmax(array < lowest))
        mend = "labels are integers >= 0, or -1 for unlabelled" if lowest < 0 else "give a class, >= 0, to every sample"
        raise ValueError(f"{place} holds {array[at]} at sample {at}; {mend}.")
    return array


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
    >>> from sslts.segments import check_sampling_rate
    >>> check_sampling_rate(None), check_sampling_rate(250)
    (1.0, 250.0)
    """
    if sampling_rate is None:
        return 1.0
    if not 0 < sampling_rate < np.inf:
        raise ValueError(f"sampling_rate={sampling_rate!r}; give samples per second, a positive number, or None.")
    return float(sampling_rate)


def name_columns(classes: ArrayLike | None, n_columns: int, argument: str) -> np.ndarray:
    """Give the class of each column of probabilities: `classes`, or 0 to K - 1.

    Parameters
    ----------
    classes : array-like of int or None
    n_columns : int
    argument : str
        What an error calls the probabilities.

    Raises
    ------
    ValueError
        If `classes` does not name each column once.

    Examples
    --------
    >>> name_columns(None, 3, "proba").tolist()
    [0, 1, 2]
    """
    ids = np.arange(n_columns) if classes is None else np.asarray(classes)
    if ids.shape != (n_columns,) or np.unique(ids).size != ids.size:
        raise ValueError(f"classes={ids.tolist()} does not name the {n_columns} columns of {argument}, each once.")
    return ids
