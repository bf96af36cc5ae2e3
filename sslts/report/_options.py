"""Options of the reports, checked before anything is predicted or fitted."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date
from numbers import Integral, Real
from typing import Any

import numpy as np

from sslts._text import clean_text
from sslts._wrapping import find_attribute
from sslts.annotations import check_names, name_classes
from sslts.recordings import Recordings

_LONGEST_NAME = 48  # characters that are shown
_LONGEST_TITLE = 200


def check_title(title: Any) -> str:
    """Return the title as the page shows it; raise TypeError if it is not text."""
    if not isinstance(title, str):
        raise TypeError(f"title is a {type(title).__name__}; give a text.")
    return clean_text(title, _LONGEST_TITLE)


def check_numbers(**numbers: Any) -> None:
    """Raise ValueError if a number of recordings, given by the name of its argument, is not an int of 0 or more."""
    for name, value in numbers.items():
        if not isinstance(value, Integral) or value < 0:
            raise ValueError(f"{name}={value!r}; give an int of 0 or more.")


def check_share(name: str, value: Any) -> float:
    """Return a share; raise ValueError if it is not above 0 and below 1."""
    if not isinstance(value, Real) or not 0 < float(value) < 1:
        raise ValueError(f"{name}={value!r}; give a share above 0 and below 1.")
    return float(value)


def check_date(day: Any) -> str:
    """Return the date that the page shows, today if None; raise TypeError if it is not a date."""
    if day is None:
        return date.today().isoformat()
    if not isinstance(day, date):
        raise TypeError(f"date is a {type(day).__name__}; give a datetime.date, or None for today.")
    return date(day.year, day.month, day.day).isoformat()  # a datetime has a time too


def name_baselines(baseline: Any) -> dict[str, Any]:
    """Return the segmenters to compare with, by the names that the page shows."""
    if baseline is None:
        return {}
    if not isinstance(baseline, Mapping):
        return {"baseline": baseline}
    named: dict[str, Any] = {}
    for name, model in baseline.items():
        if not isinstance(name, str):
            raise TypeError(f"baseline has the name {name!r}, a {type(name).__name__}; name each segmenter by a text.")
        shown = clean_text(name, _LONGEST_NAME)
        if shown in named:
            raise ValueError(f"baseline shows two segmenters as {shown!r}; give each segmenter a name of its own.")
        named[shown] = model
    return named


def name_recordings(recording_names: Sequence[Any] | None, recordings: Recordings) -> list[str]:
    """Return the name of each recording as the page shows it, with its position in X."""
    n = len(recordings)
    if recording_names is None:
        instances = recordings.instances
        own = instances is not None and all(isinstance(name, str) for name in instances)
        recording_names = list(instances) if own and instances is not None else [""] * n
        recording_names = recording_names if recordings.names is None else recordings.names
    if isinstance(recording_names, (str, bytes)) or not hasattr(recording_names, "__len__"):
        raise TypeError(
            f"recording_names is a {type(recording_names).__name__}; give a list with a text for each recording."
        )
    if len(recording_names) != n:
        raise ValueError(
            f"recording_names has {len(recording_names)} names, X has {n} recordings; give one text for each."
        )
    return [_name_recording(name, i) for i, name in enumerate(recording_names)]


def _name_recording(name: Any, i: int) -> str:
    if not isinstance(name, (str, os.PathLike)):
        raise TypeError(f"recording_names[{i}] is a {type(name).__name__}; give a text, such as the name of a file.")
    shown = clean_text(os.fspath(name), _LONGEST_NAME)
    return f"{shown} (recording {i})" if shown else f"Recording {i}"


def name_all_classes(
    segmenter: Any, truth: list[np.ndarray], names: dict[int, str] | None, words: Mapping[int, str] | None = None
) -> dict[int, str]:
    """Return the name of each class that the segmenter knows or that is labeled.

    Without ``names``, the names are the words of the segmenter's classes, or ``words``.
    """
    known = [np.asarray(getattr(segmenter, "classes_", np.empty(0, dtype=np.int64)))]
    classes = np.unique(np.concatenate([*known, *map(np.unique, truth)]))
    classes = classes[classes >= 0]
    if names is None:
        words = find_attribute(segmenter, "class_names_") or words or {}
        names = {k: word for k, word in words.items() if k in classes} or None
    check_names(names, classes)
    return name_classes(names, classes, "class {}")


def check_second(truth: list[np.ndarray], second: list[np.ndarray] | None, groups: np.ndarray | None) -> None:
    """Raise ValueError if fewer than two recordings, or groups, are labeled by both annotators."""
    if second is None:
        return
    unit, group_of = ("recordings", np.arange(len(truth))) if groups is None else ("groups", groups)
    both = [bool(((one >= 0) & (other >= 0)).any()) for one, other in zip(truth, second, strict=True)]
    n = len(np.unique(group_of[both]))
    if n < 2:
        raise ValueError(
            f"y_second labels {n} {unit} that y labels too; give at least two, so that intervals can be computed."
        )
