"""`Recordings` and `Annotations` are taken wherever arrays of recordings and labels are taken."""

import datetime
import inspect

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from small import TINY

import sslts
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
    report,
)
from sslts import WindowFeatureSegmenter as Features
from sslts.calibration import calibrate_counts
from sslts.datasets import make_recordings
from sslts.decoding import Argmax
from sslts.labeling import simulate_labeling, suggest_stretches
from sslts.segments import labels_to_segments, summarize

mpl.use("Agg")
pytestmark = pytest.mark.filterwarnings("ignore:fewer than half", "ignore:level=")
VALUES, Y = make_recordings(6, n_samples=300, random_state=0)
NAMES = list("abcdef")
X = Recordings.from_arrays(VALUES, names=NAMES, channel_names=["force"], sampling_rate=50)
ROWS = Annotations.from_labels(np.where(Y, "step", "background")).table
ANNOTATIONS = Annotations.from_table(ROWS.assign(recording=[NAMES[i] for i in ROWS["recording"]]), X, looked_at=NAMES)
CURVE = {"n_labeled": [2], "cv": 2, "random_state": 0}
LABELING = {"rounds": 2, "budget": 1, "random_state": 0}
PLAIN, LABELS = Recordings.from_arrays(VALUES), Annotations.from_labels(Y)  # nouns that add nothing to the arrays
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
            display.from_estimator(Features(random_state=0), X, ANNOTATIONS, test=(X, ANNOTATIONS), **LABELING)
        elif name == "TrainingHistoryDisplay":
            few = model_selection.mask_labels(ANNOTATIONS, n_labeled=3, random_state=0)
            network = FixMatchSegmenter(network=TINY, max_steps=2, random_state=0, guide=None).fit(X, few)
            display.from_estimator(network, X, ANNOTATIONS)
        elif name == "CountsOverTimeDisplay":
            starts = pd.date_range("2026-03-02", periods=len(X), freq="1h")
            display.from_estimator(fitted, Recordings.from_arrays(X, sampling_rate=1, starts=starts))
        else:
            display.from_estimator(fitted, X, ANNOTATIONS)


FEW = model_selection.mask_labels(Y, n_labeled=4, random_state=0)
NETWORK = {"network": TINY, "max_steps": 2, "random_state": 0}
SEGMENTERS = {
    "FixMatchSegmenter": lambda: FixMatchSegmenter(**NETWORK, guide=None),
    "MeanTeacherSegmenter": lambda: sslts.MeanTeacherSegmenter(**NETWORK),
    "PseudoLabelSegmenter": lambda: sslts.PseudoLabelSegmenter(**NETWORK),
    "SelfTrainingSegmenter": lambda: SelfTrainingSegmenter(Features(random_state=0)),
    "SupervisedSegmenter": lambda: sslts.SupervisedSegmenter(**NETWORK),
    "WindowFeatureSegmenter": lambda: Features(random_state=0),
}
SCORED = {name: getattr(metrics, name) for name in SCORERS} | {
    "make_event_f1_scorer": metrics.make_event_f1_scorer(3),
    "make_event_scorer": metrics.make_event_scorer("f1", 3),
}
OF_PROBA = ["expected_calibration_error", "read_confidence", "reliability_curve"]
OF_NO_LABELS = {"average_gap", "bin_confidence", "find_segments", "match_segments", "tallied"}
TOOLS = {
    "compare_decoders": lambda X, y, fitted: model_selection.compare_decoders(fitted, X, y, [Argmax()]),
    "label_efficiency_curve": lambda X, y, fitted: model_selection.label_efficiency_curve(
        Features(random_state=0), X, y, **CURVE
    ).drop(columns="seconds"),
    "suggest_stretches": lambda X, y, fitted: suggest_stretches(
        fitted, X, model_selection.mask_labels(y, n_labeled=2, random_state=0), n=2, random_state=0
    ),
    "simulate_labeling": lambda X, y, fitted: simulate_labeling(
        Features(random_state=0), X, y, test=(X, y), **LABELING
    ).drop(columns="fit_seconds"),
    "tune_decoder": lambda X, y, fitted: repr(model_selection.tune_decoder(fitted, X, y, decoders=[Argmax()])),
    "calibrate_counts": lambda X, y, fitted: calibrate_counts(fitted, X, y),
    "calibrate_counts by cross-fitting": lambda X, y, fitted: calibrate_counts(fitted, X, y, cv=2),
    "annotator_agreement": lambda X, y, fitted: metrics.annotator_agreement(y, Y),
    "bootstrap_interval": lambda X, y, fitted: metrics.bootstrap_interval(
        metrics.segment_f1, y, fitted.predict(X), n_resamples=20
    ),
    "bootstrap_difference": lambda X, y, fitted: metrics.bootstrap_difference(
        metrics.mean_iou, y, fitted.predict(X), y, n_resamples=20
    ),
    "labels_to_segments": lambda X, y, fitted: labels_to_segments(y),
    "cross_val_score": lambda X, y, fitted: cross_val_score(Features(random_state=0), X, y, cv=2),
    "stream": lambda X, y, fitted: pd.concat([(stream := StreamSegmenter(fitted)).push(X[:1][0]), stream.flush()]),
}
REPORTS = {
    "write_report": lambda X, y, fitted, path: report.write_report(fitted, X, y, path, date=TODAY),
    "write_cross_validated_report": lambda X, y, fitted, path: report.write_cross_validated_report(
        Features(random_state=0), X, y, path, cv=2, date=TODAY
    ),
    "write_production_report": lambda X, y, fitted, path: report.write_production_report(fitted, X, path, date=TODAY),
}
TODAY = datetime.date(2026, 3, 2)


