"""Pairing of true and predicted labels, recording by recording.

`pair_labels` returns one array per recording and `pool_labels` joins all recordings end to end. `spread_labels` reads
labels for recordings of known lengths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts.annotations._words import number_new_words
from sslts.annotations.alignment import (
    _align_items,
    _group_instances,
    _list_rows,
    align_labels,
    follow_order,
    sort_times,
)
from sslts.annotations.annotations import Annotations
from sslts.annotations.arrays import _hint_epochs, check_labels, is_flat
from sslts.annotations.wording import find_words, read_words
from sslts.recordings import adopt_labels, unpack


def pool_labels(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return truth, prediction and offsets of all recordings, joined end to end.

    The prediction is -1 where the truth is unlabeled. Recording ``i`` is ``truth[offsets[i]:offsets[i + 1]]``.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels.

    Examples
    --------
    >>> true, pred, offsets = pool_labels([[0, -1], [1]], [[0, 0], [1]])
    >>> true.tolist(), pred.tolist(), offsets.tolist()
    ([0, -1, 1], [0, -1, 1], [0, 2, 3])
    """
    true, pred = pair_labels(y_true, y_pred)
    nothing = np.empty(0, dtype=np.int64)
    flat = np.concatenate([nothing, *true])
    return flat, np.where(flat < 0, -1, np.concatenate([nothing, *pred])), np.cumsum([0, *map(len, true)])


