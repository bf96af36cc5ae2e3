"""The estimators as detectors of sktime: one series or a Panel, events in and events out.

Imported only when asked for: ``from sslts.adapters.sktime import FixMatchDetector``. ``detectors.py`` has one for each
estimator, ``detector.py`` what they share, ``pipeline.py`` transformers before them, ``events.py`` tables of events.
"""

from sslts.adapters.sktime.detector import SegmenterDetector
from sslts.adapters.sktime.detectors import (
    FixMatchDetector,
    MeanTeacherDetector,
    PseudoLabelDetector,
    SelfTrainingDetector,
    SupervisedDetector,
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
    "events_to_labels",
    "labels_to_events",
]
