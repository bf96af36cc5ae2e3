"""Evaluation by cross-validation over labeled recordings, as one HTML file."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from sslts._files import check_place, replace_file
from sslts._notices import shorten
from sslts._wrapping import check_completed
from sslts.annotations import Annotations, as_labels, predict_annotations, read_words
from sslts.decoding import predict_both
from sslts.model_selection import LabeledGroupKFold, LabeledKFold, check_groups
from sslts.recordings import Recordings, as_recordings
from sslts.report._evaluation import Evaluation, Segments, suggest_next
from sslts.report._labeled import make_labeled_page
from sslts.report._options import (
    check_date,
    check_numbers,
    check_second,
    check_title,
    name_all_classes,
    name_baselines,
    name_recordings,
)

_MOST_FOLDS = 5

_Fold = tuple[np.ndarray, np.ndarray]  # positions of the training and of the test recordings


def write_cross_validated_report(
    segmenter: Any,
    X: Any,
    y: Any,
    path: str | Path,
    baseline: Any = None,
    *,
    groups: Sequence[Any] | None = None,
    cv: Any = None,
    names: dict[int, str] | None = None,
    title: str = "Cross-validated segmentation report",
    n_worst: int = 10,
    n_typical: int = 3,
    recording_names: Sequence[Any] | None = None,
    y_second: Any = None,
    date: datetime.date | None = None,
) -> Path:
    """Evaluate a segmenter by cross-validation over the labeled recordings, and write the page of `write_report`.

    For few labels: no labeled recording has to be left out of the final fit. Each fold of labeled recordings is labeled
    by a clone that was fitted on the other recordings, labeled and unlabeled. **It costs as many fits as there are
    folds, times one plus the number of baselines.** The segmenter itself is not changed; fit it on all labels for use.

    Parameters
    ----------
    segmenter : segmenter
        The segmenter to evaluate, fitted or not; only its parameters are used.
    X : array-like of shape (n, T) or (n, C, T), or list of (T_i,) or (C, T_i)
        The recordings of the fit, labeled and unlabeled. The page names stretches of the unlabeled recordings to be
        labeled next, see `sslts.labeling.suggest_stretches`; the first clone chooses them.
    y : array-like of int
        Labels; -1 = unlabeled. A recording is labeled if at least one sample has a label.
    path : str or Path
        The file to write.
    baseline : segmenter, or dict of str to segmenter, default=None
        Segmenters to compare with, fitted or not, by the name that the page shows. They are fitted on the same folds.
    groups : sequence of length n, default=None
        Group of each recording, such as a patient. A group is never on both sides of a fold, and intervals resample
        groups.
    cv : int, splitter or None, default=None
        An int is the number of folds of `LabeledKFold`, or of `LabeledGroupKFold` with `groups`. None: the greatest
        number of folds, at most five, whose training and test parts hold all classes. A splitter must test each
        recording at most once.
    names, title, n_worst, n_typical, recording_names, y_second, date
        See `write_report`.

    Returns
    -------
    Path
        `path` as a `Path`.

    Raises
    ------
    OSError
        If the folder of `path` does not exist, or `path` is a folder.
    ValueError
        If fewer than two recordings (or groups, with `groups`) are labeled, no split has every class on both sides,
        `cv` tests a recording twice, or an option is out of range as in `write_report`.
    TypeError
        As in `write_report`, or if `segmenter` can't be cloned.
    KeyboardInterrupt
        If Ctrl-C ends a fit.

    Examples
    --------
    >>> import tempfile
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.report import write_cross_validated_report
    >>> X, y = make_recordings(6, n_samples=400, random_state=0)
    >>> y[3:] = -1
    >>> segmenter = SupervisedSegmenter(max_steps=2, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_cross_validated_report(segmenter, X, y, f"{folder}/report.html", cv=2, n_worst=1).name
    'report.html'
    """
    place, title, day = check_place(path), check_title(title), check_date(date)
    check_numbers(n_worst=n_worst, n_typical=n_typical)
    baselines = name_baselines(baseline)
    recordings = as_recordings(X)
    y, words = read_words(y)
    truth = as_labels(y, recordings)
    named = name_all_classes(None, truth, names, words)
    shown = name_recordings(recording_names, recordings)
    second = None if y_second is None else as_labels(read_words(y_second, words)[0], recordings, name="y_second")
    group_of = check_groups(groups, len(truth))
    check_second(truth, second, group_of)
    folds = _split(cv, truth, group_of)
    annotations = y if isinstance(y, Annotations) else None
    fit_folds = partial(_fit_folds, recordings=recordings, truth=truth, folds=folds, annotations=annotations)
    fits = fit_folds(segmenter)
    others = {name: fit_folds(model) for name, model in baselines.items()}
    kept = sorted(fits.labels)
    evaluation = Evaluation(
        segmenter=fits.first,
        recordings=recordings,
        numbers=kept,
        truth=[truth[i] for i in kept],
        predicted=[fits.labels[i] for i in kept],
        proba=[fits.proba[i] for i in kept],
        classes=np.array(sorted(named)),
        baselines={name: [found.labels[i] for i in kept] for name, found in others.items()},
        groups=None if group_of is None else group_of[kept],
        names=named,
        recording_names=shown,
        second=None if second is None else [second[i] for i in kept],
        suggested=suggest_next(fits.first, recordings, _find_unlabeled(truth)),
        n_folds=len(folds),
        segments=None if annotations is None else _join_segments(annotations, kept, fits, others),
    )
    page = make_labeled_page(evaluation, title=title, day=day, n_worst=n_worst, n_typical=n_typical)
    replace_file(place, page.encode())
    return Path(path)


@dataclass(frozen=True)
class _Fits:
    """The first of the clones, and what the clones say about the recordings of their folds, by position."""

    first: Any
    labels: dict[int, np.ndarray]
    proba: dict[int, np.ndarray]
    segments: dict[int, Annotations]


def _join_segments(annotations: Annotations, kept: list[int], fits: _Fits, others: dict[str, _Fits]) -> Segments:
    """Return the segments of the recordings that were labeled in a fold."""
    known = annotations[kept]
    found = [Annotations.concatenate([each.segments[i] for i in kept]) for each in (fits, *others.values())]
    return Segments(known, found[0], dict(zip(others, found[1:], strict=True)))


def _find_unlabeled(truth: list[np.ndarray]) -> list[int]:
    return [i for i, labels in enumerate(truth) if not (labels >= 0).any()]


def _split(cv: Any, truth: list[np.ndarray], groups: np.ndarray | None) -> list[_Fold]:
    """Return the folds, in whose tests only labeled recordings are; raise if a recording is tested twice."""
    labeled = np.array([(labels >= 0).any() for labels in truth])
    unit, argument = ("recordings", "y") if groups is None else ("groups", "groups")
    n = int(labeled.sum()) if groups is None else len(np.unique(groups[labeled]))
    if n < 2:
        raise ValueError(
            f"{argument} has {n} labeled {unit}; cross-validation needs at least two. Label another one, cut a long "
            "recording into several, or call write_production_report, which needs no labels."
        )
    given = cv is not None and not isinstance(cv, Integral)
    numbers = [int(cv)] if isinstance(cv, Integral) else range(min(_MOST_FOLDS, n), 1, -1)
    kind = LabeledKFold if groups is None else LabeledGroupKFold
    folds = _list_folds(cv, truth, groups) if given else _find_folds([kind(k) for k in numbers], truth, groups)
    folds = [(train, np.asarray(test)[labeled[test]]) for train, test in folds]
    tested, times = np.unique(np.concatenate([test for _, test in folds]), return_counts=True)
    if (times > 1).any():
        raise ValueError(
            f"cv tests recording {tested[times > 1][0]} more than once; pass a splitter that tests each recording once,"
            " such as LabeledKFold(5)."
        )
    if len(tested) < 2:
        raise ValueError(f"cv tests {len(tested)} labeled recordings; pass a splitter that tests at least two.")
    return [fold for fold in folds if len(fold[1])]


def _find_folds(splitters: list[Any], truth: list[np.ndarray], groups: np.ndarray | None) -> list[_Fold]:
    """Return the folds of the first splitter that finds all classes on both sides, or raise the last error."""
    for splitter in splitters[:-1]:
        with contextlib.suppress(ValueError):
            return _list_folds(splitter, truth, groups)
    return _list_folds(splitters[-1], truth, groups)


def _list_folds(splitter: Any, truth: list[np.ndarray], groups: np.ndarray | None) -> list[_Fold]:
    if not hasattr(splitter, "get_n_splits"):
        raise ValueError(f"cv={shorten(splitter)}; give a number of folds or a splitter such as LabeledKFold(5).")
    return list(splitter.split(np.zeros((len(truth), 1)), truth, groups))


def _fit_folds(
    segmenter: Any,
    recordings: Recordings,
    truth: list[np.ndarray],
    folds: list[_Fold],
    annotations: Annotations | None,
) -> _Fits:
    """Fit a clone for each fold on the recordings outside of it, and let it label the recordings of the fold."""
    classes = np.unique(np.concatenate(truth))
    classes = classes[classes >= 0]
    labels: dict[int, np.ndarray] = {}
    proba: dict[int, np.ndarray] = {}
    segments: dict[int, Annotations] = {}
    first = None
    for train, test in folds:
        of_train = [truth[i] for i in train] if annotations is None else annotations[train]
        fitted = clone(segmenter).fit(recordings.list_items(train.tolist()), of_train)
        check_completed(fitted)  # Ctrl-C ends all fits
        first = fitted if first is None else first
        signals = recordings.list_items(test.tolist())
        found, probas = predict_both(fitted, signals)
        if annotations is not None:
            of_test = predict_annotations(fitted, signals, annotations[test])
            segments |= {i: of_test[row] for row, i in enumerate(test.tolist())}
        labels |= zip(test.tolist(), found, strict=True)
        proba |= zip(test.tolist(), (_spread_columns(one, fitted.classes_, classes) for one in probas), strict=True)
    return _Fits(first, labels, proba, segments)


def _spread_columns(proba: np.ndarray, own: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return probabilities (T, K) of all classes; 0 for a class that the fit did not know."""
    spread = np.zeros((len(proba), len(classes)), dtype=proba.dtype)
    spread[:, np.searchsorted(classes, own)] = proba
    return spread
