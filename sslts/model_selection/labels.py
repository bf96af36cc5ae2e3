"""What scikit-learn hands over as labels and groups: one array for each recording, in the form that was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts.segments import check_integers, check_labels, is_flat
from sslts.sources import is_lazy


def read_labels(y: Any) -> list[np.ndarray]:
    """Return one array of labels for each recording; of ``(n,)``, one label for each.

    Raises
    ------
    ValueError
        If `y` is missing, empty, or not labels.

    Examples
    --------
    >>> read_labels(np.array([[0, 1], [1, -1]]))
    [array([0, 1]), array([ 1, -1])]
    >>> read_labels([3, -1])
    [array([3]), array([-1])]
    """
    if y is None:
        raise ValueError("y is None; pass the labels, with -1 where there is none.")
    y = read_into_memory(y)
    if isinstance(y, (pd.Series, pd.DataFrame)) and not isinstance(y.index, pd.MultiIndex):
        y = y.to_numpy()
    if not len(y):
        raise ValueError("y holds no recording; pass at least one.")
    if is_flat(y):
        return list(check_integers(np.asarray(y), "y").reshape(-1, 1))
    return check_labels(y, argument="y", single=True)


def read_into_memory(y: Any) -> Any:
    """Return labels that lie elsewhere, as in a zarr array, as an array; others as they are.

    Examples
    --------
    >>> read_into_memory([[0, 1]])
    [[0, 1]]
    """
    return np.asarray(y[:]) if is_lazy(y) and not isinstance(y, np.ndarray) else y


def return_labels(labels: list[np.ndarray], like: Any) -> Any:
    """Return arrays of labels in the form of ``like``.

    Parameters
    ----------
    labels : list of ndarray
        What `read_labels` returned, some of it changed.
    like : array-like
        What it was given.

    Examples
    --------
    >>> return_labels([np.array([0, -1]), np.array([1, 1])], like=np.zeros((2, 2), dtype=int))
    array([[ 0, -1],
           [ 1,  1]])
    >>> return_labels([np.array([3]), np.array([-1])], like=[3, 3])
    array([ 3, -1])
    """
    if isinstance(like, (pd.Series, pd.DataFrame)):
        flat = np.concatenate(labels)
        if isinstance(like.index, pd.MultiIndex):
            instances = like.index.get_level_values(0)
            flat = flat[np.argsort(np.argsort(pd.factorize(instances)[0], kind="stable"), kind="stable")]
        return type(like)(flat.reshape(np.shape(like)), like.index)
    if is_lazy(like) or (isinstance(like, np.ndarray) and like.dtype != object):
        return np.concatenate(labels).reshape(like.shape)
    if is_flat(like):
        return np.concatenate(labels)
    if not isinstance(like, np.ndarray):
        return labels
    out = np.empty(len(labels), dtype=object)
    for i, one in enumerate(labels):
        out[i] = one
    return out


def check_groups(groups: Sequence[Any] | np.ndarray | None, n: int, name: str = "groups") -> np.ndarray | None:
    """Return the groups as an array that can be sorted: their own values, or numbers for what has no order.

    All that is missing, None or NaN, is one group.

    Parameters
    ----------
    groups : array-like or None
    n : int
        Number of recordings.
    name : str
        What an error calls the groups.

    Raises
    ------
    ValueError
        If there is not one for each recording.

    Examples
    --------
    >>> check_groups([7, 7, 9], 3)
    array([7, 7, 9])
    >>> check_groups([None, "b", None], 3)
    array([0, 1, 0])
    >>> check_groups([2.5, np.nan, np.nan], 3)
    array([0, 1, 1])
    >>> check_groups([7, 7], 3)
    Traceback (most recent call last):
    ...
    ValueError: groups has shape (2,), y has 3 recordings; give one group for each.
    """
    if groups is None:
        return None
    array = np.asarray(groups)
    if array.shape != (n,):
        raise ValueError(f"{name} has shape {array.shape}, y has {n} recordings; give one group for each.")
    return pd.factorize(array, use_na_sentinel=False)[0] if _has_no_order(array) else array


def _has_no_order(array: np.ndarray) -> bool:
    if pd.isna(array).any():  # NaN equals nothing
        return True
    try:
        np.sort(array)
    except TypeError:  # numbers among names, say
        return True
    return False
