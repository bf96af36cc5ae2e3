"""True and predicted labels are paired recording by recording."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.annotations import pair_labels, pool_labels, spread_labels


def test_predictions_are_unlabeled_where_the_truth_is():
    true, pred, offsets = pool_labels([[0, -1, 2]], [[1, 1, 1]])
    assert (true.tolist(), pred.tolist(), offsets.tolist()) == ([0, -1, 2], [1, -1, 1], [0, 3])


@given(st.lists(st.lists(st.integers(-1, 3), min_size=1, max_size=9), min_size=1, max_size=5), st.data())
def test_a_single_label_is_given_to_every_sample_of_its_recording(dense, data):
    lengths = [len(labels) for labels in dense]
    whole = data.draw(st.lists(st.booleans(), min_size=len(dense), max_size=len(dense)))
    mixed = [labels[0] if one else labels for labels, one in zip(dense, whole, strict=True)]
    wanted = [[labels[0]] * len(labels) if one else labels for labels, one in zip(dense, whole, strict=True)]
    if all(whole) and len(dense) == 1:
        mixed = [[mixed[0]]]  # a bare number in a list would be a recording of one sample
    assert [found.tolist() for found in spread_labels(mixed, lengths)] == wanted


@pytest.mark.parametrize("labels", [[3, -1], np.array([3, -1]), np.array([[3], [-1]]), [[3], -1]])
def test_every_form_of_single_labels_is_read(labels):
    assert [found.tolist() for found in spread_labels(labels, [2, 3])] == [[3, 3], [-1, -1, -1]]


def test_an_axis_for_one_channel_is_dropped():
    assert [found.tolist() for found in spread_labels(np.array([[[0, 1]], [[1, 1]]]), [2, 2])] == [[0, 1], [1, 1]]


def test_labels_of_other_recordings_are_refused():
    with pytest.raises(ValueError, match="y has 1 recordings, X has 2"):
        spread_labels([[0, 1]], [2, 2])
    with pytest.raises(ValueError, match=r"y\[1\] has 3 samples, X\[1\] has 2"):
        spread_labels([[0, 1], [0, 1, 1]], [2, 2])


def test_tables_are_paired_by_their_index():
    index = pd.MultiIndex.from_product([["a", "b"], range(4)])
    truth = pd.Series([0, 0, 1, 1, 1, 1, 0, 0], index)
    for found in (truth.loc[["b", "a"]], truth.to_frame().loc[["b", "a"]]):
        true, pred = pair_labels(truth, found)
        np.testing.assert_array_equal(true, pred)
    with pytest.raises(ValueError, match="y_true has no labels for instance 'b'"):
        pair_labels(truth.loc[["a"]], truth)


@pytest.mark.parametrize("shuffled", ["truth", "prediction", "both"])
def test_rows_of_a_table_may_be_in_any_order(shuffled):
    index = pd.MultiIndex.from_product([["b", "a"], range(6)])
    truth = pd.Series([0, 1, 1, 0, 1, 1, 0, 0, 2, 2, 0, 0], index)
    predicted = pd.Series([0, 1, 1, 1, 1, 1, 0, 2, 2, 0, 0, 0], index)
    rows = [0, 3, 1, 2, 6, 4, 5, 11, 7, 10, 8, 9]
    pair = truth.iloc[rows[::-1]] if shuffled != "prediction" else truth
    other = predicted.iloc[rows] if shuffled != "truth" else predicted
    for found, wanted in zip(pair_labels(pair, other), pair_labels(truth, predicted), strict=True):
        assert [one.tolist() for one in found] == [one.tolist() for one in wanted]
