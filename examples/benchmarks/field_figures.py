"""The figures of the field benchmark; `measure` returns all of them for one set of predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sslts import metrics


def measure(
    truth: Sequence[np.ndarray], predicted: Sequence[np.ndarray], background: int | None = 0
) -> dict[str, float]:
    """Return the figures of predictions, as shares.

    Parameters
    ----------
    truth, predicted : list of ndarray of int, shape (T_i,)
        True labels, -1 where unknown, and predicted labels.
    background : int or None, default=0
        The class that makes no segments.

    Returns
    -------
    dict
        ``mean_iou``; ``segment_f1``, ``precision`` and ``recall`` of the segments of all classes pooled, matched one to
        one at IoU 0.5; ``exact``, the share of right numbers among the pairs of a recording and a class that it has;
        ``count_error``, the sum of absolute errors of these numbers over all recordings and classes, per true segment;
        ``length_error``, the median relative error of the length of a matched segment.
    """
    known = [np.where(true < 0, -1, guess) for true, guess in zip(truth, predicted, strict=True)]
    offsets = np.concatenate([[0], np.cumsum([len(labels) for labels in truth])])
    true = metrics.find_segments(np.concatenate(truth), offsets, background)
    found = metrics.find_segments(np.concatenate(known), offsets, background)
    t, p = metrics.match_segments(true, found, iou=0.5)
    n_classes = int(max(true.label.max(initial=0), found.label.max(initial=0))) + 1
    cells = len(truth) * n_classes
    there, here = (np.bincount(side.recording * n_classes + side.label, minlength=cells) for side in (true, found))
    whole = ~true.cut[t]
    lengths, guessed = (true.end - true.start)[t][whole], (found.end - found.start)[p][whole]
    n_true, n_found = len(true.label), len(found.label)
    return {
        "mean_iou": metrics.mean_iou(truth, predicted),
        "segment_f1": 2 * len(t) / (n_true + n_found) if n_true + n_found else np.nan,
        "precision": len(t) / n_found if n_found else np.nan,
        "recall": len(t) / n_true if n_true else np.nan,
        "exact": float((there == here)[there > 0].mean()) if n_true else np.nan,
        "count_error": float(np.abs(there - here).sum() / n_true) if n_true else np.nan,
        "length_error": float(np.median(np.abs(guessed - lengths) / lengths)) if len(lengths) else np.nan,
    }
