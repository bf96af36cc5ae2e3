"""The supervised baseline: labeled samples only, with the same network, views, steps and averaging."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from sslts.augment import apply_view
from sslts.losses import LabeledLoss
from sslts.objectives import labeled_cross_entropy
from sslts.segmenters.base import NetworkSegmenter
from sslts.training import Batch, Losses, Step


class SupervisedLoss(nn.Module):
    """The loss of labeled windows, seen through the weak view and then the strong view.

    Parameters
    ----------
    weak, strong : augmenter, callable or None
        Views of the windows; see `sslts.augment`.
    class_weight : Tensor of shape (K,), or None
        Weights of the classes in the labeled loss.
    labeled_loss : callable, default=labeled_cross_entropy
        ``(logits, labels, class_weight) -> scalar``.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> loss = SupervisedLoss(weak=None, strong=None, class_weight=None)
    >>> windows = Tracks(torch.zeros(1, 1, 3), torch.tensor([[0, 1, -1]]), torch.ones(1, 3).bool())
    >>> step = Step(lambda x: (torch.zeros(1, 2, 3),), None, torch.Generator(), progress=0.5)
    >>> round(loss(Batch(windows, windows.hide_labels()), step).loss.item(), 4)  # log 2
    0.6931
    """

    class_weight: Tensor | None

    def __init__(
        self, *, weak: Any, strong: Any, class_weight: Tensor | None, labeled_loss: LabeledLoss = labeled_cross_entropy
    ) -> None:
        super().__init__()
        self.weak, self.strong, self.labeled_loss = weak, strong, labeled_loss
        self.register_buffer("class_weight", class_weight)

    def forward(self, batch: Batch, step: Step) -> Losses:
        """Return the loss of ``B`` labeled windows."""
        labeled = apply_view(self.strong, apply_view(self.weak, batch.labeled, step.generator), step.generator)
        (logits,) = step.student(labeled.x)
        loss = labeled.measure_loss(self.labeled_loss, logits, self.class_weight)
        return Losses(loss, loss)


class SupervisedSegmenter(NetworkSegmenter):
    """Segment signals by a network trained on labeled samples only.

    This is the baseline that semi-supervised methods have to beat: the same network, views, number of steps and
    averaging of weights as in `FixMatchSegmenter`, without unlabeled samples.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> y[4:] = -1
    >>> SupervisedSegmenter(max_steps=2, random_state=0).fit(X, y).predict(X).shape
    (8, 400)
    """

    def _make_criterion(self, class_weight: Tensor | None, shares: Tensor) -> nn.Module:  # noqa: ARG002
        return SupervisedLoss(
            weak=self.weak, strong=self.strong, class_weight=class_weight, labeled_loss=self.labeled_loss
        )
