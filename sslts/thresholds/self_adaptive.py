"""The threshold of FreeMatch (Wang et al. 2023): it follows the teacher's confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sslts.recipes import bounded
from sslts.thresholds._shares import average_samples, average_values, compare_shares, count_classes, expect_shares
from sslts.thresholds.module import _MOMENTUM, ThresholdModule, _Labeled
from sslts.thresholds.threshold import Threshold


class _SelfAdaptiveModule(ThresholdModule):
    expected: Tensor
    confidence: Tensor
    share: Tensor
    histogram: Tensor

    def __init__(self, expected: Tensor, fairness: float) -> None:
        super().__init__()
        self.fairness = fairness
        self.register_buffer("expected", expected)
        self.register_buffer("confidence", torch.tensor(1 / len(expected)))
        self.register_buffer("share", expected.clone())
        self.register_buffer("histogram", expected.clone())

    def observe(self, proba: Tensor, valid: Tensor, labeled: _Labeled | None = None) -> None:  # noqa: ARG002
        confidence, label = proba.max(1)
        self.confidence.lerp_(average_values(confidence, valid), 1 - _MOMENTUM)
        self.share.lerp_(average_samples(proba, valid), 1 - _MOMENTUM)
        self.histogram.lerp_(count_classes(label, valid.float(), len(self.share)), 1 - _MOMENTUM)

    def forward(self, proba: Tensor) -> Tensor:
        confidence, label = proba.max(1)
        found = compare_shares(self.share, self.expected)
        tau = self.confidence * found / found.max()  # eq. 8
        return (confidence >= tau[label]).to(proba.dtype)

    def penalize(self, logits: Tensor, weight: Tensor) -> Tensor:
        if not self.fairness:
            return logits.new_zeros(())
        proba = logits.softmax(1)
        mean = (proba * weight[:, None]).sum((0, 2)) / weight.sum().clamp(min=1)
        expected = _normalize(self.share / self.histogram.clamp(min=1e-6))
        count = count_classes(proba.max(1).indices, weight, len(mean))
        occurs = count > 0  # a class without accepted samples adds nothing to the loss
        found = _normalize(torch.where(occurs, mean / count.clamp(min=1e-6), 0))
        return self.fairness * (expected * torch.where(occurs, found, 1).clamp(min=1e-12).log()).sum()


def _normalize(x: Tensor) -> Tensor:
    return x / x.sum().clamp(min=1e-12)


@dataclass(frozen=True)
class SelfAdaptiveThreshold(Threshold):
    """Threshold at the running mean of the teacher's confidence, scaled by the running probability of each class.

    Source: Wang et al. 2023, "FreeMatch", eqs. 5-8; the fairness term is eqs. 9-11.

    Parameters
    ----------
    fairness : float
        Weight of the fairness term relative to the labeled loss, 0 or more; it does not depend on the weight of the
        unlabeled loss. The paper uses 0.05 for most datasets; 0 removes the term.
    expected : {"uniform", "labeled"}
        Class shares to expect if all classes are learned equally well; see `CurriculumThreshold`.
    alignment, alignment_limit
        See `Threshold`.

    Examples
    --------
    >>> import torch
    >>> module = SelfAdaptiveThreshold().build(n_classes=2)
    >>> module(torch.tensor([[[0.6], [0.4]]])).tolist()  # the threshold starts at 1 / n_classes
    [[1.0]]
    """

    fairness: float = bounded(0.0)
    expected: Literal["uniform", "labeled"] = "uniform"

    def _build(self, n_classes: int, prior: Tensor | None) -> ThresholdModule:
        return _SelfAdaptiveModule(expect_shares("expected", self.expected, n_classes, prior), self.fairness)
