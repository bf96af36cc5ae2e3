"""Sections of a page: what was fitted, scores of classes, counts, lengths, probabilities and training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from sslts import metrics
from sslts._wrapping import find_attribute, find_fitted
from sslts.annotations import isolate_class, pair_labels, return_labels
from sslts.plotting import CountDisplay, DurationDisplay, ReliabilityDisplay, TrainingHistoryDisplay
from sslts.report._evaluation import Evaluation
from sslts.report._page import escape, make_figure, make_table


def describe_fit(segmenter: Any) -> str:
    """Return the training set and the parameters of a fit."""
    fitted = find_fitted(segmenter)
    # The outermost estimator counts given labels; an inner estimator may count pseudo-labels too.
    facts = find_attribute(segmenter, "training_set_")
    rows = {
        "recordings": facts.get("recordings"),
        "with labels": facts.get("labeled_recordings"),
        "samples": facts.get("samples"),
        "labeled samples": facts.get("labeled_samples"),
        "steps": _count_steps(fitted),
        "samples of a window": fitted.window_length_,
    }
    table = pd.DataFrame({"": {name: value for name, value in rows.items() if value is not None}})
    settings = f"<details><summary>All parameters</summary><pre>{escape(repr(segmenter))}</pre></details>"
    words = {
        "with labels": "labeled recordings",
        "steps": "training steps",
        "samples of a window": "window length (samples)",
    }
    return make_table(table, "Training set", "fit", {"": "{:,}"}, words) + settings


def _count_steps(fitted: Any) -> int | None:
    """Return the number of training steps; None for an estimator that is not trained in steps."""
    history = getattr(fitted, "history_", None)
    if history is None:
        return None
    return int(history["step"].max()) if len(history) else 0


def show_class_scores(evaluation: Evaluation) -> str:
    """Return the table of the scores of each class."""
    truth, predicted = evaluation.pair
    background, rate = evaluation.background, evaluation.rate
    unit = "ms" if rate else "samples"
    ends = metrics.boundary_error(truth, predicted, background=background, sampling_rate=rate) * (1000 if rate else 1)
    table = pd.DataFrame(
        {
            "IoU": metrics.class_iou(truth, predicted),
            "sample F1": metrics.frame_f1(truth, predicted, background=background, average=None),
            "segment F1": metrics.segment_f1(truth, predicted, background=background, average=None),
            f"onset error ({unit})": ends["onset_mae"],
            f"offset error ({unit})": ends["offset_mae"],
        }
    ).rename(index=evaluation.names)
    formats = dict.fromkeys(table.columns, "{:.3f}") | dict.fromkeys(table.columns[-2:], "{:.1f}")
    return make_table(
        table, "Segment F1 at an IoU of 0.5; mean absolute errors of onsets and offsets", "classes", formats
    )


def show_counts_and_lengths(evaluation: Evaluation) -> str:
    """Return the errors of counts and lengths of each class, and their plots."""
    (truth, predicted), names = evaluation.pair, evaluation.names
    table = _make_count_table(evaluation)
    options: dict[str, Any] = {"background": evaluation.background, "names": names}
    count = CountDisplay.from_predictions(truth, predicted, **options).figure_
    length = DurationDisplay.from_predictions(truth, predicted, sampling_rate=evaluation.rate, **options).figure_
    return (
        table
        + make_figure(count, "Predicted against true counts per recording")
        + make_figure(length, "Lengths of true and predicted segments")
    )


def _make_count_table(evaluation: Evaluation) -> str:
    rate = evaluation.rate
    unit = "s" if rate else "samples"
    rows: dict[str, dict[str, float]] = {}
    for k in (k for k in evaluation.names if k != evaluation.background):
        isolated = [
            return_labels([isolate_class(labels, k) for labels in side], like)
            for side, like in zip((evaluation.truth, evaluation.predicted), evaluation.pair, strict=True)
        ]
        counts = metrics.count_error(*isolated, background=0)
        rows[evaluation.names[k]] = {
            "count error": counts.mae,
            "count bias": counts.bias,
            "exact counts": counts.exact,
            f"length error ({unit})": _measure_length_error(isolated, rate),
        }
    formats = {
        "count error": "{:.3f}",
        "count bias": "{:+.3f}",
        "exact counts": "{:.0%}",
        f"length error ({unit})": "{:.4g}",
    }
    caption = (
        "Counts per recording: mean absolute error, mean error (bias) and share of exact counts. Lengths of matched "
        "segments: mean absolute error."
    )
    return make_table(pd.DataFrame(rows).T, caption, "counts", formats)


def _measure_length_error(isolated: list[Any], rate: float | None) -> float:
    """Return the mean absolute error of lengths of matched segments; NaN if no recording can have a match."""
    if not any((t == 1).any() and (p == 1).any() for t, p in zip(*pair_labels(*isolated), strict=True)):
        return np.nan
    return metrics.duration_error(*isolated, background=0, iou=0.1, sampling_rate=rate).mae


def show_calibration(evaluation: Evaluation) -> str:
    """Return the expected calibration error, and accuracy against probability."""
    display = ReliabilityDisplay.from_predictions(evaluation.truth, evaluation.proba, classes=evaluation.classes)
    table = pd.DataFrame({"": {"expected calibration error": display.error}})
    caption = "Accuracy of the most probable class against its probability"
    return make_table(table, "Labeled samples", "calibration", {"": "{:.3f}"}) + make_figure(display.figure_, caption)


def show_training(segmenter: Any, names: dict[int, str]) -> str:
    """Return the history of the training, and who labeled the unlabeled recordings."""
    if getattr(find_fitted(segmenter), "history_", None) is None:
        name = escape(type(find_fitted(segmenter)).__name__)
        return f"<p>{name} is not trained in steps, so there is no history of losses.</p>"
    caption = "Losses; share (mask rate) and classes of unlabeled samples whose pseudo-labels were accepted"
    known = {k: name for k, name in names.items() if k in segmenter.classes_}
    figure = make_figure(TrainingHistoryDisplay.from_estimator(segmenter, names=known).figure_, caption)
    return describe_transfer(find_fitted(segmenter)) + describe_trust(find_fitted(segmenter)) + figure


def describe_transfer(fitted: Any) -> str:
    """Return an HTML paragraph that says what was made of an earlier customer's model; empty without one."""
    transfer = getattr(fitted, "transfer_", None)
    if transfer is None:
        return ""
    words = f"Of an earlier customer's model and labels, the fit made this: {transfer['words']}."
    if math.isfinite(distance := transfer.get("distance", math.nan)):
        how = "differ, so the old labels taught at the beginning only"
        if not transfer["source_fades"]:
            how = "are alike, so the old labels taught to the end"
        words += f" The recordings of both customers {how} (distance {distance:.3f})."
    scores = transfer["scores"]
    if scores:
        held = ", ".join(f"{name} {score['mean_iou']:.2f}" for name, score in scores.items())
        words += f" Mean IoU of short fits on half of the labels, judged on the other half: {held}."
        if transfer["margin"] > 0:
            words += f" The choice is {transfer['margin']:.2f} better than the first way."
    elif guard := transfer.get("guard"):
        sure = ", ".join(f"{name} {fact['confidence']:.2f}" for name, fact in guard.items())
        words += f" No label could judge this guess. Mean confidence of the predictions of each way: {sure}."
    else:
        words += " It was compared with no other way."
    return f"<p>{escape(words)}</p>"


def describe_trust(fitted: Any) -> str:
    """Return an HTML paragraph that says who labeled the unlabeled samples, and why; empty without a comparison."""
    trust = getattr(fitted, "trust_", None)
    if trust is None:
        return ""
    if not math.isfinite(trust["network"]["mean_iou"]):
        words = "The network labeled the unlabeled recordings; it was compared with nothing."
    else:
        verdict = (
            "The network was not believed: window features labeled the unlabeled recordings."
            if trust["guided"]
            else "The network labeled the unlabeled recordings: window features were not clearly better."
        )
        held, agreed = (
            [f"{trust[kind].get(name, math.nan):.2f}" for kind in ("network", "window_features")]
            for name in ("mean_iou", "agreement")
        )
        words = (
            f"{verdict} Both were fitted on each half of the labeled recordings. On the half that it did not see, the "
            f"network had a mean IoU of {held[0]}, the window features had {held[1]}."
        )
        if "nan" not in agreed:
            words += (
                " On unlabeled recordings, the labels of both halves' fits had a mean IoU with one another of "
                f"{agreed[0]} for the network and {agreed[1]} for the window features."
            )
    return f"<p>{escape(words)}</p>"
