"""Calibration of probabilities: of the samples with a probability of 0.8, 80 % should have that class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.annotations import check_labels, name_columns, number_columns, spread_labels
from sslts.metrics._tallies import warn_empty
from sslts.recordings import read_array

_N_BINS = 15


def reliability_curve(
    y_true: Any, y_proba: Any, *, classes: Sequence[int] | None = None, label: int | None = None, n_bins: int = 10
) -> pd.DataFrame:
    """Return the mean probability and the accuracy of the labeled samples, in bins of probability.

    Parameters
    ----------
    y_true : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled).
    y_proba : array of shape (n, T, K), or list of (T_i, K)
        Probability of each class at each sample.
    classes : sequence of int of shape (K,), default=None
        Class of each column; None: 0 to K - 1.
    label : int or None, default=None
        Class whose probability is binned. None: the most probable class of each sample.
    n_bins : int, default=10
        Number of equally wide bins between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row per bin: its ends ``low`` and ``high``, ``confidence`` (mean probability), ``accuracy`` (share of
        samples that have the class) and ``count`` (number of samples). NaN in an empty bin.

    Raises
    ------
    ValueError
        If probabilities and labels differ in shape, a labeled sample's probabilities are not finite, `classes` has a
        class twice, or `n_bins` or `label` is out of range.

    Examples
    --------
    >>> from sslts.metrics import reliability_curve
    >>> proba = [[[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.1, 0.9]]]
    >>> reliability_curve([[0, 1, 1, 1]], proba, n_bins=2)
       low  high  confidence  accuracy  count
    0  0.0   0.5         NaN       NaN      0
    1  0.5   1.0         0.8      0.75      4
    """
    return bin_confidence(*read_confidence(y_true, y_proba, classes, label), n_bins)


def read_confidence(
    y_true: Any, y_proba: Any, classes: Sequence[int] | None = None, label: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of the most probable class (or `label`) at each labeled sample, and if the class is right.

    Parameters
    ----------
    y_true : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled).
    y_proba : array of shape (n, T, K), or list of (T_i, K)
        Probability of each class at each sample.
    classes : sequence of int of shape (K,), default=None
        Class of each column; None: 0 to K - 1.
    label : int or None, default=None
        Class whose probability is returned. None: the most probable class of each sample.

    Returns
    -------
    confidence : ndarray of float of shape (N,)
        Probability at each of the N labeled samples.
    right : ndarray of bool of shape (N,)
        Whether the sample has that class.

    Raises
    ------
    ValueError
        If probabilities and labels differ in shape, a labeled sample's probabilities are not finite, `classes` has a
        class twice, or `label` is out of range.

    Examples
    --------
    >>> from sslts.metrics import read_confidence
    >>> confidence, right = read_confidence([[0, 1, -1]], [[[0.75, 0.25], [0.5, 0.5], [1, 0]]])
    >>> confidence.tolist(), right.tolist()
    ([0.75, 0.5], [True, False])
    """
    y_true, classes, words = number_columns(y_true, classes, name="y_true", of="y_proba")
    if words is not None and label is not None:
        label = {word: k for k, word in words.items()}.get(str(label), label)
    truth, tables, ids = _read_tables(y_true, y_proba, classes)
    if label is not None and label not in ids:
        raise ValueError(f"label={label!r} has no column in y_proba; give one of its classes {shorten(ids.tolist())}.")
    confidence, right = [np.empty(0)], [np.empty(0, dtype=bool)]
    for labels, table in zip(truth, tables, strict=True):
        at = np.flatnonzero(labels >= 0)
        column = table.argmax(1)[at] if label is None else np.flatnonzero(ids == label)
        confidence.append(table[at, column])
        right.append(labels[at] == ids[column])
    return np.concatenate(confidence), np.concatenate(right)


def bin_confidence(confidence: np.ndarray, right: np.ndarray, n_bins: int) -> pd.DataFrame:
    """Return the table of `reliability_curve` for the result of `read_confidence`.

    Parameters
    ----------
    confidence : ndarray of float of shape (N,)
        Probability at each labeled sample.
    right : ndarray of bool of shape (N,)
        Whether the sample has that class.
    n_bins : int
        Number of equally wide bins between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        See `reliability_curve`.

    Raises
    ------
    ValueError
        If `n_bins` is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.metrics import bin_confidence
    >>> bin_confidence(np.array([0.75, 0.5]), np.array([True, False]), 2)["count"].tolist()
    [1, 1]
    """
    if n_bins < 1:
        raise ValueError(f"n_bins={n_bins!r}; give 1 or more.")
    # Bins are closed on the right (Guo et al. 2017, eq. 3). Rounded because 0.29 * 100 is a little less than 29.
    bin_of = np.clip(np.ceil(np.round(confidence * n_bins, 9)).astype(np.int64) - 1, 0, n_bins - 1)
    count = np.bincount(bin_of, minlength=n_bins)
    sums = [np.bincount(bin_of, weights=values, minlength=n_bins) for values in (confidence, right)]
    edges = np.linspace(0, 1, n_bins + 1)
    with np.errstate(invalid="ignore"):
        means = {name: values / count for name, values in zip(("confidence", "accuracy"), sums, strict=True)}
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], **means, "count": count})


