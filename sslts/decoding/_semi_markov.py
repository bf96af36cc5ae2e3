"""A semi-Markov model of segments with explicit durations, and the recursion that finds the most probable segments.

The probability of a segmentation is the product of three factors: its transitions, the lengths of its segments, and the
network's probabilities of its labels, sample by sample (Murphy 2002; Yu 2010, "Hidden semi-Markov models").
`run_recursion` runs over many stretches at once; `read_state` returns its state at a step, `find_last_segment` the
segment that is open at the end, and `trace_segments` lists the segments from there back to the start.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sslts.annotations import SegmentStatistics
from sslts.decoding.durations import DurationModel, fit_durations

_FILLED_CELLS = 4096  # numbers that are added in about the time of the calls for another group of classes
CLASS_INDEX = np.int16  # one number per sample and class, so it is small; int8 allows only 128 classes


class Table(NamedTuple):
    """Log-probabilities of the lengths of a class, in the order that the recursion needs."""

    size: int  # D, the longest length in the table
    falling: np.ndarray  # (D,): log-probability of exactly D, ..., 1 samples
    rising: np.ndarray  # (D,): log-probability of at least D, ..., 1 samples
    excess: np.ndarray  # (D + 1,): log-probability of at least n samples minus exactly n samples, n = 1, ..., D + 1
    spanning: np.ndarray  # (D,): log-probability of D, ..., 1 samples anywhere within a segment, minus `rising`
    decay: float  # change of the log-probability per sample in the tail
    endless: float  # log-probability of continuing minus log-probability of ending, in the tail

    @classmethod
    def build(cls, durations: DurationModel) -> Table:
        """Return the table of the durations of one class."""
        endless = -float(np.log1p(-np.exp(durations.log_decay)))
        excess = np.append(durations.log_survival - durations.log_probability, endless)
        falling, rising = durations.log_probability[::-1].copy(), durations.log_survival[::-1].copy()
        # Sum over the possible number of hidden samples before the visible part; the first entry sums the tail.
        within = np.logaddexp.accumulate(np.append(rising[0] + endless, rising[1:]))
        spanning = within - rising
        return cls(len(falling), falling, rising, excess, spanning, durations.log_decay, endless)


class Model(NamedTuple):
    """Log-probabilities of first classes, transitions and lengths."""

    initial: np.ndarray  # (K,)
    transition: np.ndarray  # (K, K); a class never follows itself
    tables: list[Table]  # lengths of each class

    @property
    def memory(self) -> int:
        """Number of segment starts that the recursion keeps: from 0 samples ago to the end of the longest table."""
        return max(table.size for table in self.tables) + 1


def build_model(
    statistics: SegmentStatistics, *, smoothing: float = 0.0, forbidden: Iterable[tuple[int, int]] = ()
) -> Model:
    """Return the model of the labeled segments; `DurationViterbi` documents ``smoothing`` and ``forbidden``."""
    classes = list(statistics.classes)
    counts = np.asarray(statistics.transitions, dtype=np.float64) + smoothing
    np.fill_diagonal(counts, 0)
    counts += _estimate_hidden(statistics)
    for first, second in forbidden:
        counts[classes.index(first), classes.index(second)] = 0
    total = counts.sum(1, keepdims=True)
    with np.errstate(divide="ignore"):
        transition = np.log(np.divide(counts, total, out=np.zeros_like(counts), where=total > 0))
    tables = [_build_table(tuple(whole), tuple(cut)) for whole, cut in _choose_lengths(statistics)]
    return Model(np.full(len(classes), -np.log(len(classes))), transition, tables)


def _estimate_hidden(statistics: SegmentStatistics) -> np.ndarray:
    """Return a count for each transition (K, K) that the labels could not show; 0 where they could.

    A transition can be seen only where both of its segments are labeled up to each other. If most segments of a class
    follow an unlabeled sample, its predecessors are unknown; if most are followed by one, or no end of a segment was
    seen, its successors are. Such a transition may be any: as often as the hidden ends of the first class and the
    hidden starts of the second class allow, but at least once, spread evenly over the other classes.
    """
    n_classes = len(statistics.classes)
    seen = np.array(statistics.transitions, dtype=np.float64)
    np.fill_diagonal(seen, 0)
    before, after = (
        np.array(hidden or [0] * n_classes) for hidden in (statistics.hidden_before, statistics.hidden_after)
    )
    unknown = (before > seen.sum(0)) | ((after > seen.sum(1)) | (seen.sum(1) == 0))[:, None]
    np.fill_diagonal(unknown, False)
    return unknown * np.maximum(np.minimum(after[:, None], before), 1) / max(n_classes - 1, 1)


def _choose_lengths(statistics: SegmentStatistics) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield the complete and the cut lengths of each class from which its durations are learned.

    The complete segments are the short ones if unlabeled samples cut most segments. If more segments than these are
    cut, and still longer than all of them, all lengths count as cut.
    """
    nothing = [0] * len(statistics.classes)
    hidden = zip(statistics.hidden_before or nothing, statistics.hidden_after or nothing, strict=True)
    for whole, cut, ends in zip(statistics.lengths, statistics.cut, hidden, strict=True):
        longer = sum(length > max(whole, default=0) for length in cut)
        yield ((), (*whole, *cut)) if sum(ends) and longer > len(whole) else (whole, cut)


