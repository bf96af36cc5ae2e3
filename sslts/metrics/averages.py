"""What metrics share: F1 from counts, means over classes, the warning that there is nothing to score."""

import warnings

import numpy as np
import pandas as pd


def warn_empty(reason: str, stacklevel: int = 4) -> None:
    """Warn that there is nothing to score.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warn_empty("y_true is all -1")
    >>> str(caught[0].message)
    'y_true is all -1; the result is nan or empty.'
    """
    warnings.warn(f"{reason}; the result is nan or empty.", UserWarning, stacklevel=stacklevel)


def count_per_class(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Count labels by class.

    Examples
    --------
    >>> count_per_class(np.array([3, 1, 3]), np.array([1, 2, 3])).tolist()
    [1, 0, 2]
    """
    return np.bincount(np.searchsorted(classes, labels), minlength=classes.size)


def average_f1(
    hits: np.ndarray,
    totals: np.ndarray,
    classes: np.ndarray,
    average: str | None,
    *,
    labelled: bool,
    zero_division: float,
) -> float | pd.Series:
    """F1 from hits and from the number of true plus predicted items, per class.

    Examples
    --------
    >>> hits, totals = np.array([1, 2]), np.array([4, 4])
    >>> average_f1(hits, totals, np.array([1, 2]), "macro", labelled=True, zero_division=1.0)
    0.75
    """
    if average not in ("macro", "micro", None):
        raise ValueError(f"average={average!r}; give 'macro', 'micro' or None.")
    if not labelled:
        warn_empty("y_true is all -1: there is nothing to score", stacklevel=5)
    if average is None:
        return pd.Series(2 * hits / totals, index=pd.Index(classes, name="label"), name="f1", dtype=np.float64)
    if not classes.size:
        return float(zero_division) if labelled else np.nan
    return float((2 * hits / totals).mean() if average == "macro" else 2 * hits.sum() / totals.sum())
