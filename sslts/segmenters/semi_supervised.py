"""A semi-supervised segmenter whose objective is passed in: an own method without a subclass."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from numbers import Real
from typing import Any

from sklearn.utils._param_validation import Interval
from torch import Tensor, nn

from sslts.augment import Tracks, apply_view
from sslts.losses import LabeledLoss
from sslts.objectives import labeled_cross_entropy
from sslts.segmenters.base import NetworkSegmenter
from sslts.segmenters.parameters import parameter
from sslts.training import Batch, Losses, Step

Objective = Callable[[Batch, Step], Losses]


class ObjectiveLoss(nn.Module):
    """The criterion around an objective: it completes each `Step` with the segmenter's views and labeled loss.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> def objective(batch, step):
    ...     (logits,) = step.student(step.strong(step.weak(batch.labeled)).x)
    ...     loss = step.labeled_loss(logits, batch.labeled.target)
    ...     return Losses(loss, loss)
    >>> criterion = ObjectiveLoss(objective, weak=None, strong=torch.neg, class_weight=None)
    >>> windows = Tracks(torch.zeros(1, 1, 3), torch.tensor([[0, 1, -1]]), torch.ones(1, 3).bool())
    >>> step = Step(lambda x: (torch.zeros(1, 2, 3),), None, torch.Generator(), progress=0.5)
    >>> round(criterion(Batch(windows, windows.hide_labels()), step).loss.item(), 4)  # log 2
    0.6931
    """

    class_weight: Tensor | None

    def __init__(
        self,
        objective: Objective,
        *,
        weak: Any,
        strong: Any,
        class_weight: Tensor | None,
        labeled_loss: LabeledLoss = labeled_cross_entropy,
    ) -> None:
        super().__init__()
        # A module keeps statistics: that of a fit is a copy, so that the parameter stays as it was.
        self.objective = copy.deepcopy(objective) if isinstance(objective, nn.Module) else objective
        self.weak, self.strong, self.labeled_loss = weak, strong, labeled_loss
        self.register_buffer("class_weight", class_weight)

    def forward(self, batch: Batch, step: Step) -> Losses:
        """Return what the objective makes of a batch."""

        def see(view: Any, tracks: Tracks) -> Tracks:
            return apply_view(view, tracks, step.generator)

        completed = replace(
            step,
            weak=partial(see, self.weak),
            strong=partial(see, self.strong),
            labeled_loss=lambda logits, labels: self.labeled_loss(logits, labels, self.class_weight),
        )
        losses = self.objective(batch, completed)
        if not isinstance(losses, Losses):
            raise ValueError(
                f"objective={self.objective!r} returned {type(losses).__name__}; return sslts.training.Losses."
            )
        return losses


class SemiSupervisedSegmenter(NetworkSegmenter):
    """Segment signals by an own objective.

    The network, the loop, the averaged teacher, prediction, files and scikit-learn's interface are those of the other
    segmenters; the objective decides what labeled and unlabeled windows ask of the network.

    Parameters
    ----------
    objective : callable
        ``(batch, step) -> Losses``, from a `sslts.training.Batch` and a `sslts.training.Step`. ``step.weak``,
        ``step.strong`` and ``step.labeled_loss`` are the views and the labeled loss of this estimator. A
        ``torch.nn.Module`` may keep statistics; each fit works on a copy.
    mu : float, default=1.0
        Unlabeled windows for each labeled one.

    See Also
    --------
    FixMatchSegmenter : FixMatch's objective, with parameters of its own.

    Examples
    --------
    Entropy minimization (Grandvalet & Bengio 2004), in one function:

    >>> from sslts import SemiSupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.training import Losses
    >>> def minimize_entropy(batch, step):
    ...     labeled, unlabeled = step.strong(step.weak(batch.labeled)), step.weak(batch.unlabeled)
    ...     logits, guesses = step.student(labeled.x, unlabeled.x)
    ...     labeled_loss = step.labeled_loss(logits, labeled.target)
    ...     entropy = -(guesses.softmax(1) * guesses.log_softmax(1)).sum(1)[unlabeled.valid].mean()
    ...     return Losses(labeled_loss + 0.1 * step.progress * entropy, labeled_loss, entropy)
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> y[2:] = -1
    >>> segmenter = SemiSupervisedSegmenter(objective=minimize_entropy, max_steps=2, random_state=0).fit(X, y)
    >>> segmenter.predict(X).shape
    (8, 400)
    """

    objective: Objective | None = parameter(callable, None, default=None)
    mu: float = parameter(Interval(Real, 0, None, closed="neither"), default=1.0)

    def _make_criterion(self, class_weight: Tensor | None, shares: Tensor) -> nn.Module:  # noqa: ARG002
        if self.objective is None:
            raise ValueError(
                "objective is None; pass a callable (batch, step) -> sslts.training.Losses, such as the one in "
                "docs/howto/own_objective.md."
            )
        return ObjectiveLoss(
            self.objective,
            weak=self.weak,
            strong=self.strong,
            class_weight=class_weight,
            labeled_loss=self.labeled_loss,
        )
