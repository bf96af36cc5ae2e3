"""The signals that users pass as ``X``.

Every entry point reads signals with `read_signals`, which also checks them. `as_recordings` only turns a container into
`Recordings`, a collection of signals that are read one stretch at a time. Time is the last axis everywhere.

``containers.py`` reads each kind of container, ``sources.py`` reads the samples of one recording from memory or from a
file, ``normalization.py`` prepares samples for a network, and ``results.py`` writes results.
"""

from sslts.recordings._clocks import check_sampling_rate
from sslts.recordings._codes import CodeWatch
from sslts.recordings._values import as_real, is_real, read_array, unpack
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
    "CodeWatch",
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
    "read_array",
    "read_chunk",
    "read_signals",
    "read_source",
    "standardize_locally",
    "unpack",
]
