"""`Recordings` and `Annotations` are taken wherever arrays of recordings and labels are taken."""

import inspect

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from small import TINY

from sslts import (
    Annotations,
    FixMatchSegmenter,
    Recordings,
    SelfTrainingSegmenter,
    StreamSegmenter,
    metrics,
    model_selection,
    plotting,
    preprocessing,
)
from sslts import WindowFeatureSegmenter as Features
from sslts.calibration import calibrate_counts
from sslts.datasets import make_recordings
from sslts.decoding import Argmax
from sslts.segments import labels_to_segments, summarize

mpl.use("Agg")
pytestmark = pytest.mark.filterwarnings("ignore:fewer than half", "ignore:level=")
VALUES, Y = make_recordings(6, n_samples=300, random_state=0)
NAMES = list("abcdef")
X = Recordings.from_arrays(VALUES, names=NAMES, channel_names=["force"], sampling_rate=50)
ROWS = Annotations.from_labels(np.where(Y, "step", "background")).table
ANNOTATIONS = Annotations.from_table(ROWS.assign(recording=[NAMES[i] for i in ROWS["recording"]]), X, looked_at=NAMES)
CURVE = {"n_labeled": [2], "cv": 2, "random_state": 0}
PAIR = {"y_true": ANNOTATIONS, "y_pred": ANNOTATIONS}


@pytest.fixture(scope="module")
def fitted():
    return Features(random_state=0, normalization="local").fit(X, ANNOTATIONS)


def list_public(module, keep):
    return [name for name in module.__all__ if keep(getattr(module, name))]


TRANSFORMERS = {
    "ButterworthFilter": {"high": 10.0, "sampling_rate": 50},
    "FillGaps": {},
    "RecordingStandardizer": {},
    "WindowFeatures": {},
}


class TestRecordings:
    def test_every_transformer_is_tested(self):
        found = list_public(preprocessing, lambda one: inspect.isclass(one) and hasattr(one, "transform"))
        assert set(found) - {"LengthKeeping"} == set(TRANSFORMERS)

    @pytest.mark.parametrize("name", TRANSFORMERS)
    def test_transformers_keep_the_names(self, name):
        transformer = getattr(preprocessing, name)(**TRANSFORMERS[name])
        found = transformer.fit(X, ANNOTATIONS).transform(X)
        assert isinstance(found, Recordings)
        assert (found.names, found.sampling_rate) == (X.names, 50)

    def test_pipelines(self):
        pipeline = make_pipeline(preprocessing.FillGaps(), Features(random_state=0)).fit(X, ANNOTATIONS)
        assert pipeline.score(X, ANNOTATIONS) > 0.9

    def test_streams(self, fitted):
        stream = StreamSegmenter(fitted)
        found = pd.concat([stream.push(X[1]), stream.flush()], ignore_index=True)
        assert found["label"].tolist() == fitted.predict_segments(X[1])["label"].tolist()
        with pytest.raises(ValueError, match=r"chunk holds 6 recordings, a stream is one; push recordings\[i\]"):
            StreamSegmenter(fitted).push(X)

    def test_streams_compare_the_names_of_channels(self):
        both = np.stack([VALUES, -VALUES], axis=1)
        wide = Recordings.from_arrays(both, channel_names=["force", "flow"])
        fitted = Features(random_state=0, normalization="local").fit(wide, ANNOTATIONS)
        with pytest.raises(ValueError, match="pass them in the same order"):
            StreamSegmenter(fitted).push(Recordings.from_arrays(both[:1], channel_names=["flow", "force"]))

    def test_summaries(self, fitted):
        assert summarize(fitted.predict_segments(X), X)["recording"].tolist()[0] == "a"


SPLITTERS = list_public(model_selection, lambda one: hasattr(one, "split"))
SCORERS = list_public(metrics, lambda one: isinstance(one, metrics.SegmentationScorer))
PAIRED = list_public(
    metrics, lambda one: inspect.isfunction(one) and list(inspect.signature(one).parameters)[:2] == ["y_true", "y_pred"]
)
NEEDED = {"event_f1": {"onset_tolerance": 3}}


