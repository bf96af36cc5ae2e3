"""Recordings to look at: the worst, and typical ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from sslts.plotting import SegmentationDisplay
from sslts.report._evaluation import Evaluation
from sslts.report._page import make_figure
from sslts.report._stretches import find_typical_stretch, find_worst_stretch


def show_worst(evaluation: Evaluation, n_worst: int) -> str:
    """Return plots of the recordings whose segments match worst."""
    ranked = evaluation.rank_recordings()
    return _show(evaluation, ranked, ranked.index[:n_worst], typical=False)


def show_typical(evaluation: Evaluation, n_worst: int, n_typical: int) -> str:
    """Return plots of the recordings around the median score, but of none that is among the worst."""
    ranked = evaluation.rank_recordings()
    middle = len(ranked) // 2
    start = max(min(middle - n_typical // 2, len(ranked) - n_typical), min(n_worst, len(ranked)))
    chosen = ranked.index[start : start + n_typical]
    if n_typical and not len(chosen):
        return "<p>All recordings are among the worst below.</p>"
    return _show(evaluation, ranked, chosen, typical=True)


def _show(evaluation: Evaluation, ranked: pd.DataFrame, chosen: Iterable[int], *, typical: bool) -> str:
    scores = ranked.to_dict("index")
    return "".join(_show_recording(evaluation, i, scores[i], typical=typical) for i in chosen)


def _show_recording(evaluation: Evaluation, i: int, scores: dict[Any, float], *, typical: bool) -> str:
    """Return the plot of labeled recording ``i``; a long one is cut to a stretch."""
    truth, predicted = evaluation.truth[i], evaluation.predicted[i]
    find_stretch = find_typical_stretch if typical else find_worst_stretch
    start, stop = find_stretch((truth >= 0) & (truth != predicted), truth, predicted)
    shown = {*map(int, evaluation.classes), *map(int, np.unique(truth))}
    segments = evaluation.segments
    display = SegmentationDisplay.from_predictions(
        evaluation.recordings.get(evaluation.numbers[i]),
        y_true=truth if segments is None else segments.truth[i],
        y_pred=predicted if segments is None else segments.predicted[i],
        proba=evaluation.proba[i],
        classes=evaluation.classes,
        background=evaluation.background,
        sampling_rate=evaluation.rate,
        start=start,
        stop=stop,
        names={k: name for k, name in evaluation.names.items() if k in shown},
        channel_names=evaluation.recordings.channel_names,
    )
    caption = (
        f"{evaluation.recording_names[evaluation.numbers[i]]}: {scores['predicted']:.0f} segments predicted, "
        f"{scores['true']:.0f} true; segment F1 {scores['f1']:.3f}, mean IoU {scores['iou']:.3f}"
    )
    if stop - start < len(truth):
        kind = "a typical stretch" if typical else "the stretch with most errors"
        caption += f"; samples {start:,} to {stop:,} of {len(truth):,}, {kind}"
    return make_figure(display.figure_, caption)
