"""Scores of an evaluation, and their differences from baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sslts import metrics
from sslts.report._evaluation import Evaluation

N_RESAMPLES = 300
COUNTS, SEGMENTS, SAMPLES = "count error", "segment F1", "mean IoU"  # what is asked for most comes first


@dataclass(frozen=True)
class Gain:
    """The difference of a score from that of a baseline; ``sign`` is -1 if a lower score is better."""

    own: float
    other: float
    difference: metrics.Interval
    sign: int = 1

    @property
    def kind(self) -> str:
        """Whether the segmenter is "better", "worse", or "level": without a clear difference."""
        low, high = sorted((self.sign * self.difference.low, self.sign * self.difference.high))
        return "better" if low > 0 else "worse" if high < 0 else "level"


def list_measures(background: int | None) -> dict[str, Callable[[Any, Any], float]]:
    """Return the functions ``(y_true, y_pred) -> float`` of the three scores."""
    return {
        COUNTS: partial(metrics.count_scorer.function, background=background),
        SEGMENTS: partial(metrics.segment_f1_scorer.function, background=background),
        SAMPLES: metrics.mean_iou,
    }


def score_segmenter(evaluation: Evaluation) -> dict[str, metrics.Interval]:
    """Return the scores of the segmenter with their intervals."""
    options: dict[str, Any] = {"groups": evaluation.groups, "n_resamples": N_RESAMPLES}
    measures = list_measures(evaluation.background)
    return {name: metrics.bootstrap_interval(score, *evaluation.pair, **options) for name, score in measures.items()}


def compare_labels(evaluation: Evaluation, truth: Any, predicted: Any, other: Any) -> dict[str, Gain]:
    """Return the differences of the segmenter's scores from those of other labels, by score."""
    options: dict[str, Any] = {"groups": evaluation.groups, "n_resamples": N_RESAMPLES}
    gains = {}
    for name, score in list_measures(evaluation.background).items():
        difference = metrics.bootstrap_difference(score, truth, predicted, other, **options)
        own, theirs = score(truth, predicted), score(truth, other)
        gains[name] = Gain(own, theirs, difference, -1 if name == COUNTS else 1)
    return gains


def compare_with_baselines(evaluation: Evaluation) -> dict[str, dict[str, Gain]]:
    """Return the differences from each baseline, by the name of the baseline and by score."""
    return {name: compare_labels(evaluation, *evaluation.pair, found) for name, found in evaluation.others.items()}


def compare_with_annotator(evaluation: Evaluation) -> dict[str, Gain] | None:
    """Return the differences from a second annotator, on the samples that both labeled; None without one."""
    if evaluation.second is None:
        return None
    pairs = list(zip(evaluation.truth, evaluation.second, strict=True))
    truth = [np.where(second < 0, -1, first) for first, second in pairs]
    return compare_labels(evaluation, truth, evaluation.predicted, [np.maximum(second, 0) for _, second in pairs])
