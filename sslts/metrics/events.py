"""Metrics of segments: which of them are found, in which order, and how well they cover the truth."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sslts.metrics._averages import Tally, average_f1, count_per_recording, warn_empty
from sslts.metrics._matching import Comparison, compare, match_events, match_segments, overlap_segments


def segment_f1(
    y_true: Any,
    y_pred: Any,
    *,
    background: int | None = 0,
    iou: float | Sequence[float] = 0.5,
    average: str | None = "macro",
    zero_division: float = 1.0,
) -> float | pd.Series | pd.DataFrame:
    """F1 of segments: a true segment is found if a predicted one of its class overlaps it enough.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    background : int or None, default=0
        The class that is not a segment.
    iou : float or sequence of float, default=0.5
        Least intersection over union of a pair, above 0 and at most 1; several give a result for each.
    average : {"macro", "micro", None}, default="macro"
        Mean over classes; one F1 of the segments of all classes together; or one F1 per class.
    zero_division : float, default=1.0
        What it is if there is no segment in truth or prediction.

    Returns
    -------
    float, pandas.Series or pandas.DataFrame
        0 to 1. A Series per class if `average` is None, or per IoU (the index is ``iou``) if there are several; a
        DataFrame of IoUs by classes if both. nan, with a warning, if nothing is labeled.

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
    >>> segment_f1(y_true, y_pred, iou=[0.5, 0.9]).to_dict()
    {0.5: 0.5, 0.9: 0.0}
    """
    found = compare(y_true, y_pred, background)
    many = np.atleast_1d(np.asarray(iou, dtype=np.float64))
    hits = [match_segments(found.true, found.pred, one)[0] for one in many.tolist()]
    scores = [_tally_hits(found, one, average, zero_division).score() for one in hits]
    if np.ndim(iou) == 0:
        return scores[0]
    index = pd.Index(many, name="iou")
    return pd.Series(scores, index=index, name="f1") if average else pd.DataFrame(scores).set_index(index)


def event_f1(
    y_true: Any,
    y_pred: Any,
    *,
    onset_tolerance: float,
    offset_tolerance: float | None = None,
    background: int | None = 0,
    average: str | None = "macro",
    zero_division: float = 1.0,
) -> float | pd.Series:
    """F1 of events: a true segment is found if a predicted one of its class begins, and perhaps ends, close enough.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    onset_tolerance : float
        Largest distance between the starts of a pair, in samples, 0 or more.
    offset_tolerance : float or None, default=None
        Largest distance between their ends. None: ends do not matter.
    background : int or None, default=0
        The class that is not an event.
    average : {"macro", "micro", None}, default="macro"
        Mean over classes; one F1 of the events of all classes together; or one F1 per class.
    zero_division : float, default=1.0
        What it is if there is no event in truth or prediction.

    Returns
    -------
    float or pandas.Series
        0 to 1, per class if `average` is None. nan, with a warning, if nothing is labeled.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels, or a tolerance is negative.

    Notes
    -----
    The matching is one to one, within a class and a recording: as many pairs as possible and, among such matchings,
    the one with the least total distance. `mir_eval.transcription` matches notes in this way.

    References
    ----------
    Mesaros et al. 2016, "Metrics for polyphonic sound event detection", Applied Sciences 6(6), section 3.1.2.

    Examples
    --------
    >>> from sslts.metrics import event_f1
    >>> y_true = [[0, 0, 1, 1, 1, 0, 0, 0]]
    >>> y_pred = [[0, 1, 1, 1, 1, 1, 1, 0]]
    >>> event_f1(y_true, y_pred, onset_tolerance=1), event_f1(y_true, y_pred, onset_tolerance=1, offset_tolerance=1)
    (1.0, 0.0)
    """
    return _tally_event_f1(
        y_true,
        y_pred,
        onset_tolerance=onset_tolerance,
        offset_tolerance=offset_tolerance,
        background=background,
        average=average,
        zero_division=zero_division,
    ).score()


def _tally_segment_f1(
    y_true: Any, y_pred: Any, *, background: int | None, iou: float, average: str | None, zero_division: float
) -> Tally:
    """Return what each recording adds to `segment_f1`.

    Examples
    --------
    >>> options = {"background": 0, "iou": 0.5, "average": "macro", "zero_division": 1.0}
    >>> _tally_segment_f1([[0, 1, 1, 0, 1]], [[0, 1, 1, 0, 0]], **options).score()
    0.6666666666666666
    """
    found = compare(y_true, y_pred, background)
    return _tally_hits(found, match_segments(found.true, found.pred, iou)[0], average, zero_division)


def _tally_event_f1(
    y_true: Any,
    y_pred: Any,
    *,
    onset_tolerance: float,
    offset_tolerance: float | None,
    background: int | None,
    average: str | None,
    zero_division: float,
) -> Tally:
    """Return what each recording adds to `event_f1`.

    Examples
    --------
    >>> options = {"background": 0, "average": "macro", "zero_division": 1.0}
    >>> _tally_event_f1([[0, 1, 1, 0]], [[1, 1, 1, 0]], onset_tolerance=1, offset_tolerance=None, **options).score()
    1.0
    """
    for name, value in (("onset_tolerance", onset_tolerance), ("offset_tolerance", offset_tolerance)):
        if value is not None and not value >= 0:
            raise ValueError(f"{name}={value!r}; give a number of samples, 0 or more.")
    found = compare(y_true, y_pred, background)
    hits, _ = match_events(found.true, found.pred, onset_tolerance, offset_tolerance)
    return _tally_hits(found, hits, average, zero_division)


def _tally_hits(found: Comparison, hits: np.ndarray, average: str | None, zero_division: float) -> Tally:
    """Count the segments of each recording: those of the truth that are found, and all in truth plus prediction."""
    n = found.labeled.size
    true, pred = (
        count_per_recording(side.recording, side.label, n, found.classes) for side in (found.true, found.pred)
    )
    right = count_per_recording(found.true.recording[hits], found.true.label[hits], n, found.classes)
    finish = partial(average_f1, average=average, zero_division=zero_division)
    return Tally(np.stack([right, true + pred]), found.classes, found.labeled, finish)


def edit_score(y_true: Any, y_pred: Any, *, background: int | None = 0, zero_division: float = 1.0) -> float:
    """One minus the normalised edit distance between the sequences of true and predicted segments.

    It is about order and number alone, whatever the lengths: 1 if the labels of the segments follow one another as
    they should. Mean over the recordings that have a labeled sample.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    background : int or None, default=0
        The class that is not a segment.
    zero_division : float, default=1.0
        The score of a recording without a segment in truth or prediction.

    Returns
    -------
    float
        0 to 1; nan, with a warning, if nothing is labeled.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels.

    References
    ----------
    Lea et al., "Segmental spatiotemporal CNNs for fine-grained action segmentation", ECCV 2016, section 4.1.

    Examples
    --------
    >>> from sslts.metrics import edit_score
    >>> edit_score([[0, 1, 1, 0, 2, 2]], [[1, 0, 0, 0, 0, 2]]), edit_score([[0, 1, 1, 0, 2, 2]], [[1, 0, 1, 0, 0, 2]])
    (1.0, 0.6666666666666667)
    """
    found = compare(y_true, y_pred, background)
    if not found.labeled.any():
        warn_empty("y_true is all -1: there is no recording to score")
        return np.nan
    at = np.arange(found.labeled.size + 1)
    true, pred = (np.split(side.label, np.searchsorted(side.recording, at[1:-1])) for side in (found.true, found.pred))
    scores = [
        1 - _count_edits(a, b) / max(a.size, b.size) if a.size or b.size else zero_division
        for a, b, labeled in zip(true, pred, found.labeled, strict=True)
        if labeled
    ]
    return float(np.mean(scores))


def _count_edits(a: np.ndarray, b: np.ndarray) -> int:
    """Levenshtein distance: insertions, deletions and replacements that make `a` into `b`."""
    steps = np.arange(b.size + 1)
    row = steps.copy()
    for i, value in enumerate(a, start=1):
        kept = np.minimum(row[1:] + 1, row[:-1] + (b != value))
        # An insertion costs one more than the cell to the left: the least of all cells to the left, plus the distance.
        row = np.minimum.accumulate(np.concatenate([[i], kept]) - steps) + steps
    return int(row[-1])


def covering(y_true: Any, y_pred: Any, *, background: int | None = 0) -> float:  # noqa: ARG001
    """How well the predicted segments cover the true ones, whatever their class.

    Each true segment, stretches of background too, is worth the greatest intersection over union that a predicted one
    of its recording has with it; the mean is weighted by the length of the true segments.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    background : int or None, default=0
        Taken as by every metric; a stretch of background is a segment here, so it changes nothing.

    Returns
    -------
    float
        0 to 1; nan, with a warning, if nothing is labeled.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels.

    References
    ----------
    Arbelaez et al. 2011, "Contour detection and hierarchical image segmentation", section 3.3; van den Burg & Williams
    2020, "An evaluation of change point detection algorithms", eq. (9).

    Examples
    --------
    >>> from sslts.metrics import covering
    >>> covering([[0, 0, 1, 1]], [[3, 3, 3, 3]])
    0.5
    """
    found = compare(y_true, y_pred, None)
    if not found.labeled.any():
        warn_empty("y_true is all -1: there is no sample to score")
        return np.nan
    t, _, overlap = overlap_segments(found.true, found.pred)
    best = np.zeros(found.true.label.size)
    np.maximum.at(best, t, overlap)
    length = found.true.end - found.true.start
    return float((best * length).sum() / length.sum())
