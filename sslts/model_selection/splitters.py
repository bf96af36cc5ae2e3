"""Split recordings for cross-validation: the labeled are tested in turn, the unlabeled are always in training."""

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
from sslts.annotations import read_labels
from sslts.model_selection.groups import check_groups

_DRAWS = 100  # at a split in which no class is missing


class _LabeledSplitter(BaseCrossValidator):
    """What all splitters do: check the input, cut out what is tested, look whether a class is missing.

    A subclass says which recordings, or groups of them, are tested in which split.
    """

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the recordings of training and of test.

        Parameters
        ----------
        X : array of shape (n, T) or (n, C, T), or list of (T_i,) or (C, T_i)
            Recordings.
        y : array of shape (n, T), list of (T_i,), or array of shape (n,)
            Labels; a recording that is -1 throughout is unlabeled.
        groups : sequence of length n, default=None
            Whose recording each is.

        Yields
        ------
        train, test : ndarray of int
            Positions of recordings.

        Raises
        ------
        ValueError
            If there are too few labeled recordings, `X` can't be cut by recordings, or a split lacks a class.
        """
        labels = read_labels(_read_events(_check_container(X, y)))
        n = _count_recordings(X, len(labels))
        if n != len(labels):
            raise ValueError(
                f"X has {n} recordings, y has {len(labels)}; pass labels for each, -1 where there are none."
            )
        unit = self._choose_units(check_groups(groups, n))
        unit = np.arange(n) if unit is None else pd.factorize(unit)[0]
        classes, held = _list_classes(labels)
        labeled = held.any(axis=1)
        if not labeled.any():
            raise ValueError("y is -1 throughout: no recording can be tested.")
        candidates = np.unique(unit[labeled])
        inside = np.zeros((len(candidates), len(classes)), dtype=bool)
        np.logical_or.at(inside, np.searchsorted(candidates, unit[labeled]), held[labeled])
        for number, chosen in enumerate(self._choose_tests(inside)):
            away = np.isin(unit, candidates[chosen])
            test, train = np.flatnonzero(away & labeled), np.flatnonzero(~away)
            for part, rows in (("training", train), ("test", test)):
                missing = classes[~held[rows].any(axis=0)]
                if len(missing):
                    k = int(missing[0])
                    raise ValueError(_describe_missing(number, part, k, held[:, classes == k][:, 0], unit))
            yield train, test

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002
        """Return how many splits there are."""
        return int(self.n_splits)

    @abstractmethod
    def _choose_units(self, groups: np.ndarray | None) -> np.ndarray | None:
        """Return what is never cut: the groups, or None for the recordings."""

    @abstractmethod
    def _choose_tests(self, inside: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the units that are tested; ``inside`` (units, classes) says which classes a labeled unit holds."""


