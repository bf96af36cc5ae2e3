"""What metrics share: sums over recordings, F1 from them, the warning that there is nothing to score."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import warn


def warn_empty(reason: str) -> None:
    """Warn that there is nothing to score.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warn_empty("y_true is all -1")
    >>> str(caught[0].message)
    'y_true is all -1; the result is nan or empty.'
    """
    warn(f"{reason}; the result is nan or empty.")


@dataclass(frozen=True)
class Tally:
    """What each recording adds to a metric: any draw of recordings is scored from it, without another look at samples.

    Parameters
    ----------
    parts : ndarray of int of shape (P, n, K)
        Numbers of each recording and class. The last part is that of items (samples, segments) in truth plus
        prediction: a class without one does not occur.
    classes : ndarray of int of shape (K,)
    labeled : ndarray of bool of shape (n,)
        Which recordings have a labeled sample.
    finish : callable
        ``finish(sums, classes, n_labeled) -> score``, from sums of shape (P, K) over recordings, of the classes that
        occur there.

    Examples
    --------
    >>> right, items = [[1], [2]], [[4], [2]]
    >>> finish = lambda sums, classes, n_labeled: float(sums[0, 0] / sums[1, 0])
    >>> tally = Tally(np.array([right, items]), np.array([5]), np.array([True, True]), finish)
    >>> tally.score(), tally.score(np.array([2, 0]))
    (0.5, 0.25)
    """

    parts: np.ndarray
    classes: np.ndarray
    labeled: np.ndarray
    finish: Callable[[np.ndarray, np.ndarray, int], Any]

    def score(self, times: np.ndarray | None = None) -> Any:
        """Score the recordings, each counted as many times (n,) as is said; None: once."""
        drawn = np.ones(self.labeled.size, dtype=np.int64) if times is None else times
        sums = drawn @ self.parts
        occurs = sums[-1] > 0
        return self.finish(sums[:, occurs], self.classes[occurs], int(drawn @ self.labeled))


def count_per_recording(recording: np.ndarray, labels: np.ndarray, n: int, classes: np.ndarray) -> np.ndarray:
    """Count items by the recording and the class of each: (n, K).

    Examples
    --------
    >>> count_per_recording(np.array([0, 0, 1]), np.array([3, 3, 1]), 2, np.array([1, 3])).tolist()
    [[0, 2], [1, 0]]
    """
    shape = (n, classes.size)
    cell = recording * classes.size + np.searchsorted(classes, labels)
    return np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)


def average_f1(
    sums: np.ndarray, classes: np.ndarray, n_labeled: int, *, average: str | None, zero_division: float
) -> float | pd.Series:
    """F1 from hits and from the number of true plus predicted items, per class.

    Examples
    --------
    >>> hits, totals = [1, 2], [4, 4]
    >>> average_f1(np.array([hits, totals]), np.array([1, 2]), 3, average="macro", zero_division=1.0)
    0.75
    """
    hits, totals = sums
    if average not in ("macro", "micro", None):
        raise ValueError(f"average={average!r}; give 'macro', 'micro' or None.")
    if not n_labeled:
        warn_empty("y_true is all -1: there is nothing to score")
    if average is None:
        return pd.Series(2 * hits / totals, index=pd.Index(classes, name="label"), name="f1", dtype=np.float64)
    if not classes.size:
        return float(zero_division) if n_labeled else np.nan
    return float((2 * hits / totals).mean() if average == "macro" else 2 * hits.sum() / totals.sum())
