"""Names of recordings and words of labels in tables of segments, and the numbers that stand for them in arrays."""

from __future__ import annotations

from collections.abc import Set
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from sslts.annotations import read_columns


def read_rows(segments: pd.DataFrame) -> list[np.ndarray]:
    """Return recording, start, end and label as int64; names and words are numbered in their order in the table.

    Raises
    ------
    ValueError, TypeError
        See `sslts.annotations.read_columns`.

    Examples
    --------
    >>> table = pd.DataFrame({"recording": ["b", "a"], "start": [2, 3], "end": [5, 4], "label": [1, 1]})
    >>> [column.tolist() for column in read_rows(table)]
    [[0, 1], [2, 3], [5, 4], [1, 1]]
    """
    if isinstance(segments, pd.DataFrame):
        text = [name for name in ("recording", "label") if name in segments and holds_words(segments[name])]
        segments = segments.assign(**{name: pd.factorize(segments[name])[0] for name in text})
    return read_columns(segments)


def holds_words(column: pd.Series) -> bool:
    """Return whether a column holds words, perhaps beside whole numbers; a missing value is neither.

    Examples
    --------
    >>> [holds_words(pd.Series(values)) for values in (["a", "b"], [1, 2], ["1", "2"], ["a", None])]
    [True, False, False, False]
    """
    if pd.api.types.is_numeric_dtype(column):
        return False
    known = all(isinstance(value, str | Integral) for value in column.tolist())
    return known and bool(pd.to_numeric(column.astype(object), errors="coerce").isna().any())


def select_keys(column: pd.Series, numbers: np.ndarray, wanted: Any) -> np.ndarray:
    """Return which rows have one of the wanted names, words or numbers.

    Examples
    --------
    >>> select_keys(pd.Series(["a", "b"]), np.array([0, 1]), "b").tolist()
    [False, True]
    """
    if isinstance(wanted, Set):
        wanted = list(wanted)
    if not holds_words(column):
        return np.isin(numbers, wanted)
    return column.isin([wanted] if isinstance(wanted, str | Integral) else list(wanted)).to_numpy()


def number_column(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the different values, and the index of the value of each row: numbers sorted, words in their order.

    Examples
    --------
    >>> [part.tolist() for part in number_column(pd.Series(["b", "a", "b"]))]
    [['b', 'a'], [0, 1, 0]]
    """
    if not holds_words(column):
        values, index = np.unique(column.to_numpy(dtype=np.int64), return_inverse=True)
        return values, index
    index, found = pd.factorize(column)
    return np.array(found.tolist(), dtype=object), index


def add_seconds(clock: pd.Series, seconds: np.ndarray) -> pd.Series:
    """Return times on the clock, moved by seconds; rounded to nanoseconds.

    Examples
    --------
    >>> add_seconds(pd.Series([pd.Timestamp("2026-01-31"), pd.NaT]), np.array([0.5, 1])).tolist()
    [Timestamp('2026-01-31 00:00:00.500000'), NaT]
    """
    passed = pd.to_timedelta(np.round(seconds * 1e9), unit="ns")
    if clock.dtype != object:
        return clock + passed
    times = [time + step for time, step in zip(clock, passed, strict=True)]
    return pd.Series(times, index=clock.index, dtype=object).infer_objects()
