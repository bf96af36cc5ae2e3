"""Label-efficiency curves: the scores of estimators that are fitted on few labels and on more labels."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing

from sslts._fingerprints import describe_estimator, describe_scoring, fingerprint
from sslts._studies import StudyFile
from sslts._text import clean_text
from sslts._wrapping import check_completed
from sslts.annotations import check_same_rows, read_into_memory, read_labels
from sslts.model_selection.groups import check_groups
from sslts.model_selection.masking import mask_labels
from sslts.model_selection.splitters import LabeledShuffleSplit
from sslts.recordings import select_rows

_Fit = tuple[dict[str, Any], np.ndarray]  # the key of a fit, and the positions of the recordings that it uses


class _CurveFile(StudyFile):
    """The file of a label-efficiency curve."""

    title, kind = "sslts label efficiency curve, version 1", "curve"
    member, plural = "estimator", "estimators"
    columns = ("estimator", "labels", "unlabeled", "split", "score", "seconds")
    key = columns[:4]
    renamed = {"unlabelled": "unlabeled"}


def label_efficiency_curve(
    estimators: Any,
    X: Any,
    y: Any,
    *,
    n_labeled: Sequence[int],
    n_unlabeled: int | Sequence[int] | None = None,
    groups: Sequence[Any] | np.ndarray | None = None,
    cv: Any = None,
    scoring: Any = None,
    n_jobs: int | None = None,
    random_state: int | None = None,
    file: str | os.PathLike[str] | None = None,
    verbose: int = 0,
) -> pd.DataFrame:
    """Return the scores, on held-out recordings, of estimators that are fitted on few labels and on more labels.

    In each split, the first ``n_labeled`` recordings of a random order keep their labels, and the labels of all other
    training recordings are hidden. All estimators get the same recordings and the same labels. The recordings that are
    labeled with ``n_labeled=4`` are also labeled with 7.

    Parameters
    ----------
    estimators : dict of str to estimator, or estimator
        Estimators by name; a single estimator is named by its class. Each fit uses a clone.
    X : array of shape (n, T) or (n, C, T), or list of (T_i,) or (C, T_i)
        Recordings.
    y : array of shape (n, T) or list of (T_i,)
        Labels (-1 = unlabeled).
    n_labeled : sequence of int
        Numbers of labeled recordings; with `groups`, numbers of labeled groups.
    n_unlabeled : int or sequence of int, default=None
        Numbers of additional unlabeled recordings; with `groups`, numbers of groups. None: all other training
        recordings.
    groups : sequence of length n, default=None
        Group of each recording, such as its patient. A group is labeled and tested as a whole.
    cv : splitter or int, default=None
        Splitter that chooses the test recordings. An int: ``LabeledShuffleSplit(cv)``, which keeps groups together.
        None: ``LabeledShuffleSplit(5)``.
    scoring : callable or str, default=None
        One scorer, ``scorer(estimator, X, y) -> float``. None: the estimator's ``score``. A lambda is not allowed with
        `file`, because it has no name.
    n_jobs : int, default=None
        Number of fits at a time, each in its own process.
    random_state : int, default=None
        Seed of the order in which recordings are labeled, and of the splits unless `cv` is a splitter.
    file : path-like, default=None
        JSON file to which each row is written as soon as its fit is finished. Finished fits are not repeated, so a
        stopped run can be resumed, also with more labels or more estimators. Needs `random_state`.
    verbose : int, default=0
        1 prints a line for each fit.

    Returns
    -------
    pandas.DataFrame
        One row for each fit: ``estimator, labels, unlabeled, split, score, seconds``. ``labels`` and ``unlabeled``
        count recordings, or groups with `groups`; ``seconds`` is the time of fitting.

    Raises
    ------
    ValueError
        If there are fewer labeled or unlabeled recordings than asked for, a split lacks a class, a name in `estimators`
        is unusable, `scoring` is not a scorer, or `file` belongs to another study. Raised before the first fit; nothing
        is written.
    OSError
        If the folder of `file` is missing, or `file` is a folder. Raised before the first fit.
    KeyboardInterrupt
        On Ctrl-C. An interrupted fit has no row.

    See Also
    --------
    sslts.plotting.LabelEfficiencyDisplay : Draws the table.
    labels_needed : Returns the number of labels that reach a score.

    Examples
    --------
    >>> from sslts import FixMatchSegmenter, SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.model_selection import label_efficiency_curve
    >>> X, y = make_recordings(8, n_samples=300, random_state=0)
    >>> fast = {"max_steps": 2, "batch_size": 2, "random_state": 0}
    >>> estimators = {"labels alone": SupervisedSegmenter(**fast), "FixMatch": FixMatchSegmenter(**fast)}
    >>> curve = label_efficiency_curve(estimators, X, y, n_labeled=[1, 4], cv=2, random_state=0)
    >>> curve.shape, list(curve.columns)
    ((8, 6), ['estimator', 'labels', 'unlabeled', 'split', 'score', 'seconds'])
    """
    named = estimators if isinstance(estimators, dict) else {type(estimators).__name__: estimators}
    if file is not None and not isinstance(random_state, Integral):
        raise ValueError(
            f"random_state={random_state!r} with a file: pass an int, so that a resumed run draws the same splits."
        )
    _check_estimator_names(named, file)
    _check_scoring(named, scoring)
    scored_by = describe_scoring(scoring)
    if file is not None and "<lambda>" in scored_by:
        raise ValueError(
            f"scoring={scored_by} with a file: a lambda has no name to compare with the file. Pass a named function, "
            "or make_scorer of a named function."
        )
    y = read_into_memory(y)
    check_same_rows(y, X)
    group_of = check_groups(groups, len(read_labels(y)))
    splits = list(_make_splitter(cv, random_state).split(X, y, groups))
    seeds = np.random.default_rng(random_state).integers(2**31 - 1, size=len(splits)).tolist()
    counts = _check_counts(n_labeled, "n_labeled", 1), _list_unlabeled(n_unlabeled)
    planned = [
        fit
        for split, (train, _) in enumerate(splits)
        for fit in _plan_fits(y, train, group_of, *counts, split, seeds[split])
    ]
    wanted = _assign_estimators(named, planned)
    study = {
        "data": fingerprint(X, y, groups),
        "splits": fingerprint(*[part for pair in splits for part in pair]),
        "scoring": scored_by,
        "random_state": repr(random_state),
    }
    curve_file = _CurveFile(file, study, {name: describe_estimator(estimator) for name, estimator in named.items()})
    missing = [fit for fit in wanted if curve_file.find(fit[0]) is None]

    def generate_calls() -> Iterator[Any]:
        for key, rows in missing:  # labels are hidden only when a fit starts: the labels of all fits need much memory
            name, labeled, split = key["estimator"], key["labels"], key["split"]
            train, test = splits[split]
            labels = _safe_indexing(_hide_labels(y, train, group_of, labeled, split, seeds[split]), rows)
            yield delayed(_fit_once)(key, clone(named[name]), X, y, train[rows], labels, test, scoring)

    finished = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(generate_calls())
    for row in finished:
        curve_file.add(row)
        if verbose:
            done = ", ".join(f"{name} {clean_text(row[name])}" for name in curve_file.key)
            print(done, f"{row['score']:.4f}", flush=True)  # noqa: T201
    rows = [curve_file.find(key) for key, *_ in wanted]
    return pd.DataFrame(rows, columns=list(_CurveFile.columns))


def _check_estimator_names(estimators: dict[Any, Any], file: Any) -> None:
    """Raise ValueError if a table or the file could not hold the name of an estimator."""
    for name in estimators:
        if file is not None and not isinstance(name, str):
            raise ValueError(f"estimators has the name {name!r} with a file; give a text.")
        if isinstance(name, str) and any("\ud800" <= character <= "\udfff" for character in name):
            raise ValueError(
                f"estimators has the name {name!r}, whose surrogates a table can't hold; give another name."
            )


def _check_scoring(estimators: dict[str, Any], scoring: Any) -> None:
    """Raise if `scoring` would not return a number after a fit."""
    if isinstance(scoring, (dict, list, tuple, set)):
        kind = type(scoring).__name__
        raise ValueError(f"scoring is a {kind}; pass one scorer, and make a curve and a file for each scorer.")
    if callable(scoring) and _list_parameters(scoring)[:2] == ["y_true", "y_pred"]:
        name = getattr(scoring, "__name__", None) or repr(scoring)
        raise ValueError(
            f"scoring={name} is a metric, which compares y_true with y_pred; pass a scorer of sslts.metrics, such as "
            f"mean_iou_scorer, or SegmentationScorer({name})."
        )
    for estimator in estimators.values():
        check_scoring(estimator, scoring)


def _list_parameters(function: Any) -> list[str]:
    """Return the names of a function's parameters; empty if it has no signature."""
    try:
        return list(inspect.signature(function).parameters)
    except ValueError:  # some compiled functions have no signature
        return []


