"""Signals in NPY and NPZ files."""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from sslts._notices import shorten
from sslts.io._clocks import add_times, find_times
from sslts.io._signals import LazyArray, Signal, SignalOptions

SUFFIXES = (".npy", ".npz")
_SIGNALS = ("x", "signal", "signals", "data", "values", "arr_0")
_RATES = ("sampling_rate", "fs", "sampling_frequency", "sfreq", "rate")


class _Npy(LazyArray):
    """One recording of an NPY file, which is mapped into memory while it is read."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: Any, row: int | None) -> None:
        super().__init__(path, _get_two(shape[-2:]), dtype)
        self.row = row

    def _read(self, start: int, stop: int) -> np.ndarray:
        array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        values = array if self.row is None else array[self.row]
        return np.array(np.atleast_2d(values)[:, start:stop])


class _Npz(LazyArray):
    """One recording of an NPZ file; the array is read whole, and the last arrays are kept."""

    def __init__(self, path: Path, key: str, shape: tuple[int, ...], dtype: Any, row: int | None) -> None:
        super().__init__(path, _get_two(shape[-2:]), dtype)
        self.key, self.row = key, row

    def _read(self, start: int, stop: int) -> np.ndarray:
        array = _load_member(str(self.path), self.key, self.path.stat().st_mtime_ns)
        return np.atleast_2d(array if self.row is None else array[self.row])[:, start:stop]


@lru_cache(maxsize=4)
def _load_member(path: str, key: str, _changed: int) -> np.ndarray:
    """Return an array of an NPZ file; a file with another date is read anew."""
    with np.load(path, allow_pickle=False) as archive:
        return archive[key]


def read_npy_signals(path: Path, name: str, options: SignalOptions) -> list[Signal]:
    """Return the recording, ``(T,)`` or ``(C, T)``, or the recordings, ``(n, C, T)``, in an NPY file."""
    check_no_names(path, options)
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    check_array(path, path.name, array.shape, array.dtype)
    return [
        Signal(numbered, path, _Npy(path, array.shape, array.dtype, row))
        for numbered, row in number_rows(name, array.shape)
    ]


def read_npz_signals(path: Path, name: str, options: SignalOptions) -> list[Signal]:
    """Return the recordings in an array of an NPZ file."""
    check_no_names(path, options)
    with np.load(path, allow_pickle=False) as archive:
        time = find_times(archive.files, options, path)
        key = _choose_key([name for name in archive.files if name != time], options.key, path)
        times = None if time is None or options.time is False else archive[time]
        rate = next((float(archive[k]) for k in _RATES if k in archive.files and archive[k].size == 1), None)
    shape, dtype = _read_header(path, key)
    check_array(path, key, shape, dtype)
    signals = [
        Signal(numbered, path, _Npz(path, key, shape, dtype, row), sampling_rate=rate)
        for numbered, row in number_rows(name, shape)
    ]
    return signals if times is None else [add_times(signal, times, str(time), options) for signal in signals]


def _choose_key(keys: list[str], wanted: Any, path: Path) -> str:
    if wanted is not None and wanted not in keys:
        raise ValueError(f"{path} has no array {wanted!r}; it has {shorten(keys)}. Pass key.")
    left = [key for key in keys if key.lower() not in _RATES]
    usual = [key for key in left if key.lower() in _SIGNALS]
    chosen = wanted if wanted is not None else next(iter(usual or (left if len(left) == 1 else [])), None)
    if chosen is None:
        raise ValueError(f"{path} has the arrays {shorten(keys)}; pass key with the name of the signals.")
    return str(chosen)


def _read_header(path: Path, key: str) -> tuple[tuple[int, ...], np.dtype]:
    """Return the shape and the dtype of an array of an NPZ file, without its values."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
        version = np.lib.format.read_magic(file)
        first = version == (1, 0)
        read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    return shape, dtype


def check_no_names(path: Path, options: SignalOptions) -> None:
    """Raise if channels are asked for in a file whose channels have no names."""
    if options.channels is not None:
        raise ValueError(f"{path}: its channels have no names; leave out channels, and select them later.")


def check_array(path: Path, key: str, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise if an array holds no real numbers, no sample, or has a shape that is no recording."""
    if np.dtype(dtype).kind not in "iufb":
        raise ValueError(f"{path}: {key} has dtype {dtype}; write real numbers.")
    if len(shape) not in (1, 2, 3):
        raise ValueError(f"{path}: {key} has shape {tuple(shape)}; write (T,), (C, T) or (n, C, T), time last.")
    if 0 in shape:
        raise ValueError(f"{path}: {key} is empty (shape {tuple(shape)}); remove the file.")


def number_rows(name: str, shape: tuple[int, ...]) -> list[tuple[str, int | None]]:
    """Return the name and the position of each recording in an array; None is the array as a whole."""
    return [(name, None)] if len(shape) < 3 else [(f"{name}/{row}", row) for row in range(shape[0])]


def _get_two(shape: tuple[int, ...]) -> tuple[int, int]:
    return (1, int(shape[0])) if len(shape) == 1 else (int(shape[0]), int(shape[1]))
