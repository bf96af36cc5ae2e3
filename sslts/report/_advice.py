"""What to do next, as numbers of an evaluation suggest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sslts import metrics
from sslts._wrapping import find_attribute, find_owner
from sslts.decoding import Argmax, DurationViterbi, decode_as
from sslts.report._evaluation import Evaluation
from sslts.report._health import find_signs
from sslts.report._page import escape
from sslts.report._scores import COUNTS, N_RESAMPLES, SEGMENTS, Gain, list_measures
from sslts.report._verdict import join_words, judge

_N_NAMED = 5  # recordings that an advice names
_FEW_LABELED, _FEW_TESTED = 20, 10  # recordings
_POOR_F1, _GOOD_F1 = 0.5, 0.8
_FAR_OFF = 0.1  # error of a count, as a share of the true count
_LEAST_GAP = 0.1  # between confidence and accuracy, and between precision and recall

_Advice = tuple[str, str]  # an order, and the reason


def list_advice(
    evaluation: Evaluation, scores: Mapping[str, metrics.Interval], gains: Mapping[str, Mapping[str, Gain]]
) -> list[_Advice]:
    """Return what to do next, the most important first."""
    advice = [
        *find_signs(evaluation.segmenter, evaluation.names),
        *_advise_on_baselines(gains),
        *_advise_on_classes(evaluation),
        *_advise_on_labels(evaluation),
        *_advise_on_decoder(evaluation, scores),
        *_advise_on_counts(evaluation, scores),
        *_advise_on_test(evaluation),
    ]
    return advice or [("Use it", "no number on this page asks for a change.")]


def make_list(advice: Sequence[_Advice]) -> str:
    """Return advice as an HTML list."""
    items = "".join(f"<li><strong>{escape(order)}</strong>: {escape(reason)}</li>" for order, reason in advice)
    return f'<ul class="advice">{items}</ul>'


def _advise_on_baselines(gains: Mapping[str, Mapping[str, Gain]]) -> list[_Advice]:
    if not gains:
        return [
            (
                "Compare",
                "no baseline was given. Pass a SupervisedSegmenter and a WindowFeatureSegmenter that are fitted on the "
                "same labels as baseline=, to see whether the unlabeled recordings helped.",
            )
        ]
    advice = []
    for name, scores in gains.items():
        verdict = judge(scores)
        if verdict == "worse":
            advice.append((f"Take the {name}", "its counts and segments are better than those of the segmenter."))
        elif verdict == "level":
            reason = "it is as good in counts and segments as far as these recordings show, and may be simpler."
            advice.append((f"Consider the {name}", reason))
    return advice


def _advise_on_classes(evaluation: Evaluation) -> list[_Advice]:
    """Name the classes that are never found, or that these recordings can't judge."""
    found = evaluation.score_segments("label").set_index("label")
    advice = []
    known = {int(k) for k in evaluation.classes}
    for k, name in evaluation.names.items():
        if k == evaluation.background:
            continue
        true, hits = (int(found[column].get(k, 0)) for column in ("true", "hits"))
        if true and k not in known:
            reason = f"the labels of the fit do not hold it, but these recordings have {true:,} segments of it."
            advice.append((f"Label {name} for the fit", reason))
        elif true and not hits:
            reason = f"none of its {true:,} true segments is found. Label more of it, or try class_weight='balanced'."
            advice.append((f"Label more {name}", reason))
        elif not true:
            advice.append((f"Test on recordings with {name}", "these recordings hold no segment of it."))
    return advice


def _advise_on_labels(evaluation: Evaluation) -> list[_Advice]:
    """Say how many labels there are, and which recordings to label next."""
    advice = []
    fit = find_attribute(evaluation.segmenter, "training_set_", {})
    n = len(evaluation.truth) if evaluation.n_folds else fit.get("labeled_recordings", _FEW_LABELED)
    few = f"only {n} recordings are labeled for the fit. More labels are the surest gain" if n < _FEW_LABELED else ""
    if evaluation.suggested is not None:
        stretches = evaluation.suggested[["recording", "start", "end"]].itertuples(index=False, name=None)
        named = [f"{evaluation.recording_names[i]}, samples {start:,} to {end:,}" for i, start, end in stretches]
        reason = (
            "the segmenter is unsure in these unlabeled stretches, which differ from each other: "
            f"{'; '.join(named)}. suggest_stretches of sslts.labeling lists more."
        )
        advice.append(("Label next", f"{few}. {reason[0].upper()}{reason[1:]}" if few else reason))
    elif few:
        reason = "; label_efficiency_curve and suggest_budget of sslts.model_selection estimate how much."
        advice.append(("Label more", few + reason))
    return [*advice, *_advise_on_worst(evaluation)]


