"""Pairs of true and predicted segments, which all metrics of segments share.

Recordings are laid end to end in one array; recording i starts at ``offsets[i]``, and ``offsets`` has shape (n + 1,).
Positions of segments count from the start of that array, so segments of different recordings never overlap.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sslts._runs import expand_ranges, find_runs
from sslts.annotations import find_touching, pool_labels
from sslts.recordings import to_samples

_NOWHERE = np.empty(0, dtype=np.int64)
_PAIRS_PER_PART = 500  # small parts keep the assignment fast: its cost grows with the square of the pairs


class Segments(NamedTuple):
    """Disjoint segments in order of position, as arrays with one entry for each segment.

    Attributes
    ----------
    recording : ndarray of int
        Index of the recording.
    start, end : ndarray of int
        First position of the segment, and the position after its last; positions count over all recordings, laid end
        to end.
    label : ndarray of int
        Class.
    cut : ndarray of bool
        Whether the segment touches an unlabeled sample, so that its true ends are unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.metrics import find_segments
    >>> find_segments(np.array([0, 1, 1, 0, 2]), np.array([0, 5]), background=0).label.tolist()
    [1, 2]
    """

    recording: np.ndarray
    start: np.ndarray
    end: np.ndarray
    label: np.ndarray
    cut: np.ndarray


class Comparison(NamedTuple):
    """True and predicted segments, the classes in either, and the number of labeled samples of each recording."""

    true: Segments
    pred: Segments
    classes: np.ndarray
    n_samples: np.ndarray

    @property
    def labeled(self) -> np.ndarray:
        """Whether each recording has a labeled sample."""
        return self.n_samples > 0


def find_segments(
    labels: np.ndarray, offsets: np.ndarray, background: int | None, breaks: np.ndarray = _NOWHERE
) -> Segments:
    """Return the segments: runs of one class that are neither unlabeled nor background.

    Parameters
    ----------
    labels : ndarray of int of shape (T,)
        Labels of all recordings, laid end to end (-1 = unlabeled).
    offsets : ndarray of int of shape (n + 1,)
        Position where each recording starts, and T.
    background : int or None
        The class that is not a segment.
    breaks : ndarray of int
        Positions at which a segment begins directly after a segment of its class.

    Returns
    -------
    Segments

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.metrics import find_segments
    >>> found = find_segments(np.array([0, 1, 1, -1, 1]), np.array([0, 5]), background=0)
    >>> found.start.tolist(), found.end.tolist(), found.cut.tolist()
    ([1, 4], [3, 5], [True, True])
    """
    start, end, label = find_runs(labels, breaks=np.concatenate([offsets[:-1], breaks]))
    recording = np.searchsorted(offsets, start, side="right") - 1
    same_recording = recording[1:] == recording[:-1]
    cut = np.zeros(label.size, dtype=bool)
    cut[1:] |= same_recording & (label[:-1] < 0)
    cut[:-1] |= same_recording & (label[1:] < 0)
    keep = (label >= 0) & (True if background is None else label != background)
    return Segments(recording[keep], start[keep], end[keep], label[keep], cut[keep])


def compare(y_true: Any, y_pred: Any, background: int | None) -> Comparison:
    """Return the segments of truth and prediction; predicted segments are cut to the labeled stretches.

    Segments that touch stay apart in `Annotations`.
    """
    flat_true, flat_pred, offsets = pool_labels(y_true, y_pred)
    breaks = find_touching(y_true, y_pred)
    true = find_segments(flat_true, offsets, background, breaks[0])
    pred = find_segments(flat_pred, offsets, background, breaks[1])
    n_samples = np.diff(np.concatenate([[0], np.cumsum(flat_true >= 0)])[offsets])
    return Comparison(true, pred, np.union1d(true.label, pred.label), n_samples)


def overlap_segments(true: Segments, pred: Segments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all pairs of segments that overlap, whatever their classes.

    The result has indices into `true`, indices into `pred` and the intersection over union of each pair.
    """
    first = np.searchsorted(pred.end, true.start, side="right")
    last = np.searchsorted(pred.start, true.end, side="left")
    t, p = np.repeat(np.arange(first.size), last - first), expand_ranges(first, last - first)
    shared = np.minimum(true.end[t], pred.end[p]) - np.maximum(true.start[t], pred.start[p])
    return t, p, shared / (true.end[t] - true.start[t] + pred.end[p] - pred.start[p] - shared)


