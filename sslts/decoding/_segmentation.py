"""The best segmentation of a stretch whose segments may only change at given positions.

The score of a segmentation is the sum of the evidence of its labels, of the ratings of its lengths and of the ratings
of its transitions (a semi-Markov model: Yu 2010). `find_best` runs the recursion over many stretches at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sslts.decoding._model import SegmentModel
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
    def is_sure(self) -> bool:
        """Whether a segment of a known class begins here."""
        return not self.cut.any() and not self.lasted.any() and bool(np.isfinite(self.score).sum() == 1)


class Stretch(NamedTuple):
    """A stretch of a recording in R pieces; a segment consists of whole pieces."""

    edges: np.ndarray  # (R + 1,): positions of the pieces, from 0
    total: np.ndarray  # (K, R + 1): evidence of each class, summed from the first sample
    start: Start
    end: int  # class of the last segment, if it ends with the stretch; -1: the last segment may go on


class Found(NamedTuple):
    """The best segments of a stretch, and how the last segment began."""

    first: np.ndarray  # (S,): index of the first piece of each segment
    label: np.ndarray  # (S,)


def find_best(model: SegmentModel, stretches: Sequence[Stretch]) -> list[Found]:
    """Return the best segments of each stretch."""
    found: list[Found] = [Found(np.zeros(0, int), np.zeros(0, int))] * len(stretches)
    for batch in _gather(stretches):
        for i, one in zip(batch, _find_together(model, [stretches[i] for i in batch]), strict=True):
            found[i] = one
    return found


def _gather(stretches: Sequence[Stretch]) -> Iterator[list[int]]:
    """Yield the numbers of stretches in batches of similar size, the stretches with most pieces first."""
    batch: list[int] = []
    for i in sorted(range(len(stretches)), key=lambda i: -len(stretches[i].edges)):
        if batch and (len(batch) + 1) * stretches[batch[0]].total.size > _BATCH_CELLS:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


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
    begin[:, :, 0] = np.stack([one.start.score for one in stretches], axis=1)
    lasted = np.stack([one.start.lasted for one in stretches], axis=1)
    cut = np.stack([one.start.cut for one in stretches], axis=1)
    is_open = np.array([one.end < 0 for one in stretches])
    came = np.zeros((n_classes, n, most + 1), dtype=np.int32)  # piece where the segment that ends here began
    before = np.zeros((n_classes, n, most + 1), dtype=np.int16)  # class before a segment that begins here
    ended = np.full((n_classes, n), -np.inf)  # score of the whole stretch, by its last class
    kept = np.zeros((n_classes, n), dtype=np.int64)  # the best start before the window, of each class
    classes, rows = np.arange(n_classes)[:, None], np.arange(n)
    for j in range(1, most + 1):
        live = int(np.searchsorted(-sizes, -j, side="right"))
        done = np.flatnonzero(sizes[:live] == j)
        ends = np.zeros(live, dtype=bool)  # whether the stretch ends here inside a segment
        ends[done] = is_open[done]
        low = max(0, j - _WINDOW)
        grid = _index_lengths(edges[:live, j, None] - edges[:live, low:j])
        rating = model.whole[:, grid]
        if ends.any():
            rating[:, ends] = model.part[:, grid[ends]]
        if low == 0:
            rating[:, :, 0] = model.rate(edges[:live, j] + lasted[:, :live], cut[:, :live], ends)
        scores = begin[:, :live, low:j] + rating
        pick = scores.argmax(2)
        score = np.take_along_axis(scores, pick[:, :, None], 2)[:, :, 0]
        pick += low
        if low:
            options = np.stack([kept[:, :live], np.full((n_classes, live), low - 1)])
            first = options == 0
            sizes_of = edges[:live, j] - edges[rows[:live], options] + first * lasted[:, :live]
            older = begin[classes, rows[:live], options]
            older += [model.rate(*of, ends) for of in zip(sizes_of, first & cut[:, :live], strict=True)]
            kept[:, :live] = np.where(older[1] > older[0], low - 1, kept[:, :live])
            better = older.max(0) > score
            pick, score = np.where(better, kept[:, :live], pick), np.where(better, older.max(0), score)
        came[:, :live, j] = pick
        score = score + total[:, :live, j]
        ended[:, done] = score[:, done]
        if j < most:
            entering = score[:, None, :] + model.transition[:, :, None]
            before[:, :live, j] = entering.argmax(0)
            begin[:, :live, j] = entering.max(0) - total[:, :live, j]
    return [
        _trace(came[:, row], before[:, row], int(sizes[row]), one.end if one.end >= 0 else int(ended[:, row].argmax()))
        for row, one in enumerate(stretches)
    ]


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
