"""Decoders as plain values: what a reader needs that is not this package."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from sslts.decoding.decoder import Argmax
from sslts.decoding.hysteresis import Hysteresis
from sslts.decoding.occurrences import OccurrenceDecoder
from sslts.decoding.viterbi import DurationViterbi


def describe_decoder(decoder: Any, n_classes: int) -> dict[str, Any]:
    """Return a decoder, and what it learned from labels, as values that JSON can hold.

    Parameters
    ----------
    decoder : Argmax, Hysteresis, DurationViterbi or OccurrenceDecoder
        A decoder that is adapted to labels, such as ``decoder_`` of a fitted segmenter.
    n_classes : int
        Number of classes.

    Returns
    -------
    dict
        ``kind``, the name of the class, and ``latency``, the number of later samples after which a label is final.
        `Hysteresis` has ``background``, the index of a class or None, and ``rules``, thresholds and lengths in samples
        of each class. `DurationViterbi` has the ``weight`` of a sample, ``hop``, the samples of a step in a long
        stretch, ``transition``, the ratings of pairs of neighbors (None: forbidden), and ``lengths``, the ratings of
        the lengths ``exp(i / 64)`` of each class, K times G numbers in base64 (float64, little-endian).

    Raises
    ------
    ValueError
        If the decoder is of another class.

    Examples
    --------
    >>> describe_decoder(Argmax(), n_classes=2)
    {'kind': 'Argmax', 'latency': 0}
    """
    describe = {
        Argmax: lambda: {},
        Hysteresis: lambda: _describe_hysteresis(decoder, n_classes),
        DurationViterbi: lambda: _describe_viterbi(decoder),
        OccurrenceDecoder: lambda: _describe_occurrences(decoder, n_classes),
    }.get(type(decoder))
    if describe is None:
        raise ValueError(
            f"decoder={decoder!r} has code of its own, which no file can hold; set one of this package, for example "
            "set_params(decoder=DurationViterbi()), and decode the probabilities yourself."
        )
    return {"kind": type(decoder).__name__, "latency": decoder.latency, **describe()}


def _describe_hysteresis(decoder: Hysteresis, n_classes: int) -> dict[str, Any]:
    background = 0 if decoder.statistics is None else decoder.statistics.background_index
    return {"background": background, "rules": [rule._asdict() for rule in decoder._list_rules(n_classes)]}


def _describe_viterbi(decoder: DurationViterbi) -> dict[str, Any]:
    scanner = decoder._scanner
    lengths = np.ascontiguousarray(scanner.model.whole, dtype="<f8")
    transition = [[None if np.isinf(one) else one for one in row] for row in scanner.model.transition.tolist()]
    return {
        "weight": float(scanner.weight),
        "hop": int(scanner.hop),
        "transition": transition,
        "lengths": base64.b64encode(lengths.tobytes()).decode(),
    }


def _describe_occurrences(decoder: OccurrenceDecoder, n_classes: int) -> dict[str, Any]:
    occurrences = decoder.occurrences
    return {
        "n_classes": n_classes,
        "owner": occurrences.owner.tolist(),
        "labels": describe_decoder(decoder.labels, n_classes),
        "splitter": describe_decoder(decoder._splitter, occurrences.n_codes),
    }
