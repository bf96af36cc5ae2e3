"""The function `read_recordings`: files of signals as `Recordings`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten, warn
from sslts.io import _arrays, _audio, _edf, _hdf5, _tables, _wfdb, _zarr
from sslts.io._clocks import RATE_TOLERANCE, estimate_rate, place_on_grid
from sslts.io._files import Failures, OnError, find_suffix, list_files, name_files, read_each
from sslts.io._resampling import resample_signal
from sslts.io._signals import Signal, SignalOptions
from sslts.recordings import FilePart, Recordings, check_sampling_rate

_Read = Callable[[Path, str, SignalOptions], list[Signal]]

_READERS: dict[str, _Read] = {
    **dict.fromkeys(_tables.SUFFIXES, _tables.read_table_signal),
    ".npy": _arrays.read_npy_signals,
    ".npz": _arrays.read_npz_signals,
    **dict.fromkeys(_audio.SUFFIXES, _audio.read_sound_signal),
    **dict.fromkeys(_wfdb.SUFFIXES, _wfdb.read_wfdb_signal),
    **dict.fromkeys(_edf.SUFFIXES, _edf.read_edf_signal),
    **dict.fromkeys(_hdf5.SUFFIXES, _hdf5.read_hdf5_signals),
    **dict.fromkeys(_zarr.SUFFIXES, _zarr.read_zarr_signals),
}


_FEW = 20  # steps of a channel, from which on it may be recognized as a time
_TIMED = (_tables.read_table_signal, _arrays.read_npz_signals, _hdf5.read_hdf5_signals, _zarr.read_zarr_signals)


def read_recordings(
    paths_or_pattern: Any,
    *,
    time: str | bool | None = None,
    channels: str | Sequence[str] | None = None,
    sampling_rate: float | None = None,
    max_gap: float | str | None = None,
    on_error: OnError = "raise",
    join: bool = True,
    resample: bool = False,
    timezone: Any = None,
    time_format: str | None = None,
    separator: str | None = None,
    decimal: str = ".",
    encoding: str = "utf-8",
    key: Any = None,
    progress: bool | None = None,
) -> Recordings:
    """Read files of signals.

    The suffix of a file says its format: CSV and TSV (``.csv``, ``.tsv``, also compressed), Parquet, Excel, NumPy
    (``.npy``, ``.npz``), sound (``.wav``, ``.flac``), WFDB (``.hea``, or the name of a record), EDF and BDF, HDF5
    (``.h5``) and zarr. Tables have one row for each sample, and are read at once. Files of the other formats are opened
    when samples are needed, so that ten thousand long files fit into memory.

    Parameters
    ----------
    paths_or_pattern : path or sequence of paths
        A file, a folder, a pattern such as ``"data/*.csv"``, or a list of them.
    time : str, bool or None, default=None
        The column of times in tables, or the array of times in NPZ, HDF5 and zarr: dates, or seconds. None finds it if
        it has a usual name, such as ``time``; False takes no times. Rows are put on a regular grid; a missing row is
        NaN.
    channels : str, sequence of str, or None, default=None
        The channels to read, by name; None reads all.
    sampling_rate : float or None, default=None
        Samples per second. None takes the rate that the files say, by their times or their headers.
    max_gap : float, text or None, default=None
        The longest pause in a clock, in seconds or as a text such as ``"10s"``. At a longer pause, a new recording
        begins; shorter gaps are NaN. None: gaps are NaN, however long, and files that do not follow at once stay apart.
    on_error : {"raise", "warn"}, default="raise"
        Whether files that cannot be read raise an error, which names them all, or are left out with a warning.
    join : bool, default=True
        Whether files of a folder whose clocks follow one another become one recording.
    resample : bool, default=False
        Whether to resample files of another rate than ``sampling_rate``; otherwise they are refused.
    timezone : str, tzinfo or None, default=None
        The time zone of clocks without one.
    time_format : str or None, default=None
        The format of times as in ``strptime``, such as ``"%d.%m.%Y %H:%M:%S"``; None reads ISO dates.
    separator : str or None, default=None
        The separator of text tables; None finds it in the first line.
    decimal, encoding : str
        The decimal mark and the encoding of text tables.
    key : str, int or None, default=None
        The sheet of Excel files, the array of NPZ files, the array or group of HDF5 and zarr.
    progress : bool or None, default=None
        Whether to show a bar; None shows it for many files, in a terminal.

    Returns
    -------
    Recordings
        One recording for each file, unless files are joined or cut. Its names are the names of the files without
        suffix, with their folders where needed; joined files are ``"first..last"``, and later parts of a file that was
        cut are ``"name#2"`` and so on. ``files`` holds where each file went.

    Raises
    ------
    ValueError
        If files cannot be read or do not fit together; the message names file, row and fix.
    FileNotFoundError
        If a path or pattern names no file.
    ImportError
        If the library for a format is missing; the message names the extra to install.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from sslts.io import read_recordings
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pd.DataFrame({"time": [0.0, 0.5, 1.0], "x": [1, 2, 3]})
    ...     table.to_csv(Path(folder) / "monday.csv", index=False)
    ...     recordings = read_recordings(f"{folder}/*.csv")
    >>> recordings.names, recordings.channel_names, recordings.sampling_rate
    (('monday',), ('x',), 2.0)
    """
    check_sampling_rate(sampling_rate)
    wanted = (channels,) if isinstance(channels, str) else None if channels is None else tuple(channels)
    options = SignalOptions(
        time, wanted, sampling_rate, timezone, time_format, separator, decimal, encoding, key
    )  # fmt: skip
    failures = Failures(on_error)
    signals = _read_files(paths_or_pattern, options, failures, progress)
    signals = _check_channels(signals, failures)
    signals, rate = _agree_on_rate(signals, sampling_rate, resample, failures)
    signals = place_on_grid(signals, _read_gap(max_gap), join, failures)
    if resample and rate is not None:
        signals = [resample_signal(signal, rate) for signal in signals]
    failures.report(len({signal.path for signal in signals}))
    if time is None and channels is None:
        _warn_of_time(signals)
    return _gather(signals, rate)


def list_recordings(paths_or_pattern: Any) -> list[str]:
    """Return the paths of the files that `read_recordings` would read, in its order.

    Parameters
    ----------
    paths_or_pattern : path or sequence of paths
        A file, a folder, a pattern such as ``"data/*.csv"``, or a list of them.

    Returns
    -------
    list of str

    Raises
    ------
    FileNotFoundError
        If a path or pattern names no file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sslts.io import list_recordings
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("day 10.npy", "day 9.npy", "notes.md"):
    ...         Path(folder, name).touch()
    ...     [Path(path).name for path in list_recordings(folder)]
    ['day 9.npy', 'day 10.npy']
    """
    return [str(path) for path in list_files(paths_or_pattern, _READERS, "paths_or_pattern")]


def _read_files(given: Any, options: SignalOptions, failures: Failures, progress: bool | None) -> list[Signal]:
    paths = list_files(given, _READERS, "paths_or_pattern")
    names = name_files(paths)

    def read(i: int) -> list[Signal]:
        reader = _find_reader(paths[i])
        if isinstance(options.time, str) and reader not in _TIMED:
            raise ValueError(f"{paths[i]}: time={options.time!r}, and the format has no columns; leave it out.")
        return reader(paths[i], names[i], options)

    return [signal for some in read_each(paths, read, failures, progress, "read") for signal in some]


def _find_reader(path: Path) -> _Read:
    suffix = find_suffix(path)
    if suffix not in _READERS and path.with_name(f"{path.name}.hea").exists():
        return _wfdb.read_wfdb_signal
    if suffix == ".txt":
        return _tables.read_table_signal
    if suffix not in _READERS:
        raise ValueError(f"{path}: the suffix {suffix!r} is unknown; known are {', '.join(sorted(_READERS))}.")
    return _READERS[suffix]


def _warn_of_time(signals: list[Signal]) -> None:
    """Warn if a channel of the first table without times rises as steadily as a time does."""
    tables = (s for s in signals if s.channel_names and not s.parts and isinstance(s.values, np.ndarray))
    signal = next(tables, None)
    if signal is None or len(signal.values) < 2 or signal.values.shape[1] <= _FEW:
        return
    steps = np.diff(signal.values, axis=1)
    steady = (steps > 0).all(axis=1) & (steps.max(axis=1) < 1.5 * np.median(steps, axis=1))
    for k in np.flatnonzero(steady)[:1]:
        name = (signal.channel_names or ())[k]
        warn(
            f"{signal.path}: the column {name!r} rises as steadily as a time, and is read as a channel. If it is the "
            f"time, pass time={name!r}; else pass channels."
        )


def _read_gap(max_gap: float | str | None) -> float | None:
    """Return the longest pause in seconds."""
    if max_gap is None:
        return None
    seconds = pd.Timedelta(max_gap).total_seconds() if isinstance(max_gap, str) else float(max_gap)
    if not seconds > 0:
        raise ValueError(f"max_gap={shorten(max_gap)}; give seconds above 0, or a text such as '10s'.")
    return seconds


def _check_channels(signals: list[Signal], failures: Failures) -> list[Signal]:
    """Return the signals with the channels that most files have, in one order; the other files fail."""
    counts = Counter(_key_channels(signal) for signal in signals)
    if len(counts) < 2:
        return [_order(signal, signals[0].channel_names) for signal in signals]
    usual = counts.most_common(1)[0][0]
    model = next(signal for signal in signals if _key_channels(signal) == usual)
    kept = []
    for signal in signals:
        if _key_channels(signal) == usual:
            kept.append(_order(signal, model.channel_names))
        else:
            failures.add(signal.path, ValueError(_describe_channels(signal, model)))
    return kept


def _key_channels(signal: Signal) -> Any:
    return signal.values.shape[0] if signal.channel_names is None else tuple(sorted(signal.channel_names))


def _describe_channels(signal: Signal, model: Signal) -> str:
    if signal.channel_names is None or model.channel_names is None:
        counts = f"{signal.values.shape[0]} channels, {model.path.name} has {model.values.shape[0]}"
        return f"{signal.path} has {counts}, and only one of the two names them; read them apart."
    missing = [channel for channel in model.channel_names if channel not in signal.channel_names]
    extra = [channel for channel in signal.channel_names if channel not in model.channel_names]
    shared = [channel for channel in model.channel_names if channel in signal.channel_names]
    what = f"has no column {missing[0]!r}, which" if missing else f"has the column {extra[0]!r}, which not"
    fix = f"pass channels={shorten(shared)}" if shared else "pass channels"
    return f"{signal.path} {what} {model.path.name} has; {fix}, or correct the file."


def _order(signal: Signal, names: tuple[str, ...] | None) -> Signal:
    """Return a signal with its channels in the order of the names."""
    if names is None or signal.channel_names == names or signal.channel_names is None:
        return signal
    order = [signal.channel_names.index(name) for name in names]
    return replace(signal, values=np.asarray(signal.values[:, :])[order], channel_names=names)


def _agree_on_rate(
    signals: list[Signal], wanted: float | None, resample: bool, failures: Failures
) -> tuple[list[Signal], float | None]:
    """Return the signals with their own rates, and the rate of all; files of another rate fail."""
    measured = []
    for signal in signals:
        try:
            own = estimate_rate(signal) if signal.times is not None else signal.sampling_rate
            measured.append(replace(signal, sampling_rate=own))
        except ValueError as error:
            failures.add(signal.path, error)
    rates = [signal.sampling_rate for signal in measured if signal.sampling_rate is not None]
    rate = wanted if wanted is not None else Counter(rates).most_common(1)[0][0] if rates else None
    kept = []
    for signal in measured:
        own = signal.sampling_rate
        if rate is None and signal.times is not None:
            failures.add(signal.path, ValueError("the file has one row, so its rate is unknown; pass sampling_rate."))
        elif rate is None or own is None or _is_near(own, rate):
            kept.append(replace(signal, sampling_rate=rate))
        elif resample:
            kept.append(signal)
        else:
            failures.add(signal.path, ValueError(_describe_rate(signal, rate, wanted)))
    return kept, rate


def _is_near(rate: float, other: float) -> bool:
    return abs(rate / other - 1) <= RATE_TOLERANCE


def _describe_rate(signal: Signal, rate: float, wanted: float | None) -> str:
    other = "or read the file apart" if signal.times is None else "or time=False if the column is no time in seconds"
    source = "sampling_rate is" if wanted is not None else "other files have"
    return (
        f"{signal.path} has {signal.sampling_rate:g} samples per second, {source} {rate:g}; pass "
        f"sampling_rate={rate:g} and resample=True, {other}."
    )


def _gather(signals: list[Signal], rate: float | None) -> Recordings:
    """Return the recordings of signals that fit together."""
    starts = [signal.start for signal in signals]
    recordings = Recordings.from_arrays(
        [signal.values for signal in signals],
        names=[signal.name for signal in signals],
        channel_names=signals[0].channel_names,
        sampling_rate=rate,
        starts=starts if any(start is not None for start in starts) else None,
    )
    joined = any(len(signal.parts) > 1 or (signal.parts and signal.parts[0].offset) for signal in signals)
    return replace(recordings, files=tuple(map(_list_parts, signals))) if joined else recordings


def _list_parts(signal: Signal) -> tuple[FilePart, ...]:
    return signal.parts or (FilePart(signal.name, 0, 0, int(signal.values.shape[1])),)
