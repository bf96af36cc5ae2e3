"""Two thresholds for each class, and a memory: a segment begins where the class is sure and ends where it is unlikely.

Each class passes through the same stations, and each station gives out what is final as soon as it is, with a bounded
delay: whether the class is on; gaps filled; short stretches dropped; padding. Then the classes are put together, and
what that leaves too short goes to the background, or without one to its neighbour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from sslts._notices import warn
from sslts._runs import find_runs
from sslts.annotations import SegmentStatistics
from sslts.decoding.decoder import _ROUNDING, Decoder, Decoding, _check_proba, _gather_similar
from sslts.recordings import check_sampling_rate

_BATCH_CELLS = 1 << 20  # samples times classes of recordings that are decoded end to end

_PerClass = float | Mapping[int, float]


@dataclass(frozen=True)
class Hysteresis(Decoder):
    """Begin a segment where its class is sure, end it where the class has become unlikely.

    For each class that is not background: it is on from a sample with ``p >= onset`` for as long as ``p >= offset``;
    gaps shorter than `min_gap` between two stretches are filled; what is then shorter than `min_length` is dropped;
    what is left grows by `pad` on both sides. A sample that several classes claim goes to the most probable of them,
    one that none claims to the background. What such a conflict leaves shorter than `min_length` is dropped too. The
    label of a sample depends on a bounded future.

    Where no class is the background, a sample that none claims goes to the most probable class, and what is then
    shorter than the `min_length` of its class takes the label of what lies before it. What is too short at the start
    takes that of what follows; if that is too short as well, it grows over it until it is long enough.

    Parameters
    ----------
    onset : float or dict, default=0.6
        Probability at which a segment begins. A dictionary gives each class its own; the default holds for classes
        that it does not name. This is so for all parameters.
    offset : float or dict, default=0.4
        Probability below which a segment ends; not above `onset`.
    min_length : float or dict, default=0
        Least length of a segment, in samples, or in seconds if `sampling_rate` is given. If that is no whole number of
        samples, the next one above it: with 2.4, segments of 2 samples are dropped.
    min_gap : float or dict, default=0
        Least length of a gap between two segments of a class, in whole samples as `min_length`.
    pad : float or dict, default=0
        By how much a segment grows at each end, to the nearest sample.
    sampling_rate : float or None, default=None
        Samples per second, by which lengths are in seconds; that of a segmenter is not used. None: they are in samples.
    statistics : SegmentStatistics or None, default=None
        Which classes there are, and which is the background. A segmenter fills it in; without it, class k is column k
        and 0 is the background.

    Raises
    ------
    ValueError
        If a value is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.decoding import Hysteresis
    >>> p = np.array([0.1, 0.5, 0.7, 0.5, 0.3, 0.7, 0.1, 0.1, 0.1, 0.8, 0.1])
    >>> proba = np.stack([1 - p, p], axis=1)
    >>> Hysteresis()(proba)
    array([0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0])
    >>> Hysteresis(min_gap=2, min_length=2)(proba)
    array([0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0])

    Where every sample is of a class, as of sleep stages:

    >>> from sslts.annotations import measure_segments
    >>> stages = measure_segments([[0, 1, 2]], background=None)
    >>> proba = np.eye(3)[[0, 0, 0, 2, 1, 1, 1, 0, 1]]
    >>> Hysteresis(min_length=2).for_segments(stages)(proba)
    array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    """

    onset: _PerClass = 0.6
    offset: _PerClass = 0.4
    min_length: _PerClass = 0
    min_gap: _PerClass = 0
    pad: _PerClass = 0
    sampling_rate: float | None = None
    statistics: SegmentStatistics | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sampling_rate(self.sampling_rate)
        for name in ("onset", "offset", "min_length", "min_gap", "pad"):
            value = getattr(self, name)
            highest = 1 if name in ("onset", "offset") else np.inf
            for key, one in value.items() if isinstance(value, Mapping) else [(None, value)]:
                if not 0 <= one <= highest or not np.isfinite(one):
                    where = name if key is None else f"{name}[{key}]"
                    raise ValueError(f"{where}={one!r}; give a number from 0{' to 1' if highest == 1 else ' on'}.")
                if highest > 1 and self.sampling_rate is None and 0 < one < 1:
                    warn(
                        f"{name}={one!r} is less than a sample. For seconds, the decoder has to know how many samples "
                        "they hold: pass its sampling_rate too; that of the segmenter is not used."
                    )
        keys = {key for value in (self.onset, self.offset) if isinstance(value, Mapping) for key in value}
        for key in [None, *sorted(keys)]:
            if self.pick("offset", key) > self.pick("onset", key):
                where = "" if key is None else f" of class {key}"
                raise ValueError(
                    f"offset={self.pick('offset', key)} is above onset={self.pick('onset', key)}{where}; a segment "
                    "would end where it begins. Lower offset."
                )

    def pick(self, name: str, key: int | None) -> float:
        """Return a parameter for a class; the default for one that a dictionary does not name.

        Examples
        --------
        >>> Hysteresis(min_length={1: 9}).pick("min_length", 1)
        9.0
        """
        value = getattr(self, name)
        if isinstance(value, Mapping):
            return float(value.get(key, _DEFAULTS[name]))
        return float(value)

    def _pick_samples(self, name: str, key: int) -> int:
        value = self.pick(name, key) * check_sampling_rate(self.sampling_rate)
        return round(value) if name == "pad" else math.ceil(value * (1 - _ROUNDING))

    def _list_keys(self) -> set[int]:
        """Return classes that between them have all the lengths of any class."""
        values = [getattr(self, name) for name in _LENGTHS]
        keys = {key for value in values if isinstance(value, Mapping) for key in value}
        return keys.union([-1] if self.statistics is None else self.statistics.classes)

    @property
    def latency(self) -> int:
        """Samples after which a label is final."""
        worst = {name: max(self._pick_samples(name, key) for key in self._list_keys()) for name in _LENGTHS}
        without = self.statistics is not None and self.statistics.background_index is None
        # a stretch of a class, a run of labels and, without a background, what waits at the start for such a run
        return worst["min_gap"] + (3 if without else 2) * worst["min_length"] + worst["pad"]

    def for_segments(self, statistics: SegmentStatistics) -> Self:
        """Return the decoder, with the classes of `statistics`.

        Raises
        ------
        ValueError
            If a dictionary names a class that is none.
        """
        for name in ("onset", "offset", *_LENGTHS):
            value = getattr(self, name)
            if isinstance(value, Mapping):
                statistics.check_known(value, name)
        return self.replace(statistics=statistics)

    def start(self) -> Decoding:  # noqa: D102
        return _HysteresisDecoding(self)

    def decode_many(self, probas: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the class indices (T_i,), int64, of each recording's probabilities (T_i, K)."""
        probas = [np.asarray(proba) for proba in probas]
        if not probas:
            return []
        n_classes = probas[0].shape[-1] if self.statistics is None else len(self.statistics.classes)
        for proba in probas:
            _check_proba(proba, n_classes)
        reach = max(1, *(self._pick_samples(name, k) for name in ("min_gap", "pad") for k in self._list_keys()))
        labels = [np.empty(0, dtype=np.int64)] * len(probas)
        taken = [len(proba) + min(reach, len(proba)) for proba in probas]
        for batch in _gather_similar(taken, _BATCH_CELLS // n_classes):
            for i, found in zip(batch, _decode_joined(self, [probas[i] for i in batch], reach), strict=True):
                labels[i] = found
        return labels


_LENGTHS = ("min_length", "min_gap", "pad")
_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Hysteresis)}


