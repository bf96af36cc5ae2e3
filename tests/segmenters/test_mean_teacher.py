"""Mean Teacher and its boundary-aware variant follow their equations."""

import numpy as np
import pytest
import torch
from small import TINY

from sslts import MeanTeacherSegmenter
from sslts.augment import Reverse
from sslts.objectives import labeled_cross_entropy
from sslts.segmenters import BoundaryConsistency, MeanTeacherLoss, UniformConsistency
from sslts.training import Batch


def make_loss(**changes):
    params = {
        "weak": None,
        "strong": None,
        "consistency": UniformConsistency(),
        "lambda_u": 10.0,
        "ramp_up": 0.4,
        "class_weight": None,
    }
    return MeanTeacherLoss(**{**params, **changes})


def test_the_loss_is_cross_entropy_and_squared_difference(batch, models):
    found = make_loss()(batch, models.at(1.0))
    labeled = labeled_cross_entropy(models.network(batch.labeled.x), batch.labeled.target)
    student = models.network(batch.unlabeled.x).softmax(1).detach().numpy()
    teacher = models.teacher(batch.unlabeled.x).numpy()
    cost = ((student - teacher) ** 2).mean(1)[batch.unlabeled.valid.numpy()].mean()
    assert found.unlabeled_loss.item() == pytest.approx(cost, rel=1e-5)
    torch.testing.assert_close(found.loss, labeled + 10 * found.unlabeled_loss)


@pytest.mark.parametrize(("progress", "share"), [(0.0, np.exp(-5)), (0.2, np.exp(-1.25)), (0.4, 1.0), (1.0, 1.0)])
def test_the_weight_ramps_up(batch, models, progress, share):
    found = make_loss()(batch, models.at(progress))
    torch.testing.assert_close(found.loss, found.labeled_loss + 10 * share * found.unlabeled_loss)


def test_one_pass_each_and_a_gradient_for_the_student_only(batch, models):
    make_loss()(batch, models.at(1.0)).unlabeled_loss.backward()
    assert sorted(models.passes) == ["student", "teacher"]
    assert models.network.weight.grad.abs().sum() > 0
    assert models.average.weight.grad is None


def test_the_strong_view_also_moves_the_output_of_the_teacher(batch, models):
    full = Batch(batch.labeled, batch.unlabeled.replace(valid=torch.ones(4, 20).bool()))
    found = make_loss(strong=Reverse(p=1.0))(full, models.at(1.0))
    student = models.network(full.unlabeled.x.flip(-1)).softmax(1)
    wanted = (student - models.teacher(full.unlabeled.x).flip(-1)).square().mean()
    torch.testing.assert_close(found.unlabeled_loss, wanted)


class TestBoundaryConsistency:
    proba = torch.tensor([[0.9] * 5 + [0.3] * 5, [0.1] * 5 + [0.7] * 5])[None]
    valid = torch.ones(1, 10).bool()

    def test_formula(self):
        cost = torch.rand(1, 10, generator=torch.Generator().manual_seed(0))
        found = BoundaryConsistency(width=2, tau=0.8, weight=0.5)(cost, self.proba, self.valid)
        c = cost[0].numpy()
        region = c[:3].mean()  # away from the boundary, confidence at least 0.8
        boundary = (0.9 * c[3] + 0.9 * c[4] + 0.7 * c[5] + 0.7 * c[6]) / 3.2
        assert found.item() == pytest.approx(region + 0.5 * boundary, rel=1e-5)

    def test_its_gradient_reaches_the_student(self, batch, models):
        make_loss(consistency=BoundaryConsistency(tau=0.4))(batch, models.at(1.0)).unlabeled_loss.backward()
        assert models.network.weight.grad.abs().sum() > 0
        assert models.average.weight.grad is None

    def test_padding_is_ignored(self):
        valid = self.valid.clone()
        valid[0, 4:] = False
        cost = torch.zeros(1, 10)
        cost[0, 4:] = 1
        assert BoundaryConsistency(width=2)(cost, self.proba, valid).item() == 0

    def test_without_a_boundary_or_confidence_it_is_zero(self):
        flat = torch.full((1, 2, 10), 0.5)
        assert BoundaryConsistency()(torch.ones(1, 10), flat, self.valid).item() == 0

    def test_it_is_an_option(self, partly):
        params = {"max_steps": 6, "batch_size": 4, "network": TINY, "random_state": 0}
        a = MeanTeacherSegmenter(**params).fit(*partly).predict_proba(partly[0])
        option = MeanTeacherSegmenter(consistency=BoundaryConsistency(), **params).set_params(consistency__width=2)
        assert np.abs(option.fit(*partly).predict_proba(partly[0]) - a).max() > 0
