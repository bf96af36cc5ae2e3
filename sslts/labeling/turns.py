"""Whose turn it is: choices spread over groups, and take no moment twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sslts.labeling.pool import Pool


class Turns:
    """Says which candidates of a pool may be chosen next.

    Groups with the fewest labeled and chosen stretches come first. Stretches of one group at one time, in recordings of
    equal length, show one moment, as the twelve leads of an electrocardiogram do: after one of them, other moments of
    the group come first.

    Parameters
    ----------
    pool : Pool

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.annotations import LabelRuns
    >>> from sslts.labeling import Pool, Turns
    >>> from sslts.recordings import as_recordings
    >>> X = as_recordings(np.zeros((3, 10)))
    >>> nothing = LabelRuns.from_constants(np.full(3, -1), X.lengths)
    >>> pool = Pool.from_labels(X, nothing, np.array([0, 0, 1]), length=10, whole=False, segmenter=None, seed=0)
    >>> list(Turns(pool).follow(np.array([3.0, 2.0, 1.0]), 3))
    [0, 2, 1]
    """

    def __init__(self, pool: Pool) -> None:
        self._candidates, self._lengths = pool.candidates, pool.recordings.lengths
        self._group = pool.group[pool.candidates.recording]
        self._count = np.bincount(pool.group[pool.labeled.recording], minlength=int(pool.group.max()) + 1)
        self._free = np.ones(len(pool), dtype=bool)
        self._fresh = np.ones(len(pool), dtype=bool)
        for recording, start, end in zip(*vars(pool.labeled).values(), strict=True):
            self._mark(recording, start, end, int(pool.group[recording]))

    @property
    def allowed(self) -> np.ndarray:
        """Whether each candidate may be chosen next, (m,)."""
        fresh = self._free & self._fresh
        among = fresh if fresh.any() else self._free
        count = self._count[self._group]
        return among & (count == count[among].min(initial=np.iinfo(np.int64).max))

    def take(self, candidate: int) -> None:
        """Note that a candidate was chosen."""
        self._free[candidate] = False
        group = int(self._group[candidate])
        self._count[group] += 1
        of = self._candidates
        self._mark(of.recording[candidate], of.start[candidate], of.end[candidate], group)

    def _mark(self, recording: int, start: int, end: int, group: int) -> None:
        """Mark the candidates that show the same moment as a stretch."""
        of = self._candidates
        same = (self._group == group) & (of.start < end) & (of.end > start)
        self._fresh &= ~(same & (self._lengths[of.recording] == self._lengths[recording]))

    def follow(self, worth: np.ndarray, n: int) -> Iterator[int]:
        """Yield `n` candidates, each the one of the greatest worth among those that may come next."""
        for _ in range(n):
            allowed = np.flatnonzero(self.allowed)
            found = int(allowed[worth[allowed].argmax()])
            self.take(found)
            yield found
