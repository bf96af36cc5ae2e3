"""Metrics of segments and events equal their definitions."""

import warnings
from functools import partial

import mir_eval
import numpy as np
import pandas as pd
import pytest
from definitions import draw_pairs, list_both, quiet, search_matching
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from sslts._runs import find_runs
from sslts.metrics import (
    bootstrap_interval,
    boundary_error,
    covering,
    duration_error,
    edit_score,
    event_f1,
    frame_f1,
    make_event_f1_scorer,
    segment_f1,
)

labelings = st.lists(st.integers(0, 2), min_size=1, max_size=24).map(np.array)
pairs = st.tuples(labelings, st.integers(0, 10_000)).map(
    lambda both: (both[0], np.random.default_rng(both[1]).permutation(both[0]) if both[1] % 2 else np.roll(both[0], 1))
)


def list_runs(labels, *, background=0):
    starts, ends, values = find_runs(labels)
    return [(int(s), int(e), int(v)) for s, e, v in zip(starts, ends, values, strict=True) if v != background]


class TestEventF1:
    @settings(max_examples=150, deadline=None)
    @given(pairs, st.integers(0, 4), st.one_of(st.none(), st.integers(0, 4)))
    def test_it_equals_mir_eval(self, pair, onset, offset):
        true, pred = (list_runs(labels) for labels in pair)
        if not true or not pred:
            return
        notes = [
            (np.array([[s, e] for s, e, _ in side], dtype=float), np.array([100.0 * 2.0**v for _, _, v in side]))
            for side in (true, pred)
        ]
        # A pitch represents a class. mir_eval needs a ratio above 0 and takes the larger of the two tolerances.
        options = {"offset_ratio": None} if offset is None else {"offset_ratio": 1e-9, "offset_min_tolerance": offset}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, _, wanted, _ = mir_eval.transcription.precision_recall_f1_overlap(
                *notes[0], *notes[1], onset_tolerance=onset, pitch_tolerance=1.0, **options
            )
        found = event_f1(*pair, onset_tolerance=onset, offset_tolerance=offset, average="micro")
        assert found == pytest.approx(wanted)

    @settings(max_examples=100, deadline=None)
    @given(pairs, st.integers(0, 4))
    def test_the_matching_has_as_many_pairs_as_possible(self, pair, tolerance):
        true, pred = (list_runs(labels) for labels in pair)
        assert event_f1(*pair, onset_tolerance=tolerance, average="micro") == pytest.approx(
            count_most(true, pred, lambda a, b: a[2] == b[2] and abs(a[0] - b[0]) <= tolerance)
        )

    def test_events_of_different_recordings_are_never_paired(self):
        assert event_f1([[0, 0, 0, 1], [0, 0, 0, 0]], [[0, 0, 0, 0], [1, 0, 0, 0]], onset_tolerance=5) == 0

    def test_per_class_and_macro(self):
        true, pred = [0, 1, 1, 0, 2, 2, 0], [0, 1, 1, 0, 0, 0, 2]
        assert event_f1(true, pred, onset_tolerance=1, average=None).to_dict() == {1: 1.0, 2: 0.0}
        assert event_f1(true, pred, onset_tolerance=1) == 0.5

    @pytest.mark.parametrize("name", ["onset_tolerance", "offset_tolerance"])
    def test_a_negative_tolerance_is_refused(self, name):
        with pytest.raises(ValueError, match=rf"{name}=-1; give a number of samples"):
            event_f1([0, 1], [0, 1], **{"onset_tolerance": 0, name: -1})


def count_most(true, pred, fits):
    """Return the F1 of a largest one-to-one matching, found by the Hopcroft-Karp algorithm."""
    if not true or not pred:
        return float(not true and not pred)
    graph = csr_array([[fits(a, b) for b in pred] for a in true])
    hits = (maximum_bipartite_matching(graph) >= 0).sum()
    return 2 * hits / (len(true) + len(pred))


