"""Cut recordings into windows, and stitch what a network says about windows back together.

Training draws windows at random (`WindowSampler`), prediction cuts a recording into overlapping pieces of which it
keeps the middle (`cut_pieces`). Both depend on the signal only through `SignalSummary`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sslts.labels import LabelRuns

# Rules by which the default window follows the signal. They are stated in docs/guide/defaults.md.
SEGMENTS_PER_WINDOW = 96
CELLS_PER_WINDOW = 4096
SHARE_BY_CLASS = 0.5


@dataclass(frozen=True)
class SignalSummary:
    """What the defaults are derived from; lengths are in samples.

    Parameters
    ----------
    n_channels, n_classes : int
    segment_length : float
        Median length of the labelled segments.
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
        wanted = min(SEGMENTS_PER_WINDOW * self.segment_length, CELLS_PER_WINDOW * stem_stride, self.recording_length)
        return max(multiple, round(wanted / multiple) * multiple)


def summarize_signal(labels: LabelRuns, *, n_channels: int, n_classes: int, background: int | None) -> SignalSummary:
    """Measure the labelled segments.

    A segment that touches an unlabelled sample or the recording's end may go on there, so it counts only when a class
    has no complete one.

    Parameters
    ----------
    labels : LabelRuns
        Class indices, ``-1`` where unlabelled.
    n_channels, n_classes : int
    background : int or None
        Index of the class that is not a segment.

    Examples
    --------
    >>> import numpy as np
    >>> y = LabelRuns.from_labels([np.array([0, 0, 1, 1, 1, 0, 0, 1, -1])])
    >>> summarize_signal(y, n_channels=1, n_classes=2, background=0).segment_length
    3.0
    """
    before, after = labels.neighbours
    whole = (before >= 0) & (after >= 0)
    found = np.unique(labels.value[labels.value >= 0])
    pooled = []
    for value in found:
        if value != background or len(found) == 1:
            mine = labels.value == value
            pooled.append(labels.size[mine & whole if (mine & whole).any() else mine])
    if not pooled:
        pooled = [np.asarray([labels.lengths.max()])]
    return SignalSummary(
        n_channels=n_channels,
        n_classes=n_classes,
        segment_length=float(np.median(np.concatenate(pooled))),
        shortest_segment=float(min(np.median(sizes) for sizes in pooled)),
        recording_length=int(np.median(labels.lengths)),
    )


class _Spans:
    """Stretches of recordings, from which samples are drawn uniformly."""

    def __init__(self, recording: np.ndarray, start: np.ndarray, length: np.ndarray) -> None:
        self.recording, self.start, self.length = recording, start, length
        self.cumulated = np.cumsum(length)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        u = rng.integers(self.cumulated[-1], size=n)
        span = np.searchsorted(self.cumulated, u, side="right")
        behind = self.cumulated[span] - u  # samples from the drawn one to the span's end, at least 1
        return self.recording[span], self.start[span] + self.length[span] - behind


class WindowSampler:
    """Draw window positions, for labelled and for unlabelled batches.

    Half of the labelled windows hold a sample drawn uniformly from all labelled ones; the other half hold one of a
    class drawn uniformly, so that of two classes every fourth window is drawn for the pattern, however rare it is.
    Unlabelled windows come from every recording, in proportion to its length.

    Parameters
    ----------
    labels : LabelRuns
        Class indices, ``-1`` where unlabelled.
    window_length : int
    n_classes : int

    Examples
    --------
    >>> import numpy as np
    >>> sampler = WindowSampler(LabelRuns.from_constants(np.array([0, -1]), np.array([50, 50])), 10, 1)
    >>> recording, start = sampler.draw_labeled(4, np.random.default_rng(0))
    >>> recording.tolist(), bool((start <= 40).all())
    ([0, 0, 0, 0], True)
    """

    def __init__(self, labels: LabelRuns, window_length: int, n_classes: int) -> None:
        self.lengths, self.window_length = labels.lengths, window_length
        everything = np.arange(len(labels))
        self._all = _Spans(everything, np.zeros_like(everything), labels.lengths)
        self._labeled = self._take_spans(labels, labels.value >= 0)
        present = [labels.value == k for k in range(n_classes)]
        self._classes = [self._take_spans(labels, mine) for mine in present if mine.any()]

    @staticmethod
    def _take_spans(labels: LabelRuns, chosen: np.ndarray) -> _Spans:
        return _Spans(labels.recording[chosen], labels.start[chosen], labels.size[chosen])

    def draw_labeled(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return ``recording`` and ``start``, int64 of shape (n,), of windows that hold labelled samples."""
        chosen = rng.integers(len(self._classes), size=n)
        chosen[rng.random(n) >= SHARE_BY_CLASS] = -1
        recording, position = self._labeled.draw(n, rng)
        for k, spans in enumerate(self._classes):
            mine = chosen == k
            recording[mine], position[mine] = spans.draw(int(mine.sum()), rng)
        return recording, self._place(recording, position, rng)

    def draw_unlabeled(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return ``recording`` and ``start``, int64 of shape (n,), of windows from all recordings."""
        recording, position = self._all.draw(n, rng)
        return recording, self._place(recording, position, rng)

    def _place(self, recording: np.ndarray, position: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        start = position - rng.integers(self.window_length, size=len(position))
        return np.clip(start, 0, np.maximum(self.lengths[recording] - self.window_length, 0))


@dataclass(frozen=True)
class Piece:
    """A piece of a recording: read ``[start, stop)``, keep ``[keep_start, keep_stop)``.

    Examples
    --------
    >>> piece = Piece(start=2, stop=10, keep_start=4, keep_stop=8)
    >>> read = np.arange(20)[piece.start : piece.stop]
    >>> read[piece.keep_start - piece.start : piece.keep_stop - piece.start].tolist()
    [4, 5, 6, 7]
    """

    start: int
    stop: int
    keep_start: int
    keep_stop: int


def cut_pieces(length: int, *, core: int, halo: int) -> list[Piece]:
    """Cut a recording into pieces whose kept parts tile it.

    A piece reads ``halo`` samples more on both sides than it keeps. When ``halo`` covers the network's receptive field
    and ``core`` and ``halo`` are multiples of its stride, the kept parts equal one pass over the whole recording.

    Examples
    --------
    >>> [(p.start, p.stop, p.keep_start, p.keep_stop) for p in cut_pieces(10, core=4, halo=2)]
    [(0, 6, 0, 4), (2, 10, 4, 10)]
    """
    if length <= core + 2 * halo:
        return [Piece(0, length, 0, length)]
    pieces = []
    for keep_start in range(0, length, core):
        keep_stop = min(keep_start + core, length)
        if length - keep_stop <= halo:  # the rest is read anyway, so it is kept too
            keep_stop = length
        pieces.append(Piece(max(keep_start - halo, 0), min(keep_stop + halo, length), keep_start, keep_stop))
        if keep_stop == length:
            break
    return pieces
