"""The labels that users pass as ``y``.

Labels are integers, one for each sample; ``-1`` marks an unlabeled sample. ``reading.py`` reads the labels of given
recordings, ``arrays.py`` reads labels without recordings, ``alignment.py`` follows an index, ``pairing.py`` pairs truth
and prediction, ``runs.py`` holds labels as runs of equal values, ``classes.py`` and ``statistics.py`` measure them.
"""

from sslts.annotations.alignment import align_labels, is_default_index, order_labels, sort_times
from sslts.annotations.arrays import (
    check_integers,
    check_labels,
    is_flat,
    name_columns,
    read_into_memory,
    read_labels,
    return_labels,
)
from sslts.annotations.classes import (
    check_names,
    find_classes,
    isolate_class,
    share_classes,
    warn_of_lost_background,
    weigh_classes,
)
from sslts.annotations.pairing import pair_labels, pool_labels, spread_labels
from sslts.annotations.reading import as_label_runs, as_labels, follow_index, list_labels, require_labels
from sslts.annotations.runs import LabelRuns
from sslts.annotations.statistics import (
    SegmentStatistics,
    SignalSummary,
    measure_runs,
    measure_segments,
    read_statistics,
    summarize_signal,
)

__all__ = [
    "LabelRuns",
    "SegmentStatistics",
    "SignalSummary",
    "align_labels",
    "as_label_runs",
    "as_labels",
    "check_integers",
    "check_labels",
    "check_names",
    "find_classes",
    "follow_index",
    "is_default_index",
    "is_flat",
    "isolate_class",
    "list_labels",
    "measure_runs",
    "measure_segments",
    "name_columns",
    "order_labels",
    "pair_labels",
    "pool_labels",
    "read_into_memory",
    "read_labels",
    "read_statistics",
    "require_labels",
    "return_labels",
    "share_classes",
    "sort_times",
    "spread_labels",
    "summarize_signal",
    "warn_of_lost_background",
    "weigh_classes",
]