def _advise_on_worst(evaluation: Evaluation) -> list[_Advice]:
    """Name the recordings in which few segments match."""
    f1 = evaluation.rank_recordings()["f1"]
    worst = f1.index[f1 < min(_POOR_F1, f1.median())]
    if not len(worst):
        return []
    named = [evaluation.recording_names[evaluation.numbers[i]] for i in worst[:_N_NAMED]]
    reason = (
        f"segments match worst in {join_words(named)}. Check their labels; if these are right, label more recordings "
        "like them for the fit."
    )
    return [("Look at the worst recordings", reason)]


def _advise_on_decoder(evaluation: Evaluation, scores: Mapping[str, metrics.Interval]) -> list[_Advice]:
    """Suggest `Argmax` or `DurationViterbi` if it counts clearly better, and matches no worse."""
    segmenter = evaluation.segmenter
    own = find_attribute(segmenter, "decoder")
    if evaluation.n_folds or own is None or find_owner(segmenter, "statistics_") is None:
        return []  # the decoder of each fold learned from other labels
    if evaluation.segments is not None:
        return []  # a decoder of labels does not count segments that touch
    measures = list_measures(evaluation.background)
    for decoder in (DurationViterbi(), Argmax()):
        if decoder == own:
            continue
        other = decode_as(segmenter, decoder, evaluation.proba)
        options: dict[str, Any] = {"groups": evaluation.groups, "n_resamples": N_RESAMPLES}
        triple = evaluation.truth, other, evaluation.predicted
        counts, segments = (metrics.bootstrap_difference(measures[k], *triple, **options) for k in (COUNTS, SEGMENTS))
        before = [scores[k].estimate for k in (COUNTS, SEGMENTS)]
        after = before[0] + counts.estimate, before[1] + segments.estimate
        if counts.high < 0 and segments.high >= 0:
            reason = (
                f"with {type(decoder).__name__}() the count error would be {after[0]:.2f} instead of {before[0]:.2f}, "
                f"segment F1 {after[1]:.2f} instead of {before[1]:.2f}. Choose it by tune_decoder on other labeled "
                "recordings."
            )
            return [("Try another decoder", reason)]
    return []


def _advise_on_counts(evaluation: Evaluation, scores: Mapping[str, metrics.Interval]) -> list[_Advice]:
    """Suggest a calibration of counts that are off although segments match, and name the commoner error."""
    found = evaluation.score_segments().iloc[0]
    n_classes = max(len([k for k in evaluation.names if k != evaluation.background]), 1)
    per_cell = found["true"] / (len(evaluation.truth) * n_classes)
    advice = []
    if scores[SEGMENTS].estimate >= _GOOD_F1 and scores[COUNTS].estimate > _FAR_OFF * per_cell:
        reason = (
            f"segments match (F1 {scores[SEGMENTS].estimate:.2f}), but counts are off by "
            f"{scores[COUNTS].estimate:.2f} of {per_cell:.1f} segments in the mean. calibrate_counts gives expected "
            "counts with intervals; fit it on labeled recordings other than these."
        )
        advice.append(("Calibrate the counts", reason))
    gap = found["recall"] - found["precision"]
    if math.isfinite(gap) and abs(gap) > _LEAST_GAP:
        common, rare = ("missed", "false") if gap < 0 else ("false", "missed")
        number = {"missed": int(found["misses"]), "false": int(found["false_alarms"])}
        reason = (
            f"{number[common]:,} segments are {common}, {number[rare]:,} are {rare}. "
            f"A {'lower' if gap < 0 else 'higher'} onset of Hysteresis, chosen by tune_decoder, shifts the balance."
        )
        advice.append((f"Reduce the {common} segments", reason))
    return advice


def _advise_on_test(evaluation: Evaluation) -> list[_Advice]:
    """Say whether probabilities are off, and whether there are enough recordings to judge."""
    advice = []
    gap = metrics.expected_calibration_error(evaluation.truth, evaluation.proba, classes=evaluation.classes.tolist())
    if gap > _LEAST_GAP:
        reason = f"they are off by {gap:.2f} in the mean. Do not read the score of a segment as a probability."
        advice.append(("Mistrust the probabilities", reason))
    n = len(evaluation.truth) if evaluation.groups is None else len(np.unique(evaluation.groups))
    if n < _FEW_TESTED:
        unit = "recordings" if evaluation.groups is None else "groups"
        reason = f"the intervals rest on {n} labeled {unit}, and are too narrow with fewer than ten."
        advice.append(("Judge with care", reason))
    return advice
