from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.segments import (
    clip_segments,
    filter_segments,
    labels_to_segments,
    merge_segments,
    segments_to_labels,
    shift_segments,
)

recordings = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=15).map(np.array), min_size=1, max_size=3)


def tabulate(labels, **options):
    proba = [np.full((len(one), 3), 1 / 3) for one in labels]
    return labels_to_segments(labels, proba=proba, **options)


class TestMerge:
    @given(recordings)
    def test_segments_that_never_touch_stay(self, labels):
        table = tabulate(labels)
        pd.testing.assert_frame_equal(merge_segments(table), table)

    @given(recordings, st.integers(0, 4))
    def test_short_gaps_between_equal_labels_are_filled(self, labels, gap):
        expected = [one.copy() for one in labels]
        for one in expected:
            for i in range(len(one)):
                for j in range(i + 2, min(i + gap + 2, len(one))):
                    if one[i] > 0 and one[i] == one[j] and (one[i + 1 : j] == 0).all():
                        one[i + 1 : j] = one[i]
        found = segments_to_labels(merge_segments(tabulate(labels), gap), [len(one) for one in labels])
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_touching_rows_are_joined_whatever_their_order(self):
        table = pd.DataFrame(
            {"recording": 0, "start": [4, 0], "end": [6, 4], "length": [2, 4], "label": 1, "score": [0.3, 0.9]}
        )
        merged = merge_segments(table)
        assert merged[["start", "end", "length"]].to_numpy().tolist() == [[0, 6, 6]]
        assert merged["score"].tolist() == pytest.approx([0.7])

    def test_times_are_updated(self):
        merged = merge_segments(tabulate([[1, 0, 1, 1]], sampling_rate=10), 1)
        assert merged[["start_time", "end_time", "duration"]].to_numpy().tolist() == [[0.0, 0.4, 0.4]]

    def test_times_are_updated_without_a_column_of_lengths(self):
        table = tabulate([[1, 0, 1, 1]], sampling_rate=10)
        found, wanted = (merge_segments(one, 1) for one in (table.drop(columns="length"), table))
        pd.testing.assert_frame_equal(found[wanted.columns], wanted)

    def test_recordings_may_have_any_numbers(self):
        table = pd.DataFrame({"recording": [10**11, 7], "start": [0, 3], "end": [2, 5], "label": [1, 1]})
        assert merge_segments(table)["recording"].tolist() == [7, 10**11]

    def test_bad_rows_are_named(self):
        table = pd.DataFrame({"recording": 0, "start": [0, 3], "end": [5, 6], "label": 1}, index=[7, 8])
        with pytest.raises(ValueError, match=r"segments row 8 .* overlaps row 7"):
            merge_segments(table)
        with pytest.raises(ValueError, match=r"segments row 7 .* ends at or before its start"):
            merge_segments(table.assign(end=[0, 6]))
        with pytest.raises(ValueError, match="max_gap=-1"):
            merge_segments(table, -1)


class TestFilter:
    table = tabulate([[0, 1, 1, 1, 0, 2, 0], [1, 0, 2, 2, 0, 0, 0]])

    @pytest.mark.parametrize(
        ("conditions", "rows"),
        [
            ({}, [0, 1, 2, 3]),
            ({"min_length": 2}, [0, 3]),
            ({"max_length": 2}, [1, 2, 3]),
            ({"labels": [2]}, [1, 3]),
            ({"recordings": [1]}, [2, 3]),
            ({"min_score": 0.4}, []),
            ({"min_length": 2, "labels": [2]}, [3]),
        ],
    )
    def test_segments_that_meet_all_conditions_are_kept(self, conditions, rows):
        pd.testing.assert_frame_equal(
            filter_segments(self.table, **conditions), self.table.iloc[rows].reset_index(drop=True)
        )

    def test_labels_may_be_a_set(self):
        table = labels_to_segments([0, 1, 2, 2])
        for chosen in ({2}, 2, [2], np.array([2])):
            assert filter_segments(table, labels=chosen, recordings={0})["label"].tolist() == [2]
        assert filter_segments(table, recordings={1}).empty

    def test_a_segment_without_a_score_is_dropped_by_min_score(self):
        assert filter_segments(labels_to_segments([0, 1]), min_score=0.0).empty

    def test_min_score_needs_a_column_of_scores(self):
        with pytest.raises(ValueError, match="segments has no column 'score' for min_score=0.5"):
            filter_segments(self.table.drop(columns="score"), min_score=0.5)


