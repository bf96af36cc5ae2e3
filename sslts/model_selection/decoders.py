"""Choose a decoder on labeled recordings, without training again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts import metrics
from sslts._wrapping import find_attribute
from sslts.annotations import SegmentStatistics, follow_index, isolate_class, read_statistics, spread_labels
from sslts.decoding import Argmax, Decoder, DurationViterbi, Hysteresis, decode_as

_Metric = Callable[..., Any]
_SCORINGS: dict[str, _Metric] = {
    "count": lambda *args, **kwargs: -metrics.count_error(*args, **kwargs).mae,
    "duration": lambda *args, **kwargs: -metrics.duration_error(*args, **kwargs).mae,
    "segment_f1": metrics.segment_f1,
}


def suggest_decoders(statistics: SegmentStatistics) -> list[Decoder]:
    """Return decoders worth trying, from how long the labeled segments are.

    Parameters
    ----------
    statistics : SegmentStatistics
        A fitted segmenter's ``statistics_``.

    Returns
    -------
    list of Decoder
        `Argmax`; `Hysteresis` with several thresholds, least lengths and least gaps, these as parts of each class's
        shortest labeled segment; `DurationViterbi` with several weights.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> from sslts.model_selection import suggest_decoders
    >>> decoders = suggest_decoders(measure_segments([[0, 0, 1, 1, 1, 1, 0, 0]]))
    >>> decoders[0], len(decoders)
    (Argmax(), 34)
    """
    every = zip(statistics.classes, statistics.lengths, statistics.cut, strict=True)
    shortest = {k: min(whole or cut) for k, whole, cut in every if k != statistics.background and (whole or cut)}
    found: list[Decoder] = [Argmax()]
    for onset, offset in ((0.5, 0.5), (0.5, 0.3), (0.6, 0.4), (0.7, 0.3), (0.8, 0.4)):
        for part in (0.0, 0.4, 0.7):
            for gap in (0.0, 0.3):
                least = {k: int(part * length) for k, length in shortest.items()}
                gaps = {k: int(gap * length) for k, length in shortest.items()}
                found.append(Hysteresis(onset=onset, offset=offset, min_length=least, min_gap=gaps))
    found += [DurationViterbi(weight=weight) for weight in (0.3, 1.0, 3.0)]
    return found


def compare_decoders(
    segmenter: Any, X: Any, y: Any, decoders: Sequence[Decoder], scoring: str | _Metric = "count"
) -> pd.DataFrame:
    """Score decoders on labeled recordings; the network predicts once.

    Parameters
    ----------
    segmenter : fitted segmenter
    X : array-like
        Recordings that the segmenter was not fitted on, as of validation subjects.
    y : array-like of int
        Their labels; -1 where unlabeled.
    decoders : sequence of Decoder
    scoring : {"count", "duration", "segment_f1"} or callable, default="count"
        Mean absolute error of counts, of lengths, with the sign changed; F1 of segments; or
        ``scoring(y_true, y_pred, background=...) -> float``, greater is better.

    Returns
    -------
    pandas.DataFrame
        A row for each decoder: ``decoder, score, mean_iou``, and ``score_<class>`` for each class that is not
        background where `scoring` is a name.

    Raises
    ------
    ValueError
        If no sample is labeled, a label is no class of the segmenter, or `scoring` is unknown.

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
        raise ValueError(f"scoring={scoring!r}; give one of {sorted(_SCORINGS)}, or a function.")
    probas = list(segmenter.predict_proba(X))
    truth = _read_truth(segmenter, follow_index(y, X), probas)
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
    """Pick the decoder that counts or measures best on labeled recordings, without fitting the network again.

    Of the decoders that lose no more than `max_iou_loss` of mean IoU against `Argmax`, the one with the best score.
    With ``decoders=None``, a `Hysteresis` that gives each class the setting best for it alone is tried as well, and
    taken if it scores better.

    Parameters
    ----------
    segmenter : fitted segmenter
    X : array-like
        Recordings that the segmenter was not fitted on, as of validation subjects.
    y : array-like of int
        Their labels; -1 where unlabeled.
    scoring : {"count", "duration", "segment_f1"} or callable, default="count"
        See `compare_decoders`.
    decoders : sequence of Decoder, default=None
        What to choose from. None: `suggest_decoders`.
    max_iou_loss : float, default=0.001
        Largest loss of mean IoU against `Argmax`, 0 to 1.

    Returns
    -------
    Decoder
        Give it to the segmenter: ``segmenter.set_params(decoder=...)``; of a `SelfTrainingSegmenter`, to that of its
        last round, ``segmenter_``.

    Raises
    ------
    ValueError
        If no sample is labeled, a label is no class of the segmenter, `scoring` is unknown, or `max_iou_loss` is not
        from 0 to 1.

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
    refined = _refine(table, statistics, least) if decoders is None else []
    if refined:
        table = compare_decoders(segmenter, X, y, [best, *refined], scoring)
        best = _pick_best(table, least)
    return best


def _pick_best(table: pd.DataFrame, least: float) -> Decoder:
    """Return the first decoder with the best score among those with enough mean IoU; the very first if none has."""
    allowed = (table["mean_iou"] >= least) & table["score"].notna()
    row = np.where(allowed, table["score"], -np.inf).argmax()
    return table["decoder"].tolist()[int(row)]


def _refine(table: pd.DataFrame, statistics: SegmentStatistics, least: float) -> list[Decoder]:
    """Return hystereses that give each class what was best for it alone: by score, and by score among the allowed."""
    names = ("onset", "offset", "min_length", "min_gap")
    mixed: list[Decoder] = []
    plain = table[[isinstance(decoder, Hysteresis) for decoder in table["decoder"]]]
    for part in (plain, plain[plain["mean_iou"] >= least]):
        values: dict[str, dict[int, float]] = {name: {} for name in names}
        for k in statistics.classes:
            scores = part.get(f"score_{k}", pd.Series(dtype=float)).to_numpy()
            if k == statistics.background or np.isnan(scores).all():
                continue
            winner = part["decoder"].tolist()[int(np.nanargmax(scores))]
            for name in names:
                values[name][k] = winner.pick(name, k)
        if values["onset"]:
            mixed.append(Hysteresis().replace(**values))
    return mixed


def _read_truth(segmenter: Any, y: Any, probas: Sequence[np.ndarray]) -> list[np.ndarray]:
    truth = spread_labels(y, list(map(len, probas)))
    found = np.unique(np.concatenate([np.unique(t) for t in truth])) if truth else np.empty(0)
    if not (found >= 0).any():
        raise ValueError("y has no labeled sample: every label is -1. A decoder is chosen on labeled recordings.")
    unknown = np.setdiff1d(found[found >= 0], segmenter.classes_)
    if unknown.size:
        raise ValueError(f"y has class {unknown[0]}, the segmenter knows {segmenter.classes_.tolist()}.")
    return truth


def _score_classes(
    segmenter: Any, metric: _Metric, truth: Sequence[np.ndarray], found: Sequence[np.ndarray]
) -> dict[str, float]:
    """Return the score of each class that is not background, all others taken as background."""
    scores = {}
    background = find_attribute(segmenter, "background", 0)
    for k in segmenter.classes_[segmenter.classes_ != background].tolist():
        alone = [[isolate_class(one, k) for one in side] for side in (truth, found)]
        scores[f"score_{k}"] = metric(*alone, background=0)
    return scores
