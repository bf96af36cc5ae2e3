"""FixMatch follows the equations of its paper, sample by sample."""

import numpy as np
import pytest
import torch
from small import TINY, Models

from sslts import FixMatchSegmenter, SupervisedSegmenter
from sslts.augment import Jitter
from sslts.objectives import labeled_cross_entropy, pseudo_label_cross_entropy
from sslts.segmenters import FixMatchLoss
from sslts.thresholds import FixedThreshold, SelfAdaptiveThreshold
from sslts.training import Batch, Step


def make_loss(**changes):
    params = {
        "weak": None,
        "strong": None,
        "threshold": FixedThreshold(0.5).build(3),
        "lambda_u": 2.0,
        "class_weight": None,
    }
    return FixMatchLoss(**{**params, **changes})


def test_the_loss_is_equation_3_plus_lambda_times_equation_4(batch, models):
    found = make_loss()(batch, models.at(1.0))
    proba = models.teacher(batch.unlabeled.x)
    labeled = labeled_cross_entropy(models.network(batch.labeled.x), batch.labeled.target)
    weight = (proba.amax(1) >= 0.5).float()
    unlabeled = pseudo_label_cross_entropy(models.network(batch.unlabeled.x), proba, weight, batch.unlabeled.valid)
    torch.testing.assert_close(found.labeled_loss, labeled)
    torch.testing.assert_close(found.unlabeled_loss, unlabeled)
    torch.testing.assert_close(found.loss, labeled + 2 * unlabeled)
    valid = batch.unlabeled.valid
    assert found.mask_rate.item() == pytest.approx((weight * valid).sum().item() / valid.sum().item())


def test_one_pass_of_the_student_and_one_pass_of_the_teacher(batch, models):
    make_loss()(batch, models.at(1.0))
    assert sorted(models.passes) == ["student", "teacher"]


def test_the_unlabeled_gradient_is_not_zero_and_the_teacher_has_none(batch, models):
    make_loss()(batch, models.at(1.0)).unlabeled_loss.backward()
    assert models.network.weight.grad.abs().sum() > 0
    assert models.average.weight.grad is None


def test_a_threshold_above_every_confidence_accepts_nothing(batch, models):
    found = make_loss(threshold=FixedThreshold(1.0).build(3))(batch, models.at(1.0))
    assert found.unlabeled_loss.item() == 0
    assert found.mask_rate.item() == 0


@pytest.mark.parametrize(("progress", "share"), [(0.2, 0.0), (0.4, 0.5), (0.6, 1.0), (1.0, 1.0)])
def test_the_weight_of_pseudo_labels_rises(batch, models, progress, share):
    full = make_loss()(batch, models.at(1.0))
    found = make_loss()(batch, models.at(progress))
    torch.testing.assert_close(found.unlabeled_loss, share * full.unlabeled_loss)
    torch.testing.assert_close(found.loss, found.labeled_loss + 2 * found.unlabeled_loss)
    assert found.mask_rate == full.mask_rate


@pytest.mark.parametrize("progress", [0.0, 0.19])
def test_at_first_only_labels_count_and_the_teacher_does_not_run(batch, models, progress):
    found = make_loss()(batch, models.at(progress))
    assert models.passes == ["student"]
    assert found.loss is found.labeled_loss
    torch.testing.assert_close(found.labeled_loss, make_loss()(batch, models.at(1.0)).labeled_loss)
    assert found.unlabeled_loss is found.mask_rate is found.shares is None


def test_the_history_has_no_mask_rate_while_only_labels_count(partly):
    history = FixMatchSegmenter(max_steps=30, batch_size=4, network=TINY, random_state=0).fit(*partly).history_
    np.testing.assert_array_equal(history.mask_rate.isna(), history.step <= 6)
    assert history.labeled_loss.notna().all()


def test_lambda_zero_leaves_the_labeled_loss(batch, models):
    found = make_loss(lambda_u=0.0)(batch, models.at(1.0))
    torch.testing.assert_close(found.loss, found.labeled_loss)


def test_the_teacher_sees_the_weak_view_and_the_student_the_strong_one(batch, models):
    asked = {}

    def student(*views):
        asked["student"] = views[1]
        return Models.student(models, *views)

    def teacher(x):
        asked["teacher"] = x
        return models.teacher(x)

    make_loss(weak=lambda x: x + 1, strong=lambda x: x * 2)(batch, Step(student, teacher, torch.Generator(), 1.0))
    valid = batch.unlabeled.valid[:, None]  # padding stays zero
    torch.testing.assert_close(asked["teacher"], (batch.unlabeled.x + 1) * valid)
    torch.testing.assert_close(asked["student"], (batch.unlabeled.x + 1) * 2 * valid)


