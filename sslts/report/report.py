"""Evaluation of a fitted segmenter on labeled recordings, as one HTML file."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sslts._files import check_place, replace_file
from sslts._notices import warn
from sslts._text import clean_text
from sslts._wrapping import find_attribute
from sslts.annotations import Annotations, as_labels, number_like, predict_annotations
from sslts.decoding import predict_both
from sslts.model_selection import check_groups
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


def write_report(
    segmenter: Any,
    X: Any,
    y: Any,
    path: str | Path,
    baseline: Any = None,
    *,
    groups: Sequence[Any] | None = None,
    names: dict[int, str] | None = None,
    title: str = "Segmentation report",
    n_worst: int = 10,
    n_typical: int = 3,
    recording_names: Sequence[Any] | None = None,
    y_second: Any = None,
    date: datetime.date | None = None,
) -> Path:
    """Evaluate a segmenter on labeled recordings and write the results to one self-contained HTML file.

    The page begins with the verdict on counts, segments and samples, and with what to do next.

    Parameters
    ----------
    segmenter : fitted segmenter
    X : array-like of shape (n, T) or (n, C, T), or list of (T_i,) or (C, T_i)
        Recordings that the segmenter was not fitted on. Recordings without a label are not judged; the page names
        stretches of them to be labeled next, see `sslts.labeling.suggest_stretches`.
    y : array-like of int, or Annotations
        True labels; unlabeled samples (-1) are left out. From `Annotations`, segments that touch are judged apart.
    path : str or Path
        The file to write.
    baseline : fitted segmenter, or dict of str to fitted segmenter, default=None
        Segmenters to compare with, by the name that the report shows, such as a `SupervisedSegmenter` and a
        `WindowFeatureSegmenter` fitted on the same labels. The comparison shows whether the unlabeled recordings
        helped, and whether a network is needed at all. A segmenter without a name is called "baseline".
    groups : sequence of length n, default=None
        Group of each recording, such as a patient, by position. Intervals then resample groups, not recordings.
    names : dict of int to str, default=None
        Names of the classes, for display.
    title : str, default="Segmentation report"
        Heading of the page.
    n_worst : int, default=10
        Number of recordings to plot whose segments match worst. A long recording is plotted around most of its errors.
    n_typical : int, default=3
        Number of recordings to plot around the median of segment F1.
    recording_names : sequence of str or Path, of length n, default=None
        Name of each recording, such as its file. None: recordings are numbered from 0, unless `X` names them.
    y_second : array-like of int, default=None
        Labels of the recordings by a second annotator (-1 = unlabeled). How well they agree with `y` is the most that
        a segmenter can show; the page compares it with the segmenter on the samples that both labeled.
    date : datetime.date, default=None
        Date on the page. None: today.

    Returns
    -------
    Path
        `path` as a `Path`.

    Raises
    ------
    OSError
        If the folder of `path` does not exist, or `path` is a folder.
    ValueError
        If fewer than two recordings are labeled, or fewer than two by both annotators, `groups` or `recording_names`
        differ from `X` in length, a key of `names` is not a class, two classes or baselines have one name, or `n_worst`
        or `n_typical` is not an int of 0 or more.
    TypeError
        If `title`, a name in `baseline` or a name of a recording is not text, or `date` is not a date.

    See Also
    --------
    write_cross_validated_report : For few labels, without labeled recordings that are left for a test.
    write_production_report : For recordings without labels.

    Examples
    --------
    >>> import tempfile
    >>> from sslts import FixMatchSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.report import write_report
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> few = y.copy()
    >>> few[2:] = -1
    >>> segmenter = FixMatchSegmenter(max_steps=2, random_state=0).fit(X, few)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(segmenter, X[4:], y[4:], f"{folder}/report.html", n_worst=1).name
    'report.html'
    """
    place, title, day = check_place(path), check_title(title), check_date(date)
    check_numbers(n_worst=n_worst, n_typical=n_typical)
    baselines = name_baselines(baseline)
    recordings = as_recordings(X)
    y, y_second = number_like(y, segmenter), number_like(y_second, segmenter, "y_second")
    truth = as_labels(y, recordings)
    second = None if y_second is None else as_labels(y_second, recordings, name="y_second")
    evaluation = _evaluate(
        segmenter,
        recordings,
        truth,
        baselines,
        groups=check_groups(groups, len(truth)),
        names=name_all_classes(segmenter, truth, names),
        recording_names=name_recordings(recording_names, recordings),
        second=second,
        annotations=y if isinstance(y, Annotations) else None,
    )
    page = make_labeled_page(evaluation, title=title, day=day, n_worst=n_worst, n_typical=n_typical)
    replace_file(place, page.encode())
    return Path(path)


def _evaluate(
    segmenter: Any,
    recordings: Recordings,
    truth: list[np.ndarray],
    baselines: dict[str, Any],
    *,
    groups: np.ndarray | None,
    names: dict[int, str],
    recording_names: list[str],
    second: list[np.ndarray] | None,
    annotations: Annotations | None,
) -> Evaluation:
    """Return the predictions of segmenter and baselines for the labeled recordings, beside the truth."""
    kept = [i for i, labels in enumerate(truth) if (labels >= 0).any()]
    if len(kept) < 2:
        raise ValueError(f"y has {len(kept)} labeled recordings; give at least two, so that intervals can be computed.")
    check_second(truth, second, groups)
    signals = recordings.list_items(kept)
    predicted, proba = predict_both(segmenter, signals)
    segments = None
    if annotations is not None:
        known = annotations[kept]
        found = {name: predict_annotations(model, signals, known) for name, model in baselines.items()}
        segments = Segments(known, predict_annotations(segmenter, signals, known), found)
    others = sorted(set(range(len(truth))) - set(kept))
    return Evaluation(
        segmenter=segmenter,
        recordings=recordings,
        numbers=kept,
        truth=[truth[i] for i in kept],
        predicted=predicted,
        proba=proba,
        classes=segmenter.classes_,
        baselines={name: list(number_like(model.predict(signals), segmenter)) for name, model in baselines.items()},
        groups=None if groups is None else groups[kept],
        names=names,
        recording_names=recording_names,
        second=None if second is None else [second[i] for i in kept],
        suggested=suggest_next(segmenter, recordings, others),
        segments=segments,
        remarks=tuple(filter(None, (_warn_of_different_decoders(segmenter, *item) for item in baselines.items()))),
    )


def _warn_of_different_decoders(segmenter: Any, name: str, baseline: Any) -> str:
    """Warn if segmenter and baseline use different decoders, and return the warning."""
    own, other = (find_attribute(model, "decoder") for model in (segmenter, baseline))
    if own == other or None in (own, other):
        return ""
    words = (
        f"The segmenter uses the decoder {clean_text(own)}, the {name} {clean_text(other)}, so part of the "
        "difference may come from the decoders. Give both the same decoder, or tune a decoder for each."
    )
    warn(words)
    return words
