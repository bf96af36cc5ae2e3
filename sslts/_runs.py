"""Runs of equal values, and ranges of indices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike


def find_runs(labels: ArrayLike, *, breaks: ArrayLike = ()) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the runs of equal values in one array of labels.

    Parameters
    ----------
    labels : array-like of shape (T,)
        One label per sample, -1 included.
    breaks : array-like of int, default=()
        Samples at which a new run starts even between equal labels, such as the first samples of recordings that
        were joined end to end.

    Returns
    -------
    starts, ends : ndarray of int64 of shape (n_runs,)
        Each run is ``labels[start:end]``. Runs are in order and without gaps.
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
        raise ValueError(f"labels has shape {array.shape}; find_runs takes one recording: give a (T,) array.")
    is_start = np.zeros(array.size, dtype=bool)
    is_start[:1] = True
    is_start[1:] = array[1:] != array[:-1]
    at = np.asarray(breaks, dtype=np.int64)
    is_start[at[at < array.size]] = True  # an empty recording at the end starts after the last sample
    starts = np.flatnonzero(is_start).astype(np.int64, copy=False)
    ends = np.append(starts[1:], array.size)[: starts.size]
    return starts, ends, array[starts]


def expand_ranges(starts: ArrayLike, lengths: ArrayLike) -> np.ndarray:
    """Return many ranges of indices as one array.

    Parameters
    ----------
    starts : array-like of int of shape (n,)
        First index of each range.
    lengths : array-like of int of shape (n,)
        Number of indices in each range, 0 or more.

    Returns
    -------
    ndarray of int64 of shape (sum(lengths),)
        The indices ``start, start + 1, ..., start + length - 1`` of each range, one range after another.

    Examples
    --------
    >>> from sslts.segments import expand_ranges
    >>> expand_ranges([5, 0, 9], [2, 0, 3]).tolist()
    [5, 6, 9, 10, 11]
    """
    starts, lengths = np.asarray(starts, dtype=np.int64), np.asarray(lengths, dtype=np.int64)
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)


def group_by_length(lengths: np.ndarray, among: np.ndarray, most: int) -> Iterator[tuple[int, list[int]]]:
    """Yield each length with the indices of signals that have at most ``most`` samples together, one signal at least.

    Parameters
    ----------
    lengths : ndarray of int, shape (n,)
        Number of samples of each signal.
    among : ndarray of int, shape (m,)
        Indices of the signals to group.
    most : int

    Examples
    --------
    >>> from sslts._runs import group_by_length
    >>> list(group_by_length(np.array([5, 2, 5, 5]), np.arange(4), 10))
    [(2, [1]), (5, [0, 2]), (5, [3])]
    """
    order = among[np.argsort(lengths[among], kind="stable")]
    for length, first, n in zip(*np.unique(lengths[order], return_index=True, return_counts=True), strict=True):
        size = max(most // int(length), 1)
        for start in range(first, first + n, size):
            yield int(length), order[start : min(start + size, first + n)].tolist()
