"""Masks for labels: hide the labels of whole recordings, windows, segments or samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from sslts._runs import expand_ranges, find_runs
from sslts.annotations import Annotations, read_labels, read_words, return_labels, spell_labels
from sslts.model_selection.groups import check_groups

_UNITS = ("recording", "window", "segment", "sample")
_SEGMENTS_PER_WINDOW = 4
_MAX_TRIALS = 10_000  # keeps the search for units that cover every class under a second


@dataclass(frozen=True)
class _Units:
    """Units that can keep their labels: stretches ``[start, end)`` of recordings, with the number of their unit."""

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
    """Return the labels with some of them kept and all others set to -1.

    The order in which units are labeled depends only on `random_state`: labels that are kept with ``n_labeled=4`` are
    also kept with ``n_labeled=7``, like in a project where labels are added. With ``stratify=True``, units with many
    missing classes come first. If `n_labeled` is so small that only another choice of units covers every class, that
    choice is used for this `n_labeled`.

    Parameters
    ----------
    y : array of shape (n, T), list of (T_i,), array of shape (n,), or Series on a ``pd-multiindex``
        Labels (-1 = unlabeled). They are not changed in place.
    n_labeled : int, default=None
        Number of units that keep their labels. Give either `n_labeled` or `fraction`.
    fraction : float, default=None
        Share of the units that keep their labels, above 0 and at most 1. The number is rounded and at least one.
    unit : {"recording", "window", "segment", "sample"}, default="recording"
        Unit that is labeled at a time. "recording": a recording, or with `groups` a whole group. "window":
        `window_length` samples. "segment": a run of one class, also of the background. Only units with a label are
        drawn.
    groups : sequence of length n, default=None
        Group of each recording, such as its patient. With ``unit="recording"`` whole groups are drawn and counted;
        smaller units are drawn from all groups in turn.
    stratify : bool or sequence of length n, default=True
        True: every class keeps a label. A sequence: the stratum of each recording; units are drawn from the strata in
        proportion.
    window_length : int, default=None
        Number of samples of a window. None: four times the median length of a segment.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default=None
        Seed or random generator. None: a different result each time.

    Returns
    -------
    array, list or Series of int
        Labels in the container of `y`. Words come back as objects, beside -1.

    Raises
    ------
    ValueError
        If `y` has fewer units with labels than asked for, if so few units can't cover every class, or an argument is
        out of range.

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
    y, words = read_words(y)
    labels = read_labels(y)
    stratify = bool(stratify) if isinstance(stratify, np.bool_) else stratify
    group_of = check_groups(groups, len(labels))
    if unit not in _UNITS:
        raise ValueError(f"unit must be one of {_UNITS}, got {unit!r}")
    units = _list_units(labels, unit, group_of, window_length)
    kept = _count_kept(n_labeled, fraction, len(units), _name_unit(unit, group_of))
    rng = _make_generator(random_state)
    order = _order_units(units, unit, group_of, stratify, len(labels), rng)
    flat, offsets = np.concatenate(labels), np.cumsum([0, *map(len, labels)])
    start = offsets[units.recording] + units.start
    if stratify is True:
        held = _find_held_classes(flat, start, units.number)
        order = _cover_classes(held, order, kept, _name_unit(unit, group_of))
    chosen = np.isin(units.number, order[:kept])
    samples = expand_ranges(start[chosen], (units.end - units.start)[chosen])
    masked = np.full(len(flat), -1, dtype=np.int64)
    masked[samples] = flat[samples]
    hidden = return_labels(np.split(masked, offsets[1:-1]), y)
    return hidden if words is None or isinstance(y, Annotations) else spell_labels(hidden, words)


def _name_unit(unit: str, groups: np.ndarray | None) -> str:
    """Return the name of a unit in messages: "group" if whole groups of recordings are labeled."""
    return "group" if unit == "recording" and groups is not None else unit


