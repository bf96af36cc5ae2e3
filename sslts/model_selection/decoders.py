"""Choice of a decoder on labeled recordings, without training again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts import metrics
from sslts._notices import shorten
from sslts._wrapping import find_attribute
from sslts.annotations import (
    SegmentStatistics,
    follow_index,
    isolate_class,
    number_like,
    read_statistics,
    spread_labels,
)
from sslts.decoding import Argmax, Decoder, DurationViterbi, Hysteresis, decode_as

_Metric = Callable[..., Any]
_SCORINGS: dict[str, _Metric] = {
    "count": lambda *args, **kwargs: -metrics.count_error(*args, **kwargs).mae,
    "duration": lambda *args, **kwargs: -metrics.duration_error(*args, **kwargs).mae,
    "segment_f1": metrics.segment_f1,
}


def suggest_decoders(statistics: SegmentStatistics) -> list[Decoder]:
    """Return decoders to try, with settings derived from the lengths of the labeled segments.

    Parameters
    ----------
    statistics : SegmentStatistics
        The ``statistics_`` of a fitted segmenter.

    Returns
    -------
    list of Decoder
        `Argmax`; `Hysteresis` with several thresholds, minimum lengths and minimum gaps, which are fractions of each
        class's shortest labeled segment; `DurationViterbi` with several weights.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> from sslts.model_selection import suggest_decoders
    >>> decoders = suggest_decoders(measure_segments([[0, 0, 1, 1, 1, 1, 0, 0]]))
    >>> decoders[0], len(decoders)
    (Argmax(), 34)
    """
    by_class = zip(statistics.classes, statistics.lengths, statistics.cut, strict=True)
    shortest = {k: min(whole or cut) for k, whole, cut in by_class if k != statistics.background and (whole or cut)}
    decoders: list[Decoder] = [Argmax()]
    for onset, offset in ((0.5, 0.5), (0.5, 0.3), (0.6, 0.4), (0.7, 0.3), (0.8, 0.4)):
        for part in (0.0, 0.4, 0.7):
            for gap in (0.0, 0.3):
                least = {k: int(part * length) for k, length in shortest.items()}
                gaps = {k: int(gap * length) for k, length in shortest.items()}
                decoders.append(Hysteresis(onset=onset, offset=offset, min_length=least, min_gap=gaps))
    decoders += [DurationViterbi(weight=weight) for weight in (None, 0.1, 1.0)]
    return decoders


def compare_decoders(
    segmenter: Any, X: Any, y: Any, decoders: Sequence[Decoder], scoring: str | _Metric = "count"
) -> pd.DataFrame:
    """Return the scores of decoders on labeled recordings; the network predicts only once.

    Parameters
    ----------
    segmenter : fitted segmenter
        Segmenter whose probabilities are decoded.
    X : array-like
        Recordings that the segmenter was not fitted on, such as recordings of validation subjects.
    y : array-like of int
        Labels of `X` (-1 = unlabeled).
    decoders : sequence of Decoder
        Decoders to compare.
    scoring : {"count", "duration", "segment_f1"} or callable, default="count"
        "count", "duration": negated mean absolute error of the number or length of segments. "segment_f1": F1 of
        segments. A callable: ``scoring(y_true, y_pred, background=...) -> float``, greater is better.

    Returns
    -------
    pandas.DataFrame
        One row for each decoder: ``decoder, score, mean_iou``. If `scoring` is a name, also ``score_<class>`` for each
        class except the background.

    Raises
    ------
    ValueError
        If no sample is labeled, a label is not a class of the segmenter, or `scoring` is unknown.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.decoding import Argmax, Hysteresis
    >>> from sslts.model_selection import compare_decoders
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> segmenter = SupervisedSegmenter(max_steps=2, random_state=0).fit(X[:4], y[:4])
    >>> compare_decoders(segmenter, X[4:], y[4:], [Argmax(), Hysteresis(min_length=9)]).columns.tolist()
    ['decoder', 'score', 'mean_iou', 'score_1']
    """
    metric = scoring if callable(scoring) else _SCORINGS.get(scoring)
    if metric is None:
        raise ValueError(f"scoring={scoring!r}; give one of {sorted(_SCORINGS)} or a function.")
    probas = list(segmenter.predict_proba(X))
    truth = _read_truth(segmenter, number_like(follow_index(y, X), segmenter), probas)
    rows = []
    for decoder in decoders:
        found = decode_as(segmenter, decoder, probas)
        score = metric(truth, found, background=find_attribute(segmenter, "background", 0))
        row = {"decoder": decoder, "score": score, "mean_iou": metrics.mean_iou(truth, found)}
        rows.append(row | ({} if callable(scoring) else _score_classes(segmenter, metric, truth, found)))
    return pd.DataFrame(rows)


def tune_decoder(
    segmenter: Any,
    X: Any,
    y: Any,
    scoring: str | _Metric = "count",
    *,
    decoders: Sequence[Decoder] | None = None,
    max_iou_loss: float = 0.001,
) -> Decoder:
    """Return the decoder with the best score on labeled recordings, without fitting the network again.

    Only decoders that lose at most `max_iou_loss` of mean IoU against `Argmax` are allowed. With ``decoders=None``, a
    `Hysteresis` that combines the best setting of each class is tried too, and returned if it scores better.

    Parameters
    ----------
    segmenter : fitted segmenter
        Segmenter whose probabilities are decoded.
    X : array-like
        Recordings that the segmenter was not fitted on, such as recordings of validation subjects.
    y : array-like of int
        Labels of `X` (-1 = unlabeled).
    scoring : {"count", "duration", "segment_f1"} or callable, default="count"
        See `compare_decoders`.
    decoders : sequence of Decoder, default=None
        Decoders to choose from. None: the result of `suggest_decoders`.
    max_iou_loss : float, default=0.001
        Largest allowed loss of mean IoU against `Argmax`, 0 to 1.

    Returns
    -------
    Decoder
        Set it with ``segmenter.set_params(decoder=...)``; for a `SelfTrainingSegmenter`, set it on ``segmenter_``, the
        segmenter of the last round.

    Raises
    ------
    ValueError
        If no sample is labeled, a label is not a class of the segmenter, `scoring` is unknown, or `max_iou_loss` is not
        between 0 and 1.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.decoding import Argmax, Hysteresis
    >>> from sslts.model_selection import tune_decoder
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> segmenter = SupervisedSegmenter(max_steps=2, random_state=0).fit(X[:4], y[:4])
    >>> decoder = tune_decoder(segmenter, X[4:], y[4:], "count", decoders=[Argmax(), Hysteresis(min_length=9)])
    >>> segmenter.set_params(decoder=decoder).predict(X[4:]).shape
    (4, 400)
    """
    if not 0 <= max_iou_loss <= 1:
        raise ValueError(f"max_iou_loss={max_iou_loss!r}; give a share from 0 to 1.")
    statistics = read_statistics(segmenter)
    tried = [Argmax(), *(suggest_decoders(statistics) if decoders is None else decoders)]
    table = compare_decoders(segmenter, X, y, tried, scoring)
    least = table["mean_iou"].iloc[0] - max_iou_loss
    best = _pick_best(table, least)
    combined = _combine_best(table, statistics, least) if decoders is None else []
    if combined:
        table = compare_decoders(segmenter, X, y, [best, *combined], scoring)
        best = _pick_best(table, least)
    return best


def _pick_best(table: pd.DataFrame, least: float) -> Decoder:
    """Return the decoder with the best score and enough mean IoU; the first decoder if all have too little mean IoU."""
    allowed = (table["mean_iou"] >= least) & table["score"].notna()
    row = np.where(allowed, table["score"], -np.inf).argmax()
    return table["decoder"].tolist()[int(row)]


def _combine_best(table: pd.DataFrame, statistics: SegmentStatistics, least: float) -> list[Decoder]:
    """Return `Hysteresis` decoders with the best setting of each class: over all, and over all with enough mean IoU."""
    names = ("onset", "offset", "min_length", "min_gap")
    combined: list[Decoder] = []
    rows = table[[isinstance(decoder, Hysteresis) for decoder in table["decoder"]]]
    for part in (rows, rows[rows["mean_iou"] >= least]):
        values: dict[str, dict[int, float]] = {name: {} for name in names}
        for k in statistics.classes:
            scores = part.get(f"score_{k}", pd.Series(dtype=float)).to_numpy()
            if k == statistics.background or np.isnan(scores).all():
                continue
            winner = part["decoder"].tolist()[int(np.nanargmax(scores))]
            for name in names:
                values[name][k] = winner.pick(name, k)
        if values["onset"]:
            combined.append(Hysteresis().replace(**values))
    return combined


def _read_truth(segmenter: Any, y: Any, probas: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the true labels of each recording; raise if no sample is labeled or a class is unknown."""
    truth = spread_labels(y, list(map(len, probas)))
    found = np.unique(np.concatenate([np.unique(t) for t in truth])) if truth else np.empty(0)
    if not (found >= 0).any():
        raise ValueError("y has no labeled sample: every label is -1. Pass labeled recordings to choose a decoder.")
    unknown = np.setdiff1d(found[found >= 0], segmenter.classes_)
    if unknown.size:
        raise ValueError(
            f"y has class {unknown[0]}, but the segmenter has the classes {shorten(segmenter.classes_.tolist())}; set "
            "other labels to -1."
        )
    return truth


def _score_classes(
    segmenter: Any, metric: _Metric, truth: Sequence[np.ndarray], found: Sequence[np.ndarray]
) -> dict[str, float]:
    """Return the score of each class except the background, with all other classes set to background."""
    scores = {}
    background = find_attribute(segmenter, "background", 0)
    for k in segmenter.classes_[segmenter.classes_ != background].tolist():
        binary = [[isolate_class(labels, k) for labels in side] for side in (truth, found)]
        scores[f"score_{k}"] = metric(*binary, background=0)
    return scores
