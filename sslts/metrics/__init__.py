"""How good is a segmentation? Numbers over samples, over segments, over counts and over lengths.

Conventions, the same in every function:

* Recordings are ``(n, T)`` arrays, lists of ``(T_i,)`` arrays, one ``(T,)`` array, or a pandas Series on
  ``(instance, time)``. A truth of shape ``(n,)`` or ``(n, 1)`` gives one label to every sample of a recording.
* A sample whose truth is -1 never matters. Predictions are cut to the labeled stretches: a predicted segment that
  reaches into an unlabeled stretch ends there, and one that spans it becomes two.
* A true segment that touches -1 is counted and matched by its labeled part, but not measured: nobody knows where it
  ends. The ends of a recording are not -1; a segment there is measured.
* `background` is the class that is not a segment (None: there is none). IoU takes every class as it comes, background
  included; F1, counts, durations and boundaries are about the classes that are not background.
* Counts of samples are pooled over recordings before any ratio. Means are over the classes that occur in the truth or
  the prediction, on labeled samples.
* Segments are matched one to one within a class, at an intersection over union (IoU) of at least `iou`: as many pairs
  as possible and, among such matchings, the one with the greatest total IoU.
* Differences are predicted minus true. Truth that is all -1 gives nan and a warning.
* Where there is nothing to find and nothing is found, a score has no value of its own: it is `zero_division` (1).
"""

from sslts.metrics._averages import Tally
from sslts.metrics._matching import Segments, find_segments, match_segments
from sslts.metrics.bootstrap import Interval, bootstrap_difference, bootstrap_interval
from sslts.metrics.confidence import (
    average_gap,
    bin_confidence,
    expected_calibration_error,
    read_confidence,
    reliability_curve,
)
from sslts.metrics.events import covering, edit_score, event_f1, segment_f1
from sslts.metrics.measures import CountError, DurationError, boundary_error, count_error, duration_error
from sslts.metrics.samples import class_iou, confusion, frame_f1, mean_iou, mean_iou_each
from sslts.metrics.scorers import (
    SegmentationScorer,
    boundary_scorer,
    calibration_scorer,
    count_scorer,
    covering_scorer,
    duration_scorer,
    edit_scorer,
    frame_f1_scorer,
    make_event_f1_scorer,
    mean_iou_scorer,
    segment_f1_scorer,
)

__all__ = [
    "CountError",
    "DurationError",
    "Interval",
    "SegmentationScorer",
    "Segments",
    "Tally",
    "average_gap",
    "bin_confidence",
    "bootstrap_difference",
    "bootstrap_interval",
    "boundary_error",
    "boundary_scorer",
    "calibration_scorer",
    "class_iou",
    "confusion",
    "count_error",
    "count_scorer",
    "covering",
    "covering_scorer",
    "duration_error",
    "duration_scorer",
    "edit_score",
    "edit_scorer",
    "event_f1",
    "expected_calibration_error",
    "find_segments",
    "frame_f1",
    "frame_f1_scorer",
    "make_event_f1_scorer",
    "match_segments",
    "mean_iou",
    "mean_iou_each",
    "mean_iou_scorer",
    "read_confidence",
    "reliability_curve",
    "segment_f1",
    "segment_f1_scorer",
]
