"""The baseline learns from labeled samples alone."""

import numpy as np
from small import TINY

from sslts import FixMatchSegmenter, SupervisedSegmenter


def test_unlabeled_recordings_change_nothing(partly):
    X, y = partly
    params = {"max_steps": 6, "batch_size": 4, "network": TINY, "random_state": 0}
    other = X.copy()
    other[4:] = 77 * other[4:] + 5
    a = SupervisedSegmenter(**params).fit(X, y).predict_proba(X)
    b = SupervisedSegmenter(**params).fit(other, y).predict_proba(X)
    np.testing.assert_array_equal(a, b)


def test_it_learns(labeled):
    X, y = labeled
    params = {"batch_size": 8, "network": TINY.replace(width=16), "random_state": 0, "lr": 1e-2}
    before = SupervisedSegmenter(max_steps=1, **params).fit(X, y).score(X, y)
    after = SupervisedSegmenter(max_steps=120, **params).fit(X, y).score(X, y)
    assert after > before + 0.1


def test_it_shares_the_parameters_that_are_not_fixmatchs_own():
    own = {"threshold", "lambda_u", "mu", "guide"}
    shared = set(FixMatchSegmenter().get_params(deep=False)) - own
    assert set(SupervisedSegmenter().get_params(deep=False)) == shared
    for name in shared:
        assert getattr(SupervisedSegmenter(), name) == getattr(FixMatchSegmenter(), name)
