"""The predictions of a segmenter and its baselines, beside the true labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sslts import metrics
from sslts._wrapping import find_attribute
from sslts.annotations import Annotations
from sslts.labeling import suggest_stretches
from sslts.recordings import Recordings

_N_SUGGESTED = 5


class Segments(NamedTuple):
    """The segments of the labeled recordings: the true ones, those of the segmenter, and those of each baseline."""

    truth: Annotations
    predicted: Annotations
    baselines: dict[str, Annotations]


@dataclass(frozen=True)
class Evaluation:
    """All that a page on labeled recordings is written from; lists have an item for each labeled recording.

    Parameters
    ----------
    segmenter : fitted segmenter
    recordings : Recordings
        All recordings in X.
    numbers : list of int
        Positions of the labeled recordings in X.
    truth, predicted : list of ndarray of int, shape (T_i,)
    proba : list of ndarray, shape (T_i, K)
    classes : ndarray of int, shape (K,)
        Class of each column of `proba`.
    baselines : dict of str to list of ndarray of int, shape (T_i,)
        Labels that each baseline predicts.
    groups : ndarray or None
        Group of each labeled recording.
    names : dict of int to str
        Names of the classes.
    recording_names : list of str
        Names of all recordings in X.
    second : list of ndarray of int or None
        Labels of a second annotator.
    suggested : pandas.DataFrame or None
        Stretches of the unlabeled recordings of X to label next, in the form of `suggest_stretches`; ``recording`` is
        the position in X.
    remarks : tuple of str
        Remarks on the comparison with baselines.
    n_folds : int
        Folds of the cross-validation; 0 if the segmenter was fitted on other recordings.
    segments : Segments or None
        The segments of truth, segmenter and baselines, if the truth is `Annotations`: segments may touch.
    """

    segmenter: Any
    recordings: Recordings
    numbers: list[int]
    truth: list[np.ndarray]
    predicted: list[np.ndarray]
    proba: list[np.ndarray]
    classes: np.ndarray
    baselines: dict[str, list[np.ndarray]]
    groups: np.ndarray | None
    names: dict[int, str]
    recording_names: list[str]
    second: list[np.ndarray] | None = None
    suggested: pd.DataFrame | None = None
    remarks: tuple[str, ...] = ()
    n_folds: int = 0
    segments: Segments | None = None

    @property
    def pair(self) -> tuple[Any, Any]:
        """Truth and prediction, for metrics of segments."""
        return (self.truth, self.predicted) if self.segments is None else self.segments[:2]

    @property
    def others(self) -> Mapping[str, Any]:
        """What each baseline predicts, for metrics of segments."""
        return self.baselines if self.segments is None else self.segments.baselines

    @property
    def background(self) -> int | None:
        """The class that is not a segment."""
        return find_attribute(self.segmenter, "background", 0)

    @property
    def rate(self) -> float | None:
        """Samples per second, or None."""
        return find_attribute(self.segmenter, "sampling_rate") or self.recordings.sampling_rate

    def score_segments(self, *by: str) -> Any:
        """Return `event_scores` of the segmenter, pooled over all columns but ``by``."""
        return metrics.event_scores(*self.pair, by=by, background=self.background)

    def rank_recordings(self) -> pd.DataFrame:
        """Return numbers of true and predicted segments, segment F1 and mean IoU of each recording, worst first."""
        table = self.score_segments("recording")[["true", "predicted", "f1"]].fillna({"f1": 1.0})
        table["iou"] = metrics.mean_iou_each(self.truth, self.predicted)
        return table.sort_values(["f1", "iou"], kind="stable")


def suggest_next(segmenter: Any, recordings: Recordings, numbers: Sequence[int]) -> pd.DataFrame | None:
    """Return the stretches of some recordings whose labels would help most, at most five; None without recordings."""
    if not len(numbers):
        return None
    unlabeled = replace(recordings.select(numbers), names=None)
    table = suggest_stretches(segmenter, unlabeled, n=min(_N_SUGGESTED, len(numbers)), random_state=0)
    return table.assign(recording=[numbers[i] for i in table["recording"]])
