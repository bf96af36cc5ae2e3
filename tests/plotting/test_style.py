"""Curves and label bands are thinned without losing peaks or shares."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts._runs import find_runs
from sslts.plotting._style import color_classes, thin_curve, thin_runs


class TestThinCurve:
    @given(st.lists(st.floats(-100, 100), min_size=1, max_size=300), st.integers(2, 60))
    def test_no_peak_is_lost(self, values, points):
        x = np.array(values)
        at, thin = thin_curve(x, points)
        assert thin.max() == x.max()
        assert thin.min() == x.min()
        assert (np.diff(at) >= 0).all()
        np.testing.assert_array_equal(x[at], thin)
        assert len(thin) <= max(points, 2)

    def test_nan_does_not_hide_a_peak(self):
        x = np.r_[np.full(50, np.nan), np.arange(50.0)]
        assert np.nanmax(thin_curve(x, 20)[1]) == 49


class TestThinRuns:
    @given(st.lists(st.integers(-1, 3), min_size=1, max_size=200), st.integers(1, 40))
    def test_each_column_shows_one_of_its_labels(self, values, columns):
        y = np.array(values)
        starts, ends, shown = thin_runs(y, columns)
        runs = find_runs(y)
        if len(runs[0]) <= columns:
            assert all(map(np.array_equal, (starts, ends, shown), runs))
            return
        assert len(starts) <= columns
        drawn = np.repeat(shown, ends - starts)
        edges = np.linspace(0, y.size, columns + 1).astype(int)
        for start, stop in itertools.pairwise(edges):
            assert (drawn[start:stop] == drawn[start]).all()
            assert drawn[start] in y[start:stop]

    @pytest.mark.parametrize("period", [3, 50, 64])
    def test_labels_cover_their_true_share(self, period):
        y = (np.arange(100_000) % period < period // 3).astype(int)
        starts, ends, shown = thin_runs(y, columns=1000)
        assert (ends - starts)[shown == 1].sum() / y.size == pytest.approx(y.mean(), abs=0.05)


def test_classes_differ_in_color_and_the_background_is_gray():
    colors = color_classes(np.arange(11), 0)
    assert len(set(colors.values())) == 11
    assert color_classes(np.array([-1, 4, 7]), 7)[7] == colors[0]
