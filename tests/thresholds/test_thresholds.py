"""Each threshold against the formula of its paper, computed by hand."""

import math

import numpy as np
import pytest
import torch
from small import TINY

from sslts import FixMatchSegmenter
from sslts.segmenters import FixMatchLoss
from sslts.thresholds import (
    CurriculumThreshold,
    FixedThreshold,
    RelativeThreshold,
    SelfAdaptiveThreshold,
    SoftThreshold,
    as_threshold,
    build_threshold,
)
from sslts.thresholds.module import _MOMENTUM

ALL = [FixedThreshold(0.7), CurriculumThreshold(0.7), SelfAdaptiveThreshold(), SoftThreshold(), RelativeThreshold()]
NEW = 1 - _MOMENTUM


def make_proba(batch=3, n_classes=3, length=40, seed=0):
    g = torch.Generator().manual_seed(seed)
    proba = (3 * torch.randn(batch, n_classes, length, generator=g)).softmax(1)
    valid = torch.ones(batch, length).bool()
    valid[0, 30:] = False
    return proba, valid


def flatten(proba, valid):
    return proba.movedim(1, 2)[valid].numpy()


@pytest.mark.parametrize("threshold", ALL, ids=lambda t: type(t).__name__)
class TestEveryThreshold:
    def test_weights_lie_between_zero_and_one(self, threshold):
        proba, valid = make_proba()
        module = threshold.build(3)
        for _ in range(5):
            module.observe(proba, valid, labeled=(proba, valid))
            weight = module(proba)
        assert weight.shape == (3, 40)
        assert ((weight >= 0) & (weight <= 1)).all()

    def test_a_more_confident_sample_has_at_least_the_same_weight(self, threshold):
        proba, valid = make_proba()
        module = threshold.build(3)
        module.observe(proba, valid, labeled=(proba, valid))
        scale = torch.linspace(1 / 3, 1, 50)
        line = torch.stack([scale, (1 - scale) / 2, (1 - scale) / 2])[None]
        assert (module(line).diff() >= 0).all()

    def test_padding_has_no_influence(self, threshold):
        proba, valid = make_proba()
        modules = [threshold.build(3) for _ in range(2)]
        modules[0].observe(proba, valid, labeled=None)
        modules[1].observe(torch.where(valid[:, None], proba, torch.eye(3)[0][:, None]), valid, labeled=None)
        torch.testing.assert_close(modules[0].state_dict(), modules[1].state_dict())

    def test_a_batch_without_valid_samples_is_allowed(self, threshold):
        proba, valid = make_proba()
        module = threshold.build(3)
        module.observe(proba, valid & False, labeled=(proba, valid & False))
        assert module(proba).isfinite().all()

    def test_its_statistics_are_part_of_its_state(self, threshold):
        proba, valid = make_proba()
        module, other = threshold.build(3), threshold.build(3)
        module.observe(proba, valid, labeled=(proba, valid))
        other.load_state_dict(module.state_dict())
        torch.testing.assert_close(module(proba), other(proba))

    @pytest.mark.parametrize("alignment", [None, "uniform", "labeled"])
    def test_the_unlabeled_gradient_is_not_zero(self, threshold, alignment, batch, models):
        module = threshold.replace(alignment=alignment).build(3, torch.tensor([0.5, 0.3, 0.2]))
        loss = FixMatchLoss(weak=None, strong=None, threshold=module, lambda_u=1.0, class_weight=None)
        loss(batch, models.at(1.0)).unlabeled_loss.backward()
        assert models.network.weight.grad.abs().sum() > 0
        assert models.average.weight.grad is None

    @pytest.mark.parametrize("alignment", [None, "uniform", "labeled"])
    def test_it_trains_a_segmenter(self, threshold, alignment, partly):
        policy = threshold.replace(alignment=alignment)
        segmenter = FixMatchSegmenter(threshold=policy, max_steps=2, batch_size=4, network=TINY, random_state=0)
        assert np.isfinite(segmenter.fit(*partly).predict_proba(partly[0])).all()


def test_a_sample_at_the_threshold_is_accepted():
    proba = torch.tensor([[[0.95, 0.9499, 0.02], [0.05, 0.0501, 0.98]]])
    assert FixedThreshold(0.95).build(2)(proba).tolist() == [[1.0, 0.0, 1.0]]


def test_a_number_is_a_fixed_threshold():
    assert as_threshold(0.7) == FixedThreshold(0.7)
    assert as_threshold(FixedThreshold(0.7)) == FixedThreshold(0.7)


