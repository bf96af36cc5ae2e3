"""Probabilities from window features: which samples a classifier is fitted on, and how it predicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from joblib import effective_n_jobs, parallel_config
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.utils.parallel import Parallel, delayed

from sslts.annotations import LabelRuns, SignalSummary
from sslts.features import WindowStatistics, average_windows
from sslts.persistence import list_classifier_arrays
from sslts.prediction import Predictor
from sslts.recordings import NormalizedRecordings
from sslts.segmenters._problem import Problem
from sslts.segmenters._scoring import CLEARLY_BETTER, Score

_VALUES_TOGETHER = 1 << 24  # features in memory at once: 64 MiB
_SAMPLES_TOGETHER = 1 << 17
_LARGEST_STRIDE = 16
_ROWS_PER_THREAD = 256  # fewer rows do not pay for a thread
_FEWEST_TO_CHOOSE, _SAMPLES_TO_CHOOSE, _FOLDS = 8, 4_000, 4  # recordings; samples; parts of the recordings
_SHARE_OF_RARE = 8  # rare classes get at least 1 / (8 K) of the drawn samples, if they have as many


class FeaturePredictor(Predictor):
    """A classifier of window features as a predictor.

    The classifier is asked at every `stride`-th sample. Probabilities between these samples are interpolated, and then
    averaged over `half` samples on each side.

    Parameters
    ----------
    features : WindowStatistics
    classifier : classifier or None
        A fitted classifier; None if there is only one class.
    n_classes : int
    stride, half : int
    n_jobs : int or None
        Number of threads.
    n_channels : int
    """

    def __init__(
        self,
        features: WindowStatistics,
        classifier: Any,
        *,
        n_classes: int,
        stride: int,
        half: int,
        n_channels: int,
        n_jobs: int | None = None,
    ) -> None:
        self.features, self.classifier, self.n_classes = features, classifier, n_classes
        self.half, self.n_jobs = half, n_jobs
        self.stride, self.reach = stride, features.reach + stride + half
        self.takes_lengths = True
        self.most_samples = _count_samples(features, n_channels, stride)

    def answer(self, signals: Sequence[np.ndarray], length: int | None = None) -> list[np.ndarray]:  # noqa: ARG002
        assert self.stride is not None
        rows = [self.features.compute(x, slice(None, None, self.stride)) for x in signals]
        with np.errstate(all="ignore"):  # probabilities may underflow
            proba = self._classify(rows[0] if len(rows) == 1 else np.concatenate(rows))
            parts = np.split(proba, np.cumsum([len(part) for part in rows])[:-1])
            return [self._spread(part, x.shape[-1]) for part, x in zip(parts, signals, strict=True)]

    def _classify(self, rows: np.ndarray) -> np.ndarray:
        """Return the probabilities (n, K), float32, of rows of features, in threads that each take some rows."""
        if self.classifier is None:
            return np.ones((len(rows), 1), dtype=np.float32)
        with stay_in_process():
            n_threads = max(min(effective_n_jobs(self.n_jobs), len(rows) // _ROWS_PER_THREAD), 1)
            if n_threads == 1:
                return _ask(self.classifier, rows, self.n_classes)
            found = Parallel(n_jobs=n_threads, prefer="threads")(
                delayed(_ask)(self.classifier, part, self.n_classes) for part in np.array_split(rows, n_threads)
            )
        return np.concatenate(found)

    def _spread(self, proba: np.ndarray, length: int) -> np.ndarray:
        """Return smoothed probabilities (T, K) of all samples from the probabilities at each `stride`-th sample."""
        assert self.stride is not None
        known = proba.T
        if self.stride > 1:
            share = np.arange(self.stride, dtype=np.float32) / np.float32(self.stride)
            after = np.concatenate([known[:, 1:], known[:, -1:]], axis=1)
            known = (known[..., None] + (after - known)[..., None] * share).reshape(len(known), -1)[:, :length]
        return np.ascontiguousarray(average_windows(known, self.half).T)

    def list_weights(self) -> Iterator[np.ndarray]:
        yield np.array([*self.features.scales, self.stride, self.half])
        if self.classifier is not None:
            yield from list_classifier_arrays(self.classifier)

    def explain_nan(self) -> str:
        return (
            f"classifier={type(self.classifier).__name__} returns probabilities that are NaN; pass a classifier that "
            "accepts large and constant features, such as a forest, or a pipeline that scales them first."
        )


def stay_in_process() -> parallel_config:
    """Return a context in which joblib uses threads, one unless a number is given.

    A fit on a worker of a cluster would otherwise send its features to other workers, a tree at a time.
    """
    return parallel_config(require="sharedmem")


def _ask(classifier: Any, rows: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the probabilities (n, K), float32, that a classifier gives to rows of features."""
    proba = np.asarray(classifier.predict_proba(rows))
    if proba.shape != (len(rows), n_classes):
        raise ValueError(
            f"classifier={type(classifier).__name__} returned probabilities of shape {proba.shape} for {len(rows)} "
            f"samples and {n_classes} classes; pass a classifier whose predict_proba returns one column per class."
        )
    return proba.astype(np.float32)


def _count_samples(features: WindowStatistics, n_channels: int, stride: int) -> int:
    """Return how many samples have their features in memory at once."""
    n_rows = _VALUES_TOGETHER // len(features.list_names(n_channels))
    return int(np.clip(n_rows * stride, 1 << 12, _SAMPLES_TOGETHER))


