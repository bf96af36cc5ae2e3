"""What a fitted segmenter is worth on labeled recordings, as one HTML file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sslts import metrics
from sslts._files import check_place, replace_file
from sslts._notices import warn
from sslts._runs import find_runs
from sslts._wrapping import find_attribute, find_fitted
from sslts.annotations import as_labels, check_names, isolate_class
from sslts.decoding import predict_both
from sslts.metrics import mean_iou_each
from sslts.model_selection import check_groups
from sslts.plotting import (
    CountDisplay,
    DurationDisplay,
    ReliabilityDisplay,
    SegmentationDisplay,
    TrainingHistoryDisplay,
)
from sslts.recordings import Recordings, as_recordings
from sslts.report._page import draw_for_page, make_figure, make_page, make_table

_N_RESAMPLES = 300
_N_RUNS = 100  # of labels in a picture: about 50 segments and what is between them


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
    """Write what a segmenter is worth on labeled recordings: one HTML file that needs no network.

    Parameters
    ----------
    segmenter : fitted segmenter
    X : array-like of shape (n, T) or (n, C, T), or list of (T_i,) or (C, T_i)
        Recordings that it was not fitted on.
    y : array-like of int
        Their labels; -1 counts nowhere.
    path : str or Path
        The file to write.
    baseline : fitted segmenter, default=None
        What it is compared with, as a `SupervisedSegmenter` on the same labels: did the unlabeled recordings help?
    groups : sequence of length n, default=None
        Whose recording it is, by position; intervals then are over groups.
    names : dict of int to str, default=None
        What to call the classes.
    title : str, default="Segmentation report"
        The heading.
    n_worst : int, default=10
        How many of the worst recordings to draw; of a long one, its worst stretch of some tens of segments.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OSError
        If the folder of `path` is missing, or it is a folder itself.
    ValueError
        If no sample is labeled, there are fewer than two labeled recordings, `groups` has not one entry for each, or
        `names` has a key that is no class.

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
    check_names(names, segmenter.classes_)
    recordings = as_recordings(X)
    truth = as_labels(y, recordings)
    group_of = check_groups(groups, len(truth))
    kept = [i for i, labels in enumerate(truth) if (labels >= 0).any()]
    if len(kept) < 2:
        raise ValueError(
            f"y has {len(kept)} labeled recordings; a report needs two, so that it can say how sure it is."
        )
    signals, truth = [recordings.sources[i] for i in kept], [truth[i] for i in kept]
    group_of = None if group_of is None else group_of[kept]
    predicted, proba = predict_both(segmenter, signals)
    base = None if baseline is None else list(baseline.predict(signals))
    remark = _compare_decoders(segmenter, baseline)
    comparison = _compare(segmenter, truth, predicted, base, group_of)
    named = {int(k): (names or {}).get(int(k), f"class {k}") for k in segmenter.classes_}
    with draw_for_page():
        sections = [
            ("fit", "What was fitted", _describe_fit(segmenter)),
            ("help", "Did the unlabeled recordings help?", remark + comparison),
            ("classes", "Classes", _judge_classes(segmenter, truth, predicted, named)),
            ("counts", "Counts and lengths", _measure(segmenter, truth, predicted, named)),
            ("calibration", "Can the probabilities be believed?", _judge_probabilities(segmenter, truth, proba)),
            ("training", "Training", _show_training(segmenter)),
            (
                "worst",
                "The worst recordings",
                _draw_worst(segmenter, recordings, truth, predicted, proba, kept, named, n_worst),
            ),
        ]
    known = sum(int((labels >= 0).sum()) for labels in truth)
    lead = f"<p>{escape(type(segmenter).__name__)} on {len(kept)} labeled recordings ({known:,} samples).</p>"
    replace_file(place, make_page(title, lead, sections).encode())
    return Path(path)


def _describe_fit(segmenter: Any) -> str:
    fitted = find_fitted(segmenter)
    facts = find_attribute(segmenter, "training_set_")  # the outermost knows which labels were given
    rows = {
        "recordings": facts.get("recordings"),
        "with labels": facts.get("labeled_recordings"),
        "samples": facts.get("samples"),
        "labeled samples": facts.get("labeled_samples"),
        "steps": int(fitted.history_["step"].max()) if len(fitted.history_) else 0,
        "samples of a window": fitted.window_length_,
    }
    table = pd.DataFrame({"": {name: value for name, value in rows.items() if value is not None}})
    settings = f"<details><summary>All parameters</summary><pre>{escape(repr(segmenter))}</pre></details>"
    return make_table(table, "Training set", "fit", {"": "{:,}"}) + settings


def _compare_decoders(segmenter: Any, baseline: Any) -> str:
    """Warn, and say on the page, if the two predict by different decoders."""
    own, other = (find_attribute(one, "decoder") for one in (segmenter, baseline))
    if baseline is None or own == other or None in (own, other):
        return ""
    words = (
        f"the segmenter predicts by {own!r}, the baseline by {other!r}: their difference is of decoders too. Give both "
        "the same one, or tune one for each."
    )
    warn(words)
    return f"<p>Mind that {escape(words)}</p>"


