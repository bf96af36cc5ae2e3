"""Every container of y gives the same labels; every defect is named; the table of `y` in docs/input.md is true."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hostile import (
    TIMES,
    Code,
    X,
    Y,
    check_probabilities,
    check_refusal,
    hold_code,
    list_documented_rows,
    list_on_times,
    make_segmenter,
    put_on_index,
    read_rows,
)
from hypothesis import given
from hypothesis import strategies as st
from strategies import ClosedSource

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


def test_a_reversed_range_is_not_a_default_index():
    X = pd.DataFrame({"x": np.zeros(6)}, pd.MultiIndex.from_product([range(3), range(2)]))
    y = pd.Series([0, 1, 2])[::-1]
    assert [labels[0] for labels in as_labels(y, as_recordings(X))] == [0, 1, 2]


class ArrowTable:
    """A table with the interface of Arrow, such as polars has."""

    shape = (2, 3)

    def __array__(self, dtype=None, copy=None):
        return np.array([[0, 1, 1], [2, 2, -1]])

    def __getitem__(self, key):
        raise AssertionError("taken for a file")

    def __arrow_c_stream__(self, schema=None):
        raise NotImplementedError


def test_arrow_tables_are_not_read_as_files():
    recordings = as_recordings(ArrowTable())
    assert recordings.read(1).tolist() == [[2, 2, -1]]
    assert as_labels(ArrowTable(), recordings)[1].tolist() == [2, 2, -1]


@given(st.lists(st.lists(st.integers(-1, 3), min_size=1, max_size=8), min_size=1, max_size=4), st.booleans())
def test_runs_hold_the_same_labels_as_arrays(y, whole):
    recordings = as_recordings([np.zeros(len(labels)) for labels in y])
    given_labels = [labels[0] for labels in y] if whole else y
    runs, labels = as_label_runs(given_labels, recordings), as_labels(given_labels, recordings)
    for i, wanted in enumerate(labels):
        mine = runs.recording == i
        np.testing.assert_array_equal(np.repeat(runs.value[mine], runs.size[mine]), wanted)


def test_missing_labels_raise_the_message_that_scikit_learn_requires():
    with pytest.raises(ValueError, match="Some requires y to be passed, but the target y is None"):
        require_labels(None, "Some")


ROWS = read_rows("y")


@pytest.fixture(scope="module")
def wanted():
    return make_segmenter().fit(X, Y).predict_proba(X)


FINITE = {
    "int64, int8, uint8": lambda: (X, Y.astype(np.uint8)),
    "floats with whole values": lambda: (X, Y.astype(np.float32) - 1 + (np.arange(40) > 3)),
    "booleans as labels": lambda: (X, Y.astype(bool)),
    "one label for each recording": lambda: (X, np.array([0, 1, -1, 1])),
    "one label for some recordings, labels for each sample of others": lambda: (X, [Y[0], 1, -1, Y[3]]),
}


@pytest.mark.parametrize("row", FINITE)
def test_odd_labels_give_probabilities(row):
    check_probabilities(*FINITE[row]())


def spoil_label(value, dtype=np.int64):
    changed = Y.astype(dtype)
    changed[1, 2] = value
    return changed


WORDS = np.array(["background", "step"], dtype=object)[Y]


def spoil_words(value):
    changed = WORDS.copy()
    changed[1, 2] = value
    return changed


REFUSED = {
    "NaN, NA, None or masked labels": lambda: [
        (X, spoil_label(np.nan, np.float64)),
        (X, spoil_label(None, object)),
        (X, [pd.Series(y, dtype="Int64").mask(y == 99) for y in spoil_label(99)]),
        (X, np.ma.masked_equal(spoil_label(99), 99)),
    ],
    "fractions": lambda: [(X, spoil_label(0.5, np.float64))],
    "labels below -1": lambda: [(X, spoil_label(-2)), (X, list(spoil_label(-2, np.int8)))],
    "labels beyond int64": lambda: [(X, spoil_label(2**63, np.uint64)), (X, spoil_label(1e30, np.float64))],
    "words and numbers in one `y`": lambda: [
        (X, spoil_words(1)),
        (X, [*map(list, spoil_words(1))]),
        (X, [WORDS[0], [-1, None, 1, *WORDS[1][3:]], "rest", -1]),
    ],
    "numbers as text beside words": lambda: [(X, spoil_words("1")), (X, list(spoil_words("1").astype(str)))],
    'text that stands for a missing value beside words: empty, "nan", "None"': lambda: [
        (X, spoil_words(text)) for text in ("", "nan", "None", "<NA>")
    ],
    "numbers as text": lambda: [(X, Y.astype(str)), (X, Y.astype(str).astype(object))],
    "complex labels": lambda: [(X, Y + 0j)],
    "objects as labels": lambda: [(X, spoil_label(Code(), object)), (X, [[0] * 39 + [Code()]] * 4), (X, hold_code(Y))],
    "labels of another length than the recording": lambda: [(X, Y[:, :-1]), (list(X), [y[:-1] for y in Y])],
    "one-hot labels of integers, or probabilities whose last axis is not that of the classes": lambda: [
        (X, np.eye(2, dtype=int)[Y]),
        (X, np.full((4, 2, 40), 0.5)),
    ],
    "labels in a dictionary": lambda: [(X, dict(enumerate(Y)))],
    "one label for each epoch of several samples": lambda: [(X, [[0, 1, 0]] * 4)],
    "labels for an `X` whose last axis is not time": lambda: [
        (X[:, :, None], Y),
        (np.stack([X, X, X], axis=2), Y),
        ([np.stack([x, x, x], axis=1) for x in X], list(Y)),
    ],
    "labels for another number of recordings": lambda: [(X, Y[:3]), (list(X), list(Y[:3]))],
    "a Series on another index than `X`": lambda: [
        (put_on_index(X, 0), put_on_index(Y, 1)["value"]),
    ],
    "a list of Series on other indices than the recordings of `X`": lambda: [
        (list_on_times(X, TIMES), list_on_times(Y, TIMES + pd.Timedelta("1s"))),
        ([pd.DataFrame({"a": x}, TIMES) for x in X], list_on_times(Y, TIMES[[*range(39), 38]])),
    ],
    "a single value": lambda: [(X, 1), (X, "1")],
    "labels that are all -1": lambda: [(X, np.full_like(Y, -1)), (X, [-1] * 4)],
    "None": lambda: [(X, None)],
    "more than 1000 classes": lambda: [(np.zeros((10, 1000)), np.arange(10_000).reshape(10, 1000))],
}


@pytest.mark.parametrize("row", REFUSED)
def test_the_message_says_what_is_wrong(row):
    for signals, labels in REFUSED[row]():
        check_refusal(signals, labels, ROWS[row])


class TestLabels:
    @pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8, np.uint64, np.float64, bool])
    def test_every_dtype_gives_the_same_predictions(self, dtype, wanted):
        np.testing.assert_array_equal(make_segmenter().fit(X, Y.astype(dtype)).predict_proba(X), wanted)

    def test_gaps(self):
        """Row: classes that are not consecutive, such as 0, 7, 255"""
        fitted = make_segmenter().fit(X, np.array([0, 7, 255])[np.digitize(X, [-0.5, 0.5])].astype(np.uint8))
        assert fitted.classes_.tolist() == [0, 7, 255]
        assert set(np.unique(fitted.predict(X))) <= {0, 7, 255}
        assert fitted.predict_proba(X).shape == (4, 40, 3)

    def test_labels_in_a_closed_file(self):
        """Row: labels in a closed file"""
        for labels in (ClosedSource(), [*Y[:3], ClosedSource()]):
            with pytest.raises(OSError, match=ROWS["labels in a closed file"][1][0]):
                make_segmenter().fit(X, labels)

    def test_minus_one_in_an_unsigned_dtype(self):
        """Row: a class that is the greatest value of an unsigned type, such as 255 of uint8"""
        message = ROWS["a class that is the greatest value of an unsigned type, such as 255 of uint8"][1][0]
        recordings, wrapped = as_recordings(X), np.where(X > 1, -1, Y)
        for labels in (wrapped.astype(np.uint8), list(wrapped.astype(np.uint8)), [np.uint8(255)] * 4):
            for read in (as_labels, as_label_runs):
                with pytest.warns(UserWarning, match=message + r".*np\.where\(y == 255, -1, y\.astype\(int\)\)"):
                    read(labels, recordings)
        with pytest.warns(UserWarning, match="y has a class 65535"):
            make_segmenter().fit(X, wrapped.astype(np.uint16))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for labels in (Y * 255, (Y * 254).astype(np.uint8), list((Y * 255).astype(np.uint16))):
                as_label_runs(labels, recordings)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.float16, np.float64, np.longdouble])
    def test_whole_arrays_of_any_dtype(self, dtype):
        labels = Y.astype(dtype) - (dtype(0).dtype.kind == "f")
        np.testing.assert_array_equal(as_labels(labels, as_recordings(X)), labels.astype(np.int64))
        runs = as_label_runs(labels, as_recordings(X))
        assert runs.value.dtype == np.int64
        np.testing.assert_array_equal(runs.value, as_label_runs(list(labels), as_recordings(X)).value)

    def test_a_class_without_labels(self):
        """Row: a class that occurs only where `y` is -1"""
        truth = np.where(X > 1, 2, Y)
        fitted = make_segmenter().fit(X, np.where(truth == 2, -1, truth))
        assert fitted.classes_.tolist() == [0, 1]
        assert fitted.score(X, truth) < fitted.score(X, np.where(truth == 2, -1, truth))

    def test_another_order(self, wanted):
        """Row: a Series on the index of `X`, in another order"""
        frame, series = put_on_index(X, 0), put_on_index(Y, 0)["value"]
        fitted = make_segmenter().fit(frame, series[::-1])
        np.testing.assert_array_equal(fitted.predict_proba(frame), wanted)
        assert fitted.score(frame, series[::-1]) == fitted.score(X, Y)

    def test_words(self, wanted):
        """Row: words: text, objects or categories, in any container"""
        for words in (
            WORDS,
            WORDS.astype(str),
            WORDS.tolist(),
            pd.DataFrame(WORDS).astype("string"),
            [pd.Series(row, dtype="category") for row in WORDS],
        ):
            fitted = make_segmenter().fit(X, words)
            np.testing.assert_array_equal(fitted.predict_proba(X), wanted)
            assert set(fitted.predict(X).flat) <= {"background", "step"}

    def test_a_word_for_each_recording(self):
        """Row: a word for each recording"""
        numbers, words = [0, 1, -1, 1], ["background", "step", None, "step"]
        wanted = make_segmenter().fit(X, numbers).predict_proba(X)
        for given_words in (words, np.array(words, dtype=object), pd.Series(words, dtype="string")):
            np.testing.assert_array_equal(make_segmenter().fit(X, given_words).predict_proba(X), wanted)

    def test_unlabeled_beside_words(self):
        """Row: None, NaN, NA, -1 or the text "-1" beside words"""
        wanted = make_segmenter().fit(X, spoil_label(-1)).predict_proba(X)
        for missing in (None, np.nan, pd.NA, -1, -1.0, "-1"):
            np.testing.assert_array_equal(make_segmenter().fit(X, spoil_words(missing)).predict_proba(X), wanted)

    def test_words_in_another_order(self, wanted):
        """Row: a Series of words on the index of `X`, in another order"""
        frame = put_on_index(X, 0)
        for dtype in (object, "string", "category"):
            series = put_on_index(WORDS, 0)["value"].astype(dtype)
            fitted = make_segmenter().fit(frame, series[::-1])
            np.testing.assert_array_equal(fitted.predict_proba(frame), wanted)
            assert fitted.score(frame, series[::-1]) == fitted.score(X, WORDS)

    def test_a_new_word(self):
        """Row: a word in `score` that `fit` had not"""
        fitted = make_segmenter().fit(X, WORDS)
        other = make_segmenter().fit(X, Y)
        assert fitted.score(X, spoil_words("turn")) == other.score(X, spoil_label(2))

    def test_a_list_in_another_order(self):
        """Row: a list of Series on the indices of the recordings of `X`, in another order"""
        for times in (TIMES, pd.RangeIndex(40), pd.RangeIndex(7, 47)):
            labels = [one[::-1] for one in list_on_times(Y, times)]
            for signals in (list_on_times(X, times), [pd.DataFrame({"a": x}, times) for x in X]):
                np.testing.assert_array_equal(as_labels(labels, as_recordings(signals)), Y)
                runs = as_label_runs(labels, as_recordings(signals))
                np.testing.assert_array_equal(runs.value, as_label_runs(Y, as_recordings(X)).value)

    def test_a_list_without_times(self):
        """Row: a list of Series on a default index (0, 1, 2, ...)"""
        counted = pd.RangeIndex(40)
        for own, other in ((TIMES, counted), (counted, TIMES), (counted + 7, counted)):
            np.testing.assert_array_equal(as_labels(list_on_times(Y, own), as_recordings(list_on_times(X, other))), Y)
        np.testing.assert_array_equal(as_labels(list_on_times(Y, TIMES), as_recordings(list(X))), Y)
        mixed = [X[0], *list_on_times(X[1:], TIMES)]
        np.testing.assert_array_equal(as_labels([Y[0], *list_on_times(Y[1:], TIMES)], as_recordings(mixed)), Y)

    def test_names_of_instances(self):
        """Row: a Series on the names of the recordings of `X`, in another order"""
        frame = put_on_index(X, 0)
        names = frame.index.droplevel(1).unique()
        labels = pd.Series([0, 1, -1, 1], names)
        read = [row[0] for row in as_labels(labels.iloc[[2, 0, 3, 1]], as_recordings(frame))]
        assert read == [0, 1, -1, 1]
        unnamed = pd.Series([0, 1, -1, 1])
        assert [row[0] for row in as_labels(unnamed, as_recordings(frame))] == [0, 1, -1, 1]

    def test_tables_in_another_order(self):
        """Row: a table whose rows or columns are in another order than those of `X`"""
        labels = pd.DataFrame(Y).iloc[[2, 0, 3, 1], ::-1]
        np.testing.assert_array_equal(as_labels(labels, as_recordings(pd.DataFrame(X))), Y)

    def test_an_order_without_a_counterpart(self):
        """Row: labels on an index in another order, for an `X` without an index"""
        message = ROWS["labels on an index in another order, for an `X` without an index"][1][0]
        with pytest.warns(UserWarning, match=f"y {message}"):
            make_segmenter().fit(X, pd.DataFrame(Y)[::-1])

    def test_nothing_around_the_segments(self):
        """Row: segments without labeled samples around them"""
        y = np.full_like(Y, -1)
        y[:, 5:9], y[:, 20:25] = 1, 2
        with pytest.warns(UserWarning, match="the samples around each labeled segment are unlabeled") as caught:
            fitted = make_segmenter().fit(X, y)
        assert caught[0].filename == __file__
        assert set(np.unique(fitted.predict(X))) <= {1, 2}

    def test_one_class(self):
        """Row: one class only"""
        with pytest.warns(UserWarning, match="one class only"):
            fitted = make_segmenter().fit(X, np.where(Y == 1, 1, -1))
        assert (fitted.predict(X) == 1).all()


def test_every_row_is_a_test():
    others = {name for name in ROWS if "soft labels" in name}  # see test_weighing.py
    assert {*FINITE, *REFUSED} | list_documented_rows(*vars(TestLabels).values()) == set(ROWS) - others
