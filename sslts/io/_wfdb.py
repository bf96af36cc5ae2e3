"""Signals and annotations of PhysioNet's WFDB format, by the library wfdb."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sslts.io._files import require
from sslts.io._signals import LazyArray, Signal, SignalOptions, choose_channels

SUFFIXES = (".hea",)


class _Record(LazyArray):
    """Some channels of a WFDB record, in physical units."""

    def __init__(self, path: Path, length: int, channels: list[int]) -> None:
        super().__init__(path, (len(channels), length), np.float64)
        self.channels = channels

    def _read(self, start: int, stop: int) -> np.ndarray:
        if start == stop:
            return np.empty((self.shape[0], 0))
        return _load(self.path, start, stop)[:, self.channels].T


def _load(path: Path, start: int, stop: int) -> np.ndarray:
    wfdb = require("wfdb", "wfdb", "reading WFDB records")
    return wfdb.rdrecord(get_record(path), sampfrom=start, sampto=stop).p_signal


def get_record(path: Path) -> str:
    """Return the name of a record with its folder, without a suffix of its header."""
    return str(path.with_suffix("") if path.suffix in (".hea", ".dat") else path)


def read_wfdb_signal(path: Path, name: str, options: SignalOptions) -> list[Signal]:
    """Return the recording of a WFDB record."""
    wfdb = require("wfdb", "wfdb", "reading WFDB records")
    record = get_record(path)
    header = wfdb.rdheader(record)
    if not header.n_sig or not header.sig_len:
        raise ValueError(f"{path} is empty: the record has no sample; remove the file.")
    names = header.sig_name
    if names is None:  # a record of several segments names them in each segment
        names = wfdb.rdrecord(record, sampfrom=0, sampto=1).sig_name
    names = [str(channel) for channel in names]
    chosen = choose_channels(names, options, path)
    _load(path, 0, 1)  # the file of samples may be missing
    start = None
    if header.base_datetime is not None:
        start = pd.Timestamp(header.base_datetime)
        start = start if options.timezone is None else start.tz_localize(options.timezone)
    values: Any = _Record(path, int(header.sig_len), chosen)
    return [Signal(name, path, values, tuple(names[i] for i in chosen), float(header.fs), start)]
