"""How good is a segmentation? Numbers over samples, over segments, over counts and over lengths.

Conventions, the same in every function:

* Recordings are ``(n, T)`` arrays, lists of ``(T_i,)`` arrays, one ``(T,)`` array, or a pandas Series on
  ``(instance, time)``. A truth of shape ``(n,)`` or ``(n, 1)`` gives one label to every sample of a recording.
* A sample whose truth is -1 never matters. Predictions are cut to the labelled stretches: a predicted segment that
  reaches into an unlabelled stretch ends there, and one that spans it becomes two.
* A true segment that touches -1 is counted and matched by its labelled part, but not measured: nobody knows where it
  ends. The ends of a recording are not -1; a segment there is measured.
* `background` is the class that is not a segment (None: there is none). IoU takes every class as it comes, background
  included; F1, counts, durations and boundaries are about the classes that are not background.
* Counts of samples are pooled over recordings before any ratio. Means are over the classes that occur in the truth or
  the prediction, on labelled samples.
* Segments are matched one to one within a class, at an intersection over union (IoU) of at least `iou`: as many pairs
  as possible and, among such matchings, the one with the greatest total IoU.
* Differences are predicted minus true. Truth that is all -1 gives nan and a warning.
"""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sslts.matching import Segments, compare, match_segments, pool_labels
from sslts.segments import check_sampling_rate

__all__ = [
    "CountError",
    "DurationError",
    "SegmentationScorer",
    "boundary_error",
    "class_iou",
    "confusion",
    "count_error",
    "count_scorer",
    "duration_error",
    "duration_scorer",
    "frame_f1",
    "mean_iou",
    "mean_iou_scorer",
    "segment_f1",
    "segment_f1_scorer",
]


class CountError(NamedTuple):
    """Errors of the number of segments per recording: `count_error`.

    Attributes
    ----------
    bias : float
        Mean of predicted minus true.
    mae : float
        Mean of the absolute difference.
    exact : float
        Share of recordings whose number is right.
    """

    bias: float
    mae: float
    exact: float


class DurationError(NamedTuple):
    """Errors of the length of segments: `duration_error`.

    Attributes
    ----------
    bias : float
        Mean of predicted minus true.
    mae : float
        Mean of the absolute difference.
    """

    bias: float
    mae: float


def confusion(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """Count the labelled samples by true and predicted class, pooled over recordings.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabelled) and predicted labels; see the module for all accepted forms.

    Returns
    -------
    matrix : ndarray of int64 of shape (K, K)
        ``matrix[i, j]``: samples of true class ``classes[i]`` that were predicted as ``classes[j]``.
    classes : ndarray of int64 of shape (K,)
        The classes in the truth or the prediction of labelled samples, sorted. Empty if nothing is labelled.

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
    labelled = true >= 0
    true, pred = true[labelled], pred[labelled]
    classes = np.union1d(np.unique(true), np.unique(pred))
    n = classes.size
    cell = np.searchsorted(classes, true) * n + np.searchsorted(classes, pred)
    return np.bincount(cell, minlength=n * n).reshape(n, n).astype(np.int64, copy=False), classes


def class_iou(y_true: Any, y_pred: Any) -> pd.Series:
    """Intersection over union of the samples of each class, pooled over recordings.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabelled) and predicted labels.

    Returns
    -------
    pandas.Series
        IoU (float64) of each class in the truth or the prediction; the index is ``label``. Empty, with a warning, if
        nothing is labelled.

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
    matrix, classes = confusion(y_true, y_pred)
    if not classes.size:
        _warn("y_true is all -1: there is no sample to score")
    hits = matrix.diagonal()
    union = matrix.sum(axis=0) + matrix.sum(axis=1) - hits
    return pd.Series(hits / union, index=pd.Index(classes, name="label"), name="iou", dtype=np.float64)


