"""Losses on labeled samples: recipes for the parameter ``labeled_loss`` of a segmenter.

Any callable ``(logits, labels, class_weight) -> scalar`` is a labeled loss. It takes logits (B, K, T), class indices
(B, T) with ``-1`` for unlabeled samples, and class weights (K,) or None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from sslts.objectives import labeled_cross_entropy
from sslts.recipes import Recipe, bounded

__all__ = ["CrossEntropy", "Dice", "Focal", "LabeledLoss"]

LabeledLoss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class CrossEntropy(Recipe):
    """The mean cross-entropy over labeled samples.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the target probability that is spread over all classes (Szegedy et al. 2016), from 0 to below 1. Raise
        it if annotators disagree about boundaries.

    Examples
    --------
    >>> import torch
    >>> labels = torch.tensor([[0, 1, -1]])
    >>> round(CrossEntropy()(torch.zeros(1, 2, 3), labels).item(), 4)  # log 2
    0.6931
    """

    label_smoothing: float = bounded(0.0, most=1, included=False)

    def __call__(self, logits: Tensor, labels: Tensor, class_weight: Tensor | None = None) -> Tensor:
        """Return the loss of logits (B, K, T) and labels (B, T); zero if no sample is labeled."""
        if not self.label_smoothing:
            return labeled_cross_entropy(logits, labels, class_weight)
        known = labels >= 0
        loss = F.cross_entropy(
            logits, labels, class_weight, ignore_index=-1, reduction="sum", label_smoothing=self.label_smoothing
        )
        weight = known if class_weight is None else class_weight[labels.clamp(min=0)] * known
        return loss / weight.sum().to(loss.dtype).clamp(min=1e-12)


@dataclass(frozen=True)
class Focal(Recipe):
    """The focal loss, which lowers the weight of samples that are classified well (Lin et al. 2017).

    Parameters
    ----------
    gamma : float, default=2.0
        Exponent of the weight ``(1 - p)^gamma``, 0 or more; 0 gives the cross-entropy. Raise it if easy background
        dominates a rare pattern.

    Examples
    --------
    >>> import torch
    >>> labels = torch.tensor([[0, 1, -1]])
    >>> round(Focal(gamma=2.0)(torch.zeros(1, 2, 3), labels).item(), 4)  # (1 - 1/2)^2 log 2
    0.1733
    """

    gamma: float = bounded(2.0)

    def __call__(self, logits: Tensor, labels: Tensor, class_weight: Tensor | None = None) -> Tensor:
        """Return the loss of logits (B, K, T) and labels (B, T); zero if no sample is labeled."""
        known = labels >= 0
        log_proba = logits.log_softmax(1).gather(1, labels.clamp(min=0)[:, None])[:, 0]
        weight = known.to(logits.dtype) if class_weight is None else class_weight[labels.clamp(min=0)] * known
        loss = -((1 - log_proba.exp()).clamp(min=1e-12) ** self.gamma) * log_proba
        return (loss * weight).sum() / weight.sum().clamp(min=1e-12)


@dataclass(frozen=True)
class Dice(Recipe):
    """One minus the soft Dice coefficient, averaged over the classes with labeled samples in the batch.

    Source: Milletari et al. 2016, "V-Net". The added cross-entropy stabilizes the first steps (Isensee et al. 2021).

    Parameters
    ----------
    cross_entropy : float, default=1.0
        Weight of the added cross-entropy, 0 or more; 0 adds no cross-entropy.

    Examples
    --------
    >>> import torch
    >>> labels, sure = torch.tensor([[0, 1, -1]]), torch.tensor([[[99.0, 0.0, 0.0], [0.0, 99.0, 0.0]]])
    >>> round(Dice()(sure, labels).item(), 4), round(Dice(cross_entropy=0)(-sure, labels).item(), 4)
    (0.0, 1.0)
    """

    cross_entropy: float = bounded(1.0)

    def __call__(self, logits: Tensor, labels: Tensor, class_weight: Tensor | None = None) -> Tensor:
        """Return the loss of logits (B, K, T) and labels (B, T); zero if no sample is labeled."""
        known = (labels >= 0)[:, None].to(logits.dtype)
        proba = logits.softmax(1) * known
        truth = F.one_hot(labels.clamp(min=0), logits.shape[1]).transpose(1, 2) * known
        overlap, total = (proba * truth).sum((0, 2)), (proba + truth).sum((0, 2))
        weight = (truth.sum((0, 2)) > 0).to(logits.dtype) * (1 if class_weight is None else class_weight)
        dice = 1 - 2 * overlap / total.clamp(min=1e-6)
        loss = (dice * weight).sum() / weight.sum().clamp(min=1e-12)
        if not self.cross_entropy:
            return loss
        return loss + self.cross_entropy * labeled_cross_entropy(logits, labels, class_weight)
