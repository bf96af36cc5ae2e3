"""Stretches of long recordings, short enough to be read in a plot."""

from __future__ import annotations

import numpy as np

from sslts._runs import find_runs

N_RUNS = 100  # runs of labels per plot: about 50 segments and the background between them


def find_worst_stretch(bad: np.ndarray, *labels: np.ndarray) -> tuple[int, int]:
    """Return start and stop of the stretch with the greatest sum of ``bad`` (T,), about `N_RUNS` runs of labels long.

    Examples
    --------
    >>> labels = np.arange(1000) // 2 % 2
    >>> find_worst_stretch(np.arange(1000) >= 600, labels)
    (600, 800)
    """
    sums, length = _sum_stretches(bad, labels)
    start = int(sums.argmax())
    return start, start + length


def find_typical_stretch(bad: np.ndarray, *labels: np.ndarray) -> tuple[int, int]:
    """Return start and stop of the stretch whose sum of ``bad`` is nearest to the mean of all stretches."""
    sums, length = _sum_stretches(bad, labels)
    start = int(np.abs(sums - sums.mean()).argmin())
    return start, start + length


def _sum_stretches(bad: np.ndarray, labels: tuple[np.ndarray, ...]) -> tuple[np.ndarray, int]:
    """Return the sum of ``bad`` in each stretch, by its start, and the length of a stretch."""
    n = len(bad)
    n_runs = max(len(find_runs(one)[0]) for one in labels)
    length = min(n, -(-n * N_RUNS // n_runs))
    sums = np.concatenate([[0], np.cumsum(bad)])
    return sums[length:] - sums[: n - length + 1], length
