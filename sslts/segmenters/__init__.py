"""The estimators, one file each."""

from sslts.segmenters.fixmatch import FixMatchSegmenter
from sslts.segmenters.supervised import SupervisedSegmenter

__all__ = ["FixMatchSegmenter", "SupervisedSegmenter"]
