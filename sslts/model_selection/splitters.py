"""Splitters for cross-validation: labeled recordings are tested in turn, unlabeled recordings are always trained on."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from sslts._notices import warn
from sslts.annotations import check_same_rows, read_labels
from sslts.model_selection.groups import check_groups
from sslts.recordings import check_order, unpack

_MAX_DRAWS = 100  # attempts to draw a split in which no class is missing


class _LabeledSplitter(BaseCrossValidator):
    """Base class of the splitters: checks the input, and raises if training or test lacks a class.

    A subclass chooses the recordings, or the groups of recordings, that each split tests.
    """

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the positions of the training and test recordings of each split.

        Parameters
        ----------
        X : array of shape (n, T) or (n, C, T), or list of (T_i,) or (C, T_i)
            Recordings.
        y : array of shape (n, T), list of (T_i,), or array of shape (n,)
            Labels (-1 = unlabeled). A recording is unlabeled if every label is -1.
        groups : sequence of length n, default=None
            Group of each recording, such as its patient.

        Yields
        ------
        train, test : ndarray of int
            Positions of recordings.

        Raises
        ------
        ValueError
            If there are too few labeled recordings, `X` can't be indexed by recording, or a split lacks a class.
        """
        labels = read_labels(_read_events(_check_container(X, y)))
        n = _count_recordings(X, len(labels))
        if n != len(labels):
            raise ValueError(
                f"X has {n} recordings, y has {len(labels)}; pass labels for each recording, -1 where unlabeled."
            )
        unit = self._choose_units(check_groups(groups, n))
        unit = np.arange(n) if unit is None else pd.factorize(unit)[0]
        classes, held = _list_classes(labels)
        labeled = held.any(axis=1)
        if not labeled.any():
            raise ValueError("y has no labeled recording to test: every label is -1. Pass labeled recordings.")
        candidates = np.unique(unit[labeled])
        inside = np.zeros((len(candidates), len(classes)), dtype=bool)
        np.logical_or.at(inside, np.searchsorted(candidates, unit[labeled]), held[labeled])
        for number, chosen in enumerate(self._choose_tests(inside)):
            held_out = np.isin(unit, candidates[chosen])
            test, train = np.flatnonzero(held_out & labeled), np.flatnonzero(~held_out)
            for part, rows in (("training", train), ("test", test)):
                missing = classes[~held[rows].any(axis=0)]
                if len(missing):
                    k = int(missing[0])
                    raise ValueError(_describe_missing(number, part, k, held[:, classes == k][:, 0], unit))
            yield train, test

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002
        """Return the number of splits."""
        return int(self.n_splits)

    @abstractmethod
    def _choose_units(self, groups: np.ndarray | None) -> np.ndarray | None:
        """Return the units that are kept whole: the groups, or None for single recordings."""

    @abstractmethod
    def _choose_tests(self, inside: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the tested units of each split; ``inside`` (units, classes) tells which unit holds which class."""


class LabeledKFold(_LabeledSplitter):
    """K-fold splitter that tests each labeled recording once and trains on all others.

    Unlabeled recordings are always trained on. A recording is labeled if at least one sample has a label. Rare classes
    are spread over the folds.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, 2 or more.
    shuffle : bool, default=False
        Whether the recordings are shuffled before they are assigned to folds.
    random_state : int, RandomState or None, default=None
        Seed of the order; used only with `shuffle`.

    See Also
    --------
    LabeledGroupKFold : Keeps recordings of a group together.
    LabeledShuffleSplit : Draws new test recordings for each split.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.model_selection import LabeledKFold
    >>> y = [[0, 1], [0, 1], [-1, -1], [1, 0]]
    >>> for train, test in LabeledKFold(3).split(np.zeros((4, 2)), y):
    ...     print(train, test)
    [1 2 3] [0]
    [0 2 3] [1]
    [0 1 2] [3]
    """

    def __init__(self, n_splits: int = 5, *, shuffle: bool = False, random_state: Any = None) -> None:
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def _choose_units(self, groups: np.ndarray | None) -> np.ndarray | None:
        if groups is not None:
            warn("LabeledKFold ignores groups; use LabeledGroupKFold to keep each group on one side of a split.")
        return None

    def _choose_tests(self, inside: np.ndarray) -> Iterator[np.ndarray]:
        _check_count("n_splits", self.n_splits, 2)
        if self.n_splits > len(inside):
            raise ValueError(
                f"n_splits={self.n_splits}, but there are {len(inside)} labeled {self._unit}s; give fewer splits, or "
                "label more."
            )
        order = np.arange(len(inside))
        if self.shuffle:
            order = check_random_state(self.random_state).permutation(len(inside))
        frequency = inside.sum(axis=0)
        rarest = np.where(inside, frequency, len(inside) + 1).min(axis=1)
        # Assign units with rare classes first, then units with many classes: the other units are easier to place.
        order = order[np.lexsort((-inside[order].sum(axis=1), rarest[order]))]
        folds = _assign_folds(order, inside / np.maximum(frequency, 1), self.n_splits)
        yield from (np.flatnonzero(folds == fold) for fold in range(self.n_splits))

    _unit = "recording"


def _assign_folds(order: np.ndarray, weight: np.ndarray, n_folds: int) -> np.ndarray:
    """Return the fold of each unit (n,), assigned in ``order``; the sizes of the folds differ by at most one.

    A unit goes to the fold that lacks most of its classes, and to the smallest of such folds. ``weight`` (n, K) is 1 /
    frequency of a class that the unit holds, else 0.
    """
    least, more = divmod(len(order), n_folds)
    size, lacks = np.zeros(n_folds, dtype=np.int64), np.ones((n_folds, weight.shape[1]), dtype=bool)
    fold_of = np.empty(len(order), dtype=np.int64)
    for unit in order:
        room = size < least + ((size > least).sum() < more)
        gain = np.round(lacks @ weight[unit], 9)
        fold = min(np.flatnonzero(room), key=lambda f: (-gain[f], size[f]))
        fold_of[unit], size[fold] = fold, size[fold] + 1
        lacks[fold] &= weight[unit] == 0
    return fold_of


class LabeledGroupKFold(LabeledKFold):
    """K-fold splitter that tests each group with labels once and trains on the other groups.

    A group is never on both sides of a split. If a tested group also has unlabeled recordings, these are left out of
    that split, because training on them would leak information about the test. All other unlabeled recordings are
    always trained on.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, 2 or more.
    shuffle : bool, default=False
        Whether the groups are shuffled before they are assigned to folds.
    random_state : int, RandomState or None, default=None
        Seed of the order; used only with `shuffle`.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.model_selection import LabeledGroupKFold
    >>> y = [[0, 1], [0, 1], [-1, -1], [1, 0]]
    >>> for train, test in LabeledGroupKFold(2).split(np.zeros((4, 2)), y, groups=["a", "a", "b", "c"]):
    ...     print(train, test)
    [2 3] [0 1]
    [0 1 2] [3]
    """

    __metadata_request__split = {"groups": True}
    _unit = "group"

    def _choose_units(self, groups: np.ndarray | None) -> np.ndarray | None:
        if groups is None:
            raise ValueError(
                "LabeledGroupKFold needs groups; pass the group of each recording, such as groups=patients."
            )
        return groups


class LabeledShuffleSplit(_LabeledSplitter):
    """Splitter that draws new labeled test recordings for each split and trains on all others.

    Unlabeled recordings are always trained on. With groups, a group is never on both sides of a split;
    `LabeledGroupKFold` describes which recordings are left out then.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits, 1 or more.
    test_size : float or int, default=0.25
        Share or number of the labeled recordings that are tested; with groups, share or number of the labeled groups.
    random_state : int, RandomState or None, default=None
        Seed of the draws.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.model_selection import LabeledShuffleSplit
    >>> y = [[0, 1], [0, 1], [-1, -1], [1, 0]]
    >>> for train, test in LabeledShuffleSplit(2, test_size=2, random_state=0).split(np.zeros((4, 2)), y):
    ...     print(train, test)
    [0 2] [1 3]
    [1 2] [0 3]
    """

    __metadata_request__split = {"groups": True}

    def __init__(self, n_splits: int = 10, *, test_size: float = 0.25, random_state: Any = None) -> None:
        self.n_splits = n_splits
        self.test_size = test_size
        self.random_state = random_state

    def _choose_units(self, groups: np.ndarray | None) -> np.ndarray | None:
        return groups

    def _choose_tests(self, inside: np.ndarray) -> Iterator[np.ndarray]:
        _check_count("n_splits", self.n_splits, 1)
        n_test = self._count_tested(len(inside))
        rng = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            for _ in range(_MAX_DRAWS):
                order = rng.permutation(len(inside))
                test, train = order[:n_test], order[n_test:]
                if inside[test].any(axis=0).all() and inside[train].any(axis=0).all():
                    break
            yield np.sort(test)

    def _count_tested(self, n: int) -> int:
        """Return the number of tested units of n labeled units; raise if `test_size` is out of range."""
        size = self.test_size
        if isinstance(size, Integral) and not isinstance(size, bool):
            n_test = int(size)
        elif isinstance(size, Real) and 0 < size < 1:
            n_test = math.ceil(float(size) * n)
        else:
            raise ValueError(f"test_size must be a share between 0 and 1, or a number of recordings, got {size!r}")
        if not 0 < n_test < n:
            raise ValueError(
                f"test_size={size!r} tests {n_test} of {n} labeled recordings (or groups); training and test need at "
                "least one each. Give another test_size, or label more."
            )
        return n_test


def _read_events(y: Any) -> Any:
    """Return the labels of each recording if ``y`` is a list of sktime's event tables, else ``y``."""
    columns = {"ilocs", "labels"}
    if not isinstance(y, (list, tuple)) or not all(
        isinstance(table, pd.DataFrame) and columns <= set(table.columns) for table in y
    ):
        return y
    return [table["labels"].to_numpy() if len(table) else np.array([-1]) for table in y]


def _check_container(X: Any, y: Any) -> Any:
    """Return ``y``; raise if ``X`` or ``y`` has one row per sample, or the two are in different orders."""
    for name, value in (("X", X), ("y", y)):
        if isinstance(value, (pd.DataFrame, pd.Series)) and isinstance(value.index, pd.MultiIndex):
            raise ValueError(
                f"{name} is a pd-multiindex frame, which has one row per sample: scikit-learn would split recordings. "
                "Convert it first, such as with sktime.datatypes.convert_to(X, 'numpy3D') or 'df-list', and pass "
                "labels as an (n, T) array or a list of (T_i,)."
            )
        check_order(value, name)
    check_same_rows(y, X)
    return y


def _count_recordings(X: Any, default: int) -> int:
    """Return the number of recordings; `default` if ``X`` is None."""
    if X is None:
        return default
    X = unpack(X, "X")
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def _list_classes(labels: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes (K,), and whether each recording holds each class (n, K)."""
    found = [np.unique(y[y >= 0]) for y in labels]
    classes = np.unique(np.concatenate(found))
    return classes, np.stack([np.isin(classes, held) for held in found])


def _describe_missing(number: int, part: str, label: int, held: np.ndarray, unit: np.ndarray) -> str:
    """Return the message that a part of a split lacks a class; ``held`` tells which recordings hold the class."""
    n_units, n_held = len(np.unique(unit[held])), int(held.sum())
    grouped = len(np.unique(unit)) < len(unit)
    where = f"{n_held} of {len(held)} recordings" + (f", of {n_units} group{'s' * (n_units > 1)}" if grouped else "")
    fix = "Use fewer splits or a larger test, or label more recordings with this class."
    if n_units == 1:
        kind = "group" if grouped else "recording"
        fix = (
            f"No split can have it on both sides: label it in another {kind}, set it to -1, or merge it with another "
            "class."
        )
    return f"split {number}: no recording of the {part} has class {label}, which occurs in {where}. {fix}"


def _check_count(name: str, value: Any, least: int) -> None:
    """Raise if the value is not an integer or is less than `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more, got {value!r}")
