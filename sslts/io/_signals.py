"""The value that each reader of signals returns, and arrays that are read from their file when they are sliced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.recordings import FilePart


@dataclass(frozen=True)
class SignalOptions:
    """What the user says about files of signals; `read_recordings` documents each of them."""

    time: str | bool | None = None
    channels: tuple[str, ...] | None = None
    sampling_rate: float | None = None
    timezone: Any = None
    time_format: str | None = None
    separator: str | None = None
    decimal: str = "."
    encoding: str = "utf-8"
    key: Any = None


@dataclass(frozen=True, eq=False)
class Signal:
    """One recording as it stands in a file.

    Parameters
    ----------
    name : str
        Name of the recording.
    path : Path
        Its file, for messages.
    values : array-like of shape (C, T)
        An array, or an object that reads the file when it is sliced.
    channel_names : tuple of str or None
    sampling_rate : float or None
        Samples per second, as the file says.
    start : pandas.Timestamp or None
        Time of the first sample.
    times : ndarray of int64, shape (T,), or None
        Nanoseconds of each row, if the file has a column of times that is not yet on a grid.
    clock : Any
        What the times count from: None for an unknown origin, False for a clock without a time zone, else its zone.
    n_headers : int or None
        Lines before the first row, so that messages name lines; None if the file has no lines.
    parts : tuple of FilePart
        The files that were joined into this recording; empty if it is one whole file.
    """

    name: str
    path: Path
    values: Any
    channel_names: tuple[str, ...] | None = None
    sampling_rate: float | None = None
    start: pd.Timestamp | None = None
    times: np.ndarray | None = None
    clock: Any = None
    n_headers: int | None = None
    parts: tuple[FilePart, ...] = ()

    def name_row(self, row: int) -> str:
        """Return a row of the file for a message: its number from 0 and, in files of text, its line."""
        return name_row(row, self.n_headers)

    def read_clock(self, row: int) -> pd.Timestamp:
        """Return the time of a row on the clock."""
        assert self.times is not None
        return make_stamp(int(self.times[row]), self.clock)


def name_row(row: int, n_headers: int | None) -> str:
    """Return a row of a table for a message.

    Examples
    --------
    >>> name_row(3, 1), name_row(3, None)
    ('row 3 (line 5)', 'row 3')
    """
    return f"row {row}" if n_headers is None else f"row {row} (line {row + n_headers + 1})"


def make_stamp(nanoseconds: int, clock: Any) -> pd.Timestamp:
    """Return a time, in the zone of the clock; False is a clock without a zone."""
    if clock is False:
        return pd.Timestamp(nanoseconds, unit="ns")
    return pd.Timestamp(nanoseconds, unit="ns", tz="UTC").tz_convert(clock)


class LazyArray:
    """A recording of shape (C, T) whose file is opened when the array is sliced.

    A subclass defines ``_read(start, stop)``, which returns all channels of a stretch, (C, stop - start).
    """

    def __init__(self, path: Path, shape: tuple[int, int], dtype: Any) -> None:
        self.path, self.shape, self.dtype = path, shape, np.dtype(dtype)

    ndim = 2

    def _read(self, start: int, stop: int) -> np.ndarray:
        raise NotImplementedError

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        if rows is Ellipsis:
            rows = slice(None)
        if not isinstance(columns, slice):
            column = range(self.shape[1])[columns]
            return self._read(column, column + 1)[rows, 0]
        start, stop, step = columns.indices(self.shape[1])
        if step != 1:
            return self._read(0, self.shape[1])[rows, columns]
        return self._read(start, max(start, stop))[rows]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r}, shape={self.shape})"


def choose_channels(there: Iterable[str], options: SignalOptions, path: Path) -> list[int]:
    """Return the positions of the wanted channels among the names of those that a file has."""
    names = list(there)
    if options.channels is None:
        return list(range(len(names)))
    missing = [channel for channel in options.channels if channel not in names]
    if missing:
        raise ValueError(
            f"{path} has no channel {missing[0]!r}; it has {shorten(names)}. Pass channels that all files have."
        )
    return [names.index(channel) for channel in options.channels]
