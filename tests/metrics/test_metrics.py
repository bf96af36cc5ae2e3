"""Metrics equal their definitions, unlabeled samples never matter, and scorers work in scikit-learn's searches."""

import pickle
import warnings
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal, assert_series_equal
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sslts.metrics import (
    CountError,
    DurationError,
    SegmentationScorer,
    boundary_error,
    class_iou,
    confusion,
    count_error,
    count_scorer,
    duration_error,
    duration_scorer,
    frame_f1,
    mean_iou,
    mean_iou_each,
    mean_iou_scorer,
    segment_f1,
    segment_f1_scorer,
)

METRICS = [mean_iou, class_iou, frame_f1, segment_f1, count_error, duration_error, boundary_error]
quiet = pytest.mark.filterwarnings("ignore:.*result is nan or empty")


@st.composite
def pairs(draw, lowest=-1, max_size=12):
    """Ragged truth, with unlabeled samples, and a prediction."""
    sizes = draw(st.lists(st.integers(0, max_size), min_size=1, max_size=4).filter(lambda sizes: sizes != [1]))
    label = st.integers(lowest, 2)
    true = [draw(st.lists(label, min_size=n, max_size=n)) for n in sizes]
    pred = [draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)) for n in sizes]
    return [np.array(one, dtype=int) for one in true], [np.array(one, dtype=int) for one in pred]


def same(one, other):
    """Whether two results of a metric are equal, nan to nan."""
    if isinstance(one, pd.DataFrame):
        assert_frame_equal(one, other)
    elif isinstance(one, pd.Series):
        assert_series_equal(one, other)
    else:
        assert_allclose(one, other, rtol=1e-12)


# Definitions, written out one segment at a time.


def segments_by_hand(labels, background):
    found, start = [], 0
    for t in range(1, len(labels) + 1):
        if t == len(labels) or labels[t] != labels[start]:
            if labels[start] >= 0 and labels[start] != background:
                touches = (start > 0 and labels[start - 1] == -1) or (t < len(labels) and labels[t] == -1)
                found.append((start, t, labels[start], touches))
            start = t
    return found


def compare_by_hand(true, pred, background):
    cut = [np.where(one < 0, -1, other) for one, other in zip(true, pred, strict=True)]
    return [segments_by_hand(one, background) for one in true], [segments_by_hand(one, background) for one in cut]


def iou_by_hand(one, other):
    shared = len(set(range(one[0], one[1])) & set(range(other[0], other[1])))
    return shared / len(set(range(one[0], one[1])) | set(range(other[0], other[1])))


def match_by_hand(true, pred, iou):
    """The best of all one-to-one matchings: most pairs, then greatest total IoU."""
    edges = [(a, b) for a in true for b in pred if a[2] == b[2] and iou_by_hand(a, b) >= iou]
    best, best_key = [], (0, 0.0)
    for size in range(1, min(len(true), len(pred)) + 1):
        for chosen in combinations(edges, size):
            if len({a for a, _ in chosen}) == size == len({b for _, b in chosen}):
                key = (size, sum(iou_by_hand(a, b) for a, b in chosen))
                if key > best_key:
                    best, best_key = list(chosen), key
    return best, best_key[1]


