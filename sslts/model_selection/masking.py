"""Hide labels, as if they had never been given: whole recordings, windows, segments or samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from sslts._runs import expand_ranges, find_runs
from sslts.annotations import read_labels, return_labels
from sslts.model_selection.groups import check_groups

_UNITS = ("recording", "window", "segment", "sample")
_SEGMENTS_PER_WINDOW = 4
_TRIALS = 10_000  # of units that may hold every class together: a fraction of a second


@dataclass(frozen=True)
class _Units:
    """What can keep its labels: stretches ``[start, end)`` of recordings, those of one unit with the same number."""

    recording: np.ndarray
    start: np.ndarray
    end: np.ndarray
    number: np.ndarray

    def __len__(self) -> int:
        return int(self.number.max(initial=-1)) + 1


def mask_labels(
    y: Any,
    *,
    n_labeled: int | None = None,
    fraction: float | None = None,
    unit: str = "recording",
    groups: Sequence[Any] | np.ndarray | None = None,
    stratify: Any = True,
    window_length: int | None = None,
    random_state: Any = None,
) -> Any:
    """Keep some labels, and set all others to -1.

    The order in which labels are given depends on `random_state` alone: what is kept with ``n_labeled=4`` is also kept
    with ``n_labeled=7``, as in a project where labels are added. (Units that hold the most of the missing classes come
    first. Where so few units hold every class only in another choice, that one is taken, for this number alone.)

    Parameters
    ----------
    y : array of shape (n, T), list of (T_i,), array of shape (n,), or Series on a ``pd-multiindex``
        Labels; ``-1`` is unlabeled already. Nothing of it is changed.
    n_labeled : int, default=None
        Units that keep their labels.
    fraction : float, default=None
        The share of units that do, above 0 and at most 1, rounded, at least one. Exactly one of both is given.
    unit : {"recording", "window", "segment", "sample"}, default="recording"
        What is labeled at a time: a recording (with `groups`, a whole group of them); a window of `window_length`
        samples; a segment, a run of one class, of the background too; a sample. Only units that hold a label are drawn.
    groups : sequence of length n, default=None
        Whose recording each is. Of recordings, whole groups are drawn, and counted; smaller units are drawn from all
        groups in turn.
    stratify : bool or sequence of length n, default=True
        Whether every class keeps a label: the first units drawn are such that none is missing. A sequence gives the
        stratum of each recording; units are drawn from the strata in proportion.
    window_length : int, default=None
        Samples of a window; None: four times the median length of a segment.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default=None
        Where the randomness comes from.

    Returns
    -------
    array, list or Series of int
        In the form of `y`.

    Raises
    ------
    ValueError
        If more is asked for than has labels, if so few units can't hold every class, or an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.model_selection import mask_labels
    >>> y = np.tile([0, 0, 1, 1, 0, 0], (4, 1))
    >>> few = mask_labels(y, n_labeled=1, random_state=0)
    >>> int((few >= 0).any(axis=1).sum())
    1
    >>> mask_labels([[0, 0, 1, 1, 0, 0, 2]], n_labeled=3, unit="segment", random_state=0)
    [array([-1, -1,  1,  1,  0,  0,  2])]
    """
    labels = read_labels(y)
    stratify = bool(stratify) if isinstance(stratify, np.bool_) else stratify
    group_of = check_groups(groups, len(labels))
    if unit not in _UNITS:
        raise ValueError(f"unit must be one of {_UNITS}, got {unit!r}")
    units = _list_units(labels, unit, group_of, window_length)
    kept = _count_kept(n_labeled, fraction, len(units), _call_unit(unit, group_of))
    rng = _make_generator(random_state)
    order = _order_units(units, unit, group_of, stratify, len(labels), rng)
    flat, offsets = np.concatenate(labels), np.cumsum([0, *map(len, labels)])
    start = offsets[units.recording] + units.start
    if stratify is True:
        order = _cover_classes(_find_held(flat, start, units.number), order, kept, _call_unit(unit, group_of))
    chosen = np.isin(units.number, order[:kept])
    at = expand_ranges(start[chosen], (units.end - units.start)[chosen])
    masked = np.full(len(flat), -1, dtype=np.int64)
    masked[at] = flat[at]
    return return_labels(np.split(masked, offsets[1:-1]), y)


def _call_unit(unit: str, groups: np.ndarray | None) -> str:
    return "group" if unit == "recording" and groups is not None else unit


def _count_kept(n_labeled: int | None, fraction: float | None, n_units: int, name: str) -> int:
    if (n_labeled is None) == (fraction is None):
        raise ValueError("give either n_labeled or fraction, not both and not neither.")
    if not n_units:
        raise ValueError("y is -1 throughout: there is no label to keep.")
    if fraction is not None:
        if not isinstance(fraction, Real) or not 0 < fraction <= 1:
            raise ValueError(f"fraction must be above 0 and at most 1, got {fraction!r}")
        return max(1, round(float(fraction) * n_units))
    if not isinstance(n_labeled, Integral) or isinstance(n_labeled, bool) or n_labeled < 1:
        raise ValueError(f"n_labeled must be a whole number, 1 or more, got {n_labeled!r}")
    if n_labeled > n_units:
        raise ValueError(f"n_labeled={n_labeled}, but y has {n_units} {name}s with labels; ask for at most {n_units}.")
    return int(n_labeled)


def _list_units(labels: list[np.ndarray], unit: str, groups: np.ndarray | None, window_length: int | None) -> _Units:
    """Return what can be drawn: every unit that holds a label."""
    if unit == "recording":
        rows = np.flatnonzero([(y >= 0).any() for y in labels])
        lengths = np.array([len(y) for y in labels], dtype=np.int64)
        number = np.arange(len(rows)) if groups is None else np.unique(groups[rows], return_inverse=True)[1]
        return _Units(rows, np.zeros(len(rows), dtype=np.int64), lengths[rows], number)
    if unit == "window":
        window_length = _check_window(window_length, labels)
    parts = []
    for i, y in enumerate(labels):
        if unit == "sample":
            start = np.flatnonzero(y >= 0)
            end = start + 1
        elif unit == "segment":
            start, end, value = find_runs(y)
            start, end = start[value >= 0], end[value >= 0]
        else:
            start = np.arange(0, len(y), window_length)
            start = start[np.logical_or.reduceat(y >= 0, start)] if len(y) else start
            end = np.minimum(start + (window_length or 0), len(y))
        parts.append((np.full(len(start), i), start, end))
    recording, start, end = (np.concatenate([part[k] for part in parts]) for k in range(3))
    return _Units(recording, start, end, np.arange(len(recording)))


def _check_window(window_length: int | None, labels: list[np.ndarray]) -> int:
    if window_length is None:
        lengths = []
        for y in labels:
            start, end, value = find_runs(y)
            lengths.append((end - start)[value >= 0])
        pooled = np.concatenate(lengths)
        return math.ceil(_SEGMENTS_PER_WINDOW * float(np.median(pooled))) if len(pooled) else 1
    if not isinstance(window_length, Integral) or window_length < 1:
        raise ValueError(f"window_length must be a whole number of samples, 1 or more, got {window_length!r}")
    return int(window_length)


def _make_generator(random_state: Any) -> np.random.Generator:
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1))
    return np.random.default_rng(random_state)


def _order_units(
    units: _Units, unit: str, groups: np.ndarray | None, stratify: Any, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the numbers of the units in the order in which they are labeled."""
    order = rng.permutation(len(units))
    first = np.unique(units.number, return_index=True)[1]
    home = units.recording[first]  # the recording, or the first of the group
    if not isinstance(stratify, (bool, type(None))):
        strata = np.asarray(stratify)
        if strata.shape != (n,):
            raise ValueError(f"stratify has shape {strata.shape}, y has {n} recordings; give one stratum for each.")
        return _deal(order, pd.factorize(strata[home], use_na_sentinel=False)[0], in_proportion=True)
    if groups is not None and unit != "recording":
        return _deal(order, pd.factorize(groups[home])[0], in_proportion=False)
    return order


