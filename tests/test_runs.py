"""Runs of equal values, and ranges of indices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sslts._runs import expand_ranges, find_runs


class TestFindRuns:
    def test_runs_of_one_recording(self):
        starts, ends, values = find_runs(np.array([5, 5, -1, 0, 0, 0]))
        assert_array_equal(starts, [0, 2, 3])
        assert_array_equal(ends, [2, 3, 6])
        assert_array_equal(values, [5, -1, 0])

    def test_an_empty_array_has_no_runs(self):
        assert [part.tolist() for part in find_runs(np.array([], dtype=int))] == [[], [], []]

    def test_breaks_split_equal_labels(self):
        starts, ends, values = find_runs([1, 1, 1], breaks=[0, 2, 2, 3])
        assert (starts.tolist(), ends.tolist(), values.tolist()) == ([0, 2], [2, 3], [1, 1])

    def test_several_recordings_are_refused(self):
        with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
            find_runs(np.zeros((2, 3)))

    @given(st.lists(st.integers(-1, 2), max_size=20))
    def test_runs_tile_the_recording(self, labels):
        starts, ends, values = find_runs(np.array(labels, dtype=int))
        assert np.repeat(values, ends - starts).tolist() == labels
        assert_array_equal(starts[1:], ends[:-1])
        assert (values[1:] != values[:-1]).all()


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 4)), max_size=6))
def test_expand_ranges_writes_out_ranges(pairs):
    wanted = [i for start, length in pairs for i in range(start, start + length)]
    assert expand_ranges([start for start, _ in pairs], [length for _, length in pairs]).tolist() == wanted
