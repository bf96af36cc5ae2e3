"""Every container of y becomes the same labels, for the recordings that they are for; every defect is named."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.annotations import as_label_runs, as_labels, require_labels
from sslts.recordings import as_recordings

RECORDINGS = as_recordings([np.zeros(3), np.zeros(2)])


@pytest.mark.parametrize(
    "y",
    [[[1, 0, -1], [2, 2]], [np.array([1.0, 0.0, -1.0]), np.array([2, 2], dtype=np.uint8)]],
)
def test_dense(y):
    assert [labels.tolist() for labels in as_labels(y, RECORDINGS)] == [[1, 0, -1], [2, 2]]


@pytest.mark.parametrize("y", [[5, -1], np.array([5, -1]), np.array([[5], [-1]]), pd.Series([5, -1])])
def test_one_label_for_the_whole_recording(y):
    assert [labels.tolist() for labels in as_labels(y, RECORDINGS)] == [[5, 5, 5], [-1, -1]]


def test_booleans_are_classes():
    assert as_labels([True, False], RECORDINGS)[0].tolist() == [1, 1, 1]


def test_series_on_the_index_of_a_panel():
    y = pd.Series(np.repeat([0, 1, -1], 7), pd.MultiIndex.from_product([range(3), range(7)]))
    X = pd.DataFrame({"x": 0.0}, y.index)
    shuffled = pd.concat([y.loc[[2]], y.loc[[0]], y.loc[[1]]])
    assert [labels[0] for labels in as_labels(shuffled, as_recordings(X))] == [0, 1, -1]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[0, 1, 1]], "X has 2 recordings, y has 1"),
        ([[0, 1, 1], [0, 1, 1]], r"recording 1 has labels of shape \(3,\), its signal has 2 samples"),
        ([[0, 1, 0.5], [0, 1]], r"y\[0\] \(recording 0\) holds 0.5 at sample 2; labels are integers"),
        ([[0, 1, np.nan], [0, 1]], "holds nan at sample 2"),
        ([["a", "b", "c"], [0, 1]], "recording 0.* is not numeric; give one integer"),
        ([[0, 1, 1], [0, -2]], r"y\[1\] \(recording 1\) .* -2"),
        (3, "single value"),
    ],
)
def test_defects_are_named(y, message):
    with pytest.raises(ValueError, match=message):
        as_labels(y, RECORDINGS)


def test_labels_on_the_index_of_the_recordings_are_read_in_their_order():
    index = pd.MultiIndex.from_product([["b", "a"], range(3)])
    X, y = pd.DataFrame({"x": np.arange(6.0)}, index), pd.Series(np.arange(6), index)
    for labeled in (y, y[::-1], y.sort_index(), y.to_frame()):
        assert [labels.tolist() for labels in as_labels(labeled, as_recordings(X))] == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ValueError, match="2 columns"):
        as_labels(pd.DataFrame({"a": y, "b": y}), as_recordings(X))


CONTAINERS = {
    "rows": pd.DataFrame(np.zeros((3, 4)), index=["b", "a", "c"]),
    "nested": pd.DataFrame({"x": [pd.Series(np.zeros(4))] * 3}, index=["b", "a", "c"]),
    "cells": pd.DataFrame({"x": [np.zeros(4)] * 3}, index=["b", "a", "c"]),
    "objects": pd.Series([np.zeros(4)] * 3, index=["b", "a", "c"]),
    "multiindex": pd.DataFrame({"x": np.zeros(12)}, pd.MultiIndex.from_product([["b", "a", "c"], range(4)])),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_labels_on_the_names_of_recordings_are_read_in_their_order(container):
    recordings = as_recordings(CONTAINERS[container])
    for y in (pd.Series([1, 2, 0], ["a", "c", "b"]), pd.DataFrame([[1] * 4, [2] * 4, [0] * 4], ["a", "c", "b"])):
        assert [labels.tolist() for labels in as_labels(y, recordings)] == [[0] * 4, [1] * 4, [2] * 4]
        assert as_labels(y.reset_index(drop=True), recordings)[0][0] == 1  # without names, by position
        assert as_labels(y, as_recordings(np.zeros((3, 4))))[0][0] == 1
    with pytest.raises(ValueError, match="y has no label at b, where X has a"):
        as_labels(pd.Series([0, 1, 2], ["x", "y", "z"]), recordings)


def test_a_reversed_range_is_no_counted_index():
    X = pd.DataFrame({"x": np.zeros(6)}, pd.MultiIndex.from_product([range(3), range(2)]))
    y = pd.Series([0, 1, 2])[::-1]
    assert [labels[0] for labels in as_labels(y, as_recordings(X))] == [0, 1, 2]


class ArrowTable:
    """As those of polars."""

    shape = (2, 3)

    def __array__(self, dtype=None, copy=None):
        return np.array([[0, 1, 1], [2, 2, -1]])

    def __getitem__(self, key):
        raise AssertionError("taken for a file")

    def __arrow_c_stream__(self, schema=None):
        raise NotImplementedError


def test_tables_of_arrow_are_no_files():
    recordings = as_recordings(ArrowTable())
    assert recordings.read(1).tolist() == [[2, 2, -1]]
    assert as_labels(ArrowTable(), recordings)[1].tolist() == [2, 2, -1]


@given(st.lists(st.lists(st.integers(-1, 3), min_size=1, max_size=8), min_size=1, max_size=4), st.booleans())
def test_runs_say_what_the_labels_say(y, whole):
    recordings = as_recordings([np.zeros(len(labels)) for labels in y])
    given_labels = [labels[0] for labels in y] if whole else y
    runs, labels = as_label_runs(given_labels, recordings), as_labels(given_labels, recordings)
    for i, wanted in enumerate(labels):
        mine = runs.recording == i
        np.testing.assert_array_equal(np.repeat(runs.value[mine], runs.size[mine]), wanted)


def test_nothing_given_is_refused_in_the_words_of_scikit_learn():
    with pytest.raises(ValueError, match="Some requires y to be passed, but the target y is None"):
        require_labels(None, "Some")