def _count_kept(n_labeled: int | None, fraction: float | None, n_units: int, name: str) -> int:
    """Return the number of units that keep their labels; raise if an argument is out of range."""
    if (n_labeled is None) == (fraction is None):
        raise ValueError("give either n_labeled or fraction, exactly one of them.")
    if not n_units:
        raise ValueError("y has no label to keep: every label is -1. Pass labeled recordings.")
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
    """Return every unit with a label."""
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
    """Return the length of a window in samples; None is derived from the lengths of the segments."""
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
    """Return a random generator for any form of `random_state`."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1))
    return np.random.default_rng(random_state)


def _order_units(
    units: _Units, unit: str, groups: np.ndarray | None, stratify: Any, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the numbers of the units in the order in which they are labeled."""
    order = rng.permutation(len(units))
    first = np.unique(units.number, return_index=True)[1]
    home = units.recording[first]  # the recording of the unit, or the first recording of the group
    if not isinstance(stratify, (bool, type(None))):
        strata = np.asarray(stratify)
        if strata.shape != (n,):
            raise ValueError(f"stratify has shape {strata.shape}, y has {n} recordings; give one stratum for each.")
        return _interleave_kinds(order, pd.factorize(strata[home], use_na_sentinel=False)[0], in_proportion=True)
    if groups is not None and unit != "recording":
        return _interleave_kinds(order, pd.factorize(groups[home])[0], in_proportion=False)
    return order


def _interleave_kinds(order: np.ndarray, kind: np.ndarray, *, in_proportion: bool) -> np.ndarray:
    """Return the order in which kinds take turns: one unit of each kind, or larger kinds more often."""
    rank = pd.Series(kind[order]).groupby(kind[order]).cumcount().to_numpy()
    turn = (rank + 0.5) / np.bincount(kind)[kind[order]] if in_proportion else rank
    return order[np.argsort(turn, kind="stable")]


def _find_held_classes(flat: np.ndarray, start: np.ndarray, number: np.ndarray) -> pd.DataFrame:
    """Return whether each unit (row) holds each class (column).

    The stretches that begin at ``start`` are in order and contain all labels; ``number`` is the unit of each.
    """
    begin, _, label = find_runs(flat, breaks=start)
    given = label >= 0
    classes, column = np.unique(label[given], return_inverse=True)
    held = np.zeros((number.max() + 1, len(classes)), dtype=bool)
    held[number[np.searchsorted(start, begin[given], side="right") - 1], column] = True
    return pd.DataFrame(held, columns=classes)


def _cover_classes(held: pd.DataFrame, order: np.ndarray, kept: int, name: str) -> np.ndarray:
    """Return the order, changed so that the first units together hold every class."""
    in_order, first, missing = held.to_numpy()[order], [], np.ones(held.shape[1], dtype=bool)
    while missing.any():
        first.append(int(in_order[:, missing].sum(axis=1).argmax()))  # the first unit with the most missing classes
        missing &= ~in_order[first[-1]]
    for size in range(kept, len(first)):  # the greedy choice may need more units than the best choice
        found = _search_cover(in_order, size)
        if found is not None:
            first = found
            break
    if len(first) > kept:
        raise ValueError(
            f"found no choice of {kept} {name}s that holds all classes {held.columns.tolist()}; the fewest found are "
            f"{len(first)}. Give a larger n_labeled or fraction, or pass stratify=False."
        )
    rest = np.setdiff1d(np.arange(len(order)), first)
    return order[np.r_[np.array(first, dtype=np.int64), rest]]


def _search_cover(held: np.ndarray, size: int) -> list[int] | None:
    """Return at most ``size`` rows that together hold every class; None if `_MAX_TRIALS` trials find no such rows."""
    rows = np.sort(np.unique(held, axis=0, return_index=True)[1])  # the first of all units with the same classes
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
            if trials > _MAX_TRIALS:
                break
            rest = choose(missing & ~sets[row], left - 1)
            if rest is not None:
                return [int(rows[row]), *rest]
        return None

    return choose(np.ones(held.shape[1], dtype=bool), size)
