"""Reading of labels without their recordings, as metrics, splitters and masks do.

`check_labels` is the basic reader. `read_labels` also accepts ``(n,)``, one label per recording, and `return_labels`
puts its result back into the container that the user passed. `check_integers` checks the labels of one recording.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sslts._notices import shorten, warn
from sslts.annotations.alignment import _get_single_column, _split_instances
from sslts.annotations.wording import read_words
from sslts.recordings import adopt_labels, as_real, find_order, is_data_array, is_lazy, read_array, unpack


def check_labels(
    labels: Any,
    *,
    argument: str = "labels",
    unlabeled: bool = True,
    single: bool = False,
    unlabelled: bool | None = None,
) -> list[np.ndarray]:
    """Return labels in any accepted form as a list with one checked integer array per recording.

    One dimension means one recording here; use `read_labels` if ``(n,)`` means one label per recording, and
    `spread_labels` if the lengths of the recordings are known.

    Parameters
    ----------
    labels : array of shape (n, T) or (T,), list or object array of (T_i,), or pandas.Series
        Integers, or floats with whole values. A one-dimensional array, or a flat list of numbers, is one recording. A
        Series on a multi-index ``(instance, time)`` is cut by instance, in order of appearance.
    argument : str, default="labels"
        Name of `labels` in error messages.
    unlabeled : bool, default=True
        Whether -1 is allowed.
    single : bool, default=False
        Whether a single number among arrays, one label for a whole recording, becomes an array of one label.
    unlabelled : bool or None
        Deprecated name of `unlabeled`.

    Returns
    -------
    list of ndarray of int64 of shape (T_i,)
        The arrays may share memory with `labels`; do not write into them.

    Raises
    ------
    ValueError
        If a label is not a whole number, is below -1, or is -1 though `unlabeled` is false, or a recording is not
        one-dimensional. The message names the argument, the recording and the sample.

    Examples
    --------
    >>> from sslts.annotations import check_labels
    >>> [recording.tolist() for recording in check_labels([[0, 1, 1], [2.0, -1.0]])]
    [[0, 1, 1], [2, -1]]
    """
    if unlabelled is not None:
        warn("check_labels: unlabelled is the former name of unlabeled; pass unlabeled.", FutureWarning)
        unlabeled = unlabelled
    lowest, greatest = -1 if unlabeled else 0, set[int]()
    found = [
        check_integers(one, f"{argument}[{i}]", lowest, squeeze=single, greatest=greatest)
        for i, one in enumerate(_split_recordings(labels, argument))
    ]
    _warn_of_unsigned_minus_one(greatest, argument)
    return found


def _warn_of_unsigned_minus_one(greatest: set[int], argument: str) -> None:
    """Warn if labels hold the greatest value of their unsigned dtype: -1 becomes this number in an unsigned dtype."""
    for top in sorted(greatest)[:1]:
        warn(
            f"{argument} has a class {top}, which is what -1 becomes in an unsigned dtype. If it means unlabeled, "
            f"pass np.where({argument} == {top}, -1, {argument}.astype(int))."
        )


def _split_recordings(labels: Any, argument: str) -> list[Any]:
    """Return the labels of each recording, unread and unchecked."""
    labels = adopt_labels(unpack(labels, argument), argument)
    if isinstance(labels, pd.Series | pd.DataFrame) and isinstance(labels.index, pd.MultiIndex):
        return _split_instances(_get_single_column(labels, argument))
    if not isinstance(labels, list | tuple):
        array = read_array(labels, argument)
        if array.ndim == 3 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim not in (1, 2):
            raise ValueError(
                f"{argument} has shape {array.shape}; give an (n, T) array, a list of (T_i,) arrays, or one (T,) array."
                f"{_hint_axis(array, argument)}"
            )
        if array.ndim == 2 or array.dtype != object:
            return list(np.atleast_2d(array))
        labels = array
    return [labels] if len(labels) and is_flat(labels) else list(labels)


def is_flat(labels: Any) -> bool:
    """Return whether labels have one dimension, ``(n,)`` or ``(T,)``; an empty list has one dimension.

    Examples
    --------
    >>> is_flat([0, 1]), is_flat([0, [1, 1]]), is_flat(np.zeros((2, 2)))
    (True, False, False)
    """
    if isinstance(labels, list | tuple) or (isinstance(labels, np.ndarray) and labels.dtype == object):
        return getattr(labels, "ndim", 1) == 1 and not any(
            len(getattr(one, "shape", ())) or np.ndim(one) for one in labels
        )
    return np.ndim(labels) == 1 and not isinstance(getattr(labels, "index", None), pd.MultiIndex)


def check_integers(
    values: Any, place: str, lowest: int = -1, *, squeeze: bool = False, greatest: set[int] | None = None
) -> np.ndarray:
    """Return the labels of one recording as int64; raise if a value is not a label.

    Parameters
    ----------
    values : array-like of shape (T,)
        Integers, booleans, or floats with whole values.
    place : str
        Name of the labels in error messages, such as "y[0]".
    lowest : int, default=-1
        The smallest allowed label.
    squeeze : bool, default=False
        Whether axes of length 1 are dropped, and a single value becomes an array of one label.
    greatest : set of int or None, default=None
        Gets the greatest value of an unsigned dtype if a label has this value, which -1 becomes in such a dtype.

    Returns
    -------
    ndarray of int64 of shape (T,)

    Raises
    ------
    ValueError
        If a value is not a whole number, or is below `lowest`.

    Examples
    --------
    >>> from sslts.annotations import check_integers
    >>> check_integers([1.0, -1.0], "y[0]")
    array([ 1, -1])
    """
    try:
        array = read_array(as_real(values, place), place)
    except (TypeError, ValueError):
        raise ValueError(f"{place} is not numeric; give one integer label per sample.{_hint_text(values)}") from None
    if squeeze:
        array = np.atleast_1d(np.squeeze(array))
    if array.ndim != 1:
        raise ValueError(
            f"{place} has shape {array.shape}; give one label per sample: a (T,) array.{_hint_axis(array)}"
        )
    if array.dtype.kind == "f" or array.dtype == np.uint64:
        whole = np.isfinite(array) & (array == np.round(array))
        broken = np.flatnonzero(~whole | (array >= 2**63) | (array < -(2.0**63)))
        if broken.size:
            found, at = array[broken[0]], broken[0]
            missing = ", a missing or masked value" if np.isnan(found) else ""
            raise ValueError(f"{place} holds {found} at sample {at}{missing}; labels are integers (-1 = unlabeled).")
    top = np.iinfo(array.dtype).max if array.dtype.kind == "u" else None
    array = array.astype(np.int64, copy=False)
    if greatest is not None and top is not None and (array == top).any():
        greatest.add(top)
    if array.size and array.min() < lowest:
        at = int(np.argmax(array < lowest))
        fix = "labels are integers >= 0, or -1 for unlabeled" if lowest < 0 else "give a class, >= 0, to every sample"
        raise ValueError(f"{place} holds {array[at]} at sample {at}; {fix}.")
    return array


def _hint_text(values: Any) -> str:
    """Return how to convert numbers that are text, for the end of a message; else an empty text."""
    text = isinstance(values, np.ndarray) and values.dtype.kind == "U"
    return " For numbers as text, pass y.astype(int)." if text else ""


def _hint_axis(array: np.ndarray, name: str = "labels") -> str:
    """Return how to make dense labels of an array with one more axis, for the end of a message."""
    if array.ndim > 1 and array.shape[-1] == 1:
        return f" Drop its last axis: {name}[..., 0]."
    if array.ndim < 2 or not array.size or array.dtype.kind not in "biuf":
        return ""
    for axis in (-1, -2):
        if np.allclose(array.sum(axis), 1) and array.min() >= 0:
            what = "one-hot labels" if np.isin(array, (0, 1)).all() else "probabilities"
            return f" For {what}, pass {name}.argmax({axis})."
    return ""


def _hint_epochs(n_labels: int, length: int) -> str:
    """Return how to spread one label per epoch over samples, for the end of a message; else an empty text.

    Examples
    --------
    >>> _hint_epochs(40, 40)
    ''
    """
    if not 1 < n_labels <= length // 2:
        return ""
    return (
        f" If each label stands for an epoch of m samples, pass np.pad(np.repeat(labels, m), (0, {length} - "
        f"{n_labels} * m), constant_values=-1), which leaves the rest unlabeled."
    )


def name_columns(classes: ArrayLike | None, n_columns: int, argument: str) -> np.ndarray:
    """Return the class of each column of probabilities: `classes`, or 0 to K - 1 if it is None.

    Parameters
    ----------
    classes : array-like of int or None
        The class of each column.
    n_columns : int
        Number of columns, K.
    argument : str
        Name of the probabilities in error messages.

    Raises
    ------
    ValueError
        If `classes` does not have one distinct class per column.

    Examples
    --------
    >>> name_columns(None, 3, "proba").tolist()
    [0, 1, 2]
    """
    ids = np.arange(n_columns) if classes is None else np.asarray(classes)
    if ids.shape != (n_columns,) or np.unique(ids).size != ids.size:
        raise ValueError(
            f"classes={shorten(ids.tolist())}; give {n_columns} distinct classes, one per column of {argument}."
        )
    return ids


def read_labels(y: Any) -> list[np.ndarray]:
    """Return one checked array of labels per recording, of size 1 if a recording has a single label.

    One dimension, ``(n,)``, means one label per recording; in `check_labels` it means one recording. Words become
    numbers, see `read_words`.

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
        raise ValueError("y is None; pass the labels, with -1 for unlabeled samples.")
    y = read_into_memory(adopt_labels(read_words(y)[0], "y"))
    if isinstance(y, (pd.Series, pd.DataFrame)) and not isinstance(y.index, pd.MultiIndex):
        y = y.to_numpy()
    if not len(y):
        raise ValueError("y holds no recording; pass at least one.")
    if is_flat(y):
        greatest = set[int]()
        labels = check_integers(y, "y", greatest=greatest)
        _warn_of_unsigned_minus_one(greatest, "y")
        return list(labels.reshape(-1, 1))
    return check_labels(y, argument="y", single=True)