def _compare(
    segmenter: Any, truth: list[Any], predicted: list[Any], base: list[Any] | None, groups: np.ndarray | None
) -> str:
    background = find_attribute(segmenter, "background", 0)
    scores: dict[str, Callable[[Any, Any], float]] = {
        "mean IoU": metrics.mean_iou,
        "segment F1": partial(metrics.segment_f1_scorer.function, background=background),
        "count error": partial(metrics.count_scorer.function, background=background),
    }
    options: dict[str, Any] = {"groups": groups, "n_resamples": _N_RESAMPLES}
    rows: dict[str, dict[str, Any]] = {}
    verdict = ""
    for name, score in scores.items():
        own = metrics.bootstrap_interval(score, truth, predicted, **options)
        rows[name] = {"value": own.estimate, "95 % interval": f"{own.low:.3f} to {own.high:.3f}"}
        if base is not None:
            gain = metrics.bootstrap_difference(score, truth, predicted, base, **options)
            rows[name] |= {"baseline": score(truth, base), "difference": gain.estimate}
            rows[name] |= {"its 95 % interval": f"{gain.low:+.3f} to {gain.high:+.3f}"}
            verdict = verdict or _judge(gain)
    of = "recordings" if groups is None else "groups"
    formats = {"value": "{:.3f}", "baseline": "{:.3f}", "difference": "{:+.3f}"}
    table = make_table(pd.DataFrame(rows).T, f"Intervals are over draws of {of}.", "scores", formats)
    return (verdict or "<p>No baseline was given to compare with.</p>") + table


def _judge(gain: metrics.Interval) -> str:
    """Return in words what the difference of mean IoU says."""
    if gain.low > 0:
        kind, words = "better", "Yes: better than the baseline"
    elif gain.high < 0:
        kind, words = "worse", "No: worse than the baseline"
    else:
        kind, words = "level", "Not clearly: the difference to the baseline could be chance"
    points = (
        f"{100 * gain.estimate:+.1f} points of mean IoU, 95 % interval {100 * gain.low:+.1f} to {100 * gain.high:+.1f}"
    )
    return f'<p class="verdict {kind}">{words} ({points}).</p>'


def _judge_classes(segmenter: Any, truth: list[Any], predicted: list[Any], names: dict[int, str]) -> str:
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
        table, "Segment F1 at an IoU of 0.5; errors of boundaries are mean absolute ones.", "classes", formats
    )


def _measure(segmenter: Any, truth: list[Any], predicted: list[Any], names: dict[int, str]) -> str:
    background, rate = find_attribute(segmenter, "background", 0), find_attribute(segmenter, "sampling_rate")
    unit = "s" if rate else "samples"
    rows: dict[str, dict[str, float]] = {}
    for k in segmenter.classes_[segmenter.classes_ != background]:
        alone = [[isolate_class(one, k) for one in side] for side in (truth, predicted)]
        counts = metrics.count_error(*alone, background=0)
        rows[names[int(k)]] = {
            "count error": counts.mae,
            "count bias": counts.bias,
            "exact counts": counts.exact,
            f"length error ({unit})": _measure_length(alone, rate),
        }
    formats = {
        "count error": "{:.3f}",
        "count bias": "{:+.3f}",
        "exact counts": "{:.0%}",
        f"length error ({unit})": "{:.4g}",
    }
    caption = "Per recording: mean absolute error, mean error, share of exact counts; lengths of matched segments."
    table = make_table(pd.DataFrame(rows).T, caption, "counts", formats)
    options: dict[str, Any] = {"background": background, "names": names}
    count = CountDisplay.from_predictions(truth, predicted, **options).figure_
    length = DurationDisplay.from_predictions(truth, predicted, sampling_rate=rate, **options).figure_
    return table + make_figure(count, "Predicted against true counts") + make_figure(length, "Lengths of segments")


def _measure_length(alone: list[list[Any]], rate: float | None) -> float:
    """Return the mean absolute error of lengths; nan where nothing is matched."""
    if not any((t == 1).any() and (p == 1).any() for t, p in zip(*alone, strict=True)):
        return np.nan
    return metrics.duration_error(*alone, background=0, iou=0.1, sampling_rate=rate).mae


def _judge_probabilities(segmenter: Any, truth: list[Any], proba: list[Any]) -> str:
    display = ReliabilityDisplay.from_predictions(truth, proba, classes=segmenter.classes_)
    table = pd.DataFrame({"": {"expected calibration error": display.error}})
    caption = "How often the most probable class is right, against its probability"
    return make_table(table, "Per sample", "calibration", {"": "{:.3f}"}) + make_figure(display.figure_, caption)


def _show_training(segmenter: Any) -> str:
    caption = "Losses; the share of unlabeled samples that were believed, and of which classes"
    return make_figure(TrainingHistoryDisplay.from_estimator(segmenter).figure_, caption)


def _draw_worst(
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
        start, stop = _find_worst(truth[i], predicted[i])
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
            names=names,
        )
        caption = f"Recording {numbers[i]}, mean IoU {scores[i]:.3f}"
        if stop - start < len(truth[i]):
            caption += f"; samples {start:,} to {stop:,} of {len(truth[i]):,}, where most are wrong"
        figures.append(make_figure(display.figure_, caption))
    return "".join(figures)


def _find_worst(truth: np.ndarray, predicted: np.ndarray) -> tuple[int, int]:
    """Return start and stop of the stretch with the most wrong samples, as long as `_N_RUNS` runs of labels are."""
    n = len(truth)
    n_runs = max(len(find_runs(labels)[0]) for labels in (truth, predicted))
    length = min(n, -(-n * _N_RUNS // n_runs))
    wrong = np.concatenate([[0], np.cumsum((truth >= 0) & (truth != predicted))])
    start = int((wrong[length:] - wrong[: n - length + 1]).argmax())
    return start, start + length
