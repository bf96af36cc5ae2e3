"""Profiles of recordings without labels: confidence, segments, level and spread of the signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sslts._wrapping import find_attribute
from sslts.decoding import predict_both
from sslts.recordings import Recordings, as_recordings
from sslts.segments import labels_to_segments, number_segments


@dataclass(frozen=True)
class Profile:
    """What a segmenter finds in recordings, and how the recordings look.

    Parameters
    ----------
    recordings : Recordings
    segments : pandas.DataFrame
        The table of segments.
    confidence, doubtful : ndarray of float, shape (n,)
        Mean probability of the most probable class, and share of the samples where it is lower than asked for.
    level, spread : ndarray of float, shape (n, C)
        Median and interquartile range of each channel; NaN for a channel without values.
    """

    recordings: Recordings
    segments: pd.DataFrame
    confidence: np.ndarray
    doubtful: np.ndarray
    level: np.ndarray
    spread: np.ndarray

    def count(self, k: int) -> np.ndarray:
        """Return the number of segments of class ``k`` in each recording, (n,)."""
        found = self.segments.loc[self.segments["label"] == k, "recording"].to_numpy(dtype=np.int64)
        return np.bincount(found, minlength=len(self.recordings))


def profile_recordings(segmenter: Any, X: Any, recordings: Recordings, least_confidence: float) -> Profile:
    """Return the profile of recordings; probabilities are held for one recording at a time."""
    try:
        segments = find_segments(segmenter, X)
    except ValueError as error:
        if recordings.name != "X":
            error.add_note(f"The error is about {recordings.name}.")
        raise
    n, n_channels = len(recordings), recordings.n_channels
    confidence, doubtful = np.empty(n), np.empty(n)
    level, spread = np.empty((n, n_channels)), np.empty((n, n_channels))
    for i in range(n):
        (proba,) = segmenter.predict_proba(recordings.list_items([i]))
        surest = np.max(proba, axis=1)
        confidence[i], doubtful[i] = surest.mean(dtype=np.float64), (surest < least_confidence).mean()
        for c, channel in enumerate(recordings.read(i, missing=True, exact=True)):
            level[i, c], spread[i, c] = _measure_channel(channel)
    return Profile(recordings, segments, confidence, doubtful, level, spread)


def find_segments(segmenter: Any, X: Any) -> pd.DataFrame:
    """Return the table of segments that a segmenter finds; a pipeline has labels and probabilities only."""
    if hasattr(segmenter, "predict_segments"):
        found = segmenter.predict_segments(X)
        return number_segments(found, as_recordings(X), find_attribute(segmenter, "class_names_"))
    labels, proba = predict_both(segmenter, X)
    background, rate = find_attribute(segmenter, "background", 0), find_attribute(segmenter, "sampling_rate")
    return labels_to_segments(
        labels, background=background, proba=proba, classes=segmenter.classes_, sampling_rate=rate
    )


def _measure_channel(channel: np.ndarray) -> tuple[float, float]:
    """Return median and interquartile range of the values of a channel."""
    values = channel[np.isfinite(channel)]
    if not values.size:
        return np.nan, np.nan
    low, middle, high = np.percentile(values, [25, 50, 75])
    return float(middle), float(high - low)
