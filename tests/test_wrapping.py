"""What an attribute is asked of, when an estimator wraps another."""

import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sslts import FixMatchSegmenter, SelfTrainingSegmenter, SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.metrics import mean_iou_scorer
from sslts.model_selection import LabeledKFold
from sslts.networks import UNet
from sslts.preprocessing import RecordingStandardizer
from sslts.wrapping import find_attribute, find_owner

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
def test_what_is_wrapped_is_found(name):
    X, y = make_recordings(6, n_samples=300, random_state=0)
    fitted = wrap(name).fit(X, y)
    assert find_attribute(fitted, "background") == 3
    assert find_attribute(fitted, "sampling_rate") == 50
    assert isinstance(find_owner(fitted, "training_set_"), SupervisedSegmenter)
    assert find_attribute(fitted, "statistics_").background == 3


def test_the_outermost_that_has_it_answers():
    assert find_owner(SMALL, "max_steps") is SMALL


def test_without_it_there_is_the_default():
    assert find_owner(FixMatchSegmenter(), "no_such_name") is None
    assert find_attribute(make_pipeline(RecordingStandardizer()), "background", 0) == 0
