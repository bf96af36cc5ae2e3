"""How long segments of a class last: a distribution over lengths in samples, learned from few segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_STEP = 1 / 64  # distance of two grid points of the log-length
_SIZE = 1400  # grid points, up to 3e9 samples
_BROAD = 0.1  # weight of a broad distribution, so that every length is possible
_BROAD_WIDTH = 1.5  # half width at half maximum of the broad distribution, on log-lengths
_LEAST_SPREAD = 0.1  # least width of the kernel on log-lengths, needed where the few labeled lengths are equal
_USUAL_SPREAD = 0.5  # spread of log-lengths that is expected before any segment is seen; it counts as one segment
_CUT_SPREAD = 1.0  # spread of log-lengths if only lower bounds are known
_UNUSUAL = 0.1  # share of the labeled lengths that are rated below 0
_VALUES_TOGETHER = 256  # lengths whose kernels are in memory at once
_GRID = _STEP * np.arange(_SIZE)


@dataclass(frozen=True, eq=False)
class DurationModel:
    """Distribution of the length of a segment, on a grid of log-lengths.

    Parameters
    ----------
    log_density : ndarray of shape (G,)
        Log-density of the logarithm of the length at each point of the grid.
    usual : float
        Log-density of a length that is just usual: nine of ten labeled segments have a higher one.

    Examples
    --------
    >>> from sslts.decoding import fit_durations
    >>> durations = fit_durations([18, 20, 22])
    >>> durations.rate_lengths([1, 20, 400]).round(1)
    array([-5.6,  0.1, -5.6])
    """

    log_density: np.ndarray
    usual: float

    def rate_lengths(self, lengths: Any) -> np.ndarray:
        """Return how typical lengths are: the log-density of the log-length, minus that of a length that is just usual.

        Parameters
        ----------
        lengths : array of int
            Lengths in samples, at least 1.

        Returns
        -------
        ndarray of float
            Positive for typical lengths, negative for unusual ones.
        """
        return self.tabulate()[0][_index_lengths(lengths)]

    def rate_parts(self, lengths: Any) -> np.ndarray:
        """Return how typical segments are that last at least ``lengths`` samples: the best rating, at most 0.

        Parameters
        ----------
        lengths : array of int
            Visible lengths in samples, at least 1, of segments whose start or end is not visible.

        Returns
        -------
        ndarray of float
            0 up to usual lengths, negative for longer parts.
        """
        return self.tabulate()[1][_index_lengths(lengths)]

    def tabulate(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the ratings (G,) of whole segments and of parts at each point of the grid."""
        whole = self.log_density - self.usual
        return whole, np.minimum(np.maximum.accumulate(whole[::-1])[::-1], 0)


def _index_lengths(lengths: Any) -> np.ndarray:
    """Return the grid points of lengths in samples.

    Examples
    --------
    >>> _index_lengths([1, 2, 100]).tolist()
    [0, 44, 295]
    """
    found = np.rint(np.log(np.maximum(lengths, 1)) / _STEP).astype(np.int64)
    return np.minimum(found, _SIZE - 1)


def fit_durations(lengths: Sequence[int], cut: Sequence[int] = ()) -> DurationModel:
    """Return the distribution of the lengths of segments.

    A Gaussian kernel (Silverman's rule) smooths the logarithms of the lengths, because the spread of lengths grows with
    the lengths. One segment with a usual spread is added to the estimate of the spread, so that a class with one
    example is not taken for a class of equal lengths. A tenth of the probability is spread much wider (a Cauchy
    distribution), so that every length is possible.

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
    >>> from sslts.decoding import fit_durations
    >>> few, many = fit_durations([20]), fit_durations([19, 20, 21] * 10)
    >>> bool(few.rate_lengths(30) > many.rate_lengths(30))
    True
    """
    seen = np.asarray(lengths if len(lengths) else cut, dtype=np.float64)
    if not seen.size:
        raise ValueError(
            "lengths and cut are both empty; give the length of at least one labeled segment of the class."
        )
    logs = np.log(np.maximum(seen, 1))
    if len(lengths):
        spread = np.sqrt((logs.var() * logs.size + _USUAL_SPREAD**2) / (logs.size + 1))
        width = max(1.06 * spread * logs.size**-0.2, _LEAST_SPREAD)
        middle = np.median(logs)
    else:
        width, middle = _CUT_SPREAD, np.median(logs) + _USUAL_SPREAD
    values, counts = np.unique(logs, return_counts=True)
    kernel = np.zeros(_SIZE)
    for first in range(0, values.size, _VALUES_TOGETHER):
        some = slice(first, first + _VALUES_TOGETHER)
        kernel += np.exp(-0.5 * ((_GRID[:, None] - values[some]) / width) ** 2) @ counts[some]
    broad = 1 / (1 + ((_GRID - middle) / _BROAD_WIDTH) ** 2)
    density = (1 - _BROAD) * kernel / kernel.sum() + _BROAD * broad / broad.sum()
    log_density = np.log(density / _STEP)
    return DurationModel(log_density, float(np.quantile(log_density[_index_lengths(seen)], _UNUSUAL)))
