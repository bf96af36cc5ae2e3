"""Statistics of windows: what they measure, and that a feature depends on its windows alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from sslts.annotations import SignalSummary
from sslts.features import WindowStatistics, average_windows

X = np.random.default_rng(0).normal(size=(2, 300)).astype(np.float32)


def get(name, x, scales):
    statistics = WindowStatistics(scales)
    return statistics(x)[statistics.list_names(len(x)).index(name)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 21])
def test_statistics_equal_the_definition(size):
    x = X[:1].astype(np.float64)
    windows = sliding_window_view(x[0], size)  # windows[t] begins at t
    inner = np.arange(size, 300 - size - 1)
    before, after = windows[inner - size], windows[inner + 1]
    found = {
        "level before": before.mean(1),
        "level after": after.mean(1),
        "slope": after.mean(1) - before.mean(1),
        "spread before": before.std(1),
        "spread after": after.std(1),
        "range before": np.ptp(before, axis=1),
        "range after": np.ptp(after, axis=1),
        "distance from level": x[0, inner] - (before.mean(1) + after.mean(1)) / 2,
        "spread": np.concatenate([before, after], axis=1).std(1),
    }
    for name, wanted in found.items():
        np.testing.assert_allclose(get(f"{name} {size}", X[:1], (size,))[inner], wanted, atol=2e-6, err_msg=name)


def test_every_feature_has_a_name_of_its_own():
    for n_channels in (1, 3):
        statistics = WindowStatistics((1, 5))
        names = statistics.list_names(n_channels)
        assert len(names) == len(set(names)) == len(statistics(np.zeros((n_channels, 9))))
    assert WindowStatistics((3,)).list_names(("acc", "gyro"))[0] == "acc, value"


def test_an_offset_moves_levels_and_changes_no_spread():
    for name, moves in (("level before 8", 1), ("slope 8", 0), ("spread 8", 0), ("range 8", 0), ("roughness 8", 0)):
        np.testing.assert_allclose(get(name, X[:1] + 4, (8,)), get(name, X[:1], (8,)) + 4 * moves, atol=1e-5)


def test_a_constant_channel_has_no_spread():
    x = np.full((1, 50), 7.3)
    assert (get("spread 8", x, (8,)) == 0).all()
    assert (get("range 8", x, (8,)) == 0).all()
    assert np.isfinite(WindowStatistics((1, 8))(x)).all()


@given(
    scales=st.lists(st.integers(1, 40), min_size=1, max_size=4, unique=True).map(sorted),
    start=st.integers(0, 200),
    size=st.integers(1, 100),
)
@settings(max_examples=60, deadline=None)
def test_a_stretch_with_a_margin_has_the_bits_of_the_whole(scales, start, size):
    statistics = WindowStatistics(scales)
    stop = min(start + size, 300)
    begin, end = max(start - statistics.reach, 0), min(stop + statistics.reach, 300)
    part = statistics(X[:, begin:end])[:, start - begin : stop - begin]
    np.testing.assert_array_equal(part, statistics(X)[:, start:stop])


@given(scales=st.lists(st.integers(1, 40), min_size=1, max_size=3, unique=True).map(sorted), at=st.integers(0, 299))
@settings(max_examples=30, deadline=None)
def test_a_sample_beyond_the_reach_has_no_influence(scales, at):
    statistics = WindowStatistics(scales)
    changed = X.copy()
    changed[:, at] += 100
    far = np.abs(np.arange(300) - at) > statistics.reach
    np.testing.assert_array_equal(statistics(changed)[:, far], statistics(X)[:, far])


@pytest.mark.parametrize("at", [slice(None, None, 7), slice(10, 40), np.array([3, 50, 299])])
def test_features_of_some_samples_are_those_of_the_whole(at):
    statistics = WindowStatistics((2, 9))
    np.testing.assert_array_equal(statistics.compute(X, at), statistics(X).T[at])


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_signal_may_be_shorter_than_a_window(length):
    found = WindowStatistics((1, 64))(X[:, :length])
    assert found.shape[1] == length
    assert np.isfinite(found).all()


@pytest.mark.parametrize("scales", [(), (0, 1), (2, 2), (3, 1), (1.5,), ("a",), ((1, 2),), 4])
def test_scales_that_are_no_increasing_lengths_are_refused(scales):
    with pytest.raises(ValueError, match="scales="):
        WindowStatistics(scales)


def test_scales_follow_the_segments():
    def choose(length, recording=10_000):
        return WindowStatistics.for_signal(SignalSummary(1, 2, length, length, recording)).scales

    assert choose(4) == (1, 2, 4, 8, 16, 32)
    assert choose(1000)[-1] == 1024
    assert choose(4, recording=10) == (1, 2, 4, 8)


@pytest.mark.parametrize("half", [0, 1, 2, 5, 8])
def test_averages_equal_the_definition_and_keep_sums(half):
    proba = np.random.default_rng(0).dirichlet([1, 1, 1], 100).T.astype(np.float32)
    found = average_windows(proba, half)
    padded = np.pad(proba.astype(np.float64), ((0, 0), (half, half)), mode="edge")
    np.testing.assert_allclose(found, sliding_window_view(padded, 2 * half + 1, axis=1).mean(-1), atol=1e-6)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-6)
    part = average_windows(proba[:, 30:70], half)[:, half : 40 - half]
    np.testing.assert_array_equal(part, found[:, 30 + half : 70 - half])
