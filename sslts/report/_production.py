"""The page on recordings without labels: numbers first, then what to look at before they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts._wrapping import find_attribute
from sslts.decoding import predict_both
from sslts.plotting import SegmentationDisplay, detached_figures
from sslts.report._advice import make_list
from sslts.report._drift import RULE
from sslts.report._page import escape, make_figure, make_page, make_table, sign_page
from sslts.report._run import Run
from sslts.report._sections import describe_fit
from sslts.report._stretches import find_worst_stretch
from sslts.report._verdict import join_words

_MOST_ROWS = 500  # of the table of recordings
_FREE_OF_SCALE = ("recording", "local")  # normalizations


def make_production_page(run: Run, *, title: str, day: str, n_doubtful: int) -> str:
    """Return the page on a run without labels."""
    lengths = run.profile.recordings.lengths
    time = _tell_time(lengths.sum(), run.rate)
    lead = f"{type(run.segmenter).__name__}, {len(lengths):,} recordings without labels, {time}."
    table, drift = run.drift
    with detached_figures():
        sections = [
            ("verdict", "Verdict", _describe_run(run)),
            ("next", "What next", make_list(_list_advice(run))),
            ("counts", "Counts and lengths", _show_counts(run)),
            ("recordings", "Each recording", _show_recordings(run)),
            ("drift", "Against the training", _show_drift(run, table, drift)),
            ("doubtful", "Recordings in which the segmenter is least sure", _show_doubtful(run, n_doubtful)),
            ("fit", "What was fitted", describe_fit(run.segmenter)),
        ]
    return make_page(title, f"<p>{escape(lead)}</p>{sign_page(day)}", sections)


def _tell_time(n_samples: Any, rate: float | None) -> str:
    if not rate:
        return f"{n_samples:,} samples"
    hours = n_samples / rate / 3600
    return f"{tell_number(hours)} hours" if hours >= 1 else f"{tell_number(60 * hours)} minutes"


def _describe_run(run: Run) -> str:
    """Return how many segments there are, and whether the run looks as the training lets expect."""
    unit, n_samples = run.time
    periods = max(int(run.profile.recordings.lengths.sum()), 1) / n_samples
    table = run.summarize("label").set_index("label")
    parts = []
    for k, name in run.counted.items():
        count, words = int(table["count"][k]), ""
        if run.calibration is not None and np.isfinite(table["expected_count"][k]):
            words = f"; expected: {_tell_interval(table.loc[k].to_dict())}"
        parts.append(f"{count:,} segments of {name} ({tell_number(count / periods)} per {unit}{words})")
    counts = f'<p class="summary">{escape(f"Found: {join_words(parts)}." if parts else "No class makes segments.")}</p>'
    return counts + _warn(run) + "<p>Without labels, this page can't say whether the numbers are right.</p>"


def _warn(run: Run) -> str:
    """Return what asks for a look before the numbers are used, as HTML."""
    n = len(run.recording_names)
    words = []
    if run.doubtful:
        words.append(f"the segmenter is unsure in {len(run.doubtful):,} of {n:,} recordings")
    if run.unusual:
        words.append(f"{len(run.unusual):,} of {n:,} recordings {'is' if len(run.unusual) == 1 else 'are'} unusual")
    _, drift = run.drift
    if drift:
        words.append("classes differ from the labels of the fit")
    if words:
        reasons = "".join(f"<p>{escape(sentence)}</p>" for sentence in drift)
        lead = f"! Look first: {join_words(words)}."
        return f'<div class="verdict worse"><p><strong>{escape(lead)}</strong></p>{reasons}</div>'
    known = "Confidence, signals, numbers and lengths are" if run.training else "Confidence, shares and lengths are"
    lead = f"<strong>✓ Nothing unusual.</strong> {known} as the training lets expect."
    return f'<div class="verdict better"><p>{lead}</p></div>'


def _list_advice(run: Run) -> list[tuple[str, str]]:
    advice = []
    if run.doubtful:
        words = f"{run.name_some(run.doubtful)}. Look at the plots. Label those with wrong segments, and fit again."
        advice.append(("Look at the doubtful recordings", words))
    if run.unusual:
        words = f"{run.name_some(list(run.unusual))}. Check sensor, unit, channels and rate. If all are right, "
        words += "add such recordings to the training, labeled or not."
        advice.append(("Check the unusual recordings", words))
    if run.drift[1]:
        words = "shares or lengths are not those of the labels of the fit. If these recordings are of another kind, "
        advice.append(("Check the classes", words + "label some of them and fit again."))
    if run.training is None:
        words = "pass the recordings of the fit as reference=, to compare signals and confidence with them."
        advice.append(("Compare with the training", words))
    if run.calibration is None:
        words = "pass calibration=calibrate_counts(segmenter, X_labeled, y_labeled), to have intervals of the counts."
        advice.append(("Calibrate the counts", words))
    words = "label some of these recordings, drawn at random, and call write_report on them."
    return [*advice, ("Measure the error", words)]


def _tell_interval(row: Mapping[Any, Any]) -> str:
    if not np.isfinite(row["count_low"]):
        return f"{row['expected_count']:,.1f}, no interval"
    return f"{row['expected_count']:,.1f}, {row['count_low']:,.1f} to {row['count_high']:,.1f}"


def tell_number(number: float) -> str:
    """Return a number with three significant digits, and with all digits before the point.

    Examples
    --------
    >>> tell_number(1112.4), tell_number(0.01234)
    ('1,112', '0.0123')
    """
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _show_counts(run: Run) -> str:
    """Return counts and lengths of each class over all recordings."""
    (unit, n_samples), rate = run.time, run.rate or 1.0
    length = "s" if run.rate else "samples"
    rows: dict[str, dict[str, Any]] = {}
    for row in run.summarize("label").to_dict("records"):
        rows[run.names[row["label"]]] = {
            "segments": f"{row['count']:,}",
            f"segments per {unit}": tell_number(row["count"] / max(row["time"] * rate / n_samples, 1e-12)),
            **({} if run.calibration is None else {f"expected, {run.level:.0%} interval": _tell_interval(row)}),
            f"mean length ({length})": row["mean_length"],
            f"standard deviation of lengths ({length})": row["std_length"],
            "share of the time": row["occupancy"],
        }
    caption = "All recordings together."
    if run.calibration is not None:
        caption += " Intervals over several recordings need at least 50 labeled recordings in the calibration."
    table = pd.DataFrame(rows).T
    formats = {column: "{:.4g}" for column in table.columns if "length" in column} | {"share of the time": "{:.1%}"}
    return make_table(table, caption, "counts", formats)


def _show_recordings(run: Run) -> str:
    """Return the table of the recordings: counts, confidence and remarks."""
    n = len(run.recording_names)
    shown = np.arange(n) if n <= _MOST_ROWS else np.sort(np.argsort(run.profile.confidence, kind="stable")[:_MOST_ROWS])
    summary = run.summarize("recording", "label").set_index(["recording", "label"]).to_dict("index")
    rows = {run.recording_names[i]: _describe_recording(run, int(i), summary) for i in shown}
    table = pd.DataFrame(rows).T
    formats = {"confidence": "{:.3f}", "doubtful samples": "{:.1%}"}
    caption = f"A sample is doubtful if the probability of its class is below {run.least:g}."
    if n > _MOST_ROWS:
        caption += f" The {_MOST_ROWS} recordings of {n:,} with the lowest confidence; summarize counts in all of them."
    return make_table(table, caption, "recordings", formats)


def _describe_recording(run: Run, i: int, summary: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the row of one recording."""
    (unit, n_samples), length = run.time, int(run.profile.recordings.lengths[i])
    remarks = [word for word, numbers in (("doubtful", run.doubtful), ("unusual", run.unusual)) if i in numbers]
    row: dict[str, Any] = {"remark": f"! {join_words(remarks)}" if remarks else ""}
    for k, name in run.counted.items():
        count = int(summary[i, k]["count"])
        row[name] = f"{count:,}"
        row[f"{name} per {unit}"] = tell_number(count / max(length / n_samples, 1e-12))
        if run.calibration is not None:
            row[f"{name}, expected ({run.level:.0%} interval)"] = _tell_interval(summary[i, k])
    return row | {"confidence": run.profile.confidence[i], "doubtful samples": run.profile.doubtful[i]}


