"""How long a segment of a class lasts: a distribution over samples, learnt from few lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LONGEST_TABLE = 4096  # samples; beyond, the tail falls geometrically
_BROAD = 0.05  # weight of a broad distribution, so that no length is impossible
_VALUES_TOGETHER = 256  # lengths whose kernels are held at once
_LEAST_SPREAD = 0.1  # of the logarithm of a length, however alike the few labeled ones are


@dataclass(frozen=True)
class DurationModel:
    """Logarithms of the probability of each length: a table, and a geometric tail beyond it.

    Parameters
    ----------
    log_probability : ndarray of shape (D,)
        Of lengths 1 to D; length ``D + j`` has ``log_probability[-1] + j * log_decay``.
    log_survival : ndarray of shape (D,)
        Of being at least 1 to D long.
    log_decay : float
        Below 0.

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
        """Logarithm of the probability of being at least D + 1 long."""
        return float(self.log_probability[-1] + self.log_decay - np.log1p(-np.exp(self.log_decay)))


def fit_durations(lengths: Sequence[int], cut: Sequence[int] = ()) -> DurationModel:
    """Learn how long segments last.

    The lengths' logarithms are smoothed with a Gaussian kernel (Silverman's rule), because lengths spread in
    proportion to themselves; a twentieth of the probability is spread far wider, so that no length is impossible.

    Parameters
    ----------
    lengths : sequence of int
        Complete lengths, in samples.
    cut : sequence of int, default=()
        Lower bounds, of segments whose ends are not both seen. They count where `lengths` is empty.

    Returns
    -------
    DurationModel

    Raises
    ------
    ValueError
        If there is no length.

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
        raise ValueError("lengths and cut are both empty: no labeled segment shows how long this class lasts.")
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
    # The tail goes on as the table ends, but falls: at the least as slowly as a table that is too short demands.
    decay = min(density[-1] / density[-2], np.exp(-1 / max(seen.mean(), 2)))
    tail = density[-1] * decay / (1 - decay)
    total = density.sum() + tail
    survival = np.cumsum(density[::-1])[::-1] + tail
    return DurationModel(np.log(density / total), np.log(survival / total), float(np.log(decay)))