class _HysteresisDecoding(Decoding):
    def __init__(self, recipe: Hysteresis, longest: int | None = None) -> None:
        self.recipe, self.longest = recipe, longest  # of the recordings; None: not known
        self.stations: list[list[Any]] | None = None

    def _begin(self, n_classes: int) -> None:
        recipe, statistics = self.recipe, self.recipe.statistics
        classes = range(n_classes) if statistics is None else statistics.classes
        self.background = 0 if statistics is None else statistics.background_index
        shortest = [recipe._pick_samples("min_length", k) for k in classes]
        self.stations = [
            [
                _Switch(recipe.pick("onset", k), recipe.pick("offset", k)),
                _ShortRuns([self._pick_reach("min_gap", k), 0], 1, spare_edges=True),
                _ShortRuns([0, short], 0),
                _Pad(self._pick_reach("pad", k)),
            ]
            for k, short in zip(classes, shortest, strict=True)
        ]
        if self.background is not None:
            shortest[self.background] = 0
        self.shortest = shortest
        self.last = self.start_last()
        self.claims = [np.empty(0, dtype=np.int64) for _ in classes]
        self.proba = np.empty((0, n_classes))

    def _pick_reach(self, name: str, key: int) -> int:
        """Return a gap or padding; what is as long as a recording does all that a longer one does."""
        value = self.recipe._pick_samples(name, key)
        return value if self.longest is None else min(value, self.longest)

    def start_last(self) -> _Neighbours | _ShortRuns:
        """Return a new last station of all, which takes the labels put together."""
        if self.background is None:
            return _Neighbours(self.shortest)
        return _ShortRuns(self.shortest, self.background)

    def push(self, proba: np.ndarray) -> np.ndarray:
        labels = self.put_together(proba)
        return self.last.push(labels)

    def flush(self) -> np.ndarray:
        if self.stations is None:
            return np.empty(0, dtype=np.int64)
        return np.concatenate([self.last.push(self.put_rest_together()), self.last.flush()])

    def put_together(self, proba: np.ndarray) -> np.ndarray:
        """Take probabilities; return the labels that all classes have decided on."""
        proba, statistics = np.asarray(proba), self.recipe.statistics
        _check_proba(proba, proba.shape[-1] if statistics is None else len(statistics.classes))
        if self.stations is None:
            self._begin(proba.shape[1])
        self.proba = np.concatenate([self.proba, proba])
        for k, stations in enumerate(self.stations or []):
            bits = proba[:, k]
            for station in stations:
                bits = station.push(bits)
            self.claims[k] = np.concatenate([self.claims[k], bits])
        return self._combine()

    def put_rest_together(self) -> np.ndarray:
        """Return the labels that wait for what comes next, when nothing does."""
        for k, stations in enumerate(self.stations or []):
            bits = np.empty(0)
            for station in stations:
                bits = np.concatenate([station.push(bits), station.flush()])
            self.claims[k] = np.concatenate([self.claims[k], bits.astype(np.int64)])
        return self._combine()

    def _combine(self) -> np.ndarray:
        """Return the labels of the samples about which every class has decided."""
        n = min(len(bits) for bits in self.claims)
        claimed = np.stack([bits[:n] for bits in self.claims], axis=1).astype(bool)
        proba = self.proba[:n]
        self.proba, self.claims = self.proba[n:], [bits[n:] for bits in self.claims]
        if self.background is not None:
            claimed[:, self.background] = False
        labels = np.where(claimed, proba, -1.0).argmax(1)
        free = ~claimed.any(1)
        labels[free] = proba[free].argmax(1) if self.background is None else self.background
        return labels.astype(np.int64)

    def get_state(self) -> dict[str, np.ndarray]:
        if self.stations is None:
            return {}
        state = {"proba": self.proba, **_prefix("last", self.last.get_state())}
        for k, stations in enumerate(self.stations):
            state[f"claims.{k}"] = self.claims[k]
            for number, station in enumerate(stations):
                state |= _prefix(f"stations.{k}.{number}", station.get_state())
        return state

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        if not state:
            return
        self._begin(state["proba"].shape[1])
        self.proba = np.array(state["proba"])
        self.last.set_state(_select("last", state))
        for k, stations in enumerate(self.stations or []):
            self.claims[k] = np.array(state[f"claims.{k}"])
            for number, station in enumerate(stations):
                station.set_state(_select(f"stations.{k}.{number}", state))


