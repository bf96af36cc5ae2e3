"""A semi-supervised segmenter with a custom objective: a custom method without a subclass."""

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
    """The criterion that runs an objective, with the views and the labeled loss of the segmenter in each `Step`.

    Parameters
    ----------
    objective : callable
        ``(batch, step) -> Losses``. A module is copied.
    weak, strong : augmenter, callable or None
        Views of the windows, passed on as ``step.weak`` and ``step.strong``.
    class_weight : Tensor of shape (K,), or None
        Weights of the classes in the labeled loss.
    labeled_loss : callable, default=labeled_cross_entropy
        ``(logits, labels, class_weight) -> scalar``, passed on as ``step.labeled_loss(logits, labeled)``.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> def objective(batch, step):
    ...     labeled = step.strong(step.weak(batch.labeled))
    ...     loss = step.labeled_loss(*step.student(labeled.x), labeled)
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
        # A module may keep statistics; a fit works on a copy, so that the parameter stays unchanged.
        self.objective = copy.deepcopy(objective) if isinstance(objective, nn.Module) else objective
        self.weak, self.strong, self.labeled_loss = weak, strong, labeled_loss
        self.register_buffer("class_weight", class_weight)

    def forward(self, batch: Batch, step: Step) -> Losses:
        """Return the losses that the objective computes from a batch."""

        def see(view: Any, tracks: Tracks) -> Tracks:
            return apply_view(view, tracks, step.generator)

        def measure(logits: Tensor, labeled: Tracks | Tensor) -> Tensor:
            if isinstance(labeled, Tracks):
                return labeled.measure_loss(self.labeled_loss, logits, self.class_weight)
            return self.labeled_loss(logits, labeled, self.class_weight)

        completed = replace(
            step,
            weak=partial(see, self.weak),
            strong=partial(see, self.strong),
            labeled_loss=measure,
        )
        losses = self.objective(batch, completed)
        if not isinstance(losses, Losses):
            raise ValueError(
                f"objective={self.objective!r} returned {type(losses).__name__}; return sslts.training.Losses."
            )
        return losses


class SemiSupervisedSegmenter(NetworkSegmenter):
    """Segment signals by a network trained with a custom objective.

    The objective computes the loss from labeled and unlabeled windows. Everything else is the same as in the other
    segmenters: network, training loop, averaged teacher, prediction, files and the interface of scikit-learn.

    Parameters
    ----------
    objective : callable
        ``(batch, step) -> Losses``; see `sslts.training.Batch`, `sslts.training.Step` and `sslts.training.Losses`.
        ``step.weak``, ``step.strong`` and ``step.labeled_loss`` are the views and the labeled loss of this estimator. A
        ``torch.nn.Module`` may keep statistics; each fit works on a copy. Required: `fit` raises if it is None.
    mu : float, default=1.0
        Unlabeled windows per labeled window, above 0. More unlabeled windows cost more time per step.

    See Also
    --------
    FixMatchSegmenter : FixMatch, with its own parameters.

    Examples
    --------
    Entropy minimization (Grandvalet & Bengio 2004) as one function:

    >>> from sslts import SemiSupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.training import Losses
    >>> def minimize_entropy(batch, step):
    ...     labeled, unlabeled = step.strong(step.weak(batch.labeled)), step.weak(batch.unlabeled)
    ...     logits, guesses = step.student(labeled.x, unlabeled.x)
    ...     labeled_loss = step.labeled_loss(logits, labeled)
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
