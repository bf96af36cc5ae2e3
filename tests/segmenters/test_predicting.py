"""A fitted segmenter predicts recordings of any length, in the container that it was given."""

import copy

import numpy as np
import pandas as pd
import pytest
from small import ON_ONE, as_multiindex, as_ragged

from sslts.annotations import read_statistics
from sslts.decoding import Hysteresis, prepare_decoder
from sslts.networks import UNet
from sslts.recordings import Recordings


@ON_ONE
class TestContainers:
    def test_array(self, make_segmenter, partly):
        X, y = partly
        fitted = make_segmenter().fit(X, y)
        assert fitted.predict(X).shape == X.shape
        proba = fitted.predict_proba(X)
        assert proba.dtype == np.float32
        assert proba.shape == (*X.shape, 2)
        np.testing.assert_allclose(proba.sum(-1), 1, atol=1e-5)
        assert (fitted.n_features_in_, fitted.n_channels_) == (600, 1)

    def test_lists_come_back_as_lists(self, make_segmenter, partly):
        X, y = partly
        fitted = make_segmenter().fit(X, y)
        assert isinstance(fitted.predict(list(X)), list)
        assert isinstance(fitted.predict(as_multiindex(X)[0]), np.ndarray)

    @pytest.mark.parametrize("length", [1, 7, 599, 601, 1900])
    def test_predict_takes_any_length(self, make_segmenter, partly, length):
        fitted = make_segmenter().fit(*partly)
        assert fitted.predict(np.zeros((2, length))).shape == (2, length)

    def test_the_prediction_of_a_recording_does_not_depend_on_the_others(self, make_segmenter, partly):
        fitted = make_segmenter().fit(*partly)
        X = as_ragged(partly[0])
        alone = [fitted.predict_proba([x])[0] for x in X]
        for together, one in zip(fitted.predict_proba(X), alone, strict=True):
            np.testing.assert_allclose(together, one, atol=1e-2 if fitted.precision_ == "bfloat16" else 1e-5)

    def test_channels(self, make_segmenter, partly):
        X, y = partly
        X = np.stack([X, -X, np.zeros_like(X)], 1)
        fitted = make_segmenter().fit(X, y)
        assert (fitted.n_channels_, fitted.n_features_in_) == (3, 3)
        with pytest.raises(ValueError, match="X has 2 channels, .* was fitted with 3"):
            fitted.predict(X[:, :2])


class TestSegments:
    columns = ["recording", "start", "end", "length", "label", "score"]
    learning = {"max_steps": 30, "batch_size": 4, "network": UNet(width=8, depth=2)}  # enough training to find segments

    def test_agree_with_the_labels(self, make_segmenter, partly):
        from sslts.segments import segments_to_labels

        X = as_ragged(partly[0])
        fitted = make_segmenter(**self.learning).fit(*partly)
        table = fitted.predict_segments(X)
        assert list(table.columns) == self.columns
        for found, labels in zip(segments_to_labels(table, [len(x) for x in X]), fitted.predict(X), strict=True):
            np.testing.assert_array_equal(found, labels)
        assert table["score"].between(0, 1).all()

    def test_seconds(self, make_segmenter, partly):
        table = make_segmenter(**self.learning, sampling_rate=50.0).fit(*partly).predict_segments(partly[0])
        assert list(table.columns) == [*self.columns, "start_time", "end_time", "duration"]
        np.testing.assert_allclose(table["duration"] * 50, table["length"])

    def test_no_segments_give_an_empty_table(self, make_segmenter, labeled):
        X, y = labeled
        with pytest.warns(UserWarning, match="one class"):
            table = make_segmenter().fit(X, np.zeros_like(y)).predict_segments(X)
        assert table.empty
        assert list(table.columns) == self.columns
        assert table["start"].dtype == np.int64


class TestScore:
    def test_unlabeled_samples_never_count_in_the_score(self, make_segmenter, labeled):
        X, y = labeled
        fitted = make_segmenter().fit(X, y)
        half = y.copy()
        half[:, 300:] = -1
        predicted = fitted.predict(X)
        changed = np.where(half < 0, -1, y)
        from sslts.metrics import mean_iou

        assert fitted.score(X, half) == mean_iou(changed, predicted)

    def test_score_reads_recordings_once(self, make_segmenter, labeled, monkeypatch):
        fitted, reads = make_segmenter().fit(*labeled), []
        check = Recordings.check_finite
        monkeypatch.setattr(Recordings, "check_finite", lambda self, **kw: reads.append(self) or check(self, **kw))
        fitted.score(*labeled)
        assert len(reads) == 1


@ON_ONE
class TestDefects:
    def test_missing_values_at_predict(self, make_segmenter, partly):
        fitted = make_segmenter().fit(*partly)
        X = partly[0].copy()
        X[2, :3] = np.inf
        with pytest.raises(ValueError, match="recording 2 has 0 NaN and 3 infinite"):
            fitted.predict(X)


def test_predictions_use_the_normalization_of_the_fit(make_segmenter, partly):
    X, y = partly
    segmenter = make_segmenter().fit(50 * X, y)
    before = segmenter.predict_proba(50 * X)
    segmenter.set_params(normalization=None)
    np.testing.assert_array_equal(segmenter.predict_proba(50 * X), before)
    assert segmenter.normalization_ == "recording"


def test_another_background_after_the_fit_reaches_the_decoder_too(make_segmenter, labeled):
    X, y = labeled
    y = np.where(y == 0, 3, y)
    options = {"decoder": Hysteresis(onset=0.6, offset=0.4), "max_steps": 20}
    wanted = make_segmenter(background=3, **options).fit(X, y)
    changed = copy.deepcopy(wanted).set_params(background=0)
    assert not changed.predict_segments(X).equals(wanted.predict_segments(X))
    changed.set_params(background=3)
    pd.testing.assert_frame_equal(changed.predict_segments(X), wanted.predict_segments(X))
    assert prepare_decoder(changed.decoder, read_statistics(changed)).statistics.background == 3
    changed.set_params(background=1)
    assert prepare_decoder(changed.decoder, read_statistics(changed)).statistics.background == 1
