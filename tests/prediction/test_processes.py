"""Fits in processes of joblib. The tests share a pool, because the imports take longer than the fits."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, KFold
from small import TINY

from sslts import FixMatchSegmenter, SupervisedSegmenter
from sslts.metrics import mean_iou_scorer
from sslts.model_selection import label_efficiency_curve

FAST = {"max_steps": 2, "batch_size": 2, "network": TINY, "random_state": 0}


@pytest.mark.slow  # processes take seconds to start
def test_grid_search_in_two_processes(labeled):
    X, y = labeled
    half = X, np.where(np.arange(600) < 300, y, -1)
    grid = {"threshold": [0.6, 0.95], "lambda_u": [0.5, 1.0]}
    search = GridSearchCV(FixMatchSegmenter(**FAST), grid, cv=KFold(2), scoring=mean_iou_scorer, n_jobs=2).fit(*half)
    assert set(search.best_params_) == set(grid)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.threshold == search.best_params_["threshold"]


@pytest.mark.slow
def test_a_curve_of_ragged_recordings_in_two_processes(labeled):
    X, y = ([a[: 600 - 20 * i] for i, a in enumerate(part)] for part in labeled)
    estimators = {"labels alone": SupervisedSegmenter(**FAST), "FixMatch": FixMatchSegmenter(**FAST)}
    options = {"n_labeled": [2], "n_unlabeled": 3, "cv": 1, "random_state": 0}
    alone = label_efficiency_curve(estimators, X, y, **options)
    both = label_efficiency_curve(estimators, X, y, n_jobs=2, **options)
    pd.testing.assert_frame_equal(alone.drop(columns="seconds"), both.drop(columns="seconds"))
