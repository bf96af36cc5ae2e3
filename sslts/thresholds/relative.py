"""The threshold of AdaMatch (Berthelot et al. 2022): relative to the confidence on labeled samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sslts.recipes import bounded
from sslts.thresholds._shares import average_values
from sslts.thresholds.module import ThresholdModule, _Labeled
from sslts.thresholds.threshold import Threshold


class _RelativeModule(ThresholdModule):
    confidence: Tensor
    needs_labeled = True

    def __init__(self, tau: float) -> None:
        super().__init__()
        self.tau = tau
        self.register_buffer("confidence", torch.tensor(1.0))

    def observe(self, proba: Tensor, valid: Tensor, labeled: _Labeled | None = None) -> None:  # noqa: ARG002
        if labeled is not None:
            answer, known = labeled
            self.confidence.copy_(torch.where(known.any(), average_values(answer.amax(1), known), self.confidence))

    def forward(self, proba: Tensor) -> Tensor:
        return (proba.amax(1) >= self.tau * self.confidence).to(proba.dtype)


@dataclass(frozen=True)
class RelativeThreshold(Threshold):
    """Threshold at ``tau`` times the mean confidence on the labeled samples of the same batch.

    The teacher also predicts the weak view of the labeled windows. Source: Berthelot et al. 2022, "AdaMatch",
    section 3.2.

    Parameters
    ----------
    tau : float
        Factor of the mean confidence, from 0 to 1.
    alignment, alignment_limit
        See `Threshold`. The paper uses "labeled"; the target shares are then a running average of the teacher's
        probabilities of labeled samples, not the shares of the labels.

    Examples
    --------
    >>> import torch
    >>> module = RelativeThreshold(0.9).build(n_classes=2)
    >>> proba, valid = torch.tensor([[[0.8], [0.2]]]), torch.ones(1, 1).bool()
    >>> module.observe(proba, valid, labeled=(torch.tensor([[[0.85], [0.15]]]), valid))
    >>> module(proba).tolist()  # 0.8 >= 0.9 * 0.85
    [[1.0]]
    """

    tau: float = bounded(0.9, most=1)

    def _build(self, n_classes: int, prior: Tensor | None) -> ThresholdModule:  # noqa: ARG002
        return _RelativeModule(self.tau)
