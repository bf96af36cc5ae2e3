"""Decoders: from probabilities to labels.

``decoder.py`` defines the interface of a decoder; ``hysteresis.py`` and ``viterbi.py`` hold the two decoders that use
neighboring samples; ``occurrences.py`` finds where occurrences that touch begin; ``durations.py`` learns how long
segments last; ``answers.py`` returns the labels and the probabilities of a segmenter from one prediction;
``description.py`` describes a decoder in plain values.
"""

from typing import Any

from sslts._moved import find_moved
from sslts.annotations import SegmentStatistics, measure_segments, read_statistics
from sslts.decoding.answers import decode_as, predict_both
from sslts.decoding.decoder import Argmax, Decoder, Decoding, decode, decode_recordings, prepare_decoder
from sslts.decoding.description import describe_decoder
from sslts.decoding.durations import DurationModel, fit_durations
from sslts.decoding.hysteresis import Hysteresis
from sslts.decoding.occurrences import OccurrenceDecoder
from sslts.decoding.viterbi import DurationViterbi

__all__ = [
    "Argmax",
    "Decoder",
    "Decoding",
    "DurationModel",
    "DurationViterbi",
    "Hysteresis",
    "OccurrenceDecoder",
    "SegmentStatistics",
    "decode",
    "decode_as",
    "decode_recordings",
    "describe_decoder",
    "fit_durations",
    "measure_segments",
    "predict_both",
    "prepare_decoder",
    "read_statistics",
]

_MOVED = {
    **dict.fromkeys(("compare_decoders", "suggest_decoders", "tune_decoder"), "sslts.model_selection"),
}


def __getattr__(name: str) -> Any:
    return find_moved(__name__, _MOVED, name)
