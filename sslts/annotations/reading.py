"""What users pass as ``y``, as labels: one array for each recording, or the runs of all of them.

All shapes, ``-1`` conventions and errors about labels live here, as those about signals do in `sslts.recordings`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import warn
from sslts.annotations.alignment import _order_instances, _order_items, align_labels
from sslts.annotations.arrays import check_integers
from sslts.annotations.runs import LabelRuns
from sslts.recordings import Recordings, Rows, as_recordings, cut_stretches, is_lazy, is_real, is_table, read_source


def require_labels(y: Any, who: str) -> None:
    """Refuse to fit without ``y``, in the words that scikit-learn looks for; ``who`` is the estimator's name.

    Raises
    ------
    ValueError
        If ``y`` is None.

    Examples
    --------
    >>> require_labels([0, -1], "FixMatchSegmenter")
    """
    if y is None:
        raise ValueError(f"{who} requires y to be passed, but the target y is None. Mark unlabeled samples with -1.")


def as_labels(y: Any, recordings: Recordings, *, name: str = "y") -> list[np.ndarray]:
    """Read any accepted container of ``y`` as one int64 array per recording.

    Parameters
    ----------
    y : array-like
        ``(n, T)``; list or object array of ``(T_i,)``; ``(n,)`` or ``(n, 1)``, one label for the whole recording;
        or a Series on the index of a ``pd-multiindex`` ``X``. ``-1`` means unlabeled, classes are integers >= 0.
    recordings : Recordings
        What ``y`` labels.
    name : str
        What errors call the argument.

    Returns
    -------
    list of ndarray of int64, shape (T_i,)

    Raises
    ------
    ValueError
        If labels are missing, not whole numbers, below -1, or of another length than their recording.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.recordings import as_recordings
    >>> [labels.tolist() for labels in as_labels([1, -1], as_recordings(np.zeros((2, 3))))]
    [[1, 1, 1], [-1, -1, -1]]
    """
    if _is_dense(y, recordings):
        given, labels = y, list(y.astype(np.int64, copy=False))
    else:
        given = list_labels(y, recordings, name)
        labels = [np.concatenate(list(parts)) for parts in _read_labels(given, recordings, name)]
    _warn_of_wrapped(given, labels, name)
    return labels


def follow_index(y: Any, X: Any, *, name: str = "y") -> Any:
    """Return labels that are on an index in the order of the recordings and their samples; others as they are.

    Parameters
    ----------
    y : array-like
        Labels, as in `as_labels`.
    X : array-like
        Recordings; or what the first step of a pipeline makes recordings of, whose lengths need not be those of ``y``.
    name : str
        What errors call the labels.

    Returns
    -------
    list of what was given for each recording, or ``y``

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
    indexed = (pd.Series, pd.DataFrame)
    items = y if isinstance(y, (list, tuple)) or (isinstance(y, np.ndarray) and y.dtype == object) else ()
    if not isinstance(y, indexed) and not any(isinstance(item, indexed) for item in items):
        return y
    try:
        recordings = as_recordings(X)
    except (TypeError, ValueError):  # names of files, for example
        return y
    return list_labels(y, recordings, name)


def as_label_runs(y: Any, recordings: Recordings, *, name: str = "y") -> LabelRuns:
    """Read any accepted container of ``y`` as runs of equal labels.

    What is not in memory is read by stretches, and one label for a whole recording is not spread over its samples: so
    any number of unlabeled recordings of any length can be given as ``-1`` each.

    Parameters
    ----------
    y, recordings, name
        As in `as_labels`.

    Returns
    -------
    LabelRuns

    Raises
    ------
    ValueError
        As `as_labels` does.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.recordings import as_recordings
    >>> as_label_runs([1, -1], as_recordings(np.zeros((2, 3)))).value.tolist()
    [1, -1]
    """
    if _is_dense(y, recordings):
        given, runs = y, LabelRuns.from_table(y)
    else:
        given = list_labels(y, recordings, name)
        runs = _find_runs_of(given, recordings, name)
    _warn_of_wrapped(given, [runs.value], name)
    return runs


