"""Metrics of samples: whether each sample has the right class."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sslts.annotations import pool_labels
from sslts.metrics._tallies import Tally, average_f1, count_per_recording, tallied, warn_empty
from sslts.metrics._words import takes_words


@takes_words
def confusion(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the confusion matrix of the labeled samples, pooled over recordings.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels; `sslts.metrics` lists all accepted forms.

    Returns
    -------
    matrix : ndarray of int64 of shape (K, K)
        ``matrix[i, j]`` counts the samples of true class ``classes[i]`` with predicted class ``classes[j]``.
    classes : ndarray of int64 of shape (K,)
        The classes in the truth or the prediction of labeled samples, sorted. Empty if nothing is labeled.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels.

    Examples
    --------
    >>> from sslts.metrics import confusion
    >>> matrix, classes = confusion([0, 0, 3, 3, -1], [0, 3, 3, 3, 7])
    >>> matrix.tolist(), classes.tolist()
    ([[1, 1], [0, 2]], [0, 3])
    """
    true, pred, _ = pool_labels(y_true, y_pred)
    labeled = true >= 0
    true, pred = true[labeled], pred[labeled]
    classes = np.union1d(np.unique(true), np.unique(pred))
    n = classes.size
    cell = np.searchsorted(classes, true) * n + np.searchsorted(classes, pred)
    return np.bincount(cell, minlength=n * n).reshape(n, n).astype(np.int64, copy=False), classes


@takes_words
def class_iou(y_true: Any, y_pred: Any) -> pd.Series:
    """Return the intersection over union (IoU) of the samples of each class, pooled over recordings.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.

    Returns
    -------
    pandas.Series
        IoU (float64) of each class in the truth or the prediction; the index is ``label``. Empty, with a warning, if
        no sample is labeled.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels.

    Examples
    --------
    >>> from sslts.metrics import class_iou
    >>> class_iou([[0, 0, 1, 1]], [[0, 1, 1, 1]]).round(3).to_dict()
    {0: 0.5, 1: 0.667}
    """
    return _tally_samples(y_true, y_pred, _divide_iou).score()


def _tally_mean_iou(y_true: Any, y_pred: Any, *, background: int | None) -> Tally:  # noqa: ARG001
    """Return the tally of `mean_iou`."""
    return _tally_samples(y_true, y_pred, lambda *sums: float(_divide_iou(*sums).mean()))


@tallied(_tally_mean_iou)
def mean_iou(y_true: Any, y_pred: Any, *, background: int | None = 0) -> float:
    """Return the mean over classes of the IoU of samples, which is also the ``score`` of a segmenter.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    background : int or None, default=0
        Has no effect, because the background counts like any other class. It is there because every metric has it.

    Returns
    -------
    float
        0 to 1, the mean of `class_iou`; NaN, with a warning, if no sample is labeled.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels.

    Examples
    --------
    >>> from sslts.metrics import mean_iou
    >>> round(mean_iou([[0, 0, 1, 1]], [[0, 1, 1, 1]]), 3)
    0.583
    """
    return _tally_mean_iou(y_true, y_pred, background=background).score()


def mean_iou_each(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the `mean_iou` of each recording, over the classes that occur in it.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 to 1; NaN for a recording without a labeled sample.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels.

    Examples
    --------
    >>> from sslts.metrics import mean_iou_each
    >>> mean_iou_each([[0, 0, 1, 1], [2, 2, 2, 2]], [[0, 1, 1, 1], [2, 2, 2, 2]]).round(3).tolist()
    [0.583, 1.0]
    """
    hits, totals = _tally_samples(y_true, y_pred, _divide_iou).parts
    union = totals - hits
    return pd.DataFrame(hits / np.where(union > 0, union, np.nan)).mean(axis=1).to_numpy()


def _tally_frame_f1(
    y_true: Any, y_pred: Any, *, background: int | None, average: str | None, zero_division: float
) -> Tally:
    """Return the tally of `frame_f1`."""
    finish = partial(average_f1, average=average, zero_division=zero_division)
    return _tally_samples(y_true, y_pred, finish, leave_out=background)


@tallied(_tally_frame_f1)
@takes_words
def frame_f1(
    y_true: Any,
    y_pred: Any,
    *,
    background: int | None = 0,
    average: str | None = "macro",
    zero_division: float = 1.0,
) -> float | pd.Series:
    """Return the F1 of the samples, over all classes except the background.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    background : int or None, default=0
        The class to leave out; None leaves out no class.
    average : {"macro", "micro", None}, default="macro"
        "macro": mean of the F1 of each class. "micro": one F1 over the samples of all classes. None: one F1 per class.
    zero_division : float, default=1.0
        Result if only background occurs in truth and prediction.

    Returns
    -------
    float or pandas.Series
        0 to 1, per class if `average` is None. NaN, with a warning, if no sample is labeled.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels, or `average` is unknown.

    Examples
    --------
    >>> from sslts.metrics import frame_f1
    >>> frame_f1([[0, 0, 1, 1]], [[0, 1, 1, 1]])
    0.8
    """
    return _tally_frame_f1(y_true, y_pred, background=background, average=average, zero_division=zero_division).score()


def _tally_samples(y_true: Any, y_pred: Any, finish: Callable[..., Any], leave_out: int | None = None) -> Tally:
    """Return a tally of labeled samples: the correct samples, and the true plus predicted samples, of each class."""
    true, pred, offsets = pool_labels(y_true, y_pred)
    labeled = true >= 0
    n = offsets.size - 1
    recording = np.repeat(np.arange(n), np.diff(offsets))[labeled]
    true, pred = true[labeled], pred[labeled]
    classes = np.union1d(np.unique(true), np.unique(pred))
    correct = true == pred
    hits, n_true, n_pred = (
        count_per_recording(recording[chosen], labels[chosen], n, classes)
        for chosen, labels in ((correct, true), (slice(None), true), (slice(None), pred))
    )
    totals = n_true + n_pred
    keep = np.full(classes.size, True) if leave_out is None else classes != leave_out
    return Tally(np.stack([hits, totals])[:, :, keep], classes[keep], totals.any(axis=1), finish)


def _divide_iou(sums: np.ndarray, classes: np.ndarray, n_labeled: int) -> pd.Series:
    """Return the IoU of each class from the sums of a tally of samples."""
    if not n_labeled:
        warn_empty("y_true is all -1: there is no sample to score")
    hits, totals = sums
    return pd.Series(hits / (totals - hits), index=pd.Index(classes, name="label"), name="iou", dtype=np.float64)