def mean_iou(y_true: Any, y_pred: Any, *, background: int | None = 0) -> float:  # noqa: ARG001
    """Mean over classes of the intersection over union of samples: what ``score`` returns.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabelled) and predicted labels.
    background : int or None, default=0
        Taken as by every metric; the background is a class of samples like any other, so it changes nothing.

    Returns
    -------
    float
        0 to 1, the mean of `class_iou`; nan, with a warning, if nothing is labelled.

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
    return float(class_iou(y_true, y_pred).mean())


def frame_f1(
    y_true: Any, y_pred: Any, *, background: int | None = 0, average: str | None = "macro"
) -> float | pd.Series:
    """F1 of the samples of each class that is not background.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabelled) and predicted labels.
    background : int or None, default=0
        The class to leave out.
    average : {"macro", "micro", None}, default="macro"
        Mean over classes; one F1 of the samples of all classes together; or one F1 per class.

    Returns
    -------
    float or pandas.Series
        0 to 1, per class if `average` is None. 1 if no such class is in truth or prediction: nothing to find, nothing
        found. nan, with a warning, if nothing is labelled.

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
    matrix, classes = confusion(y_true, y_pred)
    keep = np.full(classes.size, True) if background is None else classes != background
    totals = matrix.sum(axis=0) + matrix.sum(axis=1)
    return _f1(matrix.diagonal()[keep], totals[keep], classes[keep], average, labelled=classes.size > 0)


def segment_f1(
    y_true: Any,
    y_pred: Any,
    *,
    background: int | None = 0,
    iou: float = 0.5,
    average: str | None = "macro",
) -> float | pd.Series:
    """F1 of segments: a true segment is found if a predicted one of its class overlaps it enough.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabelled) and predicted labels.
    background : int or None, default=0
        The class that is not a segment.
    iou : float, default=0.5
        Least intersection over union of a pair, above 0 and at most 1.
    average : {"macro", "micro", None}, default="macro"
        Mean over classes; one F1 of the segments of all classes together; or one F1 per class.

    Returns
    -------
    float or pandas.Series
        0 to 1, per class if `average` is None. 1 if there is no segment in truth or prediction: nothing to find,
        nothing found. nan, with a warning, if nothing is labelled.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels, or `iou` or `average` is out of range.

    References
    ----------
    Lea et al., "Temporal Convolutional Networks for Action Segmentation and Detection", CVPR 2017, section 4.1 (F1@k;
    there the matching is greedy, here it is a largest one).

    Examples
    --------
    >>> from sslts.metrics import segment_f1
    >>> y_true = [[0, 1, 1, 1, 0, 0, 1, 1, 0]]
    >>> y_pred = [[0, 0, 1, 1, 0, 0, 0, 0, 1]]
    >>> segment_f1(y_true, y_pred)
    0.5
    """
    found = compare(y_true, y_pred, background)
    true, _ = match_segments(found.true, found.pred, iou)
    hits = _per_class(found.true.label[true], found.classes)
    totals = _per_class(found.true.label, found.classes) + _per_class(found.pred.label, found.classes)
    return _f1(hits, totals, found.classes, average, labelled=bool(found.labelled.any()))


