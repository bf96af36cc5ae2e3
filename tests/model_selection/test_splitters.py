"""Labeled recordings are tested, unlabeled recordings are always trained on, groups are kept whole."""

import warnings

import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_validate
from small import TINY, as_ragged

from sslts import FixMatchSegmenter
from sslts.adapters.sktime.events import labels_to_events
from sslts.metrics import mean_iou_scorer
from sslts.model_selection import LabeledGroupKFold, LabeledKFold, LabeledShuffleSplit
from sslts.model_selection.splitters import _assign_folds

PLAIN = [LabeledKFold(3), LabeledKFold(2, shuffle=True, random_state=1), LabeledShuffleSplit(4, random_state=0)]
GROUPED = [LabeledGroupKFold(3), LabeledGroupKFold(2, shuffle=True, random_state=1), PLAIN[2]]


def make_labels(labeled):
    """Return labels of both classes; unlabeled recordings are all -1."""
    return np.where(np.asarray(labeled)[:, None], np.array([0, 1, 0, -1]), -1)


@given(st.lists(st.booleans(), min_size=4, max_size=20), st.sampled_from(PLAIN))
def test_unlabeled_recordings_are_always_in_training(labeled, splitter):
    assume(sum(labeled) >= 3)
    y = make_labels(labeled)
    tested = []
    for train, test in splitter.split(np.zeros((len(y), 4)), y):
        assert np.array(labeled)[test].all()
        assert set(np.flatnonzero(~np.array(labeled))) <= set(train)
        assert sorted([*train, *test]) == list(range(len(y)))
        tested += test.tolist()
    if isinstance(splitter, LabeledKFold):
        assert sorted(tested) == np.flatnonzero(labeled).tolist()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=4, max_size=20), st.sampled_from(GROUPED))
def test_a_group_is_never_on_both_sides(drawn, splitter):
    labeled, groups = map(np.array, zip(*drawn, strict=True))
    assume(len(set(groups[labeled])) >= 3)
    y = make_labels(labeled)
    for train, test in splitter.split(list(y), list(y), groups=groups):
        assert labeled[test].all()
        assert not set(groups[train]) & set(groups[test])
        apart = ~np.isin(groups, groups[test])
        assert set(np.flatnonzero(apart)) == set(train)  # with every unlabeled recording of another group


def test_rare_classes_are_spread_over_the_folds():
    y = np.zeros((12, 6), int)
    y[:, 2] = 1
    y[:3, 4] = 2  # the first three recordings alone
    tests = [test for _, test in LabeledKFold(3).split(y, y)]
    assert [np.isin(test, [0, 1, 2]).sum() for test in tests] == [1, 1, 1]


def test_a_shuffle_split_draws_until_no_class_is_missing():
    y = np.zeros((30, 4), int)
    y[:2, 1] = 1
    for train, test in LabeledShuffleSplit(10, test_size=0.2, random_state=0).split(y, y):
        assert len(test) == 6
        assert y[test].max() == y[train].max() == 1


@pytest.mark.parametrize("splitter", [*PLAIN, *GROUPED])
def test_splitters_behave_like_those_of_scikit_learn(splitter):
    assert clone(splitter, safe=False).get_n_splits() == splitter.n_splits == splitter.get_n_splits(None, None, None)
    assert repr(splitter).startswith(type(splitter).__name__)
    y = make_labels([True] * 6)
    groups = None if type(splitter) is LabeledKFold else np.arange(6)
    first, again = ([test.tolist() for _, test in splitter.split(y, y, groups)] for _ in range(2))
    assert first == again


def make_segmenter():
    return FixMatchSegmenter(max_steps=2, batch_size=2, network=TINY, random_state=0)


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("splitter", [LabeledKFold(2), LabeledGroupKFold(2), LabeledShuffleSplit(2, random_state=0)])
def test_cross_validation(partly, splitter, ragged):
    X, y = map(as_ragged, partly) if ragged else partly
    groups = np.arange(12) // 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "LabeledKFold")
        found = cross_validate(
            make_segmenter(), X, y, groups=groups, cv=splitter, scoring=mean_iou_scorer, error_score="raise"
        )
    assert np.isfinite(found["test_score"]).all()


@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
@pytest.mark.parametrize("ragged", [False, True])
def test_searches(partly, search, ragged):
    X, y = map(as_ragged, partly) if ragged else partly
    options = {"cv": LabeledGroupKFold(2), "scoring": mean_iou_scorer, "error_score": "raise"}
    if search is HalvingGridSearchCV:
        options |= {"resource": "max_steps", "min_resources": 1, "max_resources": 2, "factor": 2}
    found = search(make_segmenter(), {"lambda_u": [0.5, 1.0]}, **options).fit(X, y, groups=np.arange(12))
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()


