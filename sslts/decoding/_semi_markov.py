"""A semi-Markov model of segments, with explicit durations, and the recursion that finds the most probable ones.

A segmentation has the probability of its transitions, of its segments' lengths, and of its labels, sample by sample, as
the network sees them (Murphy 2002; Yu 2010, "Hidden semi-Markov models"). `advance` is the recursion, over many
stretches at once; `leave` says what it remembers, `find_last` what is under way at the end, and `trace` walks back.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from sslts.annotations import SegmentStatistics
from sslts.decoding.durations import DurationModel, fit_durations

CLASS_INDEX = np.int16  # one for each sample and class: small, but int8 would end at 128 classes


class Table(NamedTuple):
    """Logarithms of a class's probabilities of lengths, as the recursion reads them.

    Examples
    --------
    >>> table = Table.read(fit_durations([3, 4, 5]))
    >>> table.size - int(table.falling.argmax())  # the likeliest length
    4
    """

    size: int  # D
    falling: np.ndarray  # (D,): of length D, ..., 1
    rising: np.ndarray  # (D,): of lasting D, ..., 1 samples or more
    excess: np.ndarray  # (D + 1,): of lasting 1, ..., D + 1 samples or more, less that of lasting so long
    spanning: np.ndarray  # (D,): of D, ..., 1 samples anywhere within a segment, less `rising`
    decay: float
    endless: float  # of a tail: of lasting on, less that of ending

    @classmethod
    def read(cls, durations: DurationModel) -> Table:
        """Return the table of a class's durations."""
        endless = -float(np.log1p(-np.exp(durations.log_decay)))
        excess = np.append(durations.log_survival - durations.log_probability, endless)
        falling, rising = durations.log_probability[::-1].copy(), durations.log_survival[::-1].copy()
        # A sum over what is hidden before; of the longest, the tail's.
        within = np.logaddexp.accumulate(np.append(rising[0] + endless, rising[1:]))
        spanning = within - rising
        return cls(len(falling), falling, rising, excess, spanning, durations.log_decay, endless)


class Model(NamedTuple):
    """What is known of segments before anything is seen.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> build_model(measure_segments([[0] * 5 + [1] * 4 + [0] * 6])).reach > 6
    True
    """

    initial: np.ndarray  # (K,) logarithms
    transition: np.ndarray  # (K, K) logarithms; a class never follows itself
    tables: list[Table]  # lengths of each class

    @property
    def reach(self) -> int:
        """How many starts the recursion has to remember: from 0 samples ago to the end of the longest table."""
        return max(table.size for table in self.tables) + 1


def build_model(
    statistics: SegmentStatistics, *, smoothing: float = 0.0, forbidden: Iterable[tuple[int, int]] = ()
) -> Model:
    """Return what labeled segments say of lengths and of what follows what; see `DurationViterbi`.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> model = build_model(measure_segments([[0] * 5 + [1] * 4 + [0] * 6]))
    >>> np.exp(model.transition).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    classes = list(statistics.classes)
    counts = np.asarray(statistics.transitions, dtype=np.float64) + smoothing
    np.fill_diagonal(counts, 0)
    for first, second in forbidden:
        counts[classes.index(first), classes.index(second)] = 0
    total = counts.sum(1, keepdims=True)
    with np.errstate(divide="ignore"):
        transition = np.log(np.divide(counts, total, out=np.zeros_like(counts), where=total > 0))
    lengths = zip(statistics.lengths, statistics.cut, strict=True)
    tables = [_read_table(tuple(whole), tuple(cut)) for whole, cut in lengths]
    return Model(np.full(len(classes), -np.log(len(classes))), transition, tables)


@functools.lru_cache(maxsize=64)  # each prediction asks for the same
def _read_table(lengths: tuple[int, ...], cut: tuple[int, ...]) -> Table:
    return Table.read(fit_durations(lengths, cut))


class State(NamedTuple):
    """What the recursion remembers at a sample, for n stretches.

    ``running[:, k, -1 - j]`` is the score of a segment of class k that began ``j`` samples ago and has not ended;
    ``tail`` that of the best one that began before those, ``tail_start`` where it began.

    Examples
    --------
    One stretch of two classes, of which nothing older than four samples is remembered one by one:

    >>> state = State(np.zeros((1, 2, 5)), tail=np.full((1, 2), -np.inf), tail_start=np.zeros((1, 2), dtype=int))
    >>> state.running.shape
    (1, 2, 5)
    """

    running: np.ndarray  # (n, K, H)
    tail: np.ndarray  # (n, K)
    tail_start: np.ndarray  # (n, K)


class Pass(NamedTuple):
    """What the recursion found, for n stretches of up to L samples; positions are those of the recordings.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> model = build_model(measure_segments([[0] * 5 + [1] * 4 + [0] * 6]))
    >>> found = advance(model, [np.log(np.full((9, 2), 0.5))], origin=np.array([0]))
    >>> found.start.shape, list(found.tails)
    ((1, 10, 2), [9])
    """

    start: np.ndarray  # (n, L + 1, K): where the best segment of class k that ends here began
    before: np.ndarray  # (n, L + 1, K): the class before a segment of class k that begins here
    running: np.ndarray  # (n, K, H + L): scores of segments by where they began, as of the first sample
    total: np.ndarray  # (n, L + 1, K): sums of the logarithms of probability
    tails: dict[int, tuple[np.ndarray, np.ndarray]]  # tail and its start, as of the first sample, at steps asked for


def advance(
    model: Model,
    stretches: Sequence[np.ndarray],
    origin: np.ndarray,
    state: State | None = None,
    cut: int | None = 0,
    wanted: Collection[int] = (),
) -> Pass:
    """Run the recursion over n stretches at once.

    Parameters
    ----------
    stretches : sequence of ndarray of shape (L_i, K)
        Logarithms of probability, the longest first.
    origin : ndarray of shape (n,)
        Position of the first sample of each stretch in its recording.
    state : State or None
        None: a segment is under way at the first sample, nobody knows of which class and since when.
    cut : int or None
        How many samples before the first one the segment that was under way when its recording began is known from;
        None if that is over.
    wanted : collection of int
        Steps at which to keep the tail.

    Returns
    -------
    Pass

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> model = build_model(measure_segments([[0] * 5 + [1] * 4 + [0] * 6]))
    >>> proba = np.repeat([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]], [5, 4, 5], axis=0)
    >>> found = advance(model, [np.log(proba)], origin=np.array([0]))
    >>> k, began = find_last(model, leave(model, found, row=0, step=14), at=14, age=14)
    >>> trace(found.start[0], found.before[0], k, began, stop=14)
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
    shift = origin - (history - 1)  # from a column of `running` to a position
    tail_start = np.zeros((n, n_classes), dtype=np.int64) if state is None else state.tail_start - shift[:, None]
    edge = -1 if cut is None else history - 1 - cut  # the column in which the recording begins
    rows, tails = np.arange(n), {}
    for i in range(1, longest + 1):
        live, here = active[i], history - 1 + i
        ended = np.empty((live, n_classes))
        for k, table in enumerate(model.tables):
            first = max(0, here - table.size)
            scores = running[:live, k, first:here] + table.falling[table.size - (here - first) :]
            if first <= edge:
                scores[:, edge - first] += table.excess[here - edge - 1]
            pick = scores.argmax(1)
            best, began = scores[rows[:live], pick], pick + first
            if first > 0:  # what began before the table's reach joins the tail
                entering = running[:live, k, first - 1] + table.falling[0]
                if first - 1 == edge:
                    entering = entering + table.excess[-1]
                _keep_better(tail[:live, k], tail_start[:live, k], entering, first - 1)
            tail[:live, k] += table.decay
            _keep_better(best, began, tail[:live, k], tail_start[:live, k])
            ended[:, k] = best + total[:live, i, k]
            start[:live, i, k] = began + shift[:live]
        entering = ended[:, :, None] + model.transition
        before[:live, i] = entering.argmax(1)
        running[:live, :, here] = entering.max(1) - total[:live, i]
        if i in wanted:
            tails[i] = tail.copy(), tail_start + shift[:, None]
    tails.setdefault(longest, (tail, tail_start + shift[:, None]))
    return Pass(start, before, running, total, tails)