class TestConfusion:
    def test_by_hand(self):
        matrix, classes = confusion([[0, 0, 2, -1], [2, 2, 5, 5]], [[0, 2, 2, 9], [2, 0, 5, 5]])
        assert classes.tolist() == [0, 2, 5]
        assert matrix.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 2]]
        assert matrix.dtype == np.int64

    def test_nothing_labeled(self):
        matrix, classes = confusion([[-1, -1]], [[0, 1]])
        assert (matrix.shape, classes.shape) == ((0, 0), (0,))

    @given(pairs())
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
    @given(pairs())
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
    @given(pairs())
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

    def test_nothing_to_find_and_nothing_found_is_right(self):
        assert frame_f1([[0, 0]], [[0, 0]]) == 1
        assert frame_f1([[0, 0]], [[0, 1]]) == 0

    @given(pairs(lowest=0), st.sampled_from(["macro", "micro"]), st.sampled_from([None, 0, 1]))
    @quiet
    def test_equals_scikit_learn(self, pair, average, background):
        from sklearn.metrics import f1_score

        true, pred = (np.concatenate(side) for side in pair)
        labels = sorted({*true.tolist(), *pred.tolist()} - {background})
        if labels:
            wanted = f1_score(true, pred, labels=labels, average=average)
            assert frame_f1(*pair, average=average, background=background) == pytest.approx(wanted)


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

    def test_segments_of_neighbouring_recordings_stay_apart(self):
        assert segment_f1([[0, 1], [1, 0]], [[0, 1], [1, 0]], average="micro") == 1
        assert segment_f1([[0, 1], [1, 0]], [[0, 1], [0, 0]]) == pytest.approx(2 / 3)

    def test_predictions_are_cut_to_the_labeled_stretches(self):
        y_true = [[-1, -1, 1, 0, -1, 0, 1, 1]]
        y_pred = [[1, 1, 1, 0, 1, 0, 1, 1]]
        assert segment_f1(y_true, y_pred) == 1

    def test_nothing_to_find_and_nothing_found_is_right(self):
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
    @given(pairs(), st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0]), st.sampled_from([None, 0]))
    def test_equals_the_definition(self, pair, iou, background):
        true, pred = compare_by_hand(*pair, background)
        hits = [match[0][2] for a, b in zip(true, pred, strict=True) for match in match_by_hand(a, b, iou)[0]]
        labels = [one[2] for side in (true, pred) for recording in side for one in recording]
        wanted = {k: 2 * hits.count(k) / labels.count(k) for k in set(labels)}
        found = segment_f1(*pair, iou=iou, background=background, average=None)
        assert found.to_dict() == pytest.approx(wanted)
        if wanted:
            assert segment_f1(*pair, iou=iou, background=background) == pytest.approx(np.mean(list(wanted.values())))
            micro = segment_f1(*pair, iou=iou, background=background, average="micro")
            assert micro == pytest.approx(2 * len(hits) / len(labels))


class TestCountError:
    def test_by_hand(self):
        y_true = [[1, 0, 1, 0, 2], [0, 0, 1, 0, 0], [-1, -1, -1, -1, -1]]
        y_pred = [[1, 0, 1, 0, 1], [0, 0, 0, 0, 0], [1, 0, 1, 0, 1]]
        # Class 1: +1, -1. Class 2: -1, 0. The third recording has no labeled sample.
        assert count_error(y_true, y_pred) == CountError(bias=-0.25, mae=0.75, exact=0.25)

    def test_segments_that_touch_unlabeled_samples_count(self):
        assert count_error([[0, 1, -1, 0]], [[0, 1, 1, 0]]) == CountError(0, 0, 1)
        assert count_error([[1, -1, 1]], [[1, 1, 1]]) == CountError(0, 0, 1)

    def test_nothing_to_count(self):
        assert count_error([[0, 0]], [[0, 0]]) == CountError(0, 0, 1)

    @quiet
    @given(pairs(), st.sampled_from([None, 0]))
    def test_equals_the_definition(self, pair, background):
        true, pred = compare_by_hand(*pair, background)
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

    def test_what_touches_unlabeled_samples_is_not_measured(self):
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
    @given(pairs(lowest=0, max_size=14), st.sampled_from([0.1, 0.2, 0.5]))
    def test_pairs_are_the_best_matching(self, pair, iou):
        """Number of pairs and total IoU, read back from what the matching chose, are those of the best matching."""
        from sslts.metrics import match_segments
        from sslts.metrics._matching import compare

        found = compare(*pair, 0)
        t, p = match_segments(found.true, found.pred, iou)
        assert np.unique(t).size == t.size == np.unique(p).size
        chosen = [
            iou_by_hand((found.true.start[i], found.true.end[i]), (found.pred.start[j], found.pred.end[j]))
            for i, j in zip(t, p, strict=True)
        ]
        by_hand = [match_by_hand(a, b, iou) for a, b in zip(*compare_by_hand(*pair, 0), strict=True)]
        assert len(chosen) == sum(len(match) for match, _ in by_hand)
        assert sum(chosen) == pytest.approx(sum(total for _, total in by_hand))

    @quiet
    @given(pairs(), st.sampled_from([0.51, 0.75, 1.0]))
    def test_equals_the_definition(self, pair, iou):
        errors = {}
        for a, b in zip(*compare_by_hand(*pair, 0), strict=True):
            for one, other in match_by_hand(a, b, iou)[0]:
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


