"""Thresholds: they turn the teacher's probabilities into a weight for each pseudo-label.

A threshold is a recipe; ``build(n_classes)`` returns a module that may hold running statistics. The module has three
methods, because the strong view moves time between the calls: ``observe`` gets the teacher's probabilities of the weak
view, ``align`` may change them, and ``forward`` returns weights for the probabilities that the strong view has moved.

Each method of a paper has its own file: ``fixed.py``, ``curriculum.py``, ``self_adaptive.py``, ``soft.py`` and
``relative.py``. Shared code is in ``threshold.py``, ``module.py``, ``_alignment.py`` and ``_shares.py``.
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
