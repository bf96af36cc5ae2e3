"""Pictures, as scikit-learn makes them: each Display has ``from_estimator``, ``from_predictions`` and ``plot``."""

from sslts.plotting.counts import CountDisplay
from sslts.plotting.durations import DurationDisplay
from sslts.plotting.efficiency import LabelEfficiencyDisplay
from sslts.plotting.history import TrainingHistoryDisplay
from sslts.plotting.reliability import ReliabilityDisplay
from sslts.plotting.segmentation import SegmentationDisplay

__all__ = [
    "CountDisplay",
    "DurationDisplay",
    "LabelEfficiencyDisplay",
    "ReliabilityDisplay",
    "SegmentationDisplay",
    "TrainingHistoryDisplay",
]