def expected_calibration_error(
    y_true: Any,
    y_proba: Any,
    *,
    classes: Sequence[int] | None = None,
    n_bins: int = _N_BINS,
) -> float:
    """Return the expected calibration error: the mean gap between confidence and accuracy, over all samples.

    The confidence is the probability of the most probable class; the gap is the gap of the sample's bin.

    Parameters
    ----------
    y_true : array of shape (n, T) or (T,), or list of (T_i,)
        True labels (-1 = unlabeled).
    y_proba : array of shape (n, T, K), or list of (T_i, K)
        Probability of each class at each sample.
    classes : sequence of int of shape (K,), default=None
        Class of each column; None: 0 to K - 1.
    n_bins : int, default=15
        Number of equally wide bins between 0 and 1.

    Returns
    -------
    float
        0 (calibrated) to 1; NaN, with a warning, if no sample is labeled.

    Raises
    ------
    ValueError
        If probabilities and labels differ in shape, a labeled sample's probabilities are not finite, `classes` has a
        class twice, or `n_bins` is out of range.

    References
    ----------
    Guo et al. 2017, "On calibration of modern neural networks", eq. (3).

    Examples
    --------
    >>> from sslts.metrics import expected_calibration_error
    >>> proba = [[[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.75, 0.25]]]
    >>> expected_calibration_error([[0, 0, 0, 1]], proba), expected_calibration_error([[0, 0, 0, 0]], proba)
    (0.0, 0.25)
    """
    return average_gap(*read_confidence(y_true, y_proba, classes), n_bins)


def average_gap(confidence: np.ndarray, right: np.ndarray, n_bins: int = _N_BINS) -> float:
    """Return the expected calibration error for the result of `read_confidence`.

    Parameters
    ----------
    confidence : ndarray of float of shape (N,)
        Probability of the most probable class at each labeled sample.
    right : ndarray of bool of shape (N,)
        Whether the sample has that class.
    n_bins : int, default=15
        Number of equally wide bins between 0 and 1.

    Returns
    -------
    float
        0 (calibrated) to 1; NaN, with a warning, if there is no sample.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.metrics import average_gap
    >>> average_gap(np.array([0.75, 0.75]), np.array([True, False]))
    0.25
    """
    curve = bin_confidence(confidence, right, n_bins)
    total = curve["count"].sum()
    if not total:
        warn_empty("y_true is all -1: there is no sample to score")
        return np.nan
    gap = (curve["accuracy"] - curve["confidence"]).abs().fillna(0.0)
    return float((gap * curve["count"]).sum() / total)


def _read_tables(
    y_true: Any, y_proba: Any, classes: Sequence[int] | None
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Return the truth (T_i,) and the probabilities (T_i, K) of each recording, and the classes (K,)."""
    single = (
        len(y_proba) > 0 and np.ndim(y_proba[0]) == 1 and len(check_labels(y_true, argument="y_true", single=True)) == 1
    )
    tables = [read_array(table, f"y_proba[{i}]") for i, table in enumerate([y_proba] if single else y_proba)]
    for i, table in enumerate(tables):
        if table.ndim != 2 or table.shape[1] != tables[0].shape[1]:
            raise ValueError(f"y_proba[{i}] has shape {table.shape}; give (T, K), the probability of each class.")
    truth = spread_labels(y_true, list(map(len, tables)), argument="y_true", of="y_proba")
    for i, (labels, table) in enumerate(zip(truth, tables, strict=True)):
        broken = np.flatnonzero((labels >= 0) & ~np.isfinite(table).all(1))
        if broken.size:
            raise ValueError(
                f"y_proba[{i}] holds NaN or infinite values at {broken.size} labeled samples, the first at sample "
                f"{broken[0]}; fix them, or set y_true to -1 there."
            )
    return truth, tables, name_columns(classes, tables[0].shape[1] if tables else 0, "y_proba")
