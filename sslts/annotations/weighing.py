"""Reading of ``sample_weight`` and of soft labels, beside the labels of ``fit``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.annotations.classes import MAX_CLASSES
from sslts.annotations.details import LabelDetails, SampleWeights, SoftLabels, _read_rows
from sslts.annotations.reading import _read_label_parts, as_label_runs, list_labels
from sslts.annotations.runs import LabelRuns
from sslts.recordings import Recordings, Rows, as_real, cut_stretches, is_data_array, is_lazy, read_array, unpack

_TOLERANCE = 1e-3  # of the sum of the probabilities of a sample: float16 and float32 round


def read_weighed_labels(
    y: Any, recordings: Recordings, sample_weight: Any = None, *, name: str = "y"
) -> tuple[LabelRuns, LabelDetails]:
    """Return the labels of all recordings, and their weights and soft labels, where given.

    A labeled sample of weight 0 becomes unlabeled. Equal weights are left out, and so are soft labels that are certain
    everywhere: the labels say the same.

    Parameters
    ----------
    y : array-like
        Labels, see `as_labels`; or soft labels, float of shape ``(n, T, K)``, or a list of ``(T_i, K)``. The
        probabilities of a sample sum to one, within 0.001; an unlabeled sample has NaN, or -1, for all classes. In a
        list, a recording may have integer labels.
    recordings : Recordings
        The recordings that ``y`` labels.
    sample_weight : array-like or None
        Weights of 0 or more, shape ``(n,)`` or ``(n, T)``, or a list of ``(T_i,)``.
    name : str
        Name of the labels in error messages.

    Returns
    -------
    labels : LabelRuns
        For soft labels, the most probable class of each sample: the first class in a tie.
    details : LabelDetails

    Raises
    ------
    ValueError
        If a label or a weight is invalid; the message names the recording.

    Examples
    --------
    >>> from sslts.recordings import as_recordings
    >>> recordings = as_recordings(np.zeros((2, 3)))
    >>> labels, details = read_weighed_labels([[0, 1, 1], [0, 0, 1]], recordings, sample_weight=[1.0, 0.0])
    >>> labels.to_labels(), bool(details)  # the second recording counts as unlabeled, the others have equal weights
    ([array([0, 1, 1]), array([-1, -1, -1])], False)
    >>> y = np.array([[[0.75, 0.25], [0.5, 0.5], [np.nan, np.nan]]] * 2)
    >>> labels, details = read_weighed_labels(y, recordings)
    >>> labels.to_labels()[0].tolist(), details.soft.read(0, 0, 3).tolist()
    ([0, 0, -1], [[0.75, 0.25], [0.5, 0.5], [0.0, 0.0]])
    """
    items = _find_soft_labels(y, recordings, name)
    if items is None:
        labels, details = as_label_runs(y, recordings, name=name), LabelDetails()
    else:
        labels, details = _read_soft_labels(items, recordings, name)
    if sample_weight is None:
        return labels, details
    labels, weights = _read_weights(sample_weight, recordings, labels)
    soft = None if details.soft is None else SoftLabels(details.soft.values, labels, details.soft.columns)
    return labels, LabelDetails(weights, soft, details.n_classes)


# --- soft labels ------------------------------------------------------------------------------------------------------


def _find_soft_labels(y: Any, recordings: Recordings, name: str) -> list[Any] | None:
    """Return the labels of each recording, unread, if ``y`` holds soft labels; else None."""
    y = unpack(y, name)
    candidates: list[Any]
    if isinstance(y, pd.Series):
        candidates = y.tolist() if y.dtype == object else []
    elif isinstance(y, (list, tuple)) or (isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1):
        candidates = list(y)
    else:
        shape: tuple[int, ...] = getattr(y, "shape", ())
        if len(shape) == 3 and is_data_array(y) and y.dtype.kind == "f":
            raise ValueError(
                f"{name} has the dimensions {y.dims}; pass soft labels as an array, with the classes in the last axis: "
                f"{name}.transpose('recording', 'time', 'class').values, with your names of the dimensions."
            )
        candidates = [y[0]] if len(shape) == 3 and shape[0] and not is_data_array(y) else []
    if not any(_count_axes(unpack(item, f"{name}[{i}] (recording {i})")) == 2 for i, item in enumerate(candidates)):
        return None
    lazy = is_lazy(y) and len(y.shape) == 3 and y.shape[0] == len(recordings)
    items = list(Rows(y)) if lazy else list_labels(y, recordings, name)
    items = [_read_item(item, int(length)) for item, length in zip(items, recordings.lengths, strict=True)]
    return items if any(_is_soft(*pair) for pair in zip(items, recordings.lengths, strict=True)) else None


def _count_axes(item: Any) -> int:
    """Return the number of axes of an array, or 2 for a list of lists or arrays; 0 for anything else."""
    if isinstance(item, (list, tuple)):
        return 2 if item and isinstance(item[0], (list, tuple, np.ndarray)) and len(item[0]) > 1 else 1
    shape = getattr(item, "shape", ())
    return len(shape) if isinstance(shape, tuple) else 0


def _read_item(item: Any, length: int) -> Any:
    """Return the labels of a recording as an array or a lazy array, if they may be soft labels; else unchanged."""
    if _count_axes(item) != 2 or is_lazy(item):
        return item
    try:
        array = read_array(as_real(item, "y"), "y")
    except (TypeError, ValueError):  # not numeric; the reader of integer labels says so
        return item
    return array if _is_soft(array, length) else item


def _is_soft(item: Any, length: int) -> bool:
    """Return whether this is an array of floats with a row of two or more probabilities for each sample."""
    shape: tuple[int, ...] = getattr(item, "shape", ())
    kind = getattr(getattr(item, "dtype", None), "kind", "")
    return len(shape) == 2 and shape[0] == length and shape[1] > 1 and kind == "f"


def _read_soft_labels(items: list[Any], recordings: Recordings, name: str) -> tuple[LabelRuns, LabelDetails]:
    """Return the most probable class of each sample, and the soft labels if a sample is not certain."""
    soft = [_is_soft(item, int(length)) for item, length in zip(items, recordings.lengths, strict=True)]
    first = soft.index(True)
    n_classes = int(items[first].shape[1])
    for i, item in enumerate(items):
        if soft[i] and item.shape[1] != n_classes:
            raise ValueError(
                f"{name}: recording {i} has soft labels of {item.shape[1]} classes, recording {first} of {n_classes}; "
                "give one column per class, in the same order for all recordings."
            )
    if n_classes > MAX_CLASSES:
        raise ValueError(f"{name} has soft labels of {n_classes} classes; at most {MAX_CLASSES} are allowed.")
    doubtful: list[bool] = []
    labels = LabelRuns.from_parts(
        _read_soft_parts(item, i, name, doubtful) if is_soft else _read_hard_parts(item, i, recordings, name, n_classes)
        for i, (item, is_soft) in enumerate(zip(items, soft, strict=True))
    )
    found = len(np.unique(labels.value[labels.value >= 0]))
    values = [item if is_soft else None for item, is_soft in zip(items, soft, strict=True)]
    kept = SoftLabels(values, labels, np.arange(n_classes)) if any(doubtful) else None
    return labels, LabelDetails(None, kept, None if found == n_classes else n_classes)


def _read_hard_parts(item: Any, i: int, recordings: Recordings, name: str, n_classes: int) -> Iterator[np.ndarray]:
    """Yield the integer labels of a recording among recordings with soft labels, in stretches."""
    for part in _read_label_parts(item, i, recordings, name, set()):
        if part.size and part.max() >= n_classes:
            raise ValueError(
                f"{name}[{i}] (recording {i}) has class {part.max()}, but the soft labels of other recordings have the "
                f"classes 0 to {n_classes - 1}; give them one column per class."
            )
        yield part


def _read_soft_parts(item: Any, i: int, name: str, doubtful: list[bool]) -> Iterator[np.ndarray]:
    """Yield the most probable class of each sample in stretches; add to ``doubtful`` whether a sample has several."""
    place = f"{name}[{i}] (recording {i})"
    for start, stop in cut_stretches(*item.shape):
        part = _read_rows(item, start, stop, place)
        unlabeled = np.isnan(part).all(1) | (part == -1).all(1)
        total = part.sum(1, dtype=np.float64)
        wrong = np.flatnonzero(~unlabeled & ~((abs(total - 1) <= _TOLERANCE) & (part >= 0).all(1)))
        if wrong.size:
            _raise_of_sum(part[wrong[0]], place, start + int(wrong[0]))
        doubtful.append(bool((np.count_nonzero(part, axis=1) > 1)[~unlabeled].any()))
        yield np.where(unlabeled, -1, np.where(unlabeled[:, None], 0, part).argmax(1))


def _raise_of_sum(row: np.ndarray, place: str, at: int) -> None:
    """Raise ValueError for the probabilities of a sample."""
    if np.isnan(row).any():
        raise ValueError(
            f"{place} holds NaN for some classes at sample {at}; give a probability of each class, or NaN for all "
            "classes if the sample is unlabeled."
        )
    if (row < 0).any():
        raise ValueError(
            f"{place} holds {row.min():g} at sample {at}; probabilities are 0 or more, and -1 for all classes marks an "
            "unlabeled sample."
        )
    fix = " For votes, divide them by their sum, or see sslts.annotations.count_votes." if row.sum() > 1 else ""
    raise ValueError(
        f"{place} holds soft labels that sum to {row.sum():g} at sample {at}; the probabilities of the classes sum to "
        f"1, or are all NaN if the sample is unlabeled.{fix}"
    )


# --- weights ----------------------------------------------------------------------------------------------------------


def _read_weights(
    sample_weight: Any, recordings: Recordings, labels: LabelRuns
) -> tuple[LabelRuns, SampleWeights | None]:
    """Return the labels of the samples of positive weight, and the weights; None if these are equal."""
    if np.isscalar(sample_weight):
        raise ValueError(
            f"sample_weight is a single value ({shorten(sample_weight)}); give one weight per sample or per recording."
        )
    items = list_labels(sample_weight, recordings, "sample_weight")
    values = [_check_weights(item, i, recordings) for i, item in enumerate(items)]
    if not labels.labeled.any():  # the check of the classes says so
        return labels, None
    known = _hide_weightless(labels, values)
    if not known.labeled.any():
        raise ValueError(
            "sample_weight is zero for every labeled sample, so nothing would be learned; give some a weight above 0."
        )
    low, top = np.inf, 0.0
    recording, stop = known.recording, known.start + known.size
    for run in np.flatnonzero(known.value >= 0).tolist():
        part = _read_rows(values[recording[run]], int(known.start[run]), int(stop[run]), "sample_weight")
        low, top = min(low, float(part.min())), max(top, float(part.max()))
    return known, None if low == top else SampleWeights(values, top)


def _check_weights(item: Any, i: int, recordings: Recordings) -> Any:
    """Return the checked weights of recording ``i``, one for each sample."""
    length, place = int(recordings.lengths[i]), f"sample_weight[{i}] (recording {i})"
    item = unpack(item, place)
    if not is_lazy(item):
        try:
            item = np.atleast_1d(np.squeeze(read_array(as_real(item, place), place)))
        except (TypeError, ValueError):
            raise ValueError(f"{place} is not numeric; give weights of 0 or more.") from None
    if item.shape == (1,) and length > 1:
        item = np.broadcast_to(_read_rows(item, 0, 1, place), length)
    if tuple(item.shape) != (length,):
        raise ValueError(
            f"sample_weight: recording {i} has weights of shape {tuple(item.shape)}, its signal has {length} samples; "
            "give one weight per sample, or one for the whole recording."
        )
    for start, stop in cut_stretches(length if any(getattr(item, "strides", (1,))) else 1):
        part = _read_rows(item, start, stop, place)
        wrong = np.flatnonzero(~((part >= 0) & (part < np.inf)))
        if wrong.size:
            at = start + int(wrong[0])
            raise ValueError(f"{place} holds {part[wrong[0]]} at sample {at}; weights are finite numbers of 0 or more.")
    return item


def _hide_weightless(labels: LabelRuns, values: list[Any]) -> LabelRuns:
    """Return the labels without the labels of samples of weight 0; other runs stay as they are.

    Examples
    --------
    >>> labels = LabelRuns.from_labels([np.array([0, 0, 1, 1])])
    >>> _hide_weightless(labels, [np.array([1.0, 0.0, 0.0, 2.0])]).to_labels()
    [array([ 0, -1, -1,  1])]
    """
    counts = LabelRuns.from_parts(_find_counted(value) for value in values)
    if counts.value.all():
        return labels
    flat = np.union1d(labels._flat_start, counts._flat_start)
    own, kept = (runs.value[np.searchsorted(runs._flat_start, flat, side="right") - 1] for runs in (labels, counts))
    value = np.where(kept > 0, own, -1)
    is_start = np.isin(flat, labels._offset) | (np.isin(flat, labels._flat_start) & (value >= 0))
    is_start[1:] |= value[1:] != value[:-1]
    flat, value = flat[is_start], value[is_start]
    first = np.searchsorted(flat, np.append(labels._offset, labels.lengths.sum()))
    return LabelRuns(labels.lengths, first, flat - np.repeat(labels._offset, np.diff(first)), value)


def _find_counted(value: Any) -> Iterator[np.ndarray]:
    """Yield 1 for each sample of positive weight and 0 for the others, in stretches."""
    length = int(value.shape[0])
    if isinstance(value, np.ndarray) and not any(value.strides):
        yield np.broadcast_to(int(value[0] > 0), length)
        return
    for start, stop in cut_stretches(length):
        yield (_read_rows(value, start, stop, "sample_weight") > 0).astype(np.int64)
