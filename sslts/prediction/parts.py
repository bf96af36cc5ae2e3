"""Predict probabilities and labels of recordings with a fitted predictor, in parts that fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from sslts._runs import group_by_length
from sslts.decoding import decode_recordings
from sslts.prediction._pieces import cut_pieces
from sslts.prediction.predictors import Predictor, as_predictor
from sslts.recordings import NormalizedRecordings
from sslts.training import SegmentationNet

_PREDICT_SAMPLES = 1 << 17  # samples in one pass of a predictor


class Part(NamedTuple):
    """Probabilities (t, K), float32, of consecutive samples of a recording, the first sample at ``start``.

    ``last`` is True if the part ends with the recording.

    Examples
    --------
    >>> proba = np.full((4, 2), 0.5, dtype=np.float32)
    >>> Part(0, 0, proba, last=True).is_whole, Part(0, 0, proba, last=False).is_whole
    (True, False)
    """

    recording: int
    start: int
    proba: np.ndarray
    last: bool

    @property
    def is_whole(self) -> bool:
        """Whether the part is a whole recording."""
        return self.start == 0 and self.last


class Decoded(NamedTuple):
    """A part and the labels (class indices) that became final with it, the first label at sample ``start``.

    Examples
    --------
    >>> from sslts.decoding import Argmax
    >>> proba = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> (found,) = decode_parts(Argmax(), [Part(recording=3, start=0, proba=proba, last=True)])
    >>> found.part.recording, found.start, found.labels.tolist()
    (3, 0, [0, 1])
    """

    part: Part
    start: int
    labels: np.ndarray


def predict_parts(predictor: Predictor | SegmentationNet, recordings: NormalizedRecordings) -> Iterator[Part]:
    """Yield the probabilities of all recordings.

    Short recordings of equal length go through the predictor together; if it accepts lengths, recordings of similar
    length do so too. Long recordings are cut into pieces that overlap by the predictor's reach, so that the result
    equals one pass; each piece gives one part, in order. If the predictor has no ``stride`` and ``reach``, each
    recording goes through it in one piece.

    Parameters
    ----------
    predictor : Predictor or SegmentationNet
        A net predicts with its averaged weights.
    recordings : NormalizedRecordings
        The normalized signals.

    Yields
    ------
    Part

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.networks import UNet
    >>> from sslts.recordings import as_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> net = SupervisedSegmenter(network=UNet(width=4, depth=1), max_steps=1, random_state=0).fit(X, y).net_
    >>> seen = NormalizedRecordings(as_recordings([np.zeros(500), np.zeros(200_000)]), None, width=0)
    >>> [(part.recording, part.start, part.proba.shape, part.last) for part in predict_parts(net, seen)]
    [(0, 0, (500, 2), True), (1, 0, (131072, 2), False), (1, 131072, (68928, 2), True)]
    """
    predictor = as_predictor(predictor)
    stride, reach = predictor.stride, predictor.reach
    lengths = recordings.recordings.lengths
    most = min(_PREDICT_SAMPLES, predictor.most_samples)
    core, halo = int(lengths.max()), 0
    if stride is not None and reach is not None:
        halo = _find_halo(stride, reach)
        core = max(most // stride * stride, stride)
    is_long = lengths > core + 2 * halo
    differ = predictor.takes_lengths and bool((lengths != lengths[0]).any())
    grouped = group_by_length(_round_up(lengths) if differ else lengths, np.flatnonzero(~is_long), most)
    for length, group in grouped:
        found = _predict_batch(predictor, [recordings.read(i) for i in group], length)
        yield from (Part(i, 0, proba, True) for i, proba in zip(group, found, strict=True))
    for i in np.flatnonzero(is_long).tolist():
        yield from _predict_long(predictor, recordings, i, core=core, halo=halo)


def _round_up(lengths: np.ndarray) -> np.ndarray:
    """Return lengths rounded up to four binary digits followed by zeros: few different lengths, at most 1/8 longer.

    Each new shape has to be prepared once for a convolution, which can take longer than the convolution itself.

    Examples
    --------
    >>> _round_up(np.array([3, 16, 17, 2500])).tolist()
    [3, 16, 18, 2560]
    """
    unit = 2 ** np.maximum(np.floor(np.log2(lengths)).astype(np.int64) - 3, 0)
    return -(-lengths // unit) * unit


def _find_halo(stride: int, reach: int) -> int:
    """Return the overlap of pieces: the reach of a predictor, rounded up to a multiple of the stride."""
    return -(-reach // stride) * stride


def _predict_long(
    predictor: Predictor, recordings: NormalizedRecordings, i: int, *, core: int, halo: int
) -> Iterator[Part]:
    """Yield the parts of a long recording, one per piece."""
    length = int(recordings.recordings.lengths[i])
    for piece in cut_pieces(length, core=core, halo=halo):
        size = piece.stop - piece.start
        filled = int(_round_up(np.array(size))) if piece.stop == length and predictor.takes_lengths else size
        proba = _predict_batch(predictor, [recordings.read(i, piece.start, piece.stop)], filled)[0]
        kept = proba[piece.keep_start - piece.start : piece.keep_stop - piece.start]
        yield Part(i, piece.keep_start, kept, piece.keep_stop == length)


def _predict_batch(predictor: Predictor, signals: Sequence[np.ndarray], length: int | None = None) -> list[np.ndarray]:
    """Return the probabilities (T_i, K), float32, of each signal (C, T_i), from one pass.

    Signals of different lengths need a predictor that accepts lengths; they are filled up to ``length`` samples (None:
    the longest signal). Raises FloatingPointError if a probability is NaN: decoders would turn it into a class.
    """
    found = predictor.answer(signals, length)
    if any(np.isnan(proba.sum()) for proba in found):
        raise FloatingPointError(predictor.explain_nan())
    return found


def decode_parts(decoder: Any, parts: Iterable[Part]) -> Iterator[Decoded]:
    """Yield the labels of parts as they arrive.

    Whole recordings are decoded together if the decoder supports it. The parts of a long recording are decoded in
    order, and only the samples that the decoder still needs are held in memory.

    Parameters
    ----------
    decoder : Decoder
        Turns probabilities into labels.
    parts : iterable of Part
        The parts of each recording, in order.

    Yields
    ------
    Decoded

    Examples
    --------
    >>> from sslts.decoding import Hysteresis
    >>> proba = np.array([[0.9, 0.1]] * 3 + [[0.1, 0.9]] * 5)
    >>> parts = [Part(0, 0, proba[:5], last=False), Part(0, 5, proba[5:], last=True)]
    >>> [(found.start, found.labels.tolist()) for found in decode_parts(Hysteresis(min_length=3), parts)]
    [(0, [0, 0, 0]), (3, [1, 1, 1, 1, 1])]
    """
    for whole, run in groupby(parts, key=lambda part: part.is_whole):
        if whole:
            probas = ((part.recording, part.proba) for part in run)
            for i, proba, labels in decode_recordings(decoder, probas):
                yield Decoded(Part(i, 0, proba, True), 0, labels)
            continue
        for part in run:
            if part.start == 0:
                decoding, done = decoder.start(), 0
            labels = decoding.push(part.proba)
            if part.last:
                labels = np.concatenate([labels, decoding.flush()])
            yield Decoded(part, done, labels)
            done += len(labels)
