"""Alignment of the classes' shares, around any other threshold's module."""

from __future__ import annotations

from torch import Tensor

from sslts.thresholds._shares import average_samples
from sslts.thresholds.module import _MOMENTUM, ThresholdModule, _Labeled


class AlignedModule(ThresholdModule):
    """Alignment of the weights, and of what the pseudo-labels are taken from if it ``labels``.

    If it ``follows``, the classes' shares are to be those of the teacher's answers to labeled samples.

    Examples
    --------
    >>> import torch
    >>> from sslts.thresholds import FixedThreshold
    >>> inner = FixedThreshold(0.5).build(n_classes=2)
    >>> module = AlignedModule(inner, torch.tensor([0.5, 0.5]), limit=2.0, labels=True, follows=False)
    >>> module.align(torch.tensor([[[0.75], [0.25]]])).tolist()  # before anything is seen
    [[[0.75], [0.25]]]
    """

    share: Tensor
    prior: Tensor

    def __init__(self, inner: ThresholdModule, prior: Tensor, limit: float, *, labels: bool, follows: bool) -> None:
        super().__init__()
        self.inner, self.needs_labeled, self.limit = inner, inner.needs_labeled, limit
        self.labels, self.follows = labels, follows
        self.register_buffer("prior", prior.clone())
        self.register_buffer("share", prior.clone())

    def observe(self, proba: Tensor, valid: Tensor, labeled: _Labeled | None = None) -> None:
        self.share.lerp_(average_samples(proba, valid), 1 - _MOMENTUM)
        if self.follows and labeled is not None:
            answer, known = labeled
            self.prior.lerp_(average_samples(answer, known), (1 - _MOMENTUM) * known.any())
        self.inner.observe(self._align(proba), valid, labeled)

    def align(self, proba: Tensor) -> Tensor:
        return self._align(proba) if self.labels else proba

    def _align(self, proba: Tensor) -> Tensor:
        factor = (self.prior / self.share.clamp(min=1e-6)).clamp(1 / self.limit, self.limit)
        aligned = proba * factor[:, None]
        return aligned / aligned.sum(1, keepdim=True).clamp(min=1e-12)

    def forward(self, proba: Tensor) -> Tensor:
        return self.inner(proba if self.labels else self._align(proba))

    def penalize(self, logits: Tensor, weight: Tensor) -> Tensor:
        return self.inner.penalize(logits, weight)
