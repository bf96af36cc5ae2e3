"""Occurrences that touch, as classes that labels per sample can show: the two halves of an occurrence.

A network labels samples, so it can't say that a segment ends and another segment of its class begins. If occurrences of
a class touch in the labels, the class therefore gets a second *code*: one for the first half of each occurrence, one
for the second half. A change from a second half to a first half is where the next occurrence begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sslts.annotations.runs import LabelRuns
from sslts.annotations.statistics import SegmentStatistics, measure_runs


@dataclass(frozen=True)
class Occurrences:
    """The classes whose occurrences touch, and the codes that tell the halves of an occurrence apart.

    Code ``k`` of the K classes is the class at index k; in a class whose occurrences touch, it is the second half of an
    occurrence. The codes from K on are the first halves, one for each class whose occurrences touch.

    Parameters
    ----------
    sizes : tuple of int
        For each class, the typical length of an occurrence in samples; 0 for a class whose occurrences do not touch.
    statistics : SegmentStatistics
        Lengths and neighbors of the halves, for a decoder of codes; its classes are the codes.

    Examples
    --------
    >>> from sslts.annotations import LabelRuns, measure_occurrences
    >>> table = np.zeros(4, int), np.array([0, 2, 10, 18]), np.array([0, 1, 1, 0])
    >>> found = measure_occurrences(LabelRuns.from_runs(np.array([20]), *table), [0, 1], background=0)
    >>> found.sizes, found.owner.tolist()
    ((0, 8), [0, 1, 1])
    """

    sizes: tuple[int, ...]
    statistics: SegmentStatistics

    @cached_property
    def owner(self) -> np.ndarray:
        """Index of the class of each code, (C,)."""
        return _find_owners(self.sizes)

    @property
    def n_codes(self) -> int:
        """Number of codes, C."""
        return len(self.owner)

    def merge(self, proba: np.ndarray) -> np.ndarray:
        """Return the probabilities of the K classes, (..., K), from those of the codes, (..., C).

        Examples
        --------
        >>> from sslts.annotations import measure_segments
        >>> Occurrences((0, 2), measure_segments([[0, 1, 2]])).merge(np.array([0.5, 0.25, 0.25])).tolist()
        [0.5, 0.5]
        """
        n_classes = len(self.sizes)
        merged = proba[..., :n_classes].copy()
        merged[..., self.owner[n_classes:]] += proba[..., n_classes:]  # no class has two first halves
        return merged

    def find_starts(self, codes: np.ndarray, before: int = -1) -> np.ndarray:
        """Return the positions at which an occurrence begins directly after one of its class.

        Parameters
        ----------
        codes : ndarray of int, shape (t,)
            Consecutive codes.
        before : int
            The code before them; -1 at the start of a recording.

        Examples
        --------
        >>> from sslts.annotations import measure_segments
        >>> Occurrences((0, 2), measure_segments([[0, 1, 2]])).find_starts(np.array([0, 2, 1, 1, 2, 1])).tolist()
        [4]
        """
        last = np.concatenate([[before], codes[:-1]])
        enters = (codes >= len(self.sizes)) & (last != codes)
        return np.flatnonzero(enters & (last >= 0) & (self.owner[last] == self.owner[codes]))

    def encode(self, labels: LabelRuns) -> LabelRuns:
        """Return the codes of labels that are class indices; -1 is kept.

        An occurrence that is cut by an unlabeled sample or an end of the recording is taken to have the typical length
        of its class, if it is shorter.

        Examples
        --------
        >>> from sslts.annotations import measure_segments
        >>> labels = LabelRuns.from_runs(np.array([18]), np.zeros(3, int), np.array([0, 2, 10]), np.array([0, 1, 1]))
        >>> Occurrences((0, 10), measure_segments([[0, 1, 2]])).encode(labels).to_labels()[0].tolist()
        [0, 0, 2, 2, 2, 2, 1, 1, 1, 1, 2, 2, 2, 2, 2, 1, 1, 1]
        """
        return _encode_halves(labels, self.sizes)


def measure_occurrences(labels: LabelRuns, classes: Sequence[int], *, background: int | None) -> Occurrences | None:
    """Return the occurrences in labels in which some touch; None if none touch.

    Parameters
    ----------
    labels : LabelRuns
        Classes, ``-1`` where unlabeled.
    classes : sequence of int
        All classes, sorted.
    background : int or None
        The class that is not a segment.

    Examples
    --------
    >>> measure_occurrences(LabelRuns.from_labels([np.array([0, 1, 0])]), [0, 1], background=0) is None
    True
    """
    touching = np.setdiff1d(labels.value[labels.touches], [] if background is None else [background])
    if not touching.size:
        return None
    found = measure_runs(labels, classes=classes, background=background)
    each = zip(classes, found.lengths, found.cut, strict=True)
    sizes = tuple(max(int(np.median(whole or cut)), 1) if k in touching else 0 for k, whole, cut in each)
    codes = _encode_halves(labels.encode(np.asarray(classes)), sizes)
    n_codes = len(_find_owners(sizes))
    return Occurrences(sizes, measure_runs(codes, classes=range(n_codes), background=found.background_index))


def _encode_halves(labels: LabelRuns, sizes: Sequence[int]) -> LabelRuns:
    """Return the codes of class indices; ``sizes`` holds the typical length of each class, 0 for a class with one code.

    An occurrence of one sample is a first half.
    """
    owner, n_classes = _find_owners(sizes), len(sizes)
    code_of_first = np.full(n_classes + 1, -1)
    code_of_first[owner[n_classes:]] = np.arange(n_classes, len(owner))
    value, size = labels.value, labels.size
    typical = np.append(sizes, 0)[value]
    before, after = (neighbor < 0 for neighbor in labels.neighbors)
    whole = np.where(before ^ after, np.maximum(size, typical), size)
    half = np.where(before & ~after, size - whole // 2, -(-whole // 2))
    half = np.where((typical > 0) & (value >= 0), np.clip(half, 0, size), 0)
    start = np.stack([labels.start, labels.start + half], axis=1)
    code = np.stack([code_of_first[value], value], axis=1)
    filled = np.stack([half, size - half], axis=1) > 0
    recording = np.repeat(labels.recording[:, None], 2, axis=1)
    return LabelRuns.from_runs(labels.lengths, recording[filled], start[filled], code[filled])


def _find_owners(sizes: Sequence[int]) -> np.ndarray:
    """Return the class index of each code: of the classes, and of the first halves."""
    return np.concatenate([np.arange(len(sizes)), np.flatnonzero(sizes)]).astype(np.int64)
