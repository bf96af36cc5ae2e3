"""The segmenter by window features: the contract of the networks' segmenters, and its own promises."""

import io
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import check_estimator
from small import ODD_CHECKS

import sslts
from sslts import SelfTrainingSegmenter, StreamSegmenter, SupervisedSegmenter, WindowFeatureSegmenter
from sslts.annotations import LabelRuns
from sslts.datasets import make_recordings
from sslts.decoding import Argmax, DurationViterbi
from sslts.metrics import mean_iou, segment_f1_scorer
from sslts.persistence import PersistenceError, read_card
from sslts.plotting import TrainingHistoryDisplay
from sslts.prediction import parts
from sslts.preprocessing import RecordingStandardizer
from sslts.report import write_report
from sslts.segmenters._classifying import choose_normalization_by_forest, draw_samples
from sslts.segmenters._problem import read_problem

FEW = ExtraTreesClassifier(8, min_samples_leaf=3)


def make(**params):
    return WindowFeatureSegmenter(**{"classifier": FEW, "random_state": 0, **params})


@pytest.fixture(scope="module")
def data():
    X, y = make_recordings(6, n_samples=900, segment_length=24, random_state=0)
    y[3:] = -1
    return X, y


@pytest.fixture(scope="module")
def fitted(data):
    return make().fit(*data)


class TestContract:
    def test_check_estimator(self):
        results = check_estimator(
            make(random_state=None, normalization="recording"),
            expected_failed_checks=ODD_CHECKS,
            on_skip=None,
        )
        assert sum(result["status"] == "passed" for result in results) >= 39

    def test_it_finds_the_pattern(self):
        X, y = make_recordings(20, n_samples=900, segment_length=24, random_state=1)
        few = y.copy()
        few[10:] = -1
        assert WindowFeatureSegmenter(random_state=0).fit(X, few).score(X[10:], y[10:]) > 0.6

    def test_probabilities(self, data, fitted):
        proba = fitted.predict_proba(data[0])
        assert proba.dtype == np.float32
        assert proba.shape == (6, 900, 2)
        np.testing.assert_allclose(proba.sum(-1), 1, atol=1e-5)
        labels = make(decoder=Argmax()).fit(*data).predict(data[0])
        np.testing.assert_array_equal(labels, fitted.classes_[proba.argmax(-1)])

    def test_ragged_recordings_of_many_channels_and_any_classes(self, data):
        X = [np.stack([x, -2 * x, x**2])[:, : 900 - 100 * i] for i, x in enumerate(data[0])]
        y = [
            np.where(labels == 1, 7, np.where(labels == 0, 3, -1))[: 900 - 100 * i] for i, labels in enumerate(data[1])
        ]
        found = make(background=3).fit(X, y)
        assert found.classes_.tolist() == [3, 7]
        assert [len(labels) for labels in found.predict(X)] == [900 - 100 * i for i in range(6)]
        assert set(found.predict_segments(X)["label"]) <= {7}

    def test_a_seed_gives_the_same_bits(self, data, fitted):
        np.testing.assert_array_equal(make().fit(*data).predict_proba(data[0]), fitted.predict_proba(data[0]))
        assert (make(random_state=1).fit(*data).predict_proba(data[0]) != fitted.predict_proba(data[0])).any()

    @pytest.mark.parametrize("n_jobs", [2, -1])
    def test_threads_do_not_change_the_bits(self, data, fitted, n_jobs):
        found = make(n_jobs=n_jobs).fit(*data)
        np.testing.assert_array_equal(found.predict_proba(data[0]), fitted.predict_proba(data[0]))

    def test_unlabeled_samples_never_matter(self, data, fitted):
        X, y = data
        changed = X.copy()
        changed[3:] *= -3
        found = make(normalization="recording").fit(changed, y)
        wanted = make(normalization="recording").fit(X, y)
        np.testing.assert_array_equal(found.predict_proba(X), wanted.predict_proba(X))

    def test_a_clone_is_unfitted_with_the_same_parameters(self, fitted):
        cloned = clone(fitted)
        assert not hasattr(cloned, "classifier_")
        assert repr(cloned) == repr(fitted)
        with pytest.raises(NotFittedError):
            cloned.predict(np.zeros((1, 50)))

    def test_a_pickle_predicts_the_same(self, data, fitted):
        again = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(again.predict_proba(data[0]), fitted.predict_proba(data[0]))

    def test_grid_search(self, data):
        X, y = data
        grid = {"classifier__max_depth": [2, 8], "scales": [(1, 4), (1, 8, 32)]}
        search = GridSearchCV(WindowFeatureSegmenter(random_state=0), grid, cv=2, scoring=segment_f1_scorer)
        search.fit(X[:4], np.concatenate([y[:2], y[:2]]))
        assert search.best_estimator_.classifier.max_depth in (2, 8)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    def test_parameters_of_the_decoder_are_set_on_a_copy(self):
        segmenter = make()
        before = segmenter.decoder
        segmenter.set_params(decoder__smoothing=3.0)
        assert (before.smoothing, segmenter.decoder.smoothing) == (1.0, 3.0)

    def test_a_pipeline(self, data):
        pipeline = make_pipeline(RecordingStandardizer(), make()).fit(*data)
        assert pipeline.predict(data[0]).shape == (6, 900)

    def test_a_refused_fit_keeps_the_earlier_model(self, data):
        found = make().fit(*data)
        before = found.predict_proba(data[0])
        with pytest.raises(ValueError, match="no labeled sample|labeled"):
            found.fit(data[0], np.full(data[1].shape, -1))
        np.testing.assert_array_equal(found.predict_proba(data[0]), before)

    @pytest.mark.parametrize("decoder", [Argmax(), DurationViterbi()])
    def test_decoders(self, data, decoder):
        assert make(decoder=decoder).fit(*data).predict(data[0]).shape == (6, 900)

    def test_the_default_decoder_is_the_decoder_of_the_networks(self):
        assert WindowFeatureSegmenter().decoder == SupervisedSegmenter().decoder


