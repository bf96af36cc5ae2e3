"""Decode the codes of occurrences that touch: first the classes, then where each occurrence of a class begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sslts._states import read_numbers
from sslts.annotations import Occurrences
from sslts.decoding.decoder import Decoder, Decoding, decode
from sslts.decoding.viterbi import DurationViterbi

_LEAST = 1e-9  # probability of a code of the decided class


@dataclass(frozen=True)
class OccurrenceDecoder:
    """A decoder of the codes of `Occurrences`: labels are those of another decoder, occurrences are split by length.

    The first decoder sees the probabilities of the classes and decides the labels. Inside a segment of a class whose
    occurrences touch, `DurationViterbi` decides which samples are first halves, given the lengths of the halves.

    Parameters
    ----------
    labels : Decoder
        Decides the class of each sample, adapted to the statistics of the labels.
    occurrences : Occurrences
        The codes and the lengths of their halves.

    Examples
    --------
    >>> from sslts.annotations import LabelRuns, measure_occurrences
    >>> from sslts.decoding import Argmax, OccurrenceDecoder, decode
    >>> starts, labels = np.array([0, 2, 10, 18, 26]), np.array([0, 1, 1, 1, 0])
    >>> runs = LabelRuns.from_runs(np.array([34]), np.zeros(5, int), starts, labels)
    >>> found = measure_occurrences(runs, [0, 1], background=0)
    >>> proba = np.eye(3)[[0, 0, *[2] * 4, *[1] * 4, *[2] * 4, *[1] * 4, 0]] * 0.8 + 0.1
    >>> codes = decode(OccurrenceDecoder(Argmax(), found), proba)
    >>> codes.tolist() == [0, 0, *[2] * 4, *[1] * 4, *[2] * 4, *[1] * 4, 0]
    True
    """

    labels: Any
    occurrences: Occurrences

    @property
    def latency(self) -> int | None:
        """Number of later samples after which a code is final: the sum for both decoders."""
        parts = getattr(self.labels, "latency", None), getattr(self._splitter, "latency", None)
        return None if None in parts else sum(parts)  # type: ignore[arg-type]

    @cached_property
    def _splitter(self) -> Decoder:
        return DurationViterbi().for_segments(self.occurrences.statistics)

    def start(self) -> Decoding:
        """Return a new decoding."""
        return _OccurrenceDecoding(self.labels.start(), self._splitter.start(), self.occurrences)

    def decode_many(self, probas: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the codes of several recordings, each from its probabilities (T_i, C)."""
        merged = [self.occurrences.merge(proba) for proba in probas]
        together = getattr(self.labels, "decode_many", None)
        labels = [decode(self.labels, one) for one in merged] if together is None else together(merged)
        inside = [_restrict(*pair, self.occurrences) for pair in zip(probas, labels, strict=True)]
        splitter = self._splitter
        together = getattr(splitter, "decode_many", None)
        codes = [decode(splitter, one) for one in inside] if together is None else together(inside)
        return [_agree(*pair, self.occurrences) for pair in zip(codes, labels, strict=True)]


def _restrict(proba: np.ndarray, labels: np.ndarray, occurrences: Occurrences) -> np.ndarray:
    """Return the probabilities of the codes, given the class of each sample."""
    own = occurrences.owner == labels[:, None]
    inside = np.where(own, proba, 0) + _LEAST * own
    return inside / inside.sum(1, keepdims=True)


def _agree(codes: np.ndarray, labels: np.ndarray, occurrences: Occurrences) -> np.ndarray:
    """Return the codes, with the class's own code where a code belongs to another class than the label."""
    return np.where(occurrences.owner[codes] == labels, codes, labels)


class _OccurrenceDecoding(Decoding):
    """The decoding of one recording; ``proba`` waits for labels, and ``known`` holds labels that wait for codes."""

    def __init__(self, labels: Decoding, codes: Decoding, occurrences: Occurrences) -> None:
        self.labels, self.codes, self.occurrences = labels, codes, occurrences
        self.proba = np.empty((0, occurrences.n_codes), dtype=np.float32)
        self.known = np.empty(0, dtype=np.int64)

    def push(self, proba: np.ndarray) -> np.ndarray:
        self.proba = np.concatenate([self.proba, proba]) if len(self.proba) else proba
        return self._split(self.labels.push(self.occurrences.merge(proba)))

    def flush(self) -> np.ndarray:
        found = self._split(self.labels.flush())
        rest = self.codes.flush()
        known, self.known = self.known, self.known[:0]
        return np.concatenate([found, _agree(rest, known, self.occurrences)])

    def _split(self, labels: np.ndarray) -> np.ndarray:
        """Return the codes that are final when these labels are."""
        n = len(labels)
        codes = self.codes.push(_restrict(self.proba[:n], labels, self.occurrences))
        self.proba = self.proba[n:].copy()  # a view would keep the whole array in memory
        known = np.concatenate([self.known, labels])
        self.known = known[len(codes) :]
        return _agree(codes, known[: len(codes)], self.occurrences)

    def get_state(self) -> dict[str, np.ndarray]:
        parts = {"labels": self.labels.get_state(), "codes": self.codes.get_state()}
        inner = {f"{part}.{name}": value for part, state in parts.items() for name, value in state.items()}
        return {"proba": self.proba, "known": self.known, **inner}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        n_codes, n_classes = self.occurrences.n_codes, len(self.occurrences.sizes)
        self.proba = read_numbers(state, "proba", (None, n_codes), low=0, high=1.01)
        self.known = read_numbers(state, "known", (None,), low=0, high=n_classes - 1, whole=True)
        for part in ("labels", "codes"):
            inner = {name.removeprefix(f"{part}."): state[name] for name in state if name.startswith(f"{part}.")}
            getattr(self, part).set_state(inner)
