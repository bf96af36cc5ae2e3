"""Mean Teacher (Tarvainen & Valpola 2017): the network learns to agree with its own average.

The whole algorithm is in `MeanTeacherLoss.forward`.
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
    """Consistency loss that weighs all valid samples equally (Tarvainen & Valpola 2017).

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
    """Consistency loss with separate terms for the inside of segments and for boundaries (after arXiv:2609.16489).

    Away from the teacher's boundaries, a sample counts fully if the teacher is confident, else not at all. Near a
    boundary, a sample is weighted by the teacher's confidence. Each term is normalized by its own total weight.

    Parameters
    ----------
    width : int, default=4
        Samples on each side of a change of the teacher's label that count as near the boundary, 1 or more.
    tau : float, default=0.8
        Smallest confidence at which a sample away from a boundary counts, from 0 to 1.
    weight : float, default=1.0
        Weight of the boundary term, 0 or more.

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
    """The Mean Teacher loss of a batch, with the terms of the paper.

    Parameters
    ----------
    weak, strong : augmenter, callable or None
        Weak view of all windows, and strong view on top of the weak view; see `sslts.augment`.
    consistency : callable
        ``(cost (B, T), proba (B, K, T), valid (B, T)) -> scalar``: how samples are weighted.
    lambda_u : float
        Final weight of the consistency loss.
    ramp_up : float
        Share of training in which that weight rises.
    class_weight : Tensor of shape (K,), or None
        Weights of the classes in the labeled loss.
    labeled_loss : callable, default=labeled_cross_entropy
        ``(logits, labels, class_weight) -> scalar``.

    Examples
    --------
    At the end of training, with an untrained student and a confident teacher:

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

        # f(x, theta', eta'): the student's view also moves the teacher's probabilities in time.
        weak = apply_view(self.weak, batch.unlabeled, step.generator)
        proba = step.teacher(weak.x)
        view = apply_view(self.strong, weak.replace(target=proba), step.generator)
        labeled_logits, logits = step.student(labeled.x, view.x)

        # J(theta) = E || f(x, theta', eta') - f(x, theta, eta) ||^2, with a weight that ramps up.
        labeled_loss = labeled.measure_loss(self.labeled_loss, labeled_logits, self.class_weight)
        unlabeled_loss = self.consistency(squared_difference(logits, view.target), view.target, view.valid)
        loss = labeled_loss + self.lambda_u * rise_smoothly(step.progress, self.ramp_up) * unlabeled_loss
        mask_rate, shares = describe_pseudo_labels(view.target, torch.ones_like(view.x[:, 0]), view.valid)
        return Losses(loss, labeled_loss, unlabeled_loss, mask_rate, shares)


class MeanTeacherSegmenter(NetworkSegmenter):
    """Segment signals by a network that learns to agree with its own average on unlabeled windows.

    A teacher, the average of the network's weights over training, predicts probabilities for unlabeled windows. The
    network learns to predict the same probabilities from another view (Tarvainen & Valpola 2017).

    Parameters
    ----------
    lambda_u : float, default=10.0
        Final weight of the consistency loss, a mean squared difference of probabilities; 0 or more. 0 trains on labeled
        samples only.
    ramp_up : float, default=0.4
        Share of training in which that weight rises, as ``exp(-5 (1 - t)^2)``; from 0 to 1. 0 gives the full weight
        from the start.
    consistency : UniformConsistency, BoundaryConsistency or callable, default=UniformConsistency()
        How samples are weighted: ``(cost (B, T), proba (B, K, T), valid (B, T)) -> scalar``.
    mu : float, default=1.0
        Unlabeled windows per labeled window, above 0. More unlabeled windows cost more time per step.
    ema_decay : float, default=0.99
        Decay of the averaged weights that teach and predict, from 0 to below 1; 0 makes the student its own teacher.

    See Also
    --------
    FixMatchSegmenter : Learns the teacher's hard labels, where the teacher is confident.

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
