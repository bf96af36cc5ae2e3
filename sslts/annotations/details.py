"""What labels say beyond one class for each sample: weights of samples, and soft labels (probabilities of classes)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sslts.annotations.runs import LabelRuns
from sslts.recordings import read_array

Reader = Callable[[int, int, int], np.ndarray]


@dataclass(frozen=True, eq=False)
class SampleWeights:
    """The weights of the labeled samples of all recordings, 1 for the largest weight.

    Parameters
    ----------
    values : sequence of array-like of shape (T_i,)
        The weights of each recording as they were given; they are read when needed, not copied.
    top : float
        The largest weight of a labeled sample.

    Examples
    --------
    >>> weights = SampleWeights([np.array([1.0, 2.0]), np.broadcast_to(4.0, 9)], top=4.0)
    >>> weights.cut(np.array([0, 1]), np.array([0, 7]), 3).tolist()
    [[0.25, 0.5, 0.0], [1.0, 1.0, 0.0]]
    """

    values: Sequence[Any]
    top: float

    def select(self, kept: np.ndarray) -> SampleWeights:
        """Return the weights of the recordings at positions ``kept``."""
        return replace(self, values=[self.values[i] for i in kept.tolist()])

    def read(self, i: int, start: int, stop: int) -> np.ndarray:
        """Return the weights of samples ``start:stop`` of recording ``i``, float32."""
        part = _read_rows(self.values[i], start, stop, "sample_weight")
        return (part.astype(np.float64) / self.top).astype(np.float32)

    def cut(self, recording: np.ndarray, start: np.ndarray, length: int) -> np.ndarray:
        """Return the weights (B, length) of B stretches, float32; 0 after the end of a recording."""
        out = np.zeros((len(start), length), dtype=np.float32)
        for row, i, first in zip(out, recording.tolist(), start.tolist(), strict=True):
            part = self.read(i, first, first + length)
            row[: len(part)] = part
        return out

    def sum_runs(self, labels: LabelRuns) -> np.ndarray:
        """Return the sum of the weights in each labeled run, (R,), and 0 in the other runs.

        Examples
        --------
        >>> weights = SampleWeights([np.array([1.0, 2.0, 2.0, 1.0])], top=2.0)
        >>> weights.sum_runs(LabelRuns.from_labels([np.array([0, 0, 1, -1])])).tolist()
        [1.5, 1.0, 0.0]
        """
        out = np.zeros(len(labels.value))
        recording, stop = labels.recording, labels.start + labels.size
        for run in np.flatnonzero(labels.value >= 0).tolist():
            part = self.read(int(recording[run]), int(labels.start[run]), int(stop[run]))
            out[run] = part.sum(dtype=np.float64)
        return out


@dataclass(frozen=True, eq=False)
class SoftLabels:
    """The probabilities of the classes at each labeled sample of all recordings.

    Parameters
    ----------
    values : sequence of array-like of shape (T_i, K), or None
        The soft labels of each recording as they were given; they are read when needed, not copied. None: the recording
        has a class for each sample.
    labels : LabelRuns
        The most probable class of each sample, ``-1`` where unlabeled.
    columns : ndarray of int
        The columns that are classes, in increasing order.

    Examples
    --------
    >>> labels = LabelRuns.from_labels([np.array([0, 1]), np.array([1])])
    >>> soft = SoftLabels([np.array([[0.75, 0.25], [0.0, 1.0]]), None], labels, np.arange(2))
    >>> soft.cut(np.array([0, 1]), np.array([0, 0]), 2).tolist()
    [[[0.75, 0.0], [0.25, 1.0]], [[0.0, 0.0], [1.0, 0.0]]]
    """

    values: Sequence[Any]
    labels: LabelRuns
    columns: np.ndarray

    def select(self, kept: np.ndarray) -> SoftLabels:
        """Return the soft labels of the recordings at positions ``kept``."""
        values = [self.values[i] for i in kept.tolist()]
        return replace(self, values=values, labels=self.labels.select(kept))

    def encode(self, classes: np.ndarray) -> SoftLabels:
        """Return the soft labels of some classes only; their probabilities sum to one again."""
        return replace(self, columns=classes)

    def read(self, i: int, start: int, stop: int) -> np.ndarray:
        """Return the probabilities (stop - start, K) of samples of recording ``i``, float32; 0 where unlabeled."""
        stop = min(stop, int(self.labels.lengths[i]))
        if self.values[i] is None:
            label = self.labels.cut(np.array([i]), np.array([start]), stop - start)[0]
            return (label[:, None] == self.columns).astype(np.float32)
        part = _read_rows(self.values[i], start, stop, "y").astype(np.float32)[:, self.columns]
        part = np.where(part > 0, part, np.float32(0))  # NaN and -1 mark an unlabeled sample
        total = part.sum(1, keepdims=True)
        return np.divide(part, total, out=part, where=total > 0)

    def cut(self, recording: np.ndarray, start: np.ndarray, length: int) -> np.ndarray:
        """Return the probabilities (B, K, length) of B stretches, float32; 0 after the end of a recording."""
        out = np.zeros((len(start), len(self.columns), length), dtype=np.float32)
        for row, i, first in zip(out, recording.tolist(), start.tolist(), strict=True):
            part = self.read(i, first, first + length)
            row[:, : len(part)] = part.T
        return out


@dataclass(frozen=True, eq=False)
class LabelDetails:
    """Weights and soft labels of the samples that have a label, where they were given.

    Parameters
    ----------
    weights : SampleWeights or None, default=None
        None: all labeled samples have the same weight.
    soft : SoftLabels or None, default=None
        None: each labeled sample has one class with certainty.
    n_classes : int or None, default=None
        Number of classes of the soft labels, if they have a class that is nowhere the most probable one.

    Examples
    --------
    >>> details = LabelDetails(SampleWeights([np.array([1.0, 2.0])], top=2.0))
    >>> details.cut(np.array([0]), np.array([0]), 2)
    {'weight': array([[0.5, 1. ]], dtype=float32)}
    >>> LabelDetails().cut(np.array([0]), np.array([0]), 2)
    {}
    """

    weights: SampleWeights | None = None
    soft: SoftLabels | None = None
    n_classes: int | None = None

    def __bool__(self) -> bool:
        return self.weights is not None or self.soft is not None

    @property
    def _parts(self) -> dict[str, Any]:
        """The given parts, by the names of the fields of `sslts.augment.Tracks`."""
        return {name: part for name, part in (("weight", self.weights), ("soft", self.soft)) if part is not None}

    def select(self, kept: np.ndarray) -> LabelDetails:
        """Return the details of the recordings at positions ``kept``."""
        weights = None if self.weights is None else self.weights.select(kept)
        return replace(self, weights=weights, soft=None if self.soft is None else self.soft.select(kept))

    def encode(self, classes: np.ndarray) -> LabelDetails:
        """Return the details with the columns of the sorted ``classes`` only."""
        return replace(self, soft=None if self.soft is None else self.soft.encode(classes))

    def cut(self, recording: np.ndarray, start: np.ndarray, length: int) -> dict[str, np.ndarray]:
        """Return weights (B, length) and probabilities (B, K, length) of B stretches, where given."""
        return {name: part.cut(recording, start, length) for name, part in self._parts.items()}

    def pick(self, recording: np.ndarray, position: np.ndarray) -> dict[str, np.ndarray]:
        """Return weights (n,) and probabilities (n, K) of samples, where given.

        The samples are sorted by recording and position.

        Examples
        --------
        >>> details = LabelDetails(SampleWeights([np.array([1.0, 2.0, 4.0])], top=4.0))
        >>> details.pick(np.array([0, 0]), np.array([0, 2]))["weight"].tolist()
        [0.25, 1.0]
        """
        return {name: _pick(part.read, recording, position) for name, part in self._parts.items()}

    def list_values(self, labels: LabelRuns) -> Iterator[tuple[str, Iterator[np.ndarray]]]:
        """Yield the name of each given part, and its values at the labeled samples, one array per run."""
        runs = np.flatnonzero(labels.value >= 0)
        recording, stop = labels.recording, labels.start + labels.size
        for name, part in self._parts.items():
            yield name, (part.read(int(recording[r]), int(labels.start[r]), int(stop[r])) for r in runs)


def _read_rows(item: Any, start: int, stop: int, place: str) -> np.ndarray:
    """Return the rows ``start:stop`` of an array, which may be lazy."""
    try:
        return read_array(item[start:stop], place)
    except Exception as error:  # files, archives and remote stores raise errors of many types
        raise OSError(
            f"{place} could not be read at samples {start} to {stop}: {error}. Check that its file still exists and is "
            "complete."
        ) from error


def _pick(read: Reader, recording: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Return the values of samples that are sorted by recording and position."""
    firsts = np.flatnonzero(np.diff(recording, prepend=-1))
    parts = []
    for first, end in zip(firsts, [*firsts[1:], len(recording)], strict=True):
        here = position[first:end]
        parts.append(read(int(recording[first]), int(here[0]), int(here[-1]) + 1)[here - here[0]])
    return np.concatenate(parts)
