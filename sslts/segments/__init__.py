"""Tables of segments, and their conversion from labels and back.

A *segment* is a run of equal labels in one recording: half-open, ``[start, end)``, in samples. Two labels never form a
segment: ``-1`` (unlabeled) and the background (0 by default; ``background=None`` means no background). Recordings are
numbered from 0 to n - 1. A segment never extends from one recording into the next.

``tables.py`` converts labels to tables and back, ``growing.py`` finds segments while labels arrive, ``algebra.py``
changes tables, ``summary.py`` counts and measures segments, ``counts.py`` estimates the uncertainty of a count.
"""

from typing import Any

from sslts._moved import find_moved
from sslts._runs import expand_ranges, find_runs
from sslts.segments.algebra import clip_segments, filter_segments, merge_segments, shift_segments
from sslts.segments.counts import CountCalibration, find_log_odds
from sslts.segments.growing import Closed, GrowingSegments
from sslts.segments.summary import summarize
from sslts.segments.tables import (
    count_segments,
    labels_to_segments,
    make_table,
    name_segments,
    number_segments,
    segments_to_labels,
)

__all__ = [
    "Closed",
    "CountCalibration",
    "GrowingSegments",
    "clip_segments",
    "count_segments",
    "expand_ranges",
    "filter_segments",
    "find_log_odds",
    "find_runs",
    "labels_to_segments",
    "make_table",
    "merge_segments",
    "name_segments",
    "number_segments",
    "segments_to_labels",
    "shift_segments",
    "summarize",
]

_MOVED = {
    **dict.fromkeys(
        ("align_labels", "check_integers", "check_labels", "is_flat", "order_labels", "sort_times"), "sslts.annotations"
    ),
    **dict.fromkeys(("check_sampling_rate",), "sslts.recordings"),
}


def __getattr__(name: str) -> Any:
    return find_moved(__name__, _MOVED, name)