@pytest.mark.parametrize("metric", METRICS)
class TestEveryMetric:
    @quiet
    @settings(max_examples=40)  # for each of seven metrics
    @given(data=st.data())
    def test_order_of_recordings_does_not_matter(self, metric, data):
        true, pred = data.draw(pairs())
        order = data.draw(st.permutations(range(len(true))))
        same(metric(true, pred), metric([true[i] for i in order], [pred[i] for i in order]))

    @quiet
    @settings(max_examples=40)  # for each of seven metrics
    @given(data=st.data())
    def test_predictions_of_unlabeled_samples_do_not_matter(self, metric, data):
        true, pred = data.draw(pairs())
        other = [np.where(one < 0, data.draw(st.integers(0, 9)), two) for one, two in zip(true, pred, strict=True)]
        same(metric(true, pred), metric(true, other))

    @quiet
    @settings(max_examples=40)  # for each of seven metrics
    @given(data=st.data())
    def test_a_recording_without_labels_does_not_matter(self, metric, data):
        true, pred = data.draw(pairs())
        same(metric(true, pred), metric([*true, np.array([-1, -1])], [*pred, np.array([1, 2])]))

    def test_array_list_series_and_one_recording_agree(self, metric):
        true, pred = np.array([[0, 1, 1, 0], [2, 2, 0, -1]]), np.array([[0, 1, 1, 1], [2, 2, 0, 0]])
        wanted = metric(true, pred)
        same(wanted, metric(list(true), list(pred)))
        same(wanted, metric(true.astype(float), pred.tolist()))
        index = pd.MultiIndex.from_product([["b", "a"], range(4)], names=["instance", "time"])
        same(wanted, metric(pd.Series(true.ravel(), index=index), pred))
        same(wanted, metric(pd.Series(true.ravel(), index=index), pd.Series(pred.ravel(), index=index)))
        same(metric(true[:1], pred[:1]), metric(true[0], pred[0]))

    def test_one_label_per_recording_is_broadcast(self, metric):
        pred = np.array([[1, 1, 0], [2, 2, 2], [1, 0, 0]])
        wanted = metric([[1, 1, 1], [2, 2, 2], [-1, -1, -1]], pred)
        same(wanted, metric([1, 2, -1], pred))
        same(wanted, metric(np.array([[1], [2], [-1]]), pred))
        same(wanted, metric(pd.Series([1, 2, -1]), list(pred)))
        same(metric([[1, 1, 1]], pred[:1]), metric([1], pred[:1]))

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


class Threshold(BaseEstimator):
    """Class 1 above a level, else class 0."""

    def __init__(self, level=0.5, background=0):
        self.level = level
        self.background = background

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return (np.asarray(X) > self.level).astype(int)


class Plain(Threshold):
    def __init__(self, level=0.5):
        self.level = level


class Wrapper(BaseEstimator):
    def __init__(self, estimator=None):
        self.estimator = estimator

    def predict(self, X):
        return self.estimator.predict(X)


SCORERS = {
    "iou": mean_iou_scorer,
    "f1": segment_f1_scorer,
    "count": count_scorer,
    "duration": duration_scorer,
}


