"""A page on recordings without labels, as one HTML file."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sslts._files import check_place, replace_file
from sslts._wrapping import find_attribute, find_fitted
from sslts.recordings import as_recordings
from sslts.report._options import (
    check_date,
    check_numbers,
    check_share,
    check_title,
    name_all_classes,
    name_recordings,
)
from sslts.report._production import make_production_page
from sslts.report._profiles import profile_recordings
from sslts.report._run import Run, list_counted
from sslts.segments import CountCalibration


def write_production_report(
    segmenter: Any,
    X: Any,
    path: str | Path,
    *,
    reference: Any = None,
    calibration: Mapping[int, CountCalibration] | None = None,
    level: float = 0.9,
    least_confidence: float = 0.8,
    names: dict[int, str] | None = None,
    recording_names: Sequence[Any] | None = None,
    title: str = "Segments found",
    n_doubtful: int = 10,
    date: datetime.date | None = None,
) -> Path:
    """Write what a segmenter finds in recordings without labels to one self-contained HTML file.

    The page begins with the number of segments, and says which recordings to look at before the numbers are used: those
    where the segmenter is unsure, and those that differ from the training. Each recording is predicted twice, once for
    its segments and once for its probabilities.

    Parameters
    ----------
    segmenter : fitted segmenter
    X : array-like of shape (n, T) or (n, C, T), or list of (T_i,) or (C, T_i)
        Recordings without labels. Each may be long: probabilities are held for one recording at a time.
    path : str or Path
        The file to write.
    reference : array-like, default=None
        Recordings of the training, labeled or not. With it, confidence, numbers of segments, and level and spread of
        the signal of each recording are compared with theirs.
    calibration : dict of int or str to CountCalibration, default=None
        Calibration of each class from `calibrate_counts`, for expected counts and their intervals.
    level : float, default=0.9
        Share of the cases that the interval of a count should cover, above 0 and below 1.
    least_confidence : float, default=0.8
        A sample is doubtful if its most probable class has a lower probability, and a recording if its mean is lower.
    names : dict of int to str, default=None
        Names of the classes, for display.
    recording_names : sequence of str or Path, of length n, default=None
        Name of each recording, such as its file. None: recordings are numbered from 0, unless `X` names them.
    title : str, default="Segments found"
        Heading of the page.
    n_doubtful : int, default=10
        Number of recordings to plot in which the segmenter is least sure. A long recording is plotted where it is least
        sure.
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
        If `X` or `reference` does not fit the segmenter, `calibration` lacks a class, `recording_names` differs from
        `X` in length, a key of `names` is not a class, or a number is out of range.
    TypeError
        If `title` or a name of a recording is not text, or `date` is not a date.
    sklearn.exceptions.NotFittedError
        If the segmenter is not fitted.

    Examples
    --------
    >>> import tempfile
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.report import write_production_report
    >>> X, y = make_recordings(6, n_samples=400, random_state=0)
    >>> segmenter = SupervisedSegmenter(max_steps=2, random_state=0).fit(X[:2], y[:2])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_production_report(segmenter, X[2:], f"{folder}/run.html", reference=X[:2], n_doubtful=1).name
    'run.html'
    """
    place, title, day = check_place(path), check_title(title), check_date(date)
    check_numbers(n_doubtful=n_doubtful)
    share, least = check_share("level", level), check_share("least_confidence", least_confidence)
    find_fitted(segmenter)
    named = name_all_classes(segmenter, [], names)
    recordings = as_recordings(X)
    shown = name_recordings(recording_names, recordings)
    calibration = _read_calibration(calibration, segmenter)
    profile, training = profile_recordings(segmenter, X, recordings, least), None
    if reference is not None:
        known = as_recordings(reference, name="reference")
        training = profile_recordings(segmenter, reference, known, least)
    run = Run(segmenter, profile, training, calibration, share, least, named, shown)
    replace_file(place, make_production_page(run, title=title, day=day, n_doubtful=n_doubtful).encode())
    return Path(path)


def _read_calibration(calibration: Any, segmenter: Any) -> dict[int, CountCalibration] | None:
    """Return the calibration by class; raise if it is no dictionary that has each counted class."""
    if calibration is None:
        return None
    if not isinstance(calibration, Mapping):
        raise TypeError(f"calibration is a {type(calibration).__name__}; pass the result of calibrate_counts.")
    words = find_attribute(segmenter, "class_names_") or {}
    known = {k: calibration[key] for k in list_counted(segmenter) for key in (k, words.get(k)) if key in calibration}
    missing = [words.get(k, k) for k in list_counted(segmenter) if k not in known]
    if missing:
        raise ValueError(
            f"calibration has no entry for class {missing[0]}; pass the result of calibrate_counts for this segmenter."
        )
    return known