class TestClipAndShift:
    @given(recordings, st.integers(0, 10), st.integers(0, 10))
    def test_a_clipped_and_shifted_table_equals_the_table_of_the_part(self, labels, start, size):
        labels = [np.resize(one, 20) for one in labels]
        found = shift_segments(clip_segments(tabulate(labels, sampling_rate=5), start, start + size), -start)
        wanted = tabulate([one[start : start + size] for one in labels], sampling_rate=5)
        pd.testing.assert_frame_equal(found, wanted)

    def test_offsets_by_recording(self):
        table = tabulate([[1, 0], [0, 1]])
        for offset in ([3, 5], {0: 3, 1: 5}):
            assert shift_segments(table, offset)["start"].tolist() == [3, 6]
        with pytest.raises(ValueError, match="offset has no entry for recording 1"):
            shift_segments(table, [3])

    @pytest.mark.parametrize("offset", [3, 3.0, np.int64(3), np.float32(3)])
    def test_one_offset_for_all(self, offset):
        found = shift_segments(tabulate([[1, 0], [0, 1]]), offset)
        assert found["start"].tolist() == [3, 4]
        assert found["start"].dtype == np.int64

    @pytest.mark.parametrize("offset", [1.5, [0, 1.5], {0: 0, 1: 1.5}, pd.Series([0, 1.5], index=[4, 5])])
    def test_an_offset_must_be_a_whole_number(self, offset):
        with pytest.raises(ValueError, match=r"offset=(np.float64\()?1.5\)? for recording \d; give a whole number"):
            shift_segments(tabulate([[1, 0], [0, 1]]), offset)

    def test_a_segment_must_not_start_before_the_recording(self):
        with pytest.raises(ValueError, match="segments row 0 would start at sample -1, before sample 0"):
            shift_segments(tabulate([[0, 1]]), -2)

    def test_the_end_must_not_be_before_the_start(self):
        with pytest.raises(ValueError, match="end=1 is before start=3"):
            clip_segments(tabulate([[0, 1]]), 3, 1)


@pytest.mark.parametrize(
    "change", [merge_segments, filter_segments, lambda t: clip_segments(t, 0, 5), lambda t: shift_segments(t, 3)]
)
def test_an_empty_table_stays_empty_with_the_same_columns(change):
    empty = tabulate([[0, 0, 0]], sampling_rate=4)
    pd.testing.assert_frame_equal(change(empty), empty)


def test_the_given_table_does_not_change():
    table = tabulate([[0, 1, 0, 1, 1]], sampling_rate=4)
    before = table.copy()
    merge_segments(table, 2), filter_segments(table, min_length=2), clip_segments(table, 1, 4), shift_segments(table, 1)
    pd.testing.assert_frame_equal(table, before)


class TestSeconds:
    """Lengths and positions are samples, or seconds with a sampling rate; a part of a sample is warned of."""

    table = labels_to_segments([[0] * 10 + [1] * 30 + [0] * 20 + [1] * 29 + [0] * 11], sampling_rate=100)

    def test_a_rate_makes_seconds_of_samples(self):
        for rate in (100, Fraction(100)):
            assert filter_segments(self.table, min_length=0.3, sampling_rate=rate)["start"].tolist() == [10]
            assert filter_segments(self.table, max_length=0.29, sampling_rate=rate)["start"].tolist() == [60]
            assert len(merge_segments(self.table, 0.2, sampling_rate=rate)) == 1
            assert len(merge_segments(self.table, 0.19, sampling_rate=rate)) == 2
            assert clip_segments(self.table, 0.2, 0.7, sampling_rate=rate)["end"].tolist() == [40, 70]

    @pytest.mark.parametrize(
        ("call", "name"),
        [
            (lambda table: filter_segments(table, min_length=0.5), "min_length=0.5"),
            (lambda table: filter_segments(table, max_length=2.5), "max_length=2.5"),
            (lambda table: merge_segments(table, max_gap=0.3), "max_gap=0.3"),
            (lambda table: clip_segments(table, 0.5, 3.0), "start=0.5"),
            (lambda table: clip_segments(table, 0, 3.5), "end=3.5"),
        ],
    )
    def test_a_part_of_a_sample_is_warned_of(self, call, name):
        with pytest.warns(UserWarning, match=f"{name} is not a whole number of samples.*pass sampling_rate") as caught:
            call(self.table)
        assert [one.filename for one in caught] == [__file__]
