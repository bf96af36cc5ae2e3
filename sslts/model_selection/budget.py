"""Number of labels that a target score needs, and the expected gain from more labels."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from sslts.model_selection.scores import _draw_means, check_confidence, choose_scores

_N_DRAWS = 1000
_EXPONENTS = np.geomspace(0.05, 3.0, 83)  # in steps of 5 %


class LabelsNeeded(NamedTuple):
    """Number of labels that reach a target score, with its interval.

    Attributes
    ----------
    labels : float
        Number of labels; infinite if the curve does not reach the target.
    low, high : float
        Ends of the interval; may be infinite.

    Examples
    --------
    >>> from sslts.model_selection import LabelsNeeded
    >>> LabelsNeeded(12.0, 8.0, float("inf")).low
    8.0
    """

    labels: float
    low: float
    high: float


def labels_needed(
    curve: pd.DataFrame,
    target: float,
    *,
    estimator: str | None = None,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> LabelsNeeded:
    """Return the number of labels that reach a target score, with an interval.

    The mean score over splits is made monotone (more labels do not hurt) and interpolated over the logarithm of the
    number of labels. The interval follows from the spread of the scores over splits. Nothing is extrapolated: the
    result is infinite if the largest number of labels misses the target, and the smallest number of labels if that
    already reaches it. `suggest_budget` extrapolates.

    Parameters
    ----------
    curve : DataFrame
        Result of `label_efficiency_curve` with two or more splits.
    target : float
        The score to reach.
    estimator : str, default=None
        Name of the estimator; None is allowed if the curve has one estimator.
    confidence : float, default=0.95
        Level of the interval, between 0 and 1.
    random_state : int or numpy.random.Generator, default=0
        Seed of the interval.

    Returns
    -------
    LabelsNeeded
        ``labels, low, high``.

    Raises
    ------
    ValueError
        If the curve has one split, lacks scores, or an argument is out of range.

    Examples
    --------
    >>> import pandas as pd
    >>> from sslts.model_selection import labels_needed
    >>> rows = [("a", n, s, score + 0.02 * s) for n, score in ((1, 0.5), (4, 0.7), (16, 0.8)) for s in range(4)]
    >>> curve = pd.DataFrame(rows, columns=["estimator", "labels", "split", "score"])
    >>> needed = labels_needed(curve, 0.75)
    >>> round(needed.labels, 1), 3 < needed.low < 4, 8 < needed.high < 10
    (5.3, True, True)
    """
    tail = 50 * (1 - check_confidence(confidence))
    if not math.isfinite(target):
        raise ValueError(f"target must be a finite score, got {target!r}")
    scores = choose_scores(curve, estimator)
    labels = scores.columns.to_numpy(dtype=float)
    drawn = _draw_means(scores.to_numpy(), _N_DRAWS, np.random.default_rng(random_state))
    reached = np.array([_find_crossing(labels, mean, target) for mean in drawn])
    low, high = np.percentile(reached, [tail, 100 - tail], method="nearest")  # infinity can't be interpolated
    best = _find_crossing(labels, scores.mean().to_numpy(), target)
    return LabelsNeeded(best, float(min(low, best)), float(max(high, best)))


def _find_crossing(labels: np.ndarray, score: np.ndarray, target: float) -> float:
    """Return the number of labels at which the monotone curve reaches the target."""
    rising = isotonic_regression(score).x
    reached = rising >= target - 1e-12 * max(1.0, abs(target))  # a mean of equal scores may be rounded down
    if not reached[-1]:
        return math.inf
    at = int(np.argmax(reached))
    if at == 0:
        return float(labels[0])
    share = min((target - rising[at - 1]) / (rising[at] - rising[at - 1]), 1.0)
    return float(np.exp((1 - share) * np.log(labels[at - 1]) + share * np.log(labels[at])))


def suggest_budget(
    curve: pd.DataFrame,
    *,
    estimator: str | None = None,
    step: int = 10,
    n_steps: int = 5,
    best: float | None = None,
    confidence: float = 0.9,
    random_state: Any = 0,
) -> pd.DataFrame:
    """Return the scores that more labels are expected to give, extrapolated from a label-efficiency curve.

    A power law ``a - b n ** -c`` with ``a <= best`` is fitted by least squares, over exponents in steps of 5 %. Errors
    of learning machines follow such a law over orders of magnitude (Hestness et al. 2017). The intervals follow from
    the spread of the scores over splits. They assume that the law holds: from a curve of 1 to 8 labels, trust the
    result for 20 labels more than for 200.

    Parameters
    ----------
    curve : DataFrame
        Result of `label_efficiency_curve` with three or more numbers of labels and two or more splits.
    estimator : str, default=None
        Name of the estimator; None is allowed if the curve has one estimator.
    step : int, default=10
        Number of labels to add in each step.
    n_steps : int, default=5
        Number of steps.
    best : float, default=None
        The best possible score. None: 0 if no score is above 0 (such as a negated error), else 1.
    confidence : float, default=0.9
        Level of the intervals, between 0 and 1.
    random_state : int or numpy.random.Generator, default=0
        Seed of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row for the largest number of labels of the curve and one for each step: ``labels``; the expected score and
        its interval ``score, low, high``; the gain over the previous row and its interval ``gain, gain_low,
        gain_high`` (NaN in the first row).

    Raises
    ------
    ValueError
        If the curve has too few numbers of labels or splits, a score is above `best`, or an argument is out of range.

    References
    ----------
    Hestness et al. 2017, "Deep Learning Scaling is Predictable, Empirically", arXiv:1712.00409. Viering & Loog 2022,
    "The Shape of Learning Curves: a Review", describes where power laws fail.

    Examples
    --------
    >>> import pandas as pd
    >>> from sslts.model_selection import suggest_budget
    >>> rows = [("a", n, s, 0.9 - 0.4 / n + 0.01 * s) for n in (1, 2, 4, 8) for s in range(3)]
    >>> curve = pd.DataFrame(rows, columns=["estimator", "labels", "split", "score"])
    >>> suggest_budget(curve, n_steps=2)[["labels", "score", "gain"]].round(3).to_numpy().tolist()
    [[8.0, 0.86, nan], [18.0, 0.888, 0.028], [28.0, 0.896, 0.008]]
    """
    tail = 50 * (1 - check_confidence(confidence))
    for name, value in (("step", step), ("n_steps", n_steps)):
        if int(value) != value or value < 1:
            raise ValueError(f"{name} must be a whole number, 1 or more, got {value!r}")
    scores = choose_scores(curve, estimator)
    labels = scores.columns.to_numpy(dtype=float)
    if len(labels) < 3:
        raise ValueError(
            f"curve has {len(labels)} numbers of labels; a power law needs three or more, better five. Give more "
            "n_labeled."
        )
    highest = float(scores.to_numpy().max())
    if best is None:
        best = 0.0 if highest <= 0 else 1.0
    if highest > best:
        raise ValueError(f"best={best!r}, but the curve has a score of {highest:.4g}; raise best.")
    ahead = labels[-1] + step * np.arange(n_steps + 1)
    drawn = _draw_means(scores.to_numpy(), _N_DRAWS, np.random.default_rng(random_state))
    expected = _extrapolate(_fit_power_laws(labels, scores.mean().to_numpy()[None], best), ahead)[0]
    spread = _extrapolate(_fit_power_laws(labels, drawn, best), ahead)
    low, high = np.percentile(spread, [tail, 100 - tail], axis=0)
    gain_low, gain_high = np.percentile(np.diff(spread, axis=1), [tail, 100 - tail], axis=0)
    return pd.DataFrame(
        {
            "labels": ahead.astype(int),
            "score": expected,
            "low": np.minimum(low, expected),
            "high": np.maximum(high, expected),
            "gain": np.r_[np.nan, np.diff(expected)],
            "gain_low": np.r_[np.nan, np.minimum(gain_low, np.diff(expected))],
            "gain_high": np.r_[np.nan, np.maximum(gain_high, np.diff(expected))],
        }
    )


def _fit_power_laws(labels: np.ndarray, scores: np.ndarray, best: float) -> np.ndarray:
    """Return ``a, b, c`` of the power law with the least squared error for each row of scores, shape (rows, 3).

    For a given exponent the law is linear, with a solution in closed form, so all `_EXPONENTS` are tried.
    """
    found = np.zeros((len(scores), 3))
    least = np.full(len(scores), np.inf)
    for c in _EXPONENTS:
        x = labels**-c
        b = -((scores - scores.mean(1, keepdims=True)) @ (x - x.mean())) / ((x - x.mean()) ** 2).sum()
        b = b.clip(min=0)
        a = scores.mean(1) + b * x.mean()
        above = a > best
        a = np.where(above, best, a)
        b = np.where(above, ((best - scores) @ x / (x @ x)).clip(min=0), b)
        error = np.square(a[:, None] - b[:, None] * x - scores).sum(1)
        better = error < least
        found[better] = np.stack([a, b, np.full(len(a), c)], axis=1)[better]
        least = np.minimum(least, error)
    return found


def _extrapolate(laws: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the scores of the power laws ``a - b n ** -c``, shape (rows, labels)."""
    a, b, c = laws.T[:, :, None]
    return a - b * labels**-c
