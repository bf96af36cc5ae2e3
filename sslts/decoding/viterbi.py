"""The most probable segmentation, given the lengths of segments and the transitions between classes.

``_evidence.py`` sums the network's probabilities and finds the positions where segments may change, ``_model.py`` holds
what the labels teach about lengths and neighbors, and ``_segmentation.py`` finds the best segments of a stretch.

A recording falls into stretches between two changes that are certainly kept, because the probabilities on both of their
sides leave no doubt. Stretches don't depend on each other, so that many are decoded at once, and a stream knows the
labels of a stretch when the next change is certain. A stretch that is longer than the latency is decided in steps.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np

from sslts._states import LAST_SAMPLE, read_numbers
from sslts.annotations import SegmentStatistics
from sslts.decoding._evidence import (
    Evidence,
    Runs,
    find_carried,
    find_pieces,
    find_sure_changes,
    measure_evidence,
)
from sslts.decoding._model import SegmentModel, build_model, can_teach, choose_latency, choose_weight
from sslts.decoding._segmentation import Found, Start, Stretch, find_best
from sslts.decoding.decoder import _ROUNDING, Argmax, Decoder, Decoding, _check_proba
from sslts.decoding.durations import _index_lengths
from sslts.recordings import check_sampling_rate

_GROUP = 1 << 14  # samples of recordings that are decoded together
_BEST_SCORE = 100.0  # above the rating of any length


@dataclass(frozen=True)
class DurationViterbi(Decoder):
    """The most probable segmentation, given the durations and transitions in the labeled recordings.

    A segment begins only where the most probable class changes or becomes doubtful. Among these segmentations, the
    decoder takes the one with the highest score: the logarithms of the network's probabilities, plus a rating of each
    length (`fit_durations`) and of each pair of neighbors. Ratings are negative for unusual lengths and neighbors, and
    a usual segment costs nothing however rare its class is, because the network's probabilities already contain how
    frequent a class is. Lengths and neighbors that the labels never show are unlikely, not impossible, in as far as the
    labels could have shown them: a start or an end beside an unlabeled sample (-1) shows no neighbor. The first and the
    last segment of a recording may be cut off.

    Parameters
    ----------
    weight : float or None, default=None
        Factor of the logarithms of the network's probabilities, above 0. Smaller values give lengths and neighbors more
        influence; lower it if there are segments of unusual length. None: 8 samples divided by the typical length of
        the class with the shortest segments, at most 1, because neighboring samples of a long segment repeat the same
        evidence.
    smoothing : float, default=1.0
        Number of transitions from each class that are added to the counted transitions, 0 or more, spread over the
        other classes as often as they occur. Larger values allow neighbors that are rare or absent in the labels. With
        0, a transition that never occurs is forbidden, unless unlabeled samples could hide it.
    forbidden : tuple of (int, int), default=()
        Pairs of classes. The second class of a pair never directly follows the first, whatever `smoothing` is. Use it
        for an order that you know, such as no T wave directly after a P wave.
    max_latency : float, "learned" or None, default="learned"
        Samples (seconds with `sampling_rate`), two samples or more, after which a label is final. It is then the best
        choice given the samples known at that time, and does not change later. Lower it if a stream has to answer
        sooner; the labels may get worse. "learned": twice the length that 95 % of the labeled segments do not exceed,
        in the class with the longest segments, background included. None: no limit; some labels may be final at the end
        of the recording only.
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

    weight: float | None = None
    smoothing: float = 1.0
    forbidden: tuple[tuple[int, int], ...] = ()
    max_latency: float | Literal["learned"] | None = "learned"
    sampling_rate: float | None = None
    statistics: SegmentStatistics | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sampling_rate(self.sampling_rate)
        if self.weight is not None and not 0 < self.weight < np.inf:
            raise ValueError(f"weight={self.weight!r}; give a number above 0, or None.")
        if not 0 <= self.smoothing < np.inf:
            raise ValueError(f"smoothing={self.smoothing!r}; give a finite number of at least 0.")
        if not _are_pairs(self.forbidden):
            raise ValueError(f"forbidden={self.forbidden!r}; give pairs of classes, such as ((1, 2), (2, 1)).")
        if isinstance(self.max_latency, str):
            if self.max_latency != "learned":
                raise ValueError(f"max_latency={self.max_latency!r}; give a number, 'learned' or None.")
        elif self.latency is not None and self.latency < 2:
            raise ValueError(f"max_latency={self.max_latency!r} is less than two samples; give at least two, or None.")

    @property
    def latency(self) -> int | None:
        """Number of later samples after which a label is final; None if there is no limit, or it is not learned yet."""
        if self.max_latency is None:
            return None
        if isinstance(self.max_latency, str):
            return None if self.statistics is None else choose_latency(self.statistics)
        return math.floor(self.max_latency * check_sampling_rate(self.sampling_rate) * (1 + _ROUNDING))

    def for_segments(self, statistics: SegmentStatistics) -> Decoder:
        """Return a copy of the decoder with the classes, lengths and transitions of `statistics`.

        Returns
        -------
        DurationViterbi or Argmax
            `Argmax` if nothing can be learned: the labels hold one class only, or one label for each whole recording.

        Raises
        ------
        ValueError
            If `forbidden` names an unknown class.
        """
        statistics.check_known((k for pair in self.forbidden for k in pair), "forbidden")
        return self.replace(statistics=statistics) if can_teach(statistics) else Argmax()

    @cached_property
    def _scanner(self) -> _Scanner:
        if self.statistics is None:
            raise ValueError(
                "DurationViterbi has no statistics: pass it to a segmenter as `decoder`, or call "
                "for_segments(measure_segments(labels))."
            )
        model = build_model(self.statistics, smoothing=self.smoothing, forbidden=self.forbidden)
        weight = choose_weight(self.statistics) if self.weight is None else float(self.weight)
        return _Scanner(model, weight, self.latency)

    def __getstate__(self) -> dict[str, Any]:
        return self.get_params(deep=False)  # building the model is faster than storing it

    def start(self) -> Decoding:  # noqa: D102
        return _SegmentDecoding(self._scanner)

    def decode_many(self, probas: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the class indices (T_i,), int64, of several recordings from their probabilities (T_i, K)."""
        scanner, found, first = self._scanner, [], 0
        for proba in probas:
            _check_proba(proba, scanner.n_classes)
        ends = np.cumsum([len(proba) for proba in probas])
        while first < len(probas):  # a group's arrays fit into the processor's cache
            so_far = ends[first - 1] if first else 0
            last = max(int(np.searchsorted(ends, so_far + _GROUP, side="right")), first + 1)
            decodings = [_SegmentDecoding(scanner, evidence) for evidence in measure_evidence(probas[first:last])]
            found += _advance(scanner, decodings, ended=True)
            first = last
        return found


def _are_pairs(value: Any) -> bool:
    """Return whether a value is a tuple of pairs of whole numbers."""
    return isinstance(value, tuple) and all(
        isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(k, Integral) for k in pair)
        for pair in value
    )


class _Scanner:
    """The model, the weight of a sample and the latency of a decoder."""

    def __init__(self, model: SegmentModel, weight: float, latency: int | None) -> None:
        self.model, self.weight = model, weight
        self.n_classes = len(model.transition)
        self.hop = LAST_SAMPLE if latency is None else max(latency // 2, 1)
        # Where a pair of neighbors is forbidden, no change is certain: each may be what makes another impossible.
        self.is_soft = np.isinf(model.transition).sum() == self.n_classes

    def make_first_start(self) -> Start:
        """Return the start of a recording: any class, whose segment may have begun before."""
        k = self.n_classes
        return Start(np.zeros(k), np.zeros(k, dtype=np.int64), np.ones(k, dtype=bool))

    def make_sure_start(self, k: int) -> Start:
        """Return a start with a new segment of class `k`."""
        score = np.full(self.n_classes, -np.inf)
        score[k] = 0.0
        return Start(score, np.zeros(self.n_classes, dtype=np.int64), np.zeros(self.n_classes, dtype=bool))

    def make_open_start(self, k: int, lasted: int, *, cut: bool) -> Start:
        """Return a start inside a segment of class `k`, which goes on or ends here."""
        rating = (self.model.part if cut else self.model.whole)[k, _index_lengths(lasted)]
        score = self.model.transition[k] + rating
        score[k] = 0.0
        mine = np.arange(self.n_classes) == k
        return Start(score, np.where(mine, lasted, 0), mine & cut)

    def find_runs(self, evidence: Evidence, carried: float) -> Runs:
        """Return the runs of the most probable class, and the changes that are certainly kept."""
        runs = find_sure_changes(evidence, self.weight, carried)
        return runs if self.is_soft else runs._replace(change=runs.change[:0], known=runs.known[:0])

    def cut_stretch(self, evidence: Evidence, start: Start, end: int) -> Stretch:
        """Return the samples of `evidence` as a stretch."""
        edges = np.append(find_pieces(evidence, self.weight), len(evidence.label))
        return Stretch(edges, (evidence.total[:, edges] - evidence.total[:, :1]) * self.weight, start, end)


class _Chain(NamedTuple):
    """Stretches that are decided one after the other: steps of half a latency, and the rest.

    ``steps`` holds the first sample of each stretch, ``stop`` the sample after the last stretch. ``sure_start`` says
    whether the chain begins at a sure change, ``sure_stop`` whether it ends at one.
    """

    steps: list[int]
    stop: int
    sure_start: bool
    sure_stop: bool


class _SegmentDecoding(Decoding):
    """The decoding of one recording; it holds the evidence of the samples whose labels are not final."""

    def __init__(self, scanner: _Scanner, evidence: Evidence | None = None) -> None:
        self.scanner = scanner
        self.evidence = Evidence.none(scanner.n_classes) if evidence is None else evidence
        self.start = scanner.make_first_start()
        self.carried = 0.0  # margin of the first pending run before the first pending sample

    def push(self, proba: np.ndarray) -> np.ndarray:
        _check_proba(proba, self.scanner.n_classes)
        if len(proba):
            self.evidence = self.evidence.extend(*measure_evidence([proba]))
        return _advance(self.scanner, [self], ended=False)[0]

    def flush(self) -> np.ndarray:
        return _advance(self.scanner, [self], ended=True)[0]

    def get_state(self) -> dict[str, np.ndarray]:
        start = self.start._replace(cut=self.start.cut.astype(np.int64))
        return {**self.evidence._asdict(), **start._asdict(), "carried": np.array(self.carried)}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        k = self.scanner.n_classes
        label = read_numbers(state, "label", (None,), low=0, high=k - 1, whole=True)
        margin = read_numbers(state, "margin", (len(label) + 1,), low=0).astype(np.float64, copy=False)
        total = read_numbers(state, "total", (k, len(label) + 1), high=0).astype(np.float64, copy=False)
        start = Start(
            read_numbers(state, "score", (k,), high=_BEST_SCORE, infinite=True).astype(np.float64, copy=False),
            read_numbers(state, "lasted", (k,), low=0, high=LAST_SAMPLE, whole=True),
            read_numbers(state, "cut", (k,), low=0, high=1, whole=True).astype(bool),
        )
        carried = float(read_numbers(state, "carried", (), low=0))
        if np.isinf(start.score).all() or (np.diff(margin) < 0).any():
            raise ValueError(
                "state has no class with a score, or a margin that falls; pass everything that get_state returned, "
                "unchanged."
            )
        self.evidence, self.start, self.carried = Evidence(label, margin, total), start, carried

    def begin(self, *, ended: bool) -> list[Generator[Stretch, Found, None]]:
        """Return the work that decides all labels that can be final now; it fills ``self.labels``."""
        self.labels = self.evidence.label.copy()  # right where a stretch is a single run
        runs = self.scanner.find_runs(self.evidence, self.carried)
        chains, self.done = _plan(runs, self.scanner.hop, len(self.labels), ended=ended, start=self.start)
        return [self._decide(chain, ended=ended) for chain in chains]

    def finish(self) -> np.ndarray:
        """Return the final labels, and forget their samples."""
        done = self.done
        if done:
            self.carried = 0.0 if done == len(self.labels) else find_carried(self.evidence, done, self.carried)
            rest = self.evidence.cut(done, len(self.labels))
            self.evidence = Evidence(rest.label.copy(), rest.margin - rest.margin[0], rest.total - rest.total[:, :1])
        return self.labels[:done]

    def _decide(self, chain: _Chain, *, ended: bool) -> Generator[Stretch, Found, None]:
        """Write the labels of a chain; the chain yields stretches and takes their best segments."""
        scanner, hop = self.scanner, self.scanner.hop
        start = scanner.make_sure_start(int(self.evidence.label[chain.steps[0]])) if chain.sure_start else self.start
        *forced, last = chain.steps
        for s in forced:
            stretch = self._cut(s, s + 2 * hop, start, -1)
            found = yield stretch
            self.labels[s : s + hop] = _write_labels(stretch, found)[:hop]
            start = self._restart(stretch, found, start)
        if chain.sure_stop or ended:
            end = int(self.evidence.label[chain.stop - 1]) if chain.sure_stop else -1
            stretch = self._cut(last, chain.stop, start, end)
            self.labels[last : chain.stop] = _write_labels(stretch, (yield stretch))
        else:
            self.start = start

    def _cut(self, begin: int, stop: int, start: Start, end: int) -> Stretch:
        """Return the samples ``[begin, stop)`` as a stretch."""
        return self.scanner.cut_stretch(self.evidence.cut(begin, stop), start, end)

    def _restart(self, stretch: Stretch, found: Found, start: Start) -> Start:
        """Return the start of the next stretch: the segment of the last decided sample goes on or ends there."""
        hop = self.scanner.hop
        begun = stretch.edges[found.first]
        i = int(np.searchsorted(begun, hop, side="left")) - 1
        k, first = int(found.label[i]), int(begun[i])
        before = i == 0
        lasted = hop - first + (int(start.lasted[k]) if before else 0)
        return self.scanner.make_open_start(k, lasted, cut=before and bool(start.cut[k]))


def _write_labels(stretch: Stretch, found: Found) -> np.ndarray:
    """Return the label of each sample of a stretch."""
    edges = np.append(stretch.edges[found.first], stretch.edges[-1])
    return np.repeat(found.label, np.diff(edges))


def _plan(runs: Runs, hop: int, n: int, *, ended: bool, start: Start) -> tuple[list[_Chain], int]:
    """Return the chains of n samples that need a decision, and the number of samples that are decided by them.

    A run between two sure changes, or between one and an end of the recording, needs no decision.
    """
    bounds = np.append(0, runs.start[runs.change])
    single = np.diff(np.append(0, runs.change)) == 1
    single[:1] &= start.is_fresh
    reach = 2 * hop
    late = np.append(np.flatnonzero(runs.known > bounds[:-1] + reach), len(runs.change))
    chains, i = [], 0
    while True:
        j = int(late[np.searchsorted(late, i)])  # the next stretch that is longer than the latency, or the last one
        for m in (np.flatnonzero(~single[i:j]) + i).tolist():
            chains.append(_Chain([int(bounds[m])], int(bounds[m + 1]), m > 0, True))
        s, following = int(bounds[j]), j + 1
        steps = [s]
        while True:
            while following < len(bounds) and bounds[following] <= s:
                following += 1
            if following < len(bounds) and runs.known[following - 1] <= s + reach:
                chains.append(_Chain(steps, int(bounds[following]), j > 0, True))
                break
            if s + reach > n:
                is_sure_run = (j > 0 or start.is_sure) and len(steps) == 1 and runs.start[-1] == s
                if s < n and not (ended and is_sure_run):
                    chains.append(_Chain(steps, n, j > 0, False))
                return chains, n if ended else s
            s += hop
            steps.append(s)
        i = following


def _advance(scanner: _Scanner, decodings: Sequence[_SegmentDecoding], *, ended: bool) -> list[np.ndarray]:
    """Return the labels of each decoding that are final now; the stretches of all of them are decided together."""
    work = [chain for decoding in decodings for chain in decoding.begin(ended=ended)]
    asked = [(chain, stretch) for chain in work if (stretch := next(chain, None)) is not None]
    while asked:
        found = find_best(scanner.model, [stretch for _, stretch in asked])
        answers = [(chain, _send(chain, one)) for (chain, _), one in zip(asked, found, strict=True)]
        asked = [(chain, stretch) for chain, stretch in answers if stretch is not None]
    return [decoding.finish() for decoding in decodings]


def _send(chain: Generator[Stretch, Found, None], found: Found) -> Stretch | None:
    """Give a chain its answer, and return its next question; None if it is done."""
    try:
        return chain.send(found)
    except StopIteration:
        return None
