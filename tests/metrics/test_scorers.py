"""Scorers work in scikit-learn's searches and read what they need from the estimator."""

import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV, KFold, LearningCurveDisplay, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sslts import metrics
from sslts.annotations import align_labels
from sslts.metrics import SegmentationScorer, make_event_f1_scorer

SCORERS = {
    "mean_iou": metrics.mean_iou_scorer,
    "frame_f1": metrics.frame_f1_scorer,
    "segment_f1": metrics.segment_f1_scorer,
    "event_f1": make_event_f1_scorer(2, 2),
    "edit": metrics.edit_scorer,
    "covering": metrics.covering_scorer,
    "count": metrics.count_scorer,
    "duration": metrics.duration_scorer,
    "boundary": metrics.boundary_scorer,
    "calibration": metrics.calibration_scorer,
}


class Noisy(BaseEstimator):
    """An estimator that returns the true labels (X is y), with noise in a share of them."""

    background = 0

    def __init__(self, *, noise=0.0):
        self.noise = noise

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        X = np.asarray(X)
        late = np.roll(X, 3, axis=1) if self.noise else X
        return np.where(np.random.default_rng(0).random(X.shape) < self.noise, 0, late)

    def predict_proba(self, X):
        return np.eye(len(self.classes_))[self.predict(X)] * 0.98 + 0.01


@pytest.fixture
def labels():
    rng = np.random.default_rng(0)
    return np.repeat(rng.integers(0, 3, (6, 30)), 8, axis=1)


@pytest.mark.parametrize("name", SCORERS)
def test_a_search_picks_the_better_estimator(name, labels):
    search = GridSearchCV(Noisy(), {"noise": [0.1, 0.0]}, scoring=SCORERS[name], cv=KFold(2)).fit(labels, labels)
    assert search.best_params_ == {"noise": 0.0}


@pytest.mark.parametrize("name", SCORERS)
def test_the_true_labels_get_the_best_score(name, labels):
    best = 0.0 if SCORERS[name].sign < 0 else 1.0
    assert SCORERS[name](Noisy().fit(labels, labels), labels, labels) == pytest.approx(best, abs=0.03)


def test_probabilities_come_with_the_names_of_their_columns(labels):
    labels = np.where(labels == 2, 9, labels)

    class Sure(Noisy):
        def predict_proba(self, X):
            return np.eye(3)[np.searchsorted(self.classes_, X)]

    assert metrics.calibration_scorer(Sure().fit(labels, labels), labels, labels) == 0


def test_an_unknown_response_is_refused():
    with pytest.raises(ValueError, match="response='transform'; give 'predict' or 'predict_proba'"):
        SegmentationScorer(metrics.mean_iou, response="transform")


def test_scorers_are_equal_by_value():
    assert make_event_f1_scorer(3, 2) == pickle.loads(pickle.dumps(make_event_f1_scorer(3, 2)))
    assert make_event_f1_scorer(3) != make_event_f1_scorer(4)


class TestLabelsOnAnIndex:
    """Labels on ``(instance, time)`` are matched to the recordings by their index, in any order."""

    @pytest.fixture
    def panel(self, labels):
        index = pd.MultiIndex.from_product([list("fbdace"), range(labels.shape[1])])
        return pd.DataFrame({"x": labels.ravel()}, index), pd.Series(labels.ravel(), index)

    @pytest.mark.parametrize("order", [lambda y: y, lambda y: y[::-1], lambda y: y.sort_index()])
    def test_their_order_does_not_matter(self, panel, order):
        X, y = panel

        class Knowing:
            def predict(self, X):
                return X["x"].to_numpy().reshape(6, -1)

        assert metrics.mean_iou_scorer(Knowing(), X, order(y)) == 1

    def test_another_index_is_refused(self, panel):
        X, y = panel
        with pytest.raises(ValueError, match="y has no label at .*same index"):
            align_labels(y.set_axis(y.index.set_levels(y.index.levels[1] + 7, level=1)), X)
        with pytest.raises(ValueError, match="no labels for instance 'f'"):
            align_labels(y[y.index.get_level_values(0) != "f"], X)
        with pytest.raises(ValueError, match="several labels for"):
            align_labels(pd.concat([y, y]), X)
        with pytest.raises(ValueError, match="2 columns"):
            align_labels(pd.DataFrame({"a": y, "b": y}), X)

        with pytest.raises(ValueError, match="y has an index of 3 levels, X of 2"):
            align_labels(pd.concat({"a": y}), X)


def test_displays_of_scikit_learn_show_the_name(labels):
    display = LearningCurveDisplay.from_estimator(
        Noisy(), labels, labels, scoring=metrics.count_scorer, cv=KFold(2), train_sizes=[0.5, 1.0]
    )
    assert display.score_name.lower() == "count error.mae"
    plt.close("all")


@pytest.mark.parametrize("y", [pd.DataFrame, lambda y: [pd.Series(one) for one in y]])
def test_a_pipeline_may_change_lengths(labels, y):
    halved = make_pipeline(FunctionTransformer(lambda X: X[:, ::2]), Noisy()).fit(labels, labels)
    assert metrics.mean_iou_scorer(halved, labels, y(labels[:, ::2])) == 1


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


