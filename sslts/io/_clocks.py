"""Columns of times: reading them, the sampling rate, joining of files, cutting at pauses, and the regular grid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.io._files import Failures
from sslts.io._signals import Signal, SignalOptions, make_stamp, name_row
from sslts.recordings import FilePart

RATE_TOLERANCE = 0.02  # relative; clocks are rounded and run slightly fast or slow
_SNAP = 2e-4  # relative; a rate so near to a whole number, or period, is meant to be it
_NEAR = 0.75  # of a period: rows so near to their points of the grid are the grid
_SLOW = 1.25  # of a period: a point between two rows with such a step is no gap
_ODD = 1.5  # of a period: a longer step is a gap
_SPARSE = 10  # a grid with more than so many points for each row stems from a clock that jumps
_UNIX = 1e8  # seconds; larger numbers are Unix times
_OFFSET = re.compile(r"\d(Z|[+-]\d\d:?(\d\d)?)$")
_SECOND = 1_000_000_000
TIME_NAMES = {
    "time", "timestamp", "time_stamp", "datetime", "date_time", "date", "clock", "t", "time_s", "seconds",
    "time (s)", "time [s]", "time(s)", "time[s]",
}  # fmt: skip


def add_times(signal: Signal, values: np.ndarray, key: str, options: SignalOptions) -> Signal:
    """Return a signal with the times of its samples, which stand in another array of its file."""
    if values.shape != (signal.values.shape[1],):
        raise ValueError(
            f"{signal.path}: {key} has shape {values.shape}, and {signal.name} has {signal.values.shape[1]} samples."
        )
    if values.dtype.kind in "OS":
        values = np.array(
            [value.decode() if isinstance(value, bytes) else str(value) for value in values], dtype=object
        )
    times, clock = read_times(pd.Series(values), options, f"{signal.path}, {key}", None)
    return replace(signal, times=times, clock=clock)


def find_times(names: Iterable[str], options: SignalOptions, path: Path) -> str | None:
    """Return the array of times among those of a file: the one that is told, or one with a usual name."""
    there = list(names)
    if isinstance(options.time, str):
        if options.time not in there:
            raise ValueError(f"{path} has no array {options.time!r}; it has {shorten(there)}. Pass time.")
        return options.time
    return next((name for name in there if name.lower() in TIME_NAMES and name not in (options.channels or ())), None)


def read_times(column: pd.Series, options: SignalOptions, place: str, n_headers: int | None) -> tuple[np.ndarray, Any]:
    """Return a column of times as nanoseconds, and what they count from (see `Signal`).

    Raises
    ------
    ValueError
        If a value is no time; the message names the row.
    """
    if column.dtype.kind in "iuf" and options.time_format is None:
        return _read_numbers(column, place, n_headers)
    stamps = parse_stamps(column, options.time_format, options.timezone, place, n_headers)
    clock = False if stamps.dt.tz is None else stamps.dt.tz
    naive = stamps if clock is False else stamps.dt.tz_convert("UTC").dt.tz_localize(None)
    return naive.to_numpy().astype("datetime64[ns]").astype(np.int64), clock


def _read_numbers(column: pd.Series, place: str, n_headers: int | None) -> tuple[np.ndarray, Any]:
    numbers = column.to_numpy()
    broken = np.flatnonzero(~np.isfinite(numbers.astype(np.float64)))
    if broken.size:
        where = name_row(int(broken[0]), n_headers)
        raise ValueError(f"{place}, {where}: the time is missing; fill it or remove the row.")
    largest = float(np.abs(numbers.astype(np.float64)).max(initial=0))
    factor = _SECOND
    for limit in (1e11, 1e14, 1e17):
        factor //= 1000 if largest >= limit else 1
    factor = max(factor, 1)
    exact = numbers.astype(np.int64) * factor if numbers.dtype.kind in "iu" else np.round(numbers * factor)
    clock = "UTC" if numbers.size and float(np.abs(numbers[0])) >= _UNIX else None
    return exact.astype(np.int64), clock


def parse_stamps(column: pd.Series, form: str | None, zone: Any, place: str, n_headers: int | None) -> pd.Series:
    """Return a column of dates as timestamps, in a time zone if they have one or ``zone`` is given."""
    stamps = column
    if column.dtype.kind != "M":
        stamps = _parse_text(column, form, place, n_headers)
    gone = np.flatnonzero(stamps.isna().to_numpy())
    if gone.size:
        raise ValueError(
            f"{place}, {name_row(int(gone[0]), n_headers)}: the time is missing; fill it or remove the row."
        )
    if stamps.dt.tz is None and zone is not None:
        try:
            return stamps.dt.tz_localize(zone)
        except (ValueError, KeyError) as error:  # an hour that occurs twice, or not at all
            raise ValueError(
                f"{place}: the times are not unique in the time zone {zone} ({error}); write them with their offset "
                "from UTC."
            ) from error
    return stamps


def _parse_text(column: pd.Series, form: str | None, place: str, n_headers: int | None) -> pd.Series:
    first = column.iloc[0] if len(column) else ""
    aware = bool(_OFFSET.search(str(first).strip())) if form is None else "%z" in form
    options: dict[str, Any] = {"format": form or "ISO8601", "utc": aware}
    try:
        return pd.to_datetime(column, **options)
    except (ValueError, TypeError) as error:
        bad = np.flatnonzero(pd.to_datetime(column, errors="coerce", **options).isna().to_numpy())
        row = int(bad[0]) if bad.size else 0
        fix = (
            "correct it"
            if form
            else "write ISO dates such as 2026-03-02 08:00:00.5, or pass time_format='%d.%m.%Y %H:%M:%S'"
        )
        raise ValueError(
            f"{place}, {name_row(row, n_headers)}: {shorten(column.iloc[row])} is no time; {fix}."
        ) from error


def estimate_rate(signal: Signal) -> float | None:
    """Return the samples per second of a column of times; None for one row.

    Raises
    ------
    ValueError
        If the clock stands still or jumps back; the message names the row.
    """
    times = signal.times
    if times is None or len(times) < 2:
        return None
    steps = np.diff(times)
    back = np.flatnonzero(steps <= 0)
    if back.size:
        row = int(back[0]) + 1
        what = "repeats the time before" if steps[back[0]] == 0 else "jumps back"
        raise ValueError(
            f"{signal.path}, {signal.name_row(row)}: the clock {what} ({_show(signal, row - 1)}, then "
            f"{_show(signal, row)}); sort or correct the rows, cut the file there, or pass time=False and "
            "sampling_rate."
        )
    usual = float(np.median(steps))
    return _snap(_SECOND / float(steps[steps < _ODD * usual].mean()), int(times[-1] - times[0]))


def _show(signal: Signal, row: int) -> str:
    assert signal.times is not None
    return f"{signal.times[row] / _SECOND:g} s" if signal.clock is None else str(signal.read_clock(row))


def _snap(rate: float, duration: int) -> float:
    """Return a whole rate or a whole period in milliseconds if it is so near that no sample of the grid moves."""
    candidates = [float(round(rate)), 1000 / round(1000 / rate) if rate < 1000 else rate]
    for candidate in candidates:
        drift = abs(candidate / rate - 1)
        if candidate > 0 and drift < _SNAP and drift * rate * duration / _SECOND < _NEAR:
            return candidate
    return rate


@dataclass(frozen=True, eq=False)
class _Piece:
    """Rows ``first:last`` of a file, without a pause: its piece ``number``, from 1."""

    signal: Signal
    first: int
    last: int
    number: int = 1

    @property
    def name(self) -> str:
        return self.signal.name if self.number == 1 else f"{self.signal.name}#{self.number}"

    @property
    def times(self) -> np.ndarray:
        assert self.signal.times is not None
        return self.signal.times[self.first : self.last]

    @property
    def values(self) -> np.ndarray:
        whole = self.first == 0 and self.last == self.signal.values.shape[1]
        return self.signal.values if whole else self.signal.values[:, self.first : self.last]

    def locate(self, begin: int, period: float) -> FilePart:
        """Return where the piece stands in a recording whose first sample is at ``begin``."""
        assert self.signal.times is not None
        first, last = int(self.times[0]), int(self.times[-1])
        start, offset = (round((first - zero) / period) for zero in (begin, int(self.signal.times[0])))
        return FilePart(self.signal.name, start, offset, round((last - first) / period) + 1)


def place_on_grid(signals: Sequence[Signal], max_gap: float | None, join: bool, failures: Failures) -> list[Signal]:
    """Return signals with a column of times on regular grids: joined where files follow one another, cut at pauses.

    The grid has the sampling rate of the signal. Signals without a column of times stay as they are.
    """
    done = [signal for signal in signals if signal.times is None]
    chains: list[list[_Piece]] = []
    for stream in _list_streams([signal for signal in signals if signal.times is not None], join):
        chains += _chain(stream, max_gap, failures)
    for chain in chains:
        try:
            done.append(_join(chain))
        except ValueError as error:
            failures.add(chain[0].signal.path, error)
    position = {id(signal.path): i for i, signal in enumerate(signals)}
    return sorted(done, key=lambda signal: position[id(signal.path)])


def _list_streams(signals: list[Signal], join: bool) -> list[list[Signal]]:
    """Return the files of each folder in the order of their clocks; a file without a clock is a stream of its own."""
    streams: dict[Any, list[Signal]] = {}
    for signal in signals:
        alone = not join or signal.clock is None
        streams.setdefault(id(signal) if alone else signal.path.parent, []).append(signal)
    return [sorted(stream, key=lambda s: int(s.times[0])) for stream in streams.values()]  # type: ignore[index]


def _chain(stream: list[Signal], max_gap: float | None, failures: Failures) -> list[list[_Piece]]:
    """Return the pieces of each recording of a stream."""
    chains: list[list[_Piece]] = []
    last: Signal | None = None
    for signal in stream:
        if last is not None and (error := _find_clash(last, signal)):
            failures.add(signal.path, ValueError(error))
            continue
        assert signal.times is not None
        pieces = _cut(signal, max_gap)
        if last is not None and _follows(last, signal, max_gap):
            chains[-1].append(pieces.pop(0))
        chains += [[piece] for piece in pieces]
        last = signal
    return chains


def _find_clash(last: Signal, signal: Signal) -> str | None:
    assert last.times is not None
    assert signal.times is not None
    if (last.clock is False) != (signal.clock is False):
        return f"{signal.path}: only one of its clock and that of {last.path.name} has a time zone; pass timezone."
    if signal.times[0] > last.times[-1]:
        return None
    return (
        f"{signal.path}, {signal.name_row(0)}: the clock begins at {signal.read_clock(0)} and overlaps "
        f"{last.path.name}, which ends at {last.read_clock(-1)}; pass join=False if the files "
        "are of different sensors, else remove one."
    )


def _follows(last: Signal, signal: Signal, max_gap: float | None) -> bool:
    """Return whether the pause between two files is at most ``max_gap``, or one step if it is None."""
    assert last.times is not None
    assert signal.times is not None
    longest = max(_ODD / _get_rate(signal), max_gap or 0) * _SECOND
    return signal.sampling_rate == last.sampling_rate and bool(signal.times[0] - last.times[-1] <= longest)


def _get_rate(signal: Signal) -> float:
    assert signal.sampling_rate is not None
    return signal.sampling_rate


def _cut(signal: Signal, max_gap: float | None) -> list[_Piece]:
    assert signal.times is not None
    n = len(signal.times)
    longest = np.inf if max_gap is None else max(max_gap, _ODD / _get_rate(signal)) * _SECOND
    cuts = (np.flatnonzero(np.diff(signal.times) > longest) + 1).tolist()
    bounds = zip([0, *cuts], [*cuts, n], strict=True)
    return [_Piece(signal, a, b, number) for number, (a, b) in enumerate(bounds, start=1)]


def _join(chain: list[_Piece]) -> Signal:
    """Return one recording on a grid, NaN where a row is missing."""
    first = chain[0].signal
    times = chain[0].times if len(chain) == 1 else np.concatenate([piece.times for piece in chain])
    values = chain[0].values
    if len(chain) > 1:
        values = np.concatenate([piece.values[:, :] for piece in chain], axis=1)
    period = _SECOND / _get_rate(first)
    n_points = round((times[-1] - times[0]) / period) + 1
    if n_points > _SPARSE * len(times) + _SPARSE:
        row = int(np.argmax(np.diff(times))) + 1
        raise ValueError(_describe_jump(chain, row, times))
    start = None if first.clock is None else make_stamp(int(times[0]), first.clock)
    name = chain[0].name if len(chain) == 1 else f"{chain[0].name}..{chain[-1].name.rsplit('/', 1)[-1]}"
    parts = tuple(piece.locate(int(times[0]), period) for piece in chain)
    kept = find_nearest(times, period, n_points)
    if kept is not None:
        values = np.where(kept < 0, np.nan, values[:, :][:, kept])
    return replace(first, name=name, values=values, start=start, times=None, parts=parts)


def _describe_jump(chain: list[_Piece], row: int, times: np.ndarray) -> str:
    seconds = (times[row] - times[row - 1]) / _SECOND
    for piece in chain:
        if row < len(piece.times):
            break
        row -= len(piece.times)
    place = f"{piece.signal.path}, {piece.signal.name_row(piece.first + row)}"
    return (
        f"{place}: the clock jumps by {seconds:g} seconds; pass max_gap in seconds to cut there, or correct the clock."
    )


def find_nearest(times: np.ndarray, period: float, n_points: int) -> np.ndarray | None:
    """Return the row at each point of the grid, -1 where no row is near; None if they are the rows themselves.

    Examples
    --------
    >>> find_nearest(np.array([0, 10, 31, 40]), 10.0, 5)
    array([ 0,  1, -1,  2,  3])
    """
    grid = times[0] + np.round(np.arange(n_points) * period).astype(np.int64)
    if n_points == len(times) and np.abs(times - grid).max() < _NEAR * period:
        return None
    after = np.minimum(np.searchsorted(times, grid), len(times) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(np.abs(times[before] - grid) <= np.abs(times[after] - grid), before, after)
    is_own = np.abs(times[nearest] - grid) <= period / 2
    is_skipped = times[after] - times[before] < _SLOW * period  # by a clock that is slower than the grid
    return np.where(is_own | is_skipped, nearest, -1)
