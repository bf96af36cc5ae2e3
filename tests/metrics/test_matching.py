"""Segments are paired one to one: as many as possible, then the best."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.annotations import pair_labels, pool_labels, spread_labels
from sslts.metrics import match_segments
from sslts.metrics._matching import compare, match_events

LABELS = st.lists(st.integers(0, 2), min_size=10, max_size=10)


def compute_iou(a, b):
    shared = max(min(a[1], b[1]) - max(a[0], b[0]), 0)
    return shared / (a[1] - a[0] + b[1] - b[0] - shared) if a[2] == b[2] else 0.0


def search_best(true, pred, iou):
    """Return the number of pairs and their total IoU of the best of all matchings."""
    short, long = (true, pred) if len(true) <= len(pred) else (pred, true)
    best = (0, 0.0)
    for order in permutations(range(len(long)), len(short)):
        values = [compute_iou(a, long[j]) for a, j in zip(short, order, strict=True)]
        values = [v for v in values if v >= iou]
        best = max(best, (len(values), round(sum(values), 9)))
    return best


@given(LABELS, LABELS, st.sampled_from([0.1, 0.3, 0.6]))
def test_the_matching_is_the_best_of_all(y_true, y_pred, iou):
    found = compare([y_true], [y_pred], background=0)
    t, p = match_segments(found.true, found.pred, iou)
    true, pred = (
        list(zip(s.start.tolist(), s.end.tolist(), s.label.tolist(), strict=True)) for s in (found.true, found.pred)
    )
    total = round(sum(compute_iou(true[i], pred[j]) for i, j in zip(t, p, strict=True)), 9)
    count, best = search_best(true, pred, iou)
    assert len(t) == count
    assert total == pytest.approx(best)
    assert len(set(t.tolist())) == len(t)
    assert len(set(p.tolist())) == len(p)


@pytest.mark.parametrize("together", [1, 7, 1000])
def test_recordings_are_matched_as_each_by_itself(monkeypatch, together):
    monkeypatch.setattr("sslts.metrics._matching.PAIRS_TOGETHER", together)
    true, pred = np.random.default_rng(0).integers(0, 3, (2, 20, 40))
    found = compare(true, pred, background=0)
    t, p = match_events(found.true, found.pred, 2, 2)
    assert len(set(t.tolist())) == len(set(p.tolist())) == len(t)
    for i in range(20):
        alone = compare(true[i], pred[i], background=0)
        t_i, p_i = match_events(alone.true, alone.pred, 2, 2)
        mine = found.true.recording[t] == i
        assert mine.sum() == len(t_i)
        assert add_distances(found, t[mine], p[mine]) == add_distances(alone, t_i, p_i)


def add_distances(found, t, p):
    return sum(int(np.abs(getattr(found.true, end)[t] - getattr(found.pred, end)[p]).sum()) for end in ("start", "end"))


def test_recordings_lie_end_to_end_and_their_segments_do_not_touch():
    found = compare([[1, 1], [1]], [[1, 1], [1]], background=0)
    assert found.true.start.tolist() == [0, 2]
    assert found.true.recording.tolist() == [0, 1]


def test_what_touches_the_unlabeled_is_cut():
    found = compare([[0, 1, 1, -1, 1, 0, 1]], [[0, 1, 1, 1, 1, 0, 1]], background=0)
    assert found.true.cut.tolist() == [True, True, False]
    assert found.pred.end.tolist() == [3, 5, 7]  # cut to the labeled stretches


def test_a_prediction_is_hidden_where_the_truth_is():
    true, pred, offsets = pool_labels([[0, -1, 2]], [[1, 1, 1]])
    assert (true.tolist(), pred.tolist(), offsets.tolist()) == ([0, -1, 2], [1, -1, 1], [0, 3])


@pytest.mark.parametrize("iou", [0, 1.5])
def test_an_impossible_iou_is_refused(iou):
    found = compare([[1]], [[1]], background=0)
    with pytest.raises(ValueError, match="iou="):
        match_segments(found.true, found.pred, iou)


def test_pairs_are_indices():
    found = compare([[1, 1, 0, 2]], [[1, 1, 0, 2]], background=0)
    t, p = match_segments(found.true, found.pred, 0.5)
    np.testing.assert_array_equal(np.sort(t), [0, 1])
    np.testing.assert_array_equal(t, p)


@given(st.lists(st.lists(st.integers(-1, 3), min_size=1, max_size=9), min_size=1, max_size=5), st.data())
def test_one_label_for_a_recording_is_that_of_each_sample(dense, data):
    lengths = [len(labels) for labels in dense]
    whole = data.draw(st.lists(st.booleans(), min_size=len(dense), max_size=len(dense)))
    mixed = [labels[0] if one else labels for labels, one in zip(dense, whole, strict=True)]
    wanted = [[labels[0]] * len(labels) if one else labels for labels, one in zip(dense, whole, strict=True)]
    if all(whole) and len(dense) == 1:
        mixed = [[mixed[0]]]  # a bare number in a list would be a recording of one sample
    assert [found.tolist() for found in spread_labels(mixed, lengths)] == wanted


@pytest.mark.parametrize("labels", [[3, -1], np.array([3, -1]), np.array([[3], [-1]]), [[3], -1]])
def test_every_form_of_one_label_each(labels):
    assert [found.tolist() for found in spread_labels(labels, [2, 3])] == [[3, 3], [-1, -1, -1]]


def test_an_axis_for_one_channel_is_dropped():
    assert [found.tolist() for found in spread_labels(np.array([[[0, 1]], [[1, 1]]]), [2, 2])] == [[0, 1], [1, 1]]


def test_other_recordings_are_refused():
    with pytest.raises(ValueError, match="y has 1 recordings, X has 2"):
        spread_labels([[0, 1]], [2, 2])
    with pytest.raises(ValueError, match=r"y\[1\] has 3 samples, X\[1\] has 2"):
        spread_labels([[0, 1], [0, 1, 1]], [2, 2])


def test_tables_are_compared_by_their_index():
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
