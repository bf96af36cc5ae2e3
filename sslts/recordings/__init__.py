"""The signals that users pass as ``X``.

Every entry point reads signals with `read_signals`, which also checks them. `as_recordings` only turns a container into
`Recordings`, a collection of signals that are read one stretch at a time. Time is the last axis everywhere.

``containers.py`` reads each kind of container, ``sources.py`` reads the samples of one recording from memory or from a
file, ``normalization.py`` prepares samples for a network, ``results.py`` writes results, and ``returning.py`` puts
transformed signals back into the user's kind of container.
"""

from sslts.recordings._clocks import check_sampling_rate, to_samples
from sslts.recordings._codes import CodeWatch
from sslts.recordings._foreign import (
    adopt,
    check_kind,
    check_order,
    find_order,
    is_clock,
    is_data_array,
)
from sslts.recordings._labels import adopt_labels, decode
from sslts.recordings._values import as_real, find_padding, is_real, read_array, unpack
from sslts.recordings.containers import as_recordings, select_rows
from sslts.recordings.naming import find_names, name_recordings
from sslts.recordings.normalization import (
    AsGiven,
    Local,
    Normalization,
    NormalizedRecordings,
    TrainingSet,
    WholeRecording,
    choose_normalization,
    measure_moments,
    measure_training_set,
    standardize_locally,
)
from sslts.recordings.recordings import FilePart, Recordings
from sslts.recordings.results import Output
from sslts.recordings.returning import return_channels, return_signals
from sslts.recordings.signals import Channels, read_chunk, read_signals
from sslts.recordings.sources import Rows, cut_stretches, is_lazy, is_table, read_source

__all__ = [
    "AsGiven",
    "Channels",
    "CodeWatch",
    "FilePart",
    "Local",
    "Normalization",
    "NormalizedRecordings",
    "Output",
    "Recordings",
    "Rows",
    "TrainingSet",
    "WholeRecording",
    "adopt",
    "adopt_labels",
    "as_real",
    "as_recordings",
    "check_kind",
    "check_order",
    "check_sampling_rate",
    "choose_normalization",
    "cut_stretches",
    "decode",
    "find_names",
    "find_order",
    "find_padding",
    "is_clock",
    "is_data_array",
    "is_lazy",
    "is_real",
    "is_table",
    "measure_moments",
    "measure_training_set",
    "name_recordings",
    "read_array",
    "read_chunk",
    "read_signals",
    "read_source",
    "return_channels",
    "return_signals",
    "select_rows",
    "standardize_locally",
    "to_samples",
    "unpack",
]
