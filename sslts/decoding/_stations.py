"""The decoding behind `Hysteresis`: each class passes through a chain of stations, each with a bounded delay.

The stations of a class apply its two thresholds, fill short gaps, drop short segments and pad the rest. Each station
takes values with ``push``, returns the results that are final, and returns the rest with ``flush``. Then the classes
are combined into one label per sample, and a last station removes the segments that the combination left too short.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sslts._runs import find_runs
from sslts._states import read_numbers, read_optional, read_whole
from sslts.decoding.decoder import Decoding, _check_proba

_LARGEST_PROBA = 1.01  # a probability may be above 1 by rounding


class ClassRule(NamedTuple):
    """The thresholds of one class, and its lengths in samples."""

    onset: float
    offset: float
    min_length: int
    min_gap: int
    pad: int


class HysteresisDecoding(Decoding):
    """The decoding of one recording, or of several recordings joined end to end.

    ``list_rules`` returns one rule per class for a number of classes. ``n_classes=None`` accepts any number of classes,
    ``background=None`` means that no class is the background. ``longest`` caps gaps and padding where the length of the
    longest recording is known: a longer gap or padding has the same effect.
    """

    def __init__(
        self,
        list_rules: Callable[[int], Sequence[ClassRule]],
        *,
        n_classes: int | None,
        background: int | None,
        longest: int | None = None,
    ) -> None:
        self.list_rules, self.n_classes, self.background = list_rules, n_classes, background
        self.longest = longest
        self.stations: list[list[_Threshold | _ShortRunFilter | _Padding]] | None = None

    def _begin(self, n_classes: int) -> None:
        """Build the stations when the number of classes is known."""
        rules = self.list_rules(n_classes)
        self.stations = [
            [
                _Threshold(rule.onset, rule.offset),
                _ShortRunFilter([self._cap_length(rule.min_gap), 0], 1, spare_edges=True),
                _ShortRunFilter([0, rule.min_length], 0),
                _Padding(self._cap_length(rule.pad)),
            ]
            for rule in rules
        ]
        self.min_lengths = [0 if k == self.background else rule.min_length for k, rule in enumerate(rules)]
        self.last = self.make_last()
        self.claims = [np.empty(0, dtype=np.int64) for _ in rules]
        self.proba = np.empty((0, n_classes))

    def _cap_length(self, length: int) -> int:
        """Return a length, limited to the length of the longest recording if the longest length is known."""
        return length if self.longest is None else min(length, self.longest)

    def make_last(self) -> _ShortRunMerger | _ShortRunFilter:
        """Return a new last station, which takes the combined labels."""
        if self.background is None:
            return _ShortRunMerger(self.min_lengths)
        return _ShortRunFilter(self.min_lengths, self.background)

    def push(self, proba: np.ndarray) -> np.ndarray:
        labels = self.push_classes(proba)
        return self.last.push(labels)

    def flush(self) -> np.ndarray:
        if self.stations is None:
            return np.empty(0, dtype=np.int64)
        return np.concatenate([self.last.push(self.flush_classes()), self.last.flush()])

    def push_classes(self, proba: np.ndarray) -> np.ndarray:
        """Take probabilities; return the combined labels of the samples that every class has decided."""
        proba = np.asarray(proba)
        _check_proba(proba, proba.shape[-1] if self.n_classes is None else self.n_classes)
        if self.stations is None:
            self._begin(proba.shape[1])
        self.proba = np.concatenate([self.proba, proba])
        for k, stations in enumerate(self.stations or []):
            bits = proba[:, k]
            for station in stations:
                bits = station.push(bits)
            self.claims[k] = np.concatenate([self.claims[k], bits])
        return self._combine()

    def flush_classes(self) -> np.ndarray:
        """Return the combined labels of the remaining samples, at the end of the recording."""
        for k, stations in enumerate(self.stations or []):
            bits = np.empty(0)
            for station in stations:
                bits = np.concatenate([station.push(bits), station.flush()])
            self.claims[k] = np.concatenate([self.claims[k], bits.astype(np.int64)])
        return self._combine()

    def _combine(self) -> np.ndarray:
        """Return the labels of the samples that every class has decided."""
        n = min(len(bits) for bits in self.claims)
        claimed = np.stack([bits[:n] for bits in self.claims], axis=1).astype(bool)
        proba = self.proba[:n]
        self.proba, self.claims = self.proba[n:], [bits[n:] for bits in self.claims]
        if self.background is not None:
            claimed[:, self.background] = False
        labels = np.where(claimed, proba, -1.0).argmax(1)
        unclaimed = ~claimed.any(1)
        labels[unclaimed] = proba[unclaimed].argmax(1) if self.background is None else self.background
        return labels.astype(np.int64)

    def get_state(self) -> dict[str, np.ndarray]:
        if self.stations is None:
            return {}
        state = {"proba": self.proba, **_add_prefix("last", self.last.get_state())}
        for k, stations in enumerate(self.stations):
            state[f"claims.{k}"] = self.claims[k]
            for number, station in enumerate(stations):
                state |= _add_prefix(f"stations.{k}.{number}", station.get_state())
        return state

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        if not state:
            return
        given = np.shape(state["proba"])
        read = copy.copy(self)  # unchanged if the state is refused
        read._begin(self.n_classes or (given[1] if len(given) == 2 else 0))
        read.proba = read_numbers(state, "proba", (None, len(read.claims)), low=-1, high=_LARGEST_PROBA)
        read.last.set_state(_select_prefix("last", state))
        for k, stations in enumerate(read.stations or []):
            read.claims[k] = read_numbers(state, f"claims.{k}", (None,), low=0, high=1, whole=True)
            for number, station in enumerate(stations):
                station.set_state(_select_prefix(f"stations.{k}.{number}", state))
        self.__dict__.update(read.__dict__)


def decode_joined(decoding: HysteresisDecoding, probas: Sequence[np.ndarray], distance: int) -> list[np.ndarray]:
    """Return the labels of several recordings, which pass through the stations of ``decoding`` joined end to end.

    ``distance`` samples separate two recordings. All classes are off there, for too long to be bridged by gaps or
    padding. The last station looks at each recording separately.
    """
    separator = np.full((distance, probas[0].shape[1]), -1, dtype=np.int8)  # below every threshold
    joined = np.concatenate([part for proba in probas for part in (proba, separator)])
    labels = np.concatenate([decoding.push_classes(joined), decoding.flush_classes()])
    found, begin = [], 0
    for proba in probas:
        last = decoding.make_last()
        found.append(np.concatenate([last.push(labels[begin : begin + len(proba)]), last.flush()]))
        begin += len(proba) + len(separator)
    return found


def _add_prefix(name: str, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{name}.{key}": value for key, value in state.items()}


def _select_prefix(name: str, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}


class _Threshold:
    """A switch that turns on at a value of at least `onset`, and off at a value below `offset`."""

    def __init__(self, onset: float, offset: float) -> None:
        self.onset, self.offset, self.on = onset, offset, 0

    def push(self, p: np.ndarray) -> np.ndarray:
        event = np.where(p >= self.onset, 1, np.where(p < self.offset, 0, -1))
        last = np.maximum.accumulate(np.where(event >= 0, np.arange(len(p)), -1))
        bits = np.where(last >= 0, event[last], self.on).astype(np.int64)
        if len(bits):
            self.on = int(bits[-1])
        return bits

    def flush(self) -> np.ndarray:
        return np.empty(0, dtype=np.int64)

    def get_state(self) -> dict[str, np.ndarray]:
        return {"on": np.asarray(self.on)}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        self.on = read_whole(state, "on", 0, 1)


class _ShortRunFilter:
    """A station that replaces each run of value v that is shorter than ``min_lengths[v]``.

    It holds the last run back while the run is short. With `spare_edges`, a run at the first or the last sample stays.
    """

    def __init__(self, min_lengths: list[int], replacement: int, *, spare_edges: bool = False) -> None:
        self.min_lengths, self.replacement = np.asarray(min_lengths), replacement
        self.spare_edges = spare_edges
        self.held = np.empty(0, dtype=np.int64)
        self.spared: int | None = -1 if spare_edges else None  # value of the run that continues and stays; -1: any

    def push(self, values: np.ndarray) -> np.ndarray:
        if not len(values):
            return np.empty(0, dtype=np.int64)
        values = np.concatenate([self.held, values]).astype(np.int64)
        starts, ends, found = find_runs(values)
        lengths = ends - starts
        short = lengths < self.min_lengths[found]
        if self.spared is not None and self.spared in (-1, found[0]):
            short[0] = False
        out = np.repeat(np.where(short, self.replacement, found), lengths)
        if short[-1]:
            self.held, self.spared = values[starts[-1] :], None
            return out[: starts[-1]]
        self.held, self.spared = values[:0], int(found[-1])
        return out

    def flush(self) -> np.ndarray:
        held, self.held = self.held, self.held[:0]
        return held if self.spare_edges else np.full_like(held, self.replacement)

    def get_state(self) -> dict[str, np.ndarray]:
        return {"held": self.held, "spared": np.array([] if self.spared is None else [self.spared], dtype=np.int64)}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        known = len(self.min_lengths) - 1
        self.held = read_numbers(state, "held", (None,), low=0, high=known, whole=True)
        self.spared = read_optional(state, "spared", -1, known)


class _ShortRunMerger:
    """A station that gives each run of value v shorter than ``min_lengths[v]`` the label of the sample before it.

    Short runs at the start wait for the first run that is long enough, and take its value. The wait is bounded: when
    the waiting runs together reach the least length of the very first run, they all take the value of that run.
    """

    def __init__(self, min_lengths: list[int]) -> None:
        self.min_lengths = np.asarray(min_lengths)
        self.held = np.empty(0, dtype=np.int64)
        self.value = -1  # the label returned last; -1: no label returned yet

    def push(self, values: np.ndarray) -> np.ndarray:
        values = np.concatenate([self.held, values]).astype(np.int64)
        if not len(values):
            return values
        starts, ends, found = find_runs(values)
        long = ends - starts >= self.min_lengths[found]
        if self.value < 0:
            enough = long | (ends >= self.min_lengths[found[0]])
            enough[-1] = long[-1]  # the last run may continue and become long
            first = int(enough.argmax())
            if not enough[first]:
                self.held = values
                return values[:0]
            self.value = int(found[first] if long[first] else found[0])
        last = np.maximum.accumulate(np.where(long, np.arange(len(found)), -1))
        given = np.where(last >= 0, found[last], self.value)
        self.value = int(given[-1])
        n = len(values) if given[-1] == found[-1] else starts[-1]
        self.held = values[n:]
        return np.repeat(given, ends - starts)[:n]

    def flush(self) -> np.ndarray:
        held, self.held = self.held, self.held[:0]
        return np.full_like(held, held[0] if self.value < 0 else self.value) if len(held) else held

    def get_state(self) -> dict[str, np.ndarray]:
        return {"held": self.held, "value": np.asarray(self.value)}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        known = len(self.min_lengths) - 1
        self.held = read_numbers(state, "held", (None,), low=0, high=known, whole=True)
        self.value = read_whole(state, "value", -1, known)


class _Padding:
    """A station that turns on every sample within `pad` samples of a sample that is on."""

    def __init__(self, pad: int) -> None:
        self.pad = pad
        self.seen = np.zeros(pad, dtype=np.int64)  # starts `pad` samples before the next sample to return

    def push(self, bits: np.ndarray) -> np.ndarray:
        if not self.pad:
            return bits
        self.seen = np.concatenate([self.seen, bits])
        n = len(self.seen) - 2 * self.pad
        if n <= 0:
            return bits[:0]
        total = np.concatenate([[0], np.cumsum(self.seen)])
        out = total[2 * self.pad + 1 : 2 * self.pad + 1 + n] > total[:n]
        self.seen = self.seen[n:]
        return out.astype(np.int64)

    def flush(self) -> np.ndarray:
        return self.push(np.zeros(self.pad, dtype=np.int64))

    def get_state(self) -> dict[str, np.ndarray]:
        return {"seen": self.seen}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        seen = read_numbers(state, "seen", (None,), low=0, high=1, whole=True)
        if not self.pad <= len(seen) <= 2 * self.pad:
            raise ValueError(f"state has {len(seen)} values in seen, which a padding of {self.pad} can't have.")
        self.seen = seen
