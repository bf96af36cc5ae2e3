"""Weights and soft labels for estimators that take rows and one label each, and for the rounds of a self-training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from sslts.annotations import LabelDetails, LabelRuns, SoftLabels
from sslts.segmenters._problem import Problem


def name_weights(classifier: Any) -> str:
    """Return the name of the argument of a classifier's ``fit`` that takes weights.

    For a pipeline, it is the argument of its last step.

    Raises
    ------
    ValueError
        If the ``fit`` takes no weights.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> name_weights(LogisticRegression()), name_weights(make_pipeline(LogisticRegression()))
    ('sample_weight', 'logisticregression__sample_weight')
    """
    if isinstance(classifier, Pipeline):
        name, last = classifier.steps[-1]
        if has_fit_parameter(last, "sample_weight"):
            return f"{name}__sample_weight"
    elif has_fit_parameter(classifier, "sample_weight"):
        return "sample_weight"
    raise ValueError(
        f"classifier={type(classifier).__name__}: its fit has no sample_weight, so it can't count the sample_weight or "
        "the soft labels that were passed; pass a classifier with sample_weight, such as ExtraTreesClassifier, or "
        "integer labels and no sample_weight."
    )


def weigh_rows(
    problem: Problem, rows: np.ndarray, recording: np.ndarray, position: np.ndarray, label: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return rows of features (m, F), their class indices (m,) and their weights (m,), or None without weights.

    With soft labels, a row is repeated for each class of positive probability. A class that no sample has gets one row
    of weight 0, so that the classifier knows it.
    """
    n_codes = problem.n_codes
    picked = problem.details.encode(problem.classes).pick(recording, position)
    weight = picked.get("weight")
    if "soft" in picked:
        row, label = np.nonzero(picked["soft"])
        share = picked["soft"][row, label]
        rows, weight = rows[row], share if weight is None else share * weight[row]
    missing = np.setdiff1d(np.arange(n_codes), label)
    if not missing.size:
        return rows, label, weight
    weight = np.ones(len(rows), dtype=np.float32) if weight is None else weight
    more = np.zeros(len(missing), dtype=np.float32)
    return np.concatenate([rows, rows[:1].repeat(len(missing), 0)]), np.append(label, missing), np.append(weight, more)


def add_pseudo_labels(
    labels: Sequence[np.ndarray], given: Sequence[np.ndarray], details: LabelDetails
) -> tuple[list[np.ndarray], list[np.ndarray] | None]:
    """Return the labels and the weights of a round of self-training, for ``fit``.

    Given labels keep their weights and their soft labels. A pseudo-label is certain, and weighs as much as a given
    label on average.

    Parameters
    ----------
    labels : sequence of ndarray of int, shape (T_i,)
        Given labels and pseudo-labels of the round, ``-1`` elsewhere.
    given : sequence of ndarray of int, shape (T_i,)
        Given labels; the most probable class of soft labels.
    details : LabelDetails

    Examples
    --------
    >>> from sslts.annotations import SampleWeights
    >>> details = LabelDetails(SampleWeights([np.array([1.0, 2.0, 9.0])], top=2.0))
    >>> add_pseudo_labels([np.array([0, 1, 1])], [np.array([0, 1, -1])], details)
    ([array([0, 1, 1])], [array([0.5 , 1.  , 0.75], dtype=float32)])
    """
    pairs = list(enumerate(zip(labels, given, strict=True)))
    soft, n_classes = details.soft, details.n_classes
    found = [one if soft is None else _soften(one, old, soft, i) for i, (one, old) in pairs]
    if soft is None and n_classes is not None:  # one recording tells how many classes there are
        first = next(i for i, old in enumerate(given) if (old >= 0).any())
        found[first] = np.where(labels[first][:, None] < 0, np.nan, np.eye(n_classes)[labels[first]])
    if details.weights is None:
        return found, None
    runs, read = LabelRuns.from_labels(given), details.weights.read
    usual = np.float32(details.weights.sum_runs(runs).sum() / runs.count_samples().sum())
    return found, [np.where(old >= 0, read(i, 0, len(old)), usual) for i, (_, old) in pairs]


def _soften(labels: np.ndarray, given: np.ndarray, soft: SoftLabels, i: int) -> np.ndarray:
    """Return the soft labels (T, K) of recording ``i`` with pseudo-labels; labels (T,) if it has no soft labels."""
    if soft.values[i] is None:
        return labels
    part = soft.read(i, 0, len(given))
    part[given < 0] = np.nan
    added = np.flatnonzero((given < 0) & (labels >= 0))
    part[added] = np.eye(part.shape[1], dtype=part.dtype)[labels[added]]
    return part
