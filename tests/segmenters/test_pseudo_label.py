"""Pseudo-Label follows the equations of its paper."""

import numpy as np
import pytest
import torch
from small import TINY

from sslts import PseudoLabelSegmenter
from sslts.objectives import labeled_cross_entropy, pseudo_label_cross_entropy
from sslts.segmenters import PseudoLabelLoss
from sslts.thresholds import FixedThreshold, RelativeThreshold, SelfAdaptiveThreshold


def make_loss(**changes):
    params = {
        "weak": None,
        "strong": None,
        "threshold": FixedThreshold(0.0).build(3),
        "alpha": 3.0,
        "ramp": (0.1, 0.6),
        "class_weight": None,
    }
    return PseudoLabelLoss(**{**params, **changes})


def test_the_loss_is_equation_15(batch, models):
    found = make_loss()(batch, models.at(1.0))
    answer = models.network(batch.unlabeled.x)
    labeled = labeled_cross_entropy(models.network(batch.labeled.x), batch.labeled.target)
    own = answer.detach().softmax(1)
    unlabeled = pseudo_label_cross_entropy(answer, own, torch.ones(4, 20), batch.unlabeled.valid)
    torch.testing.assert_close(found.loss, labeled + 3 * unlabeled)
    torch.testing.assert_close(found.unlabeled_loss, unlabeled)
    assert found.mask_rate.item() == 1  # the paper uses all pseudo-labels


@pytest.mark.parametrize(("progress", "alpha"), [(0.0, 0.0), (0.1, 0.0), (0.35, 1.5), (0.6, 3.0), (1.0, 3.0)])
def test_alpha_is_equation_16(batch, models, progress, alpha):
    found = make_loss()(batch, models.at(progress))
    torch.testing.assert_close(found.loss, found.labeled_loss + alpha * found.unlabeled_loss)


def test_the_network_is_its_own_teacher_in_one_pass(batch, models):
    make_loss()(batch, models.at(1.0))
    assert models.passes == ["student"]


def test_the_unlabeled_gradient_is_not_zero(batch, models):
    make_loss()(batch, models.at(1.0)).unlabeled_loss.backward()
    assert models.network.weight.grad.abs().sum() > 0


def test_a_threshold_is_optional(batch, models):
    found = make_loss(threshold=FixedThreshold(0.5).build(3))(batch, models.at(1.0))
    proba = models.network(batch.unlabeled.x).softmax(1)
    valid = batch.unlabeled.valid
    assert found.mask_rate.item() == pytest.approx(((proba.amax(1) >= 0.5) & valid).sum().item() / valid.sum().item())


def test_a_threshold_that_compares_with_labels_sees_the_weak_view(batch, models):
    threshold = RelativeThreshold(0.9).build(3)
    make_loss(threshold=threshold, strong=lambda x: 0 * x)(batch, models.at(1.0))
    proba, known = models.network(batch.labeled.x).softmax(1), batch.labeled.target >= 0
    assert threshold.confidence.item() == pytest.approx(proba.amax(1)[known].mean().item(), rel=1e-5)
    assert models.passes == ["student"]


@pytest.mark.parametrize("ramp", [(0.6, 0.1), (0.5,), (-0.1, 0.5), (0.2, 1.5)])
def test_a_ramp_is_two_shares(partly, ramp):
    with pytest.raises(ValueError, match="must be two shares of the training"):
        PseudoLabelSegmenter(ramp=ramp, network=TINY).fit(*partly)


def test_unlabeled_recordings_change_the_fit(partly):
    X, y = partly
    params = {"max_steps": 10, "batch_size": 4, "network": TINY, "random_state": 0}
    other = X.copy()
    other[4:] = np.flip(other[4:], -1)
    a = PseudoLabelSegmenter(**params).fit(X, y).predict_proba(X)
    b = PseudoLabelSegmenter(**params).fit(other, y).predict_proba(X)
    assert np.abs(a - b).max() > 1e-4


def test_the_fairness_term_has_its_own_weight(batch, models):
    terms = []
    for alpha in (0.5, 3.0):
        with_it, without = (
            make_loss(threshold=SelfAdaptiveThreshold(fairness=fairness).build(3), alpha=alpha)(batch, models.at(1.0))
            for fairness in (0.05, 0.0)
        )
        terms.append(with_it.loss - without.loss)
    assert terms[0].abs() > 1e-3
    torch.testing.assert_close(*terms)
