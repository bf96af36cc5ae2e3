"""Labels without recordings: forms that are accepted, and errors."""

import numpy as np
import pandas as pd
import pytest

from sslts.annotations import check_labels


class TestCheckLabels:
    @pytest.mark.parametrize(
        "labels",
        [
            np.array([[0, 1], [2, -1]], dtype=np.int8),
            np.array([[0.0, 1.0], [2.0, -1.0]]),
            [[0, 1], [2, -1]],
            ([0, 1], np.array([2.0, -1.0])),
            np.array([[0, 1], [2, -1]], dtype=object),
            pd.DataFrame([[0, 1], [2, -1]]),
        ],
    )
    def test_two_recordings_in_many_forms(self, labels):
        found = check_labels(labels)
        assert [one.tolist() for one in found] == [[0, 1], [2, -1]]
        assert all(one.dtype == np.int64 for one in found)

    @pytest.mark.parametrize(
        "labels", [[0, 1, 1], np.array([0, 1, 1]), np.array([False, True, True]), pd.Series([0, 1, 1])]
    )
    def test_numbers_in_a_row_are_one_recording(self, labels):
        assert [one.tolist() for one in check_labels(labels)] == [[0, 1, 1]]

    def test_object_array_is_ragged(self):
        labels = np.empty(2, dtype=object)
        labels[:] = [np.array([1]), np.array([0, 2])]
        assert [one.tolist() for one in check_labels(labels)] == [[1], [0, 2]]

    def test_multiindex_is_cut_by_instance_in_order_of_appearance(self):
        index = pd.MultiIndex.from_tuples([("b", 0), ("b", 1), ("a", 0), ("a", 1), ("a", 2)])
        labels = pd.Series([1, 2, 3, 0, -1], index=index)
        assert [one.tolist() for one in check_labels(labels)] == [[1, 2], [3, 0, -1]]
        assert [one.tolist() for one in check_labels(labels.to_frame())] == [[1, 2], [3, 0, -1]]
        with pytest.raises(ValueError, match="2 columns"):
            check_labels(pd.DataFrame({"a": labels, "b": labels}))

    def test_no_recordings_and_empty_recordings(self):
        assert check_labels([]) == []
        assert check_labels(np.zeros((0, 5), dtype=int)) == []
        assert [one.tolist() for one in check_labels([[], [1]])] == [[], [1]]

    def test_single_accepts_one_label_for_a_whole_recording(self):
        for one in (0, np.array(0), np.int64(0)):
            assert [found.tolist() for found in check_labels([one, [1, 2]], single=True)] == [[0], [1, 2]]
            assert [found.tolist() for found in check_labels([np.array([1, 2]), one], single=True)] == [[1, 2], [0]]

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            ([[0, 1], [0, 0.5]], r"y\[1\] holds 0.5 at sample 1; labels are integers"),
            ([[0, np.nan]], r"y\[0\] holds nan at sample 1"),
            ([[0, 1], [0, 0, -2]], r"y\[1\] holds -2 at sample 2; labels are integers >= 0, or -1"),
            ([["a", "b"]], r"y\[0\] is not numeric"),
            (np.array([["0", "1"]]), r"y\[0\] is not numeric"),
            ([np.zeros((2, 3))], r"y\[0\] has shape \(2, 3\)"),
            (np.zeros((2, 3, 4)), r"y has shape \(2, 3, 4\)"),
            ([[1, 2], 0], r"y\[1\] has shape \(\); give one label per sample"),
        ],
    )
    def test_errors_name_argument_recording_and_sample(self, labels, message):
        with pytest.raises(ValueError, match=message):
            check_labels(labels, argument="y")

    def test_unlabeled_can_be_refused(self):
        with pytest.raises(ValueError, match=r"labels\[0\] holds -1 at sample 1; give a class"):
            check_labels([[0, -1]], unlabeled=False)
