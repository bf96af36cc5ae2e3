"""Reading of the labels ``y`` of given recordings: all shapes, ``-1`` conventions and errors about labels.

`as_labels` returns arrays, `as_label_runs` returns runs and needs less memory, `list_labels` only reorders labels to
their recordings, and `follow_index` does the same for any ``X``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.annotations.alignment import (
    _align_items,
    _get_single_column,
    _group_instances,
    _list_rows,
    align_labels,
    follow_order,
)
from sslts.annotations.annotations import Annotations
from sslts.annotations.arrays import _hint_epochs, _warn_of_unsigned_minus_one, check_integers
from sslts.annotations.runs import LabelRuns
from sslts.recordings import (
    Recordings,
    Rows,
    adopt_labels,
    as_recordings,
    cut_stretches,
    find_names,
    is_lazy,
    is_real,
    is_table,
    read_array,
    read_source,
    unpack,
)


def require_labels(y: Any, who: str) -> None:
    """Raise ValueError if ``y`` is None, in the words that scikit-learn's checks require.

    ``who`` is the name of the estimator in the message.

    Raises
    ------
    ValueError
        If ``y`` is None.

    Examples
    --------
    >>> require_labels([0, -1], "FixMatchSegmenter")
    """
    if y is None:
        raise ValueError(
            f"{who} requires y to be passed, but the target y is None. Pass a label for each sample, "
            "-1 where it is unlabeled."
        )


def as_labels(y: Any, recordings: Recordings, *, name: str = "y") -> list[np.ndarray]:
    """Return the labels of each recording as one checked array of its length, from any accepted container.

    Parameters
    ----------
    y : array-like
        ``(n, T)``; list or object array of ``(T_i,)``; ``(n,)`` or ``(n, 1)``, one label for the whole recording;
        or a Series on the index of a ``pd-multiindex`` ``X``. ``-1`` means unlabeled, classes are integers >= 0.
    recordings : Recordings
        The recordings that ``y`` labels.
    name : str
        Name of the argument in error messages.

    Returns
    -------
    list of ndarray of int64, shape (T_i,)

    Raises
    ------
    ValueError
        If labels are missing, not whole numbers, below -1, or not as long as their recording.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.recordings import as_recordings
    >>> [labels.tolist() for labels in as_labels([1, -1], as_recordings(np.zeros((2, 3))))]
    [[1, 1, 1], [-1, -1, -1]]
    """
    if isinstance(y, Annotations):
        _check_lengths(y, recordings, name)
    greatest = set[int]()
    if _is_clean_array(y, recordings):
        greatest, labels = _find_greatest(y), list(y.astype(np.int64, copy=False))
    else:
        given = list_labels(y, recordings, name)
        labels = [np.concatenate(list(parts)) for parts in _read_labels(given, recordings, name, greatest)]
    _warn_of_unsigned_minus_one(greatest, name)
    return labels


def follow_index(y: Any, X: Any, *, name: str = "y") -> Any:
    """Return labels on a pandas index in the order of the recordings and samples of `X`; other labels unchanged.

    Use it before `X` changes, as in a pipeline: the index of `X` may be lost or its lengths may change.

    Parameters
    ----------
    y : array-like
        Labels, see `as_labels`.
    X : array-like
        Recordings, or input from which a pipeline's first step makes recordings, such as names of files.
    name : str
        Name of the labels in error messages.

    Returns
    -------
    list with the given labels of each recording, or ``y``

    Raises
    ------
    ValueError
        If labels are missing for a sample or a recording.

    Examples
    --------
    >>> X = [pd.Series([0.0, 1.0, 2.0], index=[10, 20, 30])]
    >>> [labels.tolist() for labels in follow_index([pd.Series([3, 1, 2], index=[30, 10, 20])], X)]
    [[1, 2, 3]]
    """
    if isinstance(y, Annotations):
        return y
    y = adopt_labels(y, name)
    indexed = (pd.Series, pd.DataFrame)
    items = y if isinstance(y, (list, tuple)) or (isinstance(y, np.ndarray) and y.dtype == object) else ()
    if not isinstance(y, indexed) and not any(isinstance(item, indexed) for item in items):
        return y
    try:
        recordings = as_recordings(X)
    except (TypeError, ValueError):  # X is not recordings yet, such as names of files
        return y
    return list_labels(y, recordings, name)


def as_label_runs(y: Any, recordings: Recordings, *, name: str = "y") -> LabelRuns:
    """Return the labels of all recordings as runs of equal labels, from any accepted container.

    Labels that are not in memory are read one stretch at a time, and one label for a whole recording is not repeated
    for its samples. Any number of unlabeled recordings of any length can therefore be passed as ``-1`` each.

    Parameters
    ----------
    y, recordings, name
        See `as_labels`.

    Returns
    -------
    LabelRuns

    Raises
    ------
    ValueError
        See `as_labels`.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.recordings import as_recordings
    >>> as_label_runs([1, -1], as_recordings(np.zeros((2, 3)))).value.tolist()
    [1, -1]
    """
    if isinstance(y, Annotations):
        _check_lengths(y, recordings, name)
        return y.runs
    greatest = set[int]()
    if _is_clean_array(y, recordings):
        greatest, runs = _find_greatest(y), LabelRuns.from_table(y)
    else:
        given = list_labels(y, recordings, name)
        runs = _find_label_runs(given, recordings, name, greatest)
    _warn_of_unsigned_minus_one(greatest, name)
    return runs


def _check_lengths(y: Annotations, recordings: Recordings, name: str) -> None:
    """Raise ValueError if annotations belong to recordings of other lengths or names."""
    given, wanted = y.runs.lengths, recordings.lengths
    if len(given) != len(wanted):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {len(wanted)} recordings, {name} has "
            f"{len(given)}; pass annotations of the same recordings."
        )
    if (given != wanted).any():
        i = int(np.argmax(given != wanted))
        raise ValueError(
            f"{name}: recording {i} has {given[i]} samples in the annotations, its signal has {wanted[i]}; make the "
            "annotations with Annotations.from_table(table, X)."
        )
    names = recordings.names or find_names(recordings)
    if y.names is None or names is None:
        return
    for i, (own, other) in enumerate(zip(y.names, names, strict=True)):
        if own != other:
            raise ValueError(f"{name}: recording {i} is {own!r} in the annotations, {other!r} in X; pass one order.")


def _find_greatest(y: Any) -> set[int]:
    """Return the greatest value of an unsigned dtype if the labels hold it."""
    top = np.iinfo(y.dtype).max if y.dtype.kind == "u" else None
    return {top} if top is not None and y.max() == top else set()


def _find_label_runs(items: list[Any], recordings: Recordings, name: str, greatest: set[int]) -> LabelRuns:
    """Return the runs of the given labels; faster if every recording has a single label."""
    if all(_is_single_label(item) for item in items):
        values = np.concatenate([np.ravel(item) for item in items])
        if values.dtype.kind in "iu" and values.min() >= -1:
            greatest.update(
                *(_find_greatest(item) for item in items if getattr(item, "dtype", np.dtype(int)).kind == "u")
            )
            return LabelRuns.from_constants(values.astype(np.int64), recordings.lengths)
    return LabelRuns.from_parts(_read_labels(items, recordings, name, greatest))


def _is_single_label(item: Any) -> bool:
    """Return whether the item is a single integer, judging by its type and size only."""
    if type(item) is np.ndarray or isinstance(item, np.integer):
        return item.size == 1 and item.dtype.kind in "iu"
    return type(item) is int


def list_labels(y: Any, recordings: Recordings, name: str = "y") -> list[Any]:
    """Return the given labels of each recording, in the order of the recordings, but not read or checked.

    Labels on a pandas index are reordered to the recordings and their samples.

    Raises
    ------
    ValueError
        If labels are missing for a sample or a recording.

    Examples
    --------
    >>> X = pd.Series([np.zeros(2), np.zeros(2)], index=["b", "a"])
    >>> list_labels(pd.Series([1, 0], index=["a", "b"]), as_recordings(X))
    [np.int64(0), np.int64(1)]
    """
    items = list(_iterate_labels(y, recordings, name))
    if len(items) != len(recordings):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {len(recordings)} recordings, "
            f"{name} has {len(items)}; pass one entry of {name} per recording."
        )
    return list(_align_items(items, recordings.times, name))


def _is_clean_array(y: Any, recordings: Recordings) -> bool:
    """Return whether ``y`` is one array of valid labels, so that its rows need not be checked one by one."""
    return (
        type(y) is np.ndarray
        and is_real(y.dtype)
        and recordings.has_equal_lengths()
        and y.shape == (len(recordings), recordings.lengths[0])
        and y.min() >= -1
        and float(y.max()) < 2.0**63
        and (y.dtype.kind != "f" or _has_whole_numbers(y))
    )


def _has_whole_numbers(y: np.ndarray) -> bool:
    """Return whether all values are whole numbers; only some rows are copied at a time."""
    parts = (y[first:last] for first, last in cut_stretches(len(y), width=y.shape[1]))
    return all(np.array_equal(part, np.round(part)) for part in parts)


def _iterate_labels(y: Any, recordings: Recordings, name: str) -> Iterator[Any]:
    """Return an iterator over the given labels of each recording, in the order of the recordings."""
    y = align_labels(adopt_labels(unpack(y, name), name), recordings, name)
    if isinstance(y, (pd.Series, pd.DataFrame)) and isinstance(y.index, pd.MultiIndex):
        names, parts = zip(*_group_instances(_get_single_column(y, name)), strict=True)
        if recordings.instances is None or len(parts) != len(recordings):
            return iter(parts)
        numbers = pd.Series(range(len(parts)), pd.Index(names, tupleize_cols=False))
        return iter([parts[k] for k in follow_order(numbers, recordings.instances, name, recordings.name)])
    if isinstance(y, (pd.Series, pd.DataFrame)):
        if len(y) == len(recordings):
            y = follow_order(y, recordings.instances, name, recordings.name)
        return iter(_list_rows(y, None if recordings.times is None else recordings.times[0]))
    if is_table(y):
        y = np.asarray(y)
    if is_lazy(y) and len(y.shape) == 2:
        return iter(Rows(y))
    if is_lazy(y) or hasattr(y, "detach"):  # not one label at a time
        y = read_array(y, name)
    if hasattr(y, "__array__") and not (
        hasattr(y, "__iter__") or hasattr(y, "__getitem__")
    ):  # an object that only converts to an array
        y = np.asarray(y)
    if not isinstance(y, (list, tuple)) and np.ndim(y) == 0:
        raise ValueError(f"{name} is a single value ({shorten(y)}); expected labels for every recording.")
    return iter(y)


def _read_labels(
    items: list[Any], recordings: Recordings, name: str, greatest: set[int]
) -> Iterator[Iterator[np.ndarray]]:
    """Yield, for each recording, an iterator over its labels in stretches; see `check_integers` for ``greatest``."""
    for i, item in enumerate(items):
        yield _read_label_parts(item, i, recordings, name, greatest)


def _read_label_parts(item: Any, i: int, recordings: Recordings, name: str, greatest: set[int]) -> Iterator[np.ndarray]:
    """Yield the labels of recording ``i`` in checked stretches of int64, one stretch if they are in memory."""
    length = int(recordings.lengths[i])
    place = f"{name}[{i}] (recording {i})"
    item = unpack(item, place)
    if not is_lazy(item):
        item = check_integers(item, place, squeeze=True, greatest=greatest)
    if item.shape == (1,):
        item = np.broadcast_to(check_integers(_read_part(item, 0, 1, place), place, greatest=greatest), length)
    if tuple(item.shape) != (length,):
        raise ValueError(
            f"{name}: recording {i} has labels of shape {tuple(item.shape)}, its signal has {length} samples; "
            f"give one label per sample, or one for the whole recording."
            f"{recordings.hint_axes(item.shape[0]) or _hint_epochs(item.shape[0], length)}"
        )
    if not is_lazy(item):
        yield item
        return
    for start, stop in cut_stretches(length):
        where = place if start == 0 else f"{place}, counted from sample {start},"
        yield check_integers(_read_part(item, start, stop, place), where, greatest=greatest)


def _read_part(item: Any, start: int, stop: int, place: str) -> np.ndarray:
    try:
        return read_source(item, start, stop)
    except Exception as error:  # files, archives and remote stores raise errors of many types
        raise OSError(
            f"{place} could not be read at samples {start} to {stop}: {error}. Check that its file still exists and is "
            "complete."
        ) from error
