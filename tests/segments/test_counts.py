import numpy as np
import pytest

from sslts.segments import CountCalibration
from sslts.segments.counts import _bound_counts


def test_by_default_a_score_is_a_probability():
    expected, variance = CountCalibration().weigh([0.25, 0.9])
    assert expected == pytest.approx([0.25, 0.9])
    assert variance == pytest.approx([0.1875, 0.09])


def test_scores_of_zero_and_one_are_accepted():
    expected, variance = CountCalibration().weigh([0.0, 1.0])
    assert expected == pytest.approx([0, 1], abs=1e-5)
    assert variance == pytest.approx([0, 0], abs=1e-5)


def test_the_variance_matches_a_simulation():
    """Each segment is real or not, and each real segment comes with a Poisson number of missed segments."""
    rng = np.random.default_rng(0)
    curve = CountCalibration(missed=0.4)
    real = rng.random((100_000, 3)) < [0.9, 0.5, 0.2]
    total = real.sum(1) + rng.poisson(0.4 * real.sum(1))
    expected, variance = curve.weigh([0.9, 0.5, 0.2])
    assert expected.sum() == pytest.approx(total.mean(), rel=0.01)
    # The formula is an upper bound; conformal residuals correct for the constant factor.
    assert total.var() * 0.98 <= variance.sum() <= total.var() * 1.35


def test_residuals_set_the_width_of_an_interval():
    curve = CountCalibration(residuals=tuple(range(1, 20)))
    assert curve.count_deviations(0.9) == 18
    assert curve.count_deviations(0.5) == 10
    assert curve.count_deviations(0.999) == 19
    assert CountCalibration().count_deviations(0.9) == pytest.approx(1.6449, abs=1e-4)


def test_an_interval_holds_whole_numbers_and_is_never_empty():
    low, high = _bound_counts(np.array([4.2, 3.4, 0.3]), np.array([2.0, 0.01, 9.0]))
    assert low.tolist() == [3, 3, 0]
    assert high.tolist() == [5, 3, 3]
