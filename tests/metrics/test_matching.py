"""Segments are paired one to one: as many as possible, then the best."""

from itertools import permutations

import numpy as np
import pytest
from definitions import compute_iou, draw_pairs, list_both, quiet, search_matching
from hypothesis import given
from hypothesis import strategies as st

from sslts.metrics import match_segments
from sslts.metrics._matching import Tolerance, compare, match_events

LABELS = st.lists(st.integers(0, 2), min_size=10, max_size=10)


def compute_iou_within_class(a, b):
    shared = max(min(a[1], b[1]) - max(a[0], b[0]), 0)
    return shared / (a[1] - a[0] + b[1] - b[0] - shared) if a[2] == b[2] else 0.0


def search_best(true, pred, iou):
    """Return the number of pairs and their total IoU of the best of all matchings."""
    short, long = (true, pred) if len(true) <= len(pred) else (pred, true)
    best = (0, 0.0)
    for order in permutations(range(len(long)), len(short)):
        values = [compute_iou_within_class(a, long[j]) for a, j in zip(short, order, strict=True)]
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
    total = round(sum(compute_iou_within_class(true[i], pred[j]) for i, j in zip(t, p, strict=True)), 9)
    count, best = search_best(true, pred, iou)
    assert len(t) == count
    assert total == pytest.approx(best)
    assert len(set(t.tolist())) == len(t)
    assert len(set(p.tolist())) == len(p)


@pytest.mark.parametrize("n_pairs", [1, 7, 1000])
def test_recordings_are_matched_independently(monkeypatch, n_pairs):
    monkeypatch.setattr("sslts.metrics._matching._PAIRS_PER_PART", n_pairs)
    true, pred = np.random.default_rng(0).integers(0, 3, (2, 20, 40))
    found = compare(true, pred, background=0)
    t, p = match_events(found.true, found.pred, Tolerance(2, 2))
    assert len(set(t.tolist())) == len(set(p.tolist())) == len(t)
    for i in range(20):
        alone = compare(true[i], pred[i], background=0)
        t_i, p_i = match_events(alone.true, alone.pred, Tolerance(2, 2))
        mine = found.true.recording[t] == i
        assert mine.sum() == len(t_i)
        assert add_distances(found, t[mine], p[mine]) == add_distances(alone, t_i, p_i)


def add_distances(found, t, p):
    return sum(int(np.abs(getattr(found.true, end)[t] - getattr(found.pred, end)[p]).sum()) for end in ("start", "end"))


def test_recordings_lie_end_to_end_and_their_segments_do_not_touch():
    found = compare([[1, 1], [1]], [[1, 1], [1]], background=0)
    assert found.true.start.tolist() == [0, 2]
    assert found.true.recording.tolist() == [0, 1]


def test_a_segment_next_to_an_unlabeled_sample_is_cut():
    found = compare([[0, 1, 1, -1, 1, 0, 1]], [[0, 1, 1, 1, 1, 0, 1]], background=0)
    assert found.true.cut.tolist() == [True, True, False]
    assert found.pred.end.tolist() == [3, 5, 7]  # cut to the labeled stretches


@pytest.mark.parametrize("iou", [0, 1.5])
def test_an_impossible_iou_is_refused(iou):
    found = compare([[1]], [[1]], background=0)
    with pytest.raises(ValueError, match="iou="):
        match_segments(found.true, found.pred, iou)


def test_the_matching_returns_indices_of_segments():
    found = compare([[1, 1, 0, 2]], [[1, 1, 0, 2]], background=0)
    t, p = match_segments(found.true, found.pred, 0.5)
    np.testing.assert_array_equal(np.sort(t), [0, 1])
    np.testing.assert_array_equal(t, p)


@quiet
@given(draw_pairs(lowest=0, max_size=14), st.sampled_from([0.1, 0.2, 0.5]))
def test_number_and_total_iou_of_ragged_recordings_are_the_best(pair, iou):
    found = compare(*pair, 0)
    t, p = match_segments(found.true, found.pred, iou)
    assert np.unique(t).size == t.size == np.unique(p).size
    chosen = [
        compute_iou((found.true.start[i], found.true.end[i]), (found.pred.start[j], found.pred.end[j]))
        for i, j in zip(t, p, strict=True)
    ]
    wanted = [search_matching(a, b, iou) for a, b in zip(*list_both(*pair, 0), strict=True)]
    assert len(chosen) == sum(len(match) for match, _ in wanted)
    assert sum(chosen) == pytest.approx(sum(total for _, total in wanted))