@functools.lru_cache(maxsize=64)  # each prediction needs the same tables
def _build_table(lengths: tuple[int, ...], cut: tuple[int, ...]) -> Table:
    return Table.build(fit_durations(lengths, cut))


class State(NamedTuple):
    """State of the recursion at one sample, for n stretches.

    ``running[:, k, -1 - j]`` is the score of an open segment of class k that started ``j`` samples ago. ``tail`` is the
    score of the best open segment that started earlier than the memory, ``tail_start`` its first sample.
    """

    running: np.ndarray  # (n, K, H)
    tail: np.ndarray  # (n, K)
    tail_start: np.ndarray  # (n, K)


class Pass(NamedTuple):
    """Result of the recursion for n stretches of up to L samples; positions count from the start of the recording."""

    start: np.ndarray  # (n, L + 1, K): start of the best segment of class k that ends here
    before: np.ndarray  # (n, L + 1, K): the class before a segment of class k that starts here
    running: np.ndarray  # (n, K, H + L): score of an open segment by its start, without `total`
    total: np.ndarray  # (n, L + 1, K): cumulative sums of log-probabilities from the first sample
    tails: dict[int, tuple[np.ndarray, np.ndarray]]  # tail and its start at the wanted steps, without `total`


def run_recursion(
    model: Model,
    stretches: Sequence[np.ndarray],
    origin: np.ndarray,
    state: State | None = None,
    cut: int | None = 0,
    wanted: Collection[int] = (),
) -> Pass:
    """Return the result of the recursion over n stretches at once.

    ``stretches`` are log-probabilities (L_i, K), the longest stretch first; ``origin`` (n,) holds the positions of
    their first samples in the recordings. With ``state=None``, the first sample lies in an open segment of unknown
    class and start. ``cut`` is the number of samples from the start of the recording to the stretch, or None if the
    first segment of the recording has ended. ``wanted`` lists the steps at which the tail is kept.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> model = build_model(measure_segments([[0] * 5 + [1] * 4 + [0] * 6]))
    >>> proba = np.repeat([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]], [5, 4, 5], axis=0)
    >>> found = run_recursion(model, [np.log(proba)], origin=np.array([0]))
    >>> k, began = find_last_segment(model, read_state(model, found, row=0, step=14), at=14, age=14)
    >>> trace_segments(found.start[0], found.before[0], k, began, stop=14)
    [(0, 9, 14), (1, 5, 9), (0, 0, 5)]
    """
    n, n_classes = len(stretches), len(model.tables)
    lengths = np.array([len(one) for one in stretches])
    longest = int(lengths[0])
    total = np.zeros((n, longest + 1, n_classes))
    for row, one in zip(total, stretches, strict=True):
        np.cumsum(one, axis=0, out=row[1 : len(one) + 1])
    history = 1 if state is None else state.running.shape[2]
    running = np.full((n, n_classes, history + longest), -np.inf)
    running[:, :, :history] = model.initial[:, None] if state is None else state.running
    tail = np.full((n, n_classes), -np.inf) if state is None else state.tail.copy()
    start = np.zeros((n, longest + 1, n_classes), dtype=np.int32)
    before = np.zeros((n, longest + 1, n_classes), dtype=CLASS_INDEX)
    active = np.searchsorted(-lengths, -np.arange(longest + 1), side="right")
    shift = origin - (history - 1)  # column of `running` plus shift = position
    tail_start = np.zeros((n, n_classes), dtype=np.int64) if state is None else state.tail_start - shift[:, None]
    edge = -1 if cut is None else history - 1 - cut  # column of the start of the recording
    groups, tails, classes = _group_tables(model.tables, n), {}, np.arange(n_classes)
    sizes, decay, endless, rarest = (
        np.array(column)
        for column in zip(*((t.size, t.decay, t.endless, t.falling[0]) for t in model.tables), strict=True)
    )
    least, first_whole = sizes.min(), max(edge, -1) + 1 + sizes.max()
    for i in range(1, longest + 1):
        live, here = active[i], history - 1 + i
        best, began = np.empty((live, n_classes)), np.empty((live, n_classes), dtype=np.int64)
        for group in groups:
            some, first = group.classes, max(0, here - group.size)
            scores = running[:live, some, first:here] + group.falling[:, group.size - (here - first) :]
            if first <= edge:
                scores[:, :, edge - first] += group.excess[:, here - edge - 1]
            scores.max(2, out=best[:, some])
            np.add(scores.argmax(2), first, out=began[:, some])
        if here > least:  # segments longer than their table join the tail
            at = here - 1 - sizes
            if here > first_whole:
                entering = running[:live, classes, at] + rarest
            else:  # near the start
                entering = running[:live, classes, np.maximum(at, 0)] + rarest
                entering[:, at == edge] += endless[at == edge]
                entering[:, at < 0] = -np.inf
            _keep_better(tail[:live], tail_start[:live], entering, at)
        tail[:live] += decay
        _keep_better(best, began, tail[:live], tail_start[:live])
        ended = best + total[:live, i]
        np.add(began, shift[:live, None], out=start[:live, i], casting="unsafe")
        entering = ended[:, :, None] + model.transition
        before[:live, i] = entering.argmax(1)
        running[:live, :, here] = entering.max(1) - total[:live, i]
        if i in wanted:
            tails[i] = tail.copy(), tail_start + shift[:, None]
    tails.setdefault(longest, (tail, tail_start + shift[:, None]))
    return Pass(start, before, running, total, tails)


