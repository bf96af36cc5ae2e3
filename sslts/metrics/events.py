"""Metrics of segments: how many are found, in which order they follow, and how well they cover the truth."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sslts.metrics._matching import Comparison, Tolerance, compare, match_events, match_segments, overlap_segments
from sslts.metrics._tallies import Tally, average_f1, count_per_recording, tallied, warn_empty
from sslts.metrics._words import takes_words


def _tally_segment_f1(
    y_true: Any, y_pred: Any, *, background: int | None, iou: float, average: str | None, zero_division: float
) -> Tally:
    """Return the tally of `segment_f1` at a single IoU."""
    found = compare(y_true, y_pred, background)
    return _tally_hits(found, match_segments(found.true, found.pred, iou)[0], average, zero_division)


@tallied(_tally_segment_f1)
@takes_words
def segment_f1(
    y_true: Any,
    y_pred: Any,
    *,
    background: int | None = 0,
    iou: float | Sequence[float] = 0.5,
    average: str | None = "macro",
    zero_division: float = 1.0,
) -> float | pd.Series | pd.DataFrame:
    """Return the F1 of segments: a true segment is found if a predicted segment of its class overlaps it enough.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    background : int or None, default=0
        The class that is not a segment; None if every class is a segment.
    iou : float or sequence of float, default=0.5
        Least intersection over union of a pair, above 0 and at most 1; a sequence gives a result for each value.
    average : {"macro", "micro", None}, default="macro"
        "macro": mean of the F1 of each class. "micro": one F1 over the segments of all classes. None: one F1 per class.
    zero_division : float, default=1.0
        Result if truth and prediction have no segment.

    Returns
    -------
    float, pandas.Series or pandas.DataFrame
        0 to 1. A Series of classes if `average` is None; a Series of IoUs (the index is ``iou``) if `iou` is a
        sequence; a DataFrame of IoUs (rows) and classes (columns) if both. NaN, with a warning, if no sample is
        labeled.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels, or `iou` or `average` is out of range.

    References
    ----------
    Lea et al., "Temporal Convolutional Networks for Action Segmentation and Detection", CVPR 2017, section 4.1 (F1@k).
    The matching is greedy there; here it has as many pairs as possible.

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
    thresholds = np.atleast_1d(np.asarray(iou, dtype=np.float64))
    hits_at = [match_segments(found.true, found.pred, threshold)[0] for threshold in thresholds.tolist()]
    scores = [_tally_hits(found, hits, average, zero_division).score() for hits in hits_at]
    if np.ndim(iou) == 0:
        return scores[0]
    index = pd.Index(thresholds, name="iou")
    return pd.Series(scores, index=index, name="f1") if average else pd.DataFrame(scores).set_index(index)


def _tally_event_f1(
    y_true: Any,
    y_pred: Any,
    *,
    onset_tolerance: float,
    offset_tolerance: float | None,
    relative_tolerance: float,
    background: int | None,
    average: str | None,
    zero_division: float,
    sampling_rate: float | None,
) -> Tally:
    """Return the tally of `event_f1`; raise if a tolerance is negative."""
    tolerance = Tolerance.read(onset_tolerance, offset_tolerance, relative_tolerance, sampling_rate)
    found = compare(y_true, y_pred, background)
    return _tally_hits(found, match_events(found.true, found.pred, tolerance)[0], average, zero_division)


@tallied(_tally_event_f1)
@takes_words
def event_f1(
    y_true: Any,
    y_pred: Any,
    *,
    onset_tolerance: float,
    offset_tolerance: float | None = None,
    relative_tolerance: float = 0.0,
    background: int | None = 0,
    average: str | None = "macro",
    zero_division: float = 1.0,
    sampling_rate: float | None = None,
) -> float | pd.Series:
    """Return the F1 of events: a true segment is found if a predicted segment of its class starts close enough.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    onset_tolerance : float
        Largest distance between the starts of a pair, in samples, 0 or more.
    offset_tolerance : float or None, default=None
        Largest distance between the ends of a pair, in samples, 0 or more. None: ends do not matter.
    relative_tolerance : float, default=0.0
        Share of the length of a true event by which its start, and its end if ends matter, may be off, 0 or more. The
        larger of this and of the other tolerance holds.
    background : int or None, default=0
        The class that is not an event; None if every class is an event.
    average : {"macro", "micro", None}, default="macro"
        "macro": mean of the F1 of each class. "micro": one F1 over the events of all classes. None: one F1 per class.
    zero_division : float, default=1.0
        Result if truth and prediction have no event.
    sampling_rate : float or None, default=None
        Samples per second; tolerances are then in seconds. None: in samples.

    Returns
    -------
    float or pandas.Series
        0 to 1, per class if `average` is None. NaN, with a warning, if no sample is labeled.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels, or a tolerance is negative.

    Notes
    -----
    The matching is one to one within a class and a recording: it has as many pairs as possible and, among such
    matchings, the least total distance. `mir_eval.transcription` matches notes in the same way.

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
        relative_tolerance=relative_tolerance,
        background=background,
        average=average,
        zero_division=zero_division,
        sampling_rate=sampling_rate,
    ).score()


def _tally_hits(found: Comparison, hits: np.ndarray, average: str | None, zero_division: float) -> Tally:
    """Return a tally of segments: the found true segments, and the true plus predicted segments, of each class.

    ``hits`` are indices of the true segments that are found.
    """
    n = found.labeled.size
    true, pred = (
        count_per_recording(side.recording, side.label, n, found.classes) for side in (found.true, found.pred)
    )
    n_hits = count_per_recording(found.true.recording[hits], found.true.label[hits], n, found.classes)
    finish = partial(average_f1, average=average, zero_division=zero_division)
    return Tally(np.stack([n_hits, true + pred]), found.classes, found.labeled, finish)


def edit_score(y_true: Any, y_pred: Any, *, background: int | None = 0, zero_division: float = 1.0) -> float:
    """Return one minus the normalized edit distance between the sequences of true and predicted segments.

    Only the order of the segments' classes matters, not their lengths: the score is 1 if both sequences are equal. It
    is the mean over the recordings with a labeled sample.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    background : int or None, default=0
        The class that is not a segment; None if every class is a segment.
    zero_division : float, default=1.0
        Score of a recording whose truth and prediction have no segment.

    Returns
    -------
    float
        0 to 1; NaN, with a warning, if no sample is labeled.

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
    """Return the Levenshtein distance: the least number of insertions, deletions and replacements from a to b."""
    steps = np.arange(b.size + 1)
    row = steps.copy()
    for i, value in enumerate(a, start=1):
        kept = np.minimum(row[1:] + 1, row[:-1] + (b != value))
        # An insertion costs 1 more than the cell to its left: take the cheapest cell to the left plus its distance.
        row = np.minimum.accumulate(np.concatenate([[i], kept]) - steps) + steps
    return int(row[-1])


def covering(y_true: Any, y_pred: Any, *, background: int | None = 0) -> float:  # noqa: ARG001
    """Return how well the predicted segments cover the true segments, whatever their class.

    Each true segment scores its greatest intersection over union with a predicted segment of its recording. The result
    is the mean over true segments, weighted by length. A stretch of background is a segment here.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    background : int or None, default=0
        Has no effect, because the background counts like any other class. It is there because every metric has it.

    Returns
    -------
    float
        0 to 1; NaN, with a warning, if no sample is labeled.

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