class TestSegmentF1:
    def test_by_hand(self):
        y_true = [[0, 1, 1, 1, 1, 0, 2, 2, 0, 1]]
        y_pred = [[0, 0, 1, 1, 1, 0, 0, 2, 0, 2]]
        # Class 1: [1, 5) found at IoU 3/4, [9, 10) missed: 2 * 1 / (2 + 1). Class 2: [6, 8) found at 1/2, one too many.
        assert segment_f1(y_true, y_pred, average=None).to_dict() == {1: pytest.approx(2 / 3), 2: pytest.approx(2 / 3)}
        assert segment_f1(y_true, y_pred) == pytest.approx(2 / 3)
        assert segment_f1(y_true, y_pred, iou=0.6, average=None).to_dict() == {1: pytest.approx(2 / 3), 2: 0.0}
        assert segment_f1(y_true, y_pred, iou=0.6, average="micro") == pytest.approx(2 / 6)

    def test_one_prediction_finds_one_segment(self):
        assert segment_f1([[1, 1, 0, 1, 1]], [[1, 1, 1, 1, 1]], iou=0.4) == pytest.approx(2 / 3)
        assert segment_f1([[1, 1, 1, 1, 1]], [[1, 1, 0, 1, 1]], iou=0.4) == pytest.approx(2 / 3)

    def test_touching_segments_of_different_classes(self):
        assert segment_f1([[1, 1, 2, 2]], [[1, 1, 2, 2]]) == 1
        assert segment_f1([[1, 1, 2, 2]], [[2, 2, 1, 1]]) == 0

    def test_segments_of_neighboring_recordings_stay_apart(self):
        assert segment_f1([[0, 1], [1, 0]], [[0, 1], [1, 0]], average="micro") == 1
        assert segment_f1([[0, 1], [1, 0]], [[0, 1], [0, 0]]) == pytest.approx(2 / 3)

    def test_predictions_are_cut_to_the_labeled_stretches(self):
        y_true = [[-1, -1, 1, 0, -1, 0, 1, 1]]
        y_pred = [[1, 1, 1, 0, 1, 0, 1, 1]]
        assert segment_f1(y_true, y_pred) == 1

    def test_no_segment_in_truth_and_prediction_scores_one(self):
        assert segment_f1([[0, 0]], [[0, 0]]) == 1
        assert segment_f1([[0, 0]], [[0, 1]]) == 0
        assert segment_f1([[0, 0]], [[0, 0]], average=None).empty

    @pytest.mark.parametrize("iou", [0, -0.1, 1.1, np.nan])
    def test_iou_is_a_share(self, iou):
        for metric in (segment_f1, duration_error, boundary_error):
            with pytest.raises(ValueError, match="iou="):
                metric([[0, 1]], [[0, 1]], iou=iou)

    def test_average_is_known(self):
        for metric in (segment_f1, frame_f1):
            with pytest.raises(ValueError, match="average='weighted'"):
                metric([[0, 1]], [[0, 1]], average="weighted")

    @quiet
    @given(draw_pairs(), st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0]), st.sampled_from([None, 0]))
    def test_equals_the_definition(self, pair, iou, background):
        true, pred = list_both(*pair, background)
        hits = [match[0][2] for a, b in zip(true, pred, strict=True) for match in search_matching(a, b, iou)[0]]
        labels = [one[2] for side in (true, pred) for recording in side for one in recording]
        wanted = {k: 2 * hits.count(k) / labels.count(k) for k in set(labels)}
        found = segment_f1(*pair, iou=iou, background=background, average=None)
        assert found.to_dict() == pytest.approx(wanted)
        if wanted:
            assert segment_f1(*pair, iou=iou, background=background) == pytest.approx(np.mean(list(wanted.values())))
            micro = segment_f1(*pair, iou=iou, background=background, average="micro")
            assert micro == pytest.approx(2 * len(hits) / len(labels))

    def test_several_ious(self):
        true, pred = [0, 1, 1, 1, 1, 0, 2, 2, 0], [0, 1, 1, 1, 0, 0, 2, 0, 0]
        found = segment_f1(true, pred, iou=[0.5, 0.6, 0.9])
        assert isinstance(found, pd.Series)
        assert found.index.name == "iou"
        assert found.tolist() == [segment_f1(true, pred, iou=iou) for iou in (0.5, 0.6, 0.9)] == [1.0, 0.5, 0.0]

    def test_several_ious_per_class(self):
        true, pred = [0, 1, 1, 1, 1, 0, 2, 2, 0], [0, 1, 1, 1, 0, 0, 2, 0, 0]
        found = segment_f1(true, pred, iou=[0.5, 0.6], average=None)
        assert found.to_dict("index") == {0.5: {1: 1.0, 2: 1.0}, 0.6: {1: 1.0, 2: 0.0}}


def event_f1_within(*args, **kwargs):
    return event_f1(*args, onset_tolerance=9, **kwargs)