class TestBadInput:
    Y = make_labels([True, True, False, True])

    def split(self, splitter, X=None, y=None, groups=None):
        y = self.Y if y is None else y
        return list(splitter.split(np.zeros((4, 4)) if X is None else X, y, groups))

    @pytest.mark.parametrize(
        ("splitter", "words"),
        [
            (LabeledKFold(4), "n_splits=4, but there are 3 labeled recordings"),
            (LabeledKFold(1), "n_splits must be a whole number, 2 or more"),
            (LabeledGroupKFold(2), "needs groups; pass the group of each recording"),
            (LabeledShuffleSplit(test_size=3), "tests 3 of 3 labeled recordings"),
            (LabeledShuffleSplit(test_size=1.5), "test_size must be a share"),
            (LabeledShuffleSplit(0), "n_splits must be"),
        ],
    )
    def test_too_few(self, splitter, words):
        with pytest.raises(ValueError, match=words):
            self.split(splitter)

    def test_groups_of_another_length(self):
        with pytest.raises(ValueError, match=r"groups has shape \(3,\), y has 4 recordings"):
            self.split(LabeledGroupKFold(2), groups=[0, 1, 2])

    def test_too_few_groups(self):
        with pytest.raises(ValueError, match="there are 1 labeled groups"):
            self.split(LabeledGroupKFold(2), groups=[0, 0, 1, 0])

    def test_another_number_of_recordings(self):
        with pytest.raises(ValueError, match="X has 5 recordings, y has 4"):
            self.split(LabeledKFold(2), X=np.zeros((5, 4)))

    def test_labels_that_are_all_unlabeled_are_refused(self):
        with pytest.raises(ValueError, match="y has no labeled recording to test: every label is -1"):
            self.split(LabeledKFold(2), y=np.full((4, 4), -1))

    @pytest.mark.parametrize("splitter", [LabeledKFold(3), LabeledShuffleSplit(3, random_state=0)])
    def test_a_fold_without_a_class(self, splitter):
        y = self.Y.copy()
        y[1, 0] = 7
        with pytest.raises(ValueError, match=r"split \d: no recording of the \w+ has class 7, which occurs in 1 of 4"):
            self.split(splitter, y=y)

    def test_a_class_in_only_one_group(self):
        y = self.Y.copy()
        y[:2, 0] = 7
        with pytest.raises(ValueError, match="in 2 of 4 recordings, of 1 group. No split can have it on both sides"):
            self.split(LabeledGroupKFold(2), y=y, groups=["a", "a", "b", "c"])

    @pytest.mark.parametrize("splitter", [LabeledKFold(2), LabeledGroupKFold(2), LabeledShuffleSplit(2)])
    def test_a_multi_index_frame_cannot_be_split(self, splitter):
        index = pd.MultiIndex.from_product([range(4), range(4)])
        frame, series = pd.DataFrame({"x": np.zeros(16)}, index), pd.Series(self.Y.ravel(), index)
        with pytest.raises(ValueError, match="X is a pd-multiindex frame"):
            self.split(splitter, X=frame, y=series, groups=range(4))
        with pytest.raises(ValueError, match="y is a pd-multiindex frame"):
            self.split(splitter, y=series, groups=range(4))

    def test_ignored_groups_give_a_warning(self):
        with pytest.warns(UserWarning, match="use LabeledGroupKFold"):
            self.split(LabeledKFold(2), groups=[0, 0, 1, 1])


@pytest.mark.parametrize("splitter", [LabeledKFold(2), LabeledShuffleSplit(2, random_state=0)])
def test_recordings_and_labels_in_zarr_arrays(splitter):
    y = np.tile([0, 0, 1, 1, 0, -1], (5, 1))
    wanted = list(splitter.split(y, y))
    for found, (train, test) in zip(splitter.split(zarr.array(y), zarr.array(y)), wanted, strict=True):
        np.testing.assert_array_equal(found[0], train)
        np.testing.assert_array_equal(found[1], test)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_fold_gets_the_classes_that_it_lacks(shuffle, seed):
    """Each class occurs in three of four recordings, so three folds can hold both."""
    y = [[0, 1], [1, 1], [0, 1], [0, 0]]
    splitter = LabeledKFold(3, shuffle=shuffle, random_state=seed if shuffle else None)
    tests = [test.tolist() for _, test in splitter.split(np.zeros((4, 2)), y)]
    assert sorted(i for test in tests for i in test) == [0, 1, 2, 3]
    assert [1, 3] in tests


@given(st.lists(st.sets(st.integers(0, 3), min_size=1), min_size=4, max_size=12), st.integers(2, 4))
def test_sizes_of_folds_differ_by_at_most_one(held, n_folds):
    inside = np.array([[k in classes for k in range(4)] for classes in held])
    folds = _assign_folds(np.arange(len(held)), inside / np.maximum(inside.sum(0), 1), n_folds)
    sizes = np.bincount(folds, minlength=n_folds)
    assert len(sizes) == n_folds
    assert sizes.max() - sizes.min() <= 1


def test_the_classes_of_event_tables_are_read():
    labels = [[0, 0, 1], [1, 0, 0], [-1, -1, -1], [0, 1, 0], [0, 1, 1]]
    tables = [labels_to_events(one) for one in labels]
    split = LabeledKFold(2, shuffle=True, random_state=0).split
    for found, wanted in zip(split(labels, tables), split(labels, labels), strict=True):
        np.testing.assert_array_equal(found[1], wanted[1])
    with pytest.raises(ValueError, match=r"y\[0\]"):
        next(split(labels, [table[["ilocs"]] for table in tables]))
