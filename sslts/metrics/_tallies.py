"""Tallies: the numbers of each recording from which a metric is computed, and functions for all tallies."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from sslts._notices import warn

_Metric = TypeVar("_Metric", bound=Callable[..., Any])


@dataclass(frozen=True)
class Tally:
    """The numbers of each recording from which a metric is computed, so that samples are read only once.

    Parameters
    ----------
    parts : ndarray of int of shape (P, n, K)
        P numbers for each of n recordings and K classes. The last part counts items (samples or segments) in truth
        plus prediction: a class with 0 items does not occur.
    classes : ndarray of int of shape (K,)
        The classes.
    labeled : ndarray of bool of shape (n,)
        Whether each recording has a labeled sample.
    finish : callable
        ``finish(sums, classes, n_labeled) -> score`` computes the score from sums over recordings, of shape (P, K), of
        the K classes that occur.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.metrics import Tally
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
        """Return the score of the recordings.

        Parameters
        ----------
        times : ndarray of int of shape (n,), default=None
            How often each recording counts. None: once.

        Returns
        -------
        object
            The result of `finish`.
        """
        drawn = np.ones(self.labeled.size, dtype=np.int64) if times is None else times
        sums = drawn @ self.parts
        occurs = sums[-1] > 0
        return self.finish(sums[:, occurs], self.classes[occurs], int(drawn @ self.labeled))


def tallied(tally: Callable[..., Tally]) -> Callable[[_Metric], _Metric]:
    """Return a decorator that gives a metric its tally, so that bootstrap intervals read the samples only once.

    Parameters
    ----------
    tally : callable
        ``tally(y_true, y_pred, **options) -> Tally``. It gets every option of the metric by name, and
        ``tally(...).score()`` must equal the metric.

    Returns
    -------
    callable
        The decorator. It returns the metric itself.

    See Also
    --------
    bootstrap_interval : Uses the tally of a metric.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.metrics import Tally, bootstrap_interval, tallied
    >>> def tally_accuracy(y_true, y_pred):
    ...     right = [[np.equal(t, p).sum()] for t, p in zip(y_true, y_pred)]
    ...     items = [[2 * len(t)] for t in y_true]
    ...     finish = lambda sums, classes, n_labeled: float(2 * sums[0, 0] / sums[1, 0])
    ...     return Tally(np.array([right, items]), np.array([0]), np.full(len(items), True), finish)
    >>> @tallied(tally_accuracy)
    ... def accuracy(y_true, y_pred):
    ...     return tally_accuracy(y_true, y_pred).score()
    >>> bootstrap_interval(accuracy, [[0, 1], [1, 1]], [[0, 1], [0, 1]]).estimate
    0.75
    """

    def add_tally(metric: _Metric) -> _Metric:
        vars(metric)["tally"] = _OwnedTally(metric, tally)
        return metric

    return add_tally


def find_tally(metric: Callable[..., Any]) -> Callable[..., Tally] | None:
    """Return the tally of a metric, or None; a `functools.partial` with only keywords has its function's tally."""
    function = metric.func if isinstance(metric, partial) and not metric.args else metric
    owned = getattr(function, "tally", None)
    # functools.wraps copies the attribute to the wrapper, which may score differently: check the owner.
    return owned.tally if isinstance(owned, _OwnedTally) and owned.owner is function else None


class _OwnedTally(NamedTuple):
    """A tally and the metric that it was declared for."""

    owner: Callable[..., Any]
    tally: Callable[..., Tally]


def warn_empty(reason: str) -> None:
    """Warn that the result is nan or empty, for the given reason."""
    warn(f"{reason}; the result is nan or empty.")


def count_per_recording(recording: np.ndarray, labels: np.ndarray, n: int, classes: np.ndarray) -> np.ndarray:
    """Return the number of items of each recording and class, shape (n, K)."""
    shape = (n, classes.size)
    cell = recording * classes.size + np.searchsorted(classes, labels)
    return np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)


def average_f1(
    sums: np.ndarray, classes: np.ndarray, n_labeled: int, *, average: str | None, zero_division: float
) -> float | pd.Series:
    """Return F1 from sums (2, K): the hits, and the true plus predicted items, of each class."""
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
