"""The net: averaged weights, seeds, batch statistics and interruptions."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback, EarlyStopping
from small import TINY

from sslts import FixMatchSegmenter, MeanTeacherSegmenter, PseudoLabelSegmenter, SupervisedSegmenter
from sslts.augment import FrequencyMask, RandAugment, Reverse, SomeOf, TimeWarp, Tracks
from sslts.datasets import make_recordings
from sslts.decoding import Argmax
from sslts.networks import UNet
from sslts.preprocessing import RecordingStandardizer
from sslts.segmenters import BoundaryConsistency
from sslts.thresholds import (
    CurriculumThreshold,
    FixedThreshold,
    RelativeThreshold,
    SelfAdaptiveThreshold,
    SoftThreshold,
)
from sslts.training import AveragedModule, Batch, Step, seed_torch


class InterruptOnce(Callback):
    def __init__(self, step):
        self.step = step
        self.done = False

    def on_batch_end(self, net, **kwargs):
        if net.step_ == self.step and not self.done:
            self.done = True
            raise KeyboardInterrupt


THRESHOLDS = [FixedThreshold, CurriculumThreshold, SelfAdaptiveThreshold, SoftThreshold, RelativeThreshold]


def test_the_average_warms_up_and_includes_batch_statistics():
    module = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.BatchNorm1d(1))
    averaged = AveragedModule(module, decay=0.99)
    wanted = None
    for step in range(20):
        module[0].weight.data.fill_(float(step))
        module[1].running_mean.fill_(float(step))
        averaged.update_parameters(module)
        decay = min(0.99, (1 + step) / (10 + step))
        wanted = float(step) if step == 0 else wanted * decay + step * (1 - decay)
    assert averaged.module[0].weight.item() == pytest.approx(wanted)
    assert averaged.module[1].running_mean.item() == pytest.approx(wanted)
    assert not averaged.train().module[1].training


def test_buffers_other_than_statistics_are_copied():
    """A mask of minus infinity would be NaN after the second average."""
    module = torch.nn.Linear(1, 1)
    module.register_buffer("mask", torch.tensor([0.0, float("-inf")]))
    module.register_buffer("position", torch.tensor(0.0))
    averaged = AveragedModule(module, decay=0.99)
    for step in range(3):
        module.position.fill_(step)
        averaged.update_parameters(module)
    assert averaged.module.mask.tolist() == [0.0, float("-inf")]
    assert averaged.module.position.item() == 2


def test_seeding_restores_the_global_state():
    before = torch.get_rng_state()
    with seed_torch(3):
        first = torch.rand(1)
    with seed_torch(3):
        assert torch.rand(1) == first
    assert torch.equal(before, torch.get_rng_state())


class TestBatchStatistics:
    """The student uses the statistics of the whole batch, the teacher uses running averages."""

    @pytest.fixture
    def net(self, partly):
        params = {"max_steps": 3, "batch_size": 4, "network": TINY, "random_state": 0, "precision": "float32"}
        net = FixMatchSegmenter(**params).fit(*partly).net_
        net._set_training(True)
        return net

    @pytest.fixture
    def views(self):
        g = torch.Generator().manual_seed(0)
        return torch.randn(4, 1, 64, generator=g), 3 * torch.randn(6, 1, 64, generator=g) + 1

    def test_the_student_sees_all_views_as_one_batch(self, net, views):
        with torch.no_grad():
            together = net.ask_student(*views)
            torch.testing.assert_close(torch.cat(together), net.module_(torch.cat(views)))
            alone = [net.ask_student(view)[0] for view in views]
        assert [len(answer) for answer in together] == [4, 6]
        assert (together[0] - alone[0]).abs().max() > 0.1

    def test_the_output_of_the_teacher_does_not_depend_on_the_batch(self, net, views):
        before = {name: value.clone() for name, value in net.teacher_.state_dict().items()}
        torch.testing.assert_close(net.ask_teacher(torch.cat(views))[:4], net.ask_teacher(views[0]))
        assert all(torch.equal(value, before[name]) for name, value in net.teacher_.state_dict().items())

    def test_the_statistics_of_the_teacher_are_averages(self, net):
        names = [name for name in net.module_.state_dict() if name.endswith("running_mean")]
        student, teacher = net.module_.state_dict(), net.teacher_.module.state_dict()
        assert names
        assert all((student[name] != teacher[name]).any() for name in names)

    def test_without_averaging_the_teacher_has_the_running_averages_of_the_student(self, partly):
        segmenter = FixMatchSegmenter(max_steps=3, batch_size=4, network=TINY, random_state=0, ema_decay=0.0)
        net = segmenter.fit(*partly).net_
        student, teacher = net.module_.state_dict(), net.teacher_.module.state_dict()
        assert all(torch.equal(student[name], teacher[name]) for name in student)
        assert not net.teacher_.training


@pytest.fixture(scope="module")
def fitted():
    X, y = make_recordings(4, n_samples=300, n_channels=2, random_state=0)
    options = {"network": UNet(width=4, depth=1), "max_steps": 3, "batch_size": 4, "precision": "float32"}
    return SupervisedSegmenter(**options, random_state=0).fit(X, y), X


class TestNetWithoutSegmenter:
    def test_it_predicts_as_the_segmenter_does(self, fitted):
        segmenter, X = fitted
        seen = RecordingStandardizer().fit_transform(X)
        proba = segmenter.net_.predict_proba(seen.astype(np.float64))
        np.testing.assert_allclose(proba.transpose(0, 2, 1), segmenter.predict_proba(X), atol=1e-6)
        labels = segmenter.set_params(decoder=Argmax()).predict(X)
        np.testing.assert_array_equal(segmenter.classes_[segmenter.net_.predict(seen)], labels)

    def test_max_steps_may_be_a_numpy_integer(self, fitted):
        segmenter, X = fitted
        y = np.zeros((4, 300), dtype=int)
        y[:, :100] = 1
        assert clone(segmenter).set_params(max_steps=np.int64(2)).fit(X, y).net_.step_ == 2


@pytest.mark.parametrize(
    "segmenter",
    [
        SupervisedSegmenter(),
        FixMatchSegmenter(strong=[RandAugment(), SomeOf((TimeWarp(), Reverse(), FrequencyMask()), n=(1, 2))]),
        *(FixMatchSegmenter(threshold=threshold(alignment="labeled")) for threshold in THRESHOLDS),
        FixMatchSegmenter(threshold=SelfAdaptiveThreshold(fairness=0.05)),
        PseudoLabelSegmenter(threshold=RelativeThreshold()),
        MeanTeacherSegmenter(),
        MeanTeacherSegmenter(consistency=BoundaryConsistency()),
    ],
    ids=lambda segmenter: repr(segmenter)[:100],
)
def test_views_and_losses_never_wait_for_the_device(segmenter):
    """The device "meta" has shapes but no values, so reading a value raises."""
    network = UNet(width=4, depth=1, stem_stride=2, feature_dropout=0.1, members=2)(1, 3).to("meta")
    average = AveragedModule(network, decay=0.9)
    loss = segmenter._make_criterion(torch.ones(3), torch.tensor([0.5, 0.3, 0.2])).to("meta")
    windows = Tracks(
        *(part.to("meta") for part in (torch.zeros(4, 1, 200), torch.zeros(4, 200).long(), torch.ones(4, 200).bool()))
    )

    def student(*views):
        return network(torch.cat(views)).split([len(view) for view in views])

    def teacher(x):
        return average(x).softmax(1)

    for progress in (0.0, 1.0):
        step = Step(student, teacher, torch.Generator(), progress)
        loss(Batch(windows, windows.hide_labels()), step).loss.backward()
        average.update_parameters(network, step=1)
    assert network.members[0].head.weight.grad.is_meta


class TestInterrupted:
    """Ctrl-C differs from an early stop by a callback."""

    def fit(self, partly, callback):
        return FixMatchSegmenter(max_steps=20, batch_size=4, network=TINY, callbacks=[callback], random_state=0).fit(
            *partly
        )

    def test_ctrl_c_is_recorded_until_the_next_training(self, partly):
        fitted = self.fit(partly, InterruptOnce(5))
        assert (fitted.net_.step_, fitted.net_.interrupted_) == (5, True)
        assert pickle.loads(pickle.dumps(fitted)).net_.interrupted_
        assert not fitted.fit(*partly).net_.interrupted_

    def test_an_early_stop_is_not_an_interruption(self, partly):
        stop = EarlyStopping(monitor="labeled_loss", patience=1, threshold=1e9, threshold_mode="abs", sink=str)
        fitted = self.fit(partly, stop)
        assert fitted.net_.step_ < 20
        assert not fitted.net_.interrupted_
