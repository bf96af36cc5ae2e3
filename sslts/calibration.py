"""Learn on labeled recordings what a segmenter's scores mean for a count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sslts._notices import warn
from sslts._wrapping import find_attribute
from sslts.annotations import follow_index, pool_labels, spread_labels
from sslts.decoding import predict_both
from sslts.metrics import Segments, find_segments, match_segments
from sslts.segments import CountCalibration, find_log_odds, labels_to_segments

_MAX_FOLDS = 20  # curves that are fitted to measure residuals; of fewer recordings, each is left out by itself
_OVERLAP = 0.1  # intersection over union from which a predicted segment is a real one: its ends do not matter here


def calibrate_counts(segmenter: Any, X: Any, y: Any) -> dict[int, CountCalibration]:
    """Learn how sure the segmenter's counts are, for `sslts.segments.summarize`.

    Parameters
    ----------
    segmenter : fitted segmenter
    X : array-like
        Recordings that the segmenter was not fitted on, as of validation subjects: at least ten, of the kind and
        length that will be counted; n of them back intervals of a level up to ``n / (n + 1)``.
    y : array-like of int
        Their labels; -1 where unlabeled. Recordings without a labeled sample are left out.

    Returns
    -------
    dict of int to CountCalibration
        For each class that is not background.

    Raises
    ------
    ValueError
        If no sample is labeled.

    Warns
    -----
    UserWarning
        If no labeled recording holds a class, so that its scores are taken as they are; if fewer than half of a
        class' true segments were found. The message names the class.

    Notes
    -----
    For each segment that is real and found, `CountCalibration` adds those that were missed here for each one found.
    Where fewer than half were found, more is added than was seen: expected counts and intervals then say hardly more
    than that the segmenter does not find the class. Where none was found, all that were missed are added for each one
    that is found later, which says nothing of the new recording.

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
    labels, proba = predict_both(segmenter, X)
    truth = spread_labels(follow_index(y, X), list(map(len, labels)))
    flat_true, flat_pred, offsets = pool_labels(truth, labels)
    if not (flat_true >= 0).any():
        raise ValueError("y has no labeled sample: every label is -1. Counts are calibrated on labeled recordings.")
    background = find_attribute(segmenter, "background", 0)
    true, found = (find_segments(flat, offsets, background) for flat in (flat_true, flat_pred))
    cut = [np.where(t < 0, -1, p) for t, p in zip(truth, labels, strict=True)]
    table = labels_to_segments(cut, background=background, proba=proba, classes=segmenter.classes_)
    matched_true, matched = match_segments(true, found, _OVERLAP)
    labeled = np.array([(t >= 0).any() for t in truth])
    real = np.zeros(found.label.size, dtype=bool)
    real[matched] = True
    met = np.zeros(true.label.size, dtype=bool)
    met[matched_true] = True
    score = table["score"].to_numpy()
    classes = [int(k) for k in segmenter.classes_ if k != background]
    _warn_of_missed(true, matched_true, classes)
    return {
        k: _calibrate_class(
            score[found.label == k],
            real[found.label == k],
            counts=[
                _count(true, labeled, true.label == k),
                _count(found, labeled, found.label == k),
                _count(true, labeled, met & (true.label == k)),
            ],
        )
        if (true.label == k).any()
        else CountCalibration()
        for k in classes
    }


def _warn_of_missed(true: Segments, matched: np.ndarray, classes: list[int]) -> None:
    n_true, n_found = ({k: int((label == k).sum()) for k in classes} for label in (true.label, true.label[matched]))
    absent = [k for k in classes if not n_true[k]]
    if absent:
        warn(
            f"no labeled recording holds a segment of class {absent[0]}, so its counts can't be calibrated: its "
            "scores are taken as they are. Calibrate on recordings that hold it."
        )
    weak = [f"class {k}, {n_found[k]} of {n_true[k]}" for k in classes if 2 * n_found[k] < n_true[k]]
    if weak:
        warn(
            f"fewer than half of the true segments were found ({'; '.join(weak)}): expected counts, which make up for "
            "the others, are hardly better than a guess. Mend the segmenter first."
        )


def _count(segments: Segments, labeled: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.bincount(segments.recording[chosen], minlength=labeled.size)[labeled]


def _calibrate_class(score: np.ndarray, real: np.ndarray, *, counts: list[np.ndarray]) -> CountCalibration:
    """Fit the curve to all recordings, and measure the residuals of each by one that has not seen it.

    ``counts`` (n,) each are of true segments, found ones, and true ones that were found.
    """
    true, found, _ = counts
    n = found.size
    recording = np.repeat(np.arange(n), found)
    fold = np.arange(n) % min(n, _MAX_FOLDS)
    residuals = np.empty(n)
    for left_out in (fold == f for f in range(fold.max(initial=-1) + 1)):
        seen = ~left_out if n > 1 else left_out  # of one recording there is no other
        curve = _make_curve(score, real, recording, counts, seen)
        expected, variance = (np.bincount(recording, weights=part, minlength=n) for part in curve.weigh(score))
        residuals[left_out] = curve.measure_residuals(true, expected, variance)[left_out]
    whole = _make_curve(score, real, recording, counts, np.ones(n, dtype=bool))
    return replace(whole, residuals=tuple(residuals.tolist()))


def _make_curve(
    score: np.ndarray, real: np.ndarray, recording: np.ndarray, counts: list[np.ndarray], seen: np.ndarray
) -> CountCalibration:
    """Fit the curve of scores, and the share that is missed, to the recordings that are ``seen`` (n,)."""
    mine = seen[recording]
    slope, intercept = _fit_curve(score[mine], real[mine]) if mine.any() else (1.0, 0.0)
    true, _, met = (int(count[seen].sum()) for count in counts)
    return CountCalibration(slope, intercept, missed=(true - met) / max(met, 1))


def _fit_curve(score: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Fit a logistic curve to log-odds, with Platt's targets: never quite 0 or 1, they keep it finite by themselves."""
    from sklearn.linear_model import LogisticRegression

    odds = find_log_odds(score)[:, None]
    target = np.where(real, (real.sum() + 1) / (real.sum() + 2), 1 / ((~real).sum() + 2))
    both = np.concatenate([odds, odds])
    outcome = np.repeat([1, 0], score.size)
    unpenalized = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    fitted = unpenalized.fit(both, outcome, sample_weight=np.concatenate([target, 1 - target]))
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