def test_curriculum_is_flexmatch():
    proba, valid = make_proba()
    module = CurriculumThreshold(0.7).build(3)
    share = np.zeros(3)
    for _ in range(200):
        module.observe(proba, valid)
        samples = flatten(proba, valid)
        confident = [((samples.argmax(1) == k) & (samples.max(1) >= 0.7)).mean() for k in range(3)]
        share = _MOMENTUM * share + NEW * np.array(confident)
    b = share / max(share.max(), 1 - share.sum())
    tau = 0.7 * b / (2 - b)
    wanted = proba.amax(1).numpy() >= tau[proba.argmax(1).numpy()]
    np.testing.assert_array_equal(module(proba).numpy(), wanted)
    assert (b < 1).any()  # some class has a lower threshold


def test_self_adaptive_is_freematch():
    proba, valid = make_proba()
    module = SelfAdaptiveThreshold().build(3)
    confidence, share = 1 / 3, np.full(3, 1 / 3)
    for _ in range(100):
        module.observe(proba, valid)
        samples = flatten(proba, valid)
        confidence = _MOMENTUM * confidence + NEW * samples.max(1).mean()
        share = _MOMENTUM * share + NEW * samples.mean(0)
    tau = share / share.max() * confidence
    wanted = proba.amax(1).numpy() >= tau[proba.argmax(1).numpy()]
    np.testing.assert_array_equal(module(proba).numpy(), wanted)


@pytest.mark.parametrize("recipe", [CurriculumThreshold, SelfAdaptiveThreshold])
class TestExpectedShares:
    prior = torch.tensor([0.9, 0.1])

    def teach(self, threshold):
        """Return a module that observed a teacher: equal confidence in both classes, class 1 in every tenth sample."""
        module = threshold.build(2, self.prior)
        second = torch.arange(50) % 10 == 0
        proba = torch.where(second, 0.04, 0.96)
        proba = torch.stack([proba, 1 - proba])[None]
        for _ in range(math.ceil(10 / NEW)):
            module.observe(proba, torch.ones(1, 50).bool())
        return module

    def test_a_class_as_rare_as_expected_counts_as_learned(self, recipe):
        doubtful = torch.tensor([[[0.4], [0.6]]])
        assert self.teach(recipe())(doubtful).item() == 1  # as in the paper: every sample of a rare class is accepted
        assert self.teach(recipe(expected="labeled"))(doubtful).item() == 0

    def test_equal_labeled_shares_are_the_same_as_uniform(self, recipe):
        proba, valid = make_proba()
        found = []
        for module in (recipe().build(3), recipe(expected="labeled").build(3, torch.full((3,), 1 / 3))):
            module.observe(proba, valid)
            found.append(module(proba))
        torch.testing.assert_close(*found)

    def test_an_unknown_value_or_missing_shares_are_an_error(self, recipe):
        with pytest.raises(ValueError, match="expected='both' must be 'uniform', 'labeled'"):
            recipe(expected="both").build(2)
        with pytest.raises(ValueError, match="expected='labeled' needs the classes' shares"):
            recipe(expected="labeled").build(2)


def test_fairness_is_the_term_of_freematch():
    proba, valid = make_proba()
    module = SelfAdaptiveThreshold(fairness=0.5).build(3)
    module.observe(proba, valid)
    logits = torch.randn(3, 3, 40, generator=torch.Generator().manual_seed(2)).requires_grad_()
    weight = (torch.rand(3, 40, generator=torch.Generator().manual_seed(3)) < 0.5).float()
    found = module.penalize(logits, weight)
    answer = logits.softmax(1).movedim(1, 2)[weight > 0].detach().numpy()
    histogram = np.bincount(answer.argmax(1), minlength=3) / len(answer)
    b = answer.mean(0) / histogram
    samples = flatten(proba, valid)
    start = np.full(3, 1 / 3)
    share = _MOMENTUM * start + NEW * samples.mean(0)
    counted = _MOMENTUM * start + NEW * np.bincount(samples.argmax(1), minlength=3) / len(samples)
    a = share / counted
    wanted = 0.5 * (a / a.sum() * np.log(b / b.sum())).sum()
    assert found.item() == pytest.approx(wanted, rel=1e-4)
    found.backward()
    assert logits.grad.abs().sum() > 0
    assert SelfAdaptiveThreshold().build(3).penalize(logits, weight).item() == 0


