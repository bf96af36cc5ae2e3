"""Labels of samples <-> tables of segments.

A *segment* is a run of equal labels in one recording: half-open, ``[start, end)``, in samples. Two labels never are a
segment: ``-1`` (unlabelled) and the background (by default 0; ``background=None`` says that there is none). A
recording is named by its position, 0 to n - 1. Segments never reach from one recording into the next.

``labels.py`` reads labels, ``tables.py`` makes tables of them and back, ``growing.py`` finds segments while labels come
in, ``algebra.py`` changes tables, ``summary.py`` says how many there are and how long they last, ``counts.py`` how sure
a count is.
"""

from sslts.segments.algebra import clip_segments, filter_segments, merge_segments, shift_segments
from sslts.segments.counts import CountCalibration
from sslts.segments.labels import (
    align_labels,
    check_integers,
    check_labels,
    check_sampling_rate,
    expand_ranges,
    find_runs,
    is_flat,
    order_labels,
    sort_times,
)
from sslts.segments.summary import summarize
from sslts.segments.tables import count_segments, labels_to_segments, segments_to_labels

__all__ = [
    "CountCalibration",
    "align_labels",
    "check_integers",
    "check_labels",
    "check_sampling_rate",
    "clip_segments",
    "count_segments",
    "expand_ranges",
    "filter_segments",
    "find_runs",
    "is_flat",
    "labels_to_segments",
    "merge_segments",
    "order_labels",
    "segments_to_labels",
    "shift_segments",
    "sort_times",
    "summarize",
]
