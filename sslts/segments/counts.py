"""How sure is a number of segments?"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from sslts._notices import warn

_SMALLEST = 1e-6  # scores are kept away from 0 and 1, so that their log-odds are finite
_LEAST_VARIANCE = 0.01  # of a count of which the scores are certain


@dataclass(frozen=True)
class CountCalibration:
    """What scores of segments mean for a count, for one label.

    A segment with score s is real with probability ``1 / (1 + exp(-(intercept + slope * logit(s))))``; for each that
    is real and found, ``missed`` more are not. The expected count is the sum; its standard deviation follows as if
    segments were right or wrong by themselves. They are not: errors come together, in difficult recordings. So the
    interval is that many standard deviations wide as the residuals of labeled recordings ask for, each measured by a
    curve that was fitted to others (conformal prediction).

    `sslts.calibration.calibrate_counts` makes one for each label.

    Parameters
    ----------
    slope, intercept : float, default=1.0, 0.0
        Of the logistic curve. The default takes scores as probabilities.
    missed : float, default=0.0
        Segments not found, for each real one that is.
    residuals : tuple of float, default=()
        Of labeled recordings: distance of the true from the expected count, in standard deviations. Empty: a normal
        distribution is taken.

    References
    ----------
    Platt 1999, for the curve; Lei et al. 2018, "Distribution-free predictive inference for regression", section 5.2,
    for residuals in standard deviations; Barber et al. 2021, "Predictive inference with the jackknife+", for leaving
    out.

    Examples
    --------
    >>> from sslts.segments import CountCalibration
    >>> expected, variance = CountCalibration(missed=0.1).weigh([0.9, 0.8, 0.3])
    >>> round(float(expected.sum()), 3)
    2.2
    """

    slope: float = 1.0
    intercept: float = 0.0
    missed: float = 0.0
    residuals: tuple[float, ...] = ()

    def weigh(self, scores: Sequence[float] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what each segment adds to the expected number, and to its variance."""
        real = 1 / (1 + np.exp(-(self.intercept + self.slope * find_log_odds(scores))))
        more = 1 + self.missed
        return real * more, real * (1 - real) * more**2 + real * self.missed * more

    def measure_residuals(self, true: np.ndarray, expected: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return how far true counts are from the expected ones, in standard deviations."""
        return np.abs(true - expected) / np.sqrt(variance + _LEAST_VARIANCE)

    def find_reach(self, level: float) -> float:
        """Deprecated name of `count_deviations`."""
        warn(
            "CountCalibration.find_reach is called count_deviations now; this name goes with the next version.",
            FutureWarning,
        )
        return self.count_deviations(level)

    def count_deviations(self, level: float) -> float:
        """Return the half-width of the interval that covers this share of the cases, in standard deviations.

        n residuals back a share of at most ``n / (n + 1)``. For more, no finite interval is known to do: the greatest
        residual is returned, and `summarize` warns.
        """
        if not self.residuals:
            return NormalDist().inv_cdf((1 + level) / 2)
        rank = min(int(np.ceil(round((len(self.residuals) + 1) * level, 6))), len(self.residuals))
        return float(np.sort(self.residuals)[rank - 1])


def find_log_odds(scores: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the log-odds of scores, finite for 0 and 1 too.

    Parameters
    ----------
    scores : array-like of float

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> from sslts.segments import find_log_odds
    >>> find_log_odds([0.5]).tolist()
    [0.0]
    """
    s = np.clip(np.asarray(scores, dtype=np.float64), _SMALLEST, 1 - _SMALLEST)
    return np.log(s / (1 - s))


def _bound_counts(expected: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the greatest whole number within ``sqrt(spread)`` of the expected one.

    Where there is none, both are the whole number that is nearest.

    Parameters
    ----------
    expected, spread : ndarray of float

    Returns
    -------
    low, high : ndarray of float

    Examples
    --------
    >>> import numpy as np

    from sslts._notices import warn
    >>> from sslts.segments.counts import _bound_counts
    >>> [bounds.tolist() for bounds in _bound_counts(np.array([4.2, 3.4]), np.array([2.0, 0.01]))]
    [[3.0, 3.0], [5.0, 3.0]]
    """
    reach, nearest = np.sqrt(spread), np.rint(expected)
    low, high = np.ceil(expected - reach), np.floor(expected + reach)
    return np.minimum(low, nearest).clip(min=0), np.maximum(high, nearest)
