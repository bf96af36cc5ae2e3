"""Classes: the classes that occur, their shares, weights and names."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np

from sslts._notices import shorten, warn
from sslts._text import clean_text
from sslts.annotations.details import SampleWeights
from sslts.annotations.runs import LabelRuns

MAX_CLASSES = 1000
_LONGEST_NAME = 48  # characters that are shown
_FEWEST_EMPTY, _FEWEST_FILLED = 10, 3  # recordings that suffice to see that zeros may mean "unlabeled"
_EXPECTED = 4  # segments: where each recording has so many or more, a recording without any is rare
_UNEVEN = 4  # ratio of the rates of two recordings: where rates differ more, a recording without segments is normal


def find_classes(values: np.ndarray, *, touching: bool = False) -> np.ndarray:
    """Return the classes that occur, sorted; warn if there is only one class and its occurrences do not touch.

    ``touching`` says whether occurrences touch: a segmenter then learns where one ends and the next begins.

    Raises
    ------
    ValueError
        If no sample is labeled, or if there are more than 1000 classes.

    Examples
    --------
    >>> find_classes(np.array([7, -1, 0, 7]))
    array([0, 7])
    """
    found = np.unique(values)
    classes = found[found >= 0]
    if not len(classes):
        raise ValueError("y has no labeled sample: every label is -1. Label at least one stretch of one recording.")
    if len(classes) > MAX_CLASSES:
        raise ValueError(
            f"y has {len(classes)} classes, beginning with {classes[:3].tolist()}; at most {MAX_CLASSES} are allowed. "
            "Use one label per kind of pattern, not per occurrence, time or measured value."
        )
    if len(classes) == 1 and not touching:
        warn(
            f"y has one class only ({classes[0]}); every sample will be predicted as {classes[0]}. Label another class "
            "too."
        )
    return classes


def warn_of_lost_background(labels: LabelRuns, classes: np.ndarray, background: int | None) -> None:
    """Warn if segments are labeled but the background around them is unlabeled, so that it can't be learned.

    There is no warning if labeled segments touch, as sleep stages do, or if whole recordings have one label: such data
    may have no background.

    Examples
    --------
    >>> labels = LabelRuns.from_labels([np.array([1, 1, 2, 2])])
    >>> warn_of_lost_background(labels, np.array([1, 2]), background=0)
    """
    if background is None or background in classes or len(classes) == 1:  # find_classes warns of a single class
        return
    before, after = labels.neighbors
    known = labels.value >= 0
    touch = known & ((before >= 0) | (after >= 0))
    whole = known & (labels.size == labels.lengths[labels.recording])
    if not (touch | whole).any():
        warn(
            f"y has no sample of the background={background}, and the samples around each labeled segment are "
            f"unlabeled: every sample will be predicted as one of {shorten(classes.tolist())}. Label samples between "
            f"the segments as {background}, or pass background=None if every sample belongs to a class."
        )


def warn_of_zeros(labels: LabelRuns, background: int | None) -> None:
    """Warn if most recordings are labeled as background throughout, in labels without any unlabeled recording.

    Such labels often come from an array of zeros in which a few recordings were annotated. There is no warning if the
    recordings with segments have few of them, or very different numbers of them: then some recordings may have none.

    Examples
    --------
    >>> import warnings
    >>> labels = LabelRuns.from_labels([np.tile([0, 1], 9)] * 3 + [np.zeros(18, int)] * 10)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_of_zeros(labels, background=0)
    >>> str(caught[0].message)[:49]
    'y labels 10 of 13 recordings as 0 throughout, and'
    """
    if background is None or not labels.labeled.all():
        return
    is_segment = (labels.value >= 0) & (labels.value != background)
    counts = np.bincount(labels.recording[is_segment], minlength=len(labels))
    filled = counts > 0
    whole = ~filled & (labels.count_samples() == labels.lengths)
    n, n_filled = int(whole.sum()), int(filled.sum())
    if n < _FEWEST_EMPTY or n_filled < _FEWEST_FILLED or n <= 2 * n_filled:
        return
    rates = counts[filled] / labels.lengths[filled]
    expected = rates.min() * np.median(labels.lengths[whole])
    if expected < _EXPECTED or rates.max() > _UNEVEN * rates.min():
        return
    warn(
        f"y labels {n} of {len(labels)} recordings as {background} throughout, and no recording as unlabeled, while "
        f"the other {n_filled} recordings have {counts[filled].min()} to {counts[filled].max()} segments each. If "
        f"nobody labeled these {n} recordings, set their labels to -1: as {background}, they teach that their patterns "
        "are background."
    )


def isolate_class(labels: np.ndarray, k: int) -> np.ndarray:
    """Return binary labels: 1 for class ``k``, 0 for the other classes, and ``-1`` for unlabeled samples.

    Examples
    --------
    >>> isolate_class(np.array([7, -1, 0, 3]), 7).tolist()
    [1, -1, 0, 0]
    """
    return np.where(labels == k, 1, np.minimum(labels, 0))


def weigh_classes(class_weight: Any, shares: np.ndarray, classes: np.ndarray) -> np.ndarray | None:
    """Return the weight of each class in the labeled loss, (K,), or None if ``class_weight`` is None.

    "balanced" gives n / (K * count), as in scikit-learn: with weights of samples, n and count are sums of weights. A
    class without samples, which only soft labels can have, gets the weight 1 and does not count in K.

    Raises
    ------
    ValueError
        If a class is unknown, a weight is negative or not finite, or all weights are 0.

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
            raise ValueError(
                f"class_weight names class {unknown[0]!r}, but y has only the classes {shorten(classes.tolist())}."
            )
        for k, weight in class_weight.items():
            if not 0 <= weight < np.inf:
                raise ValueError(f"class_weight={{{k}: {weight!r}}}; give a finite weight of 0 or more for each class.")
        weights = np.array([class_weight.get(int(k), 1.0) for k in classes], dtype=np.float32)
        if not weights.any():
            raise ValueError(
                f"class_weight={class_weight!r} gives every class of y a weight of 0, so nothing would be learned; "
                "give at least one class a weight above 0."
            )
        return weights
    found = shares > 0
    return np.where(found, 1 / (found.sum() * np.where(found, shares, 1)), 1).astype(np.float32)