class TestPieces:
    @pytest.mark.parametrize("normalization", ["recording", "local", None])
    @pytest.mark.parametrize("size", [64, 300, 1000])
    def test_pieces_have_the_bits_of_the_whole(self, data, monkeypatch, normalization, size):
        x = np.tile(data[0][0], 4)[None]
        found = make(normalization=normalization, window_length=64, scales=(1, 4, 21), smoothing=3).fit(*data)
        found.stride_ = 4
        whole = found.predict_proba(x)
        monkeypatch.setattr(parts, "_PREDICT_SAMPLES", size)
        np.testing.assert_array_equal(found.predict_proba(x), whole)

    @given(cuts=st.lists(st.integers(0, 900), max_size=5).map(sorted), stride=st.integers(1, 5))
    @settings(max_examples=10, deadline=None)
    def test_a_stream_finds_the_segments_of_the_file(self, cuts, stride):
        X, y = make_recordings(3, n_samples=900, segment_length=24, random_state=0)
        found = make(normalization="recording", scales=(1, 4, 16), decoder=Argmax()).fit(X, y)
        found.stride_ = stride
        location, scale = X[0].mean(), X[0].std()
        stream = StreamSegmenter(found, location=location, scale=scale, block=64)
        tables = [stream.push(chunk) for chunk in np.split(X[0], cuts)]
        table = pd.concat([*tables, stream.flush()], ignore_index=True)
        wanted = found.predict_segments(X[:1])
        assert table[["start", "end", "label"]].equals(wanted[["start", "end", "label"]])
        np.testing.assert_allclose(table["score"], wanted["score"], atol=1e-6)

    def test_a_stream_is_moved_by_its_state_and_knows_its_model(self, data, fitted):
        streams = [StreamSegmenter(fitted, location=0.0, scale=1.0) for _ in range(2)]
        streams[0].push(data[0][0])
        streams[1].set_state(streams[0].get_state())
        other = make(random_state=5).fit(*data)
        with pytest.raises(ValueError, match="weights"):
            StreamSegmenter(other, location=0.0, scale=1.0).set_state(streams[0].get_state())

    def test_recordings_shorter_than_a_window(self, fitted):
        found = fitted.predict_proba([np.arange(n, dtype=float) for n in (1, 2, 7)])
        assert [len(proba) for proba in found] == [1, 2, 7]

    @given(
        gain=st.sampled_from([0.25, 0.5, 2.0, 4096.0]),
        offset=st.sampled_from([-1024.0, 0.0, 8.0]),
    )
    @settings(max_examples=12, deadline=None)
    def test_the_unit_of_a_recording_does_not_matter(self, gain, offset):
        X, y = make_recordings(3, n_samples=600, segment_length=24, random_state=0)
        X = np.round(X, 2)
        found = make(normalization="recording").fit(X, y)
        moved = found.predict_proba(gain * X + offset)
        assert (np.abs(moved - found.predict_proba(X)) > 0.05).mean() < 0.01  # rounding may cross a threshold


