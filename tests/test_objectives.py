"""Losses against their formula, computed by hand."""

import numpy as np
import pytest
import torch

from sslts.objectives import (
    average_weighted,
    describe_pseudo_labels,
    find_boundaries,
    labeled_cross_entropy,
    pseudo_label_cross_entropy,
    rise_smoothly,
)

G = torch.Generator().manual_seed(0)
LOGITS = torch.randn(2, 3, 5, generator=G)
LOG = LOGITS.log_softmax(1).numpy()


def test_labeled_loss_is_the_mean_over_labeled_samples():
    labels = torch.tensor([[0, 1, -1, 2, -1], [-1, -1, -1, -1, 1]])
    wanted = -np.mean([LOG[0, 0, 0], LOG[0, 1, 1], LOG[0, 2, 3], LOG[1, 1, 4]])
    assert labeled_cross_entropy(LOGITS, labels).item() == pytest.approx(wanted, rel=1e-5)


def test_class_weights_weigh_samples():
    labels = torch.tensor([[0, 1, -1, -1, -1], [-1] * 5])
    wanted = -(3 * LOG[0, 0, 0] + LOG[0, 1, 1]) / 4
    weight = torch.tensor([3.0, 1.0, 9.0])
    assert labeled_cross_entropy(LOGITS, labels, weight).item() == pytest.approx(wanted, rel=1e-5)


def test_without_labels_the_loss_is_zero():
    assert labeled_cross_entropy(LOGITS, torch.full((2, 5), -1)).item() == 0


def test_unlabeled_samples_have_no_gradient():
    logits = LOGITS.clone().requires_grad_()
    labels = torch.tensor([[0, 1, -1, 2, -1], [-1, -1, -1, -1, 1]])
    labeled_cross_entropy(logits, labels).backward()
    assert (logits.grad.abs().sum(1) > 0).equal(labels >= 0)


class TestPseudoLabels:
    proba = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(1)).softmax(1)
    weight = torch.tensor([[1, 0, 0.5, 0, 1], [0, 0, 1, 1, 0]])
    valid = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]]).bool()

    def test_formula(self):
        total = 0.0
        for b in range(2):
            for t in range(5):
                if self.valid[b, t]:
                    total -= self.weight[b, t].item() * LOG[b, self.proba[b, :, t].argmax(), t]
        found = pseudo_label_cross_entropy(LOGITS, self.proba, self.weight, self.valid)
        assert found.item() == pytest.approx(total / 7, rel=1e-5)  # divided by all valid samples

    def test_gradient_reaches_exactly_the_samples_with_a_weight(self):
        logits = LOGITS.clone().requires_grad_()
        pseudo_label_cross_entropy(logits, self.proba, self.weight, self.valid).backward()
        assert (logits.grad.abs().sum(1) > 0).equal((self.weight > 0) & self.valid)

    def test_mask_rate_and_class_shares(self):
        rate, shares = describe_pseudo_labels(self.proba, self.weight, self.valid)
        assert rate.item() == pytest.approx(2.5 / 7)
        wanted = torch.zeros(3)
        for b, t in [(0, 0), (0, 2), (1, 2)]:
            wanted[self.proba[b, :, t].argmax()] += self.weight[b, t]
        torch.testing.assert_close(shares, wanted / 2.5)

    def test_without_valid_samples_the_loss_is_zero_not_nan(self):
        none = torch.zeros(2, 5).bool()
        assert pseudo_label_cross_entropy(LOGITS, self.proba, self.weight, none).item() == 0
        assert describe_pseudo_labels(self.proba, self.weight, none)[0].item() == 0


def test_boundaries_are_width_samples_wide_on_each_side():
    label = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    proba = torch.stack([1 - label, label])[None].float()
    for width in (1, 2, 3):
        wanted = [5 - width <= t < 5 + width for t in range(10)]
        assert find_boundaries(proba, width, torch.ones(1, 10).bool())[0].tolist() == wanted
        assert not find_boundaries(proba, width, torch.arange(10)[None] < 5).any()  # padding is not a class


def test_a_smooth_rise_is_exp_of_minus_five_squared():
    assert rise_smoothly(0.0, 0.5) == pytest.approx(np.exp(-5))
    assert rise_smoothly(0.25, 0.5) == pytest.approx(np.exp(-5 * 0.25))
    assert rise_smoothly(0.5, 0.5) == rise_smoothly(0.7, 0.5) == rise_smoothly(0.0, 0.0) == 1


def test_a_weighted_mean_with_zero_weights_is_zero():
    assert average_weighted(torch.ones(1, 3), torch.zeros(1, 3)).item() == 0