def share_classes(labels: LabelRuns, n_classes: int, weights: SampleWeights | None = None) -> np.ndarray:
    """Return the share of each class among the labeled samples, (K,); labels are class indices, see `LabelRuns.encode`.

    With ``weights``, a sample counts as much as its weight.

    Examples
    --------
    >>> share_classes(LabelRuns.from_labels([np.array([0, 0, 0, 1, -1])]), 2).tolist()
    [0.75, 0.25]
    """
    labeled = labels.value >= 0
    size = labels.size if weights is None else weights.sum_runs(labels)
    count = np.bincount(labels.value[labeled], weights=size[labeled], minlength=n_classes)
    return count / count.sum()


def check_names(names: Mapping[int, str] | None, classes: Any = None) -> None:
    """Raise ValueError if ``names`` does not map classes to names that differ.

    Raises
    ------
    ValueError
        If ``names`` is not a dictionary, a key is not one of ``classes`` (not an integer if ``classes`` is None), a
        name is not text or is empty, or two classes have one name.

    Examples
    --------
    >>> check_names({"cycle": 1}, np.array([0, 1]))
    Traceback (most recent call last):
    ...
    ValueError: names has the key 'cycle', which is not one of the classes [0, 1]; give {class: "name"}.
    """
    if names is None:
        return
    if not isinstance(names, Mapping):
        raise ValueError(f'names is a {type(names).__name__}; give {{class: "name"}}.')
    known = None if classes is None else np.asarray(classes).tolist()
    for key, name in names.items():
        if not isinstance(key, int | np.integer) or (known is not None and key not in known):
            wanted = "an integer" if known is None else f"one of the classes {known}"
            raise ValueError(f'names has the key {key!r}, which is not {wanted}; give {{class: "name"}}.')
        if not isinstance(name, str) or not clean_text(name):
            raise ValueError(f"names has {name!r} for class {key}; give a text that is not empty.")
    _check_distinct({int(key): clean_text(name, _LONGEST_NAME) for key, name in names.items()})


def name_classes(names: Mapping[int, str] | None, classes: Any, default: str = "{}") -> dict[int, str]:
    r"""Return the name under which pictures and tables show each class, on one line and at most 48 characters wide.

    ``default`` formats a class without a name. See `check_names` for the names.

    Raises
    ------
    ValueError
        If two classes would be shown under one name, or ``names`` are unusable.

    Examples
    --------
    >>> name_classes({1: "step\x00"}, [0, 1], "class {}")
    {0: 'class 0', 1: 'step\\x00'}
    """
    check_names(names)
    given = {int(k): clean_text(name, _LONGEST_NAME) for k, name in (names or {}).items()}
    shown = {int(k): given.get(int(k), default.format(int(k))) for k in classes}
    _check_distinct(shown)
    return shown


def _check_distinct(shown: dict[int, str]) -> None:
    """Raise ValueError if two classes have names that look the same."""
    first: dict[str, int] = {}
    for k, name in shown.items():
        other = first.setdefault(unicodedata.normalize("NFC", name), k)
        if other != k:
            raise ValueError(
                f"names shows both class {other} and class {k} as {name!r}; give each class a name of its own."
            )
