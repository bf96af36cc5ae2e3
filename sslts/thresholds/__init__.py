"""Whom to believe: from the teacher's probabilities to a weight for each sample.

A threshold is a recipe; ``build(n_classes)`` returns the module that holds its statistics, if it has any. The module is
asked in steps, because views move time in between: ``observe`` sees the teacher's probabilities as they were made,
``align`` may change them, ``forward`` weighs them as the strong view has moved them.

A file for each paper's: ``fixed.py``, ``curriculum.py``, ``self_adaptive.py``, ``soft.py``, ``relative.py``; what they
share is in ``threshold.py``, ``module.py``, ``alignment.py`` and ``shares.py``.
"""

from sslts.thresholds.curriculum import CurriculumThreshold
from sslts.thresholds.fixed import FixedThreshold, as_threshold, build_threshold
from sslts.thresholds.module import ThresholdModule
from sslts.thresholds.relative import RelativeThreshold
from sslts.thresholds.self_adaptive import SelfAdaptiveThreshold
from sslts.thresholds.soft import SoftThreshold
from sslts.thresholds.threshold import Threshold

__all__ = [
    "CurriculumThreshold",
    "FixedThreshold",
    "RelativeThreshold",
    "SelfAdaptiveThreshold",
    "SoftThreshold",
    "Threshold",
    "ThresholdModule",
    "as_threshold",
    "build_threshold",
]
