"""Metrics of samples: how many of them have the right class."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sslts.annotations import pool_labels
from sslts.metrics._averages import Tally, average_f1, count_per_recording, warn_empty


def confusion(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """Count the labeled samples by true and predicted class, pooled over recordings.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels; see the module for all accepted forms.

    Returns
    -------
    matrix : ndarray of int64 of shape (K, K)
        ``matrix[i, j]``: samples of true class ``classes[i]`` that were predicted as ``classes[j]``.
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


def class_iou(y_true: Any, y_pred: Any) -> pd.Series:
    """Intersection over union of the samples of each class, pooled over recordings.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.

    Returns
    -------
    pandas.Series
        IoU (float64) of each class in the truth or the prediction; the index is ``label``. Empty, with a warning, if
        nothing is labeled.

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


def mean_iou(y_true: Any, y_pred: Any, *, background: int | None = 0) -> float:
    """Mean over classes of the intersection over union of samples: what ``score`` returns.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    background : int or None, default=0
        Taken as by every metric; the background is a class of samples like any other, so it changes nothing.

    Returns
    -------
    float
        0 to 1, the mean of `class_iou`; nan, with a warning, if nothing is labeled.

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
    """`mean_iou` of each recording by itself, over the classes in it.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 to 1; nan for a recording without a labeled sample.

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


def frame_f1(
    y_true: Any,
    y_pred: Any,
    *,
    background: int | None = 0,
    average: str | None = "macro",
    zero_division: float = 1.0,
) -> float | pd.Series:
    """F1 of the samples of each class that is not background.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    background : int or None, default=0
        The class to leave out.
    average : {"macro", "micro", None}, default="macro"
        Mean over classes; one F1 of the samples of all classes together; or one F1 per class.
    zero_division : float, default=1.0
        What it is if no such class is in truth or prediction.

    Returns
    -------
    float or pandas.Series
        0 to 1, per class if `average` is None. nan, with a warning, if nothing is labeled.

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


def _tally_mean_iou(y_true: Any, y_pred: Any, *, background: int | None) -> Tally:  # noqa: ARG001
    """Return what each recording adds to `mean_iou`.

    Examples
    --------
    >>> round(_tally_mean_iou([[0, 0, 1, 1]], [[0, 1, 1, 1]], background=0).score(), 3)
    0.583
    """
    return _tally_samples(y_true, y_pred, lambda *sums: float(_divide_iou(*sums).mean()))


def _tally_frame_f1(
    y_true: Any, y_pred: Any, *, background: int | None, average: str | None, zero_division: float
) -> Tally:
    """Return what each recording adds to `frame_f1`.

    Examples
    --------
    >>> _tally_frame_f1([[0, 0, 1, 1]], [[0, 1, 1, 1]], background=0, average="macro", zero_division=1.0).score()
    0.8
    """
    finish = partial(average_f1, average=average, zero_division=zero_division)
    return _tally_samples(y_true, y_pred, finish, leave_out=background)


def _tally_samples(y_true: Any, y_pred: Any, finish: Callable[..., Any], leave_out: int | None = None) -> Tally:
    """Count the labeled samples of each recording: those that are right, and all in truth plus prediction."""
    true, pred, offsets = pool_labels(y_true, y_pred)
    labeled = true >= 0
    n = offsets.size - 1
    recording = np.repeat(np.arange(n), np.diff(offsets))[labeled]
    true, pred = true[labeled], pred[labeled]
    classes = np.union1d(np.unique(true), np.unique(pred))
    right = true == pred
    hits, of_true, of_pred = (
        count_per_recording(recording[some], labels[some], n, classes)
        for some, labels in ((right, true), (slice(None), true), (slice(None), pred))
    )
    totals = of_true + of_pred
    keep = np.full(classes.size, True) if leave_out is None else classes != leave_out
    return Tally(np.stack([hits, totals])[:, :, keep], classes[keep], totals.any(axis=1), finish)


def _divide_iou(sums: np.ndarray, classes: np.ndarray, n_labeled: int) -> pd.Series:
    if not n_labeled:
        warn_empty("y_true is all -1: there is no sample to score")
    hits, totals = sums
    return pd.Series(hits / (totals - hits), index=pd.Index(classes, name="label"), name="iou", dtype=np.float64)
