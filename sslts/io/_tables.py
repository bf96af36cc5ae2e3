"""Tables of signals: CSV, TSV, Parquet and Excel, one row for each sample."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts._text import spells_number
from sslts.io._clocks import TIME_NAMES, read_times
from sslts.io._files import find_suffix, require
from sslts.io._signals import Signal, SignalOptions, name_row

SUFFIXES = (".csv", ".tsv", ".parquet", ".pq", ".xlsx", ".xlsm", ".xls", ".ods")
_UNNAMED = "Unnamed: 0"  # the name that pandas gives to a column without a name, such as an index
_TIME = re.compile(r"\d:\d\d|\d[-./]\d\d?[-./]\d")
_SEPARATORS = ",;\t|"


class Frame(NamedTuple):
    """A table of a file, and the number of lines before its first row (None if it has no lines)."""

    table: pd.DataFrame
    n_headers: int | None


def read_table_signal(path: Path, name: str, options: SignalOptions) -> list[Signal]:
    """Return the recording in a table whose columns are channels, and at most one column of times."""
    table, n_headers = read_frame(path, options)
    if not len(table):
        raise ValueError(f"{path} is empty: it has no row; remove the file.")
    time = _find_time(table, options, path)
    channels = _list_channels(table, time, options, path)
    values = _read_values(table[channels], path, n_headers)
    named = tuple(map(str, channels)) if n_headers != 0 else None
    signal = Signal(name, path, values, named, n_headers=n_headers)
    if time is None:
        return [signal]
    place = f"{path}, column {time!r}"
    times, clock = read_times(table[time], options, place, n_headers)
    return [Signal(name, path, values, named, times=times, clock=clock, n_headers=n_headers)]


def read_frame(path: Path, options: SignalOptions) -> Frame:
    """Return the table in a file.

    Raises
    ------
    ValueError
        If the file is empty or no table; the message names the file and the fix.
    """
    suffix = find_suffix(path)
    if suffix in (".parquet", ".pq"):
        require("pyarrow", "parquet", "reading Parquet")
        return Frame(_adopt_index(pd.read_parquet(path)), None)
    if suffix.startswith((".xls", ".ods")):
        if suffix in (".xlsx", ".xlsm"):
            require("openpyxl", "excel", "reading Excel")
        table = pd.read_excel(path, sheet_name=0 if options.key is None else options.key)
        return Frame(_adopt_index(table), 1)
    return _read_text(path, options)


def _read_text(path: Path, options: SignalOptions) -> Frame:
    if not os.path.getsize(path):
        raise ValueError(f"{path} is empty: it has 0 bytes; remove the file.")
    first = _read_first_line(path, options.encoding)
    separator = options.separator or _find_separator(first, path)
    header = None if _is_row(first, separator, options.decimal) else 0
    try:
        table = pd.read_csv(
            path, sep=separator, decimal=options.decimal, header=header, encoding=options.encoding, low_memory=False,
            skipinitialspace=True,
        )  # fmt: skip
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not in {options.encoding}; pass encoding, for example 'latin-1'.") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path} is no table with the separator {separator!r} ({error}); pass separator.") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError(f"{path} has more values in a row than names in its first line; correct the first line.")
    return Frame(_adopt_index(table), 0 if header is None else 1)


def _adopt_index(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose index, as pandas writes it, is left out if it numbers the rows, or is a column of times."""
    if not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index(names=table.index.name or _UNNAMED)
    if not len(table.columns) or table.columns[0] != _UNNAMED:
        return table
    index = table.iloc[:, 0]
    if index.dtype.kind in "iu" and (index.to_numpy() == np.arange(len(index))).all():
        return table.iloc[:, 1:]
    return table.rename(columns={_UNNAMED: "time"}) if "time" not in table.columns else table


