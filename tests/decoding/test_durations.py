import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.decoding import durations, fit_durations

lengths = st.lists(st.integers(1, 10_000), min_size=1, max_size=30)


@given(lengths)
def test_it_is_a_distribution_of_the_log_length(seen):
    found = fit_durations(seen)
    assert np.exp(found.log_density).sum() * durations._STEP == pytest.approx(1)
    assert np.isfinite(found.log_density).all()


@given(lengths, st.integers(1, 10**9))
def test_nine_of_ten_labeled_lengths_are_usual(seen, length):
    found = fit_durations(seen)
    assert np.mean(found.rate_lengths(seen) >= -1e-9) >= 0.9 - 1 / len(seen)
    assert np.isfinite(found.rate_lengths(length))


@given(lengths, st.integers(1, 10**6))
def test_a_part_is_usual_until_it_is_longer_than_usual_segments(seen, length):
    found = fit_durations(seen)
    assert min(found.rate_lengths(length), 0) <= found.rate_parts(length) <= 0
    assert found.rate_parts(2 * length) <= found.rate_parts(length)
    assert found.rate_parts(1) == 0


def test_the_labeled_lengths_are_the_most_typical_lengths():
    found = fit_durations([40, 42, 38, 41])
    assert 36 <= np.argmax(found.rate_lengths(np.arange(1, 200))) + 1 <= 43
    assert found.rate_lengths(20) < found.rate_lengths(30) < found.rate_lengths(40)


def test_few_lengths_say_less_than_many():
    few, many = fit_durations([20]), fit_durations([20] * 50)
    assert few.rate_lengths(32) > -2 > -4 > many.rate_lengths(32)


def test_any_length_is_possible():
    found = fit_durations([20] * 50)
    assert found.rate_lengths([1, 400, 10**6]).min() > -12


def test_lower_bounds_are_used_only_without_complete_lengths():
    assert np.array_equal(fit_durations([10], [99]).log_density, fit_durations([10]).log_density)
    found = fit_durations([], [30, 50])
    assert found.rate_lengths(60) > found.rate_lengths(20)
    assert found.rate_parts([30, 50]).min() > -0.1


def test_no_lengths_are_refused():
    with pytest.raises(ValueError, match="both empty"):
        fit_durations([])


def test_many_lengths_are_read_in_parts(monkeypatch):
    seen = list(range(50, 1050))
    found = fit_durations(seen)
    monkeypatch.setattr(durations, "_VALUES_TOGETHER", 10**6)
    np.testing.assert_allclose(found.log_density, fit_durations(seen).log_density, rtol=1e-9)
