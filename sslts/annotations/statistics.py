"""What labeled recordings say about their segments: how long they are, and what follows what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sslts._wrapping import find_attribute
from sslts.annotations.arrays import check_labels
from sslts.annotations.runs import LabelRuns


@dataclass(frozen=True)
class SegmentStatistics:
    """Lengths and neighbours of labeled segments; the background's stretches are segments here too.

    `measure_segments` makes them; a fitted segmenter has them as ``statistics_``.

    Parameters
    ----------
    classes : tuple of int
        The K classes, sorted.
    background : int or None
        The class that is not a segment.
    lengths : tuple of tuple of int
        For each class, the lengths in samples of the segments whose both ends are seen.
    cut : tuple of tuple of int
        For each class, the lengths of those that touch an unlabeled sample or a recording's end: lower bounds.
    transitions : tuple of tuple of int
        ``transitions[j][k]``: how often class ``classes[k]`` followed directly on ``classes[j]``.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> measure_segments([[0, 1, 1, 0, 0, -1]]).lengths
    ((), (2,))
    """

    classes: tuple[int, ...]
    background: int | None
    lengths: tuple[tuple[int, ...], ...]
    cut: tuple[tuple[int, ...], ...]
    transitions: tuple[tuple[int, ...], ...]

    @property
    def background_index(self) -> int | None:
        """Position of the background among the classes; None if it is none of them."""
        return self.classes.index(self.background) if self.background in self.classes else None

    def check_known(self, classes: Iterable[Any], argument: str) -> None:
        """Raise ValueError if a parameter names a class that is none of these."""
        unknown = sorted(set(classes) - set(self.classes), key=repr)
        if unknown:
            raise ValueError(f"{argument} names class {unknown[0]!r}; there are the classes {list(self.classes)}.")


def read_statistics(segmenter: Any) -> SegmentStatistics:
    """Return what the labels showed a fitted segmenter, or one in an estimator, with the background it has now.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.annotations import read_statistics
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> segmenter = SupervisedSegmenter(max_steps=1, random_state=0).fit(X, y).set_params(background=None)
    >>> read_statistics(segmenter).background is None, segmenter.statistics_.background
    (True, 0)
    """
    return replace(find_attribute(segmenter, "statistics_"), background=find_attribute(segmenter, "background", 0))


def measure_segments(
    labels: Any, *, classes: Sequence[int] | None = None, background: int | None = 0
) -> SegmentStatistics:
    """Measure the segments of labeled recordings.

    Parameters
    ----------
    labels : array of shape (n, T), or list of (T_i,)
        Labels; -1 where unlabeled.
    classes : sequence of int, default=None
        All classes, sorted, each once. None: those that occur.
    background : int or None, default=0
        The class that is not a segment.

    Returns
    -------
    SegmentStatistics

    Raises
    ------
    ValueError
        If `labels` are not labels, none of them is a class, or one is not in `classes`, or if these are not sorted.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> statistics = measure_segments([[0, 0, 2, 2, 2, 0, 2], [0, 2, 0, 0, -1, 2]])
    >>> statistics.lengths, statistics.cut
    (((1,), (3, 1)), ((2, 1, 2), (1, 1)))
    >>> statistics.transitions
    ((0, 3), (2, 0))
    """
    return measure_runs(LabelRuns.from_labels(check_labels(labels)), classes=classes, background=background)


def measure_runs(
    labels: LabelRuns, *, classes: Sequence[int] | None = None, background: int | None = 0
) -> SegmentStatistics:
    """Measure the segments of labels that are given as runs, as `measure_segments` does.

    Examples
    --------
    >>> measure_runs(LabelRuns.from_labels([np.array([0, 1, 1, 0, -1])])).lengths
    ((), (2,))
    """
    values, lengths, labeled = labels.value, labels.size, labels.value >= 0
    known = np.unique(values[labeled]) if classes is None else np.asarray(classes)
    if not known.size:
        raise ValueError("labels has no labeled sample: every label is -1, so there is no segment to measure.")
    if not np.array_equal(known, np.unique(known)):
        raise ValueError(f"classes={known.tolist()}; give them sorted, each once.")
    unknown = np.setdiff1d(values[labeled], known)
    if unknown.size:
        raise ValueError(
            f"labels has label {unknown[0]}, which is not in classes={known.tolist()}; name it there, or set it to -1."
        )
    before, after = labels.neighbours
    whole = labeled & (before >= 0) & (after >= 0)
    joined = labeled & (after >= 0)
    pairs = np.zeros((known.size, known.size), dtype=np.int64)
    np.add.at(pairs, (np.searchsorted(known, values[joined]), np.searchsorted(known, after[joined])), 1)
    return SegmentStatistics(
        classes=tuple(known.tolist()),
        background=background,
        lengths=tuple(tuple(lengths[whole & (values == k)].tolist()) for k in known),
        cut=tuple(tuple(lengths[labeled & ~whole & (values == k)].tolist()) for k in known),
        transitions=tuple(map(tuple, pairs.tolist())),
    )


# Rules by which the default window follows the signal. They are stated in docs/guide/defaults.md.
_SEGMENTS_PER_WINDOW = 96
_CELLS_PER_WINDOW = 4096


@dataclass(frozen=True)
class SignalSummary:
    """What the defaults are derived from; lengths are in samples.

    Parameters
    ----------
    n_channels, n_classes : int
    segment_length : float
        Median length of the labeled segments.
    shortest_segment : float
        Smallest over classes of the median length of a class' segments.
    recording_length : int
        Median over the recordings.

    Examples
    --------
    >>> summary = SignalSummary(1, 2, segment_length=40.0, shortest_segment=30.0, recording_length=5000)
    >>> summary.choose_window_length(stem_stride=4, multiple=64)  # 96 segments, rounded
    3840
    """

    n_channels: int
    n_classes: int
    segment_length: float
    shortest_segment: float
    recording_length: int

    def choose_window_length(self, stem_stride: int, multiple: int) -> int:
        """Return the window length: many segments long, about as long as the typical recording at most.

        It is rounded to a multiple of ``multiple``, up or down.
        """
        wanted = min(_SEGMENTS_PER_WINDOW * self.segment_length, _CELLS_PER_WINDOW * stem_stride, self.recording_length)
        return max(multiple, round(wanted / multiple) * multiple)


def summarize_signal(statistics: SegmentStatistics, lengths: np.ndarray, *, n_channels: int) -> SignalSummary:
    """Summarize a signal for defaults that follow from it.

    A segment that touches an unlabeled sample or the recording's end may continue there, so it counts only when a class
    has no complete segment.

    Parameters
    ----------
    statistics : SegmentStatistics
    lengths : ndarray of int, shape (n,)
        Samples of each recording.
    n_channels : int

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.annotations import measure_segments, summarize_signal
    >>> statistics = measure_segments([[0, 0, 1, 1, 1, 0, 0, 1, -1]])
    >>> summarize_signal(statistics, np.array([9]), n_channels=1).segment_length
    3.0
    """
    only = len(statistics.classes) == 1
    each = zip(statistics.classes, statistics.lengths, statistics.cut, strict=True)
    pooled = [whole or cut for k, whole, cut in each if k != statistics.background or only]
    pooled = pooled or [(int(lengths.max()),)]
    return SignalSummary(
        n_channels=n_channels,
        n_classes=len(statistics.classes),
        segment_length=float(np.median(np.concatenate(pooled))),
        shortest_segment=float(min(np.median(sizes) for sizes in pooled)),
        recording_length=int(np.median(lengths)),
    )