def _show_drift(run: Run, table: pd.DataFrame, drift: Sequence[str]) -> str:
    """Return the classes beside the labels of the fit, and the recordings that differ from the training."""
    formats = {column: "{:.4g}" for column in table.columns if "length" in column}
    formats |= {"share of the labels": "{:.1%}", "share of the time": "{:.1%}"}
    caption = "Classes beside the labels of the fit. Shares may differ because labels are of chosen recordings."
    parts = [make_table(table, caption, "drift", formats), *(f"<p>{escape(words)}</p>" for words in drift)]
    if run.training is None:
        return "".join([*parts, "<p>No reference was given, so signals and confidence are compared with nothing.</p>"])
    parts.append(f"<p>{escape(RULE)}</p>")
    items = "".join(
        f"<li>{escape(f'{run.recording_names[i]}: {join_words(words)}.')}</li>" for i, words in run.unusual.items()
    )
    parts.append(f"<ul>{items}</ul>" if items else "<p>No recording is unusual.</p>")
    if find_attribute(run.segmenter, "normalization_") in _FREE_OF_SCALE:
        parts.append("<p>The segmenter standardizes signals, so level and spread alone change its segments little.</p>")
    return "".join(parts)


def _show_doubtful(run: Run, n_doubtful: int) -> str:
    """Return plots of the recordings with the lowest confidence."""
    order = np.argsort(run.profile.confidence, kind="stable")[:n_doubtful]
    return "".join(_show_doubtful_recording(run, int(i)) for i in order)


def _show_doubtful_recording(run: Run, i: int) -> str:
    recordings = run.profile.recordings
    (labels,), (proba,) = predict_both(run.segmenter, recordings.list_items([i]))
    start, stop = find_worst_stretch(1 - np.max(proba, axis=1).astype(np.float64), labels)
    display = SegmentationDisplay.from_predictions(
        recordings.get(i),
        y_pred=labels,
        proba=proba,
        classes=run.segmenter.classes_,
        background=run.background,
        sampling_rate=run.rate,
        start=start,
        stop=stop,
        names=run.names,
        channel_names=recordings.channel_names,
    )
    caption = f"{run.recording_names[i]}: confidence {run.profile.confidence[i]:.3f}"
    caption += f", {run.profile.doubtful[i]:.0%} of the samples doubtful"
    if stop - start < len(labels):
        caption += f"; samples {start:,} to {stop:,} of {len(labels):,}, where it is least sure"
    return make_figure(display.figure_, caption)