def test_a_strong_view_that_moves_time_moves_the_output_of_the_teacher(batch, models):
    from sslts.augment import Reverse

    full = Batch(batch.labeled, batch.unlabeled.replace(valid=torch.ones(4, 20).bool()))
    found = make_loss(strong=Reverse(p=1.0))(full, models.at(1.0))
    proba = models.teacher(full.unlabeled.x).flip(-1)
    weight = (proba.amax(1) >= 0.5).float()
    answer = models.network(full.unlabeled.x.flip(-1))
    wanted = pseudo_label_cross_entropy(answer, proba, weight, full.unlabeled.valid)
    torch.testing.assert_close(found.unlabeled_loss, wanted)


def test_two_strong_views_are_averaged_in_one_pass(batch, models):
    losses = make_loss(strong=[lambda x: x, lambda x: -x])(batch, models.at(1.0))
    parts = [make_loss(strong=[view])(batch, models.at(1.0)).unlabeled_loss for view in (lambda x: x, lambda x: -x)]
    torch.testing.assert_close(losses.unlabeled_loss, torch.stack(parts).mean())
    assert models.passes.count("student") == 3


def test_a_threshold_is_a_number_or_an_object(partly):
    X, y = partly
    params = {"max_steps": 3, "batch_size": 4, "network": TINY, "random_state": 0}
    number = FixMatchSegmenter(threshold=0.7, **params).fit(X, y).predict_proba(X)
    policy = FixMatchSegmenter(threshold=FixedThreshold(0.7), **params).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(number, policy)


@pytest.mark.parametrize("mu", [0.5, 1.0, 3.0])
def test_mu_is_the_ratio_of_unlabeled_windows(partly, mu):
    seen = []

    def look(x):
        seen.append(len(x))
        return x

    FixMatchSegmenter(mu=mu, max_steps=2, batch_size=4, network=TINY, strong=look).fit(*partly)
    assert seen[-2:] == [4, 4 * mu]


@pytest.mark.parametrize("params", [{"threshold": 1.5}, {"lambda_u": -1}, {"mu": 0}])
def test_parameters_are_checked(partly, params):
    with pytest.raises(ValueError, match=f"The '{next(iter(params))}' parameter"):
        FixMatchSegmenter(**params).fit(*partly)


def make_gain_problem(seed=0, n=40):
    """Return recordings of two kinds of pulses whose gain and noise differ; one recording is labeled."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(0, 0.05, (n, 400)), np.zeros((n, 400), dtype=int)
    ramp = np.linspace(0, 1, 20)
    for i in range(n):
        for start in range(10, 360, 40):
            start += rng.integers(0, 15)
            up = rng.random() < 0.5
            X[i, start : start + 20] += (ramp if up else ramp[::-1]) * rng.uniform(0.7, 1.3)
            y[i, start : start + 20] = 1 if up else 0
        X[i] += rng.normal(0, rng.uniform(0.0, 0.35), 400)
    return X, y


@pytest.mark.slow
def test_unlabeled_recordings_improve_on_one_labeled_recording():
    X, y = make_gain_problem()
    few = np.where(np.arange(40)[:, None] < 1, y, -1)
    params = {"max_steps": 300, "batch_size": 8, "network": TINY.replace(width=16, depth=2), "random_state": 0}
    alone = SupervisedSegmenter(**params).fit(X[:30], few[:30]).score(X[30:], y[30:])
    matched = FixMatchSegmenter(**params).fit(X[:30], few[:30]).score(X[30:], y[30:])
    assert matched > alone + 0.01


def test_a_plain_augmenter_is_a_view(partly):
    FixMatchSegmenter(weak=None, strong=Jitter(), max_steps=1, network=TINY).fit(*partly)


def test_an_empty_list_of_strong_views_is_refused(partly):
    with pytest.raises(ValueError, match=r"strong=\[\] holds no view"):
        FixMatchSegmenter(strong=[], network=TINY, max_steps=1).fit(*partly)


def test_the_fairness_term_has_its_own_weight(batch, models):
    """FreeMatch: L = L_s + w_u L_u + w_f L_f."""
    losses = {}
    for fairness in (0.0, 0.05):
        for lambda_u in (0.5, 2.0):
            threshold = SelfAdaptiveThreshold(fairness=fairness).build(3)
            losses[fairness, lambda_u] = make_loss(threshold=threshold, lambda_u=lambda_u)(batch, models.at(1.0))
    terms = [losses[0.05, u].loss - losses[0.0, u].loss for u in (0.5, 2.0)]
    assert terms[0].abs() > 1e-3
    torch.testing.assert_close(*terms)
    for found in losses.values():
        torch.testing.assert_close(found.unlabeled_loss, losses[0.0, 0.5].unlabeled_loss)
