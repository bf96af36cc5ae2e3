"""The estimators, one file per method."""

from sslts.segmenters.base import NetworkSegmenter
from sslts.segmenters.fixmatch import FixMatchLoss, FixMatchSegmenter
from sslts.segmenters.mean_teacher import BoundaryConsistency, MeanTeacherLoss, MeanTeacherSegmenter, UniformConsistency
from sslts.segmenters.parameters import ParameterizedEstimator, parameter
from sslts.segmenters.pseudo_label import PseudoLabelLoss, PseudoLabelSegmenter
from sslts.segmenters.self_training import SelfTrainingSegmenter
from sslts.segmenters.semi_supervised import ObjectiveLoss, SemiSupervisedSegmenter
from sslts.segmenters.supervised import SupervisedLoss, SupervisedSegmenter
from sslts.segmenters.window_features import WindowFeatureSegmenter

__all__ = [
    "BoundaryConsistency",
    "FixMatchLoss",
    "FixMatchSegmenter",
    "MeanTeacherLoss",
    "MeanTeacherSegmenter",
    "NetworkSegmenter",
    "ObjectiveLoss",
    "ParameterizedEstimator",
    "PseudoLabelLoss",
    "PseudoLabelSegmenter",
    "SelfTrainingSegmenter",
    "SemiSupervisedSegmenter",
    "SupervisedLoss",
    "SupervisedSegmenter",
    "UniformConsistency",
    "WindowFeatureSegmenter",
    "parameter",
]
