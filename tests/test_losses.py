"""Each labeled loss against its formula, on labels with unlabeled samples, and as a parameter of segmenters."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from small import TINY

import sslts
from sslts import FixMatchSegmenter, SupervisedSegmenter
from sslts.losses import CrossEntropy, Dice, Focal
from sslts.objectives import labeled_cross_entropy

LOSSES = [CrossEntropy(), CrossEntropy(0.1), Focal(), Focal(gamma=0.0), Dice(), Dice(cross_entropy=0.0)]
BY_SAMPLE = [loss for loss in LOSSES if not isinstance(loss, Dice)]
WEIGHTS = [None, torch.tensor([3.0, 1.0, 0.5])]
SEGMENTERS = [SupervisedSegmenter, FixMatchSegmenter]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
every_weight = pytest.mark.parametrize("weight", WEIGHTS, ids=["no weights", "weights"])


def make_batch(seed=0, unlabeled=True):
    """Return logits (4, 3, 25) and labels (4, 25), of which about a quarter is unlabeled."""
    g = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(4, 3, 25, generator=g)
    return logits, torch.randint(-1 if unlabeled else 0, 3, (4, 25), generator=g)


def compute_dice_loss(logits, labels, weight=None, cross_entropy=1.0):
    """Return the Dice loss in NumPy, sample by sample."""
    logits, labels = logits.double().numpy(), labels.numpy()
    n_classes = logits.shape[1]
    class_weight = np.ones(n_classes) if weight is None else weight.double().numpy()
    overlap, total, present = np.zeros(n_classes), np.zeros(n_classes), np.zeros(n_classes, bool)
    nll, nll_weight = 0.0, 0.0
    for b, t in np.argwhere(labels >= 0):
        proba = np.exp(logits[b, :, t]) / np.exp(logits[b, :, t]).sum()
        for k in range(n_classes):
            truth = float(labels[b, t] == k)
            overlap[k] += proba[k] * truth
            total[k] += proba[k] + truth
            present[k] |= bool(truth)
        nll -= class_weight[labels[b, t]] * np.log(proba[labels[b, t]])
        nll_weight += class_weight[labels[b, t]]
    coefficient = 2 * overlap[present] / total[present]
    dice = np.average(1 - coefficient, weights=class_weight[present])
    return dice + cross_entropy * nll / nll_weight


class TestFormulas:
    @every_weight
    def test_cross_entropy_is_the_default_loss_bit_for_bit(self, weight):
        logits, labels = make_batch()
        assert torch.equal(CrossEntropy()(logits, labels, weight), labeled_cross_entropy(logits, labels, weight))

    @every_weight
    @pytest.mark.parametrize("smoothing", [0.05, 0.3, 0.9])
    def test_label_smoothing_is_that_of_torch_on_fully_labeled_signals(self, weight, smoothing):
        logits, labels = make_batch(unlabeled=False)
        wanted = F.cross_entropy(logits, labels, weight, label_smoothing=smoothing)
        torch.testing.assert_close(CrossEntropy(smoothing)(logits, labels, weight), wanted)

    @every_weight
    @pytest.mark.parametrize("smoothing", [0.05, 0.3])
    def test_label_smoothing_is_that_of_torch_on_the_labeled_samples(self, weight, smoothing):
        logits, labels = make_batch()
        wanted = F.cross_entropy(logits, labels, weight, label_smoothing=smoothing, ignore_index=-1)
        torch.testing.assert_close(CrossEntropy(smoothing)(logits, labels, weight), wanted)

    @every_weight
    def test_focal_with_gamma_zero_is_the_cross_entropy(self, weight):
        logits, labels = make_batch()
        torch.testing.assert_close(
            Focal(gamma=0.0)(logits, labels, weight), labeled_cross_entropy(logits, labels, weight)
        )

    @every_weight
    @pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
    def test_focal_weighs_each_sample_by_its_error(self, weight, gamma):
        logits, labels = make_batch()
        log_proba = logits.double().log_softmax(1).numpy()
        total, size = 0.0, 0.0
        for b, t in np.argwhere(labels.numpy() >= 0):
            label = int(labels[b, t])
            class_weight = 1.0 if weight is None else weight[label].item()
            right = log_proba[b, label, t]
            total -= class_weight * (1 - np.exp(right)) ** gamma * right
            size += class_weight
        assert Focal(gamma)(logits, labels, weight).item() == pytest.approx(total / size, rel=1e-5)

    @every_weight
    @pytest.mark.parametrize("cross_entropy", [0.0, 0.5, 1.0])
    @pytest.mark.parametrize("absent", [None, 0, 2])
    def test_dice_is_the_mean_over_labeled_classes(self, weight, cross_entropy, absent):
        logits, labels = make_batch()
        labels = labels if absent is None else torch.where(labels == absent, 1, labels)
        wanted = compute_dice_loss(logits, labels, weight, cross_entropy)
        assert Dice(cross_entropy)(logits, labels, weight).item() == pytest.approx(wanted, rel=1e-5)


@every_loss
class TestEveryLoss:
    @given(seed=st.integers(0, 1000), scale=st.floats(-50, 50), weighted=st.booleans())
    def test_unlabeled_samples_have_no_influence(self, loss, seed, scale, weighted):
        weight = WEIGHTS[weighted]
        logits, labels = make_batch(seed)
        noise = scale * torch.randn(logits.shape, generator=torch.Generator().manual_seed(seed + 1))
        changed = torch.where((labels < 0)[:, None], logits + noise, logits).requires_grad_()
        found = loss(changed, labels, weight)
        assert torch.equal(found, loss(logits, labels, weight))
        found.backward()
        assert (changed.grad.abs().sum(1)[labels < 0] == 0).all()

    @every_weight
    def test_without_labels_the_loss_and_its_gradient_are_zero(self, loss, weight):
        logits = make_batch()[0].requires_grad_()
        found = loss(logits, torch.full((4, 25), -1), weight)
        found.backward()
        assert found.shape == ()
        assert found.item() == 0
        assert torch.equal(logits.grad, torch.zeros_like(logits))

    @every_weight
    def test_every_labeled_sample_has_a_finite_gradient(self, loss, weight):
        logits, labels = make_batch()
        logits.requires_grad_()
        loss(logits, labels, weight).backward()
        assert logits.grad.isfinite().all()
        assert (logits.grad.abs().sum(1) > 0).equal(labels >= 0)

    @pytest.mark.parametrize("sign", [1, -1])
    def test_certain_predictions_have_a_finite_loss_and_gradient(self, loss, sign):
        labels = make_batch()[1]
        logits = sign * 200 * F.one_hot(labels.clamp(min=0), 3).movedim(-1, 1).float()
        logits.requires_grad_()
        found = loss(logits, labels)
        found.backward()
        assert found.isfinite()
        assert logits.grad.isfinite().all()

    def test_a_better_prediction_has_a_smaller_loss(self, loss):
        logits, labels = make_batch()
        better = logits + F.one_hot(labels.clamp(min=0), 3).movedim(-1, 1)
        assert loss(better, labels) < loss(logits, labels)

    def test_only_the_ratio_of_class_weights_counts(self, loss):
        logits, labels = make_batch()
        weighted = loss(logits, labels, WEIGHTS[1])
        torch.testing.assert_close(loss(logits, labels, 10 * WEIGHTS[1]), weighted)
        torch.testing.assert_close(loss(logits, labels, torch.ones(3)), loss(logits, labels))
        assert not torch.isclose(weighted, loss(logits, labels))


@pytest.mark.parametrize("loss", BY_SAMPLE, ids=repr)
def test_a_sample_counts_as_much_as_the_weight_of_its_class(loss):
    (logits, labels), weight = make_batch(), WEIGHTS[1]
    total, size = 0.0, 0.0
    for b, t in (labels >= 0).nonzero().tolist():
        alone = torch.full_like(labels, -1)
        alone[b, t] = labels[b, t]
        total += weight[labels[b, t]] * loss(logits, alone, weight)
        size += weight[labels[b, t]]
    torch.testing.assert_close(loss(logits, labels, weight), total / size)


def measure(loss, logits, *arguments, **details):
    """Return the loss and its gradient by the logits."""
    logits = logits.clone().requires_grad_()
    found = loss(logits, *arguments, **details)
    found.backward()
    return found.detach(), logits.grad


def make_details(seed=1):
    """Return weights (4, 25), of which some are 0, and soft labels (4, 3, 25)."""
    g = torch.Generator().manual_seed(seed)
    weights = torch.randint(0, 4, (4, 25), generator=g).float()
    return weights, torch.randn(4, 3, 25, generator=g).softmax(1)


@every_loss
class TestSampleWeights:
    @every_weight
    @pytest.mark.parametrize("soft", [False, True])
    def test_a_weight_of_zero_is_the_label_minus_one(self, loss, weight, soft):
        (logits, labels), (_, proba) = make_batch(), make_details()
        kept = torch.rand(4, 25, generator=torch.Generator().manual_seed(2)) < 0.6
        details = {"soft_labels": proba} if soft else {}
        found = measure(loss, logits, labels, weight, sample_weight=kept.float(), **details)
        torch.testing.assert_close(found, measure(loss, logits, torch.where(kept, labels, -1), weight, **details))

    @every_weight
    @pytest.mark.parametrize("value", [1.0, 1e-3, 7.5])
    def test_equal_weights_change_nothing(self, loss, weight, value):
        logits, labels = make_batch()
        found = measure(loss, logits, labels, weight, sample_weight=torch.full((4, 25), value))
        torch.testing.assert_close(found, measure(loss, logits, labels, weight))

    @every_weight
    def test_a_whole_weight_is_a_number_of_repetitions(self, loss, weight):
        (logits, labels), (weights, _) = make_batch(), make_details()
        times = weights.long().flatten()
        many = logits.movedim(1, -1).reshape(-1, 3).repeat_interleave(times, 0).T[None]
        wanted = loss(many, labels.flatten().repeat_interleave(times)[None], weight)
        torch.testing.assert_close(loss(logits, labels, weight, sample_weight=weights), wanted)

    def test_weights_of_unlabeled_samples_have_no_effect(self, loss):
        (logits, labels), (weights, _) = make_batch(), make_details()
        others = torch.where(labels < 0, 99.0, weights)
        torch.testing.assert_close(loss(logits, labels, None, others), loss(logits, labels, None, weights))

    def test_without_weight_the_loss_and_its_gradient_are_zero(self, loss):
        logits, labels = make_batch()
        found, gradient = measure(loss, logits, labels, sample_weight=torch.zeros(4, 25))
        assert found == 0
        assert torch.equal(gradient, torch.zeros_like(logits))


@every_loss
class TestSoftLabels:
    @every_weight
    @pytest.mark.parametrize("weighed", [False, True])
    def test_certain_soft_labels_are_labels(self, loss, weight, weighed):
        (logits, labels), (weights, _) = make_batch(), make_details()
        details = {"sample_weight": weights} if weighed else {}
        proba = F.one_hot(labels.clamp(min=0), 3).movedim(-1, 1).float()
        found = measure(loss, logits, labels, weight, soft_labels=proba, **details)
        torch.testing.assert_close(found, measure(loss, logits, labels, weight, **details))

    def test_unlabeled_samples_change_nothing(self, loss):
        (logits, labels), (_, proba) = make_batch(), make_details()
        found, gradient = measure(loss, logits, labels, soft_labels=proba)
        assert (gradient.abs().sum(1) > 0).equal(labels >= 0)
        others = torch.where((labels < 0)[:, None], 0.0, proba)
        torch.testing.assert_close(loss(logits, labels, soft_labels=others), found)

    def test_weights_and_soft_labels_leave_a_gradient(self, loss):
        """A check before the training finds criteria that ignore them by their gradient."""
        (logits, labels), details = make_batch(), [one.requires_grad_() for one in make_details()]
        loss(logits, labels, None, *details).backward()
        assert all(one.grad is not None and one.grad.isfinite().all() for one in details)


@pytest.mark.parametrize("loss", [CrossEntropy(), Dice(), Dice(cross_entropy=0.0)], ids=repr)
def test_the_soft_labels_themselves_have_the_least_loss(loss):
    (_, labels), (_, proba) = make_batch(unlabeled=False), make_details()
    best = loss(proba.log(), labels, soft_labels=proba)
    for seed in range(5):
        other = proba.log() + 0.3 * torch.randn(4, 3, 25, generator=torch.Generator().manual_seed(seed))
        assert best < loss(other, labels, soft_labels=proba)


@every_weight
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_cross_entropy_of_soft_labels_is_that_of_torch(weight, smoothing):
    (logits, labels), (_, proba) = make_batch(unlabeled=False), make_details()
    total = F.cross_entropy(logits, proba, weight, reduction="sum", label_smoothing=smoothing)
    size = (proba if weight is None else proba * weight[:, None]).sum()
    torch.testing.assert_close(CrossEntropy(smoothing)(logits, labels, weight, soft_labels=proba), total / size)


def make_segmenter(cls, **params):
    return cls(**{"network": TINY, "max_steps": 4, "batch_size": 4, "random_state": 0, **params})


@pytest.mark.parametrize("cls", SEGMENTERS)
class TestSegmenters:
    @every_loss
    def test_a_loss_trains_a_segmenter_and_survives_a_file(self, cls, loss, partly, tmp_path):
        X, y = partly
        segmenter = make_segmenter(cls, labeled_loss=loss).fit(X, y)
        assert np.isfinite(segmenter.history_["labeled_loss"]).all()
        segmenter.save(tmp_path / "model.sslts")
        loaded = sslts.load(tmp_path / "model.sslts")
        assert loaded.labeled_loss == loss
        np.testing.assert_array_equal(loaded.predict_proba(X), segmenter.predict_proba(X))

    def test_the_loss_decides_what_is_learned(self, cls, partly):
        X, y = partly
        answers = [
            make_segmenter(cls, labeled_loss=loss, max_steps=8).fit(X, y).predict_proba(X)
            for loss in (CrossEntropy(), Focal(gamma=0.0), Focal(gamma=5.0), Dice())
        ]
        np.testing.assert_allclose(answers[1], answers[0], atol=1e-4)
        for other in answers[2:]:
            assert np.abs(other - answers[0]).max() > 1e-3

    def test_nested_parameters_are_set(self, cls, partly):
        segmenter = make_segmenter(cls, labeled_loss=Focal()).set_params(labeled_loss__gamma=1.0)
        assert segmenter.labeled_loss == Focal(gamma=1.0)
        assert segmenter.get_params()["labeled_loss__gamma"] == 1.0
        assert np.isfinite(segmenter.fit(*partly).predict_proba(partly[0])).all()

    def test_a_plain_function_is_a_loss(self, cls, partly):
        calls = []

        def compute_loss(logits, labels, class_weight):
            calls.append((logits.shape, labels.shape, class_weight))
            return labeled_cross_entropy(logits, labels, class_weight)

        X, y = partly
        segmenter = make_segmenter(cls, labeled_loss=compute_loss, class_weight="balanced").fit(X, y)
        assert len(calls) >= 4  # one call per step, and one trial before the training
        for logits, labels, class_weight in calls:
            assert (logits[0], logits[2]) == labels
            assert class_weight.shape == (logits[1],)
        same = make_segmenter(cls, labeled_loss=labeled_cross_entropy, class_weight="balanced").fit(X, y)
        np.testing.assert_array_equal(segmenter.predict_proba(X), same.predict_proba(X))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrossEntropy(1.0), "label_smoothing=1.0; give a number from 0 to below 1"),
        (lambda: CrossEntropy(-0.1), "label_smoothing=-0.1; give a number from 0 to below 1"),
        (lambda: Focal(-1), "gamma=-1; give a number of 0 or more"),
        (lambda: Dice(-1), "cross_entropy=-1; give a number of 0 or more"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
