"""From probabilities to labels: a folder with one decoder a file.

``decoder.py`` says what a decoder is, ``hysteresis.py`` and ``viterbi.py`` hold the two that look beyond a sample,
``statistics.py`` and ``durations.py`` what `DurationViterbi` learns from labels, ``semi_markov.py`` its model and its
recursion, ``tuning.py`` how one is chosen.
"""

from sslts.decoding.decoder import (
    Argmax,
    Decoder,
    Decoding,
    decode,
    decode_recordings,
    prepare_decoder,
)
from sslts.decoding.durations import DurationModel, fit_durations
from sslts.decoding.hysteresis import Hysteresis
from sslts.decoding.statistics import SegmentStatistics, measure_segments, read_statistics
from sslts.decoding.tuning import compare_decoders, suggest_decoders, tune_decoder
from sslts.decoding.viterbi import DurationViterbi

__all__ = [
    "Argmax",
    "Decoder",
    "Decoding",
    "DurationModel",
    "DurationViterbi",
    "Hysteresis",
    "SegmentStatistics",
    "compare_decoders",
    "decode",
    "decode_recordings",
    "fit_durations",
    "measure_segments",
    "prepare_decoder",
    "read_statistics",
    "suggest_decoders",
    "tune_decoder",
]
