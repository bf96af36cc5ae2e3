"""What labels teach about segmentations: how typical each length is, and how typical each pair of neighbors is.

The network's probabilities already contain how frequent a class is. So the model only says what is *atypical*: a rating
is negative for unusual lengths and neighbors. A usual segment costs nothing, however rare its class is.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from sslts.annotations import SegmentStatistics
from sslts.decoding.durations import DurationModel, _index_lengths, fit_durations

_FULL_LENGTH = 8.0  # samples; a longer typical segment has the evidence of this many samples
_LATENCY_LENGTHS = 2.0  # the default latency, in lengths of the class whose long segments are longest
_LONG = 0.95  # quantile of the lengths of a class that counts as a long segment
_LEAST_LATENCY = 64  # samples


class SegmentModel(NamedTuple):
    """Ratings of pairs of neighbors and of lengths, negative for unusual ones."""

    transition: np.ndarray  # (K, K), from row to column; -inf where forbidden, and on the diagonal
    whole: np.ndarray  # (K, G): rating of a segment, by the grid point of its length
    part: np.ndarray  # (K, G): rating of a segment whose start or end is not visible

    def rate(self, lengths: np.ndarray, cut: np.ndarray, is_open: np.ndarray | bool = False) -> np.ndarray:
        """Return the ratings (K, ...) of segments of each class, which may be cut at their start or open at their end.

        A segment without a visible start and end may have any length, so its rating is 0.
        """
        grid = _index_lengths(lengths)
        classes = np.arange(len(self.whole)).reshape(-1, *[1] * (grid.ndim - 1))
        rating = np.where(cut | is_open, self.part[classes, grid], self.whole[classes, grid])
        return np.where(cut & is_open, 0.0, rating)


def build_model(
    statistics: SegmentStatistics, *, smoothing: float, forbidden: Iterable[tuple[int, int]] = ()
) -> SegmentModel:
    """Return the model of the labeled segments; `DurationViterbi` documents ``smoothing`` and ``forbidden``."""
    transition = rate_transitions(statistics, smoothing)
    classes = list(statistics.classes)
    for first, second in forbidden:
        transition[classes.index(first), classes.index(second)] = -np.inf
    models = [_fit_cached(tuple(whole), tuple(cut)) for whole, cut in _choose_lengths(statistics)]
    whole, part = (np.stack(tables) for tables in zip(*(model.tabulate() for model in models), strict=True))
    return SegmentModel(transition, whole, part)


def rate_transitions(statistics: SegmentStatistics, smoothing: float) -> np.ndarray:
    """Return the log-ratio (K, K) of how often a class follows another to how often it would by chance, at most 0.

    ``smoothing`` is added to the number of transitions of each class, spread over the other classes by chance. Starts
    and ends of segments beside unlabeled samples count half each, spread over the classes that are seen beside the
    class, or by chance if none is seen.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> statistics = measure_segments([[0, 1, 0, 1, 0, 2, 0, 1, 0]])
    >>> rate_transitions(statistics, smoothing=1.0).round(1).tolist()
    [[-inf, 0.0, 0.0], [0.0, -inf, -1.4], [0.0, -0.7, -inf]]
    """
    n_classes = len(statistics.classes)
    seen = np.array(statistics.transitions, dtype=np.float64)
    np.fill_diagonal(seen, 0)
    others = 1 - np.eye(n_classes)
    number = np.array([len(w) + len(c) for w, c in zip(statistics.lengths, statistics.cut, strict=True)], dtype=float)
    chance = others * np.maximum(number, 1)
    chance /= np.maximum(chance.sum(1, keepdims=True), 1)
    hidden = [np.array(side or [0] * n_classes) for side in (statistics.hidden_before, statistics.hidden_after)]
    expected = seen + chance
    counts = seen + smoothing * chance
    counts += hidden[0] * expected / np.maximum(expected.sum(0), 1e-9) / 2
    counts += hidden[1][:, None] * expected / np.maximum(expected.sum(1, keepdims=True), 1e-9) / 2
    total = np.maximum(counts.sum(1, keepdims=True), 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.minimum(np.log(counts / total) - np.log(chance), 0)
    ratio[others == 0] = -np.inf
    return ratio


def choose_weight(statistics: SegmentStatistics) -> float:
    """Return the weight of one sample: neighboring samples of long segments repeat the same evidence.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> choose_weight(measure_segments([[0] * 50 + [1] * 32 + [0] * 50]))
    0.25
    """
    typical = [
        np.median(whole or cut)
        for k, whole, cut in zip(statistics.classes, statistics.lengths, statistics.cut, strict=True)
        if k != statistics.background and (whole or cut)
    ]
    return float(min(1.0, _FULL_LENGTH / min(typical))) if typical else 1.0


def choose_latency(statistics: SegmentStatistics) -> int:
    """Return the default latency in samples: several of the longest usual segments."""
    longest = max(
        np.quantile(whole or cut, _LONG)
        for whole, cut in zip(statistics.lengths, statistics.cut, strict=True)
        if whole or cut
    )
    return int(max(_LATENCY_LENGTHS * longest, _LEAST_LATENCY))


def can_teach(statistics: SegmentStatistics) -> bool:
    """Return whether the labels show where a segment of one of several classes begins or ends, or how long it is.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> can_teach(measure_segments([[0, 0, 1, 1]])), can_teach(measure_segments([[0, 0], [1, 1]]))
    (True, False)
    """
    if len(statistics.classes) < 2:
        return False
    hidden = any(statistics.hidden_before) or any(statistics.hidden_after)
    return hidden or any(statistics.lengths) or bool(np.array(statistics.transitions).any())


def _choose_lengths(statistics: SegmentStatistics) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield the complete and the cut lengths of each class from which its durations are learned.

    The complete segments are the short ones if unlabeled samples cut most segments. If more segments than these are
    cut, and still longer than all of them, all lengths count as cut.
    """
    nothing = [0] * len(statistics.classes)
    hidden = zip(statistics.hidden_before or nothing, statistics.hidden_after or nothing, strict=True)
    for whole, cut, ends in zip(statistics.lengths, statistics.cut, hidden, strict=True):
        longer = sum(length > max(whole, default=0) for length in cut)
        yield ((), (*whole, *cut)) if sum(ends) and longer > len(whole) else (whole, cut)


@functools.lru_cache(maxsize=64)  # each prediction needs the same durations
def _fit_cached(lengths: tuple[int, ...], cut: tuple[int, ...]) -> DurationModel:
    return fit_durations(lengths, cut or (1,))
