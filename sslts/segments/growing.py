"""Segments of a recording whose labels come stretch by stretch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sslts._runs import find_runs


class Closed(NamedTuple):
    """Segments that are over, in order: class index, first sample, end and mean probability of each.

    Examples
    --------
    >>> closed = Closed(np.array([0, 1, 0]), np.array([0, 4, 9]), np.array([4, 9, 12]), np.array([0.9, 0.8, 0.7]))
    >>> Closed(*(column[closed.class_index == 1] for column in closed))  # those of one class
    Closed(class_index=array([1]), start=array([4]), end=array([9]), score=array([0.8]))
    """

    class_index: np.ndarray
    start: np.ndarray
    end: np.ndarray
    score: np.ndarray


class GrowingSegments:
    """Join labels that become final into segments; only the segment that is not over is remembered.

    Probabilities may run ahead of the labels, as those of a decoder that looks ahead do.

    Parameters
    ----------
    n_classes : int

    Examples
    --------
    >>> growing = GrowingSegments(n_classes=2)
    >>> growing.push(np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]), np.array([0, 1]))
    Closed(class_index=array([0]), start=array([0]), end=array([1]), score=array([0.9]))
    >>> growing.push(np.empty((0, 2)), np.array([1]), end=True)
    Closed(class_index=array([1]), start=array([1]), end=array([3]), score=array([0.7]))
    """

    def __init__(self, n_classes: int) -> None:
        self.labeled = 0  # samples of which the labels are final
        self.proba = np.empty((0, n_classes), dtype=np.float32)  # from `labeled` on
        self.k, self.start, self.total = -1, 0, 0.0  # of the segment that is not over; class -1: there is none

    def push(self, proba: np.ndarray, labels: np.ndarray, *, end: bool = False) -> Closed:
        """Take more probabilities (t, K) and the next final labels (class indices); return what is over.

        With ``end``, the last segment is over too.
        """
        pending = np.concatenate([self.proba, proba]) if len(self.proba) else proba
        self.proba = pending[len(labels) :].copy()  # a view would keep all of it
        begin, _, k = find_runs(labels)
        own = pending[np.arange(len(labels)), labels].astype(np.float64)
        total = np.add.reduceat(own, begin) if len(begin) else own
        start = begin + self.labeled
        self.labeled += len(labels)
        if self.k >= 0:
            if len(k) and k[0] == self.k:  # it goes on
                total[0] += self.total
                start[0] = self.start
            else:
                k, start, total = np.r_[self.k, k], np.r_[self.start, start], np.r_[self.total, total]
        stop = np.append(start[1:], self.labeled)[: len(start)]
        closed = Closed(k, start, stop, total / np.maximum(stop - start, 1))
        if end or not len(k):
            self.k = -1
            return closed
        self.k, self.start, self.total = int(k[-1]), int(start[-1]), float(total[-1])
        return Closed(*(column[:-1] for column in closed))

    def get_state(self) -> dict[str, np.ndarray]:
        """Return what is remembered, as arrays."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        self.proba = np.array(state["proba"])
        labeled = "labelled" if "labelled" in state else "labeled"  # the name of the entry before version 0.2
        self.labeled, self.k, self.start = (int(state[name]) for name in (labeled, "k", "start"))
        self.total = float(state["total"])
