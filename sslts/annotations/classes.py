"""Which classes there are, their indices, and what each weighs."""

from __future__ import annotations

from typing import Any

import numpy as np

from sslts._notices import warn
from sslts.annotations.runs import LabelRuns

_MAX_CLASSES = 1000


def find_classes(values: np.ndarray) -> np.ndarray:
    """Return the classes that occur, sorted; warn if there is one only.

    Raises
    ------
    ValueError
        If no sample is labeled, or there are more than 1000 classes.

    Examples
    --------
    >>> find_classes(np.array([7, -1, 0, 7]))
    array([0, 7])
    """
    found = np.unique(values)
    classes = found[found >= 0]
    if not len(classes):
        raise ValueError("y has no labeled sample: every label is -1. Label at least one stretch of one recording.")
    if len(classes) > _MAX_CLASSES:
        raise ValueError(
            f"y has {len(classes)} classes, {classes[:3].tolist()} and on; at most {_MAX_CLASSES} are possible. Labels "
            "are kinds of patterns, not numbers of occurrences, times or measured values."
        )
    if len(classes) == 1:
        warn(f"y has one class only ({classes[0]}); every sample will be predicted as it. Label another class too.")
    return classes


def warn_of_lost_background(labels: LabelRuns, classes: np.ndarray, background: int | None) -> None:
    """Warn if occurrences are labeled, and what surrounds them is not, so that nothing shows what is no segment.

    Where labeled stretches touch, as sleep stages do, or recordings are labeled as a whole, there need be none.

    Examples
    --------
    >>> labels = LabelRuns.from_labels([np.array([1, 1, 2, 2])])
    >>> warn_of_lost_background(labels, np.array([1, 2]), background=0)
    """
    if background is None or background in classes or len(classes) == 1:  # of one class alone, find_classes warns
        return
    before, after = labels.neighbours
    known = labels.value >= 0
    touch = known & ((before >= 0) | (after >= 0))
    whole = known & (labels.size == labels.lengths[labels.recording])
    if not (touch | whole).any():
        warn(
            f"y has no sample of the background={background}, and around each labeled segment nothing is labeled: "
            f"every sample will be predicted as one of {classes.tolist()}. Label samples between them as {background}, "
            "or pass background=None if each sample is of a class."
        )


def isolate_class(labels: np.ndarray, k: int) -> np.ndarray:
    """Return 1 where the label is ``k``, 0 where it is another class; ``-1`` stays.

    Examples
    --------
    >>> isolate_class(np.array([7, -1, 0, 3]), 7).tolist()
    [1, -1, 0, 0]
    """
    return np.where(labels == k, 1, np.minimum(labels, 0))


def weigh_classes(class_weight: Any, shares: np.ndarray, classes: np.ndarray) -> np.ndarray | None:
    """Return the weight (K,) of each class in the labeled loss; "balanced" as in scikit-learn, n / (K * count).

    Raises
    ------
    ValueError
        If a class is unknown, or a weight is negative or not finite.

    Examples
    --------
    >>> weigh_classes("balanced", np.array([0.8, 0.2]), np.array([0, 1])).tolist()
    [0.625, 2.5]
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, dict):
        unknown = sorted(set(class_weight) - set(classes.tolist()), key=repr)
        if unknown:
            raise ValueError(f"class_weight names class {unknown[0]!r}, y has the classes {classes.tolist()}.")
        for k, weight in class_weight.items():
            if not 0 <= weight < np.inf:
                raise ValueError(f"class_weight={{{k}: {weight!r}}}; give a finite weight of 0 or more for each class.")
        return np.array([class_weight.get(int(k), 1.0) for k in classes], dtype=np.float32)
    return (1 / (len(classes) * shares)).astype(np.float32)


def share_classes(labels: LabelRuns, n_classes: int) -> np.ndarray:
    """Return the share (K,) of each class, given as an index, among the labeled samples.

    Examples
    --------
    >>> share_classes(LabelRuns.from_labels([np.array([0, 0, 0, 1, -1])]), 2).tolist()
    [0.75, 0.25]
    """
    labeled = labels.value >= 0
    count = np.bincount(labels.value[labeled], weights=labels.size[labeled], minlength=n_classes)
    return count / count.sum()


def check_names(names: dict[int, str] | None, classes: Any = None) -> None:
    """Refuse names of what is no class; where the classes are not known, any whole number may be one.

    Raises
    ------
    ValueError
        If a key of ``names`` is not one of ``classes``.

    Examples
    --------
    >>> check_names({"cycle": 1}, np.array([0, 1]))
    Traceback (most recent call last):
    ...
    ValueError: names has the key 'cycle', which is no class: there are [0, 1]; give {class: "name"}.
    """
    known = None if classes is None else np.asarray(classes).tolist()
    for key in names or {}:
        if not isinstance(key, int | np.integer) or (known is not None and key not in known):
            there = "" if known is None else f": there are {known}"
            raise ValueError(f'names has the key {key!r}, which is no class{there}; give {{class: "name"}}.')
