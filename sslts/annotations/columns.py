"""Warnings about channels that are no signal: columns of labels or of times that were left in a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from sslts._notices import warn
from sslts.annotations.runs import LabelRuns
from sslts.recordings import Recordings

_PIECE = 64  # samples that are enough to see that a channel is a signal
_MOST = 1 << 20  # samples of a recording that are compared
_FEWEST_LABELS, _FEWEST_SAMPLES = 20, 8  # fewer could agree by chance


def warn_of_columns(recordings: Recordings, labels: LabelRuns) -> None:
    """Warn about channels that hold the labels, or the time.

    A few samples of each recording tell that a channel is a signal; only a suspicious channel is read as a whole.

    Examples
    --------
    >>> from sslts.annotations import LabelRuns, warn_of_columns
    >>> from sslts.recordings import as_recordings
    >>> x = np.random.default_rng(0).normal(size=(2, 50))
    >>> warn_of_columns(as_recordings(x), LabelRuns.from_table(np.array([[0] * 25 + [1] * 25] * 2)))
    """
    for c in _find_label_channels(recordings, labels):
        warn(
            f"{recordings.name}: {_describe(recordings, c)} has one value for each class of the labels, so it seems to "
            "hold the labels. A model learns to copy it, and fails on recordings that are not annotated. "
            f"{_fix(recordings, c)}"
        )
    for c in _find_clock_channels(recordings):
        warn(
            f"{recordings.name}: {_describe(recordings, c)} rises evenly from the first sample to the last, so it "
            f"seems to be a clock or a counter, not a signal. {_fix(recordings, c)}"
        )


def _describe(recordings: Recordings, c: int) -> str:
    return f"channel {_get_name(recordings, c)!r}"


def _get_name(recordings: Recordings, c: int) -> Any:
    return c if recordings.channel_names is None else recordings.channel_names[c]


def _fix(recordings: Recordings, c: int) -> str:
    if recordings.n_channels == 1:
        return "Pass the signals."
    if recordings.channel_names is not None:
        return f"Drop it, here and in predict: table.drop(columns={_get_name(recordings, c)!r})."
    axis = 1 if recordings.container == "array" else 0
    what = recordings.name if recordings.container == "array" else "recording"
    return f"Drop it, here and in predict: np.delete({what}, {c}, axis={axis})."


def _find_label_channels(recordings: Recordings, labels: LabelRuns) -> list[int]:
    """Return the channels that have one value for each class, on all labeled samples."""
    runs = np.flatnonzero(labels.value >= 0)
    classes, first = np.unique(labels.value[runs], return_index=True)
    if len(classes) < 2 or labels.size[runs].sum() < _FEWEST_LABELS:
        return []
    recording = labels.recording
    suspects = np.ones(recordings.n_channels, dtype=bool)
    values = np.full((len(classes), recordings.n_channels), np.nan)
    order = np.concatenate([runs[first], runs])  # a run of each class first
    for most in (_PIECE, _MOST):
        for number, run in enumerate(order):
            start = int(labels.start[run])
            x = recordings.read(int(recording[run]), start, start + min(int(labels.size[run]), most), missing=True)
            k = int(np.searchsorted(classes, labels.value[run]))
            values[k] = np.where(np.isnan(values[k]), x[:, 0], values[k])
            suspects &= (x == values[k][:, None]).all(axis=1)
            if number == len(classes) - 1:
                suspects &= (values != values[0]).any(axis=0)
            if not suspects.any():
                return []
    return np.flatnonzero(suspects).tolist()


def _find_clock_channels(recordings: Recordings) -> list[int]:
    """Return the channels that rise evenly in every recording; a single channel is never a clock."""
    if recordings.n_channels < 2 or recordings.lengths.min() < _FEWEST_SAMPLES:
        return []
    suspects = np.ones(recordings.n_channels, dtype=bool)
    for most in (_PIECE, _MOST):
        for i in range(len(recordings)):
            x = recordings.read(i, 0, most, missing=True, exact=True)
            if most == _PIECE < recordings.lengths[i]:
                suspects &= (np.diff(x, axis=1) >= 0).all(axis=1)
            else:
                suspects[suspects] = [_is_clock(one) for one in x[suspects]]
            if not suspects.any():
                return []
    return np.flatnonzero(suspects).tolist()


def _is_clock(x: np.ndarray) -> bool:
    """Return whether values rise in even steps, up to rounding and some gaps."""
    steps = np.diff(x)
    if not (steps >= 0).all() or x[-1] <= x[0]:
        return False
    middle = np.median(steps)
    even = (steps > 0.5 * middle) & (steps < 1.5 * middle)
    line = np.linspace(x[0], x[-1], len(x))
    rounded = np.abs(x - line).max() <= steps.max() <= (x[-1] - x[0]) / _FEWEST_SAMPLES
    return bool((middle > 0 and even.mean() > 0.95) or rounded)
