"""Evaluation of a fitted segmenter on labeled recordings, as one HTML file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sslts import metrics
from sslts._files import check_place, replace_file
from sslts._notices import warn
from sslts._runs import find_runs
from sslts._text import clean_text
from sslts._wrapping import find_attribute, find_fitted
from sslts.annotations import as_labels, check_names, isolate_class, name_classes
from sslts.decoding import predict_both
from sslts.metrics import mean_iou_each
from sslts.model_selection import check_groups
from sslts.plotting import (
    CountDisplay,
    DurationDisplay,
    ReliabilityDisplay,
    SegmentationDisplay,
    TrainingHistoryDisplay,
    detached_figures,
)
from sslts.recordings import Recordings, as_recordings
from sslts.report._page import escape, make_figure, make_page, make_table

_N_RESAMPLES = 300
_N_RUNS = 100  # runs of labels per plot: about 50 segments and the background between them


def write_report(
    segmenter: Any,
    X: Any,
    y: Any,
    path: str | Path,
    baseline: Any = None,
    *,
    groups: Sequence[Any] | None = None,
    names: dict[int, str] | None = None,
    title: str = "Segmentation report",
    n_worst: int = 10,
) -> Path:
    """Evaluate a segmenter on labeled recordings and write the results to one self-contained HTML file.

    Parameters
    ----------
    segmenter : fitted segmenter
    X : array-like of shape (n, T) or (n, C, T), or list of (T_i,) or (C, T_i)
        Recordings that the segmenter was not fitted on.
    y : array-like of int
        True labels; unlabeled samples (-1) are left out.
    path : str or Path
        The file to write.
    baseline : fitted segmenter, or dict of str to fitted segmenter, default=None
        Segmenters to compare with, by the name that the report shows, such as a `SupervisedSegmenter` and a
        `WindowFeatureSegmenter` fitted on the same labels. The comparison shows whether the unlabeled recordings
        helped, and whether a network is needed at all. A segmenter without a name is called "baseline".
    groups : sequence of length n, default=None
        Group of each recording, such as a patient, by position. Intervals then resample groups, not recordings.
    names : dict of int to str, default=None
        Names of the classes, for display.
    title : str, default="Segmentation report"
        Heading of the page.
    n_worst : int, default=10
        Number of recordings with the lowest scores to plot. A long recording is plotted around most of its errors.

    Returns
    -------
    Path
        `path` as a `Path`.

    Raises
    ------
    OSError
        If the folder of `path` does not exist, or `path` is a folder.
    ValueError
        If fewer than two recordings are labeled, `groups` differs from `X` in length, a key of `names` is not a class,
        two classes have one name, or `n_worst` is not an int of 0 or more.
    TypeError
        If `title` or a name in `baseline` is not text.

    Examples
    --------
    >>> import tempfile
    >>> from sslts import FixMatchSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.report import write_report
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> few = y.copy()
    >>> few[2:] = -1
    >>> segmenter = FixMatchSegmenter(max_steps=2, random_state=0).fit(X, few)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(segmenter, X[4:], y[4:], f"{folder}/report.html", n_worst=1).name
    'report.html'
    """
    place = check_place(path)
    if not isinstance(title, str):
        raise TypeError(f"title is a {type(title).__name__}; give a text.")
    if not isinstance(n_worst, Integral) or n_worst < 0:
        raise ValueError(f"n_worst={n_worst!r}; give an int of 0 or more.")
    baselines = _name_baselines(baseline)
    recordings = as_recordings(X)
    truth = as_labels(y, recordings)
    named = _name_classes(segmenter, truth, names)
    group_of = check_groups(groups, len(truth))
    kept = [i for i, labels in enumerate(truth) if (labels >= 0).any()]
    if len(kept) < 2:
        raise ValueError(f"y has {len(kept)} labeled recordings; give at least two, so that intervals can be computed.")
    signals, truth = recordings.list_items(kept), [truth[i] for i in kept]
    group_of = None if group_of is None else group_of[kept]
    predicted, proba = predict_both(segmenter, signals)
    found = {name: list(model.predict(signals)) for name, model in baselines.items()}
    remark = "".join(_warn_of_different_decoders(segmenter, *item) for item in baselines.items())
    comparison = _compare_scores(segmenter, truth, predicted, found, group_of)
    with detached_figures():
        sections = [
            ("fit", "Fitted model", _describe_fit(segmenter)),
            ("help", "Did the unlabeled recordings help?", remark + comparison),
            ("classes", "Scores of each class", _show_class_scores(segmenter, truth, predicted, named)),
            ("counts", "Counts and lengths of segments", _show_counts_and_lengths(segmenter, truth, predicted, named)),
            ("calibration", "Are the probabilities calibrated?", _show_calibration(segmenter, truth, proba)),
            ("training", "Training", _show_training(segmenter, named)),
            (
                "worst",
                "Recordings with the lowest scores",
                _show_worst_recordings(segmenter, recordings, truth, predicted, proba, kept, named, n_worst),
            ),
        ]
    known = sum(int((labels >= 0).sum()) for labels in truth)
    name = escape(type(segmenter).__name__)
    lead = f"<p>{name}, evaluated on {len(kept)} labeled recordings ({known:,} labeled samples).</p>"
    replace_file(place, make_page(clean_text(title), lead, sections).encode())
    return Path(path)


def _name_classes(segmenter: Any, truth: list[Any], names: dict[int, str] | None) -> dict[int, str]:
    """Return the name of each class that the segmenter knows or that is labeled."""
    classes = np.unique(np.concatenate([segmenter.classes_, *map(np.unique, truth)]))
    classes = classes[classes >= 0]
    check_names(names, classes)
    return name_classes(names, classes, "class {}")


def _describe_fit(segmenter: Any) -> str:
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


def _name_baselines(baseline: Any) -> dict[str, Any]:
    """Return the segmenters to compare with, by name."""
    if baseline is None:
        return {}
    if not isinstance(baseline, Mapping):
        return {"baseline": baseline}
    for name in baseline:
        if not isinstance(name, str):
            raise TypeError(f"baseline has the name {name!r}, a {type(name).__name__}; name each segmenter by a text.")
    return {clean_text(name): model for name, model in baseline.items()}


def _warn_of_different_decoders(segmenter: Any, name: str, baseline: Any) -> str:
    """Warn if segmenter and baseline use different decoders, and return the warning as HTML."""
    own, other = (find_attribute(model, "decoder") for model in (segmenter, baseline))
    if own == other or None in (own, other):
        return ""
    words = (
        f"The segmenter uses the decoder {clean_text(own)}, the {name} {clean_text(other)}, so part of the "
        "difference may come from the decoders. Give both the same decoder, or tune a decoder for each."
    )
    warn(words)
    return f"<p>{escape(words)}</p>"


def _compare_scores(
    segmenter: Any,
    truth: list[Any],
    predicted: list[Any],
    baselines: dict[str, list[Any]],
    groups: np.ndarray | None,
) -> str:
    """Return a verdict on each comparison, and a table of all scores; counts and segments come first."""
    background = find_attribute(segmenter, "background", 0)
    scores: dict[str, Callable[[Any, Any], float]] = {
        "count error": partial(metrics.count_scorer.function, background=background),
        "segment F1": partial(metrics.segment_f1_scorer.function, background=background),
        "mean IoU": metrics.mean_iou,
    }
    options: dict[str, Any] = {"groups": groups, "n_resamples": _N_RESAMPLES}
    rows: dict[str, dict[str, Any]] = {}
    gains: dict[str, dict[str, metrics.Interval]] = {name: {} for name in baselines}
    for score_name, score in scores.items():
        own = metrics.bootstrap_interval(score, truth, predicted, **options)
        rows[score_name] = {"value": own.estimate, "95 % interval": f"{own.low:.3f} to {own.high:.3f}"}
        for name, found in baselines.items():
            gain = gains[name][score_name] = metrics.bootstrap_difference(score, truth, predicted, found, **options)
            rows[score_name] |= {
                name: score(truth, found),
                f"difference from {name}": gain.estimate,
                f"95 % interval of the difference from {name}": f"{gain.low:+.3f} to {gain.high:+.3f}",
            }
    unit = "recordings" if groups is None else "groups"
    formats = {"value": "{:.3f}"} | dict.fromkeys(baselines, "{:.3f}")
    formats |= {f"difference from {name}": "{:+.3f}" for name in baselines}
    caption = f"Intervals are 95 % bootstrap intervals, resampling {unit}. A lower count error is better."
    table = make_table(pd.DataFrame(rows).T, caption, "scores", formats, {"value": "segmenter"})
    verdicts = [_write_verdict(name, gain) for name, gain in gains.items()]
    return ("".join(verdicts) or "<p>No baseline was given, so there is no comparison.</p>") + table


def _write_verdict(name: str, gains: dict[str, metrics.Interval]) -> str:
    """Return an HTML paragraph that interprets the differences of count error and segment F1 from a baseline."""
    counts, segments = gains["count error"], gains["segment F1"]
    better = [counts.high < 0, segments.low > 0]
    worse = [counts.low > 0, segments.high < 0]
    if any(better) and not any(worse):
        kind, words = "better", f"Yes: the segmenter is better than the {name}"
    elif any(worse) and not any(better):
        kind, words = "worse", f"No: the segmenter is worse than the {name}"
    elif any(worse):
        kind, words = "level", f"In part: the segmenter is better than the {name} in one of two scores, worse in one"
    else:
        kind, words = "level", f"Not clear: the difference from the {name} may be chance"
    points = (
        f"count error {counts.estimate:+.2f} per recording, 95 % interval {counts.low:+.2f} to {counts.high:+.2f}; "
        f"segment F1 {segments.estimate:+.3f}, {segments.low:+.3f} to {segments.high:+.3f}"
    )
    return f'<p class="verdict {kind}">{escape(words)} ({points}).</p>'


def _show_class_scores(segmenter: Any, truth: list[Any], predicted: list[Any], names: dict[int, str]) -> str:
    background, rate = find_attribute(segmenter, "background", 0), find_attribute(segmenter, "sampling_rate")
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
    ).rename(index=names)
    formats = dict.fromkeys(table.columns, "{:.3f}") | dict.fromkeys(table.columns[-2:], "{:.1f}")
    return make_table(
        table, "Segment F1 at an IoU of 0.5; mean absolute errors of onsets and offsets", "classes", formats
    )


def _show_counts_and_lengths(segmenter: Any, truth: list[Any], predicted: list[Any], names: dict[int, str]) -> str:
    background, rate = find_attribute(segmenter, "background", 0), find_attribute(segmenter, "sampling_rate")
    unit = "s" if rate else "samples"
    rows: dict[str, dict[str, float]] = {}
    for k in (k for k in names if k != background):
        isolated = [[isolate_class(labels, k) for labels in side] for side in (truth, predicted)]
        counts = metrics.count_error(*isolated, background=0)
        rows[names[k]] = {
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
    table = make_table(pd.DataFrame(rows).T, caption, "counts", formats)
    options: dict[str, Any] = {"background": background, "names": names}
    count = CountDisplay.from_predictions(truth, predicted, **options).figure_
    length = DurationDisplay.from_predictions(truth, predicted, sampling_rate=rate, **options).figure_
    return (
        table
        + make_figure(count, "Predicted against true counts per recording")
        + make_figure(length, "Lengths of true and predicted segments")
    )


def _measure_length_error(isolated: list[list[Any]], rate: float | None) -> float:
    """Return the mean absolute error of lengths of matched segments; NaN if no recording can have a match."""
    if not any((t == 1).any() and (p == 1).any() for t, p in zip(*isolated, strict=True)):
        return np.nan
    return metrics.duration_error(*isolated, background=0, iou=0.1, sampling_rate=rate).mae


def _show_calibration(segmenter: Any, truth: list[Any], proba: list[Any]) -> str:
    display = ReliabilityDisplay.from_predictions(truth, proba, classes=segmenter.classes_)
    table = pd.DataFrame({"": {"expected calibration error": display.error}})
    caption = "Accuracy of the most probable class against its probability"
    return make_table(table, "Labeled samples", "calibration", {"": "{:.3f}"}) + make_figure(display.figure_, caption)


def _show_training(segmenter: Any, names: dict[int, str]) -> str:
    if getattr(find_fitted(segmenter), "history_", None) is None:
        name = escape(type(find_fitted(segmenter)).__name__)
        return f"<p>{name} is not trained in steps, so there is no history of losses.</p>"
    caption = "Losses; share (mask rate) and classes of unlabeled samples whose pseudo-labels were accepted"
    known = {k: name for k, name in names.items() if k in segmenter.classes_}
    figure = make_figure(TrainingHistoryDisplay.from_estimator(segmenter, names=known).figure_, caption)
    return _describe_trust(find_fitted(segmenter)) + figure


def _describe_trust(fitted: Any) -> str:
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


def _show_worst_recordings(
    segmenter: Any,
    recordings: Recordings,
    truth: list[Any],
    predicted: list[Any],
    proba: list[Any],
    numbers: list[int],
    names: dict[int, str],
    n_worst: int,
) -> str:
    scores = mean_iou_each(truth, predicted)
    figures = []
    for i in np.argsort(scores)[:n_worst]:
        start, stop = _find_worst_stretch(truth[i], predicted[i])
        shown = {*map(int, segmenter.classes_), *map(int, np.unique(truth[i]))}
        display = SegmentationDisplay.from_predictions(
            recordings.get(numbers[i]),
            y_true=truth[i],
            y_pred=predicted[i],
            proba=proba[i],
            classes=segmenter.classes_,
            background=find_attribute(segmenter, "background", 0),
            sampling_rate=find_attribute(segmenter, "sampling_rate"),
            start=start,
            stop=stop,
            names={k: name for k, name in names.items() if k in shown},
            channel_names=recordings.channel_names,
        )
        caption = f"Recording {numbers[i]}, mean IoU {scores[i]:.3f}"
        if stop - start < len(truth[i]):
            caption += f"; samples {start:,} to {stop:,} of {len(truth[i]):,}, the stretch with most errors"
        figures.append(make_figure(display.figure_, caption))
    return "".join(figures)


def _find_worst_stretch(truth: np.ndarray, predicted: np.ndarray) -> tuple[int, int]:
    """Return start and stop of the stretch with the most wrong samples, about `_N_RUNS` runs of labels long."""
    n = len(truth)
    n_runs = max(len(find_runs(labels)[0]) for labels in (truth, predicted))
    length = min(n, -(-n * _N_RUNS // n_runs))
    wrong = np.concatenate([[0], np.cumsum((truth >= 0) & (truth != predicted))])
    start = int((wrong[length:] - wrong[: n - length + 1]).argmax())
    return start, start + length
