"""Metrics of samples equal their definitions."""

import numpy as np
import pytest
from definitions import draw_pairs, quiet
from hypothesis import given
from hypothesis import strategies as st

from sslts.metrics import class_iou, confusion, frame_f1, mean_iou, mean_iou_each


class TestConfusion:
    def test_by_hand(self):
        matrix, classes = confusion([[0, 0, 2, -1], [2, 2, 5, 5]], [[0, 2, 2, 9], [2, 0, 5, 5]])
        assert classes.tolist() == [0, 2, 5]
        assert matrix.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 2]]
        assert matrix.dtype == np.int64

    def test_nothing_labeled(self):
        matrix, classes = confusion([[-1, -1]], [[0, 1]])
        assert (matrix.shape, classes.shape) == ((0, 0), (0,))

    @given(draw_pairs())
    def test_equals_the_definition(self, pair):
        matrix, classes = confusion(*pair)
        true, pred = (np.concatenate(side) for side in pair)
        seen = true >= 0
        assert classes.tolist() == sorted(set(true[seen]) | set(pred[seen]))
        for i, a in enumerate(classes):
            for j, b in enumerate(classes):
                assert matrix[i, j] == ((true == a) & (pred == b)).sum()


class TestIoU:
    def test_by_hand(self):
        y_true, y_pred = [[0, 0, 1, 1, 2]], [[0, 1, 1, 1, 3]]
        assert class_iou(y_true, y_pred).to_dict() == {0: 1 / 2, 1: 2 / 3, 2: 0.0, 3: 0.0}
        assert mean_iou(y_true, y_pred) == pytest.approx((1 / 2 + 2 / 3) / 4)

    def test_counts_are_pooled_over_recordings(self):
        # Class 1: 3 of 3 in the long recording, 0 of 1 in the short one: 3 of 4, not the mean of 1 and 0.
        assert class_iou([[1, 1, 1], [1]], [[1, 1, 1], [0]])[1] == 3 / 4

    @quiet
    @given(draw_pairs())
    def test_equals_the_definition(self, pair):
        true, pred = (np.concatenate(side) for side in pair)
        true, pred = true[true >= 0], pred[true >= 0]
        wanted = {
            k: ((true == k) & (pred == k)).sum() / ((true == k) | (pred == k)).sum()
            for k in {*true.tolist(), *pred.tolist()}
        }
        assert class_iou(*pair).to_dict() == pytest.approx(wanted)
        assert mean_iou(*pair) == pytest.approx(np.mean(list(wanted.values())) if wanted else np.nan, nan_ok=True)

    @quiet
    @given(draw_pairs())
    def test_each_recording_has_its_own_mean(self, pair):
        alone = [mean_iou([true], [pred]) for true, pred in zip(*pair, strict=True)]
        assert mean_iou_each(*pair).tolist() == pytest.approx(alone, nan_ok=True)


class TestFrameF1:
    def test_by_hand(self):
        y_true, y_pred = [[0, 0, 1, 1, 2, 2]], [[0, 1, 1, 1, 2, 0]]
        assert frame_f1(y_true, y_pred, average=None).to_dict() == {1: pytest.approx(4 / 5), 2: pytest.approx(2 / 3)}
        assert frame_f1(y_true, y_pred) == pytest.approx((4 / 5 + 2 / 3) / 2)
        assert frame_f1(y_true, y_pred, average="micro") == pytest.approx(6 / 8)
        assert frame_f1(y_true, y_pred, background=None, average="micro") == pytest.approx(8 / 12)

    def test_only_background_in_truth_and_prediction_scores_one(self):
        assert frame_f1([[0, 0]], [[0, 0]]) == 1
        assert frame_f1([[0, 0]], [[0, 1]]) == 0

    @given(draw_pairs(lowest=0), st.sampled_from(["macro", "micro"]), st.sampled_from([None, 0, 1]))
    @quiet
    def test_equals_scikit_learn(self, pair, average, background):
        from sklearn.metrics import f1_score

        true, pred = (np.concatenate(side) for side in pair)
        labels = sorted({*true.tolist(), *pred.tolist()} - {background})
        if labels:
            wanted = f1_score(true, pred, labels=labels, average=average)
            assert frame_f1(*pair, average=average, background=background) == pytest.approx(wanted)
