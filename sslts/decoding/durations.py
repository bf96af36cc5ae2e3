"""How long segments of a class last: a distribution over lengths in samples, learned from few segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LONGEST_TABLE = 4096  # samples; longer lengths are in the geometric tail
_BROAD = 0.05  # weight of a broad distribution, so that every length is possible
_VALUES_TOGETHER = 256  # lengths whose kernels are in memory at once
_LEAST_SPREAD = 0.1  # least width of the kernel on log-lengths, needed where the few labeled lengths are equal


@dataclass(frozen=True)
class DurationModel:
    """Log-probability of each length of a segment: a table, and a geometric tail for longer lengths.

    Parameters
    ----------
    log_probability : ndarray of shape (D,)
        Log-probabilities of the lengths 1 to D. Length ``D + j`` has ``log_probability[-1] + j * log_decay``.
    log_survival : ndarray of shape (D,)
        Log-probabilities of a length of at least 1 to at least D.
    log_decay : float
        Change of the log-probability per sample beyond D, below 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.decoding import DurationModel
    >>> coin = DurationModel(np.log([0.5, 0.25]), np.log([1.0, 0.5]), float(np.log(0.5)))
    >>> round(float(np.exp(coin.log_tail)), 3)
    0.25
    """

    log_probability: np.ndarray
    log_survival: np.ndarray
    log_decay: float

    @property
    def log_tail(self) -> float:
        """Log-probability of a length of at least D + 1."""
        return float(self.log_probability[-1] + self.log_decay - np.log1p(-np.exp(self.log_decay)))


def fit_durations(lengths: Sequence[int], cut: Sequence[int] = ()) -> DurationModel:
    """Return the distribution of the lengths of segments.

    A Gaussian kernel (Silverman's rule) smooths the logarithms of the lengths, because the spread of lengths grows with
    the lengths. A twentieth of the probability is spread much wider, so that every length is possible.

    Parameters
    ----------
    lengths : sequence of int
        Lengths of complete segments, in samples.
    cut : sequence of int, default=()
        Lengths of segments that are cut off at an end, as lower bounds. They are used only if `lengths` is empty.

    Returns
    -------
    DurationModel

    Raises
    ------
    ValueError
        If `lengths` and `cut` are empty.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.decoding import fit_durations
    >>> durations = fit_durations([18, 20, 22])
    >>> int(np.argmax(durations.log_probability)) + 1
    20
    >>> total = np.exp(durations.log_probability).sum() + np.exp(durations.log_tail)
    >>> round(float(total), 6)
    1.0
    """
    seen = np.asarray(lengths if len(lengths) else cut, dtype=np.float64)
    if not seen.size:
        raise ValueError(
            "lengths and cut are both empty; give the length of at least one labeled segment of the class."
        )
    logs = np.log(seen)
    spread = max(1.06 * logs.std() * logs.size**-0.2, _LEAST_SPREAD) if len(lengths) else 1.0
    size = int(np.clip(2 * seen.max(), 8, _LONGEST_TABLE))
    at = np.log(np.arange(1, size + 1))
    values, counts = np.unique(logs, return_counts=True)
    kernel = np.zeros(size)
    for first in range(0, values.size, _VALUES_TOGETHER):
        some = slice(first, first + _VALUES_TOGETHER)
        kernel += np.exp(-0.5 * ((at[:, None] - values[some]) / spread) ** 2) @ counts[some]
    kernel /= spread * logs.size
    broad = np.exp(-0.5 * (at - np.median(logs)) ** 2)
    density = ((1 - _BROAD) * kernel + _BROAD * broad) / np.exp(at)
    # The tail decays as the end of the table does, but at least as fast as a geometric distribution of the mean length.
    decay = min(density[-1] / density[-2], np.exp(-1 / max(seen.mean(), 2)))
    tail = density[-1] * decay / (1 - decay)
    total = density.sum() + tail
    survival = np.cumsum(density[::-1])[::-1] + tail
    return DurationModel(np.log(density / total), np.log(survival / total), float(np.log(decay)))
