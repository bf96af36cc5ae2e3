"""Errors of counts, durations and boundaries equal their definitions."""

import warnings

import numpy as np
import pytest
from definitions import draw_pairs, list_both, quiet, search_matching
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from sslts.metrics import CountError, DurationError, boundary_error, count_error, duration_error, segment_f1


class TestCountError:
    def test_by_hand(self):
        y_true = [[1, 0, 1, 0, 2], [0, 0, 1, 0, 0], [-1, -1, -1, -1, -1]]
        y_pred = [[1, 0, 1, 0, 1], [0, 0, 0, 0, 0], [1, 0, 1, 0, 1]]
        # Class 1: +1, -1. Class 2: -1, 0. The third recording has no labeled sample.
        assert count_error(y_true, y_pred) == CountError(bias=-0.25, mae=0.75, exact=0.25)

    def test_segments_that_touch_unlabeled_samples_count(self):
        assert count_error([[0, 1, -1, 0]], [[0, 1, 1, 0]]) == CountError(0, 0, 1)
        assert count_error([[1, -1, 1]], [[1, 1, 1]]) == CountError(0, 0, 1)

    def test_no_segment_anywhere_is_no_error(self):
        assert count_error([[0, 0]], [[0, 0]]) == CountError(0, 0, 1)

    @quiet
    @given(draw_pairs(), st.sampled_from([None, 0]))
    def test_equals_the_definition(self, pair, background):
        true, pred = list_both(*pair, background)
        labels = {one[2] for side in (true, pred) for recording in side for one in recording}
        per_class = []
        for k in labels:
            error = [
                sum(one[2] == k for one in b) - sum(one[2] == k for one in a)
                for a, b, labeled in zip(true, pred, pair[0], strict=True)
                if (labeled >= 0).any()
            ]
            per_class.append((np.mean(error), np.mean(np.abs(error)), np.mean(np.array(error) == 0)))
        if per_class:
            assert count_error(*pair, background=background) == pytest.approx(tuple(np.mean(per_class, axis=0)))


class TestDurationAndBoundaries:
    y_true = [[0, 1, 1, 1, 1, 0, 0, 2, 2, 2], [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]]
    y_pred = [[0, 0, 1, 1, 1, 0, 2, 2, 2, 2], [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]]

    def test_duration_by_hand(self):
        # Class 1: 3 - 4 and 6 - 4. Class 2: 4 - 3.
        assert duration_error(self.y_true, self.y_pred) == DurationError(bias=0.75, mae=1.25)
        assert duration_error(self.y_true, self.y_pred, sampling_rate=2) == DurationError(bias=0.375, mae=0.625)
        # At 0.7 the segment of the second recording (IoU 4/6) is no longer matched.
        assert duration_error(self.y_true, self.y_pred, iou=0.7) == DurationError(bias=0.0, mae=1.0)

    def test_boundaries_by_hand(self):
        table = boundary_error(self.y_true, self.y_pred)
        assert table.columns.tolist() == ["onset_bias", "onset_mae", "offset_bias", "offset_mae"]
        assert table.index.tolist() == [1, 2]
        assert table.index.name == "label"
        assert table.loc[1].tolist() == [0.5, 0.5, 1.0, 1.0]
        assert table.loc[2].tolist() == [-1.0, 1.0, 0.0, 0.0]
        assert_frame_equal(boundary_error(self.y_true, self.y_pred, sampling_rate=4), table / 4)

    def test_a_class_without_a_match_is_nan_in_the_table_and_left_out_of_the_mean(self):
        y_true, y_pred = [[1, 1, 0, 2]], [[1, 1, 0, 0]]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert boundary_error(y_true, y_pred).loc[2].isna().all()
            assert duration_error(y_true, y_pred) == DurationError(0.0, 0.0)

    def test_a_segment_next_to_an_unlabeled_sample_is_not_measured(self):
        y_true = [[1, 1, -1, 0, 1, 1, 0], [-1, 1, 1, 0, 0, 0, 0]]
        y_pred = [[1, 1, 1, 0, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]]
        assert segment_f1(y_true, y_pred) == 1
        assert duration_error(y_true, y_pred) == DurationError(bias=1.0, mae=1.0)

    def test_the_ends_of_a_recording_are_measured(self):
        assert duration_error([[1, 1, 1]], [[1, 1, 0]]) == DurationError(bias=-1.0, mae=1.0)

    def test_the_better_of_two_candidates_is_measured(self):
        y_true = [[1, 1, 1, 1, 1, 1, 1, 1]]
        y_pred = [[1, 1, 0, 1, 1, 1, 1, 1]]
        assert duration_error(y_true, y_pred, iou=0.2) == DurationError(bias=-3.0, mae=3.0)

    def test_no_match_is_nan_and_a_warning(self):
        with pytest.warns(UserWarning, match="no segment is matched at iou=0.5"):
            assert np.isnan(duration_error([[1, 1, 0, 0]], [[0, 0, 1, 1]])).all()
        with pytest.warns(UserWarning, match="no segment is matched"):
            assert boundary_error([[1, 1, 0, 0]], [[0, 0, 1, 1]]).isna().all(axis=None)

    def test_sampling_rate_is_positive(self):
        for metric in (duration_error, boundary_error):
            with pytest.raises(ValueError, match="sampling_rate=0"):
                metric([[0, 1]], [[0, 1]], sampling_rate=0)

    @quiet
    @given(draw_pairs(), st.sampled_from([0.51, 0.75, 1.0]))
    def test_equals_the_definition(self, pair, iou):
        errors = {}
        for a, b in zip(*list_both(*pair, 0), strict=True):
            for one, other in search_matching(a, b, iou)[0]:
                if not one[3]:
                    errors.setdefault(one[2], []).append((other[0] - one[0], other[1] - one[1]))
        table = boundary_error(*pair, iou=iou).dropna()
        assert table.index.tolist() == sorted(errors)
        lengths = []
        for k, values in errors.items():
            onset, offset = np.array(values).T
            wanted = [onset.mean(), abs(onset).mean(), offset.mean(), abs(offset).mean()]
            assert table.loc[k].tolist() == pytest.approx(wanted)
            lengths.append(((offset - onset).mean(), abs(offset - onset).mean()))
        wanted = tuple(np.mean(lengths, axis=0)) if lengths else (np.nan, np.nan)
        assert duration_error(*pair, iou=iou) == pytest.approx(wanted, nan_ok=True)
