"""Plots in the style of scikit-learn's displays.

Each display lives in a file of its own and has ``plot`` and ``from_estimator``; most also have ``from_predictions``.
``_style.py`` holds the helpers that the displays share. A new display needs one new file and its name here.
"""

from sslts.plotting._style import detached_figures
from sslts.plotting.counts import CountDisplay
from sslts.plotting.durations import DurationDisplay
from sslts.plotting.efficiency import LabelEfficiencyDisplay
from sslts.plotting.history import TrainingHistoryDisplay
from sslts.plotting.labeling import LabelingDisplay
from sslts.plotting.reliability import ReliabilityDisplay
from sslts.plotting.segmentation import SegmentationDisplay
from sslts.plotting.timeline import CountsOverTimeDisplay

__all__ = [
    "CountDisplay",
    "CountsOverTimeDisplay",
    "DurationDisplay",
    "LabelEfficiencyDisplay",
    "LabelingDisplay",
    "ReliabilityDisplay",
    "SegmentationDisplay",
    "TrainingHistoryDisplay",
    "detached_figures",
]
