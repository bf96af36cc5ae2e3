"""Predictions for recordings of any length, and for streams.

``parts.py`` predicts recordings in parts that fit into memory; ``stream.py`` segments a signal while it arrives.
"""

from sslts.prediction.parts import Decoded, Part, decode_parts, predict_parts
from sslts.prediction.stream import StreamSegmenter

__all__ = [
    "Decoded",
    "Part",
    "StreamSegmenter",
    "decode_parts",
    "predict_parts",
]