def read_into_memory(y: Any) -> Any:
    """Return labels of a lazy array, such as zarr, as a NumPy array; other labels unchanged.

    Examples
    --------
    >>> read_into_memory([[0, 1]])
    [[0, 1]]
    """
    if hasattr(y, "list_labels"):
        return y
    y = unpack(y, "y")
    if not is_lazy(y) or isinstance(y, np.ndarray):
        return y
    return read_array(y if is_data_array(y) else adopt_labels(y, "y"), "y")


def return_labels(labels: list[np.ndarray], like: Any) -> Any:
    """Return arrays of labels in the container of `like`; this is the inverse of `read_labels`.

    Parameters
    ----------
    labels : list of ndarray
        The result of `read_labels` for `like`; values may have been changed.
    like : array-like or Annotations
        The labels that the user passed.

    Examples
    --------
    >>> return_labels([np.array([0, -1]), np.array([1, 1])], like=np.zeros((2, 2), dtype=int))
    array([[ 0, -1],
           [ 1,  1]])
    >>> return_labels([np.array([3]), np.array([-1])], like=[3, 3])
    array([ 3, -1])
    """
    if hasattr(like, "replace_labels"):
        return like.replace_labels(labels)
    if is_data_array(like):
        turned = like if like.ndim < 2 else like.transpose(*find_order(like))
        return turned.copy(data=np.concatenate(labels).reshape(turned.shape)).transpose(*like.dims)
    like = adopt_labels(like)
    if isinstance(like, pd.Series) and like.dtype == object and not is_flat(like.to_numpy()):
        return pd.Series(labels, like.index)
    if isinstance(like, (pd.Series, pd.DataFrame)):
        flat = np.concatenate(labels)
        if isinstance(like.index, pd.MultiIndex):
            instances = like.index.get_level_values(0)
            flat = flat[np.argsort(np.argsort(pd.factorize(instances)[0], kind="stable"), kind="stable")]
        return type(like)(flat.reshape(np.shape(like)), like.index)
    tensor = hasattr(like, "__dlpack__") and not isinstance(like, np.ndarray) and not getattr(like, "is_nested", False)
    if tensor or is_lazy(like) or (isinstance(like, np.ndarray) and like.dtype != object):
        return np.concatenate(labels).reshape(like.shape)
    if is_flat(like):
        return np.concatenate(labels)
    if not isinstance(like, np.ndarray):
        return labels
    out = np.empty(len(labels), dtype=object)
    for i, one in enumerate(labels):
        out[i] = one
    return out
