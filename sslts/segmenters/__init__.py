"""The estimators, one file each."""

from sslts.segmenters.fixmatch import FixMatchSegmenter
from sslts.segmenters.mean_teacher import BoundaryConsistency, MeanTeacherSegmenter, UniformConsistency
from sslts.segmenters.pseudo_label import PseudoLabelSegmenter
from sslts.segmenters.self_training import SelfTrainingSegmenter
from sslts.segmenters.supervised import SupervisedSegmenter

__all__ = [
    "BoundaryConsistency",
    "FixMatchSegmenter",
    "MeanTeacherSegmenter",
    "PseudoLabelSegmenter",
    "SelfTrainingSegmenter",
    "SupervisedSegmenter",
    "UniformConsistency",
]
