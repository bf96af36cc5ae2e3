"""Reading and checking of the rows of a table of segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.recordings import adopt, check_kind

_COLUMNS = ("recording", "start", "end", "label")


def read_table(table: Any, argument: str = "segments") -> pd.DataFrame:
    """Return a table of pandas, polars or Arrow as a data frame; ``argument`` is its name in messages.

    Raises
    ------
    TypeError
        If it is no table.

    Examples
    --------
    >>> read_table(pd.DataFrame({"recording": [0]})).columns.tolist()
    ['recording']
    """
    if not hasattr(table, "to_dataframe"):  # a Dataset is refused below
        check_kind(table, argument)
    found = adopt(table)
    if not isinstance(found, pd.DataFrame):
        raise TypeError(
            f"{argument} is a {type(table).__name__}; give a pandas.DataFrame, or a table of polars or Arrow, with one "
            "row per segment."
        )
    return found


def read_columns(
    segments: pd.DataFrame, names: Sequence[str] = _COLUMNS, *, argument: str = "segments"
) -> list[np.ndarray]:
    """Return columns as int64, by default recording, start, end and label; ``argument`` is the table in messages.

    Raises
    ------
    TypeError
        If ``segments`` is not a table.
    ValueError
        If a column is missing, or a value is not a whole number.

    Examples
    --------
    >>> table = pd.DataFrame({"recording": [0], "start": [2], "end": [5], "label": [1]})
    >>> [column.tolist() for column in read_columns(table)]
    [[0], [2], [5], [1]]
    """
    segments = read_table(segments, argument)
    missing = [name for name in names if name not in segments.columns]
    if missing:
        wanted = f"{', '.join(names[:-1])} and {names[-1]}"
        raise ValueError(f"{argument} has no column {missing[0]!r}; give the columns {wanted}.")
    columns = []
    for name in names:
        if pd.api.types.is_datetime64_any_dtype(segments[name]) or pd.api.types.is_timedelta64_dtype(segments[name]):
            raise ValueError(
                f"{argument}: column {name!r} holds clock times, such as {segments[name].iloc[0]}; give samples: "
                "round((time - start of the recording) * sampling_rate). sslts.io.read_annotations reads clock times."
            )
        values = pd.to_numeric(segments[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        broken = np.flatnonzero(~np.isfinite(values) | (values != np.round(values)))
        if broken.size:
            row, value = segments.index[broken[0]], segments[name].iloc[broken[0]]
            raise ValueError(f"{argument} row {row}: {name} is {value}; give a whole number.")
        columns.append(values.astype(np.int64))
    return columns


def number_recordings(table: pd.DataFrame, names: Sequence[Any], *, argument: str = "segments") -> pd.DataFrame:
    """Return a table whose column ``recording`` holds numbers in place of names; ``argument`` is its name in messages.

    Raises
    ------
    ValueError
        If a row names an unknown recording; the message names the row.

    Examples
    --------
    >>> number_recordings(pd.DataFrame({"recording": ["b", "a"]}), ("a", "b"))["recording"].tolist()
    [1, 0]
    """
    number = pd.Index(names).get_indexer(pd.Index(table["recording"]))
    if (number < 0).any():
        row = int(np.argmax(number < 0))
        name = table["recording"].iloc[row]
        raise ValueError(
            f"{argument} row {table.index[row]}: there is no recording {name!r}; the names are {shorten(list(names))}."
        )
    return table.assign(recording=number)


def check_rows(
    segments: pd.DataFrame,
    columns: Sequence[np.ndarray],
    sizes: np.ndarray | None = None,
    *,
    apart: bool = True,
    argument: str = "segments",
    of: str = "lengths",
    fix: str = "",
) -> None:
    """Raise ValueError if a row is not a valid segment; the message names the row.

    Parameters
    ----------
    segments : DataFrame
    columns : sequence of ndarray
        The result of `read_columns`.
    sizes : ndarray of int, shape (n,), or None
        Number of samples of each recording; None allows any number of recordings of any length.
    apart : bool
        Whether segments must not share samples.
    argument, of, fix : str
        For messages: the name of the table, the name of the argument that has these sizes, and a further way to deal
        with rows that share samples.

    Examples
    --------
    >>> table = pd.DataFrame({"recording": [0, 0], "start": [2, 4], "end": [5, 9], "label": [1, 1]})
    >>> check_rows(table, read_columns(table))
    Traceback (most recent call last):
    ...
    ValueError: segments row 1 (recording 0, [4, 9), label 1) overlaps row 0; a sample has one label: keep one of ...
    """
    recording, start, end, label = columns

    def refuse(broken: np.ndarray, problem: str) -> None:
        if broken.size:
            row = broken[0]
            segment = f"recording {recording[row]}, [{start[row]}, {end[row]}), label {label[row]}"
            raise ValueError(f"{argument} row {segments.index[row]} ({segment}) {problem}.")

    outside = recording < 0 if sizes is None else (recording < 0) | (recording >= sizes.size)
    known = "recordings are" if sizes is None else f"{of} has {sizes.size} recordings,"
    refuse(np.flatnonzero(outside), f"names an unknown recording; {known} numbered from 0")
    refuse(np.flatnonzero(end <= start), "ends at or before its start; `end` is exclusive, a segment has >= 1 sample")
    if sizes is None:
        refuse(np.flatnonzero(start < 0), "starts before sample 0; clip it")
    else:
        beyond = np.flatnonzero((start < 0) | (end > sizes[recording]))
        there = sizes[recording[beyond[0]]] if beyond.size else 0
        refuse(beyond, f"lies outside its recording of {there} samples; clip it or fix {of}")
    refuse(np.flatnonzero(label < -1), "has a label below -1; labels are integers >= 0, or -1 for unlabeled")
    if not apart:
        return
    order = np.lexsort((end, start, recording))
    before, after = order[:-1], order[1:]
    clash = (recording[before] == recording[after]) & (start[after] < end[before])
    if clash.any():
        first = segments.index[before[np.argmax(clash)]]
        ways = f"keep one of the two rows, {'clip them, or ' + fix if fix else 'or clip them'}"
        refuse(after[clash], f"overlaps row {first}; a sample has one label: {ways}")


def count_touching(columns: Sequence[np.ndarray]) -> int:
    """Return the number of rows that begin in a row of their own class or at its end: labels per sample lose them.

    Examples
    --------
    >>> table = pd.DataFrame({"recording": [0, 0, 0], "start": [2, 5, 9], "end": [5, 9, 12], "label": [1, 1, 2]})
    >>> count_touching(read_columns(table))
    1
    """
    recording, start, end, label = (column[np.lexsort((columns[1], columns[0]))] for column in columns)
    same = (recording[1:] == recording[:-1]) & (label[1:] == label[:-1]) & (label[1:] >= 0)
    return int((same & (start[1:] <= end[:-1])).sum())
