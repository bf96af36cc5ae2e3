"""Predictions for recordings of any length, and for streams.

``predictors.py`` maps normalized signals to probabilities; ``parts.py`` predicts recordings in parts that fit into
memory; ``stream.py`` segments a signal while it arrives; ``files.py`` segments many files, on one machine or a cluster.
"""

from sslts.prediction.files import SegmentedFiles, segment_files
from sslts.prediction.parts import Decoded, Part, decode_parts, predict_parts
from sslts.prediction.predictors import NetPredictor, Predictor, as_predictor
from sslts.prediction.stream import StreamSegmenter

__all__ = [
    "Decoded",
    "NetPredictor",
    "Part",
    "Predictor",
    "SegmentedFiles",
    "StreamSegmenter",
    "as_predictor",
    "decode_parts",
    "predict_parts",
    "segment_files",
]
