"""The estimators as sktime detectors, which read and return tables of events for a series or a Panel.

`sslts` does not import this module by itself: use ``from sslts.adapters.sktime import FixMatchDetector``.
``detectors.py`` has one detector per estimator, ``detector.py`` their base class, ``pipeline.py`` transformers and
pipelines, ``events.py`` conversions between labels and tables of events.
"""

from sslts.adapters.sktime.detector import SegmenterDetector
from sslts.adapters.sktime.detectors import (
    FixMatchDetector,
    MeanTeacherDetector,
    PseudoLabelDetector,
    SelfTrainingDetector,
    SupervisedDetector,
    WindowFeatureDetector,
)
from sslts.adapters.sktime.events import events_to_labels, labels_to_events
from sslts.adapters.sktime.pipeline import RecordingTransformer, SegmenterPipeline

__all__ = [
    "FixMatchDetector",
    "MeanTeacherDetector",
    "PseudoLabelDetector",
    "RecordingTransformer",
    "SegmenterDetector",
    "SegmenterPipeline",
    "SelfTrainingDetector",
    "SupervisedDetector",
    "WindowFeatureDetector",
    "events_to_labels",
    "labels_to_events",
]