def assert_same(found, wanted):
    """Check that two results hold the same bits."""
    if isinstance(wanted, (pd.DataFrame, pd.Series)):
        getattr(pd.testing, f"assert_{'frame' if wanted.ndim > 1 else 'series'}_equal")(found, wanted, check_exact=True)
    elif isinstance(wanted, tuple):
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    elif isinstance(wanted, (dict, str, int, float)):
        assert repr(found) == repr(wanted)
    else:
        assert type(found) is type(wanted)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.filterwarnings("ignore::UserWarning")
class TestTheSameBits:
    """What `Recordings` without names and `Annotations` without words give is what their arrays give."""

    @pytest.fixture(scope="class")
    def plain(self):
        return Features(random_state=0, normalization="local").fit(VALUES, Y)

    def test_every_segmenter_is_tested(self):
        found = {name for name in sslts.__all__ if name.endswith("Segmenter")}
        assert found - {"SemiSupervisedSegmenter", "StreamSegmenter"} == set(SEGMENTERS)

    @pytest.mark.parametrize("name", SEGMENTERS)
    def test_segmenters(self, name):
        ours, theirs = SEGMENTERS[name](), SEGMENTERS[name]()
        ours.fit(PLAIN, Annotations.from_labels(FEW))
        theirs.fit(VALUES, FEW)
        for method in ("predict_proba", "predict", "predict_segments"):
            assert_same(getattr(ours, method)(PLAIN), getattr(theirs, method)(VALUES))
        np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(VALUES))
        assert ours.score(PLAIN, LABELS) == theirs.score(VALUES, Y)

    @pytest.mark.parametrize("name", SEGMENTERS)
    def test_names_and_words_change_no_number(self, name):
        words = np.where(FEW < 0, None, np.where(FEW, "step", "background"))
        ours, theirs = SEGMENTERS[name]().fit(X, words), SEGMENTERS[name]().fit(VALUES, FEW)
        np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(VALUES))
        found, wanted = ours.predict_segments(X), theirs.predict_segments(VALUES)
        assert found["recording"].tolist() == [NAMES[i] for i in wanted["recording"]]
        assert set(found["label"]) <= {"step"}
        pd.testing.assert_frame_equal(found[["start", "end", "score"]], wanted[["start", "end", "score"]])

    @pytest.mark.parametrize("name", TRANSFORMERS)
    def test_transformers(self, name):
        make = getattr(preprocessing, name)
        ours, theirs = (make(**TRANSFORMERS[name]).fit(x).transform(x) for x in (PLAIN, VALUES))
        for i in range(len(VALUES)):
            np.testing.assert_array_equal(ours.get(i), theirs[i])

    @pytest.mark.parametrize("name", [*PAIRED, "event_f1"])
    def test_metrics(self, name, plain):
        metric, options = getattr(metrics, name), NEEDED.get(name, {})
        predicted = plain.predict(VALUES)
        found = Annotations.from_labels(predicted)
        for pair in ((LABELS, found), (LABELS, predicted), (Y, found)):
            assert_same(metric(*pair, **options), metric(Y, predicted, **options))

    @pytest.mark.parametrize("name", OF_PROBA)
    def test_metrics_of_probabilities(self, name, plain):
        proba, metric = plain.predict_proba(VALUES), getattr(metrics, name)
        for found, wanted in zip(np.atleast_1d(metric(LABELS, proba)), np.atleast_1d(metric(Y, proba)), strict=True):
            np.testing.assert_array_equal(found, wanted)

    def test_every_metric_is_tested(self):
        named = {name for name in metrics.__all__ if inspect.isfunction(getattr(metrics, name))}
        assert named == {*PAIRED, *OF_PROBA, *OF_NO_LABELS, *(set(TOOLS) & named), *(set(SCORED) & named)}

    @pytest.mark.parametrize("name", SCORED)
    def test_scorers(self, name, plain):
        assert_same(SCORED[name](plain, PLAIN, LABELS), SCORED[name](plain, VALUES, Y))

    @pytest.mark.parametrize("name", SPLITTERS)
    def test_splitters(self, name):
        make, groups = getattr(model_selection, name), [0, 0, 1, 1, 2, 2]
        options = {"random_state": 0} if "random_state" in inspect.signature(make).parameters else {}
        both = [list(make(2, **options).split(*pair, groups)) for pair in ((PLAIN, LABELS), (VALUES, Y))]
        for ours, theirs in zip(*both, strict=True):
            for found, wanted in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(found, wanted)

    @pytest.mark.parametrize("name", TOOLS)
    def test_tools(self, name, plain):
        assert_same(TOOLS[name](PLAIN, LABELS, plain), TOOLS[name](VALUES, Y, plain))

    def test_masks(self):
        for options in ({"n_labeled": 2}, {"fraction": 0.5}):
            ours, theirs = (model_selection.mask_labels(y, **options, random_state=0) for y in (LABELS, Y))
            np.testing.assert_array_equal(ours.list_labels(), theirs)

    @pytest.mark.parametrize("name", list_public(plotting, inspect.isclass))
    def test_displays(self, name, plain):
        drawn = []
        for signals, labels in ((PLAIN, LABELS), (VALUES, Y)):
            drawn.append(self.draw(name, plain, signals, labels))
        assert drawn[0]
        for found, wanted in zip(*drawn, strict=True):
            np.testing.assert_array_equal(found, wanted)

    def draw(self, name, plain, signals, labels):
        """Return the points of the lines, areas and bars of a display."""
        display = getattr(plotting, name)
        if name == "LabelEfficiencyDisplay":
            shown = display.from_estimator(Features(random_state=0), signals, labels, **CURVE)
        elif name == "LabelingDisplay":
            options = {"test": (signals, labels), **LABELING}
            shown = display.from_estimator(Features(random_state=0), signals, labels, **options)
        elif name == "CountsOverTimeDisplay":
            starts = pd.date_range("2026-03-02", periods=len(VALUES), freq="1h")
            shown = display.from_estimator(plain, Recordings.from_arrays(signals, sampling_rate=1, starts=starts))
        elif name == "TrainingHistoryDisplay":
            network = SEGMENTERS["SupervisedSegmenter"]().fit(signals, labels)
            shown = display.from_estimator(network, signals, labels)
        else:
            shown = display.from_estimator(plain, signals, labels)
        axes = shown.figure_.axes
        plt.close(shown.figure_)
        points = [line.get_xydata() for ax in axes for line in ax.lines]
        points += [path.vertices for ax in axes for one in ax.collections for path in one.get_paths()]
        return [*points, *(patch.get_extents().get_points() for ax in axes for patch in ax.patches)]

    @pytest.mark.usefixtures("no_pictures")
    @pytest.mark.parametrize("name", REPORTS)
    def test_reports(self, name, plain, tmp_path):
        assert set(REPORTS) == set(report.__all__)
        pages = [
            REPORTS[name](signals, labels, plain, tmp_path / f"{k}.html").read_text()
            for k, (signals, labels) in enumerate(((PLAIN, LABELS), (VALUES, Y)))
        ]
        assert pages[0] == pages[1]


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