def _deal(order: np.ndarray, kind: np.ndarray, *, in_proportion: bool) -> np.ndarray:
    """Return the order in which kinds take turns: one of each, or the larger ones more often."""
    rank = pd.Series(kind[order]).groupby(kind[order]).cumcount().to_numpy()
    turn = (rank + 0.5) / np.bincount(kind)[kind[order]] if in_proportion else rank
    return order[np.argsort(turn, kind="stable")]


def _find_held(flat: np.ndarray, start: np.ndarray, number: np.ndarray) -> pd.DataFrame:
    """Return which unit (a row) holds which class (a column), of stretches in order that hold all labels there are."""
    begin, _, label = find_runs(flat, breaks=start)
    given = label >= 0
    classes, column = np.unique(label[given], return_inverse=True)
    held = np.zeros((number.max() + 1, len(classes)), dtype=bool)
    held[number[np.searchsorted(start, begin[given], side="right") - 1], column] = True
    return pd.DataFrame(held, columns=classes)


def _cover_classes(held: pd.DataFrame, order: np.ndarray, kept: int, name: str) -> np.ndarray:
    """Return the order with units first that hold, together, every class."""
    in_order, first, missing = held.to_numpy()[order], [], np.ones(held.shape[1], dtype=bool)
    while missing.any():
        first.append(int(in_order[:, missing].sum(axis=1).argmax()))  # the first of those that hold the most
        missing &= ~in_order[first[-1]]
    for size in range(kept, len(first)):  # fewer may do than who takes the most at each turn
        found = _search_cover(in_order, size)
        if found is not None:
            first = found
            break
    if len(first) > kept:
        raise ValueError(
            f"found no {kept} {name}s that together hold all classes {held.columns.tolist()}; the fewest found are "
            f"{len(first)}. Label more, or pass stratify=False."
        )
    rest = np.setdiff1d(np.arange(len(order)), first)
    return order[np.r_[np.array(first, dtype=np.int64), rest]]


def _search_cover(held: np.ndarray, size: int) -> list[int] | None:
    """Return at most ``size`` rows that hold, together, every class; None if there are none, or after `_TRIALS`."""
    rows = np.sort(np.unique(held, axis=0, return_index=True)[1])  # of units that hold the same, the first
    sets, trials = held[rows], 0

    def choose(missing: np.ndarray, left: int) -> list[int] | None:
        nonlocal trials
        if not missing.any():
            return []
        if sets[:, missing].sum(axis=1).max() * left < missing.sum():
            return None
        rarest = np.where(missing, sets.sum(axis=0), len(sets) + 1).argmin()
        for row in np.flatnonzero(sets[:, rarest]):
            trials += 1
            if trials > _TRIALS:
                break
            rest = choose(missing & ~sets[row], left - 1)
            if rest is not None:
                return [int(rows[row]), *rest]
        return None

    return choose(np.ones(held.shape[1], dtype=bool), size)
