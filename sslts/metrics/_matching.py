"""Pair true with predicted segments: what all metrics of segments share.

All recordings lie end to end in one array, in which `offsets` (n + 1,) say where each starts; segments are in the
coordinates of that array, so that no segments of different recordings overlap.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sslts._runs import expand_ranges, find_runs
from sslts.annotations import pool_labels

PAIRS_TOGETHER = 500  # assigned at once, if no segment is in pairs of two parts


class Segments(NamedTuple):
    """Segments in order of position, disjoint.

    Examples
    --------
    >>> find_segments(np.array([0, 1, 1, 0, 2]), np.array([0, 5]), background=0).label.tolist()
    [1, 2]
    """

    recording: np.ndarray
    start: np.ndarray
    end: np.ndarray
    label: np.ndarray
    cut: np.ndarray  # whether an unlabeled sample touches it, so that its true ends are unknown


class Comparison(NamedTuple):
    """True and predicted segments, the classes in either, and which recordings have a labeled sample.

    Examples
    --------
    >>> compare([[0, 1], [-1, -1]], [[0, 2], [0, 1]], background=0).labeled.tolist()
    [True, False]
    """

    true: Segments
    pred: Segments
    classes: np.ndarray
    labeled: np.ndarray


def find_segments(labels: np.ndarray, offsets: np.ndarray, background: int | None) -> Segments:
    """List the runs that are neither -1 nor background.

    Examples
    --------
    >>> found = find_segments(np.array([0, 1, 1, -1, 1]), np.array([0, 5]), background=0)
    >>> found.start.tolist(), found.end.tolist(), found.cut.tolist()
    ([1, 4], [3, 5], [True, True])
    """
    start, end, label = find_runs(labels, breaks=offsets[:-1])
    recording = np.searchsorted(offsets, start, side="right") - 1
    together = recording[1:] == recording[:-1]
    cut = np.zeros(label.size, dtype=bool)
    cut[1:] |= together & (label[:-1] < 0)
    cut[:-1] |= together & (label[1:] < 0)
    keep = (label >= 0) & (True if background is None else label != background)
    return Segments(recording[keep], start[keep], end[keep], label[keep], cut[keep])


def compare(y_true: Any, y_pred: Any, background: int | None) -> Comparison:
    """Find the segments of truth and prediction.

    Examples
    --------
    >>> found = compare([[0, 1, 1, 0]], [[0, 0, 2, 2]], background=0)
    >>> found.classes.tolist(), found.pred.start.tolist()
    ([1, 2], [2])
    """
    flat_true, flat_pred, offsets = pool_labels(y_true, y_pred)
    true, pred = (find_segments(flat, offsets, background) for flat in (flat_true, flat_pred))
    labeled = np.diff(np.concatenate([[0], np.cumsum(flat_true >= 0)])[offsets]) > 0
    return Comparison(true, pred, np.union1d(true.label, pred.label), labeled)


def overlap_segments(true: Segments, pred: Segments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List the pairs that overlap, of any classes: indices into `true` and `pred`, intersection over union.

    Examples
    --------
    >>> found = compare([[0, 1, 1, 0]], [[1, 1, 0, 1]], background=0)
    >>> t, p, iou = overlap_segments(found.true, found.pred)
    >>> t.tolist(), p.tolist(), iou.round(2).tolist()
    ([0], [0], [0.33])
    """
    first = np.searchsorted(pred.end, true.start, side="right")
    last = np.searchsorted(pred.start, true.end, side="left")
    t, p = np.repeat(np.arange(first.size), last - first), expand_ranges(first, last - first)
    shared = np.minimum(true.end[t], pred.end[p]) - np.maximum(true.start[t], pred.start[p])
    return t, p, shared / (true.end[t] - true.start[t] + pred.end[p] - pred.start[p] - shared)