def count_error(y_true: Any, y_pred: Any, *, background: int | None = 0) -> CountError:
    """Errors of the number of segments: per class over recordings, then the mean over classes.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabelled) and predicted labels. Recordings without a labelled sample are left out; of the
        others, the segments in the labelled stretches are counted.
    background : int or None, default=0
        The class that is not a segment.

    Returns
    -------
    CountError
        ``bias`` and ``mae`` in segments per recording, ``exact`` a share. (0, 0, 1) if there is no segment in truth
        or prediction. nan, with a warning, if nothing is labelled.

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
    found = compare(y_true, y_pred, background)
    if not found.labelled.any():
        _warn("y_true is all -1: there is no recording to count in", stacklevel=3)
        return CountError(np.nan, np.nan, np.nan)
    if not found.classes.size:
        return CountError(0.0, 0.0, 1.0)
    shape = (found.labelled.size, found.classes.size)

    def counts(segments: Segments) -> np.ndarray:
        cell = segments.recording * shape[1] + np.searchsorted(found.classes, segments.label)
        return np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)[found.labelled]

    # Every class has the same recordings: the mean of the class means is the mean of the table.
    error = counts(found.pred) - counts(found.true)
    return CountError(float(error.mean()), float(np.abs(error).mean()), float((error == 0).mean()))


def duration_error(
    y_true: Any,
    y_pred: Any,
    *,
    background: int | None = 0,
    iou: float = 0.5,
    sampling_rate: float | None = None,
) -> DurationError:
    """Errors of the length of matched segments: per class, then the mean over classes.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabelled) and predicted labels.
    background : int or None, default=0
        The class that is not a segment.
    iou : float, default=0.5
        Least intersection over union of a pair, above 0 and at most 1.
    sampling_rate : float, default=None
        Samples per second. None: the result is in samples.

    Returns
    -------
    DurationError
        ``bias`` and ``mae`` in samples, or in seconds with `sampling_rate`, over the classes with at least one
        measured pair. nan, with a warning, if there is none.

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
    label, onset, offset, _ = _measure(y_true, y_pred, background, iou, sampling_rate)
    error = offset - onset
    means = pd.DataFrame({"bias": error, "mae": np.abs(error)}).groupby(label).mean().mean()
    return DurationError(float(means["bias"]), float(means["mae"]))


def boundary_error(
    y_true: Any,
    y_pred: Any,
    *,
    background: int | None = 0,
    iou: float = 0.5,
    sampling_rate: float | None = None,
) -> pd.DataFrame:
    """Errors of where matched segments start (onset) and end (offset), per class.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabelled) and predicted labels.
    background : int or None, default=0
        The class that is not a segment.
    iou : float, default=0.5
        Least intersection over union of a pair, above 0 and at most 1.
    sampling_rate : float, default=None
        Samples per second. None: the result is in samples.

    Returns
    -------
    pandas.DataFrame
        A row per class in truth or prediction that is not background (the index is ``label``); columns
        ``onset_bias, onset_mae, offset_bias, offset_mae`` (float64; samples, or seconds with `sampling_rate`; a
        negative bias is too early). nan for a class without a measured pair; a warning if none has one.

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
    label, onset, offset, classes = _measure(y_true, y_pred, background, iou, sampling_rate)
    errors = {"onset_bias": onset, "onset_mae": np.abs(onset), "offset_bias": offset, "offset_mae": np.abs(offset)}
    return pd.DataFrame(errors).groupby(label).mean().reindex(pd.Index(classes)).rename_axis(index="label")


@dataclass(frozen=True, repr=False)
class SegmentationScorer:
    """A metric as scikit-learn's searches want it: ``scorer(estimator, X, y)``, greater is better.

    Made for ``scoring=`` of `GridSearchCV`, `cross_val_score` and their kind, alone or in a dictionary. The class that
    is not a segment is read from the estimator's ``background``: its own, or that of a pipeline's last step, a
    search's best estimator or the estimator it wraps; 0 where none says. Scorers are immutable, equal by value, and
    pickle if `function` does.

    Parameters
    ----------
    function : callable
        ``function(y_true, y_pred) -> float``. If it has a parameter `background`, it is given by name.
    sign : {1, -1}, default=1
        -1 for errors, where less is better: the score is ``sign * function(...)``.
    name : str, default=None
        What the scorer is called when shown. None: the name of `function`.

    Raises
    ------
    ValueError
        If `sign` is neither 1 nor -1.

    Examples
    --------
    >>> from sslts.metrics import SegmentationScorer, frame_f1
    >>> class Threshold:
    ...     background = 0
    ...     def predict(self, X):
    ...         return [[int(value > 1) for value in row] for row in X]
    >>> scorer = SegmentationScorer(frame_f1)
    >>> scorer
    SegmentationScorer(frame_f1)
    >>> scorer(Threshold(), [[0.2, 1.4, 2.0]], [[0, 1, 1]])
    1.0
    """

    function: Callable[..., Any]
    _: KW_ONLY
    sign: int = 1
    name: str | None = None

    def __post_init__(self) -> None:
        if self.sign not in (1, -1):
            raise ValueError(f"sign={self.sign!r}; give 1 (greater is better) or -1 (less is better).")

    def __repr__(self) -> str:
        name = self.name or getattr(self.function, "__name__", repr(self.function))
        return f"SegmentationScorer({name}{', sign=-1' if self.sign < 0 else ''})"

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Score what `estimator` predicts for `X` against the truth `y` (labels, -1 = unlabelled)."""
        known = inspect.signature(self.function).parameters
        options = {"background": _background_of(estimator)} if "background" in known else {}
        return self.sign * float(self.function(y, estimator.predict(X), **options))