class TestClassifiers:
    @pytest.mark.parametrize(
        "classifier",
        [
            RandomForestClassifier(5),
            HistGradientBoostingClassifier(max_iter=5),
            make_pipeline(StandardScaler(), LogisticRegression()),
        ],
        ids=lambda classifier: type(classifier).__name__,
    )
    def test_any_classifier_with_probabilities(self, data, classifier):
        found = make(classifier=classifier, scales=(1, 8)).fit(*data)
        assert found.predict_proba(data[0]).shape == (6, 900, 2)
        assert not hasattr(classifier, "classes_")

    def test_the_classifier_knows_the_classes_by_their_labels(self, data, tmp_path):
        y = np.where(data[1] == 1, 7, data[1])
        found = make(classifier=ExtraTreesClassifier(3, min_samples_leaf=50, class_weight={0: 1, 7: 50})).fit(
            data[0], y
        )
        assert found.classifier_.classes_.tolist() == [0, 7]
        plain = make(classifier=ExtraTreesClassifier(3, min_samples_leaf=50)).fit(data[0], y)
        assert (found.predict(data[0]) == 7).sum() > (plain.predict(data[0]) == 7).sum()
        found.save(tmp_path / "model.sslts")
        assert sslts.load(tmp_path / "model.sslts").classifier_.classes_.tolist() == [0, 7]

    @pytest.mark.parametrize("classifier", [LinearSVC(), ExtraTreesClassifier])
    def test_a_classifier_without_probabilities_is_refused_before_it_is_fitted(self, data, classifier, monkeypatch):
        monkeypatch.setattr(LinearSVC, "fit", lambda *_: pytest.fail("it was fitted"))
        with pytest.raises(ValueError, match="classifier=.*pass"):
            make(classifier=classifier).fit(*data)

    def test_probabilities_that_are_nan_are_refused(self, data):
        class Broken(DummyClassifier):
            def predict_proba(self, X):
                return np.full((len(X), 2), np.nan)

        with pytest.raises(FloatingPointError, match="classifier=Broken"):
            make(classifier=Broken()).fit(*data).predict(data[0])

    def test_probabilities_of_another_shape_are_refused(self, data):
        class Odd(DummyClassifier):
            def predict_proba(self, X):
                return np.ones((len(X), 3))

        with pytest.raises(ValueError, match="classifier=Odd returned probabilities of shape"):
            make(classifier=Odd()).fit(*data).predict(data[0])

    def test_one_class_needs_no_classifier(self, data):
        found = make().fit(data[0], np.full(data[1].shape, 4))
        assert found.classifier_ is None
        assert (found.predict(data[0]) == 4).all()
        buffer = io.BytesIO()
        found.save(buffer)
        assert (sslts.load(io.BytesIO(buffer.getvalue())).predict(data[0]) == 4).all()

    def test_one_labeled_sample_of_a_class_is_drawn(self, data):
        y = data[1].copy()
        y[0, 450] = 9
        found = make(max_samples=100).fit(data[0], y)
        assert found.classes_.tolist() == [0, 1, 9]
        assert found.predict_proba(data[0]).shape == (6, 900, 3)

    @given(counts=st.lists(st.integers(1, 300), min_size=1, max_size=4), most=st.integers(10, 500))
    @settings(max_examples=40, deadline=None)
    def test_every_class_is_drawn_at_its_own_samples(self, counts, most):
        labels = np.concatenate([np.repeat([k, -1], [n, 3]) for k, n in enumerate(counts)])
        recording, position, label = draw_samples(LabelRuns.from_labels([labels]), len(counts), most, seed=0)
        assert (labels[position] == label).all()
        assert set(label) == set(range(len(counts)))
        assert len(set(position)) == len(position) <= max(2 * most, len(counts))
        assert (recording == 0).all()


class TestNormalization:
    def test_units_are_kept_only_if_they_help(self):
        rng = np.random.default_rng(0)
        levels = rng.integers(0, 2, 12)  # one class for each recording, seen in its level only
        X = [level + 0.1 * rng.normal(size=200) for level in levels]
        y = [np.full(200, level) for level in levels]
        assert make().fit(X, y).normalization_ is None
        assert make().fit(X[:6], y[:6]).normalization_ == "recording"  # too few to choose
        X, y = make_recordings(12, n_samples=300, random_state=0)
        assert make().fit(X, y).normalization_ == "recording"

    def test_too_few_recordings_are_not_compared(self):
        problem = read_problem([np.arange(2.0)] * 3, [[0, 1]] * 3, who="WindowFeatureSegmenter")
        unread = lambda *_: pytest.fail("features were read")  # noqa: E731
        assert choose_normalization_by_forest(problem, unread, seed=0) == "recording"

    def test_large_values_are_normalized(self):
        X, y = make_recordings(12, n_samples=300, random_state=0)
        found = make().fit(1e30 * X, y)
        assert found.normalization_ == "recording"
        assert np.isfinite(found.predict_proba(1e30 * X)).all()


