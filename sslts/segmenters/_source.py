"""The labels of an earlier customer, the source, in the loss of a fit on the recordings of a new one, the target."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from sslts.augment import apply_view
from sslts.losses import LabeledLoss
from sslts.training import Batch, Losses, Step

SOURCE = "source"  # name of the pool in `Batch.others`
NAME = "source_loss"  # column of the history
# On a foreign sensor, the source's labels help at the beginning; later they would keep teaching its shapes.
FADE = 0.25  # of the training


class SourceLoss(nn.Module):
    """The loss of a method, plus the labeled loss of the source's windows.

    With ``fades``, the weight of the source falls from 1 to 0 in the first quarter of the training. By then the network
    has learned what both domains share, and the target's labels and pseudo-labels teach the rest. Without ``fades``,
    the weight stays 1: if the domains are alike, the source's labels help to the end.

    The network sees the source's windows in a pass of their own, in which BatchNorm normalizes them by their own
    statistics. So the two domains share all weights, and the statistics for predictions are those of the target
    (Zajac et al. 2019, "Split batch normalization", arXiv:1904.03515).

    Parameters
    ----------
    criterion : torch.nn.Module
        The method's criterion, for the windows of the target.
    weak, strong : augmenter, callable or None
        Views of the source's windows.
    class_weight : Tensor of shape (K,), or None
    labeled_loss : callable
        ``(logits, labels, class_weight) -> scalar``.
    fades : bool, default=True
    """

    class_weight: Tensor | None

    def __init__(
        self,
        criterion: nn.Module,
        *,
        weak: Any,
        strong: Any,
        class_weight: Tensor | None,
        labeled_loss: LabeledLoss,
        fades: bool = True,
    ) -> None:
        super().__init__()
        self.criterion, self.weak, self.strong = criterion, weak, strong
        self.labeled_loss, self.fades = labeled_loss, fades
        self.register_buffer("class_weight", class_weight)

    def forward(self, batch: Batch, step: Step) -> Losses:
        """Return the loss of the method's windows and of ``B`` windows of the source."""
        losses: Losses = self.criterion(batch, step)
        weight = 1 - step.progress / FADE if self.fades else 1.0
        if weight <= 0:
            return losses
        seen = apply_view(self.weak, batch.others[SOURCE], step.generator)
        seen = apply_view(self.strong, seen, step.generator)
        source_loss = seen.measure_loss(self.labeled_loss, step.apart(seen.x), self.class_weight)
        return replace(losses, loss=losses.loss + weight * source_loss, others={**losses.others, NAME: source_loss})


class SourceOnlyLoss(nn.Module):
    """The loss of a method whose labeled windows are those of the source, because the target has no label.

    As in `SourceLoss`, the source's windows have a pass of their own. They are the first windows that a criterion shows
    to the student.

    Parameters
    ----------
    criterion : torch.nn.Module
        The method's criterion.
    """

    def __init__(self, criterion: nn.Module) -> None:
        super().__init__()
        self.criterion = criterion

    def forward(self, batch: Batch, step: Step) -> Losses:
        """Return the loss of ``B`` windows of the source and of the target's unlabeled windows."""

        def ask(labeled: Tensor, *views: Tensor) -> tuple[Tensor, ...]:
            return step.apart(labeled), *(step.student(*views) if views else ())

        found: Losses = self.criterion(batch, replace(step, student=ask))
        return found
