import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sslts import SelfTrainingSegmenter, SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.decoding import Argmax, DurationViterbi, Hysteresis, predict_both
from sslts.networks import UNet
from sslts.preprocessing import RecordingStandardizer

X, y = make_recordings(6, n_samples=300, n_classes=3, random_state=0)
y = np.where(y == 2, 5, y)


def make_segmenter():
    return SupervisedSegmenter(max_steps=8, batch_size=2, network=UNet(width=8, depth=2), random_state=0)


@pytest.fixture(scope="module")
def fitted():
    return make_segmenter().fit(X, y)


def check(segmenter, recordings):
    labels, probas = predict_both(segmenter, recordings)
    for i, (found, proba) in enumerate(
        zip(segmenter.predict(recordings), segmenter.predict_proba(recordings), strict=True)
    ):
        np.testing.assert_array_equal(labels[i], found)
        np.testing.assert_array_equal(probas[i], proba)


@pytest.mark.parametrize(
    "decoder",
    [Argmax(), Hysteresis(onset=0.4, offset=0.3, min_length=9), DurationViterbi(), DurationViterbi(max_latency=40)],
)
def test_labels_and_probabilities_equal_predict_and_predict_proba(fitted, decoder):
    fitted.set_params(decoder=decoder)
    check(fitted, X)
    check(fitted, [X[0], X[1, :120]])
    check(fitted, np.concatenate(list(X) * 3)[None])


@pytest.mark.parametrize(
    "wrapped",
    [
        make_pipeline(RecordingStandardizer(), make_segmenter().set_params(decoder=Hysteresis(min_length=9))),
        GridSearchCV(make_segmenter(), {"decoder": [Hysteresis(min_length=30)]}, cv=2),
        SelfTrainingSegmenter(make_segmenter().set_params(decoder=Hysteresis(min_length=9)), threshold=0.5),
    ],
    ids=["pipeline", "search", "self-training"],
)
def test_wrapped_segmenters_use_the_decoder_inside(wrapped):
    check(wrapped.fit(X, y), X)


def test_the_network_runs_once(fitted, monkeypatch):
    monkeypatch.setattr(type(fitted), "predict", None)
    assert len(predict_both(fitted, X)[0]) == len(X)


def test_a_segmenter_without_a_decoder_predicts_twice():
    class Plain:
        def predict(self, X):
            return [np.ones(len(x), dtype=int) for x in X]

        def predict_proba(self, X):
            return [np.eye(2)[np.zeros(len(x), dtype=int)] for x in X]

    assert [found.tolist() for found in predict_both(Plain(), [[0, 0]])[0]] == [[1, 1]]
