import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, KFold, LearningCurveDisplay
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
    """Knows the labels (X is y), and spoils a share of them."""

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
def test_the_score_of_the_truth_is_the_best_there_is(name, labels):
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
    """Labels on ``(instance, time)`` belong to the recordings of the same index, in whatever order they come."""

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

        with pytest.raises(ValueError, match="y is on an index of 3 levels, X of 2"):
            align_labels(pd.concat({"a": y}), X)


def test_displays_of_scikit_learn_can_name_it(labels):
    display = LearningCurveDisplay.from_estimator(
        Noisy(), labels, labels, scoring=metrics.count_scorer, cv=KFold(2), train_sizes=[0.5, 1.0]
    )
    assert display.score_name.lower() == "count error.mae"
    plt.close("all")


@pytest.mark.parametrize("y", [pd.DataFrame, lambda y: [pd.Series(one) for one in y]])
def test_a_pipeline_may_change_lengths(labels, y):
    halved = make_pipeline(FunctionTransformer(lambda X: X[:, ::2]), Noisy()).fit(labels, labels)
    assert metrics.mean_iou_scorer(halved, labels, y(labels[:, ::2])) == 1
