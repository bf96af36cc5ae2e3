"""Losses on labeled samples: recipes for the parameter ``labeled_loss`` of a segmenter.

Any callable ``(logits, labels, class_weight) -> scalar`` is a labeled loss. It takes logits (B, K, T), class indices
(B, T) with ``-1`` for unlabeled samples, and class weights (K,) or None.

A loss with a parameter ``sample_weight`` also takes the weights (B, T) of samples, and a loss with a parameter
``soft_labels`` the probabilities (B, K, T) of the classes at labeled samples. Each is passed by its name, and only if
``fit`` was given some, so both have the default None. The losses of this module take both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sslts.objectives import labeled_cross_entropy, weigh_labels
from sslts.recipes import Recipe, bounded

__all__ = ["CrossEntropy", "Dice", "Focal", "LabeledLoss"]

LabeledLoss = Callable[..., Tensor]


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

    def __call__(
        self,
        logits: Tensor,
        labels: Tensor,
        class_weight: Tensor | None = None,
        sample_weight: Tensor | None = None,
        soft_labels: Tensor | None = None,
    ) -> Tensor:
        """Return the loss of logits (B, K, T) and labels (B, T); zero if no sample is labeled."""
        if not self.label_smoothing:
            return labeled_cross_entropy(logits, labels, class_weight, sample_weight, soft_labels)
        weight = weigh_labels(labels, class_weight, sample_weight, soft_labels).sum()
        if sample_weight is None and soft_labels is None:
            loss = F.cross_entropy(
                logits, labels, class_weight, ignore_index=-1, reduction="sum", label_smoothing=self.label_smoothing
            )
        else:
            truth = _spread(labels, logits, soft_labels)
            truth = torch.lerp(truth, torch.full_like(truth, 1 / logits.shape[1]), self.label_smoothing)
            cost = weigh_labels(labels, sample_weight=sample_weight)[:, None] * truth * -logits.log_softmax(1)
            loss = (cost if class_weight is None else cost * class_weight[:, None]).sum()
        return loss / weight.to(loss.dtype).clamp(min=1e-12)


@dataclass(frozen=True)
class Focal(Recipe):
    """The focal loss, which lowers the weight of samples that are classified well (Lin et al. 2017).

    With soft labels, it is the mean of the focal losses of the classes, by their probabilities.

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

    def __call__(
        self,
        logits: Tensor,
        labels: Tensor,
        class_weight: Tensor | None = None,
        sample_weight: Tensor | None = None,
        soft_labels: Tensor | None = None,
    ) -> Tensor:
        """Return the loss of logits (B, K, T) and labels (B, T); zero if no sample is labeled."""
        weight = weigh_labels(labels, class_weight, sample_weight, soft_labels).to(logits.dtype)
        if soft_labels is None:
            log_proba = logits.log_softmax(1).gather(1, labels.clamp(min=0)[:, None])[:, 0]
            return (self._rate(log_proba) * weight).sum() / weight.sum().clamp(min=1e-12)
        cost = self._rate(logits.log_softmax(1)) * soft_labels
        cost = (cost if class_weight is None else cost * class_weight[:, None]).sum(1)
        return (cost * weigh_labels(labels, sample_weight=sample_weight)).sum() / weight.sum().clamp(min=1e-12)

    def _rate(self, log_proba: Tensor) -> Tensor:
        """Return the loss of a class from the logarithm of its probability."""
        return -((1 - log_proba.exp()).clamp(min=1e-12) ** self.gamma) * log_proba


@dataclass(frozen=True)
class Dice(Recipe):
    """One minus the soft Dice coefficient, averaged over the classes with labeled samples in the batch.

    Source: Milletari et al. 2016, "V-Net". The added cross-entropy stabilizes the first steps (Isensee et al. 2021).
    With soft labels, the overlap is the smaller of both probabilities, so that equal probabilities have the least loss
    (Wang et al. 2023, "Dice semimetric losses"); for certain labels, this is the same.

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

    def __call__(
        self,
        logits: Tensor,
        labels: Tensor,
        class_weight: Tensor | None = None,
        sample_weight: Tensor | None = None,
        soft_labels: Tensor | None = None,
    ) -> Tensor:
        """Return the loss of logits (B, K, T) and labels (B, T); zero if no sample is labeled."""
        known = weigh_labels(labels, sample_weight=sample_weight)[:, None].to(logits.dtype)
        proba, truth = logits.softmax(1), _spread(labels, logits, soft_labels)
        overlap = (proba * truth if soft_labels is None else torch.minimum(proba, truth)) * known
        present = (truth * known).sum((0, 2))
        overlap, total = overlap.sum((0, 2)), ((proba + truth) * known).sum((0, 2))
        weight = (present > 0).to(logits.dtype) * (1 if class_weight is None else class_weight)
        dice = 1 - 2 * overlap / total.clamp(min=1e-6)
        loss = (dice * weight).sum() / weight.sum().clamp(min=1e-12)
        if not self.cross_entropy:
            return loss
        return loss + self.cross_entropy * labeled_cross_entropy(
            logits, labels, class_weight, sample_weight, soft_labels
        )


def _spread(labels: Tensor, logits: Tensor, soft_labels: Tensor | None) -> Tensor:
    """Return the probabilities (B, K, T) of the classes: soft labels, or 0 and 1."""
    if soft_labels is not None:
        return soft_labels
    return F.one_hot(labels.clamp(min=0), logits.shape[1]).transpose(1, 2).to(logits.dtype)
