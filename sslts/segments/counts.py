"""The uncertainty of a number of segments."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from sslts._notices import warn

_SMALLEST = 1e-6  # least distance of a score from 0 and 1, so that its log-odds are finite
_LEAST_VARIANCE = 0.01  # variance of a count whose scores are all 0 or 1
_LEAST_POOLED = 50  # residuals that tell how often a recording goes wrong; 20 often hold no such recording


@dataclass(frozen=True)
class CountCalibration:
    """A model of the true count of segments of one label, given the scores of the predicted segments.

    A segment with score s is real with probability ``1 / (1 + exp(-(intercept + slope * logit(s))))``. For each real
    segment that is found, ``missed`` segments are not found. The expected count is the sum over segments, and its
    standard deviation assumes independent errors. Errors are not independent: they cluster in difficult recordings. So
    the width of the interval, in standard deviations, comes from the residuals of labeled recordings; the curve behind
    each residual was fitted to the other recordings (conformal prediction).

    The sum over several recordings has two errors: those of the recordings, which partly cancel, and the error of this
    calibration, which they share and which does not. See `bound_errors`.

    `sslts.calibration.calibrate_counts` returns one for each label.

    Parameters
    ----------
    slope, intercept : float, default=1.0, 0.0
        Slope and intercept of the logistic curve. By default, a score is a probability.
    missed : float, default=0.0
        Number of missed segments per real segment that is found.
    residuals : tuple of float, default=()
        For each labeled recording, the distance of the true count from the expected count, in standard deviations.
        Empty: the interval of a normal distribution is used.

    References
    ----------
    Platt 1999, for the curve; Lei et al. 2018, "Distribution-free predictive inference for regression", section 5.2,
    for residuals in standard deviations; Barber et al. 2021, "Predictive inference with the jackknife+", for fitting
    without the recording itself.

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
        """Return the contribution of each segment to the expected count, and to the variance of the count."""
        real = 1 / (1 + np.exp(-(self.intercept + self.slope * find_log_odds(scores))))
        more = 1 + self.missed
        return real * more, real * (1 - real) * more**2 + real * self.missed * more

    def measure_residuals(self, true: np.ndarray, expected: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return the distances of true counts from expected counts, in standard deviations."""
        return np.abs(true - expected) / np.sqrt(variance + _LEAST_VARIANCE)

    def find_reach(self, level: float) -> float:
        """Return `count_deviations`, under its deprecated name."""
        warn(
            "CountCalibration.find_reach is deprecated and will be removed in the next version; call count_deviations.",
            FutureWarning,
        )
        return self.count_deviations(level)

    def count_deviations(self, level: float) -> float:
        """Return the half-width of the interval that covers a share ``level`` of the cases, in standard deviations.

        n residuals support a share of at most ``n / (n + 1)``. For a larger share, the greatest residual is returned,
        and `summarize` warns.
        """
        if not self.residuals:
            return NormalDist().inv_cdf((1 + level) / 2)
        rank = min(int(np.ceil(round((len(self.residuals) + 1) * level, 6))), len(self.residuals))
        return float(np.sort(self.residuals)[rank - 1])

    def bound_errors(
        self, level: float, variance: np.ndarray, deviation: np.ndarray, several: np.ndarray
    ) -> np.ndarray:
        """Return the half-widths of intervals of counts, each over one recording or over the sum of several.

        Parameters
        ----------
        level : float
            Share of the cases that an interval should cover.
        variance, deviation : ndarray of float, shape (n,)
            Variance and standard deviation of the recording's count, from `weigh`, summed over recordings.
        several : ndarray of bool, shape (n,)
            Whether the count is the sum of more than one recording.

        Returns
        -------
        ndarray of float64, shape (n,)
            NaN for several recordings if there are fewer than 50 residuals: most of the error of a sum comes from the
            few recordings that go wrong, and fewer residuals often hold none of these.

        Notes
        -----
        One recording: `count_deviations` times its deviation. Several: with the mean square r of the n residuals, the
        errors have the variance ``r * sum of variances``, and the common error, which n recordings leave unknown, adds
        ``r * (sum of deviations) ** 2 / n``. The quantile is that of Student's distribution with n - 1 degrees of
        freedom. Without residuals, the errors are independent and normal.

        Examples
        --------
        >>> from sslts.segments import CountCalibration
        >>> curve = CountCalibration(residuals=(1.0,) * 50)
        >>> hundred = curve.bound_errors(0.9, [100.0], [100.0], [True])  # one hundred recordings with variance 1
        >>> independent = CountCalibration().bound_errors(0.9, [100.0], [100.0], [True])
        >>> hundred.round().tolist(), independent.round().tolist()
        ([29.0], [16.0])
        """
        variance, deviation = np.asarray(variance, dtype=np.float64), np.asarray(deviation, dtype=np.float64)
        if not self.residuals:
            return self.count_deviations(level) * np.sqrt(variance)
        from scipy.stats import t as student

        n = len(self.residuals)
        quantile = student.ppf((1 + level) / 2, n - 1) if n >= _LEAST_POOLED else np.nan
        common = quantile * np.sqrt(np.mean(np.square(self.residuals)) * (variance + deviation**2 / n))
        return np.where(several, common, self.count_deviations(level) * deviation)


def find_log_odds(scores: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the log-odds of scores; they are finite for the scores 0 and 1 too.

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
    """Return the least and the greatest whole number within ``sqrt(spread)`` of each expected count.

    If no whole number lies within that distance, both are the nearest whole number.
    """
    distance, nearest = np.sqrt(spread), np.rint(expected)
    low, high = np.ceil(expected - distance), np.floor(expected + distance)
    return np.minimum(low, nearest).clip(min=0), np.maximum(high, nearest)
