"""Signals and annotations in EDF, EDF+, BDF and BDF+ files, by the library edfio."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.io._files import find_suffix, require
from sslts.io._signals import LazyArray, Signal, SignalOptions, choose_channels

SUFFIXES = (".edf", ".bdf")


class _Edf(LazyArray):
    """Some channels of an EDF file, in physical units."""

    def __init__(self, path: Path, length: int, channels: list[int], rate: float) -> None:
        super().__init__(path, (len(channels), length), np.float64)
        self.channels, self.rate = channels, rate

    def _read(self, start: int, stop: int) -> np.ndarray:
        if start == stop:
            return np.empty((self.shape[0], 0))
        signals = _open(str(self.path), self.path.stat().st_mtime_ns).signals
        stretch = start / self.rate, stop / self.rate
        return np.stack([signals[i].get_data_slice(*stretch) for i in self.channels])


@lru_cache(maxsize=4)
def _open(path: str, _changed: int) -> Any:
    """Return an open file; a file with another date is read anew."""
    edfio = require("edfio", "edf", "reading EDF")
    if find_suffix(Path(path)) == ".bdf":
        return edfio.read_bdf(path)
    return edfio.read_edf(path, lazy_load_data=True)


def open_edf(path: Path) -> Any:
    """Return an open file of EDF or BDF."""
    return _open(str(path), path.stat().st_mtime_ns)


def read_edf_signal(path: Path, name: str, options: SignalOptions) -> list[Signal]:
    """Return the recording of the signals of a file that have one sampling rate."""
    edf = open_edf(path)
    if not edf.signals or not edf.num_data_records:
        raise ValueError(f"{path} is empty: it has no sample; remove the file.")
    if edf.reserved.endswith("+D") and not edf.is_continuous:
        raise ValueError(f"{path} has pauses (EDF+D); convert it to one continuous file for each part first.")
    labels = [signal.label for signal in edf.signals]
    chosen = choose_channels(labels, options, path)
    rates = {labels[i]: float(edf.signals[i].sampling_frequency) for i in chosen}
    if len(set(rates.values())) > 1:
        raise ValueError(f"{path} has signals of several sampling rates, {shorten(rates)}; pass channels of one rate.")
    signal, rate = edf.signals[chosen[0]], next(iter(rates.values()))
    length = int(signal.samples_per_data_record * edf.num_data_records)
    names = tuple(labels[i] for i in chosen)
    return [Signal(name, path, _Edf(path, length, chosen, rate), names, rate, read_start(edf, options.timezone))]


def read_start(edf: Any, zone: Any) -> pd.Timestamp | None:
    """Return the time of the first sample; None if the file is anonymous."""
    edfio = require("edfio", "edf", "reading EDF")
    try:
        start = pd.Timestamp(edf.startdatetime)
    except (edfio.AnonymizedDateError, ValueError):
        return None
    return start if zone is None else start.tz_localize(zone)