@pytest.mark.filterwarnings("ignore:LabeledKFold ignores groups")
class TestBoth:
    @pytest.mark.parametrize("name", SPLITTERS)
    def test_splitters(self, name):
        splitter = getattr(model_selection, name)(2)
        for train, test in splitter.split(X, ANNOTATIONS, groups=[0, 0, 1, 1, 2, 2]):
            assert len(train) + len(test) == 6

    @pytest.mark.parametrize("name", SCORERS)
    def test_scorers(self, name, fitted):
        assert np.isfinite(getattr(metrics, name)(fitted, X, ANNOTATIONS))

    @pytest.mark.parametrize("name", PAIRED)
    def test_metrics(self, name, fitted):
        metric, options = getattr(metrics, name), NEEDED.get(name, {})
        for found in (ANNOTATIONS, fitted.predict(X)):
            assert metric(ANNOTATIONS, found, **options) is not None

    def test_metrics_of_other_forms(self, fitted):
        proba = fitted.predict_proba(X)
        assert metrics.expected_calibration_error(ANNOTATIONS, proba, classes=fitted.classes_) < 1
        assert len(metrics.reliability_curve(ANNOTATIONS, proba, classes=fitted.classes_)) == 10
        assert metrics.annotator_agreement(ANNOTATIONS, ANNOTATIONS)["kappa"] == 1
        assert metrics.bootstrap_interval(metrics.mean_iou, **PAIR, n_resamples=10).estimate == 1
        found = metrics.bootstrap_difference(metrics.mean_iou, **PAIR, y_baseline=fitted.predict(X), n_resamples=10)
        assert found.estimate > 0
        assert len(labels_to_segments(ANNOTATIONS)) == len(ROWS)

    def test_searches(self):
        assert np.isfinite(cross_val_score(Features(random_state=0), X, ANNOTATIONS, cv=2)).all()
        cv = model_selection.LabeledKFold(2)
        search = GridSearchCV(Features(random_state=0), {"smoothing": [0, 3]}, cv=cv).fit(X, ANNOTATIONS)
        assert isinstance(search.predict(X), np.ndarray)

    def test_tools_of_selection(self, fitted):
        few = model_selection.mask_labels(ANNOTATIONS, n_labeled=2, random_state=0)
        assert (type(few), len(few.looked_at)) == (Annotations, 2)
        assert len(model_selection.compare_decoders(fitted, X, ANNOTATIONS, [Argmax()])) == 1
        segmenter = Features(random_state=0)
        assert len(model_selection.label_efficiency_curve(segmenter, X, ANNOTATIONS, **CURVE)) == 2
        grown = SelfTrainingSegmenter(segmenter).fit(X, few)
        assert set(grown.predict_segments(X)["label"]) <= {"step"}

    @pytest.mark.parametrize("cv", [None, 2])
    def test_calibration(self, fitted, cv):
        assert set(calibrate_counts(fitted, X, ANNOTATIONS, cv=cv)) == {"step"}

    @pytest.mark.parametrize("name", list_public(plotting, inspect.isclass))
    def test_displays(self, name, fitted):
        display = getattr(plotting, name)
        if name == "LabelEfficiencyDisplay":
            display.from_estimator(Features(random_state=0), X, ANNOTATIONS, **CURVE)
        elif name == "LabelingDisplay":
            options = {"test": (X, ANNOTATIONS), "rounds": 2, "budget": 1}
            display.from_estimator(Features(random_state=0), X, ANNOTATIONS, **options)
        elif name == "TrainingHistoryDisplay":
            few = model_selection.mask_labels(ANNOTATIONS, n_labeled=3, random_state=0)
            network = FixMatchSegmenter(network=TINY, max_steps=2, random_state=0, guide=None).fit(X, few)
            display.from_estimator(network, X, ANNOTATIONS)
        elif name == "CountsOverTimeDisplay":
            starts = pd.date_range("2026-03-02", periods=len(X), freq="1h")
            display.from_estimator(fitted, Recordings.from_arrays(X, sampling_rate=1, starts=starts))
        else:
            display.from_estimator(fitted, X, ANNOTATIONS)


class TestDetectors:
    detectors = pytest.importorskip("sslts.adapters.sktime", exc_type=ImportError)
    frame = pd.DataFrame({"x": VALUES[1]})

    def test_recordings_are_refused(self):
        with pytest.raises(TypeError, match="sktime compatible format"):
            self.detectors.WindowFeatureDetector(random_state=0).fit(X, ANNOTATIONS)

    def test_annotations_are_labels(self):
        detectors = [
            self.detectors.WindowFeatureDetector(random_state=0).fit(self.frame, y)
            for y in (ANNOTATIONS[1], pd.Series(Y[1]))
        ]
        pd.testing.assert_frame_equal(*(detector.predict(self.frame) for detector in detectors))

    def test_words_are_refused(self):
        with pytest.raises(ValueError, match="y holds words, but sktime's detectors label with integers"):
            self.detectors.WindowFeatureDetector(random_state=0).fit(self.frame, pd.Series(np.where(Y[1], "a", "b")))
