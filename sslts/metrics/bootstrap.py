"""Bootstrap intervals of metrics, from resamples of recordings or of groups such as patients."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtrit

from sslts.annotations import Annotations, number_alike, pair_annotations
from sslts.metrics._tallies import find_tally


class Interval(NamedTuple):
    """A score and its bootstrap interval.

    Attributes
    ----------
    estimate : float
        Score of all recordings.
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
    """Return a metric and its percentile interval over bootstrap resamples of recordings or groups.

    Parameters
    ----------
    metric : callable
        ``metric(y_true, y_pred) -> float``, such as `mean_iou`.
    y_true, y_pred : array of shape (n, T), or list of (T_i,)
        True labels (-1 = unlabeled) and predicted labels.
    groups : sequence of length n, default=None
        Group of each recording, such as its patient or machine, by position. Recordings of one group are alike, so
        whole groups are drawn. Recordings with a missing group (None or NaN) form one group. None: recordings are
        drawn.
    level : float, default=0.95
        Coverage of the interval, above 0 and below 1.
    n_resamples : int, default=1000
        Number of resamples.
    random_state : int, Generator or None, default=0
        Seed of the resamples.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If fewer than two recordings or groups have labels, or an argument is out of range.

    Notes
    -----
    A metric with a tally (see `tallied`) reads the samples once, and each resample costs almost nothing. `mean_iou`,
    `frame_f1`, `segment_f1`, `event_f1` and ``count_scorer.function`` have one. Pass their options with
    `functools.partial`, such as ``partial(segment_f1, background=3)``. Any other function, also a ``lambda``, is called
    with all samples of each resample.

    With fewer than about ten recordings or groups the interval is too narrow, because few recordings seldom hold rare
    cases.

    References
    ----------
    Efron & Tibshirani 1993, "An introduction to the bootstrap", chapter 13. Hesterberg 2015, "What teachers should know
    about the bootstrap", section 5.3: the tails are widened for few recordings.

    Examples
    --------
    >>> from sslts.metrics import bootstrap_interval, mean_iou
    >>> y_true, y_pred = [[0, 0, 1, 1]] * 4, [[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 1, 1]]
    >>> found = bootstrap_interval(mean_iou, y_true, y_pred, n_resamples=200)
    >>> round(found.estimate, 3), found.low < found.estimate < found.high
    (0.778, True)
    """
    truth, predicted = pair_annotations(y_true, y_pred)
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
    """Return the difference of a metric between two predictions, with an interval over paired resamples.

    Parameters
    ----------
    metric : callable
        ``metric(y_true, y_pred) -> float``, such as `mean_iou`; see the notes of `bootstrap_interval`.
    y_true, y_pred, y_baseline : array of shape (n, T), or list of (T_i,)
        True labels (-1 = unlabeled), predicted labels, and the labels that a baseline predicts.
    groups : sequence of length n, default=None
        Group of each recording; see `bootstrap_interval`.
    level : float, default=0.95
        Coverage of the interval, above 0 and below 1.
    n_resamples : int, default=1000
        Number of resamples.
    random_state : int, Generator or None, default=0
        Seed of the resamples.

    Returns
    -------
    Interval
        ``metric(y_true, y_pred) - metric(y_true, y_baseline)``, both from the same resamples.

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
    given = {"y_true": y_true, "y_pred": y_pred, "y_baseline": y_baseline}
    (y_true, y_pred, y_baseline), _ = number_alike(given)
    truth, predicted = pair_annotations(y_true, y_pred)
    _, baseline = pair_annotations(truth, y_baseline, name="y_baseline")
    own, other = (_make_score(metric, truth, labels) for labels in (predicted, baseline))
    return _resample(lambda rows: own(rows) - other(rows), truth, groups, level, n_resamples, random_state)


def _make_score(metric: Callable[[Any, Any], float], truth: Any, predicted: Any) -> Callable[[np.ndarray], float]:
    """Return a function that scores the recordings with the given indices; an index may occur several times."""
    compute_tally = find_tally(metric)
    if compute_tally is None:
        return lambda rows: metric(_select(truth, rows), _select(predicted, rows))
    call = inspect.signature(metric).bind(truth, predicted)
    call.apply_defaults()
    tally = compute_tally(*call.args, **call.kwargs)
    return lambda rows: tally.score(np.bincount(rows, minlength=len(truth)))


def _select(labels: Any, rows: np.ndarray) -> Any:
    """Return the labels of the recordings with the given indices."""
    return labels[rows] if isinstance(labels, Annotations) else [labels[i] for i in rows]


def _resample(
    score: Callable[[np.ndarray], float],
    truth: Any,
    groups: Sequence[Any] | None,
    level: float,
    n_resamples: int,
    random_state: int | np.random.Generator | None,
) -> Interval:
    """Return the score of all recordings and its percentile interval over resamples of groups."""
    n = len(truth)
    if groups is not None and len(groups) != n:
        raise ValueError(f"groups has {len(groups)} entries, y_true has {n} recordings; give one group for each.")
    if not 0 < level < 1:
        raise ValueError(f"level={level!r}; give a share above 0 and below 1.")
    if n_resamples < 1:
        raise ValueError(f"n_resamples={n_resamples!r}; give 1 or more.")
    group_of = np.arange(n) if groups is None else _number_groups(groups)
    each = truth.list_labels() if isinstance(truth, Annotations) else truth
    labeled = np.array([(labels >= 0).any() for labels in each], dtype=bool)  # unlabeled recordings change no score
    members = [np.flatnonzero((group_of == g) & labeled) for g in np.unique(group_of[labeled])]
    if len(members) < 2:
        kind = "recordings" if groups is None else "groups"
        raise ValueError(
            f"an interval needs at least two {kind} with labels, y_true has {len(members)}; label more {kind}."
        )
    rng = np.random.default_rng(random_state)
    draws = rng.integers(len(members), size=(n_resamples, len(members)))
    scores = [score(np.concatenate([members[g] for g in draw])) for draw in draws]
    tails = 100 * _widen_tail((1 - level) / 2, len(members))
    low, high = np.nanpercentile(scores, [tails, 100 - tails])
    return Interval(float(score(np.arange(n))), float(low), float(high))


def _widen_tail(tail: float, n: int) -> float:
    """Return the share of resamples to cut on each side, given the wanted share ``tail`` and ``n`` drawn groups."""
    return float(ndtr(stdtrit(n - 1, tail) * np.sqrt(n / (n - 1))))


def _number_groups(groups: Sequence[Any]) -> np.ndarray:
    """Return the group of each recording as an integer, numbered in sorted order."""
    # Unlike NumPy, pandas also sorts None.
    return pd.factorize(np.asarray(groups).ravel(), sort=True, use_na_sentinel=False)[0]