def _find_runs_of(items: list[Any], recordings: Recordings, name: str) -> LabelRuns:
    """Return the runs of what was given for each recording, at once if that is one label each."""
    if all(_is_whole_number(item) for item in items):
        values = np.concatenate([np.ravel(item) for item in items])
        if values.dtype.kind in "iu" and values.min() >= -1:
            return LabelRuns.from_constants(values.astype(np.int64), recordings.lengths)
    return LabelRuns.from_parts(_read_labels(items, recordings, name))


def _is_whole_number(item: Any) -> bool:
    """Return whether it is one label, by its type alone."""
    if type(item) is np.ndarray or isinstance(item, np.integer):
        return item.size == 1 and item.dtype.kind in "iu"
    return type(item) is int


def list_labels(y: Any, recordings: Recordings, name: str = "y") -> list[Any]:
    """Return what was given as labels of each recording, unread; what is on an index is in the recordings' order.

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
    return items if recordings.times is None else list(_order_items(items, recordings, name))


def _is_dense(y: Any, recordings: Recordings) -> bool:
    """Return whether ``y`` is one array of labels without defect, so that nobody need look at each row."""
    return (
        type(y) is np.ndarray
        and is_real(y.dtype)
        and recordings.has_equal_lengths()
        and y.shape == (len(recordings), recordings.lengths[0])
        and y.min() >= -1
        and float(y.max()) < 2.0**63
        and (y.dtype.kind != "f" or _is_whole(y))
    )


def _is_whole(y: np.ndarray) -> bool:
    """Return whether all values are whole numbers, of which some rows at a time are copied."""
    parts = (y[first:last] for first, last in cut_stretches(len(y), width=y.shape[1]))
    return all(np.array_equal(part, np.round(part)) for part in parts)


def _warn_of_wrapped(items: Any, values: Sequence[np.ndarray], name: str) -> None:
    """Warn if a class is the greatest value of the unsigned type that labels were given in: -1 turns into that."""
    kinds = {items.dtype} if isinstance(items, np.ndarray) else {getattr(item, "dtype", None) for item in items}
    greatest = [np.iinfo(kind).max for kind in kinds if isinstance(kind, np.dtype) and kind.kind == "u"]
    found = [top for top in greatest if any((part == top).any() for part in values)]
    if found:
        warn(
            f"{name} has a class {found[0]}, which is what -1 becomes in labels without a sign. If it means "
            f"unlabeled, pass np.where({name} == {found[0]}, -1, {name}.astype(int))."
        )


def _iterate_labels(y: Any, recordings: Recordings, name: str) -> Iterator[Any]:
    y = align_labels(y, recordings, name)
    if isinstance(y, (pd.Series, pd.DataFrame)) and isinstance(y.index, pd.MultiIndex):
        return iter(align_labels(y, y, name))  # recordings without an index: in the order of the labels
    if isinstance(y, (pd.Series, pd.DataFrame)):
        y = _order_instances(y, recordings.instances, name).to_numpy()
    if is_table(y):
        y = np.asarray(y)
    if is_lazy(y) and len(y.shape) == 2:
        return iter(Rows(y))
    if not isinstance(y, (list, tuple)) and np.ndim(y) == 0:
        raise ValueError(f"{name} is a single value ({y!r}); expected labels for every recording.")
    return iter(y)


def _read_labels(items: list[Any], recordings: Recordings, name: str) -> Iterator[Iterator[np.ndarray]]:
    """Yield the labels of each recording in stretches: int64, checked."""
    for i, item in enumerate(items):
        yield _read_label_parts(item, i, recordings, name)


def _read_label_parts(item: Any, i: int, recordings: Recordings, name: str) -> Iterator[np.ndarray]:
    length = int(recordings.lengths[i])
    place = f"{name}[{i}] (recording {i})"
    if not is_lazy(item):
        item = check_integers(item, place, squeeze=True)
    if item.shape == (1,):
        item = np.broadcast_to(check_integers(read_source(item, 0, 1), place), length)
    if tuple(item.shape) != (length,):
        raise ValueError(
            f"{name}: recording {i} has labels of shape {tuple(item.shape)}, its signal has {length} samples; "
            f"give one label per sample, or one for the whole recording.{recordings.hint_axes(item.shape[0])}"
        )
    if not is_lazy(item):
        yield item
        return
    for start, stop in cut_stretches(length):
        where = place if start == 0 else f"{place}, counted from sample {start},"
        yield check_integers(read_source(item, start, stop), where)