class TestZeroDivision:
    @pytest.mark.parametrize("metric", [segment_f1, frame_f1, edit_score, event_f1_within])
    def test_no_event_in_truth_and_prediction_scores_zero_division(self, metric):
        nothing = [[0, 0, 0], [0, 0]]
        assert metric(nothing, nothing) == 1
        assert metric(nothing, nothing, zero_division=0.0) == 0
        assert np.isnan(metric(nothing, nothing, zero_division=np.nan))

    @pytest.mark.parametrize("metric", [segment_f1, frame_f1, edit_score, event_f1_within])
    def test_events_on_one_side_alone_score_zero(self, metric):
        assert metric([0, 0, 0], [0, 1, 0]) == metric([0, 1, 0], [0, 0, 0]) == 0

    @pytest.mark.parametrize("metric", [segment_f1, edit_score, covering, event_f1_within])
    def test_nothing_labeled_is_nan_with_a_warning(self, metric):
        with pytest.warns(UserWarning, match="y_true is all -1"):
            assert np.isnan(metric([-1, -1], [0, 1]))


class TestEditScore:
    @settings(max_examples=100, deadline=None)
    @given(labelings, labelings)
    def test_it_is_the_edit_distance(self, a, b):
        b = np.resize(b, a.size)
        true, pred = ([v for _, _, v in list_runs(labels)] for labels in (a, b))
        wanted = 1 - measure_edits(tuple(true), tuple(pred)) / max(len(true), len(pred)) if true or pred else 1
        assert edit_score(a, b) == pytest.approx(wanted)

    def test_lengths_do_not_matter(self):
        assert edit_score([0, 1, 1, 1, 2, 0], [1, 2, 2, 2, 2, 2]) == 1

    def test_labeled_recordings_count_equally_and_unlabeled_recordings_do_not_count(self):
        true = [[0, 1, 0], [0, 2, 1], [-1, -1, -1]]
        assert edit_score(true, [[0, 1, 0], [0, 1, 1], [1, 0, 1]]) == pytest.approx((1 + 0.5) / 2)


def measure_edits(a, b):
    if not a or not b:
        return len(a) + len(b)
    return (
        min(measure_edits(a[1:], b) + 1, measure_edits(a, b[1:]) + 1, measure_edits(a[1:], b[1:]) + (a[0] != b[0]))
        if len(a) + len(b) < 12
        else measure_long(a, b)
    )


def measure_long(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row = row, [i]
        for j, z in enumerate(b, 1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (x != z)))
    return row[-1]


class TestCovering:
    @settings(max_examples=100, deadline=None)
    @given(pairs)
    def test_it_equals_the_definition(self, pair):
        true, pred = (list_runs(labels, background=None) for labels in pair)
        total = 0
        for start, end, _ in true:
            own = set(range(start, end))
            others = [set(range(first, last)) for first, last, _ in pred]
            total += len(own) * max(len(own & other) / len(own | other) for other in others)
        assert covering(*pair) == pytest.approx(total / len(pair[0]))

    def test_classes_do_not_matter(self):
        assert covering([0, 0, 1, 1], [5, 5, 2, 2]) == 1

    def test_unlabeled_samples_do_not_matter(self):
        assert covering([0, 0, -1, 1, 1], [0, 0, 0, 1, 1]) == covering([0, 0, -1, 1, 1], [0, 0, 1, 1, 1]) == 1


def test_tolerances_in_seconds():
    truth = np.tile(np.repeat([0, 1, 0], [20, 20, 20]), (2, 1))
    late = np.roll(truth, 5, axis=1)
    assert event_f1(truth, late, onset_tolerance=0.05, sampling_rate=100) == 1
    assert event_f1(truth, late, onset_tolerance=0.04, sampling_rate=100) == 0
    assert event_f1(truth, late, onset_tolerance=1, offset_tolerance=0.04, sampling_rate=100) == 0
    assert make_event_f1_scorer(0.05, sampling_rate=100).function(truth, late) == 1
    options = {"onset_tolerance": 0.05, "sampling_rate": 100}
    assert bootstrap_interval(partial(event_f1, **options), truth, late, n_resamples=3).estimate == 1
    with pytest.warns(UserWarning, match="onset_tolerance=0.05 is not a whole number of samples.*pass sampling_rate"):
        assert event_f1(truth, late, onset_tolerance=0.05) == 0
