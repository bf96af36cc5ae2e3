"""Mean Teacher (Tarvainen & Valpola 2017): agree with the average of oneself.

The whole algorithm is `MeanTeacherLoss.forward`.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval
from torch import Tensor, nn

from sslts.augment import apply_view
from sslts.losses import LabeledLoss
from sslts.objectives import (
    average_weighted,
    describe_pseudo_labels,
    find_boundaries,
    labeled_cross_entropy,
    rise_smoothly,
    squared_difference,
)
from sslts.recipes import Recipe, bounded
from sslts.segmenters.base import NetworkSegmenter
from sslts.segmenters.parameters import parameter
from sslts.training import Batch, Losses, Step


@dataclass(frozen=True)
class UniformConsistency(Recipe):
    """Every valid sample counts the same (Tarvainen & Valpola 2017).

    Examples
    --------
    >>> import torch
    >>> UniformConsistency()(torch.ones(1, 3), torch.rand(1, 2, 3), torch.ones(1, 3).bool()).item()
    1.0
    """

    def __call__(self, cost: Tensor, proba: Tensor, valid: Tensor) -> Tensor:  # noqa: ARG002
        """Return the consistency loss from the cost (B, T), the teacher's probabilities (B, K, T) and validity."""
        return average_weighted(cost, valid.to(cost.dtype))


@dataclass(frozen=True)
class BoundaryConsistency(Recipe):
    """Weigh the inside of segments and their boundaries apart (after arXiv:2609.16489).

    Away from the teacher's boundaries a sample counts if the teacher is confident; near them it counts by how confident
    the teacher is. Each of the two terms is normalised by its own weight.

    Parameters
    ----------
    width : int
        Samples on either side of a change of the teacher's label that are near.
    tau : float
        Confidence from which a sample away from a boundary counts.
    weight : float
        Of the boundary term.

    Examples
    --------
    >>> import torch
    >>> proba = torch.tensor([[[0.9, 0.9, 0.2, 0.2], [0.1, 0.1, 0.8, 0.8]]])
    >>> cost = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    >>> BoundaryConsistency(width=1)(cost, proba, torch.ones(1, 4).bool()).item()
    1.0
    """

    width: int = bounded(4, 1, whole=True)
    tau: float = bounded(0.8, most=1)
    weight: float = bounded(1.0)

    def __call__(self, cost: Tensor, proba: Tensor, valid: Tensor) -> Tensor:
        """Return the consistency loss from the cost (B, T), the teacher's probabilities (B, K, T) and validity."""
        near, confidence = find_boundaries(proba, self.width, valid), proba.amax(1)
        region = average_weighted(cost, (valid & ~near & (confidence >= self.tau)).to(cost.dtype))
        return region + self.weight * average_weighted(cost, valid * near * confidence)


class MeanTeacherLoss(nn.Module):
    """The loss of a batch, with the paper's terms.

    Examples
    --------
    At the end of a training, with a student that knows nothing and a teacher that is sure of itself:

    >>> from sslts.augment import Tracks
    >>> options = dict(weak=None, strong=None, consistency=UniformConsistency(), ramp_up=0.4, class_weight=None)
    >>> windows = Tracks(torch.zeros(1, 1, 2), torch.tensor([[0, 1]]), torch.ones(1, 2).bool())
    >>> proba = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    >>> step = Step(lambda *views: [torch.zeros(1, 2, 2)] * len(views), lambda x: proba, torch.Generator(), 1.0)
    >>> found = MeanTeacherLoss(**options, lambda_u=10.0)(Batch(windows, windows.hide_labels()), step)
    >>> [round(value.item(), 4) for value in (found.labeled_loss, found.unlabeled_loss, found.loss)]
    [0.6931, 0.25, 3.1931]
    """

    class_weight: Tensor | None

    def __init__(
        self,
        *,
        weak: Any,
        strong: Any,
        consistency: Any,
        lambda_u: float,
        ramp_up: float,
        class_weight: Tensor | None,
        labeled_loss: LabeledLoss = labeled_cross_entropy,
    ) -> None:
        super().__init__()
        self.weak, self.strong, self.labeled_loss = weak, strong, labeled_loss
        self.consistency, self.lambda_u, self.ramp_up = consistency, lambda_u, ramp_up
        self.register_buffer("class_weight", class_weight)

    def forward(self, batch: Batch, step: Step) -> Losses:
        """Return the loss of ``B`` labeled and ``mu B`` unlabeled windows."""
        known = apply_view(self.weak, batch.labeled, step.generator)
        labeled = apply_view(self.strong, known, step.generator)

        # f(x, theta', eta'): the teacher's answer to its own view moves along with the student's.
        weak = apply_view(self.weak, batch.unlabeled, step.generator)
        proba = step.teacher(weak.x)
        view = apply_view(self.strong, weak.replace(target=proba), step.generator)
        labeled_logits, logits = step.student(labeled.x, view.x)

        # J(theta) = E || f(x, theta', eta') - f(x, theta, eta) ||^2, with a weight that ramps up.
        labeled_loss = self.labeled_loss(labeled_logits, labeled.target, self.class_weight)
        unlabeled_loss = self.consistency(squared_difference(logits, view.target), view.target, view.valid)
        loss = labeled_loss + self.lambda_u * rise_smoothly(step.progress, self.ramp_up) * unlabeled_loss
        mask_rate, shares = describe_pseudo_labels(view.target, torch.ones_like(view.x[:, 0]), view.valid)
        return Losses(loss, labeled_loss, unlabeled_loss, mask_rate, shares)


class MeanTeacherSegmenter(NetworkSegmenter):
    """Learn to agree with the averaged network about unlabeled windows.

    Parameters
    ----------
    lambda_u : float
        Final weight of the consistency loss, a mean squared difference of probabilities.
    ramp_up : float
        Share of the training in which that weight rises, as ``exp(-5 (1 - t)^2)``; 0 gives it whole from the start.
    consistency : UniformConsistency, BoundaryConsistency or callable
        How samples are weighed: ``(cost (B, T), proba (B, K, T), valid (B, T)) -> scalar``.
    mu : float
        Unlabeled windows for each labeled one.
    ema_decay : float
        Decay of the averaged weights, which teach and predict, as in the paper; 0 makes the student its own teacher.

    See Also
    --------
    FixMatchSegmenter : Asks for the teacher's hard label where it is confident.

    References
    ----------
    Tarvainen & Valpola 2017, "Mean teachers are better role models: weight-averaged consistency targets improve
    semi-supervised deep learning results", arXiv:1703.01780.

    Examples
    --------
    >>> from sslts import MeanTeacherSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> y[2:] = -1
    >>> MeanTeacherSegmenter(max_steps=2, random_state=0).fit(X, y).predict(X).shape
    (8, 400)
    """

    lambda_u: float = parameter(Interval(Real, 0, None, closed="left"), default=10.0)
    ramp_up: float = parameter(Interval(Real, 0, 1, closed="both"), default=0.4)
    consistency: Any = parameter(callable, default=UniformConsistency())
    mu: float = parameter(Interval(Real, 0, None, closed="neither"), default=1.0)

    def _make_criterion(self, class_weight: Tensor | None, shares: Tensor) -> nn.Module:  # noqa: ARG002
        return MeanTeacherLoss(
            weak=self.weak,
            strong=self.strong,
            consistency=self.consistency,
            lambda_u=self.lambda_u,
            ramp_up=self.ramp_up,
            class_weight=class_weight,
            labeled_loss=self.labeled_loss,
        )