class TestFiles:
    @pytest.mark.parametrize("kind", [ExtraTreesClassifier, RandomForestClassifier])
    def test_a_file_predicts_the_same_bits(self, data, tmp_path, kind):
        found = make(classifier=kind(4), background=None).fit(*data)
        found.save(tmp_path / "model.sslts")
        again = sslts.load(tmp_path / "model.sslts")
        np.testing.assert_array_equal(again.predict_proba(data[0]), found.predict_proba(data[0]))
        np.testing.assert_array_equal(again.classifier_.feature_importances_, found.classifier_.feature_importances_)
        assert repr(again) == repr(found)
        card = read_card(tmp_path / "model.sslts")
        assert card["estimator"] == "WindowFeatureSegmenter"
        assert kind.__name__ in card["classifier"]
        again.fit(*data)

    def test_other_classifiers_are_refused_when_saving(self, data, tmp_path):
        found = make(classifier=HistGradientBoostingClassifier(max_iter=2)).fit(*data)
        with pytest.raises(TypeError, match="classifier=HistGradientBoostingClassifier can't be saved"):
            found.save(tmp_path / "model.sslts")
        assert not list(tmp_path.iterdir())

    def test_self_training_around_it_is_saved(self, data, tmp_path):
        found = SelfTrainingSegmenter(make()).fit(*data)
        found.save(tmp_path / "model.sslts")
        again = sslts.load(tmp_path / "model.sslts")
        np.testing.assert_array_equal(again.predict_proba(data[0]), found.predict_proba(data[0]))

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            (lambda state: state["nodes"]["left_child"].__setitem__(0, 10**6), "form no trees"),
            (lambda state: state["nodes"]["feature"].__setitem__(0, 10**6), "form no trees"),
            (lambda state: state["nodes"]["right_child"].__setitem__(0, 0), "form no trees"),
            (lambda state: state["nodes"].pop("threshold"), "other columns"),
            (lambda state: state["sizes"].__setitem__(0, 10**6), "do not fit together"),
            (lambda state: state.__setitem__("values", state["values"][:, :1]), "do not fit together"),
            (lambda state: state["answers"].__imul__(0.5), "answers differently"),
            (lambda state: state.__setitem__("kind", "Pipeline"), "can't build"),
        ],
    )
    def test_damaged_trees_are_refused(self, data, fitted, change, match, monkeypatch):
        get_fitted = WindowFeatureSegmenter._get_fitted

        def damage(self):
            found = get_fitted(self)
            change(found["classifier_"])
            return found

        monkeypatch.setattr(WindowFeatureSegmenter, "_get_fitted", damage)
        buffer = io.BytesIO()
        fitted.save(buffer)
        with pytest.raises(PersistenceError, match=match):
            sslts.load(io.BytesIO(buffer.getvalue()))


class TestNeighbors:
    def test_self_training(self, data):
        found = SelfTrainingSegmenter(make(), shares=(0.5, 1.0)).fit(*data)
        assert found.history_["believed"].tolist() == [0.5, 1.0]
        assert found.predict_segments(data[0]).shape[1] == 6

    @pytest.mark.parametrize(
        ("params", "options", "match"),
        [
            ({"shares": (1.0,), "rank": "agreement"}, {}, "rank='agreement' needs callbacks"),
            ({}, {"validation": 0.3}, "validation: the fit of WindowFeatureSegmenter does not accept"),
            ({}, {"checkpoint": "run.ckpt"}, "checkpoint: the fit of WindowFeatureSegmenter does not accept"),
        ],
    )
    def test_self_training_refuses_what_needs_a_network(self, data, params, options, match, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ValueError, match=match):
            SelfTrainingSegmenter(make(), **params).fit(*data, **options)

    def test_a_network_does_not_start_from_it(self, data, fitted):
        with pytest.raises(ValueError, match="init: a WindowFeatureSegmenter has no network"):
            SupervisedSegmenter(init=fitted, max_steps=1).fit(*data)

    def test_the_history_display_refuses_it(self, fitted):
        with pytest.raises(ValueError, match="WindowFeatureSegmenter is not trained in steps"):
            TrainingHistoryDisplay.from_estimator(fitted)

    @pytest.mark.filterwarnings("ignore")
    def test_the_report(self, fitted, tmp_path):
        X, y = make_recordings(4, n_samples=900, segment_length=24, random_state=3)
        page = write_report(fitted, X, y, tmp_path / "report.html", n_worst=1, n_typical=0).read_text()
        assert "is not trained in steps" in page

    def test_scores_agree(self, data, fitted):
        X, y = make_recordings(4, n_samples=900, segment_length=24, random_state=3)
        assert fitted.score(X, y) == pytest.approx(mean_iou(y, fitted.predict(X), background=0))
