"""Distribution alignment, as a wrapper around the module of any threshold."""

from __future__ import annotations

from torch import Tensor

from sslts.thresholds._shares import average_samples
from sslts.thresholds.module import _MOMENTUM, ThresholdModule, _Labeled


class AlignedModule(ThresholdModule):
    """Module that aligns probabilities before the module ``inner`` weighs them.

    With ``labels``, pseudo-labels come from the aligned probabilities too; without it, only the weights do. With
    ``follows``, the target shares are a running average of the teacher's probabilities of labeled samples.
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
