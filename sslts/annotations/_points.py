"""Points inside occurrences, one click each, as segments of a few samples with unlabeled samples around them."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten


def spread_points(
    points: pd.DataFrame,
    number: np.ndarray,
    sizes: np.ndarray,
    looked_at: pd.DataFrame,
    *,
    length: Any,
    core: float,
    reach: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return points as segments, and the stretches that were looked at without the samples around the points.

    Parameters
    ----------
    points : pandas.DataFrame
        ``recording, start, end, label``, sorted; each is one sample long.
    number : ndarray of int, shape (n,)
        Number of the recording of each point.
    sizes : ndarray of int
        Number of samples of each recording.
    looked_at : pandas.DataFrame
        ``recording, start, end``.
    length, core, reach
        See `Annotations.from_points`.

    Examples
    --------
    >>> points = pd.DataFrame({"recording": [0], "start": [20], "end": [21], "label": [1]})
    >>> seen = pd.DataFrame({"recording": [0], "start": [0], "end": [50]})
    >>> one, number = np.array([50]), np.array([0])
    >>> segments, rest = spread_points(points, number, one, seen, length=8, core=0.25, reach=0.9)
    >>> segments.values.tolist(), rest.values.tolist()
    ([[0, 19, 22, 1]], [[0, 0, 13], [0, 28, 50]])
    """
    for name, value, least in (("core", core, 0.0), ("reach", reach, core / 2)):
        if isinstance(value, bool) or not isinstance(value, Real) or not float(value) >= least:
            raise ValueError(f"{name}={value!r}; give a share of the length of an occurrence, {least} or more.")
    lengths = _list_lengths(length, points["label"])
    position = points["start"].to_numpy()
    low, high = _find_middles(number, position, sizes)
    half, rim = (np.round(share * lengths).astype(np.int64) for share in (core / 2, reach))
    segments = points.assign(start=np.maximum(position - half, low), end=np.minimum(position + half + 1, high))
    return segments, _take_away(looked_at, points["recording"], position - rim, position + rim + 1)


def _list_lengths(length: Any, labels: pd.Series) -> np.ndarray:
    """Return the length of an occurrence in samples, for each point."""
    given = length if isinstance(length, Mapping) else dict.fromkeys(labels.tolist(), length)
    missing = [label for label in labels.tolist() if label not in given]
    if missing:
        raise ValueError(f"length has no entry for the label {missing[0]!r}; give the usual length of each class.")
    for label, value in given.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not float(value) > 0:
            raise ValueError(f"length={shorten(value)} of the label {label!r}; give a number of samples above 0.")
    return np.array([float(given[label]) for label in labels.tolist()])


def _find_middles(number: np.ndarray, position: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle between each point and its neighbor before and after, or the end of the recording."""
    low, high = np.zeros_like(position), sizes[number]
    together = number[1:] == number[:-1]
    middle = (position[1:] + position[:-1] + 1) // 2
    low[1:] = np.where(together, middle, low[1:])
    high[:-1] = np.where(together, middle, high[:-1])
    return low, high


def _take_away(looked_at: pd.DataFrame, recording: pd.Series, start: np.ndarray, end: np.ndarray) -> pd.DataFrame:
    """Return stretches without the samples of others, which are sorted."""
    gone: dict[Any, list[tuple[int, int]]] = {}
    for name, low, high in zip(recording, start.tolist(), end.tolist(), strict=True):
        gone.setdefault(name, []).append((low, high))
    rows = []
    for name, begin, last in looked_at.itertuples(index=False, name=None):
        for low, high in sorted(gone.get(name, ())):
            if high > begin and low < last:
                rows.append((name, begin, low))
                begin = high
        rows.append((name, begin, last))
    kept = [row for row in rows if row[1] < row[2]]
    return pd.DataFrame(kept, columns=["recording", "start", "end"])
