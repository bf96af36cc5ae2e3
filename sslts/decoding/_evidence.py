"""Evidence for classes along a recording, and the positions at which a segmentation may change.

A segment may begin only where the most probable class changes, or where it becomes doubtful. That leaves few positions,
so that the best segmentation is found quickly. Sums of evidence are exact: every number is a multiple of ``_UNIT``, so
that the cuts of a recording into chunks can't change a sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sslts._runs import find_runs

_SMALLEST = 1e-6  # probability used in place of smaller ones, so that logarithms are finite
_UNIT = 2.0**-20  # all evidence is a multiple of it
# Margins of one sample. A segment may also begin or end where the margin crosses one of them: around a doubtful
# segment, the probabilities of its class fall slowly.
_DOUBTFUL = (0.3, 0.6, 1.0)
_GAP = 0.5  # weight of the samples within which such positions are one
_SURE = 6.0  # weighted margin of a run that is certainly kept


class Evidence(NamedTuple):
    """Samples of a recording: the most probable class of each, and sums of evidence from some sample on."""

    label: np.ndarray  # (T,)
    margin: np.ndarray  # (T + 1,): log-ratio of the most probable class to the next, summed before each sample
    total: np.ndarray  # (K, T + 1): log-probability of each class, summed before each sample

    @classmethod
    def none(cls, n_classes: int) -> Evidence:
        """Return the evidence of no samples."""
        return cls(np.zeros(0, dtype=np.int64), np.zeros(1), np.zeros((n_classes, 1)))

    def extend(self, other: Evidence) -> Evidence:
        """Return the evidence with the samples of ``other`` after these."""
        if not len(self.label):
            return other
        return Evidence(
            np.concatenate([self.label, other.label]),
            np.concatenate([self.margin, other.margin[1:] + (self.margin[-1] - other.margin[0])]),
            np.concatenate([self.total, other.total[:, 1:] + (self.total[:, -1:] - other.total[:, :1])], axis=1),
        )

    def cut(self, begin: int, stop: int) -> Evidence:
        """Return the samples ``[begin, stop)``, as views."""
        return Evidence(self.label[begin:stop], self.margin[begin : stop + 1], self.total[:, begin : stop + 1])


def measure_evidence(probas: Sequence[np.ndarray]) -> list[Evidence]:
    """Return the evidence in the probabilities (T_i, K) of each recording.

    Examples
    --------
    >>> (found,) = measure_evidence([np.array([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])])
    >>> found.label.tolist(), found.margin.round(3).tolist()
    ([0, 2], [0.0, 0.693, 1.386])
    """
    joined = np.concatenate([np.asarray(proba, dtype=np.float32).T for proba in probas], axis=1)
    logs = np.log(np.maximum(joined, np.float32(_SMALLEST)))
    label = np.zeros(logs.shape[1], dtype=np.int64)
    best, other = logs[0], np.full_like(logs[0], math.log(_SMALLEST))
    for k in range(1, len(logs)):
        np.copyto(label, k, where=logs[k] > best)
        other = np.maximum(other, np.minimum(best, logs[k]))
        best = np.maximum(best, logs[k])
    sums = _accumulate(np.concatenate([logs, (best - other)[None]]))
    total, margin = sums[:-1], sums[-1]
    stops = np.cumsum([len(proba) for proba in probas]).tolist()
    whole = Evidence(label, margin, total)
    return [whole.cut(begin, stop) for begin, stop in zip([0, *stops], stops, strict=False)]


def _accumulate(values: np.ndarray) -> np.ndarray:
    """Return exact sums (K, T + 1) of the values (K, T) before each sample."""
    out = np.zeros((len(values), values.shape[1] + 1))
    np.multiply(values, 1 / _UNIT, out=out[:, 1:])
    np.rint(out, out=out)
    np.cumsum(out, axis=1, out=out)
    out *= _UNIT
    return out


class Runs(NamedTuple):
    """Runs of the most probable class, and the changes between two runs that are certainly kept."""

    start: np.ndarray  # (R,): first sample of each run
    change: np.ndarray  # (M,): first run after each sure change
    known: np.ndarray  # (M,): number of samples, from the first, that shows the change


def find_sure_changes(evidence: Evidence, weight: float, carried: float = 0.0) -> Runs:
    """Return the runs, and the changes between two runs that are certainly kept.

    A run is certainly kept if its weighted margin is at least `_SURE`. ``carried`` is the margin of the first run
    before the first sample.
    """
    starts, ends, _ = find_runs(evidence.label)
    need = math.ceil(_SURE / weight / _UNIT) * _UNIT  # a multiple of the unit, so that comparisons are exact
    begun = evidence.margin[starts]
    margin = evidence.margin[ends] - begun
    margin[:1] += carried
    sure = margin >= need
    change = np.flatnonzero(sure[1:] & sure[:-1]) + 1
    return Runs(starts, change, np.searchsorted(evidence.margin, begun[change] + need, side="left"))


def find_carried(evidence: Evidence, at: int, carried: float = 0.0) -> float:
    """Return the margin of the run around the position ``at``, up to that position."""
    begun = int(find_runs(evidence.label[: at + 1])[0][-1])
    return float(evidence.margin[at] - evidence.margin[begun]) + (carried if begun == 0 else 0.0)


def find_pieces(evidence: Evidence, weight: float) -> np.ndarray:
    """Return the first samples of the pieces of a stretch: parts with one most probable class, about equally doubtful.

    A segment consists of whole pieces. The doubt may change only once within ``_GAP / weight`` samples, because closer
    positions hardly differ.
    """
    margin, label = np.diff(evidence.margin), evidence.label
    doubt = np.zeros(len(label), dtype=np.int8)
    for level in _DOUBTFUL:
        doubt += margin < level
    is_run = label[1:] != label[:-1]
    at = np.flatnonzero(is_run | (doubt[1:] != doubt[:-1]))
    cell = at // max(int(_GAP / weight), 1)
    keep = is_run[at]
    keep[1:] |= cell[1:] != cell[:-1]
    keep[:1] = True
    return np.append(0, at[keep] + 1)
