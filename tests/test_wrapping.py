"""Attributes are found in estimators that wrap a segmenter."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sslts import FixMatchSegmenter, SelfTrainingSegmenter, SupervisedSegmenter
from sslts._wrapping import find_attribute, find_fitted, find_owner
from sslts.datasets import make_recordings
from sslts.metrics import mean_iou_scorer
from sslts.model_selection import LabeledKFold
from sslts.networks import UNet
from sslts.plotting import TrainingHistoryDisplay
from sslts.preprocessing import RecordingStandardizer

SMALL = SupervisedSegmenter(
    network=UNet(width=4, depth=1), max_steps=2, batch_size=4, background=3, sampling_rate=50, random_state=0
)


def wrap(name):
    if name == "pipeline":
        return make_pipeline(RecordingStandardizer(), SMALL)
    if name == "search":
        search = GridSearchCV(SMALL, {"lr": [1e-3]}, scoring=mean_iou_scorer, cv=LabeledKFold(2))
        return make_pipeline(RecordingStandardizer(), search)
    return SelfTrainingSegmenter(SMALL)


@pytest.mark.parametrize("name", ["pipeline", "search", "self-training"])
def test_wrapped_segmenters_are_found(name):
    X, y = make_recordings(6, n_samples=300, random_state=0)
    fitted = wrap(name).fit(X, y)
    assert find_attribute(fitted, "background") == 3
    assert find_attribute(fitted, "sampling_rate") == 50
    assert isinstance(find_fitted(fitted), SupervisedSegmenter)
    assert find_attribute(fitted, "statistics_").background == 3


def test_the_outermost_estimator_with_the_attribute_is_found():
    assert find_owner(SMALL, "max_steps") is SMALL


def test_a_missing_attribute_gives_the_default():
    assert find_owner(FixMatchSegmenter(), "no_such_name") is None
    assert find_attribute(make_pipeline(RecordingStandardizer()), "background", 0) == 0


def test_self_training_reads_parameters_inside_a_pipeline():
    segmenter = SelfTrainingSegmenter(make_pipeline(RecordingStandardizer(), SMALL))
    assert (segmenter.background, segmenter.sampling_rate) == (3, 50)


def test_a_fitted_pipeline_can_be_init():
    X, y = make_recordings(6, n_samples=300, random_state=0)
    fitted = make_pipeline(RecordingStandardizer(), SMALL).fit(X, y)
    later = clone(SMALL).set_params(init=fitted, lr=1e-12, max_steps=1).fit(X, y)
    np.testing.assert_allclose(later.predict_proba(X), fitted.predict_proba(X), atol=1e-2)


def test_an_unfitted_estimator_is_refused():
    with pytest.raises(NotFittedError, match="init: there is no fitted segmenter in this FixMatchSegmenter"):
        find_fitted(FixMatchSegmenter(), "init")
    with pytest.raises(NotFittedError, match="segmenter: there is no fitted segmenter in this Pipeline"):
        TrainingHistoryDisplay.from_estimator(make_pipeline(RecordingStandardizer()))