def match_segments(true: Segments, pred: Segments, iou: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the one-to-one pairs of segments of the same class that overlap enough.

    The result has as many pairs as possible and, among such matchings, the greatest total intersection over union.

    Parameters
    ----------
    true, pred : Segments
        True and predicted segments of the same recordings.
    iou : float
        Least intersection over union of a pair, above 0 and at most 1.

    Returns
    -------
    matched_true, matched_pred : ndarray of int
        Indices into `true` and into `pred`; each pair has one entry in both arrays.

    Raises
    ------
    ValueError
        If `iou` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.metrics import find_segments, match_segments
    >>> offsets = np.array([0, 5])
    >>> true = find_segments(np.array([0, 1, 1, 0, 1]), offsets, background=0)
    >>> pred = find_segments(np.array([0, 1, 1, 0, 0]), offsets, background=0)
    >>> [pairs.tolist() for pairs in match_segments(true, pred, iou=0.5)]
    [[0], [0]]
    """
    if not 0 < iou <= 1:
        raise ValueError(f"iou={iou!r}; give the least intersection over union of a pair, above 0 and at most 1.")
    t, p, overlap = overlap_segments(true, pred)
    enough = (overlap >= iou) & (true.label[t] == pred.label[p])
    return _choose_pairs(t[enough], p[enough], overlap[enough])


class Tolerance(NamedTuple):
    """How far the ends of an event may be off.

    Attributes
    ----------
    onset : float
        Largest distance between the starts of a pair, in samples.
    offset : float or None
        Largest distance between the ends of a pair, in samples; None if ends do not matter.
    relative : float
        Share of the length of a true event that its start and end may be off, if that is more.
    """

    onset: float
    offset: float | None = None
    relative: float = 0.0

    @classmethod
    def read(cls, onset: float, offset: float | None, relative: float, sampling_rate: float | None = None) -> Tolerance:
        """Return the tolerance of arguments that users pass: in seconds with a sampling rate.

        Raises
        ------
        ValueError
            If a value is negative.
        """
        for name, value, unit in (
            ("onset_tolerance", onset, "a number of samples"),
            ("offset_tolerance", offset, "a number of samples"),
            ("relative_tolerance", relative, "a share of the length of the true event"),
        ):
            if value is not None and not value >= 0:
                raise ValueError(f"{name}={value!r}; give {unit}, 0 or more.")
        onset = to_samples(onset, sampling_rate, "onset_tolerance", edge="most")
        if offset is not None:
            offset = to_samples(offset, sampling_rate, "offset_tolerance", edge="most")
        return cls(onset, offset, relative)


def match_events(true: Segments, pred: Segments, tolerance: Tolerance) -> tuple[np.ndarray, np.ndarray]:
    """Return the one-to-one pairs of segments of the same class and recording whose starts and ends are close.

    The result has indices into `true` and into `pred`.
    """
    share = tolerance.relative * (true.end - true.start)
    most_onset = np.maximum(tolerance.onset, share)
    first = np.searchsorted(pred.start, true.start - most_onset, side="left")
    last = np.searchsorted(pred.start, true.start + most_onset, side="right")
    t, p = np.repeat(np.arange(first.size), last - first), expand_ranges(first, last - first)
    onset, offset = np.abs(true.start[t] - pred.start[p]), np.abs(true.end[t] - pred.end[p])
    near = (true.label[t] == pred.label[p]) & (true.recording[t] == pred.recording[p])
    if tolerance.offset is None:
        distance, reach = onset, most_onset[t]
    else:
        most_offset = np.maximum(tolerance.offset, share)[t]
        near &= offset <= most_offset
        distance, reach = onset + offset, most_onset[t] + most_offset
    return _choose_pairs(t[near], p[near], 1 - distance[near] / (reach[near] + 1))


def _choose_pairs(t: np.ndarray, p: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a one-to-one choice of the candidate pairs: as many as possible, then the greatest total weight.

    The weight of a pair is from 0 to 1.
    """
    crowded = (np.bincount(t)[t] > 1) | (np.bincount(p)[p] > 1)  # no pair is crowded if every overlap exceeds 1/2
    if not crowded.any():
        return t, p
    candidates = t[crowded], p[crowded], weight[crowded]
    chosen = [_solve_assignment(*(values[part] for values in candidates)) for part in _split_pairs(*candidates[:2])]
    true, pred = (np.concatenate(parts) for parts in zip(*chosen, strict=True))
    order = np.argsort(true)
    return np.concatenate([t[~crowded], true[order]]), np.concatenate([p[~crowded], pred[order]])


def _split_pairs(t: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
    """Return indices of pairs in parts that share no segment, so that each part can be solved alone."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n = int(t.max()) + 1
    shape = (n + int(p.max()) + 1,) * 2
    component = connected_components(csr_array((np.ones(t.size), (t, n + p)), shape=shape), directed=False)[1][t]
    part = (np.cumsum(np.bincount(component)) // _PAIRS_PER_PART)[component]
    order = np.argsort(part, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(part[order])) + 1)


def _solve_assignment(t: np.ndarray, p: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of the best one-to-one matching of these candidates."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    rows, row = np.unique(t, return_inverse=True)
    columns, column = np.unique(p, return_inverse=True)
    # The solver matches every row, so each row gets a spare column. A spare column costs more than any rearrangement
    # of real pairs (cost 1 to 2 each) can save, so a row takes it only if no real pair is left.
    spare = np.arange(rows.size)
    cost = np.concatenate([2 - weight, np.full(rows.size, 2.0 * rows.size + 1)])
    ends = (row, spare), (column, columns.size + spare)
    where = tuple(np.concatenate(parts).astype(np.int32) for parts in ends)  # scipy 1.13 takes only int32
    i, j = min_weight_full_bipartite_matching(csr_array((cost, where), shape=(rows.size, columns.size + rows.size)))
    real = j < columns.size
    return rows[i[real]], columns[j[real]]
