"""How many labels a score needs, and what the next ones buy."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from sslts.model_selection.scores import _draw_means, check_confidence, choose_scores

_N_DRAWS = 1000
_EXPONENTS = np.geomspace(0.05, 3.0, 83)  # each 5 % above the one before


class LabelsNeeded(NamedTuple):
    """A number of labels, and the interval that it lies in; infinite where the curve does not get that far.

    Examples
    --------
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
    """Say how many labels reach a score, and how sure that is.

    The mean over splits is made monotone (more labels don't hurt) and interpolated over the logarithm of the number of
    labels. The interval comes from what the mean over very many splits may be, given how much the splits differ.
    Nothing is extrapolated: beyond the most labels of the curve the answer is infinite, and at the fewest it says that
    these are enough; for what lies beyond there is `suggest_budget`.

    Parameters
    ----------
    curve : DataFrame
        From `label_efficiency_curve`: two splits or more.
    target : float
        The score to reach.
    estimator : str, default=None
        Whose labels; may be left out if the curve has one estimator.
    confidence : float, default=0.95
        Of the interval.
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
    low, high = np.percentile(reached, [tail, 100 - tail], method="nearest")  # infinite ones can't be interpolated
    best = _find_crossing(labels, scores.mean().to_numpy(), target)
    return LabelsNeeded(best, float(min(low, best)), float(max(high, best)))


def _find_crossing(labels: np.ndarray, score: np.ndarray, target: float) -> float:
    """Return where the monotone curve reaches the target."""
    rising = isotonic_regression(score).x
    reached = rising >= target - 1e-12 * max(1.0, abs(target))  # a mean of equal scores may be rounded to below them
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
    """Extrapolate a pilot: what do the next ten labels buy, and the ten after these?

    The score follows a power law, ``a - b n ** -c`` with ``a <= best``, as errors of learning machines do over orders
    of magnitude (Hestness et al. 2017). It is that of least squared error among exponents 5 % apart. The interval is
    over fits to what the mean over very many splits may be. It says how sure the law's course is, not whether the law
    holds: from labels 1 to 8, believe 20 rather than 200.

    Parameters
    ----------
    curve : DataFrame
        From `label_efficiency_curve`: three numbers of labels or more, two splits or more.
    estimator : str, default=None
        Whose score; may be left out if the curve has one estimator.
    step : int, default=10
        Labels to add at a time.
    n_steps : int, default=5
        How often.
    best : float, default=None
        The best score there can be. None: 0 if no score is above it, as of an error with a minus, else 1.
    confidence : float, default=0.9
        Of the intervals.
    random_state : int or numpy.random.Generator, default=0
        Seed of the intervals.

    Returns
    -------
    pandas.DataFrame
        A row for the pilot's most labels and for each step: ``labels``; the score that is expected there, ``score, low,
        high``; and what the labels since the row before buy, ``gain, gain_low, gain_high`` (nan in the first row).

    Raises
    ------
    ValueError
        If there are too few numbers of labels or splits, scores above `best`, or an argument is out of range.

    References
    ----------
    Hestness et al. 2017, "Deep Learning Scaling is Predictable, Empirically", arXiv:1712.00409. Viering & Loog 2022,
    "The Shape of Learning Curves: a Review", for where power laws fail.

    Examples
    --------
    >>> import pandas as pd
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
        raise ValueError(f"curve has {len(labels)} numbers of labels; a power law needs three, better five.")
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
    """Return ``a, b, c`` of the law of least squared error for each row of scores, among `_EXPONENTS`, shape (rows, 3).

    For a given exponent the law is linear, with an answer in closed form; so exponents are tried one after another.
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
    """Return what the laws ``a - b n ** -c`` say, shape (rows, labels)."""
    a, b, c = laws.T[:, :, None]
    return a - b * labels**-c