IN_A_DICTIONARY = {
    "iou": metrics.mean_iou_scorer,
    "f1": metrics.segment_f1_scorer,
    "count": metrics.count_scorer,
    "duration": metrics.duration_scorer,
}


class TestScorers:
    X = np.tile([0.1, 0.9, 0.9, 0.2, 0.6, 0.1], (6, 1))
    y = np.tile([0, 1, 1, 0, 0, -1], (6, 1))

    def test_values(self):
        model = Threshold()
        pred = model.predict(self.X)
        assert metrics.mean_iou_scorer(model, self.X, self.y) == metrics.mean_iou(self.y, pred)
        assert (
            metrics.segment_f1_scorer(model, self.X, self.y) == metrics.segment_f1(self.y, pred) == pytest.approx(2 / 3)
        )
        assert metrics.count_scorer(model, self.X, self.y) == -metrics.count_error(self.y, pred).mae == -1
        assert metrics.duration_scorer(model, self.X, self.y) == 0

    def test_nothing_matched_is_nan(self):
        with pytest.warns(UserWarning, match="no segment is matched"):
            assert np.isnan(metrics.duration_scorer(Threshold(level=1), self.X, self.y))

    def test_background_is_read_from_the_estimator_wherever_it_is(self):
        search = GridSearchCV(Threshold(background=1), {"level": [0.5]}, scoring=metrics.mean_iou_scorer, cv=2)
        wanted = metrics.segment_f1(self.y, Threshold().predict(self.X), background=1)
        assert wanted != metrics.segment_f1(self.y, Threshold().predict(self.X), background=0)
        for model in (
            Threshold(background=1),
            make_pipeline(FunctionTransformer(), Threshold(background=1)).fit(self.X, self.y),
            search.fit(self.X, self.y),
            make_pipeline(FunctionTransformer(), search).fit(self.X, self.y),
            Wrapper(Threshold(background=1)),
        ):
            assert metrics.segment_f1_scorer(model, self.X, self.y) == wanted

    def test_background_is_zero_without_the_attribute(self):
        model = Plain()
        assert metrics.segment_f1_scorer(model, self.X, self.y) == metrics.segment_f1(
            self.y, model.predict(self.X), background=0
        )
        none = Threshold(background=None)
        assert metrics.segment_f1_scorer(none, self.X, self.y) == metrics.segment_f1(
            self.y, none.predict(self.X), background=None
        )

    @pytest.mark.parametrize("scorer", IN_A_DICTIONARY.values())
    def test_pickles_clones_and_compares(self, scorer):
        again = pickle.loads(pickle.dumps(scorer))
        assert again == scorer
        assert hash(again) == hash(scorer)
        assert clone(GridSearchCV(Threshold(), {}, scoring=scorer)).scoring == scorer

    def test_repr(self):
        assert repr(metrics.mean_iou_scorer) == "SegmentationScorer(mean_iou)"
        assert repr(metrics.count_scorer) == "SegmentationScorer(count_error.mae, sign=-1)"

    def test_a_custom_function(self):
        def share_right(y_true, y_pred):
            return (y_true == y_pred).mean()

        scorer = SegmentationScorer(share_right, name="accuracy")
        assert scorer(Threshold(), self.X, self.y) == pytest.approx(4 / 6)
        assert repr(scorer) == "SegmentationScorer(accuracy)"
        with pytest.raises(ValueError, match="sign=2"):
            SegmentationScorer(share_right, sign=2)

    def test_in_a_search(self):
        search = GridSearchCV(Threshold(), {"level": [0.0, 0.7, 0.5]}, scoring=metrics.mean_iou_scorer, cv=KFold(3))
        search.fit(self.X, self.y)
        assert search.best_params_ == {"level": 0.7}
        assert search.best_score_ == 1
        assert search.score(self.X, self.y) == 1

    def test_many_in_a_search_and_in_cross_validation(self):
        search = GridSearchCV(Threshold(), {"level": [0.7, 0.5]}, scoring=IN_A_DICTIONARY, refit="count", cv=KFold(3))
        search.fit(self.X, self.y)
        assert search.best_params_ == {"level": 0.7}
        assert search.cv_results_["mean_test_count"].tolist() == [0, -1]
        found = cross_validate(Threshold(level=0.7), self.X, self.y, scoring=IN_A_DICTIONARY, cv=KFold(3), n_jobs=1)
        assert (found["test_f1"] == 1).all()
        assert (
            cross_val_score(Threshold(level=0.7), self.X, self.y, scoring=metrics.segment_f1_scorer, cv=3) == 1
        ).all()

    def test_unlabeled_test_fold_is_nan_and_a_warning(self):
        y = self.y.copy()
        y[:2] = -1
        with pytest.warns(UserWarning, match="y_true is all -1"):
            scores = cross_val_score(Threshold(), self.X, y, scoring=metrics.mean_iou_scorer, cv=KFold(3))
        assert np.isnan(scores).tolist() == [True, False, False]

    def test_truth_on_a_multiindex(self):
        index = pd.MultiIndex.from_product([list("fedcba"), range(6)])
        y = pd.Series(self.y.ravel(), index=index)
        assert metrics.count_scorer(Threshold(), self.X, y) == -1