def _decode_joined(recipe: Hysteresis, probas: Sequence[np.ndarray], reach: int) -> list[np.ndarray]:
    """Return the labels of recordings that go through the stations end to end.

    Between two of them, all classes are off for so long that neither gaps nor padding bridge it. What changes the
    labels put together looks at each recording by itself.
    """
    longest = max(map(len, probas))
    decoding = _HysteresisDecoding(recipe, longest)
    between = np.full((min(reach, longest), probas[0].shape[1]), -1, dtype=np.int8)  # below any threshold
    joined = np.concatenate([part for proba in probas for part in (proba, between)])
    labels = np.concatenate([decoding.put_together(joined), decoding.put_rest_together()])
    found, begin = [], 0
    for proba in probas:
        last = decoding.start_last()
        found.append(np.concatenate([last.push(labels[begin : begin + len(proba)]), last.flush()]))
        begin += len(proba) + len(between)
    return found


def _prefix(name: str, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{name}.{key}": value for key, value in state.items()}


def _select(name: str, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}


class _Switch:
    """On from the first value of at least `onset`, for as long as values are at least `offset`."""

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
        self.on = int(state["on"])


class _ShortRuns:
    """Replace each run of value v that is shorter than ``shortest[v]``; hold back the last one while it is short.

    With `spare_edges`, a run at the first or the last sample stays.
    """

    def __init__(self, shortest: list[int], replacement: int, *, spare_edges: bool = False) -> None:
        self.shortest, self.replacement = np.asarray(shortest), replacement
        self.spare_edges = spare_edges
        self.held = np.empty(0, dtype=np.int64)
        self.spared: int | None = -1 if spare_edges else None  # value of the run that goes on and stays; -1: any

    def push(self, values: np.ndarray) -> np.ndarray:
        if not len(values):
            return np.empty(0, dtype=np.int64)
        values = np.concatenate([self.held, values]).astype(np.int64)
        starts, ends, found = find_runs(values)
        lengths = ends - starts
        short = lengths < self.shortest[found]
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
        self.held = np.array(state["held"])
        self.spared = int(state["spared"][0]) if len(state["spared"]) else None


class _Neighbours:
    """Give each run of value v that is shorter than ``shortest[v]`` the value given out before it.

    The first runs wait for one that is long enough, and take its value. If they together are as long as the very first
    has to be before there is one, they take that one's value: so the wait has a bound.
    """

    def __init__(self, shortest: list[int]) -> None:
        self.shortest = np.asarray(shortest)
        self.held = np.empty(0, dtype=np.int64)
        self.value = -1  # given out last; -1: nothing yet

    def push(self, values: np.ndarray) -> np.ndarray:
        values = np.concatenate([self.held, values]).astype(np.int64)
        if not len(values):
            return values
        starts, ends, found = find_runs(values)
        long = ends - starts >= self.shortest[found]
        if self.value < 0:
            enough = long | (ends >= self.shortest[found[0]])
            enough[-1] = long[-1]  # this run may go on, and be long
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
        self.held, self.value = np.array(state["held"]), int(state["value"])


class _Pad:
    """On where anything within `pad` samples is on."""

    def __init__(self, pad: int) -> None:
        self.pad = pad
        self.seen = np.zeros(pad, dtype=np.int64)  # from `pad` samples before the next one that is given out

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
        self.seen = np.array(state["seen"])
