"""The verdict: what the scores together say, and where they disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from sslts import metrics
from sslts.report._evaluation import Evaluation
from sslts.report._page import escape, make_table
from sslts.report._scores import COUNTS, SAMPLES, SEGMENTS, Gain

MARKS = {"better": "✓ better", "worse": "✗ worse", "level": "≈ no clear difference"}
_WORDS = {"better": "better", "worse": "worse", "level": "not clearly different"}

# What it means if count error and segment F1, or segment F1 and mean IoU, differ in kind.
_COUNTS_AND_SEGMENTS = {
    ("better", "level"): "The number of segments is closer, but not clearly more of them match the true ones.",
    ("better", "worse"): "The number is closer, but fewer segments match: missed and false segments cancel in a count.",
    ("level", "better"): "More segments match. Their number is not clearly closer: missed and false segments cancel.",
    ("level", "worse"): "Fewer segments match. Their number hides it: missed and false segments cancel in a count.",
    ("worse", "better"): "More segments match, but their number is further off, which a calibration can correct.",
    ("worse", "level"): "The number of segments is further off, although not clearly fewer match the true ones.",
}
_SEGMENTS_AND_SAMPLES = {
    ("better", "level"): "Segments are found and separated better; the share of right samples hardly shows it.",
    ("better", "worse"): "Segments are found and separated better, but more samples, such as those at ends, are wrong.",
    ("level", "better"): "More samples are right, but not clearly more segments are found.",
    ("level", "worse"): "More samples, such as those at ends of segments, are wrong, but not clearly more segments.",
    ("worse", "better"): "More samples are right, but segments are split, joined or missed.",
    ("worse", "level"): "Segments are split, joined or missed; the share of right samples hardly shows it.",
}


def describe_scores(evaluation: Evaluation, scores: Mapping[str, metrics.Interval]) -> str:
    """Return an HTML paragraph that says in plain words how good counts and segments are."""
    found = evaluation.score_segments().iloc[0]
    if not found["true"] + found["predicted"]:
        return "<p>There is no segment, neither in the labels nor in the predictions.</p>"
    exact = metrics.count_error(*evaluation.pair, background=evaluation.background).exact
    words = [
        f"Counts: off by {scores[COUNTS].estimate:.2f} segments of each class per recording in the mean; {exact:.0%} "
        "of the counts are exact.",
        f"Segments: F1 is {scores[SEGMENTS].estimate:.2f} in the mean over classes.",
    ]
    if found["true"]:
        words.append(f"{found['recall']:.0%} of the {found['true']:,.0f} true segments are found.")
    if found["predicted"]:
        words.append(f"{found['precision']:.0%} of the {found['predicted']:,.0f} predicted segments are true.")
    return f'<p class="summary">{escape(" ".join(words))}</p>'


def judge(gains: Mapping[str, Gain]) -> str:
    """Return "better", "worse", "mixed" or "level": the verdict on counts and segments."""
    kinds = {gains[COUNTS].kind, gains[SEGMENTS].kind}
    if {"better", "worse"} <= kinds:
        return "mixed"
    return "better" if "better" in kinds else "worse" if "worse" in kinds else "level"


def describe_gains(name: str, gains: Mapping[str, Gain]) -> str:
    """Return the verdict on one baseline as HTML: what counts and segments say, and where scores disagree."""
    better, worse = (
        [score for score in (COUNTS, SEGMENTS) if gains[score].kind == kind] for kind in _WORDS if kind != "level"
    )
    verdict = judge(gains)
    words = {
        "better": f"✓ Better than the {name} in {join_words(better)}.",
        "worse": f"✗ Worse than the {name} in {join_words(worse)}.",
        "mixed": f"≈ Better than the {name} in {join_words(better)}, worse in {join_words(worse)}.",
        "level": f"≈ No clear difference from the {name} in counts and segments: it may be chance.",
    }[verdict]
    lines = [f"<strong>{escape(words)}</strong>", *map(escape, _explain_disagreement(gains))]
    kind = "level" if verdict == "mixed" else verdict
    return f'<div class="verdict {kind}"><p>{" ".join(lines)}</p>{_make_gain_table(name, gains)}</div>'


def describe_annotators(evaluation: Evaluation, gains: Mapping[str, Gain]) -> str:
    """Return what the agreement of two annotators says about the segmenter, as HTML."""
    words = {
        "better": "✓ The segmenter agrees with the labels better than a second annotator does.",
        "worse": "✗ The segmenter agrees with the labels less than a second annotator does: it can still improve.",
        "mixed": "≈ The segmenter agrees with the labels better than a second annotator in one score, less in another.",
        "level": "≈ The segmenter agrees with the labels as well as a second annotator does, as far as these "
        "recordings show: these labels can't show a better segmenter.",
    }[judge(gains)]
    agreed = metrics.annotator_agreement(
        evaluation.truth, evaluation.second, background=evaluation.background, sampling_rate=evaluation.rate
    )
    unit = "s" if evaluation.rate else "samples"
    detail = (
        f"Samples that both annotators labeled. Cohen's kappa of the two is {agreed['kappa']:.2f}; their onsets differ "
        f"by {agreed['onset_mae']:.3g} {unit}, their offsets by {agreed['offset_mae']:.3g} {unit} in the mean."
    )
    table = _make_gain_table("second annotator", gains)
    return f'<div class="verdict level"><p><strong>{escape(words)}</strong> {escape(detail)}</p>{table}</div>'


def join_words(words: Iterable[str]) -> str:
    """Return words joined by commas and "and".

    Examples
    --------
    >>> join_words(["count error", "segment F1", "mean IoU"])
    'count error, segment F1 and mean IoU'
    """
    *first, last = list(words) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _explain_disagreement(gains: Mapping[str, Gain]) -> list[str]:
    """Return sentences that say which scores disagree and what that means; empty if all agree."""
    kinds = {name: gain.kind for name, gain in gains.items()}
    if len(set(kinds.values())) == 1:
        return []
    groups = [
        f"{join_words(names)} {'is' if len(names) == 1 else 'are'} {words}"
        for kind, words in _WORDS.items()
        if (names := [name for name in kinds if kinds[name] == kind])
    ]
    counts = _COUNTS_AND_SEGMENTS.get((kinds[COUNTS], kinds[SEGMENTS]))
    samples = _SEGMENTS_AND_SAMPLES.get((kinds[SEGMENTS], kinds[SAMPLES]))
    return [f"The scores disagree: {', '.join(groups)}.", *filter(None, (counts, samples))]


def _make_gain_table(name: str, gains: Mapping[str, Gain]) -> str:
    """Return the table of the differences from a baseline; its cells' identifiers begin with ``scores``."""
    beside, difference = f"value beside {name}", f"difference from {name}"
    interval, verdict = f"95 % interval of the {difference}", f"verdict on {name}"
    rows: dict[str, dict[str, Any]] = {
        score: {
            verdict: MARKS[gain.kind],
            difference: gain.difference.estimate,
            interval: f"{gain.difference.low:+.3f} to {gain.difference.high:+.3f}",
            beside: gain.own,
            name: gain.other,
        }
        for score, gain in gains.items()
    }
    formats = {beside: "{:.3f}", name: "{:.3f}", difference: "{:+.3f}"}
    words = {beside: "segmenter", difference: "difference", interval: "95 % interval", verdict: "verdict"}
    caption = f"Segmenter against the {name}"
    return make_table(pd.DataFrame(rows).T, caption, "scores", formats, words)


def make_score_table(evaluation: Evaluation, scores: Mapping[str, metrics.Interval]) -> str:
    """Return the table of the segmenter's scores with their intervals."""
    unit = "recordings" if evaluation.groups is None else "groups"
    rows: dict[str, dict[str, Any]] = {
        name: {"value": score.estimate, "95 % interval": f"{score.low:.3f} to {score.high:.3f}"}
        for name, score in scores.items()
    }
    table = make_table(
        pd.DataFrame(rows).T, "Scores of the segmenter", "scores", {"value": "{:.3f}"}, {"value": "segmenter"}
    )
    note = (
        f"Intervals are 95 % bootstrap intervals, resampling {unit}. Count error: segments of a class per recording, "
        "lower is better. Segment F1: at an IoU of 0.5, mean over classes. Better or worse: the interval of the "
        "difference leaves out 0."
    )
    return f'{table}<p class="note">{escape(note)}</p>'
