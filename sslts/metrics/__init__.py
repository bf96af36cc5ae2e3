"""Metrics of a segmentation: over samples, over segments, over counts and over lengths.

All functions follow the same conventions:

* Labels are ``(n, T)`` arrays, lists of ``(T_i,)`` arrays, one ``(T,)`` array, or a pandas Series on
  ``(instance, time)``. A truth of shape ``(n,)`` or ``(n, 1)`` gives one label to every sample of a recording.
* Labels may be words, in truth and prediction: "background" is class 0, and results name the words. Words are numbered
  from 1 on in sorted order where a number is needed.
* A sample whose true label is -1 is unlabeled and never matters. Predictions are cut to the labeled stretches: a
  predicted segment ends where an unlabeled stretch starts, and a predicted segment that spans one becomes two.
* A true segment next to an unlabeled sample is counted and matched by its labeled part. Its length and ends are not
  measured, because its true ends are unknown. A segment at the start or end of a recording is measured.
* `background` is the class that is not a segment (None: every class is a segment). IoU includes the background; F1,
  counts, durations and boundaries leave it out.
* Counts of samples are pooled over recordings before they are divided. Means are over the classes that occur in the
  truth or the prediction of labeled samples.
* Segments are matched one to one within a class, at an intersection over union (IoU) of at least `iou`. The matching
  has as many pairs as possible and, among such matchings, the greatest total IoU.
* Differences are predicted minus true. The result is NaN, with a warning, if every true label is -1.
* A score is `zero_division` (default: 1) if truth and prediction have nothing to find.
"""

from sslts.metrics._matching import Segments, find_segments, match_segments
from sslts.metrics._tallies import Tally, tallied
from sslts.metrics.agreement import annotator_agreement
from sslts.metrics.bootstrap import Interval, bootstrap_difference, bootstrap_interval
from sslts.metrics.confidence import (
    average_gap,
    bin_confidence,
    expected_calibration_error,
    read_confidence,
    reliability_curve,
)
from sslts.metrics.detections import event_scores
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
    make_event_scorer,
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
    "annotator_agreement",
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
    "event_scores",
    "expected_calibration_error",
    "find_segments",
    "frame_f1",
    "frame_f1_scorer",
    "make_event_f1_scorer",
    "make_event_scorer",
    "match_segments",
    "mean_iou",
    "mean_iou_each",
    "mean_iou_scorer",
    "read_confidence",
    "reliability_curve",
    "segment_f1",
    "segment_f1_scorer",
    "tallied",
]