class LabeledKFold(_LabeledSplitter):
    """Test each labeled recording once; train on all others, and always on the unlabeled.

    A recording is labeled if it has a label anywhere. Rare classes are spread over the folds.

    Parameters
    ----------
    n_splits : int, default=5
        Folds, 2 or more.
    shuffle : bool, default=False
        Whether the recordings are dealt in random order.
    random_state : int, RandomState or None, default=None
        Seed of the order; used with `shuffle`.

    See Also
    --------
    LabeledGroupKFold : Keeps recordings of a group together.
    LabeledShuffleSplit : Draws the test recordings anew for each split.

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
            warn("LabeledKFold doesn't look at groups; use LabeledGroupKFold, so that none is torn apart.")
        return None

    def _choose_tests(self, inside: np.ndarray) -> Iterator[np.ndarray]:
        _check_count("n_splits", self.n_splits, 2)
        if self.n_splits > len(inside):
            raise ValueError(
                f"n_splits={self.n_splits}, but there are {len(inside)} labeled {self._unit}s; use at most that many "
                "splits, or label more."
            )
        order = np.arange(len(inside))
        if self.shuffle:
            order = check_random_state(self.random_state).permutation(len(inside))
        frequency = inside.sum(axis=0)
        rarest = np.where(inside, frequency, len(inside) + 1).min(axis=1)
        # Who hold a rare class are dealt first, and of these who hold most: what is left is easier to place.
        order = order[np.lexsort((-inside[order].sum(axis=1), rarest[order]))]
        folds = _deal(order, inside / np.maximum(frequency, 1), self.n_splits)
        yield from (np.flatnonzero(folds == fold) for fold in range(self.n_splits))

    _unit = "recording"


def _deal(order: np.ndarray, weight: np.ndarray, n_folds: int) -> np.ndarray:
    """Return the fold of each unit (n,), dealt in ``order`` so that sizes differ by one at most.

    A unit goes where most is missing of what it holds: ``weight`` (n, K) is one over a class' frequency, or 0. Among
    those it goes to the smallest fold.
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
    """Test each group with labels once; train on the other groups.

    A group is on one side only. So of a group with labels in some recordings, the unlabeled ones are left out where
    its labeled ones are tested: learning from them would be a look at the test. All other unlabeled recordings are
    always in training.

    Parameters
    ----------
    n_splits : int, default=5
        Folds, 2 or more.
    shuffle : bool, default=False
        Whether the groups are dealt in random order.
    random_state : int, RandomState or None, default=None
        Seed of the order; used with `shuffle`.

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
            raise ValueError("LabeledGroupKFold needs groups: whose recording each is, as groups=patients.")
        return groups


class LabeledShuffleSplit(_LabeledSplitter):
    """Draw labeled recordings for the test, anew for each split; train on all others, and always on the unlabeled.

    Parameters
    ----------
    n_splits : int, default=10
        Splits, 1 or more.
    test_size : float or int, default=0.25
        Share, or number, of the labeled recordings that are tested; with groups, of the groups with labels. Groups
        that are given are never torn apart (see `LabeledGroupKFold` for what is left out).
    random_state : int, RandomState or None, default=None
        Seed.

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
            for _ in range(_DRAWS):
                order = rng.permutation(len(inside))
                test, train = order[:n_test], order[n_test:]
                if inside[test].any(axis=0).all() and inside[train].any(axis=0).all():
                    break
            yield np.sort(test)

    def _count_tested(self, n: int) -> int:
        size = self.test_size
        if isinstance(size, Integral) and not isinstance(size, bool):
            n_test = int(size)
        elif isinstance(size, Real) and 0 < size < 1:
            n_test = math.ceil(float(size) * n)
        else:
            raise ValueError(f"test_size must be a share between 0 and 1, or a number of recordings, got {size!r}")
        if not 0 < n_test < n:
            raise ValueError(
                f"test_size={size!r} tests {n_test} of {n} labeled recordings (or groups); some have to be left for "
                "the training, and one at least for the test. Label more."
            )
        return n_test


def _read_events(y: Any) -> Any:
    """Return the labels of events where ``y`` is a list of sktime's tables of them: which classes a recording holds."""
    columns = {"ilocs", "labels"}
    if not isinstance(y, (list, tuple)) or not all(columns <= set(getattr(table, "columns", ())) for table in y):
        return y
    return [table["labels"].to_numpy() if len(table) else np.array([-1]) for table in y]


def _check_container(X: Any, y: Any) -> Any:
    for name, value in (("X", X), ("y", y)):
        if isinstance(value, (pd.DataFrame, pd.Series)) and isinstance(value.index, pd.MultiIndex):
            raise ValueError(
                f"{name} is a pd-multiindex frame, whose rows are samples: scikit-learn would cut recordings. "
                "Convert it first, as with sktime.datatypes.convert_to(X, 'numpy3D') or 'df-list', and pass labels as "
                "an (n, T) array or a list of (T_i,)."
            )
    return y


def _count_recordings(X: Any, default: int) -> int:
    if X is None:
        return default
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def _list_classes(labels: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes, and which recording holds which, shape (n, classes)."""
    found = [np.unique(y[y >= 0]) for y in labels]
    classes = np.unique(np.concatenate(found))
    return classes, np.stack([np.isin(classes, mine) for mine in found])


def _describe_missing(number: int, part: str, label: int, held: np.ndarray, unit: np.ndarray) -> str:
    n_units, n_held = len(np.unique(unit[held])), int(held.sum())
    grouped = len(np.unique(unit)) < len(unit)
    where = f"{n_held} of {len(held)} recordings" + (f", of {n_units} group{'s' * (n_units > 1)}" if grouped else "")
    mend = "Use fewer splits or a larger test, or label more recordings that hold it."
    if n_units == 1:
        what = "group" if grouped else "recording"
        mend = f"No split has it on both sides: label it in another {what}, or make it -1, or one class with another."
    return f"split {number}: no recording of the {part} has class {label}, which occurs in {where}. {mend}"


def _check_count(name: str, value: Any, least: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more, got {value!r}")
