"""What an estimator of a user sees in a fit, and how its mistakes are named."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from small import TINY
from torch import nn

from sslts import SemiSupervisedSegmenter, SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.recordings import NormalizedRecordings, as_recordings
from sslts.segmenters import ParameterizedEstimator
from sslts.training import Losses

X, Y = make_recordings(4, n_samples=300, random_state=0)
TWO = {"network": TINY, "batch_size": 2, "max_steps": 2, "random_state": 0, "device": "cpu"}


class LabeledLoss(nn.CrossEntropyLoss):
    def forward(self, batch, step):
        loss = super().forward(*step.student(batch.labeled.x), batch.labeled.target)
        return Losses(loss, loss)


class Noting(SupervisedSegmenter):
    """A segmenter whose criterion depends on the fit."""

    seen = []

    def _make_criterion(self, class_weight, shares):
        Noting.seen.append((self.classes_.tolist(), self.n_channels_, self.training_set_["recordings"]))
        return LabeledLoss(class_weight, ignore_index=-1)


class Counting(nn.Module):
    """A labeled loss that counts its calls."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, logits, labels, class_weight):
        self.calls += 1
        return nn.functional.cross_entropy(logits, labels, class_weight, ignore_index=-1)


def test_a_criterion_is_made_with_the_attributes_of_its_own_fit():
    Noting.seen = []
    segmenter = Noting(**TWO).fit(X, Y)
    segmenter.fit(np.stack([X[:3], X[:3]], axis=1), np.where(Y[:3] == 1, 5, Y[:3]))
    assert Noting.seen == [([0, 1], 1, 4), ([0, 5], 2, 3)]


def test_a_labeled_loss_that_is_a_module_is_not_changed_by_a_fit():
    loss = Counting()
    one, other = (SupervisedSegmenter(**TWO, labeled_loss=loss).fit(X, Y).predict_proba(X) for _ in range(2))
    assert loss.calls == 0
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (nn.functional.cross_entropy, "labeled_loss=.* fails with"),
        (nn.CrossEntropyLoss(ignore_index=-1), "labeled_loss=.* fails with TypeError"),
        (lambda logits, labels, class_weight: 0.5, "returned a float; return a tensor without axes"),
        (lambda logits, labels, class_weight: logits.sum(1), r"returned a tensor of shape \(\d+, \d+\)"),
    ],
)
def test_a_wrong_labeled_loss_is_named_before_training(loss, words):
    segmenter = SupervisedSegmenter(**TWO).fit(X, Y)
    before = segmenter.predict_proba(X)
    labels = Y.copy()
    labels[:, :50] = -1
    with pytest.raises(ValueError, match=words):
        segmenter.set_params(labeled_loss=loss).fit(X, labels)
    np.testing.assert_array_equal(segmenter.predict_proba(X), before)


def give(**parts):
    def objective(batch, step):
        loss = step.labeled_loss(*step.student(batch.labeled.x), batch.labeled.target)
        return Losses(**{"loss": loss, "labeled_loss": loss, **parts})

    return objective


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"others": {"loss": torch.tensor(99.0)}}, "others has 'loss', which every history has"),
        ({"others": {"step": torch.tensor(1.0)}}, "others has 'step'"),
        ({"others": {"mine": 1.0}}, "returned a float as mine; return a tensor"),
        ({"others": {"mine": torch.zeros(3)}}, r"a tensor of shape \(3,\) as mine; return a scalar"),
        ({"shares": torch.zeros(3)}, r"shares of shape \(3,\); return one per class"),
        ({"loss": torch.tensor(1.0)}, "a loss without gradient"),
    ],
)
def test_wrong_losses_are_refused_before_training(parts, words):
    with pytest.raises(ValueError, match=words):
        SemiSupervisedSegmenter(objective=give(**parts), **TWO).fit(X, Y)


def test_a_warm_start_needs_the_same_channels_in_the_same_order():
    frames = [pd.DataFrame(np.stack([x, -x], axis=1), columns=["chest", "wrist"]) for x in X]
    swapped = [frame[["wrist", "chest"]] for frame in frames]
    fitted = SupervisedSegmenter(**TWO, warm_start=True).fit(frames, list(Y))
    fitted.fit(frames, list(Y))
    with pytest.raises(ValueError, match="warm_start: the model to start from was fitted on .*same order"):
        fitted.fit(swapped, list(Y))


def test_a_constructor_of_a_mixin_is_kept():
    class Mixin:
        def __init__(self, own=1, lr=2e-3):
            self.own = own
            super().__init__(lr=lr)

    class Mixed(Mixin, SupervisedSegmenter):
        pass

    assert (Mixed(own=2).own, Mixed(lr=0.1).lr) == (2, 0.1)


def test_constraints_can_be_extended_by_hand():
    class Patient(SupervisedSegmenter):
        _parameter_constraints = {**SupervisedSegmenter._parameter_constraints, "patience": [int]}
        patience: int = 5

    with pytest.raises(ValueError, match="The 'patience' parameter"):
        Patient(patience="x").fit(X, Y)


def test_an_annotation_that_can_not_be_looked_up_does_no_harm():
    class Annotated(ParameterizedEstimator):
        own: "int | 'Missing'" = 3  # noqa: F821

    assert Annotated().own == 3


def test_local_normalization_needs_its_width():
    with pytest.raises(ValueError, match="width=0"):
        NormalizedRecordings(as_recordings(X), "local")


def test_a_copy_for_the_criterion_leaves_the_estimator_alone():
    segmenter = SupervisedSegmenter(**TWO)
    before = copy.copy(vars(segmenter))
    with pytest.raises(ValueError, match="X has"):
        segmenter.fit(X[0], Y[0])
    assert vars(segmenter) == before
