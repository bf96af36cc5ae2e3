"""Signals in WAV, FLAC and other sound files, by the library soundfile."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sslts.io._arrays import check_no_names
from sslts.io._files import require
from sslts.io._signals import LazyArray, Signal, SignalOptions

SUFFIXES = (".wav", ".flac", ".ogg", ".aif", ".aiff")
_FITS_FLOAT32 = {"PCM_16", "PCM_S8", "PCM_U8", "PCM_24", "FLOAT", "VORBIS", "OPUS"}


class _Sound(LazyArray):
    """A sound file, read by stretches; whole numbers are scaled to -1 to 1."""

    def _read(self, start: int, stop: int) -> np.ndarray:
        soundfile = require("soundfile", "sound", "reading sound files")
        with soundfile.SoundFile(self.path) as file:
            file.seek(start)
            return np.ascontiguousarray(file.read(stop - start, dtype=self.dtype.name, always_2d=True).T)


def read_sound_signal(path: Path, name: str, options: SignalOptions) -> list[Signal]:
    """Return the recording in a sound file."""
    soundfile = require("soundfile", "sound", "reading sound files")
    check_no_names(path, options)
    facts = soundfile.info(str(path))
    if not facts.frames:
        raise ValueError(f"{path} is empty: it has no sample; remove the file.")
    dtype = np.float32 if facts.subtype in _FITS_FLOAT32 else np.float64
    values = _Sound(path, (facts.channels, facts.frames), dtype)
    return [Signal(name, path, values, sampling_rate=float(facts.samplerate))]
