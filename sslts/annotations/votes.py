"""Votes of several annotators as soft labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sslts.annotations.arrays import check_labels


def count_votes(annotators: Sequence[Any], *, n_classes: int | None = None) -> Any:
    """Return soft labels: the share of each class in the votes of several annotators at each sample.

    Each annotator has one vote per sample. To trust an annotator as much as two others, pass the labels twice.

    Parameters
    ----------
    annotators : sequence of array of shape (n, T), or of list of (T_i,)
        Labels of each annotator for the same recordings; ``-1`` where an annotator did not label.
    n_classes : int or None, default=None
        Number of classes, K. None: one more than the largest label, and at least 2.

    Returns
    -------
    ndarray of float32, shape (n, T, K), or list of (T_i, K)
        A list if the recordings differ in length. NaN where no annotator labeled.

    Raises
    ------
    ValueError
        If there are no annotators, they labeled different recordings, or a label is `n_classes` or more.

    Examples
    --------
    >>> from sslts.annotations import count_votes
    >>> first, second, third, fourth = [[0, 1, 1, -1]], [[0, 0, 1, -1]], [[0, 1, -1, -1]], [[0, 1, 1, -1]]
    >>> count_votes([first, second, third, fourth])[0].tolist()
    [[1.0, 0.0], [0.25, 0.75], [0.0, 1.0], [nan, nan]]
    """
    if not isinstance(annotators, (list, tuple, np.ndarray)) or not len(annotators):
        raise ValueError("annotators is not a list with the labels of each annotator; pass [y_first, y_second].")
    given = [check_labels(y, argument=f"annotators[{a}]") for a, y in enumerate(annotators)]
    lengths = [len(labels) for labels in given[0]]
    for a, one in enumerate(given):
        if [len(labels) for labels in one] != lengths:
            raise ValueError(
                f"annotators[{a}] labeled other recordings than annotators[0]: they have different numbers of "
                "recordings or samples. Give the same recordings in the same order, -1 where unlabeled."
            )
    top = max((int(labels.max(initial=-1)) for one in given for labels in one), default=-1)
    if n_classes is not None and top >= n_classes:
        raise ValueError(f"annotators have a label {top}, but n_classes={n_classes}; give n_classes={top + 1} or more.")
    size = max(top + 1, 2) if n_classes is None else n_classes
    found = [_share_votes([one[i] for one in given], size) for i in range(len(lengths))]
    return np.stack(found) if len(set(lengths)) == 1 else found


def _share_votes(votes: list[np.ndarray], n_classes: int) -> np.ndarray:
    """Return the shares (T, K) of the classes in the labels (T,) of several annotators."""
    count = np.zeros((len(votes[0]), n_classes), dtype=np.float32)
    for labels in votes:
        known = np.flatnonzero(labels >= 0)
        count[known, labels[known]] += 1
    total = count.sum(1, keepdims=True)
    return np.divide(count, total, out=np.full_like(count, np.nan), where=total > 0)
