"""Statistics of labeled segments: their lengths, and how often one class follows another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sslts._notices import shorten
from sslts._wrapping import find_attribute
from sslts.annotations.arrays import check_labels
from sslts.annotations.runs import LabelRuns


@dataclass(frozen=True)
class SegmentStatistics:
    """Lengths and transitions of labeled segments; stretches of background count as segments too.

    `measure_segments` returns them; a fitted segmenter stores them in ``statistics_``.

    Parameters
    ----------
    classes : tuple of int
        The K classes, sorted.
    background : int or None
        The class that is not a segment.
    lengths : tuple of tuple of int
        For each class, the lengths in samples of the segments with both ends visible.
    cut : tuple of tuple of int
        For each class, the visible lengths of the segments that touch an unlabeled sample or an end of a recording; the
        true lengths may be longer.
    transitions : tuple of tuple of int
        ``transitions[j][k]`` is the number of times that class ``classes[k]`` directly follows class ``classes[j]``.
    hidden_before, hidden_after : tuple of int, default=()
        For each class, the number of segments that directly follow, or are directly followed by, an unlabeled sample:
        their transitions are not known. Empty: not counted.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> statistics = measure_segments([[0, 1, 1, 0, 0, -1]])
    >>> statistics.lengths, statistics.hidden_after
    (((), (2,)), (1, 0))
    """

    classes: tuple[int, ...]
    background: int | None
    lengths: tuple[tuple[int, ...], ...]
    cut: tuple[tuple[int, ...], ...]
    transitions: tuple[tuple[int, ...], ...]
    # Not in the repr, which states of streams of earlier versions hold a fingerprint of.
    hidden_before: tuple[int, ...] = field(default=(), repr=False)
    hidden_after: tuple[int, ...] = field(default=(), repr=False)

    @property
    def background_index(self) -> int | None:
        """Index of the background in ``classes``; None if it is not in ``classes``."""
        return self.classes.index(self.background) if self.background in self.classes else None

    def check_known(self, classes: Iterable[Any], argument: str) -> None:
        """Raise ValueError if the parameter ``argument`` names a class that is not in ``self.classes``."""
        unknown = sorted(set(classes) - set(self.classes), key=repr)
        if unknown:
            raise ValueError(
                f"{argument} names class {unknown[0]!r}, which is not one of the classes {shorten(list(self.classes))}."
            )


def read_statistics(segmenter: Any) -> SegmentStatistics:
    """Return the segment statistics of a fitted segmenter, with the current value of its parameter ``background``.

    The segmenter may be wrapped in another estimator, such as a pipeline.

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
    """Return lengths and transitions of the segments of labeled recordings.

    Parameters
    ----------
    labels : array of shape (n, T), or list of (T_i,)
        Labels; -1 for unlabeled samples.
    classes : sequence of int, default=None
        All classes, sorted and distinct. None: the classes that occur.
    background : int or None, default=0
        The class that is not a segment.

    Returns
    -------
    SegmentStatistics

    Raises
    ------
    ValueError
        If `labels` are not labels, no sample is labeled, a label is not in `classes`, or `classes` is not sorted and
        distinct.

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
    """Return lengths and transitions of the segments of labels that are given as runs; see `measure_segments`.

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
        raise ValueError(f"classes={shorten(known.tolist())}; give them sorted, each once.")
    unknown = np.setdiff1d(values[labeled], known)
    if unknown.size:
        raise ValueError(
            f"labels has label {unknown[0]}, which is not in classes={shorten(known.tolist())}; add it, or "
            "set the label to -1."
        )
    before, after = labels.neighbors
    whole = labeled & (before >= 0) & (after >= 0)
    joined = labeled & (after >= 0)
    at_start, at_end = labels.start == 0, labels.start + lengths == labels.lengths[labels.recording]
    hidden = labeled & (before < 0) & ~at_start, labeled & (after < 0) & ~at_end
    pairs = np.zeros((known.size, known.size), dtype=np.int64)
    np.add.at(pairs, (np.searchsorted(known, values[joined]), np.searchsorted(known, after[joined])), 1)
    return SegmentStatistics(
        classes=tuple(known.tolist()),
        background=background,
        lengths=tuple(tuple(lengths[whole & (values == k)].tolist()) for k in known),
        cut=tuple(tuple(lengths[labeled & ~whole & (values == k)].tolist()) for k in known),
        transitions=tuple(map(tuple, pairs.tolist())),
        hidden_before=tuple(int((hidden[0] & (values == k)).sum()) for k in known),
        hidden_after=tuple(int((hidden[1] & (values == k)).sum()) for k in known),
    )


# The default window length follows from these constants; docs/guide/defaults.md states the rule.
_SEGMENTS_PER_WINDOW = 96
_CELLS_PER_WINDOW = 4096


@dataclass(frozen=True)
class SignalSummary:
    """The properties of signals and labels from which default parameters are derived; lengths are in samples.

    Parameters
    ----------
    n_channels, n_classes : int
        Number of channels and of classes.
    segment_length : float
        Median length of the labeled segments.
    shortest_segment : float
        Minimum over the classes of the median segment length of a class.
    recording_length : int
        Median length of the recordings.

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
        """Return the default window length: many segments, but not much more than the median recording.

        The length is rounded up or down to a multiple of ``multiple``.
        """
        wanted = min(_SEGMENTS_PER_WINDOW * self.segment_length, _CELLS_PER_WINDOW * stem_stride, self.recording_length)
        return max(multiple, round(wanted / multiple) * multiple)


def summarize_signal(statistics: SegmentStatistics, lengths: np.ndarray, *, n_channels: int) -> SignalSummary:
    """Return the properties of signals and labels from which default parameters are derived.

    A segment that touches an unlabeled sample or an end of a recording may be incomplete; incomplete segments are used
    only for classes without a complete segment.

    Parameters
    ----------
    statistics : SegmentStatistics
        Statistics of the labeled segments.
    lengths : ndarray of int, shape (n,)
        Number of samples of each recording.
    n_channels : int
        Number of channels.

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
    pooled = [whole or cut for k, whole, cut in each if (k != statistics.background or only) and (whole or cut)]
    pooled = pooled or [(int(lengths.max()),)]
    return SignalSummary(
        n_channels=n_channels,
        n_classes=len(statistics.classes),
        segment_length=float(np.median(np.concatenate(pooled))),
        shortest_segment=float(min(np.median(sizes) for sizes in pooled)),
        recording_length=int(np.median(lengths)),
    )