def _keep_better(best: np.ndarray, where: np.ndarray, value: np.ndarray, place: np.ndarray | int) -> None:
    """Put what is better into `best`, and its place into `where`."""
    better = value > best
    np.copyto(best, value, where=better)
    np.copyto(where, place, where=better)


def leave(model: Model, found: Pass, row: int, step: int) -> State:
    """Return what the recursion over one stretch remembers at a step.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> model = build_model(measure_segments([[0] * 5 + [1] * 4 + [0] * 6]))
    >>> found = advance(model, [np.log(np.full((9, 2), 0.5))], origin=np.array([0]))
    >>> leave(model, found, row=0, step=9).running.shape == (1, 2, model.reach)
    True
    """
    here = found.running.shape[2] - found.total.shape[1] + step
    columns = found.running[row, :, max(0, here - model.reach + 1) : here + 1]
    running = np.full((1, len(model.tables), model.reach), -np.inf)
    running[0, :, model.reach - columns.shape[1] :] = columns
    total = found.total[row, step]
    tail, tail_start = found.tails[step]
    return State(running + total[None, :, None], (tail[row] + total)[None], tail_start[row][None])


def find_last(model: Model, state: State, at: int, age: int | None) -> tuple[int, int]:
    """Return class and start of the best segment that is under way at position `at`.

    ``age`` says how long ago the recording began, None if no segment can have been under way then.

    Examples
    --------
    >>> from sslts.annotations import measure_segments
    >>> model = build_model(measure_segments([[0] * 5 + [1] * 4 + [0] * 6]))
    >>> proba = np.repeat([[0.9, 0.1], [0.1, 0.9]], [5, 3], axis=0)
    >>> found = advance(model, [np.log(proba)], origin=np.array([0]))
    >>> find_last(model, leave(model, found, row=0, step=8), at=8, age=8)  # of class 1, since sample 5
    (1, 5)
    """
    options = []
    for k, table in enumerate(model.tables):
        scores = state.running[0, k, -1 - table.size : -1] + table.rising
        if age is not None and 0 < age <= table.size:  # cut off at both ends, by any lengths
            scores[table.size - age] += table.spanning[table.size - age]
        pick = int(scores.argmax())
        options.append((float(scores[pick]), k, at - table.size + pick))
        options.append((float(state.tail[0, k] + table.endless), k, int(state.tail_start[0, k])))
    _, k, start = max(options)
    return k, start


def trace(start: np.ndarray, before: np.ndarray, k: int, began: int, stop: int) -> list[tuple[int, int, int]]:
    """Return class, start and end of the segments, the last one first; positions count from the arrays' first row.

    Examples
    --------
    >>> start, before = np.zeros((6, 2), dtype=int), np.zeros((6, 2), dtype=int)
    >>> before[2, 0] = 1  # before a segment of class 0 that begins at 2 there was one of class 1
    >>> trace(start, before, k=0, began=2, stop=5)
    [(0, 2, 5), (1, 0, 2)]
    """
    segments = [(k, began, stop)]
    while began > 0:
        stop = began
        k = int(before[stop, k])
        began = int(start[stop, k])
        segments.append((k, began, stop))
    return segments
