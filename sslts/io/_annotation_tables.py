"""Annotations in tables: CSV, TSV, Parquet and Excel, one row for each segment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.io._clocks import parse_stamps
from sslts.io._labels import LabelOptions, Labels, Unit
from sslts.io._signals import name_row
from sslts.io._tables import read_frame

_NAMES = {
    "recording": ("recording", "file", "filename", "file_name", "record", "name", "path", "source"),
    "start": ("start", "begin", "onset", "from", "start_sample", "start_time", "start_s", "from_s", "start_clock"),
    "end": ("end", "stop", "offset", "to", "end_sample", "end_time", "end_s", "to_s", "stop_time", "end_clock"),
    "label": ("label", "event", "class", "annotation", "text", "category", "state", "stage", "activity", "description"),
}
_LENGTHS = ("duration", "length", "duration_s")
_HINTS: dict[str, Unit] = {"_clock": "clock", "_time": "seconds", "_s": "seconds", "_sample": "samples"}
_EXTRAS = ("score", "origin", "lead_time")


def read_label_table(path: Path, options: LabelOptions) -> Labels:
    """Return the segments in a table.

    Raises
    ------
    ValueError
        If a column is missing, or a value is unusable; the message names file, row and fix.
    """
    frame, n_headers = read_frame(path, options.table)
    columns = {wanted: _find_column(frame, wanted, options, path) for wanted in _NAMES}
    start, unit = _read_column(frame[columns["start"]], columns["start"], options, path, n_headers)
    end = _read_end(frame, columns["end"], start, unit, options, path, n_headers)
    table = pd.DataFrame({"start": start, "end": end, "label": frame[columns["label"]], "row": np.arange(len(frame))})
    name = columns["recording"]
    table.insert(0, "recording", None if name is None else frame[name].astype(object))
    for extra in _EXTRAS:
        if extra in frame.columns and extra not in columns.values():
            table[extra] = frame[extra]
    return Labels(path, table, unit, None, n_headers)


def _find_column(frame: pd.DataFrame, wanted: str, options: LabelOptions, path: Path) -> Any:
    """Return the column of recordings, starts, ends or labels: told by the user, or found by its name."""
    told = options.columns or {}
    if wanted in told:
        if told[wanted] is not None and told[wanted] not in frame.columns:
            raise ValueError(f"{path} has no column {told[wanted]!r}; it has {shorten(list(frame.columns))}.")
        return told[wanted]
    lower = {str(column).strip().lower(): column for column in frame.columns}
    found = next((lower[name] for name in _NAMES[wanted] if name in lower), None)
    if found is None and wanted == "end":
        found = next((lower[name] for name in _LENGTHS if name in lower), None)
    if found is None and wanted != "recording":
        raise ValueError(
            f"{path} has no column for {wanted}; it has {shorten(list(frame.columns))}. Pass "
            f"columns={{'{wanted}': the name of the column}}."
        )
    return found


def _read_end(
    frame: pd.DataFrame, name: Any, start: pd.Series, unit: Unit, options: LabelOptions, path: Path, n_headers: Any
) -> pd.Series:
    """Return the ends in the unit of the starts; a column of lengths is added to the starts."""
    if str(name).strip().lower() not in _LENGTHS:
        end, other = _read_column(frame[name], name, options, path, n_headers)
        if other != unit and "clock" in (unit, other):
            raise ValueError(f"{path}: start and end have different units, {unit} and {other}; write both in one.")
        return end
    lengths = _read_numbers(frame[name], name, path, n_headers)
    return start + (pd.to_timedelta(lengths, unit="s") if unit == "clock" else lengths)


def _read_column(
    column: pd.Series, name: Any, options: LabelOptions, path: Path, n_headers: int | None
) -> tuple[pd.Series, Unit]:
    """Return a column of times, and its unit: told by the user, or found by its name and its values."""
    place = f"{path}, column {name!r}"
    unit: Unit = options.unit or _guess_unit(column, str(name))
    if unit == "clock":
        return parse_stamps(column, options.table.time_format, options.timezone, place, n_headers), unit
    return _read_numbers(column, name, path, n_headers), unit


def _guess_unit(column: pd.Series, name: str) -> Unit:
    """Return the unit of a column: dates are clock times, whole numbers are samples, other numbers are seconds."""
    if column.dtype.kind not in "iufb":
        numbers = pd.to_numeric(column, errors="coerce") if column.dtype.kind != "M" else None
        if numbers is None or (len(column) and bool(numbers.isna().all())):
            return "clock"
    hint = next((unit for ending, unit in _HINTS.items() if name.strip().lower().endswith(ending)), None)
    if hint is not None and hint != "clock":
        return hint
    return "seconds" if column.dtype.kind == "f" else "samples"


def _read_numbers(column: pd.Series, name: Any, path: Path, n_headers: int | None) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    bad = np.flatnonzero(~np.isfinite(numbers.to_numpy(np.float64, na_value=np.nan)))
    if bad.size:
        row = int(bad[0])
        raise ValueError(
            f"{path}, {name_row(row, n_headers)}, column {name!r}: {_describe(column.iloc[row])}; correct or remove "
            "the row."
        )
    return numbers


def _describe(value: Any) -> str:
    return "the value is missing" if pd.isna(value) else f"{shorten(value)} is no number"