def _make_splitter(cv: Any, random_state: int | None) -> Any:
    """Return the splitter for the argument `cv`."""
    if cv is None or isinstance(cv, Integral):
        return LabeledShuffleSplit(5 if cv is None else int(cv), random_state=random_state)
    return check_cv(cv)


def _check_counts(counts: Any, name: str, least: int) -> list[int]:
    """Return the numbers as a list of int; raise if one is not an integer or less than `least`."""
    counts = list(counts) if isinstance(counts, (Sequence, np.ndarray)) else [counts]
    wrong = [n for n in counts if not isinstance(n, Integral) or isinstance(n, bool) or n < least]
    if wrong or not counts:
        raise ValueError(f"{name} must be whole numbers, {least} or more, got {wrong[0] if wrong else counts!r}")
    return [int(n) for n in counts]


def _list_unlabeled(counts: Any) -> list[int | None]:
    """Return the numbers of unlabeled recordings; None means all."""
    return [None] if counts is None else [*_check_counts(counts, "n_unlabeled", 0)]


def _hide_labels(y: Any, train: np.ndarray, groups: np.ndarray | None, n_labeled: int, split: int, seed: int) -> Any:
    """Return the labels of the training part, hidden in all recordings except the first ``n_labeled``."""
    group_of = None if groups is None else groups[train]
    try:
        return mask_labels(select_rows(y, train, "y"), n_labeled=n_labeled, groups=group_of, random_state=seed)
    except ValueError as error:
        raise ValueError(f"n_labeled={n_labeled} in the training part of split {split}: {error}") from error


