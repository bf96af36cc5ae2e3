"""How the score grows with the number of labels: estimators fitted on few labels and on more."""

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
from sslts._wrapping import check_completed
from sslts.annotations import read_into_memory, read_labels
from sslts.model_selection._record import COLUMNS, KEY, CurveFile
from sslts.model_selection.groups import check_groups
from sslts.model_selection.masking import mask_labels
from sslts.model_selection.splitters import LabeledShuffleSplit
from sslts.recordings import Rows, is_lazy

_Task = tuple[dict[str, Any], np.ndarray]  # what identifies a fit, and the recordings that it sees


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
    """Fit estimators on few labels and on more, and score them on held-out recordings.

    In each split, labels are given to the first ``n_labeled`` recordings of a random order, and hidden in the others,
    which together with those that never had any are the unlabeled ones. All estimators see the same recordings and
    the same labels; what is labeled with 4 is also labeled with 7.

    Parameters
    ----------
    estimators : dict of str to estimator, or estimator
        What is compared. They are cloned.
    X : array of shape (n, T) or (n, C, T), or list of (T_i,) or (C, T_i)
        Recordings.
    y : array of shape (n, T) or list of (T_i,)
        Labels; ``-1`` is unlabeled.
    n_labeled : sequence of int
        Numbers of labeled recordings; with `groups`, of groups (of patients, say).
    n_unlabeled : int or sequence of int, default=None
        Numbers of unlabeled recordings (or groups) beside them; None: all there are.
    groups : sequence of length n, default=None
        Whose recording each is. A group is labeled, and tested, as a whole.
    cv : splitter or int, default=None
        How test recordings are chosen; None: ``LabeledShuffleSplit(5)``, which keeps groups together. A number: so many
        splits of that kind.
    scoring : callable or str, default=None
        ``scorer(estimator, X, y)``, one; None: the estimator's ``score``. With `file`, no lambda: it has no name.
    n_jobs : int, default=None
        Fits at a time, in processes of their own.
    random_state : int, default=None
        Seed of the splits, if `cv` is no splitter, and of which labels come first.
    file : path-like, default=None
        A JSON file to which each row is written as soon as it is known. Fits that stand in it are not repeated, so a
        run that was stopped goes on; it may also go on with more labels, or other estimators. Needs `random_state`.
    verbose : int, default=0
        1 prints a line for each fit.

    Returns
    -------
    pandas.DataFrame
        A row for each fit: ``estimator, labels, unlabeled, split, score, seconds`` (of fitting).

    Raises
    ------
    ValueError
        If more labeled or unlabeled recordings are asked for than there are, a split lacks a class, `scoring` is no
        scorer, or the file is of another study: before anything is fitted, and with nothing written.
    OSError
        If the folder of `file` is missing, or it is a folder itself: before anything is fitted, too.
    KeyboardInterrupt
        At Ctrl-C; a fit that is cut short has no row.

    See Also
    --------
    sslts.plotting.LabelEfficiencyDisplay : Draws the table.
    labels_needed : How many labels reach a score.

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
            f"random_state={random_state!r} with a file: pass a number, so that a later run goes on alike."
        )
    _check_scoring(named, scoring)
    scored_by = describe_scoring(scoring)
    if file is not None and "<lambda>" in scored_by:
        raise ValueError(
            f"scoring={scored_by} with a file: a lambda can't be told from another. Pass a named function, or "
            "make_scorer of one."
        )
    y = read_into_memory(y)
    group_of = check_groups(groups, len(read_labels(y)))
    splits = list(_make_splitter(cv, random_state).split(X, y, groups))
    seeds = np.random.default_rng(random_state).integers(2**31 - 1, size=len(splits)).tolist()
    counts = _check_counts(n_labeled, "n_labeled", 1), _list_unlabeled(n_unlabeled)
    tasks = [
        task
        for split, (train, _) in enumerate(splits)
        for task in _plan_fits(y, train, group_of, *counts, split, seeds[split])
    ]
    wanted = _list_jobs(named, tasks)
    study = {
        "data": fingerprint(X, y, groups),
        "splits": fingerprint(*[part for pair in splits for part in pair]),
        "scoring": scored_by,
        "random_state": repr(random_state),
    }
    kept = CurveFile(file, study, {name: describe_estimator(estimator) for name, estimator in named.items()})
    missing = [job for job in wanted if kept.find(job[0]) is None]

    def list_fits() -> Iterator[Any]:
        for key, rows in missing:  # labels are hidden when a fit is due: those of all fits are many times y
            name, labeled, split = key["estimator"], key["labels"], key["split"]
            train, test = splits[split]
            labels = _safe_indexing(_hide_labels(y, train, group_of, labeled, split, seeds[split]), rows)
            yield delayed(_fit_once)(key, clone(named[name]), X, y, train[rows], labels, test, scoring)

    done = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(list_fits())
    for row in done:
        kept.add(row)
        if verbose:
            print(", ".join(f"{name} {row[name]}" for name in KEY), f"{row['score']:.4f}", flush=True)  # noqa: T201
    rows = [kept.find(key) for key, *_ in wanted]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _check_scoring(estimators: dict[str, Any], scoring: Any) -> None:
    """Refuse what would give no number after a fit."""
    if isinstance(scoring, (dict, list, tuple, set)):
        kind = type(scoring).__name__
        raise ValueError(f"scoring is a {kind}; pass one scorer, and make a curve for each, with a file of its own.")
    if callable(scoring) and _list_parameters(scoring)[:2] == ["y_true", "y_pred"]:
        name = getattr(scoring, "__name__", None) or repr(scoring)
        raise ValueError(
            f"scoring={name} is a metric, which compares y_true with y_pred; pass a scorer: one of sslts.metrics, as "
            f"mean_iou_scorer, or SegmentationScorer({name})."
        )
    for estimator in estimators.values():
        check_scoring(estimator, scoring)


def _list_parameters(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except ValueError:  # of some that are compiled
        return []


def _make_splitter(cv: Any, random_state: int | None) -> Any:
    if cv is None or isinstance(cv, Integral):
        return LabeledShuffleSplit(5 if cv is None else int(cv), random_state=random_state)
    return check_cv(cv)


def _check_counts(counts: Any, name: str, least: int) -> list[int]:
    counts = list(counts) if isinstance(counts, (Sequence, np.ndarray)) else [counts]
    wrong = [n for n in counts if not isinstance(n, Integral) or isinstance(n, bool) or n < least]
    if wrong or not counts:
        raise ValueError(f"{name} must be whole numbers, {least} or more, got {wrong[0] if wrong else counts!r}")
    return [int(n) for n in counts]


def _list_unlabeled(counts: Any) -> list[int | None]:
    return [None] if counts is None else [*_check_counts(counts, "n_unlabeled", 0)]


def _hide_labels(y: Any, train: np.ndarray, groups: np.ndarray | None, n_labeled: int, split: int, seed: int) -> Any:
    """Return the labels of the training part, hidden in all recordings but the first ``n_labeled``."""
    own = None if groups is None else groups[train]
    try:
        return mask_labels(_safe_indexing(y, train), n_labeled=n_labeled, groups=own, random_state=seed)
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
) -> Iterator[_Task]:
    """Yield what identifies a fit, and which of the training part it sees."""
    own = train if groups is None else groups[train]  # the group of each recording; itself without groups
    order = np.random.default_rng(seed).permutation(np.unique(own))
    for labeled in n_labeled:
        given = _hide_labels(y, train, groups, labeled, split, seed)
        first = np.unique(own[[bool((labels >= 0).any()) for labels in read_labels(given)]])
        others = order[~np.isin(order, first)]
        for unlabeled in n_unlabeled:
            if unlabeled is not None and unlabeled > len(others):
                raise ValueError(
                    f"n_unlabeled={unlabeled}, but beside {labeled} labeled ones split {split} has {len(others)} for "
                    "training; ask for at most that many."
                )
            used = others if unlabeled is None else others[:unlabeled]
            rows = np.flatnonzero(np.isin(own, first) | np.isin(own, used))
            yield {"labels": labeled, "unlabeled": len(used), "split": split}, rows


def _list_jobs(names: Iterable[str], tasks: Iterable[_Task]) -> list[_Task]:
    """Return what identifies the fits of each estimator, and which recordings they see; the same fit is due once."""
    jobs: dict[tuple[Any, ...], _Task] = {}
    for key, rows in tasks:
        for name in names:
            jobs.setdefault((name, *key.values()), ({"estimator": name, **key}, rows))
    return list(jobs.values())


def _fit_once(
    key: dict[str, Any], estimator: Any, X: Any, y: Any, rows: np.ndarray, labels: Any, test: np.ndarray, scoring: Any
) -> dict[str, Any]:
    begun = time.perf_counter()
    estimator.fit(_cut(X, rows), labels)
    seconds = time.perf_counter() - begun
    check_completed(estimator)  # else the score of a part of a training would stand in the file for good
    score = check_scoring(estimator, scoring)(estimator, _cut(X, test), _safe_indexing(y, test))
    return {**key, "score": float(score), "seconds": round(seconds, 3)}


def _cut(X: Any, rows: np.ndarray) -> Any:
    """Return some of the recordings; of a zarr array and its kind as rows that are read when they are needed."""
    if isinstance(X, np.ndarray) or not is_lazy(X):
        return _safe_indexing(X, rows)
    whole = Rows(X)
    return [whole[i] for i in rows]