def _read_first_line(path: Path, encoding: str) -> str:
    packed: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    if path.suffix.lower() in (".zip", ".zst"):
        return ""  # a table with names and commas
    with packed.get(path.suffix.lower(), open)(path, "rt", encoding=encoding, errors="replace") as file:
        return file.readline().lstrip("\ufeff").rstrip("\r\n")


def _find_separator(first: str, path: Path) -> str:
    """Return the separator that cuts the first line into most parts; a comma if none does."""
    if find_suffix(path) == ".tsv":
        return "\t"
    counts = [first.count(separator) for separator in _SEPARATORS]
    return _SEPARATORS[int(np.argmax(counts))] if max(counts) else ","


def _is_row(line: str, separator: str, decimal: str) -> bool:
    """Return whether a line holds numbers alone, so that it is no line of names."""
    parts = next(csv.reader([line], delimiter=separator), [])
    numbers = [part.strip().replace(decimal, ".") for part in parts]
    return bool(parts) and all(number == "" or spells_number(number) for number in numbers) and any(numbers)


def _find_time(table: pd.DataFrame, options: SignalOptions, path: Path) -> Any:
    """Return the name of the column of times; None if there is none or it is not wanted."""
    if isinstance(options.time, str):
        if options.time not in table.columns:
            raise ValueError(
                f"{path} has no column {options.time!r}; it has {shorten(list(table.columns))}. Pass time."
            )
        return options.time
    if options.time is False:
        return None
    return next((column for column in _list_clocks(table) if column not in (options.channels or ())), None)


def _list_clocks(table: pd.DataFrame) -> list[Any]:
    """Return the columns that look like times, by their names or types."""
    named = [column for column in table.columns if str(column).strip().lower() in TIME_NAMES]
    return named + [column for column, dtype in table.dtypes.items() if dtype.kind == "M" and column not in named]


def _list_channels(table: pd.DataFrame, time: Any, options: SignalOptions, path: Path) -> list[Any]:
    if options.channels is not None:
        missing = [channel for channel in options.channels if channel not in table.columns]
        if missing:
            raise ValueError(
                f"{path} has no column {missing[0]!r}; it has {shorten(list(table.columns))}. Pass channels that all "
                "files have, or correct the file."
            )
        return list(options.channels)
    left = {time} if options.time is not False else set(_list_clocks(table))
    kept = [column for column in table.columns if column not in left]
    if not kept:
        raise ValueError(f"{path} has no column beside {shorten(list(table.columns))}; pass channels.")
    return kept


def _read_values(table: pd.DataFrame, path: Path, n_headers: int | None) -> np.ndarray:
    """Return the channels as an array (C, T); raise if a value is text, with the row."""
    for position, (column, dtype) in enumerate(table.dtypes.items()):
        if dtype.kind not in "iufb" or not isinstance(dtype, np.dtype):
            numbers = pd.to_numeric(table.iloc[:, position], errors="coerce")
            text = np.flatnonzero((numbers.isna() & table.iloc[:, position].notna()).to_numpy())
            if dtype.kind == "M" or text.size:
                row = int(text[0]) if text.size else 0
                raise ValueError(
                    f"{path}, {name_row(row, n_headers)}, column {column!r}: "
                    f"{shorten(table.iloc[row, position])} is no number; correct it, or leave the column out with "
                    f"channels=[...]{_hint_value(table.iloc[row, position], column)}."
                )
            table = table.assign(**{str(column): numbers.to_numpy(np.float64, na_value=np.nan)})
    return np.ascontiguousarray(table.to_numpy().T)


def _hint_value(value: Any, column: Any) -> str:
    """Return a further fix for a value that is no number, if it looks like a number or a time."""
    if isinstance(value, str) and value.count(",") == 1 and spells_number(value.replace(",", ".")):
        return ", or pass decimal=','"
    looks = isinstance(value, pd.Timestamp) or (isinstance(value, str) and bool(_TIME.search(value)))
    return f"; if the column holds the times, pass time={str(column)!r}" if looks else ""
