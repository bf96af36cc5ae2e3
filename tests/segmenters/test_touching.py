"""A segmenter that is fitted on annotations tells occurrences that touch apart."""

import io

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from small import TINY

import sslts
from sslts import Annotations, FixMatchSegmenter, SelfTrainingSegmenter, SupervisedSegmenter, WindowFeatureSegmenter
from sslts.decoding import Argmax
from sslts.metrics import bootstrap_interval, count_error, count_scorer, event_scores, segment_f1, segment_f1_scorer
from sslts.networks import UNet
from sslts.preprocessing import RecordingStandardizer

LEARNING = {"max_steps": 60, "batch_size": 4, "network": UNet(width=8, depth=2), "random_state": 0}


def make_cycles(n, seed, *, pauses, n_samples=600):
    """Return recordings of saw teeth that touch, and the table of the teeth."""
    rng = np.random.default_rng(seed)
    X, rows = np.zeros((n, n_samples)), []
    for i in range(n):
        start = int(rng.integers(0, 20)) if pauses else 0
        while start < n_samples:
            size = int(rng.integers(24, 36))
            end = min(start + size, n_samples)
            X[i, start:end] = np.linspace(1, 0, size)[: end - start]
            rows.append((i, start, end, 1))
            start = end + (40 if pauses and rng.random() < 0.2 else 0)
    table = pd.DataFrame(rows, columns=["recording", "start", "end", "label"])
    return (X + 0.05 * rng.standard_normal(X.shape)).astype(np.float32), table


@pytest.fixture(scope="module")
def cycles():
    X, table = make_cycles(8, 0, pauses=True)
    return X, Annotations.from_table(table[table["recording"] < 4], X)


@pytest.fixture(scope="module")
def fitted(cycles):
    return WindowFeatureSegmenter(random_state=0).fit(*cycles)


@pytest.fixture(scope="module")
def test_set():
    X, table = make_cycles(6, 1, pauses=True)
    return X, Annotations.from_table(table, X)


class TestLearning:
    @pytest.mark.parametrize(
        "segmenter",
        [WindowFeatureSegmenter(random_state=0), SupervisedSegmenter(**LEARNING), FixMatchSegmenter(**LEARNING)],
        ids=lambda segmenter: type(segmenter).__name__,
    )
    def test_every_occurrence_is_found(self, segmenter, cycles, test_set):
        X, truth = test_set
        found = truth.replace_segments(segmenter.fit(*cycles).predict_segments(X))
        assert segment_f1(truth, found) > 0.9
        assert abs(len(found.table) / len(truth.table) - 1) < 0.06
        without = truth.replace_segments(clone(segmenter).fit(cycles[0], cycles[1].list_labels()).predict_segments(X))
        assert segment_f1(truth, without) < 0.6  # groups are found as one

    def test_one_class_without_background_is_enough(self):
        X, table = make_cycles(4, 2, pauses=False)
        segmenter = WindowFeatureSegmenter(random_state=0).fit(X, Annotations.from_table(table, X))
        assert segmenter.classes_.tolist() == [1]
        assert (segmenter.predict(X) == 1).all()
        assert segmenter.predict_proba(X).shape == (*X.shape, 1)
        assert abs(len(segmenter.predict_segments(X)) - len(table)) <= 2

    def test_segments_of_one_sample_become_one_with_a_warning(self):
        X = np.random.default_rng(0).standard_normal((2, 60))
        rows = [(i, start, start + 1, 1) for i in range(2) for start in range(20, 40)]
        table = pd.DataFrame(rows, columns=["recording", "start", "end", "label"])
        with pytest.warns(UserWarning, match="y: 38 segments touch a segment of one sample before them"):
            WindowFeatureSegmenter(random_state=0).fit(X, Annotations.from_table(table, X))

    def test_the_decoder_of_labels_may_be_any(self, cycles, fitted):
        X, _ = cycles
        other = WindowFeatureSegmenter(decoder=Argmax(), random_state=0).fit(*cycles)
        np.testing.assert_array_equal(other.predict(X), other.classes_[other.predict_proba(X).argmax(-1)])
        assert len(other.predict_segments(X)) > 0.9 * len(fitted.predict_segments(X))


class TestAnswers:
    def test_shapes_and_meanings_stay(self, fitted, cycles):
        X, _ = cycles
        proba = fitted.predict_proba(X)
        assert (fitted.predict(X).shape, proba.shape) == (X.shape, (*X.shape, 2))
        np.testing.assert_allclose(proba.sum(-1), 1, atol=1e-5)
        assert set(np.unique(fitted.predict(X))) <= {0, 1}

    def test_segments_cover_the_labels(self, fitted, cycles):
        X, _ = cycles
        table = fitted.predict_segments(X)
        found = Annotations.from_table(table, X, looked_at=range(len(X)))
        np.testing.assert_array_equal(np.stack(found.list_labels()), fitted.predict(X))
        assert table["score"].between(0, 1.001).all()

    def test_a_file_gives_the_same_segments(self, cycles, test_set):
        for segmenter in (WindowFeatureSegmenter(random_state=0), SupervisedSegmenter(max_steps=2, network=TINY)):
            buffer = io.BytesIO()
            segmenter.fit(*cycles).save(buffer)
            again = sslts.load(io.BytesIO(buffer.getvalue()))
            pd.testing.assert_frame_equal(again.predict_segments(test_set[0]), segmenter.predict_segments(test_set[0]))

    @pytest.mark.parametrize("n_chunks", [1, 3, 40])
    def test_a_stream_gives_the_same_segments(self, fitted, test_set, n_chunks):
        x = test_set[0][0]
        options = {"location": x.mean(), "scale": x.std()}
        stream, parts = sslts.StreamSegmenter(fitted, **options), []
        for chunk in np.array_split(x, n_chunks):
            parts.append(stream.push(chunk))
            state = stream.get_state()
            stream = sslts.StreamSegmenter(fitted, **options)
            stream.set_state(state)
        found, expected = pd.concat([*parts, stream.flush()]), fitted.predict_segments([x])
        assert found[["start", "end", "label"]].values.tolist() == expected[["start", "end", "label"]].values.tolist()
        np.testing.assert_allclose(found["score"], expected["score"], atol=1e-5)

    def test_a_long_recording_gives_the_same_segments_in_parts(self, fitted, test_set, monkeypatch):
        whole = fitted.predict_segments(test_set[0][:1])
        monkeypatch.setattr("sslts.prediction.parts._PREDICT_SAMPLES", 96)
        pd.testing.assert_frame_equal(fitted.predict_segments(test_set[0][:1]), whole, atol=1e-5)


