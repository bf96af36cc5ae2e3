"""Metrics of measurements: the number of segments, their lengths, and where they start and end."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sslts.metrics._matching import compare, match_segments
from sslts.metrics._tallies import Tally, count_per_recording, warn_empty
from sslts.metrics._words import takes_words
from sslts.recordings import check_sampling_rate


class CountError(NamedTuple):
    """Errors of the number of segments per recording, from `count_error`.

    Attributes
    ----------
    bias : float
        Mean of predicted minus true number.
    mae : float
        Mean absolute difference.
    exact : float
        Share of recordings whose number is right.

    Examples
    --------
    >>> from sslts.metrics import count_error
    >>> count_error([[0, 1, 0, 1]], [[0, 1, 1, 1]]).mae
    1.0
    """

    bias: float
    mae: float
    exact: float


class DurationError(NamedTuple):
    """Errors of the length of segments, from `duration_error`.

    Attributes
    ----------
    bias : float
        Mean of predicted minus true length.
    mae : float
        Mean absolute difference.

    Examples
    --------
    >>> from sslts.metrics import duration_error
    >>> duration_error([[0, 1, 1, 0]], [[0, 1, 1, 1]]).bias
    1.0
    """

    bias: float
    mae: float


def count_error(y_true: Any, y_pred: Any, *, background: int | None = 0) -> CountError:
    """Return errors of the number of segments: the mean over recordings per class, then the mean over classes.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels. Segments in labeled stretches are counted; recordings
        without a labeled sample are left out.
    background : int or None, default=0
        The class that is not a segment; None if every class is a segment.

    Returns
    -------
    CountError
        ``bias`` and ``mae`` in segments per recording, ``exact`` as a share. (0, 0, 1) if truth and prediction have no
        segment. NaN, with a warning, if no sample is labeled.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels.

    Examples
    --------
    >>> from sslts.metrics import count_error
    >>> count_error([[0, 1, 0, 1], [0, 1, 1, 0]], [[0, 1, 1, 1], [0, 1, 1, 0]])
    CountError(bias=-0.5, mae=0.5, exact=0.5)
    """
    return _tally_counts(y_true, y_pred, background=background).score()


def _tally_counts(y_true: Any, y_pred: Any, *, background: int | None) -> Tally:
    """Return the tally of `count_error`."""
    found = compare(y_true, y_pred, background)
    n, labeled = found.labeled.size, found.labeled
    true, pred = (
        count_per_recording(side.recording, side.label, n, found.classes) for side in (found.true, found.pred)
    )
    error = pred - true
    exact = (error == 0) & labeled[:, None]
    return Tally(np.stack([error, np.abs(error), exact, true + pred]), found.classes, labeled, _average_counts)


def _average_counts(sums: np.ndarray, classes: np.ndarray, n_labeled: int) -> CountError:
    """Return the errors from the sums of a tally of counts."""
    if not n_labeled:
        warn_empty("y_true is all -1: there is no recording to count in")
        return CountError(np.nan, np.nan, np.nan)
    if not classes.size:
        return CountError(0.0, 0.0, 1.0)
    # Every class has the same number of recordings, so the mean of class means is the mean over all.
    bias, mae, exact = sums[:3].sum(axis=1) / (n_labeled * classes.size)
    return CountError(float(bias), float(mae), float(exact))


def duration_error(
    y_true: Any,
    y_pred: Any,
    *,
    background: int | None = 0,
    iou: float = 0.5,
    sampling_rate: float | None = None,
) -> DurationError:
    """Return errors of the length of matched segments: the mean per class, then the mean over classes.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    background : int or None, default=0
        The class that is not a segment; None if every class is a segment.
    iou : float, default=0.5
        Least intersection over union of a pair, above 0 and at most 1.
    sampling_rate : float, default=None
        Samples per second, for a result in seconds. None: the result is in samples.

    Returns
    -------
    DurationError
        ``bias`` and ``mae`` in samples, or in seconds with `sampling_rate`, over the classes with at least one
        measured pair. NaN, with a warning, if no pair is measured.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels, or `iou` or `sampling_rate` is out of range.

    Examples
    --------
    >>> from sslts.metrics import duration_error
    >>> duration_error([[0, 1, 1, 1, 1, 0]], [[0, 1, 1, 1, 0, 0]], sampling_rate=10)
    DurationError(bias=-0.1, mae=0.1)
    """
    label, onset, offset, _ = _measure_boundaries(y_true, y_pred, background, iou, sampling_rate)
    error = offset - onset
    means = pd.DataFrame({"bias": error, "mae": np.abs(error)}).groupby(label).mean().mean()
    return DurationError(float(means["bias"]), float(means["mae"]))


@takes_words
def boundary_error(
    y_true: Any,
    y_pred: Any,
    *,
    background: int | None = 0,
    iou: float = 0.5,
    sampling_rate: float | None = None,
) -> pd.DataFrame:
    """Return errors of the start (onset) and end (offset) of matched segments, per class.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    background : int or None, default=0
        The class that is not a segment; None if every class is a segment.
    iou : float, default=0.5
        Least intersection over union of a pair, above 0 and at most 1.
    sampling_rate : float, default=None
        Samples per second, for a result in seconds. None: the result is in samples.

    Returns
    -------
    pandas.DataFrame
        One row per class in truth or prediction except the background (the index is ``label``). Columns
        ``onset_bias, onset_mae, offset_bias, offset_mae`` (float64) in samples, or in seconds with `sampling_rate`; a
        negative bias means too early. NaN for a class without a measured pair; a warning if no class has a measured
        pair.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels, or `iou` or `sampling_rate` is out of range.

    Examples
    --------
    >>> from sslts.metrics import boundary_error
    >>> boundary_error([[0, 1, 1, 1, 1, 0]], [[1, 1, 1, 1, 0, 0]])
           onset_bias  onset_mae  offset_bias  offset_mae
    label
    1            -1.0        1.0         -1.0         1.0
    """
    label, onset, offset, classes = _measure_boundaries(y_true, y_pred, background, iou, sampling_rate)
    errors = {"onset_bias": onset, "onset_mae": np.abs(onset), "offset_bias": offset, "offset_mae": np.abs(offset)}
    return pd.DataFrame(errors).groupby(label).mean().reindex(pd.Index(classes)).rename_axis(index="label")


def _measure_boundaries(
    y_true: Any, y_pred: Any, background: int | None, iou: float, sampling_rate: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return class, onset error and offset error of each measured pair, and all classes."""
    rate = check_sampling_rate(sampling_rate)
    found = compare(y_true, y_pred, background)
    t, p = match_segments(found.true, found.pred, iou)
    known = ~found.true.cut[t]  # the true ends of a cut segment are unknown
    t, p = t[known], p[known]
    if not t.size:
        reason = f"no segment is matched at iou={iou} and measured" if found.labeled.any() else "y_true is all -1"
        warn_empty(reason)
    onset, offset = found.pred.start[p] - found.true.start[t], found.pred.end[p] - found.true.end[t]
    return found.true.label[t], onset / rate, offset / rate, found.classes
