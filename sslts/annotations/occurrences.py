"""Occurrences that touch, as classes that labels per sample can show: the first part and the rest of an occurrence.

A network labels samples, so it can't say that a segment ends and another segment of its class begins. If occurrences of
a class touch in the labels, the class therefore gets a second *code* for the first part of each occurrence. A change
from the rest of an occurrence to a first part is where the next occurrence begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sslts.annotations.runs import LabelRuns
from sslts.annotations.statistics import SegmentStatistics, measure_runs

_FIRST_PART = 0.25  # of an occurrence of median length


@dataclass(frozen=True)
class Occurrences:
    """The classes whose occurrences touch, and the codes that tell their parts apart.

    Code ``k`` of the K classes is the class at index k; in a class whose occurrences touch, it is the rest of an
    occurrence. The codes from K on are the first parts of occurrences, one for each class whose occurrences touch.

    Parameters
    ----------
    first : tuple of int
        For each class, the samples in the first part of an occurrence; 0 for a class whose occurrences do not touch.
    statistics : SegmentStatistics
        Lengths and neighbors of the parts, for a decoder of codes; its classes are the codes.

    Examples
    --------
    >>> from sslts.annotations import LabelRuns, measure_occurrences
    >>> table = np.zeros(4, int), np.array([0, 2, 10, 18]), np.array([0, 1, 1, 0])
    >>> found = measure_occurrences(LabelRuns.from_runs(np.array([20]), *table), [0, 1], background=0)
    >>> found.first, found.owner.tolist()
    ((0, 2), [0, 1, 1])
    """

    first: tuple[int, ...]
    statistics: SegmentStatistics

    @cached_property
    def owner(self) -> np.ndarray:
        """Index of the class of each code, (C,)."""
        return _find_owners(self.first)

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
        n_classes = len(self.first)
        merged = proba[..., :n_classes].copy()
        merged[..., self.owner[n_classes:]] += proba[..., n_classes:]  # no class has two first parts
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
        enters = (codes >= len(self.first)) & (last != codes)
        return np.flatnonzero(enters & (last >= 0) & (self.owner[last] == self.owner[codes]))

    def encode(self, labels: LabelRuns) -> LabelRuns:
        """Return the codes of labels that are class indices; -1 is kept.

        The start of an occurrence beside an unlabeled sample or an end of the recording is not known, so the samples
        that may belong to a first part there are -1.

        Examples
        --------
        >>> from sslts.annotations import measure_segments
        >>> labels = LabelRuns.from_runs(np.array([20]), np.zeros(3, int), np.array([0, 2, 10]), np.array([0, 1, 1]))
        >>> Occurrences((0, 3), measure_segments([[0, 1, 2]])).encode(labels).to_labels()[0].tolist()
        [0, 0, 2, 2, 2, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1]
        """
        return _encode_parts(labels, self.first)


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
    sizes = measure_runs(labels, classes=classes, background=background)
    each = zip(classes, sizes.lengths, sizes.cut, strict=True)
    first = tuple(
        max(round(_FIRST_PART * float(np.median(whole or cut))), 1) if k in touching else 0 for k, whole, cut in each
    )
    codes = _encode_parts(labels.encode(np.asarray(classes)), first)
    index = sizes.background_index
    n_codes = len(_find_owners(first))
    return Occurrences(first, measure_runs(codes, classes=range(n_codes), background=index))


def _encode_parts(labels: LabelRuns, first: Sequence[int]) -> LabelRuns:
    """Return the codes of class indices; ``first`` holds the samples of the first part of each class."""
    owner, n_classes = _find_owners(first), len(first)
    code_of_first = np.full(n_classes, -1)
    code_of_first[owner[n_classes:]] = np.arange(n_classes, len(owner))
    labels = LabelRuns.from_runs(labels.lengths, labels.recording, labels.start, labels.value)
    value, size = labels.value, labels.size
    split = (value >= 0) & (np.append(first, 0)[value] > 0)
    part = np.where(split, np.minimum(np.append(first, 0)[value], np.maximum(size // 2, 1)), 0)
    known = labels.neighbors[0] >= 0
    code = np.where(known, np.append(code_of_first, -1)[value], -1)
    start = np.stack([labels.start, labels.start + part], axis=1)
    codes = np.stack([code, value], axis=1)
    filled = np.stack([part, size - part], axis=1) > 0
    recording = np.repeat(labels.recording[:, None], 2, axis=1)
    return LabelRuns.from_runs(labels.lengths, recording[filled], start[filled], codes[filled])


def _find_owners(first: Sequence[int]) -> np.ndarray:
    """Return the class index of each code: of the classes, and of the first parts."""
    return np.concatenate([np.arange(len(first)), np.flatnonzero(first)]).astype(np.int64)
