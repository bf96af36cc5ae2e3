"""Words as labels: a model of words is the model of their numbers, and everything around a segmenter takes them."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from small import TINY

import sslts
from sslts import Annotations, FixMatchSegmenter, SelfTrainingSegmenter, StreamSegmenter, SupervisedSegmenter, metrics
from sslts import WindowFeatureSegmenter as Features
from sslts.calibration import calibrate_counts
from sslts.datasets import make_recordings
from sslts.model_selection import LabeledKFold, compare_decoders, label_efficiency_curve, mask_labels
from sslts.plotting import CountDisplay, DurationDisplay, ReliabilityDisplay, SegmentationDisplay
from sslts.segments import labels_to_segments, summarize

mpl.use("Agg")
X, Y = make_recordings(8, n_samples=300, random_state=0)
Y = np.where((np.arange(300) >= 150) & (Y == 1), 2, Y)  # two classes
NAMES = {0: "background", 1: "step", 2: "turn"}
WORDS = np.array(list(NAMES.values()), dtype=object)[Y]
PARTLY, PARTLY_WORDS = Y.copy(), WORDS.copy()
PARTLY[4:], PARTLY_WORDS[4:] = -1, None


def make_features():
    return Features(random_state=0)


@pytest.fixture(scope="module")
def fitted():
    return make_features().fit(X, WORDS)


@pytest.fixture(scope="module")
def numbered():
    return make_features().fit(X, Y)


MODELS = {
    "window features": make_features,
    "network": lambda: SupervisedSegmenter(network=TINY, max_steps=2, random_state=0),
    "fixmatch": lambda: FixMatchSegmenter(network=TINY, max_steps=2, random_state=0, guide=None),
    "self-training": lambda: SelfTrainingSegmenter(make_features()),
}


@pytest.mark.parametrize("kind", MODELS)
class TestFit:
    def test_words_give_the_model_of_their_numbers(self, kind, tmp_path):
        ours, theirs = MODELS[kind]().fit(X, PARTLY_WORDS), MODELS[kind]().fit(X, PARTLY)
        np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
        assert ours.class_names_ == NAMES
        assert not hasattr(theirs, "class_names_")
        assert ours.classes_.tolist() == [0, 1, 2]
        wanted = np.array(list(NAMES.values()), dtype=object)[theirs.predict(X)]
        np.testing.assert_array_equal(ours.predict(X), wanted)
        assert [labels.tolist() for labels in ours.predict(list(X))] == wanted.tolist()
        assert ours.score(X, WORDS) == theirs.score(X, Y)
        table = theirs.predict_segments(X)
        assert ours.predict_segments(X)["label"].tolist() == [NAMES[k] for k in table["label"]]
        ours.save(tmp_path / "model.sslts")
        np.testing.assert_array_equal(sslts.load(tmp_path / "model.sslts").predict(X), wanted)

    def test_out_holds_numbers(self, kind):
        model = MODELS[kind]().fit(X, PARTLY_WORDS)
        out = np.zeros(X.shape, dtype=np.int64)
        assert model.predict(X, out=out) is out
        np.testing.assert_array_equal(np.array(list(NAMES.values()), dtype=object)[out], model.predict(X))

    def test_weights(self, kind):
        weights = np.arange(1, 9)
        ours = MODELS[kind]().fit(X, PARTLY_WORDS, sample_weight=weights)
        theirs = MODELS[kind]().fit(X, PARTLY, sample_weight=weights)
        np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
        assert ours.class_names_ == NAMES


class TestValidation:
    def test_words_are_those_of_y(self):
        losses = [
            MODELS["network"]().fit(X, y, validation=(X[:2], held)).history_["valid_loss"].tolist()
            for y, held in ((WORDS, WORDS[:2]), (Y, Y[:2]))
        ]
        assert losses[0] == losses[1]

    def test_a_new_word_is_named(self):
        held = np.where(WORDS[:2] == "turn", "run", WORDS[:2])
        with pytest.raises(ValueError, match=r"validation\[1\] has class 'run', which y does not have"):
            MODELS["network"]().fit(X, WORDS, validation=(X[:2], held))


def test_a_segmenter_of_numbers_knows_no_words(numbered):
    with pytest.raises(ValueError, match="is not numeric"):
        numbered.score(X, WORDS)
    with pytest.raises(ValueError, match="but other labels are words"):
        metrics.mean_iou_scorer(numbered, X, WORDS)


NUMBERS_OF_METRICS = {
    "mean_iou": metrics.mean_iou,
    "mean_iou_each": metrics.mean_iou_each,
    "frame_f1": metrics.frame_f1,
    "segment_f1": metrics.segment_f1,
    "edit_score": metrics.edit_score,
    "covering": metrics.covering,
    "count_error": metrics.count_error,
    "duration_error": metrics.duration_error,
    "agreement": metrics.annotator_agreement,
    "event_f1": lambda *pair: metrics.event_f1(*pair, onset_tolerance=3),
    "interval": lambda *pair: metrics.bootstrap_interval(metrics.segment_f1, *pair, n_resamples=20),
    "difference": lambda true, pred: metrics.bootstrap_difference(metrics.mean_iou, true, pred, true, n_resamples=20),
}
TABLES_OF_METRICS = {
    "class_iou": metrics.class_iou,
    "frame_f1": lambda *pair: metrics.frame_f1(*pair, average=None),
    "segment_f1": lambda *pair: metrics.segment_f1(*pair, average=None),
    "boundary_error": metrics.boundary_error,
    "event_scores": lambda *pair: metrics.event_scores(*pair, by=("label",)).set_index("label"),
}


class TestMetrics:
    @pytest.mark.parametrize("name", NUMBERS_OF_METRICS)
    def test_scores_are_those_of_numbers(self, name, fitted, numbered):
        metric = NUMBERS_OF_METRICS[name]
        np.testing.assert_array_equal(metric(WORDS, fitted.predict(X)), metric(Y, numbered.predict(X)))

    @pytest.mark.parametrize("name", TABLES_OF_METRICS)
    def test_tables_name_the_words(self, name, fitted, numbered):
        metric = TABLES_OF_METRICS[name]
        ours, theirs = metric(WORDS, fitted.predict(X)), metric(Y, numbered.predict(X))
        assert list(ours.index) == [NAMES[k] for k in theirs.index]
        np.testing.assert_array_equal(ours.to_numpy(), theirs.to_numpy())

    def test_confusion(self):
        matrix, classes = metrics.confusion([["step", "background"]], [["step", "turn"]])
        assert matrix.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]
        assert classes.tolist() == ["background", "step", "turn"]

    def test_probabilities_need_the_words_of_their_columns(self, fitted, numbered):
        proba, words = fitted.predict_proba(X), list(NAMES.values())
        wanted = metrics.expected_calibration_error(Y, proba)
        assert metrics.expected_calibration_error(WORDS, proba, classes=words) == wanted
        curve = metrics.reliability_curve(WORDS, proba, classes=words, label="turn")
        pd.testing.assert_frame_equal(curve, metrics.reliability_curve(Y, proba, label=2))
        for call in (metrics.expected_calibration_error, lambda y, p: labels_to_segments(y, proba=p)):
            with pytest.raises(ValueError, match="holds words; pass classes, the word of each column"):
                call(WORDS, proba)

    def test_segments_of_words(self, fitted):
        found = labels_to_segments(fitted.predict(X), proba=fitted.predict_proba(X), classes=list(NAMES.values()))
        pd.testing.assert_frame_equal(found, fitted.predict_segments(X))


SCORERS = [name for name in metrics.__all__ if isinstance(getattr(metrics, name), metrics.SegmentationScorer)]


class TestSelection:
    @pytest.mark.parametrize("name", SCORERS)
    def test_scorers(self, name, fitted, numbered):
        scorer = getattr(metrics, name)
        np.testing.assert_array_equal(scorer(fitted, X, WORDS), scorer(numbered, X, Y))

    def test_a_scorer_counts_by_the_numbers_of_the_segmenter(self):
        models = [Features(random_state=0, background=2).fit(X, y) for y in (WORDS, Y)]
        few = [np.where(y == other, missing, y) for y, other, missing in ((WORDS, "step", None), (Y, 1, -1))]
        scores = [metrics.segment_f1_scorer(model, X, y) for model, y in zip(models, few, strict=True)]
        assert scores[0] == scores[1]

    @pytest.mark.parametrize("container", [pytest.param(lambda y: y, marks=pytest.mark.slow), list])
    def test_searches_and_splitters(self, container):
        ours, theirs = (cross_val_score(make_features(), X, container(y), cv=LabeledKFold(2)) for y in (WORDS, Y))
        np.testing.assert_array_equal(ours, theirs)
        grid = {"smoothing": [0, 3]}
        options = {"cv": LabeledKFold(2), "scoring": metrics.segment_f1_scorer}
        searches = [GridSearchCV(make_features(), grid, **options).fit(X, container(y)) for y in (WORDS, Y)]
        assert searches[0].best_score_ == searches[1].best_score_
        assert set(searches[0].predict(X).flat) <= set(NAMES.values())

    @pytest.mark.parametrize("unit", ["recording", "segment", "sample"])
    def test_masks(self, unit):
        hidden = mask_labels(WORDS, n_labeled=5, unit=unit, random_state=0)
        numbers = mask_labels(Y, n_labeled=5, unit=unit, random_state=0)
        np.testing.assert_array_equal(hidden == -1, numbers == -1)
        np.testing.assert_array_equal(hidden[numbers >= 0], WORDS[numbers >= 0])

    def test_learning_curves(self):
        options = {"n_labeled": [2, 4], "cv": 2, "random_state": 0, "scoring": metrics.mean_iou_scorer}
        ours, theirs = (label_efficiency_curve(make_features(), X, y, **options)["score"] for y in (WORDS, Y))
        np.testing.assert_array_equal(ours, theirs)

    def test_decoders(self, fitted, numbered):
        ours, theirs = (
            compare_decoders(model, X, y, [sslts.decoding.Argmax()]).drop(columns="decoder")
            for model, y in ((fitted, WORDS), (numbered, Y))
        )
        pd.testing.assert_frame_equal(ours, theirs)


@pytest.mark.filterwarnings("ignore:fewer than half", "ignore:level=")
def test_counts_are_calibrated_by_word(fitted):
    calibration = calibrate_counts(fitted, X, WORDS)
    assert set(calibration) == {"step", "turn"}
    table = summarize(fitted.predict_segments(X), [300] * 8, labels=["step", "turn"], calibration=calibration)
    assert table["label"].tolist()[:2] == ["step", "turn"]
    assert set(calibrate_counts(fitted, X, WORDS, cv=2)) == {"step", "turn"}


def test_streams_give_words():
    segmenter = Features(random_state=0, normalization="local").fit(X, WORDS)
    stream = StreamSegmenter(segmenter)
    found = pd.concat([stream.push(X[1]), stream.flush()], ignore_index=True)
    assert found["label"].tolist() == segmenter.predict_segments(X[1:2])["label"].tolist()
    assert set(found["label"]) <= {"step", "turn"}


class TestDisplays:
    @pytest.mark.parametrize("display", [CountDisplay, DurationDisplay, ReliabilityDisplay, SegmentationDisplay])
    def test_of_a_segmenter(self, display, fitted):
        display.from_estimator(fitted, X, WORDS)

    @pytest.mark.parametrize("display", [CountDisplay, DurationDisplay])
    def test_of_labels(self, display, fitted):
        assert set(display.from_predictions(WORDS, fitted.predict(X)).names.values()) == set(NAMES.values())

    def test_of_a_recording(self, fitted):
        given = {"y_true": WORDS[0], "y_pred": fitted.predict(X)[0], "proba": fitted.predict_proba(X)[0]}
        shown = SegmentationDisplay.from_predictions(X[0], **given, classes=list(NAMES.values()))
        assert set(shown.names.values()) <= set(NAMES.values())
        with pytest.raises(ValueError, match="y_true holds words; pass classes"):
            SegmentationDisplay.from_predictions(X[0], **given, classes=fitted.classes_)


def test_annotations_and_words_give_one_model(fitted):
    annotations = Annotations.from_labels(WORDS)
    other = make_features().fit(X, annotations)
    np.testing.assert_array_equal(other.predict(X), fitted.predict(X))
    assert metrics.mean_iou(annotations, fitted.predict(X)) == metrics.mean_iou(WORDS, fitted.predict(X))
