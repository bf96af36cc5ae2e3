"""Detections: the events that were found, missed and invented, per class, recording or group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts.metrics._matching import Comparison, Tolerance, compare, match_events, match_segments
from sslts.metrics._tallies import count_per_recording, warn_empty
from sslts.metrics._words import takes_words
from sslts.recordings import check_sampling_rate

_KEYS = ("recording", "group", "label")
_COUNTS = ["true", "predicted", "hits"]


@takes_words
def event_scores(
    y_true: Any,
    y_pred: Any,
    *,
    onset_tolerance: float | None = None,
    offset_tolerance: float | None = None,
    relative_tolerance: float = 0.0,
    iou: float = 0.5,
    by: Sequence[str] = ("label",),
    groups: Sequence[Any] | None = None,
    background: int | None = 0,
    sampling_rate: float | None = None,
) -> pd.DataFrame:
    """Return how many events were found, missed and invented, with precision, recall, F1 and error.

    Parameters
    ----------
    y_true, y_pred : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    onset_tolerance : float or None, default=None
        Largest distance between the start of a true event and the start of the predicted event that finds it, in
        samples, 0 or more. None: an event is found by its overlap, see `iou`.
    offset_tolerance : float or None, default=None
        Largest distance between their ends, in samples, 0 or more. None: ends do not matter. Needs `onset_tolerance`.
    relative_tolerance : float, default=0.0
        Share of the length of a true event by which its start, and its end if ends matter, may be off, 0 or more. The
        larger of this and of the other tolerance holds.
    iou : float, default=0.5
        Least intersection over union of a pair, above 0 and at most 1, if `onset_tolerance` is None.
    by : sequence of {"recording", "group", "label"}, default=("label",)
        Columns that identify a row of the result; events are pooled over the other columns. ``by=()`` returns one row.
    groups : sequence of length n, default=None
        Person, machine or day of each recording, for ``by=("group", ...)``.
    background : int or None, default=0
        The class that is not an event; None if every class is an event.
    sampling_rate : float or None, default=None
        Samples per second; tolerances are then in seconds, and the result has rates per hour.

    Returns
    -------
    pandas.DataFrame
        The columns in `by`; then ``true``, ``predicted``, ``hits``, ``misses`` and ``false_alarms`` (numbers of
        events), ``precision`` (hits per predicted event), ``recall`` (hits per true event), ``f1``, and ``error``
        (misses and false alarms per true event). With `sampling_rate` also ``hours`` (labeled time),
        ``misses_per_hour`` and ``false_alarms_per_hour``. NaN where a number would be divided by 0. A row for each
        class that occurs in truth or prediction; recordings without a labeled sample are left out. Empty, with a
        warning, if no sample is labeled.

    Raises
    ------
    ValueError
        If truth and prediction differ in shape or are not labels, or another argument is out of range.

    See Also
    --------
    segment_f1, event_f1 : One number, with intervals from `bootstrap_interval`.
    make_event_scorer : A measure of this table as a scorer for scikit-learn.

    References
    ----------
    Mesaros et al. 2016, "Metrics for polyphonic sound event detection", Applied Sciences 6(6), sections 3.1.2 and
    3.2.2 (event-based error rate, without substitutions: a wrong class is a miss and a false alarm).

    Examples
    --------
    >>> from sslts.metrics import event_scores
    >>> y_true = [[0, 1, 1, 1, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0, 2, 2, 2]]
    >>> y_pred = [[0, 0, 1, 1, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 2, 2, 2]]
    >>> columns = ["true", "hits", "misses", "false_alarms", "precision", "recall"]
    >>> event_scores(y_true, y_pred).set_index("label")[columns]
           true  hits  misses  false_alarms  precision  recall
    label
    1         2     1       1             1        0.5     0.5
    2         1     1       0             0        1.0     1.0
    >>> event_scores(y_true, y_pred, onset_tolerance=2, by=("recording",))[["recording", "hits", "error"]]
       recording  hits  error
    0          0     2    0.0
    1          1     1    0.0
    """
    check_sampling_rate(sampling_rate)
    tolerance = _read_tolerance(onset_tolerance, offset_tolerance, relative_tolerance, sampling_rate)
    found = compare(y_true, y_pred, background)
    _check_rows(by, groups, len(found.n_samples))
    if tolerance is None:
        hits, _ = match_segments(found.true, found.pred, iou)
    else:
        hits, _ = match_events(found.true, found.pred, tolerance)
    if not found.labeled.any():
        warn_empty("y_true is all -1: there is no recording to score")
    cells = _count_cells(found, hits, groups, each_label="label" in by)
    sums = cells.groupby(list(by) or np.zeros(len(cells)), dropna=False)[["samples", *_COUNTS]].sum()
    scores = _add_scores(sums[_COUNTS])
    if sampling_rate is not None:
        hours = sums["samples"] / sampling_rate / 3600
        per_hour = {f"{name}_per_hour": scores[name] / hours for name in ("misses", "false_alarms")}
        scores = scores.assign(hours=hours, **per_hour)
    return scores.reset_index(drop=not by)


def _read_tolerance(
    onset: float | None, offset: float | None, relative: float, sampling_rate: float | None
) -> Tolerance | None:
    """Return the tolerance, or None if events are found by their overlap."""
    if onset is not None:
        return Tolerance.read(onset, offset, relative, sampling_rate)
    for name, value, default in (("offset_tolerance", offset, None), ("relative_tolerance", relative, 0.0)):
        if value != default:
            raise ValueError(f"{name}={value!r}, but onset_tolerance is None; pass onset_tolerance too, such as 0.")
    return None


def _check_rows(by: Sequence[str], groups: Sequence[Any] | None, n: int) -> None:
    """Raise if the columns of the result are unknown, or the groups do not fit the recordings."""
    unknown = [name for name in by if name not in _KEYS]
    if isinstance(by, str) or unknown:
        raise ValueError(f"by={by!r}; give a sequence of names from {_KEYS}.")
    if "group" in by and groups is None:
        raise ValueError(f"by={by!r} needs groups: the person, machine or day of each recording.")
    if groups is not None and len(groups) != n:
        raise ValueError(f"groups has {len(groups)} entries, but there are {n} recordings; give one entry for each.")


def _count_cells(
    found: Comparison, hits: np.ndarray, groups: Sequence[Any] | None, *, each_label: bool
) -> pd.DataFrame:
    """Return one row for each labeled recording, or recording and class, with its numbers of events.

    ``hits`` are indices of the true events that were found.
    """
    n = found.n_samples.size
    sides = [
        (found.true.recording, found.true.label),
        (found.pred.recording, found.pred.label),
        (found.true.recording[hits], found.true.label[hits]),
    ]
    numbers = [count_per_recording(*side, n, found.classes) for side in sides]
    labels = found.classes if each_label else np.array([-1])
    if not each_label:
        numbers = [number.sum(axis=1) for number in numbers]
    cells = pd.DataFrame(
        {
            "recording": np.repeat(np.arange(n), labels.size),
            "group": np.repeat(np.arange(n) if groups is None else np.asarray(groups), labels.size),
            "label": np.tile(labels, n),
            "samples": np.repeat(found.n_samples, labels.size),
            **{name: number.ravel() for name, number in zip(_COUNTS, numbers, strict=True)},
        }
    )
    return cells[cells["samples"] > 0]


def _add_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of numbers with misses, false alarms, precision, recall, F1 and error."""
    true, predicted, hits = (table[name] for name in _COUNTS)
    misses, false_alarms = true - hits, predicted - hits
    return table.assign(
        misses=misses,
        false_alarms=false_alarms,
        precision=hits / predicted,
        recall=hits / true,
        f1=2 * hits / (true + predicted),
        error=(misses + false_alarms) / true.where(true > 0),
    )
