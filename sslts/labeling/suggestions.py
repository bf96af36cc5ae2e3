"""Suggestions: which stretches of which recordings to label next."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts._wrapping import find_attribute
from sslts.annotations import Annotations, LabelRuns, as_label_runs, measure_runs, read_words, summarize_signal
from sslts.labeling._placing import place_stretches
from sslts.labeling.pool import Pool
from sslts.labeling.strategies import Strategy, UncertainStretches
from sslts.labeling.turns import Turns
from sslts.model_selection import check_groups
from sslts.recipes import check_no_class
from sslts.recordings import Recordings, as_recordings

_SEGMENTS_PER_STRETCH = 10  # of typical length: a few occurrences with the background between them
_STRETCHES_PER_RECORDING = 4  # without any label or model
_SHORT, _LONG = 1000, 2000  # samples: a shorter recording is one stretch, and no stretch is longer


def suggest_stretches(
    segmenter: Any,
    X: Any,
    y: Any = None,
    *,
    n: int,
    length: int | None = None,
    groups: Sequence[Any] | np.ndarray | None = None,
    strategy: Strategy | None = None,
    random_state: Any = None,
) -> pd.DataFrame:
    """Return the stretches of unlabeled recordings whose labels would help most.

    Label them, set everything else to -1, and fit again: `sslts.Annotations.from_table` takes the stretches as
    ``looked_at``.

    Parameters
    ----------
    segmenter : fitted segmenter, or None
        The model so far. None: there is no model yet (a cold start).
    X : array-like
        Recordings, labeled and unlabeled, in any container that a segmenter accepts.
    y : array-like or Annotations, default=None
        Labels so far, -1 where nobody looked; only unlabeled samples are suggested. None: nothing is labeled.
    n : int
        Number of stretches.
    length : int, default=None
        Length of a stretch in samples, about: ends are moved by up to a quarter of it, to where nothing happens.
        Recordings that are shorter are suggested as a whole. None: ten times the typical length of a labeled segment;
        without labels a quarter of the median recording, at most 2,000 samples, or recordings of up to 1,000 samples as
        a whole.
    groups : sequence of length n_recordings, default=None
        Group of each recording, such as its patient. Stretches come from all groups in turn. Stretches of one group at
        one time show one moment, as the leads of an electrocardiogram do, and count once. None: each recording is a
        group.
    strategy : Strategy, default=None
        How to choose. None: `UncertainStretches`, which needs a model, or `RepresentativeStretches` without one.
    random_state : int, numpy.random.Generator or None, default=None
        Seed of ties, clusters and draws.

    Returns
    -------
    pandas.DataFrame
        One row per stretch, the most useful first: ``recording`` (number, or name if ``X`` is `sslts.Recordings` with
        names), ``start`` and ``end`` in samples, ``score``, and ``reason`` in words. Scores compare the rows of one
        table only.

    Raises
    ------
    ValueError
        If there are fewer than `n` unlabeled stretches, `length` is longer than every recording, `groups` has another
        length, or the segmenter was fitted on other channels.
    TypeError
        If `strategy` is not a strategy, or the segmenter has no ``predict_proba``.
    sklearn.exceptions.NotFittedError
        If the segmenter is not fitted.

    See Also
    --------
    simulate_labeling : What a strategy would have bought on labeled recordings.

    Examples
    --------
    >>> from sslts import WindowFeatureSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.labeling import suggest_stretches
    >>> X, y = make_recordings(6, n_samples=400, random_state=0)
    >>> y[1:] = -1
    >>> segmenter = WindowFeatureSegmenter(random_state=0).fit(X, y)
    >>> table = suggest_stretches(segmenter, X, y, n=2, length=100, random_state=0)
    >>> table.columns.tolist(), (table["recording"] > 0).all()
    (['recording', 'start', 'end', 'score', 'reason'], np.True_)
    """
    recordings = as_recordings(X)
    labels = _read_runs(y, recordings)
    strategy = check_strategy(strategy)
    if segmenter is not None and not hasattr(segmenter, "predict_proba"):
        raise TypeError(f"segmenter is a {type(segmenter).__name__} without predict_proba; pass a fitted segmenter.")
    group_of = number_groups(groups, len(recordings))
    size = _check_length(length, recordings, labels, segmenter)
    rng = np.random.default_rng(random_state)
    seed = int(rng.integers(2**31))
    pool = Pool.from_labels(
        recordings, labels, group_of, length=size, whole=strategy.whole, segmenter=segmenter, seed=seed
    )
    _check_count(n, pool, size, strategy.whole)
    choices = strategy.choose(pool, Turns(pool), int(n), rng)
    chosen = np.array([choice.candidate for choice in choices])
    placed = pool.candidates.select(chosen) if strategy.whole else place_stretches(pool, chosen, labels)
    names = recordings.names
    return pd.DataFrame(
        {
            "recording": placed.recording if names is None else [names[i] for i in placed.recording],
            "start": placed.start,
            "end": placed.end,
            "score": [choice.score for choice in choices],
            "reason": [choice.reason for choice in choices],
        }
    )


def count_stretches(X: Any, y: Any = None, *, length: int | None, strategy: Strategy) -> tuple[int, int]:
    """Return how many stretches a strategy could suggest without a model, and their length in samples.

    Parameters
    ----------
    X, y, length, strategy
        See `suggest_stretches`.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.labeling import RandomStretches, count_stretches
    >>> count_stretches(np.zeros((3, 500)), length=100, strategy=RandomStretches())
    (15, 100)
    """
    recordings = as_recordings(X)
    labels = _read_runs(y, recordings)
    size = _check_length(length, recordings, labels, None)
    group = np.arange(len(recordings))
    pool = Pool.from_labels(recordings, labels, group, length=size, whole=strategy.whole, segmenter=None, seed=0)
    return len(pool), size


def check_strategy(strategy: Any) -> Strategy:
    """Return the strategy, or the default for None; raise TypeError or ValueError if it is none.

    Examples
    --------
    >>> from sslts.labeling import check_strategy
    >>> check_strategy(None)
    UncertainStretches(share=0.5, first=RepresentativeStretches())
    """
    if strategy is None:
        return UncertainStretches()
    check_no_class(strategy, "strategy")
    if not isinstance(strategy, Strategy):
        known = "RandomStretches(), RepresentativeStretches(), UncertainStretches()"
        raise TypeError(f"strategy={shorten(strategy)}; pass one of {known}, or an instance of a custom Strategy.")
    return strategy


def number_groups(groups: Any, n: int) -> np.ndarray:
    """Return the number of the group of each recording, (n,); each recording is a group if `groups` is None.

    Examples
    --------
    >>> from sslts.labeling import number_groups
    >>> number_groups(["b", "a", "b"], 3).tolist()
    [1, 0, 1]
    """
    found = check_groups(groups, n, of="X")
    return np.arange(n) if found is None else np.unique(found, return_inverse=True)[1]


def _read_runs(y: Any, recordings: Recordings) -> LabelRuns:
    if y is None:
        return LabelRuns.from_constants(np.full(len(recordings), -1), recordings.lengths)
    return as_label_runs(y if isinstance(y, Annotations) else read_words(y)[0], recordings)


def _check_length(length: Any, recordings: Recordings, labels: LabelRuns, segmenter: Any) -> int:
    """Return the length of a stretch in samples."""
    longest = int(recordings.lengths.max())
    if length is None:
        return min(_choose_length(recordings, labels, segmenter), longest)
    if not isinstance(length, Integral) or isinstance(length, bool) or int(length) < 1:
        raise ValueError(f"length={length!r}; give the length of a stretch as a whole number of samples, 1 or more.")
    if int(length) > longest:
        raise ValueError(f"length={length}, but the longest recording has {longest} samples; give at most {longest}.")
    return int(length)


def _choose_length(recordings: Recordings, labels: LabelRuns, segmenter: Any) -> int:
    """Return the default length: several labeled segments, or without labels a part of a recording."""
    median = int(np.median(recordings.lengths))
    statistics = None if segmenter is None else find_attribute(segmenter, "statistics_")
    if statistics is None and labels.labeled.any():
        statistics = measure_runs(labels)
    if statistics is None:
        return median if median <= _SHORT else min(median // _STRETCHES_PER_RECORDING, _LONG)
    typical = summarize_signal(statistics, recordings.lengths, n_channels=recordings.n_channels).segment_length
    return min(max(round(_SEGMENTS_PER_STRETCH * typical), 1), median)


def _check_count(n: Any, pool: Pool, length: int, whole: bool) -> None:
    """Raise ValueError if there are fewer than `n` candidates."""
    if not isinstance(n, Integral) or isinstance(n, bool) or int(n) < 1:
        raise ValueError(f"n={n!r}; give the number of stretches as a whole number, 1 or more.")
    if int(n) > len(pool):
        unit = "recordings without labels" if whole else f"unlabeled stretches of about {length} samples"
        fix = "" if whole else ", or pass a smaller length"
        raise ValueError(f"n={n}, but there are {len(pool)} {unit}; ask for at most {len(pool)}{fix}.")
