"""Held-out recordings: the loss on them, and the callbacks of skorch that monitor it."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, EpochScoring, LRScheduler
from small import TINY, PlainNetwork, as_ragged

import sslts
from sslts import FixMatchSegmenter, SelfTrainingSegmenter, SupervisedSegmenter
from sslts.annotations import LabelRuns
from sslts.datasets import make_recordings
from sslts.losses import Dice
from sslts.persistence import PersistenceError
from sslts.segmenters._problem import choose_held_out
from sslts.training import SegmentationNet

X, Y = make_recordings(8, n_samples=300, random_state=0)
HELD = X[:2], Y[:2]
FAST = {"network": TINY, "max_steps": 4, "batch_size": 2, "random_state": 0, "precision": "float32"}


def make(**params):
    return SupervisedSegmenter(**{**FAST, **params})


def measure_cross_entropy(segmenter, signals, labels, weight=None):
    """Return the mean cross-entropy over all labeled samples, from the probabilities."""
    total, count = 0.0, 0.0
    for proba, one in zip(segmenter.predict_proba(list(signals)), labels, strict=True):
        for k, p in zip(one, proba, strict=True):
            if k >= 0:
                share = 1.0 if weight is None else weight[k]
                total, count = total - share * np.log(p[k]), count + share
    return total / count


class TestTheLoss:
    def test_it_is_the_labeled_loss_of_the_averaged_network(self):
        segmenter = make().fit(X[2:], Y[2:], validation=HELD)
        loss = segmenter.history_["valid_loss"]
        assert len(loss) == 4
        assert loss.iloc[-1] == pytest.approx(measure_cross_entropy(segmenter, *HELD), rel=1e-5)
        best = segmenter.net_.history[:, "valid_loss_best"]
        assert best == [one < min([np.inf, *loss[:i]]) for i, one in enumerate(loss)]

    def test_unlabeled_samples_and_ragged_recordings(self):
        labels = [one.copy() for one in as_ragged(Y)]
        labels[0][50:] = -1
        labels[1][:] = -1
        segmenter = make().fit(X[2:], Y[2:], validation=(as_ragged(X), labels))
        wanted = measure_cross_entropy(segmenter, as_ragged(X), labels)
        assert segmenter.history_["valid_loss"].iloc[-1] == pytest.approx(wanted, rel=1e-5)

    def test_weights_of_classes(self):
        segmenter = make(class_weight={1: 5.0}).fit(X[2:], Y[2:], validation=HELD)
        wanted = measure_cross_entropy(segmenter, *HELD, weight=[1.0, 5.0])
        assert segmenter.history_["valid_loss"].iloc[-1] == pytest.approx(wanted, rel=1e-5)

    def test_long_recordings_go_through_the_network_in_pieces(self, monkeypatch):
        whole = make().fit(X[2:], Y[2:], validation=HELD).history_["valid_loss"]
        monkeypatch.setattr("sslts.prediction.parts._PREDICT_SAMPLES", 64)
        pieces = make().fit(X[2:], Y[2:], validation=HELD).history_["valid_loss"]
        np.testing.assert_allclose(pieces, whole, rtol=1e-5)

    def test_a_custom_loss(self):
        assert make(labeled_loss=Dice()).fit(X[2:], Y[2:], validation=HELD).history_["valid_loss"].between(0, 3).all()

    @pytest.mark.parametrize("network", [TINY, PlainNetwork])
    def test_it_does_not_change_the_training(self, network):
        plain, watched = (make(network=network).fit(X[2:], Y[2:], validation=held) for held in (None, HELD))
        np.testing.assert_array_equal(watched.predict_proba(X), plain.predict_proba(X))
        assert "valid_loss" not in plain.history_

    def test_classes_other_than_their_indices(self):
        segmenter = make(background=3).fit(X[2:], Y[2:] * 4 + 3, validation=(X[:2], Y[:2] * 4 + 3))
        assert segmenter.history_["valid_loss"].iloc[-1] == pytest.approx(
            measure_cross_entropy(segmenter, X[:2], Y[:2]), rel=1e-5
        )


class TestCallbacksOfSkorch:
    def test_early_stopping_as_it_is(self):
        wrong = X[:2], 1 - Y[:2]  # the loss rises as the training goes on
        segmenter = make(max_steps=60, callbacks=[EarlyStopping()]).fit(X[2:], Y[2:], validation=wrong)
        assert segmenter.net_.step_ < 60

    def test_a_checkpoint_as_it_is(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        make(callbacks=[Checkpoint()]).fit(X[2:], Y[2:], validation=HELD)
        assert {"params.pt", "optimizer.pt", "criterion.pt", "history.json"} <= {one.name for one in tmp_path.iterdir()}

    def test_the_rate_falls_on_a_plateau(self):
        schedule = LRScheduler("ReduceLROnPlateau", monitor="valid_loss", patience=0, threshold=1e9, factor=0.5)
        rates = make(callbacks=[schedule]).fit(X[2:], Y[2:], validation=HELD).history_["lr"]
        assert rates.iloc[-1] < rates.iloc[0]

    @pytest.mark.parametrize(
        "callback",
        [
            EarlyStopping(),
            EarlyStopping,
            ("stop", EarlyStopping(patience=3)),
            Checkpoint(),
            LRScheduler("ReduceLROnPlateau", monitor="valid_loss"),
        ],
    )
    @pytest.mark.usefixtures("no_training")
    def test_without_validation_they_are_refused_with_the_fix(self, callback):
        segmenter = make(callbacks=[callback])
        message = r"callbacks: \w+ monitors 'valid_loss.*call fit\(X, y, validation=\(X_val, y_val\)\)"
        with pytest.raises(ValueError, match=message):
            segmenter.fit(X, Y)
        assert not hasattr(segmenter, "net_")

    @pytest.mark.usefixtures("no_training")
    def test_another_value_of_validation_is_refused(self):
        with pytest.raises(ValueError, match=r"monitors 'valid_acc'.*monitor 'valid_loss' and call fit with valid"):
            make(callbacks=[EarlyStopping("valid_acc")]).fit(X, Y, validation=HELD)

    def test_a_custom_callback_may_record_the_value(self):
        class Watch(Callback):
            def on_epoch_end(self, net, **kwargs):
                net.history.record("valid_loss", 1.0)

        make(callbacks=[Watch(), EarlyStopping()]).fit(X, Y)
        score = EpochScoring(lambda net, X, y: 0.5, name="valid_half", on_train=True, use_caching=True)
        make(callbacks=[score, EarlyStopping("valid_half", patience=2)]).fit(X, Y)


class TestTheShare:
    def test_whole_recordings_are_held_out_and_not_trained_on(self):
        labels = np.where(np.arange(8)[:, None] < 6, Y, -1)
        segmenter = FixMatchSegmenter(**FAST).fit(X, labels, validation=0.5)
        assert segmenter.training_set_ == {
            "recordings": 5, "labeled_recordings": 3, "samples": 1500, "labeled_samples": 900,
        }  # fmt: skip
        kept, held = choose_held_out(LabelRuns.from_table(labels), 0.5, segmenter.net_.seed)
        assert set(held) <= set(range(6))
        by_hand = FixMatchSegmenter(**FAST).fit(X[kept], labels[kept], validation=(X[held], labels[held]))
        np.testing.assert_array_equal(by_hand.predict_proba(X), segmenter.predict_proba(X))
        np.testing.assert_array_equal(by_hand.history_["valid_loss"], segmenter.history_["valid_loss"])

    def test_the_seed_chooses(self):
        runs = LabelRuns.from_table(Y)
        chosen = {tuple(choose_held_out(runs, 0.25, seed)[1]) for seed in range(20)}
        assert len(chosen) > 3

    @given(st.lists(st.integers(-1, 2), min_size=1, max_size=12), st.floats(0.01, 0.99), st.integers(0, 99))
    @settings(max_examples=60)
    def test_each_class_stays_or_it_is_refused(self, labels, share, seed):
        runs = LabelRuns.from_constants(np.array(labels), np.full(len(labels), 5))
        n_labeled = sum(label >= 0 for label in labels)
        try:
            kept, held = choose_held_out(runs, share, seed)
        except ValueError as error:
            assert "pass validation=(X_val, y_val)" in str(error)  # noqa: PT017
            return
        assert sorted([*kept, *held]) == list(range(len(labels)))
        assert len(held) == max(1, round(share * n_labeled))
        assert all(labels[i] >= 0 for i in held)
        assert {labels[i] for i in held} <= {labels[i] for i in kept}

    @pytest.mark.usefixtures("no_training")
    @pytest.mark.parametrize("n_labeled", [1, 2])
    def test_too_few_recordings_are_refused(self, n_labeled):
        labels = np.where(np.arange(8)[:, None] < n_labeled, Y, -1)
        with pytest.raises(ValueError, match="validation=0.9 holds out .* but only .* can be held out: each class"):
            make().fit(X, labels, validation=0.9)

    @pytest.mark.parametrize("wrong", [0, 1, 1.5, -0.1, True, float("nan"), "0.2", (X,), X, {"X": X}])
    @pytest.mark.usefixtures("no_training")
    @pytest.mark.parametrize("segmenter", [make(), SelfTrainingSegmenter(make())])
    def test_another_value_is_refused(self, segmenter, wrong):
        with pytest.raises(ValueError, match=r"validation is .*pass a pair \(X_val, y_val\)") as caught:
            segmenter.fit(X, Y, validation=wrong)
        assert len(str(caught.value)) < 250


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("held", "message"),
    [
        ((X[:2], Y[:2] + 5), r"validation\[1\] has class 5, which y does not have"),
        ((X[:2], Y[:2] * 0 - 1), r"validation\[1\] has no labeled sample"),
        ((np.stack([X, X], axis=1)[:2], Y[:2]), r"validation\[0\] has 2 channels"),
        ((X[:2] * np.nan, Y[:2]), r"validation\[0\]: recording 0 has 300 NaN"),
        ((X[:2], Y[:3]), r"X has 2 recordings, validation\[1\] has 3"),
        ((X[:2], Y[:2, :-1]), "299"),
    ],
)
def test_unusable_recordings_are_named(held, message):
    with pytest.raises(ValueError, match=message):
        make().fit(X, Y, validation=held)


class TestFiles:
    def interrupt(self, monkeypatch, step):
        train_step = SegmentationNet.train_step

        def limited(net, *args, **kwargs):
            if net.step_ >= step:
                raise RuntimeError("the power is gone")
            return train_step(net, *args, **kwargs)

        monkeypatch.setattr(SegmentationNet, "train_step", limited)

    @pytest.mark.parametrize("validation", [HELD, 0.25])
    def test_a_resumed_run_gives_the_same_numbers(self, validation, tmp_path, monkeypatch):
        def begin():
            stop = EarlyStopping(patience=1000)
            return make(max_steps=70, callbacks=[stop]), stop

        (plain, wanted_stop), (again, stop) = begin(), begin()
        plain.fit(X, Y, validation=validation)
        with monkeypatch.context() as patch:
            self.interrupt(patch, 60)
            with pytest.raises(RuntimeError, match="the power is gone"):
                begin()[0].fit(X, Y, validation=validation, checkpoint=tmp_path / "run")
        again.fit(X, Y, validation=validation, checkpoint=tmp_path / "run")
        np.testing.assert_array_equal(again.history_["valid_loss"], plain.history_["valid_loss"])
        np.testing.assert_array_equal(again.predict_proba(X), plain.predict_proba(X))
        assert (stop.misses_, stop.dynamic_threshold_) == (wanted_stop.misses_, wanted_stop.dynamic_threshold_)

    def test_other_held_out_recordings_are_another_run(self, tmp_path):
        make().fit(X, Y, validation=HELD, checkpoint=tmp_path / "pair")
        make().fit(X, Y, validation=0.25, checkpoint=tmp_path / "share")
        for path, validation, message in (
            ("pair", (X[2:4], Y[2:4]), r"values in validation\[0\] differ"),
            ("pair", None, r"validation"),
            ("share", 0.5, "share for validation: 0.5 here, 0.25 there"),
            ("share", None, "share for validation: None here, 0.25 there"),
        ):
            with pytest.raises(PersistenceError, match=message):
                make().fit(X, Y, validation=validation, checkpoint=tmp_path / path)

    def test_it_is_saved_and_holds_no_recordings(self, tmp_path):
        held = np.tile(X, (1, 300)), np.tile(Y, (1, 300))
        segmenter = make(max_steps=1).fit(X, Y, validation=held)
        assert len(pickle.dumps(segmenter)) < 1e6
        segmenter.save(tmp_path / "model")
        again = sslts.load(tmp_path / "model")
        assert again.history_.equals(segmenter.history_)
        again.save(tmp_path / "model")
        assert copy.deepcopy(segmenter).history_.equals(segmenter.history_)


class TestSelfTraining:
    labels = np.where(np.arange(8)[:, None] < 5, Y, -1)

    def test_it_passes_the_pair_to_each_round(self):
        segmenter = SelfTrainingSegmenter(make(callbacks=[EarlyStopping(patience=100)])).fit(
            X, self.labels, validation=HELD
        )
        loss = segmenter.segmenter_.history_["valid_loss"].iloc[-1]
        assert loss == pytest.approx(measure_cross_entropy(segmenter, *HELD), rel=1e-5)

    def test_a_share_is_held_out_of_all_rounds(self, tmp_path):
        fitted = [
            SelfTrainingSegmenter(make(), threshold=0.0).fit(X, self.labels, validation=0.4, checkpoint=path)
            for path in (None, tmp_path / "run", tmp_path / "run")
        ]
        for segmenter in fitted:
            assert segmenter.training_set_["labeled_recordings"] == 3
            assert len(segmenter.labels_) == 6
            assert segmenter.n_features_in_ == 300
            np.testing.assert_array_equal(segmenter.predict_proba(X), fitted[0].predict_proba(X))
        with pytest.raises(PersistenceError, match="differ"):
            SelfTrainingSegmenter(make(), threshold=0.0).fit(X, self.labels, checkpoint=tmp_path / "run")


def test_nan_of_a_loss_counts_as_no_improvement():
    def undefined(logits, labels, class_weight):
        return logits.sum() * (torch.nan if len(logits) == 1 and not logits.requires_grad else 0.0)

    segmenter = make(labeled_loss=undefined, callbacks=[EarlyStopping(patience=2)]).fit(X, Y, validation=HELD)
    assert segmenter.history_["valid_loss"].isna().all()