class _Group(NamedTuple):
    """Consecutive classes whose tables the recursion reads at once; the shorter tables are filled up."""

    classes: slice
    size: int  # D, of the longest table
    falling: np.ndarray  # (G, D)
    excess: np.ndarray  # (G, D + 1)


def _group_tables(tables: Sequence[Table], n: int) -> list[_Group]:
    """Return consecutive classes in groups, so that filling up their tables costs less than one more group."""
    groups = [[0]]
    for k in range(1, len(tables)):
        sizes = [tables[j].size for j in (*groups[-1], k)]
        if n * (len(sizes) * max(sizes) - sum(sizes)) <= _FILLED_CELLS:
            groups[-1].append(k)
        else:
            groups.append([k])
    return [_join_tables(tables, group) for group in groups]


def _join_tables(tables: Sequence[Table], group: Sequence[int]) -> _Group:
    size = max(tables[k].size for k in group)
    falling, excess = np.full((len(group), size), -np.inf), np.zeros((len(group), size + 1))
    for row, k in enumerate(group):
        falling[row, size - tables[k].size :] = tables[k].falling
        excess[row, : tables[k].size + 1] = tables[k].excess
    return _Group(slice(group[0], group[-1] + 1), size, falling, excess)


def _keep_better(best: np.ndarray, where: np.ndarray, value: np.ndarray, place: np.ndarray | int) -> None:
    """Write better values into `best`, and their places into `where`."""
    better = value > best
    np.copyto(best, value, where=better)
    np.copyto(where, place, where=better)


def read_state(model: Model, found: Pass, row: int, step: int) -> State:
    """Return the state of the recursion over one stretch at a step."""
    here = found.running.shape[2] - found.total.shape[1] + step
    columns = found.running[row, :, max(0, here - model.memory + 1) : here + 1]
    running = np.full((1, len(model.tables), model.memory), -np.inf)
    running[0, :, model.memory - columns.shape[1] :] = columns
    total = found.total[row, step]
    tail, tail_start = found.tails[step]
    return State(running + total[None, :, None], (tail[row] + total)[None], tail_start[row][None])


def find_last_segment(model: Model, state: State, at: int, age: int | None) -> tuple[int, int]:
    """Return the class and the start of the best open segment at position `at`.

    ``age`` is the number of samples since the start of the recording, None if its first segment has ended.
    """
    options = []
    for k, table in enumerate(model.tables):
        scores = state.running[0, k, -1 - table.size : -1] + table.rising
        if age is not None and 0 < age <= table.size:  # one segment spans the recording and is cut at both ends
            scores[table.size - age] += table.spanning[table.size - age]
        pick = int(scores.argmax())
        options.append((float(scores[pick]), k, at - table.size + pick))
        options.append((float(state.tail[0, k] + table.endless), k, int(state.tail_start[0, k])))
    _, k, start = max(options)
    return k, start


def trace_segments(start: np.ndarray, before: np.ndarray, k: int, began: int, stop: int) -> list[tuple[int, int, int]]:
    """Return the class, start and end of each segment, last segment first; positions count from the arrays' first row.

    The last segment is of class `k`, starts at `began` and ends at `stop`.
    """
    segments = [(k, began, stop)]
    while began > 0:
        stop = began
        k = int(before[stop, k])
        began = int(start[stop, k])
        segments.append((k, began, stop))
    return segments