def match_segments(true: Segments, pred: Segments, iou: float) -> tuple[np.ndarray, np.ndarray]:
    """Pair segments of one class by their overlap, one to one: indices into `true` and into `pred`.

    Raises
    ------
    ValueError
        If `iou` is out of range.

    Examples
    --------
    >>> found = compare([[0, 1, 1, 0, 1]], [[0, 1, 1, 0, 0]], background=0)
    >>> [pairs.tolist() for pairs in match_segments(found.true, found.pred, iou=0.5)]
    [[0], [0]]
    """
    if not 0 < iou <= 1:
        raise ValueError(f"iou={iou!r}; give the least intersection over union of a pair, above 0 and at most 1.")
    t, p, overlap = overlap_segments(true, pred)
    enough = (overlap >= iou) & (true.label[t] == pred.label[p])
    return _one_to_one(t[enough], p[enough], overlap[enough])


def match_events(
    true: Segments, pred: Segments, onset_tolerance: float, offset_tolerance: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Pair segments of one class and recording by their ends, one to one: indices into `true` and into `pred`.

    Tolerances are in samples; without `offset_tolerance` only the start has to be near.

    Examples
    --------
    >>> found = compare([[0, 1, 1, 1, 0, 1]], [[1, 1, 0, 0, 0, 1]], background=0)
    >>> [pairs.tolist() for pairs in match_events(found.true, found.pred, 1, None)]
    [[0, 1], [0, 1]]
    """
    first = np.searchsorted(pred.start, true.start - onset_tolerance, side="left")
    last = np.searchsorted(pred.start, true.start + onset_tolerance, side="right")
    t, p = np.repeat(np.arange(first.size), last - first), expand_ranges(first, last - first)
    onset, offset = np.abs(true.start[t] - pred.start[p]), np.abs(true.end[t] - pred.end[p])
    near = (true.label[t] == pred.label[p]) & (true.recording[t] == pred.recording[p])
    if offset_tolerance is None:
        distance, reach = onset, onset_tolerance
    else:
        near &= offset <= offset_tolerance
        distance, reach = onset + offset, onset_tolerance + offset_tolerance
    return _one_to_one(t[near], p[near], 1 - distance[near] / (reach + 1))


def _one_to_one(t: np.ndarray, p: np.ndarray, worth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose among candidate pairs: as many as possible, then the greatest total worth (each 0 to 1)."""
    crowded = (np.bincount(t)[t] > 1) | (np.bincount(p)[p] > 1)  # never if every overlap exceeds one half
    if not crowded.any():
        return t, p
    open_ = t[crowded], p[crowded], worth[crowded]
    chosen = [_assign(*(of[part] for of in open_)) for part in _split_pairs(*open_[:2])]
    true, pred = (np.concatenate(parts) for parts in zip(*chosen, strict=True))
    order = np.argsort(true)
    return np.concatenate([t[~crowded], true[order]]), np.concatenate([p[~crowded], pred[order]])


def _split_pairs(t: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
    """Return the places of pairs in parts that share no segment: assigning takes the square of what is assigned."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n = int(t.max()) + 1
    shape = (n + int(p.max()) + 1,) * 2
    component = connected_components(csr_array((np.ones(t.size), (t, n + p)), shape=shape), directed=False)[1][t]
    part = (np.cumsum(np.bincount(component)) // PAIRS_TOGETHER)[component]
    order = np.argsort(part, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(part[order])) + 1)


def _assign(t: np.ndarray, p: np.ndarray, worth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    rows, row = np.unique(t, return_inverse=True)
    columns, column = np.unique(p, return_inverse=True)
    # Each row has a spare column of its own, so that all rows can be matched; it costs more than any rearrangement
    # of real pairs (1 to 2 each) can save, so that it is taken only by rows that must go without.
    spare = np.arange(rows.size)
    cost = np.concatenate([2 - worth, np.full(rows.size, 2.0 * rows.size + 1)])
    ends = (row, spare), (column, columns.size + spare)
    where = tuple(np.concatenate(parts).astype(np.int32) for parts in ends)  # scipy 1.13 matches no other integers
    i, j = min_weight_full_bipartite_matching(csr_array((cost, where), shape=(rows.size, columns.size + rows.size)))
    real = j < columns.size
    return rows[i[real]], columns[j[real]]