def choose_stride(summary: SignalSummary) -> int:
    """Return every how many samples the classifier is asked: at least 24 times in a segment of the shortest class."""
    return int(np.clip(summary.shortest_segment // 24, 1, _LARGEST_STRIDE))


def choose_smoothing(summary: SignalSummary) -> int:
    """Return how many samples on each side smooth a probability: an eighth of the shortest class in all."""
    return int(summary.shortest_segment) // 16


def draw_samples(targets: LabelRuns, n_classes: int, most: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return recording, position and class of about `most` labeled samples, sorted by recording and position.

    Each class is drawn at equal distances over all of its labeled samples, so that every recording and every segment
    takes part. Rare classes are drawn more densely.

    Examples
    --------
    >>> targets = LabelRuns.from_labels([np.repeat([0, 1, 0, -1], [40, 2, 38, 20])])
    >>> recording, position, label = draw_samples(targets, 2, most=32, seed=0)
    >>> np.bincount(label).tolist()
    [31, 2]
    """
    rng = np.random.default_rng((seed, 5))
    counts = np.array([targets.size[targets.value == k].sum() for k in range(n_classes)])
    wanted = np.maximum(counts * min(most / counts.sum(), 1.0), np.minimum(counts, most / (_SHARE_OF_RARE * n_classes)))
    found = []
    for k, (count, n) in enumerate(
        zip(counts.tolist(), np.maximum(wanted, 1).round().astype(int).tolist(), strict=True)
    ):
        if not count:  # soft labels may have a class that is nowhere the most probable one
            continue
        of_class = targets.value == k
        ends = np.cumsum(targets.size[of_class])
        drawn = np.minimum(((np.arange(n) + rng.random()) * (count / n)).astype(np.int64), count - 1)
        run = np.searchsorted(ends, drawn, side="right")
        position = targets.start[of_class][run] + drawn - (ends[run] - targets.size[of_class][run])
        found.append((targets.recording[of_class][run], position, np.full(n, k)))
    recording, position, label = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((position, recording))
    return recording[order], position[order], label[order]


def read_features(
    features: WindowStatistics, seen: NormalizedRecordings, recording: np.ndarray, position: np.ndarray
) -> np.ndarray:
    """Return the features (n, F) of samples, which are sorted by recording and position.

    Only stretches around the samples are read.
    """
    lengths, n_channels = seen.recordings.lengths, seen.recordings.n_channels
    out = np.empty((len(position), len(features.list_names(n_channels))), dtype=np.float32)
    starts = np.flatnonzero(np.diff(recording, prepend=-1))
    for first, end in zip(starts, [*starts[1:], len(recording)], strict=True):
        i = int(recording[first])
        while first < end:
            begin = int(position[first])
            stop = first + int(np.searchsorted(position[first:end], begin + _SAMPLES_TOGETHER))
            before = max(begin - features.reach, 0)
            after = min(int(position[stop - 1]) + 1 + features.reach, int(lengths[i]))
            out[first:stop] = features.compute(seen.read(i, before, after), position[first:stop] - before)
            first = stop
    return out


def choose_normalization_by_forest(problem: Problem, features: WindowStatistics, seed: int) -> str | None:
    """Return the normalization with which a small forest labels held-out recordings best: "recording" or None.

    Signals of one sensor may have units that mean something, such as a flow. Normalizing each recording would hide
    them. But gains that differ between recordings are more common, so None has to be clearly better, on enough
    recordings.
    """
    targets, n_classes = problem.targets, problem.n_codes
    labeled = np.flatnonzero(targets.labeled)
    if len(labeled) < _FEWEST_TO_CHOOSE or n_classes < 2:
        return "recording"
    try:
        problem.recordings.check_finite(plain=True)
    except ValueError:  # the values are too large for the arithmetic of features without normalization
        return "recording"
    try_one = partial(_compare_normalizations, problem, labeled, seed)
    few = WindowStatistics(features.scales[::3])
    trees = ExtraTreesClassifier(4, min_samples_leaf=5, max_features=0.5, random_state=seed)
    standardized, plain = try_one(few, trees, _SAMPLES_TO_CHOOSE // 4)
    if (
        plain.mean_iou - standardized.mean_iou <= CLEARLY_BETTER / 2
    ):  # in most signals; a forest takes ten times as long
        return "recording"
    forest = ExtraTreesClassifier(10, min_samples_leaf=5, max_features="sqrt", random_state=seed)
    standardized, plain = try_one(features, forest, _SAMPLES_TO_CHOOSE)
    return None if plain.beats(standardized) else "recording"


def _compare_normalizations(
    problem: Problem, labeled: np.ndarray, seed: int, features: WindowStatistics, classifier: Any, most: int
) -> list[Score]:
    """Return the scores on held-out recordings with each recording standardized, and without normalization.

    The recordings ``labeled`` are held out in `_FOLDS` parts. The classifier is fitted anew on each rest.
    """
    n_classes = problem.n_codes
    recording, position, label = draw_samples(problem.targets, n_classes, most, seed)
    fold = (np.searchsorted(labeled, recording) * _FOLDS) // len(labeled)  # neighbors, often of one unit, stay together
    scores = []
    for normalization in ("recording", None):
        rows = read_features(features, NormalizedRecordings(problem.recordings, normalization), recording, position)
        proba = np.zeros((len(rows), n_classes))
        for held in (fold == k for k in range(_FOLDS)):
            if held.any() and not held.all():
                with stay_in_process():
                    classifier.fit(rows[~held], label[~held])
                    proba[np.ix_(held, classifier.classes_)] = classifier.predict_proba(rows[held])
        scores.append(Score.measure([label], [proba.argmax(1)], proba[np.arange(len(label)), label]))
    return scores