def _plan_fits(
    y: Any,
    train: np.ndarray,
    groups: np.ndarray | None,
    n_labeled: list[int],
    n_unlabeled: list[int | None],
    split: int,
    seed: int,
) -> Iterator[_Fit]:
    """Yield the key of each fit without its estimator, and the positions in `train` that it uses."""
    unit_of = train if groups is None else groups[train]  # without groups, each recording is a unit
    order = np.random.default_rng(seed).permutation(np.unique(unit_of))
    for labeled in n_labeled:
        masked = _hide_labels(y, train, groups, labeled, split, seed)
        first = np.unique(unit_of[[bool((labels >= 0).any()) for labels in read_labels(masked)]])
        others = order[~np.isin(order, first)]
        for unlabeled in n_unlabeled:
            if unlabeled is not None and unlabeled > len(others):
                kind = "recordings" if groups is None else "groups"
                raise ValueError(
                    f"n_unlabeled={unlabeled}, but split {split} has {len(others)} unlabeled {kind} for training with "
                    f"n_labeled={labeled}; ask for at most {len(others)}."
                )
            used = others if unlabeled is None else others[:unlabeled]
            rows = np.flatnonzero(np.isin(unit_of, first) | np.isin(unit_of, used))
            yield {"labels": labeled, "unlabeled": len(used), "split": split}, rows


def _assign_estimators(names: Iterable[str], planned: Iterable[_Fit]) -> list[_Fit]:
    """Return the fits of each estimator, without duplicates."""
    fits: dict[tuple[Any, ...], _Fit] = {}
    for key, rows in planned:
        for name in names:
            fits.setdefault((name, *key.values()), ({"estimator": name, **key}, rows))
    return list(fits.values())


def _fit_once(
    key: dict[str, Any], estimator: Any, X: Any, y: Any, rows: np.ndarray, labels: Any, test: np.ndarray, scoring: Any
) -> dict[str, Any]:
    """Fit and score one estimator, and return its row."""
    started = time.perf_counter()
    estimator.fit(select_rows(X, rows), labels)
    seconds = time.perf_counter() - started
    check_completed(estimator)  # an interrupted fit must not write its score to the file
    score = check_scoring(estimator, scoring)(estimator, select_rows(X, test), select_rows(y, test, "y"))
    return {**key, "score": float(score), "seconds": round(seconds, 3)}
