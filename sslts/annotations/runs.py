"""The labels of many recordings as runs of equal labels; memory grows with the number of runs, not of samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sslts._runs import expand_ranges, find_runs


@dataclass(frozen=True, eq=False)
class LabelRuns:
    """The labels of all recordings as runs of equal labels, one recording after another, without gaps.

    An unlabeled recording of any length is one run of ``-1``. Two runs of one class that follow each other are two
    occurrences that touch; labels that were read from arrays hold no such runs.

    Parameters
    ----------
    lengths : ndarray of int64, shape (n,)
        Number of samples of each recording.
    first : ndarray of int64, shape (n + 1,)
        Recording ``i`` consists of the runs ``first[i]:first[i + 1]``.
    start : ndarray of int64, shape (R,)
        First sample of each run, counted from the start of its recording.
    value : ndarray of int64, shape (R,)
        Label of each run.

    Examples
    --------
    >>> runs = LabelRuns.from_labels([np.array([0, 0, 5]), np.full(9, -1)])
    >>> runs.recording.tolist(), runs.start.tolist(), runs.size.tolist(), runs.value.tolist()
    ([0, 0, 1], [0, 2, 0], [2, 1, 9], [0, 5, -1])
    """

    lengths: np.ndarray
    first: np.ndarray
    start: np.ndarray
    value: np.ndarray

    @classmethod
    def from_labels(cls, labels: Iterable[np.ndarray]) -> LabelRuns:
        """Return the runs of arrays of labels, one array (T_i,) per recording."""
        return cls.from_parts([one] for one in labels)

    @classmethod
    def from_parts(cls, recordings: Iterable[Iterable[np.ndarray]]) -> LabelRuns:
        """Return the runs of recordings whose labels come in stretches; one stretch is in memory at a time."""
        found = [_join_parts(parts) for parts in recordings]
        lengths, starts, values = zip(*found, strict=True) if found else ((), (), ())
        first = np.cumsum([0, *map(len, starts)])
        empty = np.empty(0, dtype=np.int64)
        start, value = np.concatenate([empty, *starts]), np.concatenate([empty, *values])
        return cls(np.array(lengths, dtype=np.int64), first, start, value)

    @classmethod
    def from_stretches(cls, recordings: Iterable[Iterable[tuple[int, int]]]) -> LabelRuns:
        """Return the runs of recordings whose labels are stretches ``(label, samples)``; a stretch may be empty.

        Examples
        --------
        >>> LabelRuns.from_stretches([[(0, 2), (-1, 0), (0, 1), (5, 3)]]).to_labels()[0].tolist()
        [0, 0, 0, 5, 5, 5]
        """
        return cls.from_parts([np.broadcast_to(label, n) for label, n in one if n] for one in recordings)

    @classmethod
    def from_table(cls, labels: np.ndarray) -> LabelRuns:
        """Return the runs of equally long recordings, whose labels are one array (n, T).

        Examples
        --------
        >>> LabelRuns.from_table(np.array([[0, 0, 1], [1, 1, 1]])).start.tolist()
        [0, 2, 0]
        """
        n, length = labels.shape
        begin = np.arange(n) * length
        start, _, value = find_runs(labels.ravel(), breaks=begin)
        first = np.append(np.searchsorted(start, begin), len(start))
        return cls(np.full(n, length), first, start % length, value.astype(np.int64))

    @classmethod
    def from_constants(cls, values: np.ndarray, lengths: np.ndarray) -> LabelRuns:
        """Return the runs of recordings that have one label for all their samples.

        Examples
        --------
        >>> LabelRuns.from_constants(np.array([3, -1]), np.array([10, 10**9])).size.tolist()
        [10, 1000000000]
        """
        return cls(lengths, np.arange(len(lengths) + 1), np.zeros(len(lengths), dtype=np.int64), values)

    @classmethod
    def from_runs(cls, lengths: np.ndarray, recording: np.ndarray, start: np.ndarray, value: np.ndarray) -> LabelRuns:
        """Return runs that are given by recording, first sample and label, in order; runs of one class stay apart.

        Unlabeled runs that follow each other become one.

        Examples
        --------
        >>> column = np.array([0, 0, 0, 0])
        >>> runs = LabelRuns.from_runs(np.array([9]), column, np.array([0, 2, 4, 5]), np.array([-1, -1, 3, 3]))
        >>> runs.start.tolist(), runs.value.tolist()
        ([0, 4, 5], [-1, 3, 3])
        """
        kept = np.ones(len(start), dtype=bool)
        kept[1:] = (recording[1:] != recording[:-1]) | (value[1:] >= 0) | (value[:-1] >= 0)
        recording, start, value = recording[kept], start[kept], value[kept]
        first = np.searchsorted(recording, np.arange(len(lengths) + 1))
        return cls(lengths, first, start.astype(np.int64), value.astype(np.int64))

    @classmethod
    def concatenate(cls, parts: Sequence[LabelRuns]) -> LabelRuns:
        """Return the runs of the recordings of several collections, one after another.

        Examples
        --------
        >>> one = LabelRuns.from_labels([np.array([0, 0, 5])])
        >>> LabelRuns.concatenate([one, one]).first.tolist()
        [0, 2, 4]
        """
        counts = np.concatenate([np.diff(part.first) for part in parts])
        lengths, start, value = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("lengths", "start", "value")
        )
        return cls(lengths, np.cumsum(np.append(0, counts)), start, value)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def recording(self) -> np.ndarray:
        """Index of the recording of each run, (R,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))

    @cached_property
    def size(self) -> np.ndarray:
        """Number of samples of each run, (R,)."""
        end = np.append(self.start[1:], 0)[: len(self.start)]
        filled = np.diff(self.first) > 0
        end[self.first[1:][filled] - 1] = self.lengths[filled]
        return end - self.start

    @property
    def labeled(self) -> np.ndarray:
        """Whether each recording has a labeled sample, (n,)."""
        return self.count_samples() > 0

    @property
    def neighbors(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels of the runs before and after each run, (R,) each; ``-1`` at the ends of a recording."""
        before, after = np.roll(self.value, 1), np.roll(self.value, -1)
        filled = np.diff(self.first) > 0
        before[self.first[:-1][filled]] = -1
        after[self.first[1:][filled] - 1] = -1
        return before, after

    @cached_property
    def touches(self) -> np.ndarray:
        """Whether each run follows a run of its own class at once, (R,): an occurrence that touches the one before."""
        return (self.value >= 0) & (self.value == self.neighbors[0])

    def join(self) -> LabelRuns:
        """Return the runs with occurrences that touch as one run, as labels in arrays show them.

        Examples
        --------
        >>> runs = LabelRuns.from_runs(np.array([9]), np.zeros(2, int), np.array([0, 4]), np.array([3, 3]))
        >>> runs.touches.tolist(), runs.join().start.tolist()
        ([False, True], [0])
        """
        if not self.touches.any():
            return self
        kept = ~self.touches
        return LabelRuns.from_runs(self.lengths, self.recording[kept], self.start[kept], self.value[kept])

    def split(self, at: np.ndarray) -> LabelRuns:
        """Return the runs, cut into two wherever a sample ``at`` is inside a run of a class.

        Samples count over all recordings, end to end.

        Examples
        --------
        >>> LabelRuns.from_labels([np.array([5, 5, 5, -1, -1])]).split(np.array([1, 4])).start.tolist()
        [0, 1, 3]
        """
        flat = np.union1d(self._flat_start, at)
        run = np.searchsorted(self._flat_start, flat, side="right") - 1
        kept = (flat == self._flat_start[run]) | (self.value[run] >= 0)
        flat, run = flat[kept], run[kept]
        recording = self.recording[run]
        return LabelRuns.from_runs(self.lengths, recording, flat - self._offset[recording], self.value[run])

    def select(self, kept: np.ndarray) -> LabelRuns:
        """Return the runs of the recordings at positions ``kept``, in that order.

        Examples
        --------
        >>> runs = LabelRuns.from_labels([np.array([0, 0, 5]), np.full(9, -1), np.array([2])])
        >>> runs.select(np.array([2, 0])).value.tolist()
        [2, 0, 5]
        """
        counts = np.diff(self.first)[kept]
        runs = expand_ranges(self.first[:-1][kept], counts)
        first = np.cumsum(np.append(0, counts))
        return LabelRuns(self.lengths[kept], first, self.start[runs], self.value[runs])

    def encode(self, classes: np.ndarray) -> LabelRuns:
        """Return the runs with labels replaced by their indices in the sorted ``classes``; ``-1`` is kept."""
        return replace(self, value=np.where(self.value < 0, -1, np.searchsorted(classes, self.value)))

    def to_labels(self) -> list[np.ndarray]:
        """Return the labels as one array (T_i,) per recording.

        Examples
        --------
        >>> [labels.tolist() for labels in LabelRuns.from_labels([np.array([0, 0, 5]), np.array([2])]).to_labels()]
        [[0, 0, 5], [2]]
        """
        return np.split(np.repeat(self.value, self.size), np.cumsum(self.lengths)[:-1])

    def fill(self, other: LabelRuns) -> LabelRuns:
        """Return these labels, and the labels of ``other`` where these are ``-1``.

        Examples
        --------
        >>> runs = LabelRuns.from_labels([np.array([0, 0, 5, -1, -1])])
        >>> runs.fill(LabelRuns.from_labels([np.array([7, 7, 7, 7, 0])])).to_labels()[0].tolist()
        [0, 0, 5, 7, 0]
        """
        flat = np.union1d(self._flat_start, other._flat_start)
        own, theirs = (runs.value[np.searchsorted(runs._flat_start, flat, side="right") - 1] for runs in (self, other))
        value = np.where(own >= 0, own, theirs)
        is_start = np.isin(flat, self._offset)
        is_start[1:] |= value[1:] != value[:-1]
        is_start |= np.isin(flat, self._flat_start[self.touches])
        flat, value = flat[is_start], value[is_start]
        first = np.searchsorted(flat, np.append(self._offset, self.lengths.sum()))
        return LabelRuns(self.lengths, first, flat - np.repeat(self._offset, np.diff(first)), value)

    def count_samples(self) -> np.ndarray:
        """Return the number of labeled samples of each recording, (n,)."""
        total = np.cumsum(np.append(0, np.where(self.value >= 0, self.size, 0)))
        return np.diff(total[self.first])

    def describe(self) -> dict[str, int]:
        """Return the numbers of recordings, labeled recordings, samples and labeled samples."""
        return {
            "recordings": len(self),
            "labeled_recordings": int(self.labeled.sum()),
            "samples": int(self.lengths.sum()),
            "labeled_samples": int(self.count_samples().sum()),
        }

    def cut(self, recording: np.ndarray, start: np.ndarray, length: int) -> np.ndarray:
        """Return the labels of B stretches of equal length; ``-1`` after the end of a recording.

        Parameters
        ----------
        recording, start : ndarray of int, shape (B,)
            Recording and first sample of each stretch.
        length : int
            Number of samples of each stretch.

        Returns
        -------
        ndarray of int64, shape (B, length)

        Examples
        --------
        >>> runs = LabelRuns.from_labels([np.array([0, 0, 5]), np.full(9, -1)])
        >>> runs.cut(np.array([0]), np.array([1]), 4).tolist()
        [[0, 5, -1, -1]]
        """
        stop = np.minimum(start + length, self.lengths[recording])
        low, high = (self._find(recording, position) for position in (start, stop - 1))
        runs = expand_ranges(low, high - low + 1)
        row = np.repeat(np.arange(len(start)), high - low + 1)
        begin = np.maximum(self.start[runs], start[row])
        size = np.minimum(self.start[runs] + self.size[runs], stop[row]) - begin
        out = np.full((len(start), length), -1)
        out.ravel()[expand_ranges(row * length + begin - start[row], size)] = np.repeat(self.value[runs], size)
        return out

    def _find(self, recording: np.ndarray, position: np.ndarray) -> np.ndarray:
        """Return the index of the run that contains each position of a recording."""
        return np.searchsorted(self._flat_start, self._offset[recording] + position, side="right") - 1

    @cached_property
    def _offset(self) -> np.ndarray:
        return np.cumsum(self.lengths) - self.lengths

    @cached_property
    def _flat_start(self) -> np.ndarray:
        return self._offset[self.recording] + self.start


def _join_parts(parts: Iterable[np.ndarray]) -> tuple[int, np.ndarray, np.ndarray]:
    """Return the length of one recording, and the starts and values of its runs."""
    length, starts = 0, []
    values: list[np.ndarray] = []
    for part in parts:
        start, _, value = find_runs(part if any(part.strides) else part[:1])  # a stride of 0: one broadcast value
        if values and value[0] == values[-1][-1]:  # the last run continues
            start, value = start[1:], value[1:]
        if len(start):
            starts.append(start + length)
            values.append(value.astype(np.int64))
        length += len(part)
    empty = np.empty(0, dtype=np.int64)
    return length, np.concatenate([empty, *starts]), np.concatenate([empty, *values])
