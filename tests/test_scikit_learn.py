"""The estimators in scikit-learn's searches, cross-validation and pipelines."""

import numpy as np
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, GroupKFold, HalvingGridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from small import TINY, as_ragged

from sslts import FixMatchSegmenter
from sslts.metrics import count_scorer, duration_scorer, mean_iou_scorer, segment_f1_scorer
from sslts.preprocessing import ButterworthFilter, RecordingStandardizer

GROUPS = np.arange(12) // 2


def make_segmenter(**params):
    return FixMatchSegmenter(**{"max_steps": 3, "batch_size": 2, "network": TINY, "random_state": 0, **params})


@pytest.fixture
def half(labeled):
    """Return recordings whose first half is labeled."""
    X, y = labeled
    y = y.copy()
    y[:, 300:] = -1
    return X, y


GRID = {"threshold": [0.6, 0.95], "lambda_u": [0.5, 1.0]}


def test_grid_search_over_nested_parameters_by_groups(half):
    grid = {"network__width": [4, 8], "strong__magnitude": [3, 9], "threshold": [0.5]}
    search = GridSearchCV(make_segmenter(), grid, cv=GroupKFold(3), scoring=segment_f1_scorer, error_score="raise")
    search.fit(*half, groups=GROUPS)
    assert search.best_estimator_.network.width == search.best_params_["network__width"]


def test_halving_search(half):
    search = HalvingGridSearchCV(
        make_segmenter(),
        GRID,
        cv=KFold(2),
        scoring=mean_iou_scorer,
        resource="max_steps",
        max_resources=6,
        min_resources=2,
    )
    assert search.fit(*half).best_estimator_.max_steps == 6


def test_several_scorers_at_once(half):
    scoring = {"iou": mean_iou_scorer, "count": count_scorer, "duration": duration_scorer, "f1": segment_f1_scorer}
    search = GridSearchCV(make_segmenter(), {"lambda_u": [0.0, 1.0]}, cv=2, scoring=scoring, refit="iou").fit(*half)
    assert (search.cv_results_["mean_test_count"] <= 0).all()


@pytest.mark.parametrize("scorer", [mean_iou_scorer, count_scorer])
def test_cross_validation_of_ragged_lists(half, scorer):
    X, y = (as_ragged(a) for a in half)
    assert np.isfinite(cross_val_score(make_segmenter(), X, y, cv=3, scoring=scorer, error_score="raise")).all()


def test_cross_validation_with_the_score_of_the_estimator(half):
    assert ((scores := cross_val_score(make_segmenter(), *half, cv=2)) > 0).all(), scores


@pytest.mark.parametrize("ragged", [False, True])
def test_pipeline(half, ragged):
    X, y = (as_ragged(a) for a in half) if ragged else half
    pipeline = make_pipeline(
        ButterworthFilter(low=0.5, high=20, sampling_rate=50), RecordingStandardizer(), make_segmenter(background=1)
    )
    pipeline.fit(X, y)
    assert len(pipeline.predict(X)) == 12
    assert mean_iou_scorer(pipeline, X, y) == pytest.approx(pipeline.score(X, y))
    search = GridSearchCV(pipeline, {"fixmatchsegmenter__threshold": [0.5, 0.9]}, cv=2, scoring=segment_f1_scorer)
    assert np.isfinite(search.fit(X, y).cv_results_["mean_test_score"]).all()
