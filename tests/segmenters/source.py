"""A custom method with a third pool of recordings: the labeled recordings of another domain take part in the loss.

This file is all that the method takes; docs/contributing.md walks through it.
"""

from __future__ import annotations

from numbers import Real
from os import PathLike
from typing import Any, Self

from sklearn.utils._param_validation import Interval
from torch import Tensor, nn

from sslts.augment import apply_view
from sslts.objectives import labeled_cross_entropy
from sslts.segmenters import FixMatchSegmenter, parameter
from sslts.training import Batch, Losses, Step


class SourceLoss(nn.Module):
    """The loss of another criterion, plus the loss of the source's labeled windows."""

    def __init__(self, criterion: nn.Module, weak: Any, weight: float) -> None:
        super().__init__()
        self.criterion, self.weak, self.weight = criterion, weak, weight

    def forward(self, batch: Batch, step: Step) -> Losses:
        losses = self.criterion(batch, step)
        if "source" not in batch.others:  # fitted without a source
            return losses
        source = apply_view(self.weak, batch.others["source"], step.generator)
        (logits,) = step.student(source.x)
        source_loss = labeled_cross_entropy(logits, source.target)
        return Losses(
            losses.loss + self.weight * source_loss,
            losses.labeled_loss,
            losses.unlabeled_loss,
            losses.mask_rate,
            losses.shares,
            others={"source_loss": source_loss},
        )


class SourceFixMatchSegmenter(FixMatchSegmenter):
    """FixMatch that also learns from the labeled recordings of another domain."""

    source_weight: float = parameter(Interval(Real, 0, None, closed="left"), default=1.0)

    def fit(self, X: Any, y: Any, *, source: Any = None, checkpoint: str | PathLike[str] | None = None) -> Self:
        """Fit; ``source`` is a pair of recordings and labels."""
        return self._fit(X, y, checkpoint=checkpoint, pools={} if source is None else {"source": source})

    def _make_criterion(self, class_weight: Tensor | None, shares: Tensor) -> nn.Module:
        return SourceLoss(super()._make_criterion(class_weight, shares), self.weak, self.source_weight)
