"""Annotations hold segments that touch, and what was looked at."""

import itertools
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold

from sslts import Annotations, Recordings
from sslts.annotations import as_label_runs, as_labels, pair_annotations
from sslts.recordings import as_recordings
from sslts.segments import labels_to_segments, segments_to_labels

X = [np.zeros(12), np.zeros(8), np.zeros(5)]


def make_table(*rows):
    return pd.DataFrame(rows, columns=["recording", "start", "end", "label"])


@st.composite
def tables(draw):
    """Rows of three recordings, which may touch."""
    rows = []
    for i, x in enumerate(X):
        edges = sorted(draw(st.sets(st.integers(0, len(x)), max_size=7)))
        for start, end in itertools.pairwise(edges):
            label = draw(st.sampled_from([None, 1, 1, 2]))
            if label is not None:
                rows.append((i, start, end, label))
    return make_table(*rows)


class TestTable:
    @given(tables(), st.randoms())
    def test_comes_back_in_order(self, table, random):
        order = list(range(len(table)))
        random.shuffle(order)
        found = Annotations.from_table(table.iloc[order], X, looked_at=range(3))
        pd.testing.assert_frame_equal(found.table, table.astype(np.int64), check_dtype=False)
        again = Annotations.from_table(found.table, X, looked_at=found.looked_at)
        assert again.runs.start.tolist() == found.runs.start.tolist()

    @given(tables())
    @pytest.mark.filterwarnings("ignore:.*touch")
    def test_labels_are_those_of_the_segments(self, table):
        found = Annotations.from_table(table, X, looked_at=range(3))
        expected = segments_to_labels(table.astype(np.int64), [12, 8, 5])
        for labels, other in zip(found.to_labels(), expected, strict=True):
            np.testing.assert_array_equal(labels, other)
        same = (table["recording"].shift() == table["recording"]) & (table["label"].shift() == table["label"])
        assert found.n_touching == int((same & (table["end"].shift() == table["start"])).sum())

    @given(tables())
    def test_a_table_of_segments_can_be_made_of_them(self, table):
        found = labels_to_segments(Annotations.from_table(table, X))
        pd.testing.assert_frame_equal(found[["recording", "start", "end", "label"]], table, check_dtype=False)

    def test_recordings_may_have_names(self):
        named = pd.Series([np.zeros(12), np.zeros(8)], index=["a.csv", "b.csv"])
        found = Annotations.from_table(make_table(("b.csv", 1, 4, 1), ("b.csv", 4, 6, 1)), named)
        assert found.table["recording"].tolist() == ["b.csv", "b.csv"]
        assert found.looked_at.values.tolist() == [["b.csv", 0, 8]]
        assert Annotations.from_table(found.table, named, looked_at=["a.csv", 1])[[0]].looked_at["end"].tolist() == [12]

    @pytest.mark.parametrize(
        ("rows", "match"),
        [
            ([(0, 5, 5, 1)], r"table row 0 \(recording 0, \[5, 5\), label 1\) ends at or before its start"),
            ([(0, 1, 4, 1), (0, 3, 6, 1)], "table row 1 .* overlaps row 0"),
            ([(1, 1, 9, 1)], "table row 0 .* lies outside its recording of 8 samples"),
            ([(3, 1, 9, 1)], "table row 0 .* names an unknown recording; recordings has 3"),
            ([(0, 1, 4, -1)], "table row 0 has label -1"),
            ([(0, 1, "end", 1)], "table row 0: end is end; give a whole number"),
            ([(0, 1.5, 4, 1)], "table row 0: start is 1.5"),
        ],
    )
    def test_what_is_wrong_is_named_by_row(self, rows, match):
        with pytest.raises(ValueError, match=match):
            Annotations.from_table(make_table(*rows), X)

    def test_the_table_is_a_table_with_its_columns(self):
        with pytest.raises(TypeError, match="table is a list; give a pandas.DataFrame"):
            Annotations.from_table([(0, 1, 2, 1)], X)
        with pytest.raises(ValueError, match="table has no column 'end'"):
            Annotations.from_table(make_table((0, 1, 2, 1)).drop(columns="end"), X)
        with pytest.raises(ValueError, match=r"table row 0: there is no recording 'c'; the names are \['a'\]"):
            Annotations.from_table(make_table(("c", 1, 2, 1)), pd.Series([np.zeros(9)], index=["a"]))


class TestLookedAt:
    table = make_table((0, 2, 4, 1), (0, 4, 6, 1))

    def list_known(self, looked_at, **options):
        found = Annotations.from_table(self.table, X, looked_at, **options)
        return ["".join("_" if k < 0 else str(k) for k in labels) for labels in found.list_labels()]

    def test_by_default_the_recordings_of_the_table(self):
        assert self.list_known(None) == ["001111000000", "________", "_____"]

    def test_whole_recordings(self):
        assert self.list_known([0, 2]) == ["001111000000", "________", "00000"]

    def test_rows_are_labeled_wherever_they_are(self):
        assert self.list_known([]) == ["__1111______", "________", "_____"]

    def test_stretches_may_overlap(self):
        stretches = pd.DataFrame({"recording": [0, 0, 1], "start": [0, 1, 3], "end": [3, 8, 5]})
        assert self.list_known(stretches) == ["00111100____", "___00___", "_____"]

    def test_without_a_background_only_rows_are_labeled(self):
        assert self.list_known([0, 1, 2], background=None) == ["__1111______", "________", "_____"]

    @pytest.mark.parametrize(
        ("looked_at", "match"),
        [
            ([3], "looked_at names the recording 3; recordings are 0 to 2"),
            (["a"], "looked_at names the recording 'a'"),
            ("a", "looked_at='a'; give a list of recordings, or a table of stretches"),
            (pd.DataFrame({"recording": [0], "start": [5], "end": [3]}), "looked_at row 0 .* ends at or before"),
            (pd.DataFrame({"recording": [0], "start": [5]}), "looked_at has no column 'end'"),
            (np.array([[0, 5, 9]]), r"looked_at has shape \(1, 3\); give stretches in a table"),
        ],
    )
    def test_what_is_wrong_is_named(self, looked_at, match):
        with pytest.raises(ValueError, match=match):
            Annotations.from_table(self.table, X, looked_at)


