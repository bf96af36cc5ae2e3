"""Calibration of a segmenter's counts on labeled recordings."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone

from sslts._notices import warn
from sslts._wrapping import check_completed, find_attribute
from sslts.annotations import (
    Annotations,
    find_touching,
    follow_index,
    number_like,
    pool_labels,
    predict_annotations,
    return_labels,
    spread_labels,
)
from sslts.decoding import predict_both
from sslts.metrics import Segments, find_segments, match_segments
from sslts.model_selection import LabeledGroupKFold, LabeledKFold
from sslts.recordings import select_rows
from sslts.segments import CountCalibration, find_log_odds, labels_to_segments

__all__ = ["calibrate_counts"]

_MAX_FOLDS = 20  # limits the number of fitted curves; up to 20 recordings are left out one at a time
_LEAST_IOU = 0.1  # least overlap of a predicted segment that is real; low because ends do not matter for a count


def calibrate_counts(
    segmenter: Any, X: Any, y: Any, *, cv: Any = None, groups: Any = None
) -> dict[Any, CountCalibration]:
    """Return a calibration of the segmenter's counts for each class, for `sslts.segments.summarize`.

    Parameters
    ----------
    segmenter : fitted segmenter
        Segmenter whose counts are calibrated.
    X : array-like
        Recordings that the segmenter was not fitted on, such as recordings of validation subjects. Pass at least ten,
        similar in kind and length to the recordings that will be counted. n recordings support intervals of a level up
        to ``n / (n + 1)``. With `cv`, the recordings of the fit, labeled and unlabeled.
    y : array-like
        Labels of `X`, or words (-1 = unlabeled). Recordings without a labeled sample are left out.
    cv : int, splitter or None, default=None
        None: the segmenter labels `X`. Else cross-fitting, for whom no labels are left to spare: a clone is fitted
        without the labels of each fold, and labels the fold. **It costs as many fits as there are folds.** A clone has
        fewer labels than the segmenter, so intervals are rather too wide. An int is the number of folds of
        `LabeledKFold`, or of `LabeledGroupKFold` with `groups`.
    groups : sequence of length n, default=None
        Person, machine or day of each recording, so that a clone has not seen the one whose recordings it labels.

    Returns
    -------
    dict of int, or of str, to CountCalibration
        The calibration of each class except the background, by its word if the segmenter was fitted on words.

    Raises
    ------
    ValueError
        If no sample is labeled, if there are too few labeled recordings for `cv`, or `groups` is given without `cv`.

    Warns
    -----
    UserWarning
        If no labeled recording holds a class: its scores are not calibrated. If fewer than half of the true segments
        of a class were found. The message names the class.

    Notes
    -----
    For each real segment that is found, `CountCalibration` adds the number of missed segments per found segment in `X`.
    If fewer than half of the segments were found, it adds more segments than were found, and expected counts and
    intervals are hardly informative. If no segment was found, it adds the number of all missed segments for each
    segment that is found later, and expected counts are meaningless.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.calibration import calibrate_counts
    >>> from sslts.datasets import make_recordings
    >>> from sslts.segments import summarize
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> segmenter = SupervisedSegmenter(max_steps=2, random_state=0).fit(X[:4], y[:4])
    >>> calibration = calibrate_counts(segmenter, X[4:], y[4:])
    >>> table = summarize(
    ...     segmenter.predict_segments(X), [400] * 8, labels=[1], calibration=calibration, level=0.8
    ... )
    >>> bool((table["count_low"] <= table["count_high"]).all())
    True
    """
    y = number_like(y, segmenter)
    if cv is None:
        if groups is not None:
            raise ValueError("groups needs cv; without cv, the segmenter labels X as it is.")
        labels, proba = _predict(segmenter, X, y)
        truth = y if isinstance(y, Annotations) else spread_labels(follow_index(y, X), list(map(len, labels)))
    else:
        labels, proba, truth = _cross_fit(segmenter, X, y, cv, groups)
    flat_true, flat_pred, offsets = pool_labels(truth, labels)
    if not (flat_true >= 0).any():
        raise ValueError("y has no labeled sample: every label is -1. Pass labeled recordings to calibrate counts.")
    background = find_attribute(segmenter, "background", 0)
    breaks = find_touching(truth, labels)
    true = find_segments(flat_true, offsets, background, breaks[0])
    found = find_segments(flat_pred, offsets, background, breaks[1])
    visible = return_labels(np.split(flat_pred, offsets[1:-1]), labels)
    table = labels_to_segments(visible, background=background, proba=proba, classes=segmenter.classes_)
    matched_true, matched = match_segments(true, found, _LEAST_IOU)
    labeled = np.array([(t >= 0).any() for t in np.split(flat_true, offsets[1:-1])])
    real = np.zeros(found.label.size, dtype=bool)
    real[matched] = True
    hit = np.zeros(true.label.size, dtype=bool)
    hit[matched_true] = True
    score = table["score"].to_numpy()
    classes = [int(k) for k in segmenter.classes_ if k != background]
    _warn_of_missed_segments(true, matched_true, classes)
    words = find_attribute(segmenter, "class_names_") or {}
    return {
        words.get(k, k): _calibrate_class(
            score[found.label == k],
            real[found.label == k],
            counts=[
                _count_per_recording(true, labeled, true.label == k),
                _count_per_recording(found, labeled, found.label == k),
                _count_per_recording(true, labeled, hit & (true.label == k)),
            ],
        )
        if (true.label == k).any()
        else CountCalibration()
        for k in classes
    }


def _predict(segmenter: Any, X: Any, y: Any) -> tuple[Any, list[np.ndarray]]:
    """Return labels and probabilities of recordings; segments as annotations if ``y`` is of this kind."""
    if isinstance(y, Annotations):
        return predict_annotations(segmenter, X, y), list(segmenter.predict_proba(X))
    return predict_both(segmenter, X)


def _cross_fit(segmenter: Any, X: Any, y: Any, cv: Any, groups: Any) -> tuple[Any, list[np.ndarray], Any]:
    """Return labels and probabilities of labeled recordings by clones that did not see their labels, and the truth."""
    if isinstance(cv, Integral):
        cv = LabeledKFold(int(cv)) if groups is None else LabeledGroupKFold(int(cv))
    labels: list[Any] = []
    proba: list[np.ndarray] = []
    truth: list[Any] = []
    y = y if isinstance(y, Annotations) else follow_index(y, X)
    for train, test in cv.split(X, y, groups):
        fitted = clone(segmenter).fit(select_rows(X, train), select_rows(y, train, "y"))
        check_completed(fitted)  # Ctrl-C ends all fits
        of_test = select_rows(y, test, "y")
        found, probas = _predict(fitted, select_rows(X, test), of_test)
        labels.append(found)
        proba += probas
        truth.append(of_test if isinstance(y, Annotations) else spread_labels(of_test, list(map(len, found))))
    if isinstance(y, Annotations):
        return Annotations.concatenate(labels), proba, Annotations.concatenate(truth)
    return list(chain(*labels)), proba, list(chain(*truth))


def _warn_of_missed_segments(true: Segments, matched: np.ndarray, classes: list[int]) -> None:
    """Warn if no recording holds a class, or if fewer than half of its true segments were found."""
    n_true, n_found = ({k: int((label == k).sum()) for k in classes} for label in (true.label, true.label[matched]))
    absent = [k for k in classes if not n_true[k]]
    if absent:
        warn(
            f"no labeled recording holds a segment of class {absent[0]}, so its counts are not calibrated. Pass "
            "recordings with this class."
        )
    weak = [f"class {k}, {n_found[k]} of {n_true[k]}" for k in classes if 2 * n_found[k] < n_true[k]]
    if weak:
        warn(
            f"fewer than half of the true segments were found ({'; '.join(weak)}), so expected counts are hardly "
            "better than a guess. Improve the segmenter first."
        )


def _count_per_recording(segments: Segments, labeled: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the number of chosen segments in each labeled recording."""
    return np.bincount(segments.recording[chosen], minlength=labeled.size)[labeled]


