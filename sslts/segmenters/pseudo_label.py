"""Pseudo-Label (Lee 2013): the network learns from its own labels, which every step updates.

The whole algorithm is in `PseudoLabelLoss.forward`.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

from sklearn.utils._param_validation import HasMethods, Interval
from torch import Tensor, nn

from sslts.augment import apply_view
from sslts.losses import LabeledLoss
from sslts.objectives import check_ramp, describe_pseudo_labels, labeled_cross_entropy, pseudo_label_cross_entropy, rise
from sslts.segmenters.base import NetworkSegmenter
from sslts.segmenters.parameters import parameter
from sslts.thresholds import Threshold, ThresholdModule, build_threshold
from sslts.training import Batch, Losses, Step


class PseudoLabelLoss(nn.Module):
    """The Pseudo-Label loss of a batch, with the equations of the paper.

    Parameters
    ----------
    weak, strong : augmenter, callable or None
        Weak view of all windows, and strong view of the labeled windows on top of the weak view; see `sslts.augment`.
    threshold : ThresholdModule
        Decides which pseudo-labels count; see `sslts.thresholds.build_threshold`.
    alpha : float
        Final weight of the unlabeled loss.
    ramp : (float, float)
        Shares of training at which that weight starts and stops rising.
    class_weight : Tensor of shape (K,), or None
        Weights of the classes in the labeled loss.
    labeled_loss : callable, default=labeled_cross_entropy
        ``(logits, labels, class_weight) -> scalar``.

    Examples
    --------
    Halfway up the ramp, with an untrained network:

    >>> import torch
    >>> from sslts.augment import Tracks
    >>> options = dict(weak=None, strong=None, threshold=build_threshold(0.0, torch.ones(2) / 2), class_weight=None)
    >>> windows = Tracks(torch.zeros(1, 1, 2), torch.tensor([[0, 1]]), torch.ones(1, 2).bool())
    >>> step = Step(lambda *views: [torch.zeros(1, 2, 2)] * len(views), None, torch.Generator(), progress=0.5)
    >>> found = PseudoLabelLoss(**options, alpha=3.0, ramp=(0.25, 0.75))(Batch(windows, windows.hide_labels()), step)
    >>> [round(value.item(), 4) for value in (found.labeled_loss, found.unlabeled_loss, found.loss)]
    [0.6931, 0.6931, 1.7329]
    """

    class_weight: Tensor | None

    def __init__(
        self,
        *,
        weak: Any,
        strong: Any,
        threshold: ThresholdModule,
        alpha: float,
        ramp: tuple[float, float],
        class_weight: Tensor | None,
        labeled_loss: LabeledLoss = labeled_cross_entropy,
    ) -> None:
        super().__init__()
        self.weak, self.strong, self.labeled_loss = weak, strong, labeled_loss
        self.threshold, self.alpha, self.ramp = threshold, alpha, ramp
        self.register_buffer("class_weight", class_weight)

    def forward(self, batch: Batch, step: Step) -> Losses:
        """Return the loss of ``B`` labeled and ``mu B`` unlabeled windows."""
        known = apply_view(self.weak, batch.labeled, step.generator)
        labeled = apply_view(self.strong, known, step.generator)
        unlabeled = apply_view(self.weak, batch.unlabeled, step.generator)

        # Eq. (14): the pseudo-label is the most probable class of the current network. A threshold that compares with
        # labeled windows sees the same weak view of the labeled windows.
        compared = [known.x] if self.threshold.needs_labeled else []
        labeled_logits, logits, *others = step.student(labeled.x, unlabeled.x, *compared)
        proba = logits.detach().softmax(1)
        answer = (others[0].detach().softmax(1), known.target >= 0) if others else None
        self.threshold.observe(proba, unlabeled.valid, labeled=answer)
        proba = self.threshold.align(proba)
        weight = self.threshold(proba)

        # Eq. (15): the loss is l_s + alpha(t) l_u; eq. (16): alpha is 0 until T1, and rises to alpha_f at T2.
        labeled_loss = labeled.measure_loss(self.labeled_loss, labeled_logits, self.class_weight)
        unlabeled_loss = pseudo_label_cross_entropy(logits, proba, weight, unlabeled.valid)
        ramp = rise(step.progress, *self.ramp)
        loss = labeled_loss + self.alpha * ramp * unlabeled_loss
        loss = loss + ramp * self.threshold.penalize(logits, weight * unlabeled.valid)
        mask_rate, shares = describe_pseudo_labels(proba, weight, unlabeled.valid)
        return Losses(loss, labeled_loss, unlabeled_loss, mask_rate, shares)


class PseudoLabelSegmenter(NetworkSegmenter):
    """Segment signals by a network that learns from its own labels of unlabeled windows.

    The weight of these pseudo-labels rises during training (Lee 2013).

    Parameters
    ----------
    threshold : float, Threshold or None, default=None
        Smallest confidence at which a pseudo-label counts, from 0 to 1. A higher threshold gives fewer and more
        reliable pseudo-labels. None uses all pseudo-labels, as in the paper.
    alpha : float, default=3.0
        Final weight of the unlabeled loss, 0 or more; 0 trains on labeled samples only.
    ramp : (float, float), default=(0.1, 0.6)
        T1 and T2 of the paper as shares of training, from 0 to 1: the weight is 0 until T1, rises linearly, and is
        ``alpha`` from T2 on.
    mu : float, default=1.0
        Unlabeled windows per labeled window, above 0. More unlabeled windows cost more time per step.
    weak : augmenter, callable or None, default=Rescale()
        Weak view of all windows: a geometric change; see `sslts.augment`. None leaves the windows as they are.
    strong : augmenter, callable or None, default=RandAugment()
        Strong view of the labeled windows, applied on top of the weak view: also warps time, changes values and mixes
        recordings.
    ema_decay : float, default=0.99
        Decay of the averaged weights that predict, from 0 to below 1; 0 uses the last weights. The pseudo-labels come
        from the network itself, as in the paper.

    See Also
    --------
    FixMatchSegmenter : Labels a weak view with an averaged teacher and learns the labels from a strong view.

    References
    ----------
    Lee 2013, "Pseudo-Label: the simple and efficient semi-supervised learning method for deep neural networks".

    Examples
    --------
    >>> from sslts import PseudoLabelSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> y[2:] = -1
    >>> PseudoLabelSegmenter(max_steps=2, random_state=0).fit(X, y).predict(X).shape
    (8, 400)
    """

    threshold: float | Threshold | None = parameter(
        Interval(Real, 0, 1, closed="both"), HasMethods("build"), None, default=None
    )
    alpha: float = parameter(Interval(Real, 0, None, closed="left"), default=3.0)
    ramp: tuple[float, float] = parameter(tuple, list, default=(0.1, 0.6))
    mu: float = parameter(Interval(Real, 0, None, closed="neither"), default=1.0)

    def _make_criterion(self, class_weight: Tensor | None, shares: Tensor) -> nn.Module:
        return PseudoLabelLoss(
            weak=self.weak,
            strong=self.strong,
            threshold=build_threshold(0.0 if self.threshold is None else self.threshold, shares),
            alpha=self.alpha,
            ramp=check_ramp(self.ramp),
            class_weight=class_weight,
            labeled_loss=self.labeled_loss,
        )
