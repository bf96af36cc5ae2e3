"""The exact place of a chosen stretch: around doubtful samples, with its ends where nothing happens."""

from __future__ import annotations

from typing import Any

import numpy as np

from sslts._wrapping import find_attribute
from sslts.annotations import LabelRuns
from sslts.features import average_windows
from sslts.labeling.pool import Pool, Stretches

_OUTWARD, _INWARD = 4, 8  # an end moves by at most 1/4 of the length outward, 1/8 inward
_SMOOTHING = 32  # windows of 1/32 of the length on each side
_FAR = 1e-6  # among equally quiet samples, the nearest


def place_stretches(pool: Pool, chosen: np.ndarray, labels: LabelRuns) -> Stretches:
    """Return the chosen candidates, moved a little.

    With a model, a stretch is centered where the model is least sure. Its ends are put where the model sees background,
    or without a model where the signal is quiet. Stretches stay apart, and free of labels.

    Parameters
    ----------
    pool : Pool
    chosen : ndarray of int, shape (n,)
        Candidates of the pool.
    labels : LabelRuns
        The labels of all recordings.
    """
    placed = pool.candidates.select(chosen)
    low, high = _find_bounds(placed, labels)
    for i in np.unique(placed.recording).tolist():
        rows = np.flatnonzero(placed.recording == i)
        doubt, activity = _measure(pool, i, int(placed.end[rows[0]] - placed.start[rows[0]]))
        for k in rows[np.argsort(placed.start[rows])]:
            others = rows[rows != k]
            least = max([low[k], *placed.end[others][placed.end[others] <= placed.start[k]]])
            most = min([high[k], *placed.start[others][placed.start[others] >= placed.end[k]]])
            start, end = int(placed.start[k]), int(placed.end[k])
            if doubt is not None:
                start, end = _center(doubt, start, end, int(least), int(most))
            start, end = _snap(activity, start, end, int(least), int(most))
            placed.start[k], placed.end[k] = start, end
    return placed


def _find_bounds(stretches: Stretches, labels: LabelRuns) -> tuple[np.ndarray, np.ndarray]:
    """Return the first sample of the unlabeled run around each stretch, and the sample after its last."""
    offset = np.cumsum(labels.lengths) - labels.lengths
    flat = offset[labels.recording] + labels.start
    run = np.searchsorted(flat, offset[stretches.recording] + stretches.start, side="right") - 1
    return labels.start[run], labels.start[run] + labels.size[run]


def _measure(pool: Pool, i: int, length: int) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the doubt (T,) of a model in recording ``i``, None without one, and how much happens, (T,)."""
    half = max(length // _SMOOTHING, 1)
    segmenter = pool.segmenter
    if segmenter is None:
        x = np.nan_to_num(pool.recordings.read(i, missing=True).astype(np.float32))
        away = np.abs(x - np.median(x, axis=-1, keepdims=True))
        size = away.mean(-1, keepdims=True)
        away = np.divide(away, size, out=np.zeros_like(away), where=size > 0)
        return None, average_windows(away, half).mean(0)
    (proba,) = pool.predict([i])
    doubt = 1 - proba.max(-1)
    background, classes = find_attribute(segmenter, "background"), find_attribute(segmenter, "classes_")
    column: Any = [] if background is None else np.flatnonzero(np.asarray(classes) == background)
    activity = 1 - proba[:, column[0]] if len(column) else doubt
    return doubt, average_windows(np.ascontiguousarray(activity[None], dtype=np.float32), half)[0]


def _center(doubt: np.ndarray, start: int, end: int, least: int, most: int) -> tuple[int, int]:
    """Return the stretch of this length, moved by at most half of it, with the greatest sum of doubt."""
    size = end - start
    low, high = max(least, start - size // 2), min(most, end + size // 2)
    total = np.concatenate([[0.0], np.cumsum(doubt[low:high], dtype=np.float64)])
    sums = total[size:] - total[: len(total) - size]
    best = low + int(sums.argmax())
    return best, best + size


def _snap(activity: np.ndarray, start: int, end: int, least: int, most: int) -> tuple[int, int]:
    """Return the stretch with its ends moved to quiet samples; an end at a bound stays."""
    size = end - start
    outward, inward = size // _OUTWARD, size // _INWARD
    if start > least:
        start = _find_quiet(activity, max(least, start - outward), start + inward, start)
    if end < most:
        end = _find_quiet(activity, end - inward, min(most, end + outward), end)
    return start, end


def _find_quiet(activity: np.ndarray, low: int, high: int, wanted: int) -> int:
    at = np.arange(low, min(high + 1, len(activity)))
    return int(at[(activity[at] + _FAR * np.abs(at - wanted)).argmin()])
