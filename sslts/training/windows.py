"""Random positions of training windows."""

from __future__ import annotations

import numpy as np

from sslts.annotations import LabelRuns

_SHARE_BY_CLASS = 0.5  # of the labeled windows are drawn by class


class _Spans:
    """Intervals of recordings, from which samples are drawn uniformly."""

    def __init__(self, recording: np.ndarray, start: np.ndarray, length: np.ndarray) -> None:
        self.recording, self.start, self.length = recording, start, length
        self.cumulated = np.cumsum(length)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return recording and position of ``n`` random samples."""
        u = rng.integers(self.cumulated[-1], size=n)
        span = np.searchsorted(self.cumulated, u, side="right")
        behind = self.cumulated[span] - u  # samples from the drawn sample to the end of its span, at least 1
        return self.recording[span], self.start[span] + self.length[span] - behind


class WindowSampler:
    """Draws the positions of labeled and unlabeled training windows.

    Half of the labeled windows contain a sample drawn uniformly from all labeled samples. The other half contain a
    sample of a class drawn uniformly: with two classes, at least every fourth window contains the pattern, even if the
    pattern is rare. Unlabeled windows come from all recordings, in proportion to their length.

    Parameters
    ----------
    labels : LabelRuns
        Class indices, ``-1`` where unlabeled.
    window_length : int
        Samples in a window.
    n_classes : int
        Number of classes.
    among : LabelRuns or None, default=None
        Unlabeled windows contain a sample that has a label here; None draws them from all samples.

    Examples
    --------
    >>> import numpy as np
    >>> sampler = WindowSampler(LabelRuns.from_constants(np.array([0, -1]), np.array([50, 50])), 10, 1)
    >>> recording, start = sampler.draw_labeled(4, np.random.default_rng(0))
    >>> recording.tolist(), bool((start <= 40).all())
    ([0, 0, 0, 0], True)
    """

    def __init__(self, labels: LabelRuns, window_length: int, n_classes: int, among: LabelRuns | None = None) -> None:
        self.lengths, self.window_length = labels.lengths, window_length
        everything = np.arange(len(labels))
        self._all = (
            _Spans(everything, np.zeros_like(everything), labels.lengths)
            if among is None
            else self._take_spans(among, among.value >= 0)
        )
        self._labeled = self._take_spans(labels, labels.value >= 0)
        present = [labels.value == k for k in range(n_classes)]
        self._classes = [self._take_spans(labels, mine) for mine in present if mine.any()]

    @staticmethod
    def _take_spans(labels: LabelRuns, chosen: np.ndarray) -> _Spans:
        return _Spans(labels.recording[chosen], labels.start[chosen], labels.size[chosen])

    def draw_labeled(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return ``recording`` and ``start``, int64 of shape (n,), of windows that contain labeled samples."""
        chosen = rng.integers(len(self._classes), size=n)
        chosen[rng.random(n) >= _SHARE_BY_CLASS] = -1
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
