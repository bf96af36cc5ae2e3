"""Names of recordings and words of labels in tables of segments, and the numbers that stand for them in arrays."""

from __future__ import annotations

from collections.abc import Sequence, Set
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from sslts.annotations import number_recordings, read_columns, read_table
from sslts.recordings import Recordings


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
    segments = read_table(segments)
    text = [name for name in ("recording", "label") if name in segments and holds_words(segments[name])]
    return read_columns(segments.assign(**{name: pd.factorize(segments[name])[0] for name in text}))


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


def number_keys(segments: pd.DataFrame, lengths: Any, labels: Sequence[Any] | None) -> tuple[pd.DataFrame, Any]:
    """Return a table of segments with numbers in place of names and words, and the words; None for numbers.

    Raises
    ------
    ValueError
        If a row names an unknown recording; the message names the row.

    Examples
    --------
    >>> table, words = number_keys(pd.DataFrame({"recording": [0, 0], "label": ["walk", "turn"]}), [8], None)
    >>> table["label"].tolist(), words
    ([1, 0], ['turn', 'walk'])
    """
    table, words = segments, None
    names = lengths.names if isinstance(lengths, Recordings) else None
    if "recording" in table and names is not None and not pd.api.types.is_numeric_dtype(table["recording"]):
        table = number_recordings(segments, names)
    given = [] if labels is None else list(dict.fromkeys(labels))
    found = table["label"].tolist() if "label" in table else []
    if any(isinstance(label, str) for label in [*found, *given]):
        _check_words(table, found)
        words = [*given, *sorted(set(found) - set(given), key=str)]
        numbers = {word: k for k, word in enumerate(words)}
        table = table.assign(label=[numbers[label] for label in found])
    return table, words


def _check_words(table: pd.DataFrame, labels: list[Any]) -> None:
    """Raise ValueError if a label is neither a word nor a whole number; the message names the row."""
    for row, label in enumerate(labels):
        if not isinstance(label, str | Integral):
            raise ValueError(f"segments row {table.index[row]}: label is {label}; give a word or a whole number.")


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
