"""A run of a segmenter on recordings without labels, and what is doubtful or unusual in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sslts._wrapping import find_attribute
from sslts.report._drift import compare_classes, compare_recordings
from sslts.report._profiles import Profile
from sslts.report._verdict import join_words
from sslts.segments import CountCalibration, summarize

_N_NAMED = 5  # recordings that a sentence names


@dataclass(frozen=True)
class Run:
    """A run of a segmenter on recordings without labels; ``training`` is None without reference recordings."""

    segmenter: Any
    profile: Profile
    training: Profile | None
    calibration: Mapping[int, CountCalibration] | None
    level: float
    least: float
    names: dict[int, str]
    recording_names: list[str]

    @property
    def background(self) -> int | None:
        return find_attribute(self.segmenter, "background", 0)

    @property
    def rate(self) -> float | None:
        return find_attribute(self.segmenter, "sampling_rate") or self.profile.recordings.sampling_rate

    @property
    def counted(self) -> dict[int, str]:
        """The names of the classes that make segments."""
        return {k: self.names[k] for k in list_counted(self.segmenter)}

    @property
    def time(self) -> tuple[str, float]:
        """The unit of time to which numbers of segments refer, and its number of samples."""
        return ("hour", 3600 * self.rate) if self.rate else ("1,000 samples", 1000.0)

    @cached_property
    def doubtful(self) -> list[int]:
        """The recordings whose mean confidence is too low, the least sure first."""
        order = np.argsort(self.profile.confidence, kind="stable")
        return [int(i) for i in order if self.profile.confidence[i] < self.least]

    @cached_property
    def unusual(self) -> dict[int, list[str]]:
        """What is unusual in each recording that differs from the training."""
        return {} if self.training is None else compare_recordings(self.profile, self.training, self.counted)

    @cached_property
    def drift(self) -> tuple[pd.DataFrame, list[str]]:
        """The table of classes beside the labels of the fit, and sentences on unusual classes."""
        statistics = find_attribute(self.segmenter, "statistics_")
        return compare_classes(self.profile, statistics, self.names, self.background, self.rate)

    def summarize(self, *by: str) -> pd.DataFrame:
        """Return `summarize` of the segments."""
        return summarize(
            self.profile.segments,
            self.profile.recordings.lengths.tolist(),
            by=by,
            labels=list(self.counted),
            sampling_rate=self.rate,
            calibration=self.calibration,
            level=self.level,
        )

    def name_some(self, numbers: Sequence[int]) -> str:
        """Return the names of the first recordings in ``numbers``, and how many others there are."""
        named = [self.recording_names[i] for i in numbers[:_N_NAMED]]
        more = len(numbers) - len(named)
        return join_words([*named, f"{more} others"] if more else named)


def list_counted(segmenter: Any) -> list[int]:
    """Return the classes that make segments."""
    background = find_attribute(segmenter, "background", 0)
    return [int(k) for k in segmenter.classes_ if k != background]
