"""Two thresholds per class: a segment starts where its class is likely and ends where its class becomes unlikely.

``_stations.py`` holds the decoding itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from sslts._notices import warn
from sslts.annotations import SegmentStatistics
from sslts.decoding._stations import ClassRule, HysteresisDecoding, decode_joined
from sslts.decoding.decoder import _ROUNDING, Decoder, Decoding, _check_proba, _gather_similar
from sslts.recordings import check_sampling_rate

_BATCH_CELLS = 1 << 20  # samples times classes of recordings that are decoded end to end

_PerClass = float | Mapping[int, float]


@dataclass(frozen=True)
class Hysteresis(Decoder):
    """A decoder with two thresholds per class: one to start a segment, and a lower one to end it.

    Each class that is not the background switches on at ``p >= onset`` and stays on while ``p >= offset``. Then gaps
    shorter than `min_gap` are filled, segments shorter than `min_length` are dropped, and the remaining segments grow
    by `pad` on both sides. A sample that several classes claim goes to the most probable of them; a sample that no
    class claims goes to the background. Segments that became shorter than `min_length` because of such a conflict are
    dropped too. A label depends on a bounded number of future samples.

    Without a background class, a sample that no class claims goes to the most probable class. A segment that is then
    shorter than the `min_length` of its class takes the label of the sample before it. A short segment at the start
    takes the label of the segment after it; if that segment is short too, the first segment absorbs the following
    segments until it is long enough.

    Parameters
    ----------
    onset : float or dict, default=0.6
        Probability at which a segment starts, from 0 to 1. Raise it if there are false segments; lower it if segments
        are missed. A dictionary gives values per class; a class that the dictionary does not name has the default. This
        holds for all parameters that accept a dictionary.
    offset : float or dict, default=0.4
        Probability below which a segment ends, from 0 to `onset`. Lower it if segments break into parts; raise it if
        segments end too late.
    min_length : float or dict, default=0
        Least length of a segment, 0 or more, in samples, or in seconds with `sampling_rate`. Shorter segments are
        dropped. Set it to half of the shortest true segment if there are short false segments. Fractions of a sample
        are rounded up: with 2.4 samples, segments of 2 samples are dropped.
    min_gap : float or dict, default=0
        Least length of a gap between two segments of a class, 0 or more, in the units and with the rounding of
        `min_length`. Shorter gaps are filled. Raise it if segments break into parts.
    pad : float or dict, default=0
        Length by which a segment grows at each end, 0 or more, rounded to the nearest sample. Use it if the found
        segments are always too short.
    sampling_rate : float or None, default=None
        Samples per second; lengths are then in seconds. None: lengths are in samples. The decoder does not use the
        sampling rate of the segmenter.
    statistics : SegmentStatistics or None, default=None
        The classes and the background. A segmenter sets this parameter. None: class k is column k, and class 0 is the
        background.

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

    Without a background, as for sleep stages:

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
                    wanted = "a number from 0 to 1" if highest == 1 else "a finite number of at least 0"
                    raise ValueError(f"{where}={one!r}; give {wanted}.")
                if highest > 1 and self.sampling_rate is None and 0 < one < 1:
                    warn(
                        f"{name}={one!r} is less than one sample. If it is in seconds, pass sampling_rate to the "
                        "decoder too; the decoder does not use the sampling rate of the segmenter."
                    )
        keys = {key for value in (self.onset, self.offset) if isinstance(value, Mapping) for key in value}
        for key in [None, *sorted(keys)]:
            if self.pick("offset", key) > self.pick("onset", key):
                where = "" if key is None else f" of class {key}"
                raise ValueError(
                    f"offset={self.pick('offset', key)} is above onset={self.pick('onset', key)}{where}; a segment "
                    "would end where it starts. Lower offset."
                )

    def pick(self, name: str, key: int | None) -> float:
        """Return the value of a parameter for one class; the default if a dictionary does not name the class.

        Examples
        --------
        >>> Hysteresis(min_length={1: 9}).pick("min_length", 1)
        9.0
        """
        value = getattr(self, name)
        if isinstance(value, Mapping):
            return float(value.get(key, _DEFAULTS[name]))
        return float(value)

    def _count_samples(self, name: str, key: int) -> int:
        """Return a length of one class in samples."""
        value = self.pick(name, key) * check_sampling_rate(self.sampling_rate)
        return round(value) if name == "pad" else math.ceil(value * (1 - _ROUNDING))

    def _list_keys(self) -> set[int]:
        """Return the classes that the dictionaries or the statistics name; -1 represents all other classes."""
        values = [getattr(self, name) for name in _LENGTHS]
        keys = {key for value in values if isinstance(value, Mapping) for key in value}
        return keys.union([-1] if self.statistics is None else self.statistics.classes)

    def _list_rules(self, n_classes: int) -> list[ClassRule]:
        """Return the thresholds and lengths of each class."""
        return [
            ClassRule(
                self.pick("onset", k), self.pick("offset", k), *(self._count_samples(name, k) for name in _LENGTHS)
            )
            for k in (range(n_classes) if self.statistics is None else self.statistics.classes)
        ]

    @property
    def latency(self) -> int:
        """Number of later samples after which a label is final."""
        worst = {name: max(self._count_samples(name, key) for key in self._list_keys()) for name in _LENGTHS}
        no_background = self.statistics is not None and self.statistics.background_index is None
        # min_length delays a label twice: in a run of one class and in a run of combined labels. Without a background,
        # it delays a label once more: short runs wait at the start.
        return worst["min_gap"] + (3 if no_background else 2) * worst["min_length"] + worst["pad"]

    def for_segments(self, statistics: SegmentStatistics) -> Self:
        """Return a copy of the decoder with the classes and the background of `statistics`.

        Raises
        ------
        ValueError
            If a dictionary names an unknown class.
        """
        for name in ("onset", "offset", *_LENGTHS):
            value = getattr(self, name)
            if isinstance(value, Mapping):
                statistics.check_known(value, name)
        return self.replace(statistics=statistics)

    def start(self) -> Decoding:  # noqa: D102
        return self._start()

    def _start(self, longest: int | None = None) -> HysteresisDecoding:
        """Return a new decoding, for recordings of at most ``longest`` samples; None if the length is unknown."""
        n_classes = None if self.statistics is None else len(self.statistics.classes)
        background = 0 if self.statistics is None else self.statistics.background_index
        return HysteresisDecoding(self._list_rules, n_classes=n_classes, background=background, longest=longest)

    def decode_many(self, probas: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the class indices (T_i,), int64, of several recordings from their probabilities (T_i, K)."""
        probas = [np.asarray(proba) for proba in probas]
        if not probas:
            return []
        n_classes = probas[0].shape[-1] if self.statistics is None else len(self.statistics.classes)
        for proba in probas:
            _check_proba(proba, n_classes)
        distance = max(1, *(self._count_samples(name, k) for name in ("min_gap", "pad") for k in self._list_keys()))
        labels = [np.empty(0, dtype=np.int64)] * len(probas)
        taken = [len(proba) + min(distance, len(proba)) for proba in probas]
        for batch in _gather_similar(taken, _BATCH_CELLS // n_classes):
            together = [probas[i] for i in batch]
            longest = max(map(len, together))
            found = decode_joined(self._start(longest), together, min(distance, longest))
            for i, indices in zip(batch, found, strict=True):
                labels[i] = indices
        return labels


_LENGTHS = ("min_length", "min_gap", "pad")
_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Hysteresis)}
