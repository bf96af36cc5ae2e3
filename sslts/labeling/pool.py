"""The stretches that may be labeled next: where they lie, to which group they belong, and what a model says of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from sslts.annotations import LabelRuns
from sslts.labeling.description import describe_stretches, scale_descriptions
from sslts.recordings import Recordings

_MOST_CANDIDATES = 20_000  # more are thinned at random: neighbors and clusters of all would take minutes
_SAMPLES_TOGETHER = 1 << 22  # recordings that a model labels in one call
_NEIGHBORS = 20


@dataclass(frozen=True, eq=False)
class Stretches:
    """Stretches of recordings, ``[start, end)`` in samples.

    Parameters
    ----------
    recording, start, end : ndarray of int64, shape (m,)

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.labeling import Stretches
    >>> len(Stretches(np.array([0, 3]), np.array([0, 10]), np.array([5, 30])))
    2
    """

    recording: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def __len__(self) -> int:
        return len(self.recording)

    def select(self, kept: np.ndarray) -> Stretches:
        """Return some of the stretches, by number or as a mask."""
        return Stretches(self.recording[kept], self.start[kept], self.end[kept])

    def join(self, other: Stretches) -> Stretches:
        """Return these stretches, followed by others."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Stretches(*(np.concatenate(pair) for pair in pairs))

    def cut(self, pieces: int) -> Stretches:
        """Return each stretch as pieces of about equal length, at least a sample long.

        Examples
        --------
        >>> import numpy as np
        >>> from sslts.labeling import Stretches
        >>> Stretches(np.array([3]), np.array([0]), np.array([5])).cut(2).end.tolist()
        [2, 5]
        """
        number = np.tile(np.arange(pieces), len(self))
        recording, start, end = (np.repeat(one, pieces) for one in vars(self).values())
        size = end - start
        begin = start + size * number // pieces
        return Stretches(recording, begin, np.maximum(start + size * (number + 1) // pieces, begin + 1))


@dataclass(frozen=True, eq=False)
class Pool:
    """The unlabeled stretches from which a strategy chooses, and the labeled stretches.

    Parameters
    ----------
    recordings : Recordings
        The signals.
    candidates : Stretches
        Stretches without labels.
    labeled : Stretches
        Stretches with labels, of about the same lengths.
    group : ndarray of int, shape (n,)
        Number of the group of each recording.
    segmenter : estimator or None
        A fitted segmenter; None if there is no model yet.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.annotations import LabelRuns
    >>> from sslts.labeling import Pool
    >>> from sslts.recordings import as_recordings
    >>> X = as_recordings(np.random.default_rng(0).normal(size=(2, 100)))
    >>> labels = LabelRuns.from_labels([np.repeat([0, -1], 50), np.full(100, -1)])
    >>> pool = Pool.from_labels(X, labels, np.arange(2), length=25, whole=False, segmenter=None, seed=0)
    >>> pool.candidates.start.tolist(), pool.labeled.start.tolist()
    ([50, 75, 0, 25, 50, 75], [0, 25])
    """

    recordings: Recordings
    candidates: Stretches
    labeled: Stretches
    group: np.ndarray
    segmenter: Any = None

    @classmethod
    def from_labels(
        cls,
        recordings: Recordings,
        labels: LabelRuns,
        group: np.ndarray,
        *,
        length: int,
        whole: bool,
        segmenter: Any,
        seed: int,
    ) -> Pool:
        """Return the pool of labels: each unlabeled run is cut into stretches of about equal length.

        With ``whole``, recordings without any label are the candidates.
        """
        if whole:
            free = np.flatnonzero(~labels.labeled)
            candidates = Stretches(free, np.zeros_like(free), labels.lengths[free])
        else:
            candidates = _thin(_cut_runs(labels, labels.value < 0, length), seed)
        joined = LabelRuns(labels.lengths, labels.first, labels.start, np.where(labels.value < 0, -1, 0)).join()
        return cls(recordings, candidates, _cut_runs(joined, joined.value >= 0, length), group, segmenter)

    def __len__(self) -> int:
        return len(self.candidates)

    @cached_property
    def _descriptions(self) -> np.ndarray:
        """Descriptions of candidates and labeled stretches, one after the other."""
        return self.describe(self.candidates.join(self.labeled))

    def describe(self, stretches: Stretches) -> np.ndarray:
        """Return a description of each stretch, (m, D): features of the model's network, or statistics without one."""
        place = stretches.recording, stretches.start, stretches.end
        embed = getattr(self.segmenter, "embed", None)
        found = None if embed is None else embed(self.recordings, *place)
        return scale_descriptions(describe_stretches(self.recordings, *place) if found is None else found)

    @property
    def features(self) -> np.ndarray:
        """Description of each candidate, (m, D)."""
        return self._descriptions[: len(self.candidates)]

    @property
    def labeled_features(self) -> np.ndarray:
        """Description of each labeled stretch, (l, D)."""
        return self._descriptions[len(self.candidates) :]

    @cached_property
    def doubt(self) -> np.ndarray:
        """Mean doubt of the model in each candidate, (m,): 1 - the probability of its answer."""
        return self.measure_doubt(self.candidates)

    def measure_doubt(self, stretches: Stretches) -> np.ndarray:
        """Return the mean doubt of the model in each stretch, (m,); stretches are sorted by recording."""
        found = np.zeros(len(stretches))
        rows = np.split(np.arange(len(found)), np.flatnonzero(np.diff(stretches.recording)) + 1)
        row_of = {int(stretches.recording[one[0]]): one for one in rows if len(one)}
        for chosen in _group_recordings(list(row_of), self.recordings.lengths):
            for i, proba in zip(chosen, self.predict(chosen), strict=True):
                total = np.concatenate([[0.0], np.cumsum(1 - proba.max(-1), dtype=np.float64)])
                start, end = stretches.start[row_of[i]], stretches.end[row_of[i]]
                found[row_of[i]] = (total[end] - total[start]) / (end - start)
        return found

    def predict(self, chosen: list[int]) -> list[np.ndarray]:
        """Return the probabilities (T_i, K) that the model gives to each of some recordings."""
        return list(self.segmenter.predict_proba(self.recordings.list_items(chosen)))


def find_density(features: np.ndarray) -> np.ndarray:
    """Return how dense the neighborhood of each row is, (m,): 1 / the mean distance to its nearest neighbors.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.labeling import find_density
    >>> find_density(np.array([[0.0], [0.1], [0.2], [9.0]])).argmin()
    np.int64(3)
    """
    n_neighbors = min(_NEIGHBORS, len(features) - 1)
    if n_neighbors < 1:
        return np.ones(len(features))
    distance, _ = NearestNeighbors(n_neighbors=n_neighbors).fit(features).kneighbors()
    return 1 / (distance.mean(1) + 1e-9)


def _cut_runs(labels: LabelRuns, kept: np.ndarray, length: int) -> Stretches:
    """Return the runs as stretches of about `length` samples; runs shorter than half of it only if they are whole."""
    recording, start, size = labels.recording[kept], labels.start[kept], labels.size[kept]
    fits = (2 * size >= length) | (size == labels.lengths[recording]) | (labels.value[kept] >= 0)
    recording, start, size = recording[fits], start[fits], size[fits]
    parts = np.maximum(np.round(size / length).astype(np.int64), 1)
    run = np.repeat(np.arange(len(parts)), parts)
    number = np.arange(len(run)) - np.repeat(np.cumsum(parts) - parts, parts)
    begin = start[run] + size[run] * number // parts[run]
    return Stretches(recording[run], begin, start[run] + size[run] * (number + 1) // parts[run])


def _thin(stretches: Stretches, seed: int) -> Stretches:
    if len(stretches) <= _MOST_CANDIDATES:
        return stretches
    chosen = np.random.default_rng(seed).choice(len(stretches), _MOST_CANDIDATES, replace=False)
    return stretches.select(np.sort(chosen))


def _group_recordings(which: list[int], lengths: np.ndarray) -> list[list[int]]:
    """Return recordings in groups that a model labels in one call."""
    groups: list[list[int]] = [[]]
    total = 0
    for i in which:
        if groups[-1] and total + lengths[i] > _SAMPLES_TOGETHER:
            groups.append([])
            total = 0
        groups[-1].append(i)
        total += int(lengths[i])
    return [one for one in groups if one]
