"""Pools of labeled recordings beside the recordings of a fit: an earlier customer's, held-out ones, a method's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from sslts._notices import shorten, warn
from sslts.annotations.columns import warn_of_columns
from sslts.annotations.details import LabelDetails
from sslts.annotations.reading import as_label_runs
from sslts.annotations.runs import LabelRuns
from sslts.annotations.wording import read_words
from sslts.recordings import Channels, Recordings, read_signals

_ENOUGH = 8  # segments of each class in y, from which lengths are measured without the source


@dataclass(frozen=True)
class Pool:
    """A pool of labeled recordings with the same channels as its problem.

    ``labels`` holds classes, ``-1`` where unlabeled; ``details`` their weights and soft labels, where given.
    """

    recordings: Recordings
    labels: LabelRuns
    details: LabelDetails = field(default_factory=LabelDetails)


def read_known_pool(
    given: Any,
    name: str,
    *,
    class_names: Mapping[int, str] | None,
    recordings: Recordings,
    classes: np.ndarray,
    who: str,
    sampling_rate: float | None,
    plain: bool,
) -> Pool:
    """Return a pool whose classes are known; ``given`` is the pair that was passed as ``name``."""
    pool, words = _read_pair(
        given, name, class_names, recordings, who=who, sampling_rate=sampling_rate, plain=plain, by_name=False
    )
    unknown = sorted(set(pool.labels.value.tolist()) - {-1, *classes.tolist()})
    if unknown:
        spell = partial(_spell_class, words)
        raise ValueError(
            f"{name}[1] has class {spell(unknown[0])!r}, which y does not have "
            f"({shorten([spell(k) for k in classes.tolist()])}); set its samples "
            "to -1, or label an occurrence in y."
        )
    return pool


def read_source(
    source: Any,
    labels: LabelRuns,
    recordings: Recordings,
    class_names: Mapping[int, str] | None,
    known_names: Mapping[int, str] | None,
    *,
    background: int | None,
    rate: float | None,
    who: str,
    plain: bool,
) -> tuple[Pool, Mapping[int, str] | None]:
    """Return the pool of an earlier customer, and the words of its classes and of the classes of ``y``.

    Parameters
    ----------
    source : (X_old, y_old)
    labels, recordings
        The new customer's labels and recordings.
    class_names, known_names : mapping of int to str, or None
        Words of the classes of ``y``, and of a model that the fit starts from.
    background : int or None
    rate : float or None
        Samples per second of the new customer's recordings.
    who : str
        Name of the estimator, for messages.
    plain : bool
        Whether the network sees the raw values.

    Raises
    ------
    ValueError
        If the source has other channels, another sampling rate, no label, or none of the classes of ``y``.
    """
    known = known_names if class_names is None else class_names
    pool, words = _read_pair(
        source, "source", known, recordings, who=who, sampling_rate=None, plain=plain, by_name=True
    )
    _check_rate(pool.recordings.sampling_rate, rate)
    own = np.unique(labels.value[labels.value >= 0])
    if not len(own):
        return pool, words
    if (class_names is None) != (words is None):
        kinds = ("words", "numbers") if class_names is None else ("numbers", "words")
        raise ValueError(f"source[1] holds {kinds[0]}, y holds {kinds[1]}; pass words in both, or numbers in both.")
    theirs = np.unique(pool.labels.value[pool.labels.value >= 0])
    spell = partial(_spell_class, words)
    named = shorten([spell(k) for k in own.tolist()])
    patterns = set(own.tolist()) - {background}
    if patterns and not patterns & set(theirs.tolist()):
        raise ValueError(
            f"source[1] has the classes {shorten([spell(k) for k in theirs.tolist()])}, y has {named}: no pattern is "
            "in both. Give the same pattern the same label in both, or leave source out."
        )
    extra = sorted(set(theirs.tolist()) - set(own.tolist()))
    if extra:
        spelled = ", ".join(str(spell(k)) for k in extra)
        warn(
            f"source[1] has the classes {spelled}, which y does not have ({named}): they are learned from the source. "
            f"If the new recordings have no such pattern, set its samples in source[1] to -1, for example with "
            f"Annotations.ignore({[spell(k) for k in extra]})."
        )
    return pool, words


def _check_rate(theirs: float | None, own: float | None) -> None:
    if theirs and own and not math.isclose(theirs, own, rel_tol=0.01):
        raise ValueError(
            f"source[0] has {theirs:g} samples per second, X has {own:g}, so the patterns differ in length (in "
            f"samples). Read the source again with sslts.io.read_recordings(..., sampling_rate={own:g}, resample=True)."
        )


def choose_taught(labels: LabelRuns, source: Pool | None, background: int | None) -> LabelRuns:
    """Return the labels from which lengths of segments are measured: those of ``y`` if they suffice, else all labels.

    Examples
    --------
    >>> one = LabelRuns.from_labels([np.array([0, 1, 1, 0])])
    >>> len(choose_taught(one, None, 0)), len(choose_taught(one, Pool(None, one), 0))
    (1, 2)
    """
    if source is None:
        return labels
    both = LabelRuns.concatenate([labels, source.labels])
    patterns = [k for k in np.unique(both.value).tolist() if k >= 0 and k != background]
    enough = all((labels.value == k).sum() >= _ENOUGH for k in patterns)
    touching = bool(source.labels.touches.any()) and not labels.touches.any()
    return labels if enough and not touching else both


def _read_pair(
    given: Any,
    name: str,
    class_names: Mapping[int, str] | None,
    recordings: Recordings,
    *,
    who: str,
    sampling_rate: float | None,
    plain: bool,
    by_name: bool,
) -> tuple[Pool, Mapping[int, str] | None]:
    """Return a pool with the channels of ``recordings``, and the words of its classes."""
    if not isinstance(given, (list, tuple)) or len(given) != 2:
        raise ValueError(f"{name} is not a pair; pass {name}=(X, y): recordings and their labels.")
    X, y = given
    channels = Channels(recordings.n_channels, recordings.channel_names, f"the X of {who}")
    own = read_signals(X, fitted=channels, name=f"{name}[0]", sampling_rate=sampling_rate, plain=plain, by_name=by_name)
    if y is None:
        raise ValueError(f"{name}[1] is None; pass the labels of {name}[0].")
    y, words = read_words(y, class_names, name=f"{name}[1]")
    labels = as_label_runs(y, own, name=f"{name}[1]")
    warn_of_columns(own, labels)
    if not labels.labeled.any():
        raise ValueError(f"{name}[1] has no labeled sample; label a recording, or leave {name} out.")
    return Pool(own, labels), words


def _spell_class(class_names: Mapping[int, str] | None, k: int) -> Any:
    """Return the word of a class, or its number."""
    return (class_names or {}).get(k, k)