class TestFits:
    def test_annotations_without_touching_are_labels(self, cycles):
        X, _ = cycles
        y = (X > 0.5).astype(int)
        y[4:] = -1
        make = lambda: SupervisedSegmenter(max_steps=5, network=TINY, random_state=0)  # noqa: E731
        one, other = make().fit(X, y), make().fit(X, Annotations.from_labels(y))
        np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
        assert not hasattr(other, "occurrences_")

    def test_a_model_to_start_from_need_not_know_them(self, cycles):
        X, annotations = cycles
        options = {"max_steps": 2, "network": TINY, "random_state": 0}
        start = SupervisedSegmenter(**options).fit(X, annotations.list_labels())
        there = SupervisedSegmenter(**options, init=start).fit(X, annotations)
        assert len(there.occurrences_.sizes) == 2
        back = SupervisedSegmenter(**options, init=there).fit(X, annotations.list_labels())
        assert not hasattr(back, "occurrences_")

    def test_a_second_fit_forgets_them(self, cycles):
        X, annotations = cycles
        for segmenter in (WindowFeatureSegmenter(), SupervisedSegmenter(max_steps=1, network=TINY)):
            assert hasattr(segmenter.fit(X, annotations), "occurrences_")
            assert not hasattr(segmenter.fit(X, annotations.list_labels()), "occurrences_")

    def test_history_has_one_share_per_class(self, cycles):
        segmenter = FixMatchSegmenter(max_steps=2, network=TINY, threshold=0.1, random_state=0).fit(*cycles)
        shares = [name for name in segmenter.history_ if name.startswith("share_")]
        assert shares == ["share_0", "share_1"]
        np.testing.assert_allclose(segmenter.history_[shares].sum(axis=1).iloc[-1], 1, atol=1e-5)

    def test_class_weights_are_of_classes(self, cycles):
        for weights in ("balanced", {0: 0.5, 1: 2.0}):
            SupervisedSegmenter(max_steps=1, network=TINY, class_weight=weights).fit(*cycles)

    def test_held_out_recordings_and_checkpoints(self, cycles, tmp_path):
        X, annotations = cycles
        make = lambda: SupervisedSegmenter(max_steps=3, network=TINY, random_state=0)  # noqa: E731
        whole = make().fit(X, annotations, validation=0.25, checkpoint=tmp_path / "run")
        assert whole.history_["valid_loss"].notna().all()
        again = make().fit(X, annotations, validation=0.25, checkpoint=tmp_path / "run")
        np.testing.assert_array_equal(whole.predict_proba(X), again.predict_proba(X))
        with pytest.raises(ValueError, match="labels in y differ"):
            make().fit(X, annotations.list_labels(), validation=0.25, checkpoint=tmp_path / "run")

    def test_self_training_says_that_it_joins_them(self, cycles):
        segmenter = SelfTrainingSegmenter(WindowFeatureSegmenter(random_state=0))
        with pytest.warns(UserWarning, match="segments that touch the one before are learned as one"):
            segmenter.fit(*cycles)


class TestScores:
    def test_metrics_take_annotations_on_either_side(self, test_set):
        _, truth = test_set
        joined = truth.list_labels()
        assert segment_f1(truth, truth) == 1
        assert count_error(truth, truth).mae == 0
        assert count_error(truth, joined).mae > 5
        assert segment_f1(joined, truth) < 0.6
        assert event_scores(truth, truth)["hits"].sum() == len(truth.table)
        found = bootstrap_interval(segment_f1, truth, truth, n_resamples=20)
        assert (found.low, found.estimate, found.high) == (1, 1, 1)

    def test_scorers_ask_for_segments(self, fitted, test_set):
        X, truth = test_set
        assert segment_f1_scorer(fitted, X, truth) > 0.9
        joined = SupervisedSegmenter(max_steps=1, network=TINY, random_state=0).fit(X, truth.list_labels())
        assert segment_f1_scorer(joined, X, truth) < 0.6
        assert fitted.score(X, truth) == fitted.score(X, truth.list_labels())

    def test_searches_and_pipelines(self, cycles):
        X, annotations = cycles
        X, y = X[:4], annotations[:4]
        pipeline = make_pipeline(RecordingStandardizer(), WindowFeatureSegmenter(random_state=0))
        assert (cross_val_score(pipeline, X, y, cv=KFold(2), scoring=segment_f1_scorer) > 0.85).all()
        search = GridSearchCV(WindowFeatureSegmenter(random_state=0), {"smoothing": [0, 2]}, cv=2, scoring=count_scorer)
        assert search.fit(X, y).best_score_ > -2
        assert segment_f1_scorer(search, X, y) > 0.9
