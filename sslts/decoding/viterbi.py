"""The most probable segmentation, given the lengths of segments and the transitions between classes.

``_semi_markov.py`` holds the model and its recursion. The recursion is sequential in time, so it runs over many
stretches at once: recordings, and pieces of long recordings. A piece has a run-up before its own part, which starts
without the state of the piece before. If the state at the end of the run-up does not depend on its start, the piece
equals the recursion over the whole recording; this is checked for each piece.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from sslts._states import LAST_SAMPLE, read_numbers, read_optional
from sslts.annotations import SegmentStatistics
from sslts.decoding._semi_markov import (
    CLASS_INDEX,
    Model,
    Pass,
    State,
    build_model,
    find_last_segment,
    read_state,
    run_recursion,
    trace_segments,
)
from sslts.decoding.decoder import _ROUNDING, Decoder, Decoding, _check_proba, _gather_similar
from sslts.recordings import check_sampling_rate

_PIECE = 16384  # samples of a piece
_BATCH_CELLS = 1 << 24  # samples times classes of one batch of the recursion, about 30 bytes each
_TOLERANCE = 1e-6  # largest rounding error of a difference of log-probabilities
_EARLIEST = 1 << 30  # samples; an open segment that is longer counts as this long
_SMALLEST = 1e-12  # probability used in place of zero, so that logarithms are finite


@dataclass(frozen=True)
class DurationViterbi(Decoder):
    """The most probable segmentation, given the durations and transitions in the labeled recordings.

    The lengths of segments, and of background stretches, follow a smoothed histogram of the labeled lengths
    (`fit_durations`). A class can only be followed by classes that follow it somewhere in the labeled recordings,
    unless the labels could not show it: if most segments of a class are labeled up to an unlabeled sample (-1), the
    classes before or after it are unknown, and each is possible. The first and the last segment of a recording may be
    cut off, by any number of samples. The result is exact unless `max_latency` is given.

    Parameters
    ----------
    weight : float, default=1.0
        Exponent of the network's probabilities. Below 1, durations and transitions have more influence.
    smoothing : float, default=0.0
        Number added to the count of each transition. 0: transitions that could be seen in the labels but never occur
        are forbidden.
    forbidden : tuple of (int, int), default=()
        Pairs of classes. The second class of a pair must never directly follow the first, whatever `smoothing` is.
    max_latency : float or None, default=None
        Samples (seconds with `sampling_rate`) after which a label has to be final; for streams. The label is then the
        best choice given the samples known at that time, and does not change later. None: exact, final at the end of
        the recording.
    sampling_rate : float or None, default=None
        Samples per second. None: `max_latency` is in samples.
    statistics : SegmentStatistics or None, default=None
        Classes, lengths and transitions in the labels. A segmenter sets this parameter.

    Raises
    ------
    ValueError
        If a value is out of its range.

    References
    ----------
    Yu 2010, "Hidden semi-Markov models", Artificial Intelligence 174; eq. (2) for explicit durations.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.decoding import DurationViterbi
    >>> from sslts.annotations import measure_segments
    >>> statistics = measure_segments([[0] * 5 + [1] * 4 + [0] * 6 + [1] * 4 + [0] * 5])
    >>> p = np.array([.1, .1, .1, .1, .9, .9, .4, .9, .1, .1, .1, .1, .6, .1, .1])
    >>> DurationViterbi(statistics=statistics)(np.stack([1 - p, p], axis=1))
    array([0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    """

    weight: float = 1.0
    smoothing: float = 0.0
    forbidden: tuple[tuple[int, int], ...] = ()
    max_latency: float | None = None
    sampling_rate: float | None = None
    statistics: SegmentStatistics | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sampling_rate(self.sampling_rate)
        if not 0 < self.weight < np.inf:
            raise ValueError(f"weight={self.weight!r}; give a number above 0.")
        if not 0 <= self.smoothing < np.inf:
            raise ValueError(f"smoothing={self.smoothing!r}; give a finite number of at least 0.")
        if self.latency is not None and self.latency < 2:
            raise ValueError(f"max_latency={self.max_latency!r} is less than two samples; give at least two, or None.")

    @property
    def latency(self) -> int | None:
        """Number of later samples after which a label is final; None if a label may stay open until the end."""
        if self.max_latency is None:
            return None
        return math.floor(self.max_latency * check_sampling_rate(self.sampling_rate) * (1 + _ROUNDING))

    def for_segments(self, statistics: SegmentStatistics) -> Self:
        """Return a copy of the decoder with the classes, lengths and transitions of `statistics`.

        Raises
        ------
        ValueError
            If `forbidden` names an unknown class.
        """
        statistics.check_known((k for pair in self.forbidden for k in pair), "forbidden")
        return self.replace(statistics=statistics)

    @cached_property
    def _model(self) -> Model:
        if self.statistics is None:
            raise ValueError(
                "DurationViterbi has no statistics: pass it to a segmenter as `decoder`, or call "
                "for_segments(measure_segments(labels))."
            )
        return build_model(self.statistics, smoothing=self.smoothing, forbidden=self.forbidden)

    def __getstate__(self) -> dict[str, Any]:
        return self.get_params(deep=False)  # building the model is faster than storing it

    def start(self) -> Decoding:  # noqa: D102
        if self.latency is None:
            return _ExactDecoding(self._model, self.weight)
        return _BoundedDecoding(self._model, self.weight, self.latency)

    def decode_many(self, probas: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the class indices (T_i,), int64, of several recordings from their probabilities (T_i, K)."""
        model = self._model
        logs = [_weigh_logarithm(proba, self.weight, len(model.tables)) for proba in probas]
        if self.latency is None:
            return _decode_exactly(model, logs)
        return _decode_bounded(model, logs, self.weight, self.latency)


def _weigh_logarithm(proba: np.ndarray, weight: float, n_classes: int) -> np.ndarray:
    """Return the weighted logarithm of probabilities."""
    _check_proba(proba, n_classes)
    return weight * np.log(np.maximum(proba, _SMALLEST, dtype=np.float64))


def _read_logs(state: Mapping[str, Any], weight: float, n_classes: int) -> np.ndarray:
    """Return the weighted logarithms of probabilities in a state, checked."""
    low, high = (weight * math.log(p) for p in (_SMALLEST / 1.01, 1.01))
    return read_numbers(state, "logs", (None, n_classes), low=low, high=high).astype(np.float64, copy=False)


class _Piece(NamedTuple):
    """A part ``[begin, stop)`` of a recording, and the first sample ``origin`` of its run-up."""

    recording: int
    origin: int
    begin: int
    stop: int


def _cut_pieces(lengths: Sequence[int], memory: int) -> list[_Piece]:
    """Cut recordings into pieces of at least `_PIECE` samples, with a run-up of twice the recursion's memory."""
    run_up = 2 * memory
    size = max(_PIECE, 4 * run_up)
    pieces = []
    for i, length in enumerate(lengths):
        if not length:
            continue
        begins = [j * size for j in range(max(length // size, 1))]
        for begin, stop in zip(begins, [*begins[1:], length], strict=True):
            pieces.append(_Piece(i, max(0, begin - run_up), begin, stop))
    return pieces


def _decode_exactly(model: Model, logs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the class indices (T_i,) of the most probable segmentation of each recording."""
    pieces = [_cut_pieces([len(one)], model.memory) for one in logs]
    lengths = [max((p.stop - p.origin for p in of_one), default=0) for of_one in pieces]
    labels = [np.zeros(0, dtype=np.int64)] * len(logs)
    for batch in _gather_similar(lengths, _BATCH_CELLS // len(model.tables), rows=[len(of_one) for of_one in pieces]):
        for i, found in zip(batch, _decode_batch(model, [logs[i] for i in batch]), strict=True):
            labels[i] = found
    return labels


def _decode_batch(model: Model, logs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the class indices of recordings whose pieces share one pass of the recursion."""
    labels = [np.zeros(len(one), dtype=np.int64) for one in logs]
    pieces = sorted(_cut_pieces([len(one) for one in logs], model.memory), key=lambda p: p.origin - p.stop)
    if not pieces:
        return labels
    stretches = [logs[p.recording][p.origin : p.stop] for p in pieces]
    origin = np.array([p.origin for p in pieces])
    steps = {p.begin - p.origin for p in pieces} | {p.stop - p.origin for p in pieces}
    found = run_recursion(model, stretches, origin, wanted=steps)
    rows = sorted(range(len(pieces)), key=lambda row: pieces[row])
    for i, of_one in itertools.groupby(rows, key=lambda row: pieces[row].recording):
        start, before, end = _join_pieces(model, logs[i], found, [(row, pieces[row]) for row in of_one])
        k, began_last = find_last_segment(model, end, len(logs[i]), len(logs[i]))
        for label, first, last in trace_segments(start, before, k, began_last, len(logs[i])):
            labels[i][max(first, 0) : last] = label
    return labels


def _join_pieces(
    model: Model, logs: np.ndarray, found: Pass, pieces: Sequence[tuple[int, _Piece]]
) -> tuple[np.ndarray, np.ndarray, State]:
    """Return `start`, `before` and the final state of the recursion over a whole recording.

    ``pieces`` lists the pieces of the recording in order, each with its row in `found`.
    """
    start = np.zeros((len(logs) + 1, logs.shape[1]), dtype=np.int32)
    before = np.zeros((len(logs) + 1, logs.shape[1]), dtype=CLASS_INDEX)
    known: State | None = None
    for row, piece in pieces:
        own, source, size, skip = found, row, piece.stop - piece.begin, piece.begin - piece.origin
        began = found.start[row, skip + 1 : skip + 1 + size]
        if known is not None:
            guess = read_state(model, found, row, skip)
            if _differ_by_constant(known, guess):
                _replace_starts(began, guess, known)
            else:  # the piece depends on the state before it: run it again from the known state
                part = logs[piece.begin : piece.stop]
                own, source, skip = run_recursion(model, [part], np.array([piece.begin]), known, None), 0, 0
                began = own.start[0, 1:]
        start[piece.begin + 1 : piece.stop + 1] = began
        before[piece.begin + 1 : piece.stop + 1] = own.before[source, skip + 1 : skip + 1 + size]
        state = read_state(model, own, source, skip + size)
        if own is found and known is not None:
            state = state._replace(tail_start=_correct_tail(state.tail_start, guess, known))
        known = state
    return start, before, state


def _differ_by_constant(known: State, guess: State) -> bool:
    """Return whether two states differ only by a constant, so that the recursion continues alike from both."""
    first, second = (np.concatenate([state.running.ravel(), state.tail.ravel()]) for state in (known, guess))
    finite = np.isfinite(first)
    if not np.array_equal(finite, np.isfinite(second)) or not finite.any():
        return False
    difference = first[finite] - second[finite]
    return bool(np.ptp(difference) <= _TOLERANCE)


def _replace_starts(began: np.ndarray, guess: State, known: State) -> None:
    """Replace, in place and for each class, the guessed start of the oldest segment by the known start."""
    for k, (wrong, right) in enumerate(zip(guess.tail_start[0], known.tail_start[0], strict=True)):
        began[began[:, k] == wrong, k] = right


def _correct_tail(tail_start: np.ndarray, guess: State, known: State) -> np.ndarray:
    """Return the tail's starts with the guessed starts replaced by the known starts."""
    return np.where(tail_start == guess.tail_start, known.tail_start, tail_start)


class _ExactDecoding(Decoding):
    """A decoding that returns all labels at the end of the recording."""

    def __init__(self, model: Model, weight: float) -> None:
        self.model, self.weight = model, weight
        self.parts: list[np.ndarray] = []

    def push(self, proba: np.ndarray) -> np.ndarray:
        self.parts.append(_weigh_logarithm(proba, self.weight, len(self.model.tables)))
        return np.empty(0, dtype=np.int64)

    def flush(self) -> np.ndarray:
        if not self.parts:
            return np.empty(0, dtype=np.int64)
        logs, self.parts = np.concatenate(self.parts), []
        return _decode_exactly(self.model, [logs])[0]

    def get_state(self) -> dict[str, np.ndarray]:
        return {"logs": np.concatenate(self.parts)} if self.parts else {}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        self.parts = [_read_logs(state, self.weight, len(self.model.tables))] if state else []


class _BoundedDecoding(Decoding):
    """A decoding with bounded latency: every half latency, it decides the labels that are half a latency old.

    Positions count from the last decision. The recursion continues from the segment that was open at that decision,
    whose class and start are known.
    """

    def __init__(self, model: Model, weight: float, latency: int, logs: np.ndarray | None = None) -> None:
        self.model, self.weight, self.hop = model, weight, latency // 2
        self.logs = np.empty((0, len(model.tables))) if logs is None else logs  # since the last decision
        self.state: State | None = None
        self.age: int | None = 0  # samples since the start of the recording; None once its first segment has ended

    def push(self, proba: np.ndarray) -> np.ndarray:
        logs = _weigh_logarithm(proba, self.weight, len(self.model.tables))
        self.logs = np.concatenate([self.logs, logs])
        decided = [np.empty(0, dtype=np.int64)]
        while len(self.logs) >= 2 * self.hop:
            decided += _decide_together([self])
        return np.concatenate(decided)

    def flush(self) -> np.ndarray:
        return _decide_together([self])[0] if len(self.logs) else np.empty(0, dtype=np.int64)

    def get_state(self) -> dict[str, np.ndarray]:
        state = {"logs": self.logs, "age": np.array([] if self.age is None else [self.age], dtype=np.int64)}
        return state if self.state is None else {**state, **self.state._asdict()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        n_classes = len(self.model.tables)
        logs = _read_logs(state, self.weight, n_classes)
        age = read_optional(state, "age", 0, LAST_SAMPLE)
        begun = any(name in state for name in State._fields)
        if begun != (age != 0) or len(logs) >= 2 * self.hop:
            raise ValueError(
                f"state has age={age}, {len(logs)} samples in logs and {'a' if begun else 'no'} segment, which do not "
                "fit together; pass everything that get_state returned, unchanged."
            )
        found = None
        if begun:
            shape = 1, n_classes
            found = State(
                read_numbers(state, "running", (*shape, self.model.memory), infinite=True),
                read_numbers(state, "tail", shape, infinite=True),
                read_numbers(state, "tail_start", shape, low=-_EARLIEST, high=0, whole=True),
            )
        self.logs, self.age, self.state = logs, age, found

    def decide(self, found: Pass, row: int, known: int) -> np.ndarray:
        """Return the next final labels, from a pass of the recursion over the next ``known`` samples."""
        until = self.hop if known == 2 * self.hop else known
        state = read_state(self.model, found, row, known)
        age = None if self.age is None else self.age + known
        k, began = find_last_segment(self.model, state, known, age)
        labels = np.empty(known, dtype=np.int64)
        for label, first, last in trace_segments(found.start[row], found.before[row], k, began, known):
            labels[max(first, 0) : last] = label
            if first < until <= last:
                self._restart(label, until - first, until)
        self.logs = self.logs[until:]
        return labels[:until]

    def _restart(self, k: int, lasted: int, until: int) -> None:
        """Set the state to an open segment of class ``k``, ``lasted`` samples long at sample ``until``."""
        begun = self.age is not None and lasted == self.age + until
        self.age = lasted if begun else None
        table, memory = self.model.tables[k], self.model.memory
        running = np.full((1, len(self.model.tables), memory), -np.inf)
        tail = np.full((1, len(self.model.tables)), -np.inf)
        if lasted <= table.size:
            ending = table.falling[-lasted] + (table.excess[lasted - 1] if begun else 0.0)
            running[0, k, -1 - lasted] = 0.0
        else:
            ending = table.falling[0] + (lasted - table.size) * table.decay + (table.excess[-1] if begun else 0.0)
            tail[0, k] = ending
        running[0, :, -1] = self.model.transition[k] + ending
        self.state = State(running, tail, np.full_like(tail, max(-lasted, -_EARLIEST), dtype=np.int64))


def _decide_together(decodings: Sequence[_BoundedDecoding]) -> list[np.ndarray]:
    """Return the next final labels of decodings of equal ``age``; the longest decoding comes first."""
    model, hop, age = decodings[0].model, decodings[0].hop, decodings[0].age
    known = [min(len(one.logs), 2 * hop) for one in decodings]
    states = [one.state for one in decodings if one.state is not None]
    state = State(*map(np.concatenate, zip(*states, strict=True))) if states else None
    stretches = [one.logs[:n] for one, n in zip(decodings, known, strict=True)]
    found = run_recursion(model, stretches, np.zeros(len(known), dtype=np.int64), state, age, wanted=set(known))
    return [one.decide(found, row, n) for row, (one, n) in enumerate(zip(decodings, known, strict=True))]


def _decode_bounded(model: Model, logs: Sequence[np.ndarray], weight: float, latency: int) -> list[np.ndarray]:
    """Return the labels of whole recordings with bounded latency, making each decision for all of them together."""
    parts = [[np.zeros(0, dtype=np.int64)] for _ in logs]
    order = sorted(range(len(logs)), key=lambda i: -len(logs[i]))
    longest = min(latency, max(map(len, logs), default=0))
    rows = max(1, _BATCH_CELLS // ((model.memory + longest) * len(model.tables)))
    for first in range(0, len(order), rows):
        batch = {i: _BoundedDecoding(model, weight, latency, logs[i]) for i in order[first : first + rows]}
        while batch := {i: one for i, one in batch.items() if len(one.logs)}:
            first_segment = [i for i, one in batch.items() if one.age is not None]  # their ages are equal
            others = [i for i, one in batch.items() if one.age is None]
            for together in filter(None, (first_segment, others)):
                for i, labels in zip(together, _decide_together([batch[i] for i in together]), strict=True):
                    parts[i].append(labels)
    return [np.concatenate(part) for part in parts]