def find_touching(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples at which segments follow one of their class, in truth and prediction laid end to end.

    Only `Annotations` have such samples.

    Examples
    --------
    >>> [found.tolist() for found in find_touching([[0, 1]], [[0, 1]])]
    [[], []]
    """
    nothing = np.empty(0, dtype=np.int64)
    true, pred = (one.list_touching() if isinstance(one, Annotations) else nothing for one in (y_true, y_pred))
    return true, pred


def pair_annotations(y_true: Any, y_pred: Any, *, name: str = "y_pred") -> tuple[Any, Any]:
    """Return truth and prediction as `pair_labels` does, or both as `Annotations` if one of them is.

    Examples
    --------
    >>> true, pred = pair_annotations(Annotations.from_labels([[0, 1]]), [[0, 1]])
    >>> pred
    Annotations(1 segments in 1 of 1 recordings, 0 of them touch the one before)
    """
    pair = pair_labels(y_true, y_pred, name=name)
    if not any(isinstance(one, Annotations) for one in (y_true, y_pred)):
        return pair
    if isinstance(y_true, Annotations) and isinstance(y_pred, Annotations):
        y_pred = y_pred.renumber(y_true.class_names)
    given = zip((y_true, y_pred), pair, strict=True)
    true, pred = (one if isinstance(one, Annotations) else Annotations.from_labels(labels) for one, labels in given)
    return true, pred


def number_alike(given: Mapping[str, Any]) -> tuple[list[Any], dict[int, str] | None]:
    """Return labels with one number for each word of any of them, and the word of each number.

    Parameters
    ----------
    given : mapping of str to labels
        Labels, such as truth and prediction, by the name of their argument.

    Returns
    -------
    labels : list
    class_names : dict of int to str, or None
        None, and the labels as they are, if no dense labels are words.

    Raises
    ------
    ValueError
        If some of the labels are words and others numbers.

    Examples
    --------
    >>> number_alike({"y_true": [["walk", "background"]], "y_pred": [["turn", "background"]]})
    ([[array([2, 0])], [array([1, 0])]], {0: 'background', 1: 'turn', 2: 'walk'})
    """
    named = [one.class_names for one in given.values() if isinstance(one, Annotations) and one.class_names is not None]
    read = {  # text of a file is read once
        name: one if isinstance(one, Annotations) else adopt_labels(unpack(one, name), name)
        for name, one in given.items()
    }
    words = [find_words(one, name) for name, one in read.items() if not isinstance(one, Annotations)]
    dense = {word for found in words for word in found or ()}
    if not dense:
        return [
            one.renumber(named[0]) if isinstance(one, Annotations) and named else one for one in given.values()
        ], None
    class_names = number_new_words(sorted(dense), named[0] if named else None)
    for other in named[1:]:
        class_names = number_new_words(other.values(), class_names)
    found = [read_words(one, class_names, name=name, wanted=True)[0] for name, one in read.items()]
    return found, class_names


def number_columns(labels: Any, classes: Any, *, name: str, of: str) -> tuple[Any, Any, dict[int, str] | None]:
    """Return labels and the classes of the columns of probabilities as numbers, and the word of each number.

    Raises
    ------
    ValueError
        If the labels are words, but the classes are not; ``name`` and ``of`` are the names of labels and probabilities.

    Examples
    --------
    >>> number_columns([["walk", "run"]], ["run", "walk"], name="y_true", of="y_proba")[:2]
    ([array([2, 1])], [1, 2])
    """
    if isinstance(labels, Annotations) or find_words(labels, name) is None:
        return labels, classes, None
    given = [] if classes is None else list(classes)
    if not given or not all(isinstance(word, str) for word in given):
        raise ValueError(
            f"{name} holds words; pass classes, the word of each column of {of}: [segmenter.class_names_[k] for k in "
            "segmenter.classes_]."
        )
    (labels, numbers), words = number_alike({name: labels, "classes": given})
    return labels, numbers, words


def pair_labels(
    y_true: Any, y_pred: Any, *, name: str = "y_pred", truth: str = "y_true", unlabeled: bool = False
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return true labels and predicted labels, each as a list with one array per recording.

    If both are on an index, the truth is reordered to the index of the prediction. ``unlabeled`` says whether the
    prediction may hold -1, as the labels of a second annotator do.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or index, or are not labels; ``name`` and ``truth`` are the names of the
        prediction and the truth in the message.

    Examples
    --------
    >>> true, pred = pair_labels([[0, 1], -1], [[0, 0], [1]])
    >>> [one.tolist() for one in true], [one.tolist() for one in pred]
    ([[0, 1], [-1]], [[0, 0], [1]])
    """
    y_true, y_pred = number_alike({truth: y_true, name: y_pred})[0]
    y_true, y_pred = adopt_labels(y_true, truth), sort_times(adopt_labels(y_pred, name))
    y_true = _align_like(align_labels(y_true, y_pred, truth), y_pred, name)
    pred = check_labels(y_pred, argument=name, unlabeled=unlabeled)
    return spread_labels(y_true, [one.size for one in pred], argument=truth, of=name), pred


def _align_like(y_true: Any, y_pred: Any, name: str) -> Any:
    """Return true labels in the order of the recordings and samples of predictions, if both are on an index.

    Labels without an index are returned unchanged, and so are labels of which only the number tells what they are.
    """
    pandas = (pd.Series, pd.DataFrame)
    if isinstance(y_true, pandas):
        if isinstance(y_true.index, pd.MultiIndex):
            return y_true
        rows = y_pred.index if isinstance(y_pred, pandas) and not isinstance(y_pred.index, pd.MultiIndex) else None
        y_true = follow_order(y_true, rows, "y_true", name)
        times = _list_times(y_pred)
        items = _list_rows(y_true, times[0] if times else None)
        known = any(isinstance(item, pd.Series) for item in items)
        return list(_align_items(items, times, "y_true")) if known else y_true
    if isinstance(y_true, (list, tuple)) and any(isinstance(one, pandas) for one in y_true):
        times = _list_times(y_pred)
        if times is None or len(times) == len(y_true):
            return list(_align_items(list(y_true), times, "y_true"))
    return y_true


def _list_times(labels: Any) -> list[pd.Index | None] | None:
    """Return the index of the samples of each recording; None if no recording has one."""
    if isinstance(labels, pd.Series) and isinstance(labels.index, pd.MultiIndex):
        return [part.index for _, part in _group_instances(labels)]
    if isinstance(labels, pd.DataFrame):
        return [labels.columns] * len(labels) if labels.shape[1] > 1 else None
    if isinstance(labels, (list, tuple)):
        return [one.index if isinstance(one, (pd.Series, pd.DataFrame)) else None for one in labels]
    return None


def spread_labels(labels: Any, lengths: Sequence[int], *, argument: str = "y", of: str = "X") -> list[np.ndarray]:
    """Return one array of labels per recording of known length; a single label is repeated for every sample.

    Use `as_labels` if the recordings themselves are known.

    Parameters
    ----------
    labels : array of shape (n, T), (n,), (n, 1) or (T,), list of (T_i,) and single labels, or Series
        See `check_labels`; ``(n,)`` means one label per recording if there are several recordings.
    lengths : sequence of int
        Number of samples of each recording.
    argument, of : str
        Names, in error messages, of the labels and of the argument that has these lengths.

    Returns
    -------
    list of ndarray of int64, shape (T_i,)

    Raises
    ------
    ValueError
        If values are not labels, or the number of recordings or samples differs.

    Examples
    --------
    >>> [one.tolist() for one in spread_labels([0, -1], [2, 1])]
    [[0, 0], [-1]]
    >>> [one.tolist() for one in spread_labels([[0, 1], -1], [2, 1])]
    [[0, 1], [-1]]
    """
    found = check_labels(labels, argument=argument, single=True)
    if 1 == len(found) < len(lengths) == found[0].size and is_flat(labels):
        found = np.split(found[0], len(lengths))  # (n,) means (n, 1)
    if len(found) != len(lengths):
        raise ValueError(f"{argument} has {len(found)} recordings, {of} has {len(lengths)}; give the same recordings.")
    for i, (one, length) in enumerate(zip(found, lengths, strict=True)):
        if one.size not in (1, length):
            raise ValueError(
                f"{argument}[{i}] has {one.size} samples, {of}[{i}] has {length}; give one label per sample."
                f"{_hint_epochs(one.size, length)}"
            )
    return [np.broadcast_to(one, length) for one, length in zip(found, lengths, strict=True)]
