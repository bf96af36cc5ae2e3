"""The best segmentation of a stretch whose segments may only change at given positions.

The score of a segmentation is the sum of the evidence of its labels, of the ratings of its lengths and of the ratings
of its transitions (a semi-Markov model: Yu 2010). `find_best` runs the recursion over many stretches at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sslts.decoding._model import SegmentModel
from sslts.decoding.decoder import _gather_similar
from sslts.decoding.durations import _index_lengths

_BATCH_CELLS = 1 << 21  # positions times classes of the stretches of one batch
_WINDOW = 128  # pieces back to which every start is tried; of the starts before, the best is kept


class Start(NamedTuple):
    """How a stretch may begin: for each class, the score of a segment that is open at the first sample.

    ``lasted`` counts the samples of that segment before the stretch; ``cut`` says whether its start is not visible.
    """

    score: np.ndarray  # (K,)
    lasted: np.ndarray  # (K,)
    cut: np.ndarray  # (K,) bool

    @property
    def is_fresh(self) -> bool:
        """Whether no segment that began before is open here."""
        return not self.lasted.any()

    @property
    def is_sure(self) -> bool:
        """Whether a change that is certainly kept is here."""
        return self.is_fresh and not self.cut.any()


class Stretch(NamedTuple):
    """A stretch of a recording in R pieces; a segment consists of whole pieces."""

    edges: np.ndarray  # (R + 1,): positions of the pieces, from 0
    total: np.ndarray  # (K, R + 1): evidence of each class, summed from the first sample
    start: Start
    end: int  # class of the last segment, if it ends with the stretch; -1: the last segment may go on


class Found(NamedTuple):
    """The best segments of a stretch."""

    first: np.ndarray  # (S,): index of the first piece of each segment
    label: np.ndarray  # (S,)


def find_best(model: SegmentModel, stretches: Sequence[Stretch]) -> list[Found]:
    """Return the best segments of each stretch."""
    found: list[Found] = [Found(np.zeros(0, int), np.zeros(0, int))] * len(stretches)
    for batch in _gather_similar([one.total.size for one in stretches], _BATCH_CELLS):
        for i, one in zip(batch, _find_together(model, [stretches[i] for i in batch]), strict=True):
            found[i] = one
    return found


def _find_together(model: SegmentModel, stretches: Sequence[Stretch]) -> list[Found]:
    """Return the best segments of stretches in one recursion; the stretch with most pieces comes first."""
    n, n_classes = len(stretches), len(model.transition)
    sizes = np.array([len(one.edges) - 1 for one in stretches])
    most = int(sizes[0])
    edges = np.zeros((n, most + 1), dtype=np.int64)
    total = np.zeros((n_classes, n, most + 1))
    for row, one in enumerate(stretches):
        edges[row, : len(one.edges)] = one.edges
        total[:, row, : len(one.edges)] = one.total
    begin = np.full((n_classes, n, most + 1), -np.inf)  # score at the start of a segment, less the evidence up to it
    begin[:, :, 0] = np.array([one.start.score for one in stretches]).T
    lasted = np.array([one.start.lasted for one in stretches]).T
    cut = np.array([one.start.cut for one in stretches]).T
    is_open = np.array([one.end < 0 for one in stretches])
    first = model.rate(edges + lasted[:, :, None], cut[:, :, None])  # (K, n, most + 1): segments from the first sample
    came = np.zeros((n_classes, n, most + 1), dtype=np.int32)  # piece where the segment that ends here began
    before = np.zeros((n_classes, n, most + 1), dtype=np.int16)  # class before a segment that begins here
    ended = np.full((n_classes, n), -np.inf)  # score of the whole stretch, by its last class
    oldest = _Oldest(np.zeros((n_classes, n), dtype=np.int64), edges, lasted, cut)
    grid_of = _index_lengths(np.arange(int(edges.max()) + 1))
    lives = np.searchsorted(-sizes, -np.arange(most + 2), side="right").tolist()
    for j in range(1, most + 1):
        live, going = lives[j], lives[j + 1]  # the stretches from `going` to `live` end here
        low = max(0, j - _WINDOW)
        grid = grid_of[edges[:live, j, None] - edges[:live, low:j]]
        scores = model.whole[:, grid]
        if low == 0:
            scores[:, :, 0] = first[:, :live, j]
        last = np.flatnonzero(is_open[going:live]) + going if going < live else ()
        if len(last):
            scores[:, last] = model.part[:, grid[last]]
            if low == 0:
                size = edges[last, j] + lasted[:, last]
                scores[:, last, 0] = model.rate(size, cut[:, last], is_open=True)
        scores += begin[:, :live, low:j]
        pick, score = scores.argmax(2) + low, scores.max(2)
        if low:
            oldest.take_best(model, begin, j, low - 1, last, pick, score)
        came[:, :live, j] = pick
        score += total[:, :live, j]
        ended[:, going:live] = score[:, going:live]
        if going:
            entering = score[:, None, :going] + model.transition[:, :, None]
            before[:, :going, j] = entering.argmax(0)
            begin[:, :going, j] = entering.max(0) - total[:, :going, j]
    return [
        _trace(came[:, row], before[:, row], int(sizes[row]), one.end if one.end >= 0 else int(ended[:, row].argmax()))
        for row, one in enumerate(stretches)
    ]


class _Oldest(NamedTuple):
    """The best start before the window, of each class and stretch."""

    start: np.ndarray  # (K, n)
    edges: np.ndarray
    lasted: np.ndarray
    cut: np.ndarray

    def take_best(
        self,
        model: SegmentModel,
        begin: np.ndarray,
        j: int,
        newest: int,
        last: Sequence[int],
        pick: np.ndarray,
        score: np.ndarray,
    ) -> None:
        """Compare the kept start with the one that leaves the window, and both with the starts in the window.

        ``pick`` and ``score`` are replaced where an older start is better. ``last`` lists the stretches that end here
        inside a segment.
        """
        n_classes, live = pick.shape
        classes, rows = np.arange(n_classes)[:, None], np.arange(live)
        ends = np.zeros(live, dtype=bool)
        ends[list(last)] = True
        older = []
        for start in (self.start[:, :live], np.full((n_classes, live), newest)):
            at_first = start == 0
            size = self.edges[:live, j] - self.edges[rows, start] + at_first * self.lasted[:, :live]
            rating = model.rate(size, at_first & self.cut[:, :live], is_open=ends)
            older.append(begin[classes, rows, start] + rating)
        self.start[:, :live][older[1] > older[0]] = newest
        best = np.maximum(*older)
        better = best > score
        np.copyto(pick, self.start[:, :live], where=better)
        np.copyto(score, best, where=better)


def _trace(came: np.ndarray, before: np.ndarray, stop: int, k: int) -> Found:
    """Return the segments of one stretch from its last class back to its first piece."""
    first, label = [], []
    while True:
        begun = int(came[k, stop])
        first.append(begun)
        label.append(k)
        if begun == 0:
            return Found(np.array(first[::-1]), np.array(label[::-1]))
        k, stop = int(before[k, begun]), begun
