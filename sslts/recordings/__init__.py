"""The signals that users pass as ``X``.

`read_signals` reads and checks them for every entry point; `as_recordings` turns a container into `Recordings`, whose
signals are read by stretches. Time is the last axis everywhere. ``containers.py`` has a reader for each container,
``sources.py`` says what a signal is read from, ``normalization.py`` what a network sees of it, ``results.py`` where
results are written.
"""

from sslts.recordings._clocks import check_sampling_rate
from sslts.recordings._values import as_real, is_real
from sslts.recordings.containers import as_recordings
from sslts.recordings.normalization import (
    AsGiven,
    Local,
    Normalization,
    NormalizedRecordings,
    WholeRecording,
    choose_normalization,
    measure_moments,
    standardize_locally,
)
from sslts.recordings.recordings import Recordings
from sslts.recordings.results import Output
from sslts.recordings.signals import Channels, read_chunk, read_signals
from sslts.recordings.sources import Rows, cut_stretches, is_lazy, is_table, read_source

__all__ = [
    "AsGiven",
    "Channels",
    "Local",
    "Normalization",
    "NormalizedRecordings",
    "Output",
    "Recordings",
    "Rows",
    "WholeRecording",
    "as_real",
    "as_recordings",
    "check_sampling_rate",
    "choose_normalization",
    "cut_stretches",
    "is_lazy",
    "is_real",
    "is_table",
    "measure_moments",
    "read_chunk",
    "read_signals",
    "read_source",
    "standardize_locally",
]
