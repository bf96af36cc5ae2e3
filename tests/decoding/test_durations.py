import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.decoding import durations, fit_durations
from sslts.decoding.durations import _LONGEST_TABLE


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=30))
def test_it_is_a_distribution(lengths):
    found = fit_durations(lengths)
    total = np.exp(found.log_probability).sum() + np.exp(found.log_tail)
    assert total == pytest.approx(1)
    assert np.isfinite(found.log_probability).all()
    assert found.log_decay < 0


@given(st.lists(st.integers(1, 500), min_size=1, max_size=10))
def test_survival_is_the_probability_of_at_least_a_length(lengths):
    found = fit_durations(lengths)
    left = 1 - np.r_[0, np.cumsum(np.exp(found.log_probability))[:-1]]
    np.testing.assert_allclose(np.exp(found.log_survival), left, atol=1e-9)


def test_the_labeled_lengths_are_the_most_likely_lengths():
    found = fit_durations([40, 42, 38, 41])
    assert 36 <= np.argmax(found.log_probability) + 1 <= 43
    assert np.exp(found.log_probability[29:49]).sum() > 0.9


def test_a_single_length_does_not_forbid_other_lengths():
    found = fit_durations([20])
    assert found.log_probability[25 - 1] > found.log_probability[20 - 1] - 6


def test_lower_bounds_are_used_only_without_complete_lengths():
    assert len(fit_durations([], [30, 50]).log_probability) == 100
    assert np.array_equal(fit_durations([10], [99]).log_probability, fit_durations([10]).log_probability)


def test_a_long_table_ends_and_falls_slowly():
    found = fit_durations([50_000])
    assert len(found.log_probability) == _LONGEST_TABLE
    assert found.log_decay > -1e-3


def test_no_lengths_are_refused():
    with pytest.raises(ValueError, match="both empty"):
        fit_durations([])


def test_many_lengths_are_read_in_parts(monkeypatch):
    lengths = list(range(50, 1050))
    found = fit_durations(lengths)
    monkeypatch.setattr(durations, "_VALUES_TOGETHER", 10**6)
    np.testing.assert_allclose(found.log_probability, fit_durations(lengths).log_probability, rtol=1e-9)
