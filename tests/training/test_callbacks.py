"""The schedule of the learning rate, and callbacks of skorch."""

import copy
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.base import clone
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, EpochScoring, LRScheduler, TrainEndCheckpoint

from sslts import FixMatchSegmenter, SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.metrics import mean_iou
from sslts.networks import UNet
from sslts.preprocessing import RecordingStandardizer
from sslts.training import make_schedule


def test_the_schedule_rises_and_falls():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    policy = make_schedule(0.1, 100).policy(optimizer)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        policy.step()
    assert max(rates) == pytest.approx(0.1, rel=1e-3)
    assert np.argmax(rates) == pytest.approx(10, abs=2)
    assert rates[-1] < 1e-3


@pytest.mark.parametrize("max_steps", [1, 2, 3])
def test_the_schedule_of_the_shortest_fits(max_steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    policy = make_schedule(0.1, max_steps).policy(optimizer)
    for _ in range(max_steps):
        optimizer.step()
        policy.step()


SMALL = {"network": UNet(width=4, depth=1), "batch_size": 4, "precision": "float32", "random_state": 0}


@pytest.fixture(scope="module")
def recordings():
    return make_recordings(6, n_samples=300, random_state=0)


class Watch(Callback):
    """Score other recordings, as the FAQ shows."""

    def __init__(self, X, y):
        self.X, self.y = X, y

    def on_epoch_end(self, net, **kwargs):
        net.history.record("valid_iou", mean_iou(self.y, net.predict(self.X)))


class TestCallbacksOfSkorch:
    def test_early_stopping_by_other_recordings(self, recordings):
        X, y = recordings
        watch = Watch(RecordingStandardizer().fit_transform(X)[:, None], y)
        stop = EarlyStopping("valid_iou", lower_is_better=False, patience=2, threshold=2.0)
        segmenter = SupervisedSegmenter(**SMALL, max_steps=20, callbacks=[watch, stop]).fit(X, y)
        assert segmenter.net_.step_ < 20
        assert segmenter.net_.history[-1, "valid_iou"] == pytest.approx(segmenter.score(X, y))

    def test_the_training_loss_can_be_monitored(self, recordings, tmp_path):
        checkpoint = Checkpoint(monitor="train_loss_best", dirname=tmp_path)
        segmenter = SupervisedSegmenter(**SMALL, max_steps=6, callbacks=[checkpoint]).fit(*recordings)
        history = segmenter.net_.history
        losses, best = history[:, "train_loss"], history[:, "train_loss_best"]
        assert losses == history[:, "loss"]
        assert best == [loss < min([np.inf, *losses[:i]]) for i, loss in enumerate(losses)]
        assert list(tmp_path.iterdir())

    def test_a_custom_schedule_replaces_the_one_cycle(self, recordings):
        schedule = LRScheduler("StepLR", step_size=1, gamma=0.5)
        segmenter = SupervisedSegmenter(**SMALL, max_steps=3, lr=1e-2, callbacks=[("mine", schedule)]).fit(*recordings)
        ratio = segmenter.history_["lr"].to_numpy()
        assert ratio[1:] / ratio[:-1] == pytest.approx([0.5, 0.5])

    def test_the_class_of_a_schedule_replaces_the_one_cycle(self, recordings):
        segmenter = SupervisedSegmenter(**SMALL, max_steps=2, callbacks=[("mine", LRScheduler)]).fit(*recordings)
        assert [name for name, one in segmenter.net_.callbacks_ if isinstance(one, LRScheduler)] == ["mine"]


class Best(Callback):
    """Record the third interval as the best."""

    def on_epoch_end(self, net, **kwargs):
        net.history.record("best", len(net.history) == 3)


class TestBestInterval:
    @pytest.mark.parametrize("options", [{}, {"f_teacher": "teacher.pt"}])
    def test_the_averaged_weights_come_back_with_f_teacher(self, recordings, tmp_path, options):
        keeper = KeepTeacher()
        checkpoint = Checkpoint("best", dirname=tmp_path, load_best=True, **options)
        segmenter = SupervisedSegmenter(**SMALL, max_steps=6, callbacks=[Best(), keeper, checkpoint])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            segmenter.fit(*recordings)
        same = torch.equal(segmenter.net_.teacher_.module.head.weight, keeper.heads[2])
        assert same == bool(options)
        assert [("f_teacher" in str(one.message)) for one in caught] == [True] * (not options)

    def test_early_stopping_that_loads_gives_a_warning(self, recordings):
        stop = EarlyStopping("train_loss", load_best=True)
        with pytest.warns(
            UserWarning, match="load_best=True restores the student, but predictions use the averaged weights"
        ):
            SupervisedSegmenter(**SMALL, max_steps=2, callbacks=[stop]).fit(*recordings)


class KeepTeacher(Callback):
    def on_train_begin(self, net, **kwargs):
        self.heads = []

    def on_epoch_end(self, net, **kwargs):
        self.heads.append(net.teacher_.module.head.weight.clone())


def test_scores_of_training_batches(recordings):
    score = EpochScoring(lambda net, X, y: 0.5, name="half", on_train=True, use_caching=True)
    segmenter = SupervisedSegmenter(**SMALL, max_steps=2, callbacks=[score]).fit(*recordings)
    assert segmenter.net_.history[:, "half"] == [0.5, 0.5]


def test_the_history_holds_numbers_for_loggers(recordings):
    X, y = recordings
    labels = np.where(np.arange(len(y))[:, None] < 2, y + 3, -1)
    rows = FixMatchSegmenter(**SMALL, max_steps=5, background=3, threshold=0.0).fit(X, labels).net_.history
    assert {type(value) for row in rows for name, value in row.items() if name != "batches"} <= {int, float, bool}
    np.testing.assert_array_equal(np.isnan(rows[:, "share_3"]), np.isnan(rows[:, "share_4"]))
    assert np.isnan(rows[0, "share_3"])
    assert rows[-1, "share_3"] + rows[-1, "share_4"] == pytest.approx(1)
    assert not any("share_3" in row for row in SupervisedSegmenter(**SMALL, max_steps=2).fit(X, labels).net_.history)


def test_checkpoints_of_skorch_may_be_safetensors(recordings, tmp_path):
    keep = TrainEndCheckpoint(
        dirname=tmp_path, f_params="params", f_pickle=None, f_optimizer=None, use_safetensors=True
    )
    net = SupervisedSegmenter(**SMALL, max_steps=2, callbacks=[keep]).fit(*recordings).net_
    kept = load_file(tmp_path / "train_end_params")
    assert all(torch.equal(kept[name], value) for name, value in net.module_.state_dict().items())


def test_callbacks_may_have_any_name(recordings, tmp_path):
    named = [(name, EarlyStopping("train_loss")) for name in ("checkpoint", "losses", "schedule", "bar")]
    SupervisedSegmenter(**SMALL, max_steps=2, callbacks=named, verbose=1).fit(*recordings, checkpoint=tmp_path / "run")


@pytest.mark.parametrize("callback", [None, "EarlyStopping", print])
def test_an_object_that_is_not_a_callback_is_refused(recordings, callback):
    with pytest.raises(ValueError, match=r"callbacks\[1\]=.* is not a skorch callback"):
        SupervisedSegmenter(**SMALL, max_steps=2, callbacks=[EarlyStopping("train_loss"), callback]).fit(*recordings)


def test_a_callback_may_be_left_out(recordings):
    SupervisedSegmenter(**SMALL, max_steps=2, callbacks=[("stop", None)]).fit(*recordings)
    segmenter = SupervisedSegmenter(**SMALL, max_steps=2, callbacks=[("stop", EarlyStopping("train_loss"))])
    assert "stop" not in dict(segmenter.set_params(callbacks__stop=None).fit(*recordings).net_.callbacks_)


@pytest.mark.parametrize("callbacks", [[EarlyStopping(patience=5)], [("stop", EarlyStopping(patience=5))]])
def test_parameters_of_callbacks_are_set(callbacks):
    segmenter = SupervisedSegmenter(callbacks=callbacks)
    changed = clone(segmenter).set_params(callbacks__0__patience=2).callbacks[0]
    assert (changed[1] if isinstance(changed, tuple) else changed).patience == 2
    if isinstance(changed, tuple):
        assert segmenter.set_params(callbacks__stop__patience=3).callbacks[0][1].patience == 3
        assert segmenter.set_params(callbacks__0=("other", callbacks[0][1])).callbacks[0][0] == "other"
        with pytest.raises(ValueError, match="no item 'nope'; its 1 items are numbered from 0, or named other"):
            segmenter.set_params(callbacks__nope=None)


def test_a_segmenter_can_be_copied_after_an_error_in_training(labeled):
    class Stop(Callback):
        def on_batch_end(self, net, **kwargs):
            raise RuntimeError("enough")

    segmenter = SupervisedSegmenter(
        network=UNet(width=4, depth=1), max_steps=3, batch_size=2, callbacks=[Stop()], verbose=1, random_state=0
    )
    with pytest.raises(RuntimeError, match="enough"):
        segmenter.fit(*labeled)
    again = copy.deepcopy(segmenter)
    np.testing.assert_array_equal(again.predict(labeled[0]), segmenter.predict(labeled[0]))