def test_fairness_ignores_classes_that_do_not_occur():
    module = SelfAdaptiveThreshold(fairness=0.5).build(3)
    logits = torch.randn(2, 3, 40, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found = module.penalize(logits, torch.zeros(2, 40))  # no sample is accepted
    assert found.item() == 0
    found.backward()
    assert logits.grad.abs().sum() == 0
    absent = logits.detach().clone()
    absent[:, 2] -= 20
    answer = absent.softmax(1).movedim(1, 2).reshape(-1, 3).numpy()
    b = answer.mean(0)[:2] / (np.bincount(answer.argmax(1), minlength=3)[:2] / len(answer))
    wanted = 0.5 * (np.log(b / b.sum()) / 3).sum()  # the paper's sum over the classes that occur
    assert module.penalize(absent, torch.ones(2, 40)).item() == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("recipe", ALL, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_probabilities_of_another_type(recipe, dtype):
    proba, valid = make_proba()
    module, same = recipe.build(3), recipe.build(3)
    for one, given in ((module, proba.to(dtype)), (same, proba)):
        one.observe(given, valid, labeled=(given, valid))
    for name, value in same.state_dict().items():
        assert module.state_dict()[name].dtype == value.dtype
        torch.testing.assert_close(module.state_dict()[name], value, rtol=0.02, atol=1e-3)


def test_soft_is_softmatch():
    proba, valid = make_proba()
    module = SoftThreshold().build(3)
    mean, variance = 1 / 3, 1.0
    for _ in range(100):
        module.observe(proba, valid)
        confidence = flatten(proba, valid).max(1)
        mean = _MOMENTUM * mean + NEW * confidence.mean()
        variance = _MOMENTUM * variance + NEW * confidence.var(ddof=1)
    p = proba.amax(1).numpy()
    wanted = np.exp(-(np.minimum(p - mean, 0) ** 2) / (2 * variance / 4))
    np.testing.assert_allclose(module(proba).numpy(), wanted, rtol=1e-4)


def test_relative_is_adamatch():
    proba, valid = make_proba()
    labeled, known = make_proba(seed=1)
    module = RelativeThreshold(0.9).build(3)
    module.observe(proba, valid, labeled=(labeled, known))
    tau = 0.9 * torch.from_numpy(flatten(labeled, known)).amax(1).mean()
    torch.testing.assert_close(module(proba), (proba.amax(1) >= tau).float())
    assert module.needs_labeled


class TestAlignment:
    def make_skewed(self):
        proba, valid = make_proba(length=400)
        skewed = proba * torch.tensor([4.0, 1.0, 1.0])[:, None]
        return skewed / skewed.sum(1, keepdim=True), valid.new_ones(3, 400)

    def test_formula(self):
        proba, valid = self.make_skewed()
        prior = torch.tensor([0.2, 0.3, 0.5])
        module = FixedThreshold(0.5, alignment="labeled").build(3, prior)
        module.observe(proba, valid)
        share = _MOMENTUM * prior.numpy() + NEW * flatten(proba, valid).mean(0)
        wanted = proba.numpy() * (prior.numpy() / share)[:, None]
        np.testing.assert_allclose(module.align(proba).numpy(), wanted / wanted.sum(1, keepdims=True), rtol=1e-4)

    @pytest.mark.parametrize(("alignment", "prior"), [("uniform", [1 / 3] * 3), ("labeled", [0.2, 0.3, 0.5])])
    def test_brings_the_shares_towards_the_prior(self, alignment, prior):
        proba, valid = self.make_skewed()
        module = FixedThreshold(0.5, alignment=alignment).build(3, torch.tensor([0.2, 0.3, 0.5]))
        for _ in range(1000):
            module.observe(proba, valid)
        before, after = flatten(proba, valid).mean(0), flatten(module.align(proba), valid).mean(0)
        assert np.abs(after - prior).sum() < 0.8 * np.abs(before - prior).sum()

    def test_soft_weights_are_aligned_and_labels_are_not(self):
        """SoftMatch takes its pseudo-labels from the probabilities without alignment."""
        proba, valid = self.make_skewed()
        plain, weights = SoftThreshold().build(3), SoftThreshold(alignment="uniform").build(3)
        fixed = FixedThreshold(0.5, alignment="uniform").build(3)
        for _ in range(300):
            fixed.observe(proba, valid)
            weights.observe(proba, valid)
            plain.observe(fixed.align(proba), valid)
        assert weights.align(proba) is proba
        assert not torch.equal(fixed.align(proba).argmax(1), proba.argmax(1))
        aligned = fixed.align(proba)
        mean = aligned.amax(1).mean()
        below = (aligned.amax(1) - weights.inner.mean).clamp(max=0)
        torch.testing.assert_close(weights(proba), torch.exp(-2 * below.square() / weights.inner.variance))
        assert weights.inner.mean.item() == pytest.approx(mean.item(), abs=0.05)

    def test_relative_follows_the_probabilities_of_labeled_samples(self):
        """AdaMatch divides the mean probabilities of labeled samples by the mean probabilities of unlabeled samples."""
        proba, valid = self.make_skewed()
        labeled, known = make_proba(seed=1)
        prior = torch.tensor([0.2, 0.3, 0.5])
        module = RelativeThreshold(0.9, alignment="labeled").build(3, prior)
        module.observe(proba, valid, labeled=(labeled, known))
        expected = _MOMENTUM * prior.numpy() + NEW * flatten(labeled, known).mean(0)
        share = _MOMENTUM * prior.numpy() + NEW * flatten(proba, valid).mean(0)
        wanted = proba.numpy() * (expected / share)[:, None]
        np.testing.assert_allclose(module.align(proba).numpy(), wanted / wanted.sum(1, keepdims=True), rtol=1e-4)
        before = module.prior.clone()
        module.observe(proba, valid, labeled=(labeled, torch.zeros_like(known)))
        assert torch.equal(module.prior, before)
        uniform = RelativeThreshold(0.9, alignment="uniform").build(3, prior)
        uniform.observe(proba, valid, labeled=(labeled, known))
        torch.testing.assert_close(uniform.prior, torch.full((3,), 1 / 3))

    def test_without_alignment_probabilities_do_not_change(self):
        proba, _ = self.make_skewed()
        assert FixedThreshold(0.5).build(3).align(proba) is proba

    def test_an_unknown_value_or_missing_shares_are_an_error(self):
        with pytest.raises(ValueError, match="must be 'uniform', 'labeled' or None"):
            FixedThreshold(alignment="prior").build(3)
        with pytest.raises(ValueError, match="needs the classes' shares; pass them as build"):
            FixedThreshold(alignment="labeled").build(3)


def test_a_threshold_is_tuned_by_its_nested_name():
    segmenter = FixMatchSegmenter(threshold=CurriculumThreshold()).set_params(threshold__tau=0.6)
    assert segmenter.threshold == CurriculumThreshold(tau=0.6)


def test_the_curriculum_starts_low_and_rises():
    module = CurriculumThreshold(0.9).build(2)
    proba = torch.tensor([[[0.95] * 5], [[0.05] * 5]]).movedim(0, 1)
    low = torch.tensor([[[0.6], [0.4]]])
    assert module(low).item() == 1
    for _ in range(math.ceil(3 / NEW)):
        module.observe(proba, torch.ones(1, 5).bool())
    assert module(low).item() == 0


def test_a_custom_object_that_builds_a_module_is_a_threshold(partly):
    class Own:
        def build(self, n_classes, prior=None):
            return FixedThreshold(0.0).build(n_classes)

    segmenter = FixMatchSegmenter(threshold=Own(), network=TINY, max_steps=2, batch_size=4, random_state=0).fit(*partly)
    assert segmenter.history_["mask_rate"].iloc[-1] == 1


class TestTheLimitOfAlignment:
    PRIOR = torch.tensor([0.5, 0.5])

    @staticmethod
    def align(limit, share):
        """Return the aligned probability 0.5 of class 1, after many batches with ``share`` of class 1."""
        module = FixedThreshold(0.5, alignment="labeled", alignment_limit=limit).build(2, TestTheLimitOfAlignment.PRIOR)
        seen = torch.tensor([1 - share, share])[None, :, None].expand(1, 2, 9)
        for _ in range(2000):
            module.observe(seen, torch.ones(1, 9).bool())
        return module.align(torch.full((1, 2, 1), 0.5))[0, 1, 0].item()

    def test_within_the_limit_classes_reach_their_target_share(self):
        assert self.align(math.inf, 0.1) == pytest.approx(5 / (5 + 0.5 / 0.9), abs=1e-3)
        assert self.align(10, 0.1) == self.align(math.inf, 0.1)

    def test_beyond_the_limit_the_factor_is_clipped(self):
        assert self.align(2, 0.1) == pytest.approx(2 / (2 + 0.5 / 0.9), abs=1e-3)
        assert self.align(2, 0.001) == pytest.approx(2 / (2 + 0.5 / 0.999), abs=1e-3)
        assert self.align(1, 0.1) == 0.5

    def test_a_limit_below_one_is_refused(self):
        with pytest.raises(ValueError, match="alignment_limit=0.5; give a number of 1 or more"):
            FixedThreshold(alignment_limit=0.5)


def test_a_threshold_that_builds_another_type_is_named():
    class Own:
        def build(self, n_classes, prior=None):
            return lambda proba: proba.amax(1)

    with pytest.raises(ValueError, match=r"threshold=.*Own.* built a function; its `build` must return a sslts"):
        build_threshold(Own(), torch.tensor([0.5, 0.5]))
