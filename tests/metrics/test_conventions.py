"""The conventions at the head of `sslts.metrics` hold for every metric."""

import numpy as np
import pandas as pd
import pytest
from definitions import assert_same, draw_pairs, quiet
from hypothesis import given, settings
from hypothesis import strategies as st

from sslts.metrics import boundary_error, class_iou, count_error, duration_error, frame_f1, mean_iou, segment_f1

METRICS = [mean_iou, class_iou, frame_f1, segment_f1, count_error, duration_error, boundary_error]


@pytest.mark.parametrize("metric", METRICS)
class TestEveryMetric:
    @quiet
    @settings(max_examples=40)  # for each of seven metrics
    @given(data=st.data())
    def test_order_of_recordings_does_not_matter(self, metric, data):
        true, pred = data.draw(draw_pairs())
        order = data.draw(st.permutations(range(len(true))))
        assert_same(metric(true, pred), metric([true[i] for i in order], [pred[i] for i in order]))

    @quiet
    @settings(max_examples=40)  # for each of seven metrics
    @given(data=st.data())
    def test_predictions_of_unlabeled_samples_do_not_matter(self, metric, data):
        true, pred = data.draw(draw_pairs())
        other = [np.where(one < 0, data.draw(st.integers(0, 9)), two) for one, two in zip(true, pred, strict=True)]
        assert_same(metric(true, pred), metric(true, other))

    @quiet
    @settings(max_examples=40)  # for each of seven metrics
    @given(data=st.data())
    def test_a_recording_without_labels_does_not_matter(self, metric, data):
        true, pred = data.draw(draw_pairs())
        assert_same(metric(true, pred), metric([*true, np.array([-1, -1])], [*pred, np.array([1, 2])]))

    def test_array_list_series_and_one_recording_agree(self, metric):
        true, pred = np.array([[0, 1, 1, 0], [2, 2, 0, -1]]), np.array([[0, 1, 1, 1], [2, 2, 0, 0]])
        wanted = metric(true, pred)
        assert_same(wanted, metric(list(true), list(pred)))
        assert_same(wanted, metric(true.astype(float), pred.tolist()))
        index = pd.MultiIndex.from_product([["b", "a"], range(4)], names=["instance", "time"])
        assert_same(wanted, metric(pd.Series(true.ravel(), index=index), pred))
        assert_same(wanted, metric(pd.Series(true.ravel(), index=index), pd.Series(pred.ravel(), index=index)))
        assert_same(metric(true[:1], pred[:1]), metric(true[0], pred[0]))

    def test_one_label_per_recording_is_broadcast(self, metric):
        pred = np.array([[1, 1, 0], [2, 2, 2], [1, 0, 0]])
        wanted = metric([[1, 1, 1], [2, 2, 2], [-1, -1, -1]], pred)
        assert_same(wanted, metric([1, 2, -1], pred))
        assert_same(wanted, metric(np.array([[1], [2], [-1]]), pred))
        assert_same(wanted, metric(pd.Series([1, 2, -1]), list(pred)))
        assert_same(metric([[1, 1, 1]], pred[:1]), metric([1], pred[:1]))

    def test_all_unlabeled_is_nan_or_empty_and_a_warning(self, metric):
        with pytest.warns(UserWarning, match="y_true is all -1"):
            result = metric([[-1, -1]], [[0, 1]])
        assert len(result) == 0 if isinstance(result, pd.DataFrame | pd.Series) else np.isnan(result).all()
        with pytest.warns(UserWarning, match="y_true is all -1"):
            metric([], [])

    @pytest.mark.parametrize(
        ("y_true", "y_pred", "message"),
        [
            ([[0, 1]], [[0, 1], [0, 1]], "y_true has 1 recordings, y_pred has 2"),
            (np.zeros((1, 3), dtype=int), np.zeros((3, 3), dtype=int), "y_true has 1 recordings, y_pred has 3"),
            ([[0, 1], [0, 1, 1]], [[0, 1], [0, 1]], r"y_true\[1\] has 3 samples, y_pred\[1\] has 2"),
            ([[0, 0.5]], [[0, 1]], r"y_true\[0\] holds 0.5 at sample 1"),
            ([[0, -2]], [[0, 1]], r"y_true\[0\] holds -2 at sample 1"),
            ([[0, 1]], [[0, -1]], r"y_pred\[0\] holds -1 at sample 1; give a class"),
        ],
    )
    def test_errors_name_argument_and_recording(self, metric, y_true, y_pred, message):
        with pytest.raises(ValueError, match=message):
            metric(y_true, y_pred)
