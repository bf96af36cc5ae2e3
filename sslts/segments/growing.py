"""The segments of a recording whose labels arrive in parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sslts._runs import find_runs
from sslts._states import LAST_SAMPLE, read_numbers, read_whole
from sslts.annotations import Occurrences

_LARGEST_PROBA = 1.01  # a probability may be above 1 by rounding


class Closed(NamedTuple):
    """Segments that have ended, in order: class index, first sample, end and mean probability of each segment.

    Examples
    --------
    >>> closed = Closed(np.array([0, 1, 0]), np.array([0, 4, 9]), np.array([4, 9, 12]), np.array([0.9, 0.8, 0.7]))
    >>> Closed(*(column[closed.class_index == 1] for column in closed))  # segments of one class
    Closed(class_index=array([1]), start=array([4]), end=array([9]), score=array([0.8]))
    """

    class_index: np.ndarray
    start: np.ndarray
    end: np.ndarray
    score: np.ndarray


class GrowingSegments:
    """Segments found from final labels that arrive in parts; only the open segment is kept in memory.

    Probabilities may arrive before their labels, because a decoder needs later samples for a label.

    Parameters
    ----------
    n_classes : int
    occurrences : Occurrences or None, default=None
        The labels are codes, which tell occurrences that touch apart. None: the labels are class indices.

    Examples
    --------
    >>> growing = GrowingSegments(n_classes=2)
    >>> growing.push(np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]), np.array([0, 1]))
    Closed(class_index=array([0]), start=array([0]), end=array([1]), score=array([0.9]))
    >>> growing.push(np.empty((0, 2)), np.array([1]), end=True)
    Closed(class_index=array([1]), start=array([1]), end=array([3]), score=array([0.7]))
    """

    def __init__(self, n_classes: int, occurrences: Occurrences | None = None) -> None:
        self.occurrences = occurrences
        self.code = -1  # last label, if labels are codes
        self.labeled = 0  # number of samples with a final label
        self.proba = np.empty((0, n_classes), dtype=np.float32)  # of the samples without a final label
        self.class_index = -1  # class of the open segment; -1: no open segment
        self.start, self.score_sum = 0, 0.0  # of the open segment

    def push(self, proba: np.ndarray, labels: np.ndarray, *, end: bool = False) -> Closed:
        """Take more probabilities (t, K) and the next final labels; return the segments that ended.

        ``end=True`` also ends the last segment.
        """
        pending = np.concatenate([self.proba, proba]) if len(self.proba) else proba
        self.proba = pending[len(labels) :].copy()  # a view would keep the whole array in memory
        breaks = np.empty(0, dtype=np.int64)
        if self.occurrences is not None:
            breaks = self.occurrences.find_starts(labels, self.code)
            self.code = int(labels[-1]) if len(labels) else self.code
            labels = self.occurrences.owner[labels]
        begin, _, k = find_runs(labels, breaks=breaks)
        own = pending[np.arange(len(labels)), labels].astype(np.float64)
        total = np.add.reduceat(own, begin) if len(begin) else own
        start = begin + self.labeled
        self.labeled += len(labels)
        if self.class_index >= 0:
            if len(k) and k[0] == self.class_index and 0 not in breaks:  # the open segment continues
                total[0] += self.score_sum
                start[0] = self.start
            else:
                k, start = np.r_[self.class_index, k], np.r_[self.start, start]
                total = np.r_[self.score_sum, total]
        stop = np.append(start[1:], self.labeled)[: len(start)]
        closed = Closed(k, start, stop, total / np.maximum(stop - start, 1))
        if end or not len(k):
            self.class_index = self.code = -1
            return closed
        self.class_index, self.start, self.score_sum = int(k[-1]), int(start[-1]), float(total[-1])
        return Closed(*(column[:-1] for column in closed))

    def get_state(self) -> dict[str, np.ndarray]:
        """Return the memory as arrays, from which `set_state` continues."""
        state = {
            "labeled": self.labeled,
            "proba": self.proba,
            "k": self.class_index,
            "start": self.start,
            "total": self.score_sum,
        }
        if self.occurrences is not None:
            state["code"] = self.code
        return {name: np.asarray(value) for name, value in state.items()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from the state that `get_state` returned.

        Raises
        ------
        KeyError
            If a part is missing.
        ValueError
            If the state is damaged. Nothing changes in this case.
        """
        n_classes = self.proba.shape[1]
        name = "labelled" if "labelled" in state else "labeled"  # name of the entry before version 0.2
        labeled = read_whole(state, name, 0, LAST_SAMPLE)
        class_index = read_whole(state, "k", 0 if labeled else -1, n_classes - 1 if labeled else -1)
        start = read_whole(state, "start", 0, max(labeled - 1, 0))
        proba = read_numbers(state, "proba", (None, n_classes), low=0, high=_LARGEST_PROBA)
        most = (labeled - start) * _LARGEST_PROBA
        score_sum = float(read_numbers(state, "total", (), low=0, high=most))
        if self.occurrences is not None:
            self.code = read_whole(state, "code", -1, self.occurrences.n_codes - 1)
        self.labeled, self.class_index, self.start = labeled, class_index, start
        self.proba, self.score_sum = proba, score_sum
