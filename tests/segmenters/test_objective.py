"""A subclass may define a custom criterion."""

import numpy as np
import pytest
import torch
from small import TINY

from sslts import SupervisedSegmenter
from sslts.objectives import labeled_cross_entropy, squared_difference
from sslts.segmenters import SupervisedLoss
from sslts.training import Losses


class Adversarial(torch.nn.Module):
    """The direction in which the prediction changes most (Miyato et al. 2018), as a custom criterion."""

    def forward(self, batch, step):
        x = batch.unlabeled.x
        nudge = (1e-2 * torch.randn(x.shape, generator=step.generator)).requires_grad_()
        plain, nudged = step.student(x, x + nudge)
        distance = torch.nn.functional.kl_div(nudged.log_softmax(1), plain.detach().softmax(1), reduction="batchmean")
        (gradient,) = torch.autograd.grad(distance, nudge)
        labeled, worst = step.student(batch.labeled.x, x + gradient / gradient.norm())
        loss = labeled_cross_entropy(labeled, batch.labeled.target)
        unlabeled = squared_difference(worst, plain.detach().softmax(1)).mean()
        return Losses(loss + unlabeled, loss, unlabeled)


class Drawing(torch.nn.Module):
    """A criterion that draws from torch's global random state."""

    def forward(self, batch, step):
        x = batch.labeled.x
        loss = labeled_cross_entropy(*step.student(x + 0.3 * torch.randn_like(x)), batch.labeled.target)
        return Losses(loss, loss)


class Middle(SupervisedSegmenter):
    """A custom estimator with a third view and a hand-written constructor."""

    def __init__(self, *, medium=None, network=TINY, max_steps=3, batch_size=2, random_state=0, mu=1.0):
        super().__init__(network=network, max_steps=max_steps, batch_size=batch_size, random_state=random_state)
        self.medium, self.mu = medium, mu

    def _make_criterion(self, class_weight, shares):
        return SupervisedLoss(weak=self.medium, strong=None, class_weight=class_weight)


class TestCustomCriterion:
    def test_it_may_compute_its_own_gradients(self, partly):
        class Own(Middle):
            def _make_criterion(self, class_weight, shares):
                return Adversarial()

        history = Own().fit(*partly).history_
        assert np.isfinite(history["loss"]).all()
        assert (history["unlabeled_loss"] > 0).all()

    @pytest.mark.parametrize("own", ["view", "criterion"])
    def test_draws_from_the_global_state_are_seeded(self, partly, own):
        class Own(Middle):
            def _make_criterion(self, class_weight, shares):
                return Drawing()

        def fit():
            make = Own if own == "criterion" else Middle
            return make(medium=lambda x: x + 0.3 * torch.randn_like(x)).fit(*partly).predict_proba(partly[0])

        before = torch.get_rng_state()
        first = fit()
        assert torch.equal(before, torch.get_rng_state())
        torch.rand(1)
        np.testing.assert_array_equal(first, fit())
