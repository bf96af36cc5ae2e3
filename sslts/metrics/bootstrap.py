"""How sure is a number? Intervals over draws of recordings, or of groups of them such as patients."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtrit

from sslts.annotations import pair_labels
from sslts.metrics._averages import Tally
from sslts.metrics.events import _tally_event_f1, _tally_segment_f1, event_f1, segment_f1
from sslts.metrics.measures import _tally_count_mae
from sslts.metrics.samples import _tally_frame_f1, _tally_mean_iou, frame_f1, mean_iou
from sslts.metrics.scorers import count_scorer

# Metrics that are functions of sums over recordings, so that a draw is scored from what each recording adds.
_TALLIES: tuple[tuple[Callable[..., Any], Callable[..., Tally]], ...] = (
    (mean_iou, _tally_mean_iou),
    (frame_f1, _tally_frame_f1),
    (segment_f1, _tally_segment_f1),
    (event_f1, _tally_event_f1),
    (count_scorer.function, _tally_count_mae),
)


class Interval(NamedTuple):
    """A number and its bootstrap interval.

    Attributes
    ----------
    estimate : float
        On all recordings.
    low, high : float
        Ends of the interval.

    Examples
    --------
    >>> from sslts.metrics import Interval
    >>> Interval(0.8, 0.7, 0.9).low
    0.7
    """

    estimate: float
    low: float
    high: float


def bootstrap_interval(
    metric: Callable[[Any, Any], float],
    y_true: Any,
    y_pred: Any,
    *,
    groups: Sequence[Any] | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int | np.random.Generator | None = 0,
) -> Interval:
    """Return a metric and its percentile interval over draws of recordings, or of groups, with replacement.

    Parameters
    ----------
    metric : callable
        ``metric(y_true, y_pred) -> float``, as `mean_iou`.
    y_true, y_pred : array of shape (n, T), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    groups : sequence of length n, default=None
        Whose recording it is, by position. The recordings of one patient or machine are alike, so whole groups are
        drawn. Those of which that is missing are one group. None: recordings are.
    level : float, default=0.95
        Share of the cases that the interval should cover.
    n_resamples : int, default=1000
        Number of draws.
    random_state : int, Generator or None, default=0

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If fewer than two recordings or groups have labels, or an argument is out of range.

    Notes
    -----
    `mean_iou`, `frame_f1`, `segment_f1`, `event_f1` and ``count_scorer.function`` are tallied once for each recording,
    so that a draw costs next to nothing. Give their options with `functools.partial`, as
    ``partial(segment_f1, background=3)``: any other function, a ``lambda`` too, scores all samples of each draw anew.

    Of fewer than about ten recordings or groups the interval is still too narrow: they seldom hold what is rare.

    References
    ----------
    Efron & Tibshirani 1993, "An introduction to the bootstrap", chapter 13. Hesterberg 2015, "What teachers should know
    about the bootstrap", section 5.3, for the tails, which are widened for few recordings.

    Examples
    --------
    >>> from sslts.metrics import bootstrap_interval, mean_iou
    >>> y_true, y_pred = [[0, 0, 1, 1]] * 4, [[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 1, 1]]
    >>> found = bootstrap_interval(mean_iou, y_true, y_pred, n_resamples=200)
    >>> round(found.estimate, 3), found.low < found.estimate < found.high
    (0.778, True)
    """
    truth, predicted = pair_labels(y_true, y_pred)
    return _resample(_make_score(metric, truth, predicted), truth, groups, level, n_resamples, random_state)


def bootstrap_difference(
    metric: Callable[[Any, Any], float],
    y_true: Any,
    y_pred: Any,
    y_baseline: Any,
    *,
    groups: Sequence[Any] | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int | np.random.Generator | None = 0,
) -> Interval:
    """Return by how much a metric differs between two predictions, with an interval over paired draws.

    Parameters
    ----------
    metric : callable
        ``metric(y_true, y_pred) -> float``, as `mean_iou`; see the notes of `bootstrap_interval`.
    y_true, y_pred, y_baseline : array of shape (n, T), or list of (T_i,)
        True labels (-1 = unlabeled), predicted labels, and those that they are compared with.
    groups : sequence of length n, default=None
        Whose recording it is; see `bootstrap_interval`.
    level : float, default=0.95
        Share of the cases that the interval should cover.
    n_resamples : int, default=1000
        Number of draws.
    random_state : int, Generator or None, default=0

    Returns
    -------
    Interval
        Of ``metric(y_true, y_pred) - metric(y_true, y_baseline)``; both see the same draws.

    Raises
    ------
    ValueError
        If fewer than two recordings or groups have labels, or an argument is out of range.

    Examples
    --------
    >>> from sslts.metrics import bootstrap_difference, mean_iou
    >>> y_true, y_pred = [[0, 0, 1, 1]] * 4, [[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 1, 1]]
    >>> bootstrap_difference(mean_iou, y_true, y_pred, [[0, 1, 1, 1]] * 4, n_resamples=200).estimate > 0
    True
    """
    truth, predicted = pair_labels(y_true, y_pred)
    _, baseline = pair_labels(truth, y_baseline, name="y_baseline")
    own, other = (_make_score(metric, truth, labels) for labels in (predicted, baseline))
    return _resample(lambda rows: own(rows) - other(rows), truth, groups, level, n_resamples, random_state)


def _make_score(
    metric: Callable[[Any, Any], float], truth: list[np.ndarray], predicted: list[np.ndarray]
) -> Callable[[np.ndarray], float]:
    """Return a function that scores the recordings of these numbers, some of them several times."""
    function = metric.func if isinstance(metric, partial) and not metric.args else metric
    tallied = next((tally for known, tally in _TALLIES if known is function), None)
    if tallied is None:
        return lambda rows: metric([truth[i] for i in rows], [predicted[i] for i in rows])
    given = inspect.signature(metric).bind(truth, predicted)
    given.apply_defaults()
    tally = tallied(*given.args, **given.kwargs)
    return lambda rows: tally.score(np.bincount(rows, minlength=len(truth)))


def _resample(
    score: Callable[[np.ndarray], float],
    truth: list[np.ndarray],
    groups: Sequence[Any] | None,
    level: float,
    n_resamples: int,
    random_state: int | np.random.Generator | None,
) -> Interval:
    n = len(truth)
    if groups is not None and len(groups) != n:
        raise ValueError(f"groups has {len(groups)} entries, y_true has {n} recordings; give one for each.")
    if not 0 < level < 1:
        raise ValueError(f"level={level!r}; give a share above 0 and below 1.")
    if n_resamples < 1:
        raise ValueError(f"n_resamples={n_resamples!r}; give 1 or more.")
    index = np.arange(n) if groups is None else _number_groups(groups)
    labeled = np.array([(labels >= 0).any() for labels in truth], dtype=bool)  # the others say nothing, drawn or not
    members = [np.flatnonzero((index == g) & labeled) for g in np.unique(index[labeled])]
    if len(members) < 2:
        what = "recordings" if groups is None else "groups"
        raise ValueError(f"an interval needs at least two {what} with labels to draw from, there are {len(members)}.")
    rng = np.random.default_rng(random_state)
    draws = rng.integers(len(members), size=(n_resamples, len(members)))
    scores = [score(np.concatenate([members[g] for g in draw])) for draw in draws]
    tails = 100 * _widen_tail((1 - level) / 2, len(members))
    low, high = np.nanpercentile(scores, [tails, 100 - tails])
    return Interval(float(score(np.arange(n))), float(low), float(high))


def _widen_tail(tail: float, n: int) -> float:
    """Return the share of draws to leave out on either side so that ``tail`` of the cases lies there, of n drawn."""
    return float(ndtr(stdtrit(n - 1, tail) * np.sqrt(n / (n - 1))))


def _number_groups(groups: Sequence[Any]) -> np.ndarray:
    """Return the number of each recording's group, in sorted order: unlike NumPy, pandas can sort None as well."""
    return pd.factorize(np.asarray(groups).ravel(), sort=True, use_na_sentinel=False)[0]
