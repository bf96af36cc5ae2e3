"""Conversion of labels to tables of segments and back, and counts of segments."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

from sslts.segments import count_segments, labels_to_segments, segments_to_labels

COLUMNS = ["recording", "start", "end", "length", "label", "score"]

ragged = st.lists(st.lists(st.integers(0, 3), max_size=12), max_size=5).map(
    lambda rows: [np.array(row, dtype=np.int64) for row in rows]
)
ragged_unlabeled = st.lists(st.lists(st.integers(-1, 3), max_size=12), max_size=5).map(
    lambda rows: [np.array(row, dtype=np.int64) for row in rows]
)


def rows(table):
    return list(table[["recording", "start", "end", "label"]].itertuples(index=False, name=None))


def segments_by_hand(recordings, background):
    """Return the segments by the definition, one sample at a time."""
    found = []
    for i, labels in enumerate(recordings):
        start = 0
        for t in range(1, len(labels) + 1):
            if t == len(labels) or labels[t] != labels[start]:
                if labels[start] >= 0 and labels[start] != background:
                    found.append((i, start, t, labels[start]))
                start = t
    return found


class TestLabelsToSegments:
    def test_segments_may_touch_each_other_and_the_ends(self):
        table = labels_to_segments([[1, 1, 2, 0, 0, 3]])
        assert rows(table) == [(0, 0, 2, 1), (0, 2, 3, 2), (0, 5, 6, 3)]
        assert table["length"].tolist() == [2, 1, 1]

    def test_columns_and_dtypes_also_of_an_empty_table(self):
        for labels in ([[0, 1]], [[0, 0]], [[-1, -1]], [], [[]], np.zeros((0, 4), dtype=int)):
            table = labels_to_segments(labels)
            assert list(table.columns) == COLUMNS
            assert [str(kind) for kind in table.dtypes] == ["int64"] * 5 + ["float64"]
        assert len(labels_to_segments([[0, 0], [-1, -1]])) == 0

    def test_unlabeled_samples_split_segments_and_form_none(self):
        assert rows(labels_to_segments([1, -1, 1])) == [(0, 0, 1, 1), (0, 2, 3, 1)]
        assert rows(labels_to_segments([-1, 0], background=None)) == [(0, 1, 2, 0)]

    def test_any_class_can_be_background(self):
        assert rows(labels_to_segments([0, 5, 5], background=5)) == [(0, 0, 1, 0)]

    def test_segments_end_with_their_recording(self):
        assert rows(labels_to_segments([[0, 1], [], [1, 1]])) == [(0, 1, 2, 1), (2, 0, 2, 1)]

    def test_seconds(self):
        table = labels_to_segments([[0, 1, 1, 0]], sampling_rate=4)
        assert list(table.columns) == [*COLUMNS, "start_time", "end_time", "duration"]
        assert table.loc[0, ["start_time", "end_time", "duration"]].tolist() == [0.25, 0.75, 0.5]
        assert table["duration"].dtype == np.float64
        assert list(labels_to_segments([[0]], sampling_rate=4).columns) == list(table.columns)

    def test_score_is_the_mean_probability_of_the_label(self):
        proba = np.zeros((2, 4, 2), dtype=np.float32)
        proba[..., 1] = [[0.0, 0.5, 0.75, 0.25], [1.0, 0.5, 0.0, 0.0]]
        proba[..., 0] = 1 - proba[..., 1]
        labels = np.array([[0, 1, 1, 0], [1, 1, 0, -1]])
        assert labels_to_segments(labels, proba=proba)["score"].tolist() == [0.625, 0.75]
        assert labels_to_segments(labels, proba=list(proba), background=1)["score"].tolist() == [1.0, 0.75, 1.0]
        assert labels_to_segments(labels[0], proba=proba[0])["score"].tolist() == [0.625]
        assert labels_to_segments(labels)["score"].isna().all()

    def test_classes_name_the_columns_in_any_order(self):
        proba = [np.array([[0.25, 0.75], [0.5, 0.5]])]
        assert labels_to_segments([[7, 7]], proba=proba, classes=[7, 3])["score"].tolist() == [0.375]
        assert labels_to_segments([[3, 7]], proba=proba, classes=[7, 3])["score"].tolist() == [0.75, 0.5]

    @pytest.mark.parametrize(
        ("proba", "classes", "message"),
        [
            (np.zeros((2, 3, 2)), None, "proba has 2 recordings, but labels has 1"),
            (np.zeros((1, 4, 2)), None, r"proba\[0\] has shape \(4, 2\); give shape \(3, 2\), to match labels\[0\]"),
            (np.zeros((1, 3, 1)), None, "label 1 has no column"),
            (np.zeros((1, 3, 2)), [0, 5], "label 1 has no column"),
            (np.zeros((1, 3, 2)), [1, 1], "give 2 distinct classes"),
            (np.zeros((1, 3, 2)), [0, 1, 2], "give 2 distinct classes"),
            ([np.zeros((3, 2, 2))], None, r"proba\[0\] has shape \(3, 2, 2\)"),
        ],
    )
    def test_errors_about_proba(self, proba, classes, message):
        with pytest.raises(ValueError, match=message):
            labels_to_segments([[0, 1, 1]], proba=proba, classes=classes)

    @pytest.mark.parametrize("rate", [0, -1, np.inf, np.nan])
    def test_sampling_rate_is_positive(self, rate):
        with pytest.raises(ValueError, match="sampling_rate"):
            labels_to_segments([[0, 1]], sampling_rate=rate)

    @given(ragged_unlabeled, st.sampled_from([None, 0, 2]))
    def test_equals_the_definition(self, recordings, background):
        assert rows(labels_to_segments(recordings, background=background)) == segments_by_hand(recordings, background)

    @given(ragged_unlabeled, st.integers(0, 1000))
    def test_score_equals_the_definition(self, recordings, seed):
        rng = np.random.default_rng(seed)
        proba = [rng.random((one.size, 4)) for one in recordings]
        for row in labels_to_segments(recordings, proba=proba).itertuples():
            inside = proba[row.recording][row.start : row.end, row.label]
            assert row.score == pytest.approx(inside.mean())


class TestSegmentsToLabels:
    @given(ragged, st.sampled_from([None, 0, 2]))
    def test_inverts_labels_to_segments(self, recordings, background):
        table = labels_to_segments(recordings, background=background)
        fill = 99 if background is None else background
        back = segments_to_labels(table, [one.size for one in recordings], fill=fill)
        assert len(back) == len(recordings)
        for one, other in zip(recordings, back, strict=True):
            assert other.dtype == np.int64
            assert_array_equal(one, other)

    @given(ragged)
    def test_labels_to_segments_restores_the_table_from_any_order_of_rows(self, recordings):
        table = labels_to_segments(recordings)
        shuffled = table.sample(frac=1, random_state=0)
        back = segments_to_labels(shuffled, [one.size for one in recordings])
        assert_frame_equal(labels_to_segments(back), table)

    def test_fill_can_be_unlabeled(self):
        table = pd.DataFrame({"recording": [0], "start": [1.0], "end": [2.0], "label": [4]})
        assert segments_to_labels(table, [3], fill=-1)[0].tolist() == [-1, 4, -1]

    def test_the_arrays_of_recordings_can_be_changed_separately(self):
        first, second = segments_to_labels(labels_to_segments([[0, 1], [1, 0]]), [2, 2])
        first[:] = 9
        assert second.tolist() == [1, 0]

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ((0, 4, 4, 1), r"row b \(recording 0, \[4, 4\), label 1\) ends at or before its start"),
            ((0, 5, 4, 1), "row b .* ends at or before its start"),
            ((0, 8, 11, 1), "row b .* lies outside its recording"),
            ((0, -1, 1, 1), "row b .* lies outside its recording"),
            ((1, 0, 1, 1), "row b .* names an unknown recording; lengths has 1 recordings"),
            ((-1, 0, 1, 1), "row b .* names an unknown recording"),
            ((0, 4, 6, -2), "row b .* has a label below -1"),
            ((0, 2, 6, 1), "row b .* overlaps row a"),
            ((0, 1, 3, 1), "row b .* overlaps row a"),
            ((0, 4.5, 6, 1), "row b: start is 4.5"),
            ((0, 4, np.nan, 1), "row b: end is nan"),
        ],
    )
    def test_errors_name_the_row(self, row, message):
        table = pd.DataFrame([(0, 1, 3, 1), row], columns=["recording", "start", "end", "label"], index=["a", "b"])
        with pytest.raises(ValueError, match=message):
            segments_to_labels(table, [10])

    def test_other_errors(self):
        table = labels_to_segments([[0, 1]])
        with pytest.raises(ValueError, match="no column 'end'"):
            segments_to_labels(table.drop(columns="end"), [2])
        with pytest.raises(ValueError, match="lengths"):
            segments_to_labels(table, [-1])


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 15), st.integers(1, 8), st.integers(1, 3)), min_size=0, max_size=8
    )
)
def test_overlap_labels_the_samples_that_different_labels_share(drawn):
    table = pd.DataFrame(drawn, columns=["recording", "start", "length", "label"], dtype="int64")
    table["end"] = table["start"] + table["length"]
    found = [[set() for _ in range(30)] for _ in range(2)]
    for row in table.itertuples():
        for t in range(row.start, row.end):
            found[row.recording][t].add(row.label)
    wanted = [[0 if not here else next(iter(here)) if len(here) == 1 else -1 for here in one] for one in found]
    assert [labels.tolist() for labels in segments_to_labels(table, [30, 30], overlap=-1)] == wanted


def test_overlap_does_not_allow_other_errors():
    table = pd.DataFrame({"recording": [0], "start": [360_000], "end": [360_060], "label": [1]})
    with pytest.raises(ValueError, match="lies outside its recording of 300 samples"):
        segments_to_labels(table, [300], overlap=-1)


class TestCountSegments:
    def test_counts_by_hand(self):
        table = labels_to_segments([[1, 0, 1, 2], [0, 0, 0, 0], [2, 1, 2, 1]])
        counts = count_segments(table)
        assert counts.index.tolist() == [0, 2]
        assert counts.columns.tolist() == [1, 2]
        assert counts.to_numpy().tolist() == [[2, 1], [2, 2]]
        assert (counts.index.name, counts.columns.name) == ("recording", "label")
        assert (counts.dtypes == np.int64).all()

    def test_given_recordings_and_labels_without_segments_have_zeros(self):
        counts = count_segments(labels_to_segments([[1, 0, 1], [0, 0, 0]]), n_recordings=2, labels=[3, 1])
        assert counts.columns.tolist() == [3, 1]
        assert counts.to_numpy().tolist() == [[0, 2], [0, 0]]
        assert (counts.dtypes == np.int64).all()

    def test_empty_table(self):
        empty = labels_to_segments([[0, 0]])
        assert count_segments(empty).shape == (0, 0)
        filled = count_segments(empty, n_recordings=2, labels=[1])
        assert filled.to_numpy().tolist() == [[0], [0]]
        assert (filled.dtypes == np.int64).all()
        assert (filled.index.name, filled.columns.name) == ("recording", "label")

    def test_a_recording_beyond_n_recordings_is_refused(self):
        with pytest.raises(ValueError, match="n_recordings=1, but segments has recording 1"):
            count_segments(labels_to_segments([[0], [1]]), n_recordings=1)

    @given(ragged_unlabeled)
    def test_equals_the_definition(self, recordings):
        counts = count_segments(labels_to_segments(recordings), n_recordings=len(recordings), labels=[1, 2, 3])
        found = segments_by_hand(recordings, 0)
        for i in range(len(recordings)):
            for label in (1, 2, 3):
                assert counts.loc[i, label] == sum(one[0] == i and one[3] == label for one in found)


def test_segments_and_metrics_import_neither_torch_nor_scikit_learn():
    code = "import sys, sslts.segments, sslts.metrics; print({'torch', 'skorch', 'sklearn'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


@pytest.mark.parametrize("column", ["start", "end"])
def test_clock_times_are_refused_by_name(column):
    table = pd.DataFrame({"recording": [0], "start": [0], "end": [5], "label": [1]})
    table[column] = pd.Timestamp("2026-02-27 12:00")
    with pytest.raises(ValueError, match=f"column '{column}' holds clock times, such as 2026-02-27 12:00:00"):
        segments_to_labels(table, [1000])