def _background_of(estimator: Any) -> int | None:
    """Read `background` from the estimator or from what it wraps."""
    while estimator is not None and not hasattr(estimator, "background"):
        steps = getattr(estimator, "steps", None)
        inner = (getattr(estimator, name, None) for name in ("best_estimator_", "estimator_", "estimator"))
        estimator = steps[-1][1] if steps else next((one for one in inner if one is not None), None)
    return 0 if estimator is None else estimator.background


def _count_mae(y_true: Any, y_pred: Any, *, background: int | None = 0) -> float:
    return count_error(y_true, y_pred, background=background).mae


def _duration_mae(y_true: Any, y_pred: Any, *, background: int | None = 0) -> float:
    return duration_error(y_true, y_pred, background=background).mae


mean_iou_scorer = SegmentationScorer(mean_iou)
segment_f1_scorer = SegmentationScorer(segment_f1)
count_scorer = SegmentationScorer(_count_mae, sign=-1, name="count_error.mae")
duration_scorer = SegmentationScorer(_duration_mae, sign=-1, name="duration_error.mae")


def _warn(reason: str, stacklevel: int = 4) -> None:
    warnings.warn(f"{reason}; the result is nan or empty.", UserWarning, stacklevel=stacklevel)


def _measure(
    y_true: Any, y_pred: Any, background: int | None, iou: float, sampling_rate: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Give label, onset error and offset error of each measured pair, and all classes."""
    rate = check_sampling_rate(sampling_rate)
    found = compare(y_true, y_pred, background)
    t, p = match_segments(found.true, found.pred, iou)
    whole = ~found.true.cut[t]
    t, p = t[whole], p[whole]
    if not t.size:
        reason = f"no segment is matched at iou={iou} and measured" if found.labelled.any() else "y_true is all -1"
        _warn(reason)
    onset, offset = found.pred.start[p] - found.true.start[t], found.pred.end[p] - found.true.end[t]
    return found.true.label[t], onset / rate, offset / rate, found.classes


def _per_class(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Count labels by class."""
    return np.bincount(np.searchsorted(classes, labels), minlength=classes.size)


def _f1(
    hits: np.ndarray, totals: np.ndarray, classes: np.ndarray, average: str | None, *, labelled: bool
) -> float | pd.Series:
    """F1 from hits and from the number of true plus predicted items, per class."""
    if average not in ("macro", "micro", None):
        raise ValueError(f"average={average!r}; give 'macro', 'micro' or None.")
    if not labelled:
        _warn("y_true is all -1: there is nothing to score")
    if average is None:
        return pd.Series(2 * hits / totals, index=pd.Index(classes, name="label"), name="f1", dtype=np.float64)
    if not classes.size:
        return 1.0 if labelled else np.nan
    return float((2 * hits / totals).mean() if average == "macro" else 2 * hits.sum() / totals.sum())