class TestScorers:
    X = np.tile([0.1, 0.9, 0.9, 0.2, 0.6, 0.1], (6, 1))
    y = np.tile([0, 1, 1, 0, 0, -1], (6, 1))

    def test_values(self):
        model = Threshold()
        pred = model.predict(self.X)
        assert mean_iou_scorer(model, self.X, self.y) == mean_iou(self.y, pred)
        assert segment_f1_scorer(model, self.X, self.y) == segment_f1(self.y, pred) == pytest.approx(2 / 3)
        assert count_scorer(model, self.X, self.y) == -count_error(self.y, pred).mae == -1
        assert duration_scorer(model, self.X, self.y) == 0

    def test_nothing_matched_is_nan(self):
        with pytest.warns(UserWarning, match="no segment is matched"):
            assert np.isnan(duration_scorer(Threshold(level=1), self.X, self.y))

    def test_background_is_read_from_the_estimator_wherever_it_is(self):
        search = GridSearchCV(Threshold(background=1), {"level": [0.5]}, scoring=mean_iou_scorer, cv=2)
        wanted = segment_f1(self.y, Threshold().predict(self.X), background=1)
        assert wanted != segment_f1(self.y, Threshold().predict(self.X), background=0)
        for model in (
            Threshold(background=1),
            make_pipeline(FunctionTransformer(), Threshold(background=1)).fit(self.X, self.y),
            search.fit(self.X, self.y),
            make_pipeline(FunctionTransformer(), search).fit(self.X, self.y),
            Wrapper(Threshold(background=1)),
        ):
            assert segment_f1_scorer(model, self.X, self.y) == wanted

    def test_background_is_zero_where_none_says(self):
        model = Plain()
        assert segment_f1_scorer(model, self.X, self.y) == segment_f1(self.y, model.predict(self.X), background=0)
        none = Threshold(background=None)
        assert segment_f1_scorer(none, self.X, self.y) == segment_f1(self.y, none.predict(self.X), background=None)

    @pytest.mark.parametrize("scorer", SCORERS.values())
    def test_pickles_clones_and_compares(self, scorer):
        again = pickle.loads(pickle.dumps(scorer))
        assert again == scorer
        assert hash(again) == hash(scorer)
        assert clone(GridSearchCV(Threshold(), {}, scoring=scorer)).scoring == scorer

    def test_repr(self):
        assert repr(mean_iou_scorer) == "SegmentationScorer(mean_iou)"
        assert repr(count_scorer) == "SegmentationScorer(count_error.mae, sign=-1)"

    def test_own_function(self):
        def share_right(y_true, y_pred):
            return (y_true == y_pred).mean()

        scorer = SegmentationScorer(share_right, name="accuracy")
        assert scorer(Threshold(), self.X, self.y) == pytest.approx(4 / 6)
        assert repr(scorer) == "SegmentationScorer(accuracy)"
        with pytest.raises(ValueError, match="sign=2"):
            SegmentationScorer(share_right, sign=2)

    def test_in_a_search(self):
        search = GridSearchCV(Threshold(), {"level": [0.0, 0.7, 0.5]}, scoring=mean_iou_scorer, cv=KFold(3))
        search.fit(self.X, self.y)
        assert search.best_params_ == {"level": 0.7}
        assert search.best_score_ == 1
        assert search.score(self.X, self.y) == 1

    def test_many_in_a_search_and_in_cross_validation(self):
        search = GridSearchCV(Threshold(), {"level": [0.7, 0.5]}, scoring=SCORERS, refit="count", cv=KFold(3))
        search.fit(self.X, self.y)
        assert search.best_params_ == {"level": 0.7}
        assert search.cv_results_["mean_test_count"].tolist() == [0, -1]
        found = cross_validate(Threshold(level=0.7), self.X, self.y, scoring=SCORERS, cv=KFold(3), n_jobs=1)
        assert (found["test_f1"] == 1).all()
        assert (cross_val_score(Threshold(level=0.7), self.X, self.y, scoring=segment_f1_scorer, cv=3) == 1).all()

    def test_unlabeled_test_fold_is_nan_and_a_warning(self):
        y = self.y.copy()
        y[:2] = -1
        with pytest.warns(UserWarning, match="y_true is all -1"):
            scores = cross_val_score(Threshold(), self.X, y, scoring=mean_iou_scorer, cv=KFold(3))
        assert np.isnan(scores).tolist() == [True, False, False]

    def test_truth_on_a_multiindex(self):
        index = pd.MultiIndex.from_product([list("fedcba"), range(6)])
        y = pd.Series(self.y.ravel(), index=index)
        assert count_scorer(Threshold(), self.X, y) == -1