class TestContainer:
    annotations = Annotations.from_table(make_table((0, 2, 4, 1), (0, 4, 6, 1), (2, 0, 3, 2)), X)

    def test_recordings_are_selected_like_those_of_an_array(self):
        train, test = next(KFold(3).split(self.annotations))
        assert (len(self.annotations[train]), len(self.annotations[test])) == (2, 1)
        assert self.annotations[-1].table.to_numpy().tolist() == [[0, 0, 3, 2]]
        assert self.annotations[np.array([True, False, True])].table["recording"].tolist() == [0, 0, 1]

    def test_labels_warn_of_segments_that_become_one(self):
        with pytest.warns(UserWarning, match="1 segments touch the one before; labels per sample show them as one"):
            self.annotations.to_labels()

    def test_reading_keeps_segments_apart_and_labels_need_no_warning(self):
        recordings = as_recordings(X)
        assert as_label_runs(self.annotations, recordings).touches.sum() == 1
        assert [labels.size for labels in as_labels(self.annotations, recordings)] == [12, 8, 5]

    def test_other_recordings_are_refused(self):
        with pytest.raises(ValueError, match="y: recording 1 has 8 samples in the annotations, its signal has 9"):
            as_label_runs(self.annotations, as_recordings([X[0], np.zeros(9), X[2]]))
        with pytest.raises(ValueError, match="X has 2 recordings, y has 3"):
            as_label_runs(self.annotations, as_recordings(X[:2]))

    def test_labels_become_annotations_and_come_back(self):
        y = [np.array([0, 1, 1, -1, 2]), np.array([0, 0])]
        found = Annotations.from_labels(y)
        assert found.n_touching == 0
        for labels, other in zip(found.to_labels(), y, strict=True):
            np.testing.assert_array_equal(labels, other)
        assert Annotations.from_labels(found) is found


class TestNames:
    rows = make_table((0, 2, 4, "walk"), (1, 0, 3, "turn"))

    def test_an_index_of_numbers_names_no_recordings(self):
        frame = pd.DataFrame(np.zeros((3, 12)), index=[1, 2, 0])
        found = Annotations.from_table(make_table((0, 2, 4, 1)), frame, looked_at=[0, 2])
        assert found.table["recording"].tolist() == [0]
        assert found.looked_at["recording"].tolist() == [0, 2]

    def test_words_keep_their_meaning_in_a_larger_collection(self):
        other = Annotations.from_table(make_table((0, 0, 2, "turn")), X)
        plain = Annotations.from_labels([[0, 1]])
        found = Annotations.concatenate([plain, other, Annotations.from_table(self.rows, X), other])
        assert found.table["label"].tolist() == ["turn", "turn", "walk", "turn", "turn"]

    def test_recordings_in_another_order_are_refused(self):
        recordings = Recordings.from_arrays([np.zeros(5), np.zeros(5)], names=["a", "b"])
        found = Annotations.from_table(make_table(("b", 0, 3, 1)), recordings)
        series = pd.Series([np.zeros(5), np.zeros(5)], index=["b", "a"])
        for reader in (as_label_runs, as_labels):
            for other in (recordings[[1, 0]], as_recordings(series)):
                with pytest.raises(ValueError, match="y: recording 0 is 'a' in the annotations, 'b' in X"):
                    reader(found, other)

    def test_pairs_have_the_same_numbers_of_words(self):
        first = Annotations.from_table(self.rows, X, looked_at=range(3))
        second = Annotations.from_table(self.rows, X, looked_at=range(3), class_names={5: "walk", 9: "turn"})
        truth, other = pair_annotations(first, second)
        assert truth.runs.value.tolist() == other.runs.value.tolist()


def test_many_recordings_are_read_in_time():
    n = 30_000
    number = np.arange(n)
    table = pd.DataFrame({"recording": number, "start": 1, "end": 3, "label": 1})
    recordings = as_recordings([np.zeros(5)] * n)
    begin = time.perf_counter()
    found = Annotations.from_table(table, recordings, number)
    assert time.perf_counter() - begin < 10  # far less, unless time grows with the square of n
    assert found.list_labels()[n - 1].tolist() == [0, 1, 1, 0, 0]


def test_a_table_that_becomes_labels_warns_of_rows_that_merge():
    with pytest.warns(UserWarning, match="2 rows touch the row before, which has the same label; .* pass sslts.Annot"):
        segments_to_labels(make_table((0, 0, 3, 1), (0, 3, 5, 1), (0, 5, 6, 2), (0, 6, 8, 2)), [8])