def _calibrate_class(score: np.ndarray, real: np.ndarray, *, counts: list[np.ndarray]) -> CountCalibration:
    """Return the curve of one class, fitted to all recordings, with cross-validated residuals of the recordings.

    ``counts`` are three arrays (n,): true segments, predicted segments, and true segments that were found.
    """
    true, found, _ = counts
    n = found.size
    recording = np.repeat(np.arange(n), found)
    fold = np.arange(n) % min(n, _MAX_FOLDS)
    residuals = np.empty(n)
    for left_out in (fold == f for f in range(fold.max(initial=-1) + 1)):
        training = ~left_out if n > 1 else left_out  # a single recording can't be left out
        curve = _make_curve(score, real, recording, counts, training)
        expected, variance = (np.bincount(recording, weights=part, minlength=n) for part in curve.weigh(score))
        residuals[left_out] = curve.measure_residuals(true, expected, variance)[left_out]
    whole = _make_curve(score, real, recording, counts, np.ones(n, dtype=bool))
    return replace(whole, residuals=tuple(residuals.tolist()))


def _make_curve(
    score: np.ndarray, real: np.ndarray, recording: np.ndarray, counts: list[np.ndarray], training: np.ndarray
) -> CountCalibration:
    """Return the curve of scores and the number of missed segments per found segment, fitted to some recordings.

    ``training`` (n,) tells which recordings are used.
    """
    used = training[recording]
    slope, intercept = _fit_curve(score[used], real[used]) if used.any() else (1.0, 0.0)
    true, _, hit = (int(count[training].sum()) for count in counts)
    return CountCalibration(slope, intercept, missed=(true - hit) / max(hit, 1))


def _fit_curve(score: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Return slope and intercept of a logistic curve, fitted to log-odds with Platt's targets.

    The targets are never exactly 0 or 1, so the curve stays finite without a penalty.
    """
    from sklearn.linear_model import LogisticRegression

    odds = find_log_odds(score)[:, None]
    target = np.where(real, (real.sum() + 1) / (real.sum() + 2), 1 / ((~real).sum() + 2))
    # A soft target is fitted as two samples, one of each outcome, with weights.
    doubled = np.concatenate([odds, odds])
    outcome = np.repeat([1, 0], score.size)
    unpenalized = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    fitted = unpenalized.fit(doubled, outcome, sample_weight=np.concatenate([target, 1 - target]))
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
